/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crypto/tls.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"
#include "crypto/tls_session.h"

#define TLS_RECORD_OVERHEAD 64 /* header, nonce, type and tag of a record, rounded up */

struct tls *tls_new(struct tls_config *config)
{
        struct tls *t = xcalloc(1, sizeof *t);

        ERR_clear_error();
        t->config = tls_config_ref(config);
        t->ssl = SSL_new(config->ctx);
        buf_init(&t->out, TLS_OUTPUT_MAX);
        ossl_must(t->ssl && SSL_set_app_data(t->ssl, t) == 1, "a TLS session");
        BIO *bio = tls_bio_new(config->bio, t);
        SSL_set_bio(t->ssl, bio, bio); /* takes bio */
        return t;
}

/* RFC 6066: a name, without the dot of the root and never an address; "" where host is an address.
 */
static int tls_set_host(struct tls *t, const char *host, struct err *e)
{
        X509_VERIFY_PARAM *param = SSL_get0_param(t->ssl);
        size_t n = strlen(host);

        if (n > 0 && host[n - 1] == '.')
                n--;
        if (n == 0 || n > TLS_HOST_MAX ||
                host[0] == '.') /* to OpenSSL ".a.b" would mean every name below a.b */
                return err_set(e, ERR_INVALID,
                        "the host to verify must be a name or address of 1 to %d bytes",
                        TLS_HOST_MAX);
        for (size_t i = 0; i < n; i++) {
                if (host[i] <= ' ' || host[i] > '~' || strchr("*/\\@\"'", host[i]))
                        return err_set(e, ERR_INVALID,
                                "the host to verify has a character that no name has");
        }
        memcpy(t->host, host, n);
        t->host[n] = '\0';
        if (strchr(t->host, ':'))
                t->host[strcspn(t->host, "%")] =
                        '\0'; /* an IPv6 zone is this machine's affair, not the certificate's */
        ERR_clear_error();
        if (X509_VERIFY_PARAM_set1_ip_asc(param, t->host) == 1)
                return 0;
        ERR_clear_error();
        X509_VERIFY_PARAM_set_hostflags(
                param, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        if (X509_VERIFY_PARAM_set1_host(param, t->host, 0) != 1 ||
                SSL_set_tlsext_host_name(t->ssl, t->host) != 1)
                return ossl_err(e, ERR_INVALID, "the host to verify cannot be used");
        return 0;
}

int tls_client_new(struct tls_client_config *c, const char *host, const uint8_t *pin,
        int64_t now_us, struct tls **ret, struct err *e)
{
        CLEANUP(tls_freep) struct tls *t = tls_new(tls_config_of_client(c));

        int r = tls_set_host(t, host, e);
        if (r < 0)
                return r;
        t->now_us = now_us;
        ossl_must(
                X509_VERIFY_PARAM_set_purpose(SSL_get0_param(t->ssl), X509_PURPOSE_SSL_SERVER) == 1,
                "a TLS session");
        if (pin) {
                t->pinned = true;
                memcpy(t->pin, pin, sizeof t->pin);
        }
        SSL_set_connect_state(t->ssl);
        *ret = TAKE(t);
        return 0;
}

int tls_server_new(struct tls_server_config *c, struct tls **ret, struct err *e)
{
        struct tls *t = tls_new(tls_config_of_server(c));

        (void)e;
        t->server = true;
        SSL_set_accept_state(t->ssl);
        *ret = t;
        return 0;
}

struct tls *tls_free(struct tls *t)
{
        if (!t)
                return NULL;
        SSL_free(t->ssl);
        tls_config_unref(t->config);
        buf_done(&t->out);
        free(t->role);
        free(t);
        return NULL;
}

void tls_freep(struct tls **t)
{
        tls_free(*t);
}

int tls_fail(struct tls *t, struct err *e)
{
        unsigned long error = ERR_peek_error();

        if (t->refusal == TLS_OK) {
                /* Once keys are agreed upon, an alert says nothing about versions and ciphers (it
                 * may be the answer to a renegotiation that we do not take part in). */
                t->refusal = tls_refusal_is_ours(error) ? TLS_REFUSED
                             : t->established           ? TLS_PROTOCOL
                                                        : tls_refusal_of_reason(error);
                const char *reason = ERR_reason_error_string(error);
                const char *alert =
                        t->refusal == TLS_REFUSED && reason ? strstr(reason, "alert ") : NULL;
                if (alert)
                        snprintf(t->detail, sizeof t->detail, "it says %s",
                                alert + strlen("alert "));
                else
                        snprintf(t->detail, sizeof t->detail, "%s%s",
                                reason ? reason : "ended without a reason",
                                t->established ? "" : ", in the handshake");
        }
        ERR_clear_error();
        return tls_refusal_err(t, e);
}

/*
 * The first two bytes of a peer tell TLS from everything else: a record of type alert or handshake,
 * version 3.x. Asked here, because OpenSSL calls a plain RTSP answer a "wrong version number" and
 * answers it with an alert.
 */
static int tls_sniff(struct tls *t, struct bytes received, struct err *e)
{
        char text[81];

        for (size_t i = 0; i < received.n && t->seen < 2; i++) {
                bool record = received.p[i] == SSL3_RT_HANDSHAKE || received.p[i] == SSL3_RT_ALERT;
                if (t->seen == 0 ? !record : received.p[i] != SSL3_VERSION_MAJOR) {
                        t->refusal = TLS_NOT_TLS;
                        snprintf(t->detail, sizeof t->detail, "it said \"%s\"",
                                str_escape(text, sizeof text, bytes_sub(received, 0, 40)));
                        return tls_refusal_err(t, e);
                }
                t->seen++;
        }
        return 0;
}

/* A session that was resumed shows the certificate of an earlier one, and nobody has judged it.
 * None is offered or taken; should OpenSSL ever do so all the same, it ends here. */
static bool tls_is_judged(const struct tls *t)
{
        return !SSL_session_reused(t->ssl) &&
               (t->have_key || (t->server && !SSL_get0_peer_certificate(t->ssl)));
}

/* Returns 1 when done, 0 when more is needed. */
static int tls_handshake(struct tls *t, struct err *e)
{
        int r = SSL_do_handshake(t->ssl);

        if (r == 1 && !tls_is_judged(t)) {
                t->refusal = TLS_PROTOCOL;
                snprintf(t->detail, sizeof t->detail, "a session was resumed");
                return tls_fail(t, e);
        }
        if (r == 1) {
                t->established = true;
                return 1;
        }
        return SSL_get_error(t->ssl, r) == SSL_ERROR_WANT_READ ? 0 : tls_fail(t, e);
}

/* Until OpenSSL has taken all of t->in: what is left of it then, part of a record, lies in
 * OpenSSL's own buffer. */
static int tls_drain(struct tls *t, tls_on_data on_data, void *owner, struct err *e)
{
        /* On the stack, so that it is the same few cache lines for every session of the process. */
        uint8_t plain[TLS_RECORD_MAX];

        for (;;) {
                int n = SSL_read(t->ssl, plain, sizeof plain);
                if (n > 0) {
                        int done = on_data(owner, BYTES(plain, (size_t)n), e);
                        if (SSL_get_options(t->ssl) & SSL_OP_CLEANSE_PLAINTEXT)
                                explicit_bzero(plain, (size_t)n);
                        if (done < 0)
                                return ERR_CANCELLED;
                        if (ERR_peek_error()) /* left by on_data; SSL_get_error would take it for
                                                 the session's */
                                ERR_clear_error();
                        continue;
                }
                switch (SSL_get_error(t->ssl, n)) {
                case SSL_ERROR_WANT_READ:
                        return 1;
                case SSL_ERROR_ZERO_RETURN:
                        t->closed = true;
                        return 1;
                default:
                        return tls_fail(t, e);
                }
        }
}

static int tls_step(struct tls *t, tls_on_data on_data, void *owner, struct err *e)
{
        if (t->closed)
                return 1;
        if (!t->established) {
                int r = tls_handshake(t, e);
                if (r <= 0)
                        return r;
        }
        int r = tls_drain(t, on_data, owner, e);
        return r == 1 && t->role ? tls_role_idle(t, e) : r;
}

int tls_feed(struct tls *t, struct bytes received, tls_on_data on_data, void *owner,
        bool *ret_closed, struct err *e)
{
        if (t->over)
                return err_set(e, ERR_STATE, "the TLS session has ended (%s)",
                        tls_refusal_name(t->refusal));
        ERR_clear_error();
        int r = tls_sniff(t, received, e);
        if (r == 0) {
                t->in = received;
                r = tls_step(t, on_data, owner, e);
                t->in = BYTES(NULL, 0);
        }
        if (r < 0)
                t->over = true;
        else
                *ret_closed = t->closed;
        return r;
}

int tls_start(struct tls *t, struct err *e)
{
        if (t->over || t->server)
                return err_set(e, ERR_STATE, "this TLS session is not one to start");
        ERR_clear_error();
        int r = tls_handshake(t, e);
        if (r < 0)
                t->over = true;
        return r < 0 ? r : 0;
}

int tls_write(struct tls *t, struct bytes plain, struct err *e)
{
        size_t done = 0, room = TLS_OUTPUT_MAX - t->out.n;

        if (t->over || !t->established)
                return err_set(e, ERR_STATE, "the TLS session is not open for data");
        if (plain.n == 0)
                return 0;
        if (plain.n > room || plain.n + (plain.n / TLS_RECORD_MAX + 1) * TLS_RECORD_OVERHEAD > room)
                return err_set(e, ERR_EXHAUSTED,
                        "%zu bytes wait for the peer already, it does not read", t->out.n);
        ERR_clear_error();
        if (SSL_write_ex(t->ssl, plain.p, plain.n, &done) == 1 && done == plain.n)
                return 0;
        t->over = true;
        return tls_fail(t, e);
}

/* The peer's certificates as it sent them, which OpenSSL keeps with the session; owned, their
 * certificates borrowed. Of a client's it keeps the leaf apart. */
static STACK_OF(X509) * tls_sent(const struct tls *t)
{
        STACK_OF(X509) *all = sk_X509_new_null(), *kept = SSL_get_peer_cert_chain(t->ssl);
        X509 *leaf = SSL_get0_peer_certificate(t->ssl);

        ossl_must(all && (!leaf || !t->server || sk_X509_push(all, leaf) > 0), "a chain");
        for (int i = 0; i < sk_X509_num(kept); i++)
                ossl_must(sk_X509_push(all, sk_X509_value(kept, i)) > 0, "a chain");
        return all;
}

int tls_judge_again(struct tls *t, const struct tls_config *by, int64_t now_us, struct err *e)
{
        STACK_OF(X509) *sent = t->over || !t->established ? NULL : tls_sent(t);

        if (sk_X509_num(sent) < 1) {
                sk_X509_free(sent);
                return err_set(e, ERR_STATE, "this TLS session has no peer to check again");
        }
        ERR_clear_error();
        t->chain_verified = false;
        int error = tls_verify_certs(t, by, sent, now_us);
        sk_X509_free(sent);
        ERR_clear_error();
        if (error == X509_V_OK)
                return 0;
        t->over = true;
        return tls_refusal_err(t, e);
}

int tls_client_recheck(struct tls *t, struct tls_client_config *c, int64_t now_us, struct err *e)
{
        if (t->server || t->role)
                return err_set(e, ERR_STATE, "this TLS session has no server to check again");
        return tls_judge_again(t, tls_config_of_client(c), now_us, e);
}

void tls_shutdown(struct tls *t)
{
        if (t->over || !t->established)
                return;
        ERR_clear_error();
        SSL_shutdown(t->ssl); /* 0: said, and the peer has not yet; no reason to wait for it */
        ERR_clear_error();
}

struct buf *tls_output(struct tls *t)
{
        return &t->out;
}

enum tls_refusal tls_refusal(const struct tls *t)
{
        return t->refusal;
}

bool tls_established(const struct tls *t)
{
        return t->established;
}

uint16_t tls_version(const struct tls *t)
{
        return t->established ? (uint16_t)SSL_version(t->ssl) : 0;
}

const char *tls_cipher(const struct tls *t)
{
        return t->established ? SSL_get_cipher_name(t->ssl) : "";
}

struct bytes tls_protocol(const struct tls *t)
{
        const unsigned char *name = NULL;
        unsigned n = 0;

        SSL_get0_alpn_selected(t->ssl, &name, &n);
        return BYTES(name, n);
}

bool tls_peer_key(const struct tls *t, uint8_t ret[static 32])
{
        if (t->have_key)
                memcpy(ret, t->key, sizeof t->key);
        return t->have_key;
}

bool tls_chain_verified(const struct tls *t)
{
        return t->established && t->chain_verified;
}
