/* SPDX-License-Identifier: MIT */
/*
 * Makes calls of a program fail, by LD_PRELOAD:
 *
 *     cc -shared -fPIC -o faultio.so faultio.c -ldl
 *     FAULT='rename~done#1=killafter;write~incoming#3+=ENOSPC' LD_PRELOAD=$PWD/faultio.so cetld …
 *
 * FAULT is rules with ';' between them, each  CALL[~TEXT][#N]=ACTION
 *
 *     CALL    open read write fsync rename link unlink mkdir malloc, each with its relatives (openat, pread, writev, renameat2,
 * fdatasync, calloc …); PQputCopyData PQputCopyEnd PQsendQuery (and …Params, …Prepare, …Prepared) PQgetResult ~TEXT   only when the
 * path, for rename and link the new one, contains TEXT; a descriptor's path is that of /proc/self/fd; of a PQsend… it is the SQL or
 * the statement's name #N      the N-th match (default 1); #N+ that and every later one; #* every one ACTION  ENOSPC EIO EACCES
 * EMFILE ENOMEM EINTR EDQUOT EXDEV EAGAIN ENOENT EROFS   fail with it, without doing anything short       read or write one byte
 *             kill        SIGKILL ourselves before the call;  killafter: behind it
 *             stop        SIGSTOP ourselves;  abort: abort()
 *             delay:MS    sleep first
 *
 * FAULT_LOG=FILE gets a line for each rule that fired: pid, call, path, number, action. Not for programs built with
 * AddressSanitizer, which has a malloc of its own.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define API __attribute__((visibility("default")))

enum { RULES_MAX = 16, FAULT_BYTES = 2048 };
enum outcome { PASS, FAIL, SHORT, KILL_AFTER };

struct rule {
    char call[24], text[160], action[24];
    long n;
    bool every, from; /* #*, #N+ */
    long hits;
};

static struct rule rules[RULES_MAX];
static int rules_n = -1; /* -1: FAULT was not read yet */
/* Set while we are inside ourselves: our own calls are not to be broken. */
static __thread bool inside;

static const struct {
    const char *name;
    int code;
} errors[] = {{"ENOSPC", ENOSPC}, {"EIO", EIO},     {"EACCES", EACCES}, {"EMFILE", EMFILE}, {"ENOMEM", ENOMEM}, {"EINTR", EINTR},
              {"EDQUOT", EDQUOT}, {"EXDEV", EXDEV}, {"EAGAIN", EAGAIN}, {"ENOENT", ENOENT}, {"EROFS", EROFS}};

/* The function that would have been called without us. */
#define REAL(name)                                                                                                                 \
    static __typeof__(name) *real;                                                                                                 \
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, #name)

static void copy(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from);
}

/* CALL[~TEXT][#N]=ACTION, from behind: TEXT may hold anything. Nonsense ends the program, else a test would pass without its fault.
 */
static void read_rule(char *source, struct rule *r)
{
    char *equals = strrchr(source, '=');
    if (!equals) {
        fprintf(stderr, "faultio: no action in '%s'\n", source);
        _exit(99);
    }
    *equals = '\0';
    copy(r->action, sizeof(r->action), equals + 1);
    r->n = 1;
    char *hash = strrchr(source, '#');
    if (hash) {
        *hash = '\0';
        r->every = hash[1] == '*';
        r->from = strchr(hash + 1, '+') != NULL;
        r->n = strtol(hash + 1, NULL, 10);
    }
    char *tilde = strchr(source, '~');
    if (tilde) {
        *tilde = '\0';
        copy(r->text, sizeof(r->text), tilde + 1);
    }
    copy(r->call, sizeof(r->call), source);
}

static void read_rules(void)
{
    static char source[FAULT_BYTES];
    const char *fault = getenv("FAULT");
    int n = 0;
    copy(source, sizeof(source), fault ? fault : "");
    char *rest = NULL;
    for (char *s = strtok_r(source, ";", &rest); s && n < RULES_MAX; s = strtok_r(NULL, ";", &rest))
        read_rule(s, &rules[n++]);
    rules_n = n;
}

