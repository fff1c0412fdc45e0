/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A link with this program at its other end: answers find who asked, and nobody waits for ever. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "net/role_link.h"

struct desk {
        struct loop *loop;
        struct role_link *link;
        int far; /* our end of the channel */
        struct {
                uint64_t tag;
                int code; /* 0: answered */
        } answers[8];
        unsigned answers_n, wanted, gone_n, events_n;
        struct timer limit;
};

static void on_gone(void *owner, const struct chan *was, const char *why)
{
        struct desk *d = owner;

        (void)was;
        (void)why;
        d->gone_n++;
}

static void on_event(void *owner, const char *type, json_t *body)
{
        struct desk *d = owner;

        (void)type;
        (void)body;
        d->events_n++;
}

static void on_answer(
        void *owner, uint64_t tag, json_t *body, const struct err *why, const char *remedy)
{
        struct desk *d = owner;

        (void)remedy;
        assert_true(d->answers_n < ARRAY_LEN(d->answers));
        d->answers[d->answers_n].tag = tag;
        d->answers[d->answers_n++].code = body ? 0 : why->code;
        if (d->answers_n == d->wanted)
                loop_stop(d->loop);
}

static void on_request(void *owner, struct chan *from, const struct link_message *m)
{
        struct err why;

        (void)owner;
        if (strcmp(m->type, "good") == 0) {
                assert_int_equal(
                        link_send_answer(from, m->id, json_pack("{s:i}", "n", 7), NULL), 0);
                return;
        }
        err_set(&why, ERR_DENIED, "no");
        assert_int_equal(link_send_failure(from, m->id, &why, "ask something else", NULL), 0);
}

static void on_limit(void *owner)
{
        loop_stop(owner);
}

/* Until so many were answered in all, or it takes too long. */
static void run_until(struct desk *d, unsigned answers, unsigned ms)
{
        d->wanted = answers;
        if (d->answers_n < answers || !answers) {
                timer_start(&d->limit, d->loop, ms, 0, on_limit, d->loop);
                loop_run(d->loop);
                timer_done(&d->limit);
        }
}

static void begin(struct desk *d, bool may_ask)
{
        const struct role_link_events events = { .on_gone = on_gone,
                .on_event = on_event,
                .on_request = may_ask ? on_request : NULL,
                .on_answer = on_answer };

        *d = (struct desk){ .loop = loop_new(), .far = -1 };
        d->link = role_link_new(d->loop, "recorder lab", &events, d);
}

static void close_far(struct desk *d)
{
        own_closep(&d->far);
        d->far = -1;
}

static void attach(struct desk *d)
{
        int pair[2];

        assert_int_equal(chan_pair(pair, NULL), 0);
        close_far(d);
        d->far = pair[1];
        role_link_attach(d->link, pair[0]);
}

static void end(struct desk *d)
{
        close_far(d);
        role_link_free(d->link);
        loop_free(d->loop);
}

static void say(struct desk *d, const char *text)
{
        assert_int_equal(
                chan_write_blocking(d->far, LINK_MESSAGE, bytes_str(text), NULL, 0, NULL), 0);
}

/* What was sent to us next. */
static struct link_message heard(struct desk *d)
{
        int fds[CHAN_FDS_MAX];
        struct link_message m = { 0 };
        struct buf text;
        uint16_t type;
        struct err e;

        buf_init(&text, CHAN_BODY_MAX);
        if (chan_read_blocking(d->far, 5000, &type, &text, fds, &e) < 0 ||
                link_parse(buf_bytes(&text), &m, &e) < 0)
                fail_msg("%s", e.text);
        buf_done(&text);
        return m;
}

static void answer(struct desk *d, int64_t id)
{
        char text[120];

        snprintf(text, sizeof text, "{\"v\":1,\"id\":%d,\"type\":\"answer\",\"body\":{}}", (int)id);
        say(d, text);
}

