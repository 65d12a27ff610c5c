/* SPDX-License-Identifier: MIT */
/*
 * The meta schema `cetl`: the text of its migrations. The list in migrate.c is append-only: a text that was released never changes,
 * since its checksum is recorded in every database; what must be different comes as the next number.
 *
 * What the ledger and the catalog ask of these tables is in etl/sql.h.
 */
#ifndef CETLD_DB_SQL_H
#define CETLD_DB_SQL_H

/* Before any migration, and only when it is missing: a role that may not create needs nothing else once everything is there. */
#define SQL_MIGRATION_PREPARE                                                                                                      \
    "SELECT pg_advisory_lock(7162843301);"                                                                                         \
    "DO $$ BEGIN IF to_regclass('cetl.migration') IS NULL THEN"                                                                    \
    " CREATE SCHEMA IF NOT EXISTS cetl;"                                                                                           \
    " CREATE TABLE cetl.migration ("                                                                                               \
    "  number int PRIMARY KEY,"                                                                                                    \
    "  name text NOT NULL,"                                                                                                        \
    "  checksum text NOT NULL,"                                                                                                    \
    "  applied_at timestamptz NOT NULL DEFAULT now());"                                                                            \
    " COMMENT ON SCHEMA cetl IS 'cetld: datasets, ledger of loaded files, rejected rows';"                                         \
    " COMMENT ON TABLE cetl.migration IS 'What was done to this schema';"                                                          \
    " COMMENT ON COLUMN cetl.migration.checksum IS 'SHA-256 of the text, in hex';"                                                 \
    " END IF; END $$;"                                                                                                             \
    "SELECT number, name, checksum FROM cetl.migration ORDER BY number"
#define SQL_MIGRATION_RECORD "INSERT INTO cetl.migration (number, name, checksum) VALUES ($1::int, $2, $3)"
#define SQL_MIGRATION_UNLOCK "SELECT pg_advisory_unlock(7162843301)"

/* The same for the user's. */
#define SQL_USER_MIGRATION_PREPARE                                                                                                 \
    "SELECT pg_advisory_lock(7162843301); SELECT number, name, checksum FROM cetl.user_migration ORDER BY number"
#define SQL_USER_MIGRATION_RECORD "INSERT INTO cetl.user_migration (number, name, checksum) VALUES ($1::int, $2, $3)"

