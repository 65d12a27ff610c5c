/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "../store/subject.h"
#include "etl/listing.h"

#include <fcntl.h>

#include <cmocka.h>

enum { CIRCLE = 3, RUN_UP = 5 };

static unsigned pages;

/* Some pages, and then the same ones again and again; each with one object, of the first only a new one. */
static void answer(struct peer *p, int fd, const char *target)
{
    (void)p;
    (void)target;
    char page[512], head[96];
    unsigned token = pages < RUN_UP ? pages : RUN_UP + (pages - RUN_UP) % CIRCLE;
    pages++;
    snprintf(page, sizeof page,
             "<ListBucketResult><Contents><Key>k%u</Key><ETag>&quot;e&quot;</ETag><Size>1</Size></Contents>"
             "<IsTruncated>true</IsTruncated><NextContinuationToken>t%u</NextContinuationToken></ListBucketResult>",
             token, token);
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n", strlen(page));
    peer_send(fd, head);
    peer_send(fd, page);
}

struct found {
    struct subject *subject;
    struct listing *listing;
    unsigned objects;
};

static void on_object(void *ctx, int status, const char *why, const struct listing_object *o)
{
    struct found *f = ctx;
    if (!o) return subject_note(f->subject, &(struct store_result){.status = status, .why = why});
    f->objects++;
    listing_next(f->listing, on_object, f);
}

static void a_list_that_goes_round_in_circles_ends(void **state)
{
    (void)state;
    char folder[] = "/tmp/cetld-listing-XXXXXX";
    assert_non_null(mkdtemp(folder));
    struct seen seen;
    assert_int_equal(seen_open(open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), "seen", 100, &seen), 0);
    struct subject *s = subject_set_up(&(struct subject){0}, answer, NULL);
    struct listing_config c = {.store = s->store, .url = "s3://bucket", .seen = &seen};
    struct found f = {.subject = s};
    assert_int_equal(listing_new(&c, &f.listing), 0);
    pages = 0;
    listing_next(f.listing, on_object, &f);
    loop_run(s->loop);
    assert_int_equal(s->status, ERROR_PROTOCOL);
    assert_non_null(strstr(s->why, "circles"));
    assert_true(pages < 4 * (RUN_UP + CIRCLE));
    listing_free(f.listing);
    subject_tear_down(s);
    seen_close(&seen);
    char path[64];
    snprintf(path, sizeof path, "%s/seen", folder);
    unlink(path);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_that_goes_round_in_circles_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
