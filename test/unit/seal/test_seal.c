/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/pack.h"
#include "base/str.h"
#include "crypto/hash.h"
#include "seal/seal.h"

static struct seal make_seal(void)
{
        struct seal s = { .flags = SEAL_FIRST,
                .stream = "lobby-main",
                .sequence = 9,
                .previous = { .sequence = 8 },
                .fragment = 1,
                .sealed_us = 1795359602000000,
                .monotonic_us = 77,
                .first_arrival_us = 1795359600000000,
                .last_arrival_us = 1795359601900000,
                .sender_us = SEAL_UNKNOWN_US,
                .moof_bytes = 500,
                .tracks_n = 2,
                .gaps_n = 1 };

        memset(s.epoch, 0xe0, sizeof s.epoch);
        memset(s.previous.epoch, 0xe1, sizeof s.previous.epoch);
        memset(s.previous.hash, 0xe2, sizeof s.previous.hash);
        memset(s.kid, 0xe3, sizeof s.kid);
        memset(s.key_commitment, 0xe4, sizeof s.key_commitment);
        memset(s.header_hash, 0xe5, sizeof s.header_hash);
        memset(s.moof_hash, 0xe6, sizeof s.moof_hash);
        for (unsigned i = 0; i < 2; i++) {
                s.tracks[i] = (struct seal_track){ .id = i + 1,
                        .decode_time = 1000 + i,
                        .duration = 2000 + i,
                        .samples = 3 + i,
                        .bytes = 4000 + i };
                memset(s.tracks[i].hash, 0xa0 + i, 32);
        }
        s.gaps[0] = (struct seal_gap){ SEAL_GAP_CAMERA_LOST, -1, 1, 5 };
        return s;
}

/* The payload of make_seal up to its signer, laid out by docs/spec/seal.md section 1. */
static void expected_fields(struct buf *out)
{
        struct pack p = pack_to(out);
#define FILL(v, n)                                                                                 \
        for (int fill_i = 0; fill_i < (n); fill_i++)                                               \
        pack_u8(&p, v)
        pack_u8(&p, 1);
        pack_u8(&p, 1);
        pack_u16(&p, 10);
        pack_bytes(&p, BYTES("lobby-main", 10));
        FILL(0xe0, 16);
        pack_u64(&p, 9);
        FILL(0xe1, 16);
        pack_u64(&p, 8);
        FILL(0xe2, 32);
        FILL(0xe3, 16);
        FILL(0xe4, 32);
        FILL(0xe5, 32);
        pack_u32(&p, 1);
        pack_u64(&p, 1795359602000000);
        pack_u64(&p, 77);
        pack_u64(&p, 1795359600000000);
        pack_u64(&p, 1795359601900000);
        pack_u64(&p, 0x8000000000000000);
        pack_u32(&p, 500);
        FILL(0xe6, 32);
        pack_u8(&p, 2);
        for (unsigned i = 0; i < 2; i++) {
                pack_u32(&p, i + 1);
                pack_u64(&p, 1000 + i);
                pack_u64(&p, 2000 + i);
                pack_u32(&p, 3 + i);
                pack_u64(&p, 4000 + i);
                FILL((uint8_t)(0xa0 + i), 32);
        }
        pack_u8(&p, 1);
        pack_u8(&p, 2);
        pack_u64(&p, UINT64_MAX);
        pack_u64(&p, 1);
        pack_u32(&p, 5);
        assert_false(p.bad);
}

struct signed_seal {
        struct sign_key *key;
        struct verify_key *verify;
        struct seal seal;
        struct buf payload;
};

static int setup(void **state)
{
        struct signed_seal *s = xcalloc(1, sizeof *s);

        s->key = sign_key_generate();
        s->seal = make_seal();
        buf_init(&s->payload, SEAL_BYTES_MAX);
        assert_int_equal(seal_sign(&s->seal, s->key, &s->payload, NULL), 0);
        *state = s;
        return 0;
}

static int teardown(void **state)
{
        struct signed_seal *s = *state;

        sign_key_free(s->key);
        verify_key_free(s->verify);
        buf_done(&s->payload);
        free(s);
        return 0;
}

