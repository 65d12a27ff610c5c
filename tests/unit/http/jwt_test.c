/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "base/base64url.h"
#include "http/jwt.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define SECRET "0123456789abcdef0123456789abcdef"
#define HS "{\"alg\":\"HS256\"}"
#define RS "{\"alg\":\"RS256\"}"
enum { NOW = 1700000000 };
#define GOOD "{\"exp\":1700000100}"

struct keys {
    EVP_PKEY *rsa, *other;
    struct signature_key *key[3];
    char pem[4096];
    struct jwt_rules rules;
    struct buf token;
};

static void pem_of(EVP_PKEY *key, char *ret_pem, size_t size)
{
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PUBKEY(bio, key), 1);
    int n = BIO_read(bio, ret_pem, (int)size - 1);
    ret_pem[n] = '\0';
    BIO_free(bio);
}

static int set_up(void **state)
{
    struct error err;
    struct keys *k = calloc(1, sizeof *k);
    char second[4096];
    k->rsa = EVP_RSA_gen(2048);
    k->other = EVP_RSA_gen(2048);
    pem_of(k->rsa, k->pem, sizeof k->pem);
    pem_of(k->other, second, sizeof second);
    assert_int_equal(signature_key_public(slice_of(k->pem), &err, &k->key[0]), 0);
    assert_int_equal(signature_key_secret(SLICE(SECRET), &err, &k->key[1]), 0);
    assert_int_equal(signature_key_public(slice_of(second), &err, &k->key[2]), 0);
    buf_init(&k->token, 1 << 20);
    *state = k;
    return 0;
}

static int tear_down(void **state)
{
    struct keys *k = *state;
    EVP_PKEY_free(k->rsa);
    EVP_PKEY_free(k->other);
    for (int i = 0; i < 3; i++)
        signature_key_free(k->key[i]);
    buf_done(&k->token);
    free(k);
    return 0;
}

static int fresh_rules(void **state)
{
    struct keys *k = *state;
    k->rules = (struct jwt_rules){.key = k->key, .keys = 2, .issuer = ""};
    return 0;
}

static void put_encoded(struct buf *out, const void *p, size_t n)
{
    char *to = buf_reserve(out, BASE64URL_LEN(n));
    base64url_encode(p, n, to);
    buf_wrote(out, BASE64URL_LEN(n));
}

static void put_parts(struct buf *out, const char *header, const char *claims)
{
    buf_reset(out);
    put_encoded(out, header, strlen(header));
    buf_putc(out, '.');
    put_encoded(out, claims, strlen(claims));
}

static struct slice hmac_signed(struct keys *k, const char *header, const char *claims, struct slice secret)
{
    unsigned char sum[32];
    unsigned len = sizeof sum;
    put_parts(&k->token, header, claims);
    HMAC(EVP_sha256(), secret.p, (int)secret.len, (const unsigned char *)k->token.data, k->token.len, sum, &len);
    buf_putc(&k->token, '.');
    put_encoded(&k->token, sum, len);
    return buf_slice(&k->token);
}

static struct slice hs(struct keys *k, const char *header, const char *claims)
{
    return hmac_signed(k, header, claims, SLICE(SECRET));
}

static struct slice rsa_signed(struct keys *k, EVP_PKEY *key, const char *header, const char *claims)
{
    unsigned char sum[512];
    size_t len = sizeof sum;
    put_parts(&k->token, header, claims);
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, key), 1);
    assert_int_equal(EVP_DigestSign(md, sum, &len, (const unsigned char *)k->token.data, k->token.len), 1);
    EVP_MD_CTX_free(md);
    buf_putc(&k->token, '.');
    put_encoded(&k->token, sum, len);
    return buf_slice(&k->token);
}

static void taken(struct keys *k, struct slice token)
{
    struct jwt j;
    int r = jwt_check(token, &k->rules, NOW, &j);
    if (r) fail_msg("%s", j.why);
    jwt_done(&j);
}

