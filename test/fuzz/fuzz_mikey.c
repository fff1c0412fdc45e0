/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A MIKEY message, and as the base64 of one; what is understood goes the way back. */
#include <stdlib.h>
#include <string.h>

#include "proto/key_mgmt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void way_back(const struct mikey *m)
{
        static const uint8_t random[MIKEY_RAND_BYTES] = { 0 };
        struct mikey again;
        struct buf out;

        buf_init(&out, 8192);
        if (mikey_format(m, 0, random, &out, NULL) == 0) {
                if (mikey_parse(buf_bytes(&out), &again, NULL) < 0 || again.keys_n != m->keys_n ||
                        again.streams_n != m->streams_n ||
                        memcmp(again.keys, m->keys, sizeof again.keys[0] * m->keys_n) != 0)
                        abort();
                mikey_done(&again);
        }
        buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        struct mikey m;

        if (mikey_parse(BYTES(data, n), &m, NULL) == 0)
                way_back(&m);
        if (key_mgmt_parse(BYTES(data, n), NULL, &m, NULL) == 0)
                way_back(&m);
        return 0;
}
