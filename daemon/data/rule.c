/* SPDX-License-Identifier: MIT */
#include "data/rule.h"

#include "base/log.h"
#include "data/cells.h"
#include "data/infer_cell.h"
#include "data/type_time.h"

#include <assert.h>
#include <stdio.h>

enum { SHOWN_BYTES = 60, SHOWN_MAX = 4 * SHOWN_BYTES + 1, MESSAGE_MAX = 640 };

/* SQLSTATEs of what is wrong with the row as such */
static const char bad_row[] = "22P04", bad_bytes[] = "22021", null_refused[] = "23502";

struct fault {
    const char *column; /* or NULL */
    const char *code;
    const char *message;
    struct slice value;
};

static int add_reject(const struct record *record, const struct fault *f, struct reject_list *rejects)
{
    struct reject r = {
        .line = record->line,
        .offset = record->offset,
        .column = slice_of(f->column),
        .message = slice_of(f->message),
        .value = f->value,
        .raw = record->raw,
    };
    snprintf(r.code, sizeof(r.code), "%s", f->code);
    int e = reject_list_add(rejects, &r);
    return e ? e : RULE_E_REJECTED;
}

static int reject_count(const struct row_rule *rule, const struct record *record, struct reject_list *rejects)
{
    char message[MESSAGE_MAX];
    snprintf(message, sizeof(message), "the row has %zu cell%s; expected %zu", record->n, record->n == 1 ? "" : "s", rule->cells);
    return add_reject(record, &(struct fault){.code = bad_row, .message = message}, rejects);
}

static int reject_null(const struct column_rule *c, const struct record *record, struct reject_list *rejects)
{
    char message[MESSAGE_MAX];
    snprintf(message, sizeof(message), "column %s: the cell is empty (NULL); expected a value, because the column is not null",
             c->name);
    return add_reject(record, &(struct fault){.column = c->name, .code = null_refused, .message = message}, rejects);
}

static int reject_cell(const struct column_rule *c, int code, const struct record *record, struct reject_list *rejects)
{
    char shown[SHOWN_MAX], expected[128], message[MESSAGE_MAX];
    struct slice value = record->cell[c->source].text, cut = slice_cut_utf8(value, SHOWN_BYTES);
    snprintf(message, sizeof(message), "column %s: \"%s%s\" %s; expected %s", c->name, log_escape(cut, shown, sizeof(shown)),
             cut.len < value.len ? "…" : "", type_fault(c->input.type.id, code), type_expected(&c->input, code, expected));
    const struct fault f = {.column = c->name, .code = type_sqlstate(c->input.type.id, code), .message = message, .value = value};
    return add_reject(record, &f, rejects);
}

static bool is_token(const struct column_rule *c, struct slice text)
{
    for (size_t i = 0; i < c->null_tokens; i++)
        if (slice_equal(text, c->null_token[i])) return true;
    return false;
}

static bool is_null(const struct column_rule *c, const struct cell *cell)
{
    return !cell->quoted && (cell->text.len == 0 || is_token(c, cell->text));
}

/* The value of a column that no cell feeds. */
static int fill(const struct row_rule *rule, const struct column_rule *c, const struct record *record, struct arena *arena,
                union value *ret_value, bool *ret_null)
{
    *ret_null = c->source == RULE_NULL;
    if (c->source == RULE_CONSTANT) *ret_value = c->constant;
    if (c->source != RULE_RESCUE) return 0;
    int r = rescue_row(&rule->rescue, record, arena, &ret_value->s);
    *ret_null = r == 0 && !ret_value->s.p;
    return r;
}

