/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Pictures to people, over WebSockets of sub-protocol custos.live.1 (docs/spec/live.md): binary
 * messages are parts of one MP4 stream (a header, then fragments) in their order; text messages are
 * JSON objects with one member: codec, gap, skipped or ended.
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
#include "net/http_server.h"

#define LIVE_PROTOCOL "custos.live.1"
#define LIVE_VIEWERS_MAX 1024
#define LIVE_VIEWERS_OF_SESSION_MAX 64

struct live; /* owned */

struct live_wish {
        const char *stream; /* path CAMERA-STREAM */
        const char *session, *person;
        bool playback;
        const json_t *asked; /* of playback: from, until, keys_only */
};

struct live_figures {
        unsigned viewers, streams;
        uint64_t bytes_in, bytes_out, skips;
};

struct live *live_new(struct loop *l, struct gateway_links *links);
/* All its sockets have ended. */
struct live *live_free(struct live *v);

#define LIVE_PATH_ROOM 96
/* "CAMERA-STREAM": the camera's name to `to`. ERR_INVALID. */
int live_camera_of(const char *path, char to[static LIVE_PATH_ROOM], struct err *e) MUST_USE;
/* Whether it can be asked for at all. ERR_INVALID. */
int live_check(const struct live_wish *w, struct err *e) MUST_USE;
/* x becomes a WebSocket; what goes wrong from there on is said in it. */
int live_open(
        struct live *v, struct http_exchange *x, const struct live_wish *w, struct err *e) MUST_USE;
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
