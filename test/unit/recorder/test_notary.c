/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the sealer signs, and what a worker that was taken over cannot make it sign
 * (docs/spec/seal.md section 2 and 3). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "recorder/notary.h"

#define NOW INT64_C(1795362000000000)
#define SECOND INT64_C(1000000)

struct desk {
        struct notary notary;
        struct sign_key *key;
        uint8_t epoch[16], hour_key[32];
        struct buf out;
        struct err err;
};

static struct seal request_for(
        const struct desk *d, const uint8_t kid[16], uint32_t fragment, int64_t first_us)
{
        struct seal s = { .fragment = fragment,
                .first_arrival_us = first_us,
                .last_arrival_us = first_us + SECOND,
                .sender_us = SEAL_UNKNOWN_US,
                .moof_bytes = 100,
                .tracks_n = 1 };

        (void)d;
        memcpy(s.kid, kid, 16);
        memset(s.header_hash, 0x11, 32);
        s.tracks[0] =
                (struct seal_track){ .id = 1, .duration = 90000, .samples = 25, .bytes = 1000 };
        return s;
}

static struct seal with_gap(struct seal s, unsigned cause)
{
        s.gaps[s.gaps_n++] = (struct seal_gap){
                .cause = (uint8_t)cause, .from_us = SEAL_UNKNOWN_US, .to_us = s.first_arrival_us
        };
        return s;
}

static int ask_at(struct desk *d, struct seal s, int64_t now_us, int64_t boot_us)
{
        buf_clear(&d->out);
        return notary_seal(&d->notary, &s, now_us, boot_us, d->key, &d->out, &d->err);
}

static int ask(struct desk *d, struct seal s, int64_t now_us)
{
        return ask_at(d, s, now_us, 5000000);
}

static int setup(void **state)
{
        struct desk *d = xcalloc(1, sizeof *d);
        const struct seal_link none = { 0 };

        d->key = sign_key_generate();
        memset(d->epoch, 0xe1, 16);
        memset(d->hour_key, 0x42, 32);
        buf_init(&d->out, 65536);
        notary_init(&d->notary, "lobby-main", d->epoch);
        assert_int_equal(notary_open(&d->notary, &none, SEAL_UNKNOWN_US, &d->err), 0);
        *state = d;
        return 0;
}

static int teardown(void **state)
{
        struct desk *d = *state;

        notary_done(&d->notary);
        sign_key_free(d->key);
        buf_done(&d->out);
        own_freep(state);
        return 0;
}

static struct seal sealed(struct desk *d)
{
        struct seal s;

        assert_int_equal(seal_parse(buf_bytes(&d->out), &s, &d->err), 0);
        return s;
}

static void test_builds_the_rest_itself(void **state)
{
        struct desk *d = *state;
        const struct notary_segment *segment = notary_draw(&d->notary, d->hour_key);
        uint8_t commitment[32], kid[16];

        memcpy(kid, segment->kid, 16);
        struct seal request = with_gap(request_for(d, kid, 1, NOW - 2 * SECOND), SEAL_GAP_START);
        /* Fields of the sealer that a worker fills in are not looked at. */
        snprintf(request.stream, sizeof request.stream, "vault-main");
        memset(request.epoch, 0xff, 16);
        request.sequence = 77;
        request.sealed_us = 1;
        request.previous.sequence = 99;
        request.flags = 0xff & ~SEAL_LAST;
        assert_int_equal(ask(d, request, NOW), 0);
        struct seal s = sealed(d);
        assert_string_equal(s.stream, "lobby-main");
        assert_memory_equal(s.epoch, d->epoch, 16);
        assert_int_equal(s.sequence, 1);
        assert_int_equal(s.previous.sequence, 0);
        assert_int_equal(s.sealed_us, NOW);
        assert_int_equal(s.flags, SEAL_FIRST);
        uint8_t segment_key[16];
        seal_segment_key(d->hour_key, kid, segment_key);
        seal_commit_key(segment_key, kid, "lobby-main", commitment);
        assert_memory_equal(s.key_commitment, commitment, 32);
        CLEANUP(verify_key_freep) struct verify_key *public_key = sign_key_public(d->key);
        assert_true(seal_signature_ok(buf_bytes(&d->out), public_key));
}

