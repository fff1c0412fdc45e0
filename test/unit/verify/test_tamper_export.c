/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Stories of tampering with a clear export, see test/lib/tamper.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "segment_builder.c"
#include "export_builder.c"
#include "tamper.c"
#include "media/box.h"

#define FILM "IAPPIPAPIPPASIPPAIPAPIPP" /* two segments of three fragments */

struct story {
        struct segment_builder *b;
        struct buf file;
        struct verdict v;
        char said[TAMPER_ROOM];
        int overall;
};

static void story_begin_with(
        struct story *s, const char *script, const struct export_builder_options *o)
{
        *s = (struct story){ 0 };
        s->b = segment_builder_new(&(struct segment_builder_options){ .seed = 1 });
        segment_builder_run(s->b, script);
        s->file = export_builder_make(s->b, o);
}

static void story_begin(struct story *s)
{
        story_begin_with(s, FILM, &(struct export_builder_options){ 0 });
}

static int story_verify(struct story *s, const uint8_t *trust)
{
        struct err e = { 0 };
        uint8_t *p = malloc(s->file.n ? s->file.n : 1);

        if (s->file.n)
                memcpy(p, s->file.p, s->file.n);
        verdict_done(&s->v);
        int r = verify_bytes(BYTES(p, s->file.n), "film.mp4",
                &(struct verify_options){ .trust = trust }, &s->v, &e);
        free(p);
        tamper_letters(s->b, &s->v, s->said);
        s->overall = verdict_overall(&s->v);
        return r;
}

static void story_end(struct story *s)
{
        verdict_done(&s->v);
        buf_done(&s->file);
        segment_builder_free(s->b);
}

static void expect(struct story *s, const char *letters, int overall)
{
        assert_int_equal(story_verify(s, s->b->site->fingerprint), 0);
        if (strcmp(s->said, letters) != 0 || s->overall != overall) {
                print_error(
                        "said %s (%d), expected %s (%d)\n", s->said, s->overall, letters, overall);
                tamper_print(&s->v);
                fail();
        }
}

/* Not authentic, and every fault has a place. */
static void expect_edited(struct story *s, const char *what)
{
        int r = story_verify(s, s->b->site->fingerprint);

        if (r != 0 || s->overall != 1 || !tamper_is_located(&s->v)) {
                print_error("%s: %d, overall %d\n", what, r, s->overall);
                tamper_print(&s->v);
                fail();
        }
}

static void test_untouched(void **state)
{
        static const struct export_builder_part middle[] = { { 0, 1, 2 }, { 1, 0, 2 } };
        struct story s;

        (void)state;
        story_begin(&s);
        expect(&s, "aaa|aaa", 0);
        assert_int_equal(story_verify(&s, NULL), 0);
        assert_string_equal(s.said, "ccc|ccc");
        assert_int_equal(s.overall, 2);
        story_end(&s);
        story_begin_with(&s, FILM, &(struct export_builder_options){ .without_audio = true });
        expect(&s, "aaa|aaa", 0);
        assert_true(tamper_says(&s.v, VERDICT_NOTE, "without sound"));
        story_end(&s);
        /* From within a segment to within another. */
        story_begin_with(
                &s, FILM, &(struct export_builder_options){ .parts = middle, .parts_n = 2 });
        expect(&s, ".aa|aa.", 0);
        story_end(&s);
        story_begin_with(&s, "IPP|GIPPEIPP", &(struct export_builder_options){ 0 });
        expect(&s, "aa|a", 0);
        assert_true(tamper_says(&s.v, VERDICT_GAP, "camera lost"));
        assert_true(tamper_says(&s.v, VERDICT_GAP, "unclean stop"));
        story_end(&s);
}

/* What an exporter who leaves things out, or mixes them, would write: everything else computed
 * anew. */
