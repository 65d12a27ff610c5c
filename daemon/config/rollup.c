/* SPDX-License-Identifier: MIT */
#include "config/rollup.h"

#include "base/buf.h"
#include "config/token_reader.h"

/* [as] alias; without one *ret_alias stays. */
static int take_alias(struct token_reader *p, const char **ret_alias)
{
    bool as = token_is_word(p->now, "as");
    if (as) token_advance(p);
    if (!as && !token_is_name(p->now)) return 0;
    return token_take_name(p, "a name", ret_alias);
}

/* 'unit' of date_trunc. */
static int take_unit(struct token_reader *p, const char **ret_unit)
{
    static const char *const units[] = {"microseconds", "milliseconds", "second", "minute", "hour",    "day",       "week",
                                        "month",        "quarter",      "year",   "decade", "century", "millennium"};
    struct slice text = p->now.text;
    if (p->now.kind != TOKEN_STRING || text.len < 2 || text.p[0] != '\'') return token_unexpected(p, "a unit such as 'month'");
    text = (struct slice){text.p + 1, text.len - 2};
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (!slice_equal_nocase(text, slice_of(units[i]))) continue;
        *ret_unit = units[i];
        token_advance(p);
        return 0;
    }
    return token_unexpected(p, "a unit: 'second', 'minute', 'hour', 'day', 'week', 'month', 'quarter' or 'year'");
}

/* date_trunc('unit', column), behind its '('. */
static int parse_trunc(struct token_reader *p, struct rollup_key *key)
{
    key->kind = ROLLUP_KEY_TRUNC;
    key->alias = "date_trunc";
    int r = take_unit(p, &key->unit);
    if (r == 0) r = token_take_sign(p, ",", "','");
    if (r == 0) r = token_take_name(p, "a column", &key->column);
    if (r == 0) r = token_take_sign(p, ")", "')'");
    return r;
}

/* cast(column as date), behind its '('. */
static int parse_cast(struct token_reader *p, struct rollup_key *key)
{
    key->kind = ROLLUP_KEY_DATE;
    int r = token_take_name(p, "a column", &key->column);
    if (r == 0) r = token_take_word(p, "as", "'as date'");
    if (r == 0) r = token_take_word(p, "date", "'date'");
    if (r == 0) r = token_take_sign(p, ")", "')'");
    key->alias = key->column;
    return r;
}

/* A column, its date, its date_trunc. */
static int parse_plain_key(struct token_reader *p, struct rollup_key *key)
{
    struct token first = p->now;
    const char *name;
    int r = token_take_name(p, "a column", &name);
    if (r) return r;
    if (token_is_sign(p->now, "(")) {
        bool trunc = token_is_word(first, "date_trunc");
        if (!trunc && !token_is_word(first, "cast")) {
            p->now = first;
            return token_unexpected(
                p, "a column, column::date, cast(column as date), date_trunc('unit', column) or 'expression as name'");
        }
        token_advance(p);
        r = trunc ? parse_trunc(p, key) : parse_cast(p, key);
    } else {
        *key = (struct rollup_key){.kind = ROLLUP_KEY_COLUMN, .column = name, .alias = name};
        if (token_is_sign(p->now, "::")) {
            token_advance(p);
            key->kind = ROLLUP_KEY_DATE;
            r = token_take_word(p, "date", "'date' (another cast needs 'as name')");
        }
    }
    if (r == 0) r = take_alias(p, &key->alias);
    if (r == 0 && p->now.kind != TOKEN_END && !token_is_sign(p->now, ",")) r = token_unexpected(p, "',' or the end");
    return r;
}

/* Everything up to `as`, `order`, a ',' or a ')' that stands in no parentheses. */
static int take_expression(struct token_reader *p, const char **ret_sql)
{
    const char *from = p->now.text.p, *end = from;
    int depth = 0;
    for (;; token_advance(p)) {
        struct token t = p->now;
        if (t.kind == TOKEN_BAD) return token_unexpected(p, "an expression");
        if (t.kind == TOKEN_END) break;
        bool close = token_is_sign(t, ")") || token_is_sign(t, "]");
        if (depth == 0 && (close || token_is_sign(t, ",") || token_is_word(t, "as") || token_is_word(t, "order"))) break;
        if (token_is_sign(t, ";")) return token_unexpected(p, "one expression");
        depth += (token_is_sign(t, "(") || token_is_sign(t, "[")) - close;
        end = t.text.p + t.text.len;
    }
    if (depth > 0) return token_unexpected(p, "')'");
    if (end == from) return token_unexpected(p, "an expression");
    *ret_sql = arena_cstr(p->arena, (struct slice){from, (size_t)(end - from)});
    return *ret_sql ? 0 : -ENOMEM;
}

