/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as the XML that a store answers: it ends, its depth stays in bounds, and decoding makes no text longer (which object.c
 * counts on).
 */
#include "store/xml.h"

#include <stdlib.h>
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct slice body = {(const char *)data, n};
    struct buf b;
    buf_init(&b, n + 1);
    for (struct xml x = xml_of(body); xml_next(&x);) {
        if (x.depth < 1 || x.depth > XML_DEPTH_MAX) abort();
        buf_reset(&b);
        if (x.kind == XML_TEXT) xml_decode(&b, x.text);
        if (buf_check(&b) < 0) abort(); /* decoding makes no text longer */
    }
    xml_find(body, "Code");
    buf_done(&b);
    return 0;
}
