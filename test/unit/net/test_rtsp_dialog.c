/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "net/rtsp_dialog.h"

#define NONCE "00112233445566778899aabbccddeeff"
#define SESSION "ffeeddccbbaa99887766554433221100"
#define OURS "Session: " SESSION "\r\n"
#define TCP "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"

struct fixture {
        struct rtsp_dialog d;
        struct secret password;
        struct buf out;
        struct err why;
        char text[RTSP_DIALOG_RESPONSE_MAX + 1];
        unsigned plays;
        struct rtsp_tweak tweak;
        struct bytes key_mgmt; /* of the last SETUP */
};

static int describe(
        void *owner, const char *path, struct buf *sdp, unsigned *ret_tracks, struct err *e)
{
        (void)owner;
        if (strcmp(path, "cam") != 0)
                return err_set(e, ERR_NOT_FOUND, "no camera");
        *ret_tracks = 2;
        return sdp ? buf_append(sdp, bytes_str("v=0\r\n"), e) : 0;
}

static int play(void *owner, const char *path,
        struct rtsp_dialog_start ret[static RTSP_DIALOG_TRACKS_MAX], struct err *e)
{
        struct fixture *x = owner;

        (void)path;
        (void)e;
        x->plays++;
        ret[0] = (struct rtsp_dialog_start){ 65535, 4294967295u };
        ret[1] = (struct rtsp_dialog_start){ 7, 8 };
        return 0;
}

static int start(void **state, const char *user)
{
        struct fixture *x = xcalloc(1, sizeof *x);

        x->d.describe = describe;
        x->d.play = play;
        x->d.owner = x;
        x->d.user = user;
        x->d.password = &x->password;
        x->d.timeout_s = 60;
        buf_init(&x->out, RTSP_DIALOG_RESPONSE_MAX);
        *state = x;
        return secret_set(&x->password, bytes_str("Circle Of Life"), NULL) < 0 ||
               rtsp_dialog_init(&x->d, NONCE, NULL) < 0;
}

static int setup_open(void **state)
{
        return start(state, NULL);
}

static int setup_locked(void **state)
{
        return start(state, "Mufasa");
}

static int teardown(void **state)
{
        struct fixture *x = *state;

        secret_done(&x->password);
        buf_done(&x->out);
        free(x);
        return 0;
}

/* Gives a request; returns what follows. The response is in x->text. */
static int ask(struct fixture *x, const char *head, const char *body)
{
        struct rtsp_message m;
        int r;

        assert_true(rtsp_parse_head(bytes_str(head), &m, NULL) >= 0);
        m.body = bytes_str(body);
        buf_clear(&x->out);
        r = rtsp_dialog_answer(&x->d, &m, SESSION, &x->out, &x->why);
        memcpy(x->text, x->out.p, x->out.n);
        x->text[x->out.n] = 0;
        return r;
}

static void expect(struct fixture *x, const char *head, unsigned status)
{
        char line[64];

        assert_true(ask(x, head, "") >= 0);
        snprintf(line, sizeof line, "RTSP/1.0 %u ", status);
        if (strncmp(x->text, line, strlen(line)) != 0)
                fail_msg("%s answered %s", head, x->text);
}

