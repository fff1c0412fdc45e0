/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Revocation lists: made here, judged by the client's verification, in handshakes and afterwards.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>

#include "base/str.h"
#include "crypto/ossl.h"
#include "crypto/tls.h"
#include "crypto/x509.h"
#include "crypto/x509_crl.h"

#define SECOND INT64_C(1000000)
#define DAY (86400 * SECOND)
#define NOW (INT64_C(1795000000) * SECOND)
#define HOST "lobby-3.cam.example"

struct entity {
        struct sign_key *key;
        struct buf der;
};

/* root, an issuer below it, and a camera below that. */
struct site {
        struct entity root, issuer, leaf;
        struct buf roots_pem, chain_pem;
};

static void issue(
        struct entity *t, enum x509_purpose purpose, const char *name, const struct entity *above)
{
        const char *const dns[] = { HOST, NULL };
        const struct x509_request r = { .purpose = purpose,
                .common_name = name,
                .dns = purpose == X509_CAMERA ? dns : NULL,
                .not_before_us = NOW - DAY,
                .not_after_us = NOW + 100 * DAY };
        struct err e;

        t->key = sign_key_generate();
        buf_init(&t->der, X509_CERT_MAX);
        if (x509_issue(&r, t->key, above ? buf_bytes(&above->der) : BYTES(NULL, 0),
                    above ? above->key : t->key, &t->der, &e) < 0)
                fail_msg("%s", e.text);
}

static void site_init(struct site *s)
{
        issue(&s->root, X509_ROOT, "root", NULL);
        issue(&s->issuer, X509_ISSUER, "cameras", &s->root);
        issue(&s->leaf, X509_CAMERA, "lobby-3", &s->issuer);
        buf_init(&s->roots_pem, 65536);
        buf_init(&s->chain_pem, 65536);
        assert_int_equal(x509_pem_format(buf_bytes(&s->root.der), &s->roots_pem, NULL), 0);
        assert_int_equal(x509_pem_format(buf_bytes(&s->leaf.der), &s->chain_pem, NULL), 0);
        assert_int_equal(x509_pem_format(buf_bytes(&s->issuer.der), &s->chain_pem, NULL), 0);
}

static void entity_done(struct entity *t)
{
        sign_key_freep(&t->key);
        buf_done(&t->der);
}

static void site_done(struct site *s)
{
        entity_done(&s->root);
        entity_done(&s->issuer);
        entity_done(&s->leaf);
        buf_done(&s->roots_pem);
        buf_done(&s->chain_pem);
}

/* A list of `by` as PEM that names the certificate (NULL: nobody); next update at `until`. */
static struct buf list_until(const struct entity *by, const struct entity *revoked, int64_t until)
{
        uint8_t serial[X509_CRL_SERIAL_MAX];
        size_t n = 0;
        struct buf der, pem;
        struct err e = { 0 };

        buf_init(&der, X509_CRL_MAX);
        buf_init(&pem, X509_PEM_MAX);
        if (revoked)
                assert_int_equal(x509_crl_serial(buf_bytes(&revoked->der), serial, &n, &e), 0);
        const struct x509_crl_revoked entry = { .serial = BYTES(serial, n),
                .at_us = NOW - 3600 * SECOND,
                .reason = X509_CRL_KEY_COMPROMISE };
        const struct x509_crl_request r = { .revoked = &entry,
                .n = revoked ? 1 : 0,
                .number = 7,
                .this_update_us = NOW - DAY,
                .next_update_us = until };
        if (x509_crl_issue(&r, buf_bytes(&by->der), by->key, &der, &e) < 0 ||
                x509_crl_pem_format(buf_bytes(&der), &pem, &e) < 0)
                fail_msg("%s", e.text);
        buf_done(&der);
        return pem;
}

static struct buf list_of(const struct entity *by, const struct entity *revoked)
{
        return list_until(by, revoked, NOW + DAY);
}

static struct tls_client_config *config_of(const struct site *s)
{
        struct tls_client_config *c = NULL;
        struct err e;

