/* SPDX-License-Identifier: MIT */
/*
 * cetl guess FILE…: what inference makes of files, as sections of a configuration, with the reasons as comments. What it prints is
 * tried out before: the files are read once more as the printed dataset would read them.
 */
#include "cli.h"
#include "config/options.h"
#include "etl/guess_block.h"
#include "etl/trial.h"
#include "field.h"
#include "format/json_writer.h"
#include "reading.h"
#include "rows.h"

#include <inttypes.h>
#include <stdlib.h>

/* What a file is in that is no UTF-8: what spreadsheets write in the western world, and most bytes are something in it. */
#define OTHER_ENCODING "cp1252"
#define BAD_ENCODING "22021"
enum { TEXT_MAX = 64 << 20 };

/* A file that could be read so far. */
struct file {
    const char *path;
    const char *name; /* without the folder */
    size_t group;
};

/* Files of one dataset: by their names, and their headers are the same. */
struct group {
    char name[NAME_MAX_BYTES + 1];
    char *header; /* the columns' names, each with a line end behind it; malloc'd */
    size_t files;
};

/* What is known of a group in the end. */
struct result {
    struct trial first; /* its first file, and what was seen in all of them */
    const char *encoding;
    bool various; /* the files differ in their dialect */
    struct buf globs, block;
    uint64_t rejected, bad_encoding, read;
    const char *failed; /* the file that could not be read so; NULL: all could */
    struct error err;
};

struct guessing {
    struct cli *cli;
    struct config *config;
    struct file *file;
    size_t files;
    struct group *group;
    size_t groups;
    struct json_writer json;
    struct buf out;
    int status;
};

static void complain_of(struct guessing *g, const char *path, const struct error *why)
{
    struct buf shown;
    buf_init(&shown, TEXT_MAX);
    field_show(&shown, slice_of(path), false);
    g->status = cli_complain(CLI_FAILED, "%s: %s", buf_cstr(&shown), why->text[0] ? why->text : "no memory");
    buf_done(&shown);
}

/* ---- which files belong together ---- */

static int open_trial(struct guessing *g, const struct file *f, const char *encoding, struct trial *t, struct error *err)
{
    struct trial_source source = {.config = g->config, .path = f->path, .name = f->name, .undeclared = true, .encoding = encoding};
    return trial_open(t, &source, err);
}

/* The head, in another encoding where it is in none of ours. */
static int open_head(struct guessing *g, const struct file *f, struct trial *t, struct error *err)
{
    struct error other;
    int r = open_trial(g, f, NULL, t, err);
    if (r != TRIAL_E_REFUSED || t->head.rc != HEAD_E_BROKEN) return r;
    trial_done(t);
    int again = open_trial(g, f, OTHER_ENCODING, t, &other);
    return again == 0 ? 0 : r;
}

static char *header_of(const struct plan_head *head)
{
    struct buf text;
    buf_init(&text, TEXT_MAX);
    for (size_t i = 0; i < head->cells; i++)
        buf_printf(&text, "%s\n", head->name[i]);
    buf_putc(&text, head->dialect.header == DIALECT_HEADER_YES ? 'h' : '-');
    return buf_steal(&text, NULL);
}

/* As inference would: the dataset of its stem where the headers agree, else that of its full stem. */
static struct group *find_group(struct guessing *g, const struct file *f, const char *header)
{
    char name[NAME_MAX_BYTES + 1];
    for (int full = 0; full < 2; full++) {
        if (full)
            name_of_file_full(slice_of(f->name), name);
        else
            name_of_file(slice_of(f->name), name);
        bool taken = false;
        for (size_t i = 0; i < g->groups; i++) {
            if (strcmp(g->group[i].name, name) != 0) continue;
            if (strcmp(g->group[i].header, header) == 0) return &g->group[i];
            taken = true;
        }
        if (taken) continue;
        struct group *made = &g->group[g->groups++];
        snprintf(made->name, sizeof made->name, "%s", name);
        return made;
    }
    return NULL;
}

