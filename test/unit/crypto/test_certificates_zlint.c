/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The certificates that zlint's lints are tried on. Each is read (the lints read all of them, so
 * must we, or say why not); none is accepted with nobody vouching for it; and each is issued
 * again, as it is but for issuer and signature, by an issuer that is trusted: what its content
 * alone is worth to a camera link. There a CA's certificate, one with a key below 112 bits and one
 * without a DNS name or address is expected to be refused, whatever its lint is about.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "certificate_suite.c"
#include "crypto/x509.h"

#define DAY (INT64_C(86400) * 1000000)

static struct sign_key *root_key;
static struct buf root_der;

/* What may not be accepted though a trusted issuer signs it: the file's name says what is wrong, or
 * what it is for. */
static const char *const refused[] = {
        /* for something else than a server */
        "smime__",
        "code_signing__",
        "subExtKeyUsageClient.pem",
        "subExtKeyUsageClientAuth",
        "subExtKeyUsageCodeSign.pem",
        /* malformed */
        "keyUsageCertSignEndEntity",
        "extSANDuplicated",
        "empty_seq_of_",
        "validityNegative",
        "certVersion2WithExtension",
        "serialNumberZero",
        "publicKeyIsRSAExplicitNullMissing",
        "rsaAlgIDNoNULLParams",
        "rsaKeyWithParameters",
        "generalizedTimeNoSeconds",
        /* names that no server has */
        "SANDNSAsterisk",
        "SANDNSWrongWildcard",
        "SANDNSPeriod",
        "dnsNameWildcardIncorrect",
        "SANWithSpaceDNS.pem",
};

static bool is_refused(const char *name)
{
        for (unsigned i = 0; i < ARRAY_LEN(refused); i++) {
                if (strncmp(name, refused[i], strlen(refused[i])) == 0)
                        return true;
        }
        return false;
}

/* Midway in the certificate's time. */
static int64_t time_of(X509 *cert)
{
        struct tm from = { 0 }, to = { 0 };

        (void)ASN1_TIME_to_tm(X509_get0_notBefore(cert), &from);
        (void)ASN1_TIME_to_tm(X509_get0_notAfter(cert), &to);
        ERR_clear_error();
        int64_t at = ((int64_t)timegm(&from) + (int64_t)timegm(&to)) / 2 * 1000000;
        return at < 366 * DAY ? 366 * DAY : at;
}

/* The first name that a server can be asked for by; false without one. */
static bool host_of(X509 *cert, char *to, size_t room)
{
        GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
        bool found = false;

        snprintf(to, room, "none.example");
        for (int i = 0; i < sk_GENERAL_NAME_num(names) && !found; i++) {
                const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
                const uint8_t *b = name->type == GEN_DNS || name->type == GEN_IPADD
                                           ? ASN1_STRING_get0_data(name->d.ia5)
                                           : NULL;
                if (name->type == GEN_DNS)
                        snprintf(to, room, "%.*s", ASN1_STRING_length(name->d.ia5), (char *)b);
                else if (name->type == GEN_IPADD && ASN1_STRING_length(name->d.ip) == 4)
                        snprintf(to, room, "%u.%u.%u.%u", b[0], b[1], b[2], b[3]);
                else if (name->type == GEN_IPADD && ASN1_STRING_length(name->d.ip) == 16)
                        inet_ntop(AF_INET6, b, to, (socklen_t)room);
                else
                        continue;
                found = true;
        }
        if (to[0] == '*')
                to[0] = 'x';
        GENERAL_NAMES_free(names);
        ERR_clear_error();
        return found;
}

/* A root of ours for a year on either side. */
static void root_at(int64_t at_us)
{
        const struct x509_request r = { .purpose = X509_ROOT,
                .common_name = "root",
                .not_before_us = at_us - 365 * DAY,
                .not_after_us = at_us + 365 * DAY };

        buf_clear(&root_der);
        assert_int_equal(x509_issue(&r, root_key, BYTES(NULL, 0), root_key, &root_der, NULL), 0);
}

