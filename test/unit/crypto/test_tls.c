/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Client and server in one process, the bytes carried by hand. Servers that Custos would not run
 * are OpenSSL's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"
#include "crypto/ossl.h"
#include "crypto/tls.h"
#include "crypto/tls_session.h"
#include "crypto/x509.h"

#define SECOND INT64_C(1000000)
#define DAY (86400 * SECOND)
#define NOW (INT64_C(1795000000) * SECOND)
#define HOST "lobby-3.cam.example"

struct entity {
        struct sign_key *key;
        struct buf der;
};

/* A site: root, camera issuer, and what a camera presents. */
struct site {
        struct entity root, issuer, leaf;
        struct buf roots_pem, chain_pem;
};

static const char *const host_dns[] = { HOST, "lobby-3", NULL };
static const char *const host_ip[] = { "10.1.2.3", "fe80::7", NULL };
static const struct x509_request camera_request = { .purpose = X509_CAMERA,
        .common_name = "lobby-3",
        .dns = host_dns,
        .ip = host_ip,
        .not_before_us = NOW - DAY,
        .not_after_us = NOW + DAY };

static void issue(struct entity *t, const struct x509_request *r, const struct entity *above)
{
        struct err e;

        t->key = sign_key_generate();
        buf_init(&t->der, X509_CERT_MAX);
        if (x509_issue(r, t->key, above ? buf_bytes(&above->der) : BYTES(NULL, 0),
                    above ? above->key : t->key, &t->der, &e) < 0)
                fail_msg("%s", e.text);
}

static void site_init(struct site *s, const struct x509_request *leaf)
{
        const struct x509_request root = { .purpose = X509_ROOT,
                .common_name = "root",
                .not_before_us = NOW - 100 * DAY,
                .not_after_us = NOW + 100 * DAY };
        const struct x509_request issuer = { .purpose = X509_ISSUER,
                .common_name = "cameras",
                .not_before_us = NOW - 100 * DAY,
                .not_after_us = NOW + 100 * DAY };

        issue(&s->root, &root, NULL);
        issue(&s->issuer, &issuer, &s->root);
        issue(&s->leaf, leaf, &s->issuer);
        buf_init(&s->roots_pem, 65536);
        buf_init(&s->chain_pem, 65536);
        assert_int_equal(x509_pem_format(buf_bytes(&s->root.der), &s->roots_pem, NULL), 0);
        assert_int_equal(x509_pem_format(buf_bytes(&s->leaf.der), &s->chain_pem, NULL), 0);
        assert_int_equal(x509_pem_format(buf_bytes(&s->issuer.der), &s->chain_pem, NULL), 0);
}

static void site_done(struct site *s)
{
        struct entity *all[] = { &s->root, &s->issuer, &s->leaf };

        for (unsigned i = 0; i < 3; i++) {
                sign_key_freep(&all[i]->key);
                buf_done(&all[i]->der);
        }
        buf_done(&s->roots_pem);
        buf_done(&s->chain_pem);
}

/* One end; raw is OpenSSL's own server where t is NULL. */
struct end {
        struct tls *t;
        SSL *raw;
        struct buf got;
        unsigned records;
        size_t largest;
        bool closed;
        int r;
        struct err e;
};

static int on_data(void *owner, struct bytes plain, struct err *e)
{
        struct end *end = owner;

        end->records++;
        if (plain.n > end->largest)
                end->largest = plain.n;
        return buf_append(&end->got, plain, e);
}

static void end_feed(struct end *to, struct bytes b)
{
        uint8_t *copy = malloc(b.n); /* of exactly this size and gone afterwards: ASan sees every
                                        view that stays */

        memcpy(copy, b.p, b.n);
        to->r = tls_feed(to->t, BYTES(copy, b.n), on_data, to, &to->closed, &to->e);
        memset(copy, 0xee, b.n);
        free(copy);
}

static void carry(struct end *from, struct end *to, size_t piece)
{
        struct buf *out = tls_output(from->t);

        for (size_t at = 0; at < out->n && to->r >= 0; at += piece)
                end_feed(to, bytes_sub(buf_bytes(out), at, piece));
        buf_clear(out);
}

