/* SPDX-License-Identifier: MIT */
/*
 * Comparisons of booleans and uuids, gen_random_uuid, and what only a file's row knows: filename(), line(), loaded_at().
 *
 * Source: PostgreSQL manual, "UUID Functions"; RFC 9562, 5.4 (version 4).
 */
#include "expr/function.h"

#include <sys/random.h>

enum { UUID_LEN = 16 };

enum comparison { EQUAL, NOT_EQUAL, LESS, LESS_EQUAL, GREATER, GREATER_EQUAL };

__attribute__((always_inline)) static inline bool holds(int64_t order, enum comparison how)
{
    switch (how) {
    case EQUAL: return order == 0;
    case NOT_EQUAL: return order != 0;
    case LESS: return order < 0;
    case LESS_EQUAL: return order <= 0;
    case GREATER: return order > 0;
    default: return order >= 0;
    }
}

#define SIGNATURE struct expr_run *run, const struct expr_call *call, const struct expr_rows *rows, struct batch_column *ret
#define COMPARISON(name, how)                                                                                                      \
    static int bool_##name(SIGNATURE)                                                                                              \
    {                                                                                                                              \
        (void)run;                                                                                                                 \
        const union value *a = call->arg[0]->value, *b = call->arg[1]->value;                                                      \
        for (size_t i = 0; i < rows->n; i++) {                                                                                     \
            uint32_t at = rows->row[i];                                                                                            \
            ret->value[at].i = holds(a[at].i - b[at].i, how);                                                                      \
        }                                                                                                                          \
        return 0;                                                                                                                  \
    }                                                                                                                              \
    static int uuid_##name(SIGNATURE)                                                                                              \
    {                                                                                                                              \
        (void)run;                                                                                                                 \
        const union value *a = call->arg[0]->value, *b = call->arg[1]->value;                                                      \
        for (size_t i = 0; i < rows->n; i++) {                                                                                     \
            uint32_t at = rows->row[i];                                                                                            \
            ret->value[at].i = holds(memcmp(a[at].s.p, b[at].s.p, UUID_LEN), how);                                                 \
        }                                                                                                                          \
        return 0;                                                                                                                  \
    }

COMPARISON(equal, EQUAL)
COMPARISON(not_equal, NOT_EQUAL)
COMPARISON(less, LESS)
COMPARISON(less_equal, LESS_EQUAL)
COMPARISON(greater, GREATER)
COMPARISON(greater_equal, GREATER_EQUAL)

/* A signal may cut it short. */
static int random_bytes(char *to, size_t n)
{
    for (size_t done = 0; done < n;) {
        ssize_t got = getrandom(to + done, n - done, 0);
        if (got < 0 && errno != EINTR) return -errno;
        if (got > 0) done += (size_t)got;
    }
    return 0;
}

static int random_uuid(SIGNATURE)
{
    (void)call;
    char *bytes = arena_alloc(run->arena, rows->n * UUID_LEN);
    int r = bytes ? random_bytes(bytes, rows->n * UUID_LEN) : -ENOMEM;
    for (size_t i = 0; i < rows->n && !r; i++) {
        char *uuid = bytes + i * UUID_LEN;
        uuid[6] = (char)((uuid[6] & 0x0f) | 0x40);
        uuid[8] = (char)((uuid[8] & 0x3f) | 0x80);
        ret->value[rows->row[i]].s = (struct slice){uuid, UUID_LEN};
    }
    return r;
}

static int filename_of(SIGNATURE)
{
    (void)call;
    for (size_t i = 0; i < rows->n; i++)
        ret->value[rows->row[i]].s = run->file;
    return 0;
}

static int line_of(SIGNATURE)
{
    (void)call;
    for (size_t i = 0; i < rows->n; i++)
        ret->value[rows->row[i]].i = (int64_t)run->line[rows->row[i]];
    return 0;
}

static int loaded_at_of(SIGNATURE)
{
    (void)call;
    for (size_t i = 0; i < rows->n; i++)
        ret->value[rows->row[i]].i = run->loaded_at;
    return 0;
}

#define COMPARED(name, kernel)                                                                                                     \
    {name, 2, {TYPE_BOOL, TYPE_BOOL}, TYPE_BOOL, 0, bool_##kernel},                                                                \
    {                                                                                                                              \
        name, 2, {TYPE_UUID, TYPE_UUID}, TYPE_BOOL, 0, uuid_##kernel                                                               \
    }

const struct expr_function expr_fn_misc[] = {
    COMPARED("=", equal),
    COMPARED("<>", not_equal),
    COMPARED("<", less),
    COMPARED("<=", less_equal),
    COMPARED(">", greater),
    COMPARED(">=", greater_equal),
    {"gen_random_uuid", 0, {0}, TYPE_UUID, EXPR_VOLATILE, random_uuid},
    {"filename", 0, {0}, TYPE_TEXT, EXPR_VOLATILE, filename_of},
    {"line", 0, {0}, TYPE_INT8, EXPR_VOLATILE, line_of},
    {"loaded_at", 0, {0}, TYPE_TIMESTAMPTZ, EXPR_VOLATILE, loaded_at_of},
    {0},
};
