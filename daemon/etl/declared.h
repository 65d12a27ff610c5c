/* SPDX-License-Identifier: MIT */
/*
 * Datasets without the database: their tables as far as the configuration declares them, or as a guess would make them. For what
 * must be judged where no server answers: expressions at the start (formulas_load_config), and files (etl/trial.h). Types and
 * constraints are what the words of `columns` say; the server, which knows more, has the last word.
 *
 * Thread: any.
 */
#ifndef CETLD_ETL_DECLARED_H
#define CETLD_ETL_DECLARED_H

#include "config/traits.h"
#include "etl/dataset.h"
#include "etl/guess.h"

/** The table that `columns` declares. Memory is the arena's. 0 or -ENOMEM. */
must_check int declared_table(const struct config_dataset *config, struct arena *a, struct table *ret_table);
/** The tables of the datasets that it looks into, as far as they are declared. Likewise. */
must_check int declared_dimensions(const struct config *all, const struct config_dataset *config, struct arena *a,
                                   struct dataset_dimensions *ret_dimensions);
/**
 * A snapshot of a dataset whose columns are declared, as if cetld had made its table just now; without its rollups. What does not
 * fit breaks it. The caller has one reference. 0 or -ENOMEM.
 */
must_check int declared_dataset(struct config *owner, const struct config_dataset *config, struct dataset **ret_dataset);
/** The same of one whose columns are inferred; `config` may be NULL. */
must_check int declared_guess(struct config *owner, const struct config_dataset *config, const struct guess *g,
                              struct dataset **ret_dataset);
/** The table of a snapshot that nobody else has gets further columns. 0 or -ENOMEM. */
must_check int declared_add(struct dataset *d, const struct guess_column *column, size_t columns);

#endif
