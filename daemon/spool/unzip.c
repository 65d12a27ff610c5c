/* SPDX-License-Identifier: MIT */
#include "spool/unzip.h"

#include "base/fs.h"
#include "base/log.h"

#include <archive.h>
#include <archive_entry.h>
#include <endian.h>
#include <inttypes.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 64 * 1024, SHOWN_BYTES = 100, SHOWN_MAX = 4 * SHOWN_BYTES + 1 };

struct member {
    char *name;
    size_t index; /* among the entries, in libarchive's order */
};

struct unzip {
    int fd;
    uint64_t size, offset; /* offset: where libarchive stands */
    struct archive *archive;
    size_t index; /* of the next entry that `archive` gives */
    struct member *member;
    size_t members, next;
    locale_t locale; /* UTF-8: libarchive converts names to the thread's */
    char shown[SHOWN_MAX];
    char block[BLOCK];
};

static int refuse(struct error *err, const char *why)
{
    return error_set(err, UNZIP_E_BROKEN, "the zip file %s", why);
}

/* ---- the directory's place, before libarchive sees the file: it looks for one in the last bytes and takes any ---- */

/* Little-endian numbers of the format (PKWARE's APPNOTE, 4.3.16 and 4.3.14). */
static uint64_t number(const unsigned char *p, int bytes)
{
    uint64_t n = 0;
    for (int i = bytes - 1; i >= 0; i--)
        n = n << 8 | p[i];
    return n;
}

enum { END_BYTES = 22, COMMENT_MAX = 65535, LOCATOR_BYTES = 20, END64_BYTES = 56 };

struct directory {
    uint64_t entries, bytes, offset;
    uint64_t end; /* where it must end */
};

/* A directory of more than 4 GB or 65535 entries is told by a second record in front of the first. */
static int read_end64(int fd, struct directory *d, struct error *err)
{
    unsigned char locator[LOCATOR_BYTES], end[END64_BYTES];
    if (d->end < LOCATOR_BYTES + END64_BYTES) return 0;
    ssize_t n = fs_pread_full(fd, locator, sizeof locator, (off_t)(d->end - LOCATOR_BYTES));
    if (n < 0) return (int)n;
    if (n < LOCATOR_BYTES || memcmp(locator, "PK\6\7", 4) != 0) return 0;
    uint64_t at = number(locator + 8, 8);
    if (at > d->end - LOCATOR_BYTES - END64_BYTES) return refuse(err, "has a damaged directory; drop it again");
    n = fs_pread_full(fd, end, sizeof end, (off_t)at);
    if (n < 0) return (int)n;
    if (n < END64_BYTES || memcmp(end, "PK\6\6", 4) != 0) return refuse(err, "has a damaged directory; drop it again");
    *d = (struct directory){.entries = number(end + 32, 8), .bytes = number(end + 40, 8), .offset = number(end + 48, 8), .end = at};
    return 0;
}

/* The record at the file's end whose comment reaches exactly to it. 0, UNZIP_E_BROKEN or negative. */
static int find_directory(int fd, uint64_t size, struct directory *ret_directory, struct error *err)
{
    size_t len = size < END_BYTES + COMMENT_MAX ? (size_t)size : END_BYTES + COMMENT_MAX;
    unsigned char *tail = malloc(len + 1);
    if (!tail) return -ENOMEM;
    ssize_t n = fs_pread_full(fd, tail, len, (off_t)(size - len));
    int r = n < 0              ? (int)n
            : n < (ssize_t)len ? -EIO
                               : refuse(err, "is cut off, or other bytes stand behind it; drop it again as a whole");
    for (size_t i = len; r == UNZIP_E_BROKEN && i >= END_BYTES; i--) {
        const unsigned char *end = tail + i - END_BYTES;
        if (memcmp(end, "PK\5\6", 4) != 0 || number(end + 20, 2) != len - i) continue;
        *ret_directory = (struct directory){.entries = number(end + 10, 2),
                                            .bytes = number(end + 12, 4),
                                            .offset = number(end + 16, 4),
                                            .end = size - len + i - END_BYTES};
        r = read_end64(fd, ret_directory, err);
        break;
    }
    free(tail);
    return r;
}

