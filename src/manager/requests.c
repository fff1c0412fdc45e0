/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "manager/requests.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/str.h"
#include "crypto/x509.h"
#include "manager/requests_parts.h"

/* Answers that wait for the recorder */

void requests_wait_status(
        struct requests *r, enum requests_wait kind, uint64_t tag, json_t *camera, json_t *ask)
{
        for (unsigned i = 0; i < REQUESTS_WAITING_MAX; i++) {
                struct requests_waiting *w = &r->waiting[i];
                if (w->kind != REQUESTS_FREE)
                        continue;
                const char *after = json_string_value(json_object_get(ask, "after"));
                *w = (struct requests_waiting){ .kind = kind, .tag = tag, .camera = camera };
                snprintf(w->after, sizeof w->after, "%s", after ? after : "");
                recorder_link_ask(r->recorder, "status.get", ask, i + 1);
                return;
        }
        struct err e;
        json_decref(camera);
        json_decref(ask);
        err_set(&e, ERR_EXHAUSTED, "too many requests are waiting");
        control_fail(r->control, tag, &e, "Try again in a moment.");
}

/* Each stream of the camera gets its state beside its settings, null where the recorder is away. */
static void requests_add_states(json_t *camera, json_t *status)
{
        const char *name = json_string_value(json_object_get(camera, "name"));
        json_t *stream, *state;
        size_t i, j;
        char path[96];

        json_array_foreach(json_object_get(camera, "streams"), i, stream)
        {
                snprintf(path, sizeof path, "%s-%s", name,
                        json_string_value(json_object_get(stream, "stream")));
                json_object_set_new(stream, "state", json_null());
                json_array_foreach(json_object_get(status, "streams"), j, state)
                {
                        const char *of = json_string_value(json_object_get(state, "stream"));
                        if (of && strcmp(of, path) == 0)
                                json_object_set(stream, "state", state);
                }
        }
}

static void requests_on_recorder_answer(
        void *owner, uint64_t tag, json_t *body, const struct err *why)
{
        struct requests *r = owner;
        struct requests_waiting w = r->waiting[tag - 1];
        json_t *recorder = body ? json_incref(body) : json_null();

        r->waiting[tag - 1] = (struct requests_waiting){ 0 };
        key_alarm_merge(&r->alarm, w.after, recorder);
        if (!body)
                log_warn(NULL, "status.unanswered", "err=\"%s\"", why->text);
        if (w.kind == REQUESTS_SHOW) {
                requests_add_states(w.camera, recorder);
                json_decref(recorder);
                control_answer(r->control, w.tag, json_pack("{s:o}", "camera", w.camera));
                return;
        }
        control_answer(r->control, w.tag,
                json_pack("{s:s, s:s, s:s, s:o}", "site", r->site, "fingerprint", r->fingerprint,
                        "manager", "running", "recorder", recorder));
}

static int requests_status(struct requests *r, uint64_t tag, json_t *body, struct err *e)
{
        (void)e;
        requests_wait_status(r, REQUESTS_STATUS, tag, NULL, json_incref(body));
        return 0;
}

static int requests_site_root(struct requests *r, uint64_t tag, json_t *body, struct err *e)
{
        struct bytes crls = site_ca_crl(r->ca);

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
        } known[] = { { "camera.add", requests_camera_add }, { "camera.set", requests_camera_set },
                { "camera.list", requests_camera_list }, { "camera.show", requests_camera_show },
                { "camera.remove", requests_camera_remove },
                { "camera.clear_tls_memory", requests_trust_clear },
                { "camera.certificate", requests_trust_certify },
                { "camera.revoke", requests_trust_revoke }, { "status", requests_status },
                { "site.root", requests_site_root } };
        struct requests *r = owner;
        struct err e = { 0 };

        for (size_t i = 0; i < ARRAY_LEN(known); i++) {
                if (strcmp(m->type, known[i].type) != 0)
                        continue;
                if (known[i].run(r, tag, m->body, &e) < 0)
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

static void requests_on_recorder(void *owner, int fd)
{
        struct requests *r = owner;

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
                json_decref(r->waiting[i].camera);
        inventory_free(r->inventory);
        tls_memory_free(r->memory);
        audit_free(r->audit);
        site_ca_free(r->ca);
        key_alarm_done(&r->alarm);
        buf_done(&r->camera_issuer_pem);
        buf_done(&r->root_pem);
        free(r);
        return NULL;
}
