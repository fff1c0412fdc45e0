/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The private key of a TLS server that people connect to: ours, or one of the user's own that came
 * with a certificate of a public CA, and is RSA often. Nothing else is done with it (what the site
 * signs is sign.h's, P-256 alone).
 */
#ifndef CUSTOS_CRYPTO_SERVER_KEY_H
#define CUSTOS_CRYPTO_SERVER_KEY_H

#include "base/bytes.h"
#include "base/err.h"

#define SERVER_KEY_PEM_MAX 16384
#define SERVER_KEY_RSA_MIN 2048 /* bits */
#define SERVER_KEY_RSA_MAX 4096 /* each handshake pays for it */

struct server_key;  /* owned */
struct evp_pkey_st; /* OpenSSL's EVP_PKEY, for the other files of crypto/ */

/* The first private key of a PEM text (PKCS#8, or the older "EC" and "RSA PRIVATE KEY"), not
 * encrypted: RSA of SERVER_KEY_RSA_MIN to _MAX bits, P-256 or P-384. ERR_INVALID with the reason;
 * FAULT_WEAK_KEY where it is too small. */
int server_key_parse(struct bytes pem, struct server_key **ret, struct err *e) MUST_USE;
struct server_key *server_key_free(struct server_key *k);
void server_key_freep(struct server_key **k);
/* SHA-256 of the DER SubjectPublicKeyInfo. */
void server_key_id(const struct server_key *k, uint8_t ret[static 32]);
struct evp_pkey_st *server_key_evp(const struct server_key *k); /* borrowed; crypto/ only */

#endif
