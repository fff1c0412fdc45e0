/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What goes on to the writer, what is kept, and what is left out, frame by frame. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "recorder/worker_gate.h"

#define FRAME_US INT64_C(40000)
#define BYTES_OF_FRAME 100
#define BYTES_OF_PAIR (2 * sizeof(struct unit_queue_item) + BYTES_OF_FRAME + 10)
#define BEGIN_US (INT64_C(1000000) * 1000000)

static const uint8_t nothing[BYTES_OF_FRAME];

/* A camera of 25 pictures a second and a packet of sound beside each; pts counts the pictures. */
struct story {
        struct camera_connection connection;
        struct worker_gate gate;
        int gop, next;
        int64_t now_us;
        bool busy;
        int takes; /* that many, then it is busy; -1: all */
        bool refuses;
        struct media_config config;
        const struct media_config *new_config; /* of the next picture */

        /* What was passed. */
        int pictures[20000], pictures_n, sounds_n;
        uint32_t unasked[20000];
        unsigned configs; /* told with pictures */
        uint32_t dropped;
        const struct media_config *sound_config;
};

static int on_pass(void *owner, unsigned track, const struct access_unit *u, struct err *e)
{
        struct story *s = owner;

        (void)e;
        if (s->refuses)
                return ERR_INVALID;
        if (s->takes > 0)
                s->takes--;
        if (track == 1) {
                s->sounds_n++;
                s->sound_config = u->new_config;
                return 0;
        }
        s->configs += u->new_config != NULL;
        s->unasked[s->pictures_n] = u->unasked_before;
        s->pictures[s->pictures_n++] = (int)u->pts;
        return 0;
}

static bool on_busy(void *owner)
{
        struct story *s = owner;

        return s->busy || s->takes == 0;
}

static void on_dropped(void *owner, uint32_t n)
{
        struct story *s = owner;

        s->dropped += n;
}

static struct unit_budget *budget; /* of the next story */

static struct story *begin(enum message_gate gate, uint32_t keep_ms, int gop)
{
        static const struct worker_gate_events events = { on_pass, on_dropped, on_busy };
        static struct story story;
        struct story *s = &story;

        *s = (struct story){ .gop = gop, .now_us = BEGIN_US, .takes = -1 };
        s->connection = (struct camera_connection){ .tracks_n = 2,
                .tracks = { { .codec = MEDIA_H264, .width = 1 }, { .codec = MEDIA_AAC } } };
        worker_gate_init(&s->gate, &s->connection, budget, 4u << 20, &events, s);
        worker_gate_set(&s->gate, gate, keep_ms);
        worker_gate_begin(&s->gate);
        return s;
}

static void play(struct story *s, int frames)
{
        for (int i = 0; i < frames; i++) {
                struct access_unit u = { .data = BYTES(nothing, BYTES_OF_FRAME),
                        .pts = s->next,
                        .key = s->next % s->gop == 0,
                        .arrival_us = s->now_us,
                        .new_config = s->new_config };
                struct access_unit sound = {
                        .data = BYTES(nothing, 10), .key = true, .arrival_us = s->now_us + 1
                };

                (void)!worker_gate_unit(&s->gate, 0, &u, NULL);
                s->new_config = NULL;
                (void)!worker_gate_unit(&s->gate, 1, &sound, NULL);
                s->next++;
                s->now_us += FRAME_US;
        }
}

static void open_gate(struct story *s)
{
        worker_gate_set(&s->gate, MESSAGE_GATE_OPEN, 0);
        worker_gate_drain(&s->gate);
}

/* Pictures passed are from..to, none missing or twice. */
static void assert_passed(const struct story *s, int from, int to)
{
        assert_int_equal(s->pictures_n, to - from);
        for (int i = 0; i < s->pictures_n; i++)
                assert_int_equal(s->pictures[i], from + i);
}

static void end(struct story *s)
{
        worker_gate_done(&s->gate);
}

static void test_open(void **state)
{
        struct story *s = begin(MESSAGE_GATE_OPEN, 5000, 25);

        (void)state;
        assert_true(worker_gate_records(&s->gate));
        play(s, 100);
        assert_passed(s, 0, 100);
        assert_int_equal(s->sounds_n, 100);
        assert_null(s->gate.queue.head);
        end(s);
}

