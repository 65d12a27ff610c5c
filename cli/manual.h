/* SPDX-License-Identifier: MIT */
/*
 * What the table of commands says about itself: help, cetl(1), and the words for the shell's completion.
 */
#ifndef CETL_MANUAL_H
#define CETL_MANUAL_H

#include "cli.h"

/** The usage: every command in a line. */
void manual_of_all(FILE *out);
/** One command: its usage and options. */
void manual_of_command(FILE *out, const struct cli_command *command);
/** cetl(1), as troff. docs/cetl.1 is this. */
void manual_page(FILE *out);
/** A line for each command: its name, its arguments and its options, with tabs between these three, and blanks between the options;
 * behind an option with a value stands =. */
void manual_words(FILE *out);

#endif
