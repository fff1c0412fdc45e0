/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Certificates for devices of somebody else's making (trust/device_csr.h), and what the register
 * has. */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/str.h"
#include "crypto/x509.h"
#include "manager/requests_parts.h"
#include "net/link.h"
#include "os/clock.h"
#include "trust/device_csr.h"

#define REQUESTS_CERTIFICATE_DAYS 825 /* the longest that programs of people take */
#define REQUESTS_CERTIFICATE_PAGE 200
#define REQUESTS_CERTIFICATE_LEFT_OUT 400

/* --- signing --- */

struct requests_certificate {
        const char *name;
        struct x509_csr csr;
        struct device_csr_names names;
        int days;
};

/* Each a text of a list, borrowed from it. */
static int requests_certificate_texts(
        json_t *list, const char *what, const char *to[static X509_NAMES_MAX + 1], struct err *e)
{
        json_t *text;
        size_t i;

        if (list && (!json_is_array(list) || json_array_size(list) > X509_NAMES_MAX))
                return err_set(e, ERR_INVALID, "certificate.sign: %s is a list of at most %d texts",
                        what, X509_NAMES_MAX);
        json_array_foreach(list, i, text)
        {
                if (!json_is_string(text))
                        return err_set(
                                e, ERR_INVALID, "certificate.sign: %s %zu is no text", what, i + 1);
                to[i] = json_string_value(text);
        }
        return 0;
}

static int requests_certificate_csr(const char *base64, struct x509_csr *ret, struct err *e)
{
        uint8_t *csr = xcalloc(1, X509_CSR_MAX);

        int n = str_unbase64(csr, X509_CSR_MAX, bytes_str(base64), e);
        int done = n < 0 ? err_wrap(e, ERR_INVALID, "certificate.sign: csr")
                         : x509_csr_read(BYTES(csr, (size_t)n), ret, e);
        explicit_bzero(csr, X509_CSR_MAX); /* it may have been a private key */
        free(csr);
        return done;
}

static int requests_certificate_unpack(json_t *body, struct requests_certificate *q, struct err *e)
{
        json_t *dns = NULL, *ip = NULL;
        const char *csr;
        json_error_t why;

        q->days = REQUESTS_CERTIFICATE_DAYS;
        if (json_unpack_ex(body, &why, JSON_STRICT, "{s:s, s:s, s?o, s?o, s?i}", "name", &q->name,
                    "csr", &csr, "dns", &dns, "ip", &ip, "days", &q->days) < 0)
                return err_set(e, ERR_INVALID, "certificate.sign: %s", why.text);
        if (!str_is_camera(q->name))
                return err_set(e, ERR_INVALID,
                        "a device's name is [a-z0-9] and then [a-z0-9-], at most 63 characters");
        if (q->days < 1 || q->days > SITE_CA_DAYS_MAX)
                return err_set(e, ERR_INVALID, "a certificate lasts 1 to %d days, not %d",
                        SITE_CA_DAYS_MAX, q->days);
        int done = requests_certificate_texts(dns, "dns", q->names.dns, e);
        if (done == 0)
                done = requests_certificate_texts(ip, "ip", q->names.ip, e);
        if (done == 0)
                done = requests_certificate_csr(csr, &q->csr, e);
        return done < 0 ? done : device_csr_check(&q->csr, &q->names, e);
}

static int requests_certificate_pinned(void *owner, const struct inventory_stream *s, struct err *e)
{
        const struct requests_certificate *q = owner;

        if (!inventory_is_pinned(s) || memcmp(s->pin, q->csr.key, sizeof s->pin) != 0 ||
                strcmp(s->camera, q->name) == 0)
                return 0;
        return err_set(e, ERR_DENIED,
                "the request has the key of camera %s, which is pinned; each needs its own key",
                s->camera);
}

/* A key that the register does not know may be another device's all the same. The register has its
 * say first, since it says more. */
static int requests_certificate_check_key(
        struct requests *r, struct requests_certificate *q, struct err *e)
{
        const char *host = "", *other = tls_memory_key_owner(r->memory, q->name, q->csr.key, &host);

        int done = issued_allows_key(
                site_ca_issued(r->ca), ISSUED_CAMERAS, q->name, q->csr.key, clock_wall_us(), e);
        if (done < 0)
                return done;
        if (other)
                return err_set(e, ERR_DENIED,
                        "the request has the key of camera %s, which was seen at %s; each needs its "
                        "own key",
                        other, host);
        return inventory_each(r->inventory, NULL, "", requests_certificate_pinned, q, e);
}

static int requests_certificate_tell(struct requests *r, uint64_t tag,
        const struct requests_certificate *q, struct bytes leaf, struct err *e)
{
        uint8_t serial[X509_CRL_SERIAL_MAX];
        char left_out[REQUESTS_CERTIFICATE_LEFT_OUT], number[2 * sizeof serial + 1], key[65];
        size_t serial_n = 0;
        struct buf pem;

        buf_init(&pem, 4 * X509_CERT_MAX);
        int done = x509_crl_serial(leaf, serial, &serial_n, e);
        if (done == 0)
                done = site_ca_chain_pem(r->ca, SITE_CA_CAMERAS, leaf, &pem, e);
        str_hex(number, BYTES(serial, serial_n));
        str_hex(key, BYTES(q->csr.key, sizeof q->csr.key));
        if (done == 0) {
                log_info(NULL, "certificate.issued", "device=%s serial=%s", q->name, number);
                done = requests_route_audit(r, "certificate.issued", q->name, NULL,
                        json_pack("{s:s, s:s, s:s}", "serial", number, "key", key, "by",
                                desk_by(r->desk, tag)),
                        e);
        }
        if (done == 0) {
                device_csr_left_out(&q->csr, &q->names, left_out, sizeof left_out);
                desk_answer(r->desk, tag,
                        json_pack("{s:o, s:s, s:s, s:s}", "certificate",
                                json_stringn((const char *)pem.p, pem.n), "serial", number, "key",
                                key, "left_out", left_out));
        }
        buf_done(&pem);
        return done;
}