static void test_chains(void **state)
{
        struct desk *d = *state;
        uint8_t kid[16], hash[32];

        memcpy(kid, notary_draw(&d->notary, d->hour_key)->kid, 16);
        assert_int_equal(
                ask(d, with_gap(request_for(d, kid, 1, NOW), SEAL_GAP_START), NOW + SECOND), 0);
        seal_hash(buf_bytes(&d->out), hash);
        struct seal last = request_for(d, kid, 2, NOW + SECOND);
        last.flags = SEAL_LAST;
        assert_int_equal(ask(d, last, NOW + 2 * SECOND), 0);
        struct seal s = sealed(d);
        assert_int_equal(s.sequence, 2);
        assert_int_equal(s.previous.sequence, 1);
        assert_memory_equal(s.previous.hash, hash, 32);
        assert_int_equal(s.flags, SEAL_LAST);
        /* The segment is over: its key id opens nothing more. */
        assert_int_equal(
                ask(d, request_for(d, kid, 3, NOW + 2 * SECOND), NOW + 3 * SECOND), ERR_DENIED);
}

static void test_draws_ahead(void **state)
{
        struct desk *d = *state;
        uint8_t first[16], second[16];

        memcpy(first, notary_draw(&d->notary, d->hour_key)->kid, 16);
        assert_int_equal(
                ask(d, with_gap(request_for(d, first, 1, NOW), SEAL_GAP_START), NOW + SECOND), 0);
        memcpy(second, notary_draw(&d->notary, d->hour_key)->kid, 16);
        assert_memory_not_equal(first, second, 16);
        assert_int_equal(ask(d, request_for(d, first, 2, NOW + SECOND), NOW + 2 * SECOND), 0);
        assert_int_equal(ask(d, request_for(d, second, 1, NOW + 2 * SECOND), NOW + 3 * SECOND), 0);
        assert_int_equal(sealed(d).flags, SEAL_FIRST);
        assert_int_equal(
                ask(d, request_for(d, first, 3, NOW + 3 * SECOND), NOW + 4 * SECOND), ERR_DENIED);
}

/* Each row: one thing that a captured worker tries, after an honest first fragment. */
static void test_refuses_a_captured_worker(void **state)
{
        struct desk *d = *state;
        uint8_t kid[16];

        memcpy(kid, notary_draw(&d->notary, d->hour_key)->kid, 16);
        struct seal first = with_gap(request_for(d, kid, 1, NOW), SEAL_GAP_START);
        assert_int_equal(ask(d, first, NOW + SECOND), 0);

        const struct seal good = request_for(d, kid, 2, NOW + SECOND);
        struct seal s[12];
        for (unsigned i = 0; i < ARRAY_LEN(s); i++)
                s[i] = good;
        s[0].kid[3] ^= 1;                /* a key of another stream */
        s[1].header_hash[0] ^= 1;        /* a foreign header */
        s[2].fragment = 1;               /* the same place twice */
        s[3].fragment = 3;               /* a hole */
        s[4].first_arrival_us = NOW - 1; /* before what was sealed */
        s[5].first_arrival_us = s[5].last_arrival_us =
                NOW - 3600 * SECOND;              /* yesterday's footage */
        s[6].last_arrival_us = NOW + 10 * SECOND; /* the future, and too long */
        s[7].last_arrival_us = s[7].first_arrival_us - 1;
        s[8].tracks_n = 0;         /* an empty fragment that is not the end */
        s[9] = with_gap(good, 99); /* a cause that there is not */
        s[10].gaps_n = 1;
        s[10].gaps[0] = (struct seal_gap){
                .cause = SEAL_GAP_CAMERA_LOST, .from_us = NOW + SECOND, .to_us = NOW
        };
        s[11].first_arrival_us = NOW + SECOND;
        s[11].last_arrival_us = NOW + 4 * SECOND; /* more media than a fragment holds */
        for (unsigned i = 0; i < ARRAY_LEN(s); i++) {
                if (ask(d, s[i], NOW + 4 * SECOND) != ERR_DENIED)
                        fail_msg("attempt %u was signed", i);
                assert_int_equal(d->out.n, 0);
        }
        /* And nothing of it moved the chain. */
        assert_int_equal(ask(d, good, NOW + 4 * SECOND), 0);
        assert_int_equal(sealed(d).sequence, 2);
}

