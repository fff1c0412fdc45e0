/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What custos storage and custos status print of volumes, and what is refused before anybody is
 * asked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "cli/cli_event.h"
#include "cli/cli_lock.h"
#include "cli/cli_storage.h"
#include "cli/cli_storage_print.h"
#include "command_run.c"

#define LINES(text) SAYS(text)
#define LACKS(text) assert_null(strstr(command_run_output, text))

static const char good[] =
        "{'number': 0, 'name': 'main', 'path': '/var/lib/custos/vault', 'weight': 100,"
        " 'retired': false, 'state': 'healthy', 'text': '', 'remedy': '',"
        " 'since': '2026-11-22T15:40:01.000Z', 'total_bytes': 100000000000,"
        " 'free_bytes': 12345678901, 'reserve_bytes': 999499, 'footage_bytes': 999500000,"
        " 'locked_bytes': 0, 'segments': 1234, 'streams': 12, 'oldest': null,"
        " 'device': '8:17 ext4', 'full_in_days': 3.25, 'keeps_days': 30.04, 'damaged': 0,"
        " 'checked': null}";
static const char gone[] =
        "{'number': 1, 'name': 'disk2', 'path': '/mnt/disk2', 'weight': 50, 'retired': false,"
        " 'state': 'volume-missing', 'text': 'no volume.json in /mnt/disk2', 'remedy': 'Mount it.',"
        " 'since': '2026-11-22T16:00:00.000Z', 'total_bytes': 0, 'free_bytes': 0,"
        " 'reserve_bytes': 0, 'footage_bytes': 5, 'locked_bytes': 5, 'segments': 1, 'streams': 0,"
        " 'oldest': '2026-11-01T00:00:00.000Z', 'device': '', 'full_in_days': null,"
        " 'keeps_days': null, 'damaged': 2, 'checked': '2026-11-21T00:00:00.000Z'}";
static const char retired[] =
        "{'number': 2, 'name': 'old', 'path': '/mnt/old', 'weight': 1, 'retired': true,"
        " 'state': 'volume-missing', 'remedy': 'Mount it.', 'damaged': 0,"
        " 'since': '2026-11-22T16:00:00.000Z', 'full_in_days': 0, 'keeps_days': 7}";

/* Of JSON with ' for ". */
static json_t *load(const char *fmt, ...) PRINTF(1, 2);
static json_t *load(const char *fmt, ...)
{
        char text[8192];
        va_list args;

        va_start(args, fmt);
        vsnprintf(text, sizeof text, fmt, args);
        va_end(args);
        for (char *c = text; *c; c++)
                *c = *c == '\'' ? '"' : *c;
        json_t *value = json_loads(text, 0, NULL);
        assert_non_null(value);
        return value;
}

static json_t *storage; /* what the commands below print */

static int print_list(int argc, char **argv)
{
        (void)argc;
        (void)argv;
        cli_storage_print_list(json_object_get(storage, "volumes"));
        return 0;
}

static int print_status(int argc, char **argv)
{
        (void)argc;
        (void)argv;
        return cli_storage_print_status(storage) ? 0 : 1;
}

static int print_troubles(int argc, char **argv)
{
        (void)argc;
        (void)argv;
        cli_storage_print_troubles(storage);
        return 0;
}

static void test_all_is_well(void **state)
{
        (void)state;
        storage = load("{'volumes': [%s], 'streams': [{'stream': 'lobby-main', 'bytes': 2000000,"
                       " 'oldest': '2026-11-20T00:00:00.000Z', 'days_kept': 2.5, 'bytes_a_day': 80,"
                       " 'below_minimum': false}], 'clock': {'synchronized': true,"
                       " 'offset_us': -1500, 'steps': 0}, 'forecast': {'minimum_in_days': null,"
                       " 'stops_in_days': 7.5}}",
                good);
        assert_int_equal(command_run(print_troubles, NULL), 0);
        assert_string_equal(command_run_output, "");
        assert_int_equal(command_run(print_status, NULL), 0);
        LINES("main: healthy since 2026-11-22T15:40:01.000Z\n");
        LINES("  path      /var/lib/custos/vault (8:17 ext4), weight 100\n");
        LINES("  room      12.3 GB free of 100.0 GB; 999 kB of it is kept free\n");
        LINES("  footage   1.0 GB in 1234 segments, 0 B locked; streams recorded here: 12\n");
        LINES("  forecast  full in 3.2 days; at this rate it keeps 30.0 days\n");
        LINES("  checked   not all of it yet\n");
        LACKS("  cause ");
        LACKS("DAMAGED");
        LINES("lobby-main                         2 MB       80 B        2.5  "
              "2026-11-20T00:00:00.000Z\n");
        LINES("clock  synchronized, off by -0.002 s, 0 steps\n");
        LINES("forecast: in 7.5 days recording stops");
        LACKS("minimum days");
        assert_int_equal(command_run(print_list, NULL), 0);
        LINES("main             healthy                 100    12.3 GB   100.0 GB     1.0 GB  "
              "/var/lib/custos/vault\n1 volume\n");
        json_decref(storage);
}

