/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The order of seals. A recording is a string of its seals in the order in which they were made, a
 * capital each; a small 'e' before one begins a new epoch, 'g' gives it a gap, 's' leaves two
 * numbers out before it. What is found is a string of those letters in any order, '?' for one that
 * cannot be read; what is said is one letter for each: a authentic, m removed (missing), r
 * reordered, d duplicated, f foreign.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "seal/chain.h"
#include "seal/epoch_order.h"
#include "seal/verdict.h"

struct script {
        struct chain_seal seals[26];
        struct seal_link last;
        uint8_t epoch;
        uint64_t sequence;
};

static void script_add(struct script *s, const char *text)
{
        bool gap = false;

        if (!s->epoch)
                s->epoch = 1;
        for (const char *p = text; *p; p++) {
                if (*p == 'e') {
                        s->epoch++;
                        s->sequence = 0;
                } else if (*p == 'g') {
                        gap = true;
                } else if (*p == 's') {
                        s->sequence += 2;
                } else {
                        struct chain_seal *cs = &s->seals[*p - 'A'];
                        *cs = (struct chain_seal){ .previous = s->last, .has_gap = gap };
                        memset(cs->self.epoch, 0xe0 + s->epoch, sizeof cs->self.epoch);
                        memset(cs->self.hash, *p, sizeof cs->self.hash);
                        cs->self.sequence = ++s->sequence;
                        s->last = cs->self;
                        gap = false;
                }
        }
}

static char letter(enum verdict_kind k)
{
        return k == VERDICT_AUTHENTIC    ? 'a'
               : k == VERDICT_REMOVED    ? 'm'
               : k == VERDICT_REORDERED  ? 'r'
               : k == VERDICT_DUPLICATED ? 'd'
               : k == VERDICT_FOREIGN    ? 'f'
                                         : '!';
}

/* announce: the two passes. Returns the missing counts summed up, and the last text that said
 * something. */
static uint64_t judge(
        const struct script *s, const char *found, bool announce, const char *expected, char *text)
{
        struct chain *c = chain_new("lobby-main");
        char said[64] = "", one[CHAIN_TEXT_ROOM];
        uint64_t missing = 0, n;
        size_t at = 0;

        if (text)
                text[0] = '\0';
        for (const char *p = found; announce && *p; p++)
                if (*p != '?')
                        chain_announce(c, &s->seals[*p - 'A']);
        for (const char *p = found; *p; p++) {
                if (*p == '?') {
                        chain_skip(c, 1);
                        said[at++] = '?';
                        continue;
                }
                said[at++] = letter(chain_judge(c, &s->seals[*p - 'A'], &n, one, sizeof one));
                missing += n;
                assert_true((one[0] == '\0') == (said[at - 1] == 'a'));
                if (text && one[0])
                        snprintf(text, CHAIN_TEXT_ROOM, "%s", one);
        }
        chain_free(c);
        assert_string_equal(said, expected);
        return missing;
}

static void test_whole(void **state)
{
        struct script s = { 0 };

        (void)state;
        script_add(&s, "ABCegDEFGsgHI");
        for (int announce = 0; announce < 2; announce++) {
                assert_int_equal(judge(&s, "ABCDEFGHI", announce, "aaaaaaaaa", NULL), 0);
                assert_int_equal(judge(&s, "CDEF", announce, "aaaa", NULL), 0);
                assert_int_equal(judge(&s, "B", announce, "a", NULL), 0);
        }
}

static void test_removed(void **state)
{
        struct script s = { 0 };
        char text[CHAIN_TEXT_ROOM];

        (void)state;
        script_add(&s, "ABCegDEFGsgHI");
        for (int announce = 0; announce < 2; announce++) {
                assert_int_equal(judge(&s, "ACDE", announce, "amaa", text), 1);
                assert_string_equal(text,
                        "before seal 3 of epoch e1e1e1e1: seal 2 of epoch e1e1e1e1 is missing");
                assert_int_equal(judge(&s, "DG", announce, "am", text), 2);
                assert_string_equal(text, "before seal 4 of epoch e2e2e2e2: seals 2 to 3 of epoch "
                                          "e2e2e2e2 are missing (2)");
                /* The end of an epoch and the beginning of the next: how many is not known. */
                assert_int_equal(judge(&s, "AE", announce, "am", text), 0);
                assert_string_equal(text, "before seal 2 of epoch e2e2e2e2: what followed seal 1 "
                                          "of epoch e1e1e1e1 is "
                                          "missing, up to seal 1 of epoch e2e2e2e2");
                assert_int_equal(judge(&s, "AD", announce, "am", text), 2);
                /* Behind seals that honestly never reached the disk: only G is missing. */
                assert_int_equal(judge(&s, "FH", announce, "am", text), 1);
        }
}

