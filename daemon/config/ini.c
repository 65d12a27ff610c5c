/* SPDX-License-Identifier: MIT */
#include "config/ini.h"

#include "base/buf.h"

struct reader {
    struct ini *ini;
    struct mistakes *mistakes;
    struct config_place place;   /* the line that is being read */
    struct ini_section *section; /* NULL: none yet, or one that was refused */
    bool refused;                /* what follows belongs to a refused section or key */
    struct ini_entry *entry;     /* the key whose value may go on */
    struct buf value;
};

void ini_init(struct ini *ini, struct arena *arena)
{
    *ini = (struct ini){.arena = arena};
}

/* FNV-1a */
static size_t mix(size_t hash, struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        hash = (hash ^ (unsigned char)s.p[i]) * 16777619u;
    return hash;
}

static size_t bucket_of(struct slice kind, struct slice name)
{
    return (size_t)(uint32_t)mix(mix(2166136261u, kind) * 16777619u, name) % INI_BUCKETS;
}

static struct ini_section *find(const struct ini *ini, struct slice kind, struct slice name)
{
    struct ini_section *s = ini->bucket[bucket_of(kind, name)];
    while (s && !(slice_equal(s->kind, kind) && slice_equal(s->name, name)))
        s = s->chain;
    return s;
}

static void append(struct ini *ini, struct ini_section *s)
{
    struct ini_section **bucket = &ini->bucket[bucket_of(s->kind, s->name)];
    s->chain = *bucket;
    *bucket = s;
    s->next = NULL;
    *(ini->last ? &ini->last->next : &ini->first) = s;
    ini->last = s;
}

const struct ini_section *ini_find(const struct ini *ini, const char *kind, struct slice name)
{
    return find(ini, slice_of(kind), name);
}

void ini_hide(struct ini *ini, bool (*hidden)(const struct ini_section *))
{
    struct ini_section *s = ini->first;
    ini->first = ini->last = NULL;
    memset(ini->bucket, 0, sizeof ini->bucket);
    for (struct ini_section *next; s; s = next) {
        next = s->next;
        if (!hidden(s)) append(ini, s);
    }
}

const struct ini_entry *ini_entry(const struct ini_section *section, const char *key)
{
    for (const struct ini_entry *e = section->first; e; e = e->next)
        if (slice_equal(e->key, slice_of(key))) return e;
    return NULL;
}

/* The value of the open key is complete. */
static int close_entry(struct reader *r)
{
    if (!r->entry) return 0;
    int rc = buf_check(&r->value);
    struct slice value = arena_copy(r->ini->arena, slice_trim(buf_slice(&r->value)));
    if (rc < 0 || !value.p) return -ENOMEM;
    r->entry->value = value;
    r->entry = NULL;
    return 0;
}

static void refuse(struct reader *r, const char *text, struct slice what)
{
    r->refused = true;
    mistakes_add(r->mistakes, r->place, "%s: '" SLICE_FMT "'", text, SLICE_ARG(slice_cut_utf8(what, 100)));
}

static int open_section(struct reader *r, struct slice line)
{
    r->section = NULL;
    struct slice inside = slice_trim((struct slice){line.p + 1, line.len - 1});
    if (inside.len == 0 || inside.p[inside.len - 1] != ']') {
        refuse(r, "a section is written [kind] or [kind name], alone on its line", line);
        return 0;
    }
    inside.len--;
    struct slice name = slice_trim(inside);
    size_t kind_len = 0;
    while (kind_len < name.len && name.p[kind_len] != ' ' && name.p[kind_len] != '\t')
        kind_len++;
    struct slice kind = {name.p, kind_len};
    name = slice_trim((struct slice){name.p + kind_len, name.len - kind_len});
    struct ini_section *s = find(r->ini, kind, name);
    if (s && s->file == r->ini->files) {
        mistakes_add(r->mistakes, r->place, "section " SLICE_FMT " is there already, at line %d; put its keys there",
                     SLICE_ARG(line), s->place.line);
        r->refused = true;
        return 0;
    }
    if (!s) {
        if (r->ini->sections++ >= INI_SECTIONS_MAX) {
            refuse(r, "too many sections", line);
            return 0;
        }
        s = arena_zalloc(r->ini->arena, sizeof(*s));
        if (!s) return -ENOMEM;
        s->kind = kind;
        s->name = name;
        append(r->ini, s);
    }
    s->place = r->place;
    s->file = r->ini->files;
    r->section = s;
    r->refused = false;
    return 0;
}

