/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Depacketizers of JPEG, ONVIF metadata and sound in plain packets, by RFC 2435, RFC 3551, RFC 7587
 * and the ONVIF streaming specification; packets are written by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/buf.h"
#include "media/depay.h"
#include "media/jpeg.h"
#include "media/sound_config.h"

#define LITERAL(s) BYTES(s, sizeof(s) - 1)
#define HEADERS                                                                                    \
        (2 + 2 * 69 + 19 + 2 * 33 + 2 * 183 + 14) /* without DRI, of RFC 2435 appendix B           \
                                                   */

/* What comes out is written down: "[pts flags:bytes]" with c for a new config, lN lost; E an error.
 * Of JPEG the headers are checked and left out: "WxH scan in hex". */
struct rig {
        struct depay *d;
        char out[4096];
        uint32_t lost;
        struct bytes extension; /* of the next packet */
        uint16_t profile;
        bool jpeg, whole; /* whole: all bytes of a picture are written down */
        struct media_config config;
        struct err why;
};

static void rig_open(struct rig *r, enum media_codec codec)
{
        memset(r, 0, sizeof *r);
        r->jpeg = codec == MEDIA_JPEG;
        r->config = (struct media_config){ .codec = codec, .clock_rate = 90000, .channels = 1 };
        assert_int_equal(depay_new(&r->config, &r->d, NULL), 0);
}

static void write_picture(char *to, struct bytes picture)
{
        struct jpeg_frame f;
        struct bytes scan;

        assert_int_equal(jpeg_parse(picture, &f, &scan, NULL), 0);
        assert_int_equal(picture.n - scan.n, HEADERS + (f.restart_interval ? 6 : 0) +
                                                     64 * (f.tables.wide[0] + f.tables.wide[1]));
        to += sprintf(to, "%ux%u%s", f.width, f.height, f.half_height ? "h" : "");
        if (f.restart_interval)
                to += sprintf(to, "r%u", f.restart_interval);
        to += sprintf(to, " %u,%u ", f.tables.table[0][0], f.tables.table[1][0]);
        for (size_t i = 0; i < scan.n; i++)
                to += sprintf(to, "%02x", scan.p[i]);
}

static void rig_pull(struct rig *r)
{
        struct access_unit u;
        int n, rounds = 0;

        while ((n = depay_pull(r->d, &u, &r->why)) != ERR_AGAIN) {
                char *to = r->out + strlen(r->out);
                assert_true(++rounds < 10);
                if (n < 0) {
                        assert_true(*r->why.text);
                        strcat(r->out, "E");
                        continue;
                }
                assert_true(u.key);
                to += sprintf(to, "[%lld%s", (long long)u.pts, u.new_config ? "c" : "");
                if (u.lost_before)
                        to += sprintf(to, "l%u", u.lost_packets);
                *to++ = ':';
                if (r->jpeg && r->whole)
                        for (size_t i = 0; i < u.data.n; i++)
                                to += sprintf(to, "%02x", u.data.p[i]);
                else if (r->jpeg)
                        write_picture(to, u.data);
                else
                        sprintf(to, "%.*s", (int)u.data.n, u.data.p);
                strcat(r->out, "]");
        }
}

/* The payload lies in memory of exactly its size, gone after the call. */
static void rig_push(struct rig *r, struct bytes payload, int64_t timestamp, bool marker)
{
        uint8_t *copy = malloc(payload.n ? payload.n : 1);

        if (payload.n)
                memcpy(copy, payload.p, payload.n);
        depay_push(r->d, &(struct depay_packet){ .payload = BYTES(copy, payload.n),
                                 .timestamp = timestamp,
                                 .marker = marker,
                                 .lost_packets = r->lost,
                                 .extension_profile = r->profile,
                                 .extension = r->extension });
        r->lost = 0;
        r->profile = 0;
        r->extension = BYTES(NULL, 0);
        rig_pull(r);
        free(copy);
}

static void rig_expect(struct rig *r, const char *expected)
{
        if (strcmp(r->out, expected) != 0)
                fail_msg("%s, expected %s", r->out, expected);
        r->d = depay_free(r->d);
}

