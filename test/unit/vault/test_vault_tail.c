/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A vault as a crash leaves it: what is found, cut, completed, indexed and checked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vault/index.h"
#include "vault/rebuild.h"
#include "vault/vault_check.h"
#include "vault/vault_tail.h"
#include "vault/vault_walk.h"
#include "vault_owner.c"

#define SECOND INT64_C(1000000)
#define ROOM (64u << 20)

/* `seconds` of video from where it stands. */
static void play(struct vault_owner *o, unsigned seconds)
{
        static uint64_t seed;
        CLEANUP(buf_done) struct buf frame;
        struct err e;

        buf_init(&frame, ROOM);
        for (unsigned i = 0; i < 25 * seconds; i++) {
                bool key = i % 25 == 0;
                vault_owner_frame(++seed, key, key ? 4000 : 700, &frame);
                struct access_unit u = { .data = buf_bytes(&frame),
                        .pts = (o->now_us - VAULT_OWNER_START_US) * 9 / 100,
                        .key = key,
                        .arrival_us = o->now_us,
                        .sender_us = INT64_MIN };
                assert_int_equal(segment_writer_push(o->writer, 0, &u, &e), 0);
                o->now_us += 40000;
                if (o->sealed_n > o->written_n + 1)
                        vault_owner_settle(o);
        }
        vault_owner_settle(o);
}

static char *path_of(const struct vault_owner *o, unsigned i)
{
        return xasprintf("%s/%s", o->dir, o->segments[i].object_key);
}

static void read_whole(const char *path, struct buf *to)
{
        buf_init(to, ROOM);
        assert_int_equal(file_read(path, ROOM, to, NULL), 0);
}

static void write_whole(const char *path, struct bytes b)
{
        assert_int_equal(file_write_atomic(path, b, 0600, NULL), 0);
}

/* The index of this one volume, in it. */
static int rebuild(const struct vault_owner *o, struct rebuild_result *ret)
{
        struct volume_list volumes = { .n = 1, .entries = { { .name = "main" } } };
        struct err e;

        snprintf(volumes.entries[0].path, sizeof volumes.entries[0].path, "%s", o->dir);
        return rebuild_index(o->dir, &volumes, NULL, NULL, ret, &e);
}

/* A recording of `segments` segments of 4 s; killed in the last one when it is not stopped. */
static struct vault_owner *recorded(unsigned seconds, bool stop)
{
        struct vault_owner *o = vault_owner_new(SECOND, 4 * SECOND, 0);

        vault_owner_begin(o, &vault_owner_h264, 1, SEAL_GAP_START);
        play(o, seconds);
        if (stop)
                vault_owner_stop(o);
        return o;
}

/* However far the last write came, the end found is the last whole seal before it. */
static void test_every_cut(void **state)
{
        struct vault_owner *o = recorded(4, true);
        CLEANUP(own_freep) char *path = path_of(o, 0);
        CLEANUP(buf_done) struct buf whole;
        struct vault_owner_file f;
        struct vault_tail tail;
        struct err e;

        (void)state;
        read_whole(path, &whole);
        vault_owner_read(o, 0, &f);
        /* The index space is written last, so in a torn file it is empty. */
        CLEANUP(buf_done) struct buf torn, space;
        buf_init(&torn, ROOM);
        buf_init(&space, FMP4_INDEX_SPACE);
        struct pack p = pack_to(&space);
        box_free_space(&p, FMP4_INDEX_SPACE);
        assert_int_equal(buf_append(&torn, buf_bytes(&whole), NULL), 0);
        memcpy(torn.p + f.segment.index_offset, space.p, space.n);
        for (size_t n = f.segment.fragments[0].end - 5000; n <= whole.n;
                n += n + 487 > whole.n && n < whole.n ? whole.n - n : 487) {
                const struct segment_fragment *last = NULL;
                write_whole(path, bytes_sub(buf_bytes(&torn), 0, n));
                for (unsigned i = 0; i < f.segment.fragments_n; i++) {
                        const struct segment_fragment *at = &f.segment.fragments[i];
                        if (at->seal_offset + 24 + at->seal_payload.n <= n)
                                last = at;
                }
                assert_int_equal(vault_tail_read(o->dir, VAULT_OWNER_STREAM,
                                         o->segments[0].object_key, NULL, &tail, &e),
                        0);
                assert_true(tail.empty == !last);
                assert_true(file_exists(path) == !tail.empty);
                if (!last)
                        continue;
                struct seal_link link = seal_link_of(&last->seal, last->seal_payload);
                assert_memory_equal(&tail.last, &link, sizeof link);
                assert_true(tail.last_arrival_us == last->seal.last_arrival_us);
                struct vault_owner_file mended;
                vault_owner_read(o, 0, &mended); /* no fault, index right */
                assert_int_equal(mended.segment.unsealed_from, mended.bytes.n);
                assert_int_equal(mended.bytes.n, tail.bytes);
                assert_true(tail.completed == !!(last->seal.flags & SEAL_LAST));
                assert_true(mended.segment.closed == !!(last->seal.flags & SEAL_LAST));
                if (mended.segment.closed && n >= last->end)
                        assert_true(bytes_equal(buf_bytes(&mended.bytes), buf_bytes(&whole)));
                vault_owner_file_done(&mended);
        }
        vault_owner_file_done(&f);
        vault_owner_free(o);
}

