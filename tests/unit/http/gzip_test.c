/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "http/gzip.h"

#include <zlib.h>

#include <cmocka.h>

enum { PIECES = 40, PIECE = 5000 };

static void each_piece_can_be_read_when_it_comes(void **state)
{
    (void)state;
    struct http_gzip *g;
    struct buf out;
    char piece[PIECE], back[PIECE];
    z_stream z = {0};
    buf_init(&out, 1 << 20);
    assert_int_equal(http_gzip_new(1, &g), 0);
    for (int body = 0; body < 2; body++) {
        assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
        for (int i = 0; i < PIECES; i++) {
            memset(piece, 'a' + i % 26, sizeof piece);
            piece[0] = (char)i;
            buf_reset(&out);
            http_gzip_put(g, (struct slice){piece, sizeof piece}, false, &out);
            assert_int_equal(buf_check(&out), 0);
            z.next_in = (Bytef *)out.data;
            z.avail_in = (uInt)out.len;
            z.next_out = (Bytef *)back;
            z.avail_out = sizeof back;
            assert_int_equal(inflate(&z, Z_SYNC_FLUSH), Z_OK);
            assert_int_equal(z.avail_out, 0);
            assert_memory_equal(back, piece, sizeof piece);
        }
        buf_reset(&out);
        http_gzip_put(g, SLICE(""), true, &out);
        z.next_in = (Bytef *)out.data;
        z.avail_in = (uInt)out.len;
        z.avail_out = sizeof back;
        z.next_out = (Bytef *)back;
        assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
        inflateEnd(&z);
        http_gzip_reset(g);
    }
    http_gzip_free(g);
    buf_done(&out);
}

static void what_does_not_fit_is_told(void **state)
{
    (void)state;
    struct http_gzip *g;
    struct buf out;
    char noise[60000];
    unsigned x = 1;
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (char)((x = x * 1103515245 + 12345) >> 16);
    buf_init(&out, 20000);
    assert_int_equal(http_gzip_new(6, &g), 0);
    http_gzip_put(g, (struct slice){noise, sizeof noise}, true, &out);
    assert_int_equal(buf_check(&out), ERROR_TOO_BIG);
    http_gzip_free(g);
    buf_done(&out);
}

static void weights_decide(void **state)
{
    (void)state;
    static const struct {
        const char *field;
        bool wanted;
    } cases[] = {
        {NULL, false},
        {"", false},
        {"gzip", true},
        {"GZip", true},
        {"x-gzip", true},
        {"deflate, gzip;q=1.0, *;q=0.5", true},
        {"br", false},
        {"*", true},
        {"*;q=0", false},
        {"gzip;q=0", false},
        {"gzip;q=0, *", false},
        {"gzip;q=0.5, identity;q=0.8", false},
        {"gzip;q=0.8 , identity;q=0.5", true},
        {"gzip;q=0.5, identity;q=0.5", true},
        {"identity", false},
        {"identity;q=0, *;q=0.1", true},
        {"gzip2", false},
        {"gzip;q=banana", true},
        {",,;q=1,;", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (http_gzip_wanted(slice_of(cases[i].field)) != cases[i].wanted) fail_msg("%s", cases[i].field);
}

static void text_is_worth_it(void **state)
{
    (void)state;
    static const char *const fits[] = {"application/json", "text/csv; charset=utf-8",  "application/x-ndjson",
                                       "text/html",        "application/problem+json", "application/openapi+json"},
                             *const not [] = {"text/event-stream", "application/gzip", "image/png", "application/octet-stream",
                                              NULL};
    for (size_t i = 0; i < sizeof fits / sizeof fits[0]; i++)
        assert_true(http_gzip_fits(fits[i]));
    for (size_t i = 0; i < sizeof not / sizeof not [0]; i++)
        assert_false(http_gzip_fits(not [i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_piece_can_be_read_when_it_comes),
        cmocka_unit_test(what_does_not_fit_is_told),
        cmocka_unit_test(weights_decide),
        cmocka_unit_test(text_is_worth_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
