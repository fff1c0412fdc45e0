/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A porter that may have been captured at the other end of a role's channel: its peers are taken by
 * their form and site alone, and what it may not say ends it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "net/porter_link.h"

#define KEY "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

struct desk {
        struct loop *loop;
        struct porter_link *link;
        int far; /* our end of the channel */
        struct porter_link_peer peer;
        unsigned up_n, peers_n, answers_n;
        int answered; /* code of the last */
        struct timer limit;
};

static void on_up(void *owner)
{
        struct desk *d = owner;

        d->up_n++;
}

static void on_peer(void *owner, const struct porter_link_peer *peer, int fd)
{
        struct desk *d = owner;

        d->peer = *peer;
        d->peers_n++;
        close(fd);
}

static void on_answer(
        void *owner, uint64_t tag, json_t *body, const struct err *why, const char *remedy)
{
        struct desk *d = owner;

        (void)remedy;
        assert_int_equal(tag, 9);
        d->answered = body ? 0 : why->code;
        d->answers_n++;
}

static void on_limit(void *owner)
{
        loop_stop(owner);
}

static void run_for(struct desk *d, unsigned ms)
{
        timer_start(&d->limit, d->loop, ms, 0, on_limit, d->loop);
        loop_run(d->loop);
        timer_done(&d->limit);
}

static void attach(struct desk *d)
{
        int pair[2];

        assert_int_equal(chan_pair(pair, NULL), 0);
        own_closep(&d->far);
        d->far = pair[1];
        porter_link_attach(d->link, pair[0]);
}

static void begin(struct desk *d)
{
        static const struct porter_link_events events = {
                .on_up = on_up, .on_peer = on_peer, .on_answer = on_answer
        };

        *d = (struct desk){ .loop = loop_new(), .far = -1 };
        d->link = porter_link_new(d->loop, "gateway", "site", &events, d);
        attach(d);
}

static void end(struct desk *d)
{
        own_closep(&d->far);
        porter_link_free(d->link);
        loop_free(d->loop);
}

/* With the write end of a pipe in the place of a peer's channel; returns its other end. */
static int say(struct desk *d, uint16_t type, const char *text, bool with_descriptor)
{
        int ends[2];

        assert_int_equal(pipe(ends), 0);
        assert_int_equal(
                chan_write_blocking(d->far, type, bytes_str(text), &ends[1], with_descriptor, NULL),
                0);
        close(ends[1]);
        run_for(d, 50);
        return ends[0];
}

/* Whether the channel was ended. */
static bool is_over(struct desk *d)
{
        char byte;

        return recv(d->far, &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0;
}

static char *peer_text(char to[static 1024], const char *uri, const char *role, const char *name,
        const char *key, const char *more)
{
        snprintf(to, 1024,
                "{\"v\":1,\"type\":\"peer\",\"body\":{\"uri\":\"%s\",\"role\":\"%s\",\"name\":\"%s\",\"key\":\"%s\","
                "\"address\":\"192.0.2.7:4000\",\"not_after\":\"2030-01-01T00:00:00Z\",\"accepted\":true%s}}",
                uri, role, name, key, more);
        return to;
}

static void test_a_peer(void **state)
{
        char text[1024];
        struct desk d;

        (void)state;
        begin(&d);
        assert_int_equal(d.up_n, 1);
        peer_text(text, "custos://site/recorder/lab", "recorder", "lab", KEY, "");
        close(say(&d, LINK_PEER, text, true));
        assert_int_equal(d.peers_n, 1);
        assert_string_equal(d.peer.node.uri, "custos://site/recorder/lab");
        assert_string_equal(d.peer.node.role, "recorder");
        assert_string_equal(d.peer.node.name, "lab");
        assert_string_equal(d.peer.address, "192.0.2.7:4000");
        assert_int_equal(d.peer.node.key[31], 0xff);
        assert_int_equal(d.peer.node.not_after_us, INT64_C(1893456000000000));
        assert_true(d.peer.accepted);
        /* Events are for the log alone, known or not. */
        close(say(&d, LINK_MESSAGE,
                "{\"v\":1,\"type\":\"porter.refused\",\"body\":{\"text\":\"x\"}}", false));
        close(say(&d, LINK_MESSAGE, "{\"v\":1,\"type\":\"porter.new\",\"body\":{}}", false));
        assert_false(is_over(&d));
        end(&d);
}

static void test_strange_peers(void **state)
{
        static const struct {
                const char *uri, *role, *name, *key, *more;
        } bad[] = {
                { "custos://other/recorder/lab", "recorder", "lab", KEY, "" },
                { "custos://site/recorder/lab", "manager", "lab", KEY, "" },
                { "custos://site/recorder/lab", "recorder", "main", KEY, "" },
                { "custos://site/recorder/lab/x", "recorder", "lab/x", KEY, "" },
                { "custos://site/recorder/lab", "recorder", "lab", "00", "" },
                { "custos://site/recorder/lab", "recorder", "lab", KEY, ",\"more\":1" },
        };
        char text[1024], byte;
        struct desk d;

        (void)state;
        begin(&d);
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                peer_text(text, bad[i].uri, bad[i].role, bad[i].name, bad[i].key, bad[i].more);
                int other = say(&d, LINK_PEER, text, true);
                assert_int_equal(read(other, &byte, 1), 0); /* nobody kept it */
                close(other);
                assert_true(is_over(&d));
                attach(&d);
        }
        assert_int_equal(d.peers_n, 0);
        /* A peer without its channel, another event with one, and a request: this role takes none.
         */
        peer_text(text, "custos://site/recorder/lab", "recorder", "lab", KEY, "");
        close(say(&d, LINK_PEER, text, false));
        assert_true(is_over(&d));
        attach(&d);
        close(say(&d, LINK_PEER, "{\"v\":1,\"type\":\"porter.refused\",\"body\":{}}", true));
        assert_true(is_over(&d));
        attach(&d);
        close(say(
                &d, LINK_MESSAGE, "{\"v\":1,\"id\":1,\"type\":\"est.enroll\",\"body\":{}}", false));
        assert_true(is_over(&d));
        assert_int_equal(d.peers_n, 0);
        end(&d);
}

static void test_asking(void **state)
{
        struct desk d;

        (void)state;
        begin(&d);
        porter_link_ask(d.link, "porter.links", json_object(), 9, 5000);
        close(say(&d, LINK_MESSAGE, "{\"v\":1,\"id\":1,\"type\":\"answer\",\"body\":{}}", false));
        assert_int_equal(d.answers_n, 1);
        assert_int_equal(d.answered, 0);
        /* The next porter was not asked. */
        porter_link_ask(d.link, "porter.links", json_object(), 9, 5000);
        attach(&d);
        run_for(&d, 50);
        assert_int_equal(d.answers_n, 2);
        assert_int_equal(d.answered, ERR_UNAVAILABLE);
        assert_int_equal(d.up_n, 2);
        end(&d);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_peer),
                cmocka_unit_test(test_strange_peers),
                cmocka_unit_test(test_asking),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
