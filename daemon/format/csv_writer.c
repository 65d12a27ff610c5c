/* SPDX-License-Identifier: MIT */
#include "format/csv_writer.h"

#include "base/num.h"
#include "csv/quote.h"
#include "format/pgvalue.h"

void csv_writer_init(struct csv_writer *w, struct buf *out, char delimiter)
{
    *w = (struct csv_writer){.out = out, .delimiter = delimiter};
}

static void begin_cell(struct csv_writer *w)
{
    if (w->cells) buf_putc(w->out, w->delimiter);
    w->cells = true;
}

void csv_write_null(struct csv_writer *w)
{
    begin_cell(w);
}

void csv_write_slice(struct csv_writer *w, struct slice text)
{
    begin_cell(w);
    csv_quote(w->out, text, w->delimiter);
}

void csv_write_text(struct csv_writer *w, const char *text)
{
    if (text)
        csv_write_slice(w, slice_of(text));
    else
        csv_write_null(w);
}

void csv_write_int(struct csv_writer *w, int64_t v)
{
    char digits[NUM_I64_MAX];
    size_t len = (size_t)num_write_i64(v, digits);
    begin_cell(w);
    buf_append(w->out, digits, len);
}

int csv_write_value(struct csv_writer *w, uint32_t oid, struct slice value)
{
    begin_cell(w);
    return pgvalue_csv(w->out, oid, value, w->delimiter);
}

void csv_write_end(struct csv_writer *w)
{
    buf_putc(w->out, '\n');
    w->cells = false;
}
