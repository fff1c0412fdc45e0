/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Grants: what is made is taken, and nothing else. Every refusal is one change of a good grant that
 * is signed by the key that the change leaves in place, so that it is refused for what it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"
#include "crypto/x509.h"
#include "crypto/x509_crl.h"
#include "trust/capability.h"

#define SECOND INT64_C(1000000)
#define DAY (86400 * SECOND)
#define NOW (INT64_C(1795000000) * SECOND)

struct entity {
        struct sign_key *key;
        struct buf der;
};

/* Issuers by their place in the list, as trust/site_ca names them. */
enum { NODES, SEALS, ISSUERS };
struct site {
        struct entity root, issuers[ISSUERS];
};

static struct site berlin, rome;
static struct entity manager; /* of berlin, good */

static struct entity issue(enum x509_purpose purpose, const char *name, const char *uri,
        const struct entity *issuer, int64_t from, int64_t until)
{
        struct entity n = { .key = sign_key_generate() };
        struct x509_request r = { .purpose = purpose,
                .common_name = name,
                .uri = uri,
                .not_before_us = from,
                .not_after_us = until };
        struct err e;

        buf_init(&n.der, X509_CERT_MAX);
        if (x509_issue(&r, n.key, issuer ? buf_bytes(&issuer->der) : BYTES(NULL, 0),
                    issuer ? issuer->key : n.key, &n.der, &e) < 0)
                fail_msg("%s", e.text);
        return n;
}

static void drop(struct entity *n)
{
        sign_key_free(n->key);
        buf_done(&n->der);
}

static void make_site(struct site *s, const char *name)
{
        static const char *const issuers[ISSUERS] = { "nodes", "seals" };
        char text[64];

        snprintf(text, sizeof text, "%s root", name);
        s->root = issue(X509_ROOT, text, NULL, NULL, NOW - 40 * DAY, NOW + 400 * DAY);
        for (unsigned i = 0; i < ISSUERS; i++) {
                snprintf(text, sizeof text, "%s %s", name, issuers[i]);
                s->issuers[i] =
                        issue(X509_ISSUER, text, NULL, &s->root, NOW - 40 * DAY, NOW + 300 * DAY);
        }
}

static void drop_site(struct site *s)
{
        drop(&s->root);
        for (unsigned i = 0; i < ISSUERS; i++)
                drop(&s->issuers[i]);
}

static struct entity signer(const struct entity *issuer, enum x509_purpose purpose, const char *uri)
{
        return issue(purpose, "main", uri, issuer, NOW - DAY, NOW + DAY);
}

static int set_up(void **state)
{
        (void)state;
        make_site(&berlin, "berlin");
        make_site(&rome, "rome");
        manager = signer(&berlin.issuers[NODES], X509_GRANT, "custos://berlin/manager/main");
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        drop(&manager);
        drop_site(&berlin);
        drop_site(&rome);
        return 0;
}

static struct capability good(void)
{
        struct capability c = { .site = "berlin",
                .person = "Erika M\xc3\xbcller",
                .gateway = "custos://berlin/gateway/front",
                .use = CAPABILITY_LIVE | CAPABILITY_PLAYBACK,
                .streams_n = 2,
                .streams = { "lobby-main", "street-7-sub" },
                .from_us = NOW - DAY + 1,
                .until_us = NOW - SECOND,
                .session = { 4 },
                .issued_us = NOW,
                .expires_us = NOW + 300 * SECOND };

        memset(c.id, 0xa7, sizeof c.id);
        memset(c.session + 1, 0x31, sizeof c.session - 1);
        return c;
}

static struct capability_trust trusted(void)
{
        return (struct capability_trust){ .site = "berlin",
                .root_der = buf_bytes(&berlin.root.der) };
}

static struct buf token_of(
        const struct capability *c, const struct entity *by, const struct entity *issuer)
{
        struct buf out;
        struct err e;

        buf_init(&out, CAPABILITY_TOKEN_MAX);
        if (capability_format(c, by->key, buf_bytes(&by->der), buf_bytes(&issuer->der), &out, &e) <
                0)
                fail_msg("%s", e.text);
        return out;
}

