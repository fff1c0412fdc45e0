/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recorder/volume_role.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/pack.h"
#include "os/chan.h"
#include "os/proc.h"
#include "recorder/confine.h"
#include "recorder/volume_job.h"
#include "recorder/state_dir.h"
#include "recorder/volume_watch.h"

#define VOLUME_ROLE_GOOD                                                                           \
        2 /* looks with a probe, before a volume that was in trouble is healthy                    \
           */

/*
 * Who waits behind whom. A thread of the pool may be gone for good in a disk that hangs; a sync
 * must not wait behind files, nor files behind the removing of large ones. Locks and sessions keep
 * their order. The sum, and one for the look, is the size of the pool (os/sandbox_syscalls).
 */
enum volume_role_lane {
        VOLUME_ROLE_SYNC,
        VOLUME_ROLE_ORDERED,
        VOLUME_ROLE_FILES,
        VOLUME_ROLE_OTHER,
        VOLUME_ROLE_LANES,
};
static const unsigned volume_role_widths[VOLUME_ROLE_LANES] = { 1, 1, 3, 2 };

struct volume_role {
        struct loop *loop;
        struct chan *parent;
        struct volume_work work;
        struct volume_watch watch;
        struct err not_claimed;
        struct timer tick;
        uv_work_t look;
        struct volume_watch_look looked;
        bool looking, probing;
        struct message_volume_state state; /* as sent */
        unsigned good;
        struct volume_role_queue {
                struct volume_job *first, **last;
                unsigned running;
        } lanes[VOLUME_ROLE_LANES];
        unsigned jobs;
        bool broken;    /* the parent's messages are not understood */
        struct buf out; /* one message under construction */
};

/* State */

static void volume_role_say(struct volume_role *v)
{
        struct err e;

        buf_clear(&v->out);
        if (!v->parent)
                return;
        int r = message_volume_state_pack(&v->state, &v->out, &e);
        if (r == 0)
                r = chan_send(v->parent, MESSAGE_VOLUME_STATE, buf_bytes(&v->out), NULL, 0, &e);
        if (r < 0)
                log_error(NULL, "volume.parent_unreachable", "err=\"%s\"", e.text);
}

static void volume_role_set_fault(struct volume_role *v, enum fault f, const char *text)
{
        if (f != v->state.fault && f == FAULT_NONE)
                log_info(NULL, "volume.healthy", "path=\"%s\"", v->watch.path);
        else if (f != v->state.fault)
                log_warn(NULL, "volume.fault", "path=\"%s\" fault=%s err=\"%s\"", v->watch.path,
                        fault_name(f), text);
        v->state.fault = (uint8_t)f;
        snprintf(v->state.text, sizeof v->state.text, "%s", text);
        v->good = 0;
}

/* What a look found, beside what requests met: only probes clear a fault. */
static void volume_role_take(struct volume_role *v, const struct message_volume_state *found)
{
        enum fault before = (enum fault)v->state.fault;
        char text[ERR_TEXT_BYTES];
        unsigned good = v->good;

        memcpy(text, v->state.text, sizeof text);
        v->state = *found;
        v->state.fault = (uint8_t)before;
        memcpy(v->state.text, text, sizeof text);
        if (found->fault != FAULT_NONE) {
                volume_role_set_fault(v, (enum fault)found->fault, found->text);
                return;
        }
        if (before == FAULT_NONE || !v->probing)
                return;
        v->good = good + 1;
        if (v->good >= VOLUME_ROLE_GOOD)
                volume_role_set_fault(v, FAULT_NONE, "");
}

static void volume_role_look_run(uv_work_t *work)
{
        struct volume_role *v = work->data;

        volume_watch_look(&v->watch, v->probing, &v->looked);
}

static void volume_role_look_done(uv_work_t *work, int status)
{
        struct volume_role *v = work->data;

        v->looking = false;
        if (status < 0)
                return;
        volume_role_take(v, &v->looked.state);
        volume_role_say(v);
        if (!v->looked.moved)
                return;
        log_info(NULL, "volume.moved", "path=\"%s\" effect=\"begins again\"", v->watch.path);
        if (v->parent)
                chan_flush(v->parent);
        loop_stop(v->loop);
}

static void volume_role_on_tick(void *owner)
{
        struct volume_role *v = owner;

        if (v->looking) /* it hangs: silence is what the parent is to hear */
                return;
        v->looking = true;
        v->probing = v->state.fault != FAULT_NONE;
        v->look.data = v;
        uv_queue_work(loop_uv(v->loop), &v->look, volume_role_look_run, volume_role_look_done);
}

/* Requests */