static void test_unreadable(void **state)
{
        struct script s = { 0 };

        (void)state;
        script_add(&s, "ABCDEFG");
        for (int announce = 0; announce < 2; announce++) {
                assert_int_equal(judge(&s, "A?CDEFG", announce, "a?aaaaa", NULL), 0);
                assert_int_equal(judge(&s, "A??DEFG", announce, "a??aaaa", NULL), 0);
                /* One cannot be read, and two more are gone. */
                assert_int_equal(judge(&s, "A?EFG", announce, "a?maa", NULL), 2);
        }
}

static void test_skip_without_gap(void **state)
{
        struct script s = { 0 };

        (void)state;
        script_add(&s, "ABsCeD");
        assert_int_equal(judge(&s, "ABCD", true, "aamm", NULL), 2);
}

static void test_order(void **state)
{
        struct script s = { 0 };

        (void)state;
        script_add(&s, "ABCDEFegGHI");
        /* The fewest that were moved are named. */
        judge(&s, "ACBDEFGHI", true, "araaaaaaa", NULL);
        judge(&s, "AECDBFGHI", true, "araaraaaa", NULL);
        judge(&s, "ACDEFGHIB", true, "aaaaaaaar", NULL);
        judge(&s, "HABCDEFGI", true, "raaaaaaaa", NULL);
        judge(&s, "GHIABCDEF", true, "rrraaaaaa", NULL);
        /* Moved and removed: D is not there, and that is said once. */
        assert_int_equal(judge(&s, "ACBEFGHI", true, "aramaaaa", NULL), 1);
        /* In one pass: missing when met, out of place when it turns up. */
        judge(&s, "ACBDEFGHI", false, "amraaaaaa", NULL);
}

static void test_duplicated(void **state)
{
        struct script s = { 0 };

        (void)state;
        script_add(&s, "ABCDEF");
        for (int announce = 0; announce < 2; announce++) {
                judge(&s, "ABBCDEF", announce, "aadaaaa", NULL);
                judge(&s, "ABCDEFA", announce, "aaaaaad", NULL);
        }
        judge(&s, "ADBCDEF", true, "adaaaaa", NULL);
}

static void test_histories(void **state)
{
        struct script s = { 0 }, other = { 0 };
        char text[CHAIN_TEXT_ROOM];

        (void)state;
        script_add(&s, "ABCDEF");
        /* Another D, E behind C: the disk was put back, say, and the sealer lost its memory. */
        other = s;
        other.last = s.seals[1].self;
        other.sequence = 3;
        script_add(&other, "gXYZ");
        memcpy(&s.seals['X' - 'A'], &other.seals['X' - 'A'], 3 * sizeof s.seals[0]);
        judge(&s, "ABCDX", true, "aaaaf", text);
        judge(&s, "ABCDX", false, "aaaaf", text);
        /* A second beginning. */
        struct script second = { .epoch = 9 };
        script_add(&second, "Q");
        s.seals['Q' - 'A'] = second.seals['Q' - 'A'];
        judge(&s, "ABCQ", true, "aaaf", text);
        judge(&s, "ABCQ", false, "aaaf", text);
}

static void test_other_stream(void **state)
{
        struct chain *c = chain_new("lobby-main");
        struct seal s = { .stream = "door-main", .sequence = 1 };
        char text[CHAIN_TEXT_ROOM];
        uint64_t missing = 7;

        (void)state;
        assert_int_equal(
                chain_add(c, &s, BYTES("x", 1), &missing, text, sizeof text), VERDICT_FOREIGN);
        assert_int_equal(missing, 0);
        assert_string_equal(text, "this seal is of the stream door-main, not of lobby-main");
        snprintf(s.stream, sizeof s.stream, "lobby-main");
        assert_int_equal(
                chain_add(c, &s, BYTES("x", 1), NULL, text, sizeof text), VERDICT_AUTHENTIC);
        assert_int_equal(
                chain_add(c, &s, BYTES("x", 1), NULL, text, sizeof text), VERDICT_DUPLICATED);
        chain_free(c);
}

