/* SPDX-License-Identifier: MIT */
/*
 * Storing a file, whole or in parts, one part at a time:
 *
 *   LOOKING ─ there already ─▶ done, or SWEEPING
 *      └─▶ READING ─▶ SENDING ─▶ [SWEEPING …] ─▶ CHECKING ─▶ done                      small files
 *      └─▶ BEGINNING ─▶ (READING ─▶ PART)… ─▶ JOINING ─▶ SWEEPING ─▶ [ABORTING …] ─▶ CHECKING      S3
 *      └─▶ (READING ─▶ PART)… ─▶ JOINING ─▶ CHECKING                                               Azure
 *                                    a failure between BEGINNING and JOINING ─▶ GIVING_UP ─▶ done
 *
 * Each part's digest is in its request and checked by the store (S3: signed SHA-256; Azure: MD5), that of the whole file here,
 * before its last part goes out. Nothing is visible before JOINING; SWEEPING removes what uploads of the key left behind that were
 * killed, or whose begin was not heard of.
 */
#include "base/fs.h"
#include "base/hmac.h"
#include "base/num.h"
#include "store/store_private.h"
#include "store/xml.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

enum { PARTS_MAX = 10000, JOIN_MAX = 4 << 20, OLD_MAX = 64 * 1024, MD5_BYTES = 16, UPLOAD_ID_MAX = 4096, BLOCK_ID_MAX = 16 };

enum state { LOOKING, SWEEPING, ABORTING, BEGINNING, READING, SENDING, PART, JOINING, CHECKING, GIVING_UP };

struct put {
    struct store_op op;
    struct store_put wish; /* key and sum are copies */
    struct buf key;
    uint8_t sum[DIGEST_BYTES];
    char hex[DIGEST_HEX];
    int file;
    enum state state;
    uint64_t part; /* bytes of one */
    uint64_t at;   /* where the one in memory begins */
    struct buf body;
    struct digest digest;
    bool changed, was_there;
    bool told; /* the store has compared all of it with what was signed, and says that it has it */
    int read_rc;
    char md5[BASE64_SIZE(MD5_BYTES)];
    char payload[DIGEST_HEX]; /* of the part in memory */
    char block[BASE64_SIZE(BLOCK_ID_MAX)], number[16];
    struct buf join, upload, old;
    size_t old_at;
    int status; /* what GIVING_UP ends with */
    char why[STORE_WHY_MAX];
};

static void enter(struct put *p, enum state state);

static void put_free(struct store_op *op)
{
    struct put *p = container_of(op, struct put, op);
    if (p->file >= 0) close(p->file);
    buf_done(&p->key);
    buf_done(&p->body);
    buf_done(&p->join);
    buf_done(&p->upload);
    buf_done(&p->old);
    digest_done(&p->digest);
    free(p);
}

static void tell(struct put *p, const struct store_result *r)
{
    p->wish.done(p->wish.ctx, r);
    store_op_end(&p->op);
}

static void fail(struct put *p, int status, const char *why)
{
    snprintf(p->why, sizeof p->why, "%s", why);
    p->status = status == STORE_E_MISSING ? STORE_E_REFUSED : status;
    if (p->upload.len > 0 && p->state != GIVING_UP && p->state != CHECKING) return enter(p, GIVING_UP);
    tell(p, &(struct store_result){.status = p->status, .why = p->why});
}

static bool is_large(const struct put *p)
{
    return p->wish.bytes > p->part;
}

static bool is_last(const struct put *p)
{
    return p->at + p->body.len >= p->wish.bytes;
}

static bool is_azure(const struct put *p)
{
    return p->op.store->kind == STORE_AZURE;
}

/* It is stored: what killed uploads left of it goes, where somebody might. */
static enum state after_storing(const struct put *p)
{
    return is_azure(p) || !(is_large(p) || p->wish.sweep) ? CHECKING : SWEEPING;
}

/* ---- reading ---- */

