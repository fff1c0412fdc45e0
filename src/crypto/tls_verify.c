/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whether the peer's certificate is accepted (RFC 5280 section 6, and RFC 9525 of a camera, or the
 * pin), and if not, why. The one place where a certificate of any link is judged. */
#include <stdarg.h>
#include <stdio.h>

#include "base/secret.h"
#include "base/str.h"
#include "crypto/tls_session.h"
#include "crypto/x509_crl.h"

#define TLS_VERIFY_NAMES_SHOWN 4

static void tls_verify_detail(struct tls *t, const char *fmt, ...) PRINTF(2, 3);
static void tls_verify_detail(struct tls *t, const char *fmt, ...)
{
        size_t n = strlen(t->detail);
        va_list args;

        va_start(args, fmt);
        vsnprintf(t->detail + n, sizeof t->detail - n, fmt, args);
        va_end(args);
}

static void tls_verify_show_date(struct tls *t, const char *what, const ASN1_TIME *time)
{
        struct tm tm;

        if (ASN1_TIME_to_tm(time, &tm) == 1)
                tls_verify_detail(t, "%s %04d-%02d-%02d %02d:%02d UTC", what, tm.tm_year + 1900,
                        tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min);
}

static void tls_verify_show_name(struct tls *t, const char *before, const X509_NAME *name)
{
        BIO *bio = BIO_new(BIO_s_mem());
        const uint8_t *text = NULL;
        char escaped[80];

        ossl_must(bio != NULL, "a memory BIO");
        if (X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0) {
                long n = BIO_get_mem_data(bio, (void *)&text);
                tls_verify_detail(t, "%s%s", before,
                        str_escape(escaped, sizeof escaped, BYTES(text, (size_t)n)));
        }
        BIO_free(bio);
}

/* For whoever wants to compare it with the one that the camera itself shows, and to pin it. */
static void tls_verify_show_key(struct tls *t)
{
        char hex[65];

        tls_verify_detail(t, "; key %s", str_hex(hex, BYTES(t->key, 32)));
}

static void tls_verify_show_address(struct tls *t, struct bytes ip)
{
        for (size_t i = 0; i < ip.n; i++) {
                if (ip.n == 4)
                        tls_verify_detail(t, "%s%u", i ? "." : "", ip.p[i]);
                else
                        tls_verify_detail(t, "%s%02x", i && i % 2 == 0 ? ":" : "", ip.p[i]);
        }
}

static void tls_verify_show_san(struct tls *t, const GENERAL_NAME *name, const char *between)
{
        char text[64];
        int type = 0;
        const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &type);

        if (type != GEN_DNS && type != GEN_IPADD)
                return;
        struct bytes b = BYTES(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
        tls_verify_detail(t, "%s%s ", between, type == GEN_DNS ? "DNS" : "IP");
        if (type == GEN_DNS)
                tls_verify_detail(t, "%s", str_escape(text, sizeof text, b));
        else if (b.n == 4 || b.n == 16)
                tls_verify_show_address(t, b);
}

static void tls_verify_show_names(struct tls *t, X509 *cert)
{
        GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
        int n = names ? sk_GENERAL_NAME_num(names) : 0;

        tls_verify_detail(t, "asked for %s; ", t->host);
        if (n == 0)
                tls_verify_detail(t, "it carries no name at all (a common name does not count)");
        for (int i = 0; i < n && i < TLS_VERIFY_NAMES_SHOWN; i++)
                tls_verify_show_san(
                        t, sk_GENERAL_NAME_value(names, i), i == 0 ? "it is for " : ", ");
        if (n > TLS_VERIFY_NAMES_SHOWN)
                tls_verify_detail(t, ", ...");
        GENERAL_NAMES_free(names);
}

/* What was seen; at is the certificate of the chain that failed. */
static void tls_verify_explain(struct tls *t, X509 *at, int error)
{
        EVP_PKEY *key = X509_get0_pubkey(at);

        switch (t->refusal) {
        case TLS_EXPIRED:
                tls_verify_show_date(t, "valid until", X509_get0_notAfter(at));
                break;
        case TLS_NOT_YET_VALID:
                tls_verify_show_date(t, "valid from", X509_get0_notBefore(at));
                break;
        case TLS_WRONG_NAME:
                tls_verify_show_names(t, at);
                break;
        case TLS_SELF_SIGNED:
                tls_verify_show_name(t, "", X509_get_subject_name(at));
                tls_verify_show_key(t);
                break;
        case TLS_UNKNOWN_ISSUER:
        case TLS_BAD_SIGNATURE:
                tls_verify_show_name(t, "issuer ", X509_get_issuer_name(at));
                tls_verify_show_key(t);
                break;
        case TLS_WEAK_KEY:
                if (key)
                        tls_verify_detail(t, "%s %d bits", EVP_PKEY_get0_type_name(key),
                                EVP_PKEY_get_bits(key));
                break;
        default:
                tls_verify_detail(t, "%s", X509_verify_cert_error_string(error));
        }
}

