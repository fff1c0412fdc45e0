/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Stories of tampering with one segment file, see test/lib/tamper.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "segment_builder.c"
#include "tamper.c"

#define MEDIA "IPPIPPIPPIPPIPP" /* five fragments */

struct story {
        struct segment_builder *b;
        struct buf file; /* what is verified */
        struct verdict v;
        char said[TAMPER_ROOM];
        int overall;
};

static void story_begin_at(struct story *s, const char *script, uint64_t seed, const char *stream)
{
        *s = (struct story){ 0 };
        s->b = segment_builder_new(
                &(struct segment_builder_options){ .seed = seed, .stream = stream });
        segment_builder_run(s->b, script);
        s->file = tamper_copy(&s->b->segments[0].file);
}

static void story_begin(struct story *s, const char *script)
{
        story_begin_at(s, script, 1, NULL);
}

static int story_verify(struct story *s, const uint8_t *trust)
{
        struct verify_options o = { .trust = trust };
        struct err e = { 0 };
        /* Exactly as large as the file, so that a read past its end is seen. */
        uint8_t *p = malloc(s->file.n ? s->file.n : 1);

        if (s->file.n)
                memcpy(p, s->file.p, s->file.n);
        verdict_done(&s->v);
        int r = verify_bytes(BYTES(p, s->file.n), "evidence.mp4", &o, &s->v, &e);
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

/* What is said with the right fingerprint. */
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

static struct segment_builder_segment *segment(struct story *s)
{
        return &s->b->segments[0];
}

static void test_untouched(void **state)
{
        static const char *const scripts[] = { MEDIA, "IAPPAIPAPIPPA", "IP|IP|IPP|", "IPPGIPP",
                "IPP", MEDIA "-", "IPP|-" };
        static const char *const letters[] = { "aaaaa", "aaa", "aaaa", "aa", "a", "aaaaa", "a" };
        struct story s;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
                story_begin_at(&s, scripts[i], i + 1, NULL);
                expect(&s, letters[i], 0);
                story_end(&s);
        }
}

static void test_gap_is_told(void **state)
{
        struct story s;

        (void)state;
        story_begin(&s, "IPPGIPP");
        expect(&s, "aa", 0);
        assert_true(tamper_says(&s.v, VERDICT_GAP, "camera lost"));
        assert_true(tamper_says(&s.v, VERDICT_NOTE, "complete from seal 1 of epoch"));
        story_end(&s);
}

static unsigned gaps_told(const struct story *s)
{
        unsigned n = 0;

        for (size_t i = 0; i < s->v.items_n; i++)
                n += s->v.items[i].kind == VERDICT_GAP;
        return n;
}

/* What nobody asked for is no fault, and is said once for all key frames that stand alone. */
static void test_not_asked_is_told(void **state)
{
        struct story s;

        (void)state;
        story_begin(&s, "IPPNIPPKPKPKPIPPKP");
        expect(&s, "aaaaaaa", 0);
        assert_true(
                tamper_says(&s.v, VERDICT_GAP, "not asked for: nothing was to be recorded then"));
        assert_true(tamper_says(&s.v, VERDICT_GAP,
                "not asked for: key frames alone were to be recorded, 72 others left out"));
        assert_true(tamper_says(&s.v, VERDICT_GAP,
                "not asked for: key frames alone were to be recorded, 24 others left out"));
        assert_int_equal(gaps_told(&s), 4); /* and the beginning */
        assert_true(tamper_says(&s.v, VERDICT_NOTE, "complete from seal 1 of epoch"));
        story_end(&s);

        /* It explains no hole: the seals of what was taken out are missing all the same. */
        story_begin(&s, "IPPNIPPIPP");
        tamper_cut(&s.file, segment(&s)->fragments[1].offset, segment(&s)->fragments[2].offset);
        expect(&s, "ama", 1);
        story_end(&s);
}

