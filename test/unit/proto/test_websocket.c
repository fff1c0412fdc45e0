/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/websocket.h"

#define TEXT_MAX 70000
#define BINARY_MAX 200000

struct got {
        char line[512]; /* what came: kind, length and the first bytes of each */
        struct buf last;
        const char *stop_at;
};

static int on_message(void *owner, const struct websocket_message *m, struct err *e)
{
        static const char kinds[] = "TBPOC";
        struct got *g = owner;
        size_t at = strlen(g->line);

        at += (size_t)snprintf(g->line + at, sizeof g->line - at, "%c", kinds[m->kind]);
        if (m->kind == WEBSOCKET_CLOSE)
                at += (size_t)snprintf(g->line + at, sizeof g->line - at, "%u", m->status);
        snprintf(g->line + at, sizeof g->line - at, ":%.*s ",
                (int)(m->payload.n < 16 ? m->payload.n : 0), (const char *)m->payload.p);
        buf_clear(&g->last);
        assert_int_equal(buf_append(&g->last, m->payload, e), 0);
        if (g->stop_at && m->payload.n == strlen(g->stop_at) &&
                memcmp(m->payload.p, g->stop_at, m->payload.n) == 0)
                return err_set(e, ERR_DENIED, "not that");
        return 0;
}

/* In pieces of `step` bytes; the reader's result, its status and what came. */
static int read_in(bool from_client, struct bytes in, size_t step, struct got *g,
        uint16_t *ret_status, struct err *e)
{
        struct websocket_reader *r = websocket_reader_new(from_client, TEXT_MAX, BINARY_MAX);
        int x = 0;

        *g = (struct got){ .stop_at = g->stop_at };
        buf_init(&g->last, BINARY_MAX);
        *ret_status = 0;
        while (x == 0 && in.n > 0) {
                struct bytes piece = bytes_sub(in, 0, step);

                in = bytes_sub(in, piece.n, in.n);
                x = websocket_reader_push(r, piece, on_message, g, ret_status, e);
        }
        if (x < 0)
                assert_int_equal(
                        websocket_reader_push(r, bytes_str("x"), on_message, g, ret_status, NULL),
                        ERR_STATE);
        websocket_reader_free(r);
        return x;
}

static size_t unhex(const char *hex, uint8_t *to)
{
        size_t n = 0;

        for (; *hex; hex++)
                if (*hex != ' ') {
                        unsigned v = 0;

                        assert_int_equal(sscanf(hex, "%2x", &v), 1);
                        to[n++] = (uint8_t)v;
                        hex++;
                }
        return n;
}

static void takes(bool from_client, const char *hex, const char *expected)
{
        uint8_t in[512];
        const size_t n = unhex(hex, in);

        for (size_t step = 1; step <= n; step++) {
                struct got g = { "" };
                struct err e = { 0 };
                uint16_t status;

                if (read_in(from_client, BYTES(in, n), step, &g, &status, &e) != 0)
                        fail_msg("%s: %s", hex, e.text);
                assert_string_equal(g.line, expected);
                buf_done(&g.last);
        }
}

static void refuses(bool from_client, const char *hex, uint16_t expected, const char *text)
{
        uint8_t in[512];
        const size_t n = unhex(hex, in);

        for (size_t step = 1; step <= n; step++) {
                struct got g = { "" };
                struct err e = { 0 };
                uint16_t status;

                assert_int_equal(
                        read_in(from_client, BYTES(in, n), step, &g, &status, &e), ERR_PROTOCOL);
                if (status != expected || !strstr(e.text, text))
                        fail_msg("%s: %u %s", hex, status, e.text);
                buf_done(&g.last);
        }
}

