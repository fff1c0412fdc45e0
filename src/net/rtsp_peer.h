/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One connection of an RTSP server: the socket (TLS, or the loopback test's plain TCP), the
 * deadlines, the cutting into requests, the dialog, and interleaved media on the way out. Belongs
 * to rtsp_server.h, which alone makes and frees peers; the server's owner uses the functions below
 * the line.
 *
 * Deadlines: the TLS handshake and each request that has begun 10 s; between requests 10 s without
 * a session and 60 s with one (RTCP from the client counts as a sign of life).
 */
#ifndef CUSTOS_NET_RTSP_PEER_H
#define CUSTOS_NET_RTSP_PEER_H

#include "base/secret.h"
#include "net/rtsp_dialog.h"
#include "net/stream.h"

#define RTSP_PEER_OUTPUT_MAX (8u << 20)
#define RTSP_PEER_ADDRESS_ROOM 64

struct rtsp_peer;

/* All borrowed, outliving the peer. The owner of the calls is rtsp_peer_options.owner. */
struct rtsp_peer_events {
        int (*describe)(void *owner, const char *path, struct buf *sdp, unsigned *ret_tracks,
                struct err *e);
        int (*play)(void *owner, const char *path,
                struct rtsp_dialog_start ret[static RTSP_DIALOG_TRACKS_MAX], struct err *e);
        /* The response to PLAY is out: rtsp_peer_write may be called, until on_stop. */
        void (*on_play)(void *owner, struct rtsp_peer *p);
        void (*on_stop)(void *owner, struct rtsp_peer *p);
        /* A request was refused; may be NULL. */
        void (*on_refused)(void *owner, struct rtsp_peer *p, const struct err *why);
        /* Over (behind on_stop, where it played); the memory goes when this returns. Never from
         * within rtsp_peer_write. */
        void (*on_end)(void *owner, struct rtsp_peer *p, const struct err *why);
};

struct rtsp_peer_options {
        struct stream_shared *shared;
        struct tls_server_config *tls; /* NULL: plain, loopback only */
        const char *user;              /* NULL: no authentication */
        const struct secret *password;
        unsigned request_ms, idle_ms; /* 0: 10 s, 60 s */
        const struct rtsp_peer_events *events;
        void *owner;
        void (*on_gone)(void *server,
                struct rtsp_peer *p); /* the server's: takes it out of its list, and frees it */
        void *server;
};

/* Takes fd, also when it fails. */
int rtsp_peer_new(
        const struct rtsp_peer_options *o, int fd, struct rtsp_peer **ret, struct err *e) MUST_USE;
struct rtsp_peer *rtsp_peer_free(struct rtsp_peer *p); /* calls nobody */

/* ---- for the owner of the server ---- */

/* Sends interleaved packets in one TLS write. Negative: the peer takes no more (ERR_EXHAUSTED: it
 * does not read; ERR_STATE: it is ending); it ends by itself soon, with that reason. */
int rtsp_peer_write(struct rtsp_peer *p, struct bytes frames, struct err *e) MUST_USE;
/* While held, what is written waits; letting go sends all of it in one call. */
void rtsp_peer_hold(struct rtsp_peer *p, bool held);
const char *rtsp_peer_path(const struct rtsp_peer *p);
/* The client's choice for a track, or NULL where it did not set it up. */
const struct rtsp_dialog_track *rtsp_peer_track(const struct rtsp_peer *p, unsigned track);
const char *rtsp_peer_address(const struct rtsp_peer *p); /* "192.0.2.1:5000" */
/* A pointer of the owner's, NULL at first. */
void **rtsp_peer_slot(struct rtsp_peer *p);

#endif
