/* SPDX-License-Identifier: MIT */
/* Conditions: "not.in.(1,2)", "(a.eq.1,or(b.is.null,c.lt.3))". */
#include "base/buf.h"
#include "rest/parser.h"

#include <stdlib.h>

enum { VALUE_MAX = 64 << 20 }; /* of an array's text; what a request may hold is far less */

enum family { PLAIN, QUANTIFIED, LIST, KEYWORD, SEARCH };

static const struct {
    const char *name;
    enum family family;
} operators[REST_OP_N] = {
    [REST_EQ] = {"eq", QUANTIFIED},
    [REST_NEQ] = {"neq", PLAIN},
    [REST_GT] = {"gt", QUANTIFIED},
    [REST_GTE] = {"gte", QUANTIFIED},
    [REST_LT] = {"lt", QUANTIFIED},
    [REST_LTE] = {"lte", QUANTIFIED},
    [REST_LIKE] = {"like", QUANTIFIED},
    [REST_ILIKE] = {"ilike", QUANTIFIED},
    [REST_MATCH] = {"match", QUANTIFIED},
    [REST_IMATCH] = {"imatch", QUANTIFIED},
    [REST_IN] = {"in", LIST},
    [REST_IS] = {"is", KEYWORD},
    [REST_ISDISTINCT] = {"isdistinct", PLAIN},
    [REST_CS] = {"cs", PLAIN},
    [REST_CD] = {"cd", PLAIN},
    [REST_OV] = {"ov", PLAIN},
    [REST_SL] = {"sl", PLAIN},
    [REST_SR] = {"sr", PLAIN},
    [REST_NXL] = {"nxl", PLAIN},
    [REST_NXR] = {"nxr", PLAIN},
    [REST_ADJ] = {"adj", PLAIN},
    [REST_FTS] = {"fts", SEARCH},
    [REST_PLFTS] = {"plfts", SEARCH},
    [REST_PHFTS] = {"phfts", SEARCH},
    [REST_WFTS] = {"wfts", SEARCH},
};

static const char OPERATORS[] = "an operator and a dot (eq neq gt gte lt lte like ilike match imatch in is isdistinct cs cd ov …),"
                                " perhaps behind not.";

const char *rest_op_name(enum rest_op op)
{
    return operators[op].name;
}

/* ---- values ---- */

/* Of a list of conditions: up to a comma or a parenthesis that closes, unless these stand in quotes or in braces. */
static int take_listed_value(struct rest_parser *p, struct slice *ret_value)
{
    if (p->p < p->end && *p->p == '"') {
        const char *from = p->p;
        int r = rest_take_quoted(p, ret_value);
        if (r == 0 && p->p < p->end && *p->p != ',' && *p->p != ')') {
            p->p = from;
            return rest_expected(p, "a comma or ) behind a quoted value");
        }
        return r;
    }
    const char *from = p->p;
    unsigned depth = 0;
    bool quoted = false;
    for (; p->p < p->end; p->p++) {
        char c = *p->p;
        if (quoted && c == '\\' && p->p + 1 < p->end)
            p->p++;
        else if (c == '"' && depth > 0)
            quoted = !quoted;
        else if (c == '{' && !quoted && (depth > 0 || p->p == from))
            depth++;
        else if (c == '}' && !quoted && depth > 0)
            depth--;
        else if ((c == ',' || c == ')') && depth == 0)
            break;
    }
    if (depth > 0) {
        p->p = from;
        return rest_expected(p, "as many } as {");
    }
    *ret_value = (struct slice){from, (size_t)(p->p - from)};
    return 0;
}

static int take_value(struct rest_parser *p, bool listed, struct slice *ret_value)
{
    if (listed) return take_listed_value(p, ret_value);
    *ret_value = (struct slice){p->p, (size_t)(p->end - p->p)};
    p->p = p->end;
    return 0;
}

