/* SPDX-License-Identifier: MIT */
#include "loop/signals.h"

#include <signal.h>
#include <stdlib.h>

enum { WATCHED = 3 };

struct signals {
    uv_signal_t handle[WATCHED];
    unsigned open; /* handles that are not closed yet */
    struct signals_handler handler;
};

static void caught(uv_signal_t *handle, int number)
{
    struct signals *s = handle->data;
    if (number == SIGHUP)
        s->handler.reload(s->handler.ctx);
    else
        s->handler.terminate(s->handler.ctx);
}

static void closed(uv_handle_t *handle)
{
    struct signals *s = handle->data;
    if (--s->open == 0) free(s);
}

int signals_new(struct loop *l, const struct signals_handler *h, struct signals **ret_signals)
{
    static const int numbers[WATCHED] = {SIGTERM, SIGINT, SIGHUP};
    struct signals *s = calloc(1, sizeof *s);
    if (!s) return -ENOMEM;
    s->handler = *h;
    signal(SIGPIPE, SIG_IGN);
    for (int i = 0; i < WATCHED; i++) {
        /* uv_signal_init fails only for the first handle of a loop, whose pipe it makes. */
        int r = uv_signal_init(loop_uv(l), &s->handle[i]);
        if (r == 0) {
            s->handle[i].data = s;
            s->open++;
            r = uv_signal_start(&s->handle[i], caught, numbers[i]);
        }
        if (r < 0) {
            if (s->open == 0)
                free(s);
            else
                signals_free(s);
            return r;
        }
        /* Waiting for a signal alone is no reason to go on. */
        uv_unref((uv_handle_t *)&s->handle[i]);
    }
    *ret_signals = s;
    return 0;
}

void signals_free(struct signals *s)
{
    if (!s) return;
    unsigned n = s->open;
    for (unsigned i = 0; i < n; i++)
        uv_close((uv_handle_t *)&s->handle[i], closed);
}