static void raw_step(struct end *raw, struct end *client)
{
        uint8_t bytes[65536];
        struct buf *out = tls_output(client->t);

        if (out->n)
                assert_int_equal(
                        BIO_write(SSL_get_rbio(raw->raw), out->p, (int)out->n), (int)out->n);
        buf_clear(out);
        (void)SSL_do_handshake(raw->raw);
        ERR_clear_error();
        int n = BIO_read(SSL_get_wbio(raw->raw), bytes, sizeof bytes);
        if (n > 0 && client->r >= 0)
                end_feed(client, BYTES(bytes, (size_t)n));
}

/* Runs the handshake until nothing moves any more. */
static void shake(struct end *client, struct end *server, size_t piece)
{
        client->r = tls_start(client->t, &client->e);
        assert_int_equal(client->r, 0);
        for (unsigned i = 0; i < 6; i++) {
                if (server->raw) {
                        raw_step(server, client);
                } else {
                        carry(client, server, piece);
                        carry(server, client, piece);
                }
                if (client->r < 0)
                        return; /* the alert stays in its output */
        }
}

static void end_done(struct end *x)
{
        tls_freep(&x->t);
        SSL_free(x->raw);
        buf_done(&x->got);
}

struct pair {
        struct end client, server;
};

static struct end client_of(const struct site *trusted, const char *host, const uint8_t *pin)
{
        struct tls_client_config *config = NULL;
        struct end end = { 0 };

        buf_init(&end.got, 16 << 20);
        assert_int_equal(
                tls_client_config_new(
                        trusted ? buf_bytes(&trusted->roots_pem) : BYTES(NULL, 0), &config, NULL),
                0);
        assert_int_equal(tls_client_new(config, host, pin, NOW, &end.t, &end.e), 0);
        tls_client_config_free(config); /* before its session, on purpose */
        return end;
}

static struct end server_of(const struct site *s)
{
        struct tls_server_config *config = NULL;
        struct end end = { 0 };

        buf_init(&end.got, 16 << 20);
        if (tls_server_config_new(buf_bytes(&s->chain_pem), s->leaf.key, &config, &end.e) < 0)
                fail_msg("%s", end.e.text);
        assert_int_equal(tls_server_new(config, &end.t, NULL), 0);
        tls_server_config_free(config);
        return end;
}

static void expect_refusal(struct end *c, enum tls_refusal reason)
{
        if (c->r >= 0)
                fail_msg("accepted, \"%s\" expected", tls_refusal_name(reason));
        if (tls_refusal(c->t) != reason)
                fail_msg("\"%s\" expected: %s", tls_refusal_name(reason), c->e.text);
        assert_int_equal(c->r, c->e.code);
        assert_non_null(strstr(c->e.text, fault_text(tls_refusal_fault(reason))));
        assert_non_null(
                strstr(c->e.text, fault_remedy(tls_refusal_fault(reason)))); /* not cut off */
        assert_false(tls_established(c->t));
        assert_false(tls_chain_verified(c->t));
        assert_int_equal(tls_write(c->t, bytes_str("DESCRIBE"), NULL), ERR_STATE);
        assert_int_equal(c->got.n, 0);
        bool closed;
        assert_int_equal(tls_feed(c->t, bytes_str("x"), on_data, c, &closed, NULL), ERR_STATE);
        struct buf *out = tls_output(c->t);
        /* Whom we refuse hears it, and nothing but an alert goes out (in TLS 1.3 it is encrypted,
         * behind a dummy record). */
        if (c->r == ERR_AUTH)
                assert_true(out->n > 0 && out->n < 64);
        if (out->n > 0 && reason != TLS_NOT_TLS)
                assert_true(out->p[0] == 21 || out->p[0] == 20 || out->p[0] == 23);
}

/* The whole of one try: the camera presents what `request` says; the client trusts `trusted` (NULL:
 * the same site). */
