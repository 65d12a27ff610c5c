/* SPDX-License-Identifier: MIT */
#include "api/ingest.h"

#include "api/access.h"
#include "api/api.h"
#include "api/problem.h"
#include "api/receipt.h"
#include "base/log.h"
#include "base/name.h"
#include "config/value.h"
#include "etl/intake.h"
#include "http/body.h"
#include "http/multipart.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    WAIT_MAX_MS = 10 * 60 * 1000,
    SHOWN_MAX = 256, /* of a name in a message */
    MESSAGE_MAX = 512,
};

struct ingest {
    struct http_request *request; /* NULL: the client is gone */
    struct api *api;
    struct intake *intake;
    struct http_multipart multipart;
    bool in_parts;      /* the body is multipart */
    bool begun, ignore; /* a part: a file, or one without a name that must be empty */
    bool whole;         /* the body has ended */
    struct buf rest;    /* of the body, for which there was no room */
    char *dataset;      /* or NULL */
    bool again;
    int64_t wait_ms;
};

static void ingest_free(struct ingest *in)
{
    intake_free(in->intake);
    http_multipart_done(&in->multipart);
    buf_done(&in->rest);
    free(in->dataset);
    free(in);
}

/* What is whole is placed all the same; it may be in work/ already. */
static void gone(void *state)
{
    struct ingest *in = state;
    in->request = NULL;
    if (!in->whole) ingest_free(in);
}

/* The request goes its own way from here. */
static struct http_request *let_go(struct ingest *in)
{
    struct http_request *r = in->request;
    if (r) http_request_attach(r, NULL, NULL);
    ingest_free(in);
    return r;
}

static void refuse(struct http_request *r, int status, const char *message, const char *hint)
{
    if (!r) return;
    if (status == 503) http_header(r, "Retry-After", "1");
    http_problem(r, &(struct http_problem){.status = status, .message = message, .hint = hint});
}

static const char *shown(struct slice text, char ret_text[SHOWN_MAX])
{
    return log_escape(slice_cut_utf8(text, SHOWN_MAX / 4 - 1), ret_text, SHOWN_MAX);
}

/* ---- parameters ---- */

