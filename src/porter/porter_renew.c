/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A new key and a new certificate, at two thirds of the life of the old one: this node's own, and
 * of a gateway its page's (porter_web.c). The manager's porter asks its role; the others the
 * manager, by a connection of its own with the node's certificate that is still good, or, where it
 * is not valid (any more), for the node's own without one and by its key (trust/late_renewal).
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "crypto/random.h"
#include "crypto/x509_csr.h"
#include "net/stream.h"
#include "os/clock.h"
#include "porter/porter_parts.h"
#include "proto/http.h"
#include "trust/late_renewal.h"
#include "trust/renewal.h"

#define PORTER_RENEW_ALL_MS 30000 /* from the key to the certificate */
#define PORTER_RENEW_CONNECT_MS 10000
#define PORTER_RENEW_ANSWER_MAX (128u << 10)
/* Timers run by a clock that stands still while a machine sleeps; and a clock that is set may make
 * the certificate one that nobody takes. */
#define PORTER_RENEW_LOOK_MS 2000

struct porter_renew {
        struct porter *porter;
        const struct porter_renew_kind *kind;
        struct renewal when;
        struct timer look, deadline;
        bool busy, late;      /* late: this node's certificate is not valid */
        bool again;           /* what this try brings will not do any more */
        struct sign_key *key; /* born for this try */
        struct buf csr;       /* DER */
        struct connect_attempt *attempt;
        struct stream *stream;
        struct buf answer;
        int64_t request; /* to the role; 0: none */
        struct porter_renew_store *store;
        char error[ERR_TEXT_BYTES];
};

static void porter_renew_plan(struct porter_renew *r)
{
        int64_t from_us = 0, until_us = 0;

        r->kind->life(r->porter, &from_us, &until_us);
        renewal_start(&r->when, from_us, until_us, random_u64());
}

int64_t porter_renew_next_us(const struct porter_renew *r)
{
        return renewal_next_us(&r->when, clock_wall_us());
}

const char *porter_renew_error(const struct porter_renew *r)
{
        return r->error;
}

/* Whatever this try has. */
static void porter_renew_clear(struct porter_renew *r)
{
        timer_done(&r->deadline);
        r->attempt = connect_attempt_cancel(r->attempt);
        r->stream = stream_free(r->stream);
        r->key = sign_key_free(r->key);
        r->request = 0;
        r->busy = false;
        buf_clear(&r->csr);
        buf_clear(&r->answer);
}

static void porter_renew_tell(struct porter_renew *r)
{
        porter_tell(r->porter, "porter.certificate", porter_status_certificate(r->porter));
}

static void porter_renew_failed(struct porter_renew *r, const struct err *why)
{
        log_warn(NULL, "certificate.not_renewed", "of=%s err=\"%s\"", r->kind->name, why->text);
        porter_renew_clear(r);
        renewal_failed(&r->when, clock_wall_us());
        snprintf(r->error, sizeof r->error, "%s", why->text);
        porter_renew_tell(r);
}

/* --- the certificate --- */

static void porter_renew_store_free(struct porter_renew_store *s)
{
        sign_key_free(s->key);
        buf_done(&s->issuer);
        for (unsigned i = 0; i < s->certs_n; i++)
                buf_done(&s->certs[i]);
        free(s);
}

static void porter_renew_write(uv_work_t *work)
{
        struct porter_renew_store *s = work->data;

        s->result = s->kind->write(s, &s->why);
}

static void porter_renew_renewed(struct porter_renew *r)
{
        porter_renew_clear(r);
        porter_renew_plan(r);
        if (r->again)
                renewal_start(&r->when, 0, 0, random_u64());
        r->again = false;
        r->error[0] = '\0';
        log_info(NULL, "certificate.renewed", "of=%s uri=%s", r->kind->name, r->porter->uri);
        porter_renew_tell(r);
}

static void porter_renew_written(uv_work_t *work, int status)
{
        struct porter_renew_store *s = work->data;
        struct porter_renew *r = s->renew;
        int result = s->result;

        (void)status;
        if (result == 0)
                result = s->kind->written(s, r ? r->porter : NULL, &s->why);
        if (r) {
                r->store = NULL;
                if (result < 0)
                        porter_renew_failed(r, &s->why);
                else
                        porter_renew_renewed(r);
        }
        porter_renew_store_free(s);
}

/* What was answered, where the kind takes it; takes this try's key. */
static int porter_renew_take(
        struct porter_renew *r, const struct bytes *certs, unsigned n, struct err *e)
{
        struct porter_renew_store *s = xcalloc(1, sizeof *s);

