/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One recording on two volumes, read as one: index, check, keys; and the reading of a segment
 * without its media. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <unistd.h>

#include "seal/segment.h"
#include "vault/index_scrub.h"
#include "vault/lock_record.h"
#include "vault/rebuild.h"
#include "vault/segment_skim.h"
#include "vault/vault_check.h"
#include "vault_owner.c"

#define SECOND INT64_C(1000000)
#define ROOM (64u << 20)
#define LOCK_ID "0123456789abcdef0123456789abcdef"

struct fixture {
        struct vault_owner *o;
        char other[200]; /* the second volume */
        char path[200];  /* of the index */
        struct volume_list volumes;
};

static void run(const char *fmt, ...) PRINTF(1, 2);

static void run(const char *fmt, ...)
{
        char command[2000];
        va_list args;

        va_start(args, fmt);
        vsnprintf(command, sizeof command, fmt, args);
        va_end(args);
        assert_int_equal(system(command), 0);
}

/* Seconds of video; the frames of a segment lie in an hour of their own, so that hours can be
 * moved. */
static void play(struct vault_owner *o, unsigned seconds)
{
        CLEANUP(buf_done) struct buf frame;

        buf_init(&frame, ROOM);
        for (unsigned i = 0; i < 25 * seconds; i++) {
                vault_owner_frame(i, i % 25 == 0, i % 25 == 0 ? 4000 : 700, &frame);
                struct access_unit u = { .data = buf_bytes(&frame),
                        .pts = (o->now_us - VAULT_OWNER_START_US) * 9 / 100,
                        .key = i % 25 == 0,
                        .arrival_us = o->now_us,
                        .sender_us = INT64_MIN };
                assert_int_equal(segment_writer_push(o->writer, 0, &u, NULL), 0);
                o->now_us += 40000;
                if (o->sealed_n > o->written_n + 1)
                        vault_owner_settle(o);
        }
        vault_owner_settle(o);
}

/* 16 s in four segments; the second and the fourth lie on the other volume, with the keys. */
static int setup(void **state)
{
        struct fixture *f = xcalloc(1, sizeof *f);
        struct vault_owner *o = f->o = vault_owner_new(SECOND, 4 * SECOND, 0);

        vault_owner_begin(o, &vault_owner_h264, 1, SEAL_GAP_START);
        play(o, 16);
        vault_owner_stop(o);
        snprintf(f->other, sizeof f->other, "%s/.other", o->dir);
        snprintf(f->path, sizeof f->path, "%s/.storage", o->dir);
        run("mkdir %s %s && cp -r %s/keys %s/keys", f->path, f->other, o->dir, f->other);
        for (unsigned i = 1; i < 4; i += 2) {
                const char *key = o->segments[i].object_key;
                run("mkdir -p $(dirname %s/%s) && mv %s/%s %s/%s", f->other, key, o->dir, key,
                        f->other, key);
        }
        f->volumes = (struct volume_list){ .n = 2,
                .entries = { { .name = "main" }, { .number = 7, .name = "archive" } } };
        snprintf(f->volumes.entries[0].path, VOLUME_PATH_MAX, "%s", o->dir);
        snprintf(f->volumes.entries[1].path, VOLUME_PATH_MAX, "%s", f->other);
        *state = f;
        return 0;
}

static int teardown(void **state)
{
        struct fixture *f = *state;

        vault_owner_free(f->o);
        free(f);
        return 0;
}

/* --- the index --- */

struct rows {
        unsigned n;
        struct index_segment rows[16];
};

static int keep_row(void *owner, const struct index_segment *s, struct err *e)
{
        struct rows *r = owner;

        (void)e;
        assert_true(r->n < ARRAY_LEN(r->rows));
        r->rows[r->n++] = *s;
        return 0;
}

static struct rebuild_result rebuild(struct fixture *f, struct rows *r)
{
        struct rebuild_result result;
        struct index *ix;