/* Would a date lose its time of day, or a timestamp its zone? Both are longer than what loses nothing. */
static bool loses(const struct type_input *in, struct slice text, struct arena *arena)
{
    enum {
        DATE_BYTES = sizeof "2024-01-31" - 1,
        TIMESTAMP_BYTES = sizeof "2024-01-31 12:00" - 1,
        ZONED = 1 << INFER_CELL_TIMESTAMPTZ
    };
    static const int64_t day_us = INT64_C(86400000000);
    if (in->format || text.len <= DATE_BYTES) return false;
    if (in->type.id == TYPE_TIMESTAMP && type_time_is_plain(text)) return false;
    if (in->type.id == TYPE_TIMESTAMP) return text.len > TIMESTAMP_BYTES && infer_cell_look(text, ZONED, &in->marks).is;
    if (in->type.id != TYPE_DATE) return false;
    unsigned is = infer_cell_look(text, ZONED | 1 << INFER_CELL_TIMESTAMP, &in->marks).is;
    const struct type_input timestamp = {.type = {TYPE_TIMESTAMP, -1}};
    union value v;
    return is & ZONED || (is && (type_parse(&timestamp, text, arena, &v) != 0 || v.i % day_us != 0));
}

int rule_apply(const struct row_rule *rule, const struct record *record, struct batch *batch, struct arena *arena,
               struct reject_list *rejects)
{
    if (record->n != rule->cells) return reject_count(rule, record, rejects);
    size_t row = batch->rows;
    for (size_t i = 0; i < rule->columns; i++) {
        const struct column_rule *c = &rule->column[i];
        struct batch_column *out = &batch->column[i];
        if (c->source < 0) {
            int r = fill(rule, c, record, arena, &out->value[row], &out->null[row]);
            if (r < 0) return r;
            if (out->null[row] && c->not_null) return reject_null(c, record, rejects);
            continue;
        }
        bool null = is_null(c, &record->cell[c->source]);
        out->null[row] = null;
        if (null) {
            if (c->not_null) return reject_null(c, record, rejects);
            continue;
        }
        int r = type_parse(&c->input, record->cell[c->source].text, arena, &out->value[row]);
        if (r == 0 && c->exact && loses(&c->input, record->cell[c->source].text, arena)) r = TYPE_E_SYNTAX;
        if (r) return r < 0 ? r : reject_cell(c, r, record, rejects);
    }
    batch->line[row] = record->line;
    if (batch->origin) batch->origin[row] = (struct batch_origin){record->offset, record->raw};
    batch->rows++;
    return 0;
}

/* Records on their way into a batch, from its row `first` on */
struct run {
    const struct row_rule *rule;
    struct reader *reader;
    struct batch *batch;
    struct reader_rows rows;
    size_t first;
    bool bad[BATCH_ROWS];      /* rows with a cell that cannot be taken */
    uint16_t left[BATCH_ROWS]; /* of a column, the rows whose cells are not everyday */
};

/* The texts of a column's cells, as values; what is NULL. Made for the last column, and for the others. 0 or -ENOMEM. */
__attribute__((always_inline)) static inline int take_texts(const struct run *run, const struct column_rule *c, bool last,
                                                            union value *value, bool *null)
{
    const struct reader_rows rows = run->rows; /* a copy that no store can change */
    const bool tokens = c->null_tokens > 0;
    size_t at = (size_t)c->source;
    for (size_t i = 0; i < rows.rows; i++, at += rows.cells) {
        bool doubled;
        struct cell cell = reader_rows_cell(&rows, at, last, &doubled);
        if (doubled) {
            cell.text = reader_unescape(run->reader, cell.text);
            if (!cell.text.p) return -ENOMEM;
        }
        /* Word by word: a copy of the slice as a whole would wait for both of its stores. */
        value[i].s.p = cell.text.p;
        value[i].s.len = cell.text.len;
        null[i] = cell.text.len == 0 && !cell.quoted;
        if (tokens && !cell.quoted) null[i] |= is_token(c, cell.text);
    }
    return 0;
}

/* A column whose values come from cells, text by text. 0 or -ENOMEM. */
static int parse_texts(struct run *run, const struct column_rule *c, union value *value, bool *null)
{
    struct arena *arena = run->reader->arena;
    const struct type_rows rows = {
        .value = value, .null = null, .bad = run->bad, .rows = run->rows.rows, .memory = run->reader->in.chunk};
    bool last = (size_t)c->source + 1 == run->rows.cells;
    int r = last ? take_texts(run, c, true, value, null) : take_texts(run, c, false, value, null);
    if (r) return r;
    for (size_t i = 0; c->not_null && i < rows.rows; i++)
        run->bad[i] |= null[i];
    for (size_t i = 0; c->exact && i < rows.rows; i++)
        run->bad[i] |= !null[i] && loses(&c->input, value[i].s, arena);
    return type_parse_rows(&c->input, &rows, arena);
}

