/* SPDX-License-Identifier: MIT */
#include "http/jwt.h"

#include "base/base64url.h"
#include "base/num.h"

enum { DEPTH_MAX = 16, HEADER_MAX = 2048, SIGNATURE_MAX = SIGNATURE_RSA_BITS_MAX / 8 };

static int refuse(struct jwt *j, const char *why)
{
    j->why = why;
    return JWT_E_REFUSED;
}

bool jwt_is_one(struct slice token)
{
    unsigned dots = 0;
    for (size_t i = 0; i < token.len; i++)
        dots += token.p[i] == '.';
    return dots == 2;
}

/* Decoded, and a JSON object. */
static int read_object(struct jwt *j, struct slice text, size_t max, struct buf *out, const char *why)
{
    struct json_fault fault;
    if (text.len < 2 || text.len > max) return refuse(j, why);
    char *to = buf_reserve(out, BASE64URL_BYTES(text.len));
    if (!to) return -ENOMEM;
    if (!base64url_decode(text, to)) return refuse(j, why);
    buf_wrote(out, BASE64URL_BYTES(text.len));
    int r = json_check(buf_slice(out), &(struct json_limits){.depth = DEPTH_MAX}, &fault);
    if (r < 0) return r;
    return r > 0 || json_root(buf_slice(out)).kind != JSON_KIND_OBJECT ? refuse(j, why) : 0;
}

static bool member(struct slice object, const char *name, struct json_value *ret_value)
{
    struct json_walk walk = json_walk_begin(json_root(object));
    while (json_walk_next(&walk)) {
        if (!json_means(walk.name, slice_of(name))) continue;
        *ret_value = walk.value;
        return true;
    }
    return false;
}

static bool is_text(const struct json_value *v, const char *text)
{
    return v->kind == JSON_KIND_STRING && json_means(v->raw, slice_of(text));
}

/* ---- header ---- */

static int read_header(struct jwt *j, struct slice header, enum signature_algorithm *ret_algorithm)
{
    struct json_value v;
    if (!member(header, "alg", &v)) return refuse(j, "the header of the JWT has no alg");
    if (is_text(&v, "HS256"))
        *ret_algorithm = SIGNATURE_HS256;
    else if (is_text(&v, "RS256"))
        *ret_algorithm = SIGNATURE_RS256;
    else
        return refuse(j, "the alg of the JWT is none that is taken here: HS256, RS256");
    /* An extension that must be understood, and none is (RFC 7515, 4.1.11). */
    return member(header, "crit", &v) ? refuse(j, "the header of the JWT has crit, and no extension is understood here") : 0;
}

static int check_signature(struct jwt *j, const struct jwt_rules *rules, enum signature_algorithm algorithm, struct slice data,
                           struct slice text)
{
    char bytes[SIGNATURE_MAX];
    bool known = false;
    if (BASE64URL_BYTES(text.len) > sizeof bytes || !base64url_decode(text, bytes))
        return refuse(j, "the signature of the JWT is no base64url, or too long");
    struct slice signature = {bytes, BASE64URL_BYTES(text.len)};
    for (size_t i = 0; i < rules->keys; i++) {
        if (signature_key_algorithm(rules->key[i]) != algorithm) continue;
        known = true;
        if (signature_is_of(rules->key[i], data, signature)) return 0;
    }
    return refuse(j, known ? "the signature of the JWT is not right" : "there is no key here for the alg of the JWT");
}

/* ---- claims ---- */

enum { NOW_MAX_DIGITS = 15 };

/* NumericDate: seconds, perhaps with a fraction, which is cut off. */
static bool read_date(const struct json_value *v, int64_t *ret_s)
{
    struct slice fraction = v->raw, whole = slice_cut(&fraction, '.');
    if (v->kind != JSON_KIND_NUMBER || whole.len > NOW_MAX_DIGITS) return false;
    if (fraction.p && (memchr(fraction.p, 'e', fraction.len) || memchr(fraction.p, 'E', fraction.len))) return false;
    return num_parse_i64(whole, ret_s) == 0;
}

