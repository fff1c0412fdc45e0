/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Readers of a live stream: whole things or nothing, whole groups behind what was left out, never
 * more than the credit, and none waits for another.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/own.h"
#include "base/pack.h"
#include "hub/hub_group.h"

#define KIB 1024u

static struct hub_group group;
static uint64_t number; /* of the next message */

/* One message; what is sealed is `bytes` of its number's low byte. */
static int push_message(uint8_t kind, uint16_t flags, size_t bytes)
{
        CLEANUP(own_freep) uint8_t *m = xcalloc(1, MEDIA_MESSAGE_MAX);
        struct media_message head = {
                .kind = kind, .flags = flags, .number = number++, .time_us = 7
        };

        media_message_format(&head, m);
        memset(m + MEDIA_MESSAGE_HEADER_BYTES, (int)head.number, bytes);
        return hub_group_push(&group, BYTES(m, MEDIA_MESSAGE_HEADER_BYTES + bytes), NULL);
}

/* Costs `bytes` in all, in as many messages as it takes. */
static void push(uint8_t kind, uint16_t flags, size_t bytes)
{
        while (bytes > MEDIA_MESSAGE_MAX) {
                size_t part = MEDIA_MESSAGE_MAX - 40; /* leaves enough for a last one */

                assert_int_equal(push_message(kind, flags | MEDIA_MESSAGE_MORE,
                                         part - MEDIA_MESSAGE_HEADER_BYTES),
                        0);
                bytes -= part;
        }
        assert_int_equal(push_message(kind, flags, bytes - MEDIA_MESSAGE_HEADER_BYTES), 1);
}

static void header(size_t bytes)
{
        push(MEDIA_MESSAGE_HEADER, 0, bytes);
}

static void key(size_t bytes)
{
        push(MEDIA_MESSAGE_FRAGMENT, MEDIA_MESSAGE_KEY, bytes);
}

static void frame(size_t bytes)
{
        push(MEDIA_MESSAGE_FRAGMENT, 0, bytes);
}

/* Everything that is on its way to r, one letter a thing: H, K, f; with a ! before what says that
 * something was left out. *ret_bytes: what it costs. */
static const char *take(struct hub_reader *r, uint64_t *ret_bytes)
{
        static char said[4096];
        struct media_message_join join;
        struct buf out;
        size_t n = 0;

        media_message_join_init(&join, MEDIA_MESSAGE_THING_MAX);
        buf_init(&out, MEDIA_MESSAGE_MAX);
        *ret_bytes = 0;
        while (hub_reader_pop(r, &out)) {
                struct media_message m, thing;
                struct bytes sealed;

                assert_int_equal(media_message_parse(buf_bytes(&out), &m, &sealed, NULL), 0);
                assert_int_equal(m.subscription, r->subscription);
                assert_int_equal(sealed.p[0], (uint8_t)m.number);
                *ret_bytes += out.n;
                int whole = media_message_join_push(&join, &m,
                        bytes_sub(sealed, 0, sealed.n - MEDIA_MESSAGE_TAG_BYTES), &thing, NULL);
                assert_true(whole >= 0);
                if (whole) {
                        if (thing.flags & MEDIA_MESSAGE_SKIPPED)
                                said[n++] = '!';
                        said[n++] = thing.kind == MEDIA_MESSAGE_HEADER ? 'H'
                                    : thing.kind == MEDIA_MESSAGE_GAP  ? 'g'
                                    : thing.flags & MEDIA_MESSAGE_KEY  ? 'K'
                                                                       : 'f';
                }
                buf_clear(&out);
        }
        assert_true(hub_reader_empty(r) && !join.open);
        said[n] = '\0';
        media_message_join_done(&join);
        buf_done(&out);
        return said;
}

#define assert_takes(r, what)                                                                      \
        do {                                                                                       \
                uint64_t bytes_;                                                                   \
                assert_string_equal(take(r, &bytes_), what);                                       \
                assert_int_equal(hub_reader_credit(r, bytes_, NULL), 0);                           \
        } while (0)

static struct hub_reader *reader(uint32_t subscription, uint64_t window)
{
        struct hub_reader *r = xcalloc(1, sizeof *r);

        assert_int_equal(hub_reader_init(r, subscription, window, NULL), 0);
        hub_group_add(&group, r);
        return r;
}

static void reader_free(struct hub_reader *r)
{
        hub_group_remove(&group, r);
        hub_reader_done(r);
        free(r);
}

static int setup(void **state)
{
        (void)state;
        group = (struct hub_group){ 0 };
        number = 0;
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        hub_group_done(&group);
        return 0;
}

