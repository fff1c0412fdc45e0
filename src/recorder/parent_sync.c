/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Disk work of the parent, all of it in libuv's pool: new segment files, key files, and the group
 * sync. What was reported written before a sync began is durable when it ends: then it goes into
 * the index and to the sealer.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/pack.h"
#include "base/str.h"
#include "os/clock.h"
#include "os/file.h"
#include "recorder/parent.h"
#include "vault/index.h"
#include "vault/key_store.h"

#define PARENT_SYNC_KEY_DELAY_MS 5
#define PARENT_SYNC_RESERVE_BYTES                                                                  \
        (32u << 20) /* set aside on disk for a segment; what is not used is given back at close */
#define PARENT_SYNC_NAMES_MAX 1000 /* segments of one stream within one millisecond */

struct parent_sync_report {
        char stream[HEAD_PATH_MAX];
        struct segment_writer_report report;
};

struct parent_sync_key_ack {
        struct parent_sync_key_ack *next;
        char stream[HEAD_PATH_MAX], path[HEAD_KEY_MAX];
};

struct parent_sync {
        struct parent *parent;
        struct timer tick, key_tick;
        struct parent_sync_report *written; /* since the last sync began */
        size_t written_n, written_room;
        struct parent_sync_report *syncing; /* of the sync under way */
        size_t syncing_n, syncing_room;
        struct parent_sync_key_ack *keys_written, *keys_syncing;
        unsigned jobs; /* in the pool */
        bool running;
        bool finishing;
};

static void parent_sync_start(struct parent_sync *s);

/* Group sync */

static void parent_sync_ack_keys(struct parent_sync *s, bool durable)
{
        struct parent *p = s->parent;

        while (s->keys_syncing) {
                struct parent_sync_key_ack *k = s->keys_syncing;
                s->keys_syncing = k->next;
                if (durable && p->sealer) {
                        buf_clear(&p->out);
                        struct pack out = pack_to(&p->out);
                        pack_string(&out, k->stream);
                        pack_string(&out, k->path);
                        if (chan_send(p->sealer, MESSAGE_KEY_STORED, buf_bytes(&p->out), NULL, 0,
                                    NULL) < 0)
                                log_error(NULL, "sealer.unreachable", "");
                }
                free(k);
        }
}

static void parent_sync_tell_sealer(struct parent *p, const struct parent_sync_report *w)
{
        if (!p->sealer)
                return;
        buf_clear(&p->out);
        struct pack out = pack_to(&p->out);
        pack_string(&out, w->stream);
        pack_bytes(&out, BYTES(w->report.epoch, 16));
        pack_u64(&out, w->report.sequence);
        if (chan_send(p->sealer, MESSAGE_DURABLE, buf_bytes(&p->out), NULL, 0, NULL) < 0)
                log_error(NULL, "sealer.unreachable", "");
}

static void parent_sync_note_durable(struct parent_sync *s)
{
        struct parent *p = s->parent;
        struct err e;

        int r = index_begin(p->index, &e);
        for (size_t i = 0; r == 0 && i < s->syncing_n; i++)
                r = index_durable(p->index, s->syncing[i].stream, &s->syncing[i].report, &e);
        if (r == 0)
                r = index_commit(p->index, &e);
        if (r < 0) /* the index is disposable: footage and seals do not depend on it */
                log_error(NULL, "index.failed", "err=\"%s\"", e.text);
        for (size_t i = 0; i < s->syncing_n; i++) {
                struct parent_stream *t = table_get(&p->streams, s->syncing[i].stream);
                parent_sync_tell_sealer(p, &s->syncing[i]);
                if (t) {
                        t->fragments++;
                        t->durable_us = clock_wall_us();
                }
        }
}

static void parent_sync_on_done(void *owner, int result, const struct err *why)
{
        struct parent_sync *s = owner;

        s->running = false;
        if (result < 0)
                log_error(NULL, "vault.sync_failed", "err=\"%s\"", why->text);
        else
                parent_sync_note_durable(s);
        parent_sync_ack_keys(s, result >= 0);
        s->syncing_n = 0;
        if (s->keys_written ||
                s->finishing) /* a worker waits for its key: not until the next second */
                parent_sync_start(s);
        if (s->finishing && !s->running)
                loop_stop(s->parent->loop);
}

static void parent_sync_start(struct parent_sync *s)
{
        if (s->running || (s->written_n == 0 && !s->keys_written))
                return;
        struct parent_sync_report *swap = s->syncing;
        size_t room = s->syncing_room;
        s->syncing = s->written;
        s->syncing_n = s->written_n;
        s->syncing_room = s->written_room;
        s->written = swap;
        s->written_n = 0;
        s->written_room = room;
        s->keys_syncing = s->keys_written;
        s->keys_written = NULL;
        s->running = true;
        file_sync_start(s->parent->loop, s->parent->vault_fd, parent_sync_on_done, s);
}

