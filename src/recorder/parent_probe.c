/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recorder/parent_probe.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/pack.h"
#include "base/str.h"
#include "os/chan.h"
#include "os/clock.h"
#include "probe/probe_message.h"
#include "proto/url.h"
#include "recorder/connect_policy.h"
#include "recorder/parent.h"
#include "seal/head.h"

/* What is told of one look: an answer has room for so much of it, also where each character takes
 * two. */
#define PARENT_PROBE_TOLD_MAX (40u << 10)
/* A look needs two connections at most, and two more where it falls back. A prober that asks for
 * more is not its own master. */
#define PARENT_PROBE_SOCKETS_MAX 6

struct parent_probe {
        struct parent_probes *all;
        uint32_t number; /* 0: free */
        struct parent_status_ticket ticket;
        struct url url;
        struct buf look; /* PROBE_LOOK, with the password, until the prober has it */
        struct parent_connect_client client;
        unsigned kinds, sockets; /* which it may ask for (1 << kind); how many it has asked for */
        struct chan *prober;     /* NULL until the supervisor has begun it */
        struct timer deadline;
        int64_t began_us, connect_us; /* boot clock */
        json_t *steps;
        size_t told; /* bytes in them */
};

struct parent_probes {
        struct parent *parent;
        uint32_t last;
        struct parent_probe probes[PARENT_PROBE_MAX];
};

/* --- its end --- */

static void parent_probe_wipe(struct parent_probe *b)
{
        if (b->look.p)
                explicit_bzero(b->look.p, b->look.n);
        buf_done(&b->look);
}

static void parent_probe_over(struct parent_probe *b)
{
        parent_connect_forget(b->all->parent->connect, &b->client);
        timer_done(&b->deadline);
        b->prober = chan_free(b->prober);
        parent_probe_wipe(b);
        json_decref(b->steps);
        *b = (struct parent_probe){ .all = b->all };
}

static void parent_probe_fail(struct parent_probe *b, const struct err *why)
{
        parent_status_answer(b->all->parent, &b->ticket, NULL, why);
        parent_probe_over(b);
}

/* --- what is answered --- */

static json_t *parent_probe_time(int64_t wall_us)
{
        char text[STR_TIME_ROOM];

        return wall_us > 0 ? json_string(str_time(text, wall_us)) : json_null();
}

static json_t *parent_probe_certificate(const struct probe_result *r)
{
        const struct tls_seen *s = &r->certificate;
        char key[65];

        if (!r->has_certificate)
                return json_null();
        json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:b}", "subject", s->subject, "issuer",
                s->issuer, "names", s->names, "key", str_hex(key, BYTES(s->key, 32)), "self_signed",
                (int)s->self_signed);
        json_object_set_new(o, "from", parent_probe_time(s->from_us));
        json_object_set_new(o, "until", parent_probe_time(s->until_us));
        json_object_set_new(o, "checks",
                json_pack("{s:b, s:b, s:b, s:b}", "chain", (int)s->chain, "name", (int)s->name,
                        "date", (int)s->dates, "key", (int)s->strength));
        return o;
}

static json_t *parent_probe_count(uint64_t n)
{
        return json_integer((json_int_t)(n & INT64_MAX));
}

static json_t *parent_probe_answer(const struct parent_probe *b, const struct probe_result *r)
{
        bool good = r->plays && r->key_frame && r->why.code == 0;
        uint64_t ms = r->received_us / 1000;
        json_t *o = json_pack("{s:b, s:s, s:O, s:s, s:s, s:s, s:s}", "good", (int)good, "recorder",
                b->all->parent->recorder, "steps", b->steps, "fault", fault_name(r->why.fault),
                "meaning", fault_text(r->why.fault), "text",
                good          ? ""
                : r->why.code ? r->why.text
                              : "nothing came that could be recorded",
                "remedy", fault_remedy(r->why.fault));

        json_object_set_new(o, "protection",
                json_string(r->plays ? protection_name((enum protection)r->protection) : ""));
        json_object_set_new(o, "certificate", parent_probe_certificate(r));
        json_object_set_new(o, "width", parent_probe_count(r->width));
        json_object_set_new(o, "height", parent_probe_count(r->height));
        json_object_set_new(o, "fps", json_real(r->framerate_milli / 1000.0));
        json_object_set_new(o, "kbit_s", parent_probe_count(ms ? r->bytes / ms * 8 : 0));
        json_object_set_new(o, "packets", parent_probe_count(r->packets));
        json_object_set_new(o, "lost_packets", parent_probe_count(r->lost_packets));
        json_object_set_new(o, "frames", parent_probe_count(r->units));
        json_object_set_new(o, "clock_offset_ms",
                r->has_clock ? json_integer(r->clock_offset_us / 1000) : json_null());
        return o;
}

