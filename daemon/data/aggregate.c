/* SPDX-License-Identifier: MIT */
#include "data/aggregate.h"

#include "base/buf.h"
#include "data/aggregate_key.h"
#include "data/aggregate_measure.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/random.h>

/*
 * One group, in one piece of the arena: this head, the cells of its measures, its keys' values as first seen and their images,
 * which of them are NULL, and its key's bytes.
 */
struct group {
    size_t bytes; /* of the key */
    struct aggregate_cell cell[];
};

/* Where a key's values are, by row: in the batch's column, or computed from it. */
struct key_column {
    const union value *value;
    const bool *null;
    union value *computed; /* NULL: the key is the column itself */
};

/* Open addressing with linear probing; at most three quarters of the slots are taken. */
struct slot {
    uint64_t hash;
    struct group *group; /* NULL: free */
};

enum { SLOTS_FIRST = 64, BLOCK_BYTES = 32 << 10 };

struct aggregate {
    const struct aggregate_spec *spec;
    struct aggregate_key_plan *key;
    struct aggregate_measure_plan *measure;
    struct arena plans; /* the two above */
    struct arena arena; /* the groups; its ceiling is max less what the slots take */
    size_t max;
    struct slot *slot;
    size_t slots; /* a power of two */
    size_t groups;
    bool sorted; /* the first `groups` slots are the groups in key order: it is no hash table any more */
    uint64_t seed;
    size_t values_at, images_at, nulls_at; /* in a group, bytes from its beginning */
    size_t *reserve;                       /* the measures that need room for a value */
    size_t reserving;
    struct buf bytes; /* of the key of a group that is being made */
    size_t *key_at;   /* where each key's bytes begin in it */
    struct key_column *column;
    /* Of the batch's rows: */
    struct aggregate_image *image; /* of each key, row by row */
    bool inexact;                  /* there are some that are */
    uint64_t hash[BATCH_ROWS];
    struct aggregate_cell *cells_of[BATCH_ROWS]; /* the cells of the row's group */
};

static union value *group_values(const struct aggregate *a, struct group *g)
{
    return (union value *)((char *)g + a->values_at);
}

static struct aggregate_image *group_images(const struct aggregate *a, struct group *g)
{
    return (struct aggregate_image *)((char *)g + a->images_at);
}

static bool *group_nulls(const struct aggregate *a, struct group *g)
{
    return (bool *)((char *)g + a->nulls_at);
}

static char *group_bytes(const struct aggregate *a, struct group *g)
{
    return (char *)(group_nulls(a, g) + a->spec->keys);
}

int aggregate_key_type(const struct aggregate_spec *s, size_t k, struct error *err, struct type *ret_type)
{
    struct aggregate_key_plan p;
    int r = aggregate_key_plan(s, k, err, &p);
    if (r == 0) *ret_type = p.type;
    return r;
}

int aggregate_measure_type(const struct aggregate_spec *s, size_t m, struct error *err, struct type *ret_type)
{
    struct aggregate_measure_plan p;
    int r = aggregate_measure_plan(s, m, err, &p);
    if (r == 0) *ret_type = p.type;
    return r;
}

static int make_plans(struct aggregate *a)
{
    const struct aggregate_spec *s = a->spec;
    arena_init(&a->plans, 1024, SIZE_MAX);
    a->key = arena_array(&a->plans, s->keys + 1, sizeof(*a->key));
    a->measure = arena_array(&a->plans, s->measures + 1, sizeof(*a->measure));
    a->key_at = arena_array(&a->plans, s->keys + 1, sizeof(*a->key_at));
    a->column = arena_array(&a->plans, s->keys + 1, sizeof(*a->column));
    a->reserve = arena_array(&a->plans, s->measures + 1, sizeof(*a->reserve));
    a->image = arena_array(&a->plans, s->keys * BATCH_ROWS + 1, sizeof(*a->image));
    if (!a->key || !a->measure || !a->key_at || !a->column || !a->reserve || !a->image) return -ENOMEM;
    int r = 0;
    for (size_t k = 0; k < s->keys && r == 0; k++) {
        r = aggregate_key_plan(s, k, NULL, &a->key[k]);
        if (r == 0 && aggregate_key_computed(&a->key[k])) {
            a->column[k].computed = arena_alloc(&a->plans, BATCH_ROWS * sizeof(union value));
            if (!a->column[k].computed) return -ENOMEM;
        }
    }
    for (size_t m = 0; m < s->measures && r == 0; m++) {
        r = aggregate_measure_plan(s, m, NULL, &a->measure[m]);
        if (r == 0 && a->measure[m].kind->room != AGGREGATE_ROOM_NONE) a->reserve[a->reserving++] = m;
    }
    assert(r == 0); /* who made the spec has asked for the types */
    return r;
}

