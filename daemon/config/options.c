/* SPDX-License-Identifier: MIT */
#include "config/options.h"

#include "config/config.h"

#include <syslog.h>

#define KIB ((int64_t)1 << 10)
#define MIB ((int64_t)1 << 20)
#define GIB ((int64_t)1 << 30)
#define SECOND ((int64_t)1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

/* clang-format off */
#define TYPE(t) {.type = VALUE_##t}
#define RANGE(t, from, to) {.type = VALUE_##t, .min = (from), .max = (to)}
#define CHOICE(...) {.type = VALUE_CHOICE, .choices = (const struct value_choice[]){__VA_ARGS__, {NULL, 0}}}
#define DECIMAL_MARKS {".", '.'}, {",", ','}
#define THOUSANDS_MARKS {"none", 0}, {",", ','}, {".", '.'}, {"'", '\''}, {"space", ' '}, {"_", '_'}
/* clang-format on */

/* An enum is written through a pointer to int. */
_Static_assert(sizeof(enum config_mode) == sizeof(int), "VALUE_CHOICE fields are as wide as int");
_Static_assert(offsetof(struct config_dataset, table) == offsetof(struct config_dataset, schema) + sizeof(const char *),
               "VALUE_TABLE fills schema and table, which must be neighbours");
_Static_assert(offsetof(struct config_derive, table) == offsetof(struct config_derive, schema) + sizeof(const char *),
               "VALUE_TABLE fills schema and table, which must be neighbours");

#define F(field) offsetof(struct config_daemon, field)
static const struct option daemon_options[] = {
    {"spool", TYPE(PATH), F(spool), "/var/spool/cetl", .fixed = true,
     .prose = "The spool: files are dropped into incoming/ below it, and end in done/ or failed/."},
    {"state", TYPE(PATH), F(state), "/var/lib/cetl", .fixed = true,
     .prose = "What the daemon keeps for itself, the embedded cluster among it."},
    {"workers", RANGE(COUNT, 0, 1024), F(workers), "0", .fixed = true, .prose = "Threads that parse and convert. 0: one a core."},
    {"memory_max", RANGE(SIZE, 32 * MIB, 1024 * GIB), F(memory_max), "128M", .fixed = true,
     .prose = "The bound of all buffers, lookups and aggregates together."},
    {"lookup_max", RANGE(SIZE, 0, 1024 * GIB), F(lookup_max), "0",
     .prose = "What the tables that lookups look into may hold in memory; those that do not fit are joined by the server. 0: a "
              "quarter of memory_max."},
    {"max_record", RANGE(SIZE, 4 * KIB, GIB), F(max_record), "16M",
     .prose = "The longest record of a file, in bytes with its line end, so that an open quote does not become one of 10 GB. A "
              "file with a longer one fails. At most half of memory_max."},
    {"unpack_max", RANGE(SIZE, MIB, 1024 * GIB), F(unpack_max), "64G",
     .prose = "The most bytes that a gzip or zip file may unpack to."},
    {"unpack_ratio", RANGE(COUNT, 2, 100000), F(unpack_ratio), "200",
     .prose = "How many times its own size a gzip or zip file may unpack to. Not looked at below 16M."},
    {"unpack_entries", RANGE(COUNT, 1, 100000), F(unpack_entries), "1000", .prose = "The most entries that a zip file may have."},
    {"unmatched", CHOICE({"infer", CONFIG_UNMATCHED_INFER}, {"fail", CONFIG_UNMATCHED_FAIL}, {"leave", CONFIG_UNMATCHED_LEAVE}),
     F(unmatched), "infer",
     .prose = "What becomes of a file that no dataset claims: infer makes a dataset and a table of it, fail refuses it, leave does "
              "not touch it."},
    {"settle", RANGE(DURATION, 0, HOUR), F(settle_ms), "1s",
     .prose = "How long a file that was written in place must rest before it counts as complete. A file that is moved in is "
              "complete at once."},
    {"rescan", RANGE(DURATION, SECOND, DAY), F(rescan_ms), "30s",
     .prose = "How often incoming/ is searched for files that no event told of."},
    {"spool_min_free", RANGE(SIZE, 0, 1024 * GIB), F(spool_min_free), "64M",
     .prose = "What uploads and sources leave free on the disk of the spool: beyond it uploads are refused with 507, and pulls "
              "fail and are tried again. What is dropped into incoming/ is not asked."},
    {"keep_done", RANGE(DURATION, 0, 36500 * DAY), F(keep_done_ms), "0",
     .prose = "How long loaded files stay in done/. 0: for ever. What is gone cannot be replayed."},
    {"keep_failed", RANGE(DURATION, 0, 36500 * DAY), F(keep_failed_ms), "0",
     .prose = "How long refused files and their .errors.csv stay in failed/. 0: for ever."},
    {"keep_rejects", RANGE(DURATION, 0, 36500 * DAY), F(keep_rejects_ms), "0",
     .prose = "How long refused rows stay in cetl.reject, from the end of their file's load. 0: for ever."},
    {"log_level",
     CHOICE({"error", LOG_ERR}, {"warning", LOG_WARNING}, {"notice", LOG_NOTICE}, {"info", LOG_INFO}, {"debug", LOG_DEBUG}),
     F(log_level), "info", .prose = "The least important messages that are logged."},
    {0},
};
#undef F

