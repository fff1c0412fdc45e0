/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Stories of tampering with the directories of a vault, see test/lib/tamper.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "segment_builder.c"
#include "tamper.c"

/* Four segments; the third was cut off by a crash. */
#define DAY "IPPIPPSIPPIPPSIPPIPPEIPPIPP"
#define DAY_LETTERS "aa|aa|aa|aa"

struct story {
        char dir[64];
        struct segment_builder_site *site;
        struct segment_builder *b;
        struct verdict v;
        char said[TAMPER_ROOM];
        int overall;
};

static void path_of(struct story *s, const char *key, char to[static 300])
{
        snprintf(to, 300, "%s/%s", s->dir, key);
}

static void put_file(struct story *s, const char *key, struct bytes content)
{
        char path[300];

        path_of(s, key, path);
        for (char *p = path + strlen(s->dir) + 1; *p; p++) {
                if (*p != '/')
                        continue;
                *p = '\0';
                mkdir(path, 0700);
                *p = '/';
        }
        FILE *f = fopen(path, "wb");
        assert_non_null(f);
        if (content.n)
                assert_int_equal(fwrite(content.p, 1, content.n, f), content.n);
        fclose(f);
}

static void put_all(struct story *s, const struct segment_builder *b)
{
        for (unsigned i = 0; i < b->segments_n; i++)
                put_file(s, b->segments[i].object_key, buf_bytes(&b->segments[i].file));
}

static void story_begin(struct story *s, const char *script)
{
        *s = (struct story){ .dir = "/tmp/custos-vault-XXXXXX" };
        assert_non_null(mkdtemp(s->dir));
        s->site = segment_builder_site_new("site");
        s->b = segment_builder_new(&(struct segment_builder_options){ .seed = 1, .site = s->site });
        segment_builder_run(s->b, script);
        put_all(s, s->b);
        put_file(s, "keys/lobby-main/2026-11-22/15.0011.json", bytes_str("{}"));
        put_file(s, "index.sqlite", bytes_str("no"));
}

static void story_end(struct story *s)
{
        char command[128];

        snprintf(command, sizeof command, "rm -rf %s", s->dir);
        assert_int_equal(system(command), 0);
        verdict_done(&s->v);
        segment_builder_free(s->b);
        segment_builder_site_free(s->site);
}

static int verify_at(struct story *s, const char *path, const uint8_t *trust)
{
        struct err e = { 0 };

        verdict_done(&s->v);
        int r = verify_path(path, &(struct verify_options){ .trust = trust }, &s->v, &e);
        tamper_letters(s->b, &s->v, s->said);
        s->overall = verdict_overall(&s->v);
        if (r < 0)
                print_message("%s\n", e.text);
        return r;
}

static void expect(struct story *s, const char *letters, int overall)
{
        assert_int_equal(verify_at(s, s->dir, s->site->fingerprint), 0);
        if (strcmp(s->said, letters) != 0 || s->overall != overall ||
                (overall == 1 && !tamper_is_located(&s->v))) {
                print_error(
                        "said %s (%d), expected %s (%d)\n", s->said, s->overall, letters, overall);
                tamper_print(&s->v);
                fail();
        }
}

static void expect_says(struct story *s, enum verdict_kind kind, const char *part)
{
        if (!tamper_says(&s->v, kind, part)) {
                print_error("nobody said '%s'\n", part);
                tamper_print(&s->v);
                fail();
        }
}

static const char *key(struct story *s, unsigned i)
{
        return s->b->segments[i].object_key;
}

static void drop(struct story *s, unsigned i)
{
        char path[300];

        path_of(s, key(s, i), path);
        assert_int_equal(unlink(path), 0);
}

static void swap(struct story *s, unsigned a, unsigned b)
{
        put_file(s, key(s, a), buf_bytes(&s->b->segments[b].file));
        put_file(s, key(s, b), buf_bytes(&s->b->segments[a].file));
}

static void put_cut(struct story *s, unsigned i, uint64_t n)
{
        put_file(s, key(s, i), bytes_sub(buf_bytes(&s->b->segments[i].file), 0, n));
}

