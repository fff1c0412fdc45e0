/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A key store file of a hostile medium: parsed, and opened with a key that is in it. */
#include "vault/key_store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const uint8_t private_key[HPKE_PRIVATE_BYTES] = { [31] = 1 };
        struct key_store_file file;
        uint8_t hour_key[32];

        if (key_store_parse(BYTES(data, size), &file, NULL) < 0)
                return 0;
        if (file.wraps_n == 0 || file.wraps_n > KEY_STORE_RECIPIENTS_MAX ||
                !head_is_stream_path(file.stream))
                __builtin_trap();
        if (key_store_unwrap(
                    BYTES(data, size), file.stream, file.key_id, private_key, hour_key, NULL) == 0)
                __builtin_trap(); /* the corpus has no wrap for this key */
        return 0;
}
