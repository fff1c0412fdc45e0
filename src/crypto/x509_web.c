/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crypto/x509_web.h"

#include <stdio.h>
#include <strings.h>

#include "base/network.h"
#include "base/str.h"
#include "crypto/hash.h"
#include "crypto/ossl.h"
#include "crypto/server_key.h"

const char *const x509_web_private_dns[] = { "localhost", "local", "internal", "intranet",
        "private", "corp", "home", "lan", "home.arpa", NULL };
const char *const x509_web_private_ip[] = { "127.0.0.0/255.0.0.0", "10.0.0.0/255.0.0.0",
        "172.16.0.0/255.240.0.0", "192.168.0.0/255.255.0.0", "169.254.0.0/255.255.0.0",
        "100.64.0.0/255.192.0.0", "::1/ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "fc00::/fe00::", NULL };

void x509_web_fingerprint(struct bytes cert_der, uint8_t ret[static 32])
{
        hash_once(cert_der, ret);
}

/* --- what an issuer allows --- */

/* A certificate with this one name, as OpenSSL reads one; signed by a key that nobody has. NULL: it
 * is no name. */
static X509 *x509_web_probe(struct sign_key *key, bool is_address, const char *text)
{
        const char *const names[] = { text, NULL };
        const struct x509_request request = { .purpose = X509_CAMERA,
                .common_name = "page",
                .dns = is_address ? NULL : names,
                .ip = is_address ? names : NULL,
                .not_before_us = 0,
                .not_after_us = 1000000 };
        CLEANUP(buf_done) struct buf der;

        buf_init(&der, X509_CERT_MAX);
        if (x509_issue(&request, key, BYTES(NULL, 0), key, &der, NULL) < 0)
                return NULL;
        X509 *probe = ossl_cert(buf_bytes(&der), NULL);
        /* Without this its names are not there for NAME_CONSTRAINTS_check, which then allows all.
         */
        ossl_must(probe && X509_check_purpose(probe, -1, 0) == 1, "a certificate");
        return probe;
}

static int x509_web_allows_one(struct sign_key *key, NAME_CONSTRAINTS *constraints, bool is_address,
        const char *text, struct err *e)
{
        CLEANUP(ossl_certp) X509 *probe = x509_web_probe(key, is_address, text);
        char shown[X509_WEB_NAME_ROOM];

        if (probe && NAME_CONSTRAINTS_check(probe, constraints) == X509_V_OK)
                return 0;
        ERR_clear_error();
        str_escape(shown, sizeof shown, bytes_str(text));
        return probe ? err_set(e, ERR_DENIED, "the root that people install does not vouch for %s",
                               shown)
                     : err_set(e, ERR_INVALID, "\"%s\" is no name or address", shown);
}

int x509_web_allows(
        struct bytes issuer_der, const char *const *dns, const char *const *ip, struct err *e)
{
        CLEANUP(ossl_certp) X509 *issuer = ossl_cert(issuer_der, e);

        if (!issuer)
                return ERR_INVALID;
        NAME_CONSTRAINTS *constraints = X509_get_ext_d2i(issuer, NID_name_constraints, NULL, NULL);
        CLEANUP(sign_key_freep) struct sign_key *key = sign_key_generate();
        int r = 0;
        for (unsigned i = 0; constraints && r == 0 && dns && dns[i]; i++)
                r = x509_web_allows_one(key, constraints, false, dns[i], e);
        for (unsigned i = 0; constraints && r == 0 && ip && ip[i]; i++)
                r = x509_web_allows_one(key, constraints, true, ip[i], e);
        NAME_CONSTRAINTS_free(constraints);
        return r;
}

static bool x509_web_is_ca(X509 *cert)
{
        return X509_check_ca(cert) == 1 && (X509_get_extension_flags(cert) & EXFLAG_KUSAGE) &&
               (X509_get_key_usage(cert) & KU_KEY_CERT_SIGN);
}

static bool x509_web_is_constrained(X509 *cert)
{
        return X509_get_ext_by_NID(cert, NID_name_constraints, -1) >= 0;
}

static bool x509_web_signed_by(X509 *cert, X509 *issuer)
{
        EVP_PKEY *key = X509_get0_pubkey(issuer);

        return key && X509_check_issued(issuer, cert) == X509_V_OK && X509_verify(cert, key) == 1;
}

int x509_web_check_root(struct bytes root_der, struct bytes issuer_der, struct err *e)
{
        CLEANUP(ossl_certp) X509 *root = ossl_cert(root_der, e);
        CLEANUP(ossl_certp) X509 *issuer = root ? ossl_cert(issuer_der, e) : NULL;

        if (!issuer)
                return ERR_INVALID;
        bool ok = x509_web_is_ca(root) && x509_web_is_constrained(root) &&
                  x509_web_signed_by(root, root) && x509_web_is_ca(issuer) &&
                  x509_web_is_constrained(issuer) && x509_web_signed_by(issuer, root) &&
                  (X509_get_extension_flags(issuer) & EXFLAG_XKUSAGE) &&
                  X509_get_extended_key_usage(issuer) == XKU_SSL_SERVER;
        ERR_clear_error();
        return ok ? 0
                  : err_set(e, ERR_AUTH,
                            "the certificates are not a root for web pages and its issuer");
}

/* --- what a page's certificate says --- */

static void x509_web_add_dns(struct x509_web *w, const ASN1_STRING *text)
{
        struct bytes name = BYTES(ASN1_STRING_get0_data(text), (size_t)ASN1_STRING_length(text));

        if (w->dns_n == X509_NAMES_MAX || name.n == 0 || name.n >= X509_WEB_NAME_ROOM)
                return;
        for (size_t i = 0; i < name.n; i++) {
                if (name.p[i] <= ' ' || name.p[i] > '~')
                        return;
        }
        memcpy(w->dns[w->dns_n], name.p, name.n);
        w->dns[w->dns_n++][name.n] = '\0';
}

static void x509_web_add_ip(struct x509_web *w, const ASN1_STRING *address)
{
        uint8_t bytes[NETWORK_ADDRESS_BYTES] = { [10] = 0xff, [11] = 0xff };
        int n = ASN1_STRING_length(address);

        if (w->ip_n == X509_NAMES_MAX || (n != 4 && n != 16))
                return;
        memcpy(bytes + (n == 4 ? 12 : 0), ASN1_STRING_get0_data(address), (size_t)n);
        network_address_format(bytes, w->ip[w->ip_n++]);
}

/* Those beyond X509_NAMES_MAX are left out: they are shown and compared, nothing else. */
static void x509_web_names(X509 *leaf, struct x509_web *w)
{
        GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);

        for (int i = 0; names && i < sk_GENERAL_NAME_num(names); i++) {
                int type = 0;
                const ASN1_STRING *text =
                        GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type);
                if (type == GEN_DNS)
                        x509_web_add_dns(w, text);
                else if (type == GEN_IPADD)
                        x509_web_add_ip(w, text);
        }
        GENERAL_NAMES_free(names);
        ERR_clear_error();
}

