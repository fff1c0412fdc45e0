/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading certificates: PEM, names, dates, the chain of a seal. Making them is x509_issue.c. */
#include "crypto/x509.h"

#include "base/str.h"
#include "crypto/ossl.h"
#include "crypto/tls_session.h"

#define X509_SIGNING_USAGE "1.3.6.1.5.5.7.3.36" /* id-kp-documentSigning, RFC 9336 */

int x509_pem_format(struct bytes der, struct buf *out, struct err *e)
{
        CLEANUP(ossl_certp) X509 *cert = ossl_cert(der, e);
        BIO *bio = BIO_new(BIO_s_mem());
        const uint8_t *text = NULL;

        ossl_must(bio != NULL, "a memory BIO");
        int r = cert ? 0 : ERR_INVALID;
        if (r == 0) {
                ossl_must(PEM_write_bio_X509(bio, cert) == 1, "writing a certificate");
                long n = BIO_get_mem_data(bio, (void *)&text);
                r = buf_append(out, BYTES(text, (size_t)n), e);
        }
        BIO_free(bio);
        return r;
}

/* The next CERTIFICATE block of in as DER, owned by the caller. */
static int x509_pem_next(BIO *in, unsigned char **ret, long *ret_n, struct err *e)
{
        for (;;) {
                char *name = NULL, *header = NULL;
                unsigned char *der = NULL;
                long n = 0;
                if (PEM_read_bio(in, &name, &header, &der, &n) != 1) {
                        bool end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
                        return end ? (ERR_clear_error(), ERR_NOT_FOUND)
                                   : ossl_err(e, ERR_INVALID, "broken PEM");
                }
                bool cert = strcmp(name, PEM_STRING_X509) == 0;
                bool marked = strcmp(name, PEM_STRING_X509_TRUSTED) == 0;
                OPENSSL_free(name);
                OPENSSL_free(header);
                if (cert) {
                        *ret = der;
                        *ret_n = n;
                        return 0;
                }
                OPENSSL_clear_free(der, (size_t)n); /* it may be a key */
                if (marked) /* it may say that the certificate is not to be trusted */
                        return err_set(e, ERR_INVALID,
                                "a TRUSTED CERTIFICATE, whose marks are not understood: give a "
                                "plain CERTIFICATE");
        }
}

int x509_pem_parse(struct bytes pem, unsigned index, struct buf *out, struct err *e)
{
        unsigned char *der = NULL;
        long n = 0;
        int r = 0;

        ossl_begin();
        ERR_clear_error();
        if (pem.n > X509_PEM_MAX)
                return err_set(
                        e, ERR_EXHAUSTED, "%zu bytes of PEM, at most %d", pem.n, X509_PEM_MAX);
        BIO *in = BIO_new_mem_buf(pem.n ? (const void *)pem.p : "", (int)pem.n);
        ossl_must(in != NULL, "a memory BIO");
        for (unsigned i = 0; r == 0 && i <= index; i++) {
                OPENSSL_free(der);
                der = NULL;
                r = x509_pem_next(in, &der, &n, e);
        }
        BIO_free(in);
        if (r == ERR_NOT_FOUND)
                return err_set(e, r, "no certificate number %u in the PEM text", index + 1);
        if (r < 0)
                return r;
        X509 *cert = ossl_cert(BYTES(der, (size_t)n), e);
        r = cert ? buf_append(out, BYTES(der, (size_t)n), e) : ERR_INVALID;
        X509_free(cert);
        OPENSSL_free(der);
        return r;
}

int x509_key_id(struct bytes cert_der, uint8_t ret[static 32], struct err *e)
{
        CLEANUP(ossl_certp) X509 *cert = ossl_cert(cert_der, e);

        if (!cert)
                return ERR_INVALID;
        ossl_spki_id(X509_get_X509_PUBKEY(cert), ret);
        return 0;
}

int x509_not_before(struct bytes cert_der, int64_t *ret_us, struct err *e)
{
        CLEANUP(ossl_certp) X509 *cert = ossl_cert(cert_der, e);

        if (!cert)
                return ERR_INVALID;
        if (!ossl_time_us(X509_get0_notBefore(cert), ret_us))
                return ossl_err(
                        e, ERR_INVALID, "the certificate's begin of validity is not a time");
        return 0;
}

