/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The fragment that is being filled (docs/spec/vault.md sections 4 and 5): samples are encrypted as
 * they are copied into chunks, hashed as they lie, and laid out as moof at the end. One builder a
 * stream, used for one fragment after another; decode times go on within a segment. The first track
 * lies in chunks at once, the others (audio: small) in buffers of their own until the end, as mdat
 * holds track after track.
 *
 * Not here: when to cut, arrival times, gaps (segment_writer).
 */
#ifndef CUSTOS_VAULT_FRAGMENT_BUILDER_H
#define CUSTOS_VAULT_FRAGMENT_BUILDER_H

#include "crypto/cipher.h"
#include "crypto/hash.h"
#include "media/fmp4.h"
#include "vault/fragment.h"

#define FRAGMENT_BUILDER_SECONDS_MAX 2
#define FRAGMENT_BUILDER_BYTES_MAX (40u << 20)
#define FRAGMENT_BUILDER_OTHER_MAX (4u << 20) /* of a track that is not the first */
#define FRAGMENT_BUILDER_UNKNOWN INT64_MIN

/* What a unit says of itself that the file does not. */
struct fragment_builder_stamp {
        int64_t pts, arrival_us, sender_us; /* as in struct access_unit */
        uint32_t unasked_before;
        bool lost_before, clock_stepped;
};

struct fragment_builder_track {
        uint32_t id, rate;
        bool video;
        struct hash *hash;
        struct fmp4_sample *samples;
        int64_t *times; /* presentation time of each, from the segment's zero */
        struct fragment_builder_stamp *stamps; /* of each, for fragment_builder_take_back */
        unsigned samples_n, samples_room;
        struct cenc_range *ranges;
        unsigned ranges_n, ranges_room;
        uint64_t bytes;
        uint64_t iv;
        int64_t first, last; /* smallest and largest time */
        struct buf data;     /* not the first track */
        /* From the fragments before, within the segment: */
        uint64_t floor; /* decode times do not go below */
        uint32_t last_duration;
};

struct fragment_builder {
        struct chunk_list data;
        struct cipher *cipher;
        unsigned tracks_n;
        struct fragment_builder_track tracks[FMP4_TRACKS_MAX];
        uint64_t bytes;
        size_t moof_bytes; /* at most what moof will have */
        uint64_t *ivs;     /* first IVs drawn in this segment */
        unsigned ivs_n, ivs_room;
};

struct fragment_builder_sample {
        struct bytes data;
        const struct cenc_range *ranges; /* NULL: all of it is encrypted */
        unsigned ranges_n;
        int64_t time; /* presentation, in the track's timescale, from the segment's zero */
        bool key;
        struct fragment_builder_stamp stamp;
};

/* Of a track's only sample, where nothing tells how long it lasts; in its timescale. */
uint32_t fragment_builder_usual_duration(const struct fmp4_track *t);

void fragment_builder_init(struct fragment_builder *b, struct chunk_share *share); /* borrowed */
void fragment_builder_done(struct fragment_builder *b);
/* A new segment: its tracks (the first is the main one) and key. What was in the builder is
 * dropped. */
void fragment_builder_segment(struct fragment_builder *b, const struct fmp4_track *tracks,
        unsigned n, const uint8_t key[static CIPHER_KEY_BYTES]);
/* Drops what was collected. */
void fragment_builder_clear(struct fragment_builder *b);
/* Hands out what was collected as it was before it was encrypted, in the order of arrival; empty
 * afterwards. s: data, key and stamp; data is borrowed, for the call. */
void fragment_builder_take_back(struct fragment_builder *b,
        void (*on_sample)(void *owner, unsigned track, const struct fragment_builder_sample *s),
        void *owner);

bool fragment_builder_empty(const struct fragment_builder *b);
/* Whether a sample may go into this fragment without exceeding a maximum of docs/spec/vault.md. */
bool fragment_builder_fits(
        const struct fragment_builder *b, unsigned track, const struct fragment_builder_sample *s);
/* ERR_EXHAUSTED when there is no memory: nothing is changed then. */
int fragment_builder_add(struct fragment_builder *b, unsigned track,
        const struct fragment_builder_sample *s, struct err *e) MUST_USE;
/*
 * Makes the fragment and begins an empty one. next: presentation time of the first track's next
 * sample, or FRAGMENT_BUILDER_UNKNOWN. Fills of ret->request the parts that follow from the media:
 * fragment, moof, tracks. An empty builder yields a closing fragment (no track). On failure what
 * was collected is still there.
 */
int fragment_builder_finish(struct fragment_builder *b, uint32_t sequence, int64_t next,
        struct fragment **ret, struct err *e) MUST_USE;

#endif
