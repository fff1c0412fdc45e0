/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The first byte chooses the codec, the rest is a NAL unit. What is read back must be written the
 * same way. */
#include <stdlib.h>

#include "media/stamp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        uint8_t again[STAMP_NAL_ROOM];
        struct stamp s, t;

        if (n < 1)
                return 0;
        const enum media_codec codec = data[0] & 1 ? MEDIA_H265 : MEDIA_H264;

        if (!stamp_parse(codec, BYTES(data + 1, n - 1), &s))
                return 0;
        if (!stamp_parse(codec, BYTES(again, stamp_format(codec, 1, &s, again)), &t) ||
                t.counter != s.counter || t.wall_us != s.wall_us || strcmp(t.camera, s.camera) != 0)
                abort();
        return 0;
}
