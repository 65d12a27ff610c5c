/* SPDX-License-Identifier: MIT */
/*
 * A token for the API: 32 random bytes as text, and the SHA-256 by which the daemon knows it.
 *
 * Nothing of so many random bits can be guessed, so one round of SHA-256 hides it well enough.
 *
 * Thread: any.
 */
#ifndef CETLD_BASE_SECRET_TOKEN_H
#define CETLD_BASE_SECRET_TOKEN_H

#include "base/digest.h"
#include "base/error.h"

enum { SECRET_TOKEN_MAX = 64 };

struct secret_token {
    char text[SECRET_TOKEN_MAX]; /* "cetl_…" */
    char sha256[DIGEST_HEX];
};

/** 0, or -errno of getrandom. */
must_check int secret_token_make(struct secret_token *ret_token);

#endif
