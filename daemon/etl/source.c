/* SPDX-License-Identifier: MIT */
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "etl/source_private.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    FIRST_MS = 100, /* after the start */
    REST_FIRST_MS = 1000,
    REST_MAX_MS = 5 * 60 * 1000,
    TRIES = 6, /* of a pull that somebody asked for */
    NOTE_MAX = 16 * 1024,
    REDIRECTS = 5,
};

/* ---- on a worker ---- */

int source_folder(const char *state)
{
    cleanup_free char *path = NULL;
    if (asprintf(&path, "%s/sources", state) < 0) return -ENOMEM;
    int r = fs_mkdir_all(path, 0750);
    return r < 0 ? r : fs_open_dir(AT_FDCWD, path);
}

static void take_line(struct slice *rest, char ret_text[SOURCE_VERSION_MAX])
{
    struct slice line = slice_cut(rest, '\n');
    snprintf(ret_text, SOURCE_VERSION_MAX, SLICE_FMT, SLICE_ARG(line));
}

/* The version that is noted for this address. Without a note, or with a bad one, the file is fetched. */
static void read_note(struct source *s)
{
    cleanup_free char *text = NULL;
    size_t len = 0;
    s->version = (struct source_version){0};
    cleanup_fd int dir = source_folder(s->config.state);
    if (dir < 0 || fs_read_small(dir, s->name, NOTE_MAX, &text, &len) < 0) return;
    struct slice rest = {text, len}, url = slice_cut(&rest, '\n'), dataset = slice_cut(&rest, '\n');
    struct buf name;
    buf_init(&name, NOTE_MAX);
    source_access_name(s, &name);
    bool same = buf_check(&name) == 0 && slice_equal(url, buf_slice(&name)) && slice_equal(dataset, slice_of(s->dataset));
    buf_done(&name);
    if (!same) return;
    take_line(&rest, s->version.etag);
    take_line(&rest, s->version.modified);
}

/* It is not the end of the world if this fails: the file comes once more, and is a duplicate. */
static void write_note(const struct source *s)
{
    struct buf text;
    buf_init(&text, NOTE_MAX);
    source_access_name(s, &text);
    buf_printf(&text, "\n%s\n%s\n%s\n", s->dataset, s->fresh.etag, s->fresh.modified);
    cleanup_fd int dir = source_folder(s->config.state);
    if (dir >= 0 && buf_check(&text) == 0) (void)!fs_write_small(dir, s->name, 0640, buf_slice(&text));
    buf_done(&text);
}

static int open_upload(struct source *s)
{
    uint64_t room;
    if (!s->stored.store) read_note(s);
    int r = upload_room(s->config.place, &room);
    if (r < 0) return error_set(&s->err, r, "the spool cannot be looked at: %s", error_name(r));
    if (room < s->min_free) return error_set(&s->err, -ENOSPC, SOURCE_FULL);
    r = upload_open(s->config.place, &s->upload);
    return r < 0 ? error_set(&s->err, r, "the spool cannot be written: %s", error_name(r)) : 0;
}

static int place_upload(struct source *s)
{
    const struct upload_wish wish = {.name = s->file_name, .dataset = s->dataset};
    int r = upload_sync(&s->upload);
    if (r < 0) return error_set(&s->err, r, "it cannot be written to the spool: %s", error_name(r));
    r = upload_place(&s->upload, &wish, &s->err, &s->file);
    if (r < 0) return r;
    r = upload_settle(s->config.place);
    if (r == 0) s->stored.store ? source_store_note(s) : write_note(s);
    return 0; /* it is in work/ */
}

static void run(struct worker_job *job)
{
    struct source *s = container_of(job, struct source, job);
    s->rc = 0;
    if (s->step == STEP_RECALL) s->rc = source_store_recall(s);
    if (s->step == STEP_OPEN) s->rc = open_upload(s);
    if (s->step == STEP_PLACE) s->rc = place_upload(s);
    if (s->step == STEP_TIDY) source_store_tidy(s);
    if (s->step == STEP_DROP || s->rc != 0) upload_close(&s->upload);
}