/* expression as name */
static int parse_named(struct token_reader *p, struct rollup_key *key)
{
    *key = (struct rollup_key){.kind = ROLLUP_KEY_EXPR};
    int r = take_expression(p, &key->sql);
    if (r == 0) r = token_take_word(p, "as", "'as name'");
    if (r == 0) r = token_take_name(p, "a name", &key->alias);
    if (r == 0 && p->now.kind != TOKEN_END && !token_is_sign(p->now, ",")) r = token_unexpected(p, "',' or the end");
    return r;
}

/* Where it is neither, the words are those of the plain way, unless it is an expression without a name. */
static int parse_key(struct token_reader *p, void *item)
{
    struct token_reader begin = *p;
    struct rollup_key *key = item;
    int r = parse_plain_key(p, key);
    if (r <= 0) return r;
    struct token_reader plain = *p;
    struct error why = *p->err;
    *p = begin;
    int named = parse_named(p, key);
    if (named <= 0) return named;
    *p = plain;
    *p->err = why;
    return r;
}

/* ---- measures ---- */

static const struct {
    const char *name;
    enum rollup_function function; /* of a column */
} functions[] = {
    {"count", ROLLUP_COUNT},       {"sum", ROLLUP_SUM},
    {"min", ROLLUP_MIN},           {"max", ROLLUP_MAX},
    {"avg", ROLLUP_AVG},           {"bool_and", ROLLUP_BOOL_AND},
    {"bool_or", ROLLUP_BOOL_OR},   {"every", ROLLUP_BOOL_AND},
    {"stddev", ROLLUP_SERVER},     {"stddev_samp", ROLLUP_SERVER},
    {"stddev_pop", ROLLUP_SERVER}, {"variance", ROLLUP_SERVER},
    {"var_samp", ROLLUP_SERVER},   {"var_pop", ROLLUP_SERVER},
    {"first", ROLLUP_SERVER},      {"last", ROLLUP_SERVER},
};

#define MEASURES                                                                                                                   \
    "count(*), or count, sum, min, max, avg, stddev, stddev_pop, variance, var_pop, bool_and, bool_or, first or last of "          \
    "something"

/* first(value order by a, b), behind its '('. All of a group's rows are looked at; NULLs are values, and come last. */
static int parse_end_row(struct token_reader *p, bool last, struct rollup_measure *measure)
{
    const char *value = NULL, *order, *from, *end;
    int r = take_expression(p, &value);
    if (r == 0) r = token_take_word(p, "order", "'order by'");
    if (r == 0) r = token_take_word(p, "by", "'by'");
    if (r) return r;
    from = p->now.text.p;
    for (bool more = true; more && r == 0;) {
        r = take_expression(p, &order);
        more = r == 0 && token_is_sign(p->now, ",");
        if (more) token_advance(p);
    }
    end = p->now.text.p;
    if (r == 0) r = token_take_sign(p, ")", "')'");
    if (r) return r;
    struct buf sql;
    buf_init(&sql, 64 * 1024);
    buf_printf(&sql, "(array_agg(%s ORDER BY %.*s\n, %s))[%s]", value, (int)(end - from), from, value, last ? "count(*)" : "1");
    r = buf_check(&sql);
    measure->sql = r == 0 ? arena_cstr(p->arena, buf_slice(&sql)) : NULL;
    buf_done(&sql);
    return r == 0 && !measure->sql ? -ENOMEM : r;
}

/* A column and nothing else is there. */
static bool is_column(struct token_reader *p)
{
    struct slice rest = p->rest;
    if (!token_is_name(p->now) || token_is_word(p->now, "distinct") || token_is_word(p->now, "all")) return false;
    return token_is_sign(token_next(&rest), ")");
}

