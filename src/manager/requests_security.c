/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The matrix of every connection: the manager's own porter's links, or those of one recorder with
 * its cameras, a page at a time. context: recorder (NULL: the manager's own), self, links, ask.
 */
#include <stdio.h>
#include <string.h>

#include "manager/link_matrix.h"
#include "manager/requests_parts.h"
#include "os/clock.h"

#define REQUESTS_SECURITY_PAGE 200

static const char *requests_security_self(const struct requests_answer *a)
{
        return json_string_value(json_object_get(a->context, "self"));
}

static void requests_security_answer(
        struct requests *r, uint64_t tag, const json_t *context, const char *after)
{
        desk_answer(r->desk, tag,
                json_pack("{s:O, s:s, s:b, s:b}", "links", json_object_get(context, "links"),
                        "after", after, "more", after[0] != '\0', "told",
                        json_is_true(json_object_get(context, "told"))));
}

static void requests_security_on_own(
        struct requests *r, uint64_t tag, const struct requests_answer *a)
{
        if (!a->body) {
                requests_refuse(r, tag, a);
                return;
        }
        json_object_set_new(a->context, "told", json_true());
        link_matrix_add_links(json_object_get(a->context, "links"), a->body,
                requests_security_self(a), clock_wall_us());
        requests_security_answer(r, tag, a->context, "");
}

static void requests_security_on_streams(
        struct requests *r, uint64_t tag, const struct requests_answer *a)
{
        const char *after = "";

        if (!a->body) {
                requests_refuse(r, tag, a);
                return;
        }
        const json_t *streams = json_object_get(a->body, "streams");
        link_matrix_add_streams(json_object_get(a->context, "links"), a->body,
                requests_security_self(a), clock_wall_us());
        if (json_is_true(json_object_get(a->body, "more")))
                after = json_string_value(json_object_get(
                        json_array_get(streams, json_array_size(streams) - 1), "stream"));
        requests_security_answer(r, tag, a->context, after ? after : "");
}

static void requests_security_ask_streams(struct requests *r, uint64_t tag, json_t *context)
{
        requests_ask(r, tag, json_string_value(json_object_get(context, "recorder")), "status.get",
                json_incref(json_object_get(context, "ask")), requests_security_on_streams,
                json_incref(context));
}

/* A recorder of an older version, or one whose porter is away, does not say: its cameras do. */
static void requests_security_on_links(
        struct requests *r, uint64_t tag, const struct requests_answer *a)
{
        json_object_set_new(a->context, "told", json_boolean(a->body != NULL));
        if (a->body)
                link_matrix_add_links(json_object_get(a->context, "links"), a->body,
                        requests_security_self(a), clock_wall_us());
        requests_security_ask_streams(r, tag, a->context);
}

static json_t *requests_security_context(
        const struct requests *r, const char *role, const char *name, json_t *ask)
{
        char self[160];

        snprintf(self, sizeof self, "custos://%s/%s/%s", r->site, role, name);
        return json_pack(
                "{s:s, s:s, s:[], s:o}", "recorder", name, "self", self, "links", "ask", ask);
}

int requests_security_links(struct requests *r, uint64_t tag, json_t *body, struct err *e)
{
        const char *recorder = NULL, *after = "";
        char name[INVENTORY_RECORDER_ROOM];
        int limit = REQUESTS_SECURITY_PAGE;
        json_error_t why;

        if (json_unpack_ex(body, &why, JSON_STRICT, "{s?:s, s?:s, s?:i}", "recorder", &recorder,
                    "after", &after, "limit", &limit) < 0)
                return err_set(e, ERR_INVALID, "security.links: %s", why.text);
        if (limit < 1 || limit > REQUESTS_SECURITY_PAGE)
                return err_set(
                        e, ERR_INVALID, "security.links: limit is 1 to %d", REQUESTS_SECURITY_PAGE);
        if (!recorder) {
                requests_ask_porter(r, tag, "porter.links", json_object(), requests_security_on_own,
                        requests_security_context(r, "manager", REQUESTS_MANAGER, json_object()));
                return 0;
        }
        int done = requests_recorder(r, recorder, name, e);
        if (done < 0)
                return done;
        json_t *context = requests_security_context(
                r, "recorder", name, json_pack("{s:s, s:i}", "after", after, "limit", limit));
        if (after[0] == '\0') {
                requests_ask(r, tag, name, "links.get", json_object(), requests_security_on_links,
                        context);
                return 0;
        }
        json_object_set_new(context, "told", json_true()); /* with the first page */
        requests_security_ask_streams(r, tag, context);
        json_decref(context);
        return 0;
}
