/* SPDX-License-Identifier: MIT */
#include "etl/backups.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "etl/backup_note.h"
#include "loop/child.h"
#include "loop/timer.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum {
    NICE = 10,
    LOOK_MAX_MS = 60 * 1000, /* between two looks at the clock, which may be set */
    LOCKED_MS = 2000,        /* until the lock is tried again */
    REST_FIRST_MS = 10 * 1000,
    REST_MAX_MS = 15 * 60 * 1000,
    GRACE_MS = 5000, /* at the daemon's end, from SIGTERM to SIGKILL, or until a worker is waited for no more */
    GONE_MS = 1000,  /* and from there until it is left alone: a disk hangs */
    PLACE_MAX = 8192,
    FIXED_ARGS = 16,
    ARENA_BLOCK = 4096,
    ARENA_MAX = 4 << 20,
};

struct backup {
    const struct config_backup *settings;
    struct backup_note note;
    enum backup_outcome outcome;
    char why[ERROR_TEXT_MAX];
    unsigned tries;   /* in vain, of the one that is due */
    int64_t again_ms; /* of the loop's clock: not before */
    uint64_t made, failed;
};

/* backups.h draws the transitions. */
enum state { RESTING, PREPARING, RUNNING, NOTING };

/* The one that is under way: nothing in here is the configuration's, which may change. */
struct run {
    struct arena arena;
    const char *name, *place;
    const char *to; /* which is made where it is missing; or NULL */
    const char **args;
    struct backup_note note;
    int64_t began_us, to_mark;
    char *program, *folder; /* malloc'd */
    int lock, words;
    int rc;
    bool made;
    struct error err;
};

struct backups {
    struct backups_config config;
    struct config *settings;
    struct backup *backup; /* of each in settings->backups */
    enum state state;
    struct run run;
    struct worker_job job;
    struct timer *timer;
    struct child *child;
    bool ready, stopping, killed, locked;
    void (*stopped)(void *ctx);
    void *stopped_ctx;
};

static void look(struct backups *b);

/* ---- on a worker ---- */

static int prepare(struct backups *b)
{
    struct run *u = &b->run;
    cleanup_fd int folder = backup_folder(b->config.state, &u->folder);
    if (folder < 0) return error_set(&u->err, folder, "backup below the state folder: %s", error_name(folder));
    u->lock = backup_lock(folder);
    if (u->lock == -EAGAIN) return -EAGAIN;
    int r = u->lock < 0 ? u->lock : backup_note_write(folder, u->name, &u->note);
    if (r == 0) u->words = backup_words_open(folder, u->name);
    if (r == 0 && u->words < 0) r = u->words;
    if (r < 0) return error_set(&u->err, r, "backup below the state folder cannot be written: %s", error_name(r));
    if (u->to && mkdir(u->to, 0750) < 0 && errno != EEXIST)
        return error_set(&u->err, -errno, "%s cannot be made: %s%s", u->to, strerror(errno),
                         errno == EROFS ? "; what the service may write is said by ReadWritePaths= (systemctl edit cetld)" : "");
    r = child_beside("cetl", &u->program);
    if (r == -ENOENT) return error_set(&u->err, -ENODEV, "the program cetl is neither beside cetld nor in ../bin; install it");
    return r < 0 ? error_set(&u->err, r, "%s", error_name(r)) : 0;
}

static void note(struct backups *b)
{
    struct run *u = &b->run;
    cleanup_fd int folder = backup_folder(b->config.state, NULL);
    if (folder < 0) return;
    char words[ERROR_TEXT_MAX];
    backup_words_read(folder, u->name, words);
    if (words[0] && !u->made) snprintf(u->err.text, sizeof u->err.text, "%s", words);
    /* Without the note it is tried again, and seen to be there. */
    if (u->made) (void)!backup_note_write(folder, u->name, &u->note);
}

static void run_job(struct worker_job *job)
{
    struct backups *b = container_of(job, struct backups, job);
    if (b->state == PREPARING)
        b->run.rc = prepare(b);
    else
        note(b);
}

/* ---- on the loop ---- */

