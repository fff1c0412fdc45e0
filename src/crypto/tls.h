/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * TLS sessions over memory: bytes in, bytes out, no socket (OpenSSL 3.0, custom BIO). The owner of
 * the socket moves the bytes. Used for camera links, for the RTSPS server of the edge role, and,
 * made by tls_role.h, between the roles of a site.
 *
 * A client session verifies before a byte of the application goes out: chain to the given roots,
 * dates, name (DNS or IP SAN; the common name is never looked at), purpose, key strength; or, where
 * a pin is set, the key (SHA-256 of the SubjectPublicKeyInfo) instead of chain and name. TLS 1.2 or
 * better, AEAD suites with ECDHE only, no renegotiation, no session tickets or cache; ALPN on the
 * people's port alone (tls_server_config_web).
 *
 * Nothing here opens a file: OpenSSL's configuration is never read and the machine's roots are
 * never asked, so sessions can be made behind a sandbox. One thread for a config and all its
 * sessions.
 */
#ifndef CUSTOS_CRYPTO_TLS_H
#define CUSTOS_CRYPTO_TLS_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"
#include "crypto/sign.h"

#define TLS_RECORD_MAX 16384      /* plain bytes in one call of on_data, at most */
#define TLS_OUTPUT_MAX (8u << 20) /* what tls_output holds at most, before tls_write refuses */

/* Why a peer was refused; each has a row in the table of faults (tls_refusal_fault). */
enum tls_refusal {
        TLS_OK,
        TLS_NOT_TLS,   /* the peer answered something that is not TLS */
        TLS_VERSION,   /* below TLS 1.2 */
        TLS_NO_CIPHER, /* no suite in common */
        TLS_SELF_SIGNED,
        TLS_UNKNOWN_ISSUER, /* no chain to a trusted root */
        TLS_EXPIRED,
        TLS_NOT_YET_VALID,
        TLS_WRONG_NAME,
        TLS_WRONG_ROLE, /* a node of the site, and none that may speak here (tls_role.h) */
        TLS_WRONG_PURPOSE,
        TLS_WEAK_KEY,
        TLS_REVOKED,
        TLS_PIN_MISMATCH,
        TLS_BAD_SIGNATURE,
        TLS_MALFORMED, /* a certificate of the chain is not to the rules of RFC 5280 */
        TLS_REFUSED,   /* the peer says that it does not take our certificate */
        TLS_PROTOCOL,  /* any other alert or malformed record */
        TLS_REFUSALS,  /* how many there are; no refusal */
};

/* "ok", "self-signed", "wrong-name", ... stable. Static. */
const char *tls_refusal_name(enum tls_refusal r);
enum fault tls_refusal_fault(enum tls_refusal r); /* FAULT_NONE for TLS_OK */

struct tls_client_config; /* owned; shared by many sessions */
struct tls_server_config; /* owned */
struct tls;               /* one session, owned */

/* roots_pem: one or more certificates, at most X509_PEM_MAX bytes, the only trust (never the OS
 * store). May be empty where only pins are used. */
int tls_client_config_new(
        struct bytes roots_pem, struct tls_client_config **ret, struct err *e) MUST_USE;
struct tls_client_config *tls_client_config_free(struct tls_client_config *c);
void tls_client_config_freep(struct tls_client_config **c);
/* From now on, of what hangs from this certificate's own root, only leaves issued directly by it
 * are taken, though there are other issuers: a node's certificate is none for a camera. What hangs
 * from another of the roots (a camera vendor's) is taken by its chain. Pinned sessions are not
 * concerned. */
int tls_client_config_only_issuer(
        struct tls_client_config *c, struct bytes issuer_der, struct err *e) MUST_USE;
/*
 * What is revoked from now on: CRLs ("X509 CRL") of the roots or of only_issuer (given before), or
 * of issuers below them whose certificates stand in the same text. It takes the place of what an
 * earlier call gave; an empty text takes all lists away. A list of another issuer, whose signature
 * does not verify or that is not understood (delta, indirect) is refused here, and the lists in
 * force stay. A certificate of the chain that its issuer's list names is TLS_REVOKED; so is the
 * leaf of a pinned session, where such an issuer signed it. A list past its next update goes on
 * counting; an issuer without a list is not asked for one. For sessions made before:
 * tls_client_recheck. At most X509_PEM_MAX bytes.
 */
int tls_client_config_crls(
        struct tls_client_config *c, struct bytes crls_pem, struct err *e) MUST_USE;
/* chain_pem: leaf first. key: borrowed during the call. */
int tls_server_config_new(struct bytes chain_pem, const struct sign_key *key,
        struct tls_server_config **ret, struct err *e) MUST_USE;
/* The same with a key of any kind that server_key.h takes. */
struct server_key;
int tls_server_config_new_with(struct bytes chain_pem, const struct server_key *key,
        struct tls_server_config **ret, struct err *e) MUST_USE;
