/* SPDX-License-Identifier: MIT */
/* The fixed SQL of backup and restore. */
#ifndef CETL_BACKUP_SQL_H
#define CETL_BACKUP_SQL_H

/*
 * Texts of values that depend on no setting; no time-outs. `cetl.load`: the mark of a restore is its own, not the trigger's for
 * writes from outside (daemon/etl/rebuilds.h). row_security: rather an error than rows that a policy leaves out.
 */
#define SQL_BACKUP_SETUP                                                                                                           \
    "SET client_encoding = 'UTF8'; SET TimeZone = 'UTC'; SET DateStyle = 'ISO, MDY'; SET IntervalStyle = 'postgres';"              \
    " SET extra_float_digits = 1; SET bytea_output = 'hex'; SET statement_timeout = 0; SET lock_timeout = 0;"                      \
    " SET idle_in_transaction_session_timeout = 0; SET client_min_messages = warning; SET row_security = off;"                     \
    " SET standard_conforming_strings = on; SET synchronize_seqscans = off; SET cetl.load = 'on';"                                 \
    " SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"

/* Types with their schemas. */
#define SQL_BACKUP_QUALIFIED "SET search_path = pg_catalog"
#define SQL_BACKUP_UNQUALIFIED "RESET search_path"

#define SQL_BACKUP_BEGIN "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"

/* As everything else writes times. */
#define SQL_BACKUP_NOW "SELECT to_jsonb(clock_timestamp()) #>> '{}'"

/* Is there a ledger? */
#define SQL_BACKUP_HAS_LEDGER "SELECT to_regclass('cetl.file') IS NOT NULL AND to_regclass('cetl.dataset') IS NOT NULL"

/* $1 a dataset's name or a table's, as SQL writes it → oid, schema, table. The first is meant. */
#define SQL_BACKUP_FIND                                                                                                            \
    "SELECT c.oid::int8, n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"                       \
    " WHERE c.oid = coalesce((SELECT to_regclass(format('%I.%I', table_schema, table_name)) FROM cetl.dataset WHERE name = $1),"   \
    " to_regclass($1)) AND c.relkind IN ('r', 'p')"
#define SQL_BACKUP_FIND_PLAIN                                                                                                      \
    "SELECT c.oid::int8, n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"                       \
    " WHERE c.oid = to_regclass($1) AND c.relkind IN ('r', 'p')"
/* All tables of datasets. */
#define SQL_BACKUP_FIND_ALL                                                                                                        \
    "SELECT DISTINCT c.oid::int8, n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"              \
    " JOIN cetl.dataset d ON d.table_schema = n.nspname AND d.table_name = c.relname WHERE c.relkind IN ('r', 'p') ORDER BY 2, 3"

/* $1 oid → name, type, the type's oid, typmod, not null, identity, generated, its collation where that is not its type's. */
#define SQL_BACKUP_COLUMNS                                                                                                         \
    "SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.atttypid::int8, a.atttypmod, a.attnotnull, a.attidentity,"          \
    " a.attgenerated <> '', cn.nspname, co.collname FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid"                      \
    " LEFT JOIN pg_collation co ON co.oid = a.attcollation AND a.attcollation <> t.typcollation"                                   \
    " LEFT JOIN pg_namespace cn ON cn.oid = co.collnamespace"                                                                      \
    " WHERE a.attrelid = $1::int8::oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"
/* $1 oid → of its primary key and unique constraints: name, is it the key, column. */
#define SQL_BACKUP_KEYS                                                                                                            \
    "SELECT c.conname, c.contype = 'p', a.attname FROM pg_constraint c CROSS JOIN unnest(c.conkey) WITH ORDINALITY k(n, i)"        \
    " JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.n"                                                           \
    " WHERE c.conrelid = $1::int8::oid AND c.contype IN ('p', 'u') AND NOT c.condeferrable ORDER BY c.contype, c.conname, k.i"
/* $1 oid → how many rows it has, about; is it a table of its own (no parts, no children)? */
#define SQL_BACKUP_SIZE                                                                                                            \
    "SELECT greatest(0, (SELECT sum(greatest(0, reltuples)) FROM pg_class WHERE oid = $1::int8::oid"                               \
    "  OR oid IN (SELECT relid FROM pg_partition_tree($1::int8::oid)))::int8), relkind = 'r' AND NOT relhassubclass"               \
    " FROM pg_class WHERE oid = $1::int8::oid"
