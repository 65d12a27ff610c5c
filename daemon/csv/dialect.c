/* SPDX-License-Identifier: MIT */
#include "csv/dialect.h"

#include "base/arena.h"
#include "csv/reader.h"
#include "csv/scan.h"

#include <stdio.h>

enum {
    RECORDS_MAX = 1000, /* that are looked at */
    WIDTH_MAX = 1024,   /* wider records count as this wide */
    ARENA_BLOCK = 1 << 16,
    ARENA_MAX = 1 << 25,
};

/* In the order in which they win when they are equally good. */
static const struct candidate {
    char delimiter;
    const char *name;
} candidates[] = {{',', "comma"}, {';', "semicolon"}, {'\t', "tab"}, {'|', "pipe"}};
enum { CANDIDATES = sizeof(candidates) / sizeof(candidates[0]) };

struct dialect dialect_default(void)
{
    return (struct dialect){.delimiter = ',',
                            .quote = '"',
                            .line_end = DIALECT_END_AUTO,
                            .encoding = DIALECT_UTF8,
                            .header = DIALECT_HEADER_AUTO,
                            .blank = DIALECT_BLANK_AUTO,
                            .first_line = 1};
}

const char *dialect_delimiter_name(char delimiter, char ret_text[16])
{
    const char *name = delimiter == ' ' ? "space" : NULL;
    for (int i = 0; i < CANDIDATES; i++)
        if (candidates[i].delimiter == delimiter) name = candidates[i].name;
    if (name)
        snprintf(ret_text, 16, "%s", name);
    else if (delimiter > ' ' && delimiter < 0x7f)
        snprintf(ret_text, 16, "'%c'", delimiter);
    else
        snprintf(ret_text, 16, "byte 0x%02x", (unsigned char)delimiter);
    return ret_text;
}

/* What a cell looks like from afar. This only guides the guess about the header; data/infer.h decides about types. */
enum look { LOOK_EMPTY, LOOK_VALUE, LOOK_TEXT };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_one_of(struct slice s, const char *const *words)
{
    for (; *words; words++)
        if (slice_equal_nocase(s, slice_of(*words))) return true;
    return false;
}

/* Digits and what stands between them in numbers, amounts, dates and times. */
static bool looks_numeric(struct slice s)
{
    size_t digits = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (is_digit(s.p[i]))
            digits++;
        else if (s.p[i] == '\0' || !strchr(digits ? "+-.,:/%$() TZeE" : "+-.,$(", s.p[i]))
            return false;
    }
    return digits > 0;
}

static bool looks_uuid(struct slice s)
{
    if (s.len != 36) return false;
    for (size_t i = 0; i < s.len; i++) {
        bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
        if (hyphen ? s.p[i] != '-' : !memchr("0123456789abcdefABCDEF", s.p[i], 22)) return false;
    }
    return true;
}

static enum look look_at(struct slice cell)
{
    static const char *const nulls[] = {"null", "na", "n/a", "nan", "none", "-", "\\n", NULL};
    static const char *const booleans[] = {"true", "false", NULL};
    struct slice s = slice_trim(cell);
    if (s.len == 0 || is_one_of(s, nulls)) return LOOK_EMPTY;
    return looks_numeric(s) || looks_uuid(s) || is_one_of(s, booleans) ? LOOK_VALUE : LOOK_TEXT;
}

/* The part of the sample that is judged: complete records only. */
static struct slice complete_records(const struct dialect *d, struct slice text, bool whole)
{
    if (whole) return text;
    struct scan s;
    scan_init(&s, d);
    text.len = scan_feed(&s, text).end;
    return text;
}

/* Those that the sample holds at all, mostly one: what is not there need not be looked for in every cell. */
struct present {
    char delimiter[CANDIDATES];
    int n;
};

static struct present find_present(struct slice text)
{
    struct present p = {.n = 0};
    for (int i = 0; i < CANDIDATES; i++)
        if (text.len && memchr(text.p, candidates[i].delimiter, text.len)) p.delimiter[p.n++] = candidates[i].delimiter;
    return p;
}

static bool holds_other_candidate(struct slice s, const struct present *p, char delimiter)
{
    for (int i = 0; i < p->n; i++)
        if (p->delimiter[i] != delimiter && s.len && memchr(s.p, p->delimiter[i], s.len)) return true;
    return false;
}

/* What a delimiter makes of the sample. */
struct cut {
    size_t records;
    size_t cells;
    size_t muddled;               /* unquoted cells that hold another candidate, and are no number such as 1,5 */
    uint16_t seen[WIDTH_MAX + 1]; /* sound records of each width */
};

/* How even, how wide and how clean; 0 when most records are one cell. Two cells a record count half, many nearly 1. */
static double cut_score(const struct cut *c)
{
    size_t usual = 0;
    for (size_t w = 1; w <= WIDTH_MAX; w++)
        if (c->seen[w] > c->seen[usual]) usual = w;
    if (usual < 2) return 0;
    double even = (double)c->seen[usual] / (double)c->records;
    double wide = 1 - 1 / (double)usual;
    double clean = 1 - (double)c->muddled / (double)c->cells;
    return even * wide * clean;
}

