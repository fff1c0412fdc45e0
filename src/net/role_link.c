/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/role_link.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "os/clock.h"

#define ROLE_LINK_OPEN_MAX 256
#define ROLE_LINK_LOOK_MS 250

struct role_link_open {
        int64_t id; /* 0: free */
        uint64_t tag;
        int64_t until_us; /* clock_boot_us */
};

struct role_link {
        struct loop *loop;
        struct chan *chan;
        char what[ROLE_LINK_WHAT_ROOM];
        int64_t last_id;
        struct role_link_open open[ROLE_LINK_OPEN_MAX];
        unsigned open_n;
        struct timer patience; /* runs while something is open */
        struct timer failing;  /* tells those who asked while it was away */
        uint64_t failed[ROLE_LINK_OPEN_MAX];
        unsigned failed_n;
        unsigned retry_after_s; /* of the answer that is being told */
        struct role_link_events events;
        void *owner;
};

static void role_link_tell_failed(void *owner)
{
        struct role_link *r = owner;
        uint64_t failed[ROLE_LINK_OPEN_MAX];
        unsigned n = r->failed_n;
        struct err why;

        timer_done(&r->failing);
        err_set(&why, ERR_UNAVAILABLE, "%s is not connected at the moment", r->what);
        memcpy(failed, r->failed, n * sizeof failed[0]);
        r->failed_n = 0;
        for (unsigned i = 0; i < n; i++)
                r->events.on_answer(r->owner, failed[i], NULL, &why, "");
}

static void role_link_fail(struct role_link *r, uint64_t tag)
{
        if (tag == 0 || r->failed_n == ROLE_LINK_OPEN_MAX)
                return; /* the asker's own deadline ends it */
        r->failed[r->failed_n++] = tag;
        timer_done(&r->failing);
        timer_start(&r->failing, r->loop, 0, 0, role_link_tell_failed, r);
}

static void role_link_close(struct role_link *r, struct role_link_open *o)
{
        o->id = 0;
        if (--r->open_n == 0)
                timer_done(&r->patience);
}

static void role_link_look(void *owner)
{
        struct role_link *r = owner;
        int64_t now_us = clock_boot_us();
        struct err why;

        err_set(&why, ERR_TIMEOUT, "%s did not answer in time", r->what);
        for (unsigned i = 0; i < ROLE_LINK_OPEN_MAX; i++) {
                struct role_link_open o = r->open[i];
                if (!o.id || o.until_us > now_us)
                        continue;
                role_link_close(r, &r->open[i]);
                r->events.on_answer(r->owner, o.tag, NULL, &why, "");
        }
}

static void role_link_answered(struct role_link *r, const struct link_message *m)
{
        for (unsigned i = 0; i < ROLE_LINK_OPEN_MAX; i++) {
                struct role_link_open *o = &r->open[i];
                if (o->id != m->id)
                        continue;
                uint64_t tag = o->tag;
                role_link_close(r, o);
                r->retry_after_s = m->retry_after_s;
                r->events.on_answer(r->owner, tag, m->failure.code < 0 ? NULL : m->body,
                        &m->failure, m->remedy);
                r->retry_after_s = 0;
                return;
        }
        if (m->failure.code < 0) /* nobody waited for it */
                log_warn(NULL, "role.refused", "by=\"%s\" err=\"%s\"", r->what, m->failure.text);
}

static int role_link_on_peer(struct role_link *r, struct chan_message *m, struct err *e)
{
        if (!r->events.on_peer || m->fds_n != 1)
                return err_set(
                        e, ERR_PROTOCOL, "a peer from %s, with %u descriptors", r->what, m->fds_n);
        int fd = m->fds[0];
        m->fds[0] = -1;
        return r->events.on_peer(r->owner, m->body, fd, e);
}

static int role_link_on_message(void *owner, struct chan *c, struct chan_message *m, struct err *e)
{
        struct role_link *r = owner;
        struct link_message message;

        (void)c;
        if (m->type == LINK_PEER)
                return role_link_on_peer(r, m, e);
        if (m->type == LINK_MEDIA && m->fds_n == 0 && r->events.on_media)
                return r->events.on_media(r->owner, m->body, e);
        if (m->type != LINK_MESSAGE || m->fds_n)
                return err_set(e, ERR_PROTOCOL, "message %u from %s", m->type, r->what);
        int done = link_parse(m->body, &message, e);
        if (done < 0)
                return done;
        if (message.id == 0)
                r->events.on_event(r->owner, message.type, message.body);
        else if (message.failure.code < 0 || strcmp(message.type, "answer") == 0)
                role_link_answered(r, &message);
        else if (r->events.on_request)
                r->events.on_request(r->owner, r->chan, &message);
        else
                done = err_set(e, ERR_PROTOCOL, "%s asks, and may not", r->what);
        link_message_done(&message);
        return done;
}