#define F(field) offsetof(struct config_database, field)
static const struct option database_options[] = {
    {"url", TYPE(TEXT), F(url), "", "postgresql:///cetl", .fixed = true,
     .prose = "The database, as a libpq URI or keyword string, without a password. Empty: an embedded private cluster below state, "
              "reached by a unix socket only."},
    {"password_file", TYPE(PATH), F(password_file), "", "%d/database-password", .fixed = true,
     .prose = "A file that holds the password. %d is the folder of credentials: what lies in /etc/cetl/credentials when the unit "
              "starts, for root's eyes and the daemon's only."},
    {"pg_bin", TYPE(PATH), F(pg_bin), "", "/usr/lib/postgresql/15/bin", .fixed = true,
     .prose = "Where PostgreSQL's programs are, for the embedded cluster. Empty: the newest that is found."},
    {"migrations", TYPE(PATH), F(migrations), "", "/etc/cetl/migrations",
     .prose = "A folder of SQL files, 001_name.sql and so on, each of which is run once, in a transaction of its own, before "
              "anything is "
              "loaded. Empty: the folder migrations beside this file, if there is one."},
    {"load_connections", RANGE(COUNT, 1, 64), F(load_connections), "2", .fixed = true, .prose = "Connections that load."},
    {"api_connections", RANGE(COUNT, 2, 256), F(api_connections), "4", .fixed = true,
     .prose = "Connections that answer the API. One of them is kept for small answers; most of these share one connection more."},
    {"connect_timeout", RANGE(DURATION, 100, 10 * MINUTE), F(connect_timeout_ms), "10s", .fixed = true,
     .prose = "For all of finding, reaching and greeting the server."},
    {"backoff_max", RANGE(DURATION, 100, HOUR), F(backoff_max_ms), "30s", .fixed = true,
     .prose = "The longest pause between two tries to reach the server."},
    {"statement_timeout", RANGE(DURATION, 1, DAY), F(statement_timeout_ms), "30s", .fixed = true,
     .prose = "The longest query of the API."},
    {"stream_timeout", RANGE(DURATION, SECOND, 7 * DAY), F(stream_timeout_ms), "1h",
     .prose = "The longest query of the API whose rows go out as they come: large answers and reports. A slow reader slows the "
              "query, and counts."},
    {0},
};
#undef F

#define F(field) offsetof(struct config_api, field)
static const struct option api_options[] = {
    {"listen", TYPE(ADDRESSES), F(listen), "127.0.0.1:8080, unix:/run/cetl/cetld.sock", .fixed = true,
     .prose = "Where the API listens: host:port, [::1]:port, unix:/path."},
    {"socket_mode", RANGE(MODE, 0, 0777), F(socket_mode), "0660", .fixed = true, .prose = "Permissions of the unix sockets."},
    {"anonymous", CHOICE({"none", CONFIG_ANONYMOUS_NONE}, {"read", CONFIG_ANONYMOUS_READ}, {"write", CONFIG_ANONYMOUS_WRITE}),
     F(anonymous), "read",
     .prose =
         "What may be done without a token over loopback, as long as no proxy is in between: nothing, read, or also write rows and "
         "send files. From other machines there are only /status, /healthz and /docs; by the unix socket, whose mode and group say "
         "who "
         "may, there is everything."},
    {"rate", TYPE(TEXT), F(rate_text), "", "50/s",
     .prose = "How many requests without a valid token, of each address, per s, min, h or d; so many may come at once. Beyond it: "
              "429 with Retry-After. Not for the unix socket. Empty: no limit."},
    {"first_chunk", TYPE(TEXT), F(first_chunk), "", "orders",
     .prose = "The dataset of /read/first-chunk. Empty: the first that is declared."},
    {"expose", TYPE(LIST), F(expose), "", "reporting.daily, countries",
     .prose = "Tables and views beside the datasets that the API reads, schema.name or name (in schema public), under their names "
              "without the schema. Never those of schema cetl or of PostgreSQL's own."},
    {"freshness", CHOICE({"exact", CONFIG_FRESHNESS_EXACT}, {"notify", CONFIG_FRESHNESS_NOTIFY}), F(freshness), "exact",
     .fixed = true,
     .prose =
         "What a kept answer, or 304, is worth. exact: the database is asked for the table's version each time, so it is never "
         "older than the request. notify: versions are kept in memory, and PostgreSQL tells of changes by NOTIFY, within "
         "milliseconds; but commits of writers wait for each other then, and transactions that change datasets cannot be "
         "prepared (PREPARE TRANSACTION)."},
    {"cache_max", RANGE(SIZE, 0, 64 * GIB), F(cache_max), "8M", .fixed = true,
     .prose =
         "The bytes that are set aside for answers to be given again, out of memory_max, and at most a quarter of that. 0: none "
         "are kept."},
    {"header_max", RANGE(SIZE, KIB, MIB), F(header_max), "16K", .fixed = true, .prose = "The largest head of a request."},
    {"header_timeout", RANGE(DURATION, 100, 10 * MINUTE), F(header_timeout_ms), "10s", .fixed = true,
     .prose = "From a request's first byte to the end of its head."},
    {"idle_timeout", RANGE(DURATION, SECOND, DAY), F(idle_timeout_ms), "60s", .fixed = true,
     .prose = "How long a connection is kept open without a request, and how long a client may pause inside one. In that time at "
              "least 16K of a longer body or answer must get through."},
    {"body_max", RANGE(SIZE, KIB, GIB), F(body_max), "1M", .fixed = true,
     .prose = "The largest body of a request that is kept in memory."},
    {"cors_origins", TYPE(ORIGINS), F(cors_origins), "", "https://app.example.org, http://localhost:3000",
     .prose = "The web pages of other origins whose scripts may use the API, by scheme, host and port; * is every one. They may do "
              "what anybody may, or what the token allows that they send."},
    {"request_log", CHOICE({"no", false}, {"yes", true}), F(request_log), "no", .fixed = true,
     .prose = "Is every request logged: method, target, status, bytes, time, id, and the trace it belongs to? One that the client "
              "left, or "
              "that was cut, with a word about that; its status is 0 where there was no answer yet."},
    {"max_upload", RANGE(SIZE, KIB, 1024 * GIB), F(max_upload), "2G",
     .prose = "The largest body of an upload (POST /ingest/, PUT /ingest/NAME): beyond it 413. All files of a request together."},
    {"gzip", RANGE(COUNT, 0, 6), F(gzip), "1", .fixed = true,
     .prose = "How hard answers are compressed for clients that ask for it (Accept-Encoding: gzip): zlib's level. 0: never."},
    {"max_connections", RANGE(COUNT, 1, 100000), F(max_connections), "1024", .fixed = true,
     .prose = "Beyond it the oldest idle connection is closed, or the new one refused."},
    {"max_address_connections", RANGE(COUNT, 1, 100000), F(max_address_connections), "512", .fixed = true,
     .prose = "The most connections from one address, beyond which new ones are refused (503). Not for unix sockets."},
    {"max_waiting", RANGE(COUNT, 1, 100000), F(max_waiting), "1000", .fixed = true,
     .prose = "The most requests that wait for a database connection. Beyond it: 503 with Retry-After."},
    {"max_event_streams", RANGE(COUNT, 0, 100000), F(max_event_streams), "512", .fixed = true,
     .prose = "How many of them may be streams of /events; at most three quarters of max_connections."},
    {0},
};
#undef F

