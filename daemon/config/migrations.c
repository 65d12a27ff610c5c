/* SPDX-License-Identifier: MIT */
#include "config/migrations.h"

#include "base/cleanup.h"
#include "base/fs.h"
#include "base/num.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

struct reading {
    const char *folder;
    int dir;
    struct arena *arena;
    struct mistakes *mistakes;
    struct config_migration *list;
    size_t n, bytes;
};

/* 12_some_name.sql: 12, some_name. */
static bool split_name(struct slice file, uint64_t *ret_number, struct slice *ret_name)
{
    struct slice name = {file.p, file.len - strlen(".sql")};
    struct slice number = slice_cut(&name, '_');
    *ret_name = name;
    return name.len > 0 && number.len <= 9 && num_parse_u64(number, ret_number) == 0 && *ret_number > 0;
}

static bool is_text(struct slice s)
{
    if (s.len > 0 && memchr(s.p, '\0', s.len)) return false;
    while (s.len > 0) {
        size_t n = slice_char_len(s);
        if (n == 0) return false;
        s = (struct slice){s.p + n, s.len - n};
    }
    return true;
}

/* 0, also when it is refused, or -ENOMEM. */
static int read_one(struct reading *r, const char *file)
{
    struct buf path;
    buf_init(&path, 8192);
    buf_printf(&path, "%s/%s", r->folder, file);
    struct config_migration *m = &r->list[r->n];
    *m = (struct config_migration){.path = buf_check(&path) == 0 ? arena_cstr(r->arena, buf_slice(&path)) : NULL};
    buf_done(&path);
    if (!m->path) return -ENOMEM;
    const struct config_place place = {m->path, 0};
    uint64_t number;
    struct slice name;
    if (!split_name(slice_of(file), &number, &name)) {
        mistakes_add(r->mistakes, place, "a migration is named by its number from 1 and a name: 001_people.sql");
        return 0;
    }
    cleanup_free char *text = NULL;
    size_t len = 0;
    cleanup_fd int fd = openat(r->dir, file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    int e = fd < 0 ? -errno : fs_read_fd(fd, MIGRATION_FILE_MAX, &text, &len);
    if (e == -ENOMEM) return e;
    if (e == ERROR_TOO_BIG || (e == 0 && r->bytes + len > MIGRATIONS_BYTES_MAX)) {
        mistakes_add(r->mistakes, place, "migrations have at most %d bytes each, and %d together", MIGRATION_FILE_MAX,
                     MIGRATIONS_BYTES_MAX);
        return 0;
    }
    if (e < 0) {
        mistakes_add(r->mistakes, place, "cannot be read: %s", error_name(e));
        return 0;
    }
    struct slice sql = {text, len};
    if (slice_starts(sql, SLICE("\xef\xbb\xbf"))) sql = (struct slice){sql.p + 3, sql.len - 3};
    if (!is_text(sql)) {
        mistakes_add(r->mistakes, place, "is no UTF-8 text");
        return 0;
    }
    r->bytes += len;
    m->number = (int)number;
    m->name = arena_cstr(r->arena, name);
    m->sql = arena_cstr(r->arena, sql);
    if (!m->name || !m->sql) return -ENOMEM;
    r->n++;
    return 0;
}

static int by_number(const void *a, const void *b)
{
    const struct config_migration *x = a, *y = b;
    if (x->number != y->number) return x->number < y->number ? -1 : 1;
    return strcmp(x->path, y->path);
}

/* 1, 2, 3 … */
static void check_numbers(const struct reading *r)
{
    for (size_t i = 0; i < r->n; i++) {
        const struct config_migration *m = &r->list[i];
        int before = i > 0 ? m[-1].number : 0;
        const struct config_place place = {m->path, 0};
        if (m->number == before)
            mistakes_add(r->mistakes, place, "has the number of %s; give the newer one the next number", m[-1].path);
        else if (m->number != before + 1)
            mistakes_add(r->mistakes, place, "number %d is missing before it; migrations are numbered from 1 without gaps",
                         before + 1);
    }
}

static int is_migration(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && slice_ends(slice_of(entry->d_name), SLICE(".sql"));
}

static int read_folder(struct reading *r, struct config *config)
{
    struct dirent **entries = NULL;
    size_t before = r->mistakes->n;
    int n = scandirat(r->dir, ".", &entries, is_migration, alphasort), e = 0;
    if (n < 0 && errno == ENOMEM) return -ENOMEM;
    if (n < 0) {
        mistakes_add(r->mistakes, (struct config_place){r->folder, 0}, "cannot be read: %s", error_name(-errno));
        return 0;
    }
    if (n > MIGRATIONS_MAX)
        mistakes_add(r->mistakes, (struct config_place){r->folder, 0}, "holds more than %d migrations", MIGRATIONS_MAX);
    r->list = arena_array(r->arena, (size_t)n + 1, sizeof *r->list);
    if (!r->list) e = -ENOMEM;
    for (int i = 0; i < n; i++) {
        if (e == 0 && i < MIGRATIONS_MAX) e = read_one(r, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    if (e < 0) return e;
    qsort(r->list, r->n, sizeof *r->list, by_number);
    if (r->mistakes->n == before) check_numbers(r); /* what was refused would be a gap */
    config->migration = r->list;
    config->n_migrations = r->n;
    return 0;
}

int migrations_read(const char *path, struct arena *arena, struct mistakes *m, struct config *config)
{
    const char *said = config->database.migrations;
    const char *slash = strrchr(path, '/');
    cleanup_free char *beside = NULL;
    if (!*said && asprintf(&beside, "%.*smigrations", slash ? (int)(slash - path) + 1 : 0, path) < 0) return -ENOMEM;
    struct reading r = {.folder = arena_cstr(arena, slice_of(*said ? said : beside)), .arena = arena, .mistakes = m};
    if (!r.folder) return -ENOMEM;
    cleanup_fd int dir = open(r.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0 && !*said && (errno == ENOENT || errno == ENOTDIR)) return 0;
    if (dir < 0) {
        mistakes_add(m, *said ? config->database.migrations_place : (struct config_place){r.folder, 0},
                     "migrations: %s cannot be read: %s", r.folder, error_name(-errno));
        return 0;
    }
    r.dir = dir;
    return read_folder(&r, config);
}
