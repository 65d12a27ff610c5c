/* SPDX-License-Identifier: MIT */
#include "config/value.h"

#include "base/ascii.h"
#include "base/glob.h"
#include "base/num.h"
#include "base/zone.h"
#include "config/address.h"
#include "config/config.h"
#include "config/encoding.h"
#include "config/token.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { ITEMS_MAX = 1024 };

/* What one type's parser is given. */
struct input {
    const struct value_rule *rule;
    struct slice text;
    struct arena *arena;
    struct error *err;
};

static int refuse(const struct input *in, const char *expected)
{
    return error_set(in->err, VALUE_E_INVALID, "'" SLICE_FMT "' is not %s", SLICE_ARG(slice_cut_utf8(in->text, 200)), expected);
}

static int keep_text(const struct input *in, struct slice text, const char **ret_text)
{
    const char *copy = arena_cstr(in->arena, text);
    if (!copy) return -ENOMEM;
    *ret_text = copy;
    return 0;
}

static int parse_sql(const struct input *in, void *field)
{
    return keep_text(in, in->text, field);
}

static int parse_text(const struct input *in, void *field)
{
    if (in->text.len && memchr(in->text.p, '\n', in->text.len))
        return refuse(in, "one line; an indented line goes on with the value above it");
    return keep_text(in, in->text, field);
}

/* The folder of credentials outside of a unit that loads them: where the unit has them from. */
#define CREDENTIALS_FOLDER "/etc/cetl/credentials"
/* What our unit gives all of them as: LoadCredential= of a folder puts its own name and `_` before the name of each. */
#define CREDENTIALS_ID "cetl"

/* %d and %% in `text`. */
static int expand(const struct input *in, struct buf *out)
{
    const char *credentials = getenv("CREDENTIALS_DIRECTORY");
    for (size_t i = 0; i < in->text.len; i++) {
        char c = in->text.p[i], next = i + 1 < in->text.len ? in->text.p[i + 1] : '\0';
        if (c != '%') {
            buf_putc(out, c);
            continue;
        }
        i++;
        if (next == '%')
            buf_putc(out, '%');
        else if (next == 'd')
            buf_puts(out, credentials ? credentials : CREDENTIALS_FOLDER);
        else
            return refuse(in, "understood: write %d for the credentials folder, %% for a percent sign");
    }
    return 0;
}

/* %d/NAME of a unit is the credential NAME, or else the file NAME of the folder that the unit loads. */
static int find_credential(struct buf *path)
{
    const char *credentials = getenv("CREDENTIALS_DIRECTORY");
    size_t folder = credentials ? strlen(credentials) : 0;
    const char *text = buf_cstr(path);
    if (!folder || strncmp(text, credentials, folder) != 0 || text[folder] != '/' || access(text, F_OK) == 0) return 0;
    struct buf loaded;
    buf_init(&loaded, path->max);
    buf_printf(&loaded, "%s/" CREDENTIALS_ID "_", credentials);
    for (const char *p = text + folder + 1; *p; p++)
        buf_putc(&loaded, *p == '/' ? '_' : *p);
    int r = buf_check(&loaded);
    if (r == 0 && access(buf_cstr(&loaded), F_OK) == 0) {
        buf_reset(path);
        buf_puts(path, buf_cstr(&loaded));
    }
    buf_done(&loaded);
    return r;
}

static int parse_path(const struct input *in, void *field)
{
    struct buf path;
    const char *text = NULL;
    int r = parse_text(in, &text);
    if (r) return r;
    buf_init(&path, 4095);
    r = expand(in, &path);
    if (r == 0 && (buf_check(&path) < 0 || find_credential(&path) < 0)) r = refuse(in, "short enough for a path (4095 bytes)");
    if (r == 0 && path.len > 0 && path.data[0] != '/') r = refuse(in, "an absolute path; begin it with /");
    if (r == 0) r = keep_text(in, buf_slice(&path), field);
    buf_done(&path);
    return r;
}

/* The number is stored when it is in the rule's range. */
static int keep_number(const struct input *in, int parsed, int64_t value, void *field)
{
    if (parsed != 0 || value < in->rule->min || value > in->rule->max) {
        struct buf expected;
        buf_init(&expected, 200);
        value_describe(in->rule, &expected);
        int r = refuse(in, buf_cstr(&expected));
        buf_done(&expected);
        return r;
    }
    *(int64_t *)field = value;
    return 0;
}

static int parse_count(const struct input *in, void *field)
{
    int64_t value = 0;
    int parsed = num_parse_i64(in->text, &value);
    return keep_number(in, parsed, value, field);
}

static int parse_size(const struct input *in, void *field)
{
    int64_t value = 0;
    int parsed = num_parse_size(in->text, &value);
    return keep_number(in, parsed, value, field);
}

static int parse_duration(const struct input *in, void *field)
{
    int64_t value = 0;
    int parsed = num_parse_duration(in->text, &value);
    return keep_number(in, parsed, value, field);
}

