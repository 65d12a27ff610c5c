/* SPDX-License-Identifier: MIT */
#include "config/allow.h"

#include "base/name.h"

#include <stdio.h>

static const struct {
    const char *word;
    enum allow_action action;
} words[] = {{"read", ALLOW_READ}, {"write", ALLOW_WRITE}, {"ingest", ALLOW_INGEST}, {"manage", ALLOW_MANAGE}};
enum { WORDS = sizeof words / sizeof *words, SHOWN = 100, HINT = 96 };

struct parser {
    struct arena *arena;
    struct config_place place;
    struct mistakes *mistakes;
    struct slice item; /* the rule, for people */
};

#define TELL(p, format, ...)                                                                                                       \
    mistakes_add((p)->mistakes, (p)->place, "allow: '" SLICE_FMT "': " format, SLICE_ARG(slice_cut_utf8((p)->item, SHOWN)),        \
                 ##__VA_ARGS__)

static struct slice cut_word(struct slice *rest)
{
    struct slice text = slice_trim(*rest);
    size_t n = 0;
    while (n < text.len && text.p[n] != ' ' && text.p[n] != '\t')
        n++;
    *rest = slice_trim((struct slice){text.p + n, text.len - n});
    return (struct slice){text.p, n};
}

static unsigned action_of(struct slice word)
{
    for (int i = 0; i < WORDS; i++)
        if (slice_equal(word, slice_of(words[i].word))) return words[i].action;
    return 0;
}

static void unknown_action(struct parser *p, struct slice word, bool named)
{
    char hint[HINT] = "";
    struct name_nearest nearest = name_nearest_to(word);
    for (int i = 0; i < WORDS; i++)
        name_nearest_offer(&nearest, words[i].word);
    if (nearest.best)
        snprintf(hint, sizeof hint, " (did you mean '%s'?)", nearest.best);
    else if (!named)
        snprintf(hint, sizeof hint, "; what is allowed stands behind the name and a colon, as in orders: read write");
    TELL(p, "'" SLICE_FMT "' is none of read, write, ingest, manage%s", SLICE_ARG(slice_cut_utf8(word, SHOWN)), hint);
}

static void parse_actions(struct parser *p, struct slice rest, bool named, unsigned *actions)
{
    if (slice_trim(rest).len == 0) TELL(p, "it allows nothing; write what: read, write, ingest, manage");
    while (rest.len > 0) {
        struct slice word = cut_word(&rest);
        unsigned action = action_of(word);
        if (action == 0 && word.len > 0) unknown_action(p, word, named);
        *actions |= action;
    }
}

/* What stands before the colon. */
static int parse_subject(struct parser *p, struct slice subject, struct allow_rule *rule)
{
    struct slice rest = subject, name = cut_word(&rest);
    rule->kinds = ALLOW_TABLES;
    if (slice_equal(name, SLICE("report")) && rest.len > 0) {
        rule->kinds = ALLOW_REPORTS;
        name = cut_word(&rest);
    }
    if (name.len == 0) TELL(p, "a table's name or * stands before the colon");
    if (rest.len > 0) TELL(p, "one name stands before the colon, or 'report' and one");
    rule->every = slice_equal(name, SLICE("*"));
    rule->name = arena_copy(p->arena, name);
    if (rule->kinds == ALLOW_REPORTS && rule->actions & ~(unsigned)ALLOW_READ)
        TELL(p, "a report can be read, and nothing else; write report " SLICE_FMT ": read", SLICE_ARG(slice_cut_utf8(name, SHOWN)));
    if (rule->kinds == ALLOW_TABLES && rule->actions & ALLOW_MANAGE)
        TELL(p, "manage is about the whole ledger; write it as a rule without a name: manage");
    return rule->name.p ? 0 : -ENOMEM;
}

static int parse_rule(struct parser *p, struct allow_rule *rule)
{
    struct slice rest = p->item, subject = slice_cut(&rest, ':');
    *rule = (struct allow_rule){.kinds = ALLOW_TABLES | ALLOW_REPORTS};
    if (!rest.p) {
        rule->every = true;
        parse_actions(p, subject, false, &rule->actions);
        return 0;
    }
    parse_actions(p, rest, true, &rule->actions);
    return parse_subject(p, subject, rule);
}

int allow_parse(struct slice text, struct arena *arena, struct config_place place, struct mistakes *m, struct allow *ret_allow)
{
    size_t room = 1, n = 0;
    for (size_t i = 0; i < text.len && room < ALLOW_RULES_MAX; i++)
        room += text.p[i] == ',' || text.p[i] == '\n';
    struct allow_rule *rules = arena_array(arena, room, sizeof *rules);
    if (!rules) return -ENOMEM;
    struct parser p = {.arena = arena, .place = place, .mistakes = m};
    for (struct slice lines = text; lines.p;) {
        for (struct slice line = slice_cut(&lines, '\n'); line.p;) {
            p.item = slice_trim(slice_cut(&line, ','));
            if (p.item.len == 0) continue;
            if (n == ALLOW_RULES_MAX) {
                mistakes_add(m, place, "allow: more than %d rules", ALLOW_RULES_MAX);
                return 0;
            }
            int r = parse_rule(&p, &rules[n]);
            if (r < 0) return r;
            n++;
        }
    }
    *ret_allow = (struct allow){rules, n};
    return 0;
}

static bool applies(const struct allow_rule *r, enum allow_kind kind, enum allow_action action)
{
    return r->kinds & (unsigned)kind && r->actions & (unsigned)action;
}

bool allow_permits(const struct allow *a, enum allow_kind kind, enum allow_action action, struct slice name)
{
    for (size_t i = 0; i < a->n; i++)
        if (applies(&a->rule[i], kind, action) && (a->rule[i].every || (name.p && slice_equal(a->rule[i].name, name)))) return true;
    return false;
}
