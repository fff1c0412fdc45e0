/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recorder/parent.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/pack.h"
#include "os/proc.h"
#include "os/role.h"
#include "recorder/confine.h"
#include "recorder/parent_events.h"
#include "recorder/parent_history.h"
#include "recorder/parent_locks.h"
#include "recorder/parent_media.h"
#include "recorder/parent_porter.h"
#include "recorder/parent_probe.h"
#include "recorder/parent_retention.h"
#include "recorder/parent_scrub.h"
#include "recorder/parent_stopped.h"
#include "recorder/parent_storage.h"
#include "recorder/state_dir.h"

#define PARENT_STOP_MS 4000 /* less than the supervisor's patience */

static int parent_on_worker(void *owner, struct chan *c, struct chan_message *m, struct err *e)
{
        (void)c;
        return parent_stream_on_worker(owner, m, e);
}

static void parent_on_worker_end(void *owner, struct chan *c, const struct err *e)
{
        struct parent_worker *w = owner;
        struct parent *p = w->parent;
        unsigned i = (unsigned)(w - p->workers);

        log_warn(NULL, "worker.gone", "worker=%u streams=%u err=\"%s\"", i, w->streams, e->text);
        w->chan = chan_free(c);
        parent_place_worker_gone(p, i);
}

static int parent_on_sealer(void *owner, struct chan *c, struct chan_message *m, struct err *e)
{
        struct parent *p = owner;

        (void)c;
        if (m->type == MESSAGE_KEY_STORE)
                return parent_storage_key(p->storage, m->body, e);
        if (m->type == MESSAGE_NOT_GRANTED)
                return parent_media_on_not_granted(p->media, m->body, e);
        if (m->type != MESSAGE_SEALER_HELLO)
                return err_set(e, ERR_PROTOCOL, "message %u from the sealer", m->type);
        buf_clear(&p->hello);
        int r = buf_append(&p->hello, m->body, e);
        if (r == 0)
                r = message_hello_parse(buf_bytes(&p->hello), &p->certs, e);
        if (r < 0)
                return r;
        p->sealer_ready = true;
        parent_place_all(p);
        return 0;
}

static void parent_on_sealer_end(void *owner, struct chan *c, const struct err *e)
{
        struct parent *p = owner;

        log_warn(NULL, "sealer.gone", "err=\"%s\"", e->text);
        p->sealer = chan_free(c);
        p->sealer_ready = false;
        parent_place_sealer_gone(p);
        parent_media_sealer_gone(p->media);
}

static int parent_on_manager(void *owner, struct chan *c, struct chan_message *m, struct err *e)
{
        (void)c;
        return parent_status_on_manager(owner, m, e);
}

/* The recorder goes on with what it knows. */
static void parent_on_manager_end(void *owner, struct chan *c, const struct err *e)
{
        struct parent *p = owner;

        if (!p->stopping)
                log_warn(NULL, "manager.gone", "err=\"%s\" effect=\"recording goes on\"", e->text);
        p->manager = chan_free(c);
}

void parent_manager_attach(struct parent *p, int fd)
{
        static const struct chan_events events = { parent_on_manager, parent_on_manager_end };

        chan_free(p->manager);
        p->manager_link++;
        parent_history_new_link(p->history);
        p->manager = chan_new(p->loop, fd, &events, p);
}

static int parent_add_worker(struct parent *p, struct bytes body, int fd, struct err *e)
{
        static const struct chan_events events = { parent_on_worker, parent_on_worker_end };
        struct unpack u = unpack_of(body);
        uint32_t i = unpack_u32(&u);

        if (!unpack_complete(&u) || i >= PARENT_WORKERS_MAX || p->workers[i].chan)
                return err_set(e, ERR_PROTOCOL, "worker: malformed message");
        p->workers[i].parent = p;
        p->workers[i].chan = chan_new(p->loop, fd, &events, &p->workers[i]);
        parent_place_all(p);
        return 0;
}

static int parent_add_volume(struct parent *p, struct bytes body, int fd, struct err *e)
{
        struct unpack u = unpack_of(body);
        uint32_t number = unpack_u32(&u);

        if (!unpack_complete(&u)) {
                close(fd);
                return err_set(e, ERR_PROTOCOL, "volume: malformed message");
        }
        parent_storage_attach(p->storage, number, fd);
        return 0;
}

static int parent_add_player(struct parent *p, struct bytes body, int fd, struct err *e)
{
        struct unpack u = unpack_of(body);
        uint32_t number = unpack_u32(&u);

        if (!unpack_complete(&u)) {
                close(fd);
                return err_set(e, ERR_PROTOCOL, "player: malformed message");
        }
        parent_media_player(p->media, number, fd);
        return 0;
}

static int parent_add_prober(struct parent *p, struct bytes body, int fd, struct err *e)
{
        struct unpack u = unpack_of(body);
        uint32_t number = unpack_u32(&u);

        if (!unpack_complete(&u)) {
                close(fd);
                return err_set(e, ERR_PROTOCOL, "prober: malformed message");
        }
        parent_probe_attach(p->probes, number, fd);
        return 0;
}

static void parent_on_stop_deadline(void *owner)
{
        struct parent *p = owner;

        log_warn(NULL, "parent.stop_forced", "streams=%zu", p->streams.n);
        loop_stop(p->loop);
}

/* Streams end first, so that what they still write is durable and in the index. Ending closes the
 * channels to workers and sealer: they end too. */
