/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "csv/reader.h"
#include "csv/scan.h"
#include "guarded.h"

#include <cmocka.h>

enum { TEXT_MAX = 512 };

static struct dialect comma(void)
{
    struct dialect d = dialect_default();
    d.delimiter = ',';
    return d;
}

/* Feed `text` in the pieces that the cuts make; returns where the last record ends. */
static size_t feed(struct scan *s, struct slice text, size_t piece_bytes, uint64_t *ret_lines)
{
    size_t end = 0;
    uint64_t lines = 0, before = 0; /* line ends up to `end`, and in all pieces so far */
    for (size_t at = 0; at < text.len; at += piece_bytes) {
        size_t n = text.len - at < piece_bytes ? text.len - at : piece_bytes;
        struct scan_result r = scan_feed(s, (struct slice){text.p + at, n});
        assert_true(r.end <= n);
        if (r.end) {
            end = at + r.end;
            lines = before + r.lines;
        }
        before = s->line - 1;
    }
    *ret_lines = lines;
    return end;
}

/* The offset behind the last record end of the whole text, after the text went in at once. */
static size_t end_of(const char *text)
{
    struct dialect d = comma();
    struct scan s;
    scan_init(&s, &d);
    return scan_feed(&s, slice_of(text)).end;
}

static void record_ends_at_lf_and_crlf(void **state)
{
    (void)state;
    assert_int_equal(end_of("a,b\nc"), 4);
    assert_int_equal(end_of("a,b\r\nc"), 5);
    assert_int_equal(end_of("a,b"), 0);
    assert_int_equal(end_of(""), 0);
    assert_int_equal(end_of("\n\n"), 2);
}

static void line_end_in_quotes_ends_no_record(void **state)
{
    (void)state;
    assert_int_equal(end_of("a\n\"x\ny"), 2);
    assert_int_equal(end_of("\"x\n\",\"\n\"\nz"), 9);
    assert_int_equal(end_of("\"a\"\"\n\"\n"), 7);
    assert_int_equal(end_of("\"\"\n\"\n"), 3);
}

static void stray_quote_swallows_no_record(void **state)
{
    (void)state;
    assert_int_equal(end_of("5\" pipe,1\nb\n"), 12);
    assert_int_equal(end_of("a \"x\n,y\" \n"), 10);
    assert_int_equal(end_of("\"a\"b\"\nc\"\n"), 9);
}

static void quote_behind_a_delimiter_opens_again_after_a_fault(void **state)
{
    (void)state;
    assert_int_equal(end_of("x\"y,\"z\n"), 0);
    assert_int_equal(end_of("\"x\"y,\"z\n\"\n"), 10);
}

static void carriage_return_is_no_record_end(void **state)
{
    (void)state;
    assert_int_equal(end_of("a\rb\r"), 0);
    assert_int_equal(end_of("\r\"\n\"\n"), 3);
}

static void open_quote_is_told_with_its_line(void **state)
{
    (void)state;
    struct dialect d = comma();
    struct scan s;
    scan_init(&s, &d);
    scan_feed(&s, SLICE("a\nb,\"c\"\n\"d\",\"e\"\"\n\nf\"\"g"));
    assert_true(scan_open_quote(&s));
    assert_int_equal(s.quote_line, 3);
    assert_int_equal(s.line, 5);
    scan_feed(&s, SLICE("\""));
    assert_false(scan_open_quote(&s));
}

static void lines_are_counted_up_to_the_last_record_end(void **state)
{
    (void)state;
    struct dialect d = comma();
    struct scan s;
    scan_init(&s, &d);
    struct scan_result r = scan_feed(&s, SLICE("\"a\n\n\"\r\nb\n\"\n\n\n"));
    assert_int_equal(r.end, 9);
    assert_int_equal(r.lines, 4);
    assert_int_equal(s.line, 8);
}

static void declared_delimiter_and_quote_are_used(void **state)
{
    (void)state;
    struct dialect d = dialect_default();
    d.delimiter = ';';
    d.quote = '\'';
    struct scan s;
    scan_init(&s, &d);
    assert_int_equal(scan_feed(&s, SLICE("a,\"\n;'\n';b\n'\n")).end, 11);
    d.quote = 0;
    scan_init(&s, &d);
    assert_int_equal(scan_feed(&s, SLICE("a;'\n\"b\n")).end, 7);
    assert_false(scan_open_quote(&s));
}

