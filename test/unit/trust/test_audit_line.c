/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lines of the audit log: the form that docs/spec/audit.md says, and every single changed bit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "crypto/hash.h"
#include "trust/audit_line.h"

#define NOW (INT64_C(1795000000) * 1000000) /* 2026-11-18T11:06:40Z */
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

static void write_line(
        struct audit_line_chain *c, const char *event, const char *camera, struct buf *out)
{
        json_t *fields = json_pack("{s:s}", "camera", camera);

        buf_clear(out);
        assert_int_equal(audit_line_format(c, NOW, event, fields, out, NULL), 0);
        json_decref(fields);
}

/* Without the line feed. */
static struct bytes line_of(const struct buf *b)
{
        assert_int_equal(b->p[b->n - 1], '\n');
        return bytes_sub(buf_bytes(b), 0, b->n - 1);
}

static void as_specified(void **state)
{
        static const char head[] =
                "{\"v\":1,\"n\":1,\"time\":\"2026-11-18T11:06:40.000Z\",\"event\":"
                "\"camera.removed\",\"camera\":\"lobby\",\"previous\":\"" ZEROS "\"";
        struct audit_line_chain c = { 0 };
        uint8_t hash[HASH_BYTES];
        char hex[65];
        struct buf out;

        (void)state;
        buf_init(&out, AUDIT_LINE_MAX);
        write_line(&c, "camera.removed", "lobby", &out);
        hash_once(bytes_str(head), hash);
        CLEANUP(own_freep)
        char *want =
                xasprintf("%s,\"hash\":\"%s\"}\n", head, str_hex(hex, BYTES(hash, sizeof hash)));
        assert_true(bytes_equal(buf_bytes(&out), bytes_str(want)));
        /* The next one names it. */
        write_line(&c, "camera.added", "\xc3\xa9\n\"", &out);
        assert_non_null(memmem(out.p, out.n, hex, 64));
        assert_non_null(memmem(out.p, out.n, "\\u00E9\\n\\\"", 10));
        assert_null(memchr(out.p, '\n', out.n - 1));
        /* What does not fit is refused, and the chain stays. */
        struct audit_line_chain before = c;
        char much[AUDIT_LINE_MAX];
        memset(much, 'x', sizeof much - 1);
        much[sizeof much - 1] = '\0';
        json_t *fields = json_pack("{s:s}", "text", much);
        buf_clear(&out);
        assert_int_equal(audit_line_format(&c, NOW, "e", fields, &out, NULL), ERR_EXHAUSTED);
        json_decref(fields);
        assert_memory_equal(&before, &c, sizeof c);
        assert_int_equal(out.n, 0);
        buf_done(&out);
}

static void every_bit_counts(void **state)
{
        struct audit_line_chain writer = { 0 }, middle;
        struct buf first, second;

        (void)state;
        buf_init(&first, AUDIT_LINE_MAX);
        buf_init(&second, AUDIT_LINE_MAX);
        write_line(&writer, "camera.added", "lobby", &first);
        write_line(&writer, "camera.removed", "lobby", &second);
        struct audit_line_chain c = { 0 };
        assert_int_equal(audit_line_parse(&c, line_of(&first), NULL, NULL), 0);
        middle = c;
        assert_int_equal(audit_line_parse(&c, line_of(&second), NULL, NULL), 0);
        assert_memory_equal(c.last, writer.last, sizeof c.last);
        for (size_t bit = 0; bit < 8 * line_of(&second).n; bit++) {
                second.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
                c = middle;
                if (audit_line_parse(&c, line_of(&second), NULL, NULL) != ERR_CORRUPT)
                        fail_msg("bit %zu", bit);
                second.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        for (size_t n = 0; n < line_of(&second).n; n++) {
                c = middle;
                assert_int_equal(
                        audit_line_parse(&c, bytes_sub(buf_bytes(&second), 0, n), NULL, NULL),
                        ERR_CORRUPT);
        }
        buf_done(&first);
        buf_done(&second);
}

static void what_is_broken_is_named_alone(void **state)
{
        struct audit_line_chain writer = { 0 }, c = { 0 };
        struct buf line[4];
        json_t *object = NULL;
        struct err e;

        (void)state;
        for (unsigned i = 0; i < ARRAY_LEN(line); i++) {
                buf_init(&line[i], AUDIT_LINE_MAX);
                write_line(&writer, "camera.added", i % 2 ? "a" : "b", &line[i]);
        }
        assert_int_equal(audit_line_parse(&c, line_of(&line[0]), &object, &e), 0);
        assert_string_equal(json_string_value(json_object_get(object, "camera")), "b");
        json_decref(object);
        memcpy(memmem(line[1].p, line[1].n, "\"a\"", 3), "\"c\"", 3);
        assert_int_equal(audit_line_parse(&c, line_of(&line[1]), NULL, &e), ERR_CORRUPT);
        assert_non_null(strstr(e.text, "changed"));
        assert_int_equal(audit_line_parse(&c, line_of(&line[2]), NULL, &e), 0);
        /* The first left out. */
        c = (struct audit_line_chain){ 0 };
        assert_int_equal(audit_line_parse(&c, line_of(&line[2]), NULL, &e), ERR_CORRUPT);
        assert_non_null(strstr(e.text, "not the first"));
        assert_int_equal(audit_line_parse(&c, line_of(&line[3]), NULL, &e), 0);
        /* Behind what is no line, the next names its bytes. */
        c = (struct audit_line_chain){ 0 };
        assert_int_equal(audit_line_parse(&c, bytes_str("{\"v\":1,\"n"), &object, &e), ERR_CORRUPT);
        assert_null(object);
        write_line(&c, "camera.added", "x", &line[0]);
        c = (struct audit_line_chain){ 0 };
        assert_int_equal(audit_line_parse(&c, bytes_str("{\"v\":1,\"n"), NULL, &e), ERR_CORRUPT);
        assert_int_equal(audit_line_parse(&c, line_of(&line[0]), NULL, &e), 0);
        for (unsigned i = 0; i < ARRAY_LEN(line); i++)
                buf_done(&line[i]);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(as_specified),
                cmocka_unit_test(every_bit_counts),
                cmocka_unit_test(what_is_broken_is_named_alone) };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
