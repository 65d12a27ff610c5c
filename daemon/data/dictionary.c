/* SPDX-License-Identifier: MIT */
#include "data/dictionary.h"

#include "data/aggregate_key.h"

#include <stdlib.h>

enum {
    ROWS_A_BLOCK = 1024,
    TEXT_BLOCK = 64 * 1024,
    SLOTS_FIRST = 1024,
    ROWS_MAX = 1 << 30,
};

/* Rows side by side: first all keys of a row, then its values. */
struct block {
    union value *cell; /* ROWS_A_BLOCK * (keys + values) */
    bool *null;        /* ROWS_A_BLOCK * values */
    uint64_t hash[ROWS_A_BLOCK];
};

struct dictionary {
    struct aggregate_key_plan plan[DICTIONARY_KEYS_MAX];
    struct type *value;
    size_t keys, values, *longest;
    struct arena arena; /* the texts */
    struct block **block;
    size_t blocks, rows;
    uint32_t *slot; /* number of the row, from 1; 0: empty */
    size_t slots;   /* a power of two, at least twice the rows */
    size_t bytes_max;
};

bool dictionary_comparable(enum type_id a, enum type_id b)
{
    bool ints = a >= TYPE_INT2 && a <= TYPE_INT8 && b >= TYPE_INT2 && b <= TYPE_INT8;
    bool texts = (a == TYPE_TEXT || a == TYPE_VARCHAR) && (b == TYPE_TEXT || b == TYPE_VARCHAR);
    return a == b || ints || texts;
}

/* How keys are compared, as GROUP BY does it. */
static int plan_keys(struct dictionary *d, const struct dictionary_spec *spec, struct error *err)
{
    struct aggregate_key key[DICTIONARY_KEYS_MAX] = {0};
    const struct aggregate_spec as = {.key = key, .keys = spec->keys, .type = spec->key, .columns = spec->keys};
    for (size_t k = 0; k < spec->keys; k++) {
        key[k] = (struct aggregate_key){.kind = AGGREGATE_KEY_COLUMN, .column = k};
        int r = aggregate_key_plan(&as, k, err, &d->plan[k]);
        if (r != 0) return r;
    }
    return 0;
}

int dictionary_new(const struct dictionary_spec *spec, struct error *err, struct dictionary **ret_dictionary)
{
    struct dictionary *d = calloc(1, sizeof *d);
    if (!d) return -ENOMEM;
    d->keys = spec->keys;
    d->values = spec->values;
    d->bytes_max = spec->bytes_max;
    arena_init(&d->arena, TEXT_BLOCK, spec->bytes_max);
    d->value = calloc(spec->values + 1, sizeof *d->value);
    d->longest = calloc(spec->values + 1, sizeof *d->longest);
    d->slot = calloc(SLOTS_FIRST, sizeof *d->slot);
    d->slots = SLOTS_FIRST;
    int r = d->value && d->longest && d->slot ? plan_keys(d, spec, err) : -ENOMEM;
    if (r != 0) {
        dictionary_free(d);
        return r;
    }
    if (spec->values > 0) memcpy(d->value, spec->value, spec->values * sizeof *d->value);
    *ret_dictionary = d;
    return 0;
}

static void block_free(struct block *b)
{
    if (!b) return;
    free(b->cell);
    free(b->null);
    free(b);
}

void dictionary_free(struct dictionary *d)
{
    if (!d) return;
    for (size_t i = 0; i < d->blocks; i++)
        block_free(d->block[i]);
    free(d->block);
    free(d->slot);
    free(d->value);
    free(d->longest);
    arena_done(&d->arena);
    free(d);
}

size_t dictionary_rows(const struct dictionary *d)
{
    return d->rows;
}

static size_t block_bytes(const struct dictionary *d)
{
    return sizeof(struct block) + ROWS_A_BLOCK * ((d->keys + d->values) * sizeof(union value) + d->values * sizeof(bool)) +
           sizeof(struct block *);
}

size_t dictionary_bytes(const struct dictionary *d)
{
    return d->arena.used + d->blocks * block_bytes(d) + d->slots * sizeof *d->slot;
}

size_t dictionary_longest(const struct dictionary *d, size_t value)
{
    return d->longest[value];
}

static const union value *cells_of(const struct dictionary *d, size_t row)
{
    return &d->block[row / ROWS_A_BLOCK]->cell[row % ROWS_A_BLOCK * (d->keys + d->values)];
}

/* ---- filling ---- */

static int add_block(struct dictionary *d)
{
    if (dictionary_bytes(d) + block_bytes(d) > d->bytes_max || d->rows >= ROWS_MAX) return DICTIONARY_E_FULL;
    struct block **grown = reallocarray(d->block, d->blocks + 1, sizeof *grown);
    if (!grown) return -ENOMEM;
    d->block = grown;
    struct block *b = calloc(1, sizeof *b);
    if (!b) return -ENOMEM;
    b->cell = calloc(ROWS_A_BLOCK * (d->keys + d->values), sizeof *b->cell);
    b->null = calloc(ROWS_A_BLOCK * d->values + 1, sizeof *b->null);
    if (!b->cell || !b->null) {
        block_free(b);
        return -ENOMEM;
    }
    d->block[d->blocks++] = b;
    return 0;
}

