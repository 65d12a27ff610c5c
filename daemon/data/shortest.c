/* SPDX-License-Identifier: MIT */
#include "data/shortest.h"

#include "base/num.h"

#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

/* A natural number of fixed capacity, least limb first: enough for 2^1130, the greatest that a double leads to. */
enum { LIMBS = 40 };
struct natural {
    uint32_t limb[LIMBS];
    int n;
};

static void natural_set(struct natural *a, uint64_t v)
{
    *a = (struct natural){.limb = {(uint32_t)v, (uint32_t)(v >> 32)}, .n = v >> 32 ? 2 : v != 0};
}

static void natural_times(struct natural *a, uint32_t factor)
{
    uint64_t carry = 0;
    for (int i = 0; i < a->n; i++) {
        carry += (uint64_t)a->limb[i] * factor;
        a->limb[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry) {
        assert(a->n < LIMBS);
        a->limb[a->n++] = (uint32_t)carry;
    }
}

static void natural_times_pow10(struct natural *a, int power)
{
    for (; power >= 9; power -= 9)
        natural_times(a, 1000000000);
    for (; power > 0; power--)
        natural_times(a, 10);
}

static void natural_shift(struct natural *a, int bits)
{
    int limbs = bits / 32;
    if (a->n == 0) return;
    assert(a->n + limbs < LIMBS);
    memmove(a->limb + limbs, a->limb, (size_t)a->n * sizeof(a->limb[0]));
    memset(a->limb, 0, (size_t)limbs * sizeof(a->limb[0]));
    a->n += limbs;
    if (bits % 32) natural_times(a, (uint32_t)1 << (bits % 32));
}

static int natural_compare(const struct natural *a, const struct natural *b)
{
    if (a->n != b->n) return a->n < b->n ? -1 : 1;
    for (int i = a->n; i-- > 0;)
        if (a->limb[i] != b->limb[i]) return a->limb[i] < b->limb[i] ? -1 : 1;
    return 0;
}

static void natural_add(struct natural *a, const struct natural *b)
{
    uint64_t carry = 0;
    for (int i = 0; i < a->n || i < b->n || carry; i++) {
        assert(i < LIMBS);
        carry += (i < a->n ? a->limb[i] : 0) + (uint64_t)(i < b->n ? b->limb[i] : 0);
        a->limb[i] = (uint32_t)carry;
        carry >>= 32;
        if (i >= a->n) a->n = i + 1;
    }
}

/* a -= b; a must not be the smaller one. */
static void natural_subtract(struct natural *a, const struct natural *b)
{
    int64_t borrow = 0;
    for (int i = 0; i < a->n; i++) {
        borrow += (int64_t)a->limb[i] - (i < b->n ? b->limb[i] : 0);
        a->limb[i] = (uint32_t)borrow;
        borrow >>= 32;
    }
    while (a->n > 0 && a->limb[a->n - 1] == 0)
        a->n--;
}

/* How a + b compares to c. */
static int natural_compare_sum(const struct natural *a, const struct natural *b, const struct natural *c)
{
    struct natural sum = *a;
    natural_add(&sum, b);
    return natural_compare(&sum, c);
}

/* A positive float: mantissa * 2^exponent. `uneven`: the gap to the next smaller float is half the gap to the next greater one. */
struct binary {
    uint64_t mantissa;
    int exponent;
    bool uneven;
};

/* The value, scaled: value / unit is in [0, 10); the floats' midpoints lie `below` and `above` away from it. */
struct scaled {
    struct natural value, unit, below, above;
};

/* Returns the exponent of ten of the first digit. */
static int scale(struct binary b, struct scaled *ret)
{
    int slack = b.uneven ? 2 : 1;
    int up = b.exponent > 0 ? b.exponent : 0, down = b.exponent < 0 ? -b.exponent : 0;
    natural_set(&ret->value, b.mantissa);
    natural_shift(&ret->value, up + slack);
    natural_set(&ret->unit, 1);
    natural_shift(&ret->unit, down + slack);
    natural_set(&ret->below, 1);
    natural_shift(&ret->below, up);
    natural_set(&ret->above, 1);
    natural_shift(&ret->above, up + slack - 1);
    /* An estimate that is right or one too small. */
    int power = (int)ceil(log10((double)b.mantissa) + b.exponent * 0.30102999566398120 - 1e-9);
    natural_times_pow10(&ret->unit, power);
    natural_times_pow10(&ret->value, -power);
    natural_times_pow10(&ret->below, -power);
    natural_times_pow10(&ret->above, -power);
    if (natural_compare_sum(&ret->value, &ret->above, &ret->unit) > 0) return power;
    natural_times(&ret->value, 10);
    natural_times(&ret->below, 10);
    natural_times(&ret->above, 10);
    return power - 1;
}

static int next_digit(struct scaled *s)
{
    int digit = 0;
    while (natural_compare(&s->value, &s->unit) >= 0) {
        natural_subtract(&s->value, &s->unit);
        digit++;
    }
    return digit;
}

/* Free-format printing of Burger and Dybvig with both bounds excluded. */
static void generate(struct binary b, struct shortest *s)
{
    struct scaled at;
    s->exponent = scale(b, &at);
    for (;;) {
        int digit = next_digit(&at);
        bool low = natural_compare(&at.value, &at.below) < 0;
        bool high = natural_compare_sum(&at.value, &at.above, &at.unit) > 0;
        if (low && high) {
            int half = natural_compare_sum(&at.value, &at.value, &at.unit);
            high = half > 0 || (half == 0 && digit % 2);
        }
        assert(s->digits < SHORTEST_DIGITS_MAX && digit + high < 10);
        s->digit[s->digits++] = (char)('0' + digit + high);
        if (low || high) return;
        natural_times(&at.value, 10);
        natural_times(&at.below, 10);
        natural_times(&at.above, 10);
    }
}

static void set_digits(struct shortest *s, int64_t digits, int decimals)
{
    char text[NUM_I64_MAX];
    int n = num_write_i64(digits, text);
    s->exponent = n - 1 - decimals;
    while (n > 1 && text[n - 1] == '0')
        n--;
    memcpy(s->digit, text, (size_t)n);
    s->digits = n;
}

static const double pow10s[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
enum { POW10S = sizeof(pow10s) / sizeof(pow10s[0]) };

/*
 * Most values that people write have few digits. A decimal of up to 15 digits is the only such one that rounds to its double, and
 * digits / 10^k is rounded right since both are exact: when it gives the value back, these are the digits.
 */
static bool few_digits8(double v, struct shortest *s)
{
    for (int k = 0; k < POW10S; k++) {
        double digits = rint(v * pow10s[k]);
        if (digits >= 1e15) return false;
        if (digits / pow10s[k] == v) {
            set_digits(s, (int64_t)digits, k);
            return true;
        }
    }
    return false;
}

/* The same with up to 6 digits; 2^-26 is well inside half the gap to the next float, 2^-25. */
static bool few_digits4(double v, struct shortest *s)
{
    for (int k = 0; k < POW10S; k++) {
        double exact = v * pow10s[k], digits = rint(exact);
        if (digits >= 1e6) return false;
        if (fabs(exact - digits) <= ldexp(exact, -26)) {
            set_digits(s, (int64_t)digits, k);
            return true;
        }
    }
    return false;
}

/* A float of IEEE 754 from its bits, the sign's not set; `bias` counts the fraction's bits too. */
static struct binary split(uint64_t bits, int fraction_bits, int bias)
{
    uint64_t hidden = (uint64_t)1 << fraction_bits, fraction = bits & (hidden - 1);
    int exponent = (int)(bits >> fraction_bits);
    struct binary b = {.mantissa = fraction, .exponent = 1 - bias, .uneven = fraction == 0 && exponent > 1};
    if (exponent > 0) {
        b.mantissa |= hidden;
        b.exponent = exponent - bias;
    }
    return b;
}

struct shortest shortest_float8(double value)
{
    assert(isfinite(value));
    struct shortest s = {.negative = signbit(value), .fixed_below = 15};
    double v = fabs(value);
    if (v == 0 || few_digits8(v, &s)) return s;
    uint64_t bits;
    memcpy(&bits, &v, sizeof(bits));
    generate(split(bits, 52, 1075), &s);
    return s;
}

struct shortest shortest_float4(float value)
{
    assert(isfinite(value));
    struct shortest s = {.negative = signbit(value), .fixed_below = 6};
    float v = fabsf(value);
    if (v == 0 || few_digits4((double)v, &s)) return s;
    uint32_t bits;
    memcpy(&bits, &v, sizeof(bits));
    generate(split(bits, 23, 150), &s);
    return s;
}

static char *put(char *to, const char *from, int n)
{
    if (n > 0) memcpy(to, from, (size_t)n);
    return to + (n > 0 ? n : 0);
}

static char *put_zeros(char *to, int n)
{
    if (n > 0) memset(to, '0', (size_t)n);
    return to + (n > 0 ? n : 0);
}

/* The digits without an exponent, without a sign. */
static char *put_fixed(char *to, const struct shortest *s)
{
    if (s->exponent < 0) {
        to = put(to, "0.", 2);
        to = put_zeros(to, -s->exponent - 1);
        return put(to, s->digit, s->digits);
    }
    int whole = s->exponent + 1;
    if (s->digits <= whole) {
        to = put(to, s->digit, s->digits);
        return put_zeros(to, whole - s->digits);
    }
    to = put(to, s->digit, whole);
    *to++ = '.';
    return put(to, s->digit + whole, s->digits - whole);
}

static char *put_scientific(char *to, const struct shortest *s)
{
    *to++ = s->digit[0];
    if (s->digits > 1) *to++ = '.';
    to = put(to, s->digit + 1, s->digits - 1);
    *to++ = 'e';
    *to++ = s->exponent < 0 ? '-' : '+';
    int power = s->exponent < 0 ? -s->exponent : s->exponent;
    if (power < 10) *to++ = '0';
    return to + num_write_i64(power, to);
}

int shortest_text(const struct shortest *s, char ret_text[SHORTEST_TEXT_MAX])
{
    char *to = ret_text;
    if (s->negative) *to++ = '-';
    if (s->digits == 0)
        *to++ = '0';
    else if (s->exponent >= -4 && s->exponent < s->fixed_below)
        to = put_fixed(to, s);
    else
        to = put_scientific(to, s);
    return (int)(to - ret_text);
}

int shortest_plain(const struct shortest *s, char ret_text[SHORTEST_PLAIN_MAX])
{
    char *to = ret_text;
    if (s->digits == 0) {
        *to++ = '0';
    } else {
        if (s->negative) *to++ = '-';
        to = put_fixed(to, s);
    }
    return (int)(to - ret_text);
}