static void test_room_is_given_back(void **state)
{
        struct vault_owner *o = recorded(3, false);
        CLEANUP(own_freep) char *path = path_of(o, 0);
        struct vault_tail tail;
        struct stat st;

        (void)state;
        assert_int_equal(stat(path, &st), 0);
        assert_true((uint64_t)st.st_blocks * 512 >= RESERVE);
        assert_int_equal(vault_tail_read(o->dir, VAULT_OWNER_STREAM, o->segments[0].object_key,
                                 NULL, &tail, NULL),
                0);
        assert_int_equal(stat(path, &st), 0);
        assert_true((uint64_t)st.st_blocks * 512 < RESERVE);
        assert_true(tail.cut_bytes == 0 && tail.bytes == (uint64_t)st.st_size);
        vault_owner_free(o);
}

/* The newest file was made ahead and holds nothing: the end lies in the one before, also in another
 * hour. */
static void test_newest_is_empty(void **state)
{
        struct vault_owner *o = vault_owner_new(SECOND, 4 * SECOND, 0);
        struct vault_tail tail;
        char hour[VAULT_WALK_HOUR_ROOM];

        (void)state;
        o->now_us += 3600 * SECOND - 5 * SECOND;
        vault_owner_begin(o, &vault_owner_h264, 1, SEAL_GAP_START);
        play(o, 6);
        o->now_us += SECOND;
        segment_writer_end(o->writer);
        vault_owner_settle(o);
        vault_owner_begin(o, &vault_owner_h264, 1, SEAL_GAP_CAMERA_LOST);
        unsigned newest = o->segments_n - 1;
        CLEANUP(own_freep) char *path = path_of(o, newest);
        if (!file_exists(path))
                fail();
        assert_int_equal(vault_tail_read(o->dir, VAULT_OWNER_STREAM, o->segments[newest].object_key,
                                 NULL, &tail, NULL),
                0);
        assert_false(tail.empty);
        assert_memory_equal(&tail.last, &o->previous, sizeof o->previous);
        assert_true(tail.deleted >= 1);
        assert_false(file_exists(path));
        assert_int_equal(
                vault_walk_hour_before(o->dir, VAULT_OWNER_STREAM, "2026-11-22/23", hour, NULL), 0);
        assert_memory_equal(hour, "2026-11-22/1", 12);
        assert_int_equal(
                vault_walk_hour_before(o->dir, VAULT_OWNER_STREAM, "2026-11-22/15", hour, NULL),
                ERR_NOT_FOUND);
        vault_owner_free(o);
}