static void try_leaf(const struct x509_request *request, const char *host, enum tls_refusal want)
{
        struct site s;

        site_init(&s, request);
        struct end client = client_of(&s, host, NULL), server = server_of(&s);
        shake(&client, &server, SIZE_MAX / 2);
        if (want == TLS_OK) {
                if (client.r != 1)
                        fail_msg("%s: %s", host, client.e.text);
                assert_true(tls_established(client.t) && tls_chain_verified(client.t));
        } else {
                expect_refusal(&client, want);
        }
        uint8_t key[32], seen[32];
        sign_key_id(s.leaf.key, key);
        assert_true(tls_peer_key(client.t, seen)); /* on refusal as well */
        assert_memory_equal(key, seen, 32);
        end_done(&client);
        end_done(&server);
        site_done(&s);
}

static void good(void **state)
{
        (void)state;
        try_leaf(&camera_request, HOST, TLS_OK);
        try_leaf(&camera_request, "LOBBY-3", TLS_OK);
        try_leaf(&camera_request, "lobby-3.", TLS_OK);
        try_leaf(&camera_request, "10.1.2.3", TLS_OK);
        try_leaf(&camera_request, "fe80::7", TLS_OK);
        try_leaf(&camera_request, "fe80:0::7%eth0", TLS_OK);
        struct x509_request node = camera_request;
        node.purpose = X509_NODE;
        try_leaf(&node, HOST, TLS_OK);
}

static void wrong_name(void **state)
{
        (void)state;
        try_leaf(&camera_request, "lobby-4", TLS_WRONG_NAME);
        try_leaf(&camera_request, "x." HOST, TLS_WRONG_NAME);
        try_leaf(&camera_request, "10.1.2.4", TLS_WRONG_NAME);
        try_leaf(&camera_request, "fe80::8", TLS_WRONG_NAME);
        struct x509_request r = camera_request;
        r.dns = r.ip = NULL; /* the common name is lobby-3, and does not count */
        try_leaf(&r, "lobby-3", TLS_WRONG_NAME);
        const char *const dressed[] = { "10.1.2.3", NULL }; /* an address dressed as a DNS name */
        r.dns = dressed;
        try_leaf(&r, "10.1.2.3", TLS_WRONG_NAME);
}

static void dates_and_purpose(void **state)
{
        struct x509_request r = camera_request;

        (void)state;
        r.not_after_us = NOW - SECOND;
        try_leaf(&r, HOST, TLS_EXPIRED);
        r = camera_request;
        r.not_before_us = NOW + 10 * SECOND;
        try_leaf(&r, HOST, TLS_NOT_YET_VALID);
        r = camera_request;
        r.purpose = X509_SEAL;
        try_leaf(&r, HOST, TLS_WRONG_PURPOSE);
}

/* As try_leaf, with a chain and a trust given. */
static void try_chain(
        const struct site *server_site, const struct site *trusted, enum tls_refusal want)
{
        struct end client = client_of(trusted, HOST, NULL), server = server_of(server_site);

        shake(&client, &server, SIZE_MAX / 2);
        expect_refusal(&client, want);
        end_done(&client);
        end_done(&server);
}

static void chains(void **state)
{
        struct site ours, foreign;

        (void)state;
        site_init(&ours, &camera_request);
        site_init(&foreign, &camera_request); /* the same names at every level */
        try_chain(&foreign, &ours, TLS_UNKNOWN_ISSUER);
        try_chain(&ours, NULL, TLS_UNKNOWN_ISSUER);

        buf_clear(&ours.chain_pem); /* without the issuer between */
        assert_int_equal(x509_pem_format(buf_bytes(&ours.leaf.der), &ours.chain_pem, NULL), 0);
        try_chain(&ours, &ours, TLS_UNKNOWN_ISSUER);

        buf_clear(&ours.roots_pem); /* the issuer alone is no root */
        assert_int_equal(x509_pem_format(buf_bytes(&ours.issuer.der), &ours.roots_pem, NULL), 0);
        try_chain(&ours, &ours, TLS_UNKNOWN_ISSUER);
        site_done(&ours);
        site_done(&foreign);
}

