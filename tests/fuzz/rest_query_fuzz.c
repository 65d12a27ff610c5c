/* SPDX-License-Identifier: MIT */
/*
 * Query strings in PostgREST's dialect, as they come from the wire, and the fields Prefer and Range (what is before the first two
 * line ends). A tree points only into what was given, and its counts keep the limits. What becomes SQL has nothing of the client's
 * but quoted names and parameters.
 */
#include "../unit/rest/tables.h"
#include "http/target.h"
#include "rest/prefer.h"
#include "rest/sql.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile unsigned sink;

static void read_slice(struct slice s)
{
    for (size_t i = 0; s.p && i < s.len; i++)
        sink += (unsigned char)s.p[i];
}

static void walk_field(const struct rest_field *f)
{
    assert(f->name.len > 0 && f->name.len <= REST_NAME_MAX && f->steps <= REST_STEPS_MAX);
    read_slice(f->name);
    for (size_t i = 0; i < f->steps; i++)
        read_slice(f->step[i].key);
}

static unsigned walk_condition(const struct rest_condition *c, unsigned depth)
{
    unsigned n = 0;
    assert(depth <= REST_DEPTH_MAX + 1);
    if (c->kind == REST_TEST) {
        walk_field(&c->field);
        read_slice(c->value);
        assert(rest_op_name(c->op));
        return 1;
    }
    for (const struct rest_condition *part = c->first; part; part = part->next)
        n += walk_condition(part, depth + 1);
    return n;
}

static unsigned walk_level(const struct rest_level *l, unsigned depth)
{
    assert(depth <= REST_DEPTH_MAX && l->orders <= REST_ORDERS_MAX && l->limit >= REST_ALL && l->offset >= 0);
    unsigned n = walk_condition(&l->where, 0);
    for (size_t i = 0; i < l->orders; i++)
        walk_field(&l->order[i].field);
    for (const struct rest_select *s = l->select; s; s = s->next) {
        if (s->kind == REST_COLUMN) walk_field(&s->field);
        read_slice(s->alias);
        read_slice(s->cast);
        if (s->kind == REST_EMBED) n += walk_level(s->embed, depth + 1);
    }
    return n;
}

/* Behind a name in double quotes. */
static const char *skip_name(const char *p)
{
    for (p++; *p; p++) {
        if (*p != '"') continue;
        if (p[1] != '"') return p + 1;
        p++;
    }
    abort(); /* it does not end */
}

/* Outside of names there are only words, numbers, and the signs that we put. */
static void check_sql(const char *p)
{
    int depth = 0;
    while (*p) {
        assert(!(p[0] == '-' && p[1] == '-') && !(p[0] == '/' && p[1] == '*') && *p != ';');
        if (*p == '"') {
            p = skip_name(p);
            continue;
        }
        if (*p == '\'') assert(strncmp(p, "'[]'", 4) == 0 || strncmp(p - 3, "'[]'", 4) == 0);
        depth += *p == '(' ? 1 : *p == ')' ? -1 : 0;
        bool word = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9');
        assert(depth >= 0 && (word || strchr(" _$.,()<>=~*@&|-:[]'", *p)));
        p++;
    }
    assert(depth == 0);
}

static void make(struct rest_query *q, const struct rest_prefer *prefer, struct arena *arena, bool json)
{
    struct rest_statement s;
    struct rest_error err;
    struct rest_ask ask = {
        .query = q, .scope = &test_scope, .json = json, .stripped = json, .count = prefer->count, .cursors = true};
    if (!test_find(NULL, SLICE("orders"), &ask.table)) abort();
    int r = rest_statement_make(&ask, arena, &s, &err);
    if (r == REST_E_QUERY) assert(err.status >= 300 && err.status < 500 && err.message[0]);
    if (r != 0) return;
    check_sql(s.sql);
    if (s.plan_sql) check_sql(s.plan_sql);
    assert(s.columns > 0 && s.columns <= REST_COLUMNS_MAX && s.plan_params <= s.params && s.params <= REST_PARAMS_MAX);
    for (size_t i = 0; i < s.params; i++)
        read_slice(s.param[i].value);
}

static void parse(struct slice target, struct slice prefer_field, struct slice range)
{
    struct arena arena;
    struct http_target t;
    struct rest_query q;
    struct rest_prefer prefer = {0}, none = {0};
    struct rest_error err;
    arena_init(&arena, 4096, 64 << 20);
    if (rest_prefer_parse(prefer_field, &prefer, &err) != 0) prefer = none;
    if (http_target_parse(target, &arena, &t) == 0 && rest_query_parse(t.parameter, t.parameters, &arena, &q, &err) == 0) {
        assert(walk_level(&q.root, 0) <= REST_TESTS_MAX);
        if (rest_range_apply(range, (struct slice){NULL, 0}, &q.root, &err) == 0)
            assert(q.root.limit >= REST_ALL && q.root.offset >= 0);
        make(&q, &prefer, &arena, true);
        make(&q, &prefer, &arena, false);
    }
    if (rest_prefer_parse(prefer_field, &prefer, &err) == 0) {
        struct buf out;
        buf_init(&out, 1000);
        rest_prefer_applied(&out, &prefer);
        assert(buf_check(&out) == 0);
        buf_done(&out);
    }
    arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = malloc(size + 1); /* of its own, so that a read behind the end is seen */
    copy[0] = '?';
    if (size > 0) memcpy(copy + 1, data, size);
    struct slice rest = {copy + 1, size};
    struct slice prefer = slice_cut(&rest, '\n'), range = rest.p ? slice_cut(&rest, '\n') : rest;
    if (rest.p) {
        *(char *)(rest.p - 1) = '?';
        parse((struct slice){rest.p - 1, rest.len + 1}, prefer, range);
    }
    free(copy);
    return 0;
}
