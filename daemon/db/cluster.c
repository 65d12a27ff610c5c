/* SPDX-License-Identifier: MIT */
#include "db/cluster.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/fs.h"
#include "base/num.h"
#include "base/sandbox.h"

#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>

enum { SMALL_FILE_BYTES = 64 * 1024, WALK_DESCRIPTORS = 16, PORT = 5432 };

/* Names */

static char *join(const char *folder, const char *name)
{
    char *path;
    return asprintf(&path, "%s/%s", folder, name) < 0 ? NULL : path;
}

/* libpq's keyword form: in single quotes, with a backslash before quotes and backslashes. */
static char *conninfo_for(const struct db_cluster *k, const char *database)
{
    struct buf b;
    buf_init(&b, PATH_MAX * 3);
    buf_puts(&b, "host='");
    for (const char *p = k->run; *p; p++) {
        if (*p == '\'' || *p == '\\') buf_putc(&b, '\\');
        buf_putc(&b, *p);
    }
    buf_printf(&b, "' port=%d user=cetl dbname=%s", PORT, database);
    return buf_steal(&b, NULL);
}

int db_cluster_init(struct db_cluster *k, const char *state)
{
    *k = (struct db_cluster){.uid = getuid(), .gid = getgid()};
    cleanup_free char *here = state[0] == '/' ? NULL : getcwd(NULL, 0);
    if (state[0] != '/' && !here) return -errno;
    k->state = here ? join(here, state) : strdup(state);
    if (!k->state) return -ENOMEM;
    k->data = join(k->state, "postgresql");
    k->fresh = join(k->state, "postgresql.new");
    k->run = join(k->state, "run");
    if (!k->data || !k->fresh || !k->run) return -ENOMEM;
    k->settings = join(k->run, "cetld.conf");
    k->log = join(k->run, "start.log");
    k->conninfo = conninfo_for(k, "cetl");
    k->maintenance = conninfo_for(k, "postgres");
    return k->settings && k->log && k->conninfo && k->maintenance ? 0 : -ENOMEM;
}

void db_cluster_done(struct db_cluster *k)
{
    char *all[] = {k->state, k->data, k->fresh, k->run, k->settings, k->log, k->bin, k->conninfo, k->maintenance};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        free(all[i]);
    *k = (struct db_cluster){0};
}

/* Checks */

static int check_socket_path(const struct db_cluster *k, struct error *err)
{
    size_t len = strlen(k->run) + strlen("/.s.PGSQL.5432"), max = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;
    if (len > max)
        return error_set(
            err, -ENAMETOOLONG,
            "the path of the database's socket, %s/.s.PGSQL.%d, has %zu bytes; unix sockets allow %zu: choose a shorter `state`",
            k->run, PORT, len, max);
    if (strchr(k->run, ','))
        return error_set(err, -EINVAL,
                         "the state folder %s has a comma in its path, which libpq takes for a list: choose another `state`",
                         k->state);
    return 0;
}

/* Started as root: the user that the programs run as. */
static int choose_user(struct db_cluster *k, struct error *err)
{
    k->switch_user = getuid() == 0;
    if (!k->switch_user) return 0;
    struct stat st;
    const struct passwd *user = NULL;
    if (stat(k->data, &st) == 0) {
        k->uid = st.st_uid;
        k->gid = st.st_gid;
        if (k->uid) return 0;
        return error_set(err, -EPERM, "%s belongs to root, as whom PostgreSQL does not run: chown -R postgres: %s", k->data,
                         k->data);
    }
    static const char *const names[] = {"cetl", "postgres", "nobody"};
    for (size_t i = 0; i < sizeof names / sizeof names[0] && !user; i++)
        user = getpwnam(names[i]);
    if (!user) return error_set(err, -ENOENT, "PostgreSQL does not run as root: make a system user `cetl` for it");
    k->uid = user->pw_uid;
    k->gid = user->pw_gid;
    return 0;
}

static bool may_enter(const struct stat *st, uid_t uid, gid_t gid)
{
    if (st->st_uid == uid) return st->st_mode & S_IXUSR;
    return st->st_mode & (st->st_gid == gid ? S_IXGRP : S_IXOTH);
}

