/* SPDX-License-Identifier: MIT */
/*
 * LIKE: % stands for any characters, _ for one, \ takes the next one as it is. A pattern's last % is the only one to come back to,
 * since what matched before it, matched as early as it could.
 */
#include "expr/fn_text.h"

enum {
    LIKE_E_ESCAPE = 1, /* the pattern ends with a \ that is looked at */
    LIKE_E_STEPS = 2,
};

struct matcher {
    struct slice text, pattern;
    size_t t, p;
    size_t back_t, back_p; /* behind the last %: where the pattern goes on, and where in the text that was tried last */
    bool back;
};

/* All % and _ from one % on. False: the text has too few characters. */
static bool skip_wildcards(struct matcher *m)
{
    for (; m->p < m->pattern.len; m->p++) {
        if (m->pattern.p[m->p] == '%') continue;
        if (m->pattern.p[m->p] != '_') break;
        if (m->t >= m->text.len) return false;
        m->t += fn_text_char(m->text, m->t);
    }
    m->back = true;
    m->back_t = m->t;
    m->back_p = m->p;
    return true;
}

/* Behind the last %: on to where the literal that follows it stands next. False: there is no %, or no such place. */
static bool try_again(struct matcher *m)
{
    if (!m->back || m->back_t >= m->text.len) return false;
    size_t from = m->back_t + fn_text_char(m->text, m->back_t);
    char literal = m->pattern.p[m->back_p + (m->pattern.p[m->back_p] == '\\')];
    const char *found = memchr(m->text.p + from, literal, m->text.len - from);
    if (!found) return false;
    m->t = m->back_t = (size_t)(found - m->text.p);
    m->p = m->back_p;
    return true;
}

static int match(struct slice text, struct slice pattern, bool *ret_matches)
{
    struct matcher m = {.text = text, .pattern = pattern};
    *ret_matches = false;
    for (uint64_t left = FN_TEXT_STEPS_MAX + 2 * (uint64_t)text.len; m.t < text.len; left--) {
        if (left == 0) return LIKE_E_STEPS;
        bool more = m.p < pattern.len;
        char c = '\0';
        if (more) c = pattern.p[m.p];
        if (more && c == '%') {
            if (!skip_wildcards(&m)) return 0;
            if (m.p == pattern.len) {
                *ret_matches = true;
                return 0;
            }
            if (pattern.p[m.p] == '\\' && m.p + 1 == pattern.len) return LIKE_E_ESCAPE;
            continue;
        }
        if (more && c == '_') {
            m.t += fn_text_char(text, m.t);
            m.p++;
            continue;
        }
        size_t literal = m.p;
        if (more && c == '\\' && ++literal == pattern.len) return LIKE_E_ESCAPE;
        if (more && pattern.p[literal] == text.p[m.t]) {
            m.t++;
            m.p = literal + 1;
        } else if (!try_again(&m)) {
            return 0;
        }
    }
    while (m.p < pattern.len && pattern.p[m.p] == '%')
        m.p++;
    *ret_matches = m.p == pattern.len;
    return 0;
}

static int answer(struct expr_run *run, uint32_t row, struct slice text, struct slice pattern, bool wanted, union value *ret_value)
{
    bool matches;
    int r = match(text, pattern, &matches);
    if (r == LIKE_E_STEPS) return fn_text_too_much(run, row);
    if (r) return expr_fail(run, row, "22025", "LIKE pattern must not end with escape character");
    ret_value->i = matches == wanted;
    return 0;
}

static inline int like(struct expr_run *run, const struct expr_call *call, const struct expr_rows *rows, struct batch_column *ret,
                       bool wanted)
{
    for (size_t i = 0; i < rows->n; i++) {
        uint32_t row = rows->row[i];
        int r = answer(run, row, call->arg[0]->value[row].s, call->arg[1]->value[row].s, wanted, &ret->value[row]);
        if (r) return r;
    }
    return 0;
}

FN_TEXT_KERNEL(fn_text_like)
{
    return like(run, call, rows, ret, true);
}

FN_TEXT_KERNEL(fn_text_not_like)
{
    return like(run, call, rows, ret, false);
}

/* Both sides are folded to lower case. */
static int ilike(struct expr_run *run, const struct expr_call *call, const struct expr_rows *rows, struct batch_column *ret,
                 bool wanted)
{
    struct fn_text_case table;
    fn_text_case_init(&table, run->ctype);
    struct buf both;
    fn_text_begin(&both, run);
    int r = 0;
    for (size_t i = 0; !r && i < rows->n; i++) {
        uint32_t row = rows->row[i];
        buf_reset(&both);
        fn_text_case_lower(&table, call->arg[0]->value[row].s, &both);
        size_t len = both.len;
        fn_text_case_lower(&table, call->arg[1]->value[row].s, &both);
        r = buf_check(&both) == 0 ? 0 : -ENOMEM;
        if (r) break;
        const char *data = both.data ? both.data : "";
        struct slice text = {data, len}, pattern = {data + len, both.len - len};
        r = answer(run, row, text, pattern, wanted, &ret->value[row]);
    }
    buf_done(&both);
    return r;
}

FN_TEXT_KERNEL(fn_text_ilike)
{
    return ilike(run, call, rows, ret, true);
}

FN_TEXT_KERNEL(fn_text_not_ilike)
{
    return ilike(run, call, rows, ret, false);
}

/* The pattern with \ in place of another escape character; an empty one: there is none */
static void escape(struct slice pattern, struct slice mark, struct buf *out)
{
    bool escaped = false;
    for (size_t at = 0, len; at < pattern.len; at += len) {
        len = fn_text_char(pattern, at);
        bool is_mark = mark.len && !escaped && len == mark.len && memcmp(pattern.p + at, mark.p, len) == 0;
        if (is_mark) {
            buf_putc(out, '\\');
        } else {
            if (pattern.p[at] == '\\' && !escaped) buf_putc(out, '\\');
            buf_append(out, pattern.p + at, len);
        }
        escaped = is_mark;
    }
}

FN_TEXT_KERNEL(fn_text_like_escape)
{
    struct buf out;
    fn_text_begin(&out, run);
    int r = 0;
    for (size_t i = 0; !r && i < rows->n; i++) {
        uint32_t row = rows->row[i];
        struct slice pattern = call->arg[0]->value[row].s, mark = call->arg[1]->value[row].s;
        if (mark.len > 0 && fn_text_char(mark, 0) != mark.len) {
            r = expr_fail(run, row, "22025", "invalid escape string");
            continue;
        }
        if (mark.len == 1 && mark.p[0] == '\\') {
            ret->value[row].s = pattern;
            continue;
        }
        buf_reset(&out);
        escape(pattern, mark, &out);
        r = fn_text_take(&out, run, &ret->value[row]);
    }
    buf_done(&out);
    return r;
}
