/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A message of the link protocol: an envelope of exactly the specified form, or an error. */
#include <stdint.h>
#include <stdlib.h>

#include "net/link.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        struct link_message m;
        struct err e = { 0 };

        if (link_parse(BYTES(data, n), &m, &e) < 0) {
                if (!e.text[0])
                        abort();
                return 0;
        }
        if (m.failure.code == 0 && !json_is_object(m.body))
                abort();
        link_message_done(&m);
        return 0;
}
