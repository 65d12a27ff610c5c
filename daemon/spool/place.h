/* SPDX-License-Identifier: MIT */
/*
 * The folders of the spool, and how a file moves through them by rename:
 *
 *   incoming/NAME ──claim──▶ work/TOKEN=NAME ──finish──▶ done/NAME | failed/NAME (+ NAME.errors.csv) | back to incoming/
 *
 * TOKEN is the identity of the arrival: 16 hex digits of the arrival's rank and time, so that names sort in arrival order, '-', and
 * 8 random ones. The ledger keeps the token; at start every file of work/ is looked up there and either finished or loaded. Nothing
 * is ever overwritten, and no two files share a token. One daemon a spool: place_open takes a lock file.
 *
 * Where something must lie beside the file it has a folder, work/TOKEN/NAME (which costs several times as much): `.path` (where
 * below incoming/ it came from, when that is more than its name), `.anyway` (it is to be loaded although its bytes are loaded
 * already), `.dataset` (that it goes to, whatever its name says: upload.h), and while it is copied from another file system `.part`
 * (a half copy) and then `.copy` (a whole one whose source is being removed). What is to be loaded once more is held there first
 * (hold.h). So has a file whose name is too long with the token before it, and every one that an older version claimed. The folders
 * of the spool are opened for each act and not held: they may be mounts or links, and be unmounted or made anew while the daemon
 * runs.
 *
 * Thread: place_open, place_close, place_recover: loop at start and end. place_claim, place_reopen, place_finish: any, they may
 * block (copy across file systems, fsync).
 */
#ifndef CETLD_SPOOL_PLACE_H
#define CETLD_SPOOL_PLACE_H

#include "base/error.h"
#include "base/fs.h"
#include "base/slice.h"

#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

enum { PLACE_TOKEN_MAX = 26 }; /* with the NUL */

struct place {
    char *path; /* the spool */
    int root;   /* its directory descriptor */
    int lock;
    _Atomic uint64_t rank; /* the last token's, so that tokens rise */
    struct fs_pace pace;   /* of claims and finishes across file systems. Thread: any */
};

/** Make what is missing (incoming/ 2770, the others 0750), open, lock. 0, or negative with the words in err (who holds the lock:
 * its pid). */
must_check int place_open(struct place *p, const char *spool, struct error *err);
void place_close(struct place *p);
/** From now on what is copied from or to another file system stays where it is: claims and finishes give up with -ECANCELED. */
void place_hurry(struct place *p);
/** "incoming", "work", "done" or "failed" of the spool: a descriptor the caller closes, or -errno. */
must_check int place_folder(const struct place *p, const char *name);

struct place_file {
    char token[PLACE_TOKEN_MAX];
    char name[NAME_MAX + 1]; /* last component, bytes as they are */
    bool flat;               /* it is work/TOKEN=NAME; else work/TOKEN/NAME */
    char *path;              /* as it was below incoming/ (with subfolders); malloc'd, place_file_done frees it */
    int fd;                  /* -1 but after place_reopen: a hundred thousand files may be waiting */
    bool anyway;             /* load it although its bytes are loaded already */
    char *dataset;           /* that it was sent to; NULL: its name says. malloc'd, as path */
    struct stat st;          /* after the claim or place_reopen; another one later (fs_stat_same): changed under our hands */
};
/** Close the descriptor; place_reopen opens it again. */
void place_file_close(struct place_file *f);
void place_file_done(struct place_file *f);

enum {
    PLACE_E_GONE = 1,    /* it is not there any more */
    PLACE_E_UNREADABLE,  /* cannot be opened or moved; err says why and the mend ("chmod g+r …") */
    PLACE_E_NOT_REGULAR, /* a directory, symlink, FIFO, socket or device; err says which */
};
/** Reserve the next token now (arrival order is the order of these calls), for a claim that runs on a worker later. */
void place_token(struct place *p, char ret_token[PLACE_TOKEN_MAX]);
/** When the file of that token arrived, in microseconds of real time; now, where that is not to be told. */
int64_t place_token_us(const char *token);
struct place_wish {
    const char *path; /* below incoming/ */
    const char *token;
    bool durable; /* fsync the folders, so that after a power loss the token is still that of this arrival */
    bool again;   /* a call with this token failed before */
};
/**
 * Open with O_NOFOLLOW|O_NONBLOCK, check that it is a regular file, and claim it: into work/. On PLACE_E_UNREADABLE and
 * PLACE_E_NOT_REGULAR nothing has moved and ret_file->st holds the lstat (all zero when not even that was allowed). A negative code
 * (no descriptors, no space, …) left the file where it was too, or in work/: call `again` later with the same token, which keeps
 * the file's place in the order of arrival and takes up what the first call had moved. (But -EAGAIN: it was written to while it was
 * copied; it is not complete, and arrives anew when it is.) What was replaced between open and rename is put back and is
 * PLACE_E_GONE.
 */
must_check int place_claim(struct place *p, const struct place_wish *wish, struct error *err, struct place_file *ret_file);

enum place_target { PLACE_DONE, PLACE_FAILED, PLACE_INCOMING };

/**
 * Move the file from work/ to the target folder (its own sub folder structure is not kept), under the next free name, and remove
 * its token folder if it has one. For PLACE_FAILED `errors` (may be empty) becomes NAME.errors.csv first. Repeatable: a file that
 * is already there is no error. ret_name (NAME_MAX + 1 bytes, may be NULL) gets the final name.
 */
must_check int place_finish(struct place *p, const struct place_file *f, enum place_target target, struct slice errors,
                            char *ret_name);

/**
 * Every claimed file in token order, as after place_claim. Empty token folders and half copies are removed; what cannot be opened
 * any more goes back to incoming/. `found` takes over the file. What cannot be taken up, files that share a token among it, is
 * logged and left as it is; negative only when work/ itself cannot be read.
 */
must_check int place_recover(struct place *p, void (*found)(void *ctx, struct place_file *f), void *ctx, struct error *err);

/**
 * Open a claimed file for reading: f->fd, and f->st as it is now. The token is the file's identity, so that what was changed or
 * replaced in work/ since the claim is taken as it is: what is read is what place_finish moves. 0; PLACE_E_GONE or
 * PLACE_E_NOT_REGULAR; or negative. f is written on success only.
 */
must_check int place_reopen(const struct place *p, struct place_file *f, struct error *err);

/** What the file is for a person: "a symbolic link", "a FIFO". */
const char *place_kind(mode_t mode);

#endif
