/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A site's CA on a real directory; what it issues is tried in a TLS handshake and by the openssl
 * program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "crypto/tls.h"
#include "crypto/x509.h"
#include "crypto/x509_crl.h"
#include "trust/site_ca.h"

#define SECOND INT64_C(1000000)
#define DAY (86400 * SECOND)
#define NOW (INT64_C(1795000000) * SECOND)

static char dir[] = "/tmp/custos-test-ca-XXXXXX";

static int sh(const char *command)
{
        char *line = xasprintf("cd %s && { %s; } >/dev/null 2>&1", dir, command);
        int r = system(line);

        own_freep(&line);
        return r;
}

static char *in_dir(const char *name)
{
        return xasprintf("%s/%s", dir, name);
}

static struct site_ca *create(const char *name, const char *site)
{
        CLEANUP(own_freep) char *path = in_dir(name);
        struct site_ca *ca = NULL;
        struct err e;

        if (site_ca_create(path, site, NOW, &ca, &e) < 0)
                fail_msg("%s", e.text);
        return ca;
}

static int load(const char *name, struct site_ca **ret, struct err *e)
{
        CLEANUP(own_freep) char *path = in_dir(name);

        return site_ca_load(path, ret, e);
}

static void made_once_and_loaded(void **state)
{
        struct site_ca *ca = create("ca", "berlin"), *again = NULL;
        uint8_t a[32], b[32];
        char *path = in_dir("ca");
        struct stat st;
        struct err e;

        (void)state;
        assert_string_equal(site_ca_name(ca), "berlin");
        assert_int_equal(load("ca", &again, &e), 0);
        assert_string_equal(site_ca_name(again), "berlin");
        site_ca_fingerprint(ca, a);
        site_ca_fingerprint(again, b);
        assert_memory_equal(a, b, 32);
        for (unsigned i = 0; i < SITE_CA_ISSUERS; i++)
                assert_true(bytes_equal(site_ca_issuer_cert(ca, i), site_ca_issuer_cert(again, i)));
        static const char *const keys[] = { "root", "nodes", "cameras", "web", "seals" };
        for (unsigned i = 0; i < ARRAY_LEN(keys); i++) {
                char *file = xasprintf("%s/ca/%s.key", dir, keys[i]);
                assert_int_equal(stat(file, &st), 0);
                assert_int_equal(st.st_mode & 07777, 0600);
                own_freep(&file);
        }
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0700);
        again = site_ca_free(again);
        assert_int_equal(site_ca_create(path, "berlin", NOW, &again, &e), ERR_STATE);
        assert_null(again);
        assert_int_equal(
                sh("openssl x509 -in ca/root.crt -noout -subject | grep -q 'CN = berlin root' &&"
                   "openssl verify -attime 1795000000 -x509_strict -CAfile ca/root.crt "
                   "ca/nodes.crt ca/cameras.crt ca/seals.crt"),
                0);
        /* Pages have a root of their own, behind their issuer in its file. */
        assert_int_equal(sh("awk '/BEGIN/{n++} n==2' ca/web.crt > web-root.crt && openssl x509 -in "
                            "web-root.crt -noout -subject | grep -q 'CN = berlin web root' &&"
                            "openssl verify -attime 1795000000 -x509_strict -CAfile web-root.crt "
                            "ca/web.crt && ! openssl verify -attime 1795000000 -CAfile ca/root.crt "
                            "ca/web.crt"),
                0);
        /* The fingerprint is what anybody computes with openssl. */
        char hex[65];
        char *command = xasprintf("openssl x509 -in ca/root.crt -noout -pubkey | openssl pkey "
                                  "-pubin -outform DER | sha256sum | grep -q %s",
                str_hex(hex, BYTES(a, 32)));
        assert_int_equal(sh(command), 0);
        own_freep(&command);
        own_freep(&path);
        site_ca_freep(&ca);
}

/* The root key in a safe is no reason to stop; a half-made directory neither. */
static void root_key_may_leave(void **state)
{
        struct site_ca *ca = NULL;
        struct err e;

        (void)state;
        assert_int_equal(sh("cp -a ca ca2 && rm ca2/root.key"), 0);
        assert_int_equal(load("ca2", &ca, &e), 0);
        site_ca_freep(&ca);
        assert_int_equal(sh("mkdir ca3.new && echo half > ca3.new/root.crt && mkdir ca3"), 0);
        ca = create("ca3", "rome");
        site_ca_freep(&ca);
        assert_int_equal(load("ca3", &ca, &e), 0);
        site_ca_freep(&ca);
        assert_int_equal(sh("mkdir ca4 && echo precious > ca4/file"), 0);
        CLEANUP(own_freep) char *path = in_dir("ca4");
        assert_int_equal(site_ca_create(path, "rome", NOW, &ca, &e), ERR_STATE);
        assert_int_equal(sh("test $(ls ca4) = file"), 0);
}

static void expect_corrupt(const char *damage, int code, const char *says)
{
        struct site_ca *ca = NULL;
        struct err e = { 0 };

        assert_int_equal(sh("rm -rf bad other && cp -a ca bad && cp -a ca3 other"), 0);
        assert_int_equal(sh(damage), 0);
        int r = load("bad", &ca, &e);
        if (r != code || !strstr(e.text, says))
                fail_msg("%s: %d %s", damage, r, e.text);
        assert_null(ca);
}

