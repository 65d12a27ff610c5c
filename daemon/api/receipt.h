/* SPDX-License-Identifier: MIT */
/*
 * The answer about files that were taken: an object with `files`, of each its token, name, dataset, state, and a URL that tells
 * what becomes of it from now on.
 *
 * With a time to wait, the answer comes once all of them are through, or that time is over: 200 with their counts and the first
 * rows of each, 422 when one was refused, with the rejects, or 202 when one is still on its way. The rows are those of the file
 * where the dataset has lineage, else the first of its table, and only those that the client may read. A row of more than
 * RECEIPT_ROW_BYTES is null; once the answer has grown large the files that follow are told without rows and rejects.
 *
 *   waiting (for the scheduler) ──▶ a connection ──▶ for each file: ledger ─▶ rejects ─▶ rows ──▶ answered
 *
 * Thread: loop.
 */
#ifndef CETLD_API_RECEIPT_H
#define CETLD_API_RECEIPT_H

#include "http/response.h"
#include "spool/place.h"

enum { RECEIPT_ROWS = 10, RECEIPT_REJECTS = 100, RECEIPT_ROW_BYTES = 65536 };

struct receipt_file {
    char token[PLACE_TOKEN_MAX];
    char *name;    /* malloc'd */
    char *dataset; /* that it goes to, as far as that is known; malloc'd */
    int64_t bytes;
};

/** Answer `r`, whose state belongs to it from here on. The files' texts and their array (malloc'd) are taken. */
void receipt_answer(struct http_request *r, struct receipt_file *file, size_t files, int64_t wait_ms);
void receipt_free(struct receipt_file *file, size_t files);

#endif
