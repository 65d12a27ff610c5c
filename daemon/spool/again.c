/* SPDX-License-Identifier: MIT */
/* place_again: a file that was through goes back into work/ (place.h). */
#include "base/cleanup.h"
#include "base/fs.h"
#include "spool/token.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *last_component(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool is_component(const char *name)
{
    return *name && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && !strchr(name, '/') && strlen(name) <= NAME_MAX;
}

static int check_source(int folder, const char *name, struct error *err)
{
    struct stat st;
    if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return error_set(err, errno == ENOENT ? PLACE_E_GONE : -errno, "it is gone: %s", error_name(-errno));
    if (!S_ISREG(st.st_mode)) return error_set(err, PLACE_E_NOT_REGULAR, "it is %s", place_kind(st.st_mode));
    return 0;
}

/* What tells where the file belongs is on disk before the file is there. */
static int describe(int dir, const struct place_again *a)
{
    int r = fs_write_small(dir, TOKEN_PATH, 0640, slice_of(a->path));
    if (r == 0 && a->anyway) r = fs_write_small(dir, TOKEN_ANYWAY, 0640, SLICE("yes\n"));
    return r;
}

static int move_in(struct place *p, const struct place_again *a, int folder, int dir)
{
    char given[NAME_MAX + 1];
    const char *name = last_component(a->path);
    int r = describe(dir, a);
    if (r == 0) r = fs_move_unique(&(struct fs_move){folder, a->name, dir, name, &p->copied}, given);
    if (r == 0 && strcmp(given, name) != 0) r = -EEXIST; /* somebody put a file into our new folder */
    if (r == 0) r = fs_sync_dir(dir);
    return r;
}

int place_again(struct place *p, const struct place_again *a, struct error *err, struct place_file *ret_file)
{
    static const char *const names[] = {[PLACE_DONE] = "done", [PLACE_FAILED] = "failed", [PLACE_INCOMING] = "incoming"};
    struct place_file f = {.fd = -1, .anyway = a->anyway};
    if (!is_component(a->name) || !is_component(last_component(a->path)) || token_owns(last_component(a->path)))
        return error_set(err, -EINVAL, "it has no name that a file may have");
    cleanup_fd int folder = place_folder(p, names[a->from]);
    if (folder < 0) return error_set(err, folder, "%s/ cannot be opened: %s", names[a->from], error_name(folder));
    int r = check_source(folder, a->name, err);
    if (r != 0) return r;
    place_token(p, f.token);
    snprintf(f.name, sizeof f.name, "%s", last_component(a->path));
    f.path = strdup(a->path);
    if (!f.path) return -ENOMEM;
    cleanup_fd int dir = token_make(p, f.token);
    r = dir < 0 ? dir : move_in(p, a, folder, dir);
    if (r == 0 && fstatat(dir, f.name, &f.st, AT_SYMLINK_NOFOLLOW) < 0) r = -errno;
    if (r == 0) {
        *ret_file = f;
        return 0;
    }
    struct stat st;
    bool moved = dir >= 0 && fstatat(dir, f.name, &st, AT_SYMLINK_NOFOLLOW) == 0;
    if (!moved) token_remove(p, f.token); /* else the next start takes it up */
    place_file_done(&f);
    return error_set(err, r, "it cannot be moved to work/: %s", error_name(r));
}
