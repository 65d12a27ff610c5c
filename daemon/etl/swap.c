/* SPDX-License-Identifier: MIT */
#include "etl/swap.h"

#include "db/query.h"

#include <stdio.h>

enum { NAME_BYTES = 63, SUFFIX_BYTES = 33 };

/* schema.table_suffix, quoted and cut to the length of a name. */
static void put_partition(struct buf *out, const struct table *t, const char *suffix)
{
    char name[NAME_BYTES + 1];
    struct slice stem = slice_cut_utf8(slice_of(t->name), NAME_BYTES - SUFFIX_BYTES);
    snprintf(name, sizeof name, SLICE_FMT "_%.*s", SLICE_ARG(stem), SUFFIX_BYTES - 1, suffix);
    table_quote(out, t->schema, name);
}

void swap_name(struct buf *out, const struct table *t, const char *token)
{
    put_partition(out, t, token);
}

/* A table's or partition's quoted name as a literal. */
static void put_name(struct buf *out, const struct table *t, const char *suffix)
{
    struct buf name;
    buf_init(&name, ERROR_TEXT_MAX);
    if (suffix) {
        put_partition(&name, t, suffix);
    } else {
        table_quote(&name, t->schema, t->name);
    }
    db_quote_literal(out, buf_slice(&name));
    buf_done(&name);
}

/*
 * First as a plain table, which says what is wrong with the list, and tells from the catalog which column could part it; then
 * partitioned, unless that fails.
 */
void swap_make_sql(struct buf *out, const struct table *t, struct slice columns, bool if_missing)
{
    buf_puts(out, "DO $cetl_make$ DECLARE part text; root text := ");
    put_name(out, t, NULL);
    buf_puts(out, "; rows text := ");
    put_name(out, t, "rows");
    buf_puts(out, "; list text := ");
    db_quote_literal(out, columns);
    buf_puts(out, "; BEGIN ");
    if (if_missing) buf_puts(out, "IF to_regclass(root) IS NOT NULL THEN RETURN; END IF; ");
    buf_puts(
        out,
        "EXECUTE 'CREATE TABLE ' || root || ' (' || list || E'\\n)'; "
        "SELECT quote_ident(a.attname) INTO part FROM pg_attribute a WHERE a.attrelid = root::regclass AND a.attnum > 0"
        " AND a.attgenerated = '' AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = a.attrelid AND (i.indisunique OR"
        " i.indisexclusion) AND NOT a.attnum = ANY (i.indkey::int2[]))"
        " AND EXISTS (SELECT FROM pg_opclass o JOIN pg_am m ON m.oid = o.opcmethod WHERE m.amname = 'btree' AND o.opcdefault AND"
        " o.opcintype IN (a.atttypid, CASE WHEN a.atttypid = 'varchar'::regtype THEN 'text'::regtype END)) ORDER BY a.attnum LIMIT "
        "1; "
        "IF part IS NULL THEN RETURN; END IF; "
        "BEGIN EXECUTE 'DROP TABLE ' || root; "
        "EXECUTE 'CREATE TABLE ' || root || ' (' || list || E'\\n) PARTITION BY LIST (' || part || ')'; "
        "EXECUTE 'CREATE TABLE ' || rows || ' PARTITION OF ' || root || ' DEFAULT'; "
        "EXECUTE 'COMMENT ON TABLE ' || rows || ' IS ''" SWAP_COMMENT "'''; "
        "EXCEPTION WHEN OTHERS THEN NULL; END; END $cetl_make$");
}

void swap_begin_sql(struct buf *out, const struct swap *s)
{
    buf_puts(out, "BEGIN; LOCK TABLE ");
    table_quote(out, s->table->schema, s->table->name);
    buf_printf(out,
               " IN SHARE ROW EXCLUSIVE MODE; CREATE TABLE %s (LIKE %s INCLUDING ALL); COMMENT ON TABLE %s IS '" SWAP_COMMENT "'",
               s->fresh, s->partition, s->fresh);
}

void swap_detach_sql(struct buf *out, const struct swap *s, bool again)
{
    buf_puts(out, again ? "ROLLBACK TO SAVEPOINT cetl_swap; SELECT pg_sleep(0.1)" : "SAVEPOINT cetl_swap");
    buf_puts(out, "; SET LOCAL lock_timeout = '200ms'; ALTER TABLE ");
    table_quote(out, s->table->schema, s->table->name);
    buf_printf(out, " DETACH PARTITION %s; DROP TABLE %s", s->partition, s->partition);
}

void swap_attach_sql(struct buf *out, const struct swap *s)
{
    buf_puts(out, "ALTER TABLE ");
    table_quote(out, s->table->schema, s->table->name);
    buf_printf(out, " ATTACH PARTITION %s DEFAULT", s->fresh);
}
