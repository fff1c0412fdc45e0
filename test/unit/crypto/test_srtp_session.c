/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Expected packets were computed with another implementation (AES, HMAC and GCM of Python's
 * cryptography package after RFC 3711 section 4 and RFC 7714 sections 8 to 12), which was held to
 * RFC 3711 appendix B.3 and RFC 7714 section 16.1.1. The master key is that of RFC 3711 B.3.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "crypto/srtp_session.h"

#define CM_KEY "e1f97a0d3e018be0d64fa32c06de4139"
#define CM_SALT "0ec675ad498afeebb6960b3aabe6"
#define GCM_SALT "a0a1a2a3a4a5a6a7a8a9aaab"
#define KEY_128 "000102030405060708090a0b0c0d0e0f"
#define KEY_256 KEY_128 "101112131415161718191a1b1c1d1e1f"
#define RTP "800f1234decafbadcafebabeabababababababababababababababab"
#define RTCP "81c8000bcafebabeabababababababababababababababab"
#define SSRC 0xcafebabe

static struct bytes unhex(const char *hex)
{
        static uint8_t room[8][128];
        static unsigned turn;
        uint8_t *to = room[turn++ % 8];

        assert_int_equal(str_unhex(to, strlen(hex) / 2, hex, NULL), 0);
        return BYTES(to, strlen(hex) / 2);
}

static struct srtp_key key_of(
        enum srtp_suite suite, const char *key, const char *salt, const char *mki)
{
        struct srtp_key k;
        struct err e;

        if (srtp_suite_make_key(suite, unhex(key), unhex(salt), unhex(mki), &k, &e) < 0)
                fail_msg("%s", e.text);
        return k;
}

static struct srtp_key cm_key(void)
{
        return key_of(SRTP_SUITE_AES_CM_128_HMAC_SHA1_80, CM_KEY, CM_SALT, "");
}

static struct srtp_session *receiver(const struct srtp_key *k, unsigned n, uint32_t roc)
{
        const struct srtp_session_options o = { .keys = k, .keys_n = n, .roc = roc };
        struct srtp_session *s;
        struct err e;

        if (srtp_session_new_receiver(&o, &s, &e) < 0)
                fail_msg("%s", e.text);
        return s;
}

static struct srtp_session *sender(const struct srtp_key *k, unsigned n, uint32_t roc)
{
        const struct srtp_session_options o = {
                .keys = k, .keys_n = n, .has_ssrc = true, .ssrc = SSRC, .roc = roc
        };
        struct srtp_session *s;
        struct err e;

        if (srtp_session_new_sender(&o, &s, &e) < 0)
                fail_msg("%s", e.text);
        return s;
}

static void assert_bytes(struct bytes got, const char *hex, const char *what)
{
        char text[513];

        if (!bytes_equal(got, unhex(hex)))
                fail_msg("%s: %s, expected %s", what, str_hex(text, got), hex);
}