        r->n = 0;
        assert_int_equal(rebuild_index(f->path, &f->volumes, NULL, NULL, &result, NULL), 0);
        assert_int_equal(index_open(f->path, &ix, NULL), 0);
        assert_int_equal(index_search(ix, NULL, INT64_MIN, INT64_MAX, keep_row, r, NULL), 0);
        index_free(ix);
        return result;
}

static void test_one_chain(void **state)
{
        struct fixture *f = *state;
        static struct rows rows;
        struct rebuild_result r = rebuild(f, &rows);

        assert_true(r.segments == 4 && r.streams == 1 && r.away_n == 0 && r.copies == 0);
        assert_int_equal(rows.n, 4);
        for (unsigned i = 0; i < 4; i++) {
                assert_string_equal(rows.rows[i].object_key, f->o->segments[i].object_key);
                assert_int_equal(rows.rows[i].volume, i % 2 ? 7 : 0);
        }
}

static void test_a_volume_is_away(void **state)
{
        struct fixture *f = *state;
        static struct rows rows;

        run("mv %s %s.away", f->other, f->other);
        struct rebuild_result r = rebuild(f, &rows);
        run("mv %s.away %s", f->other, f->other);
        assert_true(r.segments == 2 && r.away_n == 1 && r.away[0].number == 7);
        assert_non_null(strstr(r.away[0].text, ".other"));
        assert_int_equal(rows.n, 2);
}

/* Its identity is asked where the list has one: no volume at all, another, an old copy of it, it.
 */
static void test_another_disk_at_the_path(void **state)
{
        struct fixture *f = *state;
        struct volume_list before = f->volumes;
        struct volume_entry *entry = &f->volumes.entries[1];
        struct volume_identity there = { .name = "archive",
                .recorder = "custos://s/recorder/main" };
        static struct rows rows;

        memset(entry->id, 1, sizeof entry->id);
        memset(entry->session, 2, sizeof entry->session);
        struct rebuild_result r = rebuild(f, &rows);
        assert_true(r.segments == 2 && r.away_n == 1 && r.away[0].number == 7);
        assert_int_equal(rows.n, 2);

        memset(there.id, 3, sizeof there.id);
        memset(there.session, 2, sizeof there.session);
        assert_int_equal(volume_identity_write(f->other, &there, NULL), 0);
        r = rebuild(f, &rows);
        assert_true(r.away_n == 1 && strstr(r.away[0].text, fault_text(FAULT_VOLUME_FOREIGN)));

        memset(there.id, 1, sizeof there.id);
        memset(there.session, 4, sizeof there.session);
        assert_int_equal(volume_identity_write(f->other, &there, NULL), 0);
        r = rebuild(f, &rows);
        assert_true(r.away_n == 1 && strstr(r.away[0].text, fault_text(FAULT_VOLUME_STALE)));

        memset(there.session, 2, sizeof there.session);
        assert_int_equal(volume_identity_write(f->other, &there, NULL), 0);
        r = rebuild(f, &rows);
        assert_true(r.segments == 4 && r.away_n == 0);
        f->volumes = before;
        run("rm %s/volume.json", f->other);
}

static void test_copies(void **state)
{
        struct fixture *f = *state;
        const char *key = f->o->segments[0].object_key;
        static struct rows rows;

        run("cp %s/%s %s/%s", f->o->dir, key, f->other, key);
        struct rebuild_result r = rebuild(f, &rows);
        assert_true(r.segments == 4 && r.copies == 1 && rows.n == 4);
        assert_int_equal(rows.rows[0].volume, 0);
        run("rm %s/%s", f->other, key);
}