int requests_certificate_sign(struct requests *r, uint64_t tag, json_t *body, struct err *e)
{
        struct requests_certificate *q = xcalloc(1, sizeof *q);
        struct buf leaf;

        buf_init(&leaf, X509_CERT_MAX);
        int done = requests_certificate_unpack(body, q, e);
        if (done == 0)
                done = requests_certificate_check_key(r, q, e);
        if (done == 0)
                done = site_ca_issue_device(r->ca, q->name, q->names.dns, q->names.ip,
                        BYTES(q->csr.spki, q->csr.spki_n), clock_wall_us(), (unsigned)q->days,
                        &leaf, e);
        if (done == 0)
                done = requests_certificate_tell(r, tag, q, buf_bytes(&leaf), e);
        buf_done(&leaf);
        free(q);
        return done;
}

/* --- the register --- */

static int requests_certificate_compare(const void *a, const void *b)
{
        const struct issued_certificate *const *x = a, *const *y = b;

        return memcmp((*x)->serial, (*y)->serial, sizeof(*x)->serial);
}

static json_t *requests_certificate_object(const struct issued_certificate *c)
{
        char serial[2 * X509_CRL_SERIAL_MAX + 1], key[65], from[STR_TIME_ROOM],
                until[STR_TIME_ROOM], revoked[STR_TIME_ROOM];

        return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:o}", "issuer",
                issued_issuer_name(c->issuer), "subject", c->subject, "serial",
                str_hex(serial, BYTES(c->serial, c->serial_n)), "key",
                str_hex(key, BYTES(c->key, sizeof c->key)), "from", str_time(from, c->from_us),
                "until", str_time(until, c->until_us), "revoked",
                c->revoked_us ? json_string(str_time(revoked, c->revoked_us)) : json_null());
}

/* By serial number, which does not move when others come and go between two pages. */
int requests_certificate_list(struct requests *r, uint64_t tag, json_t *body, struct err *e)
{
        const struct issued *issued = site_ca_issued(r->ca);
        struct issued_certificate after = { 0 };
        const char *serial = "";
        int limit = REQUESTS_CERTIFICATE_PAGE;
        json_error_t why;

        if (json_unpack_ex(
                    body, &why, JSON_STRICT, "{s?s, s?i}", "after", &serial, "limit", &limit) < 0)
                return err_set(e, ERR_INVALID, "certificate.list: %s", why.text);
        size_t n = strlen(serial), shown = 0, at = 0;
        if (n % 2 || n / 2 > sizeof after.serial || str_unhex(after.serial, n / 2, serial, e) < 0)
                return err_set(e, ERR_INVALID, "certificate.list: after is no serial number");
        if (limit < 1 || limit > REQUESTS_CERTIFICATE_PAGE)
                return err_set(e, ERR_INVALID, "certificate.list: limit is 1 to %d",
                        REQUESTS_CERTIFICATE_PAGE);
        const struct issued_certificate *first = &after, **all = xcalloc(issued->n, sizeof *all);
        for (size_t i = 0; i < issued->n; i++)
                all[i] = &issued->certificates[i];
        qsort(all, issued->n, sizeof *all, requests_certificate_compare);
        while (at < issued->n && n && requests_certificate_compare(&all[at], &first) <= 0)
                at++;
        json_t *list = json_array();
        for (; at < issued->n && shown < (size_t)limit; at++, shown++)
                json_array_append_new(list, requests_certificate_object(all[at]));
        desk_answer(r->desk, tag,
                json_pack("{s:o, s:b}", "certificates", list, "more", at < issued->n));
        free(all);
        return 0;
}

int requests_certificate_revoke(struct requests *r, uint64_t tag, json_t *body, struct err *e)
{
        uint8_t serial[X509_CRL_SERIAL_MAX];
        const char *text;
        json_error_t why;
        unsigned n = 0;

        if (json_unpack_ex(body, &why, JSON_STRICT, "{s:s}", "serial", &text) < 0)
                return err_set(e, ERR_INVALID, "certificate.revoke: %s", why.text);
        size_t serial_n = strlen(text) / 2;
        if (serial_n == 0 || strlen(text) % 2 || serial_n > sizeof serial ||
                str_unhex(serial, serial_n, text, e) < 0)
                return err_set(e, ERR_INVALID,
                        "that is no serial number: custos certificate list "
                        "shows them");
        int done = site_ca_revoke_serial(r->ca, BYTES(serial, serial_n), clock_wall_us(), &n, e);
        if (done < 0)
                return done;
        const struct issued_certificate *c =
                issued_find(site_ca_issued(r->ca), BYTES(serial, serial_n));
        if (n == 0 || !c)
                return err_set(e, ERR_NOT_FOUND,
                        "that certificate has expired or was revoked before: there is nothing to "
                        "revoke");
        done = requests_trust_revoked(r, c->issuer, c->subject, n, e);
        if (done == 0)
                desk_answer(r->desk, tag,
                        json_pack("{s:i, s:s}", "revoked", (int)n, "subject", c->subject));
        return done;
}
