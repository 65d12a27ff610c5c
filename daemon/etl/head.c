/* SPDX-License-Identifier: MIT */
#include "etl/head.h"

#include "base/cleanup.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/name.h"
#include "config/encoding.h"
#include "csv/scan.h"
#include "csv/shape.h"

#include <stdio.h>
#include <stdlib.h>
#include <uthash.h>

/* HEAD_COST: the start of a file, and once more its cells. */
enum { HEAD_BYTES = 64 * 1024, HEAD_COST = 2, ARENA_BLOCK = 16 * 1024, RAW_MAX = 1024 * 1024 };

/* ---- what is declared ---- */

static void declare_dialect(const struct config_dataset *c, struct dialect *d)
{
    static const enum dialect_header header_of[] = {[CONFIG_HEADER_AUTO] = DIALECT_HEADER_AUTO,
                                                    [CONFIG_HEADER_YES] = DIALECT_HEADER_YES,
                                                    [CONFIG_HEADER_NO] = DIALECT_HEADER_NO};
    static const enum dialect_line_end end_of[] = {
        [CONFIG_LINE_END_AUTO] = DIALECT_END_AUTO, [CONFIG_LINE_END_LF] = DIALECT_END_LF, [CONFIG_LINE_END_CR] = DIALECT_END_CR};
    bool positions = c->n_columns > 0;
    for (size_t i = 0; i < c->n_columns; i++)
        positions = positions && c->column[i].position > 0;
    d->delimiter = c->delimiter;
    /* Who says how cells are delimited has looked at the dialect: what is not said of quotes is RFC 4180's. */
    d->open.quote = c->quote == CONFIG_CHAR_AUTO && c->escape != '"' && !c->delimiter;
    d->open.escape = c->escape == CONFIG_CHAR_AUTO && c->quote != 0 && !c->delimiter;
    d->open.lines = c->skip_lines == CONFIG_LINES_AUTO;
    d->quote = c->quote == CONFIG_CHAR_AUTO ? '"' : c->quote;
    d->escape = c->escape == d->quote || c->escape == CONFIG_CHAR_AUTO ? 0 : c->escape;
    d->comment = c->comment;
    d->trim = c->trim == CONFIG_TRIM_YES;
    d->line_end = end_of[c->line_end];
    d->skip_lines = d->open.lines ? 0 : (uint64_t)c->skip_lines;
    d->blank = c->blank_lines == CONFIG_BLANK_LINES_SKIP ? DIALECT_BLANK_SKIP : DIALECT_BLANK_ROW;
    d->encoding = encoding_is_latin1(c->encoding) ? DIALECT_LATIN1 : DIALECT_UTF8;
    d->header = header_of[c->header];
    if (d->header == DIALECT_HEADER_AUTO && positions) d->header = DIALECT_HEADER_NO;
}

