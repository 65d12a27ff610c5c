/* SPDX-License-Identifier: MIT */
#include "loop/child.h"

#include "base/cleanup.h"
#include "base/slice.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { SET_MAX = 8 };

/* Its exit may be told after the owner is gone. */
struct child {
    uv_process_t process;
    void (*ended)(void *ctx, int64_t status, int signal); /* NULL: the owner is gone */
    void *ctx;
};

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void let_go(struct child *c)
{
    c->ended = NULL;
    uv_close((uv_handle_t *)&c->process, on_closed);
}

static void on_exit_told(uv_process_t *process, int64_t status, int signal)
{
    struct child *c = process->data;
    void (*ended)(void *, int64_t, int) = c->ended;
    void *ctx = c->ctx;
    if (!ended) return;
    let_go(c);
    ended(ctx, status, signal);
}

/* What systemd says to us is not said to it. */
static bool is_ours(const char *variable)
{
    static const char *const ours[] = {"NOTIFY_SOCKET=", "WATCHDOG_", "LISTEN_", "MAINPID="};
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        if (strncmp(variable, ours[i], strlen(ours[i])) == 0) return true;
    return false;
}

static bool is_set(const char *variable, const char *const *set)
{
    for (; set && *set; set++)
        if (strncmp(variable, *set, strcspn(*set, "=") + 1) == 0) return true;
    return false;
}

/* The strings are the owners'. */
static char **environment(const char *const *set)
{
    size_t n = 0, at = 0;
    while (environ[n])
        n++;
    char **all = calloc(n + SET_MAX + 1, sizeof *all);
    for (size_t i = 0; all && i < n; i++)
        if (!is_ours(environ[i]) && !is_set(environ[i], set)) all[at++] = environ[i];
    for (size_t i = 0; all && set && set[i] && i < SET_MAX; i++)
        all[at++] = (char *)(uintptr_t)set[i]; /* execve promises to leave them */
    return all;
}

int child_start(struct loop *l, const struct child_config *config, struct child **ret_child)
{
    cleanup_free char **env = environment(config->set);
    struct child *c = env ? calloc(1, sizeof *c) : NULL;
    if (!c) return -ENOMEM;
    uv_stdio_container_t stdio[4] = {{.flags = UV_IGNORE},
                                     {.flags = UV_INHERIT_FD, .data.fd = config->words},
                                     {.flags = UV_INHERIT_FD, .data.fd = config->words},
                                     {.flags = UV_INHERIT_FD, .data.fd = config->keep}};
    uv_process_options_t options = {.exit_cb = on_exit_told,
                                    .file = config->file,
                                    .args = (char **)(uintptr_t)config->args,
                                    .env = env,
                                    .flags = UV_PROCESS_DETACHED, /* what is typed at our terminal is for us */
                                    .stdio_count = config->keep >= 0 ? 4 : 3,
                                    .stdio = stdio};
    *c = (struct child){.ended = config->ended, .ctx = config->ctx};
    c->process.data = c;
    int r = uv_spawn(loop_uv(l), &c->process, &options);
    if (r < 0) {
        let_go(c); /* libuv has made the handle all the same */
        return r;
    }
    (void)setpriority(PRIO_PROCESS, (id_t)c->process.pid, config->nice); /* it has no threads yet */
    *ret_child = c;
    return 0;
}

void child_kill(struct child *c, int signal)
{
    uv_process_kill(&c->process, signal);
}

void child_free(struct child *c)
{
    if (c) let_go(c);
}

int child_beside(const char *name, char **ret_path)
{
    char self[PATH_MAX];
    size_t len = sizeof self;
    int r = uv_exepath(self, &len);
    if (r < 0) return r;
    static const char *const places[] = {"", "../bin/"};
    char *slash = strrchr(self, '/');
    if (slash) slash[1] = '\0';
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        char *path;
        if (asprintf(&path, "%s%s%s", self, places[i], name) < 0) return -ENOMEM;
        if (access(path, X_OK) == 0) {
            *ret_path = path;
            return 0;
        }
        free(path);
    }
    return -ENOENT;
}