/* One item of in.(…), as an item of an array's text. */
static int put_item(struct rest_parser *p, struct buf *out)
{
    struct slice item;
    if (p->p < p->end && *p->p == '"') {
        int r = rest_take_quoted(p, &item);
        if (r != 0) return r;
        if (p->p < p->end && *p->p != ',' && *p->p != ')') return rest_expected(p, "a comma or ) behind a quoted value");
    } else {
        const char *from = p->p;
        while (p->p < p->end && *p->p != ',' && *p->p != ')')
            p->p++;
        item = (struct slice){from, (size_t)(p->p - from)};
    }
    buf_putc(out, '"');
    for (size_t i = 0; i < item.len; i++) {
        if (item.p[i] == '"' || item.p[i] == '\\') buf_putc(out, '\\');
        buf_putc(out, item.p[i]);
    }
    buf_putc(out, '"');
    return 0;
}

static int put_list(struct rest_parser *p, struct buf *out)
{
    unsigned n = 0;
    if (!rest_take(p, '(')) return rest_expected(p, "( with values and commas between");
    buf_putc(out, '{');
    while (n > 0 || !rest_take(p, ')')) {
        if (n == REST_ITEMS_MAX) return rest_too_many(p, "values in one list", REST_ITEMS_MAX);
        if (n++ > 0) buf_putc(out, ',');
        int r = put_item(p, out);
        if (r != 0) return r;
        if (rest_take(p, ')')) break;
        if (!rest_take(p, ',')) return rest_expected(p, "a comma, or ) behind the values");
    }
    buf_putc(out, '}');
    return buf_check(out);
}

static int take_list(struct rest_parser *p, struct slice *ret_value)
{
    struct buf out;
    buf_init(&out, VALUE_MAX);
    int r = put_list(p, &out);
    if (r == 0) {
        *ret_value = arena_copy(p->shared->arena, buf_slice(&out));
        if (!ret_value->p) r = -ENOMEM;
    }
    buf_done(&out);
    return r;
}

static int take_keyword(struct rest_parser *p, bool listed, enum rest_is *ret_is)
{
    static const char *const words[] = {[REST_IS_NULL] = "null",
                                        [REST_IS_NOT_NULL] = "not_null",
                                        [REST_IS_TRUE] = "true",
                                        [REST_IS_FALSE] = "false",
                                        [REST_IS_UNKNOWN] = "unknown"};
    const char *from = p->p;
    struct slice word = {NULL, 0};
    int r = take_value(p, listed, &word);
    if (r != 0) return r;
    for (unsigned i = 0; i < sizeof words / sizeof *words; i++) {
        if (!slice_equal_nocase(word, slice_of(words[i]))) continue;
        *ret_is = (enum rest_is)i;
        return 0;
    }
    p->p = from;
    return rest_expected(p, "null, not_null, true, false or unknown");
}

static int stars_to_percents(struct rest_parser *p, struct slice *value)
{
    if (value->len == 0 || !memchr(value->p, '*', value->len)) return 0;
    char *text = arena_alloc(p->shared->arena, value->len);
    if (!text) return -ENOMEM;
    for (size_t i = 0; i < value->len; i++)
        text[i] = value->p[i] == '*' ? '%' : value->p[i];
    value->p = text;
    return 0;
}

/* ---- one test ---- */

/* "(any)", "(all)". */
static int take_quantifier(struct rest_parser *p, struct rest_condition *c)
{
    if (!rest_take(p, '(')) return 0;
    if (rest_take_text(p, "any)"))
        c->quantifier = REST_ANY_OF;
    else if (rest_take_text(p, "all)"))
        c->quantifier = REST_ALL_OF;
    else
        return rest_expected(p, "any) or all)");
    return 0;
}

static int take_config(struct rest_parser *p, struct rest_condition *c)
{
    if (!rest_take(p, '(')) return 0;
    int r = rest_take_name(p, &c->config);
    return r == 0 && !rest_take(p, ')') ? rest_expected(p, ") behind the text search configuration") : r;
}

static int take_operator(struct rest_parser *p, enum rest_op *ret_op)
{
    const char *end = p->p;
    while (end < p->end && *end >= 'a' && *end <= 'z')
        end++;
    struct slice word = {p->p, (size_t)(end - p->p)};
    for (enum rest_op op = 0; op < REST_OP_N; op++) {
        if (!slice_equal(word, slice_of(operators[op].name))) continue;
        *ret_op = op;
        p->p = end;
        return 0;
    }
    return rest_expected(p, OPERATORS);
}

