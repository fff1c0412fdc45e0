/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recorder/worker_stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/pack.h"
#include "base/str.h"
#include "crypto/random.h"
#include "ingest/liveness.h"
#include "os/clock.h"
#include "recorder/worker_alarm.h"
#include "recorder/worker_gaps.h"
#include "recorder/worker_gate.h"
#include "recorder/worker_grants.h"
#include "recorder/worker_hold.h"

struct worker_stream {
        struct worker *worker;
        struct log_ctx log;
        char path[HEAD_PATH_MAX];
        struct camera *camera;
        struct worker_trust *trust;    /* of the camera */
        struct camera_counters before; /* of cameras that were replaced */
        struct segment_writer *writer; /* NULL between seal channels */
        struct worker_hold hold;       /* for the next writer */
        struct worker_gate gate;
        struct chan *seal; /* NULL when it broke */
        bool stopping, writer_stopping;

        /* For making writers again. */
        char recorder[HEAD_TEXT_MAX], source[HEAD_TEXT_MAX];
        struct buf seal_cert, issuer_cert, root_cert;
        int64_t fragment_us, segment_us;
        uint32_t patience_ms;

        /* The key of the segment to come, until its file is there too. */
        struct segment_writer_grant grant;
        bool granting;

        bool connected; /* between on_start and on_lost: connection holds */
        struct camera_connection connection;
        int main; /* its main track */
        struct worker_gaps gaps;
        int64_t wall_boot_us;      /* wall minus boot clock at the last unit */
        struct liveness *liveness; /* owned; over all connections */
        struct worker_alarm alarm;

        /* Too much data, or too many cameras. */
        uint64_t overload_before; /* frames dropped by writers that were replaced, or here */
        uint64_t load_bytes, load_rate;
        bool shed;

        struct worker_live live;
        struct message_state state, told;
};

static void worker_stream_tell(struct worker_stream *t, uint16_t type, const struct buf *body)
{
        struct err e;

        if (t->worker->parent &&
                chan_send(t->worker->parent, type, buf_bytes(body), NULL, 0, &e) < 0)
                log_error(&t->log, "worker.parent_unreachable", "err=\"%s\"", e.text);
}

/* A message to the parent begins with the stream. */
static struct pack worker_stream_message(struct worker_stream *t)
{
        buf_clear(&t->worker->out);
        struct pack p = pack_to(&t->worker->out);
        pack_string(&p, t->path);
        return p;
}

static void worker_stream_say(struct worker_stream *t, uint16_t type)
{
        (void)worker_stream_message(t);
        worker_stream_tell(t, type, &t->worker->out);
}

static struct camera_counters worker_stream_counters(const struct worker_stream *t)
{
        return camera_counters_sum(t->before, camera_counters(t->camera));
}

struct worker_live *worker_stream_live(struct worker_stream *t)
{
        return &t->live;
}

void worker_stream_report(struct worker_stream *t)
{
        struct buf *out = &t->worker->out;

        if (t->camera) {
                t->state.state = (uint8_t)camera_state(t->camera);
                t->state.counters = worker_stream_counters(t);
        }
        if (memcmp(&t->state, &t->told, sizeof t->state) == 0)
                return;
        buf_clear(out);
        if (message_state_pack(&t->state, out, NULL) == 0)
                worker_stream_tell(t, MESSAGE_STATE, out);
        t->told = t->state;
}

static void worker_stream_set_error(struct worker_stream *t, const struct err *why)
{
        t->state.fault = why ? (uint8_t)why->fault : FAULT_NONE;
        str_escape(
                t->state.error, sizeof t->state.error, why ? bytes_str(why->text) : BYTES("", 0));
        worker_stream_report(t);
}

/* Segment writer */

/* False when there is no sealer to ask: the caller's writer is to be told. */
static bool worker_stream_ask(struct worker_stream *t, uint16_t type, struct bytes body)
{
        struct err e;

        if (!t->seal)
                return false;
        if (chan_send(t->seal, type, body, NULL, 0, &e) < 0)
                log_error(&t->log, "worker.sealer_unreachable", "err=\"%s\"", e.text);
        return true; /* where sending failed the channel is about to end, and that answers the
                        writer */
}

