/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "http/accept.h"

#include <cmocka.h>

static const char *const types[] = {"application/json", "application/x-ndjson", "text/csv", NULL};

static void best_liked_type_is_chosen(void **state)
{
    (void)state;
    static const struct {
        const char *accept;
        int chosen;
    } cases[] = {
        {NULL, 0},
        {"", 0},
        {"*/*", 0},
        {"text/csv", 2},
        {"Text/CSV; header=present", 2},
        {"text/*", 2},
        {"application/*", 0},
        {"text/html, */*;q=0.1", 0},
        {"text/html", -1},
        {"application/json;q=0.5, text/csv;q=0.8", 2},
        {"application/json;q=0.5, text/csv ; q=0.500", 0},
        {"*/*, application/json;q=0", 1},
        {"application/*;q=0.2, application/x-ndjson;q=0.9, */*;q=0.5", 1},
        {"text/csv;q=0", -1},
        {"text/csv;q=0.001", 2},
        {",,;;=,text/csv", 2},
        {"application/json;q=junk", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (http_accept(slice_of(cases[i].accept), types) != cases[i].chosen) fail_msg("Accept: %s", cases[i].accept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(best_liked_type_is_chosen)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
