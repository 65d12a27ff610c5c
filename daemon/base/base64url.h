/* SPDX-License-Identifier: MIT */
/*
 * Base 64 with the URL-safe alphabet and without padding (RFC 4648, 5; RFC 7515, 2).
 *
 * Thread: any.
 */
#ifndef CETLD_BASE_BASE64URL_H
#define CETLD_BASE_BASE64URL_H

#include "base/error.h"
#include "base/slice.h"

/** The characters that n bytes become, and at most the bytes that n characters become. */
#define BASE64URL_LEN(n) (((n)*4 + 2) / 3)
#define BASE64URL_BYTES(n) ((n)*3 / 4)

/** Writes BASE64URL_LEN(n) characters (not terminated). */
void base64url_encode(const void *p, size_t n, char *ret_text);
/**
 * Decode strictly: no other character, no padding, no impossible length, and no bits that are left over, so that no two texts are
 * the same bytes. Writes BASE64URL_BYTES(text.len) bytes. False: it is not that.
 */
must_check bool base64url_decode(struct slice text, void *ret_bytes);

#endif
