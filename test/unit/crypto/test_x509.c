/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Certificates made here are checked by the openssl program too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/str.h"
#include "crypto/x509.h"
#include "crypto/x509_crl.h"

#define SECOND INT64_C(1000000)
#define DAY (86400 * SECOND)
#define NOW (INT64_C(1795000000) * SECOND) /* 2026-11-18 */

static char dir[] = "/tmp/custos-test-x509-XXXXXX";

struct entity {
        struct sign_key *key;
        struct buf der;
};

struct site {
        struct entity root, issuer, leaf;
};

static struct entity make(enum x509_purpose purpose, const char *name, const struct entity *above,
        int64_t from, int64_t to)
{
        struct entity t = { .key = sign_key_generate() };
        struct x509_request r = {
                .purpose = purpose, .common_name = name, .not_before_us = from, .not_after_us = to
        };
        struct err e;

        buf_init(&t.der, X509_CERT_MAX);
        if (x509_issue(&r, t.key, above ? buf_bytes(&above->der) : BYTES(NULL, 0),
                    above ? above->key : t.key, &t.der, &e) < 0)
                fail_msg("%s", e.text);
        return t;
}

static void drop(struct entity *t)
{
        sign_key_freep(&t->key);
        buf_done(&t->der);
}

static struct site make_site(enum x509_purpose leaf)
{
        struct site s;

        s.root = make(X509_ROOT, "site root", NULL, NOW - DAY, NOW + 7300 * DAY);
        s.issuer = make(X509_ISSUER, "site seals", &s.root, NOW - DAY, NOW + 3650 * DAY);
        s.leaf = make(leaf, "recorder-1", &s.issuer, NOW - DAY, NOW + 1000 * DAY);
        return s;
}

static void drop_site(struct site *s)
{
        drop(&s->root);
        drop(&s->issuer);
        drop(&s->leaf);
}

static int check(const struct entity *leaf, const struct entity *issuer, const struct entity *root,
        int64_t at, const char *says)
{
        struct err e = { 0 };
        int r = x509_check_seal_chain(
                buf_bytes(&leaf->der), buf_bytes(&issuer->der), buf_bytes(&root->der), at, &e);

        if (says && !strstr(e.text, says))
                fail_msg("\"%s\" does not say \"%s\"", e.text, says);
        return r;
}

static void seal_chain_good(void **state)
{
        struct site s = make_site(X509_SEAL);

        (void)state;
        assert_int_equal(check(&s.leaf, &s.issuer, &s.root, NOW, NULL), 0);
        assert_int_equal(check(&s.leaf, &s.issuer, &s.root, NOW + 999 * DAY, NULL), 0);
        drop_site(&s);
}

static void seal_chain_dates(void **state)
{
        struct site s = make_site(X509_SEAL);

        (void)state;
        assert_int_equal(
                check(&s.leaf, &s.issuer, &s.root, NOW - 2 * DAY, "not yet valid"), ERR_AUTH);
        assert_int_equal(check(&s.leaf, &s.issuer, &s.root, NOW + 1001 * DAY,
                                 "seal certificate: certificate has expired"),
                ERR_AUTH);
        struct entity old = make(X509_ISSUER, "site seals", &s.root, NOW - 100 * DAY, NOW - DAY);
        struct entity leaf = make(X509_SEAL, "recorder-1", &old, NOW - 100 * DAY, NOW - DAY);
        assert_int_equal(
                check(&leaf, &old, &s.root, NOW - 2 * DAY, "root: certificate is not yet valid"),
                ERR_AUTH);
        drop(&old);
        drop(&leaf);
        drop_site(&s);
}

