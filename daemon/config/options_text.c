/* SPDX-License-Identifier: MIT */
/* What comes of the option table: defaults, values as text, what a reload cannot change, the sample file. */
#include "config/options.h"

#include <assert.h>
#include <string.h>

const struct option *options_find(enum option_section section, struct slice name)
{
    for (const struct option *o = options_section(section)->options; o->name; o++)
        if (slice_equal(slice_of(o->name), name)) return o;
    return NULL;
}

/* The default's text, with each NAME replaced. */
static void expand_initial(const struct option *o, const char *name, struct buf *out)
{
    const char *text = o->initial;
    for (const char *at; (at = strstr(text, "NAME")); text = at + 4) {
        buf_append(out, text, (size_t)(at - text));
        buf_puts(out, name);
    }
    buf_puts(out, text);
}

int options_set_defaults(enum option_section section, const char *name, struct arena *arena, void *ret_struct)
{
    struct buf text;
    buf_init(&text, 4096);
    int r = 0;
    for (const struct option *o = options_section(section)->options; o->name && r == 0; o++) {
        buf_reset(&text);
        expand_initial(o, name, &text);
        r = buf_check(&text);
        if (r == 0)
            r = value_parse(&o->rule, buf_slice(&text), &(struct value_context){arena, NULL}, (char *)ret_struct + o->offset);
        assert(r <= 0); /* a default that its own rule refuses */
    }
    buf_done(&text);
    return r;
}

void options_print(enum option_section section, const void *values, struct buf *out)
{
    for (const struct option *o = options_section(section)->options; o->name; o++) {
        buf_printf(out, "%s = ", o->name);
        value_format(&o->rule, (const char *)values + o->offset, out);
        buf_putc(out, '\n');
    }
}

size_t options_diff(enum option_section section, const void *old, const void *new, struct buf *out)
{
    struct buf a, b;
    size_t n = 0;
    buf_init(&a, SIZE_MAX);
    buf_init(&b, SIZE_MAX);
    for (const struct option *o = options_section(section)->options; o->name; o++) {
        buf_reset(&a);
        buf_reset(&b);
        value_format(&o->rule, (const char *)old + o->offset, &a);
        value_format(&o->rule, (const char *)new + o->offset, &b);
        if (!o->fixed || slice_equal(buf_slice(&a), buf_slice(&b))) continue;
        buf_printf(out, "%s%s.%s ('%s' to '%s')", out->len ? ", " : "", options_section(section)->kind, o->name, buf_cstr(&a),
                   buf_cstr(&b));
        n++;
    }
    buf_done(&a);
    buf_done(&b);
    return n;
}

void options_keep_fixed(enum option_section section, const void *old, void *ret_new)
{
    for (const struct option *o = options_section(section)->options; o->name; o++)
        if (o->fixed) memcpy((char *)ret_new + o->offset, (const char *)old + o->offset, value_size(&o->rule));
}

/* Words behind "# ", in lines of at most this many bytes. */
enum { SAMPLE_COLUMNS = 110 };

static void print_prose(FILE *out, const char *text)
{
    struct slice rest = slice_of(text);
    size_t column = 0;
    while (rest.p) {
        struct slice word = slice_cut(&rest, ' ');
        if (column > 0 && column + 1 + word.len > SAMPLE_COLUMNS) {
            fputc('\n', out);
            column = 0;
        }
        column += (size_t)fprintf(out, "%s" SLICE_FMT, column ? " " : "# ", SLICE_ARG(word));
    }
    fputc('\n', out);
}

static void print_option(FILE *out, const struct option *o, const char *name)
{
    struct buf text;
    buf_init(&text, 4096);
    buf_puts(&text, o->prose);
    size_t before = text.len;
    buf_puts(&text, " (");
    value_range(&o->rule, &text);
    if (text.len == before + 2)
        text.len = before;
    else
        buf_putc(&text, ')');
    if (o->example) buf_printf(&text, " For example: %s", o->example);
    if (o->fixed) buf_puts(&text, " A change takes a restart.");
    print_prose(out, buf_cstr(&text));
    buf_reset(&text);
    expand_initial(o, name ? name : "", &text);
    fprintf(out, "#%s =%s%s\n\n", o->name, text.len ? " " : "", buf_cstr(&text));
    buf_done(&text);
}

void options_print_sample(FILE *out)
{
    fputs("# cetld's configuration: every option, commented, with its default.\n"
          "#\n"
          "# [kind] or [kind name]; key = value to the end of the line, without quotes or escapes. A line that begins with white "
          "space\n"
          "# goes on with the value above it. # or ; begin a comment only at the start of a line. Lists are by comma or line.\n"
          "# Files in conf.d/ beside this one are read after it, in the order of their names, and override it.\n"
          "# Check with: cetld --check    Effective values: cetld --print-config    Reload: systemctl reload cetld\n",
          out);
    for (int i = 0; i < OPTION_SECTIONS; i++) {
        const struct option_section_info *s = options_section((enum option_section)i);
        fputc('\n', out);
        print_prose(out, s->prose);
        fprintf(out, s->name ? "#[%s %s]\n\n" : "[%s]\n\n", s->kind, s->name);
        for (const struct option *o = s->options; o->name; o++)
            print_option(out, o, s->name);
    }
}
