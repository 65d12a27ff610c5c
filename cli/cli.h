/* SPDX-License-Identifier: MIT */
/*
 * cetl, the command: one table of commands (commands.c), each a function in a file of its own. They ask the daemon by its unix
 * socket (client.h), or use the daemon's own layers where no daemon is needed (guess, check).
 *
 * What a command is asked for goes to stdout, complaints and progress to stderr.
 */
#ifndef CETL_CLI_H
#define CETL_CLI_H

#include <stdbool.h>
#include <stdio.h>

/** Exit statuses. */
enum {
    CLI_OK = 0,
    CLI_FAILED = 1, /* it was tried: a file was refused, the daemon said no */
    CLI_USAGE = 2,
    CLI_DOWN = 3, /* the daemon does not answer, or does not let us in */
};

/** What stands before the command. */
struct cli {
    const char *config; /* the configuration file: says where the socket is */
    const char *socket; /* NULL: as the configuration says */
    bool json;          /* --json: for scripts */
    bool terminal;      /* stdout is one: colours, tables as wide as it */
    bool progress;      /* stderr is a terminal */
};

struct cli_command {
    const char *name;      /* "token new": may be two words */
    const char *arguments; /* "FILE…", for the usage */
    const char *prose;     /* one line */
    /** argv[0] is the command's (last) word. An exit status. */
    int (*run)(struct cli *cli, int argc, char **argv);
};

/** The table; it ends with a command whose name is NULL. */
const struct cli_command *cli_commands(void);

/** "cetl: …" on stderr, and status. */
int cli_complain(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

int version_run(struct cli *cli, int argc, char **argv);

#endif
