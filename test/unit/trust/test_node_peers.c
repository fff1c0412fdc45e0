/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "trust/node_peers.h"

#define MANAGER "\"manager\": {\"name\": \"main\", \"host\": \"10.0.0.1\", \"port\": 8320}"
#define NODE "\"site\": \"berlin\", \"role\": \"recorder\", \"name\": \"north-1\""

static void parsed_and_written(void **state)
{
        static const char golden[] =
                "{\n  \"version\": 1,\n  \"site\": \"berlin\",\n"
                "  \"role\": \"recorder\",\n  \"name\": \"north-1\",\n"
                "  \"manager\": { \"name\": \"main\", \"host\": \"fe80::1%eth0\", "
                "\"port\": 8320 }\n}\n";
        struct node_identity n = { 0 };
        struct err e = { 0 };
        struct buf out;

        (void)state;
        buf_init(&out, NODE_PEERS_FILE_MAX);
        if (node_peers_parse(bytes_str(golden), &n, &e) < 0)
                fail_msg("%s", e.text);
        assert_string_equal(n.site, "berlin");
        assert_string_equal(n.manager.host, "fe80::1%eth0");
        assert_int_equal(n.manager.port, 8320);
        assert_int_equal(node_peers_format(&n, &out, &e), 0);
        assert_true(bytes_equal(buf_bytes(&out), bytes_str(golden)));
        buf_done(&out);
}

static void this_hosts_manager(void **state)
{
        struct node_identity n = { 0 };

        (void)state;
        assert_int_equal(
                node_peers_parse(bytes_str("{\"version\": 1, " NODE ", \"manager\": {\"name\": "
                                           "\"main\", \"host\": \"\", \"port\": 0}}"),
                        &n, NULL),
                0);
        assert_int_equal(n.manager.port, 0);
}

static void refused(void **state)
{
        static const struct {
                const char *json, *said;
        } wrong[] = {
                { "", "not JSON" },
                { "[]", "no version" },
                { "{\"version\": 1, \"version\": 1, " NODE ", " MANAGER "}", "not JSON" },
                { "{\"version\": 2, \"else\": 1}", "version 2; this program knows version 1" },
                { "{\"version\": 4294967297, " NODE ", " MANAGER "}", "knows version 1" },
                { "{" NODE ", " MANAGER "}", "no version" },
                { "{\"version\": 1, " NODE "}", "as expected" },
                { "{\"version\": 1, " NODE ", " MANAGER ", \"more\": 1}", "as expected" },
                { "{\"version\": 1, \"site\": 1, \"role\": \"recorder\", \"name\": \"n\", " MANAGER
                  "}",
                        "as expected" },
                { "{\"version\": 1, \"site\": \"../x\", \"role\": \"recorder\", \"name\": \"n\", " MANAGER
                  "}",
                        "site, role, name" },
                { "{\"version\": 1, \"site\": \"b\", \"role\": \"camera\", \"name\": \"n\", " MANAGER
                  "}",
                        "no such role" },
                { "{\"version\": 1, \"site\": \"b\", \"role\": \"recorder\", \"name\": \"N\", " MANAGER
                  "}",
                        "a node's name" },
                { "{\"version\": 1, \"site\": \"b\", \"role\": \"recorderrecorder\", \"name\": "
                  "\"n\", " MANAGER "}",
                        "too long" },
                { "{\"version\": 1, " NODE
                  ", \"manager\": {\"name\": \"a b\", \"host\": \"h\", \"port\": 1}}",
                        "the manager's name" },
                { "{\"version\": 1, " NODE
                  ", \"manager\": {\"name\": \"m\", \"host\": \"h i\", \"port\": 1}}",
                        "no address" },
                { "{\"version\": 1, " NODE
                  ", \"manager\": {\"name\": \"m\", \"host\": \"h\", \"port\": 0}}",
                        "no address" },
                { "{\"version\": 1, " NODE
                  ", \"manager\": {\"name\": \"m\", \"host\": \"\", \"port\": 1}}",
                        "no address" },
                { "{\"version\": 1, " NODE
                  ", \"manager\": {\"name\": \"m\", \"host\": \"h\", \"port\": 65536}}",
                        "port" },
                { "{\"version\": 1, " NODE
                  ", \"manager\": {\"name\": \"m\", \"host\": \"h\", \"port\": 4294975616}}",
                        "port" },
                { "{\"version\": 1, " NODE
                  ", \"manager\": {\"name\": \"m\", \"host\": \"h\", \"port\": -1}}",
                        "port" },
        };
        struct node_identity n, untouched;

        (void)state;
        memset(&untouched, 7, sizeof untouched);
        for (unsigned i = 0; i < ARRAY_LEN(wrong); i++) {
                struct err e = { 0 };
                n = untouched;
                if (node_peers_parse(bytes_str(wrong[i].json), &n, &e) != ERR_CORRUPT ||
                        !strstr(e.text, wrong[i].said))
                        fail_msg("%s: %s", wrong[i].json, e.text);
                assert_memory_equal(&n, &untouched, sizeof n);
        }
}

static void only_what_is_read_is_written(void **state)
{
        struct node_identity n = { .site = "berlin",
                .role = "recorder",
                .name = "n",
                .manager = { .name = "main", .host = "a\"b", .port = 1 } };
        struct buf out;

        (void)state;
        buf_init(&out, NODE_PEERS_FILE_MAX);
        assert_int_equal(node_peers_format(&n, &out, NULL), ERR_INVALID);
        assert_int_equal(out.n, 0);
        buf_done(&out);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(parsed_and_written),
                cmocka_unit_test(this_hosts_manager),
                cmocka_unit_test(refused),
                cmocka_unit_test(only_what_is_read_is_written),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
