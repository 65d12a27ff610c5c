/* SPDX-License-Identifier: MIT */
/*
 * Names of tables and columns made from what people write: headers and file names. And the nearest of known names for a typo.
 *
 * A normalised name is words joined by '_', in lower case. Words end at anything that is no letter or digit, and where the case
 * says so:
 *
 *     SalesOrderNumber, Sales Order Number, sales-order-number  ->  sales_order_number
 *     customerID -> customer_id    HTTPServer -> http_server    Address2Line -> address2_line    ABC -> abc    Größe (cm) ->
 * größe_cm
 *
 * What is the name of a system column of PostgreSQL (xmin, ctid …), and so can be no other's, gets "_data".
 *
 * Digits stay with the word before them. Letters beyond ASCII stay as they are, since folding them needs a locale.
 *
 * Thread: any.
 */
#ifndef CETLD_BASE_NAME_H
#define CETLD_BASE_NAME_H

#include "base/slice.h"

/** PostgreSQL's identifiers hold 63 bytes. */
enum { NAME_MAX_BYTES = 63 };

/** The normalised name, terminated, cut at a character to NAME_MAX_BYTES; "" when there is no letter or digit. Its length. */
size_t name_normalise(struct slice text, char ret_name[NAME_MAX_BYTES + 1]);
/**
 * The dataset of a file that no dataset claims: the normalised name without folder, extensions (.csv .tsv .txt .gz .zip) and
 * trailing numbers and dates: sales2.csv, sales_2024-01.csv.gz -> sales. What would begin with a digit begins with t_ (t_2024_01),
 * so that SQL needs no quotes. A word of the API's routes gets "_data". Never "".
 */
size_t name_of_file(struct slice file, char ret_name[NAME_MAX_BYTES + 1]);
/** The file's name without folder and extensions: "sales_2024-01", a part of `file`. */
struct slice name_stem(struct slice file);
/** The same with trailing numbers and dates kept: sales_2024_01. */
size_t name_of_file_full(struct slice file, char ret_name[NAME_MAX_BYTES + 1]);
/** A word of the API's routes, which no dataset may have as its name. */
bool name_is_route(struct slice name);

/**
 * The nearest of known names to a word, by edits (insertion, deletion, substitution, exchange of neighbours; ASCII case is no
 * difference), at most a third of the word's length.
 *
 *     struct name_nearest n = name_nearest_to(word);
 *     for (…) name_nearest_offer(&n, known[i]);
 *     if (n.best) …
 */
struct name_nearest {
    struct slice word;
    const char *best;  /* one of the offered strings, or NULL when none is near */
    unsigned distance; /* of best, or the first distance that is too far */
};
struct name_nearest name_nearest_to(struct slice word);
void name_nearest_offer(struct name_nearest *n, const char *known);

#endif
