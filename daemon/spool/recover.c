/* SPDX-License-Identifier: MIT */
/* place_recover: what an earlier run had claimed, and what a crash left of a claim (place.h, claim.c). */
#include "spool/recover.h"

#include "base/cleanup.h"
#include "base/fs.h"
#include "base/log.h"
#include "spool/hold.h"
#include "spool/mend.h"
#include "spool/token.h"
#include "spool/upload.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_SHOWN = 512 };

/* The file's name in a token folder: the one that is not ours. 0, or -errno (-ENOENT: none). */
static int find_name(int dir, char ret_name[NAME_MAX + 1])
{
    cleanup_fd int fd = fs_open_dir(dir, ".");
    if (fd < 0) return fd;
    cleanup_dir DIR *d = fdopendir(fd);
    if (!d) return -errno;
    steal_fd(&fd);
    errno = 0;
    for (const struct dirent *e; (e = readdir(d)); errno = 0) {
        const char *n = e->d_name;
        if (!strcmp(n, ".") || !strcmp(n, "..") || token_owns(n)) continue;
        snprintf(ret_name, NAME_MAX + 1, "%s", n);
        return 0;
    }
    return errno != 0 ? -errno : -ENOENT;
}

/* Finish a copy across file systems that a crash cut short: see take_copy. */
static int recover_copy(const struct place *p, int dir, const char *path)
{
    struct stat copy, source;
    if (fstatat(dir, TOKEN_COPY, &copy, AT_SYMLINK_NOFOLLOW) < 0) return errno == ENOENT ? 0 : -errno;
    cleanup_fd int incoming = place_folder(p, "incoming");
    if (incoming < 0) return incoming;
    if (path && fstatat(incoming, path, &source, AT_SYMLINK_NOFOLLOW) == 0 && source.st_size == copy.st_size &&
        source.st_mtim.tv_sec == copy.st_mtim.tv_sec && source.st_mtim.tv_nsec == copy.st_mtim.tv_nsec)
        return unlinkat(dir, TOKEN_COPY, 0) == 0 ? 0 : -errno;
    const char *slash = path ? strrchr(path, '/') : NULL;
    return fs_rename_noreplace(dir, TOKEN_COPY, dir, slash ? slash + 1 : path ? path : "unnamed.csv");
}