static void test_troubles(void **state)
{
        (void)state;
        storage =
                load("{'volumes': [%s, %s, %s], 'streams': [{'stream': 'lobby-main', 'bytes': 0,"
                     " 'days_kept': 0, 'bytes_a_day': 0, 'below_minimum': true}],"
                     " 'clock': {'synchronized': false, 'offset_us': null, 'steps': 3, 'drift_ppm':"
                     " -12.34, 'last_steps': [{'time': 'A', 'step_us': 1}, {'time': 'B', 'step_us':"
                     " -2000000}]}, 'forecast': {'minimum_in_days': 6.9, 'stops_in_days': 7.1}}",
                        good, gone, retired);
        assert_int_equal(command_run(print_troubles, NULL), 0);
        LINES("STORAGE      volume disk2: volume-missing since 2026-11-22T16:00:00.000Z. Mount "
              "it.\n");
        LINES("STORAGE      volume disk2: damaged segments: 2. See which: custos storage "
              "damage.");
        LINES("STORAGE      1 stream is kept for less than the minimum days. Add a volume");
        LINES("CLOCK        not synchronized, 3 steps. Run an NTP client");
        LINES("STORAGE      in 6.9 days there is no room left for the minimum days. Add a volume");
        LACKS("recording stops"); /* not that near */
        LACKS("old");             /* what was retired may be gone */
        assert_int_equal(command_run(print_status, NULL), 1);
        LINES("disk2: volume-missing since 2026-11-22T16:00:00.000Z\n"
              "  cause     no volume.json in /mnt/disk2\n  to do     Mount it.\n");
        LINES("  forecast  nothing is recorded here at present\n");
        LINES("5 B in 1 segment since 2026-11-01T00:00:00.000Z, 5 B locked");
        LINES("  checked   all since 2026-11-21T00:00:00.000Z\n");
        LINES("  DAMAGED   segments that are no longer what was sealed: 2 (");
        LINES("old: retired, volume-missing since ");
        LINES("  forecast  full: the oldest is removed; at this rate it keeps 7.0 days\n");
        LINES("  BELOW ITS MINIMUM\n");
        LINES("clock  NOT SYNCHRONIZED, drift -12.3 ppm, 3 steps (the last at B by -2.000 s)\n"
              "       Run an NTP client");
        assert_int_equal(command_run(print_list, NULL), 0);
        LINES("disk2            volume-missing           50 ");
        LINES("old              retired, volume-missing ");
        LINES("3 volumes\n");
        json_decref(storage);
}

/* Each of these is wrong alone. */
static void test_one_trouble(void **state)
{
        static const char *const wrong[] = { "'state': 'volume-slow', 'damaged': 0",
                "'state': 'healthy', 'damaged': 1" };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
                storage = load("{'volumes': [{'name': 'x', 'retired': false, %s}], 'streams': []}",
                        wrong[i]);
                assert_int_equal(command_run(print_status, NULL), 1);
                json_decref(storage);
        }
        /* What is not known is shown as such. */
        storage = load("{'volumes': [{'name': 'x', 'state': 'healthy', 'full_in_days': null,"
                       " 'keeps_days': 9}], 'streams': [{'stream': 's', 'bytes': 0, 'days_kept': 0,"
                       " 'bytes_a_day': null}], 'clock': {'synchronized': null, 'steps': 0}}");
        assert_int_equal(command_run(print_status, NULL), 0);
        LINES("  forecast  does not fill; at this rate it keeps 9.0 days\n");
        LINES("       0 B          -        0.0");
        LINES("clock  not known whether it is synchronized, 0 steps\n");
        assert_int_equal(command_run(print_troubles, NULL), 0);
        assert_string_equal(command_run_output, "");
        json_decref(storage);
        storage = load("{'volumes': [{'name': 'x', 'retired': true, 'state': 'healthy',"
                       " 'damaged': 0}], 'streams': []}");
        assert_int_equal(command_run(print_status, NULL), 0);
        LINES("x: retired since ");
        json_decref(storage);
}

