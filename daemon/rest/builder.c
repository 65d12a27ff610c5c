/* SPDX-License-Identifier: MIT */
#include "rest/builder.h"

#include "base/num.h"

void rest_builder_init(struct rest_builder *b, struct arena *arena, struct rest_error *err, struct buf *out)
{
    *b = (struct rest_builder){.arena = arena, .err = err, .out = out};
}

static bool grow(struct rest_builder *b)
{
    if (b->params < b->cap) return true;
    size_t cap = b->cap ? b->cap * 2 : 16;
    if (b->params == REST_PARAMS_MAX) b->failed = ERROR_TOO_BIG;
    struct db_param *param = b->failed ? NULL : arena_array(b->arena, cap, sizeof *param);
    struct slice *name = param ? arena_array(b->arena, cap, sizeof *name) : NULL;
    if (!name) {
        if (!b->failed) b->failed = -ENOMEM;
        return false;
    }
    if (b->params > 0) {
        memcpy(param, b->param, b->params * sizeof *param);
        memcpy(name, b->name, b->params * sizeof *name);
    }
    b->param = param;
    b->name = name;
    b->cap = cap;
    return true;
}

void rest_put_number(struct buf *out, char before, size_t number)
{
    char text[NUM_I64_MAX] = "";
    buf_putc(out, before);
    size_t len = (size_t)num_write_i64((int64_t)number, text);
    buf_append(out, text, len);
}

void rest_put_param(struct rest_builder *b, struct db_param value, struct slice name)
{
    if (!grow(b)) return;
    b->param[b->params] = value;
    b->name[b->params++] = name;
    rest_put_number(b->out, '$', b->params);
}

void rest_put_text(struct rest_builder *b, struct slice text, struct slice name)
{
    rest_put_param(b, db_slice(text.p ? text : SLICE("")), name);
}

void rest_put_name(struct rest_builder *b, struct slice identifier)
{
    db_quote_identifier(b->out, identifier);
}

int rest_builder_check(const struct rest_builder *b)
{
    return b->failed ? b->failed : buf_check(b->out);
}
