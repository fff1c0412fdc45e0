/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Questions to the volumes' processes. Each has an id and a deadline. One that is not answered in
 * time marks its volume, and is remembered: a volume is not good again before it has answered all
 * that it was asked.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/pack.h"
#include "os/clock.h"
#include "recorder/parent_storage_parts.h"

/* Removing many large files takes longer than anything else does, and nobody waits for it. */
#define PARENT_STORAGE_ASK_REMOVE 6

struct pack parent_storage_ask_begin(struct parent_storage *s, uint16_t type)
{
        buf_clear(&s->parent->out);
        struct pack p = pack_to(&s->parent->out);
        if (type != MESSAGE_VOLUME_SESSION) {
                s->next_id += s->next_id == UINT32_MAX ? 2 : 1; /* 0 is the session's */
                pack_u32(&p, s->next_id);
        }
        return p;
}

static void parent_storage_ask_free(struct parent_storage_ask *a)
{
        a->slot->late -= a->late;
        free(a);
}

static struct parent_storage_ask *parent_storage_ask_take(struct parent_storage_ask **at)
{
        struct parent_storage_ask *a = *at;

        *at = a->next;
        if (!*at)
                a->slot->storage->asks_last = at;
        return a;
}

/* The question is off the list: its owner may ask another one. */
static void parent_storage_ask_tell(
        struct parent_storage_ask *a, struct parent_storage_answer *answer)
{
        if (a->on_answer)
                a->on_answer(a->owner, answer);
        else if (answer->object_key && !a->slot->storage->closing && a->type == MESSAGE_VOLUME_FILE)
                parent_storage_discard(a->slot, answer->object_key); /* it came too late */
        if (answer->fd >= 0)
                close(answer->fd);
        answer->fd = -1;
}

static void parent_storage_ask_fail(struct parent_storage_ask *a, const struct err *why)
{
        struct parent_storage_answer answer = { .err = why, .fd = -1 };

        parent_storage_ask_tell(a, &answer);
        parent_storage_ask_free(a);
}

static void parent_storage_ask_on_tick(void *owner)
{
        struct parent_storage *s = owner;
        int64_t now = clock_boot_us();

        parent_storage_ask_expire(s, now);
        parent_storage_wait_expire(s, now);
        parent_storage_trial_expire(s, now);
        if (!s->asks && !s->waits && !s->trial.slot)
                timer_done(&s->tick);
}

void parent_storage_ask_wake(struct parent_storage *s, uint64_t after_ms)
{
        if (!s->tick.handle || after_ms == 0)
                timer_start(&s->tick, s->parent->loop, after_ms, PARENT_STORAGE_TICK_MS,
                        parent_storage_ask_on_tick, s);
}

struct parent_storage_ask *parent_storage_ask_send(struct parent_storage_slot *k, uint16_t type,
        struct pack *body, void (*on_answer)(void *owner, struct parent_storage_answer *a),
        void *owner)
{
        struct parent_storage *s = k->storage;
        struct parent_storage_ask *a = xcalloc(1, sizeof *a);
        int64_t patience =
                s->patience_us * (type == MESSAGE_VOLUME_REMOVE ? PARENT_STORAGE_ASK_REMOVE : 1);

        a->slot = k;
        a->id = type == MESSAGE_VOLUME_SESSION ? 0 : s->next_id;
        a->type = type;
        a->on_answer = on_answer;
        a->owner = owner;
        a->keep = type == MESSAGE_VOLUME_TAIL; /* what it mended is to be known */
        a->deadline_us = clock_boot_us() + patience;
        if (body->bad)
                err_set(&a->why, ERR_EXHAUSTED, "message %u to a volume: too large", type);
        else if (!k->v.chan)
                err_set(&a->why, ERR_UNAVAILABLE, "volume %s has no process", k->v.entry.name);
        else if (chan_send(k->v.chan, type, buf_bytes(&s->parent->out), NULL, 0, &a->why) < 0)
                log_warn(NULL, "volume.unreachable", "volume=%s err=\"%s\"", k->v.entry.name,
                        a->why.text);
        a->refused = a->why.code < 0;
        *s->asks_last = a;
        s->asks_last = &a->next;
        parent_storage_ask_wake(s, a->refused ? 0 : PARENT_STORAGE_TICK_MS);
        return a;
}

static struct parent_storage_ask *parent_storage_ask_find(
        struct parent_storage_slot *k, uint32_t id)
{
        struct parent_storage_ask **at = &k->storage->asks;

        while (*at && ((*at)->slot != k || (*at)->id != id || (*at)->refused))
                at = &(*at)->next;
        return *at ? parent_storage_ask_take(at) : NULL;
}

/* Which answer a question can have, beside that it failed. */
static uint16_t parent_storage_ask_answer_of(uint16_t type)
{
        switch (type) {
        case MESSAGE_VOLUME_FILE:
        case MESSAGE_VOLUME_READ:
                return MESSAGE_VOLUME_MADE;
        case MESSAGE_VOLUME_TAIL:
                return MESSAGE_VOLUME_END;
        default:
                return MESSAGE_VOLUME_DONE;
        }
}

