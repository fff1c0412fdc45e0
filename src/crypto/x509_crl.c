/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crypto/x509_crl.h"

#include "base/str.h"
#include "crypto/ossl.h"
#include "crypto/x509_sign.h"

#define X509_CRL_TIME_MAX (INT64_C(8000) * 31556952 * 1000000)

static void x509_crl_listp(X509_CRL **list)
{
        X509_CRL_free(*list);
}

static const char *const x509_crl_reasons[] = {
        [X509_CRL_UNSPECIFIED] = "unspecified",
        [X509_CRL_KEY_COMPROMISE] = "key-compromise",
        [X509_CRL_CA_COMPROMISE] = "ca-compromise",
        [X509_CRL_AFFILIATION_CHANGED] = "affiliation-changed",
        [X509_CRL_SUPERSEDED] = "superseded",
        [X509_CRL_CESSATION_OF_OPERATION] = "cessation-of-operation",
        [X509_CRL_CERTIFICATE_HOLD] = "certificate-hold",
        [X509_CRL_PRIVILEGE_WITHDRAWN] = "privilege-withdrawn",
};

const char *x509_crl_reason_name(int reason)
{
        return reason >= 0 && reason < (int)ARRAY_LEN(x509_crl_reasons) ? x509_crl_reasons[reason]
                                                                        : NULL;
}

int x509_crl_reason_parse(const char *name, enum x509_crl_reason *ret, struct err *e)
{
        for (unsigned i = 0; i < ARRAY_LEN(x509_crl_reasons); i++) {
                if (x509_crl_reasons[i] && strcmp(x509_crl_reasons[i], name) == 0) {
                        *ret = (enum x509_crl_reason)i;
                        return 0;
                }
        }
        return err_set(e, ERR_NOT_FOUND,
                "no such reason; one of: unspecified, key-compromise, ca-compromise, "
                "affiliation-changed, superseded, cessation-of-operation, certificate-hold, "
                "privilege-withdrawn");
}

int x509_crl_serial(struct bytes cert_der, uint8_t ret[static X509_CRL_SERIAL_MAX], size_t *ret_n,
        struct err *e)
{
        CLEANUP(ossl_certp) X509 *cert = ossl_cert(cert_der, e);

        if (!cert)
                return ERR_INVALID;
        const ASN1_INTEGER *serial = X509_get0_serialNumber(cert);
        int n = ASN1_STRING_length(serial);
        const uint8_t *bytes = ASN1_STRING_get0_data(serial);
        if (ASN1_STRING_type(serial) != V_ASN1_INTEGER || n < 1 || n > X509_CRL_SERIAL_MAX ||
                bytes[0] == 0)
                return err_set(e, ERR_INVALID,
                        "the certificate's serial number is not a positive one of at most %d bytes",
                        X509_CRL_SERIAL_MAX);
        memcpy(ret, bytes, (size_t)n);
        *ret_n = (size_t)n;
        return 0;
}

static int x509_crl_check(const struct x509_crl_request *r, struct err *e)
{
        if (r->n > X509_CRL_REVOKED_MAX)
                return err_set(e, ERR_EXHAUSTED, "revocation list: %u entries, at most %d", r->n,
                        X509_CRL_REVOKED_MAX);
        if (r->this_update_us < 0 || r->next_update_us <= r->this_update_us ||
                r->next_update_us > X509_CRL_TIME_MAX)
                return err_set(
                        e, ERR_INVALID, "revocation list: its next update is not after this one");
        for (unsigned i = 0; i < r->n; i++) {
                const struct x509_crl_revoked *x = &r->revoked[i];
                if (x->serial.n < 1 || x->serial.n > X509_CRL_SERIAL_MAX || x->at_us < 0 ||
                        x->at_us > X509_CRL_TIME_MAX || !x509_crl_reason_name((int)x->reason))
                        return err_set(e, ERR_INVALID,
                                "revocation list: entry %u has no serial number, time or reason",
                                i + 1);
        }
        return 0;
}

static void x509_crl_set_time(X509_CRL *list, int64_t us, int (*set)(X509_CRL *, const ASN1_TIME *))
{
        ASN1_TIME *t = ASN1_TIME_set(NULL, (time_t)(us / 1000000));

        ossl_must(t && set(list, t) == 1, "a revocation list's time");
        ASN1_TIME_free(t);
}

