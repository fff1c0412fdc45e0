/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recorder/message.h"

#include "base/pack.h"
#include "base/record_terms.h"
#include "recorder/message_parts.h"
#include "trust/capability.h"

#define MESSAGE_CERT_MAX 8192

int message_packed(const struct pack *p, const char *what, struct err *e)
{
        return p->bad ? err_set(e, ERR_EXHAUSTED, "%s: message too large", what) : 0;
}

int message_parsed(const struct unpack *u, const char *what, struct err *e)
{
        return unpack_complete(u) ? 0 : err_set(e, ERR_PROTOCOL, "%s: malformed message", what);
}

void message_pack_link(struct pack *p, const struct seal_link *l)
{
        pack_bytes(p, BYTES(l->epoch, sizeof l->epoch));
        pack_u64(p, l->sequence);
        pack_bytes(p, BYTES(l->hash, sizeof l->hash));
}

void message_unpack_link(struct unpack *u, struct seal_link *l)
{
        unpack_copy(u, l->epoch, sizeof l->epoch);
        l->sequence = unpack_u64(u);
        unpack_copy(u, l->hash, sizeof l->hash);
}

bool message_unpack_bool(struct unpack *u)
{
        uint8_t v = unpack_u8(u);

        if (v > 1)
                u->bad = true;
        return v == 1;
}

int message_hello_pack(const struct message_hello *m, struct buf *out, struct err *e)
{
        struct pack p = pack_to(out);

        pack_u32(&p, m->version);
        pack_bytes(&p, BYTES(m->epoch, sizeof m->epoch));
        pack_field16(&p, m->seal_cert);
        pack_field16(&p, m->issuer_cert);
        pack_field16(&p, m->root_cert);
        return message_packed(&p, "hello", e);
}

int message_hello_parse(struct bytes body, struct message_hello *ret, struct err *e)
{
        struct unpack u = unpack_of(body);
        struct message_hello m = { 0 };

        m.version = unpack_u32(&u);
        unpack_copy(&u, m.epoch, sizeof m.epoch);
        m.seal_cert = unpack_field16(&u, MESSAGE_CERT_MAX);
        m.issuer_cert = unpack_field16(&u, MESSAGE_CERT_MAX);
        m.root_cert = unpack_field16(&u, MESSAGE_CERT_MAX);
        int r = message_parsed(&u, "hello", e);
        if (r < 0)
                return r;
        if (m.version != MESSAGE_VERSION)
                return err_set(e, ERR_PROTOCOL,
                        "the sealer is of another build (messages %u, here %u)", m.version,
                        MESSAGE_VERSION);
        *ret = m;
        return 0;
}

int message_stream_open_pack(const struct message_stream_open *m, struct buf *out, struct err *e)
{
        struct pack p = pack_to(out);

        pack_string(&p, m->stream);
        message_pack_link(&p, &m->last);
        pack_i64(&p, m->last_arrival_us);
        return message_packed(&p, "stream open", e);
}

int message_stream_open_parse(struct bytes body, struct message_stream_open *ret, struct err *e)
{
        struct unpack u = unpack_of(body);
        struct message_stream_open m = { 0 };

        unpack_string(&u, m.stream, sizeof m.stream);
        message_unpack_link(&u, &m.last);
        m.last_arrival_us = unpack_i64(&u);
        int r = message_parsed(&u, "stream open", e);
        if (r == 0)
                *ret = m;
        return r;
}

