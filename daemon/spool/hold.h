/* SPDX-License-Identifier: MIT */
/*
 * A file of done/ or failed/ that is about to be loaded once more. It is held in work/ first, in the folder of a token, where
 * neither the keeper nor a person's mv takes it away, and what could fail for want of space has failed; then it is claimed, as if
 * it had been dropped now, or goes back to where it lay.
 *
 *     hold_take(place, &wish, err, &hold)  ──▶  hold_claim(place, &hold, err, &file)  |  hold_release(place, &hold)
 *
 *     done/NAME ─▶ work/TOKEN/.done (its .path and .anyway beside it) ─▶ work/NEWER TOKEN/NAME
 *
 * A start that finds one held puts it back (recover.c): nobody was told that it will be loaded.
 *
 * Thread: any. Everything blocks.
 */
#ifndef CETLD_SPOOL_HOLD_H
#define CETLD_SPOOL_HOLD_H

#include "spool/place.h"

struct hold_wish {
    enum place_target from; /* PLACE_DONE or PLACE_FAILED */
    const char *name;       /* there; one component */
    const char *path;       /* below incoming/, where it will count as dropped */
    const char *dataset;    /* where it goes, whatever its name says; NULL: by its path */
    bool anyway;            /* load it although its bytes are loaded already */
    const struct stat *st;  /* it must still be the file of which this was true; or NULL */
};
struct hold {
    enum place_target from;
    char name[NAME_MAX + 1]; /* that it had there */
    struct place_file file;  /* not opened, and not under its name yet */
};

/** 0 (then hold_claim or hold_release, once); PLACE_E_GONE, PLACE_E_NOT_REGULAR or negative, and it is where it was. err has the
 * words. */
must_check int hold_take(struct place *p, const struct hold_wish *w, struct error *err, struct hold *ret_hold);
/** It is claimed, under a token of this moment, and the caller's (place_file_done). Negative: as before. */
must_check int hold_claim(struct place *p, struct hold *h, struct error *err, struct place_file *ret_file);
/** Back where it lay, under the name it had or the next free one. Where that fails it stays held until the next start: negative. */
must_check int hold_release(struct place *p, struct hold *h);
/** Of a hold that an earlier run left in the folder `dir` of work/: back where it lay, as the last component of `path`. 0: there is
 * none, or it is back; or negative. */
must_check int hold_recover(struct place *p, int dir, const char *path);

#endif
