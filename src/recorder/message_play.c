/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recorder/message_play.h"

#include "recorder/message_parts.h"
#include "trust/capability.h"

int message_key_grant_pack(const struct message_key_grant *m, struct buf *out, struct err *e)
{
        struct pack p = pack_to(out);

        pack_u8(&p, m->use);
        pack_string(&p, m->stream);
        pack_field16(&p, m->token);
        return message_packed(&p, "grant of keys", e);
}

int message_key_grant_parse(struct bytes body, struct message_key_grant *ret, struct err *e)
{
        struct unpack u = unpack_of(body);
        struct message_key_grant m = { .use = unpack_u8(&u) };

        unpack_string(&u, m.stream, sizeof m.stream);
        m.token = unpack_field16(&u, CAPABILITY_TOKEN_MAX);
        if (m.use != CAPABILITY_PLAYBACK && m.use != CAPABILITY_EXPORT)
                return err_set(e, ERR_PROTOCOL, "grant of keys: malformed message");
        int r = message_parsed(&u, "grant of keys", e);
        if (r == 0)
                *ret = m;
        return r;
}

int message_key_ask_pack(const struct message_key_ask *m, struct buf *out, struct err *e)
{
        struct pack p = pack_to(out);

        pack_field32(&p, m->head);
        pack_field16(&p, m->seal);
        pack_field16(&p, m->key_file);
        return message_packed(&p, "key request", e);
}

int message_key_ask_parse(struct bytes body, struct message_key_ask *ret, struct err *e)
{
        struct unpack u = unpack_of(body);
        struct message_key_ask m;

        m.head = unpack_field32(&u, MESSAGE_PLAY_HEAD_MAX);
        m.seal = unpack_field16(&u, SEAL_BYTES_MAX);
        m.key_file = unpack_field16(&u, KEY_STORE_FILE_MAX);
        int r = message_parsed(&u, "key request", e);
        if (r == 0)
                *ret = m;
        return r;
}

int message_play_pack(const struct message_play *m, struct buf *out, struct err *e)
{
        struct pack p = pack_to(out);

        pack_string(&p, m->stream);
        pack_i64(&p, m->from_us);
        pack_i64(&p, m->until_us);
        pack_u8(&p, m->keys_only);
        pack_u8(&p, m->export);
        pack_u8(&p, m->without_audio);
        pack_u64(&p, m->credit);
        pack_field16(&p, m->token);
        return message_packed(&p, "play", e);
}

int message_play_parse(struct bytes body, struct message_play *ret, struct err *e)
{
        struct unpack u = unpack_of(body);
        struct message_play m = { 0 };

        unpack_string(&u, m.stream, sizeof m.stream);
        m.from_us = unpack_i64(&u);
        m.until_us = unpack_i64(&u);
        m.keys_only = message_unpack_bool(&u);
        m.export = message_unpack_bool(&u);
        m.without_audio = message_unpack_bool(&u);
        m.credit = unpack_u64(&u);
        m.token = unpack_field16(&u, CAPABILITY_TOKEN_MAX);
        int r = message_parsed(&u, "play", e);
        if (r == 0)
                *ret = m;
        return r;
}
