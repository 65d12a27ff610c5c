/* SPDX-License-Identifier: MIT */
/* cetl [-c FILE] [--socket PATH] [--json] COMMAND …: finds the command in the table, reads its options by it, and runs it. */
#include "base/buf.h"
#include "base/cleanup.h"
#include "cli.h"
#include "config/config.h"
#include "field.h"
#include "manual.h"

#include <errno.h>
#include <locale.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Names of files stand in it, and a file may be called anything. */
int cli_complain(int status, const char *format, ...)
{
    cleanup_free char *text = NULL;
    struct buf shown;
    va_list args;
    va_start(args, format);
    int n = vasprintf(&text, format, args);
    va_end(args);
    buf_init(&shown, SIZE_MAX);
    field_show(&shown, n < 0 ? SLICE("no memory") : (struct slice){text, (size_t)n}, true);
    fflush(stdout);
    fprintf(stderr, "cetl: " SLICE_FMT "\n", SLICE_ARG(buf_slice(&shown)));
    buf_done(&shown);
    if (n < 0) text = NULL; /* undefined then */
    return status;
}

/* ---- which command ---- */

static size_t first_word(const char *name)
{
    return strcspn(name, " ");
}

/* The command whose words stand at argv, and how many they are; or NULL. */
static const struct cli_command *find(char **argv, int *ret_words)
{
    for (const struct cli_command *c = cli_commands(); c->name; c++) {
        size_t first = first_word(c->name);
        const char *second = c->name[first] ? c->name + first + 1 : NULL;
        *ret_words = second ? 2 : 1;
        if (strlen(argv[0]) == first && memcmp(argv[0], c->name, first) == 0 &&
            (!second || (argv[1] && strcmp(argv[1], second) == 0)))
            return c;
    }
    return NULL;
}

static int unknown(const char *word)
{
    for (const struct cli_command *c = cli_commands(); c->name; c++)
        if (c->name[first_word(c->name)] && strncmp(c->name, word, first_word(c->name)) == 0 && !word[first_word(c->name)])
            return cli_complain(CLI_USAGE, "%s what? There is cetl %s", word, c->name);
    return cli_complain(CLI_USAGE, "there is no command %s; cetl --help lists them", word);
}

/* ---- options ---- */

const char *cli_option(const struct cli *cli, const char *name)
{
    for (size_t i = 0; cli->command->options && cli->command->options[i].name; i++)
        if (strcmp(cli->command->options[i].name, name) == 0) return cli->value[i];
    return NULL;
}

/* Is `arg` the option `name`, as `--name`, or `--name=VALUE`? */
static bool is_option(const char *arg, const char *name, const char **ret_value)
{
    size_t len = strlen(name);
    if (strncmp(arg, name, len) != 0 || (arg[len] != '\0' && (arg[len] != '=' || len == 2))) return false;
    *ret_value = arg[len] ? arg + len + 1 : NULL;
    return true;
}

/* Takes argv[*at], and the word behind it where it has a value. CLI_OK, CLI_USAGE. */
static int take(const char *name, bool has_value, const char *value, char **argv, int *at, const char **ret_value)
{
    if (!has_value && value) return cli_complain(CLI_USAGE, "%s takes no value", name);
    if (has_value && !value) value = argv[++*at];
    if (has_value && !value) return cli_complain(CLI_USAGE, "%s what? A value is missing behind it", name);
    if (has_value && !*value) return cli_complain(CLI_USAGE, "%s what? The value behind it is empty", name);
    *ret_value = has_value ? value : "";
    return CLI_OK;
}

/* What every command takes. -1: it is none of these. */
static int take_common(struct cli *cli, char **argv, int *at)
{
    static const struct {
        const char *name;
        bool has_value;
    } common[] = {{"--json", false}, {"--socket", true}, {"--config", true}, {"-c", true}};
    for (size_t i = 0; i < sizeof common / sizeof common[0]; i++) {
        const char *value = NULL;
        if (!is_option(argv[*at], common[i].name, &value)) continue;
        int r = take(common[i].name, common[i].has_value, value, argv, at, &value);
        if (r != CLI_OK) return r;
        if (i == 0) cli->json = true;
        if (i == 1) cli->socket = value;
        if (i > 1) cli->config = value, cli->config_said = true;
        return CLI_OK;
    }
    return -1;
}

