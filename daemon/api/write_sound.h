/* SPDX-License-Identifier: MIT */
/*
 * What a row is looked at for while it is written: the checks of the configuration, references to rows that are deleted softly, and
 * which groups of rollups it is in. Functions of the session do it: one raises an error that names the column, others note groups
 * in the temporary tables of etl/touched.h.
 *
 * Thread: any.
 */
#ifndef CETLD_API_WRITE_SOUND_H
#define CETLD_API_WRITE_SOUND_H

#include "api/write_sql.h"

/** ", … AS WRITE_SOUND" without the comma, of RETURNING, over t0. */
void write_put_sound(struct buf *out, const struct write_shape *s);
/** A condition that is true, and notes the groups of t0 as it is before. */
void write_put_note_old(struct buf *out, const struct dataset *d);
/** May a row be refused by it? Then there must be the function. */
bool write_refuses(const struct dataset *d);
/** DO …; makes the functions, once a session. */
void write_put_functions(struct buf *out, const struct dataset *d);

#endif
