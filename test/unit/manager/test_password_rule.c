/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is taken as a password, and what attackers try first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "manager/password_rule.h"

static int check(const char *password, struct err *e)
{
        return password_rule_check(bytes_str(password), "Erika", "hamburg-1", e);
}

static void test_taken(void **state)
{
        static const char *const good[] = { "hafen lampe ziegel moos",
                "correct horse battery staple", "k8#Tz!qW3v_Lp", "Der Regen fällt auf Blech",
                "xkcdnotascomic99", "äöüßéèêëñãõø", "Zug-um-Zug 17 Ecken" };
        char longest[PASSWORD_RULE_BYTES + 1];
        struct err e;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(good); i++) {
                if (check(good[i], &e) < 0)
                        fail_msg("%s: %s", good[i], e.text);
        }
        for (size_t i = 0; i < PASSWORD_RULE_BYTES; i++)
                longest[i] = "abrakqpwmzx"[i * i % 11];
        longest[PASSWORD_RULE_BYTES] = '\0';
        assert_int_equal(check(longest, &e), 0);
}

static void test_refused(void **state)
{
        static const struct {
                const char *password, *why;
        } bad[] = { { "", "less than 12" }, { "k8#Tz!qW3v_", "less than 12" },
                { "äöüßéèêëñãõ", "less than 12" }, /* characters, not bytes */
                { "aaaaaaaaaaaaaaaa", "guessed first" }, { "abababababababab", "guessed first" },
                { "123456789012", "guessed first" }, { "qwertyuiopasdf", "guessed first" },
                { "1qaz2wsx3edc", "guessed first" }, { "passwordpassword", "guessed first" },
                { "P@ssw0rd20241", "guessed first" }, { "Password1234!", "guessed first" },
                { "iloveyou2023", "guessed first" }, { "Summer2024Winter", "guessed first" },
                { "AdministratorAdmin", "guessed first" }, { "welcome12345678", "guessed first" },
                { "zyxwvutsrqponm", "guessed first" }, { "geheim-geheim", "guessed first" },
                { "letmeinletmein1", "guessed first" }, { "qwertzuiop1987", "guessed first" },
                { "meine-Erika-7-Zug", "person's name" }, { "m31n3-3r1k4-7-Zug", "person's name" },
                { "Hafen HAMBURG-1 Moos", "site's name" } };
        struct err e;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                if (check(bad[i].password, &e) != ERR_INVALID || e.fault != FAULT_WEAK_PASSWORD ||
                        !strstr(e.text, bad[i].why))
                        fail_msg("%s: not refused for it", bad[i].password);
                assert_true(!bad[i].password[0] || !strstr(e.text, bad[i].password));
        }
}

static void test_no_text(void **state)
{
        char much[PASSWORD_RULE_BYTES + 2];
        struct err e;

        (void)state;
        memset(much, 'x', sizeof much);
        much[sizeof much - 1] = '\0';
        assert_int_equal(check(much, &e), ERR_INVALID);
        assert_int_equal(check("\xff\xfe\xfd 1234567890 xyz", &e), ERR_INVALID);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_taken),
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_no_text),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