static void self_signed(void **state)
{
        struct site s;
        struct x509_request r = camera_request;

        (void)state;
        site_init(&s, &camera_request);
        sign_key_freep(&s.leaf.key);
        buf_done(&s.leaf.der);
        r.purpose = X509_ROOT;
        issue(&s.leaf, &r, NULL);
        buf_clear(&s.chain_pem);
        assert_int_equal(x509_pem_format(buf_bytes(&s.leaf.der), &s.chain_pem, NULL), 0);
        try_chain(&s, &s, TLS_SELF_SIGNED);
        site_done(&s);
}

static void bad_signature(void **state)
{
        struct site s;

        (void)state;
        site_init(&s, &camera_request);
        s.leaf.der.p[s.leaf.der.n - 1] ^= 1;
        buf_clear(&s.chain_pem);
        assert_int_equal(x509_pem_format(buf_bytes(&s.leaf.der), &s.chain_pem, NULL), 0);
        assert_int_equal(x509_pem_format(buf_bytes(&s.issuer.der), &s.chain_pem, NULL), 0);
        try_chain(&s, &s, TLS_BAD_SIGNATURE);
        site_done(&s);
}

static void pins(void **state)
{
        struct site s, other;
        struct x509_request old = camera_request;
        uint8_t pin[32], seen[32];

        (void)state;
        old.not_after_us = NOW - SECOND; /* a pinned key's dates and names are not judged */
        old.dns = old.ip = NULL;
        site_init(&s, &old);
        site_init(&other, &camera_request);
        sign_key_id(s.leaf.key, pin);

        struct end client = client_of(NULL, HOST, pin), server = server_of(&s);
        shake(&client, &server, 100);
        assert_int_equal(client.r, 1);
        assert_true(tls_established(client.t));
        assert_false(tls_chain_verified(client.t));
        assert_true(tls_peer_key(client.t, seen));
        assert_memory_equal(seen, pin, 32);
        end_done(&client);
        end_done(&server);

        /* The other one is verified by chain and name, and is not the pinned key all the same. */
        client = client_of(&other, HOST, pin);
        server = server_of(&other);
        shake(&client, &server, 100);
        expect_refusal(&client, TLS_PIN_MISMATCH);
        assert_true(tls_peer_key(client.t, seen));
        assert_memory_not_equal(seen, pin, 32);
        end_done(&client);
        end_done(&server);
        site_done(&s);
        site_done(&other);
}

/* A server of OpenSSL's own, with a key of `bits` (RSA; 0: P-256), signed by the site's camera
 * issuer. */
static struct end raw_server(
        const struct site *s, int bits, int max_version, const char *ciphers, uint8_t pin[32])
{
        EVP_PKEY *key = bits ? EVP_RSA_gen((unsigned)bits) : EVP_EC_gen("P-256");
        X509 *cert = X509_new(), *issuer = ossl_cert(buf_bytes(&s->issuer.der), NULL);
        SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
        struct end end = { 0 };

        buf_init(&end.got, 1 << 20);
        X509_set_version(cert, 2);
        ASN1_INTEGER_set(X509_get_serialNumber(cert), 7);
        X509_set_issuer_name(cert, X509_get_subject_name(issuer));
        X509_NAME_add_entry_by_txt(
                X509_get_subject_name(cert), "CN", MBSTRING_ASC, (const uint8_t *)"x", -1, -1, 0);
        ASN1_TIME_set(X509_getm_notBefore(cert), NOW / SECOND - 1000);
        ASN1_TIME_set(X509_getm_notAfter(cert), NOW / SECOND + 1000);
        X509_set_pubkey(cert, key);
        X509_EXTENSION *san = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "DNS:" HOST);
        X509_add_ext(cert, san, -1);
        X509_EXTENSION_free(san);
        X509V3_CTX v3;
        X509V3_set_ctx(&v3, issuer, cert, NULL, NULL, 0);
        X509V3_set_ctx_nodb(&v3);
        X509_EXTENSION *aki =
                X509V3_EXT_conf_nid(NULL, &v3, NID_authority_key_identifier, "keyid:always");
        X509_add_ext(cert, aki, -1);
        X509_EXTENSION_free(aki);
        assert_true(X509_sign(cert, sign_key_evp(s->issuer.key), EVP_sha256()) > 0);
        ossl_spki_id(X509_get_X509_PUBKEY(cert), pin);

        SSL_CTX_set_security_level(ctx, 0);
        assert_int_equal(SSL_CTX_set_cipher_list(ctx, ciphers), 1);
        SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION);
        SSL_CTX_set_max_proto_version(ctx, max_version);
        assert_int_equal(SSL_CTX_use_certificate(ctx, cert), 1);
        assert_int_equal(SSL_CTX_add1_chain_cert(ctx, issuer), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey(ctx, key), 1);
        end.raw = SSL_new(ctx);
        SSL_set_bio(end.raw, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
        SSL_set_accept_state(end.raw);
        SSL_CTX_free(ctx);
        EVP_PKEY_free(key);
        X509_free(cert);
        X509_free(issuer);
        return end;
}

