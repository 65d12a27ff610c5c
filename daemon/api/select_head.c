/* SPDX-License-Identifier: MIT */
#include "api/problem.h"
#include "api/select_private.h"
#include "http/target.h"

#include <inttypes.h>
#include <stdio.h>

enum { RANGE_MAX = 100 };

/* How many rows the answer has, or -1 while that is not known. */
static int64_t rows_told(const struct select *s, bool all_read)
{
    const struct rest_statement *from = &s->statement;
    if (all_read && !select_is_head(s)) return s->rows;
    if (s->total < 0 || s->behind || !from->total) return -1;
    int64_t left = s->total > from->offset ? s->total - from->offset : 0;
    return from->limit != REST_ALL && from->limit < left ? from->limit : left;
}

static void tell_next(struct select *s)
{
    struct buf link;
    if (!s->next || s->after.len == 0 || buf_check(&s->after) != 0) return;
    buf_init(&link, SELECT_LINK_MAX);
    buf_printf(&link, "<%s", s->next);
    http_target_encode(&link, buf_slice(&s->after));
    buf_puts(&link, ">; rel=\"next\"");
    if (buf_check(&link) == 0) http_header(s->request, "Link", buf_cstr(&link));
    buf_done(&link);
}

void select_settle_total(struct select *s)
{
    if (s->planned >= 0 && (!s->statement.total || s->total > REST_COUNTED) && s->planned > s->total) s->total = s->planned;
}

int select_begin_head(struct select *s, bool all_read)
{
    struct buf range;
    fresh_tell(&s->fresh, s->request);
    select_settle_total(s);
    int64_t rows = rows_told(s, all_read);
    if (!s->paged || (rows < 0 && s->total < 0)) return 200;
    buf_init(&range, RANGE_MAX);
    rest_range_write(&range, s->statement.offset, s->behind || rows < 0 ? 0 : rows, s->total);
    http_header(s->request, "Content-Range", buf_cstr(&range));
    buf_done(&range);
    if (all_read) tell_next(s);
    return rows < 0 ? 200 : rest_range_status(s->statement.offset, rows, s->total);
}

void select_answer_no_range(struct select *s)
{
    char details[120];
    snprintf(details, sizeof details, "An offset of %" PRId64 " was requested, but there are only %" PRId64 " rows.",
             s->statement.offset, s->total);
    struct buf range;
    buf_init(&range, RANGE_MAX);
    rest_range_write(&range, 0, 0, s->total);
    struct http_request *r = select_let_go(s);
    http_header(r, "Content-Range", buf_cstr(&range));
    buf_done(&range);
    http_problem(r, &(struct http_problem){
                        .status = 416, .code = "PGRST103", .message = "Requested range not satisfiable", .details = details});
}

void select_answer_not_one(struct select *s)
{
    char details[80];
    snprintf(details, sizeof details, "The result contains %s%" PRId64 " rows",
             s->rows > 1 && s->rows == s->statement.limit ? "at least " : "", s->rows);
    http_problem(select_let_go(s), &(struct http_problem){.status = 406,
                                                          .code = "PGRST116",
                                                          .message = "JSON object requested, multiple (or no) rows returned",
                                                          .details = details});
}