static void test_a_whole_conversation(void **state)
{
        struct fixture *x = *state;

        expect(x, "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n", 200);
        assert_non_null(strstr(x->text, "CSeq: 1\r\n"));
        assert_non_null(strstr(x->text, "TEARDOWN"));
        expect(x, "DESCRIBE rtsps://h:5/cam RTSP/1.0\r\nCSeq: 2\r\nAccept: application/sdp\r\n\r\n",
                200);
        assert_non_null(strstr(x->text, "Content-Base: rtsps://h:5/cam/\r\n"));
        assert_non_null(strstr(x->text, "\r\n\r\nv=0\r\n"));
        expect(x, "SETUP rtsps://h:5/cam/track0 RTSP/1.0\r\nCSeq: 3\r\n" TCP "\r\n", 200);
        assert_non_null(strstr(x->text, "interleaved=0-1"));
        assert_non_null(strstr(x->text, "Session: " SESSION ";timeout=60\r\n"));
        expect(x,
                "SETUP rtsps://h:5/cam/track1 RTSP/1.0\r\nCSeq: 4\r\n" OURS
                "Transport: RTP/AVP;unicast;client_port=1-2, "
                "RTP/AVP/TCP;unicast;interleaved=8-9\r\n\r\n",
                200);
        assert_non_null(strstr(x->text, "interleaved=8-9"));
        assert_int_equal(ask(x, "PLAY rtsps://h:5/cam RTSP/1.0\r\nCSeq: 5\r\n" OURS "\r\n", ""),
                RTSP_DIALOG_PLAY);
        assert_non_null(
                strstr(x->text, "RTP-Info: url=rtsps://h:5/cam/track0;seq=65535;rtptime=4294967295,"
                                "url=rtsps://h:5/cam/track1;seq=7;rtptime=8\r\n"));
        assert_true(x->d.playing);
        assert_int_equal(ask(x, "PLAY rtsps://h:5/cam RTSP/1.0\r\nCSeq: 6\r\n" OURS "\r\n", ""),
                RTSP_DIALOG_GO_ON);
        assert_int_equal(x->plays, 1);
        expect(x, "GET_PARAMETER rtsps://h:5/cam/ RTSP/1.0\r\nCSeq: 7\r\n" OURS "\r\n", 200);
        assert_int_equal(ask(x, "TEARDOWN rtsps://h:5/cam RTSP/1.0\r\nCSeq: 8\r\n" OURS "\r\n", ""),
                RTSP_DIALOG_STOP);
        assert_false(x->d.playing);
        expect(x, "PLAY rtsps://h:5/cam RTSP/1.0\r\nCSeq: 9\r\n" OURS "\r\n", 454);
}

static void test_refusals(void **state)
{
        static const struct {
                const char *head;
                unsigned status;
        } cases[] = {
                { "DESCRIBE rtsps://h/other RTSP/1.0\r\nCSeq: 1\r\n\r\n", 404 },
                { "DESCRIBE rtsps://h/cam RTSP/1.0\r\nCSeq: 1\r\nAccept: text/html\r\n\r\n", 406 },
                { "DESCRIBE rtsps://h/cam RTSP/1.0\r\nCSeq: 1\r\nRequire: "
                  "www.onvif.org/ver20/backchannel\r\n\r\n",
                        551 },
                { "DESCRIBE rtsps://user:pw@h/cam RTSP/1.0\r\nCSeq: 1\r\n\r\n", 400 },
                { "DESCRIBE cam RTSP/1.0\r\nCSeq: 1\r\n\r\n", 400 },
                { "SETUP rtsps://h/cam/track0 RTSP/1.0\r\nCSeq: 1\r\n\r\n", 461 },
                { "SETUP rtsps://h/cam/track0 RTSP/1.0\r\nCSeq: 1\r\nTransport: "
                  "RTP/AVP;unicast;client_port=5-6\r\n\r\n",
                        461 },
                { "SETUP rtsps://h/cam/track0 RTSP/1.0\r\nCSeq: 1\r\nTransport: "
                  "RTP/SAVP/TCP;interleaved=0-1\r\n\r\n",
                        461 },
                { "SETUP rtsps://h/cam/track0 RTSP/1.0\r\nCSeq: 1\r\nTransport: ;;;=,,\r\n\r\n",
                        461 },
                { "SETUP rtsps://h/cam/track2 RTSP/1.0\r\nCSeq: 1\r\n" TCP "\r\n", 404 },
                { "SETUP rtsps://h/cam RTSP/1.0\r\nCSeq: 1\r\n" TCP "\r\n", 459 },
                { "SETUP rtsps://h/other/track0 RTSP/1.0\r\nCSeq: 1\r\n" TCP "\r\n", 404 },
                { "SETUP rtsps://h/cam/track0 RTSP/1.0\r\nCSeq: 1\r\n" OURS TCP "\r\n", 454 },
                { "PLAY rtsps://h/cam RTSP/1.0\r\nCSeq: 1\r\n\r\n", 454 },
                { "PLAY rtsps://h/cam RTSP/1.0\r\nCSeq: 1\r\nSession: \r\n\r\n", 454 },
                { "TEARDOWN rtsps://h/cam RTSP/1.0\r\nCSeq: 1\r\n" OURS "\r\n", 454 },
                { "PAUSE rtsps://h/cam RTSP/1.0\r\nCSeq: 1\r\n\r\n", 501 },
                { "ANNOUNCE rtsps://h/cam RTSP/1.0\r\nCSeq: 1\r\n\r\n", 501 },
                { "FOO * RTSP/1.0\r\nCSeq: 1\r\n\r\n", 501 },
        };
        struct fixture *x = *state;

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                expect(x, cases[i].head, cases[i].status);
                assert_int_not_equal(x->why.code, 0);
                assert_string_equal(x->d.session, "");
        }
}