void parent_sync_finish(struct parent_sync *s)
{
        s->finishing = true;
        parent_sync_start(s);
        if (!s->running)
                loop_stop(s->parent->loop);
}

static void parent_sync_on_tick(void *owner)
{
        parent_sync_start(owner);
}

void parent_sync_written(
        struct parent_sync *s, const char *stream, const struct segment_writer_report *r)
{
        if (s->written_n == s->written_room) {
                s->written_room = s->written_room ? s->written_room * 2 : 64;
                s->written = xrealloc(s->written, s->written_room, sizeof *s->written);
        }
        struct parent_sync_report *w = &s->written[s->written_n++];
        snprintf(w->stream, sizeof w->stream, "%s", stream);
        w->report = *r;
}

/* Key files */

struct parent_sync_key_job {
        uv_work_t work;
        struct parent_sync *sync;
        struct parent_sync_key_ack *ack;
        char path[4400], dir[4400];
        struct buf text;
        int result;
        struct err err;
};

static void parent_sync_key_run(uv_work_t *work)
{
        struct parent_sync_key_job *j = work->data;

        j->result = file_make_dirs(j->dir, 0700, &j->err);
        if (j->result == 0)
                j->result = file_write_atomic(j->path, buf_bytes(&j->text), 0600, &j->err);
}

static void parent_sync_on_key_tick(void *owner)
{
        struct parent_sync *s = owner;

        timer_done(&s->key_tick);
        parent_sync_start(s);
}

static void parent_sync_key_done(uv_work_t *work, int status)
{
        struct parent_sync_key_job *j = work->data;
        struct parent_sync *s = j->sync;

        s->jobs--;
        if (status < 0 || j->result < 0) {
                log_error(NULL, "vault.key_not_stored", "err=\"%s\"", j->err.text);
                free(j->ack);
        } else {
                j->ack->next = s->keys_written;
                s->keys_written = j->ack;
                /* The directories are new too: one sync for all keys of this moment makes them
                 * durable. */
                timer_start(&s->key_tick, s->parent->loop, PARENT_SYNC_KEY_DELAY_MS, 0,
                        parent_sync_on_key_tick, s);
        }
        buf_done(&j->text);
        free(j);
}

/* keys/<stream>/<date>/<HH>.<id>.json, the stream being the one that the sealer named. */
static bool parent_sync_key_path_ok(const char *stream, const char *path)
{
        char prefix[HEAD_KEY_MAX];
        int n = snprintf(prefix, sizeof prefix, "keys/%s/", stream);

        return strncmp(path, prefix, (size_t)n) == 0 && !strstr(path, "..");
}

int parent_sync_key(struct parent_sync *s, struct bytes message, struct err *e)
{
        struct unpack u = unpack_of(message);
        struct parent_sync_key_job *j = xcalloc(1, sizeof *j);

        j->ack = xcalloc(1, sizeof *j->ack);
        buf_init(&j->text, KEY_STORE_FILE_MAX);
        unpack_string(&u, j->ack->stream, sizeof j->ack->stream);
        unpack_string(&u, j->ack->path, sizeof j->ack->path);
        struct bytes text = unpack_field32(&u, KEY_STORE_FILE_MAX);
        if (!unpack_complete(&u) || !parent_sync_key_path_ok(j->ack->stream, j->ack->path) ||
                buf_append(&j->text, text, NULL) < 0) {
                buf_done(&j->text);
                free(j->ack);
                free(j);
                return err_set(e, ERR_PROTOCOL, "key store: malformed message");
        }
        snprintf(j->path, sizeof j->path, "%s/%s", s->parent->vault, j->ack->path);
        snprintf(j->dir, sizeof j->dir, "%s", j->path);
        *strrchr(j->dir, '/') = '\0';
        j->sync = s;
        j->work.data = j;
        s->jobs++;
        uv_queue_work(
                loop_uv(s->parent->loop), &j->work, parent_sync_key_run, parent_sync_key_done);
        return 0;
}

/* Segment files */

struct parent_sync_file_job {
        uv_work_t work;
        struct parent_sync *sync;
        int worker;
        char stream[HEAD_PATH_MAX], object_key[HEAD_KEY_MAX];
        int64_t wall_us;
        int fd;
        bool direct;
        int result;
        struct err err;
};

