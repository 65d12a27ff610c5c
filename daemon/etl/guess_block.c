/* SPDX-License-Identifier: MIT */
#include "etl/guess_block.h"

#include "base/ascii.h"
#include "base/name.h"
#include "config/config.h"
#include "config/options.h"
#include "db/query.h"

/* PostgreSQL's keywords that are no column names ("SQL Key Words" in its manual), and those that the list of columns could be
 * misread by. */
static const char *const reserved[] = {
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "authorization",
    "binary",
    "both",
    "case",
    "cast",
    "check",
    "collate",
    "collation",
    "column",
    "concurrently",
    "constraint",
    "create",
    "cross",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "default",
    "deferrable",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "exclude",
    "false",
    "fetch",
    "for",
    "foreign",
    "freeze",
    "from",
    "full",
    "grant",
    "group",
    "having",
    "ilike",
    "in",
    "initially",
    "inner",
    "intersect",
    "into",
    "is",
    "isnull",
    "join",
    "lateral",
    "leading",
    "left",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "natural",
    "not",
    "notnull",
    "null",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "outer",
    "overlaps",
    "placing",
    "primary",
    "references",
    "returning",
    "right",
    "select",
    "session_user",
    "similar",
    "some",
    "symmetric",
    "system_user",
    "table",
    "tablesample",
    "then",
    "to",
    "trailing",
    "true",
    "union",
    "unique",
    "user",
    "using",
    "variadic",
    "verbose",
    "when",
    "where",
    "window",
    "with",
};

static bool is_plain(const char *name)
{
    for (const char *p = name; *p; p++) {
        bool letter = (*p >= 'a' && *p <= 'z') || *p == '_', digit = ascii_is_digit(*p);
        if (!letter && (!digit || p == name)) return false;
    }
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++)
        if (strcmp(reserved[i], name) == 0) return false;
    return true;
}

static void put_columns(struct buf *out, const struct guess *g)
{
    buf_puts(out, "columns =\n");
    for (size_t i = 0; i < g->columns; i++) {
        const struct guess_column *c = &g->column[i];
        char type[64];
        buf_puts(out, "    ");
        if (is_plain(c->name))
            buf_puts(out, c->name);
        else
            db_quote_identifier(out, slice_of(c->name));
        buf_printf(out, " %s%s%s\n", type_sql(c->as.type, type), c->as.type.id == TYPE_TEXT ? " collate \"C\"" : "",
                   i + 1 < g->columns ? "," : "");
    }
}

/* An option of [dataset] whose value is that character. */
static void put_character(struct buf *out, const char *name, char value)
{
    const struct option *o = options_find(OPTION_DATASET, slice_of(name));
    buf_printf(out, "%s = ", name);
    value_format(&o->rule, &value, out);
    buf_putc(out, '\n');
}

static void put_dialect(struct buf *out, const struct guess_block *b)
{
    const struct dialect *d = b->dialect;
    if (!b->various) {
        put_character(out, "delimiter", d->delimiter);
        if (d->quote != '"') put_character(out, "quote", d->quote);
        if (d->escape) put_character(out, "escape", d->escape);
        if (d->line_end == DIALECT_END_CR) buf_puts(out, "line_end = cr\n");
    }
    if (d->header == DIALECT_HEADER_NO) buf_puts(out, "header = no\n");
    if (b->encoding) buf_printf(out, "encoding = %s\n", b->encoding);
    if (b->skip_blank) buf_puts(out, "blank_lines = skip\n");
}

void guess_block_write(struct buf *out, const struct guess_block *b)
{
    const struct guess *g = b->guess;
    buf_printf(out, "[dataset %s]\nfiles = ", g->name);
    buf_put(out, b->files);
    buf_putc(out, '\n');
    put_dialect(out, b);
    put_columns(out, g);
    if (g->lineage) buf_puts(out, "lineage = yes\n");
    for (size_t i = 0; i < g->columns; i++)
        if (g->column[i].as.format[0])
            buf_printf(out, "\n[column %s.%s]\nformat = %s\n", g->name, g->column[i].name, g->column[i].as.format);
}

/* Bytes that mean something in a glob, or in a list of them. */
static void put_literal(struct buf *out, struct slice text)
{
    for (size_t i = 0; i < text.len;) {
        size_t n = slice_char_len((struct slice){text.p + i, text.len - i});
        unsigned char c = (unsigned char)text.p[i];
        if (n == 0 || c <= ' ' || c == 0x7f || strchr("*?[]{},", c))
            buf_putc(out, '?');
        else
            buf_append(out, text.p + i, n);
        i += n ? n : 1;
    }
}

void guess_block_glob(struct buf *out, struct slice file, const char *dataset)
{
    struct slice stem = name_stem(file);
    char name[NAME_MAX_BYTES + 1];
    size_t len = stem.len > 0;
    for (; len < stem.len; len++) {
        name_of_file((struct slice){stem.p, len}, name);
        if (strcmp(name, dataset) == 0) break;
    }
    struct slice behind = {stem.p + stem.len, (size_t)(file.p + file.len - stem.p) - stem.len};
    name_of_file(file, name);
    bool star = strcmp(name, dataset) == 0;
    put_literal(out, (struct slice){stem.p, star ? len : stem.len});
    if (star) buf_putc(out, '*');
    put_literal(out, behind);
}
