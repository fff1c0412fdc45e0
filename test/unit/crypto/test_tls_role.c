/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Links between roles, memory to memory. Good nodes are ours at both ends; bad ones are OpenSSL's
 * own end (`raw`), which shows whatever certificate it is given and takes any.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"
#include "crypto/ossl.h"
#include "crypto/tls_role.h"
#include "crypto/tls_session.h"
#include "crypto/x509.h"
#include "crypto/x509_crl.h"

#define SECOND INT64_C(1000000)
#define DAY (86400 * SECOND)
#define NOW (INT64_C(1795000000) * SECOND)
#define SITE "north"
#define URI_OF(role, name) "custos://" SITE "/" role "/" name

struct entity {
        struct sign_key *key;
        struct buf der;
};

/* A site's CA: the issuers that matter here. */
struct ca {
        struct entity root, nodes, cameras, seals;
};

static void issue(struct entity *t, enum x509_purpose purpose, const char *name, const char *uri,
        const struct entity *above)
{
        const char *const dns[] = { "node.example", NULL };
        const struct x509_request r = { .purpose = purpose,
                .common_name = name,
                .dns = uri ? dns : NULL, /* counts for nothing */
                .uri = uri,
                .not_before_us = NOW - DAY,
                .not_after_us = NOW + 14 * DAY };
        struct err e;

        t->key = sign_key_generate();
        buf_init(&t->der, X509_CERT_MAX);
        if (x509_issue(&r, t->key, above ? buf_bytes(&above->der) : BYTES(NULL, 0),
                    above ? above->key : t->key, &t->der, &e) < 0)
                fail_msg("%s", e.text);
}

static void entity_done(struct entity *t)
{
        sign_key_freep(&t->key);
        buf_done(&t->der);
}

static void ca_init(struct ca *ca)
{
        issue(&ca->root, X509_ROOT, SITE, NULL, NULL);
        issue(&ca->nodes, X509_ISSUER, SITE " nodes", NULL, &ca->root);
        issue(&ca->cameras, X509_ISSUER, SITE " cameras", NULL, &ca->root);
        issue(&ca->seals, X509_ISSUER, SITE " seals", NULL, &ca->root);
}

static void ca_done(struct ca *ca)
{
        entity_done(&ca->root);
        entity_done(&ca->nodes);
        entity_done(&ca->cameras);
        entity_done(&ca->seals);
}

static struct buf pem_of(const struct entity *leaf, const struct entity *issuer)
{
        struct buf pem;

        buf_init(&pem, 65536);
        assert_int_equal(x509_pem_format(buf_bytes(&leaf->der), &pem, NULL), 0);
        if (issuer)
                assert_int_equal(x509_pem_format(buf_bytes(&issuer->der), &pem, NULL), 0);
        return pem;
}

/* What a node of the site has: a certificate with this URI. */
static struct tls_role_config *config_with(const struct ca *ca, const struct entity *node)
{
        struct buf chain = pem_of(node, &ca->nodes);
        const struct tls_role_identity id = { .site = SITE,
                .root_der = buf_bytes(&ca->root.der),
                .issuer_der = buf_bytes(&ca->nodes.der),
                .chain_pem = buf_bytes(&chain),
                .key = node->key };
        struct tls_role_config *c = NULL;
        struct err e;

        if (tls_role_config_new(&id, &c, &e) < 0)
                fail_msg("%s", e.text);
        buf_done(&chain);
        return c;
}

static struct tls_role_config *config_of(const struct ca *ca, const char *uri)
{
        struct entity node;

        issue(&node, X509_NODE, "node", uri, &ca->nodes);
        struct tls_role_config *c = config_with(ca, &node);
        entity_done(&node);
        return c;
}

/* A list of the nodes issuer that names this certificate. */
static void revoke(struct tls_role_config *c, const struct ca *ca, struct bytes cert_der)
{
        uint8_t serial[X509_CRL_SERIAL_MAX];
        size_t n = 0;
        struct buf der, pem;
        struct err e = { 0 };

        buf_init(&der, X509_CRL_MAX);
        buf_init(&pem, X509_PEM_MAX);
        assert_int_equal(x509_crl_serial(cert_der, serial, &n, &e), 0);
        const struct x509_crl_revoked entry = { .serial = BYTES(serial, n),
                .at_us = NOW - 60 * SECOND,
                .reason = X509_CRL_KEY_COMPROMISE };
        const struct x509_crl_request r = { .revoked = &entry,
                .n = 1,
                .number = 1,
                .this_update_us = NOW - DAY,
                .next_update_us = NOW + DAY };
        if (x509_crl_issue(&r, buf_bytes(&ca->nodes.der), ca->nodes.key, &der, &e) < 0 ||
                x509_crl_pem_format(buf_bytes(&der), &pem, &e) < 0 ||
                tls_role_config_crls(c, buf_bytes(&pem), &e) < 0)
                fail_msg("%s", e.text);
        buf_done(&der);
        buf_done(&pem);
}

