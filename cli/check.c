/* SPDX-License-Identifier: MIT */
/*
 * cetl check FILE: what the daemon would make of a file, by its own parser, rules and expressions: the dataset, the first rows as
 * they would be loaded, every row that would be rejected. Nothing is written, and neither a daemon nor a database is asked.
 *
 * What comes out is told as it comes, in this order: how the file is read, its columns, rows, rejects, counts. (check_text.c and
 * check_json.c tell it.)
 */
#include "check.h"

#include "base/num.h"
#include "config/options.h"
#include "field.h"
#include "reading.h"

#include <inttypes.h>

static const struct config_dataset *find_dataset(const struct config *config, const char *name)
{
    const struct config_dataset *d = config_dataset(config, slice_of(name));
    struct name_nearest nearest = name_nearest_to(slice_of(name));
    for (size_t i = 0; i < config->n_datasets && !d; i++)
        name_nearest_offer(&nearest, config->datasets[i].name);
    if (!d)
        cli_complain(CLI_USAGE,
                     nearest.best ? "the configuration has no [dataset %s]; did you mean %s?"
                                  : "the configuration has no [dataset %s]",
                     name, nearest.best);
    return d;
}

/* CLI_OK, CLI_USAGE. */
static int read_options(struct check *c, const char *path)
{
    enum { ROWS = 10, ROWS_MAX = 100000 };
    const char *dataset = cli_option(c->cli, "--dataset"), *rows = cli_option(c->cli, "--rows"), *as = cli_option(c->cli, "--path");
    const char *slash = strrchr(path, '/');
    int64_t n = ROWS;
    if (rows && (num_parse_i64(slice_of(rows), &n) != 0 || n < 0 || n > ROWS_MAX))
        return cli_complain(CLI_USAGE, "--rows is a number from 0 to %d", ROWS_MAX);
    c->rows_max = (uint64_t)n;
    c->source = (struct trial_source){.config = c->config, .path = path, .name = as ? as : slash ? slash + 1 : path};
    if (as && (as[0] == '/' || as[0] == '\0')) return cli_complain(CLI_USAGE, "--path is a path below incoming/");
    c->source.sent = dataset ? find_dataset(c->config, dataset) : NULL;
    return dataset && !c->source.sent ? CLI_USAGE : CLI_OK;
}

/* What cannot be seen here. */
static void note_unseen(struct check *c)
{
    const struct config_dataset *d = c->trial.declared;
    struct traits traits = {0};
    c->unseen.bytes = true;
    if (c->trial.in_server) c->unseen.expressions = c->trial.in_server;
    for (size_t i = 0; i < c->trial.columns && !c->unseen.type; i++)
        if (c->trial.column[i].type.id == TYPE_OTHER) c->unseen.type = &c->trial.column[i];
    if (d && d->columns.n > 0 && traits_read(slice_of(d->columns_sql), &d->columns, &c->trial.arena, &traits) == 0)
        c->unseen.constraints = traits.constraints;
    c->unseen.table = !d || d->columns.n == 0;
}

static void judge(struct check *c)
{
    static const struct config_budget none;
    const struct config_dataset *d = c->trial.declared;
    const struct trial_counts *n = &c->trial.counts;
    const struct option *o = options_find(OPTION_DATASET, SLICE("max_errors"));
    struct buf most;
    c->fails = !config_budget_allows(d ? &d->max_errors : &none, n->rejected, n->read);
    if (!c->fails) return;
    buf_init(&most, sizeof c->err.text);
    value_format(&o->rule, d ? &d->max_errors : &none, &most);
    error_set(&c->err, 0, "%" PRIu64 " of %" PRIu64 " rows would be rejected, and max_errors is %s%s", n->rejected, n->read,
              buf_cstr(&most), d ? "" : " where no [dataset] says otherwise");
    buf_done(&most);
}

/* The daemon leaves files alone, or refuses them, that no dataset claims. */
static bool is_unmatched(struct check *c)
{
    bool infers = c->config->daemon.unmatched == CONFIG_UNMATCHED_INFER;
    if (c->trial.declared || infers) return false;
    error_set(&c->err, 0, "no dataset's `files` match its name, and unmatched is %s",
              c->config->daemon.unmatched == CONFIG_UNMATCHED_FAIL ? "fail" : "leave");
    return true;
}

static void on_row(void *ctx, uint64_t line, const struct trial_cell *cell)
{
    struct check *c = ctx;
    if (c->tell->row) c->tell->row(c, line, cell);
}

static void on_reject(void *ctx, const struct reject *r)
{
    struct check *c = ctx;
    c->tell->reject(c, r);
}

/* 0, TRIAL_E_REFUSED, or negative. */
static int read_file(struct check *c)
{
    int r = trial_open(&c->trial, &c->source, &c->err);
    if (r == 0 && is_unmatched(c)) r = TRIAL_E_REFUSED;
    if (r == 0 && (!c->trial.declared || c->trial.declared->columns.n == 0)) r = trial_infer(&c->trial, &c->err);
    if (r == 0) r = trial_fit(&c->trial, &c->err);
    if (r != 0) return r;
    const struct trial_handler h = {.rows_max = c->rows_max, .row = on_row, .reject = on_reject, .ctx = c};
    note_unseen(c);
    c->tell->columns(c);
    r = trial_read(&c->trial, &h, &c->err);
    if (r == 0) judge(c);
    return r;
}

static int check_file(struct check *c)
{
    int r = read_file(c);
    if (r < 0 && r != -ENOMEM) { /* not the file's fault: it could not be read */
        struct buf shown;
        buf_init(&shown, SIZE_MAX);
        field_show(&shown, slice_of(c->source.path), false);
        cli_complain(CLI_FAILED, "%s: %s", buf_cstr(&shown), c->err.text);
        buf_done(&shown);
    } else if (r < 0) {
        cli_complain(CLI_FAILED, "no memory");
    }
    c->fails |= r != 0;
    c->tell->end(c, r < 0);
    trial_done(&c->trial);
    return c->fails ? CLI_FAILED : CLI_OK;
}

int check_run(struct cli *cli, int argc, char **argv)
{
    struct check c = {.cli = cli, .tell = cli->json ? check_json() : check_text()};
    (void)argc;
    int r = reading_config(cli, &c.config);
    if (r == CLI_OK) r = read_options(&c, argv[1]);
    if (r == CLI_OK) r = check_file(&c);
    config_unref(c.config);
    return r;
}
