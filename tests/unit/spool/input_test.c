/* SPDX-License-Identifier: MIT */
#include "packed.h"
#include "spool/input.h"

enum { ENTRIES_MAX = 20 };

static const struct input_options standard = {.unpack_max = 1 << 30, .unpack_ratio = 1000, .unpack_entries = ENTRIES_MAX};

/* All of a file's text, parts joined by '|', read in rooms of `room` bytes. */
struct outcome {
    int rc;
    struct buf text;
    struct error err;
    uint8_t sum[DIGEST_BYTES];
};

static struct outcome read_all(struct slice file, const struct input_options *options, size_t room)
{
    struct outcome o = {0};
    struct input in;
    char piece[4096];
    size_t n;
    int fd = packed_file(file);
    buf_init(&o.text, 64 << 20);
    o.rc = input_open(&in, fd, file.len, options, &o.err);
    while (o.rc == 0) {
        while (o.rc == 0 && !in.over) {
            o.rc = input_read(&in, piece, room, &n, &o.err);
            if (o.rc == 0) buf_append(&o.text, piece, n);
        }
        if (o.rc == 0) o.rc = input_next(&in, &o.err);
        if (o.rc == 0) buf_putc(&o.text, '|');
    }
    if (o.rc == INPUT_E_END) {
        assert_int_equal(in.offset, file.len);
        input_sum(&in, o.sum);
    }
    input_close(&in);
    close(fd);
    return o;
}

/* The text, whatever the room, and the digest of the file as it was dropped. */
static void expect_text(struct slice file, const struct input_options *options, const char *text)
{
    struct digest d;
    uint8_t sum[DIGEST_BYTES];
    assert_int_equal(digest_init(&d), 0);
    digest_update(&d, file.p, file.len);
    digest_final(&d, sum);
    digest_done(&d);
    for (size_t room = TRANSCODE_ROOM; room <= 4096; room = room * 3 / 2 + 1) {
        struct outcome o = read_all(file, options, room);
        assert_int_equal(o.rc, INPUT_E_END);
        assert_string_equal(buf_cstr(&o.text), text);
        assert_memory_equal(o.sum, sum, sizeof sum);
        buf_done(&o.text);
    }
}

static void expect_refusal(struct slice file, const struct input_options *options, const char *words)
{
    struct outcome o = read_all(file, options, 4096);
    if (o.rc != INPUT_E_REFUSED) fail_msg("'%s' is not refused, but %d", words, o.rc);
    if (!strstr(o.err.text, words)) fail_msg("'%s' is not in '%s'", words, o.err.text);
    buf_done(&o.text);
}

static void plain_text_comes_as_it_is(void **state)
{
    (void)state;
    expect_text(SLICE("a,b\n1,2\n"), &standard, "a,b\n1,2\n");
    expect_text(SLICE(""), &standard, "");
    expect_text(SLICE("\x1f"), &standard, "\x1f");
    struct input_options latin1 = standard;
    latin1.latin1 = true;
    expect_text(SLICE("\xff\xfe"
                      "a"),
                &latin1,
                "\xff\xfe"
                "a");
}

static void other_encodings_become_utf8(void **state)
{
    (void)state;
    struct input_options cp1252 = standard;
    cp1252.encoding = "cp1252";
    expect_text(SLICE("\xff\xfe"
                      "a\0\xe4\0"),
                &standard,
                "\xef\xbb\xbf"
                "a\xc3\xa4");
    expect_text(SLICE("\x80,"), &cp1252, "\xe2\x82\xac,");
    /* A character of one byte or unit that means nothing is left for the reader. */
    expect_text(SLICE("abc\x81"), &cp1252, "abc\x81");
    expect_text(SLICE("\xff\xfe"
                      "\0\xdc,\0"),
                &standard, "\xef\xbb\xbf\xed\xb0\x80,");
    struct input_options gb18030 = standard;
    gb18030.encoding = "gb18030";
    expect_refusal(SLICE("abc\xff"), &gb18030,
                   "line 1, byte 3 of the file: 0xff there means nothing in gb18030; mend it, or declare another encoding");
    expect_refusal(SLICE("a\r\nb\r\nc\xff\r\n"), &gb18030, "line 3, byte 7 of the file: 0xff");
    expect_refusal(SLICE("a\rb\rc\xff\r"), &gb18030, "line 3, byte 5 of the file: 0xff");
    expect_refusal(SLICE("\xff\xfe"
                         "a"),
                   &standard, "line 1, byte 2 of the file: the text ends inside a character of UTF-16LE; mend it");
}

