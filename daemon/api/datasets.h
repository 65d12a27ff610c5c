/* SPDX-License-Identifier: MIT */
/*
 * GET /v1: the datasets: table, columns, key, rollups, rows, version, last load.
 *
 * Thread: loop.
 */
#ifndef CETLD_API_DATASETS_H
#define CETLD_API_DATASETS_H

#include "http/response.h"

void datasets_list(struct http_request *r);

#endif
