/* SPDX-License-Identifier: MIT */
#include "api/write_answer.h"

#include "api/problem.h"
#include "http/target.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    BODY_MAX = 256 << 20,
    /* The columns of the answer: what is known of all rows, the first one's key, a mark, and the rows' own. */
    TOTAL_DELETED = 2,
    TOTALS = 3,
};

static int keys_of(const struct write *w)
{
    return (int)w->table->keys;
}

/* ---- headers ---- */

/* PostgREST names the row by a filter, we by its path. */
static void put_location(struct write *w)
{
    const struct table *t = w->table;
    struct buf location;
    if (w->count != 1 || t->keys == 0 || w->verb != WRITE_POST) return;
    buf_init(&location, 8192);
    buf_puts(&location, "/v1/");
    http_target_encode(&location, slice_of(w->name));
    for (int k = 0; k < keys_of(w); k++) {
        buf_puts(&location, w->own ? (k ? "," : "/") : (k ? "&" : "?"));
        if (!w->own) {
            http_target_encode(&location, slice_of(t->column[t->key[k]].name));
            buf_puts(&location, "=eq.");
        }
        struct slice value = {PQgetvalue(w->rows, 0, TOTALS + k), (size_t)PQgetlength(w->rows, 0, TOTALS + k)};
        http_target_encode(&location, value);
    }
    const char *text = buf_cstr(&location);
    if (text) http_header(w->request, "Location", text);
    buf_done(&location);
}

static void put_preferences(struct write *w)
{
    struct buf applied;
    struct rest_prefer said = w->prefer;
    if (said.count != REST_COUNT_NONE) said.count = REST_COUNT_EXACT;
    buf_init(&applied, 256);
    rest_prefer_applied(&applied, &said);
    const char *text = buf_cstr(&applied);
    if (text && applied.len) http_header(w->request, "Preference-Applied", text);
    buf_done(&applied);
}

static void put_range(struct write *w)
{
    struct buf range;
    buf_init(&range, 128);
    int64_t total = w->prefer.count != REST_COUNT_NONE ? w->count : -1;
    rest_range_write(&range, 0, w->verb == WRITE_PATCH ? w->count : 0, total);
    const char *text = buf_cstr(&range);
    if (text) http_header(w->request, "Content-Range", text);
    buf_done(&range);
}

/* ---- the answer ---- */

static int status_of(const struct write *w)
{
    bool nothing_new = w->shape.clash != WRITE_CLASH_REFUSE && w->delta <= 0;
    switch (w->verb) {
    case WRITE_BULK: return 201;
    case WRITE_POST: return !w->own && nothing_new ? 200 : 201;
    case WRITE_PUT: return w->row ? 200 : nothing_new ? 200 : 201;
    case WRITE_GET_ROW:
    case WRITE_PATCH:
    case WRITE_REMOVE: break;
    }
    return 200;
}

static int put_rows(struct write *w, struct buf *out)
{
    struct form form = w->form;
    if (w->single && w->count == 1 && form.kind == FORM_JSON) form.kind = FORM_OBJECT;
    struct form_column *column = form_columns(&w->answer, &w->arena);
    if (!column) return -ENOMEM;
    int at = TOTALS + keys_of(w) + 1, r = 0;
    int64_t rows = 0;
    form_begin(&form, &w->answer, out);
    for (int i = 0; i < PQntuples(w->rows) && r == 0; i++) {
        if (PQgetisnull(w->rows, i, at - 1)) continue; /* there is none */
        r = form_row(&form, &(struct form_cells){column, w->answer.columns, w->rows, i, at}, rows++, out);
    }
    buf_puts(out, form_end(&form));
    return r == 0 ? buf_check(out) : r;
}

static void answer_rows(struct write *w, int status)
{
    struct buf body;
    size_t len;
    buf_init(&body, BODY_MAX);
    int r = put_rows(w, &body);
    char *text = r == 0 ? buf_steal(&body, &len) : NULL;
    buf_done(&body);
    struct http_request *request = write_let_go(w);
    if (text)
        http_answer_take(request, status, w->form.media_type, text, len);
    else
        problem_internal(request);
}

