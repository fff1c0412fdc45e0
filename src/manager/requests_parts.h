/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the files of requests (requests.c: asking and answering; requests_camera.c, _trust, _root,
 * _certificate, _storage, _lock, _event, _node, _grant, _security, _watch, _web: what is asked
 * about what; requests_route.c: what recorders are told, and what they tell; requests_enrol.c: what
 * the porter asks; requests_people.c, _session, _setup: people, and what gateways ask) share. For
 * these alone.
 */
#ifndef CUSTOS_MANAGER_REQUESTS_PARTS_H
#define CUSTOS_MANAGER_REQUESTS_PARTS_H

#include "manager/audit.h"
#include "manager/audit_reader.h"
#include "manager/certificate_watch.h"
#include "manager/control.h"
#include "manager/desk.h"
#include "manager/grant_maker.h"
#include "manager/hash_queue.h"
#include "manager/inventory.h"
#include "manager/key_alarm.h"
#include "manager/nodes.h"
#include "manager/peers.h"
#include "net/porter_link.h"
#include "manager/requests.h"
#include "manager/sessions.h"
#include "manager/sign_in.h"
#include "trust/site_ca.h"
#include "trust/tls_memory_store.h"
#include "trust/web_names.h"

#define REQUESTS_PAGE_MAX 500
#define REQUESTS_WAITING_MAX 256
#define REQUESTS_PATH_ROOM 96   /* of CAMERA-STREAM */
#define REQUESTS_MANAGER "main" /* name of this node, and of all that the first start made */
#define REQUESTS_WEB_HOST_NAMES "site/host-names" /* run/setup.h */

struct requests;

/* What a recorder said to requests_ask, or the porter; all borrowed. */
struct requests_answer {
        json_t *context;
        json_t *body; /* NULL: why and remedy ("" where there is none) say what failed */
        const struct err *why;
        const char *remedy;
};
/* Answers whoever asked under tag, or asks on. */
typedef void (*requests_then)(struct requests *r, uint64_t tag, const struct requests_answer *a);

struct requests {
        struct loop *loop;
        char state[4096], site[64], fingerprint[65];
        struct site_ca *ca;
        struct buf root_pem, camera_issuer_pem; /* what cameras' certificates must chain to, and
                                                   directly hang from */
        struct buf vendors_pem; /* roots of others that cameras' certificates may hang from */
        struct buf node_issuer_pem;
        unsigned node_days, web_days;
        struct inventory *inventory;
        json_t *history; /* what a recorder is told first (manager_history.h) */
        struct tls_memory *memory;
        struct audit *audit;
        struct audit_reader *audit_reader;
        struct grant_maker *grants;
        struct desk *desk;
        struct control *control;
        struct sessions *sessions;
        struct sign_in *sign_in;
        struct hash_queue *hashes;
        struct timer sweep; /* of sessions */
        struct peers *peers;
        struct porter_link *porter;
        struct certificate_watch *watch;
        struct timer watching;
        json_t *pages; /* what gateways said of the certificates that they show, by their names */
        struct timer codes; /* the last open enrolment code ends */
        struct requests_attempts {
                int64_t from_us; /* boot */
                unsigned n, left_out;
        } attempts, /* to enrol, of this minute: refused ones that are in the audit log, or not */
                sign_ins; /* to sign in, likewise */
        struct key_alarm alarm;
        /* Where recorders can be reached: as they said last. */
        struct requests_recorder_port {
                char recorder[NODES_NAME_ROOM], host[NODES_ADDRESS_ROOM];
                int port; /* 0: not known */
        } recorder_ports[NODES_MAX];
        /* Those whose answer needs the recorder's first. */
        struct requests_waiting {
                requests_then then; /* NULL: free */
                uint64_t tag;
                json_t *context; /* owned */
        } waiting[REQUESTS_WAITING_MAX];
};

/* requests.c */
/* Asks a recorder; then is called with what it says, never from within this call. Takes body, and
 * context (may be NULL), which then gets. tag 0: nobody waits. */
void requests_ask(struct requests *r, uint64_t tag, const char *recorder, const char *type,
        json_t *body, requests_then then, json_t *context);
/* The same of the manager's porter. */
void requests_ask_porter(struct requests *r, uint64_t tag, const char *type, json_t *body,
        requests_then then, json_t *context);
/* The recorder that was asked for, or the first where none was (NULL). ERR_NOT_FOUND. */
int requests_recorder(struct requests *r, const char *asked,
        char to[static INVENTORY_RECORDER_ROOM], struct err *e) MUST_USE;
/* A then: the recorder's answer, or its failure, is the manager's. */
void requests_pass(struct requests *r, uint64_t tag, const struct requests_answer *a);
/* Its failure is. */
void requests_refuse(struct requests *r, uint64_t tag, const struct requests_answer *a);
/* A reason that somebody gives: one line, not empty. */
int requests_reason(const char *reason, struct err *e) MUST_USE;
/* Runs what was asked under tag, where whoever asked may. For gateways too. */
void requests_run_asked(struct requests *r, uint64_t tag, const struct link_message *m);
/* As JSON; a text that was cut within a character is no UTF-8, and is not repeated. */
json_t *requests_text(const char *text);
/* The caller's: { "by": who asked }, for a line of the audit log. */
json_t *requests_by(struct requests *r, uint64_t tag);
/* The caller's: the answer to status.get with what the manager knows of it; null where the recorder
 * is away. context->recorder is who was asked, context->after where the page begins. */