#define SQL_MIGRATION_LEDGER                                                                                                       \
    "CREATE TABLE cetl.dataset ("                                                                                                  \
    " id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"                                                                            \
    " name text NOT NULL UNIQUE,"                                                                                                  \
    " table_schema text NOT NULL,"                                                                                                 \
    " table_name text NOT NULL,"                                                                                                   \
    " columns jsonb,"                                                                                                              \
    " inferred bool NOT NULL DEFAULT false,"                                                                                       \
    " base_version bigint NOT NULL DEFAULT 1,"                                                                                     \
    " base_rows bigint NOT NULL DEFAULT 0,"                                                                                        \
    " created_at timestamptz NOT NULL DEFAULT now());"                                                                             \
    "COMMENT ON TABLE cetl.dataset IS 'Declared and inferred datasets, each with its table';"                                      \
    "COMMENT ON COLUMN cetl.dataset.columns IS 'The frozen guess of an inferred dataset: columns, formats, reasons';"              \
    "COMMENT ON COLUMN cetl.dataset.base_version IS 'The version is this plus the marks in cetl.change';"                          \
    "COMMENT ON COLUMN cetl.dataset.base_rows IS 'The number of rows is this plus the sum of cetl.change.rows';"                   \
                                                                                                                                   \
    "CREATE TABLE cetl.file ("                                                                                                     \
    " id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"                                                                         \
    " dataset_id int REFERENCES cetl.dataset,"                                                                                     \
    " token text NOT NULL UNIQUE,"                                                                                                 \
    " name text NOT NULL,"                                                                                                         \
    " bytes bigint,"                                                                                                               \
    " sha256 bytea,"                                                                                                               \
    " state text NOT NULL CHECK (state IN ('loading', 'committing', 'loaded', 'duplicate', 'failed')),"                            \
    " rows_read bigint NOT NULL DEFAULT 0,"                                                                                        \
    " rows_loaded bigint NOT NULL DEFAULT 0,"                                                                                      \
    " rows_updated bigint NOT NULL DEFAULT 0,"                                                                                     \
    " rows_ignored bigint NOT NULL DEFAULT 0,"                                                                                     \
    " rows_rejected bigint NOT NULL DEFAULT 0,"                                                                                    \
    " rows_filtered bigint NOT NULL DEFAULT 0,"                                                                                    \
    " error text,"                                                                                                                 \
    " duplicate_of bigint REFERENCES cetl.file,"                                                                                   \
    " arrived_at timestamptz,"                                                                                                     \
    " started_at timestamptz,"                                                                                                     \
    " finished_at timestamptz,"                                                                                                    \
    " CONSTRAINT every_row_is_accounted_for CHECK (state <> 'loaded' OR"                                                           \
    "  rows_read = rows_loaded + rows_updated + rows_ignored + rows_rejected + rows_filtered));"                                   \
    "CREATE INDEX file_content ON cetl.file (dataset_id, sha256) WHERE state = 'loaded';"                                          \
    "COMMENT ON TABLE cetl.file IS 'The ledger: one row for each file that was taken, committed together with its data';"          \
    "COMMENT ON COLUMN cetl.file.token IS 'Identity of this arrival of the file';"                                                 \
    "COMMENT ON COLUMN cetl.file.name IS 'Name as dropped, with control characters and invalid UTF-8 escaped';"                    \
    "COMMENT ON COLUMN cetl.file.bytes IS 'Size as dropped';"                                                                      \
    "COMMENT ON COLUMN cetl.file.sha256 IS 'Of the bytes as dropped';"                                                             \
    "COMMENT ON COLUMN cetl.file.duplicate_of IS 'The loaded file with the same bytes';"                                           \
                                                                                                                                   \
    "CREATE TABLE cetl.reject ("                                                                                                   \
    " file_id bigint NOT NULL REFERENCES cetl.file ON DELETE CASCADE,"                                                             \
    " line bigint,"                                                                                                                \
    " byte_offset bigint,"                                                                                                         \
    " column_name text,"                                                                                                           \
    " code text NOT NULL,"                                                                                                         \
    " message text NOT NULL,"                                                                                                      \
    " value text,"                                                                                                                 \
    " raw bytea);"                                                                                                                 \
    "CREATE INDEX reject_file ON cetl.reject (file_id, line);"                                                                     \
    "COMMENT ON TABLE cetl.reject IS 'Rows that were refused, with the reason and their original bytes';"                          \
    "COMMENT ON COLUMN cetl.reject.line IS 'Line of the file on which the row begins, from 1';"                                    \
    "COMMENT ON COLUMN cetl.reject.byte_offset IS 'Where the row begins in the file, from 0';"                                     \
    "COMMENT ON COLUMN cetl.reject.value IS 'The cell at fault';"                                                                  \
    "COMMENT ON COLUMN cetl.reject.raw IS 'The row as it stood in the file';"                                                      \
                                                                                                                                   \
    "CREATE TABLE cetl.change ("                                                                                                   \
    " id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"                                                                         \
    " dataset_id int NOT NULL REFERENCES cetl.dataset ON DELETE CASCADE,"                                                          \
    " rows bigint NOT NULL DEFAULT 0,"                                                                                             \
    " at timestamptz NOT NULL DEFAULT now());"                                                                                     \
    "CREATE INDEX change_dataset ON cetl.change (dataset_id);"                                                                     \
    "COMMENT ON TABLE cetl.change IS 'A mark for every change of a dataset; only inserted, and compacted into cetl.dataset';"      \
    "COMMENT ON COLUMN cetl.change.rows IS 'By how much the number of rows changed'"

/*
 * What a load took the dataset for must still hold when it commits: `definition` counts the changes of what is kept beside the rows
 * (rollups). And the newest load of a dataset is looked for often.
 */
#define SQL_MIGRATION_DEFINITION                                                                                                   \
    "ALTER TABLE cetl.dataset ADD COLUMN definition bigint NOT NULL DEFAULT 0;"                                                    \
    "COMMENT ON COLUMN cetl.dataset.definition IS 'Counts the changes of its rollups; a load that began before one begins anew';"  \
    "CREATE INDEX file_newest ON cetl.file (dataset_id, id) WHERE state = 'loaded'"

