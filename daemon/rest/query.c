/* SPDX-License-Identifier: MIT */
#include "rest/query.h"

#include "base/name.h"
#include "base/num.h"
#include "rest/parser.h"

#include <stdlib.h>

struct target { /* of a parameter: which level, and the last part of its name */
    struct rest_level *level;
    struct slice word;
};

/* ---- names of parameters ---- */

static const char *const of_root[] = {"select", "columns", "on_conflict", "after", NULL};
static const char *const of_level[] = {"order", "limit", "offset", "and", "or", NULL};

static bool is_one_of(struct slice name, const char *const *words)
{
    for (; *words; words++)
        if (slice_equal(name, slice_of(*words))) return true;
    return false;
}

/* "jobs.order" → "order". */
static struct slice last_word(struct slice name)
{
    size_t at = name.len;
    while (at > 0 && name.p[at - 1] != '.')
        at--;
    return (struct slice){name.p + at, name.len - at};
}

/* ---- levels ---- */

struct slice rest_level_name(const struct rest_level *level)
{
    return level->alias.p ? level->alias : level->name;
}

struct rest_level *rest_level_find(const struct rest_level *level, struct slice name)
{
    for (const struct rest_select *s = level->select; s; s = s->next)
        if (s->kind == REST_EMBED && slice_equal(rest_level_name(s->embed), name)) return s->embed;
    for (const struct rest_select *s = level->select; s; s = s->next)
        if (s->kind == REST_EMBED && slice_equal(s->embed->name, name)) return s->embed;
    return NULL;
}

static int find_level(struct rest_reading *shared, struct slice parameter, struct rest_level *root, const struct slice *path,
                      size_t n, struct rest_level **ret_level)
{
    struct rest_level *level = root;
    for (size_t i = 0; i < n; i++) {
        level = rest_level_find(level, path[i]);
        if (level) continue;
        struct slice shown = rest_shown(path[i]), name = rest_shown(parameter);
        return rest_refuse(shared->err, 400, "PGRST108", "name it in select, as select=*,NAME(*), or write COLUMN=OPERATOR.VALUE",
                           "the parameter %.*s: \"%.*s\" is not an embedded resource in this request", (int)name.len, name.p,
                           (int)shown.len, shown.p);
    }
    *ret_level = level;
    return 0;
}

/* ---- parameters ---- */

static int twice(struct rest_reading *shared, struct slice name)
{
    struct slice shown = rest_shown(name);
    return rest_refuse(shared->err, 400, "PGRST100", NULL, "the parameter %.*s is there twice", (int)shown.len, shown.p);
}

static int read_count(struct rest_reading *shared, const struct http_parameter *p, int64_t *ret_count)
{
    uint64_t count;
    struct slice name = rest_shown(p->name), value = rest_shown(p->value);
    if (num_parse_u64(p->value, &count) == 0 && count <= INT64_MAX) {
        *ret_count = (int64_t)count;
        return 0;
    }
    return rest_refuse(shared->err, 400, "PGRST100", NULL, "the parameter %.*s is \"%.*s\", but must be a whole number from 0",
                       (int)name.len, name.p, (int)value.len, value.p);
}

static int append(struct rest_reading *shared, struct rest_level *level, struct rest_condition c)
{
    struct rest_condition *copy = arena_zalloc(shared->arena, sizeof *copy), **at = &level->where.first;
    if (!copy) return -ENOMEM;
    *copy = c;
    while (*at)
        at = &(*at)->next;
    *at = copy;
    return 0;
}

static int add_logic(struct rest_reading *shared, const struct http_parameter *p, struct rest_level *level, bool negated)
{
    struct rest_parser parser;
    struct rest_condition c = {.kind = slice_equal(last_word(p->name), SLICE("and")) ? REST_AND : REST_OR, .negated = negated};
    rest_parser_begin(&parser, shared, p->name, p->value);
    int r = rest_parse_logic(&parser, &c);
    return r == 0 ? append(shared, level, c) : r;
}

/* limit, offset, order of a level: once each. */
static int set_of_level(struct rest_reading *shared, const struct http_parameter *p, struct target t)
{
    if (slice_equal(t.word, SLICE("limit")))
        return t.level->limit != REST_ALL ? twice(shared, p->name) : read_count(shared, p, &t.level->limit);
    if (slice_equal(t.word, SLICE("offset")))
        return t.level->offset != 0 ? twice(shared, p->name) : read_count(shared, p, &t.level->offset);
    struct rest_parser parser;
    rest_parser_begin(&parser, shared, p->name, p->value);
    if (t.level->orders > 0) return twice(shared, p->name);
    return p->value.len == 0 ? 0 : rest_parse_order(&parser, t.level);
}

