/* SPDX-License-Identifier: MIT */
#include "base/cleanup.h"
#include "base/fs.h"
#include "base/name.h"
#include "base/secret_token.h"
#include "cli.h"

#include <fcntl.h>
#include <string.h>

/* A file that is there already is somebody's token. The hash is no secret: the daemon's user must read it. */
static int write_hash(const char *path, const char *sha256)
{
    enum { MODE = 0644 };
    char line[DIGEST_HEX + 1];
    snprintf(line, sizeof line, "%s\n", sha256);
    cleanup_fd int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, MODE);
    int r = fd < 0 ? -errno : fs_write_all(fd, line, strlen(line));
    if (r == 0 && fsync(fd) != 0) r = -errno;
    if (r == -EEXIST) return cli_complain(CLI_FAILED, "%s is there already; it is the hash of a token, which would be lost", path);
    return r == 0 ? CLI_OK : cli_complain(CLI_FAILED, "%s: %s", path, error_name(r));
}

/* What [token NAME] can say, and what is a file's name as it stands. */
static bool is_name(struct slice name)
{
    if (name.len == 0 || name.len > NAME_MAX_BYTES || name.p[0] == '.' || name.p[0] == '-') return false;
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.p[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c >= 0x80;
        if (!plain && !strchr("_-.@+", c)) return false;
    }
    for (struct slice rest = name; rest.len > 0;) {
        size_t n = slice_char_len(rest);
        if (n == 0) return false;
        rest = (struct slice){rest.p + n, rest.len - n};
    }
    return true;
}

static void explain(const char *name, const char *path)
{
    char otherwise[256];
    snprintf(otherwise, sizeof otherwise, "/etc/cetl/%s.sha256", name);
    fputs("\nThe token is for whoever uses it and is kept nowhere; the hash is for the daemon:\n", stderr);
    if (!path) fprintf(stderr, "    echo HASH > %s\n", otherwise);
    fprintf(stderr,
            "    [token %s]\n"
            "    hash_file = %s\n"
            "    allow = *: read\n"
            "Then: cetl reload, and: curl -H 'Authorization: Bearer TOKEN' …\n",
            name, path ? path : otherwise);
}

int token_new_run(struct cli *cli, int argc, char **argv)
{
    struct secret_token token;
    if (argc > 1 && !is_name(slice_of(argv[1])))
        return cli_complain(CLI_USAGE,
                            "a token's name, as [token NAME] says it, is letters, digits and _ - . @ +, at most %d bytes; '%s' is "
                            "none",
                            NAME_MAX_BYTES, argv[1]);
    const char *path = cli_option(cli, "--hash-file");
    int r = secret_token_make(&token);
    if (r < 0) return cli_complain(CLI_FAILED, "no random numbers: %s", error_name(r));
    r = path ? write_hash(path, token.sha256) : CLI_OK;
    if (r != CLI_OK) return r;
    if (cli->json) {
        printf("{\"token\":\"%s\",\"sha256\":\"%s\"}\n", token.text, token.sha256);
        return CLI_OK;
    }
    printf("token   %s\nsha256  %s\n", token.text, token.sha256);
    explain(argc > 1 ? argv[1] : "NAME", path);
    return CLI_OK;
}
