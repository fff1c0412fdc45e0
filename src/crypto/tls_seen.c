/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a peer showed, in parts that people can compare: for a look at a camera whose certificate
 * was refused. Nothing is decided here (tls_verify.c does). */
#include <stdio.h>

#include "base/str.h"
#include "crypto/tls_session.h"

static void tls_seen_text(BIO *bio, char *to, size_t room)
{
        const uint8_t *text = NULL;
        long n = BIO_get_mem_data(bio, (void *)&text);

        str_escape(to, room, BYTES(text, n > 0 ? (size_t)n : 0));
        (void)BIO_reset(bio);
}

static void tls_seen_names(X509 *leaf, struct tls_seen *s)
{
        int san = X509_get_ext_by_NID(leaf, NID_subject_alt_name, -1);
        BIO *bio = BIO_new(BIO_s_mem());

        ossl_must(bio != NULL, "a memory BIO");
        X509_NAME_print_ex(bio, X509_get_subject_name(leaf), 0, XN_FLAG_RFC2253);
        tls_seen_text(bio, s->subject, sizeof s->subject);
        X509_NAME_print_ex(bio, X509_get_issuer_name(leaf), 0, XN_FLAG_RFC2253);
        tls_seen_text(bio, s->issuer, sizeof s->issuer);
        if (san >= 0)
                X509V3_EXT_print(bio, X509_get_ext(leaf, san), 0, 0);
        tls_seen_text(bio, s->names, sizeof s->names);
        BIO_free(bio);
}

/* Up to a root that is trusted for this, without name and dates. */
static bool tls_seen_chain(const struct tls_config *by, STACK_OF(X509) * sent)
{
        X509_STORE_CTX *ctx = X509_STORE_CTX_new();

        ossl_must(ctx &&
                          X509_STORE_CTX_init(ctx, SSL_CTX_get_cert_store(by->ctx),
                                  sk_X509_value(sent, 0), sent) == 1 &&
                          X509_STORE_CTX_set_default(ctx, "ssl_server") == 1,
                "verifying a certificate");
        X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_NO_CHECK_TIME);
        bool good = X509_verify_cert(ctx) == 1;
        STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(ctx);
        good = good && tls_verify_is_issued(by, chain);
        for (int i = 0; good && i < sk_X509_num(chain); i++)
                good = !tls_crls_find(by, sk_X509_value(chain, i));
        X509_STORE_CTX_free(ctx);
        return good;
}

static bool tls_seen_name(X509 *leaf, const char *host)
{
        const unsigned flags =
                X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS;

        return X509_check_ip_asc(leaf, host, 0) == 1 ||
               X509_check_host(leaf, host, 0, flags, NULL) == 1;
}

void tls_seen_look(const struct tls *t, const struct tls_config *by, STACK_OF(X509) * sent,
        int64_t now_us, struct tls_seen *ret)
{
        X509 *leaf = sk_X509_value(sent, 0);
        EVP_PKEY *key = X509_get0_pubkey(leaf);

        memset(ret, 0, sizeof *ret);
        tls_seen_names(leaf, ret);
        memcpy(ret->key, t->key, sizeof ret->key);
        if (!ossl_time_us(X509_get0_notBefore(leaf), &ret->from_us) ||
                !ossl_time_us(X509_get0_notAfter(leaf), &ret->until_us))
                ret->from_us = ret->until_us = 0;
        ret->self_signed =
                X509_NAME_cmp(X509_get_subject_name(leaf), X509_get_issuer_name(leaf)) == 0;
        ret->chain = tls_seen_chain(by, sent);
        ret->name = tls_seen_name(leaf, t->host);
        ret->dates = ret->from_us && now_us >= ret->from_us && now_us <= ret->until_us;
        ret->strength = key && EVP_PKEY_get_security_bits(key) >= TLS_STRENGTH_BITS;
        ERR_clear_error();
}
