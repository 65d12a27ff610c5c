/* SPDX-License-Identifier: MIT */
#include "cli.h"

#include <stddef.h>

/* clang-format off */
static const struct cli_option files_options[] = {
    {"--dataset", "NAME", "Only files of that dataset."},
    {"--state", "STATE", "Only files in that state: queued, waiting, loading, committing, loaded, duplicate, failed, unloaded, unreadable."},
    {"--limit", "N", "So many of the newest, at most 1000; 20 without it."},
    {"--before", "ID", "Only files older than that one."},
    {NULL, NULL, NULL}};
static const struct cli_option rejects_options[] = {
    {"--csv", NULL, "The header and the rows as they stood in the file, to be mended and sent again."},
    {NULL, NULL, NULL}};
static const struct cli_option original_options[] = {
    {"-o", "FILE", "Where to; standard output without it."},
    {"--link", NULL, "Print a link instead, by which whoever has it can fetch the file for five minutes; only an object store has one."},
    {NULL, NULL, NULL}};
static const struct cli_option ingest_options[] = {
    {"--dataset", "NAME", "Where the rows go, whatever the files' names say."},
    {"--as", "NAME", "The file's name, instead of its own; - as FILE is standard input."},
    {"--again", NULL, "Load it although these bytes are loaded already."},
    {"--no-wait", NULL, "Do not wait for the load: be done once the file is safe on the daemon's disk."},
    {NULL, NULL, NULL}};
static const struct cli_option replay_options[] = {
    {"--force", NULL, "Unload it first although rows are in the way that later files wrote over."},
    {"--again", NULL, "Do not unload it first: load it on top of what is loaded."},
    {"--no-wait", NULL, "Do not wait for the load."},
    {NULL, NULL, NULL}};
static const struct cli_option unload_options[] = {
    {"--force", NULL, "Also where later files wrote over its rows, which are lost then."},
    {NULL, NULL, NULL}};
static const struct cli_option check_options[] = {
    {"--dataset", "NAME", "The dataset that it is sent to, whatever its name. Default: the first whose files match."},
    {"--path", "PATH", "Where below incoming/ it would be dropped, for globs with a folder or a {part}. Default: its name."},
    {"--rows", "N", "How many of the first rows are shown. Default: 10."},
    {NULL, NULL, NULL},
};
static const struct cli_option config_options[] = {
    {"--said", NULL, "Only what a file says, without the defaults."},
    {NULL, NULL, NULL}};
static const struct cli_option token_options[] = {
    {"--hash-file", "FILE", "Write the hash there, for hash_file; it must not be there yet."},
    {NULL, NULL, NULL}};
static const struct cli_option backup_options[] = {
    {"--all", NULL, "The tables of all datasets."},
    {"--to", "FOLDER", "A folder that is not there yet (cetl-backup- and the time without it), or a URL: s3://BUCKET/…, azure://ACCOUNT/CONTAINER/…."},
    {"--once", NULL, "Where there is a whole backup already, that is no mistake: nothing is done."},
    {"--codec", "CODEC", "Of the blocks in the Avro files: deflate, or null, which is faster and larger."},
    {"--database", "URL", "Another database than the configuration's, as libpq reads it."},
    {NULL, NULL, NULL}};
static const struct cli_option restore_options[] = {
    {"--dry-run", NULL, "Check the backup and the tables, tell what would become of them, and change nothing."},
    {"--database", "URL", "Another database than the configuration's, as libpq reads it."},
    {NULL, NULL, NULL}};
/* clang-format on */

