/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a page may be called, and the list of it as a file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>

#include "trust/web_names.h"

static void what_is_a_name(void **state)
{
        static const struct {
                const char *typed, *kept;
                bool is_address;
        } good[] = { { "Watch.Example", "watch.example", false }, { "nas", "nas", false },
                { "a_b-1.local", "a_b-1.local", false },
                { "xn--mller-kva.example", "xn--mller-kva.example", false },
                { "192.0.2.7", "192.0.2.7", true }, { "2001:DB8:0::1", "2001:db8::1", true } };
        struct web_names w = { 0 };
        struct err e;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(good); i++) {
                assert_int_equal(web_names_add(&w, good[i].typed, &e), 0);
                assert_string_equal(w.names[i].text, good[i].kept);
                assert_int_equal(w.names[i].is_address, good[i].is_address);
        }
        assert_int_equal(w.n, ARRAY_LEN(good));
        assert_int_equal(web_names_add(&w, "WATCH.example", &e), 0); /* once */
        assert_int_equal(w.n, ARRAY_LEN(good));
        struct web_names_lists lists;
        web_names_lists(&w, &lists);
        assert_string_equal(lists.dns[3], "xn--mller-kva.example");
        assert_null(lists.dns[4]);
        assert_string_equal(lists.ip[1], "2001:db8::1");
        assert_null(lists.ip[2]);
}

static void what_is_none(void **state)
{
        static const char *const bad[] = { "", "*", "*.example", "a b", "a\nb", "a\x7f", "-a", "a-",
                "a..b", ".a", "a.", "m\xc3\xbcller", "1.2.3", "1.2.3.4.5", "256.1.1.1", "127.1",
                "fe80::1%eth0", "::ffff:192.0.2.1", "[::1]", "a:443", "https://a", "a/b", "a,b",
                "a;b", "a\"" };
        char much[400] = "";
        struct web_names w = { 0 };
        struct err e;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                if (web_names_add(&w, bad[i], &e) != ERR_INVALID)
                        fail_msg("\"%s\" was taken", bad[i]);
                assert_null(strchr(e.text, '\n'));
        }
        assert_int_equal(web_names_add(&w, "*.example", &e), ERR_INVALID);
        assert_non_null(strstr(e.text, "wildcard"));
        memset(much, 'a', 64);
        assert_int_equal(web_names_add(&w, much, &e), ERR_INVALID); /* a label of 64 */
        for (size_t i = 0; i + 1 < sizeof much; i++)
                much[i] = i % 2 ? '.' : 'a';
        assert_int_equal(web_names_add(&w, much, &e), ERR_INVALID);
        assert_int_equal(w.n, 0);
        for (unsigned i = 0; i < WEB_NAMES_MAX; i++) {
                snprintf(much, sizeof much, "h%u", i);
                assert_int_equal(web_names_add(&w, much, &e), 0);
        }
        assert_int_equal(web_names_add(&w, "one-more", &e), ERR_EXHAUSTED);
        assert_int_equal(web_names_add(&w, "h7", &e), 0);
}

static void as_a_file(void **state)
{
        struct web_names w = { 0 }, again = { 0 };
        CLEANUP(buf_done) struct buf text;
        struct err e;

        (void)state;
        buf_init(&text, WEB_NAMES_TEXT_MAX);
        assert_int_equal(web_names_add(&w, "nas.local", &e), 0);
        assert_int_equal(web_names_add(&w, "::1", &e), 0);
        assert_int_equal(web_names_format(&w, &text, &e), 0);
        assert_true(bytes_equal(buf_bytes(&text), bytes_str("nas.local\n::1\n")));
        assert_int_equal(web_names_parse(buf_bytes(&text), &again, &e), 0);
        assert_int_equal(again.n, 2);
        assert_true(again.names[1].is_address);
        assert_int_equal(web_names_parse(bytes_str(""), &again, &e), 0);
        assert_int_equal(again.n, 0);
        assert_int_equal(web_names_parse(bytes_str("a\n\nb\n"), &again, &e), ERR_CORRUPT);
        assert_int_equal(web_names_parse(bytes_str("a\n*\n"), &again, &e), ERR_CORRUPT);
        assert_int_equal(web_names_parse(BYTES("a\0b\n", 4), &again, &e), ERR_CORRUPT);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(what_is_a_name),
                cmocka_unit_test(what_is_none), cmocka_unit_test(as_a_file) };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
