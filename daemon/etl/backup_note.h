/* SPDX-License-Identifier: MIT */
/*
 * What is known of a backup ([backup NAME]) over restarts, when the next one is due, and what lies in state/backup: the note
 * NAME, what the last `cetl backup` said (NAME.words), and the lock (.lock), which each of them holds as long as it lives.
 *
 * Thread: any; what has a folder asks the disk.
 */
#ifndef CETLD_ETL_BACKUP_NOTE_H
#define CETLD_ETL_BACKUP_NOTE_H

#include "base/buf.h"
#include "config/config.h"

/** Times in microseconds since 1970; 0: none. */
struct backup_note {
    int64_t slot_us;  /* of the one that is due, and is not made: when it was first tried, which is its name */
    int64_t made_us;  /* of the last one that was made: likewise */
    int64_t began_us; /* of that: when the try began that made it */
    int64_t ended_us; /* and when it ended */
    int64_t made_to;  /* and backup_to_mark then; 0: not known */
};

/** When the next one is due: now or earlier where none was made yet, or at a time that is still to come. */
int64_t backup_due_us(const struct config_backup *settings, const struct backup_note *note, int64_t now_us);
/** A sum over `to`, not 0: another one where `to` was changed. */
int64_t backup_to_mark(const struct config_backup *settings);
/** Where the one of that time goes. Failures show in buf_check. */
void backup_place(const struct config_backup *settings, int64_t slot_us, struct buf *out);

/** state/backup, which is made where it is missing: a descriptor, or -errno. ret_path may be NULL; malloc'd. */
must_check int backup_folder(const char *state, char **ret_path);
/** Without a note, or with a bad one, nothing is known. */
struct backup_note backup_note_read(int folder, const char *name);
must_check int backup_note_write(int folder, const char *name, const struct backup_note *note);
/** A descriptor that holds the lock; -EAGAIN: a `cetl backup` is at work, of an earlier daemon; -errno. */
must_check int backup_lock(int folder);
/** A descriptor for what it writes; or -errno. */
must_check int backup_words_open(int folder, const char *name);
/** What was written there, on one line. */
void backup_words_read(int folder, const char *name, char ret_text[ERROR_TEXT_MAX]);

#endif
