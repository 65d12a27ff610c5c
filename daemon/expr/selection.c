/* SPDX-License-Identifier: MIT */
#include "expr/selection.h"

struct scratch *scratch_take(struct eval *e)
{
    struct scratch *s = e->spare;
    if (s) {
        e->spare = s->next;
        return s;
    }
    struct arena *arena = e->run->arena;
    s = arena_alloc(arena, sizeof(*s));
    if (!s) return NULL;
    s->column.value = arena_alloc(arena, e->run->rows * sizeof(*s->column.value));
    s->column.null = arena_zalloc(arena, e->run->rows * sizeof(*s->column.null)); /* between rows it is looked at, too */
    return s->column.value && s->column.null ? s : NULL;
}

void scratch_give(struct eval *e, struct scratch *s)
{
    if (!s) return;
    s->next = e->spare;
    e->spare = s;
}

uint32_t *scratch_rows(struct scratch *s)
{
    return (void *)s->column.value;
}

int scratch_column(struct eval *e, struct type type, struct scratch **ret)
{
    *ret = scratch_take(e);
    if (!*ret) return -ENOMEM;
    (*ret)->column.type = type;
    return 0;
}

struct selection selection_of(struct eval *e, const struct expr_rows *rows)
{
    return (struct selection){.rows = *rows, .faults = e->run->faults};
}

int selection_own(struct eval *e, struct selection *s, uint32_t **ret_row)
{
    if (!s->own && !(s->own = scratch_take(e))) return -ENOMEM;
    *ret_row = scratch_rows(s->own);
    return 0;
}

int selection_settle(struct eval *e, struct selection *s)
{
    if (s->faults == e->run->faults) return 0;
    uint32_t *row;
    int r = selection_own(e, s, &row);
    if (r) return r;
    size_t n = 0;
    for (size_t i = 0; i < s->rows.n; i++) {
        uint32_t at = s->rows.row[i];
        row[n] = at;
        n += !e->run->fault[at];
    }
    s->rows = (struct expr_rows){row, n};
    s->faults = e->run->faults;
    return 0;
}

void selection_done(struct eval *e, struct selection *s)
{
    scratch_give(e, s->own);
}
