/* SPDX-License-Identifier: MIT */
/*
 * The types of options: how a raw value becomes a field of the configuration (value.c), and how a field is written back
 * (value_format.c). Every type reads back what it writes.
 *
 * Thread: any.
 */
#ifndef CETLD_CONFIG_VALUE_H
#define CETLD_CONFIG_VALUE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

enum value_type {
    VALUE_TEXT,  /* const char *; one line */
    VALUE_URL,   /* the same; behind the '?' of http(s) may be a secret, which is never shown */
    VALUE_SQL,   /* const char *; any lines */
    VALUE_PATH,  /* const char *; absolute, or empty; %d is the credentials folder ($CREDENTIALS_DIRECTORY, /etc/cetl/credentials),
                    %% a percent sign */
    VALUE_PATHS, /* struct config_list of such */
    VALUE_COUNT, /* int64_t */
    VALUE_SIZE,  /* int64_t bytes */
    VALUE_DURATION,  /* int64_t milliseconds */
    VALUE_MODE,      /* int64_t permissions, octal */
    VALUE_CHOICE,    /* an enum or an int */
    VALUE_LIST,      /* struct config_list, by comma or line */
    VALUE_GLOBS,     /* struct config_list */
    VALUE_ADDRESSES, /* struct config_list */
    VALUE_ORIGINS,   /* struct config_list; of web pages, as browsers write them (RFC 6454), or * */
    VALUE_DELIMITER, /* char; 0: auto */
    VALUE_QUOTE,     /* char; 0: none, CONFIG_CHAR_AUTO */
    VALUE_ESCAPE,    /* char; 0: none, CONFIG_CHAR_AUTO */
    VALUE_MARK,      /* char; 0: none */
    VALUE_LINES,     /* int64_t; CONFIG_LINES_AUTO */
    VALUE_ENCODING,  /* const char *; a name that config/encoding.h knows */
    VALUE_BUDGET,    /* struct config_budget */
    VALUE_TABLE,     /* const char *[2]: schema and table */
    VALUE_ZONE,      /* const struct zone *; NULL: empty */
};

struct value_choice {
    const char *name; /* NULL ends the list; the first name of a value is the one that is written */
    int value;
};

/** What a value may be. */
struct value_rule {
    enum value_type type;
    int64_t min, max; /* VALUE_COUNT, VALUE_LINES, VALUE_SIZE, VALUE_DURATION, VALUE_MODE */
    const struct value_choice *choices;
};

/** Where strings and words go. */
struct value_context {
    struct arena *arena;
    struct error *err;
};

enum { VALUE_E_INVALID = 1 };

/**
 * Parse `text` into the field. Strings go to context->arena. 0; VALUE_E_INVALID with the words in context->err (what was found and
 * what is expected); -ENOMEM. The field is written only on success.
 */
must_check int value_parse(const struct value_rule *rule, struct slice text, const struct value_context *context, void *ret_field);
/** The bytes of the field. */
size_t value_size(const struct value_rule *rule);
/** Append the field as it may stand behind "key = ", further lines indented. */
void value_format(const struct value_rule *rule, const void *field, struct buf *out);
/** Append the values that are allowed: "32M to 1T", "yes, no or auto"; nothing where the type says it all. */
void value_range(const struct value_rule *rule, struct buf *out);
/** The same with the type's name: "a size in bytes (K, M, G, T), 32M to 1T". */
void value_describe(const struct value_rule *rule, struct buf *out);

#endif
