/* SPDX-License-Identifier: MIT */
/*
 * Any text as any type: it is a value or a TYPE_E_ code, the same each time; a value has a well-formed binary form, and its text
 * means the value again. The first bytes choose type, typmod, template, zone and marks.
 */
#include "base/zone.h"
#include "data/cells.h"
#include "values.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct type_format *format_of(uint8_t choice)
{
    static const char *const patterns[] = {"DD/MM/YYYY", "YYYY-MM-DD HH24:MI:SS.US", "Month D, YYYY HH12:MI AM",
                                           "YYYYMMDDHH24MISSMS", "YY.M.D \"at\" HH24"};
    enum { PATTERNS = sizeof(patterns) / sizeof(patterns[0]) };
    static struct type_format *compiled[PATTERNS];
    size_t i = choice % (PATTERNS * 4);
    if (i >= PATTERNS) return NULL;
    struct error err;
    if (!compiled[i]) check(type_format_new(slice_of(patterns[i]), &err, &compiled[i]) == 0);
    return compiled[i];
}

static const struct zone *zone_of(uint8_t choice)
{
    static const char *const names[] = {"Europe/Paris", "America/New_York", "Australia/Lord_Howe"};
    enum { NAMES = sizeof(names) / sizeof(names[0]) };
    static const struct zone *zones[NAMES];
    static struct arena arena = {.block = 1 << 14, .max = 1 << 20};
    size_t i = choice % (NAMES + 2);
    if (i >= NAMES) return NULL;
    struct error err;
    if (!zones[i]) check(zone_load(names[i], &arena, &err, &zones[i]) == 0);
    return zones[i];
}

static bool is_datetime(enum type_id id)
{
    return id >= TYPE_DATE && id <= TYPE_TIMESTAMPTZ;
}

/* As a cell of a column, behind other bytes: the same. */
static void check_rows(const struct type_input *in, struct slice memory, size_t at, struct arena *arena, int code,
                       const union value *want)
{
    union value v = {.s = {memory.p + at, memory.len - at}};
    bool bad = false;
    const bool null = false;
    check(type_parse_rows(in, &(struct type_rows){&v, &null, &bad, 1, memory}, arena) == 0 && bad == (code != 0));
    if (code == 0) check(type_info(in->type.id)->fixed ? v.i == want->i : slice_equal(v.s, want->s));
}

/* Straight from a file's bytes: the same, where it is taken so. */
static void check_cell(const struct type_input *in, struct slice memory, size_t at, struct arena *arena, int code,
                       const union value *want)
{
    const uint32_t behind[] = {(uint32_t)at, (uint32_t)memory.len + 1};
    const struct reader_rows rows = {.text = memory.p, .behind = behind, .rows = 1, .cells = 2};
    cells_take *take = cells_taker(in);
    char *room = arena_alloc(arena, CELLS_ROOM);
    uint16_t left;
    union value v;
    check(room != NULL);
    if (!take || take(in, &(struct cells){&rows, 0, memory.p}, &v, room, &left) > 0) return;
    check(code == 0 && (type_info(in->type.id)->fixed ? v.i == want->i : slice_equal(v.s, want->s)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { CHOICES = 4 };
    if (size < CHOICES) return 0;
    struct type_input in = {.type = type_of(data[0], data[1], true)};
    if (is_datetime(in.type.id)) in.format = format_of(data[2]);
    if (in.format && !type_format_suits(in.format, in.type.id)) in.format = NULL;
    in.zone = zone_of(data[3]);
    in.marks = (struct type_marks){"\0\0.,"[data[2] & 3], "\0,.' _\0\0"[data[3] >> 5]};
    struct slice text = {(const char *)data + CHOICES, size - CHOICES};

    struct arena arena;
    union value v, again;
    struct buf wire, wire_again;
    arena_init(&arena, 1 << 12, 1 << 26);
    buf_init(&wire, 1 << 24);
    buf_init(&wire_again, 1 << 24);
    int r = parse(&in, text, &arena, &v);
    check(r >= 0 && r <= TYPE_E_LENGTH && parse(&in, text, &arena, &again) == r);
    if (size > 2 * CHOICES + 16) {
        size_t at = CHOICES + 16 + data[2] % 4;
        union value rest;
        struct slice memory = {(const char *)data, size};
        int code = type_parse(&in, (struct slice){memory.p + at, size - at}, &arena, &rest);
        check_rows(&in, memory, at, &arena, code, &rest);
        check_cell(&in, memory, at, &arena, code, &rest);
    }
    check_rows(&in, text, 0, &arena, r, &v);
    char expected[128];
    if (r > 0) {
        check(strlen(type_sqlstate(in.type.id, r)) == 5 && strlen(type_fault(in.type.id, r)) > 0);
        check(strlen(type_expected(&in, r, expected)) > 0);
    } else if (in.type.id == TYPE_OTHER) {
        check(slice_equal(v.s, text));
    } else {
        pgcopy_value(&wire, in.type, &v, false);
        pgcopy_value(&wire_again, in.type, &again, false);
        check(buf_check(&wire) == 0 && slice_equal(buf_slice(&wire), buf_slice(&wire_again)));
        check(wire.len >= 4 && get32(wire.data) == wire.len - 4);
        check_wire(in.type, (struct slice){wire.data + 4, wire.len - 4});
    }
    buf_done(&wire);
    buf_done(&wire_again);
    arena_done(&arena);
    return 0;
}