struct head_declared head_declare(const struct config *settings, const struct config_dataset *dataset)
{
    static const enum input_compression compression_of[] = {[CONFIG_COMPRESSION_AUTO] = INPUT_AUTO,
                                                            [CONFIG_COMPRESSION_NONE] = INPUT_PLAIN,
                                                            [CONFIG_COMPRESSION_GZIP] = INPUT_GZIP,
                                                            [CONFIG_COMPRESSION_ZIP] = INPUT_ZIP};
    struct head_declared d = {.dialect = dialect_default(),
                              .input = {.unpack_max = (uint64_t)settings->daemon.unpack_max,
                                        .unpack_ratio = (uint64_t)settings->daemon.unpack_ratio,
                                        .unpack_entries = (uint64_t)settings->daemon.unpack_entries}};
    d.dialect.delimiter = '\0'; /* to be detected */
    d.dialect.open = (struct dialect_open){.quote = true, .escape = true, .lines = true};
    d.dataset = dataset;
    if (!dataset) return d;
    declare_dialect(dataset, &d.dialect);
    d.input.compression = compression_of[dataset->compression];
    d.input.latin1 = encoding_is_latin1(dataset->encoding);
    d.input.utf8 = encoding_is_utf8(dataset->encoding);
    if (!d.input.latin1 && !d.input.utf8 && !encoding_is_auto(dataset->encoding)) d.input.encoding = dataset->encoding;
    return d;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The header that names the column: the `from` of its section; NULL where it has a position. */
static const char *header_of(const struct config_dataset *c, const char *name)
{
    for (size_t i = 0; i < c->n_columns; i++) {
        const struct config_column *column = &c->column[i];
        if (strcmp(column->name, name) == 0) return column->position > 0 ? NULL : column->from[0] ? column->from : name;
    }
    return name;
}

/* What a header may hold, where the dataset's columns are declared. 0 or -ENOMEM. */
static int know_names(struct head *h)
{
    const struct config_dataset *c = h->declared.dataset;
    if (!c || !h->declared.dialect.open.lines || h->declared.dialect.open.names) return 0;
    const char **name = arena_array(&h->arena, c->columns.n + 1, sizeof *name);
    struct shape_names *names = arena_zalloc(&h->arena, sizeof *names);
    if (!name || !names) return -ENOMEM;
    for (size_t i = 0; i < c->columns.n; i++) {
        char normal[NAME_MAX_BYTES + 1];
        const char *header = header_of(c, c->columns.item[i]);
        if (!header || name_normalise(slice_of(header), normal) == 0) continue;
        name[names->n] = arena_cstr(&h->arena, slice_of(normal));
        if (!name[names->n++]) return -ENOMEM;
    }
    qsort(name, names->n, sizeof *name, by_name);
    size_t distinct = 0;
    for (size_t i = 0; i < names->n; i++)
        if (i == 0 || strcmp(name[i], name[distinct - 1]) != 0) name[distinct++] = name[i];
    *names = (struct shape_names){name, distinct};
    h->declared.dialect.open.names = names;
    return 0;
}

/* ---- the start of the text ---- */

struct start {
    char *memory;
    size_t len;
    bool whole; /* it is all of the text; of a zip file, of its first member */
};

static int fill(struct input *in, size_t want, struct start *s, struct error *err)
{
    int r = 0;
    size_t n;
    while (r == 0 && want - s->len >= TRANSCODE_ROOM && !in->over) {
        r = input_read(in, s->memory + s->len, want - s->len, &n, err);
        if (r == 0) s->len += n;
    }
    s->whole = in->over;
    return r;
}

/* The text's start, which holds a whole record, or all of the text, unless h->more says that this was too little. */
static int read_start(struct head *h, struct start *ret_start)
{
    size_t want = h->want;
    h->more = false;
    *ret_start = (struct start){.memory = malloc(want)};
    if (!ret_start->memory) return -ENOMEM;
    int r = input_open(&h->open, h->fd, (uint64_t)h->st.st_size, &h->declared.input, &h->err);
    if (r == 0) r = fill(&h->open, want, ret_start, &h->err);
    h->input = h->open.options;
    if (r != 0) return r < 0 ? r : HEAD_E_REFUSED;
    if (ret_start->whole || want > h->max_record) return 0;
    struct dialect d;
    struct slice text = {ret_start->memory, ret_start->len};
    dialect_detect(&h->declared.dialect, text, false, &d);
    struct scan s;
    scan_init(&s, &d);
    h->more = scan_feed(&s, (struct slice){text.p + d.start, text.len - d.start}).end == 0;
    return 0;
}

/* ---- names ---- */

struct plan_name {
    const char *name;
    int cell;
    unsigned next; /* the number to try next for another cell of that name */
    UT_hash_handle hh;
};

static struct plan_name *find(const struct plan_head *head, const char *name)
{
    struct plan_name *n;
    HASH_FIND_STR(head->by_name, name, n);
    return n;
}

int plan_head_find(const struct plan_head *head, const char *name)
{
    const struct plan_name *n = find(head, name);
    return n ? n->cell : -1;
}

/* A number behind the name, which is cut at a character so that PostgreSQL's 63 bytes hold. */
static void numbered(char ret_name[NAME_MAX_BYTES + 1], const char *stem, unsigned n)
{
    char tail[16];
    int len = snprintf(tail, sizeof tail, "_%u", n);
    struct slice kept = slice_cut_utf8(slice_of(stem), (size_t)(NAME_MAX_BYTES - len));
    snprintf(ret_name, NAME_MAX_BYTES + 1, SLICE_FMT "%s", SLICE_ARG(kept), tail);
}

static int name_cell(struct plan_head *head, size_t i, struct arena *a)
{
    char stem[NAME_MAX_BYTES + 1] = "", unique[NAME_MAX_BYTES + 1];
    if (head->dialect.header == DIALECT_HEADER_YES) name_normalise(head->cell[i], stem);
    if (!stem[0]) snprintf(stem, sizeof stem, "column_%zu", i + 1);
    snprintf(unique, sizeof unique, "%s", stem);
    /* The count goes on from cell to cell, so that a header of one name only is not searched anew for each. */
    struct plan_name *first = find(head, stem);
    while (first && find(head, unique))
        numbered(unique, stem, first->next++);
    struct plan_name *n = arena_zalloc(a, sizeof *n);
    head->name[i] = arena_cstr(a, slice_of(unique));
    if (!n || !head->name[i]) return -ENOMEM;
    *n = (struct plan_name){.name = head->name[i], .cell = (int)i, .next = 2};
    HASH_ADD_KEYPTR(hh, head->by_name, n->name, strlen(n->name), n);
    return 0;
}

int head_names(struct plan_head *head, struct arena *a)
{
    head->name = arena_array(a, head->cells + 1, sizeof *head->name);
    int r = head->name ? 0 : -ENOMEM;
    for (size_t i = 0; i < head->cells && r == 0; i++)
        r = name_cell(head, i, a);
    return r;
}

void head_names_done(struct plan_head *head)
{
    HASH_CLEAR(hh, head->by_name);
}

/* ---- the first record ---- */

static int keep_cells(struct head *h, const struct record *record)
{
    h->plan_head.cell = arena_array(&h->arena, record->n + 1, sizeof *h->plan_head.cell);
    if (!h->plan_head.cell) return -ENOMEM;
    for (size_t i = 0; i < record->n; i++) {
        h->plan_head.cell[i] = arena_copy(&h->arena, record->cell[i].text);
        if (!h->plan_head.cell[i].p && record->cell[i].text.len > 0) return -ENOMEM;
    }
    h->plan_head.cells = record->n;
    return head_names(&h->plan_head, &h->arena);
}

/* What must stand before rows of this file so that they can be read as a file again, in UTF-8: the mark, where the file is in
 * another encoding, the lines that are skipped, and the header; with a CR at its end where that ends the records. */
static int keep_raw(struct head *h, struct slice text, const struct record *record)
{
    const struct dialect *d = &h->plan_head.dialect;
    struct slice mark = h->input.transcodes ? SLICE("\xef\xbb\xbf") : SLICE(""), raw = {text.p, 0};
    if (d->header == DIALECT_HEADER_YES) raw = record->raw;
    if (h->declared.dialect.skip_lines > 0) { /* those that were detected need not be there again */
        const char *from = text.p + (slice_starts(text, SLICE("\xef\xbb\xbf")) ? 3 : 0), *to = raw.p + raw.len;
        if (d->header != DIALECT_HEADER_YES) to = text.p + d->start - 1; /* its line end comes again */
        if (to > from && d->header != DIALECT_HEADER_YES && d->line_end == DIALECT_END_LF && to[-1] == '\r') to--;
        raw = (struct slice){from, to > from ? (size_t)(to - from) : 0};
    }
    if (raw.len > RAW_MAX)
        return error_set(&h->err, HEAD_E_BROKEN,
                         "line %llu: %zu bytes stand before the first row, where at most %d may; is a quote left open, or is "
                         "there no header (header = no)?",
                         (unsigned long long)record->line, raw.len, RAW_MAX);
    struct slice end = d->line_end == DIALECT_END_CR ? SLICE("\r") : SLICE("");
    char *copy = arena_alloc(&h->arena, mark.len + raw.len + end.len + 1);
    if (!copy) return -ENOMEM;
    memcpy(copy, mark.p, mark.len);
    if (raw.len) memcpy(copy + mark.len, raw.p, raw.len);
    memcpy(copy + mark.len + raw.len, end.p, end.len);
    h->plan_head.raw = (struct slice){copy, mark.len + raw.len + end.len};
    return 0;
}

static int no_record(struct head *h, const struct start *start)
{
    char part[INPUT_PART_MAX];
    if (!start->whole)
        return error_set(&h->err, HEAD_E_EMPTY, "line 1: %s begins with %zu bytes of blank lines or comments; remove them",
                         input_part(&h->open, part), start->len);
    return error_set(&h->err, HEAD_E_EMPTY, "%s is empty; a file of no rows has its header line", input_part(&h->open, part));
}

static int find_head(struct head *h, const struct start *start)
{
    struct slice sample = {start->memory, start->len};
    dialect_detect(&h->declared.dialect, sample, start->whole, &h->plan_head.dialect);
    const struct dialect *d = &h->plan_head.dialect;
    dialect_found(&h->declared.dialect, d, h->found);
    struct reader reader;
    struct record record;
    struct reader_input input = {
        .dialect = d, .chunk = {sample.p + d->start, sample.len - d->start}, .first_line = d->first_line, .first_offset = d->start};
    reader_init(&reader, &input, &h->arena);
    int r = reader_next(&reader, &record);
    if (r < 0) return r;
    if (r == READER_E_END) return no_record(h, start);
    const char *encoding = h->plan_head.encoding = h->open.transcoding ? h->open.encoding : NULL;
    char words[RULE_ENCODING_TEXT_MAX];
    if (r > 0)
        return error_set(&h->err, HEAD_E_BROKEN, "line %llu: %s", (unsigned long long)record.line,
                         r == READER_E_ENCODING && encoding ? rule_encoding_text(encoding, words) : reader_error_text(r));
    if (record.n > HEAD_CELLS_MAX)
        return error_set(&h->err, HEAD_E_WIDE,
                         "line %llu: %zu columns; a table of PostgreSQL holds at most %d; is the delimiter right?",
                         (unsigned long long)record.line, record.n, HEAD_CELLS_MAX);
    r = keep_raw(h, sample, &record);
    return r == 0 ? keep_cells(h, &record) : r;
}

static void forget_text(struct head *h)
{
    input_close(&h->open);
    free((char *)h->text.p);
    h->text = (struct slice){NULL, 0};
}

/* Room was taken for a large file. */
static void keep_text(struct head *h, const struct start *start)
{
    char *fitting = realloc(start->memory, start->len);
    h->text = (struct slice){fitting ? fitting : start->memory, start->len};
}

static int read_head(struct head *h)
{
    struct start start = {0};
    int r = know_names(h);
    if (r == 0) r = read_start(h, &start);
    if (r == 0 && !h->more) r = find_head(h, &start);
    if (r == 0 && !h->more && h->keep) {
        keep_text(h, &start);
        return 0;
    }
    input_close(&h->open);
    free(start.memory);
    return r;
}

void head_hand_over(struct head *h, struct cutter *c)
{
    cutter_go_on(c, &h->open, h->text);
    h->text = (struct slice){NULL, 0};
}

/* Here and not when it was claimed: of the files that wait none holds a descriptor. */
static int open_claimed(struct head *h)
{
    struct place_file mine = *h->file; /* the loop reads the original meanwhile */
    mine.fd = -1;
    int r = place_reopen(h->place, &mine, &h->err);
    if (r != 0) return r > 0 ? HEAD_E_GONE : r;
    h->fd = mine.fd;
    h->st = mine.st;
    return 0;
}

/* fstat before the first read: once for each time that it is read from the start. */
static int look_at(struct head *h)
{
    if (h->place && h->fd < 0) return open_claimed(h);
    if (fstat(h->fd, &h->st) < 0) return error_set(&h->err, -errno, "cannot stat the file: %s", error_name(-errno));
    return 0;
}

static void run(struct worker_job *job)
{
    struct head *h = container_of(job, struct head, job);
    if (h->more) h->want *= 2;
    h->rc = look_at(h);
    if (h->rc == 0) h->rc = read_head(h);
}

/* What is held from now on. It is taken anyway: a file whose head cannot be read would hold up its lane. */
static void account(struct head *h, size_t held)
{
    if (!h->memory) return;
    if (held > h->cost) memory_take(h->memory, held - h->cost, true);
    if (held < h->cost) memory_give(h->memory, h->cost - held);
    h->cost = held;
}

static void on_run(struct worker_job *job)
{
    struct head *h = container_of(job, struct head, job);
    if (h->more) {
        account(h, 2 * h->want * HEAD_COST);
        workers_submit(h->workers, &h->job);
        return;
    }
    account(h, h->arena.used);
    h->done(h);
}

void head_start(struct head *h, struct workers *workers, struct memory *memory)
{
    h->workers = workers;
    h->memory = memory;
    account(h, h->want * HEAD_COST);
    workers_submit(workers, &h->job);
}

void head_run(struct head *h)
{
    do
        run(&h->job);
    while (h->more);
}

void head_init(struct head *h, int fd, const struct head_declared *declared, size_t max_record)
{
    *h = (struct head){.job = {.run = run, .done = on_run, .priority = WORKER_URGENT},
                       .want = HEAD_BYTES,
                       .fd = fd,
                       .declared = *declared,
                       .max_record = max_record};
    arena_init(&h->arena, ARENA_BLOCK, max_record + ((size_t)64 << 20));
}

void head_tell(const struct head *h, const char *file)
{
    char shown[512];
    if (h->rc == 0 && h->found[0])
        log_info("%s is read with %s (detected)", log_escape(slice_of(file), shown, sizeof shown), h->found);
}

void head_done(struct head *h)
{
    account(h, 0);
    forget_text(h);
    head_names_done(&h->plan_head);
    arena_done(&h->arena);
}
