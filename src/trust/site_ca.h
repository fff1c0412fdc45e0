/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A site's certification authority in one directory: a root and one issuer for each purpose, so
 * that a certificate of one purpose never passes for another. Names come from the caller (the
 * inventory), never from a request of the subject; keys come as public halves, the private ones
 * stay where they were born.
 *
 *     root.key root.crt  nodes.key nodes.crt  cameras.key cameras.crt  web.key web.crt  seals.key
 * seals.crt
 *
 * Web pages have a root of their own, which people install (docs/design/web.md, "The root that is
 * installed"): web.crt holds the web issuer and, behind it, that root, whose key was given up when
 * it had signed the issuer. A web.crt of one certificate is that of an older site, below root.crt:
 * nothing is issued by it until site_ca_make_web.
 *
 * Keys are P-256, PKCS#8 PEM, mode 0600. The root key is needed only to make issuers: it is never
 * loaded again, and may be moved to a safe. issued.json beside them is the register of all that the
 * issuers made (issued.h): each certificate is in it before it is handed out, and what is revoked
 * is listed there. One process at a time issues. No sockets, no inventory in here. Times are wall
 * clock, given by the caller.
 */
#ifndef CUSTOS_TRUST_SITE_CA_H
#define CUSTOS_TRUST_SITE_CA_H

#include "base/buf.h"
#include "base/err.h"
#include "crypto/hpke.h"
#include "crypto/sign.h"
#include "trust/issued.h"

#define SITE_CA_NAME_MAX 40
#define SITE_CA_DAYS_MAX 3650
#define SITE_CA_URI_ROOM 160

enum site_ca_issuer {
        SITE_CA_NODES = ISSUED_NODES,
        SITE_CA_CAMERAS = ISSUED_CAMERAS,
        SITE_CA_WEB = ISSUED_WEB,
        SITE_CA_SEALS = ISSUED_SEALS,
        SITE_CA_ISSUERS = ISSUED_ISSUERS,
};

struct site_ca; /* owned */

bool site_ca_exists(const char *dir);
/*
 * Makes a site's CA: root for 20 years, issuers for 10. The directory appears whole or not at all;
 * one that holds anything is never touched (ERR_STATE). site: [a-z0-9-] as a camera's name, at most
 * SITE_CA_NAME_MAX.
 */
int site_ca_create(const char *dir, const char *site, int64_t now_us, struct site_ca **ret,
        struct err *e) MUST_USE;
/* Where the issuers' keys are. In a TPM 2.0 their files are worth nothing without it; the root's,
 * which is needed for nothing but new issuers, is a file always, for a safe. */
enum site_ca_store { SITE_CA_FILES, SITE_CA_TPM };
int site_ca_create_in(const char *dir, const char *site, enum site_ca_store store, int64_t now_us,
        struct site_ca **ret, struct err *e) MUST_USE;
/* Of one that was loaded; ret_why: code 0, or why the TPM signs nothing. */
enum site_ca_store site_ca_store_of(const struct site_ca *ca, struct err *ret_why);
/* A TPM that is away, or another one, keeps nothing from being read: what is to be signed is
 * refused, with that reason. Checks that keys, certificates and root belong together. ERR_CORRUPT
 * where they do not, ERR_NOT_FOUND without one. */
int site_ca_load(const char *dir, struct site_ca **ret, struct err *e) MUST_USE;
struct site_ca *site_ca_free(struct site_ca *ca);
void site_ca_freep(struct site_ca **ca);

const char *site_ca_name(const struct site_ca *ca);
/* The site's name, from its root's certificate. ERR_CORRUPT where that is no site's. */
int site_ca_site_of(
        struct bytes root_der, char ret[static SITE_CA_NAME_MAX + 1], struct err *e) MUST_USE;
/* SHA-256 of the root's SubjectPublicKeyInfo: what a person compares, and `--trust` takes. */
void site_ca_fingerprint(const struct site_ca *ca, uint8_t ret[static 32]);
struct bytes site_ca_root(const struct site_ca *ca); /* DER, borrowed */
struct bytes site_ca_issuer_cert(
        const struct site_ca *ca, enum site_ca_issuer which); /* DER, borrowed */

/* What people install for the page, DER, borrowed; empty in an older site. */
struct bytes site_ca_web_root(const struct site_ca *ca);
/*
 * Another root for web pages and, below it, the web issuer with the key that it has: both may vouch
 * for what crypto/x509_web.h says that any may, and for these. Who installed the root before has to
 * install this one; certificates of pages that were made before hang from both. Durable before it
 * returns. dns, ip: NULL-terminated or NULL.
 */
int site_ca_make_web(struct site_ca *ca, const char *const *dns, const char *const *ip,
        int64_t now_us, struct err *e) MUST_USE;
/* The web issuer may vouch for these. ERR_DENIED names the first that it may not; ERR_STATE in an
 * older site. */
int site_ca_web_allows(const struct site_ca *ca, const char *const *dns, const char *const *ip,
        struct err *e) MUST_USE;

/* "custos://SITE/<role>/NAME" for roles manager, recorder, gateway, events, edge. */
int site_ca_uri(const char *site, const char *role, const char *name,
        char to[static SITE_CA_URI_ROOM], struct err *e) MUST_USE;

/*
 * A leaf for subject, DER appended to out, valid from an hour ago (clocks differ) for `days`, cut
 * to its issuer's end. dns and ip: NULL-terminated lists or NULL. A camera, a device and a page
 * need at least one of either: only those names will verify. ERR_DENIED, saying whose: the key is
 * another's, or was revoked.
 */
int site_ca_issue_camera(struct site_ca *ca, const char *name, const char *const *dns,
        const char *const *ip, const struct verify_key *subject, int64_t now_us, unsigned days,
        struct buf *out, struct err *e) MUST_USE;
/* The same for a device of somebody else's making, whose key may be of another kind: spki_der as
 * x509_csr_read gives it. */
int site_ca_issue_device(struct site_ca *ca, const char *name, const char *const *dns,
        const char *const *ip, struct bytes spki_der, int64_t now_us, unsigned days,
        struct buf *out, struct err *e) MUST_USE;
int site_ca_issue_node(struct site_ca *ca, const char *role, const char *name,
        const char *const *dns, const char *const *ip, const struct verify_key *subject,
        int64_t now_us, unsigned days, struct buf *out, struct err *e) MUST_USE;
/* For what signs the grants of manager `name` (docs/design/grants.md): nodes issuer, its URI. */
int site_ca_issue_grant(struct site_ca *ca, const char *name, const struct verify_key *subject,
        int64_t now_us, unsigned days, struct buf *out, struct err *e) MUST_USE;
/* For the page that gateway `name` shows: server authentication, by these names alone.
 * ERR_DENIED, ERR_STATE as site_ca_web_allows. */
int site_ca_issue_web(struct site_ca *ca, const char *name, const char *const *dns,
        const char *const *ip, const struct verify_key *subject, int64_t now_us, unsigned days,
        struct buf *out, struct err *e) MUST_USE;
/* For the sealer of recorder `name`; carries the recorder's URI. */
int site_ca_issue_seal(struct site_ca *ca, const char *name, const struct verify_key *subject,
        int64_t now_us, unsigned days, struct buf *out, struct err *e) MUST_USE;
/* For the public half of the recovery kit, by the seals issuer: a recorder that joins from another
 * host takes it for a recipient of its hour keys. */
int site_ca_issue_recovery(struct site_ca *ca, const uint8_t public_key[static HPKE_PUBLIC_BYTES],
        int64_t now_us, unsigned days, struct buf *out, struct err *e) MUST_USE;

/*
 * Every certificate that was made for this camera (device) and has not expired is revoked, and a
 * new list of all that are is signed; both are durable before this returns. *ret_n: how many, which
 * may be 0 (then nothing changed). The list has no end before its issuer's: it travels inside the
 * site, where a new one is pushed, and a recorder without its manager must go on.
 */
int site_ca_revoke_camera(struct site_ca *ca, const char *name, int64_t now_us, unsigned *ret_n,
        struct err *e) MUST_USE;
/* The one with this serial number, of the cameras or the web issuer (ERR_INVALID: a node's or a
 * seal's, which go with the node; ERR_NOT_FOUND: not in the register), and any other of the same
 * key. */
int site_ca_revoke_serial(struct site_ca *ca, struct bytes serial, int64_t now_us, unsigned *ret_n,
        struct err *e) MUST_USE;
/* The same of a node; a manager's grants, a gateway's page and a recorder's seals go with it
 * (counted too), seals without a list: what was sealed before stays good
 * (docs/design/certificates.md). */
int site_ca_revoke_node(struct site_ca *ca, const char *role, const char *name, int64_t now_us,
        unsigned *ret_n, struct err *e) MUST_USE;
/* The issuer's newest list, PEM, borrowed until the next change; empty where it never revoked
 * anything, and for seals. */
struct bytes site_ca_crl(const struct site_ca *ca, enum site_ca_issuer which);
/* The register, borrowed. */
const struct issued *site_ca_issued(const struct site_ca *ca);

/* PEM of the leaf and its issuer, as a TLS server sends them; of a page's its root too. */
int site_ca_chain_pem(const struct site_ca *ca, enum site_ca_issuer which, struct bytes leaf_der,
        struct buf *out, struct err *e) MUST_USE;

#endif