int message_assign_pack(const struct message_assign *m, struct buf *out, struct err *e)
{
        struct pack p = pack_to(out);

        pack_string(&p, m->stream);
        pack_string(&p, m->url);
        pack_string(&p, m->user);
        pack_field16(&p, secret_bytes(&m->password));
        pack_u8(&p, m->transport);
        pack_u8(&p, m->carrier);
        pack_bytes(&p, BYTES(m->pin, sizeof m->pin));
        pack_u8(&p, m->without_audio);
        pack_field32(&p, m->roots_pem);
        pack_field32(&p, m->issuer_pem);
        pack_field32(&p, m->crls_pem);
        pack_string(&p, m->recorder);
        pack_field16(&p, m->seal_cert);
        pack_field16(&p, m->issuer_cert);
        pack_field16(&p, m->root_cert);
        pack_u32(&p, m->fragment_ms);
        pack_u32(&p, m->segment_s);
        pack_u32(&p, m->pace_ms);
        pack_u32(&p, m->idle_ms);
        pack_u32(&p, m->backoff_max_ms);
        pack_u32(&p, m->mbit_max);
        pack_u32(&p, m->patience_ms);
        pack_u8(&p, m->gate);
        pack_u32(&p, m->keep_ms);
        pack_u8(&p, m->gap_cause);
        pack_i64(&p, m->gap_from_us);
        return message_packed(&p, "assign", e);
}

int message_assign_parse(struct bytes body, struct message_assign *ret, struct err *e)
{
        struct unpack u = unpack_of(body);

        memset(ret, 0, sizeof *ret);
        unpack_string(&u, ret->stream, sizeof ret->stream);
        unpack_string(&u, ret->url, sizeof ret->url);
        unpack_string(&u, ret->user, sizeof ret->user);
        if (secret_set(&ret->password, unpack_field16(&u, SECRET_MAX), e) < 0)
                u.bad = true;
        ret->transport = unpack_u8(&u);
        ret->carrier = unpack_u8(&u);
        unpack_copy(&u, ret->pin, sizeof ret->pin);
        ret->without_audio = message_unpack_bool(&u);
        ret->roots_pem = unpack_field32(&u, MESSAGE_ROOTS_MAX);
        ret->issuer_pem = unpack_field32(&u, MESSAGE_ROOTS_MAX);
        ret->crls_pem = unpack_field32(&u, MESSAGE_ROOTS_MAX);
        unpack_string(&u, ret->recorder, sizeof ret->recorder);
        ret->seal_cert = unpack_field16(&u, MESSAGE_CERT_MAX);
        ret->issuer_cert = unpack_field16(&u, MESSAGE_CERT_MAX);
        ret->root_cert = unpack_field16(&u, MESSAGE_CERT_MAX);
        ret->fragment_ms = unpack_u32(&u);
        ret->segment_s = unpack_u32(&u);
        ret->pace_ms = unpack_u32(&u);
        ret->idle_ms = unpack_u32(&u);
        ret->backoff_max_ms = unpack_u32(&u);
        ret->mbit_max = unpack_u32(&u);
        ret->patience_ms = unpack_u32(&u);
        ret->gate = unpack_u8(&u);
        ret->keep_ms = unpack_u32(&u);
        ret->gap_cause = unpack_u8(&u);
        ret->gap_from_us = unpack_i64(&u);
        if (ret->transport > CAMERA_PLAIN || ret->carrier > CAMERA_SNAPSHOT ||
                ret->gate > MESSAGE_GATE_WAIT || ret->keep_ms > RECORD_TERMS_PRE_MAX_S * 1000)
                u.bad = true;
        return message_parsed(&u, "assign", e);
}

int message_connect_pack(const struct message_connect *m, struct buf *out, struct err *e)
{
        struct pack p = pack_to(out);

        pack_u32(&p, m->id);
        pack_u8(&p, m->kind);
        pack_string(&p, m->host);
        pack_u16(&p, m->port);
        return message_packed(&p, "connect", e);
}

int message_connect_parse(struct bytes body, struct message_connect *ret, struct err *e)
{
        struct unpack u = unpack_of(body);
        struct message_connect m = { 0 };

        m.id = unpack_u32(&u);
        m.kind = unpack_u8(&u);
        unpack_string(&u, m.host, sizeof m.host);
        m.port = unpack_u16(&u);
        if (m.kind > CAMERA_SOCKET_DATAGRAMS)
                u.bad = true;
        int r = message_parsed(&u, "connect", e);
        if (r == 0)
                *ret = m;
        return r;
}

