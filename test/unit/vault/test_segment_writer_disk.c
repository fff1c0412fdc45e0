/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A segment writer whose disk fails, hangs or takes nothing, or that gets more than there is room
 * for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hung_memory.c"
#include "vault_source.c"

/* No key and file for a long time: what the budget holds waits, the oldest groups are dropped and
 * counted; what is left joins what comes. */
static void waits_too_long(unsigned cause)
{
        struct vault_owner *o = vault_owner_new(SECOND, 60 * SECOND, 0);
        CLEANUP(buf_done) struct buf got;
        const struct seal_gap *gap = NULL;
        struct vault_owner_file f;
        struct source s;
        unsigned gaps = 0;

        source_init(&s, o, 25, false);
        s.frame_bytes = 20000;
        o->refuse_grants = cause == SEAL_GAP_DISK;
        o->hold_grants = true;
        vault_owner_begin(o, both(), 1, SEAL_GAP_START);
        play(&s, 400);
        assert_int_equal(segment_writer_overload(o->writer) > 0, cause == SEAL_GAP_OVERLOAD);
        o->hold_grants = o->refuse_grants = false;
        if (cause == SEAL_GAP_OVERLOAD)
                vault_owner_grant(o);
        else
                vault_owner_run_ms(o, 1200); /* it is asked for again by itself */
        for (unsigned i = 0; i < 30; i++) {  /* what waits is written fragment by fragment */
                vault_owner_settle(o);
                uv_run(loop_uv(o->loop), UV_RUN_NOWAIT);
        }
        play(&s, 60);
        vault_owner_stop(o);
        assert_int_equal(o->refused_n + o->faults_n, 0);
        buf_init(&got, 256u << 20);
        vault_owner_decrypt(o, 1, &got);
        assert_in_range(got.n, 6u << 20, s.video.n - 1);
        assert_memory_equal(got.p, s.video.p + s.video.n - got.n, got.n);
        vault_owner_read(o, 0, &f);
        for (unsigned i = 0; i < f.segment.fragments_n; i++) {
                const struct seal_gap *g = gap_of(&f.segment, i, cause);
                gaps += g != NULL;
                gap = g ? g : gap;
        }
        assert_int_equal(gaps, 1);
        /* Whole groups of 25 frames. */
        assert_true(gap->frames >= 25 && gap->frames % 25 == 0);
        assert_true(gap->to_us == VAULT_OWNER_START_US + gap->frames * INT64_C(40000));
        vault_owner_file_done(&f);
        source_done(&s);
        vault_owner_free(o);
}

static void test_overload(void **state)
{
        (void)state;
        waits_too_long(SEAL_GAP_OVERLOAD);
}

static void test_no_storage(void **state)
{
        (void)state;
        waits_too_long(SEAL_GAP_DISK);
}

/* From frame `from` on of the pushed ones, all is recorded; what was before and is not is said. */
static void assert_moved(struct vault_owner *o, struct source *s, unsigned lost)
{
        CLEANUP(buf_done) struct buf got;
        struct vault_owner_file f;

        buf_init(&got, 256u << 20);
        vault_owner_decrypt(o, 1, &got);
        assert_in_range(got.n, 1, s->video.n);
        assert_memory_equal(got.p + got.n - 1000, s->video.p + s->video.n - 1000, 1000);
        for (unsigned i = 0; i < o->segments_n; i++) {
                if (o->segments[i].unused)
                        continue;
                vault_owner_read(o, i, &f);
                const struct seal_gap *gap = gap_of(&f.segment, 0, SEAL_GAP_DISK);
                if (gap) {
                        assert_true(begins_with_key(&f.segment.fragments[0]));
                        assert_true(gap->to_us - gap->from_us == (lost + 1) * INT64_C(40000));
                        lost = 0;
                }
                vault_owner_file_done(&f);
        }
        assert_int_equal(lost, 0);
}

static void on_stuck(void *owner, int result, const struct err *e)
{
        (void)owner;
        (void)result;
        (void)e;
}

static void file_of_this_size(struct rlimit *before, size_t bytes)
{
        struct rlimit small;

        signal(SIGXFSZ, SIG_IGN);
        assert_int_equal(getrlimit(RLIMIT_FSIZE, before), 0);
        small = (struct rlimit){ bytes, before->rlim_max };
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
}

