/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "http/multipart.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define TYPE "multipart/form-data; boundary=AaB03x"
#define DISPOSITION "Content-Disposition: form-data; "
/* One part of that header and body, and the end. */
#define ONE(head, body) "--AaB03x\r\n" head "\r\n\r\n" body "\r\n--AaB03x--\r\n"
#define FILE_AS(parameters) ONE(DISPOSITION "name=\"f\"; " parameters, "a,b")

static void show(struct buf *out, struct slice s)
{
    if (s.p)
        buf_put(out, s);
    else
        buf_puts(out, "-");
}

static void tell(struct buf *out, const struct http_multipart *m, enum http_multipart_event e, struct slice data)
{
    switch (e) {
    case HTTP_MULTIPART_PART:
        buf_puts(out, "<");
        show(out, m->part.name);
        buf_puts(out, "|");
        show(out, m->part.filename);
        buf_puts(out, "|");
        show(out, m->part.type);
        buf_puts(out, ">");
        break;
    case HTTP_MULTIPART_DATA:
        assert_true(data.len > 0);
        buf_put(out, data);
        break;
    case HTTP_MULTIPART_PART_END: buf_puts(out, "</>"); break;
    case HTTP_MULTIPART_BAD: buf_printf(out, "!%s", m->why); break;
    case HTTP_MULTIPART_MORE: break;
    }
}

static bool feed(struct http_multipart *m, struct slice bytes, struct buf *out)
{
    enum http_multipart_event e;
    do {
        struct slice data = {NULL, 0};
        e = http_multipart_feed(m, &bytes, &data);
        tell(out, m, e, data);
    } while (e != HTTP_MULTIPART_MORE && e != HTTP_MULTIPART_BAD);
    return e == HTTP_MULTIPART_MORE;
}

/* Its events as text; "…" at the end where the body is not whole. The bytes lie before a page that may not be read. */
static void parse(const char *type, struct slice body, const size_t *cut, size_t cuts, struct buf *out)
{
    struct http_multipart m;
    assert_int_equal(http_multipart_init(&m, slice_of(type)), 0);
    size_t at = 0;
    bool sound = true;
    for (size_t i = 0; i <= cuts && sound; i++) {
        size_t end = i < cuts ? cut[i] : body.len;
        sound = feed(&m, (struct slice){body.p + at, end - at}, out);
        at = end;
    }
    if (sound && !http_multipart_is_whole(&m)) buf_puts(out, "…");
    http_multipart_done(&m);
}

static struct slice guarded(struct slice body, char **ret_map, size_t *ret_len)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), room = (body.len + page - 1) / page * page + page;
    char *map = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(map, MAP_FAILED);
    assert_int_equal(mprotect(map + room - page, page, PROT_NONE), 0);
    char *at = map + room - page - body.len;
    memcpy(at, body.p, body.len);
    *ret_map = map;
    *ret_len = room;
    return (struct slice){at, body.len};
}

static void expect_bytes(const char *type, struct slice body, const char *events)
{
    char *map;
    size_t len;
    struct slice copy = guarded(body, &map, &len);
    struct buf out;
    buf_init(&out, 1 << 20);
    parse(type, copy, NULL, 0, &out);
    if (!slice_equal(buf_slice(&out), slice_of(events)))
        fail_msg("for:\n%.*s\nexpected %s\ngot %s", (int)body.len, body.p, events, buf_cstr(&out));
    for (size_t cut = 0; cut <= copy.len; cut++) {
        buf_reset(&out);
        parse(type, copy, &cut, 1, &out);
        if (!slice_equal(buf_slice(&out), slice_of(events)))
            fail_msg("cut at %zu:\n%.*s\nexpected %s\ngot %s", cut, (int)body.len, body.p, events, buf_cstr(&out));
    }
    size_t *every = calloc(copy.len + 1, sizeof *every);
    for (size_t i = 0; i < copy.len; i++)
        every[i] = i + 1;
    buf_reset(&out);
    parse(type, copy, every, copy.len, &out);
    assert_string_equal(buf_cstr(&out), events);
    free(every);
    buf_done(&out);
    munmap(map, len);
}

static void expect(const char *body, const char *events)
{
    expect_bytes(TYPE, slice_of(body), events);
}

/* ---- framing ---- */

static void files_and_fields_in_their_order(void **state)
{
    (void)state;
    expect("--AaB03x\r\n" DISPOSITION "name=\"field\"\r\n\r\nJoe\r\n"
           "--AaB03x\r\ncontent-disposition:FORM-DATA;name=\"files\" ; filename=\"a.csv\"\r\nContent-Type: "
           "text/csv\r\n\r\na,b\r\n1,2\r\n\r\n"
           "--AaB03x\r\n" DISPOSITION "name=files; filename=b.csv\r\nX-Other: yes\r\n\r\n\r\n"
           "--AaB03x--\r\n",
           "<field|-|->Joe</><files|a.csv|text/csv>a,b\r\n1,2\r\n</><files|b.csv|-></>");
}

