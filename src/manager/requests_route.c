/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the recorder is told, by the inventory and by what is remembered of cameras; and what it
 * tells of their connections. */
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/log.h"
#include "base/str.h"
#include "manager/requests_parts.h"
#include "net/record_link.h"
#include "os/clock.h"
#include "proto/url.h"

#define REQUESTS_ROUTE_CUT_MAX 500 /* keys in one message */

static int requests_route_write(struct requests *r, const char *event, const char *camera,
        const char *stream, json_t *fields, struct err *e)
{
        json_t *all = json_object();

        if (camera)
                json_object_set_new(all, "camera", json_string(camera));
        if (stream)
                json_object_set_new(all, "stream", json_string(stream));
        if (fields)
                json_object_update(all, fields);
        json_decref(fields);
        int done = audit_write(r->audit, event, all, e);
        if (done < 0)
                log_error(NULL, "audit.not_written", "event=%s err=\"%s\"", event, e->text);
        return done;
}

int requests_route_audit(struct requests *r, const char *event, const char *camera,
        const char *stream, json_t *fields, struct err *e)
{
        int done = requests_route_write(r, event, camera, stream, fields, e);

        return done < 0 ? err_wrap(e, done, "%s is done, but it is not in the audit log", event)
                        : 0;
}

int requests_route_announce(struct requests *r, const char *event, const char *camera,
        const char *stream, json_t *fields, struct err *e)
{
        int done = requests_route_write(r, event, camera, stream, fields, e);

        return done < 0 ? err_wrap(e, done, "%s is not done, because the audit log cannot take it",
                                  event)
                        : 0;
}

void requests_route_save_memory(struct requests *r)
{
        char path[4200];
        struct err e;

        snprintf(path, sizeof path, "%s/tls-memory.json", r->state);
        if (tls_memory_store_save(path, r->memory, &e) < 0)
                log_error(NULL, "tls_memory.not_saved", "err=\"%s\"", e.text);
}

/* Judging */

static int requests_route_judge_pin(
        struct requests *r, const struct inventory_stream *s, struct err *e)
{
        int done = tls_memory_allows_key(r->memory, s->camera, s->pin, e);

        if (done == 0 && issued_key_is_revoked(site_ca_issued(r->ca), s->pin))
                done = err_fault(e, ERR_DENIED, FAULT_REVOKED,
                        "the certificate with this key was revoked: it is not pinned. Make a new "
                        "key in the camera");
        return done;
}

int requests_route_judge(struct requests *r, struct inventory_stream *s, struct err *e)
{
        struct url url;
        struct err why;

        if (url_parse(s->url, &url, NULL) < 0)
                return 0; /* inventory_check says what is wrong with it */
        int done = tls_memory_allows(r->memory, s->camera, url.host, TLS_MEMORY_PLAIN, &why);
        if (done == ERR_DENIED && (url.scheme == URL_RTSP || url.scheme == URL_HTTP))
                return err_fault(e, ERR_DENIED, FAULT_DOWNGRADE, "%s", why.text);
        if (done == ERR_DENIED && strcmp(s->transport, "tls-if-available") == 0)
                snprintf(s->transport, sizeof s->transport, "tls");
        return inventory_is_pinned(s) ? requests_route_judge_pin(r, s, e) : 0;
}

/* Telling */

static void requests_route_path(
        const struct inventory_stream *s, char to[static REQUESTS_PATH_ROOM])
{
        snprintf(to, REQUESTS_PATH_ROOM, "%s-%s", s->camera, s->stream);
}

static json_t *requests_route_pem(struct bytes pem)
{
        return json_stringn(pem.n ? (const char *)pem.p : "", pem.n);
}

/* The site's root, whose cameras issuer alone counts, and those of cameras' vendors. */
static json_t *requests_route_roots(struct requests *r)
{
        struct bytes site = buf_bytes(&r->root_pem), vendors = buf_bytes(&r->vendors_pem);
        CLEANUP(own_freep)
        char *all = xasprintf("%.*s%.*s", (int)site.n, (const char *)site.p, (int)vendors.n,
                vendors.n ? (const char *)vendors.p : "");

        return json_string(all);
}

