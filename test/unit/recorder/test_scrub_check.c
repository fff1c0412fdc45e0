/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One segment by itself: sound, rotten in each of its parts, cut, swapped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "recorder/scrub_check.h"
#include "seal/segment.h"
#include "seal/verdict.h"
#include "vault_owner.c"

#define SECOND INT64_C(1000000)
#define ROOM (64u << 20)

struct fixture {
        struct vault_owner *o;
        struct buf whole, open, other; /* a closed segment, one of a killed recorder, the next */
        struct message_scrub asked[3]; /* for each */
};

static void take(struct vault_owner *o, unsigned i, struct buf *to, struct message_scrub *asked)
{
        CLEANUP(own_freep) char *path = xasprintf("%s/%s", o->dir, o->segments[i].object_key);
        struct segment s;

        buf_init(to, ROOM);
        assert_int_equal(file_read(path, ROOM, to, NULL), 0);
        snprintf(asked->stream, sizeof asked->stream, "%s", VAULT_OWNER_STREAM);
        snprintf(asked->object_key, sizeof asked->object_key, "%s", o->segments[i].object_key);
        assert_int_equal(segment_read(buf_bytes(to), &s, NULL), 0);
        assert_true(s.fragments_n > 1);
        seal_hash(s.fragments[s.fragments_n - 1].seal_payload, asked->last_hash);
        segment_done(&s);
}

static int setup(void **state)
{
        struct fixture *f = xcalloc(1, sizeof *f);
        struct vault_owner *o = f->o = vault_owner_new(SECOND, 4 * SECOND, 0);
        CLEANUP(buf_done) struct buf frame;

        buf_init(&frame, ROOM);
        vault_owner_begin(o, &vault_owner_h264, 1, SEAL_GAP_START);
        for (unsigned i = 0; i < 25 * 11; i++) {
                vault_owner_frame(i, i % 25 == 0, i % 25 == 0 ? 4000 : 700, &frame);
                struct access_unit u = { .data = buf_bytes(&frame),
                        .pts = (int64_t)i * 3600,
                        .key = i % 25 == 0,
                        .arrival_us = o->now_us,
                        .sender_us = INT64_MIN };
                assert_int_equal(segment_writer_push(o->writer, 0, &u, NULL), 0);
                o->now_us += 40000;
                if (o->sealed_n > o->written_n + 1)
                        vault_owner_settle(o);
        }
        vault_owner_settle(o);
        take(o, 0, &f->whole, &f->asked[0]);
        take(o, 1, &f->other, &f->asked[1]);
        take(o, 2, &f->open, &f->asked[2]);
        *state = f;
        return 0;
}

static int teardown(void **state)
{
        struct fixture *f = *state;

        buf_done(&f->whole);
        buf_done(&f->other);
        buf_done(&f->open);
        vault_owner_free(f->o);
        free(f);
        return 0;
}

static struct message_scrubbed check(
        struct fixture *f, struct bytes file, const struct message_scrub *asked)
{
        struct message_scrubbed m = { 0 };

        scrub_check(file, asked, f->o->site->fingerprint, &m);
        return m;
}

static void test_sound(void **state)
{
        struct fixture *f = *state;
        const struct buf *files[] = { &f->whole, &f->other, &f->open };

        for (unsigned i = 0; i < 3; i++) {
                struct message_scrubbed m = check(f, buf_bytes(files[i]), &f->asked[i]);
                assert_string_equal(m.text, "");
                assert_int_equal(m.verdict, VERDICT_AUTHENTIC);
                assert_int_equal(m.bytes, files[i]->n);
        }
        struct message_scrub unknown = f->asked[0];
        memset(unknown.last_hash, 0, sizeof unknown.last_hash);
        assert_int_equal(check(f, buf_bytes(&f->whole), &unknown).verdict, VERDICT_AUTHENTIC);
}

/* Every 97th byte of the file, one bit of it: found, wherever it is, and where it is in a fragment
 * with that fragment's time. Padding in front of the first fragment and what index boxes hold is
 * found too. */
static void test_one_bit(void **state)
{
        struct fixture *f = *state;
        struct segment s;
        unsigned timed = 0;

        assert_int_equal(segment_read(buf_bytes(&f->whole), &s, NULL), 0);
        for (size_t at = 0; at < f->whole.n; at += 97) {
                f->whole.p[at] ^= 0x10;
                struct message_scrubbed m = check(f, buf_bytes(&f->whole), &f->asked[0]);
                f->whole.p[at] ^= 0x10;
                if (m.verdict == VERDICT_AUTHENTIC || !m.text[0])
                        fail_msg("byte %zu of %zu", at, f->whole.n);
                for (unsigned i = 0; i < s.fragments_n; i++) {
                        const struct segment_fragment *x = &s.fragments[i];
                        if ((uint64_t)(x->mdat.p - f->whole.p) <= at &&
                                (uint64_t)(x->mdat.p - f->whole.p) + x->mdat.n > at) {
                                assert_int_equal(m.verdict, VERDICT_EDITED);
                                assert_int_equal(m.at_us, x->seal.first_arrival_us);
                                timed++;
                        }
                }
        }
        assert_true(timed > 100);
        segment_done(&s);
}

static void test_cut(void **state)
{
        struct fixture *f = *state;
        struct segment s;

        for (size_t n = 0; n < f->whole.n; n += 211) {
                struct message_scrubbed m = check(f, BYTES(f->whole.p, n), &f->asked[0]);
                if (m.verdict == VERDICT_AUTHENTIC)
                        fail_msg("cut at %zu of %zu", n, f->whole.n);
        }
        /* One that was never closed, cut behind a whole fragment: sound by itself. */
        assert_int_equal(segment_read(buf_bytes(&f->open), &s, NULL), 0);
        size_t n = s.fragments[s.fragments_n - 2].end;
        struct message_scrubbed m = check(f, BYTES(f->open.p, n), &f->asked[2]);
        assert_int_equal(m.verdict, VERDICT_TRUNCATED);
        assert_int_equal(m.at_us, s.fragments[s.fragments_n - 2].seal.last_arrival_us);
        segment_done(&s);
}

static void test_another(void **state)
{
        struct fixture *f = *state;
        struct message_scrub other_stream = f->asked[0];
        struct message_scrubbed m = check(f, buf_bytes(&f->other), &f->asked[0]);

        assert_int_equal(m.verdict, VERDICT_REORDERED);
        assert_non_null(strstr(m.text, f->asked[1].object_key));
        snprintf(other_stream.stream, sizeof other_stream.stream, "gate-main");
        assert_int_equal(check(f, buf_bytes(&f->whole), &other_stream).verdict, VERDICT_FOREIGN);
        /* Of another site, with certificates that hold by themselves. */
        uint8_t root[32] = { 1 };
        struct message_scrubbed by_others = { 0 };
        scrub_check(buf_bytes(&f->whole), &f->asked[0], root, &by_others);
        assert_int_equal(by_others.verdict, VERDICT_KEY_NOT_TRUSTED);
        m = check(f, BYTES("no segment at all", 17), &f->asked[0]);
        assert_true(m.verdict != VERDICT_AUTHENTIC);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_sound),
                cmocka_unit_test(test_one_bit),
                cmocka_unit_test(test_cut),
                cmocka_unit_test(test_another),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