static void test_session_rules(void **state)
{
        struct fixture *x = *state;

        expect(x, "SETUP rtsps://h/cam/track0 RTSP/1.0\r\nCSeq: 1\r\n" TCP "\r\n", 200);
        /* Channels that are taken: others are given. */
        expect(x, "SETUP rtsps://h/cam/track1 RTSP/1.0\r\nCSeq: 2\r\n" OURS TCP "\r\n", 200);
        assert_non_null(strstr(x->text, "interleaved=2-3"));
        expect(x, "PLAY rtsps://h/cam RTSP/1.0\r\nCSeq: 3\r\nSession: " NONCE "\r\n\r\n", 454);
        expect(x, "PLAY rtsps://h/other RTSP/1.0\r\nCSeq: 4\r\n" OURS "\r\n", 454);
        assert_int_equal(x->plays, 0);
        assert_int_equal(ask(x, "PLAY rtsps://h/cam/ RTSP/1.0\r\nCSeq: 5\r\n" OURS "\r\n", ""),
                RTSP_DIALOG_PLAY);
        expect(x, "SETUP rtsps://h/cam/track1 RTSP/1.0\r\nCSeq: 6\r\n" OURS TCP "\r\n", 455);
        assert_int_equal(ask(x, "SET_PARAMETER rtsps://h/cam RTSP/1.0\r\nCSeq: 7\r\n" OURS "\r\n",
                                 "volume: 11"),
                0);
        assert_non_null(strstr(x->text, "RTSP/1.0 451 "));
}

static void test_malformed(void **state)
{
        struct fixture *x = *state;
        struct rtsp_message response;
        char uri[2000];

        assert_int_equal(ask(x, "DESCRIBE rtsps://h/cam RTSP/1.0\r\n\r\n", ""), RTSP_DIALOG_CLOSE);
        assert_non_null(strstr(x->text, "RTSP/1.0 400 "));
        memset(uri, 'a', sizeof uri);
        memcpy(uri, "DESCRIBE rtsps://h/", 19);
        snprintf(uri + 1500, sizeof uri - 1500, " RTSP/1.0\r\nCSeq: 1\r\n\r\n");
        expect(x, uri, 400);
        snprintf(uri + 300, sizeof uri - 300,
                " RTSP/1.0\r\nCSeq: 1\r\n\r\n"); /* a path too long for any of ours */
        expect(x, uri, 400);
        assert_true(rtsp_parse_head(
                            bytes_str("RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n"), &response, NULL) >= 0);
        assert_int_equal(
                rtsp_dialog_answer(&x->d, &response, SESSION, &x->out, NULL), ERR_PROTOCOL);
}

/* Answers computed with Python's hashlib over RFC 7616's A1:nonce:nc:cnonce:qop:A2. */
#define ANSWER(algorithm, response, nc)                                                            \
        "Authorization: Digest username=\"Mufasa\", realm=\"custos\", nonce=\"" NONCE "\", "       \
        "uri=\"rtsps://h/cam\", algorithm=" algorithm ", qop=auth, nc=" nc                         \
        ", cnonce=\"0a4f113b\", response=\"" response "\"\r\n"