/* --- JPEG: type-specific, offset, type, Q, width / 8, height / 8 --- */

#define AT(o) "\0\0\0" o /* type-specific 0, offset of one byte */

static void jpeg_in_two_packets(void **state)
{
        (void)state;
        struct rig r;

        rig_open(&r, MEDIA_JPEG);
        rig_push(&r,
                LITERAL(AT("\0") "\1\x32\x08\x06"
                                 "abc"),
                10, false);
        rig_push(&r,
                LITERAL(AT("\3") "\1\x32\x08\x06"
                                 "de"),
                10, true);
        /* Another size is another configuration; the same is not. EOI is not doubled. */
        rig_push(&r,
                LITERAL(AT("\0") "\0\x32\x50\x3c"
                                 "x\xff\xd9"),
                20, true);
        rig_push(&r,
                LITERAL(AT("\0") "\0\x0a\x50\x3c"
                                 "y"),
                30, true);
        assert_int_equal(depay_config(r.d)->width, 640);
        rig_expect(&r, "[10c:64x48h 16,17 6162636465ffd9][20c:640x480 16,17 78ffd9]"
                       "[30:640x480 80,85 79ffd9]");
}

static void jpeg_restart_markers(void **state)
{
        (void)state;
        struct rig r;

        rig_open(&r, MEDIA_JPEG);
        rig_push(&r,
                LITERAL(AT("\0") "\x41\x32\1\1"
                                 "\1\2\xff\xff"
                                 "ab"),
                10, false);
        rig_push(&r,
                LITERAL(AT("\2") "\x41\x32\1\1"
                                 "\1\2\xff\xff"
                                 "cd"),
                10, true);
        rig_push(&r,
                LITERAL(AT("\0") "\x40\x32\1\1"
                                 "\0\7\x80\1"
                                 "e"),
                20, true);
        rig_push(&r,
                LITERAL(AT("\0") "\x40\x32\1\1"
                                 "\0\0\x80\1"
                                 "e"),
                30, true); /* interval 0 */
        rig_push(&r,
                LITERAL(AT("\0") "\x40\x32\1\1"
                                 "\0\7\x80"),
                40, true); /* cut */
        rig_expect(&r, "[10c:8x8hr258 16,17 61626364ffd9][20:8x8r7 16,17 65ffd9]EE");
}

static void table_packet(struct rig *r, int64_t pts, uint8_t q, uint8_t precision, size_t n,
        uint8_t first, const char *scan)
{
        uint8_t p[8 + 4 + 256 + 8] = { 0, 0, 0, 0, 1, q, 1, 1, 0, precision, (uint8_t)(n >> 8),
                (uint8_t)n };

        memset(p + 12, first + 1, n);
        if (n)
                memset(p + 12, first, n / 2);
        memcpy(p + 12 + n, scan, strlen(scan));
        rig_push(r, BYTES(p, 12 + n + strlen(scan)), pts, true);
}

static void jpeg_tables_in_band(void **state)
{
        (void)state;
        struct rig r;

        rig_open(&r, MEDIA_JPEG);
        table_packet(&r, 1, 255, 0, 128, 40, "a");
        table_packet(&r, 2, 200, 0, 0, 0, "b"); /* not sent yet */
        table_packet(&r, 3, 200, 0, 128, 50, "c");
        table_packet(&r, 4, 128, 0, 128, 60, "d");
        table_packet(&r, 5, 200, 0, 0, 0, "e");   /* as before */
        table_packet(&r, 6, 255, 0, 0, 0, "f");   /* 255 has to be sent each time */
        table_packet(&r, 7, 254, 0, 64, 70, "g"); /* one for both */
        table_packet(&r, 8, 254, 0, 100, 70, "h");
        table_packet(&r, 9, 255, 0, 63, 70, "h");
        rig_expect(&r, "[1c:8x8h 40,41 61ffd9]E[3l1:8x8h 50,51 63ffd9][4:8x8h 60,61 64ffd9]"
                       "[5:8x8h 50,51 65ffd9]E[7l1:8x8h 70,70 67ffd9]EE");
}

