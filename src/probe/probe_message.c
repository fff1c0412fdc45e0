/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "probe/probe_message.h"

#include <stdio.h>

#include "base/pack.h"
#include "proto/url.h"

/* What is sent and read here is printable already; what took the prober over may send anything. */
static void probe_message_print(char *text)
{
        for (char *at = text; *at; at++)
                if (*at < ' ' || *at > '~')
                        *at = '?';
}

/* ---- what is asked for ---- */

static int probe_message_words(const struct probe_options *o, struct probe_look *l, struct err *e)
{
        struct url url;
        int r = url_parse(o->url, &url, e);

        if (r < 0)
                return r;
        bool http = url.scheme == URL_HTTP || url.scheme == URL_HTTPS;
        int transport = camera_transport_find(o->transport ? o->transport
                                              : o->pin     ? "tls-pinned"
                                                           : "tls");
        int carrier = camera_carrier_find(o->carrier ? o->carrier
                                          : http     ? "tunnel"
                                                     : "interleaved");
        if (transport < 0)
                return err_set(e, ERR_INVALID,
                        "the transport is one of tls, tls-pinned, tls-if-available, plain");
        if (carrier < 0)
                return err_set(e, ERR_INVALID,
                        "the carrier is one of interleaved, tunnel, udp, mjpeg, snapshot");
        if ((transport == CAMERA_TLS_PINNED) != (o->pin != NULL))
                return err_set(e, ERR_INVALID, "tls-pinned and a pin belong together");
        l->transport = (enum camera_transport)transport;
        l->carrier = (enum camera_carrier)carrier;
        return 0;
}

int probe_message_look_of(const struct probe_options *o, struct probe_look *ret, struct err *e)
{
        struct probe_look l = { .pinned = o->pin != NULL,
                .roots_pem = o->roots_pem,
                .issuer_pem = o->issuer_pem,
                .crls_pem = o->crls_pem,
                .without_audio = o->without_audio,
                .brief = o->brief,
                .seconds = o->seconds };
        int r = probe_message_words(o, &l, e);

        if (r < 0)
                return r;
        if (strlen(o->url) >= sizeof l.url || (o->user && strlen(o->user) >= sizeof l.user))
                return err_set(e, ERR_INVALID, "url or user is too long");
        snprintf(l.url, sizeof l.url, "%s", o->url);
        snprintf(l.user, sizeof l.user, "%s", o->user ? o->user : "");
        if (o->pin)
                memcpy(l.pin, o->pin, sizeof l.pin);
        if (o->password)
                r = secret_set(&l.password, secret_bytes(o->password), e);
        if (r == 0)
                *ret = l;
        secret_done(&l.password);
        return r;
}

int probe_message_pack_look(const struct probe_look *l, struct buf *out, struct err *e)
{
        struct pack p = pack_to(out);

        pack_string(&p, l->url);
        pack_string(&p, l->user);
        pack_field16(&p, secret_bytes(&l->password));
        pack_u8(&p, (uint8_t)l->transport);
        pack_u8(&p, (uint8_t)l->carrier);
        pack_u8(&p, l->pinned);
        pack_bytes(&p, BYTES(l->pin, sizeof l->pin));
        pack_field32(&p, l->roots_pem);
        pack_field32(&p, l->issuer_pem);
        pack_field32(&p, l->crls_pem);
        pack_u8(&p, l->without_audio);
        pack_u8(&p, l->brief);
        pack_u32(&p, l->seconds);
        return p.bad ? err_set(e, ERR_EXHAUSTED, "url, user and certificates are too long") : 0;
}

int probe_message_unpack_look(struct bytes body, struct probe_look *ret, struct err *e)
{
        struct unpack u = unpack_of(body);
        struct probe_look l = { 0 };

        unpack_string(&u, l.url, sizeof l.url);
        unpack_string(&u, l.user, sizeof l.user);
        struct bytes password = unpack_field16(&u, SECRET_MAX);
        unsigned transport = unpack_u8(&u), carrier = unpack_u8(&u);
        l.pinned = unpack_u8(&u) != 0;
        unpack_copy(&u, l.pin, sizeof l.pin);
        l.roots_pem = unpack_field32(&u, PROBE_PEM_MAX);
        l.issuer_pem = unpack_field32(&u, PROBE_PEM_MAX);
        l.crls_pem = unpack_field32(&u, PROBE_PEM_MAX);
        l.without_audio = unpack_u8(&u) != 0;
        l.brief = unpack_u8(&u) != 0;
        l.seconds = unpack_u32(&u);
        if (!unpack_complete(&u) || transport > CAMERA_PLAIN || carrier > CAMERA_SNAPSHOT ||
                l.seconds < 1 || l.seconds > PROBE_SECONDS_MAX)
                return err_set(e, ERR_PROTOCOL, "what is to be looked at is malformed");
        l.transport = (enum camera_transport)transport;
        l.carrier = (enum camera_carrier)carrier;
        int r = secret_set(&l.password, password, e);
        if (r == 0)
                *ret = l;
        secret_done(&l.password);
        return r;
}

