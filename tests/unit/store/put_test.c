/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "subject.h"

#include <cmocka.h>

static int puts_seen;

/* A key that may write, and nothing else. */
static void write_only(struct peer *p, int fd, const char *target)
{
    (void)target;
    bool put = strncmp(p->request, "PUT ", 4) == 0;
    puts_seen += put;
    peer_send(fd, put ? "HTTP/1.1 200 OK\r\nETag: \"x\"\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
                      : "HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
}

static void no_write(struct peer *p, int fd, const char *target)
{
    (void)p;
    (void)target;
    peer_send(fd, "HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
}

static void on_done(void *ctx, const struct store_result *r)
{
    subject_note(ctx, r);
}

static void put(struct subject *s)
{
    FILE *f = tmpfile();
    int fd = fileno(f);
    uint8_t sum[DIGEST_BYTES];
    digest_of("hello", 5, sum);
    assert_int_equal(write(fd, "hello", 5), 5);
    struct store_put p = {.key = SLICE("k"), .file = &fd, .bytes = 5, .sum = sum, .done = on_done, .ctx = s};
    assert_int_equal(store_put(s->store, &p, &s->op), 0);
    fclose(f);
    puts_seen = 0;
    loop_run(s->loop);
}

static void a_key_that_may_not_look_stores_all_the_same(void **state)
{
    (void)state;
    struct subject *s = subject_set_up(&(struct subject){0}, write_only, "secret");
    put(s);
    assert_string_equal(s->why, "");
    assert_int_equal(s->status, 0);
    assert_true(s->unseen);
    assert_int_equal(puts_seen, 1);
    subject_tear_down(s);
}

static void what_nobody_compared_and_nobody_may_look_at_is_not_stored(void **state)
{
    (void)state;
    struct subject *s = subject_set_up(&(struct subject){0}, write_only, NULL);
    put(s);
    assert_int_equal(s->status, STORE_E_REFUSED);
    subject_tear_down(s);
    s = subject_set_up(&(struct subject){0}, no_write, "secret");
    put(s);
    assert_int_equal(s->status, STORE_E_REFUSED);
    assert_non_null(strstr(s->why, "403"));
    subject_tear_down(s);
}

static void memory_is_that_of_a_part(void **state)
{
    (void)state;
    struct subject *s = subject_set_up(&(struct subject){0}, no_write, NULL);
    assert_int_equal(store_put_memory(s->store, 5), 6);
    assert_int_equal(store_put_memory(s->store, 1 << 30), STORE_PART + 1);
    assert_int_equal(store_put_memory(s->store, 160000000000), 16000001); /* no more than 10,000 parts */
    subject_tear_down(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_that_may_not_look_stores_all_the_same),
        cmocka_unit_test(what_nobody_compared_and_nobody_may_look_at_is_not_stored),
        cmocka_unit_test(memory_is_that_of_a_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
