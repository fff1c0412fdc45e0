/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where streams end. A volume finds the end of a stream by its directories, and mends it; what it
 * says goes into the index, so that no start ever asks for it again. A stream that is to be placed
 * waits for the volumes that may have its end, and goes on from the last durable seal that is known
 * when one of them does not answer.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/pack.h"
#include "os/clock.h"
#include "recorder/parent_storage_parts.h"
#include "vault/index_tail.h"
#include "vault/vault_walk.h"

static void parent_storage_mend_pump(struct parent_storage_slot *k);

static struct seal_link parent_storage_link_of(const struct index_segment *row)
{
        struct seal_link link = { .sequence = row->last_seq };

        memcpy(link.epoch, row->epoch, sizeof link.epoch);
        memcpy(link.hash, row->last_hash, sizeof link.hash);
        return link;
}

/* Whoever waits for an end */

/* The index may be behind what this process knows, when it could not be written. */
static bool parent_storage_knows_more(
        const struct parent_stream *t, const struct index_segment *row)
{
        if (t->last.sequence == 0)
                return false;
        if (memcmp(t->last.epoch, row->epoch, 16) == 0)
                return t->last.sequence > row->last_seq;
        return memcmp(t->last.epoch, t->opened_epoch, 16) == 0;
}

static void parent_storage_wait_finish(struct parent_storage *s, struct parent_storage_wait *w)
{
        static const struct err away = { .code = ERR_TIMEOUT,
                .fault = FAULT_VOLUME_SLOW,
                .text = "a volume that may have the end of the stream does not answer" };
        struct parent_storage_wait **at = &s->waits;
        struct parent_stream *t = w->stream;
        struct message_volume_tail tail = { .last = t->last,
                .last_arrival_us = t->last_arrival_us };
        struct index_segment row;
        struct err e;

        while (*at != w)
                at = &(*at)->next;
        *at = w->next;
        int r = index_tail_durable(s->parent->index, t->assign.stream, INT64_MAX, &row, &e);
        if (r == 0 && !parent_storage_knows_more(t, &row)) {
                tail.last = parent_storage_link_of(&row);
                tail.last_arrival_us = row.last_us;
                snprintf(tail.object_key, sizeof tail.object_key, "%s", row.object_key);
        } else if (r < 0 && r != ERR_NOT_FOUND) {
                log_error(&t->log, "index.unreadable", "err=\"%s\"", e.text);
        }
        tail.empty = tail.last.sequence == 0;
        w->on_tail(w->owner, &tail, w->unseen ? &away : NULL);
        free(w);
}

static struct parent_storage_wait *parent_storage_wait_of(
        struct parent_storage *s, const char *stream)
{
        for (struct parent_storage_wait *w = s->waits; w; w = w->next) {
                if (strcmp(w->stream->assign.stream, stream) == 0)
                        return w;
        }
        return NULL;
}

/* This volume has said what there is, or will not. */
static void parent_storage_wait_note(
        struct parent_storage_slot *k, struct parent_storage_wait *w, bool unseen)
{
        if (!(w->need >> k->at & 1))
                return;
        w->need &= ~(UINT32_C(1) << k->at);
        w->unseen |= unseen;
        if (w->need == 0) /* from the loop: whoever is asked may be waiting for another thing */
                parent_storage_ask_wake(k->storage, 0);
}

void parent_storage_wait_drop(struct parent_storage_slot *k)
{
        for (struct parent_storage_wait *w = k->storage->waits; w; w = w->next)
                parent_storage_wait_note(k, w, true);
}

void parent_storage_wait_expire(struct parent_storage *s, int64_t now_us)
{
        struct parent_storage_wait *w = s->waits;

        while (w) {
                if (w->need && now_us >= w->deadline_us) {
                        uint32_t answering = 0;
                        for (unsigned i = 0; i < s->n && !w->haste; i++) {
                                if (parent_storage_reachable(s->slots[i]) &&
                                        table_get(&s->slots[i]->mends, w->stream->assign.stream))
                                        answering |= UINT32_C(1) << i;
                        }
                        w->unseen |= (w->need & ~answering) != 0;
                        w->need &= answering;
                }
                if (w->need) {
                        w = w->next;
                        continue;
                }
                parent_storage_wait_finish(s, w);
                w = s->waits;
        }
}

static bool parent_storage_has_file(const struct parent_stream *t, uint32_t volume)
{
        for (unsigned i = 0; i < PARENT_STREAM_FILES_MAX; i++) {
                if (t->files[i].object_key[0] && t->files[i].volume == volume)
                        return true;
        }
        return false;
}

