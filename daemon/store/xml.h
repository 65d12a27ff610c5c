/* SPDX-License-Identifier: MIT */
/*
 * Reading the XML that object stores answer: elements and their text, in order. Attributes, comments, CDATA's marks and the prolog
 * are passed over; what is no XML at all just has no elements. Nothing is allocated but the decoded text.
 *
 *     struct xml x = xml_of(body);
 *     while (xml_next(&x)) if (x.kind == XML_TEXT && xml_in(&x, "Key")) …
 *
 * Thread: any.
 */
#ifndef CETLD_STORE_XML_H
#define CETLD_STORE_XML_H

#include "base/buf.h"

enum { XML_DEPTH_MAX = 16 };
enum xml_kind { XML_OPEN, XML_TEXT, XML_CLOSE };

struct xml {
    struct slice rest;
    enum xml_kind kind;
    struct slice text;                /* XML_TEXT: as it stands, with its references */
    struct slice open[XML_DEPTH_MAX]; /* the elements that are open; of XML_CLOSE the one that ends is still among them */
    int depth;
    bool leave, empty; /* pop at the next step; an element that is closed where it opens */
};

struct xml xml_of(struct slice body);
/** False at the end, or where it is broken or too deep. */
bool xml_next(struct xml *x);
/** Is the innermost element of that name? */
bool xml_in(const struct xml *x, const char *name);
/** The same of the one around it. */
bool xml_below(const struct xml *x, const char *name);
/** Append a text with &amp; and the like resolved. */
void xml_decode(struct buf *out, struct slice text);
/** Append a text with what means something in XML as references. */
void xml_escape(struct buf *out, struct slice text);
/** The text of the first element of that name, not decoded; {NULL, 0}: there is none. */
struct slice xml_find(struct slice body, const char *name);

#endif
