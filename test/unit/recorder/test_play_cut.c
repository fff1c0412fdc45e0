/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a player shows of segments that are whole, damaged, out of their order, or not all there.
 * What comes is written down as one letter for each thing: H header, K a fragment that begins with
 * a key frame, f another, (cause) a gap.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>

#include "base/str.h"
#include "recorder/play_cut.h"
#include "segment_builder.c"
#include "tamper.c"

#define STREAM "lobby-main"
#define FOREVER (INT64_MAX / 4)

static struct {
        struct segment_builder *b;
        struct play_cut cut;
        char seen[256];
        struct buf data;                   /* of all fragments */
        int64_t gap_from_us, gap_until_us; /* of the last gap */
        int64_t last_us;
        struct play_cut_thing thing;
} t;

static void begin_of(const char *stream, const struct segment_builder_site *site)
{
        t.b = segment_builder_new(
                &(struct segment_builder_options){ .seed = 1, .stream = stream, .site = site });
        play_cut_init(&t.cut, STREAM, t.b->site->fingerprint);
        t.cut.until_us = FOREVER;
        t.seen[0] = '\0';
        t.last_us = 0;
        buf_init(&t.data, 64u << 20);
        buf_init(&t.thing.front, 1u << 20);
        buf_init(&t.thing.data, 16u << 20);
}

static int begin(void **state)
{
        (void)state;
        begin_of(STREAM, NULL);
        return 0;
}

static int end(void **state)
{
        (void)state;
        play_cut_done(&t.cut);
        segment_builder_free(t.b);
        buf_done(&t.data);
        buf_done(&t.thing.front);
        buf_done(&t.thing.data);
        return 0;
}

static void note_gap(struct bytes text)
{
        json_t *gap = json_loadb((const char *)text.p, text.n, 0, NULL);
        const char *from, *to, *cause;
        size_t n = strlen(t.seen);

        assert_int_equal(json_unpack_ex(gap, NULL, JSON_STRICT, "{s:s, s:s, s:s}", "from", &from,
                                 "to", &to, "cause", &cause),
                0);
        assert_int_equal(str_parse_time(from, &t.gap_from_us, NULL), 0);
        assert_int_equal(str_parse_time(to, &t.gap_until_us, NULL), 0);
        assert_true(t.gap_from_us <= t.gap_until_us);
        snprintf(t.seen + n, sizeof t.seen - n, "(%s)", cause);
        json_decref(gap);
}

static void note(void)
{
        const struct media_message *m = &t.thing.message;
        size_t n = strlen(t.seen);

        if (m->kind == MEDIA_MESSAGE_GAP) {
                note_gap(buf_bytes(&t.thing.front));
                return;
        }
        assert_true(m->time_us >= t.last_us);
        t.last_us = m->time_us;
        bool key = m->flags & MEDIA_MESSAGE_KEY;
        char letter = m->kind == MEDIA_MESSAGE_HEADER ? 'H' : key ? 'K' : 'f';
        snprintf(t.seen + n, sizeof t.seen - n, "%c", letter);
        assert_int_equal(buf_append(&t.data, buf_bytes(&t.thing.data), NULL), 0);
}

/* As the player does it. */
static void feed(unsigned i, const struct buf *file)
{
        struct bytes seal;
        struct err e;
        int r;

        if (play_cut_open(&t.cut, buf_bytes(file), &seal, &e) <= 0) {
                play_cut_missed(&t.cut, "damaged");
                return;
        }
        play_cut_set_key(&t.cut, t.b->segments[i].key);
        while ((r = play_cut_next(&t.cut, &t.thing, &e)) != 0) {
                if (r > 0)
                        note();
                else
                        play_cut_missed(&t.cut, "damaged");
        }
        play_cut_close(&t.cut);
}

static void feed_all(void)
{
        for (unsigned i = 0; i < t.b->segments_n; i++)
                feed(i, &t.b->segments[i].file);
}

static void seen(const char *what)
{
        struct err e;

        if (play_cut_last(&t.cut, &t.thing, &e) > 0)
                note();
        assert_string_equal(t.seen, what);
}

/* Of both tracks of a segment, or of its first fragments: what came is what was encrypted. */
static void shown(const struct segment_builder_segment *s, unsigned track)
{
        assert_true(s->clear[track].n > 0);
        assert_non_null(memmem(t.data.p, t.data.n, s->clear[track].p, s->clear[track].n));
}

static void all_of_it(void **state)
{
        (void)state;
        segment_builder_run(t.b, "SIPPIPPSIPPIPP");
        feed_all();
        seen("(start)HKKKK");
        shown(&t.b->segments[0], 0);
        shown(&t.b->segments[1], 0);
}

