/* SPDX-License-Identifier: MIT */
#include "etl/head.h"
#include "base/cleanup.h"
#include "base/fs.h"
#include "csv/scan.h"

enum { HEAD_BYTES = 64 * 1024, ARENA_BLOCK = 16 * 1024 };

/* Enough of the file's start to hold a whole record, or all of it. Bytes read. */
static ssize_t read_start(struct head *h, char **ret_memory)
{
    for (size_t want = HEAD_BYTES;; want *= 2) {
        char *grown = realloc(*ret_memory, want);
        if (!grown) return -ENOMEM;
        *ret_memory = grown;
        ssize_t n = fs_pread_full(h->fd, grown, want, 0);
        if (n < (ssize_t)want || want > h->max_record) return n;
        struct dialect d;
        dialect_detect(&h->declared, (struct slice){grown, want}, false, &d);
        struct scan s;
        scan_init(&s, &d);
        if (scan_feed(&s, (struct slice){grown + d.bom, want - d.bom}).end > 0) return n;
    }
}

static int keep_cells(struct head *h, const struct record *record)
{
    h->plan_head.cell = arena_array(&h->arena, record->n + 1, sizeof *h->plan_head.cell);
    if (!h->plan_head.cell) return -ENOMEM;
    for (size_t i = 0; i < record->n; i++) {
        h->plan_head.cell[i] = arena_copy(&h->arena, record->cell[i].text);
        if (!h->plan_head.cell[i].p && record->cell[i].text.len > 0) return -ENOMEM;
    }
    h->plan_head.cells = record->n;
    return 0;
}

static int read_head(struct head *h)
{
    if (fstat(h->fd, &h->st) < 0) return error_set(&h->err, -errno, "cannot stat the file: %s", error_name(-errno));
    cleanup_free char *memory = NULL;
    ssize_t n = read_start(h, &memory);
    if (n < 0) return error_set(&h->err, (int)n, "cannot read the file: %s", error_name((int)n));

    struct slice sample = {memory, (size_t)n};
    dialect_detect(&h->declared, sample, n == (ssize_t)h->st.st_size, &h->plan_head.dialect);
    const struct dialect *d = &h->plan_head.dialect;
    struct reader reader;
    struct record record;
    struct reader_input input = {
        .dialect = d, .chunk = {memory + d->bom, sample.len - d->bom}, .first_line = 1, .first_offset = d->bom};
    reader_init(&reader, &input, &h->arena);
    int r = reader_next(&reader, &record);
    if (r < 0) return r;
    if (r == READER_E_END && n < (ssize_t)h->st.st_size)
        return error_set(&h->err, HEAD_E_EMPTY, "line 1: the file begins with more than %zd bytes of blank lines; remove them", n);
    if (r == READER_E_END) return error_set(&h->err, HEAD_E_EMPTY, "the file is empty; a file of no rows has its header line");
    if (r > 0) return error_set(&h->err, HEAD_E_BROKEN, "line %llu: %s", (unsigned long long)record.line, reader_error_text(r));
    return keep_cells(h, &record);
}

static void run(struct worker_job *job)
{
    struct head *h = container_of(job, struct head, job);
    h->rc = read_head(h);
}

void head_init(struct head *h, int fd, const struct dialect *declared, size_t max_record)
{
    *h = (struct head){.job = {.run = run, .priority = WORKER_URGENT}, .fd = fd, .declared = *declared, .max_record = max_record};
    arena_init(&h->arena, ARENA_BLOCK, max_record + ((size_t)64 << 20));
}

void head_done(struct head *h)
{
    arena_done(&h->arena);
}