static void test_tail_of_a_damaged_file(void **state)
{
        struct vault_owner *o = recorded(2, true);
        CLEANUP(own_freep) char *path = path_of(o, 0);
        CLEANUP(buf_done) struct buf whole;
        struct vault_tail tail;

        (void)state;
        assert_int_equal(
                vault_tail_read(o->dir, VAULT_OWNER_STREAM, "../../etc/passwd", NULL, &tail, NULL),
                ERR_INVALID);
        read_whole(path, &whole);
        whole.p[40] ^= 1; /* the header cannot be read: its seals are evidence all the same */
        write_whole(path, buf_bytes(&whole));
        assert_int_equal(vault_tail_read(o->dir, VAULT_OWNER_STREAM, o->segments[0].object_key,
                                 NULL, &tail, NULL),
                0);
        assert_true(tail.damaged && !tail.empty);
        assert_memory_equal(&tail.last, &o->previous, sizeof tail.last);
        CLEANUP(buf_done) struct buf after;
        read_whole(path, &after);
        assert_true(bytes_equal(buf_bytes(&after), buf_bytes(&whole)));
        vault_owner_free(o);
}

/* A bit that is wrong later is evidence and stays; a sector that was never written is cut off with
 * what follows. An index that knows nothing makes no second history. */
static void test_torn_is_not_damaged(void **state)
{
        struct vault_owner *o = recorded(7, true);
        CLEANUP(own_freep) char *path = path_of(o, 1);
        CLEANUP(buf_done) struct buf whole, after;
        struct vault_owner_file f;
        struct vault_tail tail;

        (void)state;
        vault_owner_read(o, 1, &f);
        const struct segment_fragment *second = &f.segment.fragments[1];
        size_t inside = (size_t)(second->mdat.p - f.bytes.p) + 1500;
        struct seal_link first =
                seal_link_of(&f.segment.fragments[0].seal, f.segment.fragments[0].seal_payload);
        read_whole(path, &whole);
        whole.p[inside] ^= 1;
        write_whole(path, buf_bytes(&whole));
        assert_int_equal(vault_tail_read(o->dir, VAULT_OWNER_STREAM, "", NULL, &tail, NULL), 0);
        assert_memory_equal(&tail.last, &o->previous, sizeof tail.last);
        assert_true(tail.cut_bytes == 0 && !tail.completed);
        read_whole(path, &after);
        assert_true(bytes_equal(buf_bytes(&whole), buf_bytes(&after)));

        memset(whole.p + inside / 512 * 512, 0, 512);
        write_whole(path, buf_bytes(&whole));
        /* What is known to have been durable was not being written: it is damage, and stays. */
        const struct vault_tail_known durable = { .durable = &o->previous };
        assert_int_equal(vault_tail_read(o->dir, VAULT_OWNER_STREAM, "", &durable, &tail, NULL), 0);
        assert_memory_equal(&tail.last, &o->previous, sizeof tail.last);
        assert_true(tail.cut_bytes == 0 && tail.fragments == 3);
        const struct vault_tail_known first_alone = { .durable = &first };
        assert_int_equal(vault_tail_read(o->dir, VAULT_OWNER_STREAM, o->segments[0].object_key,
                                 &first_alone, &tail, NULL),
                0);
        assert_memory_equal(&tail.last, &first, sizeof first);
        assert_true(tail.cut_bytes > 0 && !tail.damaged && tail.fragments == 1);

        /* A bound cuts what is behind it, whole files too. */
        vault_owner_file_done(&f);
        vault_owner_read(o, 0, &f);
        struct seal_link bound =
                seal_link_of(&f.segment.fragments[1].seal, f.segment.fragments[1].seal_payload);
        const struct vault_tail_known cut_there = { .bound = &bound };
        assert_int_equal(
                vault_tail_read(o->dir, VAULT_OWNER_STREAM, "", &cut_there, &tail, NULL), 0);
        assert_memory_equal(&tail.last, &bound, sizeof bound);
        assert_true(tail.deleted == 1 && tail.fragments == 2);
        vault_owner_file_done(&f);
        vault_owner_free(o);
}

/* --- the index --- */

struct rows {
        unsigned n;
        struct index_segment rows[64];
};

static int keep_row(void *owner, const struct index_segment *s, struct err *e)
{
        struct rows *r = owner;

        (void)e;
        r->rows[r->n++] = *s;
        return 0;
}

static int keep_stream(void *owner, const char *stream, struct err *e)
{
        char *to = owner;

        (void)e;
        snprintf(to, HEAD_PATH_MAX, "%s", stream);
        return 0;
}