static void vectors(void **state)
{
        static const struct {
                enum srtp_suite suite;
                const char *key, *salt, *mki;
                uint32_t roc;
                bool rtcp;
                const char *protected;
        } cases[] = {
                { SRTP_SUITE_AES_CM_128_HMAC_SHA1_80, CM_KEY, CM_SALT, "", 0, false,
                        "800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8d"
                        "bb" },
                { SRTP_SUITE_AES_CM_128_HMAC_SHA1_32, CM_KEY, CM_SALT, "", 0, false,
                        "800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc" },
                { SRTP_SUITE_AES_CM_128_HMAC_SHA1_80, CM_KEY, CM_SALT, "0000002f", 5, false,
                        "800f1234decafbadcafebabe4282814d07ed717d5ed12db112eb2c1d0000002f4c94e2c47a"
                        "986b0175d5" },
                { SRTP_SUITE_AEAD_AES_128_GCM, KEY_128, GCM_SALT, "", 0, false,
                        "800f1234decafbadcafebabec5002ede04cfdd2eb91159e0880aa06ed2976826f796b201df"
                        "3131a127e8a392" },
                { SRTP_SUITE_AEAD_AES_128_GCM, KEY_128, GCM_SALT, "e1f97a0d", 0, false,
                        "800f1234decafbadcafebabec5002ede04cfdd2eb91159e0880aa06ed2976826f796b201df"
                        "3131a127e8a392e1f97a0d" },
                { SRTP_SUITE_AEAD_AES_256_GCM, KEY_256, GCM_SALT, "", 0, false,
                        "800f1234decafbadcafebabe0af7f21e8a90bdad7a425c9c31ed4bb1d90238917e7390a279"
                        "3500e1681acaea" },
                { SRTP_SUITE_AES_CM_128_HMAC_SHA1_80, CM_KEY, CM_SALT, "", 0, true,
                        "81c8000bcafebabe7128035be487b9bdbef89041f977a5a880000001993e08cd54d6c12307"
                        "98" },
                { SRTP_SUITE_AES_CM_128_HMAC_SHA1_32, CM_KEY, CM_SALT, "", 0, true,
                        "81c8000bcafebabe7128035be487b9bdbef89041f977a5a880000001993e08cd54d6c12307"
                        "98" },
                { SRTP_SUITE_AES_CM_128_HMAC_SHA1_80, CM_KEY, CM_SALT, "0000002f", 0, true,
                        "81c8000bcafebabe7128035be487b9bdbef89041f977a5a8800000010000002f993e08cd54"
                        "d6c1230798" },
                { SRTP_SUITE_AEAD_AES_128_GCM, KEY_128, GCM_SALT, "", 0, true,
                        "81c8000bcafebabec98b8b5df0392a55852b6c21ac8e7025c52c6fbea2b3b446ea31123ba8"
                        "8ce61e80000001" },
                { SRTP_SUITE_AEAD_AES_256_GCM, KEY_256, GCM_SALT, "", 0, true,
                        "81c8000bcafebabe8abfafa780070a90e80f9161cf4aac081ed93aaa53c15b0f3ed1a3b984"
                        "167b0380000001" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct srtp_key k =
                        key_of(cases[i].suite, cases[i].key, cases[i].salt, cases[i].mki);
                struct srtp_session *out = sender(&k, 1, cases[i].roc);
                struct srtp_session *in = receiver(&k, 1, cases[i].roc);
                const char *plain = cases[i].rtcp ? RTCP : RTP;
                char what[16];
                struct bytes got;
                struct err e = { 0 };
                int r = cases[i].rtcp ? srtp_session_protect_rtcp(out, unhex(plain), &got, &e)
                                      : srtp_session_protect_rtp(out, unhex(plain), &got, &e);

                snprintf(what, sizeof what, "case %zu", i);
                if (r < 0)
                        fail_msg("%s: %s", what, e.text);
                assert_bytes(got, cases[i].protected, what);
                r = cases[i].rtcp
                            ? srtp_session_unprotect_rtcp(in, unhex(cases[i].protected), &got, &e)
                            : srtp_session_unprotect_rtp(in, unhex(cases[i].protected), &got, &e);
                if (r < 0)
                        fail_msg("%s: %s", what, e.text);
                assert_bytes(got, plain, what);
                srtp_session_free(out);
                srtp_session_free(in);
        }
}

/* Each bit of an SRTP packet, of the header, the payload and the tag. */
static void flipped_bits(void **state)
{
        static const enum srtp_suite suites[] = { SRTP_SUITE_AES_CM_128_HMAC_SHA1_80,
                SRTP_SUITE_AEAD_AES_128_GCM };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(suites); i++) {
                struct srtp_key k;
                srtp_suite_draw_key(suites[i], &k);
                struct srtp_session *out = sender(&k, 1, 0), *in = receiver(&k, 1, 0);
                struct bytes packet, got;
                uint8_t altered[128];
                struct err e;

                assert_int_equal(srtp_session_protect_rtp(out, unhex(RTP), &packet, &e), 0);
                for (size_t bit = 0; bit < 8 * packet.n; bit++) {
                        memcpy(altered, packet.p, packet.n);
                        altered[bit / 8] ^= (uint8_t)(1 << bit % 8);
                        int r = srtp_session_unprotect_rtp(in, BYTES(altered, packet.n), &got, &e);
                        if (r != ERR_AUTH && r != ERR_PROTOCOL)
                                fail_msg("suite %zu, bit %zu: %d", i, bit, r);
                }
                struct srtp_session_counters n = srtp_session_counters(in);
                assert_int_equal(n.packets, 0);
                assert_int_equal(n.unauthenticated + n.malformed, 8 * packet.n);
                assert_true(n.unauthenticated >= 8 * (packet.n - 1));
                /* Nothing of that stays: the true packet still comes through. */
                assert_int_equal(srtp_session_unprotect_rtp(in, packet, &got, &e), 0);
                assert_bytes(got, RTP, "true packet");
                srtp_session_free(out);
                srtp_session_free(in);
        }
}

