/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a new host believes. Certificates of a real site's CA, and of another of the same name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "crypto/tls_role.h"
#include "crypto/x509.h"
#include "trust/enrolment.h"
#include "trust/site_ca.h"
#include "trust/site_chain.h"

#define SECOND INT64_C(1000000)
#define DAY (86400 * SECOND)
#define NOW (INT64_C(1795000000) * SECOND)

static char dir[] = "/tmp/custos-test-enrol-XXXXXX";
static struct site_ca *ca, *other;

/* Certificates as an answer has them; views into what is alive. */
static struct x509_pkcs7 answer(const struct bytes *certs, unsigned n)
{
        struct x509_pkcs7 p = { .n = n };

        for (unsigned i = 0; i < n; i++)
                p.certs[i] = (struct buf){ (uint8_t *)(uintptr_t)certs[i].p, certs[i].n, certs[i].n,
                        certs[i].n };
        return p;
}

static struct enrol_code code_of(struct site_ca *site)
{
        struct enrol_code c = { .role = "recorder", .name = "north-1" };
        uint8_t id[32];

        site_ca_fingerprint(site, id);
        memcpy(c.root, id, sizeof c.root);
        return c;
}

static void joined(struct node_identity *n)
{
        struct enrol_code code = code_of(ca);
        const struct bytes certs[] = { site_ca_issuer_cert(ca, SITE_CA_NODES), site_ca_root(ca) };
        struct x509_pkcs7 p = answer(certs, 2);
        struct err e = { 0 };

        enrolment_init(n);
        if (enrolment_take_site(n, &code, &p, &e) < 0)
                fail_msg("%s", e.text);
        n->key = sign_key_generate();
}

static void issue(struct site_ca *from, const char *role, const char *name,
        const struct sign_key *key, struct buf *leaf)
{
        CLEANUP(verify_key_freep) struct verify_key *subject = sign_key_public(key);

        buf_init(leaf, X509_CERT_MAX);
        assert_int_equal(
                site_ca_issue_node(from, role, name, NULL, NULL, subject, NOW, 14, leaf, NULL), 0);
}

static void the_site_by_its_code(void **state)
{
        struct node_identity n;

        (void)state;
        joined(&n);
        assert_string_equal(n.site, "berlin");
        assert_string_equal(n.role, "recorder");
        assert_string_equal(n.name, "north-1");
        assert_true(bytes_equal(buf_bytes(&n.root_der), site_ca_root(ca)));
        assert_true(bytes_equal(buf_bytes(&n.issuer_der), site_ca_issuer_cert(ca, SITE_CA_NODES)));
        node_identity_done(&n);
}

static void not_the_site(const struct bytes *certs, unsigned count, enum fault fault)
{
        struct enrol_code code = code_of(ca);
        struct x509_pkcs7 p = answer(certs, count);
        struct node_identity n;
        struct err e = { 0 };

        enrolment_init(&n);
        assert_int_equal(enrolment_take_site(&n, &code, &p, &e), ERR_AUTH);
        assert_int_equal(e.fault, fault);
        assert_int_equal(n.root_der.n, 0);
        node_identity_done(&n);
}

static void another_site(void **state)
{
        struct bytes root = site_ca_root(ca), nodes = site_ca_issuer_cert(ca, SITE_CA_NODES),
                     cameras = site_ca_issuer_cert(ca, SITE_CA_CAMERAS),
                     their_root = site_ca_root(other),
                     their_nodes = site_ca_issuer_cert(other, SITE_CA_NODES);

        (void)state;
        not_the_site((struct bytes[]){ their_root, their_nodes }, 2, FAULT_OTHER_SITE);
        not_the_site((struct bytes[]){ nodes }, 1, FAULT_OTHER_SITE);
        /* the right root, and an issuer that is not for nodes, or not of this site */
        not_the_site((struct bytes[]){ root }, 1, FAULT_BAD_ENROLMENT);
        not_the_site((struct bytes[]){ root, cameras }, 2, FAULT_BAD_ENROLMENT);
        not_the_site((struct bytes[]){ root, their_nodes }, 2, FAULT_BAD_ENROLMENT);
}