/* As it stands: everything up to the ')' that belongs to its '(', and a FILTER. `from` is where its name begins. */
static int parse_any(struct token_reader *p, const char *from, struct rollup_measure *measure)
{
    int depth = 1;
    const char *end = from;
    measure->function = ROLLUP_SERVER;
    measure->column = NULL;
    for (bool filter = false; depth > 0; token_advance(p)) {
        if (p->now.kind == TOKEN_END || p->now.kind == TOKEN_BAD || token_is_sign(p->now, ";")) return token_unexpected(p, "')'");
        depth += token_is_sign(p->now, "(") - token_is_sign(p->now, ")");
        end = p->now.text.p + p->now.text.len;
        if (depth > 0 || filter) continue;
        struct slice rest = p->rest;
        if (!token_is_word(token_next(&rest), "filter") || !token_is_sign(token_next(&rest), "(")) continue;
        token_advance(p); /* filter */
        token_advance(p); /* ( */
        filter = true;
        depth = 1;
    }
    measure->sql = arena_cstr(p->arena, (struct slice){from, (size_t)(end - from)});
    return measure->sql ? 0 : -ENOMEM;
}

/* Is there a FILTER behind the ')' that comes next but one? */
static bool is_filtered(const struct token_reader *p)
{
    struct slice rest = p->rest;
    return token_is_sign(token_next(&rest), ")") && token_is_word(token_next(&rest), "filter");
}

static int parse_measure(struct token_reader *p, void *item)
{
    struct rollup_measure *measure = item;
    const char *from = p->now.text.p;
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
        if (token_is_word(p->now, functions[i].name))
            *measure = (struct rollup_measure){.function = functions[i].function, .alias = functions[i].name};
    if (!measure->alias) return token_unexpected(p, MEASURES);
    bool first = token_is_word(p->now, "first"), last = token_is_word(p->now, "last");
    token_advance(p);
    int r = token_take_sign(p, "(", "'('");
    if (r) return r;
    bool star = measure->function == ROLLUP_COUNT && token_is_sign(p->now, "*");
    if (first || last) {
        r = parse_end_row(p, last, measure);
    } else if (measure->function == ROLLUP_SERVER || is_filtered(p) || (!star && !is_column(p))) {
        if (p->now.kind == TOKEN_END || (token_is_sign(p->now, "*") && !star) || token_is_sign(p->now, ")"))
            return token_unexpected(p, "a column or an expression");
        r = parse_any(p, from, measure);
    } else if (star) {
        measure->function = ROLLUP_COUNT_ALL;
        token_advance(p);
        r = token_take_sign(p, ")", "')'");
    } else {
        r = token_take_name(p, "a column", &measure->column);
        if (r == 0) r = token_take_sign(p, ")", "')'");
    }
    return r ? r : take_alias(p, &measure->alias);
}

struct list {
    size_t item_size;
    int (*parse)(struct token_reader *p, void *item);
};

/* item, item, …: an array in the arena. */
static int parse_list(struct token_reader *p, const struct list *list, void **ret_items, size_t *ret_n)
{
    size_t room = 1;
    for (size_t i = 0; i < p->rest.len && room < ROLLUP_ITEMS_MAX; i++)
        room += p->rest.p[i] == ',';
    char *items = arena_array(p->arena, room, list->item_size);
    if (!items) return -ENOMEM;
    for (size_t n = 0;;) {
        if (n == ROLLUP_ITEMS_MAX) return error_set(p->err, ROLLUP_E_SYNTAX, "more than %d items", ROLLUP_ITEMS_MAX);
        int r = list->parse(p, items + n++ * list->item_size);
        if (r) return r;
        if (p->now.kind == TOKEN_END) {
            *ret_items = items;
            *ret_n = n;
            return 0;
        }
        r = token_take_sign(p, ",", "',' or the end");
        if (r) return r;
    }
}

int rollup_parse_keys(struct slice text, struct arena *arena, struct error *err, struct rollup_keys *ret_keys)
{
    struct token_reader p = token_reader_of(text, arena, err);
    void *items = NULL;
    size_t n = 0;
    int r = parse_list(&p, &(struct list){sizeof(struct rollup_key), parse_key}, &items, &n);
    if (r == 0) *ret_keys = (struct rollup_keys){items, n};
    return r;
}

int rollup_parse_measures(struct slice text, struct arena *arena, struct error *err, struct rollup_measures *ret_measures)
{
    struct token_reader p = token_reader_of(text, arena, err);
    void *items = NULL;
    size_t n = 0;
    int r = parse_list(&p, &(struct list){sizeof(struct rollup_measure), parse_measure}, &items, &n);
    if (r == 0) *ret_measures = (struct rollup_measures){items, n};
    return r;
}
