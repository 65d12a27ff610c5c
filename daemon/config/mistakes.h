/* SPDX-License-Identifier: MIT */
/*
 * Mistakes: what is wrong with a configuration, all of it at once, each as "file:line: text".
 *
 * Thread: any, one at a time.
 */
#ifndef CETLD_CONFIG_MISTAKES_H
#define CETLD_CONFIG_MISTAKES_H

#include "base/error.h"

#include <stddef.h>

/** Where something was said. `file` is "" and `line` 0 for a default. Strings live as long as the config they come from. */
struct config_place {
    const char *file;
    int line; /* from 1; 0: the file as such */
};

/** Beyond this many only the count goes on. */
enum { MISTAKES_MAX = 100 };

struct mistakes {
    char *text[MISTAKES_MAX];
    size_t stored; /* how many of text are there */
    size_t n;      /* how many mistakes there were */
};

void mistakes_init(struct mistakes *m);
void mistakes_done(struct mistakes *m);
void mistakes_add(struct mistakes *m, struct config_place place, const char *format, ...) printf_like(3, 4);

#endif
