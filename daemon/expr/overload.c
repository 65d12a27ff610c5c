/* SPDX-License-Identifier: MIT */
#include "expr/overload.h"

#include "expr/catalog.h"
#include "expr/coerce.h"

enum { FOREIGN = TYPE_N + 1, ARGS_MAX = 8, RESULT_FOREIGN = 254 };

/* An overload: types as enum type_id, EXPR_TYPE_ANY, or FOREIGN and the index in catalog_type. */
struct candidate {
    uint8_t type[ARGS_MAX];
    uint8_t args, result;
    bool more; /* the last one any number of times */
    bool out;
    bool own; /* the database's: only the server has it */
};

static const char *const type_names[TYPE_OTHER] = {
    [TYPE_BOOL] = "bool",
    [TYPE_INT2] = "int2",
    [TYPE_INT4] = "int4",
    [TYPE_INT8] = "int8",
    [TYPE_NUMERIC] = "numeric",
    [TYPE_FLOAT4] = "float4",
    [TYPE_FLOAT8] = "float8",
    [TYPE_DATE] = "date",
    [TYPE_TIME] = "time",
    [TYPE_TIMESTAMP] = "timestamp",
    [TYPE_TIMESTAMPTZ] = "timestamptz",
    [TYPE_UUID] = "uuid",
    [TYPE_JSON] = "json",
    [TYPE_JSONB] = "jsonb",
    [TYPE_TEXT] = "text",
    [TYPE_VARCHAR] = "varchar",
    [TYPE_BPCHAR] = "bpchar",
};

static uint8_t type_of(struct slice name)
{
    for (size_t i = 0; i < TYPE_OTHER; i++)
        if (slice_equal(name, slice_of(type_names[i]))) return (uint8_t)i;
    for (size_t i = 0; catalog_type[i].name; i++)
        if (slice_equal(name, slice_of(catalog_type[i].name))) return (uint8_t)(FOREIGN + i);
    return RESULT_FOREIGN;
}

static struct candidate parse_candidate(struct slice types)
{
    struct candidate c = {0};
    struct slice args = slice_cut(&types, '>');
    c.result = type_of(types);
    c.more = slice_ends(args, SLICE("..."));
    if (c.more) args.len -= 3;
    while (args.len > 0 && c.args < ARGS_MAX)
        c.type[c.args++] = type_of(slice_cut(&args, ','));
    return c;
}

/* ---- our tables ---- */

static const struct expr_function *const tables[] = {expr_fn_integer, expr_fn_float,    expr_fn_numeric,
                                                     expr_fn_text,    expr_fn_datetime, expr_fn_misc};
enum { TABLES = sizeof tables / sizeof tables[0] };

const struct expr_function *overload_next(struct slice name, const struct expr_function *last)
{
    bool past = last == NULL;
    for (size_t i = 0; i < TABLES; i++)
        for (const struct expr_function *f = tables[i]; f->name; f++) {
            if (past && slice_equal(name, slice_of(f->name))) return f;
            past |= f == last;
        }
    return NULL;
}

static struct candidate of_function(const struct expr_function *f)
{
    struct candidate c = {.args = f->args, .result = f->result, .more = f->flags & EXPR_VARIADIC};
    memcpy(c.type, f->arg, f->args);
    return c;
}

static uint8_t arg_of(const struct candidate *c, size_t i)
{
    return c->type[i < c->args ? i : c->args - 1U];
}

static bool is_generic(uint8_t type)
{
    static const char *const names[] = {"any", "anyelement", "anynonarray", "anycompatible", "anycompatiblenonarray"};
    if (type == EXPR_TYPE_ANY) return true;
    for (size_t i = 0; type >= FOREIGN && i < sizeof names / sizeof names[0]; i++)
        if (strcmp(catalog_type[type - FOREIGN].name, names[i]) == 0) return true;
    return false;
}

static bool same_types(const struct candidate *a, const struct candidate *b)
{
    if (a->args != b->args || a->more != b->more) return false;
    for (size_t i = 0; i < a->args; i++)
        if (a->type[i] != b->type[i] && !(is_generic(a->type[i]) && is_generic(b->type[i]))) return false;
    return true;
}

