/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A recovery kit as somebody typed it: what is read, written again, is the same kit. */
#include "vault/recovery_kit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct recovery_kit *kit = NULL, *again = NULL;
        char text[RECOVERY_KIT_TEXT_ROOM];

        if (recovery_kit_parse(BYTES(data, size), &kit, NULL) < 0)
                return 0;
        recovery_kit_format(kit, text);
        if (recovery_kit_parse(bytes_str(text), &again, NULL) < 0 ||
                memcmp(kit->private_key, again->private_key, HPKE_PRIVATE_BYTES) != 0)
                __builtin_trap();
        recovery_kit_free(kit);
        recovery_kit_free(again);
        return 0;
}
