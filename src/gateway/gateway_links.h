/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whom the gateway talks to: its porter, by it the manager, and the recorders that the manager
 * names (event link.recorders), which the porter is told to dial. Requests with their answers, by
 * ticket.
 */
#ifndef CUSTOS_GATEWAY_GATEWAY_LINKS_H
#define CUSTOS_GATEWAY_GATEWAY_LINKS_H

#include <jansson.h>

#include "base/bytes.h"
#include "base/err.h"
#include "crypto/tls_role.h"
#include "os/loop.h"

#define GATEWAY_LINKS_RECORDERS_MAX 256 /* as many nodes as a site has */

struct gateway_links; /* owned */

/* All borrowed. */
struct gateway_answer {
        json_t *body; /* NULL: why and remedy ("" where there is none) say what failed */
        const struct err *why;
        const char *remedy;
        unsigned retry_after_s; /* 0: not said */
};
typedef void (*gateway_then)(void *owner, const struct gateway_answer *a);

struct gateway_links_events {
        void (*on_manager)(void *owner); /* it is there (again) */
        void (*on_session_ended)(void *owner, const char *session, const char *reason);
        /* A binary message of a recorder. Negative: it is broken, its link ends. */
        int (*on_media)(void *owner, const char *recorder, struct bytes message, struct err *e);
        void (*on_recorder_event)(
                void *owner, const char *recorder, const char *type, json_t *body);
        void (*on_recorder_gone)(void *owner, const char *recorder);
        /* Of a process that was asked for; takes fd. */
        void (*on_transcoder)(void *owner, uint32_t number, int fd);
};

struct gateway_links *gateway_links_new(
        struct loop *l, const char *site, const struct gateway_links_events *events, void *owner);
struct gateway_links *gateway_links_free(struct gateway_links *k);
/* Takes the channel to the supervisor; on_end, borrowing owner: it is gone. */
void gateway_links_supervise(struct gateway_links *k, void (*on_end)(void *owner), void *owner);

/*
 * Asks the manager, in the name of a session (NULL: of none), or a recorder. Takes body. then is
 * called once, never from within this call, and not after gateway_links_forget. 0: too many wait
 * already, and then is never called.
 */
uint64_t gateway_links_ask(struct gateway_links *k, const char *session, const char *type,
        json_t *body, gateway_then then, void *owner);
uint64_t gateway_links_ask_recorder(struct gateway_links *k, const char *recorder, const char *type,
        json_t *body, gateway_then then, void *owner);
/* 0 is fine. */
void gateway_links_forget(struct gateway_links *k, uint64_t ticket);

/* TRANSCODE_WANTED or TRANSCODE_UNWANTED, to the supervisor. */
int gateway_links_transcoder(
        struct gateway_links *k, uint16_t type, uint32_t number, struct err *e) MUST_USE;

/* An event for the manager, where it is there; takes body. */
void gateway_links_tell_manager(struct gateway_links *k, const char *type, json_t *body);

bool gateway_links_manager_up(const struct gateway_links *k);
/* Why the manager does not let this gateway in; NULL while it is there, or only away. Borrowed. */
const struct err *gateway_links_shut_out(const struct gateway_links *k);
/* How many recorders the manager has named, and how many of them are connected. */
unsigned gateway_links_recorders(const struct gateway_links *k, unsigned *ret_up);

#endif
