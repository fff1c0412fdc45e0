/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Clocks that lie, in a recording: cameras whose time stamps stand still or creep, clocks that are
 * off by years. A gap "clock step" says that a clock was stepped, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/stat.h>

#include "vault_owner.c"

#define SECOND INT64_C(1000000)
#define YEAR (365 * 86400 * SECOND)

/* A camera of 5 pictures a second, a key frame each second, and sound where it has it. */
struct source {
        struct vault_owner *o;
        bool sound;
        unsigned frames;
        int64_t pts, step; /* of the pictures' stamps */
        int64_t sound_pts, sound_step;
        int64_t sender_off_us; /* the camera's clock minus ours; SEAL_UNKNOWN_US: no reports */
        struct buf frame;
};

static struct source source_begin(bool sound)
{
        static struct media_config tracks[2];
        struct source s = { .o = vault_owner_new(SECOND, 60 * SECOND, 0),
                .sound = sound,
                .pts = 5000,
                .step = 18000,
                .sound_step = 9600,
                .sender_off_us = SEAL_UNKNOWN_US };

        tracks[0] = vault_owner_h264;
        tracks[1] = vault_owner_aac;
        buf_init(&s.frame, 1 << 20);
        vault_owner_begin(s.o, tracks, sound ? 2 : 1, SEAL_GAP_START);
        return s;
}

static void push(struct source *s, unsigned track, struct access_unit u)
{
        struct err e;

        u.arrival_us = s->o->now_us;
        u.sender_us =
                s->sender_off_us == SEAL_UNKNOWN_US ? INT64_MIN : u.arrival_us + s->sender_off_us;
        if (segment_writer_push(s->o->writer, track, &u, &e) < 0)
                fail_msg("%s", e.text);
        if (s->o->sealed_n > s->o->written_n + 1)
                vault_owner_settle(s->o);
}

static void play(struct source *s, unsigned frames)
{
        static const uint8_t sound[40];

        for (unsigned i = 0; i < frames; i++, s->frames++) {
                bool key = s->frames % 5 == 0;

                vault_owner_frame(s->frames + 1, key, key ? 900 : 200, &s->frame);
                push(s, 0,
                        (struct access_unit){
                                .data = buf_bytes(&s->frame), .pts = s->pts, .key = key });
                s->pts += s->step;
                if (s->sound)
                        push(s, 1,
                                (struct access_unit){ .data = BYTES(sound, sizeof sound),
                                        .pts = s->sound_pts,
                                        .key = true });
                s->sound_pts += s->sound_step;
                s->o->now_us += SECOND / 5;
        }
}

/* Ends it; counts the gaps of a cause in all seals, and checks that arrivals ascend. */
static unsigned finish(struct source *s, unsigned cause, int64_t *ret_longest_us)
{
        unsigned n = 0;
        int64_t last = 0;

        vault_owner_stop(s->o);
        assert_int_equal(s->o->refused_n + s->o->faults_n, 0);
        for (unsigned i = 0; i < s->o->segments_n; i++) {
                struct vault_owner_file f;

                if (s->o->segments[i].unused)
                        continue;
                vault_owner_read(s->o, i, &f);
                int64_t first = f.segment.fragments[0].seal.first_arrival_us;
                for (unsigned k = 0; k < f.segment.fragments_n; k++) {
                        const struct seal *seal = &f.segment.fragments[k].seal;
                        for (unsigned g = 0; g < seal->gaps_n; g++)
                                n += seal->gaps[g].cause == cause;
                        assert_true(seal->first_arrival_us >= last);
                        last = seal->last_arrival_us;
                }
                if (ret_longest_us && last - first > *ret_longest_us)
                        *ret_longest_us = last - first;
                vault_owner_file_done(&f);
        }
        vault_owner_free(s->o);
        buf_done(&s->frame);
        return n;
}

/* Time stamps that never change: nobody's clock was stepped, and segments still end. */
static void test_stamps_stand_still(void **state)
{
        (void)state;
        for (int sound = 0; sound < 2; sound++) {
                struct source s = source_begin(sound);
                int64_t longest = 0;

                s.step = 0;
                play(&s, 5 * 300);
                assert_int_equal(finish(&s, SEAL_GAP_CLOCK_STEP, &longest), 0);
                assert_true(longest <= 62 * SECOND);
        }
}

/* And sound's, beside pictures that go on. */
static void test_sounds_stamps_stand_still(void **state)
{
        struct source s = source_begin(true);

        (void)state;
        s.sound_step = 0;
        play(&s, 5 * 150);
        assert_int_equal(finish(&s, SEAL_GAP_CLOCK_STEP, NULL), 0);
}

/* Stamps at half and at double speed. */
static void test_stamps_creep_and_run(void **state)
{
        static const int64_t steps[] = { 1, 9000, 17990, 18010, 36000 };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
                struct source s = source_begin(true);

                s.step = steps[i];
                play(&s, 5 * 150);
                assert_int_equal(finish(&s, SEAL_GAP_CLOCK_STEP, NULL), 0);
        }
}

/* A camera's clock is stored as the camera says it, years off or not; whoever reads it sees how far
 * it was off, and that it drifts. */
static void test_the_cameras_clock_is_stored_as_it_is(void **state)
{
        static const int64_t offs[] = { -25 * YEAR, 40 * YEAR, 0, -1, SEAL_UNKNOWN_US };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(offs); i++) {
                struct source s = source_begin(true);
                struct vault_owner_file f;

                for (unsigned k = 0; k < 10; k++) {
                        s.sender_off_us = offs[i];
                        if (offs[i] != SEAL_UNKNOWN_US)
                                s.sender_off_us += (int64_t)k * 100;
                        play(&s, 5);
                }
                vault_owner_settle(s.o);
                vault_owner_read(s.o, 0, &f);
                assert_true(f.segment.fragments_n >= 8);
                for (unsigned k = 0; k < f.segment.fragments_n; k++) {
                        const struct seal *seal = &f.segment.fragments[k].seal;
                        if (offs[i] == SEAL_UNKNOWN_US)
                                assert_true(seal->sender_us == SEAL_UNKNOWN_US);
                        else
                                assert_int_equal(seal->sender_us - seal->first_arrival_us,
                                        offs[i] + (int64_t)k * 100);
                }
                vault_owner_file_done(&f);
                assert_int_equal(finish(&s, SEAL_GAP_CLOCK_STEP, NULL), 0);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_stamps_stand_still),
                cmocka_unit_test(test_sounds_stamps_stand_still),
                cmocka_unit_test(test_stamps_creep_and_run),
                cmocka_unit_test(test_the_cameras_clock_is_stored_as_it_is),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