int x509_not_after(struct bytes cert_der, int64_t *ret_us, struct err *e)
{
        CLEANUP(ossl_certp) X509 *cert = ossl_cert(cert_der, e);

        if (!cert)
                return ERR_INVALID;
        if (!ossl_time_us(X509_get0_notAfter(cert), ret_us))
                return ossl_err(e, ERR_INVALID, "the certificate's end of validity is not a time");
        return 0;
}

int x509_subject(struct bytes cert_der, char *to, size_t room, struct err *e)
{
        CLEANUP(ossl_certp) X509 *cert = ossl_cert(cert_der, e);
        const uint8_t *text = NULL;

        if (!cert)
                return ERR_INVALID;
        BIO *bio = BIO_new(BIO_s_mem());
        ossl_must(bio != NULL, "a memory BIO");
        int r = 0;
        if (X509_NAME_print_ex(bio, X509_get_subject_name(cert), 0, XN_FLAG_RFC2253) < 0)
                r = ossl_err(e, ERR_INVALID, "the certificate's subject cannot be shown");
        else {
                long n = BIO_get_mem_data(bio, (void *)&text);
                str_escape(to, room, BYTES(text, (size_t)n));
        }
        BIO_free(bio);
        return r;
}

int x509_check_issued_by(struct bytes cert_der, struct bytes issuer_der, struct err *e)
{
        CLEANUP(ossl_certp) X509 *cert = ossl_cert(cert_der, e);
        CLEANUP(ossl_certp) X509 *issuer = cert ? ossl_cert(issuer_der, e) : NULL;
        EVP_PKEY *key = issuer ? X509_get0_pubkey(issuer) : NULL;

        if (!issuer)
                return ERR_INVALID;
        int named = X509_check_issued(issuer, cert);
        if (named != X509_V_OK)
                return err_set(e, ERR_AUTH, "%s", X509_verify_cert_error_string(named));
        if (!key || X509_verify(cert, key) != 1)
                return ossl_err(e, ERR_AUTH, "the certificate is not signed by its issuer");
        return 0;
}

/* The leaf's extended key usage is document signing and nothing besides: a camera's or a node's
 * certificate never passes for one that signs, even where one issuer were to make both. */
static bool x509_signs(X509 *leaf)
{
        EXTENDED_KEY_USAGE *usage = X509_get_ext_d2i(leaf, NID_ext_key_usage, NULL, NULL);
        char text[64] = "";

        if (usage && sk_ASN1_OBJECT_num(usage) == 1)
                OBJ_obj2txt(text, sizeof text, sk_ASN1_OBJECT_value(usage, 0), 1);
        EXTENDED_KEY_USAGE_free(usage);
        return strcmp(text, X509_SIGNING_USAGE) == 0 &&
               (X509_get_extension_flags(leaf) & (EXFLAG_CA | EXFLAG_KUSAGE)) == EXFLAG_KUSAGE &&
               X509_get_key_usage(leaf) == KU_DIGITAL_SIGNATURE;
}

/* "custos://SITE/manager/NAME" */
static bool x509_is_manager(const char *uri)
{
        static const char scheme[] = "custos://", role[] = "/manager/";

        if (strncmp(uri, scheme, sizeof scheme - 1) != 0)
                return false;
        const char *site = uri + sizeof scheme - 1, *path = strchr(site, '/');
        return path && path > site && strncmp(path, role, sizeof role - 1) == 0 &&
               path[sizeof role - 1] && !strchr(path + sizeof role - 1, '/');
}

/* The one alternative name, where it is a manager's URI. */
static bool x509_grant_uri(X509 *leaf, char to[static X509_URI_ROOM])
{
        GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
        int type = -1;
        const ASN1_STRING *text =
                names && sk_GENERAL_NAME_num(names) == 1
                        ? GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, 0), &type)
                        : NULL;

        to[0] = '\0';
        if (type == GEN_URI && ASN1_STRING_length(text) < X509_URI_ROOM) {
                size_t n = (size_t)ASN1_STRING_length(text);
                memcpy(to, ASN1_STRING_get0_data(text), n);
                to[n] = '\0';
                if (strlen(to) != n)
                        to[0] = '\0';
        }
        GENERAL_NAMES_free(names);
        return x509_is_manager(to);
}

static bool x509_is_ca(X509 *cert, long path_min)
{
        long path = X509_get_pathlen(cert);

        return X509_check_ca(cert) == 1 && (path < 0 || path >= path_min) &&
               (X509_get_extension_flags(cert) & EXFLAG_KUSAGE) &&
               (X509_get_key_usage(cert) & KU_KEY_CERT_SIGN);
}

