/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "media/aac.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        struct aac_config c;
        struct media_config m;

        if (aac_config_parse(BYTES(data, n), &c, NULL) < 0)
                return 0;
        if (c.sample_rate < 7350 || c.sample_rate > 96000 || c.channels > 8)
                abort();
        if (aac_config_make(BYTES(data, n), &m, NULL) < 0 || m.parameters_n != n)
                abort();
        return 0;
}
