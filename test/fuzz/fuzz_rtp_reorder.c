/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Datagrams in any order: two bytes of sequence number and one of time each. Nothing comes out that
 * did not go in, nothing twice of what had to wait, and nothing stays behind for ever. */
#include <stdlib.h>

#include "proto/rtp_reorder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct tally {
        unsigned pushed, emitted;
        int64_t now_us;
};

static int emit(void *owner, struct bytes packet, int64_t wall_us, int64_t steady_us, struct err *e)
{
        struct tally *t = owner;

        (void)e;
        if (packet.n != 6 || wall_us != steady_us || steady_us > t->now_us ||
                packet.p[4] != packet.p[2] || packet.p[5] != packet.p[3])
                abort();
        t->emitted++;
        return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        struct rtp_reorder r = { 0 };
        struct tally t = { .now_us = 1 };

        for (size_t i = 0; i + 3 <= n; i += 3) {
                const uint8_t packet[6] = { 0x80, 96, data[i], data[i + 1], data[i], data[i + 1] };

                t.now_us += data[i + 2] * 1000;
                t.pushed++;
                if (rtp_reorder_push(&r, BYTES(packet, 6), t.now_us, t.now_us, emit, &t, NULL) <
                                0 ||
                        rtp_reorder_expire(&r, t.now_us, emit, &t, NULL) < 0)
                        abort();
                if (r.held >= RTP_REORDER_PACKETS || t.emitted + r.held + r.duplicates != t.pushed)
                        abort();
        }
        t.now_us += RTP_REORDER_WAIT_US;
        if (rtp_reorder_expire(&r, t.now_us, emit, &t, NULL) < 0 || r.held != 0)
                abort();
        rtp_reorder_done(&r);
        return 0;
}
