/* SPDX-License-Identifier: MIT */
#include "config/columns.h"

#include "config/token.h"

/* Does the item that begins with these two tokens constrain the table instead of making a column? */
static bool is_constraint(struct token first, struct token second)
{
    static const char *const words[] = {"constraint", "primary", "unique", "check", "foreign", "like"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (token_is_word(first, words[i])) return true;
    /* not a reserved word: "exclude text" is a column */
    return token_is_word(first, "exclude") && (token_is_word(second, "using") || token_is_sign(second, "("));
}

static int skip_item(struct slice *rest, struct token *now, struct error *err)
{
    int depth = 0;
    for (;; *now = token_next(rest)) {
        if (now->kind == TOKEN_BAD) return error_set(err, COLUMNS_E_SYNTAX, "a quote or a comment is not closed");
        if (now->kind == TOKEN_END && depth > 0) return error_set(err, COLUMNS_E_SYNTAX, "a parenthesis is not closed");
        if (now->kind == TOKEN_END || (depth == 0 && token_is_sign(*now, ","))) return 0;
        if (token_is_sign(*now, ";")) return error_set(err, COLUMNS_E_SYNTAX, "a ';' does not belong in a list of columns");
        depth += token_is_sign(*now, "(");
        depth -= token_is_sign(*now, ")");
        if (depth < 0) return error_set(err, COLUMNS_E_SYNTAX, "a parenthesis is closed that was not opened");
    }
}

/* Checks the name and adds it; there is room for every comma in `names`, and COLUMNS_MAX at most. */
static int add_name(char **names, size_t *n, char *name, struct error *err)
{
    if (!name) return -ENOMEM;
    for (size_t i = 0; i < *n; i++)
        if (strcmp(names[i], name) == 0) return error_set(err, COLUMNS_E_SYNTAX, "column '%s' is there twice", name);
    if (*n == COLUMNS_MAX) return error_set(err, COLUMNS_E_SYNTAX, "more than %d columns", COLUMNS_MAX);
    names[(*n)++] = name;
    return 0;
}

int columns_parse(struct slice sql, struct arena *arena, struct error *err, struct config_list *ret_columns)
{
    size_t room = 1;
    for (size_t i = 0; i < sql.len && room < COLUMNS_MAX; i++)
        room += sql.p[i] == ',';
    char **names = arena_array(arena, room, sizeof(*names));
    if (!names) return -ENOMEM;
    size_t n = 0;
    struct slice rest = sql;
    for (;;) {
        struct token first = token_next(&rest);
        if (first.kind == TOKEN_END) return error_set(err, COLUMNS_E_SYNTAX, "it ends where a column was expected");
        if (!token_is_name(first))
            return error_set(err, COLUMNS_E_SYNTAX, "found '" SLICE_FMT "' where a column's name was expected",
                             SLICE_ARG(slice_cut_utf8(first.text, 60)));
        struct token now = token_next(&rest);
        if (!is_constraint(first, now)) {
            if (!token_is_name(now))
                return error_set(err, COLUMNS_E_SYNTAX, "column '" SLICE_FMT "' has no type",
                                 SLICE_ARG(slice_cut_utf8(first.text, 60)));
            int r = add_name(names, &n, token_name(first, arena), err);
            if (r) return r;
        }
        int r = skip_item(&rest, &now, err);
        if (r) return r;
        if (now.kind == TOKEN_END) break;
    }
    *ret_columns = (struct config_list){(const char *const *)names, n};
    return 0;
}
