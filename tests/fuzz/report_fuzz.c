/* SPDX-License-Identifier: MIT */
/* [report]: parameters, query and file name, with NULs between them. The pieces of a text, with what stood between them, are the
 * text. */
#include "config/report.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_pieces(struct slice text, const struct report_text *pieces, const struct report_params *params)
{
    const char *at = text.p;
    assert(pieces->n > 0);
    for (size_t i = 0; i < pieces->n; i++) {
        const struct report_piece *p = &pieces->piece[i];
        bool last = i + 1 == pieces->n;
        assert(p->text.p >= at && p->text.p + p->text.len <= text.p + text.len);
        assert(last == (p->param == REPORT_NO_PARAM) && p->param < (int)params->n);
        at = p->text.p + p->text.len;
        assert(last ? at == text.p + text.len : *at == ':' || *at == '{');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = malloc(size + 1);
    assert(copy);
    if (size) memcpy(copy, data, size);
    struct slice rest = {copy, size}, part[3];
    for (int i = 0; i < 3; i++)
        part[i] = rest.p ? slice_cut(&rest, '\0') : (struct slice){copy, 0};
    struct arena a;
    struct error err;
    struct buf out;
    struct report_params params;
    struct report_text text;
    arena_init(&a, 16384, 16 << 20);
    buf_init(&out, 16 << 20);
    if (report_params_parse(part[0], &a, &err, &params) == 0) {
        for (size_t i = 0; i < params.n; i++)
            assert(params.item[i].name[0] && params.item[i].type[0]);
        if (report_sql_parse(part[1], &params, &a, &err, &text) == 0) {
            check_pieces(part[1], &text, &params);
            report_sql(&text, &params, 1, &out);
        }
        if (report_filename_parse(part[2], &params, &a, &err, &text) == 0) check_pieces(part[2], &text, &params);
    }
    buf_done(&out);
    arena_done(&a);
    free(copy);
    return 0;
}
