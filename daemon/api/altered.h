/* SPDX-License-Identifier: MIT */
/*
 * Tables that somebody alters beside us. What the catalog has of them is what they were when it was read; a statement that names a
 * column that is gone is refused by the server, and that is no fault of who asked: the catalog is read anew, and he asks again.
 *
 *     if (altered_noticed(api, sqlstate)) altered_answer(r);     else the refusal is told
 *
 * Thread: loop.
 */
#ifndef CETLD_API_ALTERED_H
#define CETLD_API_ALTERED_H

#include "api/api.h"

/** A statement of ours was refused with it. True: by a table or column that there is not, and the catalog is read anew, or is being
 * read for another one; false, too, where that was done some seconds ago and did not help. */
must_check bool altered_noticed(struct api *api, const char *sqlstate);
/** 503 with Retry-After. */
void altered_answer(struct http_request *r);

#endif
