/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A grant (docs/design/grants.md): who may see which streams, signed by the manager, as a JSON Web
 * Signature in compact form (RFC 7515, ES256), with the signer's certificate and its issuer in
 * "x5c". Making and checking; no file, no clock.
 *
 * Checked are: form (no other header, no other member, nothing twice), signature, chain to the
 * given root by the nodes issuer, the certificate's purpose and URI (a manager's, of this site) and
 * dates, lists of what is revoked, iat and exp (at most CAPABILITY_LIFE_S apart, CAPABILITY_SKEW_S
 * of difference between clocks).
 */
#ifndef CUSTOS_TRUST_CAPABILITY_H
#define CUSTOS_TRUST_CAPABILITY_H

#include "base/buf.h"
#include "base/err.h"
#include "crypto/hpke.h"
#include "crypto/sign.h"

#define CAPABILITY_STREAMS_MAX 64
#define CAPABILITY_TOKEN_MAX 16384
#define CAPABILITY_LIFE_S 600
#define CAPABILITY_SKEW_S 30

enum capability_use { CAPABILITY_LIVE = 1, CAPABILITY_PLAYBACK = 2, CAPABILITY_EXPORT = 4 };

struct capability {
        uint8_t id[16];
        char site[64];
        char person[128];  /* whoever asked, in words: not empty, no control characters */
        char gateway[160]; /* URI of the node that may use it */
        char receiver[128], purpose[256]; /* of an export, as person; else empty */
        unsigned use;      /* of enum capability_use, at least one */
        unsigned streams_n;
        char streams[CAPABILITY_STREAMS_MAX][96]; /* paths */
        int64_t from_us, until_us; /* of footage, wall, inclusive; 0 and 0 where only live */
        uint8_t session[HPKE_PUBLIC_BYTES];
        int64_t issued_us, expires_us; /* whole seconds */
};

/* chain: leaf and nodes issuer, DER. Appends the token. */
int capability_format(const struct capability *c, struct sign_key *key, struct bytes leaf_der,
        struct bytes issuer_der, struct buf *out, struct err *e) MUST_USE;

/* What a checker knows; borrowed. */
struct capability_trust {
        const char *site;
        struct bytes root_der;
        struct bytes crls_pem; /* may be empty */
};
/* ERR_DENIED with a fault of the table (expired, wrong-role, ...) where it is not good now;
 * ERR_INVALID where it is no grant. */
int capability_parse(struct bytes token, const struct capability_trust *trust, int64_t now_us,
        struct capability *ret, struct err *e) MUST_USE;
/* ERR_DENIED, saying which: use, stream, or a time outside; at_us 0 for live. */
int capability_allows(const struct capability *c, enum capability_use use, const char *stream,
        int64_t at_us, struct err *e) MUST_USE;

#endif