int aggregate_new(const struct aggregate_spec *spec, size_t max_bytes, struct aggregate **ret_aggregate)
{
    struct aggregate *a = calloc(1, sizeof(*a));
    if (!a) return -ENOMEM;
    a->spec = spec;
    a->max = max_bytes;
    a->values_at = sizeof(struct group) + spec->measures * sizeof(struct aggregate_cell);
    a->images_at = a->values_at + spec->keys * sizeof(union value);
    a->nulls_at = a->images_at + spec->keys * sizeof(struct aggregate_image);
    arena_init(&a->arena, BLOCK_BYTES, max_bytes);
    buf_init(&a->bytes, max_bytes);
    /* Keys come from files of strangers: nobody shall know which of them collide. */
    if (getrandom(&a->seed, sizeof(a->seed), GRND_NONBLOCK) < 0) a->seed = (uintptr_t)a;
    int r = make_plans(a);
    if (r) {
        aggregate_free(a);
        return r;
    }
    *ret_aggregate = a;
    return 0;
}

void aggregate_free(struct aggregate *a)
{
    if (!a) return;
    arena_done(&a->plans);
    arena_done(&a->arena);
    buf_done(&a->bytes);
    free(a->slot);
    free(a);
}

size_t aggregate_groups(const struct aggregate *a)
{
    return a->groups;
}

/* Counted twice, since qsort takes a copy. */
static size_t table_bytes(size_t slots)
{
    return 2 * slots * sizeof(struct slot);
}

size_t aggregate_bytes(const struct aggregate *a)
{
    return a->arena.used + table_bytes(a->slots);
}

/* The values of the row's key are those of the group, also where their images do not tell. */
static bool is_key(const struct aggregate *a, struct group *g, size_t row)
{
    for (size_t k = 0; k < a->spec->keys; k++) {
        bool exact = aggregate_image_exact(group_images(a, g)[k]);
        if (!exact && !aggregate_key_equal(&a->key[k], &a->column[k].value[row], &group_values(a, g)[k])) return false;
    }
    return true;
}

/* What a search reads over and over, as copies that no store can change. */
struct search {
    const struct aggregate *a;
    struct slot *slot;
    size_t mask, keys, images_at;
    bool inexact;
};

static struct search search_of(const struct aggregate *a)
{
    return (struct search){a, a->slot, a->slots - 1, a->spec->keys, a->images_at, a->inexact};
}

/* The slot that holds the row's key, or the free one where it belongs. */
__attribute__((always_inline)) static inline struct slot *find_slot(const struct search *s, uint64_t h,
                                                                    const struct aggregate_image *image, size_t row)
{
    for (size_t i = h & s->mask;; i = (i + 1) & s->mask) {
        struct slot *slot = &s->slot[i];
        struct group *g = slot->group;
        if (!g) return slot;
        if (slot->hash != h) continue;
        const struct aggregate_image *held = (void *)((char *)g + s->images_at);
        uint64_t other = 0;
        for (size_t k = 0; k < s->keys; k++)
            other |= (image[k].first ^ held[k].first) | (image[k].last ^ held[k].last);
        if (!other && (!s->inexact || is_key(s->a, g, row))) return slot;
    }
}

static int grow(struct aggregate *a)
{
    size_t slots = a->slots ? a->slots * 2 : SLOTS_FIRST;
    if (table_bytes(slots) > a->max || a->arena.used > a->max - table_bytes(slots)) return AGGREGATE_E_FULL;
    struct slot *old = a->slot, *grown = calloc(slots, sizeof(*grown));
    if (!grown) return -ENOMEM;
    for (size_t i = 0; i < a->slots; i++) {
        if (!old[i].group) continue;
        size_t to = old[i].hash & (slots - 1);
        while (grown[to].group)
            to = (to + 1) & (slots - 1);
        grown[to] = old[i];
    }
    free(old);
    a->slot = grown;
    a->slots = slots;
    a->arena.max = a->max - table_bytes(slots);
    return 0;
}