static void place(struct guessing *g, const char *path)
{
    const char *slash = strrchr(path, '/');
    struct file f = {.path = path, .name = slash ? slash + 1 : path};
    struct trial t;
    struct error err;
    int r = open_head(g, &f, &t, &err);
    char *header = r == 0 ? header_of(&t.head.plan_head) : NULL;
    trial_done(&t);
    if (!header) return complain_of(g, path, &err);
    struct group *group = find_group(g, &f, header);
    if (!group) {
        error_set(&err, 0, "its name is that of a file before it, and its header is not; guess it alone");
        complain_of(g, path, &err);
    }
    if (group && !group->header)
        group->header = header;
    else
        free(header);
    if (!group) return;
    group->files++;
    f.group = (size_t)(group - g->group);
    g->file[g->files++] = f;
}

/* ---- one dataset ---- */

static bool same_dialect(const struct dialect *a, const struct dialect *b)
{
    return a->delimiter == b->delimiter && a->quote == b->quote && a->escape == b->escape && a->line_end == b->line_end;
}

/* Each file of the group is read to its end; what is seen counts for the first. False: r->failed is one that cannot be. */
static bool infer_all(struct guessing *g, size_t group, struct result *r)
{
    bool first = true;
    for (size_t i = 0; i < g->files && !r->failed; i++) {
        struct file *f = &g->file[i];
        struct trial other = {0}, *t = first ? &r->first : &other;
        if (f->group != group) continue;
        int rc = open_trial(g, f, r->encoding, t, &r->err);
        snprintf(t->name, sizeof t->name, "%s", g->group[group].name);
        if (rc == 0) rc = trial_infer(t, &r->err);
        if (rc == 0 && !first) rc = trial_merge(&r->first, t);
        r->various |= !first && rc == 0 && !same_dialect(&r->first.head.plan_head.dialect, &t->head.plan_head.dialect);
        if (!first) trial_done(t);
        first = false;
        if (rc != 0) r->failed = f->path;
    }
    return !r->failed;
}

static bool has_glob(struct slice globs, struct slice glob)
{
    while (globs.p)
        if (slice_equal(slice_trim(slice_cut(&globs, ',')), glob)) return true;
    return false;
}

static void make_globs(struct guessing *g, size_t group, struct buf *out)
{
    struct buf one;
    buf_init(&one, TEXT_MAX);
    for (size_t i = 0; i < g->files; i++) {
        if (g->file[i].group != group) continue;
        buf_reset(&one);
        guess_block_glob(&one, slice_of(g->file[i].name), g->group[group].name);
        if (has_glob(buf_slice(out), buf_slice(&one))) continue;
        if (out->len > 0) buf_puts(out, ", ");
        buf_put(out, buf_slice(&one));
    }
    buf_done(&one);
}

static void ignore_row(void *ctx, uint64_t line, const struct trial_cell *cell)
{
    (void)ctx, (void)line, (void)cell;
}

static void count_reject(void *ctx, const struct reject *reject)
{
    struct result *r = ctx;
    r->bad_encoding += strcmp(reject->code, BAD_ENCODING) == 0;
}

/* The files as the block reads them. */
static void try_file(const struct file *f, struct config *config, struct result *r)
{
    struct trial t;
    struct trial_source source = {.config = config, .path = f->path, .name = f->name, .sent = &config->datasets[0]};
    const struct trial_handler h = {.row = ignore_row, .reject = count_reject, .ctx = r};
    int rc = trial_open(&t, &source, &r->err);
    if (rc == 0) rc = trial_fit(&t, &r->err);
    if (rc == 0) rc = trial_read(&t, &h, &r->err);
    r->read += t.counts.read;
    r->rejected += t.counts.rejected;
    trial_done(&t);
    if (rc != 0) r->failed = f->path;
}

