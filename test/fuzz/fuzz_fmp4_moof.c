/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the reader of moof accepts is written again byte for byte, and its samples and ranges are
 * consistent. */
#include <stdlib.h>

#include "media/fmp4.h"

static void check_track(const struct fmp4_fragment_track *t)
{
        uint64_t bytes = 0;

        for (unsigned i = 0; i < t->samples_n; i++) {
                const struct fmp4_sample *s = &t->samples[i];
                uint64_t covered = 0;
                if (s->ranges_n && (uint64_t)s->ranges_first + s->ranges_n > t->ranges_total)
                        abort();
                for (unsigned k = 0; k < s->ranges_n; k++)
                        covered += (uint64_t)t->ranges[s->ranges_first + k].clear +
                                   t->ranges[s->ranges_first + k].protected_bytes;
                if (s->ranges_n && covered != s->size)
                        abort();
                bytes += s->size;
        }
        if (bytes != t->bytes)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        CLEANUP(buf_done) struct buf again = { .max = 1 << 24 };
        struct fmp4_fragment f;
        struct bytes in = BYTES(data, n);

        if (fmp4_read_moof(in, &f, NULL) < 0)
                return 0;
        for (unsigned i = 0; i < f.tracks_n; i++)
                check_track(&f.tracks[i]);
        if (fmp4_write_moof(&f, &again, NULL) < 0 || !bytes_equal(in, buf_bytes(&again)))
                abort();
        fmp4_fragment_done(&f);
        return 0;
}
