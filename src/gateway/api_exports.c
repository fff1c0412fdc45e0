/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Exports: jobs of the session that asks, and their files (gateway/exports.h). */
#include <stdio.h>
#include <string.h>

#include "gateway/api_parts.h"
#include "gateway/exports.h"

static void exports_answer(struct api_request *q, int status, json_t *body)
{
        api_answer(q, status, body);
        json_decref(body);
}

/* Damage is nothing that a person could not be told: what is wrong, and where in the footage. */
static void exports_refuse(struct api_request *q, const struct err *why, const char *remedy)
{
        if (why->code == ERR_CORRUPT)
                api_problem(q, 409, err_name(why->code), fault_name(why->fault), why->text, remedy);
        else
                api_problem_err(q, why, remedy);
}

/* The job of the address; NULL: q is answered. */
static struct export_job *exports_of(struct api_request *q)
{
        struct export_job *j = exports_find(q->api->o.exports, q->who.handle, q->params[0]);

        if (!j)
                api_problem(q, 404, "not_found", "", "This session has no such export.",
                        "GET /api/v1/exports lists those that there are.");
        return j;
}

/* --- jobs --- */

static void exports_on_made(void *owner, const struct err *why, const char *remedy)
{
        struct api_request *q = owner;
        struct export_job *j = q->job;

        q->job = NULL;
        if (why)
                exports_refuse(q, why, remedy);
        else
                exports_answer(q, q->route->status, exports_show(j));
}

void api_own_exports(struct api_request *q)
{
        const struct exports_wish wish = {
                .session = q->who.handle, .person = q->who.person, .asked = q->body
        };
        struct exports *x = q->api->o.exports;
        struct err e;

        if (strcmp(q->route->method, "GET") == 0) {
                exports_answer(q, 200,
                        json_pack("{s:o, s:b, s:n}", "items", exports_list(x, q->who.handle),
                                "more", 0, "after"));
                return;
        }
        if (exports_make(x, &wish, exports_on_made, q, &q->job, &e) < 0)
                api_problem_err(q, &e, "");
}

void api_own_export(struct api_request *q)
{
        struct export_job *j = exports_of(q);

        if (!j)
                return;
        if (strcmp(q->route->method, "GET") == 0) {
                exports_answer(q, 200, exports_show(j));
                return;
        }
        exports_remove(j);
        api_answer_bytes(q, 204, NULL, NULL, BYTES(NULL, 0));
}

/* --- files --- */

static void exports_on_begin(void *owner, uint64_t bytes)
{
        char name[EXPORTS_NAME_ROOM], disposition[EXPORTS_NAME_ROOM + 32];
        struct api_request *q = owner;

        snprintf(disposition, sizeof disposition, "attachment; filename=\"%s\"",
                exports_name(q->job, name));
        const char *headers[] = { "content-disposition", disposition, "accept-ranges", "none",
                NULL };
        api_begin(q, 200, "video/mp4", headers, (int64_t)bytes);
        q->begun = true;
}

static int exports_on_part(void *owner, struct bytes part, struct err *e)
{
        struct api_request *q = owner;

        return http_exchange_write(q->x, part, e);
}

/* What was begun and is not whole is broken off, so that whoever reads sees it. */
static void exports_on_end(void *owner, const struct err *why, const char *remedy)
{
        struct api_request *q = owner;
        struct http_exchange *x = q->x;

        q->job = NULL;
        if (!q->begun) {
                exports_refuse(q, why, remedy);
                return;
        }
        http_exchange_set_owner(x, NULL);
        api_release(q);
        if (why)
                http_exchange_abort(x);
        else
                http_exchange_finish(x);
}

/* Reading makes an entry in two logs, costs a recorder's disk, and is asked for by a plain link:
 * not from another page, though the cookie would not come along anyway. */
static bool exports_is_own(const struct api_request *q)
{
        const char *site = http_exchange_header(q->x, "sec-fetch-site");

        return !site || strcmp(site, "same-origin") == 0 || strcmp(site, "none") == 0;
}

void api_own_export_file(struct api_request *q)
{
        static const struct exports_reader reader = { exports_on_begin, exports_on_part,
                exports_on_end };
        struct err e;

        if (!exports_is_own(q)) {
                q->api->count.refused_origin++;
                api_problem(q, 403, "denied", "", "This request came from another page.", "");
                return;
        }
        if (strcmp(http_exchange_method(q->x), "GET") != 0) {
                static const char *const allow[] = { "allow", "GET", NULL };
                api_answer_bytes(q, 405, NULL, allow, BYTES(NULL, 0)); /* to HEAD: no body */
                return;
        }
        struct export_job *j = exports_of(q);
        if (!j)
                return;
        if (exports_read(j, &reader, q, &e) < 0)
                api_problem_err(q, &e, "");
        else
                q->job = j;
}

void api_on_writable(void *owner, struct http_exchange *x)
{
        struct api_request *q = http_exchange_owner(x);

        (void)owner;
        if (q && q->job)
                exports_writable(q->job);
}
