/* SPDX-License-Identifier: MIT */
/*
 * A slice: bytes that somebody else owns. Not terminated; may hold any byte, NUL included. Passed by value.
 *
 * Thread: any.
 */
#ifndef CETLD_BASE_SLICE_H
#define CETLD_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice {
    const char *p; /* may be NULL only when len is 0 */
    size_t len;    /* bytes */
};

/** For printf's "%.*s". */
#define SLICE_FMT "%.*s"
#define SLICE_ARG(s) (int)(s).len, (s).p ? (s).p : ""
/** A slice of a string literal. */
#define SLICE(literal) ((struct slice){("" literal), sizeof(literal) - 1})

static inline struct slice slice_of(const char *text)
{
    return (struct slice){text, text ? strlen(text) : 0};
}

static inline bool slice_equal(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

/** Equal when ASCII letters are folded. */
bool slice_equal_nocase(struct slice a, struct slice b);
bool slice_starts(struct slice s, struct slice prefix);
bool slice_ends(struct slice s, struct slice suffix);
struct slice slice_trim_slow(struct slice s);
/** Without ASCII white space at both ends. */
static inline struct slice slice_trim(struct slice s)
{
    bool plain = s.len > 0 && (unsigned char)s.p[0] > ' ' && (unsigned char)s.p[s.len - 1] > ' ';
    return plain ? s : slice_trim_slow(s);
}
/** Bytewise order, as PostgreSQL's COLLATE "C": negative, 0 or positive. */
int slice_compare(struct slice a, struct slice b);
/**
 * Cut `*rest` at the first `separator`: the part before it is returned, `*rest` becomes what is behind it. When there is no
 * separator all of it is returned and `*rest` becomes {NULL, 0}. Loop while `rest.p != NULL`.
 */
struct slice slice_cut(struct slice *rest, char separator);
/** Bytes of the UTF-8 character (RFC 3629) at the start of s: 1 to 4, or 0 when there is none or it is not valid. */
size_t slice_char_len(struct slice s);
/** The first max_bytes at most, without a last character that would be incomplete. Bytes that are no UTF-8 stay as they are. */
struct slice slice_cut_utf8(struct slice s, size_t max_bytes);

#endif
