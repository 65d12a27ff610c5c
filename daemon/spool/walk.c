/* SPDX-License-Identifier: MIT */
#include "spool/walk.h"

#include "base/cleanup.h"
#include "base/slice.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

bool walk_ignores(const char *name)
{
    struct slice s = slice_of(name);
    return slice_starts(s, SLICE(".")) || slice_ends(s, SLICE(".part")) || slice_ends(s, SLICE(".tmp")) ||
           slice_ends(s, SLICE("~"));
}

void walk_init(struct walk *w, struct folders *folders)
{
    *w = (struct walk){.folders = folders};
    list_init(&w->queue);
}

void walk_stop(struct walk *w)
{
    if (w->dir) closedir(w->dir);
    w->dir = NULL;
    for (list_each(l, next, &w->queue))
        list_remove(l);
    w->full = false;
}

void walk_queue(struct walk *w, struct folder *f)
{
    list_remove(&f->queue);
    list_append(&w->queue, &f->queue);
}

void walk_begin(struct walk *w)
{
    walk_stop(w);
    w->number++;
    w->full = true;
    struct folder *root = folders_get(w->folders, "");
    if (!root) return;
    root->scan = w->number;
    walk_queue(w, root);
}

bool walk_active(const struct walk *w)
{
    return w->dir || !list_empty(&w->queue);
}

/* Watch and open the next folder of the queue. */
static enum walk_result enter(struct walk *w, struct walk_find *ret_find)
{
    struct folder *f = container_of(w->queue.next, struct folder, queue);
    char path[PATH_MAX];
    list_remove(&f->queue);
    snprintf(w->path, sizeof(w->path), "%s", f->path);
    int r = folders_arm(w->folders, f);
    if (r == 0 && folder_join(w->folders->root, f->path, "", path)) {
        cleanup_fd int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (*f->path ? O_NOFOLLOW : 0));
        if (fd < 0) r = -errno;
        w->dir = fd < 0 ? NULL : fdopendir(fd);
        if (w->dir) steal_fd(&fd);
    }
    if (w->dir) {
        f->said = false;
        return WALK_NOTHING;
    }
    if (r == -ENOENT || r == -ENOTDIR) {
        if (!*w->path) return WALK_LOST;
        folders_drop(w->folders, f);
        return WALK_NOTHING;
    }
    if (f->said || r != -EACCES) return WALK_NOTHING; /* short of descriptors or so: the next scan tries again */
    f->said = true;
    snprintf(ret_find->path, sizeof(ret_find->path), "%s", w->path);
    return WALK_DENIED;
}

static void found_folder(struct walk *w, const char *path)
{
    bool known = folders_find(w->folders, path) != NULL;
    struct folder *f = folders_get(w->folders, path);
    if (!f) return;
    f->scan = w->number;
    if (w->full || !known) walk_queue(w, f);
}

enum walk_result walk_next(struct walk *w, struct walk_find *ret_find)
{
    if (!w->dir) return list_empty(&w->queue) ? WALK_END : enter(w, ret_find);
    const struct dirent *e = readdir(w->dir);
    if (!e) {
        closedir(w->dir);
        w->dir = NULL;
        return WALK_NOTHING;
    }
    if (walk_ignores(e->d_name) || !folder_join(w->path, "", e->d_name, ret_find->path)) return WALK_NOTHING;
    struct stat st;
    if (fstatat(dirfd(w->dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        if (errno != EACCES) return WALK_NOTHING;
        ret_find->look = (struct entry_look){0}; /* it has a name, and place_claim finds the words */
        return WALK_ENTRY;
    }
    if (S_ISDIR(st.st_mode)) {
        found_folder(w, ret_find->path);
        return WALK_NOTHING;
    }
    ret_find->look = entry_look_of(&st);
    return WALK_ENTRY;
}
