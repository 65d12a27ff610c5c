/* SPDX-License-Identifier: MIT */
#include "api/form.h"

#include "format/csv_writer.h"
#include "format/json_writer.h"
#include "format/pgvalue.h"
#include "http/accept.h"

enum { KEY_MAX = 1 << 16 };

/* ---- which ---- */

static const char *const accepted[] = {"application/json",
                                       "application/x-ndjson",
                                       "text/csv",
                                       "application/vnd.pgrst.object+json",
                                       "application/vnd.pgrst.object",
                                       "application/vnd.pgrst.array+json",
                                       "application/vnd.pgrst.array",
                                       NULL};
static const char *const accepted_csv_first[] = {"text/csv", "application/json", "application/x-ndjson", NULL};
static const enum form_kind kinds[] = {FORM_JSON, FORM_NDJSON, FORM_CSV, FORM_OBJECT, FORM_OBJECT, FORM_JSON, FORM_JSON};
static const enum form_kind kinds_csv_first[] = {FORM_CSV, FORM_JSON, FORM_NDJSON};

static const struct {
    const char *media_type, *stripped_type;
    const char *end;
} forms[FORM_KIND_N] = {
    [FORM_JSON] = {"application/json", "application/vnd.pgrst.array+json;nulls=stripped", "]\n"},
    [FORM_NDJSON] = {"application/x-ndjson", "application/x-ndjson", ""},
    [FORM_CSV] = {"text/csv; charset=utf-8", "text/csv; charset=utf-8", ""},
    [FORM_OBJECT] = {"application/vnd.pgrst.object+json", "application/vnd.pgrst.object+json;nulls=stripped", "\n"},
};

bool form_choose(struct slice accept, bool csv_first, struct form *ret_form)
{
    enum { FIRST_OF_PGRST = 3 };
    static const char word[] = "nulls=stripped";
    int chosen = http_accept(accept, csv_first ? accepted_csv_first : accepted);
    if (chosen < 0) return false;
    enum form_kind kind = csv_first ? kinds_csv_first[chosen] : kinds[chosen];
    bool stripped = !csv_first && chosen >= FIRST_OF_PGRST && memmem(accept.p, accept.len, word, sizeof word - 1);
    *ret_form = (struct form){kind, stripped, stripped ? forms[kind].stripped_type : forms[kind].media_type};
    return true;
}

/* ---- rows ---- */

struct form_column *form_columns(const struct rest_statement *s, struct arena *arena)
{
    struct form_column *column = arena_array(arena, s->columns + 1, sizeof *column);
    struct buf key;
    buf_init(&key, KEY_MAX);
    for (size_t c = 0; c < s->columns && column; c++) {
        buf_reset(&key);
        json_quote(&key, s->column[c].name);
        buf_putc(&key, ':');
        column[c] = (struct form_column){s->column[c].oid, pgvalue_known(s->column[c].oid), arena_copy(arena, buf_slice(&key))};
        if (!column[c].key.p || buf_check(&key) != 0) column = NULL;
    }
    buf_done(&key);
    return column;
}

static struct slice cell(const PGresult *result, int row, int c)
{
    return (struct slice){PQgetvalue(result, row, c), (size_t)PQgetlength(result, row, c)};
}

/* The type that the server says it sent; the table may have been altered since its columns were read. 0: none that we write. */
static uint32_t type_of(const struct form_column *column, const PGresult *result, int c)
{
    uint32_t oid = PQftype(result, c);
    return oid == column->oid || pgvalue_known(oid) ? oid : 0;
}

static int put_object(const struct form *f, const struct form_cells *cells, struct buf *out)
{
    const struct form_column *column = cells->column;
    const PGresult *result = cells->result;
    int row = cells->row;
    bool begun = false;
    buf_putc(out, '{');
    for (size_t c = 0; c < cells->columns; c++) {
        int i = cells->at + (int)c;
        bool null = PQgetisnull(result, row, i);
        uint32_t oid = type_of(&column[c], result, i);
        if (null && f->stripped) continue;
        if (begun) buf_putc(out, ',');
        begun = true;
        buf_put(out, column[c].key);
        if (null)
            buf_puts(out, "null");
        else if (!column[c].known)
            pgvalue_json_fragment(out, cell(result, row, i));
        else if (oid == 0 || pgvalue_json(out, oid, cell(result, row, i)) != 0)
            return ERROR_PROTOCOL;
    }
    buf_putc(out, '}');
    return 0;
}

static int put_line(const struct form_cells *cells, struct buf *out)
{
    const struct form_column *column = cells->column;
    const PGresult *result = cells->result;
    int row = cells->row;
    struct csv_writer w;
    csv_writer_init(&w, out, ',');
    for (size_t c = 0; c < cells->columns; c++) {
        int i = cells->at + (int)c;
        uint32_t oid = type_of(&column[c], result, i);
        if (PQgetisnull(result, row, i))
            csv_write_null(&w);
        else if (!column[c].known)
            csv_write_slice(&w, cell(result, row, i));
        else if (oid == 0 || csv_write_value(&w, oid, cell(result, row, i)) != 0)
            return ERROR_PROTOCOL;
    }
    csv_write_end(&w);
    return 0;
}

void form_begin(const struct form *f, const struct rest_statement *s, struct buf *out)
{
    struct csv_writer w;
    if (f->kind == FORM_JSON) buf_putc(out, '[');
    if (f->kind != FORM_CSV) return;
    csv_writer_init(&w, out, ',');
    for (size_t c = 0; c < s->columns; c++)
        csv_write_slice(&w, s->column[c].name);
    csv_write_end(&w);
}

int form_row(const struct form *f, const struct form_cells *cells, int64_t rows, struct buf *out)
{
    if (f->kind == FORM_CSV) return put_line(cells, out);
    if (f->kind == FORM_JSON && rows > 0) buf_puts(out, ",\n");
    int r = put_object(f, cells, out);
    if (f->kind == FORM_NDJSON) buf_putc(out, '\n');
    return r;
}

const char *form_end(const struct form *f)
{
    return forms[f->kind].end;
}
