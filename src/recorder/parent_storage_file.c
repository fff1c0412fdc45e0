/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Key files and segment files. A segment's key file is durable on the volume of the segment before
 * the segment's file is made: so a volume can be taken away with all that its footage needs.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/pack.h"
#include "os/clock.h"
#include "recorder/parent_storage_parts.h"
#include "vault/index_tail.h"
#include "vault/key_store.h"

/* A file that is being made; the stream points to it as long as it waits for it. */
struct parent_storage_file_job {
        struct parent_storage_slot *slot;
        char stream[HEAD_PATH_MAX];
        int64_t wall_us;
};

/* Files that workers have */

struct parent_stream_file *parent_storage_file_of(struct parent_stream *t, const char *object_key)
{
        for (unsigned i = 0; i < PARENT_STREAM_FILES_MAX; i++) {
                if (t->files[i].object_key[0] && strcmp(t->files[i].object_key, object_key) == 0)
                        return &t->files[i];
        }
        return NULL;
}

void parent_storage_file_gone(struct parent_stream *t, struct parent_stream_file *f)
{
        struct parent_stream_file *end = t->files + PARENT_STREAM_FILES_MAX - 1;

        memmove(f, f + 1, (size_t)(end - f) * sizeof *f);
        *end = (struct parent_stream_file){ 0 };
}

bool parent_storage_has(struct parent_stream *t, const char *object_key)
{
        return parent_storage_file_of(t, object_key) != NULL;
}

void parent_storage_unused(
        struct parent_storage *s, struct parent_stream *t, const char *object_key)
{
        struct parent_stream_file *f = parent_storage_file_of(t, object_key);
        struct parent_storage_slot *k = f ? parent_storage_slot(s, f->volume) : NULL;

        if (!k || f->used)
                return; /* what was written is not deleted at a worker's word */
        parent_storage_file_gone(t, f);
        parent_storage_discard(k, object_key);
}

void parent_storage_not_written(struct parent_storage *s, struct parent_stream *t,
        const char *object_key, const struct err *why)
{
        const struct parent_stream_file *f = parent_storage_file_of(t, object_key);

        if (f)
                parent_storage_failed(s, f->volume, why);
}

/* Oldest first. One that was given up long ago and not closed makes room: its row stays open, and
 * is settled when the stream's end is looked for. */
static void parent_storage_file_add(
        struct parent_stream *t, uint32_t volume, const char *object_key)
{
        unsigned i = 0;

        while (i < PARENT_STREAM_FILES_MAX && t->files[i].object_key[0])
                i++;
        if (i == PARENT_STREAM_FILES_MAX)
                parent_storage_file_gone(t, &t->files[--i]);
        snprintf(t->files[i].object_key, HEAD_KEY_MAX, "%s", object_key);
        t->files[i].volume = volume;
        t->files[i].used = false;
}

static unsigned parent_storage_unused_n(const struct parent_stream *t)
{
        unsigned n = 0;

        for (unsigned i = 0; i < PARENT_STREAM_FILES_MAX; i++)
                n += t->files[i].object_key[0] && !t->files[i].used;
        return n;
}

static void parent_storage_send_file(struct parent_stream *t, struct parent_storage_slot *k,
        const struct parent_storage_answer *a)
{
        struct pack out = parent_stream_message(t);

        pack_u32(&out, k->v.entry.number);
        pack_u8(&out, a->direct);
        pack_string(&out, a->object_key);
        parent_stream_send(t, MESSAGE_FILE, &a->fd, 1);
}

static void parent_storage_no_file(struct parent_stream *t, const struct err *why)
{
        t->file_wanted = false;
        log_error(&t->log, "vault.no_file", "err=\"%s\"", why->text);
        parent_stream_send_failure(t, MESSAGE_NO_FILE, why);
}

/* A new file has its row before anybody writes to it. */
static int parent_storage_note_file(
        struct parent_storage_file_job *j, const char *object_key, struct err *e)
{
        struct parent *p = j->slot->storage->parent;

