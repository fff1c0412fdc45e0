/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/supervisor.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/pack.h"
#include "os/clock.h"
#include "run/child_channel.h"
#include "run/supervisor_parts.h"

static void supervisor_begin(struct supervisor_child *c);
static struct supervisor_child *supervisor_child(
        struct supervisor *s, enum supervisor_kind kind, const char *name);

/* The child of a volume; else, with one that is free, NULL unless there is none. */
static struct supervisor_child *supervisor_volume(struct supervisor *s, unsigned number)
{
        struct supervisor_child *unused = NULL;
        unsigned n = 0;

        for (unsigned i = 0; i < s->children_n; i++) {
                struct supervisor_child *c = &s->children[i];
                if (c->kind != SUPERVISOR_VOLUME)
                        continue;
                n++;
                if ((c->wanted || c->proc) && c->index == number)
                        return c;
                if (!c->wanted && !c->proc)
                        unused = c;
        }
        if (unused || n == SUPERVISOR_VOLUMES_MAX)
                return unused;
        return supervisor_child(s, SUPERVISOR_VOLUME, "volume");
}

static int supervisor_want_volume(struct supervisor *s, struct bytes body, struct err *e)
{
        struct message_volume_start start;

        int r = message_volume_start_parse(body, &start, e);
        if (r < 0)
                return r;
        struct supervisor_child *c = supervisor_volume(s, start.number);
        if (!c)
                return err_set(e, ERR_EXHAUSTED, "more than %d volumes", SUPERVISOR_VOLUMES_MAX);
        c->index = start.number;
        c->start = start;
        c->wanted = true;
        c->backoff_ms = 0;
        timer_done(&c->restart);
        snprintf(c->name, sizeof c->name, "volume.%u", start.number);
        snprintf(c->log.prefix, sizeof c->log.prefix, "%s", c->name);
        if (c->proc) /* of the parent before, or told otherwise: the next begins when it has ended
                      */
                proc_signal(c->proc, SIGKILL);
        else
                supervisor_begin(c);
        return 0;
}

static void supervisor_end_volume(struct supervisor_child *c)
{
        c->wanted = false;
        timer_done(&c->restart);
        if (c->proc)
                proc_signal(c->proc, SIGKILL);
}

static int supervisor_number(struct bytes body, uint32_t *ret, struct err *e)
{
        struct unpack u = unpack_of(body);

        *ret = unpack_u32(&u);
        return unpack_complete(&u) ? 0 : err_set(e, ERR_PROTOCOL, "a malformed number");
}

static int supervisor_unwant_volume(struct supervisor *s, struct bytes body, struct err *e)
{
        uint32_t number;

        if (supervisor_number(body, &number, e) < 0)
                return ERR_PROTOCOL;
        for (unsigned i = 0; i < s->children_n; i++) {
                struct supervisor_child *c = &s->children[i];
                if (c->kind == SUPERVISOR_VOLUME && c->wanted && c->index == number)
                        supervisor_end_volume(c);
        }
        return 0;
}

static void supervisor_on_overdue(void *owner)
{
        struct supervisor_child *c = owner;

        timer_done(&c->restart);
        log_warn(&c->log, "process.overdue", "effect=\"it is ended\"");
        if (c->proc)
                proc_signal(c->proc, SIGKILL);
}

/* A player, a prober or a transcoder. Begun once, and not again: it ends with what it was asked
 * for.
 */
static int supervisor_want_once(
        struct supervisor *s, enum supervisor_kind kind, struct bytes body, struct err *e)
{
        static const unsigned most[] = { [SUPERVISOR_PLAYER] = SUPERVISOR_PLAYERS_MAX,
                [SUPERVISOR_PROBER] = SUPERVISOR_PROBERS_MAX,
                [SUPERVISOR_TRANSCODER] = SUPERVISOR_TRANSCODERS_MAX };
        const char *name = supervisor_start_role(kind);
        struct supervisor_child *c = NULL;
        uint32_t number;
        unsigned n = 0;

