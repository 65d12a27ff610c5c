/* SPDX-License-Identifier: MIT */
/*
 * A dictionary: the rows of a table by a key that tells them apart, in memory. Filled once, row by row, then read by any number of
 * threads.
 *
 *     r = dictionary_new(&spec, &err, &d);            // 0, AGGREGATE_E_TYPE, -ENOMEM
 *     while (…) r = dictionary_add(d, &row);          // 0, DICTIONARY_E_FULL, -ENOMEM
 *     dictionary_find(d, key, rows, found);           // for some rows of a batch
 *     dictionary_value(d, found[row], column, &null)
 *     dictionary_free(d);
 *
 * Which keys are equal: as PostgreSQL's =, for values of one type, integers of any width, and text and varchar (1.0 is 1.00, -0 is
 * 0, char(n) whatever its blanks; texts by their bytes, as all deterministic collations have it). Two keys of which one has a NULL
 * are not; a row whose key has one is left out.
 *
 * Thread: any, one at a time until it is filled.
 */
#ifndef CETLD_DATA_DICTIONARY_H
#define CETLD_DATA_DICTIONARY_H

#include "base/error.h"
#include "data/batch.h"

struct dictionary;

enum { DICTIONARY_E_FULL = 101, DICTIONARY_KEYS_MAX = 16 };

struct dictionary_spec {
    const struct type *key;
    size_t keys; /* up to DICTIONARY_KEYS_MAX */
    const struct type *value;
    size_t values;
    size_t bytes_max; /* of all of it */
};
struct dictionary_row {
    const union value *key;
    const bool *key_null;
    const union value *value;
    const bool *value_null;
};
/** 0; AGGREGATE_E_TYPE: such keys cannot be compared here, in words; -ENOMEM. */
must_check int dictionary_new(const struct dictionary_spec *spec, struct error *err, struct dictionary **ret_dictionary);
void dictionary_free(struct dictionary *d);
/** Everything is copied. Of rows with the same key the first stays. 0, DICTIONARY_E_FULL, -ENOMEM; then it is only to be freed. */
must_check int dictionary_add(struct dictionary *d, const struct dictionary_row *row);
size_t dictionary_rows(const struct dictionary *d);
/** What it holds of the machine's memory. */
size_t dictionary_bytes(const struct dictionary *d);
/** The longest of the values of a column whose type has no fixed length. */
size_t dictionary_longest(const struct dictionary *d, size_t value);

/** May a key of type `a` be looked for among keys of type `b`? */
bool dictionary_comparable(enum type_id a, enum type_id b);

enum { DICTIONARY_MISSED = 0, DICTIONARY_NULL = UINT32_MAX }; /* no such key; the key has a NULL */
struct dictionary_rows {
    const uint32_t *row; /* of the batch */
    size_t n;
};
/** `key` has a column for each key. ret_found[row], for each of the rows, is for dictionary_value, or one of the two above. */
void dictionary_find(const struct dictionary *d, const struct batch_column *const *key, const struct dictionary_rows *rows,
                     uint32_t *ret_found);
/** A value of a row that was found; texts are the dictionary's. */
union value dictionary_value(const struct dictionary *d, uint32_t found, size_t value, bool *ret_null);

#endif
