/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "manager/requests.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/str.h"
#include "crypto/x509.h"
#include "manager/manager_history.h"
#include "manager/requests_parts.h"
#include "os/clock.h"

#define REQUESTS_VENDORS_MAX (64u << 10) /* PEM of one class of trusted_roots.h */

/* Answers that wait for a recorder or the porter */

/* A volume may take its patience (settings) before a request about it is answered; nobody waits for
 * a picture of the state that long. */
#define REQUESTS_PATIENCE_MS 95000
#define REQUESTS_STATUS_PATIENCE_MS 5000

/* The number of the place + 1; 0 where there is none, and that was said. Takes context. */
static uint64_t requests_wait(struct requests *r, uint64_t tag, requests_then then, json_t *context)
{
        struct err e;

        for (unsigned i = 0; i < REQUESTS_WAITING_MAX; i++) {
                struct requests_waiting *w = &r->waiting[i];
                if (w->then)
                        continue;
                *w = (struct requests_waiting){ then, tag, context };
                return i + 1;
        }
        json_decref(context);
        err_set(&e, ERR_EXHAUSTED, "too many requests are waiting for recorders");
        if (tag)
                desk_fail(r->desk, tag, &e, "Try again in a moment.");
        else
                log_error(NULL, "recorder.not_asked", "err=\"%s\"", e.text);
        return 0;
}

void requests_ask(struct requests *r, uint64_t tag, const char *recorder, const char *type,
        json_t *body, requests_then then, json_t *context)
{
        uint64_t place = requests_wait(r, tag, then, context);

        if (place)
                peers_ask(r->peers, "recorder", recorder, type, body, place,
                        strcmp(type, "status.get") == 0 ? REQUESTS_STATUS_PATIENCE_MS
                                                        : REQUESTS_PATIENCE_MS);
        else
                json_decref(body);
}

void requests_ask_porter(struct requests *r, uint64_t tag, const char *type, json_t *body,
        requests_then then, json_t *context)
{
        uint64_t place = requests_wait(r, tag, then, context);

        if (place)
                porter_link_ask(r->porter, type, body, place, REQUESTS_STATUS_PATIENCE_MS);
        else
                json_decref(body);
}

static void requests_on_answer(
        void *owner, uint64_t tag, json_t *body, const struct err *why, const char *remedy)
{
        struct requests *r = owner;
        struct requests_waiting w = r->waiting[tag - 1];
        const struct requests_answer answer = { w.context, body, why, remedy };

        r->waiting[tag - 1] = (struct requests_waiting){ 0 };
        w.then(r, w.tag, &answer);
        json_decref(w.context);
}

int requests_recorder(struct requests *r, const char *asked,
        char to[static INVENTORY_RECORDER_ROOM], struct err *e)
{
        const char *name = asked ? asked : INVENTORY_RECORDER_FIRST;
        struct peers_state state;

        if (!peers_find(r->peers, "recorder", name, &state))
                return err_set(e, ERR_NOT_FOUND,
                        "there is no recorder of that name: custos node list shows them");
        snprintf(to, INVENTORY_RECORDER_ROOM, "%s", state.name);
        return 0;
}

int requests_reason(const char *reason, struct err *e)
{
        size_t n = strlen(reason);

        for (size_t i = 0; i < n; i++) {
                if ((unsigned char)reason[i] < 0x20 || reason[i] == 0x7f)
                        return err_set(e, ERR_INVALID, "the reason has to be one line of text");
        }
        if (n == 0 || n > NODES_REASON_MAX)
                return err_set(e, ERR_INVALID, "a reason is needed, of at most %d bytes",
                        NODES_REASON_MAX);
        return 0;
}

json_t *requests_text(const char *text)
{
        json_t *value = json_string(text);

        return value ? value : json_string("(unprintable)");
}

json_t *requests_by(struct requests *r, uint64_t tag)
{
        return json_pack("{s:o}", "by", requests_text(desk_by(r->desk, tag)));
}

void requests_refuse(struct requests *r, uint64_t tag, const struct requests_answer *a)
{
        desk_fail(r->desk, tag, a->why, a->remedy);
}