/* Where nothing was sealed before, the clock alone decides. */
static void test_times_are_held_to_its_own_clock(void **state)
{
        struct desk *d = *state;
        uint8_t kid[16];

        memcpy(kid, notary_draw(&d->notary, d->hour_key)->kid, 16);
        struct seal old = with_gap(request_for(d, kid, 1, NOW - 121 * SECOND), SEAL_GAP_START);
        assert_int_equal(ask(d, old, NOW), ERR_DENIED);
        assert_non_null(strstr(d->err.text, "old time"));
        struct seal early = with_gap(request_for(d, kid, 1, NOW + SECOND / 2), SEAL_GAP_START);
        assert_int_equal(ask(d, early, NOW), ERR_DENIED);
        assert_non_null(strstr(d->err.text, "future"));
        assert_int_equal(
                ask(d, with_gap(request_for(d, kid, 1, NOW - 119 * SECOND), SEAL_GAP_START), NOW),
                0);
}

static void test_old_time_is_sealed_only_with_a_clock_step(void **state)
{
        struct desk *d = *state;
        uint8_t kid[16];

        memcpy(kid, notary_draw(&d->notary, d->hour_key)->kid, 16);
        assert_int_equal(
                ask(d, with_gap(request_for(d, kid, 1, NOW), SEAL_GAP_START), NOW + SECOND), 0);
        struct seal back = request_for(d, kid, 2, NOW - 3600 * SECOND);
        assert_int_equal(ask(d, back, NOW - 3599 * SECOND), ERR_DENIED);
        assert_int_equal(ask(d, with_gap(back, SEAL_GAP_CLOCK_STEP), NOW - 3599 * SECOND), 0);
}

/* What came before the clock was stepped is sealed behind it, soon, and without a gap: nothing is
 * wrong with it. */
static void test_media_from_before_a_step(void **state)
{
        static const int64_t steps[] = { 3600 * SECOND, -3600 * SECOND, 3 * SECOND, -3 * SECOND };
        struct desk *d = *state;
        uint8_t kid[16];
        int64_t boot = 100 * SECOND, wall = NOW;
        uint32_t fragment = 1;

        memcpy(kid, notary_draw(&d->notary, d->hour_key)->kid, 16);
        assert_int_equal(ask_at(d, with_gap(request_for(d, kid, fragment++, wall), SEAL_GAP_START),
                                 wall + SECOND, boot),
                0);
        for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
                struct seal before = request_for(d, kid, fragment++, wall + SECOND);
                boot += 2 * SECOND;
                wall += 2 * SECOND;
                assert_int_equal(ask_at(d, before, wall + SECOND + steps[i], boot), 0);
                wall += steps[i];
                struct seal behind = with_gap(
                        request_for(d, kid, fragment++, wall + 2 * SECOND), SEAL_GAP_CLOCK_STEP);
                boot += 2 * SECOND;
                wall += 2 * SECOND;
                assert_int_equal(ask_at(d, behind, wall + SECOND, boot), 0);
        }
        /* Not for ever: the time before the last step is another's by then. */
        struct seal late =
                with_gap(request_for(d, kid, fragment, wall + 3 * SECOND + 3600 * SECOND),
                        SEAL_GAP_CLOCK_STEP);
        boot += SECOND;
        assert_int_equal(ask_at(d, late, wall + 2 * SECOND - 3600 * SECOND, boot), ERR_DENIED);
        boot += NOTARY_STEPPED_US + SECOND;
        struct seal old =
                with_gap(request_for(d, kid, fragment, wall + SECOND), SEAL_GAP_CLOCK_STEP);
        assert_int_equal(
                ask_at(d, old, wall + 2 * SECOND - 3600 * SECOND + NOTARY_STEPPED_US + SECOND,
                        boot),
                ERR_DENIED);
        assert_non_null(strstr(d->err.text, "future"));
}