        s->kind = r->kind;
        buf_init(&s->issuer, X509_CERT_MAX);
        int done = buf_append(&s->issuer, buf_bytes(&r->porter->identity.issuer_der), e);
        if (done == 0)
                done = r->kind->check(r->porter, r->key, certs, n, e);
        for (unsigned i = 0; done == 0 && i < n; i++) {
                buf_init(&s->certs[i], X509_CERT_MAX);
                done = buf_append(&s->certs[i], certs[i], e);
                s->certs_n = i + 1;
        }
        if (done < 0) {
                porter_renew_store_free(s);
                return done;
        }
        s->renew = r;
        s->key = TAKE(r->key);
        r->kind->dir(r->porter, s->dir);
        s->work.data = s;
        r->store = s;
        timer_done(&r->deadline);
        uv_queue_work(loop_uv(r->porter->loop), &s->work, porter_renew_write, porter_renew_written);
        return 0;
}

/* --- a node's own --- */

static void porter_renew_node_life(
        const struct porter *p, int64_t *ret_from_us, int64_t *ret_until_us)
{
        *ret_from_us = p->identity.not_before_us;
        *ret_until_us = p->identity.not_after_us;
}

static void porter_renew_node_dir(const struct porter *p, char to[static PORTER_DIR_ROOM])
{
        snprintf(to, PORTER_DIR_ROOM, "%s", p->dir);
}

static bool porter_renew_is_of(const struct sign_key *key, struct bytes der)
{
        CLEANUP(verify_key_freep) struct verify_key *seen = NULL;
        uint8_t ours[32], theirs[32];

        if (verify_key_of_cert(der, &seen, NULL) < 0)
                return false;
        sign_key_id(key, ours);
        verify_key_id(seen, theirs);
        return memcmp(ours, theirs, sizeof ours) == 0;
}

/* The leaf is the one with the key that was born for it; its issuer is the one that is known. */
static int porter_renew_node_check(const struct porter *p, const struct sign_key *key,
        const struct bytes *certs, unsigned n, struct err *e)
{
        for (unsigned i = 0; i < n; i++) {
                if (porter_renew_is_of(key, certs[i]))
                        return x509_check_issued_by(
                                certs[i], buf_bytes(&p->identity.issuer_der), e);
        }
        return err_set(e, ERR_INVALID, "the answer holds no certificate for the new key");
}

/* Written, and read back as the next start will. */
static int porter_renew_node_write(struct porter_renew_store *s, struct err *e)
{
        CLEANUP(buf_done) struct buf chain;
        unsigned i = 0;

        buf_init(&chain, 4 * X509_CERT_MAX);
        while (i + 1 < s->certs_n && !porter_renew_is_of(s->key, buf_bytes(&s->certs[i])))
                i++;
        int r = x509_pem_format(buf_bytes(&s->certs[i]), &chain, e);
        if (r == 0)
                r = x509_pem_format(buf_bytes(&s->issuer), &chain, e);
        if (r == 0)
                r = node_identity_write(s->dir, s->key, buf_bytes(&chain), e);
        return r < 0 ? r : node_identity_read(s->dir, &s->fresh, e);
}

static int porter_renew_node_written(struct porter_renew_store *s, struct porter *p, struct err *e)
{
        int r = p ? porter_identity_replace(p, &s->fresh, e) : 0;

        if (r < 0 || !p)
                node_identity_done(&s->fresh);
        return r;
}

const struct porter_renew_kind porter_renew_node = { "node", "simplereenroll",
        porter_renew_node_life, porter_renew_node_dir, porter_renew_node_check,
        porter_renew_node_write, porter_renew_node_written };

/* --- from the role --- */

static int porter_renew_take_pem(struct porter_renew *r, const char *pem, struct err *e)
{
        CLEANUP(buf_done) struct buf leaf;

        buf_init(&leaf, X509_CERT_MAX);
        int done = x509_pem_parse(bytes_str(pem), 0, &leaf, e);
        if (done < 0)
                return done;
        const struct bytes cert = buf_bytes(&leaf);
        return porter_renew_take(r, &cert, 1, e);
}

static int porter_renew_ask_role(struct porter_renew *r, struct err *e)
{
        CLEANUP(own_freep) char *csr = xcalloc(1, STR_BASE64_ROOM(r->csr.n));
        uint8_t key[32];
        char hex[65];

        sign_key_id(r->porter->identity.key, key);
        return porter_ask(r->porter, "est.reenroll",
                json_pack("{s:s, s:s, s:s, s:s}", "uri", r->porter->uri, "key",
                        str_hex(hex, BYTES(key, sizeof key)), "label", "", "csr",
                        str_base64(csr, buf_bytes(&r->csr))),
                &r->request, e);
}

