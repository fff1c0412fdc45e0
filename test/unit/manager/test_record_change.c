/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which changes of record terms take something away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "manager/record_change.h"

#define TERMS(...) ((struct record_terms){ __VA_ARGS__ })

static void changes(void **state)
{
        const struct {
                struct record_terms before, after;
                bool reduces;
        } cases[] = {
                { TERMS(.mode = RECORD_ALWAYS), TERMS(.mode = RECORD_ALWAYS), false },
                { TERMS(.mode = RECORD_ALWAYS), TERMS(.mode = RECORD_SCHEDULE), true },
                { TERMS(.mode = RECORD_ALWAYS), TERMS(.mode = RECORD_OFF), true },
                { TERMS(.mode = RECORD_SCHEDULE), TERMS(.mode = RECORD_EVENT), true },
                { TERMS(.mode = RECORD_EVENT), TERMS(.mode = RECORD_SCHEDULE), false },
                { TERMS(.mode = RECORD_OFF), TERMS(.mode = RECORD_EVENT), false },
                { TERMS(.mode = RECORD_EVENT), TERMS(.mode = RECORD_ALWAYS), false },
                /* how long it is kept; 0 is no bound */
                { TERMS(.min_days = 10), TERMS(.min_days = 9), true },
                { TERMS(.min_days = 10), TERMS(.min_days = 11), false },
                { TERMS(.max_days = 0), TERMS(.max_days = 30), true },
                { TERMS(.max_days = 30), TERMS(.max_days = 29), true },
                { TERMS(.max_days = 30), TERMS(.max_days = 31), false },
                { TERMS(.max_days = 30), TERMS(.max_days = 0), false },
                { TERMS(.quota_mb = 0), TERMS(.quota_mb = 5), true },
                { TERMS(.quota_mb = 5), TERMS(.quota_mb = 4), true },
                { TERMS(.quota_mb = 5), TERMS(.quota_mb = 0), false },
                /* around events, and between them; of no meaning to what is always recorded */
                { TERMS(.mode = RECORD_EVENT, .pre_s = 5), TERMS(.mode = RECORD_EVENT, .pre_s = 4),
                        true },
                { TERMS(.mode = RECORD_EVENT, .post_s = 5),
                        TERMS(.mode = RECORD_SCHEDULE, .post_s = 4), true },
                { TERMS(.mode = RECORD_EVENT, .pre_s = 5), TERMS(.mode = RECORD_EVENT, .pre_s = 6),
                        false },
                { TERMS(.mode = RECORD_ALWAYS, .pre_s = 5), TERMS(.mode = RECORD_ALWAYS), false },
                { TERMS(.mode = RECORD_EVENT, .between = RECORD_KEY_FRAMES),
                        TERMS(.mode = RECORD_EVENT), true },
                { TERMS(.mode = RECORD_EVENT),
                        TERMS(.mode = RECORD_EVENT, .between = RECORD_KEY_FRAMES), false },
                { TERMS(.mode = RECORD_ALWAYS, .between = RECORD_KEY_FRAMES),
                        TERMS(.mode = RECORD_ALWAYS), false },
                { TERMS(.mode = RECORD_OFF, .between = RECORD_KEY_FRAMES),
                        TERMS(.mode = RECORD_EVENT), false },
                /* another schedule may leave out what was in the first */
                { TERMS(.mode = RECORD_SCHEDULE, .schedule = "mon 08:00-09:00"),
                        TERMS(.mode = RECORD_SCHEDULE, .schedule = "mon 08:00-10:00"), true },
                { TERMS(.mode = RECORD_SCHEDULE, .schedule = "mon 08:00-09:00"),
                        TERMS(.mode = RECORD_SCHEDULE, .schedule = "mon 08:00-09:00"), false },
                { TERMS(.mode = RECORD_SCHEDULE),
                        TERMS(.mode = RECORD_SCHEDULE, .schedule = "mon 08:00-10:00"), true },
                { TERMS(.mode = RECORD_SCHEDULE, .schedule = "mon 08:00-10:00"),
                        TERMS(.mode = RECORD_SCHEDULE), false },
                { TERMS(.mode = RECORD_OFF),
                        TERMS(.mode = RECORD_SCHEDULE, .schedule = "mon 08:00-10:00"), false },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                if (record_change_reduces(&cases[i].before, &cases[i].after) != cases[i].reduces)
                        fail_msg("case %zu", i);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(changes) };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