static void jpeg_wide_tables(void **state)
{
        (void)state;
        struct rig r;

        rig_open(&r, MEDIA_JPEG);
        table_packet(&r, 1, 255, 3, 256, 40, "a"); /* both 16 bits */
        table_packet(&r, 2, 255, 1, 192, 40, "b"); /* the first only: 96 bytes of 40 */
        table_packet(&r, 3, 255, 2, 128, 40, "c"); /* the second says 16 bits, and has 64 bytes */
        rig_expect(&r, "[1c:8x8h 40,41 61ffd9][2:8x8h 40,41 62ffd9]E");
}

static void jpeg_losses(void **state)
{
        (void)state;
        struct rig r;

        rig_open(&r, MEDIA_JPEG);
        /* A stream that begins in the middle of a picture. */
        rig_push(&r,
                LITERAL(AT("\5") "\1\x32\1\1"
                                 "z"),
                1, true);
        /* A part is missing. */
        rig_push(&r,
                LITERAL(AT("\0") "\1\x32\1\1"
                                 "ab"),
                2, false);
        r.lost = 1;
        rig_push(&r,
                LITERAL(AT("\4") "\1\x32\1\1"
                                 "ef"),
                2, true);
        rig_push(&r,
                LITERAL(AT("\0") "\1\x32\1\1"
                                 "g"),
                3, true);
        /* A hole that the sequence numbers do not show. */
        rig_push(&r,
                LITERAL(AT("\0") "\1\x32\1\1"
                                 "ab"),
                4, false);
        rig_push(&r,
                LITERAL(AT("\3") "\1\x32\1\1"
                                 "d"),
                4, true);
        /* The marker is missing: the new time ends it, but not where packets were lost as well. */
        rig_push(&r,
                LITERAL(AT("\0") "\1\x32\1\1"
                                 "h"),
                5, false);
        rig_push(&r,
                LITERAL(AT("\0") "\1\x32\1\1"
                                 "i"),
                6, false);
        r.lost = 2;
        rig_push(&r,
                LITERAL(AT("\0") "\1\x32\1\1"
                                 "j"),
                7, false);
        /* One begins before the other ends. */
        rig_push(&r,
                LITERAL(AT("\0") "\1\x32\1\1"
                                 "k"),
                7, true);
        /* The end of the stream ends it, too. */
        rig_push(&r,
                LITERAL(AT("\0") "\1\x32\1\1"
                                 "l"),
                8, false);
        depay_flush(r.d);
        rig_pull(&r);
        rig_expect(&r, "[3cl1:8x8h 16,17 67ffd9]E[5l1:8x8h 16,17 68ffd9]E[7l3:8x8h 16,17 6bffd9]"
                       "[8:8x8h 16,17 6cffd9]");
}

static void jpeg_refused(void **state)
{
        (void)state;
        const struct {
                struct bytes payload;
                const char *why;
        } cases[] = {
                { LITERAL(AT("\0") "\1\x32\1"), "header is cut" },
                { LITERAL(AT("\0") "\2\x32\1\1"
                                   "x"),
                        "type 2" },
                { LITERAL(AT("\0") "\x42\x32\1\1"
                                   "\0\1\0\0"
                                   "x"),
                        "type 66" },
                { LITERAL(AT("\0") "\x80\x32\1\1"
                                   "x"),
                        "type 128" },
                { LITERAL(AT("\0") "\1\0\1\1"
                                   "x"),
                        "Q 0" },
                { LITERAL(AT("\0") "\1\x64\1\1"
                                   "x"),
                        "Q 100" },
                { LITERAL(AT("\0") "\1\x7f\1\1"
                                   "x"),
                        "Q 127" },
                { LITERAL(AT("\0") "\1\x32\0\1"
                                   "x"),
                        "2040" },
                { LITERAL(AT("\0") "\1\x32\1\0"
                                   "x"),
                        "2040" },
                { LITERAL(AT("\0") "\1\x32\1\1"), "without data" },
                { LITERAL(AT("\0") "\1\xff\1\1\0\0\0"), "tables are cut" },
                { LITERAL(AT("\0") "\1\xff\1\1\0\0\0\x80"
                                   "x"),
                        "tables are cut" },
        };
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct rig r;
                rig_open(&r, MEDIA_JPEG);
                rig_push(&r, cases[i].payload, 1, true);
                if (!strstr(r.why.text, cases[i].why))
                        fail_msg("%zu: %s, not %s", i, r.why.text, cases[i].why);
                /* And the next one is taken. */
                rig_push(&r,
                        LITERAL(AT("\0") "\1\x32\1\1"
                                         "x"),
                        2, true);
                rig_expect(&r, "E[2cl1:8x8h 16,17 78ffd9]");
        }
}

