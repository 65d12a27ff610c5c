/* SPDX-License-Identifier: MIT */
#include "config/build_source.h"

#include "base/cleanup.h"
#include "config/address.h"

#include <stdlib.h>
#include <string.h>

/* What the file holds, "" for no file. 0; 1 after a mistake; -ENOMEM. */
static int read_secret(struct builder *b, const struct ini_section *s, const char *key, const char *path, const char **ret_secret)
{
    cleanup_free char *text = NULL;
    *ret_secret = "";
    if (!*path) return 0;
    int r = config_read_secret(path, &b->err, &text);
    if (r < 0) mistakes_add(b->mistakes, builder_place_of(s, key), "%s: %s", key, b->err.text);
    if (r == 0 && !*text)
        mistakes_add(b->mistakes, builder_place_of(s, key), "%s: %s is empty; write the secret into it", key, path);
    if (r < 0 || !*text) return 1;
    *ret_secret = arena_cstr(b->arena, slice_of(text));
    return *ret_secret ? 0 : -ENOMEM;
}

static void check_address(struct builder *b, const struct ini_section *s, const struct config_source *source)
{
    bool is_store, by_file = *source->url_file;
    const char *key = by_file ? "url_file" : "url", *mistake = store_url_mistake(slice_of(source->target), &is_store);
    if (!is_store) mistake = http_url_mistake(source->target);
    if (!*source->target)
        mistakes_add(
            b->mistakes, s->place,
            "a source needs an address: url = https://…, s3://BUCKET/PREFIX, azure://ACCOUNT/CONTAINER/PREFIX or file:///FOLDER");
    else if (mistake)
        mistakes_add(b->mistakes, builder_place_of(s, key), "%s: %s", key, mistake);
    const char *credential = *source->token_file      ? "token_file"
                             : *source->user          ? "user"
                             : *source->password_file ? "password_file"
                                                      : NULL;
    if (!credential || mistake || !*source->target) return;
    if (is_store)
        mistakes_add(b->mistakes, builder_place_of(s, credential),
                     "%s is for https:// and http://; the keys of stores stand in [store]", credential);
    else if (http_url_is_open(source->target) && !source->plain_http)
        mistakes_add(b->mistakes, builder_place_of(s, credential),
                     "%s would go to another machine by http://, where everybody on the way can read it; write https://, or, if it "
                     "must be, plain_http = yes",
                     credential);
}

static bool holds_control(const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        if (*c < ' ' || *c == 0x7f) return true;
    return false;
}

/* RFC 6750, 2.1, and RFC 7617, 2. */
static void check_credentials(struct builder *b, const struct ini_section *s, const struct config_source *source)
{
    bool token = *source->token_file, user = *source->user, password = *source->password_file;
    if (token && (user || password))
        mistakes_add(b->mistakes, builder_place_of(s, "token_file"),
                     "token_file and %s are both there; a request bears a token, or a name and a password",
                     user ? "user" : "password_file");
    else if (user != password)
        mistakes_add(b->mistakes, builder_place_of(s, user ? "user" : "password_file"),
                     user ? "there is a user, but no password_file: the file that holds its password"
                          : "there is a password_file, but no user whose password that is");
    if (strchr(source->user, ':') || holds_control(source->user))
        mistakes_add(b->mistakes, builder_place_of(s, "user"), "user: a name that is sent so has no ':' and no control character");
    if (holds_control(source->password))
        mistakes_add(b->mistakes, builder_place_of(s, "password_file"),
                     "password_file: the password holds a control character; it is one line");
    for (const char *c = source->token; *c; c++) {
        if (*c > ' ' && *c < 0x7f) continue;
        mistakes_add(b->mistakes, builder_place_of(s, "token_file"),
                     "token_file: the token holds a blank, or a byte that is not ASCII");
        break;
    }
}

/* The files' contents. 0 or -ENOMEM; the mistakes are told. */
static int read_secrets(struct builder *b, const struct ini_section *s, struct config_source *source)
{
    if (*source->url && *source->url_file)
        mistakes_add(b->mistakes, builder_place_of(s, "url_file"), "url and url_file are both there; give one of them");
    int address = read_secret(b, s, "url_file", source->url_file, &source->target);
    int token = read_secret(b, s, "token_file", source->token_file, &source->token);
    int password = read_secret(b, s, "password_file", source->password_file, &source->password);
    if (address < 0 || token < 0 || password < 0) return -ENOMEM;
    if (!*source->url_file) source->target = source->url;
    if (address == 0) check_address(b, s, source);
    check_credentials(b, s, source);
    return 0;
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
    r = read_secrets(b, s, source);
    if (r < 0) return r;
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