static int parse_mode(const struct input *in, void *field)
{
    int64_t value = 0;
    bool octal = in->text.len > 0 && in->text.len <= 5;
    for (size_t i = 0; octal && i < in->text.len; i++) {
        octal = in->text.p[i] >= '0' && in->text.p[i] <= '7';
        value = value * 8 + (in->text.p[i] - '0');
    }
    return keep_number(in, octal ? 0 : NUM_E_SYNTAX, value, field);
}

static int parse_zone(const struct input *in, void *field)
{
    if (in->text.len == 0) {
        *(const struct zone **)field = NULL;
        return 0;
    }
    const char *name = arena_cstr(in->arena, slice_cut_utf8(in->text, 200));
    if (!name) return -ENOMEM;
    int r = zone_load(name, in->arena, in->err, field);
    return r == -ENOMEM ? r : r != 0 ? VALUE_E_INVALID : 0;
}

static int parse_choice(const struct input *in, void *field)
{
    struct buf names;
    for (const struct value_choice *c = in->rule->choices; c->name; c++) {
        if (!slice_equal(in->text, slice_of(c->name))) continue;
        *(int *)field = c->value;
        return 0;
    }
    buf_init(&names, 200);
    value_describe(in->rule, &names);
    int r = refuse(in, buf_cstr(&names));
    buf_done(&names);
    return r;
}

/* Items by comma or line; empty ones are none. `keep` looks at one and stores it. */
static int parse_items(const struct input *in, int (*keep)(const struct input *item, void *field), void *field)
{
    size_t room = 1, n = 0;
    for (size_t i = 0; i < in->text.len && room < ITEMS_MAX; i++)
        room += in->text.p[i] == ',' || in->text.p[i] == '\n';
    const char **items = arena_array(in->arena, room, sizeof(*items));
    if (!items) return -ENOMEM;
    for (struct slice lines = in->text; lines.p;) {
        for (struct slice line = slice_cut(&lines, '\n'); line.p;) {
            struct input item = *in;
            item.text = slice_trim(slice_cut(&line, ','));
            if (item.text.len == 0) continue;
            if (n == ITEMS_MAX) return error_set(in->err, VALUE_E_INVALID, "more than %d items", ITEMS_MAX);
            int r = keep(&item, &items[n]);
            if (r) return r;
            n++;
        }
    }
    *(struct config_list *)field = (struct config_list){items, n};
    return 0;
}

static int parse_list(const struct input *in, void *field)
{
    return parse_items(in, parse_text, field);
}

static int parse_paths(const struct input *in, void *field)
{
    return parse_items(in, parse_path, field);
}

static int parse_glob(const struct input *item, void *field)
{
    return glob_valid(item->text) ? keep_text(item, item->text, field)
                                  : refuse(item, "a glob: a [ or { is not closed, {…} holds no name or one that came before, or "
                                                 "there are more than 16; a literal "
                                                 "one is written [[] or [{]");
}

static int parse_globs(const struct input *in, void *field)
{
    return parse_items(in, parse_glob, field);
}

static int parse_address(const struct input *item, void *field)
{
    const char *expected = address_expected(item->text);
    return expected ? refuse(item, expected) : keep_text(item, item->text, field);
}

static int parse_addresses(const struct input *in, void *field)
{
    return parse_items(in, parse_address, field);
}

static int parse_origin(const struct input *item, void *field)
{
    const char *expected = origin_expected(item->text);
    return expected ? refuse(item, expected) : keep_text(item, item->text, field);
}

static int parse_origins(const struct input *in, void *field)
{
    return parse_items(in, parse_origin, field);
}

static bool is_plain_byte(struct slice text)
{
    return text.len == 1 && text.p[0] > ' ' && text.p[0] < 0x7f;
}

static int parse_delimiter(const struct input *in, void *field)
{
    char *c = field;
    if (slice_equal(in->text, SLICE("auto")))
        *c = 0;
    else if (slice_equal(in->text, SLICE("tab")))
        *c = '\t';
    else if (slice_equal(in->text, SLICE("space")))
        *c = ' ';
    else if (is_plain_byte(in->text) && in->text.p[0] != '"' && !ascii_is_alnum(in->text.p[0]))
        *c = in->text.p[0];
    else
        return refuse(in, "a delimiter: auto, tab, space, or one ASCII character that is no letter and no digit");
    return 0;
}

/* auto and none; else false. */
static bool parse_open_char(const struct input *in, void *field)
{
    bool open = slice_equal(in->text, SLICE("auto")), none = slice_equal(in->text, SLICE("none"));
    if (open) *(char *)field = CONFIG_CHAR_AUTO;
    if (none) *(char *)field = 0;
    return open || none;
}

