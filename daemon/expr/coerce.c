/* SPDX-License-Identifier: MIT */
#include "expr/coerce.h"

#include "expr/lex.h"
#include "expr/tree.h"

char coerce_category(enum type_id id)
{
    static const char categories[TYPE_N + 1] = "BNNNNNNDDDDUUUSSSX";
    return categories[id];
}

bool coerce_preferred(enum type_id id)
{
    return id == TYPE_BOOL || id == TYPE_FLOAT8 || id == TYPE_TIMESTAMPTZ || id == TYPE_TEXT;
}

int coerce_context(enum type_id from, enum type_id to)
{
    /* by enum type_id: rows from, columns to; i implicit, a assignment, e explicit. Texts are read and written by any type. */
    static const char *const table[TYPE_OTHER] = {
        /*                  b248nfFdtTZujJxvc */
        [TYPE_BOOL] = "i-e-----------aaa",      [TYPE_INT2] = "-iiiiii-------aaa",        [TYPE_INT4] = "eaiiiii-------aaa",
        [TYPE_INT8] = "-aaiiii-------aaa",      [TYPE_NUMERIC] = "-aaaiii-------aaa",     [TYPE_FLOAT4] = "-aaaaii-------aaa",
        [TYPE_FLOAT8] = "-aaaaai-------aaa",    [TYPE_DATE] = "-------i-ii---aaa",        [TYPE_TIME] = "--------i-----aaa",
        [TYPE_TIMESTAMP] = "-------aaii---aaa", [TYPE_TIMESTAMPTZ] = "-------aaai---aaa", [TYPE_UUID] = "-----------i--aaa",
        [TYPE_JSON] = "------------iaaaa",      [TYPE_JSONB] = "eeeeeee-----aiaaa",       [TYPE_TEXT] = "eeeeeeeeeeeeeeiii",
        [TYPE_VARCHAR] = "eeeeeeeeeeeeeeiii",   [TYPE_BPCHAR] = "eeeeeeeeeeeeeeiii",
    };
    if (from >= TYPE_OTHER || to >= TYPE_OTHER) return COERCE_NEVER;
    switch (table[from][to]) {
    case 'i': return EXPR_CAST_IMPLICIT;
    case 'a': return EXPR_CAST_ASSIGNMENT;
    case 'e': return EXPR_CAST_EXPLICIT;
    default: return COERCE_NEVER;
    }
}

static bool is_integer(enum type_id id)
{
    return id == TYPE_INT2 || id == TYPE_INT4 || id == TYPE_INT8;
}

static bool is_text(enum type_id id)
{
    return id == TYPE_TEXT || id == TYPE_VARCHAR || id == TYPE_BPCHAR;
}

bool coerce_keeps(enum type_id from, enum type_id to)
{
    if (is_integer(from) && is_integer(to)) return from <= to;
    if (from == TYPE_FLOAT4 && to == TYPE_FLOAT8) return true;
    return from == to || (is_text(from) && is_text(to) && to != TYPE_BPCHAR && from != TYPE_BPCHAR);
}

/* ---- literals ---- */

/* 'today' and the like, and the time of a date: the server knows more of them. */
static bool may_be_special(enum type_id id, struct slice text)
{
    if (coerce_category(id) != 'D') return false;
    for (size_t i = 0; i < text.len; i++)
        if (((text.p[i] | 0x20) >= 'a' && (text.p[i] | 0x20) <= 'z') || (id == TYPE_TIME && text.p[i] == '-')) return true;
    return false;
}

int coerce_literal(struct expr_node *literal, enum type_id to, struct arena *arena, struct expr_mistake *ret_mistake)
{
    if (!literal->unknown) return 0;
    struct type_input in = {.type = {to, -1}};
    union value value = {0};
    int r = literal->null ? 0 : type_parse(&in, literal->value.s, arena, &value);
    struct slice shown = {0};
    if (!literal->null) shown = slice_cut_utf8(literal->value.s, 60);
    char expected[128], name[64];
    if (r < 0) return r;
    if (r > 0 && may_be_special(to, literal->value.s))
        return mistake_at(ret_mistake, literal->at, EXPR_E_SERVER, "only the server can say whether '" SLICE_FMT "' is a %s",
                          SLICE_ARG(shown), type_sql(in.type, name));
    if (r > 0)
        return mistake_at(ret_mistake, literal->at, EXPR_E_TYPE, "'" SLICE_FMT "' %s; expected %s", SLICE_ARG(shown),
                          type_fault(to, r), type_expected(&in, r, expected));
    literal->unknown = false;
    literal->type = in.type;
    literal->value = value;
    return 0;
}

