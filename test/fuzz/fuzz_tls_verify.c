/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The judge of camera certificates. Input: blocks of a kind (C certificate of the chain, leaf
 * first; L revocation list; I issuer beside the lists), a u16 length and DER. A chain that is
 * accepted must be the one of the seeds: whoever has no key of its issuers cannot make another.
 */
#include <stdlib.h>

#include "base/pack.h"
#include "base/str.h"
#include "crypto/ossl.h"
#include "crypto/tls_session.h"
#include "crypto/x509.h"

#define HOST "cam.fuzz.example"
#define NOW INT64_C(1800000000000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* The root of the seeds; its key was thrown away. */
static const char root_pem[] = "-----BEGIN CERTIFICATE-----\n"
                               "MIIBhDCCASugAwIBAgIUaCzbPzWyFuzhzCpQBTRxJ0ZuzzUwCgYIKoZIzj0EAwIw\n"
                               "DzENMAsGA1UEAwwEZnV6ejAgFw0yNjExMjIyMTE0MzFaGA8yMTI2MTAyOTIxMTQz\n"
                               "MVowDzENMAsGA1UEAwwEZnV6ejBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABAix\n"
                               "L/pK7E2R7nWPzAaItZEKLOv2+bAnNcqRoLvq2K/EcEe0bs79Jyce3Ihog+x8umf6\n"
                               "zXHjhaUFr0rjIJnjrkqjYzBhMB0GA1UdDgQWBBSNY2mzUQQKsXouku7l7ORnQH1R\n"
                               "TTAfBgNVHSMEGDAWgBSNY2mzUQQKsXouku7l7ORnQH1RTTAPBgNVHRMBAf8EBTAD\n"
                               "AQH/MA4GA1UdDwEB/wQEAwIBBjAKBggqhkjOPQQDAgNHADBEAiA5jhufzAG79fkq\n"
                               "8B9GdDlCAVDK/Nhf7N05VkgsaKgf5wIgGp3q9SrZYs9z7zBJ8R0gVaXRqW1vkXAS\n"
                               "GuD1V127UCE=\n"
                               "-----END CERTIFICATE-----\n";

static void to_pem(struct buf *to, const char *label, struct bytes der)
{
        BIO *bio = BIO_new(BIO_s_mem());
        const uint8_t *text;

        if (!bio || PEM_write_bio(bio, label, "", der.p, (long)der.n) <= 0)
                abort();
        long n = BIO_get_mem_data(bio, (void *)&text);
        (void)!buf_append(to, BYTES(text, (size_t)n), NULL);
        BIO_free(bio);
}

/* The leaf's key of the seeds, once it has been seen: SHA-256 of its SubjectPublicKeyInfo. */
static const char good_key[] = "15aca2b34bcce3f2b7a1b011ded1e39d3a949db2ebef0da451970cf10c949e63";

static void judge(struct tls_client_config *config, STACK_OF(X509) * sent)
{
        struct tls *t = NULL;
        struct err e;
        char hex[65];

        if (tls_client_new(config, HOST, NULL, NOW, &t, &e) < 0)
                abort();
        int error = tls_verify_certs(t, t->config, sent, NOW);
        if ((error == X509_V_OK) != (t->refusal == TLS_OK) ||
                (error == X509_V_OK) != t->chain_verified)
                abort();
        if (error == X509_V_OK && strcmp(str_hex(hex, BYTES(t->key, 32)), good_key) != 0)
                abort();
        if (error != X509_V_OK && (tls_refusal_err(t, &e) >= 0 || !e.text[0]))
                abort();
        tls_freep(&t);
        /* Pinned to this very key. */
        uint8_t key[32];
        ossl_spki_id(X509_get_X509_PUBKEY(sk_X509_value(sent, 0)), key);
        if (tls_client_new(config, HOST, key, NOW, &t, &e) < 0)
                abort();
        (void)tls_verify_certs(t, t->config, sent, NOW);
        if (t->chain_verified)
                abort();
        tls_freep(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        struct unpack u = unpack_of(BYTES(data, n));
        struct tls_client_config *config = NULL;
        STACK_OF(X509) *sent = sk_X509_new_null();
        struct buf lists;
        struct err e;

        buf_init(&lists, X509_PEM_MAX);
        while (unpack_left(&u) > 3) {
                uint8_t kind = unpack_u8(&u);
                struct bytes der = unpack_field16(&u, 65535);
                const uint8_t *at = der.p;
                X509 *cert = !u.bad && kind == 'C' ? d2i_X509(NULL, &at, (long)der.n) : NULL;
                if (cert)
                        sk_X509_push(sent, cert);
                else if (!u.bad && (kind == 'L' || kind == 'I'))
                        to_pem(&lists, kind == 'L' ? "X509 CRL" : "CERTIFICATE", der);
        }
        ERR_clear_error();
        if (tls_client_config_new(bytes_str(root_pem), &config, &e) < 0)
                abort();
        (void)!tls_client_config_crls(config, buf_bytes(&lists), &e);
        (void)!tls_client_config_crls(config, BYTES(data, n), &e); /* as PEM */
        if (sk_X509_num(sent) > 0)
                judge(config, sent);
        if (ERR_peek_error())
                ERR_clear_error();
        tls_client_config_free(config);
        sk_X509_pop_free(sent, X509_free);
        buf_done(&lists);
        return 0;
}
