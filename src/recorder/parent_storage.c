/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recorder/parent_storage.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/pack.h"
#include "base/str.h"
#include "os/clock.h"
#include "recorder/parent_storage_parts.h"

#define PARENT_STORAGE_HOLD_MAX_S 64
#define PARENT_STORAGE_STEADY_US INT64_C(60000000)

struct parent_storage_slot *parent_storage_slot(const struct parent_storage *s, uint32_t number)
{
        for (unsigned i = 0; i < s->n; i++) {
                if (s->slots[i]->v.entry.number == number)
                        return s->slots[i];
        }
        return NULL;
}

const struct parent_volume *parent_storage_each(const struct parent_storage *s, unsigned at)
{
        return at < s->n ? &s->slots[at]->v : NULL;
}

const struct parent_volume *parent_storage_find(const struct parent_storage *s, const char *name)
{
        for (unsigned i = 0; i < s->n; i++) {
                if (strcmp(s->slots[i]->v.entry.name, name) == 0)
                        return &s->slots[i]->v;
        }
        return NULL;
}

const struct parent_volume *parent_storage_volume(const struct parent_storage *s, uint32_t number)
{
        const struct parent_storage_slot *k = parent_storage_slot(s, number);

        return k ? &k->v : NULL;
}

uint64_t parent_storage_reserve(const struct parent_storage *s, const struct parent_volume *v)
{
        uint64_t most = (uint64_t)settings_get(&s->parent->settings, SETTINGS_RESERVE_MB) << 20;
        uint64_t tenth = v->state.total_bytes / 10;

        return most < tenth ? most : tenth;
}

enum fault parent_storage_fault_of(const struct err *why)
{
        if (why->fault >= FAULT_VOLUME_MISSING && why->fault <= FAULT_VOLUME_FULL)
                return why->fault;
        return why->code == ERR_TIMEOUT     ? FAULT_VOLUME_SLOW
               : why->code == ERR_EXHAUSTED ? FAULT_VOLUME_FULL
                                            : FAULT_VOLUME_IO_ERROR;
}

/* What is wrong with it, and what follows */

static void parent_storage_tell_workers(struct parent_storage_slot *k)
{
        struct parent *p = k->storage->parent;
        struct err e;

        for (unsigned i = 0; i < PARENT_WORKERS_MAX; i++) {
                if (!p->workers[i].chan)
                        continue;
                buf_clear(&p->out);
                struct pack out = pack_to(&p->out);
                pack_u32(&out, k->v.entry.number);
                if (chan_send(p->workers[i].chan, MESSAGE_LEAVE, buf_bytes(&p->out), NULL, 0, &e) <
                        0)
                        log_error(NULL, "worker.unreachable", "err=\"%s\"", e.text);
        }
}

/* One that joins, or comes back, is not given all that it has missed. */
static void parent_storage_even(struct parent_storage_slot *k)
{
        struct parent_storage *s = k->storage;
        double least = -1;

        for (unsigned i = 0; i < s->n; i++) {
                const struct parent_storage_slot *o = s->slots[i];
                double share = (double)o->v.given_bytes / o->v.entry.weight;
                if (o != k && o->ready && !o->v.entry.retired && (least < 0 || share < least))
                        least = share;
        }
        uint64_t given = (uint64_t)(least * k->v.entry.weight);
        if (least > 0 && k->v.given_bytes < given)
                k->v.given_bytes = given;
}

void parent_storage_leave(struct parent_storage_slot *k)
{
        struct parent_stream *t;
        size_t at = 0;

        while ((t = table_next(&k->storage->parent->streams, &at))) {
                for (unsigned i = 0; i < PARENT_STREAM_FILES_MAX; i++)
                        t->left |= t->files[i].object_key[0] &&
                                   t->files[i].volume == k->v.entry.number;
        }
        parent_storage_tell_workers(k);
        parent_storage_file_left(k);
}

