/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the site's issuers sign, and what they take back: in the register before anybody hears of
 * it. */
#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"
#include "crypto/x509_recipient.h"
#include "crypto/x509.h"
#include "trust/site_ca.h"
#include "trust/site_ca_parts.h"

/* A leaf that is about to be made. */
struct site_ca_leaf {
        enum issued_issuer issuer;
        const char *subject; /* in the register */
        struct x509_request request;
        int64_t now_us;
        unsigned days;
};

static int site_ca_sign(struct site_ca *ca, struct site_ca_leaf *l, struct bytes spki,
        struct buf *out, struct err *e)
{
        struct bytes issuer = buf_bytes(&ca->certs[l->issuer]);
        struct x509_request *request = &l->request;
        int64_t issuer_end_us = 0;

        if (!str_is_camera(request->common_name))
                return err_set(e, ERR_INVALID,
                        "a name is [a-z0-9] and then [a-z0-9-], at most 63 characters");
        if (l->days < 1 || l->days > SITE_CA_DAYS_MAX)
                return err_set(e, ERR_INVALID, "a certificate lasts 1 to %d days, not %u",
                        SITE_CA_DAYS_MAX, l->days);
        int r = x509_not_after(issuer, &issuer_end_us, e);
        if (r < 0)
                return r;
        request->not_before_us = l->now_us - SITE_CA_HOUR_US;
        request->not_after_us = l->now_us + l->days * 24 * SITE_CA_HOUR_US;
        if (request->not_after_us > issuer_end_us)
                request->not_after_us = issuer_end_us;
        if (issuer_end_us <= l->now_us)
                return err_set(e, ERR_STATE, "the site's issuer for %s has expired",
                        issued_issuer_name(l->issuer));
        return x509_issue_spki(request, spki, issuer, ca->keys[l->issuer], out, e);
}

/* The leaf into the register, durably. */
static int site_ca_register(
        struct site_ca *ca, const struct site_ca_leaf *l, struct bytes der, struct err *e)
{
        struct issued_certificate c = { .issuer = l->issuer, .from_us = l->request.not_before_us };

        snprintf(c.subject, sizeof c.subject, "%s", l->subject);
        int r = x509_key_id(der, c.key, e);
        if (r == 0)
                r = issued_allows_key(&ca->issued, l->issuer, l->subject, c.key, l->now_us, e);
        if (r == 0)
                r = x509_crl_serial(der, c.serial, &c.serial_n, e);
        if (r == 0)
                r = x509_not_after(der, &c.until_us, e);
        if (r == 0)
                r = issued_add(&ca->issued, &c, l->now_us, e);
        if (r < 0)
                return r;
        r = site_ca_write_issued(ca, e);
        if (r < 0)
                issued_drop_last(&ca->issued);
        return r;
}

/* Signed, registered, and only then handed out. */
static int site_ca_issue_key(struct site_ca *ca, struct site_ca_leaf *l, struct bytes spki,
        struct buf *out, struct err *e)
{
        struct buf der;

        buf_init(&der, X509_CERT_MAX);
        int r = site_ca_sign(ca, l, spki, &der, e);
        if (r == 0)
                r = site_ca_register(ca, l, buf_bytes(&der), e);
        if (r == 0)
                r = buf_append(out, buf_bytes(&der), e);
        buf_done(&der);
        return r;
}

static int site_ca_issue(struct site_ca *ca, struct site_ca_leaf *l,
        const struct verify_key *subject, struct buf *out, struct err *e)
{
        struct buf spki;

        buf_init(&spki, SIGN_SPKI_MAX);
        int r = verify_key_format(subject, &spki, e);
        if (r == 0)
                r = site_ca_issue_key(ca, l, buf_bytes(&spki), out, e);
        buf_done(&spki);
        return r;
}

/* What is reached by a name or address, which its certificate then needs. */
static int site_ca_server(struct site_ca_leaf *l, const char *what, const char *const *dns,
        const char *const *ip, struct err *e)
{
        l->request.purpose = X509_CAMERA;
        l->request.common_name = l->subject;
        l->request.dns = dns;
        l->request.ip = ip;
        if ((!dns || !dns[0]) && (!ip || !ip[0]))
                return err_set(e, ERR_INVALID,
                        "a %s's certificate needs the name or address that it is reached by", what);
        return 0;
}

int site_ca_issue_camera(struct site_ca *ca, const char *name, const char *const *dns,
        const char *const *ip, const struct verify_key *subject, int64_t now_us, unsigned days,
        struct buf *out, struct err *e)
{
        struct site_ca_leaf l = { ISSUED_CAMERAS, name, .now_us = now_us, .days = days };
        int r = site_ca_server(&l, "camera", dns, ip, e);

        return r < 0 ? r : site_ca_issue(ca, &l, subject, out, e);
}

