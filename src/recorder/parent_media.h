/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Links to gateways (docs/spec/link.md section 8): what they ask to see, and the sealed media that
 * go there. The parent passes a grant to the sealer and what the worker has sealed to the link; it
 * can open neither, and decides nothing but that a link's peer is the gateway that the grant names,
 * and how much a slow one may cost (hub/hub_reader.h).
 *
 * A link is a channel with LINK_MESSAGE and LINK_MEDIA.
 */
#ifndef CUSTOS_RECORDER_PARENT_MEDIA_H
#define CUSTOS_RECORDER_PARENT_MEDIA_H

#include "recorder/parent.h"

#define PARENT_MEDIA_SUBSCRIPTIONS_MAX 256     /* of one link */
#define PARENT_MEDIA_WINDOWS_MAX (256u << 20)  /* bytes that the readers of one link may cost */
#define PARENT_MEDIA_LINK_QUEUE_MAX (1u << 20) /* of a link's channel: what comes later waits */
#define PARENT_MEDIA_ASK_MS 10000              /* until sealer and worker have answered */

struct parent_media;

struct parent_media *parent_media_new(struct parent *p);
struct parent_media *parent_media_free(struct parent_media *m);
/* A link to the gateway with this URI, which its certificate proved; takes fd. */
void parent_media_attach(struct parent_media *m, int fd, const char *uri);

/* MESSAGE_MEDIA, MESSAGE_WATCHED, MESSAGE_NOT_WATCHED of a worker. ERR_PROTOCOL: it is broken. */
int parent_media_on_worker(
        struct parent_worker *w, struct chan_message *msg, struct err *e) MUST_USE;
/* MESSAGE_NOT_GRANTED. */
int parent_media_on_not_granted(struct parent_media *m, struct bytes body, struct err *e) MUST_USE;
/* What is watched of this stream ends. m may be NULL, here and below. */
void parent_media_lost(struct parent_media *m, const char *stream, const char *why);
/* A player that the supervisor has begun; takes fd. */
void parent_media_player(struct parent_media *m, uint32_t number, int fd);
/* What waits for its word is not granted. */
void parent_media_sealer_gone(struct parent_media *m);

#endif
