/* SPDX-License-Identifier: MIT */
#include "format/metrics_text.h"

#include <inttypes.h>

/* The name without its labels. */
static struct slice family_of(const char *name)
{
    return (struct slice){name, strcspn(name, "{")};
}

/* Line ends and backslashes are the only bytes that a help text has to escape. */
static void put_help(struct buf *out, struct slice family, const char *help)
{
    buf_printf(out, "# HELP " SLICE_FMT " ", SLICE_ARG(family));
    for (; *help; help++) {
        if (*help == '\\')
            buf_puts(out, "\\\\");
        else if (*help == '\n')
            buf_puts(out, "\\n");
        else
            buf_putc(out, *help);
    }
    buf_putc(out, '\n');
}

void metrics_text(const struct counters *c, struct buf *out)
{
    struct slice last = {NULL, 0};
    for (int id = 0; id < COUNTER_N; id++) {
        const struct counter_info *info = counters_info((enum counter_id)id);
        struct slice family = family_of(info->name);
        /* The rows of a family stand together in the table. */
        if (!slice_equal(family, last)) {
            put_help(out, family, info->help);
            buf_printf(out, "# TYPE " SLICE_FMT " %s\n", SLICE_ARG(family), info->kind);
        }
        last = family;
        buf_printf(out, "%s %" PRId64 "\n", info->name, counters_get(c, (enum counter_id)id));
    }
}