static void rows_of(
        struct vault_owner *o, const char *stream, int64_t from, int64_t to, struct rows *r)
{
        struct index *ix;
        struct err e;

        r->n = 0;
        assert_int_equal(index_open(o->dir, &ix, &e), 0);
        assert_int_equal(index_search(ix, stream, from, to, keep_row, r, &e), 0);
        index_free(ix);
}

/* What the recorder's parent writes as it goes, and what the files yield, is the same. */
static void test_index_live_and_rebuilt(void **state)
{
        struct vault_owner *o = vault_owner_new(SECOND, 4 * SECOND, 0);
        CLEANUP(own_freep) char *path = xasprintf("%s/%s", o->dir, INDEX_NAME);
        static struct rows live, rebuilt;
        struct rebuild_result result;
        struct index_segment newest;
        char stream[HEAD_PATH_MAX];
        struct index *ix;
        unsigned written = 0;
        struct err e;

        (void)state;
        assert_int_equal(index_open(o->dir, &ix, &e), ERR_NOT_FOUND);
        assert_int_equal(rebuild(o, NULL), 0); /* of nothing */
        assert_int_equal(index_open(o->dir, &ix, &e), 0);
        assert_int_equal(index_newest(ix, VAULT_OWNER_STREAM, &newest, &e), ERR_NOT_FOUND);
        vault_owner_begin(o, &vault_owner_h264, 1, SEAL_GAP_START);
        for (unsigned i = 0; i < 11; i++) {
                play(o, 1);
                assert_int_equal(index_begin(ix, &e), 0);
                for (unsigned k = 0; k < o->segments_n; k++)
                        assert_int_equal(
                                index_created(ix, 0, VAULT_OWNER_STREAM, o->segments[k].object_key,
                                        vault_walk_time_of(o->segments[k].object_key), &e),
                                0);
                if (o->written_n > written)
                        assert_int_equal(
                                index_durable(ix, VAULT_OWNER_STREAM, &o->last_report, &e), 0);
                written = o->written_n;
                assert_int_equal(index_commit(ix, &e), 0);
        }
        vault_owner_stop(o);
        assert_int_equal(index_durable(ix, VAULT_OWNER_STREAM, &o->last_report, &e), 0);
        assert_int_equal(index_newest(ix, VAULT_OWNER_STREAM, &newest, &e), 0);
        assert_string_equal(newest.object_key, o->segments[o->segments_n - 1].object_key);
        assert_int_equal(index_streams(ix, keep_stream, stream, &e), 0);
        assert_string_equal(stream, VAULT_OWNER_STREAM);
        index_free(ix);
        rows_of(o, VAULT_OWNER_STREAM, INT64_MIN, INT64_MAX, &live);
        assert_int_equal(live.n, 3);

        unlink(path);
        assert_int_equal(rebuild(o, &result), 0);
        assert_int_equal(result.segments, 3);
        assert_int_equal(result.streams, 1);
        rows_of(o, NULL, INT64_MIN, INT64_MAX, &rebuilt);
        assert_int_equal(rebuilt.n, 3);
        for (unsigned i = 0; i < 3; i++) {
                live.rows[i].id = rebuilt.rows[i].id;
                assert_memory_equal(&live.rows[i], &rebuilt.rows[i], sizeof live.rows[i]);
        }
        rows_of(o, VAULT_OWNER_STREAM, VAULT_OWNER_START_US + 5 * SECOND,
                VAULT_OWNER_START_US + 6 * SECOND, &rebuilt);
        assert_int_equal(rebuilt.n, 1);
        assert_string_equal(rebuilt.rows[0].object_key, live.rows[1].object_key);
        rows_of(o, "other-main", INT64_MIN, INT64_MAX, &rebuilt);
        assert_int_equal(rebuilt.n, 0);
        vault_owner_free(o);
}

