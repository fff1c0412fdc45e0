/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/rtsp_splitter.h"

/* What came out, as text: "F1:abc " a frame, "R200:body " a response, "Q:PLAY " a request, "+n"
 * bytes skipped before it. */
struct log {
        char text[65536];
        unsigned items;
        int answer;
};

static int on_item(void *owner, const struct rtsp_item *item, struct err *e)
{
        struct log *l = owner;
        char *to = l->text + strlen(l->text);
        size_t room = sizeof l->text - strlen(l->text);

        (void)e;
        l->items++;
        if (item->skipped_bytes) {
                to += sprintf(to, "+%u", item->skipped_bytes);
                room -= 12;
        }
        if (!item->message)
                snprintf(to, room, "F%u:%.*s ", item->channel, (int)item->frame.n,
                        (const char *)item->frame.p);
        else if (item->message->is_request)
                snprintf(to, room, "Q:%.*s ", (int)item->message->method.n,
                        (const char *)item->message->method.p);
        else
                snprintf(to, room, "R%u:%.*s ", item->message->status, (int)item->message->body.n,
                        (const char *)item->message->body.p);
        return l->answer;
}

/* Feeds `stream` in pieces of `step` bytes, each copied to memory of exactly its size. */
static int feed(
        struct rtsp_splitter *s, struct bytes stream, size_t step, struct log *l, struct err *e)
{
        int r = 0;

        while (r == 0 && stream.n) {
                size_t n = step < stream.n ? step : stream.n;
                uint8_t *piece = malloc(n);
                memcpy(piece, stream.p, n);
                r = rtsp_splitter_feed(s, BYTES(piece, n), on_item, l, e);
                free(piece);
                stream = bytes_sub(stream, n, stream.n);
        }
        return r;
}

static void expect(struct bytes stream, const char *expected)
{
        static const size_t steps[] = { 1, 2, 3, 5, 7, 13, 64, 1000, 100000 };

        for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
                struct rtsp_splitter s;
                struct log *l = calloc(1, sizeof *l);
                struct err e = { 0 };
                rtsp_splitter_init(&s);
                if (feed(&s, stream, steps[i], l, &e) < 0)
                        fail_msg("steps of %zu: %s", steps[i], e.text);
                if (strcmp(l->text, expected) != 0)
                        fail_msg("steps of %zu: \"%s\", expected \"%s\"", steps[i], l->text,
                                expected);
                rtsp_splitter_done(&s);
                free(l);
        }
}
#define LITERAL(s) BYTES(s, sizeof(s) - 1)

static void mixed(void **state)
{
        (void)state;
        expect(LITERAL("RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 4\r\n\r\nbody"
                       "$\0\0\3abc$\1\0\0$\2\0\1x"
                       "RTSP/1.0 401 No\r\nCSeq: 2\r\n\r\n"
                       "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n$\3\0\2yz"),
                "R200:body F0:abc F1: F2:x R401: Q:OPTIONS F3:yz ");
        expect(LITERAL("RTSP/1.0 200 OK\nCSeq: 1\nContent-Length: 1\n\nb$\0\0\1a"), "R200:b F0:a ");
        /* A body may look like anything. */
        expect(LITERAL("RTSP/1.0 200 OK\r\nContent-Length: 9\r\n\r\n$\0\0\1RTSP/$\0\0\1a"),
                "R200:$ F0:a ");
}

static void stray_line_ends(void **state)
{
        (void)state;
        expect(LITERAL("\r\n\r\nRTSP/1.0 200 OK\r\nCSeq: "
                       "1\r\n\r\n\r\n\r\n$\0\0\1a\n\n$\0\0\1b\r\n"),
                "R200: F0:a F0:b ");
}

