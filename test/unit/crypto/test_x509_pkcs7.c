/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Certificates in PKCS#7: what is made here the openssl program reads, and the other way round. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "crypto/x509_pkcs7.h"

#define SECOND INT64_C(1000000)
#define DAY (86400 * SECOND)
#define NOW (INT64_C(1795000000) * SECOND)

static char dir[] = "/tmp/custos-test-pkcs7-XXXXXX";

static void sh(const char *command)
{
        char line[900];

        snprintf(line, sizeof line, "cd %s && { %s; } >/dev/null 2>&1", dir, command);
        if (system(line) != 0)
                fail_msg("%s", command);
}

static void put(const char *name, struct bytes b)
{
        char path[200];

        snprintf(path, sizeof path, "%s/%s", dir, name);
        FILE *f = fopen(path, "wb");
        assert_non_null(f);
        assert_int_equal(fwrite(b.p, 1, b.n, f), b.n);
        fclose(f);
}

static struct buf get(const char *name)
{
        char path[200];
        struct buf b;

        snprintf(path, sizeof path, "%s/%s", dir, name);
        FILE *f = fopen(path, "rb");
        assert_non_null(f);
        buf_init(&b, 1 << 20);
        for (int c; (c = getc(f)) != EOF;)
                assert_int_equal(buf_append(&b, BYTES(&(uint8_t){ (uint8_t)c }, 1), NULL), 0);
        fclose(f);
        return b;
}

static struct buf root(const char *name)
{
        CLEANUP(sign_key_freep) struct sign_key *key = sign_key_generate();
        const struct x509_request r = { .purpose = X509_ROOT,
                .common_name = name,
                .not_before_us = NOW,
                .not_after_us = NOW + DAY };
        struct buf der;

        buf_init(&der, X509_CERT_MAX);
        assert_int_equal(x509_issue(&r, key, BYTES(NULL, 0), key, &der, NULL), 0);
        return der;
}

static void there_and_back(void **state)
{
        CLEANUP(buf_done) struct buf a = root("first"), b = root("second"), der;
        struct bytes certs[X509_PKCS7_CERTS_MAX + 1];
        struct x509_pkcs7 p;
        struct err e;

        (void)state;
        buf_init(&der, X509_PKCS7_MAX);
        certs[0] = buf_bytes(&b);
        certs[1] = buf_bytes(&a);
        assert_int_equal(x509_pkcs7_format(certs, 2, &der, NULL), 0);
        assert_int_equal(x509_pkcs7_parse(buf_bytes(&der), &p, NULL), 0);
        assert_int_equal(p.n, 2);
        for (unsigned i = 0; i < 2; i++)
                assert_true(bytes_equal(buf_bytes(&p.certs[i]), certs[i]));
        x509_pkcs7_done(&p);
        put("p7", buf_bytes(&der));
        sh("openssl pkcs7 -inform DER -in p7 -print_certs -noout > out && "
           "test $(grep -c '^subject' out) = 2 && grep -q first out && grep -q second out");
        sh("openssl cms -cmsout -print -inform DER -in p7 > out && grep -q 'eContent: <ABSENT>' out "
           "&& grep -A1 signerInfos: out | grep -q EMPTY");
        for (unsigned i = 0; i < ARRAY_LEN(certs); i++)
                certs[i] = buf_bytes(&a);
        assert_int_equal(x509_pkcs7_format(certs, 0, &der, &e), ERR_INVALID);
        assert_int_equal(x509_pkcs7_format(certs, X509_PKCS7_CERTS_MAX + 1, &der, &e), ERR_INVALID);
        certs[1] = bytes_str("no certificate");
        assert_int_equal(x509_pkcs7_format(certs, 2, &der, &e), ERR_INVALID);
        assert_non_null(strstr(e.text, "certificate 2"));
}

