/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crypto/tls_config.h"

#include <stdlib.h>

#include "crypto/server_key.h"
#include "crypto/tls_session.h"
#include "crypto/x509.h"

#define TLS_CONFIG_ROOTS_MAX 64
#define TLS_CONFIG_CHAIN_MAX 8
#define TLS_CONFIG_CERTS_BYTES 65536 /* a peer's whole chain, as sent */

struct tls_client_config {
        struct tls_config *shared;
};

struct tls_server_config {
        struct tls_config *shared;
};

/* AES-128-GCM first: as strong as the P-256 beside it, and the fastest for 800 cameras. */
static const char tls_config_suites_12[] =
        "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
        "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
static const char tls_config_suites_13[] =
        "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
static const char tls_config_groups[] = "P-256:X25519:P-384";
static const char tls_config_web_groups[] = "X25519:P-256";

struct tls_config *tls_config_new(const SSL_METHOD *method)
{
        struct tls_config *c = xcalloc(1, sizeof *c);

        ossl_begin();
        ERR_clear_error();
        c->refs = 1;
        c->bio = tls_bio_method();
        c->ctx = SSL_CTX_new(method);
        ossl_must(c->ctx && SSL_CTX_set_min_proto_version(c->ctx, TLS1_2_VERSION) == 1 &&
                          SSL_CTX_set_cipher_list(c->ctx, tls_config_suites_12) == 1 &&
                          SSL_CTX_set_ciphersuites(c->ctx, tls_config_suites_13) == 1 &&
                          SSL_CTX_set1_groups_list(c->ctx, tls_config_groups) == 1,
                "a TLS context");
        SSL_CTX_set_security_level(c->ctx, 2); /* 112 bits: RSA from 2048, no SHA-1 */
        SSL_CTX_set_options(c->ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION |
                                            SSL_OP_NO_COMPRESSION |
                                            SSL_OP_CIPHER_SERVER_PREFERENCE);
        /* Read-ahead stays off: the bytes are in memory already, and OpenSSL would copy the
         * remainders to and fro. */
        SSL_CTX_set_session_cache_mode(c->ctx, SSL_SESS_CACHE_OFF);
        SSL_CTX_set_max_cert_list(c->ctx, TLS_CONFIG_CERTS_BYTES);
        SSL_CTX_set_verify_depth(c->ctx, TLS_CONFIG_CHAIN_MAX);
        return c;
}

struct tls_config *tls_config_ref(struct tls_config *c)
{
        c->refs++;
        return c;
}

struct tls_config *tls_config_unref(struct tls_config *c)
{
        if (!c || --c->refs > 0)
                return NULL;
        SSL_CTX_free(c->ctx);
        BIO_meth_free(c->bio);
        X509_free(c->only_issuer);
        tls_crls_done(c);
        free(c->seen);
        free(c->site);
        free(c);
        return NULL;
}

struct tls_config *tls_config_of_client(struct tls_client_config *c)
{
        return c->shared;
}

struct tls_config *tls_config_of_server(struct tls_server_config *c)
{
        return c->shared;
}

/* The index-th certificate of a PEM text; *ret stays NULL past the last. */
static int tls_config_cert(
        struct bytes pem, unsigned index, unsigned max, X509 **ret, struct err *e)
{
        struct buf der;

        buf_init(&der, X509_CERT_MAX);
        int r = x509_pem_parse(pem, index, &der, e);
        if (r == 0 && index >= max)
                r = err_set(e, ERR_EXHAUSTED, "more than %u certificates", max);
        else if (r == 0)
                *ret = ossl_cert(buf_bytes(&der), e);
        buf_done(&der);
        return r == ERR_NOT_FOUND ? 0 : r;
}

static int tls_config_add_roots(struct tls_config *c, struct bytes pem, struct err *e)
{
        X509_STORE *store = SSL_CTX_get_cert_store(c->ctx);

        for (unsigned i = 0;; i++) {
                CLEANUP(ossl_certp) X509 *root = NULL;
                int r = tls_config_cert(pem, i, TLS_CONFIG_ROOTS_MAX, &root, e);
                if (r < 0)
                        return err_wrap(e, r, "trusted roots");
                if (!root)
                        return pem.n > 0 && i == 0
                                       ? err_set(e, ERR_INVALID,
                                                 "trusted roots: no certificate in the text")
                                       : 0;
                ossl_must(X509_STORE_add_cert(store, root) == 1, "adding a root");
        }
}

int tls_client_config_new(struct bytes roots_pem, struct tls_client_config **ret, struct err *e)
{
        struct tls_config *shared = tls_config_new(TLS_client_method());

        SSL_CTX_set_verify(shared->ctx, SSL_VERIFY_PEER, NULL);
        SSL_CTX_set_cert_verify_callback(shared->ctx, tls_verify_peer, NULL);
        int r = tls_config_add_roots(shared, roots_pem, e);
        if (r < 0) {
                tls_config_unref(shared);
                return r;
        }
        struct tls_client_config *c = xcalloc(1, sizeof *c);
        c->shared = shared;
        *ret = c;
        return 0;
}

int tls_client_config_only_issuer(
        struct tls_client_config *c, struct bytes issuer_der, struct err *e)
{
        X509 *issuer = ossl_cert(issuer_der, e);

