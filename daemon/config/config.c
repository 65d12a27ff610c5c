/* SPDX-License-Identifier: MIT */
#include "config/config.h"

#include "base/cleanup.h"
#include "base/fs.h"
#include "base/glob.h"
#include "base/list.h"
#include "config/build.h"
#include "config/effective.h"
#include "config/ini.h"
#include "config/migrations.h"
#include "config/options.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { BLOCK_BYTES = 64 << 10, MEMORY_MAX = 64 << 20, SECRET_MAX = 64 << 10, WORKERS_MAX = 1024 };

/* The configuration with what carries it. */
struct holder {
    struct config config;
    struct arena arena;
    atomic_int references;
};

/* A configuration in the making. */
struct loading {
    struct holder *holder;
    struct ini ini;
    struct mistakes *mistakes;
};

static void free_holder(struct holder *h)
{
    if (!h) return;
    arena_done(&h->arena);
    free(h);
}

static int begin(struct loading *l, struct mistakes *m)
{
    l->mistakes = m;
    l->holder = calloc(1, sizeof(*l->holder));
    if (!l->holder) return -ENOMEM;
    arena_init(&l->holder->arena, BLOCK_BYTES, MEMORY_MAX);
    l->holder->references = 1;
    ini_init(&l->ini, &l->holder->arena);
    return 0;
}

/* What was read stays beside what it became. */
static int keep_words(struct loading *l)
{
    struct config *c = &l->holder->config;
    struct ini *said = arena_zalloc(&l->holder->arena, sizeof *said);
    struct config_written *written = arena_zalloc(&l->holder->arena, sizeof *written);
    if (!said || !written) return -ENOMEM;
    *said = l->ini;
    *written = (struct config_written){c->daemon, c->database, c->api};
    c->said = said;
    c->written = written;
    return 0;
}

/* Takes the loading apart, whatever came before. `path`: of the main file, or NULL. */
static int finish(struct loading *l, int r, const char *path, struct config **ret_config)
{
    if (r == 0) r = build_config(&l->ini, l->mistakes, &l->holder->config);
    if (r == 0 && path) r = migrations_read(path, &l->holder->arena, l->mistakes, &l->holder->config);
    if (r == 0 && l->mistakes->n > 0) r = CONFIG_E_INVALID;
    if (r == 0) r = keep_words(l);
    if (r == 0)
        *ret_config = &l->holder->config;
    else
        free_holder(l->holder);
    return r;
}

int config_parse(const char *name, struct slice text, struct mistakes *mistakes, struct config **ret_config)
{
    struct loading l;
    int r = begin(&l, mistakes);
    if (r < 0) return r;
    return finish(&l, ini_read(&l.ini, name, text, mistakes), NULL, ret_config);
}

/* Symlinks are followed: /etc is full of them, and only its owner can make one there. */
static int read_file(struct loading *l, const char *path, enum config_presence presence)
{
    cleanup_free char *text = NULL;
    size_t len = 0;
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 && errno == ENOENT && presence == CONFIG_MAY_BE_MISSING) return 0;
    int r = fd < 0 ? -errno : fs_read_fd(fd, INI_FILE_MAX, &text, &len);
    if (r == 0) return ini_read(&l->ini, path, (struct slice){text, len}, l->mistakes);
    if (r == -ENOMEM) return r;
    mistakes_add(l->mistakes, (struct config_place){path, 0}, "cannot be read: %s", error_name(r));
    return 0;
}

