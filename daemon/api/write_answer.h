/* SPDX-License-Identifier: MIT */
/*
 * What a write is answered with: its status, its headers and its rows, in PostgREST's way where `Prefer: return=` was said, else in
 * ours; and the problem, when it was refused.
 *
 * Thread: loop.
 */
#ifndef CETLD_API_WRITE_ANSWER_H
#define CETLD_API_WRITE_ANSWER_H

#include "api/write.h"

/** What must be known of the rows before they are committed: false after a problem (then they are to be undone). */
bool write_answer_allows(struct write *w);
/** All is committed. */
void write_answer(struct write *w);
/** The body is no good. */
void write_answer_fault(struct write *w);
/** The server refused it, and whatever is known of that is in w. */
void write_answer_refusal(struct write *w);
/** Take what is in the server's error. */
void write_refusal_read(const struct db_result *result, struct write_refusal *ret_refusal);
/** A row is there that was to be written only if it is not. */
void write_answer_there(struct write *w);
/** A row is not there, or deleted. */
void write_answer_missing(struct write *w, bool deleted);

#endif