static double score_delimiter(const struct dialect *d, const struct present *p, struct slice text, struct arena *arena)
{
    struct cut c = {0};
    struct reader r;
    struct record record;
    reader_init(&r, &(struct reader_input){.dialect = d, .chunk = text, .first_line = 1}, arena);
    while (c.records < RECORDS_MAX) {
        int rc = reader_next(&r, &record);
        if (rc < 0 || rc == READER_E_END) break; /* out of memory: what was seen must do */
        c.records++;
        if (rc) continue;
        c.seen[record.n < WIDTH_MAX ? record.n : WIDTH_MAX]++;
        c.cells += record.n;
        for (size_t i = 0; i < record.n; i++) {
            const struct cell *cell = &record.cell[i];
            if (!cell->quoted && holds_other_candidate(cell->text, p, d->delimiter) && !looks_numeric(slice_trim(cell->text)))
                c.muddled++;
        }
    }
    return cut_score(&c);
}

static bool may_delimit(const struct dialect *d)
{
    return d->delimiter != d->quote && d->delimiter != d->escape && d->delimiter != d->comment;
}

static char detect_delimiter(const struct dialect *declared, struct slice text, bool whole)
{
    struct dialect d = *declared;
    d.encoding = DIALECT_LATIN1; /* wrong bytes say nothing about the delimiter */
    char best = candidates[0].delimiter;
    double best_score = 0;
    /* What is not there makes one cell of each record, which scores 0: with nothing but what wins then, all is known. */
    struct present present = find_present(text);
    if (present.n == 0 || (present.n == 1 && present.delimiter[0] == best)) return best;
    for (int i = 0; i < present.n; i++) {
        d.delimiter = present.delimiter[i];
        if (!may_delimit(&d)) continue;
        struct arena arena;
        arena_init(&arena, ARENA_BLOCK, ARENA_MAX);
        double score = score_delimiter(&d, &present, complete_records(&d, text, whole), &arena);
        arena_done(&arena);
        if (score <= best_score) continue;
        best = d.delimiter;
        best_score = score;
    }
    return best;
}

/* A cell of the first record, and what stands below it. */
struct column {
    struct slice head;
    enum look look;
    bool year;     /* the head is four digits */
    bool again;    /* the head's text comes below, too */
    size_t values; /* cells below that look like values, */
    size_t texts;  /* and like text */
};

static bool is_year(struct slice s)
{
    return s.len == 4 && is_digit(s.p[0]) && is_digit(s.p[1]) && is_digit(s.p[2]) && is_digit(s.p[3]);
}

static void add_record(struct column *column, size_t n, const struct record *record)
{
    for (size_t i = 0; i < n && i < record->n; i++) {
        struct slice text = record->cell[i].text;
        enum look look = look_at(text);
        column[i].values += look == LOOK_VALUE;
        column[i].texts += look == LOOK_TEXT;
        column[i].again |= slice_equal(text, column[i].head);
    }
}

static bool has_twin(const struct column *column, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (slice_equal(column[k].head, column[i].head)) return true;
    return false;
}

/*
 * Is the first record a header? Names are texts; a number, a date or the like is not, save a year when another column speaks for
 * a header. What speaks for one: text over a column of values (nine in ten). Without that, names must be there, be distinct, and
 * not come again as values. In doubt yes.
 */
static bool first_is_header(const struct column *column, size_t n)
{
    bool contrast = false, years_only = true, odd = false, values = false;
    for (size_t i = 0; i < n; i++) {
        const struct column *c = &column[i];
        contrast |= c->look == LOOK_TEXT && c->values > 9 * c->texts;
        values |= c->look == LOOK_VALUE;
        years_only &= c->look != LOOK_VALUE || c->year;
        odd |= c->look == LOOK_EMPTY || c->again || has_twin(column, i);
    }
    if (values) return contrast && years_only;
    return contrast || !odd;
}

