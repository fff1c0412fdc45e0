/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Requests about the inventory of cameras (docs/spec/link.md section 2). */
#include <stdio.h>

#include "base/log.h"
#include "base/str.h"
#include "manager/record_change.h"
#include "manager/requests_parts.h"
#include "net/record_link.h"

static json_t *requests_camera_json(const struct inventory_stream *s)
{
        char pin[65] = "", added[STR_TIME_ROOM];

        if (inventory_is_pinned(s))
                str_hex(pin, BYTES(s->pin, sizeof s->pin));
        return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:o, s:s}", "stream", s->stream,
                "url", s->url, "user", s->user, "transport", s->transport, "carrier", s->carrier,
                "pin", pin, "audio", (int)s->audio, "record", record_link_format(&s->record),
                "added", str_time(added, s->added_us));
}

struct requests_camera_page {
        json_t *list;
        size_t limit, bytes;
        bool more;
};

static int requests_camera_collect(void *owner, const struct inventory_stream *s, struct err *e)
{
        struct requests_camera_page *c = owner;
        json_t *last = json_array_get(c->list, json_array_size(c->list) - 1);
        const char *name = last ? json_string_value(json_object_get(last, "name")) : NULL;

        if (!name || strcmp(name, s->camera) != 0) {
                if (json_array_size(c->list) == c->limit || c->bytes >= LINK_PAGE_BYTES) {
                        c->more = true;
                        return err_set(e, ERR_CANCELLED, "enough");
                }
                last = json_pack(
                        "{s:s, s:s, s:[]}", "name", s->camera, "recorder", s->recorder, "streams");
                json_array_append_new(c->list, last);
        }
        json_t *stream = requests_camera_json(s);
        c->bytes += link_json_bytes(stream);
        json_array_append_new(json_object_get(last, "streams"), stream);
        return 0;
}

static int requests_camera_read_page(struct requests *r, const char *camera, const char *after,
        struct requests_camera_page *c, struct err *e)
{
        int done = inventory_each(r->inventory, camera, after, requests_camera_collect, c, e);

        return done == ERR_CANCELLED && c->more ? 0 : done;
}

int requests_camera_list(struct requests *r, uint64_t tag, json_t *body, struct err *e)
{
        struct requests_camera_page c = { .limit = REQUESTS_PAGE_MAX };
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
        int done = requests_camera_read_page(r, NULL, after, &c, e);
        if (done < 0) {
                json_decref(c.list);
                return done;
        }
        desk_answer(r->desk, tag, json_pack("{s:o, s:b}", "cameras", c.list, "more", (int)c.more));
        return 0;
}

