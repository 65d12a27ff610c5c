/* SPDX-License-Identifier: MIT */
#include "config/address.h"

#include "base/num.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/un.h>

/* What a socket can be bound to without asking anybody for the name's meaning. */
static bool is_bindable(struct slice host)
{
    char text[INET6_ADDRSTRLEN];
    unsigned char address[sizeof(struct in6_addr)];
    if (slice_equal(host, SLICE("localhost")) || slice_equal(host, SLICE("*"))) return true;
    bool v6 = host.p[0] == '[';
    if (v6) host = (struct slice){host.p + 1, host.len - 2};
    if (host.len >= sizeof(text)) return false;
    snprintf(text, sizeof(text), SLICE_FMT, SLICE_ARG(host));
    return inet_pton(v6 ? AF_INET6 : AF_INET, text, address) == 1;
}

const char *address_expected(struct slice text)
{
    static const char expected[] = "an address: host:port, [::1]:port or unix:/path";
    if (slice_starts(text, SLICE("unix:"))) {
        if (text.len - 5 >= sizeof(((struct sockaddr_un *)0)->sun_path)) return "short enough for a unix socket (107 bytes)";
        return text.len > 5 && text.p[5] == '/' ? NULL : expected;
    }
    const char *colon = text.len ? memrchr(text.p, ':', text.len) : NULL;
    if (!colon) return expected;
    struct slice host = {text.p, (size_t)(colon - text.p)}, port = {colon + 1, text.len - host.len - 1};
    uint64_t number;
    if (num_parse_u64(port, &number) != 0 || number > 65535) return expected;
    if (host.len == 0) return "complete: write 0.0.0.0:port for every IPv4 address, [::]:port for every address";
    bool bracketed = host.p[0] == '[';
    if (bracketed != (host.p[host.len - 1] == ']') || (!bracketed && memchr(host.p, ':', host.len))) return expected;
    if (bracketed && host.len < 2) return expected;
    return is_bindable(host) ? NULL : "the address of a host; names other than localhost are not looked up";
}

const char *origin_expected(struct slice text)
{
    static const char expected[] = "an origin: https://app.example.org or http://localhost:3000, in lower case and without a path; "
                                   "or * for every one";
    if (slice_equal(text, SLICE("*"))) return NULL;
    const char *host = memmem(text.p, text.len, "://", 3);
    if (!host || host == text.p || host + 3 == text.p + text.len) return expected;
    for (const char *at = text.p; at < text.p + text.len; at++)
        if (*at <= ' ' || *at >= 0x7f || (*at >= 'A' && *at <= 'Z') || strchr("\"'\\,;?#@*", *at) || (*at == '/' && at > host + 2))
            return expected;
    return NULL;
}

bool http_url_is_open(const char *url)
{
    struct slice rest = slice_of(url);
    if (!slice_starts(rest, SLICE("http://"))) return false;
    rest.p += strlen("http://");
    rest.len = strcspn(rest.p, "/?#");
    bool v6 = rest.len > 0 && rest.p[0] == '[';
    if (v6) rest = (struct slice){rest.p + 1, rest.len - 1};
    struct slice host = slice_cut(&rest, v6 ? ']' : ':');
    char text[INET6_ADDRSTRLEN];
    unsigned char address[sizeof(struct in6_addr)];
    if (host.len >= sizeof text || (v6 && !rest.p)) return true;
    snprintf(text, sizeof text, SLICE_FMT, SLICE_ARG(host));
    if (v6) return inet_pton(AF_INET6, text, address) != 1 || !IN6_IS_ADDR_LOOPBACK((const struct in6_addr *)address);
    if (slice_equal_nocase(host, SLICE("localhost"))) return false;
    return inet_pton(AF_INET, text, address) != 1 || address[0] != 127;
}

const char *http_url_mistake(const char *url)
{
    struct slice all = slice_of(url);
    bool secure = slice_starts(all, SLICE("https://")), plain = slice_starts(all, SLICE("http://"));
    if (!secure && !plain) return "it does not begin with https:// or http://";
    const char *host = url + (secure ? strlen("https://") : strlen("http://"));
    size_t authority = strcspn(host, "/?#");
    if (authority == 0 || host[0] == ':') return "it names no host";
    if (memchr(host, '@', authority)) return "it holds a user's name; leave it out, since others read this";
    for (const unsigned char *c = (const unsigned char *)url; *c; c++)
        if (*c <= ' ' || *c >= 0x7f) return "it holds a blank, a line end, or a byte that is not ASCII; escape it as %20";
    return NULL;
}

const char *store_url_mistake(struct slice url, bool *ret_is_store)
{
    bool azure = slice_starts(url, SLICE("azure://"));
    *ret_is_store = azure || slice_starts(url, SLICE("s3://")) || slice_starts(url, SLICE("file:///"));
    if (!*ret_is_store) return NULL;
    if (slice_starts(url, SLICE("file:///"))) return url.len > strlen("file:///") ? NULL : "it names no folder";
    size_t scheme = azure ? strlen("azure://") : strlen("s3://");
    struct slice rest = {url.p + scheme, url.len - scheme};
    if (slice_cut(&rest, '/').len == 0) return azure ? "it names no account" : "it names no bucket";
    return azure && (!rest.p || slice_cut(&rest, '/').len == 0) ? "it names no container: azure://ACCOUNT/CONTAINER/…" : NULL;
}
