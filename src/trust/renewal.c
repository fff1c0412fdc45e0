/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "trust/renewal.h"

#include <stdbool.h>

#include "base/own.h"

#define RENEWAL_DAY_US (INT64_C(86400) * 1000000)
#define RENEWAL_DOUBLINGS 6 /* 64 min: beyond the last */

void renewal_start(struct renewal *r, int64_t not_before_us, int64_t not_after_us, uint64_t seed)
{
        *r = (struct renewal){
                .not_before_us = not_before_us, .not_after_us = not_after_us, .seed = seed
        };
}

void renewal_failed(struct renewal *r, int64_t now_us)
{
        if (r->failures < RENEWAL_DOUBLINGS + 1)
                r->failures++;
        r->failed_us = now_us;
}

/* Never negative, whatever a certificate says. */
static int64_t life(int64_t not_before_us, int64_t not_after_us)
{
        return not_after_us > not_before_us ? not_after_us - not_before_us : 0;
}

/* 0 to 65535, of every bit of the seed (the multiplier is that of Knuth's 64-bit generator). */
static int64_t spread(uint64_t seed)
{
        seed ^= seed >> 33;
        seed *= UINT64_C(6364136223846793005);
        return (int64_t)(seed >> 48);
}

/* The certificate alone. */
static int64_t due_us(const struct renewal *r, int64_t now_us)
{
        int64_t whole = life(r->not_before_us, r->not_after_us);

        if (now_us < r->not_before_us || now_us >= r->not_after_us)
                return now_us;
        /* Divided first: a life in microseconds times 65536 does not fit. */
        return r->not_before_us + whole / 3 * 2 + whole / 10 / 65536 * spread(r->seed);
}

int64_t renewal_next_us(const struct renewal *r, int64_t now_us)
{
        int64_t due = due_us(r, now_us), wait = RENEWAL_FIRST_US;

        if (r->failures == 0)
                return due;
        bool valid = now_us >= r->not_before_us && now_us < r->not_after_us;
        int64_t most = valid ? RENEWAL_LAST_US : RENEWAL_LATE_US;
        wait <<= r->failures - 1;
        if (wait > most)
                wait = most;
        /* The clock was set back behind the failure: the wait begins now. */
        int64_t again = (r->failed_us < now_us ? r->failed_us : now_us) + wait;
        return again > due ? again : due;
}

unsigned renewal_warnings(
        int64_t not_before_us, int64_t not_after_us, int64_t before_us, int64_t now_us)
{
        static const struct {
                unsigned warning;
                int64_t days;
        } last_days[] = { { RENEWAL_30_DAYS, 30 }, { RENEWAL_14_DAYS, 14 }, { RENEWAL_7_DAYS, 7 },
                { RENEWAL_1_DAY, 1 }, { RENEWAL_EXPIRED, 0 } };
        int64_t third = life(not_before_us, not_after_us) / 3;
        unsigned due = 0;

        if (not_after_us - third > before_us && not_after_us - third <= now_us)
                due |= RENEWAL_THIRD;
        for (unsigned i = 0; i < ARRAY_LEN(last_days); i++) {
                int64_t left = last_days[i].days * RENEWAL_DAY_US;
                if (left <= third && not_after_us - left > before_us &&
                        not_after_us - left <= now_us)
                        due |= last_days[i].warning;
        }
        return due;
}
