/* SPDX-License-Identifier: MIT */
/*
 * Query strings in PostgREST's dialect, as they come from the wire, and the fields Prefer and Range (what is before the first two
 * line ends). A tree points only into what was given, and its counts keep the limits.
 */
#include "http/target.h"
#include "rest/prefer.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile unsigned sink;

static void read_slice(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
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

static void parse(struct slice target, struct slice prefer_field, struct slice range)
{
    struct arena arena;
    struct http_target t;
    struct rest_query q;
    struct rest_prefer prefer;
    struct rest_error err;
    arena_init(&arena, 4096, 16 << 20);
    if (http_target_parse(target, &arena, &t) == 0 && rest_query_parse(t.parameter, t.parameters, &arena, &q, &err) == 0) {
        assert(walk_level(&q.root, 0) <= REST_TESTS_MAX);
        if (rest_range_apply(range, (struct slice){NULL, 0}, &q.root, &err) == 0)
            assert(q.root.limit >= REST_ALL && q.root.offset >= 0);
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
