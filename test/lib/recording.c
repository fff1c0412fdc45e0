/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recording.h"

#include "os/file_ops.h"
#include "vault/index_tail.h"
#include "vault/rebuild.h"
#include "vault/vault_tail.h"
#include "vault/vault_walk.h"
#include "vault_owner.c"

#define BOOT_US INT64_C(10000000)

static const char *const recording_names[RECORDING_STREAMS] = { "gate-main", "lobby-main" };

const char *recording_stream_name(unsigned number)
{
        return recording_names[number];
}

struct recording_site *recording_site_new(void)
{
        struct recording_site *s = xcalloc(1, sizeof *s);

        s->site = segment_builder_site_new("test");
        hpke_generate(s->private_key, s->public_key);
        return s;
}

struct recording_site *recording_site_free(struct recording_site *s)
{
        segment_builder_site_free(s->site);
        free(s);
        return NULL;
}

static int recording_note(struct recording *r, int result, const struct err *e)
{
        if (result < 0) {
                r->failed_n++;
                r->fault = *e;
        }
        return result;
}

/* --- syncing --- */

struct recording_wait {
        bool done;
        int result;
        struct err err;
};

static void recording_on_synced(void *owner, int result, const struct err *e)
{
        struct recording_wait *w = owner;

        w->done = true;
        w->result = result;
        if (result < 0)
                w->err = *e;
}

