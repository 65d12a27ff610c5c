/* SPDX-License-Identifier: MIT */
#include "data/infer.h"

#include "base/log.h"
#include "data/infer_cell.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* The first cell that ruled a candidate out */
enum { SAMPLE_MAX = 23, WHERE_MAX = 80 };
struct refusal {
    uint64_t line; /* 0: none did */
    char text[SAMPLE_MAX];
    unsigned char len;
};

/* All of this merges by and, or, and minimum: the order and the cuts do not matter. */
struct column {
    unsigned may;   /* candidates that every value so far is */
    unsigned forms; /* INFER_CELL forms of non-ISO dates that were seen */
    bool nulls, values;
    struct refusal refused[INFER_CELL_CANDIDATES];
};

struct infer {
    struct infer_reading reading;
    size_t columns;
    struct column column[];
};

/* In the order of preference */
static const struct guess {
    enum infer_cell_candidate candidate;
    enum type_id type;
    const char *every; /* every value is … */
} guesses[] = {
    {INFER_CELL_BOOL, TYPE_BOOL, "true or false"},
    {INFER_CELL_INT8, TYPE_INT8, "a whole number"},
    {INFER_CELL_NUMERIC, TYPE_NUMERIC, "a decimal number"},
    {INFER_CELL_FLOAT8, TYPE_FLOAT8, "a number"},
    {INFER_CELL_DATE, TYPE_DATE, "an ISO date"},
    {INFER_CELL_TIMESTAMP, TYPE_TIMESTAMP, "an ISO date and time"},
    {INFER_CELL_TIMESTAMPTZ, TYPE_TIMESTAMPTZ, "an ISO date and time with its zone"},
    {INFER_CELL_UUID, TYPE_UUID, "a UUID"},
    {INFER_CELL_JSON, TYPE_JSON, "a JSON object or array"},
    {INFER_CELL_DAY_FIRST, TYPE_DATE, "a date with the day first"},
    {INFER_CELL_MONTH_FIRST, TYPE_DATE, "a date with the month first"},
};
enum { GUESSES = sizeof(guesses) / sizeof(guesses[0]), BOTH_ORDERS = 1 << INFER_CELL_DAY_FIRST | 1 << INFER_CELL_MONTH_FIRST };

int infer_new(size_t columns, const struct infer_reading *reading, struct infer **ret_infer)
{
    struct infer *i = calloc(1, sizeof(*i) + columns * sizeof(i->column[0]));
    if (!i) return -ENOMEM;
    i->reading = *reading;
    i->columns = columns;
    for (size_t c = 0; c < columns; c++)
        i->column[c].may = INFER_CELL_ALL;
    *ret_infer = i;
    return 0;
}

void infer_free(struct infer *i)
{
    free(i);
}

void infer_only(struct infer *i, const bool *wanted)
{
    for (size_t c = 0; c < i->columns; c++)
        if (!wanted[c]) i->column[c].may = 0;
}

static void refuse(struct column *c, unsigned candidates, uint64_t line, struct slice text)
{
    struct slice sample = slice_cut_utf8(text, SAMPLE_MAX);
    for (unsigned k = 0; k < INFER_CELL_CANDIDATES; k++) {
        if (!(candidates & 1U << k)) continue;
        struct refusal *r = &c->refused[k];
        r->line = line;
        r->len = (unsigned char)sample.len;
        if (sample.len) memcpy(r->text, sample.p, sample.len);
    }
}

static bool is_null(const struct infer_reading *reading, const struct cell *cell)
{
    if (cell->quoted) return false;
    if (cell->text.len == 0) return true;
    for (size_t i = 0; i < reading->null_tokens; i++)
        if (slice_equal(cell->text, reading->null_token[i])) return true;
    return false;
}

int infer_add(struct infer *i, const struct record *record)
{
    for (size_t k = 0; k < i->columns; k++) {
        struct column *c = &i->column[k];
        const struct cell *cell = k < record->n ? &record->cell[k] : NULL;
        if (!cell || is_null(&i->reading, cell)) {
            c->nulls = true;
            continue;
        }
        c->values = true;
        if (!c->may) continue;
        struct infer_cell what = infer_cell_look(cell->text, c->may, &i->reading.marks);
        c->forms |= what.form;
        if (what.is == c->may) continue;
        refuse(c, c->may & ~what.is, record->line, cell->text);
        c->may &= what.is;
    }
    return 0;
}

