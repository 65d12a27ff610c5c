/* SPDX-License-Identifier: MIT */
/*
 * Errors, two-signed.
 *
 * A function that can fail returns an int. 0 is success. Negative: the world failed (-errno, or one of the ERROR_ codes below);
 * pass it up untouched, it ends the job. Positive NOUN_E_*: a documented outcome that the direct caller handles.
 *
 * Where a person will read about the failure the function also takes a `struct error *` and fills it: what was found, where, what
 * was expected, what to do next. The code travels in the return value; the struct only carries words.
 *
 * Thread: any.
 */
#ifndef CETLD_BASE_ERROR_H
#define CETLD_BASE_ERROR_H

#include <errno.h>

/** The result must be looked at. */
#define must_check __attribute__((warn_unused_result))
/** The n-th argument is a printf format, the arguments begin at the m-th. */
#define printf_like(n, m) __attribute__((format(printf, n, m)))

/* Negative codes of our own, outside errno's range. */
enum {
    ERROR_CLOSED = -4096,    /* the peer or the connection is gone */
    ERROR_PROTOCOL = -4097,  /* the peer spoke nonsense */
    ERROR_REFUSED = -4098,   /* the server answered with an error; its words are in struct error */
    ERROR_TOO_BIG = -4099,   /* a ceiling was reached */
    ERROR_CANCELLED = -4100, /* stopped because the owner is going away */
};

enum { ERROR_TEXT_MAX = 1024 };

struct error {
    char sqlstate[6];          /* PostgreSQL's five characters, or "" */
    char text[ERROR_TEXT_MAX]; /* for a person; UTF-8, no newline at its end */
};

/**
 * Fill `err` (which may be NULL) and hand `code` back, so that `return error_set(err, -EINVAL, "…")` is one line.
 * A text longer than ERROR_TEXT_MAX is cut at a character.
 */
int error_set(struct error *err, int code, const char *format, ...) printf_like(3, 4);

/** The words for a negative code: strerror's, or our own. Static storage. */
const char *error_name(int code);

#endif