static void preamble_epilogue_and_padding_are_skipped(void **state)
{
    (void)state;
    expect("preamble --AaB03x\r\n--AaB03\r\n--AaB03x \t \r\n" DISPOSITION
           "name=a\r\n\r\nx\r\n--AaB03x-- \t\r\nepilogue\r\n--AaB03x\r\n",
           "<a|-|->x</>");
    expect("\r\n--AaB03x\r\n" DISPOSITION "name=a\r\n\r\nx\r\n--AaB03x--", "<a|-|->x</>");
}

static void what_only_looks_like_a_boundary_is_data(void **state)
{
    (void)state;
    expect(ONE(DISPOSITION "name=a", "--\r\n--AaB03\r\r\n\r\n--AaB03\r\n--aab03x\r\n-\r--AaB03x\n--AaB03x\r\n-"),
           "<a|-|->--\r\n--AaB03\r\r\n\r\n--AaB03\r\n--aab03x\r\n-\r--AaB03x\n--AaB03x\r\n-</>");
    expect(ONE(DISPOSITION "name=a", "-5,--AaB03x"), "<a|-|->-5,--AaB03x</>");
}

static void empty_line_may_be_the_boundarys(void **state)
{
    (void)state;
    expect("--AaB03x\r\n" DISPOSITION "name=a\r\n\r\n--AaB03x--", "<a|-|-></>");
}

static void body_that_ends_early_is_not_whole(void **state)
{
    (void)state;
    expect("", "…");
    expect("--AaB03x", "…");
    expect("--AaB03x\r\n" DISPOSITION "name=a", "…");
    expect("--AaB03x\r\n" DISPOSITION "name=a\r\n\r\nx", "<a|-|->x…");
    expect("--AaB03x\r\n" DISPOSITION "name=a\r\n\r\nx\r\n--AaB03x", "<a|-|->x</>…");
    expect("--AaB03x\r\n" DISPOSITION "name=a\r\n\r\nx\r\n--AaB03x\r\n", "<a|-|->x</>…");
    expect("--AaB03x\r\n" DISPOSITION "name=a\r\n\r\nx\r\n--AaB03x-", "<a|-|->x</>…");
    expect("--AaB03x\r\n" DISPOSITION "name=a\r\n\r\nx\r\n--AaB03x--\r", "<a|-|->x</>…");
}

static void no_part_at_all_is_whole(void **state)
{
    (void)state;
    expect("--AaB03x--\r\n", "");
}

static void boundary_with_a_tail_is_refused(void **state)
{
    (void)state;
    static const char why[] = "<a|-|->x</>!a line begins with the boundary and goes on with something else";
    expect("--AaB03x\r\n" DISPOSITION "name=a\r\n\r\nx\r\n--AaB03xyz", why);
    expect("--AaB03x\r\n" DISPOSITION "name=a\r\n\r\nx\r\n--AaB03x\n", why);
    expect("--AaB03x\r\n" DISPOSITION "name=a\r\n\r\nx\r\n--AaB03x \rx", why);
    expect("--AaB03x\r\n" DISPOSITION "name=a\r\n\r\nx\r\n--AaB03x-x", why);
    expect("--AaB03x\r\n" DISPOSITION "name=a\r\n\r\nx\r\n--AaB03x--x", why);
}

static void any_bytes_are_data(void **state)
{
    (void)state;
    static const char body[] = ONE(DISPOSITION "name=a", "\0\xff\x80\0");
    struct buf out;
    buf_init(&out, 1 << 20);
    for (size_t cut = 0; cut < sizeof body; cut++) {
        buf_reset(&out);
        parse(TYPE, (struct slice){body, sizeof body - 1}, &cut, 1, &out);
        assert_true(slice_equal(buf_slice(&out), (struct slice){"<a|-|->\0\xff\x80\0</>", 14}));
    }
    buf_done(&out);
}

/* ---- Content-Type ---- */