#define F(field) offsetof(struct config_dataset, field)
static const struct option dataset_options[] = {
    {"files", TYPE(GLOBS), F(files), "NAME*.csv, NAME*.tsv, NAME*.csv.gz, NAME*.tsv.gz, NAME*.csv.zip, NAME*.tsv.zip",
     .prose = "Globs of its files. One with a / matches the path below incoming/, another one the last component. The first "
              "dataset that matches has the file. A {part} is the value of the column of that name in every row."},
    {"table", TYPE(TABLE), F(schema), "public.NAME", .prose = "Where the rows go."},
    {"columns", TYPE(SQL), F(columns_sql), "", "order_id bigint primary key, placed timestamptz, amount numeric(12,2)",
     .prose = "The list of CREATE TABLE, in any lines. Empty: inferred from the first file."},
    {"inputs", TYPE(SQL), F(inputs_sql), "", "full_name text, opened date",
     .prose = "Cells of the file that only expressions read and no column takes: names and types, as in `columns`."},
    {"filter", TYPE(SQL), F(filter), "", "amount is not null",
     .prose = "A condition in SQL over columns and inputs. A row of which it is not true is not loaded, and counted as filtered."},
    {"mode",
     CHOICE({"append", CONFIG_MODE_APPEND}, {"upsert", CONFIG_MODE_UPSERT}, {"ignore", CONFIG_MODE_IGNORE},
            {"replace", CONFIG_MODE_REPLACE}),
     F(mode), "append",
     .prose = "append adds a file's rows. upsert writes a row over the one with the same primary key, so that the last one wins; "
              "ignore keeps the first one. replace exchanges the whole content for the file's. Files of upsert, ignore and replace "
              "load one at a time, in the order in which they arrived."},
    {"replace_swap_min", RANGE(SIZE, 0, INT64_MAX), F(replace_swap_min), "64M",
     .prose =
         "With replace: a file of at least this size goes into a table of its own, which then takes the place of the old rows; a "
         "smaller one is loaded behind a DELETE, and so is every one where the table has triggers or identities, or was not made "
         "by cetld."},
    {"newest_by", TYPE(TEXT), F(newest_by), "", "updated_at",
     .prose = "With upsert: of two rows with the same key the one with the greater value in this column wins, also against the row "
              "in the table; of equal values the later one, and NULL is less than all. Empty: the later row."},
    {"order", CHOICE({"lenient", CONFIG_ORDER_LENIENT}, {"strict", CONFIG_ORDER_STRICT}), F(order), "lenient",
     .prose = "What follows a file that failed. lenient: the next one. strict: nothing, until the file is dropped again, mended, "
              "under the same name, or this is set to lenient; and in every mode the files load one at a time."},
    {"header", CHOICE({"yes", CONFIG_HEADER_YES}, {"no", CONFIG_HEADER_NO}, {"auto", CONFIG_HEADER_AUTO}), F(header), "yes",
     .prose = "Does the first line name the columns? Where every column has a position the default is no."},
    {"delimiter", TYPE(DELIMITER), F(delimiter), "auto",
     .prose = "auto (one of , ; tab |), tab, space, or a character that is no letter and no digit."},
    {"quote", TYPE(QUOTE), F(quote), "auto",
     .prose = "The quote character. auto: \"; but where the delimiter is auto, too, ' if the start of the file is a table with it "
              "only, or if every text there stands in such quotes. none: a quote is a character like any other."},
    {"escape", TYPE(ESCAPE), F(escape), "auto", "\\",
     .prose = "A character that stands before a quote, or before itself, inside of quotes to make it a part of the cell. Doubled "
              "quotes work, too. auto: none; but where the delimiter is auto, too, \\ if the start of the file is a table with it "
              "only."},
    {"comment", TYPE(MARK), F(comment), "none", "#",
     .prose = "Lines that begin with it outside of quotes are comments. none, or a character."},
    {"skip_lines", RANGE(LINES, 0, 1000000), F(skip_lines), "auto",
     .prose = "Lines before the header that are no part of the table. auto: none where the first record is the header; else those "
              "before the one that names the dataset's columns, or, where these are not declared, before the one that names the "
              "columns of all records behind it."},
    {"line_end", CHOICE({"auto", CONFIG_LINE_END_AUTO}, {"lf", CONFIG_LINE_END_LF}, {"cr", CONFIG_LINE_END_CR}), F(line_end),
     "auto",
     .prose = "Where a record ends: lf (also CRLF), or cr, a carriage return alone. auto: cr where the first record ends so and no "
              "line feed stands outside of quotes."},
    {"blank_lines", CHOICE({"rows", CONFIG_BLANK_LINES_ROWS}, {"skip", CONFIG_BLANK_LINES_SKIP}), F(blank_lines), "rows",
     .prose =
         "rows: a blank line is a row whose one cell is empty, so that it is rejected where there are more columns. skip: blank "
         "lines are no rows."},
    {"trim", CHOICE({"no", CONFIG_TRIM_NO}, {"yes", CONFIG_TRIM_YES}), F(trim), "no",
     .prose = "Are spaces and tabs around cells taken away? What is in quotes stays as it is."},
    {"compression",
     CHOICE({"auto", CONFIG_COMPRESSION_AUTO}, {"none", CONFIG_COMPRESSION_NONE}, {"gzip", CONFIG_COMPRESSION_GZIP},
            {"zip", CONFIG_COMPRESSION_ZIP}),
     F(compression), "auto",
     .prose =
         "auto tells gzip and zip by their first bytes, whatever the name. The files of a zip are loaded as one, in the order of "
         "their names."},
    {"null", TYPE(LIST), F(null), "", "NULL, N/A", .prose = "Unquoted texts that mean NULL beside the empty one."},
    {"decimal_mark", CHOICE(DECIMAL_MARKS), F(decimal_mark), ".", .prose = "What stands before the decimals of numbers."},
    {"thousands_mark", CHOICE(THOUSANDS_MARKS), F(thousands_mark), "none",
     .prose = "What may stand between the thousands of numbers, in groups of three digits: with . here and a decimal_mark of , "
              "1.234,56 is 1234.56. space stands for no-break and narrow ones, too."},
    {"timezone", TYPE(ZONE), F(zone), "", "Europe/Paris",
     .prose = "The time zone (by its IANA name) of the times in columns of type timestamptz that do not say theirs. Empty: UTC."},
    {"encoding", TYPE(ENCODING), F(encoding), "auto", "cp1252",
     .prose =
         "The encoding of the files: any that iconv --list names. auto: UTF-8, or UTF-16 or UTF-32 where a byte order mark "
         "says so. A character that means nothing in it rejects its row; where it cannot be told where the next one begins, as in "
         "gb18030, the file fails."},
    {"max_errors", TYPE(BUDGET), F(max_errors), "0",
     .prose = "How many rows of a file, or which part (1%), may be rejected before the file fails."},
    {"lineage", CHOICE({"auto", CONFIG_LINEAGE_AUTO}, {"yes", CONFIG_LINEAGE_YES}, {"no", CONFIG_LINEAGE_NO}), F(lineage), "auto",
     .prose = "Does each row bear its file and its line, in the columns _file and _line? Only then a file can be unloaded. "
              "auto: in tables that are made by inference. yes adds them to a table that lacks them."},
    {"duplicates", CHOICE({"skip", CONFIG_DUPLICATES_SKIP}, {"load", CONFIG_DUPLICATES_LOAD}), F(duplicates), "skip",
     .prose = "What becomes of a file whose very bytes are loaded already."},
    {"requires", TYPE(LIST), F(requires), "", "customers, products",
     .prose =
         "Datasets that must come first, as where a foreign key refers to them. A file waits while one of them has never loaded a "
         "file, or has one that arrived earlier and is not loaded, refused or known yet. Files that arrived before that one go "
         "on."},
    {"wait", RANGE(DURATION, 1, 36500 * DAY), F(wait_ms), "1h",
     .prose = "How long a file waits for what `requires` names, from its arrival; then it fails."},
    {"parallel", RANGE(COUNT, 1, 16), F(parallel), "1",
     .prose = "Over how many connections one large file is loaded. More than one needs prepared transactions in the server "
              "(max_prepared_transactions), as many load_connections, another mode than replace, and a table without triggers, "
              "foreign keys, and unique constraints beside its primary key; else one is used, and the log says why. What clashes "
              "with a key goes over one as well."},
    {"parallel_min", RANGE(SIZE, 0, 1024 * GIB), F(parallel_min), "64M", .prose = "Smaller files are loaded over one connection."},
    {"new_columns",
     CHOICE({"reject", CONFIG_NEW_REJECT}, {"ignore", CONFIG_NEW_IGNORE}, {"add", CONFIG_NEW_ADD}, {"rescue", CONFIG_NEW_RESCUE}),
     F(new_columns), "reject",
     .prose = "What becomes of a cell whose header is no column. reject: the file fails; ignore: it is not loaded; add: the table "
              "gets the column, with the type that fits the whole file; rescue: the row's column _rescued keeps it as JSON. add, "
              "and rescue where the column is missing, only alter tables that cetld made."},
    {"missing_columns", CHOICE({"null", CONFIG_MISSING_NULL}, {"reject", CONFIG_MISSING_REJECT}), F(missing_columns), "null",
     .prose = "A column that a file lacks. null: it has its DEFAULT or NULL; reject: the file fails, unless the column has a "
              "DEFAULT or is generated."},
    {"widen", CHOICE({"yes", true}, {"no", false}), F(widen), "yes",
     .prose =
         "Where the columns are inferred: a file with values that do not fit a column's type changes it, where no value is lost "
         "(bigint to numeric, date to timestamp, these and boolean to text) and the table has at most 100,000 rows."},
    {"soft_delete", CHOICE({"no", false}, {"yes", true}), F(soft_delete), "no",
     .prose = "yes: what the API deletes stays in the table, with the time in its column deleted_at, which is added where it is "
              "missing. Reads, rollups and references leave such rows out; a row that is written anew, by the API or a file of "
              "mode upsert, is there again."},
    {"timestamps", CHOICE({"no", false}, {"yes", true}), F(timestamps), "no",
     .prose = "yes: the columns created_at and updated_at, which are added where they are missing, say when a row was first and "
              "last written."},
    {"api_select", TYPE(SQL), F(api_select), "", "*, customer:customers(*)",
     .prose = "What the API answers of a row, where the request does not say it: a `select` of its dialect. Empty: every column."},
    {"bulk_max", RANGE(COUNT, 1, 10000000), F(bulk_max), "1000",
     .prose = "The most rows of one POST to /v1/NAME/bulk. They must fit into body_max, too."},
    {0},
};
#undef F

