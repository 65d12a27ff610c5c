/* SPDX-License-Identifier: MIT */
/*
 * The files of the folder web/, compiled in (tools/web.sh writes the C that has them).
 *
 * Thread: any; all of it is constant.
 */
#ifndef CETLD_API_WEB_H
#define CETLD_API_WEB_H

#include "base/slice.h"

struct web_file {
    const char *name, *media_type;
    struct slice bytes;
};
/** The file of that name, or NULL. */
const struct web_file *web_file(struct slice name);

#endif
