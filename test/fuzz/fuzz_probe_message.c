/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The result that the confined half of a probe sends, which a hostile camera may have written: what
 * is taken says the same when it is packed again. */
#include <stdint.h>
#include <stdlib.h>

#include "probe/probe_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        struct probe_result r, again;
        struct err e = { 0 };
        struct buf out;

        if (probe_message_unpack_result(BYTES(data, n), &r, &e) < 0) {
                if (!e.text[0])
                        abort();
                return 0;
        }
        buf_init(&out, 4096);
        if (probe_message_pack_result(&r, &out, NULL) < 0 ||
                probe_message_unpack_result(buf_bytes(&out), &again, NULL) < 0 ||
                again.why.code != r.why.code || again.packets != r.packets ||
                again.clock_offset_us != r.clock_offset_us)
                abort();
        buf_done(&out);
        return 0;
}
