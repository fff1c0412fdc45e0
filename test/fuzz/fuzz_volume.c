/* SPDX-License-Identifier: GPL-3.0-or-later */
/* volume.json of a disk that somebody put in. What is accepted is said the same way again. */
#include <stdlib.h>

#include "vault/volume.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct volume_identity v, again;
        struct buf out;

        if (volume_identity_parse(BYTES(data, size), &v, NULL) < 0)
                return 0;
        buf_init(&out, 1u << 16);
        if (volume_identity_format(&v, &out, NULL) < 0 ||
                volume_identity_parse(buf_bytes(&out), &again, NULL) < 0 ||
                memcmp(&v, &again, sizeof v) != 0)
                abort();
        buf_done(&out);
        return 0;
}
