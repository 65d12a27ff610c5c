/* SPDX-License-Identifier: MIT */
/* Getting, looking at, removing and listing objects over the network. */
#include "base/cleanup.h"
#include "base/num.h"
#include "store/escape.h"
#include "store/store_private.h"
#include "store/xml.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

enum { PAGE_MAX = 1000, PAGE_BYTES_MAX = 4 << 20, NEXT_MAX = 8192 };

/* ---- get, head, delete ---- */

enum verb { GET, HEAD, DELETE };

struct object {
    struct store_op op;
    enum verb verb;
    struct buf key;
    int into;
    store_done done;
    void *ctx;
};

static void object_free(struct store_op *op)
{
    struct object *o = container_of(op, struct object, op);
    if (o->into >= 0) close(o->into);
    buf_done(&o->key);
    free(o);
}

static void on_object(void *ctx, const struct store_reply *r)
{
    struct object *o = ctx;
    struct store_result result;
    store_result_of(o->op.store, r, &result);
    if (o->verb == DELETE && r->status == STORE_E_MISSING) result.status = 0;
    if (o->verb == HEAD && r->status == 0 && num_parse_u64(transfer_header(r->answer, "content-length"), &result.bytes) != 0)
        result.bytes = 0;
    o->done(o->ctx, &result);
    store_op_end(&o->op);
}

static int start(struct store *s, const struct object *as, struct slice key, struct store_op **ret_op)
{
    static const char *const methods[] = {"GET", "HEAD", "DELETE"};
    struct object *o = calloc(1, sizeof *o);
    if (!o) return -ENOMEM;
    *o = *as;
    buf_init(&o->key, STORE_KEY_MAX);
    store_op_init(&o->op, s, object_free);
    o->op.call.done = on_object;
    o->op.call.ctx = o;
    o->op.call.method = methods[o->verb];
    buf_put(&o->key, key);
    o->op.call.key = buf_slice(&o->key);
    if (o->into >= 0) o->op.call.into = &o->into;
    int r = buf_check(&o->key);
    if (r == 0) r = store_call_send(&o->op.call);
    if (r < 0) {
        store_op_end(&o->op);
        return r;
    }
    *ret_op = &o->op;
    return 0;
}

int store_get(struct store *s, const struct store_get *get, struct store_op **ret_op)
{
    if (s->kind == STORE_FOLDER) return folder_get(s, get, ret_op);
    int fd = fcntl(*get->into, F_DUPFD_CLOEXEC, 3);
    if (fd < 0) return -errno;
    struct object as = {.op.call.answer_max = get->bytes_max,
                        .op.call.min_free = get->min_free,
                        .verb = GET,
                        .into = fd,
                        .done = get->done,
                        .ctx = get->ctx};
    return start(s, &as, get->key, ret_op);
}

int store_head(struct store *s, const struct store_ask *ask, struct store_op **ret_op)
{
    if (s->kind == STORE_FOLDER) return folder_head(s, ask, ret_op);
    return start(s, &(struct object){.verb = HEAD, .into = -1, .done = ask->done, .ctx = ask->ctx}, ask->key, ret_op);
}

int store_delete(struct store *s, const struct store_ask *ask, struct store_op **ret_op)
{
    if (s->kind == STORE_FOLDER) return folder_delete(s, ask, ret_op);
    return start(s, &(struct object){.verb = DELETE, .into = -1, .done = ask->done, .ctx = ask->ctx}, ask->key, ret_op);
}

/* ---- list ---- */

struct listing {
    struct store_op op;
    struct store_list wish;
    struct buf prefix, next;
    char most[16];
    size_t most_n;
    /* of the page */
    struct store_object *object;
    size_t n;
    struct buf texts;
};

static void listing_free(struct store_op *op)
{
    struct listing *l = container_of(op, struct listing, op);
    buf_done(&l->prefix);
    buf_done(&l->next);
    buf_done(&l->texts);
    free(l->object);
    free(l);
}

/* Decoded texts stand in l->texts, which does not move: no text gets longer by decoding. */
static struct slice keep(struct listing *l, struct slice text)
{
    size_t at = l->texts.len;
    xml_decode(&l->texts, text);
    return (struct slice){l->texts.data + at, l->texts.len - at};
}

static struct slice without_quotes(struct slice s)
{
    return s.len >= 2 && s.p[0] == '"' ? (struct slice){s.p + 1, s.len - 2} : s;
}

static void take_text(struct listing *l, const struct xml *x, struct store_object *o)
{
    if (xml_in(x, "Key") || xml_in(x, "Name")) o->key = keep(l, x->text);
    if (xml_in(x, "ETag") || xml_in(x, "Etag")) o->etag = without_quotes(keep(l, x->text));
    if (xml_in(x, "LastModified") || xml_in(x, "Last-Modified")) o->modified = keep(l, x->text);
    if ((xml_in(x, "Size") || xml_in(x, "Content-Length")) && num_parse_u64(slice_trim(x->text), &o->bytes) != 0) o->bytes = 0;
}

/* What the begin and the end of a list say. */
struct frame {
    struct slice next;
    bool whole; /* it is a list, and ends */
    bool more;
};

