/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a worker, a connector or a parent that was taken over can send, and
 * what the parent sends to the connector: first byte chooses the message. What is accepted packs to
 * the same bytes again. */
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
        struct segment_writer_report report;
        struct message_state state;
        struct message_connect to;
        struct message_connected made;
        struct message_grant grant;
        struct bytes token;
        struct err why;
        uint32_t id;
        struct seal seal;
        char stream[HEAD_PATH_MAX];
        struct buf out;

        buf_init(&out, 1u << 20);
        switch (n ? data[0] % 8 : 0) {
        case 0:
                if (message_seal_request_parse(body, &seal, NULL) == 0)
                        same(message_seal_request_pack(&seal, &out, NULL), &out, body);
                break;
        case 1:
                if (message_written_parse(body, stream, &report, NULL) == 0)
                        same(message_written_pack(stream, &report, &out, NULL), &out, body);
                break;
        case 3:
                if (message_connect_parse(body, &to, NULL) == 0)
                        same(message_connect_pack(&to, &out, NULL), &out, body);
                break;
        case 4:
                if (message_connected_parse(body, &made, NULL) == 0)
                        same(message_connected_pack(&made, &out, NULL), &out, body);
                break;
        case 5:
                if (message_not_connected_parse(body, &id, &why, NULL) == 0)
                        same(message_not_connected_pack(id, &why, &out, NULL), &out, body);
                break;
        case 6:
                if (message_grant_parse(body, &grant, NULL) == 0)
                        same(message_grant_pack(&grant, &out, NULL), &out, body);
                break;
        case 7:
                if (message_granted_parse(body, &id, &token, NULL) == 0)
                        same(message_granted_pack(id, token, &out, NULL), &out, body);
                break;
        default:
                if (message_state_parse(body, &state, NULL) == 0)
                        same(message_state_pack(&state, &out, NULL), &out, body);
        }
        buf_done(&out);
        return 0;
}