__attribute__((constructor)) static void begin(void)
{
    inside = true;
    if (rules_n < 0) read_rules();
    inside = false;
}

static void note(const struct rule *r, const char *text, long hit)
{
    const char *path = getenv("FAULT_LOG");
    int fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644) : -1;
    if (fd < 0) return;
    dprintf(fd, "%d %s %s #%ld %s\n", (int)getpid(), r->call, text ? text : "", hit, r->action);
    close(fd);
}

static void kill_self(int number)
{
    kill(getpid(), number);
    if (number == SIGKILL) pause();
}

static enum outcome act(const char *action)
{
    if (strcmp(action, "kill") == 0) kill_self(SIGKILL);
    if (strcmp(action, "abort") == 0) abort();
    if (strcmp(action, "killafter") == 0) return KILL_AFTER;
    if (strcmp(action, "short") == 0) return SHORT;
    if (strcmp(action, "stop") == 0) {
        kill_self(SIGSTOP);
        return PASS;
    }
    if (strncmp(action, "delay:", 6) == 0) {
        long ms = strtol(action + 6, NULL, 10);
        nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
        return PASS;
    }
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        if (strcmp(action, errors[i].name) != 0) continue;
        errno = errors[i].code;
        return FAIL;
    }
    fprintf(stderr, "faultio: unknown action '%s'\n", action);
    _exit(99);
}

/* Count the call for each rule that matches it; what the first that fires says. `text` NULL: the path of `fd`. */
static enum outcome hit(const char *call, const char *text, int fd)
{
    if (inside || rules_n == 0) return PASS;
    if (rules_n < 0) begin();
    inside = true;
    char link[64], path[PATH_MAX];
    enum outcome outcome = PASS;
    int saved = errno;
    for (int i = 0; i < rules_n; i++) {
        struct rule *r = &rules[i];
        if (strcmp(r->call, call) != 0) continue;
        if (*r->text && !text && fd >= 0) {
            snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
            ssize_t n = readlink(link, path, sizeof(path) - 1);
            path[n > 0 ? n : 0] = '\0';
            text = path;
        }
        if (*r->text && (!text || !strstr(text, r->text))) continue;
        long count = __atomic_add_fetch(&r->hits, 1, __ATOMIC_RELAXED);
        if (outcome != PASS) continue; /* an earlier rule has fired, but this one counts all the same */
        if (!r->every && count != r->n && !(r->from && count > r->n)) continue;
        note(r, text, count);
        errno = saved;
        outcome = act(r->action);
    }
    inside = false;
    return outcome;
}

static void behind(enum outcome outcome)
{
    if (outcome == KILL_AFTER) kill_self(SIGKILL);
}

/*
 * TYPE NAME PARAMETERS, which calls the real one with ARGUMENTS unless a rule for CALL (matched with TEXT and FD) makes it return
 * FAILED.
 */
#define WRAP(type, name, parameters, arguments, call, text, fd, failed)                                                            \
    API type name parameters                                                                                                       \
    {                                                                                                                              \
        REAL(name);                                                                                                                \
        enum outcome outcome = hit(call, text, fd);                                                                                \
        if (outcome == FAIL) return failed;                                                                                        \
        type result = real arguments;                                                                                              \
        behind(outcome);                                                                                                           \
        return result;                                                                                                             \
    }

/* For read and write: `n` becomes 1 when the rule says short. */
#define WRAP_BYTES(name, parameters, arguments, call)                                                                              \
    API ssize_t name parameters                                                                                                    \
    {                                                                                                                              \
        REAL(name);                                                                                                                \
        enum outcome outcome = hit(call, NULL, fd);                                                                                \
        if (outcome == FAIL) return -1;                                                                                            \
        if (outcome == SHORT && n > 1) n = 1;                                                                                      \
        ssize_t result = real arguments;                                                                                           \
        behind(outcome);                                                                                                           \
        return result;                                                                                                             \
    }

