/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recorder/grant_trust.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"
#include "crypto/x509.h"
#include "crypto/x509_crl.h"
#include "os/file.h"
#include "recorder/state_dir.h"
#include "trust/site_ca.h"

struct grant_trust {
        char site[SITE_CA_NAME_MAX + 1];
        struct buf root, issuer; /* DER; issuer may be empty */
        struct buf crls;         /* PEM; may be empty */
        uint64_t number;         /* of the list */
        unsigned version;
};

struct grant_trust *grant_trust_free(struct grant_trust *t)
{
        if (!t)
                return NULL;
        buf_done(&t->root);
        buf_done(&t->issuer);
        buf_done(&t->crls);
        free(t);
        return NULL;
}

static int grant_trust_read_root(struct grant_trust *t, const char *state, struct err *e)
{
        struct state_dir_certs certs = { 0 };

        int r = state_dir_read_certs(state, &certs, e);
        if (r == 0)
                r = buf_append(&t->root, buf_bytes(&certs.root), e);
        state_dir_certs_done(&certs);
        return r < 0 ? r : site_ca_site_of(buf_bytes(&t->root), t->site, e);
}

/* Appends a file that may be missing; 1 where it is there. */
static int grant_trust_read_file(const char *state, const char *name, struct buf *to, struct err *e)
{
        char path[4200];

        snprintf(path, sizeof path, "%.4000s/node/recorder/%s", state, name);
        if (!file_exists(path))
                return 0;
        int r = file_read(path, GRANT_TRUST_CRLS_MAX, to, e);
        return r < 0 ? r : 1;
}

/* Of the recorder's own chain: who may sign lists. */
static int grant_trust_read_issuer(struct grant_trust *t, const char *state, struct err *e)
{
        struct buf pem;

        buf_init(&pem, GRANT_TRUST_CRLS_MAX);
        int r = grant_trust_read_file(state, "node.pem", &pem, e);
        if (r > 0)
                r = x509_pem_parse(buf_bytes(&pem), 1, &t->issuer, e);
        buf_done(&pem);
        if (r == 0 && t->issuer.n)
                r = x509_check_issued_by(buf_bytes(&t->issuer), buf_bytes(&t->root), e);
        return r < 0 ? err_wrap(e, ERR_CORRUPT, "%s/node/recorder/node.pem", state) : 0;
}

static int grant_trust_read_crls(struct grant_trust *t, const char *state, struct err *e)
{
        struct buf pem;

        buf_init(&pem, GRANT_TRUST_CRLS_MAX);
        int r = grant_trust_read_file(state, "nodes.crl", &pem, e);
        if (r > 0 && pem.n)
                r = grant_trust_crls(t, buf_bytes(&pem), e);
        buf_done(&pem);
        return r < 0 ? err_wrap(e, ERR_CORRUPT, "%s/node/recorder/nodes.crl", state) : 0;
}

int grant_trust_read(const char *state, struct grant_trust **ret, struct err *e)
{
        struct grant_trust *t = xcalloc(1, sizeof *t);

        buf_init(&t->root, X509_CERT_MAX);
        buf_init(&t->issuer, X509_CERT_MAX);
        buf_init(&t->crls, GRANT_TRUST_CRLS_MAX);
        int r = grant_trust_read_root(t, state, e);
        if (r == 0)
                r = grant_trust_read_issuer(t, state, e);
        if (r == 0)
                r = grant_trust_read_crls(t, state, e);
        if (r < 0) {
                grant_trust_free(t);
                return r;
        }
        *ret = t;
        return 0;
}

int grant_trust_crls(struct grant_trust *t, struct bytes crls_pem, struct err *e)
{
        uint64_t number;
        struct buf text;

        if (t->issuer.n == 0)
                return err_set(e, ERR_AUTH,
                        "a list of what is revoked, and no certificate of the nodes issuer to "
                        "check it by");
        int r = x509_crl_number(crls_pem, buf_bytes(&t->issuer), &number, e);
        if (r < 0)
                return r;
        if (t->crls.n && number < t->number)
                return err_set(e, ERR_STATE,
                        "a list of what is revoked that is older than the one that is known");
        if (t->crls.n && number == t->number)
                return 0;
        buf_init(&text, GRANT_TRUST_CRLS_MAX);
        r = buf_append(&text, crls_pem, e);
        if (r < 0)
                return r;
        buf_done(&t->crls);
        t->crls = text;
        t->number = number;
        t->version++;
        return 0;
}

unsigned grant_trust_version(const struct grant_trust *t)
{
        return t->version;
}

struct capability_trust grant_trust_of(const struct grant_trust *t)
{
        return (struct capability_trust){
                .site = t->site, .root_der = buf_bytes(&t->root), .crls_pem = buf_bytes(&t->crls)
        };
}
