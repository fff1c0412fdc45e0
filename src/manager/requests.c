/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "manager/requests.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/str.h"
#include "crypto/x509.h"
#include "manager/requests_parts.h"
#include "os/clock.h"

/* Answers that wait for the recorder */

void requests_ask(struct requests *r, uint64_t tag, const char *type, json_t *body,
        requests_then then, json_t *context)
{
        for (unsigned i = 0; i < REQUESTS_WAITING_MAX; i++) {
                struct requests_waiting *w = &r->waiting[i];
                if (w->then)
                        continue;
                *w = (struct requests_waiting){ then, tag, context };
                recorder_link_ask(r->recorder, type, body, i + 1);
                return;
        }
        struct err e;
        json_decref(context);
        json_decref(body);
        err_set(&e, ERR_EXHAUSTED, "too many requests are waiting for the recorder");
        control_fail(r->control, tag, &e, "Try again in a moment.");
}

static void requests_on_recorder_answer(
        void *owner, uint64_t tag, json_t *body, const struct err *why, const char *remedy)
{
        struct requests *r = owner;
        struct requests_waiting w = r->waiting[tag - 1];
        const struct requests_answer answer = { w.context, body, why, remedy };

        r->waiting[tag - 1] = (struct requests_waiting){ 0 };
        w.then(r, w.tag, &answer);
        json_decref(w.context);
}

json_t *requests_text(const char *text)
{
        json_t *value = json_string(text);

        return value ? value : json_string("(unprintable)");
}

void requests_refuse(struct requests *r, uint64_t tag, const struct requests_answer *a)
{
        control_fail(r->control, tag, a->why, a->remedy);
}

void requests_pass(struct requests *r, uint64_t tag, const struct requests_answer *a)
{
        if (a->body)
                control_answer(r->control, tag, json_incref(a->body));
        else
                requests_refuse(r, tag, a);
}

static void requests_on_status(struct requests *r, uint64_t tag, const struct requests_answer *a)
{
        control_answer(r->control, tag,
                json_pack("{s:s, s:s, s:s, s:o}", "site", r->site, "fingerprint", r->fingerprint,
                        "manager", "running", "recorder", requests_status_of(r, a)));
}

json_t *requests_status_of(struct requests *r, const struct requests_answer *a)
{
        const char *after = json_string_value(json_object_get(a->context, "after"));
        json_t *recorder = a->body ? json_incref(a->body) : json_null();

        if (!a->body)
                log_warn(NULL, "status.unanswered", "err=\"%s\"", a->why->text);
        key_alarm_merge(&r->alarm, after ? after : "", recorder);
        return recorder;
}

static int requests_status(struct requests *r, uint64_t tag, json_t *body, struct err *e)
{
        (void)e;
        requests_ask(
                r, tag, "status.get", json_incref(body), requests_on_status, json_deep_copy(body));
        return 0;
}

static int requests_site_root(struct requests *r, uint64_t tag, json_t *body, struct err *e)
{
        struct bytes crls = site_ca_crl(r->ca, SITE_CA_CAMERAS);

        (void)body;
        (void)e;
        json_t *answer = json_pack("{s:s}", "fingerprint", r->fingerprint);
        json_object_set_new(
                answer, "pem", json_stringn((const char *)r->root_pem.p, r->root_pem.n));
        json_object_set_new(answer, "issuer",
                json_stringn((const char *)r->camera_issuer_pem.p, r->camera_issuer_pem.n));
        json_object_set_new(
                answer, "crls", json_stringn(crls.n ? (const char *)crls.p : "", crls.n));
        control_answer(r->control, tag, answer);
        return 0;
}