/* The header, where it is open, and what blank lines are: both hang on the first record. */
static void detect_first_record(struct dialect *d, struct slice text, struct arena *arena)
{
    const struct dialect as_declared = *d;
    bool open = d->header == DIALECT_HEADER_AUTO, strict = d->blank == DIALECT_BLANK_ROW;
    if (open) d->header = DIALECT_HEADER_YES;
    if (d->blank != DIALECT_BLANK_SKIP) d->blank = strict ? DIALECT_BLANK_REJECT : DIALECT_BLANK_SKIP;
    struct reader r;
    struct record record;
    reader_init(&r, &(struct reader_input){.dialect = &as_declared, .chunk = text, .first_line = 1}, arena);
    int rc = reader_next(&r, &record);
    if (rc == READER_E_END && strict && !open && text.len > 0) { /* comments and blank lines, and a header that was declared */
        d->blank_header = true;
        d->blank = DIALECT_BLANK_ROW;
    }
    if (rc != 0) return;
    if (as_declared.blank != DIALECT_BLANK_SKIP && record.n == 1) d->blank = DIALECT_BLANK_ROW;
    if (!open) return;

    size_t n = record.n < WIDTH_MAX ? record.n : WIDTH_MAX;
    struct column *column = arena_array(arena, n, sizeof(*column));
    if (!column) return;
    for (size_t i = 0; i < n; i++) {
        column[i].head = record.cell[i].text;
        column[i].look = look_at(column[i].head);
        column[i].year = is_year(slice_trim(column[i].head));
    }
    for (int seen = 1; seen < RECORDS_MAX; seen++) {
        rc = reader_next(&r, &record);
        if (rc < 0 || rc == READER_E_END) break;
        if (rc == 0) add_record(column, n, &record);
    }
    if (!first_is_header(column, n)) d->header = DIALECT_HEADER_NO;
}

/* Behind the n-th line end of the text, which may be CRLF where the byte is LF; its length when it has fewer. */
static size_t behind_lines(struct slice text, uint64_t n, char line_byte)
{
    size_t at = 0;
    for (; n > 0 && at < text.len; n--) {
        const char *end = memchr(text.p + at, line_byte, text.len - at);
        at = end ? (size_t)(end - text.p) + 1 : text.len;
    }
    return at;
}

/* Does the record hold no LF but in quotes? */
static bool lf_is_quoted(int code, const struct record *record)
{
    if (code == 0) return true; /* else the LF would be its fault */
    return !record->raw.len || !memchr(record->raw.p, '\n', record->raw.len);
}

/*
 * Do the records end in CR? The first one must, and no LF may stand outside of quotes in all of the sample: then an LF that ends
 * records cannot be meant. Everything else is read with LF, where a bare CR is an error that a person sees.
 */
static bool ends_in_cr(const struct dialect *declared, struct slice text, bool whole, struct arena *arena)
{
    const char *cr = text.len ? memchr(text.p, '\r', text.len) : NULL;
    if (!cr || (cr + 1 == text.p + text.len ? !whole : cr[1] == '\n')) return false;
    struct dialect d = *declared;
    d.line_end = DIALECT_END_CR;
    d.encoding = DIALECT_LATIN1;
    d.blank = DIALECT_BLANK_SKIP;
    for (int i = 0; !declared->delimiter && i < CANDIDATES; i++) {
        d.delimiter = candidates[i].delimiter;
        if (may_delimit(&d) && ends_in_cr(&d, text, whole, arena)) return true;
    }
    if (!declared->delimiter) return false;
    size_t skip = behind_lines(text, d.skip_lines, '\r');
    if (skip > 0 && memchr(text.p, '\n', skip)) return false;
    text = complete_records(&d, (struct slice){text.p + skip, text.len - skip}, whole);
    struct reader r;
    struct record record;
    reader_init(&r, &(struct reader_input){.dialect = &d, .chunk = text, .first_line = 1}, arena);
    bool any = false, quoted = true;
    for (int rc; quoted && (rc = reader_next(&r, &record)) != READER_E_END; any = true) {
        if (rc < 0) return false;
        quoted = lf_is_quoted(rc, &record);
        arena_reset(arena);
        reader_forget(&r);
    }
    return quoted && (any || skip > 0);
}

static size_t utf8_mark(struct slice sample)
{
    return slice_starts(sample, SLICE("\xef\xbb\xbf")) ? 3 : 0;
}

size_t dialect_skip(const struct dialect *d, struct slice text)
{
    size_t mark = utf8_mark(text);
    return mark + behind_lines((struct slice){text.p + mark, text.len - mark}, d->skip_lines, dialect_line_byte(d));
}

void dialect_detect(const struct dialect *declared, struct slice sample, bool whole, struct dialect *ret_dialect)
{
    struct dialect d = *declared;
    struct arena arena;
    arena_init(&arena, ARENA_BLOCK, ARENA_MAX);
    d.start = utf8_mark(sample);
    d.blank_header = false;
    struct slice text = {sample.len ? sample.p + d.start : NULL, sample.len - d.start};
    if (d.line_end == DIALECT_END_AUTO) d.line_end = ends_in_cr(&d, text, whole, &arena) ? DIALECT_END_CR : DIALECT_END_LF;
    size_t skipped = behind_lines(text, d.skip_lines, dialect_line_byte(&d));
    d.start += skipped;
    d.first_line = 1 + d.skip_lines;
    text = (struct slice){text.p ? text.p + skipped : NULL, text.len - skipped};
    if (!d.delimiter) d.delimiter = detect_delimiter(&d, text, whole);
    arena_reset(&arena);
    detect_first_record(&d, complete_records(&d, text, whole), &arena);
    arena_done(&arena);
    *ret_dialect = d;
}