static const char describe_head[] = "DESCRIBE rtsps://h/cam RTSP/1.0\r\nCSeq: 1\r\n";

static void describe_with(struct fixture *x, const char *lines, unsigned status)
{
        char head[2048];

        snprintf(head, sizeof head, "%s%s\r\n", describe_head, lines);
        expect(x, head, status);
}

static void test_digest(void **state)
{
        struct fixture *x = *state;
        const char *sha, *md5;

        expect(x, "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n", 200); /* anybody may ask */
        describe_with(x, "", 401);
        sha = strstr(x->text, "algorithm=SHA-256");
        md5 = strstr(x->text, "algorithm=MD5");
        assert_non_null(sha);
        assert_non_null(md5);
        assert_true(sha < md5);
        assert_non_null(strstr(x->text, "nonce=\"" NONCE "\""));
        assert_null(strstr(x->text, "stale=true"));
        assert_null(strstr(x->text, "v=0"));
        describe_with(x,
                ANSWER("SHA-256",
                        "a9cf8b87140699ab3e5acad0d59a178cf2d87f2102ab088a462641134d5603cb",
                        "00000001"),
                200);
        describe_with(x,
                ANSWER("SHA-256",
                        "a9cf8b87140699ab3e5acad0d59a178cf2d87f2102ab088a462641134d5603cb",
                        "00000001"),
                401); /* a count that was used: a replay */
        describe_with(x, ANSWER("MD5", "8ed27718e9f4cbbac83237d3ee7cd88d", "00000002"), 200);
}

static void test_digest_refuses(void **state)
{
        static const char zeros[] = ANSWER("SHA-256",
                "0000000000000000000000000000000000000000000000000000000000000000", "00000001");
        struct fixture *x = *state;
        char other_nonce[sizeof zeros];
        char *at;

        memcpy(other_nonce, zeros, sizeof zeros);
        at = strstr(other_nonce, NONCE);
        at[0] = 'f';
        describe_with(x, other_nonce, 401);
        assert_non_null(strstr(x->text, "stale=true"));
        describe_with(x, "Authorization: Basic TXVmYXNhOkNpcmNsZSBPZiBMaWZl\r\n",
                401); /* the right password */
        describe_with(x, zeros, 401);
        assert_null(strstr(x->text, "stale=true"));
        expect(x, "SETUP rtsps://h/cam/track0 RTSP/1.0\r\nCSeq: 1\r\n" TCP "\r\n", 401);
        expect(x, "GET_PARAMETER * RTSP/1.0\r\nCSeq: 1\r\n\r\n", 401);
        assert_int_equal(
                ask(x, "PLAY rtsps://h/cam RTSP/1.0\r\nCSeq: 1\r\nAuthorization: Digest\r\n\r\n",
                        ""),
                RTSP_DIALOG_CLOSE); /* the fourth wrong answer */
}

static const struct rtsp_tweak *tweak(void *owner, const char *path)
{
        struct fixture *x = owner;

        return strcmp(path, "cam") == 0 ? &x->tweak : NULL;
}

static int set_up(
        void *owner, const char *path, unsigned track, struct bytes key_mgmt, struct err *e)
{
        struct fixture *x = owner;

        (void)path;
        (void)track;
        x->key_mgmt = key_mgmt;
        return bytes_equal(key_mgmt, bytes_str("bad")) ? err_set(e, ERR_INVALID, "bad") : 0;
}

#define SETUP_OF(transport)                                                                        \
        "SETUP rtsps://h/cam/track0 RTSP/1.0\r\nCSeq: 1\r\nTransport: " transport "\r\n"

