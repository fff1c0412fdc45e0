/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Keys of recorded footage, released by the sealer to a player under a grant (docs/design/grants.md
 * "Keys of footage"). A key channel is for one stream and one grant; on it the player asks for one
 * segment's key after the other, with the segment's head, one of its seals and the key store's
 * file. At each question the grant is judged again and has its line in the log; then head, seal and
 * certificate have to be one segment's of that stream, sealed below the site's root, and the seal
 * itself has to say that it holds footage of the granted time. Neither the parent's word nor the
 * player's counts for any of it. What is not released is answered with the reason.
 */
#ifndef CUSTOS_RECORDER_SEALER_KEYS_H
#define CUSTOS_RECORDER_SEALER_KEYS_H

#include "os/chan.h"
#include "recorder/sealer_grants.h"

#define SEALER_KEYS_CHANNELS_MAX 16 /* twice what players there are at once */

struct sealer_keys;

/* The grant of a new channel (or a later one of a living channel) was refused. */
typedef void (*sealer_keys_on_refused)(void *owner, uint32_t watch, const struct err *why);

/* state: the state directory; before the sandbox. Reads wrap.key and the site's root. Always
 * succeeds: what is missing is said in the log, and is why each request is refused. grants is
 * borrowed, and freed first. */
struct sealer_keys *sealer_keys_open(const char *state, struct loop *l,
        struct sealer_grants *grants, sealer_keys_on_refused on_refused, void *owner);
struct sealer_keys *sealer_keys_free(struct sealer_keys *k); /* wipes */
/* MESSAGE_KEY_CHANNEL; with its descriptor a new channel, without one a later grant for one that
 * lives. ERR_PROTOCOL: the parent is broken. */
int sealer_keys_on_channel(struct sealer_keys *k, struct chan_message *m, struct err *e) MUST_USE;

#endif
