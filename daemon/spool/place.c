/* SPDX-License-Identifier: MIT */
#include "spool/place.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/sandbox.h"
#include "spool/token.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { PID_TEXT_MAX = 16, ERRORS_NAME_MAX = 240, ALTERNATIVES_MAX = 1000000 };

static const struct {
    const char *name;
    mode_t mode;
} folders[] = {{"incoming", 02770}, {"work", 0750}, {"done", 0750}, {"failed", 0750}};

/* Take the lock file, or say who holds it. The lock goes with the process; the file stays. */
static int lock_spool(struct place *p, struct error *err)
{
    cleanup_fd int fd = openat(p->root, ".lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0) return error_set(err, -errno, "cannot open the lock file %s/.lock: %s", p->path, error_name(-errno));
    char pid[PID_TEXT_MAX] = "";
    if (fcntl(fd, F_OFD_SETLK, &(struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET}) < 0) {
        if (errno != EAGAIN && errno != EACCES)
            return error_set(err, -errno, "cannot lock %s/.lock: %s", p->path, error_name(-errno));
        ssize_t n = fs_pread_full(fd, pid, sizeof(pid) - 1, 0);
        pid[n > 0 ? n : 0] = '\0';
        pid[strcspn(pid, "\n")] = '\0';
        return error_set(err, -EBUSY,
                         "the spool %s is in use by another cetld (pid %s): stop it, or give this one a spool of its own", p->path,
                         *pid ? pid : "unknown");
    }
    snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
    if (ftruncate(fd, 0) < 0 || pwrite(fd, pid, strlen(pid), 0) < 0)
        return error_set(err, -errno, "cannot write %s/.lock: %s", p->path, error_name(-errno));
    p->lock = steal_fd(&fd);
    return 0;
}

static int make_folders(const struct place *p, struct error *err)
{
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        cleanup_free char *path = NULL;
        if (asprintf(&path, "%s/%s", p->path, folders[i].name) < 0) return -ENOMEM;
        int r = fs_mkdir_all(path, folders[i].mode);
        if (r < 0) return error_set(err, r, "cannot make the folder %s: %s", path, error_name(r));
    }
    return 0;
}

/* Tokens go on rising even when the clock went back while we were down. */
static int resume_rank(struct place *p, struct error *err)
{
    cleanup(token_list_done) struct token_list found = {0};
    int r = token_list_read(p, &found);
    if (r < 0) return error_set(err, r, "cannot read %s/work: %s", p->path, error_name(r));
    if (found.n > 0) atomic_store(&p->rank, strtoull(found.item[found.n - 1].token, NULL, 16));
    return 0;
}

