/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Still pictures for people: thumbnails of the timeline, the picture of now. */
#include <stdio.h>

#include "base/str.h"
#include "gateway/api_parts.h"
#include "gateway/still.h"

#define API_STILL_THUMBNAIL 320
#define API_STILL_THUMBNAIL_MAX 640

static void api_still_then(void *owner, struct bytes jpeg, const struct err *why)
{
        static const char *const headers[] = { "cache-control", "private, no-store",
                "content-disposition", "inline; filename=\"picture.jpg\"", NULL };
        struct api_request *q = owner;

        q->still = NULL;
        if (why)
                api_problem_err(q, why, "");
        else
                api_answer_bytes(q, 200, "image/jpeg", headers, jpeg);
}

static void api_still_ask(struct api_request *q, struct still_wish *w, uint64_t most)
{
        uint64_t width = (uint64_t)json_integer_value(json_object_get(q->body, "width"));
        struct err e;

        w->stream = q->params[0];
        w->session = q->who.handle;
        w->person = q->who.person;
        if (json_object_get(q->body, "width"))
                w->width = (uint16_t)width;
        int r = !json_object_get(q->body, "width") ||
                                (width >= TRANSCODE_WIDTH_MIN && width <= most)
                        ? still_ask(q->api->o.stills, w, api_still_then, q, &q->still, &e)
                        : err_set(&e, ERR_INVALID, "width can be %d to %llu", TRANSCODE_WIDTH_MIN,
                                  (unsigned long long)most);
        if (r < 0)
                api_problem_err(q, &e, "");
}

void api_still_thumbnail(struct api_request *q)
{
        const char *at = json_string_value(json_object_get(q->body, "at"));
        struct still_wish wish = { .width = API_STILL_THUMBNAIL };
        struct err e;

        int r = at ? str_parse_time(at, &wish.at_us, &e)
                   : err_set(&e, ERR_INVALID, "at is needed, a time as RFC 3339 has it");
        if (r < 0)
                api_problem_err(q, &e, "");
        else
                api_still_ask(q, &wish, API_STILL_THUMBNAIL_MAX);
}

void api_still_snapshot(struct api_request *q)
{
        struct still_wish wish = { .now = true };

        api_still_ask(q, &wish, TRANSCODE_WIDTH_MAX);
}
