/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/own.h"
#include "edge/fault_tweak.h"

static struct fault_plan plan;

static int setup(void **state)
{
        (void)state;
        plan.n = 0;
        return 0;
}

static struct fault_plan_fault *add(const char *text)
{
        struct err e;

        if (fault_plan_add(&plan, text, &e) < 0)
                fail_msg("%s: %s", text, e.text);
        return &plan.faults[plan.n - 1];
}

static void test_what_is_written(void **state)
{
        struct fault_plan_fault *f;

        (void)state;
        f = add("close");
        assert_int_equal(f->kind, FAULT_PLAN_CLOSE);
        assert_int_equal(f->unit, FAULT_PLAN_AT_US);
        assert_int_equal(f->at, 2000000);
        assert_string_equal(f->stream, "");
        f = add("gate-1=close@0.25s");
        assert_string_equal(f->stream, "gate-1");
        assert_int_equal(f->at, 250000);
        f = add("stall@150");
        assert_int_equal(f->unit, FAULT_PLAN_AT_FRAME);
        assert_int_equal(f->at, 150);
        f = add("jump:-60@86400s");
        assert_int_equal(f->number, -60);
        assert_true(f->at == INT64_C(86400000000));
        f = add("lost:7");
        assert_int_equal(f->number, 7);
        assert_int_equal(f->unit, FAULT_PLAN_AT_START);
        f = add("status:GET_PARAMETER:454");
        assert_string_equal(f->method, "GET_PARAMETER");
        assert_int_equal(f->number, 454);
        f = add("no-answer");
        assert_string_equal(f->method, "DESCRIBE");
        f = add("no-answer:*");
        assert_string_equal(f->method, "*");
        f = add("cam=redirect:rtsps://192.0.2.1:322/a?b=c");
        assert_string_equal(f->text, "rtsps://192.0.2.1:322/a?b=c");
        assert_string_equal(f->stream, "cam");
        f = add("redirect:rtsps://192.0.2.1:322/a?b=c");
        assert_string_equal(f->stream, "");
        f = add("garbage");
        assert_int_equal(f->number, 7);
        f = add("half-open");
        assert_int_equal(f->unit, FAULT_PLAN_AT_START);
}

static void test_what_is_refused(void **state)
{
        static const char *const wrong[] = { "", "=close", "cam=", "Cam=close", "closed", "close:1",
                "close@", "close@s", "close@.5s", "close@1.s", "close@1..5s", "close@-1s",
                "close@86401s", "close@99999999999999999999s", "close@1m", "close@1.1234567s",
                "close@1e3", "jump:", "jump:x", "jump:86401", "jump:-86401", "jump:--1", "lost",
                "lost:0", "lost:101", "lost:-1", "lost:18446744073709551617", "status",
                "status:PLAY", "status:PLAY:", "status:PLAY:99", "status:PLAY:1000",
                "status:play:404", "status::404", "redirect", "redirect:", "redirect:a b",
                "wrap@1s", "basic@3", "changed-parameters", "no-answer:describe", "close\n" };
        char longest[600];
        struct err e;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
                if (fault_plan_add(&plan, wrong[i], &e) != ERR_INVALID)
                        fail_msg("%s is taken", wrong[i]);
                assert_true(strlen(e.text) > 10);
        }
        memset(longest, 'a', sizeof longest - 1);
        longest[sizeof longest - 1] = 0;
        assert_int_equal(fault_plan_add(&plan, longest, &e), ERR_INVALID);
        memcpy(longest, "redirect:", 9);
        longest[300] = 0;
        assert_int_equal(fault_plan_add(&plan, longest, &e), ERR_INVALID);
        assert_int_equal(plan.n, 0);
        for (unsigned i = 0; i < FAULT_PLAN_MAX; i++)
                add("close");
        assert_int_equal(fault_plan_add(&plan, "close", &e), ERR_EXHAUSTED);
}

/* The table is whole: each row has its name, its words, and is found by its name. */
static void test_the_table(void **state)
{
        (void)state;
        for (unsigned i = 0; i < FAULT_PLAN_KINDS; i++) {
                const char *name = fault_plan_name((enum fault_plan_kind)i);

                assert_non_null(name);
                assert_memory_equal(fault_plan_usage((enum fault_plan_kind)i), name, strlen(name));
                assert_true(strlen(fault_plan_help((enum fault_plan_kind)i)) > 10);
                for (unsigned k = 0; k < i; k++)
                        assert_string_not_equal(name, fault_plan_name((enum fault_plan_kind)k));
        }
}

static void test_whose_fault(void **state)
{
        struct rtsp_tweak tweak;

        (void)state;
        add("cam=basic");
        add("lobby3=wrong-cseq");
        assert_non_null(fault_plan_find(&plan, "cam", "cam", FAULT_PLAN_BASIC));
        assert_non_null(fault_plan_find(&plan, "cam", "cam7", FAULT_PLAN_BASIC));
        assert_null(fault_plan_find(&plan, "lobby", "lobby3", FAULT_PLAN_BASIC));
        assert_non_null(fault_plan_find(&plan, "lobby", "lobby3", FAULT_PLAN_WRONG_CSEQ));
        assert_null(fault_plan_find(&plan, "lobby", "lobby4", FAULT_PLAN_WRONG_CSEQ));
        assert_true(fault_tweak_make(&plan, "cam", "cam", &tweak));
        assert_int_equal(tweak.auth, RTSP_TWEAK_AUTH_BASIC);
        assert_false(tweak.wrong_cseq);
        assert_false(fault_tweak_make(&plan, "lobby", "lobby4", &tweak));
        add("close"); /* everybody's */
        assert_true(fault_tweak_make(&plan, "lobby", "lobby4", &tweak));
}

static void test_descriptions(void **state)
{
        static const char honest[] = "v=0\r\nm=video 0 RTP/SAVP 96\r\na=control:track0\r\n"
                                     "m=audio 0 RTP/SAVP 97\r\na=control:track1\r\n";
        struct buf sdp;
        size_t tracks = 0;

        (void)state;
        buf_init(&sdp, RTSP_TWEAK_BODY_MAX);
        assert_int_equal(buf_append(&sdp, bytes_str(honest), NULL), 0);
        assert_int_equal(fault_tweak_sdp(&plan, "cam", "cam", &sdp, NULL), 0);
        assert_true(bytes_equal(buf_bytes(&sdp), bytes_str(honest)));
        add("other-host:evil");
        add("plain-sdp");
        assert_int_equal(fault_tweak_sdp(&plan, "cam", "cam", &sdp, NULL), 0);
        assert_true(bytes_equal(buf_bytes(&sdp),
                bytes_str("v=0\r\nm=video 0 RTP/AVP 96\r\na=control:rtsps://evil/cam/track0\r\n"
                          "m=audio 0 RTP/AVP 97\r\na=control:rtsps://evil/cam/track1\r\n")));
        add("thousand-tracks:300");
        add("huge-sdp:3000000");
        assert_int_equal(fault_tweak_sdp(&plan, "cam", "cam", &sdp, NULL), 0);
        assert_true(sdp.n >= 3000000 && sdp.n < 3000100);
        for (size_t i = 0; i + 4 < 40000; i++)
                tracks += memcmp(sdp.p + i, "\r\nm=", 4) == 0;
        assert_int_equal(tracks, 302);
        buf_done(&sdp);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(test_what_is_written, setup),
                cmocka_unit_test_setup(test_what_is_refused, setup),
                cmocka_unit_test_setup(test_the_table, setup),
                cmocka_unit_test_setup(test_whose_fault, setup),
                cmocka_unit_test_setup(test_descriptions, setup),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
