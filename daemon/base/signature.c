/* SPDX-License-Identifier: MIT */
#include "base/signature.h"

#include "base/digest.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <stdlib.h>

struct signature_key {
    enum signature_algorithm algorithm;
    EVP_PKEY *rsa;
    size_t len;
    unsigned char secret[];
};

static int make(enum signature_algorithm algorithm, struct slice secret, struct signature_key **ret_key)
{
    struct signature_key *k = calloc(1, sizeof *k + secret.len);
    if (!k) return -ENOMEM;
    k->algorithm = algorithm;
    k->len = secret.len;
    if (secret.len) memcpy(k->secret, secret.p, secret.len);
    *ret_key = k;
    return 0;
}

int signature_key_secret(struct slice secret, struct error *err, struct signature_key **ret_key)
{
    if (secret.len < SIGNATURE_SECRET_MIN)
        return error_set(err, SIGNATURE_E_KEY, "the secret has %zu bytes, and HS256 needs %d at least: openssl rand -base64 48",
                         secret.len, SIGNATURE_SECRET_MIN);
    if (secret.len > INT_MAX / 2) return error_set(err, SIGNATURE_E_KEY, "the secret is too long");
    return make(SIGNATURE_HS256, secret, ret_key);
}

static bool mentions(struct slice text, const char *word)
{
    return text.len > 0 && memmem(text.p, text.len, word, strlen(word));
}

static EVP_PKEY *read_public(struct slice pem)
{
    BIO *bio = pem.len <= INT_MAX ? BIO_new_mem_buf(pem.p, (int)pem.len) : NULL;
    EVP_PKEY *key = bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    ERR_clear_error();
    return key;
}

static int refuse_key(EVP_PKEY *key, struct error *err, const char *why)
{
    EVP_PKEY_free(key);
    return error_set(err, SIGNATURE_E_KEY, "%s", why);
}

int signature_key_public(struct slice pem, struct error *err, struct signature_key **ret_key)
{
    if (mentions(pem, "PRIVATE KEY"))
        return refuse_key(NULL, err,
                          "it holds a private key, which belongs to whoever signs; write the public one: openssl rsa -pubout");
    if (mentions(pem, "BEGIN CERTIFICATE"))
        return refuse_key(NULL, err, "it holds a certificate; write its public key: openssl x509 -pubkey -noout");
    EVP_PKEY *rsa = read_public(pem);
    if (!rsa) return refuse_key(NULL, err, "it holds no public key in PEM (-----BEGIN PUBLIC KEY-----)");
    if (EVP_PKEY_base_id(rsa) != EVP_PKEY_RSA)
        return refuse_key(rsa, err, "it is no RSA key, and RS256 is the only algorithm of public keys here");
    int bits = EVP_PKEY_bits(rsa);
    if (bits < SIGNATURE_RSA_BITS_MIN || bits > SIGNATURE_RSA_BITS_MAX)
        return refuse_key(rsa, err, "an RSA key has 2048 to 8192 bits");
    int r = make(SIGNATURE_RS256, (struct slice){NULL, 0}, ret_key);
    if (r < 0)
        EVP_PKEY_free(rsa);
    else
        (*ret_key)->rsa = rsa;
    return r;
}

void signature_key_free(struct signature_key *k)
{
    if (!k) return;
    EVP_PKEY_free(k->rsa);
    OPENSSL_cleanse(k->secret, k->len);
    free(k);
}

enum signature_algorithm signature_key_algorithm(const struct signature_key *k)
{
    return k->algorithm;
}

static bool is_hmac(const struct signature_key *k, struct slice data, struct slice signature)
{
    unsigned char sum[DIGEST_BYTES];
    unsigned len = sizeof sum;
    if (signature.len != sizeof sum) return false;
    if (!HMAC(EVP_sha256(), k->secret, (int)k->len, (const unsigned char *)data.p, data.len, sum, &len)) return false;
    return CRYPTO_memcmp(sum, signature.p, sizeof sum) == 0;
}

static bool is_rsa(const struct signature_key *k, struct slice data, struct slice signature)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    /* PKCS #1 v1.5 is what EVP does for RSA unless told otherwise. */
    bool is = md && EVP_DigestVerifyInit(md, NULL, EVP_sha256(), NULL, k->rsa) == 1 &&
              EVP_DigestVerify(md, (const unsigned char *)signature.p, signature.len, (const unsigned char *)data.p, data.len) == 1;
    EVP_MD_CTX_free(md);
    ERR_clear_error();
    return is;
}

bool signature_is_of(const struct signature_key *k, struct slice data, struct slice signature)
{
    return k->algorithm == SIGNATURE_HS256 ? is_hmac(k, data, signature) : is_rsa(k, data, signature);
}