        if (supervisor_number(body, &number, e) < 0)
                return ERR_PROTOCOL;
        for (unsigned i = 0; i < s->children_n; i++) {
                if (s->children[i].kind != kind)
                        continue;
                n++;
                if (!s->children[i].proc)
                        c = &s->children[i];
        }
        if (!c && n == most[kind]) {
                log_warn(NULL, "supervisor.full", "of=%s running=%u effect=\"no more is begun\"",
                        name, n);
                return 0; /* whoever waits for it is told by who asked */
        }
        if (!c)
                c = supervisor_child(s, kind, name);
        c->index = number;
        c->wanted = true;
        supervisor_begin(c);
        c->wanted = false;
        timer_done(&c->restart);
        if (c->proc && kind == SUPERVISOR_PROBER)
                timer_start(
                        &c->restart, s->loop, SUPERVISOR_PROBER_MS, 0, supervisor_on_overdue, c);
        return 0;
}

static int supervisor_on_message(void *owner, struct chan *c, struct chan_message *m, struct err *e)
{
        struct supervisor *s = owner;

        (void)c;
        if (m->fds_n)
                return err_set(e, ERR_PROTOCOL, "a descriptor for the supervisor");
        switch (m->type) {
        case MESSAGE_VOLUME_WANTED:
                return supervisor_want_volume(s, m->body, e);
        case MESSAGE_VOLUME_ENDED:
                return supervisor_unwant_volume(s, m->body, e);
        case MESSAGE_PLAYER_WANTED:
                return supervisor_want_once(s, SUPERVISOR_PLAYER, m->body, e);
        case MESSAGE_PROBER_WANTED:
                return supervisor_want_once(s, SUPERVISOR_PROBER, m->body, e);
        default:
                return err_set(e, ERR_PROTOCOL, "message %u to the supervisor", m->type);
        }
}

static void supervisor_on_end(void *owner, struct chan *c, const struct err *e)
{
        struct supervisor *s = owner;

        (void)e;
        s->to_parent = chan_free(c);
}

static int supervisor_pair_parent(struct supervisor *s, int *ret_fd, struct err *e)
{
        static const struct chan_events events = { supervisor_on_message, supervisor_on_end };
        int pair[2];

        int r = chan_pair(pair, e);
        if (r < 0)
                return r;
        chan_free(s->to_parent);
        s->to_parent = chan_new(s->loop, pair[0], &events, s);
        *ret_fd = pair[1];
        return 0;
}

/* --- the gateway's transcoders: it cannot end a process --- */

/* number NULL: all. */
static void supervisor_end_transcoders(struct supervisor *s, const uint32_t *number)
{
        for (unsigned i = 0; i < s->children_n; i++) {
                struct supervisor_child *c = &s->children[i];
                if (c->kind == SUPERVISOR_TRANSCODER && c->proc && (!number || c->index == *number))
                        proc_signal(c->proc, SIGKILL);
        }
}

/* Those by which nothing comes: the manager's, the sealer's; the gateway's but for transcoders. */
static int supervisor_on_silent(void *owner, struct chan *c, struct chan_message *m, struct err *e)
{
        struct supervisor *s = owner;
        uint32_t number;

        if (c == s->to_gateway && m->fds_n == 0 && m->type == TRANSCODE_WANTED)
                return supervisor_want_once(s, SUPERVISOR_TRANSCODER, m->body, e);
        if (c == s->to_gateway && m->fds_n == 0 && m->type == TRANSCODE_UNWANTED &&
                supervisor_number(m->body, &number, NULL) == 0) {
                supervisor_end_transcoders(s, &number);
                return 0;
        }
        return err_set(e, ERR_PROTOCOL, "message %u from a role that has nothing to ask", m->type);
}

static void supervisor_on_silent_end(void *owner, struct chan *c, const struct err *e)
{
        struct supervisor *s = owner;
        struct chan **all[] = { &s->to_manager, &s->to_gateway, &s->to_sealer };

        (void)e;
        for (size_t i = 0; i < ARRAY_LEN(all); i++) {
                if (*all[i] == c)
                        *all[i] = NULL;
        }
        chan_free(c);
}

static int supervisor_pair_silent(
        struct supervisor *s, struct chan **to, int *ret_fd, struct err *e)
{
        static const struct chan_events events = { supervisor_on_silent, supervisor_on_silent_end };
        int pair[2];

        int r = chan_pair(pair, e);
        if (r < 0)
                return r;
        chan_free(*to);
        *to = chan_new(s->loop, pair[0], &events, s);
        *ret_fd = pair[1];
        return 0;
}