/* ---- what competes ---- */

struct field {
    struct candidate *c;
    size_t n;
    const uint8_t *input; /* the call's types */
    size_t args;
};

static bool takes_count(const struct candidate *c, size_t args)
{
    return c->args == args || (c->more && c->args < args);
}

static void add(struct field *f, struct candidate c)
{
    if (!takes_count(&c, f->args)) return;
    for (size_t i = 0; i < f->n; i++)
        if (same_types(&f->c[i], &c)) return;
    f->c[f->n++] = c;
}

static const char *in_catalog(struct slice name)
{
    for (const struct catalog_call *c = catalog_call; c->name; c++)
        if (slice_equal(name, slice_of(c->name))) return c->types;
    return NULL;
}

/* The database's own of that name: how many, or, with a field, these. */
static size_t gather_own(const struct overload_call *call, struct field *f)
{
    size_t n = 0;
    for (struct slice rest = call->own; rest.len > 0;) {
        struct slice line = slice_cut(&rest, '\n'), name = slice_cut(&line, '\t');
        if (!slice_equal(name, call->name)) continue;
        n++;
        if (!f) continue;
        struct candidate c = parse_candidate(line);
        c.own = true;
        add(f, c);
    }
    return n;
}

/* What PostgreSQL has, then what only we have, then what only the database has. */
static int gather(const struct overload_call *call, struct arena *arena, struct field *ret)
{
    struct slice rest = slice_of(in_catalog(call->name));
    size_t room = gather_own(call, NULL);
    for (size_t i = 0; i < rest.len; i++)
        room += rest.p[i] == '>';
    for (const struct expr_function *f = NULL; (f = overload_next(call->name, f));)
        room++;
    *ret = (struct field){arena_array(arena, room, sizeof(struct candidate)), 0, call->type, call->args};
    if (!ret->c) return -ENOMEM;
    while (rest.len > 0)
        add(ret, parse_candidate(slice_cut(&rest, ' ')));
    for (const struct expr_function *f = NULL; (f = overload_next(call->name, f));)
        add(ret, of_function(f));
    (void)gather_own(call, ret);
    return 0;
}

/* ---- categories ---- */

static char category(uint8_t type)
{
    if (type < TYPE_OTHER) return coerce_category(type);
    return type >= FOREIGN && type != RESULT_FOREIGN ? catalog_type[type - FOREIGN].category : 'P';
}

static bool preferred(uint8_t type)
{
    return type < TYPE_OTHER ? coerce_preferred(type)
                             : type >= FOREIGN && type != RESULT_FOREIGN && catalog_type[type - FOREIGN].preferred;
}

static bool is_source(const char *sources, const char *name)
{
    struct slice rest = slice_of(sources);
    while (rest.len > 0)
        if (slice_equal(slice_cut(&rest, ','), slice_of(name))) return true;
    return false;
}

static bool can_become(uint8_t from, uint8_t to)
{
    if (from == to || from == OVERLOAD_UNKNOWN || is_generic(to)) return true;
    if (from >= TYPE_OTHER || to == RESULT_FOREIGN) return false;
    if (to < TYPE_OTHER) return coerce_context(from, to) == EXPR_CAST_IMPLICIT;
    return to >= FOREIGN && is_source(catalog_type[to - FOREIGN].source, type_names[from]);
}

static bool can_take(const struct candidate *c, const uint8_t *input, size_t args)
{
    for (size_t i = 0; i < args; i++)
        if (!can_become(input[i], arg_of(c, i))) return false;
    return true;
}

/* ---- PostgreSQL's rounds: func_match_argtypes and func_select_candidate ---- */

static void sweep(struct field *f)
{
    size_t n = 0;
    for (size_t i = 0; i < f->n; i++)
        if (!f->c[i].out) f->c[n++] = f->c[i];
    f->n = n;
}