/* A load of several connections (shares) is in the ledger before it is decided; a load can be taken back. */
#define SQL_MIGRATION_LOADS                                                                                                        \
    "ALTER TABLE cetl.file DROP CONSTRAINT file_state_check, ADD CONSTRAINT file_state_check CHECK"                                \
    " (state IN ('loading', 'committing', 'loaded', 'duplicate', 'failed', 'unloaded'));"                                          \
    "CREATE INDEX file_failed ON cetl.file (dataset_id, id) WHERE state = 'failed';"                                               \
    "ALTER TABLE cetl.file ADD COLUMN shares int, ADD COLUMN instance text, ADD COLUMN lineage bool NOT NULL DEFAULT false,"       \
    " ADD COLUMN header bytea, ADD COLUMN path bytea,"                                                                             \
    " DROP CONSTRAINT every_row_is_accounted_for, ADD CONSTRAINT every_row_is_accounted_for CHECK (state NOT IN ('committing', "   \
    "'loaded')"                                                                                                                    \
    "  OR rows_read = rows_loaded + rows_updated + rows_ignored + rows_rejected + rows_filtered);"                                 \
    "DROP INDEX cetl.file_content, cetl.file_newest;"                                                                              \
    "CREATE INDEX file_content ON cetl.file (sha256, dataset_id) WHERE state IN ('committing', 'loaded');"                         \
    "CREATE INDEX file_newest ON cetl.file (dataset_id, id) WHERE state IN ('committing', 'loaded');"                              \
    "CREATE INDEX file_open ON cetl.file (id) WHERE state IN ('loading', 'committing');"                                           \
    "COMMENT ON COLUMN cetl.file.shares IS 'On how many connections it was loaded, where more than one; 0: given up';"             \
    "COMMENT ON COLUMN cetl.file.instance IS 'Which daemon loads it so: the second part of its prepared transactions'' names';"    \
    "COMMENT ON COLUMN cetl.file.header IS 'Its header line as it stood in the file, where rows of it were rejected';"             \
    "COMMENT ON COLUMN cetl.file.lineage IS 'Its rows bear its id and their line';"                                                \
    "COMMENT ON COLUMN cetl.file.path IS 'Where below incoming/ it was dropped, where that is more than its name';"                \
    "COMMENT ON COLUMN cetl.reject.byte_offset IS 'Where the row begins in the file, as unpacked and in UTF-8, from 0';"           \
    "ALTER TABLE cetl.dataset ADD COLUMN table_made oid;"                                                                          \
    "COMMENT ON COLUMN cetl.dataset.table_made IS 'The table, where cetld made it, and so may alter it';"                          \
    "UPDATE cetl.dataset SET table_made = to_regclass(format('%I.%I', table_schema, table_name))::oid WHERE inferred"

/* Tables that are made of tables; and what others write to tables that rollups are made of. */
#define SQL_MIGRATION_TRANSFORM                                                                                                    \
    "CREATE TABLE cetl.derive ("                                                                                                   \
    " name text PRIMARY KEY,"                                                                                                      \
    " table_schema text NOT NULL,"                                                                                                 \
    " table_name text NOT NULL,"                                                                                                   \
    " definition text,"                                                                                                            \
    " inputs json,"                                                                                                                \
    " version bigint NOT NULL DEFAULT 0,"                                                                                          \
    " made oid,"                                                                                                                   \
    " state text NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'made', 'failed')),"                                               \
    " error text,"                                                                                                                 \
    " rows bigint,"                                                                                                                \
    " refreshed_at timestamptz);"                                                                                                  \
    "CREATE TABLE cetl.user_migration ("                                                                                           \
    " number int PRIMARY KEY,"                                                                                                     \
    " name text NOT NULL,"                                                                                                         \
    " checksum text NOT NULL,"                                                                                                     \
    " applied_at timestamptz NOT NULL DEFAULT now());"                                                                             \
    "COMMENT ON TABLE cetl.user_migration IS 'Which of the migrations of the configuration were run';"                             \
    "COMMENT ON COLUMN cetl.user_migration.checksum IS 'SHA-256 of the text, in hex';"                                             \
    "COMMENT ON TABLE cetl.derive IS 'Derived tables and views: what each was made of, and when';"                                 \
    "COMMENT ON COLUMN cetl.derive.definition IS 'What it was made by: table or view, its name, the query';"                       \
    "COMMENT ON COLUMN cetl.derive.inputs IS 'The versions of the datasets and derives that it was made of';"                      \
    "COMMENT ON COLUMN cetl.derive.version IS 'Counts its refreshes';"                                                             \
    "COMMENT ON COLUMN cetl.derive.made IS 'The table or view, where cetld made it, and so may replace it';"                       \
    "COMMENT ON COLUMN cetl.derive.state IS 'What became of the last try; the rows are those of the last one that went well';"     \
                                                                                                                                   \
    "ALTER TABLE cetl.change ADD COLUMN outside bool NOT NULL DEFAULT false;"                                                      \
    "CREATE INDEX change_outside ON cetl.change (dataset_id) WHERE outside;"                                                       \
    "ALTER TABLE cetl.dataset ADD COLUMN outside bigint NOT NULL DEFAULT 0, ADD COLUMN settled bigint NOT NULL DEFAULT 0;"         \
    "COMMENT ON COLUMN cetl.change.outside IS 'Somebody else wrote to the table';"                                                 \
    "COMMENT ON COLUMN cetl.dataset.outside IS 'How many such marks were folded';"                                                 \
    "COMMENT ON COLUMN cetl.dataset.settled IS 'How many there were when its rollups were last computed because of them';"         \
    "CREATE FUNCTION cetl.outside() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS"             \
    " $$BEGIN INSERT INTO cetl.change (dataset_id, outside) SELECT id, true FROM cetl.dataset"                                     \
    "  WHERE table_schema = tg_table_schema AND table_name = tg_table_name; RETURN NULL; END$$;"                                   \
    "COMMENT ON FUNCTION cetl.outside() IS 'Of triggers on tables with rollups: leaves a mark for each statement of others'"

