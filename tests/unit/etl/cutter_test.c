/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include <fcntl.h>
#include <stdlib.h>

/* Everything that makes cutting hard: a byte order mark, CRLF beside LF, line ends, delimiters and doubled quotes in quotes. */
static const char hard[] = "\xef\xbb\xbf"
                           "id,text\r\n"
                           "1,plain\r\n"
                           "2,\"two\r\nlines, one \"\"cell\"\"\"\n"
                           "\n"
                           "3,\"\"\r\n"
                           "4,\"\n\n\n\"\r\n"
                           "5,stray \" quote\n"
                           "6,\"\"\"\"\n"
                           "7,the last without its line end";

/* A file cut to its end. */
struct cutting {
    struct buf joined;
    unsigned chunks;
    uint8_t sum[DIGEST_BYTES];
    struct error err;
};

/* The place of a chunk is the count of what came before it. */
static void check_place(const struct cutting *c, const struct chunk *chunk, size_t bom)
{
    uint64_t lines = 1;
    for (size_t i = 0; i < c->joined.len; i++)
        lines += c->joined.data[i] == '\n';
    assert_int_equal(chunk->first_line, lines);
    assert_int_equal(chunk->first_offset, bom + c->joined.len);
    assert_int_equal(chunk->seq, c->chunks);
}

/* Each chunk ends where a record ends: before it, the quotes are even and an LF stands; or it is the last. */
static void check_end(const struct chunk *chunk, uint64_t file_bytes)
{
    struct slice s = chunk->bytes;
    assert_true(s.len > 0);
    if (chunk->first_offset + s.len == file_bytes) return;
    assert_int_equal(s.p[s.len - 1], '\n');
}

/* `read`: so many bytes of the text are read before the cutter begins. */
static int cut_behind(size_t read, const struct cutter_input *in, struct cutting *ret_cutting)
{
    struct cutting c = {.chunks = 0};
    buf_init(&c.joined, 1 << 20);
    struct cutter cutter;
    assert_int_equal(cutter_init(&cutter, in), 0);
    if (read > 0) {
        struct input input;
        struct slice text = {malloc(read), 0};
        assert_int_equal(input_open(&input, in->fd, (uint64_t)in->st.st_size, &in->options, &c.err), 0);
        assert_int_equal(input_read(&input, (char *)text.p, read, &text.len, &c.err), 0);
        cutter_go_on(&cutter, &input, text);
        input_close(&input);
    }
    struct chunk chunk;
    int r;
    while ((r = cutter_next(&cutter, &chunk, &c.err)) == 0) {
        check_place(&c, &chunk, in->dialect.start);
        check_end(&chunk, (uint64_t)in->st.st_size);
        buf_put(&c.joined, chunk.bytes);
        chunk_done(&chunk);
        c.chunks++;
    }
    assert_int_equal(buf_check(&c.joined), 0);
    if (r == CUTTER_E_END) {
        assert_int_equal(cutter_bytes(&cutter), in->st.st_size);
        cutter_sum(&cutter, c.sum);
    }
    cutter_done(&cutter);
    *ret_cutting = c;
    return r;
}

static int cut_all(const struct cutter_input *in, struct cutting *ret_cutting)
{
    return cut_behind(0, in, ret_cutting);
}

static void assert_digest_of(const uint8_t sum[DIGEST_BYTES], struct slice bytes)
{
    struct digest d;
    uint8_t expected[DIGEST_BYTES];
    assert_int_equal(digest_init(&d), 0);
    digest_update(&d, bytes.p, bytes.len);
    digest_final(&d, expected);
    digest_done(&d);
    assert_memory_equal(sum, expected, DIGEST_BYTES);
}

static void chunks_of_every_size_join_to_the_file(void **state)
{
    (void)state;
    struct slice all = slice_of(hard);
    int fd = fixture_file(all);
    for (size_t chunk_bytes = 3; chunk_bytes <= all.len + 1; chunk_bytes++) {
        struct cutter_input in = fixture_input(fd, all, chunk_bytes);
        assert_int_equal(in.dialect.start, 3);
        struct cutting c;
        assert_int_equal(cut_all(&in, &c), CUTTER_E_END);
        assert_int_equal(c.joined.len, all.len - 3);
        assert_memory_equal(c.joined.data, hard + 3, c.joined.len);
        assert_digest_of(c.sum, all);
        if (chunk_bytes < 8) assert_true(c.chunks > 6); /* of nine records, of which the blank one may travel with its neighbour */
        buf_done(&c.joined);
    }
    close(fd);
}

