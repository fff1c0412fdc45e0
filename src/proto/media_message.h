/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Binary messages of a link (docs/spec/link.md section 8): the clear header in front of sealed
 * bytes, a thing (a header, a fragment, a gap) cut into messages, and put together again. Sealing
 * is crypto/media_box.h's; what is in a thing is the sender's.
 */
#ifndef CUSTOS_PROTO_MEDIA_MESSAGE_H
#define CUSTOS_PROTO_MEDIA_MESSAGE_H

#include "base/buf.h"
#include "base/err.h"

#define MEDIA_MESSAGE_VERSION 1
#define MEDIA_MESSAGE_HEADER_BYTES 24
#define MEDIA_MESSAGE_TAG_BYTES 16
#define MEDIA_MESSAGE_PART_MAX ((size_t)96 << 10) /* plain bytes of one message */
#define MEDIA_MESSAGE_MAX                                                                          \
        (MEDIA_MESSAGE_HEADER_BYTES + MEDIA_MESSAGE_PART_MAX + MEDIA_MESSAGE_TAG_BYTES)
/* Plain bytes of one thing: the largest frame (media/access_unit.h) and what stands around it. */
#define MEDIA_MESSAGE_THING_MAX ((size_t)17 << 20)
#define MEDIA_MESSAGE_SUBSCRIPTION_MAX INT32_MAX
#define MEDIA_MESSAGE_PIECES_MAX 4

enum media_message_kind {
        MEDIA_MESSAGE_HEADER = 1, /* ftyp and moov */
        MEDIA_MESSAGE_FRAGMENT,   /* moof and mdat */
        MEDIA_MESSAGE_GAP,
        MEDIA_MESSAGE_PLAN, /* of an export, first of all */
        MEDIA_MESSAGE_FILE, /* its bytes, one thing behind the other */
};

enum media_message_flag {
        MEDIA_MESSAGE_KEY = 1,
        MEDIA_MESSAGE_MORE = 2,    /* parts of the same thing follow */
        MEDIA_MESSAGE_SKIPPED = 4, /* something was left out before it */
};
#define MEDIA_MESSAGE_FLAGS 7

struct media_message {
        uint8_t kind;          /* enum media_message_kind */
        uint16_t flags;        /* of enum media_message_flag */
        uint32_t subscription; /* 0: not given yet, between processes of the sender */
        uint64_t number;
        int64_t time_us; /* wall */
};

void media_message_format(
        const struct media_message *m, uint8_t ret[static MEDIA_MESSAGE_HEADER_BYTES]);
/* What is authenticated besides the plain text: the header without what is set on the way, the
 * subscription and MEDIA_MESSAGE_SKIPPED. */
void media_message_aad(
        const struct media_message *m, uint8_t ret[static MEDIA_MESSAGE_HEADER_BYTES]);
/* in: one whole message; *ret_sealed is a view of it. ERR_PROTOCOL. */
int media_message_parse(struct bytes in, struct media_message *ret, struct bytes *ret_sealed,
        struct err *e) MUST_USE;

/* How many messages a thing of so many bytes takes, at least one; and what it costs in credit. */
unsigned media_message_parts(size_t thing_bytes);
uint64_t media_message_cost(size_t thing_bytes);
/* The i-th part of a thing that lies in n pieces (at most MEDIA_MESSAGE_PIECES_MAX): as many views
 * as are returned. */
unsigned media_message_split(const struct bytes *pieces, unsigned n, unsigned i,
        struct bytes ret[static MEDIA_MESSAGE_PIECES_MAX]);

/* A receiver's: one subscription's messages, in order, opened. */
struct media_message_join {
        struct buf thing;          /* the parts so far; complete: the thing */
        struct media_message last; /* of its parts */
        bool open;                 /* more is to come */
        size_t max;
};

/* max: bytes of the largest thing that is taken, at most MEDIA_MESSAGE_THING_MAX. */
void media_message_join_init(struct media_message_join *j, size_t max);
void media_message_join_done(struct media_message_join *j);
/* plain: what the message m holds. Returns 1 when the thing is complete: it is in j->thing until
 * the next call, and *ret has its kind, flags (without MORE), time and the number of its last part;
 * 0 when more is to come. ERR_PROTOCOL where m does not go on with the thing that was begun,
 * ERR_EXHAUSTED where it is too large: then the subscription is over. */
int media_message_join_push(struct media_message_join *j, const struct media_message *m,
        struct bytes plain, struct media_message *ret, struct err *e) MUST_USE;

#endif
