/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "base/hmac.h"

#include <cmocka.h>

static void it_is_that_of_the_rfc(void **state)
{
    (void)state;
    uint8_t sum[DIGEST_BYTES];
    char hex[DIGEST_HEX];
    hmac_sha256(SLICE("Jefe"), SLICE("what do ya want for nothing?"), sum); /* RFC 4231, 4.3 */
    digest_hex(sum, hex);
    assert_string_equal(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

static void an_empty_key_is_a_key(void **state)
{
    (void)state;
    uint8_t sum[DIGEST_BYTES];
    char hex[DIGEST_HEX];
    hmac_sha256((struct slice){NULL, 0}, SLICE(""), sum);
    digest_hex(sum, hex);
    assert_string_equal(hex, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void base64_goes_there_and_back(void **state)
{
    (void)state;
    static const char *const text[] = {"Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"}; /* RFC 4648, 10 */
    for (size_t i = 0; i < 6; i++) {
        char out[16];
        uint8_t back[16];
        size_t n;
        base64_encode("foobar", i + 1, out);
        assert_string_equal(out, text[i]);
        assert_true(base64_decode(slice_of(text[i]), back, &n));
        assert_int_equal(n, i + 1);
        assert_memory_equal(back, "foobar", n);
    }
}

static void what_is_no_base64_is_told(void **state)
{
    (void)state;
    uint8_t back[16];
    size_t n;
    assert_false(base64_decode(SLICE(""), back, &n));
    assert_false(base64_decode(SLICE("Zg="), back, &n));
    assert_false(base64_decode(SLICE("Z!=="), back, &n));
    assert_false(base64_decode(SLICE("sv=2"), back, &n));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_that_of_the_rfc),
        cmocka_unit_test(an_empty_key_is_a_key),
        cmocka_unit_test(base64_goes_there_and_back),
        cmocka_unit_test(what_is_no_base64_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
