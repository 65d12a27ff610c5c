/* SPDX-License-Identifier: MIT */
#include "data/cells.h"

#include "csv/simd.h"

cells_take *cells_taker(const struct type_input *in)
{
    /* Other forms than ISO, decimal commas, and wall clocks of a zone are not everyday. */
    if (in->format || in->marks.decimal || (in->type.id == TYPE_TIMESTAMPTZ && in->zone)) return NULL;
#ifdef __x86_64__
    if (simd_variant(SIMD_AVX2)) return cells_avx2(in);
#endif
    return NULL;
}
