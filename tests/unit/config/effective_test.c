/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "base/cleanup.h"
#include "base/fs.h"
#include "config/effective.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* "kind name.key = value (file:line)" for each option that a file says. */
static void note(void *ctx, const struct effective_section *s)
{
    struct buf *out = ctx;
    for (const struct option *o = options_section(s->kind)->options; o->name; o++) {
        struct config_place place = effective_place(s, o);
        if (place.line == 0) {
            assert_string_equal(place.file, "");
            continue;
        }
        buf_printf(out, "[%s %s] %s = ", options_section(s->kind)->kind, s->name, o->name);
        value_format(&o->rule, effective_value(s, o), out);
        buf_printf(out, " (%s:%d)\n", place.file, place.line);
    }
}

static void each_value_has_the_line_that_says_it(void **state)
{
    (void)state;
    struct mistakes m;
    struct config *c = NULL;
    struct buf out;
    mistakes_init(&m);
    buf_init(&out, 1 << 16);
    int r = config_parse("cetl.conf",
                         SLICE("[api]\n"
                               "max_upload = 1G\n"
                               "[dataset orders]\n"
                               "columns =\n"
                               "  id bigint,\n"
                               "  day date\n"
                               "mode = append\n"
                               "[column orders.day]\n"
                               "format = DD.MM.YYYY\n"
                               "[rollup orders.daily]\n"
                               "group = day\n"
                               "measure = count(*)\n"),
                         &m, &c);
    assert_int_equal(r, 0);
    effective_each(c, note, &out);
    assert_string_equal(buf_cstr(&out), "[api ] max_upload = 1G (cetl.conf:2)\n"
                                        "[dataset orders] columns = id bigint,\n"
                                        "    day date (cetl.conf:4)\n"
                                        "[dataset orders] mode = append (cetl.conf:7)\n"
                                        "[column orders.day] format = DD.MM.YYYY (cetl.conf:9)\n"
                                        "[rollup orders.daily] group = day (cetl.conf:11)\n"
                                        "[rollup orders.daily] measure = count(*) (cetl.conf:12)\n");
    buf_done(&out);
    config_unref(c);
    mistakes_done(&m);
}

static void write_file(const char *folder, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static void of_several_files_the_last_one_that_says_it_is_named(void **state)
{
    (void)state;
    char folder[] = "/tmp/effective-XXXXXX", path[64], command[64], want[256];
    struct mistakes m;
    struct config *c = NULL;
    struct buf out;
    mistakes_init(&m);
    buf_init(&out, 1 << 16);
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/conf.d", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    write_file(folder, "cetl.conf", "[daemon]\nsettle = 2s\nrescan = 1min\n");
    write_file(path, "10-local.conf", "# ours\n\n[daemon]\nsettle = 3s\n");
    snprintf(path, sizeof path, "%s/cetl.conf", folder);
    assert_int_equal(config_load(path, CONFIG_MUST_EXIST, &m, &c), 0);
    effective_each(c, note, &out);
    snprintf(want, sizeof want,
             "[daemon ] settle = 3s (%s/conf.d/10-local.conf:4)\n"
             "[daemon ] rescan = 1min (%s/cetl.conf:3)\n",
             folder, folder);
    assert_string_equal(buf_cstr(&out), want);
    buf_done(&out);
    config_unref(c);
    mistakes_done(&m);
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_value_has_the_line_that_says_it),
        cmocka_unit_test(of_several_files_the_last_one_that_says_it_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
