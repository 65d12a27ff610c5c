/* SPDX-License-Identifier: MIT */
#include "etl/backup_note.h"

#include "base/cleanup.h"
#include "base/fs.h"
#include "base/num.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>

enum { NOTE_MAX = 1024, WORDS_MAX = 64 * 1024 };
static const int64_t DAY_US = INT64_C(24) * 60 * 60 * 1000000;

/* The first time of the day after `after` that is `at`, or some `step`s from there. */
static int64_t next_at(int64_t at_us, int64_t step_us, int64_t after_us)
{
    int64_t past = (after_us - at_us) % step_us;
    if (past < 0) past += step_us;
    return after_us - past + step_us;
}

int64_t backup_due_us(const struct config_backup *settings, const struct backup_note *note, int64_t now_us)
{
    int64_t every_us = settings->every_ms * 1000;
    /* Times ahead of now are of a clock that was set back since: nobody can wait for them. */
    if (note->slot_us) return note->slot_us < now_us ? note->slot_us : now_us;
    if (!note->began_us || note->began_us > now_us) return now_us;
    int64_t last_us = note->began_us;
    if (settings->at_ms < 0) return last_us + every_us;
    int64_t step_us = every_us < DAY_US ? every_us : DAY_US;
    return next_at(settings->at_ms * 1000, step_us, last_us + every_us - step_us);
}

/* FNV-1a. */
int64_t backup_to_mark(const struct config_backup *settings)
{
    uint64_t sum = UINT64_C(14695981039346656037);
    for (const char *p = settings->to; *p; p++)
        sum = (sum ^ (unsigned char)*p) * UINT64_C(1099511628211);
    return (int64_t)(sum >> 1 | 1);
}

void backup_place(const struct config_backup *settings, int64_t slot_us, struct buf *out)
{
    char time[32];
    struct tm utc;
    time_t seconds = (time_t)(slot_us / 1000000);
    size_t len = strlen(settings->to);
    strftime(time, sizeof time, "%Y%m%dT%H%M%SZ", gmtime_r(&seconds, &utc));
    buf_printf(out, "%s%s%s-%s", settings->to, len > 0 && settings->to[len - 1] == '/' ? "" : "/", settings->name, time);
}

/* ---- state/backup ---- */

int backup_folder(const char *state, char **ret_path)
{
    cleanup_free char *path = NULL;
    if (asprintf(&path, "%s/backup", state) < 0) {
        path = NULL;
        return -ENOMEM;
    }
    int r = fs_mkdir_all(path, 0750);
    int dir = r < 0 ? r : fs_open_dir(AT_FDCWD, path);
    if (dir >= 0 && ret_path) *ret_path = steal_ptr(&path);
    return dir;
}

struct backup_note backup_note_read(int folder, const char *name)
{
    cleanup_free char *text = NULL;
    size_t len;
    struct backup_note n = {0};
    if (fs_read_small(folder, name, NOTE_MAX, &text, &len) < 0) return n;
    int64_t *const number[] = {&n.slot_us, &n.made_us, &n.began_us, &n.ended_us};
    struct slice rest = slice_trim((struct slice){text, len});
    for (size_t i = 0; i < sizeof number / sizeof number[0]; i++)
        if (num_parse_i64(slice_cut(&rest, ' '), number[i]) != 0) return (struct backup_note){0};
    if (rest.len > 0 && num_parse_i64(rest, &n.made_to) != 0) n.made_to = 0; /* notes of earlier versions do not have it */
    return n;
}

int backup_note_write(int folder, const char *name, const struct backup_note *n)
{
    char text[128];
    int len = snprintf(text, sizeof text, "%" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 "\n", n->slot_us, n->made_us,
                       n->began_us, n->ended_us, n->made_to);
    return fs_write_small(folder, name, 0640, (struct slice){text, (size_t)len});
}

int backup_lock(int folder)
{
    cleanup_fd int fd = openat(folder, ".lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0) return -errno;
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) return errno == EWOULDBLOCK ? -EAGAIN : -errno;
    return steal_fd(&fd);
}

static void words_name(const char *name, char ret_name[NAME_MAX + 1])
{
    snprintf(ret_name, NAME_MAX + 1, "%s.words", name);
}

int backup_words_open(int folder, const char *name)
{
    char file[NAME_MAX + 1];
    words_name(name, file);
    int fd = openat(folder, file, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
    return fd < 0 ? -errno : fd;
}

void backup_words_read(int folder, const char *name, char ret_text[ERROR_TEXT_MAX])
{
    cleanup_free char *text = NULL;
    char file[NAME_MAX + 1];
    size_t len = 0, at = 0;
    words_name(name, file);
    ret_text[0] = '\0';
    if (fs_read_small(folder, file, WORDS_MAX, &text, &len) < 0) return;
    for (struct slice rest = {text, len}; rest.p && at < ERROR_TEXT_MAX;) {
        struct slice line = slice_cut(&rest, '\n');
        if (slice_starts(line, SLICE("cetl: "))) line = (struct slice){line.p + 6, line.len - 6};
        if (line.len == 0) continue;
        line = slice_cut_utf8(line, ERROR_TEXT_MAX - 1 - at > 2 ? ERROR_TEXT_MAX - 3 - at : 0);
        at += (size_t)snprintf(ret_text + at, ERROR_TEXT_MAX - at, "%s" SLICE_FMT, at > 0 ? "; " : "", SLICE_ARG(line));
    }
}
