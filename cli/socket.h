/* SPDX-License-Identifier: MIT */
/*
 * Where the daemon's unix socket is, and why nobody answers there.
 */
#ifndef CETL_SOCKET_H
#define CETL_SOCKET_H

#include "cli.h"

/** `--socket`, else the configuration's first, else the default's; malloc'd. CLI_OK, or a status after a complaint. */
int socket_find(const struct cli *cli, char **ret_path);
/** Say why a connection to it fails, and what to do. CLI_DOWN. */
int socket_explain(const char *path);

#endif
