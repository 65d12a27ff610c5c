/* SPDX-License-Identifier: MIT */
/*
 * Transfers: requests to other servers over HTTP and HTTPS (libcurl's multi interface on the loop). One transfer is one request,
 * with the redirects that it may follow; who wants it tried again asks again (transfer_retry_after_s).
 *
 *     transfers_new(&config, &t);
 *     transfer_start(t, &(struct transfer_request){.method = "GET", .url = url, .done = on_done, .ctx = self}, &one);
 *     … on_done(self, &answer), exactly once, unless transfer_cancel(one) came before
 *     transfers_free(t);
 *
 * What is sent stands in memory. What comes is kept in memory up to a ceiling, or goes into a file, which the workers write: while
 * they have enough to do nothing more is taken from the socket. The certificate of an https server is always checked, and a
 * redirect never leads from https to http. Not more than `connections` are open at a time, others wait for their turn. A proxy is
 * used where the environment says so (https_proxy, no_proxy), as libcurl does it.
 *
 * Thread: loop.
 */
#ifndef CETLD_STORE_TRANSFER_H
#define CETLD_STORE_TRANSFER_H

#include "base/error.h"
#include "base/slice.h"
#include "loop/loop.h"
#include "loop/workers.h"

#include <stdint.h>

struct transfers;
struct transfers_config {
    struct loop *loop;
    struct workers *workers;   /* write files */
    unsigned connections;      /* open at a time; 0: 16 */
    unsigned host_connections; /* of them to one server; 0: 4 */
};

must_check int transfers_new(const struct transfers_config *config, struct transfers **ret_transfers);
/** What is under way is cancelled. Not in a transfer's `done`. NULL is fine. */
void transfers_free(struct transfers *t);

/** An answer, or why there is none. All of it is valid during the callback only. */
struct transfer_answer {
    /*
     * 0: the server answered, with `code`. ERROR_CLOSED: it could not be reached, was too slow, or the connection was cut.
     * ERROR_REFUSED: the URL or the certificate is no good, or there are too many redirects: again would be the same.
     * ERROR_TOO_BIG: more came than was wanted. Another: the file could not be written (-ENOSPC).
     */
    int status;
    int code;           /* of HTTP: 200, 304, 404, 503; 0 before there was one */
    struct slice body;  /* of what is not in the file; of an error that is large, or does not end, the beginning */
    uint64_t bytes;     /* that the body had */
    const char *url;    /* that answered in the end, after redirects */
    const char *why;    /* with another status than 0, words for a person */
    struct slice heads; /* the answer's head; transfer_header looks into it */
};

enum { TRANSFER_HEADERS_MAX = 24, TRANSFER_ANSWER_MAX = 1 << 20, TRANSFER_REDIRECTS_MAX = 10, TRANSFER_SLOW = 10 };

struct transfer_request {
    const char *method; /* "GET", "HEAD", "PUT", "POST", "DELETE" */
    const char *url;    /* as it goes over the wire: escaped */
    /* "Name: value" each; copied. Host and Content-Length are made. Authorization goes to the URL's own
     * scheme, host and port only, wherever a redirect leads, and to no proxy that makes a tunnel (libcurl 7.83 and later). */
    const char *const *header;
    size_t headers;
    struct slice body;   /* not copied: stays as it is until `done` */
    uint64_t answer_max; /* bytes; 0: TRANSFER_ANSWER_MAX in memory, any number into a file */
    const int *into;     /* the descriptor that the body of a 200 or 206 is appended to; NULL: memory. May be closed once
                          * transfer_start returned; not synced */
    uint64_t min_free;   /* bytes that stay free on the disk of `into`: else it ends with -ENOSPC; 0: none */
    unsigned redirects;  /* that are followed; 0: none (a 3xx is an answer then); at most TRANSFER_REDIRECTS_MAX */
    bool direct;         /* without a proxy, whatever the environment says */
    const char *ca_file; /* certificates to trust instead of the system's; NULL or "": the system's */
    int64_t connect_ms;  /* for name, connection and TLS together; 0: 10 s */
    int64_t stall_ms;    /* without a byte in either direction; 0: 60 s. What is kept in memory and is an error is over so long
                          * after its head, and a head or another answer not later than TRANSFER_SLOW times that */
    int64_t total_ms;    /* for everything; 0: no limit */
    void (*done)(void *ctx, const struct transfer_answer *answer); /* never before transfer_start returned */
    void *ctx;
};

struct transfer;
/** 0, -ENOMEM (also for headers beyond TRANSFER_HEADERS_MAX), or -EINVAL (a line end in a header). ret_transfer is valid until
 * `done` was called. */
must_check int transfer_start(struct transfers *t, const struct transfer_request *request, struct transfer **ret_transfer);
/** `done` is not called any more; a last block may still be written to the file. NULL is fine. Not in its own `done`. */
void transfer_cancel(struct transfer *one);

/** The value of a header of the answer, trimmed, or {NULL, 0}. */
struct slice transfer_header(const struct transfer_answer *answer, const char *name);
/** Seconds that the server asks to wait (Retry-After as a number), or -1. */
int64_t transfer_retry_after_s(const struct transfer_answer *answer);

#endif
