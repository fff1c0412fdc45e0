/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "media/box.h"
#include "media/fmp4.h"
#include "media/sound_config.h"

#define T BOX_TYPE

static struct fmp4_header make_header(void)
{
        struct fmp4_header h = { .tracks_n = 2, .head = BYTES("head", 4) };

        memset(h.kid, 0x4b, sizeof h.kid);
        h.tracks[0] = (struct fmp4_track){ .id = 1,
                .timescale = 90000,
                .config = { .codec = MEDIA_H265,
                        .clock_rate = 90000,
                        .width = 1920,
                        .height = 1080,
                        .parameters = { 1, 2, 3 },
                        .parameters_n = 3 } };
        h.tracks[1] = (struct fmp4_track){ .id = 2,
                .timescale = 48000,
                .config = { .codec = MEDIA_AAC,
                        .clock_rate = 48000,
                        .sample_rate = 48000,
                        .channels = 2,
                        .parameters = { 0x11, 0x90 },
                        .parameters_n = 2 } };
        return h;
}

/* Every kind that came with version 2, beside AAC. */
static struct fmp4_header make_kinds(void)
{
        struct fmp4_header h = { .tracks_n = 8, .head = BYTES("head", 4) };
        struct media_config *c[8];

        memset(h.kid, 0x4b, sizeof h.kid);
        for (unsigned i = 0; i < 8; i++)
                c[i] = &h.tracks[i].config;
        *c[0] = (struct media_config){
                .codec = MEDIA_JPEG, .clock_rate = 90000, .width = 640, .height = 480
        };
        *c[1] = make_header().tracks[1].config;
        assert_int_equal(sound_config_pcm(MEDIA_PCMU, 8000, 1, c[2], NULL), 0);
        assert_int_equal(sound_config_pcm(MEDIA_PCMA, 16000, 2, c[3], NULL), 0);
        assert_int_equal(sound_config_g726("G726-24", 8000, 1, c[4], NULL), 0);
        assert_int_equal(sound_config_g726("AAL2-G726-32", 8000, 1, c[5], NULL), 0);
        assert_int_equal(sound_config_opus(48000, 2, c[6], NULL), 0);
        *c[7] = (struct media_config){ .codec = MEDIA_ONVIF_METADATA, .clock_rate = 90000 };
        for (unsigned i = 0; i < 8; i++) {
                h.tracks[i].id = i + 1;
                h.tracks[i].timescale = media_timescale(c[i]);
        }
        return h;
}

static void assert_headers_equal(const struct fmp4_header *a, const struct fmp4_header *b)
{
        assert_int_equal(a->tracks_n, b->tracks_n);
        assert_memory_equal(a->kid, b->kid, 16);
        assert_true(bytes_equal(a->head, b->head));
        for (unsigned i = 0; i < a->tracks_n; i++)
                assert_memory_equal(&a->tracks[i], &b->tracks[i], sizeof a->tracks[i]);
}

static void test_header_round_trip(void **state)
{
        CLEANUP(buf_done) struct buf out;
        struct fmp4_header h = make_header(), back;
        struct err e;

        (void)state;
        buf_init(&out, 1 << 16);
        assert_int_equal(fmp4_write_header(&h, &out, &e), 0);
        assert_int_equal(fmp4_read_header(buf_bytes(&out), &back, &e), 0);
        assert_headers_equal(&h, &back);

        h.tracks[1].timescale = h.tracks[1].config.sample_rate = h.tracks[1].config.clock_rate =
                96000;
        buf_clear(&out);
        assert_int_equal(fmp4_write_header(&h, &out, &e), 0);
        assert_int_equal(fmp4_read_header(buf_bytes(&out), &back, &e), 0);
        assert_headers_equal(&h, &back);
}

