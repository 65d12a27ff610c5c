/* SPDX-License-Identifier: MIT */
#include "data/rescue.h"

static bool is_short(unsigned char c)
{
    return c == '"' || c == '\\';
}

/* Bytes of the text inside of a JSON string (RFC 8259, section 7). */
static size_t escaped_len(struct slice text)
{
    size_t n = text.len;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.p[i];
        n += c < 0x20 ? 5 : is_short(c) ? 1 : 0;
    }
    return n;
}

/* The string with its quotes; what is behind it. */
static char *put_string(char *at, struct slice text)
{
    static const char hex[] = "0123456789abcdef";
    *at++ = '"';
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (c < 0x20) {
            memcpy(at, "\\u00", 4);
            at[4] = hex[c >> 4];
            at[5] = hex[c & 15];
            at += 6;
            continue;
        }
        if (is_short(c)) *at++ = '\\';
        *at++ = (char)c;
    }
    *at++ = '"';
    return at;
}

int rescue_cell_init(size_t cell, struct slice key, struct arena *arena, struct rescue_cell *ret_cell)
{
    char *text = arena_alloc(arena, escaped_len(key) + 3);
    if (!text) return -ENOMEM;
    char *end = put_string(text, key);
    *end++ = ':';
    *ret_cell = (struct rescue_cell){.cell = cell, .key = {text, (size_t)(end - text)}};
    return 0;
}

static bool has_value(const struct record *record, size_t cell)
{
    return cell < record->n && (record->cell[cell].quoted || record->cell[cell].text.len > 0);
}

int rescue_row(const struct rescue *rescue, const struct record *record, struct arena *arena, struct slice *ret_json)
{
    size_t len = 1;
    for (size_t i = 0; i < rescue->cells; i++) {
        const struct rescue_cell *c = &rescue->cell[i];
        if (has_value(record, c->cell)) len += c->key.len + escaped_len(record->cell[c->cell].text) + 3;
    }
    *ret_json = (struct slice){0};
    if (len == 1) return 0;
    char *text = arena_alloc(arena, len), *at = text;
    if (!text) return -ENOMEM;
    for (size_t i = 0; i < rescue->cells; i++) {
        const struct rescue_cell *c = &rescue->cell[i];
        if (!has_value(record, c->cell)) continue;
        *at = at == text ? '{' : ',';
        at++;
        memcpy(at, c->key.p, c->key.len);
        at = put_string(at + c->key.len, record->cell[c->cell].text);
    }
    *at++ = '}';
    *ret_json = (struct slice){text, (size_t)(at - text)};
    return 0;
}
