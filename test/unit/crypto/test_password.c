/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Argon2id: what is kept is what the reference implementation reads, and what is too dear is
 * refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "crypto/password.h"

/* By the reference implementation: this password, salt "0123456789abcdef". */
static const char cheap[] =
        "$argon2id$v=19$m=1024,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$kT7pA1mWpIxCyvdphWLoxD5001U6itc4vWjkQ4J85co";

static struct bytes of(const char *text)
{
        return bytes_str(text);
}

static void test_round(void **state)
{
        char a[PASSWORD_ROOM], b[PASSWORD_ROOM];
        struct err e;

        (void)state;
        assert_int_equal(password_hash(of("correct horse"), a, &e), 0);
        assert_int_equal(password_hash(of("correct horse"), b, &e), 0);
        assert_memory_equal(a, "$argon2id$v=19$m=65536,t=3,p=1$", 31);
        assert_string_not_equal(a, b); /* a salt of its own */
        assert_int_equal(password_verify(a, of("correct horse"), &e), 1);
        assert_int_equal(password_verify(a, of("correct horsf"), &e), 0);
        assert_int_equal(password_verify(a, of(""), &e), 0);
        assert_true(password_is_current(a));
}

static void test_other_costs(void **state)
{
        struct err e;

        (void)state;
        assert_int_equal(password_verify(cheap, of("hafen lampe ziegel moos"), &e), 1);
        assert_int_equal(password_verify(cheap, of("hafen lampe ziegel mooS"), &e), 0);
        assert_false(password_is_current(cheap));
}

static void test_refused(void **state)
{
        static const char *const bad[] = { "", "secret",
                "$argon2i$v=19$m=1024,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$AAAA",
                "$argon2id$v=16$m=1024,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$AAAA",
                "$argon2id$v=19$m=4194304,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$AAAAAAAAAAAAAAAAAAAAAA",
                "$argon2id$v=19$m=1024,t=1000000,p=1$MDEyMzQ1Njc4OWFiY2RlZg$AAAAAAAAAAAAAAAAAAAAAA",
                "$argon2id$v=19$m=1024,t=1,p=64$MDEyMzQ1Njc4OWFiY2RlZg$AAAAAAAAAAAAAAAAAAAAAA",
                "$argon2id$v=19$m=1024,t=1,p=1$!!!!$AAAA" };
        struct err e;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                assert_int_equal(password_verify(bad[i], of("secret"), &e), ERR_CORRUPT);
                assert_null(strstr(e.text, "AAAA"));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_round),
                cmocka_unit_test(test_other_costs),
                cmocka_unit_test(test_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
