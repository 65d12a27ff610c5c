/* SPDX-License-Identifier: MIT */
/* cetl [-c FILE] [--socket PATH] [--json] COMMAND …: finds the command in the table and runs it. */
#include "cli.h"

#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#define CONFIG_DEFAULT "/etc/cetl/cetl.conf"

static void usage(FILE *out)
{
    fputs("usage: cetl [-c FILE] [--socket PATH] [--json] COMMAND …\n\n", out);
    for (const struct cli_command *c = cli_commands(); c->name; c++)
        fprintf(out, "  %s%s%-*s %s\n", c->name, c->arguments[0] ? " " : "", (int)(24 - strlen(c->name)), c->arguments, c->prose);
}

int cli_complain(int status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("cetl: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return status;
}

/* The command whose words stand at argv, and how many they are; or NULL. */
static const struct cli_command *find(char **argv, int *ret_words)
{
    for (const struct cli_command *c = cli_commands(); c->name; c++) {
        const char *second = strchr(c->name, ' ');
        size_t first = second ? (size_t)(second - c->name) : strlen(c->name);
        *ret_words = second ? 2 : 1;
        if (strlen(argv[0]) == first && memcmp(argv[0], c->name, first) == 0 &&
            (!second || (argv[1] && strcmp(argv[1], second + 1) == 0)))
            return c;
    }
    return NULL;
}

int main(int argc, char **argv)
{
    struct cli cli = {.config = CONFIG_DEFAULT, .terminal = isatty(STDOUT_FILENO), .progress = isatty(STDERR_FILENO)};
    int i = 1;
    for (; i < argc && argv[i][0] == '-'; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            cli.json = true;
        } else if (strcmp(argv[i], "--socket") == 0 && i + 1 < argc) {
            cli.socket = argv[++i];
        } else if ((strcmp(argv[i], "-c") == 0 || strcmp(argv[i], "--config") == 0) && i + 1 < argc) {
            cli.config = argv[++i];
        } else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            usage(stdout);
            return CLI_OK;
        } else if (strcmp(argv[i], "--version") == 0) {
            return version_run(&cli, 0, NULL);
        } else {
            return cli_complain(CLI_USAGE, "what does %s mean here? cetl --help lists everything", argv[i]);
        }
    }
    if (i == argc) {
        usage(stderr);
        return CLI_USAGE;
    }
    int words = 0;
    const struct cli_command *c = find(argv + i, &words);
    if (!c) return cli_complain(CLI_USAGE, "there is no command %s; cetl --help lists them", argv[i]);
    return c->run(&cli, argc - i - words + 1, argv + i + words - 1);
}
