/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checked against RFC 6979 appendix A.2.5 and, in both directions, the openssl program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "crypto/hash.h"
#include "crypto/sign.h"

static char dir[] = "/tmp/custos-test-sign-XXXXXX";

/* Runs sh in the test's directory; the test's programs are few, so a shell is good enough here. */
static int sh(const char *command)
{
        char *line = xasprintf("cd %s && { %s; } >/dev/null 2>&1", dir, command);
        int r = system(line);

        own_freep(&line);
        return r;
}

static void put(const char *name, struct bytes b)
{
        char *path = xasprintf("%s/%s", dir, name);
        FILE *f = fopen(path, "wb");

        assert_non_null(f);
        assert_int_equal(fwrite(b.p, 1, b.n, f), b.n);
        fclose(f);
        own_freep(&path);
}

static struct bytes get(const char *name, uint8_t *to, size_t room)
{
        char *path = xasprintf("%s/%s", dir, name);
        FILE *f = fopen(path, "rb");

        assert_non_null(f);
        size_t n = fread(to, 1, room, f);
        fclose(f);
        own_freep(&path);
        return BYTES(to, n);
}

/* r | s to the DER that the openssl program wants. */
static struct bytes to_der(const uint8_t sig[SIGN_BYTES], uint8_t to[80])
{
        size_t n = 2;

        for (unsigned half = 0; half < 2; half++) {
                const uint8_t *p = sig + 32 * half;
                size_t len = 32;
                while (len > 1 && *p == 0) {
                        p++;
                        len--;
                }
                bool pad = *p & 0x80;
                to[n++] = 2;
                to[n++] = (uint8_t)(len + pad);
                if (pad)
                        to[n++] = 0;
                memcpy(to + n, p, len);
                n += len;
        }
        to[0] = 0x30;
        to[1] = (uint8_t)(n - 2);
        return BYTES(to, n);
}

static void from_der(struct bytes der, uint8_t sig[SIGN_BYTES])
{
        const uint8_t *p = der.p + 2;

        memset(sig, 0, SIGN_BYTES);
        for (unsigned half = 0; half < 2; half++) {
                size_t len = p[1];
                p += 2;
                const uint8_t *end = p + len;
                if (len > 32)
                        p = end - 32;
                memcpy(sig + 32 * half + 32 - (end - p), p, (size_t)(end - p));
                p = end;
        }
}

static void rfc6979_a25(void **state)
{
        static const char spki_hex[] =
                "3059301306072a8648ce3d020106082a8648ce3d030107034200"
                "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
                "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";
        static const char sig_hex[] =
                "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
                "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8";
        uint8_t spki[91], sig[64], id[32], want[32];
        struct verify_key *k = NULL;

        (void)state;
        assert_int_equal(str_unhex(spki, 91, spki_hex, NULL), 0);
        assert_int_equal(str_unhex(sig, 64, sig_hex, NULL), 0);
        assert_int_equal(verify_key_parse(BYTES(spki, 91), &k, NULL), 0);
        assert_true(sign_check(k, bytes_str("sample"), sig));
        assert_false(sign_check(k, bytes_str("Sample"), sig));
        for (unsigned i = 0; i < 64; i++) {
                sig[i] ^= 0x10;
                assert_false(sign_check(k, bytes_str("sample"), sig));
                sig[i] ^= 0x10;
        }
        verify_key_id(k, id);
        hash_once(BYTES(spki, 91), want);
        assert_memory_equal(id, want, 32);
        verify_key_freep(&k);
}

/* Signatures that are no pair of numbers in [1, n - 1] (a zero once passed in other
 * implementations). */
static void degenerate_signatures(void **state)
{
        struct sign_key *k = sign_key_generate();
        struct verify_key *v = sign_key_public(k);
        uint8_t sig[64] = { 0 };

        (void)state;
        assert_false(sign_check(v, bytes_str("x"), sig));
        memset(sig, 0xff, 64);
        assert_false(sign_check(v, bytes_str("x"), sig));
        memset(sig, 0, 64);
        sig[31] = sig[63] = 1;
        assert_false(sign_check(v, bytes_str("x"), sig));
        sign_key_freep(&k);
        verify_key_freep(&v);
}

