/* SPDX-License-Identifier: MIT */
/*
 * The keys and rules of [jwt], ready to check tokens with. Made of a configuration, and again of the next one.
 *
 * Thread: loop.
 */
#ifndef CETLD_API_KEYS_H
#define CETLD_API_KEYS_H

#include "config/config.h"
#include "http/jwt.h"

struct keys;

/** The configuration is referred to until keys_free. 0 or -ENOMEM. */
must_check int keys_new(struct config *c, struct keys **ret_keys);
/** NULL is fine. */
void keys_free(struct keys *k);
/** Is there any? */
bool keys_any(const struct keys *k);
const struct jwt_rules *keys_rules(const struct keys *k);

#endif
