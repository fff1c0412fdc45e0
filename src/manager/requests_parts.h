/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the files of requests (requests.c: asking and answering; requests_camera.c: what is asked
 * about cameras; requests_route.c: what the recorder is told, and what it tells) share. For these
 * alone.
 */
#ifndef CUSTOS_MANAGER_REQUESTS_PARTS_H
#define CUSTOS_MANAGER_REQUESTS_PARTS_H

#include "manager/audit.h"
#include "manager/control.h"
#include "manager/inventory.h"
#include "manager/key_alarm.h"
#include "manager/recorder_link.h"
#include "manager/requests.h"
#include "os/listener.h"
#include "trust/site_ca.h"
#include "trust/tls_memory_store.h"

#define REQUESTS_PAGE_MAX 500
#define REQUESTS_WAITING_MAX 256
#define REQUESTS_PATH_ROOM 96 /* of CAMERA-STREAM */

enum requests_wait { REQUESTS_FREE, REQUESTS_STATUS, REQUESTS_SHOW };

struct requests {
        struct loop *loop;
        char state[4096], site[64], fingerprint[65];
        struct site_ca *ca;
        struct buf root_pem, camera_issuer_pem; /* what cameras' certificates must chain to, and
                                                   directly hang from */
        struct inventory *inventory;
        struct tls_memory *memory;
        struct audit *audit;
        struct control *control;
        struct recorder_link *recorder;
        struct listener *recorders;
        struct key_alarm alarm;
        /* Those whose answer needs the recorder's status first. */
        struct requests_waiting {
                enum requests_wait kind;
                uint64_t tag;
                json_t *camera; /* owned; for REQUESTS_SHOW */
                char after[96]; /* where the page begins */
        } waiting[REQUESTS_WAITING_MAX];
};

/* requests.c. Takes camera (may be NULL) and ask, the body of status.get. */
void requests_wait_status(
        struct requests *r, enum requests_wait kind, uint64_t tag, json_t *camera, json_t *ask);

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

/* requests_route.c */
/* A line of the audit log; takes fields (NULL: camera and stream alone, stream may be NULL). What
 * happened has happened: where it cannot be written, that is returned for whoever asked. */
int requests_route_audit(struct requests *r, const char *event, const char *camera,
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
