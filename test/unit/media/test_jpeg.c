/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "media/jpeg.h"

#define PICTURES TEST_SOURCE_ROOT "/test/data/media/"

static struct buf load(const char *name)
{
        struct buf b;
        char path[512];

        snprintf(path, sizeof path, PICTURES "%s", name);
        FILE *f = fopen(path, "rb");
        assert_non_null(f);
        buf_init(&b, 1 << 16);
        uint8_t *to = buf_reserve(&b, 1 << 16);
        b.n = fread(to, 1, 1 << 16, f);
        fclose(f);
        return b;
}

/* RFC 2435 section 4.2, by hand: Q 50 is the table itself; 10: times 5; 75: half; 99: 2 %; 1: times
 * 50, at most 255. The first values of ITU-T T.81 K.1 in zigzag order are 16 11 12, the last 99;
 * of K.2 17 18 18, 99. */
static void tables_of_q(void **state)
{
        (void)state;
        static const struct {
                unsigned q;
                uint8_t luminance[3], luminance_last, chrominance[3];
        } cases[] = {
                { 50, { 16, 11, 12 }, 99, { 17, 18, 18 } },
                { 10, { 80, 55, 60 }, 255, { 85, 90, 90 } },
                { 75, { 8, 6, 6 }, 50, { 9, 9, 9 } },
                { 99, { 1, 1, 1 }, 2, { 1, 1, 1 } },
                { 1, { 255, 255, 255 }, 255, { 255, 255, 255 } },
        };
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct jpeg_tables t;
                jpeg_tables_of_q(cases[i].q, &t);
                assert_memory_equal(t.table[0], cases[i].luminance, 3);
                assert_int_equal(t.table[0][63], cases[i].luminance_last);
                assert_memory_equal(t.table[1], cases[i].chrominance, 3);
                assert_false(t.wide[0] || t.wide[1]);
        }
}

/* Appendix B of RFC 2435, written down: markers, lengths and what is not a table. */
static void headers_byte_by_byte(void **state)
{
        (void)state;
        CLEANUP(buf_done) struct buf out;
        struct jpeg_frame f = {
                .width = 0x280, .height = 0x1e8, .half_height = true, .restart_interval = 0x1234
        };
        static const uint8_t sof[] = { 0xff, 0xc0, 0, 17, 8, 0x01, 0xe8, 0x02, 0x80, 3, 0, 0x22, 0,
                1, 0x11, 1, 2, 0x11, 1 };
        static const uint8_t sos[] = { 0xff, 0xda, 0, 12, 3, 0, 0, 1, 0x11, 2, 0x11, 0, 63, 0 };

        jpeg_tables_of_q(50, &f.tables);
        buf_init(&out, 4096);
        assert_int_equal(jpeg_write_headers(&f, &out, NULL), 0);
        const uint8_t *p = out.p;
        assert_memory_equal(p, "\xff\xd8\xff\xdb\0\103\0\20\13\14", 10);
        assert_memory_equal(p + 2 + 69, "\xff\xdb\0\103\1\21\22\22", 8);
        p += 2 + 69 + 69;
        assert_memory_equal(p, "\xff\xdd\0\4\x12\x34", 6);
        p += 6;
        assert_memory_equal(p, sof, sizeof sof);
        p += sizeof sof;
        assert_memory_equal(p, "\xff\xc4\0\x1f\0", 5); /* 2 + 1 + 16 + 12 */
        p += 2 + 31;
        assert_memory_equal(p, "\xff\xc4\0\xb5\x10", 5); /* 2 + 1 + 16 + 162 */
        p += 2 + 181;
        assert_memory_equal(p, "\xff\xc4\0\x1f\x01", 5);
        p += 2 + 31;
        assert_memory_equal(p, "\xff\xc4\0\xb5\x11", 5);
        p += 2 + 181;
        assert_memory_equal(p, sos, sizeof sos);
        assert_int_equal(p + sizeof sos - out.p, out.n);

        f.half_height = false;
        f.restart_interval = 0;
        f.tables.wide[1] = true;
        buf_clear(&out);
        assert_int_equal(jpeg_write_headers(&f, &out, NULL), 0);
        p = out.p + 2 + 69;
        assert_memory_equal(p, "\xff\xdb\0\x83\x11", 5); /* 16-bit values: 2 + 1 + 128 */
        p += 2 + 131;
        assert_memory_equal(p, sof, 11);
        assert_int_equal(p[11], 0x21);
        out.max = out.n + 20;
        assert_int_equal(jpeg_write_headers(&f, &out, NULL), ERR_EXHAUSTED);
}

