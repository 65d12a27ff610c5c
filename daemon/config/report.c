/* SPDX-License-Identifier: MIT */
#include "config/report.h"

#include "base/name.h"
#include "config/token_reader.h"

enum { SHOWN_BYTES = 60 };

/* ---- parameters ---- */

static bool ends_item(const struct token_reader *p)
{
    return p->now.kind == TOKEN_END || token_is_sign(p->now, ",") || p->new_line;
}

static int depth_of(struct token t)
{
    if (token_is_sign(t, "(") || token_is_sign(t, "[")) return 1;
    return token_is_sign(t, ")") || token_is_sign(t, "]") ? -1 : 0;
}

/* What a type's name is made of: words, dots, and numbers in parentheses or brackets. */
static bool in_type(struct token t, int depth)
{
    if (token_is_word(t, "not") || token_is_word(t, "null") || token_is_word(t, "default")) return false;
    return token_is_name(t) || token_is_sign(t, ".") || depth_of(t) != 0 ||
           (depth > 0 && (t.kind == TOKEN_NUMBER || token_is_sign(t, ",")));
}

static int take_type(struct token_reader *p, const char **ret_type)
{
    struct slice type = {p->now.text.p, 0};
    int depth = 0;
    while ((depth > 0 || !ends_item(p)) && in_type(p->now, depth) && depth + depth_of(p->now) >= 0) {
        depth += depth_of(p->now);
        type.len = (size_t)(p->now.text.p + p->now.text.len - type.p);
        token_advance(p);
    }
    if (type.len == 0 || depth > 0) return token_unexpected(p, depth > 0 ? "the end of a type" : "a parameter's type");
    *ret_type = arena_cstr(p->arena, type);
    return *ret_type ? 0 : -ENOMEM;
}

/* The expression behind `default`, to the end of the item. */
static int take_default(struct token_reader *p, const char **ret_expression)
{
    struct slice text = {NULL, 0};
    int depth = 0;
    token_advance(p);
    while (depth > 0 || !ends_item(p)) {
        depth += depth_of(p->now);
        if (p->now.kind == TOKEN_BAD || p->now.kind == TOKEN_END || depth < 0 || token_is_sign(p->now, ";"))
            return token_unexpected(p, depth > 0 ? "the end of a default" : "a default");
        if (token_is_sign(p->now, ":") || token_is_sign(p->now, "$"))
            return error_set(p->err, REPORT_E_SYNTAX, "a default is an expression by itself; it knows no other parameter");
        if (!text.p) text.p = p->now.text.p;
        text.len = (size_t)(p->now.text.p + p->now.text.len - text.p);
        token_advance(p);
    }
    if (!text.p) return token_unexpected(p, "a default's expression");
    *ret_expression = arena_cstr(p->arena, text);
    return *ret_expression ? 0 : -ENOMEM;
}

static int take_param(struct token_reader *p, struct report_param *params, size_t *n)
{
    struct report_param param = {0};
    struct slice written = p->now.text;
    if (p->now.kind != TOKEN_NAME) return token_unexpected(p, "a parameter's name");
    if (*n == REPORT_PARAMS_MAX) return error_set(p->err, REPORT_E_SYNTAX, "more than %d parameters", REPORT_PARAMS_MAX);
    param.name = token_name(p->now, p->arena);
    if (!param.name) return -ENOMEM;
    if (report_param_find(&(struct report_params){params, *n}, slice_of(param.name)) != REPORT_NO_PARAM)
        return error_set(p->err, REPORT_E_SYNTAX, "the parameter '%s' is there twice", param.name);
    token_advance(p);
    if (ends_item(p))
        return error_set(p->err, REPORT_E_SYNTAX, "the parameter '" SLICE_FMT "' has no type; write " SLICE_FMT " int",
                         SLICE_ARG(slice_cut_utf8(written, SHOWN_BYTES)), SLICE_ARG(slice_cut_utf8(written, SHOWN_BYTES)));
    int r = take_type(p, &param.type);
    if (r == 0 && !ends_item(p) && token_is_word(p->now, "default")) r = take_default(p, &param.otherwise);
    if (r == 0 && !ends_item(p)) r = token_unexpected(p, "'default' or the next parameter");
    if (r == 0) params[(*n)++] = param;
    return r;
}

int report_params_parse(struct slice text, struct arena *arena, struct error *err, struct report_params *ret_params)
{
    struct report_param *params = arena_array(arena, REPORT_PARAMS_MAX, sizeof *params);
    if (!params) return -ENOMEM;
    struct token_reader p = token_reader_of(text, arena, err);
    size_t n = 0;
    while (p.now.kind != TOKEN_END) {
        int r = take_param(&p, params, &n);
        if (r) return r;
        if (token_is_sign(p.now, ",")) token_advance(&p);
    }
    *ret_params = (struct report_params){params, n};
    return 0;
}

int report_param_find(const struct report_params *params, struct slice name)
{
    for (size_t i = 0; i < params->n; i++)
        if (slice_equal(slice_of(params->item[i].name), name)) return (int)i;
    return REPORT_NO_PARAM;
}

/* ---- texts ---- */

struct pieces {
    struct report_piece *piece;
    size_t n;
    struct arena *arena;
    struct error *err;
    const struct report_params *params;
};