/* A write fails: the fragment in it is lost, and nothing else. What came meanwhile, encrypted for
 * the old segment as it may be, is in the next one. */
static void test_disk_fails(void **state)
{
        struct vault_owner *o = vault_owner_new(SECOND, 60 * SECOND, 0);
        struct rlimit before;
        struct source s;

        (void)state;
        source_init(&s, o, 25, true);
        vault_owner_begin(o, both(), 2, SEAL_GAP_START);
        play(&s, 51); /* two fragments are written */
        vault_owner_settle(o);
        assert_int_equal(o->written_n, 2);
        file_of_this_size(&before, o->last_report.end + 5000);
        o->hold_seals = true;
        play(&s, 32); /* the third waits for its seal; the fourth is open */
        vault_owner_seal(o);
        vault_owner_run_ms(o, 50);
        setrlimit(RLIMIT_FSIZE, &before);
        assert_int_equal(o->not_written_n, 1);
        assert_int_equal(o->left_n, 1);
        assert_null(o->writer);
        assert_int_equal(o->fault.fault, FAULT_VOLUME_IO_ERROR);
        assert_string_equal(o->not_written, o->segments[0].object_key);
        assert_non_null(o->back.head);
        o->hold_seals = false;
        vault_owner_reseal(o, SECOND, 60 * SECOND, both(), 2);
        play(&s, 30);
        vault_owner_stop(o);
        assert_int_equal(o->refused_n + o->faults_n + o->not_written_n, 0);
        assert_moved(o, &s, 25);
        source_done(&s);
        vault_owner_free(o);
}

/* The first write of all: nothing was recorded before. */
static void test_disk_that_takes_nothing(void **state)
{
        struct vault_owner *o = vault_owner_new(SECOND, 60 * SECOND, 0);
        struct source s;

        (void)state;
        source_init(&s, o, 25, false);
        o->hold_grants = true;
        vault_owner_begin(o, both(), 1, SEAL_GAP_START);
        o->break_next_file = true;
        o->hold_grants = false;
        vault_owner_grant(o);
        play(&s, 25);
        s.unasked_before = 3; /* handed back with the frame */
        play(&s, 5);
        vault_owner_run_ms(o, 50);
        assert_int_equal(o->not_written_n, 1);
        assert_null(o->writer);
        assert_int_equal(o->back.head->unit.pts, 123456 + 25 * 3600);
        assert_int_equal(o->back.head->unit.unasked_before, 3);
        vault_owner_free(o);
        source_done(&s);
}

/* A disk that hangs: all the threads that its lane may have are held. After the patience for it the
 * stream goes elsewhere; of the disk nothing is waited for. */
static void test_disk_hangs(void **state)
{
        struct vault_owner *o = vault_owner_new(SECOND, 60 * SECOND, 0);
        struct file_lane *hung = o->lane;
        struct hung_memory memory;
        struct source s;
        struct stat st;
        FILE *scratch = tmpfile();

        (void)state;
        hung_memory_make(&memory);
        const struct iovec stuck = { memory.bytes, 1 };
        o->patience_ms = 1500;
        vault_owner_restart(o, SECOND, 60 * SECOND);
        source_init(&s, o, 25, true);
        vault_owner_begin(o, both(), 2, SEAL_GAP_START);
        play(&s, 26);
        vault_owner_settle(o);
        assert_int_equal(o->written_n, 1);
        for (unsigned i = 0; i < FILE_LANE_WIDTH; i++)
                file_lane_write(hung, fileno(scratch), &stuck, 1, i, on_stuck, NULL);
        play(&s, 27); /* the second fragment is to be written now; two frames of the third are open
                       */
        vault_owner_run_ms(o, 400);
        play(&s, 70);                           /* these wait as they are */
        assert_true(o->budget.used > 40 * 900); /* behind the fragment that is open */
        assert_int_equal(o->not_written_n, 0);
        vault_owner_run_ms(o, 2500);
        assert_int_equal(o->not_written_n, 1);
        assert_int_equal(o->left_n, 1);
        assert_int_equal(o->fault.fault, FAULT_VOLUME_SLOW);
        assert_true(chunk_pool_in_use(o->pool) == 0); /* the write had not begun */
        o->lane = file_lane_new(o->loop);
        vault_owner_reseal(o, SECOND, 60 * SECOND, both(), 2);
        play(&s, 30);
        vault_owner_stop(o);
        assert_int_equal(o->refused_n + o->faults_n + o->not_written_n, 0);
        assert_moved(o, &s, 25);
        /* The disk comes back: nothing more is done to the segment that was left, whose end
         * somebody else has found meanwhile. */
        CLEANUP(own_freep) char *path = xasprintf("%s/%s", o->dir, o->not_written);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(truncate(path, st.st_size + 4096), 0);
        hung_memory_release(&memory);
        file_lane_free(hung);
        off_t want = st.st_size + 4096;
        vault_owner_run_ms(o, 50);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_size, want);
        hung_memory_done(&memory);
        fclose(scratch);
        source_done(&s);
        vault_owner_free(o);
}

