/* SPDX-License-Identifier: MIT */
#include "api/dataset_counts.h"

#include "api/access.h"
#include "base/clock.h"
#include "format/metrics_text.h"

#include <stdlib.h>
#include <uthash.h>

enum { FILE_STATES = 3, ROW_OUTCOMES = 6 };
static const char *const file_state[FILE_STATES] = {"loaded", "duplicate", "failed"};
static const char *const row_outcome[ROW_OUTCOMES] = {"read", "loaded", "updated", "ignored", "rejected", "filtered"};

struct counts {
    const char *name; /* malloc'd, but that of the others */
    uint64_t files[FILE_STATES], rows[ROW_OUTCOMES];
    uint64_t bytes;
    int64_t loaded_us; /* real time; 0: not since the start */
    UT_hash_handle hh;
};

struct dataset_counts {
    struct observer observer;
    struct counts *by_name; /* in the order in which they came */
    unsigned undeclared;
    struct counts others;
    bool crowded; /* `others` is in use */
};

static struct counts *find(struct dataset_counts *c, const char *name)
{
    struct counts *found;
    HASH_FIND_STR(c->by_name, name, found);
    return found;
}

static struct counts *add(struct dataset_counts *c, const char *name)
{
    struct counts *n = calloc(1, sizeof *n);
    if (n) n->name = strdup(name);
    if (!n || !n->name) {
        free(n);
        return NULL;
    }
    HASH_ADD_KEYPTR(hh, c->by_name, n->name, strlen(n->name), n);
    return n;
}

static struct counts *counts_of(struct dataset_counts *c, const char *name)
{
    struct counts *n = find(c, name);
    if (!n && c->undeclared < DATASET_COUNTS_MAX && (n = add(c, name))) c->undeclared++;
    if (n) return n;
    c->crowded = true;
    return &c->others;
}

static void on_file(struct observer *o, const struct observed_file *f)
{
    struct dataset_counts *c = container_of(o, struct dataset_counts, observer);
    unsigned state = 0;
    while (state < FILE_STATES && strcmp(f->state, file_state[state]) != 0)
        state++;
    if (state == FILE_STATES || !f->arrival) return;
    struct counts *n = counts_of(c, f->dataset);
    const struct arrival_counts *rows = &f->arrival->counts;
    const uint64_t more[ROW_OUTCOMES] = {rows->read, rows->loaded, rows->updated, rows->ignored, rows->rejected, rows->filtered};
    n->files[state]++;
    n->bytes += (uint64_t)f->arrival->file.st.st_size;
    for (unsigned i = 0; i < ROW_OUTCOMES; i++)
        n->rows[i] += more[i];
    if (state == 0) n->loaded_us = clock_real_us();
}

int dataset_counts_new(struct observers *observers, struct dataset_counts **ret_counts)
{
    struct dataset_counts *c = calloc(1, sizeof *c);
    if (!c) return -ENOMEM;
    c->others.name = "";
    c->observer.file = on_file;
    observers_add(observers, &c->observer);
    *ret_counts = c;
    return 0;
}

void dataset_counts_free(struct dataset_counts *c)
{
    if (!c) return;
    list_remove(&c->observer.link);
    struct counts *n, *next;
    HASH_ITER(hh, c->by_name, n, next)
    {
        HASH_DEL(c->by_name, n);
        free((char *)n->name);
        free(n);
    }
    free(c);
}

int dataset_counts_declare(struct dataset_counts *c, const struct config *config)
{
    for (size_t i = 0; i < config->n_datasets; i++)
        if (!find(c, config->datasets[i].name) && !add(c, config->datasets[i].name)) return -ENOMEM;
    return 0;
}

/* ---- text ---- */

struct page {
    const struct scheduler *scheduler;
    const struct http_request *request;
    struct buf *out;
};

/* What is of nobody's in particular is for those who may read everything. */
static bool may_see(const struct page *p, const struct counts *n)
{
    return access_allows(p->request, ACCESS_READ, n->name[0] ? slice_of(n->name) : (struct slice){NULL, 0});
}

static void begin(const struct page *p, const char *family, const struct counts *n)
{
    metrics_sample(p->out, family);
    metrics_label(p->out, "dataset", n->name);
}

static void put_many(const struct page *p, const char *family, const struct counts *n, const char *label, const char *const *value,
                     const uint64_t *number, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        begin(p, family, n);
        metrics_label(p->out, label, value[i]);
        metrics_value(p->out, (int64_t)number[i]);
    }
}

static void put_files(const struct page *p, const char *family, const struct counts *n)
{
    put_many(p, family, n, "state", file_state, n->files, FILE_STATES);
}

static void put_rows(const struct page *p, const char *family, const struct counts *n)
{
    put_many(p, family, n, "outcome", row_outcome, n->rows, ROW_OUTCOMES);
}

static void put_bytes(const struct page *p, const char *family, const struct counts *n)
{
    begin(p, family, n);
    metrics_value(p->out, (int64_t)n->bytes);
}

static void put_loaded(const struct page *p, const char *family, const struct counts *n)
{
    if (!n->loaded_us) return;
    begin(p, family, n);
    metrics_seconds(p->out, n->loaded_us);
}

static void put_queued(const struct page *p, const char *family, const struct counts *n)
{
    begin(p, family, n);
    metrics_value(p->out, p->scheduler ? scheduler_lane(p->scheduler, n->name).queued : 0);
}

static void put_stopped(const struct page *p, const char *family, const struct counts *n)
{
    static const char *const reason[] = {"held", "paused", "waiting"};
    const char *stopped = p->scheduler ? scheduler_lane(p->scheduler, n->name).stopped : NULL;
    for (unsigned i = 0; i < sizeof reason / sizeof reason[0]; i++) {
        begin(p, family, n);
        metrics_label(p->out, "reason", reason[i]);
        metrics_value(p->out, stopped && strcmp(stopped, reason[i]) == 0);
    }
}

static const struct {
    const char *name, *kind, *help;
    void (*put)(const struct page *p, const char *family, const struct counts *n);
    bool lane; /* not of the others together */
} families[] = {
    {"cetl_dataset_files_total", "counter", "Files that reached a final state, by dataset.", put_files, false},
    {"cetl_dataset_rows_total", "counter", "Rows of finished files, by dataset and outcome.", put_rows, false},
    {"cetl_dataset_file_bytes_total", "counter", "Bytes of finished files as they were dropped, by dataset.", put_bytes, false},
    {"cetl_dataset_loaded_timestamp_seconds", "gauge", "When a file of the dataset was last loaded since the start.", put_loaded,
     false},
    {"cetl_dataset_files_queued", "gauge", "Files of the dataset that wait, for their turn or for something else.", put_queued,
     true},
    {"cetl_dataset_stopped", "gauge", "1 while files of the dataset wait for a person, or for another dataset.", put_stopped, true},
};

void dataset_counts_text(const struct dataset_counts *c, const struct scheduler *s, const struct http_request *r, struct buf *out)
{
    struct page p = {.scheduler = s, .request = r, .out = out};
    for (unsigned i = 0; i < sizeof families / sizeof families[0]; i++) {
        metrics_family(out, families[i].name, families[i].kind, families[i].help);
        for (const struct counts *n = c->by_name; n; n = n->hh.next)
            if (may_see(&p, n)) families[i].put(&p, families[i].name, n);
        if (c->crowded && !families[i].lane && may_see(&p, &c->others)) families[i].put(&p, families[i].name, &c->others);
    }
}
