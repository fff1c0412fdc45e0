/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Requests that change the recorder's list of volumes: passed on to it, and audited. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "manager/requests_parts.h"

#define REQUESTS_STORAGE_WEIGHT 100

static const char *requests_storage_text(const json_t *object, const char *key)
{
        const char *text = json_string_value(json_object_get(object, key));

        return text ? text : "";
}

/* It is done: a line in the log says who did it. The rest of the context is the line's. */
static int requests_storage_audit(
        struct requests *r, const char *event, const json_t *fields, struct err *e)
{
        log_info(NULL, event, "volume=%s", requests_storage_text(fields, "volume"));
        return requests_route_audit(r, event, NULL, NULL, json_deep_copy(fields), e);
}

/* Volumes on one file system share its room, and its end. Said, not refused: a person may know
 * why. */
static json_t *requests_storage_warnings(const json_t *volumes, const json_t *added)
{
        const char *device = requests_storage_text(added, "device");
        json_t *warnings = json_array(), *v;
        size_t i;

        json_array_foreach(volumes, i, v)
        {
                if (v == added || !device[0] || json_is_true(json_object_get(v, "retired")) ||
                        strcmp(requests_storage_text(v, "device"), device) != 0)
                        continue;
                json_array_append_new(warnings,
                        json_sprintf("%s lies on the same file system as %s (%s): both share its "
                                     "room, and one failing disk takes both. Is its disk mounted "
                                     "at %s?",
                                requests_storage_text(added, "name"),
                                requests_storage_text(v, "name"), device,
                                requests_storage_text(added, "path")));
        }
        return warnings;
}

static void requests_storage_on_listed(
        struct requests *r, uint64_t tag, const struct requests_answer *a)
{
        const char *name = requests_storage_text(a->context, "volume");
        json_t *volumes = json_object_get(a->body, "volumes"), *v, *added = NULL;
        size_t i;

        json_array_foreach(volumes, i, v)
        {
                if (strcmp(requests_storage_text(v, "name"), name) == 0)
                        added = v;
        }
        json_t *answer = json_object();
        json_object_set(answer, "volume", added ? added : json_null());
        json_object_set_new(answer, "warnings", requests_storage_warnings(volumes, added));
        desk_answer(r->desk, tag, answer);
}

static void requests_storage_on_added(
        struct requests *r, uint64_t tag, const struct requests_answer *a)
{
        struct err e;

        if (!a->body)
                requests_refuse(r, tag, a);
        else if (requests_storage_audit(r, "storage.added", a->context, &e) < 0)
                desk_fail(r->desk, tag, &e, "");
        else
                requests_ask(r, tag, requests_storage_text(a->context, "recorder"), "storage.get",
                        json_object(), requests_storage_on_listed, json_incref(a->context));
}

int requests_storage_add(struct requests *r, uint64_t tag, json_t *body, struct err *e)
{
        json_int_t weight = REQUESTS_STORAGE_WEIGHT;
        const char *name, *path, *asked = NULL;
        char recorder[INVENTORY_RECORDER_ROOM];
        json_error_t why;
        int stale = 0;

        if (json_unpack_ex(body, &why, JSON_STRICT, "{s:s, s:s, s?:I, s?:b, s?:s}", "name", &name,
                    "path", &path, "weight", &weight, "stale", &stale, "recorder", &asked) < 0)
                return err_set(e, ERR_INVALID, "storage.add: %s", why.text);
        int done = requests_recorder(r, asked, recorder, e);
        if (done < 0)
                return done;
        requests_ask(r, tag, recorder, "storage.add",
                json_pack("{s:s, s:s, s:I, s:b}", "name", name, "path", path, "weight", weight,
                        "stale", stale),
                requests_storage_on_added,
                json_pack("{s:s, s:s, s:s, s:I, s:b, s:s}", "recorder", recorder, "volume", name,
                        "path", path, "weight", weight, "stale", stale, "by",
                        desk_by(r->desk, tag)));
        return 0;
}

static void requests_storage_on_retired(
        struct requests *r, uint64_t tag, const struct requests_answer *a)
{
        struct err e;

        if (!a->body)
                requests_refuse(r, tag, a);
        else if (requests_storage_audit(r, "storage.retired", a->context, &e) < 0)
                desk_fail(r->desk, tag, &e, "");
        else
                desk_answer(r->desk, tag, json_object());
}

int requests_storage_retire(struct requests *r, uint64_t tag, json_t *body, struct err *e)
{
        const char *name, *asked = NULL;
        char recorder[INVENTORY_RECORDER_ROOM];
        json_error_t why;

        if (json_unpack_ex(
                    body, &why, JSON_STRICT, "{s:s, s?:s}", "name", &name, "recorder", &asked) < 0)
                return err_set(e, ERR_INVALID, "storage.retire: %s", why.text);
        int done = requests_recorder(r, asked, recorder, e);
        if (done == 0)
                requests_ask(r, tag, recorder, "storage.retire", json_pack("{s:s}", "name", name),
                        requests_storage_on_retired,
                        json_pack("{s:s, s:s, s:s}", "recorder", recorder, "volume", name, "by",
                                desk_by(r->desk, tag)));
        return done;
}
