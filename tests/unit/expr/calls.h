/* SPDX-License-Identifier: MIT */
/*
 * Functions, operators and casts by hand-made trees, without parser and check. A value is "TYPE TEXT", or "TYPE NULL":
 *
 *     assert_call("+", "int4 2147483647", "int4 1", "22003 integer out of range");
 *     assert_cast("float8 2.5", TYPE_INT4, "2");
 *
 * Include behind cmocka.h.
 */
#ifndef CETLD_TEST_EXPR_CALLS_H
#define CETLD_TEST_EXPR_CALLS_H

#include "base/buf.h"
#include "data/decimal.h"
#include "data/print.h"
#include "expr/expr.h"

#include <stdio.h>
#include <stdlib.h>

enum { CALLS_TEXT = 1024, CALLS_BLOCK = 1 << 16, CALLS_ARENA = 1 << 20 };

static const struct {
    const char *name;
    enum type_id id;
} calls_types[] = {
    {"bool", TYPE_BOOL},       {"int2", TYPE_INT2},       {"int4", TYPE_INT4},           {"int8", TYPE_INT8},
    {"numeric", TYPE_NUMERIC}, {"float4", TYPE_FLOAT4},   {"float8", TYPE_FLOAT8},       {"uuid", TYPE_UUID},
    {"text", TYPE_TEXT},       {"varchar", TYPE_VARCHAR}, {"bpchar", TYPE_BPCHAR},       {"json", TYPE_JSON},
    {"date", TYPE_DATE},       {"time", TYPE_TIME},       {"timestamp", TYPE_TIMESTAMP}, {"timestamptz", TYPE_TIMESTAMPTZ}};
enum { CALLS_TYPES = sizeof(calls_types) / sizeof(calls_types[0]) };

static inline struct expr_node *calls_node(struct arena *arena, enum expr_kind kind, enum type_id type, size_t args)
{
    struct expr_node *n = arena_zalloc(arena, sizeof(*n));
    assert_non_null(n);
    *n = (struct expr_node){.kind = kind, .type = {type, -1}, .args = args};
    n->arg = arena_array(arena, args, sizeof(struct expr_node *));
    assert_non_null(n->arg);
    return n;
}

static inline struct expr_node *calls_constant(struct arena *arena, const char *value)
{
    for (int i = 0; i < CALLS_TYPES; i++) {
        size_t len = strlen(calls_types[i].name);
        if (strncmp(value, calls_types[i].name, len) != 0 || value[len] != ' ') continue;
        struct expr_node *n = calls_node(arena, EXPR_CONSTANT, calls_types[i].id, 0);
        n->null = strcmp(value + len + 1, "NULL") == 0;
        struct type_input in = {.type = n->type};
        if (!n->null) assert_int_equal(type_parse(&in, slice_of(value + len + 1), arena, &n->value), 0);
        return n;
    }
    fail_msg("no type: %s", value);
    return NULL;
}

static inline void calls_show(const struct batch_column *c, uint32_t row, char text[CALLS_TEXT])
{
    union value v = c->value[row];
    if (c->null[row]) {
        snprintf(text, CALLS_TEXT, "NULL");
    } else if (c->type.id == TYPE_FLOAT4 || c->type.id == TYPE_FLOAT8) {
        snprintf(text, CALLS_TEXT, "%.*g", c->type.id == TYPE_FLOAT4 ? 9 : 17, v.f);
    } else if (c->type.id == TYPE_BOOL) {
        snprintf(text, CALLS_TEXT, "%s", v.i ? "true" : "false");
    } else if (c->type.id == TYPE_UUID) {
        snprintf(text, CALLS_TEXT, "%.*s", SLICE_ARG(v.s));
    } else {
        struct buf out;
        buf_init(&out, CALLS_TEXT - 1);
        if (c->type.id == TYPE_NUMERIC) assert_true(decimal_valid(v.s));
        print_value(&out, c->type.id, v);
        assert_non_null(buf_cstr(&out));
        snprintf(text, CALLS_TEXT, "%s", buf_cstr(&out));
        buf_done(&out);
    }
}

