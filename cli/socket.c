/* SPDX-License-Identifier: MIT */
#include "socket.h"

#include "base/cleanup.h"
#include "config/config.h"
#include "config/ini.h"
#include "config/options.h"

#include <grp.h>
#include <libgen.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

enum { BLOCK_BYTES = 64 << 10, MEMORY_MAX = 64 << 20 };
#define UNIX "unix:"

/* The first unix: address of a list by comma or line; or {NULL, 0}. */
static struct slice first_unix(struct slice list)
{
    while (list.p) {
        struct slice line = slice_cut(&list, '\n');
        while (line.p) {
            struct slice item = slice_trim(slice_cut(&line, ','));
            if (slice_starts(item, SLICE(UNIX))) return (struct slice){item.p + strlen(UNIX), item.len - strlen(UNIX)};
        }
    }
    return (struct slice){NULL, 0};
}

/* What [api] listen says. A file that we may not read says nothing, unless it was named; other mistakes in it are the daemon's to
 * tell. `arena` holds the list. */
static int read_listen(const struct cli *cli, struct arena *arena, struct slice *ret_list, struct config_place *ret_place)
{
    struct mistakes mistakes;
    struct ini ini;
    mistakes_init(&mistakes);
    ini_init(&ini, arena);
    *ret_list = slice_of(options_find(OPTION_API, SLICE("listen"))->initial);
    *ret_place = (struct config_place){"", 0};
    bool missing = cli->config_said && access(cli->config, R_OK) != 0;
    if (missing) return cli_complain(CLI_USAGE, "%s cannot be read: %s", cli->config, strerror(errno));
    int r = config_read(cli->config, CONFIG_MAY_BE_MISSING, &mistakes, &ini);
    if (r < 0) r = cli_complain(CLI_FAILED, "no memory");
    for (const struct ini_section *s = r == 0 ? ini.first : NULL; s; s = s->next) {
        const struct ini_entry *e = slice_equal(s->kind, SLICE("api")) ? ini_entry(s, "listen") : NULL;
        if (!e) continue;
        *ret_list = e->value;
        *ret_place = e->place;
    }
    mistakes_done(&mistakes);
    return r;
}

static int find_in_config(const struct cli *cli, struct arena *arena, struct slice *ret_path)
{
    struct config_place place;
    struct slice list;
    int r = read_listen(cli, arena, &list, &place);
    if (r != CLI_OK) return r;
    *ret_path = first_unix(list);
    if (ret_path->p) return CLI_OK;
    return cli_complain(CLI_DOWN,
                        "%s:%d: listen names no unix: socket, by which cetl asks the daemon; add one, or say --socket PATH",
                        place.file, place.line);
}

int socket_find(const struct cli *cli, char **ret_path)
{
    struct arena arena;
    arena_init(&arena, BLOCK_BYTES, MEMORY_MAX);
    struct slice path = cli->socket ? slice_of(cli->socket) : SLICE("");
    int r = cli->socket ? CLI_OK : find_in_config(cli, &arena, &path);
    if (r == CLI_OK && path.len >= sizeof((struct sockaddr_un *)NULL)->sun_path)
        r = cli_complain(CLI_USAGE, "no socket can be at " SLICE_FMT ": the path is longer than %zu bytes", SLICE_ARG(path),
                         sizeof((struct sockaddr_un *)NULL)->sun_path - 1);
    if (r == CLI_OK && !(*ret_path = strndup(path.p, path.len))) r = cli_complain(CLI_FAILED, "no memory");
    arena_done(&arena);
    return r;
}

/* ---- why nobody answers ---- */

/* The group that may: of the socket, or of the folder where we may not look into that. NULL: none but root's. */
static const struct group *group_of(const char *path)
{
    struct stat st;
    cleanup_free char *copy = strdup(path);
    if (!copy || (stat(path, &st) != 0 && stat(dirname(copy), &st) != 0)) return NULL;
    return st.st_gid != 0 && (st.st_mode & S_IXGRP || (S_ISSOCK(st.st_mode) && st.st_mode & S_IWGRP)) ? getgrgid(st.st_gid) : NULL;
}

static int explain_access(const char *path)
{
    const struct group *group = group_of(path);
    if (!group) return cli_complain(CLI_DOWN, "you may not open %s; as root you may: sudo cetl …", path);
    return cli_complain(
        CLI_DOWN, "you may not open %s: group %s may. Join it (sudo adduser \"$USER\" %s) and log in again, or use sudo cetl …",
        path, group->gr_name, group->gr_name);
}

static int try_connect(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    cleanup_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -errno;
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    return connect(fd, (const struct sockaddr *)&address, sizeof address) == 0 ? 0 : -errno;
}

int socket_explain(const char *path)
{
    int r = try_connect(path);
    struct stat st;
    switch (r) {
    case -ENOENT:
        return cli_complain(
            CLI_DOWN,
            "the daemon does not run: %s is not there. systemctl start cetld starts it; if it listens elsewhere say "
            "--socket PATH, or -c FILE with its configuration",
            path);
    case -ECONNREFUSED:
        if (stat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
            return cli_complain(CLI_USAGE, "%s is no socket; the daemon's is named in [api] listen", path);
        return cli_complain(CLI_DOWN, "the daemon does not run: nobody listens at %s any more. systemctl status cetld tells why",
                            path);
    case -EACCES:
    case -EPERM: return explain_access(path);
    case 0:
    case -EAGAIN: return cli_complain(CLI_DOWN, "the daemon at %s takes no connection just now; try again", path);
    default: return cli_complain(CLI_DOWN, "%s cannot be opened: %s", path, error_name(r));
    }
}
