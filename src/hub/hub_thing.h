/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a stream's readers get or do not get as a whole: a header, a frame, a gap, as the messages
 * that carry it (docs/spec/link.md section 8), sealed. One copy, counted, for all readers. Pure.
 */
#ifndef CUSTOS_HUB_HUB_THING_H
#define CUSTOS_HUB_HUB_THING_H

#include "proto/media_message.h"

struct hub_thing {
        unsigned refs;
        uint8_t kind;    /* enum media_message_kind */
        uint16_t flags;  /* of its first message */
        int64_t time_us; /* wall; likewise */
        size_t cost;     /* bytes of all messages: what it costs in credit */
        unsigned messages_n;
        struct buf bytes; /* the messages, each behind a u32 length */
};

struct hub_thing *hub_thing_ref(struct hub_thing *t);
struct hub_thing *hub_thing_unref(struct hub_thing *t);
/* The message that begins at *at (0: the first), moved behind it; empty at the end. */
struct bytes hub_thing_message(const struct hub_thing *t, size_t *at);

/* Messages of one sender, one behind the other, gathered to things. */
struct hub_gather {
        struct hub_thing *open; /* owned; NULL between things */
        uint64_t number;        /* of its last message */
};

void hub_gather_done(struct hub_gather *g);
/* 1: *ret is whole, the caller's to unref; 0: more is to come. ERR_PROTOCOL, ERR_EXHAUSTED
 * (MEDIA_MESSAGE_THING_MAX): what was begun is dropped, and the sender is broken. */
int hub_gather_push(
        struct hub_gather *g, struct bytes message, struct hub_thing **ret, struct err *e) MUST_USE;

#endif
