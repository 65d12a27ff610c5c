/* SPDX-License-Identifier: MIT */
#include "base/log.h"

#include "base/clock.h"
#include "base/repeats.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* A pipe that poll calls writable takes PIPE_BUF bytes at once, so a line of that size neither blocks nor mixes with another. */
enum { LINE_MAX_BYTES = PIPE_BUF, TEXT_MAX_BYTES = 2048, FIELD_MAX_BYTES = 512 };
enum { SAME_MAX = 5, KIND_MAX = 20 }; /* lines a minute: of the same text, of a kind */

static struct {
    _Atomic int level;
    _Atomic int journal; /* a datagram socket to the journal, or -1 */
    _Atomic uint64_t dropped;
    pthread_mutex_t lock; /* over repeats */
    struct repeats repeats;
} the_log = {.level = LOG_INFO, .journal = -1, .lock = PTHREAD_MUTEX_INITIALIZER};

void log_set_level(int level)
{
    the_log.level = level;
}

/* JOURNAL_STREAM is "device:inode" of what stderr was when systemd started us (systemd.exec(5)). */
static bool stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat st;
    char here[64];
    if (!stream || fstat(STDERR_FILENO, &st) < 0) return false;
    snprintf(here, sizeof(here), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
    return strcmp(stream, here) == 0;
}

void log_open(void)
{
    if (the_log.journal >= 0 || !stderr_is_journal()) return;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return;
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/run/systemd/journal/socket"};
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
        close(fd);
        return;
    }
    the_log.journal = fd;
}

/* A line under construction; what does not fit is left out. */
struct line {
    char text[LINE_MAX_BYTES];
    size_t len;
};

static void add(struct line *line, const char *format, ...) printf_like(2, 3);
static void add(struct line *line, const char *format, ...)
{
    size_t room = sizeof(line->text) - line->len;
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line->text + line->len, room, format, args);
    va_end(args);
    if (n > 0 && (size_t)n < room) line->len += (size_t)n;
}

static const char *level_name(int level)
{
    static const char *const names[] = {"emerg", "alert", "crit", "error", "warn", "note", "info", "debug"};
    return names[level < LOG_EMERG ? LOG_EMERG : level > LOG_DEBUG ? LOG_DEBUG : level];
}

static void fold_name(const char *name, char ret_name[32])
{
    size_t n = 0;
    for (; n < 31 && name[n]; n++)
        ret_name[n] = (char)(name[n] >= 'A' && name[n] <= 'Z' ? name[n] - 'A' + 'a' : name[n]);
    ret_name[n] = '\0';
}

/* Bytes that may be shown as they are at the start of s: a whole character that is no control character (and no backslash, but
 * where the text may have been escaped already), or 0. */
static size_t shown_len(struct slice s, bool escaped)
{
    const unsigned char *p = (const unsigned char *)s.p;
    if (p[0] < 0x20 || p[0] == 0x7f || (p[0] == '\\' && !escaped)) return 0;
    if (p[0] == 0xc2 && s.len > 1 && p[1] < 0xa0) return 0; /* C1: a terminal obeys them too */
    return slice_char_len(s);
}

static char *escape(struct slice bytes, bool escaped, char *ret_text, size_t size)
{
    size_t len = 0;
    while (bytes.len > 0 && size > 0) {
        char piece[8];
        size_t take = shown_len(bytes, escaped), n = take;
        if (take) {
            memcpy(piece, bytes.p, take);
        } else {
            const char *names = "\n\t\r\\", *at = bytes.p[0] ? strchr(names, bytes.p[0]) : NULL;
            n = (size_t)(at ? snprintf(piece, sizeof(piece), "\\%c", "ntr\\"[at - names])
                            : snprintf(piece, sizeof(piece), "\\x%02x", (unsigned char)bytes.p[0]));
            take = 1;
        }
        if (len + n >= size) break;
        memcpy(ret_text + len, piece, n);
        len += n;
        bytes.p += take;
        bytes.len -= take;
    }
    if (size > 0) ret_text[len] = '\0';
    return ret_text;
}

/* Whatever it is becomes one line. A backslash stays: names are escaped by now, and a command is to be pasted. */
static char *one_line(const char *raw, char *ret_text, size_t size)
{
    return escape(slice_of(raw), true, ret_text, size);
}

static void format_plain(int level, struct log_fields fields, const char *text, struct line *ret_line)
{
    int64_t now_us = clock_real_us();
    time_t seconds = (time_t)(now_us / 1000000);
    struct tm t = {0};
    localtime_r(&seconds, &t);
    ret_line->len = 0;
    add(ret_line, "%02d:%02d:%02d.%03d %-5s  %s", t.tm_hour, t.tm_min, t.tm_sec, (int)(now_us / 1000 % 1000), level_name(level),
        text);
    for (size_t i = 0; i < fields.n; i++) {
        if (!fields.item[i].value) continue;
        char name[32], value[FIELD_MAX_BYTES];
        fold_name(fields.item[i].name, name);
        one_line(fields.item[i].value, value, sizeof(value));
        add(ret_line, "%s%s=%s", i == 0 ? "  " : " ", name, value);
    }
    if (ret_line->len == sizeof(ret_line->text) - 1) ret_line->len--;
    add(ret_line, "\n");
}

