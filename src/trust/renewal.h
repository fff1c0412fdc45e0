/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * When a certificate is renewed, and when somebody is told that it runs out (docs/design/links.md,
 * "Certificates of nodes"). All times are wall clock, given by the caller; a clock that is wrong or
 * set back delays nothing for longer than RENEWAL_LAST_US. Pure.
 */
#ifndef CUSTOS_TRUST_RENEWAL_H
#define CUSTOS_TRUST_RENEWAL_H

#include <stdint.h>

#define RENEWAL_FIRST_US (INT64_C(60) * 1000000)  /* before the second try, then doubling */
#define RENEWAL_LAST_US (INT64_C(3600) * 1000000) /* at most */
#define RENEWAL_LATE_US (INT64_C(300) * 1000000)  /* at most, where it is not valid */

struct renewal {
        int64_t not_before_us, not_after_us; /* of the certificate */
        uint64_t seed;                       /* any number; another for each certificate */
        unsigned failures;                   /* since that certificate was got */
        int64_t failed_us;                   /* the last one of them */
};

/* A new certificate: no failures. */
void renewal_start(struct renewal *r, int64_t not_before_us, int64_t not_after_us, uint64_t seed);
void renewal_failed(struct renewal *r, int64_t now_us);
/*
 * The time of the next try; not later than now: at once. At 2/3 of the life and up to 1/10 of it
 * more (by seed: a site's nodes do not come in step); at once where the certificate has expired or
 * is not valid yet; and behind a failure not before 1 min, 2, 4 ... up to 1 h; of one that is not
 * valid, which nobody takes, up to 5 min.
 */
int64_t renewal_next_us(const struct renewal *r, int64_t now_us);

/* What is said of a certificate that runs out, each once in its life. */
#define RENEWAL_THIRD 1u   /* a third of its life is left */
#define RENEWAL_30_DAYS 2u /* ... are left; none that a third of its life is shorter than, */
#define RENEWAL_14_DAYS 4u /* for it would be said of every certificate before it is renewed */
#define RENEWAL_7_DAYS 8u
#define RENEWAL_1_DAY 16u
#define RENEWAL_EXPIRED 32u

/* Which of them have become due behind before_us, up to and with now_us. A first look: before_us is
 * not_before_us. 0 where the clock was set back. */
unsigned renewal_warnings(
        int64_t not_before_us, int64_t not_after_us, int64_t before_us, int64_t now_us);

#endif