static void make_packet(uint8_t to[static 28], uint32_t ssrc, uint16_t sequence)
{
        memcpy(to, unhex(RTP).p, 28);
        to[2] = (uint8_t)(sequence >> 8);
        to[3] = (uint8_t)sequence;
        for (int i = 0; i < 4; i++)
                to[8 + i] = (uint8_t)(ssrc >> (24 - 8 * i));
}

static struct bytes protected(struct srtp_session *out, uint16_t sequence)
{
        static uint8_t room[4][128];
        static unsigned turn;
        uint8_t plain[28], *to = room[turn++ % 4];
        struct bytes b;
        struct err e = { 0 };

        make_packet(plain, SSRC, sequence);
        if (srtp_session_protect_rtp(out, BYTES(plain, sizeof plain), &b, &e) < 0)
                fail_msg("%s", e.text);
        memcpy(to, b.p, b.n);
        return BYTES(to, b.n);
}

static void replayed(void **state)
{
        struct srtp_key k = cm_key();
        struct srtp_session *out = sender(&k, 1, 0), *in = receiver(&k, 1, 0);
        struct bytes first = protected(out, 100), second = protected(out, 101), got;
        uint8_t rtcp[128];

        (void)state;
        assert_int_equal(srtp_session_unprotect_rtp(in, second, &got, NULL), 0);
        assert_int_equal(srtp_session_unprotect_rtp(in, first, &got, NULL), 0); /* late is fine */
        assert_int_equal(srtp_session_unprotect_rtp(in, first, &got, NULL), ERR_DENIED);
        assert_int_equal(srtp_session_unprotect_rtp(in, second, &got, NULL), ERR_DENIED);
        assert_int_equal(srtp_session_counters(in).replayed, 2);

        /* Older than the window: it cannot be told whether it came before. */
        for (unsigned i = 0; i < SRTP_SESSION_WINDOW + 2; i++) {
                struct bytes p = protected(out, (uint16_t)(103 + i));
                assert_int_equal(srtp_session_unprotect_rtp(in, p, &got, NULL), 0);
        }
        struct srtp_session *again = sender(&k, 1, 0);
        assert_int_equal(
                srtp_session_unprotect_rtp(in, protected(again, 102), &got, NULL), ERR_DENIED);
        assert_int_equal(srtp_session_counters(in).replayed, 3);

        assert_int_equal(srtp_session_protect_rtcp(out, unhex(RTCP), &got, NULL), 0);
        memcpy(rtcp, got.p, got.n);
        struct bytes report = BYTES(rtcp, got.n);
        assert_int_equal(srtp_session_unprotect_rtcp(in, report, &got, NULL), 0);
        assert_int_equal(srtp_session_unprotect_rtcp(in, report, &got, NULL), ERR_DENIED);
        assert_int_equal(srtp_session_counters(in).replayed, 4);
        srtp_session_free(again);
        srtp_session_free(out);
        srtp_session_free(in);
}

