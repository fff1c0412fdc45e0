/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crypto/tls_stranger.h"

#include <stdlib.h>

#include "crypto/tls_session.h"

struct tls_stranger {
        struct tls *t; /* never handed out: it can be written to */
        bool asked;
};

static int tls_stranger_take_any(X509_STORE_CTX *chain, void *unused)
{
        SSL *ssl = X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx());
        struct tls *t = SSL_get_app_data(ssl);
        X509 *leaf = sk_X509_value(X509_STORE_CTX_get0_untrusted(chain), 0);

        (void)unused;
        ossl_spki_id(X509_get_X509_PUBKEY(leaf), t->key);
        t->have_key = true;
        X509_STORE_CTX_set_error(chain, X509_V_OK);
        return 1;
}

struct tls_stranger *tls_stranger_new(void)
{
        struct tls_stranger *s = xcalloc(1, sizeof *s);
        struct tls_config *c = tls_config_new(TLS_client_method());

        ossl_must(SSL_CTX_set_min_proto_version(c->ctx, TLS1_3_VERSION) == 1, "a TLS context");
        SSL_CTX_set_verify(c->ctx, SSL_VERIFY_PEER, NULL);
        SSL_CTX_set_cert_verify_callback(c->ctx, tls_stranger_take_any, NULL);
        s->t = tls_new(c);
        SSL_set_connect_state(s->t->ssl);
        tls_config_unref(c); /* the session keeps it */
        return s;
}

struct tls_stranger *tls_stranger_free(struct tls_stranger *s)
{
        if (!s)
                return NULL;
        tls_free(s->t);
        free(s);
        return NULL;
}

void tls_stranger_freep(struct tls_stranger **s)
{
        tls_stranger_free(*s);
}

int tls_stranger_start(struct tls_stranger *s, struct err *e)
{
        return tls_start(s->t, e);
}

int tls_stranger_feed(struct tls_stranger *s, struct bytes received, tls_on_data on_data,
        void *owner, bool *ret_closed, struct err *e)
{
        int r = tls_feed(s->t, received, on_data, owner, ret_closed, e);

        if (r < 0 || s->asked || !tls_established(s->t) || s->t->closed)
                return r;
        s->asked = true;
        int w = tls_write(s->t, bytes_str(TLS_STRANGER_QUESTION), e);
        return w < 0 ? w : r;
}

struct buf *tls_stranger_output(struct tls_stranger *s)
{
        return tls_output(s->t);
}
