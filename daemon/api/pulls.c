/* SPDX-License-Identifier: MIT */
#include "api/pulls.h"

#include "api/access.h"
#include "base/clock.h"

static bool is_meant(const struct source_view *v, struct slice name)
{
    return name.len == 0 || slice_equal(slice_of(v->settings->name), name);
}

bool pulls_any(const struct sources *all, struct slice name)
{
    for (size_t i = 0; i < sources_count(all); i++) {
        struct source_view v = sources_at(all, i);
        if (v.pulling && is_meant(&v, name)) return true;
    }
    return false;
}

bool pulls_has(const struct sources *all, struct slice name)
{
    for (size_t i = 0; i < sources_count(all); i++)
        if (slice_equal(slice_of(sources_at(all, i).settings->name), name)) return true;
    return false;
}

static bool may_know(const struct http_request *r, const struct source_view *v)
{
    const char *dataset = v->settings->dataset;
    struct slice every = {NULL, 0};
    return !r || access_allows(r, ACCESS_INGEST, every) || access_allows(r, ACCESS_READ, dataset[0] ? slice_of(dataset) : every);
}

void pulls_write(struct json_writer *w, const struct sources *all, struct slice name, const struct http_request *r)
{
    static const char *const states[] = {
        [SOURCE_NEVER] = "never", [SOURCE_PULLED] = "pulled", [SOURCE_UNCHANGED] = "unchanged", [SOURCE_FAILED] = "failed"};
    json_write_key(w, "sources");
    json_write_array(w);
    for (size_t i = 0; i < sources_count(all); i++) {
        struct source_view v = sources_at(all, i);
        char at[CLOCK_ISO_MAX];
        if (!is_meant(&v, name) || !may_know(r, &v)) continue;
        if (v.ended_us) clock_iso(v.ended_us, at);
        json_write_object(w);
        json_write_field_text(w, "name", v.settings->name);
        json_write_field_text(w, "dataset", v.settings->dataset);
        json_write_field_text(w, "state", v.pulling ? "pulling" : states[v.outcome]);
        json_write_field_text(w, "error", v.why[0] ? v.why : NULL);
        json_write_field_text(w, "token", v.token[0] ? v.token : NULL);
        json_write_field_text(w, "pulled_at", v.ended_us ? at : NULL);
        json_write_end(w);
    }
    json_write_end(w);
}
