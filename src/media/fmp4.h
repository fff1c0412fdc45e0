/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Fragmented MP4 as docs/spec/vault.md lays it out: ftyp, moov, moof, sidx, mfra; and reading them
 * back. Pure. A reader accepts exactly what the writer makes: anything else is ERR_CORRUPT.
 */
#ifndef CUSTOS_MEDIA_FMP4_H
#define CUSTOS_MEDIA_FMP4_H

#include "base/pack.h"
#include "media/access_unit.h"
#include "media/cenc.h"

/* User type of the head box, c5bca1ec-3ea4-42c0-b394-fe626b63c2cb (docs/spec/vault.md section 3).
 */
#define FMP4_HEAD_USER_TYPE                                                                        \
        {                                                                                          \
                0xc5, 0xbc, 0xa1, 0xec, 0x3e, 0xa4, 0x42, 0xc0, 0xb3, 0x94, 0xfe, 0x62, 0x6b,      \
                        0x63, 0xc2, 0xcb                                                           \
        }

#define FMP4_TRACKS_MAX 8
#define FMP4_FRAGMENT_SAMPLES_MAX 2000 /* of one track in one fragment */
#define FMP4_INDEX_SPACE 1536          /* bytes behind moov, docs/spec/vault.md section 6 */
#define FMP4_FRAGMENTS_MAX 120         /* of one segment */

struct fmp4_track {
        uint32_t id; /* from 1 */
        uint32_t timescale;
        struct media_config config;
};

struct fmp4_header {
        unsigned tracks_n;
        struct fmp4_track tracks[FMP4_TRACKS_MAX];
        uint8_t kid[16];
        struct bytes head; /* payload of the head box behind its user type; see seal/head.h */
};

/* Appends ftyp and moov, the head box last in moov. */
int fmp4_write_header(const struct fmp4_header *h, struct buf *out, struct err *e) MUST_USE;
/* in: ftyp and moov, nothing more. ret->head points into in. Strict: writes the parsed values again
 * and compares, so that no byte of it is unaccounted for. */
int fmp4_read_header(struct bytes in, struct fmp4_header *ret, struct err *e) MUST_USE;

/* Appends ftyp and moov of a clear fragmented file: for whoever watches, never for a disk. */
int fmp4_write_clear_header(
        const struct fmp4_track *tracks, unsigned n, struct buf *out, struct err *e) MUST_USE;

/* Of such a header: how many tracks. Strict as fmp4_read_header. */
int fmp4_read_clear_header(
        struct bytes in, struct fmp4_track ret[static FMP4_TRACKS_MAX], struct err *e) MUST_USE;

struct fmp4_sample {
        uint32_t size;
        uint32_t duration;
        int32_t composition_offset;
        bool key;
        uint64_t iv;
        uint16_t ranges_n;     /* 0: whole sample encrypted */
        uint32_t ranges_first; /* index into fmp4_fragment_track.ranges */
};

struct fmp4_fragment_track {
        uint32_t id;
        uint64_t decode_time;
        unsigned samples_n;
        struct fmp4_sample *samples; /* owned by the fragment's owner */
        struct cenc_range *ranges;
        unsigned ranges_total;
        uint64_t bytes; /* sum of sizes */
};

struct fmp4_fragment {
        uint32_t sequence;
        unsigned tracks_n;
        struct fmp4_fragment_track tracks[FMP4_TRACKS_MAX];
};

/* Appends moof; data offsets assume that mdat's 8-byte header follows at once. */
int fmp4_write_moof(const struct fmp4_fragment *f, struct buf *out, struct err *e) MUST_USE;
/* As fmp4_write_moof, of a clear file; iv and ranges do not count. mdat's header too, for data that
 * follow at once. */
int fmp4_write_clear_moof(const struct fmp4_fragment *f, struct buf *out, struct err *e) MUST_USE;
/* moof: the whole box. Allocates the samples; free with fmp4_fragment_done. Strict as above. */
int fmp4_read_moof(struct bytes moof, struct fmp4_fragment *ret, struct err *e) MUST_USE;
/* in: moof and mdat of a clear file, nothing more. ret as fmp4_read_moof; ret_data: the samples'
 * bytes, a view of in, track behind track. */
int fmp4_read_clear_fragment(
        struct bytes in, struct fmp4_fragment *ret, struct bytes *ret_data, struct err *e) MUST_USE;
void fmp4_fragment_done(struct fmp4_fragment *f);

struct fmp4_index_entry {
        uint64_t offset; /* of the fragment's first byte ('free' or moof) in the file */
        uint64_t moof_offset;
        uint64_t decode_time; /* of track 1 */
        uint32_t duration;    /* of track 1 */
        bool key;
};
/* Exactly FMP4_INDEX_SPACE bytes: sidx and free. index_offset: where they go in the file. end: of
 * the last fragment. */
int fmp4_write_index_space(const struct fmp4_index_entry *entries, unsigned n, uint32_t timescale,
        uint64_t index_offset, uint64_t end, struct buf *out, struct err *e) MUST_USE;
int fmp4_write_mfra(const struct fmp4_index_entry *entries, unsigned n, struct buf *out,
        struct err *e) MUST_USE;

#endif