static int is_fragment(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && slice_ends(slice_of(entry->d_name), SLICE(".conf"));
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* conf.d/ *.conf beside `path`. */
static int read_fragments(struct loading *l, const char *path)
{
    const char *slash = strrchr(path, '/');
    cleanup_free char *folder = NULL;
    if (asprintf(&folder, "%.*sconf.d", slash ? (int)(slash - path) + 1 : 0, path) < 0) return -ENOMEM;
    struct dirent **entries = NULL;
    int n = scandir(folder, &entries, is_fragment, by_name), r = 0;
    if (n < 0) {
        if (errno == ENOMEM) return -ENOMEM;
        if (errno != ENOENT && errno != ENOTDIR)
            mistakes_add(l->mistakes, (struct config_place){folder, 0}, "cannot be read: %s", error_name(-errno));
        return 0;
    }
    for (int i = 0; i < n; i++) {
        cleanup_free char *file = NULL;
        if (r == 0 && asprintf(&file, "%s/%s", folder, entries[i]->d_name) < 0) r = -ENOMEM;
        if (r == 0) r = read_file(l, file, CONFIG_MUST_EXIST);
        free(entries[i]);
    }
    free(entries);
    return r;
}

int config_read(const char *path, enum config_presence presence, struct mistakes *mistakes, struct ini *ini)
{
    struct loading l = {.ini = *ini, .mistakes = mistakes};
    int r = read_file(&l, path, presence);
    if (r == 0) r = read_fragments(&l, path);
    *ini = l.ini;
    return r;
}

int config_load(const char *path, enum config_presence presence, struct mistakes *mistakes, struct config **ret_config)
{
    struct loading l;
    int r = begin(&l, mistakes);
    if (r < 0) return r;
    r = read_file(&l, path, presence);
    if (r == 0) r = read_fragments(&l, path);
    return finish(&l, r, path, ret_config);
}

static bool is_secret(const struct ini_section *s)
{
    static const enum option_section secret[] = {OPTION_TOKEN, OPTION_JWT,     OPTION_ROLE,  OPTION_NOTIFY,
                                                 OPTION_STORE, OPTION_ARCHIVE, OPTION_SOURCE};
    for (size_t i = 0; i < sizeof secret / sizeof secret[0]; i++)
        if (slice_equal(s->kind, slice_of(options_section(secret[i])->kind))) return true;
    return false;
}

int config_load_public(const char *path, enum config_presence presence, struct mistakes *mistakes, struct config **ret_config)
{
    struct loading l;
    int r = begin(&l, mistakes);
    if (r < 0) return r;
    r = config_read(path, presence, mistakes, &l.ini);
    ini_hide(&l.ini, is_secret);
    return finish(&l, r, path, ret_config);
}

static struct holder *holder_of(struct config *c)
{
    return container_of(c, struct holder, config);
}

struct config *config_ref(struct config *c)
{
    atomic_fetch_add(&holder_of(c)->references, 1);
    return c;
}

void config_unref(struct config *c)
{
    if (c && atomic_fetch_sub(&holder_of(c)->references, 1) == 1) free_holder(holder_of(c));
}

const struct config_dataset *config_dataset(const struct config *c, struct slice name)
{
    size_t low = 0, high = c->by_name ? c->n_datasets : 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = slice_compare(name, slice_of(c->by_name[middle]->name));
        if (order == 0) return c->by_name[middle];
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return NULL;
}

const struct config_derive *config_derive(const struct config *c, struct slice name)
{
    for (size_t i = 0; i < c->n_derives; i++)
        if (slice_equal(slice_of(c->derives[i].name), name)) return &c->derives[i];
    return NULL;
}

const struct config_report *config_report(const struct config *c, struct slice name)
{
    for (size_t i = 0; i < c->n_reports; i++)
        if (slice_equal(slice_of(c->reports[i].name), name)) return &c->reports[i];
    return NULL;
}

/* Where the store's url ends in a bucket or account, that is all of its name: another one's host is not to see this one's secret.
 */
static bool is_for(const struct config_store *s, struct slice url)
{
    struct slice begin = slice_of(s->url);
    if (!slice_starts(url, begin)) return false;
    const char *name = strstr(s->url, "://");
    if (!name || !name[3] || strchr(name + 3, '/')) return true;
    return url.len == begin.len || url.p[begin.len] == '/';
}

const struct config_store *config_store_for(const struct config *c, const char *url)
{
    const struct config_store *best = NULL;
    for (size_t i = 0; i < c->n_stores; i++) {
        const struct config_store *s = &c->stores[i];
        if (is_for(s, slice_of(url)) && (!best || strlen(s->url) > strlen(best->url))) best = s;
    }
    return best;
}

bool config_input(const struct config_dataset *d, const char *name)
{
    for (size_t i = 0; i < d->inputs.n; i++)
        if (strcmp(d->inputs.item[i], name) == 0) return true;
    return false;
}

const struct config_column *config_column(const struct config_dataset *d, const char *name)
{
    size_t low = 0, high = d->n_columns;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, d->column[middle].name);
        if (order == 0) return &d->column[middle];
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return NULL;
}

