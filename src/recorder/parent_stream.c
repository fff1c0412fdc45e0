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
#include "recorder/parent_stopped.h"
#include "vault/vault_tail.h"

#define PARENT_STREAM_RETRY_MS 1000

static struct chan *parent_stream_chan(const struct parent_stream *t)
{
        return t->worker < 0 ? NULL : t->parent->workers[t->worker].chan;
}

static void parent_stream_send(
        struct parent_stream *t, uint16_t type, const int *fds, unsigned fds_n)
{
        struct chan *chan = parent_stream_chan(t);
        struct err e;

        if (chan && chan_send(chan, type, buf_bytes(&t->parent->out), fds, fds_n, &e) < 0)
                log_error(&t->log, "worker.unreachable", "err=\"%s\"", e.text);
}

static struct pack parent_stream_message(struct parent_stream *t)
{
        buf_clear(&t->parent->out);
        struct pack p = pack_to(&t->parent->out);
        pack_string(&p, t->assign.stream);
        return p;
}

static void parent_stream_send_failure(
        struct parent_stream *t, uint16_t type, const struct err *why)
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

static void parent_stream_forget(struct parent_stream *t)
{
        struct parent *p = t->parent;

        if (t->worker >= 0)
                p->workers[t->worker].streams--;
        table_take(&p->streams, t->assign.stream);
        parent_stream_free(t);
        if (p->stopping && p->streams.n == 0)
                parent_sync_finish(p->sync);
}

/* What is on disk of this stream: the last sealed fragment of its newest segment, whatever lies
 * behind it cut off. */
static void parent_stream_find_end(struct parent_stream *t)
{
        struct vault_tail tail;
        struct err e;

        int r = vault_tail_read(t->parent->vault, t->assign.stream, t->object_key, NULL, &tail, &e);
        if (r == 0 && !tail.empty) {
                t->last = tail.last;
                t->last_arrival_us = tail.last_arrival_us;
        } else if (r < 0) {
                log_error(&t->log, "vault.tail_unreadable", "err=\"%s\"", e.text);
        }
        if (r == 0 && tail.damaged)
                log_error(&t->log, "vault.tail_damaged", "file=%s check=\"custos vault check\"",
                        tail.object_key);
        if (r == 0 && tail.cut_bytes)
                log_warn(&t->log, "vault.tail_cut", "bytes=%llu",
                        (unsigned long long)tail.cut_bytes);
}

static int parent_stream_pick_worker(const struct parent *p)
{
        int best = -1;

        for (int i = 0; i < PARENT_WORKERS_MAX; i++) {
                const struct parent_worker *w = &p->workers[i];
                if (w->chan && (best < 0 || w->streams < p->workers[best].streams))
                        best = i;
        }
        return best;
}

static bool parent_stream_has_history(const struct parent_stream *t)
{
        return t->last.sequence != 0;
}

/* Tells the sealer who writes this stream from now on; *ret_fd is the worker's end. */
static int parent_stream_open_seal(struct parent_stream *t, int *ret_fd, struct err *e)
{
        struct parent *p = t->parent;
        struct message_stream_open open = { .last = t->last,
                .last_arrival_us = t->last_arrival_us };
        int pair[2];

        int r = chan_pair(pair, e);
        if (r < 0)
                return r;
        snprintf(open.stream, sizeof open.stream, "%s", t->assign.stream);
        buf_clear(&p->out);
        r = message_stream_open_pack(&open, &p->out, e);
        if (r == 0)
                r = chan_send(p->sealer, MESSAGE_STREAM_OPEN, buf_bytes(&p->out), &pair[0], 1, e);
        close(pair[0]);
        if (r < 0) {
                close(pair[1]);
                return r;
        }
        *ret_fd = pair[1];
        return 0;
}

static void parent_stream_fill_gap(struct parent_stream *t, unsigned cause)
{
        t->assign.gap_cause = (uint8_t)(parent_stream_has_history(t) ? cause : SEAL_GAP_START);
        t->assign.gap_from_us = parent_stream_has_history(t) ? t->last_arrival_us : SEAL_UNKNOWN_US;
}

/* The assignment to a worker; fd -1: another one for a stream that it has. */
static int parent_stream_tell(
        struct parent_stream *t, uint16_t type, int worker, int fd, struct err *e)
{
        struct parent *p = t->parent;

        t->assign.seal_cert = p->certs.seal_cert;
        t->assign.issuer_cert = p->certs.issuer_cert;
        t->assign.root_cert = p->certs.root_cert;
        t->assign.fragment_ms = (uint32_t)settings_get(&p->settings, SETTINGS_FRAGMENT_MS);
        t->assign.segment_s = (uint32_t)settings_get(&p->settings, SETTINGS_SEGMENT_S);
        t->assign.pace_ms = (uint32_t)settings_get(&p->settings, SETTINGS_PACE_MS);
        t->assign.idle_ms = (uint32_t)settings_get(&p->settings, SETTINGS_IDLE_TIMEOUT_MS);
        t->assign.mbit_max = (uint32_t)settings_get(&p->settings, SETTINGS_CAMERA_MBIT_MAX);
        t->assign.backoff_max_ms = (uint32_t)settings_get(&p->settings, SETTINGS_BACKOFF_MAX_MS);
        t->assign.patience_ms = (uint32_t)settings_get(&p->settings, SETTINGS_VOLUME_PATIENCE_MS);
        snprintf(t->assign.recorder, sizeof t->assign.recorder, "%s", p->recorder);
        buf_clear(&p->out);
        int r = message_assign_pack(&t->assign, &p->out, e);
        if (r == 0)
                r = chan_send(p->workers[worker].chan, type, buf_bytes(&p->out), &fd, fd >= 0, e);
        explicit_bzero(p->out.p, p->out.n); /* the password was in it */
        if (r == 0)
                t->stale = false;
        return r;
}

