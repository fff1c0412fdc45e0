/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Segments read back: their shape, torn ends, damage in the middle, content by key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "segment_builder.c"

static struct segment_builder_site *site;

static struct segment_builder *build(const char *script)
{
        struct segment_builder *b = segment_builder_new(
                &(struct segment_builder_options){ .seed = 5, .site = site, .frame_bytes = 3000 });

        segment_builder_run(b, script);
        return b;
}

static void assert_sound(const struct segment *s)
{
        struct err e = { 0 };

        for (unsigned i = 0; i < s->fragments_n; i++)
                if (segment_check_fragment(s, i, &e) < 0)
                        fail_msg("%s", e.text);
        if (segment_check_index(s, &e) < 0)
                fail_msg("%s", e.text);
}

static void test_closed(void **state)
{
        struct segment_builder *b = build("SIPPIPAAP|PIPSIPP|");
        struct segment s;

        (void)state;
        assert_int_equal(b->segments_n, 2);
        segment_builder_read(b, 0, &s);
        assert_true(s.closed);
        assert_int_equal(s.fragments_n, 4);
        assert_sound(&s);
        assert_string_equal(s.head.stream, "lobby-main");
        assert_string_equal(s.head.object_key, "lobby-main/2026-11-22/15/00-00.000Z.0.mp4");
        assert_int_equal(s.fragments[0].seal.flags, SEAL_FIRST);
        assert_int_equal(s.fragments[1].seal.tracks_n, 2);
        assert_int_equal(s.fragments[2].seal.tracks_n, 1);
        assert_int_equal(s.fragments[3].seal.flags, SEAL_LAST);
        for (unsigned i = 0; i < 4; i++) {
                assert_int_equal(s.fragments[i].offset % SEGMENT_ALIGN, 0);
                assert_int_equal(s.fragments[i].offset, b->segments[0].fragments[i].offset);
                assert_int_equal(s.fragments[i].seal.sequence, i + 1);
        }
        segment_done(&s);
        segment_builder_read(b, 1, &s); /* ends with a closing seal */
        assert_true(s.closed);
        assert_int_equal(s.fragments_n, 2);
        assert_int_equal(s.fragments[1].seal.tracks_n, 0);
        assert_int_equal(s.fragments[1].mdat.n, 0);
        assert_sound(&s);
        segment_done(&s);
        segment_builder_free(b);
}

static void test_unclosed(void **state)
{
        struct segment_builder *b = build("SIPPIPPEIPIP-");
        struct segment s;

        (void)state;
        assert_int_equal(b->segments_n, 2);
        for (unsigned i = 0; i < 2; i++) {
                segment_builder_read(b, i, &s);
                assert_false(s.closed);
                assert_int_equal(s.mfra.n, 0);
                assert_int_equal(s.fragments_n, 2);
                assert_sound(&s);
                segment_done(&s);
        }
        assert_int_equal(b->segments[1].seals[0].gaps[0].cause, SEAL_GAP_UNCLEAN_STOP);
        assert_int_equal(b->segments[1].seals[0].sequence, 1);
        assert_int_equal(b->segments[1].seals[0].previous.sequence, 2);
        segment_builder_free(b);
}

static void test_content(void **state)
{
        struct segment_builder *b = build("SIPAPAIAPPP");
        const struct segment_builder_segment *made = &b->segments[0];
        struct segment s;
        uint8_t wrong[16];
        struct err e;

        (void)state;
        segment_builder_read(b, 0, &s);
        for (uint32_t track = 1; track <= 2; track++) {
                CLEANUP(buf_done) struct buf clear;
                buf_init(&clear, 1 << 20);
                for (unsigned i = 0; i < s.fragments_n; i++)
                        assert_int_equal(segment_decrypt(&s, i, track, made->key, &clear, &e), 0);
                assert_int_equal(clear.n, made->clear[track - 1].n);
                assert_memory_equal(clear.p, made->clear[track - 1].p, clear.n);
                /* Encrypted on disk: no 16 bytes of the protected content stand in the file. */
                assert_null(memmem(s.file.p, s.file.n, clear.p + clear.n - 32, 16));
        }
        CLEANUP(buf_done) struct buf out;
        buf_init(&out, 1 << 20);
        memcpy(wrong, made->key, 16);
        wrong[15] ^= 1;
        assert_int_equal(segment_decrypt(&s, 0, 1, wrong, &out, &e), ERR_AUTH);
        assert_int_equal(segment_decrypt(&s, 0, 3, made->key, &out, &e), ERR_NOT_FOUND);
        assert_int_equal(out.n, 0);
        buf_done(&out);
        buf_init(&out, 100);
        assert_int_equal(segment_decrypt(&s, 0, 1, made->key, &out, &e), ERR_EXHAUSTED);
        segment_done(&s);
        segment_builder_free(b);
}