static int take_operand(struct rest_parser *p, bool listed, struct rest_condition *c)
{
    int r;
    switch (operators[c->op].family) {
    case LIST: return take_list(p, &c->value);
    case KEYWORD: return take_keyword(p, listed, &c->is);
    case PLAIN:
    case QUANTIFIED:
    case SEARCH: break;
    }
    const char *from = p->p;
    r = take_value(p, listed, &c->value);
    if (r != 0) return r;
    if (c->quantifier != REST_ONE && (c->value.len < 2 || c->value.p[0] != '{' || c->value.p[c->value.len - 1] != '}')) {
        p->p = from;
        return rest_expected(p, "values in braces, {1,2,3}, behind any or all");
    }
    return c->op == REST_LIKE || c->op == REST_ILIKE ? stars_to_percents(p, &c->value) : 0;
}

/* "not.eq.5", the field known. */
static int take_test(struct rest_parser *p, bool listed, struct rest_condition *c)
{
    c->kind = REST_TEST;
    c->parameter = p->parameter;
    if (++p->shared->tests > REST_TESTS_MAX) return rest_too_many(p, "conditions in one request", REST_TESTS_MAX);
    c->negated = rest_take_text(p, "not.");
    int r = take_operator(p, &c->op);
    if (r == 0 && operators[c->op].family == QUANTIFIED) r = take_quantifier(p, c);
    if (r == 0 && operators[c->op].family == SEARCH) r = take_config(p, c);
    if (r == 0 && !rest_take(p, '.')) r = rest_expected(p, "a dot behind the operator");
    return r == 0 ? take_operand(p, listed, c) : r;
}

int rest_parse_test(struct rest_parser *p, struct rest_field field, struct rest_condition *ret_condition)
{
    struct rest_condition c = {.field = field};
    int r = take_test(p, false, &c);
    if (r == 0 && p->p != p->end) r = rest_expected(p, "the end");
    if (r == 0) *ret_condition = c;
    return r;
}

/* ---- and, or ---- */

static int take_parts(struct rest_parser *p, struct rest_condition *c, unsigned depth);

/* "and(", "or(", "not.and(", "not.or(": not a column of such a name. */
static bool take_logic(struct rest_parser *p, struct rest_condition *c)
{
    const char *from = p->p;
    c->negated = rest_take_text(p, "not.");
    if (rest_take_text(p, "and("))
        c->kind = REST_AND;
    else if (rest_take_text(p, "or("))
        c->kind = REST_OR;
    else
        p->p = from;
    return p->p != from;
}

static int take_part(struct rest_parser *p, struct rest_condition *c, unsigned depth)
{
    rest_skip_blanks(p);
    c->parameter = p->parameter;
    if (take_logic(p, c)) {
        p->p--; /* the parenthesis */
        return take_parts(p, c, depth + 1);
    }
    int r = rest_take_field(p, &c->field);
    if (r == 0 && !rest_take(p, '.')) r = rest_expected(p, "a dot behind the column, then an operator");
    return r == 0 ? take_test(p, true, c) : r;
}

static int take_parts(struct rest_parser *p, struct rest_condition *c, unsigned depth)
{
    struct rest_condition **at = &c->first;
    if (depth == REST_DEPTH_MAX) return rest_too_many(p, "levels of and, or", REST_DEPTH_MAX);
    if (!rest_take(p, '(')) return rest_expected(p, "( with conditions and commas between");
    do {
        struct rest_condition *part = arena_zalloc(p->shared->arena, sizeof *part);
        if (!part) return -ENOMEM;
        int r = take_part(p, part, depth);
        if (r != 0) return r;
        rest_skip_blanks(p);
        *at = part;
        at = &part->next;
    } while (rest_take(p, ','));
    return rest_take(p, ')') ? 0 : rest_expected(p, "a comma, or ) behind the conditions");
}

int rest_parse_logic(struct rest_parser *p, struct rest_condition *ret_condition)
{
    ret_condition->parameter = p->parameter;
    int r = take_parts(p, ret_condition, 0);
    return r == 0 && p->p != p->end ? rest_expected(p, "the end behind the last )") : r;
}