/* A new writer in the same epoch: what was issued and never became durable is skipped, with a gap.
 */
static void test_continues_after_a_dead_worker(void **state)
{
        struct desk *d = *state;
        uint8_t kid[16];
        struct seal_link at_one;

        memcpy(kid, notary_draw(&d->notary, d->hour_key)->kid, 16);
        assert_int_equal(
                ask(d, with_gap(request_for(d, kid, 1, NOW), SEAL_GAP_START), NOW + SECOND), 0);
        struct seal one = sealed(d);
        at_one = seal_link_of(&one, buf_bytes(&d->out));
        assert_int_equal(ask(d, request_for(d, kid, 2, NOW + SECOND), NOW + 2 * SECOND),
                0); /* never written */
        notary_durable(&d->notary, d->epoch, 1);

        assert_int_equal(notary_open(&d->notary, &at_one, one.last_arrival_us, &d->err), 0);
        memcpy(kid, notary_draw(&d->notary, d->hour_key)->kid, 16);
        struct seal next = request_for(d, kid, 1, NOW + 3 * SECOND);
        assert_int_equal(ask(d, next, NOW + 4 * SECOND), ERR_DENIED); /* without its gap */
        assert_int_equal(ask(d, with_gap(next, SEAL_GAP_UNCLEAN_STOP), NOW + 4 * SECOND), 0);
        struct seal s = sealed(d);
        assert_int_equal(s.sequence, 3);
        assert_int_equal(s.previous.sequence, 1);
        assert_memory_equal(s.previous.hash, at_one.hash, 32);
}

/* A disk was left: what it had not made durable may be gone, and the next seal says so. */
static void test_a_gap_disk_reaches_back_to_what_is_durable(void **state)
{
        struct desk *d = *state;
        uint8_t kid[16];

        memcpy(kid, notary_draw(&d->notary, d->hour_key)->kid, 16);
        assert_int_equal(
                ask(d, with_gap(request_for(d, kid, 1, NOW), SEAL_GAP_START), NOW + SECOND), 0);
        assert_int_equal(sealed(d).gaps[0].from_us, SEAL_UNKNOWN_US);
        struct seal_link two = { 0 };
        for (uint32_t i = 2; i <= 4; i++) {
                struct seal s = request_for(d, kid, i, NOW + (i - 1) * SECOND);
                assert_int_equal(ask(d, s, NOW + i * SECOND), 0);
                s = sealed(d);
                if (i == 2)
                        two = seal_link_of(&s, buf_bytes(&d->out));
        }
        notary_durable(&d->notary, d->epoch, 2);
        /* Another writer goes on behind it, and knows when the last frame was written. */
        assert_int_equal(notary_open(&d->notary, &two, NOW + 2 * SECOND, &d->err), 0);
        memcpy(kid, notary_draw(&d->notary, d->hour_key)->kid, 16);

        struct seal next = request_for(d, kid, 1, NOW + 5 * SECOND);
        next.gaps_n = 2;
        next.gaps[0] =
                (struct seal_gap){ SEAL_GAP_OVERLOAD, NOW + 4 * SECOND, NOW + 5 * SECOND, 3 };
        next.gaps[1] = (struct seal_gap){ SEAL_GAP_DISK, NOW + 4 * SECOND, NOW + 5 * SECOND, 0 };
        assert_int_equal(ask(d, next, NOW + 6 * SECOND), 0);
        struct seal s = sealed(d);
        assert_int_equal(s.gaps[0].from_us, NOW + 4 * SECOND);
        assert_int_equal(s.gaps[1].from_us, NOW + 2 * SECOND); /* where seal 2 ends */
        assert_int_equal(s.gaps[1].to_us, NOW + 5 * SECOND);
        /* Nothing is owed: as it was asked. */
        notary_durable(&d->notary, d->epoch, 5);
        struct seal last = request_for(d, kid, 2, NOW + 8 * SECOND);
        last.gaps_n = 1;
        last.gaps[0] = (struct seal_gap){ SEAL_GAP_DISK, NOW + 6 * SECOND, NOW + 8 * SECOND, 0 };
        assert_int_equal(ask(d, last, NOW + 9 * SECOND), 0);
        assert_int_equal(sealed(d).gaps[0].from_us, NOW + 6 * SECOND);
}

