/* SPDX-License-Identifier: MIT */
#include "csv/utf8.h"

#include "csv/simd.h"

size_t utf8_prefix(struct slice s)
{
    const struct simd_ops *ops = simd_best();
    size_t i = 0;
    for (;;) {
        i += ops->text_prefix((struct slice){s.p + i, s.len - i});
        if (i == s.len || s.p[i] != '\0') return i;
        i++;
    }
}
