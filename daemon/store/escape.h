/* SPDX-License-Identifier: MIT */
/*
 * Percent-encoding (RFC 3986, 2.1): everything but letters, digits and - . _ ~ becomes %XX. It is what both SigV4 and SharedKey
 * sign, so the same text must go over the wire.
 *
 * Thread: any.
 */
#ifndef CETLD_STORE_ESCAPE_H
#define CETLD_STORE_ESCAPE_H

#include "base/buf.h"

/** Of a name or value in a query: '/' is escaped, too. */
void escape_text(struct buf *out, struct slice text);
/** Of an object's key in a path: '/' stays. */
void escape_path(struct buf *out, struct slice path);

/** Append a text with each %XX as its byte; what is no such thing stays. */
void escape_undo(struct buf *out, struct slice text);

#endif
