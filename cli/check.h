/* SPDX-License-Identifier: MIT */
/*
 * cetl check, inside: a file that is checked, and the two ways to tell of it.
 */
#ifndef CETL_CHECK_H
#define CETL_CHECK_H

#include "cli.h"
#include "config/traits.h"
#include "etl/trial.h"
#include "format/json_writer.h"
#include "rows.h"

struct check;

/** Called in this order; rows and rejects many times. */
struct check_tell {
    void (*columns)(struct check *c); /* the trial is fitted; not where the file is refused before that */
    void (*row)(struct check *c, uint64_t line, const struct trial_cell *cell);
    void (*reject)(struct check *c, const struct reject *r);
    void (*end)(struct check *c, bool broken); /* always; `broken`: it could not be read, as was complained */
};

struct check {
    struct cli *cli;
    struct config *config;
    struct trial_source source;
    uint64_t rows_max;
    struct trial trial;
    bool fails; /* the file would, for what err says */
    struct error err;
    struct {
        bool bytes;                      /* were its very bytes loaded before? */
        bool table;                      /* is there a table, with other columns? */
        const char *expressions;         /* why the server alone can evaluate them; NULL: that is not so */
        const struct trial_column *type; /* a column of a type that only the server knows; NULL: none */
        unsigned constraints;            /* bits of enum trait_constraint */
    } unseen;
    const struct check_tell *tell;
    /* Theirs: */
    struct rows *rows;
    struct json_writer json;
    struct buf out;
    bool told; /* rows, or the start of the rejects */
};

const struct check_tell *check_text(void);
const struct check_tell *check_json(void);

#endif
