/* SPDX-License-Identifier: MIT */
#include "csv/shape.h"

#include "base/name.h"
#include "csv/header.h"

#include <stdlib.h>

enum { RECORDS_MAX = 1000, ROWS_MIN = 2, WIDE_TABLE = 4, SENTENCE_WORDS = 4 };

/* ---- the walk over the records ---- */

struct walk {
    struct dialect dialect;
    struct reader reader;
    struct record record;
    struct arena *arena;
    int code; /* of the record: 0, or its fault */
    size_t seen;
};

static void begin(struct walk *w, const struct dialect *d, struct slice sample, uint64_t first_line, struct arena *arena)
{
    *w = (struct walk){.dialect = *d, .arena = arena};
    w->dialect.encoding = DIALECT_LATIN1; /* wrong bytes say nothing about the shape */
    w->dialect.blank = DIALECT_BLANK_SKIP;
    reader_init(&w->reader, &(struct reader_input){.dialect = &w->dialect, .chunk = sample, .first_line = first_line}, arena);
}

/* False at the end, or without memory: then code is negative. */
static bool next(struct walk *w)
{
    if (w->seen == RECORDS_MAX) return false;
    w->code = reader_next(&w->reader, &w->record);
    if (w->code < 0 || w->code == READER_E_END) return false;
    w->seen++;
    return true;
}

static void forget(struct walk *w)
{
    arena_reset(w->arena);
    reader_forget(&w->reader);
}

/* ---- the shape ---- */

/* Texts in quotes; and with them, are there none without? */
struct quoting {
    size_t quoted;
    bool bare;
};

static struct quoting quoting_of(const struct record *record, bool look_at_bare)
{
    struct quoting q = {0};
    for (size_t i = 0; i < record->n; i++)
        q.quoted += record->cell[i].quoted;
    for (size_t i = 0; i < record->n && q.quoted > 0 && look_at_bare && !q.bare; i++)
        q.bare = !record->cell[i].quoted && header_look_at(record->cell[i].text) == HEADER_LOOK_TEXT;
    return q;
}

void shape_look(const struct dialect *d, struct slice sample, struct arena *arena, struct shape *ret_shape)
{
    struct walk w;
    struct quoting first = {0};
    size_t width = 0;
    *ret_shape = (struct shape){.even = true, .wrapped = true};
    begin(&w, d, sample, 1, arena);
    for (; next(&w); forget(&w)) {
        struct quoting q = quoting_of(&w.record, ret_shape->wrapped);
        if (w.seen == 1) {
            width = w.record.n;
            first = q;
        }
        ret_shape->even &= w.code == 0 && w.record.n == width;
        ret_shape->quoted |= q.quoted > 0;
        ret_shape->wrapped &= !q.bare && (w.seen == 1 || q.quoted > 0);
    }
    forget(&w);
    ret_shape->records = w.seen;
    ret_shape->even &= w.code >= 0;
    ret_shape->wrapped &= w.seen > ROWS_MIN || (w.seen == ROWS_MIN && first.quoted > 0);
}

/* ---- where the table begins: a header whose names are known ---- */

static int by_name(const void *name, const void *other)
{
    return strcmp(name, *(const char *const *)other);
}

struct hits {
    size_t named;  /* cells that are names */
    size_t filled; /* that are not empty */
};

static struct hits hits_of(const struct record *record, const struct shape_names *names)
{
    struct hits h = {0};
    char name[NAME_MAX_BYTES + 1];
    for (size_t i = 0; i < record->n; i++) {
        if (slice_trim(record->cell[i].text).len == 0) continue;
        h.filled++;
        name_normalise(record->cell[i].text, name);
        h.named += bsearch(name, names->name, names->n, sizeof *names->name, by_name) != NULL;
    }
    return h;
}

static bool has_named(const struct record *record, const struct shape_names *names)
{
    for (size_t i = 0; i < record->n; i++)
        if (hits_of(&(struct record){.cell = record->cell + i, .n = 1}, names).named) return true;
    return false;
}