static void wrong_key(void **state)
{
        static const enum srtp_suite suites[] = { SRTP_SUITE_AES_CM_128_HMAC_SHA1_80,
                SRTP_SUITE_AES_CM_128_HMAC_SHA1_32, SRTP_SUITE_AEAD_AES_128_GCM,
                SRTP_SUITE_AEAD_AES_256_GCM };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(suites); i++) {
                struct srtp_key ours, theirs;
                srtp_suite_draw_key(suites[i], &ours);
                srtp_suite_draw_key(suites[i], &theirs);
                struct srtp_session *out = sender(&theirs, 1, 0), *in = receiver(&ours, 1, 0);
                struct bytes p = protected(out, 1), got;

                assert_int_equal(srtp_session_unprotect_rtp(in, p, &got, NULL), ERR_AUTH);
                /* A packet that was never protected is no better. */
                assert_int_equal(srtp_session_unprotect_rtp(in, unhex(RTP), &got, NULL), ERR_AUTH);
                assert_int_equal(srtp_session_counters(in).unauthenticated, 2);
                srtp_session_free(out);
                srtp_session_free(in);
        }
}

/* The sender is the first that proves itself; before it, forged packets decide nothing. */
static void one_sender(void **state)
{
        struct srtp_key k = cm_key();
        struct srtp_session *in = receiver(&k, 1, 0), *out = sender(&k, 1, 0);
        const struct srtp_session_options other = {
                .keys = &k, .keys_n = 1, .has_ssrc = true, .ssrc = 7
        };
        struct srtp_session *stranger, *told;
        uint8_t plain[28], forged[40] = { 0x80 };
        struct bytes got, theirs;

        (void)state;
        assert_int_equal(srtp_session_unprotect_rtp(in, BYTES(forged, 40), &got, NULL), ERR_AUTH);
        assert_int_equal(srtp_session_unprotect_rtp(in, protected(out, 5), &got, NULL), 0);
        assert_int_equal(srtp_session_new_sender(&other, &stranger, NULL), 0);
        make_packet(plain, 7, 6);
        assert_int_equal(srtp_session_protect_rtp(stranger, BYTES(plain, 28), &theirs, NULL), 0);
        assert_int_equal(srtp_session_unprotect_rtp(in, theirs, &got, NULL), ERR_DENIED);
        assert_int_equal(srtp_session_counters(in).foreign, 1);

        /* Where the description names the sender, nobody else can be first. */
        assert_int_equal(srtp_session_new_receiver(&other, &told, NULL), 0);
        assert_int_equal(
                srtp_session_unprotect_rtp(told, protected(out, 6), &got, NULL), ERR_DENIED);
        assert_int_equal(srtp_session_unprotect_rtp(told, theirs, &got, NULL), 0);
        srtp_session_free(told);
        srtp_session_free(stranger);
        srtp_session_free(out);
        srtp_session_free(in);
}

static void roll_over(void **state)
{
        struct srtp_key k = cm_key();
        struct srtp_session *out = sender(&k, 1, 5), *late, *in = receiver(&k, 1, 5);
        struct srtp_session *wrong = receiver(&k, 1, 0);
        struct bytes got, p;

        (void)state;
        for (uint32_t i = 65500; i < 65500 + 100; i++) {
                p = protected(out, (uint16_t)i);
                assert_int_equal(srtp_session_unprotect_rtp(in, p, &got, NULL), 0);
        }
        assert_int_equal(srtp_session_roc(out), 6);
        assert_int_equal(srtp_session_roc(in), 6);
        /* The description said 5, and the numbers wrapped before the first packet arrived; a report
         * that comes first changes nothing. */
        late = receiver(&k, 1, 5);
        assert_int_equal(srtp_session_protect_rtcp(out, unhex(RTCP), &got, NULL), 0);
        assert_int_equal(srtp_session_unprotect_rtcp(late, got, &got, NULL), 0);
        assert_int_equal(srtp_session_unprotect_rtp(late, p, &got, NULL), 0);
        assert_int_equal(srtp_session_unprotect_rtp(late, protected(out, 80), &got, NULL), 0);
        assert_int_equal(srtp_session_roc(late), 6);
        assert_int_equal(srtp_session_unprotect_rtp(wrong, p, &got, NULL), ERR_AUTH);
        srtp_session_free(wrong);
        srtp_session_free(late);
        srtp_session_free(out);
        srtp_session_free(in);
}

