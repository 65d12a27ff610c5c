/* SPDX-License-Identifier: MIT */
/*
 * The fixed SQL of etl/. What names a user's table or column is put together where it is needed, through db_quote_identifier.
 */
#ifndef CETLD_ETL_SQL_H
#define CETLD_ETL_SQL_H

/*
 * What a loader's and the catalog's sessions begin with: our texts, UTC, no time-outs that would kill a COPY that waits for input,
 * and no endless wait for a lock (SQL_LOCK_TIMEOUT). A file leaves work/ once its COMMIT was answered, so the answer must mean that
 * the rows survive a crash, whatever the server's default is. Each statement must see what was committed before it (the duplicate
 * check behind its lock).
 */
#define SQL_LOCK_TIMEOUT "30s"
/* As role cetl, which the Debian package makes, "$user" would be our own schema: names in the user's SQL would find the ledger's
 * tables first, and migrations would make theirs there. */
#define SQL_SETUP_PATH                                                                                                             \
    " SELECT set_config('search_path', regexp_replace(current_setting('search_path'), '\"\\$user\"\\s*(,\\s*)?', ''), false)"      \
    " WHERE current_user = 'cetl';"
/* What the configuration's SQL means, what values look like, and what a statement sees is not for the database's settings. */
#define SQL_SETUP_VALUES                                                                                                           \
    "SET client_encoding = 'UTF8'; SET TimeZone = 'UTC'; SET DateStyle = 'ISO, MDY'; SET IntervalStyle = 'postgres';"              \
    " SET standard_conforming_strings = on; SET extra_float_digits = 1; SET bytea_output = 'hex';"                                 \
    " SET default_transaction_isolation = 'read committed';"
#define SQL_SETUP                                                                                                                  \
    SQL_SETUP_VALUES                                                                                                               \
    " SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET lock_timeout = '" SQL_LOCK_TIMEOUT "';"          \
    " SET client_min_messages = warning; SET cetl.load = 'on';" SQL_SETUP_PATH                                                     \
    " SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"

/*
 * The API's sessions only read; a plain scan begins at the table's start, so that rows without a key come in the order of
 * insertion. A query whose client has left is closed under the server, which looks for that only while it is told to (since
 * PostgreSQL 14).
 */
#define SQL_SETUP_API                                                                                                              \
    SQL_SETUP_VALUES                                                                                                               \
    " SET default_transaction_read_only = on; SET synchronize_seqscans = off; SET client_min_messages = warning;"                  \
    " SELECT set_config(name, '2s', false) FROM pg_settings WHERE name = 'client_connection_check_interval';" SQL_SETUP_PATH       \
    " SET statement_timeout = %lld"

/* ---- datasets ---- */

/* Whether a file was ever loaded into dataset `d`; and the file that failed, when nothing was loaded since. */
#define SQL_DATASET_FILES                                                                                                          \
    "EXISTS (SELECT FROM cetl.file f WHERE f.dataset_id = d.id AND f.state = 'loaded'),"                                           \
    " (SELECT f.name FROM (SELECT id, name FROM cetl.file WHERE dataset_id = d.id AND state = 'failed' ORDER BY id DESC LIMIT 1) " \
    "f"                                                                                                                            \
    "  WHERE NOT EXISTS (SELECT FROM cetl.file n WHERE n.dataset_id = d.id AND n.id > f.id AND n.state IN ('loaded', 'unloaded', " \
    "'duplicate')))"

/* $1 name, $2 schema, $3 table, $4 whether its columns are left to inference → id, inferred, the frozen guess, SQL_DATASET_FILES.
 * What is declared with columns was not inferred, whatever it was before. */
#define SQL_DATASET_PUT                                                                                                            \
    "INSERT INTO cetl.dataset AS d (name, table_schema, table_name, inferred) VALUES ($1, $2, $3, false)"                          \
    " ON CONFLICT (name) DO UPDATE SET table_schema = excluded.table_schema, table_name = excluded.table_name,"                    \
    " inferred = d.inferred AND $4::bool RETURNING id, inferred, columns::text, " SQL_DATASET_FILES

/* All that were ever inferred → name, schema, table. */
#define SQL_DATASET_INFERRED "SELECT name, table_schema, table_name FROM cetl.dataset WHERE inferred ORDER BY id"

/* $1 name → id, inferred, the frozen guess, SQL_DATASET_FILES. */
#define SQL_DATASET_GET "SELECT id, inferred, columns::text, " SQL_DATASET_FILES " FROM cetl.dataset d WHERE name = $1"

/*
 * The functions and operators that this database has beside PostgreSQL's of the same name, of PostgreSQL's types: lines as struct
 * expr_scope wants them (16384: FirstNormalObjectId), or NULL.
 */
#define SQL_OWN_CALLS                                                                                                              \
    "(SELECT string_agg(name || E'\\t' || (SELECT string_agg(typname, ',' ORDER BY place) FROM unnest(types) WITH ORDINALITY"      \
    "   AS u(o, place) JOIN pg_type ON pg_type.oid = o), E'\\n')"                                                                  \
    " FROM (SELECT proname, proargtypes::oid[] FROM pg_proc WHERE oid >= 16384 AND pg_function_is_visible(oid)"                    \
    "   UNION ALL SELECT oprname, array_remove(ARRAY[oprleft, oprright], 0) FROM pg_operator"                                      \
    "   WHERE oid >= 16384 AND pg_operator_is_visible(oid)) AS own(name, types)"                                                   \
    " WHERE 16384 > ALL (types) AND (EXISTS (SELECT FROM pg_proc b WHERE b.proname = name AND b.oid < 16384)"                      \
    "   OR EXISTS (SELECT FROM pg_operator b WHERE b.oprname = name AND b.oid < 16384)))"

