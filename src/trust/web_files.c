/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "trust/web_files.h"

#include <stdio.h>

#include "base/str.h"
#include "crypto/x509.h"
#include "os/file.h"
#include "trust/key_files.h"

#define WEB_FILES_ROOT_MAX 16384

char *web_files_dir(char to[static WEB_FILES_DIR_ROOM], const char *state)
{
        snprintf(to, WEB_FILES_DIR_ROOM, "%.4000s/gateway", state);
        return to;
}

static void web_files_init(struct web_files *w)
{
        *w = (struct web_files){ 0 };
        buf_init(&w->chain_pem, KEY_FILES_CHAIN_MAX);
        buf_init(&w->root_der, X509_CERT_MAX);
}

void web_files_done(struct web_files *w)
{
        w->key = server_key_free(w->key);
        buf_done(&w->chain_pem);
        buf_done(&w->root_der);
}

/* --- reading --- */

struct web_files_reader {
        struct web_files *files;
        int64_t now_us;
};

static int web_files_take(void *owner, struct bytes key_pem, struct bytes chain_pem, struct err *e)
{
        CLEANUP(server_key_freep) struct server_key *key = NULL;
        struct web_files_reader *reader = owner;
        struct web_files *w = reader->files;

        buf_clear(&w->chain_pem);
        int r = server_key_parse(key_pem, &key, e);
        if (r == 0)
                r = x509_web_read(chain_pem, key, reader->now_us, &w->cert, e);
        if (r == 0)
                r = buf_append(&w->chain_pem, chain_pem, e);
        if (r == 0)
                w->key = TAKE(key);
        return r;
}

/* In the midst of a change of the root the two differ for a moment. */
static void web_files_read_root(const char *dir, struct web_files *w)
{
        CLEANUP(own_freep) char *path = xasprintf("%s/root.crt", dir);
        CLEANUP(buf_done) struct buf pem, issuer;

        buf_init(&pem, WEB_FILES_ROOT_MAX);
        buf_init(&issuer, X509_CERT_MAX);
        if (file_read(path, WEB_FILES_ROOT_MAX, &pem, NULL) < 0 ||
                x509_pem_parse(buf_bytes(&pem), 0, &w->root_der, NULL) < 0 ||
                x509_pem_parse(buf_bytes(&w->chain_pem), 1, &issuer, NULL) < 0 ||
                x509_web_check_root(buf_bytes(&w->root_der), buf_bytes(&issuer), NULL) < 0)
                buf_clear(&w->root_der);
}

int web_files_read(const char *dir, int64_t now_us, struct web_files *ret, struct err *e)
{
        struct web_files w;
        struct web_files_reader reader = { &w, now_us };

        web_files_init(&w);
        int r = key_files_read(dir, WEB_FILES_STEM, KEY_FILES_GROUP, web_files_take, &reader, e);
        if (r < 0) {
                web_files_done(&w);
                return r;
        }
        web_files_read_root(dir, &w);
        *ret = w;
        return 0;
}

/* --- writing --- */

struct web_files_chain {
        struct bytes leaf, issuer, root;
};

static bool web_files_is_of(struct bytes cert, const struct sign_key *key)
{
        uint8_t ours[32], theirs[32];

        sign_key_id(key, ours);
        return x509_key_id(cert, theirs, NULL) == 0 && memcmp(ours, theirs, sizeof ours) == 0;
}

static struct bytes web_files_above(const struct bytes *certs, unsigned n, struct bytes below)
{
        for (unsigned i = 0; i < n; i++) {
                if (!bytes_equal(certs[i], below) &&
                        x509_check_issued_by(below, certs[i], NULL) == 0)
                        return certs[i];
        }
        return BYTES(NULL, 0);
}

static int web_files_order(const struct sign_key *key, const struct bytes *certs, unsigned n,
        struct web_files_chain *ret, struct err *e)
{
        struct web_files_chain c = { 0 };

        for (unsigned i = 0; i < n && !c.leaf.n; i++) {
                if (web_files_is_of(certs[i], key))
                        c.leaf = certs[i];
        }
        if (!c.leaf.n)
                return err_set(e, ERR_INVALID, "the answer holds no certificate for the new key");
        c.issuer = web_files_above(certs, n, c.leaf);
        c.root = c.issuer.n ? web_files_above(certs, n, c.issuer) : BYTES(NULL, 0);
        if (!c.root.n)
                return err_set(e, ERR_INVALID,
                        "the answer lacks the issuer or the root of the page's "
                        "certificate");
        *ret = c;
        return x509_web_check_root(c.root, c.issuer, e);
}

/* What would be refused when it is read is never written. */
static int web_files_check(
        const struct sign_key *key, struct bytes chain_pem, int64_t now_us, struct err *e)
{
        CLEANUP(server_key_freep) struct server_key *same = NULL;
        struct x509_web cert;
        struct buf pem;

        buf_init_full(&pem, SIGN_PEM_MAX);
        int r = sign_key_format(key, &pem, e);
        if (r == 0)
                r = server_key_parse(buf_bytes(&pem), &same, e);
        explicit_bzero(pem.p, pem.room);
        buf_done(&pem);
        return r < 0 ? r : x509_web_read(chain_pem, same, now_us, &cert, e);
}

static int web_files_write_root(const char *dir, struct bytes der, struct err *e)
{
        CLEANUP(own_freep) char *path = xasprintf("%s/root.crt", dir);
        CLEANUP(buf_done) struct buf pem;

        buf_init(&pem, WEB_FILES_ROOT_MAX);
        int r = x509_pem_format(der, &pem, e);
        return r < 0 ? r : file_write_atomic(path, buf_bytes(&pem), 0644, e);
}

int web_files_write(const char *dir, const struct sign_key *key, const struct bytes *certs,
        unsigned n, int64_t now_us, struct err *e)
{
        CLEANUP(buf_done) struct buf chain;
        struct web_files_chain c;

        buf_init(&chain, KEY_FILES_CHAIN_MAX);
        int r = web_files_order(key, certs, n, &c, e);
        if (r == 0)
                r = x509_pem_format(c.leaf, &chain, e);
        if (r == 0)
                r = x509_pem_format(c.issuer, &chain, e);
        if (r == 0)
                r = web_files_check(key, buf_bytes(&chain), now_us, e);
        if (r == 0)
                r = file_make_dirs(dir, 0700, e);
        if (r == 0)
                r = web_files_write_root(dir, c.root, e);
        return r < 0 ? r : key_files_write(dir, WEB_FILES_STEM, KEY_FILES_GROUP, key, buf_bytes(&chain), e);
}