static void of_openssl(void **state)
{
        CLEANUP(buf_done) struct buf a = root("first"), b = root("second"), pem;
        struct x509_pkcs7 p;

        (void)state;
        buf_init(&pem, X509_PEM_MAX);
        assert_int_equal(x509_pem_format(buf_bytes(&a), &pem, NULL), 0);
        assert_int_equal(x509_pem_format(buf_bytes(&b), &pem, NULL), 0);
        put("both.pem", buf_bytes(&pem));
        sh("openssl crl2pkcs7 -nocrl -certfile both.pem -outform DER -out both.p7");
        CLEANUP(buf_done) struct buf der = get("both.p7");
        assert_int_equal(x509_pkcs7_parse(buf_bytes(&der), &p, NULL), 0);
        assert_int_equal(p.n, 2);
        assert_true(bytes_equal(buf_bytes(&p.certs[0]), buf_bytes(&a)) ||
                    bytes_equal(buf_bytes(&p.certs[1]), buf_bytes(&a)));
        x509_pkcs7_done(&p);
}

static void refused(const char *name, int code, const char *says)
{
        CLEANUP(buf_done) struct buf der = get(name);
        struct x509_pkcs7 p;
        struct err e = { 0 };
        int r = x509_pkcs7_parse(buf_bytes(&der), &p, &e);

        if (r != code || !strstr(e.text, says))
                fail_msg("%s: %d %s", name, r, e.text);
}

static void what_is_refused(void **state)
{
        struct x509_pkcs7 p;
        struct err e;

        (void)state;
        sh("for i in 1 2 3 4 5 6 7 8 9; do openssl req -x509 -new -newkey ec -pkeyopt "
           "ec_paramgen_curve:P-256 -nodes -keyout k -subj /CN=$i >> nine.pem; done; "
           "openssl crl2pkcs7 -nocrl -certfile nine.pem -outform DER -out nine.p7");
        refused("nine.p7", ERR_EXHAUSTED, "9 certificates, at most 8");
        sh("openssl req -x509 -new -key k -subj /CN=x -out x.pem && echo text > t && "
           "openssl smime -sign -in t -signer x.pem -inkey k -outform DER -out signed.p7");
        refused("signed.p7", ERR_INVALID, "with a signature");
        sh("openssl req -x509 -new -newkey rsa:2048 -nodes -keyout k2 -subj /CN=x -out y.pem && "
           "openssl smime -encrypt -in t -outform DER -out secret.p7 y.pem");
        refused("secret.p7", ERR_INVALID, "none that holds certificates");
        sh("touch none.pem && openssl crl2pkcs7 -nocrl -outform DER -out none.p7");
        refused("none.p7", ERR_INVALID, "without a certificate");
        sh("head -c 70000 /dev/zero > large");
        refused("large", ERR_EXHAUSTED, "70000 bytes");
        refused("x.pem", ERR_INVALID, "not a PKCS#7 message");
        assert_int_equal(x509_pkcs7_parse(BYTES(NULL, 0), &p, &e), ERR_INVALID);
        CLEANUP(buf_done) struct buf der = get("both.p7");
        for (size_t n = 0; n < der.n; n++) {
                if (x509_pkcs7_parse(bytes_sub(buf_bytes(&der), 0, n), &p, &e) >= 0)
                        fail_msg("%zu bytes of %zu are taken", n, der.n);
        }
        assert_int_equal(buf_append(&der, bytes_str("x"), NULL), 0);
        assert_int_equal(x509_pkcs7_parse(buf_bytes(&der), &p, &e), ERR_INVALID);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(there_and_back),
                cmocka_unit_test(of_openssl), cmocka_unit_test(what_is_refused) };

        if (!mkdtemp(dir))
                return 1;
        int failed = cmocka_run_group_tests(tests, NULL, NULL);
        char line[200];
        snprintf(line, sizeof line, "rm -rf %s", dir);
        return system(line) == 0 ? failed : 1;
}
