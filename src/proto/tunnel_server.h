/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The server's half of RTSP tunnelled in HTTP (QuickTime's tunnelling, which ONVIF's streaming
 * specification section 5.1.1.4 calls RTP/RTSP/HTTP/TCP): two connections that name the same
 * x-sessioncookie. What the server says goes down the answer of a GET, as it is; what the client
 * says comes in the body of a POST, in base64. Bytes in, bytes out: no socket, no clock.
 *
 * Strict, because it stands before any password: heads have a length and nothing but what they
 * need, base64 has its alphabet, its padding and zero bits behind it (RFC 4648 section 3.5); line
 * breaks are passed over. The Content-Length of a POST is no limit: clients say 32767 and go on for
 * hours. It only tells where another POST may begin.
 *
 * Not here: joining the two connections and their deadlines (net/rtsp_server.h), the client's half.
 */
#ifndef CUSTOS_PROTO_TUNNEL_SERVER_H
#define CUSTOS_PROTO_TUNNEL_SERVER_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"

#define TUNNEL_SERVER_HEAD_MAX 4096
#define TUNNEL_SERVER_HEADERS_MAX 32
/* Short cookies can be guessed, and then somebody else joins the tunnel. 16 characters is what
 * clients send at least. */
#define TUNNEL_SERVER_COOKIE_MIN 16
#define TUNNEL_SERVER_COOKIE_ROOM 129

enum tunnel_server_look {
        TUNNEL_SERVER_UNSURE, /* more bytes are needed */
        TUNNEL_SERVER_NO,
        TUNNEL_SERVER_YES,
};
/* Whether a connection's first bytes are an HTTP GET or POST, and not RTSP. */
enum tunnel_server_look tunnel_server_look(struct bytes first);

struct tunnel_server_head {
        bool is_post;
        char cookie[TUNNEL_SERVER_COOKIE_ROOM];
        uint64_t body_bytes; /* of a POST: Content-Length, UINT64_MAX where it is not said */
        size_t n;            /* of the head itself */
};
/* 1: *ret is the head at the front of `received`; 0: its end is not there yet; ERR_PROTOCOL: it is
 * not the head of a tunnel's half, or too long. */
int tunnel_server_parse(
        struct bytes received, struct tunnel_server_head *ret, struct err *e) MUST_USE;

/* Appends the answer to a GET (200), or the refusal of either half (any other status: 400, 404,
 * 409, 503). */
int tunnel_server_answer(struct buf *out, unsigned status, struct err *e) MUST_USE;

/* What a POST's connection carries behind its first head. */
struct tunnel_server {
        char cookie[TUNNEL_SERVER_COOKIE_ROOM];
        uint64_t left; /* of the body by Content-Length; 0: another POST may begin */
        uint8_t quad[4];
        unsigned quad_n;
        struct buf head; /* what may be another POST's */
};
void tunnel_server_init(struct tunnel_server *t, const struct tunnel_server_head *first);
void tunnel_server_done(struct tunnel_server *t);
/* Appends to out what the received bytes decode to, at most three quarters of their number.
 * ERR_PROTOCOL with the reason; then the tunnel is over. */
int tunnel_server_feed(
        struct tunnel_server *t, struct bytes received, struct buf *out, struct err *e) MUST_USE;

#endif
