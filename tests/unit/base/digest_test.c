/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "base/digest.h"

#include <string.h>

#include <cmocka.h>

static void expect(struct digest *d, const char *want)
{
    uint8_t sum[DIGEST_BYTES];
    char hex[DIGEST_HEX];
    digest_final(d, sum);
    digest_hex(sum, hex);
    assert_string_equal(hex, want);
}

/* The example messages of FIPS 180-4. */
static void sums_are_those_of_the_standard(void **state)
{
    (void)state;
    struct digest d;
    assert_int_equal(digest_init(&d), 0);
    expect(&d, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    digest_update(&d, "abc", 3);
    expect(&d, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    digest_update(&d, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56);
    expect(&d, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    digest_done(&d);
    digest_done(NULL);
}

static void pieces_make_the_same_sum(void **state)
{
    (void)state;
    const char *text = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    for (size_t cut = 0; cut <= 56; cut++) {
        struct digest d;
        assert_int_equal(digest_init(&d), 0);
        digest_update(&d, text, cut);
        digest_update(&d, text + cut, 56 - cut);
        expect(&d, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
        digest_done(&d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_are_those_of_the_standard),
        cmocka_unit_test(pieces_make_the_same_sum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