/* Cut anywhere: whole fragments stay readable and sound, the rest is the tail; nothing is called a
 * fault. */
static void test_torn(void **state)
{
        struct segment_builder *b = build("SIPPIPPIPP-");
        const struct segment_builder_segment *made = &b->segments[0];
        struct segment s;
        unsigned most = 0;

        (void)state;
        segment_builder_read(b, 0, &s);
        size_t header_n = s.header_bytes.n;
        uint64_t ends[3];
        for (unsigned i = 0; i < 3; i++)
                ends[i] = s.fragments[i].seal_offset + 24 + s.fragments[i].seal_payload.n;
        segment_done(&s);
        for (size_t n = 0; n <= made->file.n; n += n < header_n + 2000 || n % 4096 > 4000 ? 1 : 7) {
                uint8_t *copy = malloc(n ? n : 1); /* so that a read past the end is seen */
                memcpy(copy, made->file.p, n);
                int r = segment_read(BYTES(copy, n), &s, NULL);
                assert_int_equal(r, n < header_n ? ERR_CORRUPT : 0);
                if (r == 0) {
                        unsigned whole = (n >= ends[0]) + (n >= ends[1]) + (n >= ends[2]);
                        assert_int_equal(s.fragments_n, whole);
                        assert_int_equal(s.faults_n, 0);
                        assert_false(s.closed);
                        assert_true(s.unsealed_from <= n);
                        if (whole)
                                assert_true(s.unsealed_from >= ends[whole - 1]);
                        assert_sound(&s);
                        most = whole > most ? whole : most;
                        segment_done(&s);
                }
                free(copy);
        }
        assert_int_equal(most, 3);
        segment_builder_free(b);
}

static void test_tail_of_a_closed_one(void **state)
{
        struct segment_builder *b = build("SIPPIPP");
        struct segment_builder_segment *made = &b->segments[0];
        struct segment s;

        (void)state;
        size_t n = made->file.n;
        assert_int_equal(buf_append(&made->file, BYTES("more", 4), NULL), 0);
        assert_int_equal(segment_read(buf_bytes(&made->file), &s, NULL), 0);
        assert_true(s.closed);
        assert_int_equal(s.unsealed_from, n);
        assert_int_equal(s.faults_n, 0);
        segment_done(&s);
        assert_int_equal(segment_read(BYTES(made->file.p, n), &s, NULL), 0);
        uint64_t mfra = n - s.mfra.n, index = s.index_offset;
        segment_done(&s);
        /* sidx without mfra: somebody cut it off. */
        assert_int_equal(segment_read(BYTES(made->file.p, mfra), &s, NULL), 0);
        assert_false(s.closed);
        assert_int_equal(s.unsealed_from, mfra);
        assert_int_equal(segment_check_index(&s, NULL), ERR_CORRUPT);
        segment_done(&s);
        /* mfra without sidx. */
        CLEANUP(buf_done) struct buf empty;
        struct pack p = pack_to(&empty);
        buf_init(&empty, FMP4_INDEX_SPACE);
        box_free_space(&p, FMP4_INDEX_SPACE);
        memcpy(made->file.p + index, empty.p, empty.n);
        assert_int_equal(segment_read(BYTES(made->file.p, n), &s, NULL), 0);
        assert_false(s.closed);
        assert_int_equal(segment_check_index(&s, NULL), ERR_CORRUPT);
        segment_done(&s);
        /* Neither, as when the writer died behind the last seal: sound, and what is missing can be
         * made. */
        assert_int_equal(segment_read(BYTES(made->file.p, mfra), &s, NULL), 0);
        assert_false(s.closed);
        assert_sound(&s);
        CLEANUP(buf_done) struct buf made_index;
        buf_init(&made_index, 1 << 16);
        assert_int_equal(segment_write_index(&s, &made_index, NULL), 0);
        assert_memory_equal(made_index.p + FMP4_INDEX_SPACE, made->file.p + mfra, n - mfra);
        segment_done(&s);
        segment_builder_free(b);
}

static void fill(struct segment_builder_segment *made, unsigned fragment, int value)
{
        memset(made->file.p + made->fragments[fragment].offset, value, 600);
}

