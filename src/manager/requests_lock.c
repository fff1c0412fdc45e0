/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Requests about locks. The recorder keeps them beside the footage; who made and who removed one is
 * known here, and stands in the audit log: of a removal before it is done. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "crypto/random.h"
#include "manager/requests_parts.h"

#define REQUESTS_LOCK_ID_BYTES 16
#define REQUESTS_LOCK_ID_ROOM (2 * REQUESTS_LOCK_ID_BYTES + 1)

static const char *requests_lock_text(const json_t *object, const char *key)
{
        const char *text = json_string_value(json_object_get(object, key));

        return text ? text : "";
}

/* --- adding --- */

struct requests_lock_asked {
        const char *camera, *stream, *recorder, *from, *to, *reason;
};

static int requests_lock_check(const struct requests_lock_asked *q, struct err *e)
{
        int64_t from_us, to_us;

        if (!str_is_camera(q->camera) || !str_is_stream(q->stream))
                return err_set(e, ERR_INVALID, "lock.add: not the name of a camera and a stream");
        if (str_parse_time(q->from, &from_us, e) < 0)
                return err_wrap(e, ERR_INVALID, "lock.add: from");
        if (str_parse_time(q->to, &to_us, e) < 0)
                return err_wrap(e, ERR_INVALID, "lock.add: to");
        if (to_us < from_us)
                return err_set(e, ERR_INVALID, "lock.add: to lies before from");
        return requests_reason(q->reason, e);
}

/* Footage of a camera that was removed can be locked; a name that was mistyped looks the same. */
static json_t *requests_lock_warnings(struct requests *r, const json_t *context)
{
        const char *camera = requests_lock_text(context, "camera");
        const char *stream = requests_lock_text(context, "stream");
        json_t *warnings = json_array();
        struct inventory_stream s;
        struct err e;

        if (inventory_get(r->inventory, camera, stream, &s, &e) == 0)
                secret_done(&s.password);
        else if (e.code == ERR_NOT_FOUND)
                json_array_append_new(warnings,
                        json_sprintf("The inventory has no stream %s of a camera %s: this locks "
                                     "what is left of one that was removed. Is the name right?",
                                stream, camera));
        return warnings;
}

static void requests_lock_on_added(
        struct requests *r, uint64_t tag, const struct requests_answer *a)
{
        const char *id = requests_lock_text(a->context, "lock");
        json_t *fields;
        struct err e;

        if (!a->body) {
                requests_refuse(r, tag, a);
                return;
        }
        log_info(NULL, "lock.added", "lock=%s", id);
        fields = json_deep_copy(a->context);
        if (requests_route_audit(r, "lock.added", NULL, NULL, fields, &e) < 0)
                desk_fail(r->desk, tag, &e, "");
        else
                desk_answer(r->desk, tag,
                        json_pack("{s:s, s:O, s:o}", "id", id, "recorder",
                                json_object_get(a->context, "recorder"), "warnings",
                                requests_lock_warnings(r, a->context)));
}

/* Whose footage it is: of the recorder that is named, else of the camera's. */
static int requests_lock_recorder(struct requests *r, const struct requests_lock_asked *q,
        char to[static INVENTORY_RECORDER_ROOM], struct err *e)
{
        struct inventory_stream s;

        if (!q->recorder && inventory_get(r->inventory, q->camera, q->stream, &s, NULL) == 0) {
                snprintf(to, INVENTORY_RECORDER_ROOM, "%s", s.recorder);
                secret_done(&s.password);
                return 0;
        }
        return requests_recorder(r, q->recorder, to, e);
}

int requests_lock_add(struct requests *r, uint64_t tag, json_t *body, struct err *e)
{
        struct requests_lock_asked q = { .stream = "main" };
        char recorder[INVENTORY_RECORDER_ROOM];
        char id[REQUESTS_LOCK_ID_ROOM], path[REQUESTS_PATH_ROOM];
        const char *by = desk_by(r->desk, tag);
        uint8_t random[REQUESTS_LOCK_ID_BYTES];
        json_error_t why;

        if (json_unpack_ex(body, &why, JSON_STRICT, "{s:s, s?:s, s?:s, s:s, s:s, s:s}", "camera",
                    &q.camera, "stream", &q.stream, "recorder", &q.recorder, "from", &q.from, "to",
                    &q.to, "reason", &q.reason) < 0)
                return err_set(e, ERR_INVALID, "lock.add: %s", why.text);
        int done = requests_lock_check(&q, e);
        if (done == 0)
                done = requests_lock_recorder(r, &q, recorder, e);
        if (done < 0)
                return done;
        random_bytes(random, sizeof random);
        str_hex(id, BYTES(random, sizeof random));
        snprintf(path, sizeof path, "%s-%s", q.camera, q.stream);
        requests_ask(r, tag, recorder, "lock.add",
                json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "id", id, "stream", path, "from",
                        q.from, "to", q.to, "by", by, "reason", q.reason),
                requests_lock_on_added,
                json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "camera", q.camera, "stream",
                        q.stream, "recorder", recorder, "lock", id, "from", q.from, "to", q.to,
                        "by", by, "reason", q.reason));
        return 0;
}

/* --- removing: looked up, told to the audit log, removed --- */

static void requests_lock_on_removed(
        struct requests *r, uint64_t tag, const struct requests_answer *a)
{
        const char *id = requests_lock_text(a->context, "lock");
        struct err e;

        if (a->body) {
                log_warn(NULL, "lock.removed", "lock=%s", id);
                desk_answer(r->desk, tag, json_object());
                return;
        }
        /* The log says that it is gone, and it may not be. */
        if (requests_route_audit(r, "lock.not_removed", NULL, NULL,
                    json_pack("{s:s, s:o}", "lock", id, "text", requests_text(a->why->text)),
                    &e) < 0)
                log_error(NULL, "lock.not_removed", "lock=%s err=\"%s\"", id, a->why->text);
        requests_refuse(r, tag, a);
}

