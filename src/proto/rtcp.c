/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proto/rtcp.h"

#include "base/pack.h"

enum { RTCP_SR = 200, RTCP_RR = 201, RTCP_SDES = 202, RTCP_BYE = 203 };
enum { RTCP_SDES_CNAME = 1 };

/* Seconds from 1900 to 1970, and from 1970 to the next era of NTP seconds (7 February 2036). */
#define RTCP_NTP_UNIX INT64_C(2208988800)
#define RTCP_NTP_ERA INT64_C(4294967296)
#define RTCP_CNAME_MAX 255

static void read_sender_report(struct bytes body, struct rtcp *c)
{
        struct unpack u = unpack_of(body);
        struct rtcp_sender_report r;

        r.ssrc = unpack_u32(&u);
        r.ntp = unpack_u64(&u);
        r.timestamp = unpack_u32(&u);
        r.packets = unpack_u32(&u);
        r.bytes = unpack_u32(&u);
        if (u.bad || c->has_sender_report)
                return;
        c->has_sender_report = true;
        c->sender_report = r;
}

int rtcp_parse(struct bytes compound, struct rtcp *ret, struct err *e)
{
        struct rtcp c = { 0 };
        struct unpack u = unpack_of(compound);

        while (unpack_left(&u) > 0) {
                uint8_t first = unpack_u8(&u), type = unpack_u8(&u);
                struct bytes body = unpack_bytes(&u, (size_t)unpack_u16(&u) * 4);
                if (u.bad)
                        return err_set(e, ERR_PROTOCOL, "RTCP packet %u is cut", c.packets_n + 1);
                if (first >> 6 != 2)
                        return err_set(e, ERR_PROTOCOL, "RTCP version %u", first >> 6);
                if (type == RTCP_SR)
                        read_sender_report(body, &c);
                if (type == RTCP_BYE && (first & 31) > 0 && body.n >= 4 && !c.has_bye) {
                        struct unpack sources = unpack_of(body);
                        c.has_bye = true;
                        c.bye_ssrc = unpack_u32(&sources);
                }
                c.packets_n++;
        }
        if (c.packets_n == 0)
                return err_set(e, ERR_PROTOCOL, "RTCP packet of no bytes");
        *ret = c;
        return 0;
}

static void pack_head(struct pack *p, unsigned count, uint8_t type, size_t words)
{
        pack_u8(p, (uint8_t)(0x80 | count));
        pack_u8(p, type);
        pack_u16(p, (uint16_t)words);
}

/* One chunk with a CNAME, ended by one to four zero bytes (RFC 3550 section 6.5). */
static void pack_sdes(struct pack *p, uint32_t ssrc, struct bytes cname)
{
        size_t text = 4 + 2 + cname.n;
        size_t padded = text + 4 - text % 4;

        pack_head(p, 1, RTCP_SDES, padded / 4);
        pack_u32(p, ssrc);
        pack_u8(p, RTCP_SDES_CNAME);
        pack_u8(p, (uint8_t)cname.n);
        pack_bytes(p, cname);
        pack_zeros(p, padded - text);
}

static int finish(struct pack *p, size_t before, struct err *e)
{
        if (!p->bad)
                return 0;
        p->out->n = before;
        return err_set(e, ERR_EXHAUSTED, "no room for an RTCP report");
}

int rtcp_format_sender_report(
        const struct rtcp_sender_report *r, const char *cname, struct buf *out, struct err *e)
{
        size_t before = out->n;
        struct pack p = pack_to(out);

        if (strlen(cname) > RTCP_CNAME_MAX)
                return err_set(e, ERR_INVALID, "CNAME longer than %d bytes", RTCP_CNAME_MAX);
        pack_head(&p, 0, RTCP_SR, 6);
        pack_u32(&p, r->ssrc);
        pack_u64(&p, r->ntp);
        pack_u32(&p, r->timestamp);
        pack_u32(&p, r->packets);
        pack_u32(&p, r->bytes);
        pack_sdes(&p, r->ssrc, bytes_str(cname));
        return finish(&p, before, e);
}