static void test_answers_find_who_asked(void **state)
{
        struct link_message a, b;
        struct desk d;

        (void)state;
        begin(&d, false);
        attach(&d);
        role_link_ask(d.link, "a", json_object(), 11, 60000);
        role_link_ask(d.link, "nobody waits", json_object(), 0, 0);
        role_link_ask(d.link, "b", json_object(), 12, 60000);
        a = heard(&d);
        link_message_done(&a);
        a = heard(&d);
        answer(&d, a.id); /* of what nobody waits for */
        link_message_done(&a);
        b = heard(&d);
        assert_string_equal(b.type, "b");
        answer(&d, b.id);
        answer(&d, b.id); /* twice */
        answer(&d, 1);
        link_message_done(&b);
        run_until(&d, 2, 5000);
        assert_int_equal(d.answers_n, 2);
        assert_int_equal(d.answers[0].tag, 12);
        assert_int_equal(d.answers[1].tag, 11);
        assert_int_equal(d.answers[0].code | d.answers[1].code, 0);
        end(&d);
}

static void test_nobody_waits_for_ever(void **state)
{
        struct link_message m = { 0 };
        struct desk d;

        (void)state;
        begin(&d, false);
        role_link_ask(d.link, "away", json_object(), 1, 60000);
        assert_int_equal(d.answers_n, 0); /* never from within the call */
        run_until(&d, 1, 5000);
        assert_int_equal(d.answers[0].code, ERR_UNAVAILABLE);
        attach(&d);
        role_link_ask(d.link, "slow", json_object(), 2, 100);
        role_link_ask(d.link, "open", json_object(), 3, 60000);
        run_until(&d, 2, 5000);
        assert_int_equal(d.answers[1].tag, 2);
        assert_int_equal(d.answers[1].code, ERR_TIMEOUT);
        m = heard(&d);
        answer(&d, m.id); /* late: for nobody */
        link_message_done(&m);
        close_far(&d);
        run_until(&d, 3, 5000);
        assert_int_equal(d.answers_n, 3);
        assert_int_equal(d.answers[2].tag, 3);
        assert_int_equal(d.answers[2].code, ERR_UNAVAILABLE);
        assert_int_equal(d.gone_n, 1);
        assert_false(role_link_is_up(d.link));
        /* One that takes the place of another. */
        attach(&d);
        role_link_ask(d.link, "open", json_object(), 4, 60000);
        attach(&d);
        run_until(&d, 4, 5000);
        assert_int_equal(d.answers[3].tag, 4);
        assert_int_equal(d.gone_n, 2);
        assert_true(role_link_is_up(d.link));
        end(&d);
}

static void test_it_asks(void **state)
{
        struct link_message m = { 0 };
        struct desk d;

        (void)state;
        begin(&d, true);
        attach(&d);
        say(&d, "{\"v\":1,\"id\":5,\"type\":\"good\",\"body\":{}}");
        say(&d, "{\"v\":1,\"id\":6,\"type\":\"bad\",\"body\":{}}");
        say(&d, "{\"v\":1,\"type\":\"something\",\"body\":{}}");
        run_until(&d, 0, 200);
        m = heard(&d);
        assert_int_equal(m.id, 5);
        assert_int_equal(json_integer_value(json_object_get(m.body, "n")), 7);
        link_message_done(&m);
        m = heard(&d);
        assert_int_equal(m.id, 6);
        assert_int_equal(m.failure.code, ERR_DENIED);
        assert_string_equal(m.remedy, "ask something else");
        link_message_done(&m);
        assert_int_equal(d.events_n, 1);
        end(&d);
        /* Who may not ask, and does. */
        begin(&d, false);
        attach(&d);
        say(&d, "{\"v\":1,\"id\":5,\"type\":\"good\",\"body\":{}}");
        run_until(&d, 0, 200);
        assert_false(role_link_is_up(d.link));
        end(&d);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_answers_find_who_asked),
                cmocka_unit_test(test_nobody_waits_for_ever),
                cmocka_unit_test(test_it_asks),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
