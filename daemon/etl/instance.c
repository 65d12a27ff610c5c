/* SPDX-License-Identifier: MIT */
#include "etl/instance.h"

#include "base/cleanup.h"
#include "base/fs.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define FILE_NAME "instance"
enum { FILE_MAX = 64 };

static int make_id(int state, struct instance *i)
{
    unsigned char random[INSTANCE_ID_CHARS / 2];
    char id[INSTANCE_ID_CHARS + 1], line[INSTANCE_ID_CHARS + 2];
    if (getrandom(random, sizeof random, 0) != sizeof random) return -EIO;
    for (size_t n = 0; n < sizeof random; n++)
        snprintf(id + 2 * n, 3, "%02x", random[n]);
    snprintf(line, sizeof line, "%s\n", id);
    int r = fs_write_small(state, FILE_NAME, 0644, slice_of(line));
    if (r == 0) memcpy(i->id, id, sizeof id);
    return r;
}

static int read_id(int state, struct instance *i)
{
    cleanup_free char *text = NULL;
    size_t len = 0;
    int r = fs_read_small(state, FILE_NAME, FILE_MAX, &text, &len);
    if (r < 0) return r;
    if (strspn(text, "0123456789abcdef") != INSTANCE_ID_CHARS || strcmp(text + INSTANCE_ID_CHARS, "\n") != 0) return -EINVAL;
    memcpy(i->id, text, INSTANCE_ID_CHARS);
    return 0;
}

void instance_open(struct instance *i, const char *state)
{
    *i = (struct instance){0};
    int dir = -1, r = fs_mkdir_all(state, 0755);
    if (r == 0) r = dir = fs_open_dir(AT_FDCWD, state);
    if (r >= 0) r = read_id(dir, i);
    if (r == -ENOENT && dir >= 0) r = make_id(dir, i);
    if (dir >= 0) close(dir);
    if (r == -EINVAL) error_set(&i->missing, r, "%s/" FILE_NAME " holds no id of 16 digits; remove it and restart", state);
    if (r < 0 && r != -EINVAL)
        error_set(&i->missing, r, "%s/" FILE_NAME " cannot be read or made: %s; mend that and restart", state, error_name(r));
}

void instance_judge(struct instance *i, long max_prepared)
{
    if (!i->id[0]) return;
    i->missing.text[0] = '\0';
    if (max_prepared > 0) return;
    error_set(&i->missing, 0,
              "max_prepared_transactions is 0; set it to the sum of what may be loaded over several connections at once (16, say), "
              "and restart PostgreSQL");
}