/* The four Huffman tables as two encoders write them. */
static void real_pictures(void **state)
{
        (void)state;
        static const char *const names[] = { "picture-420.jpg", "picture-422.jpg" };

        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
                CLEANUP(buf_done) struct buf picture = load(names[i]), out;
                struct jpeg_frame f, again;
                struct bytes scan, none;
                assert_int_equal(jpeg_parse(buf_bytes(&picture), &f, &scan, NULL), 0);
                assert_int_equal(f.width, 64);
                assert_int_equal(f.height, 48);
                assert_int_equal(f.half_height, i == 0);
                assert_int_equal(f.restart_interval, 0);
                assert_memory_equal(scan.p + scan.n - 2, "\xff\xd9", 2);
                assert_ptr_equal(scan.p + scan.n, picture.p + picture.n);

                buf_init(&out, 4096);
                assert_int_equal(jpeg_write_headers(&f, &out, NULL), 0);
                size_t dht = 2 + 2 * 69 + 19;
                for (unsigned t = 0, n = 0; t < 4; t++, dht += n + 4) {
                        n = (unsigned)(out.p[dht + 2] << 8 | out.p[dht + 3]) - 2;
                        assert_non_null(memmem(picture.p, picture.n, out.p + dht + 4, n));
                }
                assert_int_equal(jpeg_parse(buf_bytes(&out), &again, &none, NULL), 0);
                assert_int_equal(none.n, 0);
                assert_memory_equal(&f.tables, &again.tables, sizeof f.tables);
        }
}

static void refused(void **state)
{
        (void)state;
        CLEANUP(buf_done) struct buf out;
        struct jpeg_frame f = { .width = 64, .height = 48 }, got;
        struct bytes scan;
        struct err e;

        jpeg_tables_of_q(50, &f.tables);
        buf_init(&out, 4096);
        assert_int_equal(jpeg_write_headers(&f, &out, NULL), 0);
        for (size_t n = 0; n < out.n; n++) {
                uint8_t *cut = malloc(n ? n : 1);
                memcpy(cut, out.p, n);
                assert_int_equal(jpeg_parse(BYTES(cut, n), &got, &scan, &e), ERR_INVALID);
                free(cut);
        }
        static const struct {
                size_t at; /* behind SOI, two DQT */
                uint8_t value;
                const char *why;
        } cases[] = {
                { 1, 0xc2, "baseline" }, /* progressive */
                { 4, 12, "8 bits" },
                { 5, 0x10, "2040" },
                { 9, 1, "three components" },
                { 11, 0x11, "4:2:0" },
                { 14, 0x21, "4:2:0" },
                { 18, 0, "third quantization table" },
                { 19 + 5, 9, "Huffman" },
        };
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                uint8_t *byte = out.p + 2 + 2 * 69 + cases[i].at, before = *byte;
                *byte = cases[i].value;
                assert_int_equal(jpeg_parse(buf_bytes(&out), &got, &scan, &e), ERR_INVALID);
                if (!strstr(e.text, cases[i].why))
                        fail_msg("%s, not %s", e.text, cases[i].why);
                *byte = before;
        }
        out.p[2 + 4] = 2; /* the first table is another one, and missing */
        assert_int_equal(jpeg_parse(buf_bytes(&out), &got, &scan, &e), ERR_INVALID);
        assert_int_equal(jpeg_parse(BYTES("\xff\xd8\xff\xd9", 4), &got, &scan, &e), ERR_INVALID);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(tables_of_q),
                cmocka_unit_test(headers_byte_by_byte),
                cmocka_unit_test(real_pictures),
                cmocka_unit_test(refused),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
