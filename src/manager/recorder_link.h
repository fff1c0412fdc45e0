/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The manager's side of the link to the recorder (docs/spec/link.md section 3): requests out,
 * answers back to whoever asked, by number. The recorder may be away: then requests fail at once
 * with ERR_UNAVAILABLE.
 */
#ifndef CUSTOS_MANAGER_RECORDER_LINK_H
#define CUSTOS_MANAGER_RECORDER_LINK_H

#include "net/link.h"

struct recorder_link;

/* body is borrowed, NULL when why says what failed, and remedy ("" where there is none) what to do.
 */
typedef void (*recorder_link_on_answer)(
        void *owner, uint64_t tag, json_t *body, const struct err *why, const char *remedy);

struct recorder_link_events {
        /* A recorder is there (again): it knows no stream yet. */
        void (*on_up)(void *owner);
        /* body is borrowed. */
        void (*on_event)(void *owner, const char *type, json_t *body);
        recorder_link_on_answer on_answer;
};

struct recorder_link *recorder_link_new(
        struct loop *l, const struct recorder_link_events *events, void *owner);
struct recorder_link *recorder_link_free(struct recorder_link *r);
/* Takes fd: the channel to a new recorder; the old one is forgotten, its open requests fail. */
void recorder_link_attach(struct recorder_link *r, int fd);
/* Takes body. The answer comes through on_answer with tag, never from within this call; tag 0:
 * nobody waits for it. */
void recorder_link_ask(struct recorder_link *r, const char *type, json_t *body, uint64_t tag);

#endif
