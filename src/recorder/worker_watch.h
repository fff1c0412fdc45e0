/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who may watch a stream live: the grants that its worker has checked by itself, though the sealer
 * did before, because the channel between the two was made by the parent. Nothing of the stream
 * goes to a session that has no grant here, and nothing behind its end. At most
 * WORKER_WATCH_GRANTS_MAX at a time.
 *
 * The muxer (for each watch a media_box to its session) hangs on this: it begins with
 * worker_watch_granted, sends for each grant that is living (worker_watch_living), and ends with
 * on_ended. No clock: times are the caller's, wall.
 */
#ifndef CUSTOS_RECORDER_WORKER_WATCH_H
#define CUSTOS_RECORDER_WORKER_WATCH_H

#include "recorder/grant_trust.h"
#include "seal/head.h"

#define WORKER_WATCH_GRANTS_MAX 16

struct worker_watch_grant {
        uint32_t watch; /* the parent's number of it; 0: free */
        uint8_t id[16]; /* of the first grant: what the media key is bound to */
        uint8_t session[HPKE_PUBLIC_BYTES];
        char gateway[160], person[128];
        int64_t until_us; /* nothing is sent at or behind it */
        struct buf token; /* the last one, to be judged again */
        unsigned judged;  /* by which version of the trust */
};

struct worker_watch {
        char stream[HEAD_PATH_MAX];
        unsigned n; /* living ones: 0 is all that a frame asks where nobody watches */
        struct worker_watch_grant grants[WORKER_WATCH_GRANTS_MAX];
};

void worker_watch_init(struct worker_watch *w, const char *stream);
void worker_watch_done(struct worker_watch *w);

/*
 * Checks the token for live of the stream. A watch that is new begins; one that is there goes on
 * to the later end, where session and gateway are the same (ERR_DENIED). 0, or 1 where it is new;
 * *ret is good until it ends. ERR_DENIED, ERR_INVALID as capability_parse; ERR_EXHAUSTED. trust
 * NULL: none could be read, nothing passes (ERR_UNAVAILABLE).
 */
int worker_watch_granted(struct worker_watch *w, const struct grant_trust *trust, uint32_t watch,
        struct bytes token, int64_t now_us, struct worker_watch_grant **ret,
        struct err *e) MUST_USE;
/* Whether something may be sent to it now. */
bool worker_watch_living(const struct worker_watch_grant *g, int64_t now_us);
struct worker_watch_grant *worker_watch_find(struct worker_watch *w, uint32_t watch); /* or NULL */
/* Nobody watches there any more. */
void worker_watch_end(struct worker_watch *w, uint32_t watch);
/* Ends what has run out and, by a newer list, what is revoked; on_ended for each, with why, while
 * it is still there. Once a second, and at once behind a new list. */
void worker_watch_judge(struct worker_watch *w, const struct grant_trust *trust, int64_t now_us,
        void (*on_ended)(void *owner, const struct worker_watch_grant *g, const struct err *why),
        void *owner);

#endif