static enum volume_role_lane volume_role_lane_of(uint16_t type)
{
        switch (type) {
        case MESSAGE_VOLUME_SYNC:
                return VOLUME_ROLE_SYNC;
        case MESSAGE_VOLUME_LOCK:
        case MESSAGE_VOLUME_SESSION:
                return VOLUME_ROLE_ORDERED;
        case MESSAGE_VOLUME_FILE:
        case MESSAGE_VOLUME_KEY:
                return VOLUME_ROLE_FILES;
        default:
                return VOLUME_ROLE_OTHER;
        }
}

/* What a failed request says about the whole volume: one that only looked at what is there, or
 * removed it, says less. */
static enum fault volume_role_blamed(const struct volume_job *j)
{
        enum fault f = j->err.fault;

        if (j->type == MESSAGE_VOLUME_READ)
                return FAULT_NONE;
        if (j->type == MESSAGE_VOLUME_TAIL || j->type == MESSAGE_VOLUME_REMOVE)
                return f == FAULT_VOLUME_IO_ERROR || f == FAULT_VOLUME_READ_ONLY ? f : FAULT_NONE;
        return f;
}

static void volume_role_answer(struct volume_role *v, struct volume_job *j)
{
        struct err e;

        buf_clear(&v->out);
        uint16_t type = volume_job_answer(j, &v->out);
        bool file = type == MESSAGE_VOLUME_MADE;
        if (v->parent && chan_send(v->parent, type, buf_bytes(&v->out), file ? &j->file.fd : NULL,
                                 file, &e) < 0)
                log_error(NULL, "volume.parent_unreachable", "err=\"%s\"", e.text);
        v->jobs--;
        volume_job_free(j);
}

static void volume_role_pump(struct volume_role *v, enum volume_role_lane lane);

static void volume_role_job_run(uv_work_t *work)
{
        struct volume_job *j = work->data;
        struct volume_role *v = j->owner;

        volume_job_run(j, &v->work, v->watch.dir_fd);
}

static void volume_role_job_done(uv_work_t *work, int status)
{
        struct volume_job *j = work->data;
        struct volume_role *v = j->owner;
        enum volume_role_lane lane = volume_role_lane_of(j->type);

        v->lanes[lane].running--;
        if (status < 0)
                j->result = err_set(&j->err, ERR_CANCELLED, "stopped");
        enum fault blamed = j->result < 0 ? volume_role_blamed(j) : FAULT_NONE;
        if (blamed != FAULT_NONE)
                volume_role_set_fault(v, blamed, j->err.text);
        bool session = j->result == 0 && j->type == MESSAGE_VOLUME_SESSION;
        if (session)
                memcpy(v->state.identity.session, j->session, sizeof j->session);
        volume_role_answer(v, j);
        if (blamed != FAULT_NONE || session)
                volume_role_say(v);
        volume_role_pump(v, lane);
}

static void volume_role_pump(struct volume_role *v, enum volume_role_lane lane)
{
        struct volume_role_queue *q = &v->lanes[lane];

        while (q->first && q->running < volume_role_widths[lane]) {
                struct volume_job *j = q->first;
                q->first = j->next;
                if (!q->first)
                        q->last = &q->first;
                q->running++;
                j->work.data = j;
                uv_queue_work(
                        loop_uv(v->loop), &j->work, volume_role_job_run, volume_role_job_done);
        }
}

/* Nothing is written where there is no identity, or where another process writes. */
static bool volume_role_refuses(const struct volume_role *v, struct volume_job *j)
{
        bool usable = v->state.readable && (j->type == MESSAGE_VOLUME_READ || v->watch.locked);

        if (usable)
                return false;
        j->result = err_fault(&j->err, ERR_UNAVAILABLE,
                v->state.fault ? (enum fault)v->state.fault : FAULT_VOLUME_MISSING, "%s",
                v->state.text);
        return true;
}

static int volume_role_on_trouble(struct volume_role *v, struct bytes body, struct err *e)
{
        struct unpack u = unpack_of(body);
        unsigned f = unpack_u8(&u);
        char text[ERR_TEXT_BYTES];

        unpack_string(&u, text, sizeof text);
        if (!unpack_complete(&u) || f <= FAULT_NONE || f >= FAULTS)
                return err_set(e, ERR_PROTOCOL, "trouble of a volume: malformed message");
        volume_role_set_fault(v, (enum fault)f, text);
        volume_role_say(v);
        return 0;
}

