/* SPDX-License-Identifier: MIT */
/*
 * What the archives ask of cetl.original and cetl.archive.
 */
#ifndef CETLD_ETL_ARCHIVE_SQL_H
#define CETLD_ETL_ARCHIVE_SQL_H

#define SQL_ARCHIVE_TRIGGER "cetl_to_archive"
#define SQL_ARCHIVE_HAS_TRIGGER                                                                                                    \
    "EXISTS (SELECT FROM pg_trigger WHERE tgrelid = 'cetl.file'::regclass AND tgname = '" SQL_ARCHIVE_TRIGGER "')"

/* Nothing is written where nothing changes: a database that is read-only can be set up, too. Without any [archive]: */
#define SQL_ARCHIVE_NONE                                                                                                           \
    "DO $cetl$BEGIN IF EXISTS (SELECT FROM cetl.archive) THEN DELETE FROM cetl.archive; END IF;"                                   \
    " IF " SQL_ARCHIVE_HAS_TRIGGER " THEN"                                                                                         \
    "  PERFORM set_config('lock_timeout', '2s', true); DROP TRIGGER " SQL_ARCHIVE_TRIGGER " ON cetl.file;"                         \
    " END IF; END$cetl$"
/* With some: a list of VALUES, ('name', true), …, stands behind each of the first two. */
#define SQL_ARCHIVE_COMPARE                                                                                                        \
    "DO $cetl$BEGIN IF (SELECT array_agg(name || failed ORDER BY name) FROM cetl.archive) IS DISTINCT FROM"                        \
    " (SELECT array_agg(column1 || column2 ORDER BY column1) FROM (VALUES "
#define SQL_ARCHIVE_INSERT ") v) THEN DELETE FROM cetl.archive; INSERT INTO cetl.archive VALUES "
#define SQL_ARCHIVE_TRIGGER_MAKE                                                                                                   \
    "; END IF; IF NOT " SQL_ARCHIVE_HAS_TRIGGER " THEN"                                                                            \
    " PERFORM set_config('lock_timeout', '2s', true);"                                                                             \
    " CREATE TRIGGER " SQL_ARCHIVE_TRIGGER " AFTER INSERT OR UPDATE OF state ON cetl.file FOR EACH ROW"                            \
    "  WHEN (new.state IN ('loaded', 'failed')) EXECUTE FUNCTION cetl.to_archive();"                                               \
    " END IF; END$cetl$"

#define ARCHIVE_GONE "its bytes are not in done/ or failed/ any more"
/*
 * $1 archive, $2 how many → id, token, path as dropped, bytes (-1), sha256 (empty), dataset, date, the report, tries, was it gone
 * the last time (then not at once again); those that
 * were tried least first, so that one that is refused holds nobody.
 */
#define SQL_ARCHIVE_NEXT                                                                                                           \
    "SELECT f.id, f.token, coalesce(f.path, convert_to(f.name, 'UTF8')), coalesce(f.bytes, -1), coalesce(f.sha256, ''::bytea),"    \
    " coalesce(d.name, '_'), to_char(coalesce(f.finished_at, now()) AT TIME ZONE 'UTC', 'YYYY-MM-DD'),"                            \
    " jsonb_pretty(jsonb_build_object('id', f.id, 'token', f.token, 'name', f.name, 'dataset', d.name,"                            \
    "  'table', d.table_schema || '.' || d.table_name, 'state', f.state, 'bytes', f.bytes, 'sha256', encode(f.sha256, 'hex'),"     \
    "  'rows_read', f.rows_read, 'rows_loaded', f.rows_loaded, 'rows_updated', f.rows_updated, 'rows_ignored', f.rows_ignored,"    \
    "  'rows_rejected', f.rows_rejected, 'rows_filtered', f.rows_filtered, 'error', f.error, 'arrived_at', f.arrived_at,"          \
    "  'started_at', f.started_at, 'finished_at', f.finished_at)), o.tries::int8,"                                                 \
    " coalesce(o.error = '" ARCHIVE_GONE "', false)"                                                                               \
    " FROM cetl.original o JOIN cetl.file f ON f.id = o.file_id LEFT JOIN cetl.dataset d ON d.id = f.dataset_id"                   \
    " WHERE o.archive = $1 AND o.state = 'waiting'"                                                                                \
    "  AND NOT (coalesce(o.error, '') = '" ARCHIVE_GONE                                                                            \
    "' AND o.changed_at > clock_timestamp() - interval '3 s') ORDER BY o.tries, o.file_id LIMIT $2::int8"
/* $1 file, $2 archive, $3 URL */
#define SQL_ARCHIVE_STORED                                                                                                         \
    "UPDATE cetl.original SET state = 'stored', url = $3, error = NULL, changed_at = now() WHERE file_id = $1::int8 AND archive "  \
    "= $2"
/* $1 file, $2 archive, $3 why, $4 the new state */
#define SQL_ARCHIVE_FAILED                                                                                                         \
    "UPDATE cetl.original SET state = $4, tries = tries + 1, error = $3, changed_at = now() WHERE file_id = $1::int8 AND archive " \
    "= $2"
/* → the token of the file that waits longest, or no row. */
#define SQL_ARCHIVE_OLDEST                                                                                                         \
    "SELECT f.token FROM cetl.original o JOIN cetl.archive a ON a.name = o.archive JOIN cetl.file f ON f.id = o.file_id"           \
    " WHERE o.state = 'waiting' ORDER BY f.token COLLATE \"C\" LIMIT 1"

#endif