bool porter_renew_answered(struct porter *p, const struct link_message *m)
{
        struct porter_renew *r = p->renew; /* a page's goes by the network always */
        const char *pem = NULL;
        json_error_t why;
        struct err e;
        int done;

        if (!r || r->request == 0 || r->request != m->id)
                return false;
        r->request = 0;
        if (m->failure.code < 0) {
                porter_renew_failed(r, &m->failure);
                return true;
        }
        if (json_unpack_ex(m->body, &why, JSON_STRICT, "{s:s}", "certificates", &pem) < 0)
                done = err_set(&e, ERR_PROTOCOL, "certificates from the role: %s", why.text);
        else
                done = porter_renew_take_pem(r, pem, &e);
        if (done < 0)
                porter_renew_failed(r, &e);
        return true;
}

/* --- from the manager --- */

static int porter_renew_take_body(struct porter_renew *r, struct bytes body, struct err *e)
{
        CLEANUP(own_freep) char *text = xcalloc(1, body.n + 1);
        CLEANUP(own_freep) uint8_t *der = xcalloc(1, X509_PKCS7_MAX);
        struct bytes certs[X509_PKCS7_CERTS_MAX];
        struct x509_pkcs7 message;
        size_t n = 0;

        for (size_t i = 0; i < body.n; i++) {
                if (body.p[i] != '\r' && body.p[i] != '\n')
                        text[n++] = (char)body.p[i];
        }
        int length = str_unbase64(der, X509_PKCS7_MAX, BYTES(text, n), e);
        if (length < 0)
                return length;
        int done = x509_pkcs7_parse(BYTES(der, (size_t)length), &message, e);
        if (done < 0)
                return done;
        for (unsigned i = 0; i < message.n; i++)
                certs[i] = buf_bytes(&message.certs[i]);
        done = porter_renew_take(r, certs, message.n, e);
        x509_pkcs7_done(&message);
        return done;
}

/* 0: more is to come; else it is done with. */
static int porter_renew_read(struct porter_renew *r, struct err *e)
{
        struct bytes in = buf_bytes(&r->answer);
        struct http_answer a;
        char said[160];

        int head = http_answer_parse(in, &a, e);
        if (head == ERR_AGAIN)
                return 0;
        if (head < 0)
                return head;
        if (a.body != HTTP_BODY_LENGTH || a.length > PORTER_RENEW_ANSWER_MAX)
                return err_set(e, ERR_PROTOCOL, "the manager's answer has no length");
        struct bytes body = bytes_sub(in, (size_t)head, in.n);
        if (body.n < a.length)
                return 0;
        body.n = (size_t)a.length;
        if (a.status == 200)
                return porter_renew_take_body(r, body, e) < 0 ? e->code : 1;
        return err_set(e, a.status == 403 || a.status == 401 ? ERR_DENIED : ERR_UNAVAILABLE,
                "the manager answers %u: %s", a.status,
                str_escape(said, sizeof said, str_trim(body)));
}

static void porter_renew_on_ready(void *owner, struct stream *s)
{
        struct porter_renew *r = owner;
        CLEANUP(own_freep) char *csr = xcalloc(1, STR_BASE64_ROOM(r->csr.n));
        char authorization[LATE_RENEWAL_ROOM] = "";
        CLEANUP(buf_done) struct buf out;
        struct err e;
        int done = 0;

        str_base64(csr, buf_bytes(&r->csr));
        buf_init(&out, 64u << 10);
        if (r->late)
                done = late_renewal_format(r->porter->uri, r->porter->identity.key,
                        buf_bytes(&r->csr), authorization, &e);
        if (done == 0)
                done = buf_printf(&out, &e,
                        "POST /.well-known/est/%s HTTP/1.1\r\n"
                        "Host: %s\r\n"
                        "Content-Type: application/pkcs10\r\n"
                        "Content-Transfer-Encoding: base64\r\n"
                        "Content-Length: %zu\r\n%s%s%s"
                        "Connection: close\r\n\r\n%s",
                        r->kind->path, porter_dial_host(r->porter), strlen(csr),
                        r->late ? "Authorization: " : "", authorization, r->late ? "\r\n" : "",
                        csr);
        if (done == 0)
                done = stream_write(s, buf_bytes(&out), &e);
        if (done < 0)
                porter_renew_failed(r, &e);
}

static int porter_renew_on_data(void *owner, struct stream *s, struct bytes plain, struct err *e)
{
        struct porter_renew *r = owner;

        (void)s;
        if (r->store) /* it has its answer */
                return 0;
        int done = buf_append(&r->answer, plain, e);
        return done < 0 ? done : porter_renew_read(r, e) < 0 ? e->code : 0;
}

