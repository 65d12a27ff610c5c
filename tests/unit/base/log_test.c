/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "base/cleanup.h"
#include "base/log.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Stderr as a pipe, read back by restore(). */
struct capture {
    int saved, read, write;
};

static struct capture capture(void)
{
    int fd[2];
    assert_int_equal(pipe2(fd, O_CLOEXEC | O_NONBLOCK), 0);
    struct capture c = {.saved = dup(STDERR_FILENO), .read = fd[0], .write = fd[1]};
    dup2(fd[1], STDERR_FILENO);
    return c;
}

static size_t drain(const struct capture *c, char *ret_text, size_t size)
{
    size_t len = 0;
    for (ssize_t n; (n = read(c->read, ret_text + len, size - 1 - len)) > 0;)
        len += (size_t)n;
    ret_text[len] = '\0';
    return len;
}

static void restore(const struct capture *c)
{
    dup2(c->saved, STDERR_FILENO);
    close(c->saved);
    close(c->read);
    close(c->write);
}

static void expect_escaped(struct slice bytes, const char *want)
{
    char text[64];
    assert_string_equal(log_escape(bytes, text, sizeof(text)), want);
}

static void an_event_is_one_line_with_its_fields(void **state)
{
    (void)state;
    struct capture c = capture();
    char text[4096];
    log_event(LOG_WARNING, LOG_FIELDS({"FILE", "a\nb.csv"}, {"ROWS", "3"}, {"NONE", NULL}), "loaded %s", "a\nb.csv");
    drain(&c, text, sizeof(text));
    restore(&c);
    assert_int_equal(text[2], ':');
    assert_int_equal(text[8], '.');
    assert_string_equal(text + 12, " warn   loaded a\\nb.csv  file=a\\nb.csv rows=3\n");
}

static void what_is_escaped_already_stays_as_it_is(void **state)
{
    (void)state;
    struct capture c = capture();
    char text[4096], name[64];
    log_escape(SLICE("a\nb\\c.csv"), name, sizeof(name));
    log_event(LOG_INFO, LOG_FIELDS({"FILE", name}), "mend: chmod g+r $'%s'", name);
    drain(&c, text, sizeof(text));
    restore(&c);
    assert_non_null(strstr(text, "mend: chmod g+r $'a\\nb\\\\c.csv'  file=a\\nb\\\\c.csv\n"));
}

static void less_important_events_are_dropped(void **state)
{
    (void)state;
    struct capture c = capture();
    char text[4096];
    log_debug("hidden");
    log_set_level(LOG_ERR);
    log_info("hidden");
    log_error("shown");
    log_set_level(LOG_INFO);
    drain(&c, text, sizeof(text));
    restore(&c);
    assert_null(strstr(text, "hidden"));
    assert_non_null(strstr(text, "error  shown\n"));
}

static void a_huge_event_is_one_line_of_at_most_a_pipe_buffer(void **state)
{
    (void)state;
    struct capture c = capture();
    static char huge[100000], text[100000];
    memset(huge, 'x', sizeof(huge) - 1);
    log_event(LOG_INFO, LOG_FIELDS({"A", huge}, {"B", huge}, {"C", huge}, {"D", huge}, {"E", huge}, {"F", huge}), "%s", huge);
    size_t len = drain(&c, text, sizeof(text));
    restore(&c);
    assert_in_range(len, 1000, 4096);
    assert_ptr_equal(strchr(text, '\n'), text + len - 1);
}

static void a_full_stderr_drops_lines_and_counts_them(void **state)
{
    (void)state;
    struct capture c = capture();
    static char fill[4096], text[200000];
    memset(fill, 'f', sizeof(fill));
    while (write(c.write, fill, sizeof(fill)) > 0) {
    }
    fcntl(c.write, F_SETFL, 0); /* as a real stderr: blocking */
    log_info("lost");
    log_info("lost");
    log_info("lost");
    drain(&c, text, sizeof(text));
    log_info("heard");
    drain(&c, text, sizeof(text));
    restore(&c);
    assert_null(strstr(text, "lost\n"));
    assert_non_null(strstr(text, "3 log lines were dropped"));
    assert_non_null(strstr(text, "heard\n"));
}

static unsigned lines_with(const char *text, const char *words)
{
    unsigned n = 0;
    for (const char *at = text; (at = strstr(at, words)); at += strlen(words))
        n++;
    return n;
}