/* A small generator of our own, so that a failure comes again. */
static uint32_t next_random(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33);
}

/* RFC 4180, each addition alone, and all together; at random. */
static struct dialect random_dialect(uint64_t *seed)
{
    struct dialect d = comma();
    uint32_t r = next_random(seed), all = r % 4 == 0 ? 0xff : r % 4 == 1 ? 0 : 1u << (r / 4 % 6);
    if (all & 1) d.escape = '\\';
    if (all & 2) d.comment = '#';
    if (all & 4) d.trim = true;
    if (all & 8) d.line_end = DIALECT_END_CR;
    if (all == 32) d.quote = 0;
    if (all & 16) d.delimiter = r & 1024 ? '\t' : ' ';
    d.blank = (enum dialect_blank)(r / 32 % 4);
    return d;
}

static struct slice hostile_text(uint64_t *seed, char *ret_text)
{
    static const char alphabet[] = {'a', ',', '\\', '"', '\r', '\n', '\0', '\xff', ' ', '"', ',', '\n', '#', '\t', '\r', '\\'};
    size_t len = next_random(seed) % (next_random(seed) % 4 ? 24 : TEXT_MAX);
    for (size_t i = 0; i < len; i++)
        ret_text[i] = alphabet[next_random(seed) % sizeof alphabet];
    return (struct slice){ret_text, len};
}

/* Well-formed texts keep the vectors' fast way busy; hostile ones seldom let it run for long. */
static struct slice sound_text(uint64_t *seed, char *ret_text)
{
    static const char *const cells[] = {"a",        "",         "\"\"",         "\"x,\ny\"", "\"he said \"\"no\"\"\"", "12345678",
                                        "\"\"\"\"", "\"\r\n\"", "\"a \\\" b\"", " \"c\" ",   "#not or so\"\n",         "\"\\\\\""};
    size_t len = 0, want = next_random(seed) % (TEXT_MAX - 32);
    while (len < want) {
        struct slice cell = slice_of(cells[next_random(seed) % 12]);
        if (cell.len) memcpy(ret_text + len, cell.p, cell.len);
        len += cell.len;
        ret_text[len++] = ",\n\r"[next_random(seed) % 3];
    }
    return (struct slice){ret_text, len};
}

/* Behind the quoted cell whose content begins at i; more than the text's length when it is open. */
static size_t naive_close(const struct dialect *d, struct slice text, size_t i)
{
    while (i < text.len) {
        if (d->escape && text.p[i] == d->escape) {
            i += 2;
        } else if (text.p[i] != d->quote) {
            i++;
        } else if (i + 1 < text.len && text.p[i + 1] == d->quote) {
            i += 2;
        } else {
            return i + 1;
        }
    }
    return text.len + 1;
}

/* Every record end by the grammar's words, with nothing of scan.c in it. */
static size_t expected_ends(const struct dialect *d, struct slice text, bool *ret_is_end, bool *ret_open)
{
    memset(ret_is_end, 0, TEXT_MAX * sizeof(*ret_is_end));
    *ret_open = false;
    size_t last = 0;
    for (size_t i = 0, record = 0; i < text.len; i++) {
        bool is_comment = i == record && d->comment && text.p[i] == d->comment;
        size_t at = i;
        while (!is_comment && d->trim && at < text.len && (text.p[at] == ' ' || text.p[at] == '\t') && text.p[at] != d->delimiter)
            at++;
        if (!is_comment && d->quote && at < text.len && text.p[at] == d->quote) {
            i = naive_close(d, text, at + 1);
            *ret_open = i > text.len;
        }
        while (i < text.len && text.p[i] != dialect_line_byte(d) && (is_comment || text.p[i] != d->delimiter))
            i++;
        if (i >= text.len) break;
        if (text.p[i] == dialect_line_byte(d)) {
            ret_is_end[i] = true;
            last = record = i + 1;
        }
    }
    return last;
}