/* ONVIF streaming specification section 5.1.3.1: headers in the extension of the first packet. */
#define SOF_LARGE                                                                                  \
        "\xff\xc0\0\21\10\7\x98\12\x20\3\1\x22\0\2\x11\1\3\x11\1" /* 1944 lines of 2592            \
                                                                   */
#define DQT_ONE "\xff\xdb\0\5\0\1\2"
#define DHT_ONE "\xff\xc4\0\4\1\2"
#define SOS_OWN "\xff\xda\0\10\1\1\0\0\77\0"

static void jpeg_larger_than_2040(void **state)
{
        (void)state;
        struct rig r;

        rig_open(&r, MEDIA_JPEG);
        r.whole = true;
        /* All there is, with padding between; the data in the packet itself, and in the next. */
        r.profile = 0xffd8;
        r.extension = LITERAL(DQT_ONE "\xff\xff\xff" DHT_ONE SOF_LARGE SOS_OWN);
        rig_push(&r,
                LITERAL(AT("\0") "\1\0\0\0"
                                 "ab"),
                1, false);
        rig_push(&r,
                LITERAL(AT("\2") "\1\0\0\0"
                                 "c"),
                1, true);
        /* Headers alone first; then the data begins at 0. */
        r.profile = 0xffd8;
        r.extension = LITERAL(DQT_ONE DHT_ONE SOF_LARGE SOS_OWN "\xff\xff");
        rig_push(&r, LITERAL(AT("\0") "\1\0\0\0"), 2, false);
        r.profile = 0xffff;
        rig_push(&r,
                LITERAL(AT("\0") "\1\0\0\0"
                                 "d"),
                2, true);
        assert_int_equal(depay_config(r.d)->width, 2592);
        assert_int_equal(depay_config(r.d)->height, 1944);
        rig_expect(&r,
                "[1c:ffd8ffdb0005000102ffffffffc400040102ffc000110807980a2003012200021101031101"
                "ffda00080101"
                "00003f00"
                "616263ffd9]"
                "[2:ffd8ffdb0005000102ffc400040102ffc000110807980a2003012200021101031101"
                "ffda0008010100003f0064ffd9]");
}

/* What the extension does not say is made as RFC 2435 has it; the scan names the frame's
 * components. */
static void jpeg_extension_in_parts(void **state)
{
        (void)state;
        struct rig r;
        struct access_unit u;

        rig_open(&r, MEDIA_JPEG);
        depay_push(r.d, &(struct depay_packet){ .payload = LITERAL(AT("\0") "\x41\x32\0\0"
                                                                            "\0\7\xff\xff"
                                                                            "a"),
                                .timestamp = 1,
                                .marker = true,
                                .extension_profile = 0xffd8,
                                .extension = LITERAL(SOF_LARGE) });
        assert_int_equal(depay_pull(r.d, &u, NULL), 0);
        const uint8_t *p = u.data.p;
        assert_memory_equal(p, "\xff\xd8\xff\xdb\0\103\0\20", 8);
        p += 2 + 2 * 69;
        assert_memory_equal(p, "\xff\xc4\0\x1f\0", 5);
        p += 2 * 33 + 2 * 183;
        assert_memory_equal(p, SOF_LARGE, 19);
        assert_memory_equal(p + 19, "\xff\xdd\0\4\0\7", 6);
        assert_memory_equal(p + 25, "\xff\xda\0\14\3\1\0\2\x11\3\x11\0\77\0", 14);
        assert_memory_equal(p + 39, "a\xff\xd9", 3);
        assert_ptr_equal(p + 42, u.data.p + u.data.n);
        assert_int_equal(u.new_config->width, 2592);
        /* An extension of other things, as replay has it, changes nothing. */
        r.profile = 0xabac;
        r.extension = LITERAL("\1\2\3\4");
        rig_push(&r,
                LITERAL(AT("\0") "\1\x32\1\1"
                                 "x"),
                2, true);
        rig_expect(&r, "[2c:8x8h 16,17 78ffd9]");
}