static int take_own(struct cli *cli, char **argv, int *at)
{
    const struct cli_option *o = cli->command->options;
    for (size_t i = 0; o && o[i].name; i++) {
        const char *value = NULL;
        if (is_option(argv[*at], o[i].name, &value)) return take(o[i].name, o[i].argument, value, argv, at, &cli->value[i]);
    }
    return cli_complain(CLI_USAGE, "cetl %s has no option %s; cetl %s --help lists them", cli->command->name, argv[*at],
                        cli->command->name);
}

/* Options may stand among the operands, until "--". What is left begins with argv[0]. CLI_OK, CLI_USAGE; -1: help was asked for,
 * and given. */
static int read_arguments(struct cli *cli, int *argc, char **argv)
{
    int operands = 1, at = 1;
    for (; at < *argc && strcmp(argv[at], "--") != 0; at++) {
        if (argv[at][0] != '-' || argv[at][1] == '\0') {
            argv[operands++] = argv[at];
            continue;
        }
        if (strcmp(argv[at], "--help") == 0 || strcmp(argv[at], "-h") == 0) {
            manual_of_command(stdout, cli->command);
            return -1;
        }
        int r = take_common(cli, argv, &at);
        if (r < 0) r = take_own(cli, argv, &at);
        if (r != CLI_OK) return r;
    }
    for (at++; at < *argc; at++)
        argv[operands++] = argv[at];
    argv[operands] = NULL;
    *argc = operands;
    /* of a script's variable that is not set, mostly: it would mean all files, or none */
    for (int i = 1; i < operands && *cli->command->arguments; i++)
        if (!*argv[i])
            return cli_complain(CLI_USAGE, "an empty word is no %s of cetl %s", cli->command->arguments, cli->command->name);
    return CLI_OK;
}

/* As many as `arguments` shows: a word for each, in brackets where it may be missing, with … behind it where there may be many. */
static int check_operands(const struct cli_command *c, int given)
{
    int least = 0, most = 0;
    for (const char *word = c->arguments; *word;) {
        size_t len = strcspn(word, " ");
        most = most < 0 || memmem(word, len, "…", strlen("…")) ? -1 : most + 1;
        least += word[0] != '[';
        word += len + strspn(word + len, " ");
    }
    if (given >= least && (most < 0 || given <= most)) return CLI_OK;
    fprintf(stderr, "cetl: %s\n", given < least ? "something is missing" : "that is one word too many");
    manual_of_command(stderr, c);
    return CLI_USAGE;
}

/* ---- the whole ---- */

static int run(struct cli *cli, int argc, char **argv)
{
    int words = 0;
    cli->command = find(argv, &words);
    if (!cli->command) return unknown(argv[0]);
    argc -= words - 1;
    argv += words - 1;
    int r = read_arguments(cli, &argc, argv);
    if (r == CLI_OK) r = check_operands(cli->command, argc - 1);
    if (r != CLI_OK) return r < 0 ? CLI_OK : r;
    return cli->command->run(cli, argc, argv);
}

static bool has_colours(void)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    return isatty(STDOUT_FILENO) && !(no && no[0]) && term && strcmp(term, "dumb") != 0;
}

/* What is asked of cetl itself. False: `word` is nothing of that. */
static bool tell(struct cli *cli, const char *word)
{
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        manual_of_all(stdout);
    else if (strcmp(word, "--manual") == 0)
        manual_page(stdout);
    else if (strcmp(word, "--words") == 0)
        manual_words(stdout);
    else if (strcmp(word, "--version") == 0)
        version_run(cli, 0, NULL);
    else
        return false;
    return true;
}

static int start(struct cli *cli, int argc, char **argv)
{
    int i = 1;
    for (; i < argc && argv[i][0] == '-'; i++) {
        int r = take_common(cli, argv, &i);
        if (r > 0) return r;
        if (r == CLI_OK) continue;
        if (tell(cli, argv[i])) return CLI_OK;
        return cli_complain(CLI_USAGE, "what does %s mean here? cetl --help lists everything", argv[i]);
    }
    if (i < argc) return run(cli, argc - i, argv + i);
    manual_of_all(stderr);
    return CLI_USAGE;
}

int main(int argc, char **argv)
{
    struct cli cli = {.config = CONFIG_DEFAULT_PATH,
                      .terminal = isatty(STDOUT_FILENO),
                      .colours = has_colours(),
                      .progress = isatty(STDERR_FILENO)};
    setlocale(LC_CTYPE, "C.UTF-8"); /* for wcwidth: what is shown is UTF-8 */
    int status = start(&cli, argc, argv);
    bool written = fflush(stdout) == 0 && !ferror(stdout);
    return written ? status : cli_complain(CLI_FAILED, "stdout cannot be written: %s", strerror(errno));
}
