/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The register of certificates. What was taken is written and taken again, and then stays as it is.
 */
#include "trust/issued.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        struct issued r, again;
        struct buf first, second;

        issued_init(&r);
        issued_init(&again);
        buf_init(&first, 2 * ISSUED_FILE_MAX);
        buf_init(&second, 2 * ISSUED_FILE_MAX);
        if (issued_parse(BYTES(data, n), &r, NULL) == 0 &&
                (issued_format(&r, &first, NULL) < 0 ||
                        issued_parse(buf_bytes(&first), &again, NULL) < 0 ||
                        issued_format(&again, &second, NULL) < 0 ||
                        !bytes_equal(buf_bytes(&first), buf_bytes(&second))))
                __builtin_trap();
        issued_done(&r);
        issued_done(&again);
        buf_done(&first);
        buf_done(&second);
        return 0;
}