static void test_parts(void **state)
{
        static const struct export_builder_part hole[] = { { 0, 0, 1 }, { 0, 2, 1 }, { 1, 0, 3 } };
        static const struct export_builder_part no_end[] = { { 0, 0, 2 }, { 1, 0, 3 } };
        static const struct export_builder_part swapped[] = { { 1, 0, 3 }, { 0, 0, 3 } };
        static const struct export_builder_part twice[] = { { 0, 0, 3 }, { 1, 0, 3 }, { 1, 0, 3 } };
        struct story s;

        (void)state;
        story_begin_with(&s, FILM, &(struct export_builder_options){ .parts = hole, .parts_n = 3 });
        expect(&s, "ama|aaa", 1);
        story_end(&s);
        story_begin_with(
                &s, FILM, &(struct export_builder_options){ .parts = no_end, .parts_n = 2 });
        expect(&s, "aam|aaa", 1);
        story_end(&s);
        story_begin_with(
                &s, FILM, &(struct export_builder_options){ .parts = swapped, .parts_n = 2 });
        assert_int_equal(story_verify(&s, s.b->site->fingerprint), 0);
        assert_int_equal(s.overall, 1);
        assert_true(s.v.kinds[VERDICT_REORDERED] > 0);
        assert_int_equal(s.v.kinds[VERDICT_EDITED] + s.v.kinds[VERDICT_REMOVED], 0);
        story_end(&s);
        story_begin_with(
                &s, FILM, &(struct export_builder_options){ .parts = twice, .parts_n = 3 });
        expect(&s, "aaa|ddd", 1);
        story_end(&s);
}

/* Evidence and samples changed by hand in the same way: fragment boxes moved within their segment.
 */
struct frag_place {
        uint64_t box, box_n, data, data_n;
};

static void find_frags(struct story *s, struct frag_place *places, unsigned n)
{
        const struct segment_builder_segment *seg = &s->b->segments[0];
        struct bytes file = buf_bytes(&s->file);
        uint64_t at = 0;
        struct box b, child;

        while (box_next(file, &at, &b, NULL) > 0 && b.type != BOX_TYPE('m', 'd', 'a', 't'))
                ;
        uint64_t data = b.offset + 16;
        while (box_next(file, &at, &b, NULL) > 0 && b.type != BOX_TYPE('u', 'u', 'i', 'd'))
                ;
        uint64_t inner = 1, frag = 0;
        unsigned i = 0;
        struct box segm;
        while (box_next(b.payload, &inner, &segm, NULL) > 0 &&
                segm.type != BOX_TYPE('s', 'e', 'g', 'm'))
                ;
        while (i < n && box_next(segm.payload, &frag, &child, NULL) > 0) {
                if (child.type != BOX_TYPE('f', 'r', 'a', 'g'))
                        continue;
                uint64_t bytes = 0;
                for (unsigned t = 0; t < seg->seals[i].tracks_n; t++)
                        bytes += seg->seals[i].tracks[t].bytes;
                places[i++] = (struct frag_place){ (uint64_t)(child.whole.p - file.p),
                        child.whole.n, data, bytes };
                data += bytes;
        }
        assert_int_equal(i, n);
}

static void swap_ranges(struct buf *file, uint64_t a, uint64_t a_n, uint64_t b, uint64_t b_n)
{
        struct buf first, second;

        buf_init(&first, 1 << 20);
        buf_init(&second, 1 << 20);
        assert_int_equal(buf_append(&first, bytes_sub(buf_bytes(file), a, a_n), NULL), 0);
        assert_int_equal(buf_append(&second, bytes_sub(buf_bytes(file), b, b_n), NULL), 0);
        tamper_cut(file, b, b + b_n);
        tamper_insert(file, b, buf_bytes(&first));
        tamper_cut(file, a, a + a_n);
        tamper_insert(file, a, buf_bytes(&second));
        buf_done(&first);
        buf_done(&second);
}

static void test_moved_by_hand(void **state)
{
        struct frag_place f[3];
        struct story s;

        (void)state;
        story_begin(&s);
        find_frags(&s, f, 3);
        swap_ranges(&s.file, f[1].box, f[1].box_n, f[2].box, f[2].box_n);
        swap_ranges(&s.file, f[1].data, f[1].data_n, f[2].data, f[2].data_n);
        expect_edited(&s, "swapped"); /* the tables of moov are those of the other order */
        assert_true(s.v.kinds[VERDICT_REORDERED] > 0);
        story_end(&s);

        story_begin(&s);
        find_frags(&s, f, 3);
        swap_ranges(&s.file, f[1].data, f[1].data_n, f[2].data, f[2].data_n);
        expect(&s, "aee|aaa", 1);
        story_end(&s);
}

static uint64_t box_place(struct buf *file, const char *type)
{
        const uint8_t *hit = memmem(file->p, file->n, type, 4);

        assert_non_null(hit);
        return (uint64_t)(hit - file->p) - 4;
}