/* What is there when it opens: at least what was asked for, from a key frame, and not much more. */
static void test_waits_with_the_last_seconds(void **state)
{
        (void)state;
        for (int gop = 1; gop <= 250; gop = gop * 3 + 2) {
                for (int more = 0; more < gop; more += gop / 4 + 1) {
                        struct story *s = begin(MESSAGE_GATE_WAIT, 5000, gop);

                        assert_false(worker_gate_records(&s->gate));
                        play(s, 1000 + more);
                        assert_int_equal(s->pictures_n + s->sounds_n, 0);
                        open_gate(s);
                        int first = s->pictures[0];
                        assert_int_equal(first % gop, 0);
                        assert_true(first <= 1000 + more - 125);
                        /* A group whole, and as many key frames as are closer than a second. */
                        assert_true(first > 1000 + more - 125 - 2 * (gop > 25 ? gop : 25));
                        play(s, 50);
                        assert_passed(s, first, 1050 + more);
                        assert_int_equal(s->sounds_n, s->pictures_n);
                        for (int i = 0; i < s->pictures_n; i++)
                                assert_int_equal(s->unasked[i], 0); /* the gap before says it */
                        end(s);
                }
        }
}

static void test_closes_again(void **state)
{
        struct story *s = begin(MESSAGE_GATE_OPEN, 0, 25);

        (void)state;
        play(s, 30);
        worker_gate_set(&s->gate, MESSAGE_GATE_WAIT, 2000);
        play(s, 200);
        assert_passed(s, 0, 30);
        s->pictures_n = 0;
        open_gate(s);
        play(s, 1);
        assert_passed(s, 175, 231); /* nothing of it twice */
        end(s);
}

/* It opens before there is anything to keep, and in the middle of a group. */
static void test_opens_at_once(void **state)
{
        struct story *s = begin(MESSAGE_GATE_WAIT, 5000, 25);

        (void)state;
        s->next = 10;
        play(s, 5);
        assert_null(s->gate.queue.head);
        open_gate(s);
        play(s, 20);
        assert_passed(s, 15, 35); /* the writer itself waits for a key frame */
        end(s);
}

static void assert_keys(const struct story *s, int from, int step)
{
        for (int i = 0; i < s->pictures_n; i++)
                assert_int_equal(s->pictures[i], from + i * step);
}

static void test_key_frames(void **state)
{
        struct story *s = begin(MESSAGE_GATE_KEYS, 2000, 50);

        (void)state;
        assert_true(worker_gate_records(&s->gate));
        play(s, 501);
        assert_keys(s, 0, 50);
        assert_int_equal(s->pictures_n, 9); /* two seconds late: what is kept can still be whole */
        assert_int_equal(s->sounds_n, 0);
        assert_int_equal(s->unasked[0], 0);
        for (int i = 1; i < 9; i++)
                assert_int_equal(s->unasked[i], 49);
        int keys = s->pictures_n;
        open_gate(s);
        play(s, 10);
        assert_int_equal(s->pictures[keys], 450);
        assert_int_equal(s->unasked[keys], 49);
        for (int i = keys; i < s->pictures_n; i++)
                assert_int_equal(s->pictures[i], 450 + i - keys);
        assert_int_equal(s->pictures[s->pictures_n - 1], 510);
        assert_int_equal(s->sounds_n, 61);
        for (int i = keys + 1; i < s->pictures_n; i++)
                assert_int_equal(s->unasked[i], 0);

        /* And shut again, in the middle of a group. */
        int before = s->pictures_n;
        worker_gate_set(&s->gate, MESSAGE_GATE_KEYS, 2000);
        play(s, 200);
        assert_int_equal(s->pictures[before], 550);
        assert_int_equal(s->unasked[before], 550 - 511);
        end(s);
}

/* Nothing is to be kept: a key frame goes on at once. */
static void test_key_frames_alone(void **state)
{
        struct story *s = begin(MESSAGE_GATE_KEYS, 0, 50);

        (void)state;
        play(s, 101);
        assert_int_equal(s->pictures_n, 3);
        assert_keys(s, 0, 50);
        assert_null(s->gate.queue.head);
        play(s, 5);
        open_gate(s);
        /* Frames that refer to what was left out are of no use to anybody. */
        play(s, 60);
        assert_int_equal(s->pictures[3], 150);
        assert_int_equal(s->unasked[3], 49);
        assert_int_equal(s->pictures_n, 3 + 16);
        end(s);
}

/* Cameras all of whose frames are key frames (JPEG): one a second. */
static void test_key_frames_are_thinned(void **state)
{
        static const uint32_t keeps[] = { 0, 3000 };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(keeps); i++) {
                struct story *s = begin(MESSAGE_GATE_KEYS, keeps[i], 1);

                play(s, 1000);
                int seconds = 40 - (int)keeps[i] / 1000;
                assert_in_range(s->pictures_n, seconds, seconds * 11 / 10 + 1);
                for (int k = 1; k < s->pictures_n; k++) {
                        assert_in_range(s->pictures[k] - s->pictures[k - 1], 23, 25);
                        assert_int_equal(s->unasked[k], s->pictures[k] - s->pictures[k - 1] - 1);
                }
                end(s);
        }
}

