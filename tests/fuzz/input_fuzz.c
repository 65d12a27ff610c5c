/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a dropped file: unpacking and conversion end, keep their limits, make UTF-8 of what they convert, and give the same
 * text and the same answer in pieces of two sizes. The first byte chooses what is declared.
 */
#include "csv/utf8.h"
#include "spool/input.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { UNPACK_MAX = 1 << 18, ENTRIES_MAX = 8, SMALL = 97, LARGE = 1 << 16 };

static void check(bool holds)
{
    if (!holds) abort();
}

struct outcome {
    int rc;
    size_t len;
    uint64_t hash; /* of the text; parts are told apart */
};

static void add(struct outcome *o, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        o->hash = (o->hash ^ (unsigned char)p[i]) * 0x100000001b3;
    o->len += n;
}

/* What means nothing is left in the text there; in the others it fails the file. */
static bool goes_on(const char *encoding)
{
    return encoding &&
           (strncmp(encoding, "UTF-16", 6) == 0 || strncmp(encoding, "UTF-32", 6) == 0 || strcmp(encoding, "cp1252") == 0);
}

/* All but a character that may be cut at the end. */
static size_t sound_prefix(struct slice s, bool marks)
{
    size_t good = utf8_prefix(s);
    while (marks && s.len - good >= 4) {
        good++;
        good += utf8_prefix((struct slice){s.p + good, s.len - good});
    }
    return good;
}

static int read_part(struct input *in, char *piece, size_t room, struct outcome *o, struct error *err)
{
    int r = 0;
    size_t n = 0, open = 0; /* bytes of a character that the last piece began */
    while (r == 0 && !in->over) {
        r = input_read(in, piece + open, room, &n, err);
        if (r != 0) break;
        check(n <= room);
        add(o, piece + open, n);
        if (!in->transcoding) continue;
        size_t good = sound_prefix((struct slice){piece, open + n}, goes_on(in->encoding));
        check(open + n - good < 4);
        memmove(piece, piece + good, open + n - good);
        open = open + n - good;
    }
    check(r != 0 || open == 0 || goes_on(in->encoding));
    return r;
}

static struct outcome read_all(int fd, size_t size, const struct input_options *options, size_t room)
{
    static char piece[LARGE + 8];
    struct outcome o = {.hash = 0xcbf29ce484222325};
    struct input in;
    struct error err;
    o.rc = input_open(&in, fd, size, options, &err);
    while (o.rc == 0) {
        o.rc = read_part(&in, piece, room, &o, &err);
        check(in.unpacked <= UNPACK_MAX + (1 << 16));
        if (o.rc == 0) o.rc = input_next(&in, &err);
        add(&o, "|", 1);
    }
    check(o.rc == INPUT_E_END || o.rc == INPUT_E_REFUSED || o.rc == -ENOMEM);
    check(o.rc != INPUT_E_END || in.offset == size);
    input_close(&in);
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const encodings[] = {NULL, "cp1252", "utf-16", "iso-2022-jp", "utf-32", "gb18030", "utf-16be", "shift_jis"};
    if (size < 1) return 0;
    struct input_options options = {.compression = (enum input_compression)(data[0] >> 3 & 3),
                                    .encoding = encodings[data[0] & 7],
                                    .unpack_max = UNPACK_MAX,
                                    .unpack_ratio = 1000,
                                    .unpack_entries = ENTRIES_MAX};
    int fd = memfd_create("input", MFD_CLOEXEC);
    check(fd >= 0 && write(fd, data + 1, size - 1) == (ssize_t)(size - 1));
    struct outcome small = read_all(fd, size - 1, &options, SMALL), large = read_all(fd, size - 1, &options, LARGE);
    check(small.rc == large.rc);
    if (small.rc == INPUT_E_END) check(small.len == large.len && small.hash == large.hash);
    close(fd);
    return 0;
}
