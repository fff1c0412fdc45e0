/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What all TLS sessions of one config share: OpenSSL's context and the BIO's methods. For crypto/
 * only. Counted by its config and its sessions, within one thread.
 */
#ifndef CUSTOS_CRYPTO_TLS_CONFIG_H
#define CUSTOS_CRYPTO_TLS_CONFIG_H

#include "crypto/ossl.h"
#include "crypto/tls.h"

struct tls_config {
        unsigned refs;
        SSL_CTX *ctx;
        BIO_METHOD *bio;
        X509 *only_issuer; /* NULL: any below the roots */
};

struct tls_config *tls_config_ref(struct tls_config *c);
struct tls_config *tls_config_unref(struct tls_config *c);
struct tls_config *tls_config_of_client(struct tls_client_config *c); /* borrowed */
struct tls_config *tls_config_of_server(struct tls_server_config *c); /* borrowed */

#endif