        if (tls_client_config_new(buf_bytes(&s->roots_pem), &c, &e) < 0 ||
                tls_client_config_only_issuer(c, buf_bytes(&s->issuer.der), &e) < 0)
                fail_msg("%s", e.text);
        return c;
}

static void give(struct tls_client_config *c, struct buf pem)
{
        struct err e;

        if (tls_client_config_crls(c, buf_bytes(&pem), &e) < 0)
                fail_msg("%s", e.text);
        buf_done(&pem);
}

static void give_refused(struct tls_client_config *c, struct buf pem, int code, const char *says)
{
        struct err e = { 0 };

        assert_int_equal(tls_client_config_crls(c, buf_bytes(&pem), &e), code);
        if (!strstr(e.text, says))
                fail_msg("\"%s\" does not say \"%s\"", e.text, says);
        buf_done(&pem);
}

static int on_data(void *owner, struct bytes plain, struct err *e)
{
        return buf_append(owner, plain, e);
}

/* Carries what one end has to say to the other; returns what the other said of it. */
static int carry(struct tls *from, struct tls *to, struct buf *got, struct err *e)
{
        struct buf *out = tls_output(from);
        bool closed = false;
        int r = out->n ? tls_feed(to, buf_bytes(out), on_data, got, &closed, e) : 0;

        buf_clear(out);
        return r;
}

struct link {
        struct tls *client, *server;
        struct buf got;
        int r; /* the client's, at the end of the handshake */
        struct err e;
};

static struct link link_open(const struct site *s, struct tls_client_config *c, const uint8_t *pin)
{
        struct tls_server_config *config = NULL;
        struct link l = { 0 };
        struct err e;

        buf_init(&l.got, 65536);
        assert_int_equal(
                tls_server_config_new(buf_bytes(&s->chain_pem), s->leaf.key, &config, &e), 0);
        assert_int_equal(tls_server_new(config, &l.server, &e), 0);
        tls_server_config_free(config);
        assert_int_equal(tls_client_new(c, HOST, pin, NOW, &l.client, &e), 0);
        assert_int_equal(tls_start(l.client, &e), 0);
        for (unsigned i = 0; i < 4 && l.r == 0; i++) {
                assert_true(carry(l.client, l.server, &l.got, &e) >= 0);
                l.r = carry(l.server, l.client, &l.got, &l.e);
        }
        if (l.r > 0)
                assert_int_equal(carry(l.client, l.server, &l.got, &e), 1);
        return l;
}

static void link_done(struct link *l)
{
        tls_freep(&l->client);
        tls_freep(&l->server);
        buf_done(&l->got);
}

static void expect(struct site *s, struct tls_client_config *c, const uint8_t *pin,
        enum tls_refusal want, const char *says)
{
        struct link l = link_open(s, c, pin);

        if (tls_refusal(l.client) != want)
                fail_msg("\"%s\" instead of \"%s\": %s", tls_refusal_name(tls_refusal(l.client)),
                        tls_refusal_name(want), l.r < 0 ? l.e.text : "accepted");
        assert_int_equal(l.r, want == TLS_OK ? 1 : ERR_AUTH);
        if (want != TLS_OK) {
                assert_int_equal(l.e.fault, tls_refusal_fault(want));
                assert_false(tls_established(l.client));
                if (!strstr(l.e.text, says))
                        fail_msg("\"%s\" does not say \"%s\"", l.e.text, says);
        }
        link_done(&l);
}

static void revoked_leaf(void **state)
{
        struct site s;

        (void)state;
        site_init(&s);
        struct tls_client_config *c = config_of(&s);
        expect(&s, c, NULL, TLS_OK, "");
        give(c, list_of(&s.issuer, NULL));
        expect(&s, c, NULL, TLS_OK, "");
        give(c, list_of(&s.issuer, &s.issuer)); /* another's serial */
        expect(&s, c, NULL, TLS_OK, "");
        give(c, list_of(&s.issuer, &s.leaf));
        expect(&s, c, NULL, TLS_REVOKED,
                "CN=lobby-3, revoked 2026-11-18 10:06 UTC: key-compromise");
        /* The serial counts with its issuer only: the root's list that names it says nothing. */
        give(c, list_of(&s.root, &s.leaf));
        expect(&s, c, NULL, TLS_OK, "");
        tls_client_config_free(c);
        site_done(&s);
}

