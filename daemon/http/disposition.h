/* SPDX-License-Identifier: MIT */
/*
 * Content-Disposition: an answer that is to be saved under a name (RFC 6266).
 *
 * Thread: any.
 */
#ifndef CETLD_HTTP_DISPOSITION_H
#define CETLD_HTTP_DISPOSITION_H

#include "base/buf.h"

/**
 * Append the field's value: attachment; filename="…", and, where the name has other characters than old clients read alike,
 * filename*=UTF-8''… (RFC 8187) behind it. The name is never a path and never empty: separators and control characters become '_'.
 */
void http_disposition(struct buf *out, struct slice filename);

#endif