/* ---- two ends of ours ---- */

struct end {
        struct tls *t;
        struct buf got;
        int r;
        bool closed;
        struct err e;
};

static int on_data(void *owner, struct bytes plain, struct err *e)
{
        return buf_append(&((struct end *)owner)->got, plain, e);
}

static void feed(struct end *to, struct bytes b)
{
        uint8_t *copy = malloc(b.n + 1); /* gone afterwards: ASan sees every view that stays */

        memcpy(copy, b.p, b.n);
        to->r = tls_feed(to->t, BYTES(copy, b.n), on_data, to, &to->closed, &to->e);
        free(copy);
}

static void carry(struct end *from, struct end *to)
{
        struct buf *out = tls_output(from->t);

        if (out->n && to->r >= 0)
                feed(to, buf_bytes(out));
        buf_clear(out);
}

struct pair {
        struct end client, server;
};

static const char *const takes_recorders[] = { "recorder", "gateway", NULL };

static void shake(struct pair *p)
{
        buf_init(&p->client.got, 1 << 20);
        buf_init(&p->server.got, 1 << 20);
        assert_int_equal(tls_start(p->client.t, &p->client.e), 0);
        for (unsigned i = 0; i < 4; i++) {
                carry(&p->client, &p->server);
                carry(&p->server, &p->client);
        }
}

/* A recorder that connects to the manager; configs are gone before the handshake. */
static struct pair pair_of(const struct ca *ca, const char *client_uri, const char *server_uri,
        const char *role, const char *name)
{
        struct tls_role_config *client = config_of(ca, client_uri),
                               *server = config_of(ca, server_uri);
        struct pair p = { 0 };

        assert_int_equal(tls_role_client_new(client, role, name, NOW, &p.client.t, NULL), 0);
        assert_int_equal(tls_role_server_new(server, takes_recorders, NOW, &p.server.t, NULL), 0);
        tls_role_config_freep(&client);
        tls_role_config_freep(&server);
        shake(&p);
        return p;
}

static void end_done(struct end *x)
{
        tls_freep(&x->t);
        buf_done(&x->got);
}

static void pair_done(struct pair *p)
{
        end_done(&p->client);
        end_done(&p->server);
}

static struct pair good_pair(const struct ca *ca)
{
        struct pair p = pair_of(
                ca, URI_OF("recorder", "lobby"), URI_OF("manager", "main"), "manager", "main");

        if (p.client.r != 1 || p.server.r != 1)
                fail_msg("%s; %s", p.client.e.text, p.server.e.text);
        return p;
}

/* Something goes through in both directions. */
static void exchange(struct pair *p)
{
        buf_clear(&p->client.got);
        buf_clear(&p->server.got);
        assert_int_equal(tls_write(p->client.t, bytes_str("question"), NULL), 0);
        carry(&p->client, &p->server);
        assert_int_equal(tls_write(p->server.t, bytes_str("answer"), NULL), 0);
        carry(&p->server, &p->client);
        assert_true(str_is(buf_bytes(&p->server.got), "question"));
        assert_true(str_is(buf_bytes(&p->client.got), "answer"));
}

static void good(void **state)
{
        struct ca ca;
        struct tls_role_peer peer;
        uint8_t key[32];

        (void)state;
        ca_init(&ca);
        struct pair p = good_pair(&ca);
        assert_int_equal(tls_version(p.client.t), 0x0304);
        assert_non_null(strstr(tls_cipher(p.server.t), "AES_256_GCM"));
        assert_true(tls_chain_verified(p.client.t) && tls_chain_verified(p.server.t));
        assert_true(tls_role_peer(p.client.t, &peer));
        assert_string_equal(peer.uri, URI_OF("manager", "main"));
        assert_true(tls_role_peer(p.server.t, &peer));
        assert_string_equal(peer.uri, URI_OF("recorder", "lobby"));
        assert_string_equal(peer.role, "recorder");
        assert_string_equal(peer.name, "lobby");
        assert_int_equal(peer.not_after_us, NOW + 14 * DAY);
        assert_true(tls_peer_key(p.server.t, key));
        assert_memory_equal(peer.key, key, 32);
        exchange(&p);
        pair_done(&p);

        p = pair_of(&ca, URI_OF("gateway", "west"), URI_OF("manager", "any"), "manager", NULL);
        assert_int_equal(p.client.r, 1);
        assert_int_equal(p.server.r, 1);
        pair_done(&p);
        ca_done(&ca);
}