/* f->token, name and flat are set: the rest of it. A file that cannot be opened goes back. */
static int recover_file(struct place *p, const char *path, struct place_file *f)
{
    char at[TOKEN_PATH_MAX];
    if (!token_file_path(f, at)) return -ENAMETOOLONG;
    if (fstatat(p->root, at, &f->st, AT_SYMLINK_NOFOLLOW) < 0) return errno == ENOENT ? PLACE_E_GONE : -errno;
    f->path = strdup(path);
    if (!f->path) return -ENOMEM;
    cleanup_fd int fd = openat(p->root, at, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    bool short_of_descriptors = fd < 0 && (errno == EMFILE || errno == ENFILE);
    if (S_ISREG(f->st.st_mode) && (fd >= 0 || short_of_descriptors)) return 0;
    int r = place_finish(p, f, PLACE_INCOMING, (struct slice){NULL, 0}, NULL);
    return r < 0 ? r : PLACE_E_GONE;
}

/* The folder work/TOKEN: the file's name, what lies beside it, and where below incoming/ it came from (the caller frees it). */
static int recover_folder(struct place *p, struct place_file *f, char **ret_path)
{
    const char *token = f->token;
    struct stat anyway;
    cleanup_fd int dir = token_open(p, token);
    if (dir < 0) return dir;
    cleanup_free char *path = NULL;
    size_t len;
    int r = fs_read_small(dir, TOKEN_PATH, PATH_MAX, &path, &len);
    if (r < 0 && r != -ENOENT) return r;
    if (path && *path == '\0') return -EBADMSG; /* not by us; by its bare name alone it might go to another dataset */
    r = recover_copy(p, dir, path);
    if (r == 0) r = hold_recover(p, dir, path);
    if (r < 0) return r;
    r = find_name(dir, f->name);
    if (r == -ENOENT) token_remove(p, token);
    if (r < 0) return r == -ENOENT ? PLACE_E_GONE : r;
    r = fs_read_small(dir, TOKEN_DATASET, NAME_MAX, &f->dataset, &len);
    if (r < 0 && r != -ENOENT) return r;
    *ret_path = path ? steal_ptr(&path) : strdup(f->name);
    f->anyway = fstatat(dir, TOKEN_ANYWAY, &anyway, AT_SYMLINK_NOFOLLOW) == 0;
    return *ret_path ? 0 : -ENOMEM;
}

int recover_token(struct place *p, const char *token, const char *name, struct place_file *ret_file)
{
    struct place_file f = {.flat = name != NULL, .fd = -1};
    cleanup_free char *path = NULL;
    snprintf(f.token, sizeof(f.token), "%s", token);
    if (name) snprintf(f.name, sizeof(f.name), "%s", name);
    int r = name ? 0 : recover_folder(p, &f, &path);
    if (r == 0) r = recover_file(p, path ? path : f.name, &f);
    if (r == 0)
        *ret_file = f;
    else
        place_file_done(&f);
    return r;
}

/* What to do about what cannot be taken up. Its path follows these words, as a shell reads it. */
static const struct {
    int code;
    const char *words;
} hints[] = {
    {-ENOTDIR, "it is no folder; mend: move it to incoming/, or away: ls -l"},
    {-EEXIST, "it holds a copy (.copy) beside a file of the same name; mend: remove one of them: ls -lA"},
    {-EBADMSG,
     "its .path is empty, and so the folder of incoming/ that its file came from unknown; mend: move the file back: ls -lA"},
    {-ENOTUNIQ, "another one beside it has the same token; mend: move them to incoming/, each under its own name: ls -ld"},
    {-EACCES, "permission denied; mend: give it to the user that cetld runs as, or chmod -R u+rwX"},
};

/* Said once a start; it stays, and the others are not kept waiting for it. */
static void say_left(const struct place *p, const struct token_item *item, int code)
{
    char path[PATH_MAX + TOKEN_PATH_MAX], shown[PATH_SHOWN];
    snprintf(path, sizeof(path), "%s/work/%s%s%s", p->path, item->token, item->name ? "=" : "", item->name ? item->name : "");
    mend_quote(path, shown, sizeof(shown));
    const char *words = NULL;
    for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++)
        if (hints[i].code == code) words = hints[i].words;
    log_warning("work/%s is not loaded and stays as it is: %s%s %s; then restart cetld", item->token,
                words ? words : error_name(code), words ? "" : "; look at: ls -lA", shown);
}

/* Two with one token, which somebody must have copied: what the ledger says of one would be believed of the other. */
static bool shares_token(const struct token_list *list, size_t i)
{
    const char *token = list->item[i].token;
    return (i > 0 && strcmp(list->item[i - 1].token, token) == 0) ||
           (i + 1 < list->n && strcmp(list->item[i + 1].token, token) == 0);
}

int place_recover(struct place *p, void (*found)(void *ctx, struct place_file *f), void *ctx, struct error *err)
{
    cleanup(token_list_done) struct token_list list = {0};
    upload_sweep(p);
    int r = token_list_read(p, &list);
    if (r < 0) return error_set(err, r, "cannot read %s/work: %s", p->path, error_name(r));
    for (size_t i = 0; i < list.n; i++) {
        const struct token_item *item = &list.item[i];
        struct place_file f;
        r = shares_token(&list, i) ? -ENOTUNIQ : recover_token(p, item->token, item->name, &f);
        if (r == 0) found(ctx, &f);
        if (r < 0) say_left(p, item, r);
    }
    return 0;
}
