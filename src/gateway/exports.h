/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Exports as people take them away (docs/design/web.md "Exports"): jobs, in memory, each of one
 * session and gone with it; and the evidence file of a job (docs/spec/evidence.md), made by a
 * recorder's player while it is read, and kept nowhere.
 *
 * Who may have one the manager says, when the job is made and again when it is read: both ask for a
 * grant of use export, which carries receiver and purpose into its log and the recorder's. The
 * grants name a key pair of this process that is for exports alone.
 *
 * A file is whole, or it fails: its length is known before its first byte (sealed by the player),
 * none of the messages may be missing, and who reads it is told by on_end.
 */
#ifndef CUSTOS_GATEWAY_EXPORTS_H
#define CUSTOS_GATEWAY_EXPORTS_H

#include "gateway/gateway_links.h"

#define EXPORTS_MAX 256           /* jobs; the oldest that is not busy gives way */
#define EXPORTS_OF_SESSION_MAX 16 /* of one session; the oldest that is over gives way */
#define EXPORTS_RUNNING_MAX 16
/* Subscriptions of exports; those of gateway/live.h are below. */
#define EXPORTS_SUBSCRIPTION_FIRST (1 << 30)
#define EXPORTS_NAME_ROOM 176 /* of the file, for people */

struct exports;    /* owned */
struct export_job; /* the exports' */

struct exports *exports_new(struct loop *l, struct gateway_links *links);
struct exports *exports_free(struct exports *x); /* nobody reads any more */

struct exports_wish {
        const char *session, *person;
        json_t *asked; /* the request's body; borrowed */
};
/* The manager allows it (why NULL), or why not and what to do; then the job is over. Called once,
 * unless it is removed before; never from within exports_make. */
typedef void (*exports_made)(void *owner, const struct err *why, const char *remedy);
/* ERR_INVALID, ERR_EXHAUSTED. */
int exports_make(struct exports *x, const struct exports_wish *w, exports_made made, void *owner,
        struct export_job **ret, struct err *e) MUST_USE;
/* NULL: that session has none of that id. */
struct export_job *exports_find(struct exports *x, const char *session, const char *id);
/* Stops it where it is read. */
void exports_remove(struct export_job *j);
json_t *exports_list(const struct exports *x, const char *session); /* newest first; the caller's */
json_t *exports_show(const struct export_job *j);
/* STREAM_FROM_UNTIL.mp4, ASCII without blanks. Returns to. */
char *exports_name(const struct export_job *j, char to[static EXPORTS_NAME_ROOM]);

struct exports_reader {
        void (*on_begin)(void *owner, uint64_t bytes); /* of the whole file */
        /* ERR_EXHAUSTED: not now, and exports_writable follows. */
        int (*on_part)(void *owner, struct bytes part, struct err *e);
        /* Once, last of all. why NULL: that was all of it. */
        void (*on_end)(void *owner, const struct err *why, const char *remedy);
};
/* None of them is called from within it. ERR_STATE: it is read already; ERR_EXHAUSTED. */
int exports_read(struct export_job *j, const struct exports_reader *reader, void *owner,
        struct err *e) MUST_USE;
void exports_writable(struct export_job *j);
/* Its maker or reader is gone, and is not called any more. j may be gone then. */
void exports_leave(struct export_job *j);

/* Its jobs end now, and are gone. */
void exports_session_ended(struct exports *x, const char *session, const char *why);
/* Asks the manager which of the sessions that read still may; by itself once a minute. */
void exports_see(struct exports *x);

/* Of the recorders: gateway_links_events. */
bool exports_is_theirs(struct bytes message);
int exports_on_media(
        struct exports *x, const char *recorder, struct bytes message, struct err *e) MUST_USE;
void exports_on_recorder_event(
        struct exports *x, const char *recorder, const char *type, json_t *body);
void exports_on_recorder_gone(struct exports *x, const char *recorder);

#endif
