/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is trusted of a camera, changed by an administrator: its memory, its certificates. */
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/log.h"
#include "base/network.h"
#include "base/str.h"
#include "crypto/x509.h"
#include "crypto/x509_csr.h"
#include "manager/requests_parts.h"
#include "os/clock.h"
#include "proto/url.h"

#define REQUESTS_TRUST_DAYS 825

static int requests_trust_name(json_t *body, const char *type, const char **ret, struct err *e)
{
        json_error_t why;

        if (json_unpack_ex(body, &why, JSON_STRICT, "{s:s}", "name", ret) < 0)
                return err_set(e, ERR_INVALID, "%s: %s", type, why.text);
        return str_is_camera(*ret) ? 0 : err_set(e, ERR_INVALID, "%s: not a camera's name", type);
}

static int requests_trust_unalarm(void *owner, const struct inventory_stream *s, struct err *e)
{
        struct requests *r = owner;
        char path[REQUESTS_PATH_ROOM];

        (void)e;
        snprintf(path, sizeof path, "%s-%s", s->camera, s->stream);
        if (key_alarm_fault(&r->alarm, path) == FAULT_DOWNGRADE)
                key_alarm_clear(&r->alarm, path); /* judged anew below */
        return 0;
}

int requests_trust_clear(struct requests *r, uint64_t tag, json_t *body, struct err *e)
{
        const char *name;

        int done = requests_trust_name(body, "camera.clear_tls_memory", &name, e);
        if (done == 0)
                done = tls_memory_clear(r->memory, name, e);
        if (done < 0)
                return done;
        requests_route_save_memory(r);
        log_warn(NULL, "camera.tls_memory_cleared", "cam=%s", name);
        done = requests_route_audit(r, "tls_memory.cleared", name, NULL, requests_by(r, tag), e);
        /* What it kept from being recorded may be now. */
        if (done == 0)
                done = inventory_each(r->inventory, NULL, "", requests_trust_unalarm, r, e);
        if (done < 0)
                return done;
        requests_route_camera(r, NULL, true);
        desk_answer(r->desk, tag, json_object());
        return 0;
}

/* The names and addresses that a camera is reached by, from the inventory. */
struct requests_trust_names {
        char hosts[X509_NAMES_MAX][URL_HOST_ROOM];
        const char *dns[X509_NAMES_MAX + 1], *ip[X509_NAMES_MAX + 1];
        unsigned n, dns_n, ip_n;
};

static int requests_trust_add_name(void *owner, const struct inventory_stream *s, struct err *e)
{
        struct requests_trust_names *names = owner;
        uint8_t address[NETWORK_ADDRESS_BYTES];
        struct url url;

        int done = url_parse(s->url, &url, e);
        if (done < 0)
                return done;
        for (unsigned i = 0; i < names->n; i++) {
                if (strcasecmp(names->hosts[i], url.host) == 0)
                        return 0;
        }
        if (names->n == X509_NAMES_MAX)
                return err_set(e, ERR_EXHAUSTED, "more than %d addresses", X509_NAMES_MAX);
        char *host = names->hosts[names->n++];
        snprintf(host, URL_HOST_ROOM, "%s", url.host);
        if (network_address_parse(host, address, NULL) == 0)
                names->ip[names->ip_n++] = host;
        else
                names->dns[names->dns_n++] = host;
        return 0;
}

static int requests_trust_sign(
        struct requests *r, const char *name, const char *csr, struct buf *pem, struct err *e)
{
        struct requests_trust_names *names = xcalloc(1, sizeof *names);
        CLEANUP(verify_key_freep) struct verify_key *subject = NULL;
        struct buf leaf;

        buf_init(&leaf, X509_CERT_MAX);
        int done = x509_csr_key(bytes_str(csr), &subject, e);
        if (done == 0)
                done = inventory_each(r->inventory, name, "", requests_trust_add_name, names, e);
        if (done == 0 && names->n == 0)
                done = err_set(e, ERR_NOT_FOUND,
                        "there is no camera of that name: custos camera list shows them");
        if (done == 0)
                done = site_ca_issue_camera(r->ca, name, names->dns, names->ip, subject,
                        clock_wall_us(), REQUESTS_TRUST_DAYS, &leaf, e);
        if (done == 0)
                done = site_ca_chain_pem(r->ca, SITE_CA_CAMERAS, buf_bytes(&leaf), pem, e);
        buf_done(&leaf);
        free(names);
        return done;
}

int requests_trust_certify(struct requests *r, uint64_t tag, json_t *body, struct err *e)
{
        const char *name, *csr;
        json_error_t why;
        struct buf pem;

        if (json_unpack_ex(body, &why, JSON_STRICT, "{s:s, s:s}", "name", &name, "csr", &csr) < 0)
                return err_set(e, ERR_INVALID, "camera.certificate: %s", why.text);
        buf_init(&pem, 4 * X509_CERT_MAX);
        int done = requests_trust_sign(r, name, csr, &pem, e);
        if (done == 0)
                done = requests_route_audit(
                        r, "certificate.issued", name, NULL, requests_by(r, tag), e);
        if (done == 0)
                desk_answer(r->desk, tag,
                        json_pack(
                                "{s:o}", "certificate", json_stringn((const char *)pem.p, pem.n)));
        buf_done(&pem);
        return done;
}

int requests_trust_revoked(struct requests *r, uint64_t tag, enum issued_issuer issuer,
        const char *name, unsigned certificates, struct err *e)
{
        log_warn(NULL, "certificate.revoked", "issuer=%s name=%s certificates=%u",
                issued_issuer_name(issuer), name, certificates);
        if (issuer == ISSUED_CAMERAS) {
                requests_route_camera(r, NULL, false);
                requests_route_cut(r);
        }
        if (issuer == ISSUED_WEB)
                requests_web_tell(r, name);
        return requests_route_audit(r, "certificate.revoked", name, NULL,
                json_pack("{s:i, s:I, s:o}", "certificates", (int)certificates, "list",
                        (json_int_t)site_ca_issued(r->ca)->lists[issuer].number, "by",
                        requests_text(desk_by(r->desk, tag))),
                e);
}

int requests_trust_revoke(struct requests *r, uint64_t tag, json_t *body, struct err *e)
{
        const char *name;
        unsigned n;

        int done = requests_trust_name(body, "camera.revoke", &name, e);
        if (done == 0)
                done = site_ca_revoke_camera(r->ca, name, clock_wall_us(), &n, e);
        if (done < 0)
                return done;
        if (n == 0)
                return err_set(e, ERR_NOT_FOUND,
                        "the site's camera issuer made no certificate for camera %s that is still "
                        "good: there is nothing to revoke",
                        name);
        done = requests_trust_revoked(r, tag, ISSUED_CAMERAS, name, n, e);
        if (done == 0)
                desk_answer(r->desk, tag, json_pack("{s:i}", "revoked", (int)n));
        return done;
}