static const struct candidate *exact(const struct field *f, const uint8_t *input)
{
    for (size_t k = 0; k < f->n; k++) {
        size_t same = 0;
        while (same < f->args && arg_of(&f->c[k], same) == input[same])
            same++;
        if (same == f->args) return &f->c[k];
    }
    return NULL;
}

/* Keep those with the most arguments that are exact or, in the second round, of a preferred type. */
static void keep_best(struct field *f, bool count_preferred)
{
    size_t best = 0;
    for (int round = 0; round < 2; round++) {
        for (size_t k = 0; k < f->n; k++) {
            size_t match = 0;
            for (size_t i = 0; i < f->args; i++) {
                uint8_t type = arg_of(&f->c[k], i);
                if (f->input[i] == OVERLOAD_UNKNOWN) continue;
                match += type == f->input[i] || (count_preferred && preferred(type) && category(type) == category(f->input[i]));
            }
            if (round == 0 && match > best) best = match;
            if (round == 1) f->c[k].out = match < best;
        }
    }
    sweep(f);
}

struct slot {
    char category;
    bool preferred;
};

/* What all of them agree on at a literal's place; a text wins. False: they do not. */
static bool slot_of(const struct field *f, size_t i, struct slot *ret)
{
    struct slot s = {0, false};
    bool conflict = false;
    for (size_t k = 0; k < f->n; k++) {
        uint8_t type = arg_of(&f->c[k], i);
        char now = category(type);
        if (s.category == 0 || (now != s.category && now == 'S'))
            s = (struct slot){now, preferred(type)};
        else if (now == s.category)
            s.preferred |= preferred(type);
        else
            conflict = true;
    }
    *ret = s;
    return !conflict || s.category == 'S';
}

/* Drop what does not agree with the literals' categories, unless that is all. */
static void keep_category(struct field *f)
{
    size_t kept = f->n;
    for (size_t i = 0; i < f->args; i++) {
        struct slot s;
        if (f->input[i] == OVERLOAD_UNKNOWN && !slot_of(f, i, &s)) return;
    }
    struct candidate *was = f->c;
    for (size_t i = 0; i < f->args; i++) {
        struct slot s;
        if (f->input[i] != OVERLOAD_UNKNOWN) continue;
        /* agreed upon by all that competed, those that are out among them */
        (void)slot_of(f, i, &s);
        for (size_t k = 0; k < f->n; k++) {
            uint8_t type = arg_of(&was[k], i);
            if (was[k].out || (category(type) == s.category && (!s.preferred || preferred(type)))) continue;
            was[k].out = true;
            kept--;
        }
    }
    for (size_t k = 0; k < f->n && kept == 0; k++)
        was[k].out = false;
    sweep(f);
}

/* The literals are of the type that all the others have. */
static void keep_known(struct field *f, struct arena *arena, int *ret_result)
{
    uint8_t known = OVERLOAD_UNKNOWN, *input = arena_array(arena, f->args, 1);
    if (!input) {
        *ret_result = -ENOMEM;
        return;
    }
    for (size_t i = 0; i < f->args; i++) {
        if (f->input[i] == OVERLOAD_UNKNOWN) continue;
        if (known != OVERLOAD_UNKNOWN && known != f->input[i]) return;
        known = f->input[i];
    }
    if (known == OVERLOAD_UNKNOWN) return;
    memset(input, known, f->args);
    size_t fit = 0, last = 0;
    for (size_t k = 0; k < f->n; k++)
        if (can_take(&f->c[k], input, f->args)) fit++, last = k;
    if (fit != 1) return;
    f->c[0] = f->c[last];
    f->n = 1;
}

static int select_one(struct field *f, struct arena *arena)
{
    bool literals = memchr(f->input, OVERLOAD_UNKNOWN, f->args) != NULL;
    int r = 0;
    for (size_t k = 0; k < f->n; k++)
        f->c[k].out = !can_take(&f->c[k], f->input, f->args);
    sweep(f);
    if (f->n == 0) return OVERLOAD_E_NONE;
    if (f->n > 1) keep_best(f, false);
    if (f->n > 1) keep_best(f, true);
    if (f->n > 1 && literals) keep_category(f);
    if (f->n > 1 && literals) keep_known(f, arena, &r);
    return r ? r : f->n == 1 ? 0 : OVERLOAD_E_MANY;
}

