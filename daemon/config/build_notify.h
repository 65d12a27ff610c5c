/* SPDX-License-Identifier: MIT */
/*
 * Of build.h the part about who is told: [notify NAME], with what its files hold.
 *
 * Thread: any.
 */
#ifndef CETLD_CONFIG_BUILD_NOTIFY_H
#define CETLD_CONFIG_BUILD_NOTIFY_H

#include "config/builder.h"

/** All of them. 0 or -ENOMEM. */
must_check int build_notify(struct builder *b);

#endif