/* ---- what is told ---- */

int probe_message_unpack_step(struct bytes body, char name[static PROBE_NAME_ROOM],
        char text[static PROBE_TEXT_ROOM], struct err *e)
{
        struct unpack u = unpack_of(body);

        unpack_string(&u, name, PROBE_NAME_ROOM);
        unpack_string(&u, text, PROBE_TEXT_ROOM);
        if (!unpack_complete(&u))
                return err_set(e, ERR_PROTOCOL, "the confined half said something malformed");
        probe_message_print(name);
        probe_message_print(text);
        return 0;
}

static void probe_message_failure(struct pack *p, const struct err *why)
{
        pack_u8(p, (uint8_t)-why->code);
        pack_u8(p, (uint8_t)why->fault);
        pack_string(p, why->code ? why->text : "");
}

static struct err probe_message_why(struct unpack *u)
{
        struct err why = { .code = -(int)unpack_u8(u) };
        unsigned fault = unpack_u8(u);

        unpack_string(u, why.text, sizeof why.text);
        if (fault >= FAULTS)
                u->bad = true;
        else
                why.fault = (enum fault)fault;
        return why;
}

int probe_message_pack_failure(const struct err *why, struct buf *out, struct err *e)
{
        struct pack p = pack_to(out);

        probe_message_failure(&p, why);
        return p.bad ? err_set(e, ERR_EXHAUSTED, "the reason is too long") : 0;
}

int probe_message_unpack_failure(struct bytes body, struct err *ret_why, struct err *e)
{
        struct unpack u = unpack_of(body);
        const struct err why = probe_message_why(&u);

        if (!unpack_complete(&u) || why.code == 0)
                return err_set(e, ERR_PROTOCOL, "a reason that is malformed");
        *ret_why = why;
        return 0;
}

static void probe_message_certificate(struct pack *p, const struct tls_seen *s)
{
        pack_string(p, s->subject);
        pack_string(p, s->issuer);
        pack_string(p, s->names);
        pack_bytes(p, BYTES(s->key, sizeof s->key));
        pack_i64(p, s->from_us);
        pack_i64(p, s->until_us);
        pack_u8(p, s->self_signed);
        pack_u8(p, s->chain);
        pack_u8(p, s->name);
        pack_u8(p, s->dates);
        pack_u8(p, s->strength);
}

static struct tls_seen probe_message_seen(struct unpack *u)
{
        struct tls_seen s = { 0 };

        unpack_string(u, s.subject, sizeof s.subject);
        unpack_string(u, s.issuer, sizeof s.issuer);
        unpack_string(u, s.names, sizeof s.names);
        probe_message_print(s.subject);
        probe_message_print(s.issuer);
        probe_message_print(s.names);
        unpack_copy(u, s.key, sizeof s.key);
        s.from_us = unpack_i64(u);
        s.until_us = unpack_i64(u);
        s.self_signed = unpack_u8(u) != 0;
        s.chain = unpack_u8(u) != 0;
        s.name = unpack_u8(u) != 0;
        s.dates = unpack_u8(u) != 0;
        s.strength = unpack_u8(u) != 0;
        return s;
}

int probe_message_pack_result(const struct probe_result *r, struct buf *out, struct err *e)
{
        struct pack p = pack_to(out);

        pack_u8(&p, r->plays);
        pack_u8(&p, r->key_frame);
        probe_message_failure(&p, &r->why);
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
        pack_u8(&p, r->has_certificate);
        if (r->has_certificate)
                probe_message_certificate(&p, &r->certificate);
        return p.bad ? err_set(e, ERR_EXHAUSTED, "the result is too long") : 0;
}

int probe_message_unpack_result(struct bytes body, struct probe_result *ret, struct err *e)
{
        struct unpack u = unpack_of(body);
        struct probe_result r = { 0 };

        r.plays = unpack_u8(&u) != 0;
        r.key_frame = unpack_u8(&u) != 0;
        r.why = probe_message_why(&u);
        probe_message_print(r.why.text);
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
        r.has_certificate = unpack_u8(&u) != 0;
        if (r.has_certificate)
                r.certificate = probe_message_seen(&u);
        if (!unpack_complete(&u))
                return err_set(e, ERR_PROTOCOL, "the confined half's result is malformed");
        *ret = r;
        return 0;
}