static int parse_quote(const struct input *in, void *field)
{
    if (parse_open_char(in, field)) return 0;
    if (!is_plain_byte(in->text) || ascii_is_alnum(in->text.p[0]))
        return refuse(in, "auto, none, or one ASCII character that is no letter and no digit");
    *(char *)field = in->text.p[0];
    return 0;
}

static int parse_escape(const struct input *in, void *field)
{
    if (parse_open_char(in, field)) return 0;
    if (!is_plain_byte(in->text)) return refuse(in, "auto, none, or one ASCII character");
    *(char *)field = in->text.p[0];
    return 0;
}

static int parse_lines(const struct input *in, void *field)
{
    if (!slice_equal(in->text, SLICE("auto"))) return parse_count(in, field);
    *(int64_t *)field = CONFIG_LINES_AUTO;
    return 0;
}

static int parse_mark(const struct input *in, void *field)
{
    char *c = field;
    if (slice_equal(in->text, SLICE("none")))
        *c = 0;
    else if (is_plain_byte(in->text))
        *c = in->text.p[0];
    else
        return refuse(in, "none or one ASCII character");
    return 0;
}

static int parse_encoding(const struct input *in, void *field)
{
    return encoding_check(in->text, in->err) ? VALUE_E_INVALID : keep_text(in, in->text, field);
}

static int parse_budget(const struct input *in, void *field)
{
    static const char expected[] = "a number of rows, or a percentage such as 1% or 0.5%";
    struct config_budget budget = {0};
    if (!slice_ends(in->text, SLICE("%"))) {
        if (num_parse_i64(in->text, &budget.count) != 0 || budget.count < 0) return refuse(in, expected);
    } else {
        /* whole "." fraction, each of few digits, so that nothing of strtod's other forms gets in */
        struct slice fraction = slice_trim((struct slice){in->text.p, in->text.len - 1}), whole = slice_cut(&fraction, '.');
        uint64_t units = 0, parts = 0;
        if (fraction.len > 9 || num_parse_u64(whole, &units) != 0 || (fraction.p && num_parse_u64(fraction, &parts) != 0))
            return refuse(in, expected);
        budget.is_percent = true;
        budget.percent = (double)parts;
        for (size_t i = 0; i < fraction.len; i++)
            budget.percent /= 10;
        budget.percent += (double)units;
        if (budget.percent > 100) return refuse(in, "at most 100%");
    }
    *(struct config_budget *)field = budget;
    return 0;
}

static int parse_table(const struct input *in, void *field)
{
    static const char expected[] = "a table: schema.table, as SQL writes names";
    const char **names = field;
    struct slice rest = in->text;
    struct token first = token_next(&rest), dot = token_next(&rest), second = token_next(&rest), end = token_next(&rest);
    bool alone = dot.kind == TOKEN_END;
    if (!token_is_name(first) || (!alone && (!token_is_sign(dot, ".") || !token_is_name(second) || end.kind != TOKEN_END)))
        return refuse(in, expected);
    const char *schema = alone ? "public" : token_name(first, in->arena), *table = token_name(alone ? first : second, in->arena);
    if (!schema || !table) return -ENOMEM;
    if (!*schema || !*table) return refuse(in, expected);
    if (strlen(schema) > 63 || strlen(table) > 63) return refuse(in, "short enough: PostgreSQL's names have at most 63 bytes");
    if (strcmp(schema, "cetl") == 0 || slice_starts(slice_of(schema), SLICE("pg_")))
        return refuse(in, "a table for your data: the schemas cetl and pg_… have other uses");
    names[0] = schema;
    names[1] = table;
    return 0;
}

/* By type; value_format.c has the other half. */
static int (*const parsers[])(const struct input *in, void *field) = {
    [VALUE_TEXT] = parse_text,           [VALUE_URL] = parse_text,          [VALUE_SQL] = parse_sql,
    [VALUE_PATH] = parse_path,           [VALUE_PATHS] = parse_paths,       [VALUE_COUNT] = parse_count,
    [VALUE_SIZE] = parse_size,           [VALUE_DURATION] = parse_duration, [VALUE_MODE] = parse_mode,
    [VALUE_CHOICE] = parse_choice,       [VALUE_LIST] = parse_list,         [VALUE_GLOBS] = parse_globs,
    [VALUE_ADDRESSES] = parse_addresses, [VALUE_ORIGINS] = parse_origins,   [VALUE_DELIMITER] = parse_delimiter,
    [VALUE_QUOTE] = parse_quote,         [VALUE_ESCAPE] = parse_escape,     [VALUE_LINES] = parse_lines,
    [VALUE_MARK] = parse_mark,           [VALUE_ENCODING] = parse_encoding, [VALUE_BUDGET] = parse_budget,
    [VALUE_TABLE] = parse_table,         [VALUE_ZONE] = parse_zone,
};

int value_parse(const struct value_rule *rule, struct slice text, const struct value_context *context, void *ret_field)
{
    struct input in = {rule, text, context->arena, context->err};
    return parsers[rule->type](&in, ret_field);
}
