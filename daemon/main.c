/* SPDX-License-Identifier: MIT */
/* The command line: cetld [-c FILE] [--check | --sample-config | --print-config | --new-token | --version | --help]. */
#include "base/log.h"
#include "check.h"
#include "config/manual.h"
#include "config/options.h"
#include "daemon.h"
#include "etl/formulas.h"
#include "new_token.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* EXIT_CONFIG is sysexits.h's EX_CONFIG: starting again would not mend it, and the unit does not. */
enum { EXIT_USAGE = 2, EXIT_CONFIG = 78, ARENAS = 2 };

static const char usage[] =
    "usage: cetld [-c FILE] [--check | --print-config]\n"
    "       cetld --sample-config | --manual | --new-token | --version | --help\n"
    "\n"
    "Turns a folder into a database: CSV files dropped into the spool are in PostgreSQL, exactly once.\n"
    "\n"
    "  -c, --config FILE   the configuration (default " CONFIG_DEFAULT_PATH ", and conf.d/*.conf beside it)\n"
    "      --check         say what is wrong with the configuration, and exit\n"
    "      --print-config  print every value in force\n"
    "      --sample-config print a configuration with every option and its default\n"
    "      --manual        print cetl.conf(5), which explains every option\n"
    "      --new-token     print a new token for the API, and its hash, which the daemon gets to know\n"
    "      --version, --help\n";

enum command { RUN, CHECK, PRINT, SAMPLE, MANUAL, TOKEN, VERSION, HELP };

static const struct {
    const char *word;
    enum command command;
} commands[] = {{"--check", CHECK},
                {"--print-config", PRINT},
                {"--sample-config", SAMPLE},
                {"--manual", MANUAL},
                {"--new-token", TOKEN},
                {"--version", VERSION},
                {"--help", HELP},
                {"-h", HELP}};

/* 0, or EXIT_USAGE with the complaint printed. */
static int parse(char **argv, struct daemon_options *options, enum command *ret_command)
{
    for (char **arg = argv + 1; *arg; arg++) {
        size_t i = 0, n = sizeof commands / sizeof *commands;
        while (i < n && strcmp(*arg, commands[i].word) != 0)
            i++;
        if (i < n) {
            *ret_command = commands[i].command;
        } else if (strcmp(*arg, "-c") == 0 || strcmp(*arg, "--config") == 0) {
            if (!arg[1] || !*arg[1]) {
                fprintf(stderr, "cetld: %s what? It takes the file with the configuration\n", *arg);
                return EXIT_USAGE;
            }
            options->path = *++arg;
            options->presence = CONFIG_MUST_EXIST;
        } else {
            fprintf(stderr, "cetld: what does %s mean here?\n\n%s", *arg, usage);
            return EXIT_USAGE;
        }
    }
    return 0;
}

static int print_config(const struct config *config)
{
    struct buf out;
    buf_init(&out, 16 << 20);
    config_print(config, &out);
    int r = buf_check(&out);
    if (r == 0) fwrite(out.data, 1, out.len, stdout);
    buf_done(&out);
    return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Load the configuration and do what was asked for with it. */
static int with_config(const struct daemon_options *options, enum command command)
{
    struct mistakes mistakes;
    mistakes_init(&mistakes);
    struct config *config = NULL;
    int r = formulas_load_config(options->path, options->presence, &mistakes, &config);
    for (size_t i = 0; i < mistakes.stored; i++)
        fprintf(stderr, "%s\n", mistakes.text[i]);
    if (mistakes.n > mistakes.stored) fprintf(stderr, "and %zu more\n", mistakes.n - mistakes.stored);
    mistakes_done(&mistakes);
    if (r < 0) fprintf(stderr, "cetld: %s\n", error_name(r));
    if (r != 0) return r > 0 && command == RUN ? EXIT_CONFIG : EXIT_FAILURE;
    if (command == RUN) return daemon_run(options, config);
    r = command == PRINT ? print_config(config) : check_against_database(config);
    config_unref(config);
    return r;
}

int main(int argc, char **argv)
{
    struct daemon_options options = {.path = CONFIG_DEFAULT_PATH, .presence = CONFIG_MAY_BE_MISSING};
    enum command command = RUN;
    (void)argc;
    int r = parse(argv, &options, &command);
    if (r != 0) return r;
    mallopt(M_ARENA_MAX, ARENAS); /* memory that one worker frees serves the others */
    log_open();
    switch (command) {
    case SAMPLE: options_print_sample(stdout); break;
    case MANUAL: manual_print(stdout); break;
    case TOKEN: r = new_token(); break;
    case VERSION: puts("cetld " CETLD_VERSION); break;
    case HELP: fputs(usage, stdout); break;
    default: r = with_config(&options, command); break;
    }
    if (command == RUN || (fflush(stdout) == 0 && !ferror(stdout))) return r;
    fprintf(stderr, "cetld: stdout cannot be written: %s\n", error_name(-errno));
    return r != 0 ? r : EXIT_FAILURE;
}
