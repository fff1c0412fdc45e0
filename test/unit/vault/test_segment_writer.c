/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/stat.h>

#include "vault_source.c"

static void test_segments_and_fragments(void **state)
{
        struct vault_owner *o = vault_owner_new(SECOND, 4 * SECOND, 0);
        struct source s;

        (void)state;
        source_init(&s, o, 25, true);
        vault_owner_begin(o, both(), 2, SEAL_GAP_START);
        play(&s, 25 * 13);
        vault_owner_stop(o);
        assert_int_equal(o->refused_n, 0);
        assert_int_equal(o->faults_n, 0);
        assert_int_equal(o->segments_n - o->unused_n, 4); /* 4, 4, 4 and 1 seconds */
        assert_int_equal(o->written_n, 13);
        assert_recorded(&s);
        assert_chain(o);
        for (unsigned i = 0; i < 4; i++) {
                struct vault_owner_file f;
                vault_owner_read(o, i, &f);
                assert_true(f.segment.closed);
                assert_int_equal(f.segment.unsealed_from, f.bytes.n);
                assert_int_equal(f.segment.fragments_n, i < 3 ? 4 : 1);
                for (unsigned k = 0; k < f.segment.fragments_n; k++)
                        assert_true(begins_with_key(&f.segment.fragments[k]));
                assert_int_equal(f.segment.header.tracks_n, 2);
                assert_string_equal(f.segment.head.object_key, o->segments[i].object_key);
                assert_string_equal(f.segment.head.source, "rtsps://192.0.2.7/main");
                assert_true(!!gap_of(&f.segment, 0, SEAL_GAP_START) == (i == 0));
                vault_owner_file_done(&f);
        }
        assert_true(o->last_report.last);
        source_done(&s);
        vault_owner_free(o);
}

/* Answers that come from the loop, as over channels, and blocks of many sizes. */
static void test_answers_come_later(void **state)
{
        struct vault_owner *o = vault_owner_new(500000, 5 * SECOND, 0);
        struct source s;

        (void)state;
        o->later = true;
        source_init(&s, o, 12, true);
        vault_owner_begin(o, both(), 2, SEAL_GAP_START);
        for (unsigned i = 0; i < 300; i++) {
                s.frame_bytes = 20 + i * 131 % 30000;
                push_frame(&s, true);
                uv_run(loop_uv(o->loop), UV_RUN_NOWAIT);
        }
        vault_owner_stop(o);
        assert_int_equal(o->refused_n + o->faults_n, 0);
        assert_recorded(&s);
        assert_chain(o);
        source_done(&s);
        vault_owner_free(o);
}

static void test_long_group_is_cut(void **state)
{
        struct vault_owner *o = vault_owner_new(SECOND, 20 * SECOND, 0);
        struct vault_owner_file f;
        struct source s;

        (void)state;
        source_init(&s, o, 25 * 70, false);
        vault_owner_begin(o, both(), 1, SEAL_GAP_START);
        play(&s, 25 * 65);
        vault_owner_stop(o);
        assert_int_equal(o->refused_n + o->faults_n, 0);
        assert_recorded(&s);
        assert_chain(o);
        vault_owner_read(o, 0, &f);
        assert_int_equal(
                f.segment.fragments_n, 30); /* of 2 s: a minute, though 20 s were asked for */
        assert_true(begins_with_key(&f.segment.fragments[0]));
        vault_owner_file_done(&f);
        vault_owner_read(o, 1, &f);
        assert_false(begins_with_key(&f.segment.fragments[0]));
        assert_int_equal(f.segment.fragments[0].seal.gaps_n, 0);
        vault_owner_file_done(&f);
        source_done(&s);
        vault_owner_free(o);
}

