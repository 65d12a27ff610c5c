/* SPDX-License-Identifier: MIT */
#include "base/name.h"

#include "base/ascii.h"

#include <stdint.h>
#include <stdio.h>

enum letter { SEPARATOR, LOWER, UPPER, DIGIT };

/* A character at the start of s. */
struct sign {
    enum letter letter;
    size_t len; /* bytes; at least 1 */
};

/* Beyond ASCII everything counts as a letter but the spaces, signs and punctuation that turn up in headers. */
static bool is_separator(uint32_t c)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {{0x80, 0xa9},     {0xab, 0xb4},     {0xb6, 0xb9},     {0xbb, 0xbf},     {0xd7, 0xd7},
                  {0xf7, 0xf7},     {0x2000, 0x206f}, {0x20a0, 0x20cf}, {0x2190, 0x2bff}, {0x3000, 0x3003},
                  {0x3008, 0x3020}, {0xfeff, 0xfeff}, {0xfffd, 0xfffd}};
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
        if (c >= ranges[i].first && c <= ranges[i].last) return true;
    return false;
}

static uint32_t decode(struct slice s, size_t len)
{
    static const unsigned char lead_bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t c = (unsigned char)s.p[0] & lead_bits[len];
    for (size_t i = 1; i < len; i++)
        c = c << 6 | ((unsigned char)s.p[i] & 0x3f);
    return c;
}

static struct sign sign_at(struct slice s)
{
    size_t len = slice_char_len(s);
    if (len == 0) return (struct sign){SEPARATOR, 1};
    if (len > 1) return (struct sign){is_separator(decode(s, len)) ? SEPARATOR : LOWER, len};
    char c = s.p[0];
    if (c >= 'a' && c <= 'z') return (struct sign){LOWER, 1};
    if (c >= 'A' && c <= 'Z') return (struct sign){UPPER, 1};
    if (c >= '0' && c <= '9') return (struct sign){DIGIT, 1};
    return (struct sign){SEPARATOR, 1};
}

/* Does a word begin at `now`? orderId | HTTPServer: at the I, at the S. */
static bool word_begins(enum letter before, enum letter now, enum letter after)
{
    if (before == SEPARATOR) return true;
    if (now != UPPER) return false;
    return before == LOWER || before == DIGIT || after == LOWER;
}

static size_t end_name(char *name, size_t len)
{
    while (len > 0 && name[len - 1] == '_')
        len--;
    name[len] = '\0';
    return len;
}

