/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The input as an SPS, as a configuration record, and as any parameter set. */
#include <stdlib.h>

#include "media/h265.h"
#include "media/media_config.h"
#include "media/parameter_sets.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        struct h265_sps s;
        struct nal_sets sets;
        struct parameter_sets known;
        struct media_config c, again;

        if (h265_sps_parse(BYTES(data, n), &s, NULL) == 0 &&
                (s.width < 1 || s.width > 16384 || s.height < 1 || s.height > 16384))
                abort();
        parameter_sets_init(&known, MEDIA_H265);
        if (parameter_sets_put(&known, BYTES(data, n), NULL) == 1 &&
                parameter_sets_put(&known, BYTES(data, n), NULL) != 0)
                abort();
        if (h265_config_sets(BYTES(data, n), &sets, NULL, NULL) == 0 && sets.n > NAL_SETS_MAX)
                abort();
        if (media_config_of_record(MEDIA_H265, BYTES(data, n), &c, NULL) == 0 &&
                (media_config_of_record(
                         MEDIA_H265, BYTES(c.parameters, c.parameters_n), &again, NULL) < 0 ||
                        !media_config_equal(&c, &again)))
                abort();
        return 0;
}