static int check_directory(int fd, uint64_t size, uint64_t entries_max, struct error *err)
{
    struct directory d = {0};
    int r = find_directory(fd, size, &d, err);
    if (r != 0) return r;
    if (d.entries > entries_max || d.bytes > entries_max * UNZIP_ENTRY_BYTES)
        return error_set(err, UNZIP_E_BROKEN, "the zip file has %" PRIu64 " entries; unpack_entries allows %" PRIu64, d.entries,
                         entries_max);
    if (d.entries == 0) return refuse(err, "holds no file");
    if (d.offset > d.end || d.bytes != d.end - d.offset) return refuse(err, "has a damaged directory; drop it again");
    return 0;
}

/* ---- libarchive's view of the file ---- */

static la_ssize_t on_read(struct archive *a, void *ctx, const void **ret_block)
{
    struct unzip *z = ctx;
    ssize_t n = fs_pread_full(z->fd, z->block, BLOCK, (off_t)z->offset);
    if (n < 0) {
        archive_set_error(a, (int)-n, "cannot read");
        return -1;
    }
    z->offset += (uint64_t)n;
    *ret_block = z->block;
    return n;
}

static la_int64_t on_seek(struct archive *a, void *ctx, la_int64_t offset, int whence)
{
    struct unzip *z = ctx;
    int64_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? (int64_t)z->offset : (int64_t)z->size, to;
    if (__builtin_add_overflow(base, offset, &to) || to < 0 || (uint64_t)to > z->size) {
        archive_set_error(a, EINVAL, "a place outside of the file");
        return ARCHIVE_FATAL;
    }
    z->offset = (uint64_t)to;
    return to;
}

/* libarchive's failure is the file's, unless reading or memory failed. */
static int failed(struct unzip *z, struct error *err)
{
    int code = archive_errno(z->archive);
    if (code == ENOMEM) return -ENOMEM;
    if (code == EIO) return -EIO;
    const char *words = archive_error_string(z->archive);
    return error_set(err, UNZIP_E_BROKEN, "the zip file is damaged%s%s (%s); drop it again", *z->shown ? " in " : "", z->shown,
                     words ? words : "it cannot be read");
}

/* From the first entry on. */
static int begin(struct unzip *z, struct error *err)
{
    archive_read_free(z->archive);
    z->archive = archive_read_new();
    z->offset = z->index = 0;
    if (!z->archive) return -ENOMEM;
    int r = archive_read_support_format_zip_seekable(z->archive);
    if (r == ARCHIVE_OK) r = archive_read_set_read_callback(z->archive, on_read);
    if (r == ARCHIVE_OK) r = archive_read_set_seek_callback(z->archive, on_seek);
    if (r == ARCHIVE_OK) r = archive_read_set_callback_data(z->archive, z);
    if (r == ARCHIVE_OK) r = archive_read_open1(z->archive);
    return r == ARCHIVE_OK ? 0 : failed(z, err);
}

/* ---- the members ---- */

static void show(struct unzip *z, const char *name)
{
    log_escape(slice_cut_utf8(slice_of(name), SHOWN_BYTES), z->shown, sizeof z->shown);
}

static bool leaves_its_folder(struct slice name)
{
    if (slice_starts(name, SLICE("/")) || (name.len && memchr(name.p, '\\', name.len))) return true;
    while (name.p) {
        struct slice part = slice_cut(&name, '/');
        if (slice_equal(part, SLICE(".."))) return true;
    }
    return false;
}

static bool is_passed_over(struct slice name)
{
    if (slice_starts(name, SLICE("__MACOSX/"))) return true;
    struct slice last = name;
    while (name.p)
        last = slice_cut(&name, '/');
    return slice_starts(last, SLICE("."));
}

enum { PASS_OVER = UNZIP_E_END + 1 };

/* 0: a member to be read; PASS_OVER; UNZIP_E_BROKEN. */
static int judge(struct unzip *z, struct archive_entry *e, const char *name, struct error *err)
{
    const char *why = NULL;
    show(z, name);
    bool folder = archive_entry_filetype(e) == AE_IFDIR;
    if (leaves_its_folder(slice_of(name)))
        why = "has a name that leads out of its folder";
    else if (folder || is_passed_over(slice_of(name)))
        return PASS_OVER;
    else if (archive_entry_is_encrypted(e) || archive_entry_is_data_encrypted(e))
        why = "is encrypted";
    else if (archive_entry_filetype(e) != AE_IFREG || archive_entry_hardlink(e))
        why = "is no regular file";
    if (!why) return 0;
    return error_set(err, UNZIP_E_BROKEN, "the zip file's member %s %s; pack the plain files alone", z->shown, why);
}

