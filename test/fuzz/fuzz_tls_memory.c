/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The TLS memory's file. What was taken is written and taken again, and then stays as it is. */
#include "trust/tls_memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        struct tls_memory *m = NULL, *again = NULL;
        struct buf first, second;
        struct err e;

        if (tls_memory_parse(BYTES(data, n), &m, &e) < 0)
                return 0;
        buf_init(&first, TLS_MEMORY_FILE_MAX);
        buf_init(&second, TLS_MEMORY_FILE_MAX);
        if (tls_memory_format(m, &first, &e) < 0 ||
                tls_memory_parse(buf_bytes(&first), &again, &e) < 0 ||
                tls_memory_format(again, &second, &e) < 0 ||
                !bytes_equal(buf_bytes(&first), buf_bytes(&second)))
                __builtin_trap();
        buf_done(&first);
        buf_done(&second);
        tls_memory_freep(&m);
        tls_memory_freep(&again);
        return 0;
}
