/* SPDX-License-Identifier: MIT */
#include "spool/mend.h"

#include "base/cleanup.h"
#include "base/log.h"

#include <grp.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { SHOWN_MAX = 640, GROUP_BYTES = 16384, GROUP_NAME_MAX = 64 };

char *mend_quote(const char *path, char *ret_text, size_t size)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-+,:@%=";
    if (strspn(path, plain) == strlen(path) && strlen(path) < size) return memcpy(ret_text, path, strlen(path) + 1);
    /* log_escape writes what bash reads back inside $'…'; only the quote itself is missing. */
    char escaped[SHOWN_MAX];
    log_escape(slice_of(path), escaped, sizeof(escaped));
    size_t at = (size_t)snprintf(ret_text, size, "$'");
    for (const char *c = escaped; *c && at + 4 < size; c++) {
        if (*c == '\'') ret_text[at++] = '\\';
        ret_text[at++] = *c;
    }
    snprintf(ret_text + at, size - at, "'");
    return ret_text;
}

static bool in_group(gid_t gid)
{
    if (gid == getegid()) return true;
    int n = getgroups(0, NULL);
    cleanup_free gid_t *groups = n > 0 ? calloc((size_t)n, sizeof(*groups)) : NULL;
    if (!groups) return false;
    n = getgroups(n, groups);
    for (int i = 0; i < n; i++)
        if (groups[i] == gid) return true;
    return false;
}

/* The name of the group we run as, or its number. */
static void own_group(char ret_name[GROUP_NAME_MAX])
{
    struct group g, *found = NULL;
    cleanup_free char *bytes = malloc(GROUP_BYTES);
    if (bytes && getgrgid_r(getegid(), &g, bytes, GROUP_BYTES, &found) == 0 && found)
        snprintf(ret_name, GROUP_NAME_MAX, "%s", g.gr_name);
    else
        snprintf(ret_name, GROUP_NAME_MAX, "%u", (unsigned)getegid());
}

/* The command that gives us `bits` ("r", "rwx") on something of owner, group and mode `st`. */
static void command(const struct stat *st, const char *bits, const char *shown, struct error *err)
{
    char group[GROUP_NAME_MAX];
    if (st->st_uid == geteuid()) {
        error_set(err, 0, "permission denied; mend: chmod u+%s %s", bits, shown);
    } else if (in_group(st->st_gid)) {
        error_set(err, 0, "permission denied; mend: chmod g+%s %s", bits, shown);
    } else {
        own_group(group);
        error_set(err, 0, "permission denied; mend: chown :%s %s && chmod g+%s %s", group, shown, bits, shown);
    }
}

void mend_file(const struct mend *m, int code, struct error *err)
{
    char path[PATH_MAX + NAME_MAX], shown[SHOWN_MAX / 2];
    snprintf(path, sizeof(path), "%s/%s", m->folder, m->path);
    mend_quote(path, shown, sizeof(shown));
    if (code == -EACCES)
        command(m->st, "r", shown, err);
    else
        error_set(err, 0, "cannot be opened: %s; look at: ls -l %s", error_name(code), shown);
}

void mend_folder(const struct mend *m, int code, struct error *err)
{
    char path[PATH_MAX + NAME_MAX], file[SHOWN_MAX / 2], folder[SHOWN_MAX / 2], plain[SHOWN_MAX / 2];
    snprintf(path, sizeof(path), "%s/%s", m->folder, m->path);
    mend_quote(path, file, sizeof(file));
    *strrchr(path, '/') = '\0';
    mend_quote(path, folder, sizeof(folder));
    log_escape(slice_of(path), plain, sizeof(plain));
    if (code == -EACCES)
        command(m->st, "rwx", folder, err);
    else if (code == -EROFS && getenv("INVOCATION_ID"))
        error_set(
            err, 0,
            "cannot be moved: the file system is read-only, at least for this unit; mend: systemctl edit cetld, [Service] "
            "ReadWritePaths=\"%s\", systemctl restart cetld (or, where the disk itself is read-only: mount -o remount,rw): %s",
            plain, file);
    else if (code == -EROFS)
        error_set(err, 0,
                  "cannot be moved: the file system is read-only; mend: mount -o remount,rw it, or move the file elsewhere: %s",
                  file);
    else if (code == -EPERM && (m->st->st_mode & S_ISVTX))
        error_set(err, 0, "cannot be moved out of a folder with the sticky bit; mend: chmod -t %s", folder);
    else if (code == -EPERM)
        error_set(err, 0, "cannot be moved: it seems to be immutable; mend: chattr -ia %s", file);
    else
        error_set(err, 0, "cannot be moved: %s; look at: ls -l %s", error_name(code), file);
}
