/* SPDX-License-Identifier: GPL-3.0-or-later */
/* OpenSSL's own table of verifications (test/recipes/25-test_verify.t), as far as an option of it
 * is one that our verification has: depth and time. No name is asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <jansson.h>

#include "certificate_suite.c"

#define NOW INT64_C(1795000000000000) /* 2026-11-18; most of them are for 100 years */

static void add(struct buf *to, const char *folder, const char *name)
{
        char *path = xasprintf("%s/%s.pem", folder, name);

        certificate_add_file(to, path, NULL);
        own_freep(&path);
}

static void add_all(struct buf *to, const char *folder, const json_t *names)
{
        for (size_t i = 0; i < json_array_size(names); i++)
                add(to, folder, json_string_value(json_array_get(names, i)));
}

static void options(struct certificate_case *c, const json_t *opts)
{
        for (size_t i = 0; i + 1 < json_array_size(opts); i++) {
                const char *option = json_string_value(json_array_get(opts, i)),
                           *value = json_string_value(json_array_get(opts, i + 1));
                if (strcmp(option, "-verify_depth") == 0)
                        c->depth = atoi(value);
                if (strcmp(option, "-attime") == 0)
                        c->at_us = atoll(value) * 1000000;
        }
}

static void try(const char *folder, const json_t *t, size_t index)
{
        struct certificate_case c;
        char id[160];

        certificate_case_init(&c);
        snprintf(id, sizeof id, "%zu:%s", index, json_string_value(json_object_get(t, "name")));
        for (char *s = id; *s; s++)
                *s = *s == ' ' ? '-' : *s;
        c.id = id;
        const char *expected = json_string_value(json_object_get(t, "expect"));
        c.accept = strcmp(expected, "accept") == 0;
        assert_true(c.accept || strcmp(expected, "reject") == 0);
        c.at_us = NOW;
        add(&c.sent, folder, json_string_value(json_object_get(t, "cert")));
        add_all(&c.sent, folder, json_object_get(t, "untrusted"));
        add_all(&c.roots, folder, json_object_get(t, "trusted"));
        options(&c, json_object_get(t, "opts"));
        certificate_suite_check(&c);
        certificate_case_done(&c);
}

static void table(void **state)
{
        const char *folder = certificate_suite_open("openssl-verify");
        json_error_t error;

        (void)state;
        if (!folder)
                skip();
        char *path = xasprintf("%s/EXPECTED.json", folder);
        json_t *all = json_load_file(path, 0, &error);
        if (!all)
                fail_msg("%s: %s", path, error.text);
        for (size_t i = 0; i < json_array_size(all); i++)
                try(folder, json_array_get(all, i), i);
        json_decref(all);
        own_freep(&path);
        certificate_suite_close();
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(table) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
