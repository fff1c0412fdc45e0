/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recorder/message_volume.h"

#include "recorder/message_parts.h"
#include "seal/chain.h"

int message_volume_start_pack(const struct message_volume_start *m, struct buf *out, struct err *e)
{
        struct pack p = pack_to(out);

        pack_u32(&p, m->number);
        pack_string(&p, m->path);
        pack_u8(&p, m->claim);
        pack_string(&p, m->name);
        return message_packed(&p, "volume start", e);
}

int message_volume_start_parse(struct bytes body, struct message_volume_start *ret, struct err *e)
{
        struct unpack u = unpack_of(body);
        struct message_volume_start m = { 0 };

        m.number = unpack_u32(&u);
        unpack_string(&u, m.path, sizeof m.path);
        m.claim = message_unpack_bool(&u);
        unpack_string(&u, m.name, sizeof m.name);
        int r = message_parsed(&u, "volume start", e);
        if (r == 0)
                *ret = m;
        return r;
}

int message_volume_state_pack(const struct message_volume_state *m, struct buf *out, struct err *e)
{
        struct pack p = pack_to(out);

        pack_u8(&p, m->readable);
        pack_string(&p, m->identity.name);
        pack_string(&p, m->identity.recorder);
        pack_bytes(&p, BYTES(m->identity.id, sizeof m->identity.id));
        pack_bytes(&p, BYTES(m->identity.session, sizeof m->identity.session));
        pack_u8(&p, m->fault);
        pack_string(&p, m->text);
        pack_u64(&p, m->total_bytes);
        pack_u64(&p, m->free_bytes);
        pack_string(&p, m->device);
        return message_packed(&p, "volume state", e);
}

int message_volume_state_parse(struct bytes body, struct message_volume_state *ret, struct err *e)
{
        struct unpack u = unpack_of(body);
        struct message_volume_state m = { 0 };

        m.readable = message_unpack_bool(&u);
        unpack_string(&u, m.identity.name, sizeof m.identity.name);
        unpack_string(&u, m.identity.recorder, sizeof m.identity.recorder);
        unpack_copy(&u, m.identity.id, sizeof m.identity.id);
        unpack_copy(&u, m.identity.session, sizeof m.identity.session);
        m.fault = unpack_u8(&u);
        unpack_string(&u, m.text, sizeof m.text);
        m.total_bytes = unpack_u64(&u);
        m.free_bytes = unpack_u64(&u);
        unpack_string(&u, m.device, sizeof m.device);
        if (m.fault >= FAULTS || m.free_bytes > m.total_bytes || m.total_bytes > INT64_MAX)
                u.bad = true;
        int r = message_parsed(&u, "volume state", e);
        if (r == 0)
                *ret = m;
        return r;
}

int message_volume_tail_pack(
        uint32_t id, const struct message_volume_tail *m, struct buf *out, struct err *e)
{
        struct pack p = pack_to(out);

        pack_u32(&p, id);
        pack_u8(&p, m->empty);
        pack_string(&p, m->object_key);
        message_pack_link(&p, &m->last);
        pack_i64(&p, m->last_arrival_us);
        pack_u64(&p, m->bytes);
        pack_u64(&p, m->cut_bytes);
        pack_u32(&p, m->fragments);
        pack_u8(&p, m->closed);
        pack_i64(&p, m->first_arrival_us);
        pack_u8(&p, m->damaged);
        return message_packed(&p, "volume tail", e);
}

int message_volume_tail_parse(
        struct bytes body, uint32_t *ret_id, struct message_volume_tail *ret, struct err *e)
{
        struct unpack u = unpack_of(body);
        struct message_volume_tail m = { 0 };
        uint32_t id = unpack_u32(&u);

        m.empty = message_unpack_bool(&u);
        unpack_string(&u, m.object_key, sizeof m.object_key);
        message_unpack_link(&u, &m.last);
        m.last_arrival_us = unpack_i64(&u);
        m.bytes = unpack_u64(&u);
        m.cut_bytes = unpack_u64(&u);
        m.fragments = unpack_u32(&u);
        m.closed = message_unpack_bool(&u);
        m.first_arrival_us = unpack_i64(&u);
        m.damaged = message_unpack_bool(&u);
        if (m.bytes > INT64_MAX || m.cut_bytes > INT64_MAX)
                u.bad = true;
        int r = message_parsed(&u, "volume tail", e);
        if (r == 0) {
                *ret_id = id;
                *ret = m;
        }
        return r;
}

int message_scrub_pack(const struct message_scrub *m, struct buf *out, struct err *e)
{
        struct pack p = pack_to(out);

        pack_u32(&p, m->id);
        pack_string(&p, m->stream);
        pack_string(&p, m->object_key);
        pack_u64(&p, m->bytes_a_second);
        pack_bytes(&p, BYTES(m->last_hash, sizeof m->last_hash));
        return message_packed(&p, "scrub", e);
}

int message_scrub_parse(struct bytes body, struct message_scrub *ret, struct err *e)
{
        struct unpack u = unpack_of(body);
        struct message_scrub m = { 0 };

        m.id = unpack_u32(&u);
        unpack_string(&u, m.stream, sizeof m.stream);
        unpack_string(&u, m.object_key, sizeof m.object_key);
        m.bytes_a_second = unpack_u64(&u);
        unpack_copy(&u, m.last_hash, sizeof m.last_hash);
        if (m.bytes_a_second == 0 || m.bytes_a_second > INT64_MAX)
                u.bad = true;
        int r = message_parsed(&u, "scrub", e);
        if (r == 0)
                *ret = m;
        return r;
}

int message_scrubbed_pack(const struct message_scrubbed *m, struct buf *out, struct err *e)
{
        struct pack p = pack_to(out);

        pack_u32(&p, m->id);
        pack_u64(&p, m->bytes);
        pack_u8(&p, m->verdict);
        pack_i64(&p, m->at_us);
        pack_string(&p, m->text);
        return message_packed(&p, "scrubbed", e);
}

int message_scrubbed_parse(struct bytes body, struct message_scrubbed *ret, struct err *e)
{
        struct unpack u = unpack_of(body);
        struct message_scrubbed m = { 0 };

        m.id = unpack_u32(&u);
        m.bytes = unpack_u64(&u);
        m.verdict = unpack_u8(&u);
        m.at_us = unpack_i64(&u);
        unpack_string(&u, m.text, sizeof m.text);
        if (m.bytes > INT64_MAX || m.verdict > VERDICT_NOTE)
                u.bad = true;
        int r = message_parsed(&u, "scrubbed", e);
        if (r == 0)
                *ret = m;
        return r;
}