/* The user must get through every folder above the data. */
static int check_way(const struct db_cluster *k, struct error *err)
{
    if (!k->switch_user) return 0;
    cleanup_free char *path = strdup(k->state);
    if (!path) return error_set(err, -ENOMEM, "no memory");
    for (;;) {
        struct stat st;
        if (stat(path[0] ? path : "/", &st) < 0) return error_set(err, -errno, "cannot look at %s: %s", path, error_name(-errno));
        if (!may_enter(&st, k->uid, k->gid)) {
            const struct passwd *user = getpwuid(k->uid);
            return error_set(err, -EACCES,
                             "user %s, as whom the embedded PostgreSQL runs, may not enter %s (mode %04o): chmod o+x %s, or choose "
                             "another `state`",
                             user ? user->pw_name : "?", path, (unsigned)(st.st_mode & 07777), path);
        }
        char *slash = strrchr(path, '/');
        if (!slash || !path[0]) return 0;
        *slash = '\0';
    }
}

/* Programs */

static char *dirname_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? strndup(path, (size_t)(slash - path)) : NULL;
}

#define DEBIAN_HOME "/usr/lib/postgresql/" /* each version's folder lies there */

/* The number at the beginning of the text, or 0. */
static int leading_number(const char *text)
{
    uint64_t n;
    struct slice digits = {text, strspn(text, "0123456789")};
    return num_parse_u64(digits, &n) == 0 && n <= INT_MAX ? (int)n : 0;
}

/* The version in the path of Debian's programs, or 0. */
static int version_in_path(const char *path)
{
    return strncmp(path, DEBIAN_HOME, strlen(DEBIAN_HOME)) == 0 ? leading_number(path + strlen(DEBIAN_HOME)) : 0;
}

/* PG_VERSION of the data folder, or 0. */
static int data_version(const struct db_cluster *k)
{
    cleanup_free char *path = join(k->data, "PG_VERSION"), *text = NULL;
    size_t len;
    if (!path || fs_read_small(AT_FDCWD, path, SMALL_FILE_BYTES, &text, &len) < 0) return 0;
    return leading_number(text);
}

/* The greatest N of /usr/lib/postgresql/N/bin with an initdb, or 0. */
static int newest_version(void)
{
    glob_t found;
    int newest = 0;
    if (glob(DEBIAN_HOME "*/bin/initdb", 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++) {
            int n = version_in_path(found.gl_pathv[i]);
            if (n > newest) newest = n;
        }
    }
    globfree(&found);
    return newest;
}

/* Data made by a version keep to it, for as long as its programs are there. */
static int find_programs(struct db_cluster *k, const char *pg_bin, struct error *err)
{
    int made_by = data_version(k), newest = newest_version();
    cleanup_free char *postgres = NULL;
    int n = pg_bin && pg_bin[0] ? asprintf(&postgres, "%s/postgres", pg_bin)
                                : asprintf(&postgres, DEBIAN_HOME "%d/bin/postgres", made_by ? made_by : newest);
    if (n < 0) return error_set(err, -ENOMEM, "no memory");
    if (access(postgres, X_OK) == 0) {
        k->bin = dirname_of(postgres);
        int in_path = version_in_path(postgres);
        if (made_by && in_path && in_path != made_by)
            return error_set(err, -EINVAL,
                             "%s was made by PostgreSQL %d, but `pg_bin` is %s: set pg_bin = /usr/lib/postgresql/%d/bin, or "
                             "upgrade the data with pg_upgrade",
                             k->data, made_by, pg_bin, made_by);
        return k->bin ? 0 : error_set(err, -ENOMEM, "no memory");
    }
    if (pg_bin && pg_bin[0])
        return error_set(err, -ENOENT, "there is no postgres in `pg_bin` %s: correct it, or leave it out", pg_bin);
    if (made_by)
        return error_set(err, -ENOENT,
                         "%s was made by PostgreSQL %d, whose programs are not there%s: apt install postgresql-%d, or upgrade the "
                         "data with pg_upgrade",
                         k->data, made_by, newest ? " (another version is)" : "", made_by);
    return error_set(
        err, -ENOENT,
        "no PostgreSQL server in /usr/lib/postgresql for the embedded cluster: apt install postgresql, set `pg_bin`, or set `url` "
        "to a server that exists");
}

/* Folders */

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static int own_folder(const struct db_cluster *k, const char *path, struct error *err)
{
    int r = mkdir(path, 0700) < 0 && errno != EEXIST ? -errno : 0;
    if (r == 0 && k->switch_user && lchown(path, k->uid, k->gid) < 0) r = -errno;
    if (r == 0 && chmod(path, 0700) < 0) r = -errno;
    return r < 0 ? error_set(err, r, "cannot make the folder %s: %s", path, error_name(r)) : 0;
}

