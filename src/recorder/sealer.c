/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recorder/sealer.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/pack.h"
#include "base/str.h"
#include "base/table.h"
#include "crypto/random.h"
#include "crypto/x509.h"
#include "os/chan.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/proc.h"
#include "os/role.h"
#include "recorder/confine.h"
#include "recorder/message.h"
#include "recorder/notary.h"
#include "recorder/sealer_grants.h"
#include "recorder/sealer_keys.h"
#include "recorder/state_dir.h"
#include "vault/key_store.h"

#define SEALER_LINGER_MS 2000 /* for the last fragments of workers, when the parent is gone */

struct sealer {
        struct loop *loop;
        struct chan *parent, *supervisor;
        struct timer linger;
        struct sign_key *key;
        struct state_dir_certs certs;
        struct key_store_recipient recipients[KEY_STORE_RECIPIENTS_MAX];
        unsigned recipients_n;
        uint8_t epoch[16];
        struct sealer_grants *grants;
        struct sealer_keys *keys;
        struct table streams;
        unsigned open_channels;
        struct buf out; /* one message under construction */
};

struct sealer_stream {
        struct sealer *sealer;
        struct chan *chan; /* NULL while no worker writes the stream */
        struct notary notary;
        char hour[KEY_STORE_HOUR_ROOM]; /* of hour_key; empty before the first */
        char key_path[HEAD_KEY_MAX];
        uint8_t hour_key[32], hour_key_id[16];
        bool key_durable, asked; /* asked: a worker waits for a segment key */
};

static void sealer_end_stream(struct sealer_stream *t)
{
        if (!t->chan)
                return;
        t->chan = chan_free(t->chan);
        t->asked = false;
        t->sealer->open_channels--;
        if (!t->sealer->parent && t->sealer->open_channels == 0)
                loop_stop(t->sealer->loop);
}

static int sealer_send(struct sealer_stream *t, uint16_t type, struct err *e)
{
        int r = chan_send(t->chan, type, buf_bytes(&t->sealer->out), NULL, 0, e);

        explicit_bzero(t->sealer->out.p, t->sealer->out.n);
        return r;
}

static int sealer_give_key(struct sealer_stream *t, struct err *e)
{
        const struct notary_segment *segment = notary_draw(&t->notary, t->hour_key);

        buf_clear(&t->sealer->out);
        struct pack p = pack_to(&t->sealer->out);
        pack_bytes(&p, BYTES(segment->kid, 16));
        pack_bytes(&p, BYTES(t->hour_key_id, 16));
        pack_bytes(&p, BYTES(segment->key, 16));
        t->asked = false;
        return p.bad ? err_set(e, ERR_EXHAUSTED, "segment key")
                     : sealer_send(t, MESSAGE_SEGMENT_KEY, e);
}

/* A new hour key: wrapped first and made durable by the parent; only then anything is encrypted
 * under it. */
static int sealer_new_hour(struct sealer_stream *t, const char *hour, struct err *e)
{
        struct sealer *s = t->sealer;
        struct buf text;

        if (!s->parent)
                return err_set(e, ERR_UNAVAILABLE, "the recorder's parent is gone");
        random_bytes(t->hour_key, sizeof t->hour_key);
        seal_hour_key_id(t->hour_key, t->notary.stream, t->hour_key_id);
        snprintf(t->hour, sizeof t->hour, "%s", hour);
        t->key_durable = false;
        key_store_path(t->notary.stream, hour, t->hour_key_id, t->key_path, sizeof t->key_path);
        buf_init(&text, KEY_STORE_FILE_MAX);
        int r = key_store_wrap(
                t->notary.stream, hour, t->hour_key, s->recipients, s->recipients_n, &text, e);
        if (r == 0) {
                buf_clear(&s->out);
                struct pack p = pack_to(&s->out);
                pack_string(&p, t->notary.stream);
                pack_string(&p, t->key_path);
                pack_field32(&p, buf_bytes(&text));
                r = chan_send(s->parent, MESSAGE_KEY_STORE, buf_bytes(&s->out), NULL, 0, e);
        }
        buf_done(&text);
        return r;
}

