/* SPDX-License-Identifier: MIT */
#include "cli.h"

int version_run(struct cli *cli, int argc, char **argv)
{
    (void)argc, (void)argv;
    printf(cli->json ? "{\"version\": \"%s\"}\n" : "cetl %s\n", CETLD_VERSION);
    return CLI_OK;
}
