/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Pictures to people, over WebSockets of sub-protocol custos.live.1 (docs/spec/live.md): binary
 * messages are parts of one MP4 stream (a header, then fragments) in their order; text messages are
 * JSON objects with one member: codec, transcoded, gap, skipped or ended.
 *
 * Live, one copy of a stream comes from its recorder however many watch; each of them has a grant
 * of his own all the same, made in the name of his session and shown to the recorder. A slow one
 * skips to a key frame and is told. Recorded footage comes for each by himself, and waits for him.
 *
 * Here what the recorder sealed is opened: with a key pair that this process made at its start, and
 * that no grant but its own names.
 */
#ifndef CUSTOS_GATEWAY_LIVE_H
#define CUSTOS_GATEWAY_LIVE_H

#include "gateway/gateway_links.h"
#include "gateway/transcoders.h"
#include "net/http_server.h"

#define LIVE_PROTOCOL "custos.live.1"
#define LIVE_VIEWERS_MAX 1024
#define LIVE_VIEWERS_OF_SESSION_MAX 64

struct live; /* owned */

struct live_wish {
        const char *stream; /* path CAMERA-STREAM */
        const char *session, *person;
        bool playback;
        const json_t *asked; /* as; of playback: from, until, keys_only */
};

/* A look: what a stream sends, for this process and no socket. */
struct live_look_events {
        void (*on_thing)(void *owner, struct hub_thing *t);
        /* Last of all; body: as media.ended. It is freed. */
        void (*on_ended)(void *owner, json_t *body);
};
struct live_viewer;

struct live_figures {
        unsigned viewers, streams;
        uint64_t bytes_in, bytes_out, skips;
};

struct live *live_new(struct loop *l, struct gateway_links *links, struct transcoders *transcoders);
/* All its sockets and looks have ended. */
struct live *live_free(struct live *v);

#define LIVE_PATH_ROOM 96
/* "CAMERA-STREAM": the camera's name to `to`. ERR_INVALID. */
int live_camera_of(const char *path, char to[static LIVE_PATH_ROOM], struct err *e) MUST_USE;
/* Whether it can be asked for at all. ERR_INVALID. */
int live_check(const struct live_wish *w, struct err *e) MUST_USE;
/* x becomes a WebSocket; what goes wrong from there on is said in it. */
int live_open(
        struct live *v, struct http_exchange *x, const struct live_wish *w, struct err *e) MUST_USE;
/* As live_open, with the same limits and grants, which it uses again while they are good. events is
 * borrowed; none is called from within. */
int live_look(struct live *v, const struct live_wish *w, const struct live_look_events *events,
        void *owner, struct live_viewer **ret, struct err *e) MUST_USE;
/* Ends it, also from within on_thing; on_ended does not follow. */
void live_look_end(struct live_viewer *v);
/* What it watches ends now. */
void live_session_ended(struct live *v, const char *session, const char *why);
/* Asks the manager which of those who watch still may: when it is there again, having perhaps ended
 * sessions meanwhile; by itself once a minute. */
void live_see(struct live *v);
void live_figures(const struct live *v, struct live_figures *ret);

/* Of the recorders: gateway_links_events. */
int live_on_media(
        struct live *v, const char *recorder, struct bytes message, struct err *e) MUST_USE;
void live_on_recorder_event(struct live *v, const char *recorder, const char *type, json_t *body);
void live_on_recorder_gone(struct live *v, const char *recorder);

#endif