int message_connected_pack(const struct message_connected *m, struct buf *out, struct err *e)
{
        struct pack p = pack_to(out);

        pack_u32(&p, m->id);
        pack_u16(&p, m->port);
        return message_packed(&p, "connected", e);
}

int message_connected_parse(struct bytes body, struct message_connected *ret, struct err *e)
{
        struct unpack u = unpack_of(body);
        struct message_connected m = { 0 };

        m.id = unpack_u32(&u);
        m.port = unpack_u16(&u);
        int r = message_parsed(&u, "connected", e);
        if (r == 0)
                *ret = m;
        return r;
}

int message_not_connected_pack(uint32_t id, const struct err *why, struct buf *out, struct err *e)
{
        struct pack p = pack_to(out);

        pack_u32(&p, id);
        pack_u8(&p, (uint8_t)-why->code);
        pack_u8(&p, (uint8_t)why->fault);
        pack_string(&p, why->text);
        return message_packed(&p, "not connected", e);
}

int message_not_connected_parse(
        struct bytes body, uint32_t *ret_id, struct err *ret_why, struct err *e)
{
        struct unpack u = unpack_of(body);
        struct err why = { 0 };
        uint32_t id = unpack_u32(&u);
        unsigned fault;

        why.code = -(int)unpack_u8(&u);
        fault = unpack_u8(&u);
        unpack_string(&u, why.text, sizeof why.text);
        if (why.code > ERR_INVALID || why.code < ERR_INTERNAL || fault >= FAULTS)
                u.bad = true;
        int r = message_parsed(&u, "not connected", e);
        if (r < 0)
                return r;
        why.fault = (enum fault)fault;
        *ret_id = id;
        *ret_why = why;
        return 0;
}

int message_grant_pack(const struct message_grant *m, struct buf *out, struct err *e)
{
        struct pack p = pack_to(out);

        pack_u32(&p, m->watch);
        pack_string(&p, m->stream);
        pack_field16(&p, m->token);
        return message_packed(&p, "grant", e);
}

int message_grant_parse(struct bytes body, struct message_grant *ret, struct err *e)
{
        struct unpack u = unpack_of(body);
        struct message_grant m = { 0 };

        m.watch = unpack_u32(&u);
        unpack_string(&u, m.stream, sizeof m.stream);
        m.token = unpack_field16(&u, CAPABILITY_TOKEN_MAX);
        if (m.watch == 0)
                u.bad = true;
        int r = message_parsed(&u, "grant", e);
        if (r == 0)
                *ret = m;
        return r;
}

int message_granted_pack(uint32_t watch, struct bytes token, struct buf *out, struct err *e)
{
        struct pack p = pack_to(out);

        pack_u32(&p, watch);
        pack_field16(&p, token);
        return message_packed(&p, "granted", e);
}

int message_granted_parse(
        struct bytes body, uint32_t *ret_watch, struct bytes *ret_token, struct err *e)
{
        struct unpack u = unpack_of(body);
        uint32_t watch = unpack_u32(&u);
        struct bytes token = unpack_field16(&u, CAPABILITY_TOKEN_MAX);

        if (watch == 0)
                u.bad = true;
        int r = message_parsed(&u, "granted", e);
        if (r < 0)
                return r;
        *ret_watch = watch;
        *ret_token = token;
        return 0;
}

