/* SPDX-License-Identifier: MIT */
#include "base/error.h"

#include "base/slice.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int error_set(struct error *err, int code, const char *format, ...)
{
    if (!err) return code;
    int saved_errno = errno;
    err->sqlstate[0] = '\0';
    va_list args;
    va_start(args, format);
    vsnprintf(err->text, sizeof(err->text), format, args);
    va_end(args);
    struct slice text = slice_cut_utf8(slice_of(err->text), sizeof(err->text) - 1);
    while (text.len > 0 && (text.p[text.len - 1] == '\n' || text.p[text.len - 1] == '\r'))
        text.len--;
    err->text[text.len] = '\0';
    errno = saved_errno;
    return code;
}

const char *error_name(int code)
{
    switch (code) {
    case ERROR_CLOSED: return "connection closed";
    case ERROR_PROTOCOL: return "protocol violation";
    case ERROR_REFUSED: return "refused by the server";
    case ERROR_TOO_BIG: return "too big";
    case ERROR_CANCELLED: return "cancelled";
    default: break;
    }
    /* strerrordesc_np is static and not translated, unlike strerror, which may share a buffer between threads. */
    const char *text = code <= 0 && code > -4096 ? strerrordesc_np(-code) : NULL;
    return text ? text : "unknown error";
}