/* A fragment that cannot be read does not hide those behind it. */
static void test_damage_in_the_middle(void **state)
{
        struct segment_builder *b = build("SIPPIPPIPPIPP");
        struct segment_builder_segment *made = &b->segments[0];
        struct segment s;
        struct err e;

        (void)state;
        fill(made, 1, 0xff);
        assert_int_equal(segment_read(buf_bytes(&made->file), &s, &e), 0);
        assert_int_equal(s.fragments_n, 3);
        assert_int_equal(s.faults_n, 1);
        assert_int_equal(s.faults[0].offset, made->fragments[1].offset);
        assert_int_equal(s.faults[0].end, made->fragments[2].offset);
        assert_true(s.closed);
        assert_int_equal(s.unsealed_from, made->file.n);
        for (unsigned i = 0; i < 3; i++)
                assert_int_equal(segment_check_fragment(&s, i, &e), 0);
        assert_int_equal(segment_check_index(&s, &e), ERR_CORRUPT);
        segment_done(&s);

        fill(made, 2, 0); /* two in a row: one fault */
        assert_int_equal(segment_read(buf_bytes(&made->file), &s, &e), 0);
        assert_int_equal(s.fragments_n, 2);
        assert_int_equal(s.faults_n, 1);
        assert_int_equal(s.faults[0].end, made->fragments[3].offset);
        segment_done(&s);

        fill(made, 3, 0); /* the last one too: tail, not fault */
        assert_int_equal(segment_read(buf_bytes(&made->file), &s, &e), 0);
        assert_int_equal(s.fragments_n, 1);
        assert_int_equal(s.faults_n, 0);
        assert_int_equal(s.unsealed_from, made->fragments[1].offset);
        assert_false(s.closed);
        segment_done(&s);
        segment_builder_free(b);
}

/* Splices `with` into a copy of the file in place of n bytes at `at`, and reads it. */
static void read_spliced(const struct segment_builder_segment *made, uint64_t at, size_t n,
        struct bytes with, struct buf *copy, struct segment *ret)
{
        struct bytes file = buf_bytes(&made->file);

        buf_init(copy, BUILDER_MAX);
        assert_int_equal(buf_append(copy, bytes_sub(file, 0, at), NULL), 0);
        assert_int_equal(buf_append(copy, with, NULL), 0);
        assert_int_equal(buf_append(copy, bytes_sub(file, at + n, file.n), NULL), 0);
        assert_int_equal(segment_read(buf_bytes(copy), ret, NULL), 0);
}

static void test_inserted_boxes(void **state)
{
        struct segment_builder *b = build("SIPPIPPIPP-");
        const struct segment_builder_segment *made = &b->segments[0];
        uint64_t at = made->fragments[1].offset;
        struct segment s;

        (void)state;
        { /* an unknown box that shifts everything: stepped over */
                CLEANUP(buf_done) struct buf copy;
                read_spliced(made, at, 0, BYTES("\0\0\0\x0cskip1234", 12), &copy, &s);
                assert_int_equal(s.fragments_n, 3);
                assert_true(s.faults_n >= 1);
                assert_int_equal(s.faults[0].offset, at);
                assert_int_equal(s.faults[0].end, at + 12);
                segment_done(&s);
        }
        { /* free space that nobody reserved */
                CLEANUP(buf_done) struct buf copy;
                read_spliced(made, at, 0,
                        BYTES("\0\0\0\x0c"
                              "free\0\0\0\0",
                                12),
                        &copy, &s);
                assert_int_equal(s.fragments_n, 3);
                assert_true(s.faults_n >= 1);
                segment_done(&s);
        }
        { /* a byte that is not zero in the padding */
                CLEANUP(buf_done) struct buf copy;
                read_spliced(made, at - 1, 1, BYTES("x", 1), &copy, &s);
                assert_int_equal(s.fragments_n, 3);
                assert_int_equal(s.faults_n, 1);
                assert_non_null(strstr(s.faults[0].text, "not zero"));
                segment_done(&s);
        }
        segment_builder_free(b);
}

static void test_foreign_fragment(void **state)
{
        struct segment_builder *b = build("SIPPIPPIPPSIPPIPPIPP");
        struct segment_builder_segment *one = &b->segments[0], *two = &b->segments[1];
        struct segment s;

        (void)state;
        assert_int_equal(two->fragments[1].offset, one->fragments[1].offset);
        size_t n = one->fragments[2].offset - one->fragments[1].offset;
        memcpy(one->file.p + one->fragments[1].offset, two->file.p + two->fragments[1].offset, n);
        assert_int_equal(segment_read(buf_bytes(&one->file), &s, NULL), 0);
        assert_int_equal(s.fragments_n, 2);
        assert_int_equal(s.faults_n, 1);
        assert_non_null(strstr(s.faults[0].text, "another segment"));
        segment_done(&s);
        segment_builder_free(b);
}