static void refused(struct keys *k, struct slice token, const char *why)
{
    struct jwt j;
    assert_int_equal(jwt_check(token, &k->rules, NOW, &j), JWT_E_REFUSED);
    if (!strstr(j.why, why)) fail_msg("'%s', not '%s'", j.why, why);
    assert_false(strchr(j.why, '"') || strchr(j.why, '\\')); /* it goes into a quoted string */
    jwt_done(&j);
}

/* ---- tests ---- */

static void example_of_rfc_7515(void **state)
{
    static const char secret[] = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    static const char token[] = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."
                                "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
                                "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    (void)state;
    char bytes[64];
    struct error err;
    struct signature_key *key;
    struct jwt j;
    struct json_value v;
    assert_true(base64url_decode(slice_of(secret), bytes));
    assert_int_equal(signature_key_secret((struct slice){bytes, 64}, &err, &key), 0);
    struct jwt_rules rules = {.key = &key, .keys = 1, .issuer = "joe"};
    assert_int_equal(jwt_check(slice_of(token), &rules, 1300819379, &j), 0);
    assert_true(jwt_claim(&j, "http://example.com/is_root", &v) && v.kind == JSON_KIND_TRUE);
    assert_false(jwt_claim(&j, "root", &v));
    jwt_done(&j);
    assert_int_equal(jwt_check(slice_of(token), &rules, 1300819380, &j), JWT_E_REFUSED);
    jwt_done(&j);
    signature_key_free(key);
}

static void both_algorithms_are_taken_by_their_keys(void **state)
{
    struct keys *k = *state;
    taken(k, hs(k, HS, GOOD));
    taken(k, rsa_signed(k, k->rsa, RS, GOOD));
    refused(k, rsa_signed(k, k->other, RS, GOOD), "signature of the JWT is not right");
    k->rules.keys = 3; /* a second key, as when keys are rotated */
    taken(k, rsa_signed(k, k->other, RS, GOOD));
    taken(k, rsa_signed(k, k->rsa, RS, GOOD));
}

static void none_and_other_algorithms_are_refused(void **state)
{
    struct keys *k = *state;
    static const char *const algs[] = {"{\"alg\":\"none\"}",  "{\"alg\":\"None\"}", "{\"alg\":\"nOnE\"}",    "{\"alg\":\"\"}",
                                       "{\"alg\":\"HS512\"}", "{\"alg\":null}",     "{\"alg\":[\"HS256\"]}", "{\"alg\":\"hs256\"}",
                                       "{\"alg\":\"ES256\"}", "{\"alg\":\"PS256\"}"};
    for (size_t i = 0; i < sizeof algs / sizeof *algs; i++)
        refused(k, hs(k, algs[i], GOOD), "is none that is taken here");
    refused(k, hs(k, "{}", GOOD), "has no alg");
    put_parts(&k->token, "{\"alg\":\"none\"}", GOOD);
    buf_putc(&k->token, '.');
    refused(k, buf_slice(&k->token), "is none that is taken here");
}

static void public_key_is_no_secret(void **state)
{
    struct keys *k = *state;
    refused(k, hmac_signed(k, HS, GOOD, slice_of(k->pem)), "signature of the JWT is not right");
    k->rules.keys = 1;
    refused(k, hmac_signed(k, HS, GOOD, slice_of(k->pem)), "no key here for the alg");
    refused(k, hs(k, RS, GOOD), "signature of the JWT is not right");
    k->rules.key++;
    refused(k, rsa_signed(k, k->rsa, RS, GOOD), "no key here for the alg");
}

