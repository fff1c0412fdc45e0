/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One client of the camera role: what it set up, and how units and reports go to it. An ordinary
 * client gets each unit as it lies in the feed, in one write; packets are handled one by one only
 * where they are altered or go another way: faults on demand, SRTP, datagrams.
 *
 * The keys of SRTP are drawn for each client and track, and named in its own description alone.
 *
 * Not here: which clients there are, and when they get what (edge.h).
 */
#ifndef CUSTOS_EDGE_EDGE_CLIENT_H
#define CUSTOS_EDGE_EDGE_CLIENT_H

#include "crypto/srtp_session.h"
#include "edge/fault_media.h"
#include "net/rtsp_peer.h"

struct edge_camera;

struct edge_client {
        struct rtsp_peer *peer;     /* borrowed from the server */
        struct edge_camera *camera; /* that it plays */
        struct edge_client *next;   /* of the camera's */
        struct edge_client *next_known;
        struct fault_media *faults; /* owned; NULL: honest */
        struct edge_client_srtp {
                struct srtp_key key;
                struct srtp_session
                        *session; /* owned; of ssrc, which is the feed's but for a fault */
                uint32_t ssrc;
        } srtp[TIMELINE_TRACKS_MAX]; /* not used with SRTP_SUITE_NONE */
        enum srtp_suite suite;
        bool playing;
        bool started; /* the first unit went out */
        bool over;    /* takes no more; on_stop follows */
        bool stalled; /* on purpose */
        bool record_per_packet;
        struct err cut; /* why it is over; code 0: it is not, or that was told */
        struct buf out; /* interleaved packets on their way */
};

struct edge_client *edge_client_new(struct rtsp_peer *peer, enum srtp_suite suite);
struct edge_client *edge_client_free(struct edge_client *c);
/* The keys of its tracks, for feed_describe; NULL without SRTP. The caller wipes them. */
const struct srtp_key *edge_client_keys(
        const struct edge_client *c, struct srtp_key ret[static TIMELINE_TRACKS_MAX]);
/* The camera's name is in the frame already. */
void edge_client_frame(struct edge_client *c, struct feed_frame *frame, int64_t now_us);
/* report: a sender report with RTSP_FRAME_HEAD bytes of room in front; changed in place. */
void edge_client_report(struct edge_client *c, unsigned track, struct buf *report, int64_t now_us);
/* Does what a fault wants done before the next unit; true when that goes out. */
bool edge_client_is_served(struct edge_client *c, int64_t now_us, bool *ret_switch);

#endif
