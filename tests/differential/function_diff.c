/* SPDX-License-Identifier: MIT */
/*
 * The functions, operators and casts of daemon/expr by the line. A line on standard input is a call: fields separated by tabs,
 *
 *     NAME  TYPE=HEX …               a function or operator; the value's text in hexadecimal, or NULL
 *     ::TYPE  TYPMOD  CONTEXT  TYPE=HEX    a cast; e: explicit, a: assignment
 *
 * and a line on standard output is its result: its text by the output function in hexadecimal, NULL, or "! SQLSTATE message" (on
 * one line). The first argument of the program is the LC_CTYPE of lower and upper ("C": none).
 */
#include "data/print.h"
#include "expr/function.h"

#include <stdio.h>
#include <stdlib.h>

enum { ARGS_MAX = 8, FIELDS_MAX = ARGS_MAX + 3 };

static const struct {
    const char *name;
    enum type_id id;
} types[] = {
    {"bool", TYPE_BOOL},
    {"int2", TYPE_INT2},
    {"int4", TYPE_INT4},
    {"int8", TYPE_INT8},
    {"numeric", TYPE_NUMERIC},
    {"float4", TYPE_FLOAT4},
    {"float8", TYPE_FLOAT8},
    {"date", TYPE_DATE},
    {"time", TYPE_TIME},
    {"timestamp", TYPE_TIMESTAMP},
    {"timestamptz", TYPE_TIMESTAMPTZ},
    {"uuid", TYPE_UUID},
    {"json", TYPE_JSON},
    {"jsonb", TYPE_JSONB},
    {"text", TYPE_TEXT},
    {"varchar", TYPE_VARCHAR},
    {"bpchar", TYPE_BPCHAR},
};

static const struct expr_function *const functions[] = {expr_fn_integer, expr_fn_float,    expr_fn_numeric,
                                                        expr_fn_text,    expr_fn_datetime, expr_fn_misc};
static const struct expr_cast *const casts[] = {expr_cast_number, expr_cast_text, expr_cast_datetime};
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void stop(const char *what, const char *which)
{
    fprintf(stderr, "%s: %s\n", which, what);
    exit(2);
}

static enum type_id type_of(const char *name)
{
    for (size_t i = 0; i < COUNT(types); i++)
        if (strcmp(types[i].name, name) == 0) return types[i].id;
    stop("no such type", name);
    return TYPE_OTHER;
}

static struct slice unhex(const char *hex, struct arena *arena)
{
    size_t n = strlen(hex) / 2;
    char *p = arena_alloc(arena, n);
    for (size_t i = 0; i < n; i++) {
        unsigned byte;
        if (sscanf(hex + 2 * i, "%2x", &byte) != 1) stop("no hexadecimal", hex);
        p[i] = (char)byte;
    }
    return (struct slice){p, n};
}

/* One row */
struct cell {
    struct batch_column column;
    union value value;
    bool null;
};

static void read_cell(char *field, struct arena *arena, struct cell *cell)
{
    char *hex = strchr(field, '=');
    if (!hex) stop("no value", field);
    *hex++ = '\0';
    cell->column = (struct batch_column){{type_of(field), -1}, &cell->value, &cell->null};
    cell->null = strcmp(hex, "NULL") == 0;
    if (cell->null) return;
    const struct type_input in = {.type = cell->column.type};
    if (type_parse(&in, unhex(hex, arena), arena, &cell->value)) stop("no value of the type", field);
}

static bool takes(const struct expr_function *f, const char *name, const struct batch_column *const *arg, size_t args)
{
    if (strcmp(f->name, name) != 0 || args < f->args || (args > f->args && !(f->flags & EXPR_VARIADIC))) return false;
    for (size_t i = 0; i < args; i++) {
        unsigned want = f->arg[i < f->args ? i : f->args - 1U];
        if (want != arg[i]->type.id && want != EXPR_TYPE_ANY) return false;
    }
    return true;
}

