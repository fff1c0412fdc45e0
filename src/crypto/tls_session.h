/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The inside of a TLS session, shared by the files tls*.c and nobody else. */
#ifndef CUSTOS_CRYPTO_TLS_SESSION_H
#define CUSTOS_CRYPTO_TLS_SESSION_H

#include "crypto/ossl.h"
#include "crypto/tls.h"
#include "crypto/tls_config.h"
#include "crypto/tls_role.h"

#define TLS_HOST_MAX 253
#define TLS_DETAIL_ROOM 220
#define TLS_STRENGTH_BITS 112 /* of a key that is taken */

/* What a session between roles has besides (tls_role.c). */
struct tls_role {
        char roles[TLS_ROLE_LIST_MAX][16]; /* one of which the peer must have */
        unsigned roles_n;
        char name[TLS_ROLE_NAME_ROOM]; /* "": any */
        struct tls_role_peer peer;     /* once it was judged, and good */
        uint64_t rekeys_sent, rekeys_received;
        unsigned rekeys_idle; /* received since there were data */
};

struct tls {
        SSL *ssl;
        struct tls_config *config;
        struct bytes
                in; /* what tls_feed was given and OpenSSL has not taken yet; empty outside of it */
        struct buf out;
        bool server, established, over, closed;
        uint8_t seen; /* bytes of the first record header that were looked at */

        /* Of whoever judges its peer: a client, and both ends between roles. */
        char host[TLS_HOST_MAX + 1];
        bool pinned, have_key, chain_verified;
        uint8_t pin[32], key[32];
        int64_t now_us; /* the clock by which the peer is judged in the handshake */

        struct tls_role *role; /* owned; NULL: not between roles */

        enum tls_refusal refusal;
        char detail[TLS_DETAIL_ROOM]; /* what exactly was seen, for the error's text; may be empty
                                       */
};

/* tls.c */
struct tls *tls_new(struct tls_config *config); /* of neither side yet */
/* Ends the session with what OpenSSL says, or with what the check of the certificate has found
 * before. */
int tls_fail(struct tls *t, struct err *e);
/* Judges the peer of an established session again, by `by`; ERR_STATE without one. */
int tls_judge_again(struct tls *t, const struct tls_config *by, int64_t now_us, struct err *e);

/* tls_bio.c: reads from t->in, writes to t->out. */
BIO_METHOD *tls_bio_method(void); /* owned */
BIO *tls_bio_new(BIO_METHOD *method, struct tls *t);

/* tls_verify.c: OpenSSL's certificate callback; the session hangs on the SSL as its app data. */
int tls_verify_peer(X509_STORE_CTX *chain, void *unused);
/* Whether the chain's leaf comes from the one issuer that `by` is for, or from another root that
 * was given. */
bool tls_verify_is_issued(const struct tls_config *by, STACK_OF(X509) * chain);
/* tls_seen.c: of the certificates as sent, leaf first; changes nothing of the session. */
void tls_seen_look(const struct tls *t, const struct tls_config *by, STACK_OF(X509) * sent,
        int64_t now_us, struct tls_seen *ret);
/* What tls_verify_peer does: judges the certificates as sent, leaf first, for t's host or pin and
 * purpose, by the roots and lists of `by` at now_us. Fills t's key, refusal and detail. Returns
 * X509_V_OK, or OpenSSL's number of the fault. */
int tls_verify_certs(
        struct tls *t, const struct tls_config *by, STACK_OF(X509) * sent, int64_t now_us);

/* tls_role.c: the last question to a leaf whose chain is good: is it the node that is wanted? Fills
 * refusal and detail, or t's peer. Returns as tls_verify_certs. */
int tls_role_judge(struct tls *t, const struct tls_config *by, X509 *leaf);
/* After what was received: 1, or a refusal where the peer changes keys and says nothing. */
int tls_role_idle(struct tls *t, struct err *e);

/* tls_profile.c: the first certificate of a verified chain, leaf first, that breaks a rule which
 * OpenSSL does not know, and which rule (static). */
enum tls_refusal tls_profile_check(STACK_OF(X509) * chain, const char **ret_text, X509 **ret_at);

/* tls_refusal.c */
enum tls_refusal tls_refusal_of_chain(int x509_error);
enum tls_refusal tls_refusal_of_reason(unsigned long openssl_error);
/* The peer's alert says that it does not take our certificate. */
bool tls_refusal_is_ours(unsigned long openssl_error);
/* Fills e from the session's refusal and detail; returns the code that goes with it. */
int tls_refusal_err(const struct tls *t, struct err *e);

#endif
