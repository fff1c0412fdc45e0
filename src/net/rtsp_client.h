/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One RTSP 1.0 session (RFC 2326) from a connected socket to RTP packets, over TLS, media
 * interleaved in the same connection: OPTIONS, DESCRIBE, SETUP of each wanted track, PLAY, then
 * keep-alive and receiver reports until the end; TEARDOWN at rtsp_client_free.
 *
 * Promises: nothing is sent before TLS verified the peer; a user and password go out only as answer
 * to a challenge, at most RTSP_CLIENT_AUTH_MAX times a request, never weaker than what the camera
 * once offered (proto/digest.h remembers); every request names the host and port of the given URL,
 * whatever the camera's description says; redirects are refused; each step has a time limit. An
 * error says which step failed and what the camera answered, escaped.
 *
 * The caller owes: rtsp_client_free after on_end, and from any callback when it likes; options'
 * pointers that outlive the client. Watching that packets keep coming is the caller's.
 *
 * Not here: connecting and reconnecting, codecs, clocks of frames (ingest/camera.h).
 */
#ifndef CUSTOS_NET_RTSP_CLIENT_H
#define CUSTOS_NET_RTSP_CLIENT_H

#include "base/secret.h"
#include "net/stream.h"
#include "proto/digest.h"
#include "proto/rtcp.h"
#include "proto/rtp.h"
#include "proto/sdp.h"
#include "proto/url.h"

#define RTSP_CLIENT_TRACKS_MAX 8
#define RTSP_CLIENT_AUTH_MAX 3
#define RTSP_CLIENT_STEP_MS 10000u
#define RTSP_CLIENT_REPORT_MS 5000u

struct rtsp_client_options {
        const struct url *url;         /* copied */
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

/* All are called with the owner; a negative return, with e set, ends the session with that error.
 */
struct rtsp_client_events {
        /* The peer is verified; no request went out yet. */
        int (*on_secure)(void *owner, const struct tls *tls, struct err *e);
        /* The description came. Writes the indices of the wanted media, in the order of the tracks
         * to be, and returns how many (1..RTSP_CLIENT_TRACKS_MAX). sdp is borrowed. */
        int (*on_describe)(void *owner, const struct sdp *sdp,
                unsigned wanted[static RTSP_CLIENT_TRACKS_MAX], struct err *e);
        /* PLAY was accepted (or packets came before the answer did). */
        int (*on_play)(void *owner, struct err *e);
        /* One packet, in order, each once. arrival_us: wall clock when it was read. p is borrowed.
         */
        int (*on_packet)(void *owner, unsigned track, const struct rtp_packet *p,
                const struct rtp_arrival *a, int64_t arrival_us, struct err *e);
        /* Over. Once, never after rtsp_client_free. refusal: TLS_OK when TLS was not the reason. */
        void (*on_end)(void *owner, const struct err *why);
};

/* Takes fd and t, also on failure. events is borrowed and outlives the client. */
int rtsp_client_new(struct stream_shared *sh, int fd, struct tls *t,
        const struct rtsp_client_options *o, const struct rtsp_client_events *events, void *owner,
        struct rtsp_client **ret, struct err *e) MUST_USE;
/* Says TEARDOWN when that does not wait. No callback follows. NULL is fine. */
struct rtsp_client *rtsp_client_free(struct rtsp_client *c);

/* Event-driven (0) or paced reading, from now on. */
void rtsp_client_pace(struct rtsp_client *c, unsigned interval_ms);
/* The sender's clock of one track, by its newest report; borrowed. */
const struct rtcp_clock *rtsp_client_clock(const struct rtsp_client *c, unsigned track);

struct rtsp_client_counters {
        uint64_t bytes;         /* from the socket, TLS included */
        uint64_t packets;       /* delivered */
        uint64_t lost_packets;  /* by sequence numbers */
        uint64_t bad_packets;   /* not RTP or RTCP */
        uint64_t stray_frames;  /* on channels that nobody set up */
        uint64_t skipped_bytes; /* between frames: neither RTSP nor interleaved */
};
struct rtsp_client_counters rtsp_client_counters(const struct rtsp_client *c);

#endif