/* The second channel of a sealer, and of a player: what carries keys of footage is made here, for
 * two processes that were begun here, so that no other is in the middle. */
static int supervisor_key_channel(struct supervisor_child *c, int *ret_fd, struct err *e)
{
        struct supervisor *s = c->supervisor;

        if (c->kind == SUPERVISOR_PLAYER)
                return child_channel(s->to_sealer, MESSAGE_KEY_CHANNEL, BYTES(NULL, 0), ret_fd, e);
        return c->kind == SUPERVISOR_SEALER ? supervisor_pair_silent(s, &s->to_sealer, ret_fd, e)
                                            : 0;
}

bool supervisor_is_gateways(const struct supervisor_child *c)
{
        return c->kind == SUPERVISOR_PORTER && strcmp(c->role, "gateway") == 0;
}

bool supervisor_is_managers(const struct supervisor_child *c)
{
        return c->kind == SUPERVISOR_PORTER && strcmp(c->role, "manager") == 0;
}

static int supervisor_channel(struct supervisor_child *c, int *ret_fd, struct err *e)
{
        struct supervisor *s = c->supervisor;

        switch (c->kind) {
        case SUPERVISOR_PARENT:
                return supervisor_pair_parent(s, ret_fd, e);
        case SUPERVISOR_SEALER:
                return child_channel(s->to_parent, MESSAGE_SEALER, BYTES(NULL, 0), ret_fd, e);
        case SUPERVISOR_CONNECTOR:
                return child_channel(s->to_parent, MESSAGE_CONNECTOR, BYTES(NULL, 0), ret_fd, e);
        case SUPERVISOR_WORKER:
                return child_channel_numbered(s->to_parent, MESSAGE_WORKER, c->index, ret_fd, e);
        case SUPERVISOR_VOLUME:
                return child_channel_numbered(s->to_parent, MESSAGE_VOLUME, c->index, ret_fd, e);
        case SUPERVISOR_PLAYER:
                return child_channel_numbered(s->to_parent, MESSAGE_PLAYER, c->index, ret_fd, e);
        case SUPERVISOR_PROBER:
                return child_channel_numbered(s->to_parent, MESSAGE_PROBER, c->index, ret_fd, e);
        case SUPERVISOR_SCRUBBER:
                return child_channel(s->to_parent, MESSAGE_SCRUBBER, BYTES(NULL, 0), ret_fd, e);
        case SUPERVISOR_PORTER:
                return child_channel(supervisor_is_managers(c)   ? s->to_manager
                                     : supervisor_is_gateways(c) ? s->to_gateway
                                                                 : s->to_parent,
                        MESSAGE_PORTER, BYTES(NULL, 0), ret_fd, e);
        case SUPERVISOR_MANAGER:
                return supervisor_pair_silent(s, &s->to_manager, ret_fd, e);
        case SUPERVISOR_GATEWAY:
                return supervisor_pair_silent(s, &s->to_gateway, ret_fd, e);
        case SUPERVISOR_TRANSCODER:
                return child_channel_numbered(
                        s->to_gateway, TRANSCODE_CHANNEL, c->index, ret_fd, e);
        case SUPERVISOR_EXTRA:
                break;
        }
        *ret_fd = -1;
        return 0;
}

/* Processes */

static unsigned supervisor_running(const struct supervisor *s)
{
        unsigned n = 0;

        for (unsigned i = 0; i < s->children_n; i++)
                n += s->children[i].proc != NULL;
        return n;
}

/* A volume's process, what reads from one, and what a camera may have taken over: a disk that hangs
 * would keep the next supervisor, and the recorder, from beginning again. */
bool supervisor_may_hang(const struct supervisor_child *c)
{
        return c->kind == SUPERVISOR_VOLUME || c->kind == SUPERVISOR_SCRUBBER ||
               c->kind == SUPERVISOR_PLAYER || c->kind == SUPERVISOR_PROBER;
}

/* Begun where a parent says so. */
static bool supervisor_is_asked_for(const struct supervisor_child *c)
{
        return supervisor_may_hang(c) && c->kind != SUPERVISOR_SCRUBBER;
}