/* One that was closed there and is not durable yet belongs to the end as well. */
static bool parent_storage_has_end(
        const struct parent_storage_slot *k, const struct parent_stream *t)
{
        struct index_segment row;

        return parent_storage_has_file(t, k->v.entry.number) ||
               (index_tail_newest_on(k->storage->parent->index, t->assign.stream, k->v.entry.number,
                        false, &row, NULL) == 0 &&
                       !row.ended);
}

void parent_storage_tail(struct parent_storage *s, struct parent_stream *t,
        void (*on_tail)(void *owner, const struct message_volume_tail *tail, const struct err *e),
        void *owner)
{
        struct parent_storage_wait *w = xcalloc(1, sizeof *w);
        uint32_t left = 0;
        bool others = false, first = !t->looked;

        w->stream = t;
        w->on_tail = on_tail;
        w->owner = owner;
        w->next = s->waits;
        s->waits = w;
        for (unsigned i = 0; i < s->n; i++) {
                if (s->slots[i]->listed && (first || parent_storage_has_end(s->slots[i], t)))
                        left |= UINT32_C(1) << i;
                else
                        others |= parent_storage_takes(s->slots[i], t->assign.stream);
        }
        memset(t->files, 0, sizeof t->files);
        for (unsigned i = 0; i < s->n; i++) {
                struct parent_storage_slot *k = s->slots[i];
                if (!(left >> i & 1))
                        continue;
                if (k->heard && !parent_storage_reachable(k)) {
                        w->unseen = true;
                        continue;
                }
                if (!k->heard || parent_storage_mend(k, t->assign.stream))
                        w->need |= UINT32_C(1) << i;
        }
        /* What the camera sends meanwhile is held for a short time only. */
        w->haste = !first && others;
        w->deadline_us = clock_boot_us() +
                         (w->haste ? PARENT_STORAGE_HASTE_MS * INT64_C(1000) : s->patience_us);
        t->looked = true;
        parent_storage_ask_wake(s, w->need ? PARENT_STORAGE_TICK_MS : 0);
}

/* Ends */

struct parent_storage_rows {
        unsigned n;
        struct index_segment *rows;
};

static int parent_storage_on_open(void *owner, const struct index_segment *row, struct err *e)
{
        struct parent_storage_rows *l = owner;

        (void)e;
        if ((l->n & (l->n - 1)) == 0) /* a power of two, or none yet: full */
                l->rows = xrealloc(l->rows, l->n ? 2 * (size_t)l->n : 1, sizeof *l->rows);
        l->rows[l->n++] = *row;
        return 0;
}

/* What is behind it here was never acknowledged, and the stream went on without it. */
static bool parent_storage_bound(
        struct parent_storage_slot *k, const char *stream, struct seal_link *ret)
{
        return index_tail_bound(k->storage->parent->index, stream, k->v.entry.number, ret, NULL) ==
               0;
}

/* A seal that was durable there is not there any more. */
static bool parent_storage_went_back(struct parent_storage_slot *k, const char *stream,
        const struct message_volume_tail *tail, const struct index_segment *found)
{
        struct index *ix = k->storage->parent->index;
        struct index_segment durable;

        if (k->forgiven ||
                index_tail_newest_on(ix, stream, k->v.entry.number, true, &durable, NULL) < 0)
                return false;
        if (tail->empty)
                return true;
        if (found && found->id < durable.id)
                return true;
        return found && found->id == durable.id &&
               memcmp(durable.epoch, tail->last.epoch, 16) == 0 &&
               tail->last.sequence < durable.last_seq;
}

static int parent_storage_put_tail(struct parent_storage_slot *k, const char *stream,
        const struct message_volume_tail *tail, const struct index_segment *found, struct err *e)
{
        struct index_segment row = { .volume = k->v.entry.number };

        if (found)
                row = *found;
        else
                row.created_us = vault_walk_time_of(tail->object_key);
        snprintf(row.stream, sizeof row.stream, "%s", stream);
        snprintf(row.object_key, sizeof row.object_key, "%s", tail->object_key);
        row.first_us = tail->first_arrival_us;
        row.first_seq = tail->last.sequence + 1 - tail->fragments;
        row.last_us = tail->last_arrival_us;
        row.bytes = tail->bytes;
        row.last_seq = tail->last.sequence;
        row.fragments = tail->fragments;
        row.closed = tail->closed;
        row.ended = true;
        memcpy(row.epoch, tail->last.epoch, sizeof row.epoch);
        memcpy(row.last_hash, tail->last.hash, sizeof row.last_hash);
        return index_put(k->storage->parent->index, &row, e);
}