static int parent_sync_create(struct parent_sync_file_job *j, const char *vault, struct err *e)
{
        char dir[4400], time[STR_TIME_ROOM], name[24];

        str_time(time, j->wall_us); /* 2026-11-22T15:40:01.221Z */
        snprintf(dir, sizeof dir, "%s/%s/%.10s/%.2s", vault, j->stream, time, time + 11);
        int r = file_make_dirs(dir, 0700, e);
        if (r < 0)
                return r;
        CLEANUP(own_closep) int dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (dir_fd < 0)
                return err_set(e, ERR_IO, "cannot open %s", dir);
        for (unsigned n = 0; n < PARENT_SYNC_NAMES_MAX; n++) {
                snprintf(name, sizeof name, "%.2s-%.6sZ.%u.mp4", time + 14, time + 17, n);
                r = file_create_segment(
                        dir_fd, name, PARENT_SYNC_RESERVE_BYTES, &j->fd, &j->direct, e);
                if (r != ERR_STATE)
                        break;
        }
        if (r == 0)
                snprintf(j->object_key, sizeof j->object_key, "%s/%.10s/%.2s/%s", j->stream, time,
                        time + 11, name);
        return r;
}

static void parent_sync_file_run(uv_work_t *work)
{
        struct parent_sync_file_job *j = work->data;

        j->result = parent_sync_create(j, j->sync->parent->vault, &j->err);
}

static void parent_sync_send_file(struct parent *p, struct parent_sync_file_job *j)
{
        struct chan *worker = p->workers[j->worker].chan;

        buf_clear(&p->out);
        struct pack out = pack_to(&p->out);
        pack_string(&out, j->stream);
        if (j->result == 0) {
                pack_u32(&out, 0);
                pack_u8(&out, j->direct);
                pack_string(&out, j->object_key);
                if (worker &&
                        chan_send(worker, MESSAGE_FILE, buf_bytes(&p->out), &j->fd, 1, NULL) < 0)
                        log_error(NULL, "worker.unreachable", "cam=%s", j->stream);
                return;
        }
        pack_u8(&out, (uint8_t)-j->result);
        pack_u8(&out, FAULT_NONE);
        pack_string(&out, j->err.text);
        if (worker && chan_send(worker, MESSAGE_NO_FILE, buf_bytes(&p->out), NULL, 0, NULL) < 0)
                log_error(NULL, "worker.unreachable", "cam=%s", j->stream);
}

static void parent_sync_file_done(uv_work_t *work, int status)
{
        struct parent_sync_file_job *j = work->data;
        struct parent *p = j->sync->parent;
        struct parent_stream *t = table_get(&p->streams, j->stream);
        struct err e;

        j->sync->jobs--;
        if (status < 0)
                j->result = err_set(&j->err, ERR_CANCELLED, "stopped");
        if (j->result < 0)
                log_error(NULL, "vault.no_file", "cam=%s err=\"%s\"", j->stream, j->err.text);
        else if (index_created(p->index, 0, j->stream, j->object_key, j->wall_us, &e) < 0)
                log_error(NULL, "index.failed", "err=\"%s\"", e.text);
        if (j->result == 0 && t) {
                snprintf(t->object_key, sizeof t->object_key, "%s", j->object_key);
                snprintf(t->empty_file[t->segments % ARRAY_LEN(t->empty_file)], HEAD_KEY_MAX, "%s",
                        j->object_key);
                t->segments++;
        }
        if (t && t->worker == j->worker)
                parent_sync_send_file(p, j);
        if (j->fd >= 0)
                close(j->fd);
        free(j);
}

void parent_sync_file(struct parent_sync *s, struct parent_stream *t)
{
        struct parent_sync_file_job *j = xcalloc(1, sizeof *j);

        j->sync = s;
        j->worker = t->worker;
        j->wall_us = clock_wall_us();
        j->fd = -1;
        snprintf(j->stream, sizeof j->stream, "%s", t->assign.stream);
        j->work.data = j;
        s->jobs++;
        uv_queue_work(
                loop_uv(s->parent->loop), &j->work, parent_sync_file_run, parent_sync_file_done);
}

struct parent_sync *parent_sync_new(struct parent *p)
{
        struct parent_sync *s = xcalloc(1, sizeof *s);
        uint64_t every_ms = (uint64_t)settings_get(&p->settings, SETTINGS_SYNC_MS);

        s->parent = p;
        timer_start(&s->tick, p->loop, every_ms, every_ms, parent_sync_on_tick, s);
        return s;
}

/* After loop_free only: that is what waits for the jobs in the pool. */
struct parent_sync *parent_sync_free(struct parent_sync *s)
{
        if (!s)
                return NULL;
        s->keys_syncing = s->keys_syncing ? s->keys_syncing : s->keys_written;
        parent_sync_ack_keys(s, false);
        free(s->written);
        free(s->syncing);
        free(s);
        return NULL;
}
