/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "base/secret_token.h"

#include <string.h>

#include <cmocka.h>

static void the_hash_is_the_tokens(void **state)
{
    (void)state;
    struct secret_token t;
    uint8_t sum[DIGEST_BYTES];
    char hex[DIGEST_HEX];
    assert_int_equal(secret_token_make(&t), 0);
    assert_memory_equal(t.text, "cetl_", 5);
    assert_int_equal(strlen(t.text), 5 + 43); /* 256 bits, six a character */
    assert_int_equal(strspn(t.text + 5, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), 43);
    digest_of(t.text, strlen(t.text), sum);
    digest_hex(sum, hex);
    assert_string_equal(t.sha256, hex);
}

static void no_two_are_the_same(void **state)
{
    (void)state;
    struct secret_token a, b;
    assert_int_equal(secret_token_make(&a), 0);
    assert_int_equal(secret_token_make(&b), 0);
    assert_string_not_equal(a.text, b.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_hash_is_the_tokens), cmocka_unit_test(no_two_are_the_same)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
