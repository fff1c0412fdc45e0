/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What issuers have revoked (RFC 5280 section 5). A list is judged when it is given, so that a
 * session only asks "is this serial on a list of this issuer?": a list counts by what it names. One
 * that has run out goes on counting, and an issuer without a list is not a refusal: a recorder
 * without its manager goes on by the last list it has.
 */
#include "crypto/tls_config.h"
#include "crypto/x509.h"
#include "crypto/x509_crl.h"

#define TLS_CRLS_MAX 64   /* lists, and as many issuers, in one text */
#define TLS_CRLS_BITS 112 /* strength of the issuer's key and of the hash it signs */

static int tls_crls_name(struct err *e, int code, const X509_NAME *name, const char *text)
{
        char shown[160];

        X509_NAME_oneline(name, shown, sizeof shown);
        for (char *s = shown; *s; s++) {
                if (*s < ' ' || *s > '~')
                        *s = '?';
        }
        ERR_clear_error();
        return err_set(e, code, "revocation list of %s: %s", shown, text);
}

/* A partial list is whole for what it names; one with entries of other issuers, or one that only
 * says what changed, is not read by serial alone. */
static const char *tls_crls_extension_fault(X509_EXTENSION *x, X509_CRL *list)
{
        switch (OBJ_obj2nid(X509_EXTENSION_get_object(x))) {
        case NID_issuing_distribution_point: {
                ISSUING_DIST_POINT *point =
                        X509_CRL_get_ext_d2i(list, NID_issuing_distribution_point, NULL, NULL);
                const char *fault = !point ? "its distribution point is malformed"
                                    : point->indirectCRL > 0
                                            ? "an indirect list, only an issuer's own is understood"
                                            : NULL;
                ISSUING_DIST_POINT_free(point);
                return fault;
        }
        case NID_delta_crl:
                return "a delta list, only complete ones are understood";
        case NID_authority_key_identifier:
                return NULL;
        default:
                return X509_EXTENSION_get_critical(x)
                               ? "a critical extension that is not understood"
                               : NULL;
        }
}

static const char *tls_crls_fault(X509_CRL *list)
{
        STACK_OF(X509_REVOKED) *entries = X509_CRL_get_REVOKED(list);

        if (X509_CRL_get_ext_by_NID(list, NID_crl_number, -1) < 0)
                return "it has no number";
        for (int i = 0; i < X509_CRL_get_ext_count(list); i++) {
                const char *fault = tls_crls_extension_fault(X509_CRL_get_ext(list, i), list);
                if (fault)
                        return fault;
        }
        for (int i = 0; i < sk_X509_REVOKED_num(entries); i++) {
                X509_REVOKED *entry = sk_X509_REVOKED_value(entries, i);
                if (X509_REVOKED_get_ext_by_critical(entry, 1, -1) >= 0)
                        return "an entry with a critical extension that is not understood";
        }
        return NULL;
}

static bool tls_crls_strong(const X509_CRL *list)
{
        int hash = NID_undef, key = NID_undef, algorithm = X509_CRL_get_signature_nid(list);

        if (algorithm == NID_ED25519 || algorithm == NID_ED448)
                return true;
        if (OBJ_find_sigid_algs(algorithm, &hash, &key) != 1)
                return false;
        const EVP_MD *md = EVP_get_digestbynid(hash);
        return md && EVP_MD_get_size(md) * 4 >= TLS_CRLS_BITS;
}

static int tls_crls_check(X509_CRL *list, STACK_OF(X509) * issuers, struct err *e)
{
        const X509_NAME *name = X509_CRL_get_issuer(list);
        const char *fault = tls_crls_fault(list);
        bool named = false, may = false;

        if (fault)
                return tls_crls_name(e, ERR_INVALID, name, fault);
        if (!tls_crls_strong(list))
                return tls_crls_name(e, ERR_INVALID, name,
                        "its signature is too weak: SHA-256 or better is needed");
        for (int i = 0; i < sk_X509_num(issuers); i++) {
                X509 *issuer = sk_X509_value(issuers, i);
                EVP_PKEY *key = X509_get0_pubkey(issuer);
                if (X509_NAME_cmp(X509_get_subject_name(issuer), name) != 0)
                        continue;
                named = true;
                if (!(X509_get_key_usage(issuer) & KU_CRL_SIGN))
                        continue;
                may = true;
                if (key && EVP_PKEY_get_security_bits(key) >= TLS_CRLS_BITS &&
                        X509_CRL_verify(list, key) == 1)
                        return 0;
        }
        if (!named)
                return tls_crls_name(e, ERR_AUTH, name,
                        "it is of none of the trusted issuers; give the issuer's certificate "
                        "beside it where that hangs below a root");
        return tls_crls_name(e, ERR_AUTH, name,
                may ? "its signature does not verify"
                    : "its issuer's certificate does not allow it to sign one");
}

/* A CA, or a key of one that signs lists and nothing else. */
static bool tls_crls_may_sign(X509 *cert)
{
        uint32_t usage = X509_get_key_usage(cert) & (KU_KEY_CERT_SIGN | KU_CRL_SIGN);

        return X509_check_ca(cert) == 1 || usage == KU_CRL_SIGN;
}

/* An issuer between: known when one that is known has signed it. */
static int tls_crls_add_issuer(STACK_OF(X509) * issuers, X509 *cert, struct err *e)
{
        for (int i = 0; i < sk_X509_num(issuers); i++) {
                X509 *above = sk_X509_value(issuers, i);
                EVP_PKEY *key = X509_get0_pubkey(above);
                if (X509_check_issued(above, cert) != X509_V_OK || !key ||
                        X509_verify(cert, key) != 1)
                        continue;
                if (!tls_crls_may_sign(cert))
                        break;
                ossl_must(X509_up_ref(cert) == 1 && sk_X509_push(issuers, cert) > 0,
                        "an issuer of revocation lists");
                return 0;
        }
        ERR_clear_error();
        return err_set(e, ERR_AUTH,
                "revocation lists: a certificate beside them is not that of an issuer below the "
                "trusted roots (put each issuer behind its own)");
}