/* $1 the table as regclass text, $2 the frozen guess (its templates) or NULL. A domain counts as its base type. */
#define SQL_TABLE_COLUMNS                                                                                                          \
    "SELECT a.attname, (CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END)::int8,"                                         \
    " CASE t.typtype WHEN 'd' THEN t.typtypmod ELSE a.atttypmod END, a.attnotnull OR t.typnotnull,"                                \
    " (a.atthasdef AND a.attgenerated = '') OR a.attidentity <> '' OR t.typdefault IS NOT NULL, a.attgenerated <> '',"             \
    " format_type(a.atttypid, a.atttypmod),"                                                                                       \
    " coalesce(co.collname IN ('C', 'POSIX') OR (co.collname = 'default' AND"                                                      \
    "   (SELECT datcollate IN ('C', 'POSIX') AND datlocprovider = 'c' FROM pg_database WHERE datname = current_database())), "     \
    "true),"                                                                                                                       \
    " coalesce(array_position(i.indkey::int2[], a.attnum) + 1, 0),"                                                                \
    " coalesce((SELECT c ->> 'format' FROM jsonb_array_elements($2::jsonb) c WHERE c ->> 'name' = a.attname), ''), a.attrelid,"    \
    " coalesce(NOT i.indimmediate, false), (SELECT relkind = 'p' FROM pg_class WHERE oid = a.attrelid),"                           \
    " (SELECT CASE datlocprovider WHEN 'c' THEN datctype END FROM pg_database WHERE datname = current_database()),"                \
    " coalesce(co.collname <> 'default', false),"                                                                                  \
    " (SELECT datcollate IN ('C', 'POSIX') AND datlocprovider = 'c' FROM pg_database WHERE datname = current_database()),"         \
    " CASE row_number() OVER (ORDER BY a.attnum) WHEN 1 THEN " SQL_OWN_CALLS " END,"                                               \
    " CASE WHEN a.attidentity <> '' THEN format('nextval(%L::regclass)',"                                                          \
    "   pg_get_serial_sequence(a.attrelid::regclass::text, a.attname))"                                                            \
    "  ELSE coalesce((SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = a.attrelid AND adnum = a.attnum"          \
    "   AND a.attgenerated = ''), t.typdefault) END, a.attidentity = 'a'"                                                          \
    " FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_collation co ON co.oid = a.attcollation"               \
    " LEFT JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary"                                                          \
    " WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"

/* $1 the table as regclass text → of its unique indexes that hold always and for all rows: a number that the columns of one share,
 * a column. */
#define SQL_TABLE_UNIQUE                                                                                                           \
    "SELECT i.indexrelid::int8, a.attname FROM pg_index i CROSS JOIN unnest((i.indkey::int2[])[0:i.indnkeyatts - 1]) k"            \
    " JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k WHERE i.indrelid = to_regclass($1)"                          \
    " AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL ORDER BY 1"

/*
 * $1 the table as regclass text → its keys, a row a column: 'u' for the unique indexes as above, the primary key first, 'f' for
 * the foreign keys, 'c' for CHECK and EXCLUDE; a number that the columns of one share, its name, the column; of a foreign key the
 * schema, the table and the column that it refers to.
 */
#define SQL_TABLE_KEYS                                                                                                             \
    "SELECT 'u', i.indexrelid::int8, c.relname, a.attname, NULL, NULL, NULL, (NOT i.indisprimary)::int, k.n"                       \
    " FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"                                                                     \
    " CROSS JOIN unnest((i.indkey::int2[])[0:i.indnkeyatts - 1]) WITH ORDINALITY k(attnum, n)"                                     \
    " JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum WHERE i.indrelid = to_regclass($1)"                   \
    " AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL"                          \
    " UNION ALL SELECT 'f', f.oid::int8, f.conname, a.attname, s.nspname, r.relname, b.attname, 2, k.n"                            \
    " FROM pg_constraint f JOIN pg_class r ON r.oid = f.confrelid JOIN pg_namespace s ON s.oid = r.relnamespace"                   \
    " CROSS JOIN unnest(f.conkey, f.confkey) WITH ORDINALITY k(attnum, to_attnum, n)"                                              \
    " JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = k.attnum"                                                      \
    " JOIN pg_attribute b ON b.attrelid = f.confrelid AND b.attnum = k.to_attnum"                                                  \
    " WHERE f.conrelid = to_regclass($1) AND f.contype = 'f' AND (NOT r.relispartition OR f.conparentid = 0)"                      \
    " UNION ALL SELECT 'c', f.oid::int8, f.conname, a.attname, NULL, NULL, NULL, 3, k.n"                                           \
    " FROM pg_constraint f CROSS JOIN unnest(f.conkey) WITH ORDINALITY k(attnum, n)"                                               \
    " JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = k.attnum"                                                      \
    " WHERE f.conrelid = to_regclass($1) AND f.contype IN ('c', 'x')"                                                              \
    " ORDER BY 8, 2, 9"

