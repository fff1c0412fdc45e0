/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The media side of a segment writer: from the frames of one connection to finished fragments of
 * one segment after another (docs/spec/vault.md sections 2 and 4). Decides where a fragment and a
 * segment end, keeps the tracks on one time line, gathers gaps. Asks nobody for anything: keys,
 * files, seals and writes are segment_writer's.
 */
#ifndef CUSTOS_VAULT_SEGMENT_LANE_H
#define CUSTOS_VAULT_SEGMENT_LANE_H

#include "vault/fragment_builder.h"
#include "vault/gap_list.h"
#include "vault/segment_file.h"
#include "vault/segment_writer.h"
#include "vault/track_clock.h"
#include "vault/unit_queue.h"

#define SEGMENT_LANE_UNKNOWN INT64_MIN

/* What a sample's encryption needs. */
struct segment_lane_plan {
        unsigned n;
        struct cenc_range ranges[CENC_RANGES_MAX];
};

enum segment_lane_step {
        SEGMENT_LANE_SAME, /* goes into the fragment that is open */
        SEGMENT_LANE_NEW_FRAGMENT,
        SEGMENT_LANE_NEW_SEGMENT,
        SEGMENT_LANE_SKIP, /* a key frame is awaited: counted and dropped */
};

/* Frames that were not recorded, up to the next one that is. */
struct segment_lane_drop {
        unsigned cause; /* 0: none */
        int64_t from_us;
        uint32_t frames;
};

struct segment_lane {
        struct loop *loop; /* borrowed */
        int64_t fragment_us, segment_us;
        char stream[HEAD_PATH_MAX], recorder[HEAD_TEXT_MAX];
        struct buf certs[3]; /* seal, issuer, root */

        /* The connection; header NULL: none. */
        struct fmp4_header *header;
        unsigned tracks_n, main; /* main: the camera's number of it (media_config_main_track) */
        uint8_t place[FMP4_TRACKS_MAX]; /* of the camera's tracks in the file */
        struct track_clock clocks[FMP4_TRACKS_MAX];
        int64_t arrivals[FMP4_TRACKS_MAX]; /* of the last sample */
        struct head source; /* protection, camera, times; the rest is filled for each segment */
        unsigned begin_cause;
        int64_t begin_from_us, begin_until_us;
        struct gap_list begin_also;
        bool awaiting_key, config_changed;
        bool has_last;
        struct track_clock_mark last; /* of the main track */
        int64_t last_key_pts;
        unsigned step_cause; /* why the next segment begins, 0: as it should */

        /* The segment; file NULL: none is open. */
        struct segment_file *file;
        uint32_t fragments; /* finished */
        int64_t zero_pts, zero_arrival_us;
        bool aligned[FMP4_TRACKS_MAX];

        /* The fragment. */
        struct chunk_share *share;
        struct fragment_builder builder;
        bool has_picture;
        int64_t first_arrival_us, last_arrival_us, sender_us;
        uint64_t started_ms;
        struct gap_list gaps;

        struct segment_lane_drop drop;
        uint64_t overload_frames; /* of the main track, for which there was no memory */
        int64_t last_us;          /* last frame handed to a seal */
        int64_t written_us;       /* last frame that is in a file */
};

void segment_lane_init(struct segment_lane *l, const struct segment_writer_options *o);
void segment_lane_done(struct segment_lane *l);
/* Whether c can be recorded: returns its main track. */
int segment_lane_check(const struct segment_writer_connection *c, struct err *e) MUST_USE;
/* c was checked; no segment is open. */
void segment_lane_connect(struct segment_lane *l, const struct segment_writer_connection *c);
void segment_lane_disconnect(struct segment_lane *l);

/* MEDIA_NONE when there is no such track. */
enum media_codec segment_lane_codec(const struct segment_lane *l, unsigned track);
int segment_lane_plan(enum media_codec codec, struct bytes sample, struct segment_lane_plan *ret,
        struct err *e) MUST_USE;
/* Notes the unit's new_config; a change takes effect with the next segment. */
void segment_lane_note_config(struct segment_lane *l, unsigned track, const struct access_unit *u);
/* Where a unit of the main track, or of another (a segment must be open), goes. May be asked again.
 */
enum segment_lane_step segment_lane_judge(
        struct segment_lane *l, const struct access_unit *u, const struct segment_lane_plan *plan);
enum segment_lane_step segment_lane_judge_other(struct segment_lane *l, unsigned track,
        const struct access_unit *u, const struct segment_lane_plan *plan);
/* The time line of the main track goes on without a jump. */
bool segment_lane_steady(const struct segment_lane *l);
/* Another fragment fits this segment. */
bool segment_lane_room(const struct segment_lane *l);
int64_t segment_lane_elapsed_us(const struct segment_lane *l, const struct access_unit *u);

/* Opens a segment that begins with u. The grant's descriptor is taken, also on failure. */
int segment_lane_open(struct segment_lane *l, const struct segment_writer_grant *g,
        const struct access_unit *u, struct err *e) MUST_USE;
/* Into the open fragment. Without memory it is dropped, and so are the main track's units up to the
 * next key frame. */
void segment_lane_add(struct segment_lane *l, unsigned track, const struct access_unit *u,
        const struct segment_lane_plan *plan);
/* Finishes the open fragment, with its seal request. *ret is NULL when there is nothing to be
 * finished. last: of its segment (an empty one makes a closing fragment where the segment has
 * others). next_pts: the main track's next stamp, where known. */
int segment_lane_finish(struct segment_lane *l, bool last, int64_t next_pts, struct fragment **ret,
        struct err *e) MUST_USE;
void segment_lane_close(struct segment_lane *l);

/* n frames of the main track were dropped. */
void segment_lane_dropped(struct segment_lane *l, unsigned cause, uint32_t n);
/* A finished fragment will not be written: its frames and gaps go to the next. */
void segment_lane_lost(struct segment_lane *l, const struct fragment *f);
/* The units of the open fragment, for another segment: pushed to q. */
void segment_lane_take_back(struct segment_lane *l, struct unit_queue *q);
/* The open segment is left as it is; the next one begins at a key frame and says why nothing was
 * kept since then. */
void segment_lane_give_up(struct segment_lane *l, unsigned cause, int64_t from_us);

#endif