static bool supervisor_of_recorder(const struct supervisor_child *c)
{
        return c->kind == SUPERVISOR_SEALER || c->kind == SUPERVISOR_CONNECTOR ||
               c->kind == SUPERVISOR_WORKER || supervisor_may_hang(c) ||
               (c->kind == SUPERVISOR_PORTER && !supervisor_is_managers(c) &&
                       !supervisor_is_gateways(c));
}

/* Those whose end the next parent waits for. The next process of a volume begins when the last has
 * ended. */
static unsigned supervisor_recorder_running(const struct supervisor *s)
{
        unsigned n = 0;

        for (unsigned i = 0; i < s->children_n; i++) {
                const struct supervisor_child *c = &s->children[i];
                n += supervisor_of_recorder(c) && !supervisor_may_hang(c) && c->proc;
        }
        return n;
}

static void supervisor_on_restart(void *owner)
{
        struct supervisor_child *c = owner;

        timer_done(&c->restart);
        supervisor_begin(c);
}

static void supervisor_restart_later(struct supervisor_child *c)
{
        bool steady = clock_boot_us() - c->started_us > SUPERVISOR_STEADY_US;

        c->backoff_ms = steady || !c->backoff_ms ? SUPERVISOR_BACKOFF_MS : c->backoff_ms * 2;
        if (c->backoff_ms > SUPERVISOR_BACKOFF_MAX_MS)
                c->backoff_ms = SUPERVISOR_BACKOFF_MAX_MS;
        timer_start(&c->restart, c->supervisor->loop, c->backoff_ms, 0, supervisor_on_restart, c);
}

static void supervisor_kill_recorder(void *owner)
{
        struct supervisor *s = owner;

        timer_done(&s->deadline);
        for (unsigned i = 0; i < s->children_n; i++) {
                if (supervisor_of_recorder(&s->children[i]) && s->children[i].proc)
                        proc_signal(s->children[i].proc, SIGKILL);
        }
}

/* Once the last of the old recorder has ended, nothing of it can reach a file any more: all begin
 * again. */
static void supervisor_regroup(struct supervisor *s)
{
        if (!s->regrouping || supervisor_recorder_running(s))
                return;
        timer_done(&s->deadline);
        s->regrouping = false;
        for (unsigned i = 0; i < s->children_n; i++) {
                struct supervisor_child *c = &s->children[i];
                if (c->kind == SUPERVISOR_PARENT)
                        supervisor_restart_later(c);
        }
}

static void supervisor_begin_recorder(struct supervisor *s)
{
        for (unsigned i = 0; i < s->children_n; i++) {
                struct supervisor_child *c = &s->children[i];
                if (supervisor_of_recorder(c) && !supervisor_is_asked_for(c) && !c->proc &&
                        !c->restart.handle)
                        supervisor_begin(c);
        }
}

/* The porter of a manager, or a gateway, that has just begun. */
static void supervisor_begin_porter(
        struct supervisor *s, bool (*is)(const struct supervisor_child *c))
{
        for (unsigned i = 0; i < s->children_n; i++) {
                struct supervisor_child *c = &s->children[i];
                if (is(c) && !c->proc && !c->restart.handle)
                        supervisor_begin(c);
        }
}

/* The next parent says which it wants. */
static void supervisor_forget_volumes(struct supervisor *s)
{
        for (unsigned i = 0; i < s->children_n; i++) {
                struct supervisor_child *c = &s->children[i];
                if (c->kind == SUPERVISOR_VOLUME) {
                        c->wanted = false;
                        timer_done(&c->restart);
                }
        }
}

/* Whether a process of the recorder has its place: the others begin with the next parent; the
 * manager's porter with the next manager. */
static bool supervisor_may_run(const struct supervisor_child *c)
{
        const struct supervisor *s = c->supervisor;

        if (supervisor_is_managers(c))
                return s->to_manager != NULL;
        if (supervisor_is_gateways(c))
                return s->to_gateway != NULL;
        if (c->kind == SUPERVISOR_TRANSCODER)
                return s->to_gateway != NULL && c->wanted;
        if (!supervisor_of_recorder(c))
                return true;

        return !s->regrouping && s->to_parent && (!supervisor_is_asked_for(c) || c->wanted);
}