/* The code names the key of a certificate that is no root: somebody's who made both. */
static void a_key_that_is_no_roots(void **state)
{
        const struct bytes certs[] = { site_ca_issuer_cert(ca, SITE_CA_NODES), site_ca_root(ca) };
        struct x509_pkcs7 p = answer(certs, 2);
        struct enrol_code code = code_of(ca);
        struct node_identity n;
        uint8_t id[32];
        struct err e;

        (void)state;
        assert_int_equal(x509_key_id(certs[0], id, NULL), 0);
        memcpy(code.root, id, sizeof code.root);
        enrolment_init(&n);
        assert_int_equal(enrolment_take_site(&n, &code, &p, &e), ERR_AUTH);
        assert_int_equal(e.fault, FAULT_OTHER_SITE);
        node_identity_done(&n);
}

static void its_certificate(void **state)
{
        CLEANUP(buf_done) struct buf leaf, der;
        struct node_identity n;
        struct err e = { 0 };

        (void)state;
        joined(&n);
        issue(ca, "recorder", "north-1", n.key, &leaf);
        const struct bytes certs[] = { site_ca_issuer_cert(ca, SITE_CA_NODES), buf_bytes(&leaf) };
        struct x509_pkcs7 p = answer(certs, 2);
        if (enrolment_take_node(&n, &p, &e) < 0)
                fail_msg("%s", e.text);
        assert_true(n.not_after_us == NOW + 14 * DAY);
        buf_init(&der, X509_CERT_MAX);
        assert_int_equal(x509_pem_parse(buf_bytes(&n.chain_pem), 0, &der, NULL), 0);
        assert_true(bytes_equal(buf_bytes(&der), buf_bytes(&leaf)));
        node_identity_done(&n);
}

static void not_its_certificate(void **state)
{
        static const struct {
                const char *role, *name;
                bool theirs, other_key;
        } wrong[] = { { "recorder", "north-2", false, false },
                { "gateway", "north-1", false, false }, { "recorder", "north-1", true, false },
                { "recorder", "north-1", false, true } };

        (void)state;
        for (unsigned i = 0; i < ARRAY_LEN(wrong); i++) {
                CLEANUP(sign_key_freep) struct sign_key *another = sign_key_generate();
                CLEANUP(buf_done) struct buf leaf;
                struct node_identity n;
                struct err e = { 0 };

                joined(&n);
                issue(wrong[i].theirs ? other : ca, wrong[i].role, wrong[i].name,
                        wrong[i].other_key ? another : n.key, &leaf);
                const struct bytes certs[] = { buf_bytes(&leaf) };
                struct x509_pkcs7 p = answer(certs, 1);
                assert_int_equal(enrolment_take_node(&n, &p, &e), ERR_AUTH);
                assert_int_equal(e.fault, FAULT_BAD_ENROLMENT);
                assert_int_equal(n.chain_pem.n, 0);
                node_identity_done(&n);
        }
}