#define F(field) offsetof(struct config_column, field)
static const struct option column_options[] = {
    {"from", TYPE(TEXT), F(from), "", "Total Amount",
     .prose = "The header it is read from. Empty: its own name, however it is spelt there."},
    {"position", RANGE(COUNT, 0, 16384), F(position), "0",
     .prose = "Its place in the record, from 1, instead of a header. 0: by header."},
    {"format", TYPE(TEXT), F(format), "", "DD/MM/YYYY HH24:MI", .prose = "How dates and times are written. Empty: ISO 8601."},
    {"decimal_mark", CHOICE({"dataset", CONFIG_AS_DATASET}, DECIMAL_MARKS), F(decimal_mark), "dataset",
     .prose = "What stands before the decimals; dataset: what the dataset says."},
    {"thousands_mark", CHOICE({"dataset", CONFIG_AS_DATASET}, THOUSANDS_MARKS), F(thousands_mark), "dataset",
     .prose = "What may stand between thousands; dataset: what the dataset says."},
    {"timezone", TYPE(ZONE), F(zone), "", "America/New_York",
     .prose = "The time zone of a timestamptz's times that do not say theirs. Empty: what the dataset says."},
    {"expr", TYPE(SQL), F(expr), "", "split_part(full_name, ' ', 1)",
     .prose = "An expression in SQL that makes the column's values. It reads columns that come from the file, and inputs; its own "
              "name is the file's cell as text. filename(), line() and loaded_at() say where a row came from."},
    {"check", TYPE(SQL), F(check), "", "amount >= 0",
     .prose = "A condition in SQL over columns and inputs. A row of which it is false is rejected."},
    {"lookup", TYPE(SQL), F(lookup_sql), "", "customers.zip on customers.id = customer_id",
     .prose =
         "Another dataset's column that makes the column's values: DATASET.COLUMN on DATASET.KEY = NAME, further pairs joined by "
         "'and'. The keys are the dataset's primary key or unique; the names are columns that come from the file, or inputs. A "
         "key with a NULL finds NULL."},
    {"on_miss", CHOICE({"null", CONFIG_MISS_NULL}, {"reject", CONFIG_MISS_REJECT}), F(on_miss), "null",
     .prose = "What a lookup makes of a key that is not there. null: NULL; reject: the row is rejected, if the filter leaves it."},
    {0},
};
#undef F

