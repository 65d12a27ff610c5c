/* SPDX-License-Identifier: MIT */
#include "api/openapi_routes.h"

#include <stdio.h>

#define GET HTTP_GET_
#define POST HTTP_POST_
#define PUT HTTP_PUT_
#define PATCH HTTP_PATCH_
#define DELETE HTTP_DELETE_

#define READ_PARAMETERS "select order limit offset after and or Range Prefer.count Accept-Encoding If-None-Match"
#define WRITE_PARAMETERS "Prefer.write select columns"

/* clang-format off */
static const struct openapi_operation operations[] = {
    {GET, OPENAPI_ONCE, true, "/status", "status", "operation", "Whether the daemon works, and what it has to do",
     "For everybody.", "", NULL, "200=status"},
    {GET, OPENAPI_ONCE, true, "/healthz", "healthz", "operation", "Whether the process answers", "For everybody.", "", NULL, "200=text"},
    {GET, OPENAPI_ONCE, false, "/readyz", "readyz", "operation", "Whether the database answers, and a dataset was loaded once", NULL,
     "readyz.dataset", NULL, "200=text 503"},
    {GET, OPENAPI_ONCE, false, "/metrics", "metrics", "operation", "Metrics in Prometheus' text format", "Those of datasets are of the datasets that the one who asks may read.", "", NULL, "200=metrics"},
    {GET, OPENAPI_ONCE, false, "/config", "config", "operation", "Every value in force, and where it was said",
     "It takes `manage`. A value without a file is a default. What is `fixed` a reload does not change: where the files say another value by now, `after_restart` is that.", "", NULL, "200=config 400"},
    {POST, OPENAPI_ONCE, false, "/reload", "reload", "operation", "Read the configuration anew",
     "It takes `manage`. The answer comes once the new one is in force. With mistakes the old one stays, and `mistakes` of the problem "
     "has them all, each with its file and line.", "", NULL, "200=reloaded 400 422 503"},
    {GET, OPENAPI_ONCE, false, "/events", "events", "operation", "What happens, while it happens, as server-sent events",
     "Events are of the kinds `file` (a file got into a state; the names of /v1/files), `progress` (of a load, once a second, without "
     "an id), `dataset` (it has this version now), `derive` (it was made anew, or could not be) and `reset` (what happened meanwhile "
     "is not known any more: read /v1/files and /v1 again). A client that comes back with the last id gets what it has missed.",
     "events.dataset Last-Event-ID", NULL, "200=events 400 406 503"},
    {GET, OPENAPI_ONCE, false, "/openapi.json", "openapi", "operation", "This description",
     "What the one who asks may not read is left out.", "If-None-Match", NULL, "200=document 304"},
    {GET, OPENAPI_ONCE, true, "/docs", "docs", "operation", "A page that shows this description", NULL, "", NULL, "200=html"},
    {GET, OPENAPI_ONCE, true, "/docs/{file}", "docs_file", "operation", "What that page is made of", NULL, "docs.file", NULL, "200=asset 404"},

    {GET, OPENAPI_ONCE, false, "/", "root", "datasets", "The same as /v1", NULL, "", NULL, "200=datasets 503"},
    {GET, OPENAPI_ONCE, false, "/v1", "datasets", "datasets", "Datasets and derives: columns, rows, version, last load", NULL, "", NULL,
     "200=datasets 503"},
    {GET, OPENAPI_ONCE, false, "/read/first-chunk", "first_chunk", "datasets", "The first rows of a dataset, in the order of its key",
     "Content-Location names the table.", "first.dataset first.limit", NULL, "200=objects 400 404 503"},
    {GET, OPENAPI_ONCE, false, "/latest-event-data", "latest", "datasets", "A whole table, or the rows of its newest load", NULL,
     "latest.dataset latest.load", NULL, "200=objects 400 404 409 503"},

    {GET, OPENAPI_READABLE, false, "/v1/{table}", "read", "rows", "Rows",
     "PostgREST's query dialect. A parameter with a column's name is a condition: `eq.7`, `gte.10`, `in.(a,b)`, `is.null`, "
     "`not.ilike.*x*` …; several must all hold. `Link: rel=\"next\"` leads to the next page.",
     READ_PARAMETERS, NULL, "200=rows 206=rows 304 400 404 406 416 503"},
    {POST, OPENAPI_WRITABLE, false, "/v1/{table}", "insert", "rows", "New rows",
     "Without `Prefer: return=` one object in and, as `api_select` shapes it, one object out; a dataset with mode = upsert updates "
     "the row with the same key, and revives it where it was deleted softly. With it PostgREST's ways hold.",
     WRITE_PARAMETERS " on_conflict", "new", "201=row 200=row 400 404 409 415 422 503"},
    {PATCH, OPENAPI_WRITABLE, false, "/v1/{table}", "update", "rows", "Change the rows for which the conditions hold", NULL,
     WRITE_PARAMETERS " order limit offset and or", "change", "200=rows 204 400 404 409 415 503"},
    {PUT, OPENAPI_CHANGED, false, "/v1/{table}", "upsert", "rows", "Put one row in its place", "The conditions name the key, and so does the body.",
     WRITE_PARAMETERS, "one", "200=rows 201=rows 204 400 404 409 415 503"},
    {DELETE, OPENAPI_WRITABLE, false, "/v1/{table}", "delete", "rows", "Delete the rows for which the conditions hold", NULL,
     "Prefer.write select order limit offset and or X-Soft-Delete", NULL, "200=rows 204 400 404 409 503"},
    {POST, OPENAPI_WRITABLE, false, "/v1/{table}/bulk", "bulk", "rows", "Many rows by one transaction: all of them, or none",
     "A refused row is named by its index and column.", "", "bulk", "201=bulk 400 404 409 413 415 422 503"},
    {GET, OPENAPI_KEYED, false, "/v1/{table}/{key}", "read_row", "rows", "One row", NULL, "key select Accept-Encoding If-None-Match", NULL,
     "200=row 304 400 404 410 503"},
    {PATCH, OPENAPI_CHANGED, false, "/v1/{table}/{key}", "update_row", "rows", "Change one row", NULL, "key select", "one",
     "200=row 204 400 404 409 410 415 503"},
    {PUT, OPENAPI_CHANGED, false, "/v1/{table}/{key}", "upsert_row", "rows", "Put one row in its place",
     "What the body leaves out gets its default.", "key select", "one", "200=row 201=row 204 400 404 409 410 415 503"},
    {DELETE, OPENAPI_CHANGED, false, "/v1/{table}/{key}", "delete_row", "rows", "Delete one row",
     "Softly where the dataset has soft_delete, unless `X-Soft-Delete: false`.", "key X-Soft-Delete", NULL, "204 400 404 409 410 503"},

    {GET, OPENAPI_ONCE, false, "/v1/report", "reports", "reports", "The reports and their parameters", NULL, "", NULL, "200=reports"},
    {GET, OPENAPI_REPORTS, false, "/v1/report/{name}", "report", "reports", "The rows of a report", "A CSV file, or JSON or NDJSON by Accept.",
     "report.name", NULL, "200=report 400 404 406 503"},

    {GET, OPENAPI_ONCE, false, "/v1/files", "files", "files", "Every file, newest first",
     "First those that are not over yet, then the ledger's.", "files.limit files.offset files.before files.state files.dataset", NULL,
     "200=files 400 503"},
    {GET, OPENAPI_ONCE, false, "/v1/files/{id}", "file", "files", "One file, by its id in the ledger, or by the token that a receipt names", NULL, "file.any", NULL, "200=file 400 404 503"},
    {GET, OPENAPI_ONCE, false, "/v1/files/{id}/rejects", "rejects", "files", "The rows of a file that were rejected",
     "As CSV: the header and the rows as they stood in the file, so that they can be mended and sent again.",
     "file.id rejects.limit rejects.offset rejects.format", NULL, "200=rejects 400 404 503"},
    {GET, OPENAPI_ONCE, false, "/v1/files/{id}/original", "original", "files", "A file as it was dropped",
     "It takes `manage`. Where an object store has it, by a redirect to a link that is good for five minutes; what lies on the daemon's "
     "machine is answered as it is. 410 when it is not kept any more.",
     "file.any original.link", NULL, "200=original 307=link 400 404 410 503"},
    {POST, OPENAPI_ONCE, false, "/v1/files/{id}/unload", "unload", "files", "Take a file's rows out of its table again", NULL,
     "file.id force", NULL, "200=unloaded 400 404 409 503"},
    {POST, OPENAPI_ONCE, false, "/v1/files/{id}/replay", "replay", "files", "Load a file once more", NULL, "file.id force again", NULL,
     "202=replayed 400 404 409 503"},

    {POST, OPENAPI_ONCE, false, "/ingest", "ingest", "upload", "Send files",
     "The answer comes once they are on disk; each of them will be loaded, once. With `wait` it comes once they are loaded.",
     "ingest.name ingest.dataset wait ingest.again", "form", "200=receipt 202=receipt 400 404 413 415 422=receipt 503 507"},
    {PUT, OPENAPI_ONCE, false, "/ingest/{name}", "ingest_file", "upload", "Send one file", "The same with the file as the body.",
     "ingest.file ingest.dataset wait ingest.again", "bytes", "200=receipt 202=receipt 400 404 413 415 422=receipt 503 507"},
    {GET, OPENAPI_ONCE, false, "/start-etl-job", "start_job", "upload", "Look for new files now", "Cross-site requests are refused.", "source", NULL,
     "202=job 400 404 503"},
    {POST, OPENAPI_ONCE, false, "/start-etl-job", "start_job_post", "upload", "Look for new files now", NULL, "source", NULL,
     "202=job 400 404 503"},
    {GET, OPENAPI_ONCE, false, "/etl-jobs", "jobs", "upload", "The jobs that are remembered", NULL, "", NULL, "200=jobs"},
    {GET, OPENAPI_ONCE, false, "/etl-jobs/{id}", "job", "upload", "What has become of such a job", NULL, "job.id", NULL, "200=job 404"},
};

