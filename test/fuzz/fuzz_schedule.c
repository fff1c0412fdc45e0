/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A schedule, as somebody wrote it: where it changes next is the next minute that differs. */
#include <stdlib.h>
#include <string.h>

#include "base/record_terms.h"
#include "base/schedule.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_changes(const struct schedule *s)
{
        for (unsigned at = 0; at < SCHEDULE_WEEK_MINUTES;) {
                unsigned day = at / SCHEDULE_DAY_MINUTES, minute = at % SCHEDULE_DAY_MINUTES;
                unsigned next = schedule_next_change(s, day, minute);
                unsigned then = (at + next) % SCHEDULE_WEEK_MINUTES;

                if (next && schedule_inside(s, day, minute) == schedule_inside(s,
                                                                       then / SCHEDULE_DAY_MINUTES,
                                                                       then % SCHEDULE_DAY_MINUTES))
                        abort();
                at += next ? next : SCHEDULE_WEEK_MINUTES;
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        char *text = xcalloc(1, n + 1);
        struct record_terms terms;
        struct schedule s;

        memcpy(text, data, n);
        int r = schedule_parse(text, &s, NULL);
        if (r == 0)
                check_changes(&s);
        record_terms_defaults(&terms);
        if (strlen(text) < sizeof terms.schedule) {
                memcpy(terms.schedule, text, strlen(text));
                if ((record_terms_check(&terms, NULL) == 0) != (r == 0))
                        abort();
        }
        (void)(record_mode_find(text) + record_between_find(text));
        free(text);
        return 0;
}
