/* SPDX-License-Identifier: MIT */
#include "db/statements.h"

#include <stdio.h>
#include <stdlib.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct db_statement {
    UT_hash_handle hh;
    char name[DB_STATEMENT_NAME];
    size_t key_len;
    char key[];
};

void db_statements_done(struct db_statements *s)
{
    struct db_statement *st, *next;
    HASH_ITER(hh, s->table, st, next) db_statements_remove(s, st);
}

struct db_statement *db_statements_find(struct db_statements *s, struct slice key)
{
    struct db_statement *st;
    HASH_FIND(hh, s->table, key.p, key.len, st);
    if (!st || !st->hh.next) return st;
    /* uthash iterates in order of insertion. */
    HASH_DELETE(hh, s->table, st);
    HASH_ADD_KEYPTR(hh, s->table, st->key, st->key_len, st);
    return st;
}

struct db_statement *db_statements_surplus(struct db_statements *s)
{
    return HASH_COUNT(s->table) < DB_STATEMENTS_MAX ? NULL : s->table;
}

void db_statements_name(struct db_statements *s, char ret_name[DB_STATEMENT_NAME])
{
    snprintf(ret_name, DB_STATEMENT_NAME, "cetl_%u", ++s->made);
}

int db_statements_add(struct db_statements *s, struct slice key, const char *name)
{
    struct db_statement *st = calloc(1, sizeof *st + key.len);
    if (!st) return -ENOMEM;
    snprintf(st->name, sizeof st->name, "%s", name);
    memcpy(st->key, key.p, key.len);
    st->key_len = key.len;
    HASH_ADD_KEYPTR(hh, s->table, st->key, st->key_len, st);
    if (!st->hh.tbl) {
        free(st);
        return -ENOMEM;
    }
    return 0;
}

void db_statements_remove(struct db_statements *s, struct db_statement *st)
{
    if (!st) return;
    HASH_DELETE(hh, s->table, st);
    free(st);
}

const char *db_statement_name(const struct db_statement *st)
{
    return st->name;
}