static void all_comes_in_order(void **state)
{
        struct hub_reader *r = reader(9, HUB_READER_WINDOW_MAX);

        (void)state;
        header(900);
        key(300 * KIB); /* in four messages */
        frame(KIB);
        push(MEDIA_MESSAGE_GAP, 0, 100);
        frame(96 * KIB + 41);
        key(40);
        assert_takes(r, "HKfgfK");
        assert_takes(r, "");
        assert_true(r->credit == r->window && r->left_out == 0);
        reader_free(r);
}

/* Whoever comes later waits for a header and the key frame behind it; nothing was its own before.
 */
static void begins_with_a_header(void **state)
{
        struct hub_reader *first = reader(1, HUB_READER_WINDOW_MAX);

        (void)state;
        header(900);
        key(KIB);
        frame(KIB);
        struct hub_reader *later = reader(2, HUB_READER_WINDOW_MAX);
        frame(KIB);
        key(KIB);
        frame(KIB);
        assert_takes(later, "");
        header(900);
        assert_takes(later, "");
        key(KIB);
        frame(KIB);
        assert_takes(later, "HKf");
        assert_takes(first, "HKffKfHKf");
        assert_int_equal(later->left_out, 0);
        reader_free(first);
        reader_free(later);
}

static void goes_on_with_a_key_frame(void **state)
{
        struct hub_reader *r = reader(1, 100 * KIB);

        (void)state;
        header(KIB);
        key(60 * KIB);
        frame(30 * KIB);
        frame(20 * KIB); /* no credit */
        frame(KIB);      /* there would be, but it refers to what was left out */
        key(20 * KIB);   /* not enough */
        frame(KIB);
        assert_int_equal(r->left_out, 4);
        assert_takes(r, "HKf");
        frame(KIB);
        assert_takes(r, "");
        key(20 * KIB);
        frame(KIB);
        assert_takes(r, "!Kf"); /* and says so once */
        frame(KIB);
        key(KIB);
        assert_takes(r, "fK");
        reader_free(r);
}

/* Other parameters came while there was no credit: no frame without them. */
static void a_header_is_never_left_out(void **state)
{
        struct hub_reader *r = reader(1, 64 * KIB);

        (void)state;
        header(900);
        key(60 * KIB);
        header(901);
        key(10 * KIB);
        header(902);
        key(10 * KIB);
        frame(100);
        assert_takes(r, "HK");
        key(64 * KIB - 800); /* together with the header more than there is */
        header(903);
        key(64 * KIB - 902);
        assert_takes(r, "");
        key(64 * KIB - 903);
        uint64_t bytes;
        assert_string_equal(take(r, &bytes), "H!K");
        assert_int_equal(bytes, 64 * KIB);
        assert_int_equal(r->credit, 0);
        assert_int_equal(hub_reader_credit(r, bytes, NULL), 0);
        /* One that no stream has. */
        header(HUB_READER_HEADER_MAX + 1);
        key(KIB);
        assert_takes(r, "K");
        reader_free(r);
}

static void bytes_on_the_way(const struct hub_reader *r, uint64_t *peak)
{
        uint64_t bytes = r->window - r->credit;

        assert_true(bytes <= r->window);
        *peak = bytes > *peak ? bytes : *peak;
}

/* One that takes nothing beside one that takes all: the one costs its window and no more, the other
 * misses nothing. */
static void the_slow_one_delays_nobody(void **state)
{
        struct hub_reader *slow = reader(1, 256 * KIB), *quick = reader(2, 256 * KIB);
        uint64_t peak = 0;
        unsigned random = 1, frames = 0;

        (void)state;
        header(900);
        assert_takes(quick, "");
        for (unsigned i = 0; i < 2000; i++) {
                random = random * 1103515245u + 12345u;
                size_t bytes = 40 + (random >> 8) % (20 * KIB);
                if (i % 25 == 0)
                        key(100 * KIB + bytes);
                else
                        frame(bytes);
                frames++;
                bytes_on_the_way(slow, &peak);
                assert_takes(quick, i == 0 ? "HK" : i % 25 == 0 ? "K" : "f");
        }
        assert_int_equal(quick->left_out, 0);
        assert_true(peak <= slow->window && peak > slow->window / 2);
        uint64_t bytes;
        assert_int_equal(strncmp(take(slow, &bytes), "HKf", 3), 0);
        assert_true(bytes == slow->window - slow->credit);
        assert_int_equal(hub_reader_credit(slow, bytes, NULL), 0);
        /* It takes some now and then: always groups from their beginning. */
        for (unsigned i = 0; i < 2000; i++) {
                random = random * 1103515245u + 12345u;
                if (i % 25 == 0)
                        key(60 * KIB);
                else
                        frame(8 * KIB);
                frames++;
                if ((random >> 16) % 40)
                        continue;
                for (const char *s = take(slow, &bytes); (s = strchr(s, '!')); s++)
                        assert_int_equal(s[1], 'K');
                assert_int_equal(hub_reader_credit(slow, bytes, NULL), 0);
        }
        assert_true(slow->left_out > frames / 2 && slow->left_out < frames);
        take(quick, &bytes);
        reader_free(slow);
        reader_free(quick);
}

