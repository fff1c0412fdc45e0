/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crypto/x509_csr.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"
#include "crypto/ossl.h"

#define X509_CSR_COMMON_NAME_MAX 64 /* ub-common-name, RFC 5280 appendix A */

static const char x509_csr_is_key[] =
        "this is a private key, or has one in it, and not just a certificate signing request. A "
        "private key stays where it was made: take this one for known to others, make a new one in "
        "the device, and bring its request alone";

static void x509_csr_reqp(X509_REQ **req)
{
        X509_REQ_free(*req);
}

/* --- what was given --- */

/* A request in DER and nothing behind it, or NULL. */
static X509_REQ *x509_csr_der(const uint8_t *der, size_t n)
{
        const uint8_t *at = der;
        X509_REQ *req = d2i_X509_REQ(NULL, &at, (long)n);

        if (req && at == der + n)
                return req;
        X509_REQ_free(req);
        ERR_clear_error();
        return NULL;
}

/* The next block of the PEM text: 1, 0 at the end. A request goes to *ret. */
static int x509_csr_block(BIO *in, X509_REQ **ret, struct err *e)
{
        char *name = NULL, *header = NULL;
        unsigned char *der = NULL;
        long n = 0;
        int r = 1;

        if (PEM_read_bio(in, &name, &header, &der, &n) != 1) {
                bool end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
                return end ? 0
                           : ossl_err(e, ERR_INVALID,
                                     "not a certificate signing request (PKCS#10): broken PEM");
        }
        size_t length = strlen(name), tail = strlen("PRIVATE KEY");
        if (length >= tail && strcmp(name + length - tail, "PRIVATE KEY") == 0) {
                r = err_set(e, ERR_INVALID, "%s", x509_csr_is_key);
        } else if (strcmp(name, PEM_STRING_X509_REQ) == 0 ||
                   strcmp(name, PEM_STRING_X509_REQ_OLD) == 0) {
                X509_REQ *req = x509_csr_der(der, (size_t)n);
                if (!req || *ret)
                        r = err_set(e, ERR_INVALID, "%s",
                                req ? "there is more than one request: give one"
                                    : "not a certificate signing request (PKCS#10), though it is "
                                      "called one");
                if (r == 1)
                        *ret = TAKE(req);
                X509_REQ_free(req);
        }
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_clear_free(der, (size_t)n);
        return r;
}

/* 0, and *ret stays NULL where there is no request in the text. */
static int x509_csr_pem(struct bytes csr, X509_REQ **ret, struct err *e)
{
        CLEANUP(x509_csr_reqp) X509_REQ *req = NULL;
        int r = 1;

        if (csr.n >= 3 && memcmp(csr.p, "\xef\xbb\xbf", 3) == 0) /* a byte order mark */
                csr = bytes_sub(csr, 3, csr.n);
        BIO *in = BIO_new_mem_buf(csr.n ? (const void *)csr.p : "", (int)csr.n);
        ossl_must(in != NULL, "a memory BIO");
        while (r == 1)
                r = x509_csr_block(in, &req, e);
        BIO_free(in);
        ERR_clear_error();
        if (r == 0)
                *ret = TAKE(req);
        return r;
}

/* What people take for a request, in DER or PEM. */
static int x509_csr_none(struct bytes csr, struct err *e)
{
        const uint8_t *at = csr.p;
        CLEANUP(ossl_pkeyp) EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &at, (long)csr.n);
        struct buf der;

        ERR_clear_error();
        if (key)
                return err_set(e, ERR_INVALID, "%s", x509_csr_is_key);
        buf_init(&der, X509_CERT_MAX);
        CLEANUP(ossl_certp) X509 *cert = ossl_cert(csr, NULL);
        bool pem = x509_pem_parse(csr, 0, &der, NULL) == 0;
        buf_done(&der);
        return err_set(e, ERR_INVALID, "not a certificate signing request (PKCS#10)%s",
                cert || pem ? " but a certificate: the device makes a request where it has none yet"
                            : "");
}

static int x509_csr_open(struct bytes csr, X509_REQ **ret, struct err *e)
{
        ossl_begin();
        ERR_clear_error();
        if (csr.n == 0 || csr.n > X509_CSR_MAX)
                return err_set(e, ERR_INVALID, "a request of %zu bytes, expected 1 to %d", csr.n,
                        X509_CSR_MAX);
        CLEANUP(x509_csr_reqp) X509_REQ *req = x509_csr_der(csr.p, csr.n);
        int r = req ? 0 : x509_csr_pem(csr, &req, e);
        if (r == 0 && !req)
                r = x509_csr_none(csr, e);
        if (r < 0)
                return r;
        EVP_PKEY *key = X509_REQ_get0_pubkey(req);
        if (!key)
                return ossl_err(e, ERR_INVALID, "the request's key is of an unknown kind, or none");
        if (X509_REQ_verify(req, key) != 1)
                return ossl_err(e, ERR_INVALID,
                        "the request is not signed by its own key: whoever made it need not have "
                        "that key");
        *ret = TAKE(req);
        return 0;
}

