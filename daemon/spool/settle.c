/* SPDX-License-Identifier: MIT */
#include "spool/settle.h"

#include "base/clock.h"
#include "spool/folder.h"

#include <limits.h>

int64_t settle_now_ms(void)
{
    return clock_mono_us() / 1000;
}

bool settle_look(const struct settle *s, const char *path, struct entry_look *ret_look)
{
    char full[PATH_MAX];
    struct stat st;
    if (!folder_join(s->root, path, "", full)) return false;
    if (lstat(full, &st) < 0) {
        *ret_look = (struct entry_look){0};
        return errno == EACCES;
    }
    *ret_look = entry_look_of(&st);
    return !S_ISDIR(st.st_mode);
}

void settle_wait(struct settle *s, struct entry *e, enum entry_state state)
{
    e->due_ms = settle_now_ms() + (state == ENTRY_UNCLOSED ? s->unclosed_ms : s->settle_ms);
    entries_set(&s->entries, e, state);
}

void settle_change(struct settle *s, int64_t settle_ms)
{
    int64_t later = settle_ms - s->settle_ms; /* by the same for all, so that they stay in order */
    s->settle_ms = settle_ms;
    if (s->found_due_ms != INT64_MAX) s->found_due_ms += later;
    for (list_each(l, next, &s->entries.settling))
        container_of(l, struct entry, link)->due_ms += later;
}

static void make_ready(struct settle *s, struct entry *e, uint64_t order)
{
    entries_set(&s->entries, e, ENTRY_NEW); /* in no heap while its key changes */
    e->order = order;
    entries_set(&s->entries, e, ENTRY_READY);
}

void settle_ready(struct settle *s, struct entry *e)
{
    make_ready(s, e, ++s->order);
}

bool settle_unchanged(const struct entry *e, const struct entry_look *look)
{
    switch (e->state) {
    case ENTRY_NEW: return false;
    case ENTRY_REFUSED: return entry_same_file(&e->look, look);
    case ENTRY_TAKEN: return entry_same_content(&e->look, look) && settle_now_ms() < e->due_ms;
    default: return entry_same_content(&e->look, look);
    }
}

void settle_offer_again(struct settle *s)
{
    for (list_each(l, next, &s->entries.deferred)) {
        list_remove(l);
        list_append(&s->offered, l);
    }
}

/* e is due: if it has not changed it is complete, else it waits anew. */
static void judge(struct settle *s, struct entry *e, uint64_t order)
{
    struct entry_look look;
    if (!settle_look(s, e->path, &look)) {
        entries_remove(&s->entries, e);
        return;
    }
    bool same = entry_same_content(&e->look, &look);
    enum entry_state waited = e->state == ENTRY_UNCLOSED ? ENTRY_UNCLOSED : ENTRY_SETTLING;
    entries_set(&s->entries, e, ENTRY_NEW);
    e->look = look;
    /* Made and still empty: its writer has not begun. (A hard link has content, though nobody wrote.) */
    bool unwritten = e->created && waited == ENTRY_SETTLING && S_ISREG(look.mode) && look.size_bytes == 0;
    if (same && !unwritten)
        make_ready(s, e, order);
    else
        settle_wait(s, e, unwritten ? ENTRY_UNCLOSED : waited);
}

/* The first of a list, when it is due. */
static struct entry *due(const struct list *l, int64_t now)
{
    struct entry *e = entries_first(l);
    return e && e->due_ms <= now ? e : NULL;
}

bool settle_judge(struct settle *s)
{
    int64_t now = settle_now_ms();
    const struct entry_heap *found = &s->entries.found;
    if (found->n > 0 && s->found_due_ms <= now) {
        judge(s, found->item[found->n - 1], s->found_order); /* any will do; the last one costs least */
        return true;
    }
    struct entry *e = due(&s->entries.settling, now);
    if (!e) e = due(&s->entries.unclosed, now);
    if (e) judge(s, e, ++s->order);
    return e != NULL;
}

static void offer(struct settle *s, struct entry *e)
{
    /* Taken before the call, which may refuse it; and to be doubted when it still lies there after long. */
    e->due_ms = settle_now_ms() + s->unclosed_ms;
    e->created = false;
    entries_set(&s->entries, e, ENTRY_TAKEN);
    bool taken = s->complete(s->ctx, e->path);
    if (!taken && e->state == ENTRY_TAKEN) entries_set(&s->entries, e, ENTRY_DEFERRED);
}

bool settle_report(struct settle *s)
{
    struct entry *again = entries_first(&s->offered);
    if (again)
        make_ready(s, again, again->order);
    else if (s->entries.ready.n > 0)
        offer(s, s->entries.ready.item[0]);
    else
        return false;
    return true;
}

int64_t settle_next_ms(const struct settle *s)
{
    int64_t at = s->entries.found.n > 0 ? s->found_due_ms : INT64_MAX;
    const struct list *const lists[] = {&s->entries.settling, &s->entries.unclosed};
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        const struct entry *e = entries_first(lists[i]);
        if (e && e->due_ms < at) at = e->due_ms;
    }
    return at;
}
