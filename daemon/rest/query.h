/* SPDX-License-Identifier: MIT */
/*
 * PostgREST's query dialect as a tree: what the parameters of a request ask for, before any table is looked at.
 *
 *   select=id,total:amount::text,data->a->>b,customer:customers!inner(name,...region(code))      columns, casts, paths, embedding
 *   id=gte.10&name=not.ilike.*x*&or=(a.eq.1,not.and(b.is.null,c.in.(1,"2,3")))                    conditions, all of which must
 * hold customers.name=eq.x&customers.order=name&customers.limit=3                                    the same for what is embedded
 *   order=amount.desc.nullslast,id&limit=10&offset=20&after=7                                     order and page
 *   columns=a,b&on_conflict=a                                                                     of writes
 *
 * A level is one resource: the root (the table of the route), and each embedded one. Whatever stands in front of the last dot of a
 * parameter's name says which; it is the alias or the name of an embedding of `select`.
 *
 *     struct rest_query q;
 *     int rc = rest_query_parse(params, n, &arena, &q, &err);      0, REST_E_QUERY (err says what), -ENOMEM
 *
 * The tree lives in the arena and points into the parameters' bytes; both must outlive it. Nothing of it is trusted: names may be
 * any bytes without NUL, values any text, which only rest/sql.h turns into SQL.
 *
 * Limits, each refused with a message that names it: REST_…_MAX below.
 *
 * Source: PostgREST's documentation, "Tables and Views", "Resource Embedding", "Pagination and Count", "Prefer Header".
 *
 * Thread: any.
 */
#ifndef CETLD_REST_QUERY_H
#define CETLD_REST_QUERY_H

#include "base/arena.h"
#include "base/error.h"
#include "http/target.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    REST_PARAMETERS_MAX = 256, /* of a request */
    REST_SELECT_MAX = 1000,    /* columns and embeddings, all levels together */
    REST_TESTS_MAX = 250,      /* conditions, all levels together */
    REST_ORDERS_MAX = 32,      /* terms of one order */
    REST_ITEMS_MAX = 10000,    /* of one list: in.(…), columns=, after= */
    REST_STEPS_MAX = 16,       /* of one path into JSON */
    REST_DEPTH_MAX = 8,        /* of embeddings in embeddings, and of and/or in and/or */
    REST_EMBEDS_MAX = 32,      /* all together */
    REST_NAME_MAX = 63,        /* bytes of a name; PostgreSQL's */
};

enum { REST_ALL = -1 }; /* a limit: none */

/** Why a request cannot be answered, in words for its author. `status` and `code` as PostgREST has them where it has the case. */
struct rest_error {
    int status;
    const char *code; /* static: "PGRST100", "42703" … */
    char message[400];
    char details[600]; /* or "" */
    char hint[300];    /* what to write instead, or "" */
};
enum { REST_E_QUERY = 1 };
/** Fill `err` in; gives REST_E_QUERY. `hint` may be NULL. */
int rest_refuse(struct rest_error *err, int status, const char *code, const char *hint, const char *format, ...) printf_like(5, 6);
/** A text of the client's for "%.*s": cut to 100 bytes at a character. */
struct slice rest_shown(struct slice text);

/* ---- fields ---- */

struct rest_step {
    struct slice key; /* digits, perhaps behind '-', when `index` */
    bool index;
    bool text; /* ->> */
};
/** A column, perhaps with a path into its JSON. */
struct rest_field {
    struct slice name;
    struct rest_step *step;
    size_t steps;
};

/* ---- conditions ---- */

enum rest_op {
    REST_EQ,
    REST_NEQ,
    REST_GT,
    REST_GTE,
    REST_LT,
    REST_LTE,
    REST_LIKE,
    REST_ILIKE,
    REST_MATCH,
    REST_IMATCH,
    REST_IN,
    REST_IS,
    REST_ISDISTINCT,
    REST_CS,
    REST_CD,
    REST_OV,
    REST_SL,
    REST_SR,
    REST_NXL,
    REST_NXR,
    REST_ADJ,
    REST_FTS,
    REST_PLFTS,
    REST_PHFTS,
    REST_WFTS,
    REST_OP_N,
};
/** "eq" … Static. */
const char *rest_op_name(enum rest_op op);

enum rest_quantifier { REST_ONE, REST_ANY_OF, REST_ALL_OF };
enum rest_is { REST_IS_NULL, REST_IS_NOT_NULL, REST_IS_TRUE, REST_IS_FALSE, REST_IS_UNKNOWN };

enum rest_kind { REST_TEST, REST_AND, REST_OR };
struct rest_condition {
    enum rest_kind kind;
    bool negated;
    struct rest_condition *first; /* of AND, OR: the parts; AND without any is true */
    struct rest_condition *next;
    struct slice parameter; /* whose value it stood in */
    /* of TEST */
    struct rest_field field;
    enum rest_op op;
    enum rest_quantifier quantifier;
    enum rest_is is;     /* of IS */
    struct slice value;  /* of IN, and with a quantifier: PostgreSQL's text of an array; of LIKE and ILIKE: with % for * */
    struct slice config; /* of the FTS: the text search configuration; {NULL, 0}: the database's */
};

/* ---- what is asked for ---- */

struct rest_level;
enum rest_selected { REST_COLUMN, REST_STAR, REST_EMBED };
struct rest_select {
    enum rest_selected kind;
    struct slice alias; /* {NULL, 0}: none */
    struct rest_field field;
    struct slice cast;        /* a type's name, as it came; {NULL, 0}: none */
    struct rest_level *embed; /* of EMBED */
    struct rest_select *next;
};

struct rest_order {
    struct slice relation; /* {NULL, 0}: a column of the level itself; else of an embedded to-one resource */
    struct rest_field field;
    bool descending;
    bool nulls_said, nulls_first;
};

struct rest_level {
    struct rest_level *parent; /* NULL: the root */
    struct slice name;         /* of the relation; of the root "" */
    struct slice alias;        /* {NULL, 0}: none */
    struct slice hint;         /* {NULL, 0}: none */
    bool inner;                /* rows of the parent that have none of these do not count */
    bool spread;               /* its columns become the parent's */
    struct rest_select *select;
    struct rest_condition where; /* an AND */
    struct rest_order *order;
    size_t orders;
    int64_t limit; /* REST_ALL: none */
    int64_t offset;
};

/** A name of a list, in order. */
struct rest_name {
    struct slice name;
    struct rest_name *next;
};

/** One value of `after`. */
struct rest_value {
    struct slice text;
    bool null;
};

struct rest_query {
    struct rest_level root;
    bool select_said;
    struct rest_value *after; /* the values of the order's columns in the last row that was seen; NULL: from the start */
    size_t afters;
    struct rest_name *columns; /* NULL: not said */
    struct rest_name *on_conflict;
};

/** Everything that the parameters say. See above. */
must_check int rest_query_parse(const struct http_parameter *parameter, size_t n, struct arena *arena, struct rest_query *ret_query,
                                struct rest_error *err);
/** A `select` alone, as a configuration has it. `name` stands in messages. */
must_check int rest_select_parse(struct slice name, struct slice text, struct arena *arena, struct rest_query *ret_query,
                                 struct rest_error *err);
/** The name under which its rows hang in the parent's: alias or name. */
struct slice rest_level_name(const struct rest_level *level);
/** The embedding of that alias or name, or NULL. */
struct rest_level *rest_level_find(const struct rest_level *level, struct slice name);

#endif
