/* SPDX-License-Identifier: MIT */
/*
 * GET /v1/report/{name}: the rows of a query of the configuration, as a CSV file or JSON.
 *
 *   parameters: each is taken through the server to its type, or made of its default ─▶ the query's columns ─▶ select.h
 *
 * A value that is not of its parameter's type is the client's fault and named (400); what else the server refuses before the first
 * row is the configuration's, which is logged (500). A request works on the configuration that was there when it came.
 *
 * Thread: loop.
 */
#ifndef CETLD_API_REPORT_H
#define CETLD_API_REPORT_H

#include "http/response.h"

void report_get(struct http_request *r);
/** GET /v1/report: all of them. */
void report_list(struct http_request *r);

struct config_report;
struct json_writer;
/** One as an object: name, url, parameters. */
void report_write(struct json_writer *w, const struct config_report *report);

#endif