/* $1 schema, $2 table → id, name, inferred, did cetld make the table, the frozen guess. */
#define SQL_BACKUP_DATASET                                                                                                         \
    "SELECT id, name, inferred, coalesce(table_made = to_regclass(format('%I.%I', table_schema, table_name)), false),"             \
    " columns::text FROM cetl.dataset WHERE table_schema = $1 AND table_name = $2 ORDER BY id LIMIT 1"
/*
 * Tables of a load of several connections that is decided, and whose shares are not all committed: a snapshot of now would have a
 * part of its rows.
 */
#define SQL_BACKUP_UNSETTLED                                                                                                       \
    "SELECT format('%I.%I', d.table_schema, d.table_name) FROM cetl.file f JOIN cetl.dataset d ON d.id = f.dataset_id"             \
    " WHERE f.state = 'committing' LIMIT 1"

/* What a backup has of the ledger: the files whose rows are in the table. `%lld` is the dataset. */
#define SQL_LEDGER_COLUMNS                                                                                                         \
    "id, token, name, bytes, sha256, rows_read, rows_loaded, rows_updated, rows_ignored, rows_rejected, rows_filtered,"            \
    " arrived_at, started_at, finished_at, lineage, header, path"
#define SQL_LEDGER_TYPES                                                                                                           \
    "id int8, token text, name text, bytes int8, sha256 bytea, rows_read int8, rows_loaded int8, rows_updated int8,"               \
    " rows_ignored int8, rows_rejected int8, rows_filtered int8, arrived_at timestamptz, started_at timestamptz,"                  \
    " finished_at timestamptz, lineage bool, header bytea, path bytea"
#define SQL_BACKUP_LEDGER                                                                                                          \
    "COPY (SELECT " SQL_LEDGER_COLUMNS " FROM cetl.file WHERE dataset_id = %lld AND state = 'loaded' ORDER BY id)"                 \
    " TO STDOUT (FORMAT binary)"

/* ---- restore ---- */

/* $1 schema, $2 table → oid, relkind. */
#define SQL_RESTORE_TARGET                                                                                                         \
    "SELECT c.oid::int8, c.relkind FROM pg_class c WHERE c.oid = to_regclass(format('%I.%I', $1::text, $2::text))"
/* $1 a type's text, from a manifest: is it one type's name and nothing else, not even a comment (that could hide what follows)? */
#define SQL_RESTORE_TYPE "SELECT $1 !~ '--|/\\*|[[:cntrl:]]' AND to_regtype($1) IS NOT NULL"
/* $1 name → its table's schema and name, id. */
#define SQL_RESTORE_DATASET "SELECT table_schema, table_name, id FROM cetl.dataset WHERE name = $1"
/* $1 schema, $2 table, $3 the dataset whose ledger the backup has (0: none), $4 when it was made → another dataset of the table. */
#define SQL_RESTORE_OTHERS                                                                                                         \
    "SELECT d.name, f.name FROM cetl.dataset d JOIN cetl.file f ON f.dataset_id = d.id WHERE d.table_schema = $1"                  \
    " AND d.table_name = $2 AND d.id <> $3::int AND (f.state = 'committing'"                                                       \
    "  OR f.state = 'loaded' AND coalesce(f.finished_at, now()) > $4::timestamptz) LIMIT 1"
/*
 * $1 oid → foreign keys of other tables, and of this one, that refer to it: the other table's oid, its name, the constraint's, and
 * a condition that two rows `c` (that refers) and `t` (that is referred to) belong together.
 */
#define SQL_RESTORE_REFERRERS                                                                                                      \
    "SELECT c.conrelid::int8, c.conrelid::regclass::text, c.conname,"                                                              \
    " (SELECT string_agg(format('c.%I = t.%I', a.attname, b.attname), ' AND ')"                                                    \
    "  FROM unnest(c.conkey, c.confkey) k(a, b) JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.a"                 \
    "  JOIN pg_attribute b ON b.attrelid = c.confrelid AND b.attnum = k.b), c.oid::int8, c.confupdtype IN ('c', 'n', 'd')"         \
    " FROM pg_constraint c WHERE c.confrelid = $1::int8::oid AND c.contype = 'f' AND c.conparentid = 0"
