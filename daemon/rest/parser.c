/* SPDX-License-Identifier: MIT */
#include "rest/parser.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- words ---- */

struct slice rest_shown(struct slice text)
{
    return slice_cut_utf8(text, 100);
}

int rest_refuse(struct rest_error *err, int status, const char *code, const char *hint, const char *format, ...)
{
    va_list args;
    err->status = status;
    err->code = code;
    err->details[0] = '\0';
    snprintf(err->hint, sizeof err->hint, "%s", hint ? hint : "");
    va_start(args, format);
    vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    return REST_E_QUERY;
}

int rest_expected(struct rest_parser *p, const char *what)
{
    struct slice name = rest_shown(p->parameter), rest = rest_shown((struct slice){p->p, (size_t)(p->end - p->p)});
    rest_refuse(p->shared->err, 400, "PGRST100", NULL, "the parameter %.*s, at character %zu: expected %s", (int)name.len, name.p,
                (size_t)(p->p - p->begin) + 1, what);
    snprintf(p->shared->err->details, sizeof p->shared->err->details, rest.len ? "found \"%.*s\"" : "found the end", (int)rest.len,
             rest.p);
    return REST_E_QUERY;
}

int rest_too_many(struct rest_parser *p, const char *what, unsigned limit)
{
    struct slice name = rest_shown(p->parameter);
    return rest_refuse(p->shared->err, 400, "PGRST100", NULL, "the parameter %.*s: more than %u %s", (int)name.len, name.p, limit,
                       what);
}

/* ---- pieces ---- */

void rest_parser_begin(struct rest_parser *p, struct rest_reading *shared, struct slice parameter, struct slice text)
{
    if (!text.p) text = SLICE("");
    *p = (struct rest_parser){.shared = shared, .parameter = parameter, .begin = text.p, .p = text.p, .end = text.p + text.len};
}

bool rest_take(struct rest_parser *p, char c)
{
    if (p->p == p->end || *p->p != c) return false;
    p->p++;
    return true;
}

bool rest_take_text(struct rest_parser *p, const char *text)
{
    size_t len = strlen(text);
    if ((size_t)(p->end - p->p) < len || memcmp(p->p, text, len) != 0) return false;
    p->p += len;
    return true;
}

void rest_skip_blanks(struct rest_parser *p)
{
    while (p->p < p->end && (*p->p == ' ' || *p->p == '\t' || *p->p == '\n' || *p->p == '\r'))
        p->p++;
}

int rest_take_quoted(struct rest_parser *p, struct slice *ret_text)
{
    const char *from = ++p->p;
    size_t escapes = 0;
    for (; p->p < p->end && *p->p != '"'; p->p++) {
        if (*p->p != '\\') continue;
        escapes++;
        if (++p->p == p->end) break;
    }
    if (p->p == p->end) return rest_expected(p, "a closing quote (\")");
    struct slice raw = {from, (size_t)(p->p++ - from)};
    if (escapes == 0) {
        *ret_text = raw;
        return 0;
    }
    char *text = arena_alloc(p->shared->arena, raw.len);
    if (!text) return -ENOMEM;
    size_t n = 0;
    for (size_t i = 0; i < raw.len; i++)
        text[n++] = raw.p[i] == '\\' ? raw.p[++i] : raw.p[i];
    *ret_text = (struct slice){text, n};
    return 0;
}

/* Up to one of `stops`, or to an arrow. */
static struct slice take_bare(struct rest_parser *p, const char *stops)
{
    const char *from = p->p;
    while (p->p < p->end && !(*p->p && strchr(stops, *p->p))) {
        if (*p->p == '-' && p->p + 1 < p->end && p->p[1] == '>') break;
        p->p++;
    }
    return slice_trim((struct slice){from, (size_t)(p->p - from)});
}

