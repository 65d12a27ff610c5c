/* SPDX-License-Identifier: MIT */
#include "config/traits.h"

#include "config/columns.h"

struct reading {
    const struct config_list *columns;
    struct arena *arena;
    struct traits traits;
    unsigned keys;       /* columns of the primary key so far */
    struct token before; /* the word that is looked at */
};

static struct trait *find(const struct reading *r, const char *name)
{
    for (size_t i = 0; i < r->columns->n; i++)
        if (strcmp(r->columns->item[i], name) == 0) return &r->traits.item[i];
    return NULL;
}

static void add_to_key(struct reading *r, struct trait *t)
{
    if (t->key == 0) t->key = ++r->keys;
    t->not_null = true;
}

/* The constraint that the word begins, or 0. */
static unsigned constraint_of(struct token t)
{
    static const struct {
        const char *word;
        enum trait_constraint is;
    } words[] = {{"primary", TRAIT_KEY},        {"unique", TRAIT_UNIQUE}, {"references", TRAIT_REFERENCES},
                 {"foreign", TRAIT_REFERENCES}, {"check", TRAIT_CHECK},   {"exclude", TRAIT_EXCLUDE}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (token_is_word(t, words[i].word)) return words[i].is;
    return 0;
}

static bool is_serial(struct token t)
{
    static const char *const names[] = {"serial", "bigserial", "smallserial", "serial2", "serial4", "serial8"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (token_is_word(t, names[i])) return true;
    return false;
}

/* Behind GENERATED: [ALWAYS | BY DEFAULT] AS IDENTITY, or ALWAYS AS (…) STORED. */
static void note_generated(struct slice rest, struct trait *t)
{
    struct token now = token_next(&rest);
    bool always = token_is_word(now, "always");
    while (token_is_name(now) && !token_is_word(now, "identity"))
        now = token_next(&rest);
    if (token_is_sign(now, "(")) {
        t->generated = true;
    } else {
        t->has_default = t->not_null = true;
        t->identity_always = always;
    }
}

/* A word of a column's constraints, and what stands behind it. */
static void note_column_word(struct reading *r, struct token word, struct slice rest, struct trait *t)
{
    if (token_is_word(word, "not")) t->not_null |= token_is_word(token_next(&rest), "null");
    bool action = token_is_word(r->before, "set"); /* ON DELETE SET DEFAULT */
    if (token_is_word(word, "default") && !action) t->has_default = true;
    if (token_is_word(word, "primary")) add_to_key(r, t);
    if (token_is_word(word, "generated")) note_generated(rest, t);
}

/* Behind the table's PRIMARY: KEY (a, b). */
static int read_key(struct reading *r, struct slice rest)
{
    token_next(&rest);
    struct token now;
    do {
        now = token_next(&rest);
        char *name = token_is_name(now) ? token_name(now, r->arena) : NULL;
        if (token_is_name(now) && !name) return -ENOMEM;
        struct trait *t = name ? find(r, name) : NULL;
        if (t) add_to_key(r, t);
    } while (now.kind != TOKEN_END && now.kind != TOKEN_BAD && !token_is_sign(now, ")"));
    return 0;
}

/* The rest of an item, from `now` to the comma behind it. `column`: NULL for a constraint of the table. */
static int read_item(struct reading *r, struct slice *rest, struct token now, struct trait *column, bool *ret_more)
{
    int depth = 0, rc = 0;
    if (column && is_serial(now)) column->not_null = column->has_default = true;
    for (; rc == 0 && now.kind != TOKEN_END && now.kind != TOKEN_BAD; r->before = now, now = token_next(rest)) {
        if (depth == 0 && token_is_sign(now, ",")) break;
        depth += token_is_sign(now, "(");
        depth -= token_is_sign(now, ")");
        if (depth > 0 || token_is_word(r->before, "constraint")) continue; /* there a name stands */
        r->traits.constraints |= constraint_of(now);
        if (column) note_column_word(r, now, *rest, column);
        if (!column && token_is_word(now, "primary")) rc = read_key(r, *rest);
    }
    *ret_more = token_is_sign(now, ",");
    return rc;
}

int traits_read(struct slice sql, const struct config_list *columns, struct arena *arena, struct traits *ret_traits)
{
    struct reading r = {.columns = columns, .arena = arena};
    r.traits.item = arena_array(arena, columns->n + 1, sizeof *r.traits.item);
    if (!r.traits.item) return -ENOMEM;
    size_t next = 0;
    for (bool more = true; more;) {
        struct token now = token_next(&sql);
        struct slice behind = sql;
        struct token second = token_next(&behind);
        struct trait *column = NULL;
        r.traits.like |= token_is_word(now, "like");
        if (!columns_is_constraint(now, second) && next < columns->n) {
            column = &r.traits.item[next++];
            now = second;
            sql = behind;
        }
        int rc = read_item(&r, &sql, now, column, &more);
        if (rc < 0) return rc;
    }
    *ret_traits = r.traits;
    return 0;
}

const char *trait_constraint_name(enum trait_constraint c)
{
    switch (c) {
    case TRAIT_KEY: return "PRIMARY KEY";
    case TRAIT_UNIQUE: return "UNIQUE";
    case TRAIT_REFERENCES: return "REFERENCES";
    case TRAIT_CHECK: return "CHECK";
    case TRAIT_EXCLUDE: return "EXCLUDE";
    case TRAIT_KINDS: break;
    }
    return "";
}