static void test_untouched(void **state)
{
        struct story s;
        char path[300];

        (void)state;
        story_begin(&s, DAY);
        expect(&s, DAY_LETTERS, 0);
        expect_says(&s, VERDICT_GAP, "unclean stop");
        expect_says(&s, VERDICT_NOTE, "complete from seal 1 of epoch");
        assert_int_equal(s.v.streams, 1);
        assert_int_equal(s.v.segments, 4);
        /* One stream of it, one file of it, and without a fingerprint. */
        path_of(&s, "lobby-main", path);
        assert_int_equal(verify_at(&s, path, s.site->fingerprint), 0);
        assert_int_equal(s.overall, 0);
        assert_string_equal(s.said, DAY_LETTERS);
        path_of(&s, key(&s, 1), path);
        assert_int_equal(verify_at(&s, path, s.site->fingerprint), 0);
        assert_string_equal(s.said, "..|aa|..|..");
        assert_int_equal(verify_at(&s, s.dir, NULL), 0);
        assert_int_equal(s.overall, 2);
        /* The beginning is not there (retention): complete from what is. */
        drop(&s, 0);
        expect(&s, "..|aa|aa|aa", 0);
        story_end(&s);
}

/* A clock that went back: later segments have earlier names, and the order is that of the seals. */
static void test_clock_back(void **state)
{
        struct story s;

        (void)state;
        story_begin(&s, "IPPIPPE");
        s.b->now_us -= INT64_C(3600000000) * 5;
        segment_builder_run(s.b, "IPPIPPSIPP");
        put_all(&s, s.b);
        assert_true(strcmp(key(&s, 1), key(&s, 0)) < 0);
        expect(&s, "aa|aa|a", 0);
        story_end(&s);
}

static void test_deleted(void **state)
{
        struct story s;

        (void)state;
        story_begin(&s, DAY);
        drop(&s, 1);
        expect(&s, "aa|mm|aa|aa", 1);
        expect_says(&s, VERDICT_REMOVED, "seals 3 to 4 of epoch");
        /* The crashed one: a whole end of an epoch. */
        story_end(&s);
        story_begin(&s, DAY);
        drop(&s, 2);
        expect(&s, "aa|aa|mm|aa", 1);
        story_end(&s);
        /* The newest: no witness, no proof. */
        story_begin(&s, DAY);
        drop(&s, 3);
        expect(&s, "aa|aa|aa|..", 0);
        story_end(&s);
}

static void test_swapped(void **state)
{
        struct story s;

        (void)state;
        story_begin(&s, DAY);
        swap(&s, 0, 1);
        expect(&s, "rr|rr|aa|aa", 1);
        assert_int_equal(s.v.kinds[VERDICT_REMOVED] + s.v.kinds[VERDICT_EDITED], 0);
        story_end(&s);
}

static void test_renamed(void **state)
{
        struct story s;

        (void)state;
        story_begin(&s, DAY);
        drop(&s, 1);
        put_file(
                &s, "lobby-main/2026-11-22/16/00-00.000Z.0.mp4", buf_bytes(&s.b->segments[1].file));
        expect(&s, "aa|rr|aa|aa", 1);
        expect_says(&s, VERDICT_REORDERED, key(&s, 1));
        story_end(&s);
}

static void test_copied(void **state)
{
        static const char *const places[] = { "lobby-main/2026-11-22/14/00-00.000Z.0.mp4",
                "lobby-main/2026-11-22/18/00-00.000Z.0.mp4", "lobby-main/2026-11-22/15/copy.mp4" };
        struct story s;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(places); i++) {
                story_begin(&s, DAY);
                put_file(&s, places[i], buf_bytes(&s.b->segments[1].file));
                expect(&s, "aa|dd|aa|aa", 1);
                expect_says(&s, VERDICT_DUPLICATED, "a copy");
                assert_int_equal(s.v.kinds[VERDICT_REORDERED], 0);
                for (size_t k = 0; k < s.v.items_n; k++)
                        if (s.v.items[k].kind == VERDICT_DUPLICATED)
                                assert_string_equal(s.v.items[k].where, places[i]);
                story_end(&s);
        }
}

static void test_truncated(void **state)
{
        struct story s;

        (void)state;
        for (unsigned i = 0; i < 2; i++) { /* a closed one, anywhere */
                story_begin(&s, DAY);
                const struct segment_builder_segment *seg = &s.b->segments[i];
                put_cut(&s, i, seg->fragments[1].offset + 700);
                expect(&s, i ? "aa|at|aa|aa" : "at|aa|aa|aa", 1);
                expect_says(&s, VERDICT_TRUNCATED, "closed with 2 fragments");
                assert_int_equal(s.v.kinds[VERDICT_REMOVED], 0);
                put_cut(&s, i, seg->fragments[1].offset);
                expect(&s, i ? "aa|at|aa|aa" : "at|aa|aa|aa", 1);
                story_end(&s);
        }
        /* One that was never closed lost a fragment more than the crash took. */
        story_begin(&s, DAY);
        put_cut(&s, 2, s.b->segments[2].fragments[1].offset);
        expect(&s, "aa|aa|at|aa", 1);
        expect_says(&s, VERDICT_TRUNCATED, "the end is missing");
        story_end(&s);
        /* Into the header. */
        story_begin(&s, DAY);
        put_cut(&s, 1, 500);
        assert_int_equal(verify_at(&s, s.dir, s.site->fingerprint), 0);
        assert_int_equal(s.overall, 1);
        expect_says(&s, VERDICT_TRUNCATED, "inside its header");
        story_end(&s);
}