static void parent_probe_tell(struct parent_probe *b, const struct probe_result *r)
{
        log_info(NULL, "probe.over", "host=%s port=%u fault=%s ms=%lld", b->url.host, b->url.port,
                fault_name(r->why.fault), (long long)(clock_boot_us() - b->began_us) / 1000);
        parent_status_answer(b->all->parent, &b->ticket, parent_probe_answer(b, r), NULL);
        parent_probe_over(b);
}

static void parent_probe_on_deadline(void *owner)
{
        struct parent_probe *b = owner;
        struct probe_result r = { 0 };
        struct err why;

        if (!b->prober) {
                err_set(&why, ERR_UNAVAILABLE, "camera.test: no process for it has begun");
                parent_probe_fail(b, &why);
                return;
        }
        err_fault(&r.why, ERR_TIMEOUT, FAULT_TEST_TIMEOUT, "there was no picture within %d s",
                PARENT_PROBE_MS / 1000);
        parent_probe_tell(b, &r);
}

/* --- steps --- */

static void parent_probe_step(struct parent_probe *b, const char *name, const char *text)
{
        size_t n = strlen(name) + strlen(text) + 32;

        if (b->told + n > PARENT_PROBE_TOLD_MAX)
                return;
        b->told += n;
        json_array_append_new(b->steps, json_pack("{s:s, s:s}", "step", name, "text", text));
}

static int parent_probe_on_step(struct parent_probe *b, struct bytes body, struct err *e)
{
        char name[PROBE_NAME_ROOM], text[PROBE_TEXT_ROOM];
        int r = probe_message_unpack_step(body, name, text, e);

        if (r == 0)
                parent_probe_step(b, name, text);
        return r;
}

/* --- its sockets --- */

/* The channel's end says it where that fails. */
static void parent_probe_send(
        struct parent_probe *b, uint16_t type, struct bytes body, const int *fds, unsigned fds_n)
{
        struct err e;

        if (b->prober && chan_send(b->prober, type, body, fds, fds_n, &e) < 0)
                log_warn(NULL, "prober.unreachable", "message=%u err=\"%s\"", type, e.text);
}

/* By which address of the name it was reached. */
static void parent_probe_say_connected(struct parent_probe *b, int fd)
{
        union {
                struct sockaddr any;
                struct sockaddr_in v4;
                struct sockaddr_in6 v6;
        } peer = { 0 };
        socklen_t n = sizeof peer;
        char address[INET6_ADDRSTRLEN], text[PROBE_TEXT_ROOM];

        if (getpeername(fd, &peer.any, &n) < 0)
                return;
        const bool v4 = peer.any.sa_family == AF_INET;
        const void *bytes = v4 ? (const void *)&peer.v4.sin_addr : &peer.v6.sin6_addr;
        if (!inet_ntop(peer.any.sa_family, bytes, address, sizeof address))
                return;
        if (!connect_policy_is_literal(b->url.host)) {
                snprintf(text, sizeof text, "%s is %s", b->url.host, address);
                parent_probe_step(b, "name", text);
        }
        snprintf(text, sizeof text, "%s port %u in %lld ms", address,
                ntohs(v4 ? peer.v4.sin_port : peer.v6.sin6_port),
                (long long)(clock_boot_us() - b->connect_us) / 1000);
        parent_probe_step(b, "connect", text);
}

static void parent_probe_made(struct parent_connect_client *client, enum camera_socket kind,
        const int *fds, unsigned fds_n, uint16_t port)
{
        struct parent_probe *b = client->owner;
        const uint8_t body[2] = { (uint8_t)(port >> 8), (uint8_t)port };

        if (kind != CAMERA_SOCKET_DATAGRAMS)
                parent_probe_say_connected(b, fds[0]);
        if (kind == CAMERA_SOCKET_DATAGRAMS)
                parent_probe_send(b, PROBE_DATAGRAMS, BYTES(body, 2), fds, fds_n);
        else
                parent_probe_send(b, PROBE_SOCKET, BYTES(NULL, 0), fds, fds_n);
}