static const struct err worker_stream_no_sealer = { .code = ERR_UNAVAILABLE,
        .text = "the sealer is away" };

static void worker_stream_want_segment(void *owner, struct segment_writer *w)
{
        if (!worker_stream_ask(owner, MESSAGE_SEGMENT_OPEN, BYTES(NULL, 0)))
                segment_writer_not_granted(w, &worker_stream_no_sealer);
}

static void worker_stream_want_seal(
        void *owner, struct segment_writer *w, const struct seal *request)
{
        struct worker_stream *t = owner;
        struct buf *out = &t->worker->out;

        buf_clear(out);
        if (message_seal_request_pack(request, out, NULL) < 0 ||
                !worker_stream_ask(t, MESSAGE_SEAL, buf_bytes(out)))
                segment_writer_not_sealed(w, &worker_stream_no_sealer);
}

static void worker_stream_on_written(
        void *owner, struct segment_writer *w, const struct segment_writer_report *r)
{
        struct worker_stream *t = owner;
        struct buf *out = &t->worker->out;

        (void)w;
        worker_gate_drain(&t->gate);
        buf_clear(out);
        if (message_written_pack(t->path, r, out, NULL) == 0)
                worker_stream_tell(t, MESSAGE_WRITTEN, out);
        if (t->connected && t->state.error[0])
                worker_stream_set_error(t, NULL); /* what was wrong is over */
}

static void worker_stream_on_fault(void *owner, struct segment_writer *w, const struct err *why)
{
        struct worker_stream *t = owner;

        (void)w;
        log_error(&t->log, "record.fault", "err=\"%s\"", why->text);
        worker_stream_set_error(t, why);
}

/* Once a segment: the writer stops, and on_stopped follows. */
static void worker_stream_on_not_written(
        void *owner, struct segment_writer *w, const char *object_key, const struct err *why)
{
        struct worker_stream *t = owner;

        (void)w;
        log_error(&t->log, "record.not_written", "fault=%s err=\"%s\"", fault_name(why->fault),
                why->text);
        worker_stream_set_error(t, why);
        struct pack p = worker_stream_message(t);
        pack_string(&p, object_key);
        pack_u8(&p, (uint8_t)-why->code);
        pack_u8(&p, (uint8_t)why->fault);
        pack_string(&p, why->text);
        worker_stream_tell(t, MESSAGE_NOT_WRITTEN, &t->worker->out);
}

static void worker_stream_on_unused(void *owner, struct segment_writer *w, const char *object_key)
{
        struct worker_stream *t = owner;
        struct pack p = worker_stream_message(t);

        (void)w;
        pack_string(&p, object_key);
        worker_stream_tell(t, MESSAGE_UNUSED, &t->worker->out);
}

/* What is not lost with the disk is held for the writer that comes with the next seal channel. */
static void worker_stream_left(struct worker_stream *t, struct segment_writer *w)
{
        t->seal = chan_free(t->seal);
        explicit_bzero(&t->grant, sizeof t->grant);
        t->granting = false;
        if (t->connected)
                worker_hold_take_back(&t->hold, w, (int64_t)t->patience_ms * 1000);
}

static void worker_stream_on_stopped(void *owner, struct segment_writer *w)
{
        struct worker_stream *t = owner;

        if (segment_writer_left(w))
                worker_stream_left(t, w);
        t->overload_before += segment_writer_overload(w);
        t->writer = segment_writer_free(w);
        worker_stream_say(t, MESSAGE_RELEASED);
        if (t->stopping)
                worker_forget(t->worker, t->path); /* frees t */
}

static void worker_stream_begin(struct worker_stream *t)
{
        struct segment_writer_connection c = {
                .tracks_n = t->connection.tracks_n,
                .protection = t->connection.protection,
                .tls_version = t->connection.tls_version,
                .connected_us = t->connection.connected_us,
        };

        worker_gaps_tell(&t->gaps, clock_wall_us(), &c);
        memcpy(c.tracks, t->connection.tracks, t->connection.tracks_n * sizeof c.tracks[0]);
        memcpy(c.camera_key, t->connection.camera_key, sizeof c.camera_key);
        snprintf(c.source, sizeof c.source, "%s", t->source);
        segment_writer_begin(t->writer, &c);
}