/* RFC 6455 section 1.3 */
static void test_opening(void **state)
{
        char accept[WEBSOCKET_ACCEPT_ROOM], key[WEBSOCKET_KEY_ROOM];

        (void)state;
        websocket_accept("dGhlIHNhbXBsZSBub25jZQ==", accept);
        assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        websocket_key((const uint8_t *)"the sample nonce", key);
        assert_string_equal(key, "dGhlIHNhbXBsZSBub25jZQ==");
        assert_true(websocket_is_key(key));
        assert_false(websocket_is_key(""));
        assert_false(websocket_is_key("dGhlIHNhbXBsZSBub25jZQ="));
        assert_false(websocket_is_key("dGhlIHNhbXBsZSBub25jZQ==="));
        assert_false(websocket_is_key("dGhlIHNhbXBsZSBub25jZR==")); /* bits behind the end */
        assert_false(websocket_is_key("dGhlIHNhbXBsZSBub25jZTEy")); /* 18 bytes */
        assert_false(websocket_is_key("dGhl IHNhbXBsZSBub25jZ=="));
}

/* RFC 6455 section 5.7 */
static void test_examples(void **state)
{
        uint8_t *in = calloc(1, 66000);
        struct err e = { 0 };
        uint16_t status;

        (void)state;
        takes(false, "8105 48656c6c6f", "T:Hello ");
        takes(true, "8185 37fa213d 7f9f4d5158", "T:Hello ");
        takes(false, "0103 48656c 8002 6c6f", "T:Hello ");
        takes(false, "8905 48656c6c6f", "P:Hello ");
        takes(true, "8a85 37fa213d 7f9f4d5158", "O:Hello ");
        for (size_t n = 256; n <= 65536; n *= 256) {
                struct got g = { "" };
                const size_t head = unhex(n == 256 ? "827e 0100" : "827f 0000000000010000", in);

                for (size_t i = 0; i < n; i++)
                        in[head + i] = (uint8_t)(i * 7);
                assert_int_equal(read_in(false, BYTES(in, head + n), 1000, &g, &status, &e), 0);
                assert_string_equal(g.line, "B: ");
                assert_int_equal(g.last.n, n);
                assert_memory_equal(g.last.p, in + head, n);
                buf_done(&g.last);
        }
        free(in);
}

/* A control frame may stand between fragments, and nothing else; empty ones are messages too. */
static void test_fragments(void **state)
{
        (void)state;
        takes(false, "0103 48656c 8901 21 8002 6c6f", "P:! T:Hello ");
        takes(false, "8100 8200 8900", "T: B: P: ");
        takes(false, "0200 0001 61 0000 0001 62 8000 8103 616263", "B:ab T:abc ");
        takes(true, "0181 01020304 60 8082 05060708 6767", "T:aba "); /* a mask for each */
        /* a character over the border */
        takes(false, "0102 c3a4 8002 c3a4", "T:\xc3\xa4\xc3\xa4 ");
        takes(false, "0101 c3 8001 a4", "T:\xc3\xa4 ");
        takes(false, "0102 f09f 8002 9880", "T:\xf0\x9f\x98\x80 ");
}

static void test_refuses_frames(void **state)
{
        (void)state;
        refuses(false, "c105 48656c6c6f", 1002, "reserved bit");
        refuses(false, "a105 48656c6c6f", 1002, "reserved bit");
        refuses(false, "9105 48656c6c6f", 1002, "reserved bit");
        refuses(false, "8300", 1002, "unknown kind");
        refuses(false, "8700", 1002, "unknown kind");
        refuses(false, "8b00", 1002, "unknown kind");
        refuses(false, "8f00", 1002, "unknown kind");
        refuses(true, "8105 48656c6c6f", 1002, "without a mask");
        refuses(true, "8900", 1002, "without a mask");
        refuses(false, "8185 37fa213d 7f9f4d5158", 1002, "masked frame from a server");
        refuses(false, "0901 21", 1002, "in fragments");
        refuses(false, "0800", 1002, "in fragments");
        refuses(false, "897e 0080", 1002, "more than 125");
        refuses(false, "8a7f 0000000000010000", 1002, "more than 125");
        refuses(false, "887e 0003 03e8 61", 1002, "more than 125");
        refuses(false, "8001 61", 1002, "continues nothing");
        refuses(false, "0001 61", 1002, "continues nothing");
        refuses(false, "0101 61 8001 62 8001 63", 1002, "continues nothing");
        refuses(false, "0101 61 8101 62", 1002, "within another one");
        refuses(false, "0201 61 0201 62", 1002, "within another one");
}