static void revoked_issuer(void **state)
{
        struct site s;

        (void)state;
        site_init(&s);
        struct tls_client_config *c = config_of(&s);
        give(c, list_of(&s.root, &s.issuer));
        expect(&s, c, NULL, TLS_REVOKED, "CN=cameras, revoked");
        tls_client_config_free(c);
        site_done(&s);
}

/* The next list replaces the last one, as a whole; a refused one changes nothing. */
static void replaced(void **state)
{
        struct site s, other;

        (void)state;
        site_init(&s);
        site_init(&other);
        struct tls_client_config *c = config_of(&s);
        give(c, list_of(&s.issuer, &s.leaf));
        give_refused(c, list_of(&other.issuer, NULL), ERR_AUTH, "does not verify");
        expect(&s, c, NULL, TLS_REVOKED, "");
        give(c, list_of(&s.issuer, NULL)); /* the entry is gone from the list */
        expect(&s, c, NULL, TLS_OK, "");
        give(c, list_of(&s.issuer, &s.leaf));
        expect(&s, c, NULL, TLS_REVOKED, "");
        assert_int_equal(tls_client_config_crls(c, BYTES(NULL, 0), NULL), 0); /* all gone */
        expect(&s, c, NULL, TLS_OK, "");
        tls_client_config_free(c);
        site_done(&s);
        site_done(&other);
}

/* With nobody to bring a new one, the last list goes on counting. */
static void out_of_date(void **state)
{
        struct site s;

        (void)state;
        site_init(&s);
        struct tls_client_config *c = config_of(&s);
        give(c, list_until(&s.issuer, NULL, NOW - 3600 * SECOND));
        expect(&s, c, NULL, TLS_OK, "");
        give(c, list_until(&s.issuer, &s.leaf, NOW - 3600 * SECOND));
        expect(&s, c, NULL, TLS_REVOKED, "");
        tls_client_config_free(c);
        site_done(&s);
}

static void pinned(void **state)
{
        struct site s, other;
        uint8_t pin[32];

        (void)state;
        site_init(&s);
        site_init(&other);
        sign_key_id(s.leaf.key, pin);
        struct tls_client_config *c = config_of(&s);
        give(c, list_of(&s.issuer, NULL));
        expect(&s, c, pin, TLS_OK, "");
        give(c, list_of(&s.issuer, &s.leaf));
        expect(&s, c, pin, TLS_REVOKED, "CN=lobby-3");
        tls_client_config_free(c);
        /* An issuer of the same name that did not sign this certificate has no say in it. */
        c = config_of(&other);
        give(c, list_of(&other.issuer, &s.leaf));
        expect(&s, c, pin, TLS_OK, "");
        tls_client_config_free(c);
        site_done(&s);
        site_done(&other);
}

/* A live session is asked about again. */
static void recheck(void **state)
{
        struct site s;
        struct err e = { 0 };
        uint8_t pin[32];

        (void)state;
        site_init(&s);
        sign_key_id(s.leaf.key, pin);
        for (unsigned with_pin = 0; with_pin < 2; with_pin++) {
                struct tls_client_config *c = config_of(&s), *later = config_of(&s);
                struct link l = link_open(&s, c, with_pin ? pin : NULL);
                assert_int_equal(l.r, 1);
                give(c, list_of(&s.issuer, NULL));
                assert_int_equal(tls_client_recheck(l.client, c, NOW, &e), 0);
                assert_int_equal(tls_chain_verified(l.client), !with_pin);
                assert_int_equal(tls_write(l.client, bytes_str("PLAY"), &e), 0);
                assert_int_equal(carry(l.client, l.server, &l.got, &e), 1);
                assert_true(bytes_equal(buf_bytes(&l.got), bytes_str("PLAY")));
                give(later, list_of(&s.issuer, &s.leaf)); /* a config made anew does as well */
                tls_client_config_free(c);
                assert_int_equal(tls_client_recheck(l.client, later, NOW, &e), ERR_AUTH);
                assert_int_equal(e.fault, FAULT_REVOKED);
                assert_int_equal(tls_refusal(l.client), TLS_REVOKED);
                assert_false(tls_chain_verified(l.client));
                /* Nothing comes or goes any more. */
                assert_int_equal(tls_write(l.client, bytes_str("PLAY"), &e), ERR_STATE);
                assert_int_equal(tls_write(l.server, bytes_str("frame"), &e), 0);
                buf_clear(&l.got);
                assert_int_equal(carry(l.server, l.client, &l.got, &e), ERR_STATE);
                assert_int_equal(l.got.n, 0);
                assert_int_equal(tls_client_recheck(l.client, later, NOW, &e), ERR_STATE);
                assert_int_equal(tls_client_recheck(l.server, later, NOW, &e), ERR_STATE);
                link_done(&l);
                tls_client_config_free(later);
        }
        site_done(&s);
}

