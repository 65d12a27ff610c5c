/* SPDX-License-Identifier: MIT */
#include "format/csv_writer.h"

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
