/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Making certificates (RFC 5280). Every field comes from the caller's request, none from a CSR. */
#include "base/str.h"
#include "crypto/hash.h"
#include "crypto/ossl.h"
#include "crypto/random.h"
#include "crypto/x509.h"
#include "crypto/x509_sign.h"
#include "crypto/x509_web.h"

#define X509_ISSUE_NAME_MAX 64 /* ub-common-name, RFC 5280 appendix A */
#define X509_ISSUE_TEXT_MAX 255

struct x509_profile {
        const char *constraints;
        const char *usage;
        const char *extended; /* NULL: none */
};

static const struct x509_profile x509_profiles[] = {
        [X509_ROOT] = { "critical,CA:TRUE,pathlen:1", "critical,keyCertSign,cRLSign", NULL },
        [X509_ISSUER] = { "critical,CA:TRUE,pathlen:0", "critical,keyCertSign,cRLSign", NULL },
        [X509_WEB_ROOT] = { "critical,CA:TRUE,pathlen:1", "critical,keyCertSign,cRLSign", NULL },
        [X509_WEB_ISSUER] = { "critical,CA:TRUE,pathlen:0", "critical,keyCertSign,cRLSign",
                "serverAuth" },
        [X509_CAMERA] = { "critical,CA:FALSE", "critical,digitalSignature", "serverAuth" },
        [X509_NODE] = { "critical,CA:FALSE", "critical,digitalSignature", "serverAuth,clientAuth" },
        [X509_SEAL] = { "critical,CA:FALSE", "critical,digitalSignature", "1.3.6.1.5.5.7.3.36" },
        [X509_GRANT] = { "critical,CA:FALSE", "critical,digitalSignature", "1.3.6.1.5.5.7.3.36" },
        [X509_RECIPIENT] = { "critical,CA:FALSE", "critical,keyAgreement", NULL },
};

static bool x509_issue_is_text(const char *s, const char *allowed)
{
        size_t n = strlen(s);

        if (n == 0 || n > X509_ISSUE_TEXT_MAX)
                return false;
        for (size_t i = 0; i < n; i++) {
                bool word = (s[i] >= 'a' && s[i] <= 'z') || (s[i] >= 'A' && s[i] <= 'Z') ||
                            (s[i] >= '0' && s[i] <= '9');
                if (!word && !strchr(allowed, s[i]))
                        return false;
        }
        return true;
}

static int x509_issue_check(const struct x509_request *r, struct err *e)
{
        static const int64_t year_us = (int64_t)31556952 * 1000000;

        if (r->purpose > X509_RECIPIENT)
                return err_set(e, ERR_INVALID, "certificate: unknown purpose %d", (int)r->purpose);
        if (!r->common_name || !*r->common_name || strlen(r->common_name) > X509_ISSUE_NAME_MAX)
                return err_set(e, ERR_INVALID, "certificate: a name of 1 to %d bytes is needed",
                        X509_ISSUE_NAME_MAX);
        if (r->not_before_us < 0 || r->not_after_us <= r->not_before_us ||
                r->not_after_us - r->not_before_us > 50 * year_us ||
                r->not_after_us > 8000 * year_us)
                return err_set(e, ERR_INVALID,
                        "certificate \"%s\": validity is not a span of 0 to 50 years after 1970",
                        r->common_name);
        return 0;
}

/* Takes name; adds it to names. */
static void x509_names_push(GENERAL_NAMES *names, int type, void *value)
{
        GENERAL_NAME *name = GENERAL_NAME_new();

        ossl_must(name && value, "a subject alternative name");
        GENERAL_NAME_set0_value(name, type, value);
        ossl_must(sk_GENERAL_NAME_push(names, name) > 0, "a subject alternative name");
}

static void x509_names_push_text(GENERAL_NAMES *names, int type, const char *text)
{
        ASN1_IA5STRING *s = ASN1_IA5STRING_new();

        ossl_must(s && ASN1_STRING_set(s, text, -1) == 1, "a subject alternative name");
        x509_names_push(names, type, s);
}

static int x509_names_fill(const struct x509_request *r, GENERAL_NAMES *names, struct err *e)
{
        for (unsigned i = 0; r->dns && r->dns[i]; i++) {
                const char *dns = r->dns[i];
                if (i == X509_NAMES_MAX || !x509_issue_is_text(dns, ".-_") || dns[0] == '.')
                        return err_set(e, ERR_INVALID, "certificate \"%s\": DNS name %u is not one",
                                r->common_name, i + 1);
                x509_names_push_text(names, GEN_DNS, dns);
        }
        for (unsigned i = 0; r->ip && r->ip[i]; i++) {
                ASN1_OCTET_STRING *ip = i < X509_NAMES_MAX ? a2i_IPADDRESS(r->ip[i]) : NULL;
                if (!ip)
                        return err_set(e, ERR_INVALID, "certificate \"%s\": address %u is not one",
                                r->common_name, i + 1);
                x509_names_push(names, GEN_IPADD, ip);
        }
        if (r->uri) {
                if (!x509_issue_is_text(r->uri, "-._~:/?#[]@!$&'()*+,;=%"))
                        return err_set(e, ERR_INVALID, "certificate \"%s\": the URI is not one",
                                r->common_name);
                x509_names_push_text(names, GEN_URI, r->uri);
        }
        return 0;
}