static void try_raw(
        int bits, int max_version, const char *ciphers, bool pinned, enum tls_refusal want)
{
        struct site s;
        uint8_t pin[32];

        site_init(&s, &camera_request);
        struct end server = raw_server(&s, bits, max_version, ciphers, pin);
        struct end client = client_of(&s, HOST, pinned ? pin : NULL);
        shake(&client, &server, 0);
        if (want == TLS_OK) {
                if (client.r != 1)
                        fail_msg("%s", client.e.text);
                assert_int_equal(tls_version(client.t), max_version);
                assert_non_null(strstr(tls_cipher(client.t), "GCM"));
        } else {
                expect_refusal(&client, want);
        }
        end_done(&client);
        end_done(&server);
        site_done(&s);
}

static void other_servers(void **state)
{
        static const char all[] = "ALL:@SECLEVEL=0";

        (void)state;
        try_raw(2048, TLS1_3_VERSION, all, false, TLS_OK);
        try_raw(2048, TLS1_2_VERSION, all, false, TLS_OK);
        try_raw(0, TLS1_2_VERSION, all, false, TLS_OK);
        try_raw(1024, TLS1_3_VERSION, all, false, TLS_WEAK_KEY);
        try_raw(1024, TLS1_2_VERSION, all, false, TLS_WEAK_KEY);
        try_raw(1024, TLS1_3_VERSION, all, true, TLS_WEAK_KEY);
        try_raw(2048, TLS1_1_VERSION, all, false, TLS_VERSION);
        try_raw(2048, TLS1_1_VERSION, all, true, TLS_VERSION);
        try_raw(2048, TLS1_VERSION, all, false, TLS_VERSION);
        try_raw(2048, TLS1_2_VERSION, "AES128-GCM-SHA256:@SECLEVEL=0", false,
                TLS_NO_CIPHER); /* no forward secrecy */
        try_raw(2048, TLS1_2_VERSION, "ECDHE-RSA-AES128-SHA:@SECLEVEL=0", false,
                TLS_NO_CIPHER); /* CBC */
}

/* A server that wants to negotiate anew, when another could have taken its place: it is told no,
 * and that is all. */
static void no_renegotiation(void **state)
{
        struct site s;
        uint8_t pin[32];

        (void)state;
        site_init(&s, &camera_request);
        struct end server = raw_server(&s, 2048, TLS1_2_VERSION, "ALL:@SECLEVEL=0", pin);
        struct end client = client_of(&s, HOST, NULL);
        shake(&client, &server, 0);
        assert_int_equal(client.r, 1);
        assert_int_equal(tls_output(client.t)->n, 0);
        assert_int_equal(SSL_renegotiate(server.raw), 1);
        raw_step(&server, &client);
        assert_int_equal(client.r, 1);
        assert_true(tls_output(client.t)->n > 0);
        assert_int_equal(tls_output(client.t)->p[0], SSL3_RT_ALERT); /* and not SSL3_RT_HANDSHAKE */
        end_done(&client);
        end_done(&server);
        site_done(&s);
}