static struct buf good_token(void)
{
        const struct capability c = good();

        return token_of(&c, &manager, &berlin.issuers[NODES]);
}

/* Refused, with this code and fault, for this reason; nothing is written to the result. */
static void refused(const char *what, struct bytes token, int64_t now_us, int code, enum fault f,
        const char *why)
{
        const struct capability_trust by = trusted();
        struct capability c, before;
        struct err e = { 0 };

        memset(&c, 0x5a, sizeof c);
        before = c;
        int r = capability_parse(token, &by, now_us, &c, &e);
        if (r != code || e.code != code || e.fault != f || !strstr(e.text, why))
                fail_msg("%s: %d, %s, \"%s\"", what, r, fault_name(e.fault), e.text);
        assert_memory_equal(&c, &before, sizeof c);
}

static void what_is_made_is_taken(void **state)
{
        const struct capability_trust by = trusted();
        struct capability c = good(), back;
        struct buf token = good_token();
        struct err e;

        (void)state;
        if (capability_parse(buf_bytes(&token), &by, NOW, &back, &e) < 0)
                fail_msg("%s", e.text);
        assert_memory_equal(back.id, c.id, sizeof c.id);
        assert_memory_equal(back.session, c.session, sizeof c.session);
        assert_string_equal(back.person, c.person);
        assert_string_equal(back.gateway, c.gateway);
        assert_int_equal(back.use, c.use);
        assert_int_equal(back.streams_n, 2);
        assert_string_equal(back.streams[1], "street-7-sub");
        assert_int_equal(back.from_us, c.from_us);
        assert_int_equal(back.until_us, c.until_us);
        assert_int_equal(back.expires_us, c.expires_us);
        buf_done(&token);

        /* The largest: 64 streams of the longest names. */
        c.streams_n = CAPABILITY_STREAMS_MAX;
        for (unsigned i = 0; i < c.streams_n; i++)
                snprintf(c.streams[i], sizeof c.streams[i], "%0*u-%0*u", 63, i, 16, i);
        memset(c.person, 'x', sizeof c.person - 1);
        c.use = CAPABILITY_LIVE;
        c.from_us = c.until_us = 0;
        token = token_of(&c, &manager, &berlin.issuers[NODES]);
        assert_int_equal(capability_parse(buf_bytes(&token), &by, NOW, &back, &e), 0);
        assert_string_equal(back.streams[63], c.streams[63]);
        assert_int_equal(back.from_us, 0);
        buf_done(&token);
}

static void any_flipped_bit(void **state)
{
        const struct capability_trust by = trusted();
        struct buf token = good_token();
        struct capability c;

        (void)state;
        const size_t header = (size_t)((const uint8_t *)memchr(token.p, '.', token.n) - token.p),
                     signature =
                             (size_t)((const uint8_t *)memrchr(token.p, '.', token.n) - token.p);
        for (size_t i = 0; i < token.n * 8; i++) {
                /* Each costs a verification: all bits of the signature, one in some of the rest
                 * (numbers without a divisor in common with 8 come to every bit of a byte). */
                if (i / 8 < signature && i % (i / 8 < header ? 61 : 7))
                        continue;
                token.p[i / 8] ^= (uint8_t)(1u << i % 8);
                if (capability_parse(buf_bytes(&token), &by, NOW, &c, NULL) == 0)
                        fail_msg("bit %zu of byte %zu is not missed", i % 8, i / 8);
                token.p[i / 8] ^= (uint8_t)(1u << i % 8);
        }
        for (size_t n = 0; n < token.n; n += n < token.n - 100 ? 13 : 1)
                assert_int_not_equal(capability_parse(BYTES(token.p, n), &by, NOW, &c, NULL), 0);
        assert_int_equal(capability_parse(buf_bytes(&token), &by, NOW, &c, NULL), 0);
        buf_done(&token);
}