/* The sample entry of each kind, written down by docs/spec/vault.md section 3. */
static void test_kinds_bytes(void **state)
{
        static const struct {
                const char *bytes;
                size_t n;
        } parts[] = {
#define PART(s) { s, sizeof(s) - 1 }
                /* type, data reference; of video the size; of audio channels, sample size, rate */
                PART("encv\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\2\200\1\340"),
                PART("\0\30\377\377\0\0\0\120sinf\0\0\0\14frmajpeg\0\0\0\24schm"),
                PART("enca\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0\0\1\0\20\0\0\0\0\37\100\0\0"
                     "\0\0\0\120sinf\0\0\0\14frmaulaw"),
                PART("\0\2\0\20\0\0\0\0\76\200\0\0\0\0\0\120sinf\0\0\0\14frmaalaw"),
                PART("\0\1\0\3\0\0\0\0\37\100\0\0\0\0\0\120sinf\0\0\0\14frmag726"),
                PART("\0\1\0\4\0\0\0\0\37\100\0\0\0\0\0\120sinf\0\0\0\14frmams\0\105"),
                PART("\0\2\0\20\0\0\0\0\273\200\0\0\0\0\0\23dOps\0\2\0\0\0\0\273\200\0\0\0"
                     "\0\0\0\120sinf\0\0\0\14frmaOpus"),
                PART("\0\0\0\204encm\0\0\0\0\0\0\0\1\0http://www.onvif.org/ver10/schema\0\0"
                     "\0\0\0\120sinf\0\0\0\14frmametx"),
                PART("\0\0\0\14nmhd\0\0\0\0"),
                PART("hdlr\0\0\0\0\0\0\0\0meta\0\0\0\0\0\0\0\0\0\0\0\0metadata\0"),
        };
        CLEANUP(buf_done) struct buf out;
        struct fmp4_header h = make_kinds(), back;
        size_t at = 0;

        (void)state;
        buf_init(&out, 1 << 16);
        assert_int_equal(fmp4_write_header(&h, &out, NULL), 0);
        for (size_t i = 0; i < 8; i++) { /* in the order of the tracks */
                const uint8_t *found = memmem(out.p + at, out.n - at, parts[i].bytes, parts[i].n);
                if (!found)
                        fail_msg("part %zu is not there", i);
                at = (size_t)(found - out.p) + parts[i].n;
        }
        for (size_t i = 8; i < ARRAY_LEN(parts); i++)
                assert_non_null(memmem(out.p, out.n, parts[i].bytes, parts[i].n));
        assert_int_equal(fmp4_read_header(buf_bytes(&out), &back, NULL), 0);
        assert_headers_equal(&h, &back);
}

static void test_kinds_refused(void **state)
{
        CLEANUP(buf_done) struct buf out;
        struct fmp4_header h;

        (void)state;
        buf_init(&out, 1 << 16);
#define KIND_REFUSED(change)                                                                       \
        do {                                                                                       \
                h = make_kinds();                                                                  \
                change;                                                                            \
                assert_int_equal(fmp4_write_header(&h, &out, NULL), ERR_INVALID);                  \
                assert_int_equal(out.n, 0);                                                        \
        } while (0)
        KIND_REFUSED(h.tracks[0].config.width = 0);
        KIND_REFUSED(h.tracks[0].config.parameters_n = 1);
        KIND_REFUSED(h.tracks[2].config.parameters_n = 1);
        KIND_REFUSED(h.tracks[3].config.channels = 0);
        KIND_REFUSED(h.tracks[4].config.parameters[0] = 6);
        KIND_REFUSED(h.tracks[4].config.parameters[1] = 2);
        KIND_REFUSED(h.tracks[5].config.channels = 2);
        KIND_REFUSED(h.tracks[6].config.channels = 1);
        KIND_REFUSED(h.tracks[6].config.parameters[10] = 1);
        KIND_REFUSED(h.tracks[6].config.parameters_n = 12);
        KIND_REFUSED(h.tracks[7].timescale = 0);
        KIND_REFUSED(h.tracks[7].timescale = 1000001);
        KIND_REFUSED(h.tracks[7].config.parameters_n = 1);
        KIND_REFUSED(struct fmp4_track t = h.tracks[6]; h.tracks[6] = h.tracks[7]; h.tracks[7] = t;
                     h.tracks[6].id = 7; h.tracks[7].id = 8);
}