/* $1 oid of a foreign key → the columns that it refers to. */
#define SQL_RESTORE_REFERRED                                                                                                       \
    "SELECT a.attname FROM pg_constraint c CROSS JOIN unnest(c.confkey) k(n)"                                                      \
    " JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.n WHERE c.oid = $1::int8::oid"
/*
 * $1 oid → unique indexes beside the primary key, that can be dropped and made again: nothing refers to them. What drops each,
 * what makes it.
 */
#define SQL_RESTORE_UNIQUES                                                                                                        \
    "SELECT CASE WHEN k.oid IS NULL THEN format('DROP INDEX %s', i.indexrelid::regclass)"                                          \
    " ELSE format('ALTER TABLE %s DROP CONSTRAINT %I', i.indrelid::regclass, k.conname) END,"                                      \
    " CASE WHEN k.oid IS NULL THEN pg_get_indexdef(i.indexrelid)"                                                                  \
    " ELSE format('ALTER TABLE %s ADD CONSTRAINT %I %s', i.indrelid::regclass, k.conname, pg_get_constraintdef(k.oid)) END"        \
    " FROM pg_index i LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.conrelid = i.indrelid AND k.contype = 'u'"      \
    " JOIN pg_class x ON x.oid = i.indexrelid AND (x.relkind = 'i' OR k.oid IS NOT NULL)"                                          \
    " WHERE i.indrelid = $1::int8::oid AND i.indisunique AND NOT i.indisprimary AND NOT i.indisreplident AND NOT i.indisclustered" \
    " AND NOT EXISTS (SELECT FROM pg_constraint f WHERE f.contype = 'f' AND f.conindid = i.indexrelid)"
/* $1 oid → triggers and rules that may write another row than they were given. */
#define SQL_RESTORE_CHANGERS                                                                                                       \
    "SELECT 'trigger ' || quote_ident(tgname) FROM pg_trigger WHERE NOT tgisinternal AND tgenabled IN ('O', 'A')"                  \
    " AND ((tgtype & 20) <> 0 OR tgdeferrable) AND tgname NOT IN ('cetl_outside', 'cetl_notify') AND (tgrelid = $1::int8::oid"     \
    "  OR tgrelid IN (SELECT relid FROM pg_partition_tree($1::int8::oid)))"                                                        \
    " UNION ALL SELECT 'rule ' || quote_ident(rulename) FROM pg_rewrite WHERE ev_class = $1::int8::oid AND ev_type IN ('2', '3')"

#define SQL_RESTORE_LEDGER_STAGE "CREATE TEMP TABLE cetl_restore_ledger (" SQL_LEDGER_TYPES ") ON COMMIT DROP"
#define SQL_RESTORE_LEDGER_COPY "COPY pg_temp.cetl_restore_ledger FROM STDIN (FORMAT binary)"
/* $1 dataset: does the backup's ledger name arrivals that this database has for another dataset, or in a state that forbids it? */
#define SQL_RESTORE_LEDGER_STRANGER                                                                                                \
    "SELECT f.name, f.state, coalesce(d.name, '') FROM cetl.file f JOIN pg_temp.cetl_restore_ledger s ON s.token = f.token"        \
    " LEFT JOIN cetl.dataset d ON d.id = f.dataset_id"                                                                             \
    " WHERE f.dataset_id IS DISTINCT FROM $1::int OR f.state NOT IN ('loaded', 'unloaded') LIMIT 1"
/* $1 dataset: has it a load of several connections that is decided, and not yet called loaded? */
#define SQL_RESTORE_LEDGER_HALF "SELECT name FROM cetl.file WHERE dataset_id = $1::int AND state = 'committing' LIMIT 1"
/* $1 dataset: files whose rows are not in the backup are unloaded: sent again they load again. */
#define SQL_RESTORE_LEDGER_GONE                                                                                                    \
    "UPDATE cetl.file f SET state = 'unloaded' WHERE f.dataset_id = $1::int AND f.state IN ('loaded')"                             \
    " AND NOT EXISTS (SELECT FROM pg_temp.cetl_restore_ledger s WHERE s.token = f.token)"
