/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which worker has a stream, and what it goes on from: the end of the stream on the disks, the
 * cause of the gap, the seal channel. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/pack.h"
#include "recorder/parent.h"
#include "recorder/parent_media.h"
#include "recorder/parent_storage.h"
#include "recorder/parent_stopped.h"
#include "vault/index_tail.h"

#define PARENT_PLACE_RETRY_MS 1000

static int parent_place_pick_worker(const struct parent *p)
{
        int best = -1;

        for (int i = 0; i < PARENT_WORKERS_MAX; i++) {
                const struct parent_worker *w = &p->workers[i];
                if (w->chan && (best < 0 || w->streams < p->workers[best].streams))
                        best = i;
        }
        return best;
}

/* Tells the sealer who writes this stream from now on; *ret_fd is the worker's end. */
static int parent_place_open_seal(struct parent_stream *t, int *ret_fd, struct err *e)
{
        struct parent *p = t->parent;
        struct message_stream_open open = { .last = t->last,
                .last_arrival_us = t->last_arrival_us };
        int pair[2];

        int r = t->unseen ? index_tail_leave(p->index, t->assign.stream, &t->last, e) : 0;
        if (r == 0)
                r = chan_pair(pair, e);
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
        memcpy(t->opened_epoch, p->certs.epoch, sizeof t->opened_epoch);
        *ret_fd = pair[1];
        return 0;
}

static void parent_place_fill_gap(struct parent_stream *t, unsigned cause)
{
        bool history = t->last.sequence != 0;

        t->assign.gap_cause = (uint8_t)(history ? cause : SEAL_GAP_START);
        t->assign.gap_from_us = history ? t->last_arrival_us : SEAL_UNKNOWN_US;
}

int parent_place_tell(struct parent_stream *t, uint16_t type, int worker, int fd, struct err *e)
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
        t->assign.gate = (uint8_t)t->asked.gate;
        t->assign.keep_ms = t->asked.keep_ms;
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

static void parent_place_placed(struct parent_stream *t)
{
        t->phase = PARENT_STREAM_ASSIGNED;
        t->seal_lost = t->left = t->stopped = t->unasked = t->end_known = t->unseen = false;
}

static int parent_place_give(struct parent_stream *t, int worker, struct err *e)
{
        struct parent *p = t->parent;
        CLEANUP(own_closep) int fd = -1;

        parent_place_fill_gap(t, t->unasked   ? SEAL_GAP_NOT_ASKED
                                 : t->stopped ? SEAL_GAP_STOPPED
                                 : t->left    ? SEAL_GAP_DISK
                                              : SEAL_GAP_UNCLEAN_STOP);
        int r = parent_place_open_seal(t, &fd, e);
        if (r == 0)
                r = parent_place_tell(t, MESSAGE_ASSIGN, worker, fd, e);
        if (r < 0)
                return r;
        t->told = parent_connect_kinds(t->assign.transport, t->assign.carrier);
        t->worker = worker;
        parent_place_placed(t);
        p->workers[worker].streams++;
        return 0;
}

static int parent_place_reseal(struct parent_stream *t, struct err *e)
{
        CLEANUP(own_closep) int fd = -1;

        parent_place_fill_gap(t, t->left ? SEAL_GAP_DISK : SEAL_GAP_UNCLEAN_STOP);
        int r = parent_place_open_seal(t, &fd, e);
        if (r < 0)
                return r;
        struct pack p = parent_stream_message(t);
        pack_u8(&p, t->assign.gap_cause);
        pack_i64(&p, t->assign.gap_from_us);
        parent_stream_send(t, MESSAGE_RESEAL, &fd, 1);
        parent_place_placed(t);
        return 0;
}

static void parent_place_on_tail(
        void *owner, const struct message_volume_tail *tail, const struct err *e)
{
        struct parent_stream *t = owner;

        if (e)
                log_warn(&t->log, "stream.end_unseen",
                        "err=\"%s\" effect=\"it goes on behind what is known\"", e->text);
        t->end_asked = false;
        t->end_known = true;
        t->unseen = e != NULL;
        if (!tail->empty) {
                t->last = tail->last;
                t->last_arrival_us = tail->last_arrival_us;
        }
        parent_place(t);
}