/* The order of segments is that of the seals, also where the clock went back. */
static void test_rebuilt_in_the_order_of_seals(void **state)
{
        struct vault_owner *o = vault_owner_new(SECOND, 4 * SECOND, 0);
        static struct rows rows;

        (void)state;
        vault_owner_begin(o, &vault_owner_h264, 1, SEAL_GAP_START);
        play(o, 5);
        segment_writer_end(o->writer);
        o->now_us -= 7200 * SECOND;
        vault_owner_begin(o, &vault_owner_h264, 1, SEAL_GAP_CAMERA_LOST);
        play(o, 5);
        vault_owner_stop(o);
        assert_int_equal(o->refused_n + o->faults_n, 0);
        assert_int_equal(rebuild(o, NULL), 0);
        rows_of(o, NULL, INT64_MIN, INT64_MAX, &rows);
        unsigned k = 0;
        for (unsigned i = 0; i < o->segments_n; i++) {
                if (!o->segments[i].unused)
                        assert_string_equal(rows.rows[k++].object_key, o->segments[i].object_key);
        }
        assert_int_equal(k, rows.n);
        vault_owner_free(o);
}

static void test_broken_index(void **state)
{
        struct vault_owner *o = recorded(2, true);
        CLEANUP(own_freep) char *path = xasprintf("%s/%s", o->dir, INDEX_NAME);
        struct index *ix;
        struct err e;

        (void)state;
        char rubbish[8192];
        memset(rubbish, 'x', sizeof rubbish);
        write_whole(path, BYTES(rubbish, sizeof rubbish));
        assert_int_equal(index_open(o->dir, &ix, &e), ERR_CORRUPT);
        assert_non_null(strstr(e.text, "vault rebuild"));
        assert_int_equal(rebuild(o, NULL), 0);
        assert_int_equal(index_open(o->dir, &ix, &e), 0);
        index_free(ix);
        vault_owner_free(o);
}

/* --- the check --- */

static void count_fault(void *owner, const char *where, const char *text)
{
        char *said = owner;

        snprintf(said, 600, "%s: %s", where, text);
}

static struct vault_check_result check(
        struct vault_owner *o, const uint8_t *private_key, char said[600])
{
        struct vault_check_options options = {
                .index = o->dir, .private_key = private_key, .on_fault = count_fault, .owner = said
        };
        struct vault_check_result result;
        struct vault_set set = { 0 };

        said[0] = '\0';
        assert_int_equal(vault_set_add(&set, o->dir, NULL), 0);
        assert_int_equal(vault_check(&set, &options, &result, NULL), 0);
        vault_set_done(&set);
        return result;
}

static void test_check(void **state)
{
        struct vault_owner *o = recorded(9, true);
        uint8_t other[HPKE_PRIVATE_BYTES], public_key[HPKE_PUBLIC_BYTES];
        CLEANUP(own_freep) char *path = path_of(o, 1);
        CLEANUP(own_freep) char *away = xasprintf("%s/away", o->dir);
        struct vault_check_result r;
        char said[600];

        (void)state;
        r = check(o, NULL, said);
        assert_true(r.faults == 1 && strstr(said, "is missing")); /* no index yet */
        assert_int_equal(rebuild(o, NULL), 0);
        r = check(o, o->private_key, said);
        assert_string_equal(said, "");
        assert_true(r.faults == 0 && r.segments == 3 && r.fragments == 9 && r.decrypted == 9 &&
                    r.key_files == 1);

        hpke_generate(other, public_key);
        r = check(o, other, said);
        assert_true(r.faults == 3 && r.decrypted == 0 && strstr(said, "not wrapped"));

        assert_int_equal(rename(path, away), 0);
        r = check(o, NULL, said);
        assert_true(r.faults == 1 && strstr(said, "missing"));
        assert_int_equal(rename(away, path), 0);

        CLEANUP(own_freep) char *command = xasprintf("mv %s/keys %s/k", o->dir, o->dir);
        assert_int_equal(system(command), 0);
        r = check(o, o->private_key, said);
        assert_true(r.faults >= 1 && strstr(said, "cannot be decrypted"));
        vault_owner_free(o);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_cut),
                cmocka_unit_test(test_room_is_given_back),
                cmocka_unit_test(test_newest_is_empty),
                cmocka_unit_test(test_tail_of_a_damaged_file),
                cmocka_unit_test(test_torn_is_not_damaged),
                cmocka_unit_test(test_index_live_and_rebuilt),
                cmocka_unit_test(test_rebuilt_in_the_order_of_seals),
                cmocka_unit_test(test_broken_index),
                cmocka_unit_test(test_check),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
