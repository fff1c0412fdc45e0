/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Streams as the parent sees them: where they run, how they get there, and what their workers may
 * ask for. */
#include "recorder/parent.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/pack.h"
#include "base/str.h"
#include "proto/url.h"
#include "recorder/parent_events.h"
#include "recorder/parent_media.h"
#include "recorder/parent_stopped.h"
#include "recorder/parent_storage.h"

struct chan *parent_stream_chan(const struct parent_stream *t)
{
        return t->worker < 0 ? NULL : t->parent->workers[t->worker].chan;
}

void parent_stream_send(struct parent_stream *t, uint16_t type, const int *fds, unsigned fds_n)
{
        struct chan *chan = parent_stream_chan(t);
        struct err e;

        if (chan && chan_send(chan, type, buf_bytes(&t->parent->out), fds, fds_n, &e) < 0)
                log_error(&t->log, "worker.unreachable", "err=\"%s\"", e.text);
}

struct pack parent_stream_message(struct parent_stream *t)
{
        buf_clear(&t->parent->out);
        struct pack p = pack_to(&t->parent->out);
        pack_string(&p, t->assign.stream);
        return p;
}

void parent_stream_send_failure(struct parent_stream *t, uint16_t type, const struct err *why)
{
        struct pack p = parent_stream_message(t);

        pack_u8(&p, (uint8_t)-why->code);
        pack_u8(&p, (uint8_t)why->fault);
        pack_string(&p, why->text);
        parent_stream_send(t, type, NULL, 0);
}

static void parent_stream_free(struct parent_stream *t)
{
        if (t->parent->connect)
                parent_connect_cancel(t->parent->connect, t);
        parent_events_forget(t);
        if (t->parent->storage)
                parent_storage_forget(t->parent->storage, t);
        timer_done(&t->retry);
        secret_done(&t->assign.password);
        buf_done(&t->roots);
        buf_done(&t->issuer);
        buf_done(&t->crls);
        free(t);
}

void parent_stream_free_all(struct parent *p)
{
        struct parent_stream *t;
        size_t at = 0;

        while ((t = table_next(&p->streams, &at)))
                parent_stream_free(t);
        table_done(&p->streams);
}

void parent_stream_forget(struct parent_stream *t)
{
        struct parent *p = t->parent;

        if (t->worker >= 0)
                p->workers[t->worker].streams--;
        table_take(&p->streams, t->assign.stream);
        parent_stream_free(t);
        if (p->stopping && p->streams.n == 0)
                parent_storage_finish(p->storage);
}

static int parent_stream_parse_url(struct parent_stream *t, const char *text, struct err *e)
{
        struct url url;

        int r = url_parse(text, &url, e);
        if (r < 0)
                return r;
        snprintf(t->host, sizeof t->host, "%s", url.host);
        t->port = url.port;
        t->fallback_port = url_fallback_port(&url);
        return 0;
}

static bool parent_stream_same_camera(
        const struct message_assign *a, const struct message_assign *b)
{
        return strcmp(a->url, b->url) == 0 && strcmp(a->user, b->user) == 0 &&
               a->carrier == b->carrier && memcmp(a->pin, b->pin, sizeof a->pin) == 0 &&
               a->without_audio == b->without_audio &&
               secret_equal(secret_bytes(&a->password), secret_bytes(&b->password));
}

/* Where it changes, a connection that was judged goes on: whoever took trust away says which are
 * cut. */
static bool parent_stream_same_trust(const struct message_assign *a, const struct message_assign *b)
{
        return bytes_equal(a->roots_pem, b->roots_pem) &&
               bytes_equal(a->issuer_pem, b->issuer_pem) && bytes_equal(a->crls_pem, b->crls_pem);
}

/* What was asked for becomes what is asked for now; t is untouched on failure. */
static int parent_stream_take(
        struct parent_stream *t, const struct message_assign *a, struct err *e)
{
        if (a->roots_pem.n > MESSAGE_ROOTS_MAX || a->issuer_pem.n > MESSAGE_ROOTS_MAX ||
                a->crls_pem.n > MESSAGE_ROOTS_MAX)
                return err_set(
                        e, ERR_EXHAUSTED, "%s: certificates or revocations too large", a->stream);
        int r = parent_stream_parse_url(t, a->url, e);
        if (r < 0)
                return r;
        buf_clear(&t->roots);
        buf_clear(&t->issuer);
        buf_clear(&t->crls);
        r = buf_append(&t->roots, a->roots_pem, e);
        if (r == 0)
                r = buf_append(&t->issuer, a->issuer_pem, e);
        if (r == 0)
                r = buf_append(&t->crls, a->crls_pem, e);
        secret_done(&t->assign.password);
        t->assign = *a;
        t->assign.roots_pem = buf_bytes(&t->roots);
        t->assign.issuer_pem = buf_bytes(&t->issuer);
        t->assign.crls_pem = buf_bytes(&t->crls);
        return r;
}