static void test_locks(void **state)
{
        struct fixture *f = *state;
        struct lock_record lock = { .id = LOCK_ID,
                .stream = VAULT_OWNER_STREAM,
                .from_us = VAULT_OWNER_START_US,
                .to_us = VAULT_OWNER_START_US + SECOND,
                .made_us = VAULT_OWNER_START_US,
                .by = "somebody",
                .reason = "a theft" };
        CLEANUP(own_freep) char *path = xasprintf("%s/locks/%s.json", f->other, lock.id);
        CLEANUP(buf_done) struct buf text;
        static struct rows rows;

        buf_init(&text, LOCK_RECORD_FILE_MAX);
        assert_int_equal(lock_record_format(&lock, &text, NULL), 0);
        run("mkdir -p %s/locks %s/locks", f->o->dir, f->other);
        assert_int_equal(file_write_atomic(path, buf_bytes(&text), 0600, NULL), 0);
        run("echo '{' > %s/locks/broken.json", f->other);
        struct rebuild_result r = rebuild(f, &rows);
        assert_true(r.locks == 1 && r.unreadable_locks == 1);
        run("cp %s %s/locks/", path, f->o->dir); /* as it should be: on each */
        r = rebuild(f, &rows);
        assert_int_equal(r.locks, 1);
}

/* --- the check --- */

struct said {
        unsigned n;
        char text[4000];
};

static void on_fault(void *owner, const char *where, const char *text)
{
        struct said *said = owner;
        size_t n = strlen(said->text);

        said->n++;
        snprintf(said->text + n, sizeof said->text - n, "%s: %s\n", where, text);
}

static struct vault_check_result check(struct fixture *f, bool with_key, struct said *said)
{
        struct vault_check_options o = { .index = f->path,
                .private_key = with_key ? f->o->private_key : NULL,
                .on_fault = on_fault,
                .owner = said };
        struct vault_check_result result;
        struct vault_set set;

        *said = (struct said){ 0 };
        vault_set_of_list(&f->volumes, &set);
        assert_int_equal(vault_check(&set, &o, &result, NULL), 0);
        vault_set_done(&set);
        return result;
}

static void test_check(void **state)
{
        struct fixture *f = *state;
        static struct rows rows;
        struct said said;

        run("rm -rf %s/locks %s/locks", f->o->dir, f->other);
        rebuild(f, &rows);
        struct vault_check_result r = check(f, true, &said);
        assert_string_equal(said.text, "");
        assert_true(r.segments == 4 && r.fragments == 16 && r.decrypted == 16 && r.key_files == 2);

        /* A lock that cannot be read, and one under another name. */
        run("mkdir -p %s/locks && echo '{' > %s/locks/" LOCK_ID ".json", f->other, f->other);
        r = check(f, false, &said);
        assert_true(r.faults == 1 && r.locks == 1);
        assert_non_null(strstr(said.text, "archive:locks/" LOCK_ID));
        run("rm -r %s/locks", f->other);

        /* volume.json of another form. */
        run("echo '{}' > %s/volume.json", f->other);
        r = check(f, false, &said);
        assert_true(r.faults == 1 && strstr(said.text, "archive:volume.json"));
        run("rm %s/volume.json", f->other);

        /* A volume is whole by itself, or it is said. */
        run("mv %s/keys %s/.keys", f->other, f->other);
        r = check(f, true, &said);
        assert_int_equal(r.faults, 1);
        assert_int_equal(r.decrypted, 16); /* by the key on the first */
        assert_non_null(strstr(said.text, "lies on main alone: archive cannot be read by itself"));
        run("mv %s/.keys %s/keys", f->other, f->other);

        /* Moved by hand. */
        const char *key = f->o->segments[0].object_key;
        run("mv %s/%s %s/%s", f->o->dir, key, f->other, key);
        r = check(f, false, &said);
        assert_true(r.faults == 1 && strstr(said.text, "another volume"));
        run("mv %s/%s %s/%s", f->other, key, f->o->dir, key);
}

static void test_check_of_a_volume_that_is_away(void **state)
{
        struct fixture *f = *state;
        static struct rows rows;
        struct said said;

        rebuild(f, &rows);
        run("mv %s %s.away", f->other, f->other);
        struct vault_check_result r = check(f, true, &said);
        run("mv %s.away %s", f->other, f->other);
        assert_int_equal(r.faults, 1); /* and not one for each of its rows */
        assert_true(r.segments == 2 && strstr(said.text, "archive: this volume cannot be looked"));
}