static void garbage(void **state)
{
        (void)state;
        /* "xyz" and "QQ" are lost; "$" in the middle is not believed where no RTP is behind it. */
        expect(LITERAL("$\0\0\1axyzQQ$\0\0\x0c\x80"
                       "bcdefghijkl$\0\0\1z"),
                "F0:a +5F0:\x80"
                "bcdefghijkl F0:z ");
        expect(LITERAL("xx$\0\0\x0c"
                       "abcdefghijklRTSP/1.0 200 OK\r\n\r\n"),
                "+18R200: ");
        expect(LITERAL("DESCRIBE is not a request\r\nRTSP/1.0 200 OK\r\n\r\n"), "+27R200: ");
        /* A line end among garbage counts, however the bytes are cut. */
        expect(LITERAL("ab\r\ncd\r\n\r\nRTSP/1.0 200 OK\r\n\r\n"), "+10R200: ");
        expect(LITERAL("AB\x01\x02\x03RTSP/1.0 200 OK\r\n\r\n"), "+5R200: ");
}

static void counted(void **state)
{
        (void)state;
        struct rtsp_splitter s;
        struct log l = { 0 };
        rtsp_splitter_init(&s);
        s.channel_max = 3;
        /* Channel 9 was never set up, so among garbage its '$' is none. */
        assert_int_equal(feed(&s,
                                 LITERAL("?$\x09\0\x08\x80"
                                         "1234567$\1\0\x08\x80"
                                         "1234567?$\0\0\x08\x80"
                                         "1234567"),
                                 1000, &l, NULL),
                0);
        assert_string_equal(l.text, "+13F1:\x80"
                                    "1234567 +1F0:\x80"
                                    "1234567 ");
        assert_int_equal(s.skipped_bytes, 14);
        assert_int_equal(s.resyncs, 2);
        rtsp_splitter_done(&s);
}

static int on_place(void *owner, const struct rtsp_item *item, struct err *e)
{
        uint64_t **next = owner;

        (void)e;
        *(*next)++ = item->at;
        return 0;
}

/* Where each item lies in the stream, however its bytes come, and where it is that it breaks. */
static void places(void **state)
{
        static const size_t steps[] = { 1, 2, 3, 7, 1000 };
        struct bytes stream = LITERAL("\r\n$\0\0\1a$\0\0\2bcxyzRTSP/1.0 200 OK\r\n\r\n"
                                      "$\0\0\1dRTSP/1.0 200 OK\r\nContent-Length: x\r\n\r\n");

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
                struct rtsp_splitter s;
                struct err e = { 0 };
                uint64_t at[8], *next = at;
                int r = 0;

                rtsp_splitter_init(&s);
                for (size_t k = 0; k < stream.n && r == 0; k += steps[i])
                        r = rtsp_splitter_feed(
                                &s, bytes_sub(stream, k, steps[i]), on_place, &next, &e);
                assert_int_equal(next - at, 4);
                assert_int_equal(at[0], 2);
                assert_int_equal(at[1], 7);
                assert_int_equal(at[2], 16);
                assert_int_equal(at[3], 35);
                assert_int_equal(r, ERR_PROTOCOL);
                assert_non_null(strstr(e.text, "byte 40 of the stream: "));
                rtsp_splitter_done(&s);
        }
}

static void bounded(void **state)
{
        (void)state;
        struct rtsp_splitter s;
        struct log l = { 0 };
        uint8_t *junk = malloc(RTSP_SPLITTER_GARBAGE_MAX + 1);
        memset(junk, 'x', RTSP_SPLITTER_GARBAGE_MAX + 1);
        rtsp_splitter_init(&s);
        assert_int_equal(feed(&s, BYTES(junk, RTSP_SPLITTER_GARBAGE_MAX), 1000, &l, NULL), 0);
        assert_int_equal(feed(&s, BYTES("x", 1), 1, &l, NULL), ERR_PROTOCOL);
        rtsp_splitter_reset(&s);
        assert_int_equal(feed(&s, LITERAL("$\0\0\1a"), 1, &l, NULL), 0);
        /* A server takes none. */
        s.garbage_max = 0;
        assert_int_equal(feed(&s, LITERAL("\r\nOPTIONS * RTSP/1.0\r\n\r\n"), 5, &l, NULL), 0);
        assert_int_equal(feed(&s, LITERAL("GET / HTTP/1.1\r\n\r\n"), 100, &l, NULL), ERR_PROTOCOL);
        assert_string_equal(l.text, "F0:a Q:OPTIONS ");
        rtsp_splitter_done(&s);
        free(junk);
}