#define F(field) offsetof(struct config_rollup, field)
static const struct option rollup_options[] = {
    {"group", TYPE(SQL), F(group_sql), "", "placed::date as day, zip",
     .prose = "What to group by: columns, column::date, date_trunc('unit', column), and any other expression with `as name`."},
    {"measure", TYPE(SQL), F(measure_sql), "", "sum(amount) as revenue, count(*) as orders, max(amount) as largest",
     .prose = "What to compute: count, sum, min, max, avg, bool_and, bool_or, stddev, variance of a column or an expression, "
              "count(distinct …), any of them with filter (where …), and first or last (value order by …)."},
    {0},
};
#undef F

#define F(field) offsetof(struct config_derive, field)
static const struct option derive_options[] = {
    {"after", TYPE(LIST), F(after), "", "people, trades",
     .prose =
         "The datasets that it reads, and other derives. It is made anew after what is committed to them: once for many files, "
         "and once more for those that are committed while it is made."},
    {"sql", TYPE(SQL), F(sql), "", "select zip, count(*) as people from people group by zip",
     .prose = "A query, in any lines. Its columns are the table's, with their names and types."},
    {"as", CHOICE({"table", CONFIG_AS_TABLE}, {"view", CONFIG_AS_VIEW}), F(as), "table",
     .prose = "table keeps the query's rows; readers see those from before or those from after, never anything between. view keeps "
              "the query alone, which then runs for each reader."},
    {"table", TYPE(TABLE), F(schema), "public.NAME",
     .prose = "The name of the table or view. One that exists and was not made for this derive is left as it is."},
    {"timeout", RANGE(DURATION, 1, DAY), F(timeout_ms), "5min",
     .prose = "The longest that the query may take. Beyond it the rows stay what they were, and it is tried again later."},
    {0},
};
#undef F

