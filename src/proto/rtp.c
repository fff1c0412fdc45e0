/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proto/rtp.h"

#include "base/pack.h"

/* RFC 3550 appendix A.1: how far a sequence number may lead, or lag, before it is another sequence.
 */
#define RTP_DROPOUT_MAX 3000
#define RTP_MISORDER_MAX 100
#define RTP_JUMP_S 10

/* Scalars until the end: a struct that is filled here and then copied is read in wider pieces than
 * it was written, and so makes each packet wait for all stores before it, those of the decryption.
 */
int rtp_parse(struct bytes packet, struct rtp_packet *ret, struct err *e)
{
        struct unpack u = unpack_of(packet);
        uint8_t first = unpack_u8(&u), second = unpack_u8(&u);
        uint16_t sequence = unpack_u16(&u), profile = 0;
        uint32_t timestamp = unpack_u32(&u), ssrc = unpack_u32(&u);
        const uint8_t *extension = NULL;
        size_t extension_n = 0;

        if (u.bad)
                return err_set(e, ERR_PROTOCOL, "RTP packet of %zu bytes", packet.n);
        if (first >> 6 != 2)
                return err_set(e, ERR_PROTOCOL, "RTP version %u", first >> 6);
        unpack_bytes(&u, (size_t)(first & 15) * 4);
        if (first & 0x10) {
                profile = unpack_u16(&u);
                extension_n = (size_t)unpack_u16(&u) * 4;
                extension = unpack_bytes(&u, extension_n).p;
        }
        struct bytes payload = unpack_rest(&u);
        if (u.bad)
                return err_set(e, ERR_PROTOCOL, "RTP header longer than its packet of %zu bytes",
                        packet.n);
        if (first & 0x20) {
                uint8_t padding = payload.n ? payload.p[payload.n - 1] : 0;
                if (padding == 0 || padding > payload.n)
                        return err_set(e, ERR_PROTOCOL, "RTP padding of %u in %zu bytes", padding,
                                payload.n);
                payload.n -= padding;
        }
        *ret = (struct rtp_packet){ .marker = second & 0x80,
                .payload_type = second & 0x7f,
                .sequence = sequence,
                .timestamp = timestamp,
                .ssrc = ssrc,
                .has_extension = first & 0x10,
                .extension_profile = profile,
                .extension = BYTES(extension, extension_n),
                .payload = payload };
        return 0;
}

void rtp_format_head(uint8_t to[static RTP_HEAD_BYTES], uint8_t payload_type, bool marker,
        uint16_t sequence, uint32_t timestamp, uint32_t ssrc)
{
        to[0] = 0x80;
        to[1] = (uint8_t)((marker ? 0x80 : 0) | (payload_type & 0x7f));
        to[2] = (uint8_t)(sequence >> 8);
        to[3] = (uint8_t)sequence;
        for (unsigned i = 0; i < 4; i++) {
                to[4 + i] = (uint8_t)(timestamp >> (24 - 8 * i));
                to[8 + i] = (uint8_t)(ssrc >> (24 - 8 * i));
        }
}

void rtp_source_init(struct rtp_source *s, uint32_t clock_rate)
{
        *s = (struct rtp_source){ .clock_rate = clock_rate, .next_after_jump = -1 };
}

int64_t rtp_source_extend(const struct rtp_source *s, uint32_t timestamp)
{
        int32_t delta = (int32_t)(timestamp - (uint32_t)s->timestamp);

        return s->timestamp + delta;
}

/* The counters of reports begin anew, those for people go on. */
static void start(struct rtp_source *s, const struct rtp_packet *p)
{
        s->started = true;
        s->ssrc = p->ssrc;
        s->sequence = p->sequence;
        s->first_sequence = p->sequence;
        s->expected_before = 0;
        s->received_before = 0;
        s->report_received = 0;
        s->next_after_jump = -1;
        s->has_transit = false;
        s->jitter_16 = 0;
}

/* RFC 3550 appendix A.8, in units of the track's clock. */
static void update_jitter(struct rtp_source *s, int64_t arrival_us)
{
        int64_t seconds = arrival_us / 1000000, micros = arrival_us % 1000000;
        int64_t arrival = (int64_t)((uint64_t)seconds * s->clock_rate) +
                          micros * (int64_t)s->clock_rate / 1000000;
        int64_t transit = (int64_t)((uint64_t)arrival - (uint64_t)s->timestamp);

        if (s->has_transit) {
                uint64_t d = transit > s->transit ? (uint64_t)transit - (uint64_t)s->transit
                                                  : (uint64_t)s->transit - (uint64_t)transit;
                if (d > UINT32_MAX)
                        d = UINT32_MAX;
                s->jitter_16 += d - ((s->jitter_16 + 8) >> 4);
        }
        s->transit = transit;
        s->has_transit = true;
}

/* False when the packet is to be discarded. */
static bool take_sequence(struct rtp_source *s, const struct rtp_packet *p, struct rtp_arrival *a)
{
        uint16_t ahead = (uint16_t)(p->sequence - (uint16_t)s->sequence);

        if (ahead == 0) {
                s->duplicates++;
                return false;
        }
        if (ahead < RTP_DROPOUT_MAX) {
                a->lost_packets = ahead - 1u;
                s->lost += ahead - 1u;
                s->sequence += ahead;
                s->next_after_jump = -1;
                return true;
        }
        if (ahead > UINT16_MAX - RTP_MISORDER_MAX) {
                s->late++;
                return false;
        }
        /* A jump is believed when the next packet follows it. */
        if (s->next_after_jump != p->sequence) {
                s->next_after_jump = (uint16_t)(p->sequence + 1);
                return false;
        }
        start(s, p);
        s->restarts++;
        s->lost++;
        a->restarted = true;
        a->lost_packets = 1;
        return true;
}

void rtp_source_push(struct rtp_source *s, const struct rtp_packet *p, int64_t arrival_us,
        struct rtp_arrival *ret)
{
        struct rtp_arrival a = { 0 };
        bool first = !s->started;

        s->received++;
        if (first || p->ssrc != s->ssrc) {
                a.ssrc_changed = !first;
                start(s, p);
                s->timestamp = p->timestamp;
        } else if (!take_sequence(s, p, &a)) {
                a.discard = true;
                a.sequence = s->sequence;
                a.timestamp = rtp_source_extend(s, p->timestamp);
                *ret = a;
                return;
        }
        int64_t before = s->timestamp;
        s->timestamp = rtp_source_extend(s, p->timestamp);
        int64_t step = s->timestamp - before, most = (int64_t)RTP_JUMP_S * s->clock_rate;
        a.timestamp_jumped = step > most || step < -most;
        a.sequence = s->sequence;
        a.timestamp = s->timestamp;
        s->report_received++;
        if (a.timestamp_jumped)
                s->has_transit = false;
        update_jitter(s, arrival_us);
        *ret = a;
}
