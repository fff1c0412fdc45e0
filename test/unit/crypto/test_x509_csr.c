/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Requests made by the openssl program: the key is taken where the request proves it, and nothing
 * else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"
#include "crypto/x509_csr.h"

static char dir[] = "/tmp/custos-test-csr-XXXXXX";

static void sh(const char *command)
{
        char line[600];

        snprintf(line, sizeof line, "cd %s && { %s; } >/dev/null 2>&1", dir, command);
        if (system(line) != 0)
                fail_msg("%s", command);
}

/* The file as it is. */
static struct buf read_file(const char *name)
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

static int take(const char *name, struct verify_key **ret, struct err *e)
{
        CLEANUP(buf_done) struct buf b = read_file(name);

        return x509_csr_key(buf_bytes(&b), ret, e);
}

static void the_key_is_taken(void **state)
{
        struct verify_key *a = NULL, *b = NULL;
        struct sign_key *key = NULL;
        uint8_t id[32], want[32];

        (void)state;
        sh("openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout k.pem -subj /CN=x -out r.pem");
        sh("openssl req -in r.pem -outform DER -out r.der && { echo text before; cat r.pem; } > t.pem");
        CLEANUP(buf_done) struct buf pem = read_file("k.pem");
        assert_int_equal(sign_key_parse(buf_bytes(&pem), &key, NULL), 0);
        sign_key_id(key, want);
        assert_int_equal(take("r.pem", &a, NULL), 0);
        verify_key_id(a, id);
        assert_memory_equal(id, want, 32);
        assert_int_equal(take("r.der", &b, NULL), 0);
        verify_key_id(b, id);
        assert_memory_equal(id, want, 32);
        verify_key_freep(&b);
        assert_int_equal(take("t.pem", &b, NULL), 0);
        verify_key_freep(&a);
        verify_key_freep(&b);
        sign_key_free(key);
}

static void what_is_refused(void **state)
{
        struct verify_key *k = NULL;
        struct err e;

        (void)state;
        sh("openssl req -new -newkey rsa:2048 -nodes -keyout k2.pem -subj /CN=x -out rsa.pem");
        assert_int_equal(take("rsa.pem", &k, &e), ERR_INVALID);
        assert_non_null(strstr(e.text, "P-256"));
        assert_int_equal(take("k2.pem", &k, &e), ERR_INVALID);
        assert_non_null(strstr(e.text, "private key"));
        /* Every bit of a request counts: its key and names are under its own signature. */
        CLEANUP(buf_done) struct buf der = read_file("r.der");
        for (size_t i = 0; i < der.n; i++) {
                der.p[i] ^= 1;
                if (x509_csr_key(buf_bytes(&der), &k, &e) >= 0) {
                        /* The form of an INTEGER or a BIT STRING may allow another reading of the
                         * same; then the key is the same too. */
                        fail_msg("byte %zu", i);
                }
                der.p[i] ^= 1;
        }
        for (size_t n = 0; n < der.n; n++)
                assert_int_equal(
                        x509_csr_key(bytes_sub(buf_bytes(&der), 0, n), &k, &e), ERR_INVALID);
        assert_int_equal(buf_append(&der, bytes_str("x"), NULL), 0);
        assert_int_equal(x509_csr_key(buf_bytes(&der), &k, &e), ERR_INVALID);
        uint8_t *large = xcalloc(1, X509_CSR_MAX + 1);
        assert_int_equal(x509_csr_key(BYTES(large, X509_CSR_MAX + 1), &k, &e), ERR_INVALID);
        own_freep(&large);
        assert_null(k);
}

/* --- requests of foreign devices --- */

static struct x509_csr csr; /* what was read last */

static int look(const char *name, struct err *e)
{
        CLEANUP(buf_done) struct buf b = read_file(name);

        memset(&csr, 0xff, sizeof csr);
        return x509_csr_read(buf_bytes(&b), &csr, e);
}

static void taken(const char *name)
{
        struct err e;

        if (look(name, &e) < 0)
                fail_msg("%s: %s", name, e.text);
}

static void refused(const char *name, const char *says)
{
        struct err e = { 0 };

        if (look(name, &e) != ERR_INVALID || !strstr(e.text, says))
                fail_msg("%s: %s", name, e.text);
        assert_int_equal(csr.bits, 0xffffffff); /* untouched */
}

/* The key as a certificate has it, by the openssl program. */
static void key_is(const char *request)
{
        char command[300], hex[65];

        sprintf(command,
                "openssl req -in %s -noout -pubkey | openssl pkey -pubin -outform DER | "
                "sha256sum | grep -q %s",
                request, str_hex(hex, BYTES(csr.key, 32)));
        sh(command);
}

