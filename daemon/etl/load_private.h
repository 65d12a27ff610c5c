/* SPDX-License-Identifier: MIT */
/*
 * What the parts of a load share: load.c (outcomes, unwinding), load_open.c (which dataset: checking, opening, inferring,
 * creating), load_alter.c (the table changes, so that the file fits), load_copy.c (the rows' way into the transaction),
 * load_record.c (its end), load_parallel.c (several of them), load_stage.c (keyed modes), load_refer.c (rows without what they
 * refer to), load_report.c (is a refusal still true; the ledger row of a file that was not loaded). Nobody else includes this.
 *
 * The rule for all of them: load_conclude and what leads to it (fail, retry, refused) may end the load, and with it the object:
 * return right after.
 *
 * Thread: loop.
 */
#ifndef CETLD_ETL_LOAD_PRIVATE_H
#define CETLD_ETL_LOAD_PRIVATE_H

#include "base/name.h"
#include "etl/head.h"
#include "etl/ledger.h"
#include "etl/load.h"
#include "etl/load_narrow.h"
#include "etl/merge.h"
#include "etl/phases.h"
#include "etl/prepared.h"
#include "etl/sender.h"

/** How the rows come into the transaction. */
enum load_way {
    WAY_COPY,     /* straight into the table, behind a DELETE for `replace` */
    WAY_PARALLEL, /* the same over several connections, where that can be */
    WAY_STAGE,    /* into a stage, from which they are merged by their key */
    WAY_SWAP,     /* `replace`: into a fresh partition, which is exchanged for the old one (swap.h) */
    WAY_REFER,    /* into a temporary table, in search of those that refer to nothing (load_refer.c) */
    WAY_NARROW,   /* in search of the rows that the server refuses (load_narrow.h) */
    WAY_COUNT,    /* not at all: the file is over its budget, and read for its rejects only */
};

enum load_state {
    STATE_CHECKING,
    STATE_OPENING,
    STATE_INFERRING,
    STATE_CREATING,
    STATE_ALTERING,
    STATE_NUMBERING,
    STATE_LOOKING,
    STATE_CONNECTING,
    STATE_GATHERING,
    STATE_COPYING,
    STATE_NARROWING,
    STATE_RECORDING,
    STATE_COMMITTING,
    STATE_FINISHING,
    STATE_UNWINDING,
    STATE_COMPARING,
    STATE_REPORTING,
};

struct load_swap {
    char *partition, *fresh; /* quoted; malloc'd */
    unsigned tries;          /* to get the lock */
};

struct load {
    struct load_config config;
    const struct load_env *env;
    struct arrival *arrival;
    struct config *settings;               /* a reference to the configuration it began with */
    const struct config_dataset *declared; /* NULL: nobody declared this file's dataset */
    enum load_state state;
    struct phases phases;        /* where its time goes */
    enum load_way way, narrowed; /* that it goes; that it went before WAY_NARROW */
    struct load_narrow narrow;
    bool restarting; /* this attempt is brought to its end, then the rows are sent again by l->way */

    struct head head;
    bool heading, headed;          /* the head's job runs; the head is there */
    char name[NAME_MAX_BYTES + 1]; /* of an undeclared dataset */
    struct plan *plan;
    struct lookups_use lookups; /* what the plan looks into */
    struct dataset *judge;      /* the snapshot by which the file is judged, or NULL */
    bool compared;              /* the database was asked whether it is still so */
    struct pipeline *pipeline;
    bool flowing; /* the pipeline runs */
    int flow_rc;  /* how it ended */
    struct error flow_err;

    struct db_wait wait;
    bool waiting;
    struct db_conn *conn;
    bool asking; /* a statement is under way on conn */
    struct sender sender;
    struct merge merge;
    struct shares *shares;    /* of WAY_PARALLEL, else NULL */
    struct prepared prepared; /* what it, or an earlier try, has left open is being settled */
    struct ledger_rejects reject_job;
    struct load_swap swap;
    unsigned alterations;         /* how often the table was altered for this file */
    struct guess_column *altered; /* what is being done to it */
    size_t n_altered;
    bool widening;   /* this attempt's rows do not fit the columns' types; the inference is to tell which would take them */
    int64_t deleted; /* rows that `replace` took away */
    struct {
        int64_t inserted, updated; /* the table's statistics before a merge */
        int64_t tag;               /* the merge's */
        bool chosen;               /* the merge looks for the keys that the file repeats */
    } written;
    size_t sequence;    /* the rule's column whose sequence is being advanced */
    int64_t dataset_id; /* for the ledger; 0: none yet */
    int64_t number;     /* its id in the ledger, where its rows bear it; else 0 */
    bool merging;       /* rows go into the rollups: what the server refuses now is the rows' fault */
    bool crowded;       /* its rollups have more groups than are held here */
    bool spoiled;       /* PostgreSQL refused the rows, as `why` says; only the digest is still wanted */

