/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One access unit (frame) of one track, as it comes out of a depacketizer and goes into the vault:
 * the received bytes, unchanged: a picture with each NAL unit (H.264, H.265) behind a 4-byte
 * big-endian length; one JPEG picture with its headers as RFC 2435 has them built; one raw AAC
 * frame; one packet of other sound; one XML document of ONVIF metadata. Borrowed by whoever is
 * handed one, valid during the call.
 */
#ifndef CUSTOS_MEDIA_ACCESS_UNIT_H
#define CUSTOS_MEDIA_ACCESS_UNIT_H

#include "base/bytes.h"
#include "base/err.h"

enum media_codec {
        MEDIA_NONE,
        MEDIA_H264,
        MEDIA_H265,
        MEDIA_AAC,
        MEDIA_JPEG,
        MEDIA_PCMU,
        MEDIA_PCMA,
        MEDIA_G726,
        MEDIA_OPUS,
        MEDIA_ONVIF_METADATA,
};
#define MEDIA_CODECS (MEDIA_ONVIF_METADATA + 1)

#define ACCESS_UNIT_MAX (16u << 20) /* bytes; a larger one is a protocol error */
#define ACCESS_UNIT_NALS_MAX 512
#define MEDIA_PARAMETERS_MAX 4096

/* What a decoder needs before the first frame. */
struct media_config {
        enum media_codec codec;
        uint32_t clock_rate;    /* of RTP timestamps: 90000 for video, the sample rate for audio */
        uint32_t width, height; /* video, after cropping; of JPEG 0 until the first picture */
        uint32_t sample_rate, channels; /* audio */
        /* H.264: avcC payload; H.265: hvcC payload (ISO/IEC 14496-15); AAC: AudioSpecificConfig;
         * G.726 and Opus: see sound_config.h; the others have none. */
        uint8_t parameters[MEDIA_PARAMETERS_MAX];
        size_t parameters_n;
};

struct access_unit {
        struct bytes data;
        int64_t pts;      /* in the track's clock, extended to 64 bits, from the RTP timestamp */
        bool key;         /* decoding can start here (H.264 IDR; H.265 IRAP) */
        bool lost_before; /* packets of this track were lost since the previous unit */
        uint32_t lost_packets;
        uint32_t unasked_before; /* units of this track that came before it and are not to be
                                    recorded; whoever leaves them out fills it */
        bool clock_stepped; /* the wall clock was, between this unit and the one before; whoever
                               notices fills it */
        int64_t arrival_us; /* wall clock of the first packet's arrival; filled by ingest */
        int64_t sender_us;  /* wall clock by the camera's sender reports, or INT64_MIN; filled by
                               ingest */
        /* The camera's wall clock as its newest sender report says it, and when that report came
         * (wall clock); INT64_MIN: there was none. Filled by ingest. */
        int64_t report_us, report_came_us;
        /* Set when the parameter sets seen in or before this unit differ from those before: the new
         * ones. */
        const struct media_config *new_config;
};

bool media_config_equal(const struct media_config *a, const struct media_config *b);
/* All is known that a decoder and a file's header need. */
bool media_config_complete(const struct media_config *c);
/* The track that segments and groups of pictures go by: the first video track, else the first of
 * sound. -1: there is neither. */
int media_config_main_track(const struct media_config *tracks, unsigned n);

static inline bool media_has_nals(enum media_codec c)
{
        return c == MEDIA_H264 || c == MEDIA_H265;
}
static inline bool media_is_video(enum media_codec c)
{
        return media_has_nals(c) || c == MEDIA_JPEG;
}
static inline bool media_is_audio(enum media_codec c)
{
        return c != MEDIA_NONE && c != MEDIA_ONVIF_METADATA && !media_is_video(c);
}
/* Units of time in a file: the sample rate for audio, else the clock of RTP. */
static inline uint32_t media_timescale(const struct media_config *c)
{
        return media_is_audio(c->codec) ? c->sample_rate : c->clock_rate;
}

#endif
