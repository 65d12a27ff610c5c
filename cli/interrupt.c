/* SPDX-License-Identifier: MIT */
#include "interrupt.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t came;
static PGcancel *volatile cancel;

static void on_signal(int number)
{
    char words[256];
    (void)number;
    came = 1;
    if (cancel) (void)PQcancel(cancel, words, sizeof words); /* may be called here, says libpq's manual */
}

void interrupt_catch(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESETHAND};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

void interrupt_cancels(PGconn *pg)
{
    PGcancel *before = cancel;
    cancel = NULL;
    PQfreeCancel(before);
    if (pg) cancel = PQgetCancel(pg);
}

bool interrupt_came(void)
{
    return came;
}