/* Roots that are no longer trusted and time that has passed count as well. */
static void recheck_more(void **state)
{
        struct site s, other;
        struct err e = { 0 };

        (void)state;
        site_init(&s);
        site_init(&other);
        struct tls_client_config *c = config_of(&s), *foreign = config_of(&other);
        struct link l = link_open(&s, c, NULL);
        assert_int_equal(tls_client_recheck(l.client, c, NOW + 50 * DAY, &e), 0);
        assert_int_equal(tls_client_recheck(l.client, c, NOW + 101 * DAY, &e), ERR_AUTH);
        assert_int_equal(e.fault, FAULT_EXPIRED);
        link_done(&l);
        l = link_open(&s, c, NULL);
        assert_int_equal(tls_client_recheck(l.client, foreign, NOW, &e), ERR_AUTH);
        assert_int_equal(e.fault, FAULT_UNKNOWN_ISSUER);
        link_done(&l);
        struct tls *idle = NULL;
        assert_int_equal(tls_client_new(c, HOST, NULL, NOW, &idle, &e), 0);
        assert_int_equal(tls_client_recheck(idle, c, NOW, &e), ERR_STATE);
        tls_freep(&idle);
        tls_client_config_free(c);
        tls_client_config_free(foreign);
        site_done(&s);
        site_done(&other);
}

/* An issuer between the root and the leaf's is known by its certificate in the text. */
static void issuers_between(void **state)
{
        struct site s, other;
        struct tls_client_config *c = NULL;

        (void)state;
        site_init(&s);
        site_init(&other);
        assert_int_equal(tls_client_config_new(buf_bytes(&s.roots_pem), &c, NULL), 0);
        give_refused(c, list_of(&s.issuer, &s.leaf), ERR_AUTH, "none of the trusted issuers");
        struct buf pem = list_of(&s.issuer, &s.leaf);
        assert_int_equal(x509_pem_format(buf_bytes(&s.issuer.der), &pem, NULL), 0);
        give(c, pem);
        expect(&s, c, NULL, TLS_REVOKED, "");
        pem = list_of(&other.issuer, NULL);
        assert_int_equal(x509_pem_format(buf_bytes(&other.issuer.der), &pem, NULL), 0);
        give_refused(c, pem, ERR_AUTH, "not that of an issuer below the trusted roots");
        s.issuer.der.p[s.issuer.der.n - 1] ^= 1; /* not what the root has signed */
        pem = list_of(&s.issuer, NULL);
        assert_int_equal(x509_pem_format(buf_bytes(&s.issuer.der), &pem, NULL), 0);
        give_refused(c, pem, ERR_AUTH, "not that of an issuer below the trusted roots");
        s.issuer.der.p[s.issuer.der.n - 1] ^= 1;
        pem = list_of(&s.issuer, NULL); /* a camera is no issuer */
        assert_int_equal(x509_pem_format(buf_bytes(&s.issuer.der), &pem, NULL), 0);
        assert_int_equal(x509_pem_format(buf_bytes(&s.leaf.der), &pem, NULL), 0);
        give_refused(c, pem, ERR_AUTH, "not that of an issuer");
        tls_client_config_free(c);
        site_done(&s);
        site_done(&other);
}

