/* SPDX-License-Identifier: MIT */
#include "manual.h"

#include <string.h>

/* What every command takes. */
static const struct cli_option common[] = {
    {"--json", NULL, "JSON, for scripts, instead of text."},
    {"--socket", "PATH", "The daemon's unix socket. Default: the one that the configuration names in [api] listen."},
    {"-c", "FILE", "The configuration, also --config. Default: /etc/cetl/cetl.conf, and conf.d/*.conf beside it."},
    {NULL, NULL, NULL},
};

/* ---- help ---- */

static int columns_of(const char *text)
{
    int n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

static void print_padded(FILE *out, const char *a, const char *b, int width)
{
    int used = columns_of(a) + (b[0] ? 1 + columns_of(b) : 0);
    fprintf(out, "  %s%s%s%*s ", a, b[0] ? " " : "", b, used < width ? width - used : 0, "");
}

void manual_of_all(FILE *out)
{
    enum { WIDTH = 22 };
    fputs("usage: cetl [-c FILE] [--socket PATH] [--json] COMMAND …\n\n", out);
    for (const struct cli_command *c = cli_commands(); c->name; c++) {
        print_padded(out, c->name, c->arguments, WIDTH);
        fprintf(out, "%s\n", c->prose);
    }
    fputs("\ncetl COMMAND --help tells its options; man cetl tells all.\n", out);
}

static void print_options(FILE *out, const struct cli_option *o)
{
    enum { WIDTH = 18 };
    for (; o && o->name; o++) {
        print_padded(out, o->name, o->argument ? o->argument : "", WIDTH);
        fprintf(out, "%s\n", o->prose);
    }
}

void manual_of_command(FILE *out, const struct cli_command *c)
{
    fprintf(out, "usage: cetl %s%s%s%s\n\n%s\n", c->name, c->options ? " [options]" : "", c->arguments[0] ? " " : "", c->arguments,
            c->prose);
    if (c->options) fputc('\n', out);
    print_options(out, c->options);
    fputc('\n', out);
    print_options(out, common);
}

/* ---- the page ---- */

/* Text of troff's: no line begins with a dot or an apostrophe, backslashes and hyphens stand for themselves. */
static void put_text(FILE *out, const char *text)
{
    static const char dots[] = "…";
    for (const char *p = text; *p; p++) {
        bool starts = p == text || p[-1] == '\n';
        if (starts && (*p == '.' || *p == '\'')) fputs("\\&", out);
        if (*p == '\\') {
            fputs("\\e", out);
        } else if (*p == '-') {
            fputs("\\-", out);
        } else if (strncmp(p, dots, strlen(dots)) == 0) {
            fputs("...", out);
            p += strlen(dots) - 1;
        } else if (*p == '\n' && p[1] == '\n') {
            fputs("\n.PP", out);
        } else {
            fputc(*p, out);
        }
    }
}

static void put_paragraphs(FILE *out, const char *text)
{
    put_text(out, text);
    fputc('\n', out);
}

static void put_options(FILE *out, const struct cli_option *o)
{
    for (; o && o->name; o++) {
        fputs(".TP\n\\fB", out);
        put_text(out, o->name);
        fputs("\\fR", out);
        if (o->argument) {
            fputs(" \\fI", out);
            put_text(out, o->argument);
            fputs("\\fR", out);
        }
        fputc('\n', out);
        put_paragraphs(out, o->prose);
    }
}

static void put_command(FILE *out, const struct cli_command *c)
{
    fputs(".SS \\fBcetl ", out);
    put_text(out, c->name);
    fputs("\\fR", out);
    if (c->options) fputs(" [options]", out);
    if (c->arguments[0]) {
        fputs(" \\fI", out);
        put_text(out, c->arguments);
        fputs("\\fR", out);
    }
    fputc('\n', out);
    put_paragraphs(out, c->prose);
    if (c->details) {
        fputs(".PP\n", out);
        put_paragraphs(out, c->details);
    }
    put_options(out, c->options);
}

void manual_page(FILE *out)
{
    fputs(".\\\" SPDX-License-Identifier: MIT\n"
          ".\\\" Made by: cetl --manual\n"
          ".TH CETL 1 \"\" cetld \"User Commands\"\n"
          ".SH NAME\ncetl \\- ask cetld, send it files, tell it what to do\n"
          ".SH SYNOPSIS\n\\fBcetl\\fR [\\fIoptions\\fR] \\fICOMMAND\\fR [\\fIarguments\\fR]\n"
          ".SH DESCRIPTION\n",
          out);
    put_paragraphs(out, "cetl is the command line of cetld(8), the daemon that turns CSV files into rows of PostgreSQL. Most "
                        "commands ask the daemon, by its "
                        "unix socket: who may open that, group cetl as it is installed, may do everything.\n\n"
                        "What is asked for goes to standard output, complaints and progress to standard error. On a terminal "
                        "tables are as wide as it, "
                        "and coloured unless NO_COLOR is set. With --json the output is JSON, with the names of the HTTP API.");
    fputs(".SH OPTIONS\nThese are for every command, before or behind its name.\n", out);
    put_options(out, common);
    fputs(".SH COMMANDS\n", out);
    for (const struct cli_command *c = cli_commands(); c->name; c++)
        put_command(out, c);
    fputs(".SH EXIT STATUS\n"
          ".TP\n0\nIt was done.\n"
          ".TP\n1\nIt was tried, and refused: a file failed, a configuration has mistakes.\n"
          ".TP\n2\nThe command line is not understood.\n"
          ".TP\n3\nThe daemon does not run, does not answer, or does not let you in.\n"
          ".SH ENVIRONMENT\n.TP\nNO_COLOR\nWhen it is set, and not empty: no colours.\n"
          ".SH FILES\n"
          ".TP\n.I /run/cetl/cetld.sock\nThe socket, unless the configuration names another.\n"
          ".TP\n.I /etc/cetl/cetl.conf\nThe configuration.\n"
          ".SH SEE ALSO\n.BR cetld (8),\n.BR cetl.conf (5)\n",
          out);
}

void manual_words(FILE *out)
{
    for (const struct cli_command *c = cli_commands(); c->name; c++) {
        fprintf(out, "%s\t%s\t", c->name, c->arguments);
        for (const struct cli_option *o = c->options; o && o->name; o++)
            fprintf(out, "%s%s ", o->name, o->argument ? "=" : "");
        for (const struct cli_option *o = common; o->name; o++)
            fprintf(out, "%s%s%s", o->name, o->argument ? "=" : "", o[1].name ? " " : "\n");
    }
}