/* "order", "a.b.limit", "not.or", "a.not.and". */
static int add_reserved(struct rest_reading *shared, const struct http_parameter *p, struct rest_level *root)
{
    struct rest_parser parser;
    struct slice path[REST_DEPTH_MAX];
    struct rest_field last;
    size_t n;
    rest_parser_begin(&parser, shared, p->name, p->name);
    int r = rest_parse_name(&parser, path, &n, &last);
    if (r != 0) return r;
    struct target t = {.word = last.name};
    bool logic = slice_equal(t.word, SLICE("and")) || slice_equal(t.word, SLICE("or"));
    bool negated = logic && n > 0 && slice_equal(path[n - 1], SLICE("not"));
    r = find_level(shared, p->name, root, path, n - negated, &t.level);
    if (r != 0) return r;
    return logic ? add_logic(shared, p, t.level, negated) : set_of_level(shared, p, t);
}

static int add_test(struct rest_reading *shared, const struct http_parameter *p, struct rest_level *root)
{
    struct rest_parser parser;
    struct slice path[REST_DEPTH_MAX];
    struct rest_field field;
    struct rest_level *level = NULL;
    struct rest_condition c;
    size_t n;
    rest_parser_begin(&parser, shared, p->name, p->name);
    int r = rest_parse_name(&parser, path, &n, &field);
    if (r == 0) r = find_level(shared, p->name, root, path, n, &level);
    if (r != 0) return r;
    rest_parser_begin(&parser, shared, p->name, p->value);
    r = rest_parse_test(&parser, field, &c);
    return r == 0 ? append(shared, level, c) : r;
}

static int add_of_root(struct rest_reading *shared, const struct http_parameter *p, struct rest_query *q)
{
    struct rest_parser parser;
    rest_parser_begin(&parser, shared, p->name, p->value);
    if (slice_equal(p->name, SLICE("after")))
        return q->after ? twice(shared, p->name) : rest_parse_values(&parser, &q->after, &q->afters);
    struct rest_name **list = slice_equal(p->name, SLICE("columns")) ? &q->columns : &q->on_conflict;
    return *list ? twice(shared, p->name) : rest_parse_names(&parser, list);
}

/* Before all others, which may speak of what it embeds. */
static int read_select(struct rest_reading *shared, const struct http_parameter *parameter, size_t n, struct rest_query *q)
{
    for (size_t i = 0; i < n; i++) {
        struct rest_parser parser;
        if (!slice_equal(parameter[i].name, SLICE("select"))) continue;
        if (q->select_said) return twice(shared, parameter[i].name);
        q->select_said = true;
        rest_parser_begin(&parser, shared, parameter[i].name, parameter[i].value);
        int r = slice_trim(parameter[i].value).len > 0 ? rest_parse_select(&parser, &q->root) : 0;
        if (r != 0) return r;
    }
    if (q->root.select) return 0;
    q->root.select = arena_zalloc(shared->arena, sizeof *q->root.select);
    if (!q->root.select) return -ENOMEM;
    q->root.select->kind = REST_STAR;
    return 0;
}

static struct rest_query empty(void)
{
    return (struct rest_query){.root = {.name = SLICE(""), .limit = REST_ALL, .where = {.kind = REST_AND}}};
}

/* What no text of PostgreSQL's holds, and no target of HTTP's. */
static bool holds_nul(struct slice s)
{
    return s.len > 0 && memchr(s.p, 0, s.len);
}

int rest_query_parse(const struct http_parameter *parameter, size_t n, struct arena *arena, struct rest_query *ret_query,
                     struct rest_error *err)
{
    struct rest_reading shared = {.arena = arena, .err = err};
    struct rest_query q = empty();
    if (n > REST_PARAMETERS_MAX)
        return rest_refuse(err, 400, "PGRST100", NULL, "more than %d parameters in one request", REST_PARAMETERS_MAX);
    for (size_t i = 0; i < n; i++)
        if (holds_nul(parameter[i].name) || holds_nul(parameter[i].value))
            return rest_refuse(err, 400, "PGRST100", NULL, "a parameter holds a byte of zero");
    int r = read_select(&shared, parameter, n, &q);
    for (size_t i = 0; i < n && r == 0; i++) {
        struct slice name = parameter[i].name;
        if (slice_equal(name, SLICE("select"))) continue;
        if (is_one_of(name, of_root))
            r = add_of_root(&shared, &parameter[i], &q);
        else if (is_one_of(last_word(name), of_level))
            r = add_reserved(&shared, &parameter[i], &q.root);
        else
            r = add_test(&shared, &parameter[i], &q.root);
    }
    if (r == 0) *ret_query = q;
    return r;
}

int rest_select_parse(struct slice name, struct slice text, struct arena *arena, struct rest_query *ret_query,
                      struct rest_error *err)
{
    struct http_parameter select = {.name = SLICE("select"), .value = text};
    struct rest_reading shared = {.arena = arena, .err = err};
    struct rest_query q = empty();
    struct rest_parser parser;
    rest_parser_begin(&parser, &shared, name, text);
    int r = slice_trim(text).len > 0 ? rest_parse_select(&parser, &q.root) : read_select(&shared, &select, 1, &q);
    if (r == 0) *ret_query = q;
    return r;
}