static void test_header_layout(void **state)
{
        CLEANUP(buf_done) struct buf out;
        struct fmp4_header h = make_header();
        struct box moov, b;
        uint64_t at = 0;
        /* docs/spec/vault.md section 3. */
        static const uint32_t order[] = { T('m', 'v', 'h', 'd'), T('t', 'r', 'a', 'k'),
                T('t', 'r', 'a', 'k'), T('m', 'v', 'e', 'x'), T('p', 's', 's', 'h'),
                T('u', 'u', 'i', 'd') };
        static const uint8_t head_type[16] = { 0xc5, 0xbc, 0xa1, 0xec, 0x3e, 0xa4, 0x42, 0xc0, 0xb3,
                0x94, 0xfe, 0x62, 0x6b, 0x63, 0xc2, 0xcb };
        static const uint8_t ftyp[] = "\0\0\0\x1c"
                                      "ftypiso6\0\0\0\1iso6cmfcmp41";

        (void)state;
        buf_init(&out, 1 << 16);
        assert_int_equal(fmp4_write_header(&h, &out, NULL), 0);
        assert_memory_equal(out.p, ftyp, sizeof ftyp - 1);
        assert_int_equal(box_find(buf_bytes(&out), T('m', 'o', 'o', 'v'), &moov, NULL), 0);
        for (size_t i = 0; i < ARRAY_LEN(order); i++) {
                assert_int_equal(box_next(moov.payload, &at, &b, NULL), 1);
                assert_int_equal(b.type, order[i]);
        }
        assert_int_equal(at, moov.payload.n);
        assert_memory_equal(b.user_type, head_type, 16);
}

static void test_header_refused(void **state)
{
        CLEANUP(buf_done) struct buf out;
        struct err e;
        struct fmp4_header h;

        (void)state;
        buf_init(&out, 1 << 16);
        assert_int_equal(buf_append(&out, BYTES("x", 1), NULL), 0);
#define REFUSED(change)                                                                            \
        do {                                                                                       \
                h = make_header();                                                                 \
                change;                                                                            \
                assert_int_equal(fmp4_write_header(&h, &out, &e), ERR_INVALID);                    \
                assert_int_equal(out.n, 1);                                                        \
        } while (0)
        REFUSED(h.tracks_n = 0);
        REFUSED(h.tracks_n = 9);
        REFUSED(h.tracks[1].id = 3);
        REFUSED(h.tracks[0].config.codec = MEDIA_NONE);
        REFUSED(h.tracks[0].config.parameters_n = 0);
        REFUSED(h.tracks[0].config.parameters_n = MEDIA_PARAMETERS_MAX + 1);
        REFUSED(h.tracks[0].config.width = 65536);
        REFUSED(h.tracks[0].config.height = 0);
        REFUSED(h.tracks[0].timescale = 1000);
        REFUSED(h.tracks[1].config.sample_rate = 44100);
        REFUSED(h.tracks[1].config.channels = 0);
        REFUSED(h.tracks[1].config.parameters_n = 65);
        REFUSED(h.tracks[0] = h.tracks[1]; h.tracks[0].id = 1;
                h.tracks[1] = make_header().tracks[0]; h.tracks[1].id = 2);
        h = make_header();
        buf_done(&out);
        buf_init(&out, 500);
        assert_int_equal(fmp4_write_header(&h, &out, &e), ERR_EXHAUSTED);
        assert_int_equal(out.n, 0);
}

