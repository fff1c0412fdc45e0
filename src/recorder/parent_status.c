/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The recorder's side of the link to the manager (docs/spec/link.md section 3 and 4). */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/str.h"
#include "net/link.h"
#include "net/record_link.h"
#include "os/clock.h"
#include "recorder/parent.h"
#include "recorder/parent_events.h"
#include "recorder/parent_history.h"
#include "recorder/parent_porter.h"
#include "recorder/parent_locks.h"
#include "recorder/parent_probe.h"
#include "recorder/parent_retention.h"
#include "recorder/parent_scrub.h"
#include "recorder/parent_storage_status.h"
#include "recorder/parent_timeline.h"

#define PARENT_STATUS_RECENT_US INT64_C(5000000)
#define PARENT_STATUS_PAGE_MAX 200
#define PARENT_STATUS_CUT_MAX 500

static json_t *parent_status_time(int64_t wall_us)
{
        char text[STR_TIME_ROOM];

        return wall_us > 0 ? json_string(str_time(text, wall_us)) : json_null();
}

/* What is wrong with a stream that is recorded: what its worker says, else that its minimum days
 * gave way. */
static json_t *parent_status_alarm(const struct parent_stream *t)
{
        enum fault alarm = (enum fault)t->state.alarm;
        int64_t since_us = t->state.alarm_since_us;

        if (!alarm && parent_retention_below_minimum(t, clock_wall_us())) {
                alarm = FAULT_BELOW_MINIMUM;
                since_us = t->below_minimum_since_us;
        }
        if (!alarm)
                return json_null();
        return json_pack("{s:s, s:s, s:s, s:o}", "fault", fault_name(alarm), "text",
                fault_text(alarm), "remedy", fault_remedy(alarm), "since",
                parent_status_time(since_us));
}

static void parent_status_connection(json_t *o, const struct parent_stream *t)
{
        const struct message_state *s = &t->state;
        char key[2 * sizeof s->camera_key + 1], tls[16] = "";

        if (s->tls_version)
                snprintf(tls, sizeof tls, "TLS 1.%u", (s->tls_version & 0xffu) - 1u);
        json_object_set_new(
                o, "protection", json_string(protection_name((enum protection)s->protection)));
        json_object_set_new(o, "tls", json_string(tls));
        json_object_set_new(o, "cipher", json_string(s->tls_cipher));
        json_object_set_new(o, "camera_key",
                json_string(str_hex(key, BYTES(s->camera_key, sizeof s->camera_key))));
        json_object_set_new(o, "certificate_from", parent_status_time(s->from_us));
        json_object_set_new(o, "certificate_until", parent_status_time(s->until_us));
        json_object_set_new(o, "clear_bytes", json_integer((json_int_t)s->counters.clear_bytes));
        json_object_set_new(o, "connected", parent_status_time(s->connected_us));
        json_object_set_new(o, "error", json_string(s->error));
        json_object_set_new(o, "fault", json_string(fault_name((enum fault)s->fault)));
        json_object_set_new(o, "remedy", json_string(fault_remedy((enum fault)s->fault)));
        json_object_set_new(o, "alarm", parent_status_alarm(t));
}

static json_t *parent_status_stream(const struct parent_stream *t)
{
        const struct camera_counters *c = &t->state.counters;
        bool recording = t->durable_us > clock_wall_us() - PARENT_STATUS_RECENT_US &&
                         t->phase == PARENT_STREAM_ASSIGNED;
        json_t *o = json_pack("{s:s, s:s, s:b, s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "stream",
                t->assign.stream, "state", camera_state_name((enum camera_state)t->state.state),
                "recording", recording, "worker", t->worker, "bytes", (json_int_t)c->bytes,
                "packets", (json_int_t)c->packets, "lost_packets", (json_int_t)c->lost_packets,
                "units", (json_int_t)c->units, "connects", (json_int_t)c->connects, "segments",
                (json_int_t)t->segments, "fragments", (json_int_t)t->fragments);

        json_object_set_new(
                o, "transport", json_string(camera_transport_name(t->assign.transport)));
        json_object_set_new(o, "carrier", json_string(camera_carrier_name(t->assign.carrier)));
        json_object_set_new(o, "gate", json_string(parent_events_gate_name(t)));
        json_object_set_new(o, "last_durable", parent_status_time(t->durable_us));
        parent_status_connection(o, t);
        return o;
}