static void test_new_parameters_open_a_segment(void **state)
{
        struct vault_owner *o = vault_owner_new(SECOND, 60 * SECOND, 0);
        struct media_config larger = vault_owner_h264;
        struct vault_owner_file f;
        struct source s;

        (void)state;
        larger.width = 1280;
        larger.parameters[8] = 0x27;
        source_init(&s, o, 25, true);
        vault_owner_begin(o, both(), 2, SEAL_GAP_START);
        play(&s, 50);
        s.new_config = &vault_owner_h264; /* the same: no reason */
        play(&s, 25);
        s.new_config = &larger;
        play(&s, 30);
        vault_owner_stop(o);
        assert_int_equal(o->segments_n - o->unused_n, 2);
        assert_recorded(&s);
        vault_owner_read(o, 0, &f);
        assert_int_equal(f.segment.fragments_n, 3);
        assert_true(f.segment.closed);
        vault_owner_file_done(&f);
        vault_owner_read(o, 1, &f);
        assert_int_equal(f.segment.header.tracks[0].config.width, 1280);
        assert_int_equal(f.segment.header.tracks[0].config.parameters[8], 0x27);
        assert_int_equal(f.segment.fragments[0].seal.gaps_n, 0);
        vault_owner_file_done(&f);
        source_done(&s);
        vault_owner_free(o);
}

static void test_stamps_jump(void **state)
{
        static const int64_t jumps[] = { 20 * 90000, -5 * 90000 };
        struct vault_owner *o = vault_owner_new(SECOND, 60 * SECOND, 0);
        struct source s;

        (void)state;
        source_init(&s, o, 25, true);
        vault_owner_begin(o, both(), 2, SEAL_GAP_START);
        play(&s, 60);
        for (size_t i = 0; i < ARRAY_LEN(jumps); i++) {
                s.pts += jumps[i];
                play(&s, 60);
        }
        vault_owner_stop(o);
        assert_int_equal(o->refused_n + o->faults_n, 0);
        assert_int_equal(o->segments_n - o->unused_n, 3);
        assert_recorded(&s); /* nothing is lost, though the jump is not at a key frame */
        assert_chain(o);
        for (unsigned i = 1; i < o->segments_n; i++) {
                struct vault_owner_file f;
                if (o->segments[i].unused)
                        continue;
                vault_owner_read(o, i, &f);
                assert_non_null(gap_of(&f.segment, 0, SEAL_GAP_CLOCK_STEP));
                assert_int_equal(f.segment.fragments[0].seal.tracks[0].decode_time, 0);
                vault_owner_file_done(&f);
        }
        source_done(&s);
        vault_owner_free(o);
}

/* The recorder's clock is set back by an hour. */
static void test_clock_set_back(void **state)
{
        struct vault_owner *o = vault_owner_new(SECOND, 60 * SECOND, 0);
        const struct seal_gap *gap;
        struct vault_owner_file f;
        struct source s;

        (void)state;
        source_init(&s, o, 25, true);
        vault_owner_begin(o, both(), 2, SEAL_GAP_START);
        play(&s, 40);
        o->now_us -= 3600 * SECOND;
        play(&s, 40);
        vault_owner_stop(o);
        assert_int_equal(o->refused_n + o->faults_n, 0);
        assert_recorded(&s);
        assert_chain(o);
        vault_owner_read(o, 1, &f);
        gap = gap_of(&f.segment, 0, SEAL_GAP_CLOCK_STEP);
        assert_non_null(gap);
        assert_true(gap->to_us == gap->from_us - 3600 * SECOND + 40000);
        vault_owner_file_done(&f);
        source_done(&s);
        vault_owner_free(o);
}

