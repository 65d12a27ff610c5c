/* SPDX-License-Identifier: MIT */
#include "etl/cutter.h"

#include "base/arena.h"
#include "base/fs.h"
#include "csv/reader.h"
#include "csv/simd.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

enum {
    CUTTER_E_AGAIN = CUTTER_E_REFUSED + 1,
    SMALL_FILE_SPARE = 4096,  /* a file may have grown a little since it was looked at */
    HEADER_SPARE = 64 * 1024, /* what may stand before a header */
    HEADER_BLOCK = 16 * 1024,
    HEADER_MEMORY_MAX = 64 * 1024 * 1024,
};

void chunk_done(struct chunk *c)
{
    free(c->memory);
    *c = (struct chunk){0};
}

int cutter_init(struct cutter *c, const struct cutter_input *in)
{
    assert(in->chunk_bytes > 0 && in->dialect.delimiter);
    *c = (struct cutter){.in = *in, .skip = in->dialect.start};
    scan_init(&c->scan, &c->in.dialect);
    c->tail.first_line = c->in.dialect.first_line;
    c->tail.first_offset = c->in.dialect.start;
    return 0;
}

void cutter_done(struct cutter *c)
{
    if (c->opened) input_close(&c->input);
    chunk_done(&c->tail);
    free((char *)c->ahead.p);
    free((char *)c->header.p);
}

void cutter_go_on(struct cutter *c, struct input *input, struct slice text)
{
    assert(!c->opened && text.p);
    c->input = *input;
    *input = (struct input){0};
    c->opened = true;
    c->ahead = text;
}

uint64_t cutter_bytes(const struct cutter *c)
{
    return c->opened ? c->input.offset : 0;
}

void cutter_sum(struct cutter *c, uint8_t ret_sum[DIGEST_BYTES])
{
    input_sum(&c->input, ret_sum);
}

/* Is the text what was dropped? */
static bool is_plain(const struct cutter_input *in)
{
    return in->options.compression == INPUT_PLAIN && !in->options.encoding && !in->options.transcodes;
}

/* Text can be longer than what it was made of: then only chunk_bytes is sure. */
size_t cutter_chunk_bytes(const struct cutter_input *in)
{
    uint64_t size = (uint64_t)in->st.st_size + SMALL_FILE_SPARE;
    return is_plain(in) && size < in->chunk_bytes ? (size_t)size : in->chunk_bytes;
}

size_t cutter_memory(const struct cutter_input *in)
{
    return input_memory(&in->options);
}

static int check_unchanged(const struct cutter *c, struct error *err)
{
    struct stat now;
    if (fstat(c->in.fd, &now) < 0) return -errno;
    if (now.st_size < c->in.st.st_size)
        return error_set(err, CUTTER_E_TRUNCATED,
                         "the file was truncated while it was read, from %jd to %jd bytes; drop it again as a whole",
                         (intmax_t)c->in.st.st_size, (intmax_t)now.st_size);
    if (!fs_stat_same(&now, &c->in.st)) return error_set(err, CUTTER_E_CHANGED, "the file changed while it was read");
    return 0;
}

/* The file is refused for what its input says; unless it changed meanwhile, so that nothing it says counts. */
static int refused(const struct cutter *c, int rc, struct error *err)
{
    if (rc < 0) return rc;
    struct error changed;
    int r = check_unchanged(c, &changed);
    if (r > 0) *err = changed;
    return r ? r : CUTTER_E_REFUSED;
}

static int open_input(struct cutter *c, struct error *err)
{
    if (c->opened) return 0;
    c->opened = true;
    int r = input_open(&c->input, c->in.fd, (uint64_t)c->in.st.st_size, &c->in.options, err);
    return r == 0 ? 0 : refused(c, r, err);
}

static bool has_header(const struct cutter *c)
{
    return c->in.dialect.header == DIALECT_HEADER_YES;
}

/* A zip file's member begins with a header, which is looked at in one piece. */
static bool wants_header(const struct cutter *c)
{
    return c->input.unzip && has_header(c) && (c->further || !c->header.p);
}