static void read_run(struct worker_job *job)
{
    struct put *p = container_of(job, struct put, op.job);
    uint64_t left = p->wish.bytes - p->at;
    size_t want = left < p->part ? (size_t)left : (size_t)p->part;
    buf_reset(&p->body);
    char *to = buf_reserve(&p->body, want + 1); /* one more tells a file that grew */
    if (!to) {
        p->read_rc = buf_check(&p->body);
        return;
    }
    ssize_t n = fs_pread_full(p->file, to, want + (want == left), (off_t)p->at);
    p->read_rc = n < 0 ? (int)n : 0;
    p->changed = n >= 0 && (size_t)n != want;
    if (n < 0 || p->changed) return;
    buf_wrote(&p->body, want);
    digest_update(&p->digest, to, want);
    uint8_t sum[DIGEST_BYTES];
    if (is_azure(p)) {
        uint8_t md5[MD5_BYTES];
        unsigned len;
        if (EVP_Digest(to, want, md5, &len, EVP_md5(), NULL) == 1) base64_encode(md5, sizeof md5, p->md5);
    } else {
        digest_of(to, want, sum);
        digest_hex(sum, p->payload);
    }
    if (!is_last(p)) return;
    digest_final(&p->digest, sum);
    p->changed = !digest_equal(sum, p->sum);
}

static void read_done(struct worker_job *job)
{
    struct put *p = container_of(job, struct put, op.job);
    if (!store_op_worked(&p->op)) return;
    if (p->read_rc < 0) return fail(p, p->read_rc, error_name(p->read_rc));
    if (p->changed) return fail(p, STORE_E_CHANGED, "the file's bytes are not those that it had: its SHA-256 is another");
    enter(p, is_large(p) ? PART : SENDING);
}

/* ---- answers ---- */

static bool is_there(const struct put *p, const struct store_reply *r)
{
    struct store_result result;
    store_result_of(p->op.store, r, &result);
    struct slice length = transfer_header(r->answer, "content-length");
    uint64_t bytes;
    return num_parse_u64(length, &bytes) == 0 && bytes == p->wish.bytes && strcmp(result.sum, p->hex) == 0;
}

static void stored(struct put *p, const struct store_reply *r, bool was_there)
{
    struct store_result result;
    store_result_of(p->op.store, r, &result);
    result.bytes = p->wish.bytes;
    result.was_there = was_there;
    result.unseen = r->status != 0;
    result.status = 0;
    result.why = "";
    tell(p, &result);
}

/* Does the store compare what comes with the digest in the request? Azure has its MD5, S3 a signed SHA-256. */
static bool is_compared(const struct put *p)
{
    const struct store *s = p->op.store;
    return is_azure(p) || (s->config.key_id && s->config.secret);
}

/* The key may write, but not look. */
static bool is_blind(const struct store_reply *r)
{
    return r->status == STORE_E_REFUSED && r->answer && (r->answer->code == 403 || r->answer->code == 401);
}

/* Ids of uploads of this key that nobody will end. */
static void note_old(struct put *p, struct slice body)
{
    struct buf key;
    buf_init(&key, OLD_MAX);
    for (struct xml x = xml_of(body); xml_next(&x);) {
        if (x.kind != XML_TEXT || !xml_below(&x, "Upload")) continue;
        if (xml_in(&x, "Key")) {
            buf_reset(&key);
            xml_decode(&key, x.text);
        } else if (xml_in(&x, "UploadId") && slice_equal(buf_slice(&key), buf_slice(&p->key))) {
            xml_decode(&p->old, x.text);
            buf_putc(&p->old, '\0');
        }
    }
    buf_done(&key);
}

static void on_part(struct put *p, const struct store_reply *r)
{
    if (is_azure(p)) {
        buf_printf(&p->join, "<Latest>%s</Latest>", p->block);
    } else {
        buf_printf(&p->join, "<Part><PartNumber>%s</PartNumber><ETag>", p->number);
        xml_escape(&p->join, transfer_header(r->answer, "etag"));
        buf_puts(&p->join, "</ETag></Part>");
    }
    bool last = is_last(p);
    p->at += p->body.len;
    enter(p, last ? JOINING : READING);
}

/* S3 may say 200 and then fail. */
static void on_joined(struct put *p, const struct store_reply *r)
{
    if (r->status == 0 && xml_find(r->answer->body, "Code").p) {
        buf_reset(&p->join);
        xml_decode(&p->join, xml_find(r->answer->body, "Message"));
        const char *words = buf_cstr(&p->join);
        return fail(p, ERROR_CLOSED, words && *words ? words : "the parts could not be joined");
    }
    /* 404, too: an earlier try may have joined them, and its answer was lost */
    p->told = r->status == 0 && is_compared(p);
    enter(p, after_storing(p));
}