static void a_cutter_goes_on_where_another_stopped_to_read(void **state)
{
    (void)state;
    struct slice all = slice_of(hard);
    int fd = fixture_file(all);
    for (size_t chunk_bytes = 3; chunk_bytes <= all.len + 1; chunk_bytes += 7) {
        for (size_t read = 1; read <= all.len + 1; read++) {
            struct cutter_input in = fixture_input(fd, all, chunk_bytes);
            struct cutting c;
            assert_int_equal(cut_behind(read, &in, &c), CUTTER_E_END);
            assert_int_equal(c.joined.len, all.len - 3);
            assert_memory_equal(c.joined.data, hard + 3, c.joined.len);
            assert_digest_of(c.sum, all);
            buf_done(&c.joined);
        }
    }
    close(fd);
}

static void a_file_of_less_than_a_chunk_is_one(void **state)
{
    (void)state;
    const struct slice files[] = {SLICE("a\n1\n2"), SLICE("a\n1\n2\n"), SLICE("a"), SLICE("\n"), SLICE("a\r1\r2")};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        int fd = fixture_file(files[i]);
        struct cutter_input in = fixture_input(fd, files[i], 100);
        struct cutting c;
        assert_int_equal(cut_all(&in, &c), CUTTER_E_END);
        assert_int_equal(c.chunks, 1);
        assert_int_equal(c.joined.len, files[i].len);
        buf_done(&c.joined);
        close(fd);
    }
}

static void skipped_lines_are_in_no_chunk_but_are_counted(void **state)
{
    (void)state;
    struct slice all = SLICE("it's \"\r\n\r\na,b\r\n1,2\r\n");
    int fd = fixture_file(all);
    for (size_t chunk_bytes = 1; chunk_bytes <= all.len + 1; chunk_bytes++) {
        struct cutter_input in = fixture_input(fd, all, chunk_bytes);
        struct dialect declared = dialect_default();
        declared.skip_lines = 2;
        dialect_detect(&declared, all, true, &in.dialect);
        struct cutter cutter;
        struct chunk chunk;
        struct error err;
        assert_int_equal(cutter_init(&cutter, &in), 0);
        assert_int_equal(cutter_next(&cutter, &chunk, &err), 0);
        assert_int_equal(chunk.first_line, 3);
        assert_int_equal(chunk.first_offset, 10);
        assert_true(slice_starts(chunk.bytes, SLICE("a,b\r\n")));
        chunk_done(&chunk);
        cutter_done(&cutter);
    }
    close(fd);
}

static void text_in_utf16_is_cut_in_utf8(void **state)
{
    (void)state;
    struct slice all = SLICE("\xff\xfe"
                             "a\0\n\0\xe4\0\n\0");
    int fd = fixture_file(all);
    struct cutter_input in = fixture_input(fd,
                                           SLICE("\xef\xbb\xbf"
                                                 "a\n"),
                                           100);
    in.options.compression = INPUT_AUTO;
    struct cutter cutter;
    struct chunk chunk;
    struct error err;
    uint8_t sum[DIGEST_BYTES];
    assert_int_equal(cutter_init(&cutter, &in), 0);
    assert_int_equal(cutter_next(&cutter, &chunk, &err), 0);
    assert_true(slice_equal(chunk.bytes, SLICE("a\n\xc3\xa4\n")));
    assert_int_equal(chunk.first_offset, 3);
    chunk_done(&chunk);
    assert_int_equal(cutter_next(&cutter, &chunk, &err), CUTTER_E_END);
    cutter_sum(&cutter, sum);
    assert_digest_of(sum, all);
    cutter_done(&cutter);
    close(fd);
}

