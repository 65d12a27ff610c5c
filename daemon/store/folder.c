/* SPDX-License-Identifier: MIT */
/* A folder as a store: each call is one job of a worker. An object is written under a hidden name beside it, synced, read back,
 * then renamed. */
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fs.h"
#include "store/store_private.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>

enum { TEXTS_MAX = 8 << 20, DEPTH_MAX = 32, PAGE = 1000, PATH_BYTES = 4096 + STORE_KEY_MAX };

struct folder_op {
    struct store_op op;
    struct buf key, next, root;
    int file;
    uint64_t bytes_max, min_free;
    uint8_t sum[DIGEST_BYTES];
    store_done done;
    void (*listed)(void *ctx, const struct store_result *r, const struct store_page *page);
    void *ctx;
    unsigned page_max;
    /* what came of it */
    struct store_result result;
    char why[STORE_WHY_MAX], etag[48], modified[CLOCK_ISO_MAX];
    struct buf texts;
    struct store_object *object;
    size_t n;
    struct buf last; /* of a list: the last key that may be on the page, so far as is known; empty: any */
};

static void folder_free(struct store_op *op)
{
    struct folder_op *f = container_of(op, struct folder_op, op);
    if (f->file >= 0) close(f->file);
    buf_done(&f->key);
    buf_done(&f->next);
    buf_done(&f->root);
    buf_done(&f->texts);
    buf_done(&f->last);
    free(f->object);
    free(f);
}

static void set(struct folder_op *f, int status, const char *what)
{
    f->result.status = status;
    if (status == -ENOENT) f->result.status = STORE_E_MISSING;
    if (status == -EACCES || status == -EPERM || status == -EROFS || status == -ENOTDIR) f->result.status = STORE_E_REFUSED;
    snprintf(f->why, sizeof f->why, "%.400s: %.100s", what, status < 0 ? error_name(status) : "it is no path below the folder");
}

/* No "..", no empty component: a key never leaves the folder. */
static bool is_sound(struct slice key)
{
    if (key.len == 0 || memchr(key.p, '\0', key.len)) return false;
    for (struct slice rest = key; rest.p;) {
        struct slice part = slice_cut(&rest, '/');
        if (part.len == 0 || part.len > NAME_MAX || slice_equal(part, SLICE(".")) || slice_equal(part, SLICE(".."))) return false;
    }
    return true;
}

static bool path_of(struct folder_op *f, char path[PATH_BYTES])
{
    int n = snprintf(path, PATH_BYTES, SLICE_FMT "/" SLICE_FMT, SLICE_ARG(buf_slice(&f->root)), SLICE_ARG(buf_slice(&f->key)));
    if (n > 0 && n < PATH_BYTES && is_sound(buf_slice(&f->key))) return true;
    set(f, STORE_E_REFUSED, "the key");
    return false;
}

static void describe(struct folder_op *f, const struct stat *st)
{
    int64_t us = (int64_t)st->st_mtim.tv_sec * 1000000 + st->st_mtim.tv_nsec / 1000;
    f->result.bytes = (uint64_t)st->st_size;
    snprintf(f->etag, sizeof f->etag, "%llx-%llx", (unsigned long long)us, (unsigned long long)st->st_size);
    clock_iso(us, f->modified);
}

/* ---- put ---- */

/* From the begin of `from`: the SHA-256, and a copy where `to` is a descriptor. */
static int pass(int from, int to, uint8_t ret_sum[DIGEST_BYTES])
{
    struct digest d;
    cleanup_free char *block = malloc(FOLDER_BLOCK);
    int r = block ? digest_init(&d) : -ENOMEM;
    if (r < 0) return r;
    off_t at = 0;
    ssize_t n;
    while ((n = fs_pread_full(from, block, FOLDER_BLOCK, at)) > 0) {
        digest_update(&d, block, (size_t)n);
        r = to >= 0 ? fs_write_all(to, block, (size_t)n) : 0;
        if (r < 0) break;
        at += n;
    }
    if (r == 0 && n < 0) r = (int)n;
    digest_final(&d, ret_sum);
    digest_done(&d);
    return r;
}

static bool holds(int fd, const uint8_t sum[DIGEST_BYTES])
{
    uint8_t there[DIGEST_BYTES];
    return pass(fd, -1, there) == 0 && digest_equal(there, sum);
}

/* The same name for the same key each time, so that a kill leaves nothing for ever. Locked, for who else writes the same: -EBUSY.
 */
