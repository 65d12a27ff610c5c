/* SPDX-License-Identifier: MIT */
#include "config/build_source.h"

#include "config/address.h"

#include <string.h>

/* What is wrong with the URL of a store: what names the bucket, container or folder must be there. */
static const char *store_mistake(struct slice rest, bool *ret_is_store)
{
    bool azure = slice_starts(rest, SLICE("azure://"));
    *ret_is_store = azure || slice_starts(rest, SLICE("s3://")) || slice_starts(rest, SLICE("file:///"));
    if (!*ret_is_store) return NULL;
    if (slice_starts(rest, SLICE("file:///"))) return rest.len > strlen("file:///") ? NULL : "it names no folder";
    size_t scheme = azure ? strlen("azure://") : strlen("s3://");
    rest = (struct slice){rest.p + scheme, rest.len - scheme};
    if (slice_cut(&rest, '/').len == 0) return azure ? "it names no account" : "it names no bucket";
    return azure && (!rest.p || slice_cut(&rest, '/').len == 0) ? "it names no container: azure://ACCOUNT/CONTAINER/…" : NULL;
}

static int build_one(struct builder *b, const struct ini_section *s, struct config_source *source)
{
    char usable[NAME_MAX_BYTES + 1];
    source->place = s->place;
    source->name = arena_cstr(b->arena, s->name);
    if (!source->name) return -ENOMEM;
    int r = builder_fill(b, OPTION_SOURCE, s, source);
    if (r < 0) return r;
    builder_usable_name(s->name, usable);
    if (strcmp(usable, source->name) != 0)
        mistakes_add(b->mistakes, s->place,
                     "a source's name is lower-case words joined by '_' that begin with a letter; write [source %s]", usable);
    bool is_store;
    const char *mistake = store_mistake(slice_of(source->url), &is_store);
    if (!is_store) mistake = http_url_mistake(source->url);
    if (!*source->url)
        mistakes_add(
            b->mistakes, s->place,
            "a source needs an address: url = https://…, s3://BUCKET/PREFIX, azure://ACCOUNT/CONTAINER/PREFIX or file:///FOLDER");
    else if (mistake)
        mistakes_add(b->mistakes, builder_place_of(s, "url"), "url: %s", mistake);
    builder_usable_name(slice_of(source->dataset), usable);
    if (strcmp(usable, source->dataset) != 0)
        mistakes_add(b->mistakes, builder_place_of(s, "dataset"), "dataset: '%.60s' can be no dataset's name; write %s",
                     source->dataset, usable);
    return 0;
}

int build_sources(struct builder *b)
{
    struct config_source *all = arena_array(b->arena, builder_count_sections(b, OPTION_SOURCE) + 1, sizeof *all);
    if (!all) return -ENOMEM;
    b->config->sources = all;
    for (const struct ini_section *s = b->ini->first; s; s = s->next) {
        if (!builder_is_kind(s, OPTION_SOURCE) || s->name.len == 0) continue;
        int r = build_one(b, s, &all[b->config->n_sources++]);
        if (r < 0) return r;
    }
    return 0;
}