int message_state_pack(const struct message_state *m, struct buf *out, struct err *e)
{
        struct pack p = pack_to(out);

        pack_string(&p, m->stream);
        pack_u8(&p, m->state);
        pack_u8(&p, m->protection);
        pack_u8(&p, m->fault);
        pack_u8(&p, m->alarm);
        pack_i64(&p, m->alarm_since_us);
        pack_u16(&p, m->tls_version);
        pack_string(&p, m->tls_cipher);
        pack_bytes(&p, BYTES(m->camera_key, sizeof m->camera_key));
        pack_i64(&p, m->connected_us);
        pack_i64(&p, m->from_us);
        pack_i64(&p, m->until_us);
        pack_u64(&p, m->counters.clear_bytes);
        pack_u64(&p, m->counters.bytes);
        pack_u64(&p, m->counters.packets);
        pack_u64(&p, m->counters.lost_packets);
        pack_u64(&p, m->counters.units);
        pack_u64(&p, m->counters.connects);
        pack_string(&p, m->error);
        return message_packed(&p, "state", e);
}

int message_state_parse(struct bytes body, struct message_state *ret, struct err *e)
{
        struct unpack u = unpack_of(body);
        struct message_state m = { 0 };

        unpack_string(&u, m.stream, sizeof m.stream);
        m.state = unpack_u8(&u);
        m.protection = unpack_u8(&u);
        m.fault = unpack_u8(&u);
        m.alarm = unpack_u8(&u);
        m.alarm_since_us = unpack_i64(&u);
        m.tls_version = unpack_u16(&u);
        unpack_string(&u, m.tls_cipher, sizeof m.tls_cipher);
        unpack_copy(&u, m.camera_key, sizeof m.camera_key);
        m.connected_us = unpack_i64(&u);
        m.from_us = unpack_i64(&u);
        m.until_us = unpack_i64(&u);
        m.counters.clear_bytes = unpack_u64(&u);
        m.counters.bytes = unpack_u64(&u);
        m.counters.packets = unpack_u64(&u);
        m.counters.lost_packets = unpack_u64(&u);
        m.counters.units = unpack_u64(&u);
        m.counters.connects = unpack_u64(&u);
        unpack_string(&u, m.error, sizeof m.error);
        if (m.state > CAMERA_STOPPED || m.protection > PROTECTION_VERIFIED || m.fault >= FAULTS ||
                m.alarm >= FAULTS)
                u.bad = true;
        int r = message_parsed(&u, "state", e);
        if (r == 0)
                *ret = m;
        return r;
}

static void message_pack_gaps(struct pack *p, const struct seal_gap *gaps, unsigned n)
{
        pack_u8(p, (uint8_t)n);
        for (unsigned i = 0; i < n; i++) {
                pack_u8(p, gaps[i].cause);
                pack_i64(p, gaps[i].from_us);
                pack_i64(p, gaps[i].to_us);
                pack_u32(p, gaps[i].frames);
        }
}

int message_seal_request_pack(const struct seal *s, struct buf *out, struct err *e)
{
        struct pack p = pack_to(out);

        pack_u8(&p, s->flags & SEAL_LAST);
        pack_bytes(&p, BYTES(s->kid, sizeof s->kid));
        pack_bytes(&p, BYTES(s->header_hash, sizeof s->header_hash));
        pack_u32(&p, s->fragment);
        pack_i64(&p, s->first_arrival_us);
        pack_i64(&p, s->last_arrival_us);
        pack_i64(&p, s->sender_us);
        pack_u32(&p, s->moof_bytes);
        pack_bytes(&p, BYTES(s->moof_hash, sizeof s->moof_hash));
        pack_u8(&p, (uint8_t)s->tracks_n);
        for (unsigned i = 0; i < s->tracks_n; i++) {
                const struct seal_track *t = &s->tracks[i];
                pack_u32(&p, t->id);
                pack_u64(&p, t->decode_time);
                pack_u64(&p, t->duration);
                pack_u32(&p, t->samples);
                pack_u64(&p, t->bytes);
                pack_bytes(&p, BYTES(t->hash, sizeof t->hash));
        }
        message_pack_gaps(&p, s->gaps, s->gaps_n);
        return message_packed(&p, "seal request", e);
}