static void damage_is_named(void **state)
{
        (void)state;
        expect_corrupt("rm bad/root.crt", ERR_NOT_FOUND, "holds no");
        expect_corrupt("rm bad/seals.key", ERR_NOT_FOUND, "seals.key");
        expect_corrupt(
                "cp bad/nodes.key bad/seals.key", ERR_CORRUPT, "seals.key is not the key of");
        expect_corrupt("cp other/seals.* bad", ERR_CORRUPT, "seals.crt is not below root.crt");
        expect_corrupt("cp other/root.crt bad", ERR_CORRUPT, "nodes.crt is not below root.crt");
        expect_corrupt("cp bad/nodes.crt bad/root.crt", ERR_CORRUPT, "root.crt is not the root");
        expect_corrupt("echo > bad/cameras.crt", ERR_CORRUPT, "cameras.crt");
        expect_corrupt("echo > bad/web.key", ERR_CORRUPT, "web.key");
        expect_corrupt("chmod 644 bad/seals.key", ERR_DENIED, "seals.key");
}

static struct verify_key *half(struct sign_key *key)
{
        return sign_key_public(key);
}

static void seals(void **state)
{
        struct site_ca *ca = NULL;
        struct sign_key *key = sign_key_generate();
        struct verify_key *subject = half(key);
        struct buf leaf;

        (void)state;
        buf_init(&leaf, X509_CERT_MAX);
        assert_int_equal(load("ca", &ca, NULL), 0);
        assert_int_equal(site_ca_issue_seal(ca, "recorder-1", subject, NOW, 1826, &leaf, NULL), 0);
        struct bytes issuer = site_ca_issuer_cert(ca, SITE_CA_SEALS), root = site_ca_root(ca);
        assert_int_equal(x509_check_seal_chain(buf_bytes(&leaf), issuer, root, NOW, NULL), 0);
        assert_int_equal(
                x509_check_seal_chain(buf_bytes(&leaf), issuer, root, NOW + 1825 * DAY, NULL), 0);
        assert_int_equal(
                x509_check_seal_chain(buf_bytes(&leaf), issuer, root, NOW + 1827 * DAY, NULL),
                ERR_AUTH);
        assert_int_equal(x509_check_seal_chain(buf_bytes(&leaf),
                                 site_ca_issuer_cert(ca, SITE_CA_NODES), root, NOW, NULL),
                ERR_AUTH);
        buf_clear(&leaf); /* near its issuer's end it is cut to it */
        assert_int_equal(
                site_ca_issue_seal(ca, "recorder-1", subject, NOW + 3640 * DAY, 1826, &leaf, NULL),
                0);
        int64_t leaf_end = 0, issuer_end = 0;
        assert_int_equal(x509_not_after(buf_bytes(&leaf), &leaf_end, NULL), 0);
        assert_int_equal(x509_not_after(issuer, &issuer_end, NULL), 0);
        assert_true(leaf_end == issuer_end);
        buf_clear(&leaf);
        assert_int_equal(
                site_ca_issue_seal(ca, "recorder-1", subject, NOW + 3660 * DAY, 10, &leaf, NULL),
                ERR_STATE);
        assert_int_equal(leaf.n, 0);
        buf_done(&leaf);
        verify_key_freep(&subject);
        sign_key_freep(&key);
        site_ca_freep(&ca);
}

static int no_data(void *owner, struct bytes plain, struct err *e)
{
        (void)owner;
        (void)plain;
        (void)e;
        return 0;
}

/* A root of somebody else's that is trusted for cameras too; empty: there is none. */
static struct buf vendor_root;

/* A handshake with a server that has leaf; the client takes camera certificates only. */
static enum tls_refusal shake(struct site_ca *ca, enum site_ca_issuer which, struct bytes leaf,
        struct sign_key *key, const char *host)
{
        struct tls_client_config *cc = NULL;
        struct tls_server_config *sc = NULL;
        struct tls *client = NULL, *server = NULL;
        struct buf roots, chain;
        bool closed;
        int r = 0;

        buf_init(&roots, 65536);
        buf_init(&chain, 65536);
        assert_int_equal(x509_pem_format(site_ca_root(ca), &roots, NULL), 0);
        if (vendor_root.n)
                assert_int_equal(x509_pem_format(buf_bytes(&vendor_root), &roots, NULL), 0);
        assert_int_equal(site_ca_chain_pem(ca, which, leaf, &chain, NULL), 0);
        assert_int_equal(tls_client_config_new(buf_bytes(&roots), &cc, NULL), 0);
        assert_int_equal(
                tls_client_config_only_issuer(cc, site_ca_issuer_cert(ca, SITE_CA_CAMERAS), NULL),
                0);
        assert_int_equal(tls_client_config_crls(cc, site_ca_crl(ca, SITE_CA_CAMERAS), NULL), 0);
        assert_int_equal(tls_server_config_new(buf_bytes(&chain), key, &sc, NULL), 0);
        assert_int_equal(tls_client_new(cc, host, NULL, NOW, &client, NULL), 0);
        assert_int_equal(tls_server_new(sc, &server, NULL), 0);
        assert_int_equal(tls_start(client, NULL), 0);
        for (unsigned i = 0; i < 3 && r == 0; i++) {
                assert_true(tls_feed(server, buf_bytes(tls_output(client)), no_data, NULL, &closed,
                                    NULL) >= 0);
                buf_clear(tls_output(client));
                r = tls_feed(client, buf_bytes(tls_output(server)), no_data, NULL, &closed, NULL);
                buf_clear(tls_output(server));
        }
        assert_true(r == 1 ? tls_chain_verified(client) : tls_refusal(client) != TLS_OK);
        enum tls_refusal refusal = tls_refusal(client);
        tls_freep(&client);
        tls_freep(&server);
        tls_client_config_freep(&cc);
        tls_server_config_freep(&sc);
        buf_done(&roots);
        buf_done(&chain);
        return refusal;
}

