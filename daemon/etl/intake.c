/* SPDX-License-Identifier: MIT */
#include "etl/intake.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    BLOCKS = 4, /* one fills while the others are written; more of them, so that neither side waits for each wake-up of the other */
    CAPACITY = INTAKE_BLOCK_BYTES + INTAKE_PIECE_MAX,
    ALWAYS = 4, /* intakes that get their memory also where the budget has none left */
    MOST = 64,
};

struct item {
    struct upload upload;
    char *name, *dataset;
    bool anyway;
    bool claimed;
    struct place_file file; /* once it is claimed */
};

struct block {
    struct item *item;
    bool opens, ends; /* its file */
    bool first;       /* of all: before it the disk is asked whether all that is expected fits */
    size_t len;
    char *data; /* CAPACITY */
};

enum work { WORK_WRITE, WORK_PLACE, WORK_DROP };

struct intake {
    struct intake_config config;
    struct worker_job job;
    enum work work;
    bool working;
    struct block block[BLOCKS]; /* a ring */
    size_t first, sealed;       /* the oldest that is to be written, and how many are; the one behind them fills */
    size_t writing;             /* how many of them a worker has */
    struct item *current;       /* to which bytes belong */
    struct item **item;
    size_t n, cap;
    bool finishing, over, freed;
    int rc; /* of the job */
    struct error err;
};

/* ---- on a worker ---- */

static bool is_full(int r)
{
    return r == -ENOSPC || r == -EDQUOT || r == -EFBIG;
}

static int full(struct intake *in)
{
    return error_set(&in->err, INTAKE_E_SPACE, "there is not enough space left on the disk of the spool");
}

static int check_room(struct intake *in, int64_t more)
{
    uint64_t room, wanted = (uint64_t)in->config.min_free + (more > 0 ? (uint64_t)more : 0);
    int r = upload_room(in->config.place, &room);
    if (r < 0) return error_set(&in->err, r, "the spool cannot be looked at: %s", error_name(r));
    return room < wanted ? full(in) : 0;
}

static int write_block(struct intake *in, struct block *b)
{
    struct upload *u = &b->item->upload;
    int r = b->opens ? check_room(in, b->first ? in->config.expected : 0) : 0;
    if (r != 0) return r;
    uint64_t flushed = u->flushed;
    if (b->opens) r = upload_open(in->config.place, u);
    if (r == 0 && !b->opens) flushed = u->flushed;
    if (r == 0) r = upload_write(u, (struct slice){b->data, b->len});
    if (r == 0 && b->ends) r = upload_sync(u);
    if (is_full(r)) return full(in);
    if (r < 0) return error_set(&in->err, r, "it cannot be written to the spool: %s", error_name(r));
    return u->flushed != flushed ? check_room(in, 0) : 0;
}

static int write_blocks(struct intake *in)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < in->writing; i++)
        r = write_block(in, &in->block[(in->first + i) % BLOCKS]);
    return r;
}

static int place_all(struct intake *in)
{
    for (size_t i = 0; i < in->n; i++) {
        struct item *one = in->item[i];
        struct upload_wish w = {.name = one->name, .dataset = one->dataset, .anyway = one->anyway};
        int r = upload_place(&one->upload, &w, &in->err, &one->file);
        if (is_full(r)) return full(in);
        if (r < 0) return r;
        one->claimed = true;
    }
    int r = upload_settle(in->config.place);
    return r < 0 ? error_set(&in->err, r, "the folder of the spool cannot be written to disk: %s", error_name(r)) : 0;
}

static void drop_all(struct intake *in)
{
    for (size_t i = 0; i < in->n; i++)
        upload_close(&in->item[i]->upload);
}

static void run(struct worker_job *job)
{
    struct intake *in = container_of(job, struct intake, job);
    switch (in->work) {
    case WORK_WRITE: in->rc = write_blocks(in); break;
    case WORK_PLACE: in->rc = place_all(in); break;
    case WORK_DROP: drop_all(in); break;
    }
}

/* ---- on the loop ---- */

/* The block that fills; there is one when it is ready. */
static struct block *filling(struct intake *in)
{
    return &in->block[(in->first + in->sealed) % BLOCKS];
}

static void destroy(struct intake *in)
{
    memory_give(in->config.memory, (size_t)BLOCKS * CAPACITY);
    --*in->config.active;
    for (int i = 0; i < BLOCKS; i++)
        free(in->block[i].data);
    for (size_t i = 0; i < in->n; i++) {
        place_file_done(&in->item[i]->file);
        free(in->item[i]->name);
        free(in->item[i]->dataset);
        free(in->item[i]);
    }
    free(in->item);
    free(in);
}

static void submit(struct intake *in, enum work work)
{
    in->work = work;
    in->working = true;
    workers_submit(in->config.workers, &in->job);
}