/* The removal with what it takes away: camera and stream, range, who made it and why. */
static int requests_lock_announce(
        struct requests *r, const json_t *asked, const json_t *lock, struct err *e)
{
        char camera[REQUESTS_PATH_ROOM];

        snprintf(camera, sizeof camera, "%s", requests_lock_text(lock, "stream"));
        char *dash = strrchr(camera, '-');
        if (dash)
                *dash = '\0';
        json_t *fields = json_deep_copy(asked);
        json_object_set_new(fields, "from", json_string(requests_lock_text(lock, "from")));
        json_object_set_new(fields, "to", json_string(requests_lock_text(lock, "to")));
        json_object_set_new(fields, "made", json_string(requests_lock_text(lock, "made")));
        json_object_set_new(fields, "made_by", json_string(requests_lock_text(lock, "by")));
        json_object_set_new(fields, "made_for", json_string(requests_lock_text(lock, "reason")));
        return requests_route_announce(
                r, "lock.removed", camera, dash ? dash + 1 : NULL, fields, e);
}

/* Asks the next of the recorders that may have it. False: there is none. */
static bool requests_lock_seek(struct requests *r, uint64_t tag, json_t *context);

static void requests_lock_on_found(
        struct requests *r, uint64_t tag, const struct requests_answer *a)
{
        const char *id = requests_lock_text(a->context, "lock");
        json_t *lock, *found = NULL;
        struct err e;
        size_t i;

        if (!a->body) {
                if (!requests_lock_seek(r, tag, a->context))
                        requests_refuse(r, tag, a);
                return;
        }
        json_array_foreach(json_object_get(a->body, "locks"), i, lock)
        {
                if (strcmp(requests_lock_text(lock, "id"), id) == 0)
                        found = lock;
        }
        if (!found && requests_lock_seek(r, tag, a->context))
                return;
        json_object_del(a->context, "seek");
        if (!found) {
                err_set(&e, ERR_NOT_FOUND, "there is no lock of that id");
                desk_fail(r->desk, tag, &e, "custos lock list shows them.");
        } else if (requests_lock_announce(r, a->context, found, &e) < 0) {
                desk_fail(r->desk, tag, &e, "");
        } else {
                requests_ask(r, tag, requests_lock_text(a->context, "recorder"), "lock.remove",
                        json_pack("{s:s}", "id", id), requests_lock_on_removed,
                        json_incref(a->context));
        }
}

/* A page of one that begins with this id: behind the number before it. */
static json_t *requests_lock_page(const uint8_t id[static REQUESTS_LOCK_ID_BYTES])
{
        uint8_t before[REQUESTS_LOCK_ID_BYTES];
        char after[REQUESTS_LOCK_ID_ROOM];

        memcpy(before, id, sizeof before);
        for (size_t i = sizeof before; i-- > 0 && before[i]-- == 0;)
                ;
        return json_pack(
                "{s:s, s:i}", "after", str_hex(after, BYTES(before, sizeof before)), "limit", 1);
}

static bool requests_lock_seek(struct requests *r, uint64_t tag, json_t *context)
{
        json_t *seek = json_object_get(context, "seek");
        uint8_t number[REQUESTS_LOCK_ID_BYTES];
        struct err e;

        if (json_array_size(seek) == 0 ||
                str_unhex(number, sizeof number, requests_lock_text(context, "lock"), &e) < 0)
                return false;
        json_object_set(context, "recorder", json_array_get(seek, 0));
        json_array_remove(seek, 0);
        requests_ask(r, tag, requests_lock_text(context, "recorder"), "lock.list",
                requests_lock_page(number), requests_lock_on_found, json_incref(context));
        return true;
}

/* The one that was named, else all; those that are away last, so that one of them is named where
 * nobody else has it. */
static json_t *requests_lock_recorders(struct requests *r, const char *asked)
{
        json_t *names = json_array(), *away = json_array();
        struct peers_state p;

        for (unsigned i = 0; !asked && peers_nth(r->peers, "recorder", i, &p); i++)
                json_array_append_new(p.up ? names : away, json_string(p.name));
        if (asked)
                json_array_append_new(names, json_string(asked));
        json_array_extend(names, away);
        json_decref(away);
        return names;
}

int requests_lock_remove(struct requests *r, uint64_t tag, json_t *body, struct err *e)
{
        static const uint8_t none[REQUESTS_LOCK_ID_BYTES];
        const char *id, *reason, *asked = NULL;
        char recorder[INVENTORY_RECORDER_ROOM];
        uint8_t number[REQUESTS_LOCK_ID_BYTES];
        json_error_t why;

        if (json_unpack_ex(body, &why, JSON_STRICT, "{s:s, s:s, s?:s}", "id", &id, "reason",
                    &reason, "recorder", &asked) < 0)
                return err_set(e, ERR_INVALID, "lock.remove: %s", why.text);
        if (str_unhex(number, sizeof number, id, e) < 0 || memcmp(number, none, sizeof number) == 0)
                return err_set(e, ERR_INVALID,
                        "lock.remove: id has 32 hex digits, as custos lock list shows it");
        int done = requests_reason(reason, e);
        if (done == 0)
                done = requests_recorder(r, asked, recorder, e);
        if (done < 0)
                return done;
        json_t *context = json_pack("{s:s, s:s, s:s, s:o}", "lock", id, "by", desk_by(r->desk, tag),
                "reason", reason, "seek", requests_lock_recorders(r, asked));
        (void)requests_lock_seek(r, tag, context); /* there is one always */
        json_decref(context);
        return 0;
}
