/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Packets behind 16-bit lengths, through one source. */
#include <stdlib.h>

#include "base/pack.h"
#include "proto/rtp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        struct unpack u = unpack_of(BYTES(data, n));
        struct rtp_source s;
        struct rtp_packet p;
        struct rtp_arrival a;
        uint64_t accepted = 0;

        rtp_source_init(&s, 90000);
        for (int64_t i = 0; unpack_left(&u) > 2; i++) {
                struct bytes packet = unpack_bytes(&u, unpack_u16(&u));
                if (u.bad)
                        packet = bytes_sub(BYTES(data, n), 2, n);
                if (rtp_parse(packet, &p, NULL) < 0)
                        continue;
                if (p.payload.n > packet.n ||
                        (p.payload.n && p.payload.p + p.payload.n > packet.p + packet.n))
                        abort();
                rtp_source_push(&s, &p, i * 10000, &a);
                accepted += !a.discard;
                if (!a.discard && ((uint16_t)a.sequence != p.sequence ||
                                          (uint32_t)a.timestamp != p.timestamp))
                        abort();
        }
        if (accepted > s.received)
                abort();
        return 0;
}
