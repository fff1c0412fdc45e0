/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the gateway shows to browsers: the certificate that the site made (web_files.h), or one of
 * the user's own in two files that the settings name. A look says when there is another one; one
 * that cannot be used changes nothing: the one before goes on, and the reason is told once.
 *
 * Of the user's own: PEM, the server's certificate and then each one's issuer; RSA of 2048 bits or
 * more, P-256 or P-384; the key not readable by others. The files may be links, as some ACME
 * clients make them, and are written by somebody else: two looks in a row have to find them the
 * same before they are judged. Where they cannot be used from the start, the site's own certificate
 * stands in.
 *
 * Files are opened by path at each look, so that renames are seen: the sandbox has to leave
 * web_identity_paths readable. Blocking, but small: stat(2) of five files at a look.
 */
#ifndef CUSTOS_TRUST_WEB_IDENTITY_H
#define CUSTOS_TRUST_WEB_IDENTITY_H

#include "base/buf.h"
#include "base/err.h"
#include "crypto/server_key.h"
#include "crypto/x509_web.h"
#include "trust/web_names.h"

#define WEB_IDENTITY_LOOK_MS 2000 /* between two looks */
#define WEB_IDENTITY_PATHS_MAX 5
#define WEB_IDENTITY_PATH_ROOM 4200

struct web_identity {
        bool own;               /* the user's */
        struct server_key *key; /* owned; for tls_server_config_new_with */
        struct buf chain_pem;
        struct buf root_der;          /* what people install; empty: there is nothing to install */
        uint8_t root_fingerprint[32]; /* SHA-256 of root_der, as devices show it */
        struct x509_web cert;
};
void web_identity_done(struct web_identity *w);
/* The names that the page is opened by, and its certificate does not have, as a line for people;
 * returns how many. */
unsigned web_identity_missing(
        const struct web_identity *w, const struct web_names *names, char *to, size_t room);

struct web_identity_source; /* owned */

/* certificate, key: paths of the user's own, both or neither (""). Opens nothing. */
int web_identity_source_new(const char *state, const char *certificate, const char *key,
        struct web_identity_source **ret, struct err *e) MUST_USE;
struct web_identity_source *web_identity_source_free(struct web_identity_source *s);
/* The directories whose files are read, those that exist, also behind links as they are now. */
unsigned web_identity_paths(const struct web_identity_source *s,
        char to[static WEB_IDENTITY_PATHS_MAX][WEB_IDENTITY_PATH_ROOM]);

/* What was refused is judged anew at the next look: by a clock that is right now, say. */
void web_identity_again(struct web_identity_source *s);

/*
 * 1: *ret is another one than before, and in force from now on; e is filled where the user's own
 * cannot be used and the site's stands in (else e->code is 0). 0: nothing new. Negative: something
 * changed and cannot be used, nothing else is in force; told once until it changes again.
 * ERR_NOT_FOUND: the site's is not there yet. e is needed.
 */
int web_identity_look(struct web_identity_source *s, int64_t now_us, struct web_identity *ret,
        struct err *e) MUST_USE;

#endif
