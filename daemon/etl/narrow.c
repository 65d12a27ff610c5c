/* SPDX-License-Identifier: MIT */
#include "etl/narrow.h"

#include <assert.h>
#include <stdint.h>

enum { WIDTH_MIN = 16 };

void narrow_init(struct narrow *n)
{
    *n = (struct narrow){.width = SIZE_MAX};
}

void narrow_begin(struct narrow *n, size_t rows)
{
    n->rows = rows;
    n->from = n->to = n->limit = 0;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

bool narrow_window(struct narrow *n, size_t *ret_from, size_t *ret_to)
{
    if (n->from == n->rows) return false;
    if (n->from >= n->limit) n->limit = 0; /* what was suspected was accepted or judged */
    /* A window that was refused as a whole is halved; narrow_refused has already set it where it knew better. */
    if (n->to <= n->from) {
        size_t suspects = n->limit ? n->limit - n->from : 0;
        n->to = n->from + (suspects ? (suspects + 1) / 2 : smaller(n->width, n->rows - n->from));
    }
    *ret_from = n->from;
    *ret_to = n->to;
    return true;
}

void narrow_accepted(struct narrow *n)
{
    size_t sent = n->to - n->from;
    n->run = sent < SIZE_MAX - n->run ? n->run + sent : SIZE_MAX;
    if (!n->limit) n->width = n->width < SIZE_MAX / 2 ? n->width * 2 : SIZE_MAX;
    n->from = n->to;
}

bool narrow_refused(struct narrow *n, long hint)
{
    size_t sent = n->to - n->from;
    assert(sent > 0);
    if (sent == 1) {
        if (n->run == 0)
            n->width = 1; /* behind a bad one: the next may be bad, too, and then it is judged at once */
        else
            n->width = n->run < WIDTH_MIN ? WIDTH_MIN : n->run < SIZE_MAX / 2 ? n->run * 2 : SIZE_MAX;
        n->run = 0;
        n->limit = 0;
        n->to = ++n->from;
        return true;
    }
    if (hint >= 0 && (size_t)hint < sent) {
        n->limit = n->from + (size_t)hint + 1;
        n->to = hint ? n->limit - 1 : n->limit; /* first those before it, then it alone */
    } else {
        n->limit = n->to;
        n->to = n->from + sent / 2;
    }
    return false;
}