void requests_pass(struct requests *r, uint64_t tag, const struct requests_answer *a)
{
        if (a->body)
                desk_answer(r->desk, tag, json_incref(a->body));
        else
                requests_refuse(r, tag, a);
}

static void requests_on_status(struct requests *r, uint64_t tag, const struct requests_answer *a)
{
        bool people = true;
        struct err e;

        if (people_any(inventory_db(r->inventory), &people, &e) < 0)
                log_error(NULL, "people.unreadable", "err=\"%s\"", e.text);
        desk_answer(r->desk, tag,
                json_pack("{s:s, s:s, s:s, s:b, s:o, s:o, s:I}", "site", r->site, "fingerprint",
                        r->fingerprint, "manager", "running", "setup", !people, "recorder",
                        requests_status_of(r, a), "recorders", requests_node_recorders(r),
                        "certificates_due",
                        (json_int_t)certificate_watch_due(r->watch, clock_wall_us())));
}

json_t *requests_status_of(struct requests *r, const struct requests_answer *a)
{
        const char *after = json_string_value(json_object_get(a->context, "after"));
        const char *name = json_string_value(json_object_get(a->context, "recorder"));
        json_t *recorder = a->body ? json_incref(a->body) : json_null();

        if (!a->body)
                log_warn(NULL, "status.unanswered", "err=\"%s\"", a->why->text);
        key_alarm_merge(&r->alarm, name ? name : "", after ? after : "", recorder);
        return recorder;
}

/* What a recorder answers, and checks itself; `recorder` in the body, which is not for it, says
 * which. *ret_name is copied. */
static int requests_aim(struct requests *r, const json_t *body, json_t **ret_rest,
        char to[static INVENTORY_RECORDER_ROOM], struct err *e)
{
        const json_t *asked = json_object_get(body, "recorder");

        if (asked && !json_is_string(asked))
                return err_set(e, ERR_INVALID, "recorder is the name of one");
        int done = requests_recorder(r, json_string_value(asked), to, e);
        if (done < 0)
                return done;
        *ret_rest = json_deep_copy(body);
        json_object_del(*ret_rest, "recorder");
        return 0;
}

static int requests_status(struct requests *r, uint64_t tag, json_t *body, struct err *e)
{
        char recorder[INVENTORY_RECORDER_ROOM];
        json_t *rest = NULL;

        int done = requests_aim(r, body, &rest, recorder, e);
        if (done < 0)
                return done;
        json_t *context = json_deep_copy(rest);
        json_object_set_new(context, "recorder", json_string(recorder));
        requests_ask(r, tag, recorder, "status.get", rest, requests_on_status, context);
        return 0;
}

static int requests_forward(
        struct requests *r, uint64_t tag, const char *type, json_t *body, struct err *e)
{
        char recorder[INVENTORY_RECORDER_ROOM];
        json_t *rest = NULL;

        int done = requests_aim(r, body, &rest, recorder, e);
        if (done == 0)
                requests_ask(r, tag, recorder, type, rest, requests_pass, NULL);
        return done;
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
        json_object_set_new(answer, "vendors",
                json_stringn(
                        r->vendors_pem.n ? (const char *)r->vendors_pem.p : "", r->vendors_pem.n));
        json_object_set_new(
                answer, "crls", json_stringn(crls.n ? (const char *)crls.p : "", crls.n));
        desk_answer(r->desk, tag, answer);
        return 0;
}

static int requests_may(enum people_role role, enum people_role least, struct err *e)
{
        if (least == PEOPLE_NOBODY && role != PEOPLE_NOBODY)
                return err_set(e, ERR_INVALID,
                        "a gateway asks this for itself, over its link, and in nobody's name");
        if (least != PEOPLE_NOBODY && role == PEOPLE_NOBODY)
                return err_fault(e, ERR_AUTH, FAULT_NOT_SIGNED_IN,
                        "this is asked in a person's name: session is missing");
        if (role >= least)
                return 0;
        return least == PEOPLE_HOST ? err_fault(e, ERR_DENIED, FAULT_NOT_ALLOWED,
                                              "this is done on the manager's host alone")
                                    : err_fault(e, ERR_DENIED, FAULT_NOT_ALLOWED,
                                              "a %s may not do this", people_role_name(role));
}