static bool has_leftovers(const struct intake *in)
{
    for (size_t i = 0; i < in->n; i++)
        if (in->item[i]->upload.hidden[0]) return true;
    return false;
}

static void end_unless_working(struct intake *in)
{
    if (in->working) return;
    if (has_leftovers(in))
        submit(in, WORK_DROP);
    else
        destroy(in);
}

static void pump(struct intake *in)
{
    if (in->working || in->over) return;
    if (in->sealed > 0) {
        in->writing = in->sealed;
        submit(in, WORK_WRITE);
    } else if (in->finishing) {
        submit(in, WORK_PLACE);
    }
}

static void done(struct worker_job *job)
{
    struct intake *in = container_of(job, struct intake, job);
    in->working = false;
    if (in->freed) return end_unless_working(in);
    if (in->rc != 0 || in->work == WORK_PLACE) {
        in->over = true;
        return in->config.ended(in->config.ctx, in->rc, &in->err);
    }
    bool waited = in->sealed == BLOCKS;
    for (; in->writing > 0; in->writing--) {
        struct block *b = &in->block[in->first];
        *b = (struct block){.data = b->data};
        in->first = (in->first + 1) % BLOCKS;
        in->sealed--;
    }
    pump(in);
    if (waited && intake_ready(in)) in->config.room(in->config.ctx);
}

int intake_new(const struct intake_config *config, struct intake **ret_intake)
{
    if (*config->active >= MOST) return INTAKE_E_BUSY;
    if (!memory_take(config->memory, (size_t)BLOCKS * CAPACITY, *config->active < ALWAYS)) return INTAKE_E_BUSY;
    struct intake *in = calloc(1, sizeof *in);
    bool good = in;
    for (int i = 0; in && i < BLOCKS; i++) {
        in->block[i].data = malloc(CAPACITY);
        good = good && in->block[i].data;
    }
    if (!good) {
        for (int i = 0; in && i < BLOCKS; i++)
            free(in->block[i].data);
        free(in);
        memory_give(config->memory, (size_t)BLOCKS * CAPACITY);
        return -ENOMEM;
    }
    in->config = *config;
    in->job = (struct worker_job){.run = run, .done = done, .priority = WORKER_URGENT};
    ++*config->active;
    *ret_intake = in;
    return 0;
}

void intake_free(struct intake *in)
{
    if (!in) return;
    in->freed = true;
    end_unless_working(in);
}

static void seal(struct intake *in)
{
    in->sealed++;
    pump(in);
}

bool intake_ready(const struct intake *in)
{
    return !in->over && !in->finishing && in->sealed < BLOCKS;
}

int intake_file(struct intake *in, const struct upload_wish *wish)
{
    assert(intake_ready(in) && filling(in)->len == 0 && !in->current);
    if (in->n == INTAKE_FILES_MAX) return INTAKE_E_MANY;
    if (in->n == in->cap) {
        size_t cap = in->cap ? in->cap * 2 : 4;
        void *grown = reallocarray(in->item, cap, sizeof(struct item *));
        if (!grown) return -ENOMEM;
        in->item = grown;
        in->cap = cap;
    }
    struct item *one = calloc(1, sizeof *one);
    if (!one) return -ENOMEM;
    *one = (struct item){.name = strdup(wish->name), .anyway = wish->anyway, .upload.fd = -1, .file.fd = -1};
    one->dataset = wish->dataset ? strdup(wish->dataset) : NULL;
    in->item[in->n++] = one;
    if (!one->name || (wish->dataset && !one->dataset)) return -ENOMEM;
    in->current = filling(in)->item = one;
    filling(in)->opens = true;
    filling(in)->first = in->n == 1;
    return 0;
}

void intake_write(struct intake *in, struct slice bytes)
{
    struct block *b = filling(in);
    assert(intake_ready(in) && bytes.len <= INTAKE_PIECE_MAX && in->current);
    b->item = in->current;
    memcpy(b->data + b->len, bytes.p, bytes.len);
    b->len += bytes.len;
    if (b->len >= INTAKE_BLOCK_BYTES) seal(in);
}

void intake_file_end(struct intake *in)
{
    assert(intake_ready(in) && in->current);
    filling(in)->item = in->current;
    filling(in)->ends = true;
    in->current = NULL;
    seal(in);
}

void intake_finish(struct intake *in)
{
    in->finishing = true;
    pump(in);
}

size_t intake_files(const struct intake *in)
{
    return in->n;
}

bool intake_take(struct intake *in, size_t i, struct place_file *ret_file)
{
    struct item *one = in->item[i];
    if (!one->claimed) return false;
    one->claimed = false;
    *ret_file = one->file;
    one->file = (struct place_file){.fd = -1};
    return true;
}
