/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Keys of recorded footage, released by the sealer to a player under a grant (docs/design/grants.md
 * "Keys of footage"). A key channel is for one player, whom the supervisor began, and comes from
 * nobody else. On it the player first hands over a grant, which says what the channel is for, and
 * then asks for one segment's key after the other, with the segment's head, one of its seals and
 * the key store's file. At each question the grant is judged again and has its line in the log;
 * then head, seal and certificate have to be one segment's of that stream, sealed below the site's
 * root, and the seal itself has to say that it holds footage of the granted time. Nobody's word
 * counts for any of it. What is not released is answered with the reason.
 */
#ifndef CUSTOS_RECORDER_SEALER_KEYS_H
#define CUSTOS_RECORDER_SEALER_KEYS_H

#include "os/chan.h"
#include "recorder/sealer_grants.h"

#define SEALER_KEYS_CHANNELS_MAX 16 /* as many as players may run */

struct sealer_keys;

/* state: the state directory; before the sandbox. Reads wrap.key and the site's root. Always
 * succeeds: what is missing is said in the log, and is why each request is refused. grants is
 * borrowed, and freed first. */
struct sealer_keys *sealer_keys_open(
        const char *state, struct loop *l, struct sealer_grants *grants);
struct sealer_keys *sealer_keys_free(struct sealer_keys *k); /* wipes */
/* The channel of a new player; fd is taken. */
void sealer_keys_add(struct sealer_keys *k, int fd);

#endif
