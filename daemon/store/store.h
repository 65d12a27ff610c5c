/* SPDX-License-Identifier: MIT */
/*
 * Object stores: S3 (any that speaks its API), Azure Blob, and a folder, behind one set of calls. A store is a bucket (container,
 * folder); an object in it has a key, a path without a slash at its start.
 *
 *     store_new(&config, &err, &store);
 *     store_put(store, &(struct store_put){.key = …, .file = &fd, .bytes = n, .sum = sha256, .done = on_stored, .ctx = self}, &op);
 *     … on_stored(self, &result), exactly once, unless store_cancel(op) came before
 *     store_free(store);
 *
 * Every request is tried again, with growing pauses, while the store cannot be reached, is busy or fails (429, 5xx); what it
 * refuses is not. Memory: a put holds one part at a time (store_put_memory), a list one page.
 *
 * Thread: loop; files are read and written by the workers.
 */
#ifndef CETLD_STORE_STORE_H
#define CETLD_STORE_STORE_H

#include "base/buf.h"
#include "base/digest.h"
#include "store/transfer.h"

enum {
    STORE_PART = 8 << 20,      /* bytes of a part; more where there would be more than 10,000 of them */
    STORE_PART_MAX = 64 << 20, /* so no object has more than 640 GB */
    STORE_TRIES = 5,           /* of each request */
    STORE_KEY_MAX = 1024,      /* bytes, as S3 has it */
};

enum {
    STORE_E_MISSING = 1, /* 404: no such object */
    STORE_E_REFUSED,     /* the store says no: wrong key, no such bucket, … */
    STORE_E_CHANGED,     /* put: the file's bytes are not those of `sum`; nothing was stored */
};

struct store;
struct store_config {
    struct loop *loop;
    struct workers *workers;
    struct transfers *transfers;
    /*
     * s3://BUCKET[/…], azure://ACCOUNT/CONTAINER[/…] or file:///FOLDER[/…]. What is behind the bucket (container) is not looked at;
     * a folder is the whole path.
     */
    const char *url;
    const char *endpoint; /* "https://minio.example.org:9000"; NULL or "": Amazon's or Microsoft's own */
    const char *region;   /* S3; NULL or "": us-east-1 */
    const char *key_id;   /* S3: of the access key; NULL or "": requests are not signed */
    const char *secret; /* S3: the secret key; Azure: the account's key in base 64, or a SAS (sv=…&sig=…); NULL or "": not signed */
    const char *ca_file; /* as a transfer's */
    unsigned tries;      /* 0: STORE_TRIES */
    int64_t stall_ms;    /* as a transfer's */
};

/** Everything is copied. 0, -ENOMEM, or STORE_E_REFUSED with the words in err (what is wrong with the URL or a key). */
must_check int store_new(const struct store_config *config, struct error *err, struct store **ret_store);
/** What is under way is cancelled; not in a `done` of it. NULL is fine. */
void store_free(struct store *s);
/** Is it a URL of a store? Else store_new refuses it. */
bool store_is_url(struct slice url);
/** What is behind the bucket (container): the key that the URL names; of file:// nothing. Points into url. */
struct slice store_url_key(struct slice url);

/** What came of it. Valid during the callback only. */
struct store_result {
    int status; /* 0, STORE_E_…, ERROR_TOO_BIG (get: there is more than bytes_max), or another negative: it could not be done now,
                 * again later may work (ERROR_CLOSED, -ENOSPC, -EIO) */
    const char *why;       /* with another status than 0, for a person: the store's words, if it had some */
    uint64_t bytes;        /* of the object (head, get, put) */
    struct slice etag;     /* its version, as the store has it; without quotes */
    struct slice modified; /* when it was last written, as the store says it */
    char sum[DIGEST_HEX];  /* head: the SHA-256 that a put noted with it, in hex, or "" */
    bool was_there;        /* put: it was stored before */
    bool unseen;           /* put: the store answered that it has it, but the key may not look at it */
};
typedef void (*store_done)(void *ctx, const struct store_result *r);

struct store_op;
/** `done` is not called. NULL is fine. Not in its own `done`. */
void store_cancel(struct store_op *op);

struct store_put {
    struct slice key;   /* copied */
    const int *file;    /* read from its start; may be closed once store_put returned */
    uint64_t bytes;     /* its size */
    const uint8_t *sum; /* its SHA-256, which is checked on the way and noted with the object; copied */
    const char *type;   /* "text/csv"; NULL: application/octet-stream. Static */
    bool sweep; /* S3: end what killed uploads in parts left of this key, also where this one is not in parts, or was there */
    store_done done;
    void *ctx;
};
/**
 * Store a file. An object of that key, size and SHA-256 that is there already is left as it is; another one is overwritten. At the
 * end the object was looked at (size and SHA-256), and nobody sees a part of it before. A key that may write but not look (403,
 * 401) is no fault, where the store itself compared what came with the digests in the signed requests. 0 or -ENOMEM (…): `done`
 * comes after 0.
 */
must_check int store_put(struct store *s, const struct store_put *put, struct store_op **ret_op);

struct store_get {
    struct slice key;
    const int *into;    /* emptied, then written; may be closed once store_get returned; not synced */
    uint64_t bytes_max; /* more is ERROR_TOO_BIG; 0: any */
    uint64_t min_free;  /* of the disk of `into`, that stay free: else -ENOSPC */
    store_done done;
    void *ctx;
};
must_check int store_get(struct store *s, const struct store_get *get, struct store_op **ret_op);

struct store_ask {
    struct slice key;
    store_done done;
    void *ctx;
};
/** Bytes of memory that a put of so many holds. */
size_t store_put_memory(const struct store *s, uint64_t bytes);

/** Look at an object; a folder's has no sum. */
must_check int store_head(struct store *s, const struct store_ask *ask, struct store_op **ret_op);
/** Remove it; it is no error when it is not there. */
must_check int store_delete(struct store *s, const struct store_ask *ask, struct store_op **ret_op);

struct store_object {
    struct slice key, etag, modified;
    uint64_t bytes;
};
struct store_page {
    const struct store_object *object; /* in the order of their keys, but for a folder's */
    size_t n;
    struct slice next; /* what to ask the next page with; len 0: this was the last */
};
struct store_link {
    struct slice key;
    const char *disposition; /* Content-Disposition of the answer; or NULL */
    int64_t seconds;         /* that it is good for; of a store whose requests are not signed it always is */
};
/**
 * Append a URL by which whoever has it can fetch the object, without a request to the store: the object may be missing. 0, -ENOMEM,
 * or STORE_E_REFUSED with the words in err: a folder has none, and a shared access signature would give away what else it allows.
 */
must_check int store_link(const struct store *s, const struct store_link *link, struct error *err, struct buf *ret_url);

struct store_list {
    struct slice prefix; /* of the keys */
    struct slice next;   /* where the last page ended; empty: the first page */
    unsigned page_max;   /* objects; 0: 1000, which is the most */
    /* `page` is NULL unless r->status is 0. */
    void (*done)(void *ctx, const struct store_result *r, const struct store_page *page);
    void *ctx;
};
must_check int store_list(struct store *s, const struct store_list *list, struct store_op **ret_op);

#endif