/* While this process was stopped no time has passed for a disk. */
static void test_patience_is_of_time_that_ran(void **state)
{
        struct vault_owner *o = vault_owner_new(SECOND, 60 * SECOND, 0);
        struct source s;

        (void)state;
        o->patience_ms = 3000;
        vault_owner_restart(o, SECOND, 60 * SECOND);
        source_init(&s, o, 25, false);
        vault_owner_begin(o, both(), 1, SEAL_GAP_START);
        o->hold_seals = true;
        play(&s, 30);
        o->hold_seals = false;
        vault_owner_seal(o); /* the write is under way, and done long before the loop sees it */
        usleep(3500000);
        vault_owner_run_ms(o, 50);
        assert_int_equal(o->not_written_n, 0);
        assert_int_equal(o->written_n, 1);
        vault_owner_stop(o);
        assert_recorded(&s);
        source_done(&s);
        vault_owner_free(o);
}

static void test_leave(void **state)
{
        struct vault_owner *o = vault_owner_new(SECOND, 60 * SECOND, 0);
        struct source s;

        (void)state;
        source_init(&s, o, 25, true);
        vault_owner_begin(o, both(), 2, SEAL_GAP_START);
        play(&s, 60);
        vault_owner_settle(o);
        segment_writer_leave(o->writer, 1);
        assert_non_null(o->writer); /* it has nothing there */
        segment_writer_leave(o->writer, 0);
        assert_null(o->writer);
        assert_int_equal(o->left_n, 1);
        assert_int_equal(o->not_written_n, 0);
        vault_owner_reseal(o, SECOND, 60 * SECOND, both(), 2);
        play(&s, 30);
        vault_owner_stop(o);
        assert_int_equal(o->refused_n + o->faults_n, 0);
        assert_moved(o, &s, 0); /* nothing is lost at all */
        assert_recorded(&s);
        source_done(&s);
        vault_owner_free(o);
}

/* What is left out on purpose is a gap with its cause. */
static void test_skip(void **state)
{
        struct vault_owner *o = vault_owner_new(SECOND, 60 * SECOND, 0);
        struct vault_owner_file f;
        struct source s;
        uint32_t frames = 0;

        (void)state;
        source_init(&s, o, 25, false);
        vault_owner_begin(o, both(), 1, SEAL_GAP_START);
        play(&s, 25);
        for (unsigned i = 0; i < 75; i++) {
                if (s.frames % 25 == 0) {
                        push_frame(&s, true);
                        continue;
                }
                segment_writer_skip(o->writer, SEAL_GAP_OVERLOAD);
                s.frames++;
                s.pts += 3600;
                o->now_us += 40000;
        }
        play(&s, 40);
        vault_owner_stop(o);
        assert_int_equal(o->refused_n + o->faults_n, 0);
        assert_recorded(&s);
        vault_owner_read(o, 0, &f);
        for (unsigned i = 0; i < f.segment.fragments_n; i++) {
                const struct seal_gap *gap = gap_of(&f.segment, i, SEAL_GAP_OVERLOAD);
                frames += gap ? gap->frames : 0;
        }
        assert_int_equal(frames, 3 * 24);
        vault_owner_file_done(&f);
        source_done(&s);
        vault_owner_free(o);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_overload),
                cmocka_unit_test(test_no_storage),
                cmocka_unit_test(test_disk_fails),
                cmocka_unit_test(test_disk_that_takes_nothing),
                cmocka_unit_test(test_disk_hangs),
                cmocka_unit_test(test_patience_is_of_time_that_ran),
                cmocka_unit_test(test_leave),
                cmocka_unit_test(test_skip),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