        if (!issuer)
                return ERR_INVALID;
        X509_free(c->shared->only_issuer);
        c->shared->only_issuer = issuer;
        return 0;
}

int tls_client_config_crls(struct tls_client_config *c, struct bytes crls_pem, struct err *e)
{
        return tls_crls_set(c->shared, crls_pem, e);
}

void tls_client_config_remember(struct tls_client_config *c)
{
        if (!c->shared->seen)
                c->shared->seen = xcalloc(1, sizeof *c->shared->seen);
}

bool tls_client_config_seen(const struct tls_client_config *c, struct tls_seen *ret)
{
        const struct tls_config_seen *seen = c->shared->seen;

        if (!seen || !seen->any)
                return false;
        *ret = seen->last;
        return true;
}

struct tls_client_config *tls_client_config_free(struct tls_client_config *c)
{
        if (!c)
                return NULL;
        tls_config_unref(c->shared);
        free(c);
        return NULL;
}

void tls_client_config_freep(struct tls_client_config **c)
{
        tls_client_config_free(*c);
}

static int tls_config_add_chain(
        struct tls_config *c, const char *what, struct bytes pem, struct err *e)
{
        for (unsigned i = 0;; i++) {
                CLEANUP(ossl_certp) X509 *cert = NULL;
                int r = tls_config_cert(pem, i, TLS_CONFIG_CHAIN_MAX, &cert, e);
                if (r < 0)
                        return err_wrap(e, r, "%s", what);
                if (!cert)
                        return i == 0 ? err_set(e, ERR_INVALID, "%s: none in the text", what) : 0;
                r = i == 0 ? SSL_CTX_use_certificate(c->ctx, cert)
                           : (int)SSL_CTX_add1_chain_cert(c->ctx, cert);
                if (r != 1)
                        return ossl_err(
                                e, ERR_INVALID, "%s: number %u cannot be used", what, i + 1);
        }
}

int tls_config_present(struct tls_config *c, const char *what, struct bytes chain_pem,
        EVP_PKEY *key, struct err *e)
{
        int r = tls_config_add_chain(c, what, chain_pem, e);

        if (r == 0 && SSL_CTX_use_PrivateKey(c->ctx, key) != 1)
                r = ossl_err(
                        e, ERR_INVALID, "%s: the private key belongs to another certificate", what);
        return r;
}

static int tls_server_config_make(
        struct bytes chain_pem, EVP_PKEY *key, struct tls_server_config **ret, struct err *e)
{
        struct tls_config *shared = tls_config_new(TLS_server_method());

        ossl_must(SSL_CTX_set_num_tickets(shared->ctx, 0) == 1, "a TLS context");
        int r = tls_config_present(shared, "server certificate", chain_pem, key, e);
        if (r < 0) {
                tls_config_unref(shared);
                return r;
        }
        struct tls_server_config *c = xcalloc(1, sizeof *c);
        c->shared = shared;
        *ret = c;
        return 0;
}

int tls_server_config_new(struct bytes chain_pem, const struct sign_key *key,
        struct tls_server_config **ret, struct err *e)
{
        return tls_server_config_make(chain_pem, sign_key_evp(key), ret, e);
}

int tls_server_config_new_with(struct bytes chain_pem, const struct server_key *key,
        struct tls_server_config **ret, struct err *e)
{
        return tls_server_config_make(chain_pem, server_key_evp(key), ret, e);
}

struct tls_server_config *tls_server_config_ref(struct tls_server_config *c)
{
        struct tls_server_config *other = xcalloc(1, sizeof *other);

        other->shared = tls_config_ref(c->shared);
        return other;
}

/* RFC 7301 section 3.2. A client that offers nothing does not come here. */
static int tls_config_choose_protocol(SSL *ssl, const unsigned char **ret, unsigned char *ret_n,
        const unsigned char *offered, unsigned offered_n, void *unused)
{
        static const unsigned char ours[] = "\x02h2\x08http/1.1";
        unsigned char *found = NULL;

        (void)ssl;
        (void)unused;
        if (SSL_select_next_proto(&found, ret_n, ours, sizeof ours - 1, offered, offered_n) !=
                OPENSSL_NPN_NEGOTIATED)
                return SSL_TLSEXT_ERR_ALERT_FATAL;
        *ret = found;
        return SSL_TLSEXT_ERR_OK;
}

void tls_server_config_web(struct tls_server_config *c)
{
        SSL_CTX *ctx = c->shared->ctx;

        ossl_must(SSL_CTX_set1_groups_list(ctx, tls_config_web_groups) == 1, "a TLS context");
        SSL_CTX_set_alpn_select_cb(ctx, tls_config_choose_protocol, NULL);
        SSL_CTX_set_options(ctx, SSL_OP_PRIORITIZE_CHACHA); /* where a client has no AES */
        SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);    /* most connections wait */
}

struct tls_server_config *tls_server_config_free(struct tls_server_config *c)
{
        if (!c)
                return NULL;
        tls_config_unref(c->shared);
        free(c);
        return NULL;
}

void tls_server_config_freep(struct tls_server_config **c)
{
        tls_server_config_free(*c);
}
