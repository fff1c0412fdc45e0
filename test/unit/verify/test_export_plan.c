/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What goes into an export: whatever the order in which segments are looked at, the same file comes
 * out, and a verifier finds it authentic; what is damaged, missing, of another site or changed
 * between the two looks stops it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "segment_builder.c"
#include "verify/export_inspect.h"
#include "verify/export_plan.h"

#define STREAM "lobby-main"
#define FOREVER INT64_C(2000000000000000)

static struct segment_builder *b;
static struct export_plan_query q;
static struct err e;

static int begin(void **state)
{
        (void)state;
        b = segment_builder_new(&(struct segment_builder_options){ .seed = 1, .stream = STREAM });
        segment_builder_run(b, "SIPPIPPSIPPIPPSIPPIPP");
        q = (struct export_plan_query){ .stream = STREAM,
                .from_us = b->segments[0].seals[0].first_arrival_us,
                .to_us = b->now_us,
                .segments_max = 100,
                .bytes_max = UINT64_C(1) << 30,
                .trust = b->site->fingerprint };
        return 0;
}

static int end(void **state)
{
        (void)state;
        b = segment_builder_free(b);
        return 0;
}

static struct export_plan *plan_new(void)
{
        struct export_plan *p;

        assert_int_equal(export_plan_new(&q, &p, &e), 0);
        return p;
}

static int add(struct export_plan *p, unsigned i)
{
        struct export_plan_segment *s;
        const struct segment_builder_segment *from = &b->segments[i];

        int r = export_plan_add(p, i, from->object_key, buf_bytes(&from->file), &s, &e);
        if (r == 1)
                export_plan_set_key(s, from->key);
        return r;
}

/* The whole file as an exporter writes it; a negative error otherwise. */
static int write_file(struct export_plan *p, struct buf *out)
{
        CLEANUP(evidence_done) struct evidence ev;
        size_t at = 0;

        evidence_init(&ev);
        int r = export_plan_settle(p, &e);
        if (r == 0)
                r = export_plan_judge(p, &e);
        if (r == 0)
                r = export_plan_join(p, &at, &ev, &e);
        if (r == 0)
                r = evidence_write_front(&ev, out, &e);
        for (size_t i = 0; i < at && r == 0; i++) {
                struct export_plan_segment *s = export_plan_segment(p, i);
                struct export_plan_source source;
                r = export_plan_open(&source, s, buf_bytes(&b->segments[s->at].file), &e);
                for (unsigned k = 0; k < s->fragments_n && r == 0; k++)
                        r = export_plan_clear(&source, k, &ev, out, &e);
                if (r == 0)
                        export_plan_close(&source);
        }
        return r == 0 ? evidence_write_back(&ev, out, &e) : r;
}

static struct buf whole(const unsigned *order, unsigned n)
{
        struct export_plan *p = plan_new();
        struct buf out;

        buf_init(&out, 64u << 20);
        for (unsigned i = 0; i < n; i++)
                assert_int_equal(add(p, order[i]), 1);
        if (write_file(p, &out) < 0)
                fail_msg("%s", e.text);
        assert_true(export_plan_bytes(p) > 0);
        export_plan_free(p);
        return out;
}

static void authentic(const struct buf *file)
{
        struct signers *signers = signers_new(b->site->fingerprint);
        struct verdict v;

        verdict_init(&v);
        assert_int_equal(export_inspect(buf_bytes(file), "x.mp4", signers, NULL, &v, &e), 0);
        v.trust_given = v.trusted = true; /* the signers were given the root */
        assert_int_equal(verdict_overall(&v), 0);
        verdict_done(&v);
        signers_free(signers);
}

static void in_any_order(void **state)
{
        struct buf first = whole((unsigned[]){ 0, 1, 2 }, 3);
        struct buf second = whole((unsigned[]){ 2, 0, 1 }, 3);

        (void)state;
        authentic(&first);
        assert_true(bytes_equal(buf_bytes(&first), buf_bytes(&second)));
        buf_done(&first);
        buf_done(&second);
}

