/* SPDX-License-Identifier: MIT */
#include "spool/input.h"

#include "base/fs.h"
#include "csv/simd.h"
#include "spool/gunzip.h"
#include "spool/mark.h"
#include "spool/unzip.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    BLOCK = 64 * 1024,             /* read, and unpacked, at once */
    GZIP_STATE = 48 * 1024,        /* zlib: a window of 32 KiB and its tables */
    ZIP_STATE = 512 * 1024,        /* libarchive */
    RATIO_FREE = 16 * 1024 * 1024, /* below it the ratio says nothing: a table of zeros packs well */
};

static const struct slice gzip_magic = {"\x1f\x8b", 2}, zip_magic = {"PK\3\4", 4}, zip_empty_magic = {"PK\5\6", 4};

static enum input_compression compression_of(struct slice start)
{
    if (slice_starts(start, gzip_magic)) return INPUT_GZIP;
    return slice_starts(start, zip_magic) || slice_starts(start, zip_empty_magic) ? INPUT_ZIP : INPUT_PLAIN;
}

size_t input_memory(const struct input_options *options)
{
    switch (options->compression) {
    case INPUT_GZIP: return 2 * BLOCK + GZIP_STATE;
    case INPUT_ZIP: return 2 * BLOCK + ZIP_STATE + options->unpack_entries * UNZIP_ENTRY_BYTES;
    default: return options->encoding || options->transcodes ? BLOCK : 0;
    }
}

const char *input_part(const struct input *in, char ret_text[INPUT_PART_MAX])
{
    if (in->unzip)
        snprintf(ret_text, INPUT_PART_MAX, "member %s of the zip file", unzip_name(in->unzip));
    else
        snprintf(ret_text, INPUT_PART_MAX, "the %sfile", in->gunzip ? "unpacked " : "");
    return ret_text;
}

/* ---- bytes as they were dropped ---- */

static int read_dropped(struct input *in, char *to, size_t room, size_t *ret_len, struct error *err)
{
    uint64_t left = in->offset < in->size ? in->size - in->offset : 0;
    ssize_t n = fs_pread_full(in->fd, to, room < left ? room : (size_t)left, (off_t)in->offset);
    if (n < 0) return error_set(err, (int)n, "cannot read byte %" PRIu64 ": %s", in->offset, error_name((int)n));
    digest_update(&in->digest, to, (size_t)n);
    in->offset += (uint64_t)n;
    *ret_len = (size_t)n;
    return 0;
}

/* The members of a zip file are read here and there: its digest takes a way of its own, from start to end. */
static int digest_all(struct input *in, struct error *err)
{
    size_t n = 0;
    int r;
    do
        r = read_dropped(in, in->text_memory, BLOCK, &n, err);
    while (r == 0 && n == BLOCK);
    return r;
}

/* ---- unpacked ---- */

static int read_gzip(struct input *in, char *to, size_t room, size_t *ret_len, struct error *err)
{
    for (;;) {
        int r = gunzip_step(in->gunzip, &in->packed, to, room, ret_len, err);
        if (r < 0) return r;
        if (r > 0) return INPUT_E_REFUSED;
        if (*ret_len > 0) return 0;
        size_t n = 0;
        r = read_dropped(in, in->packed_memory, BLOCK, &n, err);
        if (r < 0) return r;
        if (n == 0) return gunzip_end(in->gunzip, err) ? INPUT_E_REFUSED : 0;
        in->packed = (struct slice){in->packed_memory, n};
    }
}

static int check_limits(struct input *in, size_t more, struct error *err)
{
    in->unpacked += more;
    if (in->unpacked > in->options.unpack_max)
        return error_set(err, INPUT_E_REFUSED, "it unpacks to more than unpack_max (%" PRIu64 " bytes); is it meant to?",
                         in->options.unpack_max);
    if (in->unpacked > RATIO_FREE && in->unpacked / in->options.unpack_ratio > in->size)
        return error_set(err, INPUT_E_REFUSED,
                         "its %" PRIu64 " bytes unpack to more than %" PRIu64 " times as many (unpack_ratio); is it meant to?",
                         in->size, in->options.unpack_ratio);
    return 0;
}

