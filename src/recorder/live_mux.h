/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A stream as its watchers get it: clear fragmented MP4, a header and then one fragment for each
 * frame (docs/spec/link.md section 8), made once for all of them. Picture and sound; metadata are
 * left out, for players take no track that they do not know.
 *
 * One time line from the first frame on, over connections and steps of the camera's clock: decode
 * times only rise, and a pause is as long as it was by arrival. Picture and sound lie on it as they
 * do in a segment (vault/track_clock.h). Decode times are the presentation times, but for frames
 * that the camera sends out of their order: these follow with an offset below zero (trun version
 * 1).
 *
 * Pure: no clock, nothing is sent. Sealing is crypto/media_box.h's.
 */
#ifndef CUSTOS_RECORDER_LIVE_MUX_H
#define CUSTOS_RECORDER_LIVE_MUX_H

#include "media/fmp4.h"
#include "vault/track_clock.h"

#define LIVE_MUX_HEADER_MAX (64u << 10)
#define LIVE_MUX_FRONT_MAX 256 /* moof and mdat's header of one frame */

struct live_mux_track {
        enum media_codec codec;
        uint32_t id; /* in the header; 0: not in it */
        struct track_clock clock;
        bool aligned, begun;
        uint64_t next; /* the least decode time of the next frame */
        uint64_t last;
        uint32_t duration; /* of the frame before */
};

struct live_mux {
        unsigned tracks_n;
        int main;
        struct live_mux_track tracks[FMP4_TRACKS_MAX];
        bool header_due, awaiting_key;
        bool begun;       /* the time line is */
        bool rebase;      /* the next main frame is of another connection */
        int64_t zero_pts; /* of the main track, where time 0 lies by its present stamps */
        int64_t time_us;  /* of the last main frame on the time line */
        struct track_clock_mark mark; /* the last main frame */
        uint32_t sequence;
};

enum live_mux_step {
        LIVE_MUX_NOTHING,
        LIVE_MUX_FRAME,
        LIVE_MUX_HEADER, /* first, then this frame: a key frame of the main track */
};

void live_mux_init(struct live_mux *m);
/* A connection of the camera begins, with these tracks; or the one that is there, when the first
 * watcher comes. */
void live_mux_connect(struct live_mux *m, const struct media_config *const *configs, unsigned n);
/* Somebody comes: the next key frame has a header before it. */
void live_mux_begin(struct live_mux *m);
/* Something had to be left out: nothing until the next key frame. */
void live_mux_await_key(struct live_mux *m);
/* What is to be made of this unit. Notes the time of main frames, so it is called for each. */
enum live_mux_step live_mux_judge(struct live_mux *m, unsigned track, const struct access_unit *u);
/* Appends ftyp and moov. configs: of each track of the connection, as they are now (NULL: none).
 * ERR_INVALID where the main track cannot be shown: until the next key frame nothing is. */
int live_mux_header(struct live_mux *m, const struct media_config *const *configs, struct buf *out,
        struct err *e) MUST_USE;
/* Appends what stands before the frame's own bytes. Returns 1, or 0 where the frame has no place on
 * the time line and is left out. */
int live_mux_frame(struct live_mux *m, unsigned track, const struct access_unit *u, struct buf *out,
        struct err *e) MUST_USE;

#endif
