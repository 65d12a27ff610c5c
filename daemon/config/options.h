/* SPDX-License-Identifier: MIT */
/*
 * The option table: every option there is, with its type, range, default and prose. Validation, effective values, the reload diff,
 * the sample file and the documentation come from it; nothing else lists options. An option is here only when something implements
 * it.
 *
 * Thread: any.
 */
#ifndef CETLD_CONFIG_OPTIONS_H
#define CETLD_CONFIG_OPTIONS_H

#include "config/value.h"

#include <stdio.h>

/** The kinds of sections; each fills one struct of config.h. */
enum option_section {
    OPTION_DAEMON,
    OPTION_DATABASE,
    OPTION_API,
    OPTION_DATASET,
    OPTION_COLUMN,
    OPTION_ROLLUP,
    OPTION_DERIVE,
    OPTION_REPORT,
    OPTION_TOKEN,
    OPTION_JWT,
    OPTION_ROLE,
    OPTION_NOTIFY,
    OPTION_STORE,
    OPTION_ARCHIVE,
    OPTION_SOURCE,
    OPTION_BACKUP,
    OPTION_SECTIONS
};

struct option {
    const char *name; /* NULL ends a section's list */
    struct value_rule rule;
    size_t offset;       /* of the field in the section's struct */
    const char *initial; /* the default as one would write it; NAME stands for the section's name */
    const char *example; /* shown in the sample where the default is empty; may be NULL */
    bool fixed;          /* a reload cannot change it */
    const char *prose;
};

struct option_section_info {
    const char *kind;
    const char *name; /* an example of its name, NULL for [kind] without one */
    const struct option *options;
    const char *prose;
};

const struct option_section_info *options_section(enum option_section section);
/** The option of that name, or NULL. */
const struct option *options_find(enum option_section section, struct slice name);
/** Fill the section's struct with the defaults; `name` is a dataset's name, else "". 0 or -ENOMEM. */
must_check int options_set_defaults(enum option_section section, const char *name, struct arena *arena, void *ret_struct);

/** Append the section's effective values, "key = value" each on its line. */
void options_print(enum option_section section, const void *values, struct buf *out);
/** Append "kind.name (old to new), " for each option that differs and cannot be changed by a reload. How many those are. */
size_t options_diff(enum option_section section, const void *old, const void *new, struct buf *out);
/** Give `ret_new` the values of `old` that a reload cannot change. What they point to stays old's. */
void options_keep_fixed(enum option_section section, const void *old, void *ret_new);
/** A configuration file that shows every option, commented, with its default: conf/cetl.conf. */
void options_print_sample(FILE *out);

#endif