static int recording_sync_disk(struct recording *r, struct err *e)
{
        CLEANUP(own_closep) int fd = open(r->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        struct recording_wait wait = { 0 };

        if (fd < 0)
                return err_os(e, ERR_IO, errno, "open %s", r->dir);
        file_sync_start(r->loop, fd, recording_on_synced, &wait);
        while (!wait.done)
                uv_run(loop_uv(r->loop), UV_RUN_ONCE);
        if (wait.result < 0)
                *e = wait.err;
        return wait.result;
}

/* What was written before it began is durable when it ends: then the index and the notary learn of
 * it. */
static int recording_sync(struct recording *r, struct err *e)
{
        for (unsigned i = 0; i < RECORDING_STREAMS; i++)
                r->streams[i].syncing_n = r->streams[i].written_n;
        int result = recording_note(r, recording_sync_disk(r, e), e);
        if (result < 0)
                return result;
        result = index_begin(r->index, e);
        for (unsigned i = 0; i < RECORDING_STREAMS; i++) {
                struct recording_stream *s = &r->streams[i];
                for (unsigned k = 0; k < s->syncing_n; k++) {
                        if (result == 0)
                                result = index_durable(r->index, s->name, &s->written[k], e);
                        if (s->has_notary)
                                notary_durable(
                                        &s->notary, s->written[k].epoch, s->written[k].sequence);
                        if (r->on_durable)
                                r->on_durable(r->owner, s, &s->written[k]);
                }
                s->written_n -= s->syncing_n;
                memmove(s->written, s->written + s->syncing_n, s->written_n * sizeof *s->written);
        }
        return result < 0 ? result : index_commit(r->index, e);
}

/* --- keys and files --- */

/* Durable before a segment that needs it gets its key. */
static int recording_hour(struct recording_stream *s, struct err *e)
{
        struct recording *r = s->recording;
        struct key_store_recipient to = { .kind = "recorder" };
        char hour[KEY_STORE_HOUR_ROOM], name[256];
        CLEANUP(buf_done) struct buf text;

        buf_init(&text, KEY_STORE_FILE_MAX);
        key_store_hour(r->now_us, hour);
        if (strcmp(hour, s->hour) == 0)
                return 0;
        random_bytes(s->hour_key, sizeof s->hour_key);
        seal_hour_key_id(s->hour_key, s->name, s->hour_key_id);
        memcpy(to.public_key, r->site->public_key, sizeof to.public_key);
        int result = key_store_wrap(s->name, hour, s->hour_key, &to, 1, &text, e);
        key_store_path(s->name, hour, s->hour_key_id, name, sizeof name);
        CLEANUP(own_freep) char *path = xasprintf("%s/%s", r->dir, name);
        CLEANUP(own_freep) char *dir = xasprintf("%.*s", (int)(strrchr(path, '/') - path), path);
        if (result == 0)
                result = file_make_dirs(dir, 0700, e);
        if (result == 0)
                result = file_write_atomic(path, buf_bytes(&text), 0600, e);
        if (result == 0)
                result = recording_sync_disk(r, e);
        if (result == 0)
                snprintf(s->hour, sizeof s->hour, "%s", hour);
        return result;
}

static int recording_file(struct recording_stream *s, struct segment_writer_grant *g, struct err *e)
{
        struct recording *r = s->recording;
        char time[STR_TIME_ROOM];
        int result = ERR_STATE;

        str_time(time, r->now_us);
        CLEANUP(own_freep)
        char *dir = xasprintf("%s/%s/%.10s/%.2s", r->dir, s->name, time, time + 11);
        if (file_make_dirs(dir, 0700, e) < 0)
                return e->code;
        CLEANUP(own_closep) int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
        for (unsigned n = 0; result == ERR_STATE; n++) {
                CLEANUP(own_freep)
                char *name = xasprintf("%.2s-%.6sZ.%u.mp4", time + 14, time + 17, n);
                result = file_create_segment(fd, name, RESERVE, &g->fd, &g->direct, e);
                snprintf(g->object_key, sizeof g->object_key, "%s/%.10s/%.2s/%s", s->name, time,
                        time + 11, name);
        }
        if (result == 0)
                result = index_created(r->index, 0, s->name, g->object_key, r->now_us, e);
        return result;
}

static void recording_want_segment(void *owner, struct segment_writer *w)
{
        struct recording_stream *s = owner;
        struct segment_writer_grant g = { .fd = -1 };
        struct err e;

        int result = recording_hour(s, &e);
        if (result == 0)
                result = recording_file(s, &g, &e);
        if (recording_note(s->recording, result, &e) < 0) {
                own_closep(&g.fd);
                segment_writer_not_granted(w, &e);
                return;
        }
        const struct notary_segment *drawn = notary_draw(&s->notary, s->hour_key);
        g.lane = s->recording->lane;
        memcpy(g.kid, drawn->kid, sizeof g.kid);
        memcpy(g.key, drawn->key, sizeof g.key);
        memcpy(g.hour_key_id, s->hour_key_id, sizeof g.hour_key_id);
        snprintf(s->newest, sizeof s->newest, "%s", g.object_key);
        segment_writer_granted(w, &g);
}

static void recording_want_seal(void *owner, struct segment_writer *w, const struct seal *request)
{
        struct recording_stream *s = owner;
        struct recording *r = s->recording;
        CLEANUP(buf_done) struct buf payload;
        struct err e;

        buf_init(&payload, SEAL_BYTES_MAX);
        if (recording_note(r,
                    notary_seal(&s->notary, request, r->now_us, r->now_us + r->boot_us,
                            r->site->site->seal_key, &payload, &e),
                    &e) < 0) {
                segment_writer_not_sealed(w, &e);
                return;
        }
        s->sealed_n++;
        segment_writer_sealed(w, buf_bytes(&payload));
}

static void recording_on_written(
        void *owner, struct segment_writer *w, const struct segment_writer_report *report)
{
        struct recording_stream *s = owner;

        (void)w;
        if (s->written_n == RECORDING_NAMES)
                abort();
        s->sealed_n -= s->sealed_n > 0;
        s->written[s->written_n++] = *report;
}

static void recording_on_fault(void *owner, struct segment_writer *w, const struct err *why)
{
        struct recording_stream *s = owner;

        (void)w;
        s->faulted = true;
        s->sealed_n = 0;
        s->recording->faults_n++;
        recording_note(s->recording, why->code, why);
}

/* The writer ends by itself then. */
static void recording_on_not_written(
        void *owner, struct segment_writer *w, const char *object_key, const struct err *why)
{
        (void)object_key;
        recording_on_fault(owner, w, why);
}

static void recording_on_stopped(void *owner, struct segment_writer *w)
{
        struct recording_stream *s = owner;

        s->writer = segment_writer_free(w);
        s->stopped = true;
}

static void recording_on_unused(void *owner, struct segment_writer *w, const char *object_key)
{
        struct recording_stream *s = owner;
        CLEANUP(own_freep) char *path = xasprintf("%s/%s", s->recording->dir, object_key);
        struct err e;

        (void)w;
        if (recording_note(s->recording, file_unlink(path, &e), &e) == 0)
                recording_note(s->recording, index_remove(s->recording->index, object_key, &e), &e);
}

/* --- streams --- */

static void recording_new_writer(struct recording_stream *s)
{
        static const struct segment_writer_events events = { recording_want_segment,
                recording_want_seal, recording_on_written, recording_on_fault,
                recording_on_not_written, recording_on_stopped, recording_on_unused };
        const struct recording *r = s->recording;
        const struct segment_builder_site *site = r->site->site;
        struct segment_writer_options options = { .loop = r->loop,
                .pool = r->pool,
                .stream = s->name,
                .recorder = site->recorder,
                .seal_cert = buf_bytes(&site->seal_cert),
                .issuer_cert = buf_bytes(&site->issuer),
                .root_cert = buf_bytes(&site->root),
                .fragment_us = RECORDING_FRAGMENT_US,
                .segment_us = RECORDING_SEGMENT_US };

        s->writer = segment_writer_new(&options, &events, s);
        s->sealed_n = 0;
        s->stopped = false;
}

static void recording_connect(struct recording_stream *s, unsigned cause, int64_t from_us)
{
        struct segment_writer_connection *c = xcalloc(1, sizeof *c);

        c->tracks_n = 1;
        c->tracks[0] = vault_owner_h264;
        c->protection = PROTECTION_VERIFIED;
        c->tls_version = 0x0304;
        c->connected_us = s->recording->now_us;
        snprintf(c->source, sizeof c->source, "rtsps://192.0.2.7/main");
        c->gap_cause = cause;
        c->gap_from_us = from_us;
        segment_writer_begin(s->writer, c);
        free(c);
}

/* As the parent gives a stream to a worker: the end on the disk is where it goes on. */
static int recording_place(struct recording_stream *s, unsigned cause, struct err *e)
{
        struct recording *r = s->recording;
        struct vault_tail tail;

        int result = vault_tail_read(r->dir, s->name, s->newest, NULL, &tail, e);
        if (result < 0)
                return result;
        s->found = tail.last;
        s->found_us = tail.empty ? SEAL_UNKNOWN_US : tail.last_arrival_us;
        result = notary_open(&s->notary, &s->found, s->found_us, e);
        if (result < 0)
                return result;
        recording_new_writer(s);
        recording_connect(s, tail.empty ? SEAL_GAP_START : cause, s->found_us);
        s->begun = true;
        s->faulted = false;
        return 0;
}

/* --- a start --- */

/* As the parent takes what a volume says: the row of this segment is final. */
static int recording_put_tail(
        struct recording *r, const char *stream, const struct vault_tail *tail, struct err *e)
{
        struct index_segment row = { .created_us = vault_walk_time_of(tail->object_key) };

        int result = index_tail_find(r->index, tail->object_key, &row, e);
        if (result < 0 && result != ERR_NOT_FOUND)
                return result;
        snprintf(row.stream, sizeof row.stream, "%s", stream);
        snprintf(row.object_key, sizeof row.object_key, "%s", tail->object_key);
        row.first_us = tail->first_arrival_us;
        row.last_us = tail->last_arrival_us;
        row.first_seq = tail->last.sequence + 1 - tail->fragments;
        row.last_seq = tail->last.sequence;
        row.bytes = tail->bytes;
        row.fragments = tail->fragments;
        row.closed = tail->closed;
        row.ended = true;
        memcpy(row.epoch, tail->last.epoch, sizeof row.epoch);
        memcpy(row.last_hash, tail->last.hash, sizeof row.last_hash);
        return index_put(r->index, &row, e);
}

static int recording_on_open(void *owner, const struct index_segment *row, struct err *e)
{
        (void)e;
        *(struct index_segment *)owner = *row;
        return 1;
}

/* The end by the directories, then each row that has not ended by itself. */
static int recording_settle_stream(struct recording *r, const char *stream, struct err *e)
{
        struct index_segment row = { 0 };
        struct vault_tail tail;

        int result = index_newest(r->index, stream, &row, e);
        if (result < 0 && result != ERR_NOT_FOUND)
                return result;
        result = vault_tail_read(r->dir, stream, row.object_key, NULL, &tail, e);
        if (result == 0 && !tail.empty)
                result = recording_put_tail(r, stream, &tail, e);
        while (result == 0 &&
                (result = index_tail_open(r->index, stream, 0, recording_on_open, &row, e)) > 0) {
                result = vault_tail_read_one(r->dir, stream, row.object_key, &tail, e);
                if (result == 0)
                        result = tail.empty ? index_remove(r->index, row.object_key, e)
                                            : recording_put_tail(r, stream, &tail, e);
        }
        return result;
}

static int recording_open_index(struct recording *r, struct err *e)
{
        struct volume_list volumes = { .n = 1, .entries = { { .name = "main" } } };
        struct err why;
        int result = 0;

        snprintf(volumes.entries[0].path, sizeof volumes.entries[0].path, "%s", r->dir);
        r->again = index_open(r->dir, &r->index, &why) == 0;
        if (!r->again)
                result = rebuild_index(r->dir, &volumes, NULL, NULL, NULL, e);
        if (result == 0 && !r->again)
                result = index_open(r->dir, &r->index, e);
        for (unsigned i = 0; i < RECORDING_STREAMS && result == 0; i++)
                result = recording_settle_stream(r, recording_names[i], e);
        return result;
}

int recording_open(struct recording *r, const char *dir, const struct recording_site *site,
        int64_t now_us, struct err *e)
{
        *r = (struct recording){ .site = site, .now_us = now_us, .boot_us = BOOT_US - now_us };
        snprintf(r->dir, sizeof r->dir, "%s", dir);
        r->loop = loop_new();
        r->lane = file_lane_new(r->loop);
        r->pool = chunk_pool_new(64u << 20);
        int result = file_make_dirs(dir, 0700, e);
        if (result == 0)
                result = recording_open_index(r, e);
        for (unsigned i = 0; i < RECORDING_STREAMS; i++) {
                struct recording_stream *s = &r->streams[i];
                struct index_segment newest;

                s->recording = r;
                s->number = i;
                snprintf(s->name, sizeof s->name, "%s", recording_names[i]);
                if (result == 0 && index_newest(r->index, s->name, &newest, NULL) == 0)
                        snprintf(s->newest, sizeof s->newest, "%s", newest.object_key);
        }
        return result;
}

int recording_begin(struct recording *r, struct err *e)
{
        int result = 0;

        for (unsigned i = 0; i < RECORDING_STREAMS && result == 0; i++) {
                struct recording_stream *s = &r->streams[i];
                uint8_t epoch[16];

                random_bytes(epoch, sizeof epoch);
                notary_init(&s->notary, s->name, epoch);
                s->has_notary = true;
                result = recording_place(s, SEAL_GAP_UNCLEAN_STOP, e);
        }
        return result;
}

static bool recording_busy(const struct recording *r)
{
        for (unsigned i = 0; i < RECORDING_STREAMS; i++) {
                if (r->streams[i].sealed_n)
                        return true;
        }
        return false;
}

static void recording_settle(struct recording *r)
{
        for (unsigned i = 0; i < 20000 && recording_busy(r); i++)
                uv_run(loop_uv(r->loop), UV_RUN_ONCE);
        uv_run(loop_uv(r->loop), UV_RUN_NOWAIT);
}

/* A writer whose file failed: sealed on behind what is on the disk, as after a volume that was
 * left. */
static void recording_mend(struct recording_stream *s)
{
        struct recording *r = s->recording;
        struct err e;

        if (s->writer) {
                s->writer = segment_writer_free(s->writer);
                uv_run(loop_uv(r->loop), UV_RUN_NOWAIT);
        }
        if (recording_note(r, recording_place(s, SEAL_GAP_DISK, &e), &e) < 0)
                s->begun = false;
}

static void recording_frame(struct recording_stream *s, bool key)
{
        struct recording *r = s->recording;
        CLEANUP(buf_done) struct buf frame;
        struct err e;

        buf_init(&frame, 1u << 20);
        vault_owner_frame(++r->seed * RECORDING_STREAMS + s->number, key, key ? 6000 : 700, &frame);
        struct access_unit u = { .data = buf_bytes(&frame),
                .pts = (r->now_us - VAULT_OWNER_START_US) * 9 / 100,
                .key = key,
                .arrival_us = r->now_us,
                .sender_us = INT64_MIN };
        if (s->writer && s->begun)
                recording_note(r, segment_writer_push(s->writer, 0, &u, &e), &e);
        s->last_us = r->now_us;
}

void recording_play(struct recording *r, unsigned seconds)
{
        struct err e;

        for (unsigned i = 0; i < 25 * seconds; i++) {
                for (unsigned k = 0; k < RECORDING_STREAMS; k++) {
                        struct recording_stream *s = &r->streams[k];
                        bool key = i % RECORDING_GROUP == 0;
                        if (key && (s->faulted || !s->begun))
                                recording_mend(s);
                        recording_frame(s, key);
                }
                r->now_us += 40000;
                if (r->on_frame)
                        r->on_frame(r->owner);
                recording_settle(r);
                if (i % 25 == 12)
                        recording_note(r, recording_sync(r, &e), &e);
        }
}

void recording_run_ms(struct recording *r, unsigned ms)
{
        uint64_t until = uv_hrtime() + ms * UINT64_C(1000000);

        while (uv_hrtime() < until) {
                uv_run(loop_uv(r->loop), UV_RUN_NOWAIT);
                usleep(2000);
        }
}

void recording_reconnect(struct recording *r, unsigned stream)
{
        struct recording_stream *s = &r->streams[stream];

        if (!s->writer)
                return;
        segment_writer_end(s->writer);
        recording_settle(r);
        if (s->writer) /* its disk did not fail */
                recording_connect(s, SEAL_GAP_CAMERA_LOST, segment_writer_last_us(s->writer));
}

void recording_stop(struct recording *r)
{
        struct err e;

        for (unsigned i = 0; i < RECORDING_STREAMS; i++) {
                struct recording_stream *s = &r->streams[i];
                if (!s->writer)
                        continue;
                segment_writer_stop(s->writer);
                for (unsigned k = 0; k < 20000 && !s->stopped; k++)
                        uv_run(loop_uv(r->loop), UV_RUN_ONCE);
                if (!s->stopped)
                        abort();
        }
        recording_note(r, recording_sync(r, &e), &e);
}

void recording_done(struct recording *r)
{
        for (unsigned i = 0; i < RECORDING_STREAMS; i++) {
                segment_writer_free(r->streams[i].writer);
                if (r->streams[i].has_notary)
                        notary_done(&r->streams[i].notary);
        }
        file_lane_free(r->lane);
        loop_free(r->loop);
        if (chunk_pool_in_use(r->pool) != 0)
                abort(); /* a chunk was not given back */
        chunk_pool_free(r->pool);
        index_free(r->index);
        *r = (struct recording){ 0 };
}
