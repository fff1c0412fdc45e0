/* SPDX-License-Identifier: GPL-3.0-or-later */
/* For retention, locks and the scrubber: removing, locks on every volume, files to read. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/pack.h"
#include "recorder/parent_storage_parts.h"
#include "vault/index_tail.h"

struct parent_storage_job {
        struct parent_storage_slot *slot;
        unsigned n;
        char (*names)[HEAD_KEY_MAX];
        parent_storage_on_done on_done; /* of removing; may be NULL */
        void (*on_file)(void *owner, int fd, const struct err *e);
        void *owner;
};

static struct parent_storage_job *parent_storage_job_new(
        struct parent_storage_slot *k, unsigned n, void *owner)
{
        struct parent_storage_job *j = xcalloc(1, sizeof *j);

        j->slot = k;
        j->n = n;
        j->names = xcalloc(n, sizeof *j->names);
        j->owner = owner;
        return j;
}

static void parent_storage_job_free(struct parent_storage_job *j)
{
        free(j->names);
        free(j);
}

/* Removing */

static int parent_storage_remove_rows(const struct parent_storage_job *j, struct err *e)
{
        struct index *ix = j->slot->storage->parent->index;
        struct index_segment row;
        int r = index_begin(ix, e);

        for (unsigned i = 0; r == 0 && i < j->n; i++) {
                r = index_tail_find(ix, j->names[i], &row, e);
                if (r == 0 && row.volume == j->slot->v.entry.number)
                        r = index_remove(ix, j->names[i], e);
                r = r == ERR_NOT_FOUND ? 0 : r; /* a key file, or removed before */
        }
        if (r == 0)
                r = index_commit(ix, e);
        if (r < 0)
                index_rollback(ix);
        return r;
}

static void parent_storage_on_removed(void *owner, struct parent_storage_answer *a)
{
        struct parent_storage_job *j = owner;
        struct err e;

        if (!j->slot->storage->closing && !a->err && parent_storage_remove_rows(j, &e) < 0)
                log_error(NULL, "index.failed", "err=\"%s\"", e.text);
        if (!j->slot->storage->closing && j->on_done)
                j->on_done(j->owner, a->err ? a->err->code : 0, a->err);
        parent_storage_job_free(j);
}

static void parent_storage_ask_remove(struct parent_storage_job *j)
{
        /* With nothing left to remove, any question brings the answer. */
        uint16_t type = j->n ? MESSAGE_VOLUME_REMOVE : MESSAGE_VOLUME_SYNC;
        struct pack out = parent_storage_ask_begin(j->slot->storage, type);

        if (j->n)
                pack_u32(&out, j->n);
        for (unsigned i = 0; i < j->n; i++)
                pack_string(&out, j->names[i]);
        parent_storage_ask_send(j->slot, type, &out, parent_storage_on_removed, j);
}

static bool parent_storage_being_written(const struct parent_storage *s, const char *name)
{
        struct parent_stream *t;
        size_t at = 0;

        while ((t = table_next(&s->parent->streams, &at))) {
                if (parent_storage_file_of(t, name))
                        return true;
        }
        return false;
}

void parent_storage_remove(struct parent_storage *s, uint32_t number,
        const char (*names)[HEAD_KEY_MAX], unsigned n, parent_storage_on_done on_done, void *owner)
{
        struct parent_storage_slot *k = parent_storage_slot(s, number);

        assert(k && n <= PARENT_STORAGE_REMOVE_MAX);
        struct parent_storage_job *j = parent_storage_job_new(k, n, owner);
        j->n = 0;
        j->on_done = on_done;
        for (unsigned i = 0; i < n; i++) {
                if (!parent_storage_being_written(s, names[i]))
                        snprintf(j->names[j->n++], HEAD_KEY_MAX, "%s", names[i]);
        }
        parent_storage_ask_remove(j);
}

void parent_storage_discard(struct parent_storage_slot *k, const char *object_key)
{
        struct parent_storage_job *j = parent_storage_job_new(k, 1, NULL);

        snprintf(j->names[0], HEAD_KEY_MAX, "%s", object_key);
        parent_storage_ask_remove(j);
}

/* Reading */

static void parent_storage_on_read(void *owner, struct parent_storage_answer *a)
{
        struct parent_storage_job *j = owner;

        if (!j->slot->storage->closing && j->on_file) {
                j->on_file(j->owner, a->fd, a->err);
                a->fd = -1;
        }
        parent_storage_job_free(j);
}