static struct buf camera_leaf(struct site_ca *ca, const char *name, struct sign_key *key)
{
        const char *const dns[] = { "lobby.example", NULL };
        struct verify_key *subject = half(key);
        struct buf leaf;
        struct err e;

        buf_init(&leaf, X509_CERT_MAX);
        if (site_ca_issue_camera(ca, name, dns, NULL, subject, NOW, 365, &leaf, &e) < 0)
                fail_msg("%s", e.text);
        verify_key_freep(&subject);
        return leaf;
}

/* Revoked by the camera's name, in a handshake, after loading again; the others are not. */
static void what_is_revoked(void **state)
{
        struct sign_key *key = sign_key_generate(), *other = sign_key_generate(),
                        *fresh = sign_key_generate();
        struct verify_key *subject = half(key);
        const char *const dns[] = { "lobby.example", NULL };
        struct site_ca *ca = NULL;
        struct buf again;
        unsigned n = 99;
        struct err e;

        (void)state;
        assert_int_equal(sh("cp -a ca revoking"), 0);
        assert_int_equal(load("revoking", &ca, NULL), 0);
        struct buf one = camera_leaf(ca, "lobby", key), two = camera_leaf(ca, "lobby", key),
                   kept = camera_leaf(ca, "yard", other);
        assert_int_equal(site_ca_crl(ca, SITE_CA_CAMERAS).n, 0);
        assert_int_equal(site_ca_revoke_camera(ca, "nobody", NOW, &n, &e), 0);
        assert_int_equal(n, 0);
        /* Where it cannot be written, it is not done, and can be done again. */
        assert_int_equal(sh("mv revoking away"), 0);
        assert_true(site_ca_revoke_camera(ca, "lobby", NOW, &n, &e) < 0);
        assert_int_equal(sh("mv away revoking"), 0);
        assert_int_equal(site_ca_revoke_camera(ca, "lobby", NOW, &n, &e), 0);
        assert_int_equal(n, 2);
        for (unsigned i = 0; i < 2; i++) {
                assert_int_equal(shake(ca, SITE_CA_CAMERAS, buf_bytes(&one), key, "lobby.example"),
                        TLS_REVOKED);
                assert_int_equal(shake(ca, SITE_CA_CAMERAS, buf_bytes(&two), key, "lobby.example"),
                        TLS_REVOKED);
                assert_int_equal(
                        shake(ca, SITE_CA_CAMERAS, buf_bytes(&kept), other, "lobby.example"),
                        TLS_OK);
                ca = site_ca_free(ca);
                assert_int_equal(load("revoking", &ca, NULL), 0);
        }
        buf_init(&again, X509_CERT_MAX);
        assert_int_equal(
                site_ca_issue_camera(ca, "lobby", dns, NULL, subject, NOW, 365, &again, &e),
                ERR_DENIED);
        assert_int_equal(again.n, 0);
        struct buf good = camera_leaf(ca, "lobby", fresh);
        assert_int_equal(
                shake(ca, SITE_CA_CAMERAS, buf_bytes(&good), fresh, "lobby.example"), TLS_OK);
        /* A register that is damaged is no register: what was revoked must not be forgotten. */
        ca = site_ca_free(ca);
        assert_int_equal(sh("sed -i 's/revoked/revoke/' revoking/issued.json"), 0);
        assert_true(load("revoking", &ca, &e) < 0);
        assert_non_null(strstr(e.text, "issued.json"));
        buf_done(&one);
        buf_done(&two);
        buf_done(&kept);
        buf_done(&good);
        buf_done(&again);
        verify_key_freep(&subject);
        sign_key_free(key);
        sign_key_free(other);
        sign_key_free(fresh);
}

