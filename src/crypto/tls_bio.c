/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * OpenSSL's end of a memory session: it reads straight from the bytes that the caller received and
 * writes straight into the buffer that the caller sends from. Without the intermediate copy of
 * BIO_s_mem, which costs a sixth of the ingest.
 */
#include "crypto/tls_session.h"

static int tls_bio_read(BIO *bio, char *to, int room)
{
        struct tls *t = BIO_get_data(bio);

        BIO_clear_retry_flags(bio);
        if (t->in.n == 0) {
                BIO_set_retry_read(bio);
                return -1;
        }
        size_t n = (size_t)room < t->in.n ? (size_t)room : t->in.n;
        memcpy(to, t->in.p, n);
        t->in = bytes_sub(t->in, n, t->in.n);
        return (int)n;
}

/* A full buffer is an error and no reason to try again: tls_write has made sure of the room
 * beforehand, so only a peer that asks for endless answers without reading them gets here. */
static int tls_bio_write(BIO *bio, const char *from, int n)
{
        struct tls *t = BIO_get_data(bio);

        BIO_clear_retry_flags(bio);
        return buf_append(&t->out, BYTES(from, (size_t)n), NULL) == 0 ? n : -1;
}

static long tls_bio_ctrl(BIO *bio, int command, long number, void *p)
{
        (void)bio;
        (void)number;
        (void)p;
        return command == BIO_CTRL_FLUSH;
}

BIO_METHOD *tls_bio_method(void)
{
        BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "custos memory");

        ossl_must(m && BIO_meth_set_read(m, tls_bio_read) == 1 &&
                          BIO_meth_set_write(m, tls_bio_write) == 1 &&
                          BIO_meth_set_ctrl(m, tls_bio_ctrl) == 1,
                "a BIO method");
        return m;
}

BIO *tls_bio_new(BIO_METHOD *method, struct tls *t)
{
        BIO *bio = BIO_new(method);

        ossl_must(bio != NULL, "a BIO");
        BIO_set_data(bio, t);
        BIO_set_init(bio, 1);
        return bio;
}
