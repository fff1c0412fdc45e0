/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which segment is looked at next, and what becomes of the answer: with a real index, and this
 * program in the place of the volumes and of the scrubber. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "os/chan.h"
#include "os/clock.h"
#include "recorder/parent_scrub.h"
#include "seal/verdict.h"
#include "vault/index_retention.h"
#include "vault/index_scrub.h"

#define SECOND INT64_C(1000000)
#define HOUR (3600 * SECOND)

/* --- volumes --- */

static struct parent_volume volumes[3];
static struct err read_fails; /* code 0: none */
static unsigned reads_n;
static bool hold_reads;
static struct {
        void (*on_file)(void *owner, int fd, const struct err *e);
        void *owner;
} held;
static struct loop *loop;
static struct timer soon;

const struct parent_volume *parent_storage_each(const struct parent_storage *s, unsigned at)
{
        (void)s;
        return at < 3 ? &volumes[at] : NULL;
}

const struct parent_volume *parent_storage_volume(const struct parent_storage *s, uint32_t number)
{
        (void)s;
        for (unsigned i = 0; i < 3; i++)
                if (volumes[i].entry.number == number)
                        return &volumes[i];
        return NULL;
}

static void answer_read(void *owner)
{
        (void)owner;
        held.on_file(held.owner, read_fails.code ? -1 : open("/dev/null", O_RDONLY), &read_fails);
}

void parent_storage_read(struct parent_storage *s, uint32_t number, const char *object_key,
        void (*on_file)(void *owner, int fd, const struct err *e), void *owner)
{
        (void)s;
        (void)object_key;
        assert_non_null(parent_storage_volume(s, number));
        reads_n++;
        held.on_file = on_file;
        held.owner = owner;
        if (!hold_reads)
                timer_start(&soon, loop, 0, 0, answer_read, NULL);
}

void parent_storage_forget(struct parent_storage *s, const void *owner)
{
        (void)s;
        (void)owner;
        timer_done(&soon);
}

/* --- the rest --- */

struct fixture {
        struct index *index;
        struct parent_scrub *scrub;
        int scrubber; /* its end of the channel */
        struct timer limit;
};

static void on_limit(void *owner)
{
        (void)owner;
        loop_stop(loop);
}

static void run_ms(struct fixture *f, unsigned ms)
{
        timer_start(&f->limit, loop, ms, 0, on_limit, f);
        loop_run(loop);
        timer_done(&f->limit);
}

static void put(struct fixture *f, uint32_t volume, const char *key, bool ended, int64_t checked_us)
{
        struct index_segment s = { .volume = volume,
                .first_us = HOUR,
                .last_us = HOUR + SECOND,
                .fragments = 3,
                .ended = ended };

        snprintf(s.stream, sizeof s.stream, "gate-main");
        snprintf(s.object_key, sizeof s.object_key, "%s", key);
        assert_int_equal(index_put(f->index, &s, NULL), 0);
        if (checked_us)
                assert_int_equal(index_scrub_set(f->index, key, checked_us, NULL, NULL), 0);
}

static void attach(struct fixture *f)
{
        int ends[2];

        assert_int_equal(chan_pair(ends, NULL), 0);
        f->scrubber = ends[0];
        parent_scrub_attach(f->scrub, ends[1]);
}

static void begin(struct fixture *f, unsigned mb_s)
{
        *f = (struct fixture){ 0 };
        loop = loop_new();
        memset(volumes, 0, sizeof volumes);
        read_fails = (struct err){ 0 };
        reads_n = 0;
        hold_reads = false;
        for (uint32_t i = 0; i < 3; i++) {
                volumes[i].entry.number = i;
                snprintf(volumes[i].entry.name, VOLUME_NAME_MAX, "v%u", i);
                volumes[i].chan = (struct chan *)volumes; /* it has a process */
        }
        assert_int_equal(index_create(NULL, &f->index, NULL), 0);
        f->scrub = parent_scrub_new(loop, f->index, NULL, mb_s);
}

static void end(struct fixture *f)
{
        parent_scrub_free(f->scrub);
        index_free(f->index);
        if (f->scrubber > 0)
                close(f->scrubber);
        loop_free(loop);
}

/* What the scrubber is asked next; false: nothing within some turns. */
static bool asked(struct fixture *f, struct message_scrub *ret)
{
        CLEANUP(buf_done) struct buf body;
        int fds[CHAN_FDS_MAX];
        uint16_t type;

        run_ms(f, 30);
        buf_init(&body, CHAN_BODY_MAX);
        if (chan_read_blocking(f->scrubber, 0, &type, &body, fds, NULL) < 0)
                return false;
        assert_int_equal(type, MESSAGE_SCRUB);
        assert_true(fds[0] >= 0);
        close(fds[0]);
        assert_int_equal(message_scrub_parse(buf_bytes(&body), ret, NULL), 0);
        return true;
}

