/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A stream for whoever watches it now (docs/design/grants.md): its frames are muxed once, sealed
 * for each session that has a living grant, and handed to the parent (MESSAGE_MEDIA), which sees
 * ciphertext alone. Where nobody watches, watch.n is 0, nothing is allocated and no frame comes
 * here.
 *
 * What is recorded comes first: frames go out only while the channel to the parent has room for
 * more than they take; else they are left out up to the next key frame. Nothing here can fail a
 * camera.
 */
#ifndef CUSTOS_RECORDER_WORKER_LIVE_H
#define CUSTOS_RECORDER_WORKER_LIVE_H

#include "crypto/media_box.h"
#include "recorder/worker.h"
#include "recorder/worker_watch.h"

/* Of the channel's queue; the rest is for messages that must not be lost. */
#define WORKER_LIVE_QUEUE_MAX (CHAN_QUEUE_MAX / 4 * 3)

struct live_mux;

struct worker_live_session {
        uint32_t group; /* what its messages are known by; 0: free */
        uint8_t session[HPKE_PUBLIC_BYTES];
        struct media_box *box;
        bool skipped; /* something was left out since the last frame */
};

struct worker_live {
        struct worker_watch watch;
        struct worker *worker;
        uint32_t pace_ms;      /* how the camera is read where nobody watches */
        struct camera *camera; /* that is read for watchers now; borrowed */
        bool connected;        /* the mux knows its connection */
        struct live_mux *mux;  /* while somebody watches */
        uint32_t groups;       /* counts them */
        struct worker_live_session sessions[WORKER_WATCH_GRANTS_MAX];
};

void worker_live_init(struct worker_live *l, struct worker *w, const char *stream);
void worker_live_done(struct worker_live *l);

/* g was granted: its session gets what comes from now on, beginning with a header. What the parent
 * tells the gateway: the group, and the key's wrap for this grant. */
int worker_live_granted(struct worker_live *l, const struct worker_watch_grant *g,
        uint32_t *ret_group, uint8_t ret_wrap[static MEDIA_BOX_WRAP_BYTES], struct err *e) MUST_USE;
/* The parent's word that nobody watches there any more. */
void worker_live_end(struct worker_live *l, uint32_t watch);
/* Behind worker_watch_judge: forgets sessions without a grant. */
void worker_live_tidy(struct worker_live *l);

/* For each frame while watch.n: c is the stream's camera. */
void worker_live_unit(
        struct worker_live *l, struct camera *c, unsigned track, const struct access_unit *u);
/* The camera's connection ended; or the camera itself is about to go. */
void worker_live_disconnected(struct worker_live *l);
void worker_live_camera_gone(struct worker_live *l);

#endif
