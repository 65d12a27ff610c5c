/* SPDX-License-Identifier: MIT */
#include "http/listener.h"

#include "base/cleanup.h"
#include "base/num.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

enum { BACKLOG = 1024 };

union any_address {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    struct sockaddr_un un;
};

/* ---- addresses ---- */

static int parse_unix(const char *path, union any_address *ret_address, struct error *err)
{
    *ret_address = (union any_address){.un = {.sun_family = AF_UNIX}};
    size_t len = strlen(path), most = sizeof ret_address->un.sun_path - 1;
    if (path[0] != '/') return error_set(err, -EINVAL, "listen: unix:%s: the path must be absolute", path);
    if (len > most)
        return error_set(err, -ENAMETOOLONG,
                         "listen: unix:%s: the path has %zu bytes, a socket's may have %zu; choose a shorter one", path, len, most);
    memcpy(ret_address->un.sun_path, path, len + 1);
    return 0;
}

static bool parse_host(const char *host, uint16_t port, union any_address *ret_address)
{
    if (strcmp(host, "localhost") == 0) host = "127.0.0.1";
    if (host[0] == '\0' || strcmp(host, "*") == 0) host = "::";
    *ret_address = (union any_address){.in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)}};
    if (inet_pton(AF_INET6, host, &ret_address->in6.sin6_addr) == 1) return true;
    *ret_address = (union any_address){.in = {.sin_family = AF_INET, .sin_port = htons(port)}};
    return inet_pton(AF_INET, host, &ret_address->in.sin_addr) == 1;
}

static int parse_tcp(const char *text, union any_address *ret_address, struct error *err)
{
    const char *colon = strrchr(text, ':');
    uint64_t port;
    char host[64];
    struct slice name = {text, colon ? (size_t)(colon - text) : 0};
    if (name.len >= 2 && name.p[0] == '[' && name.p[name.len - 1] == ']') name = (struct slice){name.p + 1, name.len - 2};
    bool sound = colon && num_parse_u64(slice_of(colon + 1), &port) == 0 && port <= 65535 && name.len < sizeof host;
    if (sound) {
        snprintf(host, sizeof host, SLICE_FMT, SLICE_ARG(name));
        if (parse_host(host, (uint16_t)port, ret_address)) return 0;
    }
    error_set(err, -EINVAL,
              "listen: %s: expected an address such as 127.0.0.1:8080, [::1]:8080, *:8080 or unix:/run/cetld/cetld.sock", text);
    return -EINVAL;
}

static void show_address(const union any_address *a, char ret_text[128])
{
    char host[INET6_ADDRSTRLEN] = "";
    if (a->any.sa_family == AF_UNIX) {
        snprintf(ret_text, 128, "unix:%s", a->un.sun_path);
    } else if (a->any.sa_family == AF_INET6) {
        inet_ntop(AF_INET6, &a->in6.sin6_addr, host, sizeof host);
        snprintf(ret_text, 128, "[%s]:%u", host, ntohs(a->in6.sin6_port));
    } else {
        inet_ntop(AF_INET, &a->in.sin_addr, host, sizeof host);
        snprintf(ret_text, 128, "%s:%u", host, ntohs(a->in.sin_port));
    }
}

/* ---- sockets ---- */

static socklen_t size_of(const union any_address *a)
{
    if (a->any.sa_family == AF_UNIX) return sizeof a->un;
    return a->any.sa_family == AF_INET6 ? sizeof a->in6 : sizeof a->in;
}

/* A socket file that nobody listens at is in the way since a crash. Somebody's is left alone. */
static int clear_stale(const union any_address *a)
{
    struct stat st;
    if (lstat(a->un.sun_path, &st) < 0) return errno == ENOENT ? 0 : -errno;
    if (!S_ISSOCK(st.st_mode)) return -EEXIST;
    cleanup_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -errno;
    if (connect(fd, &a->any, size_of(a)) == 0 || errno != ECONNREFUSED) return -EADDRINUSE;
    return unlink(a->un.sun_path) < 0 && errno != ENOENT ? -errno : 0;
}

static int bind_socket(int fd, const union any_address *a, mode_t mode)
{
    int one = 1;
    bool local = a->any.sa_family == AF_UNIX;
    if (!local && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0) return -errno;
    int r = local ? clear_stale(a) : 0;
    if (r < 0) return r;
    if (bind(fd, &a->any, size_of(a)) < 0) return -errno;
    /* Before listen, so that nobody gets in under a looser mode. */
    if (local && chmod(a->un.sun_path, mode) < 0) return -errno;
    return listen(fd, BACKLOG) < 0 ? -errno : 0;
}

static int open_socket(const union any_address *a, mode_t mode, int *ret_fd)
{
    cleanup_fd int fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -errno;
    int r = bind_socket(fd, a, mode);
    if (r == 0) *ret_fd = steal_fd(&fd);
    return r;
}

static const char *advice(int code)
{
    switch (code) {
    case -EADDRINUSE: return "somebody listens there already; stop that program or choose another address";
    case -EACCES: return "permission is missing; ports below 1024 need CAP_NET_BIND_SERVICE, a socket file a writable folder";
    case -EADDRNOTAVAIL: return "this machine does not have that address";
    case -EEXIST: return "a file that is no socket is in the way; move it or choose another path";
    case -ENOENT: return "the folder does not exist; make it first";
    default: return error_name(code);
    }
}

