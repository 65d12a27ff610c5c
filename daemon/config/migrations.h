/* SPDX-License-Identifier: MIT */
/*
 * The user's migrations: NNN_name.sql in a folder, numbered from 1 without gaps. They are read with the configuration, and are a
 * part of it.
 *
 * Thread: any. Reads files, each of at most MIGRATION_FILE_MAX bytes.
 */
#ifndef CETLD_CONFIG_MIGRATIONS_H
#define CETLD_CONFIG_MIGRATIONS_H

#include "config/config.h"

enum { MIGRATION_FILE_MAX = 1 << 20, MIGRATIONS_MAX = 9999, MIGRATIONS_BYTES_MAX = 16 << 20 };

/**
 * Those of `database.migrations`, or, where that is empty, of the folder `migrations` beside the configuration file `path`, if it
 * is there. Strings go to the arena; what is wrong goes to `m`. 0 or -ENOMEM.
 */
must_check int migrations_read(const char *path, struct arena *arena, struct mistakes *m, struct config *config);

#endif
