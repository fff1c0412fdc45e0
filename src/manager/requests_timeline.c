/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is recorded of a stream: asked of the recorder that has it. */
#include <stdio.h>

#include "manager/requests_parts.h"

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

int requests_timeline_get(struct requests *r, uint64_t tag, json_t *body, struct err *e)
{
        const char *camera, *stream = "main", *asked = NULL;
        char recorder[INVENTORY_RECORDER_ROOM], path[REQUESTS_PATH_ROOM];
        json_t *from, *to, *parts = NULL;
        json_error_t why;

        if (json_unpack_ex(body, &why, JSON_STRICT, "{s:s, s?:s, s?:s, s:o, s:o, s?:o}", "camera",
                    &camera, "stream", &stream, "recorder", &asked, "from", &from, "to", &to,
                    "parts", &parts) < 0)
                return err_set(e, ERR_INVALID, "timeline.get: %s", why.text);
        if ((size_t)snprintf(path, sizeof path, "%s-%s", camera, stream) >= sizeof path)
                return err_set(
                        e, ERR_INVALID, "timeline.get: there is no stream of so long a name");
        int done = requests_recorder_of(r, asked, camera, stream, recorder, e);
        if (done < 0)
                return done;
        json_t *ask = json_pack("{s:s, s:O, s:O}", "stream", path, "from", from, "to", to);
        if (parts)
                json_object_set(ask, "parts", parts);
        requests_ask(r, tag, recorder, "timeline.get", ask, requests_pass, NULL);
        return 0;
}
