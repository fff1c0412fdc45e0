/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How often somebody may try a password. Wrong ones are counted
 *  - per name and address together: from the SIGN_IN_FREE-th on each makes the next wait, 1 s,
 *    doubling to 15 minutes;
 *  - per address over all names: SIGN_IN_OF_ADDRESS within an hour, then none until it is over;
 *  - per name over all addresses from which that person never signed in: from the
 *    SIGN_IN_OF_NAME-th on, as the first. Where the person did sign in before it does not count, so
 *    nobody is locked out of where he works by tries from elsewhere.
 * Counts are forgotten an hour after the last one. Names that nobody has are counted alike. An
 * address is one of IPv4, or a /64 of IPv6.
 *
 * An attempt counts as wrong when it is admitted, and is taken back when it was right: a thousand
 * at the same moment are no way round. Bounded: SIGN_IN_REMEMBERED of each kind; where there is no
 * room the one with the fewest tries, and of those the oldest, gives way. Pure: time is given
 * (boot clock).
 */
#ifndef CUSTOS_MANAGER_SIGN_IN_H
#define CUSTOS_MANAGER_SIGN_IN_H

#include "base/err.h"
#include "base/network.h"

#define SIGN_IN_FREE 5
#define SIGN_IN_OF_ADDRESS 50
#define SIGN_IN_OF_NAME 20
#define SIGN_IN_WAIT_MAX_S 900
#define SIGN_IN_FORGET_US (INT64_C(3600) * 1000000)
#define SIGN_IN_REMEMBERED 4096

struct sign_in; /* owned */

/* Who tries, and from where. */
struct sign_in_try {
        const char *name;                       /* as typed; letters of ASCII without case */
        uint8_t address[NETWORK_ADDRESS_BYTES]; /* base/network.h; sign_in_place */
        bool known;                             /* that person signed in from there before */
};

struct sign_in *sign_in_new(void);
struct sign_in *sign_in_free(struct sign_in *s);
/* The address as it counts: of IPv6 its /64. */
void sign_in_place(const uint8_t address[static NETWORK_ADDRESS_BYTES],
        uint8_t ret[static NETWORK_ADDRESS_BYTES]);
/* Whether it may be tried now: then it counts as wrong from here on. ERR_EXHAUSTED, too-many-tries,
 * where not; *ret_wait_s: when it may. */
int sign_in_admit(struct sign_in *s, const struct sign_in_try *t, int64_t now_us,
        unsigned *ret_wait_s, struct err *e) MUST_USE;
/* It was right: it did not count, and of name and address together nothing counts any more. */
void sign_in_succeeded(struct sign_in *s, const struct sign_in_try *t);
/* It was not tried after all. */
void sign_in_take_back(struct sign_in *s, const struct sign_in_try *t);

#endif
