/* SPDX-License-Identifier: MIT */
#include "spool/folder.h"

#include "base/log.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    WATCHED = IN_MOVED_TO | IN_MOVED_FROM | IN_CLOSE_WRITE | IN_CREATE | IN_MODIFY | IN_ATTRIB | IN_DELETE | IN_DELETE_SELF |
              IN_MOVE_SELF | IN_ONLYDIR | IN_EXCL_UNLINK
};
enum { PATH_SHOWN = 512 };

bool folder_join(const char *root, const char *path, const char *name, char *ret_path)
{
    int n = snprintf(ret_path, PATH_MAX, "%s%s%s%s%s", root, *root && *path ? "/" : "", path, (*root || *path) && *name ? "/" : "",
                     name);
    return n > 0 && n < PATH_MAX;
}

struct folder *folders_find(const struct folders *s, const char *path)
{
    struct folder *f;
    HASH_FIND(by_path, s->by_path, path, strlen(path), f);
    return f;
}

struct folder *folders_by_wd(const struct folders *s, int wd)
{
    struct folder *f;
    HASH_FIND(by_wd, s->by_wd, &wd, sizeof(wd), f);
    return f;
}

struct folder *folders_get(struct folders *s, const char *path)
{
    struct folder *f = folders_find(s, path);
    if (f) return f;
    if (s->n >= FOLDERS_MAX) {
        if (!s->said_full) log_warning("incoming/ has more than %d subfolders: files in the others are not seen", FOLDERS_MAX);
        s->said_full = true;
        return NULL;
    }
    size_t len = strlen(path);
    f = calloc(1, sizeof(*f) + len + 1);
    if (!f) return NULL;
    memcpy(f->path, path, len);
    f->wd = -1;
    list_init(&f->queue);
    HASH_ADD_KEYPTR(by_path, s->by_path, f->path, len, f);
    if (!f->by_path.tbl) {
        free(f);
        return NULL;
    }
    s->n++;
    if (len > 0) {
        char shown[PATH_SHOWN];
        log_info("incoming/%s is a folder: the files in it are taken, the folder stays",
                 log_escape(slice_of(path), shown, sizeof shown));
    }
    return f;
}

static void unwatch(struct folders *s, struct folder *f, bool remove)
{
    if (f->wd < 0) return;
    HASH_DELETE(by_wd, s->by_wd, f);
    if (remove && s->inotify) inotify_remove(s->inotify, f->wd);
    f->wd = -1;
}

static void say_unwatched(struct folders *s, int code)
{
    if (s->said_unwatched) return;
    s->said_unwatched = true;
    log_warning("no inotify watch (%s): new files are found by scans only, later than they could be; mend: sysctl "
                "fs.inotify.max_user_watches=1048576 "
                "fs.inotify.max_user_instances=1024",
                error_name(code));
}

int folders_arm(struct folders *s, struct folder *f)
{
    char path[PATH_MAX];
    if (!folder_join(s->root, f->path, "", path)) return -ENAMETOOLONG;
    int wd = s->inotify ? inotify_add(s->inotify, path, WATCHED | (*f->path ? IN_DONT_FOLLOW : 0)) : -EMFILE;
    if (wd == -ENOSPC || wd == -EMFILE || wd == -ENOMEM || wd == -EACCES) {
        if (wd != -EACCES) say_unwatched(s, wd); /* what may not be read is the scan's to say */
        unwatch(s, f, true);
        return 0;
    }
    if (wd < 0) return wd;
    if (wd == f->wd) return 0;
    /* Another folder at this path; or this folder under a new path, when its old one was not reported (queue overflow). */
    struct folder *old = folders_by_wd(s, wd);
    if (old) unwatch(s, old, false);
    unwatch(s, f, true);
    f->wd = wd;
    HASH_ADD(by_wd, s->by_wd, wd, sizeof(f->wd), f);
    if (!f->by_wd.tbl) {
        inotify_remove(s->inotify, wd);
        f->wd = -1;
    }
    return 0;
}

void folders_drop(struct folders *s, struct folder *f)
{
    unwatch(s, f, true);
    list_remove(&f->queue);
    HASH_DELETE(by_path, s->by_path, f);
    free(f);
    s->n--;
}

void folders_drop_tree(struct folders *s, const char *path)
{
    size_t len = strlen(path);
    struct folder *f, *next;
    HASH_ITER(by_path, s->by_path, f, next)
    {
        if (strncmp(f->path, path, len) == 0 && (f->path[len] == '/' || f->path[len] == '\0')) folders_drop(s, f);
    }
}

void folders_drop_all(struct folders *s)
{
    for (struct folder *f; (f = s->by_path);)
        folders_drop(s, f);
}

void folders_done(struct folders *s)
{
    folders_drop_all(s);
}