/* Whatever one bit becomes, it is either refused or read as another value: nothing is ignored. */
static void header_every_bit(struct fmp4_header h, unsigned values)
{
        CLEANUP(buf_done) struct buf out;
        struct fmp4_header back;
        unsigned refused = 0, other = 0;

        buf_init(&out, 1 << 16);
        assert_int_equal(fmp4_write_header(&h, &out, NULL), 0);
        for (size_t bit = 0; bit < out.n * 8; bit++) {
                out.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
                if (fmp4_read_header(buf_bytes(&out), &back, NULL) < 0) {
                        refused++;
                } else {
                        other++;
                        bool same =
                                memcmp(h.kid, back.kid, 16) == 0 && bytes_equal(h.head, back.head);
                        for (unsigned i = 0; i < h.tracks_n; i++)
                                same = same && memcmp(&h.tracks[i], &back.tracks[i],
                                                       sizeof h.tracks[i]) == 0;
                        assert_false(same);
                }
                out.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        assert_int_equal(other, values);
        assert_true(refused > 1000 * 8);
        for (size_t n = 0; n < out.n; n++)
                assert_int_equal(fmp4_read_header(BYTES(out.p, n), &back, NULL), ERR_CORRUPT);
        assert_int_equal(buf_append(&out, BYTES("\0\0\0\10free", 8), NULL), 0);
        assert_int_equal(fmp4_read_header(buf_bytes(&out), &back, NULL), ERR_CORRUPT);
}

static void test_header_every_bit(void **state)
{
        (void)state;
        /* Values: parameters, the head, the number of channels (but for 0). Structure, sizes, KIDs,
         * matrices: refused. */
        header_every_bit(make_header(), (3 + 2 + 4) * 8 + 15);
        /* Of JPEG nothing, for its size stands there twice; AAC as before; G.711 the channels; of
         * G.726 3 bits become 2, and 4 become 5; Opus: pre-skip, input rate, gain; metadata: the
         * time scale up to 1000000. */
        header_every_bit(make_kinds(), 4 * 8 + 2 * 8 + 15 + 15 + 15 + 1 + 1 + 64 + 20);
}

/* Two tracks: video with 3 samples and ranges, audio with 2 samples. */
struct sample_fragment {
        struct fmp4_fragment f;
        struct fmp4_sample video[3], audio[2];
        struct cenc_range ranges[4];
};

static void make_fragment(struct sample_fragment *s)
{
        *s = (struct sample_fragment){
                .video = { { .size = 37,
                                   .duration = 3600,
                                   .composition_offset = 7200,
                                   .key = true,
                                   .iv = 1,
                                   .ranges_n = 2,
                                   .ranges_first = 0 },
                        { .size = 21,
                                .duration = 3601,
                                .composition_offset = -3600,
                                .iv = 2,
                                .ranges_n = 1,
                                .ranges_first = 2 },
                        { .size = 6,
                                .duration = 3600,
                                .iv = 3,
                                .ranges_n = 1,
                                .ranges_first = 3 } },
                .audio = { { .size = 10, .duration = 1024, .key = true, .iv = UINT64_MAX },
                        { .size = 11, .duration = 1024, .key = true, .iv = 0 } },
                .ranges = { { 5, 16 }, { 16, 0 }, { 5, 16 }, { 6, 0 } },
        };
        s->f = (struct fmp4_fragment){ .sequence = 7, .tracks_n = 2 };
        s->f.tracks[0] = (struct fmp4_fragment_track){ .id = 1,
                .decode_time = (1ull << 40) + 5,
                .samples_n = 3,
                .samples = s->video,
                .ranges = s->ranges,
                .ranges_total = 4,
                .bytes = 64 };
        s->f.tracks[1] = (struct fmp4_fragment_track){
                .id = 2, .decode_time = 99, .samples_n = 2, .samples = s->audio, .bytes = 21
        };
}

static void assert_fragments_equal(const struct fmp4_fragment *a, const struct fmp4_fragment *b)
{
        assert_int_equal(a->sequence, b->sequence);
        assert_int_equal(a->tracks_n, b->tracks_n);
        for (unsigned i = 0; i < a->tracks_n; i++) {
                const struct fmp4_fragment_track *x = &a->tracks[i], *y = &b->tracks[i];
                assert_int_equal(x->id, y->id);
                assert_int_equal(x->decode_time, y->decode_time);
                assert_int_equal(x->bytes, y->bytes);
                assert_int_equal(x->samples_n, y->samples_n);
                assert_memory_equal(x->samples, y->samples, x->samples_n * sizeof *x->samples);
                assert_int_equal(x->ranges_total, y->ranges_total);
                for (unsigned k = 0; k < x->ranges_total; k++) {
                        assert_int_equal(x->ranges[k].clear, y->ranges[k].clear);
                        assert_int_equal(
                                x->ranges[k].protected_bytes, y->ranges[k].protected_bytes);
                }
        }
}

static void test_moof_round_trip(void **state)
{
        CLEANUP(buf_done) struct buf out;
        CLEANUP(fmp4_fragment_done) struct fmp4_fragment back = { 0 };
        struct sample_fragment s;
        struct err e;

        (void)state;
        make_fragment(&s);
        buf_init(&out, 1 << 16);
        assert_int_equal(fmp4_write_moof(&s.f, &out, &e), 0);
        assert_int_equal(fmp4_read_moof(buf_bytes(&out), &back, &e), 0);
        assert_fragments_equal(&s.f, &back);
}

/* The bytes of section 8.8.8 of ISO/IEC 14496-12 and section 7 of 23001-7, laid out by hand. */
static void test_moof_bytes(void **state)
{
        static const uint8_t expected[] = "\0\0\0\xb0moof\0\0\0\x10mfhd\0\0\0\0\0\0\0\x07"
                                          "\0\0\0\x98traf"
                                          "\0\0\0\x10tfhd\0\2\0\0\0\0\0\2"
                                          "\0\0\0\x14tfdt\1\0\0\0\0\0\0\0\0\0\0\x63"
                                          "\0\0\0\x34trun\1\0\x0f\1\0\0\0\2\0\0\0\xb8"
                                          "\0\0\4\0\0\0\0\x0a\2\0\0\0\0\0\0\0"
                                          "\0\0\4\0\0\0\0\x0b\2\0\0\0\0\0\0\0"
                                          "\0\0\0\x11saiz\0\0\0\0\x08\0\0\0\2"
                                          "\0\0\0\x14saio\0\0\0\0\0\0\0\1\0\0\0\xa0"
                                          "\0\0\0\x20senc\0\0\0\0\0\0\0\2"
                                          "\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0\0\0\0\0";
        CLEANUP(buf_done) struct buf out;
        struct sample_fragment s;

        (void)state;
        make_fragment(&s);
        s.f.tracks[0] = s.f.tracks[1];
        s.f.tracks_n = 1;
        buf_init(&out, 1 << 16);
        assert_int_equal(fmp4_write_moof(&s.f, &out, NULL), 0);
        assert_int_equal(out.n, 24 + 8 + 16 + 20 + 52 + 17 + 20 + 32);
        /* 17 bytes of saiz make the size odd: set by hand from the sum above. */
        uint8_t bytes[sizeof expected - 1];
        memcpy(bytes, expected, sizeof bytes);
        bytes[3] = 189;                                    /* moof */
        bytes[27] = 165;                                   /* traf */
        bytes[87] = 189 + 8;                               /* data offset */
        bytes[24 + 8 + 16 + 20 + 52 + 17 + 19] = 189 - 16; /* saio: the first IV */
        assert_int_equal(out.n, sizeof bytes);
        assert_memory_equal(out.p, bytes, sizeof bytes);
}

static void test_closing_moof(void **state)
{
        struct fmp4_fragment f = { .sequence = 3 };
        CLEANUP(fmp4_fragment_done) struct fmp4_fragment back = { 0 };
        CLEANUP(buf_done) struct buf out;

        (void)state;
        buf_init(&out, 100);
        assert_int_equal(fmp4_write_moof(&f, &out, NULL), 0);
        assert_int_equal(out.n, 24);
        assert_int_equal(fmp4_read_moof(buf_bytes(&out), &back, NULL), 0);
        assert_int_equal(back.tracks_n, 0);
        assert_int_equal(back.sequence, 3);
}

/* More than 40 ranges do not fit the 8-bit sizes of saiz: senc alone describes the track then. */
static void test_many_ranges(void **state)
{
        CLEANUP(buf_done) struct buf out;
        CLEANUP(fmp4_fragment_done) struct fmp4_fragment back = { 0 };
        struct cenc_range ranges[41];
        struct fmp4_sample sample = {
                .size = 41 * 21, .duration = 3600, .key = true, .ranges_n = 41
        };
        struct fmp4_fragment f = { .sequence = 1, .tracks_n = 1 };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(ranges); i++)
                ranges[i] = (struct cenc_range){ 5, 16 };
        f.tracks[0] = (struct fmp4_fragment_track){ .id = 1,
                .samples_n = 1,
                .samples = &sample,
                .ranges = ranges,
                .ranges_total = 41,
                .bytes = sample.size };
        buf_init(&out, 1 << 16);
        assert_int_equal(fmp4_write_moof(&f, &out, NULL), 0);
        assert_null(memmem(out.p, out.n, "saiz", 4));
        assert_null(memmem(out.p, out.n, "saio", 4));
        assert_int_equal(fmp4_read_moof(buf_bytes(&out), &back, NULL), 0);
        assert_fragments_equal(&f, &back);

        sample.size = 40 * 21;
        sample.ranges_n = 40;
        f.tracks[0].ranges_total = 40;
        f.tracks[0].bytes = sample.size;
        buf_clear(&out);
        assert_int_equal(fmp4_write_moof(&f, &out, NULL), 0);
        assert_non_null(memmem(out.p, out.n, "saiz", 4));
}

