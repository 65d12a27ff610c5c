/* SPDX-License-Identifier: MIT */
#include "feed.h"

#include "format/avro_file.h"
#include "format/avro_row.h"
#include "format/pgcopy.h"
#include "interrupt.h"
#include "progress.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SEND_BYTES = 64 * 1024 };

struct state {
    const struct feed *feed;
    const struct manifest_file *file;
    int fd;
    int64_t bytes, rows;
    struct digest digest;
    struct buf copy;
    struct progress progress;
};

static ssize_t read_some(void *ctx, void *p, size_t n)
{
    struct state *s = ctx;
    ssize_t got;
    if (interrupt_came()) return ERROR_CANCELLED;
    do
        got = read(s->fd, p, n);
    while (got < 0 && errno == EINTR);
    if (got < 0) return -errno;
    digest_update(&s->digest, p, (size_t)got);
    s->bytes += got;
    progress_show(&s->progress, s->file->name, s->feed->verb, &(struct progress_done){s->bytes, s->file->bytes, s->rows, "rows"});
    return got;
}

static int send(struct state *s, size_t least)
{
    if (s->copy.len < least || s->copy.len == 0) return buf_check(&s->copy);
    int r = buf_check(&s->copy);
    if (r == 0 && s->feed->rows) r = s->feed->rows(s->feed->ctx, buf_slice(&s->copy));
    buf_reset(&s->copy);
    return r;
}

static int take_block(struct state *s, const struct avro_schema *schema, int64_t rows, struct slice records, struct error *err)
{
    if (rows > s->file->rows - s->rows)
        return error_set(err, AVRO_E_DAMAGED, "%s has more than %lld rows, which the manifest says", s->file->name,
                         (long long)s->file->rows);
    for (int64_t i = 0; i < rows; i++) {
        struct error why;
        int r = avro_row_get(schema, &records, &s->copy, &why);
        if (r > 0) return error_set(err, r, "%s, row %lld: %s", s->file->name, (long long)s->rows + 1, why.text);
        s->rows++;
        r = send(s, SEND_BYTES);
        if (r < 0) return r;
    }
    if (records.len == 0) return 0;
    return error_set(err, AVRO_E_DAMAGED, "%s, behind row %lld: bytes that are no row", s->file->name, (long long)s->rows);
}

static int compare(struct state *s, struct error *err)
{
    const struct manifest_file *f = s->file;
    uint8_t sum[DIGEST_BYTES];
    char hex[DIGEST_HEX];
    digest_final(&s->digest, sum);
    digest_hex(sum, hex);
    if (s->bytes != f->bytes)
        return error_set(err, AVRO_E_DAMAGED, "%s has %lld bytes, and the manifest says %lld", f->name, (long long)s->bytes,
                         (long long)f->bytes);
    if (strcmp(hex, f->sha256) != 0)
        return error_set(err, AVRO_E_DAMAGED, "%s is not the file that was written: its SHA-256 is another than the manifest's",
                         f->name);
    if (s->rows != f->rows)
        return error_set(err, AVRO_E_DAMAGED, "%s has %lld rows, and the manifest says %lld", f->name, (long long)s->rows,
                         (long long)f->rows);
    return 0;
}

static int read_rows(struct state *s, struct error *err)
{
    struct avro_reader reader;
    struct error why = {0};
    int64_t rows;
    struct slice records;
    pgcopy_header(&s->copy);
    int r = avro_reader_open(&reader, &(struct avro_source){read_some, s}, &why);
    if (r != 0) return error_set(err, r, "%s: %s", s->file->name, r > 0 ? why.text : error_name(r));
    r = avro_schema_agree(&s->file->schema, &reader.schema, &why);
    if (r == 0) {
        while ((r = avro_reader_block(&reader, &rows, &records, &why)) == 0) {
            r = take_block(s, &reader.schema, rows, records, err);
            if (r != 0) break;
        }
        if (r > 0 && r != AVRO_E_END && why.text[0]) error_set(err, r, "%s: %s", s->file->name, why.text);
    } else {
        error_set(err, r, "%s is not of the schema that the manifest has: %s", s->file->name, why.text);
    }
    avro_reader_close(&reader);
    if (r != AVRO_E_END) return r < 0 && !err->text[0] ? error_set(err, r, "%s: %s", s->file->name, error_name(r)) : r;
    r = compare(s, err);
    if (r != 0) return r;
    pgcopy_trailer(&s->copy);
    return send(s, 0);
}

int feed_file(const struct feed *feed, const struct manifest_file *file, struct error *err)
{
    struct state s = {.feed = feed, .file = file, .progress = {.cli = feed->cli}};
    struct stat st;
    *err = (struct error){0};
    s.fd = openat(feed->dir, file->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (s.fd < 0) return error_set(err, -errno, "%s: %s", file->name, strerror(errno));
    int r = fstat(s.fd, &st) < 0 ? -errno : 0;
    if (r == 0 && !S_ISREG(st.st_mode)) r = -EINVAL;
    if (r == 0) r = digest_init(&s.digest);
    if (r < 0) {
        close(s.fd);
        return error_set(err, r, "%s: %s", file->name, r == -EINVAL ? "it is no regular file" : error_name(r));
    }
    buf_init(&s.copy, (size_t)2 * AVRO_BLOCK_MAX);
    r = read_rows(&s, err);
    progress_clear(&s.progress);
    buf_done(&s.copy);
    digest_done(&s.digest);
    close(s.fd);
    return r;
}
