/* SPDX-License-Identifier: MIT */
#include "api/metrics.h"

#include "api/api.h"
#include "format/metrics_text.h"

enum { BODY_MAX = 256 * 1024 };

void metrics_get(struct http_request *r)
{
    const struct api *api = http_request_context(r);
    struct buf body;
    buf_init(&body, BODY_MAX);
    metrics_text(api->counters, &body);
    buf_printf(&body,
               "# HELP cetl_build_info The version that runs.\n# TYPE cetl_build_info gauge\ncetl_build_info{version=\"%s\"} 1\n",
               CETLD_VERSION);
    http_answer(r, 200, METRICS_TEXT_TYPE, buf_slice(&body));
    buf_done(&body);
}
