/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The page's certificate as the site makes it, in <state>/gateway: web.key and web.pem (leaf, web
 * issuer), a pair (key_files.h), and root.crt (PEM), which people install. Written by the gateway's
 * porter, read by the gateway. Blocking: at start, and from the pool.
 */
#ifndef CUSTOS_TRUST_WEB_FILES_H
#define CUSTOS_TRUST_WEB_FILES_H

#include "base/buf.h"
#include "base/err.h"
#include "crypto/server_key.h"
#include "crypto/sign.h"
#include "crypto/x509_web.h"

#define WEB_FILES_DIR_ROOM 4200
#define WEB_FILES_STEM "web"

struct web_files {
        struct server_key *key; /* owned */
        struct buf chain_pem;
        struct buf root_der; /* empty: there is none, or web.pem does not hang from it */
        struct x509_web cert;
};

/* Returns to: <state>/gateway. */
char *web_files_dir(char to[static WEB_FILES_DIR_ROOM], const char *state);
/* ERR_NOT_FOUND: there is none yet. One that has expired is ERR_INVALID with FAULT_EXPIRED. */
int web_files_read(const char *dir, int64_t now_us, struct web_files *ret, struct err *e) MUST_USE;
void web_files_done(struct web_files *w);

/*
 * What the manager answered to a request of `key`: all of it is checked (root, issuer, leaf for
 * that key, dates), and then written, the root first. certs: DER, in any order, at most three
 * count.
 */
int web_files_write(const char *dir, const struct sign_key *key, const struct bytes *certs,
        unsigned n, int64_t now_us, struct err *e) MUST_USE;

#endif
