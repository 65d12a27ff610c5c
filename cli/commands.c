/* SPDX-License-Identifier: MIT */
#include "cli.h"

#include <stddef.h>

static const struct cli_command commands[] = {
    {.name = "status",
     .arguments = "",
     .prose = "whether the daemon works, and what it has to do",
     .run = status_run,
     .details = "The counts of files and rows are those since the daemon started. The exit status is 1 while the database does not "
                "answer."},
    {.name = "version", .arguments = "", .prose = "the version of this program", .run = version_run},
    {.name = NULL},
};

const struct cli_command *cli_commands(void)
{
    return commands;
}
