/* SPDX-License-Identifier: GPL-3.0-or-later */
/* locks/<id>.json of a disk that somebody put in. What is accepted is said the same way again. */
#include <stdlib.h>

#include "vault/lock_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct lock_record l, again;
        struct buf out;

        if (lock_record_parse(BYTES(data, size), &l, NULL) < 0)
                return 0;
        buf_init(&out, LOCK_RECORD_FILE_MAX);
        if (lock_record_format(&l, &out, NULL) < 0 ||
                lock_record_parse(buf_bytes(&out), &again, NULL) < 0 ||
                memcmp(&l, &again, sizeof l) != 0)
                abort();
        buf_done(&out);
        return 0;
}