int site_ca_issue_device(struct site_ca *ca, const char *name, const char *const *dns,
        const char *const *ip, struct bytes spki_der, int64_t now_us, unsigned days,
        struct buf *out, struct err *e)
{
        struct site_ca_leaf l = { ISSUED_CAMERAS, name, .now_us = now_us, .days = days };
        int r = site_ca_server(&l, "device", dns, ip, e);

        return r < 0 ? r : site_ca_issue_key(ca, &l, spki_der, out, e);
}

int site_ca_issue_web(struct site_ca *ca, const char *name, const char *const *dns,
        const char *const *ip, const struct verify_key *subject, int64_t now_us, unsigned days,
        struct buf *out, struct err *e)
{
        struct site_ca_leaf l = { ISSUED_WEB, name, .now_us = now_us, .days = days };
        int r = site_ca_server(&l, "page", dns, ip, e);

        if (r == 0)
                r = site_ca_web_allows(ca, dns, ip, e);
        return r < 0 ? r : site_ca_issue(ca, &l, subject, out, e);
}

static void site_ca_subject(
        const char *role, const char *name, const char *behind, char to[static ISSUED_SUBJECT_ROOM])
{
        snprintf(to, ISSUED_SUBJECT_ROOM, "%s/%s%s", role, name, behind);
}

int site_ca_issue_node(struct site_ca *ca, const char *role, const char *name,
        const char *const *dns, const char *const *ip, const struct verify_key *subject,
        int64_t now_us, unsigned days, struct buf *out, struct err *e)
{
        char uri[SITE_CA_URI_ROOM], who[ISSUED_SUBJECT_ROOM];
        const struct x509_request request = {
                .purpose = X509_NODE, .common_name = name, .dns = dns, .ip = ip, .uri = uri
        };
        struct site_ca_leaf l = { ISSUED_NODES, who, request, now_us, days };

        site_ca_subject(role, name, "", who);
        int r = site_ca_uri(ca->site, role, name, uri, e);
        return r < 0 ? r : site_ca_issue(ca, &l, subject, out, e);
}

int site_ca_issue_grant(struct site_ca *ca, const char *name, const struct verify_key *subject,
        int64_t now_us, unsigned days, struct buf *out, struct err *e)
{
        char uri[SITE_CA_URI_ROOM], who[ISSUED_SUBJECT_ROOM];
        const struct x509_request request = {
                .purpose = X509_GRANT, .common_name = name, .uri = uri
        };
        struct site_ca_leaf l = { ISSUED_NODES, who, request, now_us, days };

        site_ca_subject("manager", name, "/grants", who);
        int r = site_ca_uri(ca->site, "manager", name, uri, e);
        return r < 0 ? r : site_ca_issue(ca, &l, subject, out, e);
}

int site_ca_issue_seal(struct site_ca *ca, const char *name, const struct verify_key *subject,
        int64_t now_us, unsigned days, struct buf *out, struct err *e)
{
        char uri[SITE_CA_URI_ROOM], who[ISSUED_SUBJECT_ROOM];
        const struct x509_request request = {
                .purpose = X509_SEAL, .common_name = name, .uri = uri
        };
        struct site_ca_leaf l = { ISSUED_SEALS, who, request, now_us, days };

        site_ca_subject("recorder", name, "", who);
        int r = site_ca_uri(ca->site, "recorder", name, uri, e);
        return r < 0 ? r : site_ca_issue(ca, &l, subject, out, e);
}

int site_ca_issue_recovery(struct site_ca *ca, const uint8_t public_key[static HPKE_PUBLIC_BYTES],
        int64_t now_us, unsigned days, struct buf *out, struct err *e)
{
        const struct x509_request request = { .purpose = X509_RECIPIENT,
                .common_name = "recovery" };
        struct site_ca_leaf l = { ISSUED_SEALS, "recovery/main", request, now_us, days };
        CLEANUP(buf_done) struct buf spki;

        buf_init(&spki, SIGN_SPKI_MAX);
        int r = x509_recipient_spki(public_key, &spki, e);
        return r < 0 ? r : site_ca_issue_key(ca, &l, buf_bytes(&spki), out, e);
}

/* --- taking back --- */