/* --- its key --- */

/* By name, not by its parameters, and the point in the one form that everybody writes: a key must
 * not come again in another dress. */
static bool x509_csr_is_curve(X509_REQ *req, const EVP_PKEY *key, const char *curve)
{
        char group[32] = "", encoding[32] = "";
        const unsigned char *bits = NULL;
        int n = 0;

        return EVP_PKEY_is_a(key, "EC") &&
               EVP_PKEY_get_utf8_string_param(
                       key, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof group, NULL) == 1 &&
               EVP_PKEY_get_utf8_string_param(
                       key, OSSL_PKEY_PARAM_EC_ENCODING, encoding, sizeof encoding, NULL) == 1 &&
               strcmp(group, curve) == 0 && strcmp(encoding, OSSL_PKEY_EC_ENCODING_GROUP) == 0 &&
               X509_PUBKEY_get0_param(NULL, &bits, &n, NULL, X509_REQ_get_X509_PUBKEY(req)) == 1 &&
               n > 1 && bits[0] == POINT_CONVERSION_UNCOMPRESSED;
}

static int x509_csr_judge_rsa(EVP_PKEY *key, struct err *e)
{
        int bits = EVP_PKEY_get_bits(key);

        if (bits < X509_CSR_RSA_MIN)
                return err_fault(e, ERR_INVALID, FAULT_WEAK_KEY,
                        "the request's key is RSA of %d bits: too small, at least %d are needed",
                        bits, X509_CSR_RSA_MIN);
        if (bits > X509_CSR_RSA_MAX)
                return err_set(e, ERR_INVALID,
                        "the request's key is RSA of %d bits, at most %d are taken", bits,
                        X509_CSR_RSA_MAX);
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
        bool sound = ctx && EVP_PKEY_public_check(ctx) == 1;
        EVP_PKEY_CTX_free(ctx);
        ERR_clear_error();
        return sound ? 0
                     : err_fault(e, ERR_INVALID, FAULT_WEAK_KEY,
                               "the request's key is RSA with a modulus or exponent that is "
                               "not one: make a new key");
}

static int x509_csr_judge_key(X509_REQ *req, EVP_PKEY *key, enum x509_csr_kind *ret, struct err *e)
{
        if (EVP_PKEY_is_a(key, "RSA")) {
                *ret = X509_CSR_RSA;
                return x509_csr_judge_rsa(key, e);
        }
        *ret = X509_CSR_P256;
        if (x509_csr_is_curve(req, key, SN_X9_62_prime256v1))
                return 0;
        *ret = X509_CSR_P384;
        if (x509_csr_is_curve(req, key, SN_secp384r1))
                return 0;
        const char *name = EVP_PKEY_get0_type_name(key);
        return err_set(e, ERR_INVALID,
                "the request's key is %s of %d bits: P-256, P-384 (named, not compressed) or RSA "
                "of %d bits or more is needed",
                name ? name : "of an unknown kind", EVP_PKEY_get_bits(key), X509_CSR_RSA_MIN);
}

static int x509_csr_take_key(X509_REQ *req, struct x509_csr *c, struct err *e)
{
        EVP_PKEY *key = X509_REQ_get0_pubkey(req);
        unsigned char *der = NULL;

        int r = x509_csr_judge_key(req, key, &c->kind, e);
        if (r < 0)
                return r;
        c->bits = (unsigned)EVP_PKEY_get_bits(key);
        int n = i2d_PUBKEY(key, &der);
        ossl_must(n > 0, "encoding a public key");
        if (n <= X509_CSR_SPKI_MAX) {
                memcpy(c->spki, der, (size_t)n);
                c->spki_n = (size_t)n;
                X509_PUBKEY *spki = NULL;
                ossl_must(X509_PUBKEY_set(&spki, key) == 1, "encoding a public key");
                ossl_spki_id(spki, c->key);
                X509_PUBKEY_free(spki);
        } else {
                r = err_set(e, ERR_INVALID, "the request's key takes %d bytes", n);
        }
        OPENSSL_free(der);
        return r;
}

