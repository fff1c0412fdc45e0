/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "trust/node_identity.h"

#include <stdio.h>

#include "base/str.h"
#include "crypto/x509.h"
#include "crypto/x509_node.h"
#include "os/file.h"
#include "trust/key_files.h"
#include "trust/node_peers.h"
#include "trust/site_chain.h"

#define NODE_IDENTITY_STEM "node"
#define NODE_IDENTITY_ROOT_MAX 16384

char *node_identity_dir(char to[static NODE_IDENTITY_DIR_ROOM], const char *state, const char *role)
{
        snprintf(to, NODE_IDENTITY_DIR_ROOM, "%.4000s/node/%.40s", state, role);
        return to;
}

bool node_identity_exists(const char *dir)
{
        CLEANUP(own_freep) char *mark = xasprintf("%s/peers.json", dir);

        return file_exists(mark);
}

static void node_identity_init(struct node_identity *n)
{
        *n = (struct node_identity){ 0 };
        buf_init(&n->chain_pem, KEY_FILES_CHAIN_MAX);
        buf_init(&n->root_der, X509_CERT_MAX);
        buf_init(&n->issuer_der, X509_CERT_MAX);
        buf_init(&n->crls_pem, X509_PEM_MAX);
}

void node_identity_done(struct node_identity *n)
{
        n->key = sign_key_free(n->key);
        buf_done(&n->chain_pem);
        buf_done(&n->root_der);
        buf_done(&n->issuer_der);
        buf_done(&n->crls_pem);
}

/* --- what belongs together --- */

/* chain_pem is a leaf of the site's nodes issuer and that issuer, and nothing besides. */
static int check_chain(struct bytes chain_pem, struct bytes root_der, struct buf *issuer_der,
        struct x509_node *ret, struct err *e)
{
        CLEANUP(buf_done) struct buf leaf, more;

        buf_init(&leaf, X509_CERT_MAX);
        buf_init(&more, X509_CERT_MAX);
        int r = x509_pem_parse(chain_pem, 0, &leaf, e);
        if (r == 0)
                r = x509_pem_parse(chain_pem, 1, issuer_der, e);
        if (r == 0 && x509_pem_parse(chain_pem, 2, &more, NULL) != ERR_NOT_FOUND)
                r = err_set(e, ERR_INVALID, "more than a leaf and its issuer");
        if (r == 0)
                r = site_chain_check_issuer(buf_bytes(issuer_der), SITE_CA_NODES, root_der, e);
        return r < 0 ? r
                     : x509_node_read(buf_bytes(&leaf), buf_bytes(issuer_der), root_der, ret, e);
}

static int check_key(const struct sign_key *key, const struct x509_node *cert, struct err *e)
{
        uint8_t id[32];

        sign_key_id(key, id);
        return memcmp(id, cert->key, sizeof id) == 0
                       ? 0
                       : err_set(e, ERR_CORRUPT, "the key is not the certificate's");
}

static int check_uri(const struct node_identity *n, const struct x509_node *cert, struct err *e)
{
        char uri[SITE_CA_URI_ROOM], seen[SITE_CA_URI_ROOM];
        int r = site_ca_uri(n->site, n->role, n->name, uri, e);

        if (r == 0 && strcmp(uri, cert->uri) != 0)
                r = err_set(e, ERR_AUTH, "the certificate is for %s, this node is %s",
                        str_escape(seen, sizeof seen, bytes_str(cert->uri)), uri);
        return r;
}

static int check_root(const struct node_identity *n, struct err *e)
{
        char site[SITE_CA_NAME_MAX + 1];
        int r = site_chain_name(buf_bytes(&n->root_der), site, e);

        if (r == 0 && strcmp(site, n->site) != 0)
                r = err_set(e, ERR_AUTH, "the root is that of site %s, not of %s", site, n->site);
        return r;
}

