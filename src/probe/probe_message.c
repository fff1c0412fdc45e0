/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "probe/probe_message.h"

#include "base/pack.h"

int probe_message_pack_result(const struct probe_result *r, struct buf *out, struct err *e)
{
        struct pack p = pack_to(out);

        pack_u8(&p, r->plays);
        pack_u8(&p, r->key_frame);
        pack_u8(&p, (uint8_t)-r->why.code);
        pack_u8(&p, (uint8_t)r->why.fault);
        pack_string(&p, r->why.code ? r->why.text : "");
        pack_u8(&p, r->protection);
        pack_u8(&p, r->has_key);
        pack_bytes(&p, BYTES(r->key, sizeof r->key));
        pack_u32(&p, r->width);
        pack_u32(&p, r->height);
        pack_u32(&p, r->framerate_milli);
        pack_u64(&p, r->bytes);
        pack_u64(&p, r->packets);
        pack_u64(&p, r->lost_packets);
        pack_u64(&p, r->bad_packets);
        pack_u64(&p, r->units);
        pack_u64(&p, r->received_us);
        pack_u8(&p, r->has_clock);
        pack_i64(&p, r->clock_offset_us);
        return p.bad ? err_set(e, ERR_EXHAUSTED, "the result is too long") : 0;
}

int probe_message_unpack_result(struct bytes body, struct probe_result *ret, struct err *e)
{
        struct unpack u = unpack_of(body);
        struct probe_result r = { 0 };

        r.plays = unpack_u8(&u) != 0;
        r.key_frame = unpack_u8(&u) != 0;
        r.why.code = -(int)unpack_u8(&u);
        unsigned fault = unpack_u8(&u);
        unpack_string(&u, r.why.text, sizeof r.why.text);
        r.protection = unpack_u8(&u);
        r.has_key = unpack_u8(&u) != 0;
        unpack_copy(&u, r.key, sizeof r.key);
        r.width = unpack_u32(&u);
        r.height = unpack_u32(&u);
        r.framerate_milli = unpack_u32(&u);
        r.bytes = unpack_u64(&u);
        r.packets = unpack_u64(&u);
        r.lost_packets = unpack_u64(&u);
        r.bad_packets = unpack_u64(&u);
        r.units = unpack_u64(&u);
        r.received_us = unpack_u64(&u);
        r.has_clock = unpack_u8(&u) != 0;
        r.clock_offset_us = unpack_i64(&u);
        if (!unpack_complete(&u) || fault >= FAULTS)
                return err_set(e, ERR_PROTOCOL, "the confined half's result is malformed");
        r.why.fault = (enum fault)fault;
        *ret = r;
        return 0;
}