/* The worker drops its connection and makes one by the newest assignment. */
static void parent_stream_reassign(struct parent_stream *t)
{
        struct err e;

        parent_connect_cancel(t->parent->connect, t);
        int r = parent_place_tell(t, MESSAGE_REASSIGN, t->worker, -1, &e);
        if (r < 0) {
                log_error(&t->log, "worker.unreachable", "err=\"%s\"", e.text);
                return;
        }
        /* What it was told before may still be asked for by messages on their way. */
        t->told |= parent_connect_kinds(t->assign.transport, t->assign.carrier);
}

static bool parent_stream_has_worker(const struct parent_stream *t)
{
        return t->phase == PARENT_STREAM_ASSIGNED || t->phase == PARENT_STREAM_RELEASED;
}

static int parent_stream_change_to(
        struct parent_stream *t, const struct message_assign *a, struct err *e)
{
        const struct message_assign *b = &t->assign;
        bool on_tls =
                t->state.state == CAMERA_STREAMING && t->state.protection >= PROTECTION_PINNED;
        bool same_transport =
                a->transport == b->transport ||
                (a->transport == CAMERA_TLS && b->transport == CAMERA_TLS_IF_AVAILABLE && on_tls);
        bool same_trust = parent_stream_same_trust(a, b);
        bool waits = same_transport && parent_stream_same_camera(a, b) &&
                     (same_trust || on_tls || a->transport == CAMERA_PLAIN);

        if (a->transport == b->transport && same_trust && parent_stream_same_camera(a, b))
                return 0; /* a manager that began again says what it said before */
        int r = parent_stream_take(t, a, e);
        if (r < 0)
                return r;
        t->stale = true;
        log_info(&t->log, "stream.changed", "now=%d", !waits);
        if (!waits && parent_stream_has_worker(t))
                parent_stream_reassign(t);
        return 0;
}

/* A manager that did not hear of the first success yet is told again, and gets no exception back
 * for a camera that ended it. */
static int parent_stream_change(
        struct parent_stream *t, const struct message_assign *a, struct err *e)
{
        struct message_assign known = *a;
        bool unheard = t->seen_tls && a->transport == CAMERA_TLS_IF_AVAILABLE &&
                       strcmp(a->url, t->assign.url) == 0;

        if (unheard) {
                known.transport = CAMERA_TLS;
                parent_status_connected(t->parent, t);
        }
        t->seen_tls = unheard;
        int r = parent_stream_change_to(t, &known, e);
        secret_done(&known.password);
        return r;
}

/* The first verified connection ends tls-if-available here and now: a manager that is away must not
 * leave a way back. The connection that it has is good. */
static void parent_stream_note_tls(struct parent_stream *t)
{
        if (t->assign.transport != CAMERA_TLS_IF_AVAILABLE ||
                t->state.protection != PROTECTION_VERIFIED)
                return;
        t->assign.transport = CAMERA_TLS;
        t->seen_tls = true;
        t->stale = true;
}

unsigned parent_stream_cut(struct parent *p, uint8_t (*keys)[32], size_t n)
{
        struct parent_stream *t;
        unsigned cut = 0;
        size_t at = 0;

        while ((t = table_next(&p->streams, &at))) {
                bool hit = false;
                for (size_t i = 0; i < n; i++)
                        hit |= memcmp(keys[i], t->state.camera_key, 32) == 0;
                if (!hit || t->state.protection == PROTECTION_OPEN || !parent_stream_has_worker(t))
                        continue;
                log_warn(&t->log, "stream.cut",
                        "why=\"its camera's certificate is not taken any more\"");
                parent_stream_reassign(t);
                cut++;
        }
        return cut;
}

static struct parent_stream *parent_stream_new(struct parent *p, const char *stream)
{
        struct parent_stream *t = xcalloc(1, sizeof *t);

        t->parent = p;
        t->worker = -1;
        t->last_arrival_us = SEAL_UNKNOWN_US;
        snprintf(t->log.prefix, sizeof t->log.prefix, "cam=%.90s", stream);
        buf_init(&t->roots, MESSAGE_ROOTS_MAX);
        buf_init(&t->issuer, MESSAGE_ROOTS_MAX);
        buf_init(&t->crls, MESSAGE_ROOTS_MAX);
        return t;
}

static int parent_stream_set_known(struct parent_stream *t, const struct message_assign *a,
        const struct record_terms *terms, struct err *e)
{
        int r;

        if (t->phase == PARENT_STREAM_ENDING) {
                r = parent_stream_take(t, a, e);
                t->again |= r == 0;
        } else {
                r = parent_stream_change(t, a, e);
        }
        if (r == 0)
                parent_events_terms(t, terms);
        return r;
}