static int check_name(struct rest_parser *p, const char *begin, struct slice name)
{
    if (name.len > 0 && name.len <= REST_NAME_MAX) return 0;
    p->p = begin;
    return rest_expected(p, name.len ? "a name of at most 63 bytes" : "a name");
}

int rest_take_name(struct rest_parser *p, struct slice *ret_name)
{
    rest_skip_blanks(p);
    const char *begin = p->p;
    struct slice name = {NULL, 0};
    int r = 0;
    if (p->p < p->end && *p->p == '"')
        r = rest_take_quoted(p, &name);
    else
        name = take_bare(p, ",.:()!\"*");
    if (r == 0) r = check_name(p, begin, name);
    if (r == 0) *ret_name = name;
    return r;
}

static bool is_index(struct slice key)
{
    size_t i = key.len > 0 && key.p[0] == '-';
    if (i == key.len || key.len - i > 9) return false;
    for (; i < key.len; i++)
        if (key.p[i] < '0' || key.p[i] > '9') return false;
    return true;
}

/* Behind an arrow. */
static int take_step(struct rest_parser *p, struct rest_step *step)
{
    if (p->p < p->end && *p->p == '"') return rest_take_quoted(p, &step->key);
    step->key = take_bare(p, ",.:()\"");
    if (step->key.len == 0) return rest_expected(p, "a key or an index behind the arrow");
    step->index = is_index(step->key);
    return 0;
}

int rest_take_field(struct rest_parser *p, struct rest_field *ret_field)
{
    struct rest_step step[REST_STEPS_MAX];
    struct rest_field field = {.steps = 0};
    int r = rest_take_name(p, &field.name);
    while (r == 0 && rest_take_text(p, "->")) {
        if (field.steps == REST_STEPS_MAX) return rest_too_many(p, "steps into JSON", REST_STEPS_MAX);
        step[field.steps] = (struct rest_step){.text = rest_take(p, '>')};
        r = take_step(p, &step[field.steps++]);
    }
    if (r != 0) return r;
    if (field.steps > 0) {
        field.step = arena_array(p->shared->arena, field.steps, sizeof *step);
        if (!field.step) return -ENOMEM;
        memcpy(field.step, step, field.steps * sizeof *step);
    }
    *ret_field = field;
    return 0;
}

/* ---- names and values ---- */

int rest_parse_name(struct rest_parser *p, struct slice *ret_path, size_t *ret_paths, struct rest_field *ret_field)
{
    size_t n = 0;
    for (;;) {
        int r = rest_take_field(p, ret_field);
        if (r != 0) return r;
        if (p->p == p->end) break;
        if (ret_field->steps > 0 || !rest_take(p, '.')) return rest_expected(p, "a dot, an arrow, or the end of the name");
        if (n == REST_DEPTH_MAX) return rest_too_many(p, "names in front of a column", REST_DEPTH_MAX);
        ret_path[n++] = ret_field->name;
    }
    *ret_paths = n;
    return 0;
}

int rest_parse_names(struct rest_parser *p, struct rest_name **ret_names)
{
    struct rest_name *first = NULL, **at = &first;
    unsigned n = 0;
    do {
        struct rest_name *name = arena_zalloc(p->shared->arena, sizeof *name);
        if (!name) return -ENOMEM;
        if (++n > REST_ITEMS_MAX) return rest_too_many(p, "names", REST_ITEMS_MAX);
        int r = rest_take_name(p, &name->name);
        if (r != 0) return r;
        *at = name;
        at = &name->next;
    } while (rest_take(p, ','));
    if (p->p != p->end) return rest_expected(p, "a comma, or the end");
    *ret_names = first;
    return 0;
}

