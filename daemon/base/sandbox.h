/* SPDX-License-Identifier: MIT */
/*
 * What a service may write is said by its unit (ProtectSystem=, ReadWritePaths=), and looks like a file system that is read-only.
 *
 * Thread: any.
 */
#ifndef CETLD_BASE_SANDBOX_H
#define CETLD_BASE_SANDBOX_H

#include "base/error.h"

/** Where systemd started us, and `code` (-errno) may come of its sandbox: add to the words in `err` how the folder becomes
 * writable. */
void sandbox_advise(int code, const char *folder, struct error *err);

#endif
