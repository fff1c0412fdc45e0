/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Enrolment over Secure Transport (RFC 7030), the manager's side: requests are read here, and
 * decided by the role, which holds the CA. A body is base64 of DER (RFC 8951), an answer a
 * certs-only PKCS#7 in base64.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/str.h"
#include "crypto/x509_csr.h"
#include "crypto/x509_pkcs7.h"
#include "porter/porter_parts.h"
#include "proto/http.h"
#include "trust/late_renewal.h"

#define PORTER_EST_LINE 64 /* characters of base64 */
#define PORTER_EST_SECRET 32
#define PORTER_EST_USER (16 + 1 + TLS_ROLE_NAME_ROOM)

static const char porter_est_root[] = "/.well-known/est/";
static const char *const porter_est_basic[] = { "WWW-Authenticate: Basic realm=\"custos\"", NULL };
static const char *const porter_est_allow_get[] = { "Allow: GET", NULL };
static const char *const porter_est_allow_post[] = { "Allow: POST", NULL };
static const char *const porter_est_certs[] = { "Content-Type: application/pkcs7-mime",
        "Content-Transfer-Encoding: base64", NULL };
static const char *const porter_est_text[] = { "Content-Type: text/plain; charset=utf-8", NULL };

static void porter_est_say(
        struct porter_conn *l, int status, const char *const *headers, struct bytes body)
{
        struct err e;

        l->request = 0;
        if (role_conn_answer(l->conn, status, headers, body, &e) < 0)
                log_warn(NULL, "est.not_answered", "err=\"%s\"", e.text);
}

static void porter_est_refuse(struct porter_conn *l, int status, const char *text)
{
        char line[ERR_TEXT_BYTES + 2];

        snprintf(line, sizeof line, "%s\n", text);
        porter_est_say(
                l, status, status == 401 ? porter_est_basic : porter_est_text, bytes_str(line));
}

/* --- the request --- */

/* What a client sends as base64 (with any ends of lines), as one line of it. ERR_INVALID: it is
 * none, or longer than a request may be. */
static int porter_est_csr(struct bytes body, char **ret, struct err *e)
{
        CLEANUP(own_freep) char *text = NULL;
        CLEANUP(own_freep) uint8_t *der = NULL;
        size_t n = 0;

        if (body.n == 0 || body.n > STR_BASE64_ROOM(X509_CSR_MAX) * 5 / 4)
                return err_set(e, ERR_INVALID, "the body is no certificate request");
        text = xcalloc(1, body.n + 1);
        for (size_t i = 0; i < body.n; i++) {
                if (!strchr(" \t\r\n", body.p[i]) || !body.p[i])
                        text[n++] = (char)body.p[i];
        }
        der = xcalloc(1, X509_CSR_MAX);
        int r = str_unbase64(der, X509_CSR_MAX, BYTES(text, n), e);
        if (r < 0)
                return err_wrap(e, ERR_INVALID, "the body is not a request in base64");
        *ret = TAKE(text);
        return 0;
}

/* Sends it on; the answer comes to porter_est_answered. Takes body. */
static void porter_est_ask(struct porter_conn *l, const char *type, json_t *body)
{
        struct err e;

        if (porter_ask(l->porter, type, body, &l->request, &e) < 0)
                porter_est_refuse(l, 503, "the manager does not answer");
}

static void porter_est_cacerts(struct porter_conn *l, const struct http_request *r)
{
        if (strcmp(r->method, "GET") != 0)
                porter_est_say(l, 405, porter_est_allow_get, BYTES(NULL, 0));
        else
                porter_est_ask(l, "est.cacerts", json_object());
}

static bool porter_est_is_secret(const char *text)
{
        return strlen(text) == PORTER_EST_SECRET &&
               strspn(text, "0123456789abcdef") == PORTER_EST_SECRET;
}

