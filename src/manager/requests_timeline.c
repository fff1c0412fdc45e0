/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is recorded of a stream: asked of the recorder that has it. */
#include <stdio.h>

#include "base/str.h"
#include "manager/requests_parts.h"
#include "os/clock.h"

#define REQUESTS_TIMELINE_US INT64_C(86400000000) /* where nobody says from when */

int requests_recorder_of(struct requests *r, const char *asked, const char *camera,
        const char *stream, char to[static INVENTORY_RECORDER_ROOM], struct err *e)
{
        struct inventory_stream s;

        if (!asked && inventory_get(r->inventory, camera, stream, &s, NULL) == 0) {
                snprintf(to, INVENTORY_RECORDER_ROOM, "%s", s.recorder);
                secret_done(&s.password);
                return 0;
        }
        return requests_recorder(r, asked, to, e);
}

/* What is not said: up to now, and the day before. */
static int requests_timeline_span(const char *from, const char *to, json_t *ask, struct err *e)
{
        char text[STR_TIME_ROOM];
        int64_t to_us = clock_wall_us();

        int done = to ? str_parse_time(to, &to_us, e) : 0;
        if (done < 0)
                return err_wrap(e, done, "timeline.get");
        json_object_set_new(ask, "to", json_string(to ? to : str_time(text, to_us)));
        json_object_set_new(ask, "from",
                json_string(from ? from : str_time(text, to_us - REQUESTS_TIMELINE_US)));
        return 0;
}

int requests_timeline_get(struct requests *r, uint64_t tag, json_t *body, struct err *e)
{
        const char *camera, *stream = "main", *asked = NULL, *from = NULL, *to = NULL;
        char recorder[INVENTORY_RECORDER_ROOM], path[REQUESTS_PATH_ROOM];
        json_t *parts = NULL;
        json_error_t why;

        if (json_unpack_ex(body, &why, JSON_STRICT, "{s:s, s?:s, s?:s, s?:s, s?:s, s?:o}", "camera",
                    &camera, "stream", &stream, "recorder", &asked, "from", &from, "to", &to,
                    "parts", &parts) < 0)
                return err_set(e, ERR_INVALID, "timeline.get: %s", why.text);
        if ((size_t)snprintf(path, sizeof path, "%s-%s", camera, stream) >= sizeof path)
                return err_set(
                        e, ERR_INVALID, "timeline.get: there is no stream of so long a name");
        int done = requests_recorder_of(r, asked, camera, stream, recorder, e);
        if (done < 0)
                return done;
        json_t *ask = json_pack("{s:s}", "stream", path);
        done = requests_timeline_span(from, to, ask, e);
        if (done < 0) {
                json_decref(ask);
                return done;
        }
        if (parts)
                json_object_set(ask, "parts", parts);
        requests_ask(r, tag, recorder, "timeline.get", ask, requests_pass, NULL);
        return 0;
}
