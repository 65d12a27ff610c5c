/* SPDX-License-Identifier: MIT */
/*
 * From seen to reported: an entry that has not changed for its time becomes READY, and what is READY is offered in order to whoever
 * takes files. Works in turns, each of which is short, so that the caller can stop between two.
 *
 * Thread: loop.
 */
#ifndef CETLD_SPOOL_SETTLE_H
#define CETLD_SPOOL_SETTLE_H

#include "spool/entry.h"

struct settle {
    struct entries entries;
    struct list offered; /* DEFERRED, to become READY again */
    const char *root;    /* the path of incoming/; the caller's */
    int64_t settle_ms, unclosed_ms;
    bool (*complete)(void *ctx, const char *path); /* true: taken */
    void *ctx;
    uint64_t order;       /* the last that was given */
    uint64_t found_order; /* of what is FOUND: one batch, one order */
    int64_t found_due_ms; /* when that is due; INT64_MAX while the scan runs */
};

/** Monotonic milliseconds. */
int64_t settle_now_ms(void);
/** lstat. False when there is no such file, or it is a folder. */
bool settle_look(const struct settle *s, const char *path, struct entry_look *ret_look);
/** From now on e has to be unchanged: ENTRY_SETTLING for settle_ms, ENTRY_UNCLOSED for unclosed_ms. */
void settle_wait(struct settle *s, struct entry *e, enum entry_state state);
/** Another settle_ms, also for what waits already. */
void settle_change(struct settle *s, int64_t settle_ms);
/** e is complete; its rank is that of now. */
void settle_ready(struct settle *s, struct entry *e);
/** Does what a scan saw tell nothing new about e? */
bool settle_unchanged(const struct entry *e, const struct entry_look *look);
/** What was turned down is offered again, in its old order. */
void settle_offer_again(struct settle *s);

/** Look at one entry that is due. False: none is. */
bool settle_judge(struct settle *s);
/** Offer one entry that is READY. False: none is. */
bool settle_report(struct settle *s);
/** When settle_judge has something to do next; INT64_MAX: not before something happens. */
int64_t settle_next_ms(const struct settle *s);

#endif