static int sealer_on_segment_open(struct sealer_stream *t, struct err *e)
{
        char hour[KEY_STORE_HOUR_ROOM];

        t->asked = true;
        key_store_hour(clock_wall_us(), hour);
        if (strcmp(hour, t->hour) != 0)
                return sealer_new_hour(t, hour, e);
        return t->key_durable ? sealer_give_key(t, e) : 0;
}

static int sealer_refuse(struct sealer_stream *t, const struct err *why, struct err *e)
{
        log_warn(NULL, "seal.refused", "err=\"%s\"", why->text);
        buf_clear(&t->sealer->out);
        struct pack p = pack_to(&t->sealer->out);
        pack_string(&p, why->text);
        return sealer_send(t, MESSAGE_REFUSED, e);
}

static int sealer_on_seal(struct sealer_stream *t, struct bytes body, struct err *e)
{
        struct sealer *s = t->sealer;
        struct seal request;
        struct err why;

        int r = message_seal_request_parse(body, &request, e);
        if (r < 0)
                return r;
        buf_clear(&s->out);
        r = notary_seal(
                &t->notary, &request, clock_wall_us(), clock_boot_us(), s->key, &s->out, &why);
        return r < 0 ? sealer_refuse(t, &why, e) : sealer_send(t, MESSAGE_SEALED, e);
}

static int sealer_on_worker(void *owner, struct chan *c, struct chan_message *m, struct err *e)
{
        struct sealer_stream *t = owner;

        (void)c;
        if (m->fds_n)
                return err_set(e, ERR_PROTOCOL, "a descriptor for the sealer");
        switch (m->type) {
        case MESSAGE_SEGMENT_OPEN:
                return m->body.n ? err_set(e, ERR_PROTOCOL, "segment open: malformed message")
                                 : sealer_on_segment_open(t, e);
        case MESSAGE_SEAL:
                return sealer_on_seal(t, m->body, e);
        default:
                return err_set(e, ERR_PROTOCOL, "message %u is not for the sealer", m->type);
        }
}

static void sealer_on_worker_end(void *owner, struct chan *c, const struct err *e)
{
        struct sealer_stream *t = owner;

        (void)c;
        if (e->code == ERR_PROTOCOL)
                log_warn(NULL, "seal.channel_refused", "stream=%s err=\"%s\"", t->notary.stream,
                        e->text);
        sealer_end_stream(t);
}

static struct sealer_stream *sealer_stream(struct sealer *s, const char *path)
{
        struct sealer_stream *t = table_get(&s->streams, path);

        if (!t) {
                t = xcalloc(1, sizeof *t);
                t->sealer = s;
                notary_init(&t->notary, path, s->epoch);
                table_put(&s->streams, path, t);
        }
        return t;
}

static int sealer_on_stream_open(struct sealer *s, struct chan_message *m, struct err *e)
{
        static const struct chan_events events = { sealer_on_worker, sealer_on_worker_end };
        struct message_stream_open open;
        struct err why;

        int r = message_stream_open_parse(m->body, &open, e);
        if (r < 0 || m->fds_n != 1)
                return r < 0 ? r : err_set(e, ERR_PROTOCOL, "stream open without its channel");
        struct sealer_stream *t = sealer_stream(s, open.stream);
        sealer_end_stream(t);
        if (notary_open(&t->notary, &open.last, open.last_arrival_us, &why) < 0) {
                log_error(NULL, "seal.stream_refused", "err=\"%s\"", why.text);
                return 0; /* its channel is closed with the message */
        }
        t->chan = chan_new(s->loop, m->fds[0], &events, t);
        m->fds[0] = -1;
        s->open_channels++;
        return 0;
}

static int sealer_on_key_stored(struct sealer *s, struct bytes body, struct err *e)
{
        struct unpack u = unpack_of(body);
        char stream[HEAD_PATH_MAX], path[HEAD_KEY_MAX];

        unpack_string(&u, stream, sizeof stream);
        unpack_string(&u, path, sizeof path);
        if (!unpack_complete(&u))
                return err_set(e, ERR_PROTOCOL, "key stored: malformed message");
        struct sealer_stream *t = table_get(&s->streams, stream);
        if (!t || strcmp(t->key_path, path) != 0)
                return 0; /* of an hour that is over */
        t->key_durable = true;
        if (t->asked && t->chan)
                (void)sealer_give_key(t, NULL); /* a broken channel ends by itself */
        return 0;
}

