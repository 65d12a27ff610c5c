/* SPDX-License-Identifier: MIT */
#include "etl/verdict.h"

#include "base/num.h"

#include <ctype.h>
#include <stdio.h>

enum { MESSAGE_MAX = 2048, WORD_MAX = 32 };

bool verdict_blames_rows(const struct db_result *r)
{
    return r->status == ERROR_REFUSED && db_refusal_of(r->error->sqlstate) == DB_BAD_DATA;
}

static const char *field(const struct db_result *r, int code)
{
    const char *text = r->refusal ? PQresultErrorField(r->refusal, code) : NULL;
    return text ? text : "";
}

/* What stands behind "COPY table, " in the outermost line of the context, or NULL. */
static const char *behind_table(const char *context, const char *table)
{
    const char *line = context;
    for (const char *next = context; (next = strchr(next, '\n')); line = ++next)
        ;
    size_t n = strlen(table);
    if (strncmp(line, "COPY ", 5) != 0 || strncmp(line + 5, table, n) != 0 || strncmp(line + 5 + n, ", ", 2) != 0) return NULL;
    return line + 5 + n + 2;
}

/* "line 12" in whatever language: the number behind one word. */
static const char *skip_word(const char *at)
{
    size_t n = 0;
    while (at[n] && !isdigit((unsigned char)at[n]) && n < WORD_MAX)
        n++;
    return at + n;
}

long verdict_hint(const struct db_result *r, const char *table)
{
    const char *at = behind_table(field(r, PG_DIAG_CONTEXT), table);
    if (!at) return -1;
    at = skip_word(at);
    size_t digits = strspn(at, "0123456789");
    int64_t number;
    return num_parse_i64((struct slice){at, digits}, &number) == 0 && number > 0 ? (long)(number - 1) : -1;
}

/* The rule's column of that name, or empty. */
static struct slice known_column(const struct row_rule *rule, struct slice name)
{
    for (size_t i = 0; i < rule->columns; i++)
        if (slice_equal(slice_of(rule->column[i].name), name)) return name;
    return SLICE("");
}

/* "Key (id)=(1) already exists." */
static struct slice column_of_key(const char *detail)
{
    const char *open = strchr(detail, '('), *close = open ? strstr(open, ")=(") : NULL;
    return close ? (struct slice){open + 1, (size_t)(close - open - 1)} : SLICE("");
}

/* "COPY t, line 3, column price: …" */
static struct slice column_of_context(const char *context)
{
    const char *at = strrchr(context, '\n');
    at = strstr(at ? at : context, ", column ");
    return at ? (struct slice){at + 9, strcspn(at + 9, ":")} : SLICE("");
}

static struct slice column_at_fault(const struct db_result *r, const struct row_rule *rule)
{
    const struct slice named[] = {slice_of(field(r, PG_DIAG_COLUMN_NAME)), column_of_context(field(r, PG_DIAG_CONTEXT)),
                                  column_of_key(field(r, PG_DIAG_MESSAGE_DETAIL))};
    for (size_t i = 0; i < sizeof named / sizeof named[0]; i++) {
        struct slice column = known_column(rule, named[i]);
        if (column.len > 0) return column;
    }
    return SLICE("");
}

/* The whole row, which the reject has as it stood in the file. */
static bool repeats_row(const struct db_result *r)
{
    return strcmp(r->error->sqlstate, "23514") == 0 || strcmp(r->error->sqlstate, "23502") == 0;
}

int verdict_add(struct reject_list *list, const struct db_result *r, const struct row_rule *rule, uint64_t line)
{
    char message[MESSAGE_MAX];
    const char *detail = repeats_row(r) ? "" : field(r, PG_DIAG_MESSAGE_DETAIL);
    snprintf(message, sizeof message, "PostgreSQL refused the row: %s%s%s", r->error->text, detail[0] ? "; " : "", detail);
    for (char *c = message; *c; c++)
        if (*c == '\n' || *c == '\r') *c = ' ';
    struct reject reject = {.line = line, .column = column_at_fault(r, rule)};
    reject.message = slice_cut_utf8(slice_of(message), sizeof message - 1);
    snprintf(reject.code, sizeof reject.code, "%s", r->error->sqlstate);
    return reject_list_add(list, &reject);
}
