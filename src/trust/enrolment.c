/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "trust/enrolment.h"

#include <stdio.h>

#include "base/secret.h"
#include "crypto/x509_node.h"
#include "crypto/x509_recipient.h"
#include "trust/site_chain.h"

#define ENROLMENT_CHAIN_MAX 32768

void enrolment_init(struct node_identity *n)
{
        *n = (struct node_identity){ 0 };
        buf_init(&n->chain_pem, ENROLMENT_CHAIN_MAX);
        buf_init(&n->root_der, X509_CERT_MAX);
        buf_init(&n->issuer_der, X509_CERT_MAX);
        buf_init(&n->crls_pem, X509_PEM_MAX);
}

static int bad_enrolment(struct err *e, const char *text)
{
        return err_fault(
                e, ERR_AUTH, FAULT_BAD_ENROLMENT, "%s %s", fault_text(FAULT_BAD_ENROLMENT), text);
}

/* The certificate whose key has this hash, of which n bytes are known; NULL where there is none. */
static const struct buf *of_key(const struct x509_pkcs7 *certs, const uint8_t *hash, size_t n)
{
        uint8_t id[32];

        for (unsigned i = 0; i < certs->n; i++) {
                if (x509_key_id(buf_bytes(&certs->certs[i]), id, NULL) == 0 &&
                        secret_equal(BYTES(id, n), BYTES(hash, n)))
                        return &certs->certs[i];
        }
        return NULL;
}

/* The site's issuer for this purpose; NULL where it is not among them. */
static const struct buf *issuer_of(
        const struct x509_pkcs7 *certs, enum site_ca_issuer which, struct bytes root_der)
{
        for (unsigned i = 0; i < certs->n; i++) {
                if (site_chain_check_issuer(buf_bytes(&certs->certs[i]), which, root_der, NULL) ==
                        0)
                        return &certs->certs[i];
        }
        return NULL;
}

int enrolment_take_site(struct node_identity *n, const struct enrol_code *code,
        const struct x509_pkcs7 *certs, struct err *e)
{
        char site[SITE_CA_NAME_MAX + 1];
        const struct buf *root = of_key(certs, code->root, sizeof code->root);

        if (!root || site_chain_name(buf_bytes(root), site, NULL) < 0)
                return err_fault(e, ERR_AUTH, FAULT_OTHER_SITE, "%s", fault_text(FAULT_OTHER_SITE));
        const struct buf *issuer = issuer_of(certs, SITE_CA_NODES, buf_bytes(root));
        if (!issuer)
                return bad_enrolment(e, "the issuer of nodes is not among the site's");
        int r = buf_append(&n->root_der, buf_bytes(root), e);
        if (r == 0)
                r = buf_append(&n->issuer_der, buf_bytes(issuer), e);
        if (r < 0)
                return r;
        snprintf(n->site, sizeof n->site, "%s", site);
        memcpy(n->role, code->role, sizeof n->role);
        memcpy(n->name, code->name, sizeof n->name);
        return 0;
}

static const struct buf *leaf_of(const struct x509_pkcs7 *certs, const struct sign_key *key)
{
        uint8_t id[32];

        sign_key_id(key, id);
        return of_key(certs, id, sizeof id);
}

int enrolment_take_node(struct node_identity *n, const struct x509_pkcs7 *certs, struct err *e)
{
        char uri[SITE_CA_URI_ROOM];
        const struct buf *leaf = leaf_of(certs, n->key);
        struct x509_node cert = { 0 };
        struct err why = { 0 };

        if (!leaf)
                return bad_enrolment(e, "it is for another key");
        if (x509_node_read(buf_bytes(leaf), buf_bytes(&n->issuer_der), buf_bytes(&n->root_der),
                    &cert, &why) < 0)
                return bad_enrolment(e, why.text);
        int r = site_ca_uri(n->site, n->role, n->name, uri, e);
        if (r < 0)
                return r;
        if (strcmp(uri, cert.uri) != 0)
                return bad_enrolment(e, "it is for another node");
        buf_clear(&n->chain_pem);
        r = x509_pem_format(buf_bytes(leaf), &n->chain_pem, e);
        if (r == 0)
                r = x509_pem_format(buf_bytes(&n->issuer_der), &n->chain_pem, e);
        if (r < 0)
                return r;
        n->not_before_us = cert.not_before_us;
        n->not_after_us = cert.not_after_us;
        return 0;
}

int enrolment_take_seal(const struct node_identity *n, const struct sign_key *key,
        const struct x509_pkcs7 *certs, int64_t now_us, struct buf *pem, struct err *e)
{
        const struct buf *leaf = leaf_of(certs, key),
                         *issuer = issuer_of(certs, SITE_CA_SEALS, buf_bytes(&n->root_der));
        struct err why = { 0 };

        if (!leaf)
                return bad_enrolment(e, "the seal certificate is for another key");
        if (!issuer)
                return bad_enrolment(e, "the seal certificate comes without its issuer");
        const struct bytes chain[] = { buf_bytes(leaf), buf_bytes(issuer),
                buf_bytes(&n->root_der) };
        if (x509_check_seal_chain(chain[0], chain[1], chain[2], now_us, &why) < 0)
                return bad_enrolment(e, why.text);
        int r = 0;
        for (unsigned i = 0; r == 0 && i < ARRAY_LEN(chain); i++)
                r = x509_pem_format(chain[i], pem, e);
        return r;
}

int enrolment_take_recovery(const struct node_identity *n, const struct x509_pkcs7 *certs,
        uint8_t ret[static HPKE_PUBLIC_BYTES], struct err *e)
{
        const struct buf *issuer = issuer_of(certs, SITE_CA_SEALS, buf_bytes(&n->root_der));

        for (unsigned i = 0; issuer && i < certs->n; i++) {
                if (x509_recipient_key(buf_bytes(&certs->certs[i]), buf_bytes(issuer), ret, NULL) ==
                        0)
                        return 0;
        }
        return bad_enrolment(e, "it does not say for whom keys of footage are kept (recovery)");
}
