#!/bin/sh
# SPDX-License-Identifier: MIT
# web.sh FILE...: the files as C, for daemon/api/web.h.
set -eu
echo '/* Made by tools/web.sh. */'
echo '#include "api/web.h"'
n=0
for file; do
    echo "static const unsigned char file_$n[] = {"
    od -An -v -tx1 "$file" | sed 's/ \([0-9a-f][0-9a-f]\)/0x\1,/g'
    echo '};'
    n=$((n + 1))
done
echo 'static const struct web_file files[] = {'
n=0
for file; do
    name=${file##*/}
    case $name in
    *.html) type='text/html; charset=utf-8' ;;
    *.css) type='text/css; charset=utf-8' ;;
    *.js) type='text/javascript; charset=utf-8' ;;
    *) echo "$file: of which media type is it?" >&2; exit 1 ;;
    esac
    echo "    {\"$name\", \"$type\", {(const char *)file_$n, sizeof file_$n}},"
    n=$((n + 1))
done
cat <<'END'
};
const struct web_file *web_file(struct slice name)
{
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (slice_equal(name, slice_of(files[i].name))) return &files[i];
    return NULL;
}
END
