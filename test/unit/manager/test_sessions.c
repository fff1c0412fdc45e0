/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sessions: their ends, what outlives the process, and what the database has of a token. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "manager/inventory.h"
#include "manager/sessions.h"

#define MINUTE_US INT64_C(60000000)
#define HOUR_US (60 * MINUTE_US)
#define NOW_US (INT64_C(1800000000) * 1000000)

static char dir[] = "/tmp/custos-test-sessions-XXXXXX", path[64];
static struct inventory *inventory;
static struct sessions *s;
static struct ended {
        char id[LINK_SESSION_ROOM];
        enum sessions_reason reason;
} ended[2 * SESSIONS_MAX];
static unsigned ended_n;

static void on_end(void *owner, const struct session *one, enum sessions_reason reason)
{
        assert_ptr_equal(owner, ended);
        assert_true(ended_n < ARRAY_LEN(ended));
        snprintf(ended[ended_n].id, sizeof ended[0].id, "%s", one->id);
        ended[ended_n++].reason = reason;
}

static void open_all(void)
{
        const struct sessions_terms terms = { 12 * HOUR_US, 30 * MINUTE_US, on_end, ended };

        assert_int_equal(inventory_open(path, &inventory, NULL), 0);
        assert_int_equal(sessions_open(inventory_db(inventory), &terms, &s, NULL), 0);
}

static void close_all(void)
{
        s = sessions_free(s);
        inventory = inventory_free(inventory);
}

static int setup(void **state)
{
        static const char *const tails[] = { "", "-wal", "-shm" };

        (void)state;
        ended_n = 0;
        for (unsigned i = 0; i < 3; i++) {
                char file[80];
                snprintf(file, sizeof file, "%s%s", path, tails[i]);
                unlink(file);
        }
        open_all();
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        close_all();
        return 0;
}

struct made {
        char id[LINK_SESSION_ROOM];
        uint8_t token[SESSIONS_TOKEN_BYTES];
};

static struct made make(const char *person, const char *gateway, int64_t now_us)
{
        struct session what = { .agent = "a test" };
        const struct session *one = NULL;
        struct made m;

        snprintf(what.person, sizeof what.person, "%s", person);
        snprintf(what.gateway, sizeof what.gateway, "%s", gateway);
        snprintf(what.address, sizeof what.address, "192.0.2.1");
        assert_int_equal(sessions_add(s, &what, now_us, m.token, &one, NULL), 0);
        snprintf(m.id, sizeof m.id, "%s", one->id);
        assert_int_equal(strlen(m.id), 32);
        return m;
}

static bool lives(const struct made *m, int64_t now_us)
{
        bool by_id = sessions_of(s, m->id, now_us) != NULL;

        assert_int_equal(by_id, sessions_of_token(s, m->token, now_us) != NULL);
        return by_id;
}

static void test_found(void **state)
{
        struct made a = make("Erika", "front", NOW_US), b = make("Erika", "front", NOW_US);
        struct made wrong = a;

        (void)state;
        assert_string_not_equal(a.id, b.id);
        assert_true(lives(&a, NOW_US + 1) && lives(&b, NOW_US + 1));
        assert_string_equal(sessions_of_token(s, b.token, NOW_US)->id, b.id);
        wrong.token[31] ^= 1;
        assert_null(sessions_of_token(s, wrong.token, NOW_US));
        assert_null(sessions_of(s, "", NOW_US));
        assert_null(sessions_of(s, "00000000000000000000000000000000", NOW_US));
        assert_string_equal(sessions_of(s, a.id, NOW_US)->agent, "a test");
}

static void test_ends_by_time(void **state)
{
        struct made idle = make("Erika", "front", NOW_US), busy = make("Otto", "front", NOW_US);
        int64_t t = NOW_US;

        (void)state;
        for (; t < NOW_US + 12 * HOUR_US - 20 * MINUTE_US; t += 20 * MINUTE_US)
                sessions_see(s, busy.id, "192.0.2.9", t);
        assert_true(lives(&busy, t));
        assert_string_equal(sessions_of(s, busy.id, t)->address, "192.0.2.9");
        assert_true(lives(&idle, NOW_US + 30 * MINUTE_US - 1));
        assert_false(lives(&idle, NOW_US + 30 * MINUTE_US)); /* before any sweep */
        assert_int_equal(ended_n, 0);
        assert_int_equal(sessions_sweep(s, t, NULL), 0);
        assert_int_equal(ended_n, 1);
        assert_string_equal(ended[0].id, idle.id);
        assert_int_equal(ended[0].reason, SESSIONS_IDLE);
        sessions_see(s, busy.id, NULL, NOW_US + 12 * HOUR_US - 1);
        assert_true(lives(&busy, NOW_US + 12 * HOUR_US - 1));
        assert_false(lives(&busy, NOW_US + 12 * HOUR_US));
        assert_int_equal(sessions_sweep(s, NOW_US + 12 * HOUR_US, NULL), 0);
        assert_int_equal(ended_n, 2);
        assert_int_equal(ended[1].reason, SESSIONS_EXPIRED);
}