static void worker_stream_make_writer(struct worker_stream *t)
{
        static const struct segment_writer_events events = { worker_stream_want_segment,
                worker_stream_want_seal, worker_stream_on_written, worker_stream_on_fault,
                worker_stream_on_not_written, worker_stream_on_stopped, worker_stream_on_unused };
        struct segment_writer_options o = { .loop = t->worker->loop,
                .pool = t->worker->pool,
                .stream = t->path,
                .recorder = t->recorder,
                .seal_cert = buf_bytes(&t->seal_cert),
                .issuer_cert = buf_bytes(&t->issuer_cert),
                .root_cert = buf_bytes(&t->root_cert),
                .fragment_us = t->fragment_us,
                .segment_us = t->segment_us,
                .budget = &t->worker->budget,
                .patience_ms = t->patience_ms };

        t->writer = segment_writer_new(&o, &events, t);
        t->writer_stopping = false;
}

/* Sealer */

static int worker_stream_on_key(struct worker_stream *t, struct bytes body, struct err *e)
{
        struct unpack u = unpack_of(body);

        unpack_copy(&u, t->grant.kid, 16);
        unpack_copy(&u, t->grant.hour_key_id, 16);
        unpack_copy(&u, t->grant.key, 16);
        if (!unpack_complete(&u))
                return err_set(e, ERR_PROTOCOL, "segment key: malformed message");
        t->granting = true;
        worker_stream_say(t, MESSAGE_FILE_WANTED);
        return 0;
}

static int worker_stream_on_refused(struct worker_stream *t, struct bytes body, struct err *e)
{
        struct unpack u = unpack_of(body);
        struct err why = { .code = ERR_DENIED };

        unpack_string(&u, why.text, sizeof why.text);
        if (!unpack_complete(&u))
                return err_set(e, ERR_PROTOCOL, "refusal: malformed message");
        log_error(&t->log, "record.seal_refused", "err=\"%s\"", why.text);
        segment_writer_not_sealed(t->writer, &why);
        return 0;
}

static int worker_stream_on_sealer(
        void *owner, struct chan *c, struct chan_message *m, struct err *e)
{
        struct worker_stream *t = owner;

        (void)c;
        if (m->type == MESSAGE_GRANTED)
                return worker_grants_on_granted(t->worker, &t->live, m->body, e);
        if (!t->writer)
                return 0;
        switch (m->type) {
        case MESSAGE_SEGMENT_KEY:
                return worker_stream_on_key(t, m->body, e);
        case MESSAGE_SEALED:
                segment_writer_sealed(t->writer, m->body);
                return 0;
        case MESSAGE_REFUSED:
                return worker_stream_on_refused(t, m->body, e);
        default:
                return err_set(e, ERR_PROTOCOL, "message %u from the sealer", m->type);
        }
}

/* t may be gone after this. */
static void worker_stream_stop_writer(struct worker_stream *t)
{
        if (t->writer_stopping)
                return;
        t->writer_stopping = true;
        segment_writer_stop(t->writer);
}

/* What was not sealed is lost; what was sealed is still written, and only then the parent may look
 * at the file. */
static void worker_stream_on_sealer_end(void *owner, struct chan *c, const struct err *e)
{
        struct worker_stream *t = owner;

        log_warn(&t->log, "record.sealer_lost", "err=\"%s\"", e->text);
        t->seal = chan_free(c);
        explicit_bzero(&t->grant, sizeof t->grant);
        t->granting = false;
        if (!t->writer)
                return;
        bool stopping = t->writer_stopping;
        segment_writer_denied(t->writer, &worker_stream_no_sealer);
        if (!stopping) /* else t may be gone */
                worker_stream_stop_writer(t);
}

/* The gate: what is recorded of what the camera sends */

static bool worker_stream_writes(const struct worker_stream *t)
{
        return t->connected && t->writer && !t->writer_stopping;
}

static void worker_stream_dropped(void *owner, uint32_t n)
{
        struct worker_stream *t = owner;

        t->overload_before += n;
        for (uint32_t i = 0; i < n && t->writer && !t->writer_stopping; i++)
                segment_writer_skip(t->writer, SEAL_GAP_OVERLOAD);
}