/* Whose is it? The same bytes, with the right fingerprint, with none, and with another. */
static void test_trust(void **state)
{
        struct story s;
        uint8_t other[32] = { 1 };

        (void)state;
        story_begin(&s, MEDIA);
        expect(&s, "aaaaa", 0);
        assert_memory_equal(s.v.fingerprint, s.b->site->fingerprint, 32);
        assert_int_equal(story_verify(&s, NULL), 0);
        assert_string_equal(s.said, "ccccc");
        assert_int_equal(s.overall, 2);
        assert_memory_equal(s.v.fingerprint, s.b->site->fingerprint, 32);
        assert_int_equal(story_verify(&s, other), 0);
        assert_string_equal(s.said, "kkkkk");
        assert_int_equal(s.overall, 1);
        story_end(&s);
}

/* A site of the same name, made by somebody else, that signs everything again. */
static void test_same_named_site(void **state)
{
        struct segment_builder_site *own = segment_builder_site_new("museum"),
                                    *copy = segment_builder_site_new("museum");
        struct segment_builder *b =
                segment_builder_new(&(struct segment_builder_options){ .seed = 1, .site = copy });
        struct verdict v;
        struct err e = { 0 };

        (void)state;
        segment_builder_run(b, MEDIA);
        verdict_init(&v);
        struct bytes file = buf_bytes(&b->segments[0].file);
        assert_int_equal(verify_bytes(file, "x.mp4", &(struct verify_options){ 0 }, &v, &e), 0);
        assert_int_equal(verdict_overall(&v), 2);
        verdict_done(&v);
        assert_int_equal(verify_bytes(file, "x.mp4",
                                 &(struct verify_options){ .trust = own->fingerprint }, &v, &e),
                0);
        assert_int_equal(verdict_overall(&v), 1);
        assert_true(v.kinds[VERDICT_KEY_NOT_TRUSTED] > 0);
        assert_int_equal(v.kinds[VERDICT_AUTHENTIC], 0);
        verdict_done(&v);
        segment_builder_free(b);
        segment_builder_site_free(own);
        segment_builder_site_free(copy);
}

static void test_drop(void **state)
{
        static const char *const letters[] = { "maaaa", "amaaa", "aamaa", "aaama", "aaaat" };
        struct story s;

        (void)state;
        for (unsigned i = 0; i < 5; i++) {
                story_begin(&s, MEDIA);
                tamper_drop(segment(&s), &s.file, i);
                assert_int_equal(story_verify(&s, s.b->site->fingerprint), 0);
                assert_int_equal(s.overall, 1);
                assert_true(tamper_is_located(&s.v));
                if (i == 0)
                        assert_true(tamper_says(&s.v, VERDICT_REMOVED, "begins with fragment 2"));
                else if (i < 4)
                        assert_string_equal(s.said, letters[i]);
                else
                        assert_true(tamper_says(
                                &s.v, VERDICT_TRUNCATED, "5 fragments; the end behind fragment 4"));
                assert_int_equal(s.v.kinds[VERDICT_EDITED], 0);
                story_end(&s);
        }
        story_begin(&s, MEDIA);
        tamper_drop(segment(&s), &s.file, 3);
        tamper_drop(segment(&s), &s.file, 2);
        expect(&s, "aamma", 1);
        assert_true(tamper_says(&s.v, VERDICT_REMOVED, "are missing (2)"));
        story_end(&s);
}

static void test_swap(void **state)
{
        struct story s;

        (void)state;
        story_begin(&s, MEDIA);
        tamper_swap(segment(&s), &s.file, 1, 2);
        expect(&s, "aaraa", 1);
        assert_int_equal(s.v.kinds[VERDICT_EDITED] + s.v.kinds[VERDICT_REMOVED], 0);
        story_end(&s);
        story_begin(&s, MEDIA);
        tamper_swap(segment(&s), &s.file, 0, 3);
        expect(&s, "raara", 1);
        story_end(&s);
}

static void test_replay(void **state)
{
        struct story s;

        (void)state;
        for (unsigned to = 1; to < 5; to++) {
                story_begin(&s, MEDIA);
                tamper_insert(&s.file, segment(&s)->fragments[to].offset,
                        tamper_fragment(segment(&s), 0));
                expect(&s, "daaaa", 1);
                story_end(&s);
        }
}

