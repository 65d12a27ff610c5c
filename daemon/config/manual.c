/* SPDX-License-Identifier: MIT */
#include "config/manual.h"

#include "config/options.h"

enum { TEXT_MAX = 64 << 10 };

/* ---- troff ---- */

/* Text that troff leaves as it is: no line begins with a dot or an apostrophe, backslashes, hyphens and accents stand for
 * themselves. */
static void put_text(FILE *out, const char *text)
{
    static const char dots[] = "…";
    for (const char *p = text; *p; p++) {
        bool starts = p == text || p[-1] == '\n';
        if (starts && (*p == '.' || *p == '\'')) fputs("\\&", out);
        switch (*p) {
        case '\\': fputs("\\e", out); continue;
        case '-': fputs("\\-", out); continue;
        case '~': fputs("\\(ti", out); continue;
        case '^': fputs("\\(ha", out); continue;
        case '\'': fputs("\\(aq", out); continue;
        case '`': fputs("\\(ga", out); continue;
        default: break;
        }
        if (strncmp(p, dots, strlen(dots)) == 0) {
            fputs("...", out);
            p += strlen(dots) - 1;
        } else {
            fputc(*p, out);
        }
    }
}

static void put_paragraph(FILE *out, const char *text)
{
    put_text(out, text);
    fputc('\n', out);
}

static void put_bold(FILE *out, const char *text)
{
    fputs("\\fB", out);
    put_text(out, text);
    fputs("\\fR", out);
}

static void put_term(FILE *out, const char *term, const char *text)
{
    fputs(".TP\n", out);
    put_bold(out, term);
    fputc('\n', out);
    put_paragraph(out, text);
}

/* ---- what is the same for all ---- */

static void put_start(FILE *out)
{
    fputs(".\\\" SPDX-License-Identifier: MIT\n"
          ".\\\" Made by: cetld --manual\n"
          ".TH CETL.CONF 5 \"\" cetld \"File Formats\"\n"
          ".SH NAME\ncetl.conf \\- configuration of cetld\n"
          ".SH SYNOPSIS\n.I /etc/cetl/cetl.conf\n.br\n.I /etc/cetl/conf.d/*.conf\n"
          ".SH DESCRIPTION\n",
          out);
    put_paragraph(out,
                  "cetld(8) and cetl(1) read cetl.conf, and then the files of the folder conf.d beside it whose names end in "
                  ".conf, in the order "
                  "of their names; what a later file says overrides what an earlier one said, key by key. Everything has a "
                  "default: without any file the daemon works, with a database of its own, and makes a table of each file that is "
                  "dropped.");
    fputs(".PP\n", out);
    put_paragraph(
        out,
        "cetld --check tells every mistake with its file and line, and asks the database about what only that knows. A running "
        "daemon reads its configuration again at systemctl reload cetld, or cetl reload; a configuration with a mistake "
        "changes nothing. cetl config tells the values in force, and the line that says each.");
}

static void put_syntax(FILE *out)
{
    fputs(".SH SYNTAX\n", out);
    put_paragraph(out,
                  "A section begins with [kind], or with [kind name]. In it stand lines key = value. A value goes to the end of "
                  "its line, as it "
                  "stands: there are no quotes and no escapes, and white space at both ends is cut. A line that begins with white "
                  "space goes on with the value above it. A line that begins with # or ; is a comment, also between the lines of a "
                  "value; elsewhere these are characters like others. Files are UTF-8.");
    fputs(".PP\n", out);
    put_paragraph(out, "A key, or a section, that stands twice in one file is a mistake, and so is one that is not known.");
    fputs(".SS Values\n", out);
    put_term(out, "sizes", "are bytes, with a unit: 64K, 128M, 2G, 1T, in powers of 1024.");
    put_term(out, "durations", "have a unit: 500ms, 10s, 5min, 1h, 7d, 2w. 0 needs none.");
    put_term(out, "lists", "are separated by commas, or by lines.");
    put_term(out, "globs",
             "match the name of a file, or, with a / in them, its path below incoming/. * is any text but /, ** any text, ? one "
             "character, "
             "[a-z] one of a set, and {name} a part of the path that becomes the value of that column. A literal * is [*].");
    put_term(out, "SQL", "is PostgreSQL\'s. It is handed on as it stands.");
    put_term(out, "paths", "are absolute. %d is the folder of systemd's credentials, %% a percent sign.");
}

/* ---- the options ---- */

/* " (32M to 1T; default: 128M; not by a reload)", or nothing. */
static void put_facts(FILE *out, const struct option *o)
{
    struct buf text;
    buf_init(&text, TEXT_MAX);
    value_range(&o->rule, &text);
    if (o->initial[0]) buf_printf(&text, "%sdefault: %s", text.len ? "; " : "", o->initial);
    if (o->example) buf_printf(&text, "%sfor example: %s", text.len ? "; " : "", o->example);
    if (o->fixed) buf_printf(&text, "%sa change needs a restart", text.len ? "; " : "");
    if (text.len > 0) {
        fputs(".br\n", out);
        put_text(out, "(");
        put_text(out, buf_cstr(&text));
        fputs(")\n", out);
    }
    buf_done(&text);
}

static void put_section(FILE *out, const struct option_section_info *s)
{
    char heading[128];
    snprintf(heading, sizeof heading, s->name ? "[%s NAME]" : "[%s]", s->kind);
    fputs(".SS ", out);
    put_text(out, heading);
    fputc('\n', out);
    put_paragraph(out, s->prose);
    for (const struct option *o = s->options; o->name; o++) {
        put_term(out, o->name, o->prose);
        put_facts(out, o);
    }
}

static void put_example(FILE *out)
{
    fputs(".SH EXAMPLE\n.nf\n", out);
    put_text(out, "[dataset orders]\n"
                  "files   = orders_*.csv, orders_*.csv.gz\n"
                  "columns =\n"
                  "    order_id bigint primary key,\n"
                  "    placed   timestamptz,\n"
                  "    amount   numeric(12,2)\n"
                  "mode    = upsert\n"
                  "\n"
                  "[column orders.placed]\n"
                  "format   = DD/MM/YYYY HH24:MI\n"
                  "timezone = Europe/Paris\n"
                  "\n"
                  "[rollup orders.daily]\n"
                  "group   = placed::date as day\n"
                  "measure = sum(amount) as revenue, count(*) as orders\n");
    fputs(".fi\n.PP\n", out);
    put_paragraph(out, "cetl guess writes such a section for a file that is there.");
}

void manual_print(FILE *out)
{
    put_start(out);
    put_syntax(out);
    fputs(".SH OPTIONS\n", out);
    put_paragraph(out, "In a default NAME stands for the name of the section.");
    for (int i = 0; i < OPTION_SECTIONS; i++)
        put_section(out, options_section(i));
    put_example(out);
    fputs(".SH SEE ALSO\n.BR cetl (1),\n.BR cetld (8)\n", out);
}
