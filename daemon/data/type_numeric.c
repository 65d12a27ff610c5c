/* SPDX-License-Identifier: MIT */
#include "data/type_numeric.h"

#include "base/ascii.h"
#include "data/digits.h"
#include "data/type_rows.h"

enum {
    GROUP = 4,              /* decimal digits in a base-10000 digit */
    POINT_MAX = 131072,     /* digits before the point, as numeric's format allows */
    SCALE_MAX = 16383,      /* digits behind it */
    EXPONENT_MAX = 1 << 30, /* larger ones overflow the format whatever they stand behind */
    SIGN_NEGATIVE = 0x4000,
};

/* Words instead of digits, and the header numeric_send gives them: it reads the scale out of the flag bits, hence 32. */
static const struct word {
    struct slice text;
    uint16_t sign, dscale;
    bool infinite;
} words[] = {
    {{"nan", 3}, 0xC000, 0, false},       {{"infinity", 8}, 0xD000, 32, true}, {{"+infinity", 9}, 0xD000, 32, true},
    {{"-infinity", 9}, 0xF000, 32, true}, {{"inf", 3}, 0xD000, 32, true},      {{"+inf", 4}, 0xD000, 32, true},
    {{"-inf", 4}, 0xF000, 32, true},
};

/*
 * A scanned number. Its digits are counted from 0 over both sides of the point; digit i is worth 10^(point - 1 - i), also where the
 * exponent moves the point out of the digits.
 */
struct number {
    const char *text; /* the first digit, or the point before it */
    int64_t whole;    /* digits before the written point */
    int64_t digits;   /* all of them; those from here on count as 0 */
    int64_t lead;     /* index of the first that is not 0; `digits` when there is none */
    int64_t point;
    int64_t dscale;
    bool negative;
};

static unsigned digit_at(const struct number *n, int64_t i)
{
    return (unsigned)(n->text[i < n->whole ? i : i + 1] - '0');
}

static const char *skip_digits(const char *p, const char *end)
{
    while (p < end && ascii_is_digit(*p))
        p++;
    return p;
}

static bool scan_exponent(const char *p, const char *end, int64_t *ret_exponent)
{
    bool minus = p < end && *p == '-';
    if (minus || (p < end && *p == '+')) p++;
    if (p == end || skip_digits(p, end) != end) return false;
    int64_t e = 0;
    for (; p < end && e < EXPONENT_MAX; p++)
        e = e * 10 + (*p - '0');
    *ret_exponent = minus ? -e : e;
    return true;
}

static int scan_number(struct slice s, struct number *ret_number)
{
    struct number n = {0};
    const char *p = s.p, *end = s.p + s.len;
    if (p < end && (*p == '-' || *p == '+')) n.negative = *p++ == '-';
    n.text = p;
    p = skip_digits(p, end);
    n.whole = n.digits = p - n.text;
    if (p < end && *p == '.') {
        const char *fraction = p + 1;
        p = skip_digits(fraction, end);
        n.dscale = p - fraction;
        n.digits += n.dscale;
    }
    if (n.digits == 0) return TYPE_E_SYNTAX;
    int64_t exponent = 0;
    if (p < end && (*p == 'e' || *p == 'E')) {
        if (!scan_exponent(p + 1, end, &exponent)) return TYPE_E_SYNTAX;
        p = end;
    }
    if (p != end) return TYPE_E_SYNTAX;
    if (exponent >= EXPONENT_MAX - 1 || exponent <= -(EXPONENT_MAX - 1)) return TYPE_E_RANGE;
    n.point = n.whole + exponent;
    n.dscale = n.dscale > exponent ? n.dscale - exponent : 0;
    while (n.lead < n.digits && digit_at(&n, n.lead) == 0)
        n.lead++;
    *ret_number = n;
    return 0;
}

bool type_numeric_typmod(int32_t typmod, int *ret_precision, int *ret_scale)
{
    if (typmod < 4) return false;
    *ret_precision = (typmod - 4) >> 16 & 0xffff;
    *ret_scale = ((typmod - 4) & 0x7ff) ^ 1024; /* eleven bits, signed */
    *ret_scale -= 1024;
    return true;
}

/* Cut to `scale` digits behind the point. True when what was cut away rounds the rest up. */
static bool cut(struct number *n, int scale)
{
    int64_t keep = n->point + scale;
    n->dscale = scale > 0 ? scale : 0;
    if (keep >= n->digits) return false;
    bool up = keep >= 0 && digit_at(n, keep) >= 5;
    n->digits = keep > 0 ? keep : 0;
    if (n->lead > n->digits) n->lead = n->digits;
    return up;
}