static int write_settings(const struct db_cluster *k, struct error *err)
{
    struct buf b;
    buf_init(&b, SMALL_FILE_BYTES);
    buf_puts(&b, "# Written by cetld at each start. Settings of your own go into the postgresql.conf that is included below.\n"
                 "jit = off\n"
                 "max_prepared_transactions = 64\n"
                 "max_wal_size = 2GB\n"
                 "cluster_name = 'cetld'\n"
                 "logging_collector = on\n"
                 "log_filename = 'postgresql-%a.log'\n"
                 "log_truncate_on_rotation = on\n"
                 "log_rotation_age = 1d\n"
                 "include '");
    for (const char *p = k->data; *p; p++) {
        if (*p == '\'' || *p == '\\') buf_putc(&b, *p);
        buf_putc(&b, *p);
    }
    buf_puts(&b, "/postgresql.conf'\n");
    int r = buf_check(&b);
    if (r == 0) r = fs_write_small(AT_FDCWD, k->settings, 0644, buf_slice(&b));
    buf_done(&b);
    return r < 0 ? error_set(err, r, "cannot write %s: %s", k->settings, error_name(r)) : 0;
}

int db_cluster_open(struct db_cluster *k, const char *pg_bin, struct error *err)
{
    int r = check_socket_path(k, err);
    if (r < 0) return r;
    r = fs_mkdir_all(k->state, 0755);
    if (r < 0) {
        error_set(err, r, "cannot make the state folder %s: %s", k->state, error_name(r));
        sandbox_advise(r, k->state, err);
        return r;
    }
    r = choose_user(k, err);
    if (r == 0) r = check_way(k, err);
    if (r == 0) r = find_programs(k, pg_bin, err);
    if (r == 0) r = own_folder(k, k->run, err);
    if (r == 0) r = write_settings(k, err);
    if (r < 0 || db_cluster_exists(k)) return r;
    struct stat st;
    if (stat(k->data, &st) == 0 && rmdir(k->data) < 0)
        return error_set(err, -EEXIST, "%s holds something that is no PostgreSQL cluster (no PG_VERSION): move it away", k->data);
    /* What an initdb left that was cut off. */
    nftw(k->fresh, remove_entry, WALK_DESCRIPTORS, FTW_DEPTH | FTW_PHYS);
    return own_folder(k, k->fresh, err);
}

bool db_cluster_exists(const struct db_cluster *k)
{
    return data_version(k) != 0;
}

int db_cluster_commit(const struct db_cluster *k)
{
    if (rename(k->fresh, k->data) < 0) return -errno;
    /* Once in a cluster's life. Without it a power cut might bring the old name back, under which the next start clears away. */
    cleanup_fd int folder = fs_open_dir(AT_FDCWD, k->state);
    return folder < 0 ? folder : fs_sync_dir(folder);
}

/* The postmaster */

static pid_t pid_in_file(const struct db_cluster *k)
{
    cleanup_free char *path = join(k->data, "postmaster.pid"), *text = NULL;
    size_t len;
    if (!path || fs_read_small(AT_FDCWD, path, SMALL_FILE_BYTES, &text, &len) < 0) return 0;
    struct slice rest = {text, len};
    int64_t pid;
    if (num_parse_i64(slice_trim(slice_cut(&rest, '\n')), &pid) != 0 || pid <= 1 || pid > INT_MAX) return 0;
    return (pid_t)pid;
}

static bool works_in(pid_t pid, const char *folder)
{
    char link[64];
    struct stat theirs, ours;
    snprintf(link, sizeof link, "/proc/%d/cwd", (int)pid);
    return stat(link, &theirs) == 0 && stat(folder, &ours) == 0 && theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino;
}

pid_t db_cluster_postmaster(const struct db_cluster *k)
{
    pid_t pid = pid_in_file(k);
    return pid && works_in(pid, k->data) ? pid : 0;
}

void db_cluster_clear_stale_pid(const struct db_cluster *k)
{
    pid_t pid = pid_in_file(k);
    if (!pid || kill(pid, 0) < 0 || works_in(pid, k->data)) return;
    cleanup_free char *path = join(k->data, "postmaster.pid");
    /* Backends that outlived their postmaster are found by PostgreSQL all the same, by the shared memory of the data folder's
     * inode. */
    if (path) unlink(path);
}

void db_cluster_last_words(const struct db_cluster *k, char *ret_line, size_t size)
{
    ret_line[0] = '\0';
    cleanup_free char *text = NULL;
    size_t len;
    if (fs_read_small(AT_FDCWD, k->log, SMALL_FILE_BYTES, &text, &len) < 0) return;
    for (struct slice rest = {text, len}; rest.p;) {
        struct slice line = slice_trim(slice_cut(&rest, '\n'));
        /* A hint follows its error and says less. */
        if (line.len && !memmem(line.p, line.len, "HINT:", 5)) snprintf(ret_line, size, SLICE_FMT, SLICE_ARG(line));
    }
}