/* What the one that was refused learns of it, in TLS 1.3 with what it reads first. */
static void who_is_refused_hears_it(void **state)
{
        struct ca ca;

        (void)state;
        ca_init(&ca);
        struct pair p =
                pair_of(&ca, URI_OF("events", "e1"), URI_OF("manager", "main"), "manager", "main");
        assert_int_equal(p.server.r, ERR_AUTH);
        assert_int_equal(tls_refusal(p.server.t), TLS_WRONG_ROLE);
        assert_int_equal(p.server.e.fault, FAULT_WRONG_ROLE);
        assert_non_null(strstr(p.server.e.text, "recorder, gateway of site " SITE));
        assert_non_null(strstr(p.server.e.text, URI_OF("events", "e1")));
        assert_int_equal(p.client.r, ERR_AUTH);
        assert_int_equal(tls_refusal(p.client.t), TLS_REFUSED);
        assert_int_equal(p.client.e.fault, FAULT_CERTIFICATE_REFUSED);
        assert_non_null(strstr(p.client.e.text, "it says bad certificate"));
        assert_int_equal(p.client.got.n + p.server.got.n, 0);
        pair_done(&p);

        p = pair_of(&ca, URI_OF("recorder", "lobby"), URI_OF("recorder", "r2"), "manager", NULL);
        assert_int_equal(tls_refusal(p.client.t), TLS_WRONG_ROLE);
        assert_non_null(strstr(p.client.e.text, "asked for " URI_OF("manager", "*")));
        assert_int_equal(tls_refusal(p.server.t), TLS_REFUSED);
        pair_done(&p);

        p = pair_of(&ca, URI_OF("recorder", "lobby"), URI_OF("manager", "m2"), "manager", "m1");
        assert_int_equal(tls_refusal(p.client.t), TLS_WRONG_NAME);
        assert_non_null(strstr(p.client.e.text, URI_OF("manager", "m2")));
        pair_done(&p);
        ca_done(&ca);
}

/* ---- the other end is OpenSSL's ---- */

struct spec {
        const char *names;    /* as in openssl.cnf; NULL: none */
        const char *usage;    /* extended key usage; NULL: none */
        int from_day, to_day; /* from NOW */
        bool weak, self_signed;
        const struct entity *issuer;
};

struct raw {
        SSL *ssl;
        X509 *cert;
        int alert; /* the reason of the first error */
};

static void add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
        X509V3_CTX v3;

        if (!value)
                return;
        X509V3_set_ctx(&v3, issuer, cert, NULL, NULL, 0);
        X509V3_set_ctx_nodb(&v3);
        X509_EXTENSION *x = X509V3_EXT_conf_nid(NULL, &v3, nid, value);
        assert_non_null(x);
        X509_add_ext(cert, x, -1);
        X509_EXTENSION_free(x);
}

static X509 *make_cert(const struct spec *s, EVP_PKEY *key)
{
        X509 *cert = X509_new(), *issuer = ossl_cert(buf_bytes(&s->issuer->der), NULL);
        X509_NAME *name = X509_get_subject_name(cert);

        X509_set_version(cert, 2);
        ASN1_INTEGER_set(X509_get_serialNumber(cert), 4711);
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)"x", -1, -1, 0);
        X509_set_issuer_name(cert, s->self_signed ? name : X509_get_subject_name(issuer));
        ASN1_TIME_set(X509_getm_notBefore(cert), NOW / SECOND + s->from_day * 86400);
        ASN1_TIME_set(X509_getm_notAfter(cert), NOW / SECOND + s->to_day * 86400);
        X509_set_pubkey(cert, key);
        add_extension(cert, issuer, NID_basic_constraints, "critical,CA:FALSE");
        add_extension(cert, issuer, NID_key_usage, "critical,digitalSignature");
        add_extension(cert, issuer, NID_ext_key_usage, s->usage);
        add_extension(cert, issuer, NID_subject_alt_name, s->names);
        add_extension(cert, issuer, NID_subject_key_identifier, "hash");
        if (!s->self_signed)
                add_extension(cert, issuer, NID_authority_key_identifier, "keyid:always");
        assert_true(X509_sign(cert, s->self_signed ? key : sign_key_evp(s->issuer->key),
                            EVP_sha256()) > 0);
        X509_free(issuer);
        return cert;
}

/* spec NULL: no certificate. */
static struct raw raw_new(const struct spec *s, bool server, int version, const char *suites)
{
        SSL_CTX *ctx = SSL_CTX_new(TLS_method());
        struct raw raw = { 0 };