static void boundaries(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        int r;
    } cases[] = {
        {"multipart/form-data; boundary=x", 0},
        {"Multipart/Form-Data;charset=utf-8 ; ; BOUNDARY=\"a b'()+_,-./:=?c\" ", 0},
        {"multipart/form-data; boundary=0123456789012345678901234567890123456789012345678901234567890123456789", 0},
        {"multipart/form-data; boundary=01234567890123456789012345678901234567890123456789012345678901234567890",
         HTTP_MULTIPART_E_BOUNDARY},
        {"multipart/form-data; boundary=\"\"", HTTP_MULTIPART_E_BOUNDARY},
        {"multipart/form-data; boundary=", HTTP_MULTIPART_E_BOUNDARY},
        {"multipart/form-data; boundary=\"a \"", HTTP_MULTIPART_E_BOUNDARY},
        {"multipart/form-data; boundary=a{b", HTTP_MULTIPART_E_BOUNDARY},
        {"multipart/form-data; boundary=a; boundary=a", HTTP_MULTIPART_E_BOUNDARY},
        {"multipart/form-data; boundary=\"a", HTTP_MULTIPART_E_BOUNDARY},
        {"multipart/form-data; boundary = a", HTTP_MULTIPART_E_BOUNDARY},
        {"multipart/form-data", HTTP_MULTIPART_E_BOUNDARY},
        {"multipart/mixed; boundary=a", HTTP_MULTIPART_E_OTHER},
        {"text/csv", HTTP_MULTIPART_E_OTHER},
        {"", HTTP_MULTIPART_E_OTHER},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct http_multipart m;
        int r = http_multipart_init(&m, slice_of(cases[i].type));
        if (r != cases[i].r) fail_msg("%s: %d", cases[i].type, r);
        http_multipart_done(&m);
    }
    expect_bytes("multipart/form-data; boundary=\"a b\"", SLICE("--a b\r\n" DISPOSITION "name=x\r\n\r\ny\r\n--a b--"),
                 "<x|-|->y</>");
}

/* ---- names ---- */

static void file_names(void **state)
{
    (void)state;
    expect(FILE_AS("filename=\"a \\\"b\\\\c\\d.csv\""), "<f|a \"b\\cd.csv|->a,b</>");
    expect(FILE_AS("filename=\"%22x%22 100%25%0a%0D.csv\""), "<f|\"x\" 100%25\n\r.csv|->a,b</>");
    expect(FILE_AS("filename=\"gr\xc3\xb6\xc3\x9f"
                   "e.csv\""),
           "<f|gr\xc3\xb6\xc3\x9f"
           "e.csv|->a,b</>");
    expect(FILE_AS("filename=\"\""), "<f||->a,b</>");
    expect(FILE_AS("filename=../../etc/passwd"), "!a part's Content-Disposition is not as RFC 2183 has it");
    expect(FILE_AS("filename=\"../../etc/passwd\""), "<f|../../etc/passwd|->a,b</>");
}

static void extended_file_names_come_first(void **state)
{
    (void)state;
    expect(FILE_AS("filename=\"plain.csv\"; filename*=UTF-8''gr%C3%b6%c3%9Fe.csv"), "<f|gr\xc3\xb6\xc3\x9f"
                                                                                    "e.csv|->a,b</>");
    expect(FILE_AS("filename*=utf-8'de'%2e%2E%2Fa; filename=\"plain.csv\""), "<f|../a|->a,b</>");
}

static void wrong_extended_file_names_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"filename*=ISO-8859-1''a",  "filename*=UTF-8'a",    "filename*=UTF-8''%c3",
                                        "filename*=UTF-8''a%zz",    "filename*=UTF-8''a%4", "filename*=\"UTF-8''a b\"",
                                        "filename*=\"UTF-8''a/b\"", "filename*=plain"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char body[512];
        snprintf(body, sizeof body, "--AaB03x\r\n" DISPOSITION "name=f; %s\r\n\r\na\r\n--AaB03x--", names[i]);
        expect(body, "!a part's filename* is not UTF-8''… with percent-encoding, as RFC 8187 has it");
    }
}

/* ---- headers that are refused ---- */

static void wrong_headers_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *head, *why;
    } cases[] = {
        {"", "!a part has no Content-Disposition"},
        {"Content-Type: text/csv", "!a part has no Content-Disposition"},
        {DISPOSITION "filename=a", "!a part has no name"},
        {"Content-Disposition: attachment; name=a", "!a part's Content-Disposition is not form-data"},
        {DISPOSITION "name=a\r\n" DISPOSITION "name=a", "!a part has two Content-Disposition fields"},
        {DISPOSITION "name=a; name=b", "!a part has two names"},
        {DISPOSITION "name=a; filename=b; filename=c", "!a part has two file names"},
        {DISPOSITION "name=a; filename*=UTF-8''b; filename*=UTF-8''c", "!a part has two file names"},
        {DISPOSITION "name=\"a", "!a part's Content-Disposition is not as RFC 2183 has it"},
        {DISPOSITION "name", "!a part's Content-Disposition is not as RFC 2183 has it"},
        {DISPOSITION "name=a b", "!a part's Content-Disposition is not as RFC 2183 has it"},
        {DISPOSITION "name=a;\r\n filename=b", "!a part's header has a folded line"},
        {DISPOSITION "name=a\r\nno field", "!a part's header has a line that is no field"},
        {DISPOSITION "name=a\r\nbad name: x", "!a part's header has a line that is no field"},
        {DISPOSITION "name=\"a\x01\"", "!a part's header has a control character"},
        {DISPOSITION "name=a\nX: y", "!a line of a part's header does not end with CRLF"},
        {DISPOSITION "name=a\rX: y", "!a line of a part's header does not end with CRLF"},
        {DISPOSITION "name=a\r\nContent-Transfer-Encoding: base64",
         "!a part is in a Content-Transfer-Encoding; send its bytes as they are"},
        {DISPOSITION "name=a\r\nContent-Type: Multipart/mixed; boundary=b",
         "!a part has parts of its own; send each file as a part"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char body[1024];
        snprintf(body, sizeof body, "--AaB03x\r\n%s%s\r\nx\r\n--AaB03x--", cases[i].head, *cases[i].head ? "\r\n" : "");
        expect(body, cases[i].why);
    }
    expect(ONE(DISPOSITION "name=a\r\nContent-Transfer-Encoding: 8bit", "x"), "<a|-|->x</>");
}