json_t *requests_status_of(struct requests *r, const struct requests_answer *a);

/* requests_camera.c. Each answers, or returns an error for the caller to tell. */
typedef int (*requests_run)(struct requests *r, uint64_t tag, json_t *body, struct err *e);
int requests_camera_add(struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;
int requests_camera_set(struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;
int requests_camera_list(struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;
int requests_camera_show(struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;
int requests_camera_remove(struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;
int requests_camera_test(struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;

/* requests_trust.c: what is trusted of a camera, by an administrator's word. */
int requests_trust_clear(struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;
int requests_trust_certify(struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;
int requests_trust_revoke(struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;

/* A camera's (device's) or page's certificates were revoked: whoever meets cameras hears of the
 * list, and who is connected by one of them is cut off. What cannot be audited is said to whoever
 * asked. */
int requests_trust_revoked(struct requests *r, uint64_t tag, enum issued_issuer issuer,
        const char *name, unsigned certificates, struct err *e) MUST_USE;

/* requests_root.c: roots of others, each for one class of peers. */
int requests_root_add(struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;
int requests_root_list(struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;
int requests_root_remove(struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;
/* Fills vendors_pem. */
int requests_root_load(struct requests *r, struct err *e) MUST_USE;

/* requests_certificate.c: devices of somebody else's making, and the register. */
int requests_certificate_sign(
        struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;
int requests_certificate_list(
        struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;
int requests_certificate_revoke(
        struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;

/* requests_storage.c: the recorder's volumes. */
int requests_storage_add(struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;
int requests_storage_retire(struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;

/* requests_lock.c: what may not be removed, and who says so. */
int requests_lock_add(struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;
int requests_lock_remove(struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;

/* requests_timeline.c */
/* Whose footage it is: of the recorder that is named (asked, may be NULL), else of the camera's. */
int requests_recorder_of(struct requests *r, const char *asked, const char *camera,
        const char *stream, char to[static INVENTORY_RECORDER_ROOM], struct err *e) MUST_USE;
int requests_timeline_get(struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;

/* requests_audit.c */
void requests_audit_start(struct requests *r);
int requests_audit_list(struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;

/* requests_backup.c: the audit log knows of a backup before it is made. */
int requests_backup_begin(struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;

/* requests_event.c: what happens at a camera, said by a person for now. */
int requests_event_start(struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;
int requests_event_stop(struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;

/* requests_grant.c: what a gateway may pass on. */
int requests_grant_make(struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;

/* requests_gateway.c: a recorder or a gateway is there (again). */
void requests_gateway_on_up(struct requests *r, const char *role, const char *name);
/* Recorders open or close their ports: who of another host has to reach them is another one. */
void requests_gateway_ports(struct requests *r);

/* requests_watch.c: certificates that run out. */
void requests_watch_start(struct requests *r);
int requests_watch_list(struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;

/* requests_web.c: the page's certificate. */
int requests_web_node_names(struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;
/* The names that the certificate of this gateway's page has; *ret_given: an administrator gave
 * them. */
int requests_web_names(struct requests *r, const struct nodes_node *n, struct web_names *ret,
        bool *ret_given, struct err *e) MUST_USE;
/* Appends the leaf, DER. ERR_DENIED with FAULT_WEB_NAME, ERR_STATE. */
int requests_web_sign(struct requests *r, const struct nodes_node *n, const struct verify_key *key,
        struct buf *leaf, struct err *e) MUST_USE;
/* The gateway, where it is there, hears what its page's certificate has to be, and has another one
 * made where it is not. */
void requests_web_tell(struct requests *r, const char *name);
void requests_web_on_event(
        struct requests *r, const char *gateway, const char *type, const json_t *body);
/* Certificates of the user's own, as gateways said. */
void requests_web_watch(struct requests *r, struct certificate_watch_look *l);

/* requests_doctor.c: the checks of the site. */
int requests_doctor_run(struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;

/* requests_security.c: every connection. */
int requests_security_links(struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;

/* requests_route.c */
/* A line of the audit log; takes fields (may be NULL); camera and stream may be NULL. What happened
 * has happened: where it cannot be written, that is returned for whoever asked. */
int requests_route_audit(struct requests *r, const char *event, const char *camera,
        const char *stream, json_t *fields, struct err *e) MUST_USE;
/* The same before it is done: where it cannot be written, it is not to be done. */
int requests_route_announce(struct requests *r, const char *event, const char *camera,
        const char *stream, json_t *fields, struct err *e) MUST_USE;
/* What the inventory says now, to the recorder: the stream with the protection that it must have by
 * what is remembered, or that there is none. */
void requests_route_stream(struct requests *r, const struct inventory_stream *s);
/* The caller's: what a recorder needs to connect to a camera, its password and whom to trust among
 * it. */
json_t *requests_route_camera_terms(struct requests *r, const struct inventory_stream *s);
/* All of a camera (NULL: of all), with transports that are exceptions alone or any. */
void requests_route_camera(struct requests *r, const char *camera, bool exceptions_alone);
/* It has another recorder: withdrawn from the one before, told to that. */
void requests_route_move(struct requests *r, const char *camera, const char *before);
void requests_route_end(struct requests *r, const struct inventory_stream *s);
/* Connections with keys that were revoked end. */
void requests_route_cut(struct requests *r);
/* tls-if-available for a camera that is known to speak TLS is tls; a plain one is ERR_DENIED, as is
 * a pin that another camera has or that was revoked. */
int requests_route_judge(struct requests *r, struct inventory_stream *s, struct err *e) MUST_USE;
void requests_route_save_memory(struct requests *r);
/* It is there (again): told all that is its own; what it has besides is withdrawn. */
void requests_route_on_up(struct requests *r, const char *recorder);
void requests_route_on_event(
        struct requests *r, const char *recorder, const char *type, json_t *body);

/* requests_node.c: the site's nodes, their codes and their links. */
int requests_node_add(struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;
int requests_node_list(struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;
int requests_node_show(struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;
int requests_node_revoke(struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;
int requests_node_remove(struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;
/* The caller's: list of { name, state, since, address } of every recorder. */
json_t *requests_node_recorders(struct requests *r);
/* The links of all nodes that there are, all away. */
int requests_node_open(struct requests *r, struct err *e) MUST_USE;
/* A peer that the porter lets in, fd taken. */
void requests_node_on_peer(void *owner, const struct porter_link_peer *peer, int fd);
void requests_node_on_up(void *owner, const char *role, const char *name);
void requests_node_on_gone(void *owner, const char *role, const char *name, const struct chan *was);
/* A porter is there: it learns who may come from where, and what is revoked. */
void requests_node_on_porter(void *owner);
/* Has the porter open its port to other hosts, or not, by what codes and nodes there are now. tag
 * not 0: context, which is taken, is the answer, once the port is known and in it. */
void requests_node_listen(struct requests *r, uint64_t tag, json_t *context);

/* requests_people.c */
/* Out of a message, which has it no more; the caller's, to be wiped. ERR_INVALID: no text, or too
 * long. */
int requests_people_take(json_t *value, struct secret *ret, struct err *e) MUST_USE;
int requests_people_add(struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;
int requests_people_list(struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;
int requests_people_set(struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;
int requests_people_remove(struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;
int requests_people_password(
        struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;

/* requests_session.c: signing in and out, and in whose name a gateway asks. */
/* Somebody at a browser, as the gateway says. */
struct requests_session_from {
        char text[NODES_ADDRESS_ROOM];
        uint8_t place[NETWORK_ADDRESS_BYTES]; /* sign_in.h */
        char agent[SESSIONS_AGENT_MAX + 1];
};
int requests_session_load(
        struct requests *r, const struct requests_options *o, struct err *e) MUST_USE;
void requests_session_close_all(struct requests *r);
/* A gateway asks. */
void requests_session_on_gateway(
        struct requests *r, const char *gateway, struct chan *from, const struct link_message *m);
int requests_session_read_from(const char *address, const char *agent,
        struct requests_session_from *ret, struct err *e) MUST_USE;
/* Opens one for a person whose password was right, and answers; in the audit log first. */
int requests_session_start(struct requests *r, uint64_t tag, const char *person,
        enum people_role role, const struct requests_session_from *from, struct err *e) MUST_USE;
/* A refused attempt: into the log, and not more of them in a minute into the audit log than it can
 * take. person: "" where there is none of that name. */
void requests_session_note(struct requests *r, const char *event, const char *person,
        const char *gateway, const char *address, const struct err *why);
int requests_session_open(struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;
int requests_session_check(struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;
int requests_session_seen(struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;
int requests_session_close(struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;
int requests_session_list(struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;
int requests_session_revoke(struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;

/* requests_setup.c: the first person. */
int requests_setup_code(struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;
int requests_setup_state(struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;
int requests_setup_finish(struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;

/* requests_enrol.c */
/* Whether who shows this key is the node, and not an older copy of it. ERR_DENIED. */
int requests_enrol_check_key(struct requests *r, const struct nodes_node *n,
        const uint8_t key[static NODES_KEY_BYTES], struct err *e) MUST_USE;
/* A refusal into the audit log; not more of them in a minute than the log can take. */
void requests_enrol_note(struct requests *r, const char *event, const char *role, const char *name,
        const struct err *why);
/* est.* of docs/spec/link.md section 7. For porter_link. */
int requests_enrol_on_request(void *owner, const char *type, json_t *body, json_t **ret_body,
        const char **ret_remedy, struct err *e);

#endif