static void gzip_members_are_joined_and_every_byte_counts(void **state)
{
    (void)state;
    struct buf file;
    buf_init(&file, 1 << 20);
    packed_gzip(&file, SLICE("a,b\n1,"));
    packed_gzip(&file, SLICE(""));
    packed_gzip(&file, SLICE("2\n"));
    expect_text(buf_slice(&file), &standard, "a,b\n1,2\n");
    for (size_t cut = 2; cut < file.len; cut++) {
        struct outcome o = read_all((struct slice){file.data, cut}, &standard, 4096);
        /* At the end of a member it is whole, as far as anybody can tell. */
        assert_true(o.rc == INPUT_E_REFUSED || (o.rc == INPUT_E_END && (o.text.len == 6)));
        buf_done(&o.text);
    }
    buf_putc(&file, 'x');
    expect_refusal(buf_slice(&file), &standard, "goes on with something else");
    file.data[file.len - 2] ^= 1; /* the length of the last member */
    file.len--;
    expect_refusal(buf_slice(&file), &standard, "damaged");
    buf_done(&file);
}

static void members_of_a_zip_come_in_the_order_of_their_names(void **state)
{
    (void)state;
    const struct packed_member members[] = {{"c.csv", SLICE("3")},
                                            {"dir/", SLICE("")},
                                            {"a.csv", SLICE("1")},
                                            {"__MACOSX/._a.csv", SLICE("no")},
                                            {"dir/.hidden", SLICE("no")},
                                            {"b.csv", SLICE("\xff\xfe"
                                                            "2\0")}};
    struct buf file;
    buf_init(&file, 1 << 20);
    packed_zip(&file, members, 6);
    expect_text(buf_slice(&file), &standard,
                "1|\xef\xbb\xbf"
                "2|3");
    for (size_t cut = 4; cut < file.len; cut++) {
        struct outcome o = read_all((struct slice){file.data, cut}, &standard, 4096);
        assert_int_equal(o.rc, INPUT_E_REFUSED);
        buf_done(&o.text);
    }
    buf_putc(&file, 'x');
    expect_refusal(buf_slice(&file), &standard, "other bytes stand behind it");
    buf_done(&file);
}

static void expect_zip_refusal(const struct packed_member *members, size_t n, const char *words)
{
    struct buf file;
    buf_init(&file, 1 << 20);
    packed_zip(&file, members, n);
    expect_refusal(buf_slice(&file), &standard, words);
    buf_done(&file);
}

static void what_a_zip_must_not_hold_is_refused(void **state)
{
    (void)state;
    struct packed_member many[ENTRIES_MAX + 1];
    for (size_t i = 0; i <= ENTRIES_MAX; i++)
        many[i] = (struct packed_member){"a.csv", SLICE("1")};
    expect_zip_refusal(many, ENTRIES_MAX + 1, "unpack_entries allows 20");
    expect_zip_refusal(&(struct packed_member){"x/../../a.csv", SLICE("1")}, 1, "leads out of its folder");
    expect_zip_refusal(&(struct packed_member){"..\\a.csv", SLICE("1")}, 1, "leads out of its folder");
    expect_zip_refusal(&(struct packed_member){"x/", SLICE("")}, 1, "holds no file");
    expect_zip_refusal(&(struct packed_member){"a.csv", SLICE("PK\3\4")}, 1, "member a.csv of the zip file is packed itself");
    expect_zip_refusal(NULL, 0, "holds no file");
}

static void limits_stop_what_unpacks_to_too_much(void **state)
{
    (void)state;
    struct buf file, text;
    buf_init(&file, 64 << 20);
    buf_init(&text, 64 << 20);
    for (int i = 0; i < 1 << 21; i++)
        buf_puts(&text, "0123456789\n");
    packed_gzip(&file, buf_slice(&text));
    struct input_options options = standard;
    options.unpack_max = 1 << 20;
    expect_refusal(buf_slice(&file), &options, "unpack_max (1048576 bytes)");
    options.unpack_max = 1 << 30;
    options.unpack_ratio = 100;
    expect_refusal(buf_slice(&file), &options, "more than 100 times");
    options.unpack_ratio = 10000;
    struct outcome o = read_all(buf_slice(&file), &options, 4096);
    assert_int_equal(o.rc, INPUT_E_END);
    assert_int_equal(o.text.len, text.len);
    buf_done(&o.text);
    buf_done(&text);
    buf_done(&file);
}

static void declared_compression_must_be_what_it_is(void **state)
{
    (void)state;
    struct input_options options = standard;
    options.compression = INPUT_GZIP;
    expect_refusal(SLICE("a,b\n"), &options, "no gzip file");
    options.compression = INPUT_ZIP;
    expect_refusal(SLICE("\x1f\x8b"), &options, "no zip file");
    options.compression = INPUT_PLAIN;
    expect_text(SLICE("PK\3\4,a"), &options, "PK\3\4,a");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_text_comes_as_it_is),
        cmocka_unit_test(other_encodings_become_utf8),
        cmocka_unit_test(gzip_members_are_joined_and_every_byte_counts),
        cmocka_unit_test(members_of_a_zip_come_in_the_order_of_their_names),
        cmocka_unit_test(what_a_zip_must_not_hold_is_refused),
        cmocka_unit_test(limits_stop_what_unpacks_to_too_much),
        cmocka_unit_test(declared_compression_must_be_what_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
