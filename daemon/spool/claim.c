/* SPDX-License-Identifier: MIT */
/* place_claim: the way into work/ (place.h). What an earlier run had claimed: recover.c. */
#include "base/cleanup.h"
#include "base/fs.h"
#include "spool/mend.h"
#include "spool/recover.h"
#include "spool/token.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INCOMING "incoming/"

struct claim {
    struct place *place;
    const char *path; /* below incoming/ */
    const char *name; /* its last component */
    const char *token;
    bool durable;
    struct error *err;
    int folder;       /* the one below incoming/ that holds it: O_PATH, so that search permission is enough; or -1 */
    int at;           /* where `from` is looked up: in `folder`, or in the spool */
    const char *from; /* NAME, or incoming/NAME */
    char plain[sizeof INCOMING + NAME_MAX];
    int dir;        /* work/TOKEN, or -1: it needs none */
    int fd;         /* the file */
    struct stat st; /* of it, as far as we came */
    bool flat;      /* it goes, or went, to work/TOKEN=NAME */
    char to[TOKEN_PATH_MAX];
    char *copy; /* of path, for the result: no claim fails for it once the file has moved */
};

static void claim_done(struct claim *c)
{
    cleanup_close_fd(&c->folder);
    cleanup_close_fd(&c->dir);
    cleanup_close_fd(&c->fd);
    free(c->copy);
}

