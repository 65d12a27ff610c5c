/* SPDX-License-Identifier: MIT */
/* Where the API listens: the sockets that systemd passed (sd_listen_fds(3)), and what `listen` says beside them. */
#include "base/log.h"
#include "daemon_private.h"

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
