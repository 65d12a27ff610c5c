/* SPDX-License-Identifier: MIT */
#include "etl/seen.h"

#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void feed(struct digest *d, struct slice text)
{
    digest_update(d, text.p ? text.p : "", text.len);
    digest_update(d, "", 1);
}

void seen_id(struct slice store, struct slice key, struct slice version, uint64_t bytes, uint8_t ret_id[SEEN_BYTES])
{
    struct digest d;
    uint8_t sum[DIGEST_BYTES] = {0};
    if (digest_init(&d) == 0) {
        feed(&d, store);
        feed(&d, key);
        feed(&d, version);
        digest_update(&d, &bytes, sizeof bytes);
        digest_final(&d, sum);
        digest_done(&d);
    }
    memcpy(ret_id, sum, SEEN_BYTES);
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, SEEN_BYTES);
}

int seen_open(int folder, const char *name, size_t more, struct seen *ret_seen)
{
    *ret_seen = (struct seen){.folder = folder, .fd = -1, .name = strdup(name)};
    if (folder < 0) return folder;
    if (!ret_seen->name) return -ENOMEM;
    struct seen *s = ret_seen;
    struct stat st;
    s->fd = openat(folder, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (s->fd < 0 || fstat(s->fd, &st) < 0) return -errno;
    if (!S_ISREG(st.st_mode)) return -EINVAL;
    /* What is no whole entry at the end was being written when the power went: the next one takes its place. */
    size_t n = (uint64_t)st.st_size / SEEN_BYTES < SEEN_MAX ? (size_t)st.st_size / SEEN_BYTES : SEEN_MAX;
    s->room = n + more < SEEN_MAX ? n + more : SEEN_MAX;
    s->id = calloc(s->room + 1, SEEN_BYTES);
    s->listed = calloc(s->room + 1, sizeof *s->listed);
    if (!s->id || !s->listed) return -ENOMEM;
    ssize_t r = fs_pread_full(s->fd, s->id, n * SEEN_BYTES, 0);
    if (r < 0) return (int)r;
    s->n = s->sorted = (size_t)r / SEEN_BYTES;
    qsort(s->id, s->n, SEEN_BYTES, compare);
    return 0;
}

void seen_close(struct seen *s)
{
    if (s->fd >= 0) close(s->fd);
    if (s->folder >= 0) close(s->folder);
    free(s->name);
    free(s->id);
    free(s->listed);
    *s = (struct seen){.folder = -1, .fd = -1};
}

bool seen_has(struct seen *s, const uint8_t id[SEEN_BYTES])
{
    const uint8_t(*found)[SEEN_BYTES] = s->sorted > 0 ? bsearch(id, s->id, s->sorted, SEEN_BYTES, compare) : NULL;
    if (found) s->listed[found - s->id] = true;
    for (size_t i = s->sorted; !found && i < s->n; i++)
        if (compare(s->id[i], id) == 0) return true;
    return found;
}

int seen_add(struct seen *s, const uint8_t id[SEEN_BYTES])
{
    if (s->n == s->room) return -ENOSPC;
    off_t at = (off_t)(s->n * SEEN_BYTES);
    memcpy(s->id[s->n], id, SEEN_BYTES);
    s->listed[s->n++] = true;
    ssize_t n = pwrite(s->fd, id, SEEN_BYTES, at);
    if (n != SEEN_BYTES) return n < 0 ? -errno : -EIO;
    return fdatasync(s->fd) < 0 ? -errno : 0;
}

int seen_tidy(struct seen *s)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->n; i++)
        kept += s->listed[i];
    if (kept > s->n / 2 || s->n == 0) return 0;
    kept = 0;
    for (size_t i = 0; i < s->n; i++)
        if (s->listed[i]) memmove(s->id[kept++], s->id[i], SEEN_BYTES);
    s->n = s->sorted = 0; /* they are in another order now */
    return fs_write_small(s->folder, s->name, 0640, (struct slice){kept > 0 ? (const char *)s->id : "", kept * SEEN_BYTES});
}