/* By the code that the site's operator was given: ROLE/NAME and the secret. */
static void porter_est_enroll(struct porter_conn *l, const struct http_request *r, const char *csr)
{
        char user[PORTER_EST_USER] = "", secret[2 * PORTER_EST_SECRET] = "";
        struct err e;

        int done = http_request_basic(r, user, sizeof user, secret, sizeof secret, &e);
        char *slash = strchr(user, '/');
        if (done < 0 || !slash || !porter_est_is_secret(secret)) {
                explicit_bzero(secret, sizeof secret);
                porter_est_refuse(l, 401, "an enrolment code is needed: custos enroll");
                return;
        }
        *slash = '\0';
        porter_est_ask(l, "est.enroll",
                json_pack("{s:s, s:s, s:s, s:s}", "role", user, "name", slash + 1, "secret", secret,
                        "csr", csr));
        explicit_bzero(secret, sizeof secret);
}

/* By the certificate of this connection. */
static void porter_est_reenroll(struct porter_conn *l, const char *label, const char *csr)
{
        const struct tls_role_peer *who = role_conn_peer(l->conn);
        char key[65];

        porter_est_ask(l, "est.reenroll",
                json_pack("{s:s, s:s, s:s, s:s}", "uri", who->uri, "key",
                        str_hex(key, BYTES(who->key, sizeof who->key)), "label", label, "csr",
                        csr));
}

/* By the key of a certificate that is not valid; the role judges it. Printable alone goes on. */
static void porter_est_late(struct porter_conn *l, const struct http_request *r, const char *csr)
{
        struct bytes value = http_request_header(r, "Authorization");
        char text[LATE_RENEWAL_ROOM] = "";

        if (value.n >= sizeof text || value.n < sizeof LATE_RENEWAL_SCHEME ||
                memcmp(value.p, LATE_RENEWAL_SCHEME, sizeof LATE_RENEWAL_SCHEME - 1) != 0) {
                porter_est_refuse(l, 401, "a certificate of a node of this site is needed");
                return;
        }
        for (size_t i = 0; i < value.n; i++)
                text[i] = value.p[i] >= ' ' && value.p[i] <= '~' ? (char)value.p[i] : '?';
        porter_est_ask(
                l, "est.renew_late", json_pack("{s:s, s:s}", "authorization", text, "csr", csr));
}

/* Of certificates beside the node's own, which its own is shown for: to enrol and to enrol again is
 * the same then. NULL: none. */
static const char *porter_est_label(const char *what)
{
        static const char *const known[][2] = { { "seals/simpleenroll", "seals" },
                { "web/simpleenroll", "web" }, { "web/simplereenroll", "web" } };

        for (size_t i = 0; i < ARRAY_LEN(known); i++) {
                if (strcmp(what, known[i][0]) == 0)
                        return known[i][1];
        }
        return NULL;
}

static void porter_est_post(struct porter_conn *l, const struct http_request *r, const char *what)
{
        CLEANUP(own_freep) char *csr = NULL;
        const char *label = porter_est_label(what);
        struct err e;

        if (strcmp(r->method, "POST") != 0) {
                porter_est_say(l, 405, porter_est_allow_post, BYTES(NULL, 0));
        } else if (!http_type_is(http_request_header(r, "Content-Type"), "application/pkcs10")) {
                porter_est_refuse(l, 415, "the body has to be application/pkcs10");
        } else if (porter_est_csr(r->body, &csr, &e) < 0) {
                porter_est_refuse(l, 400, e.text);
        } else if (strcmp(what, "simpleenroll") == 0) {
                porter_est_enroll(l, r, csr);
        } else if (!role_conn_peer(l->conn)) {
                porter_est_late(l, r, csr);
        } else {
                porter_est_reenroll(l, label ? label : "", csr);
        }
}

