/* SPDX-License-Identifier: MIT */
#include "data/type_name.h"
#include "expr/checker.h"

#include <stdio.h>

const char *checker_type_name(const struct expr_node *n)
{
    return n->unknown ? "unknown" : type_info(n->type.id)->name;
}

static bool is_operator(struct slice name)
{
    return name.len > 0 && lex_is_operator(name.p[0]);
}

const char *checker_shown(const struct expr_node *n, char ret_text[96])
{
    bool bare = n->kind == EXPR_COLUMN || n->kind == EXPR_CONSTANT || n->kind == EXPR_COALESCE || n->kind == EXPR_CASE ||
                (n->kind == EXPR_CALL && !is_operator(n->name) && n->form == EXPR_PLAIN);
    snprintf(ret_text, 96, bare ? SLICE_FMT : "(" SLICE_FMT ")", SLICE_ARG(slice_cut_utf8(n->text, 80)));
    return ret_text;
}

/* ---- collations ---- */

enum { COLLATION_BYTEWISE = 1, COLLATION_OTHER = 2, COLLATION_OWN = 4 };

/* Of the columns that decide how a text compares; 0: none does, the database's own collation counts. */
static unsigned collation(const struct checker *c, const struct expr_node *n)
{
    unsigned found = 0;
    if (coerce_category(n->type.id) != 'S') return 0;
    if (n->kind == EXPR_COLUMN) {
        const struct expr_name *name = &c->scope->name[n->column];
        return (name->bytewise ? COLLATION_BYTEWISE : COLLATION_OTHER) | (name->collate ? COLLATION_OWN : 0U);
    }
    for (size_t i = 0; i < n->args; i++)
        found |= collation(c, n->arg[i]);
    return found;
}

int checker_collation(struct checker *c, const struct expr_node *at, const struct expr_function *f, struct expr_node *const *arg,
                      size_t args)
{
    unsigned found = 0;
    for (size_t i = 0; i < args; i++)
        found |= collation(c, arg[i]);
    bool bytewise = !(found & COLLATION_OTHER) && (found & COLLATION_BYTEWISE || c->scope->bytewise);
    if (f->flags & EXPR_COLLATED && !bytewise)
        return mistake_at(c->mistake, at->at, EXPR_E_SERVER,
                          "only the server can evaluate '%s' of texts that are not COLLATE \"C\"", f->name);
    if (f->flags & EXPR_CTYPE && (!c->scope->ctype_known || found & COLLATION_OWN))
        return mistake_at(c->mistake, at->at, EXPR_E_SERVER, "only the server can evaluate '%s' by the text's collation", f->name);
    return 0;
}

/* ---- what is wrong, and what to write instead ---- */

static void list_types(const struct expr_node *n, char *text, size_t room)
{
    size_t len = 0;
    text[0] = '\0';
    for (size_t i = 0; i < n->args && len < room - 40; i++)
        len += (size_t)snprintf(text + len, room - len, "%s%s", i ? ", " : "", checker_type_name(n->arg[i]));
}

static bool is_text(const struct expr_node *n)
{
    return !n->unknown && coerce_category(n->type.id) == 'S';
}

static bool is_of(const struct expr_node *n, char category)
{
    return !n->unknown && coerce_category(n->type.id) == category;
}

/* One is a text and the other is none: cast the text. */
static void hint_cast(const struct expr_node *n, char *ret_hint, size_t room)
{
    char left[96], right[96], to_name[64];
    const struct expr_node *text = is_text(n->arg[0]) ? n->arg[0] : n->arg[1], *other = text == n->arg[0] ? n->arg[1] : n->arg[0];
    checker_shown(n->arg[0], left);
    checker_shown(n->arg[1], right);
    bool arithmetic = n->name.len == 1 && strchr("+-*/%^", n->name.p[0]);
    const char *to = is_of(other, 'N') && arithmetic ? "numeric" : type_sql(other->type, to_name);
    bool number = other->kind == EXPR_CONSTANT && is_of(other, 'N') && !arithmetic;
    int len = snprintf(ret_hint, room, "; write %s%s%s " SLICE_FMT " %s%s%s", left, text == n->arg[0] ? "::" : "",
                       text == n->arg[0] ? to : "", SLICE_ARG(n->name), right, text == n->arg[1] ? "::" : "",
                       text == n->arg[1] ? to : "");
    if (number && text == n->arg[0] && len > 0 && (size_t)len < room)
        snprintf(ret_hint + len, room - (size_t)len, ", or %s " SLICE_FMT " '%s'", left, SLICE_ARG(n->name), right);
}