#define INTEGER(from) "{\"type\":\"integer\",\"minimum\":" #from "}"
#define TEXT "{\"type\":\"string\"}"

static const struct openapi_parameter parameters[] = {
    {"table", "path", "table", true, TEXT, "A dataset, rollup or derive."},
    {"key", "path", "key", true, TEXT, "The primary key's value; of several columns the values with commas between them."},
    {"select", "query", "select", false, TEXT, "The columns: `id,total:amount::text,data->a->>b,customer:customers(*)`. Without it all."},
    {"order", "query", "order", false, TEXT, "`amount.desc.nullslast,id`. Without it, by the key."},
    {"limit", "query", "limit", false, INTEGER(0), "The most rows."},
    {"offset", "query", "offset", false, INTEGER(0), "Rows that are left out before the first."},
    {"after", "query", "after", false, TEXT, "The values of the order's columns in the last row that was seen: the page goes on behind it."},
    {"and", "query", "and", false, TEXT, "`(a.eq.1,b.gt.2)`: all of these."},
    {"or", "query", "or", false, TEXT, "`(a.eq.1,not.b.is.null)`: at least one of these."},
    {"columns", "query", "columns", false, TEXT, "The members of the body that are written; the others are passed over."},
    {"on_conflict", "query", "on_conflict", false, TEXT, "The columns of the unique constraint for `resolution=`. Without it, the key."},
    {"Range", "header", "Range", false, TEXT, "Rows from-to, both counted from 0: `0-9`."},
    {"Prefer.count", "header", "Prefer", false, TEXT, "`count=exact`, `count=planned` or `count=estimated`: Content-Range tells how many there are."},
    {"Prefer.write", "header", "Prefer", false, TEXT,
     "`return=minimal`, `return=headers-only` or `return=representation`; `resolution=merge-duplicates` or "
     "`resolution=ignore-duplicates`; `missing=default`; `count=exact`."},
    {"X-Soft-Delete", "header", "X-Soft-Delete", false, "{\"type\":\"boolean\"}", "`false` deletes the row for good."},
    {"Accept-Encoding", "header", "Accept-Encoding", false, TEXT, "`gzip`: the answer is compressed where that is worth it."},
    {"If-None-Match", "header", "If-None-Match", false, TEXT, "An ETag that was seen: 304 when it is still so."},
    {"Last-Event-ID", "header", "Last-Event-ID", false, TEXT, "The id of the last event that was seen."},
    {"readyz.dataset", "query", "dataset", false, TEXT, "200 only once something was loaded into it."},
    {"events.dataset", "query", "dataset", false, "{\"type\":\"array\",\"items\":{\"type\":\"string\"}}", "Only events of these; may be given several times."},
    {"docs.file", "path", "file", true, TEXT, "Its name."},
    {"first.dataset", "query", "dataset", false, TEXT, "Without it that of [api] first_chunk, else the first that is declared."},
    {"first.limit", "query", "limit", false, "{\"type\":\"integer\",\"minimum\":0,\"default\":10}", "The most rows."},
    {"latest.dataset", "query", "dataset", false, TEXT, "Without it that of [api] first_chunk, else the first that is declared."},
    {"latest.load", "query", "load", false, "{\"type\":\"string\",\"enum\":[\"latest\"]}", "Only the rows of the newest load; takes lineage."},
    {"report.name", "path", "name", true, TEXT, "A report."},
    {"files.limit", "query", "limit", false, "{\"type\":\"integer\",\"minimum\":0,\"maximum\":1000,\"default\":100}", "The most files."},
    {"files.offset", "query", "offset", false, INTEGER(0), "Files of the ledger that are left out."},
    {"files.before", "query", "before", false, INTEGER(1), "Only files of the ledger with lower ids."},
    {"files.state", "query", "state", false, "{\"$ref\":\"#/components/schemas/cetl-file-state\"}", "Only files in that state."},
    {"files.dataset", "query", "dataset", false, TEXT, "Only files of that dataset."},
    {"file.id", "path", "id", true, INTEGER(1), "The file's id in the ledger."},
    {"file.any", "path", "id", true, "{\"type\":\"string\",\"pattern\":\"^([0-9]+|[0-9a-f]{16}-[0-9a-f]{8})$\"}", "The file's id in the ledger, or its token."},
    {"rejects.limit", "query", "limit", false, "{\"type\":\"integer\",\"minimum\":0,\"maximum\":1000,\"default\":1000}", "The most rejects."},
    {"rejects.offset", "query", "offset", false, INTEGER(0), "Rejects that are left out."},
    {"rejects.format", "query", "format", false, "{\"type\":\"string\",\"enum\":[\"csv\",\"json\"]}", "As Accept says it, too."},
    {"original.link", "query", "link", false, "{\"type\":\"string\",\"enum\":[\"yes\",\"no\"]}",
     "`yes`: 200 and the link as JSON instead of a redirect; 404 where there is none."},
    {"force", "query", "force", false, "{\"type\":\"string\",\"enum\":[\"yes\",\"no\"]}", "Do it although something would be lost."},
    {"again", "query", "again", false, "{\"type\":\"string\",\"enum\":[\"yes\",\"no\"]}", "Load it on top of what is loaded."},
    {"ingest.name", "query", "name", false, TEXT, "The file's name, where the body is the file."},
    {"ingest.file", "path", "name", true, TEXT, "The file's name."},
    {"ingest.dataset", "query", "dataset", false, TEXT, "Where it goes, whatever its name says."},
    {"ingest.again", "query", "again", false, "{\"type\":\"string\",\"enum\":[\"yes\",\"no\"]}", "Load it although these bytes are loaded already."},
    {"wait", "query", "wait", false, TEXT, "How long the answer may wait for the loads: `30s`."},
    {"source", "query", "source", false, TEXT, "Pull this source only."},
    {"job.id", "path", "id", true, TEXT, "The job's id."},
};