/* Read the next piece behind the tail. `ret_len` is 0 at the end of the part. */
static int read_piece(struct cutter *c, size_t *ret_len, struct error *err)
{
    if (c->ahead.p) {
        c->tail.memory = (char *)c->ahead.p;
        c->tail.bytes.p = c->ahead.p;
        *ret_len = c->ahead.len;
        c->ahead = (struct slice){NULL, 0};
        return 0;
    }
    size_t have = c->tail.bytes.len, want = c->in.chunk_bytes, least = wants_header(c) ? c->header.len + HEADER_SPARE : 0;
    if (least < TRANSCODE_ROOM && !is_plain(&c->in)) least = TRANSCODE_ROOM;
    if (want < least) want = least;
    char *memory = realloc(c->tail.memory, have + want);
    if (!memory) return -ENOMEM;
    c->tail.memory = memory;
    c->tail.bytes.p = memory;
    int r = input_read(&c->input, memory + have, want, ret_len, err);
    return r == 0 ? 0 : refused(c, r, err);
}

/* ---- what stands before a part's first record ---- */

/* The part's header: its raw bytes, and where it ends, as offsets in the text. */
struct header {
    size_t from, to, behind;
};

/* 0, CUTTER_E_REFUSED when there is none, or negative. */
static int find_header(const struct cutter *c, struct slice text, struct header *ret_header)
{
    struct dialect d = c->in.dialect;
    d.start = dialect_skip(&d, text);
    struct reader_input in = {.dialect = &d, .chunk = {text.p + d.start, text.len - d.start}, .first_offset = d.start};
    struct arena arena;
    struct reader reader;
    struct record record;
    arena_init(&arena, HEADER_BLOCK, HEADER_MEMORY_MAX);
    reader_init(&reader, &in, &arena);
    int rc = reader_next(&reader, &record);
    arena_done(&arena);
    if (rc != 0) return rc < 0 ? rc : CUTTER_E_REFUSED;
    size_t from = (size_t)record.offset;
    *ret_header = (struct header){.from = from, .to = from + record.raw.len, .behind = d.start + reader.pos};
    return 0;
}

/* The first member's header is kept, so that those of the others can be compared with it. */
static int keep_header(struct cutter *c, struct slice text)
{
    struct header h;
    int r = find_header(c, text, &h);
    if (r != 0) return r < 0 ? r : 0; /* that file fails by its header, elsewhere */
    char *copy = malloc(h.to - h.from + 1);
    if (!copy) return -ENOMEM;
    memcpy(copy, text.p + h.from, h.to - h.from);
    c->header = (struct slice){copy, h.to - h.from};
    return 0;
}

/* Bytes of the first piece of a further part that are no rows: the mark, skipped lines, and the header, which must be the first's.
 */
static int check_header(struct cutter *c, struct slice text, size_t *ret_len, struct error *err)
{
    char part[INPUT_PART_MAX];
    struct header h;
    *ret_len = dialect_skip(&c->in.dialect, text);
    if (!has_header(c)) return 0;
    int r = find_header(c, text, &h);
    if (r < 0) return r;
    if (r != 0 || !slice_equal((struct slice){text.p + h.from, h.to - h.from}, c->header))
        return error_set(err, CUTTER_E_REFUSED,
                         "%s does not begin with the header of the first member; pack files of one kind together",
                         input_part(&c->input, part));
    *ret_len = h.behind;
    return 0;
}

/* `n` bytes were just read behind the tail; those that are no rows go. */
static int drop_start(struct cutter *c, size_t *n, struct error *err)
{
    char *fresh = c->tail.memory + c->tail.bytes.len;
    struct slice text = {fresh, *n};
    size_t skip = c->skip < *n ? c->skip : *n;
    int r = c->further ? check_header(c, text, &skip, err) : wants_header(c) ? keep_header(c, text) : 0;
    if (r != 0) return r;
    if (c->further) {
        c->scan.line += simd_best()->count((struct slice){fresh, skip}, dialect_line_byte(&c->in.dialect));
        c->tail.first_line = c->scan.line;
        c->tail.first_offset += skip;
        c->further = false;
    } else {
        c->skip -= skip;
    }
    if (skip) memmove(fresh, fresh + skip, *n - skip);
    *n -= skip;
    return 0;
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
    c->tail.file = c->in.file;
    c->tail.name = c->in.name;
    *ret_chunk = c->tail;
    c->tail = rest;
    return 0;
}