static const struct {
        const char *type;
        enum people_role least; /* PEOPLE_NOBODY: a gateway asks it for itself */
        requests_run run;
        const char *forward; /* without run: the recorder answers, and checks the body */
} requests_known[] = { { "camera.add", PEOPLE_ADMINISTRATOR, requests_camera_add, NULL },
        { "camera.set", PEOPLE_ADMINISTRATOR, requests_camera_set, NULL },
        { "camera.list", PEOPLE_VIEWER, requests_camera_list, NULL },
        { "camera.show", PEOPLE_VIEWER, requests_camera_show, NULL },
        { "camera.remove", PEOPLE_ADMINISTRATOR, requests_camera_remove, NULL },
        { "camera.test", PEOPLE_ADMINISTRATOR, requests_camera_test, NULL },
        { "camera.clear_tls_memory", PEOPLE_ADMINISTRATOR, requests_trust_clear, NULL },
        { "camera.certificate", PEOPLE_ADMINISTRATOR, requests_trust_certify, NULL },
        { "camera.revoke", PEOPLE_ADMINISTRATOR, requests_trust_revoke, NULL },
        { "trust.add", PEOPLE_ADMINISTRATOR, requests_root_add, NULL },
        { "trust.list", PEOPLE_VIEWER, requests_root_list, NULL },
        { "trust.remove", PEOPLE_ADMINISTRATOR, requests_root_remove, NULL },
        { "certificate.sign", PEOPLE_ADMINISTRATOR, requests_certificate_sign, NULL },
        { "certificate.list", PEOPLE_VIEWER, requests_certificate_list, NULL },
        { "certificate.revoke", PEOPLE_ADMINISTRATOR, requests_certificate_revoke, NULL },
        { "status", PEOPLE_VIEWER, requests_status, NULL },
        { "site.root", PEOPLE_VIEWER, requests_site_root, NULL },
        { "site.backup", PEOPLE_HOST, requests_backup_begin, NULL },
        { "storage.list", PEOPLE_VIEWER, NULL, "storage.get" },
        { "storage.add", PEOPLE_ADMINISTRATOR, requests_storage_add, NULL },
        { "storage.set", PEOPLE_ADMINISTRATOR, NULL, "storage.set" },
        { "storage.retire", PEOPLE_ADMINISTRATOR, requests_storage_retire, NULL },
        { "storage.damage", PEOPLE_VIEWER, NULL, "storage.damage" },
        { "timeline.get", PEOPLE_VIEWER, requests_timeline_get, NULL },
        { "audit.list", PEOPLE_ADMINISTRATOR, requests_audit_list, NULL },
        { "lock.add", PEOPLE_ADMINISTRATOR, requests_lock_add, NULL },
        { "lock.list", PEOPLE_VIEWER, NULL, "lock.list" },
        { "lock.remove", PEOPLE_ADMINISTRATOR, requests_lock_remove, NULL },
        { "event.start", PEOPLE_ADMINISTRATOR, requests_event_start, NULL },
        { "event.stop", PEOPLE_ADMINISTRATOR, requests_event_stop, NULL },
        { "node.add", PEOPLE_ADMINISTRATOR, requests_node_add, NULL },
        { "node.list", PEOPLE_VIEWER, requests_node_list, NULL },
        { "node.show", PEOPLE_VIEWER, requests_node_show, NULL },
        { "node.revoke", PEOPLE_ADMINISTRATOR, requests_node_revoke, NULL },
        { "node.remove", PEOPLE_ADMINISTRATOR, requests_node_remove, NULL },
        { "node.names", PEOPLE_ADMINISTRATOR, requests_web_node_names, NULL },
        { "certificate.watch", PEOPLE_VIEWER, requests_watch_list, NULL },
        { "security.links", PEOPLE_VIEWER, requests_security_links, NULL },
        { "doctor.run", PEOPLE_ADMINISTRATOR, requests_doctor_run, NULL },
        { "grant.make", PEOPLE_VIEWER, requests_grant_make, NULL },
        { "person.add", PEOPLE_ADMINISTRATOR, requests_people_add, NULL },
        { "person.list", PEOPLE_ADMINISTRATOR, requests_people_list, NULL },
        { "person.set", PEOPLE_ADMINISTRATOR, requests_people_set, NULL },
        { "person.remove", PEOPLE_ADMINISTRATOR, requests_people_remove, NULL },
        { "person.password", PEOPLE_VIEWER, requests_people_password, NULL },
        { "session.list", PEOPLE_ADMINISTRATOR, requests_session_list, NULL },
        { "session.revoke", PEOPLE_ADMINISTRATOR, requests_session_revoke, NULL },
        { "setup.code", PEOPLE_HOST, requests_setup_code, NULL },
        { "setup.state", PEOPLE_NOBODY, requests_setup_state, NULL },
        { "setup.finish", PEOPLE_NOBODY, requests_setup_finish, NULL },
        { "session.open", PEOPLE_NOBODY, requests_session_open, NULL },
        { "session.check", PEOPLE_NOBODY, requests_session_check, NULL },
        { "session.seen", PEOPLE_NOBODY, requests_session_seen, NULL },
        { "session.close", PEOPLE_NOBODY, requests_session_close, NULL } };