/* One cell of it. 0 or -ENOMEM. */
static int parse_cell(struct run *run, const struct column_rule *c, size_t row, union value *ret_value, bool *ret_null)
{
    struct arena *arena = run->reader->arena;
    size_t source = (size_t)c->source;
    bool doubled;
    struct cell cell = reader_rows_cell(&run->rows, row * run->rows.cells + source, source + 1 == run->rows.cells, &doubled);
    if (doubled) cell.text = reader_unescape(run->reader, cell.text);
    if (!cell.text.p) return -ENOMEM;
    *ret_null = is_null(c, &cell);
    run->bad[row] |= *ret_null ? c->not_null : c->exact && loses(&c->input, cell.text, arena);
    int r = *ret_null ? 0 : type_parse(&c->input, cell.text, arena, ret_value);
    run->bad[row] |= r > 0;
    return r < 0 ? r : 0;
}

/* None of the texts that mean NULL would be taken for a value. */
static bool tokens_are_words(const struct column_rule *c, struct arena *arena)
{
    union value v;
    for (size_t i = 0; i < c->null_tokens; i++)
        if (type_parse(&c->input, c->null_token[i], arena, &v) <= 0) return false;
    return true;
}

/* A column whose values come from cells. Everyday ones come all at once: they are neither NULL nor refused, and lose nothing. 0 or
 * -ENOMEM. */
static int take_column(struct run *run, const struct column_rule *c, const struct batch_column *out)
{
    struct reader *reader = run->reader;
    const struct cells cells = {.rows = &run->rows, .at = (size_t)c->source, .memory = reader->in.chunk.p};
    union value *value = out->value + run->first;
    bool *null = out->null + run->first, doubled;
    size_t rows = run->rows.rows;
    cells_take *take = cells_taker(&c->input);
    bool quoted = reader_rows_cell(&run->rows, cells.at, false, &doubled).quoted; /* then the others are, too */
    if (!take || quoted || !tokens_are_words(c, reader->arena)) return parse_texts(run, c, value, null);
    char *room = c->input.type.id == TYPE_NUMERIC ? arena_alloc(reader->arena, rows * CELLS_ROOM) : NULL;
    if (!room && c->input.type.id == TYPE_NUMERIC) return -ENOMEM;
    size_t left = take(&c->input, &cells, value, room, run->left);
    if (left > rows / 2) return parse_texts(run, c, value, null);
    memset(null, false, rows);
    int r = 0;
    for (size_t i = 0; i < left && r == 0; i++)
        r = parse_cell(run, c, run->left[i], &value[run->left[i]], &null[run->left[i]]);
    return r;
}

/* A column that has the same value in every row */
static void fill_column(struct run *run, const struct column_rule *c, const struct batch_column *out)
{
    bool null = c->source == RULE_NULL;
    memset(out->null + run->first, null, run->rows.rows);
    for (size_t i = 0; !null && i < run->rows.rows; i++)
        out->value[run->first + i] = c->constant;
    if (null && c->not_null) memset(run->bad, true, run->rows.rows);
}

static void drop_bad(struct run *run)
{
    struct batch *b = run->batch;
    size_t end = run->first + run->rows.rows;
    b->rows = run->first;
    for (size_t from = run->first; from < end; from++) {
        if (run->bad[from - run->first]) continue;
        for (size_t c = 0; c < b->columns; c++) {
            b->column[c].value[b->rows] = b->column[c].value[from];
            b->column[c].null[b->rows] = b->column[c].null[from];
        }
        if (b->origin) b->origin[b->rows] = b->origin[from];
        b->line[b->rows++] = b->line[from];
    }
}