/* A segment was closed with two fragments on a disk that forgot the second one, as it had not said
 * that it was durable. The recorder went on elsewhere, behind the first. */
static void disk_forgot(struct story *s, unsigned cause)
{
        story_begin(s, "IPPIPP");
        s->b->link = s->b->segments[0].seals[1].previous;
        if (cause)
                segment_builder_gap(s->b, cause, s->b->segments[0].seals[0].last_arrival_us,
                        s->b->now_us, 0);
        segment_builder_run(s->b, "IPPIPP");
        put_all(s, s->b);
        put_cut(s, 0, s->b->segments[0].fragments[1].offset);
}

static void test_what_a_disk_forgot(void **state)
{
        struct story s;

        (void)state;
        disk_forgot(&s, SEAL_GAP_DISK);
        expect(&s, "a.|aa", 0);
        expect_says(&s, VERDICT_GAP, "disk");
        /* Made ahead on that disk. */
        put_file(&s, "lobby-main/2026-11-22/15/00-00.300Z.0.mp4", BYTES(NULL, 0));
        expect(&s, "a.|aa", 0);
        /* More than the recorder knows to be gone. */
        put_cut(&s, 0, s.b->segments[0].fragments[0].offset);
        assert_int_equal(verify_at(&s, s.dir, s.site->fingerprint), 0);
        assert_int_equal(s.overall, 1);
        story_end(&s);
        disk_forgot(&s, SEAL_GAP_CAMERA_LOST);
        expect(&s, "at|aa", 1);
        story_end(&s);
}

/* What was being written when the process died, or is being written now, is no fault; elsewhere it
 * is a question. */
static void test_tails(void **state)
{
        static const uint8_t junk[3000] = { 0, 0, 9, 1, 'm', 'o', 'o', 'f', 1, 2, 3, 4 };
        struct story s;
        char path[300];

        (void)state;
        for (unsigned i = 0; i < 4; i++) {
                story_begin(&s, DAY "-");
                struct buf with = tamper_copy(&s.b->segments[i].file);
                tamper_insert(&with, with.n, BYTES(junk, sizeof junk));
                put_file(&s, key(&s, i), buf_bytes(&with));
                buf_done(&with);
                assert_int_equal(verify_at(&s, s.dir, s.site->fingerprint), 0);
                /* 0 and 1 are closed: nothing may follow. 2 crashed, and the next seal says so. 3
                 * is the newest. */
                assert_int_equal(s.overall, i < 2 ? 1 : 0);
                story_end(&s);
        }
        /* The last block of a closed file was not cut to its length: by the newest no fault, before
         * others a question. */
        for (unsigned i = 0; i < 4; i += 3) {
                static const uint8_t zeros[4096];
                story_begin(&s, DAY);
                struct buf padded = tamper_copy(&s.b->segments[i].file);
                tamper_insert(&padded, padded.n, BYTES(zeros, 4096 - padded.n % 4096));
                put_file(&s, key(&s, i), buf_bytes(&padded));
                expect(&s, DAY_LETTERS, i == 3 ? 0 : 2);
                tamper_flip(&padded, padded.n * 8 - 1);
                put_file(&s, key(&s, i), buf_bytes(&padded));
                assert_int_equal(verify_at(&s, s.dir, s.site->fingerprint), 0);
                assert_int_equal(s.overall, 1);
                buf_done(&padded);
                story_end(&s);
        }
        /* A header alone, or less: the crash came early. */
        story_begin(&s, DAY "-");
        uint64_t header = s.b->segments[3].fragments[0].offset;
        put_file(&s, "lobby-main/2026-11-22/15/59-00.000Z.0.mp4",
                bytes_sub(buf_bytes(&s.b->segments[3].file), 0, 300));
        expect(&s, DAY_LETTERS, 0);
        put_file(&s, "lobby-main/2026-11-22/15/59-00.000Z.0.mp4", BYTES(NULL, 0));
        expect(&s, DAY_LETTERS, 0);
        path_of(&s, "lobby-main/2026-11-22/15/59-00.000Z.0.mp4", path);
        unlink(path);
        /* Made ahead and never used, in the middle of the day. */
        put_file(&s, "lobby-main/2026-11-22/15/00-00.300Z.0.mp4", BYTES(NULL, 0));
        expect(&s, DAY_LETTERS, 0);
        put_cut(&s, 3, header);
        expect(&s, "aa|aa|aa|..", 0);
        story_end(&s);
}

