/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "store/sign.h"

#include <stdio.h>

#include <cmocka.h>

/* The examples of "Signature Calculations for the Authorization Header" (AWS, S3 API reference). */
static const struct sign_keys amazon = {
    .id = {"AKIAIOSFODNN7EXAMPLE", 20}, .secret = {"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", 40}, .region = {"us-east-1", 9}};
enum { MAY_24_2013 = 1369353600 };

/* The value of the header of that name among those that are each ended by a NUL. */
static const char *header(const struct buf *headers, const char *name)
{
    size_t n = strlen(name);
    for (const char *p = headers->data, *end = headers->data + headers->len; p < end; p += strlen(p) + 1)
        if (strncmp(p, name, n) == 0 && strncmp(p + n, ": ", 2) == 0) return p + n + 2;
    return NULL;
}

static void s3_signs_as_its_reference_does(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 65536);
    struct sign_pair lifecycle = {SLICE("lifecycle"), SLICE("")};
    struct sign_request q = {.method = "GET",
                             .host = "examplebucket.s3.amazonaws.com",
                             .path = "/",
                             .query = &lifecycle,
                             .n_query = 1,
                             .now_s = MAY_24_2013};
    assert_int_equal(sign_s3(&amazon, &q, &b), 0);
    assert_string_equal(header(&b, "Authorization"),
                        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
                        "SignedHeaders=host;x-amz-content-sha256;x-amz-date, "
                        "Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
    assert_string_equal(header(&b, "x-amz-date"), "20130524T000000Z");
    assert_string_equal(header(&b, "Host"), "examplebucket.s3.amazonaws.com");
    buf_reset(&b);
    /* given in the wrong order */
    struct sign_pair list[] = {{SLICE("prefix"), SLICE("J")}, {SLICE("max-keys"), SLICE("2")}};
    q.query = list;
    q.n_query = 2;
    assert_int_equal(sign_s3(&amazon, &q, &b), 0);
    assert_non_null(strstr(header(&b, "Authorization"), "=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"));
    buf_done(&b);
}

static void s3_signs_metadata_and_the_body(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 65536);
    struct sign_pair headers[] = {{SLICE("content-type"), SLICE("text/csv")}, {SLICE("x-amz-meta-sha256"), SLICE("ab")}};
    struct sign_request q = {.method = "PUT",
                             .host = "h",
                             .path = "/b/k",
                             .header = headers,
                             .n_header = 2,
                             .body = SLICE("hello"),
                             .now_s = MAY_24_2013};
    assert_int_equal(sign_s3(&amazon, &q, &b), 0);
    assert_non_null(strstr(header(&b, "Authorization"), "SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-meta-sha256, "));
    assert_string_equal(header(&b, "x-amz-content-sha256"), "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
    assert_string_equal(header(&b, "content-type"), "text/csv");
    char before[1024];
    snprintf(before, sizeof before, "%s", header(&b, "Authorization"));
    buf_reset(&b);
    q.payload = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"; /* found out by somebody else */
    q.body = SLICE("not looked at");
    assert_int_equal(sign_s3(&amazon, &q, &b), 0);
    assert_string_equal(header(&b, "Authorization"), before);
    buf_done(&b);
}

static void azure_signs_as_the_store_does(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 65536);
    struct sign_keys keys = {.id = SLICE("acct"), .secret = SLICE("c2VjcmV0")};
    struct sign_pair query[] = {{SLICE("restype"), SLICE("container")}, {SLICE("comp"), SLICE("list")}};
    struct sign_request q = {.method = "GET", .host = "h", .path = "/acct/box", .query = query, .n_query = 2, .now_s = MAY_24_2013};
    assert_int_equal(sign_azure(&keys, &q, &b), 0);
    assert_string_equal(header(&b, "x-ms-date"), "Fri, 24 May 2013 00:00:00 GMT");
    assert_string_equal(header(&b, "Authorization"), "SharedKey acct:J3tozkN6+G7j4LJp3Ecy/i0xXyXgpdNY/PgCrBERuQU=");
    buf_reset(&b);
    struct sign_pair headers[] = {{SLICE("content-type"), SLICE("text/csv")},
                                  {SLICE("x-ms-blob-type"), SLICE("BlockBlob")},
                                  {SLICE("content-md5"), SLICE("bQ==")}};
    q = (struct sign_request){.method = "PUT",
                              .host = "h",
                              .path = "/box/k%20",
                              .header = headers,
                              .n_header = 3,
                              .body = SLICE("hello"),
                              .now_s = MAY_24_2013};
    assert_int_equal(sign_azure(&keys, &q, &b), 0);
    assert_string_equal(header(&b, "Authorization"), "SharedKey acct:cJKvjDI+EY5XmHCM/GUFK6PfJlh0uH/npPqWgdVU3vk=");
    buf_reset(&b);
    keys.secret = SLICE("no base 64!");
    assert_int_equal(sign_azure(&keys, &q, &b), SIGN_E_KEY);
    buf_reset(&b);
    keys.secret = SLICE("");
    assert_int_equal(sign_azure(&keys, &q, &b), 0);
    assert_null(header(&b, "Authorization"));
    assert_non_null(header(&b, "x-ms-version"));
    buf_done(&b);
}