static int x509_add_names(X509 *cert, const struct x509_request *r, struct err *e)
{
        GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();

        ossl_must(names != NULL, "subject alternative names");
        int result = x509_names_fill(r, names, e);
        if (result == 0 && sk_GENERAL_NAME_num(names) > 0)
                ossl_must(X509_add1_ext_i2d(
                                  cert, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) == 1,
                        "subject alternative names");
        GENERAL_NAMES_free(names);
        return result;
}

static void x509_add_text_extension(X509 *cert, int nid, const char *value)
{
        X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

        ossl_must(extension && X509_add_ext(cert, extension, -1) == 1, "a certificate's extension");
        X509_EXTENSION_free(extension);
}

/* RFC 5280 section 4.2.1.10. */
static int x509_add_constraints(X509 *cert, const struct x509_request *r, struct err *e)
{
        CLEANUP(buf_done) struct buf text;

        buf_init(&text, X509_WEB_CONSTRAINTS_MAX);
        int result = buf_append(&text, bytes_str("critical"), e);
        for (unsigned i = 0; result == 0 && x509_web_private_dns[i]; i++)
                result = buf_printf(&text, e, ",permitted;DNS:%s", x509_web_private_dns[i]);
        for (unsigned i = 0; result == 0 && x509_web_private_ip[i]; i++)
                result = buf_printf(&text, e, ",permitted;IP:%s", x509_web_private_ip[i]);
        for (unsigned i = 0; result == 0 && r->dns && r->dns[i]; i++) {
                if (i == X509_NAMES_MAX || !x509_issue_is_text(r->dns[i], ".-_") ||
                        r->dns[i][0] == '.')
                        return err_set(e, ERR_INVALID, "certificate \"%s\": DNS name %u is not one",
                                r->common_name, i + 1);
                result = buf_printf(&text, e, ",permitted;DNS:%s", r->dns[i]);
        }
        for (unsigned i = 0; result == 0 && r->ip && r->ip[i]; i++) {
                ASN1_OCTET_STRING *ip = i < X509_NAMES_MAX ? a2i_IPADDRESS(r->ip[i]) : NULL;
                if (!ip)
                        return err_set(e, ERR_INVALID, "certificate \"%s\": address %u is not one",
                                r->common_name, i + 1);
                result = buf_printf(&text, e, ",permitted;IP:%s/%s", r->ip[i],
                        ASN1_STRING_length(ip) == 4 ? "255.255.255.255"
                                                    : "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
                ASN1_OCTET_STRING_free(ip);
        }
        if (result == 0)
                result = buf_append(&text, BYTES("", 1), e);
        if (result == 0)
                x509_add_text_extension(cert, NID_name_constraints, (const char *)text.p);
        return result;
}

/* Key identifier: the leftmost 160 bits of SHA-256 over the key's bits (RFC 7093 section 2, method
 * 1). */
static void x509_add_key_ids(X509 *cert, X509 *issuer)
{
        const ASN1_BIT_STRING *key = X509_get0_pubkey_bitstr(cert);
        const ASN1_OCTET_STRING *above = NULL;
        ASN1_OCTET_STRING *id = ASN1_OCTET_STRING_new();
        AUTHORITY_KEYID *authority = AUTHORITY_KEYID_new();
        uint8_t digest[HASH_BYTES];

        hash_once(BYTES(ASN1_STRING_get0_data(key), (size_t)ASN1_STRING_length(key)), digest);
        ossl_must(id && authority && ASN1_OCTET_STRING_set(id, digest, 20) == 1 &&
                          X509_add1_ext_i2d(
                                  cert, NID_subject_key_identifier, id, 0, X509V3_ADD_DEFAULT) == 1,
                "a key identifier");
        above = issuer ? X509_get0_subject_key_id(issuer) : id;
        if (above) {
                authority->keyid = ASN1_OCTET_STRING_dup(above);
                ossl_must(authority->keyid && X509_add1_ext_i2d(cert, NID_authority_key_identifier,
                                                      authority, 0, X509V3_ADD_DEFAULT) == 1,
                        "a key identifier");
        }
        AUTHORITY_KEYID_free(authority);
        ASN1_OCTET_STRING_free(id);
}

static void x509_set_basics(
        X509 *cert, const struct x509_request *r, EVP_PKEY *subject, X509 *issuer)
{
        uint8_t serial[16];
        X509_NAME *name = X509_get_subject_name(cert);

        random_bytes(serial, sizeof serial);
        serial[0] &= 0x7f;
        serial[15] |= (uint8_t)(serial[0] == 0); /* never zero */
        BIGNUM *number = BN_bin2bn(serial, sizeof serial, NULL);
        ossl_must(number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert)) &&
                          X509_set_version(cert, X509_VERSION_3) == 1 &&
                          X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
                                  (const unsigned char *)r->common_name, -1, -1, 0) == 1 &&
                          X509_set_issuer_name(
                                  cert, issuer ? X509_get_subject_name(issuer) : name) == 1 &&
                          ASN1_TIME_set(X509_getm_notBefore(cert),
                                  (time_t)(r->not_before_us / 1000000)) &&
                          ASN1_TIME_set(
                                  X509_getm_notAfter(cert), (time_t)(r->not_after_us / 1000000)) &&
                          X509_set_pubkey(cert, subject) == 1,
                "filling a certificate");
        BN_free(number);
}

