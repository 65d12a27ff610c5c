/* SPDX-License-Identifier: MIT */
#include "field.h"

#include "base/num.h"

struct json_value field_of(struct json_value object, const char *name)
{
    struct json_walk walk = json_walk_begin(object);
    while (walk.object && json_walk_next(&walk))
        if (json_means(walk.name, slice_of(name))) return walk.value;
    return (struct json_value){.kind = JSON_KIND_NULL};
}

/* U+0080 … U+009F, U+200E, U+200F, U+202A … U+202E, U+2066 … U+2069. */
static bool is_obeyed(const unsigned char *p, size_t len)
{
    if (len == 2) return p[0] == 0xc2 && p[1] < 0xa0;
    if (len != 3 || p[0] != 0xe2) return false;
    return (p[1] == 0x80 && (p[2] == 0x8e || p[2] == 0x8f || (p[2] >= 0xaa && p[2] <= 0xae))) ||
           (p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9);
}

static void put_escaped(struct buf *out, const unsigned char *p, size_t len)
{
    if (len == 1 && p[0] == '\n')
        buf_puts(out, "\\n");
    else if (len == 1 && p[0] == '\t')
        buf_puts(out, "\\t");
    else
        for (size_t i = 0; i < len; i++)
            buf_printf(out, "\\x%02x", p[i]);
}

void field_show(struct buf *out, struct slice text, bool lines)
{
    while (text.len > 0) {
        const unsigned char *p = (const unsigned char *)text.p;
        size_t len = slice_char_len(text);
        bool valid = len > 0;
        if (!valid) len = 1;
        if (lines && p[0] == '\n')
            buf_putc(out, '\n');
        else if (!valid || p[0] < ' ' || p[0] == 0x7f || is_obeyed(p, len))
            put_escaped(out, p, len);
        else
            buf_append(out, text.p, len);
        text = (struct slice){text.p + len, text.len - len};
    }
}

void field_text(struct buf *out, struct json_value v)
{
    struct buf text;
    if (v.kind == JSON_KIND_NULL) return;
    if (v.kind != JSON_KIND_STRING) return field_show(out, v.raw, false);
    buf_init(&text, out->max);
    json_unquote(&text, v.raw);
    if (buf_check(&text) < 0) out->failed = buf_check(&text);
    field_show(out, buf_slice(&text), false);
    buf_done(&text);
}

int64_t field_int(struct json_value v)
{
    int64_t n;
    return v.kind == JSON_KIND_NUMBER && num_parse_i64(v.raw, &n) == 0 ? n : 0;
}

bool field_is(struct json_value v, const char *text)
{
    return v.kind == JSON_KIND_STRING && json_means(v.raw, slice_of(text));
}

bool field_true(struct json_value v)
{
    return v.kind == JSON_KIND_TRUE;
}

size_t field_count(struct json_value v)
{
    size_t n = 0;
    for (struct json_walk walk = json_walk_begin(v); json_walk_next(&walk);)
        n++;
    return n;
}
