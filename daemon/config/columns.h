/* SPDX-License-Identifier: MIT */
/*
 * The names and types in a CREATE TABLE list, so that [column …] sections, rollups and expressions can be checked without the
 * server. The list itself goes to PostgreSQL as it stands, which has the last word.
 *
 * Thread: any.
 */
#ifndef CETLD_CONFIG_COLUMNS_H
#define CETLD_CONFIG_COLUMNS_H

#include "base/arena.h"
#include "base/error.h"
#include "config/config.h"
#include "config/token.h"

enum { COLUMNS_E_SYNTAX = 1, COLUMNS_MAX = 1600 /* PostgreSQL's own */ };

/** The columns' names, and of each the text of its type; constraints left out. In the arena. 0, COLUMNS_E_SYNTAX with the words in
 * err, or -ENOMEM. */
must_check int columns_parse(struct slice sql, struct arena *arena, struct error *err, struct config_list *ret_columns,
                             struct config_list *ret_types);
/** Does the item that begins with these two tokens constrain the table instead of making a column? */
bool columns_is_constraint(struct token first, struct token second);

#endif
