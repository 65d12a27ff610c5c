/* SPDX-License-Identifier: MIT */
#include "progress.h"

#include "base/buf.h"
#include "base/clock.h"
#include "field.h"
#include "table.h"

#include <inttypes.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { BETWEEN_US = 100000, BAR = 20, LINE_DEFAULT = 80, TEXT_MAX = 4096 };

static size_t columns(void)
{
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : LINE_DEFAULT;
}

/* 1,234,567 */
static void put_count(struct buf *out, int64_t n)
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%" PRId64, n);
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0) buf_putc(out, ',');
        buf_putc(out, digits[i]);
    }
}

static void put_bar(struct buf *out, int64_t done, int64_t total)
{
    int percent = done >= total ? 100 : (int)((double)done * 100 / (double)total);
    buf_puts(out, "  [");
    for (int i = 0; i < BAR; i++)
        buf_putc(out, i * 100 < percent * BAR ? '#' : ' ');
    buf_printf(out, "] %3d %%", percent);
}

void progress_show(struct progress *p, const char *name, const char *verb, const struct progress_done *d)
{
    int64_t now = clock_mono_us();
    if (!p->cli->progress || (p->there && now - p->shown_us < BETWEEN_US)) return;
    struct buf line;
    buf_init(&line, TEXT_MAX);
    field_show(&line, slice_of(name), false);
    buf_printf(&line, ": %s", verb);
    if (d && d->total > 0) put_bar(&line, d->done, d->total);
    if (d && d->unit) {
        buf_puts(&line, "  ");
        put_count(&line, d->count);
        buf_printf(&line, " %s", d->unit);
    }
    if (buf_check(&line) == 0) {
        struct slice shown = table_cut(buf_slice(&line), columns() - 1);
        fprintf(stderr, "\r\033[K" SLICE_FMT, SLICE_ARG(shown));
        fflush(stderr);
        p->there = true;
        p->shown_us = now;
    }
    buf_done(&line);
}

void progress_clear(struct progress *p)
{
    if (p->there) fputs("\r\033[K", stderr);
    p->there = false;
}
