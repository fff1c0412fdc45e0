/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A site's CA and a recorder's state directory on a real disk, for tests that judge grants. Include
 * once a test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "crypto/x509.h"
#include "crypto/x509_crl.h"
#include "os/clock.h"
#include "os/file.h"
#include "recorder/grant_trust.h"
#include "trust/site_ca.h"

#define MAYBE __attribute__((unused)) /* not each test asks for all of it */
#define SECOND INT64_C(1000000)
#define DAY (86400 * SECOND)

static char grant_state[] = "/tmp/custos-test-grants-XXXXXX";
static struct site_ca *grant_ca;
static struct sign_key *grant_key;
static struct buf grant_leaf;
static int64_t grant_now; /* wall, a whole second */

MAYBE static char *grant_path(const char *name)
{
        return xasprintf("%s/%s", grant_state, name);
}

static void grant_put(const char *name, struct bytes content)
{
        CLEANUP(own_freep) char *path = grant_path(name);

        assert_int_equal(file_write_atomic(path, content, 0600, NULL), 0);
}

MAYBE static void grant_remove(const char *name)
{
        CLEANUP(own_freep) char *path = grant_path(name);

        assert_int_equal(file_unlink(path, NULL), 0);
}

/* leaf, issuer and root as <state>/recorder has them */
static void grant_put_chain(
        const char *name, enum site_ca_issuer issuer, struct bytes leaf, bool with_root)
{
        struct buf pem;

        buf_init(&pem, 4 * X509_CERT_MAX);
        assert_int_equal(site_ca_chain_pem(grant_ca, issuer, leaf, &pem, NULL), 0);
        if (with_root)
                assert_int_equal(x509_pem_format(site_ca_root(grant_ca), &pem, NULL), 0);
        grant_put(name, buf_bytes(&pem));
        buf_done(&pem);
}

static int grant_set_up(void **state)
{
        struct sign_key *key = sign_key_generate();
        CLEANUP(own_freep) char *dir = NULL, *recorder = NULL, *node = NULL;
        struct buf leaf;

        (void)state;
        assert_non_null(mkdtemp(grant_state));
        grant_now = clock_wall_us() / SECOND * SECOND;
        dir = grant_path("site");
        recorder = grant_path("recorder");
        node = grant_path("node/recorder");
        assert_int_equal(file_make_dirs(recorder, 0700, NULL), 0);
        assert_int_equal(file_make_dirs(node, 0700, NULL), 0);
        assert_int_equal(site_ca_create(dir, "berlin", grant_now - DAY, &grant_ca, NULL), 0);
        struct verify_key *subject = sign_key_public(key);
        buf_init(&leaf, X509_CERT_MAX);
        assert_int_equal(
                site_ca_issue_seal(grant_ca, "main", subject, grant_now, 30, &leaf, NULL), 0);
        grant_put_chain("recorder/seal.pem", SITE_CA_SEALS, buf_bytes(&leaf), true);
        buf_clear(&leaf);
        verify_key_free(subject);
        sign_key_free(key);
        key = sign_key_generate();
        subject = sign_key_public(key);
        assert_int_equal(site_ca_issue_node(grant_ca, "recorder", "main", NULL, NULL, subject,
                                 grant_now, 14, &leaf, NULL),
                0);
        grant_put_chain("node/recorder/node.pem", SITE_CA_NODES, buf_bytes(&leaf), false);
        buf_done(&leaf);
        verify_key_free(subject);
        sign_key_free(key);
        grant_key = sign_key_generate();
        subject = sign_key_public(grant_key);
        buf_init(&grant_leaf, X509_CERT_MAX);
        assert_int_equal(
                site_ca_issue_grant(grant_ca, "main", subject, grant_now, 14, &grant_leaf, NULL),
                0);
        verify_key_free(subject);
        return 0;
}

static int grant_tear_down(void **state)
{
        CLEANUP(own_freep) char *command = xasprintf("rm -rf %s", grant_state);

        (void)state;
        sign_key_free(grant_key);
        buf_done(&grant_leaf);
        grant_ca = site_ca_free(grant_ca);
        assert_int_equal(system(command), 0);
        return 0;
}

/* A good one for live of lobby-main, of this session and so long. */
static struct capability grant_of(uint8_t id, uint8_t session, int64_t seconds)
{
        struct capability c = { .site = "berlin",
                .person = "tester",
                .gateway = "custos://berlin/gateway/front",
                .use = CAPABILITY_LIVE,
                .streams_n = 2,
                .streams = { "lobby-main", "street-main" },
                .issued_us = grant_now,
                .expires_us = grant_now + seconds * SECOND };

        memset(c.id, id, sizeof c.id);
        memset(c.session, session, sizeof c.session);
        c.session[0] = 4;
        return c;
}

static struct buf grant_token(const struct capability *c)
{
        struct buf token;

        buf_init(&token, CAPABILITY_TOKEN_MAX);
        assert_int_equal(capability_format(c, grant_key, buf_bytes(&grant_leaf),
                                 site_ca_issuer_cert(grant_ca, SITE_CA_NODES), &token, NULL),
                0);
        return token;
}

/* A list of the nodes issuer or of another one, by the keys that lie in the site's directory. */
MAYBE static struct buf grant_list(const char *issuer, uint64_t number, bool with_manager)
{
        uint8_t serial[X509_CRL_SERIAL_MAX];
        size_t n;
        struct buf pem, der, list;
        struct sign_key *key;
        CLEANUP(own_freep) char *key_name = xasprintf("%s/site/%s.key", grant_state, issuer);
        CLEANUP(own_freep) char *cert_name = xasprintf("%s/site/%s.crt", grant_state, issuer);

        assert_int_equal(x509_crl_serial(buf_bytes(&grant_leaf), serial, &n, NULL), 0);
        const struct x509_crl_revoked one = { .serial = BYTES(serial, n), .at_us = grant_now };
        const struct x509_crl_request r = { .revoked = &one,
                .n = with_manager,
                .number = number,
                .this_update_us = grant_now,
                .next_update_us = grant_now + DAY };
        buf_init(&pem, 65536);
        assert_true(file_read(key_name, 65536, &pem, NULL) >= 0);
        assert_int_equal(sign_key_parse(buf_bytes(&pem), &key, NULL), 0);
        buf_clear(&pem);
        assert_true(file_read(cert_name, 65536, &pem, NULL) >= 0);
        buf_init(&der, X509_CERT_MAX);
        assert_int_equal(x509_pem_parse(buf_bytes(&pem), 0, &der, NULL), 0);
        buf_clear(&pem);
        buf_init(&list, X509_CRL_MAX);
        assert_int_equal(x509_crl_issue(&r, buf_bytes(&der), key, &list, NULL), 0);
        assert_int_equal(x509_crl_pem_format(buf_bytes(&list), &pem, NULL), 0);
        buf_done(&list);
        buf_done(&der);
        sign_key_free(key);
        return pem;
}