/* ---- casts ---- */

static const struct expr_cast *find_entry(enum type_id from, enum type_id to, enum expr_cast_context context)
{
    const struct expr_cast *const tables[] = {expr_cast_number, expr_cast_text, expr_cast_datetime};
    const struct expr_cast *best = NULL;
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
        for (const struct expr_cast *c = tables[i]; c->function.name; c++) {
            if (c->from != from || c->to != to) continue;
            /* of the two ways to cut a text, that of the context */
            if (!best || (c->context == EXPR_CAST_EXPLICIT) == (context == EXPR_CAST_EXPLICIT)) best = c;
        }
    return best;
}

static int add_cast(struct expr_node **io_node, struct type to, const struct expr_function *function, struct arena *arena)
{
    const struct expr_node *inner = *io_node;
    struct expr_node *cast = tree_node(arena, EXPR_CAST, inner->at, io_node, 1);
    if (!cast) return -ENOMEM;
    cast->text = inner->text;
    cast->type = to;
    cast->function = function;
    *io_node = cast;
    return 0;
}

/* The type whose cast to `to` does for `from` as well: the wider integer, double precision to integers, text. */
static enum type_id stand_in(enum type_id from, enum type_id to)
{
    if ((from == TYPE_INT2 || from == TYPE_INT4) && to != TYPE_BOOL) return TYPE_INT8;
    if (from == TYPE_FLOAT4 && is_integer(to)) return TYPE_FLOAT8;
    if (from == TYPE_VARCHAR || (from == TYPE_BPCHAR && to != TYPE_UUID)) return TYPE_TEXT;
    return from;
}

static int cast_type(struct expr_node **io_node, struct type to, struct arena *arena, struct expr_mistake *ret_mistake)
{
    enum type_id from = (*io_node)->type.id;
    struct type plain = {to.id, -1}, text = {TYPE_TEXT, -1};
    if (from == to.id) return 0;
    /* What follows cuts it to n, and takes its blanks. */
    if (coerce_keeps(from, to.id) || (is_text(from) && to.id == TYPE_BPCHAR && to.typmod >= 0))
        return add_cast(io_node, plain, NULL, arena);
    const struct expr_cast *entry = find_entry(from, to.id, EXPR_CAST_EXPLICIT);
    enum type_id other = stand_in(from, to.id);
    if (!entry && other != from && (entry = find_entry(other, to.id, EXPR_CAST_EXPLICIT)) && other == TYPE_TEXT) {
        int r = cast_type(io_node, text, arena, ret_mistake);
        if (r) return r;
    }
    if (!entry && is_text(to.id) && to.id != TYPE_TEXT && !is_text(from)) {
        int r = cast_type(io_node, text, arena, ret_mistake);
        return r ? r : cast_type(io_node, to, arena, ret_mistake);
    }
    char from_name[64], to_name[64];
    if (!entry)
        return mistake_at(ret_mistake, (*io_node)->at, EXPR_E_SERVER, "only the server can cast %s to %s",
                          type_sql((struct type){from, -1}, from_name), type_sql(plain, to_name));
    return add_cast(io_node, plain, entry->function.run ? &entry->function : NULL, arena);
}

int coerce_to(struct expr_node **io_node, struct type to, enum expr_cast_context context, struct arena *arena,
              struct expr_mistake *ret_mistake)
{
    int r = coerce_literal(*io_node, to.id, arena, ret_mistake);
    if (r == 0) r = cast_type(io_node, to, arena, ret_mistake);
    if (r || to.typmod < 0 || (*io_node)->type.typmod == to.typmod) return r;
    const struct expr_cast *entry = find_entry(to.id, to.id, context);
    char name[64];
    if (!entry) return mistake_at(ret_mistake, (*io_node)->at, EXPR_E_SERVER, "only the server can cast to %s", type_sql(to, name));
    return add_cast(io_node, to, &entry->function, arena);
}
