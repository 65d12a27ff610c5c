/* SPDX-License-Identifier: MIT */
#include "config/encoding.h"

#include "base/ascii.h"
#include "base/name.h"

#include <iconv.h>
#include <stdio.h>
#include <string.h>

static const char *const utf8_names[] = {"utf-8", "utf8", NULL};
static const char *const latin1_names[] = {"latin-1", "latin1", "iso-8859-1", "iso8859-1", NULL};

/* What is suggested for a name that is not known. */
static const char *const usual[] = {
    "utf-8",       "utf-16",     "utf-16le",     "utf-16be",     "utf-32",       "utf-32le",     "utf-32be",     "latin-1",
    "ascii",       "cp1250",     "cp1251",       "cp1252",       "cp1253",       "cp1254",       "cp1255",       "cp1256",
    "cp1257",      "cp1258",     "windows-1250", "windows-1251", "windows-1252", "windows-1253", "windows-1254", "windows-1257",
    "iso-8859-1",  "iso-8859-2", "iso-8859-5",   "iso-8859-7",   "iso-8859-9",   "iso-8859-15",  "cp437",        "cp850",
    "cp852",       "cp866",      "koi8-r",       "koi8-u",       "macintosh",    "shift_jis",    "cp932",        "euc-jp",
    "iso-2022-jp", "euc-kr",     "cp949",        "gb2312",       "gbk",          "gb18030",      "big5",         "tis-620",
    "iso-8859-3",  "iso-8859-4", "iso-8859-6",   "iso-8859-8",   "iso-8859-10",  "iso-8859-13",  "iso-8859-14",  "iso-8859-16",
};

static bool is_one_of(const char *name, const char *const *names)
{
    for (; *names; names++)
        if (strcasecmp(name, *names) == 0) return true;
    return false;
}

bool encoding_is_auto(const char *name)
{
    return strcasecmp(name, "auto") == 0;
}

bool encoding_is_utf8(const char *name)
{
    return is_one_of(name, utf8_names);
}

bool encoding_is_latin1(const char *name)
{
    return is_one_of(name, latin1_names);
}

/* iconv_open takes more than names: "//IGNORE" would drop what it cannot read. */
static bool is_name(struct slice text)
{
    static const char others[] = "-_.:+";
    if (text.len == 0 || text.len >= ENCODING_NAME_MAX) return false;
    for (size_t i = 0; i < text.len; i++) {
        if (!ascii_is_alnum(text.p[i]) && !memchr(others, text.p[i], sizeof others - 1)) return false;
    }
    return true;
}

static bool is_known(const char *name)
{
    if (encoding_is_auto(name) || encoding_is_utf8(name) || encoding_is_latin1(name)) return true;
    iconv_t cd = iconv_open("UTF-8", name);
    if (cd == (iconv_t)-1) return false;
    iconv_close(cd);
    return true;
}

int encoding_check(struct slice name, struct error *err)
{
    char text[ENCODING_NAME_MAX] = "", hint[96] = "";
    if (is_name(name)) {
        memcpy(text, name.p, name.len);
        text[name.len] = '\0';
        if (is_known(text)) return 0;
    }
    struct name_nearest nearest = name_nearest_to(slice_cut_utf8(name, ENCODING_NAME_MAX));
    for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
        name_nearest_offer(&nearest, usual[i]);
    if (nearest.best) snprintf(hint, sizeof hint, " (did you mean '%s'?)", nearest.best);
    return error_set(err, ENCODING_E_UNKNOWN, "'" SLICE_FMT "' is not an encoding that this system knows%s; see iconv --list",
                     SLICE_ARG(slice_cut_utf8(name, 200)), hint);
}
