/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "loop/child.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <cmocka.h>

struct subject {
    struct loop *loop;
    struct child *child;
    FILE *words;
    int64_t status;
    int signal, ended;
};

static void on_ended(void *ctx, int64_t status, int signal)
{
    struct subject *s = ctx;
    s->status = status;
    s->signal = signal;
    s->ended++;
}

static int run(struct subject *s, const char *file, const char *script, int keep)
{
    const char *const args[] = {file, "-c", script, NULL}, *const set[] = {"TOLD=yes", "HOME=/nowhere", NULL};
    assert_int_equal(loop_new(&s->loop), 0);
    s->words = tmpfile();
    assert_non_null(s->words);
    struct child_config c = {
        .file = file, .args = args, .set = set, .words = fileno(s->words), .keep = keep, .nice = 7, .ended = on_ended, .ctx = s};
    return child_start(s->loop, &c, &s->child);
}

static void words(struct subject *s, char ret_text[200])
{
    rewind(s->words);
    ret_text[fread(ret_text, 1, 199, s->words)] = '\0';
}

static void done(struct subject *s)
{
    fclose(s->words);
    assert_true(loop_free(s->loop));
}

static void its_words_and_its_status_are_told(void **state)
{
    (void)state;
    struct subject s = {0};
    char text[200];
    setenv("NOTIFY_SOCKET", "@x", 1);
    assert_int_equal(run(&s, "/bin/sh",
                         "read x; echo out $TOLD $HOME $NOTIFY_SOCKET; echo err >&2; until [ $(nice) = 7 ]; do :; done; exit 3",
                         -1),
                     0);
    loop_run(s.loop);
    assert_int_equal(s.ended, 1);
    assert_int_equal(s.status, 3);
    words(&s, text);
    assert_string_equal(text, "out yes /nowhere\nerr\n");
    done(&s);
}

static void a_signal_is_told_and_one_that_was_let_go_is_not(void **state)
{
    (void)state;
    struct subject s = {0}, gone = {0};
    assert_int_equal(run(&s, "/bin/sh", "exec sleep 60", -1), 0);
    child_kill(s.child, SIGKILL);
    loop_run(s.loop);
    assert_int_equal(s.signal, SIGKILL);
    done(&s);
    assert_int_equal(run(&gone, "/bin/sh", "exit 0", -1), 0);
    child_free(gone.child);
    loop_run(gone.loop);
    assert_int_equal(gone.ended, 0);
    done(&gone);
}

static void a_program_that_is_not_there_is_an_error(void **state)
{
    (void)state;
    struct subject s = {0};
    assert_int_equal(run(&s, "/nowhere/at/all", "", -1), -ENOENT);
    done(&s);
    char *path;
    assert_int_equal(child_beside("no_such_program", &path), -ENOENT);
}

static void a_lock_that_it_keeps_ends_with_it(void **state)
{
    (void)state;
    struct subject s = {0};
    char name[] = "/tmp/cetld-child-XXXXXX";
    int lock = mkostemp(name, O_CLOEXEC), other = open(name, O_RDWR | O_CLOEXEC);
    assert_int_equal(flock(lock, LOCK_EX), 0);
    assert_int_equal(run(&s, "/bin/sh", "exec sleep 60", lock), 0);
    close(lock);
    assert_int_equal(flock(other, LOCK_EX | LOCK_NB), -1);
    child_kill(s.child, SIGKILL);
    loop_run(s.loop);
    assert_int_equal(flock(other, LOCK_EX | LOCK_NB), 0);
    done(&s);
    close(other);
    unlink(name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_words_and_its_status_are_told),
        cmocka_unit_test(a_signal_is_told_and_one_that_was_let_go_is_not),
        cmocka_unit_test(a_program_that_is_not_there_is_an_error),
        cmocka_unit_test(a_lock_that_it_keeps_ends_with_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
