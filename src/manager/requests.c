/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "manager/requests.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/log.h"
#include "base/str.h"
#include "crypto/x509.h"
#include "manager/control.h"
#include "manager/inventory.h"
#include "manager/key_alarm.h"
#include "manager/recorder_link.h"
#include "os/clock.h"
#include "os/listener.h"
#include "proto/url.h"
#include "trust/site_ca.h"
#include "trust/tls_memory_store.h"

#define REQUESTS_PAGE_MAX 500
#define REQUESTS_WAITING_MAX 256

enum requests_wait { REQUESTS_FREE, REQUESTS_STATUS, REQUESTS_SHOW };

struct requests {
        struct loop *loop;
        char state[4096], site[64], fingerprint[65];
        struct buf root_pem, camera_issuer_pem; /* what cameras' certificates must chain to, and
                                                   directly hang from */
        struct inventory *inventory;
        struct tls_memory *memory;
        struct control *control;
        struct recorder_link *recorder;
        struct listener *recorders;
        struct key_alarm alarm;
        /* Those whose answer needs the recorder's status first. */
        struct requests_waiting {
                enum requests_wait kind;
                uint64_t tag;
                json_t *camera; /* owned; for REQUESTS_SHOW */
                char after[96]; /* where the page begins */
        } waiting[REQUESTS_WAITING_MAX];
};

/* Recorder */

static void requests_tell_recorder(struct requests *r, const struct inventory_stream *s)
{
        char path[96], pin[65] = "";

        snprintf(path, sizeof path, "%s-%s", s->camera, s->stream);
        if (s->pinned)
                str_hex(pin, BYTES(s->pin, sizeof s->pin));
        json_t *body = json_pack("{s:s, s:s, s:s, s:s, s:s, s:b}", "stream", path, "url", s->url,
                "user", s->user, "transport", s->pinned ? "tls-pinned" : "tls", "pin", pin, "audio",
                (int)s->audio);
        json_object_set_new(
                body, "password", json_stringn((const char *)s->password.p, s->password.n));
        json_object_set_new(
                body, "roots", json_stringn((const char *)r->root_pem.p, r->root_pem.n));
        json_object_set_new(body, "issuer",
                json_stringn((const char *)r->camera_issuer_pem.p, r->camera_issuer_pem.n));
        recorder_link_ask(r->recorder, "stream.set", body, 0);
}

static int requests_each_to_recorder(void *owner, const struct inventory_stream *s, struct err *e)
{
        struct requests *r = owner;
        char path[96];

        (void)e;
        snprintf(path, sizeof path, "%s-%s", s->camera, s->stream);
        if (!key_alarm_stops(&r->alarm, path))
                requests_tell_recorder(r, s);
        return 0;
}

static void requests_on_recorder_up(void *owner)
{
        struct requests *r = owner;
        struct err e;

        if (inventory_each(r->inventory, NULL, "", requests_each_to_recorder, r, &e) < 0)
                log_error(NULL, "inventory.unreadable", "err=\"%s\"", e.text);
}

static void requests_save_memory(struct requests *r)
{
        char path[4200];
        struct err e;

        snprintf(path, sizeof path, "%s/tls-memory.json", r->state);
        if (tls_memory_store_save(path, r->memory, &e) < 0)
                log_error(NULL, "tls_memory.not_saved", "err=\"%s\"", e.text);
}

struct requests_url_of {
        const char *stream;
        char host[256];
};

static int requests_find_host(void *owner, const struct inventory_stream *s, struct err *e)
{
        struct requests_url_of *want = owner;
        struct url url;

        if (strcmp(s->stream, want->stream) == 0 && url_parse(s->url, &url, e) == 0)
                snprintf(want->host, sizeof want->host, "%s", url.host);
        return 0;
}

/* The camera shows a key that another one has: why says it for another address. */
static void requests_on_duplicate(struct requests *r, const char *camera, const char *stream,
        const char *host, const uint8_t key[static 32], const struct err *why)
{
        const char *other_host = "",
                   *other = tls_memory_key_owner(r->memory, camera, key, &other_host);
        struct err e;

        if (!other)
                return;
        if (strcasecmp(host, other_host) == 0) {
                err_set(&e, ERR_DENIED,
                        "Camera %s shows the key of camera %s, at the same address. It is recorded. If it is no "
                        "second channel of one device, give each a key of its own",
                        camera, other);
                key_alarm_set(&r->alarm, stream, false, e.text);
                return;
        }
        key_alarm_set(&r->alarm, stream, true, why->text);
        recorder_link_ask(r->recorder, "stream.remove", json_pack("{s:s}", "stream", stream), 0);
}

