/* SPDX-License-Identifier: MIT */
/*
 * What is told of sources: by /status, and by jobs. Never their addresses, which may hold secrets.
 *
 * Thread: loop.
 */
#ifndef CETLD_API_PULLS_H
#define CETLD_API_PULLS_H

#include "etl/sources.h"
#include "format/json_writer.h"
#include "http/request.h"

/** Is the one of that name, or ("") any, being pulled? */
bool pulls_any(const struct sources *all, struct slice name);
bool pulls_has(const struct sources *all, struct slice name);
/** The member "sources" of an open object: those, each with the state of its last pull. Of others' datasets `r` (NULL: it may know
 * everything) is told nothing, unless it may pull. */
void pulls_write(struct json_writer *w, const struct sources *all, struct slice name, const struct http_request *r);

#endif
