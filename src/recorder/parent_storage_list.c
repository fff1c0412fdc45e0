/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The recorder's list of its volumes: written in the pool; sessions; what joins and what retires.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/pack.h"
#include "crypto/random.h"
#include "os/clock.h"
#include "recorder/parent_storage_parts.h"

#define PARENT_STORAGE_TRIAL_US                                                                    \
        INT64_C(10000000) /* beyond the patience: a process has to begin                           \
                           */

/* Writing */

struct parent_storage_save_job {
        uv_work_t work;
        struct parent_storage *storage; /* NULL: it is gone */
        char state[4096];
        struct volume_list list;
        int result;
        struct err err;
};

static void parent_storage_fill_list(struct parent_storage *s)
{
        s->list.n = 0;
        for (unsigned i = 0; i < s->n; i++) {
                if (s->slots[i]->listed)
                        s->list.entries[s->list.n++] = s->slots[i]->v.entry;
        }
}

static void parent_storage_save_run(uv_work_t *work)
{
        struct parent_storage_save_job *j = work->data;

        j->result = volume_list_write(j->state, &j->list, &j->err);
}

static void parent_storage_save_start(struct parent_storage *s);

static void parent_storage_save_done(uv_work_t *work, int status)
{
        struct parent_storage_save_job *j = work->data;
        struct parent_storage *s = j->storage;

        if (s) {
                struct parent_storage_saved *w = TAKE(s->saving);
                s->save_job = NULL;
                if (status < 0)
                        j->result = err_set(&j->err, ERR_CANCELLED, "stopped");
                if (j->result < 0)
                        log_error(NULL, "storage.list_not_saved", "err=\"%s\"", j->err.text);
                while (w) {
                        struct parent_storage_saved *next = w->next;
                        if (w->on_saved)
                                w->on_saved(w->owner, j->result < 0 ? &j->err : NULL);
                        free(w);
                        w = next;
                }
                parent_storage_save_start(s);
        }
        free(j);
}

static void parent_storage_save_start(struct parent_storage *s)
{
        if (s->save_job || !s->to_save)
                return;
        struct parent_storage_save_job *j = xcalloc(1, sizeof *j);
        j->storage = s;
        j->list = s->list;
        snprintf(j->state, sizeof j->state, "%s", s->parent->state);
        j->work.data = j;
        s->save_job = j;
        s->saving = TAKE(s->to_save);
        uv_queue_work(loop_uv(s->parent->loop), &j->work, parent_storage_save_run,
                parent_storage_save_done);
}

void parent_storage_save(
        struct parent_storage *s, void (*on_saved)(void *owner, const struct err *e), void *owner)
{
        struct parent_storage_saved *w = xcalloc(1, sizeof *w);

        w->on_saved = on_saved;
        w->owner = owner;
        w->next = s->to_save;
        s->to_save = w;
        parent_storage_fill_list(s);
        parent_storage_save_start(s);
}

static void parent_storage_saved_free(struct parent_storage_saved *w)
{
        while (w) {
                struct parent_storage_saved *next = w->next;
                free(w);
                w = next;
        }
}

void parent_storage_save_forget(struct parent_storage *s)
{
        if (s->save_job)
                s->save_job->storage = NULL;
        s->save_job = NULL;
        parent_storage_saved_free(TAKE(s->to_save));
        parent_storage_saved_free(TAKE(s->saving));
}

/* Sessions: noted as coming, written to the volume, noted as present */

static void parent_storage_on_session(void *owner, struct parent_storage_answer *a)
{
        struct parent_storage_slot *k = owner;
        struct volume_entry *entry = &k->v.entry;

        if (k->storage->closing)
                return;
        k->settling = false;
        if (a->err) {
                parent_storage_mark(k, parent_storage_fault_of(a->err), a->err->text);
                return;
        }
        memcpy(k->previous, entry->session, sizeof k->previous);
        memcpy(entry->session, entry->coming, sizeof entry->session);
        memset(entry->coming, 0, sizeof entry->coming);
        k->settled = true;
        k->marked = FAULT_NONE; /* of the process before: this one could write, and sync */
        parent_storage_save(k->storage, NULL, NULL);
        parent_storage_review(k);
}

static void parent_storage_on_coming(void *owner, const struct err *why)
{
        struct parent_storage_slot *k = owner;

        if (--k->saves || !k->settling)
                return; /* a later one is on its way, or its process has ended */
        if (why) {
                k->settling = false; /* the next state tries again */
                return;
        }
        struct pack out = parent_storage_ask_begin(k->storage, MESSAGE_VOLUME_SESSION);
        pack_bytes(&out, BYTES(k->v.entry.coming, 16));
        parent_storage_ask_send(k, MESSAGE_VOLUME_SESSION, &out, parent_storage_on_session, k);
}