/* A stream's connection was verified (or its pin matched): from now on nothing less is taken from
 * this camera. */
static void requests_on_connected(struct requests *r, json_t *body)
{
        const char *stream, *key_text;
        char camera[96];
        int protection;
        uint8_t key[32];
        struct err e;

        if (json_unpack_ex(body, NULL, JSON_STRICT, "{s:s, s:i, s:s}", "stream", &stream,
                    "protection", &protection, "camera_key", &key_text) < 0 ||
                str_unhex(key, sizeof key, key_text, &e) < 0 || protection < 2 ||
                strlen(stream) >= sizeof camera)
                return;
        snprintf(camera, sizeof camera, "%s", stream);
        char *dash = strrchr(camera, '-');
        if (!dash)
                return;
        *dash = '\0';
        struct requests_url_of want = { .stream = dash + 1 };
        int done = inventory_each(r->inventory, camera, "", requests_find_host, &want, &e);
        if (done == 0 && want.host[0])
                done = tls_memory_note(r->memory, camera, want.host, key,
                        protection == 3 ? TLS_MEMORY_VERIFIED : TLS_MEMORY_PINNED, clock_wall_us(),
                        &e);
        if (done >= 0)
                key_alarm_clear(&r->alarm, stream);
        if (done == 1)
                requests_save_memory(r);
        else if (done < 0)
                log_warn(NULL, "camera.key_refused", "cam=%s err=\"%s\"", camera, e.text);
        if (done == ERR_DENIED)
                requests_on_duplicate(r, camera, stream, want.host, key, &e);
}

static void requests_on_recorder_event(void *owner, const char *type, json_t *body)
{
        if (strcmp(type, "stream.connected") == 0)
                requests_on_connected(owner, body);
        else
                log_warn(NULL, "recorder.unknown_event", "why=\"another version?\"");
}

/* Answers that wait for the recorder */

static void requests_wait_status(
        struct requests *r, enum requests_wait kind, uint64_t tag, json_t *camera, json_t *ask)
{
        for (unsigned i = 0; i < REQUESTS_WAITING_MAX; i++) {
                struct requests_waiting *w = &r->waiting[i];
                if (w->kind != REQUESTS_FREE)
                        continue;
                const char *after = json_string_value(json_object_get(ask, "after"));
                *w = (struct requests_waiting){ .kind = kind, .tag = tag, .camera = camera };
                snprintf(w->after, sizeof w->after, "%s", after ? after : "");
                recorder_link_ask(r->recorder, "status.get", ask, i + 1);
                return;
        }
        struct err e;
        json_decref(camera);
        json_decref(ask);
        err_set(&e, ERR_EXHAUSTED, "too many requests are waiting");
        control_fail(r->control, tag, &e, "Try again in a moment.");
}

/* Each stream of the camera gets its state beside its settings, null where the recorder is away. */
static void requests_add_states(json_t *camera, json_t *status)
{
        const char *name = json_string_value(json_object_get(camera, "name"));
        json_t *stream, *state;
        size_t i, j;
        char path[96];

        json_array_foreach(json_object_get(camera, "streams"), i, stream)
        {
                snprintf(path, sizeof path, "%s-%s", name,
                        json_string_value(json_object_get(stream, "stream")));
                json_object_set_new(stream, "state", json_null());
                json_array_foreach(json_object_get(status, "streams"), j, state)
                {
                        const char *of = json_string_value(json_object_get(state, "stream"));
                        if (of && strcmp(of, path) == 0)
                                json_object_set(stream, "state", state);
                }
        }
}