/* None is a text: the one that becomes the other by a cast; a part of a date, where a number is beside it. */
static void hint_other(const struct expr_node *a, const struct expr_node *b, char *ret_hint, size_t room)
{
    char shown[96];
    const struct expr_node *day = is_of(a, 'D') ? a : b, *number = day == a ? b : a;
    if (is_of(day, 'D') && is_of(number, 'N')) {
        snprintf(ret_hint, room, "; a part of it is a number: extract(year from %s)", checker_shown(day, shown));
        return;
    }
    if (a->type.id == b->type.id) return;
    const struct expr_node *from = coerce_context(b->type.id, a->type.id) != COERCE_NEVER ? b : a, *to = from == b ? a : b;
    if (coerce_context(from->type.id, to->type.id) == COERCE_NEVER) return;
    snprintf(ret_hint, room, "; cast one of them, as in %s::%s", checker_shown(from, shown), type_info(to->type.id)->name);
}

static void hint_operator(const struct expr_node *n, char *ret_hint, size_t room)
{
    ret_hint[0] = '\0';
    if (n->args != 2) return;
    const struct expr_node *a = n->arg[0], *b = n->arg[1];
    if (slice_equal(n->name, SLICE("&&")))
        snprintf(ret_hint, room, "; for && write AND");
    else if (slice_equal(n->name, SLICE("||")) && is_of(a, 'B') && is_of(b, 'B'))
        snprintf(ret_hint, room, "; || joins texts: of conditions write OR");
    else if (slice_equal(n->name, SLICE("+")) && (is_text(a) || a->unknown) && (is_text(b) || b->unknown))
        snprintf(ret_hint, room, "; texts are joined by ||");
    else if (slice_equal(n->name, SLICE("||")))
        snprintf(ret_hint, room, "; || joins texts: write a::text || b::text");
    else if (is_text(a) != is_text(b) && !a->unknown && !b->unknown)
        hint_cast(n, ret_hint, room);
    else if (!a->unknown && !b->unknown)
        hint_other(a, b, ret_hint, room);
}

/* The overloads that we have. */
static void hint_function(const struct expr_node *n, char *ret_hint, size_t room)
{
    size_t len = (size_t)snprintf(ret_hint, room, "; there is");
    unsigned shown = 0;
    for (const struct expr_function *f = NULL; (f = overload_next(n->name, f)) && shown < 4 && len < room - 160; shown++) {
        len += (size_t)snprintf(ret_hint + len, room - len, "%s %s(", shown ? "," : "", f->name);
        for (size_t i = 0; i < f->args; i++)
            len += (size_t)snprintf(ret_hint + len, room - len, "%s%s", i ? ", " : "",
                                    f->arg[i] < TYPE_OTHER ? type_info(f->arg[i])->name : "any");
        len += (size_t)snprintf(ret_hint + len, room - len, "%s)", f->flags & EXPR_VARIADIC ? ", …" : "");
    }
}

static int say_operator(struct checker *c, const struct expr_node *n, int code)
{
    char hint[420];
    hint_operator(n, hint, sizeof hint);
    const char *what = code == OVERLOAD_E_MANY ? "operator is not unique" : "operator does not exist";
    if (code == OVERLOAD_E_MANY) snprintf(hint, sizeof hint, "; give a literal its type, as in integer '1'");
    if (n->args == 1)
        return mistake_at(c->mistake, n->at, EXPR_E_TYPE, "%s: " SLICE_FMT " %s%s", what, SLICE_ARG(n->name),
                          checker_type_name(n->arg[0]), hint);
    return mistake_at(c->mistake, n->at, EXPR_E_TYPE, "%s: %s " SLICE_FMT " %s%s", what, checker_type_name(n->arg[0]),
                      SLICE_ARG(n->name), checker_type_name(n->arg[1]), hint);
}

static int say_server(struct checker *c, const struct expr_node *n, bool known)
{
    char types[200];
    list_types(n, types, sizeof types);
    struct slice name = slice_cut_utf8(n->name, 63);
    static const char *const others[][2] = {{"ifnull", "coalesce"},  {"nvl", "coalesce"},
                                            {"isnull", "coalesce"},  {"len", "length"},
                                            {"ucase", "upper"},      {"lcase", "lower"},
                                            {"instr", "strpos"},     {"datepart", "extract"},
                                            {"charindex", "strpos"}, {"substring_index", "split_part"}};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (slice_equal(name, slice_of(others[i][0])))
            return mistake_at(c->mistake, n->at, EXPR_E_SERVER,
                              "only the server can know a function %s(); PostgreSQL's own is %s()", others[i][0], others[i][1]);
    if (is_operator(name))
        return mistake_at(c->mistake, n->at, EXPR_E_SERVER, "only the server can evaluate the operator " SLICE_FMT "%s%s%s",
                          SLICE_ARG(name), known ? " of " : "", known ? types : "", "");
    return mistake_at(c->mistake, n->at, EXPR_E_SERVER, "only the server can evaluate the function " SLICE_FMT "(%s)",
                      SLICE_ARG(name), types);
}