/* At the second of three rows; the others must stay without a fault. */
static inline void calls_evaluate(struct arena *arena, const struct expr_node *n, char text[CALLS_TEXT])
{
    const struct expr_fault *fault[3] = {0};
    const uint64_t line[3] = {11, 12, 13};
    struct expr_run run = {.line = line, .rows = 3, .file = SLICE("a.csv"), .loaded_at = 77, .arena = arena, .fault = fault};
    const uint32_t row[] = {1};
    const struct batch_column *c = NULL;
    assert_int_equal(expr_eval_node(n, &run, &(struct expr_rows){row, 1}, &c), 0);
    assert_null(fault[0]);
    assert_null(fault[2]);
    assert_int_equal(run.faults, fault[1] != NULL);
    if (fault[1])
        snprintf(text, CALLS_TEXT, "%s %s", fault[1]->code, fault[1]->message);
    else
        calls_show(c, 1, text);
}

static inline const struct expr_function *calls_find(const char *name, struct expr_node *const *arg, size_t args)
{
    const struct expr_function *const tables[] = {expr_fn_integer, expr_fn_float,    expr_fn_numeric,
                                                  expr_fn_text,    expr_fn_datetime, expr_fn_misc};
    for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++)
        for (const struct expr_function *f = tables[t]; f->name; f++) {
            bool same = strcmp(f->name, name) == 0 && f->args == args;
            for (size_t i = 0; i < args && same; i++)
                same = f->arg[i] == (uint8_t)arg[i]->type.id;
            if (same) return f;
        }
    fail_msg("no function %s", name);
    return NULL;
}

static inline void assert_calls(const char *name, const char *const *value, size_t args, const char *expected)
{
    struct arena arena;
    arena_init(&arena, CALLS_BLOCK, CALLS_ARENA);
    struct expr_node *n = calls_node(&arena, EXPR_CALL, TYPE_OTHER, args);
    for (size_t i = 0; i < args; i++)
        n->arg[i] = calls_constant(&arena, value[i]);
    n->function = calls_find(name, n->arg, n->args);
    n->type.id = (enum type_id)n->function->result;
    char got[CALLS_TEXT];
    calls_evaluate(&arena, n, got);
    if (strcmp(got, expected) != 0)
        fail_msg("%s(%s, %s, …): %s, not %s", name, args ? value[0] : "", args > 1 ? value[1] : "", got, expected);
    arena_done(&arena);
}

/* b NULL: of one argument; a NULL, too: of none */
static inline void assert_call(const char *name, const char *a, const char *b, const char *expected)
{
    const char *const value[] = {a, b};
    assert_calls(name, value, b ? 2 : a ? 1 : 0, expected);
}

static inline void assert_call3(const char *name, const char *a, const char *b, const char *c, const char *expected)
{
    const char *const value[] = {a, b, c};
    assert_calls(name, value, 3, expected);
}

static inline const struct expr_function *calls_cast(enum type_id from, enum type_id to, enum expr_cast_context context)
{
    const struct expr_cast *const tables[] = {expr_cast_number, expr_cast_text, expr_cast_datetime};
    for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++)
        for (const struct expr_cast *c = tables[t]; c->function.name; c++)
            if (c->from == (uint8_t)from && c->to == (uint8_t)to &&
                (from != to || c->context == (uint8_t)context || c->context == EXPR_CAST_IMPLICIT))
                return &c->function;
    fail_msg("no cast to %s", type_info(to)->name);
    return NULL;
}

static inline void assert_cast_as(const char *from, enum type_id to, int32_t typmod, enum expr_cast_context context,
                                  const char *expected)
{
    struct arena arena;
    arena_init(&arena, CALLS_BLOCK, CALLS_ARENA);
    struct expr_node *n = calls_node(&arena, EXPR_CAST, to, 1);
    n->type.typmod = typmod;
    n->arg[0] = calls_constant(&arena, from);
    n->function = calls_cast(n->arg[0]->type.id, to, context);
    char got[CALLS_TEXT];
    calls_evaluate(&arena, n, got);
    if (strcmp(got, expected) != 0) fail_msg("%s::%s: %s, not %s", from, type_info(to)->name, got, expected);
    arena_done(&arena);
}

/* With a typmod: a length coercion that is written */
static inline void assert_cast_typmod(const char *from, enum type_id to, int32_t typmod, const char *expected)
{
    assert_cast_as(from, to, typmod, EXPR_CAST_EXPLICIT, expected);
}

static inline void assert_cast(const char *from, enum type_id to, const char *expected)
{
    assert_cast_typmod(from, to, -1, expected);
}

#endif
