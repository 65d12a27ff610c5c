/* SPDX-License-Identifier: MIT */
#include "data/reject.h"

#include "base/num.h"
#include "csv/quote.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* RAW_LONG: shorter rows find no room because there are too many of them. */
enum { RAW_LONG = 64 * 1024, MESSAGE_MAX = 1024 };

/* The slices of a stored reject lie in one block, which begins at its column. */
static void free_item(struct reject *r)
{
    free((char *)r->column.p);
}

void reject_list_init(struct reject_list *l, size_t max_bytes)
{
    *l = (struct reject_list){.max = max_bytes};
}

void reject_list_done(struct reject_list *l)
{
    if (!l) return;
    for (size_t i = 0; i < l->n; i++)
        free_item(&l->item[i]);
    free(l->item);
    free(l->unlisted);
    reject_list_init(l, l->max);
}

static void count_unlisted(struct reject_list *l, struct slice column, const char *code, uint64_t count)
{
    size_t i = 0;
    while (i < l->n_unlisted && !(slice_equal(slice_of(l->unlisted[i].column), column) && strcmp(l->unlisted[i].code, code) == 0))
        i++;
    if (i == REJECT_KINDS_MAX || column.len >= sizeof l->unlisted[i].column) return;
    if (i == l->n_unlisted) {
        if (!l->unlisted) l->unlisted = malloc(REJECT_KINDS_MAX * sizeof *l->unlisted);
        if (!l->unlisted) return;
        struct reject_kind *k = &l->unlisted[l->n_unlisted++];
        *k = (struct reject_kind){0};
        if (column.len) memcpy(k->column, column.p, column.len);
        snprintf(k->code, sizeof k->code, "%s", code);
    }
    l->unlisted[i].count += count;
}

static size_t text_bytes(const struct reject *r)
{
    return r->column.len + r->message.len + r->value.len + r->raw.len + 1;
}

/* Room for one more item whose texts take `bytes`: 0, -ENOMEM, or 1 when the ceiling is reached */
static int make_room(struct reject_list *l, size_t bytes)
{
    size_t cap = l->n < l->cap ? l->cap : l->cap ? l->cap * 2 : 16;
    size_t grow = (cap - l->cap) * sizeof(*l->item);
    size_t want;
    if (!num_add(l->bytes, bytes, &want) || !num_add(want, grow, &want) || want > l->max) return 1;
    if (cap != l->cap) {
        struct reject *item = realloc(l->item, cap * sizeof(*item));
        if (!item) return -ENOMEM;
        l->item = item;
        l->cap = cap;
    }
    l->bytes = want;
    return 0;
}

static struct slice store(char **at, struct slice s)
{
    struct slice copy = {*at, s.len};
    if (s.len) memcpy(*at, s.p, s.len);
    *at += s.len;
    return copy;
}

/* 0, -ENOMEM, or 1: there is no room. */
static int add(struct reject_list *l, struct reject item)
{
    size_t bytes = text_bytes(&item);
    char *text = malloc(bytes);
    if (!text) return -ENOMEM;
    int room = make_room(l, bytes);
    if (room) {
        free(text);
        return room;
    }
    item.column = store(&text, item.column);
    item.message = store(&text, item.message);
    item.value = store(&text, item.value);
    if (item.raw.p) item.raw = store(&text, item.raw);
    l->item[l->n++] = item;
    return 0;
}

/* Better without its bytes than not at all. */
static int add_without_raw(struct reject_list *l, struct reject item)
{
    char message[MESSAGE_MAX];
    int n = snprintf(message, sizeof message, SLICE_FMT "; the row's %zu bytes are too many to be kept here",
                     SLICE_ARG(slice_cut_utf8(item.message, MESSAGE_MAX - 100)), item.raw.len);
    item.message = (struct slice){message, (size_t)n};
    item.raw = (struct slice){NULL, 0};
    return add(l, item);
}

int reject_list_add(struct reject_list *l, const struct reject *r)
{
    struct reject item = *r;
    item.value = slice_cut_utf8(r->value, REJECT_VALUE_MAX);
    if (!item.raw.p) item.raw = SLICE("");
    int room = add(l, item);
    if (room > 0 && item.raw.len > RAW_LONG) room = add_without_raw(l, item);
    if (room < 0) return room;
    if (room > 0) count_unlisted(l, item.column, item.code, 1);
    l->count++;
    return 0;
}

int reject_list_move(struct reject_list *to, struct reject_list *from)
{
    to->count += from->count - from->n;
    from->count = from->n;
    for (size_t i = 0; i < from->n_unlisted; i++)
        count_unlisted(to, slice_of(from->unlisted[i].column), from->unlisted[i].code, from->unlisted[i].count);
    from->n_unlisted = 0;
    for (size_t i = 0; i < from->n; i++) {
        int room = make_room(to, text_bytes(&from->item[i]));
        if (room < 0) {
            /* What was not moved stays where it was. */
            memmove(from->item, from->item + i, (from->n - i) * sizeof(*from->item));
            from->n -= i;
            from->count -= i;
            return room;
        }
        if (room) {
            count_unlisted(to, from->item[i].column, from->item[i].code, 1);
            free_item(&from->item[i]);
        } else {
            to->item[to->n++] = from->item[i];
        }
        to->count++;
    }
    from->n = 0;
    reject_list_done(from);
    return 0;
}

static int by_line(const void *a, const void *b)
{
    uint64_t x = ((const struct reject *)a)->line, y = ((const struct reject *)b)->line;
    return (x > y) - (x < y);
}

void reject_list_sort(struct reject_list *l)
{
    if (l->n > 1) qsort(l->item, l->n, sizeof *l->item, by_line);
}

const struct reject *reject_list_find(const struct reject_list *l, uint64_t line)
{
    if (l->n == 0) return NULL;
    return bsearch(&(struct reject){.line = line}, l->item, l->n, sizeof *l->item, by_line);
}

void reject_list_csv(const struct reject_list *l, struct buf *out)
{
    buf_puts(out, "line,byte_offset,column,code,message,value,raw\r\n");
    for (size_t i = 0; i < l->n; i++) {
        const struct reject *r = &l->item[i];
        const struct slice cells[] = {r->column, slice_of(r->code), r->message, r->value, r->raw};
        buf_printf(out, "%" PRIu64 ",%" PRIu64, r->line, r->offset);
        for (size_t c = 0; c < sizeof(cells) / sizeof(cells[0]); c++) {
            buf_putc(out, ',');
            if (cells[c].len) csv_quote(out, cells[c], ',');
        }
        buf_puts(out, "\r\n");
    }
}