int x509_csr_key(struct bytes csr, struct verify_key **ret, struct err *e)
{
        CLEANUP(x509_csr_reqp) X509_REQ *req = NULL;
        uint8_t *der = NULL;

        int r = x509_csr_open(csr, &req, e);
        if (r < 0)
                return r;
        if (!x509_csr_is_curve(req, X509_REQ_get0_pubkey(req), SN_X9_62_prime256v1))
                return err_set(e, ERR_INVALID,
                        "the request's key is not P-256 (make one with: openssl req -new -newkey "
                        "ec -pkeyopt ec_paramgen_curve:P-256)");
        int n = i2d_X509_PUBKEY(X509_REQ_get_X509_PUBKEY(req), &der);
        ossl_must(n > 0, "encoding a public key");
        r = verify_key_parse(BYTES(der, (size_t)n), ret, e);
        OPENSSL_free(der);
        return r;
}

/* --- what it asks for --- */

static int x509_csr_take_subject(X509_REQ *req, struct x509_csr *c, struct err *e)
{
        BIO *bio = BIO_new(BIO_s_mem());
        const uint8_t *text = NULL;
        int r = 0;

        ossl_must(bio != NULL, "a memory BIO");
        if (X509_NAME_print_ex(bio, X509_REQ_get_subject_name(req), 0, XN_FLAG_RFC2253) < 0) {
                r = ossl_err(e, ERR_INVALID, "the request's subject cannot be shown");
        } else {
                long n = BIO_get_mem_data(bio, (void *)&text);
                str_escape(c->subject, sizeof c->subject, BYTES(text, (size_t)n));
        }
        BIO_free(bio);
        return r;
}

/* Printable ASCII without a space, which fits. */
static bool x509_csr_take_text(const ASN1_STRING *from, char *to, size_t room)
{
        const unsigned char *text = ASN1_STRING_get0_data(from);
        int n = ASN1_STRING_length(from);

        if (n < 1 || (size_t)n >= room)
                return false;
        for (int i = 0; i < n; i++) {
                if (text[i] <= ' ' || text[i] > '~')
                        return false;
        }
        memcpy(to, text, (size_t)n);
        to[n] = '\0';
        return true;
}

static bool x509_csr_take_address(
        const ASN1_OCTET_STRING *from, char to[static X509_CSR_ADDRESS_ROOM])
{
        const unsigned char *a = ASN1_STRING_get0_data(from);
        int n = ASN1_STRING_length(from);
        size_t at = 0;

        if (n == 4) {
                snprintf(to, X509_CSR_ADDRESS_ROOM, "%u.%u.%u.%u", a[0], a[1], a[2], a[3]);
                return true;
        }
        for (int i = 0; n == 16 && i < 16; i += 2)
                at += (size_t)snprintf(to + at, X509_CSR_ADDRESS_ROOM - at, "%s%x", i ? ":" : "",
                        (unsigned)a[i] << 8 | a[i + 1]);
        return n == 16;
}

static bool x509_csr_take_name(struct x509_csr *c, const GENERAL_NAME *name)
{
        int type;
        const void *value = GENERAL_NAME_get0_value(name, &type);

        switch (type) {
        case GEN_DNS:
                return c->dns_n < X509_NAMES_MAX &&
                       x509_csr_take_text(value, c->dns[c->dns_n++], X509_CSR_NAME_ROOM);
        case GEN_IPADD:
                return c->ip_n < X509_NAMES_MAX && x509_csr_take_address(value, c->ip[c->ip_n++]);
        case GEN_URI:
                return c->uris_n < X509_CSR_URIS_MAX &&
                       x509_csr_take_text(value, c->uris[c->uris_n++], X509_URI_ROOM);
        default:
                c->others_n++;
                return true;
        }
}

/* One extension of those asked for, decoded: 0 where it is not there. */
static int x509_csr_extension(
        STACK_OF(X509_EXTENSION) * asked, int nid, const char *what, void **ret, struct err *e)
{
        int found = 0;

        *ret = X509V3_get_d2i(asked, nid, &found, NULL);
        if (*ret)
                return 1;
        return found == -1 ? 0
                           : ossl_err(e, ERR_INVALID, "the request's %s cannot be read%s", what,
                                     found == -2 ? ": it is there twice" : "");
}

static int x509_csr_take_names(STACK_OF(X509_EXTENSION) * asked, struct x509_csr *c, struct err *e)
{
        void *names = NULL;

        int r = x509_csr_extension(asked, NID_subject_alt_name, "alternative names", &names, e);
        for (int i = 0; r == 1 && i < sk_GENERAL_NAME_num(names); i++) {
                if (!x509_csr_take_name(c, sk_GENERAL_NAME_value((GENERAL_NAMES *)names, i)))
                        r = err_set(e, ERR_INVALID,
                                "alternative name %d of the request is not one, or one too many "
                                "(at most %d DNS names and as many addresses)",
                                i + 1, X509_NAMES_MAX);
        }
        GENERAL_NAMES_free(names);
        return r < 0 ? r : 0;
}

