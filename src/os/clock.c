/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "os/clock.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/timex.h>
#include <time.h>

#define CLOCK_OFFSET_MAX_S (100ll * 366 * 24 * 3600)

static int64_t clock_read_us(clockid_t id)
{
        struct timespec t = { 0 };

        clock_gettime(id, &t);
        return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* 0 unless the variable holds a whole number of seconds, within a century. */
static int64_t clock_offset_us(void)
{
        const char *text = getenv("CUSTOS_CLOCK_OFFSET_S");
        char *end;

        if (!text || !*text)
                return 0;
        int saved = errno;
        errno = 0;
        long long s = strtoll(text, &end, 10);
        bool good =
                errno == 0 && *end == '\0' && s >= -CLOCK_OFFSET_MAX_S && s <= CLOCK_OFFSET_MAX_S;
        errno = saved;
        return good ? s * 1000000 : 0;
}

int64_t clock_wall_us(void)
{
        return clock_read_us(CLOCK_REALTIME) + clock_offset_us();
}

int64_t clock_boot_us(void)
{
        return clock_read_us(CLOCK_BOOTTIME);
}

int64_t clock_slewed_us(void)
{
        return clock_read_us(CLOCK_MONOTONIC) - clock_read_us(CLOCK_MONOTONIC_RAW);
}

int clock_discipline(struct clock_discipline *ret, struct err *e)
{
        struct timex t = { .modes = 0 };
        int state = adjtimex(&t);

        if (state < 0)
                return err_os(e, ERR_UNAVAILABLE, errno, "read the state of the clock");
        *ret = (struct clock_discipline){
                .synchronized = state != TIME_ERROR && !(t.status & STA_UNSYNC),
                .offset_us = t.status & STA_NANO ? t.offset / 1000 : t.offset,
                .estimated_error_us = t.esterror,
                .maximum_error_us = t.maxerror,
        };
        return 0;
}

long long clock_log_us(void)
{
        return clock_wall_us();
}