static void a_chunk_never_ends_inside_quotes(void **state)
{
    (void)state;
    struct slice all = SLICE("a\n\"1\n2\n3\n4\n5\n6\n7\n8\n\"\nb\n");
    int fd = fixture_file(all);
    for (size_t chunk_bytes = 1; chunk_bytes < all.len; chunk_bytes++) {
        struct cutter_input in = fixture_input(fd, all, chunk_bytes);
        struct cutter cutter;
        assert_int_equal(cutter_init(&cutter, &in), 0);
        struct chunk chunk;
        struct error err;
        while (cutter_next(&cutter, &chunk, &err) == 0) {
            unsigned quotes = 0;
            for (size_t i = 0; i < chunk.bytes.len; i++)
                quotes += chunk.bytes.p[i] == '"';
            assert_int_equal(quotes % 2, 0);
            chunk_done(&chunk);
        }
        cutter_done(&cutter);
    }
    close(fd);
}

static int cut_text(struct slice all, size_t chunk_bytes, size_t max_record, struct cutting *ret_cutting)
{
    int fd = fixture_file(all);
    struct cutter_input in = fixture_input(fd, all, chunk_bytes);
    if (max_record > 0) in.max_record = max_record;
    int r = cut_all(&in, ret_cutting);
    close(fd);
    return r;
}

static void empty_files_have_no_chunk_but_a_digest(void **state)
{
    (void)state;
    const struct slice files[] = {SLICE(""), SLICE("\xef\xbb\xbf")};
    for (size_t i = 0; i < 2; i++) {
        struct cutting c;
        assert_int_equal(cut_text(files[i], 100, 0, &c), CUTTER_E_END);
        assert_int_equal(c.chunks, 0);
        assert_digest_of(c.sum, files[i]);
        buf_done(&c.joined);
    }
}

static void unclosed_quote_is_said_with_the_line_it_opened_on(void **state)
{
    (void)state;
    for (size_t chunk_bytes = 1; chunk_bytes < 40; chunk_bytes++) {
        struct cutting c;
        assert_int_equal(cut_text(SLICE("a,b\n1,\"x\ny\"\n2,\"never\nclosed\n3,4\n"), chunk_bytes, 0, &c), CUTTER_E_UNCLOSED);
        assert_non_null(strstr(c.err.text, "line 4: "));
        buf_done(&c.joined);
    }
}

static void too_long_a_record_is_said_with_the_line_it_begins_on(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, 1 << 20);
    buf_puts(&text, "a,b\n1,\"x\ny\"\n2,\"");
    for (int i = 0; i < 1000; i++)
        buf_puts(&text, "0123456789\n");
    buf_puts(&text, "\"\n3,4\n");
    struct cutting c;
    assert_int_equal(cut_text(buf_slice(&text), 64, 1000, &c), CUTTER_E_LONG);
    assert_non_null(strstr(c.err.text, "line 4: "));
    assert_non_null(strstr(c.err.text, "max_record (1000 bytes)"));
    assert_int_equal(c.joined.len, strlen("a,b\n1,\"x\ny\"\n"));
    buf_done(&c.joined);
    assert_int_equal(cut_text(buf_slice(&text), 64, 20000, &c), CUTTER_E_END);
    buf_done(&c.joined);
    buf_done(&text);
}

/* Whatever is read at once, and wherever in it the record lies. */
static void the_longest_record_is_exact(void **state)
{
    (void)state;
    enum { MAX = 20 };
    for (size_t chunk_bytes = 1; chunk_bytes < 120; chunk_bytes++)
        for (int before = 0; before < 4; before++)
            for (int end = 0; end < 3; end++)
                for (int len = MAX - 1; len <= MAX + 1; len++) {
                    struct buf text;
                    buf_init(&text, 1000);
                    for (int i = 0; i < before; i++)
                        buf_puts(&text, "a,\"b\n\"\n");
                    const char *const line_end[] = {"", "\n", "\r\n"};
                    for (int i = 0; i < len - (int)strlen(line_end[end]); i++)
                        buf_putc(&text, 'x');
                    buf_puts(&text, line_end[end]);
                    if (end) buf_puts(&text, "c,d\n");
                    struct cutting c;
                    assert_int_equal(cut_text(buf_slice(&text), chunk_bytes, MAX, &c), len > MAX ? CUTTER_E_LONG : CUTTER_E_END);
                    char line[16];
                    snprintf(line, sizeof line, "line %d: ", 1 + 2 * before);
                    if (len > MAX) assert_non_null(strstr(c.err.text, line));
                    buf_done(&c.joined);
                    buf_done(&text);
                }
}