static struct buf text_of(const char *text)
{
        struct buf b;

        buf_init(&b, X509_PEM_MAX * 2);
        assert_int_equal(buf_append(&b, bytes_str(text), NULL), 0);
        return b;
}

/* A list of OpenSSL's making: by the site's issuer key, with an extension or a hash of our choice.
 */
static struct buf odd_list(
        const struct site *s, int nid, struct bytes value, const EVP_MD *md, bool in_entry)
{
        X509 *issuer = ossl_cert(buf_bytes(&s->issuer.der), NULL);
        X509_CRL *list = X509_CRL_new();
        X509_REVOKED *entry = X509_REVOKED_new();
        ASN1_TIME *at = ASN1_TIME_set(NULL, NOW / SECOND);
        ASN1_INTEGER *serial = ASN1_INTEGER_new();
        ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();
        struct buf pem;
        const uint8_t *text;

        ASN1_INTEGER_set(serial, 1);
        X509_CRL_set_version(list, X509_CRL_VERSION_2);
        X509_CRL_set_issuer_name(list, X509_get_subject_name(issuer));
        X509_CRL_set1_lastUpdate(list, at);
        if (nid != NID_crl_number)
                X509_CRL_add1_ext_i2d(list, NID_crl_number, serial, 0, X509V3_ADD_DEFAULT);
        if (nid == NID_crl_number && value.n == 0)
                nid = 0;
        X509_REVOKED_set_serialNumber(entry, serial);
        X509_REVOKED_set_revocationDate(entry, at);
        ASN1_OCTET_STRING_set(octets, value.p, (int)value.n);
        X509_EXTENSION *x = nid ? X509_EXTENSION_create_by_NID(NULL, nid, 1, octets) : NULL;
        if (nid && in_entry)
                X509_REVOKED_add_ext(entry, x, -1);
        else if (nid)
                X509_CRL_add_ext(list, x, -1);
        X509_CRL_add0_revoked(list, entry);
        assert_true(X509_CRL_sign(list, sign_key_evp(s->issuer.key), md) > 0);
        BIO *bio = BIO_new(BIO_s_mem());
        PEM_write_bio_X509_CRL(bio, list);
        buf_init(&pem, X509_PEM_MAX);
        long n = BIO_get_mem_data(bio, (void *)&text);
        assert_int_equal(buf_append(&pem, BYTES(text, (size_t)n), NULL), 0);
        BIO_free(bio);
        X509_EXTENSION_free(x);
        ASN1_OCTET_STRING_free(octets);
        ASN1_TIME_free(at);
        ASN1_INTEGER_free(serial);
        X509_CRL_free(list);
        X509_free(issuer);
        return pem;
}

