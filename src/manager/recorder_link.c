/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "manager/recorder_link.h"

#include <stdlib.h>

#include "base/log.h"

#define RECORDER_LINK_OPEN_MAX 256

struct recorder_link_open {
        int64_t id; /* 0: free */
        uint64_t tag;
};

struct recorder_link {
        struct loop *loop;
        struct chan *chan;
        int64_t last_id;
        struct recorder_link_open open[RECORDER_LINK_OPEN_MAX];
        struct timer failing; /* tells those who asked while there was no recorder */
        uint64_t failed[RECORDER_LINK_OPEN_MAX];
        unsigned failed_n;
        struct recorder_link_events events;
        void *owner;
};

static void recorder_link_tell_failed(void *owner)
{
        struct recorder_link *r = owner;
        struct err why;

        timer_done(&r->failing);
        err_set(&why, ERR_UNAVAILABLE,
                "the recorder does not run at the moment; it is being restarted");
        unsigned n = r->failed_n;
        r->failed_n = 0;
        for (unsigned i = 0; i < n; i++)
                r->events.on_answer(r->owner, r->failed[i], NULL, &why, "");
}

static void recorder_link_fail(struct recorder_link *r, uint64_t tag)
{
        if (tag == 0 || r->failed_n == RECORDER_LINK_OPEN_MAX)
                return; /* the asker's own deadline ends it */
        r->failed[r->failed_n++] = tag;
        timer_done(&r->failing);
        timer_start(&r->failing, r->loop, 0, 0, recorder_link_tell_failed, r);
}

static void recorder_link_answered(struct recorder_link *r, const struct link_message *m)
{
        for (unsigned i = 0; i < RECORDER_LINK_OPEN_MAX; i++) {
                struct recorder_link_open *o = &r->open[i];
                if (o->id != m->id)
                        continue;
                uint64_t tag = o->tag;
                o->id = 0;
                if (tag)
                        r->events.on_answer(r->owner, tag, m->failure.code < 0 ? NULL : m->body,
                                &m->failure, m->remedy);
                else if (m->failure.code < 0)
                        log_warn(NULL, "recorder.refused", "err=\"%s\"", m->failure.text);
                return;
        }
}

static int recorder_link_on_message(
        void *owner, struct chan *c, struct chan_message *m, struct err *e)
{
        struct recorder_link *r = owner;
        struct link_message message;

        (void)c;
        if (m->type != LINK_MESSAGE || m->fds_n)
                return err_set(e, ERR_PROTOCOL, "message %u from the recorder", m->type);
        int done = link_parse(m->body, &message, e);
        if (done < 0)
                return done;
        if (message.id == 0)
                r->events.on_event(r->owner, message.type, message.body);
        else
                recorder_link_answered(r, &message);
        link_message_done(&message);
        return 0;
}

static void recorder_link_drop(struct recorder_link *r)
{
        r->chan = chan_free(r->chan);
        for (unsigned i = 0; i < RECORDER_LINK_OPEN_MAX; i++) {
                if (r->open[i].id)
                        recorder_link_fail(r, r->open[i].tag);
                r->open[i].id = 0;
        }
}

static void recorder_link_on_end(void *owner, struct chan *c, const struct err *e)
{
        (void)c;
        log_warn(NULL, "recorder.gone", "err=\"%s\"", e->text);
        recorder_link_drop(owner);
}

void recorder_link_attach(struct recorder_link *r, int fd)
{
        static const struct chan_events events = { recorder_link_on_message, recorder_link_on_end };

        recorder_link_drop(r);
        r->chan = chan_new(r->loop, fd, &events, r);
        r->events.on_up(r->owner);
}

static struct recorder_link_open *recorder_link_slot(struct recorder_link *r)
{
        for (unsigned i = 0; i < RECORDER_LINK_OPEN_MAX; i++) {
                if (r->open[i].id == 0)
                        return &r->open[i];
        }
        return NULL;
}

void recorder_link_ask(struct recorder_link *r, const char *type, json_t *body, uint64_t tag)
{
        struct recorder_link_open *slot = tag ? recorder_link_slot(r) : NULL;
        struct err e;

        if (!r->chan || (tag && !slot)) {
                json_decref(body);
                recorder_link_fail(r, tag);
                return;
        }
        r->last_id = r->last_id % INT32_MAX + 1;
        if (link_send_request(r->chan, r->last_id, type, body, &e) < 0) {
                log_error(NULL, "recorder.unreachable", "err=\"%s\"", e.text);
                recorder_link_fail(r, tag);
                return;
        }
        if (slot)
                *slot = (struct recorder_link_open){ .id = r->last_id, .tag = tag };
}

struct recorder_link *recorder_link_new(
        struct loop *l, const struct recorder_link_events *events, void *owner)
{
        struct recorder_link *r = xcalloc(1, sizeof *r);

        r->loop = l;
        r->events = *events;
        r->owner = owner;
        return r;
}

struct recorder_link *recorder_link_free(struct recorder_link *r)
{
        if (!r)
                return NULL;
        chan_free(r->chan);
        timer_done(&r->failing);
        free(r);
        return NULL;
}