static void test_datagrams(void **state)
{
        struct fixture *x = *state;

        x->d.server_port[0] = 5000;
        x->d.server_port[1] = 5001;
        expect(x, SETUP_OF("RTP/AVP;unicast;client_port=6000-6001") "\r\n", 200);
        assert_non_null(strstr(x->text,
                "Transport: RTP/AVP;unicast;client_port=6000-6001;server_port=5000-5001\r\n"));
        assert_true(x->d.tracks[0].datagrams);
        assert_int_equal(x->d.tracks[0].client_port[1], 6001);
        /* The other track interleaved, in the channels that the first does not use. */
        expect(x, "SETUP rtsps://h/cam/track1 RTSP/1.0\r\nCSeq: 2\r\n" OURS TCP "\r\n", 200);
        assert_non_null(strstr(x->text, "interleaved=0-1"));
        assert_int_equal(ask(x, "TEARDOWN rtsps://h/cam RTSP/1.0\r\nCSeq: 3\r\n" OURS "\r\n", ""),
                RTSP_DIALOG_STOP);
        expect(x, SETUP_OF("RTP/AVP;unicast") "\r\n", 461);
        expect(x, SETUP_OF("RTP/AVP;unicast;client_port=0-1") "\r\n", 461);
        expect(x, SETUP_OF("RTP/AVP;multicast;client_port=6000-6001") "\r\n", 461);
        expect(x, SETUP_OF("RTP/SAVP;unicast;client_port=6000-6001") "\r\n", 461);
}

/* With secure media nothing else is served. */
static void test_secure_media(void **state)
{
        struct fixture *x = *state;

        x->d.secure = true;
        x->d.set_up = set_up;
        expect(x, SETUP_OF("RTP/AVP/TCP;unicast;interleaved=0-1") "\r\n", 461);
        expect(x, SETUP_OF("RTP/SAVP;unicast;client_port=6000-6001") "\r\n", 461); /* no sockets */
        expect(x, SETUP_OF("RTP/SAVP/TCP;unicast;interleaved=0-1") "KeyMgmt: bad\r\n\r\n", 463);
        assert_string_equal(x->d.session, "");
        expect(x, SETUP_OF("RTP/SAVP/TCP;unicast;interleaved=0-1") "KeyMgmt: good\r\n\r\n", 200);
        assert_true(bytes_equal(x->key_mgmt, bytes_str("good")));
        assert_non_null(strstr(x->text, "Transport: RTP/SAVP/TCP;unicast;interleaved=0-1\r\n"));
}

static void test_tweaks_of_answers(void **state)
{
        struct fixture *x = *state;

        x->d.tweak = tweak;
        x->tweak = (struct rtsp_tweak){ .wrong_cseq = true };
        expect(x, describe_head, 200);
        assert_non_null(strstr(x->text, "CSeq: 2\r\n"));
        expect(x, "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n", 200);
        assert_non_null(strstr(x->text, "CSeq: 1\r\n")); /* of no stream: honest */
        x->tweak = (struct rtsp_tweak){ .content_base = "/elsewhere/" };
        expect(x, describe_head, 200);
        assert_non_null(strstr(x->text, "Content-Base: /elsewhere/\r\n"));
        x->tweak = (struct rtsp_tweak){ .redirect = "rtsps://192.0.2.1/" };
        expect(x, describe_head, 302);
        assert_non_null(strstr(x->text, "Location: rtsps://192.0.2.1/\r\n"));
        x->tweak = (struct rtsp_tweak){ .refused = "DESCRIBE", .refused_status = 404 };
        expect(x, describe_head, 404);
        x->tweak = (struct rtsp_tweak){ .silent = "DESCRIBE" };
        assert_int_equal(ask(x, describe_head, ""), RTSP_DIALOG_GO_ON);
        assert_string_equal(x->text, "");
        expect(x, SETUP_OF("RTP/AVP/TCP;interleaved=0-1") "\r\n", 200);
        x->tweak = (struct rtsp_tweak){ .silent = "*" };
        assert_int_equal(ask(x, "PLAY rtsps://h/cam RTSP/1.0\r\nCSeq: 2\r\n" OURS "\r\n", ""),
                RTSP_DIALOG_GO_ON);
        assert_false(x->d.playing); /* not answered, not done */
}

