/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What H.264 and H.265 share: NAL units behind 4-byte lengths, start codes, and reading bits of a
 * NAL unit past its emulation prevention bytes (ITU-T H.264 section 7.4.1, annex B).
 */
#ifndef CUSTOS_MEDIA_NAL_H
#define CUSTOS_MEDIA_NAL_H

#include "base/bytes.h"
#include "base/err.h"

#define NAL_LENGTH_BYTES 4

/* The next unit of a length-prefixed access unit: moves *rest on. False at the end; then a
 * non-empty *rest means that the bytes are broken. Units are never empty. */
bool nal_next(struct bytes *rest, struct bytes *ret_nal);

/* Where 00 00 01 begins at or behind `from`, or SIZE_MAX. A well-formed NAL unit never holds it. */
size_t nal_find_start_code(struct bytes b, size_t from);
/* As nal_next, over a byte stream with start codes (or one unit without any). */
bool nal_next_annexb(struct bytes *rest, struct bytes *ret_nal);

/* Bits of a NAL unit, most significant first, emulation prevention bytes (00 00 03) passed over.
 * Reading past the end sets `bad` and yields zeros. */
struct nal_bits {
        struct bytes in;
        size_t at;     /* byte */
        unsigned left; /* bits of the current byte not yet read */
        uint8_t byte;
        unsigned zeros;
        bool bad;
};
struct nal_bits nal_bits_of(struct bytes nal);
uint32_t nal_bits_u(struct nal_bits *b, unsigned n); /* n at most 32 */
uint32_t nal_bits_ue(struct nal_bits *b);            /* sets bad above 2^32 - 2 */
int32_t nal_bits_se(struct nal_bits *b);
void nal_bits_skip(struct nal_bits *b, unsigned n);
/* How the picture is to be shown: what the VUI of both codecs begins with (ITU-T H.264 E.1.1, H.265
 * E.2.1), up to the places of the chroma samples. */
void nal_bits_skip_display(struct nal_bits *b);
/* num_units_in_tick and time_scale of a VUI as frames in 1000 s, a frame lasting so many ticks; 0
 * when they are missing or make no sense (above 1000 a second). */
uint32_t nal_bits_framerate(struct nal_bits *b, unsigned ticks);

/* A set of parameter sets, in order of their kind (VPS, SPS, PPS), borrowed. */
#define NAL_SETS_MAX 24
struct nal_sets {
        unsigned n;
        struct bytes set[NAL_SETS_MAX];
};

#endif