static void cameras_and_nodes(void **state)
{
        const char *const dns[] = { "lobby-3.example", NULL }, *const ip[] = { "127.0.0.1", NULL };
        struct site_ca *ca = NULL;
        struct sign_key *key = sign_key_generate();
        struct verify_key *subject = half(key);
        struct buf leaf;
        struct err e;

        (void)state;
        buf_init(&leaf, X509_CERT_MAX);
        assert_int_equal(load("ca", &ca, NULL), 0);
        assert_int_equal(
                site_ca_issue_camera(ca, "lobby-3", dns, ip, subject, NOW, 365, &leaf, NULL), 0);
        assert_int_equal(
                shake(ca, SITE_CA_CAMERAS, buf_bytes(&leaf), key, "lobby-3.example"), TLS_OK);
        assert_int_equal(shake(ca, SITE_CA_CAMERAS, buf_bytes(&leaf), key, "127.0.0.1"), TLS_OK);
        assert_int_equal(shake(ca, SITE_CA_CAMERAS, buf_bytes(&leaf), key, "lobby-4.example"),
                TLS_WRONG_NAME);
        buf_clear(&leaf);
        /* A node's certificate with a camera's name hangs below the same root, and is none of a
         * camera. */
        assert_int_equal(site_ca_issue_node(
                                 ca, "recorder", "recorder-1", dns, ip, subject, NOW, 7, &leaf, &e),
                ERR_DENIED); /* it is the camera's key */
        struct sign_key *own = sign_key_generate();
        struct verify_key *own_half = half(own);
        assert_int_equal(site_ca_issue_node(ca, "recorder", "recorder-1", dns, ip, own_half, NOW, 7,
                                 &leaf, NULL),
                0);
        verify_key_freep(&own_half);
        assert_int_equal(shake(ca, SITE_CA_NODES, buf_bytes(&leaf), own, "lobby-3.example"),
                TLS_UNKNOWN_ISSUER);
        sign_key_free(own);
        FILE *f = NULL;
        CLEANUP(own_freep) char *path = in_dir("node.der");
        assert_non_null(f = fopen(path, "wb"));
        fwrite(leaf.p, 1, leaf.n, f);
        fclose(f);
        assert_int_equal(sh("openssl x509 -inform DER -in node.der -noout -ext subjectAltName | "
                            "grep -q URI:custos://berlin/recorder/recorder-1"),
                0);

        buf_clear(&leaf);
        assert_int_equal(
                site_ca_issue_camera(ca, "lobby-3", NULL, NULL, subject, NOW, 365, &leaf, &e),
                ERR_INVALID);
        assert_int_equal(site_ca_issue_camera(ca, "Lobby 3", dns, ip, subject, NOW, 365, &leaf, &e),
                ERR_INVALID);
        assert_int_equal(site_ca_issue_camera(ca, "lobby-3", dns, ip, subject, NOW, 0, &leaf, &e),
                ERR_INVALID);
        assert_int_equal(
                site_ca_issue_camera(ca, "lobby-3", dns, ip, subject, NOW, 3651, &leaf, &e),
                ERR_INVALID);
        assert_int_equal(
                site_ca_issue_node(ca, "root", "x", NULL, NULL, subject, NOW, 7, &leaf, &e),
                ERR_INVALID);
        assert_int_equal(site_ca_issue_node(ca, "recorder", "a/../manager", NULL, NULL, subject,
                                 NOW, 7, &leaf, &e),
                ERR_INVALID);
        assert_int_equal(leaf.n, 0);
        buf_done(&leaf);
        verify_key_freep(&subject);
        sign_key_freep(&key);
        site_ca_freep(&ca);
}

/* A vendor's root beside the site's: its cameras are taken while it is there, the site's own are
 * still those of the one issuer alone. */
static void cameras_of_a_vendor(void **state)
{
        const char *const dns[] = { "lobby.example", NULL };
        struct x509_request request = { .purpose = X509_ROOT,
                .common_name = "vendor",
                .not_before_us = NOW - DAY,
                .not_after_us = NOW + 900 * DAY };
        struct sign_key *root = sign_key_generate(), *theirs = sign_key_generate(),
                        *ours = sign_key_generate(), *node = sign_key_generate();
        struct verify_key *node_half = half(node);
        struct site_ca *ca = NULL;
        struct buf leaf, node_leaf_der, root_der;

        (void)state;
        buf_init(&leaf, X509_CERT_MAX);
        buf_init(&root_der, X509_CERT_MAX);
        buf_init(&node_leaf_der, X509_CERT_MAX);
        assert_int_equal(load("ca", &ca, NULL), 0);
        assert_int_equal(x509_issue(&request, root, BYTES(NULL, 0), root, &root_der, NULL), 0);
        request.purpose = X509_CAMERA;
        request.common_name = "lobby";
        request.dns = dns;
        assert_int_equal(x509_issue(&request, theirs, buf_bytes(&root_der), root, &leaf, NULL), 0);
        assert_int_equal(site_ca_issue_node(ca, "recorder", "recorder-9", dns, NULL, node_half, NOW,
                                 7, &node_leaf_der, NULL),
                0);
        struct buf own = camera_leaf(ca, "vendored", ours);
        for (unsigned trusted = 0; trusted < 2; trusted++) {
                buf_init(&vendor_root, X509_CERT_MAX);
                if (trusted)
                        assert_int_equal(buf_append(&vendor_root, buf_bytes(&root_der), NULL), 0);
                assert_int_equal(
                        shake(ca, SITE_CA_CAMERAS, buf_bytes(&leaf), theirs, "lobby.example"),
                        trusted ? TLS_OK : TLS_UNKNOWN_ISSUER);
                assert_int_equal(
                        shake(ca, SITE_CA_CAMERAS, buf_bytes(&leaf), theirs, "yard.example"),
                        trusted ? TLS_WRONG_NAME : TLS_UNKNOWN_ISSUER);
                assert_int_equal(
                        shake(ca, SITE_CA_CAMERAS, buf_bytes(&own), ours, "lobby.example"), TLS_OK);
                assert_int_equal(
                        shake(ca, SITE_CA_NODES, buf_bytes(&node_leaf_der), node, "lobby.example"),
                        TLS_UNKNOWN_ISSUER);
                buf_done(&vendor_root);
        }
        vendor_root = (struct buf){ 0 };
        buf_done(&own);
        buf_done(&leaf);
        buf_done(&root_der);
        buf_done(&node_leaf_der);
        verify_key_freep(&node_half);
        sign_key_free(root);
        sign_key_free(theirs);
        sign_key_free(ours);
        sign_key_free(node);
        site_ca_freep(&ca);
}

static bool list_says_revoked(struct site_ca *ca, struct bytes leaf)
{
        struct err e;
        int r = x509_crl_allows(
                site_ca_crl(ca, SITE_CA_NODES), site_ca_issuer_cert(ca, SITE_CA_NODES), leaf, &e);

        if (r < 0 && r != ERR_DENIED)
                fail_msg("%s", e.text);
        return r == ERR_DENIED;
}