static void refused_lists(void **state)
{
        struct site s, other;

        (void)state;
        site_init(&s);
        site_init(&other);
        struct tls_client_config *c = config_of(&s);
        give_refused(c, text_of("hello"), ERR_INVALID, "none in the text");
        give_refused(c, text_of("-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"),
                ERR_INVALID, "not one in DER");
        give_refused(c, text_of("-----BEGIN X509 CRL-----\nAAAA"), ERR_INVALID, "broken PEM");
        give_refused(c, list_of(&other.root, NULL), ERR_AUTH,
                "revocation list of /CN=root: its signature does not verify");
        struct buf long_text = text_of("");
        while (long_text.n <= X509_PEM_MAX)
                assert_int_equal(buf_append(&long_text, bytes_str("0123456789abcdef\n"), NULL), 0);
        give_refused(c, long_text, ERR_EXHAUSTED, "at most");
        struct buf cert = text_of("");
        assert_int_equal(x509_pem_format(buf_bytes(&s.issuer.der), &cert, NULL), 0);
        give_refused(c, cert, ERR_INVALID, "none in the text");

        static const uint8_t only_user[] = { 0x30, 3, 0x81, 1, 0xff },
                             indirect[] = { 0x30, 3, 0x84, 1, 0xff }, one[] = { 2, 1, 1 };
        const struct bytes none = BYTES(NULL, 0), number = BYTES(one, 3);
        const EVP_MD *sha256 = EVP_sha256();
        give(c, odd_list(&s, 0, none, sha256, false)); /* so made, it is a good one */
        give_refused(c, odd_list(&s, 0, none, EVP_sha1(), false), ERR_INVALID, "too weak");
        give(c, odd_list(&s, NID_issuing_distribution_point, BYTES(only_user, 5), sha256, false));
        give_refused(c,
                odd_list(&s, NID_issuing_distribution_point, BYTES(indirect, 5), sha256, false),
                ERR_INVALID, "indirect");
        give_refused(c, odd_list(&s, NID_issuing_distribution_point, number, sha256, false),
                ERR_INVALID, "malformed");
        give_refused(c, odd_list(&s, NID_delta_crl, number, sha256, false), ERR_INVALID, "delta");
        give_refused(c, odd_list(&s, NID_netscape_comment, number, sha256, false), ERR_INVALID,
                "not understood");
        give_refused(c, odd_list(&s, NID_netscape_comment, number, sha256, true), ERR_INVALID,
                "an entry with a critical extension");
        give_refused(
                c, odd_list(&s, NID_crl_number, none, sha256, false), ERR_INVALID, "no number");
        give_refused(c, odd_list(&s, NID_crl_number, number, sha256, false), ERR_INVALID,
                "a critical extension that is not understood");
        /* Every one of them was refused by itself: the last good one is in force. */
        expect(&s, c, NULL, TLS_OK, "");
        tls_client_config_free(c);
        site_done(&s);
        site_done(&other);
}

/* Every bit of a list counts. */
static void flips(void **state)
{
        struct site s;
        struct err e;
        struct buf der, pem;
        const struct x509_crl_request r = {
                .this_update_us = NOW, .next_update_us = NOW + DAY, .number = 1
        };
        unsigned taken = 0;

        (void)state;
        site_init(&s);
        struct tls_client_config *c = config_of(&s);
        buf_init(&der, X509_CRL_MAX);
        buf_init(&pem, X509_PEM_MAX);
        assert_int_equal(x509_crl_issue(&r, buf_bytes(&s.issuer.der), s.issuer.key, &der, &e), 0);
        for (size_t i = 0; i < der.n; i++) {
                der.p[i] ^= (uint8_t)(1 << i % 8);
                buf_clear(&pem);
                if (x509_crl_pem_format(buf_bytes(&der), &pem, &e) == 0 &&
                        tls_client_config_crls(c, buf_bytes(&pem), &e) == 0)
                        taken++;
                der.p[i] ^= (uint8_t)(1 << i % 8);
        }
        assert_int_equal(taken, 0);
        buf_clear(&pem);
        assert_int_equal(x509_crl_pem_format(buf_bytes(&der), &pem, &e), 0);
        give(c, pem);
        buf_done(&der);
        tls_client_config_free(c);
        site_done(&s);
}

static void issuing(void **state)
{
        static const uint8_t serial[21] = { 1 };
        struct site s;
        struct err e;
        struct buf out;
        struct x509_crl_revoked entry = { .serial = BYTES(serial, 20), .at_us = NOW };
        struct x509_crl_request r = { .revoked = &entry,
                .n = 1,
                .this_update_us = NOW,
                .next_update_us = NOW + DAY,
                .number = UINT64_MAX };

        (void)state;
        site_init(&s);
        buf_init(&out, X509_CRL_MAX);
        struct bytes issuer = buf_bytes(&s.issuer.der), leaf = buf_bytes(&s.leaf.der);
        assert_int_equal(x509_crl_issue(&r, issuer, s.issuer.key, &out, &e), 0);
        assert_int_equal(x509_crl_issue(&r, issuer, s.root.key, &out, &e), ERR_INVALID);
        assert_int_equal(x509_crl_issue(&r, leaf, s.leaf.key, &out, &e), ERR_INVALID);
        assert_non_null(strstr(e.text, "may not sign"));
        entry.serial.n = 21;
        assert_int_equal(x509_crl_issue(&r, issuer, s.issuer.key, &out, &e), ERR_INVALID);
        entry.serial.n = 0;
        assert_int_equal(x509_crl_issue(&r, issuer, s.issuer.key, &out, &e), ERR_INVALID);
        entry.serial.n = 2;
        entry.reason = (enum x509_crl_reason)7; /* RFC 5280: not used */
        assert_int_equal(x509_crl_issue(&r, issuer, s.issuer.key, &out, &e), ERR_INVALID);
        entry.reason = X509_CRL_SUPERSEDED;
        r.next_update_us = NOW;
        assert_int_equal(x509_crl_issue(&r, issuer, s.issuer.key, &out, &e), ERR_INVALID);
        r.next_update_us = INT64_MAX;
        assert_int_equal(x509_crl_issue(&r, issuer, s.issuer.key, &out, &e), ERR_INVALID);
        r.next_update_us = NOW + DAY;
        r.n = X509_CRL_REVOKED_MAX + 1;
        assert_int_equal(x509_crl_issue(&r, issuer, s.issuer.key, &out, &e), ERR_EXHAUSTED);
        buf_done(&out);
        site_done(&s);
}