void parent_storage_settle(struct parent_storage_slot *k)
{
        k->settling = true;
        k->saves++;
        random_bytes(k->v.entry.coming, sizeof k->v.entry.coming);
        parent_storage_save(k->storage, parent_storage_on_coming, k);
}

/* Joining */

static void parent_storage_trial_tell(struct parent_storage *s, const struct err *why)
{
        struct parent_storage_trial trial = s->trial;

        s->trial = (struct parent_storage_trial){ 0 };
        if (trial.on_done)
                trial.on_done(trial.owner, why ? why->code : 0, why);
}

/* It is not wanted; the last place is its. */
void parent_storage_trial_end(struct parent_storage *s, const struct err *why)
{
        struct parent_storage_slot *k = s->trial.slot;
        struct parent *p = s->parent;
        struct err e = *why;

        if (!k->listed) {
                buf_clear(&p->out);
                struct pack out = pack_to(&p->out);
                pack_u32(&out, k->v.entry.number);
                if (p->supervisor && chan_send(p->supervisor, MESSAGE_VOLUME_ENDED,
                                             buf_bytes(&p->out), NULL, 0, NULL) < 0)
                        log_error(NULL, "supervisor.unreachable", "");
                s->n--;
                parent_storage_slot_free(k);
        }
        parent_storage_trial_tell(s, &e);
}

void parent_storage_trial_expire(struct parent_storage *s, int64_t now_us)
{
        struct err why;

        if (!s->trial.slot || now_us < s->trial.deadline_us)
                return;
        err_fault(&why, ERR_TIMEOUT, FAULT_VOLUME_SLOW, "the volume at %s does not answer",
                s->trial.slot->v.entry.path);
        parent_storage_trial_end(s, &why);
}

static void parent_storage_on_listed(void *owner, const struct err *why)
{
        struct parent_storage *s = owner;
        struct parent_storage_slot *k = s->trial.slot;

        if (!k)
                return;
        if (why) {
                k->listed = false;
                parent_storage_fill_list(s);
                parent_storage_trial_end(s, why);
                return;
        }
        log_info(NULL, "volume.added", "volume=%s path=\"%s\"", k->v.entry.name, k->v.entry.path);
        parent_storage_trial_tell(s, NULL);
        if (k->identified && !k->seen && !k->settling && !k->settled)
                parent_storage_settle(k);
}

void parent_storage_trial_heard(struct parent_storage_slot *k)
{
        struct parent_storage *s = k->storage;
        struct err why;

        if (k->listed)
                return; /* the list is being written */
        if (k->identified && !k->seen) {
                k->listed = true;
                parent_storage_save(s, parent_storage_on_listed, s);
                return;
        }
        err_fault(&why, ERR_STATE, k->seen, "%s: %s", k->v.entry.path,
                k->seen_text[0] ? k->seen_text : fault_text(k->seen));
        parent_storage_trial_end(s, &why);
}

static void parent_storage_on_known(void *owner, const struct err *why)
{
        struct parent_storage *s = owner;

        parent_storage_trial_tell(s, why);
}

/* One that is on the list: it is stale, and taken as it is; or it was retired. */
static int parent_storage_take_back(struct parent_storage *s, struct parent_storage_slot *k,
        const char *path, bool stale, struct err *e)
{
        struct volume_entry *entry = &k->v.entry;

        if (strcmp(entry->path, path) != 0 ||
                (stale ? k->seen != FAULT_VOLUME_STALE : !entry->retired))
                return err_set(e, ERR_STATE,
                        stale ? "%s is not stale, or not at %s" : "there is a volume %s already",
                        entry->name, path);
        entry->retired = false;
        if (stale) {
                memcpy(entry->session, k->v.state.identity.session, sizeof entry->session);
                memset(entry->coming, 0, sizeof entry->coming);
                k->forgiven = true;
                k->back = 0;
                for (unsigned i = 0; i < s->n; i++) { /* keys may be missing there */
                        struct parent_storage_key *key;
                        size_t at = 0;
                        while (s->slots[i] == k && (key = table_next(&s->keys, &at)))
                                key->on &= ~(UINT32_C(1) << i);
                }
                /* A session of its own before anything is written: the next state begins it. */
                k->settled = k->settling = false;
        }
        log_warn(NULL, "volume.taken_back", "volume=%s stale=%d", entry->name, stale);
        parent_storage_review(k);
        parent_storage_save(s, parent_storage_on_known, s);
        parent_storage_advance_all(s);
        return 0;
}

