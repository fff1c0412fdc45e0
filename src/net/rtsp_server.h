/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An RTSP server: a listening socket (IPv4 or IPv6), accepting within limits, one rtsp_peer a
 * client. RTSPS, also tunnelled in HTTPS at the same port; without TLS only on loopback addresses,
 * for tests.
 *
 * Limits: connections in all, beyond which one is closed at once; halves of tunnels that wait for
 * each other, beyond which one is answered with 503. The two halves of a tunnel must come from one
 * address, and a second GET with the cookie of a tunnel is refused. Deadlines: rtsp_peer.h.
 */
#ifndef CUSTOS_NET_RTSP_SERVER_H
#define CUSTOS_NET_RTSP_SERVER_H

#include "net/rtsp_peer.h"

struct rtsp_server;

struct rtsp_server_options {
        struct tls_server_config *tls; /* borrowed; NULL: plain, loopback only */
        const char *user;              /* borrowed; NULL: no authentication */
        const struct secret *password; /* borrowed */
        unsigned connections_max;      /* 0: RTSP_SERVER_CONNECTIONS */
        /* Media are sent as datagrams too, from two UDP sockets at the same address. Without
         * secure_media only where there is no TLS, on loopback. */
        bool datagrams;
        bool secure_media;                     /* RTP/SAVP instead of RTP/AVP */
        unsigned request_ms, idle_ms;          /* 0: as rtsp_peer.h says */
        const struct rtsp_peer_events *events; /* borrowed */
        void *owner;
};

#define RTSP_SERVER_CONNECTIONS 4096u
#define RTSP_SERVER_HALVES_MAX 64u

struct rtsp_server *rtsp_server_new(struct stream_shared *sh, const struct rtsp_server_options *o);
/* Ends all connections without calling the owner. */
struct rtsp_server *rtsp_server_free(struct rtsp_server *s);
/* address: "127.0.0.1:8554", "[::1]:0", "0.0.0.0:8322": numbers only, no names. *ret_port: the one
 * in use. May be called once. */
int rtsp_server_listen(
        struct rtsp_server *s, const char *address, uint16_t *ret_port, struct err *e) MUST_USE;
unsigned rtsp_server_connections(const struct rtsp_server *s);
/* Connections refused since the start, over the limit or without descriptors. */
uint64_t rtsp_server_refused(const struct rtsp_server *s);

#endif