static void test_moof_refused(void **state)
{
        CLEANUP(buf_done) struct buf out;
        struct sample_fragment s;
        struct err e;

        (void)state;
        buf_init(&out, 1 << 16);
#define MOOF_REFUSED(change)                                                                       \
        do {                                                                                       \
                make_fragment(&s);                                                                 \
                change;                                                                            \
                assert_int_equal(fmp4_write_moof(&s.f, &out, &e), ERR_INVALID);                    \
                assert_int_equal(out.n, 0);                                                        \
        } while (0)
        MOOF_REFUSED(s.f.sequence = 0);
        MOOF_REFUSED(s.f.tracks_n = 9);
        MOOF_REFUSED(s.f.tracks[1].id = 1);
        MOOF_REFUSED(s.f.tracks[1].samples_n = 0);
        MOOF_REFUSED(s.f.tracks[1].samples_n = FMP4_FRAGMENT_SAMPLES_MAX + 1);
        MOOF_REFUSED(s.f.tracks[1].bytes = 20);
        MOOF_REFUSED(s.ranges[0].clear = 6);
        MOOF_REFUSED(s.video[1].ranges_n = 0);
        MOOF_REFUSED(s.video[1].ranges_first = 1);
        MOOF_REFUSED(s.audio[0].ranges_n = 1);
        MOOF_REFUSED(s.f.tracks[0].ranges_total = 5);
        MOOF_REFUSED(s.f.tracks[0].ranges_total = 3);
        make_fragment(&s);
        s.audio[0].size = 0x7fffffff;
        s.f.tracks[1].bytes = 0x7fffffffull + 11;
        assert_int_equal(fmp4_write_moof(&s.f, &out, &e), ERR_EXHAUSTED);
}

