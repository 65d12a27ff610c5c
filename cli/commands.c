/* SPDX-License-Identifier: MIT */
#include "cli.h"

#include <stddef.h>

static const struct cli_command commands[] = {
    {"version", "", "the version of this program", version_run},
    {NULL, NULL, NULL, NULL},
};

const struct cli_command *cli_commands(void)
{
    return commands;
}