/* $1 the table as regclass text → how many rows this session's statistics say were inserted and updated in it and in its
 * partitions; whether a trigger may leave a row out there, or change it (TRIGGER_TYPE_ROW and _BEFORE). */
#define SQL_TABLE_WRITTEN                                                                                                          \
    "SELECT sum(pg_stat_get_xact_tuples_inserted(o))::int8, sum(pg_stat_get_xact_tuples_updated(o))::int8,"                        \
    " EXISTS (SELECT FROM pg_trigger WHERE tgrelid = any (array_agg(o)) AND tgtype & 3 = 3 AND tgenabled <> 'D')::int::int8"       \
    " FROM (SELECT to_regclass($1)::oid UNION SELECT relid::oid FROM pg_partition_tree(to_regclass($1))) t(o)"

/* $1 the table as regclass text → its comment. No row: no such table. */
#define SQL_TABLE_COMMENT "SELECT obj_description(to_regclass($1), 'pg_class') WHERE to_regclass($1) IS NOT NULL"

/* Before a lock on a user's table is taken outside of a load: it must not make others wait behind it. */
#define SQL_LOCK_SOON "SET LOCAL lock_timeout = '200ms'; "

/* The comment of a rollup's table that was left out of the configuration: it is rebuilt when it is configured again. */
#define SQL_ROLLUP_STALE "cetl: stale"
/*
 * $1 a dataset's table as regclass text, $2 its schema, $3 the names of its rollups' tables as a JSON array → the statements that
 * mark every other rollup over that table, or NULL. No load keeps those up to date any more.
 */
#define SQL_ROLLUPS_ABANDONED                                                                                                      \
    "SELECT string_agg(format('COMMENT ON TABLE %I.%I IS %L', nspname, relname, '" SQL_ROLLUP_STALE "'), '; ')"                    \
    " FROM pg_description JOIN pg_class c ON c.oid = objoid JOIN pg_namespace n ON n.oid = relnamespace"                           \
    " WHERE classoid = 'pg_class'::regclass AND objsubid = 0 AND relkind = 'r' AND pg_has_role(relowner, 'USAGE')"                 \
    " AND starts_with(description, 'SELECT ') AND strpos(description, ' FROM ' || $1 || ' GROUP BY ') > 0"                         \
    " AND NOT (nspname = $2 AND $3::jsonb ? relname)"

/*
 * What a load's snapshot of a dataset stands on: the count of its definition, and its table's columns as they are. $n is the table
 * as regclass text.
 */
#define SQL_DEFINITION(n)                                                                                                          \
    "d.definition, (SELECT md5(string_agg(format('%s %s %s %s %s %s %s %s %s', attrelid, attname, atttypid, atttypmod, "           \
    "attcollation,"                                                                                                                \
    " attnotnull, atthasdef, attgenerated, attidentity), ',' ORDER BY attnum))"                                                    \
    " FROM pg_attribute WHERE attrelid = to_regclass($" #n ") AND attnum > 0 AND NOT attisdropped)"
/* $1 dataset, $2 the table → definition, columns, the oid of the table that cetld made for it. */
#define SQL_DATASET_DEFINITION "SELECT " SQL_DEFINITION(2) ", d.table_made::int8 FROM cetl.dataset d WHERE d.id = $1::int"
/* Appended to the making of a rollup → definition. */
#define SQL_DATASET_REDEFINE "UPDATE cetl.dataset SET definition = definition + 1 WHERE id = %lld RETURNING definition"

/*
 * $1 a dataset, $2 its table → what changes with every change of its rows: the marks of its loads; which table and files it is;
 * and, for the writes of others, what the server's statistics count.
 */
#define SQL_DIMENSION_VERSION                                                                                                      \
    "SELECT format('%s %s', d.base_version + (SELECT count(*) FROM cetl.change WHERE dataset_id = d.id),"                          \
    " (SELECT string_agg(format('%s %s %s', o, pg_relation_filenode(o), pg_stat_get_tuples_inserted(o) +"                          \
    " pg_stat_get_tuples_updated(o) + pg_stat_get_tuples_deleted(o)), ',' ORDER BY o)"                                             \
    " FROM (SELECT to_regclass($2)::oid UNION SELECT relid::oid FROM pg_partition_tree(to_regclass($2))) t(o)))"                   \
    " FROM cetl.dataset d WHERE d.name = $1"

/*
 * $1 a table's oid, $2 the columns of cetl_reference as a JSON array → the statement that tells which of its rows refer to nothing:
 * line, column, words, value; or NULL where none of the foreign keys can be asked about. What a trigger may change or add only the
 * writing tells; so it is where policies hide rows from us that the foreign key sees.
 */
