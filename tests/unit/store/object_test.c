/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "subject.h"

#include <cmocka.h>

static const char *body; /* that every request gets */

static void answer(struct peer *p, int fd, const char *target)
{
    (void)p;
    (void)target;
    char head[96];
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n", strlen(body));
    peer_send(fd, head);
    peer_send(fd, body);
}

static void on_page(void *ctx, const struct store_result *r, const struct store_page *page)
{
    struct subject *s = ctx;
    s->n = page ? page->n : 0;
    snprintf(s->next, sizeof s->next, "%.*s", page ? (int)page->next.len : 0, page ? page->next.p : "");
    subject_note(s, r);
}

static int list(struct subject *s, const char *page, unsigned page_max)
{
    body = page;
    assert_int_equal(store_list(s->store, &(struct store_list){.page_max = page_max, .done = on_page, .ctx = s}, &s->op), 0);
    loop_run(s->loop);
    return s->status;
}

#define ONE "<Contents><Key>a</Key><Size>1</Size></Contents>"
#define TWO ONE "<Contents><Key>b&amp;c</Key><Size>2</Size></Contents>"

static void a_page_is_read(void **state)
{
    (void)state;
    struct subject *s = subject_set_up(&(struct subject){0}, answer, NULL);
    assert_int_equal(list(s, "<?xml version=\"1.0\"?>\n<ListBucketResult xmlns=\"x\">" TWO "</ListBucketResult>", 0), 0);
    assert_int_equal(s->n, 2);
    assert_string_equal(s->next, "");
    assert_int_equal(list(s, "<ListBucketResult/>", 0), 0);
    assert_int_equal(s->n, 0);
    assert_int_equal(
        list(s,
             "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>a&lt;b</NextContinuationToken>" ONE
             "</ListBucketResult>",
             0),
        0);
    assert_string_equal(s->next, "a<b");
    subject_tear_down(s);
}

static void what_is_no_whole_list_is_no_empty_one(void **state)
{
    (void)state;
    struct subject *s = subject_set_up(&(struct subject){0}, answer, NULL);
    static const char *const pages[] = {"",
                                        "<html><body>Please log in</body></html>",
                                        "<ListBucketResult>" ONE,
                                        "<ListBucketResult>" ONE "<Contents><Key>b</K",
                                        "<!DOCTYPE x [<!ENTITY y \"z\"><!ENTITY z \"&y;&y;\">]>",
                                        "<a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a>"};
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        assert_int_equal(list(s, pages[i], 0), ERROR_PROTOCOL);
        assert_non_null(strstr(s->why, "no list of objects"));
    }
    subject_tear_down(s);
}

static void a_list_that_would_hide_objects_is_an_error(void **state)
{
    (void)state;
    struct subject *s = subject_set_up(&(struct subject){0}, answer, NULL);
    assert_int_equal(list(s, "<ListBucketResult>" TWO "</ListBucketResult>", 1), ERROR_PROTOCOL);
    assert_non_null(strstr(s->why, "more objects than"));
    assert_int_equal(list(s, "<ListBucketResult><IsTruncated>true</IsTruncated>" ONE "</ListBucketResult>", 0), ERROR_PROTOCOL);
    assert_non_null(strstr(s->why, "how to ask"));
    subject_tear_down(s);
}

static void on_got(void *ctx, const struct store_result *r)
{
    subject_note(ctx, r);
}

static void get(struct subject *s, struct store_get g)
{
    FILE *f = tmpfile();
    int fd = fileno(f);
    g.key = SLICE("k");
    g.into = &fd;
    g.done = on_got;
    g.ctx = s;
    assert_int_equal(store_get(s->store, &g, &s->op), 0);
    fclose(f);
    loop_run(s->loop);
}

static void an_object_that_is_too_large_or_fills_the_disk_is_told_as_that(void **state)
{
    (void)state;
    struct subject *s = subject_set_up(&(struct subject){0}, answer, NULL);
    body = "hello";
    get(s, (struct store_get){.bytes_max = 5, .min_free = 1});
    assert_int_equal(s->status, 0);
    get(s, (struct store_get){.bytes_max = 4});
    assert_int_equal(s->status, ERROR_TOO_BIG);
    get(s, (struct store_get){.min_free = INT64_MAX});
    assert_int_equal(s->status, -ENOSPC);
    subject_tear_down(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_is_read),
        cmocka_unit_test(what_is_no_whole_list_is_no_empty_one),
        cmocka_unit_test(a_list_that_would_hide_objects_is_an_error),
        cmocka_unit_test(an_object_that_is_too_large_or_fills_the_disk_is_told_as_that),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