static void x509_crl_add(X509_CRL *list, const struct x509_crl_revoked *x)
{
        X509_REVOKED *entry = X509_REVOKED_new();
        BIGNUM *number = BN_bin2bn(x->serial.p, (int)x->serial.n, NULL);
        ASN1_INTEGER *serial = number ? BN_to_ASN1_INTEGER(number, NULL) : NULL;
        ASN1_TIME *at = ASN1_TIME_set(NULL, (time_t)(x->at_us / 1000000));

        ossl_must(entry && serial && at && X509_REVOKED_set_serialNumber(entry, serial) == 1 &&
                          X509_REVOKED_set_revocationDate(entry, at) == 1,
                "a revocation list's entry");
        /* "Unspecified" is said by silence, RFC 5280 section 5.3.1. */
        if (x->reason != X509_CRL_UNSPECIFIED) {
                ASN1_ENUMERATED *reason = ASN1_ENUMERATED_new();
                ossl_must(reason && ASN1_ENUMERATED_set(reason, (long)x->reason) == 1 &&
                                  X509_REVOKED_add1_ext_i2d(entry, NID_crl_reason, reason, 0,
                                          X509V3_ADD_DEFAULT) == 1,
                        "a revocation's reason");
                ASN1_ENUMERATED_free(reason);
        }
        ossl_must(X509_CRL_add0_revoked(list, entry) == 1, "a revocation list's entry"); /* takes */
        ASN1_TIME_free(at);
        ASN1_INTEGER_free(serial);
        BN_free(number);
}

static void x509_crl_add_extensions(X509_CRL *list, X509 *issuer, uint64_t number)
{
        const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(issuer);
        ASN1_INTEGER *n = ASN1_INTEGER_new();

        ossl_must(
                n && ASN1_INTEGER_set_uint64(n, number) == 1 &&
                        X509_CRL_add1_ext_i2d(list, NID_crl_number, n, 0, X509V3_ADD_DEFAULT) == 1,
                "a revocation list's number");
        ASN1_INTEGER_free(n);
        if (!id)
                return;
        AUTHORITY_KEYID *authority = AUTHORITY_KEYID_new();
        ossl_must(authority && (authority->keyid = ASN1_OCTET_STRING_dup(id)) != NULL &&
                          X509_CRL_add1_ext_i2d(list, NID_authority_key_identifier, authority, 0,
                                  X509V3_ADD_DEFAULT) == 1,
                "a revocation list's key identifier");
        AUTHORITY_KEYID_free(authority);
}

static int x509_crl_sign(X509_CRL *list, struct sign_key *key, struct buf *out, struct err *e)
{
        CLEANUP(buf_done) struct buf der;

        buf_init(&der, 2 * X509_CRL_MAX);
        X509_CRL_sort(list);
        int r = x509_sign_crl(list, key, &der, e);
        if (r < 0)
                return err_wrap(e, r, "signing a revocation list");
        return der.n <= X509_CRL_MAX
                       ? buf_append(out, buf_bytes(&der), e)
                       : err_set(e, ERR_EXHAUSTED, "a revocation list of %zu bytes, at most %d",
                                 der.n, X509_CRL_MAX);
}

int x509_crl_issue(const struct x509_crl_request *r, struct bytes issuer_cert_der,
        struct sign_key *issuer_key, struct buf *out, struct err *e)
{
        int result = x509_crl_check(r, e);

        if (result < 0)
                return result;
        CLEANUP(ossl_certp) X509 *issuer = ossl_cert(issuer_cert_der, e);
        if (!issuer)
                return err_wrap(e, ERR_INVALID, "issuer of a revocation list");
        if (X509_check_private_key(issuer, sign_key_evp(issuer_key)) != 1)
                return ossl_err(e, ERR_INVALID,
                        "revocation list: the issuer's key is not the issuer certificate's");
        if (X509_check_ca(issuer) != 1 || !(X509_get_key_usage(issuer) & KU_CRL_SIGN))
                return err_set(e, ERR_INVALID, "revocation list: the issuer may not sign one");
        CLEANUP(x509_crl_listp) X509_CRL *list = X509_CRL_new();
        ossl_must(list && X509_CRL_set_version(list, X509_CRL_VERSION_2) == 1 &&
                          X509_CRL_set_issuer_name(list, X509_get_subject_name(issuer)) == 1,
                "a revocation list");
        x509_crl_set_time(list, r->this_update_us, X509_CRL_set1_lastUpdate);
        x509_crl_set_time(list, r->next_update_us, X509_CRL_set1_nextUpdate);
        for (unsigned i = 0; i < r->n; i++)
                x509_crl_add(list, &r->revoked[i]);
        x509_crl_add_extensions(list, issuer, r->number);
        return x509_crl_sign(list, issuer_key, out, e);
}