static int unclosed(const struct cutter *c, struct error *err)
{
    int r = check_unchanged(c, err);
    if (r != 0) return r;
    return error_set(err, CUTTER_E_UNCLOSED,
                     "line %" PRIu64
                     ": the quote that opens a cell here is never closed; close it, or double a quote inside a cell",
                     c->scan.quote_line);
}

/* The part is read and its records are cut: on to the next one. 0, CUTTER_E_END, or why not. */
static int next_part(struct cutter *c, struct error *err)
{
    int r = input_next(&c->input, err);
    if (r == INPUT_E_END) {
        c->ended = true;
        r = check_unchanged(c, err);
        if (r == 0 && c->input.offset != (uint64_t)c->in.st.st_size)
            r = error_set(err, CUTTER_E_CHANGED, "the file changed while it was read");
        return r == 0 ? CUTTER_E_END : r;
    }
    if (r != 0) return refused(c, r, err);
    uint64_t line = c->scan.line;
    scan_init(&c->scan, &c->in.dialect);
    c->scan.line = line;
    c->further = true;
    return 0;
}

static int too_long(const struct cutter *c, uint64_t line, struct error *err)
{
    return error_set(err, CUTTER_E_LONG,
                     "line %" PRIu64 ": the record that begins here is longer than max_record (%zu bytes); is a quote left open?",
                     line, c->in.max_record);
}

/*
 * Is none of the records in the first `end` bytes of the tail too long? Only a tail that is longer itself can hold one: it is
 * scanned once more, so many bytes at a time that a record which may be there ends in them.
 */
static int check_lengths(const struct cutter *c, size_t end, struct error *err)
{
    struct slice left = {c->tail.bytes.p, end};
    uint64_t line = c->tail.first_line;
    while (left.len > c->in.max_record) {
        struct scan s;
        scan_init(&s, &c->in.dialect);
        struct scan_result r = scan_feed(&s, (struct slice){left.p, c->in.max_record});
        if (r.end == 0) return too_long(c, line, err);
        line += r.lines;
        left = (struct slice){left.p + r.end, left.len - r.end};
    }
    return 0;
}

/* The part ends, and with it its last record, which may lack its line end. */
static int end_part(struct cutter *c, struct chunk *ret_chunk, struct error *err)
{
    if (scan_open_quote(&c->scan)) return unclosed(c, err);
    size_t len = c->tail.bytes.len;
    if (len == 0) return CUTTER_E_AGAIN;
    int r = check_lengths(c, len, err);
    if (r != 0) return r;
    c->scan.line += c->tail.bytes.p[len - 1] != dialect_line_byte(&c->in.dialect);
    return cut(c, len, c->scan.line, ret_chunk);
}

/* Read a piece and hand out what is whole with it. CUTTER_E_AGAIN: nothing is. */
static int advance(struct cutter *c, struct chunk *ret_chunk, struct error *err)
{
    size_t have = c->tail.bytes.len, n;
    int r = read_piece(c, &n, err);
    if (r == 0) r = drop_start(c, &n, err);
    if (r != 0) return r;
    c->tail.bytes.len = have + n;
    uint64_t line_before = c->scan.line;
    struct scan_result s = scan_feed(&c->scan, (struct slice){c->tail.memory + have, n});
    if (c->input.over) return end_part(c, ret_chunk, err);
    if (s.end == 0) return have + n > c->in.max_record ? too_long(c, c->tail.first_line, err) : CUTTER_E_AGAIN;
    r = check_lengths(c, have + s.end, err);
    return r == 0 ? cut(c, have + s.end, line_before + s.lines, ret_chunk) : r;
}

int cutter_next(struct cutter *c, struct chunk *ret_chunk, struct error *err)
{
    if (c->ended) return CUTTER_E_END;
    int r = open_input(c, err);
    if (r != 0) return r;
    do
        r = c->input.over && !c->ahead.p ? next_part(c, err) : 0;
    while (r == 0 && (r = advance(c, ret_chunk, err)) == CUTTER_E_AGAIN);
    return r;
}