json_t *requests_route_camera_terms(struct requests *r, const struct inventory_stream *s)
{
        char pin[65] = "";

        if (inventory_is_pinned(s))
                str_hex(pin, BYTES(s->pin, sizeof s->pin));
        json_t *body = json_pack("{s:s, s:s, s:s, s:s, s:s, s:b}", "url", s->url, "user", s->user,
                "transport", s->transport, "carrier", s->carrier, "pin", pin, "audio",
                (int)s->audio);
        json_object_set_new(body, "password", requests_route_pem(secret_bytes(&s->password)));
        json_object_set_new(body, "roots", requests_route_roots(r));
        json_object_set_new(body, "issuer", requests_route_pem(buf_bytes(&r->camera_issuer_pem)));
        json_object_set_new(body, "crls", requests_route_pem(site_ca_crl(r->ca, SITE_CA_CAMERAS)));
        return body;
}

static void requests_route_tell(
        struct requests *r, const struct inventory_stream *s, const char *path)
{
        json_t *body = requests_route_camera_terms(r, s);

        json_object_set_new(body, "stream", json_string(path));
        json_object_set_new(body, "record", record_link_format(&s->record));
        peers_ask(r->peers, "recorder", s->recorder, "stream.set", body, 0, 0);
}

static void requests_route_withdraw(struct requests *r, const char *recorder, const char *path)
{
        peers_ask(r->peers, "recorder", recorder, "stream.remove",
                json_pack("{s:s}", "stream", path), 0, 0);
}

/* An exception that is over: the camera speaks TLS. */
static void requests_route_became_tls(struct requests *r, const struct inventory_stream *s)
{
        struct err e;

        if (inventory_set(r->inventory, s, &e) < 0)
                log_error(NULL, "inventory.not_written", "err=\"%s\"", e.text);
        else if (requests_route_audit(r, "transport.became_tls", s->camera, s->stream,
                         json_pack("{s:s}", "before", "tls-if-available"), &e) == 0)
                log_info(NULL, "camera.became_tls", "cam=%s stream=%s", s->camera, s->stream);
}

static void requests_route_refuse(struct requests *r, const struct inventory_stream *s,
        const char *path, const struct err *why)
{
        struct err e;

        key_alarm_set(&r->alarm, s->recorder, path, true, why);
        log_warn(NULL, "camera.refused", "cam=%s fault=%s err=\"%s\"", path, fault_name(why->fault),
                why->text);
        requests_route_withdraw(r, s->recorder, path);
        int done = requests_route_audit(r, "camera.refused", s->camera, s->stream,
                json_pack("{s:s, s:s}", "fault", fault_name(why->fault), "text", why->text), &e);
        (void)done; /* it is in the log */
}

void requests_route_stream(struct requests *r, const struct inventory_stream *s)
{
        struct inventory_stream judged = *s;
        char path[REQUESTS_PATH_ROOM];
        struct err why;

        requests_route_path(s, path);
        if (key_alarm_stops(&r->alarm, path))
                return;
        if (requests_route_judge(r, &judged, &why) < 0) {
                requests_route_refuse(r, s, path, &why);
        } else {
                if (strcmp(judged.transport, s->transport) != 0)
                        requests_route_became_tls(r, &judged);
                requests_route_tell(r, &judged, path);
        }
        secret_done(&judged.password);
}

struct requests_route_walk {
        struct requests *requests;
        const char *recorder; /* NULL: of any */
        bool exceptions_alone;
};

static int requests_route_one(void *owner, const struct inventory_stream *s, struct err *e)
{
        const struct requests_route_walk *w = owner;

        (void)e;
        if (w->recorder && strcmp(s->recorder, w->recorder) != 0)
                return 0;
        if (!w->exceptions_alone || camera_terms_is_exception(s->transport))
                requests_route_stream(w->requests, s);
        return 0;
}

void requests_route_camera(struct requests *r, const char *camera, bool exceptions_alone)
{
        struct requests_route_walk walk = { r, NULL, exceptions_alone };
        struct err e;

        if (inventory_each(r->inventory, camera, "", requests_route_one, &walk, &e) < 0)
                log_error(NULL, "inventory.unreadable", "err=\"%s\"", e.text);
}

static int requests_route_leave(void *owner, const struct inventory_stream *s, struct err *e)
{
        const struct requests_route_walk *w = owner;
        char path[REQUESTS_PATH_ROOM];

        (void)e;
        requests_route_path(s, path);
        requests_route_withdraw(w->requests, w->recorder, path);
        key_alarm_clear(&w->requests->alarm, path);
        return 0;
}

