/* SPDX-License-Identifier: MIT */
/*
 * cetld --check: a configuration that was loaded without mistakes is held against the database, when it answers.
 */
#ifndef CETLD_CHECK_H
#define CETLD_CHECK_H

#include "config/config.h"

/** Prints each mistake on stderr. The exit status: success also when the database does not answer (which is said). */
int check_against_database(struct config *config);

#endif
