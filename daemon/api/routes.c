/* SPDX-License-Identifier: MIT */
#include "api/access.h"
#include "api/actions.h"
#include "api/api.h"
#include "api/cors.h"
#include "api/datasets.h"
#include "api/docs.h"
#include "api/events.h"
#include "api/files.h"
#include "api/ingest.h"
#include "api/jobs.h"
#include "api/latest.h"
#include "api/manage.h"
#include "api/metrics.h"
#include "api/openapi.h"
#include "api/originals.h"
#include "api/report.h"
#include "api/rows.h"
#include "api/status.h"
#include "api/tables.h"

static const struct http_route routes[] = {
    {HTTP_GET_, "/", datasets_list},
    {HTTP_GET_, "/status", status_get},
    {HTTP_GET_, "/healthz", status_healthz},
    {HTTP_GET_, "/readyz", status_readyz},
    {HTTP_GET_, "/metrics", metrics_get},
    {HTTP_GET_, "/config", manage_config},
    {HTTP_POST_, "/reload", manage_reload},
    {HTTP_GET_, "/events", events_get},
    {HTTP_GET_, "/openapi.json", openapi_get},
    {HTTP_GET_, "/docs", docs_get},
    {HTTP_GET_, "/docs/{file}", docs_file},
    {HTTP_GET_, "/read/first-chunk", tables_first_chunk},
    {HTTP_GET_, "/latest-event-data", latest_get},
    {HTTP_GET_, "/v1", datasets_list},
    {HTTP_GET_, "/v1/files", files_list},
    {HTTP_GET_, "/v1/files/{id}", files_one},
    {HTTP_GET_, "/v1/files/{id}/rejects", files_rejects},
    {HTTP_GET_, "/v1/files/{id}/original", originals_get},
    {HTTP_POST_, "/v1/files/{id}/unload", actions_unload},
    {HTTP_POST_, "/v1/files/{id}/replay", actions_replay},
    {HTTP_GET_, "/start-etl-job", jobs_start},
    {HTTP_POST_, "/start-etl-job", jobs_start},
    {HTTP_GET_, "/etl-jobs", jobs_list},
    {HTTP_GET_, "/etl-jobs/{id}", jobs_one},
    {HTTP_GET_, "/v1/report", report_list},
    {HTTP_GET_, "/v1/report/{name}", report_get},
    {HTTP_GET_, "/v1/{table}", tables_rows},
    {HTTP_POST_, "/v1/{table}", rows_post},
    {HTTP_PATCH_, "/v1/{table}", rows_patch},
    {HTTP_PUT_, "/v1/{table}", rows_put},
    {HTTP_DELETE_, "/v1/{table}", rows_delete},
    {HTTP_POST_, "/v1/{table}/bulk", rows_bulk},
    {HTTP_GET_, "/v1/{table}/{key}", row_get},
    {HTTP_PATCH_, "/v1/{table}/{key}", row_patch},
    {HTTP_PUT_, "/v1/{table}/{key}", row_put},
    {HTTP_DELETE_, "/v1/{table}/{key}", row_delete},
    {0},
};

/* Their handlers take the body as it comes. */
static const struct http_route streamed[] = {
    {HTTP_POST_, "/ingest", ingest_post},
    {HTTP_PUT_, "/ingest/{name}", ingest_put},
    {0},
};

const char *api_reason(const struct api *api)
{
    if (api->embedded_why[0]) return api->embedded_why;
    const char *pool = db_pool_reason(api->load_pool);
    return pool[0] || !api->setup ? pool : setup_reason(api->setup);
}

void api_router(struct api *api)
{
    api->router =
        (struct http_router){.routes = routes, .streamed = streamed, .arrive = cors_arrive, .guard = access_guard, .ctx = api};
}
