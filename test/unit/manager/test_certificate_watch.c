/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The watch over 400 days in steps of hours: every warning at its threshold and once, over restarts
 * too; and who is told of what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "manager/certificate_watch.h"
#include "manager/inventory.h"

#define HOUR (INT64_C(3600) * 1000000)
#define DAY (24 * HOUR)
#define NOW (INT64_C(1795000000) * 1000000)

static char path[64], said[2000];
static struct inventory *inventory;
static struct certificate_watch *watch;
static bool refuses;

static int tell(void *owner, const char *what, const char *subject, int64_t until_us,
        const char *warning, struct err *e)
{
        size_t n = strlen(said);

        (void)owner;
        (void)until_us;
        if (refuses)
                return err_set(e, ERR_IO, "the disk is full");
        snprintf(said + n, sizeof said - n, "%s %s: %s. ", what, subject, warning);
        return 0;
}

static void again(void)
{
        certificate_watch_free(watch);
        inventory_free(inventory);
        assert_int_equal(inventory_open(path, &inventory, NULL), 0);
        watch = certificate_watch_new(inventory_db(inventory));
}

static int look(int64_t from_us, int64_t until_us, enum certificate_watch_care care, int64_t now_us)
{
        struct certificate_watch_look *l = certificate_watch_begin();

        certificate_watch_add(l, "camera", "cam", from_us, until_us, care);
        return certificate_watch_end(watch, l, now_us, tell, NULL, NULL);
}

/* Each once, at its hour, whether or not the manager begins anew at every look. */
static void each_once(void **state)
{
        static const struct {
                int64_t left;
                const char *name;
        } wanted[] = { { 120 * DAY, "a third of its life" }, { 30 * DAY, "30 days" },
                { 14 * DAY, "14 days" }, { 7 * DAY, "7 days" }, { DAY, "1 day" },
                { 0, "expired" } };
        const int64_t until = NOW + 360 * DAY;
        char one[100];
        size_t n = 0;

        (void)state;
        said[0] = '\0';
        for (int64_t now = NOW; now < NOW + 400 * DAY; now += 12 * HOUR) {
                if (now / HOUR % 5 == 0)
                        again();
                said[0] = '\0';
                assert_int_equal(look(NOW, until, CERTIFICATE_WATCH_PEOPLE, now), 0);
                if (!said[0])
                        continue;
                assert_true(n < ARRAY_LEN(wanted));
                snprintf(one, sizeof one, "camera cam: %s. ", wanted[n].name);
                assert_string_equal(said, one);
                assert_true(now == until - wanted[n].left);
                n++;
        }
        assert_int_equal(n, ARRAY_LEN(wanted));
        assert_int_equal(certificate_watch_due(watch, NOW + 400 * DAY), 1);
        /* Renewed: nothing is due, and in its time all of it again. */
        said[0] = '\0';
        assert_int_equal(
                look(NOW + 390 * DAY, NOW + 750 * DAY, CERTIFICATE_WATCH_PEOPLE, NOW + 400 * DAY),
                0);
        assert_string_equal(said, "");
        assert_int_equal(certificate_watch_due(watch, NOW + 400 * DAY), 0);
        assert_int_equal(
                look(NOW + 390 * DAY, NOW + 750 * DAY, CERTIFICATE_WATCH_PEOPLE, NOW + 700 * DAY),
                0);
        assert_string_equal(said, "camera cam: a third of its life. ");
}

/* What several at once are due of is said as the gravest; one that could not be told is told later.
 */
static void gravest(void **state)
{
        (void)state;
        said[0] = '\0';
        refuses = true;
        assert_int_equal(
                look(NOW, NOW + 100 * DAY, CERTIFICATE_WATCH_PEOPLE, NOW + 95 * DAY), ERR_IO);
        refuses = false;
        again();
        assert_int_equal(look(NOW, NOW + 100 * DAY, CERTIFICATE_WATCH_PEOPLE, NOW + 95 * DAY), 0);
        assert_string_equal(said, "camera cam: 7 days. ");
        assert_int_equal(look(NOW, NOW + 100 * DAY, CERTIFICATE_WATCH_PEOPLE, NOW + 96 * DAY), 0);
        assert_string_equal(said, "camera cam: 7 days. ");
}

