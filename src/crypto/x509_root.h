/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The root certificate of somebody else's certification authority, as an administrator brings it to
 * be trusted for one class of peers. Whether it may vouch for anything is the caller's to decide;
 * here is what every such root has to be.
 */
#ifndef CUSTOS_CRYPTO_X509_ROOT_H
#define CUSTOS_CRYPTO_X509_ROOT_H

#include "crypto/x509.h"

#define X509_ROOT_FILE_MAX 65536

struct x509_root {
        char subject[256];       /* RFC 2253, escaped, cut */
        uint8_t fingerprint[32]; /* SHA-256 of the certificate, as its maker publishes it */
        uint8_t key[32];         /* SHA-256 of the SubjectPublicKeyInfo */
        int64_t from_us, until_us;
        size_t der_n;
        uint8_t der[X509_CERT_MAX];
};

/*
 * The one certificate of a file, PEM (with any text around it) or DER, good at now_us (wall clock).
 * ERR_INVALID, saying why: a private key among it, none, more than one, not a CA's, not
 * self-signed, a key below 112 bits of strength (FAULT_WEAK_KEY), expired or not yet good (their
 * faults), not to the rules of RFC 5280, so that no chain below it would ever be taken.
 */
int x509_root_read(
        struct bytes file, int64_t now_us, struct x509_root *ret, struct err *e) MUST_USE;

#endif