/* Nobody saw the clock go back: everything had ended meanwhile. */
static void test_clock_set_back_over_a_restart(void **state)
{
        struct vault_owner *o = vault_owner_new(SECOND, 60 * SECOND, 0);
        const struct seal_gap *gap;
        struct vault_owner_file f;
        struct source s;

        (void)state;
        source_init(&s, o, 25, true);
        vault_owner_begin(o, both(), 2, SEAL_GAP_START);
        play(&s, 40);
        vault_owner_stop(o);
        vault_owner_restart(o, SECOND, 60 * SECOND);
        int64_t before_us = o->last_arrival_us;
        o->now_us -= 3600 * SECOND;
        s.gop = 40; /* it begins with a key frame */
        vault_owner_begin(o, both(), 2, SEAL_GAP_UNCLEAN_STOP);
        play(&s, 40);
        vault_owner_stop(o);
        assert_int_equal(o->refused_n + o->faults_n, 0);
        assert_chain(o);
        vault_owner_read(o, 1, &f);
        assert_non_null(gap_of(&f.segment, 0, SEAL_GAP_UNCLEAN_STOP));
        gap = gap_of(&f.segment, 0, SEAL_GAP_CLOCK_STEP);
        assert_non_null(gap);
        assert_true(gap->from_us == before_us && gap->to_us < before_us - 3500 * SECOND);
        vault_owner_file_done(&f);
        source_done(&s);
        vault_owner_free(o);
}

/* The sealer forgets a segment that was not begun when it is asked for another. */
static void test_next_segment_waits_for_the_first_seal(void **state)
{
        struct vault_owner *o = vault_owner_new(500000, 2 * SECOND, 0);
        struct source s;

        (void)state;
        o->hold_seals = true;
        source_init(&s, o, 12, true);
        vault_owner_begin(o, both(), 2, SEAL_GAP_START);
        play(&s, 30);
        assert_true(o->wants_seal);
        assert_int_equal(o->segments_n, 1);
        vault_owner_seal(o);
        play(&s, 1);
        assert_int_equal(o->segments_n, 2);
        o->hold_seals = false;
        if (o->wants_seal)
                vault_owner_seal(o);
        play(&s, 60);
        vault_owner_stop(o);
        assert_int_equal(o->refused_n + o->faults_n, 0);
        assert_recorded(&s);
        assert_chain(o);
        source_done(&s);
        vault_owner_free(o);
}

static void test_lost_packets_are_a_gap(void **state)
{
        struct vault_owner *o = vault_owner_new(SECOND, 60 * SECOND, 0);
        const struct seal_gap *gap;
        struct vault_owner_file f;
        struct source s;

        (void)state;
        source_init(&s, o, 25, false);
        vault_owner_begin(o, both(), 1, SEAL_GAP_START);
        play(&s, 30);
        s.lost_before = true;
        play(&s, 30);
        vault_owner_stop(o);
        vault_owner_read(o, 0, &f);
        assert_int_equal(f.segment.fragments[0].seal.gaps_n, 1);
        gap = gap_of(&f.segment, 1, SEAL_GAP_FRAMES_DROPPED);
        assert_non_null(gap);
        assert_true(gap->from_us == VAULT_OWNER_START_US + 29 * 40000 &&
                    gap->to_us == gap->from_us + 40000);
        assert_int_equal(f.segment.fragments[2].seal.gaps_n, 0);
        vault_owner_file_done(&f);
        source_done(&s);
        vault_owner_free(o);
}

static void test_no_memory(void **state)
{
        struct vault_owner *o = vault_owner_new(SECOND, 60 * SECOND, 6 * CHUNK_BYTES);
        struct vault_owner_file f;
        struct source s;

        (void)state;
        source_init(&s, o, 25, false);
        vault_owner_begin(o, both(), 1, SEAL_GAP_START);
        play(&s, 10);
        s.frame_bytes = 300000; /* does not fit the pool */
        push_frame(&s, false);
        s.frame_bytes = 900;
        while (s.frames % s.gop)
                push_frame(&s, false);
        push_frame(&s, true);
        play(&s, 20);
        vault_owner_stop(o);
        assert_int_equal(o->refused_n + o->faults_n, 0);
        assert_recorded(&s);
        vault_owner_read(o, 0, &f);
        const struct seal_gap *gap =
                gap_of(&f.segment, f.segment.fragments_n - 1, SEAL_GAP_OVERLOAD);
        assert_non_null(gap);
        assert_int_equal(gap->frames, 15);
        vault_owner_file_done(&f);
        source_done(&s);
        vault_owner_free(o);
}