/* The part's bytes in their own encoding; fewer than the room only at its end. */
static int read_unpacked(struct input *in, char *to, size_t room, size_t *ret_len, struct error *err)
{
    if (in->options.compression == INPUT_PLAIN) return read_dropped(in, to, room, ret_len, err);
    size_t len = 0, n = 1;
    for (int r; len < room && n > 0; len += n) {
        if (in->gunzip)
            r = read_gzip(in, to + len, room - len, &n, err);
        else
            r = unzip_read(in->unzip, to + len, room - len, &n, err);
        if (r == 0) r = check_limits(in, n, err);
        if (r != 0) return r < 0 ? r : INPUT_E_REFUSED;
    }
    *ret_len = len;
    return 0;
}

/* ---- in UTF-8 ---- */

static int refill(struct input *in, struct error *err)
{
    size_t n = 0;
    int r = read_unpacked(in, in->text_memory, BLOCK, &n, err);
    if (r == 0) in->text = (struct slice){in->text_memory, n};
    return r;
}

static int need_text_memory(struct input *in)
{
    if (!in->text_memory) in->text_memory = malloc(BLOCK);
    return in->text_memory ? 0 : -ENOMEM;
}

static int start_transcoding(struct input *in, const char *encoding, struct error *err)
{
    int r = transcode_init(&in->transcode, encoding);
    if (r < 0 && r != -EINVAL) return r;
    if (r < 0) return error_set(err, INPUT_E_REFUSED, "this system has no encoding %s any more; see iconv --list", encoding);
    in->transcoding = in->options.transcodes = true;
    in->encoding = encoding;
    in->lf = in->cr = 0;
    return need_text_memory(in);
}

/* The first bytes of a part: is it packed once more, and what is its encoding? */
static int begin_part(struct input *in, struct slice start, struct error *err)
{
    char part[INPUT_PART_MAX];
    in->begun = true;
    if (in->options.compression != INPUT_PLAIN && compression_of(start) != INPUT_PLAIN)
        return error_set(err, INPUT_E_REFUSED, "%s is packed itself; pack it once only", input_part(in, part));
    const char *encoding = NULL;
    struct error why;
    if (in->options.latin1) return 0;
    if (mark_encoding(start, in->options.utf8 ? "UTF-8" : in->options.encoding, &encoding, &why) != 0)
        return error_set(err, INPUT_E_REFUSED, "%s %s", input_part(in, part), why.text);
    return encoding ? start_transcoding(in, encoding, err) : 0;
}

static int look_at_start(struct input *in, struct error *err)
{
    if (in->options.compression == INPUT_PLAIN) return begin_part(in, (struct slice){in->start, in->start_len}, err);
    int r = refill(in, err);
    return r == 0 ? begin_part(in, in->text, err) : r;
}

static int invalid(struct input *in, const char *what, struct error *err)
{
    char part[INPUT_PART_MAX];
    return error_set(err, INPUT_E_REFUSED, "line %" PRIu64 ", byte %" PRIu64 " of %s: %s %s; mend it, or declare another encoding",
                     1 + (in->lf > in->cr ? in->lf : in->cr), in->transcode.offset, input_part(in, part), what, in->encoding);
}

static int invalid_byte(struct input *in, struct error *err)
{
    char what[64];
    const char *at = in->transcode.half_len ? in->transcode.half : in->text.len ? in->text.p : "";
    snprintf(what, sizeof what, "0x%02x there means nothing in", (unsigned char)*at);
    return invalid(in, what, err);
}

static int read_transcoded(struct input *in, char *to, size_t room, size_t *ret_len, struct error *err)
{
    size_t len = 0, n = 0;
    assert(room >= TRANSCODE_ROOM);
    while (room - len >= TRANSCODE_ROOM && !in->over) {
        int r = in->text.len == 0 ? refill(in, err) : 0;
        if (r != 0) return r;
        if (in->text.len == 0) {
            in->over = true;
            if (transcode_end(&in->transcode, to + len, room - len, &n))
                return invalid(in, "the text ends inside a character of", err);
        } else {
            r = transcode_step(&in->transcode, &in->text, to + len, room - len, &n);
            if (r != 0 && n > 0) r = 0; /* it comes again when there is room for what stands for it */
            if (r != 0) r = transcode_skip(&in->transcode, &in->text, to + len, room - len, &n);
            in->lf += simd_best()->count((struct slice){to + len, n}, '\n');
            in->cr += simd_best()->count((struct slice){to + len, n}, '\r');
            if (r != 0) return invalid_byte(in, err);
        }
        len += n;
    }
    *ret_len = len;
    return 0;
}

