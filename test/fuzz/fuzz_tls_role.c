/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who may speak between roles. Input: blocks of a kind (C certificate of the chain, leaf first; L
 * revocation list; U URI; S what a stranger sends to an accepting end, in pieces), a u16 length and
 * bytes. A chain that is accepted must be that of the seeds, and no stranger gets through a
 * handshake with bytes that were made beforehand.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/pack.h"
#include "base/str.h"
#include "crypto/ossl.h"
#include "crypto/tls_session.h"
#include "crypto/x509.h"

#define SITE "fuzz"
#define NOW INT64_C(1800000000000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Of the seeds; their keys were thrown away. */
static const char root_pem[] = "-----BEGIN CERTIFICATE-----\n"
                               "MIIBkTCCATigAwIBAgIUDnzduhLUyS790YPXqpUEgloeu4owCgYIKoZIzj0EAwIw\n"
                               "FDESMBAGA1UEAwwJZnV6eiByb290MCAXDTI2MTEwMTAwMDAwMFoYDzIxMjYwMTAx\n"
                               "MDAwMDAwWjAUMRIwEAYDVQQDDAlmdXp6IHJvb3QwWTATBgcqhkjOPQIBBggqhkjO\n"
                               "PQMBBwNCAARD+Ym/3DNOfuXOiFEt7dYD8hGBlaw/KZcMK/5EXuPmMYr+8L6srljX\n"
                               "NNgCN63L+PkVf50xlusD0mlVuEeLoD+Eo2YwZDASBgNVHRMBAf8ECDAGAQH/AgEB\n"
                               "MA4GA1UdDwEB/wQEAwIBBjAdBgNVHQ4EFgQUZ0h0+r/RVXMnDt2bicSfMJtm9q4w\n"
                               "HwYDVR0jBBgwFoAUZ0h0+r/RVXMnDt2bicSfMJtm9q4wCgYIKoZIzj0EAwIDRwAw\n"
                               "RAIgC4GeMQAgElcMdlD6cbP8mCa4jm29ghTbHEz1wHa6XI8CIFslMuTzr0aVrErY\n"
                               "tyIVxqtaRfPj5mOAuUtt33rY7UyN\n"
                               "-----END CERTIFICATE-----\n";
static const char nodes_pem[] = "-----BEGIN CERTIFICATE-----\n"
                                "MIIBkzCCATmgAwIBAgIUHHqxb97DW807lGBQ14SE/hA9+dQwCgYIKoZIzj0EAwIw\n"
                                "FDESMBAGA1UEAwwJZnV6eiByb290MCAXDTI2MTEwMTAwMDAwMFoYDzIxMjYwMTAx\n"
                                "MDAwMDAwWjAVMRMwEQYDVQQDDApmdXp6IG5vZGVzMFkwEwYHKoZIzj0CAQYIKoZI\n"
                                "zj0DAQcDQgAEFK1cgibRZhyDHsRn7SVHMcSapp/QLPTbsnirP3txN7uvsZ0ZQY2G\n"
                                "dFLiszSmcL9BYdRZm4Qn6LCAMOwft4XPVKNmMGQwEgYDVR0TAQH/BAgwBgEB/wIB\n"
                                "ADAOBgNVHQ8BAf8EBAMCAQYwHQYDVR0OBBYEFIn2othNbRbQMBRWQpi4wpogY6sp\n"
                                "MB8GA1UdIwQYMBaAFGdIdPq/0VVzJw7dm4nEnzCbZvauMAoGCCqGSM49BAMCA0gA\n"
                                "MEUCIBYEGIzSnORYt7l+Cdy0qq8sb4JpoHoTpW5f101lONsXAiEAlafpJVLBf0zX\n"
                                "sDRXvy/CB4L9U21TBwH+iV5wFhgyFBs=\n"
                                "-----END CERTIFICATE-----\n";
/* The leaf's key of the seeds: SHA-256 of its SubjectPublicKeyInfo. */
static const char good_key[] = "bf1b3ca72995add508eeb6038c76345765e3b3c3362015ae67ed0decffd6f1dc";
static const char *const takes[] = { "recorder", "gateway", NULL };

/* What this end shows itself: nobody looks at it. */
static struct tls_role_config *config_new(void)
{
        const struct x509_request r = { .purpose = X509_ROOT,
                .common_name = "own",
                .not_before_us = NOW,
                .not_after_us = NOW + 1000000 };
        struct buf root, nodes, own, chain;
        struct sign_key *key = sign_key_generate();
        struct tls_role_config *c = NULL;

