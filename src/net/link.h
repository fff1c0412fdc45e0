/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The messages between roles (docs/spec/link.md): envelopes, over os/chan for now. What the bodies
 * mean is the roles'.
 */
#ifndef CUSTOS_NET_LINK_H
#define CUSTOS_NET_LINK_H

#include <jansson.h>

#include "os/chan.h"

/* chan message types */
#define LINK_MESSAGE 100 /* carries the JSON text */
#define LINK_MEDIA 101   /* a binary message (proto/media_message.h) */
#define LINK_PEER 102    /* JSON text of an event "peer", with one descriptor: the peer's channel */
#define LINK_TYPE_MAX 40
#define LINK_REMEDY_MAX 400
#define LINK_SESSION_ROOM 33 /* of a session's handle: 32 hex */
/* A page of a list ends behind the entry that reaches this, whatever its limit: a message holds at
 * most CHAN_BODY_MAX bytes, and entries carry texts of unforeseen length. */
#define LINK_PAGE_BYTES (96u << 10)

struct link_message {
        json_t *root; /* owned */
        json_t *body; /* borrowed from root; an object */
        int64_t id;   /* 0: an event */
        char type[LINK_TYPE_MAX];
        char session[LINK_SESSION_ROOM]; /* of a request: in whose name; "" where it says nothing */
        struct err failure;              /* code < 0 when the message is a failure */
        char remedy[LINK_REMEDY_MAX];
        unsigned retry_after_s; /* of a failure: when it is worth another try; 0: not said */
};

/* From now on the memory of JSON values and texts is wiped when it is freed: passwords and
 * enrolment codes stand in some. Once, before the process makes any. */
void link_json_wiped(void);

/* Strict: duplicate keys, unknown keys of the envelope, wrong types and a version other than 1 are
 * refused. */
int link_parse(struct bytes text, struct link_message *ret, struct err *e) MUST_USE;
void link_message_done(struct link_message *m);

/* Each takes body (never NULL). */
int link_send_request(
        struct chan *c, int64_t id, const char *type, json_t *body, struct err *e) MUST_USE;
/* In the name of a session (its handle; NULL: of none), as a gateway asks its manager. */
int link_send_request_in(struct chan *c, int64_t id, const char *session, const char *type,
        json_t *body, struct err *e) MUST_USE;
int link_send_answer(struct chan *c, int64_t id, json_t *body, struct err *e) MUST_USE;
int link_send_event(struct chan *c, const char *type, json_t *body, struct err *e) MUST_USE;
/* As LINK_PEER, with the channel to the peer (borrowed, as by chan_send). */
int link_send_peer(struct chan *c, json_t *body, int fd, struct err *e) MUST_USE;
int link_send_failure(struct chan *c, int64_t id, const struct err *why, const char *remedy,
        struct err *e) MUST_USE;
/* The same, with the seconds after which it is worth another try. */
int link_send_later(struct chan *c, int64_t id, const struct err *why, const char *remedy,
        unsigned retry_after_s, struct err *e) MUST_USE;

/* The code of a name in a failure ("invalid"); ERR_INTERNAL: none of those. */
int link_code(const char *name);
/* As it stands in a message. */
size_t link_json_bytes(const json_t *value);

/* A connected Unix socket of a role, or ERR_UNAVAILABLE when nobody listens there. */
int link_connect(const char *path, struct err *e) MUST_USE;

/* One request over a control socket, blocking; for the command line. Takes body. *ret_body is the
 * caller's (json_decref). A failure of the other side is returned as its code and text, and its
 * remedy in remedy (LINK_REMEDY_MAX bytes). */
int link_call(const char *socket_path, const char *type, json_t *body, int timeout_ms,
        json_t **ret_body, char *remedy, struct err *e) MUST_USE;

#endif