/* ---- on the loop ---- */

static void free_names(struct source *s)
{
    free(s->name);
    free(s->url);
    free(s->dataset);
    free(s->file_name);
    free(s->ca_file);
    source_access_forget(s);
    s->name = s->url = s->dataset = s->file_name = s->ca_file = NULL;
}

static void destroy(struct source *s)
{
    source_store_done(s);
    free_names(s);
    free(s);
}

void source_submit(struct source *s, enum source_step step)
{
    s->step = step;
    s->working = true;
    workers_submit(s->config.workers, &s->job);
}

/* Half of the doubled pause is fixed, the other half drawn. */
static int64_t rest_ms(const struct source *s)
{
    int64_t ms = REST_FIRST_MS;
    for (unsigned i = 1; i < s->tries && ms < REST_MAX_MS; i++)
        ms *= 2;
    if (ms > REST_MAX_MS) ms = REST_MAX_MS;
    return ms / 2 + (int64_t)((uint64_t)clock_mono_us() % (uint64_t)(ms / 2 + 1));
}

static void rest(struct source *s, bool may_pass)
{
    bool again = may_pass && (s->settings->every_ms > 0 || s->tries < TRIES);
    int64_t soon = rest_ms(s), every = s->settings->every_ms;
    if (s->moved && every > 0)
        timer_start(s->timer, FIRST_MS);
    else if (s->stored.more)
        timer_start(s->timer, REST_FIRST_MS);
    else if (again)
        timer_start(s->timer, every > 0 && every < soon ? every : soon);
    else if (every > 0)
        timer_start(s->timer, every);
}

/* The pull is over, and nothing of it is on the disk but in work/. */
void source_end(struct source *s, enum source_outcome outcome, bool may_pass)
{
    bool told = s->outcome == SOURCE_FAILED && strcmp(s->why, s->err.text) == 0;
    s->pulling = false;
    s->pulls++;
    s->outcome = outcome;
    s->ended_us = clock_real_us();
    s->tries = outcome == SOURCE_FAILED ? s->tries + 1 : 0;
    if (outcome == SOURCE_FAILED) {
        snprintf(s->why, sizeof s->why, "%s", s->err.text);
        if (!told) log_warning("source %s: %s", s->settings->name, s->why);
    } else {
        s->why[0] = '\0';
    }
    source_store_done(s);
    rest(s, may_pass);
}

static void drop(struct source *s, enum source_outcome outcome, bool may_pass)
{
    s->pending = outcome;
    s->may_pass = may_pass;
    source_submit(s, STEP_DROP);
}

/* ---- the request ---- */

/* It goes into a request's head again: what could end a line there is left out. */
static void take_header(const struct transfer_answer *a, const char *name, char ret_text[SOURCE_VERSION_MAX])
{
    struct slice value = transfer_header(a, name);
    bool fits = value.len < SOURCE_VERSION_MAX;
    for (size_t i = 0; i < value.len; i++)
        fits &= (unsigned char)value.p[i] >= ' ' && value.p[i] != 0x7f;
    snprintf(ret_text, SOURCE_VERSION_MAX, SLICE_FMT, SLICE_ARG(fits ? value : SLICE("")));
}

