/* SPDX-License-Identifier: MIT */
/* Results that are new texts. */
#include "data/print.h"
#include "expr/fn_text.h"

enum { UTF8_MAX = 4 };

static int too_long(struct expr_run *run, uint32_t row)
{
    return expr_fail(run, row, "54000", "requested length too large");
}

static char *room(struct expr_run *run, size_t len, union value *ret_value)
{
    char *p = arena_alloc(run->arena, len);
    if (p) ret_value->s = (struct slice){p, len};
    return p;
}

static char *put(char *to, struct slice s)
{
    if (s.len) memcpy(to, s.p, s.len);
    return to + s.len;
}

/* As the cast to text has it, which says true and false */
static void print_cast(struct buf *out, const struct batch_column *c, uint32_t row)
{
    if (c->type.id == TYPE_BOOL)
        buf_puts(out, c->value[row].i ? "true" : "false");
    else if (c->type.id == TYPE_BPCHAR)
        buf_put(out, fn_text_blanks_off(c->value[row].s));
    else
        print_value(out, c->type.id, c->value[row]);
}

static bool is_text(const struct batch_column *c)
{
    return c->type.id == TYPE_TEXT || c->type.id == TYPE_VARCHAR;
}

static int join_texts(struct expr_run *run, const struct expr_call *call, const struct expr_rows *rows, struct batch_column *ret)
{
    for (size_t i = 0; i < rows->n; i++) {
        uint32_t row = rows->row[i];
        struct slice a = call->arg[0]->value[row].s, b = call->arg[1]->value[row].s;
        char *to = room(run, a.len + b.len, &ret->value[row]);
        if (!to) return -ENOMEM;
        put(put(to, a), b);
    }
    return 0;
}

/* The operator ||: each side by its cast to text */
FN_TEXT_KERNEL(fn_text_join)
{
    if (is_text(call->arg[0]) && is_text(call->arg[1])) return join_texts(run, call, rows, ret);
    struct buf out;
    fn_text_begin(&out, run);
    int r = 0;
    for (size_t i = 0; !r && i < rows->n; i++) {
        uint32_t row = rows->row[i];
        buf_reset(&out);
        print_cast(&out, call->arg[0], row);
        print_cast(&out, call->arg[1], row);
        r = fn_text_take(&out, run, &ret->value[row]);
    }
    buf_done(&out);
    return r;
}

/* What is not NULL among the arguments from `first` on, by its output function, with the separator between */
static int concat(struct expr_run *run, const struct expr_call *call, const struct expr_rows *rows, struct batch_column *ret,
                  const struct batch_column *separator)
{
    struct buf out;
    fn_text_begin(&out, run);
    int r = 0;
    for (size_t i = 0; !r && i < rows->n; i++) {
        uint32_t row = rows->row[i];
        ret->null[row] = separator && separator->null[row];
        if (ret->null[row]) continue;
        buf_reset(&out);
        bool more = false;
        for (size_t k = separator != NULL; k < call->args; k++) {
            const struct batch_column *c = call->arg[k];
            if (c->null[row]) continue;
            if (more) buf_put(&out, separator->value[row].s);
            more = separator != NULL;
            print_value(&out, c->type.id, c->value[row]);
        }
        r = fn_text_take(&out, run, &ret->value[row]);
    }
    buf_done(&out);
    return r;
}

FN_TEXT_KERNEL(fn_text_concat)
{
    return concat(run, call, rows, ret, NULL);
}

FN_TEXT_KERNEL(fn_text_concat_ws)
{
    return concat(run, call, rows, ret, call->arg[0]);
}

static size_t occurrences(struct slice s, struct slice part)
{
    size_t n = 0;
    for (size_t at; (at = fn_text_find(s, part)) < s.len; n++)
        s = (struct slice){s.p + at + part.len, s.len - at - part.len};
    return n;
}

static int replace(struct expr_run *run, struct slice s, struct slice from, struct slice by, union value *ret_value)
{
    size_t n = from.len ? occurrences(s, from) : 0;
    if (n == 0) {
        ret_value->s = s;
        return 0;
    }
    size_t len = s.len - n * from.len + n * by.len;
    char *to = room(run, len, ret_value);
    if (!to) return -ENOMEM;
    for (; n > 0; n--) {
        size_t at = fn_text_find(s, from);
        to = put(put(to, (struct slice){s.p, at}), by);
        s = (struct slice){s.p + at + from.len, s.len - at - from.len};
    }
    put(to, s);
    return 0;
}

FN_TEXT_KERNEL(fn_text_replace)
{
    for (size_t i = 0; i < rows->n; i++) {
        uint32_t row = rows->row[i];
        int r = replace(run, call->arg[0]->value[row].s, call->arg[1]->value[row].s, call->arg[2]->value[row].s, &ret->value[row]);
        if (r) return r;
    }
    return 0;
}

/* Characters up to `length`: whole fills, then the beginning of one */
struct padding {
    size_t whole; /* fills */
    size_t rest;  /* bytes of the last one */
};