static void on_checked(struct put *p, const struct store_reply *r)
{
    if (r->status == 0 ? is_there(p, r) : p->told && is_blind(r)) return stored(p, r, p->was_there);
    if (r->status == STORE_E_MISSING) return fail(p, ERROR_CLOSED, "the object is not there after it was stored");
    if (r->status != 0) return fail(p, r->status, r->why);
    fail(p, ERROR_CLOSED, "what is there after it was stored is not of that size and SHA-256");
}

static void on_reply(void *ctx, const struct store_reply *r)
{
    struct put *p = ctx;
    switch (p->state) {
    case LOOKING:
        if (r->status < 0) return fail(p, r->status, r->why);
        p->was_there = r->status == 0 && is_there(p, r);
        if (p->was_there && (is_azure(p) || !p->wish.sweep)) return stored(p, r, true);
        if (p->was_there) return enter(p, SWEEPING);
        /* A key that may not look may still write; what is wrong is then said with words, which HEAD has not. */
        return enter(p, is_large(p) && !is_azure(p) ? BEGINNING : READING);
    case SWEEPING:
        if (r->status == 0) note_old(p, r->answer->body);
        return enter(p, p->old.len > 0 && buf_check(&p->old) == 0 ? ABORTING : CHECKING);
    case ABORTING: p->old_at += strlen(p->old.data + p->old_at) + 1; return enter(p, p->old_at < p->old.len ? ABORTING : CHECKING);
    case BEGINNING:
        if (r->status != 0) return fail(p, r->status, r->why);
        xml_decode(&p->upload, xml_find(r->answer->body, "UploadId"));
        if (p->upload.len == 0 || buf_check(&p->upload) < 0) return fail(p, STORE_E_REFUSED, "the store gave no UploadId");
        return enter(p, READING);
    case SENDING:
        if (r->status != 0) return fail(p, r->status, r->why);
        p->told = is_compared(p);
        return enter(p, after_storing(p));
    case PART: return r->status == 0 ? on_part(p, r) : fail(p, r->status, r->why);
    case JOINING: return r->status == 0 || r->status == STORE_E_MISSING ? on_joined(p, r) : fail(p, r->status, r->why);
    case CHECKING: return on_checked(p, r);
    case GIVING_UP: return tell(p, &(struct store_result){.status = p->status, .why = p->why});
    case READING: break;
    }
}

/* ---- requests ---- */

static void header(struct put *p, const char *name, struct slice value)
{
    struct store_call *c = &p->op.call;
    c->header[c->n_header++] = (struct sign_pair){slice_of(name), value};
}

static void query(struct put *p, const char *name, struct slice value)
{
    struct store_call *c = &p->op.call;
    c->query[c->n_query++] = (struct sign_pair){slice_of(name), value};
}

static void describe(struct put *p)
{
    header(p, "content-type", slice_of(p->wish.type ? p->wish.type : "application/octet-stream"));
    header(p, store_sum_header(p->op.store), slice_of(p->hex));
}

static void prepare_part(struct put *p)
{
    struct store_call *c = &p->op.call;
    unsigned n = (unsigned)(p->at / p->part) + 1;
    c->method = "PUT";
    c->body = buf_slice(&p->body);
    c->payload = p->payload;
    snprintf(p->number, sizeof p->number, "%u", n);
    if (is_azure(p)) {
        char id[BLOCK_ID_MAX];
        int len = snprintf(id, sizeof id, "%08u", n);
        base64_encode(id, (size_t)len, p->block);
        query(p, "comp", SLICE("block"));
        query(p, "blockid", slice_of(p->block));
        header(p, "content-md5", slice_of(p->md5));
    } else {
        query(p, "partNumber", slice_of(p->number));
        query(p, "uploadId", buf_slice(&p->upload));
    }
}

static int prepare_join(struct put *p)
{
    struct store_call *c = &p->op.call;
    buf_puts(&p->join, is_azure(p) ? "</BlockList>" : "</CompleteMultipartUpload>");
    c->body = buf_slice(&p->join);
    if (is_azure(p)) {
        c->method = "PUT";
        query(p, "comp", SLICE("blocklist"));
        header(p, "x-ms-blob-content-type", slice_of(p->wish.type ? p->wish.type : "application/octet-stream"));
        header(p, store_sum_header(p->op.store), slice_of(p->hex));
    } else {
        c->method = "POST";
        query(p, "uploadId", buf_slice(&p->upload));
    }
    header(p, "content-type", SLICE("application/xml"));
    return buf_check(&p->join);
}