static int parent_stream_give(struct parent_stream *t, int worker, struct err *e)
{
        struct parent *p = t->parent;
        CLEANUP(own_closep) int fd = -1;

        parent_stream_find_end(t);
        parent_stream_fill_gap(t, t->stopped ? SEAL_GAP_STOPPED : SEAL_GAP_UNCLEAN_STOP);
        int r = parent_stream_open_seal(t, &fd, e);
        if (r == 0)
                r = parent_stream_tell(t, MESSAGE_ASSIGN, worker, fd, e);
        if (r < 0)
                return r;
        t->told = parent_connect_kinds(&t->assign);
        t->worker = worker;
        t->stopped = false;
        t->phase = PARENT_STREAM_ASSIGNED;
        t->seal_lost = false;
        p->workers[worker].streams++;
        return 0;
}

static int parent_stream_reseal(struct parent_stream *t, struct err *e)
{
        CLEANUP(own_closep) int fd = -1;

        parent_stream_find_end(t);
        parent_stream_fill_gap(t, SEAL_GAP_UNCLEAN_STOP);
        int r = parent_stream_open_seal(t, &fd, e);
        if (r < 0)
                return r;
        struct pack p = parent_stream_message(t);
        pack_u8(&p, t->assign.gap_cause);
        pack_i64(&p, t->assign.gap_from_us);
        parent_stream_send(t, MESSAGE_RESEAL, &fd, 1);
        t->phase = PARENT_STREAM_ASSIGNED;
        t->seal_lost = false;
        return 0;
}

static void parent_stream_place(struct parent_stream *t)
{
        struct err e;
        int r = 0;

        if (!t->parent->sealer_ready || t->retry.handle)
                return;
        if (t->phase == PARENT_STREAM_RELEASED) {
                r = parent_stream_reseal(t, &e);
        } else if (t->phase == PARENT_STREAM_WAITING) {
                int worker = parent_stream_pick_worker(t->parent);
                if (worker >= 0)
                        r = parent_stream_give(t, worker, &e);
        }
        if (r < 0)
                log_error(&t->log, "stream.not_placed", "err=\"%s\"", e.text);
}

void parent_stream_route(struct parent *p)
{
        struct parent_stream *t;
        size_t at = 0;

        while ((t = table_next(&p->streams, &at)))
                parent_stream_place(t);
}

static void parent_stream_on_retry(void *owner)
{
        struct parent_stream *t = owner;

        timer_done(&t->retry);
        parent_stream_place(t);
}

/* Its worker has let go of a stream that was removed: forgotten, or begun again. */
static void parent_stream_ended(struct parent_stream *t)
{
        struct parent *p = t->parent;

        if (!t->again || p->stopping) {
                parent_stopped_note(p->stopped, t->assign.stream);
                parent_stream_forget(t);
                return;
        }
        p->workers[t->worker].streams--;
        t->worker = -1;
        t->again = false;
        t->stopped = true;
        t->phase = PARENT_STREAM_WAITING;
        parent_stream_place(t);
}

void parent_stream_worker_gone(struct parent *p, unsigned worker)
{
        struct parent_stream *t;
        size_t at = 0;
        bool ended = true;

        /* Forgetting takes a stream out of the table: walk again after each. */
        while (ended) {
                ended = false;
                at = 0;
                while (!ended && (t = table_next(&p->streams, &at))) {
                        if (t->worker != (int)worker)
                                continue;
                        parent_connect_cancel(p->connect, t);
                        if (t->phase == PARENT_STREAM_ENDING && !t->again) {
                                parent_stream_forget(t);
                                ended = true;
                                continue;
                        }
                        t->again = false;
                        t->worker = -1;
                        t->phase = PARENT_STREAM_WAITING;
                        t->state.state = CAMERA_IDLE;
                }
        }
        p->workers[worker].streams = 0;
        parent_stream_route(p);
}

/* Streams stay with their workers; each says "released" when nothing of it is in flight, and is
 * sealed on then. */
