/* SPDX-License-Identifier: MIT */
/*
 * Of build.h the part about [backup NAME].
 *
 * Thread: any.
 */
#ifndef CETLD_CONFIG_BUILD_BACKUP_H
#define CETLD_CONFIG_BUILD_BACKUP_H

#include "config/builder.h"

/** All of them. 0 or -ENOMEM. */
must_check int build_backups(struct builder *b);

#endif