/* A token of these texts, signed by the manager. */
static struct buf token_of_texts(const char *header, const char *payload)
{
        char *digits = malloc(STR_BASE64_ROOM(strlen(header) + strlen(payload)));
        uint8_t signature[SIGN_BYTES];
        struct buf out;

        buf_init(&out, 4 * CAPABILITY_TOKEN_MAX);
        assert_int_equal(
                buf_printf(&out, NULL, "%s.", str_base64url(digits, bytes_str(header))), 0);
        assert_int_equal(
                buf_append(&out, bytes_str(str_base64url(digits, bytes_str(payload))), NULL), 0);
        assert_int_equal(sign_make(manager.key, buf_bytes(&out), signature, NULL), 0);
        assert_int_equal(buf_printf(&out, NULL, ".%s",
                                 str_base64url(digits, BYTES(signature, sizeof signature))),
                0);
        free(digits);
        return out;
}

/* Part 0 or 1 of a good token as text, the caller's. */
static char *text_of(unsigned part)
{
        struct buf token = good_token();
        const char *from = (const char *)token.p;

        assert_int_equal(buf_append(&token, BYTES("", 1), NULL), 0);
        if (part)
                from = strchr(from, '.') + 1;
        size_t n = strcspn(from, ".");
        char *text = calloc(1, n + 1);
        assert_true(str_unbase64url((uint8_t *)text, n, BYTES(from, n), NULL) > 0);
        buf_done(&token);
        return text;
}

/* The text with one piece of it changed; the caller's. */
static char *changed(const char *text, const char *from, const char *to)
{
        const char *at = strstr(text, from);

        if (!at)
                fail_msg("no %s in %s", from, text);
        char *out = malloc(strlen(text) + strlen(to) + 1);
        sprintf(out, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
        return out;
}

static void judge_texts(const char *what, const char *header, const char *payload, const char *why)
{
        struct buf token = token_of_texts(header, payload);

        refused(what, buf_bytes(&token), NOW, ERR_INVALID, FAULT_GRANT_REFUSED, why);
        buf_done(&token);
}

static void the_header_is_exact(void **state)
{
        static const struct {
                const char *from, *to, *why;
        } cases[] = {
                { "\"ES256\"", "\"none\"", "another algorithm" },
                { "\"ES256\"", "\"HS256\"", "another algorithm" },
                { "\"ES256\"", "\"es256\"", "another algorithm" },
                { "\"ES256\"", "\"ES384\"", "another algorithm" },
                { "\"ES256\"", "\"\"", "another algorithm" },
                { "\"ES256\"", "null", "another algorithm" },
                { "\"ES256\"", "[\"ES256\"]", "another algorithm" },
                { "custos-grant-1", "custos-grant-2", "another type" },
                { "custos-grant-1", "JWT", "another type" },
                { "\"typ\"", "\"cty\"", "another type" },
                { "{", "{\"kid\":\"1\",", "other members" },
                { "{", "{\"crit\":[\"exp\"],", "other members" },
                { "{", "{\"jwk\":{},", "other members" },
                { "{", "{\"alg\":\"none\",", "other members" },
                { "{", "{\"alg\":\"ES256\",", "other members" },
                { "\"alg\":\"ES256\",", "", "other members" },
                { "\"x5c\":[", "\"x5c\":[[],", "not two certificates" },
                { "\"x5c\":[\"", "\"x5c\":[\"%", "not two certificates" },
                { "\"x5c\":[", "\"x5c\":{},\"x\":[", "other members" },
                { "{", "[{", "other members" },
                { "{", " ", "other members" },
        };
        char *header = text_of(0), *payload = text_of(1);

        (void)state;
        struct buf token = token_of_texts(header, payload);
        const struct capability_trust by = trusted();
        struct capability c;
        assert_int_equal(capability_parse(buf_bytes(&token), &by, NOW, &c, NULL), 0);
        buf_done(&token);
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                char *other = changed(header, cases[i].from, cases[i].to);
                judge_texts(other, other, payload, cases[i].why);
                free(other);
        }
        free(header);
        free(payload);
}

