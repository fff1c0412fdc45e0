/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages between the recorder's processes: what was packed is parsed back, and any other length
 * is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "recorder/message.h"

typedef int (*parse_fn)(struct bytes body, struct err *e);

static int parse_hello(struct bytes b, struct err *e)
{
        struct message_hello m;
        return message_hello_parse(b, &m, e);
}

static int parse_open(struct bytes b, struct err *e)
{
        struct message_stream_open m;
        return message_stream_open_parse(b, &m, e);
}

static int parse_assign(struct bytes b, struct err *e)
{
        struct message_assign m;
        return message_assign_parse(b, &m, e);
}

static int parse_state(struct bytes b, struct err *e)
{
        struct message_state m;
        return message_state_parse(b, &m, e);
}

static int parse_seal(struct bytes b, struct err *e)
{
        struct seal m;
        return message_seal_request_parse(b, &m, e);
}

static int parse_written(struct bytes b, struct err *e)
{
        struct segment_writer_report m;
        char stream[HEAD_PATH_MAX];
        return message_written_parse(b, stream, &m, e);
}

static int parse_connect(struct bytes b, struct err *e)
{
        struct message_connect m;
        return message_connect_parse(b, &m, e);
}

static int parse_connected(struct bytes b, struct err *e)
{
        struct message_connected m;
        return message_connected_parse(b, &m, e);
}

static int parse_not_connected(struct bytes b, struct err *e)
{
        uint32_t id;
        struct err why;
        return message_not_connected_parse(b, &id, &why, e);
}

static int parse_grant(struct bytes b, struct err *e)
{
        struct message_grant m;
        return message_grant_parse(b, &m, e);
}

static int parse_granted(struct bytes b, struct err *e)
{
        uint32_t watch;
        struct bytes token;
        return message_granted_parse(b, &watch, &token, e);
}

/* Whole: taken. Every shorter one, and one byte more: refused, without reading past the end (the
 * copy is exact). */
static void only_whole(const struct buf *packed, parse_fn parse)
{
        struct err e;

        assert_int_equal(parse(buf_bytes(packed), &e), 0);
        for (size_t n = 0; n <= packed->n + 1; n++) {
                if (n == packed->n)
                        continue;
                uint8_t *copy = xcalloc(1, n);
                memcpy(copy, packed->p, n < packed->n ? n : packed->n);
                assert_int_equal(parse(BYTES(copy, n), &e), ERR_PROTOCOL);
                own_freep(&copy);
        }
}

static void test_only_whole_messages(void **state)
{
        static const uint8_t der[40] = { 0x30, 38 };
        struct message_hello hello = { .version = MESSAGE_VERSION,
                .seal_cert = BYTES(der, 40),
                .issuer_cert = BYTES(der, 40),
                .root_cert = BYTES(der, 40) };
        struct message_stream_open open = {
                .stream = "lobby-main", .last = { .sequence = 5 }, .last_arrival_us = 7
        };
        struct message_assign assign = { .stream = "lobby-main",
                .url = "rtsps://h/x",
                .user = "u",
                .transport = CAMERA_TLS,
                .roots_pem = BYTES(der, 40),
                .recorder = "custos://s/recorder/main",
                .fragment_ms = 1000 };
        struct message_state st = { .stream = "lobby-main",
                .state = CAMERA_STREAMING,
                .protection = 3,
                .tls_version = 0x304,
                .from_us = 1,
                .until_us = 2,
                .counters = { .bytes = 9, .clear_bytes = 3 } };
        struct seal seal = { .fragment = 1, .tracks_n = 2, .gaps_n = 1 };
        struct segment_writer_report report = {
                .object_key = "lobby-main/2026-11-22/17/00-00.000Z.0.mp4", .sequence = 9
        };
        struct buf out;

        (void)state;
        buf_init(&out, 65536);
        assert_int_equal(message_hello_pack(&hello, &out, NULL), 0);
        only_whole(&out, parse_hello);
        buf_clear(&out);
        assert_int_equal(message_stream_open_pack(&open, &out, NULL), 0);
        only_whole(&out, parse_open);
        buf_clear(&out);
        assert_int_equal(secret_set(&assign.password, bytes_str("secret"), NULL), 0);
        assert_int_equal(message_assign_pack(&assign, &out, NULL), 0);
        only_whole(&out, parse_assign);
        buf_clear(&out);
        assert_int_equal(message_state_pack(&st, &out, NULL), 0);
        only_whole(&out, parse_state);
        buf_clear(&out);
        assert_int_equal(message_seal_request_pack(&seal, &out, NULL), 0);
        only_whole(&out, parse_seal);
        buf_clear(&out);
        assert_int_equal(message_written_pack("lobby-main", &report, &out, NULL), 0);
        only_whole(&out, parse_written);
        buf_done(&out);
}