static void all_of_a_request(void **state)
{
        (void)state;
        sh("openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout k3.pem -out "
           "full.pem -subj '/C=DE/O=Zo\xc3\xab/CN=gate 1' -addext "
           "subjectAltName=DNS:gate-1.example,IP:10.1.2.3,IP:fe80::7,URI:https://gate-1/x,"
           "email:a@b.example,DNS:*.example -addext basicConstraints=CA:FALSE");
        taken("full.pem");
        assert_int_equal(csr.kind, X509_CSR_P256);
        assert_int_equal(csr.bits, 256);
        assert_int_equal(csr.dns_n, 2);
        assert_string_equal(csr.dns[0], "gate-1.example");
        assert_string_equal(csr.dns[1], "*.example");
        assert_int_equal(csr.ip_n, 2);
        assert_string_equal(csr.ip[0], "10.1.2.3");
        assert_string_equal(csr.ip[1], "fe80:0:0:0:0:0:0:7");
        assert_int_equal(csr.uris_n, 1);
        assert_string_equal(csr.uris[0], "https://gate-1/x");
        assert_int_equal(csr.others_n, 1);
        assert_false(csr.asks_ca);
        assert_non_null(strstr(csr.subject, "CN=gate 1"));
        key_is("full.pem");
        /* As people keep them: DER, ends of lines of another system, a mark, text around it. */
        sh("openssl req -in full.pem -outform DER -out full.der && sed 's/$/\r/' full.pem > crlf && "
           "{ printf '\357\273\277'; cat full.pem; } > marked && { echo Subject: x; cat full.pem; "
           "echo bye; } > 'odd näme.txt' && sed 's/CERTIFICATE REQ/NEW CERTIFICATE REQ/' full.pem > "
           "old");
        uint8_t key[32];
        memcpy(key, csr.key, 32);
        static const char *const forms[] = { "full.der", "crlf", "marked", "odd näme.txt", "old" };
        for (unsigned i = 0; i < ARRAY_LEN(forms); i++) {
                taken(forms[i]);
                assert_memory_equal(csr.key, key, 32);
                assert_int_equal(csr.dns_n, 2);
        }
}

static void kinds_of_keys(void **state)
{
        (void)state;
        sh("openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes -keyout k -subj / "
           "-out p384");
        taken("p384");
        assert_int_equal(csr.kind, X509_CSR_P384);
        assert_string_equal(csr.subject, "");
        key_is("p384");
        sh("openssl req -new -newkey rsa:2048 -nodes -keyout k -subj /CN=x -out rsa2048 && openssl "
           "req -new -newkey rsa:4096 -nodes -keyout k -subj /CN=x -out rsa4096");
        taken("rsa2048");
        assert_int_equal(csr.kind, X509_CSR_RSA);
        assert_int_equal(csr.bits, 2048);
        key_is("rsa2048");
        taken("rsa4096");
        assert_true(csr.spki_n > 500);
        sh("openssl req -new -newkey rsa:1024 -nodes -keyout k -subj /CN=x -out rsa1024");
        refused("rsa1024", "RSA of 1024 bits: too small");
        sh("openssl req -new -newkey rsa:4104 -nodes -keyout k -subj /CN=x -out rsa4104");
        refused("rsa4104", "at most 4096");
        static const char *const newkey[] = { "ed25519", "rsa-pss",
                "ec -pkeyopt ec_paramgen_curve:secp256k1", "ec -pkeyopt ec_paramgen_curve:P-521" };
        for (unsigned i = 0; i < ARRAY_LEN(newkey); i++) {
                char command[300];
                sprintf(command,
                        "openssl req -new -newkey %s -nodes -keyout k -subj /CN=x -out odd",
                        newkey[i]);
                sh(command);
                refused("odd", "or RSA of 2048 bits or more is needed");
        }
}

/* The same key must not pass for another one because it is written otherwise. */
static void keys_in_another_dress(void **state)
{
        struct verify_key *k = NULL;
        struct err e;

        (void)state;
        sh("openssl ec -in k3.pem -conv_form compressed -out k3c.pem && openssl req -new -key "
           "k3c.pem -subj /CN=x -out compressed");
        refused("compressed", "not compressed");
        assert_int_equal(take("compressed", &k, &e), ERR_INVALID);
        sh("openssl ecparam -name prime256v1 -genkey -param_enc explicit -noout -out k4.pem && "
           "openssl req -new -key k4.pem -subj /CN=x -out explicit");
        refused("explicit", "named");
        assert_int_equal(take("explicit", &k, &e), ERR_INVALID);
        assert_null(k);
}

