/* SPDX-License-Identifier: MIT */
/*
 * A receiver of notifications ([notify NAME]): what is put here is sent by POST, in the order in which it came, several together,
 * one request at a time. What could not be delivered is sent again, with a growing pause, for as long as `retry_for` says; nothing
 * is kept over a restart. Nobody waits for it, and it is bounded: beyond WEBHOOK_NOTICES_MAX or WEBHOOK_BYTES_MAX the newest are
 * left out, and the next body says how many. Whoever receives may get a notice twice (its answer was lost), by the same `id` of a
 * body.
 *
 *     empty ──add──▶ delaying ──time──▶ sending ──2xx──▶ empty, or delaying
 *                                        ▲  └──lost, 5xx …──▶ resting ──time──┐
 *                                        └───────────────────────────────────┘
 * Thread: loop.
 */
#ifndef CETLD_ETL_WEBHOOK_H
#define CETLD_ETL_WEBHOOK_H

#include "base/counters.h"
#include "config/config.h"
#include "loop/loop.h"
#include "store/transfer.h"

enum { WEBHOOK_NOTICES_MAX = 1000, WEBHOOK_BYTES_MAX = 256 * 1024, WEBHOOK_TOGETHER = 50 };

struct webhook;
struct webhook_config {
    struct loop *loop;
    struct transfers *transfers;
    struct counters *counters;
};

/** The settings' strings are the caller's, as long as it is there or webhook_set gave it others. */
must_check int webhook_new(const struct webhook_config *config, const struct config_notify *settings, struct webhook **ret_webhook);
/** What was not delivered is dropped, and the log says how much that was. NULL is fine. */
void webhook_free(struct webhook *w);
/** After a reload. What is on its way still goes as before; what rests because it could not be delivered goes to a new address at
 * once. */
void webhook_set(struct webhook *w, const struct config_notify *settings);
const char *webhook_name(const struct webhook *w);
/** A notice: an object of JSON, and one line for people. Both are copied. */
void webhook_add(struct webhook *w, struct slice json, const char *line);
/** Do not wait for more of them: the daemon is about to end. Is one on its way? Not what was tried in vain, and rests. */
bool webhook_hurry(struct webhook *w);

#endif
