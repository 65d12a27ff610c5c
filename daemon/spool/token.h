/* SPDX-License-Identifier: MIT */
/*
 * The names in work/: TOKEN=NAME is a claimed file, TOKEN a folder for one and for what must lie beside it (place.h). The first '='
 * ends the token, which has none; NAME is any bytes.
 *
 * Thread: any. Everything blocks.
 */
#ifndef CETLD_SPOOL_TOKEN_H
#define CETLD_SPOOL_TOKEN_H

#include "spool/place.h"

/* Names inside a token folder that are not the file's. */
#define TOKEN_PATH ".path"             /* where below incoming/ it came from */
#define TOKEN_ANYWAY ".anyway"         /* load it although its bytes are loaded already */
#define TOKEN_ANYWAY_TMP ".anyway.tmp" /* which a crash kept from becoming .anyway */
#define TOKEN_DATASET ".dataset"       /* that it goes to, whatever its name says */
#define TOKEN_DATASET_TMP ".dataset.tmp"
#define TOKEN_PATH_TMP ".path.tmp" /* which a crash kept from becoming .path */
#define TOKEN_PART ".part"         /* a copy that is not whole */
#define TOKEN_COPY ".copy"         /* a whole copy whose source is being removed */
/* A file that is held (hold.h): where it lay. */
#define TOKEN_HELD_DONE ".done"
#define TOKEN_HELD_FAILED ".failed"

struct token_item {
    char token[PLACE_TOKEN_MAX];
    char *name; /* of TOKEN=NAME; NULL: a folder TOKEN */
};
struct token_list {
    struct token_item *item; /* by token, rising */
    size_t n, cap;
};
/** What in work/ has a token. 0 or -errno; the caller calls token_list_done in either case. */
must_check int token_list_read(const struct place *p, struct token_list *list);
void token_list_done(struct token_list *list);

/** Is it one of the names above? */
bool token_owns(const char *name);
/** "work/TOKEN", or with a name "work/TOKEN/NAME", below the spool. False when it is too long. */
enum { TOKEN_PATH_MAX = 5 + PLACE_TOKEN_MAX + NAME_MAX + 1 };
bool token_path(const char *token, const char *name, char ret_path[TOKEN_PATH_MAX]);
/** "work/TOKEN=NAME", likewise. */
bool token_flat_path(const char *token, const char *name, char ret_path[TOKEN_PATH_MAX]);
/** Where a claimed file lies, below the spool: one of the two. */
bool token_file_path(const struct place_file *f, char ret_path[TOKEN_PATH_MAX]);
/** A descriptor of work/TOKEN, or -errno. */
must_check int token_open(const struct place *p, const char *token);
/** Make work/TOKEN and open it. */
must_check int token_make(const struct place *p, const char *token);
/** Remove work/TOKEN with what is ours in it, but for a held file. Not while it holds a file: that one would lose its .path. */
void token_remove(const struct place *p, const char *token);
#endif