/* The bytes of the row's key. */
static int encode(struct aggregate *a, size_t row)
{
    buf_reset(&a->bytes);
    for (size_t k = 0; k < a->spec->keys; k++) {
        a->key_at[k] = a->bytes.len + 1; /* behind the NULL flag */
        aggregate_key_encode(a->key[k].type.id, &a->column[k].value[row], a->column[k].null[row], &a->bytes);
    }
    int r = buf_check(&a->bytes);
    return r == ERROR_TOO_BIG ? AGGREGATE_E_FULL : r;
}

/* The row's key for showing and comparing. Most variable values stand in the key's bytes as they are; the others are copied. */
static int keep_values(struct aggregate *a, struct group *g, size_t row)
{
    const char *bytes = group_bytes(a, g);
    for (size_t k = 0; k < a->spec->keys; k++) {
        union value *v = &group_values(a, g)[k];
        bool null = a->column[k].null[row];
        group_nulls(a, g)[k] = null;
        if (null) continue;
        *v = a->column[k].value[row];
        if (type_info(a->key[k].type.id)->fixed || v->s.len == 0) continue;
        size_t at = a->key_at[k];
        if (v->s.len <= g->bytes - at && memcmp(bytes + at, v->s.p, v->s.len) == 0) {
            v->s.p = bytes + at;
            continue;
        }
        v->s = arena_copy(&a->arena, v->s);
        if (!v->s.p) return AGGREGATE_E_FULL;
    }
    return 0;
}

static int make_group(struct aggregate *a, size_t row, struct group **ret_group)
{
    const struct aggregate_spec *s = a->spec;
    int r = encode(a, row);
    if (r) return r;
    size_t head = a->nulls_at + s->keys * sizeof(bool);
    struct group *g = arena_alloc(&a->arena, head + a->bytes.len);
    if (!g) return AGGREGATE_E_FULL;
    memset(g, 0, head);
    g->bytes = a->bytes.len;
    if (g->bytes) memcpy(group_bytes(a, g), a->bytes.data, g->bytes);
    memcpy(group_images(a, g), a->image + row * s->keys, s->keys * sizeof(struct aggregate_image));
    for (size_t i = 0; i < a->reserving; i++)
        if (a->measure[a->reserve[i]].kind->prepare(&g->cell[a->reserve[i]], &a->arena)) return AGGREGATE_E_FULL;
    r = keep_values(a, g, row);
    if (r == 0) *ret_group = g;
    return r;
}

/* Find or make the group of the row's key. The slot is valid until the next call; ret_made: the group is new. */
static int find_group(struct aggregate *a, uint64_t h, size_t row, struct slot **ret_slot, bool *ret_made)
{
    int r = a->groups >= a->slots / 4 * 3 ? grow(a) : 0;
    if (r) return r;
    const struct search search = search_of(a);
    struct slot *slot = find_slot(&search, h, a->image + row * search.keys, row);
    *ret_made = !slot->group;
    if (!slot->group) {
        r = make_group(a, row, &slot->group);
        if (r) return r;
        slot->hash = h;
        a->groups++;
    }
    *ret_slot = slot;
    return 0;
}

/* Undo find_group: the slot was the last to be taken, so no other key was led past it. */
static void drop_group(struct aggregate *a, struct slot *slot)
{
    slot->group = NULL;
    a->groups--;
}

static int reserve_row(struct aggregate *a, struct group *g, const struct batch *b, size_t row)
{
    for (size_t i = 0; i < a->reserving; i++) {
        size_t m = a->reserve[i];
        const struct aggregate_measure_plan *p = &a->measure[m];
        const struct batch_column *column = &b->column[p->measure.column];
        if (column->null[row]) continue;
        if (p->kind->reserve(p, &g->cell[m], &column->value[row], &a->arena)) return AGGREGATE_E_FULL;
    }
    return 0;
}

/* The row's group, with room for its values. */
static int place_row(struct aggregate *a, const struct batch *b, size_t row)
{
    struct slot *slot;
    bool made;
    int r = find_group(a, a->hash[row], row, &slot, &made);
    if (r) return r;
    r = reserve_row(a, slot->group, b, row);
    if (r) {
        if (made) drop_group(a, slot);
        return r;
    }
    a->cells_of[row] = slot->group->cell;
    return 0;
}