/* $1 dataset: those that were unloaded since, or that this database has never seen, are loaded. */
#define SQL_RESTORE_LEDGER_BACK                                                                                                    \
    "UPDATE cetl.file f SET state = 'loaded' FROM pg_temp.cetl_restore_ledger s"                                                   \
    " WHERE s.token = f.token AND f.dataset_id = $1::int AND f.state = 'unloaded'"
#define SQL_RESTORE_LEDGER_NEW                                                                                                     \
    "INSERT INTO cetl.file (dataset_id, state, token, name, bytes, sha256, rows_read, rows_loaded, rows_updated, rows_ignored,"    \
    " rows_rejected, rows_filtered, arrived_at, started_at, finished_at, lineage, header, path)"                                   \
    " SELECT $1::int, 'loaded', token, name, bytes, sha256, rows_read, rows_loaded, rows_updated, rows_ignored, rows_rejected,"    \
    " rows_filtered, arrived_at, started_at, finished_at, lineage, header, path FROM pg_temp.cetl_restore_ledger s"                \
    " WHERE NOT EXISTS (SELECT FROM cetl.file f WHERE f.token = s.token) ORDER BY s.id"
/*
 * Archives do not wait for files that only this restore calls loaded (the trigger has just queued them): their bytes may have been
 * in another machine's done/. What waited before goes on to wait.
 */
#define SQL_RESTORE_LEDGER_KEPT                                                                                                    \
    "DO $$BEGIN IF to_regclass('cetl.original') IS NOT NULL THEN"                                                                  \
    " DELETE FROM cetl.original o USING cetl.file f, pg_temp.cetl_restore_ledger s"                                                \
    "  WHERE f.id = o.file_id AND s.token = f.token AND o.state = 'waiting' AND o.tries = 0 AND o.changed_at = now();"             \
    " END IF; END$$"
/* Files have other numbers here than they had: what lineage says must follow. The key is looked up for each row. */
#define SQL_RESTORE_LEDGER_MAP                                                                                                     \
    "CREATE TEMP TABLE cetl_restore_map ON COMMIT DROP AS SELECT s.id AS old, f.id AS new FROM pg_temp.cetl_restore_ledger s"      \
    " JOIN cetl.file f ON f.token = s.token WHERE s.id <> f.id; ALTER TABLE pg_temp.cetl_restore_map ADD PRIMARY KEY (old)"
#define SQL_RESTORE_LEDGER_END "DROP TABLE pg_temp.cetl_restore_ledger; DROP TABLE pg_temp.cetl_restore_map"

/* $1 name, $2 schema, $3 table, $4 inferred, $5 the frozen guess: a dataset that this database does not know yet. */
#define SQL_RESTORE_DATASET_NEW                                                                                                    \
    "INSERT INTO cetl.dataset (name, table_schema, table_name, inferred, columns) VALUES ($1, $2, $3, $4::bool, $5::jsonb)"        \
    " RETURNING id"
/* $1 dataset, $2 schema, $3 table: its table was made anew, and is cetld's to alter, as it was before. */
#define SQL_RESTORE_DATASET_MADE                                                                                                   \
    "UPDATE cetl.dataset SET table_made = to_regclass(format('%I.%I', $2::text, $3::text))::oid WHERE id = $1::int"
/* $1 schema, $2 table, $3 rows: of every dataset of this table the version goes up, its rollups are stale (etl/rebuilds.h), and
 * its count of rows is right. */
#define SQL_RESTORE_MARK                                                                                                           \
    "INSERT INTO cetl.change (dataset_id, outside, rows) SELECT d.id, true, $3::int8 - d.base_rows"                                \
    " - coalesce((SELECT sum(rows) FROM cetl.change c WHERE c.dataset_id = d.id), 0)"                                              \
    " FROM cetl.dataset d WHERE d.table_schema = $1 AND d.table_name = $2"
/* $1 oid → columns with a sequence of their own, the sequence. */
#define SQL_RESTORE_SEQUENCES                                                                                                      \
    "SELECT attname, pg_get_serial_sequence($1::int8::oid::regclass::text, attname) FROM pg_attribute WHERE attrelid = "           \
    "$1::int8::oid"                                                                                                                \
    " AND attnum > 0 AND NOT attisdropped AND pg_get_serial_sequence($1::int8::oid::regclass::text, attname) IS NOT NULL"

#endif