#define F(field) offsetof(struct config_report, field)
static const struct option report_options[] = {
    {"param", TYPE(SQL), F(param_sql), "", "year int default extract(year from now())",
     .prose =
         "Its parameters, by line or comma: a name, a type of SQL, and a default, which is an expression. One without a default "
         "must be given."},
    {"filename", TYPE(TEXT), F(filename), "NAME.csv", "hires_{year}.csv",
     .prose = "The name under which a browser saves its CSV. {name} is the value of a parameter."},
    {"sql", TYPE(SQL), F(sql), "", "select name, count(*) from hires where extract(year from at) = :year group by name",
     .prose =
         "A query, in any lines, that only reads. :name is the value of a parameter, of its type. The columns need names, each "
         "its own."},
    {0},
};
#undef F

#define F(field) offsetof(struct config_token, field)
static const struct option token_options[] = {
    {"hash_file", TYPE(PATH), F(hash_file), "", "%d/ci.sha256",
     .prose =
         "A file that holds the token's SHA-256 in hexadecimal; cetld --new-token prints both. A reload reads it anew, but what "
         "is below %d (/etc/cetl/credentials) is that of the last start."},
    {"allow", TYPE(SQL), F(allow_text), "", "orders: read write, report *: read, ingest",
     .prose = "What it allows, by comma or line: TABLE: read write ingest, report NAME: read, and * for every one of them; without "
              "a name read, write, ingest are for everything, and manage is to unload and replay files, to see the configuration "
              "and to reload it. A dataset's rollups are "
              "read with it."},
    {"role", TYPE(TEXT), F(role), "", "reporting",
     .prose = "The role of PostgreSQL that its statements run as (SET LOCAL ROLE), so that row-level security and grants hold. "
              "Empty: the daemon's own."},
    {"expires", TYPE(TEXT), F(expires_text), "", "2027-01-31",
     .prose = "The last day (UTC) on which it is taken, or a time such as 2027-01-31T12:00:00Z. Empty: for ever."},
    {"rate", TYPE(TEXT), F(rate_text), "", "100/s",
     .prose = "How many requests, per s, min, h or d; so many may come at once. Beyond it: 429. Empty: no limit."},
    {0},
};
#undef F

#define F(field) offsetof(struct config_jwt, field)
static const struct option jwt_options[] = {
    {"secret_file", TYPE(PATHS), F(secret_file), "", "%d/jwt.secret",
     .prose =
         "Files that hold a secret each, of 32 bytes at least, for tokens that are signed by HS256. Several are tried in turn, "
         "so that they can be changed. A reload reads them anew."},
    {"key_file", TYPE(PATHS), F(key_file), "", "/etc/cetl/issuer.pem",
     .prose = "Files that hold a public RSA key each, in PEM, for tokens that are signed by RS256."},
    {"audience", TYPE(LIST), F(audience), "", "cetld",
     .prose = "One of these must be the token's aud. Empty: there must be no aud."},
    {"issuer", TYPE(TEXT), F(issuer), "", "https://id.example.org/", .prose = "The token's iss. Empty: any."},
    {"leeway", RANGE(DURATION, 0, HOUR), F(leeway_ms), "30s",
     .prose = "How far the issuer's clock may differ, for exp, nbf and iat."},
    {"role_claim", TYPE(TEXT), F(role_claim), "role", .prose = "The claim that names a [role NAME]. Empty: none does."},
    {"allow_claim", TYPE(TEXT), F(allow_claim), "", "cetl_allow",
     .prose =
         "A claim that says what the token allows, as `allow` of [token NAME] does, beside what its role allows. Empty: none."},
    {0},
};
#undef F

