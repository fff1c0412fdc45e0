/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * TLS between the roles of a site (docs/design/links.md): TLS 1.3 alone, both ends with a node's
 * certificate, judged by the function that judges cameras and then by its name: exactly one URI
 * "custos://SITE/<role>/<name>". The sessions are those of tls.h (tls_feed, tls_write, ...), so
 * net/stream carries them.
 *
 * No tickets, no cache, no early data: a session that is resumed would not be judged again.
 */
#ifndef CUSTOS_CRYPTO_TLS_ROLE_H
#define CUSTOS_CRYPTO_TLS_ROLE_H

#include "crypto/tls.h"

#define TLS_ROLE_URI_ROOM 160
#define TLS_ROLE_NAME_ROOM 48
#define TLS_ROLE_LIST_MAX 8

/* What a node is and trusts; all borrowed during tls_role_config_new. */
struct tls_role_identity {
        const char *site;
        struct bytes root_der, issuer_der; /* the site's root; its nodes issuer, the only one */
        struct bytes chain_pem;            /* own leaf, then issuer */
        const struct sign_key *key;
};

struct tls_role_config; /* owned; counted by its sessions */

int tls_role_config_new(
        const struct tls_role_identity *id, struct tls_role_config **ret, struct err *e) MUST_USE;
struct tls_role_config *tls_role_config_free(struct tls_role_config *c);
void tls_role_config_freep(struct tls_role_config **c);
/* As tls_client_config_crls. For sessions made before: tls_role_recheck. */
int tls_role_config_crls(struct tls_role_config *c, struct bytes crls_pem, struct err *e) MUST_USE;

/* Connects to a node of that role; name NULL: any of it. now_us: wall clock for the dates. */
int tls_role_client_new(struct tls_role_config *c, const char *role, const char *name,
        int64_t now_us, struct tls **ret, struct err *e) MUST_USE;
/* Takes nodes of these roles (NULL-terminated, at most TLS_ROLE_LIST_MAX). A client without a
 * certificate passes, and tls_role_peer says so: for the requests that need none. One with a
 * certificate that is refused does not pass. */
int tls_role_server_new(struct tls_role_config *c, const char *const *roles, int64_t now_us,
        struct tls **ret, struct err *e) MUST_USE;

struct tls_role_peer {
        char uri[TLS_ROLE_URI_ROOM];
        char role[16], name[TLS_ROLE_NAME_ROOM];
        uint8_t key[32]; /* SHA-256 of the SubjectPublicKeyInfo */
        int64_t not_after_us;
};
/* Once established; false: the client has shown no certificate. */
bool tls_role_peer(const struct tls *t, struct tls_role_peer *ret);

/* Judges the peer of an established session again: chain, dates, lists and role, by what c says now
 * (it need not be the config that the session was made with). 0, or a refusal: the session is over.
 * A client without a certificate has nothing to judge: 0. */
int tls_role_recheck(
        struct tls *t, struct tls_role_config *c, int64_t now_us, struct err *e) MUST_USE;

/* RFC 8446 section 4.6.3: a KeyUpdate that asks for the other side's; it stands in tls_output. The
 * other side's comes before what that writes next. Only once established. */
int tls_rekey(struct tls *t, struct err *e) MUST_USE;
/* KeyUpdates sent and received so far. */
void tls_rekeys(const struct tls *t, uint64_t *ret_sent, uint64_t *ret_received);

/* Splits "custos://SITE/<role>/<name>"; ERR_INVALID where it is none of this site. */
int tls_role_parse_uri(const char *uri, const char *site, char role[static 16],
        char name[static TLS_ROLE_NAME_ROOM], struct err *e) MUST_USE;

#endif