static void parent_probe_failed(
        struct parent_connect_client *client, enum camera_socket kind, const struct err *why)
{
        struct parent_probe *b = client->owner;
        struct buf *out = &b->all->parent->out;
        char text[PROBE_TEXT_ROOM];

        snprintf(text, sizeof text, "%s port %u: no", b->url.host,
                kind == CAMERA_SOCKET_FALLBACK ? client->fallback_port : client->port);
        if (kind != CAMERA_SOCKET_DATAGRAMS)
                parent_probe_step(b, "connect", text);
        buf_clear(out);
        if (probe_message_pack_failure(why, out, NULL) == 0)
                parent_probe_send(b, PROBE_NO_SOCKET, buf_bytes(out), NULL, 0);
}

/* Host and ports are the URL's, as the manager gave it: the prober can ask for nothing else. */
static int parent_probe_on_socket(struct parent_probe *b, struct bytes body, struct err *e)
{
        unsigned kind = body.n == 1 ? body.p[0] : UINT8_MAX;

        if (kind > CAMERA_SOCKET_DATAGRAMS || !(b->kinds & 1u << kind) ||
                ++b->sockets > PARENT_PROBE_SOCKETS_MAX)
                return err_set(e, ERR_PROTOCOL, "a prober that asks for socket %u of kind %u",
                        b->sockets, kind);
        b->connect_us = clock_boot_us();
        parent_connect_ask_for(b->all->parent->connect, &b->client, (enum camera_socket)kind);
        return 0;
}

/* --- the prober --- */

static int parent_probe_on_prober(
        void *owner, struct chan *c, struct chan_message *m, struct err *e)
{
        struct parent_probe *b = owner;
        struct probe_result result;
        int r;

        (void)c;
        if (m->fds_n)
                return err_set(e, ERR_PROTOCOL, "a descriptor from a prober");
        switch (m->type) {
        case PROBE_STEP:
                return parent_probe_on_step(b, m->body, e);
        case PROBE_NEED_SOCKET:
                return parent_probe_on_socket(b, m->body, e);
        case PROBE_RESULT:
                r = probe_message_unpack_result(m->body, &result, e);
                if (r == 0)
                        parent_probe_tell(b, &result);
                return r;
        default:
                return err_set(e, ERR_PROTOCOL, "message %u from a prober", m->type);
        }
}

static void parent_probe_on_prober_end(void *owner, struct chan *c, const struct err *e)
{
        struct parent_probe *b = owner;
        struct err why;

        log_warn(NULL, "prober.gone", "host=%s err=\"%s\"", b->url.host, e->text);
        b->prober = chan_free(c);
        err_set(&why, ERR_INTERNAL,
                "camera.test: the process that read what the camera sent ended: please report it");
        parent_probe_fail(b, &why);
}

void parent_probe_attach(struct parent_probes *all, uint32_t number, int fd)
{
        static const struct chan_events events = { .on_message = parent_probe_on_prober,
                .on_end = parent_probe_on_prober_end };
        struct parent_probe *b = NULL;

        for (unsigned i = 0; i < PARENT_PROBE_MAX; i++)
                if (all->probes[i].number && all->probes[i].number == number &&
                        !all->probes[i].prober)
                        b = &all->probes[i];
        if (!b) {
                close(fd); /* given up meanwhile */
                return;
        }
        b->prober = chan_new(all->parent->loop, fd, &events, b);
        parent_probe_send(b, PROBE_LOOK, buf_bytes(&b->look), NULL, 0);
        parent_probe_wipe(b);
}

/* --- what is asked for --- */