struct node_leaf {
        struct sign_key *key;
        struct verify_key *subject;
        struct buf der;
};

static struct node_leaf node_key(void)
{
        struct node_leaf n = { .key = sign_key_generate() };

        n.subject = half(n.key);
        buf_init(&n.der, X509_CERT_MAX);
        return n;
}

static void node_drop(struct node_leaf *n)
{
        verify_key_freep(&n->subject);
        sign_key_freep(&n->key);
        buf_done(&n->der);
}

static void nodes_and_what_they_sign_with(void **state)
{
        struct node_leaf node = node_key(), other = node_key(), seal = node_key(),
                         grant = node_key(), again = node_key();
        struct site_ca *ca = NULL;
        uint64_t number = 0;
        unsigned n = 99;
        char uri[X509_URI_ROOM];
        struct err e;

        (void)state;
        assert_int_equal(sh("cp -a ca revoking2"), 0);
        assert_int_equal(load("revoking2", &ca, NULL), 0);
        size_t before = site_ca_issued(ca)->n;
#define NODE(name, leaf)                                                                           \
        site_ca_issue_node(                                                                        \
                ca, "recorder", name, NULL, NULL, (leaf)->subject, NOW, 14, &(leaf)->der, &e)
        assert_int_equal(NODE("r1", &node), 0);
        assert_int_equal(NODE("r2", &other), 0);
        assert_int_equal(NODE("r2", &node), ERR_DENIED);
        assert_non_null(strstr(e.text, "key of node recorder/r1"));
        assert_int_equal(
                site_ca_issue_seal(ca, "r1", node.subject, NOW, 1826, &seal.der, &e), ERR_DENIED);
        assert_int_equal(site_ca_issue_seal(ca, "r1", seal.subject, NOW, 1826, &seal.der, NULL), 0);
        assert_int_equal(
                site_ca_issue_grant(ca, "main", grant.subject, NOW, 14, &grant.der, NULL), 0);
        struct bytes issuer = site_ca_issuer_cert(ca, SITE_CA_NODES), root = site_ca_root(ca);
        assert_int_equal(
                x509_check_grant_chain(buf_bytes(&grant.der), issuer, root, NOW, uri, NULL), 0);
        assert_string_equal(uri, "custos://berlin/manager/main");
        assert_true(x509_check_grant_chain(buf_bytes(&node.der), issuer, root, NOW, uri, &e) < 0);
        assert_true(x509_check_grant_chain(buf_bytes(&seal.der),
                            site_ca_issuer_cert(ca, SITE_CA_SEALS), root, NOW, uri, &e) < 0);
        assert_int_equal(site_ca_issued(ca)->n, before + 4);

        assert_int_equal(site_ca_revoke_node(ca, "recorder", "nobody", NOW, &n, &e), 0);
        assert_int_equal(n, 0);
        assert_int_equal(site_ca_revoke_node(ca, "camera", "r1", NOW, &n, &e), ERR_INVALID);
        assert_int_equal(sh("mv revoking2 away"), 0);
        assert_true(site_ca_revoke_node(ca, "recorder", "r1", NOW, &n, &e) < 0);
        assert_int_equal(site_ca_crl(ca, SITE_CA_NODES).n, 0);
        assert_int_equal(sh("mv away revoking2"), 0);
        assert_int_equal(site_ca_revoke_node(ca, "recorder", "r1", NOW, &n, &e), 0);
        assert_int_equal(n, 2); /* and its seals */
        for (unsigned i = 0; i < 2; i++) {
                assert_true(list_says_revoked(ca, buf_bytes(&node.der)));
                assert_false(list_says_revoked(ca, buf_bytes(&other.der)));
                assert_false(list_says_revoked(ca, buf_bytes(&grant.der)));
                assert_int_equal(x509_crl_number(site_ca_crl(ca, SITE_CA_NODES),
                                         site_ca_issuer_cert(ca, SITE_CA_NODES), &number, NULL),
                        0);
                assert_int_equal(number, 1);
                assert_int_equal(site_ca_crl(ca, SITE_CA_CAMERAS).n, 0);
                assert_int_equal(site_ca_crl(ca, SITE_CA_SEALS).n, 0);
                ca = site_ca_free(ca);
                assert_int_equal(load("revoking2", &ca, NULL), 0);
        }
        /* It names what this issuer made, and nothing of another's. */
        CLEANUP(own_freep) char *path = in_dir("nodes.crl");
        FILE *f = fopen(path, "wb");
        assert_non_null(f);
        fwrite(site_ca_crl(ca, SITE_CA_NODES).p, 1, site_ca_crl(ca, SITE_CA_NODES).n, f);
        fclose(f);
        assert_int_equal(sh("openssl crl -in nodes.crl -CAfile ca/nodes.crt -noout 2>&1 | grep -q "
                            "'verify OK' && test $(openssl crl -in nodes.crl -noout -text | grep "
                            "-c 'Serial Number') = 1"),
                0);
        /* What is not in the register is not handed out. */
        before = site_ca_issued(ca)->n;
        assert_int_equal(sh("mv revoking2 away"), 0);
        assert_true(NODE("r8", &again) < 0);
        assert_int_equal(again.der.n, 0);
        assert_int_equal(site_ca_issued(ca)->n, before);
        assert_int_equal(sh("mv away revoking2"), 0);
        /* Neither key under any name, for any purpose; a new one is welcome. */
        assert_int_equal(NODE("r3", &node), ERR_DENIED);
        assert_non_null(strstr(e.text, "revoked"));
        assert_int_equal(
                site_ca_issue_seal(ca, "r9", seal.subject, NOW, 99, &again.der, &e), ERR_DENIED);
        assert_int_equal(
                site_ca_issue_grant(ca, "main", node.subject, NOW, 9, &again.der, &e), ERR_DENIED);
        assert_int_equal(again.der.n, 0);
        assert_int_equal(NODE("r1", &again), 0);
        /* What was sealed before stays good. */
        assert_int_equal(x509_check_seal_chain(buf_bytes(&seal.der),
                                 site_ca_issuer_cert(ca, SITE_CA_SEALS), site_ca_root(ca), NOW, &e),
                0);
        /* The list shrinks by itself, and the number only rises. */
        assert_int_equal(site_ca_revoke_node(ca, "recorder", "r2", NOW + 13 * DAY, &n, &e), 0);
        assert_true(list_says_revoked(ca, buf_bytes(&node.der)));
        assert_int_equal(site_ca_issue_node(ca, "recorder", "r4", NULL, NULL, again.subject,
                                 NOW + 20 * DAY, 14, &again.der, &e),
                0); /* r1's certificate has expired: nobody's key */
        assert_int_equal(site_ca_revoke_node(ca, "recorder", "r4", NOW + 20 * DAY, &n, &e), 0);
        assert_int_equal(n, 1);
        assert_false(list_says_revoked(ca, buf_bytes(&node.der)));
        assert_int_equal(x509_crl_number(site_ca_crl(ca, SITE_CA_NODES),
                                 site_ca_issuer_cert(ca, SITE_CA_NODES), &number, NULL),
                0);
        assert_int_equal(number, 3);
        assert_int_equal(NODE("r5", &node), ERR_DENIED); /* the key is not forgotten */
#undef NODE
        node_drop(&node);
        node_drop(&other);
        node_drop(&seal);
        node_drop(&grant);
        node_drop(&again);
        site_ca_freep(&ca);
}