/* Section 5.2: the minimal number of bytes; 63 bits. */
static void test_refuses_lengths(void **state)
{
        (void)state;
        refuses(false, "827e 007d", 1002, "shortest form");
        refuses(false, "827e 0000", 1002, "shortest form");
        refuses(false, "827f 000000000000ffff", 1002, "shortest form");
        refuses(false, "827f 0000000000000000", 1002, "shortest form");
        refuses(false, "827f 8000000000000000", 1002, "63 bits");
        refuses(false, "827f ffffffffffffffff", 1002, "63 bits");
        refuses(true, "81fe 007d 00000000", 1002, "shortest form");
        /* at the header, before a byte of it came */
        refuses(false, "827f 7fffffffffffffff", 1009, "more than 200000");
        refuses(false, "827f 0000000000030d41", 1009, "more than 200000");
        refuses(false, "817f 0000000000011171", 1009, "more than 70000");
        refuses(false, "0103 616263 807f 000000000001116e", 1009, "more than 70000");
        takes(false, "827f 0000000000030d40", ""); /* the maximum itself: waits for it */
        takes(false, "0103 616263 807f 000000000001116d", "");
}

static void test_refuses_text(void **state)
{
        (void)state;
        refuses(false, "8101 ff", 1007, "UTF-8");
        refuses(false, "8101 c3", 1007, "UTF-8");
        refuses(false, "8102 c0af", 1007, "UTF-8");       /* overlong */
        refuses(false, "8103 eda080", 1007, "UTF-8");     /* a surrogate */
        refuses(false, "8104 f4908080", 1007, "UTF-8");   /* above U+10FFFF */
        refuses(false, "0101 c3 8001 41", 1007, "UTF-8"); /* over the border */
        refuses(false, "0102 61c3 8901 21 8001 c3", 1007, "UTF-8");
        takes(false, "8201 ff", "B:\xff ");
}

static void test_close(void **state)
{
        (void)state;
        takes(false, "8800", "C1005: ");
        takes(false, "8802 03e8", "C1000: ");
        takes(false, "8805 03e9 627965", "C1001:bye ");
        takes(true, "8882 00000000 0bb8", "C3000: ");
        takes(false, "8802 1387", "C4999: ");
        /* what comes behind it is dropped, whatever it is */
        takes(false, "8802 03e8 8103 616263 ffff", "C1000: ");
        refuses(false, "8801 03", 1002, "half a status");
        refuses(false, "8802 0000", 1002, "not to be sent");
        refuses(false, "8802 03e7", 1002, "not to be sent");
        refuses(false, "8802 03ec", 1002, "not to be sent"); /* 1004 */
        refuses(false, "8802 03ed", 1002, "not to be sent"); /* 1005 */
        refuses(false, "8802 03ee", 1002, "not to be sent"); /* 1006 */
        refuses(false, "8802 03f7", 1002, "not to be sent"); /* 1015 */
        refuses(false, "8802 07d0", 1002, "not to be sent"); /* 2000 */
        refuses(false, "8802 1388", 1002, "not to be sent"); /* 5000 */
        refuses(false, "8804 03e8 c328", 1007, "reason");
}

static void test_close_payload(void **state)
{
        char reason[256];
        struct buf b;

        (void)state;
        buf_init(&b, 125);
        websocket_close_payload(1000, "bye", &b);
        assert_int_equal(b.n, 5);
        assert_memory_equal(b.p,
                "\x03\xe8"
                "bye",
                5);
        buf_clear(&b);
        memset(reason, 'x', sizeof reason);
        reason[121] = reason[123] = reason[125] = '\xc3'; /* not cut within a character */
        reason[122] = reason[124] = reason[126] = '\xa4';
        reason[127] = '\0';
        websocket_close_payload(4000, reason, &b);
        assert_int_equal(b.n, 125);
        buf_clear(&b);
        reason[121] = 'x';
        reason[122] = reason[124] = reason[126] = '\xc3';
        reason[123] = reason[125] = '\xa4';
        websocket_close_payload(4000, reason, &b);
        assert_int_equal(b.n, 124);
        buf_done(&b);
}

