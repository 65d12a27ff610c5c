/* SPDX-License-Identifier: MIT */
#include "expr/function.h"

const struct expr_function expr_fn_numeric[] = {{0}};
