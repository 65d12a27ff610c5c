/* SPDX-License-Identifier: MIT */
#include "spool/hold.h"

#include "base/cleanup.h"
#include "base/fs.h"
#include "spool/token.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *folder, *held;
} of[] = {[PLACE_DONE] = {"done", TOKEN_HELD_DONE}, [PLACE_FAILED] = {"failed", TOKEN_HELD_FAILED}};

static const char *last_component(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool is_component(const char *name)
{
    return *name && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && !strchr(name, '/') && strlen(name) <= NAME_MAX;
}

static int check_source(int folder, const struct hold_wish *w, struct error *err)
{
    struct stat st;
    if (fstatat(folder, w->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return error_set(err, errno == ENOENT ? PLACE_E_GONE : -errno, "it is gone: %s", error_name(-errno));
    if (!S_ISREG(st.st_mode)) return error_set(err, PLACE_E_NOT_REGULAR, "it is %s", place_kind(st.st_mode));
    if (w->st && !fs_stat_same(w->st, &st)) return error_set(err, PLACE_E_GONE, "it was changed while it was read");
    return 0;
}

static int sync_folder(const struct place *p, const char *name)
{
    cleanup_fd int fd = place_folder(p, name);
    return fd < 0 ? fd : fs_sync_dir(fd);
}

/* What tells where the file belongs is on disk before the file is there. */
static int describe(int dir, const struct hold_wish *w)
{
    int r = fs_write_small(dir, TOKEN_PATH, 0640, slice_of(w->path));
    if (r == 0 && w->dataset) r = fs_write_small(dir, TOKEN_DATASET, 0640, slice_of(w->dataset));
    if (r == 0 && w->anyway) r = fs_write_small(dir, TOKEN_ANYWAY, 0640, SLICE("yes\n"));
    return r;
}

static int move_in(struct place *p, const struct hold_wish *w, int folder, int dir)
{
    int r = describe(dir, w);
    if (r == 0) r = sync_folder(p, "work");
    if (r == 0) r = fs_move_unique(&(struct fs_move){folder, w->name, dir, of[w->from].held, &p->pace, .part = TOKEN_PART}, NULL);
    if (r == 0) r = fs_sync_dir(dir);
    return r;
}

int hold_take(struct place *p, const struct hold_wish *w, struct error *err, struct hold *ret_hold)
{
    assert(w->from == PLACE_DONE || w->from == PLACE_FAILED);
    const char *name = last_component(w->path);
    if (!is_component(w->name) || !is_component(name) || token_owns(name))
        return error_set(err, -EINVAL, "it has no name that a file may have");
    cleanup_fd int folder = place_folder(p, of[w->from].folder);
    if (folder < 0) return error_set(err, folder, "%s/ cannot be opened: %s", of[w->from].folder, error_name(folder));
    int r = check_source(folder, w, err);
    if (r != 0) return r;
    struct hold h = {.from = w->from, .file = {.fd = -1, .anyway = w->anyway, .path = strdup(w->path)}};
    if (w->dataset) h.file.dataset = strdup(w->dataset);
    if (!h.file.path || (w->dataset && !h.file.dataset)) {
        place_file_done(&h.file);
        return error_set(err, -ENOMEM, "%s", error_name(-ENOMEM));
    }
    snprintf(h.name, sizeof h.name, "%s", w->name);
    snprintf(h.file.name, sizeof h.file.name, "%s", name);
    place_token(p, h.file.token);
    cleanup_fd int dir = token_make(p, h.file.token);
    r = dir < 0 ? dir : move_in(p, w, folder, dir);
    if (r == 0) {
        *ret_hold = h;
        return 0;
    }
    error_set(err, r, "it cannot be moved to work/: %s", error_name(r));
    if (dir < 0)
        place_file_done(&h.file);
    else if (hold_release(p, &h) < 0)
        return r; /* the next start puts it back */
    return r;
}

int hold_claim(struct place *p, struct hold *h, struct error *err, struct place_file *ret_file)
{
    char token[PLACE_TOKEN_MAX], old[TOKEN_PATH_MAX], fresh[TOKEN_PATH_MAX];
    struct place_file *f = &h->file;
    place_token(p, token);
    if (!token_path(f->token, NULL, old) || !token_path(token, NULL, fresh)) return -ENAMETOOLONG;
    /* What was dropped since it was taken came before it. */
    int r = fs_rename_noreplace(p->root, old, p->root, fresh);
    if (r == 0) memcpy(f->token, token, sizeof token);
    cleanup_fd int dir = r == 0 ? token_open(p, token) : -1;
    if (r == 0) r = dir < 0 ? dir : fs_rename_noreplace(dir, of[h->from].held, dir, f->name);
    if (r == 0 && fstatat(dir, f->name, &f->st, AT_SYMLINK_NOFOLLOW) < 0) r = -errno;
    if (r < 0) return error_set(err, r, "it cannot be taken up in work/: %s", error_name(r));
    *ret_file = *f;
    *h = (struct hold){.file.fd = -1};
    return 0;
}

/* From `dir` to where it lay, as `name` or the next free one. 0 also where there is none. */
static int put_back(struct place *p, int dir, enum place_target from, const char *name)
{
    struct stat st;
    if (fstatat(dir, of[from].held, &st, AT_SYMLINK_NOFOLLOW) < 0) return errno == ENOENT ? 0 : -errno;
    cleanup_fd int folder = place_folder(p, of[from].folder);
    if (folder < 0) return folder;
    return fs_move_unique(&(struct fs_move){dir, of[from].held, folder, name, &p->pace, NULL}, NULL);
}

int hold_release(struct place *p, struct hold *h)
{
    cleanup_fd int dir = token_open(p, h->file.token);
    int r = dir < 0 ? dir : put_back(p, dir, h->from, h->name);
    if (r == 0) token_remove(p, h->file.token);
    place_file_done(&h->file);
    return r;
}

int hold_recover(struct place *p, int dir, const char *path)
{
    const char *name = path ? last_component(path) : "unnamed.csv";
    int r = put_back(p, dir, PLACE_DONE, name);
    return r < 0 ? r : put_back(p, dir, PLACE_FAILED, name);
}