/* What one side writes the other reads, with and without a mask, at every border of a length and
 * in pieces that begin anywhere in the mask. */
static void test_both_ends(void **state)
{
        static const size_t sizes[] = { 0, 1, 7, 8, 9, 125, 126, 127, 65535, 65536, 131072 };
        static const uint8_t mask[4] = { 0x11, 0x7a, 0x00, 0xfe };
        uint8_t *payload = calloc(1, 131072);
        struct buf out;

        (void)state;
        for (size_t i = 0; i < 131072; i++)
                payload[i] = (uint8_t)(i % 251);
        buf_init(&out, 140000);
        for (size_t i = 0; i < 2 * ARRAY_LEN(sizes); i++) {
                const size_t n = sizes[i / 2];
                const bool client = i & 1;

                buf_clear(&out);
                assert_int_equal(websocket_format(WEBSOCKET_BINARY, BYTES(payload, n),
                                         client ? mask : NULL, &out, NULL),
                        0);
                assert_int_equal(out.n, n + (n < 126 ? 2 : n < 65536 ? 4 : 10) + (client ? 4 : 0));
                for (size_t step = 1; step < 140000; step = step * 3 + 1) {
                        struct got g = { "" };
                        uint16_t status;

                        if (n > 1000 && step < 10)
                                continue;
                        assert_int_equal(
                                read_in(client, buf_bytes(&out), step, &g, &status, NULL), 0);
                        assert_int_equal(g.last.n, n);
                        if (n)
                                assert_memory_equal(g.last.p, payload, n);
                        buf_done(&g.last);
                }
        }
        buf_done(&out);
        free(payload);
}

static void test_format_refuses(void **state)
{
        static const uint8_t bytes[200];
        struct buf out;

        (void)state;
        buf_init(&out, 150);
        for (enum websocket_kind k = WEBSOCKET_PING; k <= WEBSOCKET_CLOSE; k++) {
                assert_int_equal(
                        websocket_format(k, BYTES(bytes, 126), NULL, &out, NULL), ERR_INVALID);
                assert_int_equal(out.n, 0);
        }
        assert_int_equal(websocket_format(WEBSOCKET_BINARY, BYTES(bytes, 137), bytes, &out, NULL),
                ERR_EXHAUSTED);
        assert_int_equal(websocket_format(WEBSOCKET_BINARY, BYTES(bytes, 200), bytes, &out, NULL),
                ERR_EXHAUSTED);
        assert_int_equal(out.n, 0);
        assert_int_equal(
                websocket_format(WEBSOCKET_BINARY, BYTES(bytes, 136), bytes, &out, NULL), 0);
        buf_done(&out);
}

static void test_owner_ends_it(void **state)
{
        struct got g = { .stop_at = "no" };
        struct err e = { 0 };
        uint8_t in[64];
        uint16_t status;

        (void)state;
        assert_int_equal(read_in(false, BYTES(in, unhex("8101 61 8102 6e6f 8101 62", in)), 64, &g,
                                 &status, &e),
                ERR_CANCELLED);
        assert_string_equal(g.line, "T:a T:no ");
        assert_string_equal(e.text, "not that");
        buf_done(&g.last);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_opening),
                cmocka_unit_test(test_examples),
                cmocka_unit_test(test_fragments),
                cmocka_unit_test(test_refuses_frames),
                cmocka_unit_test(test_refuses_lengths),
                cmocka_unit_test(test_refuses_text),
                cmocka_unit_test(test_close),
                cmocka_unit_test(test_close_payload),
                cmocka_unit_test(test_both_ends),
                cmocka_unit_test(test_format_refuses),
                cmocka_unit_test(test_owner_ends_it),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