static int worker_stream_pass(
        void *owner, unsigned track, const struct access_unit *unit, struct err *e)
{
        struct worker_stream *t = owner;

        if (!t->writer || t->writer_stopping) {
                worker_hold_unit(&t->hold, &t->connection, track, unit);
                return 0;
        }
        worker_hold_note_config(&t->connection, track, unit);
        if (t->shed && (int)track == t->main && !unit->key) {
                worker_stream_dropped(t, 1);
                return 0;
        }
        return segment_writer_push(t->writer, track, unit, e);
}

static bool worker_stream_busy(void *owner)
{
        struct worker_stream *t = owner;

        return !t->writer || t->writer_stopping || segment_writer_busy(t->writer);
}

/* What is recorded until now is closed: nothing stays open for hours. */
static void worker_stream_close_gate(struct worker_stream *t)
{
        if (!worker_stream_writes(t)) {
                worker_gaps_close(&t->gaps, clock_wall_us());
                return;
        }
        segment_writer_end(t->writer);
        worker_gaps_begin(&t->gaps, SEAL_GAP_NOT_ASKED, segment_writer_last_us(t->writer));
}

void worker_stream_reseal(
        struct worker_stream *t, int seal_fd, unsigned gap_cause, int64_t gap_from_us)
{
        static const struct chan_events events = { worker_stream_on_sealer,
                worker_stream_on_sealer_end };

        if (t->writer || t->seal || t->stopping) {
                close(seal_fd);
                return;
        }
        t->seal = chan_new(t->worker->loop, seal_fd, &events, t);
        bool records = worker_gate_records(&t->gate), held = t->connected && t->hold.queue.head;
        int64_t unasked_us = worker_gaps_unasked_us(&t->gaps, clock_wall_us());
        worker_gaps_begin(&t->gaps, gap_cause, gap_from_us);
        t->gaps.unasked_from_us = t->gate.gate == MESSAGE_GATE_WAIT && !held ? unasked_us : 0;
        worker_stream_make_writer(t);
        if (!t->connected || (!held && !records))
                return;
        worker_stream_begin(t);
        worker_hold_release(&t->hold, &t->connection, t->writer);
        if (!records) /* that came before the gate was shut */
                worker_stream_close_gate(t);
        worker_gate_drain(&t->gate);
}

void worker_stream_set_gate(struct worker_stream *t, enum message_gate gate, uint32_t keep_ms)
{
        bool recorded = worker_gate_records(&t->gate);

        if (t->stopping)
                return;
        if (gate == MESSAGE_GATE_OPEN && t->gate.shortened)
                log_warn(&t->log, "record.keep_short",
                        "effect=\"less than asked for is kept before an event\"");
        t->gate.shortened = false;
        worker_gate_set(&t->gate, gate, keep_ms);
        bool records = worker_gate_records(&t->gate);
        if (recorded && !records)
                worker_stream_close_gate(t);
        else if (!recorded && records && worker_stream_writes(t))
                worker_stream_begin(t);
        else if (!recorded && records && !t->connected)
                worker_gaps_open(&t->gaps, clock_wall_us());
        worker_gate_drain(&t->gate);
}

void worker_stream_leave(struct worker_stream *t, uint32_t volume)
{
        if (t->writer)
                segment_writer_leave(t->writer, volume); /* t may be gone after this */
}

/* Too much data */

static void worker_stream_show_alarm(struct worker_stream *t)
{
        uint8_t alarm = (uint8_t)worker_alarm_fault(&t->alarm);

        if (t->state.alarm == alarm)
                return;
        t->state.alarm = alarm;
        t->state.alarm_since_us = alarm ? clock_wall_us() : 0;
        worker_stream_report(t);
}

