/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "proto/rtcp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        struct rtcp c;
        struct rtcp_clock clock = { 0 };
        struct rtp_source s;
        struct rtp_arrival a;
        struct buf out;

        if (rtcp_parse(BYTES(data, n), &c, NULL) < 0)
                return 0;
        if (c.packets_n == 0 || c.packets_n * 4 > n)
                abort();
        if (!c.has_sender_report)
                return 0;
        struct rtp_packet p = { .ssrc = c.sender_report.ssrc,
                .timestamp = ~c.sender_report.timestamp };
        rtp_source_init(&s, 90000);
        rtp_source_push(&s, &p, 0, &a);
        if (rtcp_clock_update(&clock, &c.sender_report, &s, 1000) &&
                rtcp_clock_wall_us(&clock, clock.timestamp, 90000) != clock.wall_us)
                abort();
        buf_init(&out, 1024);
        if (rtcp_format_receiver_report(1, &s, &clock, 2000, "x", &out, NULL) < 0 ||
                rtcp_format_sender_report(&c.sender_report, "x", &out, NULL) < 0 ||
                rtcp_parse(buf_bytes(&out), &c, NULL) < 0)
                abort();
        buf_done(&out);
        return 0;
}