const struct config_dataset *config_dataset_for(const struct config *c, struct slice path)
{
    for (size_t i = 0; i < c->n_datasets; i++)
        for (size_t k = 0; k < c->datasets[i].files.n; k++)
            if (glob_match_file(slice_of(c->datasets[i].files.item[k]), path)) return &c->datasets[i];
    return NULL;
}

size_t config_lookup_max(const struct config *c)
{
    enum { SHARE = 4 };
    return (size_t)(c->daemon.lookup_max > 0 ? c->daemon.lookup_max : c->daemon.memory_max / SHARE);
}

unsigned config_workers(const struct config *c)
{
    if (c->daemon.workers > 0) return (unsigned)c->daemon.workers;
    cpu_set_t cores;
    int n = sched_getaffinity(0, sizeof(cores), &cores) == 0 ? CPU_COUNT(&cores) : 1;
    return n < 1 ? 1 : n > WORKERS_MAX ? WORKERS_MAX : (unsigned)n;
}

size_t config_dataset_parts(const struct config_dataset *d, struct slice path, struct glob_part *ret_part)
{
    size_t n = 0;
    for (size_t i = 0; i < d->files.n; i++)
        if (glob_capture(slice_of(d->files.item[i]), path, ret_part, &n)) return n;
    return 0;
}

bool config_budget_allows(const struct config_budget *b, uint64_t rejected, uint64_t rows)
{
    if (!b->is_percent) return rejected <= (uint64_t)b->count;
    return (long double)rejected * 100 <= (long double)b->percent * (long double)rows;
}

size_t config_diff(const struct config *old, const struct config *new, struct buf *out)
{
    return options_diff(OPTION_DAEMON, &old->daemon, &new->written->daemon, out) +
           options_diff(OPTION_DATABASE, &old->database, &new->written->database, out) +
           options_diff(OPTION_API, &old->api, &new->written->api, out);
}

void config_settle(struct config *c, const struct config *first)
{
    options_keep_fixed(OPTION_DAEMON, &first->daemon, &c->daemon);
    options_keep_fixed(OPTION_DATABASE, &first->database, &c->database);
    options_keep_fixed(OPTION_API, &first->api, &c->api);
    /* what the files say may fit the memory_max of the next start only */
    if (c->daemon.max_record > c->daemon.memory_max / 2) c->daemon.max_record = c->daemon.memory_max / 2;
}

static void print_section(void *ctx, const struct effective_section *s)
{
    struct buf *out = ctx;
    buf_printf(out, *s->name ? "%s[%s %s]\n" : "%s[%s]\n", out->len > 0 ? "\n" : "", options_section(s->kind)->kind, s->name);
    options_print(s->kind, s->values, out);
}

void config_print(const struct config *c, struct buf *out)
{
    effective_each(c, print_section, out);
}

int config_read_secret(const char *path, struct error *err, char **ret_secret)
{
    char *text = NULL;
    size_t len = 0;
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    int r = fd < 0 ? -errno : fs_read_fd(fd, SECRET_MAX, &text, &len);
    if (r < 0) return error_set(err, r, "%s cannot be read: %s", path, error_name(r));
    if (memchr(text, '\0', len)) {
        free(text);
        return error_set(err, -EINVAL, "%s holds a zero byte; write the secret as text", path);
    }
    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
        text[--len] = '\0';
    *ret_secret = text;
    return 0;
}
