/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Walks boxes and their children: every view lies within its parent, and the walk ends. */
#include <stdlib.h>

#include "media/box.h"

static void walk(struct bytes in, unsigned depth)
{
        struct box b;
        uint64_t at = 0, before = 0;

        while (box_next(in, &at, &b, NULL) > 0) {
                if (at <= before || at > in.n || b.whole.n != at - before ||
                        b.whole.p != in.p + before)
                        abort();
                if (b.payload.p < b.whole.p || b.payload.p + b.payload.n != b.whole.p + b.whole.n)
                        abort();
                before = at;
                if (depth < 8)
                        walk(b.payload, depth + 1);
        }
        if (at != before)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        struct box b;

        walk(BYTES(data, n), 0);
        int r = box_find(BYTES(data, n), BOX_TYPE('m', 'o', 'o', 'v'), &b, NULL);
        if (r == 0 && b.type != BOX_TYPE('m', 'o', 'o', 'v'))
                abort();
        return 0;
}
