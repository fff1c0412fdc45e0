/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A log of anything: forwards in small pieces and backwards there are the same lines. */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "trust/audit_walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct fuzz_seen {
        uint64_t n, sum;
};

static void fuzz_see(void *owner, const struct audit_walk_line *line)
{
        struct fuzz_seen *s = owner;

        s->n++;
        s->sum += line->at;
}

static bool fuzz_take(void *owner, uint64_t at, struct bytes text)
{
        struct fuzz_seen *s = owner;

        (void)text;
        s->n++;
        s->sum += at;
        return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        struct fuzz_seen on = { 0 }, back = { 0 };
        struct audit_walk w = { 0 };
        uint64_t at = n;
        int fd = memfd_create("log", MFD_CLOEXEC);

        if (fd < 0 || write(fd, data, n) != (ssize_t)n)
                abort();
        while (w.at < n) {
                if (audit_walk_on(&w, fd, n, 1, fuzz_see, &on, NULL) < 0)
                        abort();
        }
        audit_walk_done(&w);
        if (audit_walk_back(fd, &at, UINT64_MAX, fuzz_take, &back, NULL) < 0)
                abort();
        if (at != 0 || on.n != back.n || on.sum != back.sum)
                abort();
        close(fd);
        return 0;
}
