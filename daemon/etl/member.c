/* SPDX-License-Identifier: MIT */
#include "etl/member.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    SPARE = 512, /* it may have grown a little since it was looked at; more than that and it goes its own way */
    COST = 8,    /* as in pipeline.c: a chunk and what it is converted to */
    HEAD_COST = 24 * 1024,
    REJECTS_COST = 1024,
    MEMBER_BYTES_MAX = 1024 * 1024,
    COPY_MAX = 1024 * 1024 * 1024,
};

size_t member_cost(uint64_t file_bytes)
{
    return (size_t)(file_bytes + SPARE) * COST + HEAD_COST + REJECTS_COST;
}

/* Records behind the first chunk's: text is longer than what it was packed in. They must stand right behind: in a zip file a
 * further member's header is left out, and the last record before it may lack its line end. */
static int append(struct chunk *to, const struct chunk *more, char line_byte)
{
    size_t have = to->bytes.len, n = have + more->bytes.len;
    bool joins = more->first_offset == to->first_offset + have && have > 0 && to->bytes.p[have - 1] == line_byte;
    char *memory = joins && n <= MEMBER_BYTES_MAX ? realloc(to->memory, n) : NULL;
    if (!memory) return -ENOMEM;
    memcpy(memory + have, more->bytes.p, more->bytes.len);
    to->memory = memory;
    to->bytes = (struct slice){memory, n};
    return 0;
}

static int read_whole(struct member *m, const struct member_input *in)
{
    struct cutter c;
    struct error err;
    struct cutter_input input = {.fd = m->head.fd,
                                 .st = m->head.st,
                                 .dialect = m->head.plan_head.dialect,
                                 .options = m->head.input,
                                 .chunk_bytes = (size_t)m->head.st.st_size + SPARE,
                                 .max_record = in->max_record};
    int r = cutter_init(&c, &input);
    if (r < 0) return r;
    head_hand_over(&m->head, &c);
    r = cutter_next(&c, &m->chunk, &err);
    while (r == 0) {
        struct chunk more = {0};
        r = cutter_next(&c, &more, &err);
        if (r == 0) r = append(&m->chunk, &more, dialect_line_byte(&input.dialect));
        chunk_done(&more);
    }
    if (r == CUTTER_E_END) cutter_sum(&c, m->sum);
    cutter_done(&c);
    return r == CUTTER_E_END ? 0 : -EIO;
}

void member_read(struct member *m, const struct member_input *in)
{
    head_init(&m->head, -1, &in->declared, in->max_record);
    m->headed = true;
    m->head.place = in->place;
    m->head.file = &m->arrival->file;
    m->head.keep = true;
    head_run(&m->head);
    /* What has grown since it was claimed is counted by what it was then. */
    bool fits = m->head.rc == 0 && m->head.st.st_size <= m->arrival->file.st.st_size;
    if (!fits || read_whole(m, in) != 0) m->fate = MEMBER_ALONE;
    if (m->head.fd >= 0) close(m->head.fd);
    m->head.fd = -1;
}

void member_forget_head(struct member *m)
{
    if (m->headed) head_done(&m->head);
    m->headed = false;
}

void member_done(struct member *m)
{
    member_forget_head(m);
    chunk_done(&m->chunk);
    reject_list_done(&m->rejects);
}

bool member_same_shape(const struct member *a, const struct member *b)
{
    const struct plan_head *x = &a->head.plan_head, *y = &b->head.plan_head;
    /* Bytes that pad the struct may differ: then they are taken for different, which costs time only. */
    /* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison,cert-exp42-c,cert-flp37-c) */
    if (memcmp(&x->dialect, &y->dialect, sizeof x->dialect) != 0 || x->cells != y->cells) return false;
    /* Without a header both are empty. */
    return slice_equal(x->raw, y->raw);
}

/* Lists that are not whole would make an .errors.csv that is not either. */
static bool within_budget(const struct member *m, const struct config_budget *b)
{
    return m->rejects.n == m->rejects.count && config_budget_allows(b, m->rejects.count, m->rows_read);
}

static int convert(struct member_work *w, struct member *m)
{
    struct convert_output out;
    m->chunk.name = slice_of(m->arrival->file.name);
    int r = convert_chunk(w->plan, &m->chunk, &w->bench, &out);
    if (r == 0) {
        m->rows_read = out.rows_read;
        m->rows_filtered = out.rows_filtered;
        reject_list_done(&m->rejects);
        m->rejects = out.rejects;
        reject_list_init(&out.rejects, 0);
        if (within_budget(m, w->budget))
            buf_put(&w->copy, buf_slice(&out.copy));
        else
            m->fate = MEMBER_ALONE;
    }
    convert_output_done(&out);
    return r;
}

/* The run once from its start; `ret_left`: how many left the group. */
static int convert_all(struct member_work *w, size_t *ret_left)
{
    *ret_left = 0;
    if (w->first) convert_header(w->plan, &w->copy);
    int r = convert_bench_init(&w->bench, w->plan);
    for (size_t i = 0; i < w->n && r == 0; i++) {
        if (w->member[i].fate != MEMBER_IN) continue;
        r = convert(w, &w->member[i]);
        *ret_left += w->member[i].fate != MEMBER_IN;
    }
    if (w->last) convert_trailer(w->plan, &w->copy);
    return r != 0 ? r : buf_check(&w->copy);
}

int members_convert(struct member_work *w)
{
    size_t left;
    buf_init(&w->copy, COPY_MAX);
    int r = convert_all(w, &left);
    if (r == 0 && left > 0 && w->plan->rollups > 0) {
        /* Their rows are in the partials, from where nothing can be taken back: the others once more. */
        convert_bench_done(&w->bench, w->plan);
        buf_reset(&w->copy);
        r = convert_all(w, &left);
    }
    for (size_t i = 0; i < w->n; i++)
        chunk_done(&w->member[i].chunk);
    return r;
}
