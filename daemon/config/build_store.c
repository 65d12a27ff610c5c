/* SPDX-License-Identifier: MIT */
#include "config/build_store.h"

#include "base/cleanup.h"

#include <stdlib.h>

/* ---- [store NAME] ---- */

static int read_secret(struct builder *b, const struct ini_section *s, struct config_store *t)
{
    cleanup_free char *text = NULL;
    t->secret = "";
    if (!*t->secret_file) return 0;
    if (config_read_secret(t->secret_file, &b->err, &text) < 0) {
        mistakes_add(b->mistakes, builder_place_of(s, "secret_file"), "secret_file: %s", b->err.text);
        return 0;
    }
    t->secret = arena_cstr(b->arena, slice_of(text));
    return t->secret ? 0 : -ENOMEM;
}

/* azure: and azure://, as they stand or with slashes. */
static bool is_any_account(struct slice url)
{
    if (!slice_starts(url, SLICE("azure:"))) return false;
    for (size_t i = strlen("azure:"); i < url.len; i++)
        if (url.p[i] != '/') return false;
    return true;
}

static int build_store(struct builder *b, const struct ini_section *s, struct config_store *t)
{
    t->place = s->place;
    t->name = arena_cstr(b->arena, s->name);
    if (!t->name) return -ENOMEM;
    int r = builder_fill(b, OPTION_STORE, s, t);
    if (r == 0) r = read_secret(b, s, t);
    if (r < 0) return r;
    struct slice url = slice_of(t->url), endpoint = slice_of(t->endpoint);
    bool s3 = slice_starts(url, SLICE("s3:"));
    if (!s3 && !slice_starts(url, SLICE("azure:")))
        mistakes_add(b->mistakes, builder_place_of(s, "url"),
                     "url: '%.100s' does not begin with s3: or azure:, as the URLs it is for do", t->url);
    if (endpoint.len > 0 && !slice_starts(endpoint, SLICE("https://")) && !slice_starts(endpoint, SLICE("http://")))
        mistakes_add(b->mistakes, builder_place_of(s, "endpoint"), "endpoint: '%.100s' does not begin with https:// or http://",
                     t->endpoint);
    if (is_any_account(url) && endpoint.len == 0 && strstr(t->secret, "sig="))
        mistakes_add(b->mistakes, builder_place_of(s, "url"),
                     "url: a shared access signature is of one account; name it: azure://ACCOUNT");
    if (s3 && *t->secret_file && !*t->key_id)
        mistakes_add(b->mistakes, s->place, "there is a secret_file, but no key_id: the id of the access key whose secret that is");
    if (s3 && *t->key_id && !*t->secret_file)
        mistakes_add(b->mistakes, s->place, "there is a key_id, but no secret_file with the secret of that key");
    return 0;
}

/* ---- [archive NAME] ---- */

static void check_placeholders(struct builder *b, const struct config_archive *a, struct config_place place)
{
    static const char *const known[] = {"dataset", "date", "sha256", "name", "id"};
    bool unique = false;
    for (const char *at = a->url; (at = strchr(at, '{')); at++) {
        const char *end = strchr(at, '}');
        struct slice name = {at + 1, end ? (size_t)(end - at) - 1 : strlen(at + 1)};
        struct name_nearest nearest = name_nearest_to(name);
        bool found = false;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
            found |= end && slice_equal(name, slice_of(known[i]));
            name_nearest_offer(&nearest, known[i]);
        }
        char text[BUILDER_HINT_MAX];
        if (!found)
            mistakes_add(b->mistakes, place, "url: there is no {" SLICE_FMT "}%s; there are {dataset} {date} {sha256} {name} {id}",
                         SLICE_ARG(slice_cut_utf8(name, 40)), builder_hint(nearest.best, text));
        unique |= slice_equal(name, SLICE("sha256")) || slice_equal(name, SLICE("id"));
    }
    if (!unique)
        mistakes_add(b->mistakes, place, "url: {sha256} or {id} must be in it, so that no original takes the place of another one");
}

static int build_archive(struct builder *b, const struct ini_section *s, struct config_archive *a)
{
    a->place = s->place;
    a->name = arena_cstr(b->arena, s->name);
    if (!a->name) return -ENOMEM;
    int r = builder_fill(b, OPTION_ARCHIVE, s, a);
    if (r < 0) return r;
    if (strspn(a->name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") != strlen(a->name))
        mistakes_add(b->mistakes, s->place, "an archive's name is made of letters, digits, '_', '-' and '.'");
    struct config_place place = builder_place_of(s, "url");
    struct slice url = slice_of(a->url), rest = url;
    if (!slice_starts(url, SLICE("s3://")) && !slice_starts(url, SLICE("azure://")) && !slice_starts(url, SLICE("file:///"))) {
        mistakes_add(b->mistakes, place, "url: '%.100s' is no s3://BUCKET/…, azure://ACCOUNT/CONTAINER/… or file:///FOLDER/…",
                     a->url);
        return 0;
    }
    check_placeholders(b, a, place);
    /* What comes before the path names one store. */
    size_t parts = slice_starts(url, SLICE("azure://")) ? 4 : 3;
    for (size_t i = 0; i < parts && rest.p; i++) {
        struct slice part = slice_cut(&rest, '/');
        if (part.len > 0 && memchr(part.p, '{', part.len))
            mistakes_add(b->mistakes, place, "url: placeholders may stand behind the bucket (account and container, folder) only");
    }
    return 0;
}

int build_stores(struct builder *b)
{
    struct config_store *stores = arena_array(b->arena, builder_count_sections(b, OPTION_STORE) + 1, sizeof *stores);
    struct config_archive *archives = arena_array(b->arena, builder_count_sections(b, OPTION_ARCHIVE) + 1, sizeof *archives);
    if (!stores || !archives) return -ENOMEM;
    b->config->stores = stores;
    b->config->archives = archives;
    int r = 0;
    for (const struct ini_section *s = b->ini->first; s && r == 0; s = s->next) {
        if (s->name.len == 0) continue;
        if (builder_is_kind(s, OPTION_STORE)) r = build_store(b, s, &stores[b->config->n_stores++]);
        if (builder_is_kind(s, OPTION_ARCHIVE)) r = build_archive(b, s, &archives[b->config->n_archives++]);
    }
    return r;
}