/* The body behind the id. */
static void parent_storage_ask_parse(struct unpack *u, struct chan_message *m,
        struct parent_storage_answer *answer, char object_key[static HEAD_KEY_MAX], struct err *why)
{
        if (m->type == MESSAGE_VOLUME_FAILED) {
                why->code = -(int)unpack_u8(u);
                unsigned fault = unpack_u8(u);
                unpack_string(u, why->text, sizeof why->text);
                if (why->code >= 0 || why->code < ERR_INTERNAL || fault >= FAULTS)
                        u->bad = true;
                why->fault = (enum fault)fault;
                answer->err = why;
        } else if (m->type == MESSAGE_VOLUME_MADE) {
                answer->direct = unpack_u8(u) != 0;
                unpack_string(u, object_key, HEAD_KEY_MAX);
                answer->object_key = object_key;
                if (m->fds_n != 1)
                        u->bad = true;
        }
        if (!unpack_complete(u))
                u->bad = true;
}

int parent_storage_ask_on_message(
        struct parent_storage_slot *k, struct chan_message *m, struct err *e)
{
        struct parent_storage_answer answer = { .fd = -1 };
        struct message_volume_tail tail;
        char object_key[HEAD_KEY_MAX];
        struct unpack u = unpack_of(m->body);
        uint32_t id = unpack_u32(&u);
        struct err why = { 0 };

        if (m->type == MESSAGE_VOLUME_END) {
                int r = message_volume_tail_parse(m->body, &id, &tail, e);
                if (r < 0)
                        return r;
                answer.tail = &tail;
        } else {
                parent_storage_ask_parse(&u, m, &answer, object_key, &why);
        }
        if ((m->type != MESSAGE_VOLUME_END && u.bad) ||
                (m->fds_n && m->type != MESSAGE_VOLUME_MADE))
                return err_set(e, ERR_PROTOCOL, "message %u from a volume: malformed", m->type);
        struct parent_storage_ask *a = parent_storage_ask_find(k, id);
        if (!a)
                return err_set(e, ERR_PROTOCOL, "an answer to nothing that was asked");
        if (m->type != MESSAGE_VOLUME_FAILED && m->type != parent_storage_ask_answer_of(a->type)) {
                err_set(&why, ERR_PROTOCOL, "volume %s answers something else", k->v.entry.name);
                parent_storage_ask_fail(a, &why);
                return err_set(e, ERR_PROTOCOL, "message %u answers another question", m->type);
        }
        if (m->type == MESSAGE_VOLUME_MADE) {
                answer.fd = m->fds[0];
                m->fds[0] = -1;
        }
        parent_storage_ask_tell(a, &answer);
        parent_storage_ask_free(a);
        parent_storage_finish_check(k->storage);
        return 0;
}

void parent_storage_ask_cancel(struct parent_storage_slot *k, const struct err *why)
{
        struct parent_storage_ask **at = &k->storage->asks, *gone = NULL;

        /* First off the list: whoever is told may ask again. */
        while (*at) {
                if ((*at)->slot != k) {
                        at = &(*at)->next;
                        continue;
                }
                struct parent_storage_ask *a = parent_storage_ask_take(at);
                a->next = gone;
                gone = a;
        }
        while (gone) {
                struct parent_storage_ask *a = gone;
                gone = a->next;
                parent_storage_ask_fail(a, why);
        }
}

/* Its owner hears of it, unless it waits for the answer however late. */
static void parent_storage_ask_overdue(struct parent_storage_ask *a)
{
        struct parent_storage_slot *k = a->slot;
        void (*on_answer)(void *owner, struct parent_storage_answer *) = a->on_answer;
        struct err why;

        a->late = true;
        k->late++;
        err_fault(&why, ERR_TIMEOUT, FAULT_VOLUME_SLOW, "volume %s did not answer within %d ms",
                k->v.entry.name, (int)(k->storage->patience_us / 1000));
        if (!a->keep)
                a->on_answer = NULL;
        void *owner = a->owner;
        bool keep = a->keep;
        parent_storage_mark(k, FAULT_VOLUME_SLOW, why.text);
        /* a may be gone: its process may have been given up */
        if (!keep && on_answer) {
                struct parent_storage_answer answer = { .err = &why, .fd = -1 };
                on_answer(owner, &answer);
        }
}

void parent_storage_ask_expire(struct parent_storage *s, int64_t now_us)
{
        struct parent_storage_ask **at = &s->asks;

        while (*at) {
                struct parent_storage_ask *a = *at;
                if (a->refused) {
                        parent_storage_ask_take(at);
                        struct err why = a->why;
                        parent_storage_ask_fail(a, &why);
                        at = &s->asks;
                } else if (!a->late && now_us >= a->deadline_us) {
                        parent_storage_ask_overdue(a);
                        at = &s->asks;
                } else {
                        at = &a->next;
                }
        }
}

bool parent_storage_ask_open(const struct parent_storage *s)
{
        for (const struct parent_storage_ask *a = s->asks; a; a = a->next) {
                if (!a->late)
                        return true;
        }
        return false;
}