int x509_crl_pem_format(struct bytes der, struct buf *out, struct err *e)
{
        const uint8_t *at = der.p, *text = NULL;

        ossl_begin();
        ERR_clear_error();
        if (der.n == 0 || der.n > X509_CRL_MAX)
                return err_set(e, ERR_INVALID, "a revocation list of %zu bytes, expected 1 to %d",
                        der.n, X509_CRL_MAX);
        CLEANUP(x509_crl_listp) X509_CRL *list = d2i_X509_CRL(NULL, &at, (long)der.n);
        if (!list || at != der.p + der.n)
                return ossl_err(e, ERR_INVALID, "not a revocation list in DER");
        BIO *bio = BIO_new(BIO_s_mem());
        ossl_must(bio && PEM_write_bio_X509_CRL(bio, list) == 1, "writing a revocation list");
        long n = BIO_get_mem_data(bio, (void *)&text);
        int r = buf_append(out, BYTES(text, (size_t)n), e);
        BIO_free(bio);
        return r;
}

static int x509_crl_read(struct bytes pem, X509 *issuer, X509_CRL **ret, struct err *e)
{
        EVP_PKEY *key = X509_get0_pubkey(issuer);

        if (pem.n == 0 || pem.n > 2 * X509_CRL_MAX)
                return err_set(e, ERR_INVALID, "a revocation list of %zu bytes of PEM", pem.n);
        BIO *in = BIO_new_mem_buf(pem.p, (int)pem.n);
        ossl_must(in != NULL, "a memory BIO");
        CLEANUP(x509_crl_listp) X509_CRL *list = PEM_read_bio_X509_CRL(in, NULL, NULL, NULL);
        BIO_free(in);
        if (!list)
                return ossl_err(e, ERR_INVALID, "not a revocation list in PEM");
        if (X509_CRL_get_ext_by_NID(list, NID_delta_crl, -1) >= 0 ||
                X509_CRL_get_ext_by_NID(list, NID_issuing_distribution_point, -1) >= 0 ||
                X509_CRL_get_ext_by_NID(list, NID_crl_number, -1) < 0)
                return err_set(e, ERR_INVALID, "not a complete revocation list with a number");
        if (X509_NAME_cmp(X509_CRL_get_issuer(list), X509_get_subject_name(issuer)) != 0 ||
                !(X509_get_key_usage(issuer) & KU_CRL_SIGN) || !key ||
                X509_CRL_verify(list, key) != 1)
                return ossl_err(e, ERR_AUTH, "the revocation list is not its issuer's own");
        *ret = TAKE(list);
        return 0;
}

int x509_crl_number(
        struct bytes crl_pem, struct bytes issuer_cert_der, uint64_t *ret, struct err *e)
{
        CLEANUP(ossl_certp) X509 *issuer = ossl_cert(issuer_cert_der, e);
        CLEANUP(x509_crl_listp) X509_CRL *list = NULL;

        if (!issuer)
                return ERR_INVALID;
        int r = x509_crl_read(crl_pem, issuer, &list, e);
        if (r < 0)
                return r;
        ASN1_INTEGER *number = X509_CRL_get_ext_d2i(list, NID_crl_number, NULL, NULL);
        r = number && ASN1_INTEGER_get_uint64(ret, number) == 1
                    ? 0
                    : ossl_err(e, ERR_INVALID, "the revocation list's number is none");
        ASN1_INTEGER_free(number);
        return r;
}

int x509_crl_allows(
        struct bytes crl_pem, struct bytes issuer_cert_der, struct bytes cert_der, struct err *e)
{
        CLEANUP(ossl_certp) X509 *issuer = ossl_cert(issuer_cert_der, e);
        CLEANUP(ossl_certp) X509 *cert = issuer ? ossl_cert(cert_der, e) : NULL;
        CLEANUP(x509_crl_listp) X509_CRL *list = NULL;
        X509_REVOKED *entry = NULL;

        if (!cert)
                return ERR_INVALID;
        if (crl_pem.n == 0)
                return 0;
        int r = x509_crl_read(crl_pem, issuer, &list, e);
        if (r < 0)
                return r;
        if (X509_CRL_get0_by_cert(list, &entry, cert) != 0)
                return err_fault(e, ERR_DENIED, FAULT_REVOKED, "%s", fault_text(FAULT_REVOKED));
        return 0;
}