/* All that readers have of a thing is one copy, and it goes with the last. */
static void one_copy_for_all(void **state)
{
        struct hub_reader *a = reader(1, HUB_READER_WINDOW_MAX),
                          *b = reader(2, HUB_READER_WINDOW_MAX);

        (void)state;
        header(900);
        assert_ptr_equal(a->header, b->header);
        assert_int_equal(a->header->refs, 2);
        key(KIB);
        reader_free(a);
        assert_takes(b, "HK");
        reader_free(b);
}

/* For another reason than its credit: as if it had none, up to a key frame. */
static void what_is_left_out(void **state)
{
        struct hub_reader *r = reader(1, 64 * KIB);

        (void)state;
        header(900);
        key(KIB);
        hub_reader_leave_out(r);
        frame(KIB);
        frame(KIB);
        key(KIB);
        frame(KIB);
        assert_takes(r, "HK!Kf");
        assert_int_equal(r->left_out, 3);
        reader_free(r);
}

static void credit_that_was_never_given(void **state)
{
        struct hub_reader *r = reader(1, 64 * KIB);
        struct hub_reader none;
        uint64_t bytes;

        (void)state;
        assert_int_equal(hub_reader_credit(r, 1, NULL), ERR_INVALID);
        header(900);
        key(KIB);
        assert_int_equal(hub_reader_credit(r, UINT64_MAX, NULL), ERR_INVALID);
        take(r, &bytes);
        assert_int_equal(hub_reader_credit(r, bytes + 1, NULL), ERR_INVALID);
        assert_int_equal(hub_reader_credit(r, bytes, NULL), 0);
        assert_int_equal(hub_reader_credit(r, 1, NULL), ERR_INVALID);
        assert_int_equal(hub_reader_init(&none, 1, HUB_READER_WINDOW_MIN - 1, NULL), ERR_INVALID);
        assert_int_equal(hub_reader_init(&none, 1, HUB_READER_WINDOW_MAX + 1, NULL), ERR_INVALID);
        reader_free(r);
}

/* A sender that breaks the protocol is found out before its bytes are kept. */
static void what_is_no_thing(void **state)
{
        (void)state;
        assert_int_equal(push_message(MEDIA_MESSAGE_FRAGMENT, MEDIA_MESSAGE_MORE, 100), 0);
        number++;
        assert_int_equal(push_message(MEDIA_MESSAGE_FRAGMENT, 0, 100), ERR_PROTOCOL);
        assert_null(group.gather.open);
        assert_int_equal(push_message(MEDIA_MESSAGE_FRAGMENT, MEDIA_MESSAGE_MORE, 100), 0);
        assert_int_equal(push_message(MEDIA_MESSAGE_HEADER, 0, 100), ERR_PROTOCOL);
        assert_int_equal(push_message(9, 0, 100), ERR_PROTOCOL);
        int r = 0;
        for (unsigned i = 0; i < 400 && r == 0; i++)
                r = push_message(MEDIA_MESSAGE_FRAGMENT, MEDIA_MESSAGE_MORE,
                        i % 2 ? 16 : MEDIA_MESSAGE_PART_MAX + MEDIA_MESSAGE_TAG_BYTES);
        assert_int_equal(r, ERR_EXHAUSTED);
        assert_null(group.gather.open);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(all_comes_in_order, setup, teardown),
                cmocka_unit_test_setup_teardown(begins_with_a_header, setup, teardown),
                cmocka_unit_test_setup_teardown(goes_on_with_a_key_frame, setup, teardown),
                cmocka_unit_test_setup_teardown(a_header_is_never_left_out, setup, teardown),
                cmocka_unit_test_setup_teardown(the_slow_one_delays_nobody, setup, teardown),
                cmocka_unit_test_setup_teardown(one_copy_for_all, setup, teardown),
                cmocka_unit_test_setup_teardown(what_is_left_out, setup, teardown),
                cmocka_unit_test_setup_teardown(credit_that_was_never_given, setup, teardown),
                cmocka_unit_test_setup_teardown(what_is_no_thing, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
