/* SPDX-License-Identifier: MIT */
/*
 * Taking up what a claim that was cut short, by a crash or an error, left in work/.
 *
 * Thread: any, but one a token. Blocks.
 */
#ifndef CETLD_SPOOL_RECOVER_H
#define CETLD_SPOOL_RECOVER_H

#include "spool/place.h"

/**
 * The file work/TOKEN=NAME, or with `name` NULL the one in the folder work/TOKEN, as after place_claim; half copies are thrown
 * away, whole ones finished. 0 (place_file_done frees it); PLACE_E_GONE: there was nothing, or it went back to incoming/; -ENOENT:
 * no such folder; or negative, and it stays as it is.
 */
must_check int recover_token(struct place *p, const char *token, const char *name, struct place_file *ret_file);

#endif
