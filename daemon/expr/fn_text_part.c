/* SPDX-License-Identifier: MIT */
/* Results that are parts of their argument: nothing is copied. */
#include "expr/fn_text.h"

static struct slice behind(struct slice s, size_t bytes)
{
    return (struct slice){s.p + bytes, s.len - bytes};
}

static struct slice before(struct slice s, size_t bytes)
{
    return (struct slice){s.p, bytes};
}

/* The first character is number 1; those before it count in the length though there are none. */
static struct slice part_of(struct slice s, int64_t start, bool limited, int64_t length)
{
    int64_t end = start + length;
    if (limited && end <= INT32_MAX) {
        if (end <= 1) return before(s, 0);
        s = before(s, fn_text_offset(s, (size_t)end - 1));
    }
    return start > 1 ? behind(s, fn_text_offset(s, (size_t)start - 1)) : s;
}

FN_TEXT_KERNEL(fn_text_substr)
{
    const union value *text = call->arg[0]->value, *start = call->arg[1]->value;
    const union value *length = call->args > 2 ? call->arg[2]->value : NULL;
    for (size_t i = 0; i < rows->n; i++) {
        uint32_t row = rows->row[i];
        if (length && length[row].i < 0) {
            int r = expr_fail(run, row, "22011", "negative substring length not allowed");
            if (r) return r;
            continue;
        }
        ret->value[row].s = part_of(text[row].s, start[row].i, length, length ? length[row].i : 0);
    }
    return 0;
}

/* Bytes of all characters but the last n */
static size_t offset_from_end(struct slice s, int64_t n)
{
    size_t at = s.len;
    for (; n > 0 && at > 0; n--) {
        at--;
        while (at > 0 && !fn_text_starts(s.p[at]))
            at--;
    }
    return at;
}

FN_TEXT_KERNEL(fn_text_left)
{
    (void)run;
    for (size_t i = 0; i < rows->n; i++) {
        uint32_t row = rows->row[i];
        struct slice s = call->arg[0]->value[row].s;
        int64_t n = call->arg[1]->value[row].i;
        ret->value[row].s = before(s, n < 0 ? offset_from_end(s, -n) : fn_text_offset(s, (size_t)n));
    }
    return 0;
}

FN_TEXT_KERNEL(fn_text_right)
{
    (void)run;
    for (size_t i = 0; i < rows->n; i++) {
        uint32_t row = rows->row[i];
        struct slice s = call->arg[0]->value[row].s;
        int64_t n = call->arg[1]->value[row].i;
        if (n == INT32_MIN) n = INT32_MAX; /* has no positive as an integer: the server leaves out nothing */
        ret->value[row].s = behind(s, n < 0 ? fn_text_offset(s, (size_t)-n) : offset_from_end(s, n));
    }
    return 0;
}

/* The n-th part counted from the start, or an empty text */
static struct slice field(struct slice s, struct slice delimiter, int64_t n)
{
    for (;;) {
        size_t at = fn_text_find(s, delimiter);
        if (--n == 0) return before(s, at);
        if (at == s.len) return before(s, 0);
        s = behind(s, at + delimiter.len);
    }
}

static int64_t fields(struct slice s, struct slice delimiter)
{
    int64_t n = 1;
    for (size_t at; (at = fn_text_find(s, delimiter)) < s.len; n++)
        s = behind(s, at + delimiter.len);
    return n;
}

static struct slice split(struct slice s, struct slice delimiter, int64_t n)
{
    if (s.len == 0) return s;
    if (delimiter.len == 0) return n == 1 || n == -1 ? s : before(s, 0);
    if (n > 0) return field(s, delimiter, n);
    n += fields(s, delimiter) + 1;
    return n > 0 ? field(s, delimiter, n) : before(s, 0);
}

FN_TEXT_KERNEL(fn_text_split_part)
{
    for (size_t i = 0; i < rows->n; i++) {
        uint32_t row = rows->row[i];
        int64_t n = call->arg[2]->value[row].i;
        if (n == 0) {
            int r = expr_fail(run, row, "22023", "field position must not be zero");
            if (r) return r;
            continue;
        }
        ret->value[row].s = split(call->arg[0]->value[row].s, call->arg[1]->value[row].s, n);
    }
    return 0;
}

/* The character at the start of s is one of the set's. */
static bool among(struct slice s, struct slice set)
{
    for (size_t at = 0, len; at < set.len; at += len) {
        len = fn_text_char(set, at);
        if (len == s.len && memcmp(set.p + at, s.p, len) == 0) return true;
    }
    return false;
}

/* Characters that may be looked for in the set */
static uint64_t looks(struct slice set)
{
    enum { FEW = 64 };
    return set.len <= FEW ? UINT64_MAX : FN_TEXT_STEPS_MAX / set.len;
}

/* False: that is too much. */
static bool trim_start(struct slice *s, struct slice set)
{
    for (uint64_t left = looks(set); s->len > 0; left--) {
        size_t len = fn_text_char(*s, 0);
        if (left == 0 || !among(before(*s, len), set)) return left > 0;
        *s = behind(*s, len);
    }
    return true;
}

static bool trim_end(struct slice *s, struct slice set)
{
    for (uint64_t left = looks(set); s->len > 0; left--) {
        size_t rest = offset_from_end(*s, 1);
        if (left == 0 || !among(behind(*s, rest), set)) return left > 0;
        *s = before(*s, rest);
    }
    return true;
}

static inline int trim(struct expr_run *run, const struct expr_call *call, const struct expr_rows *rows, struct batch_column *ret,
                       bool start, bool end)
{
    for (size_t i = 0; i < rows->n; i++) {
        uint32_t row = rows->row[i];
        struct slice s = call->arg[0]->value[row].s, set = call->args > 1 ? call->arg[1]->value[row].s : SLICE(" ");
        bool done = (!start || trim_start(&s, set)) && (!end || trim_end(&s, set));
        int r = done ? 0 : fn_text_too_much(run, row);
        if (r) return r;
        ret->value[row].s = s;
    }
    return 0;
}

FN_TEXT_KERNEL(fn_text_btrim)
{
    return trim(run, call, rows, ret, true, true);
}

FN_TEXT_KERNEL(fn_text_ltrim)
{
    return trim(run, call, rows, ret, true, false);
}

FN_TEXT_KERNEL(fn_text_rtrim)
{
    return trim(run, call, rows, ret, false, true);
}