static int parent_storage_check_new(const struct parent_storage *s, const char *name,
        const char *path, unsigned weight, struct err *e)
{
        if (s->trial.on_done)
                return err_set(e, ERR_STATE, "another volume is being added: try again");
        if (!volume_is_name(name))
                return err_set(e, ERR_INVALID, "a volume's name has 1 to %d of a-z, 0-9 and -",
                        VOLUME_NAME_MAX - 1);
        if (path[0] != '/' || strlen(path) >= VOLUME_PATH_MAX)
                return err_set(e, ERR_INVALID,
                        "the path of a volume begins with /, and has at "
                        "most %d characters",
                        VOLUME_PATH_MAX - 1);
        if (weight < 1 || weight > 1000)
                return err_set(e, ERR_INVALID, "weight is 1 to 1000");
        return 0;
}

static int parent_storage_try(struct parent_storage *s, const char *name, const char *path,
        unsigned weight, struct err *e)
{
        struct volume_entry entry = { .weight = weight };

        for (unsigned i = 0; i < s->n; i++) {
                if (strcmp(s->slots[i]->v.entry.path, path) == 0)
                        return err_set(e, ERR_STATE, "%s is the path of volume %s", path,
                                s->slots[i]->v.entry.name);
                if (s->slots[i]->v.entry.number >= entry.number)
                        entry.number = s->slots[i]->v.entry.number + 1;
        }
        if (s->n == VOLUME_MAX)
                return err_set(
                        e, ERR_EXHAUSTED, "there are %d volumes, which is the most", VOLUME_MAX);
        snprintf(entry.name, sizeof entry.name, "%s", name);
        snprintf(entry.path, sizeof entry.path, "%s", path);
        struct parent_storage_slot *k = parent_storage_slot_new(s, &entry);
        k->claim = true;
        s->trial.slot = k;
        s->trial.deadline_us = clock_boot_us() + s->patience_us + PARENT_STORAGE_TRIAL_US;
        parent_storage_want(k);
        parent_storage_ask_wake(s, PARENT_STORAGE_TICK_MS);
        return 0;
}

void parent_storage_add(struct parent_storage *s, const char *name, const char *path,
        unsigned weight, bool stale, parent_storage_on_done on_done, void *owner)
{
        struct parent_storage_slot *known = NULL;
        struct err e;

        int r = parent_storage_check_new(s, name, path, weight, &e);
        for (unsigned i = 0; i < s->n; i++) {
                if (strcmp(s->slots[i]->v.entry.name, name) == 0)
                        known = s->slots[i];
        }
        if (r == 0) {
                s->trial.on_done = on_done;
                s->trial.owner = owner;
                if (!known && stale)
                        r = err_set(&e, ERR_NOT_FOUND, "there is no volume %s", name);
                else if (known)
                        r = parent_storage_take_back(s, known, path, stale, &e);
                else
                        r = parent_storage_try(s, name, path, weight, &e);
                if (r < 0)
                        s->trial = (struct parent_storage_trial){ 0 };
        }
        if (r < 0)
                on_done(owner, r, &e);
}

int parent_storage_set(struct parent_storage *s, const char *name, unsigned weight, struct err *e)
{
        const struct parent_volume *v = parent_storage_find(s, name);

        if (!v)
                return err_set(e, ERR_NOT_FOUND, "there is no volume %.60s", name);
        if (weight < 1 || weight > 1000)
                return err_set(e, ERR_INVALID, "weight is 1 to 1000");
        struct parent_storage_slot *k = parent_storage_slot(s, v->entry.number);
        /* From now on: what was given by the old weight is not made up for. */
        k->v.given_bytes = (uint64_t)((double)k->v.given_bytes / k->v.entry.weight * weight);
        k->v.entry.weight = weight;
        parent_storage_save(s, NULL, NULL);
        return 0;
}

int parent_storage_retire(struct parent_storage *s, const char *name, struct err *e)
{
        const struct parent_volume *v = parent_storage_find(s, name);

        if (!v)
                return err_set(e, ERR_NOT_FOUND, "there is no volume %.60s", name);
        struct parent_storage_slot *k = parent_storage_slot(s, v->entry.number);
        if (k->v.entry.retired)
                return 0;
        log_info(NULL, "volume.retired", "volume=%s", name);
        k->v.entry.retired = true;
        parent_storage_save(s, NULL, NULL);
        parent_storage_leave(k);
        return 0;
}
