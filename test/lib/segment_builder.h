/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Complete, sealed, encrypted segments for tests, made in memory from a string. A test includes
 * segment_builder.c (once a program) and links `seal`. Everything aborts where it cannot go on.
 * All bytes but the site's certificates and the signatures are a function of the seed.
 *
 *     struct segment_builder *b = segment_builder_new(&(struct segment_builder_options){ .seed = 1
 * }); segment_builder_run(b, "SIPPIPPSIPP");
 *     ... b->segments[0].file, .object_key, .key ...
 *     segment_builder_free(b);
 *
 * The language, one letter at a time:
 *     S  closes the open segment (LAST seal, sidx, mfra) and begins another
 *     I  a key frame; begins a fragment (and a segment where none is open)
 *     P  another frame, 40 ms later
 *     A  an audio frame (1024 samples at 48 kHz); a segment has an audio track when the script has
 * an A |  cuts the fragment here; directly before S or the end it makes a closing seal G  the
 * camera was lost for 5 s: ends the fragment; the next one carries that gap E  the sealer was
 * killed and starts again: the fragment is sealed, the segment stays unclosed; a new epoch, a new
 * hour key, and an "unclean stop" gap of 3 s begin with the next S or I
 *     N  for 5 s nothing was asked for: ends the fragment; the next one carries that gap
 *     K  a second later, a key frame alone: 24 others were not asked for
 *     -  (at the end) leaves the last segment unclosed; without it the end closes it
 */
#ifndef CUSTOS_TEST_SEGMENT_BUILDER_H
#define CUSTOS_TEST_SEGMENT_BUILDER_H

#include "crypto/sign.h"
#include "media/fmp4.h"
#include "seal/seal.h"
#include "seal/segment.h"

/* A site of its own: root, issuer, seal certificate and key; valid from 2026-01-01 to 2046-01-01.
 */
struct segment_builder_site {
        struct buf root, issuer, seal_cert; /* DER */
        struct sign_key *root_key, *issuer_key, *seal_key;
        char recorder[HEAD_TEXT_MAX]; /* custos://NAME/recorder/r1 */
        uint8_t fingerprint[32];      /* of the root's key */
};
struct segment_builder_site *segment_builder_site_new(const char *name);
struct segment_builder_site *segment_builder_site_free(struct segment_builder_site *s);

struct segment_builder_segment {
        struct buf file;
        char object_key[HEAD_KEY_MAX];
        uint8_t kid[16], key[16], hour_key[32], hour_key_id[16];
        struct fmp4_header header; /* header.head is empty */
        unsigned fragments_n;
        struct fmp4_index_entry
                fragments[FMP4_FRAGMENTS_MAX]; /* places of the fragments in the file */
        struct seal seals[FMP4_FRAGMENTS_MAX];
        bool closed;
        struct buf clear[FMP4_TRACKS_MAX]; /* the samples before encryption, one after the other, by
                                              track */
};

struct segment_builder_options {
        const char *stream; /* stream path; NULL: "lobby-main" */
        uint64_t seed;
        int64_t start_us;     /* first arrival; 0: 2026-11-22T15:00:00Z */
        uint32_t frame_bytes; /* size of an I frame, P and A are a quarter; 0: 800 */
        size_t front_free;    /* bytes of 'free' in front of each moof (0 or at least 8) */
        const struct segment_builder_site *site; /* borrowed; NULL: one of its own, site "test" */
};

struct segment_builder {
        struct segment_builder_site *site; /* own or borrowed */
        bool site_is_own;
        char stream[HEAD_PATH_MAX];
        unsigned segments_n;
        struct segment_builder_segment *segments; /* owned */
        struct seal_link link;                    /* of the last seal */
        int64_t now_us; /* arrival of the next frame; a test may move it between runs */
        struct segment_builder_state *state; /* private */
};

struct segment_builder *segment_builder_new(const struct segment_builder_options *o);
struct segment_builder *segment_builder_free(struct segment_builder *b);
/* May be called again: goes on behind the segments and seals that are there. */
void segment_builder_run(struct segment_builder *b, const char *script);

/* The same by hand, with tracks and frames of the test's own (struct as in the language above). */
void segment_builder_open(
        struct segment_builder *b, const struct media_config *tracks, unsigned tracks_n);
/* decode_time and duration in the track's timescale. arrival is b->now_us. */
void segment_builder_add(struct segment_builder *b, unsigned track, struct bytes sample,
        uint64_t decode_time, uint32_t duration, int32_t composition_offset, bool key);
void segment_builder_gap(
        struct segment_builder *b, unsigned cause, int64_t from_us, int64_t to_us, uint32_t frames);
void segment_builder_cut(
        struct segment_builder *b); /* seals what was added; nothing where that is nothing */
void segment_builder_close(
        struct segment_builder *b, bool properly); /* false: as if killed after the last cut */
void segment_builder_restart(
        struct segment_builder *b); /* new epoch; leaves an open segment unclosed */

/* A parsed view of segment i, checked to be without faults. Borrows from b; segment_done. */
void segment_builder_read(const struct segment_builder *b, unsigned i, struct segment *ret);

#endif
