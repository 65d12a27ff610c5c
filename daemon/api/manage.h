/* SPDX-License-Identifier: MIT */
/*
 * The configuration, for who may manage:
 *
 *   GET  /config   every value in force, and the file and line that say it
 *   POST /reload   read it anew: 200 once it is in force, or 422 with every mistake, each with its file and line, and the old one
 *                  stays
 *
 * Thread: loop.
 */
#ifndef CETLD_API_MANAGE_H
#define CETLD_API_MANAGE_H

#include "http/response.h"

void manage_config(struct http_request *r);
void manage_reload(struct http_request *r);

#endif