static void test_connector_messages(void **state)
{
        struct message_connect c = {
                .id = 7, .kind = CAMERA_SOCKET_FALLBACK, .host = "lobby.test", .port = 80
        };
        struct message_connect d;
        struct message_connected made = { .id = 9, .port = 50000 }, back;
        struct err why, got, e;
        struct buf out;
        uint32_t id;

        (void)state;
        buf_init(&out, 65536);
        assert_int_equal(message_connect_pack(&c, &out, NULL), 0);
        only_whole(&out, parse_connect);
        assert_int_equal(message_connect_parse(buf_bytes(&out), &d, NULL), 0);
        assert_int_equal(d.id, 7);
        assert_int_equal(d.kind, CAMERA_SOCKET_FALLBACK);
        assert_string_equal(d.host, "lobby.test");
        assert_int_equal(d.port, 80);
        out.p[4] = CAMERA_SOCKET_DATAGRAMS + 1; /* a kind that there is not */
        assert_int_equal(message_connect_parse(buf_bytes(&out), &d, &e), ERR_PROTOCOL);
        buf_clear(&out);
        assert_int_equal(message_connected_pack(&made, &out, NULL), 0);
        only_whole(&out, parse_connected);
        assert_int_equal(message_connected_parse(buf_bytes(&out), &back, NULL), 0);
        assert_int_equal(back.id, 9);
        assert_int_equal(back.port, 50000);
        buf_clear(&out);
        err_fault(&why, ERR_DENIED, FAULT_ADDRESS_NOT_ALLOWED, "not there");
        assert_int_equal(message_not_connected_pack(11, &why, &out, NULL), 0);
        only_whole(&out, parse_not_connected);
        assert_int_equal(message_not_connected_parse(buf_bytes(&out), &id, &got, NULL), 0);
        assert_int_equal(id, 11);
        assert_int_equal(got.code, ERR_DENIED);
        assert_int_equal(got.fault, FAULT_ADDRESS_NOT_ALLOWED);
        assert_string_equal(got.text, "not there");
        out.p[4] = 0; /* a failure that is none */
        assert_int_equal(message_not_connected_parse(buf_bytes(&out), &id, &got, &e), ERR_PROTOCOL);
        out.p[4] = 15; /* a code that there is not */
        assert_int_equal(message_not_connected_parse(buf_bytes(&out), &id, &got, &e), ERR_PROTOCOL);
        out.p[4] = 5;
        out.p[5] = FAULTS;
        assert_int_equal(message_not_connected_parse(buf_bytes(&out), &id, &got, &e), ERR_PROTOCOL);
        buf_done(&out);
}

static void test_grants(void **state)
{
        struct message_grant m = {
                .watch = 7, .stream = "lobby-main", .token = bytes_str("e30.e30.x")
        };
        struct message_grant back;
        struct bytes token;
        uint32_t watch;
        struct err e;
        struct buf out;

        (void)state;
        buf_init(&out, 65536);
        assert_int_equal(message_grant_pack(&m, &out, NULL), 0);
        only_whole(&out, parse_grant);
        assert_int_equal(message_grant_parse(buf_bytes(&out), &back, &e), 0);
        assert_int_equal(back.watch, 7);
        assert_string_equal(back.stream, "lobby-main");
        assert_true(bytes_equal(back.token, m.token));
        memset(out.p, 0, 4); /* nobody's number */
        assert_int_equal(message_grant_parse(buf_bytes(&out), &back, &e), ERR_PROTOCOL);
        buf_clear(&out);
        assert_int_equal(message_granted_pack(8, m.token, &out, NULL), 0);
        only_whole(&out, parse_granted);
        assert_int_equal(message_granted_parse(buf_bytes(&out), &watch, &token, &e), 0);
        assert_int_equal(watch, 8);
        assert_true(bytes_equal(token, m.token));
        memset(out.p, 0, 4);
        assert_int_equal(message_granted_parse(buf_bytes(&out), &watch, &token, &e), ERR_PROTOCOL);
        buf_done(&out);
}

