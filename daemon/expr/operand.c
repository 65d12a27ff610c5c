/* SPDX-License-Identifier: MIT */
#include "base/num.h"
#include "data/type_name.h"
#include "expr/parser.h"

/* PostgreSQL's reserved words: no name of a column. */
static bool is_reserved(const struct word *w)
{
    static const char *const words[] = {"all",          "analyse",
                                        "analyze",      "and",
                                        "any",          "array",
                                        "as",           "asc",
                                        "asymmetric",   "both",
                                        "case",         "cast",
                                        "check",        "collate",
                                        "column",       "constraint",
                                        "create",       "current_catalog",
                                        "current_date", "current_role",
                                        "current_time", "current_timestamp",
                                        "current_user", "default",
                                        "deferrable",   "desc",
                                        "distinct",     "do",
                                        "else",         "end",
                                        "except",       "false",
                                        "fetch",        "for",
                                        "foreign",      "from",
                                        "grant",        "group",
                                        "having",       "in",
                                        "initially",    "intersect",
                                        "into",         "lateral",
                                        "leading",      "limit",
                                        "localtime",    "localtimestamp",
                                        "not",          "null",
                                        "offset",       "on",
                                        "only",         "or",
                                        "order",        "placing",
                                        "primary",      "references",
                                        "returning",    "select",
                                        "session_user", "some",
                                        "symmetric",    "table",
                                        "then",         "to",
                                        "trailing",     "true",
                                        "union",        "unique",
                                        "user",         "using",
                                        "variadic",     "when",
                                        "where",        "window",
                                        "with",         NULL};
    return word_is_any(w, words);
}

/* Those that may name a function, and no column either. */
static bool is_function_only(const struct word *w)
{
    static const char *const words[] = {"authorization", "binary", "collation", "concurrently", "cross",   "current_schema",
                                        "freeze",        "full",   "ilike",     "inner",        "is",      "isnull",
                                        "join",          "left",   "like",      "natural",      "notnull", "outer",
                                        "overlaps",      "right",  "similar",   "tablesample",  "verbose", NULL};
    return word_is_any(w, words);
}

/* ---- constants ---- */

int number_set(struct parser *p, struct expr_node *node, struct slice digits)
{
    node->form = EXPR_FORM_NUMBER;
    node->name = digits;
    bool whole = !memchr(digits.p, '.', digits.len) && !memchr(digits.p, 'e', digits.len) && !memchr(digits.p, 'E', digits.len);
    int64_t i;
    if (whole && num_parse_i64(digits, &i) == 0) {
        node->type = (struct type){i >= INT32_MIN && i <= INT32_MAX ? TYPE_INT4 : TYPE_INT8, -1};
        node->value.i = i;
        return 0;
    }
    node->type = (struct type){TYPE_NUMERIC, -1};
    int r = type_parse(&(struct type_input){.type = node->type}, digits, p->arena, &node->value);
    return r > 0 ? mistake_at(p->mistake, node->at, EXPR_E_SYNTAX, "the number is out of numeric's range") : r;
}

static int parse_number(struct parser *p, struct expr_node **ret_node)
{
    const struct word *w = peek(p);
    p->now++;
    int r = parser_node(p, EXPR_CONSTANT, p->now - 1, NULL, 0, ret_node);
    return r ? r : number_set(p, *ret_node, w->text);
}

static bool has_newline(struct parser *p, const struct word *from, const struct word *to)
{
    size_t begin = from->at + from->text.len;
    return memchr(p->text.p + begin, '\n', to->at - begin) != NULL;
}

/* 'a' and, on the next line, 'b' are 'ab'. */
static int parse_string(struct parser *p, struct expr_node **ret_node)
{
    size_t start = p->now;
    struct slice value;
    int r = lex_string(peek(p), p->arena, p->mistake, &value);
    p->now++;
    while (r == 0 && p->word[start].text.p[0] != '$' && peek(p)->kind == WORD_STRING && peek(p)->text.p[0] == '\'' &&
           has_newline(p, peek(p) - 1, peek(p))) {
        struct slice more;
        struct word w = *peek(p);
        r = lex_string(&w, p->arena, p->mistake, &more);
        char *joined = arena_alloc(p->arena, value.len + more.len);
        if (!joined) return -ENOMEM;
        if (r) return r;
        memcpy(joined, value.p, value.len);
        memcpy(joined + value.len, more.p, more.len);
        value = (struct slice){joined, value.len + more.len};
        p->now++;
    }
    return r ? r : parser_literal(p, start, value, ret_node);
}