int rest_parse_values(struct rest_parser *p, struct rest_value **ret_values, size_t *ret_n)
{
    struct rest_value value[REST_ORDERS_MAX];
    size_t n = 0;
    do {
        if (n == REST_ORDERS_MAX) return rest_too_many(p, "values", REST_ORDERS_MAX);
        value[n].null = false;
        if (p->p < p->end && *p->p == '"') {
            int r = rest_take_quoted(p, &value[n].text);
            if (r != 0) return r;
        } else {
            const char *from = p->p;
            while (p->p < p->end && *p->p != ',')
                p->p++;
            value[n].text = (struct slice){from, (size_t)(p->p - from)};
            value[n].null = slice_equal(value[n].text, SLICE("null"));
        }
        n++;
    } while (rest_take(p, ','));
    if (p->p != p->end) return rest_expected(p, "a comma, or the end");
    *ret_values = arena_array(p->shared->arena, n, sizeof *value);
    if (!*ret_values) return -ENOMEM;
    memcpy(*ret_values, value, n * sizeof *value);
    *ret_n = n;
    return 0;
}

/* ---- select ---- */

static int parse_items(struct rest_parser *p, struct rest_level *level, unsigned depth);

/* "!inner", "!left", "!hint", in any order behind the relation's name. */
static int take_marks(struct rest_parser *p, struct rest_level *embed)
{
    while (rest_take(p, '!')) {
        struct slice mark;
        int r = rest_take_name(p, &mark);
        if (r != 0) return r;
        if (slice_equal(mark, SLICE("inner")))
            embed->inner = true;
        else if (slice_equal(mark, SLICE("left")))
            embed->inner = false;
        else if (!embed->hint.p)
            embed->hint = mark;
        else
            return rest_expected(p, "one hint behind an embedded resource, beside inner or left");
    }
    return 0;
}

/* The parser stands behind the relation's name. */
static int parse_embed(struct rest_parser *p, struct rest_level *level, struct rest_select *item, unsigned depth)
{
    struct rest_level *embed = arena_zalloc(p->shared->arena, sizeof *embed);
    if (!embed) return -ENOMEM;
    *embed = (struct rest_level){.parent = level, .name = item->field.name, .alias = item->alias, .limit = REST_ALL};
    embed->where.kind = REST_AND;
    if (item->field.steps > 0) return rest_expected(p, "no path into JSON in front of an embedded resource");
    if (++p->shared->embeds > REST_EMBEDS_MAX) return rest_too_many(p, "embedded resources", REST_EMBEDS_MAX);
    if (depth == REST_DEPTH_MAX) return rest_too_many(p, "levels of embedded resources", REST_DEPTH_MAX);
    int r = take_marks(p, embed);
    if (r != 0) return r;
    if (!rest_take(p, '(')) return rest_expected(p, "( with the columns of the embedded resource");
    rest_skip_blanks(p);
    if (!rest_take(p, ')')) {
        r = parse_items(p, embed, depth + 1);
        if (r == 0 && !rest_take(p, ')')) r = rest_expected(p, "a comma, or ) behind the columns of the embedded resource");
    }
    item->kind = REST_EMBED;
    item->embed = embed;
    return r;
}

/* "alias:" but not "::". */
static bool take_alias_mark(struct rest_parser *p)
{
    if (p->end - p->p >= 2 && p->p[0] == ':' && p->p[1] == ':') return false;
    return rest_take(p, ':');
}

static int take_cast(struct rest_parser *p, struct rest_select *item)
{
    const char *from = p->p;
    while (p->p < p->end && !strchr(",)(.:", *p->p ? *p->p : ','))
        p->p++;
    item->cast = slice_trim((struct slice){from, (size_t)(p->p - from)});
    return check_name(p, from, item->cast);
}

static int refuse_aggregate(struct rest_parser *p)
{
    struct slice name = rest_shown(p->parameter);
    return rest_refuse(p->shared->err, 400, "PGRST123", "declare a rollup of the dataset, which is kept up to date, and read that",
                       "the parameter %.*s: aggregate functions are not allowed here", (int)name.len, name.p);
}