static void key_identifiers(void **state)
{
        struct srtp_key old = key_of(SRTP_SUITE_AEAD_AES_128_GCM, KEY_128, GCM_SALT, "0001");
        struct srtp_key new = key_of(SRTP_SUITE_AEAD_AES_128_GCM, CM_KEY, GCM_SALT, "0002");
        struct srtp_key both[] = { new, old };
        struct srtp_session *out = sender(&old, 1, 3), *in = receiver(&old, 1, 3);
        struct bytes got, before, after;

        (void)state;
        assert_int_equal(srtp_session_unprotect_rtp(in, protected(out, 1), &got, NULL), 0);
        before = protected(out, 2);
        assert_int_equal(srtp_session_rekey(out, &new, 1, NULL), 0);
        after = protected(out, 3);
        assert_int_equal(srtp_session_unprotect_rtp(in, after, &got, NULL), ERR_DENIED);
        assert_int_equal(srtp_session_counters(in).foreign, 1);
        assert_int_equal(srtp_session_rekey(in, both, 2, NULL), 0);
        assert_int_equal(srtp_session_unprotect_rtp(in, after, &got, NULL), 0);
        assert_int_equal(srtp_session_unprotect_rtp(in, before, &got, NULL), 0);
        assert_int_equal(srtp_session_roc(in), 3);
        assert_int_equal(srtp_session_rekey(in, &new, 1, NULL), 0);
        assert_int_equal(srtp_session_unprotect_rtp(in, before, &got, NULL), ERR_DENIED);

        /* A packet without an MKI where there has to be one. */
        struct srtp_key bare = key_of(SRTP_SUITE_AEAD_AES_128_GCM, CM_KEY, GCM_SALT, "");
        struct srtp_session *without = sender(&bare, 1, 3);
        assert_int_equal(
                srtp_session_unprotect_rtp(in, protected(without, 9), &got, NULL), ERR_DENIED);
        srtp_session_free(without);
        srtp_session_free(out);
        srtp_session_free(in);
}

/* Reports too have an MKI behind the encrypted part, at its own place for each kind of suite. */
static void reports_with_identifier(void **state)
{
        struct srtp_key k = key_of(SRTP_SUITE_AEAD_AES_256_GCM, KEY_256, GCM_SALT, "0a0b0c0d");
        struct srtp_session *out = sender(&k, 1, 0), *in = receiver(&k, 1, 0);
        struct bytes got;

        (void)state;
        assert_int_equal(srtp_session_protect_rtcp(out, unhex(RTCP), &got, NULL), 0);
        assert_memory_equal(got.p + got.n - 4, "\x0a\x0b\x0c\x0d", 4);
        assert_int_equal(srtp_session_unprotect_rtcp(in, got, &got, NULL), 0);
        assert_bytes(got, RTCP, "report");
        srtp_session_free(out);
        srtp_session_free(in);
}

