/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A wall clock that a test can step while the program runs, for processes that may open nothing any
 * more: preloaded, it reads how far the clock is off from 8 bytes (microseconds, of this machine's
 * order) of the file CLOCK_SHIFT_FILE, mapped before main begins. The other clocks are the
 * kernel's. No part of the program.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *shift;

__attribute__((constructor)) static void begin(void)
{
        const char *path = getenv("CLOCK_SHIFT_FILE");
        int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;

        if (fd < 0)
                return;
        void *p = mmap(NULL, sizeof *shift, PROT_READ, MAP_SHARED, fd, 0);
        close(fd);
        if (p != MAP_FAILED)
                shift = p;
}

int clock_gettime(clockid_t id, struct timespec *t)
{
        int r = (int)syscall(SYS_clock_gettime, id, t);

        if (r < 0 || id != CLOCK_REALTIME || !shift)
                return r;
        int64_t us = (int64_t)t->tv_sec * 1000000 + t->tv_nsec / 1000 + *shift;
        t->tv_sec = (time_t)(us / 1000000);
        t->tv_nsec = (long)(us % 1000000 * 1000);
        return 0;
}

int gettimeofday(struct timeval *t, void *zone)
{
        struct timespec now;

        (void)zone;
        clock_gettime(CLOCK_REALTIME, &now);
        t->tv_sec = now.tv_sec;
        t->tv_usec = now.tv_nsec / 1000;
        return 0;
}

time_t time(time_t *t)
{
        struct timespec now;

        clock_gettime(CLOCK_REALTIME, &now);
        if (t)
                *t = now.tv_sec;
        return now.tv_sec;
}