#define OBJECT "{\"type\":\"object\"}"
#define OBJECTS "{\"type\":\"array\",\"items\":{\"type\":\"object\"}}"
#define REF(name) "{\"$ref\":\"#/components/schemas/cetl-" name "\"}"
#define REFS(name) "{\"type\":\"array\",\"items\":" REF(name) "}"

static const struct openapi_content contents[] = {
    {"status", "It works.", "application/json", REF("status")},
    {"text", "Yes.", "text/plain", TEXT},
    {"metrics", "Prometheus' text format.", "text/plain", TEXT},
    {"events", "A stream without an end.", "text/event-stream", TEXT},
    {"document", "OpenAPI 3.1.", "application/json", OBJECT},
    {"html", "A page.", "text/html", TEXT},
    {"asset", "A script or a style sheet.", "text/javascript text/css", TEXT},
    {"datasets", "All that the client may read.", "application/json", REFS("dataset")},
    {"objects", "Rows.", "application/json application/x-ndjson text/csv", OBJECTS},
    {"rows", "Rows.", "application/json application/x-ndjson text/csv application/vnd.pgrst.object+json", "ROWS"},
    {"row", "The row.", "application/json", "ROW"},
    {"new", "A row, or several.", "application/json application/x-ndjson text/csv", "NEWS"},
    {"one", "A row.", "application/json", "NEW"},
    {"change", "The members that change.", "application/json", "NEW"},
    {"bulk", "Rows.", "application/json application/x-ndjson text/csv", "NEWS"},
    {"reports", "All that the client may ask for.", "application/json", REFS("report")},
    {"report", "Its rows.", "text/csv application/json application/x-ndjson", OBJECTS},
    {"files", "Files.", "application/json", REFS("file")},
    {"file", "The file.", "application/json", REF("file")},
    {"rejects", "The rejects.", "application/json text/csv", REFS("reject")},
    {"original", "Its bytes; or, with `link=yes`, the link.", "application/octet-stream application/json", REF("link")},
    {"link", "Where it is.", "application/json", REF("link")},
    {"config", "Options.", "application/json", REFS("option")},
    {"reloaded", "The new one is in force.", "application/json", OBJECT},
    {"unloaded", "Its rows are out of the table.", "application/json", OBJECT},
    {"replayed", "It is queued.", "application/json", OBJECT},
    {"form", "One or more files; or one as it is, with `name`.", "multipart/form-data application/octet-stream",
     "{\"type\":\"string\",\"format\":\"binary\"}"},
    {"bytes", "The file.", "application/octet-stream text/csv application/gzip application/zip", "{\"type\":\"string\",\"format\":\"binary\"}"},
    {"receipt", "What became of the files.", "application/json", OBJECT},
    {"jobs", "Jobs.", "application/json", OBJECTS},
    {"job", "The job.", "application/json", OBJECT},
};

