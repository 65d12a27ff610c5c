/* SPDX-License-Identifier: MIT */
#include "api/bearer.h"

#include "api/api.h"
#include "api/keys.h"
#include "base/clock.h"
#include "format/json_writer.h"

#include <stdio.h>
#include <stdlib.h>

enum { US_PER_S = 1000000, CLAIMS_MAX = 4096, RULES_MEMORY = 1 << 17, CHALLENGE_MAX = 256 };

void bearer_challenge(struct http_request *r, const char *code, const char *reason)
{
    char text[CHALLENGE_MAX];
    int n = snprintf(text, sizeof text, "Bearer realm=\"cetld\"");
    if (code) n += snprintf(text + n, sizeof text - (size_t)n, ", error=\"%s\"", code);
    if (code && reason) snprintf(text + n, sizeof text - (size_t)n, ", error_description=\"%s\"", reason);
    http_header(r, "WWW-Authenticate", text);
}

static const struct access_identity *refuse(struct bearer_refusal *refusal, int status, const char *code, const char *reason)
{
    *refusal = (struct bearer_refusal){status, code, reason};
    return NULL;
}

/* b64token of RFC 6750, 2.1. */
static bool is_b64token(struct slice text)
{
    while (text.len > 0 && text.p[text.len - 1] == '=')
        text.len--;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.p[i];
        bool alnum = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
        if (!alnum && (c == '\0' || !strchr("-._~+/", c))) return false;
    }
    return text.len > 0;
}

/* "Bearer TOKEN": the token, or {NULL, 0}. */
static struct slice token_of(struct slice authorization)
{
    struct slice rest = authorization, scheme = slice_cut(&rest, ' ');
    if (!slice_equal_nocase(scheme, SLICE("Bearer"))) return (struct slice){NULL, 0};
    while (rest.len > 0 && rest.p[0] == ' ')
        rest.p++, rest.len--;
    return rest.p ? rest : SLICE("");
}

static char *keep(const struct http_request *r, struct slice text)
{
    char *copy = http_request_alloc(r, text.len + 1);
    if (!copy) return NULL;
    if (text.len) memcpy(copy, text.p, text.len);
    copy[text.len] = '\0';
    return copy;
}

/* A reload may take the configuration away under the request. */
static bool keep_allow(const struct http_request *r, const struct allow *from, struct allow *ret_allow)
{
    struct allow_rule *rules = http_request_alloc(r, (from->n + 1) * sizeof *rules);
    if (!rules) return false;
    for (size_t i = 0; i < from->n; i++) {
        rules[i] = from->rule[i];
        rules[i].name.p = keep(r, from->rule[i].name);
        if (!rules[i].name.p) return false;
    }
    *ret_allow = (struct allow){rules, from->n};
    return true;
}

/* The claims that a token has of itself, so that policies can tell tokens of one role apart. */
static bool keep_claims(const struct http_request *r, struct access_identity *id)
{
    if (!id->role) return true;
    struct buf text;
    struct json_writer w;
    buf_init(&text, CLAIMS_MAX);
    json_writer_init(&w, &text);
    json_write_object(&w);
    json_write_field_text(&w, "role", id->role);
    json_write_field_text(&w, "token", id->name);
    json_write_end(&w);
    id->claims = buf_check(&text) == 0 ? keep(r, buf_slice(&text)) : NULL;
    if (id->claims) digest_of(text.data, text.len, id->digest);
    buf_done(&text);
    return id->claims != NULL;
}

static const struct access_identity *identify(const struct http_request *r, const struct config_token *t)
{
    struct access_identity *id = http_request_alloc(r, sizeof *id);
    if (!id) return NULL;
    *id = (struct access_identity){.who = ACCESS_TOKEN, .name = keep(r, slice_of(t->name)), .rate = t->rate};
    if (*t->role) id->role = keep(r, slice_of(t->role));
    bool kept = id->name && (id->role || !*t->role) && keep_allow(r, &t->allow, &id->allow) && keep_claims(r, id);
    return kept ? id : NULL;
}

/* Each is compared, and each wholly, so that the time tells nothing. */
static const struct config_token *find(const struct config *c, struct slice token)
{
    uint8_t hash[DIGEST_BYTES];
    const struct config_token *found = NULL;
    digest_of(token.p, token.len, hash);
    for (size_t i = 0; i < c->n_tokens; i++)
        if (digest_equal(hash, c->tokens[i].hash)) found = &c->tokens[i];
    return found;
}

/* ---- JSON Web Tokens ---- */

static const struct config_role *role_of(const struct config *c, const struct jwt *j)
{
    struct json_value v;
    if (!*c->jwt.role_claim || !jwt_claim(j, c->jwt.role_claim, &v) || v.kind != JSON_KIND_STRING) return NULL;
    for (size_t i = 0; i < c->n_roles; i++)
        if (json_means(v.raw, slice_of(c->roles[i].name))) return &c->roles[i];
    return NULL;
}

/* The rules of the claim, a string or an array of such, as lines. */
static void put_rules(const struct json_value *v, struct buf *out)
{
    if (v->kind == JSON_KIND_STRING) json_unquote(out, v->raw);
    struct json_walk walk = json_walk_begin(*v);
    while (v->kind == JSON_KIND_ARRAY && json_walk_next(&walk)) {
        if (walk.value.kind != JSON_KIND_STRING) continue;
        json_unquote(out, walk.value.raw);
        buf_putc(out, '\n');
    }
}