/* The issuer's list of all that is revoked and has not expired, as PEM to `pem`. */
static int site_ca_make_crl(struct site_ca *ca, enum issued_issuer which, uint64_t number,
        int64_t now_us, struct buf *pem, struct err *e)
{
        struct bytes issuer = buf_bytes(&ca->certs[which]);
        struct x509_crl_request request = { .number = number, .this_update_us = now_us };
        struct x509_crl_revoked *revoked = xcalloc(ca->issued.n + 1, sizeof *revoked);
        struct buf der;

        for (size_t i = 0; i < ca->issued.n; i++) {
                const struct issued_certificate *c = &ca->issued.certificates[i];
                if (c->issuer == which && issued_is_listed(c, now_us))
                        revoked[request.n++] =
                                (struct x509_crl_revoked){ .serial = BYTES(c->serial, c->serial_n),
                                        .at_us = c->revoked_us };
        }
        request.revoked = revoked;
        buf_init(&der, X509_CRL_MAX);
        int r = x509_not_after(issuer, &request.next_update_us, e);
        if (r == 0)
                r = x509_crl_issue(&request, issuer, ca->keys[which], &der, e);
        if (r == 0)
                r = x509_crl_pem_format(buf_bytes(&der), pem, e);
        buf_done(&der);
        free(revoked);
        return r;
}

/* A new list, and the register with it. Where that fails the old one stays in force. */
static int site_ca_renew_crl(
        struct site_ca *ca, enum issued_issuer which, int64_t now_us, struct err *e)
{
        struct issued_list *list = &ca->issued.lists[which], old = *list;
        struct buf pem;

        buf_init(&pem, ISSUED_CRL_MAX);
        int r = site_ca_make_crl(ca, which, old.number + 1, now_us, &pem, e);
        if (r == 0) {
                *list = (struct issued_list){ old.number + 1, pem };
                r = site_ca_write_issued(ca, e);
        }
        if (r < 0) {
                *list = old;
                buf_done(&pem);
                return r;
        }
        buf_done(&old.crl);
        return 0;
}

/* n of the subject's were revoked at now_us: so does the list say, or none of them was. */
static int site_ca_revoked(struct site_ca *ca, enum issued_issuer which, const char *subject,
        unsigned n, int64_t now_us, unsigned *ret_n, struct err *e)
{
        int r = n ? site_ca_renew_crl(ca, which, now_us, e) : 0;

        if (r < 0) {
                issued_revoke_undo(&ca->issued, which, subject, now_us);
                return err_wrap(e, r, "revoking the certificates of %s", subject);
        }
        *ret_n = n;
        return 0;
}

static int site_ca_revoke(struct site_ca *ca, enum issued_issuer which, const char *subject,
        int64_t now_us, unsigned *ret_n, struct err *e)
{
        unsigned n = issued_revoke(&ca->issued, which, subject, now_us);

        return site_ca_revoked(ca, which, subject, n, now_us, ret_n, e);
}

int site_ca_revoke_camera(
        struct site_ca *ca, const char *name, int64_t now_us, unsigned *ret_n, struct err *e)
{
        return site_ca_revoke(ca, ISSUED_CAMERAS, name, now_us, ret_n, e);
}

int site_ca_revoke_serial(
        struct site_ca *ca, struct bytes serial, int64_t now_us, unsigned *ret_n, struct err *e)
{
        const struct issued_certificate *c = issued_find(&ca->issued, serial);

        if (!c)
                return err_set(e, ERR_NOT_FOUND,
                        "the register has no certificate with that serial number: custos "
                        "certificate list shows them");
        if (c->issuer != ISSUED_CAMERAS && c->issuer != ISSUED_WEB)
                return err_set(e, ERR_INVALID,
                        "this is a certificate of node %s: all that it has is revoked together, by "
                        "custos node revoke",
                        c->subject);
        unsigned n = issued_revoke_key(&ca->issued, c->key, now_us);
        return site_ca_revoked(ca, c->issuer, c->subject, n, now_us, ret_n, e);
}

int site_ca_revoke_node(struct site_ca *ca, const char *role, const char *name, int64_t now_us,
        unsigned *ret_n, struct err *e)
{
        char who[ISSUED_SUBJECT_ROOM], uri[SITE_CA_URI_ROOM];

        int r = site_ca_uri(ca->site, role, name, uri, e);
        if (r < 0)
                return r;
        site_ca_subject(role, name, "", who);
        unsigned n = 0, pages = 0;
        if (strcmp(role, "gateway") == 0)
                r = site_ca_revoke(ca, ISSUED_WEB, name, now_us, &pages, e);
        if (r < 0)
                return r;
        /* Before the node's own, so that one writing makes both durable. */
        unsigned seals = issued_revoke(&ca->issued, ISSUED_SEALS, who, now_us);
        r = site_ca_revoke(ca, ISSUED_NODES, who, now_us, &n, e);
        if (r == 0 && n == 0 && seals)
                r = site_ca_write_issued(ca, e);
        if (r < 0) {
                issued_revoke_undo(&ca->issued, ISSUED_SEALS, who, now_us);
                return r;
        }
        *ret_n = n + seals + pages;
        return 0;
}

struct bytes site_ca_crl(const struct site_ca *ca, enum site_ca_issuer which)
{
        return which < (enum site_ca_issuer)ISSUED_LISTS ? buf_bytes(&ca->issued.lists[which].crl)
                                                         : BYTES(NULL, 0);
}