static void test_assign_round_trip(void **state)
{
        struct message_assign a = { .stream = "lobby-main",
                .url = "rtsps://192.0.2.1/x",
                .user = "rec",
                .transport = CAMERA_TLS_PINNED,
                .without_audio = true,
                .roots_pem = bytes_str("PEM"),
                .issuer_pem = bytes_str("ISSUER"),
                .crls_pem = bytes_str("LISTS"),
                .carrier = CAMERA_UDP,
                .recorder = "custos://s/recorder/main",
                .seal_cert = bytes_str("a"),
                .issuer_cert = bytes_str("b"),
                .root_cert = bytes_str("c"),
                .fragment_ms = 500,
                .segment_s = 30,
                .pace_ms = 20,
                .idle_ms = 7000,
                .backoff_max_ms = 9000,
                .gap_cause = SEAL_GAP_UNCLEAN_STOP,
                .gap_from_us = -5 };
        struct message_assign b;
        struct buf out;

        (void)state;
        a.pin[31] = 9;
        assert_int_equal(secret_set(&a.password, bytes_str("s3cret"), NULL), 0);
        buf_init(&out, 65536);
        assert_int_equal(message_assign_pack(&a, &out, NULL), 0);
        assert_int_equal(message_assign_parse(buf_bytes(&out), &b, NULL), 0);
        assert_string_equal(b.stream, a.stream);
        assert_string_equal(b.url, a.url);
        assert_string_equal(b.user, a.user);
        assert_true(bytes_equal(secret_bytes(&b.password), bytes_str("s3cret")));
        assert_int_equal(b.transport, CAMERA_TLS_PINNED);
        assert_int_equal(b.carrier, CAMERA_UDP);
        assert_true(bytes_equal(b.crls_pem, bytes_str("LISTS")));
        assert_memory_equal(b.pin, a.pin, 32);
        assert_true(b.without_audio);
        assert_true(bytes_equal(b.roots_pem, bytes_str("PEM")));
        assert_true(bytes_equal(b.issuer_pem, bytes_str("ISSUER")));
        assert_true(bytes_equal(b.root_cert, bytes_str("c")));
        assert_int_equal(b.fragment_ms, 500);
        assert_int_equal(b.segment_s, 30);
        assert_int_equal(b.pace_ms, 20);
        assert_int_equal(b.idle_ms, 7000);
        assert_int_equal(b.backoff_max_ms, 9000);
        assert_int_equal(b.gap_cause, SEAL_GAP_UNCLEAN_STOP);
        assert_int_equal(b.gap_from_us, -5);
        buf_done(&out);
}

static void test_seal_request_carries_nothing_of_the_sealer(void **state)
{
        struct seal s = { .flags = SEAL_FIRST | SEAL_LAST,
                .fragment = 3,
                .tracks_n = 1,
                .sequence = 12,
                .sealed_us = 4 },
                    back;
        struct buf out;

        (void)state;
        snprintf(s.stream, sizeof s.stream, "other-main");
        s.tracks[0] = (struct seal_track){ .id = 1, .samples = 25, .bytes = 1234567890123 };
        buf_init(&out, 4096);
        assert_int_equal(message_seal_request_pack(&s, &out, NULL), 0);
        assert_int_equal(message_seal_request_parse(buf_bytes(&out), &back, NULL), 0);
        assert_int_equal(back.flags, SEAL_LAST);
        assert_int_equal(back.sequence, 0);
        assert_int_equal(back.sealed_us, 0);
        assert_string_equal(back.stream, "");
        assert_int_equal(back.tracks[0].bytes, 1234567890123);
        /* Too many tracks or gaps are refused by their count. */
        out.p[1 - 1] = SEAL_FIRST;
        assert_int_equal(message_seal_request_parse(buf_bytes(&out), &back, NULL), ERR_PROTOCOL);
        buf_done(&out);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_only_whole_messages),
                cmocka_unit_test(test_connector_messages),
                cmocka_unit_test(test_grants),
                cmocka_unit_test(test_assign_round_trip),
                cmocka_unit_test(test_seal_request_carries_nothing_of_the_sealer),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
