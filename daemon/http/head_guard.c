/* SPDX-License-Identifier: MIT */
#include "http/head_guard.h"

void http_head_guard_init(struct http_head_guard *g)
{
    *g = (struct http_head_guard){.state = GUARD_START};
}

static bool refuse(struct http_head_guard *g, const char *why)
{
    g->why = why;
    return false;
}

/* The step at a byte that begins a line, a CR or an LF; false when it may not stand there. */
static bool step(struct http_head_guard *g, char c)
{
    switch (g->state) {
    case GUARD_START:
        if (c == '\n') return refuse(g, "a line ends with LF alone; lines end with CR LF");
        g->state = c == '\r' ? GUARD_START_CR : GUARD_LINE;
        return true;
    case GUARD_LINE:
        if (c == '\n') return refuse(g, "a line ends with LF alone; lines end with CR LF");
        if (c == '\r') g->state = GUARD_LINE_CR;
        return true;
    case GUARD_LINE_BEGIN:
        if (c == ' ' || c == '\t') return refuse(g, "a header field is folded over several lines");
        if (c == '\n') return refuse(g, "a line ends with LF alone; lines end with CR LF");
        g->state = c == '\r' ? GUARD_END_CR : GUARD_LINE;
        return true;
    case GUARD_START_CR:
    case GUARD_LINE_CR:
    case GUARD_END_CR:
        if (c != '\n') return refuse(g, "a CR without LF");
        if (g->state == GUARD_LINE_CR) g->lines++;
        g->state = g->state == GUARD_START_CR ? GUARD_START : g->state == GUARD_LINE_CR ? GUARD_LINE_BEGIN : GUARD_END;
        return true;
    case GUARD_END: break;
    }
    return false;
}

static bool is_control(char c)
{
    return ((unsigned char)c < ' ' && c != '\t' && c != '\r' && c != '\n') || c == 0x7f;
}

enum http_head_verdict http_head_guard_feed(struct http_head_guard *g, struct slice bytes, size_t *ret_used)
{
    size_t i = 0;
    enum http_head_verdict verdict = HTTP_HEAD_MORE;
    while (i < bytes.len && g->state != GUARD_END && verdict == HTTP_HEAD_MORE) {
        char c = bytes.p[i];
        if (is_control(c) ? !refuse(g, "a control character in the head") : !step(g, c)) verdict = HTTP_HEAD_BAD;
        i++;
    }
    *ret_used = i;
    return g->state == GUARD_END ? HTTP_HEAD_END : verdict;
}
