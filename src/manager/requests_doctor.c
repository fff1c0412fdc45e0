/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * doctor.run: the checks of the site (doctor/doctor.h) by what the manager knows and what its
 * recorders answer, one after the other. context: recorders (with what each said), storage, at
 * (which is asked), after.
 */
#include <string.h>

#include "base/str.h"
#include "doctor/doctor.h"
#include "manager/requests_parts.h"
#include "manager/setup_code.h"
#include "os/clock.h"

#define REQUESTS_DOCTOR_PAGE 200

static void requests_doctor_ask(struct requests *r, uint64_t tag, json_t *context);

/* --- people --- */

struct requests_doctor_people {
        json_int_t administrators, people;
};

static int requests_doctor_person(void *owner, const struct people_person *p, struct err *e)
{
        struct requests_doctor_people *n = owner;

        (void)e;
        n->people++;
        n->administrators += p->role == PEOPLE_ADMINISTRATOR && !p->disabled;
        return 0;
}

/* NULL: it cannot be read. */
static json_t *requests_doctor_people(struct requests *r)
{
        struct db *d = inventory_db(r->inventory);
        struct requests_doctor_people n = { 0 };
        char text[STR_TIME_ROOM];
        int64_t until_us;
        bool remote;

        int open = people_each(d, requests_doctor_person, &n, NULL);
        if (open == 0)
                open = setup_code_open(d, clock_wall_us(), &until_us, &remote, NULL);
        if (open < 0)
                return NULL;
        return json_pack("{s:I, s:I, s:o}", "administrators", n.administrators, "people", n.people,
                "code",
                open ? json_pack("{s:s, s:b}", "until", str_time(text, until_us), "remote", remote)
                     : json_null());
}

/* --- the answer --- */

static void requests_doctor_end(struct requests *r, uint64_t tag, const json_t *context)
{
        bool more;
        struct err why;
        bool in_tpm = site_ca_store_of(r->ca, &why) == SITE_CA_TPM;
        json_t *keys = json_pack("{s:s, s:o}", "store", in_tpm ? "tpm2" : "file", "error",
                requests_text(why.code ? why.text : ""));
        json_t *people = requests_doctor_people(r), *checks = json_array(),
               *certificates = certificate_watch_list(
                       r->watch, 0, CERTIFICATE_WATCH_MAX, clock_wall_us(), &more);
        const struct doctor d = { .recorders = json_object_get(context, "recorders"),
                .storage = json_object_get(context, "storage"),
                .certificates = certificates,
                .keys = keys,
                .people = people };
        struct doctor_finding f;

        for (unsigned i = 0; i < doctor_checks(); i++) {
                if (!doctor_is_of_site(i))
                        continue;
                doctor_check(&d, i, &f);
                json_array_append_new(checks, doctor_json(&f));
        }
        desk_answer(r->desk, tag,
                json_pack("{s:s, s:o}", "verdict", doctor_sum(checks), "checks", checks));
        json_decref(certificates);
        json_decref(keys);
        json_decref(people);
}

/* --- recorders --- */

static json_t *requests_doctor_recorder(const json_t *context)
{
        return json_array_get(json_object_get(context, "recorders"),
                (size_t)json_integer_value(json_object_get(context, "at")));
}

static const char *requests_doctor_text(const json_t *object, const char *name)
{
        const char *text = json_string_value(json_object_get(object, name));

        return text ? text : "";
}

static void requests_doctor_next(struct requests *r, uint64_t tag, json_t *context)
{
        json_int_t at = json_integer_value(json_object_get(context, "at"));

        json_object_set_new(context, "at", json_integer(at + 1));
        json_object_set_new(context, "after", json_string(""));
        requests_doctor_ask(r, tag, context);
}

static void requests_doctor_on_storage(
        struct requests *r, uint64_t tag, const struct requests_answer *a)
{
        const json_t *recorder = requests_doctor_recorder(a->context);

        if (a->body)
                json_object_set(json_object_get(a->context, "storage"),
                        requests_doctor_text(recorder, "name"), a->body);
        requests_doctor_next(r, tag, a->context);
}

/* The streams of a page behind those before it. */
static void requests_doctor_on_status(
        struct requests *r, uint64_t tag, const struct requests_answer *a)
{
        json_t *recorder = requests_doctor_recorder(a->context),
               *streams = json_object_get(a->body, "streams"), *all;
        size_t n = json_array_size(streams);
        bool more = n && json_is_true(json_object_get(a->body, "more"));

        if (!a->body) { /* its streams are unknown, and so are its disks */
                json_object_set_new(recorder, "status", json_null());
                requests_doctor_next(r, tag, a->context);
                return;
        }
        all = json_object_get(json_object_get(recorder, "status"), "streams");
        if (all)
                json_array_extend(all, streams);
        else
                json_object_set(recorder, "status", a->body);
        if (more) {
                json_object_set(a->context, "after",
                        json_object_get(json_array_get(streams, n - 1), "stream"));
                requests_doctor_ask(r, tag, a->context);
        } else {
                requests_ask(r, tag, requests_doctor_text(recorder, "name"), "storage.get",
                        json_object(), requests_doctor_on_storage, json_incref(a->context));
        }
}

/* The next page, of the next recorder that is there. */
static void requests_doctor_ask(struct requests *r, uint64_t tag, json_t *context)
{
        const json_t *one = requests_doctor_recorder(context);

        if (!one)
                requests_doctor_end(r, tag, context);
        else if (strcmp(requests_doctor_text(one, "state"), "connected") != 0)
                requests_doctor_next(r, tag, context);
        else
                requests_ask(r, tag, requests_doctor_text(one, "name"), "status.get",
                        json_pack("{s:O, s:i}", "after", json_object_get(context, "after"), "limit",
                                REQUESTS_DOCTOR_PAGE),
                        requests_doctor_on_status, json_incref(context));
}

int requests_doctor_run(struct requests *r, uint64_t tag, json_t *body, struct err *e)
{
        if (json_object_size(body))
                return err_set(e, ERR_INVALID, "doctor.run: nothing goes with it");
        json_t *context = json_pack("{s:o, s:{}, s:i, s:s}", "recorders",
                requests_node_recorders(r), "storage", "at", 0, "after", "");
        requests_doctor_ask(r, tag, context);
        json_decref(context);
        return 0;
}
