/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One connection that an RTSP server accepted: TLS (stream.h), or the loopback test's plain TCP
 * (loopback.h), with one face. It can change its owner: a tunnel's POST connection joins the peer
 * of its GET.
 */
#ifndef CUSTOS_NET_RTSP_CONN_H
#define CUSTOS_NET_RTSP_CONN_H

#include "net/stream.h"

struct rtsp_conn;

/* Any of them may call rtsp_conn_free and rtsp_conn_give. */
struct rtsp_conn_events {
        void (*on_ready)(void *owner, struct rtsp_conn *c); /* from now on it can be written to */
        void (*on_data)(void *owner, struct rtsp_conn *c, struct bytes b);
        /* Over, at most once, never from within a function of this header. */
        void (*on_end)(void *owner, struct rtsp_conn *c, const struct err *why);
};

/* Takes fd, also when it fails. tls: NULL for plain, which only takes loopback connections. events
 * is borrowed. Without TLS it is ready at once, and on_ready is not called. */
int rtsp_conn_new(struct stream_shared *sh, int fd, struct tls_server_config *tls,
        size_t output_max_bytes, const struct rtsp_conn_events *events, void *owner,
        struct rtsp_conn **ret, struct err *e) MUST_USE;
struct rtsp_conn *rtsp_conn_free(struct rtsp_conn *c);
/* Calls go to another owner from now on. */
void rtsp_conn_give(struct rtsp_conn *c, const struct rtsp_conn_events *events, void *owner);
/* As stream_write and stream_hold. */
int rtsp_conn_write(struct rtsp_conn *c, struct bytes b, struct err *e) MUST_USE;
void rtsp_conn_hold(struct rtsp_conn *c, bool held);

#endif
