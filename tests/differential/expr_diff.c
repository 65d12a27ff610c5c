/* SPDX-License-Identifier: MIT */
/*
 * The expressions of the daemon as a filter, for a comparison with the server's.
 *
 *     expr_diff tables                what the tables of functions and casts have:
 *                                     F NAME RESULT FLAGS ARG…
 *                                     C FROM TO CONTEXT
 *     expr_diff rows CONNINFO TABLE   expressions, one a line of the input, over the rows of TABLE in the order of its first column
 *
 * Types are OIDs, 0 any. An expression behind "> OID TYPMOD " is assigned to a column of that type. For each expression a line says
 * what it is:
 *
 *     = OID TYPMOD                    evaluated here; a line for each row follows: a value in COPY's text format behind '.', or
 *                                     ! SQLSTATE MESSAGE (escaped likewise)
 *     syntax|name|type|server WORDS   why not
 *
 * The database must have LC_COLLATE C and LC_CTYPE C.UTF-8; columns called c_… have COLLATE "C".
 */
#include "expr/expr.h"
#include "format/pgtext.h"
#include "server_value.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

enum { ARENA_BLOCK = 1 << 20, ARENA_MAX = 1 << 30, OUT_MAX = 1 << 28 };

struct subject {
    PGresult *rows;     /* values point into it */
    struct arena arena; /* of the batches */
    struct batch *batch;
    size_t batches;
    struct expr_name *name;
    struct expr_scope scope;
    locale_t ctype;
    struct buf out;
};

__attribute__((noreturn)) static void die(const char *what, const char *words)
{
    fprintf(stderr, "expr_diff: %s: %s\n", what, words);
    exit(2);
}

static void flush(struct buf *out)
{
    if (buf_check(out)) die("output", "too large");
    fwrite(out->data, 1, out->len, stdout);
    buf_reset(out);
}

static unsigned oid(uint8_t type)
{
    return type == EXPR_TYPE_ANY ? 0 : type_info(type)->oid;
}

static void show_tables(void)
{
    const struct expr_function *const functions[] = {expr_fn_integer, expr_fn_float,    expr_fn_numeric,
                                                     expr_fn_text,    expr_fn_datetime, expr_fn_misc};
    const struct expr_cast *const casts[] = {expr_cast_number, expr_cast_text, expr_cast_datetime};
    for (size_t t = 0; t < sizeof(functions) / sizeof(functions[0]); t++)
        for (const struct expr_function *f = functions[t]; f->name; f++) {
            printf("F %s %u %d", f->name, oid(f->result), f->flags);
            for (int i = 0; i < f->args; i++)
                printf(" %u", oid(f->arg[i]));
            putchar('\n');
        }
    for (size_t t = 0; t < sizeof(casts) / sizeof(casts[0]); t++)
        for (const struct expr_cast *c = casts[t]; c->function.name; c++)
            printf("C %u %u %d\n", oid(c->from), oid(c->to), c->context);
}

static void load_batch(struct subject *s, const PGresult *rows, const struct type *types, int from, struct batch *b)
{
    if (batch_init(b, types, s->scope.names, &s->arena)) die("rows", "no memory");
    for (b->rows = 0; b->rows < b->rows_max && from + (int)b->rows < PQntuples(rows); b->rows++) {
        int row = from + (int)b->rows;
        b->line[b->rows] = (uint64_t)row + 1;
        for (int c = 0; c < PQnfields(rows); c++) {
            b->column[c].null[b->rows] = PQgetisnull(rows, row, c);
            b->column[c].value[b->rows] = server_value(types[c].id, PQgetvalue(rows, row, c), PQgetlength(rows, row, c));
        }
    }
}

static void load(struct subject *s, const char *conninfo, const char *table)
{
    PGconn *conn = PQconnectdb(conninfo);
    char sql[256];
    snprintf(sql, sizeof(sql), "SELECT * FROM %s ORDER BY 1", table);
    PGresult *rows = s->rows = PQexecParams(conn, sql, 0, NULL, NULL, NULL, NULL, 1);
    if (PQresultStatus(rows) != PGRES_TUPLES_OK) die(sql, PQerrorMessage(conn));
    size_t columns = (size_t)PQnfields(rows);
    struct type *types = arena_array(&s->arena, columns, sizeof(*types));
    s->name = arena_array(&s->arena, columns, sizeof(*s->name));
    s->batch = arena_array(&s->arena, (size_t)PQntuples(rows) / BATCH_ROWS_MIN + 1, sizeof(*s->batch));
    if (!types || !s->name || !s->batch) die("rows", "no memory");
    for (int c = 0; c < PQnfields(rows); c++) {
        if (type_by_oid(PQftype(rows, c), &types[c].id)) die("no type of ours", PQfname(rows, c));
        types[c].typmod = PQfmod(rows, c);
        s->name[c] = (struct expr_name){.name = PQfname(rows, c), .type = types[c], .bytewise = true};
        s->name[c].collate = strncmp(s->name[c].name, "c_", 2) == 0;
    }
    s->scope = (struct expr_scope){.name = s->name, .names = columns, .table = table, .bytewise = true, .ctype_known = true};
    for (int from = 0; from < PQntuples(rows); from += (int)s->batch[s->batches++].rows)
        load_batch(s, rows, types, from, &s->batch[s->batches]);
    PQfinish(conn);
}