static void seal_chain_of_others(void **state)
{
        struct site s = make_site(X509_SEAL), other = make_site(X509_SEAL),
                    camera = make_site(X509_CAMERA);
        struct site node = make_site(X509_NODE);
        struct entity direct = make(X509_SEAL, "recorder-1", &s.root, NOW - DAY, NOW + DAY);

        (void)state;
        /* The other site has the same names everywhere. */
        assert_int_equal(check(&s.leaf, &other.issuer, &other.root, NOW, ""), ERR_AUTH);
        assert_int_equal(check(&s.leaf, &s.issuer, &other.root, NOW, ""), ERR_AUTH);
        assert_int_equal(check(&s.leaf, &other.issuer, &s.root, NOW, ""), ERR_AUTH);
        assert_int_equal(
                check(&camera.leaf, &camera.issuer, &camera.root, NOW, "not one for seals"),
                ERR_AUTH);
        assert_int_equal(
                check(&node.leaf, &node.issuer, &node.root, NOW, "not one for seals"), ERR_AUTH);
        assert_int_equal(check(&s.issuer, &s.root, &s.root, NOW, "not one for seals"), ERR_AUTH);
        assert_int_equal(check(&s.leaf, &s.leaf, &s.root, NOW, "may not issue"), ERR_AUTH);
        assert_int_equal(check(&s.leaf, &s.root, &s.issuer, NOW, "may have issuers"), ERR_AUTH);
        assert_int_equal(check(&s.leaf, &s.issuer, &s.issuer, NOW, "may have issuers"), ERR_AUTH);
        assert_int_equal(check(&direct, &s.root, &s.root, NOW, ""), ERR_AUTH);
        drop(&direct);
        drop_site(&s);
        drop_site(&other);
        drop_site(&camera);
        drop_site(&node);
}

/* Every bit of every certificate counts. */
static void seal_chain_flips(void **state)
{
        struct site s = make_site(X509_SEAL);
        struct buf *ders[] = { &s.leaf.der, &s.issuer.der, &s.root.der };
        unsigned passed = 0, tried = 0;

        (void)state;
        for (unsigned which = 0; which < 3; which++) {
                for (size_t i = 0; i < ders[which]->n; i++) {
                        ders[which]->p[i] ^= (uint8_t)(1 << (i % 8));
                        passed += check(&s.leaf, &s.issuer, &s.root, NOW, NULL) == 0;
                        tried++;
                        ders[which]->p[i] ^= (uint8_t)(1 << (i % 8));
                }
        }
        assert_true(tried > 1000);
        assert_int_equal(passed, 0);
        drop_site(&s);
}

struct named {
        const char *uri;
        const char *const *dns;
        enum x509_purpose purpose;
};

static struct entity make_named(const struct named *n, const struct entity *issuer)
{
        struct entity t = { .key = sign_key_generate() };
        const struct x509_request r = { .purpose = n->purpose,
                .common_name = "main",
                .uri = n->uri,
                .dns = n->dns,
                .not_before_us = NOW - DAY,
                .not_after_us = NOW + DAY };

        buf_init(&t.der, X509_CERT_MAX);
        assert_int_equal(
                x509_issue(&r, t.key, buf_bytes(&issuer->der), issuer->key, &t.der, NULL), 0);
        return t;
}

static int check_grant(
        const struct entity *leaf, const struct site *s, int64_t at, char *uri, struct err *e)
{
        return x509_check_grant_chain(buf_bytes(&leaf->der), buf_bytes(&s->issuer.der),
                buf_bytes(&s->root.der), at, uri, e);
}

