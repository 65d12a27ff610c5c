/* SPDX-License-Identifier: MIT */
#include "api/keys.h"

#include <stdlib.h>

enum { MS_PER_S = 1000 };

struct keys {
    struct config *config;
    struct jwt_rules rules;
    size_t n;
    struct signature_key *key[];
};

/* What the configuration's check let pass does not fail here. */
static int add(struct keys *k, const struct slice *text, size_t n, bool secret)
{
    struct error err;
    for (size_t i = 0; i < n; i++) {
        int r = secret ? signature_key_secret(text[i], &err, &k->key[k->n]) : signature_key_public(text[i], &err, &k->key[k->n]);
        if (r != 0) return -ENOMEM;
        k->n++;
    }
    return 0;
}

int keys_new(struct config *c, struct keys **ret_keys)
{
    const struct config_jwt *j = &c->jwt;
    size_t n = j->secret_file.n + j->key_file.n;
    struct keys *k = calloc(1, sizeof *k + n * sizeof *k->key);
    if (!k) return -ENOMEM;
    k->config = config_ref(c);
    int r = add(k, j->secret, j->secret_file.n, true);
    if (r == 0) r = add(k, j->key, j->key_file.n, false);
    if (r < 0) {
        keys_free(k);
        return r;
    }
    k->rules = (struct jwt_rules){.key = k->key,
                                  .keys = k->n,
                                  .audience = j->audience.item,
                                  .audiences = j->audience.n,
                                  .issuer = j->issuer,
                                  .leeway_s = j->leeway_ms / MS_PER_S};
    *ret_keys = k;
    return 0;
}

void keys_free(struct keys *k)
{
    if (!k) return;
    for (size_t i = 0; i < k->n; i++)
        signature_key_free(k->key[i]);
    config_unref(k->config);
    free(k);
}

bool keys_any(const struct keys *k)
{
    return k && k->n > 0;
}

const struct jwt_rules *keys_rules(const struct keys *k)
{
    return &k->rules;
}