/* Whoever keeps answers in memory is told of changes, where a daemon made the trigger for it (freshness = notify). */
#define SQL_MIGRATION_API                                                                                                          \
    "CREATE FUNCTION cetl.notify() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS"                               \
    " $$BEGIN PERFORM pg_notify('cetl_change', dataset_id::text) FROM (SELECT DISTINCT dataset_id FROM marks) m;"                  \
    "  RETURN NULL; END$$;"                                                                                                        \
    "COMMENT ON FUNCTION cetl.notify() IS 'Of a trigger on cetl.change: tells which datasets changed, with freshness = notify'"

/* Originals that are kept elsewhere. The trigger that queues them is on cetl.file only while there is an [archive]
 * (etl/archive_sql.h). */
#define SQL_MIGRATION_STORE                                                                                                        \
    "CREATE TABLE cetl.archive (name text PRIMARY KEY, failed bool NOT NULL);"                                                     \
    "CREATE TABLE cetl.original ("                                                                                                 \
    " file_id bigint NOT NULL REFERENCES cetl.file ON DELETE CASCADE,"                                                             \
    " archive text NOT NULL,"                                                                                                      \
    " state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'stored', 'lost')),"                                       \
    " url text,"                                                                                                                   \
    " tries int NOT NULL DEFAULT 0,"                                                                                               \
    " error text,"                                                                                                                 \
    " changed_at timestamptz NOT NULL DEFAULT now(),"                                                                              \
    " PRIMARY KEY (file_id, archive));"                                                                                            \
    "CREATE INDEX original_waiting ON cetl.original (archive, tries, file_id) WHERE state = 'waiting';"                            \
    "CREATE FUNCTION cetl.to_archive() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS"                           \
    " $$BEGIN INSERT INTO cetl.original (file_id, archive) SELECT new.id, name FROM cetl.archive WHERE new.state = 'loaded' OR "   \
    "failed"                                                                                                                       \
    "  ON CONFLICT DO NOTHING; RETURN NULL; END$$;"                                                                                \
    "COMMENT ON TABLE cetl.archive IS 'The [archive] sections of the configuration';"                                              \
    "COMMENT ON COLUMN cetl.archive.failed IS 'Are files that were refused stored, too?';"                                         \
    "COMMENT ON TABLE cetl.original IS 'Which files are, or are to be, stored in which archive';"                                  \
    "COMMENT ON COLUMN cetl.original.state IS 'waiting; stored and looked at; lost: it was gone before it was stored';"            \
    "COMMENT ON COLUMN cetl.original.url IS 'Where it is';"                                                                        \
    "COMMENT ON COLUMN cetl.original.error IS 'Why the last try failed';"                                                          \
    "COMMENT ON FUNCTION cetl.to_archive() IS 'Of a trigger on cetl.file: queues what is to be stored, in the transaction of the " \
    "load'"

#endif
