/* SPDX-License-Identifier: MIT */
/*
 * JSON Web Tokens. The first byte chooses: the bytes are a token as it comes from outside, which must be refused (nobody guesses a
 * signature), or a header and claims with a zero byte between them, which are signed here, so that what is behind the signature is
 * reached. What is taken must have been good by another reading of its claims; what it says that it allows is parsed.
 */
#include "api/access.h"
#include "base/base64url.h"
#include "http/jwt.h"

#include <assert.h>
#include <openssl/hmac.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NOW = 1700000000, LEEWAY = 30, TOKEN_MAX = 1 << 16, RULES_MEMORY = 1 << 17 };
static const char secret[] = "0123456789abcdef0123456789abcdef";
static const char pem[] = "-----BEGIN PUBLIC KEY-----\n"
                          "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAu1SU1LfVLPHCozMxH2Mo\n"
                          "4lgOEePzNm0tRgeLezV6ffAt0gunVTLw7onLRnrq0/IzW7yWR7QkrmBL7jTKEn5u\n"
                          "+qKhbwKfBstIs+bMY2Zkp18gnTxKLxoS2tFczGkPLPgizskuemMghRniWaoLcyeh\n"
                          "kd3qqGElvW/VDL5AaWTg0nLVkjRo9z+40RQzuVaE8AkAFmxZzow3x+VJYKdjykkJ\n"
                          "0iT9wCS0DRTXu269V264Vf/3jvredZiKRkgwlL9xNAwxXFg0x/XFw005UWVRIkdg\n"
                          "cKWTjpBP2dPwVZ4WWC+9aGVd+Gyn1o0CLelf4rEjGoXbAAEgAqeGUxrcIlbjXfbc\n"
                          "mwIDAQAB\n"
                          "-----END PUBLIC KEY-----\n";
static struct signature_key *keys[2];
static const char *const audience[] = {"cetld"};

static void make_keys(void)
{
    struct error err;
    if (keys[0]) return;
    if (signature_key_secret(slice_of(secret), &err, &keys[0]) != 0 || signature_key_public(slice_of(pem), &err, &keys[1]) != 0)
        abort();
}

static void put_encoded(struct buf *out, const void *p, size_t n)
{
    char *to = buf_reserve(out, BASE64URL_LEN(n) + 1);
    if (!to) return;
    base64url_encode(p, n, to);
    buf_wrote(out, BASE64URL_LEN(n));
}

static void sign(struct slice text, struct buf *out)
{
    unsigned char sum[32];
    unsigned len = sizeof sum;
    struct slice claims = text, header = slice_cut(&claims, '\0');
    put_encoded(out, header.p, header.len);
    buf_putc(out, '.');
    put_encoded(out, claims.p, claims.len);
    if (buf_check(out) < 0) return;
    HMAC(EVP_sha256(), secret, (int)sizeof secret - 1, (const unsigned char *)out->data, out->len, sum, &len);
    buf_putc(out, '.');
    put_encoded(out, sum, len);
}

static void parse_rules(const struct jwt *j)
{
    struct json_value v;
    struct buf text;
    struct arena arena;
    struct mistakes m;
    struct allow allow = {0};
    if (!jwt_claim(j, "cetl", &v) || v.kind != JSON_KIND_STRING) return;
    buf_init(&text, JWT_MAX);
    arena_init(&arena, 1024, RULES_MEMORY);
    mistakes_init(&m);
    json_unquote(&text, v.raw);
    if (allow_parse(buf_slice(&text), &arena, (struct config_place){"", 0}, &m, &allow) == 0 && m.n == 0) {
        for (size_t i = 0; i < allow.n; i++) {
            assert(allow.rule[i].actions && allow.rule[i].kinds);
            if (allow.rule[i].every || allow.rule[i].kinds != ALLOW_TABLES) continue;
            assert(allow_permits(&allow, ALLOW_TABLES, ALLOW_ALL, allow.rule[i].name));
        }
    }
    mistakes_done(&m);
    arena_done(&arena);
    buf_done(&text);
}

static void check_taken(const struct jwt *j)
{
    struct json_value exp, aud;
    assert(jwt_claim(j, "exp", &exp) && exp.kind == JSON_KIND_NUMBER);
    char text[64] = "";
    assert(exp.raw.len < sizeof text);
    memcpy(text, exp.raw.p, exp.raw.len);
    assert(strtod(text, NULL) + LEEWAY > NOW - 1);
    assert(jwt_claim(j, "aud", &aud) && (aud.kind == JSON_KIND_STRING || aud.kind == JSON_KIND_ARRAY));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) return 0;
    make_keys();
    struct jwt_rules rules = {.key = keys, .keys = 2, .audience = audience, .audiences = 1, .issuer = "", .leeway_s = LEEWAY};
    bool outside = data[0] % 4 == 0;
    struct slice bytes = {(const char *)data + 1, size - 1};
    struct buf token;
    struct jwt j;
    buf_init(&token, TOKEN_MAX);
    if (outside)
        buf_put(&token, bytes);
    else
        sign(bytes, &token);
    if (buf_check(&token) == 0) {
        int r = jwt_check(buf_slice(&token), &rules, NOW, &j);
        assert(r == 0 || (r == JWT_E_REFUSED && j.why));
        assert(r != 0 || !outside);
        if (r == 0) {
            check_taken(&j);
            parse_rules(&j);
        }
        jwt_done(&j);
    }
    buf_done(&token);
    return 0;
}
