/* SPDX-License-Identifier: MIT */
/*
 * A growing byte buffer with a ceiling.
 *
 * Invariants: len <= cap <= max. `data` is NULL only when cap is 0. After a failed append the buffer holds what it held before,
 * `failed` is set and stays set until buf_reset, and every further append does nothing: a writer may append many times and look
 * once, with buf_check.
 *
 *     struct buf b;
 *     buf_init(&b, 1 << 20);
 *     buf_printf(&b, "%d,", 1);
 *     buf_puts(&b, "two");
 *     r = buf_check(&b);
 *     …
 *     buf_done(&b);
 *
 * Thread: any, one at a time.
 */
#ifndef CETLD_BASE_BUF_H
#define CETLD_BASE_BUF_H

#include "base/error.h"
#include "base/slice.h"

#include <stdarg.h>
#include <stdint.h>
#include <string.h>

struct buf {
    char *data;
    size_t len; /* bytes in use */
    size_t cap; /* bytes allocated */
    size_t max; /* the ceiling in bytes */
    int failed; /* 0, -ENOMEM or ERROR_TOO_BIG */
};

void buf_init(struct buf *b, size_t max);
/** Free the memory; the buffer may be used again as after buf_init. NULL is fine. */
void buf_done(struct buf *b);
/** Forget the content, keep the memory. */
void buf_reset(struct buf *b);
/** buf_reserve's slow way: more memory, or `failed`. */
char *buf_grow(struct buf *b, size_t more);
/** Room for `more` bytes behind len, or NULL (and `failed` is set). Write there, then add to len by buf_wrote. */
static inline char *buf_reserve(struct buf *b, size_t more)
{
    if (!b->failed && b->data && more <= b->cap - b->len) return b->data + b->len;
    return buf_grow(b, more);
}
static inline void buf_wrote(struct buf *b, size_t n)
{
    b->len += n;
}
static inline void buf_append(struct buf *b, const void *p, size_t n)
{
    char *to = n > 0 ? buf_reserve(b, n) : NULL;
    if (!to) return;
    memcpy(to, p, n);
    b->len += n;
}
static inline void buf_put(struct buf *b, struct slice s)
{
    buf_append(b, s.p, s.len);
}
static inline void buf_puts(struct buf *b, const char *text)
{
    buf_append(b, text, strlen(text));
}
static inline void buf_putc(struct buf *b, char c)
{
    char *to = buf_reserve(b, 1);
    if (!to) return;
    *to = c;
    b->len++;
}
void buf_printf(struct buf *b, const char *format, ...) printf_like(2, 3);
void buf_vprintf(struct buf *b, const char *format, va_list args) printf_like(2, 0);
/** Big-endian integers, as PostgreSQL and the network want them. */
void buf_put_u16(struct buf *b, uint16_t v);
void buf_put_u32(struct buf *b, uint32_t v);
void buf_put_u64(struct buf *b, uint64_t v);
/** Drop the first n bytes. */
void buf_consume(struct buf *b, size_t n);
/** 0, or why an append failed. */
must_check int buf_check(const struct buf *b);
/** The content as a C string (a NUL is kept behind it), or NULL when the buffer failed. Owned by the buffer. */
const char *buf_cstr(struct buf *b);
static inline struct slice buf_slice(const struct buf *b)
{
    return (struct slice){b->data, b->len};
}
/** Give the memory away: the caller frees it with free(). The buffer is empty afterwards. NUL-terminated. NULL when failed. */
char *buf_steal(struct buf *b, size_t *ret_len);

#endif
