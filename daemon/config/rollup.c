/* SPDX-License-Identifier: MIT */
#include "config/rollup.h"

#include "config/token.h"

struct parser {
    struct slice rest;
    struct token now;
    struct arena *arena;
    struct error *err;
};

static void advance(struct parser *p)
{
    p->now = token_next(&p->rest);
}

/* `expected` is what should stand where the parser is. */
static int syntax(struct parser *p, const char *expected)
{
    if (p->now.kind == TOKEN_END) return error_set(p->err, ROLLUP_E_SYNTAX, "it ends where %s was expected", expected);
    if (p->now.kind == TOKEN_BAD) return error_set(p->err, ROLLUP_E_SYNTAX, "a quote or a comment is not closed");
    return error_set(p->err, ROLLUP_E_SYNTAX, "found '" SLICE_FMT "' where %s was expected",
                     SLICE_ARG(slice_cut_utf8(p->now.text, 60)), expected);
}

static int take_sign(struct parser *p, const char *sign, const char *expected)
{
    if (!token_is_sign(p->now, sign)) return syntax(p, expected);
    advance(p);
    return 0;
}

static int take_word(struct parser *p, const char *word, const char *expected)
{
    if (!token_is_word(p->now, word)) return syntax(p, expected);
    advance(p);
    return 0;
}

static int take_name(struct parser *p, const char *expected, const char **ret_name)
{
    if (!token_is_name(p->now)) return syntax(p, expected);
    const char *name = token_name(p->now, p->arena);
    if (!name) return -ENOMEM;
    if (!*name) return syntax(p, expected);
    advance(p);
    *ret_name = name;
    return 0;
}

/* [as] alias; without one *ret_alias stays. */
static int take_alias(struct parser *p, const char **ret_alias)
{
    bool as = token_is_word(p->now, "as");
    if (as) advance(p);
    if (!as && !token_is_name(p->now)) return 0;
    return take_name(p, "a name", ret_alias);
}

/* 'unit' of date_trunc. */
static int take_unit(struct parser *p, const char **ret_unit)
{
    static const char *const units[] = {"microseconds", "milliseconds", "second", "minute", "hour",    "day",       "week",
                                        "month",        "quarter",      "year",   "decade", "century", "millennium"};
    struct slice text = p->now.text;
    if (p->now.kind != TOKEN_STRING || text.len < 2 || text.p[0] != '\'') return syntax(p, "a unit such as 'month'");
    text = (struct slice){text.p + 1, text.len - 2};
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (!slice_equal_nocase(text, slice_of(units[i]))) continue;
        *ret_unit = units[i];
        advance(p);
        return 0;
    }
    return syntax(p, "a unit: 'second', 'minute', 'hour', 'day', 'week', 'month', 'quarter' or 'year'");
}

/* date_trunc('unit', column), behind its '('. */
static int parse_trunc(struct parser *p, struct rollup_key *key)
{
    key->kind = ROLLUP_KEY_TRUNC;
    key->alias = "date_trunc";
    int r = take_unit(p, &key->unit);
    if (r == 0) r = take_sign(p, ",", "','");
    if (r == 0) r = take_name(p, "a column", &key->column);
    if (r == 0) r = take_sign(p, ")", "')'");
    return r;
}

/* cast(column as date), behind its '('. */
static int parse_cast(struct parser *p, struct rollup_key *key)
{
    key->kind = ROLLUP_KEY_DATE;
    int r = take_name(p, "a column", &key->column);
    if (r == 0) r = take_word(p, "as", "'as date'");
    if (r == 0) r = take_word(p, "date", "'date'");
    if (r == 0) r = take_sign(p, ")", "')'");
    key->alias = key->column;
    return r;
}

static int parse_key(struct parser *p, void *item)
{
    struct rollup_key *key = item;
    struct token first = p->now;
    const char *name;
    int r = take_name(p, "a column", &name);
    if (r) return r;
    if (token_is_sign(p->now, "(")) {
        bool trunc = token_is_word(first, "date_trunc");
        if (!trunc && !token_is_word(first, "cast")) {
            p->now = first;
            return syntax(p, "a column, column::date, cast(column as date) or date_trunc('unit', column)");
        }
        advance(p);
        r = trunc ? parse_trunc(p, key) : parse_cast(p, key);
    } else {
        *key = (struct rollup_key){.kind = ROLLUP_KEY_COLUMN, .column = name, .alias = name};
        if (token_is_sign(p->now, "::")) {
            advance(p);
            key->kind = ROLLUP_KEY_DATE;
            r = take_word(p, "date", "'date' (the only cast there is here)");
        }
    }
    return r ? r : take_alias(p, &key->alias);
}

static int parse_measure(struct parser *p, void *item)
{
    static const struct {
        const char *name;
        enum rollup_function function;
    } functions[] = {{"count", ROLLUP_COUNT}, {"sum", ROLLUP_SUM}, {"min", ROLLUP_MIN}, {"max", ROLLUP_MAX}};
    static const char expected[] = "count(*), count(column), sum(column), min(column) or max(column)";
    struct rollup_measure *measure = item;
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
        if (token_is_word(p->now, functions[i].name))
            *measure = (struct rollup_measure){.function = functions[i].function, .alias = functions[i].name};
    if (!measure->alias) return syntax(p, expected);
    advance(p);
    int r = take_sign(p, "(", "'('");
    if (r) return r;
    if (measure->function == ROLLUP_COUNT && token_is_sign(p->now, "*")) {
        measure->function = ROLLUP_COUNT_ALL;
        advance(p);
    } else {
        r = take_name(p, "a column", &measure->column);
    }
    if (r == 0) r = take_sign(p, ")", "')'");
    return r ? r : take_alias(p, &measure->alias);
}

struct list {
    size_t item_size;
    int (*parse)(struct parser *p, void *item);
};

/* item, item, …: an array in the arena. */
static int parse_list(struct parser *p, const struct list *list, void **ret_items, size_t *ret_n)
{
    size_t room = 1;
    for (size_t i = 0; i < p->rest.len && room < ROLLUP_ITEMS_MAX; i++)
        room += p->rest.p[i] == ',';
    char *items = arena_array(p->arena, room, list->item_size);
    if (!items) return -ENOMEM;
    advance(p);
    for (size_t n = 0;;) {
        if (n == ROLLUP_ITEMS_MAX) return error_set(p->err, ROLLUP_E_SYNTAX, "more than %d items", ROLLUP_ITEMS_MAX);
        int r = list->parse(p, items + n++ * list->item_size);
        if (r) return r;
        if (p->now.kind == TOKEN_END) {
            *ret_items = items;
            *ret_n = n;
            return 0;
        }
        r = take_sign(p, ",", "',' or the end");
        if (r) return r;
    }
}

int rollup_parse_keys(struct slice text, struct arena *arena, struct error *err, struct rollup_keys *ret_keys)
{
    struct parser p = {.rest = text, .arena = arena, .err = err};
    void *items = NULL;
    size_t n = 0;
    int r = parse_list(&p, &(struct list){sizeof(struct rollup_key), parse_key}, &items, &n);
    if (r == 0) *ret_keys = (struct rollup_keys){items, n};
    return r;
}

int rollup_parse_measures(struct slice text, struct arena *arena, struct error *err, struct rollup_measures *ret_measures)
{
    struct parser p = {.rest = text, .arena = arena, .err = err};
    void *items = NULL;
    size_t n = 0;
    int r = parse_list(&p, &(struct list){sizeof(struct rollup_measure), parse_measure}, &items, &n);
    if (r == 0) *ret_measures = (struct rollup_measures){items, n};
    return r;
}
