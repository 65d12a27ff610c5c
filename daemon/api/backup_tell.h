/* SPDX-License-Identifier: MIT */
/*
 * What is told of backups: by /status, and by /metrics.
 *
 * Thread: loop.
 */
#ifndef CETLD_API_BACKUP_TELL_H
#define CETLD_API_BACKUP_TELL_H

#include "etl/backups.h"
#include "format/json_writer.h"

/** The member "backups" of an open object: each, with what came of its last try. */
void backup_tell_status(struct json_writer *w, const struct backups *all);
/** The families cetl_backup_…. */
void backup_tell_metrics(struct buf *out, const struct backups *all);

#endif
