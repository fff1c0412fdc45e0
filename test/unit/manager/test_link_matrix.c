/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows of the matrix: who connected to whom, what is in the clear, and that what somebody does not
 * say never looks encrypted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "base/str.h"
#include "manager/link_matrix.h"

#define SELF "custos://s/recorder/main"

static json_t *rows_of(
        void (*add)(json_t *, const json_t *, const char *, int64_t), const char *said)
{
        json_t *answer = json_loads(said, 0, NULL), *rows = json_array();
        int64_t now_us;

        assert_non_null(answer);
        assert_int_equal(str_parse_time("2026-11-22T00:00:00Z", &now_us, NULL), 0);
        add(rows, answer, SELF, now_us);
        json_decref(answer);
        return rows;
}

static const char *text(const json_t *rows, size_t i, const char *key)
{
        return json_string_value(json_object_get(json_array_get(rows, i), key));
}

static long long number(const json_t *rows, size_t i, const char *key)
{
        return json_integer_value(json_object_get(json_array_get(rows, i), key));
}

static void links(void **state)
{
        json_t *rows = rows_of(link_matrix_add_links,
                "{\"links\": [{\"uri\": \"custos://s/manager/main\", \"accepted\": false, \"state\": \"open\","
                " \"tls\": \"TLS 1.3\", \"cipher\": \"c\", \"not_after\": \"2026-11-23T12:00:00Z\", \"rekeys_in\": 1,"
                " \"rekeys_out\": 2, \"handshakes\": 3, \"bytes_in\": 4, \"bytes_out\": 5, \"plaintext_bytes\": 0},"
                " {\"uri\": \"custos://s/gateway/web\", \"accepted\": true, \"state\": \"open\", \"tls\": \"\"},"
                " {\"uri\": \"custos://s/gateway/off\", \"state\": \"refused\", \"tls\": \"\", \"not_after\": null},"
                " {}, 7]}");

        (void)state;
        assert_int_equal(json_array_size(rows), 5);
        assert_string_equal(text(rows, 0, "from"), SELF);
        assert_string_equal(text(rows, 0, "to"), "custos://s/manager/main");
        assert_string_equal(text(rows, 0, "protection"), "encrypted and verified");
        assert_int_equal(number(rows, 0, "rekeys"), 3);
        assert_true(fabs(json_number_value(json_object_get(json_array_get(rows, 0), "days_left")) -
                            1.5) < 1e-9);
        assert_string_equal(text(rows, 1, "from"), "custos://s/gateway/web");
        assert_string_equal(text(rows, 1, "to"), SELF);
        assert_string_equal(text(rows, 1, "protection"), "open");
        assert_string_equal(text(rows, 2, "protection"), "");
        assert_true(json_is_null(json_object_get(json_array_get(rows, 2), "days_left")));
        assert_string_equal(text(rows, 3, "protection"), "");
        json_decref(rows);
}

static void cameras(void **state)
{
        json_t *rows = rows_of(link_matrix_add_streams,
                "{\"streams\": [{\"stream\": \"a-main\", \"state\": \"streaming\", \"tls\": \"TLS 1.3\","
                " \"protection\": \"encrypted, pinned\", \"camera_key\": \"00ff\", \"connects\": 2, \"bytes\": 9,"
                " \"clear_bytes\": 0, \"certificate_until\": \"2026-11-21T00:00:00.000Z\"},"
                " {\"stream\": \"b-main\", \"state\": \"streaming\", \"tls\": \"\", \"protection\": \"open\","
                " \"camera_key\": \"0000\", \"connects\": 2, \"bytes\": 9, \"clear_bytes\": 8,"
                " \"certificate_until\": \"2026-11-21T00:00:00.000Z\"},"
                " {\"stream\": \"c-main\", \"state\": \"waiting\", \"tls\": \"\", \"protection\": \"open\"}]}");

        (void)state;
        assert_string_equal(text(rows, 0, "to"), "camera a-main");
        assert_string_equal(text(rows, 0, "peer"), "00ff");
        assert_int_equal(number(rows, 0, "handshakes"), 2);
        assert_true(json_number_value(json_object_get(json_array_get(rows, 0), "days_left")) < 0);
        assert_string_equal(text(rows, 1, "protection"), "open");
        assert_string_equal(text(rows, 1, "peer"), ""); /* nobody showed that certificate now */
        assert_string_equal(text(rows, 1, "not_after"), "");
        assert_int_equal(number(rows, 1, "handshakes"), 0);
        assert_int_equal(number(rows, 1, "plaintext_bytes"), 8);
        assert_string_equal(text(rows, 2, "protection"), "");
        json_decref(rows);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(links),
                cmocka_unit_test(cameras),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