/* The same certificate from our issuer: name, key identifier and signature are its. */
static bool reissue(X509 *cert, struct buf *to)
{
        X509 *issuer = ossl_cert(buf_bytes(&root_der), NULL);
        const uint8_t *text;
        X509V3_CTX v3;
        int at;

        X509_set_issuer_name(cert, X509_get_subject_name(issuer));
        while ((at = X509_get_ext_by_NID(cert, NID_authority_key_identifier, -1)) >= 0)
                X509_EXTENSION_free(X509_delete_ext(cert, at));
        X509V3_set_ctx(&v3, issuer, cert, NULL, NULL, 0);
        X509V3_set_ctx_nodb(&v3);
        X509_EXTENSION *id =
                X509V3_EXT_conf_nid(NULL, &v3, NID_authority_key_identifier, "keyid:always");
        X509_add_ext(cert, id, -1);
        bool done = X509_sign(cert, sign_key_evp(root_key), EVP_sha256()) > 0;
        BIO *bio = BIO_new(BIO_s_mem());
        done = done && PEM_write_bio_X509(bio, cert) == 1;
        long n = BIO_get_mem_data(bio, (void *)&text);
        assert_int_equal(buf_append(to, BYTES(text, (size_t)n), NULL), 0);
        BIO_free(bio);
        X509_EXTENSION_free(id);
        X509_free(issuer);
        ERR_clear_error();
        return done;
}

static void try_reissued(const char *name, X509 *cert)
{
        struct certificate_case c;
        char id[160], host[256];
        EVP_PKEY *key = X509_get0_pubkey(cert);

        certificate_case_init(&c);
        snprintf(id, sizeof id, "%.130s/reissued", name);
        bool named = host_of(cert, host, sizeof host);
        c.id = id;
        c.accept = named && key && EVP_PKEY_get_security_bits(key) >= 112 &&
                   X509_check_ca(cert) == 0 && !is_refused(name);
        c.at_us = time_of(cert);
        c.host = host;
        root_at(c.at_us);
        assert_int_equal(x509_pem_format(buf_bytes(&root_der), &c.roots, NULL), 0);
        if (reissue(cert, &c.sent))
                certificate_suite_check(&c);
        certificate_case_done(&c);
}

static void try_alone(const char *name, const char *path, X509 *cert)
{
        struct certificate_case c;
        char id[160];

        certificate_case_init(&c);
        snprintf(id, sizeof id, "%.130s/nobody", name);
        c.id = id;
        c.at_us = time_of(cert);
        certificate_add_file(&c.sent, path, NULL);
        root_at(c.at_us);
        assert_int_equal(x509_pem_format(buf_bytes(&root_der), &c.roots, NULL), 0);
        certificate_suite_check(&c);
        certificate_case_done(&c);
}

static void try_list(const char *name, const char *path)
{
        struct certificate_case c;

        certificate_case_init(&c);
        c.id = name;
        certificate_add_file(&c.sent, path, NULL);
        certificate_add_file(&c.crls, path, NULL);
        assert_int_equal(x509_pem_format(buf_bytes(&root_der), &c.roots, NULL), 0);
        certificate_suite_check(&c); /* of an issuer that nobody knows: refused */
        certificate_case_done(&c);
}

static void try(const char *folder, const char *name)
{
        char path[500];

        snprintf(path, sizeof path, "%s/%s", folder, name);
        BIO *in = BIO_new_file(path, "rb");
        X509 *cert = PEM_read_bio_X509(in, NULL, NULL, NULL);
        BIO_free(in);
        ERR_clear_error();
        if (strncmp(name, "crl_", 4) == 0) {
                try_list(name, path);
                return;
        }
        certificate_suite_record(name, true, cert ? "ok" : "malformed");
        if (cert) {
                try_alone(name, path, cert);
                try_reissued(name, cert);
        }
        X509_free(cert);
}

static void zlint(void **state)
{
        const char *folder = certificate_suite_open("zlint");
        (void)state;
        if (!folder)
                skip();
        root_key = sign_key_generate();
        buf_init(&root_der, X509_CERT_MAX);
        root_at(366 * DAY);
        DIR *d = opendir(folder);
        assert_non_null(d);
        for (struct dirent *entry; (entry = readdir(d)) != NULL;) {
                if (entry->d_name[0] != '.')
                        try(folder, entry->d_name);
        }
        closedir(d);
        sign_key_freep(&root_key);
        buf_done(&root_der);
        certificate_suite_close();
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(zlint) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
