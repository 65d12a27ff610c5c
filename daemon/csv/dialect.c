/* SPDX-License-Identifier: MIT */
#include "csv/dialect.h"

#include "base/arena.h"
#include "csv/header.h"
#include "csv/scan.h"
#include "csv/shape.h"

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
            if (!cell->quoted && holds_other_candidate(cell->text, p, d->delimiter) &&
                header_look_at(cell->text) == HEADER_LOOK_TEXT)
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

    if (header_judge(&r, &record, RECORDS_MAX, arena) == HEADER_NO) d->header = DIALECT_HEADER_NO;
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

/* ---- quote, escape and the lines before the header ---- */

/* As it stands, and what may be meant instead; the simpler first. */
static const struct grammar {
    char quote, escape;
} grammars[] = {{'"', 0}, {'"', '\\'}, {'\'', 0}, {'\'', '\\'}};
enum { GRAMMARS = sizeof(grammars) / sizeof(grammars[0]) };

static bool holds_pair(struct slice text, char a, char b)
{
    for (const char *p = text.p, *end = text.p + text.len; p && p < end; p++) {
        p = memchr(p, a, (size_t)(end - p));
        if (!p || p + 1 == end) return false;
        if (p[1] == b) return true;
    }
    return false;
}

/* Is it left open, is it another one than what stands, and may the sample hold it? */
static bool may_be(const struct dialect *d, const struct grammar *g, struct slice text)
{
    bool quote = g->quote != d->quote, escape = g->escape != d->escape;
    if ((!quote && !escape) || (quote && !d->open.quote) || (escape && !d->open.escape) || !d->quote) return false;
    const char mine[] = {g->quote, g->escape ? g->escape : g->quote};
    for (size_t i = 0; i < sizeof(mine); i++)
        if (mine[i] == d->delimiter || mine[i] == d->comment) return false;
    if (g->escape) return holds_pair(text, g->escape, g->quote);
    return memchr(text.p, g->quote, text.len) != NULL;
}

/* A dialect over the sample. */
struct view {
    struct dialect dialect;
    struct shape shape;
    uint64_t lines; /* before its header */
    bool table;     /* all behind them is even */
    bool most;      /* and that is most of the text: no open quote runs away with it */
};

static struct slice behind(const struct dialect *d, struct slice text, uint64_t lines)
{
    size_t skip = behind_lines(text, lines, dialect_line_byte(d));
    return (struct slice){text.p + skip, text.len - skip};
}

/* Without a rival only the lines are asked for. */
static void look(struct view *v, struct slice text, bool whole, bool rival, struct arena *arena)
{
    static const struct shape_names unknown;
    struct dialect *d = &v->dialect;
    const struct shape_names *names = d->open.names ? d->open.names : &unknown;
    bool detect = !d->delimiter;
    if (detect) d->delimiter = detect_delimiter(d, text, whole);
    struct slice sample = complete_records(d, text, whole);
    v->most = sample.len >= text.len / 2;
    if (rival || names->n == 0) shape_look(d, sample, arena, &v->shape);
    v->table = v->shape.even;
    bool lines = d->open.lines && d->header != DIALECT_HEADER_NO && (!v->table || names->n > 0);
    v->lines = lines ? shape_preamble(d, sample, names, arena) : 0;
    if (v->lines == 0 || !rival) return;
    struct shape rest;
    shape_look(d, behind(d, sample, v->lines), arena, &rest);
    v->table = rest.even;
}

/* What the sample proves, in the place of what stands. */
static void detect_open(struct dialect *d, struct slice text, bool whole, struct arena *arena)
{
    struct view stands = {.dialect = *d}, other;
    bool rival[GRAMMARS], any = false;
    for (int i = 0; i < GRAMMARS; i++)
        any |= rival[i] = may_be(d, &grammars[i], text);
    look(&stands, text, whole, any, arena);
    struct view best = stands;
    for (int i = 0; i < GRAMMARS; i++) {
        if (!rival[i]) continue;
        other = (struct view){.dialect = *d};
        other.dialect.quote = grammars[i].quote;
        other.dialect.escape = grammars[i].escape;
        look(&other, text, whole, true, arena);
        if (!other.table || !other.most || other.shape.records < 2) continue;
        bool better = !best.table && other.shape.quoted;
        bool wrapped = other.shape.wrapped && other.lines == 0 && !stands.shape.quoted && best.dialect.quote == d->quote;
        if (better || wrapped) best = other;
    }
    *d = best.dialect;
    if (best.lines > 0) {
        d->skip_lines = best.lines;
        d->header = DIALECT_HEADER_YES;
    }
}

const char *dialect_found(const struct dialect *declared, const struct dialect *d, char ret_text[DIALECT_FOUND_MAX])
{
    int len = 0;
    ret_text[0] = '\0';
    if (d->quote != declared->quote) len += snprintf(ret_text, DIALECT_FOUND_MAX, "quote %c", d->quote);
    if (d->escape != declared->escape)
        len += snprintf(ret_text + len, DIALECT_FOUND_MAX - (size_t)len, "%sescape %c", len ? ", " : "", d->escape);
    if (d->skip_lines != declared->skip_lines)
        snprintf(ret_text + len, DIALECT_FOUND_MAX - (size_t)len, "%s%llu line%s before the header", len ? ", " : "",
                 (unsigned long long)d->skip_lines, d->skip_lines == 1 ? "" : "s");
    return ret_text;
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
    if (text.len > 0 && (d.open.quote || d.open.escape || d.open.lines))
        detect_open(&d, behind(&d, text, d.skip_lines), whole, &arena);
    d.open = (struct dialect_open){0};
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
