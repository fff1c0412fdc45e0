/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "os/chan.h"

static uint8_t big[CHAN_BODY_MAX + 1];

static int open_fds(void)
{
        DIR *d = opendir("/proc/self/fd");
        int n = 0;

        while (readdir(d))
                n++;
        closedir(d);
        return n;
}

struct side {
        struct loop *loop;
        struct chan *chan;
        int messages, ends, end_code;
        char end_text[ERR_TEXT_BYTES];
        uint16_t last_type;
        size_t last_n;
        uint64_t sum; /* of types, in order */
        int keep_fds, kept[CHAN_FDS_MAX];
        int stop_after, fail_after, free_after;
        bool free_at_end;
        int rooms;
};

static int on_message(void *owner, struct chan *c, struct chan_message *m, struct err *e)
{
        struct side *s = owner;

        assert_ptr_equal(c, s->chan);
        s->messages++;
        s->last_type = m->type;
        s->last_n = m->body.n;
        s->sum = s->sum * 31 + m->type;
        for (unsigned i = 0; i < m->fds_n && (int)i < s->keep_fds; i++) {
                s->kept[i] = m->fds[i];
                m->fds[i] = -1;
        }
        if (s->messages == s->stop_after)
                loop_stop(s->loop);
        if (s->messages == s->free_after)
                s->chan = chan_free(c);
        if (s->messages == s->fail_after)
                return err_set(e, ERR_DENIED, "message %d refused", s->messages);
        return 0;
}

static void on_end(void *owner, struct chan *c, const struct err *e)
{
        struct side *s = owner;

        s->ends++;
        s->end_code = e->code;
        snprintf(s->end_text, sizeof s->end_text, "%s", e->text);
        if (s->free_at_end)
                s->chan = chan_free(c);
        loop_stop(s->loop);
}

static void on_room(void *owner, struct chan *c)
{
        struct side *s = owner;

        assert_int_equal(chan_queued(c), 0);
        s->rooms++;
}

static const struct chan_events events = { on_message, on_end, on_room };

/* A channel on a loop, and the bare socket of its peer. */
static int begin(struct side *s)
{
        int fds[2];

        assert_int_equal(chan_pair(fds, NULL), 0);
        s->loop = loop_new();
        s->chan = chan_new(s->loop, fds[0], &events, s);
        return fds[1];
}

static void end(struct side *s, int peer)
{
        chan_free(s->chan);
        loop_free(s->loop);
        if (peer >= 0)
                close(peer);
}

static void test_messages_in_order_of_all_sizes(void **state)
{
        static const size_t sizes[] = { 0, 1, 2, 4096, CHAN_BODY_MAX - 1, CHAN_BODY_MAX };
        struct side s = { .stop_after = 1 };
        int peer = begin(&s);

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
                assert_int_equal(chan_write_blocking(peer, (uint16_t)(i + 65000),
                                         BYTES(big, sizes[i]), NULL, 0, NULL),
                        0);
                s.stop_after = (int)i + 1;
                loop_run(s.loop);
                assert_int_equal(s.messages, i + 1);
                assert_int_equal(s.last_n, sizes[i]);
                assert_int_equal(s.last_type, i + 65000);
        }
        assert_int_equal(
                chan_write_blocking(peer, 1, BYTES(big, sizeof big), NULL, 0, NULL), ERR_INVALID);
        assert_int_equal(chan_send(s.chan, 1, BYTES(big, sizeof big), NULL, 0, NULL), ERR_INVALID);
        assert_int_equal(s.ends, 0);
        end(&s, peer);
}

static void test_descriptors_travel(void **state)
{
        int before = open_fds();
        struct side s = { .stop_after = 1, .keep_fds = 2 };
        int peer = begin(&s);
        int p[2];
        char got[4] = "";

        (void)state;
        assert_int_equal(pipe(p), 0);
        int many[] = { p[0], p[1], p[0], p[1] };
        assert_int_equal(chan_write_blocking(peer, 7, BYTES("x", 1), many, 4, NULL), 0);
        loop_run(s.loop);
        assert_true(fcntl(s.kept[0], F_GETFD) & FD_CLOEXEC);
        assert_int_equal(write(p[1], "abc", 3), 3);
        assert_int_equal(read(s.kept[0], got, 3), 3); /* the same pipe */
        assert_memory_equal(got, "abc", 3);
        close(p[0]);
        close(p[1]);
        close(s.kept[1]);
        /* All others were closed: with the last writer gone the pipe ends. */
        assert_int_equal(read(s.kept[0], got, 3), 0);
        close(s.kept[0]);
        int five[5] = { 0, 0, 0, 0, 0 };
        assert_int_equal(chan_send(s.chan, 1, BYTES("x", 1), five, 5, NULL), ERR_INVALID);
        end(&s, peer);
        assert_int_equal(open_fds(), before);
}

