/* SPDX-License-Identifier: MIT */
/*
 * What the check says of expressions: a line "any EXPRESSION", "condition EXPRESSION" or "COLUMN EXPRESSION" (assigned to that
 * column) on standard input, "ok TYPE" or "syntax …", "name …", "type …", "server …" on standard output.
 */
#include "expr/expr.h"

#include <stdio.h>
#include <stdlib.h>

/* test_expr_check.py has the same columns */
static const struct expr_name names[] = {
    {"b", {TYPE_BOOL, -1}, true, false},       {"i2", {TYPE_INT2, -1}, true, false},
    {"i4", {TYPE_INT4, -1}, true, false},      {"i8", {TYPE_INT8, -1}, true, false},
    {"n", {TYPE_NUMERIC, -1}, true, false},    {"n92", {TYPE_NUMERIC, ((9 << 16) | 2) + 4}, true, false},
    {"f4", {TYPE_FLOAT4, -1}, true, false},    {"f8", {TYPE_FLOAT8, -1}, true, false},
    {"d", {TYPE_DATE, -1}, true, false},       {"t", {TYPE_TIME, -1}, true, false},
    {"ts", {TYPE_TIMESTAMP, -1}, true, false}, {"tz", {TYPE_TIMESTAMPTZ, -1}, true, false},
    {"u", {TYPE_UUID, -1}, true, false},       {"j", {TYPE_JSON, -1}, true, false},
    {"jb", {TYPE_JSONB, -1}, true, false},     {"x", {TYPE_TEXT, -1}, true, false},
    {"v", {TYPE_VARCHAR, 5 + 4}, true, false}, {"c", {TYPE_BPCHAR, 3 + 4}, true, false},
};
enum { NAMES = sizeof names / sizeof names[0] };

static struct expr_want want_of(struct slice mode)
{
    for (size_t i = 0; i < NAMES; i++)
        if (slice_equal(mode, slice_of(names[i].name))) return (struct expr_want){.type = names[i].type};
    return (struct expr_want){.condition = slice_equal(mode, SLICE("condition")), .any = true};
}

static void check(struct slice mode, struct slice text)
{
    static const char *const kinds[] = {"ok", "syntax", "name", "type", "server"};
    struct arena arena;
    struct expr_mistake m;
    struct expr_node *tree;
    const struct expr *e;
    struct expr_scope scope = {.name = names, .names = NAMES, .table = "r", .bytewise = true, .ctype_known = true};
    struct expr_want want = want_of(mode);
    arena_init(&arena, 1 << 16, 1 << 26);
    int r = expr_parse(text, &arena, &m, &tree);
    if (r == 0) r = expr_check(tree, &scope, &want, &arena, &m, &e);
    if (r < 0) abort();
    printf("%s %s\n", kinds[r], r == 0 ? type_info(expr_type(e).id)->name : m.why.text);
    arena_done(&arena);
}

int main(void)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t n;
    while ((n = getline(&line, &room, stdin)) > 0) {
        struct slice rest = {line, (size_t)n - (line[n - 1] == '\n')}, mode = slice_cut(&rest, ' ');
        check(mode, rest);
    }
    free(line);
    return 0;
}
