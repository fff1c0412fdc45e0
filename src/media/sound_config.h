/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * media_config of the sound codecs that need little or no configuration: G.711 and G.726 (RFC 3551
 * section 4.5), Opus (RFC 7587). AAC is aac.h.
 *
 * parameters: G.726: two bytes, bits of a code word (2 to 5) and how they are packed into octets
 * (enum sound_packing); Opus: the payload of dOps (Opus in ISOBMFF section 4.3.2); G.711: none.
 */
#ifndef CUSTOS_MEDIA_SOUND_CONFIG_H
#define CUSTOS_MEDIA_SOUND_CONFIG_H

#include "media/access_unit.h"

#define SOUND_CHANNELS_MAX 8
#define SOUND_RATE_MAX 192000
#define SOUND_OPUS_RATE 48000

/* Where a code word's bits lie in an octet. As received, so recorded. */
enum sound_packing {
        SOUND_PACKING_RFC3551, /* "G726-32": the first code word in the least significant bits */
        SOUND_PACKING_AAL2,    /* "AAL2-G726-32": in the most significant ones (ITU-T I.366.2) */
};

/* rate 0: 8000 Hz. ERR_INVALID for a rate or a number of channels that cannot be. */
int sound_config_pcm(enum media_codec codec, uint32_t rate, uint32_t channels,
        struct media_config *ret, struct err *e) MUST_USE;
/* encoding: as in an rtpmap, without case. ERR_NOT_FOUND when it is none of G.726. */
int sound_config_g726(const char *encoding, uint32_t rate, uint32_t channels,
        struct media_config *ret, struct err *e) MUST_USE;
int sound_config_g726_make(unsigned bits, enum sound_packing packing, uint32_t rate,
        struct media_config *ret, struct err *e) MUST_USE;
unsigned sound_config_g726_bits(const struct media_config *c);
enum sound_packing sound_config_g726_packing(const struct media_config *c);
/* "G726-16" ... "AAL2-G726-40". */
const char *sound_config_g726_encoding(const struct media_config *c);
/* The clock is always 48000 Hz; 1 or 2 channels. */
int sound_config_opus(
        uint32_t rate, uint32_t channels, struct media_config *ret, struct err *e) MUST_USE;
int sound_config_of_dops(struct bytes dops, struct media_config *ret, struct err *e) MUST_USE;

#endif