static void on_answer(void *ctx, const struct transfer_answer *a)
{
    struct source *s = ctx;
    s->transfer = NULL;
    if (a->status != 0) {
        bool big = a->status == ERROR_TOO_BIG;
        const char *why = big ? "the file is larger than size_max" : a->status == -ENOSPC ? SOURCE_FULL : a->why;
        error_set(&s->err, a->status, "%s", why);
        return drop(s, SOURCE_FAILED, !big && a->status != ERROR_REFUSED);
    }
    if (a->code == 304) return drop(s, SOURCE_UNCHANGED, false);
    if (a->code == 401 || a->code == 403) {
        source_access_refused(s, a);
        return drop(s, SOURCE_FAILED, false);
    }
    if (a->code != 200) {
        error_set(&s->err, -EPROTO, "the server answered %d", a->code);
        return drop(s, SOURCE_FAILED, a->code == 408 || a->code == 425 || a->code == 429 || a->code >= 500);
    }
    take_header(a, "ETag", s->fresh.etag);
    take_header(a, "Last-Modified", s->fresh.modified);
    source_submit(s, STEP_PLACE);
}

static void fetch(struct source *s)
{
    char etag[SOURCE_VERSION_MAX + 32], modified[SOURCE_VERSION_MAX + 32];
    const char *header[3];
    size_t n = 0;
    snprintf(etag, sizeof etag, "If-None-Match: %s", s->version.etag);
    snprintf(modified, sizeof modified, "If-Modified-Since: %s", s->version.modified);
    if (s->version.etag[0]) header[n++] = etag;
    if (s->version.modified[0]) header[n++] = modified;
    if (s->authorization) header[n++] = s->authorization;
    struct transfer_request request = {.method = "GET",
                                       .url = s->url,
                                       .header = header,
                                       .headers = n,
                                       .answer_max = (uint64_t)s->settings->bytes_max,
                                       .into = &s->upload.fd,
                                       .min_free = s->min_free,
                                       .redirects = REDIRECTS,
                                       .direct = source_access_is_direct(s),
                                       .ca_file = s->ca_file,
                                       .done = on_answer,
                                       .ctx = s};
    int r = transfer_start(s->config.transfers, &request, &s->transfer);
    if (r == 0) return;
    error_set(&s->err, r, "%s", error_name(r));
    drop(s, SOURCE_FAILED, true);
}

static void hand_over(struct source *s)
{
    snprintf(s->token, sizeof s->token, "%s", s->file.token);
    log_info("source %s: %lld bytes came, as %s", s->name, (long long)s->file.st.st_size, s->file.name);
    s->config.file(s->config.ctx, &s->file);
}

static void on_job(struct worker_job *job)
{
    struct source *s = container_of(job, struct source, job);
    s->working = false;
    if (s->freed) {
        if (s->upload.hidden[0]) return source_submit(s, STEP_DROP);
        if (s->step == STEP_PLACE && s->rc == 0) hand_over(s);
        return destroy(s);
    }
    if (s->step == STEP_PLACE && s->rc == 0) hand_over(s);
    if (s->stored.store) return source_store_went_on(s);
    if (s->step == STEP_DROP) return source_end(s, s->pending, s->may_pass);
    if (s->rc != 0) return source_end(s, SOURCE_FAILED, true);
    if (s->step == STEP_OPEN) return fetch(s);
    source_end(s, SOURCE_PULLED, false);
}

/* ---- when ---- */

