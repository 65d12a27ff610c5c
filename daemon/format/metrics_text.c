/* SPDX-License-Identifier: MIT */
#include "format/metrics_text.h"

#include <inttypes.h>
#include <string.h>

/* In a help text line ends and backslashes are the only bytes to be escaped, in a label's value quotes, too. */
static void put_escaped(struct buf *out, const char *text, bool quoted)
{
    for (; *text; text++) {
        if (*text == '\n') {
            buf_puts(out, "\\n");
            continue;
        }
        if (*text == '\\' || (quoted && *text == '"')) buf_putc(out, '\\');
        buf_putc(out, *text);
    }
}

static void put_family(struct buf *out, struct slice name, const char *kind, const char *help)
{
    buf_printf(out, "# HELP " SLICE_FMT " ", SLICE_ARG(name));
    put_escaped(out, help, false);
    buf_printf(out, "\n# TYPE " SLICE_FMT " %s\n", SLICE_ARG(name), kind);
}

void metrics_family(struct buf *out, const char *name, const char *kind, const char *help)
{
    put_family(out, slice_of(name), kind, help);
}

void metrics_sample(struct buf *out, const char *name)
{
    buf_puts(out, name);
    buf_putc(out, '{');
}

void metrics_label(struct buf *out, const char *name, const char *value)
{
    buf_printf(out, "%s=\"", name);
    put_escaped(out, value, true);
    buf_puts(out, "\",");
}

/* The comma behind the last label may stay. */
void metrics_value(struct buf *out, int64_t value)
{
    buf_printf(out, "} %" PRId64 "\n", value);
}

static void put_seconds(struct buf *out, uint64_t us)
{
    buf_printf(out, "%" PRIu64 ".%06" PRIu64, us / 1000000, us % 1000000);
}

void metrics_seconds(struct buf *out, int64_t us)
{
    buf_puts(out, "} ");
    put_seconds(out, us < 0 ? 0 : (uint64_t)us);
    buf_putc(out, '\n');
}

void metrics_plain(struct buf *out, const char *name, int64_t value)
{
    buf_printf(out, "%s %" PRId64 "\n", name, value);
}

void metrics_plain_seconds(struct buf *out, const char *name, int64_t us)
{
    buf_printf(out, "%s ", name);
    put_seconds(out, us < 0 ? 0 : (uint64_t)us);
    buf_putc(out, '\n');
}

/* name_bucket{labels,le=" */
static void put_bucket(struct buf *out, struct slice name, struct slice labels)
{
    buf_printf(out, SLICE_FMT "_bucket{" SLICE_FMT "%sle=\"", SLICE_ARG(name), SLICE_ARG(labels), labels.len ? "," : "");
}

static void put_total(struct buf *out, struct slice name, const char *of, struct slice labels)
{
    buf_printf(out, SLICE_FMT "_%s", SLICE_ARG(name), of);
    if (labels.len) buf_printf(out, "{" SLICE_FMT "}", SLICE_ARG(labels));
    buf_putc(out, ' ');
}

void metrics_histogram(struct buf *out, struct slice name, struct slice labels, const struct histogram *h)
{
    struct histogram_view v = histogram_look(h);
    for (unsigned i = 0; i < HISTOGRAM_BOUNDS; i++) {
        put_bucket(out, name, labels);
        buf_printf(out, "%g\"} %" PRIu64 "\n", (double)histogram_bound_us(i) / 1e6, v.up_to[i]);
    }
    put_bucket(out, name, labels);
    buf_printf(out, "+Inf\"} %" PRIu64 "\n", v.count);
    put_total(out, name, "sum", labels);
    put_seconds(out, v.sum_us);
    buf_putc(out, '\n');
    put_total(out, name, "count", labels);
    buf_printf(out, "%" PRIu64 "\n", v.count);
}

/* A table's name in two: the family, and its labels without the braces. */
static struct slice family_of(const char *name, struct slice *ret_labels)
{
    struct slice family = {name, strcspn(name, "{")};
    const char *labels = name + family.len;
    *ret_labels = *labels ? (struct slice){labels + 1, strlen(labels) - 2} : (struct slice){labels, 0};
    return family;
}

/* The rows of a family stand together in the table. */
static void begin(struct buf *out, const struct counter_info *info, struct slice family, struct slice *last)
{
    if (!slice_equal(family, *last)) put_family(out, family, info->kind, info->help);
    *last = family;
}

void metrics_text(const struct counters *c, struct buf *out)
{
    struct slice last = {NULL, 0}, labels;
    for (int id = 0; id < COUNTER_N; id++) {
        const struct counter_info *info = counters_info((enum counter_id)id);
        begin(out, info, family_of(info->name, &labels), &last);
        metrics_plain(out, info->name, counters_get(c, (enum counter_id)id));
    }
    for (int id = 0; id < HISTOGRAM_N; id++) {
        const struct counter_info *info = counters_histogram_info((enum histogram_id)id);
        struct slice family = family_of(info->name, &labels);
        begin(out, info, family, &last);
        metrics_histogram(out, family, labels, &c->histogram[id]);
    }
}