static void supervisor_on_exit(void *owner, struct proc *p, int status, int signal)
{
        struct supervisor_child *c = owner;
        struct supervisor *s = c->supervisor;

        c->proc = proc_free(p);
        if (c->kind == SUPERVISOR_PROBER)
                timer_done(&c->restart);
        if (c->kind == SUPERVISOR_MANAGER)
                s->to_manager = chan_free(s->to_manager);
        if (c->kind == SUPERVISOR_GATEWAY) {
                s->to_gateway = chan_free(s->to_gateway);
                supervisor_end_transcoders(s, NULL);
        }
        if (c->kind == SUPERVISOR_SEALER)
                s->to_sealer = chan_free(s->to_sealer);
        if (s->stopping) {
                if (supervisor_running(s) == 0)
                        s->on_stopped(s->owner);
                return;
        }
        /* A transcoder is killed where its work is done. */
        if (((c->kind == SUPERVISOR_PLAYER || c->kind == SUPERVISOR_PROBER) && status == 0) ||
                (c->kind == SUPERVISOR_TRANSCODER && (status == 0 || signal == SIGKILL))) {
                log_debug(&c->log, "process.ended", "status=0");
        } else if (c->kind == SUPERVISOR_VOLUME && status == 0) { /* it asked to begin again */
                log_info(&c->log, "process.ended", "status=0");
                c->backoff_ms = 0;
        } else {
                log_warn(&c->log, "process.ended", "status=%d signal=%d", status, signal);
        }
        if (c->kind == SUPERVISOR_PARENT) {
                s->to_parent = chan_free(s->to_parent);
                s->regrouping = true;
                supervisor_forget_volumes(s);
                timer_start(&s->deadline, s->loop, SUPERVISOR_FINISH_MS, 0,
                        supervisor_kill_recorder, s);
        } else if (supervisor_may_run(c)) {
                supervisor_restart_later(c);
        }
        supervisor_regroup(s);
}

static void supervisor_begin(struct supervisor_child *c)
{
        struct supervisor *s = c->supervisor;
        CLEANUP(own_closep) int fd = -1;
        CLEANUP(own_closep) int key_fd = -1;
        struct err e;

        if (s->stopping || c->proc || !supervisor_may_run(c))
                return;
        int r = supervisor_channel(c, &fd, &e);
        if (r == 0)
                r = supervisor_key_channel(c, &key_fd, &e);
        if (r == 0)
                r = supervisor_start_child(c, fd, key_fd, supervisor_on_exit, &e);
        c->started_us = clock_boot_us();
        if (r < 0) {
                log_error(&c->log, "process.not_started", "err=\"%s\"", e.text);
                supervisor_restart_later(c);
                return;
        }
        if (c->kind == SUPERVISOR_TRANSCODER)
                log_debug(&c->log, "process.started", "pid=%d", proc_pid(c->proc));
        else
                log_info(&c->log, "process.started", "pid=%d", proc_pid(c->proc));
        c->start.claim = false; /* asked for once: later its path may be the mount point alone */
        if (c->kind == SUPERVISOR_PARENT)
                supervisor_begin_recorder(s);
        if (c->kind == SUPERVISOR_MANAGER)
                supervisor_begin_porter(s, supervisor_is_managers);
        if (c->kind == SUPERVISOR_GATEWAY)
                supervisor_begin_porter(s, supervisor_is_gateways);
}

static struct supervisor_child *supervisor_child(
        struct supervisor *s, enum supervisor_kind kind, const char *name)
{
        if (s->children_n == SUPERVISOR_CHILDREN_MAX)
                abort(); /* our own count is wrong */
        struct supervisor_child *c = &s->children[s->children_n++];
        c->supervisor = s;
        c->kind = kind;
        snprintf(c->name, sizeof c->name, "%s", name);
        snprintf(c->log.prefix, sizeof c->log.prefix, "%s", name);
        return c;
}

static void supervisor_add_porter(struct supervisor *s, const char *role)
{
        char name[32];

        snprintf(name, sizeof name, "porter.%s", role);
        supervisor_child(s, SUPERVISOR_PORTER, name)->role = role;
}

static void supervisor_add_manager(struct supervisor *s)
{
        supervisor_child(s, SUPERVISOR_MANAGER, "manager");
        supervisor_add_porter(s, "manager");
}

