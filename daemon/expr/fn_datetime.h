/* SPDX-License-Identifier: MIT */
/*
 * The kernels of fn_datetime's table that live in other files.
 *
 * Thread: any.
 */
#ifndef CETLD_EXPR_FN_DATETIME_H
#define CETLD_EXPR_FN_DATETIME_H

#include "expr/function.h"

#define FN_DATETIME_KERNEL(name)                                                                                                   \
    int name(struct expr_run *run, const struct expr_call *call, const struct expr_rows *rows, struct batch_column *ret)

/* fn_datetime_part.c */
FN_DATETIME_KERNEL(fn_datetime_trunc);
FN_DATETIME_KERNEL(fn_datetime_extract);
FN_DATETIME_KERNEL(fn_datetime_date_part);

#endif