static void take_frame(const struct xml *x, bool azure, struct frame *f)
{
    if (x->kind == XML_CLOSE && x->depth == 1) f->whole = xml_in(x, azure ? "EnumerationResults" : "ListBucketResult");
    if (x->kind != XML_TEXT || x->depth != 2) return;
    if (xml_in(x, azure ? "NextMarker" : "NextContinuationToken")) f->next = x->text;
    if (xml_in(x, "IsTruncated")) f->more = slice_equal(x->text, SLICE("true"));
}

/* 0 or negative, with words. What is no list is not an empty one: its reader forgets what is not in it any more. */
static int read_page(struct listing *l, struct slice body, const char **ret_why)
{
    bool azure = l->op.store->kind == STORE_AZURE;
    const char *element = azure ? "Blob" : "Contents";
    l->object = calloc(l->most_n, sizeof *l->object);
    *ret_why = error_name(-ENOMEM);
    if (!l->object || !buf_reserve(&l->texts, body.len + 1)) return -ENOMEM;
    struct store_object o = {0};
    struct frame frame = {0};
    bool inside = false, fits = true;
    for (struct xml x = xml_of(body); xml_next(&x);) {
        take_frame(&x, azure, &frame);
        if (x.kind == XML_OPEN && xml_in(&x, element)) {
            o = (struct store_object){0};
            inside = true;
        } else if (x.kind == XML_CLOSE && xml_in(&x, element)) {
            fits = fits && l->n < l->most_n;
            if (fits && o.key.len > 0) l->object[l->n++] = o;
            inside = false;
        } else if (x.kind == XML_TEXT && inside) {
            take_text(l, &x, &o);
        }
    }
    buf_reset(&l->next);
    xml_decode(&l->next, frame.next);
    *ret_why = !frame.whole                        ? "what it answered is no list of objects, or not all of one"
               : !fits                             ? "it listed more objects than it was asked for"
               : frame.more && frame.next.len == 0 ? "it says that there are more objects, but not how to ask for them"
                                                   : "";
    return **ret_why ? ERROR_PROTOCOL : buf_check(&l->next);
}

static void on_listed(void *ctx, const struct store_reply *r)
{
    struct listing *l = ctx;
    struct store_result result;
    char why[STORE_WHY_MAX];
    store_result_of(l->op.store, r, &result);
    if (r->status == STORE_E_MISSING || r->status == ERROR_TOO_BIG) result.status = STORE_E_REFUSED; /* the bucket; a page */
    if (r->status == 0) {
        const char *words;
        result = (struct store_result){.status = read_page(l, r->answer->body, &words), .why = why};
        snprintf(why, sizeof why, "%s: %s", l->op.store->host, words);
    }
    struct store_page page = {.object = l->object, .n = l->n, .next = buf_slice(&l->next)};
    l->wish.done(l->wish.ctx, &result, result.status == 0 ? &page : NULL);
    store_op_end(&l->op);
}

static void prepare(struct listing *l)
{
    struct store_call *c = &l->op.call;
    bool azure = l->op.store->kind == STORE_AZURE;
    c->method = "GET";
    c->answer_max = PAGE_BYTES_MAX;
    if (azure) {
        c->query[c->n_query++] = (struct sign_pair){SLICE("restype"), SLICE("container")};
        c->query[c->n_query++] = (struct sign_pair){SLICE("comp"), SLICE("list")};
    } else {
        c->query[c->n_query++] = (struct sign_pair){SLICE("list-type"), SLICE("2")};
    }
    c->query[c->n_query++] = (struct sign_pair){azure ? SLICE("maxresults") : SLICE("max-keys"), slice_of(l->most)};
    if (l->prefix.len > 0) c->query[c->n_query++] = (struct sign_pair){SLICE("prefix"), buf_slice(&l->prefix)};
    if (l->next.len > 0)
        c->query[c->n_query++] = (struct sign_pair){azure ? SLICE("marker") : SLICE("continuation-token"), buf_slice(&l->next)};
}

int store_list(struct store *s, const struct store_list *list, struct store_op **ret_op)
{
    if (s->kind == STORE_FOLDER) return folder_list(s, list, ret_op);
    struct listing *l = calloc(1, sizeof *l);
    if (!l) return -ENOMEM;
    l->wish = *list;
    buf_init(&l->prefix, STORE_KEY_MAX);
    buf_init(&l->next, NEXT_MAX);
    buf_init(&l->texts, PAGE_BYTES_MAX + 16);
    store_op_init(&l->op, s, listing_free);
    l->op.call.done = on_listed;
    l->op.call.ctx = l;
    buf_put(&l->prefix, list->prefix);
    buf_put(&l->next, list->next);
    l->most_n = list->page_max > 0 && list->page_max < PAGE_MAX ? list->page_max : PAGE_MAX;
    snprintf(l->most, sizeof l->most, "%zu", l->most_n);
    int r = buf_check(&l->prefix);
    if (r == 0) r = buf_check(&l->next);
    if (r == 0) prepare(l);
    if (r == 0) r = store_call_send(&l->op.call);
    if (r < 0) {
        store_op_end(&l->op);
        return r;
    }
    *ret_op = &l->op;
    return 0;
}