void requests_run_asked(struct requests *r, uint64_t tag, const struct link_message *m)
{
        enum people_role role = desk_who(r->desk, tag)->role;
        struct err e = { 0 };

        for (size_t i = 0; i < ARRAY_LEN(requests_known); i++) {
                if (strcmp(m->type, requests_known[i].type) != 0)
                        continue;
                int done = requests_may(role, requests_known[i].least, &e);
                if (done == 0)
                        done = requests_known[i].run
                                       ? requests_known[i].run(r, tag, m->body, &e)
                                       : requests_forward(
                                                 r, tag, requests_known[i].forward, m->body, &e);
                if (done < 0)
                        desk_fail(r->desk, tag, &e, fault_remedy(e.fault));
                return;
        }
        err_set(&e, ERR_INVALID, "there is no request of that type");
        desk_fail(r->desk, tag, &e, "docs/spec/link.md lists them.");
}

static void requests_on_control(void *owner, uint64_t tag, const struct link_message *m)
{
        requests_run_asked(owner, tag, m);
}

static int requests_load_site(struct requests *r, struct err *e)
{
        uint8_t fingerprint[32];
        char path[4200];

        snprintf(path, sizeof path, "%s/site", r->state);
        int done = site_ca_load(path, &r->ca, e);
        if (done < 0)
                return done;
        struct err why;
        (void)site_ca_store_of(r->ca, &why);
        if (why.code)
                log_error(NULL, "ca.tpm",
                        "err=\"%s\" effect=\"nothing is signed: no certificate, no list of what is revoked\"",
                        why.text);
        site_ca_fingerprint(r->ca, fingerprint);
        str_hex(r->fingerprint, BYTES(fingerprint, sizeof fingerprint));
        snprintf(r->site, sizeof r->site, "%s", site_ca_name(r->ca));
        done = x509_pem_format(site_ca_root(r->ca), &r->root_pem, e);
        if (done == 0)
                done = x509_pem_format(
                        site_ca_issuer_cert(r->ca, SITE_CA_CAMERAS), &r->camera_issuer_pem, e);
        return done < 0 ? done
                        : x509_pem_format(site_ca_issuer_cert(r->ca, SITE_CA_NODES),
                                  &r->node_issuer_pem, e);
}

static void requests_on_event(
        void *owner, const char *role, const char *name, const char *type, json_t *body)
{
        if (strcmp(role, "recorder") == 0)
                requests_route_on_event(owner, name, type, body);
        else if (strcmp(role, "gateway") == 0)
                requests_web_on_event(owner, name, type, body);
        else
                log_warn(NULL, "role.unknown_event", "role=%s name=%s", role, name);
}

/* What a peer may ask: a gateway, for people. */
static void requests_on_peer_request(void *owner, const char *role, const char *name,
        struct chan *from, const struct link_message *m)
{
        struct err why, e;

        if (strcmp(role, "gateway") == 0) {
                requests_session_on_gateway(owner, name, from, m);
                return;
        }
        err_set(&why, ERR_INVALID, "there is no request of that type");
        if (link_send_failure(
                    from, m->id, &why, "docs/spec/link.md lists what a role may ask.", &e) < 0)
                log_warn(NULL, "asker.gone", "err=\"%s\"", e.text);
}