/* The journal's native protocol: KEY=value lines. Everything is escaped, so no value holds a newline. */
static void format_journal(int level, struct log_fields fields, const char *text, struct line *ret_line)
{
    ret_line->len = 0;
    add(ret_line, "SYSLOG_IDENTIFIER=%s\nPRIORITY=%d\nMESSAGE=%s\n", program_invocation_short_name, level, text);
    for (size_t i = 0; i < fields.n; i++) {
        if (!fields.item[i].value) continue;
        char value[FIELD_MAX_BYTES];
        one_line(fields.item[i].value, value, sizeof(value));
        add(ret_line, "CETL_%s=%s\n", fields.item[i].name, value);
    }
}

static bool send_line(const struct line *line)
{
    int journal = the_log.journal;
    if (journal >= 0) return send(journal, line->text, line->len, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)line->len;
    struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (poll(&p, 1, 0) != 1 || !(p.revents & POLLOUT)) return false;
    return write(STDERR_FILENO, line->text, line->len) == (ssize_t)line->len;
}

static void emit(int level, struct log_fields fields, const char *text)
{
    struct line line;
    if (the_log.journal >= 0)
        format_journal(level, fields, text, &line);
    else
        format_plain(level, fields, text, &line);
    if (!send_line(&line)) the_log.dropped++;
}

/* What could not be written before is told first. */
static void put(int level, struct log_fields fields, const char *text)
{
    uint64_t dropped = atomic_exchange(&the_log.dropped, 0);
    if (dropped) {
        char line[128];
        snprintf(line, sizeof(line), "%llu log lines were dropped, since nobody read them", (unsigned long long)dropped);
        emit(LOG_WARNING, LOG_NO_FIELDS, line);
        if (the_log.dropped) the_log.dropped += dropped - 1; /* this one did not get out either; it is not an event */
    }
    emit(level, fields, text);
}

static bool admitted(uint64_t key, unsigned most, const char *text)
{
    pthread_mutex_lock(&the_log.lock);
    bool yes = repeats_admit(&the_log.repeats, key, most, clock_mono_us(), text);
    pthread_mutex_unlock(&the_log.lock);
    return yes;
}

/* FNV-1a. */
static uint64_t hash(const char *text)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * 0x100000001b3u;
    return h;
}

enum { SAID_MAX_BYTES = TEXT_MAX_BYTES + TEXT_MAX_BYTES / 4 };

/* One line of what is said, whatever is in it. */
printf_like(2, 0) static void format_line(char line[SAID_MAX_BYTES], const char *format, va_list args)
{
    char raw[TEXT_MAX_BYTES];
    vsnprintf(raw, sizeof raw, format, args);
    one_line(raw, line, SAID_MAX_BYTES);
}

void log_event(int level, struct log_fields fields, const char *format, ...)
{
    if (level > the_log.level) return;
    int saved_errno = errno;
    char text[SAID_MAX_BYTES];
    va_list args;
    va_start(args, format);
    format_line(text, format, args);
    va_end(args);
    if (level > LOG_WARNING || fields.n > 0 || admitted(hash(text), SAME_MAX, text)) put(level, fields, text);
    errno = saved_errno;
}

void log_kind(const void *kind, int level, struct log_fields fields, const char *format, ...)
{
    if (level > the_log.level) return;
    int saved_errno = errno;
    char text[SAID_MAX_BYTES];
    va_list args;
    va_start(args, format);
    format_line(text, format, args);
    va_end(args);
    if (admitted((uintptr_t)kind, KIND_MAX, text)) put(level, fields, text);
    errno = saved_errno;
}

void log_tick(void)
{
    char text[REPEATS_TEXT], line[REPEATS_TEXT + 64];
    unsigned n;
    for (bool more = true; more;) {
        pthread_mutex_lock(&the_log.lock);
        more = repeats_over(&the_log.repeats, clock_mono_us(), text, &n);
        pthread_mutex_unlock(&the_log.lock);
        if (!more) return;
        snprintf(line, sizeof(line), "%u more in a minute like: %s", n, text);
        if (the_log.level >= LOG_WARNING) put(LOG_WARNING, LOG_NO_FIELDS, line);
    }
}

char *log_escape(struct slice bytes, char *ret_text, size_t size)
{
    return escape(bytes, false, ret_text, size);
}