#define F(field) offsetof(struct config_role, field)
static const struct option role_options[] = {
    {"allow", TYPE(SQL), F(allow_text), "", "orders: read write", .prose = "What it allows, as in [token NAME]."},
    {"role", TYPE(TEXT), F(role), "", "reporting",
     .prose = "The role of PostgreSQL that its statements run as (SET LOCAL ROLE), with the token's claims as request.jwt.claims. "
              "Empty: the daemon's own."},
    {"rate", TYPE(TEXT), F(rate_text), "", "100/s",
     .prose = "How many requests of each subject (sub), per s, min, h or d. Beyond it: 429. Empty: no limit."},
    {0},
};
#undef F

#define F(field) offsetof(struct config_notify, field)
static const struct option notify_options[] = {
    {"url", TYPE(TEXT), F(url), "", "https://example.org/hooks/cetl",
     .prose = "Where the notifications are sent by POST, as JSON: http:// or https://."},
    {"url_file", TYPE(PATH), F(url_file), "", "%d/hook-url",
     .prose = "A file that holds it instead, since the addresses that chat services give are secrets."},
    {"token_file", TYPE(PATH), F(token_file), "", "%d/hook-token",
     .prose = "A file that holds a token, which is sent along: Authorization: Bearer … Empty: none."},
    {"on", TYPE(LIST), F(on), "failed, waiting, unreadable, backup",
     .prose = "Of which files: failed, waiting (for another dataset), unreadable, loaded, duplicate; and backup: one that was due "
              "could not be made."},
    {"datasets", TYPE(LIST), F(datasets), "*", .prose = "Of which datasets: names, or globs such as sales_*."},
    {"ca_file", TYPE(PATH), F(ca_file), "", "/etc/cetl/ca.pem",
     .prose = "Certificates (PEM) that are trusted instead of the system's."},
    {"delay", RANGE(DURATION, 0, HOUR), F(delay_ms), "1s", .prose = "What happens within it is sent together."},
    {"retry_for", RANGE(DURATION, 0, 7 * DAY), F(retry_for_ms), "1h",
     .prose =
         "How long it is tried again where the receiver cannot be reached, or answers 408, 425, 429 or 5xx. Then, and with any "
         "other answer but 2xx, those notifications are dropped, and the log says so."},
    {0},
};
#undef F

#define F(field) offsetof(struct config_store, field)
static const struct option store_options[] = {
    {"url", TYPE(TEXT), F(url), "", "s3://bucket",
     .prose = "Which objects it is for: what begins so. Of several [store] sections the longest that fits counts. s3://BUCKET/…, "
              "azure://ACCOUNT/CONTAINER/… or the begin of such, with a whole name of a bucket or account; s3: and azure: alone "
              "are all of them."},
    {"endpoint", TYPE(TEXT), F(endpoint), "", "https://minio.example.org:9000",
     .prose = "The server, for one that is neither Amazon's nor Microsoft's; it then has buckets in its paths."},
    {"region", TYPE(TEXT), F(region), "us-east-1", .prose = "S3: the region that requests are signed for."},
    {"key_id", TYPE(TEXT), F(key_id), "", "AKIAIOSFODNN7EXAMPLE", .prose = "S3: the id of the access key. Empty: not signed."},
    {"secret_file", TYPE(PATH), F(secret_file), "", "%d/store-secret",
     .prose =
         "A file that holds the secret. S3: that of the access key. Azure: a key of the account in base 64, or a shared access "
         "signature (sv=…&sig=…). %d is systemd's credentials folder. A reload reads it anew."},
    {"ca_file", TYPE(PATH), F(ca_file), "", "/etc/cetl/store-ca.pem",
     .prose = "Certificates of authorities to trust, in PEM, instead of the system's."},
    {0},
};
#undef F

#define F(field) offsetof(struct config_archive, field)
static const struct option archive_options[] = {
    {"url", TYPE(TEXT), F(url), "", "s3://bucket/{dataset}/{date}/{sha256}-{name}",
     .prose =
         "Where to: s3://BUCKET/…, azure://ACCOUNT/CONTAINER/… or file:///FOLDER/…, with {dataset}, {date} (of its load, in UTC), "
         "{sha256}, {name} (100 bytes of it) and {id} (in the ledger). {sha256} or {id} must be in it, so that no original takes "
         "another's place. "
         "What the ledger knows of the load is stored beside it, under that name with .load.json behind."},
    {"failed", CHOICE({"no", false}, {"yes", true}), F(failed), "no", .prose = "Are files that were refused stored, too?"},
    {0},
};
#undef F