static const struct expr_function *find(const char *name, const struct batch_column *const *arg, size_t args)
{
    for (size_t i = 0; i < COUNT(functions); i++)
        for (const struct expr_function *f = functions[i]; f->name; f++)
            if (takes(f, name, arg, args)) return f;
    stop("no such function", name);
    return NULL;
}

static const struct expr_function *find_cast(enum type_id from, enum type_id to, char context)
{
    for (size_t i = 0; i < COUNT(casts); i++)
        for (const struct expr_cast *c = casts[i]; c->function.name; c++)
            if (c->from == from && c->to == to &&
                (from != to || c->context == EXPR_CAST_IMPLICIT || (context == 'a') == (c->context == EXPR_CAST_ASSIGNMENT)))
                return &c->function;
    stop("no such cast", type_info(to)->name);
    return NULL;
}

static void call(const struct expr_function *f, struct type type, const struct batch_column *const *arg, size_t args,
                 struct expr_run *run)
{
    static const uint32_t row[] = {0};
    const struct expr_rows rows = {row, 1};
    struct cell result = {.null = false};
    result.column = (struct batch_column){type, &result.value, &result.null};
    const struct expr_fault *fault = NULL;
    run->fault = &fault;
    run->rows = 1;
    bool null = false;
    for (size_t i = 0; i < args; i++)
        null |= arg[i]->null[0];
    if (null && !(f->flags & EXPR_NULLS)) {
        puts("NULL");
        return;
    }
    const struct expr_call c = {.type = type, .arg = arg, .args = args};
    if (f->run) {
        if (f->run(run, &c, &rows, &result.column)) stop("the world failed", f->name);
    } else {
        result.value = arg[0]->value[0];
    }
    if (fault) {
        printf("! %s ", fault->code);
        for (const char *p = fault->message; *p; p++)
            putchar(*p == '\n' ? ' ' : *p);
        puts("");
        return;
    }
    if (result.null) {
        puts("NULL");
        return;
    }
    struct buf out;
    buf_init(&out, 1 << 30);
    print_value(&out, type.id, result.value);
    if (buf_check(&out)) stop("no memory", f->name);
    for (size_t i = 0; i < out.len; i++)
        printf("%02x", (unsigned char)out.data[i]);
    puts("");
    buf_done(&out);
}

static void answer(char **field, size_t fields, struct expr_run *run)
{
    struct cell cell[ARGS_MAX];
    const struct batch_column *arg[ARGS_MAX];
    bool cast = strncmp(field[0], "::", 2) == 0 && fields == 4;
    size_t first = cast ? 3 : 1;
    for (size_t i = first; i < fields && i - first < ARGS_MAX; i++) {
        read_cell(field[i], run->arena, &cell[i - first]);
        arg[i - first] = &cell[i - first].column;
    }
    if (cast) {
        struct type to = {type_of(field[0] + 2), atoi(field[1])};
        call(find_cast(arg[0]->type.id, to.id, field[2][0]), to, arg, 1, run);
        return;
    }
    const struct expr_function *f = find(field[0], arg, fields - first);
    call(f, (struct type){f->result, -1}, arg, fields - first, run);
}

int main(int argc, char **argv)
{
    char *line = NULL;
    size_t cap = 0;
    struct arena arena;
    arena_init(&arena, 1 << 16, (size_t)1 << 31);
    struct expr_run run = {.arena = &arena};
    if (argc > 1 && strcmp(argv[1], "C") != 0 && !(run.ctype = newlocale(LC_CTYPE_MASK, argv[1], (locale_t)0)))
        stop("no such locale", argv[1]);
    while (getline(&line, &cap, stdin) > 0) {
        char *field[FIELDS_MAX] = {NULL}, *rest = line;
        size_t n = 0;
        line[strcspn(line, "\n")] = '\0';
        for (char *one; n < FIELDS_MAX && (one = strsep(&rest, "\t"));)
            field[n++] = one;
        if (n > 0) answer(field, n, &run);
        arena_reset(&arena);
    }
    if (run.ctype) freelocale(run.ctype);
    arena_done(&arena);
    free(line);
    return 0;
}
