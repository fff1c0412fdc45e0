/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The transcoders of this gateway: how many there may be, each asked of the supervisor, fed, and
 * watched (docs/design/transcoder.md). One is for one stream or one picture and ends with it; what
 * it says is as hostile as the camera whose pictures it decodes.
 */
#ifndef CUSTOS_GATEWAY_TRANSCODERS_H
#define CUSTOS_GATEWAY_TRANSCODERS_H

#include "gateway/gateway_links.h"
#include "hub/hub_reader.h"
#include "proto/transcode_message.h"

struct transcoders; /* owned */
struct transcoding; /* owned: one process */

enum transcoding_kind {
        TRANSCODING_LIVE,     /* skips to a key frame where it cannot keep up, and says so */
        TRANSCODING_RECORDED, /* nothing is left out */
        TRANSCODING_STILL
};

struct transcoding_events {
        /* What is ready, the caller's to ref. */
        void (*on_thing)(void *owner, struct hub_thing *t);
        /* Something was worked off: transcoding_waiting is less. */
        void (*on_taken)(void *owner);
        /* Last; the owner frees it. why NULL: all was sent. */
        void (*on_over)(void *owner, const struct err *why);
};

/* most: of streams at once, and of still pictures; 0: there are none. */
struct transcoders *transcoders_new(struct loop *l, struct gateway_links *links, unsigned most);
/* All transcodings were freed. */
struct transcoders *transcoders_free(struct transcoders *s);
/* Of gateway_links_events. */
void transcoders_on_channel(struct transcoders *s, uint32_t number, int fd);
unsigned transcoders_running(const struct transcoders *s);
/* Whether one more of that kind may begin. ERR_EXHAUSTED, ERR_UNAVAILABLE (FAULT_TRANSCODERS). */
int transcoders_admit(
        const struct transcoders *s, enum transcoding_kind kind, struct err *e) MUST_USE;

/* width: of a still picture, 0 for its own. events is borrowed and outlives it; none is called from
 * within these functions. As transcoders_admit. */
int transcoding_new(struct transcoders *s, enum transcoding_kind kind, uint16_t width,
        const struct transcoding_events *events, void *owner, struct transcoding **ret,
        struct err *e) MUST_USE;
struct transcoding *transcoding_free(struct transcoding *t);
/* The stream's next thing. */
void transcoding_push(struct transcoding *t, struct hub_thing *thing);
/* Nothing more comes: on_over once what was pushed is through. */
void transcoding_end(struct transcoding *t);
/* While held nothing more is given to it; what it has comes out. */
void transcoding_hold(struct transcoding *t, bool held);
/* Bytes that were pushed and not worked off. */
uint64_t transcoding_waiting(const struct transcoding *t);

#endif
