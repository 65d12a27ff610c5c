/* SPDX-License-Identifier: MIT */
#include "format/avro_file.h"

#include "format/avro_row.h"

#include <sys/random.h>
#include <zlib.h>

#define MAGIC "Obj\x01"
enum {
    MAGIC_BYTES = 4,
    READ_BYTES = 64 * 1024,
    HEADER_MAX = 2 * AVRO_SCHEMA_MAX,
    LONG_MAX_BYTES = 10,
    RAW_DEFLATE = -15, /* RFC 1951, without zlib's header */
    MEMORY_LEVEL = 8,
};

/* ---- writing ---- */

int avro_format_init(struct avro_format *f, int level)
{
    f->level = level;
    return getrandom(f->sync, sizeof f->sync, 0) == (ssize_t)sizeof f->sync ? 0 : -errno;
}

static void put_bytes(struct buf *out, struct slice bytes)
{
    avro_put_long(out, (int64_t)bytes.len);
    buf_put(out, bytes);
}

void avro_file_header(const struct avro_schema *s, const struct avro_format *f, struct buf *out)
{
    struct buf json;
    buf_init(&json, AVRO_SCHEMA_MAX);
    avro_schema_json(s, &json);
    if (buf_check(&json) < 0) out->failed = json.failed;
    buf_append(out, MAGIC, MAGIC_BYTES);
    avro_put_long(out, 2); /* a map: a block of two pairs, and an empty one */
    put_bytes(out, SLICE("avro.schema"));
    put_bytes(out, buf_slice(&json));
    put_bytes(out, SLICE("avro.codec"));
    put_bytes(out, f->level ? SLICE("deflate") : SLICE("null"));
    avro_put_long(out, 0);
    buf_append(out, f->sync, sizeof f->sync);
    buf_done(&json);
}