/* POST …/bulk: how many. */
static void answer_counts(struct write *w)
{
    char text[128];
    int len = snprintf(text, sizeof text, "{\"rows\":%zu,\"inserted\":%" PRId64 ",\"updated\":%" PRId64 "}\n", w->body.rows,
                       w->delta, w->count - w->delta);
    http_answer(write_let_go(w), 201, "application/json", (struct slice){text, (size_t)len});
}

void write_answer(struct write *w)
{
    bool deleted = w->verb == WRITE_GET_ROW && w->count == 1 && PQgetvalue(w->rows, 0, TOTAL_DELETED)[0];
    if (w->verb == WRITE_GET_ROW && (w->count == 0 || deleted)) return write_answer_missing(w, deleted);
    http_header(w->request, "Vary", "Accept, Prefer");
    if (!w->own) {
        put_preferences(w);
        put_range(w);
    }
    if (w->own || w->prefer.ret == REST_RETURN_HEADERS) put_location(w);
    if (w->verb == WRITE_BULK && !w->represent) return answer_counts(w);
    int status = status_of(w);
    if (w->represent) return answer_rows(w, status);
    http_answer(write_let_go(w), status == 201 ? 201 : 204, NULL, SLICE(""));
}

/* ---- what may not be committed ---- */

static void refuse_count(struct write *w)
{
    char details[96];
    snprintf(details, sizeof details, "The result contains %" PRId64 " rows", w->count);
    http_problem(write_let_go(w), &(struct http_problem){.status = 406,
                                                         .code = "PGRST116",
                                                         .message = "JSON object requested, multiple (or no) rows returned",
                                                         .details = details,
                                                         .hint = "nothing was written"});
}

static void refuse_affected(struct write *w)
{
    char details[96];
    snprintf(details, sizeof details, "The query affects %" PRId64 " rows", w->count);
    http_problem(write_let_go(w), &(struct http_problem){.status = 400,
                                                         .code = "PGRST124",
                                                         .message = "Query result exceeds max-affected preference constraint",
                                                         .details = details,
                                                         .hint = "nothing was written"});
}

static void refuse_size(struct write *w)
{
    char details[96];
    snprintf(details, sizeof details, "%" PRId64 " rows of more than %d MiB", w->count, WRITE_ANSWER_MAX >> 20);
    http_problem(write_let_go(w), &(struct http_problem){.status = 400,
                                                         .message = "these are more rows than a write is answered with",
                                                         .details = details,
                                                         .hint = "nothing was written; say Prefer: return=minimal, and read them"});
}

bool write_answer_allows(struct write *w)
{
    if (w->verb != WRITE_GET_ROW && w->represent && w->count > 0 && PQgetisnull(w->rows, 0, TOTALS + keys_of(w))) {
        refuse_size(w);
        return false;
    }
    if (w->verb != WRITE_GET_ROW && w->represent && w->form.kind == FORM_OBJECT && w->count != 1) {
        refuse_count(w);
        return false;
    }
    if (w->prefer.max_affected >= 0 && w->prefer.handling == REST_HANDLING_STRICT && w->count > w->prefer.max_affected) {
        refuse_affected(w);
        return false;
    }
    return true;
}

/* If-None-Match: *. */
void write_answer_there(struct write *w)
{
    http_problem(write_let_go(w),
                 &(struct http_problem){.status = 412, .message = "this row is there", .hint = "nothing was written"});
}

void write_answer_missing(struct write *w, bool deleted)
{
    http_problem(write_let_go(w),
                 &(struct http_problem){
                     .status = deleted ? 410 : 404,
                     .message = deleted ? "this row is deleted" : "there is no such row",
                     .hint = deleted ? "a POST of it to the collection revives it where the dataset has mode = upsert" : NULL});
}
