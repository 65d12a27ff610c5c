/* SPDX-License-Identifier: MIT */
#include "api/row_key.h"

#include "api/problem.h"
#include "http/target.h"

#include <stdio.h>

/* Exactly `n` values with commas between. */
static bool cut_values(struct slice text, size_t n, struct slice *ret_value)
{
    size_t i = 0;
    while (i < n && text.p)
        ret_value[i++] = slice_cut(&text, ',');
    return i == n && !text.p;
}

static struct slice last_segment(struct slice path)
{
    if (path.len > 1 && path.p[path.len - 1] == '/') path.len--;
    const char *slash = memrchr(path.p, '/', path.len), *from = slash ? slash + 1 : path.p;
    return (struct slice){from, (size_t)(path.p + path.len - from)};
}

/* A comma that is percent-encoded is one of a value, as Location writes it; but some clients encode all of them. 0; 1: these are
 * not as many values as the key has; -ENOMEM. */
static int take_values(struct write *w)
{
    size_t n = w->table->keys;
    struct slice whole = http_request_capture(w->request, "key");
    w->key[0] = whole;
    if (n == 1) return 0;
    if (!cut_values(last_segment(http_request_path(w->request)), n, w->key)) return !cut_values(whole, n, w->key);
    int r = 0;
    for (size_t i = 0; i < n && r == 0; i++)
        r = http_target_decode(w->key[i], &w->arena, &w->key[i]);
    return r;
}

bool row_key_take(struct write *w)
{
    const struct table *t = w->table;
    w->key = arena_array(&w->arena, t->keys + 1, sizeof *w->key);
    int r = !w->key ? -ENOMEM : t->keys > 0 ? take_values(w) : 1;
    if (r == 0) return true;
    if (r < 0) {
        problem_internal(w->request);
        return false;
    }
    char hint[160];
    snprintf(hint, sizeof hint, t->keys ? "its key has %zu values, separated by commas" : "choose its rows by conditions", t->keys);
    http_problem(w->request,
                 &(struct http_problem){.status = 404,
                                        .message = t->keys ? "there is no such row" : "the rows of this table have no key",
                                        .hint = hint});
    return false;
}