/* A full socket: the queue takes over, keeps order and descriptors, and everything arrives. */
static void test_queue_keeps_order(void **state)
{
        enum { N = 40 };
        struct side s = { 0 };
        int peer = begin(&s), p[2];
        int before = open_fds();
        CLEANUP(buf_done) struct buf body;
        struct err e;

        (void)state;
        buf_init(&body, CHAN_BODY_MAX);
        for (int i = 0; i < N; i++) {
                assert_int_equal(pipe(p), 0);
                big[0] = (uint8_t)i;
                assert_int_equal(
                        chan_send(s.chan, (uint16_t)i, BYTES(big, 100000), &p[0], 1, &e), 0);
                assert_int_equal(write(p[1], &i, sizeof i), sizeof i);
                close(p[0]);
                close(p[1]);
        }
        assert_true(chan_queued(s.chan) > 100000 && s.rooms == 0);
        for (int i = 0; i < N; i++) {
                uint16_t type;
                int fds[CHAN_FDS_MAX], number = -1;
                int r;
                buf_clear(&body);
                while ((r = chan_read_blocking(peer, 0, &type, &body, fds, &e)) == ERR_TIMEOUT)
                        uv_run(loop_uv(s.loop), UV_RUN_ONCE); /* until it has sent more */
                assert_int_equal(r, 0);
                assert_int_equal(type, i);
                assert_int_equal(body.n, 100000);
                assert_int_equal(body.p[0], i);
                assert_int_equal(read(fds[0], &number, sizeof number), sizeof number);
                assert_int_equal(number, i);
                assert_int_equal(fds[1], -1);
                close(fds[0]);
        }
        assert_int_equal(open_fds(), before);
        assert_int_equal(s.rooms, 1); /* once all was sent */
        end(&s, peer);
}

static void test_queue_is_bounded(void **state)
{
        struct side s = { 0 };
        int peer = begin(&s), sent = 0, r;
        struct err e;

        (void)state;
        while ((r = chan_send(s.chan, 1, BYTES(big, CHAN_BODY_MAX), NULL, 0, &e)) == 0)
                assert_in_range(++sent, 1, 100);
        assert_int_equal(r, ERR_EXHAUSTED);
        assert_in_range(sent, 63, 80); /* 8 MB and what the socket holds */
        end(&s, peer);                 /* frees the queue */
}

static void test_peers_end_comes_once_and_last(void **state)
{
        struct side s = { 0 };
        int peer = begin(&s);

        (void)state;
        for (uint16_t i = 0; i < 100; i++)
                assert_int_equal(chan_write_blocking(peer, i, BYTES("x", 1), NULL, 0, NULL), 0);
        close(peer);
        loop_run(s.loop);
        assert_int_equal(s.messages, 100);
        assert_int_equal(s.ends, 1);
        assert_int_equal(s.end_code, ERR_UNAVAILABLE);
        loop_run(s.loop);
        assert_int_equal(s.ends, 1);
        assert_int_equal(chan_send(s.chan, 1, BYTES("x", 1), NULL, 0, NULL), ERR_UNAVAILABLE);
        end(&s, -1);
}

/* The peer goes with messages of ours unread: the kernel says "reset" before what it had sent. */
static void test_end_with_unread_messages(void **state)
{
        struct side s = { .free_at_end = true };
        int peer = begin(&s);

        (void)state;
        assert_int_equal(chan_send(s.chan, 1, BYTES("unread", 6), NULL, 0, NULL), 0);
        assert_int_equal(chan_write_blocking(peer, 9, BYTES("x", 1), NULL, 0, NULL), 0);
        close(peer);
        assert_int_equal(chan_send(s.chan, 2, BYTES("late", 4), NULL, 0, NULL), ERR_UNAVAILABLE);
        assert_int_equal(s.ends, 0); /* not from within chan_send */
        loop_run(s.loop);
        assert_int_equal(s.messages, 1);
        assert_int_equal(s.last_type, 9);
        assert_int_equal(s.ends, 1);
        end(&s, -1);
}

