/* SPDX-License-Identifier: MIT */
/*
 * data/decimal_math by the line: "OPERATION A B" on standard input, the result on standard output: the bytes of numeric_send in
 * hexadecimal, or the error's words.
 */
#include "data/decimal_math.h"
#include "data/type_numeric.h"

#include <stdio.h>
#include <stdlib.h>

struct job {
    struct slice a, b;
    int32_t scale;
    struct arena *arena;
    struct slice result;
};

static int run_add(struct job *j)
{
    return decimal_add(j->a, j->b, j->arena, &j->result);
}

static int run_sub(struct job *j)
{
    return decimal_sub(j->a, j->b, j->arena, &j->result);
}

static int run_mul(struct job *j)
{
    return decimal_mul(j->a, j->b, j->arena, &j->result);
}

static int run_div(struct job *j)
{
    return decimal_div(j->a, j->b, j->arena, &j->result);
}

static int run_mod(struct job *j)
{
    return decimal_mod(j->a, j->b, j->arena, &j->result);
}

static int run_round(struct job *j)
{
    return decimal_round(j->a, j->scale, j->arena, &j->result);
}

static int run_trunc(struct job *j)
{
    return decimal_trunc(j->a, j->scale, j->arena, &j->result);
}

static int run_ceil(struct job *j)
{
    return decimal_ceil(j->a, j->arena, &j->result);
}

static int run_floor(struct job *j)
{
    return decimal_floor(j->a, j->arena, &j->result);
}

static int run_negate(struct job *j)
{
    return decimal_negate(j->a, j->arena, &j->result);
}

static int run_abs(struct job *j)
{
    return decimal_abs(j->a, j->arena, &j->result);
}

static int run_sign(struct job *j)
{
    return decimal_sign(j->a, j->arena, &j->result);
}

static int run_fit(struct job *j)
{
    enum { PRECISION = 9 };
    return decimal_fit(j->a, PRECISION, j->scale, j->arena, &j->result);
}

static const struct operation {
    const char *name;
    int (*run)(struct job *j);
    bool scale; /* b is a scale */
} operations[] = {
    {"add", run_add, false},     {"sub", run_sub, false},    {"mul", run_mul, false},    {"div", run_div, false},
    {"mod", run_mod, false},     {"round", run_round, true}, {"trunc", run_trunc, true}, {"ceil", run_ceil, false},
    {"floor", run_floor, false}, {"neg", run_negate, false}, {"abs", run_abs, false},    {"sign", run_sign, false},
    {"fit", run_fit, true},
};

static struct slice number(const char *text, struct arena *arena)
{
    const struct type_input in = {.type = {TYPE_NUMERIC, -1}};
    union value v;
    int r = type_numeric_parse(&in, slice_of(text), arena, &v);
    if (r) {
        fprintf(stderr, "%s: no number\n", text);
        exit(2);
    }
    return v.s;
}

static void answer(const char *name, const char *a, const char *b, struct arena *arena)
{
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
        if (strcmp(operations[i].name, name) != 0) continue;
        struct job job = {.a = number(a, arena), .arena = arena};
        if (operations[i].scale)
            job.scale = atoi(b);
        else
            job.b = number(b, arena);
        int r = operations[i].run(&job);
        if (r) {
            puts(r == DECIMAL_E_DIVISION   ? "22012 division by zero"
                 : r == DECIMAL_E_OVERFLOW ? "22003 value overflows numeric format"
                 : r == DECIMAL_E_FIELD    ? "22003 numeric field overflow"
                                           : "no memory");
            return;
        }
        for (size_t k = 0; k < job.result.len; k++)
            printf("%02x", (unsigned char)job.result.p[k]);
        puts("");
        return;
    }
    fprintf(stderr, "%s: no such operation\n", name);
    exit(2);
}

int main(void)
{
    char *line = NULL;
    size_t cap = 0;
    struct arena arena;
    arena_init(&arena, 1 << 16, 1 << 28);
    while (getline(&line, &cap, stdin) > 0) {
        char *rest = NULL;
        const char *name = strtok_r(line, " \n", &rest), *a = strtok_r(NULL, " \n", &rest), *b = strtok_r(NULL, " \n", &rest);
        if (name && a && b) answer(name, a, b, &arena);
        arena_reset(&arena);
    }
    arena_done(&arena);
    free(line);
    return 0;
}
