/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/own.h"
#include "gateway/codec_text.h"

/* Opens a box; its length is filled in by box_end. */
static size_t box(struct buf *b, const char *type)
{
        size_t at = b->n;

        assert_int_equal(buf_append(b, BYTES("\0\0\0\0", 4), NULL), 0);
        assert_int_equal(buf_append(b, BYTES(type, 4), NULL), 0);
        return at;
}

static void box_end(struct buf *b, size_t at)
{
        size_t n = b->n - at;

        for (unsigned i = 0; i < 4; i++)
                b->p[at + i] = (uint8_t)(n >> 8 * (3 - i));
}

static void zeros(struct buf *b, size_t n)
{
        static const uint8_t none[128];

        assert_int_equal(buf_append(b, BYTES(none, n), NULL), 0);
}

/* A track with one sample entry that holds one box. */
static void track(struct buf *b, const char *entry, size_t fields, const char *config,
        const uint8_t *bytes, size_t n)
{
        static const char *const path[] = { "trak", "mdia", "minf", "stbl", "stsd" };
        size_t at[ARRAY_LEN(path)];

        for (unsigned i = 0; i < ARRAY_LEN(path); i++)
                at[i] = box(b, path[i]);
        zeros(b, 8);
        size_t e = box(b, entry);
        zeros(b, fields);
        size_t c = box(b, config);
        assert_int_equal(buf_append(b, BYTES(bytes, n), NULL), 0);
        box_end(b, c);
        box_end(b, e);
        for (unsigned i = ARRAY_LEN(path); i > 0; i--)
                box_end(b, at[i - 1]);
}

static const uint8_t avc[] = { 1, 0x64, 0x00, 0x1f, 0xff };
static const uint8_t hevc[] = { 1, 0x01, 0x60, 0, 0, 0, 0xb0, 0, 0, 0, 0, 0, 93 };
static const uint8_t aac[] = { 0, 0, 0, 0, 3, 0x80, 0x80, 0x80, 25, 0, 0, 0, 4, 17, 0x40, 0x15, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 2, 0x11, 0x90 };

static void header(struct buf *b)
{
        buf_init(b, 4096);
        box_end(b, box(b, "ftyp"));
}

static void test_says_what_browsers_ask(void **state)
{
        char to[CODEC_TEXT_ROOM];
        struct buf b;

        (void)state;
        header(&b);
        size_t moov = box(&b, "moov");
        box_end(&b, box(&b, "mvhd"));
        track(&b, "avc1", 78, "avcC", avc, sizeof avc);
        track(&b, "mp4a", 28, "esds", aac, sizeof aac);
        box_end(&b, moov);
        assert_string_equal(codec_text(buf_bytes(&b), to), "avc1.64001f,mp4a.40.2");
        buf_done(&b);

        header(&b);
        moov = box(&b, "moov");
        track(&b, "hvc1", 78, "hvcC", hevc, sizeof hevc);
        track(&b, "alaw", 28, "free", avc, 0);
        box_end(&b, moov);
        assert_string_equal(codec_text(buf_bytes(&b), to), "hvc1.1.6.L93.B0,alaw");
        buf_done(&b);
}

/* However it is cut off, or lies: a text, and nothing that breaks JSON or a MIME type. */
static void test_survives_what_is_no_header(void **state)
{
        char to[CODEC_TEXT_ROOM];
        struct buf b;

        (void)state;
        header(&b);
        size_t moov = box(&b, "moov");
        for (unsigned i = 0; i < 8; i++)
                track(&b, "hvc1", 78, "hvcC", hevc, sizeof hevc);
        track(&b, "a\"\\,", 78, "free", hevc, 0);
        box_end(&b, moov);
        for (size_t n = 0; n <= b.n; n++) {
                uint8_t *copy = xcalloc(1, n + 1);
                memcpy(copy, b.p, n);
                codec_text(BYTES(copy, n), to);
                assert_true(strlen(to) < CODEC_TEXT_ROOM);
                assert_null(strchr(to, '"'));
                own_freep(&copy);
        }
        for (size_t i = 0; i < b.n; i++) {
                uint8_t was = b.p[i];
                b.p[i] = 0xff;
                codec_text(buf_bytes(&b), to);
                assert_null(strpbrk(to, "\"\\"));
                b.p[i] = was;
        }
        buf_done(&b);
}

static void test_what_needs_no_transcoder(void **state)
{
        static const char *const common[] = { "avc1.42c01e", "avc1.4d0029,mp4a.40.2", "avc1.64001f",
                "mp4a.40.2" };
        static const char *const others[] = { "", "hvc1.1.6.L90.90", "avc1.64001f,alaw",
                "avc1.7a1032", "avc1.64001f,mp4a.40.29", "avc1.64001f,opus", "jpeg", ",",
                "mp4a.6b" };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(common); i++)
                assert_true(codec_text_is_common(common[i]));
        for (size_t i = 0; i < ARRAY_LEN(others); i++)
                assert_false(codec_text_is_common(others[i]));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_says_what_browsers_ask),
                cmocka_unit_test(test_survives_what_is_no_header),
                cmocka_unit_test(test_what_needs_no_transcoder),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