void infer_merge(struct infer *to, const struct infer *from)
{
    for (size_t k = 0; k < to->columns && k < from->columns; k++) {
        struct column *t = &to->column[k];
        const struct column *f = &from->column[k];
        t->may &= f->may;
        t->forms |= f->forms;
        t->nulls |= f->nulls;
        t->values |= f->values;
        for (unsigned g = 0; g < INFER_CELL_CANDIDATES; g++)
            if (f->refused[g].line && (!t->refused[g].line || f->refused[g].line < t->refused[g].line))
                t->refused[g] = f->refused[g];
    }
}

/* "line 7 has "n/a"" */
static void name_refusal(const struct refusal *r, char ret_text[WHERE_MAX])
{
    char shown[SAMPLE_MAX + 20];
    log_escape((struct slice){r->text, r->len}, shown, sizeof(shown));
    snprintf(ret_text, WHERE_MAX, "line %" PRIu64 " has \"%s\"", r->line, shown);
}

static void set_text(const char *reason, struct infer_column *ret)
{
    ret->type = (struct type){TYPE_TEXT, -1};
    snprintf(ret->reason, sizeof(ret->reason), "%s", reason);
}

/* The guess that held out longest tells most about the column; where the same cell ruled all of them out that cell does. */
static void explain_text(const struct column *c, struct infer_column *ret)
{
    size_t last = 0;
    bool same_line = true;
    for (size_t g = 1; g < GUESSES; g++) {
        uint64_t line = c->refused[guesses[g].candidate].line, longest = c->refused[guesses[last].candidate].line;
        same_line &= line == longest;
        if (line > longest) last = g;
    }
    char where[WHERE_MAX], reason[INFER_REASON_MAX];
    name_refusal(&c->refused[guesses[last].candidate], where);
    if (same_line)
        snprintf(reason, sizeof(reason), "no other type fits: %s", where);
    else
        snprintf(reason, sizeof(reason), "not every value is %s: %s", guesses[last].every, where);
    set_text(reason, ret);
}

static bool single_form(unsigned forms)
{
    return forms && !(forms & (forms - 1));
}

static void explain_guess(const struct column *c, size_t g, struct infer_column *ret)
{
    const struct guess *guess = &guesses[g];
    ret->type = (struct type){guess->type, -1};
    char where[WHERE_MAX];
    /* These stand behind the narrower type that a reader would ask about first. */
    bool widened = guess->type == TYPE_NUMERIC || guess->type == TYPE_FLOAT8 || guess->type == TYPE_TIMESTAMP;
    const struct refusal *narrower = widened ? &c->refused[guess[-1].candidate] : NULL;
    if (!narrower || !narrower->line) {
        snprintf(ret->reason, sizeof(ret->reason), "every value is %s", guess->every);
        return;
    }
    name_refusal(narrower, where);
    snprintf(ret->reason, sizeof(ret->reason), "every value is %s, not all are %s: %s", guess->every, guesses[g - 1].every, where);
}

void infer_result(const struct infer *i, size_t column, struct infer_column *ret_column)
{
    const struct column *c = &i->column[column];
    struct infer_column result = {.nulls = c->nulls};
    unsigned orders = c->may & BOTH_ORDERS;
    size_t g = 0;
    while (g < GUESSES && !(c->may & 1U << guesses[g].candidate))
        g++;
    if (!c->values) {
        set_text("no cell has a value", &result);
    } else if (c->forms && orders == BOTH_ORDERS && c->may == orders) {
        set_text("dates whose day and month could be either way round: no part is above 12; declare the column with a format",
                 &result);
    } else if (orders && c->may == orders && !single_form(c->forms)) {
        set_text("dates that are written in more than one form", &result);
    } else if (g < GUESSES) {
        explain_guess(c, g, &result);
        if (c->may == orders) result.type.id = infer_cell_template(c->forms, orders == 1U << INFER_CELL_DAY_FIRST, result.format);
    } else {
        explain_text(c, &result);
    }
    *ret_column = result;
}

int infer_text(struct slice text, const struct infer_reading *reading, struct infer_column *ret_column)
{
    struct infer *i;
    const struct cell cell = {.text = text};
    const struct record record = {.cell = &cell, .n = 1, .line = 1};
    int r = infer_new(1, reading, &i);
    if (r < 0) return r;
    r = infer_add(i, &record);
    if (r == 0) infer_result(i, 0, ret_column);
    infer_free(i);
    return r;
}