static bool is_known(struct slice name, bool named)
{
    static const char *const names[] = {"dataset", "wait", "again"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (slice_equal(name, slice_of(names[i]))) return true;
    return named && slice_equal(name, SLICE("name"));
}

static bool only_known(struct http_request *r, bool named)
{
    struct slice name, value;
    char text[SHOWN_MAX], message[MESSAGE_MAX];
    for (unsigned i = 0; http_request_query_at(r, i, &name, &value); i++) {
        if (is_known(name, named)) continue;
        snprintf(message, sizeof message, "the parameter %s is not known here", shown(name, text));
        refuse(r, 400, message, named ? "there are dataset, wait, again and name" : "there are dataset, wait and again");
        return false;
    }
    return true;
}

static bool read_wait(struct http_request *r, int64_t *ret_ms)
{
    static const struct value_rule rule = {.type = VALUE_DURATION, .min = 0, .max = WAIT_MAX_MS};
    struct slice text = http_request_query(r, "wait");
    struct error err;
    *ret_ms = 0;
    if (!text.p || value_parse(&rule, text, &(struct value_context){.err = &err}, ret_ms) == 0) return true;
    problem_parameter(r, "wait", "a time such as 30s, at most 10m");
    return false;
}

static bool read_again(struct http_request *r, bool *ret_again)
{
    struct slice text = http_request_query(r, "again");
    *ret_again = slice_equal(text, SLICE("yes"));
    if (!text.p || *ret_again || slice_equal(text, SLICE("no"))) return true;
    problem_parameter(r, "again", "yes or no");
    return false;
}

static bool infers(const struct api *api)
{
    return api->config->daemon.unmatched == CONFIG_UNMATCHED_INFER;
}

/* Undeclared: may inference make a dataset of that name? It would be found by it. */
static bool may_be_made(const struct api *api, struct slice name)
{
    char normal[NAME_MAX_BYTES + 1];
    if (!infers(api) || config_derive(api->config, name) || name_is_route(name) || name.len > NAME_MAX_BYTES) return false;
    size_t len = name_normalise(name, normal);
    return len > 0 && slice_equal(name, (struct slice){normal, len}) && (normal[0] < '0' || normal[0] > '9');
}

static bool check_dataset(struct http_request *r, struct slice name)
{
    const struct api *api = http_request_context(r);
    if (!access_may(r, ACCESS_INGEST, name)) return false;
    if (config_dataset(api->config, name) || may_be_made(api, name)) return true;
    char text[SHOWN_MAX], message[MESSAGE_MAX];
    snprintf(message, sizeof message, "there is no dataset %s", shown(name, text));
    refuse(r, 404, message,
           infers(api) ? "declare it, or name one that can be made: lower case, digits and _, beginning with a letter"
                       : "GET /v1 lists what there is");
    return false;
}

/* ---- files ---- */

/* May a file of that name be taken? False: it was answered. */
static bool check_file(struct ingest *in, struct slice name)
{
    struct http_request *r = in->request;
    const struct config *c = in->api->config;
    char text[SHOWN_MAX], message[MESSAGE_MAX], made[NAME_MAX_BYTES + 1] = "";
    const char *fault = upload_name_fault(name);
    if (fault) {
        snprintf(message, sizeof message, "the file name '%s' %s", shown(name, text), fault);
        refuse(r, 400, message, "give the file a plain name, such as orders.csv");
        return false;
    }
    if (in->dataset) return true; /* checked before */
    const struct config_dataset *d = config_dataset_for(c, name);
    if (!d) name_of_file(name, made);
    if (!access_may(r, ACCESS_INGEST, slice_of(d ? d->name : made))) return false;
    if (d || infers(in->api)) return true;
    snprintf(message, sizeof message, "no dataset's `files` match the name '%s'", shown(name, text));
    refuse(r, 404, message, "?dataset=NAME says where it goes; GET /v1 lists what there is");
    return false;
}

/* False: it was answered; in is as it was. */
static bool begin_file(struct ingest *in, struct slice name)
{
    if (!check_file(in, name)) return false;
    char text[NAME_MAX + 1];
    snprintf(text, sizeof text, SLICE_FMT, SLICE_ARG(name));
    int r = intake_file(in->intake, &(struct upload_wish){.name = text, .dataset = in->dataset, .anyway = in->again});
    if (r == 0) return true;
    if (r == INTAKE_E_MANY)
        refuse(in->request, 413, "more than 1000 files in one request", "send them in several");
    else
        problem_internal(in->request);
    return false;
}

static bool begin_part(struct ingest *in)
{
    const struct http_part *part = &in->multipart.part;
    in->begun = in->ignore = false;
    if (!part->filename.p) {
        char text[SHOWN_MAX], message[MESSAGE_MAX];
        snprintf(message, sizeof message, "the part '%s' is no file: it has no file name", shown(part->name, text));
        refuse(in->request, 400, message, "curl -F file=@orders.csv; dataset, wait and again are parameters of the URL");
        return false;
    }
    if (part->filename.len == 0) {
        in->ignore = true; /* what a form sends when no file was chosen */
        return true;
    }
    in->begun = begin_file(in, part->filename);
    return in->begun;
}

/* False: it was answered. */
static bool on_part(struct ingest *in, enum http_multipart_event e, struct slice data)
{
    char message[MESSAGE_MAX];
    switch (e) {
    case HTTP_MULTIPART_PART: return begin_part(in);
    case HTTP_MULTIPART_DATA:
        if (in->begun) intake_write(in->intake, data);
        if (in->ignore) refuse(in->request, 400, "a file has no name", "give each file a name, such as orders.csv");
        return !in->ignore;
    case HTTP_MULTIPART_PART_END:
        if (in->begun) intake_file_end(in->intake);
        return true;
    case HTTP_MULTIPART_BAD:
        snprintf(message, sizeof message, "the body is no multipart/form-data as RFC 7578 has it: %s", in->multipart.why);
        refuse(in->request, 400, message, NULL);
        return false;
    case HTTP_MULTIPART_MORE: break;
    }
    return true;
}

/* Take bytes off the front as long as there is room. False: it was answered. */
static bool feed(struct ingest *in, struct slice *bytes)
{
    while (bytes->len > 0 && intake_ready(in->intake)) {
        if (in->in_parts) {
            struct slice data = {NULL, 0};
            enum http_multipart_event e = http_multipart_feed(&in->multipart, bytes, &data);
            if (!on_part(in, e, data)) return false;
        } else {
            size_t n = bytes->len < INTAKE_PIECE_MAX ? bytes->len : INTAKE_PIECE_MAX;
            intake_write(in->intake, (struct slice){bytes->p, n});
            bytes->p += n;
            bytes->len -= n;
        }
    }
    return true;
}

/* ---- the body ---- */

static bool on_piece(void *state, struct slice bytes)
{
    struct ingest *in = state;
    if (!feed(in, &bytes)) {
        let_go(in);
        return false;
    }
    if (bytes.len > 0) buf_put(&in->rest, bytes);
    if (buf_check(&in->rest) < 0) {
        problem_internal(let_go(in));
        return false;
    }
    return bytes.len == 0 && intake_ready(in->intake);
}

static void on_room(void *ctx)
{
    struct ingest *in = ctx;
    struct slice rest = buf_slice(&in->rest);
    if (!feed(in, &rest)) {
        let_go(in);
        return;
    }
    buf_consume(&in->rest, in->rest.len - rest.len);
    if (rest.len == 0 && intake_ready(in->intake)) http_body_resume(in->request);
}

static void on_end(void *state)
{
    struct ingest *in = state;
    if (in->in_parts && !http_multipart_is_whole(&in->multipart))
        return refuse(let_go(in), 400, "the body ends before its last boundary", NULL);
    if (in->in_parts && intake_files(in->intake) == 0)
        return refuse(let_go(in), 400, "there is no file in the body", "curl -F file=@orders.csv");
    if (!in->in_parts) intake_file_end(in->intake);
    in->whole = true;
    intake_finish(in->intake);
}

/* ---- on disk ---- */

static const char *target_of(const struct ingest *in, const struct place_file *f, char ret_name[NAME_MAX_BYTES + 1])
{
    const struct config_dataset *d = arrival_declared(in->api->config, f);
    if (d || f->dataset) return d ? d->name : f->dataset;
    name_of_file(slice_of(f->path), ret_name);
    return ret_name;
}

/* Those that are claimed are the scheduler's from here on; which they are is noted. */
static struct receipt_file *hand_over(struct ingest *in, size_t *ret_files)
{
    size_t all = intake_files(in->intake), n = 0;
    struct receipt_file *file = calloc(all ? all : 1, sizeof *file);
    for (size_t i = 0; i < all; i++) {
        struct place_file f;
        char made[NAME_MAX_BYTES + 1];
        if (!intake_take(in->intake, i, &f)) continue;
        if (file) {
            file[n] = (struct receipt_file){.name = strdup(f.name), .bytes = f.st.st_size};
            file[n].dataset = strdup(target_of(in, &f, made));
            snprintf(file[n].token, sizeof file[n].token, "%s", f.token);
            n++;
        }
        /* The daemon may be at its end, and the scheduler gone: then the next start finds it in work/. */
        if (in->api->scheduler)
            scheduler_take(in->api->scheduler, &f);
        else
            place_file_done(&f);
    }
    *ret_files = n;
    return file;
}

static void on_ended(void *ctx, int rc, const struct error *err)
{
    struct ingest *in = ctx;
    struct error why = *err;
    size_t files;
    struct receipt_file *file = hand_over(in, &files);
    int64_t wait_ms = in->wait_ms;
    if (rc != 0 && rc != INTAKE_E_SPACE) log_error("an upload: %s", why.text);
    struct http_request *r = let_go(in);
    if (rc == 0 && r && file) return receipt_answer(r, file, files, wait_ms);
    receipt_free(file, files);
    if (!r) return;
    if (rc == INTAKE_E_SPACE)
        refuse(r, 507, why.text, "make room on it, or lower spool_min_free");
    else
        refuse(r, 500, rc == 0 ? error_name(-ENOMEM) : why.text, files > 0 ? "GET /v1/files lists what was taken" : NULL);
}

/* ---- the head ---- */

static bool is_simple_type(struct http_request *r, const char *other)
{
    struct slice rest = http_request_header(r, "Content-Type");
    static const struct slice multipart = {"multipart/", 10};
    struct slice type = rest.p ? http_parameters_begin(&rest) : SLICE("");
    bool in_parts = type.len >= multipart.len && slice_equal_nocase((struct slice){type.p, multipart.len}, multipart);
    if (!in_parts && !slice_equal_nocase(type, SLICE("application/x-www-form-urlencoded"))) return true;
    refuse(r, 415, "the body must be the file itself, of a type such as text/csv", other);
    return false;
}

static bool check_coding(struct http_request *r)
{
    struct slice coding = http_request_header(r, "Content-Encoding");
    if (http_request_header(r, "Content-Range").p) {
        refuse(r, 400, "a file is sent as a whole, without Content-Range", NULL);
        return false;
    }
    if (!coding.p || slice_equal_nocase(coding, SLICE("identity"))) return true;
    http_header(r, "Accept-Encoding", "identity");
    refuse(r, 415, "a body with a Content-Encoding is not taken", "send orders.csv.gz as it is, as a file of that name");
    return false;
}

static bool check_room(struct http_request *r)
{
    const struct api *api = http_request_context(r);
    uint64_t room, most = (uint64_t)api->config->api.max_upload;
    int64_t length = http_body_length(r);
    if (!scheduler_has_room(api->scheduler)) {
        refuse(r, 503, "the queue is full, or the daemon is stopping", "try again later");
        return false;
    }
    if (length > 0 && (uint64_t)length > most) return true; /* 413 comes before the body */
    uint64_t wanted = (uint64_t)api->config->daemon.spool_min_free + (length > 0 ? (uint64_t)length : 0);
    if (upload_room(api->place, &room) != 0 || room >= wanted) return true;
    refuse(r, 507, "there is not enough space left on the disk of the spool", "make room on it, or lower spool_min_free");
    return false;
}

/* NULL after a problem. */
static struct ingest *begin(struct http_request *r, bool named)
{
    struct api *api = http_request_context(r);
    struct slice dataset = http_request_query(r, "dataset");
    int64_t wait_ms;
    bool again;
    if (!only_known(r, named) || !read_wait(r, &wait_ms) || !read_again(r, &again)) return NULL;
    if ((dataset.p && !check_dataset(r, dataset)) || !check_coding(r) || !check_room(r)) return NULL;
    struct ingest *in = calloc(1, sizeof *in);
    if (in && dataset.p) in->dataset = strndup(dataset.p, dataset.len);
    if (!in || (dataset.p && !in->dataset)) {
        free(in);
        problem_internal(r);
        return NULL;
    }
    in->request = r;
    in->api = api;
    in->again = again;
    in->wait_ms = wait_ms;
    buf_init(&in->rest, INTAKE_PIECE_MAX);
    return in;
}

/* False: it was answered, and `in` is gone. */
static bool open_intake(struct ingest *in)
{
    struct api *api = in->api;
    struct intake_config c = {.workers = api->workers,
                              .place = api->place,
                              .memory = api->memory,
                              .active = &api->intakes,
                              .min_free = api->config->daemon.spool_min_free,
                              .expected = http_body_length(in->request),
                              .room = on_room,
                              .ended = on_ended,
                              .ctx = in};
    int e = intake_new(&c, &in->intake);
    if (e == 0) return true;
    struct http_request *r = let_go(in);
    if (e == INTAKE_E_BUSY)
        refuse(r, 503, "too many uploads are under way", "try again in a moment");
    else
        problem_internal(r);
    return false;
}

static void receive(struct ingest *in)
{
    struct http_request *r = in->request;
    uint64_t most = (uint64_t)in->api->config->api.max_upload;
    http_request_attach(r, in, gone);
    http_body_receive(r, &(struct http_receiver){.piece = on_piece, .end = on_end, .max_bytes = most});
}

static void take_one(struct http_request *r, struct slice name, bool named)
{
    struct ingest *in = begin(r, named);
    if (!in || !open_intake(in)) return;
    if (begin_file(in, name))
        receive(in);
    else
        let_go(in);
}

void ingest_put(struct http_request *r)
{
    if (is_simple_type(r, "multipart/form-data goes to POST /ingest/")) take_one(r, http_request_capture(r, "name"), false);
}

void ingest_post(struct http_request *r)
{
    struct slice type = http_request_header(r, "Content-Type"), name = http_request_query(r, "name");
    if (name.p) {
        if (is_simple_type(r, "without ?name= the body is multipart/form-data")) take_one(r, name, true);
        return;
    }
    struct ingest *in = begin(r, true);
    if (!in) return;
    in->in_parts = true;
    int e = http_multipart_init(&in->multipart, type.p ? type : SLICE(""));
    if (e == HTTP_MULTIPART_E_OTHER)
        refuse(let_go(in), 415, "the body must be multipart/form-data, or be the file itself, with ?name=",
               "curl -F file=@orders.csv, or curl -T orders.csv …/ingest/");
    else if (e == HTTP_MULTIPART_E_BOUNDARY)
        refuse(let_go(in), 400, "Content-Type: multipart/form-data has no boundary, or none that may be one", NULL);
    else if (open_intake(in))
        receive(in);
}