static int tls_crls_add(
        struct bytes der, STACK_OF(X509) * issuers, STACK_OF(X509_CRL) * lists, struct err *e)
{
        const uint8_t *at = der.p;

        if (der.n > X509_CRL_MAX)
                return err_set(e, ERR_EXHAUSTED, "a revocation list of %zu bytes, at most %d",
                        der.n, X509_CRL_MAX);
        X509_CRL *list = d2i_X509_CRL(NULL, &at, (long)der.n);
        if (!list || at != der.p + der.n) {
                X509_CRL_free(list);
                return ossl_err(e, ERR_INVALID, "revocation list: not one in DER");
        }
        int r = tls_crls_check(list, issuers, e);
        if (r < 0) {
                X509_CRL_free(list);
                return r;
        }
        ossl_must(sk_X509_CRL_push(lists, list) > 0, "a revocation list");
        return 0;
}

/* The blocks of one kind of the text; lists come after all certificates, wherever they stand. */
static int tls_crls_read(struct bytes pem, bool certs, STACK_OF(X509) * issuers,
        STACK_OF(X509_CRL) * lists, struct err *e)
{
        BIO *in = BIO_new_mem_buf(pem.n ? (const void *)pem.p : "", (int)pem.n);
        int r = 0, more = 1;

        ossl_must(in != NULL, "a memory BIO");
        for (unsigned n = 0; r == 0 && more == 1;) {
                char *name = NULL, *header = NULL;
                unsigned char *der = NULL;
                long bytes = 0;
                more = PEM_read_bio(in, &name, &header, &der, &bytes);
                if (more != 1) {
                        if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
                                r = ossl_err(e, ERR_INVALID, "revocation lists: broken PEM");
                        ERR_clear_error();
                } else if (strcmp(name, certs ? PEM_STRING_X509 : PEM_STRING_X509_CRL) == 0) {
                        struct bytes b = BYTES(der, (size_t)bytes);
                        CLEANUP(ossl_certp) X509 *cert = certs ? ossl_cert(b, e) : NULL;
                        if (++n > TLS_CRLS_MAX)
                                r = err_set(e, ERR_EXHAUSTED, "more than %d revocation lists",
                                        TLS_CRLS_MAX);
                        else if (certs)
                                r = cert ? tls_crls_add_issuer(issuers, cert, e) : ERR_INVALID;
                        else
                                r = tls_crls_add(b, issuers, lists, e);
                }
                OPENSSL_free(name);
                OPENSSL_free(header);
                OPENSSL_clear_free(der, (size_t)bytes);
        }
        BIO_free(in);
        return r;
}

int tls_crls_set(struct tls_config *c, struct bytes pem, struct err *e)
{
        int r = 0;

        ERR_clear_error();
        if (pem.n > X509_PEM_MAX)
                return err_set(e, ERR_EXHAUSTED, "%zu bytes of revocation lists, at most %d", pem.n,
                        X509_PEM_MAX);
        STACK_OF(X509) *issuers = X509_STORE_get1_all_certs(SSL_CTX_get_cert_store(c->ctx));
        STACK_OF(X509_CRL) *lists = sk_X509_CRL_new_null();
        ossl_must(issuers && lists, "revocation lists");
        if (c->only_issuer)
                ossl_must(X509_up_ref(c->only_issuer) == 1 &&
                                  sk_X509_push(issuers, c->only_issuer) > 0,
                        "an issuer of revocation lists");
        r = tls_crls_read(pem, true, issuers, lists, e);
        if (r == 0)
                r = tls_crls_read(pem, false, issuers, lists, e);
        if (r == 0 && pem.n > 0 && sk_X509_CRL_num(lists) == 0)
                r = err_set(e, ERR_INVALID, "revocation lists: none in the text");
        if (r < 0) {
                sk_X509_pop_free(issuers, X509_free);
                sk_X509_CRL_pop_free(lists, X509_CRL_free);
                return r;
        }
        tls_crls_done(c);
        c->crl_issuers = issuers;
        c->crls = lists;
        return 0;
}

void tls_crls_done(struct tls_config *c)
{
        sk_X509_pop_free(c->crl_issuers, X509_free);
        sk_X509_CRL_pop_free(c->crls, X509_CRL_free);
        c->crl_issuers = NULL;
        c->crls = NULL;
}

X509_REVOKED *tls_crls_find(const struct tls_config *c, X509 *cert)
{
        for (int i = 0; c->crls && i < sk_X509_CRL_num(c->crls); i++) {
                X509_CRL *list = sk_X509_CRL_value(c->crls, i);
                X509_REVOKED *entry = NULL;
                if (X509_CRL_get0_by_cert(list, &entry, cert) != 0) /* issuer's name and serial */
                        return entry;
        }
        return NULL;
}

bool tls_crls_issued(const struct tls_config *c, X509 *cert)
{
        for (int i = 0; c->crl_issuers && i < sk_X509_num(c->crl_issuers); i++) {
                X509 *issuer = sk_X509_value(c->crl_issuers, i);
                EVP_PKEY *key = X509_get0_pubkey(issuer);
                if (key && X509_check_issued(issuer, cert) == X509_V_OK &&
                        X509_verify(cert, key) == 1)
                        return true;
        }
        ERR_clear_error();
        return false;
}