/* What a root that people install may vouch for, and what it may not whoever has the issuer's key.
 */
static void the_root_that_is_installed(void **state)
{
        const char *const
                known[] = { "cctv.example", NULL },
                *const known_ip[] = { "192.0.2.7", "2001:db8::7", NULL }, *const none[] = { NULL },
                *const allowed[] = { "a.cctv.example", "localhost", "nas.lan", NULL },
                *const others[] = { "localhost", "example", NULL },
                *const bank[] = { "bank.example", NULL },
                *const private_ip[] = { "10.1.2.3", "fd00::1", "::1", "100.100.1.1", NULL },
                *const public_ip[] = { "192.0.2.8", NULL }, *const six[] = { "2001:db8::8", NULL };
        struct node_leaf page = node_key();
        struct site_ca *ca = create("pages", "berlin");
        uint8_t before[32], behind[32];
        struct err e;

        (void)state;
        assert_int_equal(site_ca_web_allows(ca, known, none, &e), ERR_DENIED);
        assert_non_null(strstr(e.text, "does not vouch for cctv.example"));
        assert_int_equal(x509_key_id(site_ca_web_root(ca), before, NULL), 0);
        assert_int_equal(site_ca_make_web(ca, known, known_ip, NOW, &e), 0);
        assert_int_equal(x509_key_id(site_ca_web_root(ca), behind, NULL), 0);
        assert_memory_not_equal(before, behind, 32);
        assert_int_equal(site_ca_web_allows(ca, known, known_ip, &e), 0);
        assert_int_equal(site_ca_web_allows(ca, allowed, private_ip, &e), 0);
        assert_int_equal(site_ca_web_allows(ca, others, NULL, &e), ERR_DENIED);
        assert_int_equal(site_ca_web_allows(ca, bank, NULL, &e), ERR_DENIED);
        assert_int_equal(site_ca_web_allows(ca, NULL, public_ip, &e), ERR_DENIED);
        assert_int_equal(site_ca_web_allows(ca, NULL, six, &e), ERR_DENIED);
        assert_int_equal(
                site_ca_issue_web(ca, "main", bank, NULL, page.subject, NOW, 90, &page.der, &e),
                ERR_DENIED);
        assert_int_equal(page.der.n, 0);
        assert_int_equal(site_ca_issued(ca)->n, 0);
        /* With the issuer's key itself: no client takes it. */
        assert_int_equal(
                sh("awk '/BEGIN/{n++} n==2' pages/web.crt > pages-root.crt &&"
                   "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out p.key &&"
                   "for n in DNS:bank.example DNS:cctv.example IP:192.0.2.8 IP:10.0.0.9; do"
                   " printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth\n' $n > p.ext;"
                   " openssl req -new -key p.key -subj /CN=x | openssl x509 -req -days 9999"
                   " -CA pages/web.crt -CAkey pages/web.key -set_serial 7 -extfile p.ext"
                   " -out p-$n.crt || exit 1; done;"
                   "v() { openssl verify -attime 1797000000 -purpose sslserver -CAfile pages-root.crt -untrusted"
                   " pages/web.crt \"$1\"; };"
                   "! v p-DNS:bank.example.crt && ! v p-IP:192.0.2.8.crt &&"
                   "v p-DNS:cctv.example.crt && v p-IP:10.0.0.9.crt &&"
                   /* Nor for anything but a page, nor by the site's root. */
                   "printf 'subjectAltName=DNS:cctv.example\nextendedKeyUsage=clientAuth\n' > p.ext;"
                   "openssl req -new -key p.key -subj /CN=x | openssl x509 -req -days 9999 -CA"
                   " pages/web.crt -CAkey pages/web.key -set_serial 7 -extfile p.ext -out c.crt &&"
                   "! openssl verify -attime 1797000000 -purpose sslclient -CAfile pages-root.crt"
                   " -untrusted pages/web.crt c.crt && ! openssl verify -attime 1797000000 -CAfile"
                   " pages/root.crt -untrusted pages/web.crt p-DNS:cctv.example.crt"),
                0);
        /* A page's certificate of before hangs from both roots, and both are loaded. */
        site_ca_freep(&ca);
        assert_int_equal(load("pages", &ca, &e), 0);
        uint8_t loaded[32];
        assert_int_equal(x509_key_id(site_ca_web_root(ca), loaded, NULL), 0);
        assert_memory_equal(behind, loaded, 32);
        assert_int_equal(
                site_ca_issue_web(ca, "main", known, NULL, page.subject, NOW, 90, &page.der, &e),
                0);
        assert_int_equal(site_ca_make_web(ca, NULL, NULL, NOW, &e), 0);
        assert_int_equal(x509_check_issued_by(
                                 buf_bytes(&page.der), site_ca_issuer_cert(ca, SITE_CA_WEB), NULL),
                0);
        /* A root that is not above the issuer is not taken. */
        assert_int_equal(sh("awk '/BEGIN/{n++} n==1' pages/web.crt > w && cat w pages-root.crt > "
                            "pages/web.crt"),
                0);
        site_ca_freep(&ca);
        assert_int_equal(load("pages", &ca, &e), ERR_CORRUPT);
        assert_non_null(strstr(e.text, "web.crt"));
        node_drop(&page);
}