#define SQL_TABLE_MISSING                                                                                                          \
    "SELECT 'SELECT DISTINCT ON (1) * FROM (' || string_agg(format('SELECT s.\"cetl line\", %L, %L || %s, s.%I::text"              \
    " FROM pg_temp.cetl_reference s WHERE %s AND NOT EXISTS (SELECT FROM %s p WHERE %s)', col, 'no row of ' || target || ' has '," \
    " shown, col, present, target, same), ' UNION ALL ') || ') v ORDER BY 1, 2' FROM (SELECT c.confrelid::regclass::text AS "      \
    "target,"                                                                                                                      \
    " string_agg(format('s.%I IS NOT NULL', a.attname), ' AND ' ORDER BY k.i) AS present,"                                         \
    " string_agg(format('p.%I = s.%I', f.attname, a.attname), ' AND ' ORDER BY k.i) AS same,"                                      \
    " string_agg(format('%L || left(s.%I::text, 200)', f.attname || ' = ', a.attname), ' || '' and '' || ' ORDER BY k.i) AS "      \
    "shown,"                                                                                                                       \
    " (array_agg(a.attname ORDER BY k.i))[1] AS col FROM pg_constraint c"                                                          \
    " CROSS JOIN unnest(c.conkey, c.confkey) WITH ORDINALITY k(a, f, i)"                                                           \
    " JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.a"                                                           \
    " JOIN pg_attribute f ON f.attrelid = c.confrelid AND f.attnum = k.f"                                                          \
    " WHERE c.conrelid = $1::int8::oid AND c.contype = 'f' AND c.confmatchtype = 's' AND c.confrelid <> c.conrelid"                \
    " AND c.conparentid = 0 AND NOT row_security_active(c.confrelid)"                                                              \
    " GROUP BY c.oid, c.confrelid HAVING bool_and($2::jsonb ? a.attname)) q"                                                       \
    " WHERE NOT EXISTS (SELECT FROM pg_trigger WHERE NOT tgisinternal AND tgname <> 'cetl_outside' AND tgrelid IN"                 \
    " (SELECT $1::int8::oid UNION SELECT relid FROM pg_partition_tree($1::int8::oid::regclass)))"

/* $1 a table's oid → whether it refers to itself; its constraints that can be deferred, as SET CONSTRAINTS wants them, or NULL. */
#define SQL_TABLE_CONSTRAINTS                                                                                                      \
    "SELECT coalesce(bool_or(contype = 'f' AND confrelid = conrelid), false),"                                                     \
    " string_agg(DISTINCT format('%I.%I', nspname, conname), ', ') FILTER (WHERE condeferrable)"                                   \
    " FROM pg_constraint c JOIN pg_namespace n ON n.oid = connamespace WHERE conrelid = $1::int8::oid"

/* ---- the ledger ---- */

/* $1 dataset → how many rows it has, by its marks. */
#define SQL_LEDGER_ROWS                                                                                                            \
    "SELECT base_rows + coalesce((SELECT sum(rows) FROM cetl.change WHERE dataset_id = d.id), 0) FROM cetl.dataset d"              \
    " WHERE id = $1::int"
/* $1 token → id, state, error, rows read, loaded, updated, ignored, rejected, filtered. */
#define SQL_LEDGER_BY_TOKEN                                                                                                        \
    "SELECT id, state, error, rows_read, rows_loaded, rows_updated, rows_ignored, rows_rejected, rows_filtered"                    \
    " FROM cetl.file WHERE token = $1"
/* $1 xid → 'in progress', 'committed', 'aborted', or NULL (long gone). */
#define SQL_XACT_STATUS "SELECT pg_xact_status($1::xid8)"

/*
 * $1 dataset, $2 SHA-256, $3 the table → lock, definition, columns. Two equal files of one dataset, loading side by side, decide
 * one after the other which is the duplicate. By now COPY holds a lock on the table, so that what is read of its definition stays
 * true until the commit.
 */
#define SQL_LEDGER_LOCK                                                                                                            \
    "SELECT pg_advisory_xact_lock(hashtextextended('cetl ' || $1 || ' ' || encode($2::bytea, 'hex'), 0)), " SQL_DEFINITION(        \
        3) " FROM cetl.dataset d WHERE d.id = $1::int"
/* $1 dataset, $2 SHA-256 → id of the first load of these bytes. One that is `committing` is decided. (+ 0: without statistics the
 * planner would else walk along another index, through all files of the dataset.) */
#define SQL_LEDGER_DUPLICATE                                                                                                       \
    "SELECT id FROM cetl.file WHERE sha256 = $2::bytea AND dataset_id + 0 = $1::int AND state IN ('committing', 'loaded')"         \
    " ORDER BY id + 0 LIMIT 1"
/* The same, but only the dataset's newest load counts: A, B, A again is a revert. */
#define SQL_LEDGER_DUPLICATE_NEWEST                                                                                                \
    "SELECT id FROM cetl.file WHERE id ="                                                                                          \
    " (SELECT max(id) FROM cetl.file WHERE dataset_id = $1::int AND state IN ('committing', 'loaded'))"                            \
    " AND sha256 = $2::bytea"

/* The row of a finished file; → id, xid. $17 the change of the dataset's row count; a mark is made when $5 is 'loaded'. $20 its id,
 * where SQL_LEDGER_NUMBER gave it one. */
