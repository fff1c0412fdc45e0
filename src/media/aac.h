/* SPDX-License-Identifier: GPL-3.0-or-later */
/* AAC's AudioSpecificConfig (ISO/IEC 14496-3 section 1.6.2.1). */
#ifndef CUSTOS_MEDIA_AAC_H
#define CUSTOS_MEDIA_AAC_H

#include "media/access_unit.h"

struct aac_config {
        unsigned object_type;   /* of the core: 2 is AAC-LC */
        uint32_t sample_rate;   /* of the core, 7350..96000 */
        uint32_t channels;      /* 1..8; 0 when a program config element says it */
        uint32_t frame_samples; /* 1024 or 960 */
        uint32_t output_rate; /* with spectral band replication twice as large; else sample_rate */
};
int aac_config_parse(struct bytes config, struct aac_config *ret, struct err *e) MUST_USE;
/* AAC-LC: two bytes. ERR_INVALID when the rate has no index. */
int aac_config_format(
        uint32_t sample_rate, uint32_t channels, uint8_t ret[static 2], struct err *e) MUST_USE;
/* Fills a media_config: the clock rate is the sample rate. */
int aac_config_make(struct bytes config, struct media_config *ret, struct err *e) MUST_USE;

#endif
