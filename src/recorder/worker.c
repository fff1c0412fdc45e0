/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recorder/worker.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/pack.h"
#include "base/record_terms.h"
#include "base/str.h"
#include "crypto/hash.h"
#include "crypto/srtp_session.h"
#include "crypto/tls.h"
#include "crypto/x509.h"
#include "os/clock.h"
#include "os/proc.h"
#include "os/role.h"
#include "recorder/confine.h"
#include "recorder/message.h"
#include "recorder/worker_grants.h"
#include "recorder/worker_stream.h"

#define WORKER_CHUNK_PART 8 /* of the machine's memory */
#define WORKER_CHUNK_MIN ((size_t)16 << 20)
#define WORKER_REPORT_MS 2000
#define WORKER_LINGER_MS 3000
#define WORKER_TRIM_BYTES (8u << 20) /* of what waited and does not any more */

static int worker_make_trust(
        const struct message_assign *a, struct tls_client_config **ret, struct err *e)
{
        CLEANUP(tls_client_config_freep) struct tls_client_config *trust = NULL;
        struct buf issuer;

        int r = tls_client_config_new(a->roots_pem, &trust, e);
        buf_init(&issuer, X509_CERT_MAX);
        if (r == 0 && a->issuer_pem.n)
                r = x509_pem_parse(a->issuer_pem, 0, &issuer, e);
        if (r == 0 && a->issuer_pem.n)
                r = tls_client_config_only_issuer(trust, buf_bytes(&issuer), e);
        buf_done(&issuer);
        if (r == 0 && a->crls_pem.n)
                r = tls_client_config_crls(trust, a->crls_pem, e);
        if (r == 0)
                *ret = TAKE(trust);
        return r;
}

int worker_trust_take(
        struct worker *w, const struct message_assign *a, struct worker_trust **ret, struct err *e)
{
        uint8_t hashes[3 * HASH_BYTES];
        char name[2 * sizeof hashes + 1];

        hash_once(a->roots_pem, hashes);
        hash_once(a->issuer_pem, hashes + HASH_BYTES);
        hash_once(a->crls_pem, hashes + 2 * HASH_BYTES);
        str_hex(name, BYTES(hashes, sizeof hashes));
        struct worker_trust *known = table_get(&w->trust, name);
        if (!known) {
                struct tls_client_config *config = NULL;
                int r = worker_make_trust(a, &config, e);
                if (r < 0)
                        return r;
                known = xcalloc(1, sizeof *known);
                known->config = config;
                snprintf(known->name, sizeof known->name, "%s", name);
                table_put(&w->trust, name, known);
        }
        known->uses++;
        *ret = known;
        return 0;
}

void worker_trust_drop(struct worker *w, struct worker_trust *t)
{
        if (!t || --t->uses)
                return;
        table_take(&w->trust, t->name);
        tls_client_config_free(t->config);
        free(t);
}

struct file_lane *worker_lane(struct worker *w, uint32_t volume)
{
        for (unsigned i = 0; i < w->lanes_n; i++) {
                if (w->lanes[i].volume == volume)
                        return w->lanes[i].lane;
        }
        w->lanes = xrealloc(w->lanes, w->lanes_n + 1, sizeof *w->lanes);
        w->lanes[w->lanes_n] = (struct worker_lane){ volume, file_lane_new(w->loop) };
        return w->lanes[w->lanes_n++].lane;
}

/* Writes that the kernel holds. */
static unsigned worker_held_writes(const struct worker *w)
{
        unsigned n = 0;

        for (unsigned i = 0; i < w->lanes_n; i++)
                n += file_lane_under_way(w->lanes[i].lane);
        return n;
}

void worker_forget(struct worker *w, const char *stream)
{
        worker_stream_free(table_take(&w->streams, stream));
        if (!w->parent && w->streams.n == 0)
                loop_stop(w->loop);
}

/* An error of one stream stays with it; only a malformed message ends the channel. */
static int worker_on_assign(struct worker *w, struct chan_message *m, struct err *e)
{
        struct message_assign a;
        struct worker_stream *t;
        struct err why;

        int r = message_assign_parse(m->body, &a, e);
        if (r == 0 && m->fds_n != 1)
                r = err_set(e, ERR_PROTOCOL, "assign without a seal channel");
        if (r == 0 && table_get(&w->streams, a.stream))
                r = err_set(e, ERR_PROTOCOL, "%s is assigned already", a.stream);
        if (r == 0) {
                int fd = m->fds[0];
                m->fds[0] = -1;
                if (worker_stream_new(w, &a, fd, &t, &why) < 0)
                        log_error(NULL, "worker.assign_failed", "cam=%s err=\"%s\"", a.stream,
                                why.text);
                else
                        table_put(&w->streams, a.stream, t);
        }
        secret_done(&a.password);
        return r;
}

