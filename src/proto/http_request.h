/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One HTTP/1.1 request as a server reads it (RFC 9110, RFC 9112), and the answer to it: of role
 * ports (EST, the WebSocket upgrade) whole, of the people's port its head; and the rules that hold
 * for a head of HTTP/2 as well. Pure. Strict: CRLF, printable ASCII, no folded lines, no duplicate
 * of a header that counts, Content-Length alone (chunked is refused with 411), no body where there
 * is a Content-Length and a Transfer-Encoding. Of the four forms of a target the path alone: nobody
 * is a proxy here.
 */
#ifndef CUSTOS_PROTO_HTTP_REQUEST_H
#define CUSTOS_PROTO_HTTP_REQUEST_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"

#define HTTP_REQUEST_HEADERS_MAX 64
#define HTTP_REQUEST_METHOD_ROOM 8
#define HTTP_REQUEST_PATH_ROOM 256

/* What one that came whole may have at most: of role ports. */
#define HTTP_REQUEST_HEAD_MAX 8192
#define HTTP_REQUEST_BODY_MAX (64u << 10)

struct http_request_header {
        struct bytes name, value; /* value without white space around it */
};
struct http_request {
        char method[HTTP_REQUEST_METHOD_ROOM];
        char path[HTTP_REQUEST_PATH_ROOM]; /* as sent, without the query; no decoding */
        bool has_query;
        struct bytes query; /* behind the '?', borrowed from the input */
        bool keep_alive;
        unsigned headers_n;
        struct http_request_header headers[HTTP_REQUEST_HEADERS_MAX]; /* borrowed from the input */
        struct bytes body;                                            /* borrowed from the input */
};

struct http_request_limits {
        size_t head;      /* bytes, the empty line included */
        unsigned headers; /* at most HTTP_REQUEST_HEADERS_MAX */
};
/*
 * As http_request_parse, of the head alone: 1 where it is whole; it has *ret_head_n bytes, and
 * *ret_body_n are to follow, of which there may be too many.
 */
int http_request_head(struct bytes in, const struct http_request_limits *l,
        struct http_request *ret, size_t *ret_head_n, uint64_t *ret_body_n, int *ret_status,
        struct err *e) MUST_USE;
/* What HTTP/1.1 and HTTP/2 have in common; refused with *ret_status. method and target fill r's
 * method, path and query. */
int http_request_target(struct bytes method, struct bytes target, struct http_request *r,
        int *ret_status, struct err *e) MUST_USE;
int http_request_host(struct bytes host, int *ret_status, struct err *e) MUST_USE;
/* Bytes that may stand in a head: printable ASCII and the tab. */
bool http_request_is_text(struct bytes value);
/* Of those that may come once: two would be read as the first by some and as the last by others. */
bool http_request_is_single(struct bytes name);

/*
 * Of what was received so far: 1 and *ret_n bytes used where a request is whole, 0 where more is to
 * come, negative where it never will be one; then *ret_status is the answer's (400, 411, 413, 414,
 * 417, 431, 501, 505), after which nothing more is to be read. What is a request is one however
 * much of it came at a time.
 */
int http_request_parse(struct bytes in, struct http_request *ret, size_t *ret_n, int *ret_status,
        struct err *e) MUST_USE;
/* A client waits for "100 Continue" before it sends its body (RFC 9110 section 10.1.1): in is such
 * a head, whole, and nothing behind it. */
bool http_request_wants_continue(struct bytes in);
/* The value of the one header of that name; NULL bytes where there is none. */
struct bytes http_request_header(const struct http_request *r, const char *name);
/* One of the comma-separated tokens of a header, whatever their case. */
bool http_request_has_token(const struct http_request *r, const char *name, const char *token);
/* Basic credentials (RFC 7617) from Authorization; password's room is wiped by the caller.
 * ERR_NOT_FOUND without any, ERR_INVALID where they are none or have no room. */
int http_request_basic(const struct http_request *r, char *user, size_t user_room, char *password,
        size_t password_room, struct err *e) MUST_USE;

/* Appends status line, headers (each "Name: value", NULL-terminated list, or NULL), Content-Length
 * (not with 1xx and 204), and the body. ERR_INVALID for a header with a control character. */
int http_answer_format(int status, const char *const *headers, struct bytes body, struct buf *out,
        struct err *e) MUST_USE;
const char *http_status_text(int status);

#endif
