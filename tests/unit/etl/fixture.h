/* SPDX-License-Identifier: MIT */
/*
 * What the tests of etl/ share: files that lie in memory only, and a dataset made by hand instead of by PostgreSQL.
 */
#ifndef CETLD_TESTS_ETL_FIXTURE_H
#define CETLD_TESTS_ETL_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "base/buf.h"
#include "base/fs.h"
#include "etl/cutter.h"
#include "etl/dataset.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

/** A file of these bytes; the caller closes it. */
static inline int fixture_file(struct slice bytes)
{
    int fd = memfd_create("test", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(fs_write_all(fd, bytes.p, bytes.len), 0);
    return fd;
}

/** What a cutter of the file wants, its dialect detected from all of `bytes`. */
static inline struct cutter_input fixture_input(int fd, struct slice bytes, size_t chunk_bytes)
{
    struct cutter_input in = {
        .fd = fd, .chunk_bytes = chunk_bytes, .max_record = (size_t)1 << 24, .options.compression = INPUT_PLAIN};
    assert_int_equal(fstat(fd, &in.st), 0);
    struct dialect declared = dialect_default();
    dialect_detect(&declared, bytes, true, &in.dialect);
    return in;
}

/** A column as the catalog would tell it. */
static inline struct table_column fixture_column(const char *name, enum type_id id)
{
    return (struct table_column){.name = name,
                                 .sql_type = type_info(id)->name,
                                 .oid = type_info(id)->oid,
                                 .known = true,
                                 .type = {id, -1},
                                 .bytewise = true,
                                 .format = ""};
}

/** The first dataset of the configuration `text` (the file "f"), with this table under its name in schema public. Unref it. */
static inline struct dataset *fixture_dataset(const char *text, const struct table_column *column, size_t columns)
{
    struct mistakes m;
    struct config *config = NULL;
    mistakes_init(&m);
    if (config_parse("f", slice_of(text), &m, &config) != 0) fail_msg("%s", m.stored ? m.text[0] : "");
    mistakes_done(&m);
    struct dataset *d = dataset_new(config->datasets[0].name, config, &config->datasets[0]);
    assert_non_null(d);
    config_unref(config);
    d->table = (struct table){.schema = "public", .name = d->name, .columns = columns};
    d->table.column = arena_array(&d->arena, columns, sizeof *column);
    assert_non_null(d->table.column);
    memcpy(d->table.column, column, columns * sizeof *column);
    return d;
}

#endif
