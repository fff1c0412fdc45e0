/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One RTSP 1.0 session (RFC 2326) from a connected socket to RTP packets: OPTIONS, DESCRIBE, SETUP
 * of each wanted track, PLAY, then keep-alive and receiver reports until the end; TEARDOWN at
 * rtsp_client_free. What carries it (interleaved, tunnel, datagrams; TLS or the plain exception) is
 * net/rtsp_link.h.
 *
 * Promises: nothing is sent before TLS verified the peer, unless the caller asks for plain; a user
 * and password go out only as answer to a challenge, at most RTSP_CLIENT_AUTH_MAX times a request,
 * never weaker than what the camera once offered (proto/digest.h remembers); every request names
 * the host and port of the given URL, whatever the camera's description says; redirects are
 * refused; under TLS no media are taken outside of it but by SRTP, and without TLS no keys of SRTP
 * are taken (net/rtsp_srtp.h); each step has a time limit. An error says which step failed and what
 * the camera answered, escaped.
 *
 * The caller owes: rtsp_client_free after on_end, and from any callback when it likes; options'
 * pointers that outlive the client. Watching that packets keep coming is the caller's.
 *
 * Not here: connecting and reconnecting, codecs, clocks of frames (ingest/camera.h).
 */
#ifndef CUSTOS_NET_RTSP_CLIENT_H
#define CUSTOS_NET_RTSP_CLIENT_H

#include "base/secret.h"
#include "crypto/srtp_session.h"
#include "net/rtsp_client_trace.h"
#include "net/rtsp_link.h"
#include "proto/digest.h"
#include "proto/rtcp.h"
#include "proto/rtp.h"
#include "proto/sdp.h"
#include "proto/url.h"

#define RTSP_CLIENT_TRACKS_MAX RTSP_LINK_TRACKS_MAX
#define RTSP_CLIENT_AUTH_MAX LOGIN_TRIES_MAX
#define RTSP_CLIENT_STEP_MS 10000u
#define RTSP_CLIENT_REPORT_MS 5000u

struct rtsp_client_options {
        const struct url *url; /* copied; rtsps or https, and rtsp or http with plain */
        enum rtsp_link_carrier carrier;
        bool plain;                    /* without TLS: an exception (ingest/camera.h) */
        const char *user;              /* borrowed; NULL: none */
        const struct secret *password; /* borrowed; NULL: empty */
        struct digest_client *
                auth; /* borrowed: what is known of the camera's challenges, kept over reconnects */
        unsigned handshake_ms; /* 0: STREAM_HANDSHAKE_MS */
        unsigned step_ms;      /* for each answer; 0: RTSP_CLIENT_STEP_MS */
        unsigned keepalive_ms; /* 0: half of the timeout that the camera says */
        unsigned report_ms;    /* 0: RTSP_CLIENT_REPORT_MS */
        unsigned pace_ms;      /* once playing, read as stream_pace says; 0: event-driven */
};

struct rtsp_client;

/* What a session still needs while it runs. */
enum rtsp_client_socket {
        RTSP_CLIENT_CONNECTION, /* one more to the same host and port (tunnel) */
        RTSP_CLIENT_DATAGRAMS,  /* two UDP sockets of adjacent ports, the first even (datagrams) */
};

/* All are called with the owner; a negative return, with e set, ends the session with that error.
 */
struct rtsp_client_events {
        /* The peer is verified; no request went out yet. Of a tunnel: for each connection. tls:
         * NULL where the session is plain. */
        int (*on_secure)(void *owner, const struct tls *tls, struct err *e);
        /* The description came. Writes the indices of the wanted media, in the order of the tracks
         * to be, and returns how many (1..RTSP_CLIENT_TRACKS_MAX). sdp is borrowed. */
        int (*on_describe)(void *owner, const struct sdp *sdp,
                unsigned wanted[static RTSP_CLIENT_TRACKS_MAX], struct err *e);
        /* The camera refused SETUP of this track; the others go on. Returns 0 to go on without it.
         * NULL: none may be refused. */
        int (*on_left_out)(void *owner, unsigned track, const struct err *why, struct err *e);
        /* PLAY was accepted (or packets came before the answer did). */
        int (*on_play)(void *owner, struct err *e);
        /* One packet, in order, each once. arrival_us: wall clock when it was read. p is borrowed.
         */
        int (*on_packet)(void *owner, unsigned track, const struct rtp_packet *p,
                const struct rtp_arrival *a, int64_t arrival_us, struct err *e);
        /* Answered, also from within, by rtsp_client_connection, rtsp_client_datagrams or
         * rtsp_client_no_socket. One at a time. NULL where the carrier is interleaved. */
        void (*need_socket)(void *owner, enum rtsp_client_socket kind);
        /* A packet of the track was damaged and is left out; item_at: its first byte in the stream
         * (of datagrams: 0). May be NULL. */
        void (*on_damage)(void *owner, unsigned track, uint64_t item_at, const struct err *why);
        /* Over. Once, never from within a function of this header, never after rtsp_client_free. */
        void (*on_end)(void *owner, const struct err *why);
        /* May be NULL. Must not free the client. */
        void (*on_trace)(void *owner, const struct rtsp_client_trace *t);
};

/* Takes fd and t (NULL with plain), also on failure. events is borrowed and outlives the client. */
int rtsp_client_new(struct stream_shared *sh, int fd, struct tls *t,
        const struct rtsp_client_options *o, const struct rtsp_client_events *events, void *owner,
        struct rtsp_client **ret, struct err *e) MUST_USE;
/* Says TEARDOWN when that does not wait. No callback follows. NULL is fine. */
struct rtsp_client *rtsp_client_free(struct rtsp_client *c);

/* Answers to need_socket; all take what they are given. t: NULL with plain. */
void rtsp_client_connection(struct rtsp_client *c, int fd, struct tls *t);
void rtsp_client_datagrams(struct rtsp_client *c, const int fds[static 2], uint16_t port);
void rtsp_client_no_socket(struct rtsp_client *c, const struct err *why);

/* Event-driven (0) or paced reading, from now on. */
void rtsp_client_pace(struct rtsp_client *c, unsigned interval_ms);
/* The sender's clock of one track, by its newest report; borrowed. */
const struct rtcp_clock *rtsp_client_clock(const struct rtsp_client *c, unsigned track);

struct rtsp_client_counters {
        uint64_t bytes;                    /* from the sockets, TLS included */
        uint64_t packets;                  /* delivered */
        uint64_t lost_packets;             /* by sequence numbers */
        uint64_t bad_packets;              /* not RTP or RTCP, or refused by SRTP */
        uint64_t stray_frames;             /* on channels that nobody set up */
        uint64_t skipped_bytes;            /* between frames: neither RTSP nor interleaved */
        struct srtp_session_counters srtp; /* of the protected tracks (net/rtsp_srtp.h) */
};
struct rtsp_client_counters rtsp_client_counters(const struct rtsp_client *c);

#endif