static void the_payload_is_exact(void **state)
{
        static const struct {
                const char *from, *to, *why;
        } cases[] = {
                { "{", "{\"v\":1,", "other members" },
                { "{", "{\"nbf\":1,", "other members" },
                { "\"person\"", "\"who\"", "texts" },
                { "{", "{\"receiver\":\"a\",\"purpose\":\"b\",", "with it alone" },
                { "{", "{\"receiver\":\"a\",", "other members" },
                { "\"live\",\"playback\"", "\"export\"", "with it alone" },
                { "\"v\":1,", "", "other members" },
                { "\"v\":1", "\"v\":2", "another version" },
                { "\"v\":1", "\"v\":\"1\"", "another version" },
                { "\"v\":1", "\"v\":1.0", "another version" },
                { "a7a7", "A7a7", "digits of hex" },
                { "a7a7", "a7", "digits of hex" },
                { "a7a7", "xxxx", "digits of hex" },
                { "3131", "313131", "digits of hex" },
                { "\"04", "\"02", "uncompressed point" },
                { "\"berlin\"", "17", "texts" },
                { "\"berlin\"", "\"Berlin\"", "name of a site" },
                { "Erika ", "Erika\\n", "names no person" },
                { "Erika ", "Erika\\u0000", "other members" },
                { "berlin/gateway", "rome/gateway", "no gateway of this site" },
                { "berlin/gateway", "berlin/recorder", "no gateway of this site" },
                { "gateway/front", "gateway/", "no gateway of this site" },
                { "gateway/front", "gateway/front/x", "no gateway of this site" },
                { "\"live\",", "\"live\",\"live\",", "use is a list" },
                { "\"live\",", "\"all\",", "use is a list" },
                { "\"live\",", "1,", "use is a list" },
                { "[\"live\",\"playback\"]", "[]", "no use" },
                { "[\"live\",\"playback\"]", "\"live\"", "use is a list" },
                { "[\"live\",\"playback\"]", "[\"live\"]", "null where only live" },
                { "lobby-main", "lobby", "streams are" },
                { "lobby-main", "street-7-sub", "streams are" },
                { "lobby-main", "*", "streams are" },
                { "lobby-main", "../lobby-main", "streams are" },
                { "\"lobby-main\",", "null,", "streams are" },
                { "[\"lobby-main\",\"street-7-sub\"]", "[]", "streams are" },
                { ".000001Z", "Z", "microseconds" },
                { ".000001Z", ".000Z", "microseconds" },
                { ".000001Z", ".000001z", "microseconds" },
                { "\"until\":\"2", "\"until\":null,\"u\":\"2", "other members" },
                { "\"until\":\"2026", "\"until\":\"2025", "a span of footage" },
                { "\"iat\":1795000000", "\"iat\":\"1795000000\"", "seconds since" },
                { "\"iat\":1795000000", "\"iat\":1795000000.0", "seconds since" },
                { "\"iat\":1795000000", "\"iat\":-1", "seconds since" },
                { "\"iat\":1795000000", "\"iat\":99999999999999999", "seconds since" },
                { "\"exp\":1795000300", "\"exp\":1795000601", "600 seconds apart" },
                { "\"exp\":1795000300", "\"exp\":1795000000", "600 seconds apart" },
                { "\"exp\":1795000300", "\"exp\":1794999999", "600 seconds apart" },
        };
        char *header = text_of(0), *payload = text_of(1), much[600] = "";

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                char *other = changed(payload, cases[i].from, cases[i].to);
                judge_texts(other, header, other, cases[i].why);
                free(other);
        }
        judge_texts("null", header, "null", "other members");
        judge_texts("behind", header, "{} {}", "other members");
        /* Longer than there is room for. */
        memset(much, 'x', 200);
        char *other = changed(payload, "Erika", much);
        judge_texts("a long person", header, other, "texts");
        free(other);
        for (unsigned i = 0; i < 65; i++)
                sprintf(much + strlen(much) * (i > 0), "%s\"a%u-m\"", i ? "," : "", i);
        other = changed(payload, "\"lobby-main\",\"street-7-sub\"", much);
        judge_texts("65 streams", header, other, "streams are");
        free(other);
        free(header);
        free(payload);
}

