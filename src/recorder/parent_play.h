/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One player at work, as the parent sees it: a process that the supervisor began, and what it is
 * fed with: the grant, segment files by the index, in order, and the key store's files, both opened
 * by the volumes. The parent sees neither keys nor footage: the player has its keys from the
 * sealer by a channel between those two.
 */
#ifndef CUSTOS_RECORDER_PARENT_PLAY_H
#define CUSTOS_RECORDER_PARENT_PLAY_H

#include "crypto/media_box.h"
#include "recorder/message_play.h"
#include "recorder/parent.h"

#define PARENT_PLAY_MAX 8         /* at once */
#define PARENT_PLAY_EXPORTS_MAX 2 /* of them; one holds the evidence of its whole range */
#define PARENT_PLAY_IDLE_MS 60000 /* without a request or a message: it ends */

struct parent_play;

struct parent_play_events {
        /* The media key, for the first grant or a later one. */
        void (*on_wrap)(void *owner, const uint8_t wrap[static MEDIA_BOX_WRAP_BYTES]);
        /* A binary message whose subscription is 0. ERR_PROTOCOL: the player is broken. */
        int (*on_media)(void *owner, struct bytes message, struct err *e);
        /* A later grant is none; it goes on. */
        void (*on_not_granted)(void *owner, const struct err *why);
        /* Called once; the owner frees it. why NULL: all that was asked for was sent. */
        void (*on_over)(void *owner, const struct err *why);
};

/* Asks the supervisor for a player under this number, which is the parent's for the subscription.
 * asked->from_us and until_us: inclusive. events, owner: borrowed. ERR_UNAVAILABLE: no sealer, or
 * no supervisor; ERR_EXHAUSTED. */
int parent_play_new(struct parent *p, uint32_t number, const struct message_play *asked,
        const struct parent_play_events *events, void *owner, struct parent_play **ret,
        struct err *e) MUST_USE;
struct parent_play *parent_play_free(struct parent_play *y);
/* The player; fd is taken. */
void parent_play_attach(struct parent_play *y, int fd);
/* A later grant: on_wrap or on_not_granted follows. */
void parent_play_grant(struct parent_play *y, struct bytes token);
/* The reader has taken so many bytes. */
void parent_play_credit(struct parent_play *y, uint64_t bytes);
bool parent_play_exports(const struct parent_play *y);
/* What the player says is not read while held. */
void parent_play_hold(struct parent_play *y, bool held);

#endif