/* The same stream, and another camera or other terms: its footage goes on in the same chain. */
static int worker_on_reassign(struct worker *w, struct chan_message *m, struct err *e)
{
        struct message_assign a;

        int r = message_assign_parse(m->body, &a, e);
        if (r == 0 && m->fds_n)
                r = err_set(e, ERR_PROTOCOL, "reassign with a descriptor");
        struct worker_stream *t = r == 0 ? table_get(&w->streams, a.stream) : NULL;
        if (t)
                worker_stream_reassign(t, &a);
        secret_done(&a.password);
        return r;
}

static void worker_on_reseal(struct worker_stream *t, struct unpack *u, struct chan_message *m)
{
        unsigned cause = unpack_u8(u);
        int64_t from_us = unpack_i64(u);

        if (!unpack_complete(u) || m->fds_n != 1) {
                u->bad = true;
                return;
        }
        worker_stream_reseal(t, m->fds[0], cause, from_us);
        m->fds[0] = -1;
}

static void worker_on_file(struct worker_stream *t, struct unpack *u, struct chan_message *m)
{
        char object_key[HEAD_KEY_MAX];
        uint32_t volume = unpack_u32(u);
        bool direct = unpack_u8(u) != 0;

        unpack_string(u, object_key, sizeof object_key);
        if (!unpack_complete(u) || m->fds_n != 1) {
                u->bad = true;
                return;
        }
        worker_stream_file(t, m->fds[0], volume, direct, object_key);
        m->fds[0] = -1;
}

static void worker_on_datagrams(struct worker_stream *t, struct unpack *u, struct chan_message *m)
{
        uint16_t port = unpack_u16(u);

        if (!unpack_complete(u) || m->fds_n != 2) {
                u->bad = true;
                return;
        }
        worker_stream_datagrams(t, m->fds, port);
        m->fds[0] = m->fds[1] = -1;
}

static void worker_on_gate(struct worker_stream *t, struct unpack *u)
{
        unsigned gate = unpack_u8(u);
        uint32_t keep_ms = unpack_u32(u);

        if (!unpack_complete(u) || gate > MESSAGE_GATE_WAIT ||
                keep_ms > RECORD_TERMS_PRE_MAX_S * 1000)
                u->bad = true;
        else
                worker_stream_set_gate(t, (enum message_gate)gate, keep_ms);
}

static void worker_on_failure(struct worker_stream *t, uint16_t type, struct unpack *u)
{
        struct err why = { .code = -(int)unpack_u8(u) };
        unsigned fault = unpack_u8(u);

        unpack_string(u, why.text, sizeof why.text);
        if (!unpack_complete(u) || fault >= FAULTS) {
                u->bad = true;
                return;
        }
        why.fault = (enum fault)fault;
        if (type == MESSAGE_NO_SOCKET)
                worker_stream_no_socket(t, &why);
        else
                worker_stream_no_file(t, &why);
}

static void worker_on_stream_message(
        struct worker_stream *t, struct chan_message *m, struct unpack *u)
{
        switch (m->type) {
        case MESSAGE_RESEAL:
                worker_on_reseal(t, u, m);
                break;
        case MESSAGE_UNASSIGN:
                worker_stream_stop(t);
                break;
        case MESSAGE_SOCKET:
                if (m->fds_n != 1) {
                        u->bad = true;
                        break;
                }
                worker_stream_socket(t, m->fds[0]);
                m->fds[0] = -1;
                break;
        case MESSAGE_DATAGRAMS:
                worker_on_datagrams(t, u, m);
                break;
        case MESSAGE_FILE:
                worker_on_file(t, u, m);
                break;
        case MESSAGE_GATE:
                worker_on_gate(t, u);
                break;
        case MESSAGE_UNWATCH:
                worker_live_end(worker_stream_live(t), unpack_u32(u));
                u->bad |= !unpack_complete(u);
                break;
        case MESSAGE_NO_SOCKET:
        case MESSAGE_NO_FILE:
                worker_on_failure(t, m->type, u);
                break;
        default:
                u->bad = true;
        }
}

