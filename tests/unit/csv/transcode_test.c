/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "csv/transcode.h"

#include <cmocka.h>

enum { TEXT_MAX = 512 };

/* All of `in` in pieces of `piece` bytes; the text in UTF-8 is put into ret_text. 0 or TRANSCODE_E_. */
static int convert_on(const char *encoding, struct slice in, size_t piece, bool skip, char *ret_text, size_t *ret_len,
                      uint64_t *ret_offset)
{
    struct transcode t;
    assert_int_equal(transcode_init(&t, encoding), 0);
    int r = 0;
    size_t len = 0, n;
    for (size_t at = 0; at < in.len && r == 0; at += piece) {
        struct slice part = {in.p + at, in.len - at < piece ? in.len - at : piece};
        while (part.len > 0 && r == 0) {
            assert_true(TEXT_MAX - len >= TRANSCODE_ROOM);
            r = transcode_step(&t, &part, ret_text + len, TRANSCODE_ROOM, &n);
            assert_true(n <= TRANSCODE_ROOM);
            len += n;
            if (r == 0 || !skip) continue;
            assert_true(TEXT_MAX - len >= TRANSCODE_ROOM);
            r = transcode_skip(&t, &part, ret_text + len, TRANSCODE_ROOM, &n);
            if (r == 0) len += n;
        }
    }
    if (r == 0) {
        r = transcode_end(&t, ret_text + len, TRANSCODE_ROOM, &n);
        if (r == 0) len += n;
    }
    *ret_len = len;
    *ret_offset = t.offset;
    transcode_done(&t);
    return r;
}

static int convert(const char *encoding, struct slice in, size_t piece, char *ret_text, size_t *ret_len, uint64_t *ret_offset)
{
    return convert_on(encoding, in, piece, false, ret_text, ret_len, ret_offset);
}

static const struct {
    const char *encoding;
    struct slice in;
    const char *out;
} texts[] = {
    {"UTF-16LE",
     {"\xff\xfe"
      "a\0\xe4\0=\xd8\x42\xde,\0\n\0",
      14},
     "\xef\xbb\xbf"
     "a\xc3\xa4\xf0\x9f\x99\x82,\n"},
    {"UTF-16BE", {"\0a\xd8=\xde\x42", 6}, "a\xf0\x9f\x99\x82"},
    {"UTF-32LE", {"a\0\0\0\x42\xf6\1\0", 8}, "a\xf0\x9f\x99\x82"},
    {"CP1252", {"\x80 \xe4", 3}, "\xe2\x82\xac \xc3\xa4"},
    {"SHIFT_JIS", {"\x93\xfa\x96{,", 5}, "\xe6\x97\xa5\xe6\x9c\xac,"},
    {"ISO-2022-JP", {"a\x1b$BF|K\\\x1b(B,\x1b$BF|\x1b(B", 20}, "a\xe6\x97\xa5\xe6\x9c\xac,\xe6\x97\xa5"},
    {"GB18030",
     {"\xc8\xd5\x95\x30\x85\x32"
      "b",
      7},
     "\xe6\x97\xa5\xf0\x9f\x99\x82"
     "b"},
    {"UTF-7", {"+ZeVnLA-,a", 10}, "\xe6\x97\xa5\xe6\x9c\xac,a"},
};

static void every_cut_gives_the_same_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        for (size_t piece = 1; piece <= texts[i].in.len; piece++) {
            char text[TEXT_MAX];
            size_t len;
            uint64_t offset;
            assert_int_equal(convert(texts[i].encoding, texts[i].in, piece, text, &len, &offset), 0);
            assert_int_equal(len, strlen(texts[i].out));
            assert_memory_equal(text, texts[i].out, len);
            assert_int_equal(offset, texts[i].in.len);
        }
    }
}