static void parent_storage_set_ready(struct parent_storage_slot *k, bool ready)
{
        struct parent_storage *s = k->storage;

        if (k->ready == ready)
                return;
        k->ready = ready;
        if (!ready) {
                parent_storage_sync_drop(k);
                parent_storage_leave(k);
                return;
        }
        parent_storage_even(k);
        parent_storage_mend_all(k);
        parent_storage_lock_all(k);
        parent_storage_advance_all(s);
}

static void parent_storage_set_fault(
        struct parent_storage_slot *k, enum fault fault, const char *text)
{
        bool quiet = !k->heard && !k->marked;

        snprintf(k->v.text, sizeof k->v.text, "%s", text);
        if (k->v.fault == fault)
                return;
        k->v.fault = fault;
        k->v.since_us = clock_wall_us();
        if (fault == FAULT_NONE)
                log_info(NULL, "volume.healthy", "volume=%s", k->v.entry.name);
        else if (!quiet)
                log_error(NULL, "volume.fault", "volume=%s fault=%s err=\"%s\"", k->v.entry.name,
                        fault_name(fault), text);
}

void parent_storage_review(struct parent_storage_slot *k)
{
        if (k->seen)
                parent_storage_set_fault(k, k->seen, k->seen_text);
        else if (k->marked)
                parent_storage_set_fault(k, k->marked, k->marked_text);
        else if (!k->heard)
                parent_storage_set_fault(k, FAULT_VOLUME_MISSING, "nobody has looked yet");
        else if (k->settled)
                parent_storage_set_fault(k, k->full ? FAULT_VOLUME_FULL : FAULT_NONE,
                        k->full ? fault_text(FAULT_VOLUME_FULL) : "");
        parent_storage_set_ready(
                k, k->v.chan && k->identified && k->settled && !k->seen && !k->marked);
        if (k->heard && !parent_storage_reachable(k))
                parent_storage_wait_drop(k);
}

bool parent_storage_reachable(const struct parent_storage_slot *k)
{
        return k->v.chan && k->identified && k->late == 0;
}

void parent_storage_mark(struct parent_storage_slot *k, enum fault fault, const char *text)
{
        struct parent *p = k->storage->parent;
        int64_t now = clock_boot_us();
        struct err e;

        if (k->marked)
                return; /* the first word says most */
        /* One that was good for a short time only is left alone for longer each time. */
        if (k->hold_us && now - k->hold_us < PARENT_STORAGE_STEADY_US)
                k->hold_s = k->hold_s ? k->hold_s * 2 : 4;
        else
                k->hold_s = 0;
        if (k->hold_s > PARENT_STORAGE_HOLD_MAX_S)
                k->hold_s = PARENT_STORAGE_HOLD_MAX_S;
        k->marked = fault;
        snprintf(k->marked_text, sizeof k->marked_text, "%s", text);
        k->marked_us = now;
        k->doubted = false;
        if (k->v.chan && !k->seen) {
                buf_clear(&p->out);
                struct pack out = pack_to(&p->out);
                pack_u8(&out, (uint8_t)fault);
                pack_string(&out, text);
                if (chan_send(k->v.chan, MESSAGE_VOLUME_TROUBLE, buf_bytes(&p->out), NULL, 0, &e) <
                        0)
                        log_warn(NULL, "volume.unreachable", "err=\"%s\"", e.text);
        }
        parent_storage_review(k);
}

/* Its process was told of the trouble, said so itself, and found since that it is over. */
static void parent_storage_unmark(struct parent_storage_slot *k)
{
        int64_t now = clock_boot_us();

        if (!k->marked)
                return;
        k->doubted |= k->seen != FAULT_NONE;
        if (k->seen || !k->doubted || k->late || now - k->marked_us < (int64_t)k->hold_s * 1000000)
                return;
        k->marked = FAULT_NONE;
        k->hold_us = now;
}

/* Identity */