static void test_key_frames_of_sound(void **state)
{
        struct story *s = begin(MESSAGE_GATE_KEYS, 1000, 1);

        (void)state;
        s->connection.tracks[0] = (struct media_config){ .codec = MEDIA_PCMU };
        worker_gate_begin(&s->gate);
        assert_false(worker_gate_records(&s->gate));
        play(s, 100);
        assert_int_equal(s->pictures_n, 0);
        end(s);
}

/* The writer can work on a few at a time: nothing is lost, and the order stays. */
static void test_drains_as_the_writer_takes_it(void **state)
{
        struct story *s = begin(MESSAGE_GATE_WAIT, 5000, 25);

        (void)state;
        play(s, 500);
        s->takes = 10;
        open_gate(s);
        assert_int_equal(s->pictures_n + s->sounds_n, 10);
        assert_true(s->gate.draining);
        s->busy = true;
        play(s, 20);
        assert_int_equal(s->pictures_n + s->sounds_n, 10);
        s->busy = false;
        s->takes = 100;
        worker_gate_drain(&s->gate);
        assert_int_equal(s->pictures_n + s->sounds_n, 110);
        s->takes = -1;
        play(s, 1);
        assert_false(s->gate.draining);
        assert_passed(s, 350, 521);
        assert_int_equal(s->sounds_n, 171);
        end(s);
}

/* What was kept goes on too when it shuts again at once, or the camera is lost. */
static void test_shuts_while_it_drains(void **state)
{
        (void)state;
        for (int lost = 0; lost < 2; lost++) {
                struct story *s = begin(MESSAGE_GATE_WAIT, 5000, 25);

                play(s, 500);
                s->takes = 3;
                open_gate(s);
                if (lost)
                        worker_gate_flush(&s->gate);
                else
                        worker_gate_set(&s->gate, MESSAGE_GATE_WAIT, 5000);
                assert_passed(s, 350, 500);
                assert_null(s->gate.queue.head);
                end(s);
        }
}

static void test_flush(void **state)
{
        struct story *s = begin(MESSAGE_GATE_KEYS, 10000, 25);

        (void)state;
        play(s, 130);
        assert_int_equal(s->pictures_n, 0);
        worker_gate_flush(&s->gate); /* the camera is lost: what was to be recorded is */
        assert_int_equal(s->pictures_n, 6);
        assert_keys(s, 0, 25);
        assert_null(s->gate.queue.head);
        end(s);

        s = begin(MESSAGE_GATE_WAIT, 10000, 25);
        play(s, 130);
        worker_gate_flush(&s->gate);
        assert_int_equal(s->pictures_n, 0);
        assert_null(s->gate.queue.head);
        play(s, 10); /* up to a key frame */
        assert_null(s->gate.queue.head);
        end(s);
}

/* Memory: the oldest groups go, whole; where one group is too much, all of it. */
static void test_memory(void **state)
{
        struct story *s = begin(MESSAGE_GATE_WAIT, 60000, 25);

        (void)state;
        s->gate.max = 100 * BYTES_OF_PAIR;
        for (int i = 0; i < 40; i++) {
                play(s, 25);
                assert_true(s->gate.queue.bytes <= s->gate.max);
        }
        assert_true(s->gate.shortened);
        open_gate(s);
        assert_passed(s, 900, 1000);
        end(s);

        s = begin(MESSAGE_GATE_WAIT, 60000, 250);
        s->gate.max = 100 * BYTES_OF_PAIR;
        play(s, 240);
        assert_null(s->gate.queue.head);
        play(s, 60);
        open_gate(s);
        assert_passed(s, 250, 300);
        end(s);

        s = begin(MESSAGE_GATE_KEYS, 60000, 25); /* key frames are recorded all the same */
        s->gate.max = 100 * BYTES_OF_PAIR;
        play(s, 1000);
        assert_int_equal(s->pictures_n, 36);
        assert_keys(s, 0, 25);
        end(s);

        /* The disk hangs while it drains: the writer decides what is dropped. */
        s = begin(MESSAGE_GATE_WAIT, 60000, 25);
        s->gate.max = 100 * BYTES_OF_PAIR;
        play(s, 100);
        s->busy = true;
        open_gate(s);
        play(s, 10);
        assert_passed(s, 0, 110);
        end(s);
}

/* Memory that others take away: of what was only kept, nothing was lost; of what was to be
 * recorded, it is told. */
