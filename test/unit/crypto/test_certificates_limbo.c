/* SPDX-License-Identifier: GPL-3.0-or-later */
/* C2SP/x509-limbo: its testcases carry everything, verdict included. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <jansson.h>
#include <time.h>

#include "certificate_suite.c"

static void add(struct buf *to, const json_t *text)
{
        assert_int_equal(buf_append(to, bytes_str(json_string_value(text)), NULL), 0);
        assert_int_equal(buf_append(to, bytes_str("\n"), NULL), 0);
}

static void add_all(struct buf *to, const json_t *list)
{
        for (size_t i = 0; i < json_array_size(list); i++)
                add(to, json_array_get(list, i));
}

/* "2024-05-01T00:00:00+00:00", all of them in UTC. */
static int64_t time_of(const json_t *text)
{
        struct tm tm = { 0 };
        int zone = 0;

        if (!json_is_string(text))
                return INT64_C(1795000000000000); /* the suite says "now": 2026-11-18 */
        if (sscanf(json_string_value(text), "%d-%d-%dT%d:%d:%d+%d", &tm.tm_year, &tm.tm_mon,
                    &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &zone) < 6 ||
                zone != 0)
                fail_msg("a time of %s", json_string_value(text));
        tm.tm_year -= 1900;
        tm.tm_mon--;
        return (int64_t)timegm(&tm) * 1000000;
}

static void try(const json_t *t)
{
        struct certificate_case c;
        const json_t *depth = json_object_get(t, "max_chain_depth");

        certificate_case_init(&c);
        c.id = json_string_value(json_object_get(t, "id"));
        const char *expected = json_string_value(json_object_get(t, "expected_result"));
        c.accept = strcmp(expected, "SUCCESS") == 0;
        assert_true(c.accept || strcmp(expected, "FAILURE") == 0);
        add(&c.sent, json_object_get(t, "peer_certificate"));
        add_all(&c.sent, json_object_get(t, "untrusted_intermediates"));
        add_all(&c.roots, json_object_get(t, "trusted_certs"));
        add_all(&c.crls, json_object_get(t, "crls"));
        c.host = json_string_value(
                json_object_get(json_object_get(t, "expected_peer_name"), "value"));
        c.at_us = time_of(json_object_get(t, "validation_time"));
        if (json_is_integer(depth))
                c.depth = (int)json_integer_value(depth);
        certificate_suite_check(&c);
        certificate_case_done(&c);
}

static void try_file(const char *folder, const char *name)
{
        char path[500];
        json_error_t error;

        snprintf(path, sizeof path, "%s/%s", folder, name);
        json_t *all = json_load_file(path, 0, &error);
        if (!all)
                fail_msg("%s: %s", path, error.text);
        const json_t *cases = json_object_get(all, "testcases");
        assert_true(json_array_size(cases) > 0);
        for (size_t i = 0; i < json_array_size(cases); i++)
                try(json_array_get(cases, i));
        json_decref(all);
}

static void limbo(void **state)
{
        const char *folder = certificate_suite_open("x509-limbo");

        (void)state;
        if (!folder)
                skip();
        try_file(folder, "limbo.json");
        certificate_suite_close();
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(limbo) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