static void test_paths(void **state)
{
        char longer[2100] = "/", file[] = "/tmp/custos-test-storage-XXXXXX";

        (void)state;
        memset(longer + 1, 'x', sizeof longer - 2);
        longer[sizeof longer - 1] = '\0';
        assert_int_equal(command_run(cli_storage, "add", "disk2", "mnt/disk2", NULL), 64);
        SAYS("has to be whole, as in /mnt/disk2");
        assert_int_equal(command_run(cli_storage, "add", "disk2", "/mnt/disk\n2", NULL), 64);
        SAYS("line feed");
        assert_int_equal(command_run(cli_storage, "add", "disk2", "/mnt/\033[31m", NULL), 64);
        assert_int_equal(command_run(cli_storage, "add", "disk2", longer, NULL), 64);
        SAYS("more than 1023 bytes");
        assert_int_equal(command_run(cli_storage, "add", "disk2", "/nonexistent/disk2", NULL), 1);
        SAYS("/nonexistent/disk2 is not there. Make the directory, mount the disk on it");
        assert_int_equal(command_run(cli_storage, "add", "d", "/nonexistent", "--json", NULL), 1);
        SAYS("\"code\": \"not_found\"");
        int fd = mkstemp(file);
        assert_true(fd >= 0);
        close(fd);
        assert_int_equal(command_run(cli_storage, "add", "disk2", file, NULL), 1);
        SAYS("is no directory");
        unlink(file);
}

static void test_misuse(void **state)
{
        (void)state;
        assert_int_equal(command_run(cli_storage, "add", "disk2", NULL), 64);
        SAYS("custos storage: add needs PATH\n");
        assert_int_equal(command_run(cli_storage, "add", NULL), 64);
        SAYS("add needs NAME");
        assert_int_equal(command_run(cli_storage, "add", "a", "/b", "c", NULL), 64);
        SAYS("\"c\" is a word too many");
        assert_int_equal(command_run(cli_storage, "retire", "a", "/b", NULL), 64);
        SAYS("\"/b\" is a word too many");
        assert_int_equal(command_run(cli_storage, "set", "a", NULL), 64);
        SAYS("set needs --weight N");
        assert_int_equal(command_run(cli_storage, "set", "a", "--weight", "0", NULL), 64);
        SAYS("--weight takes a number from 1 to 1000, not \"0\"");
        assert_int_equal(command_run(cli_storage, "list", "--yes", NULL), 64);
        SAYS("list takes no --yes");
        assert_int_equal(command_run(cli_lock, "add", "--camera", "a", "--from",
                                 "2026-01-01T00:00:00Z", "--to", "2026-01-02T00:00:00Z", NULL),
                64);
        SAYS("add needs --reason TEXT");
        assert_int_equal(command_run(cli_lock, "remove", "--reason", "x", NULL), 64);
        SAYS("remove needs ID");
        assert_int_equal(command_run(cli_event, "start", NULL), 64);
        SAYS("start needs --camera NAME");
        assert_int_equal(
                command_run(cli_event, "stop", "--camera", "a", "--seconds", "3", NULL), 64);
        SAYS("stop takes no --seconds");
        assert_int_equal(
                command_run(cli_event, "start", "--camera", "a", "--seconds", "3601", NULL), 64);
        SAYS("a number from 1 to 3600");
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_all_is_well),
                cmocka_unit_test(test_troubles), cmocka_unit_test(test_one_trouble),
                cmocka_unit_test(test_paths), cmocka_unit_test(test_misuse) };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
