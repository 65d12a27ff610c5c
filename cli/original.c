/* SPDX-License-Identifier: MIT */
#include "base/digest.h"
#include "client.h"
#include "field.h"
#include "progress.h"
#include "store/xml.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <unistd.h>

enum { LINK_MAX_BYTES = 64 << 10, WORDS_MAX = 4 << 10, CONNECT_MS = 10 * 1000, STALL_S = 60 };

/* Where the bytes go, as they come from the daemon or from a store. */
struct fetch {
    const struct cli *cli;
    struct progress progress;
    const char *id, *to; /* NULL: standard output */
    char *part;          /* the file until it is whole */
    FILE *out;
    struct digest digest;
    struct buf name, sum; /* what the ledger knows; sum: in hex, or empty */
    int64_t bytes, came;
    CURL *curl;       /* of a link */
    struct buf words; /* that the store says instead */
    int error;        /* of writing */
};

static bool take(void *ctx, struct slice bytes)
{
    struct fetch *f = ctx;
    digest_update(&f->digest, bytes.p, bytes.len);
    if (fwrite(bytes.p, 1, bytes.len, f->out) != bytes.len) f->error = errno;
    f->came += (int64_t)bytes.len;
    if (f->to)
        progress_show(&f->progress, buf_cstr(&f->name), "fetching", &(struct progress_done){.done = f->came, .total = f->bytes});
    return f->error == 0;
}

/* ---- by a link ---- */

static size_t on_bytes(char *p, size_t size, size_t n, void *ctx)
{
    struct fetch *f = ctx;
    long status = 0;
    curl_easy_getinfo(f->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status == 200) return take(f, (struct slice){p, size * n}) ? size * n : 0;
    size_t room = f->words.len < WORDS_MAX ? WORDS_MAX - f->words.len : 0;
    buf_append(&f->words, p, size * n < room ? size * n : room);
    return size * n;
}