static int parent_status_compare(const void *a, const void *b)
{
        const struct parent_stream *const *x = a, *const *y = b;

        return strcmp((*x)->assign.stream, (*y)->assign.stream);
}

/* Streams by name, those after `after`, at most limit and a page. */
static json_t *parent_status_page(struct parent *p, const char *after, size_t limit, bool *ret_more)
{
        struct parent_stream **all = xcalloc(p->streams.n, sizeof(struct parent_stream *));
        struct parent_stream *t;
        json_t *list = json_array();
        size_t at = 0, n = 0, bytes = 0;

        while ((t = table_next(&p->streams, &at)))
                all[n++] = t;
        qsort(all, n, sizeof(struct parent_stream *), parent_status_compare);
        for (size_t i = 0; i < n; i++) {
                if (strcmp(all[i]->assign.stream, after) <= 0)
                        continue;
                if (json_array_size(list) == limit || bytes >= LINK_PAGE_BYTES) {
                        *ret_more = true;
                        break;
                }
                json_t *stream = parent_status_stream(all[i]);
                bytes += link_json_bytes(stream);
                json_array_append_new(list, stream);
        }
        free(all);
        return list;
}

static int parent_status_get(struct parent *p, json_t *body, json_t **ret, struct err *e)
{
        const char *after = "";
        json_int_t limit = PARENT_STATUS_PAGE_MAX;
        unsigned workers = 0;
        bool more = false;
        json_error_t why;

        if (json_unpack_ex(
                    body, &why, JSON_STRICT, "{s?:s, s?:I}", "after", &after, "limit", &limit) < 0)
                return err_set(e, ERR_INVALID, "status.get: %s", why.text);
        if (limit < 1 || limit > PARENT_STATUS_PAGE_MAX)
                return err_set(
                        e, ERR_INVALID, "status.get: limit is 1 to %d", PARENT_STATUS_PAGE_MAX);
        for (unsigned i = 0; i < PARENT_WORKERS_MAX; i++)
                workers += p->workers[i].chan != NULL;
        json_t *streams = parent_status_page(p, after, (size_t)limit, &more);
        *ret = json_pack("{s:s, s:b, s:i, s:I, s:b, s:o}", "recorder", p->recorder, "sealer",
                p->sealer_ready, "workers", (int)workers, "streams_total", (json_int_t)p->streams.n,
                "more", more, "streams", streams);
        return 0;
}

static int parent_status_terms(struct message_assign *a, const char *transport, const char *carrier,
        const char *pin, struct err *e)
{
        int t = camera_transport_find(transport), c = camera_carrier_find(carrier);

        if (t < 0)
                return err_set(e, ERR_INVALID,
                        "stream.set: transport is tls, tls-pinned, tls-if-available or plain");
        if (c < 0)
                return err_set(e, ERR_INVALID,
                        "stream.set: carrier is interleaved, tunnel, udp, mjpeg or snapshot");
        a->transport = (uint8_t)t;
        a->carrier = (uint8_t)c;
        if (a->transport == CAMERA_TLS_PINNED)
                return str_unhex(a->pin, sizeof a->pin, pin, e);
        return pin[0] ? err_set(e, ERR_INVALID, "stream.set: a pin needs transport tls-pinned") : 0;
}

static bool parent_status_is_stream_path(const char *path)
{
        char camera[HEAD_PATH_MAX];
        const char *dash = strrchr(path, '-');

        if (!dash || strlen(path) >= sizeof camera)
                return false;
        snprintf(camera, sizeof camera, "%.*s", (int)(dash - path), path);
        return str_is_camera(camera) && str_is_stream(dash + 1);
}

struct parent_status_asked {
        const char *stream, *url, *user, *password, *transport, *carrier, *pin, *roots, *issuer,
                *crls;
        int audio;
        json_t *record;
};