static void round_trip(void **state)
{
        struct sign_key *k = sign_key_generate(), *again = NULL, *other = sign_key_generate();
        struct verify_key *v = sign_key_public(k), *w = sign_key_public(other), *parsed = NULL;
        uint8_t id[32], id2[32], sig[64];
        struct buf pem, spki;

        (void)state;
        buf_init(&pem, SIGN_PEM_MAX);
        buf_init(&spki, SIGN_SPKI_MAX);
        assert_int_equal(sign_key_format(k, &pem, NULL), 0);
        assert_int_equal(sign_key_parse(buf_bytes(&pem), &again, NULL), 0);
        assert_int_equal(verify_key_format(v, &spki, NULL), 0);
        assert_int_equal(spki.n, 91);
        assert_int_equal(verify_key_parse(buf_bytes(&spki), &parsed, NULL), 0);
        sign_key_id(k, id);
        sign_key_id(again, id2);
        assert_memory_equal(id, id2, 32);
        verify_key_id(parsed, id2);
        assert_memory_equal(id, id2, 32);
        for (unsigned i = 0; i < 300; i++) { /* some have a short r or s */
                assert_int_equal(sign_make(again, BYTES(&i, sizeof i), sig, NULL), 0);
                assert_true(sign_check(v, BYTES(&i, sizeof i), sig));
                assert_false(sign_check(w, BYTES(&i, sizeof i), sig));
        }
        buf_done(&pem);
        buf_done(&spki);
        sign_key_freep(&k);
        sign_key_freep(&again);
        sign_key_freep(&other);
        verify_key_freep(&v);
        verify_key_freep(&w);
        verify_key_freep(&parsed);
}

static void openssl_checks_ours(void **state)
{
        struct sign_key *k = NULL;
        uint8_t file[4096], sig[64], der[80];

        (void)state;
        assert_int_equal(
                sh("openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out k.pem &&"
                   "openssl pkey -in k.pem -pubout -out p.pem && openssl pkey -in k.pem -pubout "
                   "-outform DER -out p.der"),
                0);
        assert_int_equal(sign_key_parse(get("k.pem", file, sizeof file), &k, NULL), 0);
        assert_int_equal(sign_make(k, bytes_str("a frame"), sig, NULL), 0);
        put("m", bytes_str("a frame"));
        put("sig", to_der(sig, der));
        assert_int_equal(sh("openssl dgst -sha256 -verify p.pem -signature sig m"), 0);
        put("m", bytes_str("b frame"));
        assert_int_not_equal(sh("openssl dgst -sha256 -verify p.pem -signature sig m"), 0);

        struct verify_key *v = NULL;
        assert_int_equal(verify_key_parse(get("p.der", file, sizeof file), &v, NULL), 0);
        assert_int_equal(sh("openssl dgst -sha256 -sign k.pem -out sig2 m"), 0);
        from_der(get("sig2", file, sizeof file), sig);
        assert_true(sign_check(v, bytes_str("b frame"), sig));
        assert_false(sign_check(v, bytes_str("a frame"), sig));
        sign_key_freep(&k);
        verify_key_freep(&v);
}

static void refused(const char *name, const char *reason)
{
        struct sign_key *k = (void *)1;
        uint8_t file[8192];
        struct err e = { 0 };

        assert_int_equal(sign_key_parse(get(name, file, sizeof file), &k, &e), ERR_INVALID);
        assert_ptr_equal(k, (void *)1);
        if (!strstr(e.text, reason))
                fail_msg("%s: \"%s\" does not say \"%s\"", name, e.text, reason);
}