static void the_form_is_exact(void **state)
{
        struct buf token = good_token(), longer;
        char *text = calloc(1, token.n + 2);

        (void)state;
        refused("empty", BYTES("", 0), NOW, ERR_INVALID, FAULT_GRANT_REFUSED, "length");
        refused("two parts", BYTES("a.b", 3), NOW, ERR_INVALID, FAULT_GRANT_REFUSED, "three parts");
        refused("dots", BYTES("...", 3), NOW, ERR_INVALID, FAULT_GRANT_REFUSED, "header");
        /* No signature, as with alg none; padding; white space; a fourth part. */
        const uint8_t *dot = memrchr(token.p, '.', token.n);
        refused("unsigned", BYTES(token.p, (size_t)(dot + 1 - token.p)), NOW, ERR_INVALID,
                FAULT_GRANT_REFUSED, "64 bytes");
        static const char *const tails[] = { "=", "==", "\n", " ", ".", ".x", "A" };
        for (size_t i = 0; i < ARRAY_LEN(tails); i++) {
                buf_init(&longer, 2 * CAPABILITY_TOKEN_MAX);
                assert_int_equal(buf_append(&longer, buf_bytes(&token), NULL), 0);
                assert_int_equal(buf_append(&longer, bytes_str(tails[i]), NULL), 0);
                refused(tails[i], buf_bytes(&longer), NOW, ERR_INVALID, FAULT_GRANT_REFUSED,
                        "64 bytes");
                buf_done(&longer);
        }
        free(text);
        text = calloc(1, CAPABILITY_TOKEN_MAX + 1);
        memset(text, 'a', CAPABILITY_TOKEN_MAX + 1);
        refused("too long", BYTES(text, CAPABILITY_TOKEN_MAX + 1), NOW, ERR_INVALID,
                FAULT_GRANT_REFUSED, "length");
        free(text);
        buf_done(&token);
}

static void the_time_is_now(void **state)
{
        const struct capability_trust by = trusted();
        struct buf token = good_token();
        struct capability c;

        (void)state;
        static const int64_t inside[] = { NOW - 30 * SECOND, NOW, NOW + 329 * SECOND };
        for (size_t i = 0; i < ARRAY_LEN(inside); i++)
                assert_int_equal(capability_parse(buf_bytes(&token), &by, inside[i], &c, NULL), 0);
        refused("not yet", buf_bytes(&token), NOW - 31 * SECOND, ERR_DENIED, FAULT_GRANT_EXPIRED,
                "good from");
        refused("over", buf_bytes(&token), NOW + 330 * SECOND, ERR_DENIED, FAULT_GRANT_EXPIRED,
                "ran out");
        refused("long over", buf_bytes(&token), NOW + 12 * 3600 * SECOND, ERR_DENIED,
                FAULT_GRANT_EXPIRED, "ran out");
        buf_done(&token);
}

