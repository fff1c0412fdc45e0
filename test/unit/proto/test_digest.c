/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/digest.h"

static struct secret secret_of(const char *s)
{
        struct secret p = { 0 };

        assert_int_equal(secret_set(&p, bytes_str(s), NULL), 0);
        return p;
}

static int offer(struct digest_client *c, const char *first, const char *second, struct err *e)
{
        struct bytes values[2] = { bytes_str(first), bytes_str(second ? second : "") };

        return digest_client_challenge(c, values, second ? 2 : 1, e);
}

#define NONCE_7616 "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
#define CNONCE_7616 "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
#define REST_7616                                                                                  \
        " qop=\"auth, auth-int\", nonce=\"" NONCE_7616                                             \
        "\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
#define CHALLENGE_7616(a) "Digest realm=\"http-auth@example.org\", algorithm=" a "," REST_7616

/* RFC 7616 section 3.9.1; the -sess responses by Python's hashlib. */
static void rfc_7616(void **state)
{
        (void)state;
        static const struct {
                const char *challenge, *response;
        } cases[] = {
                { CHALLENGE_7616("MD5"), "8ca523f5e9506fed4657c9700eebdbec" },
                { CHALLENGE_7616("SHA-256"),
                        "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1" },
                { CHALLENGE_7616("MD5-sess"), "e783283f46242139c486a698fec7211d" },
                { CHALLENGE_7616("SHA-256-sess"),
                        "2fd51b3a77ad75bad6afad6003e818d767133c46d9e2749e7f5232ae1ea3efd7" },
        };
        struct secret password = secret_of("Circle of Life");
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct digest_client c;
                char to[DIGEST_ANSWER_ROOM], expected[100];
                digest_client_init(&c, false);
                assert_int_equal(offer(&c, cases[i].challenge, NULL, NULL), 0);
                assert_int_equal(digest_client_answer(&c, "GET", "/dir/index.html", "Mufasa",
                                         &password, CNONCE_7616, to, NULL),
                        0);
                snprintf(expected, sizeof expected, "response=\"%s\"", cases[i].response);
                assert_non_null(strstr(to, expected));
                assert_non_null(strstr(to, "nc=00000001"));
                assert_non_null(strstr(to, "qop=auth,"));
                assert_non_null(
                        strstr(to, "opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""));
                assert_null(strstr(to, "Circle"));
                assert_int_equal(digest_client_answer(&c, "GET", "/dir/index.html", "Mufasa",
                                         &password, CNONCE_7616, to, NULL),
                        0);
                assert_non_null(strstr(to, "nc=00000002"));
        }
}

/* RFC 2617 section 3.5 and, without qop, RFC 2069 as corrected by its errata. */
static void legacy(void **state)
{
        (void)state;
        struct secret password = secret_of("Circle Of Life");
        struct digest_client c;
        char to[DIGEST_ANSWER_ROOM];
        digest_client_init(&c, false);
        assert_int_equal(offer(&c,
                                 "Digest realm=\"testrealm@host.com\",qop=\"auth,auth-int\","
                                 "nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\",opaque="
                                 "\"5ccc069c403ebaf9f0171e9517f40e41\"",
                                 NULL, NULL),
                0);
        assert_int_equal(digest_client_answer(&c, "GET", "/dir/index.html", "Mufasa", &password,
                                 "0a4f113b", to, NULL),
                0);
        assert_non_null(strstr(to, "response=\"6629fae49393a05397450978507c4ef1\""));
        assert_null(strstr(to, "algorithm"));
        digest_client_init(&c, false);
        assert_int_equal(offer(&c,
                                 "Digest realm=\"testrealm@host.com\", "
                                 "nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\"",
                                 NULL, NULL),
                0);
        assert_int_equal(digest_client_answer(&c, "GET", "/dir/index.html", "Mufasa", &password,
                                 "0a4f113b", to, NULL),
                0);
        assert_string_equal(to,
                "Digest username=\"Mufasa\", realm=\"testrealm@host.com\", "
                "nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", uri=\"/dir/index.html\", "
                "response=\"670fd8c2df070c60b045671b8b24ff02\"");
}

static void basic(void **state)
{
        (void)state;
        struct secret password = secret_of("open sesame");
        struct digest_client c;
        struct err e = { 0 };
        char to[DIGEST_ANSWER_ROOM];
        digest_client_init(&c, true);
        assert_int_equal(offer(&c, "Basic realm=\"WallyWorld\"", NULL, NULL), 0);
        assert_int_equal(
                digest_client_answer(&c, "GET", "/", "Aladdin", &password, "x", to, NULL), 0);
        assert_string_equal(to, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="); /* RFC 7617 section 2 */
        digest_client_init(&c, false);
        assert_int_equal(offer(&c, "Basic realm=\"WallyWorld\"", NULL, &e), ERR_DENIED);
        assert_false(digest_client_ready(&c));
}

#define MD5 "Digest realm=\"r\", nonce=\"a\""
#define SHA "Digest realm=\"r\", nonce=\"b\", algorithm=SHA-256, qop=\"auth\""
#define BASIC "Basic realm=\"r\""

static void strongest(void **state)
{
        (void)state;
        static const struct {
                const char *first, *second;
                enum digest_scheme expected;
        } cases[] = {
                { MD5, SHA, DIGEST_SHA256 },
                { SHA, MD5, DIGEST_SHA256 },
                { BASIC, MD5, DIGEST_MD5 },
                { MD5 ", " SHA, NULL, DIGEST_SHA256 },
                { BASIC ", " SHA ", " MD5, NULL, DIGEST_SHA256 },
                { "Negotiate", MD5, DIGEST_MD5 },
                { "Bearer realm=\"x\"", BASIC, DIGEST_BASIC },
                { "Digest realm=\"r\", nonce=\"a\", algorithm=SHA-512-256, qop=\"auth\"", MD5,
                        DIGEST_MD5 },
                { "Digest realm=\"r\", nonce=\"a\", qop=\"auth-int\"", BASIC, DIGEST_BASIC },
                { "Digest realm=\"r\"", MD5, DIGEST_MD5 },
                { "Digest realm=\"unclosed", MD5, DIGEST_MD5 },
        };
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct digest_client c;
                digest_client_init(&c, true);
                assert_int_equal(offer(&c, cases[i].first, cases[i].second, NULL), 0);
                assert_int_equal(c.current.scheme, cases[i].expected);
        }
}

static void never_a_step_down(void **state)
{
        (void)state;
        struct digest_client c;
        struct err e = { 0 };
        digest_client_init(&c, true);
        assert_int_equal(offer(&c, MD5, NULL, NULL), 0);
        digest_client_reconnect(&c);
        assert_false(digest_client_ready(&c));
        assert_int_equal(offer(&c, BASIC, NULL, &e), ERR_DENIED);
        assert_string_equal(e.text, "Camera asked for Basic after offering Digest: refused");
        assert_false(digest_client_ready(&c));
        assert_int_equal(offer(&c, SHA, NULL, NULL), 0);
        assert_int_equal(offer(&c, MD5, NULL, &e), ERR_DENIED);
        assert_string_equal(
                e.text, "Camera asked for Digest MD5 after offering Digest SHA-256: refused");
        assert_int_equal(c.current.scheme, DIGEST_SHA256);
        /* What was offered counts, also where it was not used. */
        digest_client_init(&c, true);
        assert_int_equal(offer(&c, BASIC, SHA, NULL), 0);
        assert_int_equal(offer(&c, BASIC, NULL, NULL), ERR_DENIED);
}

static void wrong_password_and_stale(void **state)
{
        (void)state;
        struct secret password = secret_of("p");
        struct digest_client c;
        struct err e = { 0 };
        char to[DIGEST_ANSWER_ROOM];
        digest_client_init(&c, false);
        assert_int_equal(
                digest_client_answer(&c, "GET", "/", "u", &password, "c", to, NULL), ERR_STATE);
        assert_int_equal(offer(&c, SHA, NULL, NULL), 0);
        assert_int_equal(digest_client_answer(&c, "GET", "/", "u", &password, "c", to, NULL), 0);
        assert_int_equal(offer(&c, SHA, NULL, &e), ERR_AUTH);
        assert_int_equal(offer(&c, SHA ", stale=TRUE", NULL, NULL), 0);
        assert_int_equal(digest_client_answer(&c, "GET", "/", "u", &password, "c", to, NULL), 0);
        digest_client_accepted(&c);
        assert_int_equal(
                offer(&c, "Digest realm=\"r\", nonce=\"new\", algorithm=SHA-256, qop=\"auth\"",
                        NULL, NULL),
                0);
        assert_int_equal(c.nc, 0);
        assert_string_equal(c.current.nonce, "new");
}

static void hostile(void **state)
{
        (void)state;
        struct secret password = secret_of("p");
        struct digest_client c;
        char to[DIGEST_ANSWER_ROOM], longer[3000];
        digest_client_init(&c, false);
        assert_int_equal(offer(&c, "", NULL, NULL), ERR_PROTOCOL);
        assert_int_equal(offer(&c, "Digest", NULL, NULL), ERR_PROTOCOL);
        assert_int_equal(offer(&c, "realm=\"x\", nonce=\"y\"", NULL, NULL), ERR_PROTOCOL);
        snprintf(longer, sizeof longer, "Digest realm=\"r\", nonce=\"%0500d\"", 1);
        assert_int_equal(offer(&c, longer, NULL, NULL), ERR_PROTOCOL);
        snprintf(longer, sizeof longer, "Digest realm=\"r\", nonce=\"%02500d\"", 1);
        assert_int_equal(offer(&c, longer, NULL, NULL), ERR_PROTOCOL);
        assert_int_equal(
                offer(&c, "Digest realm=\"a\r\nX: y\", nonce=\"b\"", NULL, NULL), ERR_PROTOCOL);
        /* A quote in a realm comes back quoted. */
        assert_int_equal(offer(&c, "Digest realm=\"a\\\"b\", nonce=\"n\"", NULL, NULL), 0);
        assert_string_equal(c.current.realm, "a\"b");
        assert_int_equal(digest_client_answer(&c, "GET", "/", "u", &password, "c", to, NULL), 0);
        assert_non_null(strstr(to, "realm=\"a\\\"b\""));
        assert_int_equal(digest_client_answer(&c, "GET", "/\r\n", "u", &password, "c", to, NULL),
                ERR_INVALID);
        assert_int_equal(
                digest_client_answer(&c, "GET", "/", "u\n", &password, "c", to, NULL), ERR_INVALID);
}

/* As in fixtures protocol: axis answer_02, retina longse_unauthorized, gortsplib-headers digest 3.
 * Response by hashlib. */
static void cameras(void **state)
{
        (void)state;
        struct digest_challenge d[4];
        assert_int_equal(digest_challenges_parse(bytes_str("Digest realm=\"Surveillance Server\", "
                                                           "nonce=\"98481030\", stale=\"FALSE\""),
                                 d, 4, NULL),
                1);
        assert_string_equal(d[0].realm, "Surveillance Server");
        assert_false(d[0].stale || d[0].qop_auth || d[0].says_algorithm);
        assert_int_equal(
                digest_challenges_parse(bytes_str("Digest realm=\"4419b63f5e51\",nonce=\"1337\",  "
                                                  "stale=\"FALSE\""),
                        d, 4, NULL),
                1);
        assert_string_equal(d[0].nonce, "1337");
        struct secret password = secret_of("pass");
        struct digest_client c;
        char to[DIGEST_ANSWER_ROOM];
        digest_client_init(&c, false);
        assert_int_equal(
                offer(&c,
                        "Digest realm=\"AXIS_ACCC8E012345\", "
                        "nonce=\"0000eb57Y1462133062b37999f0cd530f02755fa37b8df1\", stale=FALSE",
                        NULL, NULL),
                0);
        assert_int_equal(
                digest_client_answer(&c, "DESCRIBE", "rtsp://127.0.0.1/axis-media/media.amp",
                        "admin", &password, "c", to, NULL),
                0);
        assert_non_null(strstr(to, "108b30f1817fb41c8b1a701fc035a6c6"));
}

/* Responses by hashlib: user admin, password secret. */
#define SERVER_SHA "1882d0f321140ed5b25231572f95004156e0557a774ccff8c7c85278d8a30d82"
#define SERVER_MD5 "98cfc8dcd7713eff89bcfd7b7c68c17d"
#define ANSWER(extra, response)                                                                    \
        "Digest username=\"admin\", realm=\"custos\", nonce=\"n0nce\", uri=\"rtsps://h/x\", "      \
        "response=\"" response "\"" extra

static int check(struct digest_server *s, const char *authorization, bool *ret_stale)
{
        struct secret password = secret_of("secret");

        return digest_server_check(s, bytes_str(authorization), bytes_str("DESCRIBE"),
                bytes_str("rtsps://h/x"), "admin", &password, ret_stale, NULL);
}

static void server(void **state)
{
        (void)state;
        struct digest_server s;
        char to[600];
        bool stale;
        assert_int_equal(digest_server_init(&s, "custos", "n0nce", true, NULL), 0);
        assert_int_equal(digest_server_challenge(&s, DIGEST_SHA256, false, to, sizeof to, NULL), 0);
        assert_string_equal(
                to, "Digest realm=\"custos\", nonce=\"n0nce\", algorithm=SHA-256, qop=\"auth\"");
        assert_int_equal(digest_server_challenge(&s, DIGEST_MD5, true, to, sizeof to, NULL), 0);
        assert_string_equal(to, "Digest realm=\"custos\", nonce=\"n0nce\", algorithm=MD5, "
                                "qop=\"auth\", stale=true");
        const char *good =
                ANSWER(", algorithm=SHA-256, qop=auth, nc=00000001, cnonce=\"c1\"", SERVER_SHA);
        assert_int_equal(check(&s, good, &stale), 0);
        /* Once only. */
        assert_int_equal(check(&s, good, &stale), ERR_AUTH);
        assert_false(stale);
        /* GStreamer's form: MD5, no qop. */
        assert_int_equal(check(&s, ANSWER("", SERVER_MD5), &stale), 0);
        s.md5_allowed = false;
        assert_int_equal(check(&s, ANSWER("", SERVER_MD5), &stale), ERR_AUTH);
        assert_int_equal(
                digest_server_challenge(&s, DIGEST_MD5, false, to, sizeof to, NULL), ERR_INVALID);
}

static void server_refuses(void **state)
{
        (void)state;
        static const char *const bad[] = { "", "Digest", "Basic YWRtaW46c2VjcmV0",
                "nonsense=", ANSWER(", algorithm=SHA-256", SERVER_SHA),
                ANSWER(", algorithm=SHA-256, qop=auth, nc=00000000, cnonce=\"c1\"", SERVER_SHA),
                ANSWER(", algorithm=SHA-256, qop=auth, nc=1, cnonce=\"c1\"", SERVER_SHA),
                ANSWER(", algorithm=SHA-256, qop=auth, nc=00000001", SERVER_SHA),
                ANSWER(", algorithm=SHA-256, qop=auth-int, nc=00000001, cnonce=\"c1\"", SERVER_SHA),
                ANSWER(", algorithm=SHA-256, qop=auth, nc=00000002, cnonce=\"c1\"", SERVER_SHA),
                ANSWER(", algorithm=SHA-256, qop=auth, nc=00000001, cnonce=\"c1\", "
                       "uri=\"rtsps://h/y\"",
                        SERVER_SHA),
                ANSWER(", algorithm=SHA-256-sess, qop=auth, nc=00000001, cnonce=\"c1\"",
                        SERVER_SHA),
                ANSWER(", algorithm=NONE, qop=auth, nc=00000001, cnonce=\"c1\"", SERVER_SHA),
                ANSWER("", ""),
                ANSWER(", algorithm=SHA-256, qop=auth, nc=00000001, cnonce=\"c1\"", "1882d0f3"),
                "Digest username=\"root\", realm=\"custos\", nonce=\"n0nce\", uri=\"rtsps://h/x\", "
                "response=\"" SERVER_SHA
                "\", algorithm=SHA-256, qop=auth, nc=00000001, cnonce=\"c1\"",
                "Digest username=\"admin\", realm=\"other\", nonce=\"n0nce\", uri=\"rtsps://h/x\", "
                "response=\"" SERVER_SHA
                "\", algorithm=SHA-256, qop=auth, nc=00000001, cnonce=\"c1\"" };
        struct digest_server s;
        bool stale;
        assert_int_equal(digest_server_init(&s, "custos", "n0nce", true, NULL), 0);
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                int r = check(&s, bad[i], &stale);
                if ((r != ERR_AUTH && r != ERR_PROTOCOL) || stale)
                        fail_msg("%s: %d", bad[i], r);
        }
        assert_int_equal(s.last_nc, 0);
        assert_int_equal(digest_server_init(&s, "custos", "other", true, NULL), 0);
        assert_int_equal(check(&s,
                                 ANSWER(", algorithm=SHA-256, qop=auth, nc=00000001, cnonce=\"c1\"",
                                         SERVER_SHA),
                                 &stale),
                ERR_AUTH);
        assert_true(stale);
        assert_int_equal(digest_server_init(&s, "a\"b", "n", true, NULL), ERR_INVALID);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(rfc_7616), cmocka_unit_test(legacy),
                cmocka_unit_test(basic), cmocka_unit_test(strongest),
                cmocka_unit_test(never_a_step_down), cmocka_unit_test(wrong_password_and_stale),
                cmocka_unit_test(hostile), cmocka_unit_test(cameras), cmocka_unit_test(server),
                cmocka_unit_test(server_refuses) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
