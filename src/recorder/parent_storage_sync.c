/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Durability, volume by volume. What was reported written there before a sync began is durable when
 * it ends: then it goes into the index and to the sealer. What a volume in trouble has not synced
 * is given up: nobody was told that it is durable. It may be found there later (its tail).
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/pack.h"
#include "os/clock.h"
#include "recorder/parent_storage_parts.h"

static void parent_storage_tell_sealer(struct parent *p, const struct parent_storage_report *w)
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

/* Volumes are synced apart: a later fragment may be durable first. */
static void parent_storage_note_last(struct parent_stream *t, const struct segment_writer_report *r)
{
        bool same = memcmp(t->last.epoch, r->epoch, 16) == 0;

        t->fragments++;
        t->durable_us = clock_wall_us();
        if (same ? r->sequence <= t->last.sequence
                 : t->last.sequence && memcmp(r->epoch, t->opened_epoch, 16) != 0)
                return;
        memcpy(t->last.epoch, r->epoch, sizeof t->last.epoch);
        t->last.sequence = r->sequence;
        memcpy(t->last.hash, r->seal_hash, sizeof t->last.hash);
        t->last_arrival_us = r->last_arrival_us;
}

static void parent_storage_note_durable(struct parent_storage_slot *k)
{
        struct parent *p = k->storage->parent;
        struct parent_storage_sync *y = &k->sync;
        struct err e;

        if (y->syncing_n == 0)
                return;
        int r = index_begin(p->index, &e);
        for (size_t i = 0; r == 0 && i < y->syncing_n; i++)
                r = index_durable(p->index, y->syncing[i].stream, &y->syncing[i].report, &e);
        if (r == 0)
                r = index_commit(p->index, &e);
        if (r < 0) { /* the index is disposable: footage and seals do not depend on it */
                log_error(NULL, "index.failed", "err=\"%s\"", e.text);
                index_rollback(p->index);
        }
        for (size_t i = 0; i < y->syncing_n; i++) {
                struct parent_stream *t = table_get(&p->streams, y->syncing[i].stream);
                parent_storage_tell_sealer(p, &y->syncing[i]);
                if (t)
                        parent_storage_note_last(t, &y->syncing[i].report);
        }
        y->syncing_n = 0;
}

static void parent_storage_keys_durable(struct parent_storage_slot *k)
{
        struct parent_storage_keyed *w = TAKE(k->sync.keys_syncing);

        while (w) {
                struct parent_storage_keyed *next = w->next;
                parent_storage_key_durable(k, w);
                free(w);
                w = next;
        }
}

static void parent_storage_on_synced(void *owner, struct parent_storage_answer *a)
{
        struct parent_storage_slot *k = owner;
        struct parent_storage *s = k->storage;

        k->sync.ask = NULL;
        if (s->closing)
                return;
        if (a->err) {
                log_error(NULL, "vault.sync_failed", "volume=%s err=\"%s\"", k->v.entry.name,
                        a->err->text);
                parent_storage_sync_drop(k);
                parent_storage_mark(k, parent_storage_fault_of(a->err), a->err->text);
        } else {
                parent_storage_note_durable(k);
                parent_storage_keys_durable(k);
                /* A worker waits for its key: not until the next second. */
                if (k->sync.keys_written || s->finishing)
                        parent_storage_sync_start(k);
        }
        parent_storage_finish_check(s);
}

void parent_storage_sync_start(struct parent_storage_slot *k)
{
        struct parent_storage_sync *y = &k->sync;

        if (y->ask || !k->ready || (y->written_n == 0 && !y->keys_written))
                return;
        struct parent_storage_report *swap = y->syncing;
        size_t room = y->syncing_room;
        y->syncing = y->written;
        y->syncing_n = y->written_n;
        y->syncing_room = y->written_room;
        y->written = swap;
        y->written_n = 0;
        y->written_room = room;
        y->keys_syncing = TAKE(y->keys_written);
        struct pack out = parent_storage_ask_begin(k->storage, MESSAGE_VOLUME_SYNC);
        y->ask = parent_storage_ask_send(k, MESSAGE_VOLUME_SYNC, &out, parent_storage_on_synced, k);
}