static int parse_truth(struct parser *p, struct expr_node **ret_node)
{
    bool is_null = word_is(peek(p), "null"), is_true = word_is(peek(p), "true");
    p->now++;
    int r = parser_node(p, EXPR_CONSTANT, p->now - 1, NULL, 0, ret_node);
    if (r) return r;
    (*ret_node)->unknown = (*ret_node)->null = is_null;
    if (!is_null) (*ret_node)->type = (struct type){TYPE_BOOL, -1};
    (*ret_node)->value.i = is_true;
    return 0;
}

/* ---- names of types ---- */

static bool is_sign_at(const struct parser *p, size_t i, const char *sign)
{
    return word_is_sign(&p->word[i], sign);
}

/* The index behind the name of a type that begins at `i`; `i` itself when there is none. Its array brackets stay. */
static size_t type_end(const struct parser *p, size_t i)
{
    static const char *const varying[] = {"character", "char", "bit", "nchar", NULL}, *const times[] = {"time", "timestamp", NULL},
                             *const chars[] = {"character", "char", NULL}, *const zones[] = {"with", "without", NULL};
    const struct word *w = &p->word[i];
    if (!word_is_name(w) || is_reserved(w)) return i;
    size_t end = i + 1;
    while (is_sign_at(p, end, ".") && word_is_name(&p->word[end + 1]))
        end += 2;
    if (word_is(w, "double") && word_is(&p->word[end], "precision")) end++;
    if (word_is(w, "national") && word_is_any(&p->word[end], chars)) w = &p->word[end++];
    if (word_is_any(w, varying) && word_is(&p->word[end], "varying")) end++;
    if (is_sign_at(p, end, "(")) end = p->word[end].partner + 1;
    if (word_is_any(w, times) && word_is_any(&p->word[end], zones) && word_is(&p->word[end + 1], "time") &&
        word_is(&p->word[end + 2], "zone"))
        end += 3;
    return end;
}