/* ---- a file that moves under the reader ---- */

struct moving {
    int fd;
    struct cutter cutter;
    struct chunk chunk;
    struct error err;
};

static void begin_moving(struct moving *m)
{
    m->fd = fixture_file(SLICE("a\n1\n2\n3\n"));
    struct cutter_input in = fixture_input(m->fd, SLICE("a\n"), 2);
    assert_int_equal(cutter_init(&m->cutter, &in), 0);
    assert_int_equal(cutter_next(&m->cutter, &m->chunk, &m->err), 0);
    chunk_done(&m->chunk);
}

static int end_moving(struct moving *m)
{
    int r;
    while ((r = cutter_next(&m->cutter, &m->chunk, &m->err)) == 0)
        chunk_done(&m->chunk);
    cutter_done(&m->cutter);
    close(m->fd);
    return r;
}

static void file_that_shrinks_is_truncated(void **state)
{
    (void)state;
    struct moving m;
    begin_moving(&m);
    assert_int_equal(ftruncate(m.fd, 4), 0);
    assert_int_equal(end_moving(&m), CUTTER_E_TRUNCATED);
    assert_non_null(strstr(m.err.text, "from 8 to 4 bytes"));
}

static void file_that_grows_has_changed(void **state)
{
    (void)state;
    struct moving m;
    begin_moving(&m);
    assert_int_equal(pwrite(m.fd, "4\n", 2, 8), 2);
    assert_int_equal(end_moving(&m), CUTTER_E_CHANGED);
}

static void file_that_is_rewritten_in_place_has_changed(void **state)
{
    (void)state;
    struct moving m;
    begin_moving(&m);
    const struct timespec times[] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 1}};
    assert_int_equal(pwrite(m.fd, "9", 1, 2), 1);
    assert_int_equal(futimens(m.fd, times), 0);
    assert_int_equal(end_moving(&m), CUTTER_E_CHANGED);
}

static void file_that_shrinks_inside_an_open_quote_is_truncated_and_not_unclosed(void **state)
{
    (void)state;
    struct slice all = SLICE("a\n\"1\n2\"\n");
    struct moving m = {.fd = fixture_file(all)};
    struct cutter_input in = fixture_input(m.fd, all, 2);
    assert_int_equal(cutter_init(&m.cutter, &in), 0);
    assert_int_equal(ftruncate(m.fd, 4), 0);
    assert_int_equal(end_moving(&m), CUTTER_E_TRUNCATED);
}

static void read_error_is_passed_up_with_its_place(void **state)
{
    (void)state;
    struct cutting c;
    int fd = fixture_file(SLICE("a\n"));
    struct cutter_input in = fixture_input(fd, SLICE("a\n"), 100);
    close(fd);
    int folder = fs_open_dir(AT_FDCWD, "/"); /* a folder cannot be read */
    in.fd = folder;
    assert_int_equal(cut_all(&in, &c), -EISDIR);
    assert_non_null(strstr(c.err.text, "byte 0"));
    close(folder);
    buf_done(&c.joined);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunks_of_every_size_join_to_the_file),
        cmocka_unit_test(a_cutter_goes_on_where_another_stopped_to_read),
        cmocka_unit_test(a_file_of_less_than_a_chunk_is_one),
        cmocka_unit_test(skipped_lines_are_in_no_chunk_but_are_counted),
        cmocka_unit_test(text_in_utf16_is_cut_in_utf8),
        cmocka_unit_test(a_chunk_never_ends_inside_quotes),
        cmocka_unit_test(empty_files_have_no_chunk_but_a_digest),
        cmocka_unit_test(unclosed_quote_is_said_with_the_line_it_opened_on),
        cmocka_unit_test(too_long_a_record_is_said_with_the_line_it_begins_on),
        cmocka_unit_test(the_longest_record_is_exact),
        cmocka_unit_test(file_that_shrinks_is_truncated),
        cmocka_unit_test(file_that_grows_has_changed),
        cmocka_unit_test(file_that_is_rewritten_in_place_has_changed),
        cmocka_unit_test(file_that_shrinks_inside_an_open_quote_is_truncated_and_not_unclosed),
        cmocka_unit_test(read_error_is_passed_up_with_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