static int parse_item(struct rest_parser *p, struct rest_level *level, struct rest_select *item, unsigned depth)
{
    rest_skip_blanks(p);
    if (rest_take(p, '*')) {
        item->kind = REST_STAR;
        return 0;
    }
    bool spread = rest_take_text(p, "...");
    int r = rest_take_field(p, &item->field);
    if (r == 0 && item->field.steps == 0 && take_alias_mark(p)) {
        item->alias = item->field.name;
        r = rest_take_field(p, &item->field);
    }
    if (r != 0) return r;
    if (spread && item->alias.p) return rest_expected(p, "no alias for a resource whose columns are spread");
    if (p->p + 1 < p->end && p->p[0] == '(' && p->p[1] == ')' && slice_equal(item->field.name, SLICE("count")))
        return refuse_aggregate(p);
    if (p->p < p->end && (*p->p == '(' || *p->p == '!')) {
        r = parse_embed(p, level, item, depth);
        if (r == 0) item->embed->spread = spread;
        return r;
    }
    if (spread) return rest_expected(p, "( with the columns to spread");
    if (p->p < p->end && *p->p == '.') return refuse_aggregate(p);
    return rest_take_text(p, "::") ? take_cast(p, item) : 0;
}

static int parse_items(struct rest_parser *p, struct rest_level *level, unsigned depth)
{
    struct rest_select **at = &level->select;
    while (*at)
        at = &(*at)->next;
    do {
        struct rest_select *item = arena_zalloc(p->shared->arena, sizeof *item);
        if (!item) return -ENOMEM;
        if (++p->shared->selects > REST_SELECT_MAX) return rest_too_many(p, "columns", REST_SELECT_MAX);
        int r = parse_item(p, level, item, depth);
        if (r != 0) return r;
        rest_skip_blanks(p);
        *at = item;
        at = &item->next;
    } while (rest_take(p, ','));
    return 0;
}

int rest_parse_select(struct rest_parser *p, struct rest_level *level)
{
    int r = parse_items(p, level, 0);
    return r == 0 && p->p != p->end ? rest_expected(p, "a comma, or the end") : r;
}

/* ---- order ---- */

static int parse_order_marks(struct rest_parser *p, struct rest_order *order)
{
    if (rest_take_text(p, ".desc"))
        order->descending = true;
    else
        rest_take_text(p, ".asc");
    order->nulls_first = rest_take_text(p, ".nullsfirst");
    order->nulls_said = order->nulls_first || rest_take_text(p, ".nullslast");
    rest_skip_blanks(p);
    return p->p < p->end && *p->p != ','
               ? rest_expected(p, ".asc or .desc, then .nullsfirst or .nullslast, then a comma or the end")
               : 0;
}

static int parse_term(struct rest_parser *p, struct rest_order *order)
{
    int r = rest_take_field(p, &order->field);
    if (r == 0 && order->field.steps == 0 && rest_take(p, '(')) {
        order->relation = order->field.name;
        r = rest_take_field(p, &order->field);
        if (r == 0 && !rest_take(p, ')')) r = rest_expected(p, ") behind the column of an embedded resource");
    }
    return r == 0 ? parse_order_marks(p, order) : r;
}

int rest_parse_order(struct rest_parser *p, struct rest_level *level)
{
    struct rest_order order[REST_ORDERS_MAX];
    size_t n = 0;
    do {
        if (n == REST_ORDERS_MAX) return rest_too_many(p, "columns", REST_ORDERS_MAX);
        order[n] = (struct rest_order){.descending = false};
        int r = parse_term(p, &order[n++]);
        if (r != 0) return r;
    } while (rest_take(p, ','));
    if (p->p != p->end) return rest_expected(p, "a comma, or the end");
    level->order = arena_array(p->shared->arena, n, sizeof *order);
    if (!level->order) return -ENOMEM;
    memcpy(level->order, order, n * sizeof *order);
    level->orders = n;
    return 0;
}