static bool same_inode(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static struct mend mend_of(const struct claim *c, char incoming[PATH_MAX], const struct stat *st)
{
    snprintf(incoming, PATH_MAX, "%s/incoming", c->place->path);
    return (struct mend){incoming, c->path, st};
}

static int unreadable_file(const struct claim *c, int code)
{
    char incoming[PATH_MAX];
    struct mend m = mend_of(c, incoming, &c->st);
    mend_file(&m, code, c->err);
    return PLACE_E_UNREADABLE;
}

static int unreadable_folder(const struct claim *c, int code)
{
    char incoming[PATH_MAX];
    struct stat st = {0};
    if (c->folder < 0 ? fstatat(c->at, INCOMING, &st, 0) < 0 : fstat(c->folder, &st) < 0) return -errno;
    struct mend m = mend_of(c, incoming, &st);
    mend_folder(&m, code, c->err);
    return PLACE_E_UNREADABLE;
}

static bool refused(int code)
{
    return code == -EACCES || code == -EPERM || code == -EROFS || code == -EBUSY;
}

static bool is_name(const char *s)
{
    return *s != '\0' && strcmp(s, ".") != 0 && strcmp(s, "..") != 0;
}

/* Walk to the folder that holds the file, through no symbolic link. */
static int walk(struct claim *c, char *at)
{
    c->at = c->folder = openat(c->place->root, INCOMING, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (c->folder < 0) return errno == ENOENT ? PLACE_E_GONE : -errno;
    for (char *slash; (slash = strchr(at, '/')); at = slash + 1) {
        *slash = '\0';
        if (!is_name(at)) return -EINVAL;
        int sub = openat(c->folder, at, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (sub < 0 && errno == EACCES) return unreadable_folder(c, -EACCES);
        if (sub < 0) return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? PLACE_E_GONE : -errno;
        close(c->folder);
        c->at = c->folder = sub;
    }
    return 0;
}

static int find_folder(struct claim *c)
{
    char path[PATH_MAX];
    size_t len = (size_t)snprintf(path, sizeof path, INCOMING "%s", c->path);
    const char *slash = strrchr(c->path, '/');
    if (len >= sizeof path) return -ENAMETOOLONG;
    c->name = slash ? slash + 1 : c->path;
    if (!is_name(c->name)) return -EINVAL;
    if (slash) {
        c->from = c->name;
        return walk(c, path + strlen(INCOMING));
    }
    if (len >= sizeof c->plain) return -ENAMETOOLONG;
    memcpy(c->plain, path, len + 1);
    return 0;
}

static int not_regular(const struct claim *c)
{
    return error_set(c->err, PLACE_E_NOT_REGULAR,
                     "it is %s, and only regular files are loaded; remove it, or drop a copy of what it stands for",
                     place_kind(c->st.st_mode));
}

/* lstat before open: to open a device or a FIFO already does something. */
static int open_file(struct claim *c)
{
    if (fstatat(c->at, c->from, &c->st, AT_SYMLINK_NOFOLLOW) < 0) {
        if (errno == ENOENT) return PLACE_E_GONE;
        return errno == EACCES ? unreadable_folder(c, -EACCES) : -errno;
    }
    if (!S_ISREG(c->st.st_mode)) return not_regular(c);
    c->fd = openat(c->at, c->from, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (c->fd < 0 && errno == ENOENT) return PLACE_E_GONE;
    if (c->fd < 0 && (errno == EACCES || errno == EPERM)) return unreadable_file(c, -errno);
    if (c->fd < 0 && (errno == ELOOP || errno == ENXIO)) return PLACE_E_GONE; /* replaced since the lstat: the next event tells */
    if (c->fd < 0) return -errno;
    if (fstat(c->fd, &c->st) < 0) return -errno;
    return S_ISREG(c->st.st_mode) ? 0 : not_regular(c);
}

/* On disk before the file moves: what lost its .path by a power loss would go by its bare name, perhaps to another dataset. */
static int write_path(const struct claim *c)
{
    return fs_write_small(c->dir, TOKEN_PATH, 0640, slice_of(c->path));
}

/* What was renamed is not what we opened: somebody replaced it in between. It may be anything, so it goes back and is found anew.
 */
static int put_back(const struct claim *c)
{
    int root = c->place->root, r = fs_rename_noreplace(root, c->to, c->at, c->from);
    if (r != -EEXIST) return r < 0 ? r : PLACE_E_GONE;
    cleanup_fd int incoming = c->folder < 0 ? openat(root, INCOMING, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    if (c->folder < 0 && incoming < 0) return -errno;
    int to = c->folder < 0 ? incoming : c->folder;
    r = fs_move_unique(&(struct fs_move){root, c->to, to, c->name, &c->place->pace, NULL}, NULL);
    return r < 0 ? r : PLACE_E_GONE;
}

static int copy_content(const struct claim *c, int to)
{
    int r = fs_copy(c->fd, to, &c->place->pace);
    if (r < 0) return r;
    const struct timespec times[2] = {c->st.st_atim, c->st.st_mtim};
    if (fchmod(to, (c->st.st_mode & 0777) | S_IRUSR | S_IWUSR) < 0 || futimens(to, times) < 0 || fsync(to) < 0) return -errno;
    return 0;
}

/* A whole copy on disk as .copy, and the source as it was before. */
static int make_copy(struct claim *c, int *ret_fd)
{
    cleanup_fd int to = openat(c->dir, TOKEN_PART, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (to < 0) return -errno;
    int r = copy_content(c, to);
    if (r < 0) return r;
    struct stat open_now, named_now;
    if (fstat(c->fd, &open_now) < 0) return -errno;
    if (fstatat(c->at, c->from, &named_now, AT_SYMLINK_NOFOLLOW) < 0) return errno == ENOENT ? PLACE_E_GONE : -errno;
    if (!fs_stat_same(&c->st, &open_now) || !same_inode(&open_now, &named_now)) return -EAGAIN; /* changed while it was copied */
    r = write_path(c);
    if (r == 0) r = fs_rename_noreplace(c->dir, TOKEN_PART, c->dir, TOKEN_COPY);
    if (r == 0) r = fs_sync_dir(c->dir);
    if (r == 0) *ret_fd = steal_fd(&to);
    return r;
}

/*
 * incoming/ lies on another file system. Until the source is unlinked it counts and .copy does not; afterwards .copy is the file,
 * and recovery gives it its name. So a crash anywhere leaves one file.
 */
static int take_copy(struct claim *c)
{
    cleanup_fd int copy = -1;
    int r = make_copy(c, &copy);
    if (r != 0) return r;
    if (unlinkat(c->at, c->from, 0) < 0) {
        r = -errno;
        if (unlinkat(c->dir, TOKEN_COPY, 0) < 0) return -errno;
        return r == -ENOENT ? PLACE_E_GONE : refused(r) ? unreadable_folder(c, r) : r;
    }
    r = fs_rename_noreplace(c->dir, TOKEN_COPY, c->dir, c->name);
    if (r < 0) return r;
    close(c->fd);
    c->fd = steal_fd(&copy);
    return fstat(c->fd, &c->st) < 0 ? -errno : 0;
}

/* To work/TOKEN=NAME. */
static int take_flat(struct claim *c)
{
    if (strchr(c->path, '/')) return -EINVAL; /* its .path needs a folder */
    if (!token_flat_path(c->token, c->name, c->to)) return -ENAMETOOLONG;
    return fs_rename_noreplace(c->at, c->from, c->place->root, c->to);
}

/* To work/TOKEN/NAME. */
static int take_folder(struct claim *c)
{
    if (!token_path(c->token, c->name, c->to)) return -ENAMETOOLONG;
    int r = strchr(c->path, '/') ? write_path(c) : 0;
    return r < 0 ? r : fs_rename_noreplace(c->at, c->from, c->dir, c->name);
}

static int take(struct claim *c)
{
    int r = take_flat(c);
    if (r == -EEXIST) return r; /* an earlier call's that take_up did not see: no folder of the same token beside it */
    c->flat = r == 0;
    if (!c->flat) {
        /* Whatever hindered it, in a folder it may do; or there it is told whose fault it is, work/'s or the source's. */
        c->dir = token_make(c->place, c->token);
        if (c->dir < 0) return c->dir;
        r = take_folder(c);
    }
    if (r == -EXDEV) return take_copy(c);
    if (r == -ENOENT) return PLACE_E_GONE;
    if (refused(r)) return unreadable_folder(c, r);
    if (r < 0) return r;
    struct stat st;
    if (fstatat(c->place->root, c->to, &st, AT_SYMLINK_NOFOLLOW) < 0) return -errno;
    if (same_inode(&st, &c->st)) {
        c->st = st; /* the rename itself changed ctime */
        return 0;
    }
    /* Somebody replaced it after we had opened it. What we hold now may be anything: it goes back and is found anew. */
    r = put_back(c);
    return r < 0 ? r : PLACE_E_GONE;
}

static int sync_folders(const struct claim *c)
{
    int r = c->dir < 0 ? 0 : fs_sync_dir(c->dir);
    cleanup_fd int work = r == 0 ? place_folder(c->place, "work") : -1;
    if (r == 0) r = work < 0 ? work : fs_sync_dir(work);
    /* The source's folder too, else both names may be there after a power loss. One that we may not read cannot be synced. */
    if (r < 0 || c->at < 0) return r;
    cleanup_fd int from = openat(c->at, c->folder < 0 ? INCOMING : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (from < 0) return errno == EACCES || errno == ENOENT ? 0 : -errno;
    return fs_sync_dir(from);
}

static bool holds_file(int dir, const char *name)
{
    struct stat st;
    return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* A claim that failed leaves no trace, unless the file is here already: then a later call or the next start takes it up. */
static void give_up(const struct claim *c)
{
    if (c->dir < 0) return;
    bool source = holds_file(c->at, c->from);
    if (holds_file(c->dir, c->name) || (holds_file(c->dir, TOKEN_COPY) && !source)) return;
    token_remove(c->place, c->token);
}

static int run(struct claim *c)
{
    int r = open_file(c);
    if (r == 0) r = take(c);
    if (r == 0 && c->durable) {
        r = sync_folders(c);
        if (r < 0 && put_back(c) < 0) return r;
    }
    if (r != 0) give_up(c);
    return r;
}

static void describe(struct claim *c, struct place_file *ret_file)
{
    snprintf(ret_file->token, sizeof(ret_file->token), "%s", c->token);
    snprintf(ret_file->name, sizeof(ret_file->name), "%s", c->name);
    ret_file->flat = c->flat;
    ret_file->st = c->st;
    ret_file->path = steal_ptr(&c->copy);
}

/* What an earlier call with this token that failed half-way has moved already. */
static int take_up(struct claim *c, struct place_file *ret_file)
{
    char flat[TOKEN_PATH_MAX], folder[TOKEN_PATH_MAX];
    bool is_flat = token_flat_path(c->token, c->name, flat) && holds_file(c->place->root, flat);
    if (!is_flat && !(token_path(c->token, NULL, folder) && holds_file(c->place->root, folder))) return PLACE_E_GONE;
    int r = recover_token(c->place, c->token, is_flat ? c->name : NULL, ret_file);
    if (r == -ENOENT) return PLACE_E_GONE;
    if (r != 0 || !c->durable) return r;
    cleanup_close_fd(&c->dir);
    c->dir = is_flat ? -1 : token_open(c->place, c->token);
    r = c->dir < 0 && !is_flat ? c->dir : sync_folders(c);
    if (r < 0) place_file_done(ret_file);
    return r;
}

/* First what an earlier call has moved: another file of this name may lie in incoming/ by now, and would get the same token. */
static int claim(struct claim *c, bool again, struct place_file *ret_file)
{
    int found = find_folder(c), r = again ? take_up(c, ret_file) : PLACE_E_GONE;
    if (r != PLACE_E_GONE) return r;
    r = found == 0 ? run(c) : found;
    /* A file system of another machine may have renamed it and told us otherwise. */
    if (r == PLACE_E_GONE)
        r = take_up(c, ret_file);
    else if (r == 0)
        describe(c, ret_file);
    return r;
}

int place_claim(struct place *p, const struct place_wish *wish, struct error *err, struct place_file *ret_file)
{
    cleanup(claim_done) struct claim c = {.place = p,
                                          .path = wish->path,
                                          .token = wish->token,
                                          .durable = wish->durable,
                                          .err = err,
                                          .folder = -1,
                                          .at = p->root,
                                          .from = c.plain,
                                          .dir = -1,
                                          .fd = -1};
    *ret_file = (struct place_file){.fd = -1};
    c.copy = strdup(wish->path);
    int r = c.copy ? claim(&c, wish->again, ret_file) : -ENOMEM;
    if (r == 0) return 0;
    ret_file->st = c.st;
    if (r == PLACE_E_GONE) return error_set(err, r, "it is gone");
    if (r < 0) return error_set(err, r, "cannot be claimed: %s", error_name(r));
    return r;
}
