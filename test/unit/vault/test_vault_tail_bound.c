/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A volume that comes back after its streams went on elsewhere: what lies on it behind the seal
 * that they went on from is cut off, that and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <unistd.h>

#include "vault/vault_tail.h"
#include "vault_owner.c"

#define SECOND INT64_C(1000000)
#define ROOM (64u << 20)
#define SEGMENTS 3

/* Fragments of 1 s in segments of 4 s; 11 s, killed in the last. */
struct recording {
        struct vault_owner *o;
        struct buf files[SEGMENTS];
        unsigned fragments[SEGMENTS];
        struct seal_link links[SEGMENTS][8]; /* of each fragment */
        struct err e;
};

static void play(struct vault_owner *o, unsigned seconds)
{
        static uint64_t seed;
        CLEANUP(buf_done) struct buf frame;

        buf_init(&frame, ROOM);
        for (unsigned i = 0; i < 25 * seconds; i++) {
                bool key = i % 25 == 0;
                vault_owner_frame(++seed, key, key ? 4000 : 700, &frame);
                struct access_unit u = { .data = buf_bytes(&frame),
                        .pts = (o->now_us - VAULT_OWNER_START_US) * 9 / 100,
                        .key = key,
                        .arrival_us = o->now_us,
                        .sender_us = INT64_MIN };
                assert_int_equal(segment_writer_push(o->writer, 0, &u, NULL), 0);
                o->now_us += 40000;
                if (o->sealed_n > o->written_n + 1)
                        vault_owner_settle(o);
        }
        vault_owner_settle(o);
}

static char *path_of(const struct recording *r, unsigned i)
{
        return xasprintf("%s/%s", r->o->dir, r->o->segments[i].object_key);
}

static void begin(struct recording *r)
{
        *r = (struct recording){ .o = vault_owner_new(SECOND, 4 * SECOND, 0) };
        vault_owner_begin(r->o, &vault_owner_h264, 1, SEAL_GAP_START);
        play(r->o, 11);
        for (unsigned i = 0; i < SEGMENTS; i++) {
                CLEANUP(own_freep) char *path = path_of(r, i);
                struct vault_owner_file f;
                buf_init(&r->files[i], ROOM);
                assert_int_equal(file_read(path, ROOM, &r->files[i], NULL), 0);
                vault_owner_read(r->o, i, &f);
                r->fragments[i] = f.segment.fragments_n;
                for (unsigned k = 0; k < f.segment.fragments_n; k++)
                        r->links[i][k] = seal_link_of(
                                &f.segment.fragments[k].seal, f.segment.fragments[k].seal_payload);
                vault_owner_file_done(&f);
        }
        /* What was made ahead is deleted, bound or not. */
        for (unsigned i = SEGMENTS; i < r->o->segments_n; i++) {
                CLEANUP(own_freep) char *path = path_of(r, i);
                unlink(path);
        }
        assert_true(r->fragments[0] == 4 && r->fragments[1] == 4 && r->fragments[2] >= 2);
}

static void end(struct recording *r)
{
        for (unsigned i = 0; i < SEGMENTS; i++)
                buf_done(&r->files[i]);
        vault_owner_free(r->o);
}

static struct vault_tail tail_of(struct recording *r, const struct seal_link *bound)
{
        const struct vault_tail_known known = { .bound = bound };
        struct vault_tail tail;

        assert_int_equal(vault_tail_read(r->o->dir, VAULT_OWNER_STREAM,
                                 r->o->segments[SEGMENTS - 1].object_key, &known, &tail, &r->e),
                0);
        return tail;
}

static bool is_there(const struct recording *r, unsigned i)
{
        CLEANUP(own_freep) char *path = path_of(r, i);

        return file_exists(path);
}

static bool is_whole(const struct recording *r, unsigned i)
{
        CLEANUP(own_freep) char *path = path_of(r, i);
        CLEANUP(buf_done) struct buf now;

        buf_init(&now, ROOM);
        return file_read(path, ROOM, &now, NULL) == 0 &&
               bytes_equal(buf_bytes(&now), buf_bytes(&r->files[i]));
}

/* Segment i has so many fragments, is not closed and has no fault. */
static void assert_cut(struct recording *r, unsigned i, unsigned fragments)
{
        struct vault_owner_file f;

        vault_owner_read(r->o, i, &f);
        assert_int_equal(f.segment.fragments_n, fragments);
        assert_false(f.segment.closed);
        assert_int_equal(f.segment.unsealed_from, f.bytes.n);
        assert_int_equal(segment_check_index(&f.segment, &r->e), 0);
        vault_owner_file_done(&f);
}

