/* SPDX-License-Identifier: MIT */
/*
 * The daemon: everything put together, from start to end.
 *
 *   start ──▶ running ──SIGTERM──▶ stopping: HTTP drains, loads end or roll back, connections close, the embedded cluster stops ──▶
 * exit 0
 *
 * Ready (for systemd) as soon as the spool is locked, watched and the listeners are open, whether or not the database answers.
 *
 * Thread: loop.
 */
#ifndef CETLD_DAEMON_H
#define CETLD_DAEMON_H

#include "config/config.h"

struct daemon_options {
    const char *path;              /* the configuration's file */
    enum config_presence presence; /* whether it must be there */
};

/** Runs until it is told to stop. The exit status. Takes over the reference to `config`. */
int daemon_run(const struct daemon_options *options, struct config *config);

#endif