static const struct cli_command commands[] = {
    {.name = "status",
     .arguments = "",
     .prose = "whether the daemon works, and what it has to do",
     .run = status_run,
     .details = "The counts of files and rows are those since the daemon started. The exit status is 1 while the database does not "
                "answer."},
    {.name = "files",
     .arguments = "",
     .prose = "the files that came, the newest first",
     .run = files_run,
     .options = files_options},
    {.name = "show",
     .arguments = "ID",
     .prose = "one file: what became of it, and what was rejected",
     .run = show_run,
     .details = "ID is the number that cetl files shows, or the token that a file gets when it is sent."},
    {.name = "rejects",
     .arguments = "ID",
     .prose = "the rows of a file that were rejected, and why",
     .run = rejects_run,
     .options = rejects_options},
    {.name = "original",
     .arguments = "ID",
     .prose = "fetch a file as it was dropped",
     .run = original_run,
     .options = original_options,
     .details =
         "It comes from the [archive] that has it, or from done/ or failed/, and is compared with the SHA-256 that the ledger "
         "knows. The exit status is 1 when it is not kept any more."},
    {.name = "ingest",
     .arguments = "FILE…",
     .prose = "send files, and wait until they are loaded",
     .run = ingest_run,
     .options = ingest_options,
     .details = "A file that is sent is as good as one that is dropped into incoming/: once the daemon has it, it will be loaded, "
                "exactly once, whatever happens to cetl. The exit status is 0 when all are loaded, or were before (duplicate), and "
                "1 when one was refused. cetl waits on while the daemon restarts, or the database is away."},
    {.name = "replay",
     .arguments = "ID…",
     .prose = "load files once more, from done/ or failed/",
     .run = replay_run,
     .options = replay_options,
     .details = "The rows of a loaded file are taken out first, which takes lineage = yes; a failed one is tried again."},
    {.name = "unload",
     .arguments = "ID…",
     .prose = "take the rows of files out of their table again",
     .run = unload_run,
     .options = unload_options,
     .details = "That takes lineage = yes. Rollups are kept true in the same transaction."},
    {.name = "reload",
     .arguments = "",
     .prose = "make the daemon read its configuration anew",
     .run = reload_run,
     .details = "It is done once the new configuration is in force. Mistakes are told, all of them, each with its file and line; "
                "then the old configuration stays in force, and the exit status is 1. What takes a restart is told, too."},
    {.name = "config",
     .arguments = "[WHAT]",
     .prose = "every value in force, and the file and line that say it",
     .run = config_run,
     .options = config_options,
     .details = "WHAT is a kind of section (api), a section's name (orders), an option (memory_max), or an option of one of them "
                "(api.listen, orders.mode). What is shown is what the daemon has: a file that was changed since then shows after "
                "cetl reload."},
    {.name = "token new",
     .arguments = "[NAME]",
     .prose = "make a token for the API, and its hash, by which the daemon knows it",
     .run = token_new_run,
     .options = token_options,
     .details = "The token is printed and kept nowhere. A section [token NAME] of the configuration says what it may do; see the "
                "lines that are printed behind it. No daemon is needed."},
    {.name = "check",
     .arguments = "FILE",
     .prose = "what would become of a file: its first rows, and every row that would be rejected",
     .run = check_run,
     .options = check_options,
     .details = "The file is read by the daemon's own parser, types, rules and expressions, as the configuration says, and nothing "
                "is written. Neither a daemon nor a database is asked: what only they know is named. The exit status is 0 when the "
                "file would be loaded, and 1 when it would fail."},
    {.name = "pull",
     .arguments = "[SOURCE]",
     .prose = "fetch the files of the sources, or of one, now",
     .run = pull_run,
     .details = "It waits until they are loaded, and tells what came of each source. The exit status is 1 when one could not be "
                "fetched, or a file failed."},
    {.name = "guess",
     .arguments = "FILE…",
     .prose = "find the types of files' columns, and print a [dataset] for them",
     .run = guess_run,
     .details = "What is printed is a part of a configuration, with the reasons as comments. Files that would be of one dataset by "
                "their names, and have the same header, make one. The files are read twice: to find the types, and to try what is "
                "printed. Neither a daemon nor a database is asked."},
    {.name = "backup",
     .arguments = "[TABLE…]",
     .prose = "write tables to a folder, as Avro files",
     .run = backup_run,
     .options = backup_options,
     .details =
         "TABLE is the name of a dataset, or of a table as SQL writes it. All tables are as they were at one moment, "
         "whatever is loaded meanwhile. Each becomes an Avro object container file, which any reader of Avro reads; with "
         "those of datasets goes what the ledger knows of the files that their rows are of. manifest.json has the "
         "tables' columns and keys, and of each file the number of rows and the SHA-256. On its way to an object store it needs "
         "room in $TMPDIR, or /var/tmp; [store] of the configuration has endpoint and keys.\n\n"
         "cetl connects to the database itself, as the configuration says, and needs no daemon. It must be run as a user "
         "that the database knows: root or cetl where PostgreSQL is cetld's own. Not in a backup: indexes that are no "
         "key, foreign keys, checks, defaults, grants, and rejected rows."},
    {.name = "restore",
     .arguments = "FOLDER [TABLE…]",
     .prose = "give tables the rows that a backup has",
     .run = restore_run,
     .options = restore_options,
     .details = "All tables of the backup, or those that are named. FOLDER may be a URL, as of cetl backup --to. The files are "
                "read to their end and compared with the "
                "manifest before anything is touched, and the tables must have the columns that they had. The rows go into "
                "stages, and take the place of the tables' own in one transaction: others see the old rows or the new ones, and "
                "whoever writes waits meanwhile. A table that is missing is made, with its primary key and unique "
                "constraints.\n\n"
                "What the ledger says changes with the rows: files that were loaded since the backup are unloaded, and load again "
                "when they are sent again; those that the backup has are duplicates. Rollups and derives follow within seconds, "
                "while cetld runs or once it starts."},
    {.name = "version", .arguments = "", .prose = "the version of this program", .run = version_run},
    {.name = NULL},
};

const struct cli_command *cli_commands(void)
{
    return commands;
}