#define SQL_LEDGER_NUMBER "SELECT nextval('cetl.file_id_seq')"
#define SQL_LEDGER_NUMBERS "SELECT nextval('cetl.file_id_seq') FROM generate_series(1, $1::int)"
#define SQL_LEDGER_INSERT                                                                                                          \
    "WITH f AS (INSERT INTO cetl.file (dataset_id, token, name, bytes, state, sha256, rows_read, rows_loaded, rows_updated,"       \
    " rows_ignored, rows_rejected, rows_filtered, error, duplicate_of, arrived_at, started_at, finished_at, path, lineage, id)"    \
    " OVERRIDING SYSTEM VALUE VALUES ($1::int, $2, $3, $4::int8, $5, $6::bytea, $7::int8, $8::int8, $9::int8, $10::int8, "         \
    "$11::int8, $12::int8, $13,"                                                                                                   \
    " $14::int8, $15::timestamptz, $16::timestamptz, clock_timestamp(), $18::bytea, $19::bool,"                                    \
    " coalesce($20::int8, nextval('cetl.file_id_seq'))) RETURNING id),"                                                            \
    " c AS (INSERT INTO cetl.change (dataset_id, rows) SELECT $1::int, $17::int8 WHERE $5 = 'loaded')"                             \
    " SELECT id, pg_current_xact_id()::text FROM f"

/*
 * The lock of SQL_LEDGER_LOCK and the look of SQL_LEDGER_DUPLICATE for many contents at once. The sums stand as hex between the
 * parts. The inner ORDER BY stays where it is, since the planner pulls up no sorted subquery.
 */
#define SQL_LEDGER_LOCK_MANY                                                                                                       \
    "SELECT count(pg_advisory_xact_lock(h)) FROM (SELECT DISTINCT hashtextextended('cetl %lld ' || s, 0) AS h FROM unnest("
#define SQL_LEDGER_LOCK_MANY_END "::text[]) s ORDER BY 1) o"
#define SQL_LEDGER_DUPLICATE_MANY "SELECT u.i - 1, f.id FROM unnest("
#define SQL_LEDGER_DUPLICATE_MANY_END                                                                                              \
    "::text[]) WITH ORDINALITY AS u(s, i) CROSS JOIN LATERAL (SELECT id FROM cetl.file WHERE dataset_id + 0 = %lld"                \
    " AND sha256 = decode(u.s, 'hex') AND state IN ('committing', 'loaded') ORDER BY id + 0 LIMIT 1) f"

/* $1 dataset, $2 its table, $3 the change of its row count, then an array each: token, name, bytes, state, SHA-256 in hex, rows
 * read, loaded, rejected, filtered, duplicate_of, arrived, started, path in hex, id or NULL; $18 lineage → id, token, xid,
 * definition, columns. */
#define SQL_LEDGER_INSERT_MANY                                                                                                     \
    "WITH f AS (INSERT INTO cetl.file (dataset_id, token, name, bytes, state, sha256, rows_read, rows_loaded, rows_rejected,"      \
    " rows_filtered, duplicate_of, arrived_at, started_at, finished_at, path, lineage, id) OVERRIDING SYSTEM VALUE"                \
    " SELECT $1::int, t, n, b, s, decode(h, 'hex'), r, l, j, o, d, a, g,"                                                          \
    " clock_timestamp(), decode(p, 'hex'), $18::bool, coalesce(i, nextval('cetl.file_id_seq')) FROM unnest($4::text[], "           \
    "$5::text[], $6::int8[], $7::text[], $8::text[], $9::int8[], $10::int8[],"                                                     \
    " $11::int8[], $12::int8[], $13::int8[], $14::timestamptz[], $15::timestamptz[], $16::text[], $17::int8[])"                    \
    " AS u(t, n, b, s, h, r, l, j, o, d, a, g, p, i)"                                                                              \
    " RETURNING id, token), c AS (INSERT INTO cetl.change (dataset_id, rows)"                                                      \
    " SELECT $1::int, $3::int8 WHERE 'loaded' = ANY ($7::text[]))"                                                                 \
    " SELECT f.id, f.token, pg_current_xact_id()::text, q.* FROM f,"                                                               \
    " (SELECT " SQL_DEFINITION(2) " FROM cetl.dataset d WHERE d.id = $1::int) q"

/* ---- a load over several connections (parallel.h, prepared.h) ---- */

/* $1 the table as regclass text → max_prepared_transactions, how many are taken, why this table takes one connection (or NULL). */
#define SQL_PARALLEL_CONDITIONS                                                                                                    \
    "SELECT current_setting('max_prepared_transactions'), (SELECT count(*) FROM pg_prepared_xacts),"                               \
    " CASE WHEN relkind <> 'r' THEN 'it is not a plain table'"                                                                     \
    " WHEN EXISTS (SELECT FROM pg_trigger WHERE tgrelid = c.oid AND NOT tgisinternal AND tgenabled <> 'D'"                         \
    "  AND tgname <> 'cetl_outside')"                                                                                              \
    "  THEN 'it has triggers'"                                                                                                     \
    " WHEN EXISTS (SELECT FROM pg_constraint WHERE conrelid = c.oid AND contype = 'f') THEN 'it has foreign keys'"                 \
    " WHEN EXISTS (SELECT FROM pg_index WHERE indrelid = c.oid AND indisprimary AND NOT indimmediate)"                             \
    "  THEN 'its primary key is DEFERRABLE'"                                                                                       \
    " WHEN EXISTS (SELECT FROM pg_index WHERE indrelid = c.oid AND (indisunique OR indisexclusion) AND NOT indisprimary)"          \
    "  THEN 'it has unique or exclusion constraints beside its primary key' END"                                                   \
    " FROM pg_class c WHERE c.oid = to_regclass($1)"

