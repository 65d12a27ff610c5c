/* SPDX-License-Identifier: MIT */
/* A value in the server's binary form, as PQgetvalue has it. */
#ifndef CETLD_TEST_SERVER_VALUE_H
#define CETLD_TEST_SERVER_VALUE_H

#include "data/type.h"

/* The result may point into `p`. */
static inline union value server_value(enum type_id id, const char *p, int len)
{
    if (id == TYPE_BPCHAR)
        while (len > 0 && p[len - 1] == ' ')
            len--;
    if (!type_info(id)->fixed || len == 0) return (union value){.s = {p, (size_t)len}};
    uint64_t bits = 0;
    for (int i = 0; i < len; i++)
        bits = bits << 8 | (unsigned char)p[i];
    if (id == TYPE_FLOAT4) {
        uint32_t half = (uint32_t)bits;
        float f;
        memcpy(&f, &half, sizeof(f));
        return (union value){.f = (double)f};
    }
    if (id == TYPE_FLOAT8) {
        double f;
        memcpy(&f, &bits, sizeof(f));
        return (union value){.f = f};
    }
    return (union value){.i = (int64_t)(bits << (64 - 8 * len)) >> (64 - 8 * len)};
}

#endif
