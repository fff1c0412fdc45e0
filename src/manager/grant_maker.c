/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "manager/grant_maker.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/str.h"
#include "crypto/x509.h"
#include "os/file.h"

#define GRANT_MAKER_DAY_US (INT64_C(86400) * 1000000)
#define GRANT_MAKER_LIFE_US (GRANT_MAKER_DAYS * GRANT_MAKER_DAY_US)

struct grant_maker {
        struct site_ca *ca; /* borrowed */
        char *dir, name[64];
        struct sign_key *key;
        struct buf leaf; /* DER */
        int64_t until_us;
};

struct grant_maker *grant_maker_free(struct grant_maker *g)
{
        if (!g)
                return NULL;
        sign_key_free(g->key);
        buf_done(&g->leaf);
        free(g->dir);
        free(g);
        return NULL;
}

static int grant_maker_write_key(
        const struct grant_maker *g, const struct sign_key *key, struct err *e)
{
        CLEANUP(own_freep) char *path = xasprintf("%s/grant.key", g->dir);
        struct buf pem;

        buf_init_full(&pem, SIGN_PEM_MAX); /* growing would leave copies of the key behind */
        int r = sign_key_format(key, &pem, e);
        if (r == 0)
                r = file_write_atomic(path, buf_bytes(&pem), 0600, e);
        explicit_bzero(pem.p, pem.room);
        buf_done(&pem);
        return r;
}

static int grant_maker_write_chain(const struct grant_maker *g, struct bytes leaf, struct err *e)
{
        CLEANUP(own_freep) char *path = xasprintf("%s/grant.pem", g->dir);
        struct buf pem;

        buf_init(&pem, 4 * X509_CERT_MAX);
        int r = site_ca_chain_pem(g->ca, SITE_CA_NODES, leaf, &pem, e);
        if (r == 0)
                r = file_write_atomic(path, buf_bytes(&pem), 0644, e);
        buf_done(&pem);
        return r;
}

/* A new key with its certificate. Cut in between, the pair does not match, and another is made. */
static int grant_maker_renew(struct grant_maker *g, int64_t now_us, struct err *e)
{
        CLEANUP(sign_key_freep) struct sign_key *key = sign_key_generate();
        CLEANUP(verify_key_freep) struct verify_key *subject = sign_key_public(key);
        int64_t until_us = 0;
        struct buf leaf;

        buf_init(&leaf, X509_CERT_MAX);
        int r = site_ca_issue_grant(g->ca, g->name, subject, now_us, GRANT_MAKER_DAYS, &leaf, e);
        if (r == 0)
                r = x509_not_after(buf_bytes(&leaf), &until_us, e);
        if (r == 0)
                r = grant_maker_write_chain(g, buf_bytes(&leaf), e);
        if (r == 0)
                r = grant_maker_write_key(g, key, e);
        if (r < 0) {
                buf_done(&leaf);
                return err_wrap(e, r, "a new key for grants");
        }
        sign_key_free(g->key);
        buf_done(&g->leaf);
        g->key = TAKE(key);
        g->leaf = leaf;
        g->until_us = until_us;
        log_info(NULL, "grant.key_made", "days=%d", GRANT_MAKER_DAYS);
        return 0;
}

static int grant_maker_read_key(const char *dir, struct sign_key **ret, struct err *e)
{
        CLEANUP(own_freep) char *path = xasprintf("%s/grant.key", dir);
        struct buf pem;

        buf_init(&pem, SIGN_PEM_MAX);
        int r = file_read_secret(path, SIGN_PEM_MAX, &pem, e);
        if (r >= 0)
                r = sign_key_parse(buf_bytes(&pem), ret, e);
        if (pem.p)
                explicit_bzero(pem.p, pem.room);
        buf_done(&pem);
        return r < 0 ? r : 0;
}

static int grant_maker_read_leaf(const char *dir, struct buf *leaf, struct err *e)
{
        CLEANUP(own_freep) char *path = xasprintf("%s/grant.pem", dir);
        struct buf pem;

        buf_init(&pem, 4 * X509_CERT_MAX);
        int r = file_read(path, 4 * X509_CERT_MAX, &pem, e);
        if (r >= 0)
                r = x509_pem_parse(buf_bytes(&pem), 0, leaf, e);
        buf_done(&pem);
        return r < 0 ? r : 0;
}

/* Key and certificate belong together, and to this site. */
static bool grant_maker_matches(const struct grant_maker *g)
{
        uint8_t of_key[32], of_leaf[32];

        sign_key_id(g->key, of_key);
        return x509_key_id(buf_bytes(&g->leaf), of_leaf, NULL) == 0 &&
               memcmp(of_key, of_leaf, sizeof of_key) == 0 &&
               x509_check_issued_by(
                       buf_bytes(&g->leaf), site_ca_issuer_cert(g->ca, SITE_CA_NODES), NULL) == 0;
}

/* 1 where there is a pair that is good to go on with. */
static int grant_maker_read(struct grant_maker *g, struct err *e)
{
        int r = grant_maker_read_key(g->dir, &g->key, e);

        if (r == 0)
                r = grant_maker_read_leaf(g->dir, &g->leaf, e);
        if (r == 0)
                r = x509_not_after(buf_bytes(&g->leaf), &g->until_us, e);
        if (r == ERR_NOT_FOUND)
                return 0;
        return r < 0 ? r : grant_maker_matches(g);
}

static bool grant_maker_revoked(const struct grant_maker *g)
{
        uint8_t id[32];

        sign_key_id(g->key, id);
        return issued_key_is_revoked(site_ca_issued(g->ca), id);
}

/* Also where the clock went back behind its beginning. */
static bool grant_maker_due(const struct grant_maker *g, int64_t now_us)
{
        return now_us >= g->until_us - GRANT_MAKER_LIFE_US / 3 ||
               now_us < g->until_us - GRANT_MAKER_LIFE_US;
}

int grant_maker_open(const char *dir, struct site_ca *ca, const char *name, int64_t now_us,
        struct grant_maker **ret, struct err *e)
{
        struct grant_maker *g = xcalloc(1, sizeof *g);

        g->ca = ca;
        g->dir = xstrdup(dir);
        snprintf(g->name, sizeof g->name, "%s", name);
        buf_init(&g->leaf, X509_CERT_MAX);
        int r = file_make_dirs(dir, 0700, e);
        if (r == 0)
                r = grant_maker_read(g, e);
        if (r == 0 || (r > 0 && grant_maker_revoked(g)))
                r = grant_maker_renew(g, now_us, e);
        if (r < 0) {
                grant_maker_free(g);
                return r;
        }
        *ret = g;
        return 0;
}

int grant_maker_make(struct grant_maker *g, const struct capability *c, int64_t now_us,
        struct buf *out, struct err *e)
{
        struct err why;

        if (grant_maker_revoked(g)) {
                int r = grant_maker_renew(g, now_us, e);
                if (r < 0)
                        return r;
        } else if (grant_maker_due(g, now_us) && grant_maker_renew(g, now_us, &why) < 0) {
                log_error(NULL, "grant.key_not_renewed", "err=\"%s\"", why.text);
                if (now_us >= g->until_us) {
                        if (e)
                                *e = why;
                        return why.code;
                }
        }
        return capability_format(
                c, g->key, buf_bytes(&g->leaf), site_ca_issuer_cert(g->ca, SITE_CA_NODES), out, e);
}