static void what_else_is_refused(void **state)
{
        (void)state;
        refused("k3.pem", "private key");
        sh("openssl pkey -in k3.pem -outform DER -out k3.der && cat full.pem k3.pem > both && openssl "
           "pkcs8 -topk8 -in k3.pem -passout pass:x -out k3.enc");
        refused("k3.der", "private key");
        refused("both", "private key");
        refused("k3.enc", "private key");
        sh("openssl req -x509 -key k3.pem -subj /CN=x -out cert.pem && openssl x509 -in cert.pem "
           "-outform DER -out cert.der && cat full.pem r.pem > two && echo hello > text && head -c "
           "300 /dev/urandom > noise");
        refused("cert.pem", "but a certificate");
        refused("cert.der", "but a certificate");
        refused("two", "more than one request");
        refused("text", "not a certificate signing request");
        refused("noise", "not a certificate signing request");
        sh("openssl req -new -key k3.pem -subj /CN=x -out ca -addext basicConstraints=CA:TRUE && "
           "openssl req -new -key k3.pem -subj /CN=x -out signs -addext keyUsage=keyCertSign");
        taken("ca");
        assert_true(csr.asks_ca);
        taken("signs");
        assert_true(csr.asks_ca);
        sh("openssl req -new -key k3.pem -subj /CN=x -out server -addext keyUsage=digitalSignature");
        taken("server");
        assert_false(csr.asks_ca);
        /* Names: one that fits nowhere, one of two lines, too many. */
        sh("openssl req -new -key k3.pem -subj /CN=x -out long -addext "
           "subjectAltName=DNS:$(printf 'a%.0s' $(seq 256))");
        refused("long", "alternative name 1");
        sh("openssl req -new -key k3.pem -subj /CN=x -out blank -addext 'subjectAltName=DNS:a b'");
        refused("blank", "alternative name 1");
        sh("openssl req -new -key k3.pem -subj /CN=x -out many -addext "
           "subjectAltName=DNS:a$(printf ',DNS:b%.0s' $(seq 32))");
        refused("many", "alternative name 33");
        CLEANUP(buf_done) struct buf der = read_file("full.der");
        struct err e;
        for (size_t i = 0; i < der.n; i++) {
                der.p[i] ^= 4;
                if (x509_csr_read(buf_bytes(&der), &csr, &e) >= 0)
                        fail_msg("byte %zu", i);
                der.p[i] ^= 4;
        }
}

static void made_here(void **state)
{
        CLEANUP(sign_key_freep) struct sign_key *key = sign_key_generate();
        struct verify_key *k = NULL;
        struct buf der, pem;
        uint8_t id[32], want[32];
        struct err e;

        (void)state;
        sign_key_id(key, want);
        buf_init(&der, X509_CSR_MAX);
        buf_init(&pem, X509_CSR_MAX);
        for (unsigned i = 0; i < 2; i++) {
                buf_clear(&der);
                buf_clear(&pem);
                assert_int_equal(x509_csr_make(key, i ? "recorder-1" : NULL, &der, NULL), 0);
                assert_int_equal(x509_csr_pem_format(buf_bytes(&der), &pem, NULL), 0);
                FILE *f = NULL;
                char path[200];
                snprintf(path, sizeof path, "%s/made.pem", dir);
                assert_non_null(f = fopen(path, "wb"));
                fwrite(pem.p, 1, pem.n, f);
                fclose(f);
                sh("openssl req -in made.pem -noout -verify 2>&1 | grep -q 'verify OK'");
                sh(i ? "openssl req -in made.pem -noout -subject | grep -q 'CN = recorder-1'"
                     : "test \"$(openssl req -in made.pem -noout -subject)\" = 'subject='");
                assert_int_equal(x509_csr_key(buf_bytes(&der), &k, NULL), 0);
                verify_key_id(k, id);
                assert_memory_equal(id, want, 32);
                verify_key_freep(&k);
                taken("made.pem");
                assert_memory_equal(csr.key, want, 32);
                assert_int_equal(csr.dns_n + csr.ip_n + csr.uris_n + csr.others_n, 0);
        }
        assert_int_equal(x509_csr_make(key, "", &der, &e), ERR_INVALID);
        assert_int_equal(x509_csr_make(key, "\xff", &der, &e), ERR_INVALID);
        assert_int_equal(x509_csr_pem_format(bytes_str("x"), &pem, &e), ERR_INVALID);
        buf_done(&der);
        buf_done(&pem);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(the_key_is_taken),
                cmocka_unit_test(what_is_refused), cmocka_unit_test(all_of_a_request),
                cmocka_unit_test(kinds_of_keys), cmocka_unit_test(keys_in_another_dress),
                cmocka_unit_test(what_else_is_refused), cmocka_unit_test(made_here) };

        if (!mkdtemp(dir))
                return 1;
        int failed = cmocka_run_group_tests(tests, NULL, NULL);
        char line[200];
        snprintf(line, sizeof line, "rm -rf %s", dir);
        return system(line) == 0 ? failed : 1;
}
