/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Recorded segments as a player shows them (docs/design/grants.md "The player"): each fragment of
 * the asked time is checked against its seal, and only then decrypted, on one time line with those
 * before. What is not as it was sealed is left out and told as a gap, and so is what the seals call
 * one; behind either it goes on with a key frame. Pure.
 */
#ifndef CUSTOS_RECORDER_PLAY_CUT_H
#define CUSTOS_RECORDER_PLAY_CUT_H

#include "proto/media_message.h"
#include "seal/segment.h"
#include "verify/signers.h"

#define PLAY_CUT_HEADER_MAX (256u << 10)
#define PLAY_CUT_GAP_MAX 512

/* What is sent next: in front, then in data. */
struct play_cut_thing {
        struct media_message message; /* kind, flags, time */
        struct buf front, data;
};

struct play_cut {
        const char *stream;        /* borrowed */
        int64_t from_us, until_us; /* wall, inclusive */
        bool keys_only;
        struct signers *signers;
        /* The time line. */
        struct buf header; /* as it was sent */
        uint64_t ends_us[FMP4_TRACKS_MAX];
        uint32_t sequence;
        bool await_key;
        int64_t shown_us;      /* up to here it was shown or told */
        struct seal_link last; /* of the last fragment that was sealed; sequence 0: none */
        const char *cause;     /* of what is left out since then; NULL: nothing is */
        /* The segment. */
        bool open;
        struct segment segment;
        struct signer *signer;
        unsigned next;     /* fragment */
        unsigned next_gap; /* of its seal */
        bool looked, good; /* it was looked at; and is as it was sealed */
        bool header_due, placed;
        uint64_t zero_us, base_us;
        uint8_t key[16];
};

/* root: the key id of the site's root. */
void play_cut_init(struct play_cut *c, const char *stream, const uint8_t root[static 32]);
void play_cut_done(struct play_cut *c); /* wipes */

/* The next segment's bytes, which outlive it. 1: it has something of the asked time, and *ret_seal
 * is one of its seals, good and of that time; 0: nothing. ERR_CORRUPT, ERR_DENIED: it is not what
 * it should be; play_cut_missed says so to whoever watches. */
int play_cut_open(
        struct play_cut *c, struct bytes file, struct bytes *ret_seal, struct err *e) MUST_USE;
void play_cut_set_key(struct play_cut *c, const uint8_t key[static 16]);
void play_cut_close(struct play_cut *c);
/* Something of the asked time is not shown. cause outlives c. */
void play_cut_missed(struct play_cut *c, const char *cause);
/* The next thing of the open segment; 0: there is none. ret's buffers are emptied first. */
int play_cut_next(struct play_cut *c, struct play_cut_thing *ret, struct err *e) MUST_USE;
/* Behind the last segment: 1 where a gap is owed. */
int play_cut_last(struct play_cut *c, struct play_cut_thing *ret, struct err *e) MUST_USE;

#endif