/* Memory ends when a fragment is to be finished, while the one before it waits: sealed, being
 * sealed, or not even that. It is written all the same: a later seal names it. */
static void test_no_memory_behind_what_waits(void **state)
{
        (void)state;
        for (unsigned answered = 0; answered < 2; answered++) {
                struct vault_owner *o = vault_owner_new(SECOND, 60 * SECOND, 64 * CHUNK_BYTES);
                struct chunk_share *greedy[16];
                uint8_t *taken[16][64] = { 0 };
                struct source s;

                source_init(&s, o, 25, false);
                vault_owner_begin(o, both(), 1, SEAL_GAP_START);
                o->hold_seals = true;
                s.frame_bytes = 2100; /* a group leaves no room for a seal in its chunk */
                play(&s, 50);
                assert_true(o->wants_seal);
                /* Others take all that there is. */
                for (unsigned i = 0; i < ARRAY_LEN(greedy); i++) {
                        greedy[i] = chunk_share_new(o->pool);
                        for (unsigned n = 0; (taken[i][n] = chunk_share_take(greedy[i])); n++)
                                ;
                }
                push_frame(&s, true); /* finishes the second fragment, or not */
                if (answered)
                        vault_owner_seal(o);
                for (unsigned i = 0; i < ARRAY_LEN(greedy); i++) {
                        for (unsigned n = 0; taken[i][n]; n++)
                                chunk_share_give(greedy[i], taken[i][n]);
                        chunk_share_free(greedy[i]);
                }
                o->hold_seals = false;
                if (o->wants_seal)
                        vault_owner_seal(o);
                vault_owner_run_ms(o, 1200);
                while (s.frames % s.gop)
                        push_frame(&s, false);
                play(&s, 30);
                vault_owner_stop(o);
                assert_int_equal(o->faults_n, 1);
                assert_int_equal(o->written_n, o->sealed_n);
                assert_chain(o);
                source_done(&s);
                vault_owner_free(o);
        }
}

/* From a fault on, nothing until the next key frame; its segment says why. */
static void fault_and_go_on(
        struct vault_owner *o, struct source *s, unsigned cause, bool first_file_sealed)
{
        struct vault_owner_file f;

        assert_int_equal(o->faults_n, 1);
        vault_owner_run_ms(o, 1200); /* a new file is asked for after a second */
        unsigned before = o->segments_n;
        while (s->frames % s->gop)
                push_frame(s, false);
        buf_clear(&s->video);
        o->faults_n = 0;
        o->written_n = o->sealed_n; /* what was sealed and not written is given up */
        play(s, 30);
        vault_owner_stop(o);
        assert_int_equal(o->refused_n + o->faults_n, 0);
        assert_true(o->segments_n >= before);
        for (unsigned i = 0; i < o->segments_n; i++) {
                if (o->segments[i].unused)
                        continue;
                if (i == 0 && !first_file_sealed)
                        continue;
                vault_owner_read(o, i, &f);
                if (i > 0) {
                        const struct seal_gap *gap = gap_of(&f.segment, 0, cause);
                        assert_non_null(gap);
                        assert_true(gap->frames > 0);
                        assert_true(!!gap_of(&f.segment, 0, SEAL_GAP_START) == !first_file_sealed);
                        assert_true(begins_with_key(&f.segment.fragments[0]));
                }
                vault_owner_file_done(&f);
        }
}