/* 112 bits and more, and no SHA-1, as TLS connections of this program take it. */
static bool x509_web_is_strong(X509 *cert, bool signature_counts)
{
        EVP_PKEY *key = X509_get0_pubkey(cert);
        int bits = 0;

        return key && EVP_PKEY_get_security_bits(key) >= 112 &&
               (!signature_counts || (X509_get_signature_info(cert, NULL, NULL, &bits, NULL) == 1 &&
                                             bits >= 112));
}

static int x509_web_check_leaf(
        X509 *leaf, const struct server_key *key, const struct x509_web *w, struct err *e)
{
        uint8_t ours[32], theirs[32];

        server_key_id(key, ours);
        ossl_spki_id(X509_get_X509_PUBKEY(leaf), theirs);
        if (memcmp(ours, theirs, sizeof ours) != 0)
                return err_set(e, ERR_INVALID,
                        "the private key is not that of the first certificate, %s", w->subject);
        if (X509_get_extension_flags(leaf) & EXFLAG_CA)
                return err_fault(e, ERR_INVALID, FAULT_WRONG_PURPOSE,
                        "the first certificate, %s, is that of a CA: the server's own comes first",
                        w->subject);
        if (X509_check_purpose(leaf, X509_PURPOSE_SSL_SERVER, 0) != 1)
                return err_fault(e, ERR_INVALID, FAULT_WRONG_PURPOSE,
                        "the certificate of %s is not for a server", w->subject);
        return w->dns_n || w->ip_n
                       ? 0
                       : err_set(e, ERR_INVALID,
                                 "the certificate of %s has no alternative name: browsers take "
                                 "none like that",
                                 w->subject);
}

static int x509_web_check_dates(X509 *cert, const char *subject, int64_t at_us, struct err *e)
{
        char text[STR_TIME_ROOM];
        int64_t from_us, until_us;

        if (!ossl_time_us(X509_get0_notBefore(cert), &from_us) ||
                !ossl_time_us(X509_get0_notAfter(cert), &until_us))
                return err_set(e, ERR_INVALID, "a date of the certificate is not a time");
        if (at_us > until_us)
                return err_fault(e, ERR_INVALID, FAULT_EXPIRED,
                        "the certificate of %s expired on %s", subject, str_time(text, until_us));
        if (at_us < from_us)
                return err_fault(e, ERR_INVALID, FAULT_NOT_YET_VALID,
                        "the certificate of %s is valid from %s on", subject,
                        str_time(text, from_us));
        return 0;
}