static int open_part(int dir, const char *part)
{
    cleanup_fd int fd = openat(dir, part, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    struct stat ours, there;
    if (fd < 0) return -errno;
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) return -EBUSY;
    bool same = fstat(fd, &ours) == 0 && fstatat(dir, part, &there, AT_SYMLINK_NOFOLLOW) == 0 && ours.st_ino == there.st_ino;
    if (!same) return -EBUSY; /* another one has just renamed it */
    if (ftruncate(fd, 0) < 0) return -errno;
    return steal_fd(&fd);
}

static int write_part(struct folder_op *f, int dir, const char *part, const char *name)
{
    cleanup_fd int fd = open_part(dir, part);
    if (fd < 0) return fd;
    uint8_t sum[DIGEST_BYTES];
    int r = pass(f->file, fd, sum);
    if (r < 0) return r;
    if (!digest_equal(sum, f->sum)) return STORE_E_CHANGED;
    if (fsync(fd) < 0) return -errno;
    if (!holds(fd, f->sum)) return -EIO;
    return renameat(dir, part, dir, name) < 0 ? -errno : 0; /* while it is locked */
}

enum { PART_NAME = 16 + DIGEST_HEX };

static void part_name(const struct folder_op *f, char ret_name[PART_NAME])
{
    uint8_t sum[DIGEST_BYTES];
    char hex[DIGEST_HEX];
    digest_of(f->key.data, f->key.len, sum);
    digest_hex(sum, hex);
    snprintf(ret_name, PART_NAME, ".cetl-%.16s.part", hex);
}

static void put_run(struct worker_job *job)
{
    struct folder_op *f = container_of(job, struct folder_op, op.job);
    char path[PATH_BYTES], part[PART_NAME];
    if (!path_of(f, path)) return;
    char *name = strrchr(path, '/');
    *name++ = '\0';
    int r = fs_mkdir_all(path, 0750);
    cleanup_fd int dir = r == 0 ? fs_open_dir(AT_FDCWD, path) : r;
    if (dir < 0) return set(f, dir, path);
    cleanup_fd int there = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat st;
    if (there >= 0 && fstat(there, &st) == 0 && S_ISREG(st.st_mode) && holds(there, f->sum)) {
        /* Whoever wrote it may have been killed before it was on disk. */
        if (fsync(there) < 0 || fsync(dir) < 0) return set(f, -errno, name);
        f->result.was_there = true;
        return describe(f, &st);
    }
    part_name(f, part);
    r = write_part(f, dir, part, name);
    if (r == 0) r = fs_sync_dir(dir);
    if (r != 0 && r != -EBUSY) unlinkat(dir, part, 0);
    if (r == 0 && fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0) r = -errno;
    if (r == 0) return describe(f, &st);
    set(f, r, name);
    if (r == STORE_E_CHANGED) snprintf(f->why, sizeof f->why, "the file's bytes are not those that it had: its SHA-256 is another");
}

/* ---- get, head, delete ---- */

static void get_run(struct worker_job *job)
{
    struct folder_op *f = container_of(job, struct folder_op, op.job);
    char path[PATH_BYTES];
    if (!path_of(f, path)) return;
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0) return set(f, -errno, path);
    if (!S_ISREG(st.st_mode)) return set(f, STORE_E_REFUSED, path);
    if (f->bytes_max > 0 && (uint64_t)st.st_size > f->bytes_max) return set(f, ERROR_TOO_BIG, path);
    struct fs_pace pace = {.min_free = f->min_free};
    int r = ftruncate(f->file, 0) < 0 || lseek(f->file, 0, SEEK_SET) < 0 ? -errno : fs_copy(fd, f->file, &pace);
    if (r < 0) return set(f, r, path);
    describe(f, &st);
}

static void head_run(struct worker_job *job)
{
    struct folder_op *f = container_of(job, struct folder_op, op.job);
    char path[PATH_BYTES];
    struct stat st;
    if (!path_of(f, path)) return;
    if (fstatat(AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW) < 0) return set(f, -errno, path);
    if (!S_ISREG(st.st_mode)) return set(f, -ENOENT, path);
    describe(f, &st);
}

static void delete_run(struct worker_job *job)
{
    struct folder_op *f = container_of(job, struct folder_op, op.job);
    char path[PATH_BYTES];
    if (path_of(f, path) && unlink(path) < 0 && errno != ENOENT) set(f, -errno, path);
}

/* ---- list ---- */

static int by_key(const void *a, const void *b)
{
    const struct store_object *x = a, *y = b;
    return slice_compare(x->key, y->key);
}

