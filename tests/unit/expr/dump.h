/* SPDX-License-Identifier: MIT */
/*
 * A tree as text: (+ a 1), 'x' for a literal, int4:5 or date:… for a constant that has its type (only numbers show theirs),
 * (a::int4) for a cast with a function and (a:int8) for one that keeps the value. After the check a call shows its arguments'
 * types: (+[int4,int4] a 1).
 */
#ifndef CETLD_TESTS_EXPR_DUMP_H
#define CETLD_TESTS_EXPR_DUMP_H

#include "base/buf.h"
#include "data/decimal.h"
#include "expr/expr.h"

#include <inttypes.h>

static const char *dump_type(unsigned id)
{
    static const char *const names[TYPE_N + 1] = {"bool", "int2",    "int4",      "int8",        "numeric", "float4", "float8",
                                                  "date", "time",    "timestamp", "timestamptz", "uuid",    "json",   "jsonb",
                                                  "text", "varchar", "bpchar",    "other",       "any"};
    return names[id];
}

static void dump_constant(const struct expr_node *n, struct buf *out)
{
    int64_t i = n->value.i;
    if (n->null) {
        buf_printf(out, "NULL");
        return;
    }
    if (n->unknown || n->type.id >= TYPE_UUID) {
        buf_printf(out, "'" SLICE_FMT "'", SLICE_ARG(n->value.s));
    } else if (n->type.id == TYPE_BOOL) {
        buf_printf(out, i ? "true" : "false");
    } else if (n->type.id == TYPE_NUMERIC) {
        decimal_text(n->value.s, out);
        buf_printf(out, "n");
    } else if (n->type.id == TYPE_FLOAT4 || n->type.id == TYPE_FLOAT8) {
        buf_printf(out, "%gf", n->value.f);
    } else {
        buf_printf(out, n->type.id == TYPE_INT4 ? "%" PRId64 : "%" PRId64 ":%s", i, dump_type(n->type.id));
    }
}

static const char *dump_kind(const struct expr_node *n)
{
    static const char *const names[] = {[EXPR_CASE] = "case",       [EXPR_AND] = "and",           [EXPR_OR] = "or",
                                        [EXPR_NOT] = "not",         [EXPR_IS_NULL] = "null?",     [EXPR_IS_TRUE] = "true?",
                                        [EXPR_IS_FALSE] = "false?", [EXPR_DISTINCT] = "distinct", [EXPR_COALESCE] = "coalesce",
                                        [EXPR_NULLIF] = "nullif",   [EXPR_GREATEST] = "greatest", [EXPR_LEAST] = "least"};
    static const char *const forms[] = {[EXPR_FORM_IN] = "in",
                                        [EXPR_FORM_BETWEEN] = "between",
                                        [EXPR_FORM_CASE_OF] = "case-of",
                                        [EXPR_FORM_IS_UNKNOWN] = "unknown?"};
    return n->form > EXPR_FORM_NUMBER && !n->function && n->type.id == TYPE_OTHER ? forms[n->form] : names[n->kind];
}

static void dump(const struct expr_node *n, struct buf *out)
{
    bool form = n->form > EXPR_FORM_NUMBER;
    if (n->kind == EXPR_CONSTANT) {
        dump_constant(n, out);
    } else if (n->kind == EXPR_COLUMN) {
        if (n->table.p) buf_printf(out, SLICE_FMT ".", SLICE_ARG(n->table));
        buf_printf(out, SLICE_FMT, SLICE_ARG(n->name));
    } else if (n->kind == EXPR_CAST) {
        char type[64];
        buf_printf(out, "(");
        dump(n->arg[0], out);
        if (n->type.id == TYPE_OTHER)
            buf_printf(out, "::?" SLICE_FMT, SLICE_ARG(n->name));
        else
            buf_printf(out, "%s%s", n->function || n->name.p ? "::" : ":",
                       n->type.typmod < 0 ? dump_type(n->type.id) : type_sql(n->type, type));
        buf_printf(out, ")");
    } else {
        buf_printf(out, "(");
        if (n->kind == EXPR_CALL && !form)
            buf_printf(out, SLICE_FMT, SLICE_ARG(n->name));
        else
            buf_printf(out, "%s", dump_kind(n));
        for (size_t i = 0; n->function && i < n->function->args; i++)
            buf_printf(out, "%s%s%s", i ? "," : "[", dump_type(n->function->arg[i]), i + 1U == n->function->args ? "]" : "");
        for (size_t i = 0; i < n->args; i++) {
            buf_printf(out, " ");
            dump(n->arg[i], out);
        }
        buf_printf(out, ")");
    }
}

#endif
