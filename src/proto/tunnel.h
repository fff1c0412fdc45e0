/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * RTSP tunnelled in HTTP (QuickTime's "Tunnelling QuickTime RTSP and RTP over HTTP"; ONVIF
 * streaming specification section 5.1.1.4, RTP/RTSP/HTTP/TCP): the bytes that the client side says.
 * A GET opens the way back, a POST with the same cookie the way there; on it go requests in base64,
 * each encoded by itself. What the peer answers to the two is plain HTTP (proto/http.h).
 */
#ifndef CUSTOS_PROTO_TUNNEL_H
#define CUSTOS_PROTO_TUNNEL_H

#include "proto/http.h"

#define TUNNEL_COOKIE_BYTES 16 /* random */
#define TUNNEL_TYPE "application/x-rtsp-tunnelled"
/* What every client says and no server counts: the POST never ends. */
#define TUNNEL_POST_LENGTH "32767"

/* Append the head of the GET or the POST. authorization: NULL for none. */
int tunnel_get_format(struct buf *out, const struct url *u,
        const uint8_t cookie[static TUNNEL_COOKIE_BYTES], const char *authorization,
        struct err *e) MUST_USE;
int tunnel_post_format(struct buf *out, const struct url *u,
        const uint8_t cookie[static TUNNEL_COOKIE_BYTES], const char *authorization,
        struct err *e) MUST_USE;
/* Appends a request as it goes on the POST. */
int tunnel_encode(struct buf *out, struct bytes request, struct err *e) MUST_USE;

/* What may lie at the front of what came on the POST: nothing, an answer of HTTP, or one of RTSP
 * from a camera that mixes the two connections up. */
enum tunnel_answer { TUNNEL_MORE, TUNNEL_HTTP, TUNNEL_RTSP, TUNNEL_OTHER };
enum tunnel_answer tunnel_answer_kind(struct bytes b);

#endif