/* A site that was made when pages hung from the site's root. */
static void an_older_site(void **state)
{
        const char *const dns[] = { "localhost", NULL };
        struct node_leaf page = node_key();
        struct site_ca *ca = create("older-site", "berlin");
        struct err e;

        (void)state;
        site_ca_freep(&ca);
        assert_int_equal(
                sh("printf 'basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,"
                   "keyCertSign,cRLSign\n' > o.ext && openssl req -new -key older-site/web.key "
                   "-subj '/CN=berlin web' | openssl x509 -req -days 9999 -CA older-site/root.crt "
                   "-CAkey older-site/root.key -set_serial 8 -extfile o.ext -out "
                   "older-site/web.crt"),
                0);
        assert_int_equal(load("older-site", &ca, &e), 0);
        assert_int_equal(site_ca_web_root(ca).n, 0);
        assert_int_equal(
                site_ca_issue_web(ca, "main", dns, NULL, page.subject, NOW, 90, &page.der, &e),
                ERR_STATE);
        assert_int_equal(site_ca_make_web(ca, NULL, NULL, NOW, &e), 0);
        site_ca_freep(&ca);
        assert_int_equal(load("older-site", &ca, &e), 0);
        assert_int_equal(
                site_ca_issue_web(ca, "main", dns, NULL, page.subject, NOW, 90, &page.der, &e), 0);
        node_drop(&page);
        site_ca_freep(&ca);
}

static void pages_and_devices(void **state)
{
        const char *const dns[] = { "watch.example", NULL }, *const ip[] = { "192.0.2.7", NULL },
                          *const wild[] = { "*.example", NULL };
        struct node_leaf page = node_key(), device = node_key();
        CLEANUP(buf_done) struct buf spki;
        struct site_ca *ca = NULL;
        unsigned n;
        struct err e;

        (void)state;
        assert_int_equal(load("ca", &ca, NULL), 0);
        assert_int_equal(site_ca_make_web(ca, dns, ip, NOW, &e), 0);
        assert_int_equal(
                site_ca_issue_web(ca, "main", NULL, NULL, page.subject, NOW, 90, &page.der, &e),
                ERR_INVALID);
        assert_int_equal(
                site_ca_issue_web(ca, "main", dns, ip, page.subject, NOW, 90, &page.der, NULL), 0);
        assert_int_equal(x509_check_issued_by(
                                 buf_bytes(&page.der), site_ca_issuer_cert(ca, SITE_CA_WEB), NULL),
                0);
        assert_int_equal(shake(ca, SITE_CA_WEB, buf_bytes(&page.der), page.key, "watch.example"),
                TLS_UNKNOWN_ISSUER); /* it is no camera's */
        buf_init(&spki, SIGN_SPKI_MAX);
        assert_int_equal(verify_key_format(device.subject, &spki, NULL), 0);
        struct bytes key = buf_bytes(&spki);
        assert_int_equal(
                site_ca_issue_device(ca, "door", wild, NULL, key, NOW, 90, &device.der, &e),
                ERR_INVALID);
        assert_int_equal(
                site_ca_issue_device(ca, "door", NULL, NULL, key, NOW, 90, &device.der, &e),
                ERR_INVALID);
        assert_int_equal(
                site_ca_issue_device(ca, "door", dns, ip, key, NOW, 90, &device.der, NULL), 0);
        assert_int_equal(
                shake(ca, SITE_CA_CAMERAS, buf_bytes(&device.der), device.key, "192.0.2.7"),
                TLS_OK);
        /* By serial number, and what has the same key with it. */
        assert_int_equal(
                site_ca_revoke_serial(ca, bytes_str("nonsense"), NOW, &n, &e), ERR_NOT_FOUND);
        uint8_t serial[X509_CRL_SERIAL_MAX];
        size_t serial_n;
        assert_int_equal(x509_crl_serial(buf_bytes(&page.der), serial, &serial_n, NULL), 0);
        assert_int_equal(
                site_ca_issue_web(ca, "main", dns, ip, page.subject, NOW, 90, &page.der, NULL), 0);
        assert_int_equal(site_ca_revoke_serial(ca, BYTES(serial, serial_n), NOW, &n, &e), 0);
        assert_int_equal(n, 2);
        assert_int_equal(site_ca_revoke_serial(ca, BYTES(serial, serial_n), NOW, &n, &e), 0);
        assert_int_equal(n, 0);
        buf_clear(&page.der);
        struct node_leaf node = node_key();
        assert_int_equal(site_ca_issue_node(ca, "gateway", "g", NULL, NULL, node.subject, NOW, 9,
                                 &node.der, NULL),
                0);
        assert_int_equal(x509_crl_serial(buf_bytes(&node.der), serial, &serial_n, NULL), 0);
        assert_int_equal(
                site_ca_revoke_serial(ca, BYTES(serial, serial_n), NOW, &n, &e), ERR_INVALID);
        assert_non_null(strstr(e.text, "node gateway/g"));
        node_drop(&node);
        assert_true(site_ca_crl(ca, SITE_CA_WEB).n > 0);
        /* A gateway's page goes with it. */
        struct node_leaf other = node_key();
        assert_int_equal(
                site_ca_issue_web(ca, "g", dns, NULL, other.subject, NOW, 90, &other.der, NULL), 0);
        assert_int_equal(site_ca_revoke_node(ca, "gateway", "g", NOW, &n, &e), 0);
        assert_int_equal(n, 2);
        node_drop(&other);
        node_drop(&page);
        node_drop(&device);
        site_ca_freep(&ca);
}