void worker_stream_watch_overload(struct worker_stream *t)
{
        uint64_t frames = t->overload_before + (t->writer ? segment_writer_overload(t->writer) : 0);

        switch (worker_alarm_overload(&t->alarm, frames, t->shed, clock_boot_us())) {
        case WORKER_ALARM_BEGAN:
                log_warn(&t->log, "record.overload", "frames=%llu why=\"%s\"",
                        (unsigned long long)worker_alarm_dropped(&t->alarm),
                        t->shed ? "the processor does not keep up" : "no memory for them");
                break;
        case WORKER_ALARM_ENDED:
                log_info(&t->log, "record.overload_over", "frames=%llu",
                        (unsigned long long)worker_alarm_dropped(&t->alarm));
                break;
        case WORKER_ALARM_SAME:
                break;
        }
        worker_stream_show_alarm(t);
}

void worker_stream_load(struct worker_stream *t, struct worker_load_stream *ret)
{
        uint64_t bytes = t->camera ? worker_stream_counters(t).bytes : t->load_bytes;
        uint64_t now = bytes - t->load_bytes;

        t->load_bytes = bytes;
        t->load_rate = (3 * t->load_rate + now) / 4; /* a camera's groups come in bursts */
        *ret = (struct worker_load_stream){ t->path, t->load_rate, t->shed };
}

void worker_stream_shed(struct worker_stream *t, bool shed)
{
        if (t->shed == shed)
                return;
        t->shed = shed;
        log_warn(&t->log, shed ? "record.key_frames_only" : "record.all_frames",
                "rate_kbit=%llu why=\"the processor does not keep up\"",
                (unsigned long long)t->load_rate * 8 / 1000);
        worker_stream_watch_overload(t);
}

/* Camera */

/* Which kind is all that a worker can ask for: the address is what the inventory says. */
static void worker_stream_need_socket(void *owner, struct camera *c, enum camera_socket kind)
{
        struct worker_stream *t = owner;
        struct pack p = worker_stream_message(t);

        (void)c;
        pack_u8(&p, (uint8_t)kind);
        worker_stream_tell(t, MESSAGE_CONNECT, &t->worker->out);
        worker_stream_report(t);
}

static void worker_stream_on_start(
        void *owner, struct camera *c, const struct camera_connection *connection)
{
        struct worker_stream *t = owner;

        (void)c;
        t->connected = true;
        t->connection = *connection;
        t->main = media_config_main_track(connection->tracks, connection->tracks_n);
        worker_hold_reset(&t->hold);
        worker_gate_begin(&t->gate);
        liveness_restart(t->liveness);
        t->wall_boot_us = clock_wall_us() - clock_boot_us();
        t->state.protection = connection->protection;
        t->state.tls_version = connection->tls_version;
        t->state.connected_us = connection->connected_us;
        t->state.from_us = connection->from_us;
        t->state.until_us = connection->until_us;
        memcpy(t->state.tls_cipher, connection->tls_cipher, sizeof t->state.tls_cipher);
        memcpy(t->state.camera_key, connection->camera_key, sizeof t->state.camera_key);
        worker_stream_set_error(t, NULL);
        if (worker_stream_writes(t) && worker_gate_records(&t->gate))
                worker_stream_begin(t);
}

/* Frames before and after a step of the wall clock never share a segment: the next one begins with
 * the very frame behind it. True where that is for the writer to do. */
static bool worker_stream_watch_clock(
        struct worker_stream *t, unsigned track, const struct access_unit *unit)
{
        int64_t wall_us = clock_wall_us();
        int64_t step = worker_gaps_clock_step(&t->wall_boot_us, wall_us, clock_boot_us(),
                unit->arrival_us, (int)track == t->main);

        if (step == 0 || (int)track != t->main)
                return step != 0;
        log_warn(&t->log, "clock.step", "step_ms=%lld", (long long)step / 1000);
        worker_gate_flush(&t->gate);
        if (t->gate.gate != MESSAGE_GATE_OPEN && !worker_gate_records(&t->gate))
                worker_gaps_step(&t->gaps, wall_us - step, wall_us);
        return worker_gate_records(&t->gate);
}

/* Footage that was seen before is recorded all the same: it is what the camera sent. That it was so
 * is said at once, here and in the status. */
static void worker_stream_watch_liveness(
        struct worker_stream *t, unsigned track, const struct access_unit *unit)
{
        if (!media_is_video(t->connection.tracks[track].codec))
                return;
        enum fault alarm = liveness_push(t->liveness, unit, clock_boot_us());
        if (t->alarm.liveness == alarm)
                return;
        worker_alarm_liveness(&t->alarm, alarm, &t->log);
        worker_stream_show_alarm(t);
}