        buf_init(&root, X509_CERT_MAX);
        buf_init(&nodes, X509_CERT_MAX);
        buf_init(&own, X509_CERT_MAX);
        buf_init(&chain, X509_PEM_MAX);
        if (x509_pem_parse(bytes_str(root_pem), 0, &root, NULL) < 0 ||
                x509_pem_parse(bytes_str(nodes_pem), 0, &nodes, NULL) < 0 ||
                x509_issue(&r, key, BYTES(NULL, 0), key, &own, NULL) < 0 ||
                x509_pem_format(buf_bytes(&own), &chain, NULL) < 0)
                abort();
        const struct tls_role_identity id = { SITE, buf_bytes(&root), buf_bytes(&nodes),
                buf_bytes(&chain), key };
        if (tls_role_config_new(&id, &c, NULL) < 0)
                abort();
        sign_key_free(key);
        buf_done(&root);
        buf_done(&nodes);
        buf_done(&own);
        buf_done(&chain);
        return c;
}

static void to_pem(struct buf *to, const char *label, struct bytes der)
{
        BIO *bio = BIO_new(BIO_s_mem());
        const uint8_t *text;

        if (!bio || PEM_write_bio(bio, label, "", der.p, (long)der.n) <= 0)
                abort();
        long n = BIO_get_mem_data(bio, (void *)&text);
        (void)!buf_append(to, BYTES(text, (size_t)n), NULL);
        BIO_free(bio);
}

static void judge(struct tls_role_config *c, STACK_OF(X509) * sent, bool server)
{
        struct tls *t = NULL;
        struct err e;
        char hex[65];

        if ((server ? tls_role_server_new(c, takes, NOW, &t, &e)
                    : tls_role_client_new(c, "recorder", "r1", NOW, &t, &e)) < 0)
                abort();
        int error = tls_verify_certs(t, t->config, sent, NOW);
        if ((error == X509_V_OK) != (t->refusal == TLS_OK) ||
                (error == X509_V_OK) != t->chain_verified)
                abort();
        if (error == X509_V_OK && (strcmp(str_hex(hex, BYTES(t->key, 32)), good_key) != 0 ||
                                          strcmp(t->role->peer.role, "recorder") != 0 ||
                                          strcmp(t->role->peer.name, "r1") != 0))
                abort();
        if (error != X509_V_OK && (tls_refusal_err(t, &e) >= 0 || !e.text[0]))
                abort();
        tls_free(t);
}

/* A URI that is taken is the one that its parts make. */
static void name(struct bytes text)
{
        char uri[512] = "", again[512], role[16], node[TLS_ROLE_NAME_ROOM];

        memcpy(uri, text.p, text.n < sizeof uri ? text.n : sizeof uri - 1);
        if (tls_role_parse_uri(uri, SITE, role, node, NULL) < 0)
                return;
        snprintf(again, sizeof again, "custos://" SITE "/%s/%s", role, node);
        if (strcmp(uri, again) != 0 || !str_is_camera(role) || !str_is_camera(node))
                abort();
}

static int on_data(void *owner, struct bytes plain, struct err *e)
{
        (void)owner;
        (void)plain;
        (void)e;
        abort();
}

static void stranger(struct tls_role_config *c, struct bytes said)
{
        struct tls *t = NULL;
        struct tls_role_peer peer;
        bool closed = false;
        int r = 0;

        if (said.n < 2 || tls_role_server_new(c, takes, NOW, &t, NULL) < 0)
                return;
        size_t piece = said.n / 3 + 1;
        for (size_t at = 0; at < said.n && r >= 0; at += piece)
                r = tls_feed(t, bytes_sub(said, at, piece), on_data, NULL, &closed, NULL);
        if (r == 1 || tls_established(t) || tls_role_peer(t, &peer) ||
                (r < 0) != (tls_refusal(t) != TLS_OK))
                abort();
        tls_free(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        struct unpack u = unpack_of(BYTES(data, n));
        static struct tls_role_config *config; /* making keys is what takes long */
        STACK_OF(X509) *sent = sk_X509_new_null();
        struct buf lists;

        if (!config)
                config = config_new();
        buf_init(&lists, X509_PEM_MAX);
        while (unpack_left(&u) > 3) {
                uint8_t kind = unpack_u8(&u);
                struct bytes b = unpack_field16(&u, 65535);
                const uint8_t *at = b.p;
                X509 *cert = !u.bad && kind == 'C' ? d2i_X509(NULL, &at, (long)b.n) : NULL;
                if (cert)
                        sk_X509_push(sent, cert);
                else if (!u.bad && kind == 'L')
                        to_pem(&lists, "X509 CRL", b);
                else if (!u.bad && kind == 'U')
                        name(b);
                else if (!u.bad && kind == 'S')
                        stranger(config, b);
        }
        ERR_clear_error();
        if (tls_role_config_crls(config, buf_bytes(&lists), NULL) < 0 &&
                tls_role_config_crls(config, BYTES(NULL, 0), NULL) < 0)
                abort();
        if (sk_X509_num(sent) > 0) {
                judge(config, sent, true);
                judge(config, sent, false);
        }
        ERR_clear_error();
        sk_X509_pop_free(sent, X509_free);
        buf_done(&lists);
        return 0;
}
