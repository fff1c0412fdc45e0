/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The inventory in a database of its own, and the words that go with a URL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "manager/inventory.h"

static char dir[] = "/tmp/custos-test-inventory-XXXXXX", path[64];

static void terms(void **state)
{
        static const struct {
                const char *url, *transport, *carrier;
                bool pin;
                int code;
                const char *says;
        } cases[] = {
                { "rtsps://h/x", "tls", "interleaved", false, 0, NULL },
                { "rtsps://h/x", "tls", "udp", false, 0, NULL },
                { "https://h/x", "tls", "tunnel", false, 0, NULL },
                { "https://h/x", "tls", "mjpeg", false, 0, NULL },
                { "https://h/x", "tls", "snapshot", false, 0, NULL },
                { "rtsps://h/x", "tls-pinned", "udp", true, 0, NULL },
                { "https://h/x", "tls-if-available", "tunnel", false, 0, NULL },
                { "rtsp://h/x", "plain", "interleaved", false, 0, NULL },
                { "rtsp://h/x", "plain", "udp", false, 0, NULL },
                { "http://h/x", "plain", "snapshot", false, 0, NULL },
                { "rtsp://h/x", "tls", "interleaved", false, ERR_DENIED, "Use rtsps://" },
                { "http://h/x", "tls", "tunnel", false, ERR_DENIED, "Use https://" },
                { "rtsp://h/x", "tls-if-available", "udp", false, ERR_DENIED, "--transport plain" },
                { "rtsp://h/x", "tls-pinned", "interleaved", true, ERR_DENIED, "not encrypted" },
                { "rtsps://h/x", "plain", "interleaved", false, ERR_INVALID, "goes with rtsp://" },
                { "https://h/x", "plain", "tunnel", false, ERR_INVALID, "goes with http://" },
                { "rtsps://h/x", "tls", "tunnel", false, ERR_INVALID, "https://" },
                { "rtsps://h/x", "tls", "mjpeg", false, ERR_INVALID, "https://" },
                { "https://h/x", "tls", "interleaved", false, ERR_INVALID, "tunnel" },
                { "https://h/x", "tls", "udp", false, ERR_INVALID, "rtsps://" },
                { "rtsps://h/x", "tls", "", false, ERR_INVALID, "carrier is" },
                { "rtsps://h/x", "TLS", "interleaved", false, ERR_INVALID, "transport is" },
                { "rtsps://h/x", "tls", "interleaved", true, ERR_INVALID, "a pin goes with" },
                { "rtsps://h/x", "tls-pinned", "interleaved", false, ERR_INVALID, "--pin" },
                { "ftp://h/x", "tls", "interleaved", false, ERR_INVALID, "url" },
                { "rtsps://u:p@h/x", "tls", "interleaved", false, ERR_INVALID, "url" },
        };
        struct err e;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                int r = camera_terms_check(
                        cases[i].url, cases[i].transport, cases[i].carrier, cases[i].pin, &e);
                if (r != cases[i].code || (cases[i].says && !strstr(e.text, cases[i].says)))
                        fail_msg("%s %s %s: %d %s", cases[i].url, cases[i].transport,
                                cases[i].carrier, r, r < 0 ? e.text : "");
        }
        assert_string_equal(camera_terms_carrier_of("rtsps://h/x"), "interleaved");
        assert_string_equal(camera_terms_carrier_of("http://h/x"), "tunnel");
        assert_string_equal(camera_terms_carrier_of("nonsense"), "");
        assert_true(camera_terms_is_exception("plain"));
        assert_true(camera_terms_is_exception("tls-if-available"));
        assert_false(camera_terms_is_exception("tls"));
        assert_false(camera_terms_is_exception("tls-pinned"));
}

static struct inventory_stream stream(const char *camera, const char *name)
{
        struct inventory_stream s = { .url = "rtsps://192.0.2.1/x",
                .user = "operator",
                .transport = "tls",
                .carrier = "interleaved",
                .audio = true };

        snprintf(s.camera, sizeof s.camera, "%s", camera);
        snprintf(s.stream, sizeof s.stream, "%s", name);
        assert_int_equal(secret_set(&s.password, bytes_str("s3cret"), NULL), 0);
        return s;
}

static int count(void *owner, const struct inventory_stream *s, struct err *e)
{
        (void)s;
        (void)e;
        ++*(unsigned *)owner;
        return 0;
}

static void streams(void **state)
{
        struct inventory_stream s = stream("lobby", "main"), sub = stream("lobby", "sub"), got;
        struct inventory *v = NULL;
        unsigned n = 0;
        struct err e;

        (void)state;
        unlink(path);
        assert_int_equal(inventory_open(path, &v, NULL), 0);
        assert_int_equal(inventory_add(v, &s, &e), 0);
        assert_int_equal(inventory_add(v, &sub, &e), 0);
        assert_int_equal(inventory_add(v, &sub, &e), ERR_STATE);
        snprintf(sub.carrier, sizeof sub.carrier, "udp");
        snprintf(sub.transport, sizeof sub.transport, "tls-pinned");
        sub.pin[3] = 9;
        sub.audio = false;
        assert_int_equal(inventory_set(v, &sub, &e), 0);
        v = inventory_free(v);
        assert_int_equal(inventory_open(path, &v, NULL), 0); /* over a restart */
        assert_int_equal(inventory_get(v, "lobby", "sub", &got, &e), 0);
        assert_string_equal(got.carrier, "udp");
        assert_true(inventory_is_pinned(&got));
        assert_int_equal(got.pin[3], 9);
        assert_false(got.audio);
        assert_true(bytes_equal(secret_bytes(&got.password), bytes_str("s3cret")));
        secret_done(&got.password);
        assert_int_equal(inventory_get(v, "lobby", "main", &got, &e), 0);
        assert_string_equal(got.transport, "tls");
        assert_string_equal(got.carrier, "interleaved");
        secret_done(&got.password);
        /* What does not fit is refused and changes nothing. */
        snprintf(s.transport, sizeof s.transport, "plain");
        assert_int_equal(inventory_set(v, &s, &e), ERR_INVALID);
        s = stream("nobody", "main");
        assert_int_equal(inventory_set(v, &s, &e), ERR_NOT_FOUND);
        s = stream("lobby", "third");
        assert_int_equal(inventory_set(v, &s, &e), ERR_NOT_FOUND);
        assert_int_equal(inventory_get(v, "nobody", "main", &got, &e), ERR_NOT_FOUND);
        assert_int_equal(inventory_each(v, "lobby", "", count, &n, &e), 0);
        assert_int_equal(n, 2);
        assert_int_equal(inventory_remove(v, "lobby", &e), 0);
        assert_int_equal(inventory_remove(v, "lobby", &e), ERR_NOT_FOUND);
        inventory_free(v);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(terms), cmocka_unit_test(streams) };

        if (!mkdtemp(dir))
                return 1;
        snprintf(path, sizeof path, "%s/site.sqlite", dir);
        int failed = cmocka_run_group_tests(tests, NULL, NULL);
        unlink(path);
        rmdir(dir);
        return failed;
}
