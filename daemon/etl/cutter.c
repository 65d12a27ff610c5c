/* SPDX-License-Identifier: MIT */
#include "etl/cutter.h"

#include "base/fs.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

void chunk_done(struct chunk *c)
{
    free(c->memory);
    *c = (struct chunk){0};
}

int cutter_init(struct cutter *c, const struct cutter_input *in)
{
    assert(in->chunk_bytes > 0 && in->dialect.delimiter);
    *c = (struct cutter){.in = *in};
    int r = digest_init(&c->digest);
    if (r < 0) return r;
    scan_init(&c->scan, &c->in.dialect);
    c->tail.first_line = c->in.dialect.first_line;
    return 0;
}

void cutter_done(struct cutter *c)
{
    digest_done(&c->digest);
    chunk_done(&c->tail);
}

uint64_t cutter_bytes(const struct cutter *c)
{
    return c->offset;
}

void cutter_sum(struct cutter *c, uint8_t ret_sum[DIGEST_BYTES])
{
    digest_final(&c->digest, ret_sum);
}

/* Read the next piece behind the tail. Bytes read; 0 at the end of the file. */
static ssize_t read_piece(struct cutter *c)
{
    size_t have = c->tail.bytes.len;
    char *memory = realloc(c->tail.memory, have + c->in.chunk_bytes);
    if (!memory) return -ENOMEM;
    c->tail.memory = memory;
    c->tail.bytes.p = memory;

    ssize_t n = fs_pread_full(c->in.fd, memory + have, c->in.chunk_bytes, (off_t)c->offset);
    if (n <= 0) return n;
    digest_update(&c->digest, memory + have, (size_t)n);
    c->offset += (uint64_t)n;
    return n;
}

/* The byte order mark and the skipped lines are part of the file and its digest, but of no record. `n` bytes were just read at the
 * file's start. */
static size_t skip_mark(struct cutter *c, size_t n)
{
    size_t mark = c->in.dialect.start;
    if (c->offset != n || mark == 0 || n < mark) return 0;
    memmove(c->tail.memory, c->tail.memory + mark, n - mark);
    c->tail.first_offset = mark;
    return mark;
}

/* Hand out the first `end` bytes of the tail; the rest becomes the new tail, which begins on `next_line`. */
static int cut(struct cutter *c, size_t end, uint64_t next_line, struct chunk *ret_chunk)
{
    struct chunk rest = {.first_line = next_line, .first_offset = c->tail.first_offset + end};
    size_t left = c->tail.bytes.len - end;
    if (left > 0) {
        rest.memory = malloc(left);
        if (!rest.memory) return -ENOMEM;
        memcpy(rest.memory, c->tail.memory + end, left);
        rest.bytes = (struct slice){rest.memory, left};
    }
    c->tail.bytes.len = end;
    c->tail.seq = c->seq++;
    *ret_chunk = c->tail;
    c->tail = rest;
    return 0;
}

static int check_unchanged(const struct cutter *c, struct error *err)
{
    struct stat now;
    if (fstat(c->in.fd, &now) < 0) return -errno;
    if (now.st_size < c->in.st.st_size)
        return error_set(err, CUTTER_E_TRUNCATED,
                         "the file was truncated while it was read, from %jd to %jd bytes; drop it again as a whole",
                         (intmax_t)c->in.st.st_size, (intmax_t)now.st_size);
    if (!fs_stat_same(&now, &c->in.st) || c->offset != (uint64_t)now.st_size)
        return error_set(err, CUTTER_E_CHANGED, "the file changed while it was read");
    return 0;
}

/* The end of the file: the last record may lack its line end. */
static int finish(struct cutter *c, struct chunk *ret_chunk, struct error *err)
{
    int r = check_unchanged(c, err);
    if (r != 0) return r;
    if (scan_open_quote(&c->scan))
        return error_set(err, CUTTER_E_UNCLOSED,
                         "line %" PRIu64
                         ": the quote that opens a cell here is never closed; close it, or double a quote inside a cell",
                         c->scan.quote_line);
    c->ended = true;
    if (c->tail.bytes.len == 0) return CUTTER_E_END;
    return cut(c, c->tail.bytes.len, c->scan.line, ret_chunk);
}

int cutter_next(struct cutter *c, struct chunk *ret_chunk, struct error *err)
{
    if (c->ended) return CUTTER_E_END;
    for (;;) {
        size_t have = c->tail.bytes.len;
        ssize_t n = read_piece(c);
        if (n < 0) return error_set(err, (int)n, "cannot read byte %" PRIu64 ": %s", c->offset, error_name((int)n));
        if (n == 0) return finish(c, ret_chunk, err);

        size_t fresh = (size_t)n - skip_mark(c, (size_t)n);
        c->tail.bytes.len = have + fresh;
        uint64_t line_before = c->scan.line;
        struct scan_result s = scan_feed(&c->scan, (struct slice){c->tail.memory + have, fresh});
        if (s.end > 0) return cut(c, have + s.end, line_before + s.lines, ret_chunk);
        if (c->tail.bytes.len > c->in.max_record)
            return error_set(err, CUTTER_E_LONG,
                             "line %" PRIu64
                             ": the record that begins here is longer than max_record (%zu bytes); is a quote left open?",
                             c->tail.first_line, c->in.max_record);
    }
}
