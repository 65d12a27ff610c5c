/* SPDX-License-Identifier: MIT */
#include "client.h"

#include "field.h"
#include "http/target.h"
#include "socket.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <sys/un.h>

enum { BODY_MAX = 256 << 20, PATH_BYTES = 16 << 10, MINUTE_MS = 60 * 1000, CONNECT_MS = 10 * 1000, READS = 64 << 10 };

struct client {
    char *socket;
    CURL *curl;
};

/* One request under way. */
struct transfer {
    const struct client_request *request;
    struct client_answer *answer;
    CURL *curl;
    bool enough;  /* on_bytes wants no more, or may_end says no */
    int64_t sent; /* of the upload */
    int full;     /* 0, or why the answer does not fit */
};

/* ---- its life ---- */

int client_new(const struct cli *cli, struct client **ret_client)
{
    struct client *c = calloc(1, sizeof *c);
    if (!c) return cli_complain(CLI_FAILED, "no memory");
    int r = socket_find(cli, &c->socket);
    if (r == CLI_OK && (curl_global_init(CURL_GLOBAL_DEFAULT) != 0 || !(c->curl = curl_easy_init())))
        r = cli_complain(CLI_FAILED, "libcurl does not start");
    if (r == CLI_OK)
        *ret_client = c;
    else
        client_free(c);
    return r;
}

void client_free(struct client *c)
{
    if (!c) return;
    curl_easy_cleanup(c->curl);
    free(c->socket);
    free(c);
}

void client_answer_done(struct client_answer *a)
{
    buf_done(&a->body);
}

/* ---- paths ---- */

void client_path(struct buf *path, const char *before, struct slice piece)
{
    buf_init(path, PATH_BYTES);
    buf_puts(path, before);
    http_target_encode(path, piece);
}

void client_query(struct buf *path, const char *name, struct slice value)
{
    buf_putc(path, path->len > 0 && memchr(path->data, '?', path->len) ? '&' : '?');
    buf_puts(path, name);
    buf_putc(path, '=');
    http_target_encode(path, value);
}

/* ---- what libcurl calls ---- */

static size_t on_body(char *bytes, size_t size, size_t n, void *ctx)
{
    struct transfer *t = ctx;
    long status = 0;
    curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
    if (t->request->on_bytes && status < 300) {
        t->enough = !t->request->on_bytes(t->request->ctx, (struct slice){bytes, size * n});
        return t->enough ? 0 : size * n;
    }
    buf_append(&t->answer->body, bytes, size * n);
    t->full = buf_check(&t->answer->body);
    return t->full == 0 ? size * n : 0;
}

/* With a length that was announced: is this the last piece, or does it end before that? */
static bool ends_wrong(const struct transfer *t, size_t got)
{
    const struct client_request *q = t->request;
    if (q->upload_bytes < 0 || t->sent == q->upload_bytes) return false;
    if (got == 0) return true;
    return t->sent + (int64_t)got == q->upload_bytes && q->may_end && !q->may_end(q->ctx);
}

static size_t on_upload(char *to, size_t size, size_t n, void *ctx)
{
    struct transfer *t = ctx;
    const struct client_request *q = t->request;
    size_t most = size * n;
    if (q->upload_bytes >= 0 && q->upload_bytes - t->sent < (int64_t)most) most = (size_t)(q->upload_bytes - t->sent);
    size_t got = fread(to, 1, most, q->upload);
    if (got == 0 && ferror(q->upload)) return CURL_READFUNC_ABORT;
    t->enough = ends_wrong(t, got);
    t->sent += (int64_t)got;
    return t->enough ? CURL_READFUNC_ABORT : got;
}

static int on_moved(void *ctx, curl_off_t down_total, curl_off_t down, curl_off_t up_total, curl_off_t up)
{
    const struct transfer *t = ctx;
    (void)down_total, (void)up_total;
    if (t->request->on_progress) t->request->on_progress(t->request->ctx, up, down);
    return 0;
}

/* ---- one request ---- */

static const char *type_of(const struct client_request *q)
{
    return q->type ? q->type : q->upload ? "application/octet-stream" : "application/json";
}

/* The header lines, or NULL. */
static struct curl_slist *headers_of(const struct client_request *q)
{
    char line[256];
    snprintf(line, sizeof line, "Accept: %s", q->accept ? q->accept : "application/json");
    struct curl_slist *list = curl_slist_append(NULL, line);
    if (!list || (!q->upload && !q->body.p)) return list;
    snprintf(line, sizeof line, "Content-Type: %s", type_of(q));
    struct curl_slist *more = curl_slist_append(list, line);
    if (!more) curl_slist_free_all(list);
    return more;
}

static void set_body(CURL *curl, const struct transfer *t)
{
    const struct client_request *q = t->request;
    if (q->upload) {
        curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_upload);
        curl_easy_setopt(curl, CURLOPT_READDATA, t);
        curl_easy_setopt(curl, CURLOPT_UPLOAD_BUFFERSIZE, (long)READS);
        if (q->upload_bytes >= 0) curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)q->upload_bytes);
    } else if (q->body.p || (q->method && strcmp(q->method, "POST") == 0)) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->body.len);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, q->body.p ? q->body.p : "");
    }
    if (q->method) curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, q->method);
}

static void set_up(struct client *c, struct transfer *t, const char *url, struct curl_slist *headers)
{
    const struct client_request *q = t->request;
    CURL *curl = c->curl;
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, c->socket);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http");
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "cetl/" CETLD_VERSION);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    if (q->timeout_ms >= 0) curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)(q->timeout_ms ? q->timeout_ms : MINUTE_MS));
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, q->on_progress ? 0L : 1L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_moved);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, t);
    set_body(curl, t);
}