        if (!head_is_object_key(object_key, j->stream))
                return err_set(e, ERR_PROTOCOL, "volume %s made \"%.160s\" for %s",
                        j->slot->v.entry.name, object_key, j->stream);
        int r = index_created(
                p->index, j->slot->v.entry.number, j->stream, object_key, j->wall_us, e);
        if (r == ERR_STATE)
                return r; /* a segment of that name lies on another volume */
        if (r < 0) /* the index is disposable: footage and seals do not depend on it */
                log_error(NULL, "index.failed", "err=\"%s\"", e->text);
        return 0;
}

static void parent_storage_file_made(struct parent_stream *t, struct parent_storage_file_job *j,
        const struct parent_storage_answer *a)
{
        struct parent_storage_slot *k = j->slot;
        struct parent_storage_key *key = table_get(&k->storage->keys, j->stream);
        struct err e;

        if (!a->object_key || parent_storage_note_file(j, a->object_key, &e) < 0) {
                if (a->object_key)
                        parent_storage_discard(k, a->object_key);
                parent_storage_no_file(t, &e);
                return;
        }
        if (key)
                key->target = -1;
        k->v.given_bytes += t->segment_bytes ? t->segment_bytes : PARENT_STORAGE_SEGMENT_BYTES;
        parent_storage_file_add(t, k->v.entry.number, a->object_key);
        t->segments++;
        t->file_wanted = false;
        parent_storage_send_file(t, k, a);
}

static void parent_storage_on_file(void *owner, struct parent_storage_answer *a)
{
        struct parent_storage_file_job *j = owner;
        struct parent_storage_slot *k = j->slot;
        struct parent_storage *s = k->storage;
        struct parent_stream *t = s->closing ? NULL : table_get(&s->parent->streams, j->stream);
        char stream[HEAD_PATH_MAX];

        if (!t || t->file_job != j) { /* nobody waits for it any more */
                if (a->object_key && !s->closing)
                        parent_storage_discard(k, a->object_key);
                free(j);
                return;
        }
        t->file_job = NULL;
        snprintf(stream, sizeof stream, "%s", j->stream);
        if (!a->err && t->file_wanted)
                parent_storage_file_made(t, j, a);
        else if (!a->err)
                parent_storage_discard(k, a->object_key);
        free(j);
        if (!a->err)
                return;
        parent_storage_mark(k, parent_storage_fault_of(a->err), a->err->text);
        parent_storage_advance(s, stream);
}

static void parent_storage_ask_file(struct parent_stream *t, struct parent_storage_slot *k)
{
        struct parent_storage_file_job *j = xcalloc(1, sizeof *j);

        j->slot = k;
        j->wall_us = clock_wall_us();
        snprintf(j->stream, sizeof j->stream, "%s", t->assign.stream);
        t->file_job = j;
        struct pack out = parent_storage_ask_begin(k->storage, MESSAGE_VOLUME_FILE);
        pack_string(&out, j->stream);
        pack_i64(&out, j->wall_us);
        parent_storage_ask_send(k, MESSAGE_VOLUME_FILE, &out, parent_storage_on_file, j);
}

/* Keys */

struct parent_storage_key_job {
        struct parent_storage_slot *slot;
        struct parent_storage_keyed *keyed;
};

static void parent_storage_key_free(struct parent_storage_key *key)
{
        buf_done(&key->text);
        free(key);
}

void parent_storage_keys_forget(struct parent_storage *s)
{
        struct parent_storage_key *key;
        size_t at = 0;

        while ((key = table_next(&s->keys, &at)))
                parent_storage_key_free(key);
        table_done(&s->keys);
}

void parent_storage_sealer_gone(struct parent_storage *s)
{
        parent_storage_keys_forget(s);
}

static void parent_storage_ack_key(struct parent_storage *s, struct parent_storage_key *key)
{
        struct parent *p = s->parent;

        key->acked = true;
        if (!p->sealer)
                return;
        buf_clear(&p->out);
        struct pack out = pack_to(&p->out);
        pack_string(&out, key->stream);
        pack_string(&out, key->path);
        if (chan_send(p->sealer, MESSAGE_KEY_STORED, buf_bytes(&p->out), NULL, 0, NULL) < 0)
                log_error(NULL, "sealer.unreachable", "");
}