    bool decided, recorded; /* the outcome is known; the ledger has it */
    enum load_outcome outcome;
    struct error why;
    int64_t duplicate_of;
    struct reject_list rejects;
};

/* load.c */
void load_enter(struct load *l, enum load_state s);
/** The outcome is known; the first one counts. `why` is copied, and may be NULL. */
void load_conclude(struct load *l, enum load_outcome outcome, const struct error *why);
/** The file is at fault, in these words. */
void load_fail(struct load *l, const char *format, ...) printf_like(2, 3);
/** The machine failed us (memory, a lost connection): nothing is said against the file. `err` may be NULL. */
void load_retry(struct load *l, int code, const struct error *err);
/** The server's refusal in words, on one line. */
void load_describe(const struct db_result *r, struct error *ret_why);
/** What the server refused decides what becomes of the file. */
void load_refused(struct load *l, const struct db_result *r);
/** A statement's answer: true when the load goes on with it. */
bool load_answered(struct load *l, const struct db_result *r);
/** A statement was queued (0), or could not be (negative). */
void load_asked(struct load *l, int r);
/** The snapshot of the dataset is not as the database is any more: ask for a new one, and again later. */
void load_stale(struct load *l, const char *why);
/** The same, where the load has put the dataset into the catalog by a configuration that was replaced meanwhile: with its rollups,
 * which are not those that are to be kept. Return right after when it says true. */
bool load_outlived(struct load *l);
/** Bring one thing after the other to its end; every callback leads here once the outcome is known, or `restarting`. */
void load_unwind(struct load *l);
/**
 * Give this attempt up, without an outcome: stop the flow, roll back, forget what was counted, and read and send the file once more
 * by that way, on the same connection. For loads whose plan is made. Return right after, as after load_conclude.
 */
void load_restart(struct load *l, enum load_way way);
/** Nothing of the attempt is left: no flow, no counts, no rejects. */
void load_forget_attempt(struct load *l);
/** The attempt is over, one way or the other: the caller must call load_unwind and return. */
static inline bool load_is_unwinding(const struct load *l)
{
    return l->decided || l->restarting;
}
bool load_replaces(const struct load *l);
/** Equal bytes may load again behind others: they are a duplicate only of the dataset's newest load. */
bool load_is_revertible(const struct load *l);
/** Equal bytes are looked for at all. */
bool load_skips_duplicates(const struct load *l);
/** Take a connection; the state says what happens with it. */
void load_want_connection(struct load *l);
/** The connection is there: go on as the state says. */
void load_connected(struct load *l);

/* load_open.c */
/** CHECKING, with a connection: is the token in the ledger? */
void load_ask_ledger(struct load *l);
/** OPENING: the head, the dataset, the plan. */
void load_open(struct load *l);
/** CREATING, with a connection: the table of a file that nobody declared. */
void load_create(struct load *l);

/** The dataset is known: the file must fit it. Reading begins while the connection is still to come. */
void load_plan(struct load *l, struct dataset *d);

/* load_alter.c */
/** l->plan says which columns the table lacks (PLAN_E_DRIFT). */
void load_add_columns(struct load *l);
/** ALTERING, with a connection. */
void load_alter(struct load *l);
/** So many rows are refused that the file would fail: could the table change its types for it? */
bool load_may_widen(const struct load *l);
/** The attempt is over (load_restart with l->widening): find the types, alter the table, and load anew; or fail as it would have.
 */
void load_widen(struct load *l);

/** NUMBERING, with a connection: the rows are to bear the file's id, which is taken before they are made. */
void load_number(struct load *l);
/** LOOKING, with a connection: what the plan's lookups look into comes into memory, or is found to be too large. */
void load_look(struct load *l);