/* The images of the rows' keys, and their hashes */
static void make_images(struct aggregate *a, size_t from, size_t to)
{
    a->inexact = false;
    for (size_t row = from; row < to; row++)
        a->hash[row] = a->seed;
    for (size_t k = 0; k < a->spec->keys; k++) {
        const struct aggregate_key_rows rows = {a->column[k].value, a->column[k].null, from, to, a->spec->keys};
        a->inexact |= aggregate_key_images(&a->key[k], &rows, a->seed, a->image + k, a->hash);
    }
}

/* The keys of the rows from..to. The row behind the last whose keys all have a result. */
static size_t prepare_keys(struct aggregate *a, const struct batch *b, size_t from, size_t to)
{
    for (size_t k = 0; k < a->spec->keys; k++) {
        const struct batch_column *column = &b->column[a->key[k].key.column];
        struct key_column *key = &a->column[k];
        key->null = column->null;
        key->value = key->computed ? key->computed : column->value;
        if (key->computed) to = aggregate_key_compute(&a->key[k], column, from, to, key->computed);
    }
    make_images(a, from, to);
    return to;
}

/* All cells have room for all values of the rows. */
static bool is_roomy(const struct aggregate *a, const struct batch *b, size_t from, size_t to)
{
    for (size_t i = 0; i < a->reserving; i++) {
        const struct aggregate_measure_plan *p = &a->measure[a->reserve[i]];
        if (!aggregate_measure_roomy(p, &b->column[p->measure.column], from, to)) return false;
    }
    return true;
}

/* The cells of the rows from..to, up to the first whose group is not there yet: that row, or `to`. */
static size_t find_cells(struct aggregate *a, size_t from, size_t to)
{
    const struct search search = search_of(a);
    const struct aggregate_image *image = a->image + from * search.keys;
    if (!search.slot) return from;
    for (; from < to; from++, image += search.keys) {
        struct group *g = find_slot(&search, a->hash[from], image, from)->group;
        if (!g) break;
        a->cells_of[from] = g->cell;
    }
    return from;
}

int aggregate_add_from(struct aggregate *a, const struct batch *b, size_t *row)
{
    assert(!a->sorted && b->rows <= BATCH_ROWS);
    size_t first = *row, end = first, prepared = prepare_keys(a, b, first, b->rows);
    bool roomy = is_roomy(a, b, first, prepared);
    int r = 0;
    while (end < prepared && r == 0) {
        if (roomy) end = find_cells(a, end, prepared);
        if (end < prepared) r = place_row(a, b, end);
        end += end < prepared && r == 0;
    }
    for (size_t m = 0; m < a->spec->measures; m++) {
        const struct aggregate_measure_plan *p = &a->measure[m];
        const struct batch_column *column = p->kind->counts_nulls ? NULL : &b->column[p->measure.column];
        p->kind->add_rows(p, &(struct aggregate_rows){a->cells_of, m, column, first, end});
    }
    *row = end;
    return r == 0 && end < b->rows ? AGGREGATE_E_RANGE : r;
}

int aggregate_add(struct aggregate *a, const struct batch *b)
{
    size_t row = 0;
    return aggregate_add_from(a, b, &row);
}

static bool is_count(const struct aggregate_measure_plan *p)
{
    return p->measure.function == AGGREGATE_COUNT_ALL || p->measure.function == AGGREGATE_COUNT;
}

static int merge_group(struct aggregate *to, struct group *g, struct group *from)
{
    for (size_t m = 0; m < to->spec->measures; m++) {
        const struct aggregate_measure_plan *p = &to->measure[m];
        if (!from->cell[m].seen || !p->kind->reserve_cell) continue;
        if (p->kind->reserve_cell(p, &g->cell[m], &from->cell[m], &to->arena)) return AGGREGATE_E_FULL;
    }
    for (size_t m = 0; m < to->spec->measures; m++) {
        const struct aggregate_measure_plan *p = &to->measure[m];
        if (!from->cell[m].seen && !is_count(p)) continue;
        p->kind->add_cell(p, &g->cell[m], &from->cell[m]);
        g->cell[m].seen |= from->cell[m].seen;
    }
    return 0;
}