/* What numeric_send writes, in the machine's byte order until finish() */
struct packed {
    uint16_t *group; /* room for the header (4) and a carry (1), then the base-10000 digits; the header is placed last */
    int64_t first, end;
    int64_t weight; /* of group[first] */
};
enum { HEADER = 4, ROOM = HEADER + 1 };

static int pack(const struct number *n, bool up, struct arena *arena, struct packed *ret_packed)
{
    static const uint16_t unit[GROUP] = {1000, 100, 10, 1};
    /* Rounded up from nothing: the one digit that is left is the carry's, at the last place that was kept. */
    int64_t digits = n->digits - n->lead, point = n->point - n->lead;
    if (digits == 0 && up) digits = 1, point++;
    int64_t weight = point > 0 ? (point - 1) / GROUP : -((GROUP - point) / GROUP);
    int64_t pad = (weight + 1) * GROUP - point;
    int64_t groups = digits > 0 ? (pad + digits + GROUP - 1) / GROUP : 0;
    uint16_t *g = arena_zalloc(arena, (size_t)(ROOM + groups) * sizeof(uint16_t));
    if (!g) return -ENOMEM;
    for (int64_t i = n->lead; i < n->digits; i++) {
        int64_t at = pad + i - n->lead;
        g[ROOM + at / GROUP] = (uint16_t)(g[ROOM + at / GROUP] + digit_at(n, i) * unit[at % GROUP]);
    }
    struct packed p = {.group = g, .first = ROOM, .end = ROOM + groups, .weight = weight};
    if (up) {
        int64_t at = pad + digits - 1, i = ROOM + at / GROUP;
        g[i] = (uint16_t)(g[i] + unit[at % GROUP]);
        for (; g[i] >= 10000; i--) {
            g[i] = (uint16_t)(g[i] - 10000);
            g[i - 1]++;
        }
        if (i < p.first) p.first--, p.weight++;
    }
    while (p.end > p.first && g[p.end - 1] == 0)
        p.end--;
    *ret_packed = p;
    return 0;
}

/* Digits before the point; 0 or negative for values below 1 */
static int64_t integer_digits(const struct packed *p)
{
    uint16_t g = p->group[p->first];
    return p->weight * GROUP + 1 + (g >= 10) + (g >= 100) + (g >= 1000);
}

static struct slice finish(const struct packed *p, uint16_t sign, uint16_t dscale)
{
    int64_t n = p->end - p->first;
    uint16_t *start = p->group + p->first - HEADER;
    uint16_t header[HEADER] = {(uint16_t)n, n ? (uint16_t)p->weight : 0, n ? sign : 0, dscale};
    memcpy(start, header, sizeof(header));
    for (int64_t i = 0; i < HEADER + n; i++)
        start[i] = htobe16(start[i]);
    return (struct slice){(const char *)start, (size_t)(HEADER + n) * sizeof(uint16_t)};
}

static int parse_word(struct slice s, int32_t typmod, struct arena *arena, union value *ret_value)
{
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        const struct word *w = &words[i];
        if (!slice_equal_nocase(s, w->text)) continue;
        if (w->infinite && typmod >= 4) return TYPE_E_RANGE;
        uint16_t *header = arena_zalloc(arena, HEADER * sizeof(uint16_t));
        if (!header) return -ENOMEM;
        header[2] = htobe16(w->sign);
        header[3] = htobe16(w->dscale);
        ret_value->s = (struct slice){(const char *)header, HEADER * sizeof(uint16_t)};
        return 0;
    }
    return TYPE_E_SYNTAX;
}

enum { PLAIN_GROUPS = 4, GROUP_BITS = 16 };

/* Four base-10000 digits in a word, the first at the top; v < 10000^PLAIN_GROUPS */
static inline uint64_t split(uint64_t v)
{
    uint32_t high = (uint32_t)(v / 100000000), low = (uint32_t)(v % 100000000);
    return (uint64_t)(high / 10000) << 48 | (uint64_t)(high % 10000) << 32 | (uint64_t)(low / 10000) << 16 | low % 10000;
}

/* What a typmod asks for, and what follows from it for numbers of `digits` digits behind the point */
struct limit {
    bool limited;
    int precision, scale;
    unsigned digits; /* behind the point */
    uint64_t end;    /* mantissas from here on take the long way, for their error or their length */
    uint64_t factor; /* moves the point between base-10000 digits */
    unsigned behind; /* of those */
    int shown;       /* scale of the value */
};

