/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a player that was taken over can send to the sealer, and a parent to a player: first byte
 * chooses. What is accepted packs to the same bytes again. */
#include <stdlib.h>

#include "recorder/message_play.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void same(int packed, const struct buf *out, struct bytes body)
{
        if (packed < 0 || !bytes_equal(buf_bytes(out), body))
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        struct bytes body = n ? BYTES(data + 1, n - 1) : BYTES(data, 0);
        struct message_key_grant grant;
        struct message_key_ask ask;
        struct message_play play;
        struct buf out;

        buf_init(&out, 1u << 20);
        switch (n ? data[0] % 3 : 0) {
        case 0:
                if (message_key_grant_parse(body, &grant, NULL) == 0)
                        same(message_key_grant_pack(&grant, &out, NULL), &out, body);
                break;
        case 1:
                if (message_key_ask_parse(body, &ask, NULL) == 0)
                        same(message_key_ask_pack(&ask, &out, NULL), &out, body);
                break;
        default:
                if (message_play_parse(body, &play, NULL) == 0)
                        same(message_play_pack(&play, &out, NULL), &out, body);
                break;
        }
        buf_done(&out);
        return 0;
}