static void test_end_with_a_queue(void **state)
{
        struct side s = { 0 };
        int peer = begin(&s), before = open_fds();

        (void)state;
        for (int i = 0; i < 20; i++)
                assert_int_equal(
                        chan_send(s.chan, 1, BYTES(big, CHAN_BODY_MAX), &peer, 1, NULL), 0);
        assert_true(open_fds() > before);
        /* Copies of the peer's own end are in its queue; only a shutdown ends it for good. */
        shutdown(peer, SHUT_RDWR);
        close(peer);
        loop_run(s.loop);
        assert_int_equal(s.ends, 1);
        assert_int_equal(open_fds(), before - 1);
        end(&s, -1);
}

static void raw_send(int fd, size_t n, const int *fds, unsigned fds_n)
{
        char room[CMSG_SPACE(16 * sizeof(int))] = "";
        struct iovec iov = { big, n };
        struct msghdr m = { .msg_iov = &iov,
                .msg_iovlen = 1,
                .msg_control = room,
                .msg_controllen = CMSG_SPACE(fds_n * sizeof(int)) };

        if (fds_n) {
                struct cmsghdr *c = CMSG_FIRSTHDR(&m);
                c->cmsg_level = SOL_SOCKET;
                c->cmsg_type = SCM_RIGHTS;
                c->cmsg_len = CMSG_LEN(fds_n * sizeof(int));
                memcpy(CMSG_DATA(c), fds, fds_n * sizeof(int));
        } else {
                m.msg_control = NULL;
                m.msg_controllen = 0;
        }
        assert_int_equal(sendmsg(fd, &m, 0), n);
}

/* What a captured peer may send: too short, too long, too many descriptors, an empty message. */
static void test_malformed_ends_it(void **state)
{
        static const struct {
                size_t n;
                unsigned fds_n;
                int code;
        } cases[] = { { 1, 0, ERR_PROTOCOL }, { CHAN_BODY_MAX + 3, 0, ERR_PROTOCOL },
                { 10, 5, ERR_PROTOCOL }, { 10, 16, ERR_PROTOCOL }, { 1, 4, ERR_PROTOCOL },
                { 0, 0, ERR_UNAVAILABLE } };
        static uint8_t oversize[CHAN_BODY_MAX + 3];
        int many[16] = { 0 };

        (void)state;
        (void)oversize;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                int before = open_fds();
                struct side s = { 0 };
                int peer = begin(&s);
                if (cases[i].n > sizeof big) {
                        assert_int_equal(send(peer, oversize, cases[i].n, 0), cases[i].n);
                } else {
                        raw_send(peer, cases[i].n, many, cases[i].fds_n);
                }
                loop_run(s.loop);
                assert_int_equal(s.messages, 0);
                assert_int_equal(s.ends, 1);
                assert_int_equal(s.end_code, cases[i].code);
                end(&s, peer);
                assert_int_equal(open_fds(), before);
        }
}

static void test_owner_refuses(void **state)
{
        struct side s = { .fail_after = 2 };
        int peer = begin(&s);

        (void)state;
        for (uint16_t i = 0; i < 5; i++)
                assert_int_equal(chan_write_blocking(peer, i, BYTES("x", 1), NULL, 0, NULL), 0);
        loop_run(s.loop);
        assert_int_equal(s.messages, 2);
        assert_int_equal(s.ends, 1);
        assert_int_equal(s.end_code, ERR_DENIED);
        assert_string_equal(s.end_text, "message 2 refused");
        end(&s, peer);
}

static void test_freed_in_its_callback(void **state)
{
        struct side s = { .free_after = 2, .fail_after = 2 };
        int before = open_fds();
        int peer = begin(&s);

        (void)state;
        for (uint16_t i = 0; i < 5; i++)
                assert_int_equal(
                        chan_write_blocking(peer, i, BYTES("x", 1), (int[]){ 0 }, 1, NULL), 0);
        loop_run(s.loop); /* nothing is left on it */
        assert_int_equal(s.messages, 2);
        assert_int_equal(s.ends, 0); /* although the callback failed as well */
        assert_null(s.chan);
        end(&s, peer);
        assert_int_equal(open_fds(), before);
}

/* Two channels on one loop share the room for messages, and one may free the other. */
static int on_message_free_other(void *owner, struct chan *c, struct chan_message *m, struct err *e)
{
        struct chan **other = owner;

        (void)c;
        (void)m;
        (void)e;
        *other = chan_free(*other);
        return 0;
}