/*
 * A pin stands for the key alone. Chain and name are not asked: somebody has compared this key with
 * the camera itself. Dates are not judged either: a self-signed certificate's dates are the peer's
 * own word, a camera without a battery dates them 1970, and stopping a recording over them protects
 * nothing while the key is the same.
 */
static bool tls_verify_pin(struct tls *t, X509 *leaf)
{
        EVP_PKEY *key = X509_get0_pubkey(leaf);
        char seen[65], wanted[65];

        if (!secret_equal(BYTES(t->key, 32), BYTES(t->pin, 32))) {
                t->refusal = TLS_PIN_MISMATCH;
                tls_verify_detail(t, "key %s, pinned %s", str_hex(seen, BYTES(t->key, 32)),
                        str_hex(wanted, BYTES(t->pin, 32)));
                return false;
        }
        if (!key || EVP_PKEY_get_security_bits(key) < TLS_STRENGTH_BITS) {
                t->refusal = TLS_WEAK_KEY;
                tls_verify_explain(t, leaf, X509_V_ERR_EE_KEY_TOO_SMALL);
                return false;
        }
        return true;
}

/* Whether the chain ends in the root that only_issuer hangs from. */
static bool tls_verify_same_root(X509 *only, X509 *anchor)
{
        EVP_PKEY *key = X509_get0_pubkey(anchor);
        bool same =
                key && X509_check_issued(anchor, only) == X509_V_OK && X509_verify(only, key) == 1;

        ERR_clear_error();
        return same;
}

/*
 * The chain is good; is the leaf's issuer the one that this config is for? That one speaks for its
 * own root alone: what hangs from another root that was given, a vendor's, is judged by the chain.
 * Between roles there is no other root.
 */
bool tls_verify_is_issued(const struct tls_config *by, STACK_OF(X509) * chain)
{
        X509 *only = by->only_issuer;
        int n = sk_X509_num(chain);

        if (!only || (n > 1 && X509_cmp(sk_X509_value(chain, 1), only) == 0))
                return true;
        return !by->site && n > 1 && !tls_verify_same_root(only, sk_X509_value(chain, n - 1));
}

static bool tls_verify_issuer(struct tls *t, const struct tls_config *by, STACK_OF(X509) * chain)
{
        if (tls_verify_is_issued(by, chain))
                return true;
        t->refusal = TLS_UNKNOWN_ISSUER;
        tls_verify_show_name(t, "issuer ", X509_get_issuer_name(sk_X509_value(chain, 0)));
        tls_verify_show_key(t);
        return false;
}

static bool tls_verify_not_revoked(struct tls *t, const struct tls_config *by, X509 *cert)
{
        X509_REVOKED *entry = tls_crls_find(by, cert);

        if (!entry)
                return true;
        ASN1_ENUMERATED *code = X509_REVOKED_get_ext_d2i(entry, NID_crl_reason, NULL, NULL);
        const char *reason = code ? x509_crl_reason_name((int)ASN1_ENUMERATED_get(code)) : NULL;
        t->refusal = TLS_REVOKED;
        tls_verify_show_name(t, "", X509_get_subject_name(cert));
        tls_verify_show_date(t, ", revoked", X509_REVOKED_get0_revocationDate(entry));
        if (reason)
                tls_verify_detail(t, ": %s", reason);
        ASN1_ENUMERATED_free(code);
        return false;
}

/* A revocation is somebody's word about this very certificate: it counts though the key is pinned,
 * where it is its issuer's word. */
static int tls_verify_pinned(struct tls *t, const struct tls_config *by, X509 *leaf)
{
        if (!tls_verify_pin(t, leaf))
                return X509_V_ERR_CERT_UNTRUSTED;
        if (tls_crls_find(by, leaf) && tls_crls_issued(by, leaf) &&
                !tls_verify_not_revoked(t, by, leaf))
                return X509_V_ERR_CERT_REVOKED;
        return X509_V_OK;
}

