/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the files of requests (requests.c: asking and answering; requests_camera.c, _trust,
 * _storage, _lock, _event, _grant: what is asked about what; requests_route.c: what the recorder is
 * told, and what it tells) share. For these alone.
 */
#ifndef CUSTOS_MANAGER_REQUESTS_PARTS_H
#define CUSTOS_MANAGER_REQUESTS_PARTS_H

#include "manager/audit.h"
#include "manager/control.h"
#include "manager/grant_maker.h"
#include "manager/inventory.h"
#include "manager/key_alarm.h"
#include "manager/recorder_link.h"
#include "manager/requests.h"
#include "os/listener.h"
#include "trust/site_ca.h"
#include "trust/tls_memory_store.h"

#define REQUESTS_PAGE_MAX 500
#define REQUESTS_WAITING_MAX 256
#define REQUESTS_PATH_ROOM 96   /* of CAMERA-STREAM */
#define REQUESTS_MANAGER "main" /* name of this node */

struct requests;

/* What the recorder said to requests_ask; all borrowed. */
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
        struct inventory *inventory;
        struct tls_memory *memory;
        struct audit *audit;
        struct grant_maker *grants;
        struct control *control;
        struct recorder_link *recorder;
        struct listener *recorders;
        struct key_alarm alarm;
        /* Those whose answer needs the recorder's first. */
        struct requests_waiting {
                requests_then then; /* NULL: free */
                uint64_t tag;
                json_t *context; /* owned */
        } waiting[REQUESTS_WAITING_MAX];
};

/* requests.c */
/* Asks the recorder; then is called with what it says, never from within this call. Takes body, and
 * context (may be NULL), which then gets. */
void requests_ask(struct requests *r, uint64_t tag, const char *type, json_t *body,
        requests_then then, json_t *context);
/* A then: the recorder's answer, or its failure, is the manager's. */
void requests_pass(struct requests *r, uint64_t tag, const struct requests_answer *a);
/* Its failure is. */
void requests_refuse(struct requests *r, uint64_t tag, const struct requests_answer *a);
/* As JSON; a text that was cut within a character is no UTF-8, and is not repeated. */
json_t *requests_text(const char *text);
/* The caller's: the answer to status.get with what the manager knows of it; null where the recorder
 * is away. context->after is where the page begins. */
json_t *requests_status_of(struct requests *r, const struct requests_answer *a);

/* requests_camera.c. Each answers, or returns an error for the caller to tell. */
typedef int (*requests_run)(struct requests *r, uint64_t tag, json_t *body, struct err *e);
int requests_camera_add(struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;
int requests_camera_set(struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;
int requests_camera_list(struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;
int requests_camera_show(struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;
int requests_camera_remove(struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;

/* requests_trust.c: what is trusted of a camera, by an administrator's word. */
int requests_trust_clear(struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;
int requests_trust_certify(struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;
int requests_trust_revoke(struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;

/* requests_storage.c: the recorder's volumes. */
int requests_storage_add(struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;
int requests_storage_retire(struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;

/* requests_lock.c: what may not be removed, and who says so. */
int requests_lock_add(struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;
int requests_lock_remove(struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;

/* requests_event.c: what happens at a camera, said by a person for now. */
int requests_event_start(struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;
int requests_event_stop(struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;

/* requests_grant.c: what a gateway may pass on. */
int requests_grant_make(struct requests *r, uint64_t tag, json_t *body, struct err *e) MUST_USE;
/* The same asked by gateway `name` on its own link, for itself alone. */
int requests_grant_of_gateway(struct requests *r, const char *name, json_t *body, json_t **ret_body,
        struct err *e) MUST_USE;

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
/* All of a camera (NULL: of all), with transports that are exceptions alone or any. */
void requests_route_camera(struct requests *r, const char *camera, bool exceptions_alone);
void requests_route_end(struct requests *r, const char *camera, const char *stream);
/* Connections with keys that were revoked end. */
void requests_route_cut(struct requests *r);
/* tls-if-available for a camera that is known to speak TLS is tls; a plain one is ERR_DENIED, as is
 * a pin that another camera has or that was revoked. */
int requests_route_judge(struct requests *r, struct inventory_stream *s, struct err *e) MUST_USE;
void requests_route_save_memory(struct requests *r);
/* For recorder_link. */
void requests_route_on_up(void *owner);
void requests_route_on_event(void *owner, const char *type, json_t *body);

#endif
