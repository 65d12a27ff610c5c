/* SPDX-License-Identifier: MIT */
/*
 * The kernels of fn_text's table, by file, and what they share: characters of UTF-8. Texts are valid UTF-8, as everything that the
 * rules let pass is.
 *
 * Source: PostgreSQL manual, "String Functions and Operators", "Pattern Matching"; what a server of version 15 answers.
 *
 * Thread: any.
 */
#ifndef CETLD_EXPR_FN_TEXT_H
#define CETLD_EXPR_FN_TEXT_H

#include "base/buf.h"
#include "expr/function.h"

#define FN_TEXT_KERNEL(name)                                                                                                       \
    int name(struct expr_run *run, const struct expr_call *call, const struct expr_rows *rows, struct batch_column *ret)

/* PostgreSQL's values are below 1 GB, their header of four bytes included. */
enum { FN_TEXT_MAX = 0x3fffffff - 4 };

/** Bytes that begin a character */
static inline bool fn_text_starts(char c)
{
    return ((unsigned char)c & 0xc0) != 0x80;
}
/** Characters */
size_t fn_text_length(struct slice s);
/** Bytes of the first n characters, or of all where there are fewer. */
size_t fn_text_offset(struct slice s, size_t n);
/** Bytes of the character that begins at `at`. */
static inline size_t fn_text_char(struct slice s, size_t at)
{
    size_t end = at + 1;
    while (end < s.len && !fn_text_starts(s.p[end]))
        end++;
    return end - at;
}
/** Without the blanks at its end, which do not count in a char(n). */
static inline struct slice fn_text_blanks_off(struct slice s)
{
    while (s.len > 0 && s.p[s.len - 1] == ' ')
        s.len--;
    return s;
}
/** An empty buffer for a text that fn_text_take may still take into the run's arena, and for none that is longer. */
void fn_text_begin(struct buf *ret_buf, const struct expr_run *run);
/** A copy of what the buffer holds, in the arena. 0 or -ENOMEM. */
must_check int fn_text_take(const struct buf *from, struct expr_run *run, union value *ret_value);
/** The steps one value may take where they grow with the product of two texts, beside those for reading them: a moment. The server
 * would go on for hours. */
#define FN_TEXT_STEPS_MAX (UINT64_C(1) << 26)
/** It is more: the row gets a fault. 0 or -ENOMEM. */
must_check int fn_text_too_much(struct expr_run *run, uint32_t row);
/** Where `part` first stands in s, or s.len when nowhere; part is not empty. */
size_t fn_text_find(struct slice s, struct slice part);

/* fn_text_case.c */
FN_TEXT_KERNEL(fn_text_lower);
FN_TEXT_KERNEL(fn_text_upper);
FN_TEXT_KERNEL(fn_text_initcap);
enum { FN_TEXT_BYTES = 256 };
/** What becomes of each byte that is a character by itself; 0 of one that takes the long way. */
struct fn_text_case {
    char lower[FN_TEXT_BYTES], upper[FN_TEXT_BYTES];
    bool alnum[FN_TEXT_BYTES];
    locale_t ctype;
};
void fn_text_case_init(struct fn_text_case *t, locale_t ctype);
/** As lower() has it, behind what `out` holds. */
void fn_text_case_lower(const struct fn_text_case *t, struct slice s, struct buf *out);

/* fn_text_like.c */
FN_TEXT_KERNEL(fn_text_like);
FN_TEXT_KERNEL(fn_text_not_like);
FN_TEXT_KERNEL(fn_text_ilike);
FN_TEXT_KERNEL(fn_text_not_ilike);
FN_TEXT_KERNEL(fn_text_like_escape);

/* fn_text_part.c: parts of a text, which stay where they are */
FN_TEXT_KERNEL(fn_text_substr);
FN_TEXT_KERNEL(fn_text_left);
FN_TEXT_KERNEL(fn_text_right);
FN_TEXT_KERNEL(fn_text_split_part);
FN_TEXT_KERNEL(fn_text_btrim);
FN_TEXT_KERNEL(fn_text_ltrim);
FN_TEXT_KERNEL(fn_text_rtrim);

/* fn_text_make.c: texts that are made */
FN_TEXT_KERNEL(fn_text_join);
FN_TEXT_KERNEL(fn_text_concat);
FN_TEXT_KERNEL(fn_text_concat_ws);
FN_TEXT_KERNEL(fn_text_replace);
FN_TEXT_KERNEL(fn_text_lpad);
FN_TEXT_KERNEL(fn_text_rpad);
FN_TEXT_KERNEL(fn_text_repeat);
FN_TEXT_KERNEL(fn_text_reverse);
FN_TEXT_KERNEL(fn_text_translate);

#endif