static void test_ends_by_hand(void **state)
{
        struct made a = make("Erika", "front", NOW_US), b = make("Erika", "back", NOW_US),
                    c = make("erika", "front", NOW_US), d = make("Otto", "front", NOW_US);
        unsigned n = 0;

        (void)state;
        assert_int_equal(sessions_end(s, a.id, SESSIONS_SIGNED_OUT, NULL), 0);
        assert_false(lives(&a, NOW_US));
        assert_int_equal(sessions_end(s, a.id, SESSIONS_SIGNED_OUT, NULL), ERR_NOT_FOUND);
        assert_int_equal(sessions_end_all(s, "Erika", NULL, c.id, SESSIONS_PASSWORD, &n, NULL), 0);
        assert_int_equal(n, 1);
        assert_true(!lives(&b, NOW_US) && lives(&c, NOW_US) && lives(&d, NOW_US));
        assert_int_equal(sessions_end_all(s, NULL, "front", NULL, SESSIONS_REVOKED, &n, NULL), 0);
        assert_int_equal(n, 2);
        assert_int_equal(ended_n, 4);
        assert_int_equal(ended[1].reason, SESSIONS_PASSWORD);
        assert_null(sessions_behind(s, "", NOW_US));
}

static void test_outlive_the_process(void **state)
{
        struct made kept = make("Erika", "front", NOW_US), idle = make("Otto", "front", NOW_US),
                    gone = make("Vera", "front", NOW_US);

        (void)state;
        sessions_see(s, kept.id, "192.0.2.7", NOW_US + 29 * MINUTE_US);
        assert_int_equal(sessions_sweep(s, NOW_US + 29 * MINUTE_US, NULL), 0); /* written */
        assert_int_equal(sessions_end(s, gone.id, SESSIONS_REVOKED, NULL), 0);
        /* As if killed: nothing is written at the end. */
        struct sessions *old = s;
        struct inventory *was = inventory;
        open_all();
        assert_true(lives(&kept, NOW_US + 40 * MINUTE_US));
        assert_string_equal(sessions_of(s, kept.id, NOW_US)->address, "192.0.2.7");
        assert_string_equal(sessions_of(s, kept.id, NOW_US)->person, "Erika");
        assert_false(lives(&idle, NOW_US + 40 * MINUTE_US));
        assert_false(lives(&gone, NOW_US + MINUTE_US));
        close_all();
        s = old;
        inventory = was;
}

/* A stolen database opens no session. */
static void test_database_has_no_token(void **state)
{
        struct made m = make("Erika", "front", NOW_US);
        struct buf image;

        (void)state;
        buf_init(&image, 1 << 22);
        assert_int_equal(db_image(inventory_db(inventory), &image, NULL), 0);
        assert_non_null(memmem(image.p, image.n, m.id, 32)); /* it is in there */
        assert_null(memmem(image.p, image.n, m.token, sizeof m.token));
        buf_done(&image);
}

static void test_bounded(void **state)
{
        struct made first, mine[SESSIONS_OF_ONE];
        struct session what = { .person = "one more", .gateway = "front" };
        uint8_t token[SESSIONS_TOKEN_BYTES];
        const struct session *one;
        char name[16];

        (void)state;
        for (unsigned i = 0; i < SESSIONS_OF_ONE; i++)
                mine[i] = make("Erika", "front", NOW_US + i);
        sessions_see(s, mine[0].id, NULL, NOW_US + MINUTE_US);
        first = make("Erika", "front", NOW_US + MINUTE_US);
        assert_int_equal(ended_n, 1);
        assert_string_equal(ended[0].id, mine[1].id); /* not used for longest */
        assert_true(lives(&mine[0], NOW_US + MINUTE_US) && lives(&first, NOW_US + MINUTE_US));
        for (unsigned i = 0; i < SESSIONS_MAX - SESSIONS_OF_ONE; i++) {
                snprintf(name, sizeof name, "n%u", i / 10);
                (void)make(name, "front", NOW_US);
        }
        assert_int_equal(sessions_add(s, &what, NOW_US, token, &one, NULL), ERR_EXHAUSTED);
        unsigned n = 0;
        for (const struct session *at = sessions_behind(s, "", NOW_US); at;
                at = sessions_behind(s, at->id, NOW_US))
                n++;
        assert_int_equal(n, SESSIONS_MAX);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_found, setup, teardown),
                cmocka_unit_test_setup_teardown(test_ends_by_time, setup, teardown),
                cmocka_unit_test_setup_teardown(test_ends_by_hand, setup, teardown),
                cmocka_unit_test_setup_teardown(test_outlive_the_process, setup, teardown),
                cmocka_unit_test_setup_teardown(test_database_has_no_token, setup, teardown),
                cmocka_unit_test_setup_teardown(test_bounded, setup, teardown),
        };

        assert_non_null(mkdtemp(dir));
        snprintf(path, sizeof path, "%s/site.sqlite", dir);
        int r = cmocka_run_group_tests(tests, NULL, NULL);
        setup(NULL); /* removes the files */
        close_all();
        unlink(path);
        rmdir(dir);
        return r;
}