static void test_bytes(void **state)
{
        struct signed_seal *s = *state;
        CLEANUP(buf_done) struct buf expected;
        uint8_t id[32];

        buf_init(&expected, SEAL_BYTES_MAX);
        expected_fields(&expected);
        sign_key_id(s->key, id);
        assert_int_equal(s->payload.n, expected.n + 32 + 64);
        assert_memory_equal(s->payload.p, expected.p, expected.n);
        assert_memory_equal(s->payload.p + expected.n, id, 32);
        assert_memory_equal(s->payload.p + expected.n + 32, s->seal.signature, 64);
}

static void test_round_trip(void **state)
{
        struct signed_seal *s = *state;
        struct seal back;
        struct err e;

        assert_int_equal(seal_parse(buf_bytes(&s->payload), &back, &e), 0);
        CLEANUP(buf_done) struct buf again;
        buf_init(&again, SEAL_BYTES_MAX);
        assert_int_equal(seal_sign(&back, s->key, &again, &e), 0);
        assert_int_equal(again.n, s->payload.n);
        assert_memory_equal(again.p, s->payload.p, again.n - SIGN_BYTES);
        assert_string_equal(back.stream, "lobby-main");
        assert_int_equal(back.gaps[0].from_us, -1);
        assert_true(back.sender_us == SEAL_UNKNOWN_US);
        assert_int_equal(back.tracks[1].samples, 4);
}

static void test_limits(void **state)
{
        struct signed_seal *s = *state;
        CLEANUP(buf_done) struct buf out;
        struct seal seal, back;
        struct err e;

        buf_init(&out, SEAL_BYTES_MAX);
#define REFUSED(change)                                                                            \
        do {                                                                                       \
                seal = make_seal();                                                                \
                change;                                                                            \
                assert_int_equal(seal_sign(&seal, s->key, &out, &e), ERR_INVALID);                 \
                assert_int_equal(out.n, 0);                                                        \
        } while (0)
        REFUSED(seal.flags = 4);
        REFUSED(strcpy(seal.stream, "lobby"));
        REFUSED(seal.sequence = 0);
        REFUSED(seal.fragment = 0);
        REFUSED(seal.previous.sequence = 0);
        REFUSED(seal.tracks_n = 9);
        REFUSED(seal.tracks_n = 0);
        REFUSED(seal.tracks[1].id = 1);
        REFUSED(seal.tracks[0].samples = 0);
        REFUSED(seal.gaps_n = 10);
        REFUSED(seal.gaps[0].cause = 0);
        REFUSED(seal.gaps[0].cause = 10);
        /* Nine gaps are a matter of version 2, and need its cause. */
        REFUSED(seal.gaps_n = 9;
                for (unsigned i = 0; i < 9; i++) seal.gaps[i].cause = (uint8_t)(i % 8 + 1););

        seal = make_seal(); /* the largest one */
        memset(seal.stream, 'a', 63);
        memcpy(seal.stream + 63, "-0123456789abcdef", 18);
        seal.tracks_n = SEAL_TRACKS_MAX;
        seal.gaps_n = SEAL_GAPS_MAX;
        for (unsigned i = 0; i < SEAL_TRACKS_MAX; i++)
                seal.tracks[i] = (struct seal_track){ .id = i + 1, .samples = 1 };
        for (unsigned i = 0; i < SEAL_GAPS_MAX; i++)
                seal.gaps[i] = (struct seal_gap){ .cause = (uint8_t)(i + 1) };
        assert_int_equal(seal_sign(&seal, s->key, &out, &e), 0);
        assert_int_equal(seal_parse(buf_bytes(&out), &back, &e), 0);
        assert_int_equal(back.gaps[7].cause, SEAL_GAP_OVERLOAD);
        assert_int_equal(back.gaps[8].cause, SEAL_GAP_NOT_ASKED);

        buf_clear(&out);
        seal = make_seal(); /* a closing one */
        seal.tracks_n = 0;
        seal.flags = SEAL_LAST;
        assert_int_equal(seal_sign(&seal, s->key, &out, &e), 0);
        assert_int_equal(seal_parse(buf_bytes(&out), &back, &e), 0);
}

