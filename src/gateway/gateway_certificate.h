/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The certificate that browsers see (trust/web_identity.h): looked for at the start, then every
 * WEB_IDENTITY_LOOK_MS (sooner while there is none); what it says of itself is the body of
 * web.certificate (docs/spec/link.md section 7).
 */
#ifndef CUSTOS_GATEWAY_GATEWAY_CERTIFICATE_H
#define CUSTOS_GATEWAY_GATEWAY_CERTIFICATE_H

#include <jansson.h>

#include "base/settings.h"
#include "crypto/tls.h"
#include "os/loop.h"
#include "trust/web_identity.h"

struct gateway_certificate; /* owned */

struct gateway_certificate_events {
        /* Connections of now on show this one; borrowed until the next. */
        void (*on_config)(void *owner, struct tls_server_config *config);
        void (*on_shown)(void *owner); /* gateway_certificate_shown says something else */
};

/* Reads the first one, where there is one: the gateway of another host gets its first by its
 * porter. ERR_INVALID: the settings. */
int gateway_certificate_open(const char *state, const struct settings *settings,
        struct gateway_certificate **ret, struct err *e) MUST_USE;
struct gateway_certificate *gateway_certificate_free(struct gateway_certificate *c);
unsigned gateway_certificate_paths(const struct gateway_certificate *c,
        char to[static WEB_IDENTITY_PATHS_MAX][WEB_IDENTITY_PATH_ROOM]);
/* events and owner are borrowed. */
void gateway_certificate_watch(struct gateway_certificate *c, struct loop *l,
        const struct gateway_certificate_events *events, void *owner);
/* Both borrowed, until the next change. NULL: there is none yet. */
struct tls_server_config *gateway_certificate_config(const struct gateway_certificate *c);
/* What people install, DER; empty where there is nothing to install. */
const struct buf *gateway_certificate_root(const struct gateway_certificate *c);
/* The caller's; of one that is there. */
json_t *gateway_certificate_shown(const struct gateway_certificate *c);

#endif
