/* SPDX-License-Identifier: MIT */
/*
 * What the parts of build.h share: the configuration in the making, and how a section becomes a struct of config.h.
 *
 * Thread: any.
 */
#ifndef CETLD_CONFIG_BUILDER_H
#define CETLD_CONFIG_BUILDER_H

#include "base/name.h"
#include "config/config.h"
#include "config/ini.h"
#include "config/options.h"

/* A [column …] or [rollup …] of a dataset. */
struct builder_owned {
    const struct ini_section *section;
    struct builder_owned *next;
};

/* In the order of the files. */
struct builder_list {
    struct builder_owned *first, *last;
};

struct builder {
    const struct ini *ini;
    struct arena *arena;
    struct mistakes *mistakes;
    struct config *config;
    struct config_dataset *datasets;
    struct builder_list *owned; /* of each dataset */
    struct error err;           /* the words of the last refusal */
};

enum { BUILDER_HINT_MAX = 96 };
/** " (did you mean 'x'?)", or "" for NULL. */
const char *builder_hint(const char *nearest, char ret_text[BUILDER_HINT_MAX]);
bool builder_is_kind(const struct ini_section *s, enum option_section kind);
/** [kind name], or NULL. */
const struct ini_section *builder_section(const struct builder *b, enum option_section kind, const char *name);
/** How many [kind name] there are. */
size_t builder_count_sections(const struct builder *b, enum option_section kind);
/** The nearest thing to `text` that names a dataset. Never "". */
void builder_usable_name(struct slice text, char ret_name[NAME_MAX_BYTES + 1]);
/** The section's struct: defaults, then what is said. `s` may be NULL. 0 or -ENOMEM. */
must_check int builder_fill(struct builder *b, enum option_section kind, const struct ini_section *s, void *ret_struct);
/** The place of a key, or of the section when it is not said. */
struct config_place builder_place_of(const struct ini_section *s, const char *key);
/** A query without the semicolons behind it: it stands inside of other statements, which they would end. NULL without memory. */
const char *builder_without_semicolon(struct builder *b, const char *sql);
/** A column that is used must be one of the declared ones; of an inferred dataset nothing is known yet. */
void builder_check_column(struct builder *b, const struct config_dataset *d, const char *name, struct config_place place);

#endif