static void requests_on_control(void *owner, uint64_t tag, const struct link_message *m)
{
        static const struct {
                const char *type;
                requests_run run;
                const char *forward; /* without run: the recorder answers, and checks the body */
        } known[] = { { "camera.add", requests_camera_add, NULL },
                { "camera.set", requests_camera_set, NULL },
                { "camera.list", requests_camera_list, NULL },
                { "camera.show", requests_camera_show, NULL },
                { "camera.remove", requests_camera_remove, NULL },
                { "camera.clear_tls_memory", requests_trust_clear, NULL },
                { "camera.certificate", requests_trust_certify, NULL },
                { "camera.revoke", requests_trust_revoke, NULL },
                { "status", requests_status, NULL }, { "site.root", requests_site_root, NULL },
                { "storage.list", NULL, "storage.get" },
                { "storage.add", requests_storage_add, NULL },
                { "storage.set", NULL, "storage.set" },
                { "storage.retire", requests_storage_retire, NULL },
                { "storage.damage", NULL, "storage.damage" },
                { "lock.add", requests_lock_add, NULL }, { "lock.list", NULL, "lock.list" },
                { "lock.remove", requests_lock_remove, NULL },
                { "event.start", requests_event_start, NULL },
                { "event.stop", requests_event_stop, NULL },
                { "grant.make", requests_grant_make, NULL } };
        struct requests *r = owner;
        struct err e = { 0 };

        for (size_t i = 0; i < ARRAY_LEN(known); i++) {
                if (strcmp(m->type, known[i].type) != 0)
                        continue;
                if (!known[i].run)
                        requests_ask(r, tag, known[i].forward, json_incref(m->body), requests_pass,
                                NULL);
                else if (known[i].run(r, tag, m->body, &e) < 0)
                        control_fail(r->control, tag, &e, fault_remedy(e.fault));
                return;
        }
        err_set(&e, ERR_INVALID, "there is no request of that type");
        control_fail(r->control, tag, &e, "docs/spec/link.md lists them.");
}

static int requests_load_site(struct requests *r, struct err *e)
{
        uint8_t fingerprint[32];
        char path[4200];

        snprintf(path, sizeof path, "%s/site", r->state);
        int done = site_ca_load(path, &r->ca, e);
        if (done < 0)
                return done;
        site_ca_fingerprint(r->ca, fingerprint);
        str_hex(r->fingerprint, BYTES(fingerprint, sizeof fingerprint));
        snprintf(r->site, sizeof r->site, "%s", site_ca_name(r->ca));
        done = x509_pem_format(site_ca_root(r->ca), &r->root_pem, e);
        return done < 0 ? done
                        : x509_pem_format(site_ca_issuer_cert(r->ca, SITE_CA_CAMERAS),
                                  &r->camera_issuer_pem, e);
}

static void requests_on_recorder(void *owner, int fd, unsigned uid)
{
        struct requests *r = owner;

        (void)uid;
        recorder_link_attach(r->recorder, fd);
}

int requests_open(struct loop *l, const char *state, struct requests **ret, struct err *e)
{
        static const struct listener_events recorders = { requests_on_recorder, NULL };
        static const struct recorder_link_events events = { requests_route_on_up,
                requests_route_on_event, requests_on_recorder_answer };
        struct requests *r = xcalloc(1, sizeof *r);
        char path[4200];

        r->loop = l;
        snprintf(r->state, sizeof r->state, "%s", state);
        buf_init(&r->camera_issuer_pem, 16u << 10);
        buf_init(&r->root_pem, 16u << 10);
        r->recorder = recorder_link_new(l, &events, r);
        int done = requests_load_site(r, e);
        snprintf(path, sizeof path, "%s/site.sqlite", state);
        if (done == 0)
                done = inventory_open(path, &r->inventory, e);
        snprintf(path, sizeof path, "%s/tls-memory.json", state);
        if (done == 0)
                done = tls_memory_store_load(path, &r->memory, e);
        snprintf(path, sizeof path, "%s/audit.log", state);
        if (done == 0)
                done = audit_open(path, &r->audit, e);
        snprintf(path, sizeof path, "%s/manager", state);
        if (done == 0)
                done = grant_maker_open(
                        path, r->ca, REQUESTS_MANAGER, clock_wall_us(), &r->grants, e);
        snprintf(path, sizeof path, "%s/control.sock", state);
        if (done == 0)
                done = control_open(l, path, requests_on_control, r, &r->control, e);
        snprintf(path, sizeof path, "%s/recorder.sock", state);
        if (done == 0)
                done = listener_open(l, path, &recorders, r, &r->recorders, e);
        if (done < 0) {
                requests_free(r);
                return done;
        }
        *ret = r;
        return 0;
}

struct requests *requests_free(struct requests *r)
{
        if (!r)
                return NULL;
        listener_free(r->recorders);
        control_free(r->control);
        recorder_link_free(r->recorder);
        for (unsigned i = 0; i < REQUESTS_WAITING_MAX; i++)
                json_decref(r->waiting[i].context);
        inventory_free(r->inventory);
        tls_memory_free(r->memory);
        audit_free(r->audit);
        grant_maker_free(r->grants);
        site_ca_free(r->ca);
        key_alarm_done(&r->alarm);
        buf_done(&r->camera_issuer_pem);
        buf_done(&r->root_pem);
        free(r);
        return NULL;
}