static void each_byte_is_signed(void **state)
{
    struct keys *k = *state;
    struct slice token = hs(k, HS, "{\"exp\":1700000100,\"role\":\"reader\"}");
    char copy[400];
    for (size_t i = 0; i < token.len; i++) {
        struct jwt j;
        memcpy(copy, token.p, token.len);
        copy[i] = copy[i] == 'A' ? 'B' : 'A';
        assert_int_equal(jwt_check((struct slice){copy, token.len}, &k->rules, NOW, &j), JWT_E_REFUSED);
        jwt_done(&j);
        assert_int_equal(jwt_check((struct slice){copy, i}, &k->rules, NOW, &j), JWT_E_REFUSED);
        jwt_done(&j);
    }
}

static void times_are_checked_with_leeway(void **state)
{
    struct keys *k = *state;
    refused(k, hs(k, HS, "{\"exp\":1700000000}"), "expired");
    refused(k, hs(k, HS, "{\"exp\":0}"), "expired");
    refused(k, hs(k, HS, "{\"exp\":-1}"), "expired");
    refused(k, hs(k, HS, "{}"), "no exp");
    taken(k, hs(k, HS, "{\"exp\":1700000001.5}"));
    taken(k, hs(k, HS, "{\"exp\":1700000001,\"nbf\":1700000000,\"iat\":1700000000}"));
    refused(k, hs(k, HS, "{\"exp\":1700000100,\"nbf\":1700000001}"), "not yet good");
    refused(k, hs(k, HS, "{\"exp\":1700000100,\"iat\":1700000001}"), "in the future");
    static const char *const bad[] = {"\"1700000100\"", "null", "true", "1e20", "99999999999999999999", "[1700000100]"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char claims[100];
        snprintf(claims, sizeof claims, "{\"exp\":%s}", bad[i]);
        refused(k, hs(k, HS, claims), "exp of the JWT is no number");
        snprintf(claims, sizeof claims, "{\"exp\":1700000100,\"nbf\":%s}", bad[i]);
        refused(k, hs(k, HS, claims), "nbf of the JWT is no number");
    }
    k->rules.leeway_s = 30;
    taken(k, hs(k, HS, "{\"exp\":1699999971}"));
    refused(k, hs(k, HS, "{\"exp\":1699999970}"), "expired");
    taken(k, hs(k, HS, "{\"exp\":1700000100,\"nbf\":1700000030}"));
}

static void audience_and_issuer_are_checked(void **state)
{
    static const char *const audience[] = {"cetld", "other"};
    struct keys *k = *state;
    refused(k, hs(k, HS, "{\"exp\":1700000100,\"aud\":\"cetld\"}"), "does not say that this is meant");
    k->rules.audience = audience;
    k->rules.audiences = 2;
    taken(k, hs(k, HS, "{\"exp\":1700000100,\"aud\":\"cetld\"}"));
    taken(k, hs(k, HS, "{\"exp\":1700000100,\"aud\":[\"x\",\"other\"]}"));
    refused(k, hs(k, HS, "{\"exp\":1700000100,\"aud\":\"cetl\"}"), "another audience");
    refused(k, hs(k, HS, "{\"exp\":1700000100,\"aud\":[]}"), "another audience");
    refused(k, hs(k, HS, "{\"exp\":1700000100,\"aud\":{\"cetld\":\"cetld\"}}"), "another audience");
    refused(k, hs(k, HS, "{\"exp\":1700000100,\"aud\":[[\"cetld\"]]}"), "another audience");
    refused(k, hs(k, HS, GOOD), "no aud");
    k->rules.audiences = 0;
    k->rules.issuer = "https://id.example.org/";
    taken(k, hs(k, HS, "{\"exp\":1700000100,\"iss\":\"https:\\/\\/id.example.org/\"}"));
    refused(k, hs(k, HS, "{\"exp\":1700000100,\"iss\":\"https://id.example.org\"}"), "another issuer");
    refused(k, hs(k, HS, GOOD), "another issuer");
}