static void of_the_asked_time(void **state)
{
        struct export_plan *p;

        (void)state;
        q.from_us = q.to_us = b->segments[1].seals[1].first_arrival_us;
        p = plan_new();
        assert_int_equal(add(p, 0), 0);
        assert_int_equal(add(p, 1), 1);
        assert_int_equal(add(p, 2), 0);
        assert_int_equal(export_plan_settle(p, &e), 0);
        assert_int_equal(export_plan_segments(p), 1);
        assert_int_equal(export_plan_segment(p, 0)->fragments_n, 1);
        export_plan_free(p);
        q.from_us = q.to_us = FOREVER;
        p = plan_new();
        assert_int_equal(add(p, 2), 0);
        assert_int_equal(export_plan_settle(p, &e), ERR_NOT_FOUND);
        export_plan_free(p);
        q.to_us = q.from_us - 1;
        assert_int_equal(export_plan_new(&q, &p, &e), ERR_INVALID);
        q.to_us = q.from_us + EXPORT_PLAN_RANGE_MAX_US + 1;
        assert_int_equal(export_plan_new(&q, &p, &e), ERR_INVALID);
}

static void one_that_is_missing(void **state)
{
        struct export_plan *p = plan_new();
        struct buf out;

        (void)state;
        buf_init(&out, 64u << 20);
        assert_int_equal(add(p, 0), 1);
        assert_int_equal(add(p, 2), 1);
        assert_int_equal(write_file(p, &out), ERR_CORRUPT);
        assert_non_null(strstr(e.text, "not whole"));
        export_plan_free(p);
        buf_done(&out);
}

static void a_changed_bit(void **state)
{
        struct buf *file = &b->segments[1].file;
        struct export_plan *p;

        (void)state;
        file->p[b->segments[1].fragments[0].moof_offset + 400] ^= 1;
        p = plan_new();
        assert_int_equal(add(p, 0), 1);
        assert_int_equal(add(p, 1), 1);
        assert_int_equal(export_plan_settle(p, &e), ERR_CORRUPT);
        export_plan_free(p);
        q.skip_damaged = true;
        p = plan_new();
        assert_int_equal(add(p, 0), 1);
        assert_int_equal(add(p, 1), 1);
        assert_int_equal(export_plan_settle(p, &e), 0);
        assert_int_equal(export_plan_damages(p), 1);
        export_plan_free(p);
}

/* Looked at, and another one when it is written: nothing of it goes out. */
static void changed_between_the_looks(void **state)
{
        struct segment_builder_segment *s = &b->segments[1];
        struct export_plan *p = plan_new();
        struct export_plan_source source;
        CLEANUP(evidence_done) struct evidence ev;
        size_t at = 0;
        struct buf out;

        (void)state;
        buf_init(&out, 64u << 20);
        evidence_init(&ev);
        for (unsigned i = 0; i < 3; i++)
                assert_int_equal(add(p, i), 1);
        assert_int_equal(export_plan_settle(p, &e), 0);
        assert_int_equal(export_plan_join(p, &at, &ev, &e), 0);
        struct export_plan_segment *planned = export_plan_segment(p, 1);
        /* Another segment of the same stream. */
        assert_int_equal(export_plan_open(&source, planned, buf_bytes(&b->segments[2].file), &e),
                ERR_CORRUPT);
        assert_int_equal(export_plan_open(&source, planned, BYTES("x", 1), &e), ERR_CORRUPT);
        /* A bit of its samples, and one of a seal. */
        struct segment whole_segment;
        segment_builder_read(b, 1, &whole_segment);
        const struct segment_fragment *f = &whole_segment.fragments[1];
        uint64_t places[] = { (uint64_t)(f->mdat.p - s->file.p) + 60, f->seal_offset + 40 };
        segment_done(&whole_segment);
        for (size_t i = 0; i < ARRAY_LEN(places); i++) {
                s->file.p[places[i]] ^= 1;
                assert_int_equal(export_plan_open(&source, planned, buf_bytes(&s->file), &e), 0);
                assert_int_equal(export_plan_clear(&source, 0, &ev, &out, &e), 0);
                size_t before = out.n;
                assert_int_equal(export_plan_clear(&source, 1, &ev, &out, &e), ERR_CORRUPT);
                assert_int_equal(out.n, before);
                export_plan_close(&source);
                s->file.p[places[i]] ^= 1;
        }
        export_plan_free(p);
        buf_done(&out);
}