static void its_seal(void **state)
{
        CLEANUP(sign_key_freep) struct sign_key *key = sign_key_generate();
        CLEANUP(verify_key_freep) struct verify_key *subject = sign_key_public(key);
        CLEANUP(buf_done) struct buf leaf, node, pem, der;
        struct node_identity n;
        struct err e = { 0 };

        (void)state;
        joined(&n);
        buf_init(&leaf, X509_CERT_MAX);
        buf_init(&pem, 65536);
        buf_init(&der, X509_CERT_MAX);
        assert_int_equal(site_ca_issue_seal(ca, "north-1", subject, NOW, 3000, &leaf, NULL), 0);
        const struct bytes certs[] = { buf_bytes(&leaf), site_ca_issuer_cert(ca, SITE_CA_SEALS) };
        struct x509_pkcs7 p = answer(certs, 2);
        if (enrolment_take_seal(&n, key, &p, NOW, &pem, &e) < 0)
                fail_msg("%s", e.text);
        assert_int_equal(x509_pem_parse(buf_bytes(&pem), 2, &der, NULL), 0);
        assert_true(bytes_equal(buf_bytes(&der), site_ca_root(ca)));
        buf_clear(&pem);
        /* another key, too late, a node's certificate */
        assert_int_equal(enrolment_take_seal(&n, n.key, &p, NOW, &pem, &e), ERR_AUTH);
        assert_int_equal(enrolment_take_seal(&n, key, &p, NOW + 4000 * DAY, &pem, &e), ERR_AUTH);
        CLEANUP(sign_key_freep) struct sign_key *another = sign_key_generate();
        issue(ca, "recorder", "north-1", another, &node);
        const struct bytes wrong[] = { buf_bytes(&node), site_ca_issuer_cert(ca, SITE_CA_NODES),
                site_ca_issuer_cert(ca, SITE_CA_SEALS) };
        p = answer(wrong, 3);
        assert_int_equal(enrolment_take_seal(&n, another, &p, NOW, &pem, &e), ERR_AUTH);
        assert_int_equal(e.fault, FAULT_BAD_ENROLMENT);
        assert_int_equal(pem.n, 0);
        node_identity_done(&n);
}

static void a_site_says_its_name(void **state)
{
        char site[SITE_CA_NAME_MAX + 1] = "";

        (void)state;
        assert_int_equal(site_chain_name(site_ca_root(ca), site, NULL), 0);
        assert_string_equal(site, "berlin");
        assert_int_equal(site_chain_name(site_ca_web_root(ca), site, NULL), ERR_AUTH);
        for (unsigned i = 0; i < SITE_CA_ISSUERS; i++) {
                assert_int_equal(site_chain_name(site_ca_issuer_cert(ca, i), site, NULL), ERR_AUTH);
                /* Pages have a root of their own. */
                for (unsigned k = 0; k < SITE_CA_ISSUERS; k++)
                        assert_int_equal(site_chain_check_issuer(site_ca_issuer_cert(ca, i), k,
                                                 site_ca_root(ca), NULL),
                                i == k && i != SITE_CA_WEB ? 0 : ERR_AUTH);
                assert_int_equal(site_chain_check_issuer(
                                         site_ca_issuer_cert(ca, i), i, site_ca_root(other), NULL),
                        ERR_AUTH);
        }
}

/* Who is no node yet verifies others; nobody can connect to it. */
static void takes_no_connections(void **state)
{
        CLEANUP(tls_role_config_freep) struct tls_role_config *c = NULL;
        CLEANUP(tls_freep) struct tls *t = NULL;
        const struct tls_role_identity id = { .site = "berlin",
                .root_der = site_ca_root(ca),
                .issuer_der = site_ca_issuer_cert(ca, SITE_CA_NODES) };
        static const char *const roles[] = { "recorder", NULL };

        (void)state;
        assert_int_equal(tls_role_config_new(&id, &c, NULL), 0);
        assert_int_equal(tls_role_server_new(c, roles, NOW, &t, NULL), ERR_STATE);
        assert_int_equal(tls_role_client_new(c, "manager", NULL, NOW, &t, NULL), 0);
}

static int setup(void **state)
{
        char path[200];

        (void)state;
        if (!mkdtemp(dir))
                return -1;
        snprintf(path, sizeof path, "%s/ca", dir);
        if (site_ca_create(path, "berlin", NOW, &ca, NULL) < 0)
                return -1;
        snprintf(path, sizeof path, "%s/other", dir);
        return site_ca_create(path, "berlin", NOW, &other, NULL);
}

static int teardown(void **state)
{
        char line[200];

        (void)state;
        site_ca_free(ca);
        site_ca_free(other);
        snprintf(line, sizeof line, "rm -r %s", dir);
        return system(line);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_site_by_its_code),
                cmocka_unit_test(another_site),
                cmocka_unit_test(a_key_that_is_no_roots),
                cmocka_unit_test(its_certificate),
                cmocka_unit_test(not_its_certificate),
                cmocka_unit_test(its_seal),
                cmocka_unit_test(a_site_says_its_name),
                cmocka_unit_test(takes_no_connections),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