/* Loss since the last report and in all (RFC 3550 appendix A.3). */
static void pack_loss(struct pack *p, struct rtp_source *s)
{
        uint64_t expected = s->sequence - s->first_sequence + 1;
        uint64_t expected_now = expected - s->expected_before;
        uint64_t received_now = s->report_received - s->received_before;
        uint64_t lost = expected > s->report_received ? expected - s->report_received : 0;
        uint64_t fraction = 0;

        if (expected_now > received_now)
                fraction = (expected_now - received_now) * 256 / expected_now;
        s->expected_before = expected;
        s->received_before = s->report_received;
        pack_u8(p, (uint8_t)(fraction > 255 ? 255 : fraction));
        pack_u24(p, lost > 0x7fffff ? 0x7fffff : (uint32_t)lost);
}

static void pack_block(
        struct pack *p, struct rtp_source *s, const struct rtcp_clock *last, int64_t now_us)
{
        uint32_t last_report = 0, delay = 0;

        if (last && last->known) {
                int64_t since = now_us - last->arrival_us;
                last_report = (uint32_t)(last->ntp >> 16);
                if (since > 0 && since < INT64_C(65536) * 1000000)
                        delay = (uint32_t)(since * 65536 / 1000000);
        }
        pack_u32(p, s->ssrc);
        pack_loss(p, s);
        pack_u32(p, (uint32_t)s->sequence);
        pack_u32(p, (uint32_t)(s->jitter_16 >> 4));
        pack_u32(p, last_report);
        pack_u32(p, delay);
}

int rtcp_format_receiver_report(uint32_t our_ssrc, struct rtp_source *s,
        const struct rtcp_clock *last, int64_t now_us, const char *cname, struct buf *out,
        struct err *e)
{
        size_t before = out->n;
        struct pack p = pack_to(out);
        bool block = s && s->started;

        if (strlen(cname) > RTCP_CNAME_MAX)
                return err_set(e, ERR_INVALID, "CNAME longer than %d bytes", RTCP_CNAME_MAX);
        pack_head(&p, block ? 1 : 0, RTCP_RR, block ? 7 : 1);
        pack_u32(&p, our_ssrc);
        if (block)
                pack_block(&p, s, last, now_us);
        pack_sdes(&p, our_ssrc, bytes_str(cname));
        return finish(&p, before, e);
}

int64_t rtcp_us_of_ntp(uint64_t ntp)
{
        int64_t seconds = (int64_t)(ntp >> 32);
        uint64_t fraction = ntp & UINT32_MAX;

        if (ntp == 0)
                return INT64_MIN;
        /* The upper bit tells the era (RFC 5905 section 6): without it the time is after 2036. */
        if (!(ntp >> 63))
                seconds += RTCP_NTP_ERA;
        return (seconds - RTCP_NTP_UNIX) * 1000000 +
               (int64_t)((fraction * 1000000 + (UINT64_C(1) << 31)) >> 32);
}

uint64_t rtcp_ntp_of_us(int64_t wall_us)
{
        int64_t seconds = wall_us / 1000000, micros = wall_us % 1000000;

        if (micros < 0) {
                micros += 1000000;
                seconds--;
        }
        return (uint64_t)(seconds + RTCP_NTP_UNIX) << 32 | ((uint64_t)micros << 32) / 1000000;
}

bool rtcp_clock_update(struct rtcp_clock *c, const struct rtcp_sender_report *r,
        const struct rtp_source *s, int64_t arrival_us)
{
        int64_t wall_us = rtcp_us_of_ntp(r->ntp);

        if (wall_us == INT64_MIN || !s->started || r->ssrc != s->ssrc)
                return false;
        *c = (struct rtcp_clock){
                .known = true,
                .ntp = r->ntp,
                .wall_us = wall_us,
                .timestamp = rtp_source_extend(s, r->timestamp),
                .arrival_us = arrival_us,
        };
        return true;
}

int64_t rtcp_clock_wall_us(const struct rtcp_clock *c, int64_t timestamp, uint32_t clock_rate)
{
        int64_t units;

        if (!c->known || clock_rate == 0 || __builtin_sub_overflow(timestamp, c->timestamp, &units))
                return INT64_MIN;
        int64_t seconds = units / clock_rate, rest = units % clock_rate;
        /* Farther than a year from the report it is no measurement any more. */
        if (seconds > 31536000 || seconds < -31536000)
                return INT64_MIN;
        return c->wall_us + seconds * 1000000 + rest * 1000000 / clock_rate;
}