/* The name of file n's lock: each session that works on its load shares it until it is through, and who settles the load takes it
 * alone: after the last of them. */
#define SQL_LOAD_LOCK(n) "hashtextextended('cetl load ' || " n ", 0)"
#define SQL_LOAD_SHARE "SELECT pg_advisory_lock_shared(" SQL_LOAD_LOCK("'%lld'") ")"
#define SQL_UNLOCK_ALL "SELECT pg_advisory_unlock_all()"
/* $1 file: whoever still works on its load, for a daemon that is gone, say, must end. */
#define SQL_LOAD_EVICT                                                                                                             \
    "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND pid <> pg_backend_pid()"      \
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"                                             \
    " AND (classid::int8 << 32 | objid::int8) = " SQL_LOAD_LOCK("$1::text")
#define SQL_LOAD_LOCK_ALONE "SELECT pg_advisory_lock(" SQL_LOAD_LOCK("$1::text") ")"

/* $1 dataset, $2 token, $3 name, $4 bytes, $5 arrived, $6 started, $7 shares, $8 instance → id. */
#define SQL_LEDGER_BEGIN                                                                                                           \
    "INSERT INTO cetl.file (dataset_id, token, name, bytes, state, arrived_at, started_at, shares, instance)"                      \
    " VALUES ($1::int, $2, $3, $4::int8, 'loading', $5::timestamptz, $6::timestamptz, $7::int, $8) RETURNING id"
/* $1 file, $2 token, $3 SHA-256, $4 to $8 the counts but updated → id, xid. No row: it was given up. */
#define SQL_LEDGER_DECIDE                                                                                                          \
    "UPDATE cetl.file SET state = 'committing', sha256 = $3::bytea, rows_read = $4::int8, rows_loaded = $5::int8,"                 \
    " rows_ignored = $6::int8, rows_rejected = $7::int8, rows_filtered = $8::int8"                                                 \
    " WHERE id = $1::int8 AND token = $2 AND state = 'loading' AND shares > 0 RETURNING id, pg_current_xact_id()::text"
/* $1 file → state, instance. What is not decided is given up: shares 0. Waits for a leader that is deciding. */
#define SQL_LEDGER_SETTLE                                                                                                          \
    "UPDATE cetl.file SET shares = CASE state WHEN 'loading' THEN 0 ELSE shares END WHERE id = $1::int8 RETURNING state, instance"
/* $1 file: it is given up, and nothing of it is left. */
#define SQL_LEDGER_FORGET "DELETE FROM cetl.file WHERE id = $1::int8 AND state = 'loading' AND shares = 0"
/* $1 file: all of its shares are committed. */
#define SQL_LEDGER_FINISH                                                                                                          \
    "WITH f AS (UPDATE cetl.file SET state = 'loaded', finished_at = clock_timestamp()"                                            \
    "  WHERE id = $1::int8 AND state = 'committing' RETURNING dataset_id, rows_loaded)"                                            \
    " INSERT INTO cetl.change (dataset_id, rows) SELECT dataset_id, rows_loaded FROM f"
/* $1 instance, $2 file → the next file whose load that instance has left open. */
#define SQL_LEDGER_OPEN                                                                                                            \
    "SELECT id FROM cetl.file WHERE state IN ('loading', 'committing') AND instance = $1 AND id > $2::int8 ORDER BY id LIMIT 1"
/* $1 how a prepared transaction's name begins, $2 what to do with it → that statement for the first of them, its name. */
#define SQL_PREPARED_NEXT                                                                                                          \
    "SELECT format('%s PREPARED %L', $2::text, gid), gid FROM pg_prepared_xacts"                                                   \
    " WHERE database = current_database() AND starts_with(gid, $1) ORDER BY gid LIMIT 1"
/* $1 how the names of an instance's transactions begin, up to the file's id → the same for the first that belongs to no open load.
 */
#define SQL_PREPARED_ORPHAN                                                                                                        \
    "SELECT format('ROLLBACK PREPARED %L', gid), gid FROM pg_prepared_xacts"                                                       \
    " WHERE database = current_database() AND starts_with(gid, $1) AND NOT EXISTS (SELECT FROM cetl.file"                          \
    " WHERE state IN ('loading', 'committing') AND starts_with(gid, $1 || id || ':')) ORDER BY gid LIMIT 1"
#define SQL_PREPARED_MAX "SELECT current_setting('max_prepared_transactions')"

/* $1 id → state, lineage, rows_loaded, rows_updated, dataset. */
#define SQL_LEDGER_FOR_UNLOAD                                                                                                      \
    "SELECT f.state, f.lineage, f.rows_loaded, f.rows_updated, d.name FROM cetl.file f"                                            \
    " LEFT JOIN cetl.dataset d ON d.id = f.dataset_id WHERE f.id = $1::int8 FOR NO KEY UPDATE OF f"
/* A part of a SELECT. $1 file, $2 its dataset → how many rows files that are loaded since have left out; is an earlier one loaded?
 */
