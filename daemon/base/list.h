/* SPDX-License-Identifier: MIT */
/*
 * An intrusive doubly linked list: the link lies inside the object, the list is a ring with a head of its own.
 * A link that is in no list points to itself, so that list_remove may be called twice.
 *
 *     struct list queue; list_init(&queue);
 *     list_append(&queue, &file->link);
 *     for (struct list *l = queue.next; l != &queue; l = l->next) { struct file *f = container_of(l, struct file, link); … }
 *
 * Thread: any, one at a time.
 */
#ifndef CETLD_BASE_LIST_H
#define CETLD_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

struct list {
    struct list *prev, *next;
};

static inline void list_init(struct list *l)
{
    l->prev = l->next = l;
}
static inline bool list_empty(const struct list *l)
{
    return l->next == l;
}
/** Insert `item` before `at`; before the head means: last. */
static inline void list_insert(struct list *at, struct list *item)
{
    item->prev = at->prev;
    item->next = at;
    at->prev->next = item;
    at->prev = item;
}
static inline void list_append(struct list *head, struct list *item)
{
    list_insert(head, item);
}
static inline void list_remove(struct list *item)
{
    item->prev->next = item->next;
    item->next->prev = item->prev;
    list_init(item);
}
/** Safe against removal of `l` inside the loop: for (list_each(l, n, &head)) */
#define list_each(l, n, head)                                                                                                      \
    struct list *l = (head)->next, *n = l->next;                                                                                   \
    l != (head);                                                                                                                   \
    l = n, n = l->next

#endif