static int worker_stream_on_unit(void *owner, struct camera *c, unsigned track,
        const struct access_unit *unit, struct err *e)
{
        struct worker_stream *t = owner;

        worker_stream_watch_liveness(t, track, unit);
        if (t->live.watch.n)
                worker_live_unit(&t->live, c, track, unit);
        struct access_unit u = *unit;
        u.clock_stepped = worker_stream_writes(t) && worker_stream_watch_clock(t, track, unit);
        return worker_gate_unit(&t->gate, track, &u, e);
}

/* What came until now is closed; the next connection begins with a gap. */
static void worker_stream_disconnected(struct worker_stream *t)
{
        worker_gate_flush(&t->gate);
        if (worker_stream_writes(t) && worker_gate_records(&t->gate)) {
                segment_writer_end(t->writer);
                worker_gaps_begin(
                        &t->gaps, SEAL_GAP_CAMERA_LOST, segment_writer_last_us(t->writer));
        }
        t->connected = false;
        worker_live_disconnected(&t->live);
        worker_hold_reset(&t->hold);
        t->state.protection = PROTECTION_OPEN;
        t->state.tls_version = 0;
}

static void worker_stream_on_lost(void *owner, struct camera *c, const struct err *why)
{
        struct worker_stream *t = owner;

        (void)c;
        worker_stream_disconnected(t);
        worker_stream_set_error(t, why);
}

void worker_stream_socket(struct worker_stream *t, int fd)
{
        if (t->camera)
                camera_socket(t->camera, fd);
        else
                close(fd);
}

void worker_stream_datagrams(struct worker_stream *t, const int fds[static 2], uint16_t port)
{
        if (t->camera) {
                camera_datagrams(t->camera, fds, port);
                return;
        }
        close(fds[0]);
        close(fds[1]);
}

void worker_stream_no_socket(struct worker_stream *t, const struct err *why)
{
        if (t->camera)
                camera_no_socket(t->camera, why);
}

void worker_stream_file(
        struct worker_stream *t, int fd, uint32_t volume, bool direct, const char *object_key)
{
        struct file_lane *lane = worker_lane(t->worker, volume);

        if (!t->granting || !t->writer) {
                file_lane_close(lane, fd, -1);
                return;
        }
        struct segment_writer_grant grant = t->grant;
        explicit_bzero(&t->grant, sizeof t->grant);
        t->granting = false;
        grant.fd = fd;
        grant.volume = volume;
        grant.lane = lane;
        grant.direct = direct;
        snprintf(grant.object_key, sizeof grant.object_key, "%s", object_key);
        segment_writer_granted(t->writer, &grant);
        explicit_bzero(&grant, sizeof grant);
}

void worker_stream_no_file(struct worker_stream *t, const struct err *why)
{
        bool waiting = t->granting && t->writer;

        if (waiting && why->fault) /* until something is written again */
                worker_stream_set_error(t, why);
        explicit_bzero(&t->grant, sizeof t->grant);
        t->granting = false;
        if (waiting)
                segment_writer_not_granted(t->writer, why);
}

static int worker_stream_copy(struct buf *to, struct bytes from, struct err *e)
{
        buf_init(to, 16384);
        return buf_append(to, from, e);
}

static int worker_stream_make_camera(
        struct worker_stream *t, const struct message_assign *a, struct err *e)
{
        static const struct camera_events events = { worker_stream_need_socket,
                worker_stream_on_start, worker_stream_on_unit, worker_stream_on_lost };
        struct camera_options o = { .name = t->path,
                .url = a->url,
                .user = a->user[0] ? a->user : NULL,
                .password = a->user[0] ? &a->password : NULL,
                .transport = (enum camera_transport)a->transport,
                .carrier = (enum camera_carrier)a->carrier,
                .pin = a->transport == CAMERA_TLS_PINNED ? a->pin : NULL,
                .without_audio = a->without_audio,
                .pace_ms = a->pace_ms,
                .mbit_max = a->mbit_max,
                .times = { .idle_ms = a->idle_ms, .last_ms = a->backoff_max_ms } };