static void a_query_is_sorted_and_escaped(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1024);
    struct sign_pair query[] = {
        {SLICE("uploads"), SLICE("")}, {SLICE("prefix"), SLICE("a/b c+\xc3\xa9~=")}, {SLICE("a"), SLICE("1")}};
    sign_query(&b, query, 3);
    assert_string_equal(buf_cstr(&b), "a=1&prefix=a%2Fb%20c%2B%C3%A9~%3D&uploads=");
    buf_done(&b);
}

/* The example of "Authenticating Requests: Using Query Parameters" (AWS, S3 API reference). */
static void s3_presigns_as_its_reference_does(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 65536);
    struct sign_request q = {.method = "GET", .host = "examplebucket.s3.amazonaws.com", .path = "/test.txt", .now_s = MAY_24_2013};
    assert_int_equal(sign_s3_query(&amazon, &q, 86400, &b), 0);
    assert_string_equal(buf_cstr(&b), "X-Amz-Algorithm=AWS4-HMAC-SHA256"
                                      "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
                                      "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
                                      "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
    char before[1024];
    snprintf(before, sizeof before, "%s", buf_cstr(&b));
    struct sign_pair more[] = {{SLICE("response-content-type"), SLICE("a/b")}, {SLICE("A"), SLICE("")}};
    q.query = more;
    q.n_query = 2;
    buf_reset(&b);
    assert_int_equal(sign_s3_query(&amazon, &q, 86400, &b), 0);
    assert_true(slice_starts(buf_slice(&b), SLICE("A=&X-Amz-Algorithm=")));
    assert_non_null(strstr(buf_cstr(&b), "&response-content-type=a%2Fb&X-Amz-Signature="));
    assert_string_not_equal(strstr(buf_cstr(&b), "&X-Amz-Signature="), strstr(before, "&X-Amz-Signature=")); /* it is signed, too */
    struct sign_pair many[SIGN_PAIRS_MAX] = {{{NULL, 0}, {NULL, 0}}};
    q.query = many;
    q.n_query = SIGN_PAIRS_MAX - 4;
    assert_true(sign_s3_query(&amazon, &q, 86400, &b) < 0);
    buf_done(&b);
}

/* The signature was made by another hand: Python's hmac, over the fields as "Create a service SAS" lists them. */
static void azure_signs_for_one_blob(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 65536);
    struct sign_keys keys = {.id = SLICE("acct"), .secret = SLICE("c2VjcmV0")};
    struct sign_blob blob = {.container = SLICE("box"),
                             .key = SLICE("a b/\xc3\xa9.csv"),
                             .disposition = "attachment; filename=\"\xc3\xa9.csv\"",
                             .type = "text/csv",
                             .https = true,
                             .until_s = MAY_24_2013 + 300};
    assert_int_equal(sign_azure_query(&keys, &blob, &b), 0);
    assert_string_equal(buf_cstr(&b),
                        "rscd=attachment%3B%20filename%3D%22%C3%A9.csv%22&rsct=text%2Fcsv&se=2013-05-24T00%3A05%3A00Z&sig="
                        "G3Ml40BW722DbQ%2BeajHs4lOkkMmvdHRnPll%2BG4%2B9eNQ%3D&sp=r&spr=https&sr=b&sv=2021-12-02");
    keys.secret = SLICE("no base 64!");
    buf_reset(&b);
    assert_int_equal(sign_azure_query(&keys, &blob, &b), SIGN_E_KEY);
    assert_int_equal(b.len, 0);
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(s3_signs_as_its_reference_does),    cmocka_unit_test(s3_signs_metadata_and_the_body),
        cmocka_unit_test(azure_signs_as_the_store_does),     cmocka_unit_test(a_query_is_sorted_and_escaped),
        cmocka_unit_test(s3_presigns_as_its_reference_does), cmocka_unit_test(azure_signs_for_one_blob),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