static void not_of_this_site_or_stream(void **state)
{
        uint8_t other[32] = { 1 };
        struct export_plan *p;
        struct buf out;

        (void)state;
        buf_init(&out, 64u << 20);
        q.trust = other;
        p = plan_new();
        for (unsigned i = 0; i < 3; i++)
                assert_int_equal(add(p, i), 1);
        assert_int_equal(write_file(p, &out), ERR_CORRUPT);
        export_plan_free(p);
        buf_done(&out);
        q.stream = "yard-main";
        p = plan_new();
        assert_int_equal(add(p, 0), ERR_CORRUPT);
        export_plan_free(p);
}

static void without_its_key(void **state)
{
        const struct segment_builder_segment *from = &b->segments[0];
        CLEANUP(evidence_done) struct evidence ev;
        struct export_plan *p = plan_new();
        size_t at = 0;

        (void)state;
        evidence_init(&ev);
        assert_int_equal(
                export_plan_add(p, 0, from->object_key, buf_bytes(&from->file), NULL, &e), 1);
        assert_int_equal(export_plan_settle(p, &e), 0);
        assert_int_equal(export_plan_join(p, &at, &ev, &e), ERR_NOT_FOUND);
        export_plan_free(p);
}

static void no_more_than_allowed(void **state)
{
        struct export_plan *p;

        (void)state;
        q.segments_max = 2;
        p = plan_new();
        assert_int_equal(add(p, 0), 1);
        assert_int_equal(add(p, 1), 1);
        assert_int_equal(add(p, 2), ERR_EXHAUSTED);
        assert_non_null(strstr(e.text, "shorter range"));
        export_plan_free(p);
        q.segments_max = 100;
        q.bytes_max = 1000;
        p = plan_new();
        assert_int_equal(add(p, 0), ERR_EXHAUSTED);
        export_plan_free(p);
}

/* A seal that a key can be asked with is a good one of the range. */
static void the_seal_for_the_key(void **state)
{
        const struct segment_builder_segment *from = &b->segments[1];
        struct export_plan_segment *s;
        struct seal seal;

        (void)state;
        q.from_us = q.to_us = from->seals[1].first_arrival_us;
        struct export_plan *p = plan_new();
        assert_int_equal(
                export_plan_add(p, 0, from->object_key, buf_bytes(&from->file), &s, &e), 1);
        assert_int_equal(seal_parse(export_plan_seal(p, s), &seal, &e), 0);
        assert_int_equal(seal.fragment, 2);
        export_plan_free(p);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(in_any_order, begin, end),
                cmocka_unit_test_setup_teardown(of_the_asked_time, begin, end),
                cmocka_unit_test_setup_teardown(one_that_is_missing, begin, end),
                cmocka_unit_test_setup_teardown(a_changed_bit, begin, end),
                cmocka_unit_test_setup_teardown(changed_between_the_looks, begin, end),
                cmocka_unit_test_setup_teardown(not_of_this_site_or_stream, begin, end),
                cmocka_unit_test_setup_teardown(without_its_key, begin, end),
                cmocka_unit_test_setup_teardown(no_more_than_allowed, begin, end),
                cmocka_unit_test_setup_teardown(the_seal_for_the_key, begin, end),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
