/* SPDX-License-Identifier: MIT */
#include "base/num.h"
#include "base/zone.h"
#include "config/config.h"
#include "config/value.h"

#include <stdio.h>

static void format_string(const struct value_rule *rule, const void *field, struct buf *out)
{
    (void)rule;
    struct slice rest = slice_of(*(const char *const *)field);
    buf_put(out, slice_cut(&rest, '\n'));
    while (rest.p) {
        buf_puts(out, "\n    ");
        buf_put(out, slice_cut(&rest, '\n'));
    }
}

static void format_url(const struct value_rule *rule, const void *field, struct buf *out)
{
    (void)rule;
    struct slice rest = slice_of(*(const char *const *)field);
    if (!slice_starts(rest, SLICE("http"))) return buf_put(out, rest); /* a key or path may have one */
    buf_put(out, slice_cut(&rest, '?'));
    if (rest.p) buf_puts(out, "?…");
}

static void format_path(const struct value_rule *rule, const void *field, struct buf *out)
{
    (void)rule;
    for (const char *p = *(const char *const *)field; *p; p++) {
        if (*p == '%') buf_putc(out, '%');
        buf_putc(out, *p);
    }
}

static void format_paths(const struct value_rule *rule, const void *field, struct buf *out)
{
    const struct config_list *list = field;
    for (size_t i = 0; i < list->n; i++) {
        if (i) buf_puts(out, ", ");
        format_path(rule, &list->item[i], out);
    }
}

static void format_number(const struct value_rule *rule, const void *field, struct buf *out)
{
    int64_t value = *(const int64_t *)field;
    char text[32];
    if (rule->type == VALUE_SIZE)
        num_format_size(value, text);
    else if (rule->type == VALUE_DURATION)
        num_format_duration(value, text);
    else
        snprintf(text, sizeof(text), rule->type == VALUE_MODE ? "%04llo" : "%lld", (long long)value);
    buf_puts(out, text);
}

static void format_choice(const struct value_rule *rule, const void *field, struct buf *out)
{
    for (const struct value_choice *c = rule->choices; c->name; c++) {
        if (c->value != *(const int *)field) continue;
        buf_puts(out, c->name);
        return;
    }
}

static void format_list(const struct value_rule *rule, const void *field, struct buf *out)
{
    (void)rule;
    const struct config_list *list = field;
    for (size_t i = 0; i < list->n; i++)
        buf_printf(out, "%s%s", i ? ", " : "", list->item[i]);
}

static void format_char(const struct value_rule *rule, const void *field, struct buf *out)
{
    (void)rule;
    char c = *(const char *)field;
    if (c == 0)
        buf_puts(out, "auto");
    else if (c == '\t')
        buf_puts(out, "tab");
    else if (c == ' ')
        buf_puts(out, "space");
    else
        buf_putc(out, c);
}

static void format_mark(const struct value_rule *rule, const void *field, struct buf *out)
{
    if (*(const char *)field)
        format_char(rule, field, out);
    else
        buf_puts(out, "none");
}

static void format_open_char(const struct value_rule *rule, const void *field, struct buf *out)
{
    if (*(const char *)field == CONFIG_CHAR_AUTO)
        buf_puts(out, "auto");
    else
        format_mark(rule, field, out);
}

static void format_lines(const struct value_rule *rule, const void *field, struct buf *out)
{
    if (*(const int64_t *)field == CONFIG_LINES_AUTO)
        buf_puts(out, "auto");
    else
        format_number(rule, field, out);
}

static void format_zone(const struct value_rule *rule, const void *field, struct buf *out)
{
    (void)rule;
    const struct zone *zone = *(const struct zone *const *)field;
    if (zone) buf_puts(out, zone_name(zone));
}

static void format_budget(const struct value_rule *rule, const void *field, struct buf *out)
{
    (void)rule;
    const struct config_budget *budget = field;
    if (!budget->is_percent) {
        buf_printf(out, "%lld", (long long)budget->count);
        return;
    }
    char text[32];
    int n = snprintf(text, sizeof(text), "%.9f", budget->percent);
    while (n > 0 && text[n - 1] == '0')
        n--;
    if (n > 0 && text[n - 1] == '.') n--;
    buf_printf(out, "%.*s%%", n, text);
}

