/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "manager/record_change.h"

#include <string.h>

/* How much a mode records. */
static int record_change_rank(enum record_mode m)
{
        switch (m) {
        case RECORD_ALWAYS:
                return 3;
        case RECORD_SCHEDULE:
                return 2;
        case RECORD_EVENT:
                return 1;
        default:
                return 0;
        }
}

/* 0 is no bound. */
static bool record_change_lowers(uint64_t before, uint64_t after)
{
        return after != 0 && (before == 0 || after < before);
}

bool record_change_reduces(const struct record_terms *before, const struct record_terms *after)
{
        int was = record_change_rank(before->mode), is = record_change_rank(after->mode);

        if (is < was || after->min_days < before->min_days ||
                record_change_lowers(before->max_days, after->max_days) ||
                record_change_lowers(before->quota_mb, after->quota_mb))
                return true;
        if (before->mode == RECORD_OFF || after->mode == RECORD_ALWAYS)
                return false; /* nothing was, or all is */
        return (before->between == RECORD_KEY_FRAMES && after->between == RECORD_NOTHING) ||
               after->pre_s < before->pre_s || after->post_s < before->post_s ||
               (is == was && after->schedule[0] && strcmp(before->schedule, after->schedule) != 0);
}