/* A site whose register is of the older form goes on with it. */
static void an_older_register(void **state)
{
        struct sign_key *key = sign_key_generate(), *fresh = sign_key_generate();
        struct site_ca *ca = NULL;
        unsigned n = 0;

        (void)state;
        assert_int_equal(sh("cp -a ca older && rm -f older/issued.json"), 0);
        assert_int_equal(load("older", &ca, NULL), 0);
        struct buf leaf = camera_leaf(ca, "lobby", key);
        ca = site_ca_free(ca);
        assert_int_equal(
                sh("python3 -c \"import json; r = json.load(open('older/issued.json')); "
                   "json.dump({'version': 1, 'number': 4, 'crl': '', 'issued': [{'serial': "
                   "c['serial'], 'camera': c['subject'], 'key': c['key'], 'issued': "
                   "c['from'], 'until': c['until'], 'revoked': None} for c in "
                   "r['issued']]}, open('older/issued.json', 'w'))\""),
                0);
        assert_int_equal(load("older", &ca, NULL), 0);
        assert_int_equal(site_ca_revoke_camera(ca, "lobby", NOW, &n, NULL), 0);
        assert_int_equal(n, 1);
        assert_int_equal(site_ca_issued(ca)->lists[SITE_CA_CAMERAS].number, 5);
        assert_int_equal(
                shake(ca, SITE_CA_CAMERAS, buf_bytes(&leaf), key, "lobby.example"), TLS_REVOKED);
        assert_int_equal(sh("grep -q '\"version\": 2' older/issued.json"), 0);
        ca = site_ca_free(ca);
        assert_int_equal(load("older", &ca, NULL), 0);
        buf_done(&leaf);
        leaf = camera_leaf(ca, "lobby", fresh);
        buf_done(&leaf);
        sign_key_free(key);
        sign_key_free(fresh);
        site_ca_freep(&ca);
}

static void names_of_sites(void **state)
{
        static const char *const bad[] = { "", "Berlin", "a b", "-a", "a-", "a/b",
                "0123456789012345678901234567890123456789x" };
        CLEANUP(own_freep) char *path = in_dir("never");
        struct site_ca *ca = NULL;
        struct stat st;

        (void)state;
        for (unsigned i = 0; i < ARRAY_LEN(bad); i++)
                assert_int_equal(site_ca_create(path, bad[i], NOW, &ca, NULL), ERR_INVALID);
        assert_int_equal(stat(path, &st), -1);
        ca = create("longest", "0123456789012345678901234567890123456789");
        site_ca_freep(&ca);
        assert_int_equal(load("longest", &ca, NULL), 0);
        assert_int_equal(strlen(site_ca_name(ca)), 40);
        site_ca_freep(&ca);
}

static int set_up(void **state)
{
        (void)state;
        return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
        (void)state;
        return sh(
                "rm -rf pages* p-* p.key p.ext c.crt w o.ext older-site web-root.crt ca ca2 ca3 ca4 ca4.new bad other revoking revoking2 older longest node.der nodes.crl && rmdir $PWD");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(made_once_and_loaded), /* the others use what it makes */
                cmocka_unit_test(root_key_may_leave),
                cmocka_unit_test(damage_is_named),
                cmocka_unit_test(seals),
                cmocka_unit_test(cameras_and_nodes),
                cmocka_unit_test(cameras_of_a_vendor),
                cmocka_unit_test(what_is_revoked),
                cmocka_unit_test(nodes_and_what_they_sign_with),
                cmocka_unit_test(the_root_that_is_installed),
                cmocka_unit_test(an_older_site),
                cmocka_unit_test(pages_and_devices),
                cmocka_unit_test(an_older_register),
                cmocka_unit_test(names_of_sites),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