static void supervisor_add_gateway(struct supervisor *s)
{
        supervisor_child(s, SUPERVISOR_GATEWAY, "gateway");
        supervisor_add_porter(s, "gateway");
}

static void supervisor_add_recorder(struct supervisor *s)
{
        char name[32];

        supervisor_child(s, SUPERVISOR_PARENT, "parent");
        supervisor_child(s, SUPERVISOR_SEALER, "sealer");
        supervisor_child(s, SUPERVISOR_CONNECTOR, "connector");
        supervisor_add_porter(s, "recorder");
        for (unsigned i = 0; i < s->options.workers; i++) {
                snprintf(name, sizeof name, "worker.%u", i);
                supervisor_child(s, SUPERVISOR_WORKER, name)->index = i;
        }
        if (s->options.scrub)
                supervisor_child(s, SUPERVISOR_SCRUBBER, "scrubber");
}

struct supervisor *supervisor_new(struct loop *l, const struct supervisor_options *o)
{
        struct supervisor *s = xcalloc(1, sizeof *s);
        long cores = sysconf(_SC_NPROCESSORS_ONLN);

        s->loop = l;
        s->options = *o;
        if (s->options.workers == 0)
                s->options.workers = cores < 1 ? 1 : (unsigned)cores;
        if (s->options.workers > SUPERVISOR_WORKERS_MAX)
                s->options.workers = SUPERVISOR_WORKERS_MAX;
        if (o->run_manager)
                supervisor_add_manager(s);
        if (o->run_recorder)
                supervisor_add_recorder(s);
        if (o->run_gateway)
                supervisor_add_gateway(s);
        return s;
}

void supervisor_start(struct supervisor *s)
{
        for (unsigned i = 0; i < s->children_n; i++)
                supervisor_begin(&s->children[i]);
}

void supervisor_add(struct supervisor *s, const char *name, const char *const *args)
{
        struct supervisor_child *c = supervisor_child(s, SUPERVISOR_EXTRA, name);

        c->args = args;
        supervisor_begin(c);
}

static void supervisor_on_stop_deadline(void *owner)
{
        struct supervisor *s = owner;

        log_warn(NULL, "supervisor.stop_forced", "running=%u", supervisor_running(s));
        s->on_stopped(s->owner);
}

static void supervisor_ask_to_end(struct supervisor_child *c)
{
        struct supervisor *s = c->supervisor;
        struct err e;

        if (c->kind != SUPERVISOR_PARENT)
                proc_signal(c->proc, SIGTERM);
        else if (s->to_parent &&
                 chan_send(s->to_parent, MESSAGE_STOP, BYTES(NULL, 0), NULL, 0, &e) < 0)
                log_warn(&c->log, "process.not_asked", "err=\"%s\"", e.text);
}

/* The parent ends first; workers and sealer finish when its channels close. */
void supervisor_stop(struct supervisor *s, void (*on_stopped)(void *owner), void *owner)
{
        s->stopping = true;
        supervisor_end_transcoders(s, NULL);
        s->on_stopped = on_stopped;
        s->owner = owner;
        for (unsigned i = 0; i < s->children_n; i++) {
                struct supervisor_child *c = &s->children[i];
                timer_done(&c->restart);
                if (c->proc && !supervisor_of_recorder(c) && c->kind != SUPERVISOR_TRANSCODER)
                        supervisor_ask_to_end(c);
        }
        if (supervisor_running(s) == 0)
                on_stopped(owner);
        else
                timer_start(&s->deadline, s->loop, SUPERVISOR_STOP_MS, 0,
                        supervisor_on_stop_deadline, s);
}

struct supervisor *supervisor_free(struct supervisor *s)
{
        if (!s)
                return NULL;
        for (unsigned i = 0; i < s->children_n; i++) {
                struct supervisor_child *c = &s->children[i];
                timer_done(&c->restart);
                if (c->proc)
                        proc_signal(c->proc, SIGKILL);
                c->proc = proc_free(c->proc);
        }
        timer_done(&s->deadline);
        chan_free(s->to_parent);
        chan_free(s->to_manager);
        chan_free(s->to_gateway);
        chan_free(s->to_sealer);
        free(s);
        return NULL;
}