static void try_block(struct guessing *g, size_t group, struct result *r)
{
    struct mistakes mistakes;
    struct config *config = NULL;
    struct buf text;
    mistakes_init(&mistakes);
    buf_init(&text, TEXT_MAX);
    buf_puts(&text, "[daemon]\n"); /* its limits hold here, too */
    options_print(OPTION_DAEMON, &g->config->daemon, &text);
    buf_put(&text, buf_slice(&r->block));
    r->read = r->rejected = r->bad_encoding = 0;
    int rc = config_parse("the guess", buf_slice(&text), &mistakes, &config);
    for (size_t i = 0; i < g->files && !r->failed; i++) {
        if (g->file[i].group != group) continue;
        if (rc == 0) {
            try_file(&g->file[i], config, r);
        } else {
            r->failed = g->file[i].path;
            error_set(&r->err, 0, "%s", mistakes.stored ? mistakes.text[0] : error_name(rc));
        }
    }
    config_unref(config);
    mistakes_done(&mistakes);
    buf_done(&text);
}

static void write_block(struct result *r, bool skip_blank)
{
    buf_reset(&r->block);
    guess_block_write(&r->block, &(struct guess_block){.guess = &r->first.guess,
                                                       .dialect = &r->first.head.plan_head.dialect,
                                                       .various = r->various,
                                                       .encoding = r->encoding,
                                                       .skip_blank = skip_blank,
                                                       .files = buf_slice(&r->globs)});
}

/* Guess, write it down, and try it; once more where blank lines were no rows. */
static void guess_group(struct guessing *g, size_t group, struct result *r)
{
    buf_init(&r->block, TEXT_MAX);
    if (!infer_all(g, group, r)) return;
    write_block(r, false);
    try_block(g, group, r);
    bool skips = r->first.head.plan_head.dialect.blank == DIALECT_BLANK_SKIP;
    if (r->failed || !skips || r->read == r->first.counts.read) return;
    write_block(r, true);
    try_block(g, group, r);
}

static void forget(struct result *r)
{
    trial_done(&r->first);
    buf_done(&r->block);
}

/* In UTF-8, or what a mark says; where that is not what the file is in, in another encoding. */
static void guess_encoding(struct guessing *g, size_t group, struct result *r)
{
    guess_group(g, group, r);
    if (r->failed ? r->first.head.rc != HEAD_E_BROKEN : r->bad_encoding == 0) return;
    struct result other = {.encoding = OTHER_ENCODING, .globs = r->globs};
    guess_group(g, group, &other);
    bool better = !other.failed && other.bad_encoding == 0;
    forget(better ? r : &other);
    if (better) *r = other;
}

/* ---- what is told of it ---- */

static const char *file_of(const struct guessing *g, size_t group)
{
    size_t i = 0;
    while (g->file[i].group != group)
        i++;
    return g->file[i].name;
}

static void print_columns(const struct trial *t)
{
    const struct guess *guess = &t->guess;
    size_t name_width = 0, type_width = 0;
    char type[64];
    for (size_t i = 0; i < guess->columns; i++) {
        size_t width = rows_width(slice_of(guess->column[i].name)), wide = strlen(type_sql(guess->column[i].as.type, type));
        if (width > name_width) name_width = width;
        if (wide > type_width) type_width = wide;
    }
    for (size_t i = 0; i < guess->columns; i++) {
        const struct guess_column *c = &guess->column[i];
        printf("#   %s%*s  %-*s  %s", c->name, (int)(name_width - rows_width(slice_of(c->name))), "", (int)type_width,
               type_sql(c->as.type, type), c->as.reason);
        printf(c->as.format[0] ? " (%s)\n" : "\n", c->as.format);
    }
}

static void print_group(struct guessing *g, size_t group, struct result *r)
{
    struct buf line;
    buf_init(&line, TEXT_MAX);
    field_show(&line, slice_of(file_of(g, group)), false);
    if (g->group[group].files > 1) buf_printf(&line, " and %zu more", g->group[group].files - 1);
    buf_printf(&line, ": %" PRIu64 " row%s; ", r->read, r->read == 1 ? "" : "s");
    reading_text(&r->first, &line);
    if (g->cli->colours) fputs("\033[2m", stdout);
    printf("# " SLICE_FMT "\n", SLICE_ARG(buf_slice(&line)));
    if (r->encoding)
        puts("# It is no UTF-8. Letters beyond ASCII are read as " OTHER_ENCODING "; look at them: another encoding may be meant.");
    if (r->rejected > 0)
        printf("# %" PRIu64 " of the rows would be rejected: cetl check tells which, and max_errors how many may.\n", r->rejected);
    print_columns(&r->first);
    if (g->cli->colours) fputs("\033[0m", stdout);
    printf(SLICE_FMT, SLICE_ARG(buf_slice(&r->block)));
    buf_done(&line);
}