static void not_tls(void **state)
{
        static const char *const answers[] = { "RTSP/1.0 400 Bad Request\r\n\r\n",
                "HTTP/1.1 400 Bad\r\n", "SSH-2.0-x\r\n", "\x16\x02\x03", "$\0" };
        struct site s;

        (void)state;
        site_init(&s, &camera_request);
        for (unsigned i = 0; i < ARRAY_LEN(answers); i++) {
                for (size_t piece = 1; piece < 100; piece += 98) {
                        struct end client = client_of(&s, HOST, NULL);
                        uint8_t key[32];
                        assert_int_equal(tls_start(client.t, &client.e), 0);
                        for (size_t at = 0; client.r >= 0 && at < strlen(answers[i]); at += piece)
                                end_feed(&client, bytes_sub(bytes_str(answers[i]), at, piece));
                        expect_refusal(&client, TLS_NOT_TLS);
                        assert_int_equal(client.r, ERR_PROTOCOL);
                        assert_false(tls_peer_key(client.t, key));
                        end_done(&client);
                }
        }
        struct end server = server_of(&s);
        end_feed(&server, bytes_str("OPTIONS rtsp://x RTSP/1.0\r\n\r\n"));
        assert_int_equal(server.r, ERR_PROTOCOL);
        assert_int_equal(tls_refusal(server.t), TLS_NOT_TLS);
        assert_int_equal(tls_output(server.t)->n, 0);
        end_done(&server);
        site_done(&s);
}

static struct pair pair_open(struct site *s, size_t piece)
{
        struct pair p = { client_of(s, HOST, NULL), server_of(s) };

        shake(&p.client, &p.server, piece);
        assert_int_equal(p.client.r, 1);
        assert_int_equal(p.server.r, 1);
        assert_int_equal(tls_output(p.server.t)->n, 0);
        return p;
}

static void pair_done(struct pair *p)
{
        end_done(&p->client);
        end_done(&p->server);
}

static void any_piece(void **state)
{
        static const size_t pieces[] = { 1, 2, 5, 6, 1000, 16384, 16406, 70000 };
        struct site s;
        uint8_t *data = malloc(300000);

        (void)state;
        site_init(&s, &camera_request);
        for (size_t i = 0; i < 300000; i++)
                data[i] = (uint8_t)(i * 2654435761u >> 13);
        for (unsigned i = 0; i < ARRAY_LEN(pieces); i++) {
                struct pair p = pair_open(&s, pieces[i]);
                size_t n = pieces[i] < 10 ? 40000 : 300000;
                assert_int_equal(tls_version(p.client.t), 0x0304);
                assert_string_equal(tls_cipher(p.client.t), "TLS_AES_128_GCM_SHA256");
                assert_int_equal(tls_write(p.server.t, BYTES(data, n), NULL), 0);
                assert_int_equal(tls_write(p.server.t, BYTES(data, 0), NULL), 0);
                assert_int_equal(tls_write(p.server.t, BYTES(data, 1), NULL), 0);
                carry(&p.server, &p.client, pieces[i]);
                assert_int_equal(p.client.r, 1);
                assert_int_equal(p.client.got.n, n + 1);
                assert_memory_equal(p.client.got.p, data, n);
                assert_int_equal(p.client.got.p[n], data[0]);
                assert_int_equal(p.client.largest, TLS_RECORD_MAX);
                assert_int_equal(p.client.records, n / TLS_RECORD_MAX + 2);
                assert_int_equal(tls_write(p.client.t, bytes_str("OPTIONS"), NULL), 0);
                carry(&p.client, &p.server, pieces[i]);
                assert_true(bytes_equal(buf_bytes(&p.server.got), bytes_str("OPTIONS")));
                assert_int_equal(tls_refusal(p.client.t), TLS_OK);
                pair_done(&p);
        }
        free(data);
        site_done(&s);
}

/* No ticket and no session id: there is nothing that a later handshake could skip the certificate
 * with. */