static int sealer_on_durable(struct sealer *s, struct bytes body, struct err *e)
{
        struct unpack u = unpack_of(body);
        char stream[HEAD_PATH_MAX];
        uint8_t epoch[16];

        unpack_string(&u, stream, sizeof stream);
        unpack_copy(&u, epoch, sizeof epoch);
        uint64_t sequence = unpack_u64(&u);
        if (!unpack_complete(&u))
                return err_set(e, ERR_PROTOCOL, "durable: malformed message");
        struct sealer_stream *t = table_get(&s->streams, stream);
        if (t)
                notary_durable(&t->notary, epoch, sequence);
        return 0;
}

/* Grants */

static void sealer_not_granted(struct sealer *s, uint32_t watch, const struct err *why)
{
        struct err e;

        buf_clear(&s->out);
        if (s->parent && (message_not_connected_pack(watch, why, &s->out, &e) < 0 ||
                                 chan_send(s->parent, MESSAGE_NOT_GRANTED, buf_bytes(&s->out), NULL,
                                         0, &e) < 0))
                log_error(NULL, "sealer.parent_unreachable", "err=\"%s\"", e.text);
}

/* Its line is durable: now the worker may send. It judges the token again by itself. */
static void sealer_granted(struct sealer *s, const struct sealer_grants_answer *a)
{
        struct sealer_stream *t = table_get(&s->streams, a->stream);
        struct err why;

        buf_clear(&s->out);
        int r = t && t->chan ? message_granted_pack(a->watch, a->token, &s->out, &why)
                             : err_set(&why, ERR_UNAVAILABLE, "no worker has %s now: ask again",
                                       a->stream);
        if (r == 0)
                r = chan_send(t->chan, MESSAGE_GRANTED, buf_bytes(&s->out), NULL, 0, &why);
        if (r < 0)
                sealer_not_granted(s, a->watch, &why);
}

static void sealer_on_taken(void *owner, const struct sealer_grants_answer *a)
{
        if (a->c)
                sealer_granted(owner, a);
        else
                sealer_not_granted(owner, a->watch, a->why);
}

static int sealer_on_grant(struct sealer *s, struct bytes body, struct err *e)
{
        struct message_grant m;

        int r = message_grant_parse(body, &m, e);
        if (r == 0)
                sealer_grants_take(s->grants, m.watch, m.stream, CAPABILITY_LIVE, m.token,
                        clock_wall_us(), sealer_on_taken, s);
        return r;
}

/* One that is not good changes nothing; an honest parent may not know what it passes on. */
static void sealer_on_crls(struct sealer *s, struct bytes body)
{
        struct err e;

        if (sealer_grants_crls(s->grants, body, &e) < 0)
                log_warn(NULL, "grants.list_refused", "err=\"%s\"", e.text);
}

static int sealer_on_parent(void *owner, struct chan *c, struct chan_message *m, struct err *e)
{
        struct sealer *s = owner;

        (void)c;
        switch (m->type) {
        case MESSAGE_STREAM_OPEN:
                return sealer_on_stream_open(s, m, e);
        case MESSAGE_KEY_STORED:
                return sealer_on_key_stored(s, m->body, e);
        case MESSAGE_DURABLE:
                return sealer_on_durable(s, m->body, e);
        case MESSAGE_GRANT:
                return sealer_on_grant(s, m->body, e);
        case MESSAGE_CRLS:
                sealer_on_crls(s, m->body);
                return 0;
        default:
                return err_set(e, ERR_PROTOCOL, "message %u from the parent", m->type);
        }
}

/* Key channels come from the supervisor alone, which made them for a player that it began: the
 * parent could stand in the middle of one. */