static int parent_probe_read(json_t *body, struct probe_options *o, struct secret *password,
        uint8_t pin[static 32], struct err *e)
{
        const char *text = "", *roots = "", *issuer = "", *crls = "", *hex = "";
        int audio = 1;
        json_error_t why;

        o->user = "";
        if (json_unpack_ex(body, &why, JSON_STRICT,
                    "{s:s, s?:s, s?:s, s?:s, s?:s, s?:s, s:s, s?:s, s?:s, s?:b}", "url", &o->url,
                    "user", &o->user, "password", &text, "transport", &o->transport, "carrier",
                    &o->carrier, "pin", &hex, "roots", &roots, "issuer", &issuer, "crls", &crls,
                    "audio", &audio) < 0)
                return err_set(e, ERR_INVALID, "camera.test: %s", why.text);
        int r = secret_set(password, bytes_str(text), e);
        if (r == 0 && hex[0])
                r = str_unhex(pin, 32, hex, e);
        if (r < 0)
                return err_wrap(e, r, "camera.test");
        o->password = password;
        o->pin = hex[0] ? pin : NULL;
        o->roots_pem = bytes_str(roots);
        o->issuer_pem = bytes_str(issuer);
        o->crls_pem = bytes_str(crls);
        o->without_audio = !audio;
        return 0;
}

/* Into b: what the prober is to be told, and where it may connect to. */
static int parent_probe_take(struct parent_probe *b, json_t *body, struct err *e)
{
        struct probe_options o = { .brief = true, .seconds = PARENT_PROBE_SECONDS };
        struct secret password = { 0 };
        struct probe_look look;
        uint8_t pin[32];
        int r = parent_probe_read(body, &o, &password, pin, e);

        if (r == 0)
                r = probe_message_look_of(&o, &look, e);
        if (r == 0) {
                b->kinds = parent_connect_kinds(look.transport, look.carrier);
                buf_init(&b->look, CHAN_BODY_MAX);
                r = probe_message_pack_look(&look, &b->look, e);
                secret_done(&look.password);
        }
        if (r == 0)
                r = url_parse(o.url, &b->url, e);
        secret_done(&password);
        return r;
}

static int parent_probe_want(struct parent *p, uint32_t number, struct err *e)
{
        if (!p->supervisor)
                return err_set(
                        e, ERR_UNAVAILABLE, "camera.test: nobody can begin a process for it");
        buf_clear(&p->out);
        struct pack b = pack_to(&p->out);
        pack_u32(&b, number);
        return chan_send(p->supervisor, MESSAGE_PROBER_WANTED, buf_bytes(&p->out), NULL, 0, e);
}

static struct parent_probe *parent_probe_place(struct parent_probes *all)
{
        for (unsigned i = 0; i < PARENT_PROBE_MAX; i++)
                if (!all->probes[i].number)
                        return &all->probes[i];
        return NULL;
}

int parent_probe_on_test(struct parent *p, json_t *body, json_t **ret, struct err *e)
{
        struct parent_probes *all = p->probes;
        struct parent_probe *b = parent_probe_place(all);

        (void)ret;
        if (!b)
                return err_fault(e, ERR_EXHAUSTED, FAULT_TEST_BUSY,
                        "%d cameras are being tested at this moment", PARENT_PROBE_MAX);
        int r = parent_probe_take(b, body, e);
        uint32_t number = all->last == UINT32_MAX ? 1 : all->last + 1;
        if (r == 0)
                r = parent_probe_want(p, number, e);
        if (r < 0) {
                parent_probe_wipe(b);
                return r;
        }
        all->last = b->number = number;
        b->ticket = parent_status_ticket(p);
        b->steps = json_array();
        b->told = 0;
        b->sockets = 0;
        b->began_us = clock_boot_us();
        b->client = (struct parent_connect_client){ .owner = b,
                .host = b->url.host,
                .port = b->url.port,
                .fallback_port = url_fallback_port(&b->url),
                .made = parent_probe_made,
                .failed = parent_probe_failed };
        timer_start(&b->deadline, p->loop, PARENT_PROBE_MS, 0, parent_probe_on_deadline, b);
        return PARENT_STATUS_LATER;
}

struct parent_probes *parent_probe_new(struct parent *p)
{
        struct parent_probes *all = xcalloc(1, sizeof *all);

        all->parent = p;
        for (unsigned i = 0; i < PARENT_PROBE_MAX; i++)
                all->probes[i].all = all;
        return all;
}

struct parent_probes *parent_probe_free(struct parent_probes *all)
{
        if (!all)
                return NULL;
        for (unsigned i = 0; i < PARENT_PROBE_MAX; i++)
                if (all->probes[i].number)
                        parent_probe_over(&all->probes[i]);
        free(all);
        return NULL;
}