static bool parent_storage_is_zero(const uint8_t id[static 16])
{
        static const uint8_t zeros[16];

        return memcmp(id, zeros, sizeof zeros) == 0;
}

static enum fault parent_storage_judge(struct parent_storage_slot *k)
{
        struct parent_storage *s = k->storage;
        const struct volume_identity *found = &k->v.state.identity;

        if (!parent_storage_is_zero(k->v.entry.id))
                return volume_judge(&s->list, &k->v.entry, found);
        if (strcmp(found->recorder, s->parent->recorder) != 0 ||
                strcmp(found->name, k->v.entry.name) != 0)
                return FAULT_VOLUME_FOREIGN;
        enum fault fault = volume_judge(&s->list, &k->v.entry, found);
        if (fault == FAULT_NONE || fault == FAULT_VOLUME_STALE) { /* it has no history here yet */
                memcpy(k->v.entry.id, found->id, sizeof found->id);
                memcpy(k->v.entry.session, found->session, sizeof found->session);
                fault = FAULT_NONE;
        }
        return fault;
}

static void parent_storage_see(struct parent_storage_slot *k, enum fault fault, const char *text)
{
        k->seen = fault;
        snprintf(k->seen_text, sizeof k->seen_text, "%s", text);
}

static void parent_storage_look(struct parent_storage_slot *k)
{
        const struct message_volume_state *state = &k->v.state;
        bool before = memcmp(state->identity.session, k->previous, 16) == 0 &&
                      !parent_storage_is_zero(k->previous);

        if (!state->readable) {
                k->identified = false;
                k->back = 0;
                parent_storage_see(k,
                        state->fault ? (enum fault)state->fault : FAULT_VOLUME_MISSING,
                        state->text);
                return;
        }
        enum fault fault = parent_storage_judge(k);
        if (fault == FAULT_VOLUME_STALE && before && k->settled)
                fault = FAULT_NONE; /* said before the new session was written */
        k->identified = fault == FAULT_NONE;
        if (fault)
                parent_storage_see(k, fault, fault_text(fault));
        else if (k->back > 1)
                parent_storage_see(k, FAULT_VOLUME_STALE,
                        "fragments that were durable on it are not there any more");
        else
                parent_storage_see(k, (enum fault)state->fault, state->text);
        if (memcmp(state->identity.session, k->v.entry.session, 16) == 0)
                memset(k->previous, 0, sizeof k->previous);
}

/* What was left there is mended while the session is written: it is known what lies there. */
static void parent_storage_begin(struct parent_storage_slot *k)
{
        parent_storage_settle(k);
        parent_storage_mend_all(k);
}

static int parent_storage_on_state(struct parent_storage_slot *k, struct bytes body, struct err *e)
{
        int r = message_volume_state_parse(body, &k->v.state, e);

        if (r < 0)
                return r;
        k->heard = true;
        k->heard_us = clock_boot_us();
        k->claim &= !k->v.state.readable; /* never what lies there later */
        parent_storage_look(k);
        parent_storage_unmark(k);
        if (k->storage->trial.slot == k)
                parent_storage_trial_heard(k); /* k may be gone after this */
        else if (k->claim && k->seen == FAULT_VOLUME_MISSING)
                parent_storage_want(k); /* its process ended before it was one */
        else if (k->identified && !k->seen && !k->settled && !k->settling)
                parent_storage_begin(k);
        else
                parent_storage_review(k);
        return 0;
}

/* Processes */

static int parent_storage_on_volume(
        void *owner, struct chan *c, struct chan_message *m, struct err *e)
{
        (void)c;
        if (m->type == MESSAGE_VOLUME_STATE)
                return m->fds_n ? err_set(e, ERR_PROTOCOL, "a descriptor with a volume's state")
                                : parent_storage_on_state(owner, m->body, e);
        if (m->type < MESSAGE_VOLUME_DONE || m->type > MESSAGE_VOLUME_END)
                return err_set(e, ERR_PROTOCOL, "message %u from a volume", m->type);
        return parent_storage_ask_on_message(owner, m, e);
}