static void requests_on_recorder_answer(
        void *owner, uint64_t tag, json_t *body, const struct err *why)
{
        struct requests *r = owner;
        struct requests_waiting w = r->waiting[tag - 1];
        json_t *recorder = body ? json_incref(body) : json_null();

        r->waiting[tag - 1] = (struct requests_waiting){ 0 };
        key_alarm_merge(&r->alarm, w.after, recorder);
        if (!body)
                log_warn(NULL, "status.unanswered", "err=\"%s\"", why->text);
        if (w.kind == REQUESTS_SHOW) {
                requests_add_states(w.camera, recorder);
                json_decref(recorder);
                control_answer(r->control, w.tag, json_pack("{s:o}", "camera", w.camera));
                return;
        }
        control_answer(r->control, w.tag,
                json_pack("{s:s, s:s, s:s, s:o}", "site", r->site, "fingerprint", r->fingerprint,
                        "manager", "running", "recorder", recorder));
}

/* Requests. Each answers, or returns an error for the caller to tell. */

static json_t *requests_stream_json(const struct inventory_stream *s)
{
        char pin[65] = "", added[STR_TIME_ROOM];

        if (s->pinned)
                str_hex(pin, BYTES(s->pin, sizeof s->pin));
        return json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:s}", "stream", s->stream, "url", s->url,
                "user", s->user, "transport", s->pinned ? "tls-pinned" : "tls", "pin", pin, "audio",
                (int)s->audio, "added", str_time(added, s->added_us));
}

struct requests_cameras {
        json_t *list;
        size_t limit;
        bool more;
};

static int requests_collect(void *owner, const struct inventory_stream *s, struct err *e)
{
        struct requests_cameras *c = owner;
        json_t *last = json_array_get(c->list, json_array_size(c->list) - 1);
        const char *name = last ? json_string_value(json_object_get(last, "name")) : NULL;

        if (!name || strcmp(name, s->camera) != 0) {
                if (json_array_size(c->list) == c->limit) {
                        c->more = true;
                        return err_set(e, ERR_CANCELLED, "enough");
                }
                last = json_pack("{s:s, s:[]}", "name", s->camera, "streams");
                json_array_append_new(c->list, last);
        }
        json_array_append_new(json_object_get(last, "streams"), requests_stream_json(s));
        return 0;
}

static int requests_cameras(struct requests *r, const char *camera, const char *after,
        struct requests_cameras *c, struct err *e)
{
        int done = inventory_each(r->inventory, camera, after, requests_collect, c, e);

        return done == ERR_CANCELLED && c->more ? 0 : done;
}

static int requests_list(struct requests *r, uint64_t tag, json_t *body, struct err *e)
{
        struct requests_cameras c = { .limit = REQUESTS_PAGE_MAX };
        const char *after = "";
        json_int_t limit = REQUESTS_PAGE_MAX;
        json_error_t why;

        if (json_unpack_ex(
                    body, &why, JSON_STRICT, "{s?:s, s?:I}", "after", &after, "limit", &limit) < 0)
                return err_set(e, ERR_INVALID, "camera.list: %s", why.text);
        if (limit < 1 || limit > REQUESTS_PAGE_MAX)
                return err_set(e, ERR_INVALID, "camera.list: limit is 1 to %d", REQUESTS_PAGE_MAX);
        c.limit = (size_t)limit;
        c.list = json_array();
        int done = requests_cameras(r, NULL, after, &c, e);
        if (done < 0) {
                json_decref(c.list);
                return done;
        }
        control_answer(
                r->control, tag, json_pack("{s:o, s:b}", "cameras", c.list, "more", (int)c.more));
        return 0;
}

static int requests_show_camera(struct requests *r, uint64_t tag, const char *name, struct err *e)
{
        struct requests_cameras c = { .limit = 1 };
        char after[96];

        c.list = json_array();
        int done = requests_cameras(r, name, "", &c, e);
        json_t *camera = json_incref(json_array_get(c.list, 0));
        json_decref(c.list);
        if (done < 0 || !camera) {
                json_decref(camera);
                return done < 0
                               ? done
                               : err_set(e, ERR_NOT_FOUND,
                                         "there is no camera of that name: custos camera list shows them");
        }
        /* Streams are "<camera>-<stream>": a page that begins just before the first of this camera.
         */
        snprintf(after, sizeof after, "%s-", name);
        requests_wait_status(r, REQUESTS_SHOW, tag, camera,
                json_pack("{s:s, s:i}", "after", after, "limit", 32));
        return 0;
}

