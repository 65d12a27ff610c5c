/* SPDX-License-Identifier: MIT */
#include "config/build_access.h"

#include "base/civil.h"
#include "base/cleanup.h"
#include "base/num.h"
#include "base/signature.h"

#include <stdlib.h>

/* ---- values ---- */

bool build_rate(struct slice text, struct config_rate *ret_rate)
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {{"s", 1000}, {"min", 60000}, {"h", 3600000}, {"d", 86400000}};
    enum { RATE_MAX = 1000000000 };
    int64_t count;
    *ret_rate = (struct config_rate){0, 0};
    if (text.len == 0) return true;
    struct slice unit = text, number = slice_trim(slice_cut(&unit, '/'));
    unit = slice_trim(unit);
    if (num_parse_i64(number, &count) != 0 || count < 1 || count > RATE_MAX) return false;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (!slice_equal(unit, slice_of(units[i].name))) continue;
        *ret_rate = (struct config_rate){count, units[i].ms};
        return true;
    }
    return false;
}

void build_check_rate(struct builder *b, const struct ini_section *s, const char *text, struct config_rate *ret_rate)
{
    if (build_rate(slice_of(text), ret_rate)) return;
    mistakes_add(b->mistakes, builder_place_of(s, "rate"), "rate: '%.60s' is no rate such as 100/s, 6000/min, 1000/h", text);
}

/* Exactly `len` digits at *text. */
static bool cut_number(struct slice *text, size_t len, int32_t from, int32_t to, int32_t *ret_number)
{
    int32_t number = 0;
    if (text->len < len) return false;
    for (size_t i = 0; i < len; i++) {
        char c = text->p[i];
        if (c < '0' || c > '9') return false;
        number = number * 10 + (c - '0');
    }
    text->p += len;
    text->len -= len;
    *ret_number = number;
    return number >= from && number <= to;
}

static bool cut_char(struct slice *text, char c)
{
    if (text->len == 0 || text->p[0] != c) return false;
    text->p++;
    text->len--;
    return true;
}

static bool cut_date(struct slice *text, struct civil *ret_date)
{
    struct civil d;
    if (!cut_number(text, 4, 1970, 9999, &d.year) || !cut_char(text, '-') || !cut_number(text, 2, 1, 12, &d.month) ||
        !cut_char(text, '-') || !cut_number(text, 2, 1, 31, &d.day))
        return false;
    struct civil real = civil_of_days(civil_to_days(d)); /* 31 February is another day */
    *ret_date = d;
    return real.month == d.month && real.day == d.day;
}

bool build_expiry(struct slice text, int64_t *ret_s)
{
    enum { DAY_S = 86400, DAYS_TO_2000 = 10957 };
    struct civil date;
    int32_t h = 24, min = 0, s = 0;
    *ret_s = INT64_MAX;
    if (text.len == 0) return true;
    if (!cut_date(&text, &date)) return false;
    bool timed = text.len > 0;
    if (timed &&
        (!cut_char(&text, 'T') || !cut_number(&text, 2, 0, 23, &h) || !cut_char(&text, ':') || !cut_number(&text, 2, 0, 59, &min) ||
         !cut_char(&text, ':') || !cut_number(&text, 2, 0, 59, &s) || !cut_char(&text, 'Z') || text.len > 0))
        return false;
    *ret_s = ((int64_t)civil_to_days(date) + DAYS_TO_2000) * DAY_S + h * 3600 + min * 60 + s;
    return true;
}

/* ---- names ---- */

static bool is_table(const struct config *c, struct slice name, struct name_nearest *nearest)
{
    bool found = config_dataset(c, name) || config_derive(c, name);
    if (found) return true;
    for (size_t i = 0; i < c->n_datasets; i++) {
        name_nearest_offer(nearest, c->datasets[i].name);
        for (size_t k = 0; k < c->datasets[i].n_rollups; k++) {
            name_nearest_offer(nearest, c->datasets[i].rollup[k].table);
            found = found || slice_equal(slice_of(c->datasets[i].rollup[k].table), name);
        }
    }
    for (size_t i = 0; i < c->n_derives; i++)
        name_nearest_offer(nearest, c->derives[i].name);
    for (size_t i = 0; i < c->n_exposed; i++) {
        name_nearest_offer(nearest, c->exposed[i].table);
        found = found || slice_equal(slice_of(c->exposed[i].table), name);
    }
    return found;
}

