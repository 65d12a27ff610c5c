/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "store/store.h"

#include <string.h>

#include <cmocka.h>

static struct error err;

/* What store_link says of the key "a b/c" in a store like that; nothing is asked for it. */
static int link_of(struct store_config c, struct buf *ret_url)
{
    struct store *s = NULL;
    assert_int_equal(store_new(&c, &err, &s), 0);
    buf_reset(ret_url);
    int r = store_link(s, &(struct store_link){.key = SLICE("a b/c"), .disposition = "attachment", .seconds = 60}, &err, ret_url);
    store_free(s);
    return r;
}

static void a_link_says_what_it_is_for_and_how_long(void **state)
{
    (void)state;
    struct buf url;
    buf_init(&url, 4096);
    assert_int_equal(link_of((struct store_config){.url = "s3://bucket/x", .key_id = "id", .secret = "secret"}, &url), 0);
    assert_true(slice_starts(buf_slice(&url), SLICE("https://bucket.s3.us-east-1.amazonaws.com/a%20b/c?X-Amz-Algorithm=")));
    assert_non_null(strstr(buf_cstr(&url), "&X-Amz-Expires=60&"));
    assert_non_null(strstr(buf_cstr(&url), "&response-content-disposition=attachment&"));
    assert_non_null(strstr(buf_cstr(&url), "&X-Amz-Signature="));
    assert_null(strstr(buf_cstr(&url), "secret"));
    assert_int_equal(
        link_of((struct store_config){.url = "s3://bucket", .key_id = "id", .secret = "s", .endpoint = "http://h:9000/x/"}, &url),
        0);
    assert_true(slice_starts(buf_slice(&url), SLICE("http://h:9000/x/bucket/a%20b/c?")));
    assert_int_equal(link_of((struct store_config){.url = "azure://acct/box/x", .secret = "c2VjcmV0"}, &url), 0);
    assert_true(slice_starts(buf_slice(&url), SLICE("https://acct.blob.core.windows.net/box/a%20b/c?rscd=attachment&")));
    assert_non_null(strstr(buf_cstr(&url), "&sp=r&spr=https&sr=b&"));
    assert_int_equal(link_of((struct store_config){.url = "azure://a/box", .secret = "c2VjcmV0", .endpoint = "http://h"}, &url), 0);
    assert_null(strstr(buf_cstr(&url), "spr="));
    buf_done(&url);
}

static void what_is_not_signed_is_the_address(void **state)
{
    (void)state;
    struct buf url;
    buf_init(&url, 4096);
    assert_int_equal(link_of((struct store_config){.url = "s3://bucket", .endpoint = "http://h"}, &url), 0);
    assert_string_equal(buf_cstr(&url), "http://h/bucket/a%20b/c");
    buf_done(&url);
}

static void nothing_is_given_away_and_a_folder_has_no_link(void **state)
{
    (void)state;
    struct buf url;
    buf_init(&url, 4096);
    assert_int_equal(link_of((struct store_config){.url = "azure://a/box", .secret = "sv=1&sp=rwd&sig=abc"}, &url),
                     STORE_E_REFUSED);
    assert_non_null(strstr(err.text, "given away"));
    assert_int_equal(url.len, 0);
    assert_int_equal(link_of((struct store_config){.url = "file:///tmp"}, &url), STORE_E_REFUSED);
    assert_string_equal(err.text, "a folder has no link");
    buf_done(&url);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_link_says_what_it_is_for_and_how_long),
        cmocka_unit_test(what_is_not_signed_is_the_address),
        cmocka_unit_test(nothing_is_given_away_and_a_folder_has_no_link),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