/* Leaving may take streams out of the table, where they are stopping: start again after each that
 * went at once. */
static void worker_leave(struct worker *w, uint32_t volume)
{
        struct worker_stream *t;
        size_t at = 0;

        for (size_t before = w->streams.n; (t = table_next(&w->streams, &at));) {
                worker_stream_leave(t, volume);
                if (w->streams.n != before) {
                        before = w->streams.n;
                        at = 0;
                }
        }
        struct file_lane *lane = worker_lane(w, volume);
        log_warn(NULL, "worker.volume_left", "volume=%u held=%u waiting=%u", volume,
                file_lane_under_way(lane), file_lane_waiting(lane));
}

static int worker_on_leave(struct worker *w, struct chan_message *m, struct err *e)
{
        struct unpack u = unpack_of(m->body);
        uint32_t volume = unpack_u32(&u);

        if (!unpack_complete(&u) || m->fds_n)
                return err_set(e, ERR_PROTOCOL, "leave: malformed message");
        worker_leave(w, volume);
        return 0;
}

static void worker_judge_watches(struct worker *w)
{
        struct worker_stream *t;
        size_t at = 0;

        while ((t = table_next(&w->streams, &at)))
                worker_grants_judge(w, worker_stream_live(t));
}

static int worker_on_parent(void *owner, struct chan *c, struct chan_message *m, struct err *e)
{
        struct worker *w = owner;
        struct unpack u = unpack_of(m->body);
        char stream[HEAD_PATH_MAX];

        (void)c;
        if (m->type == MESSAGE_ASSIGN)
                return worker_on_assign(w, m, e);
        if (m->type == MESSAGE_REASSIGN)
                return worker_on_reassign(w, m, e);
        if (m->type == MESSAGE_LEAVE)
                return worker_on_leave(w, m, e);
        if (m->type == MESSAGE_CRLS) {
                worker_grants_on_crls(w, m->body);
                worker_judge_watches(w);
                return 0;
        }
        unpack_string(&u, stream, sizeof stream);
        struct worker_stream *t = table_get(&w->streams, stream);
        if (t && !u.bad)
                worker_on_stream_message(t, m, &u); /* t may be gone after this */
        return u.bad ? err_set(e, ERR_PROTOCOL, "message %u from the parent: malformed", m->type)
                     : 0;
}

static void worker_on_linger(void *owner)
{
        struct worker *w = owner;

        loop_stop(w->loop);
}

/* Without its parent a worker seals and writes what it has, and ends. */
static void worker_on_parent_end(void *owner, struct chan *c, const struct err *e)
{
        struct worker *w = owner;
        struct worker_stream *t;
        size_t at = 0;

        log_info(NULL, "worker.parent_gone", "err=\"%s\"", e->text);
        w->parent = chan_free(c);
        if (w->streams.n == 0) {
                loop_stop(w->loop);
                return;
        }
        timer_start(&w->linger, w->loop, WORKER_LINGER_MS, 0, worker_on_linger, w);
        /* Stopping may take streams out of the table: start again after each that went at once. */
        for (size_t before = w->streams.n; (t = table_next(&w->streams, &at));) {
                worker_stream_stop(t);
                if (w->streams.n != before) {
                        before = w->streams.n;
                        at = 0;
                }
        }
}

/* What waited was allocated piece by piece; the allocator keeps it unless it is asked. */
static void worker_give_memory_back(struct worker *w)
{
        if (w->budget.used > w->budget_peak)
                w->budget_peak = w->budget.used;
        if (w->budget_peak < WORKER_TRIM_BYTES || w->budget.used > w->budget_peak / 4)
                return;
        w->budget_peak = w->budget.used;
        malloc_trim(0);
}

static void worker_on_report(void *owner)
{
        struct worker *w = owner;
        struct worker_stream *t;
        size_t at = 0;

        while ((t = table_next(&w->streams, &at))) {
                worker_stream_watch_overload(t);
                worker_stream_report(t);
        }
        worker_give_memory_back(w);
}

