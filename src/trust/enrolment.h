/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a new host believes of what it is sent while it joins a site (docs/design/links.md): the
 * site, where the code names its root; its own certificates, where they are for its key, of the
 * right issuer below that root, and for the node of the code. Pure.
 */
#ifndef CUSTOS_TRUST_ENROLMENT_H
#define CUSTOS_TRUST_ENROLMENT_H

#include "crypto/hpke.h"
#include "crypto/x509_pkcs7.h"
#include "trust/enrol_code.h"
#include "trust/node_identity.h"

/*
 * Of the certificates that somebody unknown sent: the root that the code names, the issuer of nodes
 * below it, and the name of the site. Fills n's site, role, name, root_der and issuer_der; n comes
 * from enrolment_init. ERR_AUTH with FAULT_OTHER_SITE where none is that root.
 */
int enrolment_take_site(struct node_identity *n, const struct enrol_code *code,
        const struct x509_pkcs7 *certs, struct err *e) MUST_USE;
void enrolment_init(struct node_identity *n);

/* The certificate that was made for n's key, with its issuer: becomes n's chain, dates too. Where
 * it is another's: FAULT_BAD_ENROLMENT. */
int enrolment_take_node(
        struct node_identity *n, const struct x509_pkcs7 *certs, struct err *e) MUST_USE;
/* A seal certificate for key: appends PEM of it, its issuer and the root (recorder/state_dir.h).
 * now_us: it must be valid then. */
int enrolment_take_seal(const struct node_identity *n, const struct sign_key *key,
        const struct x509_pkcs7 *certs, int64_t now_us, struct buf *pem, struct err *e) MUST_USE;
/* Of the same answer, the public half of the site's recovery kit. */
int enrolment_take_recovery(const struct node_identity *n, const struct x509_pkcs7 *certs,
        uint8_t ret[static HPKE_PUBLIC_BYTES], struct err *e) MUST_USE;

#endif
