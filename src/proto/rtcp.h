/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * RTCP (RFC 3550 section 6): sender reports with their clock, goodbyes, and the reports that we
 * send.
 */
#ifndef CUSTOS_PROTO_RTCP_H
#define CUSTOS_PROTO_RTCP_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"
#include "proto/rtp.h"

struct rtcp_sender_report {
        uint32_t ssrc;
        uint64_t ntp; /* 32.32 seconds since 1900 */
        uint32_t timestamp;
        uint32_t packets, bytes;
};

/* What a compound packet said. */
struct rtcp {
        unsigned packets_n;
        bool has_sender_report; /* the first one */
        struct rtcp_sender_report sender_report;
        bool has_bye;
        uint32_t bye_ssrc;
};
/* Packet types that are not known are passed over. A compound that starts with something else than
 * a report is taken too (RFC 5506, and cameras). */
int rtcp_parse(struct bytes compound, struct rtcp *ret, struct err *e) MUST_USE;

/* Appends an SR (without report blocks) and an SDES with the name. */
int rtcp_format_sender_report(const struct rtcp_sender_report *r, const char *cname,
        struct buf *out, struct err *e) MUST_USE;

struct rtcp_clock;
/* Appends an RR about s, which may be NULL or not started (then without a block), and an SDES.
 * Counts from the last report on. last: the newest sender report and when it arrived (wall, us), or
 * NULL. */
int rtcp_format_receiver_report(uint32_t our_ssrc, struct rtp_source *s,
        const struct rtcp_clock *last, int64_t now_us, const char *cname, struct buf *out,
        struct err *e) MUST_USE;

/* Wall clock, microseconds since 1970, of an NTP time in 1968..2104, and back. INT64_MIN for ntp 0.
 */
int64_t rtcp_us_of_ntp(uint64_t ntp);
uint64_t rtcp_ntp_of_us(int64_t wall_us);

/* The sender's wall clock by its newest report. Zero it to begin with. */
struct rtcp_clock {
        bool known;
        uint64_t ntp;
        int64_t wall_us;   /* at `timestamp` */
        int64_t timestamp; /* extended, see rtp_source_extend */
        int64_t arrival_us;
};
/* Leaves c unchanged, and returns false, when the report carries no time. */
bool rtcp_clock_update(struct rtcp_clock *c, const struct rtcp_sender_report *r,
        const struct rtp_source *s, int64_t arrival_us);
/* INT64_MIN when not known. */
int64_t rtcp_clock_wall_us(const struct rtcp_clock *c, int64_t timestamp, uint32_t clock_rate);

#endif