static int prepare(struct put *p, enum state state)
{
    struct store_call *c = &p->op.call;
    c->n_query = c->n_header = 0;
    c->body = (struct slice){NULL, 0};
    c->payload = NULL;
    c->key = buf_slice(&p->key);
    switch (state) {
    case LOOKING:
    case CHECKING: c->method = "HEAD"; return 0;
    case SWEEPING:
        c->method = "GET";
        c->key = (struct slice){NULL, 0};
        query(p, "uploads", SLICE(""));
        query(p, "prefix", buf_slice(&p->key));
        return 0;
    case ABORTING:
        c->method = "DELETE";
        query(p, "uploadId", slice_of(p->old.data + p->old_at));
        return 0;
    case BEGINNING:
        c->method = "POST";
        query(p, "uploads", SLICE(""));
        describe(p);
        return 0;
    case SENDING:
        c->method = "PUT";
        c->body = buf_slice(&p->body);
        c->payload = p->payload;
        describe(p);
        if (!is_azure(p)) return 0;
        header(p, "x-ms-blob-type", SLICE("BlockBlob"));
        header(p, "content-md5", slice_of(p->md5));
        return 0;
    case PART: prepare_part(p); return 0;
    case JOINING: return prepare_join(p);
    case GIVING_UP:
        c->method = "DELETE";
        query(p, "uploadId", buf_slice(&p->upload));
        return 0;
    case READING: break;
    }
    return -EINVAL;
}

static void enter(struct put *p, enum state state)
{
    p->state = state;
    if (state == READING) return store_op_work(&p->op, read_run, read_done);
    int r = prepare(p, state);
    if (r == 0) r = store_call_send(&p->op.call);
    if (r == 0) return;
    p->state = GIVING_UP; /* without that one request */
    fail(p, r, error_name(r));
}

/* ---- the begin ---- */

static uint64_t part_of(uint64_t bytes)
{
    uint64_t even = (bytes + PARTS_MAX - 1) / PARTS_MAX;
    return even > STORE_PART ? even : STORE_PART;
}

size_t store_put_memory(const struct store *s, uint64_t bytes)
{
    if (s->kind == STORE_FOLDER) return FOLDER_BLOCK;
    return bytes < part_of(bytes) ? (size_t)bytes + 1 : (size_t)part_of(bytes) + 1;
}

int store_put(struct store *s, const struct store_put *put, struct store_op **ret_op)
{
    if (s->kind == STORE_FOLDER) return folder_put(s, put, ret_op);
    if (part_of(put->bytes) > STORE_PART_MAX) return ERROR_TOO_BIG;
    struct put *p = calloc(1, sizeof *p);
    if (!p) return -ENOMEM;
    *p = (struct put){.wish = *put, .file = -1, .part = part_of(put->bytes), .state = LOOKING};
    buf_init(&p->key, STORE_KEY_MAX);
    buf_init(&p->body, p->part + 1);
    buf_init(&p->join, JOIN_MAX);
    buf_init(&p->upload, UPLOAD_ID_MAX);
    buf_init(&p->old, OLD_MAX);
    store_op_init(&p->op, s, put_free);
    p->op.call.done = on_reply;
    p->op.call.ctx = p;
    memcpy(p->sum, put->sum, DIGEST_BYTES);
    digest_hex(p->sum, p->hex);
    buf_put(&p->key, put->key);
    buf_puts(&p->join,
             s->kind == STORE_AZURE ? "<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>" : "<CompleteMultipartUpload>");
    int r = buf_check(&p->key);
    if (r == 0) r = digest_init(&p->digest);
    p->file = r == 0 ? fcntl(*put->file, F_DUPFD_CLOEXEC, 3) : -1;
    if (r == 0 && p->file < 0) r = -errno;
    if (r == 0) r = prepare(p, LOOKING);
    if (r == 0) r = store_call_send(&p->op.call);
    if (r < 0) {
        store_op_end(&p->op);
        return r;
    }
    *ret_op = &p->op;
    return 0;
}
