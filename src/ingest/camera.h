/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One camera stream from a connected socket to access units (design: section 5). Speaks RTSP over
 * TLS, or as the exceptions of enum camera_transport allow; verifies before any credential goes
 * out, depacketizes, gates on key frames, keeps both clocks. Opens nothing itself: it asks its
 * owner for sockets, and waits with back-off and jitter between tries. One camera's fault ends
 * here.
 *
 * Takes the first video track that can be recorded, and every audio and metadata track; others are
 * named in the log and left out. Where there is no video, audio is delivered at once; metadata
 * alone are refused. Logs its own
 * events (camera.start, camera.lost, camera.track, camera.stopped), so the owner does not. Any
 * callback may call camera_free.
 *
 * Not here: making connections, storing units, deciding on segments (recorder/).
 */
#ifndef CUSTOS_INGEST_CAMERA_H
#define CUSTOS_INGEST_CAMERA_H

#include "base/log.h"
#include "base/secret.h"
#include "crypto/tls.h"
#include "ingest/camera_counters.h"
#include "media/access_unit.h"
#include "os/loop.h"

#define CAMERA_TRACKS_MAX 8 /* as many as a file holds (media/fmp4.h) */
#define CAMERA_URL_MAX 1024

/*
 * What protection is asked for (design: section 7). With TLS_IF_AVAILABLE every try begins with TLS
 * at the URL's port, and goes on without, at url_fallback_port, only where the port is closed or
 * silent or answers with something that is no TLS at all, and only until this camera was once
 * reached by TLS since camera_new. A bad certificate is never a reason.
 */
enum camera_transport {
        CAMERA_TLS,
        CAMERA_TLS_PINNED,
        CAMERA_TLS_IF_AVAILABLE, /* an exception: without TLS where the camera has none */
        CAMERA_PLAIN,            /* an exception */
};

/* How the media travel. */
enum camera_carrier {
        CAMERA_INTERLEAVED, /* in the RTSP connection; rtsps, rtsp */
        CAMERA_TUNNEL,      /* RTSP and media in two HTTP connections; https, http */
        CAMERA_UDP,         /* beside the RTSP connection: SRTP with rtsps, RTP with rtsp */
        CAMERA_MJPEG,       /* one endless HTTP answer of JPEG pictures; https, http */
        CAMERA_SNAPSHOT,    /* one HTTP request a picture; https, http */
};

/* What a camera asks its owner for; host and ports are the owner's to know (from the same URL). */
enum camera_socket {
        CAMERA_SOCKET_MAIN,      /* TCP to the URL's host and port */
        CAMERA_SOCKET_FALLBACK,  /* TCP to the same host, port by url_fallback_port
                                    (tls-if-available) */
        CAMERA_SOCKET_DATAGRAMS, /* two bound UDP sockets of adjacent ports, the first even, that
                                    can only receive */
};

enum camera_state {
        CAMERA_IDLE,
        CAMERA_CONNECTING,
        CAMERA_NEGOTIATING,
        CAMERA_STREAMING,
        CAMERA_WAITING, /* for the next try */
        CAMERA_STOPPED,
};

/* How long things may take. 0: the default that stands beside it. */
struct camera_times {
        unsigned socket_ms;    /* 30 s: until the owner answers need_socket */
        unsigned handshake_ms; /* 10 s: TLS */
        unsigned step_ms;      /* 10 s: each RTSP answer */
        unsigned idle_ms;  /* 10 s: without a packet of the video (of the audio where there is no
                              video) */
        unsigned key_ms;   /* 60 s: from PLAY to the first key frame */
        unsigned quick_ms; /* 250 ms: the first retry after a connection that streamed */
        unsigned first_ms; /* 1 s: the others, doubling ... */
        unsigned last_ms;  /* 30 s: ... up to this; all with a quarter of jitter to either side */
        unsigned snapshot_ms; /* 1 s: from one picture to the next, with CAMERA_SNAPSHOT */
};