static int check_times(struct jwt *j, const struct jwt_rules *rules, int64_t now_s)
{
    struct slice claims = buf_slice(&j->claims);
    struct json_value v;
    int64_t at;
    if (!member(claims, "exp", &v)) return refuse(j, "the JWT has no exp, so it would be good for ever");
    if (!read_date(&v, &at)) return refuse(j, "exp of the JWT is no number of seconds");
    if (now_s >= at + rules->leeway_s) return refuse(j, "the JWT has expired");
    if (member(claims, "nbf", &v)) {
        if (!read_date(&v, &at)) return refuse(j, "nbf of the JWT is no number of seconds");
        if (now_s < at - rules->leeway_s) return refuse(j, "the JWT is not yet good (nbf)");
    }
    if (member(claims, "iat", &v)) {
        if (!read_date(&v, &at)) return refuse(j, "iat of the JWT is no number of seconds");
        if (now_s < at - rules->leeway_s) return refuse(j, "the JWT was issued in the future (iat)");
    }
    return 0;
}

static bool is_one_of(const struct json_value *v, const struct jwt_rules *rules)
{
    for (size_t i = 0; i < rules->audiences; i++)
        if (is_text(v, rules->audience[i])) return true;
    return false;
}

static int check_audience(struct jwt *j, const struct jwt_rules *rules)
{
    struct json_value v;
    if (!member(buf_slice(&j->claims), "aud", &v))
        return rules->audiences ? refuse(j, "the JWT has no aud, and [jwt] audience asks for one") : 0;
    if (!rules->audiences) return refuse(j, "the JWT is for an audience (aud), and [jwt] audience does not say that this is meant");
    if (is_one_of(&v, rules)) return 0;
    struct json_walk walk = json_walk_begin(v);
    while (v.kind == JSON_KIND_ARRAY && json_walk_next(&walk))
        if (is_one_of(&walk.value, rules)) return 0;
    return refuse(j, "the JWT is for another audience (aud)");
}

static int check_claims(struct jwt *j, const struct jwt_rules *rules, int64_t now_s)
{
    struct json_value v;
    int r = check_times(j, rules, now_s);
    if (r == 0) r = check_audience(j, rules);
    if (r != 0 || !*rules->issuer) return r;
    if (!member(buf_slice(&j->claims), "iss", &v) || !is_text(&v, rules->issuer))
        return refuse(j, "the JWT is of another issuer (iss)");
    return 0;
}

/* ---- all of it ---- */

static int check(struct slice token, const struct jwt_rules *rules, int64_t now_s, struct buf *header, struct jwt *j)
{
    static const char no_jwt[] = "the token is no JWT: three parts in base64url with dots between them";
    static const char no_header[] = "the header of the JWT is no sound JSON object in base64url";
    enum signature_algorithm algorithm = SIGNATURE_HS256;
    if (token.len > JWT_MAX) return refuse(j, "the JWT is longer than 8192 bytes");
    if (!jwt_is_one(token)) return refuse(j, no_jwt);
    struct slice rest = token, head = slice_cut(&rest, '.'), payload = slice_cut(&rest, '.'), signature = rest;
    struct slice data = {token.p, head.len + 1 + payload.len};
    int r = read_object(j, head, HEADER_MAX, header, no_header);
    if (r == 0) r = read_header(j, buf_slice(header), &algorithm);
    if (r == 0) r = check_signature(j, rules, algorithm, data, signature);
    if (r == 0)
        r = read_object(j, payload, JWT_MAX, &j->claims,
                        "the claims of the JWT are no sound JSON object in base64url, or one is there twice");
    return r == 0 ? check_claims(j, rules, now_s) : r;
}

int jwt_check(struct slice token, const struct jwt_rules *rules, int64_t now_s, struct jwt *ret_jwt)
{
    struct buf header;
    buf_init(&header, HEADER_MAX);
    *ret_jwt = (struct jwt){.why = NULL};
    buf_init(&ret_jwt->claims, JWT_MAX);
    int r = check(token, rules, now_s, &header, ret_jwt);
    buf_done(&header);
    return r;
}

void jwt_done(struct jwt *j)
{
    buf_done(&j->claims);
}

bool jwt_claim(const struct jwt *j, const char *name, struct json_value *ret_value)
{
    return member(buf_slice(&j->claims), name, ret_value);
}
