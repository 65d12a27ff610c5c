/* SPDX-License-Identifier: MIT */
#include "spool/gunzip.h"

#include <inttypes.h>

enum { WINDOW_GZIP = 15 + 16, STEP_MAX = 1 << 30 };

int gunzip_init(struct gunzip *g)
{
    *g = (struct gunzip){.between = true};
    return inflateInit2(&g->z, WINDOW_GZIP) == Z_OK ? 0 : -ENOMEM;
}

void gunzip_done(struct gunzip *g)
{
    inflateEnd(&g->z);
}

static int broken(const struct gunzip *g, struct error *err)
{
    return error_set(err, GUNZIP_E_BROKEN, "the gzip data is damaged at byte %" PRIu64 " of the file (%s); drop the file again",
                     g->offset, g->z.msg ? g->z.msg : "it cannot be unpacked");
}

/* What follows a member is another one. */
static int begin_member(struct gunzip *g, struct slice in, struct error *err)
{
    if ((unsigned char)in.p[0] != 0x1f)
        return error_set(err, GUNZIP_E_BROKEN,
                         "behind the end of the gzip data, at byte %" PRIu64 ", the file goes on with something else", g->offset);
    g->between = false;
    return inflateReset(&g->z) == Z_OK ? 0 : -ENOMEM;
}

int gunzip_step(struct gunzip *g, struct slice *in, char *to, size_t room, size_t *ret_len, struct error *err)
{
    *ret_len = 0;
    while (in->len > 0 && *ret_len == 0) {
        int r = g->between ? begin_member(g, *in, err) : 0;
        if (r != 0) return r;
        size_t given = in->len < STEP_MAX ? in->len : STEP_MAX;
        g->z.next_in = (Bytef *)in->p;
        g->z.avail_in = (uInt)given;
        g->z.next_out = (Bytef *)to;
        g->z.avail_out = (uInt)(room < STEP_MAX ? room : STEP_MAX);
        uInt had = g->z.avail_out;
        int z = inflate(&g->z, Z_NO_FLUSH);
        size_t used = given - g->z.avail_in;
        *in = (struct slice){in->p + used, in->len - used};
        g->offset += used;
        *ret_len = had - g->z.avail_out;
        if (z == Z_MEM_ERROR) return -ENOMEM;
        if (z == Z_STREAM_END)
            g->between = true;
        else if (z != Z_OK)
            return broken(g, err);
    }
    return 0;
}

int gunzip_end(const struct gunzip *g, struct error *err)
{
    if (g->between) return 0;
    return error_set(err, GUNZIP_E_BROKEN, "the gzip data ends at byte %" PRIu64 " in the middle; drop the whole file again",
                     g->offset);
}