/* The row that was asked for becomes final, and that of the end, where that is another one. */
static int parent_storage_settle_row(struct parent_storage_mend *m,
        const struct message_volume_tail *tail, const struct index_segment *found, struct err *e)
{
        struct index *ix = m->slot->storage->parent->index;
        struct index_segment asked;

        int r = index_begin(ix, e);
        if (r < 0)
                return r;
        r = index_tail_find(ix, m->asked_key, &asked, e);
        bool is_end = !tail->empty && strcmp(m->asked_key, tail->object_key) == 0;
        bool gone = tail->empty || (found && r == 0 && asked.id > found->id);
        if (r == 0 && !is_end && !asked.ended && gone)
                r = index_remove(ix, m->asked_key, e);
        else if (r == 0 && !is_end && !m->first)
                r = index_ended(ix, m->asked_key, e);
        /* Else others stand behind it, which the index may not know: it is asked for alone. */
        if (r == ERR_NOT_FOUND)
                r = 0;
        if (r == 0 && is_end && tail->fragments == 0)
                r = index_remove(ix, m->asked_key, e);
        else if (r == 0 && !tail->empty && tail->fragments)
                r = parent_storage_put_tail(m->slot, m->stream, tail, found, e);
        if (r == 0)
                r = index_commit(ix, e);
        if (r < 0)
                index_rollback(ix);
        return r;
}

/* False: the volume is not what it was. */
static bool parent_storage_take_tail(
        struct parent_storage_mend *m, const struct message_volume_tail *tail)
{
        struct parent_storage_slot *k = m->slot;
        struct index_segment row, *found = NULL;
        struct err e;

        if (!tail->empty &&
                index_tail_find(k->storage->parent->index, tail->object_key, &row, NULL) == 0 &&
                row.volume == k->v.entry.number && strcmp(row.stream, m->stream) == 0)
                found = &row;
        if (m->first && parent_storage_went_back(k, m->stream, tail, found))
                return false;
        if (tail->damaged)
                log_error(NULL, "vault.tail_damaged",
                        "cam=%s volume=%s file=%s check=\"custos vault check\"", m->stream,
                        k->v.entry.name, tail->object_key);
        if (tail->cut_bytes)
                log_warn(NULL, "vault.tail_cut", "cam=%s volume=%s bytes=%llu", m->stream,
                        k->v.entry.name, (unsigned long long)tail->cut_bytes);
        if (parent_storage_settle_row(m, tail, found, &e) < 0) {
                log_error(NULL, "index.failed", "err=\"%s\"", e.text);
                m->given_up = true; /* the same row would be asked for again */
        }
        return true;
}

static void parent_storage_mend_done(struct parent_storage_mend *m, bool unseen, bool waits_on)
{
        struct parent_storage_slot *k = m->slot;
        struct parent_storage *s = k->storage;
        struct parent_storage_wait *w = parent_storage_wait_of(s, m->stream);
        char stream[HEAD_PATH_MAX];

        snprintf(stream, sizeof stream, "%s", m->stream);
        table_take(&k->mends, m->stream);
        free(m);
        if (s->closing)
                return;
        if (w && !waits_on)
                parent_storage_wait_note(k, w, unseen);
        parent_storage_advance(s, stream);
        parent_storage_mend_pump(k);
}

static void parent_storage_mend_ask(struct parent_storage_mend *m);

/* What was begun before the newest one, and is not ended in the index, has its own end. */
static bool parent_storage_mend_next(struct parent_storage_mend *m)
{
        struct parent_storage_slot *k = m->slot;
        struct parent_storage_rows open = { 0 };
        struct err e;

        if (index_tail_open(k->storage->parent->index, m->stream, k->v.entry.number,
                    parent_storage_on_open, &open, &e) < 0)
                log_error(NULL, "index.unreadable", "err=\"%s\"", e.text);
        bool more = open.n && !m->given_up && parent_storage_reachable(k);
        if (more)
                snprintf(m->asked_key, sizeof m->asked_key, "%s", open.rows[open.n - 1].object_key);
        free(open.rows);
        if (more) {
                m->first = false;
                parent_storage_mend_ask(m);
        }
        return more;
}

static void parent_storage_on_end_found(
        struct parent_storage_mend *m, const struct message_volume_tail *tail)
{
        struct parent_storage_slot *k = m->slot;
        struct seal_link bound;
        char text[ERR_TEXT_BYTES];

        if (!tail->empty && !head_is_object_key(tail->object_key, m->stream)) {
                parent_storage_mend_done(m, true, false);
                return;
        }
        /* It went on elsewhere while this was being asked. */
        if (m->first && !m->bounded && !tail->empty && parent_storage_bound(k, m->stream, &bound) &&
                !seal_link_equal(&bound, &tail->last)) {
                m->bounded = true;
                m->bound = bound;
                parent_storage_mend_ask(m);
                return;
        }
        if (parent_storage_take_tail(m, tail)) {
                if (!parent_storage_mend_next(m))
                        parent_storage_mend_done(m, false, false);
                return;
        }
        snprintf(text, sizeof text, "%.100s: fragments that were durable are not there any more",
                m->stream);
        log_error(NULL, "volume.went_back", "volume=%s err=\"%s\"", k->v.entry.name, text);
        k->back++;
        parent_storage_mend_done(m, true, false);
        parent_storage_mark(k, FAULT_VOLUME_IO_ERROR, text);
}

