/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * As much of HTTP/1.1 (RFC 9112) as a camera's tunnel and its pictures need, client side: the head
 * of a request, the head of an answer, and where the answer's body ends. Borrowed views; nothing is
 * allocated. Strict where two readers could differ: a head with folded lines, with two lengths, or
 * with both a length and a transfer coding is refused.
 *
 * Not here: what is in a body (proto/multipart.h, proto/tunnel.h), connections (net/).
 */
#ifndef CUSTOS_PROTO_HTTP_H
#define CUSTOS_PROTO_HTTP_H

#include "base/buf.h"
#include "proto/url.h"

#define HTTP_HEAD_MAX 16384 /* bytes of an answer's head */
#define HTTP_HEADERS_MAX 64

struct http_header {
        struct bytes name, value; /* value: no space at its ends */
};

enum http_body {
        HTTP_BODY_CLOSE,   /* until the connection ends */
        HTTP_BODY_LENGTH,  /* `length` bytes */
        HTTP_BODY_CHUNKED, /* RFC 9112 section 7.1 */
};

struct http_answer {
        unsigned status; /* 100..599 */
        struct bytes reason;
        enum http_body body;
        uint64_t length;
        bool stays_open; /* another request may follow on this connection */
        unsigned headers_n;
        struct http_header headers[HTTP_HEADERS_MAX];
};

/* b: what came so far. Returns the bytes of the head, its empty line included; ERR_AGAIN when its
 * end has not come yet; ERR_PROTOCOL when it can be no answer of HTTP/1.x. */
int http_answer_parse(struct bytes b, struct http_answer *ret, struct err *e) MUST_USE;
/* The index-th header of that name (case does not matter), or an empty view with p == NULL. */
struct bytes http_answer_header(const struct http_answer *a, const char *name, unsigned index);
/* The media type in front of the parameters, "multipart/x-mixed-replace", without case. */
bool http_type_is(struct bytes content_type, const char *type);
/* The value of a parameter of a Content-Type, without its quotes; p == NULL: it has none. */
struct bytes http_type_parameter(struct bytes content_type, const char *name);

/* One line of a head; left out when value is NULL. */
struct http_line {
        const char *name, *value;
};
/* Appends the head of a request for the URL's path, with Host. ERR_INVALID when a part holds a
 * control character. */
int http_request_format(struct buf *out, const char *method, const struct url *u,
        const struct http_line *lines, unsigned lines_n, struct err *e) MUST_USE;

/* Where the chunks of a chunked body lie, fed piece by piece. */
struct http_chunks {
        uint64_t left;   /* of the chunk under way */
        unsigned line_n; /* bytes of the line under way */
        uint64_t size;   /* being read */
        unsigned state;  /* private */
        bool has_digit;
};
#define HTTP_CHUNK_MAX (64u << 20)
/*
 * Takes from the front of *b, and moves it on. 1: *ret is a piece of the body, borrowed from *b;
 * 0: all of *b is used up and more is needed; 2: the body has ended, what is left of *b is behind
 * it. Begins with a zeroed struct.
 */
int http_chunks_pull(
        struct http_chunks *c, struct bytes *b, struct bytes *ret, struct err *e) MUST_USE;

#endif