static void answer(struct fixture *f, const struct message_scrub *q, enum verdict_kind verdict,
        int64_t at_us, const char *text)
{
        struct message_scrubbed m = { .id = q->id, .verdict = (uint8_t)verdict, .at_us = at_us };
        CLEANUP(buf_done) struct buf body;

        snprintf(m.text, sizeof m.text, "%s", text);
        buf_init(&body, CHAN_BODY_MAX);
        assert_int_equal(message_scrubbed_pack(&m, &body, NULL), 0);
        assert_int_equal(
                chan_write_blocking(f->scrubber, MESSAGE_SCRUBBED, buf_bytes(&body), NULL, 0, NULL),
                0);
}

static unsigned damaged(struct fixture *f, uint32_t volume)
{
        int64_t oldest_us;
        unsigned n;

        assert_int_equal(index_retention_checks(f->index, volume, &n, &oldest_us, NULL), 0);
        return n;
}

/* Never looked at first, then by age; never what is written, or was looked at today; one at a time,
 * over all volumes that answer. */
static void test_order(void **state)
{
        static const char *const expected[] = { "never-1", "never-2", "old", "less-old" };
        int64_t now_us = clock_wall_us();
        struct message_scrub q;
        struct fixture f;

        (void)state;
        begin(&f, 8);
        put(&f, 0, "less-old", true, now_us - 30 * HOUR);
        put(&f, 2, "old", true, now_us - 40 * HOUR);
        put(&f, 0, "today", true, now_us - HOUR);
        put(&f, 0, "written", false, 0);
        put(&f, 1, "slow", true, 0);
        put(&f, 2, "never-1", true, 0);
        put(&f, 2, "never-2", true, 0);
        volumes[1].fault = FAULT_VOLUME_SLOW;
        volumes[2].fault = FAULT_VOLUME_FULL; /* is read all the same */
        attach(&f);
        for (unsigned i = 0; i < 4; i++) {
                assert_true(asked(&f, &q));
                assert_string_equal(q.object_key, expected[i]);
                assert_string_equal(q.stream, "gate-main");
                assert_int_equal(q.bytes_a_second, 8000000);
                struct message_scrub second;
                assert_false(asked(&f, &second));
                answer(&f, &q, VERDICT_AUTHENTIC, SEAL_UNKNOWN_US, "");
        }
        assert_false(asked(&f, &q));
        assert_int_equal(damaged(&f, 0) + damaged(&f, 2), 0);
        int64_t oldest_us;
        unsigned n;
        assert_int_equal(index_retention_checks(f.index, 2, &n, &oldest_us, NULL), 0);
        assert_true(oldest_us >= now_us);
        assert_int_equal(index_retention_checks(f.index, 1, &n, &oldest_us, NULL), 0);
        assert_int_equal(oldest_us, 0);
        end(&f);
}

static void test_damage(void **state)
{
        struct message_scrub q;
        struct fixture f;
        json_t *got;

        (void)state;
        begin(&f, 8);
        put(&f, 0, "a", true, 0);
        put(&f, 0, "b", true, 0);
        put(&f, 2, "c", true, 0);
        attach(&f);
        assert_true(asked(&f, &q));
        answer(&f, &q, VERDICT_EDITED, HOUR + SECOND / 2, "mdat is not what was sealed");
        assert_true(asked(&f, &q));
        answer(&f, &q, VERDICT_AUTHENTIC, SEAL_UNKNOWN_US, "");
        assert_true(asked(&f, &q));
        answer(&f, &q, VERDICT_TRUNCATED, SEAL_UNKNOWN_US, "short");
        assert_false(asked(&f, &q));
        assert_true(damaged(&f, 0) == 1 && damaged(&f, 2) == 1);

        json_t *body = json_pack("{s:i}", "limit", 1);
        assert_int_equal(parent_scrub_damage(f.scrub, body, &got, NULL), 0);
        json_decref(body);
        json_t *first = json_array_get(json_object_get(got, "segments"), 0);
        assert_int_equal(json_array_size(json_object_get(got, "segments")), 1);
        assert_true(json_is_true(json_object_get(got, "more")));
        assert_string_equal(json_string_value(json_object_get(first, "object_key")), "a");
        assert_string_equal(json_string_value(json_object_get(first, "volume")), "v0");
        assert_string_equal(json_string_value(json_object_get(first, "text")),
                "edited at 1970-01-01T01:00:00.500Z: mdat is not what was sealed");
        body = json_pack("{s:O}", "after", json_object_get(first, "number"));
        json_decref(got);
        assert_int_equal(parent_scrub_damage(f.scrub, body, &got, NULL), 0);
        json_decref(body);
        assert_int_equal(json_array_size(json_object_get(got, "segments")), 1);
        assert_true(json_is_false(json_object_get(got, "more")));
        json_decref(got);
        body = json_pack("{s:i}", "limit", 201);
        assert_int_equal(parent_scrub_damage(f.scrub, body, &got, NULL), ERR_INVALID);
        json_decref(body);

        /* Looked at again, and sound: an error of the wire, or mended from a copy. */
        assert_int_equal(index_scrub_set(f.index, "a", SECOND, "edited", NULL), 0);
        close(f.scrubber);
        attach(&f);
        assert_true(asked(&f, &q));
        assert_string_equal(q.object_key, "a");
        answer(&f, &q, VERDICT_AUTHENTIC, SEAL_UNKNOWN_US, "");
        run_ms(&f, 30);
        assert_int_equal(damaged(&f, 0), 0);
        end(&f);
}