static void jpeg_extension_refused(void **state)
{
        (void)state;
        const struct {
                struct bytes extension, payload;
                uint16_t profile;
                const char *why;
        } cases[] = {
                { LITERAL(SOF_LARGE),
                        LITERAL(AT("\0") "\1\0\0\0"
                                         "x"),
                        0xffd8, "no quantization tables" },
                { LITERAL(DQT_ONE),
                        LITERAL(AT("\0") "\1\0\0\0"
                                         "x"),
                        0xffd8, "no frame header" },
                { LITERAL("\xff\xc0\0\21\10\7\x98\12\x20\3\1"),
                        LITERAL(AT("\0") "\1\x32\0\0"
                                         "x"),
                        0xffd8, "is cut" },
                { LITERAL("\xff\xc0\0\13\10\7\x98\12\x20\1\1\x11\0"),
                        LITERAL(AT("\0") "\1\x32\0\0"
                                         "x"),
                        0xffd8, "another form" },
                { LITERAL(SOF_LARGE SOF_LARGE),
                        LITERAL(AT("\0") "\1\x32\0\0"
                                         "x"),
                        0xffd8, "another form" },
                { LITERAL(SOF_LARGE SOS_OWN "x"),
                        LITERAL(AT("\0") "\1\x32\0\0"
                                         "x"),
                        0xffd8, "behind the scan" },
                { LITERAL("abcd"),
                        LITERAL(AT("\0") "\1\x32\1\1"
                                         "x"),
                        0xffd8, "is cut" },
                { LITERAL("\xff\xdb\0\5"),
                        LITERAL(AT("\0") "\1\x32\1\1"
                                         "x"),
                        0xffff, "several packets" },
                { LITERAL(""),
                        LITERAL(AT("\0") "\1\x32\0\0"
                                         "x"),
                        0xffff, "2040" },
        };
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct rig r;
                rig_open(&r, MEDIA_JPEG);
                r.profile = cases[i].profile;
                r.extension = cases[i].extension;
                rig_push(&r, cases[i].payload, 1, true);
                if (!strstr(r.why.text, cases[i].why))
                        fail_msg("%zu: %s, not %s", i, r.why.text, cases[i].why);
                rig_push(&r,
                        LITERAL(AT("\0") "\1\x32\1\1"
                                         "x"),
                        2, true);
                rig_expect(&r, "E[2cl1:8x8h 16,17 78ffd9]");
        }
}

/* --- metadata --- */

static void metadata_documents(void **state)
{
        (void)state;
        struct rig r;

        rig_open(&r, MEDIA_ONVIF_METADATA);
        rig_push(&r, LITERAL("<tt:MetadataStream a='1'/>"), 100, true);
        rig_push(&r, LITERAL("<tt:Meta"), 200, false); /* the times mean nothing */
        rig_push(&r, LITERAL("dataStream"), 250, false);
        rig_push(&r, LITERAL("/>"), 270, true);
        rig_push(&r, LITERAL(""), 280, true);
        /* Without a marker: where another begins, by declaration or root. */
        rig_push(&r, LITERAL("<MetadataStream"), 300, false);
        rig_push(&r, LITERAL(">3</MetadataStream>"), 301, false);
        rig_push(&r, LITERAL(" \xef\xbb\xbf<?xml?><x/>"), 400, false);
        rig_push(&r, LITERAL("<t-1.a:MetadataStream/>"), 500, false);
        depay_flush(r.d);
        rig_pull(&r);
        rig_expect(&r,
                "[100:<tt:MetadataStream a='1'/>][200:<tt:MetadataStream/>][300:<MetadataStream>3</MetadataStream>]"
                "[400: \xef\xbb\xbf<?xml?><x/>][500:<t-1.a:MetadataStream/>]");
}