static int merge_slot(struct aggregate *to, const struct aggregate *from, struct group *g)
{
    for (size_t k = 0; k < to->spec->keys; k++) {
        to->column[k].value = &group_values(from, g)[k];
        to->column[k].null = &group_nulls(from, g)[k];
    }
    make_images(to, 0, 1);
    struct slot *slot;
    bool made;
    int r = find_group(to, to->hash[0], 0, &slot, &made);
    if (r) return r;
    r = merge_group(to, slot->group, g);
    if (r && made) drop_group(to, slot);
    return r;
}

int aggregate_merge(struct aggregate *to, const struct aggregate *from)
{
    assert(!to->sorted && to != from && to->spec->keys == from->spec->keys && to->spec->measures == from->spec->measures);
    int r = 0;
    for (size_t i = 0; i < from->slots && r == 0; i++)
        if (from->slot[i].group) r = merge_slot(to, from, from->slot[i].group);
    return r;
}

static int compare_slots(const void *left, const void *right, void *aggregate)
{
    const struct slot *l = left, *r = right;
    return slice_compare((struct slice){group_bytes(aggregate, l->group), l->group->bytes},
                         (struct slice){group_bytes(aggregate, r->group), r->group->bytes});
}

/* The slots become the sorted list of groups. */
static void sort(struct aggregate *a)
{
    size_t n = 0;
    for (size_t i = 0; i < a->slots; i++)
        if (a->slot[i].group) a->slot[n++] = a->slot[i];
    for (size_t i = n; i < a->slots; i++)
        a->slot[i].group = NULL;
    if (n > 1) qsort_r(a->slot, n, sizeof(a->slot[0]), compare_slots, a);
    a->sorted = true;
}

/* Where groups are read to: the next row of a batch. */
struct reading {
    struct arena *arena;
    struct batch batch;
};

static int read_keys(const struct aggregate *a, struct group *g, struct reading *to)
{
    for (size_t k = 0; k < a->spec->keys; k++) {
        struct batch_column *column = &to->batch.column[k];
        union value *v = &column->value[to->batch.rows];
        *v = group_values(a, g)[k];
        column->null[to->batch.rows] = group_nulls(a, g)[k];
        if (group_nulls(a, g)[k] || type_info(column->type.id)->fixed || v->s.len == 0) continue;
        /* The batch may live longer than we do. */
        v->s = arena_copy(to->arena, v->s);
        if (!v->s.p) return -ENOMEM;
    }
    return 0;
}

static int read_measures(const struct aggregate *a, struct group *g, struct reading *to)
{
    for (size_t m = 0; m < a->spec->measures; m++) {
        const struct aggregate_measure_plan *p = &a->measure[m];
        struct batch_column *column = &to->batch.column[a->spec->keys + m];
        bool null = !g->cell[m].seen && !is_count(p);
        column->null[to->batch.rows] = null;
        if (null) continue;
        int r = p->kind->read(p, &g->cell[m], to->arena, &column->value[to->batch.rows]);
        if (r) return r;
    }
    return 0;
}

static int init_reading(const struct aggregate *a, struct arena *arena, struct reading *ret_to)
{
    size_t keys = a->spec->keys, columns = keys + a->spec->measures;
    struct type *types = arena_array(arena, columns + 1, sizeof(*types));
    if (!types) return -ENOMEM;
    for (size_t k = 0; k < keys; k++)
        types[k] = a->key[k].type;
    for (size_t m = 0; m < a->spec->measures; m++)
        types[keys + m] = a->measure[m].type;
    ret_to->arena = arena;
    return batch_init(&ret_to->batch, types, columns, arena);
}

int aggregate_read(struct aggregate *a, size_t *position, struct arena *arena, struct batch *ret_batch)
{
    if (!a->sorted) sort(a);
    struct reading to;
    int r = init_reading(a, arena, &to);
    if (r) return r;
    size_t at = *position;
    for (to.batch.rows = 0; to.batch.rows < to.batch.rows_max && at < a->groups; to.batch.rows++) {
        struct group *g = a->slot[at++].group;
        r = read_keys(a, g, &to);
        if (r == 0) r = read_measures(a, g, &to);
        if (r) return r;
    }
    *position = at;
    *ret_batch = to.batch;
    return 0;
}