static void limit_for(struct limit *l, unsigned digits)
{
    l->digits = digits;
    l->behind = (digits + GROUP - 1) / GROUP;
    unsigned zeros = l->behind * GROUP - digits;
    l->factor = digits_ten[zeros];
    l->end = digits_ten[PLAIN_GROUPS * GROUP - zeros];
    l->shown = l->limited ? l->scale : (int)digits;
    if (!l->limited) return;
    int fits = l->precision - l->scale + (int)digits;
    if ((int)digits > l->scale || fits < 0) l->end = 0;
    if (l->end && fits < DIGITS_TENS && digits_ten[fits] < l->end) l->end = digits_ten[fits];
}

static struct limit limit_of(int32_t typmod)
{
    struct limit l = {0};
    l.limited = type_numeric_typmod(typmod, &l.precision, &l.scale);
    limit_for(&l, 0);
    return l;
}

/*
 * Up to 16 digits that need no rounding: the mantissa, moved so that the point stands between base-10000 digits, is divided into
 * them. Bytes of the value, which is `to`'s; 0: it takes the long way. Most numbers of a column have the digits of the one before.
 */
__attribute__((always_inline)) static inline size_t pack_plain(struct limit *l, const struct digits_number *n, uint64_t to[2])
{
    if (n->scale != l->digits) limit_for(l, n->scale);
    if (n->mantissa >= l->end) return 0;
    unsigned groups = 0;
    if (n->mantissa == 0) {
        to[0] = htobe64((uint64_t)l->shown);
    } else {
        uint64_t word = split(n->mantissa * l->factor);
        unsigned zeros = (unsigned)__builtin_clzll(word) / GROUP_BITS;
        groups = PLAIN_GROUPS - zeros - (unsigned)__builtin_ctzll(word) / GROUP_BITS;
        uint16_t weight = (uint16_t)(PLAIN_GROUPS - 1 - zeros - l->behind);
        uint64_t sign = n->negative ? SIGN_NEGATIVE : 0;
        to[0] = htobe64((uint64_t)groups << 48 | (uint64_t)weight << 32 | sign << 16 | (uint64_t)l->shown);
        to[1] = htobe64(word << (GROUP_BITS * zeros));
    }
    return (HEADER + groups) * sizeof(uint16_t);
}

/* False: it takes the long way. */
static bool parse_plain(int32_t typmod, struct slice s, struct arena *arena, union value *ret_value)
{
    struct digits_number n;
    if (!digits_number(s, &n)) return false;
    struct limit l = limit_of(typmod);
    uint64_t *to = arena_alloc(arena, 2 * sizeof(*to));
    size_t len = to ? pack_plain(&l, &n, to) : 0;
    if (len) ret_value->s = (struct slice){(const char *)to, len};
    return len > 0;
}

int type_numeric_rows(const struct type_input *in, const struct type_rows *column, struct arena *arena)
{
    const struct type_rows rows = *column; /* a copy that no store can change */
    struct limit l = limit_of(in->type.typmod);
    size_t room = type_rows_room(&rows);
    uint64_t *to = arena_alloc(arena, rows.rows * 2 * sizeof(*to));
    if (!to) return -ENOMEM;
    for (size_t i = 0; i < rows.rows; i++) {
        if (rows.null[i]) continue;
        struct slice s = rows.value[i].s;
        struct digits_number n;
        size_t len = type_rows_roomy(&rows, room, s) && digits_number_roomy(s, &n) ? pack_plain(&l, &n, to + 2 * i) : 0;
        if (len) {
            rows.value[i].s.p = (const char *)(to + 2 * i);
            rows.value[i].s.len = len;
            continue;
        }
        int r = type_rows_one(in, &rows, i, type_numeric_parse, arena);
        if (r) return r;
    }
    return 0;
}

int type_numeric_parse(const struct type_input *in, struct slice text, struct arena *arena, union value *ret_value)
{
    struct slice s = slice_trim(text);
    if (parse_plain(in->type.typmod, s, arena, ret_value)) return 0;
    struct number n;
    int r = scan_number(s, &n);
    if (r == TYPE_E_SYNTAX) return parse_word(s, in->type.typmod, arena, ret_value);
    if (r) return r;
    if (n.lead < n.digits && n.point - n.lead > POINT_MAX) return TYPE_E_RANGE;
    int precision = 0, scale = 0;
    bool limited = type_numeric_typmod(in->type.typmod, &precision, &scale);
    bool up = limited && cut(&n, scale);
    if (n.dscale > SCALE_MAX) return TYPE_E_RANGE;
    struct packed p;
    r = pack(&n, up, arena, &p);
    if (r) return r;
    if (p.end > p.first) {
        int64_t before = integer_digits(&p);
        if (limited ? before > precision - scale : before > POINT_MAX) return TYPE_E_RANGE;
    }
    ret_value->s = finish(&p, n.negative ? SIGN_NEGATIVE : 0, (uint16_t)n.dscale);
    return 0;
}