        SSL_CTX_set_security_level(ctx, 0);
        SSL_CTX_set_max_proto_version(ctx, version);
        if (suites)
                assert_int_equal(SSL_CTX_set_ciphersuites(ctx, suites), 1);
        if (s) {
                EVP_PKEY *key = s->weak ? EVP_RSA_gen(1024) : EVP_EC_gen("P-256");
                X509 *issuer = ossl_cert(buf_bytes(&s->issuer->der), NULL);
                raw.cert = make_cert(s, key);
                assert_int_equal(SSL_CTX_use_certificate(ctx, raw.cert), 1);
                if (!s->self_signed)
                        assert_int_equal(SSL_CTX_add1_chain_cert(ctx, issuer), 1);
                assert_int_equal(SSL_CTX_use_PrivateKey(ctx, key), 1);
                EVP_PKEY_free(key);
                X509_free(issuer);
        }
        /* A server that wants to see a client's certificate, and takes any. */
        SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
        raw.ssl = SSL_new(ctx);
        SSL_set_bio(raw.ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
        BIO_set_mem_eof_return(SSL_get_rbio(raw.ssl), -1);
        if (server)
                SSL_set_accept_state(raw.ssl);
        else
                SSL_set_connect_state(raw.ssl);
        SSL_CTX_free(ctx);
        return raw;
}

static void raw_done(struct raw *raw)
{
        SSL_free(raw->ssl);
        X509_free(raw->cert);
}

static void raw_note(struct raw *raw, int r)
{
        if (r <= 0 && SSL_get_error(raw->ssl, r) == SSL_ERROR_SSL && !raw->alert)
                raw->alert = ERR_GET_REASON(ERR_peek_error());
        ERR_clear_error();
}

static void raw_step(struct raw *raw, struct end *ours)
{
        uint8_t bytes[65536];
        struct buf *out = tls_output(ours->t);

        if (out->n)
                assert_int_equal(
                        BIO_write(SSL_get_rbio(raw->ssl), out->p, (int)out->n), (int)out->n);
        buf_clear(out);
        raw_note(raw, SSL_is_init_finished(raw->ssl) ? SSL_read(raw->ssl, bytes, sizeof bytes)
                                                     : SSL_do_handshake(raw->ssl));
        int n = BIO_read(SSL_get_wbio(raw->ssl), bytes, sizeof bytes);
        if (n > 0 && ours->r >= 0)
                feed(ours, BYTES(bytes, (size_t)n));
}

static struct end ours_of(struct tls_role_config *c, bool server)
{
        struct end ours = { 0 };

