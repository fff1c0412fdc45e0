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
        assert_non_null(strstr(e.text, "not a certificate signing request"));
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

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(the_key_is_taken),
                cmocka_unit_test(what_is_refused) };

        if (!mkdtemp(dir))
                return 1;
        int failed = cmocka_run_group_tests(tests, NULL, NULL);
        char line[200];
        snprintf(line, sizeof line, "rm -rf %s", dir);
        return system(line) == 0 ? failed : 1;
}
