/* SPDX-License-Identifier: MIT */
/*
 * Files for the tests of what is packed, made by zlib and libarchive; they lie in memory only.
 */
#ifndef CETLD_TESTS_SPOOL_PACKED_H
#define CETLD_TESTS_SPOOL_PACKED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "base/buf.h"
#include "base/fs.h"

#include <archive.h>
#include <archive_entry.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

/** A file of these bytes; the caller closes it. */
static inline int packed_file(struct slice bytes)
{
    int fd = memfd_create("packed", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(fs_write_all(fd, bytes.p, bytes.len), 0);
    return fd;
}

/** Append the text as one gzip member. */
static inline void packed_gzip(struct buf *out, struct slice text)
{
    char piece[4096];
    z_stream z = {.next_in = (Bytef *)text.p, .avail_in = (uInt)text.len};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    int r;
    do {
        z.next_out = (Bytef *)piece;
        z.avail_out = sizeof piece;
        r = deflate(&z, Z_FINISH);
        buf_append(out, piece, sizeof piece - z.avail_out);
    } while (r == Z_OK);
    assert_int_equal(r, Z_STREAM_END);
    deflateEnd(&z);
}

struct packed_member {
    const char *name; /* one that ends in / is a folder */
    struct slice text;
};

/** Append a zip file of these members, in their order. */
static inline void packed_zip(struct buf *out, const struct packed_member *member, size_t n)
{
    static char memory[1 << 20];
    size_t used = 0;
    struct archive *a = archive_write_new();
    assert_int_equal(archive_write_set_format_zip(a), ARCHIVE_OK);
    assert_int_equal(archive_write_open_memory(a, memory, sizeof memory, &used), ARCHIVE_OK);
    for (size_t i = 0; i < n; i++) {
        struct archive_entry *e = archive_entry_new();
        bool folder = member[i].name[strlen(member[i].name) - 1] == '/';
        archive_entry_set_pathname(e, member[i].name);
        archive_entry_set_filetype(e, folder ? AE_IFDIR : AE_IFREG);
        archive_entry_set_size(e, (la_int64_t)member[i].text.len);
        archive_entry_set_perm(e, 0644);
        assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
        if (member[i].text.len) assert_int_equal(archive_write_data(a, member[i].text.p, member[i].text.len), member[i].text.len);
        archive_entry_free(e);
    }
    assert_int_equal(archive_write_close(a), ARCHIVE_OK);
    archive_write_free(a);
    buf_append(out, memory, used);
}

#endif