void porter_est_requested(struct porter_conn *l, const struct http_request *r)
{
        const size_t root = sizeof porter_est_root - 1;
        bool known = role_conn_peer(l->conn) != NULL;
        const char *what = l->porter->kind->issues && !r->has_query &&
                                           strncmp(r->path, porter_est_root, root) == 0
                                   ? r->path + root
                                   : "";

        if (l->request) /* role_conn hands on one at a time */
                porter_est_refuse(l, 503, "one request at a time");
        else if (strcmp(what, "cacerts") == 0)
                porter_est_cacerts(l, r);
        else if (strcmp(what, "simpleenroll") == 0)
                porter_est_post(l, r, what);
        else if (!known && strcmp(what, "simplereenroll") == 0 &&
                 http_request_header(r, "Authorization").n)
                porter_est_post(l, r, what);
        else if (!known)
                porter_est_refuse(l, 401, "a certificate of a node of this site is needed");
        else if (strcmp(what, "simplereenroll") == 0 || porter_est_label(what))
                porter_est_post(l, r, what);
        else
                porter_est_refuse(l, 404, "there is nothing at this path");
}

/* --- the answer --- */

/* All certificates of a PEM text, as certs-only PKCS#7. */
static int porter_est_pkcs7(struct bytes pem, struct buf *out, struct err *e)
{
        struct buf certs[X509_PKCS7_CERTS_MAX];
        struct bytes views[X509_PKCS7_CERTS_MAX];
        unsigned n = 0;
        int r = 0;

        for (; n < X509_PKCS7_CERTS_MAX; n++) {
                buf_init(&certs[n], X509_CERT_MAX);
                r = x509_pem_parse(pem, n, &certs[n], e);
                if (r < 0)
                        break;
                views[n] = buf_bytes(&certs[n]);
        }
        if (n > 0 && (r == 0 || r == ERR_NOT_FOUND))
                r = x509_pkcs7_format(views, n, out, e);
        for (unsigned i = 0; i < n; i++)
                buf_done(&certs[i]);
        return r;
}

/* In lines (RFC 2045 section 6.8). */
static int porter_est_base64(struct bytes der, struct buf *out, struct err *e)
{
        CLEANUP(own_freep) char *text = xcalloc(1, STR_BASE64_ROOM(der.n));
        size_t n = strlen(str_base64(text, der));
        int r = 0;

        for (size_t at = 0; at < n && r == 0; at += PORTER_EST_LINE) {
                size_t line = n - at < PORTER_EST_LINE ? n - at : PORTER_EST_LINE;
                r = buf_printf(out, e, "%.*s\r\n", (int)line, text + at);
        }
        return r;
}

static int porter_est_body(const struct link_message *m, struct buf *out, struct err *e)
{
        CLEANUP(buf_done) struct buf der;
        const char *pem = NULL;
        json_error_t why;

        buf_init(&der, X509_PKCS7_MAX);
        if (json_unpack_ex(m->body, &why, JSON_STRICT, "{s:s}", "certificates", &pem) < 0)
                return err_set(e, ERR_PROTOCOL, "certificates from the role: %s", why.text);
        int r = porter_est_pkcs7(bytes_str(pem), &der, e);
        return r < 0 ? r : porter_est_base64(buf_bytes(&der), out, e);
}

static int porter_est_status(int code)
{
        static const struct {
                int code, status;
        } known[] = { { ERR_AUTH, 401 }, { ERR_DENIED, 403 }, { ERR_NOT_FOUND, 403 },
                { ERR_INVALID, 400 }, { ERR_PROTOCOL, 400 }, { ERR_STATE, 409 },
                { ERR_EXHAUSTED, 429 } };

        for (size_t i = 0; i < ARRAY_LEN(known); i++) {
                if (known[i].code == code)
                        return known[i].status;
        }
        return 503;
}

bool porter_est_answered(struct porter *p, const struct link_message *m)
{
        CLEANUP(buf_done) struct buf body;
        struct porter_conn *l = p->links;
        struct err e;

        buf_init(&body, STR_BASE64_ROOM(X509_PKCS7_MAX) * 2);
        while (l && l->request != m->id)
                l = l->next;
        if (!l)
                return false;
        if (m->failure.code < 0) {
                porter_est_refuse(l, porter_est_status(m->failure.code), m->failure.text);
        } else if (porter_est_body(m, &body, &e) < 0) {
                log_error(NULL, "est.no_answer", "err=\"%s\"", e.text);
                porter_est_refuse(l, 503, "the manager's answer is none");
        } else {
                porter_est_say(l, 200, porter_est_certs, buf_bytes(&body));
        }
        return true;
}
