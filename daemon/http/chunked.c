/* SPDX-License-Identifier: MIT */
#include "http/chunked.h"

#include "base/ascii.h"

enum {
    OVERHEAD_FREE = 16384, /* bytes of sizes and extensions that every body may have */
    OVERHEAD_SHARE = 16,   /* and that many more for each byte of data */
};

void http_chunked_init(struct http_chunked *c)
{
    *c = (struct http_chunked){.state = CHUNKED_SIZE_FIRST};
}

static bool refuse(struct http_chunked *c, const char *why)
{
    c->why = why;
    return false;
}

static bool size_byte(struct http_chunked *c, char ch)
{
    int digit = ascii_hex(ch);
    if (digit >= 0) {
        if (c->left >> 59) return refuse(c, "a chunk's size is too large");
        c->left = c->left << 4 | (uint64_t)digit;
        c->state = CHUNKED_SIZE;
        return true;
    }
    if (c->state == CHUNKED_SIZE_FIRST) return refuse(c, "a chunk does not begin with its size");
    if (ch != '\r' && ch != ';') return refuse(c, "a chunk's size is no hexadecimal number");
    c->state = ch == '\r' ? CHUNKED_SIZE_LF : CHUNKED_EXTENSION;
    return true;
}

static bool extension_byte(struct http_chunked *c, char ch)
{
    if (ch == '\r')
        c->state = CHUNKED_SIZE_LF;
    else if (((unsigned char)ch < ' ' && ch != '\t') || ch == 0x7f)
        return refuse(c, "a control character in a chunk's extension");
    return true;
}

/* A byte that is no data; false when it may not stand there. The last LF is the caller's. */
static bool step(struct http_chunked *c, char ch)
{
    switch (c->state) {
    case CHUNKED_SIZE_FIRST:
    case CHUNKED_SIZE: return size_byte(c, ch);
    case CHUNKED_EXTENSION: return extension_byte(c, ch);
    case CHUNKED_SIZE_LF:
        if (ch != '\n') return refuse(c, "a CR without LF behind a chunk's size");
        c->state = c->left ? CHUNKED_DATA_BYTES : CHUNKED_LAST_CR;
        return true;
    case CHUNKED_DATA_CR:
        if (ch != '\r') return refuse(c, "a chunk's data is longer than its size");
        c->state = CHUNKED_DATA_LF;
        return true;
    case CHUNKED_DATA_LF:
        if (ch != '\n') return refuse(c, "a CR without LF behind a chunk's data");
        c->state = CHUNKED_SIZE_FIRST;
        return true;
    case CHUNKED_LAST_CR:
        if (ch != '\r') return refuse(c, "trailers are not taken");
        c->state = CHUNKED_LAST_LF;
        return true;
    case CHUNKED_LAST_LF: return ch == '\n' || refuse(c, "a CR without LF behind the last chunk");
    case CHUNKED_DATA_BYTES: break;
    }
    return false;
}

static struct slice take(struct slice *bytes, size_t n)
{
    struct slice part = {bytes->p, n};
    bytes->p += n;
    bytes->len -= n;
    return part;
}

enum http_chunked_verdict http_chunked_feed(struct http_chunked *c, struct slice *bytes, struct slice *ret_data)
{
    while (bytes->len > 0) {
        if (c->state == CHUNKED_DATA_BYTES) {
            *ret_data = take(bytes, c->left < bytes->len ? (size_t)c->left : bytes->len);
            c->left -= ret_data->len;
            c->data += ret_data->len;
            if (c->left == 0) c->state = CHUNKED_DATA_CR;
            return HTTP_CHUNKED_DATA;
        }
        bool last = c->state == CHUNKED_LAST_LF;
        if (!step(c, take(bytes, 1).p[0])) return HTTP_CHUNKED_BAD;
        if (last) return HTTP_CHUNKED_END;
        if (++c->overhead > OVERHEAD_FREE + c->data * OVERHEAD_SHARE) {
            refuse(c, "chunk sizes and extensions outweigh the data");
            return HTTP_CHUNKED_BAD;
        }
    }
    return HTTP_CHUNKED_MORE;
}