static bool is_serial(struct slice text)
{
    static const char *const names[] = {"serial", "serial4", "bigserial", "serial8", "smallserial", "serial2"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (slice_equal_nocase(text, slice_of(names[i]))) return true;
    return false;
}

static struct slice words_text(const struct parser *p, size_t from, size_t end)
{
    size_t at = p->word[from].at;
    return (struct slice){p->text.p + at, p->word[end - 1].at + p->word[end - 1].text.len - at};
}

int parse_type(struct parser *p, struct type *ret_type, struct slice *ret_text)
{
    size_t start = p->now, end = type_end(p, start);
    if (end == start) return parser_unexpected(p, "the name of a type");
    if (word_is(&p->word[start], "pg_catalog") && is_sign_at(p, start + 1, ".")) start += 2;
    *ret_text = words_text(p, start, end);
    *ret_type = (struct type){TYPE_OTHER, -1};
    int r = is_serial(*ret_text) ? TYPE_E_UNKNOWN : type_by_name(*ret_text, ret_type);
    if (r < 0) return r;
    if (r == TYPE_E_RANGE)
        return mistake_at(p->mistake, p->word[start].at, EXPR_E_SYNTAX,
                          "there can be no type " SLICE_FMT ": what is in its parentheses",
                          SLICE_ARG(slice_cut_utf8(*ret_text, 60)));
    p->now = end;
    while (is_sign_at(p, p->now, "[") || word_is(peek(p), "array")) {
        bool bracket = is_sign_at(p, p->now, "[");
        r = TYPE_E_UNKNOWN;
        if (bracket) parser_skip_group(p);
        if (!bracket) p->now++;
        *ret_text = words_text(p, start, p->now);
    }
    if (r == TYPE_E_UNKNOWN) *ret_type = (struct type){TYPE_OTHER, -1};
    return 0;
}

static int cast_node(struct parser *p, size_t start, size_t at, struct type type, struct slice text, struct expr_node **io_node)
{
    int r = parser_node(p, EXPR_CAST, start, io_node, 1, io_node);
    if (r) return r;
    (*io_node)->type = type;
    (*io_node)->name = text;
    (*io_node)->at = at;
    return 0;
}

/* A type that may stand before a string: ours, or one of the server's that people write so. */
static bool is_known_type(struct slice text)
{
    static const char *const others[] = {
        "interval",  "timetz",    "bytea",    "bit",       "inet",    "cidr",      "macaddr", "money",
        "xml",       "point",     "box",      "path",      "polygon", "circle",    "line",    "lseg",
        "tsvector",  "tsquery",   "jsonpath", "oid",       "name",    "citext",    "hstore",  "regclass",
        "int4range", "int8range", "numrange", "daterange", "tsrange", "tstzrange", "pg_lsn",  "time with time zone"};
    struct type type;
    if (is_serial(text)) return false;
    if (type_by_name(text, &type) != TYPE_E_UNKNOWN) return true;
    struct slice name = text;
    const char *open = memchr(text.p, '(', text.len);
    if (open) name.len = (size_t)(open - text.p);
    name = slice_trim(name);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (slice_equal_nocase(name, slice_of(others[i]))) return true;
    return slice_equal_nocase(name, SLICE("bit varying")) || slice_equal_nocase(slice_trim(text), SLICE("time with time zone"));
}

/* date '2024-01-31': a type, then a string. */
static bool at_typed_literal(const struct parser *p)
{
    size_t end = type_end(p, p->now);
    if (end == p->now || p->word[end].kind != WORD_STRING) return false;
    if (is_sign_at(p, p->now + 1, ".")) return true;
    return is_known_type(words_text(p, p->now, end));
}

static int parse_typed_literal(struct parser *p, struct expr_node **ret_node)
{
    static const char *const units[] = {"year", "month", "day", "hour", "minute", "second", "to", NULL};
    size_t start = p->now, at = peek(p)->at;
    struct type type;
    struct slice text = {0};
    int r = parse_type(p, &type, &text);
    if (r == 0) r = parse_string(p, ret_node);
    if (r) return r;
    while (slice_starts(text, SLICE("interval")) && word_is_any(peek(p), units)) {
        p->now++;
        if (is_sign_at(p, p->now, "(")) parser_skip_group(p);
    }
    return cast_node(p, start, at, type, text, ret_node);
}

/* ---- names and calls ---- */

static void skip_behind_call(struct parser *p)
{
    static const char *const words[] = {"filter", "over", "within", NULL};
    while (word_is_any(peek(p), words)) {
        const struct word *w = peek(p), *next = peek_next(p);
        bool group = word_is(w, "within") && word_is(next, "group");
        if (!word_is_sign(&next[group], "(") && !(word_is(w, "over") && word_is_name(next))) return;
        parser_beyond(p, w->at, "what has %s", word_is(w, "over") ? "a window (OVER)" : "an aggregate's FILTER or WITHIN GROUP");
        p->now += 1 + group;
        if (word_is_sign(peek(p), "("))
            parser_skip_group(p);
        else
            p->now++;
    }
}

/* Behind the parenthesis: `name` is the function's. */
static int parse_arguments(struct parser *p, size_t start, size_t open, struct slice name, struct expr_node **ret_node)
{
    static const char *const sets[] = {"distinct", "all", "variadic", NULL};
    size_t close = p->word[open].partner;
    struct nodes list = {0};
    if (word_is_any(peek(p), sets) || (word_is_operator(peek(p), "*") && p->now + 1 == close)) {
        parser_beyond(p, p->word[start].at, SLICE_FMT "(" SLICE_FMT "…)", SLICE_ARG(slice_cut_utf8(name, 60)),
                      SLICE_ARG(peek(p)->text));
        p->now = close;
    } else if (word_is_name(peek(p)) && (word_is_operator(peek_next(p), "=>") ||
                                         (word_is_sign(peek_next(p), ":") && word_is_operator(peek_next(p) + 1, "=")))) {
        parser_beyond(p, peek(p)->at, "arguments by name");
        p->now = close;
    } else if (p->now != close) {
        int r = parse_list(p, &list);
        if (r) return r;
        if (word_is(peek(p), "order") && word_is(peek_next(p), "by")) {
            parser_beyond(p, peek(p)->at, "an aggregate with ORDER BY");
            p->now = close;
        }
    }
    int r = parser_expect_sign(p, ")");
    if (r == 0) r = parser_call(p, "", start, list.node, list.n, ret_node);
    if (r) return r;
    (*ret_node)->name = name;
    (*ret_node)->at = p->word[start].at;
    skip_behind_call(p);
    return 0;
}

static int no_such_call(struct parser *p, const struct word *w, struct slice name)
{
    struct type type;
    if (w->kind == WORD_NAME && (word_is(w, "if") || word_is(w, "iif")))
        return mistake_at(p->mistake, w->at, EXPR_E_SYNTAX,
                          "there is no " SLICE_FMT "(); write CASE WHEN condition THEN value ELSE other END", SLICE_ARG(name));
    static const char *const keywords[] = {"int",     "integer", "smallint",  "bigint", "real",    "float",     "decimal", "dec",
                                           "numeric", "boolean", "character", "char",   "varchar", "timestamp", "time",    NULL};
    if (word_is_any(w, keywords) && type_by_name(name, &type) == 0)
        return mistake_at(p->mistake, w->at, EXPR_E_SYNTAX,
                          "'" SLICE_FMT "' is a type, no function; write CAST(value AS " SLICE_FMT ")", SLICE_ARG(w->text),
                          SLICE_ARG(w->text));
    return 0;
}

/* name, table.name, name(…), schema.name(…) */
static int parse_name(struct parser *p, struct expr_node **ret_node)
{
    size_t start = p->now, parts = 0;
    const struct word *part[3] = {0};
    do {
        if (parts > 0 && word_is_operator(peek(p), "*")) {
            parser_beyond(p, p->word[start].at, "a whole row");
            p->now++;
            return parser_node(p, EXPR_CONSTANT, start, NULL, 0, ret_node);
        }
        if (!word_is_name(peek(p))) return parser_unexpected(p, "a name");
        if (parts < 3) part[parts] = peek(p);
        parts++;
        p->now++;
    } while (parser_take_sign(p, "."));
    const struct word *last = part[parts < 3 ? parts - 1 : 2];
    struct slice name = word_name(last, p->arena), table = {0};
    if (!name.p) return -ENOMEM;
    if (word_is_sign(peek(p), "(")) {
        int r = no_such_call(p, last, name);
        if (r) return r;
        if (parts > 1 && !word_is(part[0], "pg_catalog")) parser_beyond(p, last->at, "a function with its schema");
        size_t open = p->now++;
        return parse_arguments(p, start, open, name, ret_node);
    }
    if (is_function_only(part[0])) {
        p->now = start;
        return parser_unexpected(p, "an operand");
    }
    if (parts > 2) parser_beyond(p, p->word[start].at, "a column with its schema");
    if (parts > 1) table = word_name(part[parts < 3 ? parts - 2 : 1], p->arena);
    int r = parser_node(p, EXPR_COLUMN, start, NULL, 0, ret_node);
    if (r) return r;
    (*ret_node)->name = name;
    (*ret_node)->table = table;
    if (last->kind == WORD_QUOTED) (*ret_node)->form = EXPR_FORM_QUOTED;
    return 0;
}

/* current_date, user, …: functions without parentheses. False: none of them. */
static bool parse_keyword_call(struct parser *p, int *ret_result, struct expr_node **ret_node)
{
    static const char *const words[] = {
        "current_date", "current_time", "current_timestamp", "localtime",       "localtimestamp", "current_user",
        "user",         "session_user", "current_role",      "current_catalog", "current_schema", NULL};
    const struct word *w = peek(p);
    if (!word_is_any(w, words) || (word_is(w, "current_schema") && word_is_sign(peek_next(p), "("))) return false;
    size_t start = p->now++;
    struct slice name = word_name(w, p->arena);
    if (word_is_sign(peek(p), "(")) parser_skip_group(p);
    *ret_result = name.p ? parser_call(p, "", start, NULL, 0, ret_node) : -ENOMEM;
    if (*ret_result == 0) (*ret_node)->name = name;
    return true;
}

/* ---- what is in parentheses, and what is skipped ---- */

static int parse_skipped(struct parser *p, size_t start, struct expr_node **ret_node)
{
    parser_skip_group(p);
    return parser_node(p, EXPR_CONSTANT, start, NULL, 0, ret_node);
}

static int parse_group(struct parser *p, struct expr_node **ret_node)
{
    size_t start = p->now++;
    if (parser_at_query(p)) {
        parser_beyond(p, p->word[start].at, "a subquery");
        p->now = start;
        return parse_skipped(p, start, ret_node);
    }
    struct nodes list = {0};
    int r = parse_list(p, &list);
    if (r == 0) r = parser_expect_sign(p, ")");
    if (r) return r;
    if (list.n > 1) parser_beyond(p, p->word[start].at, "a row of several values");
    *ret_node = list.node[0];
    if (word_is(peek(p), "overlaps")) {
        parser_beyond(p, peek(p)->at, "OVERLAPS");
        p->now++;
        return word_is_sign(peek(p), "(") ? parse_group(p, ret_node) : parser_unexpected(p, "'('");
    }
    return 0;
}

/* EXISTS (…), ARRAY[…], ROW(…): false when it is none of them. */
static bool parse_foreign(struct parser *p, int *ret_result, struct expr_node **ret_node)
{
    static const char *const words[] = {
        "exists",     "array",       "row",     "grouping",     "treat",          "xmlelement",   "xmlforest",  "xmlparse",
        "xmlconcat",  "xmlpi",       "xmlroot", "xmlserialize", "xmlexists",      "json_object",  "json_array", "json_query",
        "json_value", "json_exists", "json",    "json_scalar",  "json_serialize", "merge_action", NULL};
    const struct word *w = peek(p), *next = peek_next(p);
    bool group = word_is_sign(next, "(") || (word_is(w, "array") && word_is_sign(next, "["));
    bool collation = word_is(w, "collation") && word_is(next, "for") && word_is_sign(&next[1], "(");
    if (!collation && !(word_is_any(w, words) && group)) return false;
    parser_beyond(p, w->at, SLICE_FMT "%s", SLICE_ARG(w->text), word_is_sign(next, "[") ? "[…]" : " (…)");
    size_t start = p->now;
    p->now += 1 + collation;
    *ret_result = parse_skipped(p, start, ret_node);
    return true;
}

static int parse_primary(struct parser *p, struct expr_node **ret_node)
{
    static const char *const truths[] = {"true", "false", "null", NULL};
    const struct word *w = peek(p);
    int r = 0;
    if (w->kind == WORD_NUMBER) return parse_number(p, ret_node);
    if (w->kind == WORD_STRING) return parse_string(p, ret_node);
    if (word_is_sign(w, "(")) return parse_group(p, ret_node);
    if (word_is_any(w, truths)) return parse_truth(p, ret_node);
    if (parse_foreign(p, &r, ret_node) || parse_special(p, &r, ret_node) || parse_keyword_call(p, &r, ret_node)) return r;
    if (at_typed_literal(p)) return parse_typed_literal(p, ret_node);
    if (!word_is_name(w) || is_reserved(w)) return parser_unexpected(p, "an operand");
    return parse_name(p, ret_node);
}

int parse_operand(struct parser *p, struct expr_node **ret_node)
{
    size_t start = p->now;
    int r = parse_primary(p, ret_node);
    while (r == 0) {
        const struct word *w = peek(p);
        if (parser_take_sign(p, "::")) {
            struct type type;
            struct slice text = {0};
            r = parse_type(p, &type, &text);
            if (r == 0) r = cast_node(p, start, w->at, type, text, ret_node);
        } else if (word_is_sign(w, "[")) {
            parser_beyond(p, w->at, "an element of an array");
            parser_skip_group(p);
        } else if (word_is_sign(w, ".") && p->now > start && (word_is_sign(w - 1, ")") || word_is_sign(w - 1, "]"))) {
            parser_beyond(p, w->at, "a field of a composite value");
            p->now++;
            if (!word_is_name(peek(p)) && !word_is_operator(peek(p), "*")) return parser_unexpected(p, "the name of a field");
            p->now++;
        } else {
            break;
        }
    }
    return r;
}