struct camera_options {
        const char *name; /* stream path; copied */
        const char *url; /* no user or password in it; copied. rtsps, or https for TUNNEL, MJPEG and
                            SNAPSHOT; with CAMERA_PLAIN rtsp and http, and only these */
        const char *user;              /* may be NULL; copied */
        const struct secret *password; /* may be NULL; copied */
        struct tls_client_config *tls; /* borrowed; outlives the camera */
        enum camera_transport transport;
        enum camera_carrier carrier;
        const uint8_t *pin; /* 32 bytes with CAMERA_TLS_PINNED; copied */
        bool without_audio;
        uint32_t pace_ms;  /* how often a playing stream is read; 0: whenever bytes arrive */
        uint32_t mbit_max; /* Mbit/s; more, for two checks in a row, ends the connection
                              (FAULT_TOO_MUCH_DATA). 0: no maximum */
        struct camera_times times; /* zeros: the defaults */
};

/* What one connection is, measured on the wire. */
struct camera_connection {
        unsigned tracks_n;
        struct media_config tracks[CAMERA_TRACKS_MAX];
        uint8_t protection; /* enum protection of docs/spec/vault.md, tag 9 */
        uint16_t tls_version;
        char tls_cipher[64];
        uint8_t camera_key[32];
        int64_t from_us, until_us; /* when its certificate is good; 0: none was seen */
        int64_t connected_us;
};

struct camera;
struct rtsp_client_trace;

struct camera_events {
        /* One at a time; the owner answers later with camera_socket (camera_datagrams for
         * DATAGRAMS) or camera_no_socket. */
        void (*need_socket)(void *owner, struct camera *c, enum camera_socket kind);
        /* PLAY was accepted; units follow. */
        void (*on_start)(void *owner, struct camera *c, const struct camera_connection *connection);
        /* unit is borrowed. Negative stops the camera. The first video unit after on_start is a key
         * frame. */
        int (*on_unit)(void *owner, struct camera *c, unsigned track,
                const struct access_unit *unit, struct err *e);
        /* The connection ended or could not be made; the camera tries again by itself, unless
         * camera_state says CAMERA_STOPPED (a URL that can never work). */
        void (*on_lost)(void *owner, struct camera *c, const struct err *why);
        /* What is said on the connection (net/rtsp_client_trace.h), for people who look for a
         * fault. May be NULL; must not free the camera. */
        void (*on_trace)(void *owner, struct camera *c, const struct rtsp_client_trace *t);
};

struct camera *camera_new(struct loop *l, const struct camera_options *o,
        const struct camera_events *events, void *owner);
struct camera *camera_free(struct camera *c); /* TEARDOWN is sent when that does not wait */
void camera_start(struct camera *c);
void camera_socket(struct camera *c, int fd); /* takes fd */
/* Takes both: RTP on port (even), RTCP on port + 1. */
void camera_datagrams(struct camera *c, const int fds[static 2], uint16_t port);
void camera_no_socket(struct camera *c, const struct err *why);
enum camera_state camera_state(const struct camera *c);
/* "idle", "connecting", "negotiating", "streaming", "waiting", "stopped". */
const char *camera_state_name(enum camera_state s);
/* The words of messages, of the inventory and of the command line: "tls-if-available", "udp", ...;
 * and back: -1 for a word that is none. */
const char *camera_transport_name(enum camera_transport t);
const char *camera_carrier_name(enum camera_carrier c);
int camera_transport_find(const char *name);
int camera_carrier_find(const char *name);
/* Of a track of the connection that plays: decoder parameters as they are now; NULL where there is
 * none. Borrowed until the next unit. */
const struct media_config *camera_config(const struct camera *c, unsigned track);
/* Event-driven (0, as a live viewer wants it) or paced reading, from now on. */
void camera_pace(struct camera *c, unsigned interval_ms);

/* Since camera_new, over all connections. */
struct camera_counters camera_counters(const struct camera *c);

#endif
