/* SPDX-License-Identifier: MIT */
/*
 * Upper and lower case. In the C locale only ASCII letters have it; else each character goes through the C library's tables for the
 * locale, as PostgreSQL's libc provider does it (so ß stays what it is).
 */
#include "expr/fn_text.h"

#include <wctype.h>

enum direction { LOWER, UPPER, INITCAP };
enum { ASCII = 128, SHORT = 32 };

static wint_t convert(wint_t c, bool upper, locale_t ctype)
{
    if (ctype) return upper ? towupper_l(c, ctype) : towlower_l(c, ctype);
    if (upper) return c >= 'a' && c <= 'z' ? c - ('a' - 'A') : c;
    return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

static bool is_alnum(wint_t c, locale_t ctype)
{
    if (ctype) return iswalnum_l(c, ctype) != 0;
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* The character at `at`; what is no UTF-8 counts as one byte. */
static wint_t decode(struct slice s, size_t at, size_t *ret_len)
{
    struct slice rest = {s.p + at, s.len - at};
    size_t len = slice_char_len(rest);
    const unsigned char *p = (const unsigned char *)rest.p;
    *ret_len = len ? len : 1;
    if (len < 2) return p[0];
    wint_t c = p[0] & (0x7fU >> len);
    for (size_t i = 1; i < len; i++)
        c = c << 6 | (p[i] & 0x3fU);
    return c;
}

static void encode(struct buf *out, wint_t c)
{
    char p[4];
    size_t len = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char first[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = len; i-- > 1; c >>= 6)
        p[i] = (char)(0x80 | (c & 0x3f));
    p[0] = (char)(first[len] | c);
    buf_append(out, p, len);
}

/* In the C locale what is not ASCII stays what it is, byte for byte. An ASCII letter may leave ASCII (Turkish i). */
void fn_text_case_init(struct fn_text_case *t, locale_t ctype)
{
    *t = (struct fn_text_case){.ctype = ctype};
    for (wint_t c = 1; c < ASCII; c++) {
        wint_t lower = convert(c, false, ctype), upper = convert(c, true, ctype);
        t->lower[c] = (char)(lower < ASCII ? lower : 0);
        t->upper[c] = (char)(upper < ASCII ? upper : 0);
        t->alnum[c] = is_alnum(c, ctype);
    }
    for (wint_t c = ASCII; c < FN_TEXT_BYTES && !ctype; c++)
        t->lower[c] = t->upper[c] = (char)c;
}

/* Bytes from `at` on, as far as the table goes; the index behind them */
static size_t change_bytes(const struct fn_text_case *t, enum direction d, struct slice s, size_t at, bool *io_inside,
                           struct buf *out)
{
    char *to = buf_reserve(out, s.len - at);
    if (!to) return s.len;
    bool inside = *io_inside;
    size_t i = at;
    for (; i < s.len; i++) {
        unsigned char c = (unsigned char)s.p[i];
        char changed = d == UPPER || (d == INITCAP && !inside) ? t->upper[c] : t->lower[c];
        if (!changed) break;
        *to++ = changed;
        inside = t->alnum[(unsigned char)changed];
    }
    buf_wrote(out, i - at);
    *io_inside = inside;
    return i;
}

static void change(const struct fn_text_case *t, enum direction d, struct slice s, struct buf *out)
{
    bool inside = false;
    for (size_t at = 0; at < s.len;) {
        at = change_bytes(t, d, s, at, &inside, out);
        if (at == s.len) return;
        size_t len;
        wint_t c = decode(s, at, &len);
        c = convert(c, d == UPPER || (d == INITCAP && !inside), t->ctype);
        encode(out, c);
        inside = is_alnum(c, t->ctype);
        at += len;
    }
}

/* A text all of whose bytes are in the table, of LOWER and UPPER: `to` has room for it. False: it is another. */
static inline bool change_short(const char table[FN_TEXT_BYTES], struct slice s, char *to)
{
    bool all = true;
    for (size_t i = 0; i < s.len; i++) {
        char changed = table[(unsigned char)s.p[i]];
        to[i] = changed;
        all &= changed != '\0';
    }
    return all;
}

static int each(struct expr_run *run, const struct expr_call *call, const struct expr_rows *rows, struct batch_column *ret,
                enum direction d)
{
    struct fn_text_case t;
    fn_text_case_init(&t, run->ctype);
    const char *table = d == UPPER ? t.upper : t.lower;
    struct buf out;
    fn_text_begin(&out, run);
    int r = 0;
    for (size_t i = 0; !r && i < rows->n; i++) {
        uint32_t row = rows->row[i];
        struct slice s = call->arg[0]->value[row].s;
        char *to = d != INITCAP && s.len <= SHORT ? arena_alloc(run->arena, SHORT) : NULL;
        if (to && change_short(table, s, to)) {
            ret->value[row].s = (struct slice){to, s.len};
            continue;
        }
        buf_reset(&out);
        change(&t, d, s, &out);
        r = fn_text_take(&out, run, &ret->value[row]);
    }
    buf_done(&out);
    return r;
}

FN_TEXT_KERNEL(fn_text_lower)
{
    return each(run, call, rows, ret, LOWER);
}

FN_TEXT_KERNEL(fn_text_upper)
{
    return each(run, call, rows, ret, UPPER);
}

FN_TEXT_KERNEL(fn_text_initcap)
{
    return each(run, call, rows, ret, INITCAP);
}

void fn_text_case_lower(const struct fn_text_case *t, struct slice s, struct buf *out)
{
    change(t, LOWER, s, out);
}
