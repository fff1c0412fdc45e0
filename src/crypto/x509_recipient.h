/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A certificate for a key that something is encrypted to (key agreement alone, RFC 5280 section
 * 4.2.1.3): how a site tells a recorder on another host the public half of its recovery kit.
 */
#ifndef CUSTOS_CRYPTO_X509_RECIPIENT_H
#define CUSTOS_CRYPTO_X509_RECIPIENT_H

#include "crypto/hpke.h"

/* The public point of cert's key. ERR_INVALID, ERR_AUTH where it is not a recipient's certificate
 * issued by issuer; says nothing about dates or trust. */
int x509_recipient_key(struct bytes cert_der, struct bytes issuer_der,
        uint8_t ret[static HPKE_PUBLIC_BYTES], struct err *e) MUST_USE;
/* The same point as a DER SubjectPublicKeyInfo, appended: what x509_issue_spki takes. */
int x509_recipient_spki(
        const uint8_t point[static HPKE_PUBLIC_BYTES], struct buf *out, struct err *e) MUST_USE;

#endif