static void requests_new_links(struct requests *r)
{
        static const struct peers_events peers = { requests_node_on_up, requests_node_on_gone,
                requests_on_event, requests_on_peer_request, requests_on_answer };
        static const struct porter_link_events porter = { requests_node_on_porter,
                requests_node_on_peer, requests_enrol_on_request, requests_on_answer };

        r->peers = peers_new(r->loop, &peers, r);
        r->porter = porter_link_new(r->loop, "manager", r->site, &porter, r);
}

static int requests_begin_history(struct requests *r, struct err *e)
{
        CLEANUP(own_freep) struct site_history *h = xcalloc(1, sizeof *h);

        int done =
                manager_history_begin(inventory_db(r->inventory), r->state, clock_wall_us(), h, e);
        if (done == 0)
                r->history = site_history_format(h);
        return done;
}

int requests_open(
        struct loop *l, const struct requests_options *o, struct requests **ret, struct err *e)
{
        struct requests *r = xcalloc(1, sizeof *r);
        const char *state = o->state;
        char path[4200];

        r->loop = l;
        r->desk = desk_new();
        snprintf(r->state, sizeof r->state, "%s", state);
        buf_init(&r->camera_issuer_pem, 16u << 10);
        buf_init(&r->root_pem, 16u << 10);
        buf_init(&r->node_issuer_pem, 16u << 10);
        buf_init(&r->vendors_pem, REQUESTS_VENDORS_MAX);
        r->node_days = o->node_days;
        r->web_days = o->web_days;
        r->pages = json_object();
        int done = requests_load_site(r, e);
        requests_new_links(r);
        snprintf(path, sizeof path, "%s/site.sqlite", state);
        if (done == 0)
                done = inventory_open(path, &r->inventory, e);
        if (done == 0)
                done = requests_root_load(r, e);
        if (done == 0)
                done = requests_session_load(r, o, e);
        if (done == 0)
                done = requests_begin_history(r, e);
        snprintf(path, sizeof path, "%s/tls-memory.json", state);
        if (done == 0)
                done = tls_memory_store_load(path, &r->memory, e);
        snprintf(path, sizeof path, "%s/audit.log", state);
        if (done == 0)
                done = audit_open(path, &r->audit, e);
        if (done == 0)
                requests_audit_start(r);
        if (done == 0)
                done = requests_node_open(r, e);
        snprintf(path, sizeof path, "%s/manager", state);
        if (done == 0)
                done = grant_maker_open(
                        path, r->ca, REQUESTS_MANAGER, clock_wall_us(), &r->grants, e);
        snprintf(path, sizeof path, "%s/control.sock", state);
        if (done == 0)
                done = control_open(l, path, r->desk, requests_on_control, r, &r->control, e);
        if (done < 0) {
                requests_free(r);
                return done;
        }
        requests_watch_start(r);
        *ret = r;
        return 0;
}

void requests_supervise(struct requests *r, void (*on_end)(void *owner), void *owner)
{
        porter_link_supervise(r->porter, on_end, owner);
}

struct requests *requests_free(struct requests *r)
{
        if (!r)
                return NULL;
        control_free(r->control);
        requests_session_close_all(r);
        timer_done(&r->codes);
        timer_done(&r->watching);
        certificate_watch_free(r->watch);
        porter_link_free(r->porter);
        peers_free(r->peers);
        desk_free(r->desk);
        for (unsigned i = 0; i < REQUESTS_WAITING_MAX; i++)
                json_decref(r->waiting[i].context);
        json_decref(r->history);
        inventory_free(r->inventory);
        tls_memory_free(r->memory);
        audit_reader_free(r->audit_reader);
        audit_free(r->audit);
        grant_maker_free(r->grants);
        site_ca_free(r->ca);
        json_decref(r->pages);
        key_alarm_done(&r->alarm);
        buf_done(&r->camera_issuer_pem);
        buf_done(&r->root_pem);
        buf_done(&r->node_issuer_pem);
        buf_done(&r->vendors_pem);
        free(r);
        return NULL;
}
