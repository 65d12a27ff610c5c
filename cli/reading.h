/* SPDX-License-Identifier: MIT */
/*
 * What `cetl guess` and `cetl check` share: the configuration they go by, and how a file is read, for people and for scripts.
 */
#ifndef CETL_READING_H
#define CETL_READING_H

#include "cli.h"
#include "etl/trial.h"
#include "format/json_writer.h"

/** The configuration, without its secrets, so that it works for everybody who may read it. CLI_OK, or CLI_USAGE after a complaint.
 * The caller has a reference. */
must_check int reading_config(const struct cli *cli, struct config **ret_config);
/** "gzip, UTF-16LE, semicolon, quote ', no header, 2 lines before the header" */
void reading_text(const struct trial *t, struct buf *out);
/** The same as the member "read_as" of an open object. */
void reading_json(const struct trial *t, struct json_writer *w);

#endif