struct tls_server_config *tls_server_config_free(struct tls_server_config *c);
void tls_server_config_freep(struct tls_server_config **c);
/* Another one that is the same and lives as long as it is kept. */
struct tls_server_config *tls_server_config_ref(struct tls_server_config *c);
/*
 * For browsers, before its first session: ALPN (RFC 7301) h2 and http/1.1, of which the first
 * counts more, and a client that offers others alone is refused (no_application_protocol); key
 * exchange by X25519 or P-256. Tickets stay off: a whole handshake costs less than a millisecond,
 * and a key of tickets would be one more secret, which opens what was recorded of TLS 1.2.
 */
void tls_server_config_web(struct tls_server_config *c);

/* What the peer of a session showed, also one that was refused, for people who look for a fault. */
struct tls_seen {
        char subject[256], issuer[256]; /* RFC 4514, escaped, cut to fit */
        char names[512];                /* alternative names, likewise; "": none */
        uint8_t key[32];                /* SHA-256 of its SubjectPublicKeyInfo */
        int64_t from_us, until_us;      /* wall clock; 0: not to be read */
        bool self_signed;
        /* What of it holds, each looked at by itself, whatever came first in the refusal: up to a
         * trusted root, whatever the dates; the name or address that was asked for; the leaf's
         * dates; the strength of its key. */
        bool chain, name, dates, strength;
};

/* From now on the config remembers what the newest peer of its sessions showed. */
void tls_client_config_remember(struct tls_client_config *c);
/* False: none showed a certificate yet. */
bool tls_client_config_seen(const struct tls_client_config *c, struct tls_seen *ret);

/* host: the name or address that the certificate must carry. pin: 32 bytes or NULL. now_us: wall
 * clock for the validity check (so that tests and an offset clock work). Config is referenced, not
 * copied; it may be freed before its sessions. */
int tls_client_new(struct tls_client_config *c, const char *host, const uint8_t *pin,
        int64_t now_us, struct tls **ret, struct err *e) MUST_USE;
int tls_server_new(struct tls_server_config *c, struct tls **ret, struct err *e) MUST_USE;
struct tls *tls_free(struct tls *t);
void tls_freep(struct tls **t);

/*
 * Feeds received bytes (borrowed for the call, wholly consumed) and calls on_data for each
 * decrypted record, in order, borrowed. After it, tls_output holds what is to be sent (on a
 * refusal, the alert). Returns 1 when the handshake is complete, 0 when not yet, negative on
 * refusal or failure (tls_refusal says which; e names the reason and the fix); then the session is
 * over and only to be freed. ERR_CANCELLED: on_data returned negative; e is what it wrote.
 * *ret_closed: the peer has said close_notify; what it sends after that is dropped. on_data may
 * call tls_write, but not tls_feed or tls_free.
 */
typedef int (*tls_on_data)(void *owner, struct bytes plain, struct err *e);
int tls_feed(struct tls *t, struct bytes received, tls_on_data on_data, void *owner,
        bool *ret_closed, struct err *e) MUST_USE;
/* A client's first flight: call once with nothing received. */
int tls_start(struct tls *t, struct err *e) MUST_USE;
/* Encrypts; the result is in tls_output. Only after the handshake. ERR_EXHAUSTED, and nothing is
 * written, where TLS_OUTPUT_MAX would be passed: the peer does not read. */
int tls_write(struct tls *t, struct bytes plain, struct err *e) MUST_USE;
/*
 * Verifies the peer of an established client session again, by what c says now (roots, issuer,
 * lists of what is revoked; c need not be the config it was made with) and by the clock. 0, or a
 * refusal as from tls_feed: then the session is over. The certificates are those that the peer sent
 * in its handshake.
 */
int tls_client_recheck(
        struct tls *t, struct tls_client_config *c, int64_t now_us, struct err *e) MUST_USE;
/* Says close_notify. */
void tls_shutdown(struct tls *t);
/* Bytes to send; the caller consumes what it sent. */
struct buf *tls_output(struct tls *t);

enum tls_refusal tls_refusal(const struct tls *t);
bool tls_established(const struct tls *t);
/* 0x0303, 0x0304; 0 before the handshake. */
uint16_t tls_version(const struct tls *t);
const char *tls_cipher(const struct tls *t); /* "" before the handshake */
/* What ALPN has agreed upon; "" without. */
struct bytes tls_protocol(const struct tls *t);
/* SHA-256 of the peer's SubjectPublicKeyInfo, once a certificate was seen (also on refusal); false
 * when none was. */
bool tls_peer_key(const struct tls *t, uint8_t ret[static 32]);
/* Whose certificate it is, in one line for people: subject, alternative names, issuer, last day;
 * escaped. "" before a certificate was taken. Returns to. */
char *tls_peer_names(const struct tls *t, char *to, size_t room);
/* From when to when its certificate is good, wall clock; false when none was taken. */
bool tls_peer_dates(const struct tls *t, int64_t *ret_from_us, int64_t *ret_until_us);
/* True when chain and name were verified (not merely pinned). */
bool tls_chain_verified(const struct tls *t);

#endif