static int sealer_on_supervisor(void *owner, struct chan *c, struct chan_message *m, struct err *e)
{
        struct sealer *s = owner;

        (void)c;
        if (m->type != MESSAGE_KEY_CHANNEL || m->body.n || m->fds_n != 1)
                return err_set(e, ERR_PROTOCOL, "message %u from the supervisor", m->type);
        sealer_keys_add(s->keys, m->fds[0]);
        m->fds[0] = -1;
        return 0;
}

static void sealer_on_supervisor_end(void *owner, struct chan *c, const struct err *e)
{
        struct sealer *s = owner;

        log_info(NULL, "sealer.supervisor_gone", "err=\"%s\"", e->text);
        s->supervisor = chan_free(c);
}

static void sealer_on_linger(void *owner)
{
        struct sealer *s = owner;

        loop_stop(s->loop);
}

static void sealer_on_parent_end(void *owner, struct chan *c, const struct err *e)
{
        struct sealer *s = owner;

        log_info(NULL, "sealer.parent_gone", "err=\"%s\"", e->text);
        s->parent = chan_free(c);
        if (s->open_channels == 0)
                loop_stop(s->loop);
        else
                timer_start(&s->linger, s->loop, SEALER_LINGER_MS, 0, sealer_on_linger, s);
}

static int sealer_hello(struct sealer *s, struct err *e)
{
        struct message_hello hello = { .version = MESSAGE_VERSION,
                .seal_cert = buf_bytes(&s->certs.seal),
                .issuer_cert = buf_bytes(&s->certs.issuer),
                .root_cert = buf_bytes(&s->certs.root) };

        memcpy(hello.epoch, s->epoch, sizeof hello.epoch);
        buf_clear(&s->out);
        int r = message_hello_pack(&hello, &s->out, e);
        return r < 0 ? r
                     : chan_send(s->parent, MESSAGE_SEALER_HELLO, buf_bytes(&s->out), NULL, 0, e);
}

static int sealer_load(struct sealer *s, const char *state, struct err *e)
{
        int r = state_dir_read_seal_key(state, &s->key, e);
        if (r == 0)
                r = state_dir_read_certs(state, &s->certs, e);
        if (r == 0)
                r = state_dir_read_recipients(state, s->recipients, &s->recipients_n, e);
        return r;
}

static void sealer_free(struct sealer *s)
{
        struct sealer_stream *t;
        size_t at = 0;

        s->grants = sealer_grants_free(s->grants);
        s->keys = sealer_keys_free(s->keys);
        while ((t = table_next(&s->streams, &at))) {
                t->chan = chan_free(t->chan);
                notary_done(&t->notary);
                explicit_bzero(t, sizeof *t);
                free(t);
        }
        table_done(&s->streams);
        timer_done(&s->linger);
        s->parent = chan_free(s->parent);
        s->supervisor = chan_free(s->supervisor);
        sign_key_free(s->key);
        state_dir_certs_done(&s->certs);
        buf_done(&s->out);
        loop_free(s->loop);
}

int sealer_main(int argc, char **argv)
{
        static const struct chan_events events = { sealer_on_parent, sealer_on_parent_end };
        static const struct chan_events by_supervisor = { sealer_on_supervisor,
                sealer_on_supervisor_end };
        struct sealer s = { 0 };
        struct role_options options;
        struct err e;

        if (role_start("sealer", argc, argv, &options, &e) < 0)
                return confine_failed(&e);
        buf_init(&s.out, CHAN_BODY_MAX);
        random_bytes(s.epoch, sizeof s.epoch);
        int r = sealer_load(&s, options.state, &e);
        s.loop = loop_new();
        s.grants = sealer_grants_open(options.state, s.loop);
        s.keys = sealer_keys_open(options.state, s.loop, s.grants);
        if (r == 0) {
                s.parent = chan_new(s.loop, PROC_FIRST_FD, &events, &s);
                s.supervisor = chan_new(s.loop, PROC_FIRST_FD + 1, &by_supervisor, &s);
                r = confine_role(SANDBOX_SEALER, NULL, 0, &e);
        }
        if (r == 0)
                r = sealer_hello(&s, &e);
        if (r == 0)
                loop_run(s.loop);
        else
                confine_failed(&e);
        sealer_free(&s);
        return r < 0 ? 1 : 0;
}