static int x509_web_subject(X509 *cert, char to[static 256], struct err *e)
{
        unsigned char *der = NULL;
        int n = i2d_X509(cert, &der);

        ossl_must(n > 0, "encoding a certificate");
        int r = x509_subject(BYTES(der, (size_t)n), to, 256, e);
        OPENSSL_free(der);
        return r;
}

/* What holds of each of the chain; below: the one before it, NULL for the first. */
static int x509_web_check_part(X509 *cert, X509 *below, int64_t at_us, struct err *e)
{
        bool self = X509_check_issued(cert, cert) == X509_V_OK;
        char subject[256];

        int r = x509_web_subject(cert, subject, e);
        if (r < 0)
                return r;
        if (below && !x509_web_signed_by(below, cert))
                return err_set(e, ERR_INVALID,
                        "%s is not the issuer of the certificate before it in the file: the "
                        "server's comes first, then each one's issuer",
                        subject);
        if (below && X509_check_ca(cert) != 1)
                return err_set(e, ERR_INVALID, "%s is no CA", subject);
        if (!x509_web_is_strong(cert, !self))
                return err_fault(e, ERR_INVALID, FAULT_WEAK_KEY,
                        "key or signature of the certificate of %s is too weak", subject);
        return x509_web_check_dates(cert, subject, at_us, e);
}

static int x509_web_check_issuers(struct bytes pem, X509 *leaf, int64_t at_us, struct err *e)
{
        X509 *below = leaf;
        int r = 0;

        ossl_must(X509_up_ref(below) == 1, "counting a certificate");
        for (unsigned i = 1; r == 0; i++) {
                CLEANUP(buf_done) struct buf der;
                buf_init(&der, X509_CERT_MAX);
                r = x509_pem_parse(pem, i, &der, e);
                if (r < 0)
                        break;
                if (i == X509_WEB_CHAIN_MAX) {
                        r = err_set(
                                e, ERR_EXHAUSTED, "more than %d certificates", X509_WEB_CHAIN_MAX);
                        break;
                }
                X509 *cert = ossl_cert(buf_bytes(&der), e);
                r = cert ? x509_web_check_part(cert, below, at_us, e) : ERR_INVALID;
                X509_free(below);
                below = cert;
        }
        X509_free(below);
        ERR_clear_error();
        return r == ERR_NOT_FOUND ? 0 : r;
}

int x509_web_read(struct bytes chain_pem, const struct server_key *key, int64_t at_us,
        struct x509_web *ret, struct err *e)
{
        CLEANUP(buf_done) struct buf der;
        struct x509_web w = { 0 };

        buf_init(&der, X509_CERT_MAX);
        int r = x509_pem_parse(chain_pem, 0, &der, e);
        if (r == ERR_NOT_FOUND)
                return err_set(e, ERR_INVALID, "no certificate in PEM");
        CLEANUP(ossl_certp) X509 *leaf = r == 0 ? ossl_cert(buf_bytes(&der), e) : NULL;
        if (!leaf)
                return ERR_INVALID;
        x509_web_names(leaf, &w);
        x509_web_fingerprint(buf_bytes(&der), w.fingerprint);
        r = x509_web_subject(leaf, w.subject, e);
        if (r == 0)
                r = x509_web_check_leaf(leaf, key, &w, e);
        if (r == 0)
                r = x509_web_check_part(leaf, NULL, at_us, e);
        if (r == 0)
                r = x509_web_check_issuers(chain_pem, leaf, at_us, e);
        if (r == 0 && (!ossl_time_us(X509_get0_notBefore(leaf), &w.not_before_us) ||
                              !ossl_time_us(X509_get0_notAfter(leaf), &w.not_after_us)))
                r = err_set(e, ERR_INVALID, "a date of the certificate is not a time");
        if (r == 0)
                *ret = w;
        return r;
}

bool x509_web_covers(const struct x509_web *w, const char *name)
{
        const char *dot = strchr(name, '.');

        for (unsigned i = 0; i < w->ip_n; i++) {
                if (strcmp(w->ip[i], name) == 0)
                        return true;
        }
        for (unsigned i = 0; i < w->dns_n; i++) {
                if (strcasecmp(w->dns[i], name) == 0 ||
                        (w->dns[i][0] == '*' && dot && dot > name &&
                                strcasecmp(w->dns[i] + 1, dot) == 0))
                        return true;
        }
        return false;
}