void parent_stream_sealer_gone(struct parent *p)
{
        struct parent_stream *t;
        size_t at = 0;

        while ((t = table_next(&p->streams, &at)))
                t->seal_lost = true;
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

static void parent_stream_find_newest(struct parent_stream *t)
{
        struct index_segment newest;
        struct err e;

        int r = index_newest(t->parent->index, t->assign.stream, &newest, &e);
        if (r == 0)
                snprintf(t->object_key, sizeof t->object_key, "%s", newest.object_key);
        else if (r != ERR_NOT_FOUND)
                log_error(&t->log, "index.unreadable", "err=\"%s\"", e.text);
}

static bool parent_stream_same_camera(
        const struct message_assign *a, const struct message_assign *b)
{
        return strcmp(a->url, b->url) == 0 && strcmp(a->user, b->user) == 0 &&
               a->carrier == b->carrier && memcmp(a->pin, b->pin, sizeof a->pin) == 0 &&
               a->without_audio == b->without_audio &&
               secret_equal(secret_bytes(&a->password), secret_bytes(&b->password)) &&
               bytes_equal(a->roots_pem, b->roots_pem) && bytes_equal(a->issuer_pem, b->issuer_pem);
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
        int r = parent_stream_tell(t, MESSAGE_REASSIGN, t->worker, -1, &e);
        if (r < 0) {
                log_error(&t->log, "worker.unreachable", "err=\"%s\"", e.text);
                return;
        }
        /* What it was told before may still be asked for by messages on their way. */
        t->told |= parent_connect_kinds(&t->assign);
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
        bool same_crls = bytes_equal(a->crls_pem, b->crls_pem);
        bool waits = same_transport && parent_stream_same_camera(a, b) &&
                     (same_crls || on_tls || a->transport == CAMERA_PLAIN);

        if (a->transport == b->transport && same_crls && parent_stream_same_camera(a, b))
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
                log_warn(&t->log, "stream.cut", "why=\"its camera's certificate is revoked\"");
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

int parent_stream_set(struct parent *p, const struct message_assign *a, struct err *e)
{
        struct parent_stream *t = table_get(&p->streams, a->stream);

        if (t && t->phase == PARENT_STREAM_ENDING) {
                int r = parent_stream_take(t, a, e);
                t->again |= r == 0;
                return r;
        }
        if (t)
                return parent_stream_change(t, a, e);
        t = parent_stream_new(p, a->stream);
        int r = parent_stream_take(t, a, e);
        if (r < 0) {
                parent_stream_free(t);
                return r;
        }
        parent_stream_find_newest(t);
        t->stopped = parent_stopped_take(p->stopped, t->assign.stream);
        table_put(&p->streams, t->assign.stream, t);
        parent_stream_place(t);
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
        else if (parent_connect_kinds(&t->assign) >> kind & 1)
                parent_connect_ask(t->parent->connect, t, (enum camera_socket)kind);
        return 0;
}

static void parent_stream_released(struct parent_stream *t)
{
        if (t->phase == PARENT_STREAM_ENDING) {
                parent_stream_ended(t);
                return;
        }
        if (t->phase != PARENT_STREAM_ASSIGNED)
                return;
        t->phase = PARENT_STREAM_RELEASED;
        if (t->seal_lost)
                parent_stream_place(t);
        else /* the sealer lives and closed this channel: it has a reason that will not be gone at
                once */
                timer_start(&t->retry, t->parent->loop, PARENT_STREAM_RETRY_MS, 0,
                        parent_stream_on_retry, t);
}

/* Takes the file off the list of empty ones; false when it was not there. */
static bool parent_stream_file_used(struct parent_stream *t, const char *object_key)
{
        for (size_t i = 0; i < ARRAY_LEN(t->empty_file); i++) {
                if (t->empty_file[i][0] && strcmp(t->empty_file[i], object_key) == 0) {
                        t->empty_file[i][0] = '\0';
                        return true;
                }
        }
        return false;
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
        parent_stream_file_used(t, report.object_key);
        parent_sync_written(w->parent->sync, stream, &report);
        return 0;
}

/* Only a file that this worker was given, and said nothing of, is deleted at its word. */
static int parent_stream_on_unused(struct parent_worker *w, struct bytes body, struct err *e)
{
        struct unpack u = unpack_of(body);
        char stream[HEAD_PATH_MAX], object_key[HEAD_KEY_MAX], path[4400];
        struct err why;

        unpack_string(&u, stream, sizeof stream);
        unpack_string(&u, object_key, sizeof object_key);
        if (!unpack_complete(&u))
                return err_set(e, ERR_PROTOCOL, "unused: malformed message");
        struct parent_stream *t = table_get(&w->parent->streams, stream);
        if (!t || parent_stream_chan(t) != w->chan || !parent_stream_file_used(t, object_key))
                return 0;
        snprintf(path, sizeof path, "%s/%s", w->parent->vault, object_key);
        unlink(path);
        if (index_remove(w->parent->index, object_key, &why) < 0)
                log_error(&t->log, "index.failed", "err=\"%s\"", why.text);
        if (strcmp(t->object_key, object_key) == 0) {
                t->object_key[0] = '\0';
                parent_stream_find_newest(t);
        }
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
        if (m->type == MESSAGE_STATE)
                return parent_stream_on_state(w, m->body, e);
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
                parent_sync_file(w->parent->sync, t);
                return 0;
        case MESSAGE_RELEASED:
                parent_stream_released(t);
                return 0;
        default:
                return err_set(e, ERR_PROTOCOL, "message %u from a worker", m->type);
        }
}
