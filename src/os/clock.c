/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "os/clock.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
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

long long clock_log_us(void)
{
        return clock_wall_us();
}