        int r = worker_trust_take(t->worker, a, &t->trust, e);
        if (r < 0)
                return r;
        o.tls = t->trust->config;
        snprintf(t->source, sizeof t->source, "%.511s", a->url);
        t->live.pace_ms = a->pace_ms;
        t->camera = camera_new(t->worker->loop, &o, &events, t);
        return 0;
}

int worker_stream_new(struct worker *w, const struct message_assign *a, int seal_fd,
        struct worker_stream **ret, struct err *e)
{
        struct worker_stream *t = xcalloc(1, sizeof *t);
        static const struct worker_gate_events gate_events = { worker_stream_pass,
                worker_stream_dropped, worker_stream_busy };
        uint8_t key[LIVENESS_KEY_BYTES];

        random_bytes(key, sizeof key);
        t->liveness = liveness_new(key);
        worker_gate_init(
                &t->gate, &t->connection, &w->budget, WORKER_GATE_KEEP_MAX, &gate_events, t);
        t->worker = w;
        snprintf(t->path, sizeof t->path, "%s", a->stream);
        worker_live_init(&t->live, w, t->path);
        snprintf(t->log.prefix, sizeof t->log.prefix, "cam=%.90s", a->stream);
        snprintf(t->state.stream, sizeof t->state.stream, "%s", a->stream);
        snprintf(t->recorder, sizeof t->recorder, "%s", a->recorder);
        t->fragment_us = (int64_t)a->fragment_ms * 1000;
        t->segment_us = (int64_t)a->segment_s * 1000000;
        t->patience_ms = a->patience_ms;
        t->hold.queue.budget = &w->budget;
        int r = worker_stream_copy(&t->seal_cert, a->seal_cert, e);
        if (r == 0)
                r = worker_stream_copy(&t->issuer_cert, a->issuer_cert, e);
        if (r == 0)
                r = worker_stream_copy(&t->root_cert, a->root_cert, e);
        if (r == 0)
                r = worker_stream_make_camera(t, a, e);
        if (r < 0) {
                close(seal_fd);
                worker_stream_free(t);
                return r;
        }
        worker_gate_set(&t->gate, (enum message_gate)a->gate, a->keep_ms);
        worker_stream_reseal(t, seal_fd, a->gap_cause, a->gap_from_us);
        camera_start(t->camera);
        *ret = t;
        return 0;
}

void worker_stream_reassign(struct worker_stream *t, const struct message_assign *a)
{
        struct err e;

        if (t->stopping)
                return;
        if (t->camera)
                t->before = worker_stream_counters(t);
        worker_live_camera_gone(&t->live);
        t->camera = camera_free(t->camera);
        worker_trust_drop(t->worker, TAKE(t->trust));
        worker_stream_disconnected(t);
        if (worker_stream_make_camera(t, a, &e) < 0) {
                log_error(&t->log, "worker.assign_failed", "err=\"%s\"", e.text);
                t->state.state = CAMERA_STOPPED;
                worker_stream_set_error(t, &e);
                return;
        }
        worker_stream_set_error(t, NULL);
        camera_start(t->camera);
}

struct worker_stream *worker_stream_free(struct worker_stream *t)
{
        if (!t)
                return NULL;
        camera_free(t->camera);
        worker_trust_drop(t->worker, t->trust);
        segment_writer_free(t->writer);
        chan_free(t->seal);
        liveness_free(t->liveness);
        worker_hold_done(&t->hold);
        worker_gate_done(&t->gate);
        worker_live_done(&t->live);
        buf_done(&t->seal_cert);
        buf_done(&t->issuer_cert);
        buf_done(&t->root_cert);
        explicit_bzero(t, sizeof *t);
        free(t);
        return NULL;
}

void worker_stream_stop(struct worker_stream *t)
{
        if (t->stopping)
                return;
        worker_gate_flush(&t->gate);
        t->stopping = true;
        worker_live_camera_gone(&t->live);
        t->camera = camera_free(t->camera);
        if (t->writer) {
                worker_stream_stop_writer(t);
                return;
        }
        worker_stream_say(t, MESSAGE_RELEASED); /* the parent waits for it */
        worker_forget(t->worker, t->path);
}