/* What is told of a volume that is not there. */
static void test_seen(void **state)
{
        struct fixture *f = *state;
        static struct rows rows;
        struct vault_set set;
        struct index *ix;

        rebuild(f, &rows);
        run("mv %s %s.away", f->other, f->other);
        vault_set_of_list(&f->volumes, &set);
        run("mv %s.away %s", f->other, f->other);
        assert_int_equal(vault_set_away_n(&set), 1);
        assert_int_equal(index_open(f->path, &ix, NULL), 0);
        vault_set_note_seen(&set, ix);
        index_free(ix);
        assert_non_null(strstr(set.members[1].away, "until 2026-11-22T15:00:15.960Z"));
        vault_set_done(&set);
}

/* --- without the media --- */

static void same_segments(struct bytes whole, struct bytes skim)
{
        struct segment a, b;

        assert_int_equal(whole.n, skim.n);
        assert_int_equal(segment_read(whole, &a, NULL), 0);
        assert_int_equal(segment_read(skim, &b, NULL), 0);
        assert_int_equal(a.fragments_n, b.fragments_n);
        assert_int_equal(a.closed, b.closed);
        assert_true(a.unsealed_from == b.unsealed_from && a.faults_n == b.faults_n);
        for (unsigned i = 0; i < a.fragments_n; i++) {
                struct bytes x = a.fragments[i].seal_payload, y = b.fragments[i].seal_payload;
                assert_true(x.n == y.n && memcmp(x.p, y.p, x.n) == 0);
                assert_int_equal(a.fragments[i].offset, b.fragments[i].offset);
                x = a.fragments[i].moof;
                y = b.fragments[i].moof;
                assert_true(x.n == y.n && memcmp(x.p, y.p, x.n) == 0);
        }
        segment_done(&a);
        segment_done(&b);
}

/* Whole, cut anywhere, and with a box in the middle that is none: as the whole file reads. */
static void test_skim(void **state)
{
        struct fixture *f = *state;
        CLEANUP(own_freep)
        char *path = xasprintf("%s/%s", f->o->dir, f->o->segments[0].object_key);
        CLEANUP(own_freep) char *copy = xasprintf("%s/.copy", f->o->dir);
        CLEANUP(buf_done) struct buf whole;
        struct segment_skim skim;
        struct err e;

        buf_init(&whole, ROOM);
        assert_int_equal(file_read(path, ROOM, &whole, NULL), 0);
        for (size_t n = whole.n; n > 20000; n -= n > 40000 ? 9973 : 997) {
                assert_int_equal(file_write_atomic(copy, BYTES(whole.p, n), 0600, NULL), 0);
                assert_int_equal(segment_skim_open(copy, &skim, &e), 0);
                same_segments(BYTES(whole.p, n), skim.bytes);
                segment_skim_close(&skim);
        }
        struct segment s;
        assert_int_equal(segment_read(buf_bytes(&whole), &s, NULL), 0);
        uint64_t at = s.fragments[1].offset;
        segment_done(&s);
        memset(whole.p + at, 0xff, 8);
        assert_int_equal(file_write_atomic(copy, buf_bytes(&whole), 0600, NULL), 0);
        assert_int_equal(segment_skim_open(copy, &skim, &e), 0);
        same_segments(buf_bytes(&whole), skim.bytes);
        segment_skim_close(&skim);
        assert_int_equal(segment_skim_open("/nonexistent/x.mp4", &skim, &e), ERR_NOT_FOUND);
        assert_int_equal(segment_skim_open(f->o->dir, &skim, &e), ERR_INVALID);
        assert_int_equal(unlink(copy), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_one_chain),
                cmocka_unit_test(test_a_volume_is_away),
                cmocka_unit_test(test_another_disk_at_the_path),
                cmocka_unit_test(test_copies),
                cmocka_unit_test(test_locks),
                cmocka_unit_test(test_check),
                cmocka_unit_test(test_check_of_a_volume_that_is_away),
                cmocka_unit_test(test_seen),
                cmocka_unit_test(test_skim),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