/* A sealer that has issued nothing goes on from what is known. */
static void test_a_new_sealer_continues_behind_what_is_known(void **state)
{
        struct desk *d = *state;
        struct seal_link other = { .sequence = 7 };
        uint8_t kid[16];

        memset(other.epoch, 9, sizeof other.epoch);
        memset(other.hash, 8, sizeof other.hash);
        assert_int_equal(notary_open(&d->notary, &other, NOW, &d->err), 0);
        memcpy(kid, notary_draw(&d->notary, d->hour_key)->kid, 16);
        struct seal first = request_for(d, kid, 1, NOW + SECOND);
        assert_int_equal(ask(d, with_gap(first, SEAL_GAP_DISK), NOW + 2 * SECOND), 0);
        struct seal s = sealed(d);
        assert_int_equal(s.previous.sequence, 7);
        assert_memory_equal(s.previous.hash, other.hash, 32);
}

static void test_never_goes_back_behind_durable(void **state)
{
        struct desk *d = *state;
        uint8_t kid[16];
        const struct seal_link none = { 0 };

        memcpy(kid, notary_draw(&d->notary, d->hour_key)->kid, 16);
        assert_int_equal(
                ask(d, with_gap(request_for(d, kid, 1, NOW), SEAL_GAP_START), NOW + SECOND), 0);
        struct seal one = sealed(d);
        struct seal_link at_one = seal_link_of(&one, buf_bytes(&d->out)), forged = at_one,
                         future = at_one;
        assert_int_equal(ask(d, request_for(d, kid, 2, NOW + SECOND), NOW + 2 * SECOND), 0);
        notary_durable(&d->notary, d->epoch, 2);

        assert_int_equal(notary_open(&d->notary, &at_one, NOW, &d->err), ERR_DENIED);
        assert_non_null(strstr(d->err.text, "went back"));
        assert_int_equal(notary_open(&d->notary, &none, SEAL_UNKNOWN_US, &d->err), ERR_DENIED);
        forged.sequence = 2; /* the right place, another seal */
        assert_int_equal(notary_open(&d->notary, &forged, NOW, &d->err), ERR_DENIED);
        future.sequence = 3;
        assert_int_equal(notary_open(&d->notary, &future, NOW, &d->err), ERR_DENIED);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_builds_the_rest_itself, setup, teardown),
                cmocka_unit_test_setup_teardown(test_chains, setup, teardown),
                cmocka_unit_test_setup_teardown(test_draws_ahead, setup, teardown),
                cmocka_unit_test_setup_teardown(test_refuses_a_captured_worker, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        test_times_are_held_to_its_own_clock, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        test_old_time_is_sealed_only_with_a_clock_step, setup, teardown),
                cmocka_unit_test_setup_teardown(test_media_from_before_a_step, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        test_continues_after_a_dead_worker, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        test_a_gap_disk_reaches_back_to_what_is_durable, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        test_a_new_sealer_continues_behind_what_is_known, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        test_never_goes_back_behind_durable, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