/* What the claim allows beside the role. False: it is not as it should be, or there is no memory. */
static bool claimed_rules(const struct config *c, const struct jwt *j, struct arena *arena, struct allow *ret_allow)
{
    struct json_value v;
    struct buf text;
    struct mistakes m;
    if (!*c->jwt.allow_claim || !jwt_claim(j, c->jwt.allow_claim, &v)) return true;
    buf_init(&text, JWT_MAX);
    mistakes_init(&m);
    put_rules(&v, &text);
    int r = buf_check(&text);
    if (r == 0) r = allow_parse(buf_slice(&text), arena, (struct config_place){"", 0}, &m, ret_allow);
    bool sound = r == 0 && m.n == 0;
    mistakes_done(&m);
    buf_done(&text);
    return sound;
}

static bool keep_both(const struct http_request *r, const struct config_role *role, const struct allow *claimed,
                      struct allow *ret_allow)
{
    size_t of_role = role ? role->allow.n : 0, n = of_role + claimed->n;
    struct allow_rule *rules = calloc(n + 1, sizeof *rules);
    if (!rules) return false;
    if (of_role) memcpy(rules, role->allow.rule, of_role * sizeof *rules);
    if (claimed->n) memcpy(rules + of_role, claimed->rule, claimed->n * sizeof *rules);
    bool kept = keep_allow(r, &(struct allow){rules, n}, ret_allow);
    free(rules);
    return kept;
}

static char *keep_subject(const struct http_request *r, const struct jwt *j)
{
    struct json_value v;
    struct buf text;
    buf_init(&text, JWT_MAX);
    if (jwt_claim(j, "sub", &v) && v.kind == JSON_KIND_STRING) json_unquote(&text, v.raw);
    char *kept = buf_check(&text) == 0 ? keep(r, buf_slice(&text)) : NULL;
    buf_done(&text);
    return kept;
}

static bool keep_jwt(const struct http_request *r, const struct jwt *j, const struct config_role *role, struct access_identity *id)
{
    *id = (struct access_identity){.who = ACCESS_JWT, .name = keep_subject(r, j)};
    if (!id->name) return false;
    if (role) id->rate = role->rate;
    if (!role || !*role->role) return true;
    struct slice claims = json_root(buf_slice(&j->claims)).raw;
    id->role = keep(r, slice_of(role->role));
    id->claims = keep(r, claims);
    if (!id->role || !id->claims) return false;
    struct digest d;
    if (digest_init(&d) < 0) return false;
    digest_update(&d, id->role, strlen(id->role) + 1);
    digest_update(&d, claims.p, claims.len);
    digest_final(&d, id->digest);
    digest_done(&d);
    return true;
}

static const struct access_identity *of_jwt(const struct http_request *r, const struct jwt *j, struct bearer_refusal *refusal)
{
    const struct config *c = ((const struct api *)http_request_context(r))->config;
    const struct config_role *role = role_of(c, j);
    struct allow claimed = {0};
    struct arena arena;
    arena_init(&arena, CLAIMS_MAX, RULES_MEMORY);
    struct access_identity *id = http_request_alloc(r, sizeof *id);
    const struct access_identity *known = NULL;
    if (!claimed_rules(c, j, &arena, &claimed))
        known = refuse(refusal, 403, "insufficient_scope", "what the JWT says that it allows cannot be understood");
    else if (!role && claimed.n == 0)
        known = refuse(refusal, 403, "insufficient_scope", "the JWT names no role that has a section [role NAME] here");
    else if (id && keep_jwt(r, j, role, id) && keep_both(r, role, &claimed, &id->allow))
        known = id;
    else
        known = refuse(refusal, 503, NULL, "out of memory");
    arena_done(&arena);
    return known;
}

static const struct access_identity *by_jwt(const struct http_request *r, struct slice token, struct bearer_refusal *refusal)
{
    const struct api *api = http_request_context(r);
    struct jwt j;
    int rc = jwt_check(token, keys_rules(api->keys), clock_real_us() / US_PER_S, &j);
    const struct access_identity *id = rc == 0  ? of_jwt(r, &j, refusal)
                                       : rc > 0 ? refuse(refusal, 401, "invalid_token", j.why)
                                                : refuse(refusal, 503, NULL, "out of memory");
    jwt_done(&j);
    return id;
}

/* ---- whichever it is ---- */

const struct access_identity *bearer_identify(struct http_request *r, struct slice authorization,
                                              struct bearer_refusal *ret_refusal)
{
    const struct api *api = http_request_context(r);
    struct slice token = token_of(authorization);
    if (!token.p) return refuse(ret_refusal, 401, NULL, "the only way to authenticate here is Authorization: Bearer TOKEN");
    if (!is_b64token(token))
        return refuse(ret_refusal, 400, "invalid_request",
                      "what stands behind Bearer is no token: letters, digits and -._~+/ at most");
    const struct config_token *t = find(api->config, token);
    if (!t && jwt_is_one(token) && keys_any(api->keys)) return by_jwt(r, token, ret_refusal);
    if (!t) return refuse(ret_refusal, 401, "invalid_token", "the token is not known here");
    if (clock_real_us() / US_PER_S >= t->expires_s) return refuse(ret_refusal, 401, "invalid_token", "the token has expired");
    const struct access_identity *id = identify(r, t);
    return id ? id : refuse(ret_refusal, 503, NULL, "out of memory");
}