static void parent_storage_ended(struct parent_storage_slot *k, const struct err *e)
{
        struct err why;

        k->v.chan = chan_free(k->v.chan);
        k->heard = k->identified = k->settling = k->settled = false;
        k->seen = FAULT_NONE;
        err_fault(&why, ERR_UNAVAILABLE, FAULT_VOLUME_SLOW, "the process of volume %s ended: %s",
                k->v.entry.name, e->text);
        k->marked = FAULT_NONE; /* its questions are gone too: the next one begins anew */
        parent_storage_mark(k, FAULT_VOLUME_SLOW, why.text);
        parent_storage_ask_cancel(k, &why);
        parent_storage_mends_drop(k);
        parent_storage_finish_check(k->storage);
}

static void parent_storage_on_end(void *owner, struct chan *c, const struct err *e)
{
        struct parent_storage_slot *k = owner;

        (void)c;
        parent_storage_ended(k, e);
        if (k->storage->trial.slot == k)
                parent_storage_trial_end(k->storage, e);
}

void parent_storage_attach(struct parent_storage *s, uint32_t number, int fd)
{
        static const struct chan_events events = { parent_storage_on_volume,
                parent_storage_on_end };
        struct parent_storage_slot *k = parent_storage_slot(s, number);
        static const struct err replaced = { .code = ERR_UNAVAILABLE, .text = "it was replaced" };

        if (!k) {
                close(fd); /* one that was not kept */
                return;
        }
        if (k->v.chan)
                parent_storage_ended(k, &replaced);
        k->v.chan = chan_new(s->parent->loop, fd, &events, k);
        k->heard_us = clock_boot_us();
}

void parent_storage_want(struct parent_storage_slot *k)
{
        struct parent *p = k->storage->parent;
        struct message_volume_start start = { .number = k->v.entry.number, .claim = k->claim };
        struct err e;

        snprintf(start.path, sizeof start.path, "%s", k->v.entry.path);
        snprintf(start.name, sizeof start.name, "%s", k->v.entry.name);
        buf_clear(&p->out);
        int r = message_volume_start_pack(&start, &p->out, &e);
        if (r == 0 && p->supervisor)
                r = chan_send(
                        p->supervisor, MESSAGE_VOLUME_WANTED, buf_bytes(&p->out), NULL, 0, &e);
        if (r < 0)
                log_error(NULL, "supervisor.unreachable", "err=\"%s\"", e.text);
}

/* One that says nothing any more hangs, whether it is asked or not. */
static void parent_storage_on_second(void *owner)
{
        struct parent_storage *s = owner;
        int64_t now = clock_boot_us();

        for (unsigned i = 0; i < s->n; i++) {
                struct parent_storage_slot *k = s->slots[i];
                if (k->v.chan && !k->marked &&
                        now - k->heard_us >
                                s->patience_us + PARENT_STORAGE_SILENT_MS * INT64_C(1000))
                        parent_storage_mark(k, FAULT_VOLUME_SLOW, "its process says nothing");
                parent_storage_sync_start(k);
        }
        parent_storage_finish_check(s);
}

void parent_storage_start(struct parent_storage *s)
{
        uint64_t every_ms = (uint64_t)settings_get(&s->parent->settings, SETTINGS_SYNC_MS);

        timer_start(&s->second, s->parent->loop, every_ms, every_ms, parent_storage_on_second, s);
}

/* Choice */

bool parent_storage_takes(const struct parent_storage_slot *k, const char *stream)
{
        return k->listed && k->ready && !k->full && !k->v.entry.retired &&
               k->v.state.free_bytes >= 2 * volume_segment_room(k->v.state.total_bytes) &&
               !table_get(&k->mends, stream);
}