static void grant_chain(void **state)
{
        static const char *const dns[] = { "manager.example", NULL };
        static const struct named refused[] = { { "custos://berlin/recorder/main", NULL,
                                                        X509_GRANT },
                { "custos://berlin/recorder/main", NULL, X509_SEAL },
                { "custos://berlin/manager/main", NULL, X509_NODE },
                { "custos://berlin/manager/main", dns, X509_GRANT },
                { "custos://berlin/manager/main/x", NULL, X509_GRANT },
                { "custos://berlin/manager/", NULL, X509_GRANT },
                { "custos:///manager/main", NULL, X509_GRANT },
                { "https://berlin/manager/main", NULL, X509_GRANT }, { NULL, dns, X509_GRANT },
                { NULL, NULL, X509_GRANT } };
        struct site s = make_site(X509_SEAL), other = make_site(X509_SEAL);
        const struct named good = { "custos://berlin/manager/main", NULL, X509_GRANT };
        struct entity leaf = make_named(&good, &s.issuer);
        char uri[X509_URI_ROOM] = "untouched";
        struct err e = { 0 };

        (void)state;
        assert_int_equal(check_grant(&leaf, &s, NOW, uri, &e), 0);
        assert_string_equal(uri, good.uri);
        assert_int_equal(check(&leaf, &s.issuer, &s.root, NOW, "not one for seals"), ERR_AUTH);
        snprintf(uri, sizeof uri, "untouched");
        assert_int_equal(check_grant(&leaf, &other, NOW, uri, &e), ERR_AUTH);
        assert_int_equal(check_grant(&leaf, &s, NOW + 2 * DAY, uri, &e), ERR_AUTH);
        assert_int_equal(e.fault, FAULT_EXPIRED);
        assert_int_equal(check_grant(&leaf, &s, NOW - 2 * DAY, uri, &e), ERR_AUTH);
        for (unsigned i = 0; i < ARRAY_LEN(refused); i++) {
                struct entity bad = make_named(&refused[i], &s.issuer);
                if (check_grant(&bad, &s, NOW, uri, &e) != ERR_AUTH ||
                        e.fault != FAULT_WRONG_PURPOSE)
                        fail_msg("%u: %s", i, e.text);
                drop(&bad);
        }
        assert_string_equal(uri, "untouched");
        drop(&leaf);
        drop_site(&s);
        drop_site(&other);
}

static void what_is_not_issued(void **state)
{
        struct site s = make_site(X509_SEAL);
        struct sign_key *key = sign_key_generate();
        const char *bad_dns[] = { "a b", NULL }, *bad_ip[] = { "10.0.0.300", NULL },
                   *dots[] = { ".example", NULL };
        struct buf out;
        struct err e;

        (void)state;
        buf_init(&out, X509_CERT_MAX);
        const struct x509_request good = { .purpose = X509_CAMERA,
                .common_name = "lobby",
                .not_before_us = NOW,
                .not_after_us = NOW + DAY };
        struct x509_request r = good;
#define REFUSED(reason)                                                                            \
        do {                                                                                       \
                assert_int_equal(                                                                  \
                        x509_issue(&r, key, buf_bytes(&s.issuer.der), s.issuer.key, &out, &e),     \
                        ERR_INVALID);                                                              \
                assert_non_null(strstr(e.text, reason));                                           \
                r = good;                                                                          \
        } while (0)
        r.not_after_us = NOW + 9999 * DAY;
        REFUSED("outlive");
        r.not_after_us = NOW;
        REFUSED("validity");
        r.common_name = "";
        REFUSED("name of 1 to");
        r.common_name = "0123456789012345678901234567890123456789012345678901234567890123456789";
        REFUSED("name of 1 to");
        r.dns = bad_dns;
        REFUSED("DNS name 1");
        r.dns = dots;
        REFUSED("DNS name 1");
        r.ip = bad_ip;
        REFUSED("address 1");
        r.uri = "custos://a b";
        REFUSED("URI");
        r.purpose = X509_ROOT;
        REFUSED("no issuer");
#undef REFUSED
        assert_int_equal(x509_issue(&good, key, buf_bytes(&s.issuer.der), s.root.key, &out, &e),
                ERR_INVALID);
        assert_non_null(strstr(e.text, "issuer's key"));
        assert_int_equal(
                x509_issue(&good, key, buf_bytes(&s.leaf.der), s.leaf.key, &out, &e), ERR_INVALID);
        assert_non_null(strstr(e.text, "may not issue"));
        r.purpose = X509_ROOT;
        assert_int_equal(x509_issue(&r, key, BYTES(NULL, 0), s.root.key, &out, &e), ERR_INVALID);
        assert_non_null(strstr(e.text, "another key"));
        assert_int_equal(out.n, 0);
        buf_done(&out);
        sign_key_freep(&key);
        drop_site(&s);
}