static void test_shared_memory(void **state)
{
        struct unit_budget shared = { .max = 100 * BYTES_OF_PAIR };
        struct unit_queue other = { .budget = &shared };
        struct access_unit u = { .data = BYTES(nothing, BYTES_OF_FRAME), .key = true };

        (void)state;
        budget = &shared;
        struct story *s = begin(MESSAGE_GATE_WAIT, 60000, 25);
        play(s, 100);
        for (int i = 0; i < 25; i++)
                assert_true(unit_queue_push_unit(&other, 0, true, &u));
        open_gate(s);
        assert_passed(s, 25, 100);
        assert_int_equal(s->dropped, 0);
        assert_int_equal(shared.used, other.bytes);
        end(s);

        s = begin(MESSAGE_GATE_KEYS, 60000, 25);
        play(s, 85);
        for (int i = 0; i < 25; i++)
                assert_true(unit_queue_push_unit(&other, 0, true, &u));
        open_gate(s);
        assert_passed(s, 25, 85);
        assert_int_equal(s->dropped, 25);
        end(s);

        s = begin(MESSAGE_GATE_WAIT, 60000, 25);
        unit_queue_done(&other);
        play(s, 100);
        s->busy = true;
        open_gate(s);
        for (int i = 0; i < 25; i++)
                assert_true(unit_queue_push_unit(&other, 0, true, &u));
        s->busy = false;
        play(s, 1);
        assert_passed(s, 25, 101);
        assert_int_equal(s->dropped, 25);
        end(s);
        unit_queue_done(&other);
        assert_int_equal(shared.used, 0);
        budget = NULL;
}

/* A group that never ends: the sealer would not take what is that old. */
static void test_age(void **state)
{
        struct story *s = begin(MESSAGE_GATE_WAIT, 2000, 1000000);

        (void)state;
        play(s, 32 * 25);
        assert_non_null(s->gate.queue.head);
        play(s, 10);
        assert_null(s->gate.queue.head);
        end(s);

        s = begin(MESSAGE_GATE_KEYS, 2000, 1000);
        play(s, 810);
        assert_int_equal(s->pictures_n, 1);
        assert_null(s->gate.queue.head);
        play(s, 2000);
        assert_keys(s, 0, 1000);
        assert_int_equal(s->unasked[1], 999);
        end(s);
}

/* Parameter sets that change while they are not recorded. */
static void test_parameter_sets(void **state)
{
        struct story *s = begin(MESSAGE_GATE_WAIT, 1000, 25);
        struct media_config wider = { .codec = MEDIA_H264, .width = 2 };

        (void)state;
        play(s, 10);
        s->new_config = &wider;
        play(s, 10);
        assert_int_equal(s->connection.tracks[0].width, 1); /* as at the first one kept */
        play(s, 100);
        assert_int_equal(s->connection.tracks[0].width, 2);
        open_gate(s);
        assert_int_equal(s->configs, 0); /* it goes with the connection */
        end(s);

        s = begin(MESSAGE_GATE_KEYS, 1000, 25); /* the writer knows of the connection already */
        play(s, 10);
        s->new_config = &wider; /* not with a key frame */
        play(s, 10);
        assert_int_equal(s->configs, 0);
        play(s, 100);
        assert_int_equal(s->configs, 1);
        end(s);
}

/* A unit of a form that cannot be stored is dropped with what else was kept, once. */
static void test_refused(void **state)
{
        struct story *s = begin(MESSAGE_GATE_WAIT, 5000, 25);

        (void)state;
        play(s, 500);
        s->refuses = true;
        open_gate(s);
        assert_null(s->gate.queue.head);
        assert_false(s->gate.draining);
        s->refuses = false;
        play(s, 25);
        assert_passed(s, 500, 525);
        end(s);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_open),
                cmocka_unit_test(test_waits_with_the_last_seconds),
                cmocka_unit_test(test_closes_again),
                cmocka_unit_test(test_opens_at_once),
                cmocka_unit_test(test_key_frames),
                cmocka_unit_test(test_key_frames_alone),
                cmocka_unit_test(test_key_frames_are_thinned),
                cmocka_unit_test(test_key_frames_of_sound),
                cmocka_unit_test(test_drains_as_the_writer_takes_it),
                cmocka_unit_test(test_shuts_while_it_drains),
                cmocka_unit_test(test_flush),
                cmocka_unit_test(test_memory),
                cmocka_unit_test(test_shared_memory),
                cmocka_unit_test(test_age),
                cmocka_unit_test(test_parameter_sets),
                cmocka_unit_test(test_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