/* Any value of the boxes that a player reads, changed: named, and never authentic. */
static void test_front(void **state)
{
        static const struct {
                const char *box;
                unsigned at; /* in the box */
                const char *named;
        } edits[] = {
                { "ftyp", 14, "ftyp" },
                { "mvhd", 31, "moov/mvhd" },
                { "tkhd", 43, "moov/trak/tkhd" },
                { "tkhd", 92, "moov/trak/tkhd" },
                { "elst", 23, "moov/trak/edts/elst" },
                { "elst", 31, "moov/trak/edts/elst" },
                { "mdhd", 31, "moov/trak/mdia/mdhd" },
                { "hdlr", 17, "moov/trak/mdia/hdlr" },
                { "stsd", 40, "moov/trak/mdia/minf/stbl/stsd" },
                { "stts", 23, "moov/trak/mdia/minf/stbl/stts" },
                { "stss", 19, "moov/trak/mdia/minf/stbl/stss" },
                { "stsc", 23, "moov/trak/mdia/minf/stbl/stsc" },
                { "stsz", 23, "moov/trak/mdia/minf/stbl/stsz" },
                { "co64", 23, "moov/trak/mdia/minf/stbl/co64" },
                { "avcC", 12, "moov/trak/mdia/minf/stbl/stsd" },
        };
        struct story s;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(edits); i++) {
                story_begin(&s);
                s.file.p[box_place(&s.file, edits[i].box) + edits[i].at] ^= 1;
                expect_edited(&s, edits[i].box);
                if (!tamper_says(&s.v, VERDICT_EDITED, edits[i].named)) {
                        tamper_print(&s.v);
                        fail();
                }
                /* The pictures themselves are still compared. */
                assert_string_equal(s.said, "eee|eee");
                story_end(&s);
        }
}

/* A box more: anywhere, with all sizes around it put right. */
static void grow_box(struct buf *file, uint64_t at, uint32_t n)
{
        uint32_t size = (uint32_t)file->p[at] << 24 | (uint32_t)file->p[at + 1] << 16 |
                        (uint32_t)file->p[at + 2] << 8 | file->p[at + 3];

        size += n;
        for (int i = 0; i < 4; i++)
                file->p[at + i] = (uint8_t)(size >> (24 - 8 * i));
}

static void test_added_boxes(void **state)
{
        static const uint8_t udta[] = { 0, 0, 0, 16, 'u', 'd', 't', 'a', 0, 0, 0, 8, 'f', 'r', 'e',
                'e' };
        struct bytes box = BYTES(udta, sizeof udta);
        struct story s;

        (void)state;
        story_begin(&s); /* in moov */
        uint64_t moov = box_place(&s.file, "moov"), mvhd = box_place(&s.file, "mvhd");
        tamper_insert(&s.file, mvhd, box);
        grow_box(&s.file, moov, (uint32_t)box.n);
        expect_edited(&s, "in moov");
        story_end(&s);
        story_begin(&s); /* between moov and mdat */
        tamper_insert(&s.file, box_place(&s.file, "mdat"), box);
        expect_edited(&s, "before mdat");
        story_end(&s);
        story_begin(&s); /* behind the evidence */
        tamper_insert(&s.file, s.file.n, box);
        expect_edited(&s, "at the end");
        story_end(&s);
        story_begin(&s); /* before everything */
        tamper_insert(&s.file, 0, box);
        expect_edited(&s, "at the beginning");
        story_end(&s);
        story_begin(&s); /* in the evidence */
        uint64_t rnge = box_place(&s.file, "rnge");
        tamper_insert(&s.file, rnge, box);
        expect_edited(&s, "in the evidence");
        story_end(&s);
        story_begin(&s); /* samples nobody stated */
        tamper_insert(&s.file, box_place(&s.file, "mdat") + 16, box);
        expect_edited(&s, "in mdat");
        story_end(&s);
}

static void test_evidence(void **state)
{
        static const struct {
                const char *box;
                int at;
        } edits[] = { { "rnge", 12 }, { "rnge", 24 }, { "shdr", 60 }, { "skey", 10 },
                { "moof", 30 }, { "trun", 20 }, { "senc", 20 }, { "frag", 2 }, { "segm", 2 },
                { "skey", 5 } };
        struct story s;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(edits); i++) {
                story_begin(&s);
                uint64_t evidence = box_place(&s.file, "rnge");
                const uint8_t *hit =
                        memmem(s.file.p + evidence, s.file.n - evidence, edits[i].box, 4);
                assert_non_null(hit);
                s.file.p[hit - 4 + edits[i].at - s.file.p] ^= 1;
                expect_edited(&s, edits[i].box);
                story_end(&s);
        }
        /* A key that was not the sealed one, although everything else is consistent with it, is
         * named. */
        story_begin(&s);
        s.file.p[box_place(&s.file, "skey") + 10] ^= 1;
        expect(&s, "eee|aaa", 1);
        assert_true(tamper_says(&s.v, VERDICT_EDITED, "the key in the evidence"));
        story_end(&s);
}