#define F(field) offsetof(struct config_source, field)
static const struct option source_options[] = {
    {"url", TYPE(URL), F(url), "", "https://example.org/events.zip",
     .prose =
         "The address of a file, http:// or https://, which is loaded as if it were sent. It is asked whether the file changed "
         "since the last pull (ETag, Last-Modified). Or s3://BUCKET/PREFIX, azure://ACCOUNT/CONTAINER/PREFIX (see [store]) or "
         "file:///FOLDER: every file below it that was not taken before. What stands behind a '?' is never shown."},
    {"url_file", TYPE(PATH), F(url_file), "", "%d/events-url",
     .prose = "A file that holds it instead, where the address is a secret (a presigned URL). A reload reads it anew."},
    {"token_file", TYPE(PATH), F(token_file), "", "%d/events-token",
     .prose = "A file that holds a token, which is sent to the server of `url`, and to no other one that it redirects to: "
              "Authorization: Bearer … A reload reads it anew."},
    {"user", TYPE(TEXT), F(user), "", "cetld",
     .prose = "The name for a server that asks for a name and a password (Authorization: Basic …), which is sent there alone."},
    {"password_file", TYPE(PATH), F(password_file), "", "%d/events-password",
     .prose = "A file that holds the password of `user`. A reload reads it anew."},
    {"plain_http", CHOICE({"no", false}, {"yes", true}), F(plain_http), "no",
     .prose = "May the token or password go to another machine by http://, where everybody on the way can read it?"},
    {"every", RANGE(DURATION, 0, 365 * DAY), F(every_ms), "1h",
     .prose =
         "How often. Where the server cannot be reached, or fails, it is asked again sooner. 0: only when somebody asks for it "
         "(cetl pull, /start-etl-job)."},
    {"dataset", TYPE(TEXT), F(dataset), "NAME", .prose = "The dataset that its files are of, whatever their names."},
    {"size_max", RANGE(SIZE, KIB, 1024 * GIB), F(bytes_max), "2G", .prose = "A larger file is not taken."},
    {"ca_file", TYPE(PATH), F(ca_file), "", "/etc/cetl/ca.pem",
     .prose = "Certificates (PEM) that are trusted instead of the system's."},
    {0},
};
#undef F

#define F(field) offsetof(struct config_backup, field)
static const struct option backup_options[] = {
    {"to", TYPE(TEXT), F(to), "", "s3://bucket/backups",
     .prose =
         "Where to: an absolute path of a folder, which is made where it is missing, or s3://BUCKET/…, azure://ACCOUNT/CONTAINER/… "
         "(see [store]). Each backup gets a "
         "folder of its own there, NAME- and the time (UTC) behind it: nightly-20260131T023000Z. Old ones stay until you remove "
         "them."},
    {"tables", TYPE(LIST), F(table), "*", "orders, reporting.daily",
     .prose = "Datasets, and tables as SQL writes them. *: the tables of all datasets."},
    {"every", RANGE(DURATION, SECOND, 365 * DAY), F(every_ms), "1d",
     .prose = "How often. The first one is made at once. One that was due while the daemon was down is made when it is back; one "
              "that fails is tried again, with pauses of up to 15 minutes."},
    {"at", TYPE(TEXT), F(at_text), "", "02:30",
     .prose = "At which time of the day, in UTC; with `every` of less than a day from there on. `every` then divides a day, or is "
              "some of them. Empty: `every` after the one before."},
    {0},
};
#undef F

static const struct option_section_info sections[OPTION_SECTIONS] = {
    [OPTION_DAEMON] = {"daemon", NULL, daemon_options, "The daemon as a whole."},
    [OPTION_DATABASE] = {"database", NULL, database_options, "Where the rows go."},
    [OPTION_API] = {"api", NULL, api_options, "The HTTP API."},
    [OPTION_DATASET] =
        {"dataset", "orders", dataset_options,
         "A dataset: files of one kind, and their table. As many as you like. (Without any, each file makes its own.)"},
    [OPTION_COLUMN] = {"column", "orders.amount", column_options,
                       "How a column (or an input) of a dataset is read or computed, where its name does not say it all."},
    [OPTION_ROLLUP] = {"rollup", "orders.daily", rollup_options,
                       "An aggregate that is kept beside a dataset, here as the table orders_daily. As many as you like."},
    [OPTION_DERIVE] = {"derive", "output", derive_options, "A table or view that is made of loaded tables by a query."},
    [OPTION_REPORT] = {"report", "hires", report_options,
                       "A query whose rows GET /v1/report/NAME answers with, as a CSV file or JSON. As many as you like."},
    [OPTION_TOKEN] = {"token", "ci", token_options,
                      "A bearer token, and what the API allows who has it: Authorization: Bearer cetl_…"},
    [OPTION_JWT] =
        {"jwt", NULL, jwt_options,
         "JSON Web Tokens of an issuer of yours, as bearer tokens. A key decides about the algorithm; exp must be there."},
    [OPTION_ROLE] = {"role", "analyst", role_options, "What the API allows a JSON Web Token whose role is that."},
    [OPTION_NOTIFY] = {"notify", "team", notify_options,
                       "A receiver that is told when files fail, wait or cannot be read (a webhook). As many as you like."},
    [OPTION_STORE] = {"store", "main", store_options, "How an object store is reached, for every URL of it in this file."},
    [OPTION_ARCHIVE] =
        {"archive", "main", archive_options,
         "Where originals are kept: each file that was loaded goes there, as it was dropped; done/ keeps it until it is "
         "stored. As many as you like."},
    [OPTION_SOURCE] = {"source", "events", source_options,
                       "A file of another server, which is fetched and loaded. As many as you like."},
    [OPTION_BACKUP] = {"backup", "nightly", backup_options,
                       "Tables that are written away as Avro files, now and then, as `cetl backup` does it. As many as you like."},
};

const struct option_section_info *options_section(enum option_section section)
{
    return &sections[section];
}
