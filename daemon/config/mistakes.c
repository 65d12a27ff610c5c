/* SPDX-License-Identifier: MIT */
#include "config/mistakes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void mistakes_init(struct mistakes *m)
{
    memset(m, 0, sizeof(*m));
}

void mistakes_done(struct mistakes *m)
{
    if (!m) return;
    for (size_t i = 0; i < m->stored; i++)
        free(m->text[i]);
    mistakes_init(m);
}

void mistakes_add(struct mistakes *m, struct config_place place, const char *format, ...)
{
    m->n++;
    if (m->stored == MISTAKES_MAX) return;
    char *text = NULL, *line = NULL;
    va_list args;
    va_start(args, format);
    int r = vasprintf(&text, format, args);
    va_end(args);
    if (r < 0) return;
    r = place.line > 0 ? asprintf(&line, "%s:%d: %s", place.file, place.line, text) : asprintf(&line, "%s: %s", place.file, text);
    free(text);
    if (r >= 0) m->text[m->stored++] = line;
}