static void test_samples(void **state)
{
        struct frag_place f[3];
        struct story s;

        (void)state;
        story_begin(&s);
        find_frags(&s, f, 3);
        s.file.p[f[1].data + 50] ^= 0x80;
        expect(&s, "aea|aaa", 1);
        assert_true(tamper_says(&s.v, VERDICT_EDITED, "the picture is not the one"));
        story_end(&s);
        story_begin(&s);
        find_frags(&s, f, 3);
        s.file.p[f[1].data + f[1].data_n - 3] ^= 0x80;
        expect(&s, "aea|aaa", 1);
        assert_true(tamper_says(&s.v, VERDICT_EDITED, "the sound is not the one"));
        story_end(&s);
}

static void test_truncate(void **state)
{
        struct story s;

        (void)state;
        story_begin(&s);
        size_t whole = s.file.n;
        for (size_t n = whole - 1; n > 28; n = n > whole / 53 ? n - whole / 53 : 0) {
                s.file.n = n;
                assert_int_equal(story_verify(&s, s.b->site->fingerprint), 0);
                if (s.overall != 1 || !s.v.kinds[VERDICT_TRUNCATED]) {
                        print_error("cut to %zu of %zu\n", n, whole);
                        tamper_print(&s.v);
                        fail();
                }
        }
        story_end(&s);
}

/* Two exports of two sites glued into one, each part good by itself. */
static void test_two_sites(void **state)
{
        struct story s, other;
        struct err e = { 0 };
        struct evidence ev;
        struct segment a, b;

        (void)state;
        story_begin_with(&s, "IPPIPP", &(struct export_builder_options){ 0 });
        other = (struct story){ .b = segment_builder_new(
                                        &(struct segment_builder_options){ .seed = 2 }) };
        segment_builder_run(other.b, "IPPIPP");
        buf_init(&other.file, 1);
        segment_builder_read(s.b, 0, &a);
        segment_builder_read(other.b, 0, &b);
        evidence_init(&ev);
        ev.from_us = SEAL_UNKNOWN_US;
        ev.to_us = INT64_MAX;
        const struct segment *parts[] = { &a, &b };
        const uint8_t *keys[] = { s.b->segments[0].key, other.b->segments[0].key };
        for (unsigned i = 0; i < 2; i++) {
                assert_int_equal(evidence_add_segment(&ev, parts[i]->header_bytes, keys[i], &e), 0);
                for (unsigned j = 0; j < parts[i]->fragments_n; j++)
                        assert_int_equal(evidence_add_fragment(&ev, parts[i]->fragments[j].moof,
                                                 parts[i]->fragments[j].seal_payload, &e),
                                0);
        }
        buf_clear(&s.file);
        assert_int_equal(evidence_write_front(&ev, &s.file, &e), 0);
        for (unsigned i = 0; i < 2; i++)
                for (unsigned j = 0; j < parts[i]->fragments_n; j++)
                        assert_int_equal(segment_decrypt(parts[i], j, 1, keys[i], &s.file, &e), 0);
        assert_int_equal(evidence_write_back(&ev, &s.file, &e), 0);
        evidence_done(&ev);
        segment_done(&a);
        segment_done(&b);
        expect_edited(&s, "two sites");
        assert_true(s.v.kinds[VERDICT_KEY_NOT_TRUSTED] > 0 && s.v.kinds[VERDICT_EDITED] == 0);
        assert_int_equal(story_verify(&s, NULL), 0);
        assert_int_equal(s.overall, 1);
        assert_true(s.v.kinds[VERDICT_FOREIGN] > 0);
        story_end(&s);
        story_end(&other);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_untouched),
                cmocka_unit_test(test_parts),
                cmocka_unit_test(test_moved_by_hand),
                cmocka_unit_test(test_front),
                cmocka_unit_test(test_added_boxes),
                cmocka_unit_test(test_evidence),
                cmocka_unit_test(test_samples),
                cmocka_unit_test(test_truncate),
                cmocka_unit_test(test_two_sites),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
