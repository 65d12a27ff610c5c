/* SPDX-License-Identifier: MIT */
/*
 * What the parts of a stage's SQL share: stage.c (the stage and its merge), stage_compute.c (formulas that run in the server).
 * Nobody else includes this.
 *
 * Thread: any.
 */
#ifndef CETLD_ETL_STAGE_SQL_H
#define CETLD_ETL_STAGE_SQL_H

#include "etl/stage.h"

/* Names that no column has by accident. */
#define STAGE_FILE "\"cetl file\""
#define STAGE_LINE "\"cetl line\""
#define STAGE_OLD "\"cetl old\"" /* the row that is in the table */
#define STAGE_IN "\"cetl in\""             /* the formulas' inputs */
#define STAGE_LOOK "\"cetl look %zu\""     /* the row that lookup number n has found */
#define STAGE_MISSED "\"cetl missed %zu\"" /* what it has not found, in words; else NULL */

void stage_put_name(struct buf *out, const char *name);
/** The columns that are loaded, by commas. */
void stage_put_columns(struct buf *out, const struct stage *s);
/** The table that takes the formulas' inputs. */
void stage_put_input(struct buf *out, const struct stage *s);

#endif
