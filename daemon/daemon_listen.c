/* SPDX-License-Identifier: MIT */
/* Where the API listens: the sockets that systemd passed (sd_listen_fds(3)), and what `listen` says beside them. */
#include "base/log.h"
#include "daemon_private.h"

#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

/* What came while nobody was here waits a little longer, until reads can be answered. */
enum { FIRST_MS = 3000 };

static int adopt(struct daemon *d, int passed)
{
    struct error err;
    for (int i = 0; i < passed; i++) {
        int r = http_server_adopt(d->http, SD_LISTEN_FDS_START + i, &err);
        if (r >= 0) continue;
        log_error("%s", err.text);
        return r;
    }
    return passed == 0 ? 0 : timer_new(d->loop, daemon_accept, d, &d->accept_timer);
}

/* What systemd made does not become what the configuration says; whoever wrote that should know. */
static void tell_differences(const struct daemon *d, unsigned passed)
{
    static const char mend[] = "what systemd passes is changed by: systemctl edit cetld.socket";
    const struct config_api *api = &d->config->api;
    for (unsigned i = 0; i < passed && http_server_address(d->http, i); i++) {
        const char *address = http_server_address(d->http, i);
        bool said = false;
        struct stat st;
        for (size_t k = 0; k < api->listen.n; k++)
            said = said || http_server_is_at(d->http, i, api->listen.item[k]);
        if (!said) log_warning("%s is listened to, since systemd passed it, and `listen` does not name it; %s", address, mend);
        if (strncmp(address, "unix:/", 6) != 0 || stat(address + 5, &st) != 0) continue;
        if ((st.st_mode & 0777) != (mode_t)api->socket_mode)
            log_warning("the mode of %s is %04o, as systemd made it, and not %04o, as socket_mode says; %s", address,
                        st.st_mode & 0777, (unsigned)api->socket_mode, mend);
    }
}

static int listen_beside(struct daemon *d)
{
    struct error err;
    for (size_t i = 0; i < d->config->api.listen.n; i++) {
        const char *address = d->config->api.listen.item[i];
        int r = http_server_covers(d->http, address) ? 0 : http_server_listen(d->http, address, &err);
        if (r >= 0) continue;
        log_error("%s", err.text);
        return r;
    }
    return 0;
}

int daemon_listen(struct daemon *d)
{
    int passed = sd_listen_fds(1);
    if (passed < 0) log_warning("LISTEN_FDS, by which systemd passes sockets, cannot be read: %s", error_name(passed));
    int r = adopt(d, passed > 0 ? passed : 0);
    if (r == 0) r = listen_beside(d);
    if (r < 0) return r;
    tell_differences(d, passed > 0 ? (unsigned)passed : 0);
    if (d->accept_timer) timer_start(d->accept_timer, FIRST_MS);
    for (unsigned i = 0; http_server_address(d->http, i); i++)
        log_info("listening on %s%s", http_server_address(d->http, i), (int)i < passed ? " (passed by systemd)" : "");
    return 0;
}

void daemon_accept(void *ctx)
{
    struct daemon *d = ctx;
    timer_free(d->accept_timer);
    d->accept_timer = NULL;
    if (d->stopping || !d->http) return;
    int r = http_server_go(d->http);
    if (r < 0) log_error("the sockets that systemd passed cannot be used: %s", error_name(r));
}