static int digit_of(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

char *source_file_name(const char *name, struct slice path, bool escaped)
{
    const char *slash = path.len > 0 ? memrchr(path.p, '/', path.len) : NULL;
    struct slice last = slash ? (struct slice){slash + 1, path.len - (size_t)(slash + 1 - path.p)} : path;
    char text[NAME_MAX + 1], *made = NULL;
    size_t n = 0;
    for (size_t i = 0; i < last.len && n < NAME_MAX; i++) {
        bool two = escaped && last.p[i] == '%' && i + 2 < last.len;
        int high = two ? digit_of(last.p[i + 1]) : -1, low = high >= 0 ? digit_of(last.p[i + 2]) : -1;
        text[n++] = low >= 0 ? (char)(high << 4 | low) : last.p[i];
        if (low >= 0) i += 2;
    }
    text[n] = '\0';
    if (n > 0 && strlen(text) == n && !upload_name_fault((struct slice){text, n})) return strdup(text);
    return asprintf(&made, "%s.csv", name) < 0 ? NULL : made;
}

/* What stands behind the host, up to a query. */
static struct slice path_of(const char *url)
{
    const char *host = strstr(url, "://") + strlen("://"), *path = host + strcspn(host, "/?#");
    return (struct slice){path, strcspn(path, "?#")};
}

void source_pull(struct source *s)
{
    if (s->pulling) return;
    timer_stop(s->timer);
    free_names(s);
    s->err = (struct error){0};
    s->stored.more = s->moved = false;
    s->min_free = (uint64_t)s->all->daemon.spool_min_free;
    s->upload = (struct upload){.place = s->config.place, .fd = -1};
    s->name = strdup(s->settings->name);
    s->url = strdup(s->settings->target);
    s->dataset = strdup(s->settings->dataset);
    s->file_name = source_file_name(s->settings->name, path_of(s->settings->target), true);
    s->ca_file = strdup(s->settings->ca_file);
    if (!s->name || !s->url || !s->dataset || !s->file_name || !s->ca_file || source_access_take(s) < 0) {
        error_set(&s->err, -ENOMEM, "no memory");
        return source_end(s, SOURCE_FAILED, true);
    }
    s->pulling = true;
    if (store_is_url(slice_of(s->url))) return source_store_begin(s);
    source_submit(s, STEP_OPEN);
}

static void on_time(void *ctx)
{
    struct source *s = ctx;
    s->pulling ? source_store_look(s) : source_pull(s);
}

int source_new(const struct source_config *config, const struct config *all, const struct config_source *settings,
               struct source **ret_source)
{
    struct source *s = calloc(1, sizeof *s);
    if (!s) return -ENOMEM;
    *s = (struct source){.config = *config,
                         .all = all,
                         .stored.seen = {.folder = -1, .fd = -1},
                         .settings = settings,
                         .job = {.run = run, .done = on_job, .priority = WORKER_NORMAL},
                         .upload = {.fd = -1}};
    int r = timer_new(config->loop, on_time, s, &s->timer);
    if (r < 0) {
        free(s);
        return r;
    }
    if (settings->every_ms > 0) timer_start(s->timer, FIRST_MS);
    *ret_source = s;
    return 0;
}

void source_free(struct source *s)
{
    if (!s) return;
    timer_free(s->timer);
    transfer_cancel(s->transfer);
    store_cancel(s->stored.op);
    listing_free(s->stored.listing);
    s->timer = NULL;
    s->transfer = NULL;
    s->stored.op = NULL;
    s->stored.listing = NULL;
    s->freed = true;
    if (s->working) return;
    if (s->upload.hidden[0])
        source_submit(s, STEP_DROP);
    else
        destroy(s);
}

static bool differ(const char *a, const char *b)
{
    return strcmp(a, b) != 0;
}

void source_set(struct source *s, const struct config *all, const struct config_source *settings)
{
    int64_t before = s->settings->every_ms;
    bool sooner = settings->every_ms > 0 && settings->every_ms != before;
    bool other = differ(settings->target, s->settings->target) || differ(settings->token, s->settings->token) ||
                 differ(settings->user, s->settings->user) || differ(settings->password, s->settings->password);
    s->settings = settings;
    s->all = all;
    s->moved |= s->pulling && other;
    if (s->pulling) return;
    if (settings->every_ms == 0 && before > 0) timer_stop(s->timer); /* else it is of a pull that somebody asked for */
    if (settings->every_ms > 0 && (sooner || other)) timer_start(s->timer, other ? FIRST_MS : settings->every_ms);
}

struct source_view source_look(const struct source *s)
{
    return (struct source_view){.settings = s->settings,
                                .pulling = s->pulling,
                                .outcome = s->outcome,
                                .why = s->why,
                                .token = s->token,
                                .ended_us = s->ended_us,
                                .pulls = s->pulls};
}
