/* SPDX-License-Identifier: MIT */
#include "base/buf.h"

#include "base/num.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_BYTES = 64 };

void buf_init(struct buf *b, size_t max)
{
    /* One byte behind cap is always ours, for the NUL of buf_cstr. */
    *b = (struct buf){.max = max == SIZE_MAX ? SIZE_MAX - 1 : max};
}

void buf_done(struct buf *b)
{
    if (!b) return;
    free(b->data);
    buf_init(b, b->max);
}

void buf_reset(struct buf *b)
{
    b->len = 0;
    b->failed = 0;
}

static void *fail(struct buf *b, int code)
{
    b->failed = code;
    return NULL;
}

char *buf_grow(struct buf *b, size_t more)
{
    if (b->failed) return NULL;
    size_t want;
    if (!num_add(b->len, more, &want) || want > b->max) return fail(b, ERROR_TOO_BIG);
    size_t cap = b->cap < FIRST_BYTES ? FIRST_BYTES : b->cap;
    while (cap < want && cap <= b->max / 2)
        cap *= 2;
    if (cap < want || cap > b->max) cap = b->max;
    char *data = realloc(b->data, cap + 1);
    if (!data) return fail(b, -ENOMEM);
    b->data = data;
    b->cap = cap;
    return data + b->len;
}

void buf_printf(struct buf *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    buf_vprintf(b, format, args);
    va_end(args);
}

void buf_vprintf(struct buf *b, const char *format, va_list args)
{
    if (b->failed) return;
    va_list again;
    va_copy(again, args);
    size_t room = b->data ? b->cap - b->len + 1 : 0; /* with the byte behind cap */
    int n = vsnprintf(b->data ? b->data + b->len : NULL, room, format, args);
    if (n < 0) {
        fail(b, -EINVAL);
    } else if ((size_t)n < room) {
        b->len += (size_t)n;
    } else {
        char *to = buf_reserve(b, (size_t)n);
        if (to) {
            vsnprintf(to, (size_t)n + 1, format, again);
            b->len += (size_t)n;
        }
    }
    va_end(again);
}

void buf_put_u16(struct buf *b, uint16_t v)
{
    v = __builtin_bswap16(v);
    buf_append(b, &v, sizeof(v));
}

void buf_put_u32(struct buf *b, uint32_t v)
{
    v = __builtin_bswap32(v);
    buf_append(b, &v, sizeof(v));
}

void buf_put_u64(struct buf *b, uint64_t v)
{
    v = __builtin_bswap64(v);
    buf_append(b, &v, sizeof(v));
}

void buf_consume(struct buf *b, size_t n)
{
    if (n >= b->len) {
        b->len = 0;
        return;
    }
    if (n == 0) return;
    memmove(b->data, b->data + n, b->len - n);
    b->len -= n;
}

int buf_check(const struct buf *b)
{
    return b->failed;
}

const char *buf_cstr(struct buf *b)
{
    if (b->failed) return NULL;
    if (!b->data) return "";
    b->data[b->len] = '\0';
    return b->data;
}

char *buf_steal(struct buf *b, size_t *ret_len)
{
    char *data = NULL;
    if (!b->failed) data = b->data ? b->data : malloc(1);
    if (!data) return NULL;
    data[b->len] = '\0';
    if (ret_len) *ret_len = b->len;
    buf_init(b, b->max);
    return data;
}
