/* SPDX-License-Identifier: MIT */
#include "db/params.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* The last one wins. */
static const char *value_of(const struct db_params *p, const char *keyword)
{
    for (int i = p->n; i-- > 0;)
        if (strcmp(p->keyword[i], keyword) == 0) return p->value[i];
    return NULL;
}

static void a_half_open_connection_is_noticed_unless_the_conninfo_says_otherwise(void **state)
{
    (void)state;
    struct db_params p;
    db_params_init(&p, "host=db keepalives_idle=600");
    assert_null(value_of(&p, "keepalives_idle"));
    assert_string_equal(value_of(&p, "tcp_user_timeout"), "30000");
    assert_string_equal(value_of(&p, "dbname"), "host=db keepalives_idle=600");
    db_params_init(&p, "postgresql://db/x?tcp_user_timeout=1");
    assert_null(value_of(&p, "tcp_user_timeout"));
    assert_string_equal(value_of(&p, "keepalives_idle"), "30");
}

static void what_is_set_stands_behind_the_conninfo_and_null_is_left_to_it(void **state)
{
    (void)state;
    struct db_params p;
    db_params_init(&p, "dbname=x password=theirs");
    int before = p.n;
    db_params_set(&p, "password", NULL);
    assert_int_equal(p.n, before);
    db_params_set(&p, "port", "5433");
    assert_string_equal(p.keyword[p.n - 1], "port");
    assert_null(p.keyword[p.n]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_half_open_connection_is_noticed_unless_the_conninfo_says_otherwise),
        cmocka_unit_test(what_is_set_stands_behind_the_conninfo_and_null_is_left_to_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