static int parent_status_unpack(json_t *body, struct parent_status_asked *q, struct err *e)
{
        json_error_t why;

        *q = (struct parent_status_asked){ .user = "",
                .password = "",
                .carrier = "interleaved",
                .pin = "",
                .issuer = "",
                .crls = "",
                .audio = 1 };
        if (json_unpack_ex(body, &why, JSON_STRICT,
                    "{s:s, s:s, s?:s, s?:s, s:s, s?:s, s?:s, s:s, s?:s, s?:s, s?:b, s?:o}",
                    "stream", &q->stream, "url", &q->url, "user", &q->user, "password",
                    &q->password, "transport", &q->transport, "carrier", &q->carrier, "pin",
                    &q->pin, "roots", &q->roots, "issuer", &q->issuer, "crls", &q->crls, "audio",
                    &q->audio, "record", &q->record) < 0)
                return err_set(e, ERR_INVALID, "stream.set: %s", why.text);
        if (!parent_status_is_stream_path(q->stream))
                return err_set(e, ERR_INVALID, "stream.set: not a stream path (CAMERA-STREAM)");
        return 0;
}

static int parent_status_set(struct parent *p, json_t *body, json_t **ret, struct err *e)
{
        struct message_assign a = { 0 };
        struct parent_status_asked q;
        struct record_terms terms;

        int r = parent_status_unpack(body, &q, e);
        if (r < 0)
                return r;
        record_terms_defaults(&terms);
        if (q.record && (r = record_link_parse(q.record, &terms, e)) < 0)
                return err_wrap(e, r, "stream.set");
        if (strlen(q.url) >= sizeof a.url || strlen(q.user) >= sizeof a.user)
                return err_set(e, ERR_INVALID, "stream.set: url or user too long");
        snprintf(a.stream, sizeof a.stream, "%s", q.stream);
        snprintf(a.url, sizeof a.url, "%s", q.url);
        snprintf(a.user, sizeof a.user, "%s", q.user);
        a.roots_pem = bytes_str(q.roots);
        a.issuer_pem = bytes_str(q.issuer);
        a.crls_pem = bytes_str(q.crls);
        a.without_audio = !q.audio;
        r = secret_set(&a.password, bytes_str(q.password), e);
        if (r == 0)
                r = parent_status_terms(&a, q.transport, q.carrier, q.pin, e);
        if (r == 0)
                r = parent_stream_set(p, &a, &terms, e);
        secret_done(&a.password);
        if (r == 0)
                *ret = json_object();
        return r;
}

static int parent_status_cut(struct parent *p, json_t *body, json_t **ret, struct err *e)
{
        uint8_t keys[PARENT_STATUS_CUT_MAX][32];
        json_t *list, *key;
        json_error_t why;
        size_t i;

        if (json_unpack_ex(body, &why, JSON_STRICT, "{s:o}", "keys", &list) < 0 ||
                !json_is_array(list) || json_array_size(list) > PARENT_STATUS_CUT_MAX)
                return err_set(e, ERR_INVALID, "connection.cut: keys is a list of at most %d",
                        PARENT_STATUS_CUT_MAX);
        json_array_foreach(list, i, key)
        {
                const char *text = json_string_value(key);
                if (str_unhex(keys[i], 32, text ? text : "", e) < 0)
                        return err_wrap(e, ERR_INVALID, "connection.cut");
        }
        *ret = json_pack("{s:i}", "cut", (int)parent_stream_cut(p, keys, i));
        return 0;
}

static int parent_status_remove(struct parent *p, json_t *body, json_t **ret, struct err *e)
{
        const char *stream;
        json_error_t why;

        if (json_unpack_ex(body, &why, JSON_STRICT, "{s:s}", "stream", &stream) < 0)
                return err_set(e, ERR_INVALID, "stream.remove: %s", why.text);
        struct parent_stream *t = table_get(&p->streams, stream);
        if (!t)
                return err_set(e, ERR_NOT_FOUND, "stream.remove: no such stream");
        parent_stream_remove(p, t);
        *ret = json_object();
        return 0;
}

static int parent_status_damage(struct parent *p, json_t *body, json_t **ret, struct err *e)
{
        return parent_scrub_damage(p->scrub, body, ret, e);
}