static void test_tweaks_of_setup(void **state)
{
        static const struct {
                struct rtsp_tweak tweak;
                unsigned status;
                const char *has, *has_not;
        } cases[] = {
                { { .other_channels = true }, 200, "interleaved=20-21", NULL },
                { { .no_session = true }, 200, "Transport: ", "Session: " },
                { { .only_datagrams = true }, 461, NULL, NULL },
                { { .plain_datagrams = true }, 200, "RTP/AVP;unicast", "interleaved" },
        };
        struct fixture *x = *state;

        x->d.tweak = tweak;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                x->tweak = cases[i].tweak;
                assert_int_equal(rtsp_dialog_init(&x->d, NONCE, NULL), 0);
                expect(x, SETUP_OF("RTP/AVP/TCP;interleaved=0-1") "\r\n", cases[i].status);
                if (cases[i].has)
                        assert_non_null(strstr(x->text, cases[i].has));
                if (cases[i].has_not)
                        assert_null(strstr(x->text, cases[i].has_not));
        }
}

static void test_tweaks_of_authentication(void **state)
{
        struct fixture *x = *state;
        static const char answered[] =
                ANSWER("MD5", "8ed27718e9f4cbbac83237d3ee7cd88d", "00000002");

        x->d.tweak = tweak;
        x->tweak.auth = RTSP_TWEAK_AUTH_BASIC;
        describe_with(x, "", 401);
        assert_non_null(strstr(x->text, "WWW-Authenticate: Basic realm=\"custos\"\r\n"));
        assert_null(strstr(x->text, "Digest"));
        describe_with(x, "Authorization: Basic TXVmYXNhOkNpcmNsZSBPZiBMaWZl\r\n", 200);
        describe_with(x, "Authorization: Basic TXVmYXNhOkNpcmNsZSBPZiBMaWZm\r\n", 401);
        describe_with(x, "Authorization: Basic !\r\n", 401);
        x->tweak.auth = RTSP_TWEAK_AUTH_DOWNGRADE;
        describe_with(x, "", 401);
        assert_null(strstr(x->text, "Basic"));
        describe_with(x, answered, 401);
        assert_null(strstr(x->text, "Digest"));
        assert_non_null(strstr(x->text, "Basic"));
        x->tweak.auth = RTSP_TWEAK_AUTH_STALE_LOOP;
        describe_with(x, answered, 401);
        assert_non_null(strstr(x->text, "stale=true"));
        assert_null(strstr(x->text, NONCE));
        assert_int_equal(rtsp_dialog_init(&x->d, NONCE, NULL), 0);
        x->tweak.auth = RTSP_TWEAK_AUTH_SHA256;
        describe_with(x, "", 401);
        assert_null(strstr(x->text, "MD5"));
        x->tweak.auth = RTSP_TWEAK_AUTH_MD5;
        describe_with(x, "", 401);
        assert_null(strstr(x->text, "SHA-256"));
        describe_with(x, answered, 200);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_a_whole_conversation, setup_open, teardown),
                cmocka_unit_test_setup_teardown(test_refusals, setup_open, teardown),
                cmocka_unit_test_setup_teardown(test_session_rules, setup_open, teardown),
                cmocka_unit_test_setup_teardown(test_malformed, setup_open, teardown),
                cmocka_unit_test_setup_teardown(test_digest, setup_locked, teardown),
                cmocka_unit_test_setup_teardown(test_digest_refuses, setup_locked, teardown),
                cmocka_unit_test_setup_teardown(test_datagrams, setup_open, teardown),
                cmocka_unit_test_setup_teardown(test_secure_media, setup_open, teardown),
                cmocka_unit_test_setup_teardown(test_tweaks_of_answers, setup_open, teardown),
                cmocka_unit_test_setup_teardown(test_tweaks_of_setup, setup_open, teardown),
                cmocka_unit_test_setup_teardown(
                        test_tweaks_of_authentication, setup_locked, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