void requests_route_move(struct requests *r, const char *camera, const char *before)
{
        struct requests_route_walk walk = { r, before, false };
        struct err e;

        if (inventory_each(r->inventory, camera, "", requests_route_leave, &walk, &e) < 0)
                log_error(NULL, "inventory.unreadable", "err=\"%s\"", e.text);
        requests_route_camera(r, camera, false);
}

void requests_route_end(struct requests *r, const struct inventory_stream *s)
{
        char path[REQUESTS_PATH_ROOM];

        requests_route_path(s, path);
        requests_route_withdraw(r, s->recorder, path);
        key_alarm_clear(&r->alarm, path);
}

static void requests_route_cut_one(struct requests *r, const char *recorder)
{
        const struct issued *issued = site_ca_issued(r->ca);
        json_t *keys = json_array();
        char key[65];

        for (size_t i = 0; i < issued->n; i++) {
                const struct issued_certificate *c = &issued->certificates[i];
                if (c->issuer == ISSUED_CAMERAS && issued_is_listed(c, clock_wall_us()))
                        json_array_append_new(
                                keys, json_string(str_hex(key, BYTES(c->key, sizeof c->key))));
                if (json_array_size(keys) == REQUESTS_ROUTE_CUT_MAX) {
                        peers_ask(r->peers, "recorder", recorder, "connection.cut",
                                json_pack("{s:o}", "keys", keys), 0, 0);
                        keys = json_array();
                }
        }
        if (json_array_size(keys))
                peers_ask(r->peers, "recorder", recorder, "connection.cut",
                        json_pack("{s:o}", "keys", keys), 0, 0);
        else
                json_decref(keys);
}

void requests_route_cut(struct requests *r)
{
        struct peers_state recorder;

        for (unsigned i = 0; peers_nth(r->peers, "recorder", i, &recorder); i++)
                requests_route_cut_one(r, recorder.name);
}

/* "CAMERA-STREAM" of a recorder as what the inventory has; 1: it has none, or not there. The
 * password is the caller's to wipe where it is 0. */
static int requests_route_find(struct requests *r, const char *recorder, const char *path,
        struct inventory_stream *ret, struct err *e)
{
        char camera[REQUESTS_PATH_ROOM];

        if (strlen(path) >= sizeof camera)
                return 1;
        snprintf(camera, sizeof camera, "%s", path);
        char *dash = strrchr(camera, '-');
        if (!dash)
                return 1;
        *dash = '\0';
        int done = inventory_get(r->inventory, camera, dash + 1, ret, e);
        if (done < 0)
                return done == ERR_NOT_FOUND ? 1 : done;
        if (strcmp(ret->recorder, recorder) == 0)
                return 0;
        secret_done(&ret->password);
        return 1;
}

static void requests_route_look(struct requests *r, const char *recorder, const char *after);

/* It goes on with streams that were removed, refused or moved elsewhere while it was away. */
static void requests_route_on_known(
        struct requests *r, uint64_t tag, const struct requests_answer *a)
{
        const char *recorder = json_string_value(json_object_get(a->context, "recorder"));
        const char *path = NULL;
        struct inventory_stream s;
        json_t *stream;
        struct err e;
        size_t i;

        (void)tag;
        json_array_foreach(json_object_get(a->body, "streams"), i, stream)
        {
                path = json_string_value(json_object_get(stream, "stream"));
                if (!path)
                        break;
                int done = requests_route_find(r, recorder, path, &s, &e);
                if (done == 0)
                        secret_done(&s.password);
                if (done == 1 || (done == 0 && key_alarm_stops(&r->alarm, path)))
                        requests_route_withdraw(r, recorder, path);
        }
        if (path && json_is_true(json_object_get(a->body, "more")))
                requests_route_look(r, recorder, path);
}

static void requests_route_look(struct requests *r, const char *recorder, const char *after)
{
        requests_ask(r, 0, recorder, "status.get", json_pack("{s:s}", "after", after),
                requests_route_on_known,
                json_pack("{s:s, s:s}", "recorder", recorder, "after", after));
}

/* It follows another copy of this state: nothing that is told it counts there. */
static void requests_route_on_history(
        struct requests *r, uint64_t tag, const struct requests_answer *a)
{
        const char *recorder = json_string_value(json_object_get(a->context, "recorder"));
        struct err e;