/* A certificate that outlives its issuer would be refused from one day to the next without a
 * warning of its own. */
static int x509_check_issuer(
        X509 *cert, X509 *issuer, EVP_PKEY *key, const char *name, struct err *e)
{
        if (X509_check_private_key(issuer, key) != 1)
                return ossl_err(e, ERR_INVALID,
                        "certificate \"%s\": the issuer's key is not the issuer certificate's",
                        name);
        if (X509_check_ca(issuer) != 1)
                return err_set(e, ERR_INVALID,
                        "certificate \"%s\": the issuer may not issue certificates", name);
        if (ASN1_TIME_compare(X509_get0_notAfter(cert), X509_get0_notAfter(issuer)) > 0)
                return err_set(e, ERR_INVALID, "certificate \"%s\" would outlive its issuer", name);
        return 0;
}

static int x509_sign(X509 *cert, struct sign_key *key, struct buf *out, struct err *e)
{
        CLEANUP(buf_done) struct buf der;

        buf_init(&der, 2 * X509_CERT_MAX);
        int r = x509_sign_cert(cert, key, &der, e);
        if (r < 0)
                return err_wrap(e, r, "signing a certificate");
        return der.n <= X509_CERT_MAX
                       ? buf_append(out, buf_bytes(&der), e)
                       : err_set(e, ERR_EXHAUSTED, "a certificate of %zu bytes, at most %d", der.n,
                                 X509_CERT_MAX);
}

/* issuer NULL: self-signed. */
static int x509_issue_with(const struct x509_request *r, EVP_PKEY *subject, X509 *issuer,
        struct sign_key *key, struct buf *out, struct err *e)
{
        CLEANUP(ossl_certp) X509 *cert = X509_new();
        const struct x509_profile *profile = &x509_profiles[r->purpose];

        ossl_must(cert != NULL, "a certificate");
        x509_set_basics(cert, r, subject, issuer);
        if (issuer) {
                int result = x509_check_issuer(cert, issuer, sign_key_evp(key), r->common_name, e);
                if (result < 0)
                        return result;
        }
        x509_add_text_extension(cert, NID_basic_constraints, profile->constraints);
        x509_add_text_extension(cert, NID_key_usage, profile->usage);
        if (profile->extended)
                x509_add_text_extension(cert, NID_ext_key_usage, profile->extended);
        x509_add_key_ids(cert, issuer);
        bool web_ca = r->purpose == X509_WEB_ROOT || r->purpose == X509_WEB_ISSUER;
        int result = web_ca ? x509_add_constraints(cert, r, e) : x509_add_names(cert, r, e);
        return result < 0 ? result : x509_sign(cert, key, out, e);
}

static int x509_issue_below(const struct x509_request *r, EVP_PKEY *subject,
        struct bytes issuer_cert_der, struct sign_key *issuer_key, struct buf *out, struct err *e)
{
        CLEANUP(ossl_certp) X509 *issuer = NULL;

        if (r->purpose == X509_ROOT || r->purpose == X509_WEB_ROOT)
                return err_set(e, ERR_INVALID, "a root has no issuer");
        issuer = ossl_cert(issuer_cert_der, e);
        if (!issuer)
                return err_wrap(e, ERR_INVALID, "issuer of \"%s\"", r->common_name);
        return x509_issue_with(r, subject, issuer, issuer_key, out, e);
}

int x509_issue(const struct x509_request *r, const struct sign_key *subject,
        struct bytes issuer_cert_der, struct sign_key *issuer_key, struct buf *out, struct err *e)
{
        int result = x509_issue_check(r, e);

        if (result < 0)
                return result;
        if (issuer_cert_der.n > 0)
                return x509_issue_below(
                        r, sign_key_evp(subject), issuer_cert_der, issuer_key, out, e);
        if (EVP_PKEY_eq(sign_key_evp(subject), sign_key_evp(issuer_key)) != 1)
                return err_set(e, ERR_INVALID, "certificate \"%s\": self-signed by another key",
                        r->common_name);
        return x509_issue_with(r, sign_key_evp(subject), NULL, issuer_key, out, e);
}

int x509_issue_spki(const struct x509_request *r, struct bytes spki_der,
        struct bytes issuer_cert_der, struct sign_key *issuer_key, struct buf *out, struct err *e)
{
        int result = x509_issue_check(r, e);

        if (result < 0)
                return result;
        CLEANUP(ossl_pkeyp) EVP_PKEY *subject = ossl_spki(spki_der, e);
        return subject ? x509_issue_below(r, subject, issuer_cert_der, issuer_key, out, e)
                       : ERR_INVALID;
}
