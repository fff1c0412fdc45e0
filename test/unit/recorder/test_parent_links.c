/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a recorder passes on of its porter's links: what is specified, and nothing that has another
 * form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "recorder/parent_links.h"

static json_t *link_of(void)
{
        return json_loads(
                "{\"uri\": \"custos://s/manager/main\", \"role\": \"manager\", \"name\": \"main\","
                " \"address\": \"127.0.0.1:1\", \"accepted\": false, \"state\": \"open\","
                " \"fault\": \"\", \"text\": \"\", \"tls\": \"TLS 1.3\", \"cipher\": \"c\","
                " \"since\": \"2026-11-22T15:40:01Z\", \"not_after\": null, \"rekeys_in\": 1,"
                " \"rekeys_out\": 2, \"handshakes\": 3, \"bytes_in\": 4, \"bytes_out\": 5,"
                " \"plaintext_bytes\": 0}",
                0, NULL);
}

/* Takes link. */
static int answer_of(json_t *link, json_t **ret)
{
        json_t *porter = json_pack("{s:[o], s:{}}", "links", link, "certificate");
        int r = parent_links_answer(porter, ret, NULL);

        json_decref(porter);
        return r;
}

static void what_is_specified(void **state)
{
        json_t *answer = NULL, *wanted = json_pack("{s:[o]}", "links", link_of()),
               *more = link_of();

        (void)state;
        json_object_set_new(more, "secret", json_string("x"));
        assert_int_equal(answer_of(more, &answer), 0);
        assert_true(json_equal(answer, wanted));
        json_decref(answer);
        json_decref(wanted);
}

static void each_key(void **state)
{
        json_t *whole = link_of(), *answer = NULL, *value;
        const char *key;

        (void)state;
        assert_int_equal(json_object_size(whole), 18);
        json_object_foreach(whole, key, value)
        {
                json_t *without = json_deep_copy(whole), *other = json_deep_copy(whole);
                json_object_del(without, key);
                assert_int_equal(answer_of(without, &answer), ERR_PROTOCOL);
                json_object_set_new(other, key, json_array());
                assert_int_equal(answer_of(other, &answer), ERR_PROTOCOL);
                if (json_is_integer(value)) {
                        json_t *negative = json_deep_copy(whole);
                        json_object_set_new(negative, key, json_integer(-1));
                        assert_int_equal(answer_of(negative, &answer), ERR_PROTOCOL);
                }
        }
        json_decref(whole);
        assert_null(answer);
}

static void bounds(void **state)
{
        json_t *answer = NULL, *porter = json_pack("{s:[]}", "links"), *link = link_of();
        char text[600] = "";

        (void)state;
        assert_int_equal(parent_links_answer(NULL, &answer, NULL), ERR_UNAVAILABLE);
        for (unsigned i = 0; i <= PARENT_LINKS_MAX; i++)
                json_array_append_new(json_object_get(porter, "links"), link_of());
        assert_int_equal(parent_links_answer(porter, &answer, NULL), ERR_PROTOCOL);
        json_array_remove(json_object_get(porter, "links"), 0);
        assert_int_equal(parent_links_answer(porter, &answer, NULL), 0);
        json_decref(answer);
        json_decref(porter);
        memset(text, 'x', 513);
        json_object_set_new(link, "text", json_string(text));
        assert_int_equal(answer_of(link, &answer), ERR_PROTOCOL);
        porter = json_pack("{s:s}", "links", "x");
        assert_int_equal(parent_links_answer(porter, &answer, NULL), ERR_PROTOCOL);
        json_decref(porter);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_is_specified),
                cmocka_unit_test(each_key),
                cmocka_unit_test(bounds),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