static int read_as_it_is(struct input *in, char *to, size_t room, size_t *ret_len, struct error *err)
{
    size_t len = in->text.len < room ? in->text.len : room, n = 0;
    if (len > 0) {
        memcpy(to, in->text.p, len);
        in->text = (struct slice){in->text.p + len, in->text.len - len};
    }
    int r = len < room ? read_unpacked(in, to + len, room - len, &n, err) : 0;
    if (r != 0) return r;
    in->over = len + n < room;
    *ret_len = len + n;
    return 0;
}

int input_read(struct input *in, char *to, size_t room, size_t *ret_len, struct error *err)
{
    *ret_len = 0;
    if (in->over) return 0;
    int r = in->begun ? 0 : look_at_start(in, err);
    if (r != 0) return r;
    return in->transcoding ? read_transcoded(in, to, room, ret_len, err) : read_as_it_is(in, to, room, ret_len, err);
}

/* ---- parts ---- */

static int next_member(struct input *in, struct error *err)
{
    int r = unzip_next(in->unzip, err);
    if (r == UNZIP_E_BROKEN) return INPUT_E_REFUSED;
    if (r < 0) return r;
    if (in->transcoding) transcode_done(&in->transcode);
    in->transcoding = in->begun = in->over = false;
    in->text = (struct slice){NULL, 0};
    if (r == 0) return 0;
    r = digest_all(in, err);
    return r == 0 ? INPUT_E_END : r;
}

int input_next(struct input *in, struct error *err)
{
    int r = in->unzip ? next_member(in, err) : INPUT_E_END;
    in->summed = r == INPUT_E_END;
    return r;
}

void input_sum(struct input *in, uint8_t ret_sum[DIGEST_BYTES])
{
    assert(in->summed);
    digest_final(&in->digest, ret_sum);
}

static int open_gzip(struct input *in)
{
    in->packed_memory = malloc(BLOCK);
    struct gunzip *g = malloc(sizeof *g);
    int r = g && in->packed_memory ? gunzip_init(g) : -ENOMEM;
    if (r == 0)
        in->gunzip = g;
    else
        free(g);
    return r == 0 ? need_text_memory(in) : r;
}

static int open_zip(struct input *in, struct error *err)
{
    int r = need_text_memory(in);
    if (r == 0) r = unzip_open(in->fd, in->size, in->options.unpack_entries, &in->unzip, err);
    return r == UNZIP_E_BROKEN ? INPUT_E_REFUSED : r == 0 ? next_member(in, err) : r;
}

int input_open(struct input *in, int fd, uint64_t size, const struct input_options *options, struct error *err)
{
    *in = (struct input){.options = *options, .fd = fd, .size = size};
    int r = digest_init(&in->digest);
    if (r < 0) return r;
    ssize_t n = fs_pread_full(fd, in->start, size < MARK_SAMPLE ? (size_t)size : MARK_SAMPLE, 0);
    if (n < 0) return error_set(err, (int)n, "cannot read byte 0: %s", error_name((int)n));
    in->start_len = (size_t)n;
    enum input_compression found = compression_of((struct slice){in->start, in->start_len});
    if (in->options.compression == INPUT_AUTO) in->options.compression = found;
    if (in->options.compression != found && in->options.compression != INPUT_PLAIN)
        return error_set(err, INPUT_E_REFUSED, "it is no %s file, which compression says",
                         in->options.compression == INPUT_GZIP ? "gzip" : "zip");
    if (in->options.compression == INPUT_GZIP) return open_gzip(in);
    return in->options.compression == INPUT_ZIP ? open_zip(in, err) : 0;
}

void input_close(struct input *in)
{
    if (in->gunzip) gunzip_done(in->gunzip);
    free(in->gunzip);
    unzip_close(in->unzip);
    if (in->transcoding) transcode_done(&in->transcode);
    digest_done(&in->digest);
    free(in->packed_memory);
    free(in->text_memory);
    *in = (struct input){0};
}
