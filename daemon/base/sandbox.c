/* SPDX-License-Identifier: MIT */
#include "base/sandbox.h"

#include <stdlib.h>
#include <string.h>

void sandbox_advise(int code, const char *folder, struct error *err)
{
    if (code != -EROFS || !getenv("INVOCATION_ID")) return;
    struct error why = *err;
    error_set(err, code,
              "%.600s; the service writes only where its unit lets it: systemctl edit cetld, with [Service] and "
              "ReadWritePaths=\"%.300s\", "
              "then systemctl restart cetld",
              why.text, folder);
}
