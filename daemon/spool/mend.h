/* SPDX-License-Identifier: MIT */
/*
 * Why an entry of incoming/ cannot be claimed, in words, with the command that mends it: "permission denied; mend: chmod g+r …".
 * The command can be pasted: a path that is not plain is written in the shell's $'…'.
 *
 * Thread: any.
 */
#ifndef CETLD_SPOOL_MEND_H
#define CETLD_SPOOL_MEND_H

#include "base/error.h"

#include <stddef.h>
#include <sys/stat.h>

struct mend {
    const char *folder;    /* incoming/ */
    const char *path;      /* below it; bytes */
    const struct stat *st; /* of what is in the way: the file, or for mend_folder the folder */
};

/** The file cannot be opened; `code` is -errno. */
void mend_file(const struct mend *m, int code, struct error *err);
/** The folder that holds `path` cannot be searched, or nothing may be moved out of it; `code` is -errno. */
void mend_folder(const struct mend *m, int code, struct error *err);
/** The path as it can be pasted into a shell. Cut at `size` bytes; returns ret_text. */
char *mend_quote(const char *path, char *ret_text, size_t size);

#endif