static void on_end_ignore(void *owner, struct chan *c, const struct err *e)
{
        (void)owner;
        (void)c;
        (void)e;
}

static void test_one_frees_the_other(void **state)
{
        static const struct chan_events mutual = { on_message_free_other, on_end_ignore };
        struct loop *l = loop_new();
        struct chan *c[2];
        int a[2], b[2];

        (void)state;
        assert_int_equal(chan_pair(a, NULL), 0);
        assert_int_equal(chan_pair(b, NULL), 0);
        c[0] = chan_new(l, a[0], &mutual, &c[1]);
        c[1] = chan_new(l, b[0], &mutual, &c[0]);
        assert_int_equal(chan_write_blocking(a[1], 1, BYTES("x", 1), NULL, 0, NULL), 0);
        assert_int_equal(chan_write_blocking(b[1], 1, BYTES("x", 1), NULL, 0, NULL), 0);
        uv_run(loop_uv(l), UV_RUN_NOWAIT);
        assert_true((c[0] == NULL) != (c[1] == NULL));
        chan_free(c[0]);
        chan_free(c[1]);
        loop_free(l);
        close(a[1]);
        close(b[1]);
}

static void test_flush(void **state)
{
        struct side s = { 0 };
        int peer = begin(&s), status;

        (void)state;
        for (int i = 0; i < 30; i++)
                assert_int_equal(chan_send(s.chan, 1, BYTES(big, 100000), NULL, 0, NULL), 0);
        pid_t pid = fork();
        if (pid == 0) {
                CLEANUP(buf_done) struct buf b;
                uint16_t type;
                int fds[CHAN_FDS_MAX], n = 0;
                buf_init(&b, 30 * 100000);
                while (n < 30 && chan_read_blocking(peer, 5000, &type, &b, fds, NULL) == 0)
                        n++;
                _exit(n);
        }
        chan_flush(s.chan);
        chan_free(s.chan); /* nothing of it is lost now */
        s.chan = NULL;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(WEXITSTATUS(status), 30);
        end(&s, peer);
}

static void test_blocking(void **state)
{
        int fds[2], got[CHAN_FDS_MAX] = { 9, 9, 9, 9 };
        uint16_t type = 5;
        CLEANUP(buf_done) struct buf b, tiny;
        struct err e;

        (void)state;
        buf_init(&b, 1000);
        buf_init(&tiny, 2);
        assert_int_equal(chan_pair(fds, NULL), 0);
        assert_int_equal(chan_read_blocking(fds[0], 20, &type, &b, got, &e), ERR_TIMEOUT);
        assert_int_equal(chan_write_blocking(fds[1], 3, BYTES("abc", 3), fds, 2, &e), 0);
        int before = open_fds();
        assert_int_equal(chan_read_blocking(fds[0], 20, &type, &tiny, got, &e), ERR_EXHAUSTED);
        assert_int_equal(open_fds(), before);
        assert_int_equal(type, 5);
        assert_int_equal(got[0], 9);
        assert_int_equal(chan_write_blocking(fds[1], 3, BYTES("abc", 3), NULL, 0, &e), 0);
        assert_int_equal(chan_read_blocking(fds[0], -1, &type, &b, got, &e), 0);
        assert_int_equal(type, 3);
        assert_int_equal(got[0], -1);
        assert_memory_equal(b.p, "abc", 3);
        close(fds[1]);
        assert_int_equal(chan_read_blocking(fds[0], 20, &type, &b, got, &e), ERR_UNAVAILABLE);
        assert_int_equal(
                chan_write_blocking(fds[0], 3, BYTES("abc", 3), NULL, 0, &e), ERR_UNAVAILABLE);
        close(fds[0]);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_messages_in_order_of_all_sizes),
                cmocka_unit_test(test_descriptors_travel),
                cmocka_unit_test(test_queue_keeps_order),
                cmocka_unit_test(test_queue_is_bounded),
                cmocka_unit_test(test_peers_end_comes_once_and_last),
                cmocka_unit_test(test_end_with_unread_messages),
                cmocka_unit_test(test_end_with_a_queue),
                cmocka_unit_test(test_malformed_ends_it),
                cmocka_unit_test(test_owner_refuses),
                cmocka_unit_test(test_freed_in_its_callback),
                cmocka_unit_test(test_one_frees_the_other),
                cmocka_unit_test(test_flush),
                cmocka_unit_test(test_blocking),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