/* The texts of the objects stand one behind the other, in the objects' order; until here only their lengths are known. */
static void arrange(struct folder_op *f)
{
    size_t place = 0;
    for (size_t i = 0; i < f->n; i++) {
        struct store_object *o = &f->object[i];
        o->key.p = f->texts.data + place;
        o->etag.p = o->key.p + o->key.len;
        o->modified.p = o->etag.p + o->etag.len;
        place += o->key.len + o->etag.len + o->modified.len;
    }
    if (f->n > 0) qsort(f->object, f->n, sizeof *f->object, by_key);
}

/* Only the first ones are wanted, however many there are; one more than a page has tells that it is not the last. */
static int trim(struct folder_op *f)
{
    struct buf kept;
    buf_init(&kept, TEXTS_MAX);
    arrange(f);
    f->n = f->page_max + 1;
    for (size_t i = 0; i < f->n; i++) {
        buf_put(&kept, f->object[i].key);
        buf_put(&kept, f->object[i].etag);
        buf_put(&kept, f->object[i].modified);
    }
    buf_reset(&f->last);
    buf_put(&f->last, f->object[f->n - 1].key);
    buf_done(&f->texts);
    f->texts = kept;
    return buf_check(&f->last) < 0 ? -ENOMEM : buf_check(&kept);
}

static bool is_on_page(const struct folder_op *f, struct slice key)
{
    return slice_starts(key, buf_slice(&f->key)) && (f->next.len == 0 || slice_compare(key, buf_slice(&f->next)) > 0) &&
           (f->last.len == 0 || slice_compare(key, buf_slice(&f->last)) < 0);
}

static int note(struct folder_op *f, struct slice key, const struct stat *st)
{
    size_t room = 2 * ((size_t)f->page_max + 1);
    if (!f->object) f->object = calloc(room, sizeof *f->object);
    if (!f->object) return -ENOMEM;
    int64_t us = (int64_t)st->st_mtim.tv_sec * 1000000 + st->st_mtim.tv_nsec / 1000;
    char etag[48], modified[CLOCK_ISO_MAX];
    int n = snprintf(etag, sizeof etag, "%llx-%llx", (unsigned long long)us, (unsigned long long)st->st_size);
    clock_iso(us, modified);
    struct store_object *o = &f->object[f->n++];
    *o = (struct store_object){
        .key.len = key.len, .etag.len = (size_t)n, .modified.len = strlen(modified), .bytes = (uint64_t)st->st_size};
    buf_put(&f->texts, key);
    buf_append(&f->texts, etag, o->etag.len);
    buf_append(&f->texts, modified, o->modified.len);
    int r = buf_check(&f->texts);
    return r == 0 && f->n == room ? trim(f) : r;
}

/* May anything below the folder `key` be on the page? */
static bool is_near(const struct folder_op *f, struct buf *key)
{
    size_t before = key->len;
    buf_putc(key, '/');
    struct slice all = buf_slice(key), next = buf_slice(&f->next), wanted = buf_slice(&f->key);
    bool near = slice_starts(all, wanted) || slice_starts(wanted, all);
    if (next.len > 0 && slice_compare(all, next) < 0 && !slice_starts(next, all)) near = false;
    if (f->last.len > 0 && slice_compare(all, buf_slice(&f->last)) >= 0) near = false;
    key->len = before;
    return near;
}

/* Gone meanwhile, or not for us. Anything else, like too many open files or a disk that fails, is an error: a part of a list would
 * pass for all of it. */
static int unless_away(int r)
{
    return r == -ENOENT || r == -ENOTDIR || r == -ELOOP || r == -EACCES ? 0 : r;
}

static int walk(struct folder_op *f, int at, struct buf *key, unsigned depth)
{
    cleanup_dir DIR *dir = fdopendir(at);
    int r = dir ? 0 : -errno;
    if (!dir) close(at);
    while (r == 0) {
        struct stat st;
        errno = 0;
        const struct dirent *e = readdir(dir);
        if (!e) return depth > 0 ? unless_away(-errno) : -errno;
        size_t before = key->len;
        if (before + 1 + strlen(e->d_name) > STORE_KEY_MAX) continue; /* longer than a key can be */
        if (e->d_name[0] == '.') continue;
        if (before > 0) buf_putc(key, '/');
        buf_puts(key, e->d_name);
        if (buf_check(key) < 0) return -ENOMEM;
        /* Each page goes through all of them: what is on another one costs as little as can be. */
        bool may_be = (e->d_type != DT_REG || is_on_page(f, buf_slice(key))) && (e->d_type != DT_DIR || is_near(f, key));
        bool there = may_be && fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0;
        if (may_be && !there) r = unless_away(-errno);
        if (there && S_ISREG(st.st_mode) && is_on_page(f, buf_slice(key))) r = note(f, buf_slice(key), &st);
        bool into = there && S_ISDIR(st.st_mode) && depth < DEPTH_MAX && is_near(f, key);
        int below = into ? fs_open_dir(dirfd(dir), e->d_name) : -1;
        if (into) r = below < 0 ? unless_away(below) : walk(f, below, key, depth + 1);
        key->len = before;
    }
    return r;
}

