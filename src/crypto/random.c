/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crypto/random.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

void random_bytes(void *to, size_t n)
{
        uint8_t *p = to;

        while (n > 0) {
                ssize_t got = getrandom(p, n, 0);
                if (got < 0 && errno == EINTR)
                        continue;
                if (got <= 0) {
                        /* Going on with guessable keys would be worse than stopping. */
                        fprintf(stderr, "custos: getrandom: %s\n", strerror(errno));
                        abort();
                }
                p += got;
                n -= (size_t)got;
        }
}

uint64_t random_u64(void)
{
        uint64_t v;

        random_bytes(&v, sizeof v);
        return v;
}
