/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "base/base64url.h"

#include <cmocka.h>

static void vectors_of_rfc_4648(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *text;
    } cases[] = {{"", ""},           {"f", "Zg"},          {"fo", "Zm8"},          {"foo", "Zm9v"},
                 {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\xfb\xff", "-_8"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[16] = "";
        char bytes[16] = "";
        size_t n = strlen(cases[i].bytes);
        base64url_encode(cases[i].bytes, n, text);
        assert_string_equal(text, cases[i].text);
        assert_int_equal(strlen(text), BASE64URL_LEN(n));
        assert_int_equal(BASE64URL_BYTES(strlen(text)), n);
        assert_true(base64url_decode(slice_of(cases[i].text), bytes));
        assert_memory_equal(bytes, cases[i].bytes, n);
    }
}

static void all_bytes_come_back(void **state)
{
    (void)state;
    uint8_t bytes[256], again[256];
    char text[BASE64URL_LEN(256)];
    for (int i = 0; i < 256; i++)
        bytes[i] = (uint8_t)i;
    base64url_encode(bytes, 256, text);
    assert_true(base64url_decode((struct slice){text, sizeof text}, again));
    assert_memory_equal(bytes, again, 256);
}

static void other_texts_of_the_same_bytes_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"Zg==", "Zg=", "Zh", "Zm9", "Z", "Zm9vY", "Zm 8", "Zm8\n", "+_8", "/_8", "Zm\xc3\xa9"};
    char bytes[16];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (base64url_decode(slice_of(bad[i]), bytes)) fail_msg("'%s'", bad[i]);
    assert_false(base64url_decode((struct slice){"Zm\0v", 4}, bytes));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_of_rfc_4648),
        cmocka_unit_test(all_bytes_come_back),
        cmocka_unit_test(other_texts_of_the_same_bytes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