static void the_site_is_this_one(void **state)
{
        struct capability c = good();

        (void)state;
        /* Of another site altogether: its root is another. */
        struct entity other =
                signer(&rome.issuers[NODES], X509_GRANT, "custos://rome/manager/main");
        snprintf(c.site, sizeof c.site, "rome");
        snprintf(c.gateway, sizeof c.gateway, "custos://rome/gateway/front");
        struct buf token = token_of(&c, &other, &rome.issuers[NODES]);
        const struct capability_trust by = trusted();
        struct err e;
        assert_int_equal(capability_parse(buf_bytes(&token), &by, NOW, &c, &e), ERR_DENIED);
        assert_string_equal(fault_name(e.fault), "unknown-issuer");
        buf_done(&token);
        drop(&other);
        /* Of another name, by our manager. */
        c = good();
        snprintf(c.site, sizeof c.site, "rome");
        snprintf(c.gateway, sizeof c.gateway, "custos://rome/gateway/front");
        token = token_of(&c, &manager, &berlin.issuers[NODES]);
        refused("another site", buf_bytes(&token), NOW, ERR_DENIED, FAULT_GRANT_REFUSED,
                "for site rome");
        buf_done(&token);
}

static void signed_by(
        const struct entity *by, const struct entity *issuer, enum fault f, const char *why)
{
        const struct capability c = good();
        struct buf token = token_of(&c, by, issuer);

        refused(why, buf_bytes(&token), NOW, ERR_DENIED, f, why);
        buf_done(&token);
}

