/* SPDX-License-Identifier: MIT */
/*
 * The grammars of the dialect's values (query.h says what they mean): one text is read from its begin to its end.
 *
 *     struct rest_parser p;
 *     rest_parser_begin(&p, &shared, name, text);
 *     rc = rest_parse_select(&p, &level);           0, REST_E_QUERY, -ENOMEM; all of the text was read
 *
 * Thread: any.
 */
#ifndef CETLD_REST_PARSER_H
#define CETLD_REST_PARSER_H

#include "rest/query.h"

/** What all texts of one request share. */
struct rest_reading {
    struct arena *arena;
    struct rest_error *err;
    unsigned selects, tests, embeds; /* so far */
};

struct rest_parser {
    struct rest_reading *shared;
    struct slice parameter; /* the name, for messages */
    const char *begin, *p, *end;
};

void rest_parser_begin(struct rest_parser *p, struct rest_reading *shared, struct slice parameter, struct slice text);

/** `select`, with the levels that it embeds; appended to `level`. */
must_check int rest_parse_select(struct rest_parser *p, struct rest_level *level);
/** `order`. */
must_check int rest_parse_order(struct rest_parser *p, struct rest_level *level);
/** "(…)" behind and=, or=: the parts of `ret_condition`, whose kind and negation are the caller's. */
must_check int rest_parse_logic(struct rest_parser *p, struct rest_condition *ret_condition);
/** "gte.10" behind `field`=. */
must_check int rest_parse_test(struct rest_parser *p, struct rest_field field, struct rest_condition *ret_condition);
/** A parameter's name: names with dots between, and perhaps a path into JSON behind the last. `ret_path` has room for
 * REST_DEPTH_MAX names in front of it. */
must_check int rest_parse_name(struct rest_parser *p, struct slice *ret_path, size_t *ret_paths, struct rest_field *ret_field);
/** Names with commas between. */
must_check int rest_parse_names(struct rest_parser *p, struct rest_name **ret_names);
/** Values with commas between: bare, "quoted", or null. */
must_check int rest_parse_values(struct rest_parser *p, struct rest_value **ret_values, size_t *ret_n);

/* ---- for the files of the parser ---- */

/** REST_E_QUERY, with where it stands: "the parameter select, at character 7: expected …". */
int rest_expected(struct rest_parser *p, const char *what);
/** More than the limit. */
int rest_too_many(struct rest_parser *p, const char *what, unsigned limit);
void rest_skip_blanks(struct rest_parser *p);
bool rest_take(struct rest_parser *p, char c);
bool rest_take_text(struct rest_parser *p, const char *text);
/** A quoted or bare name; commonly up to one of ",.:()!" or "->". */
must_check int rest_take_name(struct rest_parser *p, struct slice *ret_name);
must_check int rest_take_field(struct rest_parser *p, struct rest_field *ret_field);
/** "…" with \ before a character that means itself; the parser stands on the quote. */
must_check int rest_take_quoted(struct rest_parser *p, struct slice *ret_text);

#endif