static bool is_named_header(const struct hits *h, const struct shape_names *names)
{
    size_t least = names->n < 2 ? 1 : 2;
    return h->named == names->n || (h->named == h->filled && h->named >= least);
}

static uint64_t lines_before_names(struct walk *w, const struct shape_names *names)
{
    size_t width_of[SHAPE_LINES_MAX + 1], n = 0; /* of the records that say more than one cell can */
    for (; next(w); forget(w)) {
        if (w->record.line > SHAPE_LINES_MAX + 1 || (w->seen == 1 && has_named(&w->record, names))) break;
        struct hits h = hits_of(&w->record, names);
        if (w->code == 0 && is_named_header(&h, names)) {
            for (size_t i = 0; i < n; i++)
                if (width_of[i] == w->record.n) return 0;
            return w->record.line - 1;
        }
        if (w->code == 0 && h.filled > 1) width_of[n++] = w->record.n;
    }
    return 0;
}

/* ---- and one that only its table tells ---- */

/* A record, for the search of the table's start. */
struct line {
    uint64_t number;
    size_t at;    /* its offset in the sample */
    size_t width; /* 0: it is not sound */
    bool note;    /* what may stand before a table of any width */
};

static bool has_sentence(const struct record *record)
{
    for (size_t i = 0; i < record->n; i++) {
        struct slice rest = record->cell[i].text;
        size_t words = 0;
        while (rest.p)
            words += slice_trim(slice_cut(&rest, ' ')).len > 0;
        if (words >= SENTENCE_WORDS) return true;
    }
    return false;
}

static struct line line_of(const struct walk *w)
{
    const struct record *r = &w->record;
    bool hash = r->raw.len > 0 && r->raw.p[0] == '#';
    bool has_delimiter = r->raw.len > 0 && memchr(r->raw.p, w->dialect.delimiter, r->raw.len);
    return (struct line){.number = r->line,
                         .at = (size_t)r->offset,
                         .width = w->code == 0 ? r->n : 0,
                         .note = hash || (w->code == 0 ? r->n == 1 || has_sentence(r) : !has_delimiter)};
}

/* May these stand before a table of that width? */
static bool may_precede(const struct line *line, size_t n, size_t width)
{
    for (size_t i = 0; i < n; i++) {
        bool key_value = line[i].width == 2 && width >= WIDE_TABLE;
        if (line[i].width == width || (!line[i].note && !key_value)) return false;
    }
    return true;
}

static bool is_sure_header(const struct dialect *d, struct slice table, struct arena *arena)
{
    struct walk w;
    begin(&w, d, table, 1, arena);
    return next(&w) && w.code == 0 && header_judge(&w.reader, &w.record, RECORDS_MAX, arena) == HEADER_SURE;
}

static uint64_t lines_before_table(struct walk *w, struct slice sample)
{
    struct line *line = calloc(RECORDS_MAX, sizeof *line);
    size_t n = 0, first;
    if (!line) return 0;
    for (; next(w); forget(w))
        line[n++] = line_of(w);
    forget(w);
    for (first = n; first > 0 && line[first - 1].width == line[n - 1].width; first--)
        ;
    uint64_t lines = 0;
    bool table = w->code >= 0 && n > 0 && line[n - 1].width > 1 && first > 0 && n - first > ROWS_MIN;
    if (table && line[first].number <= SHAPE_LINES_MAX + 1 && may_precede(line, first, line[n - 1].width) &&
        is_sure_header(&w->dialect, (struct slice){sample.p + line[first].at, sample.len - line[first].at}, w->arena))
        lines = line[first].number - 1;
    free(line);
    return lines;
}

uint64_t shape_preamble(const struct dialect *d, struct slice sample, const struct shape_names *names, struct arena *arena)
{
    struct walk w;
    begin(&w, d, sample, 1, arena);
    uint64_t lines = names->n > 0 ? lines_before_names(&w, names) : lines_before_table(&w, sample);
    forget(&w);
    return lines;
}
