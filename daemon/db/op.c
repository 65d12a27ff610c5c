/* SPDX-License-Identifier: MIT */
#include "db/op.h"

#include <string.h>

enum { DETAIL_MAX_BYTES = 65536 };

void db_op_keep(struct db_op *op, PGresult *res)
{
    ExecStatusType status = PQresultStatus(res);
    bool bad = status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE || status == PGRES_NONFATAL_ERROR;
    PGresult **place = bad ? &op->refusal : &op->last;
    if (bad && op->refusal) {
        /* What follows a first error is its consequence. */
        PQclear(res);
        return;
    }
    PQclear(*place);
    *place = res;
}

void db_op_error(const PGresult *res, struct error *err)
{
    const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE), *text = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
    if (!text) text = PQresultErrorMessage(res);
    size_t len = strlen(text);
    while (len > 0 && text[len - 1] == '\n')
        len--;
    error_set(err, ERROR_REFUSED, "%.*s", (int)len, text);
    memset(err->sqlstate, 0, sizeof err->sqlstate);
    if (state) memcpy(err->sqlstate, state, strnlen(state, sizeof err->sqlstate - 1));
}

/*
 * libpq's words for the loss of a connection. It keeps the SQLSTATE of a refusal at connecting to itself, but writes it into the
 * text when verbosity is high: "…FATAL:  3D000: database "x" does not exist\nLOCATION:  …". Taken apart again here: the words on
 * one line, the code for itself.
 */
void db_op_lost(const char *message, struct error *ret_err)
{
    struct buf text;
    buf_init(&text, ERROR_TEXT_MAX);
    char sqlstate[6] = "";
    for (struct slice rest = slice_of(message); rest.p;) {
        struct slice line = slice_trim(slice_cut(&rest, '\n'));
        if (line.len == 0 || slice_starts(line, SLICE("LOCATION:"))) continue;
        if (text.len) buf_putc(&text, ' ');
        for (size_t i = 0; i + 10 <= line.len; i++) {
            const char *at = line.p + i;
            if (memcmp(at, ":  ", 3) != 0 || memcmp(at + 8, ": ", 2) != 0) continue;
            if (strspn(at + 3, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 5) continue;
            memcpy(sqlstate, at + 3, 5);
            buf_append(&text, line.p, i + 3);
            line = (struct slice){at + 10, line.len - i - 10};
            break;
        }
        buf_put(&text, line);
    }
    const char *words = buf_cstr(&text);
    error_set(ret_err, ERROR_CLOSED, "%s", words && words[0] ? words : "the connection to the database is lost");
    memcpy(ret_err->sqlstate, sqlstate, sizeof sqlstate);
    buf_done(&text);
}

static void put_details(struct buf *b, const PGresult *res)
{
    static const struct {
        int field;
        const char *label;
    } lines[] = {{PG_DIAG_MESSAGE_DETAIL, "DETAIL"}, {PG_DIAG_CONTEXT, "CONTEXT"}, {PG_DIAG_MESSAGE_HINT, "HINT"}};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        const char *text = PQresultErrorField(res, lines[i].field);
        if (text) buf_printf(b, "%s%s: %s", b->len ? "\n" : "", lines[i].label, text);
    }
}

void db_op_report(struct db_op *op, const struct db_result *why, void (*done)(void *ctx, const struct db_result *r), void *ctx)
{
    struct db_result r = why ? *why : (struct db_result){.rows = op->last, .detail = ""};
    struct error words;
    struct buf detail;
    buf_init(&detail, DETAIL_MAX_BYTES);
    /* A connection that breaks has often said why: the server's words are better than "closed unexpectedly". */
    if (op->refusal && r.status != ERROR_CANCELLED) {
        db_op_error(op->refusal, &words);
        put_details(&detail, op->refusal);
        const char *text = buf_cstr(&detail);
        r = (struct db_result){
            .status = why ? why->status : ERROR_REFUSED, .error = &words, .detail = text ? text : "", .refusal = op->refusal};
    }
    done(ctx, &r);
    buf_done(&detail);
    PQclear(op->last);
    PQclear(op->refusal);
    op->last = op->refusal = NULL;
}