static struct parent_storage_key *parent_storage_key_of(
        struct parent_storage *s, const struct parent_storage_keyed *w)
{
        struct parent_storage_key *key = table_get(&s->keys, w->stream);

        return key && strcmp(key->path, w->path) == 0 ? key : NULL;
}

void parent_storage_key_durable(struct parent_storage_slot *k, const struct parent_storage_keyed *w)
{
        struct parent_storage_key *key = parent_storage_key_of(k->storage, w);

        if (!key)
                return; /* of an hour that is over */
        key->on |= UINT32_C(1) << k->at;
        key->writing &= ~(UINT32_C(1) << k->at);
        parent_storage_advance(k->storage, w->stream);
}

static void parent_storage_on_key(void *owner, struct parent_storage_answer *a)
{
        struct parent_storage_key_job *j = owner;
        struct parent_storage_slot *k = j->slot;
        struct parent_storage *s = k->storage;
        struct parent_storage_keyed *w = j->keyed;

        free(j);
        if (!a->err && k->ready && !s->closing) {
                parent_storage_sync_key(k, w);
                return;
        }
        struct parent_storage_key *key = s->closing ? NULL : parent_storage_key_of(s, w);
        if (key)
                key->writing &= ~(UINT32_C(1) << k->at);
        if (a->err && !s->closing) {
                log_error(NULL, "vault.key_not_stored", "volume=%s err=\"%s\"", k->v.entry.name,
                        a->err->text);
                parent_storage_mark(k, parent_storage_fault_of(a->err), a->err->text);
        }
        if (!s->closing)
                parent_storage_advance(s, w->stream);
        free(w);
}

static void parent_storage_ask_key(struct parent_storage_slot *k, struct parent_storage_key *key)
{
        struct parent_storage_key_job *j = xcalloc(1, sizeof *j);

        j->slot = k;
        j->keyed = xcalloc(1, sizeof *j->keyed);
        snprintf(j->keyed->stream, sizeof j->keyed->stream, "%s", key->stream);
        snprintf(j->keyed->path, sizeof j->keyed->path, "%s", key->path);
        key->writing |= UINT32_C(1) << k->at;
        struct pack out = parent_storage_ask_begin(k->storage, MESSAGE_VOLUME_KEY);
        pack_string(&out, key->path);
        pack_field32(&out, buf_bytes(&key->text));
        parent_storage_ask_send(k, MESSAGE_VOLUME_KEY, &out, parent_storage_on_key, j);
}

/* keys/<stream>/<date>/<HH>.<id>.json, the stream being the one that the sealer named. */
static bool parent_storage_key_path_ok(const char *stream, const char *path)
{
        char prefix[HEAD_KEY_MAX];
        int n = snprintf(prefix, sizeof prefix, "keys/%s/", stream);

        return head_is_stream_path(stream) && strncmp(path, prefix, (size_t)n) == 0 &&
               !strstr(path, "..");
}

/* Those of streams that are not here any more, and of an hour that is over, are not needed. */
static void parent_storage_keys_prune(struct parent_storage *s)
{
        char hour[KEY_STORE_HOUR_ROOM], name[KEY_STORE_HOUR_ROOM];
        struct parent_storage_key *key;
        size_t at = 0;

        key_store_hour(clock_wall_us(), hour);
        while ((key = table_next(&s->keys, &at))) {
                const char *date = key->path + sizeof "keys/" + strlen(key->stream);
                snprintf(name, sizeof name, "%.10sT%.2s", date, strlen(date) > 12 ? date + 11 : "");
                if (table_get(&s->parent->streams, key->stream) || strcmp(name, hour) == 0)
                        continue;
                table_take(&s->keys, key->stream);
                parent_storage_key_free(key);
                at = 0;
        }
}

