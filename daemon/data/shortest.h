/* SPDX-License-Identifier: MIT */
/*
 * The shortest decimal digits that read back to the same float, and their text in PostgreSQL's shapes.
 *
 * The digits lie strictly inside the interval that rounds to the value (so that any reader's rounding of ties gets it right) and
 * are the closest to it among the shortest, as PostgreSQL prints with extra_float_digits 1.
 *
 * Sources: R. Burger, R. K. Dybvig, "Printing Floating-Point Numbers Quickly and Accurately", 1996; PostgreSQL manual,
 * "Floating-Point Types".
 *
 * Thread: any.
 */
#ifndef CETLD_DATA_SHORTEST_H
#define CETLD_DATA_SHORTEST_H

#include <stdbool.h>

enum { SHORTEST_DIGITS_MAX = 17 };

struct shortest {
    char digit[SHORTEST_DIGITS_MAX]; /* '0'-'9', without zeros at either end; zero has none */
    int digits;
    int exponent;    /* of ten, of the first digit: 1.23 has 0 */
    int fixed_below; /* float8out, float4out: an exponent from here on is written as such */
    bool negative;
};

/** The value must be finite. */
struct shortest shortest_float8(double value);
struct shortest shortest_float4(float value);

enum { SHORTEST_TEXT_MAX = 32, SHORTEST_PLAIN_MAX = 352 };
/** As float8out and float4out: 1e+15, 1.5e-05, 0.0001, -0. Not terminated; returns the bytes, at most SHORTEST_TEXT_MAX. */
int shortest_text(const struct shortest *s, char ret_text[SHORTEST_TEXT_MAX]);
/** Without an exponent, as a numeric: 1000000000000000, 0.000015, 0 (also for -0). At most SHORTEST_PLAIN_MAX bytes. */
int shortest_plain(const struct shortest *s, char ret_text[SHORTEST_PLAIN_MAX]);

#endif