        buf_init(&ours.got, 1 << 20);
        if (server)
                assert_int_equal(tls_role_server_new(c, takes_recorders, NOW, &ours.t, NULL), 0);
        else
                assert_int_equal(
                        tls_role_client_new(c, "recorder", "lobby", NOW, &ours.t, NULL), 0);
        return ours;
}

static void run(struct raw *raw, struct end *ours)
{
        if (!ours->t->server)
                assert_int_equal(tls_start(ours->t, &ours->e), 0);
        for (unsigned i = 0; i < 6; i++)
                raw_step(raw, ours);
}

struct bad {
        const char *what;
        struct spec spec;
        enum tls_refusal as_server, as_client; /* TLS_OK: not to be refused in that place */
        int alert;
};

static void try_bad(const struct ca *ca, const struct bad *b, bool peer_is_server)
{
        enum tls_refusal want = peer_is_server ? b->as_server : b->as_client;
        struct tls_role_config *c = config_of(ca, URI_OF("recorder", "me"));
        struct raw raw = raw_new(&b->spec, peer_is_server, TLS1_3_VERSION, NULL);
        struct tls_role_peer peer;

        if (want == TLS_REVOKED) {
                unsigned char *der = NULL;
                int n = i2d_X509(raw.cert, &der);
                revoke(c, ca, BYTES(der, (size_t)n));
                OPENSSL_free(der);
        }
        struct end ours = ours_of(c, !peer_is_server);
        run(&raw, &ours);
        if (tls_refusal(ours.t) != want)
                fail_msg("%s as %s: \"%s\" expected, not \"%s\": %s", b->what,
                        peer_is_server ? "server" : "client", tls_refusal_name(want),
                        tls_refusal_name(tls_refusal(ours.t)), ours.e.text);
        assert_int_equal(ours.r, want == TLS_OK ? 1 : ERR_AUTH);
        assert_int_equal(tls_role_peer(ours.t, &peer), want == TLS_OK);
        assert_int_equal(tls_established(ours.t), want == TLS_OK);
        if (want != TLS_OK) {
                assert_int_equal(ours.e.fault, tls_refusal_fault(want));
                if (b->alert && raw.alert != SSL_AD_REASON_OFFSET + b->alert)
                        fail_msg("%s: the peer heard %d", b->what, raw.alert);
                assert_int_equal(tls_write(ours.t, bytes_str("x"), NULL), ERR_STATE);
        }
        end_done(&ours);
        raw_done(&raw);
        tls_role_config_freep(&c);
}

#define BOTH "serverAuth,clientAuth"
#define LOBBY "URI:" URI_OF("recorder", "lobby")

static void sixteen_refusals(void **state)
{
        struct ca ca, other;

        (void)state;
        ca_init(&ca);
        ca_init(&other); /* of the same names at every level */
        const struct bad cases[] = {
                { "self-signed", { LOBBY, BOTH, -1, 1, false, true, &ca.nodes }, TLS_SELF_SIGNED,
                        TLS_SELF_SIGNED, SSL_AD_UNKNOWN_CA },
                { "another CA", { LOBBY, BOTH, -1, 1, false, false, &other.nodes },
                        TLS_UNKNOWN_ISSUER, TLS_UNKNOWN_ISSUER, SSL_AD_UNKNOWN_CA },
                /* Nobody is asked for by name on the accepting side: there it is one of no node. */
                { "wrong name",
                        { "DNS:lobby.example,IP:127.0.0.1", BOTH, -1, 1, false, false, &ca.nodes },
                        TLS_WRONG_NAME, TLS_WRONG_NAME, SSL_AD_BAD_CERTIFICATE },
                { "wrong role",
                        { "URI:" URI_OF("edge", "lobby"), BOTH, -1, 1, false, false, &ca.nodes },
                        TLS_WRONG_ROLE, TLS_WRONG_ROLE, SSL_AD_BAD_CERTIFICATE },
                { "expired", { LOBBY, BOTH, -3, -1, false, false, &ca.nodes }, TLS_EXPIRED,
                        TLS_EXPIRED, SSL_AD_CERTIFICATE_EXPIRED },
                { "not yet valid", { LOBBY, BOTH, 1, 3, false, false, &ca.nodes },
                        TLS_NOT_YET_VALID, TLS_NOT_YET_VALID, SSL_AD_BAD_CERTIFICATE },
                { "revoked", { LOBBY, BOTH, -1, 1, false, false, &ca.nodes }, TLS_REVOKED,
                        TLS_REVOKED, SSL_AD_CERTIFICATE_REVOKED },
                { "weak key", { LOBBY, BOTH, -1, 1, true, false, &ca.nodes }, TLS_WEAK_KEY,
                        TLS_WEAK_KEY, SSL_AD_BAD_CERTIFICATE },
        };
        for (unsigned i = 0; i < 2 * ARRAY_LEN(cases); i++)
                try_bad(&ca, &cases[i / 2], i % 2);
        ca_done(&ca);
        ca_done(&other);
}

static void names_and_purposes(void **state)
{
        static const enum tls_refusal name = TLS_WRONG_NAME, purpose = TLS_WRONG_PURPOSE;
        static const enum tls_refusal issuer = TLS_UNKNOWN_ISSUER;
        struct ca ca;

        (void)state;
        ca_init(&ca);
        const struct bad cases[] = {
                { "as it should be", { LOBBY, BOTH, -1, 1, 0, 0, &ca.nodes }, TLS_OK, TLS_OK, 0 },
                { "with names besides",
                        { "DNS:a.b,IP:1.2.3.4,email:a@b.c," LOBBY, BOTH, -1, 1, 0, 0, &ca.nodes },
                        TLS_OK, TLS_OK, 0 },
                { "a server's alone", { LOBBY, "serverAuth", -1, 1, 0, 0, &ca.nodes }, TLS_OK,
                        purpose, 0 },
                { "a client's alone", { LOBBY, "clientAuth", -1, 1, 0, 0, &ca.nodes }, purpose,
                        TLS_OK, 0 },
                { "for anything", { LOBBY, NULL, -1, 1, 0, 0, &ca.nodes }, purpose, purpose, 0 },
                { "anyExtendedKeyUsage", { LOBBY, "anyExtendedKeyUsage", -1, 1, 0, 0, &ca.nodes },
                        purpose, purpose, 0 },
                { "the grant key's", { LOBBY, "1.3.6.1.5.5.7.3.36", -1, 1, 0, 0, &ca.nodes },
                        purpose, purpose, 0 },
                { "of the cameras' issuer", { LOBBY, BOTH, -1, 1, 0, 0, &ca.cameras }, issuer,
                        issuer, 0 },
                { "of the seals' issuer", { LOBBY, BOTH, -1, 1, 0, 0, &ca.seals }, issuer, issuer,
                        0 },
                { "a seal's", { LOBBY, "1.3.6.1.5.5.7.3.36", -1, 1, 0, 0, &ca.seals }, purpose,
                        purpose, 0 },
                { "of the root itself", { LOBBY, BOTH, -1, 1, 0, 0, &ca.root }, issuer, issuer, 0 },
                { "two URIs", { LOBBY "," LOBBY, BOTH, -1, 1, 0, 0, &ca.nodes }, name, name, 0 },
                { "two roles",
                        { LOBBY ",URI:" URI_OF("gateway", "lobby"), BOTH, -1, 1, 0, 0, &ca.nodes },
                        name, name, 0 },
                { "another site",
                        { "URI:custos://south/recorder/lobby", BOTH, -1, 1, 0, 0, &ca.nodes }, name,
                        name, 0 },
                { "a longer site",
                        { "URI:custos://" SITE "-2/recorder/lobby", BOTH, -1, 1, 0, 0, &ca.nodes },
                        name, name, 0 },
                { "more behind it", { LOBBY "/x", BOTH, -1, 1, 0, 0, &ca.nodes }, name, name, 0 },
                { "a query", { LOBBY "?x", BOTH, -1, 1, 0, 0, &ca.nodes }, name, name, 0 },
                { "another scheme",
                        { "URI:https://" SITE "/recorder/lobby", BOTH, -1, 1, 0, 0, &ca.nodes },
                        name, name, 0 },
                { "in capitals",
                        { "URI:custos://" SITE "/Recorder/lobby", BOTH, -1, 1, 0, 0, &ca.nodes },
                        name, name, 0 },
                { "no name", { NULL, BOTH, -1, 1, 0, 0, &ca.nodes }, name, name, 0 },
                /* On the accepting side any recorder may come. */
                { "its neighbour", { LOBBY "-2", BOTH, -1, 1, 0, 0, &ca.nodes }, name, TLS_OK, 0 },
        };
        for (unsigned i = 0; i < 2 * ARRAY_LEN(cases); i++)
                try_bad(&ca, &cases[i / 2], i % 2);
        ca_done(&ca);
}

/* The trap of accepting sides: none is fine where none is needed, a bad one never is. */
static void without_a_certificate(void **state)
{
        struct ca ca;
        struct tls_role_peer peer;

        (void)state;
        ca_init(&ca);
        struct tls_role_config *c = config_of(&ca, URI_OF("manager", "main"));
        struct raw raw = raw_new(NULL, false, TLS1_3_VERSION, NULL);
        struct end ours = ours_of(c, true);
        run(&raw, &ours);
        assert_int_equal(ours.r, 1);
        assert_true(tls_established(ours.t));
        assert_false(tls_role_peer(ours.t, &peer));
        assert_false(tls_chain_verified(ours.t));
        assert_int_equal(tls_role_recheck(ours.t, c, NOW, NULL), 0);
        end_done(&ours);
        raw_done(&raw);
        tls_role_config_freep(&c);
        ca_done(&ca);
}

static void try_talk(
        const struct ca *ca, bool peer_is_server, int version, const char *suites, int want)
{
        const struct spec good_one = { LOBBY, BOTH, -1, 1, 0, 0, &ca->nodes };
        struct tls_role_config *c = config_of(ca, URI_OF("manager", "main"));
        struct raw raw = raw_new(&good_one, peer_is_server, version, suites);
        struct end ours = ours_of(c, !peer_is_server);

        run(&raw, &ours);
        if (tls_refusal(ours.t) != (enum tls_refusal)want)
                fail_msg("%s: %s", suites ? suites : "old", ours.e.text);
        assert_int_equal(ours.r, want == TLS_OK ? 1 : ERR_PROTOCOL);
        end_done(&ours);
        raw_done(&raw);
        tls_role_config_freep(&c);
}

static void versions_and_ciphers(void **state)
{
        struct ca ca;

        (void)state;
        ca_init(&ca);
        for (unsigned server = 0; server < 2; server++) {
                try_talk(&ca, server, TLS1_2_VERSION, NULL, TLS_VERSION);
                try_talk(
                        &ca, server, TLS1_3_VERSION, "TLS_CHACHA20_POLY1305_SHA256", TLS_NO_CIPHER);
                try_talk(&ca, server, TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256", TLS_OK);
        }
        ca_done(&ca);
}

/* ---- nothing to resume ---- */

/* A client that was here once comes again with what it has of that session. */
static struct end come_again(struct tls_role_config *c, struct raw *first, int *ret_reused)
{
        struct raw again = raw_new(NULL, false, TLS1_3_VERSION, NULL);
        SSL_SESSION *session = SSL_get1_session(first->ssl);
        struct end ours = ours_of(c, true);

        SSL_set_session(again.ssl, session);
        run(&again, &ours);
        *ret_reused = SSL_session_reused(again.ssl);
        SSL_SESSION_free(session);
        raw_done(&again);
        return ours;
}

static void nothing_to_resume(void **state)
{
        struct ca ca;
        struct tls_role_peer peer;
        int reused = -1;

        (void)state;
        ca_init(&ca);
        const struct spec good_one = { LOBBY, BOTH, -1, 1, 0, 0, &ca.nodes };
        struct tls_role_config *c = config_of(&ca, URI_OF("manager", "main"));
        for (int broken = 0; broken < 2; broken++) {
                struct raw raw = raw_new(&good_one, false, TLS1_3_VERSION, NULL);
                struct end ours = ours_of(c, true);
                if (broken) { /* as though tickets had been left on: the second wall */
                        SSL_CTX *ctx = ours.t->config->ctx;
                        SSL_CTX_set_num_tickets(ctx, 2);
                        SSL_CTX_clear_options(ctx, SSL_OP_NO_TICKET);
                        SSL_CTX_set_session_id_context(ctx, (const uint8_t *)"x", 1);
                        tls_freep(&ours.t);
                        assert_int_equal(
                                tls_role_server_new(c, takes_recorders, NOW, &ours.t, NULL), 0);
                }
                run(&raw, &ours);
                assert_int_equal(ours.r, 1);
                assert_true(tls_role_peer(ours.t, &peer));
                SSL_SESSION *session = SSL_get0_session(raw.ssl);
                assert_int_equal(SSL_SESSION_is_resumable(session), broken);
                struct end later = come_again(c, &raw, &reused);
                assert_int_equal(reused, broken);
                assert_false(tls_role_peer(later.t, &peer));
                assert_int_equal(later.r, broken ? ERR_PROTOCOL : 1);
                if (broken)
                        assert_non_null(strstr(later.e.text, "resumed"));
                end_done(&later);
                end_done(&ours);
                raw_done(&raw);
        }
        tls_role_config_freep(&c);
        ca_done(&ca);
}

/* ---- a session that lives on ---- */

static void assert_rekeys(const struct end *x, uint64_t sent, uint64_t received)
{
        uint64_t s = 0, r = 0;

        tls_rekeys(x->t, &s, &r);
        assert_int_equal(s, sent);
        assert_int_equal(r, received);
}

static void rekeying(void **state)
{
        struct ca ca;

        (void)state;
        ca_init(&ca);
        struct pair p = good_pair(&ca);
        assert_rekeys(&p.client, 0, 0);
        assert_int_equal(tls_rekey(p.client.t, NULL), 0);
        assert_true(tls_output(p.client.t)->n > 0); /* at once */
        carry(&p.client, &p.server);
        assert_rekeys(&p.client, 1, 0);
        assert_rekeys(&p.server, 0, 1);
        exchange(&p); /* the answer goes out before what is written */
        assert_rekeys(&p.server, 1, 1);
        assert_rekeys(&p.client, 1, 1);

        for (unsigned i = 0; i < 100; i++) { /* both at the same time, too */
                assert_int_equal(tls_rekey(p.server.t, NULL), 0);
                if (i % 2)
                        assert_int_equal(tls_rekey(p.client.t, NULL), 0);
                exchange(&p);
                exchange(&p);
        }
        uint64_t sent = 0, received = 0;
        tls_rekeys(p.client.t, &sent, &received);
        assert_true(sent >= 101 && received >= 101);
        assert_rekeys(&p.server, received, sent);
        pair_done(&p);

        struct tls_role_config *c = config_of(&ca, URI_OF("manager", "main"));
        struct end idle = ours_of(c, false);
        assert_int_equal(tls_rekey(idle.t, NULL), ERR_STATE);
        assert_rekeys(&idle, 0, 0);
        end_done(&idle);
        tls_role_config_freep(&c);
        ca_done(&ca);
}

/* The certificate that the peer of this end has. */
static struct buf peer_der(const struct end *x)
{
        struct buf der;
        unsigned char *bytes = NULL;
        int n = i2d_X509(SSL_get0_peer_certificate(x->t->ssl), &bytes);

        buf_init(&der, X509_CERT_MAX);
        assert_int_equal(buf_append(&der, BYTES(bytes, (size_t)n), NULL), 0);
        OPENSSL_free(bytes);
        return der;
}

static void judged_again(void **state)
{
        struct ca ca, other;

        (void)state;
        ca_init(&ca);
        ca_init(&other);
        for (unsigned i = 0; i < 2; i++) {
                struct pair p = good_pair(&ca);
                struct end *x = i ? &p.server : &p.client;
                struct tls_role_config *now = config_of(&ca, URI_OF("gateway", "x"));
                struct tls_role_config *foreign = config_of(&other, URI_OF("gateway", "x"));
                struct buf der = peer_der(x);
                struct err e;

                assert_int_equal(tls_role_recheck(x->t, now, NOW + 13 * DAY, &e), 0);
                exchange(&p);
                revoke(now, &ca, buf_bytes(&der));
                assert_int_equal(tls_role_recheck(x->t, now, NOW, &e), ERR_AUTH);
                assert_int_equal(e.fault, FAULT_REVOKED);
                assert_int_equal(tls_write(x->t, bytes_str("x"), NULL), ERR_STATE);
                assert_int_equal(tls_role_recheck(x->t, now, NOW, &e), ERR_STATE);
                assert_int_equal(tls_rekey(x->t, &e), ERR_STATE);
                pair_done(&p);

                p = good_pair(&ca);
                assert_int_equal(tls_role_recheck(x->t, foreign, NOW, &e), ERR_AUTH);
                assert_int_equal(e.fault, FAULT_UNKNOWN_ISSUER);
                pair_done(&p);

                p = good_pair(&ca);
                tls_role_config_freep(&now);
                now = config_of(&ca, URI_OF("gateway", "x"));
                assert_int_equal(tls_role_recheck(x->t, now, NOW + 15 * DAY, &e), ERR_AUTH);
                assert_int_equal(e.fault, FAULT_EXPIRED);
                struct tls_role_peer peer;
                assert_false(tls_role_peer(x->t, &peer));
                pair_done(&p);
                tls_role_config_freep(&now);
                tls_role_config_freep(&foreign);
                buf_done(&der);
        }
        ca_done(&ca);
        ca_done(&other);
}

/* A renewed certificate: new connections have the new one, those that live go on. */
static void config_replaced(void **state)
{
        struct ca ca;
        struct tls_role_peer before, after;

        (void)state;
        ca_init(&ca);
        struct tls_role_config *client = config_of(&ca, URI_OF("recorder", "lobby")),
                               *server = config_of(&ca, URI_OF("manager", "main"));
        struct pair p[2] = { 0 };
        for (unsigned i = 0; i < 2; i++) {
                assert_int_equal(
                        tls_role_client_new(client, "manager", NULL, NOW, &p[i].client.t, NULL), 0);
                assert_int_equal(
                        tls_role_server_new(server, takes_recorders, NOW, &p[i].server.t, NULL), 0);
                shake(&p[i]);
                tls_role_config_freep(&client);
                client = config_of(&ca, URI_OF("recorder", "lobby"));
        }
        exchange(&p[0]);
        exchange(&p[1]);
        assert_true(tls_role_peer(p[0].server.t, &before) && tls_role_peer(p[1].server.t, &after));
        assert_string_equal(before.uri, after.uri);
        assert_memory_not_equal(before.key, after.key, 32);
        assert_int_equal(tls_role_recheck(p[0].client.t, client, NOW, NULL), 0);
        pair_done(&p[0]);
        pair_done(&p[1]);
        tls_role_config_freep(&client);
        tls_role_config_freep(&server);
        ca_done(&ca);
}

/* ---- what callers give ---- */

static void uris(void **state)
{
        static const char *const bad[] = { "", "custos://", "custos://north", "custos://north/",
                "custos://north/recorder", "custos://north/recorder/", "custos://north//lobby",
                "custos://northern/recorder/lobby", "custos://nort/recorder/lobby",
                "custos://north/recorder/lobby/", "custos://north/recorder/-lobby",
                "custos://north/recorder/lobby%00", "custos://North/recorder/lobby",
                "custos://north/roleofsixteen-ch/lobby", "custos://north/recorder/a b",
                "custos://north/recorder/a1234567890123456789012345678901234567890123456789",
                "https://north/recorder/lobby" };
        char role[16] = "-", name[TLS_ROLE_NAME_ROOM] = "-";
        struct err e;

        (void)state;
        for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
                if (tls_role_parse_uri(bad[i], "north", role, name, &e) != ERR_INVALID)
                        fail_msg("taken: %s", bad[i]);
        }
        assert_string_equal(role, "-");
        assert_string_equal(name, "-");
        assert_int_equal(
                tls_role_parse_uri("custos://north/recorder/lobby-3", "north", role, name, &e), 0);
        assert_string_equal(role, "recorder");
        assert_string_equal(name, "lobby-3");
}

static void bad_input(void **state)
{
        static const char *const many[] = { "a", "b", "c", "d", "e", "f", "g", "h", "i", NULL };
        static const char *const none[] = { NULL };
        struct ca ca;
        struct entity node;
        struct tls_role_config *c = NULL;
        struct tls *t = NULL;
        struct err e;

        (void)state;
        ca_init(&ca);
        issue(&node, X509_NODE, "node", URI_OF("recorder", "lobby"), &ca.nodes);
        struct buf chain = pem_of(&node, &ca.nodes);
        const struct tls_role_identity id = { SITE, buf_bytes(&ca.root.der),
                buf_bytes(&ca.nodes.der), buf_bytes(&chain), node.key };
        struct tls_role_identity x = id;
        x.site = "no site";
        assert_int_equal(tls_role_config_new(&x, &c, &e), ERR_INVALID);
        x = id;
        x.root_der = bytes_str("rubbish");
        assert_int_equal(tls_role_config_new(&x, &c, &e), ERR_INVALID);
        x = id;
        x.issuer_der = bytes_str("");
        assert_int_equal(tls_role_config_new(&x, &c, &e), ERR_INVALID);
        x = id;
        x.key = ca.nodes.key;
        assert_int_equal(tls_role_config_new(&x, &c, &e), ERR_INVALID);
        assert_non_null(strstr(e.text, "node certificate: the private key"));
        assert_null(c);
        assert_int_equal(tls_role_config_new(&id, &c, &e), 0);
        assert_int_equal(tls_role_server_new(c, many, NOW, &t, &e), ERR_INVALID);
        assert_int_equal(tls_role_server_new(c, none, NOW, &t, &e), ERR_INVALID);
        assert_int_equal(tls_role_client_new(c, "Manager", NULL, NOW, &t, &e), ERR_INVALID);
        assert_int_equal(tls_role_client_new(c, "manager", "*", NOW, &t, &e), ERR_INVALID);
        assert_int_equal(tls_role_config_crls(c, bytes_str("rubbish"), &e), ERR_INVALID);
        assert_null(t);
        tls_role_config_freep(&c);
        buf_done(&chain);
        entity_done(&node);
        ca_done(&ca);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(good),
                cmocka_unit_test(who_is_refused_hears_it),
                cmocka_unit_test(sixteen_refusals),
                cmocka_unit_test(names_and_purposes),
                cmocka_unit_test(without_a_certificate),
                cmocka_unit_test(versions_and_ciphers),
                cmocka_unit_test(nothing_to_resume),
                cmocka_unit_test(rekeying),
                cmocka_unit_test(judged_again),
                cmocka_unit_test(config_replaced),
                cmocka_unit_test(uris),
                cmocka_unit_test(bad_input),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
