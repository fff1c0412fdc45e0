/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One recorded track of a camera, from RTP packets to access units with both clocks: when its first
 * packet arrived, and when the camera says it was taken. Which units go on is the camera's
 * decision.
 */
#ifndef CUSTOS_INGEST_CAMERA_TRACK_H
#define CUSTOS_INGEST_CAMERA_TRACK_H

#include "media/access_unit.h"
#include "media/depay.h"
#include "proto/rtcp.h"
#include "proto/rtp.h"
#include "proto/sdp.h"

#define CAMERA_TRACK_ARRIVALS 8

struct camera_track {
        struct media_config config; /* as described, before the first packet */
        struct depay *depay;        /* owned */
        /* When the newest timestamps were first seen: a unit comes out with, or shortly after, its
         * last packet. */
        struct {
                int64_t timestamp, arrival_us;
        } arrivals[CAMERA_TRACK_ARRIVALS];
        unsigned arrivals_n, arrivals_at;
        bool came; /* a unit of the newest timestamp: a packet that has it again begins another */
        bool config_held; /* a unit that was not delivered changed the configuration */
        uint64_t bad_packets;
        uint64_t sequence; /* extended, of the newest packet */
        struct err
                damage; /* of the newest packet that was bad; code 0: none since it was cleared */
};

#define CAMERA_TRACK_NAME_ROOM 80
/* "video H264", "application vnd.onvif.metadata", escaped. */
void camera_track_name(const struct sdp_media *m, char room[static CAMERA_TRACK_NAME_ROOM]);

/* What a description offers. ERR_NOT_FOUND or ERR_INVALID with the reason, when it cannot be
 * recorded. */
int camera_track_config(
        const struct sdp_media *m, struct media_config *ret, struct err *e) MUST_USE;
/* In place. */
int camera_track_init(
        struct camera_track *t, const struct media_config *config, struct err *e) MUST_USE;
void camera_track_done(struct camera_track *t);

void camera_track_push(struct camera_track *t, const struct rtp_packet *p,
        const struct rtp_arrival *a, int64_t arrival_us);
/* The next unit, with its clocks; 0, or ERR_AGAIN when there is none. Damaged ones are counted,
 * noted with the packet's number in t->damage, and passed over. */
int camera_track_pull(
        struct camera_track *t, const struct rtcp_clock *clock, struct access_unit *ret);
/* Its configuration as of what was pulled. */
const struct media_config *camera_track_now(const struct camera_track *t);
/* The unit just pulled is not delivered: what it said of the configuration is kept for the next one
 * that is. */
void camera_track_hold(struct camera_track *t, const struct access_unit *unit);
/* Before a unit is delivered: tells what was held. */
void camera_track_tell(struct camera_track *t, struct access_unit *unit);
/* A decoder has all that it needs to begin. */
bool camera_track_decodable(const struct camera_track *t);

#endif
