/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * RTP (RFC 3550): one packet's header, and the state of one sender: sequence numbers and timestamps
 * extended to 64 bits, losses counted. What the payload means is media/depay.h.
 */
#ifndef CUSTOS_PROTO_RTP_H
#define CUSTOS_PROTO_RTP_H

#include "base/bytes.h"
#include "base/err.h"

#define RTP_HEAD_BYTES 12 /* of the packets that we make */

struct rtp_packet {
        bool marker;
        uint8_t payload_type;
        uint16_t sequence;
        uint32_t timestamp;
        uint32_t ssrc;
        bool has_extension;
        uint16_t extension_profile;
        struct bytes extension; /* behind its four bytes */
        struct bytes payload;   /* without padding; may be empty */
};

int rtp_parse(struct bytes packet, struct rtp_packet *ret, struct err *e) MUST_USE;
/* Version 2, no padding, extension or contributing sources. */
void rtp_format_head(uint8_t to[static RTP_HEAD_BYTES], uint8_t payload_type, bool marker,
        uint16_t sequence, uint32_t timestamp, uint32_t ssrc);

/* One sender, as received. The counters may be read; the rest is private. */
struct rtp_source {
        uint32_t clock_rate;
        bool started;
        uint32_t ssrc;
        uint64_t received, lost, duplicates, late, restarts;
        uint64_t sequence; /* highest so far, extended; starts at the first packet's */
        int64_t timestamp; /* of the newest packet, extended; starts at the first packet's */
        uint64_t first_sequence;
        uint64_t expected_before, received_before; /* at the last report */
        uint64_t report_received;                  /* since first_sequence */
        int32_t next_after_jump;                   /* or -1 */
        bool has_transit;
        int64_t transit;
        uint64_t jitter_16; /* times 16 (RFC 3550 appendix A.8) */
};

struct rtp_arrival {
        bool discard; /* duplicate, late, or the first packet behind a jump of sequence numbers */
        uint64_t sequence;
        int64_t timestamp;     /* extended to 64 bits; may jump, also back */
        uint32_t lost_packets; /* directly before this one */
        bool ssrc_changed;     /* another sender took over: timestamps start anew */
        bool restarted; /* its sequence numbers jumped; what was lost is not known, at least one */
        bool timestamp_jumped; /* by more than 10 s from the packet before, to either side */
};

void rtp_source_init(struct rtp_source *s, uint32_t clock_rate);
/* arrival_us: any steady clock, for the jitter. */
void rtp_source_push(struct rtp_source *s, const struct rtp_packet *p, int64_t arrival_us,
        struct rtp_arrival *ret);
/* A 32-bit timestamp of the same sender (of a sender report) nearest to the newest packet's. */
int64_t rtp_source_extend(const struct rtp_source *s, uint32_t timestamp);

#endif