static void who_may_sign(void **state)
{
        const struct entity *nodes = &berlin.issuers[NODES], *seals = &berlin.issuers[SEALS];
        static const struct {
                unsigned issuer;
                enum x509_purpose purpose;
                const char *uri, *why;
        } cases[] = {
                /* a TLS key of the manager itself, of a recorder; a camera's */
                { NODES, X509_NODE, "custos://berlin/manager/main", "not one of a manager" },
                { NODES, X509_NODE, "custos://berlin/recorder/main", "not one of a manager" },
                { NODES, X509_CAMERA, "custos://berlin/manager/main", "not one of a manager" },
                /* a sealer's, and one that carries a recorder's URI */
                { SEALS, X509_SEAL, "custos://berlin/recorder/main", "not one of a manager" },
                { NODES, X509_GRANT, "custos://berlin/recorder/main", "not one of a manager" },
                { NODES, X509_GRANT, "custos://berlin/gateway/front", "not one of a manager" },
                { NODES, X509_GRANT, NULL, "not one of a manager" },
                { NODES, X509_GRANT, "custos://rome/manager/main", "no manager of this site" },
                { NODES, X509_GRANT, "custos://berlin/manager/A", "no manager of this site" },
                /* the seals issuer made it */
                { SEALS, X509_GRANT, "custos://berlin/manager/main", "makes no certificates" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                const struct entity *issuer = &berlin.issuers[cases[i].issuer];
                struct entity by = signer(issuer, cases[i].purpose, cases[i].uri);
                signed_by(&by, issuer, FAULT_WRONG_PURPOSE, cases[i].why);
                drop(&by);
        }
        /* The right certificate beside the wrong key, the wrong issuer beside the right leaf, an
         * issuer or the root as leaf. */
        struct entity mixed = { .key = nodes->key, .der = manager.der };
        signed_by(&mixed, nodes, FAULT_GRANT_REFUSED, "does not verify");
        struct entity of_seals = { .key = manager.key, .der = manager.der };
        signed_by(&of_seals, seals, FAULT_UNKNOWN_ISSUER, "who signed it");
        signed_by(nodes, &berlin.root, FAULT_WRONG_PURPOSE, "not one of a manager");
        /* Certificates that are over, or not good yet. */
        static const struct {
                int64_t from, until;
                enum fault fault;
        } dates[] = { { NOW - 9 * DAY, NOW - DAY, FAULT_EXPIRED },
                { NOW + DAY, NOW + 9 * DAY, FAULT_NOT_YET_VALID } };
        for (size_t i = 0; i < ARRAY_LEN(dates); i++) {
                struct entity by = issue(X509_GRANT, "main", "custos://berlin/manager/main", nodes,
                        dates[i].from, dates[i].until);
                signed_by(&by, nodes, dates[i].fault, "who signed it");
                drop(&by);
        }
}

static struct buf list_of(const struct entity *issuer, const struct entity *revoked)
{
        uint8_t serial[X509_CRL_SERIAL_MAX];
        size_t n = 0;
        struct buf der, pem;

        if (revoked)
                assert_int_equal(x509_crl_serial(buf_bytes(&revoked->der), serial, &n, NULL), 0);
        const struct x509_crl_revoked one = { .serial = BYTES(serial, n), .at_us = NOW - DAY };
        const struct x509_crl_request r = { .revoked = &one,
                .n = revoked != NULL,
                .number = 7,
                .this_update_us = NOW - DAY,
                .next_update_us = NOW + DAY };
        buf_init(&der, X509_CRL_MAX);
        buf_init(&pem, 2 * X509_CRL_MAX);
        assert_int_equal(x509_crl_issue(&r, buf_bytes(&issuer->der), issuer->key, &der, NULL), 0);
        assert_int_equal(x509_crl_pem_format(buf_bytes(&der), &pem, NULL), 0);
        buf_done(&der);
        return pem;
}

static void a_signer_that_was_revoked(void **state)
{
        struct entity other =
                signer(&berlin.issuers[NODES], X509_GRANT, "custos://berlin/manager/main");
        struct buf hit = list_of(&berlin.issuers[NODES], &manager),
                   miss = list_of(&berlin.issuers[NODES], &other),
                   none = list_of(&berlin.issuers[NODES], NULL), token = good_token();
        struct capability_trust by = trusted();
        struct capability c;
        struct err e;

        (void)state;
        by.crls_pem = buf_bytes(&hit);
        assert_int_equal(capability_parse(buf_bytes(&token), &by, NOW, &c, &e), ERR_DENIED);
        assert_int_equal(e.fault, FAULT_REVOKED);
        by.crls_pem = buf_bytes(&miss);
        assert_int_equal(capability_parse(buf_bytes(&token), &by, NOW, &c, &e), 0);
        by.crls_pem = buf_bytes(&none);
        assert_int_equal(capability_parse(buf_bytes(&token), &by, NOW, &c, &e), 0);
        /* Another issuer's list says nothing, and that is no yes. */
        struct buf foreign = list_of(&rome.issuers[NODES], NULL);
        by.crls_pem = buf_bytes(&foreign);
        assert_int_equal(capability_parse(buf_bytes(&token), &by, NOW, &c, &e), ERR_DENIED);
        buf_done(&foreign);
        buf_done(&hit);
        buf_done(&miss);
        buf_done(&none);
        buf_done(&token);
        drop(&other);
}

static void not_allowed(const struct capability *c, enum capability_use use, const char *stream,
        int64_t at_us, const char *why)
{
        struct err e = { 0 };

        assert_int_equal(capability_allows(c, use, stream, at_us, &e), ERR_DENIED);
        assert_int_equal(e.fault, FAULT_NOT_GRANTED);
        if (!strstr(e.text, why))
                fail_msg("%s: %s", why, e.text);
}

static void what_it_allows(void **state)
{
        struct capability c = good();

        (void)state;
        assert_int_equal(capability_allows(&c, CAPABILITY_LIVE, "lobby-main", 0, NULL), 0);
        assert_int_equal(capability_allows(&c, CAPABILITY_LIVE, "street-7-sub", 0, NULL), 0);
        assert_int_equal(
                capability_allows(&c, CAPABILITY_PLAYBACK, "lobby-main", c.from_us, NULL), 0);
        assert_int_equal(
                capability_allows(&c, CAPABILITY_PLAYBACK, "lobby-main", c.until_us, NULL), 0);
        not_allowed(&c, CAPABILITY_PLAYBACK, "lobby-main", c.from_us - 1, "outside");
        not_allowed(&c, CAPABILITY_PLAYBACK, "lobby-main", c.until_us + 1, "outside");
        not_allowed(&c, CAPABILITY_EXPORT, "lobby-main", c.from_us, "not for export");
        not_allowed(&c, CAPABILITY_LIVE, "lobby-sub", 0, "lobby-sub is not in it");
        not_allowed(&c, CAPABILITY_LIVE, "lobby", 0, "not in it");
        not_allowed(&c, CAPABILITY_LIVE, "", 0, "not in it");
        c.use = CAPABILITY_PLAYBACK;
        not_allowed(&c, CAPABILITY_LIVE, "lobby-main", 0, "not for live");
        c.use = CAPABILITY_LIVE;
        not_allowed(&c, CAPABILITY_PLAYBACK, "lobby-main", c.from_us, "not for playback");
}

/* Who gets it and what for goes with an export, both, and with nothing else. */
static void of_an_export(void **state)
{
        const struct capability_trust by = trusted();
        struct capability c = good(), read;
        struct err e;

        (void)state;
        c.use = CAPABILITY_EXPORT;
        memcpy(c.receiver, "Polizei M\xc3\xbcnchen", 17);
        memcpy(c.purpose, "case 7", 7);
        struct buf token = token_of(&c, &manager, &berlin.issuers[NODES]);
        assert_int_equal(capability_parse(buf_bytes(&token), &by, NOW, &read, &e), 0);
        assert_string_equal(read.receiver, c.receiver);
        assert_string_equal(read.purpose, c.purpose);
        assert_int_equal(
                capability_allows(&read, CAPABILITY_EXPORT, "lobby-main", c.from_us, &e), 0);
        not_allowed(&read, CAPABILITY_PLAYBACK, "lobby-main", c.from_us, "not for playback");
        buf_done(&token);
}

/* What cannot be taken is not made. */
static void not_made(const struct capability *c, const char *why)
{
        struct buf out;
        struct err e = { 0 };

        buf_init(&out, CAPABILITY_TOKEN_MAX);
        assert_int_equal(capability_format(c, manager.key, buf_bytes(&manager.der),
                                 buf_bytes(&berlin.issuers[NODES].der), &out, &e),
                ERR_INVALID);
        assert_int_equal(out.n, 0);
        if (!strstr(e.text, why))
                fail_msg("%s: %s", why, e.text);
        buf_done(&out);
}

static void what_is_not_made(void **state)
{
        struct capability c = good();

        (void)state;
        c.expires_us = c.issued_us + 601 * SECOND;
        not_made(&c, "600 seconds");
        c = good();
        c.issued_us++;
        not_made(&c, "seconds apart");
        c = good();
        c.person[0] = '\0';
        not_made(&c, "no person");
        c = good();
        memcpy(c.person, "\xff\xfe", 3);
        not_made(&c, "no UTF-8");
        c = good();
        c.streams_n = 0;
        not_made(&c, "streams");
        c = good();
        c.use = 8;
        not_made(&c, "no use");
        c = good();
        c.until_us = c.from_us - 1;
        not_made(&c, "span");
        c = good();
        c.use = CAPABILITY_LIVE;
        not_made(&c, "span");
        c = good();
        c.session[0] = 0;
        not_made(&c, "uncompressed");
        c = good();
        memcpy(c.receiver, "Police", 7);
        not_made(&c, "export alone");
        c.use |= CAPABILITY_EXPORT;
        not_made(&c, "a line of text each"); /* what for? */
        memcpy(c.purpose, "case\n7", 7);
        not_made(&c, "a line of text each");
        memcpy(c.purpose, "\xff\xfe", 3);
        not_made(&c, "no UTF-8");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_is_made_is_taken),
                cmocka_unit_test(any_flipped_bit),
                cmocka_unit_test(the_header_is_exact),
                cmocka_unit_test(the_payload_is_exact),
                cmocka_unit_test(the_form_is_exact),
                cmocka_unit_test(the_time_is_now),
                cmocka_unit_test(the_site_is_this_one),
                cmocka_unit_test(who_may_sign),
                cmocka_unit_test(a_signer_that_was_revoked),
                cmocka_unit_test(what_it_allows),
                cmocka_unit_test(of_an_export),
                cmocka_unit_test(what_is_not_made),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
