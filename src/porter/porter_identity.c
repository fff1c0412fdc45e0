/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "crypto/x509.h"
#include "porter/porter_parts.h"

/* Lists on their way to the disk, in their order. */
struct porter_crls {
        struct porter *porter;
        struct porter_crls *next;
        uv_work_t work;
        struct buf pem;
        int64_t id;
        unsigned cut_before;
        int result;
        struct err why;
};

/* --- what sessions are made with --- */

static int porter_identity_config(
        const struct node_identity *n, bool certified, struct tls_role_config **ret, struct err *e)
{
        const struct tls_role_identity own = { .site = n->site,
                .root_der = buf_bytes(&n->root_der),
                .issuer_der = buf_bytes(&n->issuer_der),
                .chain_pem = certified ? buf_bytes(&n->chain_pem) : BYTES(NULL, 0),
                .key = certified ? n->key : NULL };
        CLEANUP(tls_role_config_freep) struct tls_role_config *c = NULL;

        int r = tls_role_config_new(&own, &c, e);
        /* One that cannot be used is no reason to go on without any. */
        if (r == 0 && n->crls_pem.n)
                r = tls_role_config_crls(c, buf_bytes(&n->crls_pem), e);
        if (r < 0)
                return err_wrap(e, r, "this node's certificate");
        *ret = TAKE(c);
        return 0;
}

int porter_identity_open(struct porter *p, struct err *e)
{
        struct node_identity n;

        int r = node_identity_read(p->dir, &n, e);
        if (r < 0)
                return r;
        if (strcmp(n.role, p->kind->role) != 0)
                r = err_set(e, ERR_INVALID, "%s holds the identity of a %s", p->dir, n.role);
        if (r == 0)
                r = porter_identity_config(&n, true, &p->config, e);
        if (r < 0) {
                node_identity_done(&n);
                return r;
        }
        p->identity = n;
        snprintf(p->uri, sizeof p->uri, "custos://%s/%s/%s", n.site, n.role, n.name);
        return 0;
}

int porter_identity_stranger(const struct porter *p, struct tls_role_config **ret, struct err *e)
{
        return porter_identity_config(&p->identity, false, ret, e);
}

void porter_identity_done(struct porter *p)
{
        p->config = tls_role_config_free(p->config);
        node_identity_done(&p->identity);
}

int porter_identity_replace(struct porter *p, struct node_identity *n, struct err *e)
{
        struct tls_role_config *config = NULL;
        struct buf crls = n->crls_pem;

        /* What the role said last may not have reached the disk yet. */
        n->crls_pem = p->identity.crls_pem;
        int r = porter_identity_config(n, true, &config, e);
        if (r < 0) {
                n->crls_pem = crls;
                return r;
        }
        p->identity.crls_pem = crls;
        porter_identity_done(p);
        p->identity = *n;
        p->config = config;
        return 0;
}

/* --- what is revoked --- */

static void porter_crls_start(struct porter_crls *c);

static void porter_crls_write(uv_work_t *work)
{
        struct porter_crls *c = work->data;

        c->result = node_identity_write_crls(c->porter->dir, buf_bytes(&c->pem), &c->why);
}

static void porter_crls_done(uv_work_t *work, int status)
{
        struct porter_crls *c = work->data;
        struct porter *p = c->porter;

        (void)status;
        p->crls = c->next;
        if (p->crls)
                porter_crls_start(p->crls);
        if (p->ending)
                ;
        else if (c->result < 0)
                porter_fail(p, c->id, &c->why, "In force here until the next start alone.");
        else
                porter_answer(p, c->id, json_pack("{s:i}", "cut", (int)(p->cut - c->cut_before)));
        buf_done(&c->pem);
        free(c);
}

static void porter_crls_start(struct porter_crls *c)
{
        c->work.data = c;
        uv_queue_work(loop_uv(c->porter->loop), &c->work, porter_crls_write, porter_crls_done);
}

static void porter_crls_store(struct porter *p, int64_t id, unsigned cut_before)
{
        struct porter_crls *c = xcalloc(1, sizeof *c), **at = &p->crls;
        struct err e;

        *c = (struct porter_crls){ .porter = p, .id = id, .cut_before = cut_before };
        buf_init(&c->pem, X509_PEM_MAX);
        if (buf_append(&c->pem, buf_bytes(&p->identity.crls_pem), &e) < 0) {
                porter_fail(p, id, &e, "");
                free(c);
                return;
        }
        while (*at)
                at = &(*at)->next;
        *at = c;
        if (c == p->crls)
                porter_crls_start(c);
}

void porter_identity_revoked(struct porter *p, int64_t id, const char *pem)
{
        struct err e;
        unsigned cut_before = p->cut;
        struct buf fresh;

        buf_init(&fresh, X509_PEM_MAX);
        int r = buf_append(&fresh, bytes_str(pem), &e);
        if (r == 0)
                r = tls_role_config_crls(p->config, bytes_str(pem), &e);
        if (r < 0) {
                buf_done(&fresh);
                porter_fail(p, id, &e, "The list in force stays.");
                return;
        }
        buf_done(&p->identity.crls_pem);
        p->identity.crls_pem = fresh;
        porter_peer_recheck(p);
        porter_crls_store(p, id, cut_before);
}