static void the_same_warning_again_and_again_is_written_five_times(void **state)
{
    (void)state;
    struct capture c = capture();
    static char text[65536];
    for (int i = 0; i < 50; i++) {
        log_warning("the disk is full");
        log_info("news %d", i % 2);
        log_event(LOG_WARNING, LOG_FIELDS({"FILE", "a.csv"}), "failed a.csv");
    }
    log_tick(); /* the minute is not over */
    drain(&c, text, sizeof(text));
    restore(&c);
    assert_int_equal(lines_with(text, "the disk is full\n"), 5);
    assert_int_equal(lines_with(text, "  news "), 50);
    assert_int_equal(lines_with(text, "failed a.csv"), 50);
    assert_int_equal(lines_with(text, "more in a minute"), 0);
}

static void of_a_kind_twenty_are_written(void **state)
{
    (void)state;
    struct capture c = capture();
    static char text[65536];
    for (int i = 0; i < 50; i++) {
        log_kind(state, LOG_WARNING, LOG_FIELDS({"REQUEST", "1"}), "refused %d", i);
        log_kind(&c, LOG_INFO, LOG_NO_FIELDS, "another %d", i % 2);
    }
    drain(&c, text, sizeof(text));
    restore(&c);
    assert_int_equal(lines_with(text, "  refused "), 20);
    assert_int_equal(lines_with(text, "  another "), 20);
}

static void without_the_journals_stderr_lines_stay_plain(void **state)
{
    (void)state;
    setenv("JOURNAL_STREAM", "1:1", 1);
    struct capture c = capture();
    char text[4096];
    log_open();
    log_info("plain");
    drain(&c, text, sizeof(text));
    restore(&c);
    unsetenv("JOURNAL_STREAM");
    assert_non_null(strstr(text, "info   plain\n"));
}

static void errno_survives_an_event(void **state)
{
    (void)state;
    struct capture c = capture();
    errno = EXDEV;
    log_info("x");
    int kept = errno;
    restore(&c);
    assert_int_equal(kept, EXDEV);
}

static void what_is_no_text_is_shown_escaped(void **state)
{
    (void)state;
    expect_escaped(SLICE("plain \xc3\xa9\xf0\x9f\x98\x80"), "plain \xc3\xa9\xf0\x9f\x98\x80");
    expect_escaped(SLICE("a\nb\tc\rd\\e"), "a\\nb\\tc\\rd\\\\e");
    expect_escaped(SLICE("\0\x1b[1m\x7f"), "\\x00\\x1b[1m\\x7f");
    expect_escaped(SLICE("\xff\xc3"), "\\xff\\xc3");
    expect_escaped(SLICE("\xc2\x9b"), "\\xc2\\x9b");
    expect_escaped(SLICE("\xc2\xa9"), "\xc2\xa9");
    expect_escaped((struct slice){NULL, 0}, "");
}

static void escaped_text_is_cut_at_a_character(void **state)
{
    (void)state;
    char text[6];
    assert_string_equal(log_escape(SLICE("abcd\xc3\xa9"), text, sizeof(text)), "abcd");
    assert_string_equal(log_escape(SLICE("abc\n!"), text, sizeof(text)), "abc\\n");
    assert_string_equal(log_escape(SLICE("abcd\n"), text, sizeof(text)), "abcd");
    assert_string_equal(log_escape(SLICE("x"), text, 1), "");
    text[0] = 'k';
    log_escape(SLICE("x"), text, 0);
    assert_int_equal(text[0], 'k');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_is_one_line_with_its_fields),
        cmocka_unit_test(what_is_escaped_already_stays_as_it_is),
        cmocka_unit_test(less_important_events_are_dropped),
        cmocka_unit_test(a_huge_event_is_one_line_of_at_most_a_pipe_buffer),
        cmocka_unit_test(a_full_stderr_drops_lines_and_counts_them),
        cmocka_unit_test(the_same_warning_again_and_again_is_written_five_times),
        cmocka_unit_test(of_a_kind_twenty_are_written),
        cmocka_unit_test(without_the_journals_stderr_lines_stay_plain),
        cmocka_unit_test(errno_survives_an_event),
        cmocka_unit_test(what_is_no_text_is_shown_escaped),
        cmocka_unit_test(escaped_text_is_cut_at_a_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