static void role_link_forget(struct role_link *r, const char *why)
{
        struct chan *was = r->chan;

        if (!was)
                return;
        r->chan = NULL;
        timer_done(&r->patience);
        r->open_n = 0;
        for (unsigned i = 0; i < ROLE_LINK_OPEN_MAX; i++) {
                if (r->open[i].id)
                        role_link_fail(r, r->open[i].tag);
                r->open[i].id = 0;
        }
        if (r->events.on_gone)
                r->events.on_gone(r->owner, was, why);
        chan_free(was);
}

static void role_link_on_end(void *owner, struct chan *c, const struct err *e)
{
        struct role_link *r = owner;

        (void)c;
        log_warn(NULL, "role.gone", "which=\"%s\" err=\"%s\"", r->what, e->text);
        role_link_forget(r, e->text);
}

void role_link_attach(struct role_link *r, int fd)
{
        static const struct chan_events events = { role_link_on_message, role_link_on_end };

        role_link_forget(r, "it connected anew");
        r->chan = chan_new(r->loop, fd, &events, r);
}

void role_link_drop(struct role_link *r, const char *why)
{
        role_link_forget(r, why);
}

unsigned role_link_retry_after(const struct role_link *r)
{
        return r->retry_after_s;
}

bool role_link_is_up(const struct role_link *r)
{
        return r->chan != NULL;
}

static struct role_link_open *role_link_slot(struct role_link *r)
{
        for (unsigned i = 0; i < ROLE_LINK_OPEN_MAX; i++) {
                if (r->open[i].id == 0)
                        return &r->open[i];
        }
        return NULL;
}

void role_link_ask_in(struct role_link *r, const char *session, const char *type, json_t *body,
        uint64_t tag, unsigned patience_ms)
{
        struct role_link_open *slot = tag ? role_link_slot(r) : NULL;
        struct err e;

        if (!r->chan || (tag && !slot)) {
                json_decref(body);
                role_link_fail(r, tag);
                return;
        }
        r->last_id = r->last_id % INT32_MAX + 1;
        if (link_send_request_in(r->chan, r->last_id, session, type, body, &e) < 0) {
                log_error(NULL, "role.unreachable", "which=\"%s\" err=\"%s\"", r->what, e.text);
                role_link_fail(r, tag);
                return;
        }
        if (!slot)
                return;
        *slot = (struct role_link_open){ .id = r->last_id,
                .tag = tag,
                .until_us = clock_boot_us() + (int64_t)patience_ms * 1000 };
        if (r->open_n++ == 0)
                timer_start(&r->patience, r->loop, ROLE_LINK_LOOK_MS, ROLE_LINK_LOOK_MS,
                        role_link_look, r);
}

void role_link_ask(
        struct role_link *r, const char *type, json_t *body, uint64_t tag, unsigned patience_ms)
{
        role_link_ask_in(r, NULL, type, body, tag, patience_ms);
}

void role_link_tell(struct role_link *r, const char *type, json_t *body)
{
        struct err e;

        if (!r->chan)
                json_decref(body);
        else if (link_send_event(r->chan, type, body, &e) < 0)
                log_error(NULL, "role.unreachable", "which=\"%s\" err=\"%s\"", r->what, e.text);
}

struct role_link *role_link_new(
        struct loop *l, const char *what, const struct role_link_events *events, void *owner)
{
        struct role_link *r = xcalloc(1, sizeof *r);

        r->loop = l;
        snprintf(r->what, sizeof r->what, "%s", what);
        r->events = *events;
        r->owner = owner;
        return r;
}

struct role_link *role_link_free(struct role_link *r)
{
        if (!r)
                return NULL;
        chan_free(r->chan);
        timer_done(&r->patience);
        timer_done(&r->failing);
        free(r);
        return NULL;
}
