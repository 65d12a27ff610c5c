/* SPDX-License-Identifier: MIT */
/*
 * A backup's place in an object store: its files as objects below a URL (s3://BUCKET/…, azure://ACCOUNT/CONTAINER/…,
 * file:///FOLDER/…), which the configuration's [store] sections say how to reach. One file after the other, over a loop of its own.
 *
 * What fails is told on stderr, in the store's words; the caller gets an exit status.
 */
#ifndef CETL_DEPOT_H
#define CETL_DEPOT_H

#include "cli.h"
#include "manifest.h"

struct depot;

bool depot_is_url(const char *text);
/** A temporary folder for a backup on its way, in $TMPDIR or /var/tmp: its path, malloc'd, and a descriptor. NULL: told. */
char *depot_folder(int *ret_dir);
/** CLI_OK, or CLI_FAILED. */
int depot_open(const struct cli *cli, const char *url, struct depot **ret_depot);
/** NULL is fine. */
void depot_close(struct depot *d);
/** Is a file of that name there? CLI_OK and the answer. */
int depot_has(struct depot *d, const char *name, bool *ret_there);
/** Store a file of folder `dir`: it is there, of the same bytes and SHA-256, when this returns CLI_OK. */
int depot_put(struct depot *d, int dir, const char *name);
/** Bring one to folder `dir`; more than max bytes are refused. */
int depot_get(struct depot *d, int dir, const char *name, int64_t max);

#endif