/* What is not there is asked for again before it is called missing; a volume that fails is left
 * alone for a minute. */
static void test_no_file(void **state)
{
        struct message_scrub q;
        struct fixture f;

        (void)state;
        begin(&f, 8);
        put(&f, 0, "gone", true, 0);
        err_set(&read_fails, ERR_NOT_FOUND, "no such file");
        attach(&f);
        assert_false(asked(&f, &q));
        assert_int_equal(reads_n, 1);
        assert_int_equal(damaged(&f, 0), 0);
        assert_int_equal(index_scrub_set(f.index, "gone", 1, NULL, NULL), 0); /* later */
        close(f.scrubber);
        attach(&f);
        assert_false(asked(&f, &q));
        assert_true(reads_n == 2 && damaged(&f, 0) == 1);

        put(&f, 1, "unreachable", true, 0);
        put(&f, 1, "too", true, 0);
        err_set(&read_fails, ERR_TIMEOUT, "no answer");
        close(f.scrubber);
        attach(&f);
        assert_false(asked(&f, &q));
        assert_true(reads_n == 3 && damaged(&f, 1) == 0);
        end(&f);
}

/* A disk that went away while it was read says nothing about the segment. */
static void test_volume_goes(void **state)
{
        struct message_scrub q;
        struct fixture f;

        (void)state;
        begin(&f, 8);
        put(&f, 0, "a", true, 0);
        attach(&f);
        assert_true(asked(&f, &q));
        volumes[0].fault = FAULT_VOLUME_IO_ERROR;
        answer(&f, &q, VERDICT_CANNOT_TELL, SEAL_UNKNOWN_US, "the medium cannot be read");
        run_ms(&f, 30);
        assert_int_equal(damaged(&f, 0), 0);
        volumes[0].fault = FAULT_NONE;
        close(f.scrubber);
        attach(&f);
        assert_true(asked(&f, &q));
        answer(&f, &q, VERDICT_CANNOT_TELL, SEAL_UNKNOWN_US, "the medium cannot be read");
        run_ms(&f, 30);
        assert_int_equal(damaged(&f, 0), 1);
        end(&f);
}

/* What ends the scrubber twice is named, and does not stop the others from being looked at. */
static void test_scrubber_ends(void **state)
{
        struct message_scrub q;
        struct fixture f;

        (void)state;
        begin(&f, 8);
        put(&f, 0, "killer", true, 0);
        put(&f, 0, "next", true, 0);
        attach(&f);
        for (unsigned i = 0; i < 2; i++) {
                assert_true(asked(&f, &q));
                assert_string_equal(q.object_key, "killer");
                assert_int_equal(damaged(&f, 0), 0);
                close(f.scrubber);
                run_ms(&f, 30);
                attach(&f);
        }
        assert_int_equal(damaged(&f, 0), 1);
        assert_true(asked(&f, &q));
        assert_string_equal(q.object_key, "next");
        end(&f);
}

static void test_none_wanted(void **state)
{
        struct message_scrub q;
        struct fixture f;

        (void)state;
        begin(&f, 0);
        put(&f, 0, "a", true, 0);
        attach(&f);
        assert_false(asked(&f, &q));
        assert_int_equal(reads_n, 0);
        end(&f);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_order),
                cmocka_unit_test(test_damage),
                cmocka_unit_test(test_no_file),
                cmocka_unit_test(test_volume_goes),
                cmocka_unit_test(test_scrubber_ends),
                cmocka_unit_test(test_none_wanted),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