static void evaluate(struct subject *s, const struct expr *e, const struct batch *b)
{
    struct arena arena;
    arena_init(&arena, ARENA_BLOCK, ARENA_MAX);
    uint32_t row[BATCH_ROWS];
    for (uint32_t i = 0; i < b->rows; i++)
        row[i] = i;
    const struct expr_fault *fault[BATCH_ROWS] = {0};
    struct expr_run run = {.column = b->column,
                           .line = b->line,
                           .rows = b->rows,
                           .file = SLICE("file.csv"),
                           .ctype = s->ctype,
                           .arena = &arena,
                           .fault = fault};
    const struct batch_column *c;
    int r = expr_eval(e, &run, &(struct expr_rows){row, b->rows}, &c);
    if (r) die("expr_eval", error_name(r));
    for (size_t i = 0; i < b->rows; i++) {
        if (fault[i]) {
            buf_printf(&s->out, "! %s ", fault[i]->code);
            pgtext_value(&s->out, (struct type){TYPE_TEXT, -1}, &(union value){.s = slice_of(fault[i]->message)}, false);
        } else {
            buf_putc(&s->out, '.');
            pgtext_value(&s->out, expr_type(e), &c->value[i], c->null[i]);
        }
        buf_putc(&s->out, '\n');
    }
    arena_done(&arena);
}

/* Takes "> OID TYPMOD " off the text. */
static struct expr_want wanted(struct slice *io_text)
{
    unsigned type;
    int n = 0;
    struct expr_want want = {.any = true};
    if (!slice_starts(*io_text, SLICE(">"))) return want;
    if (sscanf(io_text->p, "> %u %d %n", &type, &want.type.typmod, &n) != 2 || type_by_oid(type, &want.type.id))
        die("type", io_text->p);
    want.any = false;
    *io_text = (struct slice){io_text->p + n, io_text->len - (size_t)n};
    return want;
}

static void expression(struct subject *s, struct slice text)
{
    struct arena arena;
    arena_init(&arena, 1 << 16, ARENA_MAX);
    struct expr_node *tree;
    const struct expr *e = NULL;
    struct expr_mistake mistake;
    const struct expr_want want = wanted(&text);
    int r = expr_parse(text, &arena, &mistake, &tree);
    if (!r) r = expr_check(tree, &s->scope, &want, &arena, &mistake, &e);
    if (r < 0) die("expression", error_name(r));
    if (r > 0) {
        static const char *const word[] = {
            [EXPR_E_SYNTAX] = "syntax", [EXPR_E_NAME] = "name", [EXPR_E_TYPE] = "type", [EXPR_E_SERVER] = "server"};
        buf_printf(&s->out, "%s ", word[r]);
        for (const char *p = mistake.why.text; *p; p++)
            buf_putc(&s->out, *p == '\n' ? ' ' : *p);
        buf_putc(&s->out, '\n');
    } else {
        buf_printf(&s->out, "= %u %d\n", type_info(expr_type(e).id)->oid, expr_type(e).typmod);
        for (size_t i = 0; i < s->batches; i++)
            evaluate(s, e, &s->batch[i]);
    }
    flush(&s->out);
    arena_done(&arena);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "tables") == 0) {
        show_tables();
        return 0;
    }
    if (argc != 4 || strcmp(argv[1], "rows") != 0) die("usage", "expr_diff tables | rows CONNINFO TABLE");
    struct subject s = {.ctype = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0)};
    arena_init(&s.arena, ARENA_BLOCK, ARENA_MAX);
    buf_init(&s.out, OUT_MAX);
    load(&s, argv[2], argv[3]);
    char *line = NULL;
    size_t size = 0;
    for (ssize_t n; (n = getline(&line, &size, stdin)) > 0;)
        expression(&s, (struct slice){line, (size_t)n - (line[n - 1] == '\n')});
    free(line);
    buf_done(&s.out);
    arena_done(&s.arena);
    PQclear(s.rows);
    freelocale(s.ctype);
    return 0;
}
