/* SPDX-License-Identifier: MIT */
#include "interrupt.h"

#include <signal.h>
#include <stddef.h>
#include <unistd.h>

enum { AGAIN_S = 1 };

static volatile sig_atomic_t came;
static PGcancel *volatile cancel;

/* A statement that begins a moment later is not met: so it is done again and again, until the command has ended. */
static void on_signal(int number)
{
    char words[256];
    (void)number;
    came = 1;
    if (cancel) (void)PQcancel(cancel, words, sizeof words); /* may be called here, says libpq's manual */
    alarm(AGAIN_S);
}

void interrupt_catch(void)
{
    struct sigaction once = {.sa_handler = on_signal, .sa_flags = SA_RESETHAND},
                     again = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &again, NULL);
    sigaction(SIGINT, &once, NULL);
    sigaction(SIGTERM, &once, NULL);
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
