/* SPDX-License-Identifier: MIT */
#include "check.h"

#include "etl/check.h"
#include "etl/formulas.h"
#include "etl/sql.h"
#include "rest/query.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TIMEOUT_MS = 5000, SELECT_MAX = 1 << 20 };

struct run {
    struct loop *loop;
    struct db_conn *conn;
    struct config *config;
    unsigned mistakes;
};

static void on_mistake(void *ctx, const char *text)
{
    struct run *run = ctx;
    run->mistakes++;
    fprintf(stderr, "%s\n", text);
}

static void on_note(void *ctx, struct slice text)
{
    (void)ctx;
    if (text.len > 0) fwrite(text.p, 1, text.len, stdout);
}

/* Then the declared types say where expressions run. */
static void unasked(const struct config *config, const char *why)
{
    struct buf text;
    fprintf(stderr, "cetld: the database was not asked: %s\n", why);
    buf_init(&text, SIZE_MAX);
    if (formulas_describe_config(config, &text) == 0) on_note(NULL, buf_slice(&text));
    buf_done(&text);
}

static const char *words_of(const struct error *why)
{
    return why && why->text[0] ? why->text : "no memory";
}

static void on_done(void *ctx, int status, const struct error *err)
{
    struct run *run = ctx;
    if (status != 0) unasked(run->config, words_of(err));
    loop_stop(run->loop);
}

static void on_ready(void *ctx, struct db_conn *c)
{
    struct run *run = ctx;
    int r = check_run(c, run->config, &(struct check_handler){on_mistake, on_note, on_done, run});
    if (r < 0) on_done(run, r, NULL);
}

/* What the server says to a user that it does not know leaves open what to do. */
static void put_mend(const struct config *c)
{
    struct stat st;
    const struct passwd *owner = stat(c->daemon.state, &st) == 0 ? getpwuid(st.st_uid) : NULL;
    if (owner && owner->pw_uid != geteuid())
        fprintf(stderr, "cetld: the daemon asks as its own user; so does: runuser -u %s -- cetld --check\n", owner->pw_name);
}

static void on_lost(void *ctx, struct db_conn *c, const struct error *why)
{
    struct run *run = ctx;
    (void)c;
    unasked(run->config, words_of(why));
    if (strstr(words_of(why), "role \"") || strstr(words_of(why), "authentication failed")) put_mend(run->config);
    loop_stop(run->loop);
}

/*
 * Root has no role in PostgreSQL. Where the url names none, that of the daemon's own user counts, which is who owns `state`: root
 * asks as that one. Nothing but the answer is left to be done, so that root's rights are given up for good.
 */
static void become_owner(const struct config *c)
{
    struct stat st;
    if (geteuid() != 0 || getenv("PGUSER") || stat(c->daemon.state, &st) != 0 || st.st_uid == 0) return;
    PQconninfoOption *options = PQconninfoParse(c->database.url, NULL);
    bool named = !options;
    for (const PQconninfoOption *o = options; o && o->keyword; o++)
        named = named || (strcmp(o->keyword, "user") == 0 && o->val);
    PQconninfoFree(options);
    const struct passwd *owner = named ? NULL : getpwuid(st.st_uid);
    if (owner && initgroups(owner->pw_name, owner->pw_gid) == 0 && setgid(owner->pw_gid) == 0 && setuid(owner->pw_uid) == 0)
        printf("# the database is asked as user %s, as the daemon does\n", owner->pw_name);
}

/* libpq reads the url only when it connects, where a typo looks like a server that is away. */
static bool url_is_sound(const struct config_database *d)
{
    char *why = NULL;
    PQconninfoOption *options = PQconninfoParse(d->url, &why);
    if (!options)
        fprintf(stderr, "%s:%d: url: %.*s\n", d->place.file, d->place.line, why ? (int)strcspn(why, "\n") : 9,
                why ? why : "no memory");
    bool sound = options;
    PQconninfoFree(options);
    PQfreemem(why);
    return sound;
}

/* What api_select says must at least be a list of columns. */
static void check_selects(struct run *run)
{
    for (size_t i = 0; i < run->config->n_datasets; i++) {
        const struct config_dataset *d = &run->config->datasets[i];
        struct rest_query q;
        struct rest_error err;
        struct arena arena;
        char text[sizeof err.message + sizeof err.details + 300];
        arena_init(&arena, 4096, SELECT_MAX);
        int r = rest_select_parse(SLICE("api_select"), slice_of(d->api_select), &arena, &q, &err);
        arena_done(&arena);
        if (r != REST_E_QUERY) continue;
        snprintf(text, sizeof text, "%s:%d: %s; %s", d->api_select_place.file, d->api_select_place.line, err.message, err.details);
        on_mistake(run, text);
    }
}

int check_against_database(struct config *config)
{
    struct run run = {.config = config};
    struct error err;
    char *password = NULL;
    check_selects(&run);
    if (!config->database.url[0]) {
        unasked(config, "it is the embedded cluster, which runs with the daemon");
        return run.mistakes > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
    }
    if (!url_is_sound(&config->database)) return EXIT_FAILURE;
    if (config->database.password_file[0] && config_read_secret(config->database.password_file, &err, &password) < 0) {
        fprintf(stderr, "cetld: %s\n", err.text);
        return EXIT_FAILURE;
    }
    struct db_conn_config c = {.conninfo = config->database.url,
                               .application_name = "cetld check",
                               .password = password,
                               .setup = SQL_SETUP,
                               .connect_timeout_ms = TIMEOUT_MS};
    struct db_conn_handler h = {.ready = on_ready, .lost = on_lost, .ctx = &run};
    become_owner(config);
    int r = loop_new(&run.loop);
    if (r == 0) r = db_conn_new(run.loop, &c, &h, &run.conn);
    if (r == 0) loop_run(run.loop);
    db_conn_free(run.conn);
    loop_free(run.loop);
    free(password);
    return r < 0 || run.mistakes > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
