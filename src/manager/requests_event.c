/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Events: something happens at a camera (the source says what), so that its streams with the mode
 * event or schedule are recorded. One stream, or all of the camera that are recorded at all; the
 * recorder is asked for one behind the other.
 */
#include <stdio.h>
#include <string.h>

#include "manager/requests_parts.h"

#define REQUESTS_EVENT_SOURCE "operator"

struct requests_event_walk {
        const char *stream; /* NULL: all */
        json_t *paths;
        char recorder[INVENTORY_RECORDER_ROOM]; /* whose the camera is */
        bool off;                               /* one that was asked for is not recorded at all */
};

static int requests_event_collect(void *owner, const struct inventory_stream *s, struct err *e)
{
        struct requests_event_walk *w = owner;
        char path[REQUESTS_PATH_ROOM];

        (void)e;
        if (w->stream && strcmp(w->stream, s->stream) != 0)
                return 0;
        if (s->record.mode == RECORD_OFF) {
                w->off = true;
                return 0;
        }
        snprintf(path, sizeof path, "%s-%s", s->camera, s->stream);
        snprintf(w->recorder, sizeof w->recorder, "%s", s->recorder);
        json_array_append_new(w->paths, json_string(path));
        return 0;
}

static int requests_event_streams(
        struct requests *r, const char *camera, struct requests_event_walk *w, struct err *e)
{
        int done = inventory_each(r->inventory, camera, "", requests_event_collect, w, e);

        if (done < 0 || json_array_size(w->paths))
                return done;
        if (w->off)
                return err_set(e, ERR_STATE,
                        "camera %s is not recorded: its mode is off. custos camera set --record "
                        "event",
                        camera);
        return err_set(e, ERR_NOT_FOUND,
                "there is no camera or stream of that name: custos camera list shows them");
}

static void requests_event_on_answer(
        struct requests *r, uint64_t tag, const struct requests_answer *a);

/* context: type, recorder, body, paths, and what was heard so far. Takes it. */
static void requests_event_ask(struct requests *r, uint64_t tag, json_t *context)
{
        json_t *paths = json_object_get(context, "paths");
        json_t *body = json_deep_copy(json_object_get(context, "body"));

        json_object_set(body, "stream", json_array_get(paths, 0));
        json_array_remove(paths, 0);
        requests_ask(r, tag, json_string_value(json_object_get(context, "recorder")),
                json_string_value(json_object_get(context, "type")), body, requests_event_on_answer,
                context);
}

/* The first failure is told; but an event that ended on one stream and never began on another, has
 * ended. */
static void requests_event_end(struct requests *r, uint64_t tag, const json_t *context)
{
        const json_t *failed = json_object_get(context, "failed");
        struct err e;

        if (failed) {
                int code = (int)json_integer_value(json_object_get(failed, "code"));
                err_set(&e, code, "%s", json_string_value(json_object_get(failed, "text")));
                if (code != ERR_NOT_FOUND || !json_object_get(context, "done")) {
                        desk_fail(r->desk, tag, &e,
                                json_string_value(json_object_get(failed, "remedy")));
                        return;
                }
        }
        desk_answer(r->desk, tag, json_object());
}

static void requests_event_on_answer(
        struct requests *r, uint64_t tag, const struct requests_answer *a)
{
        if (a->body)
                json_object_set_new(a->context, "done", json_true());
        else if (!json_object_get(a->context, "failed"))
                json_object_set_new(a->context, "failed",
                        json_pack("{s:i, s:o, s:o}", "code", a->why->code, "text",
                                requests_text(a->why->text), "remedy", requests_text(a->remedy)));
        if (json_array_size(json_object_get(a->context, "paths")))
                requests_event_ask(r, tag, json_incref(a->context));
        else
                requests_event_end(r, tag, a->context);
}

/* Takes body: what each stream's request says beside the stream. */
static int requests_event_run(struct requests *r, uint64_t tag, const char *type,
        const char *camera, const char *stream, json_t *body, struct err *e)
{
        struct requests_event_walk w = { .stream = stream, .paths = json_array() };

        int done = requests_event_streams(r, camera, &w, e);
        if (done < 0) {
                json_decref(w.paths);
                json_decref(body);
                return done;
        }
        requests_event_ask(r, tag,
                json_pack("{s:s, s:s, s:o, s:o}", "type", type, "recorder", w.recorder, "body",
                        body, "paths", w.paths));
        return 0;
}

int requests_event_start(struct requests *r, uint64_t tag, json_t *body, struct err *e)
{
        const char *camera, *stream = NULL, *source = REQUESTS_EVENT_SOURCE;
        json_int_t seconds = 0;
        json_error_t why;

        if (json_unpack_ex(body, &why, JSON_STRICT, "{s:s, s?:s, s?:s, s?:I}", "camera", &camera,
                    "stream", &stream, "source", &source, "seconds", &seconds) < 0)
                return err_set(e, ERR_INVALID, "event.start: %s", why.text);
        return requests_event_run(r, tag, "event.start", camera, stream,
                json_pack("{s:s, s:I}", "source", source, "seconds", seconds), e);
}

int requests_event_stop(struct requests *r, uint64_t tag, json_t *body, struct err *e)
{
        const char *camera, *stream = NULL, *source = REQUESTS_EVENT_SOURCE;
        json_error_t why;

        if (json_unpack_ex(body, &why, JSON_STRICT, "{s:s, s?:s, s?:s}", "camera", &camera,
                    "stream", &stream, "source", &source) < 0)
                return err_set(e, ERR_INVALID, "event.stop: %s", why.text);
        return requests_event_run(
                r, tag, "event.stop", camera, stream, json_pack("{s:s}", "source", source), e);
}