static int add_member(struct unzip *z, const char *name, size_t index)
{
    struct member *grown = realloc(z->member, (z->members + 1) * sizeof *grown);
    if (!grown) return -ENOMEM;
    z->member = grown;
    char *copy = strdup(name);
    if (!copy) return -ENOMEM;
    z->member[z->members++] = (struct member){copy, index};
    return 0;
}

static int by_name(const void *a, const void *b)
{
    const struct member *x = a, *y = b;
    int r = strcmp(x->name, y->name);
    return r ? r : x->index < y->index ? -1 : 1;
}

/* The next entry's head. 0, UNZIP_E_END, UNZIP_E_BROKEN or negative. */
static int next_entry(struct unzip *z, struct archive_entry **ret_entry, struct error *err)
{
    int r = archive_read_next_header(z->archive, ret_entry);
    if (r == ARCHIVE_EOF) return UNZIP_E_END;
    if (r != ARCHIVE_OK) {
        const char *name = r == ARCHIVE_WARN ? archive_entry_pathname(*ret_entry) : NULL;
        show(z, name ? name : "");
        return failed(z, err);
    }
    z->index++;
    return 0;
}

static int list(struct unzip *z, uint64_t entries_max, struct error *err)
{
    struct archive_entry *e;
    int r = begin(z, err);
    while (r == 0 && (r = next_entry(z, &e, err)) == 0) {
        const char *name = archive_entry_pathname(e);
        if (z->index > entries_max) return refuse(err, "has more entries than unpack_entries allows");
        if (!name || !*name) return refuse(err, "has a member without a name");
        r = judge(z, e, name, err);
        if (r == 0) r = add_member(z, name, z->index - 1);
        if (r == PASS_OVER) r = 0;
    }
    if (r != UNZIP_E_END) return r;
    if (z->members == 0) return refuse(err, "holds no file");
    qsort(z->member, z->members, sizeof *z->member, by_name);
    z->shown[0] = '\0';
    return begin(z, err);
}

int unzip_open(int fd, uint64_t size, uint64_t entries_max, struct unzip **ret_zip, struct error *err)
{
    int r = check_directory(fd, size, entries_max, err);
    if (r != 0) return r;
    struct unzip *z = calloc(1, sizeof *z);
    if (!z) return -ENOMEM;
    z->fd = fd;
    z->size = size;
    z->locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    locale_t before = z->locale ? uselocale(z->locale) : (locale_t)0;
    r = list(z, entries_max, err);
    if (z->locale) uselocale(before);
    if (r != 0)
        unzip_close(z);
    else
        *ret_zip = z;
    return r;
}

void unzip_close(struct unzip *z)
{
    if (!z) return;
    archive_read_free(z->archive);
    for (size_t i = 0; i < z->members; i++)
        free(z->member[i].name);
    free(z->member);
    if (z->locale) freelocale(z->locale);
    free(z);
}

/* libarchive gives the entries in the order of the file: begin anew for one that it has passed. */
static int go_to(struct unzip *z, size_t index, struct error *err)
{
    struct archive_entry *e;
    int r = z->index > index ? begin(z, err) : 0;
    while (r == 0 && z->index <= index)
        r = next_entry(z, &e, err);
    return r == UNZIP_E_END ? refuse(err, "changed while it was read") : r;
}

int unzip_next(struct unzip *z, struct error *err)
{
    if (z->next == z->members) return UNZIP_E_END;
    const struct member *m = &z->member[z->next++];
    locale_t before = z->locale ? uselocale(z->locale) : (locale_t)0;
    int r = go_to(z, m->index, err);
    if (z->locale) uselocale(before);
    show(z, m->name);
    return r;
}

const char *unzip_name(const struct unzip *z)
{
    return z->shown;
}

int unzip_read(struct unzip *z, char *to, size_t room, size_t *ret_len, struct error *err)
{
    la_ssize_t n = archive_read_data(z->archive, to, room);
    if (n < 0) return failed(z, err);
    *ret_len = (size_t)n;
    return 0;
}