static struct padding pad_for(struct slice fill, size_t missing)
{
    size_t length = fn_text_length(fill);
    return (struct padding){missing / length, fn_text_offset(fill, missing % length)};
}

static int pad(struct expr_run *run, const struct expr_call *call, uint32_t row, bool left, union value *ret_value)
{
    struct slice s = call->arg[0]->value[row].s, fill = call->args > 2 ? call->arg[2]->value[row].s : SLICE(" ");
    int64_t wanted = call->arg[1]->value[row].i;
    size_t length = wanted < 0 ? 0 : (size_t)wanted, have = fn_text_length(s);
    if (have >= length || fill.len == 0) {
        if (have > length) s.len = fn_text_offset(s, length);
        if (fill.len > 0 && length * UTF8_MAX > FN_TEXT_MAX) return too_long(run, row);
        ret_value->s = s;
        return 0;
    }
    if (length * UTF8_MAX > FN_TEXT_MAX) return too_long(run, row);
    struct padding p = pad_for(fill, length - have);
    char *to = room(run, s.len + p.whole * fill.len + p.rest, ret_value);
    if (!to) return -ENOMEM;
    if (!left) to = put(to, s);
    while (p.whole-- > 0)
        to = put(to, fill);
    to = put(to, (struct slice){fill.p, p.rest});
    if (left) put(to, s);
    return 0;
}

FN_TEXT_KERNEL(fn_text_lpad)
{
    for (size_t i = 0; i < rows->n; i++) {
        int r = pad(run, call, rows->row[i], true, &ret->value[rows->row[i]]);
        if (r) return r;
    }
    return 0;
}

FN_TEXT_KERNEL(fn_text_rpad)
{
    for (size_t i = 0; i < rows->n; i++) {
        int r = pad(run, call, rows->row[i], false, &ret->value[rows->row[i]]);
        if (r) return r;
    }
    return 0;
}

static int repeat(struct expr_run *run, uint32_t row, struct slice s, int64_t times, union value *ret_value)
{
    size_t n = times > 0 ? (size_t)times : 0;
    if (n * s.len > FN_TEXT_MAX) return too_long(run, row);
    char *to = room(run, n * s.len, ret_value);
    if (!to) return -ENOMEM;
    if (s.len == 1) {
        memset(to, s.p[0], n);
        return 0;
    }
    for (; s.len > 0 && n > 0; n--)
        to = put(to, s);
    return 0;
}

FN_TEXT_KERNEL(fn_text_repeat)
{
    for (size_t i = 0; i < rows->n; i++) {
        uint32_t row = rows->row[i];
        int r = repeat(run, row, call->arg[0]->value[row].s, call->arg[1]->value[row].i, &ret->value[row]);
        if (r) return r;
    }
    return 0;
}

FN_TEXT_KERNEL(fn_text_reverse)
{
    for (size_t i = 0; i < rows->n; i++) {
        uint32_t row = rows->row[i];
        struct slice s = call->arg[0]->value[row].s;
        char *to = room(run, s.len, &ret->value[row]);
        if (!to) return -ENOMEM;
        to += s.len;
        for (size_t at = 0, len; at < s.len; at += len) {
            len = fn_text_char(s, at);
            to -= len;
            memcpy(to, s.p + at, len);
        }
    }
    return 0;
}

/* Which character of the set stands at the start of s; the number of characters when none does */
static size_t index_in(struct slice set, struct slice s)
{
    size_t n = 0;
    for (size_t at = 0, len; at < set.len; at += len, n++) {
        len = fn_text_char(set, at);
        if (len == s.len && memcmp(set.p + at, s.p, len) == 0) break;
    }
    return n;
}

/* Characters of `from` become those of `to` in the same place, or nothing where it has none. False: that is too much. */
static bool translate(struct slice s, struct slice from, struct slice to, struct buf *out)
{
    enum { MANY = 64 }; /* a long text may well be translated by the tables of a whole alphabet */
    size_t kinds = fn_text_length(from);
    if (s.len > MANY * FN_TEXT_STEPS_MAX / (from.len + to.len + 1)) return false;
    for (size_t at = 0, len; at < s.len; at += len) {
        len = fn_text_char(s, at);
        struct slice c = {s.p + at, len};
        size_t i = index_in(from, c);
        if (i == kinds) {
            buf_put(out, c);
            continue;
        }
        size_t by = fn_text_offset(to, i);
        if (by < to.len) buf_append(out, to.p + by, fn_text_char(to, by));
    }
    return true;
}

FN_TEXT_KERNEL(fn_text_translate)
{
    struct buf out;
    fn_text_begin(&out, run);
    int r = 0;
    for (size_t i = 0; !r && i < rows->n; i++) {
        uint32_t row = rows->row[i];
        buf_reset(&out);
        bool done = translate(call->arg[0]->value[row].s, call->arg[1]->value[row].s, call->arg[2]->value[row].s, &out);
        r = done ? fn_text_take(&out, run, &ret->value[row]) : fn_text_too_much(run, row);
    }
    buf_done(&out);
    return r;
}