static int x509_csr_take_constraints(
        STACK_OF(X509_EXTENSION) * asked, struct x509_csr *c, struct err *e)
{
        void *found = NULL;

        int r = x509_csr_extension(asked, NID_basic_constraints, "basic constraints", &found, e);
        if (r == 1)
                c->asks_ca = ((BASIC_CONSTRAINTS *)found)->ca != 0;
        BASIC_CONSTRAINTS_free(found);
        if (r < 0)
                return r;
        r = x509_csr_extension(asked, NID_key_usage, "key usage", &found, e);
        if (r == 1 && (ASN1_BIT_STRING_get_bit(found, 5) || ASN1_BIT_STRING_get_bit(found, 6)))
                c->asks_ca = true; /* keyCertSign, cRLSign: RFC 5280 section 4.2.1.3 */
        ASN1_BIT_STRING_free(found);
        return r < 0 ? r : 0;
}

static int x509_csr_take_extensions(X509_REQ *req, struct x509_csr *c, struct err *e)
{
        bool there = X509_REQ_get_attr_by_NID(req, NID_ext_req, -1) >= 0 ||
                     X509_REQ_get_attr_by_NID(req, NID_ms_ext_req, -1) >= 0;

        ERR_clear_error();
        if (!there)
                return 0;
        STACK_OF(X509_EXTENSION) *asked = X509_REQ_get_extensions(req);
        if (!asked)
                return ossl_err(e, ERR_INVALID,
                        "the extensions that the request asks for cannot "
                        "be read");
        int r = x509_csr_take_names(asked, c, e);
        if (r == 0)
                r = x509_csr_take_constraints(asked, c, e);
        sk_X509_EXTENSION_pop_free(asked, X509_EXTENSION_free);
        ERR_clear_error();
        return r;
}

const char *x509_csr_kind_name(enum x509_csr_kind kind)
{
        static const char *const names[] = {
                [X509_CSR_P256] = "P-256", [X509_CSR_P384] = "P-384", [X509_CSR_RSA] = "RSA"
        };

        return names[kind];
}

int x509_csr_read(struct bytes csr, struct x509_csr *ret, struct err *e)
{
        CLEANUP(x509_csr_reqp) X509_REQ *req = NULL;

        int r = x509_csr_open(csr, &req, e);
        if (r < 0)
                return r;
        struct x509_csr *c = xcalloc(1, sizeof *c);
        r = x509_csr_take_key(req, c, e);
        if (r == 0)
                r = x509_csr_take_subject(req, c, e);
        if (r == 0)
                r = x509_csr_take_extensions(req, c, e);
        if (r == 0)
                *ret = *c;
        free(c);
        return r;
}

/* --- making one --- */

int x509_csr_make(
        const struct sign_key *key, const char *common_name, struct buf *out, struct err *e)
{
        unsigned char *der = NULL;

        if (common_name && (!*common_name || strlen(common_name) > X509_CSR_COMMON_NAME_MAX))
                return err_set(e, ERR_INVALID, "a request's common name has 1 to %d bytes",
                        X509_CSR_COMMON_NAME_MAX);
        ossl_begin();
        CLEANUP(x509_csr_reqp) X509_REQ *req = X509_REQ_new();
        ossl_must(req && X509_REQ_set_version(req, X509_REQ_VERSION_1) == 1 &&
                          X509_REQ_set_pubkey(req, sign_key_evp(key)) == 1,
                "a request");
        if (common_name &&
                X509_NAME_add_entry_by_NID(X509_REQ_get_subject_name(req), NID_commonName,
                        MBSTRING_UTF8, (const unsigned char *)common_name, -1, -1, 0) != 1)
                return ossl_err(e, ERR_INVALID, "a request's common name is not UTF-8");
        ossl_must(X509_REQ_sign(req, sign_key_evp(key), EVP_sha256()) > 0, "signing a request");
        int n = i2d_X509_REQ(req, &der);
        ossl_must(n > 0, "encoding a request");
        int r = buf_append(out, BYTES(der, (size_t)n), e);
        OPENSSL_free(der);
        return r;
}

int x509_csr_pem_format(struct bytes der, struct buf *out, struct err *e)
{
        const uint8_t *text = NULL;

        ossl_begin();
        CLEANUP(x509_csr_reqp)
        X509_REQ *req = der.n && der.n <= X509_CSR_MAX ? x509_csr_der(der.p, der.n) : NULL;
        if (!req)
                return err_set(e, ERR_INVALID, "not a certificate signing request in DER");
        BIO *bio = BIO_new(BIO_s_mem());
        ossl_must(bio && PEM_write_bio_X509_REQ(bio, req) == 1, "writing a request");
        long n = BIO_get_mem_data(bio, (void *)&text);
        int r = buf_append(out, BYTES(text, (size_t)n), e);
        BIO_free(bio);
        return r;
}
