/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the parent sends to its workers and its sealer: first byte chooses the message. What is
 * accepted packs to the same bytes again. */
#include <stdint.h>
#include <stdlib.h>

#include "recorder/message.h"

static void same(int packed, const struct buf *out, struct bytes body)
{
        if (packed < 0 || !bytes_equal(buf_bytes(out), body))
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        struct bytes body = n ? BYTES(data + 1, n - 1) : BYTES(data, 0);
        struct message_stream_open open;
        struct message_assign assign;
        struct message_hello hello;
        struct buf out;

        buf_init(&out, 1u << 20);
        switch (n ? data[0] % 3 : 0) {
        case 0:
                if (message_hello_parse(body, &hello, NULL) == 0)
                        same(message_hello_pack(&hello, &out, NULL), &out, body);
                break;
        case 1:
                if (message_stream_open_parse(body, &open, NULL) == 0)
                        same(message_stream_open_pack(&open, &out, NULL), &out, body);
                break;
        default:
                if (message_assign_parse(body, &assign, NULL) == 0) {
                        same(message_assign_pack(&assign, &out, NULL), &out, body);
                        secret_done(&assign.password);
                }
        }
        buf_done(&out);
        return 0;
}