/* Every table of PostgreSQL has columns of these names (its documentation, section 5.5), and can have no others. */
static bool is_system_column(struct slice name)
{
    static const char *const words[] = {"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (slice_equal(name, slice_of(words[i]))) return true;
    return false;
}

size_t name_normalise(struct slice text, char ret_name[NAME_MAX_BYTES + 1])
{
    static const char suffix[] = "_data";
    size_t len = 0;
    enum letter before = SEPARATOR;
    while (text.len > 0) {
        struct sign now = sign_at(text);
        struct slice rest = {text.p + now.len, text.len - now.len};
        if (now.letter != SEPARATOR) {
            enum letter after = rest.len ? sign_at(rest).letter : SEPARATOR;
            bool joint = len > 0 && word_begins(before, now.letter, after);
            if (len + joint + now.len > NAME_MAX_BYTES) break;
            if (joint) ret_name[len++] = '_';
            memcpy(ret_name + len, text.p, now.len);
            if (now.letter == UPPER) ret_name[len] = (char)(ret_name[len] - 'A' + 'a');
            len += now.len;
        }
        before = now.letter;
        text = rest;
    }
    len = end_name(ret_name, len);
    if (!is_system_column((struct slice){ret_name, len})) return len;
    memcpy(ret_name + len, suffix, sizeof suffix);
    return len + sizeof suffix - 1;
}

struct slice name_stem(struct slice file)
{
    static const char *const extensions[] = {".csv", ".tsv", ".txt", ".gz", ".zip"};
    for (size_t i = file.len; i > 0; i--) {
        if (file.p[i - 1] != '/') continue;
        file = (struct slice){file.p + i, file.len - i};
        break;
    }
    for (size_t i = 0; i < sizeof(extensions) / sizeof(extensions[0]); i++) {
        struct slice extension = slice_of(extensions[i]);
        if (file.len < extension.len) continue;
        struct slice end = {file.p + file.len - extension.len, extension.len};
        if (!slice_equal_nocase(end, extension)) continue;
        file.len -= extension.len;
        i = (size_t)-1; /* from the first again: .csv.gz */
    }
    return file;
}

static bool has_letter(const char *name, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (name[i] != '_' && !ascii_is_digit(name[i])) return true;
    return false;
}

/* Without a single letter `c` at the end of the name that belongs to the digits before it: …1200z, …31_t. */
static size_t without_mark(const char *name, size_t len, char c)
{
    size_t at = len;
    if (at == 0 || name[at - 1] != c) return len;
    at--;
    while (at > 0 && name[at - 1] == '_')
        at--;
    return at > 0 && ascii_is_digit(name[at - 1]) ? at : len;
}

/* The length of the name without the numbers at its end, and the t, z and v of times and versions: 20240131_t120000_z, _v2. */
static size_t without_numbers(const char *name, size_t len)
{
    size_t cut = without_mark(name, len, 'z');
    for (;;) {
        size_t at = cut;
        while (at > 0 && (ascii_is_digit(name[at - 1]) || name[at - 1] == '_'))
            at--;
        if (at == cut) return cut;
        cut = without_mark(name, at, 't');
        if (at > 1 && name[at - 1] == 'v' && name[at - 2] == '_') cut = at - 1;
    }
}

bool name_is_route(struct slice name)
{
    static const char *const words[] = {"docs", "events", "files",  "healthz", "ingest", "metrics", "openapi",
                                        "read", "readyz", "report", "reports", "status", "v1"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (slice_equal(name, slice_of(words[i]))) return true;
    return false;
}

/* Make a dataset's name of a normalised one. */
static size_t usable(const char *name, size_t len, char ret_name[NAME_MAX_BYTES + 1])
{
    char text[NAME_MAX_BYTES + 16];
    const char *prefix = len > 0 && !ascii_is_digit(name[0]) ? "" : "t_";
    const char *suffix = name_is_route((struct slice){name, len}) ? "_data" : "";
    struct slice core = len ? (struct slice){name, len} : SLICE("data");
    int n = snprintf(text, sizeof(text), "%s" SLICE_FMT "%s", prefix, SLICE_ARG(core), suffix);
    struct slice cut = slice_cut_utf8((struct slice){text, (size_t)n}, NAME_MAX_BYTES);
    memcpy(ret_name, cut.p, cut.len);
    return end_name(ret_name, cut.len);
}

size_t name_of_file_full(struct slice file, char ret_name[NAME_MAX_BYTES + 1])
{
    char name[NAME_MAX_BYTES + 1];
    size_t len = name_normalise(name_stem(file), name);
    return usable(name, len, ret_name);
}

size_t name_of_file(struct slice file, char ret_name[NAME_MAX_BYTES + 1])
{
    char name[NAME_MAX_BYTES + 1];
    size_t len = name_normalise(name_stem(file), name);
    size_t cut = without_numbers(name, len);
    return usable(name, has_letter(name, cut) ? cut : len, ret_name);
}

enum { NEAREST_MAX_BYTES = 64 };

struct name_nearest name_nearest_to(struct slice word)
{
    unsigned allowed = word.len > NEAREST_MAX_BYTES ? 0 : (unsigned)(word.len + 2) / 3;
    return (struct name_nearest){.word = word, .best = NULL, .distance = allowed + 1};
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
    unsigned least = a < b ? a : b;
    return least < c ? least : c;
}

static char fold(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* Optimal string alignment (restricted Damerau-Levenshtein distance), three rows of the matrix at a time. */
static unsigned edits(struct slice a, struct slice b)
{
    unsigned rows[3][NEAREST_MAX_BYTES + 1];
    for (size_t j = 0; j <= b.len; j++)
        rows[0][j] = (unsigned)j;
    for (size_t i = 1; i <= a.len; i++) {
        unsigned *now = rows[i % 3], *last = rows[(i + 2) % 3], *older = rows[(i + 1) % 3];
        now[0] = (unsigned)i;
        for (size_t j = 1; j <= b.len; j++) {
            char ca = fold(a.p[i - 1]), cb = fold(b.p[j - 1]);
            now[j] = min3(last[j] + 1, now[j - 1] + 1, last[j - 1] + (ca != cb));
            if (i > 1 && j > 1 && ca == fold(b.p[j - 2]) && fold(a.p[i - 2]) == cb && older[j - 2] + 1 < now[j])
                now[j] = older[j - 2] + 1;
        }
    }
    return rows[a.len % 3][b.len];
}

void name_nearest_offer(struct name_nearest *n, const char *known)
{
    struct slice k = slice_of(known);
    if (n->word.len > NEAREST_MAX_BYTES || k.len > NEAREST_MAX_BYTES) return;
    unsigned distance = edits(n->word, k);
    if (distance >= n->distance) return;
    n->distance = distance;
    n->best = known;
}