/* load_copy.c */
/** Start the pipeline over l->plan. `ready` may be NULL. 0 or negative. */
must_check int load_flow_start(struct load *l, void (*ready)(void *ctx), void (*ended)(void *ctx, int rc, const struct error *err));
/** The same for a load into the table: what it brings goes to l->sender. */
must_check int load_flow_into_table(struct load *l);
/** An attempt's flow ended: its counts, rejects and digest become the load's. */
void load_take_flow(struct load *l, int rc, const struct error *err);
/** Too many rows are rejected: in the words of the first. */
void load_widen_or_fail(struct load *l);
/** How many rows may be. */
const struct config_budget *load_budget(const struct load *l);
/** What takes the old rows away, and keeps other writers out, for `replace`. */
void load_delete_sql(const struct load *l, struct buf *out);
/** The pipeline failed, for the file's sake or for the machine's. */
void load_fail_flow(struct load *l);
/** COPYING, with a connection. */
void load_copy(struct load *l);
/** COPYING: send the rows by this COPY; NULL: there was no memory for it. Then what follows it. */
void load_copy_by(struct load *l, const char *copy_sql);
/** What carries the pipeline's pieces into a COPY of the load's connection. */
struct sender load_sender(struct load *l, void (*done)(void *ctx, const struct db_result *r));
/** Send the pipeline's pieces into the COPY of this SQL; NULL: there was no memory for it. */
void load_send(struct load *l, const char *sql, void (*done)(void *ctx, const struct db_result *r));
/** True when PostgreSQL refused the rows before the file was read to its end: it is read on for its digest, and judged then. */
bool load_spoiled(struct load *l, const struct db_result *r);

/* load_record.c */
/** The rows are in the transaction, and arrival->counts says what became of each: RECORDING. */
void load_record(struct load *l);
/** PostgreSQL has another number of rows than were sent: the file fails. */
void load_miscounted(struct load *l, uint64_t counted);
/** Are there partial aggregates to merge? They are of rows that are new as they were sent. */
bool load_has_partials(const struct load *l);
/** RECORDING is over. */
void load_commit(struct load *l);

/* load_stage.c */
/** Upsert or ignore. */
bool load_is_keyed(const struct load *l);
/** Its rows go through a stage, or may have to: by their keys, for formulas, or for a rollup's. */
bool load_is_staged(const struct load *l);
/** By which way an attempt begins. */
enum load_way load_first_way(const struct load *l);
/** A plain COPY of a keyed load was refused for its keys: restart it by WAY_STAGE. */
bool load_clashed(const struct load *l, const struct db_result *r);
/** On the way to a stage each row bears its line. */
bool load_wants_lines(const struct load *l);
/** COPYING by WAY_STAGE, with a connection; `before` it: a statement that begins the transaction, or "". */
void load_copy_to_stage(struct load *l, const char *before);
/** Its parts, for the search of load_narrow.c: the stage, the COPY into it, the merge, behind which the stage is empty; the table
 * that the COPY goes to. */
void load_stage_make_sql(const struct load *l, struct buf *out);
void load_stage_fill_sql(const struct load *l, struct buf *out);
void load_stage_merge_sql(const struct load *l, struct buf *out);
const char *load_stage_first(const struct load *l);
/** It is committed: remember whether it brought keys that were known. */
void load_note_clashes(const struct load *l);

/* load_refer.c */
/** The server refused a row for its reference, and it can be asked for all such rows at once. */
bool load_may_refer(const struct load *l, const struct error *why);
/** WAY_REFER, with a connection, behind the look for these very bytes. */
void load_refer(struct load *l);

/* load_parallel.c */
/** Is it large enough, and its dataset configured so? */
bool load_wants_parallel(const struct load *l);
/** GATHERING, with a connection; where it cannot be so, load_copy. */
void load_parallel(struct load *l);
/** The pipeline has something for the followers. */
void load_parallel_pump(struct load *l);
/** The pipeline has ended well. */
void load_parallel_flow_ended(struct load *l);
/** The highest value of the rule's column (plan_next_sequence) among the rows of all followers, or LEDGER_SEQUENCE_SEEN. */
int64_t load_parallel_most(const struct load *l, size_t column);
/** FINISHING: the leader's COMMIT was answered. */
void load_parallel_finish(struct load *l);
/** UNWINDING: are the followers at their ends? What is not is on its way, and leads to load_unwind. */
bool load_parallel_is_over(struct load *l);
/** UNWINDING, outside of a transaction: has the ledger taken it back? Likewise. */
bool load_parallel_is_settled(struct load *l);
void load_parallel_free(struct load *l);
/** CHECKING: the ledger has the file (ledger_id) as `loading` or `committing`. */
void load_settle_found(struct load *l);

/* load_swap.c */
/** A large file of a dataset whose table may have a partition to exchange. */
bool load_may_swap(const struct load *l);
/** CONNECTING, with a connection: WAY_SWAP, or back to WAY_COPY. */
void load_swap(struct load *l);
/** The exchange, at the end of the transaction; then the COMMIT. */
void load_swap_in(struct load *l);
void load_swap_done(struct load *l);

/* load_report.c */
/** The file or its dataset was turned down by a snapshot that nobody has held against the database since. */
bool load_is_doubtful(const struct load *l);
/** COMPARING, with a connection: where the table is not what it was, the file is tried again with a new snapshot. */
void load_compare(struct load *l);
/** REPORTING, with a connection. */
void load_report_outcome(struct load *l);

#endif
