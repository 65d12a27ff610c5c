/* SPDX-License-Identifier: MIT */
#include "expr/function.h"

const struct expr_cast expr_cast_text[] = {{0}};