static int volume_role_on_parent(void *owner, struct chan *c, struct chan_message *m, struct err *e)
{
        struct volume_role *v = owner;
        struct volume_job *j;

        (void)c;
        if (m->fds_n)
                return err_set(e, ERR_PROTOCOL, "a descriptor for a volume");
        if (m->type == MESSAGE_VOLUME_TROUBLE)
                return volume_role_on_trouble(v, m->body, e);
        int r = volume_job_parse(m->type, m->body, &j, e);
        if (r < 0)
                return r;
        v->jobs++;
        if (v->jobs > VOLUME_ROLE_JOBS_MAX)
                j->result = err_set(
                        &j->err, ERR_EXHAUSTED, "more than %d requests wait", VOLUME_ROLE_JOBS_MAX);
        if (j->result < 0 || volume_role_refuses(v, j)) {
                volume_role_answer(v, j);
                return 0;
        }
        enum volume_role_lane lane = volume_role_lane_of(m->type);
        j->owner = v;
        *v->lanes[lane].last = j;
        v->lanes[lane].last = &j->next;
        volume_role_pump(v, lane);
        return 0;
}

static void volume_role_on_parent_end(void *owner, struct chan *c, const struct err *e)
{
        struct volume_role *v = owner;

        log_info(NULL, "volume.parent_gone", "err=\"%s\"", e->text);
        v->parent = chan_free(c);
        v->broken = e->code == ERR_PROTOCOL;
        loop_stop(v->loop);
}

/* Begin and end */

/* Blocks: nobody waits for anything from this process before its hello. */
static void volume_role_open(struct volume_role *v, const struct role_options *o)
{
        struct volume_identity found;
        char recorder[HEAD_TEXT_MAX];
        struct err e;

        if (state_dir_read_name(o->state, settings_text(&o->settings, SETTINGS_SITE_NAME), recorder,
                    &v->not_claimed) < 0)
                log_error(NULL, "volume.nameless", "err=\"%s\"", v->not_claimed.text);
        else if (o->claim && volume_read(o->path, &found, &e) < 0 &&
                 e.fault == FAULT_VOLUME_MISSING) {
                if (volume_claim(o->path, o->name, recorder, &found, &v->not_claimed) < 0)
                        log_error(NULL, "volume.not_claimed", "err=\"%s\"", v->not_claimed.text);
                else
                        log_info(NULL, "volume.claimed", "path=\"%s\" name=%s", o->path, o->name);
        }
        volume_watch_open(&v->watch, o->path);
        volume_work_init(&v->work);
        for (unsigned i = 0; i < VOLUME_ROLE_LANES; i++)
                v->lanes[i].last = &v->lanes[i].first;
}

static int volume_role_confine(const struct volume_role *v, struct err *e)
{
        const struct sandbox_path volume = { ".", true };

        return confine_role(SANDBOX_VOLUME, &volume, v->watch.dir_fd >= 0, e);
}

static void volume_role_run(struct volume_role *v)
{
        static const struct chan_events events = { volume_role_on_parent,
                volume_role_on_parent_end };

        volume_watch_look(&v->watch, false, &v->looked);
        volume_role_take(v, &v->looked.state);
        if (v->not_claimed.code) /* says more than that it is no volume */
                volume_role_set_fault(v,
                        v->not_claimed.fault ? v->not_claimed.fault : FAULT_VOLUME_MISSING,
                        v->not_claimed.text);
        v->parent = chan_new(v->loop, PROC_FIRST_FD, &events, v);
        volume_role_say(v);
        timer_start(&v->tick, v->loop, VOLUME_ROLE_LOOK_MS, VOLUME_ROLE_LOOK_MS,
                volume_role_on_tick, v);
        loop_run(v->loop);
}

static void volume_role_free(struct volume_role *v)
{
        timer_done(&v->tick);
        v->parent = chan_free(v->parent);
        for (unsigned i = 0; i < VOLUME_ROLE_LANES; i++) {
                struct volume_role_queue *q = &v->lanes[i];
                while (q->first) {
                        struct volume_job *j = q->first;
                        q->first = j->next;
                        volume_job_free(j);
                }
                q->last = &q->first;
        }
        loop_free(v->loop); /* waits for what is in the pool */
        volume_watch_close(&v->watch);
        volume_work_done(&v->work);
        buf_done(&v->out);
        free(v);
}

int volume_role_main(int argc, char **argv)
{
        struct volume_role *v = xcalloc(1, sizeof *v);
        struct role_options options;
        struct err e;

        int r = role_start("volume", argc, argv, &options, &e);
        if (r == 0 && (!options.path[0] || !volume_is_name(options.name)))
                r = err_set(&e, ERR_INVALID, "--path DIR or --name NAME is missing");
        /* Before the volume is looked at: what root may open by a capability, it could not use. */
        if (r == 0)
                r = sandbox_drop(&e);
        if (r < 0) {
                free(v);
                return confine_failed(&e);
        }
        buf_init(&v->out, CHAN_BODY_MAX);
        volume_role_open(v, &options);
        v->loop = loop_new();
        r = volume_role_confine(v, &e);
        if (r == 0)
                volume_role_run(v);
        else
                confine_failed(&e);
        bool broken = v->broken; /* not at once again: it would be so for ever */
        volume_role_free(v);
        return r < 0 || broken ? 1 : 0;
}