static void lengths(void **state)
{
        struct srtp_key k = key_of(
                SRTP_SUITE_AES_CM_128_HMAC_SHA1_80, CM_KEY, CM_SALT, "00000000000000000000000000");
        struct srtp_session *in = receiver(&k, 1, 0), *out = sender(&k, 1, 0);
        static uint8_t long_packet[SRTP_SESSION_PACKET_MAX + 1];
        uint8_t zeros[64] = { 0x80 };
        struct bytes got;

        (void)state;
        /* Any prefix of a packet, so that nothing is looked for before its beginning. */
        for (size_t n = 0; n < sizeof zeros; n++) {
                uint8_t *exact = xcalloc(1, n ? n : 1);
                memcpy(exact, zeros, n);
                assert_true(srtp_session_unprotect_rtp(in, BYTES(exact, n), &got, NULL) < 0);
                assert_true(srtp_session_unprotect_rtcp(in, BYTES(exact, n), &got, NULL) < 0);
                free(exact);
        }
        assert_true(srtp_session_unprotect_rtp(in, BYTES(long_packet, sizeof long_packet), &got,
                            NULL) == ERR_PROTOCOL);
        long_packet[0] = 0x80;
        make_packet(long_packet, SSRC, 1);
        assert_int_equal(srtp_session_protect_rtp(
                                 out, BYTES(long_packet, sizeof long_packet - 20), &got, NULL),
                ERR_PROTOCOL);
        assert_int_equal(srtp_session_protect_rtp(out, BYTES(long_packet, 65000), &got, NULL), 0);
        assert_int_equal(srtp_session_unprotect_rtp(in, got, &got, NULL), 0);
        assert_int_equal(got.n, 65000);
        srtp_session_free(out);
        srtp_session_free(in);
}

static void refused_options(void **state)
{
        struct srtp_key k = cm_key(), two[2] = { k, k };
        struct srtp_key short_tag =
                key_of(SRTP_SUITE_AES_CM_128_HMAC_SHA1_32, CM_KEY, CM_SALT, "01");
        struct srtp_key mixed[2] = { k,
                key_of(SRTP_SUITE_AEAD_AES_128_GCM, KEY_128, GCM_SALT, "") };
        struct srtp_session_options o = { .keys = &k };
        struct srtp_session *s;
        struct err e;

        (void)state;
        assert_int_equal(srtp_session_new_receiver(&o, &s, &e), ERR_INVALID);
        o = (struct srtp_session_options){ .keys = two, .keys_n = 2 };
        assert_int_equal(srtp_session_new_receiver(&o, &s, &e), ERR_INVALID);
        o.keys = mixed;
        assert_int_equal(srtp_session_new_receiver(&o, &s, &e), ERR_INVALID);
        o = (struct srtp_session_options){ .keys = &short_tag, .keys_n = 1 };
        assert_int_equal(srtp_session_new_receiver(&o, &s, &e), ERR_INVALID);
        o = (struct srtp_session_options){ .keys = &k, .keys_n = 1 };
        assert_int_equal(srtp_session_new_sender(&o, &s, &e), ERR_INVALID);

        assert_int_equal(srtp_suite_make_key(SRTP_SUITE_AEAD_AES_128_GCM, unhex(KEY_128),
                                 unhex(CM_SALT), unhex(""), &k, &e),
                ERR_INVALID);
        assert_null(strstr(e.text, "0001"));
        assert_int_equal(
                srtp_suite_find(bytes_str("AEAD_AES_256_GCM")), SRTP_SUITE_AEAD_AES_256_GCM);
        assert_int_equal(srtp_suite_find(bytes_str("")), SRTP_SUITE_NONE);
        assert_int_equal(srtp_suite_find(bytes_str("NULL_HMAC_SHA1_80")), SRTP_SUITE_NONE);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(vectors),
                cmocka_unit_test(flipped_bits),
                cmocka_unit_test(replayed),
                cmocka_unit_test(wrong_key),
                cmocka_unit_test(one_sender),
                cmocka_unit_test(roll_over),
                cmocka_unit_test(key_identifiers),
                cmocka_unit_test(reports_with_identifier),
                cmocka_unit_test(lengths),
                cmocka_unit_test(refused_options),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