static void porter_renew_on_end(void *owner, struct stream *s, const struct err *why)
{
        struct porter_renew *r = owner;

        (void)s;
        if (r->store)
                r->stream = stream_free(r->stream);
        else
                porter_renew_failed(r, why);
}

/* A session by the node's certificate, or without one where that is not valid. */
static int porter_renew_session(struct porter_renew *r, struct tls **ret, struct err *e)
{
        CLEANUP(tls_role_config_freep) struct tls_role_config *stranger = NULL;
        const struct node_identity *n = &r->porter->identity;
        int64_t now_us = clock_wall_us();
        int done = 0;

        r->late = now_us < n->not_before_us || now_us >= n->not_after_us;
        if (r->late && r->kind != &porter_renew_node)
                return err_set(
                        e, ERR_STATE, "the node's own certificate is not valid at the moment");
        if (r->late)
                done = porter_identity_stranger(r->porter, &stranger, e);
        return done < 0 ? done
                        : tls_role_client_new(stranger ? stranger : r->porter->config, "manager",
                                  n->manager.name, now_us, ret, e);
}

static void porter_renew_on_connected(void *owner, int fd, const struct err *why)
{
        static const struct stream_events events = { porter_renew_on_ready, porter_renew_on_data,
                NULL, porter_renew_on_end };
        static const struct stream_options options = { .client = true };
        struct porter_renew *r = owner;
        struct tls *t = NULL;
        struct err e;

        r->attempt = NULL;
        if (fd < 0) {
                porter_renew_failed(r, why);
                return;
        }
        int done = porter_renew_session(r, &t, &e);
        if (done < 0)
                close(fd);
        else
                done = stream_new(r->porter->shared, fd, t, &options, &events, r, &r->stream, &e);
        if (done < 0)
                porter_renew_failed(r, &e);
}

static int porter_renew_ask_manager(struct porter_renew *r, struct err *e)
{
        const struct node_identity *n = &r->porter->identity;
        uint16_t port = 0;

        int done = porter_dial_port(r->porter, n->manager.port, &port, e);
        if (done == 0)
                r->attempt =
                        connect_attempt_start(r->porter->loop, NULL, porter_dial_host(r->porter),
                                port, PORTER_RENEW_CONNECT_MS, porter_renew_on_connected, r);
        return done;
}

/* --- when --- */

static void porter_renew_on_deadline(void *owner)
{
        struct err e;

        err_set(&e, ERR_TIMEOUT, "no certificate within %d s", PORTER_RENEW_ALL_MS / 1000);
        porter_renew_failed(owner, &e);
}

static void porter_renew_start(struct porter_renew *r)
{
        struct err e;

        r->busy = true;
        r->key = sign_key_generate();
        timer_start(
                &r->deadline, r->porter->loop, PORTER_RENEW_ALL_MS, 0, porter_renew_on_deadline, r);
        int done = x509_csr_make(r->key, NULL, &r->csr, &e);
        if (done == 0)
                done = strcmp(r->porter->kind->role, "manager") == 0
                               ? porter_renew_ask_role(r, &e)
                               : porter_renew_ask_manager(r, &e);
        if (done < 0)
                porter_renew_failed(r, &e);
}

static void porter_renew_on_look(void *owner)
{
        struct porter_renew *r = owner;

        if (!r->busy && porter_renew_next_us(r) <= clock_wall_us())
                porter_renew_start(r);
}

void porter_renew_want(struct porter_renew *r, bool at_any_rate)
{
        if (at_any_rate) /* as if there were none */
                renewal_start(&r->when, 0, 0, random_u64());
        r->again = r->busy && at_any_rate;
        r->when.failures = 0;
        porter_renew_on_look(r);
}

struct porter_renew *porter_renew_new(struct porter *p, const struct porter_renew_kind *kind)
{
        struct porter_renew *r = xcalloc(1, sizeof *r);

        r->porter = p;
        r->kind = kind;
        buf_init(&r->csr, X509_CSR_MAX);
        buf_init(&r->answer, PORTER_RENEW_ANSWER_MAX);
        porter_renew_plan(r);
        timer_start(&r->look, p->loop, 1000, PORTER_RENEW_LOOK_MS, porter_renew_on_look, r);
        return r;
}

struct porter_renew *porter_renew_free(struct porter_renew *r)
{
        if (!r)
                return NULL;
        porter_renew_clear(r);
        timer_done(&r->look);
        if (r->store)
                r->store->renew = NULL;
        buf_done(&r->csr);
        buf_done(&r->answer);
        free(r);
        return NULL;
}