static int requests_show(struct requests *r, uint64_t tag, json_t *body, struct err *e)
{
        const char *name;
        json_error_t why;

        if (json_unpack_ex(body, &why, JSON_STRICT, "{s:s}", "name", &name) < 0)
                return err_set(e, ERR_INVALID, "camera.show: %s", why.text);
        return requests_show_camera(r, tag, name, e);
}

static int requests_read_stream(json_t *body, struct inventory_stream *s, struct err *e)
{
        const char *name, *url, *user = "", *password = "", *pin = "", *stream = "main";
        int audio = 1;
        json_error_t why;

        if (json_unpack_ex(body, &why, JSON_STRICT, "{s:s, s:s, s?:s, s?:s, s?:s, s?:s, s?:b}",
                    "name", &name, "url", &url, "user", &user, "password", &password, "pin", &pin,
                    "stream", &stream, "audio", &audio) < 0)
                return err_set(e, ERR_INVALID, "camera.add: %s", why.text);
        if (strlen(name) >= sizeof s->camera || strlen(stream) >= sizeof s->stream ||
                strlen(url) >= sizeof s->url || strlen(user) >= sizeof s->user)
                return err_set(e, ERR_INVALID, "camera.add: name, stream, url or user is too long");
        snprintf(s->camera, sizeof s->camera, "%s", name);
        snprintf(s->stream, sizeof s->stream, "%s", stream);
        snprintf(s->url, sizeof s->url, "%s", url);
        snprintf(s->user, sizeof s->user, "%s", user);
        s->audio = audio != 0;
        s->pinned = pin[0] != '\0';
        if (s->pinned && str_unhex(s->pin, sizeof s->pin, pin, e) < 0)
                return err_wrap(e, ERR_INVALID, "pin");
        return secret_set(&s->password, bytes_str(password), e);
}

/* What is remembered decides before what is typed: the text then says since when the camera spoke
 * TLS. */
static int requests_check_memory(
        struct requests *r, const struct inventory_stream *s, struct err *e)
{
        struct url url;

        if (url_parse(s->url, &url, NULL) < 0)
                return 0; /* inventory_check says what is wrong with it */
        if (url.scheme != URL_RTSPS) {
                int done = tls_memory_allows(r->memory, s->camera, url.host, TLS_MEMORY_PLAIN, e);
                if (done < 0)
                        return done;
        }
        return s->pinned ? tls_memory_allows_key(r->memory, s->camera, s->pin, e) : 0;
}

static int requests_add(struct requests *r, uint64_t tag, json_t *body, struct err *e)
{
        struct inventory_stream s = { 0 };

        int done = requests_read_stream(body, &s, e);
        if (done == 0)
                done = requests_check_memory(r, &s, e);
        if (done == 0)
                done = inventory_add(r->inventory, &s, e);
        if (done == 0) {
                log_info(NULL, "camera.added", "cam=%s stream=%s", s.camera, s.stream);
                requests_tell_recorder(r, &s);
                done = requests_show_camera(r, tag, s.camera, e);
        }
        secret_done(&s.password);
        return done;
}

static int requests_stop_stream(void *owner, const struct inventory_stream *s, struct err *e)
{
        struct requests *r = owner;
        char path[96];

        (void)e;
        snprintf(path, sizeof path, "%s-%s", s->camera, s->stream);
        recorder_link_ask(r->recorder, "stream.remove", json_pack("{s:s}", "stream", path), 0);
        key_alarm_clear(&r->alarm, path);
        return 0;
}

static int requests_remove(struct requests *r, uint64_t tag, json_t *body, struct err *e)
{
        const char *name;
        json_error_t why;

        if (json_unpack_ex(body, &why, JSON_STRICT, "{s:s}", "name", &name) < 0)
                return err_set(e, ERR_INVALID, "camera.remove: %s", why.text);
        int done = inventory_each(r->inventory, name, "", requests_stop_stream, r, e);
        if (done == 0)
                done = inventory_remove(r->inventory, name, e);
        if (done < 0)
                return done;
        log_info(NULL, "camera.removed", "");
        control_answer(r->control, tag, json_object());
        return 0;
}

static int requests_status(struct requests *r, uint64_t tag, json_t *body, struct err *e)
{
        (void)e;
        requests_wait_status(r, REQUESTS_STATUS, tag, NULL, json_incref(body));
        return 0;
}