static void check_every_cut(struct guarded *g, const struct dialect *d, struct slice text)
{
    bool is_end[TEXT_MAX], open;
    size_t last = expected_ends(d, text, is_end, &open);
    struct scan whole;
    uint64_t lines;
    scan_init(&whole, d);
    assert_int_equal(feed(&whole, guarded_put(g, text), text.len + 1, &lines), last);
    assert_int_equal(scan_open_quote(&whole), open);

    for (size_t cut = 0; cut <= text.len; cut++) {
        struct scan s;
        scan_init(&s, d);
        struct slice head = guarded_put(g, (struct slice){text.p, cut});
        struct scan_result a = scan_feed(&s, head);
        uint64_t head_lines = s.line - 1;
        struct scan_result b = scan_feed(&s, guarded_put(g, (struct slice){text.p + cut, text.len - cut}));
        size_t end = b.end ? cut + b.end : a.end;
        uint64_t end_lines = b.end ? head_lines + b.lines : a.lines;
        assert_int_equal(end, last);
        assert_int_equal(end_lines, lines);
        assert_int_equal(s.state, whole.state);
        assert_int_equal(s.line, whole.line);
        if (open) assert_int_equal(s.quote_line, whole.quote_line);
    }

    struct scan bytewise;
    scan_init(&bytewise, d);
    for (size_t i = 0; i < text.len; i++)
        assert_int_equal(scan_feed(&bytewise, (struct slice){text.p + i, 1}).end, is_end[i]);
}

static void every_cut_gives_the_same_record_ends(void **state)
{
    (void)state;
    struct guarded g;
    guarded_init(&g, TEXT_MAX);
    uint64_t seed = 1;
    char text[TEXT_MAX];
    for (int round = 0; round < 4000; round++) {
        struct dialect d = random_dialect(&seed);
        check_every_cut(&g, &d, hostile_text(&seed, text));
        check_every_cut(&g, &d, sound_text(&seed, text));
    }
    guarded_done(&g);
}

/* Blank lines and comments, which are no records, end too. */
static void mark_skipped(const struct dialect *d, struct slice text, size_t from, size_t to, bool *ret_is_end)
{
    for (size_t i = from; i < to; i++) {
        if (d->comment && text.p[i] == d->comment)
            while (i + 1 < to && text.p[i] != dialect_line_byte(d))
                i++;
        ret_is_end[i] = text.p[i] == dialect_line_byte(d);
        assert_true(ret_is_end[i] || text.p[i] == '\r' || i + 1 == text.len);
    }
}

/* All record ends that a reader over the text finds. */
static void mark_reader_ends(const struct dialect *d, struct slice text, struct arena *arena, bool *ret_is_end)
{
    struct reader r;
    struct record record;
    memset(ret_is_end, 0, TEXT_MAX * sizeof(*ret_is_end));
    reader_init(&r, &(struct reader_input){.dialect = d, .chunk = text, .first_line = 1}, arena);
    size_t behind = 0;
    for (;;) {
        int rc = reader_next(&r, &record);
        assert_true(rc >= 0);
        size_t start = rc == READER_E_END ? text.len : record.offset;
        mark_skipped(d, text, behind, start, ret_is_end);
        if (rc == READER_E_END) break;
        behind = r.pos;
        /* A record without a line end is the last one; its raw bytes then reach the end of the text. */
        if (record.offset + record.raw.len < behind) ret_is_end[behind - 1] = true;
    }
}

static void reader_and_scan_agree_about_every_record_end(void **state)
{
    (void)state;
    uint64_t seed = 2;
    char text[TEXT_MAX];
    struct arena arena;
    arena_init(&arena, 1 << 16, 1 << 20);
    for (int round = 0; round < 60000; round++) {
        struct dialect d = random_dialect(&seed);
        struct slice t = round % 2 ? hostile_text(&seed, text) : sound_text(&seed, text);
        bool want[TEXT_MAX] = {false}, got[TEXT_MAX], open;
        expected_ends(&d, t, want, &open);
        mark_reader_ends(&d, t, &arena, got);
        assert_memory_equal(got, want, t.len * sizeof(*want));
        arena_reset(&arena);
    }
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(record_ends_at_lf_and_crlf),
        cmocka_unit_test(line_end_in_quotes_ends_no_record),
        cmocka_unit_test(stray_quote_swallows_no_record),
        cmocka_unit_test(quote_behind_a_delimiter_opens_again_after_a_fault),
        cmocka_unit_test(carriage_return_is_no_record_end),
        cmocka_unit_test(open_quote_is_told_with_its_line),
        cmocka_unit_test(lines_are_counted_up_to_the_last_record_end),
        cmocka_unit_test(declared_delimiter_and_quote_are_used),
        cmocka_unit_test(every_cut_gives_the_same_record_ends),
        cmocka_unit_test(reader_and_scan_agree_about_every_record_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
