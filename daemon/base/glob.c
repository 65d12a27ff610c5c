/* SPDX-License-Identifier: MIT */
#include "base/glob.h"

enum piece_kind { ONE, STAR, DEEP_STAR, PART };

/* A piece of the glob: what it takes, and where the next piece begins. */
struct piece {
    enum piece_kind kind;
    size_t len;  /* bytes of the glob */
    bool is_set; /* ONE: glob[1 … len - 2] is a set */
};

/* Bytes of the set that begins at glob.p[at], '[', up to its ']'; 0 when it is not closed. A ']' that comes first is of the set. */
static size_t set_len(struct slice glob, size_t at)
{
    size_t i = at + 1;
    if (i < glob.len && (glob.p[i] == '!' || glob.p[i] == '^')) i++;
    for (size_t first = i; i < glob.len; i++)
        if (glob.p[i] == ']' && i > first) return i - at + 1;
    return 0;
}

static size_t part_len(struct slice glob, size_t at)
{
    const char *end = memchr(glob.p + at, '}', glob.len - at);
    return end ? (size_t)(end - (glob.p + at)) + 1 : 0;
}

static struct piece piece_at(struct slice glob, size_t at)
{
    size_t len;
    switch (glob.p[at]) {
    case '*':
        for (len = 1; at + len < glob.len && glob.p[at + len] == '*';)
            len++;
        return (struct piece){len > 1 ? DEEP_STAR : STAR, len, false};
    case '{': len = part_len(glob, at); return len ? (struct piece){PART, len, false} : (struct piece){ONE, 1, false};
    case '[': len = set_len(glob, at); return len ? (struct piece){ONE, len, true} : (struct piece){ONE, 1, false};
    default: return (struct piece){ONE, 1, false};
    }
}

static bool in_set(struct slice set, char c)
{
    unsigned char b = (unsigned char)c;
    bool negated = set.p[0] == '!' || set.p[0] == '^', found = false;
    for (size_t i = negated; i < set.len; i++) {
        unsigned char low = (unsigned char)set.p[i], high = low;
        if (i + 2 < set.len && set.p[i + 1] == '-') {
            high = (unsigned char)set.p[i + 2];
            i += 2;
        }
        found |= b >= low && b <= high;
    }
    return found != negated;
}

static bool one_matches(struct slice glob, size_t at, struct piece piece, char c)
{
    if (piece.is_set) return c != '/' && in_set((struct slice){glob.p + at + 1, piece.len - 2}, c);
    if (glob.p[at] == '?') return c != '/';
    return glob.p[at] == c;
}

/* Where to go on when something behind a star does not match: let the star take one byte more. */
struct retry {
    bool set;
    size_t glob, text;
    size_t parts; /* how many parts stand before it */
    bool is_part; /* the last of these is what takes more */
};

/* `part` may be NULL; else it has room for the glob's parts, and their texts are filled in. */
static bool match(struct slice glob, struct slice text, struct glob_part *part)
{
    struct retry shallow = {0}, deep = {0};
    size_t g = 0, t = 0, parts = 0;
    for (;;) {
        if (g == glob.len && t == text.len) return true;
        if (g < glob.len) {
            struct piece piece = piece_at(glob, g);
            if (piece.kind == DEEP_STAR) {
                g += piece.len;
                deep = (struct retry){true, g, t, parts, false};
                shallow.set = false;
                continue;
            }
            bool fits = t < text.len && (piece.kind == ONE ? one_matches(glob, g, piece, text.p[t]) : text.p[t] != '/');
            if (piece.kind == STAR || fits) {
                g += piece.len;
                if (piece.kind != STAR) t++;
                if (piece.kind == PART && part && parts < GLOB_PARTS_MAX) part[parts].text = (struct slice){text.p + t - 1, 1};
                parts += piece.kind == PART;
                if (piece.kind != ONE) shallow = (struct retry){true, g, t, parts, piece.kind == PART};
                continue;
            }
        }
        if (shallow.set && shallow.text < text.len && text.p[shallow.text] != '/') {
            t = ++shallow.text;
            g = shallow.glob;
            parts = shallow.parts;
            if (shallow.is_part && part && parts <= GLOB_PARTS_MAX) part[parts - 1].text.len++;
        } else if (deep.set && deep.text < text.len) {
            t = ++deep.text;
            g = deep.glob;
            parts = deep.parts;
            shallow.set = false;
        } else {
            return false;
        }
    }
}

bool glob_match(struct slice glob, struct slice text)
{
    return match(glob, text, NULL);
}

/* What of the path the glob is held against. */
static struct slice target(struct slice glob, struct slice path)
{
    bool whole = glob.len > 0 && memchr(glob.p, '/', glob.len);
    for (size_t i = path.len; !whole && i > 0; i--)
        if (path.p[i - 1] == '/') return (struct slice){path.p + i, path.len - i};
    return path;
}

bool glob_match_file(struct slice glob, struct slice path)
{
    return match(glob, target(glob, path), NULL);
}

size_t glob_parts(struct slice glob, struct glob_part *ret_part)
{
    size_t n = 0;
    for (size_t at = 0; at < glob.len;) {
        struct piece piece = piece_at(glob, at);
        if (piece.kind == PART) {
            if (n < GLOB_PARTS_MAX)
                ret_part[n] =
                    (struct glob_part){.name = {glob.p + at + 1, piece.len - 2}, .is_hive = at > 0 && glob.p[at - 1] == '='};
            n++;
        }
        at += piece.len;
    }
    return n;
}

bool glob_capture(struct slice glob, struct slice path, struct glob_part *ret_part, size_t *ret_parts)
{
    size_t n = glob_parts(glob, ret_part);
    if (!match(glob, target(glob, path), ret_part)) return false;
    *ret_parts = n < GLOB_PARTS_MAX ? n : GLOB_PARTS_MAX;
    return true;
}

static bool is_part_name(struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_')) return false;
    }
    return name.len > 0;
}

bool glob_valid(struct slice glob)
{
    for (size_t at = 0; at < glob.len;) {
        struct piece piece = piece_at(glob, at);
        bool opens = glob.p[at] == '[' || glob.p[at] == '{';
        if (opens && piece.len == 1) return false;
        if (piece.kind == PART && !is_part_name((struct slice){glob.p + at + 1, piece.len - 2})) return false;
        at += piece.len;
    }
    struct glob_part part[GLOB_PARTS_MAX];
    size_t n = glob_parts(glob, part);
    for (size_t i = 0; i < n && n <= GLOB_PARTS_MAX; i++)
        for (size_t k = 0; k < i; k++)
            if (slice_equal(part[k].name, part[i].name)) return false;
    return n <= GLOB_PARTS_MAX;
}
