/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The media key of a subscription that a recorder opened under a grant (docs/spec/link.md section
 * 8): bound to the stream and to the grant's id. Pure. */
#ifndef CUSTOS_GATEWAY_GRANT_KEY_H
#define CUSTOS_GATEWAY_GRANT_KEY_H

#include "crypto/media_box.h"

/* private_key: of the session that the grant names. token: the grant. wrap_hex: the recorder's
 * answer, NULL where it has none. ERR_PROTOCOL, ERR_AUTH. */
int grant_key_open(const uint8_t private_key[static HPKE_PRIVATE_BYTES], const char *stream,
        const char *token, const char *wrap_hex, struct media_box **ret, struct err *e) MUST_USE;

#endif