/* A fragment from another segment of the stream, and one from another site. */
static void test_splice(void **state)
{
        struct story s, other;

        (void)state;
        story_begin(&s, MEDIA "S" MEDIA);
        tamper_insert(
                &s.file, segment(&s)->fragments[2].offset, tamper_fragment(&s.b->segments[1], 2));
        assert_int_equal(story_verify(&s, s.b->site->fingerprint), 0);
        assert_int_equal(s.overall, 1);
        assert_true(tamper_says(
                &s.v, VERDICT_FOREIGN, "fragment 3 of another segment, stream lobby-main"));
        story_end(&s);

        story_begin(&s, MEDIA);
        story_begin_at(&other, MEDIA, 77, "door-main");
        tamper_drop(segment(&s), &s.file, 2);
        tamper_insert(
                &s.file, segment(&s)->fragments[2].offset, tamper_fragment(segment(&other), 2));
        assert_int_equal(story_verify(&s, s.b->site->fingerprint), 0);
        assert_int_equal(s.overall, 1);
        assert_true(
                tamper_says(&s.v, VERDICT_FOREIGN, "stream door-main, sealed by somebody else"));
        assert_string_equal(s.said, "aafaa");
        story_end(&other);
        story_end(&s);
}

/* Fragments and all certificates of one site under the header of another. */
static void test_other_header(void **state)
{
        struct story s, other;

        (void)state;
        story_begin(&s, MEDIA);
        story_begin_at(&other, MEDIA, 9, NULL);
        uint64_t from = segment(&s)->fragments[0].offset,
                 other_from = segment(&other)->fragments[0].offset;
        tamper_cut(&s.file, 0, from);
        tamper_insert(&s.file, 0, bytes_sub(buf_bytes(&other.file), 0, other_from));
        assert_int_equal(story_verify(&s, s.b->site->fingerprint), 0);
        assert_int_equal(s.overall, 1);
        assert_int_equal(s.v.kinds[VERDICT_AUTHENTIC], 0);
        story_end(&other);
        story_end(&s);
}

static void test_truncate(void **state)
{
        struct story s;

        (void)state;
        story_begin(&s, MEDIA);
        size_t whole = s.file.n, step = whole / 61;
        /* Down to nothing: never authentic, always said to be truncated. */
        for (size_t n = whole - 1; n > 0; n = n > step ? n - step : 0) {
                s.file.n = n;
                int r = story_verify(&s, s.b->site->fingerprint);
                if (n < 12) {
                        assert_int_equal(r, ERR_INVALID); /* nothing tells what it was */
                        continue;
                }
                assert_int_equal(r, 0);
                if (s.overall != 1 || !s.v.kinds[VERDICT_TRUNCATED]) {
                        print_error("cut to %zu of %zu\n", n, whole);
                        tamper_print(&s.v);
                        fail();
                }
        }
        story_end(&s);
}

/* A segment that is being written ends anywhere: what is sealed stays authentic, the rest is no
 * fault but not proved. */
static void test_open_tail(void **state)
{
        struct story s;

        (void)state;
        story_begin(&s, MEDIA "-");
        uint64_t last = segment(&s)->fragments[4].offset;
        struct segment read;
        segment_builder_read(s.b, 0, &read);
        uint64_t sealed = read.fragments[4].seal_offset + 24 + read.fragments[4].seal_payload.n;
        segment_done(&read);
        for (unsigned i = 1; i < 24; i++) {
                s.file.n = last + i * (segment(&s)->file.n - last) / 24;
                expect(&s, s.file.n < sealed ? "aaaa." : "aaaaa", 2);
                assert_true(tamper_says(&s.v, VERDICT_CANNOT_TELL, "not sealed (yet)"));
        }
        s.file.n = last;
        expect(&s, "aaaa.", 0);
        assert_true(tamper_says(&s.v, VERDICT_NOTE, "what came behind seal 4"));
        story_end(&s);
}

static void flip_at(const char *script, unsigned fragment, const char *part, const char *letters,
        enum verdict_kind kind)
{
        struct story s;

