/* SPDX-License-Identifier: MIT */
/*
 * What is said of each route in /openapi.json: tables, one row a route, a parameter, a body, an answer's content. A route without a
 * row here is a mistake that a unit test finds (tests/unit/api/openapi_document_test.c), and so is a row without a route.
 *
 * Thread: any; all of it is constant.
 */
#ifndef CETLD_API_OPENAPI_ROUTES_H
#define CETLD_API_OPENAPI_ROUTES_H

#include "http/request.h"

/** A pattern with {table} is written once as it is, and once for each table. */
enum openapi_scope {
    OPENAPI_ONCE,
    OPENAPI_READABLE, /* for datasets, rollups and derives */
    OPENAPI_WRITABLE, /* for datasets */
    OPENAPI_KEYED,    /* for readable tables with a primary key */
    OPENAPI_CHANGED,  /* for datasets with a primary key */
    OPENAPI_REPORTS,  /* {name}: for each report */
};

struct openapi_operation {
    enum http_method method;
    enum openapi_scope scope;
    bool open; /* for everybody */
    const char *pattern, *id, *tag, *summary;
    const char *description; /* or NULL */
    const char *parameters;  /* names of parameters, with a blank between them; "" */
    const char *body;        /* a content's name, or NULL */
    const char *answers;     /* "200=rows 304 404": status, and the content's name; without one an error, or nothing below 400 */
};
/** NULL behind the last. */
const struct openapi_operation *openapi_operation_at(size_t i);
/** The one of that route, or NULL. */
const struct openapi_operation *openapi_operation(enum http_method method, const char *pattern);

struct openapi_parameter {
    const char *key, *in, *name;
    bool required;
    const char *schema; /* JSON */
    const char *description;
};
const struct openapi_parameter *openapi_parameter_at(size_t i);

/** What an answer or a body is. */
struct openapi_content {
    const char *name, *description;
    const char *media;  /* media types, with a blank between them */
    const char *schema; /* JSON; "ROW", "ROWS", "NEW" or "NEWS": the table's, one or an array */
};
const struct openapi_content *openapi_content(struct slice name);

/** components/schemas that are always there: an object's members as JSON, without the braces. */
const char *openapi_schemas(void);
/** The tags, as a JSON array. */
const char *openapi_tags(void);

#endif
