/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A recorder's own keys, made where they are used (recorder/state_dir.h has the list of its files).
 * dir: <state>/recorder, which is there. Blocking.
 */
#ifndef CUSTOS_TRUST_RECORDER_KEYS_H
#define CUSTOS_TRUST_RECORDER_KEYS_H

#include "base/bytes.h"
#include "base/err.h"
#include "crypto/hpke.h"
#include "crypto/sign.h"

/* wrap.key and wrap.pub, where they are not there yet: footage may be under the old ones. */
int recorder_keys_make_wrap(const char *dir, struct err *e) MUST_USE;
/* seal.pem (certificate, issuer, root), then seal.key: where there is a key, there is a certificate
 * for it. */
int recorder_keys_write_seal(const char *dir, const struct sign_key *key, struct bytes chain_pem,
        struct err *e) MUST_USE;
/* And back, of a file of that form. */
int recorder_keys_read_public(
        const char *path, uint8_t ret[static HPKE_PUBLIC_BYTES], struct err *e) MUST_USE;
/* The public half of a recipient into dir/NAME, hex. */
int recorder_keys_write_public(
        const char *dir, const char *name, struct bytes key, struct err *e) MUST_USE;

#endif
