/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One reader of a live stream, and its credit (docs/spec/link.md section 8): how much may be on its
 * way to it. What it has no credit for is left out, up to the next key frame for which there is
 * enough; so it always gets whole groups of pictures, with a header in front of the first and of
 * the first behind a change, and costs at most its window of memory, however slow it is. Nobody
 * waits for it. Pure.
 */
#ifndef CUSTOS_HUB_HUB_READER_H
#define CUSTOS_HUB_HUB_READER_H

#include "hub/hub_thing.h"

#define HUB_READER_WINDOW_MIN (64u << 10)
#define HUB_READER_WINDOW_MAX (16u << 20)
#define HUB_READER_HEADER_MAX (128u << 10) /* kept beside the window; a larger one is none */

struct hub_reader_item;

struct hub_reader {
        struct hub_reader *next; /* the group's */
        uint32_t subscription;
        uint64_t window, credit; /* of window, what is not on its way */
        struct hub_reader_item *head, **tail;
        size_t at;                /* in the first item: the next message */
        struct hub_thing *header; /* the newest, until it is sent */
        bool begun;               /* something was sent */
        bool waiting;             /* for a key frame */
        bool skipped;             /* since the last one that was sent */
        uint64_t left_out;        /* things, since it began */
};

/* window: bytes, HUB_READER_WINDOW_MIN to _MAX (checked, ERR_INVALID): its credit at first, and the
 * most that it may have. */
int hub_reader_init(
        struct hub_reader *r, uint32_t subscription, uint64_t window, struct err *e) MUST_USE;
void hub_reader_done(struct hub_reader *r);
/* The stream's next thing; counted where it is kept. */
void hub_reader_push(struct hub_reader *r, struct hub_thing *t);
/* The reader has taken so many bytes. ERR_INVALID where it was never given that many. */
int hub_reader_credit(struct hub_reader *r, uint64_t bytes, struct err *e) MUST_USE;
bool hub_reader_empty(const struct hub_reader *r);
/* The thing whose first message is the next one; NULL when there is none, or it was begun. */
const struct hub_thing *hub_reader_next(const struct hub_reader *r);
/* Appends the next message, as it goes to this reader. False when there is none, or out has no room
 * for MEDIA_MESSAGE_MAX bytes. */
bool hub_reader_pop(struct hub_reader *r, struct buf *out);

#endif