static void test_seal_refused(void **state)
{
        struct vault_owner *o = vault_owner_new(SECOND, 60 * SECOND, 0);
        struct source s;

        (void)state;
        source_init(&s, o, 25, false);
        vault_owner_begin(o, both(), 1, SEAL_GAP_START);
        play(&s, 30);
        vault_owner_settle(o);
        o->deny_next_seal = true;
        play(&s, 25);
        fault_and_go_on(o, &s, SEAL_GAP_FRAMES_DROPPED, true);
        source_done(&s);
        vault_owner_free(o);
}

/* Nothing comes for 3 s: what is there is sealed; the end of the connection then needs a closing
 * fragment. */
static void test_stall_and_closing_fragment(void **state)
{
        struct vault_owner *o = vault_owner_new(2 * SECOND, 60 * SECOND, 0);
        struct vault_owner_file f;
        struct source s;

        (void)state;
        source_init(&s, o, 25, true);
        vault_owner_begin(o, both(), 2, SEAL_GAP_START);
        play(&s, 10);
        assert_int_equal(o->written_n, 0);
        vault_owner_run_ms(o, 4300);
        assert_int_equal(o->written_n, 1);
        segment_writer_end(o->writer);
        vault_owner_settle(o);
        assert_int_equal(o->written_n, 2);
        assert_true(o->last_report.last);
        vault_owner_read(o, 0, &f);
        assert_int_equal(f.segment.fragments_n, 2);
        assert_int_equal(f.segment.fragments[1].seal.tracks_n, 0);
        assert_int_equal(f.segment.fragments[1].seal.flags, SEAL_LAST);
        assert_true(f.segment.closed);
        vault_owner_file_done(&f);
        /* The camera comes back. */
        o->now_us += 20 * SECOND;
        s.frames = 0;
        s.sounds = 0;
        vault_owner_begin(o, both(), 2, SEAL_GAP_CAMERA_LOST);
        buf_clear(&s.video);
        buf_clear(&s.audio);
        play(&s, 30);
        vault_owner_stop(o);
        assert_int_equal(o->refused_n + o->faults_n, 0);
        assert_chain(o);
        vault_owner_read(o, 1, &f);
        const struct seal_gap *gap = gap_of(&f.segment, 0, SEAL_GAP_CAMERA_LOST);
        assert_non_null(gap);
        assert_true(gap->from_us == VAULT_OWNER_START_US + 9 * 40000);
        vault_owner_file_done(&f);
        source_done(&s);
        vault_owner_free(o);
}

/* Sound alone goes on while the picture stands still. */
static void test_picture_stands_still(void **state)
{
        struct vault_owner *o = vault_owner_new(SECOND, 60 * SECOND, 0);
        struct source s;

        (void)state;
        source_init(&s, o, 25, true);
        vault_owner_begin(o, both(), 2, SEAL_GAP_START);
        play(&s, 30);
        for (unsigned i = 0; i < 5 * 47; i++) {
                o->now_us += 21333;
                push_sound(&s);
        }
        s.pts += 5 * 90000;
        play(&s, 30);
        vault_owner_stop(o);
        assert_int_equal(o->refused_n + o->faults_n, 0);
        assert_recorded(&s);
        assert_chain(o);
        source_done(&s);
        vault_owner_free(o);
}

static void test_stop_without_a_file(void **state)
{
        struct vault_owner *o = vault_owner_new(SECOND, 60 * SECOND, 0);
        struct err why;
        struct source s;

        (void)state;
        source_init(&s, o, 25, false);
        o->hold_grants = true;
        vault_owner_begin(o, both(), 1, SEAL_GAP_START);
        for (unsigned i = 0; i < 30; i++)
                push_frame(&s, false);
        segment_writer_stop(o->writer);
        assert_int_equal(o->stopped_n, 0);
        err_set(&why, ERR_UNAVAILABLE, "gone");
        segment_writer_denied(o->writer, &why);
        assert_int_equal(o->stopped_n, 1);
        assert_null(o->writer);
        source_done(&s);
        vault_owner_free(o);
}

