/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A session with somebody whom nobody vouches for: it comes about with any certificate, and all
 * that the other side ever hears in it is the question. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "crypto/tls_stranger.h"
#include "crypto/x509.h"

#define SECOND INT64_C(1000000)
#define NOW (INT64_C(1795000000) * SECOND)

static int on_data(void *owner, struct bytes plain, struct err *e)
{
        return buf_append(owner, plain, e);
}

/* A server with a self-signed certificate that expired long ago. */
static struct tls *server(void)
{
        CLEANUP(sign_key_freep) struct sign_key *key = sign_key_generate();
        CLEANUP(tls_server_config_freep) struct tls_server_config *config = NULL;
        CLEANUP(buf_done) struct buf der, pem;
        const struct x509_request request = { .purpose = X509_ROOT,
                .common_name = "somebody",
                .not_before_us = SECOND,
                .not_after_us = 2 * SECOND };
        struct tls *t = NULL;

        buf_init(&der, X509_CERT_MAX);
        buf_init(&pem, 4 * X509_CERT_MAX);
        assert_int_equal(x509_issue(&request, key, BYTES(NULL, 0), key, &der, NULL), 0);
        assert_int_equal(x509_pem_format(buf_bytes(&der), &pem, NULL), 0);
        assert_int_equal(tls_server_config_new(buf_bytes(&pem), key, &config, NULL), 0);
        assert_int_equal(tls_server_new(config, &t, NULL), 0);
        return t;
}

/* Moves bytes both ways until neither has any. */
static void pump(struct tls_stranger *s, struct tls *t, struct buf *said, struct buf *heard)
{
        struct err e = { 0 };
        bool closed = false;

        while (tls_stranger_output(s)->n || tls_output(t)->n) {
                struct buf *out = tls_stranger_output(s);
                if (out->n && tls_feed(t, buf_bytes(out), on_data, said, &closed, &e) < 0)
                        fail_msg("%s", e.text);
                buf_clear(out);
                out = tls_output(t);
                if (out->n && tls_stranger_feed(s, buf_bytes(out), on_data, heard, &closed, &e) < 0)
                        fail_msg("%s", e.text);
                buf_clear(out);
        }
}

static void asks_and_hears(void **state)
{
        CLEANUP(tls_stranger_freep) struct tls_stranger *s = tls_stranger_new();
        CLEANUP(tls_freep) struct tls *t = server();
        CLEANUP(buf_done) struct buf said, heard;

        (void)state;
        buf_init(&said, 4096);
        buf_init(&heard, 4096);
        assert_int_equal(tls_stranger_start(s, NULL), 0);
        pump(s, t, &said, &heard);
        assert_true(tls_established(t));
        assert_int_equal(tls_version(t), 0x0304);
        assert_true(bytes_equal(buf_bytes(&said), bytes_str(TLS_STRANGER_QUESTION)));
        assert_int_equal(heard.n, 0);
        /* once, however much is answered */
        for (unsigned i = 0; i < 3; i++) {
                assert_int_equal(tls_write(t, bytes_str("answer"), NULL), 0);
                pump(s, t, &said, &heard);
        }
        assert_int_equal(said.n, strlen(TLS_STRANGER_QUESTION));
        assert_int_equal(heard.n, 18);
}

static void not_without_tls(void **state)
{
        CLEANUP(tls_stranger_freep) struct tls_stranger *s = tls_stranger_new();
        struct err e = { 0 };
        bool closed = false;

        (void)state;
        assert_int_equal(tls_stranger_start(s, NULL), 0);
        buf_clear(tls_stranger_output(s));
        assert_int_equal(tls_stranger_feed(s, bytes_str("HTTP/1.1 200 OK\r\n\r\n"), on_data, NULL,
                                 &closed, &e),
                ERR_PROTOCOL);
        assert_int_equal(e.fault, FAULT_NOT_TLS);
        assert_int_equal(tls_stranger_output(s)->n, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(asks_and_hears),
                cmocka_unit_test(not_without_tls),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