static int tls_verify_chain(struct tls *t, const struct tls_config *by, STACK_OF(X509) * chain)
{
        const char *text = "";
        X509 *at = NULL;

        if (!tls_verify_issuer(t, by, chain))
                return X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT;
        for (int i = 0; i < sk_X509_num(chain); i++) {
                if (!tls_verify_not_revoked(t, by, sk_X509_value(chain, i)))
                        return X509_V_ERR_CERT_REVOKED;
        }
        t->refusal = tls_profile_check(chain, &text, &at);
        if (t->refusal == TLS_OK)
                return t->role ? tls_role_judge(t, by, sk_X509_value(chain, 0)) : X509_V_OK;
        tls_verify_show_name(t, "", X509_get_subject_name(at));
        tls_verify_detail(t, ": %s", text);
        return X509_V_ERR_CERT_REJECTED;
}

/* OpenSSL's part, RFC 5280 section 6; flags besides the policies that certificates ask for. */
static int tls_verify_path(struct tls *t, const struct tls_config *by, STACK_OF(X509) * sent,
        int64_t now_us, unsigned long flags)
{
        X509_STORE_CTX *ctx = X509_STORE_CTX_new();
        X509 *leaf = sk_X509_value(sent, 0);

        ossl_must(ctx && X509_STORE_CTX_init(ctx, SSL_CTX_get_cert_store(by->ctx), leaf, sent) == 1,
                "verifying a certificate");
        X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
        ossl_must(X509_STORE_CTX_set_default(ctx, t->server ? "ssl_client" : "ssl_server") == 1 &&
                          X509_VERIFY_PARAM_set1(param, SSL_get0_param(t->ssl)) == 1 &&
                          X509_VERIFY_PARAM_set_flags(param, flags | X509_V_FLAG_POLICY_CHECK) == 1,
                "verifying a certificate");
        /* Any policy will do; what the certificates themselves ask about policies is done. */
        ossl_must(X509_VERIFY_PARAM_add0_policy(param, OBJ_nid2obj(NID_any_policy)) == 1,
                "verifying a certificate");
        X509_VERIFY_PARAM_set_auth_level(param, SSL_get_security_level(t->ssl));
        X509_VERIFY_PARAM_set_time(param, (time_t)(now_us / 1000000));
        int error = X509_V_OK;
        if (X509_verify_cert(ctx) == 1) {
                /* What else is asked is asked of the chain that was found. */
                if (flags & X509_V_FLAG_X509_STRICT)
                        error = tls_verify_chain(t, by, X509_STORE_CTX_get0_chain(ctx));
        } else {
                error = X509_STORE_CTX_get_error(ctx);
                X509 *at = X509_STORE_CTX_get_current_cert(ctx);
                t->refusal = error == X509_V_OK ? TLS_PROTOCOL : tls_refusal_of_chain(error);
                tls_verify_explain(t, at ? at : leaf, error);
                error = error == X509_V_OK ? X509_V_ERR_UNSPECIFIED : error;
        }
        X509_STORE_CTX_free(ctx);
        return error;
}

/*
 * Twice, and strictly the second time: so a certificate that has expired is called expired, though
 * its form is not to the letter either.
 */
int tls_verify_certs(
        struct tls *t, const struct tls_config *by, STACK_OF(X509) * sent, int64_t now_us)
{
        X509 *leaf = sk_X509_value(sent, 0);

        ossl_spki_id(X509_get_X509_PUBKEY(leaf), t->key);
        t->have_key = true;
        if (by->seen) {
                tls_seen_look(t, by, sent, now_us, &by->seen->last);
                by->seen->any = true;
        }
        if (t->pinned)
                return tls_verify_pinned(t, by, leaf);
        int error = tls_verify_path(t, by, sent, now_us, 0);
        if (error == X509_V_OK)
                error = tls_verify_path(t, by, sent, now_us, X509_V_FLAG_X509_STRICT);
        t->chain_verified = error == X509_V_OK;
        return error;
}

int tls_verify_peer(X509_STORE_CTX *chain, void *unused)
{
        SSL *ssl = X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx());
        struct tls *t = SSL_get_app_data(ssl);

        (void)unused;
        int error = tls_verify_certs(t, t->config, X509_STORE_CTX_get0_untrusted(chain), t->now_us);
        X509_STORE_CTX_set_error(chain, error); /* by which OpenSSL chooses the alert */
        return error == X509_V_OK;
}