static void test_within_the_newest(void **state)
{
        struct recording r;

        (void)state;
        begin(&r);
        struct vault_tail tail = tail_of(&r, &r.links[2][0]);
        assert_memory_equal(&tail.last, &r.links[2][0], sizeof tail.last);
        assert_true(tail.fragments == 1 && !tail.closed && tail.cut_bytes > 0 && tail.deleted == 0);
        assert_cut(&r, 2, 1);
        assert_true(is_whole(&r, 0) && is_whole(&r, 1));
        end(&r);
}

/* In a closed segment before it: that is open again, and what continued it is gone. */
static void test_within_a_closed_segment(void **state)
{
        struct recording r;

        (void)state;
        begin(&r);
        struct vault_tail tail = tail_of(&r, &r.links[0][1]);
        assert_memory_equal(&tail.last, &r.links[0][1], sizeof tail.last);
        assert_string_equal(tail.object_key, r.o->segments[0].object_key);
        assert_true(tail.fragments == 2 && !tail.closed && tail.deleted >= 2);
        assert_cut(&r, 0, 2);
        assert_true(!is_there(&r, 1) && !is_there(&r, 2));
        struct vault_tail again = tail_of(&r, &r.links[0][1]);
        assert_memory_equal(&again.last, &tail.last, sizeof tail.last);
        assert_int_equal(again.cut_bytes, 0);
        end(&r);
}

static void test_at_the_end_of_a_segment(void **state)
{
        struct recording r;

        (void)state;
        begin(&r);
        struct vault_tail tail = tail_of(&r, &r.links[0][3]);
        assert_memory_equal(&tail.last, &r.links[0][3], sizeof tail.last);
        assert_true(tail.fragments == 4 && tail.closed);
        assert_true(is_whole(&r, 0) && !is_there(&r, 1) && !is_there(&r, 2));
        end(&r);
}

/* The bound lies on another volume: what begins behind it goes, whatever was there before stays. */
static void test_on_another_volume(void **state)
{
        struct recording r;

        (void)state;
        begin(&r);
        CLEANUP(own_freep) char *first = path_of(&r, 0), *second = path_of(&r, 1);
        assert_int_equal(unlink(second), 0);
        struct vault_tail tail = tail_of(&r, &r.links[1][3]);
        assert_memory_equal(&tail.last, &r.links[0][3], sizeof tail.last);
        assert_true(is_whole(&r, 0) && !is_there(&r, 2));
        end(&r);

        begin(&r);
        own_freep(&first);
        first = path_of(&r, 0);
        assert_int_equal(unlink(first), 0);
        tail = tail_of(&r, &r.links[0][3]);
        assert_true(tail.empty && tail.deleted >= 2);
        assert_true(!is_there(&r, 1) && !is_there(&r, 2));
        end(&r);
}

/* Whoever was interrupted between two files finds the rest. */
static void test_interrupted(void **state)
{
        struct recording r;

        (void)state;
        begin(&r);
        CLEANUP(own_freep) char *last = path_of(&r, 2);
        assert_int_equal(unlink(last), 0); /* the first of three steps */
        struct vault_tail tail = tail_of(&r, &r.links[0][0]);
        assert_memory_equal(&tail.last, &r.links[0][0], sizeof tail.last);
        assert_cut(&r, 0, 1);
        assert_false(is_there(&r, 1));
        end(&r);
}

static void test_nothing_is_cut(void **state)
{
        struct seal_link other = { .sequence = 7 }, none = { 0 };
        struct recording r;

        (void)state;
        begin(&r);
        const struct seal_link *bounds[] = { &none, &other, &r.links[2][r.fragments[2] - 1], NULL };
        for (unsigned i = 0; i < ARRAY_LEN(bounds); i++) {
                struct vault_tail tail = tail_of(&r, bounds[i]);
                assert_memory_equal(&tail.last, &r.links[2][r.fragments[2] - 1], sizeof tail.last);
                assert_int_equal(tail.cut_bytes + tail.deleted, 0);
                assert_true(is_whole(&r, 0) && is_whole(&r, 1) && is_whole(&r, 2));
        }
        end(&r);
}

/* One that cannot be read is evidence, wherever it lies. */
static void test_unreadable_stays(void **state)
{
        struct recording r;

        (void)state;
        begin(&r);
        CLEANUP(own_freep) char *path = path_of(&r, 1);
        r.files[1].p[40] ^= 1;
        assert_int_equal(file_write_atomic(path, buf_bytes(&r.files[1]), 0600, NULL), 0);
        struct vault_tail tail = tail_of(&r, &r.links[0][1]);
        assert_cut(&r, 0, 2);
        assert_true(is_whole(&r, 1) && is_there(&r, 2));
        assert_false(tail.empty);
        end(&r);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_within_the_newest),
                cmocka_unit_test(test_within_a_closed_segment),
                cmocka_unit_test(test_at_the_end_of_a_segment),
                cmocka_unit_test(test_on_another_volume),
                cmocka_unit_test(test_interrupted),
                cmocka_unit_test(test_nothing_is_cut),
                cmocka_unit_test(test_unreadable_stays),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