/* Off: its worker lets go of it, and it waits until it is asked for again. */
static void parent_stream_rest(struct parent_stream *t)
{
        if (!parent_stream_has_worker(t))
                return;
        parent_stream_remove(t->parent, t);
        t->again = true;
}

void parent_stream_asked(struct parent_stream *t, const struct record_plan_answer *now)
{
        struct record_plan_answer before = t->asked;

        t->asked = *now;
        if (now->off) {
                parent_stream_rest(t);
        } else if (before.off) {
                parent_place(t);
        } else if ((before.gate != now->gate || before.keep_ms != now->keep_ms) &&
                   parent_stream_has_worker(t)) {
                struct pack p = parent_stream_message(t);
                pack_u8(&p, (uint8_t)now->gate);
                pack_u32(&p, now->keep_ms);
                parent_stream_send(t, MESSAGE_GATE, NULL, 0);
        }
}

int parent_stream_set(struct parent *p, const struct message_assign *a,
        const struct record_terms *terms, struct err *e)
{
        struct parent_stream *t = table_get(&p->streams, a->stream);

        if (t)
                return parent_stream_set_known(t, a, terms, e);
        t = parent_stream_new(p, a->stream);
        int r = parent_stream_take(t, a, e);
        if (r < 0) {
                parent_stream_free(t);
                return r;
        }
        parent_events_terms(t, terms);
        t->stopped = parent_stopped_take(p->stopped, t->assign.stream);
        table_put(&p->streams, t->assign.stream, t);
        parent_place(t);
        return 0;
}

void parent_stream_remove(struct parent *p, struct parent_stream *t)
{
        if (t->worker < 0) {
                if (t->stopped)
                        parent_stopped_note(p->stopped, t->assign.stream);
                parent_stream_forget(t);
                return;
        }
        t->again = false;
        if (t->phase == PARENT_STREAM_ENDING)
                return;
        t->phase = PARENT_STREAM_ENDING;
        parent_media_lost(p->media, t->assign.stream, "it was removed, or is off");
        parent_connect_cancel(p->connect, t); /* what begins again must not get this one's socket */
        parent_stream_message(t);
        parent_stream_send(t, MESSAGE_UNASSIGN, NULL, 0);
}

void parent_stream_remove_all(struct parent *p)
{
        struct parent_stream *t;
        size_t at = 0;

        /* Removing may take a stream out of the table: walk again after each that went at once. */
        for (size_t before = p->streams.n; (t = table_next(&p->streams, &at));) {
                parent_stream_remove(p, t);
                if (p->streams.n != before) {
                        before = p->streams.n;
                        at = 0;
                }
        }
}

/* What workers say */

void parent_stream_socket(struct parent_stream *t, const int *fds, unsigned fds_n, uint16_t port)
{
        struct pack p = parent_stream_message(t);

        if (fds_n == 2)
                pack_u16(&p, port);
        parent_stream_send(t, fds_n == 2 ? MESSAGE_DATAGRAMS : MESSAGE_SOCKET, fds, fds_n);
}

void parent_stream_no_socket(struct parent_stream *t, const struct err *why)
{
        parent_stream_send_failure(t, MESSAGE_NO_SOCKET, why);
}

/* A worker may ask for what its streams need by what it was told. Anything else is not a camera's
 * fault: the worker is broken, or not its own master. */
static int parent_stream_connect(struct parent_stream *t, struct unpack *u, struct err *e)
{
        unsigned kind = unpack_u8(u);

        if (!unpack_complete(u) || kind > CAMERA_SOCKET_DATAGRAMS)
                return err_set(e, ERR_PROTOCOL, "connect: malformed message");
        if (!(t->told >> kind & 1))
                return err_set(e, ERR_PROTOCOL,
                        "connect: %s asks for a socket that its transport and carrier do not need",
                        t->assign.stream);
        if (t->phase == PARENT_STREAM_ENDING)
                return 0;
        if (t->stale)
                parent_stream_reassign(t); /* its camera asks anew, by what is in force now */
        else if (parent_connect_kinds(t->assign.transport, t->assign.carrier) >> kind & 1)
                parent_connect_ask(t->parent->connect, t, (enum camera_socket)kind);
        return 0;
}

static int parent_stream_on_written(struct parent_worker *w, struct bytes body, struct err *e)
{
        char stream[HEAD_PATH_MAX];
        struct segment_writer_report report;

        int r = message_written_parse(body, stream, &report, e);
        if (r < 0)
                return r;
        struct parent_stream *t = table_get(&w->parent->streams, stream);
        if (!t)
                return 0; /* removed meanwhile */
        if (parent_stream_chan(t) != w->chan)
                return err_set(e, ERR_PROTOCOL, "written: %s is not this worker's", stream);
        parent_storage_written(w->parent->storage, stream, &report);
        return 0;
}

