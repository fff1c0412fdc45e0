/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The scrubber's rate, by a clock that the test moves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "recorder/scrub_pace.h"

#define SECOND INT64_C(1000000)
#define PIECE (256u << 10)

/* Reads whenever it may for `us`; returns the bytes. step_us: how late the timers are. */
static uint64_t read_for(
        struct scrub_pace *p, int64_t *now_us, int64_t us, uint64_t rate, int64_t step_us)
{
        int64_t end_us = *now_us + us;
        uint64_t bytes = 0;

        while (*now_us < end_us) {
                int64_t wait_us = scrub_pace_wait(p, *now_us);
                if (wait_us > 0) {
                        *now_us += wait_us + step_us;
                        continue;
                }
                scrub_pace_took(p, *now_us, PIECE, rate);
                bytes += PIECE;
        }
        return bytes;
}

static void near(uint64_t bytes, uint64_t wanted)
{
        assert_true(bytes <= wanted + wanted / 50 + 2 * PIECE);
        assert_true(bytes + wanted / 50 + 2 * PIECE >= wanted);
}

static void test_rate(void **state)
{
        static const uint64_t rates[] = { 1000000, 8000000, 100000000, UINT64_C(10000000000) };

        (void)state;
        for (unsigned i = 0; i < 4; i++) {
                struct scrub_pace p = { 0 };
                int64_t now_us = 5 * SECOND;
                /* The first burst is the only one. */
                read_for(&p, &now_us, SECOND, rates[i], 0);
                near(read_for(&p, &now_us, 10 * SECOND, rates[i], 0), 10 * rates[i]);
                /* Timers that come late take nothing away, as long as they are not later than the
                 * burst. */
                near(read_for(&p, &now_us, 10 * SECOND, rates[i], 3000), 10 * rates[i]);
        }
}

/* What was not read is not read all at once. */
static void test_no_catching_up(void **state)
{
        struct scrub_pace p = { 0 };
        int64_t now_us = SECOND;

        (void)state;
        read_for(&p, &now_us, SECOND, 8000000, 0);
        now_us += 3600 * SECOND;
        uint64_t bytes = 0;
        while (scrub_pace_wait(&p, now_us) == 0) {
                scrub_pace_took(&p, now_us, PIECE, 8000000);
                bytes += PIECE;
        }
        assert_true(bytes <= 8 * SCRUB_PACE_BURST_US + 2 * PIECE);
        assert_true(bytes >= PIECE);
}

/* Another rate counts from its file on. */
static void test_rate_changes(void **state)
{
        struct scrub_pace p = { 0 };
        int64_t now_us = SECOND;

        (void)state;
        read_for(&p, &now_us, SECOND, 1000000, 0);
        near(read_for(&p, &now_us, 5 * SECOND, 50000000, 0), 5 * 50000000);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_rate),
                cmocka_unit_test(test_no_catching_up),
                cmocka_unit_test(test_rate_changes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