/* Each placeholder begins with `mark`. */
static int begin(struct pieces *s, struct slice text, char mark)
{
    size_t room = 1;
    for (size_t i = 0; i < text.len && room < REPORT_PIECES_MAX; i++)
        room += text.p[i] == mark;
    s->piece = arena_array(s->arena, room, sizeof *s->piece);
    return s->piece ? 0 : -ENOMEM;
}

static int add(struct pieces *s, struct slice text, int param)
{
    if (s->n == REPORT_PIECES_MAX) return error_set(s->err, REPORT_E_SYNTAX, "more than %d placeholders", REPORT_PIECES_MAX - 1);
    s->piece[s->n++] = (struct report_piece){text, param};
    return 0;
}

static int unknown(const struct pieces *s, const char *before, const char *name, const char *behind)
{
    struct name_nearest nearest = name_nearest_to(slice_of(name));
    for (size_t i = 0; i < s->params->n; i++)
        name_nearest_offer(&nearest, s->params->item[i].name);
    const char *best = nearest.best;
    return error_set(s->err, REPORT_E_SYNTAX, "%s%s%s is no parameter%s%s%s%s%s", before, name, behind,
                     best ? " (did you mean " : "; declare it: param = ", best ? before : "", best ? best : name,
                     best ? behind : " int", best ? "?)" : "");
}

int report_sql_parse(struct slice sql, const struct report_params *params, struct arena *arena, struct error *err,
                     struct report_text *ret_sql)
{
    struct pieces s = {.arena = arena, .err = err, .params = params};
    struct slice rest = sql;
    const char *from = sql.p;
    int r = begin(&s, sql, ':');
    for (struct token t = token_next(&rest); r == 0 && t.kind != TOKEN_END; t = token_next(&rest)) {
        if (t.kind == TOKEN_BAD) return error_set(err, REPORT_E_SYNTAX, "a quote or a comment is not closed");
        if (token_is_sign(t, ";")) return error_set(err, REPORT_E_SYNTAX, "a report is one query; there is a ';' in it");
        bool sign = token_is_sign(t, ":"), dollar = token_is_sign(t, "$");
        if (!sign && !dollar) continue;
        struct slice behind = rest;
        struct token name = token_next(&behind);
        if (name.text.p != t.text.p + 1) continue;
        if (dollar && name.kind == TOKEN_NUMBER)
            return error_set(err, REPORT_E_SYNTAX, "a parameter is written by its name, as in :%s, not $" SLICE_FMT,
                             params->n ? params->item[0].name : "year", SLICE_ARG(slice_cut_utf8(name.text, SHOWN_BYTES)));
        if (!sign || name.kind != TOKEN_NAME) continue;
        char *text = token_name(name, arena);
        if (!text) return -ENOMEM;
        int param = report_param_find(params, slice_of(text));
        if (param == REPORT_NO_PARAM) return unknown(&s, ":", text, "");
        r = add(&s, (struct slice){from, (size_t)(t.text.p - from)}, param);
        from = name.text.p + name.text.len;
        rest = behind;
    }
    if (r == 0) r = add(&s, (struct slice){from, (size_t)(sql.p + sql.len - from)}, REPORT_NO_PARAM);
    if (r == 0) *ret_sql = (struct report_text){s.piece, s.n};
    return r;
}

int report_filename_parse(struct slice filename, const struct report_params *params, struct arena *arena, struct error *err,
                          struct report_text *ret_filename)
{
    struct pieces s = {.arena = arena, .err = err, .params = params};
    const char *from = filename.p, *end = filename.p + filename.len;
    int r = begin(&s, filename, '{');
    for (const char *at = from; r == 0 && (at = memchr(at, '{', (size_t)(end - at)));) {
        const char *close = memchr(at, '}', (size_t)(end - at));
        if (!close) return error_set(err, REPORT_E_SYNTAX, "a '{' is not closed");
        struct token t = {TOKEN_NAME, {at + 1, (size_t)(close - at) - 1}};
        char *name = token_name(t, arena);
        if (!name) return -ENOMEM;
        int param = report_param_find(params, slice_of(name));
        if (param == REPORT_NO_PARAM) return unknown(&s, "{", name, "}");
        r = add(&s, (struct slice){from, (size_t)(at - from)}, param);
        at = from = close + 1;
    }
    if (r == 0) r = add(&s, (struct slice){from, (size_t)(end - from)}, REPORT_NO_PARAM);
    if (r == 0) *ret_filename = (struct report_text){s.piece, s.n};
    return r;
}

bool report_uses(const struct report_text *text, int param)
{
    for (size_t i = 0; i < text->n; i++)
        if (text->piece[i].param == param) return true;
    return false;
}

void report_sql(const struct report_text *sql, const struct report_params *params, int first, struct buf *out)
{
    for (size_t i = 0; i < sql->n; i++) {
        const struct report_piece *piece = &sql->piece[i];
        buf_put(out, piece->text);
        /* in parentheses: :list[1] is no array of a type */
        if (piece->param != REPORT_NO_PARAM) buf_printf(out, "($%d::%s)", first + piece->param, params->item[piece->param].type);
    }
}