        story_begin(&s, script);
        const struct segment_builder_segment *seg = segment(&s);
        uint64_t at = 0;
        struct segment read;
        segment_builder_read(s.b, 0, &read);
        if (strcmp(part, "moof") == 0)
                at = seg->fragments[fragment].moof_offset + 60;
        else if (strcmp(part, "mdat") == 0)
                at = (uint64_t)(read.fragments[fragment].mdat.p - read.file.p) + 100;
        else if (strcmp(part, "seal") == 0)
                at = read.fragments[fragment].seal_offset + 100;
        else if (strcmp(part, "signature") == 0)
                at = read.fragments[fragment].seal_offset + 24 +
                     read.fragments[fragment].seal_payload.n - 5;
        else if (strcmp(part, "padding") == 0)
                at = read.fragments[fragment].end - 3;
        else if (strcmp(part, "box") == 0)
                at = seg->fragments[fragment].moof_offset + 2;
        else if (strcmp(part, "mfra") == 0)
                at = s.file.n - 10;
        else if (strcmp(part, "sidx") == 0)
                at = read.index_offset + 40;
        else if (strcmp(part, "source") == 0)
                at = (uint64_t)((const uint8_t *)memmem(s.file.p, s.file.n, "lobby.example", 13) -
                                s.file.p);
        else
                fail();
        segment_done(&read);
        tamper_flip(&s.file, at * 8);
        expect(&s, letters, 1);
        if (!s.v.kinds[kind] || !tamper_is_located(&s.v)) {
                tamper_print(&s.v);
                fail();
        }
        story_end(&s);
}

static void test_flip(void **state)
{
        static const char *const parts[] = { "moof", "mdat", "seal", "signature", "padding",
                "box" };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
                flip_at(MEDIA, 2, parts[i], "aaeaa", VERDICT_EDITED);
                flip_at(MEDIA "-", 1, parts[i], "aeaaa", VERDICT_EDITED);
        }
        flip_at(MEDIA, 0, "mfra", "eeeee", VERDICT_EDITED);
        flip_at(MEDIA, 0, "sidx", "eeeee", VERDICT_EDITED);
        flip_at(MEDIA, 0, "source", "eeeee", VERDICT_EDITED);
}

/* Bytes that were never sealed, wherever they are put. */
static void test_added(void **state)
{
        static const uint8_t box[] = { 0, 0, 0, 16, 'u', 'd', 't', 'a', 1, 2, 3, 4, 5, 6, 7, 8 };
        static const uint8_t zeros[] = { 0, 0, 0, 12, 'f', 'r', 'e', 'e', 0, 0, 0, 0 };
        struct story s;

        (void)state;
        for (unsigned i = 0; i < 7; i++) {
                story_begin(&s, MEDIA);
                uint64_t at = i < 5 ? segment(&s)->fragments[i].offset : i == 5 ? s.file.n : 0;
                tamper_insert(&s.file, at, BYTES(box, sizeof box));
                assert_int_equal(story_verify(&s, s.b->site->fingerprint), 0);
                assert_int_equal(s.overall, 1);
                story_end(&s);
                story_begin(&s, MEDIA);
                tamper_insert(&s.file, at, BYTES(zeros, sizeof zeros));
                assert_int_equal(story_verify(&s, s.b->site->fingerprint), 0);
                assert_int_equal(s.overall, 1);
                story_end(&s);
        }
}

static void test_not_ours(void **state)
{
        struct verdict v;
        struct err e = { 0 };

        (void)state;
        verdict_init(&v);
        assert_int_equal(
                verify_bytes(bytes_str("hello"), "x", &(struct verify_options){ 0 }, &v, &e),
                ERR_INVALID);
        assert_int_equal(verify_bytes(BYTES(NULL, 0), "x", &(struct verify_options){ 0 }, &v, &e),
                ERR_INVALID);
        verdict_done(&v);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_untouched),
                cmocka_unit_test(test_gap_is_told),
                cmocka_unit_test(test_not_asked_is_told),
                cmocka_unit_test(test_trust),
                cmocka_unit_test(test_same_named_site),
                cmocka_unit_test(test_drop),
                cmocka_unit_test(test_swap),
                cmocka_unit_test(test_replay),
                cmocka_unit_test(test_splice),
                cmocka_unit_test(test_other_header),
                cmocka_unit_test(test_truncate),
                cmocka_unit_test(test_open_tail),
                cmocka_unit_test(test_flip),
                cmocka_unit_test(test_added),
                cmocka_unit_test(test_not_ours),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