static void heads_that_never_end(void **state)
{
        (void)state;
        struct rtsp_splitter s;
        struct log l = { 0 };
        struct err e = { 0 };
        rtsp_splitter_init(&s);
        int r = feed(&s, LITERAL("RTSP/1.0 200 OK\r\n"), 100, &l, &e);
        for (int i = 0; r == 0 && i < 10000; i++)
                r = feed(&s, LITERAL("Header: value\r\n"), 100, &l, &e);
        assert_int_equal(r, ERR_PROTOCOL);
        assert_true(s.rest.n <= RTSP_HEAD_MAX + 600);
        rtsp_splitter_reset(&s);
        r = feed(&s, LITERAL("RTSP/1.0 200 OK\r\nContent-Length: 70000\r\n\r\n"), 100, &l, &e);
        assert_int_equal(r, ERR_PROTOCOL);
        rtsp_splitter_done(&s);
        assert_int_equal(l.items, 0);
}

static void callback_stops(void **state)
{
        (void)state;
        struct rtsp_splitter s;
        struct log l = { .answer = ERR_CANCELLED };
        rtsp_splitter_init(&s);
        assert_int_equal(feed(&s, LITERAL("$\0\0\1a$\0\0\1b"), 100, &l, NULL), ERR_CANCELLED);
        assert_int_equal(l.items, 1);
        rtsp_splitter_done(&s);
}

/* What is complete in a record is never copied: only a partial item reaches the splitter's memory.
 */
static void whole_items_are_not_copied(void **state)
{
        (void)state;
        struct rtsp_splitter s;
        struct log l = { 0 };
        rtsp_splitter_init(&s);
        assert_int_equal(feed(&s, LITERAL("$\0\0\1a$\0\0\1b"), 100, &l, NULL), 0);
        assert_null(s.rest.p);
        assert_int_equal(feed(&s, LITERAL("$\0\0\1a$\0\0"), 100, &l, NULL), 0);
        assert_int_equal(s.rest.n, 3);
        assert_int_equal(feed(&s, LITERAL("\1b$\0\0\1c"), 100, &l, NULL), 0);
        assert_int_equal(s.rest.n, 0);
        assert_string_equal(l.text, "F0:a F0:b F0:a F0:b F0:c ");
        rtsp_splitter_done(&s);
}

/* A capture of a Wowza server's stream: fixtures protocol/rtsp/retina/bunny.rtsp (MIT/Apache-2.0).
 */
static void capture(void **state)
{
        (void)state;
        FILE *f =
                fopen(TEST_SOURCE_ROOT "/../shared/fixtures/protocol/rtsp/retina/bunny.rtsp", "rb");
        if (!f) {
                print_message("skipped: fixtures are not beside the checkout\n");
                skip();
        }
        uint8_t *data = malloc(200000);
        size_t n = fread(data, 1, 200000, f), at = 0;
        unsigned frames = 0;
        fclose(f);
        /* Counted by hand: the file is interleaved packets only. */
        while (at + 4 <= n && data[at] == '$') {
                at += 4 + (data[at + 2] << 8 | data[at + 3]);
                frames++;
        }
        assert_int_equal(at, n);
        static const size_t steps[] = { 1, 700, 16384, 200000 };
        for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
                struct rtsp_splitter s;
                struct log *l = calloc(1, sizeof *l);
                rtsp_splitter_init(&s);
                assert_int_equal(feed(&s, BYTES(data, n), steps[i], l, NULL), 0);
                assert_int_equal(l->items, frames);
                assert_int_equal(s.skipped_bytes, 0);
                assert_int_equal(s.rest.n, 0);
                rtsp_splitter_done(&s);
                free(l);
        }
        free(data);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(mixed),
                cmocka_unit_test(stray_line_ends), cmocka_unit_test(garbage),
                cmocka_unit_test(counted), cmocka_unit_test(places), cmocka_unit_test(bounded),
                cmocka_unit_test(heads_that_never_end), cmocka_unit_test(callback_stops),
                cmocka_unit_test(whole_items_are_not_copied), cmocka_unit_test(capture) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