void parent_storage_read(struct parent_storage *s, uint32_t number, const char *object_key,
        void (*on_file)(void *owner, int fd, const struct err *e), void *owner)
{
        struct parent_storage_slot *k = parent_storage_slot(s, number);

        assert(k);
        struct parent_storage_job *j = parent_storage_job_new(k, 0, owner);
        j->on_file = on_file;
        struct pack out = parent_storage_ask_begin(s, MESSAGE_VOLUME_READ);
        pack_string(&out, object_key);
        parent_storage_ask_send(k, MESSAGE_VOLUME_READ, &out, parent_storage_on_read, j);
}

/* Locks */

struct parent_storage_lock_job {
        struct parent_storage_slot *slot;
        uint64_t turn;
        char id[LOCK_RECORD_ID_ROOM];
};

static void parent_storage_on_locked(void *owner, struct parent_storage_answer *a)
{
        struct parent_storage_lock_job *j = owner;
        struct parent_storage *s = j->slot->storage;
        struct parent_storage_lock *lock = s->closing ? NULL : table_get(&s->locks, j->id);

        if (a->err && !s->closing)
                log_warn(NULL, "volume.lock_not_written", "volume=%s lock=%s err=\"%s\"",
                        j->slot->v.entry.name, j->id, a->err->text);
        else if (lock && lock->turn == j->turn) /* else it was changed meanwhile */
                lock->on |= UINT32_C(1) << j->slot->at;
        free(j);
}

static void parent_storage_ask_lock(
        struct parent_storage_slot *k, const struct parent_storage_lock *lock)
{
        struct parent_storage_lock_job *j = xcalloc(1, sizeof *j);

        j->slot = k;
        j->turn = lock->turn;
        snprintf(j->id, sizeof j->id, "%s", lock->id);
        struct pack out = parent_storage_ask_begin(k->storage, MESSAGE_VOLUME_LOCK);
        pack_string(&out, lock->id);
        pack_field16(&out, bytes_str(lock->text ? lock->text : ""));
        parent_storage_ask_send(k, MESSAGE_VOLUME_LOCK, &out, parent_storage_on_locked, j);
}

/* It came, or came back: what it has missed. */
void parent_storage_lock_all(struct parent_storage_slot *k)
{
        struct parent_storage_lock *lock;
        size_t at = 0;

        while ((lock = table_next(&k->storage->locks, &at))) {
                if (!(lock->on >> k->at & 1))
                        parent_storage_ask_lock(k, lock);
        }
}

void parent_storage_lock(struct parent_storage *s, const char *id, const char *text)
{
        struct parent_storage_lock *lock = table_get(&s->locks, id);

        if (!lock) {
                lock = xcalloc(1, sizeof *lock);
                snprintf(lock->id, sizeof lock->id, "%s", id);
                table_put(&s->locks, lock->id, lock);
        }
        free(lock->text);
        lock->text = text ? xstrdup(text) : NULL;
        lock->on = 0;
        lock->turn++;
        for (unsigned i = 0; i < s->n; i++) {
                if (s->slots[i]->ready)
                        parent_storage_ask_lock(s->slots[i], lock);
        }
}

void parent_storage_locks_free(struct parent_storage *s)
{
        struct parent_storage_lock *lock;
        size_t at = 0;

        while ((lock = table_next(&s->locks, &at))) {
                free(lock->text);
                free(lock);
        }
        table_done(&s->locks);
}

void parent_storage_forget(struct parent_storage *s, const void *owner)
{
        struct parent_storage_wait **at = &s->waits;

        for (struct parent_storage_ask *a = s->asks; a; a = a->next) {
                struct parent_storage_job *j = a->owner;
                if ((a->on_answer != parent_storage_on_removed &&
                            a->on_answer != parent_storage_on_read) ||
                        j->owner != owner)
                        continue;
                j->on_done = NULL;
                j->on_file = NULL;
        }
        while (*at) {
                struct parent_storage_wait *w = *at;
                if (w->owner != owner) {
                        at = &w->next;
                        continue;
                }
                *at = w->next;
                free(w);
        }
        if (s->trial.owner == owner)
                s->trial.on_done = NULL;
}
