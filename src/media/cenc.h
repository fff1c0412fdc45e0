/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which bytes of a sample are encrypted (ISO/IEC 23001-7 scheme 'cenc'; docs/spec/vault.md section
 * 5). Plans only; the cipher is applied by the caller (crypto/cipher.h), so that the copy is the
 * encryption.
 */
#ifndef CUSTOS_MEDIA_CENC_H
#define CUSTOS_MEDIA_CENC_H

#include "media/access_unit.h"

struct cenc_range {
        uint16_t clear;
        uint32_t protected_bytes;
};

#define CENC_RANGES_MAX (2 * ACCESS_UNIT_NALS_MAX)

/* Video: ranges of a length-prefixed access unit. Returns their count, or ERR_PROTOCOL when the NAL
 * lengths do not add up, ERR_EXHAUSTED when there are too many. Audio: 0 ranges = the whole sample.
 */
int cenc_plan(enum media_codec codec, struct bytes sample,
        struct cenc_range ret[static CENC_RANGES_MAX], struct err *e) MUST_USE;

#endif
