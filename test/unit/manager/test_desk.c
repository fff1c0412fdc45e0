/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who asks: answers find the channel that asked, and nobody else; and what an envelope says of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "manager/desk.h"

static struct loop *loop;
static struct desk *d;
static struct chan *chans[2];
static int far[2];

static int on_message(void *owner, struct chan *c, struct chan_message *m, struct err *e)
{
        (void)owner;
        (void)c;
        (void)m;
        return err_set(e, ERR_PROTOCOL, "nothing comes here");
}

static void on_end(void *owner, struct chan *c, const struct err *e)
{
        (void)owner;
        (void)c;
        (void)e;
}

static int setup(void **state)
{
        static const struct chan_events events = { on_message, on_end };

        (void)state;
        loop = loop_new();
        d = desk_new();
        for (unsigned i = 0; i < 2; i++) {
                int pair[2];
                assert_int_equal(chan_pair(pair, NULL), 0);
                chans[i] = chan_new(loop, pair[0], &events, NULL);
                far[i] = pair[1];
        }
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        for (unsigned i = 0; i < 2; i++) {
                chan_free(chans[i]);
                close(far[i]);
        }
        desk_free(d);
        loop_free(loop);
        return 0;
}

/* What came at the far end of a channel. */
static struct link_message got(unsigned i)
{
        int fds[CHAN_FDS_MAX] = { -1, -1, -1, -1 };
        struct link_message m = { 0 };
        uint16_t kind = 0;
        struct buf text;
        struct err e;

        buf_init(&text, CHAN_BODY_MAX);
        if (chan_read_blocking(far[i], 50, &kind, &text, fds, &e) >= 0)
                assert_int_equal(link_parse(buf_bytes(&text), &m, &e), 0);
        buf_done(&text);
        return m;
}

static const struct desk_who erika = { .person = "Erika",
        .gateway = "front",
        .session = "00112233445566778899aabbccddeeff",
        .role = PEOPLE_VIEWER,
        .until_us = 77 };
static const struct desk_who root = { .person = "root", .role = PEOPLE_HOST };

static void test_answers(void **state)
{
        uint64_t a = desk_ask(d, chans[0], 7, &erika), b = desk_ask(d, chans[1], 7, &root);
        struct link_message m;
        struct err why;

        (void)state;
        assert_true(a && b && a != b);
        assert_string_equal(desk_who(d, a)->session, erika.session);
        assert_string_equal(desk_by(d, a), "Erika (gateway front)");
        assert_string_equal(desk_by(d, b), "root");
        desk_answer(d, a, json_pack("{s:i}", "n", 1));
        m = got(0);
        assert_int_equal(m.id, 7);
        assert_string_equal(m.type, "answer");
        link_message_done(&m);
        assert_int_equal(got(1).id, 0);
        assert_int_equal(desk_who(d, a)->role, PEOPLE_NOBODY); /* answered once */
        desk_answer(d, a, json_object());
        assert_int_equal(got(0).id, 0);
        err_fault(&why, ERR_EXHAUSTED, FAULT_TOO_MANY_TRIES, "later");
        desk_fail_later(d, b, &why, 30);
        m = got(1);
        assert_int_equal(m.failure.code, ERR_EXHAUSTED);
        assert_int_equal(m.failure.fault, FAULT_TOO_MANY_TRIES);
        assert_int_equal(m.retry_after_s, 30);
        assert_string_equal(m.remedy, fault_remedy(FAULT_TOO_MANY_TRIES));
        link_message_done(&m);
}

static void test_gone(void **state)
{
        uint64_t a = desk_ask(d, chans[0], 1, &erika), b = desk_ask(d, chans[1], 2, &root);
        struct err why;

        (void)state;
        desk_forget(d, chans[0]);
        assert_string_equal(desk_by(d, a), "");
        assert_int_equal(desk_who(d, a)->role, PEOPLE_NOBODY);
        err_set(&why, ERR_STATE, "no");
        desk_fail(d, a, &why, "");
        assert_int_equal(got(0).id, 0);
        desk_fail(d, b, &why, "");
        struct link_message m = got(1);
        assert_int_equal(m.id, 2);
        assert_int_equal(m.failure.fault, FAULT_NONE);
        link_message_done(&m);
}

/* One that asks without end leaves room for the others. */
static void test_bounded(void **state)
{
        unsigned n = 0;

        (void)state;
        while (desk_ask(d, chans[0], 1, &erika))
                n++;
        assert_int_equal(n, DESK_ASKED_OF_ONE);
        assert_true(desk_ask(d, chans[1], 1, &root) != 0);
        desk_forget(d, chans[0]);
        assert_true(desk_ask(d, chans[0], 1, &erika) != 0);
}

#define HANDLE "00112233445566778899aabbccddeeff"

static void test_envelopes(void **state)
{
        static const char *const bad[] = {
                "{\"v\":1,\"id\":1,\"type\":\"x\",\"session\":\"0011\",\"body\":{}}",
                "{\"v\":1,\"id\":1,\"type\":\"x\",\"session\":7,\"body\":{}}",
                "{\"v\":1,\"type\":\"x\",\"session\":\"" HANDLE "\",\"body\":{}}",
                "{\"v\":1,\"id\":1,\"type\":\"answer\",\"session\":\"" HANDLE "\",\"body\":{}}",
                "{\"v\":1,\"id\":1,\"type\":\"failure\",\"code\":\"auth\",\"session\":\"" HANDLE
                "\"}",
                "{\"v\":1,\"id\":1,\"type\":\"failure\",\"code\":\"auth\",\"retry_after_s\":-1}",
                "{\"v\":1,\"id\":1,\"type\":\"failure\",\"code\":\"auth\",\"retry_after_s\":86401}",
        };
        static const char good[] =
                "{\"v\":1,\"id\":1,\"type\":\"x\",\"session\":\"" HANDLE "\",\"body\":{}}";
        struct link_message m;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(bad); i++)
                assert_int_equal(link_parse(bytes_str(bad[i]), &m, NULL), ERR_PROTOCOL);
        assert_int_equal(link_parse(bytes_str(good), &m, NULL), 0);
        assert_string_equal(m.session, HANDLE);
        link_message_done(&m);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_answers, setup, teardown),
                cmocka_unit_test_setup_teardown(test_gone, setup, teardown),
                cmocka_unit_test_setup_teardown(test_bounded, setup, teardown),
                cmocka_unit_test(test_envelopes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