/* Too many cameras for the processor: recorder/worker_load. */
static void worker_on_second(struct worker *w)
{
        unsigned n = 0, room = (unsigned)w->streams.n;
        CLEANUP(own_freep)
        struct worker_load_stream *streams = xcalloc(room + 1, sizeof *streams);
        bool exhausted = worker_load_exhausted(&w->load);
        struct worker_stream *t;
        size_t at = 0;

        while (n < room && (t = table_next(&w->streams, &at)))
                worker_stream_load(t, &streams[n++]);
        unsigned changed = worker_load_second(&w->load, streams, n);
        if (!exhausted && worker_load_exhausted(&w->load))
                log_error(NULL, "worker.overloaded",
                        "streams=%u text=\"no stream is above its fair share any more\"", n);
        if (!changed)
                return;
        at = 0;
        for (unsigned i = 0; i < n && (t = table_next(&w->streams, &at)); i++)
                worker_stream_shed(t, streams[i].shed);
}

static void worker_on_beat(void *owner)
{
        struct worker *w = owner;
        int64_t now = clock_boot_us();
        int64_t late = (now - w->beat_us) / 1000 - WORKER_LOAD_BEAT_MS;

        w->beat_us = now;
        worker_load_beat(&w->load, late > 0 ? (uint64_t)late : 0);
        if (now - w->second_us < 1000000)
                return;
        w->second_us = now;
        chunk_pool_tick(w->pool);
        worker_on_second(w);
        worker_judge_watches(w);
}

static void worker_free(struct worker *w)
{
        struct worker_stream *t;
        size_t at = 0;

        while ((t = table_next(&w->streams, &at)))
                worker_stream_free(t);
        table_done(&w->streams);
        table_done(&w->trust); /* each went with the last stream that used it */
        timer_done(&w->report);
        timer_done(&w->linger);
        timer_done(&w->beat);
        w->parent = chan_free(w->parent);
        buf_done(&w->out);
        for (unsigned i = 0; i < w->lanes_n; i++)
                file_lane_free(w->lanes[i].lane);
        free(w->lanes);
        loop_free(w->loop); /* writes that end now give their chunks back */
        chunk_pool_free(w->pool);
        grant_trust_free(w->grant_trust);
}

/* For fragments: a bound, of which cameras take what they need. */
static size_t worker_chunk_bytes(const struct settings *s)
{
        long workers = settings_get(s, SETTINGS_WORKERS), pages = sysconf(_SC_PHYS_PAGES);
        size_t bytes = (size_t)settings_get(s, SETTINGS_CHUNK_MEMORY_MB) << 20;

        if (workers == 0)
                workers = sysconf(_SC_NPROCESSORS_ONLN);
        if (bytes == 0 && workers > 0 && pages > 0)
                bytes = (size_t)pages * (size_t)sysconf(_SC_PAGESIZE) / WORKER_CHUNK_PART /
                        (size_t)workers;
        return bytes < WORKER_CHUNK_MIN ? WORKER_CHUNK_MIN : bytes;
}

int worker_main(int argc, char **argv)
{
        static const struct chan_events events = { worker_on_parent, worker_on_parent_end };
        struct worker w = { 0 };
        struct role_options options;
        struct err e;

        if (role_start("worker", argc, argv, &options, &e) < 0)
                return confine_failed(&e);
        w.loop = loop_new();
        w.pool = chunk_pool_new(worker_chunk_bytes(&options.settings));
        w.budget.max = (size_t)settings_get(&options.settings, SETTINGS_QUEUE_MEMORY_MB) << 20;
        buf_init(&w.out, CHAN_BODY_MAX);
        w.parent = chan_new(w.loop, PROC_FIRST_FD, &events, &w);
        srtp_session_begin();
        if (grant_trust_read(options.state, &w.grant_trust, &e) < 0)
                log_error(
                        NULL, "grants.untrusted", "effect=\"nothing is shown\" err=\"%s\"", e.text);
        if (confine_role(SANDBOX_WORKER, NULL, 0, &e) < 0)
                return confine_failed(&e);
        timer_start(&w.report, w.loop, WORKER_REPORT_MS, WORKER_REPORT_MS, worker_on_report, &w);
        w.beat_us = w.second_us = clock_boot_us();
        timer_start(&w.beat, w.loop, WORKER_LOAD_BEAT_MS, WORKER_LOAD_BEAT_MS, worker_on_beat, &w);
        loop_run(w.loop);
        /* A disk that hangs is not waited for: nothing that matters is left but what it keeps. */
        if (worker_held_writes(&w)) {
                log_warn(NULL, "worker.writes_left", "n=%u", worker_held_writes(&w));
                _exit(0);
        }
        worker_free(&w);
        return 0;
}