static void set_up(struct fetch *f, const char *url, const char *ca_file, char *ret_words)
{
    curl_easy_setopt(f->curl, CURLOPT_URL, url);
    curl_easy_setopt(f->curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(f->curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(f->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(f->curl, CURLOPT_USERAGENT, "cetl/" CETLD_VERSION);
    curl_easy_setopt(f->curl, CURLOPT_ERRORBUFFER, ret_words);
    curl_easy_setopt(f->curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(f->curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(f->curl, CURLOPT_LOW_SPEED_TIME, (long)STALL_S);
    curl_easy_setopt(f->curl, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(f->curl, CURLOPT_WRITEDATA, f);
    if (ca_file[0]) curl_easy_setopt(f->curl, CURLOPT_CAINFO, ca_file);
}

static int follow(struct fetch *f, const char *url, const char *ca_file)
{
    char words[CURL_ERROR_SIZE] = "";
    long status = 0;
    f->curl = curl_easy_init();
    if (!f->curl) return cli_complain(CLI_FAILED, "libcurl does not start");
    set_up(f, url, ca_file, words);
    CURLcode rc = curl_easy_perform(f->curl);
    curl_easy_getinfo(f->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(f->curl);
    progress_clear(&f->progress);
    if (f->error) return CLI_OK; /* told by the end */
    if (rc != CURLE_OK)
        return cli_complain(CLI_FAILED, "the store that has file %s does not give it: %s", f->id,
                            words[0] ? words : curl_easy_strerror(rc));
    if (status == 200) return CLI_OK;
    struct buf text;
    buf_init(&text, WORDS_MAX);
    xml_decode(&text, xml_find(buf_slice(&f->words), "Message"));
    int r = cli_complain(CLI_FAILED, "the store that has file %s answers %ld%s%s", f->id, status, text.len > 0 ? ": " : "",
                         buf_cstr(&text));
    buf_done(&text);
    return r;
}

/* ---- by the daemon ---- */

/* The link of an answer's JSON. */
static int follow_link(struct fetch *f, const struct client_answer *a)
{
    struct json_value link;
    struct buf url, ca_file;
    int r = client_json(a, &link);
    if (r != CLI_OK) return r;
    buf_init(&url, LINK_MAX_BYTES);
    buf_init(&ca_file, LINK_MAX_BYTES);
    struct json_value target = field_of(link, "url"), ca = field_of(link, "ca_file");
    if (target.kind == JSON_KIND_STRING) json_unquote(&url, target.raw);
    if (ca.kind == JSON_KIND_STRING) json_unquote(&ca_file, ca.raw);
    r = url.len > 0 ? follow(f, buf_cstr(&url), buf_cstr(&ca_file)) : cli_complain(CLI_FAILED, "the daemon gives no link");
    buf_done(&url);
    buf_done(&ca_file);
    return r;
}

static int ask(struct fetch *f, struct client *c)
{
    struct client_answer answer;
    struct buf path;
    client_path(&path, "/v1/files/", slice_of(f->id));
    buf_puts(&path, "/original");
    struct client_request request = {.path = buf_cstr(&path), .accept = "*/*", .on_bytes = take, .ctx = f, .timeout_ms = -1};
    int r = client_ask(c, &request, &answer);
    progress_clear(&f->progress);
    if (f->error) r = CLI_OK; /* told by the end */
    if (r == CLI_OK && answer.status == 307) r = follow_link(f, &answer);
    client_answer_done(&answer);
    buf_done(&path);
    return r;
}

/* What the ledger knows. */
static int ask_ledger(struct fetch *f, struct client *c)
{
    struct client_answer answer;
    struct json_value file;
    struct buf path;
    client_path(&path, "/v1/files/", slice_of(f->id));
    int r = client_ask(c, &(struct client_request){.path = buf_cstr(&path)}, &answer);
    if (r == CLI_OK) r = client_json(&answer, &file);
    if (r == CLI_OK) {
        field_text(&f->name, field_of(file, "name"));
        field_text(&f->sum, field_of(file, "sha256"));
        f->bytes = field_int(field_of(file, "bytes"));
    }
    client_answer_done(&answer);
    buf_done(&path);
    return r;
}

/* ---- the file ---- */

static int open_out(struct fetch *f)
{
    f->out = stdout;
    if (!f->to) return isatty(1) ? cli_complain(CLI_USAGE, "say where to: -o FILE, or > FILE") : CLI_OK;
    if (asprintf(&f->part, "%s.part-%d", f->to, (int)getpid()) < 0) return cli_complain(CLI_FAILED, "no memory");
    f->out = fopen(f->part, "wxe"); /* not through a link that somebody laid there */
    return f->out ? CLI_OK
                  : cli_complain(CLI_FAILED, "%s cannot be written: %s", errno == EEXIST ? f->part : f->to, error_name(-errno));
}

static bool is_right(struct fetch *f)
{
    uint8_t sum[DIGEST_BYTES];
    char hex[DIGEST_HEX];
    digest_final(&f->digest, sum);
    digest_hex(sum, hex);
    return f->sum.len == 0 || slice_equal(buf_slice(&f->sum), slice_of(hex));
}

/* `r` is what came of fetching it. */
static int close_out(struct fetch *f, int r)
{
    if (!f->out) return r;
    if (fflush(f->out) != 0 && !f->error) f->error = errno;
    if (f->to && fsync(fileno(f->out)) < 0 && !f->error) f->error = errno;
    if (f->to && fclose(f->out) != 0 && !f->error) f->error = errno;
    if (r == CLI_OK && f->error == 0 && !is_right(f))
        r = cli_complain(CLI_FAILED, "what came is not file %s: its SHA-256 is another one than the ledger's%s", f->id,
                         f->to ? "; it is thrown away" : "");
    if (r == CLI_OK && f->error == 0 && f->to && rename(f->part, f->to) < 0) f->error = errno;
    if (r == CLI_OK && f->error)
        r = cli_complain(CLI_FAILED, "%s cannot be written: %s", f->to ? f->to : "standard output", error_name(-f->error));
    if (f->to && r != CLI_OK) unlink(f->part);
    return r;
}

static int print_link(const struct cli *cli, const char *id)
{
    struct client_answer answer;
    struct json_value link;
    struct buf path, text;
    client_path(&path, "/v1/files/", slice_of(id));
    buf_puts(&path, "/original?link=yes");
    buf_init(&text, LINK_MAX_BYTES);
    int r = client_once(cli, &(struct client_request){.path = buf_cstr(&path)}, &answer);
    if (r == CLI_OK) r = client_json(&answer, &link);
    if (r == CLI_OK && cli->json) printf(SLICE_FMT "\n", SLICE_ARG(link.raw));
    if (r == CLI_OK && !cli->json) field_text(&text, field_of(link, "url"));
    if (text.len > 0) puts(buf_cstr(&text));
    client_answer_done(&answer);
    buf_done(&path);
    buf_done(&text);
    return r;
}

int original_run(struct cli *cli, int argc, char **argv)
{
    struct client *c = NULL;
    struct fetch f = {.cli = cli, .progress = {.cli = cli}, .id = argv[1], .to = cli_option(cli, "-o")};
    (void)argc;
    if (cli_option(cli, "--link") && f.to) return cli_complain(CLI_USAGE, "--link prints the link; it takes no -o");
    if (cli_option(cli, "--link")) return print_link(cli, argv[1]);
    if (digest_init(&f.digest) < 0) return cli_complain(CLI_FAILED, "no memory");
    buf_init(&f.name, LINK_MAX_BYTES);
    buf_init(&f.sum, LINK_MAX_BYTES);
    buf_init(&f.words, 2 * WORDS_MAX);
    int r = client_new(cli, &c);
    if (r == CLI_OK) r = ask_ledger(&f, c);
    if (r == CLI_OK) r = open_out(&f);
    if (r == CLI_OK) r = ask(&f, c);
    r = close_out(&f, r);
    client_free(c);
    digest_done(&f.digest);
    buf_done(&f.name);
    buf_done(&f.sum);
    buf_done(&f.words);
    free(f.part);
    return r;
}