/* Each role has a directory of its own, of its name. */
static int check_dir(const char *dir, const struct node_identity *n, struct err *e)
{
        size_t end = strlen(dir);

        while (end > 1 && dir[end - 1] == '/')
                end--;
        size_t from = end;
        while (from > 0 && dir[from - 1] != '/')
                from--;
        if (bytes_equal(BYTES(dir + from, end - from), bytes_str(n->role)))
                return 0;
        return err_set(e, ERR_CORRUPT,
                "%s is the directory of another role than %s, whose files lie in it", dir, n->role);
}

/* --- reading --- */

static int read_peers(const char *dir, struct node_identity *n, struct err *e)
{
        CLEANUP(own_freep) char *path = xasprintf("%s/peers.json", dir);
        CLEANUP(buf_done) struct buf json;

        buf_init(&json, NODE_PEERS_FILE_MAX);
        int r = file_read(path, NODE_PEERS_FILE_MAX, &json, e);
        if (r == ERR_NOT_FOUND)
                return err_set(e, r,
                        "%s: there is no node here. Fix: custos enroll, with a code of custos node "
                        "add on the manager's host.",
                        path);
        if (r < 0)
                return r;
        r = node_peers_parse(buf_bytes(&json), n, e);
        return r < 0 ? err_wrap(e, r, "%s", path) : check_dir(dir, n, e);
}

static int read_root(const char *dir, struct node_identity *n, struct err *e)
{
        CLEANUP(own_freep) char *path = xasprintf("%s/root.crt", dir);
        CLEANUP(buf_done) struct buf pem;

        buf_init(&pem, NODE_IDENTITY_ROOT_MAX);
        int r = file_read(path, NODE_IDENTITY_ROOT_MAX, &pem, e);
        if (r < 0)
                return r;
        r = x509_pem_parse(buf_bytes(&pem), 0, &n->root_der, e);
        if (r == 0)
                r = check_root(n, e);
        return r < 0 ? err_wrap(e, ERR_CORRUPT, "%s", path) : 0;
}

static int read_crls(const char *dir, struct node_identity *n, struct err *e)
{
        CLEANUP(own_freep) char *path = xasprintf("%s/nodes.crl", dir);
        int r = file_read(path, X509_PEM_MAX, &n->crls_pem, e);

        return r == ERR_NOT_FOUND ? 0 : r;
}

/* Key and certificate, where they belong together and are this node's. */
static int take_pair(void *owner, struct bytes key_pem, struct bytes chain_pem, struct err *e)
{
        CLEANUP(sign_key_freep) struct sign_key *key = NULL;
        struct node_identity *n = owner;
        struct x509_node cert = { 0 };

        buf_clear(&n->chain_pem);
        buf_clear(&n->issuer_der);
        int r = sign_key_parse(key_pem, &key, e);
        if (r == 0)
                r = buf_append(&n->chain_pem, chain_pem, e);
        if (r == 0)
                r = check_chain(chain_pem, buf_bytes(&n->root_der), &n->issuer_der, &cert, e);
        if (r == 0)
                r = check_key(key, &cert, e);
        if (r == 0)
                r = check_uri(n, &cert, e);
        if (r < 0)
                return ERR_CORRUPT;
        n->key = TAKE(key);
        n->not_before_us = cert.not_before_us;
        n->not_after_us = cert.not_after_us;
        return 0;
}

int node_identity_read(const char *dir, struct node_identity *ret, struct err *e)
{
        struct node_identity n;

        node_identity_init(&n);
        int r = read_peers(dir, &n, e);
        if (r == 0)
                r = read_root(dir, &n, e);
        if (r == 0)
                r = key_files_read(dir, NODE_IDENTITY_STEM, KEY_FILES_OWNER, take_pair, &n, e);
        if (r == 0)
                r = read_crls(dir, &n, e);
        if (r < 0) {
                node_identity_done(&n);
                return r;
        }
        *ret = n;
        return 0;
}

/* --- writing --- */

