/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What verify/ finds wrong in one segment by itself, without keys, as one word: hashes, signatures
 * and certificates of its seals, the chain inside of it, its index boxes, and whether it is the
 * segment that it should be. Pure; any bytes are taken.
 */
#ifndef CUSTOS_RECORDER_SCRUB_CHECK_H
#define CUSTOS_RECORDER_SCRUB_CHECK_H

#include "recorder/message_volume.h"

/* root: fingerprint of the site whose recorder sealed it. ret->id is not touched. */
void scrub_check(struct bytes file, const struct message_scrub *asked,
        const uint8_t root[static 32], struct message_scrubbed *ret);

#endif
