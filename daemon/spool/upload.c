/* SPDX-License-Identifier: MIT */
#include "spool/upload.h"

#include "base/cleanup.h"
#include "base/fs.h"
#include "spool/token.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define HIDDEN ".upload-"

enum { FLUSH_BYTES = 8 << 20 }; /* so that the disk works while the rest is on its way, and the sync at the end is short */

const char *upload_name_fault(struct slice name)
{
    if (name.len == 0) return "is empty";
    if (name.len > NAME_MAX) return "is longer than the 255 bytes that a file's name may have";
    if (name.p[0] == '.') return "begins with a dot";
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.p[i];
        if (c == '/') return "has a slash: it must be a name, and no path";
        if (c < ' ' || c == 0x7f) return "has a control character";
    }
    return NULL;
}

static int open_hidden(struct upload *u)
{
    cleanup_fd int work = place_folder(u->place, "work");
    if (work < 0) return work;
    int fd = openat(work, u->hidden, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
    return fd < 0 ? -errno : fd;
}

int upload_open(struct place *p, struct upload *ret_upload)
{
    struct upload u = {.place = p};
    char token[PLACE_TOKEN_MAX];
    place_token(p, token);
    snprintf(u.hidden, sizeof u.hidden, HIDDEN "%s", token);
    u.fd = open_hidden(&u);
    /* work/ was removed under us. */
    if (u.fd == -ENOENT && mkdirat(p->root, "work", 0750) == 0) u.fd = open_hidden(&u);
    if (u.fd < 0) return u.fd;
    *ret_upload = u;
    return 0;
}

int upload_write(struct upload *u, struct slice bytes)
{
    int r = fs_write_all(u->fd, bytes.p, bytes.len);
    if (r < 0) return r;
    u->bytes += bytes.len;
    if (u->bytes - u->flushed < FLUSH_BYTES) return 0;
    sync_file_range(u->fd, (off_t)u->flushed, (off_t)(u->bytes - u->flushed), SYNC_FILE_RANGE_WRITE); /* a hint, no more */
    u->flushed = u->bytes;
    return 0;
}

int upload_sync(struct upload *u)
{
    int r = fsync(u->fd) < 0 || fstat(u->fd, &u->st) < 0 ? -errno : 0;
    close(u->fd);
    u->fd = -1;
    return r;
}

/* What must lie beside the file is on disk before the file is there. */
static int describe(int dir, const struct upload_wish *w)
{
    int r = 0;
    if (w->anyway) r = fs_write_small(dir, TOKEN_ANYWAY, 0640, SLICE("yes\n"));
    if (r == 0 && w->dataset) r = fs_write_small(dir, TOKEN_DATASET, 0640, slice_of(w->dataset));
    return r;
}

/* Into a folder work/TOKEN. */
static int place_in_folder(const struct upload *u, int work, const struct upload_wish *w, const char *token)
{
    cleanup_fd int dir = token_make(u->place, token);
    if (dir < 0) return dir;
    int r = describe(dir, w);
    if (r == 0) r = fs_sync_dir(work);
    if (r == 0) r = fs_rename_noreplace(work, u->hidden, dir, w->name);
    if (r == 0) {
        r = fs_sync_dir(dir);
        /* Back: the next start would take it up although nobody was told that it was taken. */
        if (r < 0) (void)!fs_rename_noreplace(dir, w->name, work, u->hidden);
    }
    if (r < 0) token_remove(u->place, token);
    return r;
}

int upload_place(struct upload *u, const struct upload_wish *wish, struct error *err, struct place_file *ret_file)
{
    struct place_file f = {.fd = -1, .anyway = wish->anyway, .st = u->st};
    char path[TOKEN_PATH_MAX];
    place_token(u->place, f.token);
    snprintf(f.name, sizeof f.name, "%s", wish->name);
    f.path = strdup(wish->name);
    f.dataset = wish->dataset ? strdup(wish->dataset) : NULL;
    f.flat =
        !wish->anyway && !wish->dataset && token_flat_path(f.token, f.name, path) && strlen(path + strlen("work/")) <= NAME_MAX;
    cleanup_fd int work = place_folder(u->place, "work");
    int r = work < 0 ? work : !f.path || (wish->dataset && !f.dataset) ? -ENOMEM : 0;
    if (r == 0)
        r = f.flat ? fs_rename_noreplace(work, u->hidden, work, path + strlen("work/")) : place_in_folder(u, work, wish, f.token);
    if (r < 0) {
        place_file_done(&f);
        return error_set(err, r, "it cannot be taken up in work/: %s", error_name(r));
    }
    u->hidden[0] = '\0';
    *ret_file = f;
    return 0;
}

int upload_settle(const struct place *p)
{
    cleanup_fd int work = place_folder(p, "work");
    return work < 0 ? work : fs_sync_dir(work);
}

void upload_close(struct upload *u)
{
    if (u->fd >= 0) close(u->fd);
    u->fd = -1;
    cleanup_fd int work = u->hidden[0] ? place_folder(u->place, "work") : -1;
    if (work >= 0) unlinkat(work, u->hidden, 0);
    u->hidden[0] = '\0';
}

int upload_room(const struct place *p, uint64_t *ret_bytes)
{
    struct statvfs fs;
    cleanup_fd int work = place_folder(p, "work");
    if (work < 0) return work;
    if (fstatvfs(work, &fs) < 0) return -errno;
    *ret_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
    return 0;
}

void upload_sweep(const struct place *p)
{
    cleanup_fd int fd = place_folder(p, "work");
    if (fd < 0) return;
    cleanup_dir DIR *dir = fdopendir(fd);
    if (!dir) return;
    steal_fd(&fd);
    for (const struct dirent *e; (e = readdir(dir));)
        if (strncmp(e->d_name, HIDDEN, strlen(HIDDEN)) == 0) unlinkat(dirfd(dir), e->d_name, 0);
}