static void enter(struct backups *b, enum state state)
{
    static const char *const name[] = {"resting", "preparing", "running", "noting"};
    log_debug("backups: %s -> %s", name[b->state], name[state]);
    b->state = state;
    if (state == PREPARING || state == NOTING) workers_submit(b->config.workers, &b->job);
}

static struct backup *find(const struct backups *b, const char *name)
{
    for (size_t i = 0; b->settings && i < b->settings->n_backups; i++)
        if (strcmp(b->settings->backups[i].name, name) == 0) return &b->backup[i];
    return NULL;
}

static void close_fd(int *fd)
{
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

static void run_done(struct run *u)
{
    close_fd(&u->lock);
    close_fd(&u->words);
    free(u->program);
    free(u->folder);
    u->program = u->folder = NULL;
    arena_done(&u->arena);
}

static void tell_stopped(struct backups *b)
{
    timer_stop(b->timer);
    if (b->stopped) b->stopped(b->stopped_ctx);
    b->stopped = NULL;
}

/* Half of the doubled pause is fixed, the other half drawn; not beyond `every`. */
static int64_t rest_ms(const struct backup *k)
{
    int64_t ms = REST_FIRST_MS;
    for (unsigned i = 1; i < k->tries && ms < REST_MAX_MS; i++)
        ms *= 2;
    if (ms > REST_MAX_MS) ms = REST_MAX_MS;
    if (ms > k->settings->every_ms) ms = k->settings->every_ms;
    return ms / 2 + (int64_t)((uint64_t)clock_mono_us() % (uint64_t)(ms / 2 + 1));
}

static void failed(struct backups *b, struct backup *k)
{
    const char *why = b->run.err.text[0] ? b->run.err.text : "it ended without a word";
    bool told = k->outcome == BACKUP_FAILED && strcmp(k->why, why) == 0;
    k->outcome = BACKUP_FAILED;
    k->note = b->run.note;
    k->failed++;
    k->tries++;
    int64_t ms = rest_ms(k);
    k->again_ms = loop_now_ms(b->config.loop) + ms;
    if (told) return;
    snprintf(k->why, sizeof k->why, "%s", why);
    log_warning("backup %s could not be made, and is tried again: %s", k->settings->name, why);
    observers_backup(b->config.observers, &(struct observed_backup){.name = k->settings->name, .why = k->why});
}

static void made(struct backups *b, struct backup *k)
{
    k->outcome = BACKUP_MADE;
    k->why[0] = '\0';
    k->note = b->run.note;
    k->made++;
    k->tries = 0;
    k->again_ms = 0;
    log_info("backup %s is made, in %.1f s: %s", k->settings->name, (double)(k->note.ended_us - k->note.began_us) / 1e6,
             b->run.place);
}

/* It is over, in whatever way. */
static void end(struct backups *b)
{
    struct backup *k = find(b, b->run.name);
    if (k && b->run.made)
        made(b, k);
    else if (k && !b->stopping)
        failed(b, k);
    run_done(&b->run);
    enter(b, RESTING);
    if (b->stopping) return tell_stopped(b);
    look(b);
}

static void on_ended(void *ctx, int64_t status, int signal)
{
    struct backups *b = ctx;
    struct run *u = &b->run;
    b->child = NULL;
    u->made = status == 0 && signal == 0;
    if (u->made) u->note = (struct backup_note){0, u->note.slot_us, u->began_us, clock_real_us(), u->to_mark};
    if (signal) error_set(&u->err, -EINTR, "cetl backup was killed by signal %d", signal);
    enter(b, NOTING);
}

static void spawn(struct backups *b)
{
    struct run *u = &b->run;
    cleanup_free char *temporary = NULL;
    if (asprintf(&temporary, "TMPDIR=%s", u->folder) < 0) temporary = NULL;
    const char *const set[] = {temporary, NULL};
    u->args[0] = u->program;
    const struct child_config c = {.file = u->program,
                                   .args = u->args,
                                   .set = set,
                                   .words = u->words,
                                   .keep = u->lock,
                                   .nice = NICE,
                                   .ended = on_ended,
                                   .ctx = b};
    int r = temporary ? child_start(b->config.loop, &c, &b->child) : -ENOMEM;
    close_fd(&u->lock); /* the child has it */
    close_fd(&u->words);
    if (r < 0) {
        error_set(&u->err, r, "%s cannot be run: %s", u->program, error_name(r));
        return end(b);
    }
    log_info("backup %s begins: %s", u->name, u->place);
    enter(b, RUNNING);
}

/* An orphan of an earlier daemon is at it. */
static void wait_for_lock(struct backups *b)
{
    if (!b->locked) log_info("a backup of an earlier cetld is still being made; backups wait for it");
    b->locked = true;
    run_done(&b->run);
    enter(b, RESTING);
    timer_start(b->timer, LOCKED_MS);
}

static void on_job(struct worker_job *job)
{
    struct backups *b = container_of(job, struct backups, job);
    if (b->state == NOTING || b->stopping || (b->run.rc < 0 && b->run.rc != -EAGAIN)) return end(b);
    if (b->run.rc == -EAGAIN) return wait_for_lock(b);
    b->locked = false;
    spawn(b);
}

/* ---- what is due ---- */

/* cetl -c FILE backup --once --to PLACE (--all | -- TABLE…) */
static int make_args(struct backups *b, const struct config_backup *settings)
{
    struct run *u = &b->run;
    struct buf place;
    size_t n = 0, tables = settings->table.n;
    bool all = tables == 1 && strcmp(settings->table.item[0], "*") == 0;
    buf_init(&place, PLACE_MAX);
    backup_place(settings, u->note.slot_us, &place);
    if (buf_check(&place) == 0) u->place = arena_cstr(&u->arena, buf_slice(&place));
    buf_done(&place);
    u->name = arena_cstr(&u->arena, slice_of(settings->name));
    u->args = arena_array(&u->arena, tables + FIXED_ARGS, sizeof *u->args);
    if (settings->to[0] == '/') u->to = arena_cstr(&u->arena, slice_of(settings->to));
    if (!u->place || !u->name || !u->args) return -ENOMEM;
    const char *const begin[] = {NULL, "-c", b->config.config_path, "backup", "--once", "--to", u->place, all ? "--all" : "--"};
    for (; n < sizeof begin / sizeof begin[0]; n++)
        u->args[n] = begin[n];
    for (size_t i = 0; !all && i < tables; i++) {
        u->args[n] = arena_cstr(&u->arena, slice_of(settings->table.item[i]));
        if (!u->args[n++]) return -ENOMEM;
    }
    u->args[n] = NULL;
    return 0;
}

static void begin(struct backups *b, const struct backup *k)
{
    b->run =
        (struct run){.lock = -1, .words = -1, .note = k->note, .began_us = clock_real_us(), .to_mark = backup_to_mark(k->settings)};
    arena_init(&b->run.arena, ARENA_BLOCK, ARENA_MAX);
    if (!b->run.note.slot_us) b->run.note.slot_us = b->run.began_us;
    if (make_args(b, k->settings) == 0) return enter(b, PREPARING);
    log_warning("backup %s: no memory", k->settings->name);
    run_done(&b->run);
    timer_start(b->timer, LOOK_MAX_MS);
}

/* How long until it may be tried; 0: now. */
static int64_t wait_ms(const struct backups *b, const struct backup *k)
{
    int64_t now_us = clock_real_us(), due_us = backup_due_us(k->settings, &k->note, now_us);
    int64_t due_ms = due_us <= now_us ? 0 : (due_us - now_us) / 1000 + 1, again_ms = k->again_ms - loop_now_ms(b->config.loop);
    return again_ms > due_ms ? again_ms : due_ms;
}

/* Begin the one that waits longest, or come back when one is due. */
static void look(struct backups *b)
{
    struct backup *first = NULL;
    int64_t next_ms = LOOK_MAX_MS, now_us = clock_real_us();
    if (b->state != RESTING || b->stopping) return;
    timer_stop(b->timer);
    if (!b->ready) return;
    for (size_t i = 0; i < b->settings->n_backups; i++) {
        struct backup *k = &b->backup[i];
        int64_t ms = wait_ms(b, k);
        if (ms < next_ms) next_ms = ms;
        if (ms > 0) continue;
        if (!first || backup_due_us(k->settings, &k->note, now_us) < backup_due_us(first->settings, &first->note, now_us))
            first = k;
    }
    if (first) return begin(b, first);
    if (b->settings->n_backups > 0) timer_start(b->timer, next_ms);
}

static void on_time(void *ctx)
{
    struct backups *b = ctx;
    if (!b->stopping) return look(b);
    if (!b->child) {
        log_warning("backup %s waits for the disk; it is left alone", b->run.name);
        return tell_stopped(b);
    }
    if (b->killed) {
        child_free(b->child);
        b->child = NULL;
        log_warning("backup %s cannot be ended; it is left alone", b->run.name);
        return end(b);
    }
    b->killed = true;
    child_kill(b->child, SIGKILL);
    timer_start(b->timer, GONE_MS);
}

void backups_go(struct backups *b)
{
    b->ready = true;
    look(b);
}

void backups_hold(struct backups *b)
{
    if (b) b->ready = false;
}

void backups_stop(struct backups *b, void (*stopped)(void *ctx), void *ctx)
{
    if (!b || b->stopping) return;
    b->stopping = true;
    b->stopped = stopped;
    b->stopped_ctx = ctx;
    if (b->state == RESTING) return tell_stopped(b);
    timer_start(b->timer, GRACE_MS);
    if (!b->child) return; /* a worker is at it, and its disk may hang */
    log_info("backup %s is broken off, and made by the next start", b->run.name);
    child_kill(b->child, SIGTERM);
}

/* ---- its life ---- */

int backups_set_config(struct backups *b, struct config *settings)
{
    struct backup *fresh = calloc(settings->n_backups + 1, sizeof *fresh);
    if (!fresh) return -ENOMEM;
    cleanup_fd int folder = settings->n_backups > 0 ? backup_folder(b->config.state, NULL) : -1;
    for (size_t i = 0; i < settings->n_backups; i++) {
        const struct backup *known = find(b, settings->backups[i].name);
        if (known) {
            fresh[i] = *known;
        } else if (folder >= 0) {
            fresh[i].note = backup_note_read(folder, settings->backups[i].name);
            if (fresh[i].note.ended_us) fresh[i].outcome = BACKUP_MADE;
        }
        fresh[i].settings = &settings->backups[i];
        fresh[i].again_ms = 0; /* what was in the way may be mended */
        fresh[i].tries = 0;
    }
    free(b->backup);
    b->backup = fresh;
    config_ref(settings);
    config_unref(b->settings);
    b->settings = settings;
    look(b);
    return 0;
}

int backups_new(const struct backups_config *config, struct config *settings, struct backups **ret_backups)
{
    struct backups *b = calloc(1, sizeof *b);
    if (!b) return -ENOMEM;
    *b = (struct backups){.config = *config, .job = {.run = run_job, .done = on_job, .priority = WORKER_NORMAL}};
    int r = timer_new(config->loop, on_time, b, &b->timer);
    if (r == 0) r = backups_set_config(b, settings);
    if (r < 0) {
        timer_free(b->timer);
        free(b);
        return r;
    }
    *ret_backups = b;
    return 0;
}

void backups_free(struct backups *b)
{
    if (!b) return;
    if (b->child) {
        child_kill(b->child, SIGKILL);
        child_free(b->child);
    }
    if (b->state != RESTING) run_done(&b->run);
    timer_free(b->timer);
    config_unref(b->settings);
    free(b->backup);
    free(b);
}

size_t backups_count(const struct backups *b)
{
    return b->settings->n_backups;
}

struct backup_view backups_at(const struct backups *b, size_t i)
{
    const struct backup *k = &b->backup[i];
    bool running = b->state != RESTING && strcmp(b->run.name, k->settings->name) == 0;
    return (struct backup_view){.settings = k->settings,
                                .running = running,
                                .outcome = k->outcome,
                                .why = k->why,
                                .due_us = backup_due_us(k->settings, running ? &b->run.note : &k->note, clock_real_us()),
                                .made_us = k->note.made_us,
                                .began_us = k->note.began_us,
                                .ended_us = k->note.ended_us,
                                .moved = k->note.made_to && k->note.made_to != backup_to_mark(k->settings),
                                .made = k->made,
                                .failed = k->failed};
}