static void parent_storage_on_key_tick(void *owner)
{
        struct parent_storage_slot *k = owner;

        timer_done(&k->sync.key_tick);
        parent_storage_sync_start(k);
}

/* One sync for all keys of this moment. */
void parent_storage_sync_key(struct parent_storage_slot *k, struct parent_storage_keyed *w)
{
        w->next = k->sync.keys_written;
        k->sync.keys_written = w;
        timer_start(&k->sync.key_tick, k->storage->parent->loop, PARENT_STORAGE_KEY_DELAY_MS, 0,
                parent_storage_on_key_tick, k);
}

static void parent_storage_keys_drop(
        struct parent_storage_slot *k, struct parent_storage_keyed **list)
{
        uint32_t bit = UINT32_C(1) << k->at;

        while (*list) {
                struct parent_storage_keyed *w = *list;
                struct parent_storage_key *key = table_get(&k->storage->keys, w->stream);
                *list = w->next;
                if (key && strcmp(key->path, w->path) == 0)
                        key->writing &= ~bit;
                free(w);
        }
}

void parent_storage_sync_drop(struct parent_storage_slot *k)
{
        size_t n = k->sync.written_n + k->sync.syncing_n;

        if (n && !k->storage->closing)
                log_warn(NULL, "volume.not_durable", "volume=%s fragments=%zu", k->v.entry.name, n);
        k->sync.written_n = k->sync.syncing_n = 0;
        parent_storage_keys_drop(k, &k->sync.keys_written);
        parent_storage_keys_drop(k, &k->sync.keys_syncing);
}

void parent_storage_sync_free(struct parent_storage_slot *k)
{
        parent_storage_sync_drop(k);
        timer_done(&k->sync.key_tick);
        free(k->sync.written);
        free(k->sync.syncing);
}

bool parent_storage_sync_busy(const struct parent_storage_slot *k)
{
        const struct parent_storage_sync *y = &k->sync;

        return k->ready && (y->ask || y->written_n || y->keys_written);
}

void parent_storage_written(
        struct parent_storage *s, const char *stream, const struct segment_writer_report *r)
{
        struct parent_stream *t = table_get(&s->parent->streams, stream);
        struct parent_stream_file *f = t ? parent_storage_file_of(t, r->object_key) : NULL;
        struct parent_storage_slot *k = f ? parent_storage_slot(s, f->volume) : NULL;

        if (!k)
                return; /* none that its worker was given */
        f->used = true;
        if (r->last) {
                t->segment_bytes = r->end;
                parent_storage_file_gone(t, f);
        }
        if (!k->ready)
                return; /* nobody syncs it: its tail will say what is there */
        struct parent_storage_sync *y = &k->sync;
        if (y->written_n == y->written_room) {
                y->written_room = y->written_room ? y->written_room * 2 : 64;
                y->written = xrealloc(y->written, y->written_room, sizeof *y->written);
        }
        struct parent_storage_report *w = &y->written[y->written_n++];
        snprintf(w->stream, sizeof w->stream, "%s", stream);
        w->report = *r;
}

void parent_storage_finish(struct parent_storage *s)
{
        s->finishing = true;
        for (unsigned i = 0; i < s->n; i++)
                parent_storage_sync_start(s->slots[i]);
        parent_storage_finish_check(s);
}

void parent_storage_finish_check(struct parent_storage *s)
{
        if (!s->finishing || s->closing || parent_storage_ask_open(s))
                return;
        for (unsigned i = 0; i < s->n; i++) {
                if (parent_storage_sync_busy(s->slots[i]))
                        return;
        }
        loop_stop(s->parent->loop);
}
