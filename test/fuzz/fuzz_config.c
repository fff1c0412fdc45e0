/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A configuration file: taken whole or refused with a text; what stood before stays on failure. */
#include <stdint.h>
#include <stdlib.h>

#include "os/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        struct settings s, before;
        struct err e = { 0 };

        settings_defaults(&s);
        before = s;
        if (config_parse(BYTES(data, n), "config", &s, &e) < 0) {
                if (!e.text[0] || memcmp(&s, &before, sizeof s) != 0)
                        abort();
        }
        return 0;
}
