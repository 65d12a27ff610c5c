/* SPDX-License-Identifier: MIT */
#include "config/build_report.h"

static void check_name(struct builder *b, const struct config_report *report)
{
    char usable[NAME_MAX_BYTES + 1];
    builder_usable_name(slice_of(report->name), usable);
    if (strcmp(usable, report->name) != 0)
        mistakes_add(b->mistakes, report->place,
                     "a report's name is lower-case words joined by '_' that begin with a letter; write [report %s]", usable);
}

/* 0, or 1 after a mistake at that key, or -ENOMEM. */
static int told(struct builder *b, const struct ini_section *s, const char *key, int r)
{
    if (r > 0) mistakes_add(b->mistakes, builder_place_of(s, key), "%s: %s", key, b->err.text);
    return r;
}

static void check_used(struct builder *b, const struct ini_section *s, const struct config_report *report)
{
    for (size_t i = 0; i < report->params.n; i++)
        if (!report_uses(&report->text, (int)i) && !report_uses(&report->filename_text, (int)i))
            mistakes_add(b->mistakes, builder_place_of(s, "param"), "param: '%s' is not used; write :%s in sql, or take it out",
                         report->params.item[i].name, report->params.item[i].name);
}

static int build_report(struct builder *b, const struct ini_section *s, struct config_report *report)
{
    report->place = s->place;
    report->sql_place = builder_place_of(s, "sql");
    report->name = arena_cstr(b->arena, s->name);
    if (!report->name) return -ENOMEM;
    int r = builder_fill(b, OPTION_REPORT, s, report);
    if (r < 0) return r;
    check_name(b, report);
    report->sql = builder_without_semicolon(b, report->sql);
    if (!report->sql) return -ENOMEM;
    if (!*report->sql) mistakes_add(b->mistakes, report->sql_place, "a report needs a query: sql = select … from …");
    if (!*report->filename) mistakes_add(b->mistakes, builder_place_of(s, "filename"), "filename: a file needs a name");
    r = told(b, s, "param", report_params_parse(slice_of(report->param_sql), b->arena, &b->err, &report->params));
    if (r) return r < 0 ? r : 0;
    int sql = told(b, s, "sql", report_sql_parse(slice_of(report->sql), &report->params, b->arena, &b->err, &report->text));
    int name = told(b, s, "filename",
                    report_filename_parse(slice_of(report->filename), &report->params, b->arena, &b->err, &report->filename_text));
    if (sql == 0 && name == 0) check_used(b, s, report);
    return sql < 0 || name < 0 ? -ENOMEM : 0;
}

int build_reports(struct builder *b)
{
    struct config_report *reports = arena_array(b->arena, builder_count_sections(b, OPTION_REPORT) + 1, sizeof *reports);
    if (!reports) return -ENOMEM;
    b->config->reports = reports;
    for (const struct ini_section *s = b->ini->first; s; s = s->next) {
        if (!builder_is_kind(s, OPTION_REPORT) || s->name.len == 0) continue;
        int r = build_report(b, s, &reports[b->config->n_reports++]);
        if (r < 0) return r;
    }
    return 0;
}
