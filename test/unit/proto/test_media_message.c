/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bytes as docs/spec/link.md section 8 has them; things cut up and put together within bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/own.h"
#include "proto/media_message.h"

static const uint8_t golden[] = { 1, 2, 0, 5, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0, 2, 0x00, 0x06, 0x60,
        0xdd, 0xe2, 0x0c, 0x40, 0x00, 's', 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
static const struct media_message golden_message = { .kind = MEDIA_MESSAGE_FRAGMENT,
        .flags = MEDIA_MESSAGE_KEY | MEDIA_MESSAGE_SKIPPED,
        .subscription = 7,
        .number = (UINT64_C(1) << 32) + 2,
        .time_us = INT64_C(0x000660dde20c4000) };

static void the_bytes(void **state)
{
        uint8_t head[MEDIA_MESSAGE_HEADER_BYTES];
        struct media_message m;
        struct bytes sealed;

        (void)state;
        media_message_format(&golden_message, head);
        assert_memory_equal(head, golden, sizeof head);
        assert_int_equal(media_message_parse(BYTES(golden, sizeof golden), &m, &sealed, NULL), 0);
        assert_int_equal(m.kind, golden_message.kind);
        assert_int_equal(m.flags, golden_message.flags);
        assert_int_equal(m.subscription, 7);
        assert_true(m.number == golden_message.number && m.time_us == golden_message.time_us);
        assert_ptr_equal(sealed.p, golden + 24);
        assert_int_equal(sealed.n, 17);
}

/* What is set on the way is not authenticated, all else is. */
static void what_is_authenticated(void **state)
{
        uint8_t head[MEDIA_MESSAGE_HEADER_BYTES], aad[MEDIA_MESSAGE_HEADER_BYTES];
        struct media_message m = golden_message, other;

        (void)state;
        media_message_aad(&m, aad);
        other = m;
        other.subscription = 99;
        other.flags &= (uint16_t)~MEDIA_MESSAGE_SKIPPED;
        media_message_aad(&other, head);
        assert_memory_equal(aad, head, sizeof aad);
        struct media_message changed[] = { m, m, m, m, m };
        changed[0].kind++;
        changed[1].flags ^= MEDIA_MESSAGE_KEY;
        changed[2].flags ^= MEDIA_MESSAGE_MORE;
        changed[3].number++;
        changed[4].time_us++;
        for (unsigned i = 0; i < 5; i++) {
                media_message_aad(&changed[i], head);
                assert_memory_not_equal(aad, head, sizeof aad);
        }
}

static void refuses(size_t at, uint8_t value)
{
        uint8_t bad[sizeof golden];
        struct media_message m;
        struct bytes sealed;

        memcpy(bad, golden, sizeof bad);
        bad[at] = value;
        assert_int_equal(
                media_message_parse(BYTES(bad, sizeof bad), &m, &sealed, NULL), ERR_PROTOCOL);
}

static void what_is_none(void **state)
{
        CLEANUP(own_freep) uint8_t *large = xcalloc(1, MEDIA_MESSAGE_MAX + 1);
        struct media_message m;
        struct bytes sealed;

        (void)state;
        refuses(0, 0);
        refuses(0, 2);
        refuses(1, 0);
        refuses(1, 6);
        refuses(2, 1);
        refuses(3, 8);
        refuses(4, 0x80);
        for (size_t n = 0; n < 24 + 16; n++)
                assert_int_equal(
                        media_message_parse(BYTES(golden, n), &m, &sealed, NULL), ERR_PROTOCOL);
        memcpy(large, golden, sizeof golden);
        assert_int_equal(
                media_message_parse(BYTES(large, MEDIA_MESSAGE_MAX), &m, &sealed, NULL), 0);
        assert_int_equal(
                media_message_parse(BYTES(large, MEDIA_MESSAGE_MAX + 1), &m, &sealed, NULL),
                ERR_PROTOCOL);
}

/* Cuts what lies in pieces and puts it together; it has to be the same. */
static void cut_and_joined(const struct bytes *pieces, unsigned n, size_t bytes)
{
        struct media_message m = { .kind = MEDIA_MESSAGE_FRAGMENT, .number = 40, .time_us = 5 };
        unsigned parts = media_message_parts(bytes);
        struct media_message_join j;
        struct media_message got;
        uint64_t cost = 0;
        struct buf plain;

        media_message_join_init(&j, MEDIA_MESSAGE_THING_MAX);
        buf_init(&plain, MEDIA_MESSAGE_PART_MAX);
        for (unsigned i = 0; i < parts; i++) {
                struct bytes views[MEDIA_MESSAGE_PIECES_MAX];
                unsigned views_n = media_message_split(pieces, n, i, views);

                buf_clear(&plain);
                for (unsigned k = 0; k < views_n; k++)
                        assert_int_equal(buf_append(&plain, views[k], NULL), 0);
                assert_true(i + 1 == parts || plain.n == MEDIA_MESSAGE_PART_MAX);
                assert_true(plain.n > 0 || bytes == 0);
                m.flags = i + 1 < parts ? MEDIA_MESSAGE_MORE : 0;
                m.flags |= i == 0 ? MEDIA_MESSAGE_KEY : 0;
                assert_int_equal(media_message_join_push(&j, &m, buf_bytes(&plain), &got, NULL),
                        i + 1 == parts);
                cost += 24 + plain.n + 16;
                m.number++;
        }
        assert_true(cost == media_message_cost(bytes));
        assert_int_equal(got.flags, MEDIA_MESSAGE_KEY);
        assert_int_equal(j.thing.n, bytes);
        for (size_t at = 0, k = 0; k < n; at += pieces[k++].n)
                assert_true(
                        bytes_equal(bytes_sub(buf_bytes(&j.thing), at, pieces[k].n), pieces[k]));
        media_message_join_done(&j);
        buf_done(&plain);
}

static void cut_and_put_together(void **state)
{
        const size_t part = MEDIA_MESSAGE_PART_MAX;
        const size_t sizes[][3] = { { 0, 0, 0 }, { 1, 0, 0 }, { 100, 8, 700 }, { part, 0, 0 },
                { part - 1, 1, 1 }, { 100, 8, part - 108 }, { 100, 8, part - 107 },
                { 0, part + 1, part - 1 }, { part, part, part }, { 600, 8, 1 << 20 },
                { 5, 5, MEDIA_MESSAGE_THING_MAX - 10 } };
        CLEANUP(own_freep) uint8_t *data = xcalloc(1, MEDIA_MESSAGE_THING_MAX);

        (void)state;
        for (size_t i = 0; i < MEDIA_MESSAGE_THING_MAX; i++)
                data[i] = (uint8_t)(i * 2654435761u >> 13);
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
                const struct bytes pieces[] = { BYTES(data, sizes[i][0]),
                        BYTES(data + 3, sizes[i][1]), BYTES(data + 7, sizes[i][2]) };
                cut_and_joined(pieces, 3, sizes[i][0] + sizes[i][1] + sizes[i][2]);
        }
}