static void nothing_to_resume(void **state)
{
        static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
        struct site s;

        (void)state;
        site_init(&s, &camera_request);
        for (unsigned i = 0; i < ARRAY_LEN(versions); i++) {
                struct end client = client_of(&s, HOST, NULL), server = server_of(&s);
                assert_int_equal(SSL_set_max_proto_version(client.t->ssl, versions[i]), 1);
                shake(&client, &server, 4096);
                assert_int_equal(tls_version(client.t), versions[i]);
                assert_int_equal(SSL_SESSION_is_resumable(SSL_get_session(client.t->ssl)), 0);
                assert_int_equal(SSL_SESSION_is_resumable(SSL_get_session(server.t->ssl)), 0);
                end_done(&client);
                end_done(&server);
        }
        site_done(&s);
}

static void closing(void **state)
{
        struct site s;

        (void)state;
        site_init(&s, &camera_request);
        struct pair p = pair_open(&s, 4096);
        assert_int_equal(tls_write(p.server.t, bytes_str("last words"), NULL), 0);
        tls_shutdown(p.server.t);
        assert_int_equal(buf_append(tls_output(p.server.t), bytes_str("rubbish behind"), NULL), 0);
        carry(&p.server, &p.client, SIZE_MAX / 2);
        assert_int_equal(p.client.r, 1);
        assert_true(p.client.closed);
        assert_true(bytes_equal(buf_bytes(&p.client.got), bytes_str("last words")));
        end_feed(&p.client, bytes_str("more of it"));
        assert_int_equal(p.client.r, 1);
        assert_true(p.client.closed);
        assert_int_equal(p.client.got.n, 10);
        tls_shutdown(p.client.t);
        assert_true(tls_output(p.client.t)->n > 0);
        pair_done(&p);
        site_done(&s);
}

static void tampered_record(void **state)
{
        struct site s;

        (void)state;
        site_init(&s, &camera_request);
        for (size_t at = 0; at < 40; at += 3) {
                struct pair p = pair_open(&s, 4096);
                assert_int_equal(tls_write(p.server.t, bytes_str("0123456789"), NULL), 0);
                struct buf *out = tls_output(p.server.t);
                if (at < out->n && at != 3) { /* a longer record merely waits for its end */
                        out->p[at] ^= 0x40;
                        carry(&p.server, &p.client, SIZE_MAX / 2);
                        assert_int_equal(p.client.r, ERR_PROTOCOL);
                        assert_int_equal(p.client.got.n, 0);
                }
                pair_done(&p);
        }
        site_done(&s);
}

static int on_data_stops(void *owner, struct bytes plain, struct err *e)
{
        (void)owner;
        (void)plain;
        return err_set(e, ERR_INVALID, "enough");
}

static void owner_stops(void **state)
{
        struct site s;
        bool closed = false;
        struct err e;

        (void)state;
        site_init(&s, &camera_request);
        struct pair p = pair_open(&s, 4096);
        assert_int_equal(tls_write(p.server.t, bytes_str("x"), NULL), 0);
        struct buf *out = tls_output(p.server.t);
        assert_int_equal(tls_feed(p.client.t, buf_bytes(out), on_data_stops, NULL, &closed, &e),
                ERR_CANCELLED);
        assert_string_equal(e.text, "enough");
        assert_int_equal(
                tls_feed(p.client.t, buf_bytes(out), on_data_stops, NULL, &closed, &e), ERR_STATE);
        pair_done(&p);
        site_done(&s);
}

/* A peer that never reads: the output stops growing and the session goes on once there is room. */
static void output_is_bounded(void **state)
{
        struct site s;
        uint8_t *data = calloc(1, 1 << 20);
        unsigned written = 0;

        (void)state;
        site_init(&s, &camera_request);
        struct pair p = pair_open(&s, 4096);
        while (tls_write(p.server.t, BYTES(data, 1 << 20), NULL) == 0)
                written++;
        assert_int_equal(written, 7);
        assert_int_equal(tls_write(p.server.t, BYTES(data, 1 << 20), NULL), ERR_EXHAUSTED);
        assert_true(tls_output(p.server.t)->n <= TLS_OUTPUT_MAX);
        carry(&p.server, &p.client, 65536);
        assert_int_equal(tls_write(p.server.t, bytes_str("y"), NULL), 0);
        carry(&p.server, &p.client, 65536);
        assert_int_equal(p.client.got.n, (7 << 20) + 1);
        pair_done(&p);
        free(data);
        site_done(&s);
}