/* The end of a connection, the next one and the stop wait behind a seal; then no file can be had.
 */
static void test_stop_while_refused(void **state)
{
        struct vault_owner *o = vault_owner_new(200000, 60 * SECOND, 0);
        struct source s;

        (void)state;
        source_init(&s, o, 5, false);
        vault_owner_begin(o, both(), 1, SEAL_GAP_START);
        play(&s, 6);
        vault_owner_settle(o);
        o->hold_seals = true;
        play(&s, 40); /* four fragments wait, the rest queues */
        segment_writer_end(o->writer);
        vault_owner_begin(o, both(), 1, SEAL_GAP_CAMERA_LOST);
        for (unsigned i = 0; i < 5; i++)
                push_frame(&s, false); /* of a connection that gets no file */
        segment_writer_stop(o->writer);
        assert_int_equal(o->stopped_n, 0);
        o->hold_seals = false;
        o->refuse_grants = true;
        vault_owner_seal(o);
        for (unsigned i = 0; i < 1000 && o->writer; i++)
                uv_run(loop_uv(o->loop), UV_RUN_ONCE);
        assert_int_equal(o->stopped_n, 1);
        assert_int_equal(o->refused_n + o->faults_n, 0);
        assert_recorded(&s);
        source_done(&s);
        vault_owner_free(o);
}

static void test_unused_file_is_given_back(void **state)
{
        struct vault_owner *o = vault_owner_new(SECOND, 60 * SECOND, 0);
        struct stat st;

        (void)state;
        vault_owner_begin(o, both(), 1, SEAL_GAP_START);
        assert_int_equal(o->segments_n, 1);
        vault_owner_stop(o);
        assert_int_equal(o->unused_n, 1);
        vault_owner_run_ms(o, 20); /* closed in the pool */
        CLEANUP(own_freep) char *path = xasprintf("%s/%s", o->dir, o->segments[0].object_key);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_size, 0);
        assert_int_equal(st.st_blocks, 0); /* nothing stays set aside */
        vault_owner_free(o);
}

static void test_what_is_refused(void **state)
{
        static const uint8_t torn[] = { 0, 0, 0, 9, 0x65, 1, 2, 3 };
        struct vault_owner *o = vault_owner_new(SECOND, 60 * SECOND, 0);
        struct access_unit u = {
                .data = BYTES(torn, sizeof torn), .key = true, .arrival_us = o->now_us
        };
        struct media_config wrong = vault_owner_h264;
        struct media_config metadata = { .codec = MEDIA_ONVIF_METADATA, .clock_rate = 90000 };
        struct media_config resampled = vault_owner_aac;
        struct err e;

        (void)state;
        vault_owner_begin(o, &metadata, 1, SEAL_GAP_START);
        assert_int_equal(segment_writer_push(o->writer, 0, &u, &e), ERR_INVALID);
        resampled.clock_rate = 90000;
        vault_owner_begin(o, &resampled, 1, SEAL_GAP_START);
        assert_int_equal(segment_writer_push(o->writer, 0, &u, &e), ERR_INVALID);
        wrong.clock_rate = 0;
        vault_owner_begin(o, &wrong, 1, SEAL_GAP_START);
        assert_int_equal(segment_writer_push(o->writer, 0, &u, &e), ERR_INVALID);
        vault_owner_begin(o, both(), 2, SEAL_GAP_START);
        assert_int_equal(segment_writer_push(o->writer, 0, &u, &e), ERR_PROTOCOL);
        assert_int_equal(segment_writer_push(o->writer, 2, &u, &e), ERR_INVALID);
        u.pts = INT64_MAX;
        assert_int_equal(segment_writer_push(o->writer, 0, &u, &e), ERR_INVALID);
        segment_writer_end(o->writer);
        assert_int_equal(
                segment_writer_push(o->writer, 0, &u, &e), 0); /* of no connection: dropped */
        vault_owner_free(o);
}