/* A literal beside one other operand has that one's type, where there is such an operator. */
static const struct candidate *exact_operator(const struct field *f, const struct overload_call *call)
{
    uint8_t input[2] = {call->type[0], call->type[1]};
    if (input[0] == OVERLOAD_UNKNOWN) input[0] = input[1];
    if (input[1] == OVERLOAD_UNKNOWN) input[1] = input[0];
    return exact(f, input);
}

/* ---- the function of ours ---- */

static bool is_comparison(struct slice name)
{
    static const char *const names[] = {"=", "<>", "<", "<=", ">", ">="};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (slice_equal(name, slice_of(names[i]))) return true;
    return false;
}

/* The function of a wider type gives the same: 0 it is not so, 1 exact, more: wider. */
static unsigned fitness(const struct expr_function *f, const struct candidate *c, size_t args, struct slice name)
{
    struct candidate mine = of_function(f);
    unsigned worst = 1;
    if (!takes_count(&mine, args) || f->result != c->result) return 0;
    for (size_t i = 0; i < args; i++) {
        uint8_t want = arg_of(c, i), has = arg_of(&mine, i);
        if (want == has || (is_generic(want) && is_generic(has))) continue;
        if (want >= TYPE_OTHER || has >= TYPE_OTHER || !coerce_keeps(want, has)) return 0;
        if (want == TYPE_BPCHAR && !is_comparison(name)) return 0;
        worst = worst > 1U + has ? worst : 1U + has;
    }
    return worst;
}

static const struct expr_function *find_function(const struct candidate *c, const struct overload_call *call)
{
    const struct expr_function *best = NULL;
    unsigned best_fitness = 0;
    for (const struct expr_function *f = NULL; (f = overload_next(call->name, f));) {
        unsigned now = fitness(f, c, call->args, call->name);
        if (now == 0 || (best && now >= best_fitness)) continue;
        best = f;
        best_fitness = now;
    }
    return best;
}

int overload_find(const struct overload_call *call, struct arena *arena, struct overload *ret_overload)
{
    struct field f;
    if (!overload_next(call->name, NULL)) return OVERLOAD_E_NAME;
    int r = gather(call, arena, &f);
    if (r) return r;
    const struct candidate *c = call->is_operator && call->args == 2 ? exact_operator(&f, call) : exact(&f, call->type);
    if (!c) {
        r = select_one(&f, arena);
        if (r == OVERLOAD_E_NONE && !in_catalog(call->name)) r = OVERLOAD_E_SERVER; /* who knows what PostgreSQL has of it */
        if (r) return r;
        c = &f.c[0];
    }
    if (c->own) return OVERLOAD_E_SERVER;
    const struct expr_function *function = find_function(c, call);
    uint8_t *type = arena_array(arena, call->args, 1);
    if (!type) return -ENOMEM;
    if (!function) return OVERLOAD_E_SERVER;
    struct candidate mine = of_function(function);
    for (size_t i = 0; i < call->args; i++)
        type[i] = arg_of(&mine, i);
    *ret_overload = (struct overload){function, type};
    return 0;
}

/* ---- select_common_type ---- */

bool overload_common_type(const uint8_t *type, size_t n, uint8_t *ret_type, uint8_t ret_clash[2])
{
    uint8_t best = type[0];
    for (size_t i = 1; i < n; i++) {
        uint8_t now = type[i];
        if (now == OVERLOAD_UNKNOWN || now == best) continue;
        if (best == OVERLOAD_UNKNOWN) {
            best = now;
        } else if (category(now) != category(best)) {
            ret_clash[0] = best;
            ret_clash[1] = now;
            return false;
        } else if (!preferred(best) && can_become(best, now) && !can_become(now, best)) {
            best = now;
        }
    }
    *ret_type = best;
    return true;
}
