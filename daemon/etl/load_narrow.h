/* SPDX-License-Identifier: MIT */
/*
 * The part of a load that finds the rows which the server refuses (load_narrow.c). Only load_private.h includes this.
 *
 * The ordinary transaction was rolled back. In another one, which is rolled back too, the file is sent piece by piece, each behind
 * a savepoint, with every deferrable constraint of the table immediate; what is refused is narrowed down (narrow.h) to single rows,
 * and what is accepted stays, so that a key that comes twice is refused the second time only. The result is a list of verdicts, by
 * line. Then the load begins anew by its ordinary way, and convert.c turns the judged rows into rejects.
 *
 * Keyed modes send each window to the stage and merge it from there, as `WAY_STAGE` does with the file; so here a bad row is judged
 * also where a later one of its key would have been taken in its stead.
 *
 * A row may refer to one behind it, where the table refers to itself: within one COPY that is allowed. Such refusals are put off to
 * the end, as far as there is memory, and tried again until nothing more is accepted.
 *
 * Over the budget the search stops: then the file is read once more, for its rejects with their bytes, and fails.
 */
#ifndef CETLD_ETL_LOAD_NARROW_H
#define CETLD_ETL_LOAD_NARROW_H

#include "etl/narrow.h"
#include "etl/pipeline.h"
#include "etl/postponed.h"

struct load_narrow {
    unsigned rounds;
    bool fruitless;                 /* the last round found nothing */
    bool referred;                  /* rows that refer to nothing were looked for by load_refer.c */
    bool partial;                   /* it stopped before the end of the file: there may be more */
    struct reject_list verdicts;    /* of the rounds before, by line */
    struct reject_list found;       /* in this one */
    struct buf judged, found_lines; /* lines of more of either, for which those have no room */
    struct error why;               /* what led here */
    /* The search at hand: */
    bool refers_to_itself;
    bool ready;   /* the transaction is open, nothing is on its way */
    bool saved;   /* there is a savepoint */
    bool refused; /* the last window was: go back to the savepoint first */
    struct narrow search;
    struct piece *piece; /* of the pipeline's; NULL in the rounds of what was put off */
    struct postponed now, later;
    unsigned looks; /* at what was put off */
    size_t held;    /* bytes of it, taken from the budget */
    /* What is searched, either way: */
    struct slice copy;
    const struct convert_row *row;
    size_t from, to; /* the window */
    /* Its COPY: */
    bool running, open, ended, aborting;
    int step;
    struct buf frame;
};

struct load;
struct db_result;
void load_narrow_init(struct load *l);
void load_narrow_done(struct load *l);
/** The table has changed: what is known of the rows is not true of it. No pipeline runs. */
void load_narrow_forget(struct load *l);
/** The server refused the rows, and the digest is known: search for them, or fail the file where that cannot help. Return right
 * after, as after load_conclude. */
void load_narrow(struct load *l, const struct error *why);
/** An attempt begins: what is known of the rows goes into the plan. No pipeline runs. */
void load_narrow_prepare(struct load *l);
/** WAY_NARROW, WAY_COUNT: start the pipeline. 0 or negative. */
must_check int load_narrow_flow(struct load *l);
/** WAY_NARROW or WAY_REFER, with a connection. */
void load_narrow_search(struct load *l);
/** No COPY of the search runs; one that does is stopped, and leads to load_unwind. */
bool load_narrow_is_over(struct load *l);

#endif
