/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "config/address.h"

#include <cmocka.h>

static void all_are(const char *(*expected)(struct slice text), const char *const text[], size_t n, bool good)
{
    for (size_t i = 0; i < n; i++)
        if ((expected(slice_of(text[i])) == NULL) != good) fail_msg("'%s' was %s", text[i], good ? "refused" : "taken");
}

static void host_and_port_or_a_unix_path_is_an_address(void **state)
{
    (void)state;
    static const char *const good[] = {"127.0.0.1:0", "0.0.0.0:65535", "[::1]:80", "*:80", "localhost:80", "unix:/run/x.sock"};
    static const char *const bad[] = {"",      ":",    "80",    "h:80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536",
                                      "[]:80", "[:80", "unix:x"};
    all_are(address_expected, good, sizeof good / sizeof good[0], true);
    all_are(address_expected, bad, sizeof bad / sizeof bad[0], false);
}

static void unix_path_ends_where_the_socket_address_does(void **state)
{
    (void)state;
    char text[5 + 108 + 1] = "unix:/";
    memset(text + 6, 'x', 106);
    assert_null(address_expected(slice_of(text))); /* 107 bytes */
    text[5 + 107] = 'x';
    assert_string_equal(address_expected(slice_of(text)), "short enough for a unix socket (107 bytes)");
}

static void origin_is_as_a_browser_writes_it(void **state)
{
    (void)state;
    static const char *const good[] = {"*", "https://app.example.org", "http://localhost:3000", "http://[::1]:8080"};
    static const char *const bad[] = {
        "",          "app.example.org", "://x",         "https://",     "https://a/",    "https://a/b",
        "https://A", "https://*.a.org", "https://u@a",  "https://a, b", "https://a?b",   "https://a#b",
        "HTTP://a",  "https://a b",     "https://\xc3", "https://a\\b", "https://\"a\"", "null"};
    all_are(origin_expected, good, sizeof good / sizeof good[0], true);
    all_are(origin_expected, bad, sizeof bad / sizeof bad[0], false);
}

static void http_to_another_machine_is_open(void **state)
{
    (void)state;
    static const char *const open[] = {"http://example.org/x",
                                       "http://127.0.0.1.example.org/",
                                       "http://localhost.example.org",
                                       "http://127.1/x",
                                       "http://0x7f.0.0.1/",
                                       "http://[::2]/x",
                                       "http://[::1/x",
                                       "http://%6cocalhost/",
                                       "http://10.0.0.1:80"};
    static const char *const closed[] = {"https://example.org/x",  "http://127.0.0.1:80/x", "http://127.9.9.9",
                                         "http://LocalHost:8080/", "http://[::1]:80/x",     "http://localhost?a=b"};
    for (size_t i = 0; i < sizeof open / sizeof *open; i++)
        assert_true(http_url_is_open(open[i]));
    for (size_t i = 0; i < sizeof closed / sizeof *closed; i++)
        assert_false(http_url_is_open(closed[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(host_and_port_or_a_unix_path_is_an_address),
        cmocka_unit_test(unix_path_ends_where_the_socket_address_does),
        cmocka_unit_test(origin_is_as_a_browser_writes_it),
        cmocka_unit_test(http_to_another_machine_is_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