/* The client says why, and the server's error names it. */
static void server_hears_the_alert(void **state)
{
        struct site s, other;

        (void)state;
        site_init(&s, &camera_request);
        site_init(&other, &camera_request);
        struct end client = client_of(&other, HOST, NULL), server = server_of(&s);
        shake(&client, &server, 4096);
        expect_refusal(&client, TLS_UNKNOWN_ISSUER);
        carry(&client, &server, 4096);
        assert_int_equal(server.r, ERR_AUTH);
        assert_int_equal(tls_refusal(server.t), TLS_REFUSED);
        assert_non_null(strstr(server.e.text, "it says unknown ca"));
        end_done(&client);
        end_done(&server);
        site_done(&s);
        site_done(&other);
}

static void bad_input(void **state)
{
        static const char *const hosts[] = { "", ".", ".example", "*.example", "a b", "a/b",
                "user@host", "h\xc3\xb6st" };
        struct tls_client_config *config = NULL, *none = NULL;
        struct tls_server_config *server = NULL;
        struct tls *t = NULL;
        struct site s;
        struct err e;

        (void)state;
        site_init(&s, &camera_request);
        assert_int_equal(tls_client_config_new(buf_bytes(&s.roots_pem), &config, NULL), 0);
        for (unsigned i = 0; i < ARRAY_LEN(hosts); i++)
                assert_int_equal(tls_client_new(config, hosts[i], NULL, NOW, &t, &e), ERR_INVALID);
        assert_null(t);
        assert_int_equal(tls_client_config_new(bytes_str("rubbish"), &none, &e), ERR_INVALID);
        assert_int_equal(
                tls_client_config_new(
                        bytes_str("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
                        &none, &e),
                ERR_INVALID);
        assert_null(none);
        assert_int_equal(tls_server_config_new(buf_bytes(&s.chain_pem), s.issuer.key, &server, &e),
                ERR_INVALID);
        assert_non_null(strstr(e.text, "private key"));
        assert_int_equal(
                tls_server_config_new(bytes_str(""), s.leaf.key, &server, &e), ERR_INVALID);
        assert_null(server);
        tls_client_config_freep(&config);
        site_done(&s);
}

static void words(void **state)
{
        (void)state;
        for (unsigned i = 0; i < TLS_REFUSALS; i++) {
                const char *text = fault_text(tls_refusal_fault(i)),
                           *remedy = fault_remedy(tls_refusal_fault(i));

                assert_true(fault_is_tls(tls_refusal_fault(i)) == (i != TLS_OK));
                /* With the longest detail all still fits into an error. */
                assert_true(strlen(text) + strlen(remedy) + 10 < ERR_TEXT_BYTES - 160);
                for (unsigned j = 0; j < i; j++)
                        assert_string_not_equal(tls_refusal_name(i), tls_refusal_name(j));
        }
        assert_int_equal(tls_refusal_of_chain(X509_V_ERR_CERT_REVOKED), TLS_REVOKED);
        assert_int_equal(tls_refusal_of_chain(X509_V_ERR_CA_MD_TOO_WEAK), TLS_WEAK_KEY);
        assert_int_equal(tls_refusal_of_chain(X509_V_ERR_UNSPECIFIED), TLS_PROTOCOL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(good),
                cmocka_unit_test(wrong_name),
                cmocka_unit_test(dates_and_purpose),
                cmocka_unit_test(chains),
                cmocka_unit_test(self_signed),
                cmocka_unit_test(bad_signature),
                cmocka_unit_test(pins),
                cmocka_unit_test(other_servers),
                cmocka_unit_test(no_renegotiation),
                cmocka_unit_test(not_tls),
                cmocka_unit_test(any_piece),
                cmocka_unit_test(nothing_to_resume),
                cmocka_unit_test(closing),
                cmocka_unit_test(tampered_record),
                cmocka_unit_test(owner_stops),
                cmocka_unit_test(output_is_bounded),
                cmocka_unit_test(server_hears_the_alert),
                cmocka_unit_test(bad_input),
                cmocka_unit_test(words),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