static int requests_site_root(struct requests *r, uint64_t tag, json_t *body, struct err *e)
{
        (void)body;
        (void)e;
        json_t *answer = json_pack("{s:s}", "fingerprint", r->fingerprint);
        json_object_set_new(
                answer, "pem", json_stringn((const char *)r->root_pem.p, r->root_pem.n));
        json_object_set_new(answer, "issuer",
                json_stringn((const char *)r->camera_issuer_pem.p, r->camera_issuer_pem.n));
        control_answer(r->control, tag, answer);
        return 0;
}

static void requests_on_control(void *owner, uint64_t tag, const struct link_message *m)
{
        static const struct {
                const char *type;
                int (*run)(struct requests *r, uint64_t tag, json_t *body, struct err *e);
        } known[] = { { "camera.add", requests_add }, { "camera.list", requests_list },
                { "camera.show", requests_show }, { "camera.remove", requests_remove },
                { "status", requests_status }, { "site.root", requests_site_root } };
        struct requests *r = owner;
        struct err e;

        for (size_t i = 0; i < ARRAY_LEN(known); i++) {
                if (strcmp(m->type, known[i].type) != 0)
                        continue;
                if (known[i].run(r, tag, m->body, &e) < 0)
                        control_fail(r->control, tag, &e, "");
                return;
        }
        err_set(&e, ERR_INVALID, "there is no request of that type");
        control_fail(r->control, tag, &e, "docs/spec/link.md lists them.");
}

static int requests_load_site(struct requests *r, struct err *e)
{
        CLEANUP(site_ca_freep) struct site_ca *ca = NULL;
        uint8_t fingerprint[32];
        char path[4200];

        snprintf(path, sizeof path, "%s/site", r->state);
        int done = site_ca_load(path, &ca, e);
        if (done < 0)
                return done;
        site_ca_fingerprint(ca, fingerprint);
        str_hex(r->fingerprint, BYTES(fingerprint, sizeof fingerprint));
        snprintf(r->site, sizeof r->site, "%s", site_ca_name(ca));
        done = x509_pem_format(site_ca_root(ca), &r->root_pem, e);
        return done < 0 ? done
                        : x509_pem_format(site_ca_issuer_cert(ca, SITE_CA_CAMERAS),
                                  &r->camera_issuer_pem, e);
}

static void requests_on_recorder(void *owner, int fd)
{
        struct requests *r = owner;

        recorder_link_attach(r->recorder, fd);
}

int requests_open(struct loop *l, const char *state, struct requests **ret, struct err *e)
{
        static const struct listener_events recorders = { requests_on_recorder, NULL };
        static const struct recorder_link_events events = { requests_on_recorder_up,
                requests_on_recorder_event, requests_on_recorder_answer };
        struct requests *r = xcalloc(1, sizeof *r);
        char path[4200];

        r->loop = l;
        snprintf(r->state, sizeof r->state, "%s", state);
        buf_init(&r->camera_issuer_pem, 16u << 10);
        buf_init(&r->root_pem, 16u << 10);
        r->recorder = recorder_link_new(l, &events, r);
        int done = requests_load_site(r, e);
        snprintf(path, sizeof path, "%s/site.sqlite", state);
        if (done == 0)
                done = inventory_open(path, &r->inventory, e);
        snprintf(path, sizeof path, "%s/tls-memory.json", state);
        if (done == 0)
                done = tls_memory_store_load(path, &r->memory, e);
        snprintf(path, sizeof path, "%s/control.sock", state);
        if (done == 0)
                done = control_open(l, path, requests_on_control, r, &r->control, e);
        snprintf(path, sizeof path, "%s/recorder.sock", state);
        if (done == 0)
                done = listener_open(l, path, &recorders, r, &r->recorders, e);
        if (done < 0) {
                requests_free(r);
                return done;
        }
        *ret = r;
        return 0;
}

struct requests *requests_free(struct requests *r)
{
        if (!r)
                return NULL;
        listener_free(r->recorders);
        control_free(r->control);
        recorder_link_free(r->recorder);
        for (unsigned i = 0; i < REQUESTS_WAITING_MAX; i++)
                json_decref(r->waiting[i].camera);
        inventory_free(r->inventory);
        tls_memory_free(r->memory);
        key_alarm_done(&r->alarm);
        buf_done(&r->camera_issuer_pem);
        buf_done(&r->root_pem);
        free(r);
        return NULL;
}