/* What libcurl says, as an exit status. */
static int judge_transfer(const struct client *c, const struct transfer *t, CURLcode rc)
{
    const struct client_request *q = t->request;
    if (rc == CURLE_OK) return CLI_OK;
    if (t->enough) return CLI_FAILED;
    if (t->full) return cli_complain(CLI_FAILED, "the answer is too large to be shown: %s", error_name(t->full));
    if (q->upload && ferror(q->upload)) return cli_complain(CLI_FAILED, "the file cannot be read: %s", error_name(-errno));
    if (q->quiet) return CLI_DOWN;
    if (rc == CURLE_COULDNT_CONNECT) return socket_explain(c->socket);
    if (rc == CURLE_OPERATION_TIMEDOUT)
        return cli_complain(CLI_DOWN, "the daemon at %s does not answer in time; journalctl -u cetld tells more", c->socket);
    if (rc == CURLE_OUT_OF_MEMORY) return cli_complain(CLI_FAILED, "no memory");
    return cli_complain(CLI_DOWN, "the connection to the daemon at %s broke: %s; systemctl status cetld tells whether it runs",
                        c->socket, curl_easy_strerror(rc));
}

int client_send(struct client *c, const struct client_request *request, struct client_answer *ret_answer)
{
    struct transfer t = {.request = request, .answer = ret_answer, .curl = c->curl};
    *ret_answer = (struct client_answer){0};
    buf_init(&ret_answer->body, BODY_MAX);
    struct buf url;
    buf_init(&url, PATH_BYTES);
    buf_printf(&url, "http://localhost%s", request->path);
    struct curl_slist *headers = headers_of(request);
    int r = CLI_OK;
    if (!headers || buf_check(&url) < 0) {
        r = cli_complain(CLI_FAILED, headers ? "a name is too long" : "no memory");
    } else {
        set_up(c, &t, buf_cstr(&url), headers);
        r = judge_transfer(c, &t, curl_easy_perform(c->curl));
    }
    long status = 0;
    if (r == CLI_OK) curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
    ret_answer->status = (int)status;
    curl_slist_free_all(headers);
    buf_done(&url);
    return r;
}

/* ---- what the daemon says ---- */

static int check(const struct client_answer *a, struct json_fault *ret_fault)
{
    static const struct json_limits limits = {.depth = 32};
    return json_check(buf_slice(&a->body), &limits, ret_fault);
}

int client_json(const struct client_answer *a, struct json_value *ret_value)
{
    struct json_fault fault = {0};
    int r = check(a, &fault);
    if (r < 0) return cli_complain(CLI_FAILED, "no memory");
    if (r > 0) return cli_complain(CLI_FAILED, "the answer is no JSON (%s): does cetld listen there?", fault.message);
    *ret_value = json_root(buf_slice(&a->body));
    return CLI_OK;
}

/* The API's hints speak of its own parameters; here they are options. */
static void put_hint(struct buf *out, struct json_value hint)
{
    static const char *const words[][2] = {{"?force=yes", "--force"},
                                           {"?again=yes", "--again"},
                                           {"?dataset=NAME", "--dataset NAME"},
                                           {"GET /v1/files lists", "cetl files lists"}};
    enum { WORDS = sizeof words / sizeof words[0] };
    struct buf text;
    buf_init(&text, out->max);
    field_text(&text, hint);
    for (struct slice rest = buf_slice(&text); rest.len > 0;) {
        size_t i = 0;
        while (i < WORDS && !slice_starts(rest, slice_of(words[i][0])))
            i++;
        size_t len = i < WORDS ? strlen(words[i][0]) : 1;
        if (i < WORDS)
            buf_puts(out, words[i][1]);
        else
            buf_putc(out, rest.p[0]);
        rest = (struct slice){rest.p + len, rest.len - len};
    }
    buf_done(&text);
}

int client_judge(const struct client_answer *a)
{
    if (a->status < 400) return CLI_OK;
    int status = a->status == 401 || a->status == 403 ? CLI_DOWN : CLI_FAILED;
    struct json_fault fault;
    if (check(a, &fault) != 0) return cli_complain(status, "the daemon answers with status %d", a->status);
    struct json_value problem = json_root(buf_slice(&a->body));
    struct buf text;
    buf_init(&text, BODY_MAX);
    field_text(&text, field_of(problem, "message"));
    if (text.len == 0) buf_printf(&text, "the daemon answers with status %d", a->status);
    struct json_value details = field_of(problem, "details"), hint = field_of(problem, "hint");
    if (details.kind == JSON_KIND_STRING) buf_puts(&text, ": "), field_text(&text, details);
    if (hint.kind == JSON_KIND_STRING) buf_puts(&text, "\n      "), put_hint(&text, hint);
    cli_complain(status, "%s", buf_check(&text) == 0 ? buf_cstr(&text) : "no memory");
    buf_done(&text);
    return status;
}

int client_ask(struct client *c, const struct client_request *request, struct client_answer *ret_answer)
{
    int r = client_send(c, request, ret_answer);
    return r == CLI_OK ? client_judge(ret_answer) : r;
}

int client_once(const struct cli *cli, const struct client_request *request, struct client_answer *ret_answer)
{
    struct client *c = NULL;
    *ret_answer = (struct client_answer){0};
    int r = client_new(cli, &c);
    if (r == CLI_OK) r = client_ask(c, request, ret_answer);
    client_free(c);
    return r;
}
