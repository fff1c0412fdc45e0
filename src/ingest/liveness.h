/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whether a stream shows the present. Whoever holds a camera's key, or sits at its lens cable, can
 * play yesterday's footage to the recorder; it would be sealed as if it were today's. Two things
 * give that away: a live picture carries noise, so that no encoder puts out the same bytes twice;
 * and the camera's own clock (the NTP time of its sender reports, RFC 3550 section 6.4.1) goes on.
 *
 * Remembers a keyed 64-bit digest of the beginning of each group of pictures: the key frame and the
 * units behind it, each by its ends and its length. The same beginning again, ten seconds later or
 * more, is a repeat; but for the newest group as the first of a new connection, once: many cameras
 * begin there, and it may be long, or the camera have been away. One repeat is enough where the
 * units behind the key frame are large, as pictures with noise make them; else eight different ones
 * in their old order are asked for: an encoder that is fed with a still test picture puts out the
 * same few in turn. Key frames below 1 KB (a black picture) are not looked at.
 *
 * An alarm says that something is to be looked at; it refuses nothing, and its absence proves
 * nothing: footage that was encoded again repeats no byte. Values only: no clock, no log.
 */
#ifndef CUSTOS_INGEST_LIVENESS_H
#define CUSTOS_INGEST_LIVENESS_H

#include "media/access_unit.h"

#define LIVENESS_KEY_BYTES 16
#define LIVENESS_GROUPS_MAX 32768 /* remembered: nine hours of one a second; 12 bytes each */

struct liveness;

/* key: random, so that nobody outside can make two groups meet. */
struct liveness *liveness_new(const uint8_t key[static LIVENESS_KEY_BYTES]); /* returns owned */
struct liveness *liveness_free(struct liveness *l);
/* A connection ended or began; what is remembered stays. */
void liveness_restart(struct liveness *l);
/*
 * The next unit of the video. now_us: of a clock that only goes on. Returns the alarm that holds:
 * FAULT_NONE, FAULT_REPEATED_FOOTAGE or FAULT_TIME_WENT_BACK. An alarm ends ten minutes after the
 * last sign of it.
 */
enum fault liveness_push(struct liveness *l, const struct access_unit *unit, int64_t now_us);

#endif
