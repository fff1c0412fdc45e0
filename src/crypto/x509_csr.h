/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Certificate signing requests (PKCS#10, RFC 2986): making one for a key that was born here, and
 * reading those of others. A request proves that its maker has the private half of its key, and
 * nothing else: what it says of names is a wish, and the caller's to judge.
 *
 * Requests come as PEM ("CERTIFICATE REQUEST", with any text around it and any ends of lines) or
 * DER, at most X509_CSR_MAX bytes.
 */
#ifndef CUSTOS_CRYPTO_X509_CSR_H
#define CUSTOS_CRYPTO_X509_CSR_H

#include "crypto/sign.h"
#include "crypto/x509.h"

#define X509_CSR_MAX 16384
#define X509_CSR_URIS_MAX 8
#define X509_CSR_SPKI_MAX 800    /* DER SubjectPublicKeyInfo of RSA 4096 is 550 bytes */
#define X509_CSR_RSA_MIN 2048    /* bits */
#define X509_CSR_RSA_MAX 4096    /* larger ones take a manager's loop too long to check */
#define X509_CSR_NAME_ROOM 256   /* of a DNS name, with its NUL */
#define X509_CSR_ADDRESS_ROOM 46 /* of an address as text, with its NUL */

/* For one of the site's own nodes: P-256 keys only. ERR_INVALID, saying what it is not. */
int x509_csr_key(struct bytes csr, struct verify_key **ret, struct err *e) MUST_USE;

/* A request for key, without names but the subject's: common_name of 1 to 64 bytes, or NULL for an
 * empty subject. Appends DER. */
int x509_csr_make(const struct sign_key *key, const char *common_name, struct buf *out,
        struct err *e) MUST_USE;
/* DER to PEM, appended. */
int x509_csr_pem_format(struct bytes der, struct buf *out, struct err *e) MUST_USE;

enum x509_csr_kind { X509_CSR_P256, X509_CSR_P384, X509_CSR_RSA };

/* All that a request says, of names the texts as they stand in it; all are printable. */
struct x509_csr {
        enum x509_csr_kind kind;
        unsigned bits;
        uint8_t key[32]; /* SHA-256 of the SubjectPublicKeyInfo, as a certificate will have it */
        uint8_t spki[X509_CSR_SPKI_MAX]; /* DER */
        size_t spki_n;
        char subject[256]; /* RFC 2253, escaped, cut; may be empty */
        bool asks_ca;      /* basicConstraints CA, or the usage of one */
        unsigned dns_n, ip_n, uris_n;
        unsigned others_n; /* alternative names of other kinds */
        char dns[X509_NAMES_MAX][X509_CSR_NAME_ROOM];
        char ip[X509_NAMES_MAX][X509_CSR_ADDRESS_ROOM];
        char uris[X509_CSR_URIS_MAX][X509_URI_ROOM];
};

/* "P-256", "P-384", "RSA". */
const char *x509_csr_kind_name(enum x509_csr_kind kind);

/*
 * For whoever signs requests of foreign devices. Refused with ERR_INVALID and the reason are: what
 * is no request (a certificate, a private key, which must not have come here at all), keys that are
 * not P-256, P-384 or RSA of X509_CSR_RSA_MIN to _MAX bits (FAULT_WEAK_KEY where too small), a
 * signature that is not the key's own, extensions that cannot be read. What asks_ca and the names
 * mean is the caller's to decide.
 */
int x509_csr_read(struct bytes csr, struct x509_csr *ret, struct err *e) MUST_USE;

#endif