/* Below its reserve it is taken where no other is above: retention is at work there, and says so
 * when there is nothing left to remove. */
struct parent_storage_slot *parent_storage_choose(
        struct parent_storage *s, const char *stream, bool *ret_wait)
{
        struct parent_storage_slot *best = NULL;
        bool best_above = false;
        double best_share = 0;

        *ret_wait = false;
        for (unsigned i = 0; i < s->n; i++) {
                struct parent_storage_slot *k = s->slots[i];
                double share = (double)k->v.given_bytes / k->v.entry.weight;
                bool above = k->v.state.free_bytes >= parent_storage_reserve(s, &k->v);
                if (k->listed && k->ready && !k->v.entry.retired && table_get(&k->mends, stream))
                        *ret_wait = true;
                if (!parent_storage_takes(k, stream) || (best_above && !above) ||
                        (best && best_above == above && share >= best_share))
                        continue;
                best = k;
                best_above = above;
                best_share = share;
        }
        return best;
}

void parent_storage_set_full(struct parent_storage *s, uint32_t number, bool full)
{
        struct parent_storage_slot *k = parent_storage_slot(s, number);

        if (!k || k->full == full)
                return;
        k->full = full;
        parent_storage_review(k);
        parent_storage_advance_all(s);
}

void parent_storage_failed(struct parent_storage *s, uint32_t number, const struct err *why)
{
        struct parent_storage_slot *k = parent_storage_slot(s, number);

        if (k)
                parent_storage_mark(k, parent_storage_fault_of(why), why->text);
}

/* Begin and end */

struct parent_storage_slot *parent_storage_slot_new(
        struct parent_storage *s, const struct volume_entry *entry)
{
        struct parent_storage_slot *k = xcalloc(1, sizeof *k);

        k->storage = s;
        k->at = s->n;
        k->v.entry = *entry;
        k->v.fault = FAULT_VOLUME_MISSING;
        k->v.since_us = clock_wall_us();
        s->slots[s->n++] = k;
        return k;
}

void parent_storage_slot_free(struct parent_storage_slot *k)
{
        static const struct err why = { .code = ERR_CANCELLED, .text = "it is not used any more" };

        k->v.chan = chan_free(k->v.chan);
        parent_storage_ask_cancel(k, &why);
        parent_storage_mends_drop(k);
        parent_storage_sync_free(k);
        table_done(&k->mends);
        free(k);
}

int parent_storage_open(struct parent *p, struct parent_storage **ret, struct err *e)
{
        struct parent_storage *s = xcalloc(1, sizeof *s);

        s->parent = p;
        s->lock_fd = -1;
        s->asks_last = &s->asks;
        s->patience_us = (int64_t)settings_get(&p->settings, SETTINGS_VOLUME_PATIENCE_MS) * 1000;
        snprintf(s->directory, sizeof s->directory, "%.4000s/storage", p->state);
        int r = parent_storage_open_list(s, e);
        for (unsigned i = 0; r == 0 && i < s->n; i++)
                parent_storage_want(s->slots[i]); /* they begin while the index is opened */
        if (r == 0)
                r = parent_storage_open_index(s, e);
        if (r < 0) {
                parent_storage_free(s);
                return r;
        }
        *ret = s;
        return 0;
}

struct parent_storage *parent_storage_free(struct parent_storage *s)
{
        if (!s)
                return NULL;
        s->closing = true;
        timer_done(&s->tick);
        timer_done(&s->second);
        for (unsigned i = 0; i < s->n; i++)
                parent_storage_slot_free(s->slots[i]);
        parent_storage_keys_forget(s);
        parent_storage_save_forget(s);
        parent_storage_locks_free(s);
        while (s->waits) {
                struct parent_storage_wait *w = s->waits;
                s->waits = w->next;
                free(w);
        }
        own_closep(&s->lock_fd);
        free(s);
        return NULL;
}