/* Fragments that touch it, whole. */
static void of_the_asked_time(void **state)
{
        (void)state;
        segment_builder_run(t.b, "SIPPIPPSIPPIPP");
        t.cut.from_us = t.b->segments[0].seals[1].last_arrival_us;
        t.cut.until_us = t.b->segments[1].seals[0].first_arrival_us;
        feed_all();
        seen("HKK");
        assert_int_equal(t.last_us, t.b->segments[1].seals[0].first_arrival_us);
}

static void a_segment_of_another_time_is_none(void **state)
{
        struct bytes seal;

        (void)state;
        segment_builder_run(t.b, "SIPPIPP");
        t.cut.until_us = t.b->segments[0].seals[0].first_arrival_us - 1;
        assert_int_equal(play_cut_open(&t.cut, buf_bytes(&t.b->segments[0].file), &seal, NULL), 0);
        seen("");
}

/* Sound comes, goes and stays; metadata is not shown. */
static void header_where_it_is_another(void **state)
{
        (void)state;
        segment_builder_run(t.b, "SIPP");
        segment_builder_run(t.b, "SIPPAA");
        segment_builder_run(t.b, "SIPPAA");
        segment_builder_run(t.b, "SIPP");
        feed_all();
        seen("(start)HKHKKHK");
        shown(&t.b->segments[1], 1);
}

static void key_frames_alone(void **state)
{
        (void)state;
        t.cut.keys_only = true;
        segment_builder_run(t.b, "SIPPAAPP|PPAAIPPAA");
        feed_all();
        seen("(start)HKK");
        const struct segment_builder_segment *s = &t.b->segments[0];
        assert_true(t.data.n < s->clear[0].n / 2);
        assert_memory_equal(t.data.p, s->clear[0].p, t.data.n / 2);
}

static void sealed_gaps(void **state)
{
        (void)state;
        segment_builder_run(t.b, "SIPPGIPPEIPPNKIPP");
        feed_all();
        seen("(start)HK(camera lost)K(unclean stop)K(not asked for)(not asked for)KK");
}

static void flipped(unsigned segment, unsigned fragment, uint64_t at)
{
        struct buf file = tamper_copy(&t.b->segments[segment].file);

        tamper_flip(&file, 8 * (t.b->segments[segment].fragments[fragment].offset + at));
        feed(segment, &file);
        buf_done(&file);
}

static void a_bit_of_a_fragment(void **state)
{
        const struct segment_builder_segment *s;

        (void)state;
        segment_builder_run(t.b, "SIPPIPP|PPIPPIPP");
        s = &t.b->segments[0];
        /* In its first box, and in the last bytes in front of its seal's signature. */
        for (uint64_t at = 40; at < 1200; at += 290) {
                play_cut_done(&t.cut);
                play_cut_init(&t.cut, STREAM, t.b->site->fingerprint);
                t.cut.until_us = FOREVER;
                t.seen[0] = '\0';
                t.last_us = 0;
                flipped(0, 1, at);
                seen("(start)HK(damaged)KK"); /* behind it with a key frame: one goes with it */
                assert_int_equal(t.gap_from_us, s->seals[0].last_arrival_us);
                assert_int_equal(t.gap_until_us, s->seals[3].first_arrival_us);
        }
}

/* Its bytes are those of its seal, and the seal is nobody's. */
static void a_seal_that_was_not_signed(void **state)
{
        struct segment s;

        (void)state;
        segment_builder_run(t.b, "SIPPIPPIPP");
        segment_builder_read(t.b, 0, &s);
        struct bytes payload = s.fragments[1].seal_payload;
        struct buf file = tamper_copy(&t.b->segments[0].file);
        tamper_flip(&file, 8 * (uint64_t)(payload.p + payload.n - 1 - t.b->segments[0].file.p));
        feed(0, &file);
        seen("(start)HK(damaged)K");
        segment_done(&s);
        buf_done(&file);
}

static void the_last_fragment(void **state)
{
        (void)state;
        segment_builder_run(t.b, "SIPPIPPIPP");
        t.cut.until_us = t.b->segments[0].seals[2].last_arrival_us;
        flipped(0, 2, 300);
        seen("(start)HKK(damaged)");
        assert_int_equal(t.gap_until_us, t.cut.until_us);
}

static void edited(void (*edit)(const struct segment_builder_segment *s, struct buf *file))
{
        struct buf file = tamper_copy(&t.b->segments[0].file);

        edit(&t.b->segments[0], &file);
        feed(0, &file);
        buf_done(&file);
}

static void drop(const struct segment_builder_segment *s, struct buf *file)
{
        tamper_drop(s, file, 1);
}