/* DIR/PATH for a match: by the descriptor's own path, so that ~done matches a rename to "a.csv" in done/. */
static const char *joined(int dir, const char *path, char text[2 * PATH_MAX])
{
    char link[64];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", dir);
    ssize_t n = dir >= 0 && *path != '/' ? readlink(link, text, PATH_MAX) : 0;
    if (n < 0) n = 0;
    snprintf(text + n, PATH_MAX, "%s%s", n > 0 ? "/" : "", path);
    return text;
}

/* open and its relatives take a mode only with some flags; to pass on a word too many harms nobody. */
#define WRAP_OPEN(name, dir, parameters, arguments)                                                                                \
    API int name parameters                                                                                                        \
    {                                                                                                                              \
        REAL(name);                                                                                                                \
        va_list list;                                                                                                              \
        va_start(list, flags);                                                                                                     \
        mode_t mode = va_arg(list, mode_t);                                                                                        \
        va_end(list);                                                                                                              \
        char text[2 * PATH_MAX];                                                                                                   \
        enum outcome outcome = rules_n == 0 || inside ? PASS : hit("open", joined(dir, path, text), -1);                           \
        if (outcome == FAIL) return -1;                                                                                            \
        int result = real arguments;                                                                                               \
        behind(outcome);                                                                                                           \
        return result;                                                                                                             \
    }

WRAP_OPEN(open, AT_FDCWD, (const char *path, int flags, ...), (path, flags, mode))
WRAP_OPEN(open64, AT_FDCWD, (const char *path, int flags, ...), (path, flags, mode))
WRAP_OPEN(openat, dir, (int dir, const char *path, int flags, ...), (dir, path, flags, mode))
WRAP_OPEN(openat64, dir, (int dir, const char *path, int flags, ...), (dir, path, flags, mode))

WRAP_BYTES(read, (int fd, void *p, size_t n), (fd, p, n), "read")
WRAP_BYTES(pread, (int fd, void *p, size_t n, off_t at), (fd, p, n, at), "read")
WRAP_BYTES(pread64, (int fd, void *p, size_t n, off64_t at), (fd, p, n, at), "read")
WRAP_BYTES(write, (int fd, const void *p, size_t n), (fd, p, n), "write")
WRAP_BYTES(pwrite, (int fd, const void *p, size_t n, off_t at), (fd, p, n, at), "write")
WRAP_BYTES(pwrite64, (int fd, const void *p, size_t n, off64_t at), (fd, p, n, at), "write")
/* What _FORTIFY_SOURCE makes of them. */
API ssize_t __read_chk(int fd, void *p, size_t n, size_t room);
API ssize_t __pread_chk(int fd, void *p, size_t n, off_t at, size_t room);
API ssize_t __pread64_chk(int fd, void *p, size_t n, off64_t at, size_t room);
WRAP_BYTES(__read_chk, (int fd, void *p, size_t n, size_t room), (fd, p, n, room), "read")
WRAP_BYTES(__pread_chk, (int fd, void *p, size_t n, off_t at, size_t room), (fd, p, n, at, room), "read")
WRAP_BYTES(__pread64_chk, (int fd, void *p, size_t n, off64_t at, size_t room), (fd, p, n, at, room), "read")
WRAP_BYTES(writev, (int fd, const struct iovec *v, int n), (fd, v, n), "write")

WRAP(int, fsync, (int fd), (fd), "fsync", NULL, fd, -1)
WRAP(int, fdatasync, (int fd), (fd), "fsync", NULL, fd, -1)
WRAP(int, rename, (const char *from, const char *to), (from, to), "rename", to, -1, -1)
WRAP(int, mkdir, (const char *path, mode_t mode), (path, mode), "mkdir", path, -1, -1)
WRAP(int, mkdirat, (int dir, const char *path, mode_t mode), (dir, path, mode), "mkdir", path, -1, -1)
WRAP(int, link, (const char *from, const char *to), (from, to), "link", to, -1, -1)
WRAP(int, unlink, (const char *path), (path), "unlink", path, -1, -1)