static int say(struct checker *c, const struct expr_node *n, int code)
{
    if (code < 0) return code;
    bool logic = slice_equal(n->name, SLICE("&&")) && is_of(n->arg[0], 'B') && is_of(n->arg[1], 'B');
    if (logic) return say_operator(c, n, OVERLOAD_E_NONE);
    if (code == OVERLOAD_E_NAME || code == OVERLOAD_E_SERVER) return say_server(c, n, code == OVERLOAD_E_SERVER);
    if (is_operator(n->name)) return say_operator(c, n, code);
    char types[200], hint[420];
    list_types(n, types, sizeof types);
    hint_function(n, hint, sizeof hint);
    return mistake_at(c->mistake, n->at, EXPR_E_TYPE, "function " SLICE_FMT "(%s) %s%s", SLICE_ARG(slice_cut_utf8(n->name, 63)),
                      types, code == OVERLOAD_E_MANY ? "is not unique" : "does not exist", hint);
}

/* ---- calls ---- */

/* int8(x), text(x), date(x): a function of a type's name and one argument is a cast. */
static bool is_cast(const struct expr_node *n, struct type *ret_type)
{
    static const char *const names[] = {"bool", "int2",        "int4", "int8", "float4", "float8", "numeric",
                                        "date", "timestamptz", "uuid", "json", "jsonb",  "text"};
    for (size_t i = 0; n->args == 1 && i < sizeof names / sizeof names[0]; i++)
        if (slice_equal(n->name, slice_of(names[i]))) return type_by_name(n->name, ret_type) == 0;
    return false;
}

static int find(struct checker *c, const struct expr_node *n, struct overload *ret)
{
    uint8_t *type = arena_array(c->arena, n->args, 1);
    if (!type) return -ENOMEM;
    for (size_t i = 0; i < n->args; i++)
        type[i] = checker_type(n->arg[i]);
    struct overload_call call = {n->name, type, n->args, is_operator(n->name), slice_of(c->scope->own_calls)};
    int r = overload_find(&call, c->arena, ret);
    return r ? say(c, n, r) : 0;
}

/* Text joined with what is none is joined with its text. */
static int join_texts(struct checker *c, struct expr_node *n, struct overload *io)
{
    for (size_t i = 0; i < n->args; i++) {
        if (io->type[i] != EXPR_TYPE_ANY) continue;
        int r = checker_cast(c, &n->arg[i], TYPE_TEXT, EXPR_CAST_EXPLICIT);
        if (r) return r;
    }
    return find(c, n, io);
}

/* What its text is cannot be told from the value in memory: jsonb is as it was written, char(n) has no padding. */
static bool prints_otherwise(const struct expr_node *arg)
{
    return !arg->unknown && (arg->type.id == TYPE_JSONB || arg->type.id == TYPE_BPCHAR);
}

int checker_call(struct checker *c, struct expr_node **io_call)
{
    struct expr_node *n = *io_call;
    struct type type;
    struct overload o;
    if (is_cast(n, &type)) {
        /* bool(2::smallint): as a function it takes what can become an integer */
        if (!n->arg[0]->unknown && coerce_context(n->arg[0]->type.id, type.id) == COERCE_NEVER) return say(c, n, OVERLOAD_E_SERVER);
        n->kind = EXPR_CAST;
        n->type = type;
        return 0;
    }
    int r = find(c, n, &o);
    if (r == 0 && slice_equal(n->name, SLICE("||")) && (o.type[0] == EXPR_TYPE_ANY || o.type[1] == EXPR_TYPE_ANY))
        r = join_texts(c, n, &o);
    for (size_t i = 0; i < n->args && r == 0; i++) {
        if (o.type[i] == EXPR_TYPE_ANY && prints_otherwise(n->arg[i])) return say(c, n, OVERLOAD_E_SERVER);
        enum type_id to = o.type[i] == EXPR_TYPE_ANY ? (n->arg[i]->unknown ? TYPE_TEXT : n->arg[i]->type.id) : o.type[i];
        r = checker_cast(c, &n->arg[i], to, EXPR_CAST_IMPLICIT);
    }
    if (r == 0) r = checker_collation(c, n, o.function, n->arg, n->args);
    if (r) return r;
    n->function = o.function;
    n->type = (struct type){o.function->result, -1};
    tree_count(n);
    if (n->args == 1 && slice_equal(n->name, SLICE("+"))) *io_call = n->arg[0];
    return 0;
}

int checker_operator(struct checker *c, const char *name, size_t at, struct expr_node *left, struct expr_node *right,
                     struct expr_node **ret_call)
{
    struct expr_node *arg[2] = {left, right}, *call = tree_node(c->arena, EXPR_CALL, at, arg, 2);
    if (!call) return -ENOMEM;
    call->name = slice_of(name);
    *ret_call = call;
    return checker_call(c, ret_call);
}