static void swap(const struct segment_builder_segment *s, struct buf *file)
{
        tamper_swap(s, file, 1, 2);
}

static void twice(const struct segment_builder_segment *s, struct buf *file)
{
        tamper_insert(file, s->fragments[2].offset, tamper_fragment(s, 1));
}

static void a_fragment_that_was_taken_out(void **state)
{
        (void)state;
        segment_builder_run(t.b, "SIPPIPPIPPIPP");
        edited(drop);
        seen("(start)HK(damaged)KK");
}

/* Neither twice, nor in another order: only what is behind what was shown. */
static void fragments_out_of_order(void **state)
{
        (void)state;
        segment_builder_run(t.b, "SIPPIPPIPPIPP");
        edited(swap);
        seen("(start)HK(damaged)K(damaged)K");
        t.seen[0] = '\0';
        play_cut_done(&t.cut);
        play_cut_init(&t.cut, STREAM, t.b->site->fingerprint);
        t.cut.until_us = FOREVER;
        t.last_us = 0;
        edited(twice);
        seen("(start)HKK(damaged)KK");
}

static void a_segment_twice(void **state)
{
        (void)state;
        segment_builder_run(t.b, "SIPPIPPSIPP");
        feed(0, &t.b->segments[0].file);
        feed(0, &t.b->segments[0].file);
        feed(1, &t.b->segments[1].file);
        seen("(start)HKK(damaged)K");
}

/* With its own cause, not with that of the hole which it leaves; one that nobody missed is one. */
static void a_segment_that_is_not_there(void **state)
{
        (void)state;
        segment_builder_run(t.b, "SIPPSIPPSIPPSIPPSIPP");
        feed(0, &t.b->segments[0].file);
        play_cut_missed(&t.cut, "unavailable");
        feed(2, &t.b->segments[2].file);
        feed(4, &t.b->segments[4].file);
        seen("(start)HK(unavailable)K(damaged)K");
}

static void nothing_at_all(void **state)
{
        (void)state;
        t.cut.from_us = 1000000;
        t.cut.until_us = 9000000;
        play_cut_missed(&t.cut, "unavailable");
        seen("(unavailable)");
        assert_int_equal(t.gap_from_us, t.cut.from_us);
        assert_int_equal(t.gap_until_us, t.cut.until_us);
}

/* A segment of another site, of another stream, and no segment. */
static void not_what_was_asked_for(void **state)
{
        struct segment_builder *other =
                segment_builder_new(&(struct segment_builder_options){ .seed = 2 });
        struct segment_builder *yard = segment_builder_new(&(struct segment_builder_options){
                .seed = 3, .stream = "yard-main", .site = t.b->site });
        struct bytes seal;
        struct err e;

        (void)state;
        segment_builder_run(other, "SIPPIPP");
        segment_builder_run(yard, "SIPPIPP");
        assert_true(play_cut_open(&t.cut, buf_bytes(&other->segments[0].file), &seal, &e) <= 0);
        assert_int_equal(
                play_cut_open(&t.cut, buf_bytes(&yard->segments[0].file), &seal, &e), ERR_DENIED);
        assert_true(play_cut_open(&t.cut, bytes_str("no segment"), &seal, &e) < 0);
        assert_int_equal(play_cut_next(&t.cut, &t.thing, &e), 0);
        segment_builder_free(other);
        segment_builder_free(yard);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(all_of_it, begin, end),
                cmocka_unit_test_setup_teardown(of_the_asked_time, begin, end),
                cmocka_unit_test_setup_teardown(a_segment_of_another_time_is_none, begin, end),
                cmocka_unit_test_setup_teardown(header_where_it_is_another, begin, end),
                cmocka_unit_test_setup_teardown(key_frames_alone, begin, end),
                cmocka_unit_test_setup_teardown(sealed_gaps, begin, end),
                cmocka_unit_test_setup_teardown(a_bit_of_a_fragment, begin, end),
                cmocka_unit_test_setup_teardown(a_seal_that_was_not_signed, begin, end),
                cmocka_unit_test_setup_teardown(the_last_fragment, begin, end),
                cmocka_unit_test_setup_teardown(a_fragment_that_was_taken_out, begin, end),
                cmocka_unit_test_setup_teardown(fragments_out_of_order, begin, end),
                cmocka_unit_test_setup_teardown(a_segment_twice, begin, end),
                cmocka_unit_test_setup_teardown(a_segment_that_is_not_there, begin, end),
                cmocka_unit_test_setup_teardown(nothing_at_all, begin, end),
                cmocka_unit_test_setup_teardown(not_what_was_asked_for, begin, end),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