#define NULLABLE(t) "{\"type\":[\"" t "\",\"null\"]}"
#define INT64 "{\"type\":\"integer\",\"format\":\"int64\"}"
#define INT64_NULL "{\"type\":[\"integer\",\"null\"],\"format\":\"int64\"}"
#define TIME_NULL "{\"type\":[\"string\",\"null\"],\"format\":\"date-time\"}"

static const char schemas[] =
    "\"cetl-problem\":{\"type\":\"object\",\"description\":\"What is wrong: RFC 9457's members, and PostgREST's.\",\"required\":[\"type\",\"title\","
    "\"status\",\"code\",\"message\"],\"properties\":{\"type\":{\"type\":\"string\",\"format\":\"uri-reference\"},\"title\":" TEXT
    ",\"status\":{\"type\":\"integer\",\"minimum\":400,\"maximum\":599},\"detail\":" NULLABLE("string") ",\"instance\":{\"type\":\"string\","
    "\"format\":\"uri-reference\"},\"code\":{\"type\":\"string\",\"description\":\"SQLSTATE, PostgREST's code, or the status.\"},\"message\":" TEXT
    ",\"details\":" NULLABLE("string") ",\"hint\":{\"type\":[\"string\",\"null\"],\"description\":\"What to do next.\"}}},"
    "\"cetl-status\":{\"type\":\"object\",\"required\":[\"success\",\"message\",\"version\"],\"properties\":{\"success\":{\"type\":\"boolean\"},\"message\":"
    TEXT ",\"version\":" TEXT ",\"uptime_seconds\":" INT64 ",\"database\":" OBJECT ",\"configuration_error\":" NULLABLE("string") ",\"files\":" OBJECT ",\"rows\":" OBJECT ",\"rates\":" OBJECT "}},"
    "\"cetl-dataset\":{\"type\":\"object\",\"required\":[\"name\",\"table\",\"columns\"],\"properties\":{\"name\":" TEXT ",\"table\":" TEXT ",\"schema\":" TEXT
    ",\"columns\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"name\",\"type\",\"nullable\"],\"properties\":{\"name\":" TEXT
    ",\"type\":" TEXT ",\"nullable\":{\"type\":\"boolean\"},\"format\":" TEXT "}}},\"key\":{\"type\":\"array\",\"items\":" TEXT "},\"version\":" INT64_NULL
    ",\"rows\":" INT64_NULL ",\"error\":" NULLABLE("string") "}},"
    "\"cetl-report\":{\"type\":\"object\",\"required\":[\"name\",\"report\",\"parameters\"],\"properties\":{\"name\":" TEXT ",\"report\":{\"type\":\"string\","
    "\"format\":\"uri-reference\"},\"parameters\":" OBJECTS ",\"filename\":" NULLABLE("string") "}},"
    "\"cetl-file-state\":{\"type\":\"string\",\"enum\":[\"queued\",\"waiting\",\"loading\",\"committing\",\"loaded\",\"duplicate\",\"failed\",\"unreadable\","
    "\"unloaded\"]},"
    "\"cetl-file\":{\"type\":\"object\",\"required\":[\"name\",\"state\"],\"properties\":{\"id\":" INT64_NULL ",\"dataset\":" NULLABLE("string") ",\"name\":" TEXT
    ",\"bytes\":" INT64 ",\"bytes_read\":" INT64 ",\"sha256\":" NULLABLE("string") ",\"state\":" REF("file-state") ",\"rows_read\":" INT64 ",\"rows_loaded\":" INT64
    ",\"rows_updated\":" INT64 ",\"rows_ignored\":" INT64 ",\"rows_rejected\":" INT64 ",\"rows_filtered\":" INT64 ",\"error\":" NULLABLE("string")
    ",\"duplicate_of\":" INT64_NULL ",\"arrived_at\":" TIME_NULL ",\"started_at\":" TIME_NULL ",\"finished_at\":" TIME_NULL "}},"
    "\"cetl-reject\":{\"type\":\"object\",\"properties\":{\"line\":" INT64_NULL ",\"byte_offset\":" INT64_NULL ",\"column\":" NULLABLE("string") ",\"code\":" TEXT
    ",\"message\":" TEXT ",\"value\":" NULLABLE("string") ",\"raw\":" NULLABLE("string") "}},"
    "\"cetl-link\":{\"type\":\"object\",\"description\":\"Whoever has it gets the file.\",\"required\":[\"url\",\"until\",\"ca_file\"],"
    "\"properties\":{\"url\":{\"type\":\"string\",\"format\":\"uri\"},\"until\":{\"type\":\"string\",\"format\":\"date-time\"},\"ca_file\":" NULLABLE("string")
    "}},"
    "\"cetl-option\":{\"type\":\"object\",\"required\":[\"section\",\"option\",\"value\",\"fixed\"],\"properties\":{\"section\":" TEXT
    ",\"name\":" NULLABLE("string") ",\"option\":" TEXT ",\"value\":" TEXT ",\"file\":" NULLABLE("string") ",\"line\":" NULLABLE("integer")
    ",\"fixed\":{\"type\":\"boolean\"},\"after_restart\":" NULLABLE("string") "}},"
    "\"cetl-row\":{\"type\":\"object\",\"description\":\"A row of any table.\"}";

