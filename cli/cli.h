/* SPDX-License-Identifier: MIT */
/*
 * cetl, the command: one table of commands (commands.c), each a function in a file of its own. They ask the daemon by its unix
 * socket (client.h), or use the daemon's own layers where no daemon is needed (guess, check).
 *
 * The table says which options and how many operands a command takes; main.c reads the command line by it, so that a command finds
 * its operands in argv[1…] and asks for its options by cli_option. Help, cetl(1) (`cetl --manual`) and the shell's completion
 * (`cetl --words`) come from the same table.
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

enum { CLI_OPTIONS_MAX = 12 };

/** An option of one command. --json, --socket and -c are every command's. */
struct cli_option {
    const char *name;     /* "--dataset"; NULL ends the list */
    const char *argument; /* "NAME"; NULL: it is a switch */
    const char *prose;    /* a sentence */
};

struct cli_command;

/** What stands beside the operands. */
struct cli {
    const char *config; /* the configuration file: says where the socket is */
    bool config_said;   /* by -c: then it must be there */
    const char *socket; /* NULL: as the configuration says */
    bool json;          /* --json: for scripts */
    bool terminal;      /* stdout is one: tables are as wide as it */
    bool colours;       /* and shows them */
    bool progress;      /* stderr is a terminal */
    const struct cli_command *command;
    const char *value[CLI_OPTIONS_MAX]; /* of the command's options; see cli_option */
};

struct cli_command {
    const char *name;      /* "token new": may be two words */
    const char *arguments; /* "FILE…", "ID", "[NAME]", "": as the usage shows them; so many must there be */
    const char *prose;     /* one line */
    /** argv[0] is the command's (last) word, the others are the operands. An exit status. */
    int (*run)(struct cli *cli, int argc, char **argv);
    const struct cli_option *options; /* or NULL */
    const char *details;              /* more for cetl(1), or NULL; an empty line between two paragraphs */
};

/** The table; it ends with a command whose name is NULL. */
const struct cli_command *cli_commands(void);
/** What was said of an option of the command: its value, "" for a switch; NULL when it was not given. */
const char *cli_option(const struct cli *cli, const char *name);

/** "cetl: …" on stderr, made harmless for a terminal (field_show), and status. */
int cli_complain(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

int check_run(struct cli *cli, int argc, char **argv);
int guess_run(struct cli *cli, int argc, char **argv);
int pull_run(struct cli *cli, int argc, char **argv);
int status_run(struct cli *cli, int argc, char **argv);
int files_run(struct cli *cli, int argc, char **argv);
int show_run(struct cli *cli, int argc, char **argv);
int rejects_run(struct cli *cli, int argc, char **argv);
int original_run(struct cli *cli, int argc, char **argv);
int ingest_run(struct cli *cli, int argc, char **argv);
int replay_run(struct cli *cli, int argc, char **argv);
int unload_run(struct cli *cli, int argc, char **argv);
int reload_run(struct cli *cli, int argc, char **argv);
int config_run(struct cli *cli, int argc, char **argv);
int token_new_run(struct cli *cli, int argc, char **argv);
int version_run(struct cli *cli, int argc, char **argv);
int backup_run(struct cli *cli, int argc, char **argv);
int restore_run(struct cli *cli, int argc, char **argv);

#endif