static int write_file(
        const char *dir, const char *name, struct bytes content, unsigned mode, struct err *e)
{
        CLEANUP(own_freep) char *path = xasprintf("%s/%s", dir, name);

        return file_write_atomic(path, content, mode, e);
}

/* What would be refused at the next start is never written. */
static int check_pair(const struct node_identity *n, const struct sign_key *key,
        struct bytes chain_pem, struct err *e)
{
        CLEANUP(buf_done) struct buf issuer;
        struct x509_node cert = { 0 };

        buf_init(&issuer, X509_CERT_MAX);
        int r = check_chain(chain_pem, buf_bytes(&n->root_der), &issuer, &cert, e);
        if (r == 0)
                r = check_key(key, &cert, e);
        return r < 0 ? r : check_uri(n, &cert, e);
}

int node_identity_write(
        const char *dir, const struct sign_key *key, struct bytes chain_pem, struct err *e)
{
        struct node_identity n;

        node_identity_init(&n);
        int r = read_peers(dir, &n, e);
        if (r == 0)
                r = read_root(dir, &n, e);
        if (r == 0)
                r = check_pair(&n, key, chain_pem, e);
        node_identity_done(&n);
        return r < 0 ? err_wrap(e, r, "the new certificate in %s", dir)
                     : key_files_write(dir, NODE_IDENTITY_STEM, KEY_FILES_OWNER, key, chain_pem, e);
}

int node_identity_write_crls(const char *dir, struct bytes crls_pem, struct err *e)
{
        if (crls_pem.n > X509_PEM_MAX)
                return err_set(e, ERR_EXHAUSTED,
                        "lists of what is revoked of %zu bytes, at most %d", crls_pem.n,
                        X509_PEM_MAX);
        return write_file(dir, "nodes.crl", crls_pem, 0644, e);
}

static int write_root(const char *dir, struct bytes der, struct err *e)
{
        CLEANUP(buf_done) struct buf pem;

        buf_init(&pem, NODE_IDENTITY_ROOT_MAX);
        int r = x509_pem_format(der, &pem, e);
        return r < 0 ? r : write_file(dir, "root.crt", buf_bytes(&pem), 0644, e);
}

/* peers.json is the last: where it is, the node is whole. */
static int write_all(
        const char *dir, const struct node_identity *n, struct bytes peers, struct err *e)
{
        CLEANUP(own_freep) char *above = xasprintf("%s/..", dir);
        CLEANUP(own_freep) char *state = xasprintf("%s/../..", dir);
        int r = write_root(dir, buf_bytes(&n->root_der), e);

        if (r == 0 && n->crls_pem.n)
                r = node_identity_write_crls(dir, buf_bytes(&n->crls_pem), e);
        if (r == 0)
                r = key_files_write_key(dir, NODE_IDENTITY_STEM, n->key, e);
        if (r == 0)
                r = write_file(dir, "node.pem", buf_bytes(&n->chain_pem), 0644, e);
        if (r == 0)
                r = file_sync_dir(above, e);
        if (r == 0)
                r = file_sync_dir(state, e);
        return r < 0 ? r : write_file(dir, "peers.json", peers, 0644, e);
}

int node_identity_create(const char *dir, const struct node_identity *n, struct err *e)
{
        CLEANUP(buf_done) struct buf peers;

        buf_init(&peers, NODE_PEERS_FILE_MAX);
        if (node_identity_exists(dir))
                return err_fault(e, ERR_STATE, FAULT_ALREADY_ENROLLED,
                        "%s holds a node already, and is not made another", dir);
        int r = check_dir(dir, n, e);
        if (r == 0)
                r = check_root(n, e);
        if (r == 0)
                r = check_pair(n, n->key, buf_bytes(&n->chain_pem), e);
        if (r == 0)
                r = node_peers_format(n, &peers, e);
        if (r == 0)
                r = file_make_dirs(dir, 0700, e);
        return r < 0 ? r : write_all(dir, n, buf_bytes(&peers), e);
}