static void what_is_no_sound_json_object_is_refused(void **state)
{
    struct keys *k = *state;
    static const char *const claims[] = {"{\"exp\":1700000100,\"role\":\"a\",\"role\":\"b\"}",
                                         "{\"exp\":1700000100,\"\\u0065xp\":1}",
                                         "[1700000100]",
                                         "1700000100",
                                         "{\"exp\":1700000100",
                                         "{\"exp\":1700000100}x",
                                         "{\"exp\":1700000100,\"x\":\"\\u0000\"}",
                                         "{\"exp\":1700000100,\"x\":\"\xff\"}",
                                         "{\"exp\":1700000100,\"x\":[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]}"};
    for (size_t i = 0; i < sizeof claims / sizeof *claims; i++)
        refused(k, hs(k, HS, claims[i]), "claims of the JWT are no sound JSON");
    refused(k, hs(k, "{\"alg\":\"HS256\",\"alg\":\"none\"}", GOOD), "header of the JWT is no sound JSON");
    refused(k, hs(k, "[]", GOOD), "header of the JWT is no sound JSON");
    refused(k, hs(k, "{\"alg\":\"HS256\",\"crit\":[\"b64\"],\"b64\":false}", GOOD), "crit");
}

static void other_shapes_are_refused(void **state)
{
    struct keys *k = *state;
    static const char *const shapes[] = {"", ".", "..", "a.b", "a.b.c.d", "....", "a..b", "e30..", ".e30."};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct jwt j;
        assert_int_equal(jwt_check(slice_of(shapes[i]), &k->rules, NOW, &j), JWT_E_REFUSED);
        jwt_done(&j);
    }
    char long_claims[7000] = "{\"exp\":1700000100,\"x\":\"";
    memset(long_claims + strlen(long_claims), 'x', 6900 - strlen(long_claims));
    memcpy(long_claims + 6900, "\"}", 3);
    refused(k, hs(k, HS, long_claims), "longer than 8192");
}

static void unfit_keys_are_refused(void **state)
{
    struct keys *k = *state;
    struct error err;
    struct signature_key *key;
    char pem[4096];
    assert_int_equal(signature_key_secret(SLICE("short"), &err, &key), SIGNATURE_E_KEY);
    assert_non_null(strstr(err.text, "openssl rand"));
    assert_int_equal(signature_key_public(SLICE(SECRET), &err, &key), SIGNATURE_E_KEY);
    assert_int_equal(signature_key_public(SLICE(""), &err, &key), SIGNATURE_E_KEY);
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(bio, k->rsa, NULL, NULL, 0, NULL, NULL);
    int n = BIO_read(bio, pem, sizeof pem);
    BIO_free(bio);
    assert_int_equal(signature_key_public((struct slice){pem, (size_t)n}, &err, &key), SIGNATURE_E_KEY);
    assert_non_null(strstr(err.text, "private"));
    EVP_PKEY *small = EVP_RSA_gen(1024), *curve = EVP_EC_gen("P-256");
    pem_of(small, pem, sizeof pem);
    assert_int_equal(signature_key_public(slice_of(pem), &err, &key), SIGNATURE_E_KEY);
    assert_non_null(strstr(err.text, "2048"));
    pem_of(curve, pem, sizeof pem);
    assert_int_equal(signature_key_public(slice_of(pem), &err, &key), SIGNATURE_E_KEY);
    assert_non_null(strstr(err.text, "no RSA"));
    EVP_PKEY_free(small);
    EVP_PKEY_free(curve);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, fresh_rules)
    const struct CMUnitTest tests[] = {
        T(example_of_rfc_7515),
        T(both_algorithms_are_taken_by_their_keys),
        T(none_and_other_algorithms_are_refused),
        T(public_key_is_no_secret),
        T(each_byte_is_signed),
        T(times_are_checked_with_leeway),
        T(audience_and_issuer_are_checked),
        T(what_is_no_sound_json_object_is_refused),
        T(other_shapes_are_refused),
        T(unfit_keys_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
