/* SPDX-License-Identifier: MIT */
/*
 * Backups by the configuration ([backup NAME]): what is due is made by the program `cetl` (cetl backup), which is run beside the
 * daemon, niced, one at a time.
 *
 *     resting ──due, the database is there──▶ preparing ──▶ running ──it ended──▶ noting ──▶ resting
 *        ▲           (worker: lock, note)      └─ the lock is taken ─┐     (worker: its words, note)
 *        └───────────────────────────────────────────────────────────┘
 *
 * A backup that is due gets its name, the time, by a note on the disk before anything is done, and keeps it until it is made,
 * however often it is tried and whoever is killed meanwhile: so each try goes on in the same place, where the one before may have
 * left objects, and where `--once` sees that it was made already. The lock is the child's: an orphan of a daemon that was killed
 * keeps the next one from the same place.
 *
 * Thread: loop; disks are asked by the workers, but for the notes at the start and at a reload.
 */
#ifndef CETLD_ETL_BACKUPS_H
#define CETLD_ETL_BACKUPS_H

#include "config/config.h"
#include "etl/observer.h"
#include "loop/workers.h"

struct backups;
struct backups_config {
    struct loop *loop;
    struct workers *workers;
    struct observers *observers;
    const char *state;       /* the daemon's folder; these two outlive the backups */
    const char *config_path; /* of the configuration, for `cetl -c` */
};

enum backup_outcome { BACKUP_NEVER, BACKUP_MADE, BACKUP_FAILED };
struct backup_view {
    const struct config_backup *settings;
    bool running;
    enum backup_outcome outcome; /* of the last try */
    const char *why;             /* BACKUP_FAILED: for a person */
    int64_t due_us;              /* when the next one is due; in the past: since then */
    int64_t made_us;             /* the last one that was made: its name; 0: none yet */
    int64_t began_us, ended_us;  /* and how long it took */
    bool moved;                  /* `to` was another one then */
    uint64_t made, failed;       /* since the start */
};

must_check int backups_new(const struct backups_config *config, struct config *settings, struct backups **ret_backups);
/** After the workers are gone. What runs is killed. NULL is fine. */
void backups_free(struct backups *b);
/** A reload: takes a reference. 0 or -ENOMEM, and then all is as before. */
must_check int backups_set_config(struct backups *b, struct config *settings);
/** The database is there; it is not (NULL is fine). What runs goes on by itself. */
void backups_go(struct backups *b);
void backups_hold(struct backups *b);
/** The daemon ends: what runs is told to (SIGTERM), and killed some seconds later; it stays due. `stopped` (may be NULL) is called
 * once, perhaps at once. NULL is fine. */
void backups_stop(struct backups *b, void (*stopped)(void *ctx), void *ctx);
size_t backups_count(const struct backups *b);
struct backup_view backups_at(const struct backups *b, size_t i);

#endif
