/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Renewal and warnings over 400 days, in steps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <cmocka.h>

#include "base/own.h"
#include "trust/renewal.h"

#define SECOND INT64_C(1000000)
#define MINUTE (60 * SECOND)
#define HOUR (3600 * SECOND)
#define DAY (24 * HOUR)
#define NOW (INT64_C(1795000000) * SECOND)

static void at_two_thirds_with_jitter(void **state)
{
        int64_t life = 14 * DAY + HOUR, least = INT64_MAX, most = 0;
        struct renewal r;

        (void)state;
        for (uint64_t seed = 0; seed < 5000; seed++) {
                renewal_start(&r, NOW, NOW + life, seed);
                int64_t at = renewal_next_us(&r, NOW + HOUR) - NOW;
                assert_true(at >= life / 3 * 2);
                assert_true(at <= life / 3 * 2 + life / 10);
                /* the same at every look */
                assert_true(renewal_next_us(&r, NOW + 9 * DAY) == NOW + at);
                least = at < least ? at : least;
                most = at > most ? at : most;
        }
        /* spread over all of it, by neighbouring seeds too */
        assert_true(least < life / 3 * 2 + life / 1000);
        assert_true(most > life / 3 * 2 + life / 10 - life / 1000);
}

static void at_once(void **state)
{
        struct renewal r;

        (void)state;
        renewal_start(&r, NOW, NOW + 14 * DAY, 7);
        assert_true(renewal_next_us(&r, NOW + 14 * DAY) <= NOW + 14 * DAY);
        assert_true(renewal_next_us(&r, NOW + 400 * DAY) <= NOW + 400 * DAY);
        /* a clock that is before the certificate */
        assert_true(renewal_next_us(&r, NOW - SECOND) <= NOW - SECOND);
        assert_true(renewal_next_us(&r, 0) <= 0);
        /* a certificate that is none */
        renewal_start(&r, NOW, NOW - DAY, 7);
        assert_true(renewal_next_us(&r, NOW) <= NOW);
        renewal_start(&r, NOW, NOW, 7);
        assert_true(renewal_next_us(&r, NOW) <= NOW);
}

static void doubling_to_an_hour(void **state)
{
        static const int64_t minutes[] = { 1, 2, 4, 8, 16, 32, 60, 60, 60, 60 };
        int64_t now = NOW + 12 * DAY;
        struct renewal r;

        (void)state;
        renewal_start(&r, NOW, NOW + 14 * DAY, 7);
        for (unsigned i = 0; i < ARRAY_LEN(minutes); i++) {
                renewal_failed(&r, now);
                assert_true(renewal_next_us(&r, now) == now + minutes[i] * MINUTE);
                /* also where it has expired meanwhile */
                assert_true(renewal_next_us(&r, now + 30 * SECOND) == now + minutes[i] * MINUTE);
                now += minutes[i] * MINUTE;
                assert_true(renewal_next_us(&r, now) <= now);
        }
        for (unsigned i = 0; i < 100000; i++) /* years of it */
                renewal_failed(&r, now);
        assert_true(renewal_next_us(&r, now) == now + HOUR);
        /* a clock that is set back by years does not wait for years, nor one set forward */
        assert_true(renewal_next_us(&r, now - 400 * DAY) <= now - 400 * DAY + HOUR);
        assert_true(renewal_next_us(&r, now + 400 * DAY) <= now + 400 * DAY);
        /* got one: anew */
        renewal_start(&r, now, now + 14 * DAY, 7);
        assert_true(renewal_next_us(&r, now) >= now + 9 * DAY);
        renewal_failed(&r, now + 10 * DAY);
        assert_true(renewal_next_us(&r, now + 10 * DAY + SECOND) == now + 10 * DAY + MINUTE);
}

/* A failed try before its time (somebody asked for one) does not make it earlier. */
static void not_before_it_is_due(void **state)
{
        struct renewal r;

        (void)state;
        renewal_start(&r, NOW, NOW + 14 * DAY, 7);
        renewal_failed(&r, NOW + DAY);
        assert_true(renewal_next_us(&r, NOW + DAY) >= NOW + 9 * DAY);
}

/* Tries whenever it is told to; the manager is away in [away_from, away_to). Returns tries. */
static unsigned live_400_days(
        int64_t away_from, int64_t away_to, unsigned *ret_renewals, int64_t *ret_without)
{
        unsigned tries = 0;
        struct renewal r;

        *ret_renewals = 0;
        *ret_without = 0;
        renewal_start(&r, NOW - HOUR, NOW + 14 * DAY, 1);
        for (int64_t now = NOW; now < NOW + 400 * DAY; now += MINUTE) {
                *ret_without += now >= r.not_after_us ? MINUTE : 0;
                if (renewal_next_us(&r, now) > now)
                        continue;
                tries++;
                if (now >= away_from && now < away_to) {
                        renewal_failed(&r, now);
                } else {
                        (*ret_renewals)++;
                        renewal_start(&r, now - HOUR, now + 14 * DAY, *ret_renewals);
                }
        }
        return tries;
}