static void parent_stop(struct parent *p)
{
        if (p->stopping)
                return;
        log_info(NULL, "parent.stop", "streams=%zu", p->streams.n);
        p->stopping = true;
        timer_start(&p->stop, p->loop, PARENT_STOP_MS, 0, parent_on_stop_deadline, p);
        if (p->streams.n == 0)
                parent_storage_finish(p->storage);
        else
                parent_stream_remove_all(p);
}

static int parent_on_supervisor(void *owner, struct chan *c, struct chan_message *m, struct err *e)
{
        static const struct chan_events sealer_events = { parent_on_sealer, parent_on_sealer_end };
        struct parent *p = owner;

        (void)c;
        if (m->type == MESSAGE_STOP && m->fds_n == 0 && m->body.n == 0) {
                parent_stop(p);
                return 0;
        }
        if (m->fds_n != 1)
                return err_set(e, ERR_PROTOCOL,
                        "message %u from the supervisor without its channel", m->type);
        int fd = m->fds[0];
        m->fds[0] = -1;
        switch (m->type) {
        case MESSAGE_WORKER:
                return parent_add_worker(p, m->body, fd, e);
        case MESSAGE_SEALER:
                chan_free(p->sealer);
                p->sealer = chan_new(p->loop, fd, &sealer_events, p);
                return 0;
        case MESSAGE_CONNECTOR:
                parent_connect_attach(p->connect, fd);
                return 0;
        case MESSAGE_VOLUME:
                return parent_add_volume(p, m->body, fd, e);
        case MESSAGE_PLAYER:
                return parent_add_player(p, m->body, fd, e);
        case MESSAGE_PROBER:
                return parent_add_prober(p, m->body, fd, e);
        case MESSAGE_SCRUBBER:
                parent_scrub_attach(p->scrub, fd);
                return 0;
        case MESSAGE_PORTER:
                parent_porter_attach(p->porter, fd);
                return 0;
        default:
                close(fd);
                return err_set(e, ERR_PROTOCOL, "message %u from the supervisor", m->type);
        }
}

static void parent_on_supervisor_end(void *owner, struct chan *c, const struct err *e)
{
        struct parent *p = owner;

        log_info(NULL, "parent.supervisor_gone", "err=\"%s\"", e->text);
        p->supervisor = chan_free(c);
        loop_stop(p->loop);
}

static void parent_free(struct parent *p)
{
        timer_done(&p->stop);
        parent_clock_done(&p->clock);
        p->events = parent_events_free(p->events);
        p->media = parent_media_free(p->media);
        p->probes = parent_probe_free(p->probes);
        p->connect = parent_connect_free(p->connect);
        parent_stream_free_all(p);
        for (unsigned i = 0; i < PARENT_WORKERS_MAX; i++)
                p->workers[i].chan = chan_free(p->workers[i].chan);
        p->sealer = chan_free(p->sealer);
        p->manager = chan_free(p->manager);
        p->supervisor = chan_free(p->supervisor);
        p->porter = parent_porter_free(p->porter);
        p->retention = parent_retention_free(p->retention);
        p->locks = parent_locks_free(p->locks);
        p->scrub = parent_scrub_free(p->scrub);
        p->storage = parent_storage_free(p->storage);
        loop_free(p->loop);
        index_free(p->index);
        parent_stopped_free(p->stopped);
        parent_history_free(p->history);
        buf_done(&p->hello);
        buf_done(&p->out);
}

static int parent_confine(struct parent *p, struct err *e)
{
        char directory[4200];
        const struct sandbox_path storage = { directory, true };

        snprintf(directory, sizeof directory, "%.4000s/storage", p->state);
        return confine_role(SANDBOX_PARENT, &storage, 1, e);
}

int parent_main(int argc, char **argv)
{
        static const struct chan_events events = { parent_on_supervisor, parent_on_supervisor_end };
        struct parent *p = xcalloc(1, sizeof *p);
        struct role_options options;
        struct err e;

        if (role_start("parent", argc, argv, &options, &e) < 0)
                return confine_failed(&e);
        p->settings = options.settings;
        snprintf(p->state, sizeof p->state, "%s", options.state);
        buf_init(&p->out, CHAN_BODY_MAX);
        buf_init(&p->hello, CHAN_BODY_MAX);
        p->loop = loop_new();
        tzset(); /* local time, of schedules: its file cannot be read later */
        p->supervisor = chan_new(p->loop, PROC_FIRST_FD, &events, p);
        int r = state_dir_read_name(
                p->state, settings_text(&p->settings, SETTINGS_SITE_NAME), p->recorder, &e);
        if (r == 0)
                r = parent_storage_open(p, &p->storage, &e);
        if (r == 0)
                r = parent_stopped_open(p->state, &p->stopped, &e);
        if (r == 0)
                r = parent_history_open(p->state, &p->history, &e);
        if (r == 0)
                r = parent_confine(p, &e);
        if (r < 0) {
                confine_failed(&e);
        } else {
                p->connect = parent_connect_new(
                        p, (unsigned)settings_get(&p->settings, SETTINGS_CONNECT_TIMEOUT_MS));
                p->locks = parent_locks_new(p);
                p->retention = parent_retention_new(p);
                p->scrub = parent_scrub_new(p->loop, p->index, p->storage,
                        (unsigned)settings_get(&p->settings, SETTINGS_SCRUB_MB_S));
                p->events = parent_events_new(p);
                p->media = parent_media_new(p);
                p->probes = parent_probe_new(p);
                p->porter = parent_porter_new(p);
                parent_clock_start(&p->clock, p->loop);
                parent_storage_start(p->storage);
                loop_run(p->loop);
        }
        parent_free(p);
        free(p);
        return r < 0 ? 1 : 0;
}
