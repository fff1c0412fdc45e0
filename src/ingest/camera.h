/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One camera stream from a connected socket to access units (design: section 5). Speaks RTSP over TLS, verifies
 * before any credential goes out, depacketizes, gates on key frames, keeps both clocks. Opens nothing itself: it asks
 * its owner for sockets, and waits with back-off and jitter between tries. One camera's fault ends here.
 */
#ifndef CUSTOS_INGEST_CAMERA_H
#define CUSTOS_INGEST_CAMERA_H

#include "base/log.h"
#include "base/secret.h"
#include "crypto/tls.h"
#include "media/access_unit.h"
#include "os/loop.h"

#define CAMERA_TRACKS_MAX 4
#define CAMERA_URL_MAX 1024

enum camera_transport { CAMERA_TLS, CAMERA_TLS_PINNED };

enum camera_state {
        CAMERA_IDLE,
        CAMERA_CONNECTING,
        CAMERA_NEGOTIATING,
        CAMERA_STREAMING,
        CAMERA_WAITING, /* for the next try */
        CAMERA_STOPPED,
};

struct camera_options {
        const char *name;      /* stream path; copied */
        const char *url;       /* rtsps://host[:port]/path, no user or password in it; copied */
        const char *user;      /* may be NULL; copied */
        const struct secret *password; /* may be NULL; copied */
        struct tls_client_config *tls; /* borrowed; outlives the camera */
        enum camera_transport transport;
        const uint8_t *pin;    /* 32 bytes with CAMERA_TLS_PINNED; copied */
        bool without_audio;
};

/* What one connection is, measured on the wire. */
struct camera_connection {
        unsigned tracks_n;
        struct media_config tracks[CAMERA_TRACKS_MAX];
        uint8_t protection;    /* enum protection of docs/spec/vault.md, tag 9 */
        uint16_t tls_version;
        char tls_cipher[64];
        uint8_t camera_key[32];
        int64_t connected_us;
};

struct camera;

struct camera_events {
        /* Wants a TCP connection; the owner answers later with camera_socket or camera_no_socket. */
        void (*need_socket)(void *owner, struct camera *c, const char *host, uint16_t port);
        /* PLAY was accepted; units follow. */
        void (*on_start)(void *owner, struct camera *c, const struct camera_connection *connection);
        /* unit is borrowed. Negative stops the camera. The first video unit after on_start is a key frame. */
        int (*on_unit)(void *owner, struct camera *c, unsigned track, const struct access_unit *unit, struct err *e);
        /* The connection ended or could not be made; the camera tries again by itself. refusal: TLS_OK when TLS was not the reason. */
        void (*on_lost)(void *owner, struct camera *c, const struct err *why, enum tls_refusal refusal);
};

struct camera *camera_new(struct loop *l, const struct camera_options *o, const struct camera_events *events, void *owner);
struct camera *camera_free(struct camera *c); /* TEARDOWN is sent when that does not wait */
void camera_start(struct camera *c);
void camera_socket(struct camera *c, int fd); /* takes fd */
void camera_no_socket(struct camera *c, const struct err *why);
enum camera_state camera_state(const struct camera *c);

struct camera_counters {
        uint64_t bytes, packets, lost_packets, units, connects;
};
struct camera_counters camera_counters(const struct camera *c);

#endif