static void list_run(struct worker_job *job)
{
    struct folder_op *f = container_of(job, struct folder_op, op.job);
    const char *root = buf_cstr(&f->root);
    int at = root ? fs_open_dir(AT_FDCWD, root) : -ENOMEM;
    struct buf key;
    buf_init(&key, PATH_BYTES);
    int r = at < 0 ? at : walk(f, at, &key, 0);
    buf_done(&key);
    if (r < 0) return set(f, r == -ENOENT ? STORE_E_REFUSED : r, root ? root : "");
    arrange(f);
}

/* ---- all of them ---- */

static void over(struct worker_job *job)
{
    struct folder_op *f = container_of(job, struct folder_op, op.job);
    if (!store_op_worked(&f->op)) return;
    f->result.why = f->why;
    f->result.etag = slice_of(f->etag);
    f->result.modified = slice_of(f->modified);
    if (f->listed) {
        bool more = f->n > f->page_max;
        size_t n = more ? f->page_max : f->n;
        struct store_page page = {.object = f->object, .n = n, .next = more ? f->object[n - 1].key : (struct slice){"", 0}};
        f->listed(f->ctx, &f->result, f->result.status == 0 ? &page : NULL);
    } else {
        f->done(f->ctx, &f->result);
    }
    store_op_end(&f->op);
}

/* What `as` has is the new one's, or closed. */
static int start(struct store *s, struct folder_op *as, struct slice key, void (*run)(struct worker_job *job),
                 struct store_op **ret_op)
{
    struct folder_op *f = calloc(1, sizeof *f);
    if (!f) {
        if (as->file >= 0) close(as->file);
        buf_done(&as->next);
        return -ENOMEM;
    }
    *f = *as;
    buf_init(&f->key, STORE_KEY_MAX);
    buf_init(&f->root, PATH_BYTES);
    buf_init(&f->texts, TEXTS_MAX);
    buf_init(&f->last, STORE_KEY_MAX);
    store_op_init(&f->op, s, folder_free);
    buf_put(&f->key, key);
    buf_puts(&f->root, s->root);
    int r = buf_check(&f->key);
    if (r == 0) r = buf_check(&f->root);
    if (r == 0) r = buf_check(&f->next);
    if (r < 0) {
        store_op_end(&f->op);
        return r;
    }
    store_op_work(&f->op, run, over);
    *ret_op = &f->op;
    return 0;
}

int folder_put(struct store *s, const struct store_put *put, struct store_op **ret_op)
{
    int fd = fcntl(*put->file, F_DUPFD_CLOEXEC, 3);
    if (fd < 0) return -errno;
    struct folder_op as = {.file = fd, .done = put->done, .ctx = put->ctx};
    memcpy(as.sum, put->sum, DIGEST_BYTES);
    return start(s, &as, put->key, put_run, ret_op);
}

int folder_get(struct store *s, const struct store_get *get, struct store_op **ret_op)
{
    int fd = fcntl(*get->into, F_DUPFD_CLOEXEC, 3);
    if (fd < 0) return -errno;
    struct folder_op as = {.file = fd, .bytes_max = get->bytes_max, .min_free = get->min_free, .done = get->done, .ctx = get->ctx};
    return start(s, &as, get->key, get_run, ret_op);
}

int folder_head(struct store *s, const struct store_ask *ask, struct store_op **ret_op)
{
    return start(s, &(struct folder_op){.file = -1, .done = ask->done, .ctx = ask->ctx}, ask->key, head_run, ret_op);
}

int folder_delete(struct store *s, const struct store_ask *ask, struct store_op **ret_op)
{
    return start(s, &(struct folder_op){.file = -1, .done = ask->done, .ctx = ask->ctx}, ask->key, delete_run, ret_op);
}

int folder_list(struct store *s, const struct store_list *list, struct store_op **ret_op)
{
    struct folder_op as = {.file = -1, .listed = list->done, .ctx = list->ctx};
    as.page_max = list->page_max > 0 && list->page_max < PAGE ? list->page_max : PAGE;
    buf_init(&as.next, STORE_KEY_MAX);
    buf_put(&as.next, list->next);
    return start(s, &as, list->prefix, list_run, ret_op);
}