int place_open(struct place *p, const char *spool, struct error *err)
{
    *p = (struct place){.path = strdup(spool), .root = -1, .lock = -1};
    int r = p->path ? fs_mkdir_all(spool, 0755) : -ENOMEM;
    if (r == 0) {
        p->root = open(spool, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (p->root < 0) r = -errno;
    }
    if (r < 0)
        error_set(err, r, "cannot make the spool %s: %s", spool, error_name(r));
    else
        r = lock_spool(p, err);
    if (r == 0) r = make_folders(p, err);
    if (r == 0) r = resume_rank(p, err);
    if (r < 0) sandbox_advise(r, spool, err);
    if (r < 0) place_close(p);
    return r;
}

void place_close(struct place *p)
{
    cleanup_close_fd(&p->lock);
    cleanup_close_fd(&p->root);
    free(p->path);
    *p = (struct place){.root = -1, .lock = -1};
}

void place_hurry(struct place *p)
{
    atomic_store(&p->pace.stop, true);
}

int place_folder(const struct place *p, const char *name)
{
    int fd = openat(p->root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

void place_file_close(struct place_file *f)
{
    if (f->fd >= 0) close(f->fd);
    f->fd = -1;
}

void place_file_done(struct place_file *f)
{
    place_file_close(f);
    free(f->path);
    free(f->dataset);
    f->path = f->dataset = NULL;
}

void place_token(struct place *p, char ret_token[PLACE_TOKEN_MAX])
{
    uint64_t now = (uint64_t)clock_real_us(), last = atomic_load(&p->rank), rank;
    do
        rank = now > last ? now : last + 1;
    while (!atomic_compare_exchange_weak(&p->rank, &last, rank));
    uint32_t random = 0;
    /* The rank alone is unique in this spool; the rest keeps apart the tokens of two spools with one database. */
    if (getrandom(&random, sizeof(random), 0) != sizeof(random)) random = (uint32_t)getpid();
    snprintf(ret_token, PLACE_TOKEN_MAX, "%016" PRIx64 "-%08" PRIx32, rank, random);
}

int64_t place_token_us(const char *token)
{
    int64_t now = clock_real_us();
    uint64_t rank = strtoull(token, NULL, 16);
    return rank > 0 && rank < (uint64_t)now ? (int64_t)rank : now;
}

const char *place_kind(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFREG: return "a regular file";
    case S_IFDIR: return "a directory";
    case S_IFLNK: return "a symbolic link";
    case S_IFIFO: return "a FIFO";
    case S_IFSOCK: return "a socket";
    case S_IFCHR:
    case S_IFBLK: return "a device";
    default: return "of an unknown kind";
    }
}

int place_reopen(const struct place *p, struct place_file *f, struct error *err)
{
    char path[TOKEN_PATH_MAX];
    if (!token_file_path(f, path)) return error_set(err, -ENAMETOOLONG, "its name is too long");
    /* O_NONBLOCK: a FIFO would wait for its writer. */
    cleanup_fd int fd = openat(p->root, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    struct stat st = {0};
    int r = fd < 0 || fstat(fd, &st) < 0 ? -errno : 0;
    if (r == -ENOENT) return error_set(err, PLACE_E_GONE, "it is gone from work/ (its token: %s)", f->token);
    if (r == -ELOOP || r == -ENXIO || (r == 0 && !S_ISREG(st.st_mode)))
        return error_set(err, PLACE_E_NOT_REGULAR, "work/ holds no regular file under its name any more (its token: %s)", f->token);
    if (r < 0) return error_set(err, r, "cannot be opened in work/ (its token: %s): %s", f->token, error_name(r));
    place_file_close(f);
    f->fd = steal_fd(&fd);
    f->st = st;
    return 0;
}

/* NAME.errors.csv for the n-th alternative of NAME. Left shorter than a name may be: fs_write_small needs room for a suffix of its
 * own. */
static void errors_name(const char *name, unsigned n, char ret_name[NAME_MAX + 1])
{
    char file[NAME_MAX + 1], whole[NAME_MAX + 1];
    fs_alternative_name(name, n, file);
    struct slice stem = slice_cut_utf8(slice_of(file), ERRORS_NAME_MAX);
    snprintf(whole, sizeof(whole), SLICE_FMT ".errors.csv", SLICE_ARG(stem));
    /* A stem that had to be cut has lost its number. */
    fs_alternative_name(whole, stem.len < strlen(file) ? n : 0, ret_name);
}

/* Is `name` free in `dir`, or taken by just these bytes (written before a crash)? 1 free, 0 the same, -EEXIST, or -errno. */
static int errors_slot(int dir, const char *name, struct slice errors)
{
    struct stat st;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0) return errno == ENOENT ? 1 : -errno;
    if (!S_ISREG(st.st_mode) || (size_t)st.st_size != errors.len) return -EEXIST;
    cleanup_free char *text = NULL;
    size_t len;
    int r = fs_read_small(dir, name, errors.len, &text, &len);
    if (r < 0) return r == ERROR_TOO_BIG ? -EEXIST : r;
    return slice_equal((struct slice){text, len}, errors) ? 0 : -EEXIST;
}

/* Write NAME.errors.csv under the first number for which it and NAME are both free, so that the two stay a pair. */
static int write_errors(int dir, const char *name, struct slice errors, char ret_name[NAME_MAX + 1])
{
    for (unsigned n = 0; n < ALTERNATIVES_MAX; n++) {
        char file[NAME_MAX + 1], beside[NAME_MAX + 1];
        struct stat st;
        fs_alternative_name(name, n, file);
        if (fstatat(dir, file, &st, AT_SYMLINK_NOFOLLOW) == 0) continue;
        errors_name(name, n, beside);
        int r = errors_slot(dir, beside, errors);
        if (r == -EEXIST) continue;
        if (r > 0) r = fs_write_small(dir, beside, 0640, errors);
        if (r == 0) memcpy(ret_name, file, sizeof(file));
        return r;
    }
    return -EEXIST;
}

/* The folder of incoming/ that the file came from, made anew when it is gone. */
static int origin_folder(const struct place *p, const struct place_file *f)
{
    cleanup_fd int dir = place_folder(p, "incoming");
    cleanup_free char *path = f->path ? strdup(f->path) : NULL;
    if (dir < 0 || !path) return steal_fd(&dir);
    for (char *at = path, *slash; (slash = strchr(at, '/')); at = slash + 1) {
        *slash = '\0';
        if (mkdirat(dir, at, 0770) < 0 && errno != EEXIST) return -errno;
        int sub = fs_open_dir(dir, at);
        if (sub < 0) return sub;
        close(dir);
        dir = sub;
    }
    return steal_fd(&dir);
}

static int target_folder(const struct place *p, const struct place_file *f, enum place_target target)
{
    static const char *const names[] = {[PLACE_DONE] = "done", [PLACE_FAILED] = "failed"};
    if (target == PLACE_INCOMING) {
        int dir = origin_folder(p, f);
        return dir >= 0 ? dir : place_folder(p, "incoming");
    }
    return place_folder(p, names[target]);
}

/* A folder that was removed under us is made again: one try more. */
static int target_folder_made(const struct place *p, const struct place_file *f, enum place_target target)
{
    int dir = target_folder(p, f, target);
    if (dir != -ENOENT) return dir;
    int r = make_folders(p, NULL);
    return r < 0 ? r : target_folder(p, f, target);
}

/* By one rename, as nearly always. False: there is more to it. */
static bool move_plainly(const struct place *p, const struct place_file *f, const char *from, enum place_target target)
{
    char to[8 + NAME_MAX + 1];
    if (target == PLACE_INCOMING) return false;
    snprintf(to, sizeof to, "%s/%s", target == PLACE_DONE ? "done" : "failed", f->name);
    return fs_rename_noreplace(p->root, from, p->root, to) == 0;
}

/* Whatever it takes: folders made anew, another name, a copy, the errors beside it. */
static int move(struct place *p, const struct place_file *f, enum place_target target, struct slice errors, char name[NAME_MAX + 1])
{
    char from[TOKEN_PATH_MAX];
    struct stat st;
    if (!token_file_path(f, from)) return -ENAMETOOLONG;
    if (errors.len == 0 && move_plainly(p, f, from, target)) return 0;
    /* Not in work/ any more: an earlier call had moved it, and only the tidying is left. */
    if (fstatat(p->root, from, &st, AT_SYMLINK_NOFOLLOW) < 0) return errno == ENOENT ? 0 : -errno;
    cleanup_fd int to = target_folder_made(p, f, target);
    if (to < 0) return to;
    int r = 0;
    if (target == PLACE_FAILED && errors.len > 0) r = write_errors(to, f->name, errors, name);
    return r < 0 ? r : fs_move_unique(&(struct fs_move){p->root, from, to, name, &p->pace, NULL}, name);
}

int place_finish(struct place *p, const struct place_file *f, enum place_target target, struct slice errors, char *ret_name)
{
    char name[NAME_MAX + 1];
    snprintf(name, sizeof(name), "%s", f->name);
    int r = move(p, f, target, errors, name);
    if (r < 0) return r;
    if (!f->flat) token_remove(p, f->token);
    if (ret_name) memcpy(ret_name, name, sizeof(name));
    return 0;
}
