/* SPDX-License-Identifier: MIT */
/*
 * The key of a row in its path: /v1/orders/7, /v1/stock/Paris,3 where it has several columns.
 *
 * Thread: loop.
 */
#ifndef CETLD_API_ROW_KEY_H
#define CETLD_API_ROW_KEY_H

#include "api/write.h"

/** Its values into w->key, in the order of the table's key; false after a problem. */
must_check bool row_key_take(struct write *w);

#endif