/* Every (key, IV) of every sample in a vault; the counter counts blocks below the IV. */
struct counter {
        uint8_t key[16];
        uint64_t iv;
};

static int compare_counters(const void *a, const void *b)
{
        return memcmp(a, b, sizeof(struct counter));
}

static size_t gather_counters(struct vault_owner *o, struct counter *to)
{
        size_t n = 0;

        for (unsigned i = 0; i < o->segments_n; i++) {
                struct vault_owner_file f;

                if (o->segments[i].unused)
                        continue;
                vault_owner_read(o, i, &f);
                for (unsigned k = 0; k < f.segment.fragments_n; k++) {
                        struct fmp4_fragment layout;
                        assert_int_equal(
                                fmp4_read_moof(f.segment.fragments[k].moof, &layout, NULL), 0);
                        for (unsigned t = 0; t < layout.tracks_n; t++) {
                                for (unsigned j = 0; j < layout.tracks[t].samples_n; j++, n++) {
                                        memset(&to[n], 0, sizeof to[n]);
                                        memcpy(to[n].key, o->segments[i].key, 16);
                                        to[n].iv = layout.tracks[t].samples[j].iv;
                                }
                        }
                        fmp4_fragment_done(&layout);
                }
                vault_owner_file_done(&f);
        }
        return n;
}

static void test_no_counter_block_twice(void **state)
{
        struct vault_owner *o = vault_owner_new(200000, 3 * SECOND, 0);
        static struct counter counters[20000];
        struct source s;

        (void)state;
        source_init(&s, o, 5, true);
        for (unsigned run = 0; run < 3; run++) { /* killed, started again, the clock set back */
                vault_owner_begin(o, both(), 2, SEAL_GAP_UNCLEAN_STOP);
                play(&s, 400);
                vault_owner_settle(o);
                vault_owner_restart(o, 200000, 3 * SECOND);
                o->now_us -= 10 * SECOND;
                o->last_arrival_us = SEAL_UNKNOWN_US;
                s.frames += 5 - s.frames % 5;
        }
        /* The files of given-up writers end after their last written fragment. */
        for (unsigned i = 0; i < o->segments_n; i++) {
                struct stat st;
                CLEANUP(own_freep)
                char *path = xasprintf("%s/%s", o->dir, o->segments[i].object_key);
                o->segments[i].unused |= stat(path, &st) < 0 || st.st_size == 0;
        }
        size_t n = gather_counters(o, counters);
        assert_true(n > 3 * 1000);
        qsort(counters, n, sizeof *counters, compare_counters);
        for (size_t i = 1; i < n; i++)
                assert_true(compare_counters(&counters[i - 1], &counters[i]) != 0);
        source_done(&s);
        vault_owner_free(o);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_segments_and_fragments),
                cmocka_unit_test(test_answers_come_later),
                cmocka_unit_test(test_long_group_is_cut),
                cmocka_unit_test(test_new_parameters_open_a_segment),
                cmocka_unit_test(test_stamps_jump),
                cmocka_unit_test(test_clock_set_back),
                cmocka_unit_test(test_clock_set_back_over_a_restart),
                cmocka_unit_test(test_next_segment_waits_for_the_first_seal),
                cmocka_unit_test(test_lost_packets_are_a_gap),
                cmocka_unit_test(test_no_memory),
                cmocka_unit_test(test_no_memory_behind_what_waits),
                cmocka_unit_test(test_seal_refused),
                cmocka_unit_test(test_stall_and_closing_fragment),
                cmocka_unit_test(test_picture_stands_still),
                cmocka_unit_test(test_stop_without_a_file),
                cmocka_unit_test(test_stop_while_refused),
                cmocka_unit_test(test_unused_file_is_given_back),
                cmocka_unit_test(test_what_is_refused),
                cmocka_unit_test(test_no_counter_block_twice),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