static const char tags[] =
    "[{\"name\":\"rows\",\"description\":\"Rows of datasets, rollups and derives.\"},{\"name\":\"datasets\",\"description\":\"Which there are, and the whole "
    "of one.\"},{\"name\":\"reports\",\"description\":\"Queries of the configuration.\"},{\"name\":\"upload\",\"description\":\"Files that are "
    "sent.\"},{\"name\":\"files\",\"description\":\"The ledger of all files.\"},{\"name\":\"operation\",\"description\":\"The daemon itself.\"}]";
/* clang-format on */

const struct openapi_operation *openapi_operation_at(size_t i)
{
    return i < sizeof operations / sizeof *operations ? &operations[i] : NULL;
}

const struct openapi_operation *openapi_operation(enum http_method method, const char *pattern)
{
    const struct openapi_operation *o;
    for (size_t i = 0; (o = openapi_operation_at(i)); i++)
        if (o->method == method && strcmp(o->pattern, pattern) == 0) return o;
    return NULL;
}

const struct openapi_parameter *openapi_parameter_at(size_t i)
{
    return i < sizeof parameters / sizeof *parameters ? &parameters[i] : NULL;
}

const struct openapi_content *openapi_content(struct slice name)
{
    for (size_t i = 0; i < sizeof contents / sizeof *contents; i++)
        if (slice_equal(name, slice_of(contents[i].name))) return &contents[i];
    return NULL;
}

const char *openapi_schemas(void)
{
    return schemas;
}

const char *openapi_tags(void)
{
    return tags;
}
