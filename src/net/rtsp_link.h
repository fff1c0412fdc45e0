/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How the bytes of one RTSP session travel, client side. Above it there are requests going out and
 * items coming in (answers, requests, media packets by channel), whatever carries them:
 *
 *     INTERLEAVED  all in one connection (RFC 2326 section 10.12)
 *     TUNNEL       two HTTP connections: a GET that brings answers and media, a POST that takes
 *                  requests in base64 (proto/tunnel.h)
 *     DATAGRAMS    RTSP in one connection, media beside it in UDP: the packets of track i come as
 *                  items of channels 2 i and 2 i + 1, in their order (proto/rtp_reorder.h)
 *
 * Promises: with TLS, nothing is sent before the peer of that connection is verified, and the
 * second connection of a tunnel must have the key of the first; a datagram counts only when it
 * comes from the address of the RTSP connection's peer. Where a camera closes the POST, or answers
 * on it, it is opened again, or listened to.
 *
 * The caller owes: rtsp_link_free after on_end, and from any callback when it likes.
 *
 * Not here: what a request says, and when (net/rtsp_client).
 */
#ifndef CUSTOS_NET_RTSP_LINK_H
#define CUSTOS_NET_RTSP_LINK_H

#include "net/login.h"
#include "net/stream.h"
#include "proto/rtsp_splitter.h"
#include "proto/url.h"

enum rtsp_link_carrier { RTSP_LINK_INTERLEAVED, RTSP_LINK_TUNNEL, RTSP_LINK_DATAGRAMS };

#define RTSP_LINK_TRACKS_MAX 8

struct rtsp_link_options {
        enum rtsp_link_carrier carrier;
        bool plain;            /* without TLS, every connection of it */
        const struct url *url; /* copied; of a tunnel: what GET and POST name */
        struct login login; /* of a tunnel: for a 401 to GET or POST; auth says only whether Basic
                               is allowed */
        unsigned handshake_ms; /* 0: STREAM_HANDSHAKE_MS */
};

/* When the bytes of an item were read. */
struct rtsp_link_time {
        int64_t wall_us, steady_us;
};

struct rtsp_link;

/* All are called with the owner; a negative return, with e set, ends the link with that error. */
struct rtsp_link_events {
        /* The peer of a connection is verified (tls NULL: the link is plain); nothing went out on
         * it yet. Of a tunnel: for each connection. */
        int (*on_secure)(void *owner, const struct tls *tls, struct err *e);
        /* Requests may be sent. Once. */
        int (*on_open)(void *owner, struct err *e);
        /* item is borrowed. */
        int (*on_item)(void *owner, const struct rtsp_item *item, const struct rtsp_link_time *at,
                struct err *e);
        /* A tunnel wants one more connection to the same place: answered, also from within, by
         * rtsp_link_connection. May come again at any time. */
        void (*need_connection)(void *owner);
        /* Over. Once, never from within a function of this header, never after rtsp_link_free. */
        void (*on_end)(void *owner, const struct err *why);
};

/* Takes fd and t (NULL with plain), also on failure. events is borrowed and outlives the link. */
int rtsp_link_new(struct stream_shared *sh, int fd, struct tls *t,
        const struct rtsp_link_options *o, const struct rtsp_link_events *events, void *owner,
        struct rtsp_link **ret, struct err *e) MUST_USE;
/* No callback follows. NULL is fine. */
struct rtsp_link *rtsp_link_free(struct rtsp_link *l);

/* Takes both, also on failure. What came of it is told by events. */
void rtsp_link_connection(struct rtsp_link *l, int fd, struct tls *t);
/* The sockets of one track (datagrams), which come into use as soon as packets do; takes fds, also
 * on failure. */
int rtsp_link_datagrams(
        struct rtsp_link *l, unsigned track, const int fds[static 2], struct err *e) MUST_USE;
/* Sends one whole request or answer. Errors as of stream_write. */
int rtsp_link_send(struct rtsp_link *l, struct bytes message, struct err *e) MUST_USE;
/* The newest request was answered: it is not sent again when the POST of a tunnel is lost. */
void rtsp_link_answered(struct rtsp_link *l);
/* Sends interleaved frames, where that does not wait and the carrier takes them: receiver reports
 * are a courtesy. */
void rtsp_link_report(struct rtsp_link *l, struct bytes frames);
enum rtsp_link_carrier rtsp_link_carrier(const struct rtsp_link *l);
bool rtsp_link_is_plain(const struct rtsp_link *l);
/* An address, or the host of the URL, that is the peer's own. */
bool rtsp_link_is_peer(const struct rtsp_link *l, struct bytes address);
/* Nothing waits to be sent. */
bool rtsp_link_idle(const struct rtsp_link *l);

/* Event-driven (0) or paced reading, from now on. */
void rtsp_link_pace(struct rtsp_link *l, unsigned interval_ms);
/* From the sockets, TLS and HTTP included. */
uint64_t rtsp_link_received(const struct rtsp_link *l);
/* Between items: neither RTSP nor interleaved. */
uint64_t rtsp_link_skipped(const struct rtsp_link *l);

#endif