static void reasons(void **state)
{
        enum x509_crl_reason r;

        (void)state;
        for (int i = -1; i < 12; i++) {
                const char *name = x509_crl_reason_name(i);
                if (!name)
                        continue;
                assert_int_equal(x509_crl_reason_parse(name, &r, NULL), 0);
                assert_int_equal(r, i);
        }
        assert_null(x509_crl_reason_name(7));
        assert_null(x509_crl_reason_name(8));
        assert_int_equal(x509_crl_reason_parse("stolen", &r, NULL), ERR_NOT_FOUND);
}

/* As many entries as one list may have, and all of them count. */
static void full_list(void **state)
{
        static uint8_t serials[X509_CRL_REVOKED_MAX][X509_CRL_SERIAL_MAX];
        static struct x509_crl_revoked entries[X509_CRL_REVOKED_MAX];
        struct site s;
        struct buf der, pem;
        struct err e;
        size_t n = 0;

        (void)state;
        site_init(&s);
        for (unsigned i = 0; i < X509_CRL_REVOKED_MAX; i++) {
                memset(serials[i], 0x55, sizeof serials[i]);
                serials[i][0] = (uint8_t)(0x40 | i >> 8);
                serials[i][1] = (uint8_t)i;
                entries[i] =
                        (struct x509_crl_revoked){ .serial = BYTES(serials[i], X509_CRL_SERIAL_MAX),
                                .at_us = NOW,
                                .reason = X509_CRL_SUPERSEDED };
        }
        assert_int_equal(x509_crl_serial(buf_bytes(&s.leaf.der), serials[1234], &n, &e), 0);
        entries[1234].serial.n = n;
        const struct x509_crl_request r = { .revoked = entries,
                .n = X509_CRL_REVOKED_MAX,
                .number = 1,
                .this_update_us = NOW,
                .next_update_us = NOW + DAY };
        buf_init(&der, X509_CRL_MAX);
        buf_init(&pem, X509_PEM_MAX);
        if (x509_crl_issue(&r, buf_bytes(&s.issuer.der), s.issuer.key, &der, &e) < 0 ||
                x509_crl_pem_format(buf_bytes(&der), &pem, &e) < 0)
                fail_msg("%s", e.text);
        struct tls_client_config *c = config_of(&s);
        give(c, pem);
        expect(&s, c, NULL, TLS_REVOKED, "superseded");
        tls_client_config_free(c);
        buf_done(&der);
        site_done(&s);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(revoked_leaf),
                cmocka_unit_test(revoked_issuer),
                cmocka_unit_test(replaced),
                cmocka_unit_test(out_of_date),
                cmocka_unit_test(pinned),
                cmocka_unit_test(recheck),
                cmocka_unit_test(recheck_more),
                cmocka_unit_test(issuers_between),
                cmocka_unit_test(refused_lists),
                cmocka_unit_test(flips),
                cmocka_unit_test(issuing),
                cmocka_unit_test(reasons),
                cmocka_unit_test(full_list),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