static void metadata_losses(void **state)
{
        (void)state;
        struct rig r;

        rig_open(&r, MEDIA_ONVIF_METADATA);
        rig_push(&r, LITERAL("tail of one before</a>"), 1, true);
        rig_push(&r, LITERAL("<x>1</x>"), 2, true); /* behind an end: whatever it is */
        rig_push(&r, LITERAL("<y>"), 3, false);
        r.lost = 1;
        rig_push(&r, LITERAL("<z/></y>"), 3, true); /* what is left of it is no document */
        rig_push(&r, LITERAL("<x>2</x>"), 4, true);
        r.lost = 1;
        rig_push(&r, LITERAL("<tt:MetadataStream/>"), 5, true); /* recognizably a beginning */
        r.lost = 1;
        rig_push(&r, LITERAL("<tt:Metadata/>"), 6, true);
        rig_expect(&r, "[2:<x>1</x>][4l1:<x>2</x>][5l1:<tt:MetadataStream/>]");
}

static void metadata_too_large(void **state)
{
        (void)state;
        struct rig r;
        static uint8_t part[1 << 16];

        memset(part, 'a', sizeof part);
        rig_open(&r, MEDIA_ONVIF_METADATA);
        rig_push(&r, LITERAL("<?xml?>"), 1, false);
        for (unsigned i = 0; i < 20; i++)
                rig_push(&r, BYTES(part, sizeof part), 1, false);
        rig_push(&r, LITERAL("</x>"), 1, true);
        rig_push(&r, LITERAL("<?xml?><x/>"), 2, true);
        rig_expect(&r, "E[2l1:<?xml?><x/>]");
}

/* --- sound --- */

static void sound_packets(void **state)
{
        (void)state;
        static const enum media_codec codecs[] = { MEDIA_PCMU, MEDIA_PCMA, MEDIA_G726, MEDIA_OPUS };

        for (size_t i = 0; i < ARRAY_LEN(codecs); i++) {
                struct rig r;
                rig_open(&r, codecs[i]);
                rig_push(&r, LITERAL("one"), 160, true);
                r.lost = 3;
                rig_push(&r, LITERAL("two"), 800, false);
                rig_push(&r, LITERAL(""), 960, false);
                rig_push(&r, LITERAL("three"), 1120, false);
                rig_expect(&r, "[160:one][800l3:two]E[1120l1:three]");
        }
}

static void sound_in_two_channels(void **state)
{
        (void)state;
        struct rig r;

        rig_open(&r, MEDIA_PCMU);
        r.d = depay_free(r.d);
        assert_int_equal(sound_config_pcm(MEDIA_PCMU, 16000, 2, &r.config, NULL), 0);
        assert_int_equal(depay_new(&r.config, &r.d, NULL), 0);
        rig_push(&r, LITERAL("even"), 1, false);
        rig_push(&r, LITERAL("odd"), 2, false);
        rig_expect(&r, "[1:even]E");
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(jpeg_in_two_packets),
                cmocka_unit_test(jpeg_restart_markers),
                cmocka_unit_test(jpeg_tables_in_band),
                cmocka_unit_test(jpeg_wide_tables),
                cmocka_unit_test(jpeg_losses),
                cmocka_unit_test(jpeg_refused),
                cmocka_unit_test(jpeg_larger_than_2040),
                cmocka_unit_test(jpeg_extension_in_parts),
                cmocka_unit_test(jpeg_extension_refused),
                cmocka_unit_test(metadata_documents),
                cmocka_unit_test(metadata_losses),
                cmocka_unit_test(metadata_too_large),
                cmocka_unit_test(sound_packets),
                cmocka_unit_test(sound_in_two_channels),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
