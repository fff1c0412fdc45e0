/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A clip played round and round as RTP: each access unit becomes, once, one buffer of interleaved
 * RTP packets (RFC 2326 section 10.12), which all clients get. Sequence numbers and time stamps run
 * on over the rounds; how many packets each sample makes is counted at the start, so that the
 * sequence number of any later sample is known.
 *
 * Units are sent as they lie in the file; parameter sets are in the SDP only, where the file keeps
 * them apart. With stamps, an SEI (media/stamp.h) goes in front of the first slice, in a packet of
 * its own of fixed length: it and the channel numbers are the only bytes that differ between
 * clients, and are written over before each write. JPEG has no place for a stamp. Documents of
 * metadata get the time of their sending.
 *
 * A report's clock: sample time t is taken to have been captured at the sending time of t, less the
 * clip's reordering delay, so that no picture claims to be younger than its sending, and audio and
 * video stay together.
 *
 * Pure but for the memory: the caller brings the time (boot clock for pacing, wall clock for stamps
 * and reports).
 */
#ifndef CUSTOS_EDGE_FEED_H
#define CUSTOS_EDGE_FEED_H

#include "edge/clip.h"
#include "crypto/srtp_suite.h"
#include "media/stamp.h"
#include "proto/rtcp.h"

#define FEED_GOP_BYTES_MAX (32u << 20)
#define FEED_RTP_BYTES 1400 /* of a packet, with its RTP header */

struct feed;

struct feed_options {
        bool stamp;
        bool keep_gop; /* for clients that begin with the current group of pictures */
};

/* One unit, ready to be sent but for what differs between clients. */
struct feed_frame {
        unsigned track;
        bool key;
        struct buf bytes;    /* interleaved frames */
        uint32_t *packet_at; /* where each begins */
        size_t packets_n, packets_room;
        size_t stamp_at; /* where the stamp's NAL unit lies; 0: there is none */
        unsigned temporal_id_plus1;
        struct stamp stamp; /* counter and wall clock; the camera is filled for each one */
        uint16_t sequence;  /* of its first packet */
        uint32_t timestamp;
};

/* Where a client that begins now will begin. */
struct feed_start {
        uint16_t sequence;
        uint32_t timestamp;
};

/* Takes clip. Random sequence numbers, time stamps and SSRC. */
int feed_new(
        struct clip *clip, const struct feed_options *o, struct feed **ret, struct err *e) MUST_USE;
struct feed *feed_free(struct feed *f);
unsigned feed_tracks(const struct feed *f);
const struct media_config *feed_config(const struct feed *f, unsigned track);
/* The first round begins at this boot time. */
void feed_begin(struct feed *f, int64_t boot_us);
/* Boot time at which the next unit is due. */
int64_t feed_due_us(const struct feed *f);
/* The next unit, due or not; borrowed until the next call (with keep_gop until its group ends). Its
 * stamp says wall_us. Negative: the packetizer refused the unit (a bug, clips are checked when
 * opened). */
int feed_pull(struct feed *f, int64_t wall_us, struct feed_frame **ret, struct err *e) MUST_USE;
/* A pause of the process: everything that is not yet sent is due that much later. */
void feed_delay(struct feed *f, int64_t us);

/* True for the unit with which clients begin: a key frame; any unit where there is no video. */
bool feed_is_start(const struct feed *f, const struct feed_frame *frame);
/* For a client that begins with the next key frame; one entry a track. */
void feed_next_start(const struct feed *f, struct feed_start ret[static TIMELINE_TRACKS_MAX]);
/* With keep_gop: the units since the last key frame, which may be none; and where they begin. */
struct feed_frame *feed_gop(struct feed *f, size_t *ret_n);
void feed_gop_start(const struct feed *f, struct feed_start ret[static TIMELINE_TRACKS_MAX]);

/* Write what differs over a unit. */
void feed_frame_name(const struct feed *f, struct feed_frame *frame, const char *camera);
void feed_frame_channel(struct feed_frame *frame, uint8_t channel);
/* Its packets, without the four bytes of interleaving. */
struct bytes feed_frame_packet(const struct feed_frame *frame, size_t i);

/* A sender report of a track for this moment, without its four bytes in front. */
int feed_report(const struct feed *f, unsigned track, int64_t boot_us, int64_t wall_us,
        const char *cname, struct buf *out, struct err *e) MUST_USE;
/* The session description. keys: one a track, for RTP/SAVP, named both ways (a=crypto, and MIKEY,
 * whose time is wall_us); then out is a secret, the caller's to wipe. NULL: RTP/AVP. */
int feed_describe(const struct feed *f, const char *name, const struct srtp_key *keys,
        int64_t wall_us, struct buf *out, struct err *e) MUST_USE;

#endif
