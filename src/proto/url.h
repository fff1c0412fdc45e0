/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rtsp, rtsps, http and https URLs (RFC 3986, RFC 2326 section 3.2) and the address of a media
 * track (RFC 2326 appendix C.1.1). A URL never carries a user or password: they are given apart,
 * and a URL that has them is refused. No name is resolved here.
 */
#ifndef CUSTOS_PROTO_URL_H
#define CUSTOS_PROTO_URL_H

#include "base/bytes.h"
#include "base/err.h"

#define URL_MAX 1024 /* with the NUL, of any URL taken or made here */
#define URL_HOST_ROOM 256

enum url_scheme { URL_RTSP, URL_RTSPS, URL_HTTP, URL_HTTPS };

struct url {
        enum url_scheme scheme;
        char host[URL_HOST_ROOM]; /* a name or address; IPv6 without its brackets */
        uint16_t port;            /* 554, 322, 80 or 443 when the URL names none */
        char path[URL_MAX];       /* with query, without fragment; at least "/" */
};

int url_parse(const char *s, struct url *ret, struct err *e) MUST_USE;
/* The port only where it is not the scheme's own. */
int url_format(const struct url *u, char *to, size_t room, struct err *e) MUST_USE;
const char *url_scheme_name(enum url_scheme s);
uint16_t url_default_port(enum url_scheme s);
/* Where the same service is looked for without TLS: 443 becomes 80 and 322 becomes 554; a port that
 * was named stays. */
uint16_t url_fallback_port(const struct url *u);

/*
 * The URL that a SETUP or PLAY names. request: the URL of DESCRIBE. content_base: the value of
 * Content-Base or Content-Location, or empty; one without a scheme is left out of account (a
 * camera's fault, seen). control: the a=control value; "*" or empty means the base itself, an
 * absolute URL is taken as it is, "/x" replaces the path, and anything else is appended behind one
 * slash, also where the base has a query: cameras expect that, and RFC 3986 would drop the query.
 */
int url_resolve(const char *request, struct bytes content_base, struct bytes control, char *to,
        size_t room, struct err *e) MUST_USE;

#endif