/* A node renews by itself between 2/3 and 2/3 + 1/10 of its life: nothing is said before 4/5. */
static void who_cares(void **state)
{
        const int64_t until = NOW + 15 * DAY;

        (void)state;
        said[0] = '\0';
        assert_int_equal(look(NOW, until, CERTIFICATE_WATCH_NODE, NOW + 23 * DAY / 2), 0);
        assert_string_equal(said, "");
        assert_int_equal(look(NOW, until, CERTIFICATE_WATCH_NODE, NOW + 12 * DAY), 0);
        assert_string_equal(said, "camera cam: a third of its life. ");
        assert_int_equal(look(NOW, until, CERTIFICATE_WATCH_USE, NOW + 16 * DAY), 0);
        assert_string_equal(said, "camera cam: a third of its life. ");
        assert_int_equal(certificate_watch_due(watch, NOW + 16 * DAY), 0);
        assert_int_equal(look(NOW, until, CERTIFICATE_WATCH_NODE, NOW + 16 * DAY), 0);
        assert_string_equal(said, "camera cam: a third of its life. camera cam: expired. ");
        /* A third of 90 days are 30 days. */
        said[0] = '\0';
        assert_int_equal(look(NOW, NOW + 90 * DAY, CERTIFICATE_WATCH_NODE, NOW + 65 * DAY), 0);
        assert_int_equal(certificate_watch_due(watch, NOW + 65 * DAY), 0);
        assert_string_equal(said, "");
        assert_int_equal(look(NOW, NOW + 90 * DAY, CERTIFICATE_WATCH_NODE, NOW + 73 * DAY), 0);
        assert_string_equal(said, "camera cam: 30 days. ");
}

/* Soonest first, in pages; of one name the one that is good for longest. */
static void list(void **state)
{
        struct certificate_watch_look *l = certificate_watch_begin();
        json_t *page;
        bool more;

        (void)state;
        said[0] = '\0';
        certificate_watch_add(l, "root", "s", NOW, NOW + 900 * DAY, CERTIFICATE_WATCH_PEOPLE);
        certificate_watch_add(l, "node", "recorder/a", NOW, NOW + DAY, CERTIFICATE_WATCH_NODE);
        certificate_watch_add(l, "camera", "cam", NOW, NOW + 300 * DAY, CERTIFICATE_WATCH_PEOPLE);
        certificate_watch_add(l, "node", "recorder/a", NOW, NOW + 14 * DAY, CERTIFICATE_WATCH_NODE);
        assert_int_equal(certificate_watch_end(watch, l, NOW + 2 * DAY, tell, NULL, NULL), 0);
        assert_string_equal(said, ""); /* the older one of the node counts for nothing */
        page = certificate_watch_list(watch, 0, 2, NOW + 2 * DAY, &more);
        assert_true(more);
        assert_int_equal(json_array_size(page), 2);
        assert_string_equal(json_string_value(json_object_get(json_array_get(page, 0), "subject")),
                "recorder/a");
        assert_true(json_number_value(json_object_get(json_array_get(page, 0), "days_left")) == 12);
        assert_string_equal(
                json_string_value(json_object_get(json_array_get(page, 1), "what")), "camera");
        json_decref(page);
        page = certificate_watch_list(watch, 2, 2, NOW + 2 * DAY, &more);
        assert_false(more);
        assert_int_equal(json_array_size(page), 1);
        json_decref(page);
}

static int begin(void **state)
{
        int fd;

        (void)state;
        snprintf(path, sizeof path, "/tmp/custos-watch-XXXXXX");
        fd = mkstemp(path);
        close(fd);
        inventory = NULL;
        watch = NULL;
        again();
        return fd < 0;
}

static int end(void **state)
{
        char more[80];

        (void)state;
        watch = certificate_watch_free(watch);
        inventory = inventory_free(inventory);
        snprintf(more, sizeof more, "%s-wal", path);
        unlink(more);
        snprintf(more, sizeof more, "%s-shm", path);
        unlink(more);
        return unlink(path);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(each_once, begin, end),
                cmocka_unit_test_setup_teardown(gravest, begin, end),
                cmocka_unit_test_setup_teardown(who_cares, begin, end),
                cmocka_unit_test_setup_teardown(list, begin, end),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
