/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "vault/recovery_kit.h"

#define WALL_US INT64_C(1795359600000000)

static void make(struct recovery_kit **kit, char text[RECOVERY_KIT_TEXT_ROOM])
{
        *kit = recovery_kit_new("Harbour \"7\"", WALL_US);
        recovery_kit_format(*kit, text);
}

static void test_there_and_back(void **state)
{
        struct recovery_kit *kit, *again = NULL;
        char text[RECOVERY_KIT_TEXT_ROOM];
        struct err e;

        (void)state;
        make(&kit, text);
        assert_non_null(strstr(text, "Date: 2026-11-22\n"));
        assert_int_equal(recovery_kit_parse(bytes_str(text), &again, &e), 0);
        assert_memory_equal(again->private_key, kit->private_key, HPKE_PRIVATE_BYTES);
        assert_memory_equal(again->public_key, kit->public_key, HPKE_PUBLIC_BYTES);
        assert_string_equal(again->date, "2026-11-22");
        recovery_kit_free(again);
        recovery_kit_free(kit);
}

/* The key by itself: lower case, other spaces, digits for letters. */
static void test_read_tolerantly(void **state)
{
        struct recovery_kit *kit, *again = NULL;
        char text[RECOVERY_KIT_TEXT_ROOM], typed[400] = "";
        struct err e;
        size_t n = 0;

        (void)state;
        make(&kit, text);
        const char *key = strstr(text, "Key:\n");
        for (const char *c = key + 5; n < 56; c++) {
                if (isspace(*c))
                        continue;
                typed[n++] = (char)(*c == 'O'   ? '0'
                                    : *c == 'I' ? '1'
                                    : *c == 'B' ? '8'
                                                : tolower(*c));
        }
        for (size_t i = 0; i < 3; i++) {
                static const char *const between[] = { "\n\t", "-", "" };
                char all[450];
                snprintf(all, sizeof all, " %.28s%s%s\n", typed, between[i], typed + 28);
                assert_int_equal(recovery_kit_parse(bytes_str(all), &again, &e), 0);
                assert_memory_equal(again->private_key, kit->private_key, HPKE_PRIVATE_BYTES);
                again = recovery_kit_free(again);
        }
        recovery_kit_free(kit);
}

static void test_every_typing_error_is_found(void **state)
{
        struct recovery_kit *kit, *again = NULL;
        char text[RECOVERY_KIT_TEXT_ROOM];
        struct err e;

        (void)state;
        make(&kit, text);
        char *key = strstr(text, "Key:\n") + 5;
        char *end = strstr(key, "\n\n");
        for (char *c = key; c < end; c++) {
                char was = *c;
                if (isspace(was))
                        continue;
                *c = was == 'Q' ? 'R' : 'Q';
                assert_int_equal(recovery_kit_parse(bytes_str(text), &again, &e), ERR_INVALID);
                assert_non_null(strstr(e.text, "checksum"));
                *c = '!';
                assert_int_equal(recovery_kit_parse(bytes_str(text), &again, &e), ERR_INVALID);
                *c = was;
        }
        *end = '\0';
        end[-1] = '\0';
        assert_int_equal(recovery_kit_parse(bytes_str(text), &again, &e), ERR_INVALID);
        assert_non_null(strstr(e.text, "55 characters"));
        assert_int_equal(recovery_kit_parse(bytes_str(""), &again, &e), ERR_INVALID);
        assert_null(again);
        recovery_kit_free(kit);
}

static void test_another_recipient(void **state)
{
        struct recovery_kit *kit, *again = NULL;
        char text[RECOVERY_KIT_TEXT_ROOM];
        struct err e;

        (void)state;
        make(&kit, text);
        char *id = strstr(text, "Recipient: ") + 11;
        *id = *id == '0' ? '1' : '0';
        assert_int_equal(recovery_kit_parse(bytes_str(text), &again, &e), ERR_INVALID);
        recovery_kit_free(kit);
}

/* The example of RFC 4648 section 10 shows that the letters are base32's: a key of known bytes. */
static void test_letters(void **state)
{
        struct recovery_kit kit = { .private_key = "foobarfoobarfoobarfoobarfoobar12" };
        char text[RECOVERY_KIT_TEXT_ROOM];

        (void)state;
        recovery_kit_format(&kit, text);
        assert_non_null(
                strstr(text, "MZXW 6YTB OJTG 633C MFZG M33P")); /* "foobarfoobarfoo" is
                                                                   MZXW6YTBOJTG633CMFZGM33P */
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_there_and_back),
                cmocka_unit_test(test_read_tolerantly),
                cmocka_unit_test(test_every_typing_error_is_found),
                cmocka_unit_test(test_another_recipient),
                cmocka_unit_test(test_letters),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
