/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Certificates: making them for a site (root, issuers, leaves) and checking seal chains. DER in,
 * DER out; no file, no clock: the caller gives the time. Camera links are checked by tls.h.
 */
#ifndef CUSTOS_CRYPTO_X509_H
#define CUSTOS_CRYPTO_X509_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"
#include "crypto/sign.h"

#define X509_CERT_MAX 8192
#define X509_PEM_MAX 262144
#define X509_NAMES_MAX 32 /* subject alternative names of one certificate */
#define X509_URI_ROOM 256

enum x509_purpose {
        X509_ROOT,       /* CA, path length 1 */
        X509_ISSUER,     /* CA, path length 0 */
        X509_CAMERA,     /* serverAuth; a web page's too: the issuer tells them apart */
        X509_WEB_ROOT,   /* CA, path length 1, name constraints: what people's devices trust */
        X509_WEB_ISSUER, /* CA, path length 0, serverAuth, name constraints */
        X509_NODE,       /* serverAuth + clientAuth */
        X509_SEAL,  /* digitalSignature, extended key usage 1.3.6.1.5.5.7.3.36 (document signing) */
        X509_GRANT, /* the same; its URI, a manager's, tells them apart */
        X509_RECIPIENT, /* keyAgreement (x509_recipient.h) */
};

struct x509_request {
        enum x509_purpose purpose;
        const char *common_name;
        /* NULL-terminated, or NULL; ip as text. Of a CA for web pages, what it may vouch for beside
         * what x509_web.h says that any may. */
        const char *const *dns;
        const char *const *ip;
        const char *uri;                     /* one URI SAN, or NULL */
        int64_t not_before_us, not_after_us; /* wall clock */
};

/* A certificate for subject_key's public half (a root when issuer_cert is empty: self-signed by
 * issuer_key, which must then be the subject's). Serial: 127 random bits. Appends DER to out. */
int x509_issue(const struct x509_request *r, const struct sign_key *subject,
        struct bytes issuer_cert_der, struct sign_key *issuer_key, struct buf *out,
        struct err *e) MUST_USE;
/* The same for a key whose private half is elsewhere (where it was born), of any kind that a
 * certificate can have, as DER SubjectPublicKeyInfo; whoever calls it has judged the key
 * (x509_csr.h). Not for roots. */
int x509_issue_spki(const struct x509_request *r, struct bytes spki_der,
        struct bytes issuer_cert_der, struct sign_key *issuer_key, struct buf *out,
        struct err *e) MUST_USE;

/* DER to PEM and back ("CERTIFICATE"); parse takes the index-th certificate of the text, from 0,
 * and skips what is not one. ERR_NOT_FOUND past the last. At most X509_PEM_MAX bytes of text. */
int x509_pem_format(struct bytes der, struct buf *out, struct err *e) MUST_USE;
int x509_pem_parse(struct bytes pem, unsigned index, struct buf *out, struct err *e) MUST_USE;

/* Site fingerprint: SHA-256 over the root's SubjectPublicKeyInfo. */
int x509_key_id(struct bytes cert_der, uint8_t ret[static 32], struct err *e) MUST_USE;
/* Not before and not after, wall clock. */
int x509_not_before(struct bytes cert_der, int64_t *ret_us, struct err *e) MUST_USE;
int x509_not_after(struct bytes cert_der, int64_t *ret_us, struct err *e) MUST_USE;
/* Subject as one RFC 2253 line, escaped, for texts that people read. */
int x509_subject(struct bytes cert_der, char *to, size_t room, struct err *e) MUST_USE;

/* cert carries issuer's name as its issuer and issuer's signature. Says nothing about dates or
 * trust. */
int x509_check_issued_by(struct bytes cert_der, struct bytes issuer_der, struct err *e) MUST_USE;

/*
 * leaf is a seal certificate issued by issuer, issuer by root, with the right usages, CA flags,
 * path lengths, signatures, and all three valid at at_us. Says nothing about whether root is to be
 * trusted.
 */
int x509_check_seal_chain(struct bytes leaf, struct bytes issuer, struct bytes root, int64_t at_us,
        struct err *e) MUST_USE;
/*
 * The same for the certificate that signs grants: it has exactly one alternative name, the URI
 * "custos://SITE/manager/NAME", which is copied; a seal's certificate never passes, nor this one
 * for a seal's. ERR_AUTH with a fault of the table where there is a row (expired, ...). Which site,
 * and what is revoked (x509_crl_allows), is the caller's to ask.
 */
int x509_check_grant_chain(struct bytes leaf, struct bytes issuer, struct bytes root, int64_t at_us,
        char ret_uri[static X509_URI_ROOM], struct err *e) MUST_USE;

#endif
