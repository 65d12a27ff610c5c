/* SPDX-License-Identifier: MIT */
#include "csv/transcode.h"

#include <assert.h>
#include <iconv.h>

int transcode_init(struct transcode *t, const char *encoding)
{
    iconv_t cd = iconv_open("UTF-8", encoding);
    if (cd == (iconv_t)-1) return -errno;
    *t = (struct transcode){.cd = cd, .encoding = encoding};
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
    if (made > 0) t->raw = false;
    return run.error == 0 || (run.error == E2BIG && made > 0) ? 0 : TRANSCODE_E_INVALID;
}

/* Is each byte a character, or none, whatever stood before it? */
static bool is_single_byte(const char *encoding)
{
    iconv_t cd = iconv_open("UTF-8", encoding);
    bool single = cd != (iconv_t)-1;
    for (int i = 0; i < 256 && single; i++) {
        char byte = (char)i, out[TRANSCODE_ROOM], *from = &byte, *to = out;
        size_t left = 1, room = sizeof out;
        iconv(cd, NULL, NULL, NULL, NULL);
        size_t r = iconv(cd, &from, &left, &to, &room);
        single = r == (size_t)-1 ? errno == EILSEQ : left == 0 && to > out;
    }
    if (cd != (iconv_t)-1) iconv_close(cd);
    return single;
}

static int unit_of(const char *encoding)
{
    struct slice name = slice_of(encoding);
    if (slice_starts(name, SLICE("UTF-16"))) return 2;
    if (slice_starts(name, SLICE("UTF-32"))) return 4;
    return is_single_byte(encoding);
}

/* Bytes that are no UTF-8 in the place of the unit. */
static size_t put_mark(struct transcode *t, const unsigned char *unit, char *to)
{
    bool big = slice_ends(slice_of(t->encoding), SLICE("BE"));
    unsigned value = t->unit == 1 ? unit[0] : 0;
    if (t->unit == 2) value = (unsigned)unit[!big] << 8 | unit[big];
    size_t n = 0;
    if (t->unit == 2 && value >= 0xd800 && value <= 0xdfff) {
        to[n++] = (char)0xed;
        to[n++] = (char)(0x80 | (value >> 6 & 0x3f));
        to[n++] = (char)(0x80 | (value & 0x3f));
        return n;
    }
    bool raw = t->unit == 1 && value >= 0x80;
    if (!raw || t->raw) to[n++] = (char)0xff; /* two raw bytes side by side could be a character */
    if (raw) to[n++] = (char)value;
    t->raw = raw;
    return n;
}

int transcode_skip(struct transcode *t, struct slice *in, char *to, size_t room, size_t *ret_len)
{
    assert(room >= TRANSCODE_ROOM);
    (void)room;
    if (!t->told) t->unit = unit_of(t->encoding);
    t->told = true;
    size_t unit = (size_t)t->unit, kept = t->half_len < unit ? t->half_len : unit;
    if (unit == 0 || unit - kept > in->len) return TRANSCODE_E_INVALID;
    unsigned char bytes[4];
    memcpy(bytes, t->half, kept);
    memcpy(bytes + kept, in->p, unit - kept);
    memmove(t->half, t->half + kept, t->half_len - kept);
    t->half_len -= kept;
    *in = (struct slice){in->p + (unit - kept), in->len - (unit - kept)};
    t->offset += unit;
    *ret_len = put_mark(t, bytes, to);
    return 0;
}

int transcode_end(struct transcode *t, char *to, size_t room, size_t *ret_len)
{
    if (t->half_len > 0) return TRANSCODE_E_CUT;
    size_t free_room = room;
    if (iconv((iconv_t)t->cd, NULL, NULL, &to, &free_room) == (size_t)-1) return TRANSCODE_E_CUT;
    *ret_len = room - free_room;
    return 0;
}