/* Its stream, and of it one file; NULL when the file is none that it was given. */
static struct parent_stream *parent_stream_file_of(
        struct parent_worker *w, struct unpack *u, char object_key[static HEAD_KEY_MAX])
{
        char stream[HEAD_PATH_MAX];

        unpack_string(u, stream, sizeof stream);
        unpack_string(u, object_key, HEAD_KEY_MAX);
        struct parent_stream *t = u->bad ? NULL : table_get(&w->parent->streams, stream);
        if (!t || parent_stream_chan(t) != w->chan || !parent_storage_has(t, object_key))
                return NULL;
        return t;
}

static int parent_stream_on_unused(struct parent_worker *w, struct bytes body, struct err *e)
{
        struct unpack u = unpack_of(body);
        char object_key[HEAD_KEY_MAX];
        struct parent_stream *t = parent_stream_file_of(w, &u, object_key);

        if (!unpack_complete(&u))
                return err_set(e, ERR_PROTOCOL, "unused: malformed message");
        if (t)
                parent_storage_unused(w->parent->storage, t, object_key);
        return 0;
}

/* A worker that lies about its own files costs its volume some seconds; about others it has nothing
 * to say. */
static int parent_stream_on_not_written(struct parent_worker *w, struct bytes body, struct err *e)
{
        struct unpack u = unpack_of(body);
        char object_key[HEAD_KEY_MAX];
        struct parent_stream *t = parent_stream_file_of(w, &u, object_key);
        struct err why = { .code = -(int)unpack_u8(&u) };
        unsigned fault = unpack_u8(&u);

        unpack_string(&u, why.text, sizeof why.text);
        if (!unpack_complete(&u) || fault >= FAULTS)
                return err_set(e, ERR_PROTOCOL, "not written: malformed message");
        why.fault = (enum fault)fault;
        if (t)
                parent_storage_not_written(w->parent->storage, t, object_key, &why);
        return 0;
}

static int parent_stream_on_state(struct parent_worker *w, struct bytes body, struct err *e)
{
        struct message_state state;

        int r = message_state_parse(body, &state, e);
        if (r < 0)
                return r;
        struct parent_stream *t = table_get(&w->parent->streams, state.stream);
        if (!t)
                return 0; /* removed meanwhile */
        if (parent_stream_chan(t) != w->chan)
                return err_set(e, ERR_PROTOCOL, "state: %s is not this worker's", state.stream);
        bool fresh = state.connected_us && state.connected_us != t->state.connected_us;
        t->state = state;
        parent_stream_note_tls(t);
        if (fresh)
                parent_status_connected(w->parent, t);
        return 0;
}

int parent_stream_on_worker(struct parent_worker *w, struct chan_message *m, struct err *e)
{
        struct unpack u = unpack_of(m->body);
        char stream[HEAD_PATH_MAX];

        if (m->fds_n)
                return err_set(e, ERR_PROTOCOL, "a descriptor from a worker");
        if (m->type == MESSAGE_WRITTEN)
                return parent_stream_on_written(w, m->body, e);
        if (m->type == MESSAGE_UNUSED)
                return parent_stream_on_unused(w, m->body, e);
        if (m->type == MESSAGE_NOT_WRITTEN)
                return parent_stream_on_not_written(w, m->body, e);
        if (m->type == MESSAGE_STATE)
                return parent_stream_on_state(w, m->body, e);
        if (m->type == MESSAGE_MEDIA || m->type == MESSAGE_WATCHED ||
                m->type == MESSAGE_NOT_WATCHED)
                return parent_media_on_worker(w, m, e);
        unpack_string(&u, stream, sizeof stream);
        if (u.bad || (m->type != MESSAGE_CONNECT && !unpack_complete(&u)))
                return err_set(e, ERR_PROTOCOL, "message %u from a worker: malformed", m->type);
        struct parent_stream *t = table_get(&w->parent->streams, stream);
        if (!t || parent_stream_chan(t) != w->chan)
                return 0; /* was taken away meanwhile */
        switch (m->type) {
        case MESSAGE_CONNECT:
                return parent_stream_connect(t, &u, e);
        case MESSAGE_FILE_WANTED:
                /* Also of one that is ending: what its camera sent until then is recorded first. */
                if (t->phase == PARENT_STREAM_ASSIGNED || t->phase == PARENT_STREAM_ENDING)
                        parent_storage_file(w->parent->storage, t);
                return 0;
        case MESSAGE_RELEASED:
                parent_place_released(t);
                return 0;
        default:
                return err_set(e, ERR_PROTOCOL, "message %u from a worker", m->type);
        }
}
