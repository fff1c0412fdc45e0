/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A media file held in memory: the samples of its first video track (H.264, H.265 or JPEG) and of
 * its audio tracks (AAC, G.711, G.726, Opus), as they lie in the file, each NAL unit behind a
 * 4-byte length; sound that the file has in long pieces is cut into 20 ms. Read once, by
 * libavformat, before the role's loop starts; immutable afterwards. A document of ONVIF metadata
 * can be added as a track of its own, once a second.
 *
 * Times are in the track's RTP clock and count from the earliest sample of the file. A sample is
 * due at its decoding time. Anything else that the file contains is left out. Files come from the
 * person who starts the role, not from a network; every size is bounded all the same.
 *
 * Not here: sending, pacing, looping (feed.h, timeline.h).
 */
#ifndef CUSTOS_EDGE_CLIP_H
#define CUSTOS_EDGE_CLIP_H

#include "base/buf.h"
#include "edge/timeline.h"
#include "media/access_unit.h"

#define CLIP_BYTES_MAX (1u << 30)
#define CLIP_SAMPLES_MAX (1u << 22)
#define CLIP_METADATA_MAX 65536
#define CLIP_TIMES_MAX 256 /* in a document of metadata */

struct clip_sample {
        int64_t due; /* decoding time */
        int64_t pts;
        size_t at; /* in the clip's data */
        uint32_t n;
        bool key;
};

struct clip_track {
        struct media_config config;
        struct clip_sample *samples;
        size_t samples_n, samples_room;
        int64_t end; /* of its last sample */
        /* Metadata: where times stand in each sample, STR_TIME_ROOM - 4 characters each. */
        size_t times[CLIP_TIMES_MAX], times_n;
};

struct clip {
        struct clip_track tracks[TIMELINE_TRACKS_MAX]; /* video first, where there is one */
        unsigned tracks_n;
        int64_t delay_us; /* by which a picture may be shown later than it is due (reordering) */
        struct buf data;
};

/* Adds a track of ONVIF metadata: this document, once a second. What stands in its UtcTime
 * attributes is where the feed writes the time. */
int clip_add_metadata(struct clip *c, struct bytes document, struct err *e) MUST_USE;
int clip_open(const char *path, struct clip **ret, struct err *e) MUST_USE;
struct clip *clip_free(struct clip *c);
void clip_freep(struct clip **c);
struct bytes clip_bytes(const struct clip *c, const struct clip_sample *s);

#endif
