/* SPDX-License-Identifier: MIT */
/*
 * The values in force, section by section, and where each of them was said.
 *
 *     effective_each(config, show, ctx);
 *
 *     static void show(void *ctx, const struct effective_section *s)
 *     {
 *         for (const struct option *o = options_section(s->kind)->options; o->name; o++) {
 *             value_format(&o->rule, effective_value(s, o), out);
 *             struct config_place place = effective_place(s, o);      // line 0: a default
 *         }
 *     }
 *
 * Thread: any.
 */
#ifndef CETLD_CONFIG_EFFECTIVE_H
#define CETLD_CONFIG_EFFECTIVE_H

#include "config/config.h"
#include "config/options.h"

struct effective_section {
    enum option_section kind;
    const char *name;               /* as it stands behind the kind: "orders", "orders.amount"; "" where a kind has none */
    const void *values;             /* the section's struct of config.h */
    const struct ini_section *said; /* NULL: no file has it */
};

typedef void effective_fn(void *ctx, const struct effective_section *s);

/** Every section: those without a name, whether a file has them or not, and all the others that there are. What `s` points to lives
 * for the call. */
void effective_each(const struct config *c, effective_fn *fn, void *ctx);
/** The field, for value_format. */
static inline const void *effective_value(const struct effective_section *s, const struct option *o)
{
    return (const char *)s->values + o->offset;
}
/** Where a file says the value; of several the one that is read last. `line` 0 and `file` "": it is the default. */
struct config_place effective_place(const struct effective_section *s, const struct option *o);

#endif
