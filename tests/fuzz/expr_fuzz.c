/* SPDX-License-Identifier: MIT */
/*
 * Any text as an expression over columns of all types: it is one or a mistake with a place and words; what is checked has a type
 * and keeps to its bounds, and it is evaluated, at rows of NULLs and extremes, to values or faults. The first byte chooses what
 * the value is for.
 */
#include "expr/expr.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds) abort();
}

enum { ROWS = 4, COLUMNS = TYPE_N };

/* Named by one letter, in the order of enum type_id. */
static const struct expr_name names[COLUMNS] = {
    {"b", {TYPE_BOOL, -1}, true, false},
    {"s", {TYPE_INT2, -1}, true, false},
    {"i", {TYPE_INT4, -1}, true, false},
    {"l", {TYPE_INT8, -1}, true, false},
    {"n", {TYPE_NUMERIC, (9 << 16 | 2) + 4}, true, false},
    {"f", {TYPE_FLOAT4, -1}, true, false},
    {"g", {TYPE_FLOAT8, -1}, true, false},
    {"d", {TYPE_DATE, -1}, true, false},
    {"t", {TYPE_TIME, -1}, true, false},
    {"m", {TYPE_TIMESTAMP, -1}, true, false},
    {"z", {TYPE_TIMESTAMPTZ, -1}, true, false},
    {"u", {TYPE_UUID, -1}, true, false},
    {"j", {TYPE_JSON, -1}, true, false},
    {"k", {TYPE_JSONB, -1}, true, false},
    {"x", {TYPE_TEXT, -1}, true, false},
    {"v", {TYPE_VARCHAR, 5 + 4}, true, false},
    {"c", {TYPE_BPCHAR, 3 + 4}, true, false},
    {"o", {TYPE_OTHER, -1}, false, false},
};

/* Rows: NULL, least, zero, greatest. */
static void fill(struct batch_column *c, struct type type, struct arena *arena)
{
    static const int64_t least[] = {0, INT16_MIN, INT32_MIN, INT64_MIN, 0, 0, 0, INT32_MIN, 0, INT64_MIN, INT64_MIN};
    static const int64_t greatest[] = {1,         INT16_MAX, INT32_MAX, INT64_MAX, 0, 0, 0, INT32_MAX, INT64_C(86400000000),
                                       INT64_MAX, INT64_MAX};
    static const char *const texts[TYPE_N][2] = {
        [TYPE_NUMERIC] = {"-9999999.99", "NaN"},
        [TYPE_UUID] = {"00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"},
        [TYPE_JSON] = {"[]", "{\"a\": 1}"},
        [TYPE_JSONB] = {"[]", "{\"a\": 1}"},
        [TYPE_TEXT] = {" é, 12", "2024-01-31"},
        [TYPE_VARCHAR] = {"12.5", "true"},
        [TYPE_BPCHAR] = {"x", "é"},
        [TYPE_OTHER] = {"", "x"},
    };
    *c = (struct batch_column){type, arena_array(arena, ROWS, sizeof(union value)), arena_array(arena, ROWS, sizeof(bool))};
    check(c->value && c->null);
    c->null[0] = true;
    for (size_t r = 1; r < ROWS; r++) {
        if (texts[type.id][0]) {
            struct type_input in = {.type = {type.id, -1}};
            check(type_parse(&in, slice_of(texts[type.id][r == ROWS - 1]), arena, &c->value[r]) == 0);
        } else if (type.id == TYPE_FLOAT4 || type.id == TYPE_FLOAT8) {
            c->value[r].f = r == 1 ? -(double)FLT_MAX : r == 2 ? -0.0 : (double)NAN;
        } else {
            c->value[r].i = r == 1 ? least[type.id] : r == 2 ? 0 : greatest[type.id];
        }
    }
}

static void evaluate(const struct expr *e, struct arena *arena)
{
    static const uint32_t row[ROWS] = {0, 1, 2, 3};
    static const uint64_t line[ROWS] = {1, 2, 3, UINT32_MAX};
    struct batch_column column[COLUMNS];
    const struct expr_fault *fault[ROWS] = {NULL};
    const struct batch_column *result;
    for (size_t i = 0; i < COLUMNS; i++)
        fill(&column[i], names[i].type, arena);
    struct expr_run run = {.column = column, .line = line, .rows = ROWS, .file = SLICE("a.csv"), .arena = arena, .fault = fault};
    int r = expr_eval(e, &run, &(struct expr_rows){row, ROWS}, &result);
    check(r == 0 || r == -ENOMEM);
    if (r) return;
    struct type type = expr_type(e);
    size_t faults = 0, bytes = 0;
    for (size_t i = 0; i < ROWS; i++) {
        faults += fault[i] != NULL;
        check(!fault[i] || (strlen(fault[i]->code) == 5 && fault[i]->message[0]));
        if (fault[i] || result->null[i]) continue;
        if (type.id == TYPE_BOOL) check(result->value[i].i == 0 || result->value[i].i == 1);
        if (type.id == TYPE_INT2) check(result->value[i].i >= INT16_MIN && result->value[i].i <= INT16_MAX);
        if (type.id == TYPE_INT4) check(result->value[i].i >= INT32_MIN && result->value[i].i <= INT32_MAX);
        for (size_t k = 0; !type_info(type.id)->fixed && k < result->value[i].s.len; k++)
            bytes += (unsigned char)result->value[i].s.p[k];
    }
    check(faults == run.faults && bytes < SIZE_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) return 0;
    struct arena arena;
    struct expr_mistake m = {0};
    struct expr_node *tree;
    const struct expr *e;
    struct expr_scope scope = {
        .name = names, .names = COLUMNS, .table = "r", .bytewise = data[0] & 32, .ctype_known = data[0] & 64};
    struct expr_want want = {.condition = data[0] == 0, .any = data[0] & 128, .type = names[data[0] % COLUMNS].type};
    char *copy = malloc(size); /* of its own size: what is read beyond it is found */
    check(copy != NULL);
    memcpy(copy, data + 1, size - 1);
    struct slice text = {copy, size - 1};
    arena_init(&arena, 1 << 16, 1 << 24);
    int r = expr_parse(text, &arena, &m, &tree);
    if (r == 0) r = expr_check(tree, &scope, &want, &arena, &m, &e);
    check(r >= 0 || r == -ENOMEM);
    if (r > 0) check(r <= EXPR_E_SERVER && m.at <= text.len && m.why.text[0]);
    if (r == 0) {
        const struct expr_node *root = expr_root(e);
        /* what the check adds to the root for its place may be one level and one part more, or two */
        check(root->nodes <= EXPR_NODES_MAX + 4 && root->depth <= 6 * EXPR_DEPTH_MAX);
        check(expr_type(e).id < TYPE_OTHER && (!want.condition || expr_type(e).id == TYPE_BOOL));
        evaluate(e, &arena);
    }
    arena_done(&arena);
    free(copy);
    return 0;
}
