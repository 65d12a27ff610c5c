/* SPDX-License-Identifier: MIT */
#include "packer.h"

#include "base/fs.h"

#include <pthread.h>
#include <stdlib.h>

enum { SLOTS = 6, THREADS_MAX = 4 };

enum slot_state { SLOT_FREE, SLOT_FULL, SLOT_PACKING, SLOT_PACKED };
struct slot {
    enum slot_state state;
    struct buf records, packed;
    int64_t rows;
    int failed;
};

/* Slots are filled, and written, in turn; threads pack whichever is full. */
struct packer {
    struct packer_config c;
    struct avro_format format;
    struct digest digest;
    int64_t bytes;
    struct slot slot[SLOTS];
    size_t at; /* the one that is being filled */
    pthread_mutex_t lock;
    pthread_cond_t full, packed;
    bool ending;
    pthread_t thread[THREADS_MAX];
    int threads;
};

static int write_bytes(struct packer *p, struct slice bytes)
{
    digest_update(&p->digest, bytes.p, bytes.len);
    p->bytes += (int64_t)bytes.len;
    return fs_write_all(p->c.fd, bytes.p, bytes.len);
}

static void pack(const struct packer *p, struct slot *s)
{
    buf_reset(&s->packed);
    s->failed = avro_file_block(&p->format, buf_slice(&s->records), s->rows, &s->packed);
    if (s->failed == 0) s->failed = buf_check(&s->packed);
}

static struct slot *find_full(struct packer *p)
{
    for (size_t i = 0; i < SLOTS; i++) {
        struct slot *s = &p->slot[(p->at + i) % SLOTS];
        if (s->state == SLOT_FULL) return s;
    }
    return NULL;
}

static void *work(void *arg)
{
    struct packer *p = arg;
    pthread_mutex_lock(&p->lock);
    while (!p->ending) {
        struct slot *s = find_full(p);
        if (!s) {
            pthread_cond_wait(&p->full, &p->lock);
            continue;
        }
        s->state = SLOT_PACKING;
        pthread_mutex_unlock(&p->lock);
        pack(p, s);
        pthread_mutex_lock(&p->lock);
        s->state = SLOT_PACKED;
        pthread_cond_signal(&p->packed);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

static int start(struct packer *p)
{
    for (; p->threads < p->c.threads && p->threads < THREADS_MAX; p->threads++) {
        int r = pthread_create(&p->thread[p->threads], NULL, work, p);
        if (r != 0) return -r;
    }
    return 0;
}

int packer_new(const struct packer_config *config, struct packer **ret_packer)
{
    struct packer *p = calloc(1, sizeof *p);
    if (!p) return -ENOMEM;
    p->c = *config;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->full, NULL);
    pthread_cond_init(&p->packed, NULL);
    for (size_t i = 0; i < SLOTS; i++) {
        buf_init(&p->slot[i].records, AVRO_BLOCK_MAX);
        buf_init(&p->slot[i].packed, (size_t)AVRO_BLOCK_MAX + AVRO_BLOCK_MAX / 8);
    }
    struct buf header;
    buf_init(&header, 2 * AVRO_SCHEMA_MAX);
    int r = digest_init(&p->digest);
    if (r == 0) r = avro_format_init(&p->format, config->level);
    if (r == 0) {
        avro_file_header(config->schema, &p->format, &header);
        r = buf_check(&header);
    }
    if (r == 0) r = write_bytes(p, buf_slice(&header));
    if (r == 0) r = start(p);
    buf_done(&header);
    if (r < 0) {
        packer_free(p);
        return r;
    }
    *ret_packer = p;
    return 0;
}

struct buf *packer_block(struct packer *p)
{
    return &p->slot[p->at].records;
}

/* Wait until the slot is packed, write it, and make it free. */
static int settle(struct packer *p, struct slot *s)
{
    pthread_mutex_lock(&p->lock);
    while (s->state == SLOT_FULL || s->state == SLOT_PACKING)
        pthread_cond_wait(&p->packed, &p->lock);
    enum slot_state state = s->state;
    pthread_mutex_unlock(&p->lock);
    if (state == SLOT_FREE) return 0;
    int r = s->failed;
    if (r == 0) r = write_bytes(p, buf_slice(&s->packed));
    buf_reset(&s->records);
    pthread_mutex_lock(&p->lock);
    s->state = SLOT_FREE;
    pthread_mutex_unlock(&p->lock);
    return r;
}

int packer_next(struct packer *p, int64_t rows)
{
    struct slot *s = &p->slot[p->at];
    s->rows = rows;
    if (p->threads == 0) {
        pack(p, s);
        s->state = SLOT_PACKED;
        return settle(p, s);
    }
    pthread_mutex_lock(&p->lock);
    s->state = SLOT_FULL;
    p->at = (p->at + 1) % SLOTS;
    pthread_cond_signal(&p->full);
    pthread_mutex_unlock(&p->lock);
    return settle(p, &p->slot[p->at]);
}

int packer_end(struct packer *p, int64_t rows, struct packed *ret_packed)
{
    int r = rows > 0 ? packer_next(p, rows) : 0;
    for (size_t i = 0; i < SLOTS && r == 0; i++)
        r = settle(p, &p->slot[(p->at + i) % SLOTS]);
    if (r < 0) return r;
    uint8_t sum[DIGEST_BYTES];
    digest_final(&p->digest, sum);
    digest_hex(sum, ret_packed->sha256);
    ret_packed->bytes = p->bytes;
    return 0;
}

void packer_free(struct packer *p)
{
    if (!p) return;
    pthread_mutex_lock(&p->lock);
    p->ending = true;
    pthread_cond_broadcast(&p->full);
    pthread_mutex_unlock(&p->lock);
    for (int i = 0; i < p->threads; i++)
        pthread_join(p->thread[i], NULL);
    for (size_t i = 0; i < SLOTS; i++) {
        buf_done(&p->slot[i].records);
        buf_done(&p->slot[i].packed);
    }
    digest_done(&p->digest);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->full);
    pthread_cond_destroy(&p->packed);
    free(p);
}
