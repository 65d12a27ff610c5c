/* SPDX-License-Identifier: MIT */
#include "../spool/folder.h"
#include "etl/member.h"
#include "etl/plan.h"
#include "fixture.h"

/* A spool with claimed files, and a dataset t (id bigint not null, x text) with a rollup over id. */
struct fixture {
    char *dir;
    struct place place;
    struct dataset *dataset;
    struct member_input in;
    struct arrival arrival[8];
    struct member member[8];
    size_t n;
};

static const char CONFIG[] = "[dataset t]\nfiles = *.csv\ncolumns = id bigint not null, x text\nmax_errors = 1\n"
                             "[rollup t.r]\ngroup = x\nmeasure = count(*) as n\n";

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct error err;
    struct table_column column[] = {fixture_column("id", TYPE_INT8), fixture_column("x", TYPE_TEXT)};
    column[0].not_null = true;
    f->dir = folder_new(NULL);
    assert_int_equal(place_open(&f->place, f->dir, &err), 0);
    f->dataset = fixture_dataset(CONFIG, column, 2);
    assert_int_equal(dataset_resolve_rollups(f->dataset), 0);
    f->in = (struct member_input){
        .place = &f->place, .declared = head_declare(f->dataset->owner, f->dataset->config), .max_record = 1 << 20};
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < f->n; i++) {
        member_done(&f->member[i]);
        place_file_done(&f->arrival[i].file);
    }
    dataset_unref(f->dataset);
    place_close(&f->place);
    folder_free(f->dir);
    free(f);
    return 0;
}

/* Drop, claim and read one more. */
static struct member *add(struct fixture *f, const char *text)
{
    char name[32], token[PLACE_TOKEN_MAX];
    struct error err;
    struct member *m = &f->member[f->n];
    snprintf(name, sizeof name, "incoming/%zu.csv", f->n);
    folder_write(f->dir, name, text);
    place_token(&f->place, token);
    m->arrival = &f->arrival[f->n++];
    assert_int_equal(
        place_claim(&f->place, &(struct place_wish){.path = strchr(name, '/') + 1, .token = token}, &err, &m->arrival->file), 0);
    member_read(m, &f->in);
    return m;
}

static void file_is_read_whole_also_without_its_last_line_end(void **state)
{
    struct fixture *f = *state;
    struct member *m = add(f, "id,x\n1,a\n2,b");
    assert_int_equal(m->fate, MEMBER_IN);
    assert_true(slice_equal(m->chunk.bytes, SLICE("id,x\n1,a\n2,b")));
    uint8_t sum[DIGEST_BYTES];
    struct digest d;
    assert_int_equal(digest_init(&d), 0);
    digest_update(&d, "id,x\n1,a\n2,b", 12);
    digest_final(&d, sum);
    digest_done(&d);
    assert_memory_equal(m->sum, sum, sizeof sum);
    assert_int_equal(m->arrival->file.fd, -1);
}

static void what_is_unusual_goes_alone(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(add(f, "")->fate, MEMBER_ALONE);
    assert_int_equal(add(f, "id,x\n1,\"open\n")->fate, MEMBER_ALONE);
    struct member *grown = add(f, "id,x\n1,a\n");
    assert_int_equal(grown->fate, MEMBER_IN);
    char path[64];
    snprintf(path, sizeof path, "work/%s=2.csv", grown->arrival->file.token);
    folder_write(f->dir, path, "id,x\n1,a\n2,b\n");
    member_done(grown);
    *grown = (struct member){.arrival = grown->arrival};
    member_read(grown, &f->in);
    assert_int_equal(grown->fate, MEMBER_ALONE);
}

static void only_one_header_shares_a_plan(void **state)
{
    struct fixture *f = *state;
    struct member *a = add(f, "id,x\n1,a\n"), *b = add(f, "id,x\n2,b\n"), *turned = add(f, "x,id\na,1\n"),
                  *other = add(f, "id;x\n1;a\n");
    assert_true(member_same_shape(a, b));
    assert_false(member_same_shape(a, turned));
    assert_false(member_same_shape(a, other));
}

static void one_over_budget_leaves_neither_rows_nor_partials(void **state)
{
    struct fixture *f = *state;
    struct plan *plan = NULL;
    struct error err;
    add(f, "id,x\n1,a\n2,b\n");
    add(f, "id,x\n3,a\nq,a\nr,a\n");
    add(f, "id,x\n4,a\ns,a\n");
    assert_int_equal(plan_new(f->dataset, &f->member[0].head.plan_head, &err, &plan), 0);
    plan->convert.aggregate_max = 1 << 20;
    struct member_work w = {.member = f->member, .n = f->n, .plan = &plan->convert, .budget = &f->dataset->config->max_errors};
    assert_int_equal(members_convert(&w), 0);
    assert_int_equal(f->member[0].fate, MEMBER_IN);
    assert_int_equal(f->member[1].fate, MEMBER_ALONE);
    assert_int_equal(f->member[2].fate, MEMBER_IN);
    assert_int_equal(f->member[2].rows_read, 2);
    assert_int_equal(f->member[2].rejects.count, 1);
    assert_int_equal(f->member[2].rejects.item[0].line, 3);

    /* The same from the two that stay: neither COPY bytes nor groups may differ. */
    struct fixture only = {.place = f->place, .dir = f->dir, .in = f->in, .dataset = f->dataset};
    only.n = 4; /* other names */
    add(&only, "id,x\n1,a\n2,b\n");
    add(&only, "id,x\n4,a\ns,a\n");
    struct member_work two = w;
    two.member = &only.member[4];
    two.n = 2;
    assert_int_equal(members_convert(&two), 0);
    assert_true(slice_equal(buf_slice(&w.copy), buf_slice(&two.copy)));
    struct batch left, right;
    size_t at = 0, also = 0;
    assert_int_equal(aggregate_read(w.bench.partial[0], &at, &w.bench.arena, &left), 0);
    assert_int_equal(aggregate_read(two.bench.partial[0], &also, &two.bench.arena, &right), 0);
    assert_int_equal(left.rows, 2);
    struct buf x, y;
    buf_init(&x, 1 << 16);
    buf_init(&y, 1 << 16);
    pgcopy_array(&x, &left, 1);
    pgcopy_array(&y, &right, 1);
    assert_true(slice_equal(buf_slice(&x), buf_slice(&y)));
    buf_done(&x);
    buf_done(&y);
    for (int i = 4; i < 6; i++) {
        member_done(&only.member[i]);
        place_file_done(&only.arrival[i].file);
    }
    convert_bench_done(&w.bench, &plan->convert);
    convert_bench_done(&two.bench, &plan->convert);
    buf_done(&w.copy);
    buf_done(&two.copy);
    plan_free(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(file_is_read_whole_also_without_its_last_line_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_unusual_goes_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_one_header_shares_a_plan, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_over_budget_leaves_neither_rows_nor_partials, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
