/* SPDX-License-Identifier: MIT */
/*
 * Rules: how a record becomes a typed row. A row_rule is made on the loop for one load, never changed afterwards, and read by all
 * its workers.
 *
 * Thread: any.
 */
#ifndef CETLD_DATA_RULE_H
#define CETLD_DATA_RULE_H

#include "csv/reader.h"
#include "data/batch.h"
#include "data/reject.h"
#include "data/rescue.h"

/** What a column's values come from where it is no cell. */
enum rule_source {
    RULE_NULL = -1,     /* every row has NULL */
    RULE_CONSTANT = -2, /* every row has the same value */
    RULE_RESCUE = -3,   /* the cells that no column takes (data/rescue.h) */
    RULE_COMPUTED = -4, /* an expression's (expr/transform.h); no such rule is applied */
};

struct column_rule {
    const char *name; /* the table's column */
    struct type_input input;
    int source;           /* index of the cell, or RULE_… */
    union value constant; /* of RULE_CONSTANT; its memory is the rule's owner's */
    bool not_null;
    /* The type was inferred: a cell whose time of day or time zone the type would drop in silence, as PostgreSQL does, is refused.
     */
    bool exact;
    const struct slice *null_token; /* texts that mean NULL beside the unquoted empty cell; not applied to quoted cells */
    size_t null_tokens;
};

/** Does the file bring the column's values? */
static inline bool rule_brings(const struct column_rule *c)
{
    return c->source >= 0 || c->source == RULE_COMPUTED;
}

struct row_rule {
    struct column_rule *column;
    size_t columns;
    size_t cells;         /* how many cells a record must have */
    struct rescue rescue; /* of RULE_RESCUE */
    const char *encoding; /* that the file was converted from, for the words about what is no UTF-8; NULL: it was not */
};

/**
 * Add the record as the next row of the batch (which must have room), or a reject to the list when it has another number of cells
 * or a cell is bad (the first bad one is named). An unquoted empty cell is NULL. A quoted empty cell is the empty string, as in
 * PostgreSQL's COPY CSV: a value for the text types, a reject with 22P02 (22007 for dates and times) for the others. A reject's
 * column is the rule's name. 0, RULE_E_REJECTED, or -ENOMEM. The batch's values point into the record's chunk or the arena.
 */
enum { RULE_E_REJECTED = 1 };
must_check int rule_apply(const struct row_rule *rule, const struct record *record, struct batch *batch, struct arena *arena,
                          struct reject_list *rejects);
/**
 * The same with the next records of the reader, as many as it has in a row that are sound and as the batch has room for; column by
 * column, which is several times as fast. Rows and rejects are what rule_apply would have made of them one by one. *ret_read is the
 * number of records; with 0 of them the next one is for reader_next and rule_apply. 0 or -ENOMEM.
 */
must_check int rule_apply_rows(const struct row_rule *rule, struct reader *reader, struct batch *batch, struct reject_list *rejects,
                               size_t *ret_read);
/** A reject for a record that the reader refused with READER_E_ `code`. 0 or -ENOMEM. */
must_check int rule_reject_record(const struct row_rule *rule, const struct record *record, int code, struct reject_list *rejects);
/** What READER_E_ENCODING means in a file that was converted. */
enum { RULE_ENCODING_TEXT_MAX = 120 };
const char *rule_encoding_text(const char *encoding, char ret_text[RULE_ENCODING_TEXT_MAX]);
/** A reject for a record of which it is known already what is wrong with it: column, code and message are `verdict`'s. 0 or
 * -ENOMEM. */
must_check int rule_reject_verdict(const struct row_rule *rule, const struct record *record, const struct reject *verdict,
                                   struct reject_list *rejects);

#endif