static void test_many(void **state)
{
        struct chain *c = chain_new("lobby-main");
        struct chain_seal s = { 0 };
        char text[CHAIN_TEXT_ROOM];
        unsigned n = 20000;

        (void)state;
        for (unsigned pass = 0; pass < 2; pass++) {
                s = (struct chain_seal){ 0 };
                for (unsigned i = 1; i <= n; i++) {
                        s.previous = s.self;
                        s.self.epoch[0] = (uint8_t)(1 + i / 5000);
                        s.self.sequence = i;
                        memcpy(s.self.hash, &i, sizeof i);
                        s.has_gap = i % 5000 == 0;
                        if (pass == 0)
                                chain_announce(c, &s);
                        else
                                assert_int_equal(chain_judge(c, &s, NULL, text, sizeof text),
                                        VERDICT_AUTHENTIC);
                }
        }
        chain_free(c);
}

static struct seal_link link_in(uint8_t epoch, uint64_t sequence)
{
        struct seal_link l = { .sequence = sequence };

        memset(l.epoch, epoch, sizeof l.epoch);
        return l;
}

/* Epochs 1, 2, 3 follow each other although the clock went back each time; 9 is linked to nothing
 * that is there. */
static void test_epochs(void **state)
{
        struct epoch_order *o = epoch_order_new();
        struct seal_link none = { 0 }, l[10];

        (void)state;
        for (uint8_t i = 0; i < 10; i++)
                l[i] = link_in(i, 1);
        epoch_order_add(o, &l[3], &l[2], 100);
        epoch_order_add(o, &l[1], &none, 300);
        epoch_order_add(o, &l[9], &l[8], 250);
        epoch_order_add(o, &l[2], &l[1], 200);
        assert_int_equal(epoch_order_rank(o, l[9].epoch), 0);
        assert_int_equal(epoch_order_rank(o, l[1].epoch), 1);
        assert_int_equal(epoch_order_rank(o, l[2].epoch), 2);
        assert_int_equal(epoch_order_rank(o, l[3].epoch), 3);
        assert_true(epoch_order_rank(o, l[7].epoch) > 3);
        epoch_order_free(o);

        /* A ring, which only a hostile sealer makes, still ends. */
        o = epoch_order_new();
        epoch_order_add(o, &l[1], &l[2], 1);
        epoch_order_add(o, &l[2], &l[1], 2);
        assert_int_equal(epoch_order_rank(o, l[1].epoch) + epoch_order_rank(o, l[2].epoch), 1);
        epoch_order_free(o);
}

static struct verdict_item item(
        enum verdict_kind k, const char *where, const char *text, int64_t from, int64_t to)
{
        struct verdict_item i = { .kind = k, .from_us = from, .to_us = to };

        snprintf(i.where, sizeof i.where, "%s", where);
        snprintf(i.text, sizeof i.text, "%s", text);
        return i;
}

static void add(struct verdict *v, struct verdict_item i)
{
        verdict_add(v, &i);
}

static void test_verdict(void **state)
{
        struct verdict v;
        char where[260];

        (void)state;
        verdict_init(&v);
        assert_int_equal(verdict_overall(&v), 2); /* nothing was looked at */
        add(&v, item(VERDICT_AUTHENTIC, "a", "sealed", 10, 20));
        add(&v, item(VERDICT_AUTHENTIC, "b", "sealed", 20, 30));
        add(&v, item(VERDICT_GAP, "b", "camera lost", 30, 40));
        add(&v, item(VERDICT_AUTHENTIC, "b", "sealed", 40, 50));
        assert_int_equal(v.items_n, 3);
        assert_int_equal(v.items[0].from_us, 10);
        assert_int_equal(v.items[0].to_us, 30);
        assert_int_equal(verdict_overall(&v), 2); /* no fingerprint given */
        v.trust_given = v.trusted = true;
        assert_int_equal(verdict_overall(&v), 0);
        add(&v, item(VERDICT_CANNOT_TELL, "b", "tail", 50, 50));
        assert_int_equal(verdict_overall(&v), 2);
        struct verdict_item edited = item(VERDICT_EDITED, "b", "x", 60, 70);
        edited.offset = 4096;
        edited.end = 8192;
        verdict_add(&v, &edited);
        assert_int_equal(verdict_overall(&v), 1);
        edited.offset = 8192;
        edited.end = 9000;
        verdict_add(&v, &edited);
        assert_int_equal(v.items_n, 5);
        assert_string_equal(
                verdict_where(&v.items[4], where, sizeof where), "b, bytes 4096 to 8999");
        verdict_done(&v);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_whole),
                cmocka_unit_test(test_removed),
                cmocka_unit_test(test_unreadable),
                cmocka_unit_test(test_skip_without_gap),
                cmocka_unit_test(test_order),
                cmocka_unit_test(test_duplicated),
                cmocka_unit_test(test_histories),
                cmocka_unit_test(test_other_stream),
                cmocka_unit_test(test_many),
                cmocka_unit_test(test_epochs),
                cmocka_unit_test(test_verdict),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
