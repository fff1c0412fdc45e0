/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads any bytes as a segment file and runs every check on what was found: every view lies within
 * the file, fragments and faults go upwards. */
#include <stdlib.h>

#include "seal/segment.h"
#include "vault/segment_end.h"

static void check_view(struct bytes file, struct bytes view)
{
        if (view.n && (view.p < file.p || view.p + view.n > file.p + file.n))
                abort();
}

static void check_places(const struct segment *s)
{
        uint64_t at = s->header_bytes.n;

        for (unsigned i = 0; i < s->fragments_n; i++) {
                const struct segment_fragment *f = &s->fragments[i];
                if (f->offset < at || f->end <= f->offset || f->end > s->file.n)
                        abort();
                check_view(s->file, f->moof);
                check_view(s->file, f->mdat);
                check_view(s->file, f->seal_payload);
                at = f->end;
        }
        if (s->unsealed_from < at || s->unsealed_from > s->file.n)
                abort();
        check_view(s->file, s->mfra);
        for (unsigned i = 0; i < s->faults_n && i < 64; i++)
                if (s->faults[i].end < s->faults[i].offset || s->faults[i].end > s->file.n)
                        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        static const uint8_t key[16];
        CLEANUP(buf_done) struct buf out = { .max = 1 << 20 };
        static struct segment s; /* large */
        struct segment_end end;
        int sound = 0;

        sound += segment_end_never_synced(BYTES(data, n));
        if (segment_read(BYTES(data, n), &s, NULL) < 0)
                return 0;
        check_places(&s);
        segment_end_judge(&s, &end);
        if (end.keep > s.fragments_n || end.torn != (end.keep < s.fragments_n))
                abort();
        for (unsigned i = 0; i < s.fragments_n; i++) {
                sound += segment_check_fragment(&s, i, NULL) == 0;
                sound += segment_decrypt(&s, i, 1, key, &out, NULL) == 0;
        }
        sound += segment_check_index(&s, NULL) == 0;
        segment_done(&s);
        return sound < 0; /* never: the sum only keeps the calls */
}