static bool is_report(const struct config *c, struct slice name, struct name_nearest *nearest)
{
    bool found = false;
    for (size_t i = 0; i < c->n_reports; i++) {
        name_nearest_offer(nearest, c->reports[i].name);
        found = found || slice_equal(slice_of(c->reports[i].name), name);
    }
    return found;
}

static void check_names(struct builder *b, const struct allow *a, struct config_place place)
{
    for (size_t i = 0; i < a->n; i++) {
        const struct allow_rule *r = &a->rule[i];
        struct name_nearest nearest = name_nearest_to(r->name);
        char text[BUILDER_HINT_MAX];
        bool report = r->kinds == ALLOW_REPORTS;
        if (r->every || r->name.len == 0) continue;
        if (report ? is_report(b->config, r->name, &nearest) : is_table(b->config, r->name, &nearest)) continue;
        mistakes_add(b->mistakes, place, "allow: there is no %s '" SLICE_FMT "'%s%s",
                     report ? "report" : "dataset, rollup, derive or exposed table",
                     SLICE_ARG(slice_cut_utf8(r->name, NAME_MAX_BYTES)), builder_hint(nearest.best, text),
                     nearest.best || report ? ""
                                            : "; one that is inferred needs a section [dataset …] of its name, which may be empty");
    }
}

/* ---- tokens ---- */

