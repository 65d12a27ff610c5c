/* SPDX-License-Identifier: MIT */
#include "http/response.h"

/* RFC 9110, 15; RFC 6585; RFC 4918 (507). */
static const struct {
    int status;
    const char *text;
} phrases[] = {
    {100, "Continue"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {425, "Too Early"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
};

_Static_assert(sizeof phrases / sizeof phrases[0] < HTTP_STATUSES, "one place is left for those that are not in the table");

unsigned http_status_index(int status)
{
    unsigned i = 0;
    while (i < sizeof phrases / sizeof phrases[0] && phrases[i].status != status)
        i++;
    return i;
}

int http_status_at(unsigned i)
{
    return i < sizeof phrases / sizeof phrases[0] ? phrases[i].status : 0;
}

const char *http_status_text(int status)
{
    unsigned i = http_status_index(status);
    return i < sizeof phrases / sizeof phrases[0] ? phrases[i].text : "Unknown";
}