#define SQL_LEDGER_AROUND                                                                                                          \
    "(SELECT coalesce(sum(rows_ignored), 0)::int8 FROM cetl.file WHERE dataset_id = $2::int AND id > $1::int8 AND state = "        \
    "'loaded'),"                                                                                                                   \
    " EXISTS (SELECT FROM cetl.file WHERE dataset_id = $2::int AND id < $1::int8 AND state = 'loaded')"
/* The file, its dataset, how many rows went. */
#define SQL_LEDGER_UNLOAD                                                                                                          \
    "UPDATE cetl.file SET state = 'unloaded' WHERE id = %lld; INSERT INTO cetl.change (dataset_id, rows) VALUES (%lld, -%lld)"
/* $1 id → state, name, path or "", bytes, sha256, token, dataset or ""; to be read in binary form. */
#define SQL_LEDGER_FOR_REPLAY                                                                                                      \
    "SELECT f.state, f.name, coalesce(f.path, ''::bytea), coalesce(f.bytes, -1), f.sha256, f.token, coalesce(d.name, '')"          \
    " FROM cetl.file f LEFT JOIN cetl.dataset d ON d.id = f.dataset_id WHERE f.id = $1::int8"

/* $1 microseconds: forget the rejects of files that ended longer ago. */
#define SQL_REJECT_PRUNE                                                                                                           \
    "DELETE FROM cetl.reject WHERE file_id IN (SELECT id FROM cetl.file WHERE rows_rejected > 0"                                   \
    " AND finished_at < clock_timestamp() - $1::int8 * interval '1 microsecond')"

#define SQL_REJECT_COPY "COPY cetl.reject (file_id, line, byte_offset, column_name, code, message, value, raw) FROM STDIN"
/* $1 file id */
#define SQL_REJECT_LIST                                                                                                            \
    "SELECT line, byte_offset, coalesce(column_name, ''), code, message, coalesce(value, ''), raw FROM cetl.reject"                \
    " WHERE file_id = $1::int8 ORDER BY line"

/* The marks of a dataset go, and are in `g`: how many, their rows, and how many of them are others' writes. */
#define SQL_CHANGE_FOLD(id)                                                                                                        \
    "WITH gone AS (DELETE FROM cetl.change WHERE dataset_id = " id " RETURNING rows, outside)"                                     \
    " UPDATE cetl.dataset SET base_version = base_version + g.n, base_rows = base_rows + g.rows, outside = outside + g.outsiders"
#define SQL_CHANGE_FOLDED                                                                                                          \
    " FROM (SELECT count(*) AS n, coalesce(sum(rows), 0) AS rows, count(*) FILTER (WHERE gone.outside) AS outsiders FROM gone) g"
/* $1 dataset: fold its marks into its base, so that counting them stays cheap. */
#define SQL_CHANGE_COMPACT SQL_CHANGE_FOLD("$1::int") SQL_CHANGE_FOLDED " WHERE id = $1::int AND g.n > 0"

/* ---- writes from outside (etl/rebuilds.h) ---- */

#define SQL_OUTSIDE_NAME "cetl_outside"
/*
 * $1 the table as regclass text → is the trigger there; may the role make it; is it a plain table to which nobody can write but by
 * its own name (no parent of others, filled by no subscription, which fires no statement's trigger), or a partitioned one.
 */
#define SQL_OUTSIDE_LOOK                                                                                                           \
    "SELECT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = c.oid AND tgname = '" SQL_OUTSIDE_NAME "' AND tgenabled = 'A'"          \
    "  AND pg_get_triggerdef(oid) LIKE '%pg_trigger_depth%'),"                                                                     \
    " pg_has_role(relowner, 'USAGE') AND has_function_privilege('cetl.outside()', 'EXECUTE'),"                                     \
    " relkind = 'r' AND NOT relhassubclass AND NOT EXISTS (SELECT FROM pg_subscription_rel WHERE srrelid = c.oid), relkind = 'p'"  \
    " FROM pg_class c WHERE oid = to_regclass($1) AND relkind IN ('r', 'p')"
/*
 * Behind CREATE OR REPLACE TRIGGER and the table's name. What loads and the API write they tell themselves, but not what follows
 * from it: the rows of other tables that a foreign key takes along, and what users' triggers write.
 */
#define SQL_OUTSIDE_TRIGGER                                                                                                        \
    " FOR EACH STATEMENT WHEN (current_setting('cetl.load', true) IS DISTINCT FROM 'on' OR pg_trigger_depth() > 0)"                \
    " EXECUTE FUNCTION cetl.outside()"
/* Behind ALTER TABLE and the table's name: also where session_replication_role is replica. */
#define SQL_OUTSIDE_ALWAYS " ENABLE ALWAYS TRIGGER " SQL_OUTSIDE_NAME
/* What was written before nobody knows: where rollups are there already, they are computed anew. */
#define SQL_OUTSIDE_UNKNOWN "UPDATE cetl.dataset SET settled = -1 WHERE id = %lld AND to_regclass("
/* Has somebody else written since the rollups were computed? `d` is cetl.dataset. */
#define SQL_OUTSIDE_IS_STALE "d.outside + (SELECT count(*) FROM cetl.change WHERE dataset_id = d.id AND outside) > d.settled"
#define SQL_OUTSIDE_STALE "SELECT d.name FROM cetl.dataset d WHERE " SQL_OUTSIDE_IS_STALE " ORDER BY d.id"
/* Behind the rebuild, and its lock. */
#define SQL_OUTSIDE_SETTLE SQL_CHANGE_FOLD("%lld") ", settled = outside + g.outsiders" SQL_CHANGE_FOLDED " WHERE id = %lld"
/* What is read of the rollups is other than before, though the dataset's rows are the same. */
#define SQL_OUTSIDE_SETTLED "INSERT INTO cetl.change (dataset_id) VALUES (%lld)"

