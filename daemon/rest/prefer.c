/* SPDX-License-Identifier: MIT */
#include "rest/prefer.h"

#include "base/num.h"

#include <stddef.h>
#include <stdlib.h>

/* ---- Prefer ---- */

/* Each is an enum whose 0 is "not said". */
static const struct preference {
    const char *name;
    size_t at;
    const char *value[4]; /* of 1, 2 … */
} preferences[] = {
    {"resolution", offsetof(struct rest_prefer, resolution), {"merge-duplicates", "ignore-duplicates"}},
    {"missing", offsetof(struct rest_prefer, missing), {"default", "null"}},
    {"return", offsetof(struct rest_prefer, ret), {"minimal", "headers-only", "representation"}},
    {"count", offsetof(struct rest_prefer, count), {"exact", "planned", "estimated"}},
    {"handling", offsetof(struct rest_prefer, handling), {"lenient", "strict"}},
};
enum { PREFERENCES = sizeof preferences / sizeof *preferences };

/* The enums have no negative value, so each is an unsigned int. */
static unsigned *said(const struct rest_prefer *prefer, const struct preference *p)
{
    return (unsigned *)((char *)prefer + p->at);
}

static struct slice unquote(struct slice value)
{
    bool quoted = value.len >= 2 && value.p[0] == '"' && value.p[value.len - 1] == '"';
    return quoted ? (struct slice){value.p + 1, value.len - 2} : value;
}

/* Known, or of no meaning; the first of a name counts. */
static bool take(struct rest_prefer *prefer, struct slice name, struct slice value)
{
    if (slice_equal_nocase(name, SLICE("max-affected"))) {
        uint64_t n;
        if (num_parse_u64(value, &n) != 0 || n > INT64_MAX) return false;
        if (prefer->max_affected < 0) prefer->max_affected = (int64_t)n;
        return true;
    }
    for (unsigned i = 0; i < PREFERENCES; i++) {
        const struct preference *p = &preferences[i];
        if (!slice_equal_nocase(name, slice_of(p->name))) continue;
        for (unsigned v = 0; v < 4 && p->value[v]; v++) {
            if (!slice_equal_nocase(value, slice_of(p->value[v]))) continue;
            if (*said(prefer, p) == 0) *said(prefer, p) = v + 1;
            return true;
        }
    }
    return false;
}

int rest_prefer_parse(struct slice field, struct rest_prefer *ret_prefer, struct rest_error *err)
{
    struct rest_prefer prefer = {.max_affected = -1};
    struct slice unknown = {NULL, 0};
    while (field.p) {
        struct slice value = slice_cut(&field, ','), whole;
        value = slice_cut(&value, ';'); /* parameters of a preference: there are none that we know */
        whole = slice_trim(value);
        struct slice name = slice_trim(slice_cut(&value, '='));
        if (name.len > 0 && !take(&prefer, name, unquote(slice_trim(value))) && !unknown.p) unknown = whole;
    }
    if (prefer.handling == REST_HANDLING_STRICT && unknown.p) {
        struct slice shown = rest_shown(unknown);
        return rest_refuse(err, 400, "PGRST122", "leave it out, or leave handling=strict out",
                           "the preference \"%.*s\" is not known, and handling=strict was asked for", (int)shown.len, shown.p);
    }
    *ret_prefer = prefer;
    return 0;
}

void rest_prefer_applied(struct buf *out, const struct rest_prefer *applied)
{
    size_t begin = out->len;
    for (unsigned i = 0; i < PREFERENCES; i++) {
        unsigned v = *said(applied, &preferences[i]);
        if (v > 0) buf_printf(out, "%s%s=%s", out->len > begin ? ", " : "", preferences[i].name, preferences[i].value[v - 1]);
    }
    if (applied->handling == REST_HANDLING_STRICT && applied->max_affected >= 0)
        buf_printf(out, "%smax-affected=%lld", out->len > begin ? ", " : "", (long long)applied->max_affected);
}

/* ---- Range ---- */

int rest_range_apply(struct slice field, struct slice unit, struct rest_level *root, struct rest_error *err)
{
    uint64_t first, last = INT64_MAX - 1;
    struct slice to = field;
    if (unit.p && !slice_equal_nocase(unit, SLICE("items")) && !slice_equal_nocase(unit, SLICE("rows"))) return 0;
    if (slice_starts(to, SLICE("items="))) to = (struct slice){to.p + 6, to.len - 6};
    if (slice_starts(to, SLICE("rows="))) to = (struct slice){to.p + 5, to.len - 5};
    struct slice from = slice_cut(&to, '-');
    if (!to.p || num_parse_u64(slice_trim(from), &first) != 0 || first > INT64_MAX / 2) return 0;
    to = slice_trim(to);
    if (to.len > 0 && (num_parse_u64(to, &last) != 0 || last > INT64_MAX / 2)) return 0;
    if (last < first)
        return rest_refuse(err, 416, "PGRST103", NULL, "the header Range: its end (%llu) is before its start (%llu)",
                           (unsigned long long)last, (unsigned long long)first);
    /* Both are windows on the same rows: what counts is where they meet. */
    int64_t end = to.len > 0 ? (int64_t)last + 1 : INT64_MAX;
    if (root->limit != REST_ALL && root->limit < INT64_MAX - root->offset && root->offset + root->limit < end)
        end = root->offset + root->limit;
    if ((int64_t)first > root->offset) root->offset = (int64_t)first;
    if (end != INT64_MAX) root->limit = end > root->offset ? end - root->offset : 0;
    return 0;
}

void rest_range_write(struct buf *out, int64_t offset, int64_t rows, int64_t total)
{
    if (rows > 0 && total != 0)
        buf_printf(out, "%lld-%lld/", (long long)offset, (long long)(offset + rows - 1));
    else
        buf_puts(out, "*/");
    if (total < 0)
        buf_putc(out, '*');
    else
        buf_printf(out, "%lld", (long long)total);
}

int rest_range_status(int64_t offset, int64_t rows, int64_t total)
{
    if (total < 0) return 200;
    if (offset > total) return 416;
    return rows < total ? 206 : 200;
}
