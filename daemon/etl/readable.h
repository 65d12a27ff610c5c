/* SPDX-License-Identifier: MIT */
/*
 * What there is to read beside the datasets, as the database has it: the tables and views that option `expose` names, and the
 * foreign keys among all tables, by which one resource is embedded in another. Read with the catalog, at start and at each reload.
 *
 * Thread: loop.
 */
#ifndef CETLD_ETL_READABLE_H
#define CETLD_ETL_READABLE_H

#include "etl/dataset.h"

/** The rows of `table` refer to at most one of `to_table` each. */
struct foreign_key {
    const char *name; /* the constraint's */
    const char *schema, *table;
    const char *to_schema, *to_table;
    const char **column, **to_column; /* pairs */
    size_t columns;
    bool unique; /* at most one row refers to each */
    bool in_key; /* its columns are part of the table's primary key: then the table may join two others */
};

#endif