static void format_table(const struct value_rule *rule, const void *field, struct buf *out)
{
    (void)rule;
    const char *const *names = field;
    for (int i = 0; i < 2; i++) {
        buf_puts(out, i ? ".\"" : "\"");
        for (const char *p = names[i]; *p; p++) {
            if (*p == '"') buf_putc(out, '"');
            buf_putc(out, *p);
        }
        buf_putc(out, '"');
    }
}

static const struct {
    void (*format)(const struct value_rule *rule, const void *field, struct buf *out);
    const char *what; /* for value_describe; NULL: nothing to say */
} types[] = {
    [VALUE_TEXT] = {format_string, NULL},
    [VALUE_URL] = {format_url, NULL},
    [VALUE_SQL] = {format_string, NULL},
    [VALUE_PATH] = {format_path, NULL},
    [VALUE_PATHS] = {format_paths, NULL},
    [VALUE_COUNT] = {format_number, "a number"},
    [VALUE_SIZE] = {format_number, "a size in bytes (K, M, G, T)"},
    [VALUE_DURATION] = {format_number, "a duration (us, ms, s, min, h, d, w)"},
    [VALUE_MODE] = {format_number, "an octal mode"},
    [VALUE_CHOICE] = {format_choice, NULL},
    [VALUE_LIST] = {format_list, NULL},
    [VALUE_GLOBS] = {format_list, NULL},
    [VALUE_ADDRESSES] = {format_list, NULL},
    [VALUE_ORIGINS] = {format_list, NULL},
    [VALUE_DELIMITER] = {format_char, NULL},
    [VALUE_QUOTE] = {format_open_char, NULL},
    [VALUE_ESCAPE] = {format_open_char, NULL},
    [VALUE_LINES] = {format_lines, "auto or a number"},
    [VALUE_MARK] = {format_mark, NULL},
    [VALUE_ENCODING] = {format_string, NULL},
    [VALUE_BUDGET] = {format_budget, NULL},
    [VALUE_TABLE] = {format_table, NULL},
    [VALUE_ZONE] = {format_zone, NULL},
};

size_t value_size(const struct value_rule *rule)
{
    switch (rule->type) {
    case VALUE_COUNT:
    case VALUE_SIZE:
    case VALUE_DURATION:
    case VALUE_MODE:
    case VALUE_LINES: return sizeof(int64_t);
    case VALUE_CHOICE: return sizeof(int);
    case VALUE_PATHS:
    case VALUE_LIST:
    case VALUE_GLOBS:
    case VALUE_ADDRESSES:
    case VALUE_ORIGINS: return sizeof(struct config_list);
    case VALUE_DELIMITER:
    case VALUE_QUOTE:
    case VALUE_ESCAPE:
    case VALUE_MARK: return sizeof(char);
    case VALUE_BUDGET: return sizeof(struct config_budget);
    case VALUE_TABLE: return sizeof(const char *[2]);
    case VALUE_TEXT:
    case VALUE_URL:
    case VALUE_SQL:
    case VALUE_PATH:
    case VALUE_ENCODING:
    case VALUE_ZONE: break;
    }
    return sizeof(const char *);
}

void value_format(const struct value_rule *rule, const void *field, struct buf *out)
{
    types[rule->type].format(rule, field, out);
}

void value_range(const struct value_rule *rule, struct buf *out)
{
    if (rule->type == VALUE_CHOICE) {
        for (const struct value_choice *c = rule->choices; c->name; c++)
            buf_printf(out, "%s%s", c == rule->choices ? "" : c[1].name ? ", " : " or ", c->name);
    } else if (types[rule->type].what) {
        format_number(rule, &rule->min, out);
        buf_puts(out, " to ");
        format_number(rule, &rule->max, out);
    }
}

void value_describe(const struct value_rule *rule, struct buf *out)
{
    if (types[rule->type].what) buf_printf(out, "%s, ", types[rule->type].what);
    value_range(rule, out);
}
