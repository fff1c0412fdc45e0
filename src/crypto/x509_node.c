/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crypto/x509_node.h"

#include "crypto/ossl.h"

#define X509_NODE_DEPTH 1 /* one issuer between leaf and root */

static int x509_node_time(const ASN1_TIME *time, int64_t *ret_us, struct err *e)
{
        int days = 0, seconds = 0;
        ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);

        ossl_must(epoch != NULL, "a time");
        int ok = ASN1_TIME_diff(&days, &seconds, epoch, time);
        ASN1_TIME_free(epoch);
        if (ok != 1)
                return ossl_err(e, ERR_INVALID, "a date of the certificate is not a time");
        *ret_us = ((int64_t)days * 86400 + seconds) * 1000000;
        return 0;
}

static int x509_node_uri(X509 *leaf, char to[static X509_NODE_URI_ROOM], struct err *e)
{
        GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
        int r = 0, type = -1;
        const ASN1_STRING *text = NULL;

        if (names && sk_GENERAL_NAME_num(names) == 1)
                text = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, 0), &type);
        int n = text && type == GEN_URI ? ASN1_STRING_length(text) : 0;
        if (n < 1 || n >= X509_NODE_URI_ROOM || memchr(ASN1_STRING_get0_data(text), 0, (size_t)n)) {
                r = err_set(
                        e, ERR_AUTH, "the certificate's alternative names are not exactly one URI");
        } else {
                memcpy(to, ASN1_STRING_get0_data(text), (size_t)n);
                to[n] = '\0';
        }
        GENERAL_NAMES_free(names);
        ERR_clear_error();
        return r;
}

static bool x509_node_is_ca(X509 *cert, long path_min)
{
        long path = X509_get_pathlen(cert);

        return X509_check_ca(cert) == 1 && (path < 0 || path >= path_min) &&
               (X509_get_extension_flags(cert) & EXFLAG_KUSAGE) &&
               (X509_get_key_usage(cert) & KU_KEY_CERT_SIGN);
}

static bool x509_node_is_root(X509 *cert)
{
        EVP_PKEY *key = X509_get0_pubkey(cert);
        bool ok = x509_node_is_ca(cert, 1) && X509_check_issued(cert, cert) == X509_V_OK && key &&
                  X509_verify(cert, key) == 1;

        ERR_clear_error();
        return ok;
}

int x509_node_check_root(struct bytes cert_der, struct err *e)
{
        CLEANUP(ossl_certp) X509 *cert = ossl_cert(cert_der, e);

        if (!cert)
                return ERR_INVALID;
        return x509_node_is_root(cert)
                       ? 0
                       : err_set(e, ERR_AUTH, "the certificate is not the root of a site");
}

/* Both ends of a link: X509_check_purpose alone takes a certificate without extended usages. */
static bool x509_node_is_node(X509 *leaf)
{
        return (X509_get_extension_flags(leaf) & (EXFLAG_CA | EXFLAG_XKUSAGE)) == EXFLAG_XKUSAGE &&
               X509_check_purpose(leaf, X509_PURPOSE_SSL_SERVER, 0) == 1 &&
               X509_check_purpose(leaf, X509_PURPOSE_SSL_CLIENT, 0) == 1;
}

/* RFC 5280 section 6 over exactly these three, by OpenSSL. */
static int x509_node_verify(X509 *leaf, X509 *issuer, X509 *root, struct err *e)
{
        X509_STORE *store = X509_STORE_new();
        X509_STORE_CTX *ctx = X509_STORE_CTX_new();
        STACK_OF(X509) *between = sk_X509_new_null();
        int r = 0;

        ossl_must(store && ctx && between && sk_X509_push(between, issuer) > 0 &&
                          X509_STORE_add_cert(store, root) == 1 &&
                          X509_STORE_CTX_init(ctx, store, leaf, between) == 1,
                "setting a chain up");
        X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
        X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT |
                                                   X509_V_FLAG_CHECK_SS_SIGNATURE |
                                                   X509_V_FLAG_NO_CHECK_TIME);
        X509_VERIFY_PARAM_set_auth_level(param, 2);
        X509_VERIFY_PARAM_set_depth(param, X509_NODE_DEPTH);
        if (X509_verify_cert(ctx) != 1)
                r = err_set(e, ERR_AUTH, "the certificate: %s",
                        X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx)));
        else if (sk_X509_num(X509_STORE_CTX_get0_chain(ctx)) != X509_NODE_DEPTH + 2)
                r = err_set(e, ERR_AUTH, "the certificate's chain is not leaf, issuer, root");
        sk_X509_free(between);
        X509_STORE_CTX_free(ctx);
        X509_STORE_free(store);
        ERR_clear_error();
        return r;
}

static int x509_node_check(X509 *leaf, X509 *issuer, X509 *root, struct err *e)
{
        if (!x509_node_is_node(leaf))
                return err_set(e, ERR_AUTH, "the certificate is not one of a node");
        if (!x509_node_is_ca(issuer, 0))
                return err_set(e, ERR_AUTH, "the issuer may not issue certificates");
        if (!x509_node_is_root(root))
                return err_set(e, ERR_AUTH, "the chain does not end in the root of a site");
        return x509_node_verify(leaf, issuer, root, e);
}

int x509_node_read(struct bytes leaf_der, struct bytes issuer_der, struct bytes root_der,
        struct x509_node *ret, struct err *e)
{
        CLEANUP(ossl_certp) X509 *leaf = ossl_cert(leaf_der, e);
        CLEANUP(ossl_certp) X509 *issuer = leaf ? ossl_cert(issuer_der, e) : NULL;
        CLEANUP(ossl_certp) X509 *root = issuer ? ossl_cert(root_der, e) : NULL;
        struct x509_node n = { 0 };

        if (!root)
                return ERR_INVALID;
        int r = x509_node_check(leaf, issuer, root, e);
        if (r == 0)
                r = x509_node_uri(leaf, n.uri, e);
        if (r == 0)
                r = x509_node_time(X509_get0_notBefore(leaf), &n.not_before_us, e);
        if (r == 0)
                r = x509_node_time(X509_get0_notAfter(leaf), &n.not_after_us, e);
        if (r < 0)
                return r;
        ossl_spki_id(X509_get_X509_PUBKEY(leaf), n.key);
        *ret = n;
        return 0;
}