int parent_storage_key(struct parent_storage *s, struct bytes message, struct err *e)
{
        struct unpack u = unpack_of(message);
        struct parent_storage_key *key = xcalloc(1, sizeof *key);

        buf_init(&key->text, KEY_STORE_FILE_MAX);
        unpack_string(&u, key->stream, sizeof key->stream);
        unpack_string(&u, key->path, sizeof key->path);
        struct bytes text = unpack_field32(&u, KEY_STORE_FILE_MAX);
        if (!unpack_complete(&u) || !parent_storage_key_path_ok(key->stream, key->path) ||
                buf_append(&key->text, text, NULL) < 0) {
                parent_storage_key_free(key);
                return err_set(e, ERR_PROTOCOL, "key store: malformed message");
        }
        key->target = -1;
        struct parent_storage_key *before = table_take(&s->keys, key->stream);
        if (before)
                parent_storage_key_free(before);
        else
                parent_storage_keys_prune(s);
        table_put(&s->keys, key->stream, key);
        parent_storage_advance(s, key->stream);
        return 0;
}

/* What is next */

static struct parent_storage_slot *parent_storage_target(struct parent_storage *s,
        const char *stream, struct parent_storage_key *key, bool *ret_wait)
{
        struct parent_storage_slot *k = NULL;

        *ret_wait = false;
        if (key && key->target >= 0 && key->target < (int)s->n)
                k = s->slots[key->target];
        if (!k || !parent_storage_takes(k, stream))
                k = parent_storage_choose(s, stream, ret_wait);
        if (key)
                key->target = k ? (int)k->at : -1;
        return k;
}

/* True when the stream's key is durable there. */
static bool parent_storage_key_there(struct parent_storage_slot *k, struct parent_storage_key *key)
{
        uint32_t bit = UINT32_C(1) << k->at;

        if (!(key->on & bit) && !(key->writing & bit))
                parent_storage_ask_key(k, key);
        if (key->on & bit && !key->acked)
                parent_storage_ack_key(k->storage, key);
        return key->on & bit;
}

void parent_storage_advance(struct parent_storage *s, const char *stream)
{
        struct parent_stream *t = table_get(&s->parent->streams, stream);
        struct parent_storage_key *key = table_get(&s->keys, stream);
        bool file = t && t->file_wanted && !t->file_job, wait;
        struct err why;

        if (!file && (!key || key->acked))
                return;
        struct parent_storage_slot *k = parent_storage_target(s, stream, key, &wait);
        if (!k && file && !wait) {
                err_fault(&why, ERR_UNAVAILABLE, FAULT_NO_STORAGE, "no volume takes footage now");
                parent_storage_no_file(t, &why);
        } else if (file && !key) {
                err_set(&why, ERR_STATE, "%s has no hour key yet", stream);
                parent_storage_no_file(t, &why);
        } else if (k && parent_storage_key_there(k, key) && file) {
                parent_storage_ask_file(t, k);
        }
}

void parent_storage_advance_all(struct parent_storage *s)
{
        struct parent_storage_key *key;
        size_t at = 0;

        while ((key = table_next(&s->keys, &at)))
                parent_storage_advance(s, key->stream);
}

void parent_storage_file(struct parent_storage *s, struct parent_stream *t)
{
        struct err why;

        if (t->file_wanted)
                return; /* one at a time is made */
        t->file_wanted = true;
        if (parent_storage_unused_n(t) >= PARENT_STORAGE_UNUSED_MAX) {
                err_set(&why, ERR_EXHAUSTED, "%u files were given for %s and not written to",
                        PARENT_STORAGE_UNUSED_MAX, t->assign.stream);
                parent_storage_no_file(t, &why);
                return;
        }
        parent_storage_advance(s, t->assign.stream);
}

/* What was to be made there is made elsewhere. */
void parent_storage_file_left(struct parent_storage_slot *k)
{
        struct parent_storage *s = k->storage;
        struct parent_storage_key *key;
        size_t at = 0;

        while ((key = table_next(&s->keys, &at))) {
                struct parent_stream *t = table_get(&s->parent->streams, key->stream);
                struct parent_storage_file_job *j = t ? t->file_job : NULL;
                if (j && j->slot == k)
                        t->file_job = NULL; /* j is freed by its answer */
                if (key->target == (int)k->at)
                        key->target = -1;
                parent_storage_advance(s, key->stream);
        }
}
