/* SPDX-License-Identifier: MIT */
#include "reading.h"

#include "config/encoding.h"

#include <inttypes.h>

int reading_config(const struct cli *cli, struct config **ret_config)
{
    struct mistakes mistakes;
    mistakes_init(&mistakes);
    int r = config_load_public(cli->config, cli->config_said ? CONFIG_MUST_EXIST : CONFIG_MAY_BE_MISSING, &mistakes, ret_config);
    for (size_t i = 0; i < mistakes.stored; i++)
        fprintf(stderr, "%s\n", mistakes.text[i]);
    mistakes_done(&mistakes);
    return r == 0 ? CLI_OK
                  : cli_complain(CLI_USAGE, "the configuration cannot be used%s",
                                 r < 0 ? ": no memory" : "; -c /dev/null does without one");
}

static const char *compression_of(const struct trial *t)
{
    switch (t->head.input.compression) {
    case INPUT_GZIP: return "gzip";
    case INPUT_ZIP: return "zip";
    default: return NULL;
    }
}

static const char *encoding_of(const struct trial *t)
{
    if (t->head.plan_head.encoding) return t->head.plan_head.encoding;
    return t->head.plan_head.dialect.encoding == DIALECT_LATIN1 ? "latin-1" : "UTF-8";
}

void reading_text(const struct trial *t, struct buf *out)
{
    const struct dialect *d = &t->head.plan_head.dialect;
    char name[16];
    if (compression_of(t)) buf_printf(out, "%s, ", compression_of(t));
    buf_printf(out, "%s, %s", encoding_of(t), dialect_delimiter_name(d->delimiter, name));
    if (d->quote && d->quote != '"') buf_printf(out, ", quote %c", d->quote);
    if (!d->quote) buf_puts(out, ", no quotes");
    if (d->escape) buf_printf(out, ", escape %c", d->escape);
    if (d->line_end == DIALECT_END_CR) buf_puts(out, ", lines end in CR");
    if (d->skip_lines > 0) buf_printf(out, ", %" PRIu64 " line%s before the table", d->skip_lines, d->skip_lines == 1 ? "" : "s");
    if (d->header == DIALECT_HEADER_NO) buf_puts(out, ", no header");
}

/* A character, or null. */
static void write_character(struct json_writer *w, const char *name, char c)
{
    if (c) return json_write_field_slice(w, name, (struct slice){&c, 1});
    json_write_key(w, name);
    json_write_null(w);
}

void reading_json(const struct trial *t, struct json_writer *w)
{
    const struct dialect *d = &t->head.plan_head.dialect;
    json_write_key(w, "read_as");
    json_write_object(w);
    json_write_field_text(w, "compression", compression_of(t));
    json_write_field_text(w, "encoding", encoding_of(t));
    write_character(w, "delimiter", d->delimiter);
    write_character(w, "quote", d->quote);
    write_character(w, "escape", d->escape);
    json_write_field_text(w, "line_end", d->line_end == DIALECT_END_CR ? "cr" : "lf");
    json_write_field_bool(w, "header", d->header == DIALECT_HEADER_YES);
    json_write_field_int(w, "skip_lines", (int64_t)d->skip_lines);
    json_write_end(w);
}
