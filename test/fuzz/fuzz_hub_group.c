/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a captured worker may say: messages (u16 length each) to two readers; one takes all, one
 * nothing. */
#include <stdlib.h>

#include "base/pack.h"
#include "hub/hub_group.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Bytes that r takes. */
static uint64_t take(struct hub_reader *r, struct buf *out)
{
        uint64_t bytes = 0;

        for (; hub_reader_pop(r, out); buf_clear(out)) {
                struct media_message m;
                struct bytes sealed;

                if (media_message_parse(buf_bytes(out), &m, &sealed, NULL) < 0 ||
                        m.subscription != r->subscription)
                        abort();
                bytes += out->n;
        }
        return bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        struct hub_group g = { 0 };
        struct hub_reader quick, slow;
        struct unpack u = unpack_of(BYTES(data, n));
        struct buf out;
        int r = 0;

        buf_init(&out, MEDIA_MESSAGE_MAX);
        if (hub_reader_init(&quick, 1, HUB_READER_WINDOW_MIN, NULL) < 0 ||
                hub_reader_init(&slow, 2, HUB_READER_WINDOW_MIN, NULL) < 0)
                abort();
        hub_group_add(&g, &quick);
        hub_group_add(&g, &slow);
        while (unpack_left(&u) > 0 && r >= 0 && !u.bad) {
                r = hub_group_push(&g, unpack_field16(&u, UINT16_MAX), NULL);
                if (hub_reader_credit(&quick, take(&quick, &out), NULL) < 0 ||
                        quick.credit != quick.window || slow.credit > slow.window)
                        abort();
        }
        if (slow.window - slow.credit != take(&slow, &out))
                abort();
        hub_group_done(&g);
        hub_reader_done(&quick);
        hub_reader_done(&slow);
        buf_done(&out);
        return 0;
}