#define WRAP_AT(name, parameters, arguments, call, dir, path)                                                                      \
    API int name parameters                                                                                                        \
    {                                                                                                                              \
        REAL(name);                                                                                                                \
        char text[2 * PATH_MAX];                                                                                                   \
        enum outcome outcome = rules_n == 0 || inside ? PASS : hit(call, joined(dir, path, text), -1);                             \
        if (outcome == FAIL) return -1;                                                                                            \
        int result = real arguments;                                                                                               \
        behind(outcome);                                                                                                           \
        return result;                                                                                                             \
    }

WRAP_AT(renameat, (int from_dir, const char *from, int to_dir, const char *to), (from_dir, from, to_dir, to), "rename", to_dir, to)
WRAP_AT(renameat2, (int from_dir, const char *from, int to_dir, const char *to, unsigned flags),
        (from_dir, from, to_dir, to, flags), "rename", to_dir, to)
WRAP_AT(linkat, (int from_dir, const char *from, int to_dir, const char *to, int flags), (from_dir, from, to_dir, to, flags),
        "link", to_dir, to)
WRAP_AT(unlinkat, (int dir, const char *path, int flags), (dir, path, flags), "unlink", dir, path)

/* dlsym itself allocates, so malloc goes to glibc by its own names. */
extern void *__libc_malloc(size_t n), *__libc_calloc(size_t n, size_t size), *__libc_realloc(void *p, size_t n);

/* Not before the constructor ran: until then nobody can handle it. */
static bool no_memory(void)
{
    return rules_n > 0 && hit("malloc", NULL, -1) == FAIL;
}
API void *malloc(size_t n)
{
    return no_memory() ? NULL : __libc_malloc(n);
}
API void *calloc(size_t n, size_t size)
{
    return no_memory() ? NULL : __libc_calloc(n, size);
}
API void *realloc(void *p, size_t n)
{
    return no_memory() ? NULL : __libc_realloc(p, n);
}

/* libpq, without its header: an injector for any program. */
API int PQputCopyData(void *c, const char *p, int n);
API int PQputCopyEnd(void *c, const char *message);
API int PQsendQuery(void *c, const char *sql);
API int PQsendQueryParams(void *c, const char *sql, int n, const void *types, const void *values, const void *lengths,
                          const void *formats, int result_format);
API int PQsendPrepare(void *c, const char *name, const char *sql, int n, const void *types);
API int PQsendQueryPrepared(void *c, const char *name, int n, const void *values, const void *lengths, const void *formats,
                            int result_format);
API void *PQgetResult(void *c);

WRAP(int, PQputCopyData, (void *c, const char *p, int n), (c, p, n), "PQputCopyData", NULL, -1, -1)
WRAP(int, PQputCopyEnd, (void *c, const char *message), (c, message), "PQputCopyEnd", NULL, -1, -1)
WRAP(int, PQsendQuery, (void *c, const char *sql), (c, sql), "PQsendQuery", sql, -1, 0)
WRAP(int, PQsendQueryParams,
     (void *c, const char *sql, int n, const void *types, const void *values, const void *lengths, const void *formats,
      int result_format),
     (c, sql, n, types, values, lengths, formats, result_format), "PQsendQuery", sql, -1, 0)
WRAP(int, PQsendPrepare, (void *c, const char *name, const char *sql, int n, const void *types), (c, name, sql, n, types),
     "PQsendQuery", sql, -1, 0)
WRAP(int, PQsendQueryPrepared,
     (void *c, const char *name, int n, const void *values, const void *lengths, const void *formats, int result_format),
     (c, name, n, values, lengths, formats, result_format), "PQsendQuery", name, -1, 0)
WRAP(void *, PQgetResult, (void *c), (c), "PQgetResult", NULL, -1, NULL)