static void test_too_many_fragments(void **state)
{
        CLEANUP(buf_done) struct buf copy;
        char script[2 * FMP4_FRAGMENTS_MAX + 4] = "S";
        struct segment s;

        (void)state;
        for (int i = 0; i < FMP4_FRAGMENTS_MAX; i++)
                strcat(script, "I");
        strcat(script, "-");
        struct segment_builder *b = build(script);
        const struct segment_builder_segment *made = &b->segments[0];
        segment_builder_read(b, 0, &s);
        assert_int_equal(s.fragments_n, FMP4_FRAGMENTS_MAX);
        segment_done(&s);
        uint64_t last = made->fragments[FMP4_FRAGMENTS_MAX - 1].offset;
        read_spliced(made, made->file.n, 0, bytes_sub(buf_bytes(&made->file), last, made->file.n),
                &copy, &s);
        assert_int_equal(s.fragments_n, FMP4_FRAGMENTS_MAX);
        assert_int_equal(s.faults_n, 1);
        segment_done(&s);
        segment_builder_free(b);
}

/* More faults than are kept are counted all the same. */
static void test_many_faults(void **state)
{
        char script[2 * FMP4_FRAGMENTS_MAX + 4] = "S";
        struct segment s;

        (void)state;
        for (int i = 0; i < 80; i++)
                strcat(script, "I");
        struct segment_builder *b = build(script);
        struct segment_builder_segment *made = &b->segments[0];
        for (unsigned i = 1; i < 80; i++)
                made->file.p[made->fragments[i].offset - 1] = 1;
        assert_int_equal(segment_read(buf_bytes(&made->file), &s, NULL), 0);
        assert_int_equal(s.faults_n, 79);
        assert_int_equal(s.faults[63].end, made->fragments[64].offset);
        segment_done(&s);
        segment_builder_free(b);
}

static void test_padding(void **state)
{
        (void)state;
        assert_int_equal(segment_padding(0), 0);
        assert_int_equal(segment_padding(4096), 0);
        assert_int_equal(segment_padding(1), 4095);
        assert_int_equal(segment_padding(4088), 8);
        assert_int_equal(segment_padding(4089), 7 + 4096);
        assert_int_equal(segment_padding(4095), 1 + 4096);
}

static void test_front_free(void **state)
{
        struct segment_builder *b = segment_builder_new(
                &(struct segment_builder_options){ .seed = 8, .site = site, .front_free = 200 });
        struct segment s;

        (void)state;
        segment_builder_run(b, "SIPPIPP|IP-");
        segment_builder_read(b, 0, &s);
        assert_sound(&s);
        segment_done(&s);
        segment_builder_run(b, "SIPPIPP|IP");
        segment_builder_read(b, 1, &s);
        assert_sound(&s);
        assert_int_equal(s.fragments[0].moof.p - s.file.p, (ptrdiff_t)s.fragments[0].offset + 200);
        segment_done(&s);
        segment_builder_free(b);
}

static void test_deterministic(void **state)
{
        struct segment_builder *a = build("SIPA"), *b = build("SIPA");
        struct segment s, t;

        (void)state;
        segment_builder_read(a, 0, &s);
        segment_builder_read(b, 0, &t);
        assert_true(bytes_equal(s.header_bytes, t.header_bytes));
        assert_true(bytes_equal(s.fragments[0].moof, t.fragments[0].moof));
        assert_true(bytes_equal(s.fragments[0].mdat, t.fragments[0].mdat));
        segment_done(&s);
        segment_done(&t);
        segment_builder_free(a);
        segment_builder_free(b);
}

static int setup(void **state)
{
        (void)state;
        site = segment_builder_site_new("test");
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        site = segment_builder_site_free(site);
        return 0;
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_closed),
                cmocka_unit_test(test_unclosed),
                cmocka_unit_test(test_content),
                cmocka_unit_test(test_torn),
                cmocka_unit_test(test_tail_of_a_closed_one),
                cmocka_unit_test(test_damage_in_the_middle),
                cmocka_unit_test(test_inserted_boxes),
                cmocka_unit_test(test_foreign_fragment),
                cmocka_unit_test(test_too_many_fragments),
                cmocka_unit_test(test_many_faults),
                cmocka_unit_test(test_padding),
                cmocka_unit_test(test_front_free),
                cmocka_unit_test(test_deterministic),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
