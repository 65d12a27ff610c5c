/* SPDX-License-Identifier: MIT */
/*
 * SIGINT and SIGTERM of a command that has something to clean up: the first one cancels the statement that runs, and those
 * that begin afterwards, and the command ends by itself; the second one kills.
 */
#ifndef CETL_INTERRUPT_H
#define CETL_INTERRUPT_H

#include <libpq-fe.h>
#include <stdbool.h>

void interrupt_catch(void);
/** Whose statements are cancelled. NULL: nobody's, before the connection goes away. */
void interrupt_cancels(PGconn *pg);
/** Did one come? */
bool interrupt_came(void);

#endif
