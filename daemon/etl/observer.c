/* SPDX-License-Identifier: MIT */
#include "etl/observer.h"

static struct observer *observer_at(struct list *l)
{
    return container_of(l, struct observer, link);
}

void observers_init(struct observers *os)
{
    list_init(&os->all);
}

void observers_add(struct observers *os, struct observer *o)
{
    list_append(&os->all, &o->link);
}

void observers_arrived(struct observers *os, const struct arrival *a)
{
    for (list_each(l, next, &os->all)) {
        struct observer *o = observer_at(l);
        if (o->arrived) o->arrived(o, a);
    }
}

void observers_over(struct observers *os, const struct arrival *a)
{
    for (list_each(l, next, &os->all)) {
        struct observer *o = observer_at(l);
        if (o->over) o->over(o, a);
    }
}

void observers_scanned(struct observers *os)
{
    for (list_each(l, next, &os->all)) {
        struct observer *o = observer_at(l);
        if (o->scanned) o->scanned(o);
    }
}

void observers_file(struct observers *os, const struct observed_file *f)
{
    for (list_each(l, next, &os->all)) {
        struct observer *o = observer_at(l);
        if (o->file) o->file(o, f);
    }
}

void observers_state(struct observers *os, const struct arrival *a, const char *state, const char *why)
{
    observers_file(
        os, &(struct observed_file){
                .dataset = a->dataset, .name = a->file.name, .state = state, .why = why && why[0] ? why : NULL, .arrival = a});
}

void observers_derive(struct observers *os, const struct observed_derive *d)
{
    for (list_each(l, next, &os->all)) {
        struct observer *o = observer_at(l);
        if (o->derive) o->derive(o, d);
    }
}

void observers_backup(struct observers *os, const struct observed_backup *b)
{
    for (list_each(l, next, &os->all)) {
        struct observer *o = observer_at(l);
        if (o->backup) o->backup(o, b);
    }
}
