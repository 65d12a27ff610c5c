/* SPDX-License-Identifier: MIT */
#include "http/accept.h"

enum { QUALITY_MAX = 1000, SUBTYPE_EXACT = 3, SUBTYPE_ANY = 2, ALL_ANY = 1, NO_MATCH = 0 };

/* "0.25" in thousandths; what is no weight is 1, as if it had not been said. */
static int weight(struct slice text)
{
    if (text.len == 0 || (text.p[0] != '0' && text.p[0] != '1')) return QUALITY_MAX;
    if (text.p[0] == '1') return QUALITY_MAX;
    int q = 0, unit = QUALITY_MAX / 10;
    for (size_t i = 2; i < text.len && unit > 0; i++, unit /= 10) {
        if (text.p[i] < '0' || text.p[i] > '9') break;
        q += (text.p[i] - '0') * unit;
    }
    return q;
}

/* How closely a range fits a type; the closest decides about its weight. */
static int closeness(struct slice range, struct slice type)
{
    if (slice_equal_nocase(range, type)) return SUBTYPE_EXACT;
    if (slice_equal(range, SLICE("*/*"))) return ALL_ANY;
    struct slice rest = type, main_type = slice_cut(&rest, '/');
    struct slice range_rest = range, range_main = slice_cut(&range_rest, '/');
    return slice_equal(range_rest, SLICE("*")) && slice_equal_nocase(range_main, main_type) ? SUBTYPE_ANY : NO_MATCH;
}

/* Of an item, by what stands behind its first ';'. */
static int weight_of(struct slice parameters)
{
    int q = QUALITY_MAX;
    while (parameters.p) {
        struct slice value = slice_cut(&parameters, ';'), name = slice_trim(slice_cut(&value, '='));
        if (slice_equal_nocase(name, SLICE("q"))) q = weight(slice_trim(value));
    }
    return q;
}

static int quality(struct slice accept, struct slice type)
{
    int best = NO_MATCH, q = 0;
    while (accept.p) {
        struct slice parameters = slice_cut(&accept, ','), range = slice_trim(slice_cut(&parameters, ';'));
        int fit = closeness(range, type), range_q = weight_of(parameters);
        if (fit > best) {
            best = fit;
            q = range_q;
        }
    }
    return q;
}

int http_accept(struct slice accept, const char *const *types)
{
    accept = slice_trim(accept);
    if (accept.len == 0) return 0;
    int chosen = -1, best = 0;
    for (int i = 0; types[i]; i++) {
        int q = quality(accept, slice_of(types[i]));
        if (q > best) {
            best = q;
            chosen = i;
        }
    }
    return chosen;
}

int http_accept_quality(struct slice list, struct slice item)
{
    while (list.p) {
        struct slice parameters = slice_cut(&list, ','), name = slice_trim(slice_cut(&parameters, ';'));
        if (slice_equal_nocase(name, item)) return weight_of(parameters);
    }
    return HTTP_ACCEPT_UNSAID;
}
