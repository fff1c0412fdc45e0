/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "media/cenc.h"

#define CENC_BLOCK 16
#define CENC_CLEAR_MAX UINT16_MAX

/* The ranges written so far; a clear run stays open until protected bytes end it. */
struct cenc_writer {
        struct cenc_range *ranges;
        int n;
        uint32_t clear;
};

static int cenc_put(struct cenc_writer *w, uint32_t protected_bytes, struct err *e)
{
        do {
                uint32_t clear = w->clear < CENC_CLEAR_MAX ? w->clear : CENC_CLEAR_MAX;

                if (w->n == CENC_RANGES_MAX)
                        return err_set(e, ERR_EXHAUSTED, "access unit needs more than %d ranges",
                                CENC_RANGES_MAX);
                w->clear -= clear;
                w->ranges[w->n++] =
                        (struct cenc_range){ (uint16_t)clear, w->clear ? 0 : protected_bytes };
        } while (w->clear);
        return 0;
}

static int cenc_nal(struct cenc_writer *w, uint32_t header, uint32_t nal, struct err *e)
{
        uint32_t body = nal > header ? nal - header : 0;
        uint32_t protected_bytes = body - body % CENC_BLOCK;

        w->clear += 4 + nal - protected_bytes;
        return protected_bytes ? cenc_put(w, protected_bytes, e) : 0;
}

int cenc_plan(enum media_codec codec, struct bytes sample,
        struct cenc_range ret[static CENC_RANGES_MAX], struct err *e)
{
        if (sample.n == 0 || sample.n > ACCESS_UNIT_MAX)
                return err_set(e, ERR_PROTOCOL, "access unit of %zu bytes (1 to %u are possible)",
                        sample.n, ACCESS_UNIT_MAX);
        if (!media_has_nals(codec))
                return 0;

        struct cenc_writer w = { .ranges = ret };
        for (size_t at = 0; at < sample.n;) {
                const uint8_t *p = sample.p + at;

                if (sample.n - at < 4)
                        return err_set(e, ERR_PROTOCOL,
                                "access unit: %zu bytes behind the last NAL unit", sample.n - at);
                uint32_t nal =
                        (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
                if (nal > sample.n - at - 4)
                        return err_set(e, ERR_PROTOCOL,
                                "access unit: NAL unit of %u bytes at %zu, %zu are there", nal, at,
                                sample.n - at - 4);
                int r = cenc_nal(&w, codec == MEDIA_H265 ? 2 : 1, nal, e);
                if (r < 0)
                        return r;
                at += 4 + (size_t)nal;
        }
        if (w.clear) {
                int r = cenc_put(&w, 0, e);
                if (r < 0)
                        return r;
        }
        return w.n;
}