static void test_flipped(void **state)
{
        struct story s;

        (void)state;
        /* In the picture; in the header, which must not make the rest look removed. */
        for (unsigned i = 0; i < 4; i++) {
                char expected[] = DAY_LETTERS;
                story_begin(&s, DAY);
                struct buf file = tamper_copy(&s.b->segments[i].file);
                tamper_flip(&file, (s.b->segments[i].fragments[1].moof_offset + 600) * 8);
                put_file(&s, key(&s, i), buf_bytes(&file));
                expected[3 * i + 1] = 'e';
                expect(&s, expected, 1);
                buf_done(&file);
                file = tamper_copy(&s.b->segments[i].file);
                tamper_flip(&file, 60 * 8);
                put_file(&s, key(&s, i), buf_bytes(&file));
                expected[3 * i] = 'e';
                expect(&s, expected, 1);
                assert_int_equal(s.v.kinds[VERDICT_REMOVED], 0);
                buf_done(&file);
                story_end(&s);
        }
}

/* A segment of another stream, of another site, and files that never were ours. */
static void test_foreign(void **state)
{
        struct story s;

        (void)state;
        story_begin(&s, DAY);
        struct segment_builder *door = segment_builder_new(&(struct segment_builder_options){
                .seed = 8, .stream = "door-main", .site = s.site });
        segment_builder_run(door, "IPPIPP");
        put_all(&s, door);
        expect(&s, DAY_LETTERS, 0);
        assert_int_equal(s.v.streams, 2);
        put_file(&s, "lobby-main/2026-11-22/17/00-00.000Z.0.mp4",
                buf_bytes(&door->segments[0].file));
        assert_int_equal(verify_at(&s, s.dir, s.site->fingerprint), 0);
        assert_int_equal(s.overall, 1);
        expect_says(&s, VERDICT_FOREIGN, "door-main/2026-11-22");
        segment_builder_free(door);
        story_end(&s);

        story_begin(&s, DAY);
        struct segment_builder *other =
                segment_builder_new(&(struct segment_builder_options){ .seed = 9 });
        other->now_us += INT64_C(3600000000);
        segment_builder_run(other, "IPPIPP");
        put_all(&s, other);
        assert_int_equal(verify_at(&s, s.dir, s.site->fingerprint), 0);
        assert_int_equal(s.overall, 1);
        assert_true(s.v.kinds[VERDICT_KEY_NOT_TRUSTED] > 0);
        assert_int_equal(verify_at(&s, s.dir, NULL), 0);
        assert_int_equal(s.overall, 1);
        assert_true(s.v.kinds[VERDICT_FOREIGN] > 0);
        segment_builder_free(other);
        story_end(&s);

        story_begin(&s, DAY);
        put_file(&s, "lobby-main/2026-11-22/15/59-59.000Z.0.mp4",
                bytes_str("this is not a segment, it only has its name"));
        assert_int_equal(verify_at(&s, s.dir, s.site->fingerprint), 0);
        assert_int_equal(s.overall, 1);
        assert_true(tamper_is_located(&s.v));
        story_end(&s);
}

static void test_nothing(void **state)
{
        struct story s;

        (void)state;
        story_begin(&s, DAY);
        char path[300];
        path_of(&s, "keys", path);
        assert_int_equal(verify_at(&s, path, NULL), ERR_INVALID);
        path_of(&s, "absent", path);
        assert_int_equal(verify_at(&s, path, NULL), ERR_NOT_FOUND);
        path_of(&s, "index.sqlite", path);
        assert_int_equal(verify_at(&s, path, NULL), ERR_INVALID);
        story_end(&s);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_untouched),
                cmocka_unit_test(test_clock_back),
                cmocka_unit_test(test_deleted),
                cmocka_unit_test(test_swapped),
                cmocka_unit_test(test_renamed),
                cmocka_unit_test(test_copied),
                cmocka_unit_test(test_truncated),
                cmocka_unit_test(test_what_a_disk_forgot),
                cmocka_unit_test(test_tails),
                cmocka_unit_test(test_flipped),
                cmocka_unit_test(test_foreign),
                cmocka_unit_test(test_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