static void other_keys_are_refused(void **state)
{
        (void)state;
        assert_int_equal(
                sh("openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out p384.pem &&"
                   "openssl genpkey -algorithm ED25519 -out ed.pem && openssl genpkey -algorithm "
                   "RSA -out rsa.pem &&"
                   "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out k.pem &&"
                   "openssl ec -in k.pem -out sec1.pem && openssl pkcs8 -topk8 -in k.pem -passout "
                   "pass:x -out enc.pem &&"
                   "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt "
                   "ec_param_enc:explicit -out explicit.pem"),
                0);
        refused("p384.pem", "P-256");
        refused("ed.pem", "P-256");
        refused("rsa.pem", "P-256");
        refused("explicit.pem", "P-256");
        refused("sec1.pem", "PKCS#8");
        refused("enc.pem", "PKCS#8");
        put("empty", BYTES("", 0));
        refused("empty", "0 bytes");
        put("text", bytes_str("hello"));
        refused("text", "PEM");
        put("long", BYTES((uint8_t[5000]){ 0 }, 5000));
        refused("long", "5000 bytes");
}

/* A file whose public half was exchanged. */
static void mismatched_halves(void **state)
{
        struct sign_key *a = sign_key_generate(), *b = sign_key_generate(), *k = NULL;
        uint8_t der_a[256], der_b[256];
        struct buf pem, text;
        struct err e;

        (void)state;
        buf_init(&pem, SIGN_PEM_MAX);
        buf_init(&text, SIGN_PEM_MAX);
        assert_int_equal(sign_key_format(a, &pem, NULL), 0);
        put("a.pem", buf_bytes(&pem));
        buf_clear(&pem);
        assert_int_equal(sign_key_format(b, &pem, NULL), 0);
        put("b.pem", buf_bytes(&pem));
        assert_int_equal(sh("openssl pkcs8 -topk8 -nocrypt -in a.pem -outform DER -out a.der;"
                            "openssl pkcs8 -topk8 -nocrypt -in b.pem -outform DER -out b.der"),
                0);
        struct bytes first = get("a.der", der_a, sizeof der_a),
                     second = get("b.der", der_b, sizeof der_b);
        assert_int_equal(first.n, second.n);
        memcpy(der_a + first.n - 65, second.p + second.n - 65, 65);
        char base64[STR_BASE64_ROOM(256)];
        assert_int_equal(buf_printf(&text, NULL,
                                 "-----BEGIN PRIVATE KEY-----\n%s\n-----END PRIVATE KEY-----\n",
                                 str_base64(base64, first)),
                0);
        assert_int_equal(sign_key_parse(buf_bytes(&text), &k, &e), ERR_INVALID);
        assert_non_null(strstr(e.text, "belong together"));
        buf_done(&pem);
        buf_done(&text);
        sign_key_freep(&a);
        sign_key_freep(&b);
}

static void hostile_spki(void **state)
{
        struct sign_key *k = sign_key_generate();
        struct verify_key *v = sign_key_public(k), *got = NULL;
        struct buf spki;

        (void)state;
        buf_init(&spki, SIGN_SPKI_MAX);
        assert_int_equal(verify_key_format(v, &spki, NULL), 0);
        for (size_t n = 0; n < spki.n; n++)
                assert_int_equal(verify_key_parse(BYTES(spki.p, n), &got, NULL), ERR_INVALID);
        assert_int_equal(buf_append(&spki, bytes_str("x"), NULL), 0);
        assert_int_equal(verify_key_parse(buf_bytes(&spki), &got, NULL), ERR_INVALID);
        spki.n--;
        spki.p[90] ^= 1; /* off the curve */
        assert_int_equal(verify_key_parse(buf_bytes(&spki), &got, NULL), ERR_INVALID);
        assert_null(got);
        buf_done(&spki);
        sign_key_freep(&k);
        verify_key_freep(&v);
}

static int set_up(void **state)
{
        (void)state;
        return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
        (void)state;
        return sh("rm -f *.pem *.der m sig sig2 empty text long && rmdir ../$(basename $PWD)");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(rfc6979_a25),
                cmocka_unit_test(degenerate_signatures),
                cmocka_unit_test(round_trip),
                cmocka_unit_test(openssl_checks_ours),
                cmocka_unit_test(other_keys_are_refused),
                cmocka_unit_test(mismatched_halves),
                cmocka_unit_test(hostile_spki),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