        (void)tag;
        if (a->body || a->why->code != ERR_DENIED)
                return;
        peers_set_refuses(r->peers, "recorder", recorder);
        log_error(NULL, "recorder.refuses", "recorder=%s err=\"%s\" remedy=\"%s\"", recorder,
                a->why->text, a->remedy);
        int done = audit_write(r->audit, "recorder.refuses",
                json_pack("{s:s, s:o}", "recorder", recorder, "text", requests_text(a->why->text)),
                &e);
        (void)done; /* it is in the log */
}

void requests_route_on_up(struct requests *r, const char *recorder)
{
        struct requests_route_walk walk = { r, recorder, false };
        struct err e;

        requests_ask(r, 0, recorder, "manager.history", json_incref(r->history),
                requests_route_on_history, json_pack("{s:s}", "recorder", recorder));
        if (inventory_each(r->inventory, NULL, "", requests_route_one, &walk, &e) < 0)
                log_error(NULL, "inventory.unreadable", "err=\"%s\"", e.text);
        requests_route_cut_one(r, recorder); /* what was revoked while it was away */
        requests_route_look(r, recorder, "");
}

/* What the recorder tells */

/* The camera shows a key that another one has: why says it for another address. */
static void requests_route_on_duplicate(struct requests *r, const struct inventory_stream *s,
        const char *path, const char *host, const uint8_t key[static 32], const struct err *why)
{
        const char *other_host = "",
                   *other = tls_memory_key_owner(r->memory, s->camera, key, &other_host);
        struct err e;

        if (!other)
                return;
        if (strcasecmp(host, other_host) == 0) {
                err_set(&e, ERR_DENIED,
                        "Camera %s shows the key of camera %s, at the same address. It is recorded. If it is no "
                        "second channel of one device, give each a key of its own",
                        s->camera, other);
                key_alarm_set(&r->alarm, s->recorder, path, false, &e);
                return;
        }
        err_fault(&e, ERR_DENIED, FAULT_DUPLICATE_KEY, "%s", why->text);
        requests_route_refuse(r, s, path, &e);
}

/* The connection was verified, or its pin matched: from now on nothing less is taken from this
 * camera, by this stream or another. */
static void requests_route_on_tls(struct requests *r, struct inventory_stream *s, const char *path,
        const uint8_t key[static 32], bool verified)
{
        struct url url;
        struct err e;

        if (url_parse(s->url, &url, &e) < 0)
                return;
        int done = tls_memory_note(r->memory, s->camera, url.host, key,
                verified ? TLS_MEMORY_VERIFIED : TLS_MEMORY_PINNED, clock_wall_us(), &e);
        if (done >= 0)
                key_alarm_clear(&r->alarm, path);
        if (done == 1)
                requests_route_save_memory(r);
        else if (done < 0)
                log_warn(NULL, "camera.key_refused", "cam=%s err=\"%s\"", s->camera, e.text);
        if (done == ERR_DENIED)
                requests_route_on_duplicate(r, s, path, url.host, key, &e);
        if (done == 1 || strcmp(s->transport, "tls-if-available") == 0)
                requests_route_camera(r, NULL, true);
}

/* A recorder is heard about its own cameras alone: one that was captured may not have another's
 * keys remembered wrongly. */
static void requests_route_on_connected(struct requests *r, const char *recorder, json_t *body)
{
        const char *path, *key_text;
        struct inventory_stream s;
        uint8_t key[32];
        int protection;
        struct err e;

        if (json_unpack_ex(body, NULL, JSON_STRICT, "{s:s, s:i, s:s}", "stream", &path,
                    "protection", &protection, "camera_key", &key_text) < 0 ||
                str_unhex(key, sizeof key, key_text, &e) < 0)
                return;
        if (requests_route_find(r, recorder, path, &s, &e) != 0) {
                log_info(NULL, "camera.not_its_own",
                        "recorder=%s why=\"moved or removed meanwhile?\"", recorder);
                return;
        }
        if (protection >= 2)
                requests_route_on_tls(r, &s, path, key, protection == 3);
        else
                log_warn(NULL, "camera.open", "cam=%s effect=\"everybody on the way sees it\"",
                        path);
        secret_done(&s.password);
}

void requests_route_on_event(
        struct requests *r, const char *recorder, const char *type, json_t *body)
{
        if (strcmp(type, "stream.connected") == 0)
                requests_route_on_connected(r, recorder, body);
        else
                log_warn(NULL, "recorder.unknown_event", "why=\"another version?\"");
}
