/* SPDX-License-Identifier: MIT */
#include "etl/ending.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdio.h>

enum { SHOWN_MAX = 4 * NAME_MAX + 1 };

/* What NAME.errors.csv is made of: the rejects, or the one error of the file as such. */
static struct reject_list *errors_of(const struct load_report *report)
{
    struct reject r = {.message = slice_of(report->why->text)};
    snprintf(r.code, sizeof r.code, "%s", report->why->sqlstate[0] ? report->why->sqlstate : "22P04");
    if (report->rejects->n == 0 && reject_list_add(report->rejects, &r) < 0)
        log_warning("an .errors.csv is missing for want of memory");
    return report->rejects;
}

static void count_rows(struct counters *c, const struct arrival_counts *n)
{
    counters_add(c, COUNTER_ROWS_READ, (int64_t)n->read);
    counters_add(c, COUNTER_ROWS_LOADED, (int64_t)n->loaded);
    counters_add(c, COUNTER_ROWS_UPDATED, (int64_t)n->updated);
    counters_add(c, COUNTER_ROWS_IGNORED, (int64_t)n->ignored);
    counters_add(c, COUNTER_ROWS_REJECTED, (int64_t)n->rejected);
    counters_add(c, COUNTER_ROWS_FILTERED, (int64_t)n->filtered);
}

static void count_time(struct counters *c, struct arrival *a)
{
    a->settled_us = clock_mono_us();
    counters_observe(c, HISTOGRAM_FILE, clock_real_us() - a->arrived_us);
    counters_observe(c, HISTOGRAM_FILE_WAIT, a->started_us - a->arrived_us);
}

/* One line a file, with fields. */
static void say(const struct arrival *a, const struct load_report *report)
{
    char name[SHOWN_MAX], id[24], bytes[24], took[32], read[24], rows[24], updated[24], ignored[24], rejected[24], filtered[24],
        more[128] = "";
    const struct arrival_counts *n = &a->counts;
    snprintf(id, sizeof id, "%lld", (long long)a->ledger_id);
    double seconds = (double)(clock_real_us() - a->started_us) / 1e6;
    snprintf(bytes, sizeof bytes, "%lld", (long long)a->file.st.st_size);
    snprintf(took, sizeof took, "%.3f", seconds);
    snprintf(read, sizeof read, "%llu", (unsigned long long)n->read);
    snprintf(rows, sizeof rows, "%llu", (unsigned long long)n->loaded);
    snprintf(updated, sizeof updated, "%llu", (unsigned long long)n->updated);
    snprintf(ignored, sizeof ignored, "%llu", (unsigned long long)n->ignored);
    snprintf(rejected, sizeof rejected, "%llu", (unsigned long long)n->rejected);
    snprintf(filtered, sizeof filtered, "%llu", (unsigned long long)n->filtered);
    if (n->updated || n->ignored) snprintf(more, sizeof more, "%s updated, %s ignored, ", updated, ignored);
    if (n->filtered) snprintf(more + strlen(more), sizeof more - strlen(more), "%s filtered, ", filtered);
    log_escape(slice_of(a->file.name), name, sizeof name);
    struct log_fields fields =
        LOG_FIELDS({"FILE", name}, {"DATASET", a->dataset}, {"FILE_ID", id}, {"STATE", arrival_state_name(a->state)},
                   {"BYTES", bytes}, {"SECONDS", took}, {"READ", read}, {"ROWS", rows}, {"UPDATED", updated}, {"IGNORED", ignored},
                   {"REJECTED", rejected}, {"FILTERED", filtered}, {"TOKEN", a->file.token});
    switch (report->outcome) {
    case LOAD_LOADED:
        log_event(LOG_INFO, fields, "loaded %s: %s rows into %s, %s%s rejected, %.3f s", name, rows, a->dataset, more, rejected,
                  seconds);
        break;
    case LOAD_DUPLICATE:
        log_event(LOG_INFO, fields, "duplicate %s: its bytes were loaded as file %lld", name, (long long)report->duplicate_of);
        break;
    default: log_event(LOG_WARNING, fields, "failed %s: %s", name, report->why->text); break;
    }
}

void ending_begin(struct endings *e, struct arrival *a, const struct load_report *report)
{
    static const enum counter_id counter_of[] = {
        [LOAD_LOADED] = COUNTER_FILES_LOADED, [LOAD_DUPLICATE] = COUNTER_FILES_DUPLICATE, [LOAD_FAILED] = COUNTER_FILES_FAILED};
    counters_add(e->counters, counter_of[report->outcome], 1);
    count_rows(e->counters, &a->counts);
    count_time(e->counters, a);
    say(a, report);
    observers_file(e->observers, &(struct observed_file){.dataset = a->dataset,
                                                         .name = a->file.name,
                                                         .state = arrival_state_name(a->state),
                                                         .why = report->outcome == LOAD_FAILED ? report->why->text : NULL,
                                                         .id = a->ledger_id,
                                                         .duplicate_of = report->duplicate_of,
                                                         .arrival = a});
    struct reject_list none;
    reject_list_init(&none, 0);
    bool failed = report->outcome == LOAD_FAILED;
    int r = tidies_add(&e->tidies, &a->file, failed ? PLACE_FAILED : PLACE_DONE, failed ? errors_of(report) : &none);
    if (r == 0) return;
    char name[SHOWN_MAX];
    log_error("%s stays in work/ (its token: %s) until the next start: %s", log_escape(slice_of(a->file.name), name, sizeof name),
              a->file.token, error_name(r));
    e->over(e->ctx, a);
}

static void tidied(void *ctx, struct place_file *file)
{
    struct endings *e = ctx;
    struct arrival *a = container_of(file, struct arrival, file);
    counters_observe(e->counters, HISTOGRAM_TIDY, clock_mono_us() - a->settled_us);
    e->over(e->ctx, a);
}

int endings_init(struct endings *e, struct loop *l, struct workers *w, struct place *p)
{
    struct tidies_config c = {.loop = l, .workers = w, .place = p, .over = tidied, .ctx = e};
    return tidies_init(&e->tidies, &c);
}

void endings_done(struct endings *e)
{
    tidies_done(&e->tidies);
}
