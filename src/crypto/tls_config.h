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
        char *site;                   /* owned; whose nodes are taken; NULL: not between roles */
        X509 *only_issuer;            /* NULL: any below the roots */
        STACK_OF(X509_CRL) * crls;    /* NULL: none */
        STACK_OF(X509) * crl_issuers; /* roots and issuers that may have signed them */
        struct tls_config_seen {
                bool any;
                struct tls_seen last;
        } * seen; /* owned; NULL: nobody asked for it */
};

struct tls_config *tls_config_new(const SSL_METHOD *method); /* TLS 1.2 or better, no resumption */
/* What the end presents: chain (leaf first) and key. `what` is for the error's text. */
int tls_config_present(struct tls_config *c, const char *what, struct bytes chain_pem,
        EVP_PKEY *key, struct err *e) MUST_USE;
struct tls_config *tls_config_ref(struct tls_config *c);
struct tls_config *tls_config_unref(struct tls_config *c);
struct tls_config *tls_config_of_client(struct tls_client_config *c); /* borrowed */
struct tls_config *tls_config_of_server(struct tls_server_config *c); /* borrowed */

/* tls_crls.c */
int tls_crls_set(struct tls_config *c, struct bytes pem, struct err *e) MUST_USE;
void tls_crls_done(struct tls_config *c);
/* The entry of a list of its issuer's name that has its serial; borrowed, NULL where none has. */
X509_REVOKED *tls_crls_find(const struct tls_config *c, X509 *cert);
/* One of the issuers that lists are taken from has signed cert. */
bool tls_crls_issued(const struct tls_config *c, X509 *cert);

#endif