static void message_unpack_tracks(struct unpack *u, struct seal *s)
{
        s->tracks_n = unpack_u8(u);
        if (s->tracks_n > SEAL_TRACKS_MAX) {
                u->bad = true;
                return;
        }
        for (unsigned i = 0; i < s->tracks_n; i++) {
                struct seal_track *t = &s->tracks[i];
                t->id = unpack_u32(u);
                t->decode_time = unpack_u64(u);
                t->duration = unpack_u64(u);
                t->samples = unpack_u32(u);
                t->bytes = unpack_u64(u);
                unpack_copy(u, t->hash, sizeof t->hash);
        }
}

static unsigned message_unpack_gaps(struct unpack *u, struct seal_gap ret[static SEAL_GAPS_MAX])
{
        unsigned n = unpack_u8(u);

        if (n > SEAL_GAPS_MAX) {
                u->bad = true;
                return 0;
        }
        for (unsigned i = 0; i < n; i++) {
                ret[i].cause = unpack_u8(u);
                ret[i].from_us = unpack_i64(u);
                ret[i].to_us = unpack_i64(u);
                ret[i].frames = unpack_u32(u);
        }
        return n;
}

int message_seal_request_parse(struct bytes body, struct seal *ret, struct err *e)
{
        struct unpack u = unpack_of(body);
        struct seal s = { 0 };

        s.flags = unpack_u8(&u);
        unpack_copy(&u, s.kid, sizeof s.kid);
        unpack_copy(&u, s.header_hash, sizeof s.header_hash);
        s.fragment = unpack_u32(&u);
        s.first_arrival_us = unpack_i64(&u);
        s.last_arrival_us = unpack_i64(&u);
        s.sender_us = unpack_i64(&u);
        s.moof_bytes = unpack_u32(&u);
        unpack_copy(&u, s.moof_hash, sizeof s.moof_hash);
        if (s.flags & ~SEAL_LAST)
                u.bad = true;
        message_unpack_tracks(&u, &s);
        s.gaps_n = message_unpack_gaps(&u, s.gaps);
        int r = message_parsed(&u, "seal request", e);
        if (r == 0)
                *ret = s;
        return r;
}

int message_written_pack(
        const char *stream, const struct segment_writer_report *r, struct buf *out, struct err *e)
{
        struct pack p = pack_to(out);

        pack_string(&p, stream);
        pack_string(&p, r->object_key);
        pack_u64(&p, r->offset);
        pack_u64(&p, r->end);
        pack_i64(&p, r->first_arrival_us);
        pack_i64(&p, r->last_arrival_us);
        pack_bytes(&p, BYTES(r->epoch, sizeof r->epoch));
        pack_u64(&p, r->sequence);
        pack_bytes(&p, BYTES(r->seal_hash, sizeof r->seal_hash));
        pack_u32(&p, r->fragment);
        pack_u32(&p, r->samples_video);
        pack_u8(&p, r->last);
        message_pack_gaps(&p, r->gaps, r->gaps_n);
        return message_packed(&p, "written", e);
}

int message_written_parse(struct bytes body, char stream[static HEAD_PATH_MAX],
        struct segment_writer_report *ret, struct err *e)
{
        struct unpack u = unpack_of(body);
        struct segment_writer_report r = { 0 };

        unpack_string(&u, stream, HEAD_PATH_MAX);
        unpack_string(&u, r.object_key, sizeof r.object_key);
        r.offset = unpack_u64(&u);
        r.end = unpack_u64(&u);
        r.first_arrival_us = unpack_i64(&u);
        r.last_arrival_us = unpack_i64(&u);
        unpack_copy(&u, r.epoch, sizeof r.epoch);
        r.sequence = unpack_u64(&u);
        unpack_copy(&u, r.seal_hash, sizeof r.seal_hash);
        r.fragment = unpack_u32(&u);
        r.samples_video = unpack_u32(&u);
        r.last = message_unpack_bool(&u);
        r.gaps_n = message_unpack_gaps(&u, r.gaps);
        int done = message_parsed(&u, "written", e);
        if (done == 0)
                *ret = r;
        return done;
}