/* Writers of the API share this lock on a dataset with rollups; who notes groups that he will change, and does not lock their rows
 * yet, holds it alone (a load that merges a stage). The dataset's id. */
#define SQL_GROUPS_LOCK "1128616012, %lld"

/* ---- derives ---- */

/*
 * What there is to compare → kind ('dataset', 'derive'), name, version; of a derive: definition, inputs, does what was made stand
 * under its name, error, rows, refreshed_at.
 */
#define SQL_DERIVE_LOOK                                                                                                            \
    "SELECT 'dataset', name, base_version + (SELECT count(*) FROM cetl.change WHERE dataset_id = d.id), NULL, NULL, NULL, NULL,"   \
    " NULL::bigint, NULL FROM cetl.dataset d UNION ALL"                                                                            \
    " SELECT 'derive', name, version, definition, inputs::text,"                                                                   \
    "  coalesce(made = to_regclass(format('%I.%I', table_schema, table_name))::oid, false), error, rows,"                          \
    "  to_json(refreshed_at) #>> '{}' FROM cetl.derive"
/* $1 the table as regclass text, $2 the same without schema, $3 another name, $4 must it be temporary → under which name its query
 * may stand in a check. */
#define SQL_DERIVE_CHECK_NAME                                                                                                      \
    "SELECT CASE WHEN NOT $4::bool AND to_regclass($1) IS NULL THEN $1"                                                            \
    " WHEN to_regclass($2) IS NULL OR to_regclass($2) = to_regclass($1) THEN 'pg_temp.' || $2 ELSE 'pg_temp.' || $3 END"
/* At the begin of a refresh's transaction. A client that is gone is noticed while the query runs (since PostgreSQL 14). */
#define SQL_DERIVE_BEGIN                                                                                                           \
    "BEGIN; SET LOCAL statement_timeout = %lld;"                                                                                   \
    " SELECT set_config(name, '2s', true) FROM pg_settings WHERE name = 'client_connection_check_interval'"
/* $1 name, $2 schema, $3 table: its row, made when it is missing, and locked → what was made for it, as an oid, or NULL. */
#define SQL_DERIVE_LOCK                                                                                                            \
    "INSERT INTO cetl.derive AS d (name, table_schema, table_name) VALUES ($1, $2, $3)"                                            \
    " ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING d.made::int8"
/* The query under a name of its own: what its columns are says the server. */
#define SQL_DERIVE_QUERY "pg_temp.cetl_derive"
/* $1 the table as regclass text → its oid or 0, its relkind, does it have the columns of SQL_DERIVE_QUERY? */
#define SQL_DERIVE_COMPARE                                                                                                         \
    "SELECT coalesce(o.id, 0)::int8, (SELECT relkind FROM pg_class WHERE oid = o.id),"                                             \
    " (SELECT count(*) FROM (SELECT format('%s %s %s %s %s',"                                                                      \
    "    row_number() OVER (PARTITION BY attrelid ORDER BY attnum), attname, atttypid, atttypmod, attcollation) AS c"              \
    "   FROM pg_attribute WHERE attrelid IN (o.id, to_regclass('" SQL_DERIVE_QUERY "')) AND attnum > 0 AND NOT attisdropped) a"    \
    "  GROUP BY c HAVING count(*) = 1 LIMIT 1) IS NULL"                                                                            \
    " FROM (SELECT to_regclass($1)::oid AS id) o"
/* $1 names of derives, in the order in which to drop them → the statements that drop those that are views that were made for them,
 * or NULL. */
#define SQL_DERIVE_DEPENDENTS                                                                                                      \
    "SELECT string_agg(format('DROP VIEW %I.%I', nspname, relname), '; ' ORDER BY array_position($1::text[], d.name))"             \
    " FROM cetl.derive d JOIN pg_class c ON c.oid = d.made JOIN pg_namespace n ON n.oid = c.relnamespace"                          \
    " WHERE d.name = ANY ($1::text[]) AND relkind = 'v' AND relname = d.table_name AND nspname = d.table_schema"
/* $1 name, $2 schema, $3 table, $4 definition, $5 inputs, $6 rows or NULL, $7 the table as regclass text. */
#define SQL_DERIVE_MADE                                                                                                            \
    "UPDATE cetl.derive SET table_schema = $2, table_name = $3, definition = $4, inputs = $5::json, version = version + 1,"        \
    " made = to_regclass($7)::oid, state = 'made', error = NULL, rows = $6::bigint, refreshed_at = clock_timestamp()"              \
    " WHERE name = $1"
/* $1 name, $2 schema, $3 table, $4 error. */
#define SQL_DERIVE_FAILED                                                                                                          \
    "INSERT INTO cetl.derive AS d (name, table_schema, table_name, state, error) VALUES ($1, $2, $3, 'failed', $4)"                \
    " ON CONFLICT (name) DO UPDATE SET state = 'failed', error = excluded.error"

#endif
