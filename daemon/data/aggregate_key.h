/* SPDX-License-Identifier: MIT */
/*
 * Group keys of an aggregate: from a batch's column to the keys' values; which of them PostgreSQL groups together (-0 and 0, all
 * NaNs, 1.0 and 1.00, char(n) whatever its blanks), by comparing and by a hash; and bytes that are equal exactly then, and that
 * memcmp orders as PostgreSQL orders the values, NULLs last.
 *
 * Thread: any.
 */
#ifndef CETLD_DATA_AGGREGATE_KEY_H
#define CETLD_DATA_AGGREGATE_KEY_H

#include "base/buf.h"
#include "data/aggregate.h"
#include "data/trunc.h"

/* How values are compared */
enum aggregate_key_class {
    AGGREGATE_KEY_INT,
    AGGREGATE_KEY_FLOAT,
    AGGREGATE_KEY_BYTES,
    AGGREGATE_KEY_BLANKS, /* bytes without the blanks at their end */
    AGGREGATE_KEY_NUMERIC,
};

struct aggregate_key_plan {
    struct aggregate_key key;
    enum aggregate_key_class class;
    struct type source, type; /* the column's and the key's */
    enum trunc_unit unit;
};

/** 0 or AGGREGATE_E_TYPE with the words. */
must_check int aggregate_key_plan(const struct aggregate_spec *s, size_t k, struct error *err, struct aggregate_key_plan *ret_plan);
/** The key is not the column's value itself: it has to be computed. */
static inline bool aggregate_key_computed(const struct aggregate_key_plan *p)
{
    return p->key.kind == AGGREGATE_KEY_TRUNC || (p->key.kind == AGGREGATE_KEY_DATE && p->source.id != TYPE_DATE);
}
/** Compute the keys of the rows from..to of the column, into to_value[from..]. The row behind the last that could be computed. */
size_t aggregate_key_compute(const struct aggregate_key_plan *p, const struct batch_column *column, size_t from, size_t to,
                             union value *to_value);
/**
 * A value in two words. The same for values that are grouped together; where it is exact, and most are (what is fixed, and texts of
 * up to 15 bytes), for no others.
 */
struct aggregate_image {
    uint64_t first, last;
};
/** How the last word ends of what is not exact, and of NULL; a short text has its length there. */
#define AGGREGATE_IMAGE_INEXACT (UINT64_C(0xfe) << 56)
#define AGGREGATE_IMAGE_NULL (UINT64_C(0xff) << 56)
static inline bool aggregate_image_exact(struct aggregate_image i)
{
    return i.last != AGGREGATE_IMAGE_INEXACT;
}
/** Values of a key by row; images of several keys lie side by side, so that there are `step` of them from row to row. */
struct aggregate_key_rows {
    const union value *value;
    const bool *null;
    size_t from, to, step;
};
/** A key's image in each row from..to, in ret_image[row * step]; each is mixed into the row's hash. Nobody can foresee the images
 * of long texts who does not know the seed. True: some are not exact. */
bool aggregate_key_images(const struct aggregate_key_plan *p, const struct aggregate_key_rows *rows, uint64_t seed,
                          struct aggregate_image *ret_image, uint64_t *hash);
/** h with the value mixed into it: the same for values that are grouped together. */
uint64_t aggregate_key_hash(const struct aggregate_key_plan *p, const union value *v, bool null, uint64_t h);
/* Up to seven bytes. Texts of different lengths may look the same; their lengths are mixed in. */
static inline uint64_t aggregate_key_short(const char *p, size_t n)
{
    if (n >= 4) {
        uint32_t first, last;
        memcpy(&first, p, sizeof(first));
        memcpy(&last, p + n - 4, sizeof(last));
        return (uint64_t)first << 32 | last;
    }
    if (n == 0) return 0;
    return (uint64_t)(unsigned char)p[0] << 16 | (uint64_t)(unsigned char)p[n / 2] << 8 | (unsigned char)p[n - 1];
}

/* Most keys are short: two overlapping words instead of a call. */
static inline bool aggregate_key_same_bytes(struct slice a, struct slice b)
{
    if (a.len != b.len) return false;
    if (a.len < sizeof(uint64_t)) return aggregate_key_short(a.p, a.len) == aggregate_key_short(b.p, b.len);
    if (a.len > 2 * sizeof(uint64_t)) return memcmp(a.p, b.p, a.len) == 0;
    uint64_t a1, b1, a2, b2;
    memcpy(&a1, a.p, sizeof(a1));
    memcpy(&b1, b.p, sizeof(b1));
    memcpy(&a2, a.p + a.len - sizeof(a2), sizeof(a2));
    memcpy(&b2, b.p + b.len - sizeof(b2), sizeof(b2));
    return a1 == b1 && a2 == b2;
}

bool aggregate_key_equal_slow(const struct aggregate_key_plan *p, const union value *a, const union value *b);
/** Both are grouped together; neither is NULL. */
static inline bool aggregate_key_equal(const struct aggregate_key_plan *p, const union value *a, const union value *b)
{
    if (p->class == AGGREGATE_KEY_BYTES) return aggregate_key_same_bytes(a->s, b->s);
    return p->class == AGGREGATE_KEY_INT ? a->i == b->i : aggregate_key_equal_slow(p, a, b);
}
/** Append the bytes. Failures are in out->failed. */
void aggregate_key_encode(enum type_id type, const union value *v, bool null, struct buf *out);

#endif