/* True when it is known where the stream ends; else it is asked for. */
static bool parent_place_knows_end(struct parent_stream *t)
{
        if (!t->end_known && !t->end_asked) {
                t->end_asked = true;
                parent_storage_tail(t->parent->storage, t, parent_place_on_tail, t);
        }
        return t->end_known;
}

void parent_place(struct parent_stream *t)
{
        struct err e;
        int r = 0;

        t->unasked |= t->asked.off && t->phase == PARENT_STREAM_WAITING;
        if (!t->parent->sealer_ready || t->retry.handle || t->asked.off)
                return;
        if (t->phase == PARENT_STREAM_RELEASED) {
                if (parent_place_knows_end(t))
                        r = parent_place_reseal(t, &e);
        } else if (t->phase == PARENT_STREAM_WAITING) {
                int worker = parent_place_pick_worker(t->parent);
                if (worker >= 0 && parent_place_knows_end(t))
                        r = parent_place_give(t, worker, &e);
        }
        if (r < 0)
                log_error(&t->log, "stream.not_placed", "err=\"%s\"", e.text);
}

void parent_place_all(struct parent *p)
{
        struct parent_stream *t;
        size_t at = 0;

        while ((t = table_next(&p->streams, &at)))
                parent_place(t);
}

static void parent_place_on_retry(void *owner)
{
        struct parent_stream *t = owner;

        timer_done(&t->retry);
        parent_place(t);
}

/* Nothing that it asked for is wanted any more, and nobody writes to its files. */
static void parent_place_let_go(struct parent_stream *t)
{
        t->file_wanted = false;
        t->file_job = NULL;
        t->end_known = false;
}

/* Its worker says nothing of it any more. */
static void parent_place_is_off(struct parent_stream *t)
{
        t->state.state = CAMERA_STOPPED;
        t->state.protection = PROTECTION_OPEN;
        t->state.tls_version = 0;
        t->state.fault = t->state.alarm = FAULT_NONE;
        t->state.error[0] = '\0';
}

/* Its worker has let go of a stream that was removed: forgotten, or begun again. */
static void parent_place_ended(struct parent_stream *t)
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
        if (t->asked.off)
                parent_place_is_off(t);
        parent_place(t);
}

void parent_place_released(struct parent_stream *t)
{
        if (t->phase == PARENT_STREAM_ENDING) {
                parent_place_let_go(t);
                parent_place_ended(t);
                return;
        }
        if (t->phase != PARENT_STREAM_ASSIGNED)
                return;
        parent_place_let_go(t);
        t->phase = PARENT_STREAM_RELEASED;
        if (t->seal_lost || t->left)
                parent_place(t);
        else /* the sealer lives and closed this channel: it has a reason that will not be gone at
                once */
                timer_start(&t->retry, t->parent->loop, PARENT_PLACE_RETRY_MS, 0,
                        parent_place_on_retry, t);
}

void parent_place_worker_gone(struct parent *p, unsigned worker)
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
                        parent_media_lost(p->media, t->assign.stream, "its worker ended");
                        if (t->phase == PARENT_STREAM_ENDING && !t->again) {
                                parent_stream_forget(t);
                                ended = true;
                                continue;
                        }
                        t->again = false;
                        t->worker = -1;
                        t->phase = PARENT_STREAM_WAITING;
                        t->state.state = CAMERA_IDLE;
                        if (!t->end_asked) /* else it had let go, and its end is looked for */
                                parent_place_let_go(t);
                }
        }
        p->workers[worker].streams = 0;
        parent_place_all(p);
}

/* Streams stay with their workers; each says "released" when nothing of it is in flight, and is
 * sealed on then. */
void parent_place_sealer_gone(struct parent *p)
{
        struct parent_stream *t;
        size_t at = 0;

        parent_storage_sealer_gone(p->storage);
        while ((t = table_next(&p->streams, &at)))
                t->seal_lost = true;
}