static void nul_in_a_header_is_refused(void **state)
{
    (void)state;
    static const char body[] = ONE(DISPOSITION "name=a; filename=\"a\0.csv\"", "x");
    struct buf out;
    buf_init(&out, 1 << 20);
    parse(TYPE, (struct slice){body, sizeof body - 1}, NULL, 0, &out);
    assert_string_equal(buf_cstr(&out), "!a part's header has a control character");
    buf_done(&out);
}

static void headers_have_ceilings(void **state)
{
    (void)state;
    struct buf body, out;
    buf_init(&body, 1 << 20);
    buf_init(&out, 1 << 20);
    buf_puts(&body, "--AaB03x\r\n" DISPOSITION "name=a\r\nX: ");
    for (int i = 0; i < 9000; i++)
        buf_putc(&body, 'x');
    parse(TYPE, buf_slice(&body), NULL, 0, &out);
    assert_string_equal(buf_cstr(&out), "!a part's header is larger than 8 KiB");
    buf_reset(&body);
    buf_reset(&out);
    buf_puts(&body, "--AaB03x\r\n" DISPOSITION "name=a\r\n");
    for (int i = 0; i < 16; i++)
        buf_puts(&body, "X: y\r\n");
    buf_puts(&body, "\r\n");
    parse(TYPE, buf_slice(&body), NULL, 0, &out);
    assert_string_equal(buf_cstr(&out), "!a part's header has too many fields");
    buf_done(&body);
    buf_done(&out);
}

static void long_bodies_of_carriage_returns(void **state)
{
    (void)state;
    struct buf body, out, want;
    buf_init(&body, 1 << 20);
    buf_init(&out, 1 << 20);
    buf_init(&want, 1 << 20);
    buf_puts(&want, "<a|-|->");
    buf_puts(&body, "--AaB03x\r\n" DISPOSITION "name=a\r\n\r\n");
    for (int i = 0; i < 3000; i++) {
        buf_puts(&body, "\r\n--AaB03\r\r\n-");
        buf_puts(&want, "\r\n--AaB03\r\r\n-");
    }
    buf_puts(&body, "\r\n--AaB03x--");
    buf_puts(&want, "</>");
    for (size_t step = 1; step < 40; step++) {
        size_t cut[40000], cuts = 0;
        for (size_t at = step; at < body.len; at += step)
            cut[cuts++] = at;
        buf_reset(&out);
        parse(TYPE, buf_slice(&body), cut, cuts, &out);
        assert_true(slice_equal(buf_slice(&out), buf_slice(&want)));
    }
    buf_done(&body);
    buf_done(&out);
    buf_done(&want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_and_fields_in_their_order),
        cmocka_unit_test(preamble_epilogue_and_padding_are_skipped),
        cmocka_unit_test(what_only_looks_like_a_boundary_is_data),
        cmocka_unit_test(empty_line_may_be_the_boundarys),
        cmocka_unit_test(body_that_ends_early_is_not_whole),
        cmocka_unit_test(no_part_at_all_is_whole),
        cmocka_unit_test(boundary_with_a_tail_is_refused),
        cmocka_unit_test(any_bytes_are_data),
        cmocka_unit_test(boundaries),
        cmocka_unit_test(file_names),
        cmocka_unit_test(extended_file_names_come_first),
        cmocka_unit_test(wrong_extended_file_names_are_refused),
        cmocka_unit_test(wrong_headers_are_refused),
        cmocka_unit_test(nul_in_a_header_is_refused),
        cmocka_unit_test(headers_have_ceilings),
        cmocka_unit_test(long_bodies_of_carriage_returns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