static int deflate_all(struct slice records, int level, struct buf *out)
{
    z_stream z = {.next_in = (Bytef *)records.p, .avail_in = (uInt)records.len};
    if (deflateInit2(&z, level, Z_DEFLATED, RAW_DEFLATE, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK) return -ENOMEM;
    uLong most = deflateBound(&z, records.len);
    char *p = buf_reserve(out, most);
    if (p) {
        z.next_out = (Bytef *)p;
        z.avail_out = (uInt)most;
        int r = deflate(&z, Z_FINISH);
        if (r == Z_STREAM_END)
            buf_wrote(out, most - z.avail_out);
        else
            out->failed = ERROR_TOO_BIG;
    }
    deflateEnd(&z);
    return 0;
}

int avro_file_block(const struct avro_format *f, struct slice records, int64_t rows, struct buf *out)
{
    avro_put_long(out, rows);
    if (f->level) {
        struct buf packed;
        buf_init(&packed, out->max);
        int r = deflate_all(records, f->level, &packed);
        if (buf_check(&packed) < 0) out->failed = packed.failed;
        if (r == 0) put_bytes(out, buf_slice(&packed));
        buf_done(&packed);
        if (r < 0) return r;
    } else {
        put_bytes(out, records);
    }
    buf_append(out, f->sync, sizeof f->sync);
    return 0;
}

/* ---- reading ---- */

static uint64_t position(const struct avro_reader *r)
{
    return r->offset + r->at;
}

static int damaged(const struct avro_reader *r, struct error *err, const char *what)
{
    error_set(err, AVRO_E_DAMAGED, "byte %llu: %s", (unsigned long long)position(r), what);
    return AVRO_E_DAMAGED;
}

/* At least n bytes are there, or the source has ended. 0 or negative. */
static int fill(struct avro_reader *r, size_t n)
{
    if (r->at > 0 && r->in.len - r->at < n) {
        buf_consume(&r->in, r->at);
        r->offset += r->at;
        r->at = 0;
    }
    while (r->in.len - r->at < n && !r->ended) {
        char *p = buf_reserve(&r->in, READ_BYTES);
        if (!p) return buf_check(&r->in);
        ssize_t got = r->source.read(r->source.ctx, p, READ_BYTES);
        if (got < 0) return (int)got;
        if (got == 0) r->ended = true;
        buf_wrote(&r->in, (size_t)got);
    }
    return 0;
}

static size_t left(const struct avro_reader *r)
{
    return r->in.len - r->at;
}

static int take(struct avro_reader *r, size_t n, struct slice *ret_bytes, struct error *err)
{
    int rc = fill(r, n);
    if (rc < 0) return rc;
    if (left(r) < n) return damaged(r, err, "the file is cut off here");
    *ret_bytes = (struct slice){r->in.data + r->at, n};
    r->at += n;
    return 0;
}

static int take_long(struct avro_reader *r, int64_t *ret_value, struct error *err)
{
    int rc = fill(r, LONG_MAX_BYTES);
    if (rc < 0) return rc;
    struct slice in = {r->in.data + r->at, left(r)};
    if (!avro_get_long(&in, ret_value))
        return damaged(r, err, left(r) < LONG_MAX_BYTES ? "the file is cut off here" : "no number is here");
    r->at = r->in.len - in.len;
    return 0;
}

/* Bytes behind their length, which is at most `max`. */
static int take_counted(struct avro_reader *r, int64_t max, struct slice *ret_bytes, struct error *err)
{
    int64_t len = 0;
    int rc = take_long(r, &len, err);
    if (rc != 0) return rc;
    if (len < 0 || len > max) return damaged(r, err, "a length is out of range");
    return take(r, (size_t)len, ret_bytes, err);
}

struct found {
    bool schema, codec;
};
enum { KEY_SIZE = 16 };

/* One pair of the header's map. Others' own entries are passed over. */
static int read_pair(struct avro_reader *r, struct found *found, struct error *err)
{
    struct slice name, value;
    char key[KEY_SIZE] = "";
    int rc = take_counted(r, HEADER_MAX, &name, err);
    if (rc != 0) return rc;
    if (name.len < sizeof key) memcpy(key, name.p, name.len);
    rc = take_counted(r, HEADER_MAX, &value, err);
    if (rc != 0) return rc;
    if (strcmp(key, "avro.schema") == 0) {
        if (found->schema) return damaged(r, err, "there are two schemas");
        found->schema = true;
        return avro_schema_parse(value, &r->schema, err);
    }
    if (strcmp(key, "avro.codec") != 0) return 0;
    r->deflate = slice_equal(value, SLICE("deflate"));
    found->codec = true;
    if (r->deflate || slice_equal(value, SLICE("null"))) return 0;
    return damaged(r, err, "its codec is neither null nor deflate");
}

static int read_header(struct avro_reader *r, struct error *err)
{
    struct slice bytes;
    int64_t pairs = 0, size;
    struct found found = {0};
    int rc = fill(r, MAGIC_BYTES);
    if (rc < 0) return rc;
    if (left(r) < MAGIC_BYTES || memcmp(r->in.data, MAGIC, MAGIC_BYTES) != 0)
        return error_set(err, AVRO_E_DAMAGED, "this is no Avro file: it does not begin with Obj and 1");
    r->at = MAGIC_BYTES;
    while ((rc = take_long(r, &pairs, err)) == 0 && pairs != 0) {
        /* A negative count has the block's size behind it. */
        if (pairs < 0 && (rc = take_long(r, &size, err)) != 0) return rc;
        if (pairs == INT64_MIN || position(r) > HEADER_MAX) return damaged(r, err, "the header does not end");
        for (int64_t n = pairs < 0 ? -pairs : pairs; n > 0; n--) {
            rc = read_pair(r, &found, err);
            if (rc != 0) return rc;
            if (position(r) > HEADER_MAX) return damaged(r, err, "the header does not end");
        }
    }
    if (rc == 0) rc = take(r, AVRO_SYNC_BYTES, &bytes, err);
    if (rc != 0) return rc;
    memcpy(r->sync, bytes.p, AVRO_SYNC_BYTES);
    return found.schema ? 0 : damaged(r, err, "the header has no schema");
}

int avro_reader_open(struct avro_reader *r, const struct avro_source *source, struct error *err)
{
    *r = (struct avro_reader){.source = *source};
    buf_init(&r->in, (size_t)AVRO_BLOCK_MAX + 2 * READ_BYTES);
    buf_init(&r->block, AVRO_BLOCK_MAX);
    int rc = read_header(r, err);
    if (rc != 0) avro_reader_close(r);
    return rc;
}

/* All of `packed` is one deflated stream. Avro's own library for Python leaves a part of zlib's checksum behind it. */
static int inflate_all(struct avro_reader *r, struct slice packed, struct error *err)
{
    enum { STEP = 256 * 1024, CHECKSUM_REST = 3 };
    z_stream z = {.next_in = (Bytef *)packed.p, .avail_in = (uInt)packed.len};
    if (inflateInit2(&z, RAW_DEFLATE) != Z_OK) return -ENOMEM;
    int rc = Z_OK;
    while (rc == Z_OK) {
        char *p = buf_reserve(&r->block, STEP);
        if (!p) break;
        z.next_out = (Bytef *)p;
        z.avail_out = STEP;
        rc = inflate(&z, Z_NO_FLUSH);
        buf_wrote(&r->block, STEP - z.avail_out);
    }
    bool whole = rc == Z_STREAM_END && z.avail_in <= CHECKSUM_REST;
    inflateEnd(&z);
    if (r->block.failed == ERROR_TOO_BIG) return damaged(r, err, "a block is larger than 1 GiB");
    if (r->block.failed) return r->block.failed;
    return whole ? 0 : damaged(r, err, "a block cannot be unpacked");
}

int avro_reader_block(struct avro_reader *r, int64_t *ret_rows, struct slice *ret_records, struct error *err)
{
    int64_t rows = 0;
    struct slice packed, sync;
    int rc = fill(r, 1);
    if (rc < 0) return rc;
    if (left(r) == 0) return AVRO_E_END;
    rc = take_long(r, &rows, err);
    if (rc == 0 && rows < 0) rc = damaged(r, err, "a block has less than no rows");
    int64_t size = 0;
    if (rc == 0) rc = take_long(r, &size, err);
    if (rc == 0 && (size < 0 || size > AVRO_BLOCK_MAX)) rc = damaged(r, err, "a block is larger than 1 GiB");
    /* The marker, too, at once, so that the block does not move. */
    if (rc == 0) rc = take(r, (size_t)size + AVRO_SYNC_BYTES, &packed, err);
    if (rc != 0) return rc;
    sync = (struct slice){packed.p + size, AVRO_SYNC_BYTES};
    packed.len = (size_t)size;
    if (memcmp(sync.p, r->sync, AVRO_SYNC_BYTES) != 0) return damaged(r, err, "a block does not end with the file's marker");
    struct slice records = packed;
    if (r->deflate) {
        buf_reset(&r->block);
        rc = inflate_all(r, packed, err);
        if (rc != 0) return rc;
        records = buf_slice(&r->block);
    }
    *ret_rows = rows;
    *ret_records = records;
    return 0;
}

void avro_reader_close(struct avro_reader *r)
{
    avro_schema_done(&r->schema);
    buf_done(&r->in);
    buf_done(&r->block);
}
