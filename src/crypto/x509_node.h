/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a node's own certificate is, as its holder reads it: from its files, or when it was just
 * given one. No dates are judged: at a start an expired certificate is still whose it is, and has
 * to be renewed. A peer's is judged by tls_role.h.
 */
#ifndef CUSTOS_CRYPTO_X509_NODE_H
#define CUSTOS_CRYPTO_X509_NODE_H

#include "base/bytes.h"
#include "base/err.h"

#define X509_NODE_URI_ROOM 160

struct x509_node {
        char uri[X509_NODE_URI_ROOM]; /* its one alternative name */
        uint8_t key[32];              /* SHA-256 of the SubjectPublicKeyInfo */
        int64_t not_before_us, not_after_us;
};

/* leaf is a node's (server and client, no CA, exactly one alternative name, a URI), issued by
 * issuer, issuer by root, each a CA as x509_node_check_root says. ERR_AUTH, ERR_INVALID. */
int x509_node_read(struct bytes leaf_der, struct bytes issuer_der, struct bytes root_der,
        struct x509_node *ret, struct err *e) MUST_USE;
/* cert is a CA with a path length of 1 or more or none, and signed by itself. ERR_AUTH. Says
 * nothing about whether it is to be trusted. */
int x509_node_check_root(struct bytes cert_der, struct err *e) MUST_USE;

#endif