static void test_moof_every_bit(void **state)
{
        CLEANUP(buf_done) struct buf out;
        struct sample_fragment s;

        (void)state;
        make_fragment(&s);
        buf_init(&out, 1 << 16);
        assert_int_equal(fmp4_write_moof(&s.f, &out, NULL), 0);
        unsigned refused = 0;
        for (size_t bit = 0; bit < out.n * 8; bit++) {
                CLEANUP(fmp4_fragment_done) struct fmp4_fragment back = { 0 };
                CLEANUP(buf_done) struct buf again;
                out.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
                buf_init(&again, 1 << 16);
                if (fmp4_read_moof(buf_bytes(&out), &back, NULL) < 0) {
                        refused++;
                } else { /* another value: it says so when it is written again */
                        assert_int_equal(fmp4_write_moof(&back, &again, NULL), 0);
                        assert_true(bytes_equal(buf_bytes(&out), buf_bytes(&again)));
                }
                out.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        assert_true(refused > out.n * 8 / 2);
        for (size_t n = 0; n < out.n; n++) {
                struct fmp4_fragment back;
                assert_int_equal(fmp4_read_moof(BYTES(out.p, n), &back, NULL), ERR_CORRUPT);
        }
}

static void test_index_bytes(void **state)
{
        static const struct fmp4_index_entry entries[] = {
                { .offset = 8192,
                        .moof_offset = 8200,
                        .decode_time = 0,
                        .duration = 3600,
                        .key = true },
                { .offset = 12288,
                        .moof_offset = 12288,
                        .decode_time = 3600,
                        .duration = 1800,
                        .key = false },
        };
        static const uint8_t sidx[] = "\0\0\0\x40sidx\1\0\0\0\0\0\0\1\0\1\x5f\x90\0\0\0\0\0\0\0\0"
                                      "\0\0\0\0\0\0\x15\xc0\0\0\0\2"
                                      "\0\0\x10\0\0\0\x0e\x10\x90\0\0\0"
                                      "\0\0\x20\0\0\0\7\x08\0\0\0\0"
                                      "\0\0\5\xc0"
                                      "free";
        static const uint8_t mfra[] = "\0\0\0\x43mfra\0\0\0\x2btfra\1\0\0\0\0\0\0\1\0\0\0\0\0\0\0\1"
                                      "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x20\x08\1\1\1"
                                      "\0\0\0\x10mfro\0\0\0\0\0\0\0\x43";
        CLEANUP(buf_done) struct buf out;
        struct err e;

        (void)state;
        buf_init(&out, 1 << 16);
        /* The index space lies at 2560, sidx is 64 bytes, so the first fragment is 8192 - 2624 =
         * 5568 behind it. */
        assert_int_equal(fmp4_write_index_space(entries, 2, 90000, 2560, 20480, &out, &e), 0);
        assert_int_equal(out.n, FMP4_INDEX_SPACE);
        assert_memory_equal(out.p, sidx, sizeof sidx - 1);
        for (size_t i = sizeof sidx - 1; i < out.n; i++)
                assert_int_equal(out.p[i], 0);
        buf_clear(&out);
        assert_int_equal(fmp4_write_mfra(entries, 2, &out, &e), 0);
        assert_int_equal(out.n, sizeof mfra - 1);
        assert_memory_equal(out.p, mfra, sizeof mfra - 1);
}

static void test_index_limits(void **state)
{
        static struct fmp4_index_entry entries[FMP4_FRAGMENTS_MAX + 1];
        CLEANUP(buf_done) struct buf out;
        struct err e;

        (void)state;
        for (unsigned i = 0; i < ARRAY_LEN(entries); i++)
                entries[i] = (struct fmp4_index_entry){ .offset = 4096ull * (i + 1),
                        .moof_offset = 4096ull * (i + 1) };
        buf_init(&out, 1 << 16);
        uint64_t end = 4096ull * (FMP4_FRAGMENTS_MAX + 1);
        assert_int_equal(
                fmp4_write_index_space(entries, FMP4_FRAGMENTS_MAX, 90000, 1000, end, &out, &e), 0);
        assert_int_equal(out.n, FMP4_INDEX_SPACE);
        assert_int_equal(fmp4_write_index_space(entries, FMP4_FRAGMENTS_MAX + 1, 90000, 1000,
                                 end + 4096, &out, &e),
                ERR_INVALID);
        assert_int_equal(
                fmp4_write_index_space(entries, 0, 90000, 1000, end, &out, &e), ERR_INVALID);
        assert_int_equal(
                fmp4_write_index_space(entries, 2, 90000, 4000, end, &out, &e), ERR_INVALID);
        assert_int_equal(
                fmp4_write_index_space(entries, 2, 90000, 1000, 8192, &out, &e), ERR_INVALID);
        assert_int_equal(fmp4_write_index_space(entries, 1, 90000, 1000, 5000000000ull, &out, &e),
                ERR_INVALID);
        assert_int_equal(fmp4_write_mfra(entries, FMP4_FRAGMENTS_MAX + 1, &out, &e), ERR_INVALID);
        assert_int_equal(out.n, FMP4_INDEX_SPACE);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_header_round_trip),
                cmocka_unit_test(test_header_layout),
                cmocka_unit_test(test_kinds_bytes),
                cmocka_unit_test(test_kinds_refused),
                cmocka_unit_test(test_header_refused),
                cmocka_unit_test(test_header_every_bit),
                cmocka_unit_test(test_moof_round_trip),
                cmocka_unit_test(test_moof_bytes),
                cmocka_unit_test(test_closing_moof),
                cmocka_unit_test(test_many_ranges),
                cmocka_unit_test(test_moof_refused),
                cmocka_unit_test(test_moof_every_bit),
                cmocka_unit_test(test_index_bytes),
                cmocka_unit_test(test_index_limits),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