static void write_group(struct guessing *g, size_t group, struct result *r)
{
    struct json_writer *w = &g->json;
    json_write_object(w);
    json_write_field_text(w, "dataset", g->group[group].name);
    json_write_key(w, "files");
    json_write_array(w);
    for (size_t i = 0; i < g->files; i++)
        if (g->file[i].group == group) json_write_text(w, g->file[i].path);
    json_write_end(w);
    json_write_field_int(w, "rows_read", (int64_t)r->read);
    json_write_field_int(w, "rows_rejected", (int64_t)r->rejected);
    reading_json(&r->first, w);
    json_write_key(w, "columns");
    json_write_array(w);
    for (size_t i = 0; i < r->first.guess.columns; i++) {
        const struct guess_column *c = &r->first.guess.column[i];
        char type[64];
        json_write_object(w);
        json_write_field_text(w, "name", c->name);
        json_write_field_text(w, "type", type_sql(c->as.type, type));
        if (c->as.format[0]) json_write_field_text(w, "format", c->as.format);
        json_write_field_bool(w, "nulls", c->as.nulls);
        json_write_field_text(w, "reason", c->as.reason);
        json_write_end(w);
    }
    json_write_end(w);
    json_write_field_slice(w, "config", buf_slice(&r->block));
    json_write_end(w);
}

static void do_group(struct guessing *g, size_t group, bool last)
{
    struct result r = {0};
    buf_init(&r.globs, TEXT_MAX);
    make_globs(g, group, &r.globs);
    guess_encoding(g, group, &r);
    if (r.failed) {
        complain_of(g, r.failed, &r.err);
    } else if (g->cli->json) {
        write_group(g, group, &r);
    } else {
        print_group(g, group, &r);
        if (!last) putchar('\n');
    }
    forget(&r);
    buf_done(&r.globs);
}

/* A glob matches all that begins with its name: the longer names come first, since the first dataset that matches has the file. */
static void order_groups(struct guessing *g, size_t *ret_order)
{
    for (size_t i = 0; i < g->groups; i++) {
        size_t k = i;
        for (; k > 0 && strlen(g->group[ret_order[k - 1]].name) < strlen(g->group[i].name); k--)
            ret_order[k] = ret_order[k - 1];
        ret_order[k] = i;
    }
}

static int guess_all(struct guessing *g)
{
    size_t *order = calloc(g->files + 1, sizeof *order);
    if (!order) return cli_complain(CLI_FAILED, "no memory");
    order_groups(g, order);
    buf_init(&g->out, SIZE_MAX);
    json_writer_init(&g->json, &g->out);
    if (g->cli->json) json_write_array(&g->json);
    for (size_t i = 0; i < g->groups; i++)
        do_group(g, order[i], i + 1 == g->groups);
    if (g->cli->json) json_write_end(&g->json);
    if (g->cli->json) printf(SLICE_FMT "\n", SLICE_ARG(buf_slice(&g->out)));
    buf_done(&g->out);
    free(order);
    return g->status;
}

int guess_run(struct cli *cli, int argc, char **argv)
{
    struct guessing g = {.cli = cli, .file = calloc((size_t)argc, sizeof *g.file), .group = calloc((size_t)argc, sizeof *g.group)};
    int r = g.file && g.group ? reading_config(cli, &g.config) : cli_complain(CLI_FAILED, "no memory");
    for (int i = 1; i < argc && r == CLI_OK; i++)
        place(&g, argv[i]);
    if (r == CLI_OK) r = guess_all(&g);
    for (size_t i = 0; i < g.groups; i++)
        free(g.group[i].header);
    config_unref(g.config);
    free(g.file);
    free(g.group);
    return r;
}
