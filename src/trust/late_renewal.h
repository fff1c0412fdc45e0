/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How a node asks for a certificate when its own is not valid any more, or not yet: the manager was
 * away for too long, the host was off, a clock was wrong. Such a certificate gets through no
 * handshake; so the node comes without one, and signs its request with the key that it had
 * (docs/spec/link.md section 7):
 *     Authorization: Custos-Renewal URI KEY SIGNATURE
 * KEY: base64 of the DER SubjectPublicKeyInfo; SIGNATURE: base64 of r | s by that key over
 * "custos-late-renewal-1" | 0 | URI | 0 | the CSR's DER. Nothing in it is secret, and who sends it
 * again gets a certificate for the CSR's key, which he has not. Pure.
 */
#ifndef CUSTOS_TRUST_LATE_RENEWAL_H
#define CUSTOS_TRUST_LATE_RENEWAL_H

#include "crypto/sign.h"

#define LATE_RENEWAL_SCHEME "Custos-Renewal "
#define LATE_RENEWAL_URI_ROOM 160
#define LATE_RENEWAL_ROOM 512 /* the header's value */
#define LATE_RENEWAL_CSR_MAX 16384

struct late_renewal {
        char uri[LATE_RENEWAL_URI_ROOM];
        struct verify_key *key; /* owned */
        uint8_t signature[SIGN_BYTES];
};

/* The header's value. */
int late_renewal_format(const char *uri, struct sign_key *key, struct bytes csr_der,
        char to[static LATE_RENEWAL_ROOM], struct err *e) MUST_USE;
/* ERR_INVALID: not such a value. late_renewal_done after success alone. */
int late_renewal_parse(struct bytes value, struct late_renewal *ret, struct err *e) MUST_USE;
/* Whether it was made with that key, for this URI and request. Whose the key is, the caller knows.
 */
bool late_renewal_check(const struct late_renewal *l, struct bytes csr_der);
void late_renewal_done(struct late_renewal *l);

#endif
