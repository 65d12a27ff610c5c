/* SPDX-License-Identifier: MIT */
#include "spool/token.h"

#include "base/cleanup.h"
#include "base/fs.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

enum { RANK_DIGITS = 16, RANDOM_DIGITS = 8 };

/* .path last: a copy is nothing without it. */
static const char *const ours[] = {TOKEN_PART,        TOKEN_COPY,    TOKEN_ANYWAY_TMP, TOKEN_ANYWAY,
                                   TOKEN_DATASET_TMP, TOKEN_DATASET, TOKEN_PATH_TMP,   TOKEN_PATH};

/* TOKEN or TOKEN=NAME: its token, and where in `entry` the name begins, or NULL. False: neither. */
static bool parse(const char *entry, char ret_token[PLACE_TOKEN_MAX], const char **ret_name)
{
    static const char hex[] = "0123456789abcdef";
    enum { TOKEN_LEN = PLACE_TOKEN_MAX - 1 };
    static_assert(RANK_DIGITS + 1 + RANDOM_DIGITS == TOKEN_LEN, "a token's length");
    if (strspn(entry, hex) != RANK_DIGITS || entry[RANK_DIGITS] != '-') return false;
    if (strspn(entry + RANK_DIGITS + 1, hex) != RANDOM_DIGITS) return false;
    const char *end = entry + TOKEN_LEN;
    if (*end != '\0' && (*end != '=' || end[1] == '\0')) return false;
    memcpy(ret_token, entry, TOKEN_LEN);
    ret_token[TOKEN_LEN] = '\0';
    *ret_name = *end == '=' ? end + 1 : NULL;
    return true;
}

static int compare(const void *a, const void *b)
{
    const struct token_item *one = a, *other = b;
    return strcmp(one->token, other->token);
}

static int list_add(struct token_list *list, const char *entry)
{
    struct token_item item;
    const char *name;
    if (!parse(entry, item.token, &name)) return 0;
    if (list->n == list->cap) {
        size_t cap = list->cap ? list->cap * 2 : 64;
        void *grown = reallocarray(list->item, cap, sizeof(list->item[0]));
        if (!grown) return -ENOMEM;
        list->item = grown;
        list->cap = cap;
    }
    item.name = name ? strdup(name) : NULL;
    if (name && !item.name) return -ENOMEM;
    list->item[list->n++] = item;
    return 0;
}

int token_list_read(const struct place *p, struct token_list *list)
{
    *list = (struct token_list){0};
    cleanup_fd int fd = place_folder(p, "work");
    if (fd < 0) return fd;
    cleanup_dir DIR *dir = fdopendir(fd);
    if (!dir) return -errno;
    steal_fd(&fd);
    for (;;) {
        errno = 0;
        const struct dirent *e = readdir(dir);
        if (!e) break;
        int r = list_add(list, e->d_name);
        if (r < 0) return r;
    }
    if (errno != 0) return -errno;
    if (list->n > 0) qsort(list->item, list->n, sizeof(list->item[0]), compare);
    return 0;
}

void token_list_done(struct token_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        free(list->item[i].name);
    free(list->item);
    *list = (struct token_list){0};
}

bool token_owns(const char *name)
{
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
        if (strcmp(name, ours[i]) == 0) return true;
    return strcmp(name, TOKEN_HELD_DONE) == 0 || strcmp(name, TOKEN_HELD_FAILED) == 0;
}

bool token_path(const char *token, const char *name, char ret_path[TOKEN_PATH_MAX])
{
    int n = snprintf(ret_path, TOKEN_PATH_MAX, name ? "work/%s/%s" : "work/%s", token, name);
    return n > 0 && n < TOKEN_PATH_MAX;
}

bool token_flat_path(const char *token, const char *name, char ret_path[TOKEN_PATH_MAX])
{
    int n = snprintf(ret_path, TOKEN_PATH_MAX, "work/%s=%s", token, name);
    return n > 0 && n < TOKEN_PATH_MAX;
}

bool token_file_path(const struct place_file *f, char ret_path[TOKEN_PATH_MAX])
{
    return f->flat ? token_flat_path(f->token, f->name, ret_path) : token_path(f->token, f->name, ret_path);
}

int token_open(const struct place *p, const char *token)
{
    char path[TOKEN_PATH_MAX];
    return token_path(token, NULL, path) ? fs_open_dir(p->root, path) : -ENAMETOOLONG;
}

int token_make(const struct place *p, const char *token)
{
    char path[TOKEN_PATH_MAX];
    if (!token_path(token, NULL, path)) return -ENAMETOOLONG;
    int r = mkdirat(p->root, path, 0750) == 0 ? 0 : -errno;
    /* work/ was removed under us. */
    if (r == -ENOENT && mkdirat(p->root, "work", 0750) == 0) r = mkdirat(p->root, path, 0750) == 0 ? 0 : -errno;
    return r < 0 && r != -EEXIST ? r : fs_open_dir(p->root, path);
}

void token_remove(const struct place *p, const char *token)
{
    char path[TOKEN_PATH_MAX];
    /* Mostly there is nothing left in it. */
    if (token_path(token, NULL, path) && unlinkat(p->root, path, AT_REMOVEDIR) == 0) return;
    cleanup_fd int work = place_folder(p, "work");
    cleanup_fd int dir = work < 0 ? -1 : fs_open_dir(work, token);
    if (dir < 0) return;
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
        unlinkat(dir, ours[i], 0);
    unlinkat(work, token, AT_REMOVEDIR);
}
