/* SPDX-License-Identifier: MIT */
#include "config/columns.h"

bool columns_is_constraint(struct token first, struct token second)
{
    static const char *const words[] = {"constraint", "primary", "unique", "check", "foreign", "like"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (token_is_word(first, words[i])) return true;
    /* not a reserved word: "exclude text" is a column */
    return token_is_word(first, "exclude") && (token_is_word(second, "using") || token_is_sign(second, "("));
}

/* What may stand behind a column's type. */
static bool ends_type(struct token t)
{
    static const char *const words[] = {"not",   "null",    "default",   "primary",    "unique",  "references",
                                        "check", "collate", "generated", "constraint", "storage", "compression"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (token_is_word(t, words[i])) return true;
    return false;
}

/* To the end of the item that `now` is in. *ret_type: its text up to where the type ends. */
static int skip_item(struct slice *rest, struct token *now, struct error *err, struct slice *ret_type)
{
    int depth = 0;
    bool in_type = true;
    *ret_type = (struct slice){now->text.p, 0};
    for (;; *now = token_next(rest)) {
        if (now->kind == TOKEN_BAD) return error_set(err, COLUMNS_E_SYNTAX, "a quote or a comment is not closed");
        if (now->kind == TOKEN_END && depth > 0) return error_set(err, COLUMNS_E_SYNTAX, "a parenthesis is not closed");
        if (now->kind == TOKEN_END || (depth == 0 && token_is_sign(*now, ","))) return 0;
        if (token_is_sign(*now, ";")) return error_set(err, COLUMNS_E_SYNTAX, "a ';' does not belong in a list of columns");
        depth += token_is_sign(*now, "(");
        depth -= token_is_sign(*now, ")");
        if (depth < 0) return error_set(err, COLUMNS_E_SYNTAX, "a parenthesis is closed that was not opened");
        in_type = in_type && !(depth == 0 && ends_type(*now));
        if (in_type) ret_type->len = (size_t)(now->text.p + now->text.len - ret_type->p);
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

int columns_parse(struct slice sql, struct arena *arena, struct error *err, struct config_list *ret_columns,
                  struct config_list *ret_types)
{
    size_t room = 1;
    for (size_t i = 0; i < sql.len && room < COLUMNS_MAX; i++)
        room += sql.p[i] == ',';
    char **names = arena_array(arena, room, sizeof(*names));
    char **types = arena_array(arena, room, sizeof(*types));
    if (!names || !types) return -ENOMEM;
    size_t n = 0;
    struct slice rest = sql;
    for (;;) {
        struct token first = token_next(&rest);
        if (first.kind == TOKEN_END) return error_set(err, COLUMNS_E_SYNTAX, "it ends where a column was expected");
        if (!token_is_name(first))
            return error_set(err, COLUMNS_E_SYNTAX, "found '" SLICE_FMT "' where a column's name was expected",
                             SLICE_ARG(slice_cut_utf8(first.text, 60)));
        struct token now = token_next(&rest);
        bool column = !columns_is_constraint(first, now);
        if (column) {
            if (!token_is_name(now))
                return error_set(err, COLUMNS_E_SYNTAX, "column '" SLICE_FMT "' has no type",
                                 SLICE_ARG(slice_cut_utf8(first.text, 60)));
            int r = add_name(names, &n, token_name(first, arena), err);
            if (r) return r;
        }
        struct slice type;
        int r = skip_item(&rest, &now, err, &type);
        if (r) return r;
        if (column) types[n - 1] = arena_cstr(arena, type);
        if (column && !types[n - 1]) return -ENOMEM;
        if (now.kind == TOKEN_END) break;
    }
    *ret_columns = (struct config_list){(const char *const *)names, n};
    *ret_types = (struct config_list){(const char *const *)types, n};
    return 0;
}
