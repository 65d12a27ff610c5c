/* SPDX-License-Identifier: MIT */
/*
 * What a CREATE TABLE list says of its columns beside their names and types: as far as its words go, for who must do without the
 * server (cetl check). What a domain, LIKE or a trigger adds is not seen.
 *
 * Thread: any.
 */
#ifndef CETLD_CONFIG_TRAITS_H
#define CETLD_CONFIG_TRAITS_H

#include "base/arena.h"
#include "config/config.h"

struct trait {
    bool not_null;    /* NOT NULL, PRIMARY KEY, an identity, or a serial */
    bool has_default; /* DEFAULT, an identity, or a serial */
    bool identity_always;
    bool generated; /* GENERATED ALWAYS AS (…) STORED */
    unsigned key;   /* its place in the primary key, from 1; 0: it is not in it */
};

/** Constraints of the list that only the server judges. */
enum trait_constraint {
    TRAIT_KEY = 1,
    TRAIT_UNIQUE = 2,
    TRAIT_REFERENCES = 4,
    TRAIT_CHECK = 8,
    TRAIT_EXCLUDE = 16,
    TRAIT_KINDS = 5
};

struct traits {
    struct trait *item;   /* of each of the columns, in their order */
    unsigned constraints; /* bits of enum trait_constraint */
    bool like;            /* LIKE: there are columns that only the server knows */
};

/** Of a list that columns_parse has accepted, with the columns that it found. In the arena. 0 or -ENOMEM. */
must_check int traits_read(struct slice sql, const struct config_list *columns, struct arena *arena, struct traits *ret_traits);
/** As SQL writes it: "PRIMARY KEY". */
const char *trait_constraint_name(enum trait_constraint c);

#endif
