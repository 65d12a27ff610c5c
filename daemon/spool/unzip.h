/* SPDX-License-Identifier: MIT */
/*
 * A zip file as its members, by libarchive. Its regular members are read in the order of their names; folders, what macOS adds
 * (__MACOSX) and names that begin with a dot are passed over. The names choose the order and stand in messages, and are used for
 * nothing else.
 *
 * Refused: a file that is cut off or goes on behind its directory, more entries than allowed, a member that is encrypted, is no
 * regular file, leaves its folder (../, /), or whose CRC or size is wrong. (libarchive only warns of the last.)
 *
 *     unzip_open(fd, size, entries_max, &z, err);
 *     while (unzip_next(z, err) == 0)
 *         while (unzip_read(z, to, room, &n, err) == 0 && n > 0) …
 *     unzip_close(z);
 *
 * Thread: any, one at a time.
 */
#ifndef CETLD_SPOOL_UNZIP_H
#define CETLD_SPOOL_UNZIP_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

enum {
    UNZIP_E_BROKEN = 1, /* refused; the words are in err */
    UNZIP_E_END,        /* there is no further member */
};

/** Bytes of the directory for each entry that is allowed. */
enum { UNZIP_ENTRY_BYTES = 512 };

struct unzip;

/** `fd` stays the caller's; it is read by pread only. 0, UNZIP_E_BROKEN, or negative. */
must_check int unzip_open(int fd, uint64_t size, uint64_t entries_max, struct unzip **ret_zip, struct error *err);
void unzip_close(struct unzip *z);
/** Go to the next member. 0, UNZIP_E_END, UNZIP_E_BROKEN or negative. */
must_check int unzip_next(struct unzip *z, struct error *err);
/** The name of the member, for people: printable. */
const char *unzip_name(const struct unzip *z);
/** Up to `room` bytes of the member; 0 bytes at its end. 0, UNZIP_E_BROKEN or negative. */
must_check int unzip_read(struct unzip *z, char *to, size_t room, size_t *ret_len, struct error *err);

#endif