static int hex(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* 64 digits, and what sha256sum writes behind them. */
static bool parse_hash(struct slice text, uint8_t ret_hash[DIGEST_BYTES])
{
    struct slice rest = slice_trim(text), digits = slice_cut(&rest, ' ');
    if (digits.len != 2 * (size_t)DIGEST_BYTES) return false;
    for (size_t i = 0; i < DIGEST_BYTES; i++) {
        int high = hex(digits.p[2 * i]), low = hex(digits.p[2 * i + 1]);
        if (high < 0 || low < 0) return false;
        ret_hash[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static void read_hash(struct builder *b, const struct ini_section *s, struct config_token *t)
{
    cleanup_free char *text = NULL;
    struct config_place place = builder_place_of(s, "hash_file");
    if (!*t->hash_file) {
        mistakes_add(b->mistakes, place, "a token needs the file with its hash: hash_file = …; cetld --new-token makes both");
        return;
    }
    if (config_read_secret(t->hash_file, &b->err, &text) < 0)
        mistakes_add(b->mistakes, place, "hash_file: %s", b->err.text);
    else if (!parse_hash(slice_of(text), t->hash))
        mistakes_add(
            b->mistakes, place,
            "hash_file: %s does not hold a SHA-256 in 64 hexadecimal digits; cetld --new-token prints a token and its hash",
            t->hash_file);
}

static int build_token(struct builder *b, const struct ini_section *s, struct config_token *t)
{
    t->place = s->place;
    t->name = arena_cstr(b->arena, s->name);
    if (!t->name) return -ENOMEM;
    int r = builder_fill(b, OPTION_TOKEN, s, t);
    if (r < 0) return r;
    read_hash(b, s, t);
    build_check_rate(b, s, t->rate_text, &t->rate);
    if (!build_expiry(slice_of(t->expires_text), &t->expires_s))
        mistakes_add(b->mistakes, builder_place_of(s, "expires"),
                     "expires: '%.60s' is no date such as 2027-01-31, and no time such as 2027-01-31T12:00:00Z", t->expires_text);
    struct config_place place = builder_place_of(s, "allow");
    r = allow_parse(slice_of(t->allow_text), b->arena, place, b->mistakes, &t->allow);
    if (r < 0) return r;
    if (!*t->allow_text)
        mistakes_add(b->mistakes, place, "a token that may do nothing is of no use: allow = read, or allow = orders: read write");
    check_names(b, &t->allow, place);
    return 0;
}

/* One hash is one token: else which of both somebody has cannot be told. */
static void check_hashes(struct builder *b)
{
    const struct config *c = b->config;
    for (size_t i = 1; i < c->n_tokens && b->mistakes->n == 0; i++)
        for (size_t k = 0; k < i; k++)
            if (memcmp(c->tokens[i].hash, c->tokens[k].hash, DIGEST_BYTES) == 0)
                mistakes_add(b->mistakes, c->tokens[i].place,
                             "it has the same hash as [token %s]; make a token of its own for each", c->tokens[k].name);
}

/* ---- JSON Web Tokens ---- */

static int check_key(struct builder *b, bool secret, struct slice text)
{
    struct signature_key *key = NULL;
    int r = secret ? signature_key_secret(text, &b->err, &key) : signature_key_public(text, &b->err, &key);
    if (r == 0) signature_key_free(key);
    return r;
}

static int read_keys(struct builder *b, const struct ini_section *s, const char *option, const struct config_list *files,
                     const struct slice **ret_texts)
{
    bool secret = strcmp(option, "secret_file") == 0;
    struct slice *texts = arena_array(b->arena, files->n + 1, sizeof *texts);
    if (!texts) return -ENOMEM;
    for (size_t i = 0; i < files->n; i++) {
        cleanup_free char *text = NULL;
        int r = config_read_secret(files->item[i], &b->err, &text);
        if (r == -ENOMEM) return r;
        if (r < 0) {
            mistakes_add(b->mistakes, builder_place_of(s, option), "%s: %s", option, b->err.text);
            continue;
        }
        r = check_key(b, secret, slice_of(text));
        if (r > 0) mistakes_add(b->mistakes, builder_place_of(s, option), "%s: %s: %s", option, files->item[i], b->err.text);
        texts[i] = arena_copy(b->arena, slice_of(text));
        if (r < 0 || !texts[i].p) return -ENOMEM;
    }
    *ret_texts = texts;
    return 0;
}

static int build_jwt(struct builder *b)
{
    struct config_jwt *j = &b->config->jwt;
    const struct ini_section *s = b->ini->first;
    while (s && !builder_is_kind(s, OPTION_JWT))
        s = s->next;
    j->place = builder_place_of(s, "");
    int r = builder_fill(b, OPTION_JWT, s, j);
    if (r == 0) r = read_keys(b, s, "secret_file", &j->secret_file, &j->secret);
    if (r == 0) r = read_keys(b, s, "key_file", &j->key_file, &j->key);
    if (r < 0) return r;
    bool keys = j->secret_file.n + j->key_file.n > 0;
    if (!keys && (j->audience.n > 0 || *j->issuer || *j->allow_claim))
        mistakes_add(b->mistakes, s->place, "[jwt] needs a key: secret_file = … for HS256, or key_file = … for RS256");
    if (keys && !*j->role_claim && !*j->allow_claim)
        mistakes_add(b->mistakes, s->place, "without role_claim and allow_claim no JWT may do anything");
    return 0;
}

static int build_role(struct builder *b, const struct ini_section *s, struct config_role *role)
{
    role->place = s->place;
    role->name = arena_cstr(b->arena, s->name);
    if (!role->name) return -ENOMEM;
    int r = builder_fill(b, OPTION_ROLE, s, role);
    if (r < 0) return r;
    build_check_rate(b, s, role->rate_text, &role->rate);
    struct config_place place = builder_place_of(s, "allow");
    r = allow_parse(slice_of(role->allow_text), b->arena, place, b->mistakes, &role->allow);
    if (r < 0) return r;
    if (!*role->allow_text) mistakes_add(b->mistakes, place, "a role that may do nothing is of no use: allow = read");
    check_names(b, &role->allow, place);
    return 0;
}

static int build_roles(struct builder *b)
{
    struct config_role *roles = arena_array(b->arena, builder_count_sections(b, OPTION_ROLE) + 1, sizeof *roles);
    if (!roles) return -ENOMEM;
    b->config->roles = roles;
    for (const struct ini_section *s = b->ini->first; s; s = s->next) {
        if (!builder_is_kind(s, OPTION_ROLE) || s->name.len == 0) continue;
        int r = build_role(b, s, &roles[b->config->n_roles++]);
        if (r < 0) return r;
    }
    return 0;
}

static int build_tokens(struct builder *b)
{
    struct config_token *tokens = arena_array(b->arena, builder_count_sections(b, OPTION_TOKEN) + 1, sizeof *tokens);
    if (!tokens) return -ENOMEM;
    b->config->tokens = tokens;
    for (const struct ini_section *s = b->ini->first; s; s = s->next) {
        if (!builder_is_kind(s, OPTION_TOKEN) || s->name.len == 0) continue;
        int r = build_token(b, s, &tokens[b->config->n_tokens++]);
        if (r < 0) return r;
    }
    check_hashes(b);
    return 0;
}

int build_access(struct builder *b)
{
    int r = build_tokens(b);
    if (r == 0) r = build_roles(b);
    return r == 0 ? build_jwt(b) : r;
}