static void over_400_days(void **state)
{
        unsigned renewals, tries;
        int64_t without;

        (void)state;
        tries = live_400_days(0, 0, &renewals, &without);
        assert_int_equal(tries, renewals);
        assert_true(renewals >= 37 && renewals <= 43); /* 400 / (14 * (2/3 .. 2/3 + 1/10)) */
        assert_true(without == 0);
        /* the manager is away for two days: nobody notices */
        tries = live_400_days(NOW + 100 * DAY, NOW + 102 * DAY, &renewals, &without);
        assert_true(without == 0);
        /* for 100 days: five minutes after it is back there is a certificate again */
        tries = live_400_days(NOW + 100 * DAY, NOW + 200 * DAY, &renewals, &without);
        assert_true(without > 80 * DAY && without < 100 * DAY);
        assert_true(tries - renewals > 80 * 288 && tries - renewals < 101 * 288);
        assert_true(renewals >= 27 && renewals <= 34);
}

/* --- warnings --- */

static unsigned all_of(int64_t life, int64_t every)
{
        static const struct {
                unsigned warning;
                int64_t left;
        } each[] = { { RENEWAL_30_DAYS, 30 * DAY }, { RENEWAL_14_DAYS, 14 * DAY },
                { RENEWAL_7_DAYS, 7 * DAY }, { RENEWAL_1_DAY, DAY }, { RENEWAL_EXPIRED, 0 } };
        int64_t end = NOW + life, last = end + 10 * DAY;
        unsigned seen = 0;

        for (int64_t before = NOW, now = NOW + every; now < last; before = now, now += every) {
                unsigned due = renewal_warnings(NOW, end, before, now);
                assert_int_equal(due & seen, 0); /* each once */
                seen |= due;
                if (due & RENEWAL_THIRD)
                        assert_true(end - now <= life / 3 && end - before > life / 3);
                for (unsigned i = 0; i < ARRAY_LEN(each); i++) {
                        if (due & each[i].warning)
                                assert_true(
                                        end - now <= each[i].left && end - before > each[i].left);
                }
        }
        return seen;
}

static void each_once_at_its_time(void **state)
{
        static const unsigned days = RENEWAL_30_DAYS | RENEWAL_14_DAYS | RENEWAL_7_DAYS |
                                     RENEWAL_1_DAY,
                              always = RENEWAL_THIRD | RENEWAL_EXPIRED;
        static const struct {
                int64_t life;
                unsigned warnings;
        } lives[] = {
                { 400 * DAY, always | days },
                { 825 * DAY, always | days },
                { 3650 * DAY, always | days },
                { 90 * DAY, always | days },
                { 90 * DAY - SECOND, always | (days & ~RENEWAL_30_DAYS) },
                { 45 * DAY, always | RENEWAL_14_DAYS | RENEWAL_7_DAYS | RENEWAL_1_DAY },
                { 14 * DAY + HOUR, always | RENEWAL_1_DAY }, /* a node's */
                { DAY + HOUR, always },
        };
        static const int64_t steps[] = { MINUTE * 7, HOUR, DAY, 5 * DAY };

        (void)state;
        for (unsigned i = 0; i < ARRAY_LEN(lives); i++) {
                for (unsigned k = 0; k < ARRAY_LEN(steps); k++) {
                        if (lives[i].life / steps[k] < 200000 && lives[i].life > steps[k])
                                assert_int_equal(
                                        all_of(lives[i].life, steps[k]), lives[i].warnings);
                }
        }
}

static void to_the_microsecond(void **state)
{
        int64_t end = NOW + 400 * DAY, at = end - 30 * DAY;

        (void)state;
        assert_int_equal(renewal_warnings(NOW, end, at - 2, at - 1), 0);
        assert_int_equal(renewal_warnings(NOW, end, at - 1, at), RENEWAL_30_DAYS);
        assert_int_equal(renewal_warnings(NOW, end, at, at + 1), 0);
        assert_int_equal(renewal_warnings(NOW, end, end - 1, end), RENEWAL_EXPIRED);
}

static void a_first_look_and_clocks(void **state)
{
        int64_t end = NOW + 400 * DAY;

        (void)state;
        assert_int_equal(renewal_warnings(NOW, end, NOW, NOW + DAY), 0);
        assert_int_equal(renewal_warnings(NOW, end, NOW, end - 10 * DAY),
                RENEWAL_THIRD | RENEWAL_30_DAYS | RENEWAL_14_DAYS);
        assert_int_equal(renewal_warnings(NOW, end, NOW, end + DAY),
                RENEWAL_THIRD | RENEWAL_30_DAYS | RENEWAL_14_DAYS | RENEWAL_7_DAYS | RENEWAL_1_DAY |
                        RENEWAL_EXPIRED);
        /* set back: said already */
        assert_int_equal(renewal_warnings(NOW, end, end - 5 * DAY, end - 100 * DAY), 0);
        /* a certificate that is none has expired */
        assert_int_equal(renewal_warnings(NOW, NOW - DAY, NOW - 2 * DAY, NOW),
                RENEWAL_THIRD | RENEWAL_EXPIRED);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(at_two_thirds_with_jitter),
                cmocka_unit_test(at_once),
                cmocka_unit_test(doubling_to_an_hour),
                cmocka_unit_test(not_before_it_is_due),
                cmocka_unit_test(over_400_days),
                cmocka_unit_test(each_once_at_its_time),
                cmocka_unit_test(to_the_microsecond),
                cmocka_unit_test(a_first_look_and_clocks),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