static int open_entry(struct reader *r, struct slice line)
{
    if (!r->section) {
        if (!r->refused) refuse(r, "a key must stand below a section such as [daemon]", line);
        return 0;
    }
    struct slice rest = line, key = slice_trim(slice_cut(&rest, '='));
    r->refused = false;
    if (!rest.p || key.len == 0) {
        refuse(r, "expected 'key = value', a [section], or a comment that begins with #", line);
        return 0;
    }
    struct ini_entry **link = &r->section->first;
    while (*link && !slice_equal((*link)->key, key))
        link = &(*link)->next;
    struct ini_entry *e = *link;
    if (e && e->file == r->ini->files) {
        mistakes_add(r->mistakes, r->place, "key '" SLICE_FMT "' is given already, at line %d; keep one of them", SLICE_ARG(key),
                     e->place.line);
        r->refused = true;
        return 0;
    }
    if (!e) {
        if (r->ini->entries++ >= INI_ENTRIES_MAX) {
            refuse(r, "too many keys", line);
            return 0;
        }
        e = *link = arena_zalloc(r->ini->arena, sizeof(*e));
        if (!e) return -ENOMEM;
        e->key = key;
    }
    e->place = r->place;
    e->file = r->ini->files;
    r->entry = e;
    buf_reset(&r->value);
    buf_put(&r->value, slice_trim(rest));
    return 0;
}

static int read_line(struct reader *r, struct slice line)
{
    if (line.len > 0 && line.p[line.len - 1] == '\r') line.len--;
    struct slice text = slice_trim(line);
    if (text.len == 0 || line.p[0] == '#' || line.p[0] == ';') return 0;
    for (struct slice s = line; s.len > 0;) {
        size_t n = slice_char_len(s);
        if (n == 0) {
            mistakes_add(r->mistakes, r->place, "this line is not UTF-8; save the file as UTF-8");
            return 0;
        }
        s = (struct slice){s.p + n, s.len - n};
    }
    if (line.p[0] == ' ' || line.p[0] == '\t') {
        if (r->entry) {
            buf_putc(&r->value, '\n');
            buf_put(&r->value, text);
        } else if (!r->refused) {
            refuse(r,
                   "an indented line goes on with the value above, and there is none; begin keys and sections at the start of the "
                   "line",
                   text);
        }
        return 0;
    }
    int rc = close_entry(r);
    if (rc < 0) return rc;
    return line.p[0] == '[' ? open_section(r, text) : open_entry(r, text);
}

int ini_read(struct ini *ini, const char *file, struct slice text, struct mistakes *m)
{
    char *name = arena_cstr(ini->arena, slice_of(file));
    text = arena_copy(ini->arena, text);
    if (!name || !text.p) return -ENOMEM;
    struct reader r = {.ini = ini, .mistakes = m, .place = {name, 0}};
    ini->files++;
    if (text.len > INI_FILE_MAX) {
        mistakes_add(m, r.place, "the file is larger than %d bytes", INI_FILE_MAX);
        return 0;
    }
    if (slice_starts(text, SLICE("\xef\xbb\xbf"))) text = (struct slice){text.p + 3, text.len - 3};
    buf_init(&r.value, INI_FILE_MAX);
    int rc = 0;
    while (text.p && rc == 0) {
        struct slice line = slice_cut(&text, '\n');
        r.place.line++;
        if (line.len > 0 && memchr(line.p, '\0', line.len)) {
            mistakes_add(m, r.place, "a NUL byte; this is no text file");
            break;
        }
        rc = read_line(&r, line);
    }
    if (rc == 0) rc = close_entry(&r);
    buf_done(&r.value);
    return rc;
}