/* Each stream of the camera gets its state beside its settings, null where the recorder is away. */
static void requests_camera_add_states(json_t *camera, json_t *status)
{
        const char *name = json_string_value(json_object_get(camera, "name"));
        json_t *stream, *state;
        size_t i, j;
        char path[REQUESTS_PATH_ROOM];

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

static void requests_camera_on_status(
        struct requests *r, uint64_t tag, const struct requests_answer *a)
{
        json_t *camera = json_object_get(a->context, "camera");
        json_t *status = requests_status_of(r, a);

        requests_camera_add_states(camera, status);
        json_decref(status);
        desk_answer(r->desk, tag, json_pack("{s:O}", "camera", camera));
}

static int requests_camera_tell(struct requests *r, uint64_t tag, const char *name, struct err *e)
{
        struct requests_camera_page c = { .limit = 1 };
        char after[REQUESTS_PATH_ROOM];

        c.list = json_array();
        int done = requests_camera_read_page(r, name, "", &c, e);
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
        json_t *recorder = json_object_get(camera, "recorder");
        requests_ask(r, tag, json_string_value(recorder), "status.get",
                json_pack("{s:s, s:i}", "after", after, "limit", 32), requests_camera_on_status,
                json_pack(
                        "{s:s, s:O, s:o}", "after", after, "recorder", recorder, "camera", camera));
        return 0;
}

int requests_camera_show(struct requests *r, uint64_t tag, json_t *body, struct err *e)
{
        const char *name;
        json_error_t why;

        if (json_unpack_ex(body, &why, JSON_STRICT, "{s:s}", "name", &name) < 0)
                return err_set(e, ERR_INVALID, "camera.show: %s", why.text);
        return requests_camera_tell(r, tag, name, e);
}

/* Under which a camera is tested that has no name yet. */
#define REQUESTS_CAMERA_NAMELESS "a-camera-without-a-name"

/* What was typed; NULL: not given. */
struct requests_camera_asked {
        const char *name, *stream, *recorder, *url, *user, *password, *transport, *carrier, *pin;
        int audio; /* -1: not given */
        json_t *record;
};

static int requests_camera_unpack(
        json_t *body, const char *type, struct requests_camera_asked *q, struct err *e)
{
        json_error_t why;

        *q = (struct requests_camera_asked){ .stream = "main", .audio = -1 };
        if (json_unpack_ex(body, &why, JSON_STRICT,
                    "{s:s, s?:s, s?:s, s?:s, s?:s, s?:s, s?:s, s?:s, s?:s, s?:b, s?:o}", "name",
                    &q->name, "stream", &q->stream, "recorder", &q->recorder, "url", &q->url,
                    "user", &q->user, "password", &q->password, "transport", &q->transport,
                    "carrier", &q->carrier, "pin", &q->pin, "audio", &q->audio, "record",
                    &q->record) < 0)
                return err_set(e, ERR_INVALID, "%s: %s", type, why.text);
        return 0;
}

static int requests_camera_copy(
        char *to, size_t room, const char *what, const char *from, struct err *e)
{
        if (!from)
                return 0;
        if (strlen(from) >= room)
                return err_set(e, ERR_INVALID, "%s is longer than %zu characters", what, room - 1);
        snprintf(to, room, "%s", from);
        return 0;
}

/* Transport and carrier that were not given follow from what was. */
static int requests_camera_complete(
        const struct requests_camera_asked *q, struct inventory_stream *s, struct err *e)
{
        if (!q->transport && q->pin && q->pin[0])
                snprintf(s->transport, sizeof s->transport, "tls-pinned");
        if (!q->carrier && q->url)
                snprintf(s->carrier, sizeof s->carrier, "%s", camera_terms_carrier_of(s->url));
        if (!inventory_is_pinned(s) && !(q->pin && q->pin[0]))
                memset(s->pin, 0, sizeof s->pin);
        else if (q->pin && q->pin[0] && str_unhex(s->pin, sizeof s->pin, q->pin, e) < 0)
                return err_wrap(e, ERR_INVALID, "pin");
        return 0;
}

/* A recorder that has not come yet may be named: the camera waits for it. */
static int requests_camera_check_recorder(struct requests *r, const char *recorder, struct err *e)
{
        struct nodes_node n;

        if (!recorder)
                return 0;
        int done = nodes_get(inventory_db(r->inventory), "recorder", recorder, &n, e);
        if (done == ERR_NOT_FOUND)
                return err_set(e, ERR_NOT_FOUND,
                        "there is no recorder of that name: custos node list shows them, custos "
                        "node add recorder makes one");
        if (done == 0 && n.revoked_us)
                done = err_set(
                        e, ERR_STATE, "recorder %s was revoked: no camera goes there", n.name);
        return done;
}

static int requests_camera_lay(
        const struct requests_camera_asked *q, struct inventory_stream *s, struct err *e)
{
        int done = requests_camera_copy(s->url, sizeof s->url, "url", q->url, e);
        if (done == 0)
                done = requests_camera_copy(
                        s->recorder, sizeof s->recorder, "recorder", q->recorder, e);
        if (done == 0)
                done = requests_camera_copy(s->user, sizeof s->user, "user", q->user, e);
        if (done == 0)
                done = requests_camera_copy(
                        s->transport, sizeof s->transport, "transport", q->transport, e);
        if (done == 0)
                done = requests_camera_copy(
                        s->carrier, sizeof s->carrier, "carrier", q->carrier, e);
        if (done == 0 && q->password)
                done = secret_set(&s->password, bytes_str(q->password), e);
        if (done == 0)
                done = requests_camera_complete(q, s, e);
        if (done == 0 && q->record)
                done = record_link_parse(q->record, &s->record, e);
        if (q->audio >= 0)
                s->audio = q->audio != 0;
        return done;
}

/* What is remembered decides before what is typed: the text then says since when the camera spoke
 * TLS. */
static int requests_camera_judge(struct requests *r, struct inventory_stream *s, struct err *e)
{
        int done = requests_route_judge(r, s, e);

        return done < 0 ? done : inventory_check(s, e);
}

static json_t *requests_camera_terms(const struct inventory_stream *s)
{
        return json_pack("{s:s, s:s, s:s, s:s, s:s}", "url", s->url, "user", s->user, "transport",
                s->transport, "carrier", s->carrier, "recorder", s->recorder);
}

static int requests_camera_audit(struct requests *r, uint64_t tag, const char *event,
        const struct inventory_stream *s, const char *transport_before, struct err *e)
{
        json_t *fields = requests_camera_terms(s);

        json_object_set_new(fields, "by", requests_text(desk_by(r->desk, tag)));
        int done = requests_route_audit(r, event, s->camera, s->stream, fields, e);

        if (done == 0 && camera_terms_is_exception(s->transport) &&
                strcmp(transport_before, s->transport) != 0) {
                log_warn(NULL, "camera.exception", "cam=%s stream=%s transport=%s", s->camera,
                        s->stream, s->transport);
                done = requests_route_audit(r, "exception.chosen", s->camera, s->stream,
                        json_pack("{s:s, s:s, s:o}", "transport", s->transport, "before",
                                transport_before, "by", requests_text(desk_by(r->desk, tag))),
                        e);
        }
        return done;
}

int requests_camera_add(struct requests *r, uint64_t tag, json_t *body, struct err *e)
{
        struct inventory_stream s = { .transport = "tls", .audio = true };
        struct requests_camera_asked q;

        record_terms_defaults(&s.record);
        int done = requests_camera_unpack(body, "camera.add", &q, e);
        if (done == 0 && !q.url)
                done = err_set(e, ERR_INVALID, "camera.add: url is missing");
        if (done == 0)
                done = requests_camera_check_recorder(r, q.recorder, e);
        if (done == 0)
                done = requests_camera_copy(s.camera, sizeof s.camera, "name", q.name, e);
        if (done == 0)
                done = requests_camera_copy(s.stream, sizeof s.stream, "stream", q.stream, e);
        if (done == 0)
                done = requests_camera_lay(&q, &s, e);
        if (done == 0)
                done = requests_camera_judge(r, &s, e);
        if (done == 0)
                done = inventory_add(r->inventory, &s, e);
        if (done == 0) {
                log_info(NULL, "camera.added", "cam=%s stream=%s", s.camera, s.stream);
                requests_route_stream(r, &s);
                done = requests_camera_audit(r, tag, "camera.added", &s, "", e);
        }
        if (done == 0)
                done = requests_camera_tell(r, tag, s.camera, e);
        secret_done(&s.password);
        return done;
}

/* Less is recorded or kept from now on than was. */
static int requests_camera_audit_record(struct requests *r, uint64_t tag,
        const struct inventory_stream *s, const struct record_terms *before, struct err *e)
{
        if (!record_change_reduces(before, &s->record))
                return 0;
        return requests_route_audit(r, "camera.record", s->camera, s->stream,
                json_pack("{s:s, s:o, s:o}", "by", desk_by(r->desk, tag), "record",
                        record_link_format(&s->record), "before", record_link_format(before)),
                e);
}

static int requests_camera_change(struct requests *r, uint64_t tag,
        const struct requests_camera_asked *q, struct inventory_stream *s, struct err *e)
{
        char before[CAMERA_TERMS_ROOM], path[REQUESTS_PATH_ROOM], was[INVENTORY_RECORDER_ROOM];
        const struct record_terms record = s->record;

        snprintf(before, sizeof before, "%s", s->transport);
        snprintf(was, sizeof was, "%s", s->recorder);
        int done = requests_camera_check_recorder(r, q->recorder, e);
        if (done == 0)
                done = requests_camera_lay(q, s, e);
        if (done == 0)
                done = requests_camera_judge(r, s, e);
        if (done == 0)
                done = inventory_set(r->inventory, s, e);
        if (done < 0)
                return done;
        log_info(NULL, "camera.changed", "cam=%s stream=%s", s->camera, s->stream);
        snprintf(path, sizeof path, "%s-%s", s->camera, s->stream);
        key_alarm_clear(&r->alarm, path);
        if (strcmp(was, s->recorder) != 0)
                requests_route_move(r, s->camera, was);
        else
                requests_route_stream(r, s);
        done = requests_camera_audit(r, tag, "camera.changed", s, before, e);
        return done < 0 ? done : requests_camera_audit_record(r, tag, s, &record, e);
}

int requests_camera_set(struct requests *r, uint64_t tag, json_t *body, struct err *e)
{
        struct requests_camera_asked q;
        struct inventory_stream s;

        int done = requests_camera_unpack(body, "camera.set", &q, e);
        if (done < 0)
                return done;
        if (json_object_size(body) == 1u + (json_object_get(body, "stream") != NULL))
                return err_set(e, ERR_INVALID,
                        "camera.set: say what to change (url, user, password, transport, carrier, "
                        "pin, audio, record or recorder)");
        done = inventory_get(r->inventory, q.name, q.stream, &s, e);
        if (done < 0)
                return done;
        done = requests_camera_change(r, tag, &q, &s, e);
        if (done == 0)
                done = requests_camera_tell(r, tag, s.camera, e);
        secret_done(&s.password);
        return done;
}

/* What was typed, over the camera of that name where there is one; else a new one. */
static int requests_camera_test_of(struct requests *r, const struct requests_camera_asked *q,
        struct inventory_stream *s, struct err *e)
{
        const char *name = q->name ? q->name : REQUESTS_CAMERA_NAMELESS;
        int done = inventory_get(r->inventory, name, q->stream, s, e);

        if (done == ERR_NOT_FOUND) {
                *s = (struct inventory_stream){
                        .transport = "tls", .recorder = INVENTORY_RECORDER_FIRST, .audio = true
                };
                record_terms_defaults(&s->record);
                done = requests_camera_copy(s->camera, sizeof s->camera, "name", name, e);
                if (done == 0)
                        done = requests_camera_copy(
                                s->stream, sizeof s->stream, "stream", q->stream, e);
                if (done == 0 && !q->url)
                        done = err_set(e, ERR_INVALID, "camera.test: url is missing");
        }
        return done < 0 ? done : requests_camera_lay(q, s, e);
}

int requests_camera_test(struct requests *r, uint64_t tag, json_t *body, struct err *e)
{
        struct requests_camera_asked q = { .stream = "main", .audio = -1 };
        char recorder[INVENTORY_RECORDER_ROOM];
        struct inventory_stream s = { 0 };
        json_error_t why;

        if (json_unpack_ex(body, &why, JSON_STRICT,
                    "{s?:s, s?:s, s?:s, s?:s, s?:s, s?:s, s?:s, s?:s, s?:s, s?:b}", "name", &q.name,
                    "stream", &q.stream, "recorder", &q.recorder, "url", &q.url, "user", &q.user,
                    "password", &q.password, "transport", &q.transport, "carrier", &q.carrier,
                    "pin", &q.pin, "audio", &q.audio) < 0)
                return err_set(e, ERR_INVALID, "camera.test: %s", why.text);
        int done = requests_camera_test_of(r, &q, &s, e);
        if (done == 0)
                done = requests_recorder(r, s.recorder, recorder, e);
        if (done == 0)
                done = requests_camera_judge(r, &s, e);
        /* In the log before: it is a connection that somebody chose, with a password that he has.
         */
        if (done == 0) {
                json_t *fields = requests_camera_terms(&s);
                json_object_set_new(fields, "by", requests_text(desk_by(r->desk, tag)));
                done = requests_route_announce(r, "camera.tested", q.name, NULL, fields, e);
        }
        if (done == 0)
                requests_ask(r, tag, recorder, "camera.test", requests_route_camera_terms(r, &s),
                        requests_pass, NULL);
        secret_done(&s.password);
        return done;
}

static int requests_camera_stop(void *owner, const struct inventory_stream *s, struct err *e)
{
        (void)e;
        requests_route_end(owner, s);
        return 0;
}

int requests_camera_remove(struct requests *r, uint64_t tag, json_t *body, struct err *e)
{
        const char *name;
        json_error_t why;

        if (json_unpack_ex(body, &why, JSON_STRICT, "{s:s}", "name", &name) < 0)
                return err_set(e, ERR_INVALID, "camera.remove: %s", why.text);
        int done = inventory_each(r->inventory, name, "", requests_camera_stop, r, e);
        if (done == 0)
                done = inventory_remove(r->inventory, name, e);
        if (done < 0)
                return done;
        log_info(NULL, "camera.removed", "cam=%s", name);
        done = requests_route_audit(r, "camera.removed", name, NULL, requests_by(r, tag), e);
        if (done == 0)
                desk_answer(r->desk, tag, json_object());
        return done;
}
