/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One client of an RTSP server: its connection (rtsp_conn.h), or the two of an HTTP tunnel, the
 * deadlines, the cutting into requests, the dialog, and media on the way out. Belongs to
 * rtsp_server.h, which alone makes, joins and frees peers; the server's owner uses the functions
 * below the line.
 *
 * A connection begins as a peer of its own. When its first bytes are the head of a tunnel's half
 * (proto/tunnel_server.h), the server is asked for the other half: the POST's connection then moves
 * into the peer of the GET, whatever came first. A POST that ends may be followed by another one.
 *
 * Deadlines: the TLS handshake, each request or head that has begun, and the wait for the other
 * half of a tunnel 10 s; between requests 10 s without a session and 60 s with one (RTCP from the
 * client counts as a sign of life, empty lines do not).
 */
#ifndef CUSTOS_NET_RTSP_PEER_H
#define CUSTOS_NET_RTSP_PEER_H

#include "base/secret.h"
#include "net/rtsp_conn.h"
#include "net/rtsp_dialog.h"

#define RTSP_PEER_OUTPUT_MAX (8u << 20)
#define RTSP_PEER_ADDRESS_ROOM 64

struct rtsp_peer;
struct udp_pair;

/* All borrowed, outliving the peer. The owner of the calls is rtsp_peer_options.owner. */
struct rtsp_peer_events {
        /* As in struct rtsp_dialog; set_up and tweak may be NULL. */
        int (*describe)(void *owner, struct rtsp_peer *p, const char *path, struct buf *sdp,
                unsigned *ret_tracks, struct err *e);
        int (*set_up)(void *owner, struct rtsp_peer *p, const char *path, unsigned track,
                struct bytes key_mgmt, struct err *e);
        int (*play)(void *owner, struct rtsp_peer *p, const char *path,
                struct rtsp_dialog_start ret[static RTSP_DIALOG_TRACKS_MAX], struct err *e);
        const struct rtsp_tweak *(*tweak)(void *owner, const char *path);
        /* The response to PLAY is out: rtsp_peer_write may be called, until on_stop. */
        void (*on_play)(void *owner, struct rtsp_peer *p);
        void (*on_stop)(void *owner, struct rtsp_peer *p);
        /* A request was refused; may be NULL. */
        void (*on_refused)(void *owner, struct rtsp_peer *p, const struct err *why);
        /* Over (behind on_stop, where it played); the memory goes when this returns. Never from
         * within rtsp_peer_write. */
        void (*on_end)(void *owner, struct rtsp_peer *p, const struct err *why);
};

enum rtsp_peer_half {
        RTSP_PEER_WHOLE,
        RTSP_PEER_GET,    /* waits for its POST */
        RTSP_PEER_POST,   /* waits for its GET */
        RTSP_PEER_JOINED, /* a GET whose POST has come */
};

struct rtsp_peer_options {
        struct stream_shared *shared;
        struct tls_server_config *tls; /* NULL: plain, loopback only */
        const char *user;              /* NULL: no authentication */
        const struct secret *password;
        const struct udp_pair *datagrams; /* NULL: media go in the connection only */
        bool secure_media;                /* RTP/SAVP instead of RTP/AVP; the owner protects it */
        unsigned request_ms, idle_ms;     /* 0: 10 s, 60 s */
        const struct rtsp_peer_events *events;
        void *owner;
        /* The server's: takes it out of its list, and frees it. */
        void (*on_gone)(void *server, struct rtsp_peer *p);
        /* The server's: p has become a half; joins it (and may free p), or lets it wait. Negative
         * with an HTTP status in *ret_status: refused. */
        int (*on_half)(void *server, struct rtsp_peer *p, unsigned *ret_status, struct err *e);
        void *server;
};

/* Takes fd, also when it fails. */
int rtsp_peer_new(
        const struct rtsp_peer_options *o, int fd, struct rtsp_peer **ret, struct err *e) MUST_USE;
struct rtsp_peer *rtsp_peer_free(struct rtsp_peer *p); /* calls nobody */
enum rtsp_peer_half rtsp_peer_half(const struct rtsp_peer *p);
/* Both are halves with the same cookie, from the same address. */
bool rtsp_peer_belongs(const struct rtsp_peer *p, const struct rtsp_peer *other);
/* Moves the connection of post into get (in the place of an earlier one), with what it has received
 * so far; post is only to be freed then. */
void rtsp_peer_join(struct rtsp_peer *get, struct rtsp_peer *post);

/* ---- for the owner of the server ---- */

/* Sends interleaved packets in one TLS write. Negative: the peer takes no more (ERR_EXHAUSTED: it
 * does not read; ERR_STATE: it is ending); it ends by itself soon, with that reason. */
int rtsp_peer_write(struct rtsp_peer *p, struct bytes frames, struct err *e) MUST_USE;
/* Sends one packet as a datagram to the client's port of a track that was set up so; one that
 * cannot be sent at once is lost. */
void rtsp_peer_datagram(struct rtsp_peer *p, unsigned track, bool rtcp, struct bytes packet);
/* While held, what is written waits; letting go sends all of it in one call. */
void rtsp_peer_hold(struct rtsp_peer *p, bool held);
const char *rtsp_peer_path(const struct rtsp_peer *p);
/* The client's choice for a track, or NULL where it did not set it up. */
const struct rtsp_dialog_track *rtsp_peer_track(const struct rtsp_peer *p, unsigned track);
const char *rtsp_peer_address(const struct rtsp_peer *p); /* "192.0.2.1:5000" */
/* Whether it is plain RTSP in its connection; else through an HTTP tunnel. */
bool rtsp_peer_is_tunnelled(const struct rtsp_peer *p);
/* A pointer of the owner's, NULL at first. */
void **rtsp_peer_slot(struct rtsp_peer *p);
/* Ends it soon, from the loop, with this reason. */
void rtsp_peer_close(struct rtsp_peer *p, const struct err *why);
/* From now on nothing is read or answered; the connection stays. */
void rtsp_peer_freeze(struct rtsp_peer *p);

#endif
