/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proto/media_message.h"

#include <assert.h>
#include <inttypes.h>

#include "base/pack.h"

static void put_be(uint8_t *to, uint64_t v, unsigned bytes)
{
        for (unsigned i = 0; i < bytes; i++)
                to[i] = (uint8_t)(v >> 8 * (bytes - 1 - i));
}

void media_message_format(
        const struct media_message *m, uint8_t ret[static MEDIA_MESSAGE_HEADER_BYTES])
{
        ret[0] = MEDIA_MESSAGE_VERSION;
        ret[1] = m->kind;
        put_be(ret + 2, m->flags, 2);
        put_be(ret + 4, m->subscription, 4);
        put_be(ret + 8, m->number, 8);
        put_be(ret + 16, (uint64_t)m->time_us, 8);
}

void media_message_aad(
        const struct media_message *m, uint8_t ret[static MEDIA_MESSAGE_HEADER_BYTES])
{
        struct media_message fixed = *m;

        fixed.subscription = 0;
        fixed.flags &= (uint16_t)~MEDIA_MESSAGE_SKIPPED;
        media_message_format(&fixed, ret);
}

int media_message_parse(
        struct bytes in, struct media_message *ret, struct bytes *ret_sealed, struct err *e)
{
        struct unpack u = unpack_of(in);
        struct media_message m;

        uint8_t version = unpack_u8(&u);
        m.kind = unpack_u8(&u);
        m.flags = unpack_u16(&u);
        m.subscription = unpack_u32(&u);
        m.number = unpack_u64(&u);
        m.time_us = unpack_i64(&u);
        size_t sealed = unpack_left(&u);
        if (u.bad || sealed < MEDIA_MESSAGE_TAG_BYTES ||
                sealed > MEDIA_MESSAGE_PART_MAX + MEDIA_MESSAGE_TAG_BYTES)
                return err_set(e, ERR_PROTOCOL, "media message of %zu bytes", in.n);
        if (version != MEDIA_MESSAGE_VERSION)
                return err_set(e, ERR_PROTOCOL, "media message: version %u, this is version %d",
                        version, MEDIA_MESSAGE_VERSION);
        if (m.kind < MEDIA_MESSAGE_HEADER || m.kind > MEDIA_MESSAGE_FILE ||
                m.flags > MEDIA_MESSAGE_FLAGS || m.subscription > MEDIA_MESSAGE_SUBSCRIPTION_MAX)
                return err_set(e, ERR_PROTOCOL,
                        "media message: kind %u, flags %u, subscription %" PRIu32, m.kind, m.flags,
                        m.subscription);
        *ret = m;
        *ret_sealed = unpack_rest(&u);
        return 0;
}

unsigned media_message_parts(size_t thing_bytes)
{
        assert(thing_bytes <= MEDIA_MESSAGE_THING_MAX);
        if (thing_bytes == 0)
                return 1;
        return (unsigned)((thing_bytes + MEDIA_MESSAGE_PART_MAX - 1) / MEDIA_MESSAGE_PART_MAX);
}

uint64_t media_message_cost(size_t thing_bytes)
{
        return thing_bytes + (uint64_t)media_message_parts(thing_bytes) *
                                     (MEDIA_MESSAGE_HEADER_BYTES + MEDIA_MESSAGE_TAG_BYTES);
}

unsigned media_message_split(const struct bytes *pieces, unsigned n, unsigned i,
        struct bytes ret[static MEDIA_MESSAGE_PIECES_MAX])
{
        size_t skip = i * MEDIA_MESSAGE_PART_MAX, room = MEDIA_MESSAGE_PART_MAX;
        unsigned found = 0;

        assert(n <= MEDIA_MESSAGE_PIECES_MAX);
        for (unsigned k = 0; k < n && room > 0; k++) {
                struct bytes piece = bytes_sub(pieces[k], skip, room);

                skip -= pieces[k].n < skip ? pieces[k].n : skip;
                if (piece.n == 0)
                        continue;
                ret[found++] = piece;
                room -= piece.n;
        }
        return found;
}

void media_message_join_init(struct media_message_join *j, size_t max)
{
        assert(max <= MEDIA_MESSAGE_THING_MAX);
        *j = (struct media_message_join){ .max = max };
        buf_init(&j->thing, max);
}

void media_message_join_done(struct media_message_join *j)
{
        buf_done(&j->thing);
        *j = (struct media_message_join){ 0 };
}

int media_message_join_push(struct media_message_join *j, const struct media_message *m,
        struct bytes plain, struct media_message *ret, struct err *e)
{
        struct media_message now = *m;

        if (j->open && (m->kind != j->last.kind || m->number != j->last.number + 1 ||
                               m->subscription != j->last.subscription))
                return err_set(e, ERR_PROTOCOL,
                        "media message %" PRIu64 " (kind %u) does not go on with %" PRIu64
                        " (kind %u)",
                        m->number, m->kind, j->last.number, j->last.kind);
        if (!j->open)
                buf_clear(&j->thing);
        if (buf_append(&j->thing, plain, NULL) < 0)
                return err_set(e, ERR_EXHAUSTED, "media: something of more than %zu bytes", j->max);
        if (j->open)
                now.flags |= j->last.flags;
        j->open = m->flags & MEDIA_MESSAGE_MORE;
        j->last = now;
        if (j->open)
                return 0;
        now.flags &= (uint16_t)~MEDIA_MESSAGE_MORE;
        *ret = now;
        return 1;
}
