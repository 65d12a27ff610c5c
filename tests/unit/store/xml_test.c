/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "store/xml.h"

#include <cmocka.h>

/* The steps of a text: (name, =text, )name. */
static void steps(const char *text, struct buf *out)
{
    buf_reset(out);
    for (struct xml x = xml_of(slice_of(text)); xml_next(&x);) {
        if (x.kind == XML_TEXT) {
            buf_puts(out, "=");
            xml_decode(out, x.text);
        } else {
            buf_putc(out, x.kind == XML_OPEN ? '(' : ')');
            buf_put(out, x.open[x.depth - 1]);
        }
        buf_putc(out, ' ');
    }
    buf_cstr(out);
}

static void elements_and_texts_come_in_order(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 4096);
    steps("<?xml version=\"1.0\"?><!-- <no> --><a x=\"1\"><b>one</b><c/><d >two</d></a>", &b);
    assert_string_equal(b.data, "(a (b =one )b (c )c (d =two )d )a ");
    buf_done(&b);
}

static void references_are_characters(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 4096);
    xml_decode(&b, SLICE("a&amp;b&lt;&gt;&quot;&apos;&#233;&#x20AC;&#x1F600;&#0;&#xD800;&nope;& &"));
    assert_string_equal(buf_cstr(&b), "a&b<>\"'\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80&#0;&#xD800;&nope;& &");
    buf_reset(&b);
    xml_escape(&b, SLICE("a&b<\"c\">"));
    assert_string_equal(buf_cstr(&b), "a&amp;b&lt;&quot;c&quot;&gt;");
    buf_done(&b);
}

static void what_is_broken_ends_without_harm(void **state)
{
    (void)state;
    static const char *const broken[] = {"",
                                         "<",
                                         "<a",
                                         "</a>",
                                         "<a><b",
                                         "no xml at all",
                                         "<!--",
                                         "<?xml",
                                         "<a>&#",
                                         "<>",
                                         "< >x</ >",
                                         "<a/",
                                         "<a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a>"};
    struct buf b;
    buf_init(&b, 4096);
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        steps(broken[i], &b);
    buf_done(&b);
}

static void an_error_is_found_by_its_name(void **state)
{
    (void)state;
    struct slice body = SLICE("<Error><Code>NoSuchBucket</Code><Message>no &amp; no</Message></Error>");
    assert_true(slice_equal(xml_find(body, "Code"), SLICE("NoSuchBucket")));
    assert_null(xml_find(body, "Key").p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements_and_texts_come_in_order),
        cmocka_unit_test(references_are_characters),
        cmocka_unit_test(what_is_broken_ends_without_harm),
        cmocka_unit_test(an_error_is_found_by_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