/* Signatures, dates, path lengths and critical extensions, by OpenSSL, over exactly these three. */
static int x509_verify_three(
        X509 *leaf, X509 *issuer, X509 *root, const char *what, int64_t at_us, struct err *e)
{
        X509_STORE *store = X509_STORE_new();
        X509_STORE_CTX *ctx = X509_STORE_CTX_new();
        STACK_OF(X509) *between = sk_X509_new_null();

        ossl_must(store && ctx && between && sk_X509_push(between, issuer) > 0 &&
                          X509_STORE_add_cert(store, root) == 1 &&
                          X509_STORE_CTX_init(ctx, store, leaf, between) == 1,
                "setting a chain up");
        X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
        X509_VERIFY_PARAM_set_time(param, (time_t)(at_us / 1000000));
        X509_VERIFY_PARAM_set_flags(
                param, X509_V_FLAG_X509_STRICT | X509_V_FLAG_CHECK_SS_SIGNATURE);
        X509_VERIFY_PARAM_set_auth_level(param, 2);
        X509_VERIFY_PARAM_set_depth(param, 1);

        int r = 0;
        if (X509_verify_cert(ctx) != 1) {
                const char *const which[] = { what, "issuer", "root" };
                int depth = X509_STORE_CTX_get_error_depth(ctx),
                    error = X509_STORE_CTX_get_error(ctx);
                r = err_fault(e, ERR_AUTH, tls_refusal_fault(tls_refusal_of_chain(error)), "%s: %s",
                        which[depth < 0 || depth > 2 ? 0 : depth],
                        X509_verify_cert_error_string(error));
        } else if (sk_X509_num(X509_STORE_CTX_get0_chain(ctx)) != 3) {
                r = err_set(e, ERR_AUTH, "the chain of the %s is not leaf, issuer, root", what);
        }
        sk_X509_free(between);
        X509_STORE_CTX_free(ctx);
        X509_STORE_free(store);
        ERR_clear_error();
        return r;
}

/* leaf, issuer and root, of which leaf is what (words) and was judged by the caller. */
static int x509_check_three(X509 *leaf, struct bytes issuer_der, struct bytes root_der,
        const char *what, int64_t at_us, struct err *e)
{
        CLEANUP(ossl_certp) X509 *issuer = ossl_cert(issuer_der, e);
        CLEANUP(ossl_certp) X509 *root = issuer ? ossl_cert(root_der, e) : NULL;

        if (!root)
                return ERR_INVALID;
        if (!x509_is_ca(issuer, 0))
                return err_set(e, ERR_AUTH, "the %s's issuer may not issue certificates", what);
        if (!x509_is_ca(root, 1) || X509_check_issued(root, root) != X509_V_OK)
                return err_set(
                        e, ERR_AUTH, "the chain does not end in a root that may have issuers");
        return x509_verify_three(leaf, issuer, root, what, at_us, e);
}

int x509_check_seal_chain(
        struct bytes leaf_der, struct bytes issuer, struct bytes root, int64_t at_us, struct err *e)
{
        CLEANUP(ossl_certp) X509 *leaf = ossl_cert(leaf_der, e);
        char uri[X509_URI_ROOM];

        if (!leaf)
                return ERR_INVALID;
        if (!x509_signs(leaf) || x509_grant_uri(leaf, uri))
                return err_set(e, ERR_AUTH, "the certificate is not one for seals");
        return x509_check_three(leaf, issuer, root, "seal certificate", at_us, e);
}

int x509_check_grant_chain(struct bytes leaf_der, struct bytes issuer, struct bytes root,
        int64_t at_us, char ret_uri[static X509_URI_ROOM], struct err *e)
{
        CLEANUP(ossl_certp) X509 *leaf = ossl_cert(leaf_der, e);
        char uri[X509_URI_ROOM];

        if (!leaf)
                return ERR_INVALID;
        if (!x509_signs(leaf) || !x509_grant_uri(leaf, uri))
                return err_fault(e, ERR_AUTH, FAULT_WRONG_PURPOSE,
                        "the certificate is not one of a manager for grants");
        int r = x509_check_three(leaf, issuer, root, "grant certificate", at_us, e);
        if (r == 0)
                memcpy(ret_uri, uri, sizeof uri);
        return r;
}