/* The version is the least that has what is in it, and no other is read. */
static void test_versions(void **state)
{
        struct signed_seal *s = *state;
        CLEANUP(buf_done) struct buf first, second;
        struct seal seal = make_seal(), back;
        struct err e;

        buf_init(&first, SEAL_BYTES_MAX);
        buf_init(&second, SEAL_BYTES_MAX);
        assert_int_equal(seal_sign(&seal, s->key, &first, &e), 0);
        assert_int_equal(first.p[0], 1);
        seal.gaps[0].cause = SEAL_GAP_NOT_ASKED;
        assert_int_equal(seal_sign(&seal, s->key, &second, &e), 0);
        assert_int_equal(second.p[0], 2);
        assert_int_equal(first.n, second.n);
        assert_int_equal(seal_parse(buf_bytes(&second), &back, &e), 0);
        assert_int_equal(back.gaps[0].cause, SEAL_GAP_NOT_ASKED);

        first.p[0] = 2;
        assert_int_equal(seal_parse(buf_bytes(&first), &back, &e), ERR_CORRUPT);
        assert_non_null(strstr(e.text, "version 2, and its gaps are of version 1"));
        second.p[0] = 1;
        assert_int_equal(seal_parse(buf_bytes(&second), &back, &e), ERR_CORRUPT);
        assert_non_null(strstr(e.text, "version 1, and its gaps are of version 2"));
        second.p[0] = 3;
        assert_int_equal(seal_parse(buf_bytes(&second), &back, &e), ERR_CORRUPT);
        assert_non_null(strstr(e.text, "this reader knows 1 to 2"));
}

static void test_strict(void **state)
{
        struct signed_seal *s = *state;
        struct seal back;
        struct err e;

        for (size_t n = 0; n < s->payload.n; n++)
                assert_int_equal(seal_parse(BYTES(s->payload.p, n), &back, &e), ERR_CORRUPT);
        CLEANUP(buf_done) struct buf longer;
        buf_init(&longer, SEAL_BYTES_MAX);
        assert_int_equal(buf_append(&longer, buf_bytes(&s->payload), NULL), 0);
        assert_int_equal(buf_append(&longer, BYTES("", 1), NULL), 0);
        assert_int_equal(seal_parse(buf_bytes(&longer), &back, &e), ERR_CORRUPT);
}

static struct verify_key *verify_key_from(struct sign_key *key)
{
        CLEANUP(buf_done) struct buf pem, spki;
        FILE *f;
        char path[] = "/tmp/custos-test-seal-XXXXXX", command[256];
        struct verify_key *v = NULL;
        int fd = mkstemp(path);

        /* The public half by the openssl program: another way than that of the code under test. The
         * key is the test's own and lives as long as this call. */
        assert_true(fd >= 0);
        buf_init(&pem, 4096);
        assert_int_equal(sign_key_format(key, &pem, NULL), 0);
        assert_int_equal(write(fd, pem.p, pem.n), (ssize_t)pem.n);
        close(fd);
        snprintf(command, sizeof command, "openssl pkey -in %s -pubout -outform DER", path);
        f = popen(command, "r");
        assert_non_null(f);
        buf_init(&spki, SIGN_SPKI_MAX);
        uint8_t *to = buf_reserve(&spki, SIGN_SPKI_MAX);
        spki.n = fread(to, 1, SIGN_SPKI_MAX, f);
        assert_int_equal(pclose(f), 0);
        unlink(path);
        assert_int_equal(verify_key_parse(buf_bytes(&spki), &v, NULL), 0);
        return v;
}