/* Each with the reject that rule_apply makes of it. 0 or -ENOMEM. */
static int reject_bad(struct run *run, struct reject_list *rejects)
{
    for (size_t i = 0; i < run->rows.rows; i++) {
        struct record record;
        if (!run->bad[i]) continue;
        int r = reader_rows_record(run->reader, &run->rows, i, &record);
        if (r == 0) r = rule_apply(run->rule, &record, run->batch, run->reader->arena, rejects);
        assert(r != 0); /* there is one way to read a cell */
        if (r < 0) return r;
    }
    return 0;
}

int rule_apply_rows(const struct row_rule *rule, struct reader *reader, struct batch *batch, struct reject_list *rejects,
                    size_t *ret_read)
{
    struct run run;
    run.rule = rule, run.reader = reader, run.batch = batch,
    run.first = batch->rows; /* `bad` is too large to be zeroed as a whole */
    size_t n = rule->rescue.cells > 0 ? 0 : reader_rows(reader, rule->cells, batch->rows_max - batch->rows, &run.rows);
    *ret_read = n;
    if (n == 0) return 0;
    memset(run.bad, 0, n);
    for (size_t i = 0; i < rule->columns; i++) {
        const struct column_rule *c = &rule->column[i];
        int r = 0;
        if (c->source < 0)
            fill_column(&run, c, &batch->column[i]);
        else
            r = take_column(&run, c, &batch->column[i]);
        if (r) return r;
    }
    reader_rows_lines(reader, &run.rows, batch->line + batch->rows);
    for (size_t i = 0; batch->origin && i < n; i++)
        reader_rows_raw(&run.rows, i, &batch->origin[batch->rows + i].offset, &batch->origin[batch->rows + i].raw);
    batch->rows += n;
    if (!memchr(run.bad, 1, n)) return 0;
    drop_bad(&run);
    return reject_bad(&run, rejects);
}

const char *rule_encoding_text(const char *encoding, char ret_text[RULE_ENCODING_TEXT_MAX])
{
    snprintf(ret_text, RULE_ENCODING_TEXT_MAX, "bytes that mean nothing in %.40s; mend them, or declare another encoding",
             encoding);
    return ret_text;
}

int rule_reject_record(const struct row_rule *rule, const struct record *record, int code, struct reject_list *rejects)
{
    const char *column = NULL;
    bool line = code == READER_E_BLANK || code == READER_E_COMMENT; /* it is the line as such, and no cell */
    for (size_t i = 0; i < rule->columns && !column && !line; i++)
        if (rule->column[i].source >= 0 && (size_t)rule->column[i].source == record->fault_cell) column = rule->column[i].name;
    char message[MESSAGE_MAX], converted[RULE_ENCODING_TEXT_MAX];
    const char *words = reader_error_text(code);
    if (code == READER_E_ENCODING && rule->encoding) words = rule_encoding_text(rule->encoding, converted);
    if (line)
        snprintf(message, sizeof(message), "%s", words);
    else if (column)
        snprintf(message, sizeof(message), "column %s: %s", column, words);
    else
        snprintf(message, sizeof(message), "cell %zu of the row: %s", record->fault_cell + 1, words);
    bool bytes = code == READER_E_NUL || code == READER_E_ENCODING;
    int r = add_reject(record, &(struct fault){.column = column, .code = bytes ? bad_bytes : bad_row, .message = message}, rejects);
    return r == RULE_E_REJECTED ? 0 : r;
}

int rule_reject_verdict(const struct row_rule *rule, const struct record *record, const struct reject *verdict,
                        struct reject_list *rejects)
{
    struct reject r = *verdict;
    r.line = record->line;
    r.offset = record->offset;
    r.raw = record->raw;
    for (size_t i = 0; i < rule->columns && r.value.len == 0; i++) {
        int source = rule->column[i].source;
        if (source < 0 || (size_t)source >= record->n || !slice_equal(slice_of(rule->column[i].name), r.column)) continue;
        r.value = record->cell[source].text;
    }
    return reject_list_add(rejects, &r);
}