static void parent_storage_on_tail(void *owner, struct parent_storage_answer *a)
{
        static const struct message_volume_tail nothing = { .empty = true };
        struct parent_storage_mend *m = owner;
        struct parent_storage_slot *k = m->slot;

        k->tails--;
        if (k->storage->closing) {
                parent_storage_mend_done(m, true, false);
        } else if (!a->err || a->err->code == ERR_NOT_FOUND) {
                parent_storage_on_end_found(m, a->err ? &nothing : a->tail);
        } else {
                log_error(NULL, "vault.tail_unreadable", "cam=%s volume=%s err=\"%s\"", m->stream,
                        k->v.entry.name, a->err->text);
                /* A process that ended is soon there again. */
                parent_storage_mend_done(m, true, !k->v.chan);
        }
}

static void parent_storage_mend_ask(struct parent_storage_mend *m)
{
        struct parent_storage_slot *k = m->slot;
        struct seal_link durable = { 0 };
        struct index_segment row;

        if (index_tail_newest_on(
                    k->storage->parent->index, m->stream, k->v.entry.number, true, &row, NULL) == 0)
                durable = parent_storage_link_of(&row);

        m->asked = true;
        k->tails++;
        struct pack out = parent_storage_ask_begin(k->storage, MESSAGE_VOLUME_TAIL);
        pack_string(&out, m->stream);
        pack_string(&out, m->asked_key);
        pack_u8(&out, m->bounded);
        message_pack_link(&out, &m->bound);
        pack_u8(&out, !m->first);
        message_pack_link(&out, &durable);
        parent_storage_ask_send(k, MESSAGE_VOLUME_TAIL, &out, parent_storage_on_tail, m);
}

static void parent_storage_mend_pump(struct parent_storage_slot *k)
{
        struct parent_storage_mend *m;
        size_t at = 0;

        while (k->tails < PARENT_STORAGE_TAILS_MAX && parent_storage_reachable(k) &&
                (m = table_next(&k->mends, &at))) {
                if (m->asked)
                        continue;
                m->bounded = parent_storage_bound(k, m->stream, &m->bound);
                parent_storage_mend_ask(m);
        }
}

bool parent_storage_mend(struct parent_storage_slot *k, const char *stream)
{
        const struct parent_stream *t = table_get(&k->storage->parent->streams, stream);
        struct index_segment newest = { 0 };

        if (table_get(&k->mends, stream))
                return true;
        /* Nobody may be writing there; it is mended when its worker has let go. */
        if (!parent_storage_reachable(k) || (t && parent_storage_has_file(t, k->v.entry.number)))
                return false;
        /* Where the index knows of none: it may have been lost, and the disk knows. */
        if (index_tail_newest_on(
                    k->storage->parent->index, stream, k->v.entry.number, false, &newest, NULL) < 0)
                newest.object_key[0] = '\0';
        struct parent_storage_mend *m = xcalloc(1, sizeof *m);
        m->slot = k;
        snprintf(m->stream, sizeof m->stream, "%s", stream);
        m->first = true;
        snprintf(m->asked_key, sizeof m->asked_key, "%s", newest.object_key);
        table_put(&k->mends, m->stream, m);
        parent_storage_mend_pump(k);
        return true;
}

void parent_storage_mend_all(struct parent_storage_slot *k)
{
        struct parent_storage *s = k->storage;
        struct parent_storage_rows open = { 0 };
        struct err e;

        if (index_unclosed(s->parent->index, parent_storage_on_open, &open, &e) < 0)
                log_error(NULL, "index.unreadable", "err=\"%s\"", e.text);
        for (unsigned i = 0; i < open.n; i++) {
                if (open.rows[i].volume == k->v.entry.number)
                        parent_storage_mend(k, open.rows[i].stream);
        }
        free(open.rows);
        for (struct parent_storage_wait *w = s->waits; w; w = w->next) {
                if (w->need >> k->at & 1 && !parent_storage_mend(k, w->stream->assign.stream))
                        parent_storage_wait_note(k, w, false); /* it has nothing of it */
        }
}

void parent_storage_mends_drop(struct parent_storage_slot *k)
{
        struct parent_storage_mend *m;
        size_t at = 0;

        /* Those that were asked for are on the list of questions, which frees them. */
        while ((m = table_next(&k->mends, &at))) {
                if (m->asked)
                        continue;
                table_take(&k->mends, m->stream);
                free(m);
                at = 0;
        }
}