static void test_signature(void **state)
{
        struct signed_seal *s = *state;
        struct sign_key *other = sign_key_generate();
        struct verify_key *other_verify = verify_key_from(other);
        CLEANUP(buf_done) struct buf foreign;
        struct seal seal = make_seal();

        s->verify = verify_key_from(s->key);
        assert_true(seal_signature_ok(buf_bytes(&s->payload), s->verify));
        assert_false(seal_signature_ok(buf_bytes(&s->payload), other_verify));
        for (size_t i = 0; i < s->payload.n; i++) {
                s->payload.p[i] ^= 0x10;
                assert_false(seal_signature_ok(buf_bytes(&s->payload), s->verify));
                s->payload.p[i] ^= 0x10;
        }
        assert_false(seal_signature_ok(BYTES(s->payload.p, 64), s->verify));
        /* The right key's name over a wrong key's signature. */
        buf_init(&foreign, SEAL_BYTES_MAX);
        assert_int_equal(seal_sign(&seal, other, &foreign, NULL), 0);
        memcpy(foreign.p + foreign.n - 96, s->payload.p + s->payload.n - 96, 32);
        assert_false(seal_signature_ok(buf_bytes(&foreign), s->verify));
        /* Without the domain tag the signature is none. */
        assert_false(sign_check(s->verify, BYTES(s->payload.p, s->payload.n - 64),
                s->payload.p + s->payload.n - 64));
        CLEANUP(buf_done) struct buf message;
        buf_init(&message, 4096);
        assert_int_equal(buf_append(&message, BYTES("custos-seal-1\0", 14), NULL), 0);
        assert_int_equal(buf_append(&message, BYTES(s->payload.p, s->payload.n - 64), NULL), 0);
        assert_true(sign_check(s->verify, buf_bytes(&message), s->payload.p + s->payload.n - 64));
        sign_key_free(other);
        verify_key_free(other_verify);
}

static void test_keys(void **state)
{
        uint8_t key[16], kid[16], hour[32], out[32];
        char hex[65];

        (void)state;
        for (uint8_t i = 0; i < 32; i++) {
                hour[i] = 32 + i;
                key[i % 16] = i % 16;
                kid[i % 16] = 16 + i % 16;
        }
        /* Made with Python's hmac and hashlib from the formulas of docs/spec. */
        seal_commit_key(key, kid, "lobby-main", out);
        assert_string_equal(str_hex(hex, BYTES(out, 32)),
                "dc1e5a98aee5fbff40cbb9a8758f6c17ca72adbbc01635c9537f866f43a6fe28");
        seal_segment_key(hour, kid, out);
        assert_string_equal(str_hex(hex, BYTES(out, 16)), "1aed6a4124fdeee84bcf39cf08a9ecb6");
        seal_hour_key_id(hour, "lobby-main", out);
        assert_string_equal(str_hex(hex, BYTES(out, 16)), "86e423b1096328fad032b585d800b345");
}

static void test_link_and_names(void **state)
{
        struct signed_seal *s = *state;
        struct seal_link link = seal_link_of(&s->seal, buf_bytes(&s->payload));
        uint8_t hash[32];

        hash_once(buf_bytes(&s->payload), hash);
        assert_int_equal(link.sequence, 9);
        assert_memory_equal(link.epoch, s->seal.epoch, 16);
        assert_memory_equal(link.hash, hash, 32);
        assert_string_equal(seal_gap_name(SEAL_GAP_START), "start");
        assert_string_equal(seal_gap_name(SEAL_GAP_OVERLOAD), "overload");
        assert_string_equal(seal_gap_name(0), "unknown");
        assert_string_equal(seal_gap_name(SEAL_GAP_NOT_ASKED), "not asked for");
        assert_string_equal(seal_gap_name(10), "unknown");
        static const uint8_t type[16] = { 0x7e, 0xf7, 0x36, 0xf2, 0x5a, 0xea, 0x45, 0xa1, 0xb2,
                0xd4, 0x4f, 0x6f, 0x46, 0x38, 0xcd, 0x4d };
        assert_memory_equal(seal_user_type, type, 16);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_bytes, setup, teardown),
                cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
                cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
                cmocka_unit_test_setup_teardown(test_versions, setup, teardown),
                cmocka_unit_test_setup_teardown(test_strict, setup, teardown),
                cmocka_unit_test_setup_teardown(test_signature, setup, teardown),
                cmocka_unit_test(test_keys),
                cmocka_unit_test_setup_teardown(test_link_and_names, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
