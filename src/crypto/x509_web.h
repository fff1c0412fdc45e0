/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Certificates of web pages: what an issuer for them may vouch for, and what one says.
 *
 * A person who installs a root trusts it for every page there is. So the site's root for pages is
 * one of its own, which vouches for no node and no camera, and carries name constraints (RFC 5280
 * section 4.2.1.10) as its issuer does: names and addresses that are nobody's on the internet, and
 * the few that its maker names. No file, no clock.
 */
#ifndef CUSTOS_CRYPTO_X509_WEB_H
#define CUSTOS_CRYPTO_X509_WEB_H

#include "base/buf.h"
#include "base/err.h"
#include "base/network.h"
#include "crypto/x509.h"

#define X509_WEB_CONSTRAINTS_MAX 16384 /* as text */
#define X509_WEB_CHAIN_MAX 8           /* certificates */
#define X509_WEB_NAME_ROOM 256

/* RFC 6761, RFC 6762 appendix G, RFC 8375, and "internal", which ICANN keeps for this; "NET/MASK"
 * of RFC 1918, 3927, 4193, 6598 and loopback. NULL-terminated. */
extern const char *const x509_web_private_dns[];
extern const char *const x509_web_private_ip[];

/* The issuer's name constraints (or that it has none) allow each of these; lists NULL-terminated or
 * NULL. ERR_DENIED names the first that they do not; ERR_INVALID: it is no name or address. */
int x509_web_allows(struct bytes issuer_der, const char *const *dns, const char *const *ip,
        struct err *e) MUST_USE;

struct server_key; /* crypto/server_key.h */

struct x509_web {
        uint8_t fingerprint[32]; /* SHA-256 of the DER, as browsers show it */
        int64_t not_before_us, not_after_us;
        char subject[256]; /* RFC 2253, escaped */
        unsigned dns_n, ip_n;
        char dns[X509_NAMES_MAX][X509_WEB_NAME_ROOM]; /* printable; may be wildcards */
        char ip[X509_NAMES_MAX][NETWORK_ADDRESS_ROOM];
};

/*
 * The chain of a page's server: its own certificate first, then each one's issuer, without gaps,
 * the root or not. Refused, with the fault where the table has a row, is one whose key is not
 * `key`, which names nothing, is not for servers or is a CA, or of which a part is of a weak key or
 * signature, and one that is not valid at at_us. Whether anybody trusts it is not asked.
 */
int x509_web_read(struct bytes chain_pem, const struct server_key *key, int64_t at_us,
        struct x509_web *ret, struct err *e) MUST_USE;
/* One of its names or addresses is this (a wildcard stands for one label). */
bool x509_web_covers(const struct x509_web *w, const char *name);

/* cert is a root for pages as this program makes them: signs itself, a CA, with name constraints;
 * and issuer is below it, a CA for servers alone. ERR_AUTH. */
int x509_web_check_root(struct bytes root_der, struct bytes issuer_der, struct err *e) MUST_USE;

/* SHA-256 of the DER. */
void x509_web_fingerprint(struct bytes cert_der, uint8_t ret[static 32]);

#endif