static void pem(void **state)
{
        struct site s = make_site(X509_SEAL);
        struct buf text, der;
        struct err e;

        (void)state;
        buf_init(&text, 65536);
        buf_init(&der, X509_CERT_MAX);
        assert_int_equal(
                sign_key_format(s.leaf.key, &text, NULL), 0); /* a key before it is skipped */
        assert_int_equal(x509_pem_format(buf_bytes(&s.leaf.der), &text, NULL), 0);
        assert_int_equal(buf_append(&text, bytes_str("between\n"), NULL), 0);
        assert_int_equal(x509_pem_format(buf_bytes(&s.issuer.der), &text, NULL), 0);
        assert_int_equal(x509_pem_parse(buf_bytes(&text), 0, &der, NULL), 0);
        assert_true(bytes_equal(buf_bytes(&der), buf_bytes(&s.leaf.der)));
        buf_clear(&der);
        assert_int_equal(x509_pem_parse(buf_bytes(&text), 1, &der, NULL), 0);
        assert_true(bytes_equal(buf_bytes(&der), buf_bytes(&s.issuer.der)));
        buf_clear(&der);
        assert_int_equal(x509_pem_parse(buf_bytes(&text), 2, &der, &e), ERR_NOT_FOUND);
        assert_int_equal(x509_pem_parse(BYTES(NULL, 0), 0, &der, &e), ERR_NOT_FOUND);
        assert_int_equal(
                x509_pem_parse(
                        bytes_str("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
                        0, &der, &e),
                ERR_INVALID);
        assert_int_equal(
                x509_pem_parse(bytes_str("-----BEGIN CERTIFICATE-----\n!!\n"), 0, &der, &e),
                ERR_INVALID);
        assert_int_equal(x509_pem_format(bytes_str("no certificate"), &text, &e), ERR_INVALID);
        assert_int_equal(der.n, 0);
        buf_done(&text);
        buf_done(&der);
        drop_site(&s);
}

static void reading(void **state)
{
        struct entity root = make(
                X509_ROOT, "Zo\xc3\xab \"site\", root", NULL, NOW, INT64_C(2600000000) * SECOND);
        uint8_t id[32], want[32];
        char text[128];
        int64_t until = 0;
        struct verify_key *v = NULL;

        (void)state;
        assert_int_equal(x509_key_id(buf_bytes(&root.der), id, NULL), 0);
        sign_key_id(root.key, want);
        assert_memory_equal(id, want, 32);
        assert_int_equal(x509_not_after(buf_bytes(&root.der), &until, NULL), 0);
        assert_true(until == INT64_C(2600000000) * SECOND); /* 2052: past the two-digit years */
        assert_int_equal(x509_subject(buf_bytes(&root.der), text, sizeof text, NULL), 0);
        assert_non_null(strstr(text, "CN=Zo"));
        for (const char *p = text; *p; p++)
                assert_true(*p >= ' ' && *p < 127);
        assert_int_equal(verify_key_of_cert(buf_bytes(&root.der), &v, NULL), 0);
        verify_key_id(v, id);
        assert_memory_equal(id, want, 32);
        assert_int_equal(x509_key_id(BYTES(root.der.p, root.der.n - 1), id, NULL), ERR_INVALID);
        assert_int_equal(buf_append(&root.der, bytes_str("x"), NULL), 0);
        assert_int_equal(x509_key_id(buf_bytes(&root.der), id, NULL), ERR_INVALID);
        verify_key_freep(&v);
        drop(&root);
}

/* Takes the text. */
static void put_text(const char *name, struct buf *text)
{
        char *path = xasprintf("%s/%s", dir, name);
        FILE *f = fopen(path, "wb");

        assert_non_null(f);
        fwrite(text->p, 1, text->n, f);
        fclose(f);
        buf_done(text);
        own_freep(&path);
}

static void put(const char *name, const struct entity *t)
{
        struct buf text;

        buf_init(&text, 65536);
        assert_int_equal(x509_pem_format(buf_bytes(&t->der), &text, NULL), 0);
        put_text(name, &text);
}

/* The issuer's revocation list, which names the camera. */
static void put_list(const struct site *s, const struct entity *camera)
{
        uint8_t serial[X509_CRL_SERIAL_MAX];
        struct buf list, text;
        size_t n = 0;

        assert_int_equal(x509_crl_serial(buf_bytes(&camera->der), serial, &n, NULL), 0);
        const struct x509_crl_revoked entry = {
                .serial = BYTES(serial, n), .at_us = NOW, .reason = X509_CRL_KEY_COMPROMISE
        };
        const struct x509_crl_request r = { .revoked = &entry,
                .n = 1,
                .number = 42,
                .this_update_us = NOW,
                .next_update_us = NOW + DAY };
        buf_init(&list, X509_CRL_MAX);
        buf_init(&text, X509_PEM_MAX);
        assert_int_equal(
                x509_crl_issue(&r, buf_bytes(&s->issuer.der), s->issuer.key, &list, NULL), 0);
        assert_int_equal(x509_crl_pem_format(buf_bytes(&list), &text, NULL), 0);
        put_text("list", &text);
        buf_done(&list);
}

static void openssl_agrees(void **state)
{
        struct site s = make_site(X509_SEAL);
        struct verify_key *far = sign_key_public(s.leaf.key); /* only the public half is at hand */
        const char *dns[] = { "lobby-3.cam.example", "lobby-3", NULL },
                   *ip[] = { "10.1.2.3", "fe80::7", NULL };
        struct x509_request r = { .purpose = X509_CAMERA,
                .common_name = "lobby-3",
                .dns = dns,
                .ip = ip,
                .uri = "custos://berlin/camera/lobby-3",
                .not_before_us = NOW,
                .not_after_us = NOW + DAY };
        struct entity camera = { 0 };

        (void)state;
        buf_init(&camera.der, X509_CERT_MAX);
        CLEANUP(buf_done) struct buf spki;
        buf_init(&spki, SIGN_SPKI_MAX);
        assert_int_equal(verify_key_format(far, &spki, NULL), 0);
        assert_int_equal(x509_issue_spki(&r, buf_bytes(&spki), buf_bytes(&s.issuer.der),
                                 s.issuer.key, &camera.der, NULL),
                0);
        assert_int_equal(x509_issue_spki(&r, bytes_sub(buf_bytes(&spki), 0, spki.n - 1),
                                 buf_bytes(&s.issuer.der), s.issuer.key, &camera.der, NULL),
                ERR_INVALID);
        put("root", &s.root);
        put("issuer", &s.issuer);
        put("leaf", &s.leaf);
        put("camera", &camera);
        put_list(&s, &camera);
        static const char *const commands[] = {
                "openssl verify -x509_strict -attime 1795000100 -CAfile root -untrusted issuer "
                "leaf | grep -q OK",
                "openssl verify -x509_strict -attime 1795000100 -CAfile root -untrusted issuer "
                "-purpose sslserver -verify_hostname lobby-3.cam.example camera | grep -q OK",
                "openssl verify -x509_strict -attime 1795000100 -CAfile root -untrusted issuer "
                "-verify_ip fe80::7 camera | grep -q OK",
                "! openssl verify -x509_strict -attime 1795000100 -CAfile root -untrusted issuer "
                "-verify_hostname lobby-4 camera",
                "openssl x509 -in camera -noout -ext subjectAltName | grep -q "
                "'DNS:lobby-3.cam.example, DNS:lobby-3, IP Address:10.1.2.3, IP "
                "Address:FE80:0:0:0:0:0:0:7, URI:custos://berlin/camera/lobby-3'",
                "openssl x509 -in root -noout -text | grep -q 'CA:TRUE, pathlen:1'",
                "openssl x509 -in issuer -noout -text | grep -q 'CA:TRUE, pathlen:0'",
                "openssl x509 -in leaf -noout -text | grep -q 1.3.6.1.5.5.7.3.36",
                "openssl x509 -in camera -noout -purpose | grep -q 'SSL client : No'",
                "openssl crl -in list -CAfile issuer -noout 2>&1 | grep -q 'verify OK'",
                "openssl crl -in list -noout -crlnumber | grep -q 0x2A",
                "openssl verify -attime 1795000100 -CAfile root -untrusted issuer -crl_check "
                "-CRLfile list leaf | grep -q OK",
                "openssl verify -attime 1795000100 -CAfile root -untrusted issuer -crl_check "
                "-CRLfile list camera 2>&1 | grep -q 'certificate revoked'",
                "openssl crl -in list -noout -text | grep -q 'Key Compromise'",
        };
        for (unsigned i = 0; i < ARRAY_LEN(commands); i++) {
                char *line = xasprintf("cd %s && { %s; } >out 2>&1", dir, commands[i]);
                if (system(line) != 0)
                        fail_msg("%s", commands[i]);
                own_freep(&line);
        }
        verify_key_freep(&far);
        drop(&camera);
        drop_site(&s);
}

static struct buf file_of(const char *name)
{
        char *path = xasprintf("%s/%s", dir, name);
        FILE *f = fopen(path, "rb");
        struct buf b;

        assert_non_null(f);
        buf_init(&b, X509_PEM_MAX);
        for (int c; (c = getc(f)) != EOF;)
                assert_int_equal(buf_append(&b, BYTES(&(uint8_t){ (uint8_t)c }, 1), NULL), 0);
        fclose(f);
        own_freep(&path);
        return b;
}

static void what_a_list_says(void **state)
{
        struct site s = make_site(X509_CAMERA), other = make_site(X509_CAMERA);
        struct entity kept = make(X509_CAMERA, "kept", &s.issuer, NOW - DAY, NOW + DAY);
        uint64_t number = 0;
        struct err e;

        (void)state;
        put_list(&s, &s.leaf);
        CLEANUP(buf_done) struct buf list = file_of("list");
        struct bytes issuer = buf_bytes(&s.issuer.der), leaf = buf_bytes(&s.leaf.der);
        assert_int_equal(x509_crl_number(buf_bytes(&list), issuer, &number, NULL), 0);
        assert_int_equal(number, 42);
        assert_int_equal(x509_crl_allows(buf_bytes(&list), issuer, leaf, &e), ERR_DENIED);
        assert_int_equal(e.fault, FAULT_REVOKED);
        assert_int_equal(x509_crl_allows(buf_bytes(&list), issuer, buf_bytes(&kept.der), NULL), 0);
        assert_int_equal(x509_crl_allows(BYTES(NULL, 0), issuer, leaf, NULL), 0);
        /* Of an issuer with the same name; of none; damaged. */
        issuer = buf_bytes(&other.issuer.der);
        assert_int_equal(x509_crl_allows(buf_bytes(&list), issuer, leaf, &e), ERR_AUTH);
        assert_int_equal(x509_crl_number(buf_bytes(&list), issuer, &number, &e), ERR_AUTH);
        issuer = buf_bytes(&s.root.der);
        assert_int_equal(x509_crl_number(buf_bytes(&list), issuer, &number, &e), ERR_AUTH);
        issuer = buf_bytes(&s.issuer.der);
        assert_int_equal(x509_crl_number(bytes_str("-----"), issuer, &number, &e), ERR_INVALID);
        list.p[200] = list.p[200] == 'A' ? 'B' : 'A';
        assert_true(x509_crl_allows(buf_bytes(&list), issuer, buf_bytes(&kept.der), &e) < 0);
        drop(&kept);
        drop_site(&s);
        drop_site(&other);
}

static int set_up(void **state)
{
        (void)state;
        return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
        (void)state;
        char *line =
                xasprintf("cd %s && rm -f root issuer leaf camera list out && rmdir %s", dir, dir);
        int r = system(line);
        own_freep(&line);
        return r;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(seal_chain_good),
                cmocka_unit_test(seal_chain_dates),
                cmocka_unit_test(seal_chain_of_others),
                cmocka_unit_test(seal_chain_flips),
                cmocka_unit_test(grant_chain),
                cmocka_unit_test(what_is_not_issued),
                cmocka_unit_test(pem),
                cmocka_unit_test(reading),
                cmocka_unit_test(openssl_agrees),
                cmocka_unit_test(what_a_list_says),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