/* ---- listeners ---- */

static void on_connection(uv_stream_t *stream, int status)
{
    struct http_listener *l = stream->data;
    if (status == 0) l->incoming(l);
}

static int open_handle(struct http_listener *l, struct loop *loop, int fd, bool local)
{
    int r = local ? uv_pipe_init(loop_uv(loop), &l->socket.pipe, 0) : uv_tcp_init(loop_uv(loop), &l->socket.tcp);
    if (r < 0) return r;
    l->socket.handle.data = l;
    return local ? uv_pipe_open(&l->socket.pipe, fd) : uv_tcp_open(&l->socket.tcp, fd);
}

int http_listener_go(struct http_listener *l)
{
    return uv_listen(&l->socket.stream, BACKLOG, on_connection);
}

static void freed(uv_handle_t *handle)
{
    free(handle->data);
}

int http_listener_adopt(struct loop *loop, int fd, const struct http_listener_config *config, struct http_listener **ret_listener)
{
    union any_address a = {0};
    socklen_t len = sizeof a, int_len = sizeof(int);
    int listening = 0;
    if (getsockname(fd, &a.any, &len) < 0 || getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &int_len) < 0) return -errno;
    bool local = a.any.sa_family == AF_UNIX;
    if (!listening || !(local || a.any.sa_family == AF_INET || a.any.sa_family == AF_INET6)) return -EINVAL;
    struct http_listener *l = calloc(1, sizeof *l);
    if (!l) return -ENOMEM;
    *l = (struct http_listener){.incoming = config->incoming, .closed = config->closed, .ctx = config->ctx};
    list_init(&l->link);
    show_address(&a, l->address);
    int r = open_handle(l, loop, fd, local);
    if (r < 0) {
        /* libuv has not taken the descriptor, or would close it with the handle: the caller keeps it. */
        if (l->socket.handle.loop)
            uv_close(&l->socket.handle, freed);
        else
            free(l);
        return r;
    }
    *ret_listener = l;
    return 0;
}

static int open_at(struct loop *loop, const union any_address *a, const struct http_listener_config *config,
                   struct http_listener **ret_listener)
{
    int fd = -1;
    int r = open_socket(a, config->socket_mode, &fd);
    if (r < 0) return r;
    r = http_listener_adopt(loop, fd, config, ret_listener);
    if (r < 0) {
        close(fd);
        return r;
    }
    struct stat st;
    if (a->any.sa_family == AF_UNIX && lstat(a->un.sun_path, &st) == 0) {
        (*ret_listener)->dev = st.st_dev;
        (*ret_listener)->ino = st.st_ino;
    }
    r = http_listener_go(*ret_listener);
    if (r < 0) http_listener_close(*ret_listener);
    return r;
}

int http_listener_open(struct loop *loop, const char *address, const struct http_listener_config *config, struct error *err,
                       struct http_listener **ret_listener)
{
    union any_address a;
    bool local = strncmp(address, "unix:", 5) == 0;
    int r = local ? parse_unix(address + 5, &a, err) : parse_tcp(address, &a, err);
    if (r < 0) return r;
    r = open_at(loop, &a, config, ret_listener);
    return r < 0 ? error_set(err, r, "listen: %s: %s", address, advice(r)) : 0;
}

static bool address_text(const char *address, union any_address *a, char *ret_text)
{
    struct error err;
    bool local = strncmp(address, "unix:", 5) == 0;
    if ((local ? parse_unix(address + 5, a, &err) : parse_tcp(address, a, &err)) < 0) return false;
    show_address(a, ret_text);
    return true;
}

bool http_listener_is(const struct http_listener *l, const char *address)
{
    union any_address a;
    char text[sizeof l->address];
    return address_text(address, &a, text) && strcmp(text, l->address) == 0;
}

/* "[::]" and "0.0.0.0" are every address; the one of IPv6 also those of IPv4. */
bool http_listener_covers(const struct http_listener *l, const char *address)
{
    union any_address a;
    char text[sizeof l->address];
    if (!address_text(address, &a, text)) return false;
    bool local = a.any.sa_family == AF_UNIX;
    if (strcmp(text, l->address) == 0) return true;
    const char *port = local ? NULL : strrchr(text, ':');
    char all[2][32];
    snprintf(all[0], sizeof all[0], "[::]%s", port ? port : "");
    snprintf(all[1], sizeof all[1], "0.0.0.0%s", port ? port : "");
    return port && (strcmp(l->address, all[0]) == 0 || (strcmp(l->address, all[1]) == 0 && a.any.sa_family == AF_INET));
}

static void closed(uv_handle_t *handle)
{
    struct http_listener *l = handle->data;
    l->closed(l);
    free(l);
}

void http_listener_close(struct http_listener *l)
{
    struct stat st;
    const char *path = l->address + strlen("unix:");
    if (l->ino && lstat(path, &st) == 0 && st.st_dev == l->dev && st.st_ino == l->ino) unlink(path);
    list_remove(&l->link);
    uv_close(&l->socket.handle, closed);
}
