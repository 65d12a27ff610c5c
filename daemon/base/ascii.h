/* SPDX-License-Identifier: MIT */
/*
 * What a byte is in ASCII, whatever the locale says. Bytes beyond ASCII are nothing of all this.
 *
 * Thread: any.
 */
#ifndef CETLD_BASE_ASCII_H
#define CETLD_BASE_ASCII_H

#include <stdbool.h>

static inline bool ascii_is_digit(char c)
{
    return (unsigned)(c - '0') <= 9;
}

static inline bool ascii_is_letter(char c)
{
    return (unsigned)((c | 0x20) - 'a') < 26;
}

static inline bool ascii_is_alnum(char c)
{
    return ascii_is_digit(c) || ascii_is_letter(c);
}

/** C's isspace: the blank, and tab to carriage return. */
static inline bool ascii_is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/** The value of a hexadecimal digit of either case, or -1. */
static inline int ascii_hex(char c)
{
    if (ascii_is_digit(c)) return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

#endif
