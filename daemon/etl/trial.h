/* SPDX-License-Identifier: MIT */
/*
 * A trial: a file is read as a load would read it, by the load's own parser, inference, rules and expressions, and nothing is
 * written anywhere. For `cetl guess` and `cetl check`.
 *
 *     struct trial t;
 *     r = trial_open(&t, &(struct trial_source){.config = config, .path = path, .name = name}, &err);
 *     if (r == 0) r = trial_infer(&t, &err);           // only where t.declared has no columns: then t.guess is there
 *     if (r == 0) r = trial_fit(&t, &err);             // t.dataset, t.column: what would be loaded
 *     if (r == 0) r = trial_read(&t, &handler, &err);  // rows, rejects; t.counts, t.sum
 *     trial_done(&t);
 *
 * All of it happens in the caller's thread; of a file one chunk at a time is in memory. What the server alone can find (keys,
 * references, constraints, expressions that run there) is not looked at: t.in_server, and `columns` itself, say what that is.
 *
 * Thread: any, one at a time.
 */
#ifndef CETLD_ETL_TRIAL_H
#define CETLD_ETL_TRIAL_H

#include "base/name.h"
#include "etl/guess.h"
#include "etl/head.h"

enum { TRIAL_E_REFUSED = 1 /* the file would fail, or its dataset is not fit to be loaded into; the words are in err */ };

struct trial_source {
    struct config *config;
    const char *path;                  /* to open */
    const char *name;                  /* below incoming/; outlives the trial */
    const struct config_dataset *sent; /* the dataset that it is sent to; NULL: the one whose `files` match */
    bool undeclared;                   /* none of the configuration's: as if nothing were declared */
    const char *encoding;              /* with `undeclared`: of the file; NULL: UTF-8, or what its mark says */
};

/** A column of the rows that come out. */
struct trial_column {
    const char *name;
    struct type type;
    const char *sql_type;
    int cell;         /* from 0; -1: none feeds it */
    const char *made; /* by what else: "an expression", "the path"; NULL */
    bool added;       /* the table would get it first (new_columns) */
};

struct trial_counts {
    uint64_t read, filtered, rejected; /* the others would be sent to the table */
    uint64_t bytes;
};

struct trial {
    struct trial_source source;
    const struct config_dataset *declared; /* NULL: nobody declares it */
    char name[NAME_MAX_BYTES + 1];         /* the dataset's */
    int fd;
    struct arena arena;
    struct head head;
    struct infer *infer; /* what trial_infer saw */
    struct guess guess;  /* guess.columns 0: not asked */
    struct dataset *dataset;
    size_t made_columns; /* of its table, before any were added */
    locale_t ctype;      /* as most databases have it: letters beyond ASCII are letters */
    struct plan *plan;
    struct trial_column *column;
    size_t columns;
    const char *in_server; /* why its expressions are not evaluated here; NULL: they are, or there are none */
    struct trial_counts counts;
    uint8_t sum[DIGEST_BYTES]; /* after trial_infer or trial_read */
};

struct trial_cell {
    struct slice text; /* as PostgreSQL writes the value */
    bool null;
};

struct trial_handler {
    uint64_t rows_max;                                                    /* so many of the first rows are handed out */
    void (*row)(void *ctx, uint64_t line, const struct trial_cell *cell); /* one of each column */
    void (*reject)(void *ctx, const struct reject *r);                    /* in the order of the file */
    void *ctx;
};

/** Its head is read. 0, TRIAL_E_REFUSED, or -errno with the words in err. trial_done in any case. */
must_check int trial_open(struct trial *t, const struct trial_source *source, struct error *err);
/** Read all of it, and find the types of its columns. 0, TRIAL_E_REFUSED, or negative. */
must_check int trial_infer(struct trial *t, struct error *err);
/** What `from` saw counts, too: a file with the same header. 0 or -ENOMEM. */
must_check int trial_merge(struct trial *to, const struct trial *from);
/** Which cell goes where. With new_columns = add this reads the file, too. 0, TRIAL_E_REFUSED, or negative. */
must_check int trial_fit(struct trial *t, struct error *err);
/** Read all of it as a load does. 0, TRIAL_E_REFUSED, or negative. */
must_check int trial_read(struct trial *t, const struct trial_handler *h, struct error *err);
void trial_done(struct trial *t);

#endif
