/* SPDX-License-Identifier: MIT */
/*
 * The log: one line an event, with fields. To the journal (with the fields as CETL_…) when stderr is the journal's stream
 * (JOURNAL_STREAM), else one plain line on stderr: "12:00:00.123 info  text  file=… rows=…".
 * A failure is logged once, by whoever decides what to do about it; nothing below loop/ logs.
 *
 *     log_event(LOG_INFO, LOG_FIELDS({"FILE", name}, {"ROWS", rows_text}), "loaded %s", name);
 *     log_info("listening on %s", address);
 *
 * Nobody floods it: of a warning or an error without fields the same text is written five times a minute at most, and of what
 * strangers can bring about (log_kind) twenty lines of a kind. log_tick says how many were left out. What has fields is a record,
 * as the one line of each file, and always written.
 *
 * Text is written escaped: control characters and invalid UTF-8 appear as \n, \x1b. Never blocks: a full stderr drops the line and
 * counts it. The log is the one global of the program.
 *
 * Thread: any.
 */
#ifndef CETLD_BASE_LOG_H
#define CETLD_BASE_LOG_H

#include "base/error.h"
#include "base/slice.h"

#include <stddef.h>
#include <syslog.h> /* LOG_ERR, LOG_WARNING, LOG_NOTICE, LOG_INFO, LOG_DEBUG */

struct log_field {
    const char *name;  /* upper-case, without the CETL_ prefix */
    const char *value; /* NULL: left out */
};
struct log_fields {
    const struct log_field *item;
    size_t n;
};
#define LOG_FIELDS(...)                                                                                                            \
    ((struct log_fields){(const struct log_field[]){__VA_ARGS__},                                                                  \
                         sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field)})
#define LOG_NO_FIELDS ((struct log_fields){NULL, 0})

/** Messages less important than `level` are dropped. Default LOG_INFO. */
void log_set_level(int level);
/** Take the journal when JOURNAL_STREAM names stderr. Call once at start. */
void log_open(void);
/** One line, whatever the text and the values hold. Names in them go through log_escape first: here a backslash stays as it is. */
void log_event(int level, struct log_fields fields, const char *format, ...) printf_like(3, 4);

/** The same, at most twenty a minute of each `kind` (a pointer that tells it from others, such as the format's). */
void log_kind(const void *kind, int level, struct log_fields fields, const char *format, ...) printf_like(4, 5);
/** Say what was left out, once its minute is over. Call now and then. */
void log_tick(void);

#define log_debug(...) log_event(LOG_DEBUG, LOG_NO_FIELDS, __VA_ARGS__)
#define log_info(...) log_event(LOG_INFO, LOG_NO_FIELDS, __VA_ARGS__)
#define log_notice(...) log_event(LOG_NOTICE, LOG_NO_FIELDS, __VA_ARGS__)
#define log_warning(...) log_event(LOG_WARNING, LOG_NO_FIELDS, __VA_ARGS__)
#define log_error(...) log_event(LOG_ERR, LOG_NO_FIELDS, __VA_ARGS__)

/**
 * Bytes as a person may see them: valid UTF-8 without control characters stays, everything else becomes \n, \t, \xNN, and a
 * backslash \\. Writes at most `size` bytes with the NUL and cuts at a character; returns ret_text.
 */
char *log_escape(struct slice bytes, char *ret_text, size_t size);

#endif
