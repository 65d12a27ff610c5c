/* SPDX-License-Identifier: MIT */
/* Why a write was refused, in words for its author: see write_answer.h. */
#include "api/altered.h"
#include "api/problem.h"
#include "api/write_answer.h"
#include "format/json_writer.h"

#include <inttypes.h>
#include <stdio.h>

static void copy_field(const PGresult *refusal, int field, char *out, size_t size)
{
    const char *text = refusal ? PQresultErrorField(refusal, field) : NULL;
    struct slice cut = slice_cut_utf8(slice_of(text ? text : ""), size - 1);
    if (cut.len) memcpy(out, cut.p, cut.len);
    out[cut.len] = '\0';
}

void write_refusal_read(const struct db_result *result, struct write_refusal *ret_refusal)
{
    struct write_refusal r = {0};
    snprintf(r.sqlstate, sizeof r.sqlstate, "%s", result->error ? result->error->sqlstate : "");
    copy_field(result->refusal, PG_DIAG_MESSAGE_PRIMARY, r.message, sizeof r.message);
    copy_field(result->refusal, PG_DIAG_MESSAGE_DETAIL, r.detail, sizeof r.detail);
    copy_field(result->refusal, PG_DIAG_MESSAGE_HINT, r.hint, sizeof r.hint);
    copy_field(result->refusal, PG_DIAG_COLUMN_NAME, r.column, sizeof r.column);
    copy_field(result->refusal, PG_DIAG_TABLE_NAME, r.table, sizeof r.table);
    copy_field(result->refusal, PG_DIAG_CONSTRAINT_NAME, r.constraint, sizeof r.constraint);
    *ret_refusal = r;
}

/* ---- which columns ---- */

struct columns {
    const char *const *name;
    size_t n;
};

static struct columns columns_of(const struct write *w, const char *constraint)
{
    const struct dataset_keys *k = &w->dataset->keys;
    for (size_t i = 0; i < k->uniques; i++)
        if (strcmp(k->unique[i].index, constraint) == 0) return (struct columns){k->unique[i].column, k->unique[i].n};
    for (size_t i = 0; i < k->references; i++)
        if (strcmp(k->reference[i].constraint, constraint) == 0) return (struct columns){k->reference[i].column, k->reference[i].n};
    for (size_t i = 0; i < k->checks; i++)
        if (strcmp(k->check[i].constraint, constraint) == 0) return (struct columns){k->check[i].column, k->check[i].n};
    return (struct columns){NULL, 0};
}

/* "column": the first, "columns": all, "index": of the row. */
static void put_members(struct buf *out, const char *column, struct columns all, int64_t index)
{
    if (!column[0] && all.n) column = all.name[0];
    if (column[0]) {
        buf_puts(out, "\"column\":");
        json_quote(out, slice_of(column));
    }
    for (size_t i = 0; i < all.n && all.n > 1; i++) {
        buf_puts(out, i ? "," : ",\"columns\":[");
        json_quote(out, slice_of(all.name[i]));
    }
    if (all.n > 1) buf_putc(out, ']');
    if (index >= 0) buf_printf(out, "%s\"index\":%" PRId64, out->len ? "," : "", index);
}

static void answer(struct write *w, struct http_problem *p, const char *column, struct columns all, int64_t index)
{
    struct buf members;
    buf_init(&members, 16384);
    put_members(&members, column, all, index);
    p->members = buf_cstr(&members);
    http_problem(write_let_go(w), p);
    buf_done(&members);
}

static const char *text_or_null(const char *text)
{
    return text[0] ? text : NULL;
}

/* ---- the body ---- */

void write_answer_fault(struct write *w)
{
    const struct write_fault *f = &w->fault;
    struct http_problem p = {.status = w->own && f->kind != WRITE_E_MALFORMED ? 422 : 400,
                             .code = f->code                        ? f->code
                                     : f->kind == WRITE_E_MALFORMED ? "PGRST102"
                                                                    : NULL,
                             .message = f->message,
                             .hint = text_or_null(f->hint)};
    answer(w, &p, f->column, (struct columns){NULL, 0}, f->index);
}

/* ---- the server's words ---- */

static bool is_class(const struct write_refusal *r, const char *class)
{
    return strncmp(r->sqlstate, class, 2) == 0;
}

/* It is our row that refers to nothing, not another one that refers to ours. */
static bool refers(const struct write *w)
{
    const struct write_refusal *r = &w->refusal;
    if (w->shape.kind == WRITE_DELETE || !w->dataset) return false;
    if (!r->constraint[0]) return true; /* to a row that is deleted softly */
    const struct dataset_keys *k = &w->dataset->keys;
    for (size_t i = 0; i < k->references; i++)
        if (strcmp(k->reference[i].constraint, r->constraint) == 0 && strcmp(r->table, w->table->name) == 0) return true;
    return false;
}

/* Ours: 422 what is none of the column's type or lacks a value, 409 what clashes with another row, 400 what else is refused. */
static int own_status(const struct write *w)
{
    const char *state = w->refusal.sqlstate;
    if (strcmp(state, "23502") == 0 || is_class(&w->refusal, "22") || strcmp(state, "428C9") == 0) return 422;
    if (strcmp(state, "23505") == 0 || strcmp(state, "23P01") == 0) return w->verb == WRITE_BULK ? 400 : 409;
    if (strcmp(state, "23503") == 0) return refers(w) ? 400 : 409;
    return problem_status(state);
}

void write_answer_refusal(struct write *w)
{
    const struct write_refusal *r = &w->refusal;
    if (altered_noticed(w->api, r->sqlstate)) return altered_answer(write_let_go(w));
    int status = w->own ? own_status(w) : problem_status(r->sqlstate);
    bool misfit = is_class(r, "22") && w->fault.message[0] && w->fault.index == w->index && w->index >= 0;
    struct columns all = r->constraint[0] && w->dataset ? columns_of(w, r->constraint) : (struct columns){NULL, 0};
    struct http_problem p = {.status = status,
                             .code = r->sqlstate,
                             .message = misfit ? w->fault.message : r->message,
                             .details = misfit ? r->message : text_or_null(r->detail),
                             .hint = text_or_null(r->hint)};
    if (status == 503) http_header(w->request, "Retry-After", "1");
    if (strcmp(r->sqlstate, "23503") == 0 && !refers(w) && w->table->deleted_at && !p.hint)
        p.hint = "other rows refer to it; without X-Soft-Delete: false it is deleted softly";
    bool key = w->row && (w->verb == WRITE_GET_ROW || w->refused_at == WRITE_FINDING) && w->table->keys == 1;
    const char *column = misfit ? w->fault.column : key ? w->table->column[w->table->key[0]].name : r->column;
    bool one = w->body.object || w->body.rows <= 1;
    answer(w, &p, column, misfit ? (struct columns){NULL, 0} : all, one && w->verb != WRITE_BULK ? -1 : w->index);
}