static int push(struct media_message_join *j, uint8_t kind, uint16_t flags, uint64_t number)
{
        struct media_message m = { .kind = kind, .flags = flags, .number = number }, got;

        return media_message_join_push(j, &m, bytes_str("12345678"), &got, NULL);
}

/* Whole things may be left out between, parts may not. */
static void a_thing_with_a_hole_is_refused(void **state)
{
        struct media_message_join j;

        (void)state;
        media_message_join_init(&j, 100);
        assert_int_equal(push(&j, 2, MEDIA_MESSAGE_MORE, 3), 0);
        assert_int_equal(push(&j, 2, 0, 4), 1);
        assert_int_equal(j.thing.n, 16);
        assert_int_equal(push(&j, 2, MEDIA_MESSAGE_MORE, 17), 0);
        assert_int_equal(push(&j, 2, 0, 19), ERR_PROTOCOL);
        assert_int_equal(push(&j, 1, 0, 18), ERR_PROTOCOL);
        assert_int_equal(push(&j, 2, 0, 18), 1);
        assert_int_equal(j.thing.n, 16);
        media_message_join_done(&j);
}

static void a_thing_without_end_is_refused(void **state)
{
        struct media_message_join j;

        (void)state;
        media_message_join_init(&j, 100);
        for (uint64_t i = 0; i < 12; i++)
                assert_int_equal(push(&j, 2, MEDIA_MESSAGE_MORE, i), 0);
        assert_int_equal(push(&j, 2, MEDIA_MESSAGE_MORE, 12), ERR_EXHAUSTED);
        assert_true(j.thing.n <= 100);
        media_message_join_done(&j);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_bytes),
                cmocka_unit_test(what_is_authenticated),
                cmocka_unit_test(what_is_none),
                cmocka_unit_test(cut_and_put_together),
                cmocka_unit_test(a_thing_with_a_hole_is_refused),
                cmocka_unit_test(a_thing_without_end_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