/* Twice the slots; the old ones are there until the new ones are filled. */
static int widen(struct dictionary *d)
{
    size_t n = 2 * d->slots;
    if (dictionary_bytes(d) + n * sizeof *d->slot > d->bytes_max) return DICTIONARY_E_FULL;
    uint32_t *slot = calloc(n, sizeof *slot);
    if (!slot) return -ENOMEM;
    for (size_t row = 0; row < d->rows; row++) {
        size_t at = d->block[row / ROWS_A_BLOCK]->hash[row % ROWS_A_BLOCK] & (n - 1);
        while (slot[at])
            at = (at + 1) & (n - 1);
        slot[at] = (uint32_t)row + 1;
    }
    free(d->slot);
    d->slot = slot;
    d->slots = n;
    return 0;
}

static bool same_key(const struct dictionary *d, size_t row, const union value *key)
{
    const union value *cell = cells_of(d, row);
    for (size_t k = 0; k < d->keys; k++)
        if (!aggregate_key_equal(&d->plan[k], &cell[k], &key[k])) return false;
    return true;
}

/* The slot of the key, or the empty one where it belongs. */
static size_t slot_of(const struct dictionary *d, uint64_t hash, const union value *key)
{
    size_t at = hash & (d->slots - 1);
    while (d->slot[at]) {
        size_t row = d->slot[at] - 1;
        if (d->block[row / ROWS_A_BLOCK]->hash[row % ROWS_A_BLOCK] == hash && same_key(d, row, key)) break;
        at = (at + 1) & (d->slots - 1);
    }
    return at;
}

/* Low bits choose the slot, and the hashes of small integers differ in others, too. */
static uint64_t spread(uint64_t h)
{
    h ^= h >> 32;
    h *= UINT64_C(0x9e3779b97f4a7c15);
    return h ^ h >> 29;
}

static int keep(struct dictionary *d, const struct type type, const union value *from, union value *to)
{
    *to = *from;
    if (type_info(type.id)->fixed) return 0;
    to->s = arena_copy(&d->arena, from->s);
    if (to->s.p || from->s.len == 0) return 0;
    return d->arena.used + TEXT_BLOCK > d->arena.max || from->s.len > d->arena.max ? DICTIONARY_E_FULL : -ENOMEM;
}

int dictionary_add(struct dictionary *d, const struct dictionary_row *row)
{
    uint64_t hash = 0;
    for (size_t k = 0; k < d->keys; k++) {
        if (row->key_null[k]) return 0;
        hash = aggregate_key_hash(&d->plan[k], &row->key[k], false, hash);
    }
    hash = spread(hash);
    size_t at = slot_of(d, hash, row->key);
    if (d->slot[at]) return 0;
    int r = d->rows == d->blocks * ROWS_A_BLOCK ? add_block(d) : 0;
    if (r != 0) return r;
    struct block *b = d->block[d->rows / ROWS_A_BLOCK];
    size_t in = d->rows % ROWS_A_BLOCK;
    union value *cell = &b->cell[in * (d->keys + d->values)];
    for (size_t k = 0; k < d->keys && r == 0; k++)
        r = keep(d, d->plan[k].source, &row->key[k], &cell[k]);
    for (size_t i = 0; i < d->values && r == 0; i++) {
        b->null[in * d->values + i] = row->value_null[i];
        if (row->value_null[i]) continue;
        r = keep(d, d->value[i], &row->value[i], &cell[d->keys + i]);
        bool fixed = type_info(d->value[i].id)->fixed;
        if (!fixed && row->value[i].s.len > d->longest[i]) d->longest[i] = row->value[i].s.len;
    }
    if (r == 0 && dictionary_bytes(d) > d->bytes_max) r = DICTIONARY_E_FULL;
    if (r != 0) return r;
    b->hash[in] = hash;
    d->slot[at] = (uint32_t)++d->rows;
    return 2 * d->rows > d->slots ? widen(d) : 0;
}

/* ---- reading ---- */

void dictionary_find(const struct dictionary *d, const struct batch_column *const *key, const struct dictionary_rows *rows,
                     uint32_t *ret_found)
{
    union value v[DICTIONARY_KEYS_MAX];
    for (size_t i = 0; i < rows->n; i++) {
        uint32_t row = rows->row[i];
        uint64_t hash = 0;
        bool null = false;
        for (size_t k = 0; k < d->keys && !null; k++) {
            v[k] = key[k]->value[row];
            null = key[k]->null[row];
            if (!null) hash = aggregate_key_hash(&d->plan[k], &v[k], false, hash);
        }
        ret_found[row] = null ? DICTIONARY_NULL : d->slot[slot_of(d, spread(hash), v)];
    }
}

union value dictionary_value(const struct dictionary *d, uint32_t found, size_t value, bool *ret_null)
{
    size_t row = found - 1;
    *ret_null = d->block[row / ROWS_A_BLOCK]->null[row % ROWS_A_BLOCK * d->values + value];
    return cells_of(d, row)[d->keys + value];
}