/* What a manager may ask for (docs/spec/link.md section 3), a line each. run fills *ret (an object)
 * and returns 0; or keeps parent_status_ticket and returns PARENT_STATUS_LATER. */
static const struct parent_status_request {
        const char *type;
        int (*run)(struct parent *p, json_t *body, json_t **ret, struct err *e);
} parent_status_requests[] = {
        { "status.get", parent_status_get },
        { "stream.set", parent_status_set },
        { "stream.remove", parent_status_remove },
        { "connection.cut", parent_status_cut },
        { "event.start", parent_events_on_start },
        { "event.stop", parent_events_on_stop },
        { "storage.add", parent_storage_request_add },
        { "storage.set", parent_storage_request_set },
        { "storage.retire", parent_storage_request_retire },
        { "storage.get", parent_storage_status_get },
        { "lock.add", parent_locks_add },
        { "lock.list", parent_locks_list },
        { "lock.remove", parent_locks_remove },
        { "storage.damage", parent_status_damage },
        { "timeline.get", parent_timeline_get },
        { "camera.test", parent_probe_on_test },
        { "links.get", parent_porter_links },
        { "link.listen", parent_porter_listen },
};

static int parent_status_run(
        struct parent *p, const struct link_message *m, json_t **ret, struct err *e)
{
        if (strcmp(m->type, "manager.history") == 0)
                return parent_history_on_offer(p->history, m->body, ret, e);
        int r = parent_history_allows(p->history, m->type, e);
        if (r < 0)
                return r;
        for (size_t i = 0; i < ARRAY_LEN(parent_status_requests); i++) {
                if (strcmp(m->type, parent_status_requests[i].type) == 0)
                        return parent_status_requests[i].run(p, m->body, ret, e);
        }
        return err_set(e, ERR_INVALID, "the recorder knows no request of that type");
}

int parent_status_on_manager(struct parent *p, struct chan_message *m, struct err *e)
{
        struct link_message request;
        json_t *body = NULL;
        struct err why;

        if (m->type != LINK_MESSAGE || m->fds_n)
                return err_set(e, ERR_PROTOCOL, "message %u from the manager", m->type);
        int r = link_parse(m->body, &request, e);
        if (r < 0)
                return r;
        if (request.id > 0) {
                p->asked =
                        (struct parent_status_ticket){ .link = p->manager_link, .id = request.id };
                int answer = parent_status_run(p, &request, &body, &why);
                if (answer < 0)
                        r = link_send_failure(
                                p->manager, request.id, &why, fault_remedy(why.fault), e);
                else if (answer == 0)
                        r = link_send_answer(p->manager, request.id, body, e);
                p->asked = (struct parent_status_ticket){ 0 };
        } else if (strcmp(request.type, "link.revoked") == 0 &&
                   parent_history_followed(p->history)) {
                parent_porter_on_revoked(p->porter, request.body);
        }
        link_message_done(&request);
        return r;
}

struct parent_status_ticket parent_status_ticket(const struct parent *p)
{
        return p->asked;
}

void parent_status_answer(struct parent *p, const struct parent_status_ticket *ticket, json_t *body,
        const struct err *why)
{
        struct err e;
        int r;

        if (!p->manager || ticket->link != p->manager_link) {
                json_decref(body); /* whoever asked is gone */
                return;
        }
        if (why)
                r = link_send_failure(p->manager, ticket->id, why, fault_remedy(why->fault), &e);
        else
                r = link_send_answer(p->manager, ticket->id, body ? body : json_object(), &e);
        if (r < 0)
                log_warn(NULL, "manager.unreachable", "err=\"%s\"", e.text);
}

void parent_status_connected(struct parent *p, const struct parent_stream *t)
{
        char key[2 * sizeof t->state.camera_key + 1];
        struct err e;

        if (!p->manager)
                return;
        str_hex(key, BYTES(t->state.camera_key, sizeof t->state.camera_key));
        json_t *body = json_pack("{s:s, s:i, s:s}", "stream", t->assign.stream, "protection",
                (int)t->state.protection, "camera_key", key);
        if (link_send_event(p->manager, "stream.connected", body, &e) < 0)
                log_warn(NULL, "manager.unreachable", "err=\"%s\"", e.text);
}
