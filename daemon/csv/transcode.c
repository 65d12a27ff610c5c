/* SPDX-License-Identifier: MIT */
#include "csv/transcode.h"

#include <assert.h>
#include <iconv.h>

int transcode_init(struct transcode *t, const char *encoding)
{
    iconv_t cd = iconv_open("UTF-8", encoding);
    if (cd == (iconv_t)-1) return -errno;
    *t = (struct transcode){.cd = cd};
    return 0;
}

void transcode_done(struct transcode *t)
{
    if (t->cd) iconv_close((iconv_t)t->cd);
    t->cd = NULL;
}

/* What iconv made of some bytes. */
struct run {
    size_t taken, made;
    int error; /* 0, EILSEQ, EINVAL (a half character is left), E2BIG */
};

static struct run convert(struct transcode *t, struct slice in, char *to, size_t room)
{
    char *from = (char *)in.p;
    size_t left = in.len, free_room = room;
    size_t r = iconv((iconv_t)t->cd, &from, &left, &to, &free_room);
    struct run run = {.taken = in.len - left, .made = room - free_room, .error = r == (size_t)-1 ? errno : 0};
    t->offset += run.taken;
    return run;
}

/* The character of which half is here already. */
static struct run complete(struct transcode *t, struct slice *in, char *to, size_t room)
{
    size_t had = t->half_len, more = sizeof t->half - had < in->len ? sizeof t->half - had : in->len;
    memcpy(t->half + had, in->p, more);
    struct run run = convert(t, (struct slice){t->half, had + more}, to, room);
    if (run.taken >= had) { /* what was taken beyond the half is of `in` */
        *in = (struct slice){in->p + (run.taken - had), in->len - (run.taken - had)};
        t->half_len = 0;
        if (run.error == EINVAL) run.error = 0;          /* the next half is still in `in` */
    } else if (run.error == EINVAL && more == in->len) { /* still not whole */
        memmove(t->half, t->half + run.taken, had + more - run.taken);
        t->half_len = had + more - run.taken;
        *in = (struct slice){in->p + more, 0};
        run.error = 0;
    } else if (run.taken > 0) { /* a shift was taken, and its character does not fit: the rest of the half stays */
        memmove(t->half, t->half + run.taken, had - run.taken);
        t->half_len = had - run.taken;
    }
    return run;
}

int transcode_step(struct transcode *t, struct slice *in, char *to, size_t room, size_t *ret_len)
{
    assert(room >= TRANSCODE_ROOM);
    struct run run = {0};
    size_t made = 0;
    if (t->half_len > 0 && in->len > 0) {
        run = complete(t, in, to, room);
        made = run.made;
    }
    if (run.error == 0 && t->half_len == 0 && in->len > 0) {
        run = convert(t, *in, to + made, room - made);
        made += run.made;
        *in = (struct slice){in->p + run.taken, in->len - run.taken};
        if (run.error == EINVAL && in->len < sizeof t->half) {
            memcpy(t->half, in->p, in->len);
            t->half_len = in->len;
            *in = (struct slice){in->p + in->len, 0};
            run.error = 0;
        }
    }
    *ret_len = made;
    return run.error == 0 || (run.error == E2BIG && made > 0) ? 0 : TRANSCODE_E_INVALID;
}

int transcode_end(struct transcode *t, char *to, size_t room, size_t *ret_len)
{
    if (t->half_len > 0) return TRANSCODE_E_CUT;
    size_t free_room = room;
    if (iconv((iconv_t)t->cd, NULL, NULL, &to, &free_room) == (size_t)-1) return TRANSCODE_E_CUT;
    *ret_len = room - free_room;
    return 0;
}