static void what_means_nothing_is_told_with_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *encoding;
        struct slice in;
        uint64_t offset;
        int code;
    } cases[] = {
        {"CP1252",
         {"ab\x81"
          "c",
          4},
         2,
         TRANSCODE_E_INVALID},
        {"UTF-16LE",
         {"a\0\0\xdc"
          "b\0",
          6},
         2,
         TRANSCODE_E_INVALID},
        {"UTF-16LE", {"a\0b", 3}, 2, TRANSCODE_E_CUT},
        {"UTF-16LE", {"a\0=\xd8", 4}, 2, TRANSCODE_E_CUT},
        {"UTF-32BE", {"\0\0\0a\0\x11\0\0", 8}, 4, TRANSCODE_E_INVALID},
        {"SHIFT_JIS", {"a\x93", 2}, 1, TRANSCODE_E_CUT},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (size_t piece = 1; piece <= cases[i].in.len; piece++) {
            char text[TEXT_MAX];
            size_t len;
            uint64_t offset;
            assert_int_equal(convert(cases[i].encoding, cases[i].in, piece, text, &len, &offset), cases[i].code);
            assert_int_equal(offset, cases[i].offset);
        }
    }
}

/* Whatever the cut, what means nothing is skipped, and stands in the text as no UTF-8. */
static void skipped_characters_leave_their_mark(void **state)
{
    (void)state;
    static const struct {
        const char *encoding;
        struct slice in;
        const char *out;
    } cases[] = {
        {"CP1252", {"\x81", 1}, "\x81"},
        {"CP1252", {"a\xe4\x81,\x9d\x8f\n", 7}, "a\xc3\xa4\x81,\x9d\xff\x8f\n"},
        {"ASCII", {"\xc3\xa4\xc3\xa4 \xc3", 6}, "\xc3\xff\xa4\xff\xc3\xff\xa4 \xc3"}, /* UTF-8 must not come back */
        {"ISO-8859-8", {"\xd0\xbf", 2}, "\xd0\xff\xbf"},
        {"EBCDIC-IS-FRISS",
         {"\x40\x41\xc1", 3},
         " \xff"
         "A"},
        {"UTF-16LE",
         {"a\0\0\xd8"
          "b\0\xff\xdf\0\xd8\x42\xde",
          12},
         "a\xed\xa0\x80"
         "b\xed\xbf\xbf\xf0\x90\x89\x82"},
        {"UTF-16BE",
         {"\xdc\1\0a", 4},
         "\xed\xb0\x81"
         "a"},
        {"UTF-32LE",
         {"\0\xd8\0\0a\0\0\0\0\0\x11\0", 12},
         "\xff"
         "a\xff"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (size_t piece = 1; piece <= cases[i].in.len; piece++) {
            char text[TEXT_MAX];
            size_t len;
            uint64_t offset;
            assert_int_equal(convert_on(cases[i].encoding, cases[i].in, piece, true, text, &len, &offset), 0);
            if (len != strlen(cases[i].out) || memcmp(text, cases[i].out, len) != 0)
                fail_msg("%s in pieces of %zu: %.*s", cases[i].encoding, piece, (int)len, text);
            assert_int_equal(offset, cases[i].in.len);
        }
    }
    static const struct {
        const char *encoding;
        struct slice in;
    } lost[] = {{"SHIFT_JIS", {"a\xff,", 3}}, {"GB18030", {"a\xff,", 3}}, {"ISO-2022-JP", {"a\x80,", 3}},
                {"UTF-7", {"a\x80,", 3}},     {"CP1255", {"a\xd9,", 3}},  {"EUC-JP", {"a\xff,", 3}}};
    for (size_t i = 0; i < sizeof(lost) / sizeof(lost[0]); i++) {
        char text[TEXT_MAX];
        size_t len;
        uint64_t offset;
        assert_int_equal(convert_on(lost[i].encoding, lost[i].in, 1, true, text, &len, &offset), TRANSCODE_E_INVALID);
        assert_int_equal(offset, 1);
    }
}

static void long_text_uses_up_the_room_again_and_again(void **state)
{
    (void)state;
    char in[2 * TRANSCODE_ROOM + 1], text[TEXT_MAX];
    memset(in, 0xe4, sizeof in);
    size_t len;
    uint64_t offset;
    assert_int_equal(convert("ISO-8859-1", (struct slice){in, sizeof in}, sizeof in, text, &len, &offset), 0);
    assert_int_equal(len, 2 * sizeof in);
}

static void unknown_encoding_is_told(void **state)
{
    (void)state;
    struct transcode t;
    assert_int_equal(transcode_init(&t, "no-such-encoding"), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cut_gives_the_same_text),
        cmocka_unit_test(what_means_nothing_is_told_with_its_place),
        cmocka_unit_test(skipped_characters_leave_their_mark),
        cmocka_unit_test(long_text_uses_up_the_room_again_and_again),
        cmocka_unit_test(unknown_encoding_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
